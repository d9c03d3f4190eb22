#include "protocol/json.h"

#include "protocol/error.h"
#include "protocol/limits.h"

/* A string as it stands between its quotes. */
struct scanned {
    struct rp_view raw;
    bool has_escape;
    bool has_high; /* bytes of 0x80 and above: UTF-8, or not */
};

/* Functions below return 0 or what ends the reading at once: RP_ERR_SYNTAX, RP_ERR_NOMEM. What is
 * wrong with a well-formed value waits in `value_error` until the document's last byte was seen
 * (wire.md 4.1). */
struct reader {
    const uint8_t *at;
    const uint8_t *end;
    size_t depth;
    int value_error;
    uint32_t features;
    struct rp_arena *arena;
};

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

static void skip_space(struct reader *reader)
{
    while (reader->at < reader->end) {
        uint8_t byte = *reader->at;
        if (byte != ' ' && byte != '\t' && byte != '\n' && byte != '\r') {
            return;
        }
        reader->at += 1;
    }
}

/* The byte at hand, 0 at the end: no value and no punctuation of JSON begins with 0. */
static uint8_t peek(const struct reader *reader)
{
    return reader->at < reader->end ? *reader->at : 0;
}

static bool take(struct reader *reader, uint8_t byte)
{
    skip_space(reader);
    if (peek(reader) != byte) {
        return false;
    }
    reader->at += 1;
    return true;
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

static int skip_escape(struct reader *reader)
{
    reader->at += 1;
    uint8_t letter = peek(reader);
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

static int scan_string(struct reader *reader, struct scanned *out)
{
    if (peek(reader) != '"') {
        return RP_ERR_SYNTAX;
    }
    reader->at += 1;
    const uint8_t *start = reader->at;
    *out = (struct scanned){.raw = {NULL, 0}};
    for (;;) {
        reader->at = skip_plain(reader->at, reader->end);
        uint8_t byte = peek(reader);
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
 * surrogate becomes U+FFFD, and the escape after it is read on its own (wire.md 4.4). */
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
static size_t unescape(struct rp_view raw, uint8_t *out)
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
static int decode_text(struct rp_arena *arena, const struct scanned *text, struct rp_view *out)
{
    if (!text->has_escape && (!text->has_high || utf8_is_valid(text->raw))) {
        *out = text->raw;
        return RP_OK;
    }
    uint8_t *bytes = rp_arena_allocate(arena, unescaped_bytes_max(text->raw));
    if (bytes == NULL) {
        return RP_ERR_NOMEM;
    }
    *out = rp_view_make(bytes, unescape(text->raw, bytes));
    return RP_OK;
}

/* ---- Numbers and literals -------------------------------------------------------------------- */

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool skip_digits(struct reader *reader)
{
    const uint8_t *start = reader->at;
    while (is_digit(peek(reader))) {
        reader->at += 1;
    }
    return reader->at > start;
}

static int scan_number(struct reader *reader, struct rp_view *raw_out)
{
    const uint8_t *start = reader->at;
    reader->at += peek(reader) == '-';
    if (peek(reader) == '0') {
        reader->at += 1;
    } else if (!skip_digits(reader)) {
        return RP_ERR_SYNTAX;
    }
    if (peek(reader) == '.') {
        reader->at += 1;
        if (!skip_digits(reader)) {
            return RP_ERR_SYNTAX;
        }
    }
    if (peek(reader) == 'e' || peek(reader) == 'E') {
        reader->at += 1;
        reader->at += peek(reader) == '+' || peek(reader) == '-';
        if (!skip_digits(reader)) {
            return RP_ERR_SYNTAX;
        }
    }
    *raw_out = rp_view_make(start, (size_t)(reader->at - start));
    return RP_OK;
}

static int scan_literal(struct reader *reader, const char *literal)
{
    size_t length = strlen(literal);
    if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, literal, length) != 0) {
        return RP_ERR_SYNTAX;
    }
    reader->at += length;
    return RP_OK;
}

/* Plain digits up to 2^64-1; anything with a dot or an exponent is no integer (wire.md 4.3). */
static bool parse_digits(struct rp_view digits, uint64_t *value_out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits.length_bytes; i++) {
        if (!is_digit(digits.bytes[i])) {
            return false;
        }
        uint64_t digit = (uint64_t)(digits.bytes[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *value_out = value;
    return true;
}

static bool parse_int(struct rp_view raw, int64_t *value_out)
{
    bool is_negative = raw.bytes[0] == '-';
    struct rp_view digits = rp_view_make(raw.bytes + is_negative, raw.length_bytes - is_negative);
    uint64_t magnitude;
    if (!parse_digits(digits, &magnitude) ||
        magnitude > (uint64_t)INT64_MAX + (uint64_t)is_negative) {
        return false;
    }
    if (!is_negative) {
        *value_out = (int64_t)magnitude;
    } else {
        *value_out = magnitude == 0 ? 0 : -(int64_t)(magnitude - 1) - 1;
    }
    return true;
}

/* ---- Values that nobody asked for ------------------------------------------------------------ */

static int scan_scalar(struct reader *reader)
{
    struct scanned text;
    struct rp_view number;
    switch (peek(reader)) {
    case '"': return scan_string(reader, &text);
    case 't': return scan_literal(reader, "true");
    case 'f': return scan_literal(reader, "false");
    case 'n': return scan_literal(reader, "null");
    default: return scan_number(reader, &number);
    }
}

static int scan_key(struct reader *reader, struct scanned *key_out)
{
    skip_space(reader);
    int error = scan_string(reader, key_out);
    if (error != RP_OK) {
        return error;
    }
    return take(reader, ':') ? RP_OK : RP_ERR_SYNTAX;
}

static int enter(struct reader *reader)
{
    reader->at += 1;
    reader->depth += 1;
    return reader->depth > RP_JSON_DEPTH_MAX ? RP_ERR_SYNTAX : RP_OK;
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
static int skip_down(struct reader *reader, struct nesting *nesting)
{
    for (;;) {
        skip_space(reader);
        uint8_t byte = peek(reader);
        if (byte != '{' && byte != '[') {
            return scan_scalar(reader);
        }
        bool is_object = byte == '{';
        int error = enter(reader);
        if (error != RP_OK) {
            return error;
        }
        nesting_set(nesting, reader->depth, is_object);
        if (take(reader, is_object ? '}' : ']')) {
            reader->depth -= 1;
            return RP_OK;
        }
        struct scanned key;
        if (is_object && (error = scan_key(reader, &key)) != RP_OK) {
            return error;
        }
    }
}

/* Closes brackets down to `base` or up to the next comma; `is_done_out` tells which. */
static int skip_up(struct reader *reader, const struct nesting *nesting, size_t base,
                   bool *is_done_out)
{
    while (reader->depth > base) {
        bool is_object = nesting_get(nesting, reader->depth);
        if (take(reader, ',')) {
            struct scanned key;
            *is_done_out = false;
            return is_object ? scan_key(reader, &key) : RP_OK;
        }
        if (!take(reader, is_object ? '}' : ']')) {
            return RP_ERR_SYNTAX;
        }
        reader->depth -= 1;
    }
    *is_done_out = true;
    return RP_OK;
}

static int skip_value(struct reader *reader)
{
    skip_space(reader);
    uint8_t byte = peek(reader);
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

/* The reference gives up at a bad time at once, but collects the first of the others. */
static void refuse(struct reader *reader, int error)
{
    if (reader->value_error == RP_OK || error == RP_ERR_TIME) {
        reader->value_error = error;
    }
}

static int refuse_value(struct reader *reader, int error)
{
    refuse(reader, error);
    return skip_value(reader);
}

/* ---- Keys ------------------------------------------------------------------------------------ */

/* A name longer than this, as written, is none of ours: each letter may be a six-byte escape. */
#define KEY_RAW_BYTES_MAX 256

/* One letter of the key in lower case; U+017F and U+212A fold to `s` and `k` (wire.md 4.1). */
static uint8_t fold_letter(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *key = *at;
    if (end - key >= 2 && key[0] == 0xC5 && key[1] == 0xBF) {
        *at += 2;
        return 's';
    }
    if (end - key >= 3 && key[0] == 0xE2 && key[1] == 0x84 && key[2] == 0xAA) {
        *at += 3;
        return 'k';
    }
    *at += 1;
    return key[0] >= 'A' && key[0] <= 'Z' ? (uint8_t)(key[0] | 0x20) : key[0];
}

static bool key_folds_to(struct rp_view key, struct rp_view name)
{
    const uint8_t *at = key.bytes;
    const uint8_t *end = key.bytes + key.length_bytes;
    size_t index = 0;
    while (at < end && index < name.length_bytes) {
        if (fold_letter(&at, end) != name.bytes[index]) {
            return false;
        }
        index += 1;
    }
    return at == end && index == name.length_bytes;
}

static struct rp_view field_name(const struct rp_json_field *field)
{
    return rp_view_make(field->prefix + 2, (size_t)field->prefix_length - 4);
}

/* Honest peers write keys in our order: looking on from `*hint` finds them at the first try. */
static const struct rp_json_field *match_key(const struct reader *reader,
                                             const struct rp_json_shape *shape, struct rp_view key,
                                             size_t *hint)
{
    for (size_t tried = 0; tried < shape->field_count; tried++) {
        size_t index = *hint < shape->field_count ? *hint : 0;
        const struct rp_json_field *field = &shape->fields[index];
        *hint = index + 1;
        if (rp_view_equal(field_name(field), key) && (field->needs & ~reader->features) == 0) {
            return field;
        }
    }
    for (size_t index = 0; index < shape->field_count; index++) {
        const struct rp_json_field *field = &shape->fields[index];
        if (key_folds_to(key, field_name(field)) && (field->needs & ~reader->features) == 0) {
            return field;
        }
    }
    return NULL;
}

static const struct rp_json_field *find_field(const struct reader *reader,
                                              const struct rp_json_shape *shape,
                                              const struct scanned *key, size_t *hint)
{
    if (!key->has_escape) {
        return match_key(reader, shape, key->raw, hint);
    }
    if (key->raw.length_bytes > KEY_RAW_BYTES_MAX) {
        return NULL;
    }
    uint8_t bytes[KEY_RAW_BYTES_MAX * 3];
    size_t length_bytes = unescape(key->raw, bytes);
    return match_key(reader, shape, rp_view_make(bytes, length_bytes), hint);
}

/* ---- Values of a known kind ------------------------------------------------------------------ */

static int decode_members(struct reader *reader, const struct rp_json_shape *shape, void *target);

static void *member_at(void *target, size_t offset)
{
    return (uint8_t *)target + offset;
}

static void zero_struct(const struct rp_json_shape *shape, void *target)
{
    memset(target, 0, shape->struct_bytes);
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct rp_json_field *field = &shape->fields[i];
        if (field->kind == RP_JSON_TIME) {
            struct rp_wall_time *time = member_at(target, field->offset);
            time->unix_s = RP_TIME_ZERO_UNIX_S;
        } else if (field->kind == RP_JSON_OBJECT) {
            zero_struct(field->shape, member_at(target, field->offset));
        }
    }
}

static int read_text(struct reader *reader, struct rp_view *out)
{
    if (peek(reader) != '"') {
        return refuse_value(reader, RP_ERR_TYPE);
    }
    struct scanned text;
    int error = scan_string(reader, &text);
    return error == RP_OK ? decode_text(reader->arena, &text, out) : error;
}

/* `*raw_out` is empty when the value was no number (and has been refused). */
static int read_number(struct reader *reader, struct rp_view *raw_out)
{
    *raw_out = rp_view_make(NULL, 0);
    if (!is_digit(peek(reader)) && peek(reader) != '-') {
        return refuse_value(reader, RP_ERR_TYPE);
    }
    return scan_number(reader, raw_out);
}

static int read_int(struct reader *reader, int64_t *out)
{
    struct rp_view raw;
    int error = read_number(reader, &raw);
    if (error == RP_OK && raw.length_bytes != 0 && !parse_int(raw, out)) {
        refuse(reader, RP_ERR_TYPE);
    }
    return error;
}

static int read_uint(struct reader *reader, uint64_t max, uint64_t *out)
{
    struct rp_view raw;
    int error = read_number(reader, &raw);
    if (error != RP_OK || raw.length_bytes == 0) {
        return error;
    }
    uint64_t value;
    if (parse_digits(raw, &value) && value <= max) {
        *out = value;
    } else {
        refuse(reader, RP_ERR_TYPE);
    }
    return RP_OK;
}

static int read_uint8(struct reader *reader, uint8_t *out)
{
    uint64_t value = *out;
    int error = read_uint(reader, UINT8_MAX, &value);
    *out = (uint8_t)value;
    return error;
}

static int read_bool(struct reader *reader, bool *out)
{
    uint8_t byte = peek(reader);
    if (byte != 't' && byte != 'f') {
        return refuse_value(reader, RP_ERR_TYPE);
    }
    *out = byte == 't';
    return scan_literal(reader, byte == 't' ? "true" : "false");
}

/* wire.md 4.6: the raw text is what counts, and no other kind of value is a time. */
static int read_time(struct reader *reader, struct rp_wall_time *out)
{
    if (peek(reader) != '"') {
        return refuse_value(reader, RP_ERR_TIME);
    }
    struct scanned text;
    int error = scan_string(reader, &text);
    if (error == RP_OK && rp_wall_time_parse(text.raw, out) != RP_OK) {
        refuse(reader, RP_ERR_TIME);
    }
    return error;
}

static int read_raw(struct reader *reader, struct rp_view *out)
{
    const uint8_t *start = reader->at;
    int error = skip_value(reader);
    *out = rp_view_make(start, (size_t)(reader->at - start));
    return error;
}

/* Elements of the array at hand, which is not consumed. So its memory is known beforehand. */
static int count_elements(const struct reader *reader, size_t *count_out)
{
    struct reader ahead = *reader;
    *count_out = 0;
    int error = enter(&ahead);
    if (error != RP_OK || take(&ahead, ']')) {
        return error;
    }
    do {
        *count_out += 1;
        error = skip_value(&ahead);
        if (error != RP_OK) {
            return error;
        }
    } while (take(&ahead, ','));
    return take(&ahead, ']') ? RP_OK : RP_ERR_SYNTAX;
}

/* Between elements of a counted, so well-formed, array. */
static void next_element(struct reader *reader)
{
    (void)take(reader, ',');
    skip_space(reader);
}

static void leave_array(struct reader *reader)
{
    (void)take(reader, ']');
    reader->depth -= 1;
}

/* wire.md 4.7: an array of 0..255. A null keeps what an earlier array had there. */
static int read_byte_array(struct reader *reader, struct rp_bytes *out)
{
    size_t count;
    int error = count_elements(reader, &count);
    if (error != RP_OK) {
        return error;
    }
    uint8_t *bytes = rp_arena_allocate(reader->arena, count);
    if (bytes == NULL) {
        return RP_ERR_NOMEM;
    }
    error = enter(reader);
    for (size_t i = 0; i < count && error == RP_OK; i++) {
        next_element(reader);
        bytes[i] = i < out->view.length_bytes ? out->view.bytes[i] : 0;
        error = peek(reader) == 'n' ? scan_literal(reader, "null") : read_uint8(reader, &bytes[i]);
    }
    leave_array(reader);
    *out = (struct rp_bytes){.view = rp_view_make(bytes, count), .is_present = true};
    return error;
}

static int read_bytes(struct reader *reader, struct rp_bytes *out)
{
    if (peek(reader) == '[') {
        return read_byte_array(reader, out);
    }
    struct rp_view text = rp_view_make(NULL, 0);
    bool is_text = peek(reader) == '"';
    int error = read_text(reader, &text);
    if (error != RP_OK || !is_text) {
        return error;
    }
    struct rp_view bytes;
    error = rp_base64_decode(text, reader->arena, &bytes);
    if (error == RP_ERR_BASE64) {
        refuse(reader, error);
        return RP_OK;
    }
    *out = (struct rp_bytes){.view = bytes, .is_present = true};
    return error;
}

static int read_object(struct reader *reader, const struct rp_json_shape *shape, void *target)
{
    uint8_t byte = peek(reader);
    if (byte == 'n') {
        return scan_literal(reader, "null");
    }
    return byte == '{' ? decode_members(reader, shape, target) : refuse_value(reader, RP_ERR_TYPE);
}

/* Room for `count` structs. Elements of an earlier array under the same key keep their values until
 * they are overwritten, as in the reference (wire.md 4.1, duplicate keys). */
static int grow_items(struct reader *reader, const struct rp_json_shape *shape, void **items,
                      size_t old_count, size_t count)
{
    if (count <= old_count) {
        return RP_OK;
    }
    uint8_t *grown = rp_arena_allocate(reader->arena, count * shape->struct_bytes);
    if (grown == NULL) {
        return RP_ERR_NOMEM;
    }
    if (old_count != 0) {
        memcpy(grown, *items, old_count * shape->struct_bytes);
    }
    for (size_t i = old_count; i < count; i++) {
        zero_struct(shape, grown + i * shape->struct_bytes);
    }
    *items = grown;
    return RP_OK;
}

static int read_list(struct reader *reader, const struct rp_json_field *field, void *target)
{
    if (peek(reader) != '[') {
        return refuse_value(reader, RP_ERR_TYPE);
    }
    size_t count;
    int error = count_elements(reader, &count);
    if (error != RP_OK) {
        return error;
    }
    if (field->item_count_max != 0 && count > field->item_count_max) {
        return refuse_value(reader, RP_ERR_TYPE);
    }
    void *items;
    void *items_member = member_at(target, field->offset);
    size_t *count_member = member_at(target, field->count_offset);
    bool *present_member = member_at(target, field->present_offset);
    memcpy(&items, items_member, sizeof items);
    error = grow_items(reader, field->shape, &items, *count_member, count);
    if (error != RP_OK) {
        return error;
    }
    memcpy(items_member, &items, sizeof items);
    *count_member = count;
    *present_member = true;
    error = enter(reader);
    for (size_t i = 0; i < count && error == RP_OK; i++) {
        next_element(reader);
        error =
            read_object(reader, field->shape, (uint8_t *)items + i * field->shape->struct_bytes);
    }
    leave_array(reader);
    return error;
}

/* wire.md 4.1: null leaves scalars and objects as they are, makes bytes and arrays absent. */
static int read_null(struct reader *reader, const struct rp_json_field *field, void *target)
{
    if (field->kind == RP_JSON_BYTES) {
        memset(member_at(target, field->offset), 0, sizeof(struct rp_bytes));
    } else if (field->kind == RP_JSON_LIST) {
        memset(member_at(target, field->offset), 0, sizeof(void *));
        memset(member_at(target, field->count_offset), 0, sizeof(size_t));
        memset(member_at(target, field->present_offset), 0, sizeof(bool));
    }
    return scan_literal(reader, "null");
}

static int read_member(struct reader *reader, const struct rp_json_field *field, void *target)
{
    skip_space(reader);
    void *member = member_at(target, field->offset);
    if (peek(reader) == 'n' && field->kind != RP_JSON_RAW) {
        return read_null(reader, field, target);
    }
    switch ((enum rp_json_kind)field->kind) {
    case RP_JSON_TEXT: return read_text(reader, member);
    case RP_JSON_INT: return read_int(reader, member);
    case RP_JSON_UINT: return read_uint(reader, UINT64_MAX, member);
    case RP_JSON_UINT8: return read_uint8(reader, member);
    case RP_JSON_BOOL: return read_bool(reader, member);
    case RP_JSON_BYTES: return read_bytes(reader, member);
    case RP_JSON_TIME: return read_time(reader, member);
    case RP_JSON_RAW: return read_raw(reader, member);
    case RP_JSON_OBJECT: return read_object(reader, field->shape, member);
    case RP_JSON_LIST: return read_list(reader, field, target);
    }
    return RP_ERR_INVALID;
}

/* At the opening brace. Recurses only as deep as shapes nest in each other. */
static int decode_members(struct reader *reader, const struct rp_json_shape *shape, void *target)
{
    size_t hint = 0;
    int error = enter(reader);
    if (error != RP_OK) {
        return error;
    }
    if (!take(reader, '}')) {
        do {
            struct scanned key;
            error = scan_key(reader, &key);
            if (error != RP_OK) {
                return error;
            }
            const struct rp_json_field *field = find_field(reader, shape, &key, &hint);
            error = field == NULL ? skip_value(reader) : read_member(reader, field, target);
            if (error != RP_OK) {
                return error;
            }
        } while (take(reader, ','));
        if (!take(reader, '}')) {
            return RP_ERR_SYNTAX;
        }
    }
    reader->depth -= 1;
    return RP_OK;
}

/* ---- Documents ------------------------------------------------------------------------------- */

static struct reader reader_of(struct rp_view json, struct rp_arena *arena, uint32_t features)
{
    /* An empty document has no bytes to point into. */
    static const uint8_t nothing[1];
    const uint8_t *start = json.length_bytes == 0 ? nothing : json.bytes;
    struct reader reader = {
        .at = start, .end = start + json.length_bytes, .features = features, .arena = arena};
    skip_space(&reader);
    return reader;
}

/* Nothing but white space may follow the one value. */
static int finish(struct reader *reader, int error)
{
    if (error != RP_OK) {
        return error;
    }
    skip_space(reader);
    return reader->at == reader->end ? reader->value_error : RP_ERR_SYNTAX;
}

int rp_json_decode_object(const struct rp_json_shape *shape, uint32_t features, struct rp_view json,
                          struct rp_arena *arena, void *target)
{
    struct reader reader = reader_of(json, arena, features);
    zero_struct(shape, target);
    return finish(&reader, read_object(&reader, shape, target));
}

int rp_json_walk_open(struct rp_json_walk *walk, struct rp_view json)
{
    struct reader reader = reader_of(json, NULL, 0);
    const uint8_t *start = reader.at;
    uint8_t byte = peek(&reader);
    int error = finish(&reader, skip_value(&reader));
    if (error != RP_OK) {
        return error;
    }
    bool is_null = byte == 'n';
    if (!is_null && byte != '{' && byte != '[') {
        return RP_ERR_TYPE;
    }
    *walk = (struct rp_json_walk){.is_object = byte == '{', .is_first = true};
    walk->rest = is_null ? rp_view_make(start, 0)
                         : rp_view_make(start + 1, (size_t)(reader.end - start) - 1);
    return RP_OK;
}

/* The document was checked: punctuation is where it belongs. */
int rp_json_walk_next(struct rp_json_walk *walk, struct rp_arena *arena, struct rp_view *key_out,
                      struct rp_view *value_out)
{
    struct reader reader = reader_of(walk->rest, arena, 0);
    uint8_t byte = peek(&reader);
    if (byte == 0 || byte == '}' || byte == ']') {
        return 0;
    }
    if (!walk->is_first) {
        (void)take(&reader, ',');
        skip_space(&reader);
    }
    walk->is_first = false;
    *key_out = rp_view_make(NULL, 0);
    int error = RP_OK;
    if (walk->is_object) {
        struct scanned key;
        error = scan_key(&reader, &key);
        if (error == RP_OK) {
            error = decode_text(arena, &key, key_out);
        }
        skip_space(&reader);
    }
    if (error == RP_OK) {
        error = read_raw(&reader, value_out);
    }
    walk->rest = rp_view_make(reader.at, (size_t)(reader.end - reader.at));
    return error == RP_OK ? 1 : error;
}
