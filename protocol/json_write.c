#include "protocol/json.h"

#include "protocol/error.h"

#define DIGITS_MAX 20

/* ---- Text ------------------------------------------------------------------------------------ */

/* What needs no second look: ASCII without controls, quotes, backslash and the three of HTML. */
static bool is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\' && byte != '<' &&
           byte != '>' && byte != '&';
}

#define EACH_BYTE UINT64_C(0x0101010101010101)

/* The top bit of each byte of `word` that is 0; those above the first such byte may be wrong. */
static uint64_t zero_bytes(uint64_t word)
{
    return (word - EACH_BYTE) & ~word;
}

/* Are these eight bytes all plain? Texts are paths, hashes and base64: with a look at each byte,
 * writing texts had 4 % of the time of pulls of 1 KiB. */
static bool are_plain(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    uint64_t special = word | (word - 0x20 * EACH_BYTE); /* not ASCII, or a control */
    special |= zero_bytes(word ^ '"' * EACH_BYTE) | zero_bytes(word ^ '\\' * EACH_BYTE);
    special |= zero_bytes(word ^ '<' * EACH_BYTE) | zero_bytes(word ^ '>' * EACH_BYTE);
    special |= zero_bytes(word ^ '&' * EACH_BYTE);
    return (special & 0x80 * EACH_BYTE) == 0;
}

static char short_escape(uint8_t byte)
{
    switch (byte) {
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    case '"': return '"';
    case '\\': return '\\';
    default: return 0;
    }
}

static int append_ascii_escape(struct rp_buffer *out, uint8_t byte)
{
    char letter = short_escape(byte);
    if (letter != 0) {
        const char escape[2] = {'\\', letter};
        return rp_buffer_append(out, rp_view_make(escape, 2));
    }
    const char *hex = "0123456789abcdef";
    const char escape[6] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
    return rp_buffer_append(out, rp_view_make(escape, 6));
}

/* One character that is not plain, at `*at`; moves on. wire.md 4.5 */
static int append_special(struct rp_buffer *out, const uint8_t **at, const uint8_t *end)
{
    const uint8_t *start = *at;
    size_t length = rp_utf8_length(start, end);
    *at += length == 0 ? 1 : length;
    if (length == 0) {
        return rp_buffer_append_text(out, "\\ufffd");
    }
    if (length == 1) {
        return append_ascii_escape(out, *start);
    }
    /* U+2028 and U+2029 end a line in JavaScript. */
    bool is_separator = length == 3 && start[0] == 0xE2 && start[1] == 0x80 &&
                        (start[2] == 0xA8 || start[2] == 0xA9);
    if (is_separator) {
        return rp_buffer_append_text(out, start[2] == 0xA8 ? "\\u2028" : "\\u2029");
    }
    return rp_buffer_append(out, rp_view_make(start, length));
}

static int append_characters(struct rp_buffer *out, struct rp_view text)
{
    const uint8_t *at = text.bytes;
    const uint8_t *end = text.length_bytes == 0 ? at : at + text.length_bytes;
    int error = RP_OK;
    while (at != end && error == RP_OK) {
        const uint8_t *start = at;
        while (end - at >= 8 && are_plain(at)) {
            at += 8;
        }
        while (at < end && is_plain(*at)) {
            at += 1;
        }
        error = rp_buffer_append(out, rp_view_make(start, (size_t)(at - start)));
        if (error == RP_OK && at < end) {
            error = append_special(out, &at, end);
        }
    }
    return error;
}

int rp_json_append_text(struct rp_buffer *json_out, struct rp_view text)
{
    size_t length_before = json_out->length_bytes;
    int error = rp_buffer_append_byte(json_out, '"');
    if (error == RP_OK) {
        error = append_characters(json_out, text);
    }
    if (error == RP_OK) {
        error = rp_buffer_append_byte(json_out, '"');
    }
    if (error != RP_OK) {
        json_out->length_bytes = length_before;
    }
    return error;
}

/* ---- Numbers --------------------------------------------------------------------------------- */

int rp_json_append_uint(struct rp_buffer *json_out, uint64_t value)
{
    uint8_t digits[DIGITS_MAX];
    size_t at = DIGITS_MAX;
    do {
        at -= 1;
        digits[at] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    return rp_buffer_append(json_out, rp_view_make(digits + at, DIGITS_MAX - at));
}

int rp_json_append_int(struct rp_buffer *json_out, int64_t value)
{
    size_t length_before = json_out->length_bytes;
    int error = value < 0 ? rp_buffer_append_byte(json_out, '-') : RP_OK;
    if (error == RP_OK) {
        /* The unsigned negation is right for INT64_MIN too. */
        uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
        error = rp_json_append_uint(json_out, magnitude);
    }
    if (error != RP_OK) {
        json_out->length_bytes = length_before;
    }
    return error;
}

/* ---- Structs --------------------------------------------------------------------------------- */

static int append_struct(struct rp_buffer *out, const struct rp_json_shape *shape,
                         uint32_t features, const void *source);

static const void *member_of(const void *source, size_t offset)
{
    return (const uint8_t *)source + offset;
}

static bool list_is_present(const struct rp_json_field *field, const void *source)
{
    const bool *is_present = member_of(source, field->present_offset);
    return *is_present;
}

static size_t list_count(const struct rp_json_field *field, const void *source)
{
    const size_t *count = member_of(source, field->count_offset);
    return *count;
}

/* Objects and times have no zero that would be left out. */
static bool is_zero(const struct rp_json_field *field, const void *source)
{
    const void *member = member_of(source, field->offset);
    switch ((enum rp_json_kind)field->kind) {
    case RP_JSON_TEXT:
    case RP_JSON_RAW: return ((const struct rp_view *)member)->length_bytes == 0;
    case RP_JSON_INT: return *(const int64_t *)member == 0;
    case RP_JSON_UINT: return *(const uint64_t *)member == 0;
    case RP_JSON_UINT8: return *(const uint8_t *)member == 0;
    case RP_JSON_BOOL: return !*(const bool *)member;
    case RP_JSON_BYTES: return ((const struct rp_bytes *)member)->view.length_bytes == 0;
    case RP_JSON_LIST: return !list_is_present(field, source) || list_count(field, source) == 0;
    case RP_JSON_TIME:
    case RP_JSON_OBJECT: return false;
    }
    return false;
}

/* absent bytes are null, empty ones "" (wire.md 4.5). */
static int append_bytes(struct rp_buffer *out, const struct rp_bytes *bytes)
{
    if (!bytes->is_present) {
        return rp_buffer_append_text(out, "null");
    }
    int error = rp_buffer_append_byte(out, '"');
    if (error == RP_OK) {
        error = rp_base64_append(out, bytes->view);
    }
    return error == RP_OK ? rp_buffer_append_byte(out, '"') : error;
}

static int append_time(struct rp_buffer *out, const struct rp_wall_time *time)
{
    int error = rp_buffer_append_byte(out, '"');
    if (error == RP_OK) {
        error = rp_wall_time_append(out, *time);
    }
    return error == RP_OK ? rp_buffer_append_byte(out, '"') : error;
}

static int append_list(struct rp_buffer *out, const struct rp_json_field *field, uint32_t features,
                       const void *source)
{
    if (!list_is_present(field, source)) {
        return rp_buffer_append_text(out, "null");
    }
    const uint8_t *items;
    memcpy(&items, member_of(source, field->offset), sizeof items);
    size_t count = list_count(field, source);
    int error = rp_buffer_append_byte(out, '[');
    for (size_t i = 0; i < count && error == RP_OK; i++) {
        error = i == 0 ? RP_OK : rp_buffer_append_byte(out, ',');
        if (error == RP_OK) {
            error =
                append_struct(out, field->shape, features, items + i * field->shape->struct_bytes);
        }
    }
    return error == RP_OK ? rp_buffer_append_byte(out, ']') : error;
}

static int append_value(struct rp_buffer *out, const struct rp_json_field *field, uint32_t features,
                        const void *source)
{
    const void *member = member_of(source, field->offset);
    switch ((enum rp_json_kind)field->kind) {
    case RP_JSON_TEXT: return rp_json_append_text(out, *(const struct rp_view *)member);
    case RP_JSON_RAW: return rp_buffer_append(out, *(const struct rp_view *)member);
    case RP_JSON_INT: return rp_json_append_int(out, *(const int64_t *)member);
    case RP_JSON_UINT: return rp_json_append_uint(out, *(const uint64_t *)member);
    case RP_JSON_UINT8: return rp_json_append_uint(out, *(const uint8_t *)member);
    case RP_JSON_BOOL: return rp_buffer_append_text(out, *(const bool *)member ? "true" : "false");
    case RP_JSON_BYTES: return append_bytes(out, member);
    case RP_JSON_TIME: return append_time(out, member);
    case RP_JSON_OBJECT: return append_struct(out, field->shape, features, member);
    case RP_JSON_LIST: return append_list(out, field, features, source);
    }
    return RP_ERR_INVALID;
}

static int append_struct(struct rp_buffer *out, const struct rp_json_shape *shape,
                         uint32_t features, const void *source)
{
    int error = rp_buffer_append_byte(out, '{');
    size_t comma_bytes = 0;
    for (size_t i = 0; i < shape->field_count && error == RP_OK; i++) {
        const struct rp_json_field *field = &shape->fields[i];
        bool is_known = (field->needs & ~features) == 0;
        if (!is_known || (field->omit_zero && is_zero(field, source))) {
            continue;
        }
        /* The prefix begins with a comma, which the first member does without. */
        error = rp_buffer_append(out, rp_view_make(field->prefix + 1 - comma_bytes,
                                                   field->prefix_length - 1 + comma_bytes));
        comma_bytes = 1;
        if (error == RP_OK) {
            error = append_value(out, field, features, source);
        }
    }
    return error == RP_OK ? rp_buffer_append_byte(out, '}') : error;
}

int rp_json_encode_object(const struct rp_json_shape *shape, uint32_t features, const void *source,
                          struct rp_buffer *json_out)
{
    size_t length_before = json_out->length_bytes;
    int error = append_struct(json_out, shape, features, source);
    if (error != RP_OK) {
        json_out->length_bytes = length_before;
    }
    return error;
}
