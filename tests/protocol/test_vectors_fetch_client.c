/* The fetch client against the golden data: families client_acks and client_requests, every case,
 * every release, whole and in single bytes. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/fetch_bench.h"
#include "tests/lib/vectors.h"

static const size_t PIECES[] = {0, 1, 3};

static struct rp_fetch_request setup_request(const struct vectors *vectors,
                                             const struct rp_traits *traits, struct rp_arena *arena)
{
    const json_t *setup = vectors_get(vectors->root, "setup");
    struct rp_fetch_request request = {
        .traits = traits,
        .node_id = vectors_member(setup, "node_id", arena),
        .cluster = vectors_member(setup, "cluster", arena),
        .nonce = vectors_member(setup, "nonce", arena),
        .fetch_timeout_ns = 60 * RP_NS_PER_S,
    };
    return request;
}

static void open_bench(struct client_bench *bench, const struct vectors *vectors,
                       const struct rp_traits *traits, struct rp_arena *arena)
{
    const json_t *setup = vectors_get(vectors->root, "setup");
    client_bench_init(bench, traits, vectors_member(setup, "secret", arena));
    bench->wall_unix_s = vectors_int(vectors_get(setup, "now"));
}

/* ---- client_acks ------------------------------------------------------------------------------ */

static void feed(struct client_bench *bench, const json_t *one_case, struct rp_arena *arena,
                 size_t piece)
{
    if (json_is_true(vectors_get(one_case, "server_silent"))) {
        client_bench_timer(bench, rp_fetch_client_deadline(bench->client));
        return;
    }
    client_bench_receive(bench, vectors_parts(vectors_get(one_case, "server_sends"), arena), piece);
    client_bench_end(bench, 0);
}

static void prepare_prefix(struct client_bench *bench, const json_t *one_case,
                           struct rp_fetch_request *request, struct rp_arena *arena)
{
    const char *prefix = vectors_text(one_case, "prefix_hex");
    const json_t *offset = vectors_get(one_case, "offset");
    request->byte_offset = offset == NULL ? 0 : vectors_int(offset);
    request->is_prefix_hashed = prefix != NULL;
    if (prefix != NULL) {
        rp_sha256_begin(bench->hash);
        rp_sha256_update(bench->hash, vectors_hex(prefix, arena));
    }
}

static bool ack_result_matches(struct client_bench *bench, const json_t *expect)
{
    char hex[RP_SHA256_HEX];
    bench_hash(&bench->alloc.alloc, rp_buffer_view(&bench->sunk), hex);
    const char *class = rp_fetch_class_name(bench->finish.class);
    return bench->finish_count == 1 && strcmp(class, vectors_text(expect, "class")) == 0 &&
           bench->finish.sunk_bytes == vectors_uint(vectors_get(expect, "returned")) &&
           bench->sunk.length_bytes == vectors_uint(vectors_get(expect, "written_len")) &&
           rp_view_equal(rp_view_make(hex, sizeof hex),
                         rp_view_text(vectors_text(expect, "written_sha256")));
}

static bool ack_case_matches(const struct vectors *vectors, const json_t *one_case,
                             const struct vectors_release *era, size_t piece)
{
    struct test_alloc alloc;
    struct rp_arena arena;
    struct client_bench bench;
    test_alloc_init(&alloc);
    rp_arena_init(&arena, &alloc.alloc);
    const struct rp_traits *traits = rp_release_traits(era->release);
    open_bench(&bench, vectors, traits, &arena);
    bench.sink_max = piece;
    struct rp_fetch_request request = setup_request(vectors, traits, &arena);
    const json_t *entry = vectors_get(one_case, "entry");
    request.path = vectors_member(entry, "path", &arena);
    request.sha256 = vectors_member(entry, "sha256", &arena);
    request.size_bytes = vectors_int(vectors_get(entry, "size_bytes"));
    prepare_prefix(&bench, one_case, &request, &arena);
    client_bench_start(&bench, &request);
    if (bench.finish_count == 0) {
        feed(&bench, one_case, &arena, piece);
    }
    bool is_equal = ack_result_matches(&bench, vectors_expect(one_case, era->generation));
    if (!is_equal) {
        printf("%s %s piece %zu: got %s, %zu bytes\n", vectors_id(one_case),
               rp_release_name(era->release), piece, rp_fetch_class_name(bench.finish.class),
               bench.sunk.length_bytes);
    }
    client_bench_clear(&bench);
    rp_arena_clear(&arena);
    return is_equal;
}

static void check_ack_case(const struct vectors *vectors, const json_t *one_case,
                           struct vectors_tally *tally, size_t *wrong)
{
    for (size_t i = 0; i < VECTORS_RELEASE_COUNT; i++) {
        const struct vectors_release *era = &VECTORS_RELEASES[i];
        if (vectors_expect(one_case, era->generation) == NULL) {
            continue;
        }
        for (size_t p = 0; p < sizeof PIECES / sizeof PIECES[0]; p++) {
            bool is_equal = ack_case_matches(vectors, one_case, era, PIECES[p]);
            *wrong += !vectors_tally_add(tally, one_case, era->release, is_equal);
        }
    }
}

/* The class reported and the bytes handed on, for every scripted answer (behaviour.md 6.2). */
START_TEST(every_recorded_answer_is_classified_alike)
{
    struct vectors vectors;
    struct vectors_tally tally;
    size_t wrong = 0;
    vectors_open(&vectors, "client_acks");
    vectors_tally_init(&tally, "client_acks", NULL, 0);
    for (size_t i = 0; i < vectors_count(&vectors); i++) {
        check_ack_case(&vectors, vectors_case(&vectors, i), &tally, &wrong);
    }
    vectors_tally_print(&tally);
    vectors_close(&vectors);
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_gt(tally.compared_count, 300);
}
END_TEST

/* ---- client_requests -------------------------------------------------------------------------- */

static bool request_case_matches(const struct vectors *vectors, const json_t *one_case,
                                 const struct vectors_release *era, size_t send_max)
{
    static const char HASH[] = "0000000000000000000000000000000000000000000000000000000000000000";
    struct test_alloc alloc;
    struct rp_arena arena;
    struct client_bench bench;
    test_alloc_init(&alloc);
    rp_arena_init(&arena, &alloc.alloc);
    const struct rp_traits *traits = rp_release_traits(era->release);
    open_bench(&bench, vectors, traits, &arena);
    bench.send_max = send_max;
    struct rp_fetch_request request = setup_request(vectors, traits, &arena);
    request.path = vectors_member(one_case, "path", &arena);
    request.sha256 = rp_view_text(HASH);
    request.size_bytes = 100;
    request.byte_offset = vectors_int(vectors_get(one_case, "offset"));
    request.is_prefix_hashed = request.byte_offset > 0;
    rp_sha256_begin(bench.hash);
    client_bench_start(&bench, &request);
    const char *wanted = vectors_text(vectors_get(one_case, "expect_request_hex"), era->generation);
    bool is_equal = rp_view_equal(rp_buffer_view(&bench.sent), vectors_hex(wanted, &arena));
    client_bench_clear(&bench);
    rp_arena_clear(&arena);
    return is_equal;
}

/* Byte for byte the frames of the reference, whatever the connection takes at a time. */
START_TEST(every_recorded_request_is_written_alike)
{
    struct vectors vectors;
    struct vectors_tally tally;
    vectors_open(&vectors, "client_requests");
    vectors_tally_init(&tally, "client_requests", NULL, 0);
    for (size_t i = 0; i < vectors_count(&vectors); i++) {
        const json_t *one_case = vectors_case(&vectors, i);
        for (size_t e = 0; e < VECTORS_RELEASE_COUNT; e++) {
            const struct vectors_release *era = &VECTORS_RELEASES[e];
            if (vectors_get(vectors_get(one_case, "expect_request_hex"), era->generation) == NULL) {
                continue;
            }
            for (size_t p = 0; p < sizeof PIECES / sizeof PIECES[0]; p++) {
                bool is_equal = request_case_matches(&vectors, one_case, era, PIECES[p]);
                ck_assert_msg(vectors_tally_add(&tally, one_case, era->release, is_equal),
                              "%s under %s", vectors_id(one_case), rp_release_name(era->release));
            }
        }
    }
    vectors_tally_print(&tally);
    vectors_close(&vectors);
    ck_assert_uint_gt(tally.compared_count, 60);
}
END_TEST

static int run(void)
{
    Suite *suite = suite_create("vectors.fetch_client");
    TCase *tc = tcase_create("golden");
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, every_recorded_answer_is_classified_alike);
    tcase_add_test(tc, every_recorded_request_is_written_alike);
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
