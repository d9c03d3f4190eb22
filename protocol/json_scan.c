#include "protocol/json_scan.h"

/* ---- Characters ------------------------------------------------------------------------------ */

size_t rp_utf8_length(const uint8_t *at, const uint8_t *end)
{
    uint8_t first = at[0];
    if (first < 0x80) {
        return 1;
    }
    size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (first < 0xC2 || first > 0xF4 || (size_t)(end - at) < length) {
        return 0;
    }
    /* Overlong forms, surrogates and code points above U+10FFFF show in the second byte. */
    uint8_t low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    uint8_t high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (at[1] < low || at[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((at[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return length;
}

static bool utf8_is_valid(struct rp_view text)
{
    const uint8_t *at = text.bytes;
    const uint8_t *end = text.bytes + text.length_bytes;
    while (at < end) {
        size_t length = rp_utf8_length(at, end);
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

static int hex_value(uint8_t digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    uint8_t lower = digit | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The four hex digits at `at`, -1 when they are not four. */
static int32_t hex_four(const uint8_t *at, const uint8_t *end)
{
    if (end - at < 4) {
        return -1;
    }
    int32_t code = 0;
    for (size_t i = 0; i < 4; i++) {
        int value = hex_value(at[i]);
        if (value < 0) {
            return -1;
        }
        code = code * 16 + value;
    }
    return code;
}

/* ---- Strings --------------------------------------------------------------------------------- */

/* Eight bytes at a time while none is a quote, a backslash, a control byte or non-ASCII. */
static const uint8_t *skip_plain(const uint8_t *at, const uint8_t *end)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        uint64_t stop = (word - ones * 0x20) | ((word ^ ones * '"') - ones) |
                        ((word ^ ones * '\\') - ones) | word;
        if ((stop & ones * 0x80) != 0) {
            return at;
        }
        at += 8;
    }
    return at;
}

static int skip_escape(struct rp_json_reader *reader)
{
    reader->at += 1;
    uint8_t letter = rp_json_peek(reader);
    if (letter == 'u') {
        if (hex_four(reader->at + 1, reader->end) < 0) {
            return RP_ERR_SYNTAX;
        }
        reader->at += 5;
        return RP_OK;
    }
    if (letter == 0 || strchr("\"\\/bfnrt", letter) == NULL) {
        return RP_ERR_SYNTAX;
    }
    reader->at += 1;
    return RP_OK;
}

int rp_json_scan_string(struct rp_json_reader *reader, struct rp_json_scanned *out)
{
    if (rp_json_peek(reader) != '"') {
        return RP_ERR_SYNTAX;
    }
    reader->at += 1;
    const uint8_t *start = reader->at;
    *out = (struct rp_json_scanned){.raw = {NULL, 0}};
    for (;;) {
        reader->at = skip_plain(reader->at, reader->end);
        uint8_t byte = rp_json_peek(reader);
        if (byte == '"') {
            break;
        }
        if (byte < 0x20) {
            return RP_ERR_SYNTAX; /* a raw control byte, or the end */
        }
        if (byte == '\\') {
            out->has_escape = true;
            int error = skip_escape(reader);
            if (error != RP_OK) {
                return error;
            }
            continue;
        }
        out->has_high |= byte >= 0x80;
        reader->at += 1;
    }
    out->raw = rp_view_make(start, (size_t)(reader->at - start));
    reader->at += 1;
    return RP_OK;
}

static uint8_t *put_code_point(uint8_t *out, uint32_t code)
{
    if (code < 0x80) {
        *out++ = (uint8_t)code;
        return out;
    }
    if (code < 0x800) {
        *out++ = (uint8_t)(0xC0 | code >> 6);
    } else {
        if (code < 0x10000) {
            *out++ = (uint8_t)(0xE0 | code >> 12);
        } else {
            *out++ = (uint8_t)(0xF0 | code >> 18);
            *out++ = (uint8_t)(0x80 | (code >> 12 & 0x3F));
        }
        *out++ = (uint8_t)(0x80 | (code >> 6 & 0x3F));
    }
    *out++ = (uint8_t)(0x80 | (code & 0x3F));
    return out;
}

/* `at` is at the first hex digit of a checked escape; gives the code point and moves on. A lone
 * surrogate turns into U+FFFD and does not swallow what follows (wire.md 4.4). */
static uint32_t take_unicode(const uint8_t **at, const uint8_t *end)
{
    uint32_t code = (uint32_t)hex_four(*at, end);
    *at += 4;
    if (code < 0xD800 || code > 0xDFFF) {
        return code;
    }
    bool has_next = end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u';
    uint32_t next = has_next ? (uint32_t)hex_four(*at + 2, end) : 0;
    if (code > 0xDBFF || next < 0xDC00 || next > 0xDFFF) {
        return 0xFFFD;
    }
    *at += 6;
    return 0x10000 + ((code - 0xD800) << 10) + (next - 0xDC00);
}

static uint32_t simple_escape(uint8_t letter)
{
    switch (letter) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return letter;
    }
}

/* `out` has room for unescaped_bytes_max(raw). */
size_t rp_json_unescape(struct rp_view raw, uint8_t *out)
{
    const uint8_t *start = out;
    const uint8_t *at = raw.bytes;
    const uint8_t *end = raw.bytes + raw.length_bytes;
    while (at < end) {
        if (*at == '\\') {
            uint8_t letter = at[1];
            at += 2;
            out =
                put_code_point(out, letter == 'u' ? take_unicode(&at, end) : simple_escape(letter));
            continue;
        }
        size_t length = rp_utf8_length(at, end);
        if (length == 0) {
            out = put_code_point(out, 0xFFFD); /* one for each bad byte */
            at += 1;
            continue;
        }
        memcpy(out, at, length);
        out += length;
        at += length;
    }
    return (size_t)(out - start);
}

/* Escapes only shrink; a bad byte becomes three. */
static size_t unescaped_bytes_max(struct rp_view raw)
{
    size_t high_count = 0;
    for (size_t i = 0; i < raw.length_bytes; i++) {
        high_count += raw.bytes[i] >= 0x80;
    }
    return raw.length_bytes + 2 * high_count;
}

/* Borrowed from the document when it stands there as it is meant. */
int rp_json_decode_text(struct rp_arena *arena, const struct rp_json_scanned *text,
                        struct rp_view *out)
{
    if (!text->has_escape && (!text->has_high || utf8_is_valid(text->raw))) {
        *out = text->raw;
        return RP_OK;
    }
    uint8_t *bytes = rp_arena_allocate(arena, unescaped_bytes_max(text->raw));
    if (bytes == NULL) {
        return RP_ERR_NOMEM;
    }
    *out = rp_view_make(bytes, rp_json_unescape(text->raw, bytes));
    return RP_OK;
}

/* ---- Numbers and literals -------------------------------------------------------------------- */

static bool skip_digits(struct rp_json_reader *reader)
{
    const uint8_t *start = reader->at;
    while (rp_json_is_digit(rp_json_peek(reader))) {
        reader->at += 1;
    }
    return reader->at > start;
}

int rp_json_scan_number(struct rp_json_reader *reader, struct rp_view *raw_out)
{
    const uint8_t *start = reader->at;
    reader->at += rp_json_peek(reader) == '-';
    if (rp_json_peek(reader) == '0') {
        reader->at += 1;
    } else if (!skip_digits(reader)) {
        return RP_ERR_SYNTAX;
    }
    if (rp_json_peek(reader) == '.') {
        reader->at += 1;
        if (!skip_digits(reader)) {
            return RP_ERR_SYNTAX;
        }
    }
    if (rp_json_peek(reader) == 'e' || rp_json_peek(reader) == 'E') {
        reader->at += 1;
        reader->at += rp_json_peek(reader) == '+' || rp_json_peek(reader) == '-';
        if (!skip_digits(reader)) {
            return RP_ERR_SYNTAX;
        }
    }
    *raw_out = rp_view_make(start, (size_t)(reader->at - start));
    return RP_OK;
}

int rp_json_scan_literal(struct rp_json_reader *reader, const char *literal)
{
    size_t length = strlen(literal);
    if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, literal, length) != 0) {
        return RP_ERR_SYNTAX;
    }
    reader->at += length;
    return RP_OK;
}

/* ---- Values that nobody asked for ------------------------------------------------------------ */

static int scan_scalar(struct rp_json_reader *reader)
{
    struct rp_json_scanned text;
    struct rp_view number;
    switch (rp_json_peek(reader)) {
    case '"': return rp_json_scan_string(reader, &text);
    case 't': return rp_json_scan_literal(reader, "true");
    case 'f': return rp_json_scan_literal(reader, "false");
    case 'n': return rp_json_scan_literal(reader, "null");
    default: return rp_json_scan_number(reader, &number);
    }
}

int rp_json_scan_key(struct rp_json_reader *reader, struct rp_json_scanned *key_out)
{
    rp_json_skip_space(reader);
    int error = rp_json_scan_string(reader, key_out);
    if (error != RP_OK) {
        return error;
    }
    return rp_json_take(reader, ':') ? RP_OK : RP_ERR_SYNTAX;
}

/* One bit a level tells objects from arrays, so depth costs no recursion. */
struct nesting {
    uint8_t is_object[RP_JSON_DEPTH_MAX / 8 + 1];
};

static void nesting_set(struct nesting *nesting, size_t depth, bool is_object)
{
    uint8_t bit = (uint8_t)(1u << depth % 8);
    uint8_t *byte = &nesting->is_object[depth / 8];
    *byte = (uint8_t)(is_object ? *byte | bit : *byte & ~bit);
}

static bool nesting_get(const struct nesting *nesting, size_t depth)
{
    return (nesting->is_object[depth / 8] >> depth % 8 & 1) != 0;
}

/* Opens brackets until a scalar or an empty pair of brackets was read. */
static int skip_down(struct rp_json_reader *reader, struct nesting *nesting)
{
    for (;;) {
        rp_json_skip_space(reader);
        uint8_t byte = rp_json_peek(reader);
        if (byte != '{' && byte != '[') {
            return scan_scalar(reader);
        }
        bool is_object = byte == '{';
        int error = rp_json_enter(reader);
        if (error != RP_OK) {
            return error;
        }
        nesting_set(nesting, reader->depth, is_object);
        if (rp_json_take(reader, is_object ? '}' : ']')) {
            reader->depth -= 1;
            return RP_OK;
        }
        struct rp_json_scanned key;
        if (is_object && (error = rp_json_scan_key(reader, &key)) != RP_OK) {
            return error;
        }
    }
}

/* Closes brackets down to `base` or up to the next comma; `is_done_out` tells which. */
static int skip_up(struct rp_json_reader *reader, const struct nesting *nesting, size_t base,
                   bool *is_done_out)
{
    while (reader->depth > base) {
        bool is_object = nesting_get(nesting, reader->depth);
        if (rp_json_take(reader, ',')) {
            struct rp_json_scanned key;
            *is_done_out = false;
            return is_object ? rp_json_scan_key(reader, &key) : RP_OK;
        }
        if (!rp_json_take(reader, is_object ? '}' : ']')) {
            return RP_ERR_SYNTAX;
        }
        reader->depth -= 1;
    }
    *is_done_out = true;
    return RP_OK;
}

int rp_json_skip_value(struct rp_json_reader *reader)
{
    rp_json_skip_space(reader);
    uint8_t byte = rp_json_peek(reader);
    if (byte != '{' && byte != '[') {
        return scan_scalar(reader);
    }
    struct nesting nesting; /* bits are set before they are read */
    size_t base = reader->depth;
    bool is_done = false;
    while (!is_done) {
        int error = skip_down(reader, &nesting);
        if (error == RP_OK) {
            error = skip_up(reader, &nesting, base, &is_done);
        }
        if (error != RP_OK) {
            return error;
        }
    }
    return RP_OK;
}
