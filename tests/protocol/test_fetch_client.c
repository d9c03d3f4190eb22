/* The fetch client beyond the golden data: timeouts, cancel, back-pressure, binding, lack of memory
 * (behaviour.md 6, wire.md 6). */
#include <check.h>
#include <stdlib.h>

#include "protocol/frame.h"
#include "protocol/message.h"
#include "tests/lib/fetch_bench.h"

#define BODY_SIZE  1000
#define SECONDS(n) ((rp_time_ns)(n)*RP_NS_PER_S)

static struct client_bench bench;
static uint8_t body[BODY_SIZE];
static char body_hex[RP_SHA256_HEX];
static struct rp_buffer answer; /* ack and body as the peer sends them */

static const char NONCE[] = "5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c";

static struct rp_fetch_request make_request(enum rp_release release)
{
    struct rp_fetch_request request = {
        .traits = rp_release_traits(release),
        .node_id = rp_view_text("reader-1"),
        .cluster = rp_view_text("prod"),
        .path = rp_view_text("db/a.parquet"),
        .sha256 = rp_view_make(body_hex, sizeof body_hex),
        .size_bytes = BODY_SIZE,
        .nonce = rp_view_text(NONCE),
        .fetch_timeout_ns = SECONDS(60),
    };
    return request;
}

static void append_ack(struct rp_fetch_file_ack ack)
{
    struct rp_message message = {.type = RP_MSG_FETCH_FILE_ACK, .as.fetch_file_ack = ack};
    ck_assert_int_eq(rp_message_encode(rp_release_traits(RP_RELEASE_CURRENT), &message, &answer),
                     0);
}

static void setup(enum rp_release release)
{
    client_bench_init(&bench, rp_release_traits(release), rp_view_text("secret"));
    rp_buffer_init(&answer, &bench.alloc.alloc, 1 << 20);
    for (size_t i = 0; i < BODY_SIZE; i++) {
        body[i] = (uint8_t)(i * 31 + 7);
    }
    bench_hash(&bench.alloc.alloc, rp_view_make(body, BODY_SIZE), body_hex);
    append_ack((struct rp_fetch_file_ack){.status = rp_view_text("ok"),
                                          .size_bytes = BODY_SIZE,
                                          .sha256 = rp_view_make(body_hex, sizeof body_hex)});
    ck_assert_int_eq(rp_buffer_append(&answer, rp_view_make(body, BODY_SIZE)), 0);
}

static void teardown(void)
{
    rp_buffer_clear(&answer);
    client_bench_clear(&bench);
}

static void start(enum rp_release release)
{
    struct rp_fetch_request request = make_request(release);
    client_bench_start(&bench, &request);
}

/* TestFetchClientHappyPath in every segmentation of stream and sink; extra bytes are never used. */
START_TEST(body_arrives_whatever_the_segmentation)
{
    static const size_t PIECES[] = {0, 1, 2, 7, 100, 999};
    setup(RP_RELEASE_CURRENT);
    bench.sink_max = PIECES[(_i / 6)];
    bench.send_max = PIECES[_i % 6];
    ck_assert_int_eq(rp_buffer_append_text(&answer, "EXTRA"), 0);
    start(RP_RELEASE_CURRENT);
    client_bench_receive(&bench, rp_buffer_view(&answer), PIECES[_i % 6]);
    ck_assert_int_eq(bench.finish.outcome, RP_FETCH_OK);
    ck_assert(rp_view_equal(rp_buffer_view(&bench.sunk), rp_view_make(body, BODY_SIZE)));
    ck_assert_uint_eq(bench.close_count, 1);
    ck_assert_uint_eq(bench.finish_count, 1);
    teardown();
}
END_TEST

/* TestFetchClientBodyHashMismatch: right header, one wrong byte. */
START_TEST(wrong_body_is_a_checksum_mismatch)
{
    setup(RP_RELEASE_CURRENT);
    answer.bytes[answer.length_bytes - 500] ^= 1;
    start(RP_RELEASE_CURRENT);
    client_bench_receive(&bench, rp_buffer_view(&answer), 13);
    ck_assert_int_eq(bench.finish.outcome, RP_FETCH_CHECKSUM_MISMATCH);
    ck_assert_uint_eq(bench.finish.sunk_bytes, BODY_SIZE);
    teardown();
}
END_TEST

/* TestFetchClientChecksumMismatch: another hash in the header ends it before any body byte. */
START_TEST(header_hash_differs_finishes_before_body)
{
    setup(RP_RELEASE_CURRENT);
    rp_buffer_reset(&answer);
    append_ack((struct rp_fetch_file_ack){
        .status = rp_view_text("ok"), .size_bytes = BODY_SIZE, .sha256 = rp_view_text("00")});
    start(RP_RELEASE_CURRENT);
    client_bench_receive(&bench, rp_buffer_view(&answer), 0);
    ck_assert_int_eq(bench.finish.outcome, RP_FETCH_CHECKSUM_MISMATCH);
    ck_assert_uint_eq(bench.append_count, 0);
    teardown();
}
END_TEST

/* The one bound of each phase (wire.md 6): how far the fetch gets before the peer falls silent, the
 * configured fetch timeout, when the timer is due, and how it ends then. */
static const struct {
    const char *name;
    enum rp_release release;
    char phase; /* d dial, s send, a ack, b body */
    uint64_t fetch_timeout_s, due_s;
    enum rp_fetch_class class;
} SILENCES[] = {
    {"dial", RP_RELEASE_CURRENT, 'd', 60, 10, RP_FETCH_CLASS_DIAL},
    {"short dial", RP_RELEASE_CURRENT, 'd', 4, 4, RP_FETCH_CLASS_DIAL},
    {"arc: short dial", RP_RELEASE_ARC, 'd', 4, 4, RP_FETCH_CLASS_DIAL},
    {"ack", RP_RELEASE_CURRENT, 'a', 60, 15, RP_FETCH_CLASS_RECEIVE_HEADER},
    {"short ack", RP_RELEASE_CURRENT, 'a', 4, 4, RP_FETCH_CLASS_RECEIVE_HEADER},
    {"arc: ack has its own bound", RP_RELEASE_ARC, 'a', 4, 15, RP_FETCH_CLASS_RECEIVE_HEADER},
    {"body", RP_RELEASE_CURRENT, 'b', 60, 60, RP_FETCH_CLASS_BODY_STREAM},
};

START_TEST(silence_ends_at_the_bound_of_its_phase)
{
    setup(SILENCES[_i].release);
    struct rp_fetch_request request = make_request(SILENCES[_i].release);
    request.fetch_timeout_ns = SECONDS(SILENCES[_i].fetch_timeout_s);
    bench.is_dial_silent = SILENCES[_i].phase == 'd';
    client_bench_start(&bench, &request);
    if (SILENCES[_i].phase == 'b') {
        client_bench_receive(&bench, rp_view_make(answer.bytes, answer.length_bytes - 1), 0);
    }
    rp_time_ns due_ns = SECONDS(SILENCES[_i].due_s);
    ck_assert_msg(rp_fetch_client_deadline(bench.client) == due_ns, "row %d, %s", _i,
                  SILENCES[_i].name);
    client_bench_timer(&bench, due_ns - 1);
    ck_assert_uint_eq(bench.finish_count, 0);
    client_bench_timer(&bench, due_ns);
    ck_assert_int_eq(bench.finish.class, SILENCES[_i].class);
    ck_assert_int_eq(bench.finish.error, RP_ERR_TIMEOUT);
    ck_assert_uint_eq(bench.close_count, 1);
    teardown();
}
END_TEST

/* wire.md 6: `arc` hangs in the body; drops of bytes do not extend the bound of `current`. */
START_TEST(body_has_no_bound_in_arc_and_a_fixed_one_in_current)
{
    enum rp_release release = _i == 0 ? RP_RELEASE_ARC : RP_RELEASE_CURRENT;
    setup(release);
    start(release);
    bench.now_ns = SECONDS(12);
    client_bench_receive(&bench, rp_view_make(answer.bytes, answer.length_bytes - 10), 50);
    bench.now_ns = SECONDS(50);
    client_bench_receive(&bench, rp_view_make(answer.bytes + answer.length_bytes - 10, 5), 1);
    ck_assert_uint_eq(rp_fetch_client_deadline(bench.client),
                      _i == 0 ? RP_TIME_NEVER : SECONDS(60));
    teardown();
}
END_TEST

/* TestFetchClientDialError, PeerDropsBeforeReply, a cut body, a full disk, a stop at any time. */
static const struct {
    const char *name;
    char story; /* r refused dial, e end before the ack, c cut body, s sink error, x cancel */
    enum rp_fetch_class class;
    size_t closes;
} TROUBLES[] = {
    {"dial refused", 'r', RP_FETCH_CLASS_DIAL, 0},
    {"peer drops before the reply", 'e', RP_FETCH_CLASS_RECEIVE_HEADER, 1},
    {"cut body", 'c', RP_FETCH_CLASS_BODY_STREAM, 1},
    {"sink refuses", 's', RP_FETCH_CLASS_SINK, 1},
    {"cancel in the body", 'x', RP_FETCH_CLASS_CANCELLED, 1},
    {"cancel while dialling", 'd', RP_FETCH_CLASS_CANCELLED, 1},
    {"cancel while the sink is busy", 'b', RP_FETCH_CLASS_CANCELLED, 1},
};

START_TEST(trouble_ends_once_with_its_class)
{
    char story = TROUBLES[_i].story;
    setup(RP_RELEASE_CURRENT);
    bench.dial_error = story == 'r' ? RP_ERR_REFUSED : 0;
    bench.sink_error = story == 's' ? RP_ERR_NO_SPACE : 0;
    bench.is_dial_silent = story == 'd';
    bench.is_sink_silent = story == 'b';
    start(RP_RELEASE_CURRENT);
    if (strchr("csxb", story) != NULL) {
        client_bench_receive(&bench, rp_view_make(answer.bytes, answer.length_bytes - 1), 0);
    }
    if (strchr("ec", story) != NULL) {
        client_bench_end(&bench, 0);
    }
    if (strchr("xdb", story) != NULL) {
        client_bench_step(&bench, (struct rp_fetch_event){.kind = RP_FETCH_EV_CANCEL});
    }
    ck_assert_msg(bench.finish.class == TROUBLES[_i].class, "row %d, %s: %s", _i, TROUBLES[_i].name,
                  rp_fetch_class_name(bench.finish.class));
    ck_assert_uint_eq(bench.finish_count, 1);
    ck_assert_uint_eq(bench.close_count, TROUBLES[_i].closes);
    client_bench_end(&bench, RP_ERR_RESET);
    ck_assert_uint_eq(bench.finish_count, 1);
    teardown();
}
END_TEST

/* The last bytes and the end of stream come together while the sink is still busy. */
START_TEST(end_of_stream_waits_for_the_sink)
{
    setup(RP_RELEASE_CURRENT);
    bench.is_sink_silent = true;
    start(RP_RELEASE_CURRENT);
    client_bench_receive(&bench, rp_buffer_view(&answer), 0);
    client_bench_end(&bench, RP_ERR_RESET);
    ck_assert_uint_eq(bench.finish_count, 0);
    client_bench_step(&bench,
                      (struct rp_fetch_event){.kind = RP_FETCH_EV_SUNK, .taken_bytes = BODY_SIZE});
    ck_assert_int_eq(bench.finish.outcome, RP_FETCH_OK);
    teardown();
}
END_TEST

/* TestFetchClientHMACSent; the second MAC goes to a known addressee, and only in `current`. */
START_TEST(macs_on_the_wire_verify)
{
    bool is_bound = _i == 1;
    setup(RP_RELEASE_CURRENT);
    struct rp_fetch_request request = make_request(RP_RELEASE_CURRENT);
    request.addressee = rp_view_text(is_bound ? "writer-1" : "");
    bench.wall_unix_s = 1775916000;
    client_bench_start(&bench, &request);
    struct rp_arena arena;
    struct rp_message message;
    rp_arena_init(&arena, &bench.alloc.alloc);
    struct rp_view payload = rp_view_make(bench.sent.bytes + 5, bench.sent.length_bytes - 5);
    ck_assert_int_eq(
        rp_message_decode(request.traits, bench.sent.bytes[4], payload, &arena, &message), 0);
    const struct rp_fetch_file *fetch = &message.as.fetch_file;
    struct rp_auth_tuple tuple = {.kind = RP_AUTH_FETCH,
                                  .nonce = request.nonce,
                                  .node_id = request.node_id,
                                  .cluster = request.cluster,
                                  .timestamp = 1775916000,
                                  .path = request.path,
                                  .addressee = request.addressee};
    ck_assert_int_eq(rp_auth_check(bench.auth, &tuple, fetch->hmac, 1775916000, 300), RP_AUTH_OK);
    tuple.kind = RP_AUTH_BOUND_FETCH;
    ck_assert_int_eq(fetch->bound_hmac.length_bytes > 0, is_bound);
    ck_assert_int_eq(rp_auth_check(bench.auth, &tuple, fetch->bound_hmac, 1775916000, 300),
                     is_bound ? RP_AUTH_OK : RP_AUTH_MISMATCH);
    rp_arena_clear(&arena);
    teardown();
}
END_TEST

/* TestFetchClientConfigValidation */
START_TEST(missing_identity_is_refused)
{
    setup(RP_RELEASE_CURRENT);
    struct rp_fetch_request request = make_request(RP_RELEASE_CURRENT);
    struct rp_fetch_client *client = NULL;
    request.auth = _i == 0 ? NULL : bench.auth;
    request.hash = bench.hash;
    request.node_id = _i == 1 ? rp_view_text("") : request.node_id;
    request.cluster = _i == 2 ? rp_view_text("") : request.cluster;
    ck_assert_int_eq(rp_fetch_client_new(&request, &bench.alloc.alloc, &client), RP_ERR_INVALID);
    teardown();
}
END_TEST

/* Whichever allocation fails, it ends once, never with OK on wrong bytes, and leaks nothing. */
START_TEST(every_failing_allocation_ends_it_once)
{
    setup(RP_RELEASE_CURRENT);
    struct rp_fetch_request request = make_request(RP_RELEASE_CURRENT);
    request.auth = bench.auth;
    request.hash = bench.hash;
    bench.alloc.call_count = 0;
    bench.alloc.fail_at = (size_t)_i + 1;
    if (rp_fetch_client_new(&request, &bench.alloc.alloc, &bench.client) == 0) {
        client_bench_step(&bench, (struct rp_fetch_event){.kind = RP_FETCH_EV_START});
        if (bench.finish_count == 0) {
            bench.alloc.fail_at = 0;
            client_bench_receive(&bench, rp_buffer_view(&answer), 0);
        }
        ck_assert_uint_eq(bench.finish_count, 1);
    }
    bench.alloc.fail_at = 0;
    teardown();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("protocol.fetch_client");
    TCase *tc = tcase_create("fetch_client");
    tcase_add_loop_test(tc, body_arrives_whatever_the_segmentation, 0, 36);
    tcase_add_test(tc, wrong_body_is_a_checksum_mismatch);
    tcase_add_test(tc, header_hash_differs_finishes_before_body);
    tcase_add_loop_test(tc, silence_ends_at_the_bound_of_its_phase, 0,
                        sizeof SILENCES / sizeof SILENCES[0]);
    tcase_add_loop_test(tc, body_has_no_bound_in_arc_and_a_fixed_one_in_current, 0, 2);
    tcase_add_loop_test(tc, trouble_ends_once_with_its_class, 0,
                        sizeof TROUBLES / sizeof TROUBLES[0]);
    tcase_add_test(tc, end_of_stream_waits_for_the_sink);
    tcase_add_loop_test(tc, macs_on_the_wire_verify, 0, 2);
    tcase_add_loop_test(tc, missing_identity_is_refused, 0, 3);
    tcase_add_loop_test(tc, every_failing_allocation_ends_it_once, 0, 3);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
