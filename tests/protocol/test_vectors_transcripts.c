/* The fetch server against the golden data: family transcripts, every case, every release. The disk
 * is simulated under literal names; the reference's store maps a name when it looks. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/frame.h"
#include "protocol/message.h"
#include "protocol/path.h"
#include "tests/lib/fetch_bench.h"
#include "tests/lib/vectors.h"

#define ENTRY_MAX 64

struct world {
    struct test_alloc alloc;
    struct rp_arena arena;
    struct vectors vectors;
    struct rp_file_entry entries[ENTRY_MAX];
    size_t entry_count;
    struct bench_object objects[ENTRY_MAX];
    size_t object_count;
};

static void load_manifest(struct world *world, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        ck_assert_uint_lt(world->entry_count, ENTRY_MAX);
        world->entries[world->entry_count++] =
            bench_entry(vectors_member(item, "path", &world->arena),
                        vectors_member(item, "sha256", &world->arena),
                        vectors_int(vectors_get(item, "size_bytes")));
    }
}

static void load_disk(struct world *world, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        size_t size = (size_t)vectors_uint(vectors_get(item, "size"));
        uint8_t *bytes = rp_arena_allocate(&world->arena, size + 1);
        for (size_t at = 0; at < size; at++) {
            bytes[at] = vectors_file_byte(at, vectors_uint(vectors_get(item, "mul")),
                                          vectors_uint(vectors_get(item, "add")));
        }
        ck_assert_uint_lt(world->object_count, ENTRY_MAX);
        struct bench_object *object = &world->objects[world->object_count++];
        object->path = vectors_member(item, "path", &world->arena);
        object->bytes = rp_view_make(bytes, size);
        object->is_directory = json_is_true(vectors_get(item, "is_directory"));
    }
}

static void world_init(struct world *world)
{
    memset(world, 0, sizeof *world);
    test_alloc_init(&world->alloc);
    rp_arena_init(&world->arena, &world->alloc.alloc);
    vectors_open(&world->vectors, "transcripts");
    const json_t *setup = vectors_get(world->vectors.root, "setup");
    load_manifest(world, vectors_get(setup, "manifest"));
    load_disk(world, vectors_get(setup, "disk"));
}

static void world_clear(struct world *world)
{
    vectors_close(&world->vectors);
    rp_arena_clear(&world->arena);
}

/* ---- One connection --------------------------------------------------------------------------- */

struct session {
    struct world *world;
    const struct rp_traits *traits;
    const json_t *one_case;
    struct rp_auth *auth;
    struct server_bench bench;
    struct bench_object mapped[ENTRY_MAX]; /* the disk under the names the store looks up */
    size_t piece;
    bool is_request;
};

static bool is_admitted(const struct rp_traits *traits, const struct rp_file_entry *entry)
{
    bool is_strict = traits->admission == RP_ADMIT_STRICT;
    return rp_path_admit(traits, entry->path) == RP_PATH_OK &&
           (!is_strict || (entry->size_bytes >= 0 && entry->sha256.length_bytes == RP_SHA256_HEX));
}

static const struct rp_file_entry *find_entry(void *context, struct rp_view path)
{
    struct session *session = context;
    for (size_t i = 0; i < session->world->entry_count; i++) {
        const struct rp_file_entry *entry = &session->world->entries[i];
        if (rp_view_equal(entry->path, path) && is_admitted(session->traits, entry)) {
            return entry;
        }
    }
    return NULL;
}

static bool has_flag(const struct session *session, const char *flag)
{
    const json_t *flags = vectors_get(session->one_case, "server_flags");
    return flags != NULL && json_is_true(vectors_get(flags, flag));
}

/* The literal name can be looked up only if the store's mapping leads to it: a name that the store
 * would change is never found. */
static void map_disk(struct session *session)
{
    struct rp_buffer name;
    rp_buffer_init(&name, &session->world->alloc.alloc, 8192);
    size_t count = 0;
    for (size_t i = 0; i < session->world->object_count; i++) {
        bool is_refused = false;
        const struct bench_object *object = &session->world->objects[i];
        rp_buffer_reset(&name);
        ck_assert_int_eq(rp_path_stored_name(session->traits, object->path, 0, &name, &is_refused),
                         0);
        if (!is_refused && rp_view_equal(rp_buffer_view(&name), object->path)) {
            session->mapped[count++] = *object;
        }
    }
    rp_buffer_clear(&name);
    session->bench.objects = session->mapped;
    session->bench.object_count = count;
}

static void serve(struct session *session, const struct rp_frame *frame)
{
    const json_t *setup = vectors_get(session->world->vectors.root, "setup");
    struct rp_arena *arena = &session->world->arena;
    struct rp_message message;
    if (rp_message_decode(session->traits, frame->type, frame->payload, arena, &message) != 0 ||
        message.type != RP_MSG_FETCH_FILE) {
        return;
    }
    session->is_request = true;
    struct rp_serve_facts facts = {
        .auth = session->auth,
        .self_id = vectors_member(setup, "node_id", arena),
        .cluster = vectors_member(setup, "cluster", arena),
        .wall_unix_s = vectors_int(vectors_get(setup, "now")),
        .serve_timeout_ns = 120 * RP_NS_PER_S,
        .has_consensus = !has_flag(session, "no_raft"),
        .has_fsm = !has_flag(session, "no_fsm"),
        .has_backend = !has_flag(session, "no_backend"),
        .context = session,
        .find_entry = find_entry,
    };
    server_bench_step(&session->bench, (struct rp_serve_event){.kind = RP_SERVE_EV_START,
                                                               .message = &message.as.fetch_file,
                                                               .facts = &facts});
    ck_assert_uint_eq(session->bench.finish_count, 1);
    ck_assert_uint_eq(session->bench.close_count, 1);
}

/* Gives the request to the frame reader in pieces, as a connection would. */
static void receive_request(struct session *session, struct rp_view bytes)
{
    struct rp_frame_reader reader;
    rp_frame_reader_init(&reader, &session->world->alloc.alloc);
    while (bytes.length_bytes > 0) {
        struct rp_view input =
            rp_view_make(bytes.bytes, bench_take(bytes.length_bytes, session->piece));
        size_t offered = input.length_bytes;
        struct rp_frame frame;
        bool is_out_of_memory = false;
        enum rp_frame_progress progress =
            rp_frame_reader_take(&reader, &input, &frame, &is_out_of_memory);
        if (progress == RP_FRAME_READY) {
            serve(session, &frame);
        }
        if (progress != RP_FRAME_NEED_MORE) {
            break;
        }
        bytes = rp_view_make(bytes.bytes + offered, bytes.length_bytes - offered);
    }
    rp_frame_reader_clear(&reader);
}

/* ---- Comparison ------------------------------------------------------------------------------- */

static bool ack_matches(struct session *session, const json_t *expect)
{
    struct rp_view input = rp_buffer_view(&session->bench.received);
    struct rp_frame_reader reader;
    struct rp_frame frame;
    struct rp_message message;
    bool is_out_of_memory = false;
    struct rp_arena *arena = &session->world->arena;
    const json_t *ack = vectors_get(expect, "ack");
    rp_frame_reader_init(&reader, &session->world->alloc.alloc);
    bool is_equal =
        rp_frame_reader_take(&reader, &input, &frame, &is_out_of_memory) == RP_FRAME_READY &&
        rp_message_decode(session->traits, frame.type, frame.payload, arena, &message) == 0 &&
        message.type == RP_MSG_FETCH_FILE_ACK && input.length_bytes == 0;
    if (is_equal) {
        const struct rp_fetch_file_ack *got = &message.as.fetch_file_ack;
        const char *code = vectors_text(ack, "code");
        is_equal = rp_view_equal(got->status, rp_view_text(vectors_text(ack, "status"))) &&
                   rp_view_equal(got->code, rp_view_text(code)) && got->size_bytes == 0 &&
                   got->sha256.length_bytes == 0 && got->byte_offset == 0 &&
                   got->error.length_bytes > 0;
    }
    rp_frame_reader_clear(&reader);
    return is_equal;
}

static bool refusal_matches(const struct session *session, const char *reason)
{
    const char *got = rp_serve_refusal_name(session->bench.finish.refusal);
    return strcmp(reason, "auth") == 0 ? strncmp(got, "auth", 4) == 0 : strcmp(got, reason) == 0;
}

static bool bytes_match(struct session *session, const json_t *expect)
{
    struct rp_view got = rp_buffer_view(&session->bench.received);
    struct rp_arena *arena = &session->world->arena;
    const char *whole = vectors_text(expect, "response_hex");
    if (whole != NULL) {
        return rp_view_equal(got, vectors_hex(whole, arena));
    }
    char hex[RP_SHA256_HEX];
    bench_hash(&session->world->alloc.alloc, got, hex);
    const char *hash = vectors_text(expect, "response_sha256");
    return got.length_bytes == vectors_uint(vectors_get(expect, "response_len")) &&
           (hash == NULL || rp_view_equal(rp_view_make(hex, sizeof hex), rp_view_text(hash)));
}

static bool result_matches(struct session *session, const json_t *expect)
{
    const char *reason = vectors_text(expect, "reason");
    if (reason == NULL) {
        return bytes_match(session, expect);
    }
    return session->is_request && refusal_matches(session, reason) && ack_matches(session, expect);
}

static bool case_matches(struct world *world, const json_t *one_case,
                         const struct vectors_release *era, size_t piece)
{
    struct session session = {.world = world, .one_case = one_case, .piece = piece};
    session.traits = rp_release_traits(era->release);
    const json_t *setup = vectors_get(world->vectors.root, "setup");
    const json_t *secret = json_object_get(one_case, "server_secret") != NULL ? one_case : setup;
    struct rp_view key =
        vectors_member(secret, secret == one_case ? "server_secret" : "secret", &world->arena);
    if (key.length_bytes > 0) {
        ck_assert_int_eq(rp_auth_new(session.traits, key, &world->alloc.alloc, &session.auth), 0);
    }
    server_bench_init(&session.bench, session.traits);
    session.bench.send_max = piece * 61; /* partial, yet not a step a byte */
    map_disk(&session);
    receive_request(&session, vectors_parts(vectors_get(one_case, "request"), &world->arena));
    bool is_equal = result_matches(&session, vectors_expect(one_case, era->generation));
    if (!is_equal && era->release != RP_RELEASE_CURRENT) {
        printf("%s (%s) %s: refusal \"%s\", %zu bytes\n", vectors_id(one_case),
               vectors_text(one_case, "note"), rp_release_name(era->release),
               rp_serve_refusal_name(session.bench.finish.refusal),
               session.bench.received.length_bytes);
    }
    rp_auth_free(session.auth);
    server_bench_clear(&session.bench);
    return is_equal;
}

/* ---- Differences on purpose ------------------------------------------------------------------- */

/* Does the request of the case carry this text? */
static bool request_names(const json_t *one_case, const char *text)
{
    struct test_alloc alloc;
    struct rp_arena arena;
    test_alloc_init(&alloc);
    rp_arena_init(&arena, &alloc.alloc);
    struct rp_view bytes = vectors_parts(vectors_get(one_case, "request"), &arena);
    size_t length = strlen(text);
    bool is_found = false;
    for (size_t at = 0; !is_found && at + length <= bytes.length_bytes; at++) {
        is_found = memcmp(bytes.bytes + at, text, length) == 0;
    }
    rp_arena_clear(&arena);
    return is_found;
}

static bool names_any(const json_t *one_case, enum rp_release release, const char *const *texts,
                      size_t count)
{
    for (size_t i = 0; release == RP_RELEASE_CURRENT && i < count; i++) {
        if (request_names(one_case, texts[i])) {
            return true;
        }
    }
    return false;
}

static bool is_inadmissible(const json_t *one_case, enum rp_release release)
{
    static const char *const texts[] = {"\"top.parquet\"", "/nohash.parquet", "/neg.parquet",
                                        "/one.parquet/child"};
    return names_any(one_case, release, texts, sizeof texts / sizeof texts[0]);
}

static bool is_other_size(const json_t *one_case, enum rp_release release)
{
    static const char *const texts[] = {"/shortdisk.parquet", "/longdisk.parquet",
                                        "/isdir.parquet"};
    return names_any(one_case, release, texts, sizeof texts / sizeof texts[0]);
}

static bool is_empty_file(const json_t *one_case, enum rp_release release)
{
    static const char *const texts[] = {"/empty.parquet"};
    return names_any(one_case, release, texts, 1);
}

static bool is_mapped_name(const json_t *one_case, enum rp_release release)
{
    static const char *const texts[] = {"a..b/c.parquet"};
    return names_any(one_case, release, texts, 1);
}

static bool is_wrapping_time(const json_t *one_case, enum rp_release release)
{
    return release == RP_RELEASE_CURRENT &&
           strstr(vectors_text(one_case, "note"), "extreme timestamp") != NULL;
}

/* Two tuples with a delimiter inside a field could share one MAC. */
static bool has_nul_field(const json_t *one_case, enum rp_release release)
{
    static const char *const texts[] = {"\\u0000"};
    return names_any(one_case, release, texts, 1);
}

static const struct vectors_rule RULES[] = {
    {"wide-drift", "the wrapping timestamp is not fresh", is_wrapping_time},
    {"nul-field", "a NUL in a signed field fails the MAC already", has_nul_field},
    {"admission", "strict admission keeps the entry out of the manifest", is_inadmissible},
    {"other-size", "an object of another size is not the version: not_found", is_other_size},
    {"empty-file", "offset 0 of an empty file is served", is_empty_file},
    {"exact-names", "names are looked up as they are", is_mapped_name},
};

/* ---- Test ------------------------------------------------------------------------------------- */

/* Byte for byte what the reference answered, for requests in one piece and in single bytes, and for
 * a connection that takes little at a time. */
START_TEST(every_recorded_connection_is_answered_alike)
{
    static const size_t PIECES[] = {0, 1, 7};
    struct world world;
    struct vectors_tally tally;
    size_t wrong = 0;
    world_init(&world);
    vectors_tally_init(&tally, "transcripts", RULES, sizeof RULES / sizeof RULES[0]);
    for (size_t i = 0; i < vectors_count(&world.vectors); i++) {
        const json_t *one_case = vectors_case(&world.vectors, i);
        for (size_t e = 0; e < VECTORS_RELEASE_COUNT; e++) {
            const struct vectors_release *era = &VECTORS_RELEASES[e];
            for (size_t p = 0; vectors_expect(one_case, era->generation) != NULL && p < 3; p++) {
                bool is_equal = case_matches(&world, one_case, era, PIECES[p]);
                bool is_fine = vectors_tally_add(&tally, one_case, era->release, is_equal);
                wrong += !is_fine;
                if (!is_fine) {
                    printf("wrong: %s (%s) %s\n", vectors_id(one_case),
                           vectors_text(one_case, "note"), rp_release_name(era->release));
                }
            }
        }
    }
    vectors_tally_print(&tally);
    world_clear(&world);
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_gt(tally.compared_count, 1500);
}
END_TEST

static int run(void)
{
    Suite *suite = suite_create("vectors.transcripts");
    TCase *tc = tcase_create("golden");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, every_recorded_connection_is_answered_alike);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(void)
{
    return vectors_present() ? run() : VECTORS_SKIPPED;
}
