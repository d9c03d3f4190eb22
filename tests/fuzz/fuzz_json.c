/* JSON of the wire (wire.md 4): what Jansson takes we take, and mean the same by it; what only we
 * take is one of the known leniencies; what we read we write so that it reads as the same again. */
#include "protocol/json.h"

#include <jansson.h>

#include "protocol/json_scan.h"
#include "tests/fuzz/input.h"

#define WHOLE_BYTES_MAX ((size_t)1 << 24)
#define NESTING_MAX     200

/* ---- Against Jansson ------------------------------------------------------------------------- */

static json_t *load(struct rp_view text, json_error_t *error_out)
{
    const char *bytes = text.length_bytes == 0 ? "" : (const char *)text.bytes;
    return json_loadb(bytes, text.length_bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, error_out);
}

/* An escaped surrogate half: Jansson calls it a syntax error, the reference reads U+FFFD. */
static bool has_surrogate_escape(struct rp_view text)
{
    for (size_t i = 0; i + 3 < text.length_bytes; i++) {
        const uint8_t *at = text.bytes + i;
        if (at[0] == '\\' && at[1] == 'u' && (at[2] | 0x20) == 'd' && at[3] >= '8') {
            return true;
        }
    }
    return false;
}

/* Bad UTF-8, numbers of any size, depths above Jansson's, NUL in keys. */
static bool is_known_leniency(struct rp_view text, const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_invalid_utf8:
    case json_error_numeric_overflow:
    case json_error_stack_overflow:
    case json_error_null_byte_in_key: return true;
    default: return has_surrogate_escape(text);
    }
}

static void compare_value(struct rp_arena *arena, struct rp_view text, const json_t *value,
                          int nesting);

static struct rp_view read_string(struct rp_arena *arena, struct rp_view text)
{
    struct rp_json_reader reader = {.at = text.bytes, .end = text.bytes + text.length_bytes};
    struct rp_json_scanned scanned;
    struct rp_view decoded;
    RP_ASSERT(rp_json_scan_string(&reader, &scanned) == 0);
    RP_ASSERT(reader.at == reader.end);
    RP_ASSERT(rp_json_decode_text(arena, &scanned, &decoded) == 0);
    return decoded;
}

/* Members come in the order of the text; the last duplicate is Jansson's. */
static void compare_members(struct rp_arena *arena, struct rp_view text, const json_t *value,
                            int nesting)
{
    struct rp_json_walk walk;
    size_t count = 0;
    RP_ASSERT(rp_json_walk_open(&walk, text) == 0);
    for (int pass = 0; pass < 2; pass++) {
        struct rp_view key;
        struct rp_view inner;
        size_t index = 0;
        RP_ASSERT(rp_json_walk_open(&walk, text) == 0);
        while (rp_json_walk_next(&walk, arena, &key, &inner) == 1) {
            json_t *member = json_is_array(value) ? json_array_get(value, index)
                                                  : json_object_getn(value, (const char *)key.bytes,
                                                                     key.length_bytes);
            RP_ASSERT(member != NULL);
            bool is_unique = json_is_array(value) || count == json_object_size(value);
            if (pass == 1 && is_unique) {
                compare_value(arena, inner, member, nesting + 1);
            }
            index += 1;
        }
        count = index;
    }
    RP_ASSERT(json_is_array(value) ? count == json_array_size(value)
                                   : count >= json_object_size(value));
}

static void compare_value(struct rp_arena *arena, struct rp_view text, const json_t *value,
                          int nesting)
{
    RP_ASSERT(text.length_bytes > 0);
    switch (json_typeof(value)) {
    case JSON_STRING: {
        struct rp_view expected = rp_view_make(json_string_value(value), json_string_length(value));
        RP_ASSERT(rp_view_equal(read_string(arena, text), expected));
        break;
    }
    case JSON_OBJECT:
    case JSON_ARRAY:
        RP_ASSERT(text.bytes[0] == (json_is_array(value) ? '[' : '{'));
        if (nesting < NESTING_MAX) {
            compare_members(arena, text, value, nesting);
        }
        break;
    case JSON_TRUE: RP_ASSERT(rp_view_equal(text, rp_view_text("true"))); break;
    case JSON_FALSE: RP_ASSERT(rp_view_equal(text, rp_view_text("false"))); break;
    case JSON_NULL: RP_ASSERT(rp_view_equal(text, rp_view_text("null"))); break;
    default: RP_ASSERT(text.bytes[0] == '-' || rp_json_is_digit(text.bytes[0])); break;
    }
}

static void compare_with_jansson(struct fuzz_memory *memory, struct rp_view text)
{
    struct rp_arena arena;
    struct rp_json_walk walk;
    json_error_t error;
    int opened = rp_json_walk_open(&walk, text);
    if (text.length_bytes > 0 && memchr(text.bytes, 0, text.length_bytes) != NULL) {
        RP_ASSERT(opened == RP_ERR_SYNTAX); /* Jansson takes it for the end of the text */
        return;
    }
    rp_arena_init(&arena, &memory->alloc);
    json_t *value = load(text, &error);
    RP_ASSERT(opened == 0 || opened == RP_ERR_SYNTAX || opened == RP_ERR_TYPE);
    if (value != NULL) {
        RP_ASSERT(opened != RP_ERR_SYNTAX);
        bool is_walkable = json_is_object(value) || json_is_array(value) || json_is_null(value);
        RP_ASSERT((opened == 0) == is_walkable);
        if (json_is_object(value) || json_is_array(value)) {
            size_t skipped = 0;
            while (strchr(" \t\r\n", text.bytes[skipped]) != NULL) {
                skipped += 1;
            }
            struct rp_view trimmed =
                rp_view_make(text.bytes + skipped, text.length_bytes - skipped);
            compare_value(&arena, trimmed, value, 0);
        }
        json_decref(value);
    } else {
        RP_ASSERT(opened == RP_ERR_SYNTAX || is_known_leniency(text, &error));
    }
    rp_arena_clear(&arena);
}

/* ---- A shape with every kind ----------------------------------------------------------------- */

struct inner {
    struct rp_view name;
    uint8_t small;
};

struct outer {
    struct rp_view text, raw;
    int64_t number;
    uint64_t count;
    uint8_t small;
    bool flag;
    struct rp_bytes bytes;
    struct rp_wall_time time;
    struct inner inner;
    struct inner *items;
    size_t item_count;
    bool has_items;
    struct rp_view later;
};

static const struct rp_json_field INNER_FIELDS[] = {
    {RP_JSON_FIELD(struct inner, name, "name", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct inner, small, "small", RP_JSON_UINT8), .omit_zero = true},
};
static const struct rp_json_shape INNER_SHAPE = RP_JSON_SHAPE(struct inner, INNER_FIELDS);

static const struct rp_json_field OUTER_FIELDS[] = {
    {RP_JSON_FIELD(struct outer, text, "text", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct outer, raw, "raw", RP_JSON_RAW), .omit_zero = true},
    {RP_JSON_FIELD(struct outer, number, "number", RP_JSON_INT)},
    {RP_JSON_FIELD(struct outer, count, "count", RP_JSON_UINT), .omit_zero = true},
    {RP_JSON_FIELD(struct outer, small, "small", RP_JSON_UINT8), .omit_zero = true},
    {RP_JSON_FIELD(struct outer, flag, "flag", RP_JSON_BOOL), .omit_zero = true},
    {RP_JSON_FIELD(struct outer, bytes, "bytes", RP_JSON_BYTES)},
    {RP_JSON_FIELD(struct outer, time, "time", RP_JSON_TIME)},
    {RP_JSON_FIELD(struct outer, inner, "inner", RP_JSON_OBJECT), .shape = &INNER_SHAPE},
    {RP_JSON_LIST_FIELD(struct outer, items, item_count, has_items, "items"), .item_count_max = 100,
     .shape = &INNER_SHAPE},
    {RP_JSON_FIELD(struct outer, later, "later", RP_JSON_TEXT), .omit_zero = true, .needs = 1},
};
static const struct rp_json_shape OUTER_SHAPE = RP_JSON_SHAPE(struct outer, OUTER_FIELDS);

/* What we wrote is JSON for everybody, but for what was taken over as it stood. */
static void check_is_json(struct rp_view text)
{
    json_error_t error;
    json_t *value = load(text, &error);
    RP_ASSERT(value != NULL || is_known_leniency(text, &error));
    json_decref(value);
}

static void check_written(struct fuzz_memory *memory, const struct outer *first,
                          const struct rp_buffer *written, uint32_t features)
{
    struct rp_arena arena;
    struct rp_buffer again;
    struct outer second;
    rp_arena_init(&arena, &memory->alloc);
    rp_buffer_init(&again, &memory->alloc, WHOLE_BYTES_MAX);
    RP_ASSERT(rp_json_decode_object(&OUTER_SHAPE, features, rp_buffer_view(written), &arena,
                                    &second) == 0);
    RP_ASSERT(rp_view_equal(first->text, second.text));
    RP_ASSERT(rp_view_equal(first->raw, second.raw));
    RP_ASSERT(first->number == second.number && first->count == second.count);
    RP_ASSERT(first->small == second.small && first->flag == second.flag);
    RP_ASSERT(first->bytes.is_present == second.bytes.is_present);
    RP_ASSERT(rp_view_equal(first->bytes.view, second.bytes.view));
    RP_ASSERT(first->time.unix_s == second.time.unix_s && first->time.nsec == second.time.nsec);
    RP_ASSERT(first->has_items == second.has_items && first->item_count == second.item_count);
    RP_ASSERT(rp_view_equal(first->later, second.later));
    RP_ASSERT(rp_json_encode_object(&OUTER_SHAPE, features, &second, &again) == 0);
    RP_ASSERT(rp_view_equal(rp_buffer_view(written), rp_buffer_view(&again)));
    rp_buffer_clear(&again);
    rp_arena_clear(&arena);
}

static void check_shape(struct fuzz_memory *memory, struct rp_view text, uint32_t features)
{
    struct rp_arena arena;
    struct rp_buffer written;
    struct outer outer;
    struct rp_json_walk walk;
    rp_arena_init(&arena, &memory->alloc);
    rp_buffer_init(&written, &memory->alloc, WHOLE_BYTES_MAX);
    int error = rp_json_decode_object(&OUTER_SHAPE, features, text, &arena, &outer);
    RP_ASSERT((error == RP_ERR_SYNTAX) == (rp_json_walk_open(&walk, text) == RP_ERR_SYNTAX));
    if (error == 0) {
        RP_ASSERT(features != 0 || outer.later.length_bytes == 0);
        error = rp_json_encode_object(&OUTER_SHAPE, features, &outer, &written);
        RP_ASSERT(error == 0 || error == RP_ERR_UNENCODABLE);
    } else {
        RP_ASSERT(error == RP_ERR_SYNTAX || error == RP_ERR_TYPE || error == RP_ERR_TIME ||
                  error == RP_ERR_BASE64);
    }
    if (error == 0) {
        check_is_json(rp_buffer_view(&written));
        check_written(memory, &outer, &written, features);
    }
    RP_ASSERT(error == 0 || written.length_bytes == 0);
    rp_buffer_clear(&written);
    rp_arena_clear(&arena);
}

/* ---- Pieces ---------------------------------------------------------------------------------- */

/* Any bytes become a string that Jansson reads, as the text that we read from it. */
static void check_text(struct fuzz_memory *memory, struct rp_view bytes)
{
    struct rp_arena arena;
    struct rp_buffer once;
    struct rp_buffer twice;
    json_error_t error;
    rp_arena_init(&arena, &memory->alloc);
    rp_buffer_init(&once, &memory->alloc, WHOLE_BYTES_MAX);
    rp_buffer_init(&twice, &memory->alloc, WHOLE_BYTES_MAX);
    RP_ASSERT(rp_json_append_text(&once, bytes) == 0);
    json_t *value = load(rp_buffer_view(&once), &error);
    RP_ASSERT(json_is_string(value));
    struct rp_view read = read_string(&arena, rp_buffer_view(&once));
    RP_ASSERT(
        rp_view_equal(read, rp_view_make(json_string_value(value), json_string_length(value))));
    /* A bad byte is written as an escape, the U+FFFD that it reads as is not: so once more. */
    RP_ASSERT(rp_json_append_text(&twice, read) == 0);
    RP_ASSERT(rp_view_equal(read_string(&arena, rp_buffer_view(&twice)), read));
    json_decref(value);
    rp_buffer_clear(&once);
    rp_buffer_clear(&twice);
    rp_arena_clear(&arena);
}

static void check_base64(struct fuzz_memory *memory, struct rp_view bytes)
{
    struct rp_arena arena;
    struct rp_buffer text;
    struct rp_view decoded;
    rp_arena_init(&arena, &memory->alloc);
    rp_buffer_init(&text, &memory->alloc, WHOLE_BYTES_MAX);
    RP_ASSERT(rp_base64_append(&text, bytes) == 0);
    RP_ASSERT(text.length_bytes == (bytes.length_bytes + 2) / 3 * 4);
    RP_ASSERT(rp_base64_decode(rp_buffer_view(&text), &arena, &decoded) == 0);
    RP_ASSERT(rp_view_equal(decoded, bytes));
    int error = rp_base64_decode(bytes, &arena, &decoded);
    RP_ASSERT(error == 0 || error == RP_ERR_BASE64);
    RP_ASSERT(error != 0 || decoded.length_bytes <= bytes.length_bytes / 4 * 3);
    rp_buffer_clear(&text);
    rp_arena_clear(&arena);
}

static void check_time(struct fuzz_memory *memory, struct rp_view text)
{
    struct rp_wall_time first;
    struct rp_wall_time second;
    struct rp_buffer written;
    rp_buffer_init(&written, &memory->alloc, 64);
    int error = rp_wall_time_parse(text, &first);
    RP_ASSERT(error == 0 || error == RP_ERR_TIME);
    if (error == 0) {
        RP_ASSERT(first.nsec >= 0 && first.nsec <= 999999999);
        error = rp_wall_time_append(&written, first);
        RP_ASSERT(error == 0 || error == RP_ERR_UNENCODABLE);
    }
    if (error == 0) {
        RP_ASSERT(rp_wall_time_parse(rp_buffer_view(&written), &second) == 0);
        RP_ASSERT(first.unix_s == second.unix_s && first.nsec == second.nsec);
        RP_ASSERT(first.offset_s == second.offset_s);
    }
    rp_buffer_clear(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input_of(data, size);
    struct fuzz_memory memory;
    fuzz_memory_init(&memory);
    uint8_t part = fuzz_byte(&input);
    struct rp_chunk chunk = fuzz_chunk(&memory, fuzz_rest(&input));
    struct rp_view bytes = rp_chunk_view(chunk);
    switch (part % 5) {
    case 0: compare_with_jansson(&memory, bytes); break;
    case 1: check_shape(&memory, bytes, part >= 128 ? 0 : 1); break;
    case 2: check_text(&memory, bytes); break;
    case 3: check_base64(&memory, bytes); break;
    default: check_time(&memory, bytes); break;
    }
    rp_block_release(chunk.block);
    fuzz_memory_check(&memory);
    return 0;
}
