/* The codec against the golden data: families frames_encode and frames_decode, every case, every
 * release. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/error.h"
#include "protocol/frame.h"
#include "protocol/message.h"
#include "protocol/message_table.h"
#include "tests/lib/test_alloc.h"
#include "tests/lib/vectors.h"

#include <openssl/sha.h>

/* ---- Helpers --------------------------------------------------------------------------------- */

struct bench {
    struct test_alloc alloc;
    struct rp_arena arena;
    struct rp_buffer buffer;
    char note[512];
};

static void bench_init(struct bench *bench)
{
    test_alloc_init(&bench->alloc);
    rp_arena_init(&bench->arena, &bench->alloc.alloc);
    rp_buffer_init(&bench->buffer, &bench->alloc.alloc, SIZE_MAX / 2);
    bench->note[0] = '\0';
}

static void bench_clear(struct bench *bench)
{
    rp_arena_clear(&bench->arena);
    rp_buffer_clear(&bench->buffer);
    ck_assert_uint_eq(bench->alloc.live_count, 0);
}

static bool bench_differs(struct bench *bench, const char *what, const char *key)
{
    snprintf(bench->note, sizeof bench->note, "%s (%s)", what, key);
    return false;
}

/* Rows of the kind by key, whether the release has the key or not. */
static const struct rp_json_field *find_row(const struct rp_json_shape *shape, const char *key)
{
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct rp_json_field *field = &shape->fields[i];
        size_t length = (size_t)field->prefix_length - 4;
        if (strlen(key) == length && memcmp(field->prefix + 2, key, length) == 0) {
            return field;
        }
    }
    ck_abort_msg("the golden data has a key that the tables lack: %s", key);
    return NULL;
}

static void fill_struct(struct bench *bench, const struct rp_json_shape *shape,
                        const json_t *fields, uint8_t *target);

static void fill_nodes(struct bench *bench, const struct rp_json_field *row, const json_t *list,
                       uint8_t *target)
{
    size_t count = json_array_size(list);
    uint8_t *items = rp_arena_allocate(&bench->arena, (count + 1) * row->shape->struct_bytes);
    for (size_t i = 0; i < count; i++) {
        uint8_t *item = items + i * row->shape->struct_bytes;
        memset(item, 0, row->shape->struct_bytes);
        fill_struct(bench, row->shape, json_array_get(list, i), item);
    }
    bool is_present = list != NULL;
    memcpy(target + row->offset, &items, sizeof items);
    memcpy(target + row->count_offset, &count, sizeof count);
    memcpy(target + row->present_offset, &is_present, sizeof is_present);
}

/* Writes one value of the golden data into the member that the codec's own row names. */
static void fill_member(struct bench *bench, const struct rp_json_field *row, const json_t *value,
                        uint8_t *target)
{
    void *member = target + row->offset;
    switch ((enum rp_json_kind)row->kind) {
    case RP_JSON_TEXT: *(struct rp_view *)member = vectors_bytes(value, &bench->arena); break;
    case RP_JSON_INT: *(int64_t *)member = vectors_int(value); break;
    case RP_JSON_UINT: *(uint64_t *)member = vectors_uint(value); break;
    case RP_JSON_BOOL: *(bool *)member = json_is_true(value); break;
    case RP_JSON_BYTES:
        *(struct rp_bytes *)member = (struct rp_bytes){vectors_bytes(value, &bench->arena), true};
        break;
    case RP_JSON_TIME: *(struct rp_wall_time *)member = vectors_time(value); break;
    case RP_JSON_LIST: fill_nodes(bench, row, value, target); break;
    default: ck_abort_msg("no message has a member of that kind");
    }
}

static void fill_struct(struct bench *bench, const struct rp_json_shape *shape,
                        const json_t *fields, uint8_t *target)
{
    for (size_t i = 0; i < shape->field_count; i++) {
        if (shape->fields[i].kind == RP_JSON_TIME) {
            ((struct rp_wall_time *)(void *)(target + shape->fields[i].offset))->unix_s =
                RP_TIME_ZERO_UNIX_S;
        }
    }
    const char *key;
    json_t *value;
    json_t *object = (json_t *)(uintptr_t)fields;
    json_object_foreach(object, key, value)
    {
        if (!json_is_null(value)) {
            fill_member(bench, find_row(shape, key), value, target);
        }
    }
}

/* ---- Comparing decoded structs --------------------------------------------------------------- */

static bool struct_matches(struct bench *bench, const struct rp_json_shape *shape,
                           const json_t *fields, const uint8_t *source);

static bool nodes_match(struct bench *bench, const struct rp_json_field *row, const json_t *list,
                        const uint8_t *source)
{
    const uint8_t *items;
    size_t count;
    bool is_present;
    memcpy(&items, source + row->offset, sizeof items);
    memcpy(&count, source + row->count_offset, sizeof count);
    memcpy(&is_present, source + row->present_offset, sizeof is_present);
    if (is_present != json_is_array(list) || count != json_array_size(list)) {
        return bench_differs(bench, "length of the list", "nodes");
    }
    for (size_t i = 0; i < count; i++) {
        if (!struct_matches(bench, row->shape, json_array_get(list, i),
                            items + i * row->shape->struct_bytes)) {
            return false;
        }
    }
    return true;
}

static bool time_matches(const json_t *value, const struct rp_wall_time *time)
{
    struct rp_wall_time wanted = vectors_time(value);
    return wanted.unix_s == time->unix_s && wanted.nsec == time->nsec &&
           wanted.offset_s == time->offset_s;
}

static bool bytes_match(struct bench *bench, const json_t *value, const struct rp_bytes *bytes)
{
    if (json_is_null(value)) {
        return !bytes->is_present;
    }
    return bytes->is_present && rp_view_equal(vectors_bytes(value, &bench->arena), bytes->view);
}

static bool member_matches(struct bench *bench, const struct rp_json_field *row,
                           const json_t *value, const uint8_t *source)
{
    const void *member = source + row->offset;
    switch ((enum rp_json_kind)row->kind) {
    case RP_JSON_TEXT:
        return rp_view_equal(vectors_bytes(value, &bench->arena), *(const struct rp_view *)member);
    case RP_JSON_INT: return *(const int64_t *)member == vectors_int(value);
    case RP_JSON_UINT: return *(const uint64_t *)member == vectors_uint(value);
    case RP_JSON_BOOL: return *(const bool *)member == json_is_true(value);
    case RP_JSON_BYTES: return bytes_match(bench, value, member);
    case RP_JSON_TIME: return time_matches(value, member);
    case RP_JSON_LIST: return nodes_match(bench, row, value, source);
    default: return false;
    }
}

/* `fields` lists all that the generation has. */
static bool struct_matches(struct bench *bench, const struct rp_json_shape *shape,
                           const json_t *fields, const uint8_t *source)
{
    const char *key;
    json_t *value;
    json_t *object = (json_t *)(uintptr_t)fields;
    json_object_foreach(object, key, value)
    {
        if (!member_matches(bench, find_row(shape, key), value, source)) {
            return bench_differs(bench, "field", key);
        }
    }
    return true;
}

/* ---- frames_encode --------------------------------------------------------------------------- */

static const char *encode_error_name(int error)
{
    switch (error) {
    case RP_OK: return "ok";
    case RP_ERR_TOO_LARGE: return "too_large";
    case RP_ERR_UNENCODABLE: return "unencodable";
    case RP_ERR_UNKNOWN_TYPE: return "no_such_type";
    default: return rp_strerror(error);
    }
}

static bool frame_matches(struct bench *bench, const json_t *expect, struct rp_view frame)
{
    const char *whole = vectors_text(expect, "frame_hex");
    if (whole != NULL) {
        return strcmp(whole, vectors_to_hex(frame, &bench->arena)) == 0 ||
               bench_differs(bench, "frame", vectors_to_hex(frame, &bench->arena));
    }
    uint8_t digest[RP_SHA256_SIZE];
    SHA256(frame.bytes, frame.length_bytes, digest);
    const char *digest_hex = vectors_to_hex(rp_view_make(digest, sizeof digest), &bench->arena);
    if (vectors_uint(vectors_get(expect, "frame_len")) != frame.length_bytes ||
        strcmp(vectors_text(expect, "frame_sha256"), digest_hex) != 0) {
        return bench_differs(bench, "length or hash", digest_hex);
    }
    return true;
}

/* A key of the case that the release's struct knows, but its wire does not. */
static bool has_foreign_key(const struct rp_message_kind *kind, const json_t *fields,
                            enum rp_release release)
{
    uint32_t features = rp_message_features(rp_release_traits(release));
    const char *key;
    json_t *value;
    json_t *object = (json_t *)(uintptr_t)fields;
    json_object_foreach(object, key, value)
    {
        if ((find_row(&kind->shape, key)->needs & ~features) != 0) {
            return true;
        }
    }
    return false;
}

static bool encode_case_matches(struct bench *bench, const json_t *one_case,
                                const struct vectors_release *era)
{
    const json_t *expect = vectors_expect(one_case, era->generation);
    const char *wanted = vectors_text(expect, "error");
    uint8_t type = (uint8_t)vectors_uint(vectors_get(one_case, "type"));
    const struct rp_message_kind *kind = rp_message_kind_find(type);
    ck_assert_ptr_nonnull(kind);
    struct rp_message message;
    memset(&message, 0, sizeof message);
    message.type = kind->type;
    fill_struct(bench, &kind->shape, vectors_get(one_case, "fields"), (uint8_t *)&message.as);
    int error = rp_message_encode(rp_release_traits(era->release), &message, &bench->buffer);
    if (error == RP_OK && has_foreign_key(kind, vectors_get(one_case, "fields"), era->release)) {
        return wanted != NULL && strcmp(wanted, "no_such_field") == 0;
    }
    if (error != RP_OK || wanted != NULL) {
        return (wanted != NULL && strcmp(wanted, encode_error_name(error)) == 0 &&
                bench->buffer.length_bytes == 0) ||
               bench_differs(bench, "error", encode_error_name(error));
    }
    return frame_matches(bench, expect, rp_buffer_view(&bench->buffer));
}

/* ---- frames_decode --------------------------------------------------------------------------- */

static const char *frame_error_name(enum rp_frame_error error)
{
    static const char *const names[] = {
        [RP_FRAME_OK] = "ok",
        [RP_FRAME_EOF_LENGTH] = "eof_length",
        [RP_FRAME_ZERO_LENGTH] = "zero_length",
        [RP_FRAME_TOO_LARGE] = "too_large",
        [RP_FRAME_EOF_TYPE] = "eof_type",
        [RP_FRAME_EOF_PAYLOAD] = "eof_payload",
    };
    return names[error];
}

static const char *decode_error_name(int error)
{
    switch (error) {
    case RP_OK: return "ok";
    case RP_ERR_UNKNOWN_TYPE: return "unknown_type";
    case RP_ERR_SYNTAX: return "json_syntax";
    case RP_ERR_TYPE: return "json_type";
    case RP_ERR_TIME: return "json_time";
    case RP_ERR_BASE64: return "json_base64";
    default: return rp_strerror(error);
    }
}

static bool error_matches(struct bench *bench, const json_t *expect, const char *error)
{
    const char *wanted = vectors_text(expect, "error");
    return strcmp(wanted == NULL ? "ok" : wanted, error) == 0 ||
           bench_differs(bench, "error", error);
}

static bool payload_matches(struct bench *bench, const json_t *expect, const struct rp_frame *frame,
                            enum rp_release release)
{
    struct rp_message message;
    int error = rp_message_decode(rp_release_traits(release), frame->type, frame->payload,
                                  &bench->arena, &message);
    if (!error_matches(bench, expect, decode_error_name(error)) || error != RP_OK) {
        return vectors_text(expect, "error") != NULL && bench->note[0] == '\0';
    }
    const struct rp_message_kind *kind = rp_message_kind_find(frame->type);
    if (vectors_uint(vectors_get(expect, "type")) != (uint64_t)message.type) {
        return bench_differs(bench, "type", kind->name);
    }
    return struct_matches(bench, &kind->shape, vectors_get(expect, "fields"),
                          (const uint8_t *)&message.as);
}

static bool decode_case_matches(struct bench *bench, const json_t *one_case,
                                const struct vectors_release *era)
{
    const json_t *expect = vectors_expect(one_case, era->generation);
    struct rp_view whole = vectors_parts(vectors_get(one_case, "parts"), &bench->arena);
    struct rp_view input = whole;
    struct rp_frame_reader reader;
    rp_frame_reader_init(&reader, &bench->alloc.alloc);
    struct rp_frame frame;
    bool is_out_of_memory;
    bool is_match;
    enum rp_frame_progress progress =
        rp_frame_reader_take(&reader, &input, &frame, &is_out_of_memory);
    if (progress == RP_FRAME_READY) {
        is_match = payload_matches(bench, expect, &frame, era->release);
    } else {
        is_match = error_matches(bench, expect, frame_error_name(rp_frame_reader_at_end(&reader)));
    }
    size_t consumed = whole.length_bytes - input.length_bytes;
    if (is_match && vectors_uint(vectors_get(expect, "consumed")) != consumed) {
        is_match = bench_differs(bench, "consumed", "");
    }
    rp_frame_reader_clear(&reader);
    return is_match;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

typedef bool (*case_matcher)(struct bench *bench, const json_t *one_case,
                             const struct vectors_release *era);

/* Returns the number of cases that no rule explains, each told in a line. */
static void compare_family(const char *family, case_matcher matches)
{
    struct vectors vectors;
    struct vectors_tally tally;
    size_t wrong_count = 0;
    vectors_open(&vectors, family);
    vectors_tally_init(&tally, family, NULL, 0);
    for (size_t i = 0; i < vectors_count(&vectors); i++) {
        const json_t *one_case = vectors_case(&vectors, i);
        for (size_t era = 0; era < VECTORS_RELEASE_COUNT; era++) {
            struct bench bench;
            bench_init(&bench);
            bool is_equal = matches(&bench, one_case, &VECTORS_RELEASES[era]);
            if (!vectors_tally_add(&tally, one_case, VECTORS_RELEASES[era].release, is_equal)) {
                wrong_count += 1;
                printf("%s %s: %s\n", vectors_id(one_case),
                       rp_release_name(VECTORS_RELEASES[era].release), bench.note);
            }
            bench_clear(&bench);
        }
    }
    vectors_tally_print(&tally);
    vectors_close(&vectors);
    ck_assert_uint_gt(tally.compared_count, 0);
    ck_assert_uint_eq(wrong_count, 0);
}

/* What we write is what the reference writes, byte for byte, key by key of each generation. */
START_TEST(frames_encode_like_the_reference)
{
    compare_family("frames_encode", encode_case_matches);
}
END_TEST

/* What we make of any bytes is what the reference makes of them, the notes on habits included. */
START_TEST(frames_decode_like_the_reference)
{
    compare_family("frames_decode", decode_case_matches);
}
END_TEST

int main(void)
{
    if (!vectors_present()) {
        return VECTORS_SKIPPED;
    }
    Suite *suite = suite_create("vectors.frames");
    TCase *tcase = tcase_create("families");
    tcase_add_test(tcase, frames_encode_like_the_reference);
    tcase_add_test(tcase, frames_decode_like_the_reference);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
