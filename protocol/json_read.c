#include "protocol/json_scan.h"

/* The reference gives up at a bad time at once, but collects the first of the others. */
static void refuse(struct rp_json_reader *reader, int error)
{
    if (reader->value_error == RP_OK || error == RP_ERR_TIME) {
        reader->value_error = error;
    }
}

static int refuse_value(struct rp_json_reader *reader, int error)
{
    refuse(reader, error);
    return rp_json_skip_value(reader);
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
static const struct rp_json_field *match_key(const struct rp_json_reader *reader,
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

static const struct rp_json_field *find_field(const struct rp_json_reader *reader,
                                              const struct rp_json_shape *shape,
                                              const struct rp_json_scanned *key, size_t *hint)
{
    if (!key->has_escape) {
        return match_key(reader, shape, key->raw, hint);
    }
    if (key->raw.length_bytes > KEY_RAW_BYTES_MAX) {
        return NULL;
    }
    uint8_t bytes[KEY_RAW_BYTES_MAX * 3];
    size_t length_bytes = rp_json_unescape(key->raw, bytes);
    return match_key(reader, shape, rp_view_make(bytes, length_bytes), hint);
}

/* ---- Values of a known kind ------------------------------------------------------------------ */

static int decode_members(struct rp_json_reader *reader, const struct rp_json_shape *shape,
                          void *target);

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

static int read_text(struct rp_json_reader *reader, struct rp_view *out)
{
    if (rp_json_peek(reader) != '"') {
        return refuse_value(reader, RP_ERR_TYPE);
    }
    struct rp_json_scanned text;
    int error = rp_json_scan_string(reader, &text);
    return error == RP_OK ? rp_json_decode_text(reader->arena, &text, out) : error;
}

/* `*raw_out` is empty when the value was no number (and has been refused). */
static int read_number(struct rp_json_reader *reader, struct rp_view *raw_out)
{
    *raw_out = rp_view_make(NULL, 0);
    if (!rp_json_is_digit(rp_json_peek(reader)) && rp_json_peek(reader) != '-') {
        return refuse_value(reader, RP_ERR_TYPE);
    }
    return rp_json_scan_number(reader, raw_out);
}

/* Plain digits up to 2^64-1; anything with a dot or an exponent is no integer (wire.md 4.3). */
static bool parse_digits(struct rp_view digits, uint64_t *value_out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits.length_bytes; i++) {
        if (!rp_json_is_digit(digits.bytes[i])) {
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

static int read_int(struct rp_json_reader *reader, int64_t *out)
{
    struct rp_view raw;
    int error = read_number(reader, &raw);
    if (error == RP_OK && raw.length_bytes != 0 && !parse_int(raw, out)) {
        refuse(reader, RP_ERR_TYPE);
    }
    return error;
}

static int read_uint(struct rp_json_reader *reader, uint64_t max, uint64_t *out)
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

static int read_uint8(struct rp_json_reader *reader, uint8_t *out)
{
    uint64_t value = *out;
    int error = read_uint(reader, UINT8_MAX, &value);
    *out = (uint8_t)value;
    return error;
}

static int read_bool(struct rp_json_reader *reader, bool *out)
{
    uint8_t byte = rp_json_peek(reader);
    if (byte != 't' && byte != 'f') {
        return refuse_value(reader, RP_ERR_TYPE);
    }
    *out = byte == 't';
    return rp_json_scan_literal(reader, byte == 't' ? "true" : "false");
}

/* wire.md 4.6: the raw text is what counts, and no other kind of value is a time. */
static int read_time(struct rp_json_reader *reader, struct rp_wall_time *out)
{
    if (rp_json_peek(reader) != '"') {
        return refuse_value(reader, RP_ERR_TIME);
    }
    struct rp_json_scanned text;
    int error = rp_json_scan_string(reader, &text);
    if (error == RP_OK && rp_wall_time_parse(text.raw, out) != RP_OK) {
        refuse(reader, RP_ERR_TIME);
    }
    return error;
}

static int read_raw(struct rp_json_reader *reader, struct rp_view *out)
{
    const uint8_t *start = reader->at;
    int error = rp_json_skip_value(reader);
    *out = rp_view_make(start, (size_t)(reader->at - start));
    return error;
}

/* Elements of the array at hand, which is not consumed. So its memory is known beforehand. */
static int count_elements(const struct rp_json_reader *reader, size_t *count_out)
{
    struct rp_json_reader ahead = *reader;
    *count_out = 0;
    int error = rp_json_enter(&ahead);
    if (error != RP_OK || rp_json_take(&ahead, ']')) {
        return error;
    }
    do {
        *count_out += 1;
        error = rp_json_skip_value(&ahead);
        if (error != RP_OK) {
            return error;
        }
    } while (rp_json_take(&ahead, ','));
    return rp_json_take(&ahead, ']') ? RP_OK : RP_ERR_SYNTAX;
}

/* Between elements of a counted, so well-formed, array. */
static void next_element(struct rp_json_reader *reader)
{
    (void)rp_json_take(reader, ',');
    rp_json_skip_space(reader);
}

static void leave_array(struct rp_json_reader *reader)
{
    (void)rp_json_take(reader, ']');
    reader->depth -= 1;
}

/* wire.md 4.7: an array of 0..255. A null keeps what an earlier array had there. */
static int read_byte_array(struct rp_json_reader *reader, struct rp_bytes *out)
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
    error = rp_json_enter(reader);
    for (size_t i = 0; i < count && error == RP_OK; i++) {
        next_element(reader);
        bytes[i] = i < out->view.length_bytes ? out->view.bytes[i] : 0;
        error = rp_json_peek(reader) == 'n' ? rp_json_scan_literal(reader, "null")
                                            : read_uint8(reader, &bytes[i]);
    }
    leave_array(reader);
    *out = (struct rp_bytes){.view = rp_view_make(bytes, count), .is_present = true};
    return error;
}

static int read_bytes(struct rp_json_reader *reader, struct rp_bytes *out)
{
    if (rp_json_peek(reader) == '[') {
        return read_byte_array(reader, out);
    }
    struct rp_view text = rp_view_make(NULL, 0);
    bool is_text = rp_json_peek(reader) == '"';
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

static int read_object(struct rp_json_reader *reader, const struct rp_json_shape *shape,
                       void *target)
{
    uint8_t byte = rp_json_peek(reader);
    if (byte == 'n') {
        return rp_json_scan_literal(reader, "null");
    }
    return byte == '{' ? decode_members(reader, shape, target) : refuse_value(reader, RP_ERR_TYPE);
}

/* Room for `count` structs. Elements of an earlier array under the same key keep their values until
 * they are overwritten, as in the reference (wire.md 4.1, duplicate keys). */
static int grow_items(struct rp_json_reader *reader, const struct rp_json_shape *shape,
                      void **items, size_t old_count, size_t count)
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

static int read_list(struct rp_json_reader *reader, const struct rp_json_field *field, void *target)
{
    if (rp_json_peek(reader) != '[') {
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
    error = rp_json_enter(reader);
    for (size_t i = 0; i < count && error == RP_OK; i++) {
        next_element(reader);
        error =
            read_object(reader, field->shape, (uint8_t *)items + i * field->shape->struct_bytes);
    }
    leave_array(reader);
    return error;
}

/* wire.md 4.1: null leaves scalars and objects as they are, makes bytes and arrays absent. */
static int read_null(struct rp_json_reader *reader, const struct rp_json_field *field, void *target)
{
    if (field->kind == RP_JSON_BYTES) {
        memset(member_at(target, field->offset), 0, sizeof(struct rp_bytes));
    } else if (field->kind == RP_JSON_LIST) {
        memset(member_at(target, field->offset), 0, sizeof(void *));
        memset(member_at(target, field->count_offset), 0, sizeof(size_t));
        memset(member_at(target, field->present_offset), 0, sizeof(bool));
    }
    return rp_json_scan_literal(reader, "null");
}

static int read_member(struct rp_json_reader *reader, const struct rp_json_field *field,
                       void *target)
{
    rp_json_skip_space(reader);
    void *member = member_at(target, field->offset);
    if (rp_json_peek(reader) == 'n' && field->kind != RP_JSON_RAW) {
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
static int decode_members(struct rp_json_reader *reader, const struct rp_json_shape *shape,
                          void *target)
{
    size_t hint = 0;
    int error = rp_json_enter(reader);
    if (error != RP_OK) {
        return error;
    }
    if (!rp_json_take(reader, '}')) {
        do {
            struct rp_json_scanned key;
            error = rp_json_scan_key(reader, &key);
            if (error != RP_OK) {
                return error;
            }
            const struct rp_json_field *field = find_field(reader, shape, &key, &hint);
            error = field == NULL ? rp_json_skip_value(reader) : read_member(reader, field, target);
            if (error != RP_OK) {
                return error;
            }
        } while (rp_json_take(reader, ','));
        if (!rp_json_take(reader, '}')) {
            return RP_ERR_SYNTAX;
        }
    }
    reader->depth -= 1;
    return RP_OK;
}

/* ---- Documents ------------------------------------------------------------------------------- */

static struct rp_json_reader reader_of(struct rp_view json, struct rp_arena *arena,
                                       uint32_t features)
{
    /* An empty document has no bytes to point into. */
    static const uint8_t nothing[1];
    const uint8_t *start = json.length_bytes == 0 ? nothing : json.bytes;
    struct rp_json_reader reader = {
        .at = start, .end = start + json.length_bytes, .features = features, .arena = arena};
    rp_json_skip_space(&reader);
    return reader;
}

/* Nothing but white space may follow the one value. */
static int finish(struct rp_json_reader *reader, int error)
{
    if (error != RP_OK) {
        return error;
    }
    rp_json_skip_space(reader);
    return reader->at == reader->end ? reader->value_error : RP_ERR_SYNTAX;
}

int rp_json_decode_object(const struct rp_json_shape *shape, uint32_t features, struct rp_view json,
                          struct rp_arena *arena, void *target)
{
    struct rp_json_reader reader = reader_of(json, arena, features);
    zero_struct(shape, target);
    return finish(&reader, read_object(&reader, shape, target));
}

int rp_json_walk_open(struct rp_json_walk *walk, struct rp_view json)
{
    struct rp_json_reader reader = reader_of(json, NULL, 0);
    const uint8_t *start = reader.at;
    uint8_t byte = rp_json_peek(&reader);
    int error = finish(&reader, rp_json_skip_value(&reader));
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
    struct rp_json_reader reader = reader_of(walk->rest, arena, 0);
    uint8_t byte = rp_json_peek(&reader);
    if (byte == 0 || byte == '}' || byte == ']') {
        return 0;
    }
    if (!walk->is_first) {
        (void)rp_json_take(&reader, ',');
        rp_json_skip_space(&reader);
    }
    walk->is_first = false;
    *key_out = rp_view_make(NULL, 0);
    int error = RP_OK;
    if (walk->is_object) {
        struct rp_json_scanned key;
        error = rp_json_scan_key(&reader, &key);
        if (error == RP_OK) {
            error = rp_json_decode_text(arena, &key, key_out);
        }
        rp_json_skip_space(&reader);
    }
    if (error == RP_OK) {
        error = read_raw(&reader, value_out);
    }
    walk->rest = rp_view_make(reader.at, (size_t)(reader.end - reader.at));
    return error == RP_OK ? 1 : error;
}
