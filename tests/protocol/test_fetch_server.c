/* The fetch server beyond the golden data: order of checks, binding, replay, timeouts, cancel
 * (behaviour.md 5, wire.md 6). */
#include <check.h>
#include <stdlib.h>

#include "protocol/message.h"
#include "tests/lib/fetch_bench.h"

#define NOW        INT64_C(1775916000)
#define SECONDS(n) ((rp_time_ns)(n)*RP_NS_PER_S)
#define BODY_SIZE  600000

static struct server_bench bench;
static struct rp_auth *auth;
static struct rp_file_entry entry;
static struct bench_object object;
static uint8_t body[BODY_SIZE];
static bool is_sender_bound, is_nonce_known;
static size_t nonce_count;
static struct rp_fetch_file message;
static char mac[RP_SHA256_HEX], bound_mac[RP_SHA256_HEX];

static const struct rp_file_entry *find_entry(void *context, struct rp_view path)
{
    (void)context;
    return rp_view_equal(path, entry.path) ? &entry : NULL;
}

static bool is_bound_sender(void *context, struct rp_view node_id)
{
    (void)context;
    (void)node_id;
    return is_sender_bound;
}

static bool remember_nonce(void *context, struct rp_view node_id, struct rp_view nonce,
                           int64_t timestamp)
{
    (void)context;
    (void)node_id;
    (void)nonce;
    (void)timestamp;
    nonce_count += 1;
    return !is_nonce_known;
}

static void sign(struct rp_view path, int64_t timestamp, const char *addressee)
{
    struct rp_auth_tuple tuple = {.kind = RP_AUTH_FETCH,
                                  .nonce = rp_view_text("n1"),
                                  .node_id = rp_view_text("reader-1"),
                                  .cluster = rp_view_text("prod"),
                                  .timestamp = timestamp,
                                  .path = path,
                                  .addressee = rp_view_text(addressee)};
    ck_assert_int_eq(rp_auth_sign(auth, &tuple, mac), 0);
    message = (struct rp_fetch_file){.path = path,
                                     .node_id = tuple.node_id,
                                     .nonce = tuple.nonce,
                                     .timestamp = timestamp,
                                     .hmac = rp_view_make(mac, sizeof mac)};
    if (addressee[0] != '\0') {
        tuple.kind = RP_AUTH_BOUND_FETCH;
        ck_assert_int_eq(rp_auth_sign(auth, &tuple, bound_mac), 0);
        message.bound_hmac = rp_view_make(bound_mac, sizeof bound_mac);
    }
}

static void setup(enum rp_release release)
{
    const struct rp_traits *traits = rp_release_traits(release);
    server_bench_init(&bench, traits);
    ck_assert_int_eq(rp_auth_new(traits, rp_view_text("secret"), &bench.alloc.alloc, &auth), 0);
    for (size_t i = 0; i < BODY_SIZE; i++) {
        body[i] = (uint8_t)(i * 13 + 1);
    }
    entry = bench_entry(rp_view_text("db/a"),
                        rp_view_text("000000000000000000000000000000000000000000000000000000000000"
                                     "0000"),
                        BODY_SIZE);
    object = (struct bench_object){entry.path, rp_view_make(body, BODY_SIZE), false};
    bench.objects = &object;
    bench.object_count = 1;
    sign(entry.path, NOW, "");
}

static void teardown(void)
{
    rp_auth_free(auth);
    server_bench_clear(&bench);
    ck_assert_uint_eq(entry.reference_count, BENCH_ENTRY_REFERENCES);
}

static void start(void)
{
    struct rp_serve_facts facts = {.auth = auth,
                                   .self_id = rp_view_text("writer-1"),
                                   .cluster = rp_view_text("prod"),
                                   .wall_unix_s = NOW,
                                   .serve_timeout_ns = SECONDS(120),
                                   .has_consensus = true,
                                   .has_fsm = true,
                                   .has_backend = true,
                                   .is_bound_sender = is_bound_sender,
                                   .remember_nonce = remember_nonce,
                                   .find_entry = find_entry};
    server_bench_step(&bench, (struct rp_serve_event){
                                  .kind = RP_SERVE_EV_START, .message = &message, .facts = &facts});
}

static void timer(rp_time_ns now_ns)
{
    bench.now_ns = now_ns;
    server_bench_step(&bench, (struct rp_serve_event){.kind = RP_SERVE_EV_TIMER});
}

static struct rp_view received_tail(void)
{
    size_t head = bench.received.length_bytes - (size_t)bench.finish.body_bytes;
    return rp_view_make(bench.received.bytes + head, (size_t)bench.finish.body_bytes);
}

/* ---- Bodies ------------------------------------------------------------------------------------ */

/* exact-stream: exactly the announced tail, whatever the connection takes at a time, then close; the
 * reader is given back. */
START_TEST(announced_tail_is_served_exactly)
{
    static const size_t TAKES[] = {0, 1000, 262144, 262145};
    static const size_t OFFSETS[] = {0, 1, BODY_SIZE - 1};
    size_t offset = OFFSETS[_i % 3];
    setup(RP_RELEASE_CURRENT);
    bench.send_max = TAKES[_i / 3];
    message.byte_offset = (int64_t)offset;
    start();
    ck_assert_int_eq(bench.finish.outcome, RP_SERVE_SERVED);
    ck_assert(rp_view_equal(received_tail(), rp_view_make(body + offset, BODY_SIZE - offset)));
    ck_assert_uint_eq(bench.read_close_count, 1);
    ck_assert_uint_eq(bench.close_count, 1);
    teardown();
}
END_TEST

/* A body that the store cuts short ends early and is never padded; one of another size is refused
 * by `current` before anything is promised, and served as it is by `arc`. */
START_TEST(other_sizes_are_refused_or_sent_as_they_are)
{
    bool is_arc = _i >= 2;
    size_t size = _i % 2 == 0 ? BODY_SIZE - 1 : BODY_SIZE;
    setup(is_arc ? RP_RELEASE_ARC : RP_RELEASE_CURRENT);
    entry.size_bytes = BODY_SIZE - (_i % 2);
    object.bytes = rp_view_make(body, size);
    start();
    ck_assert_int_eq(bench.finish.outcome, is_arc ? RP_SERVE_SERVED : RP_SERVE_REFUSED);
    ck_assert_uint_eq(bench.finish.body_bytes, is_arc ? size : 0);
    ck_assert_int_eq(bench.finish.refusal,
                     is_arc ? RP_SERVE_REFUSED_NOT : RP_SERVE_REFUSED_NOT_FOUND);
    teardown();
}
END_TEST

START_TEST(failing_read_closes_early)
{
    setup(RP_RELEASE_CURRENT);
    bench.read_error = RP_ERR_IO;
    start();
    ck_assert_int_eq(bench.finish.outcome, RP_SERVE_CUT_SHORT);
    ck_assert_uint_eq(bench.finish.body_bytes, 0);
    ck_assert_uint_eq(bench.read_close_count, 1);
    teardown();
}
END_TEST

/* ---- Refusals ---------------------------------------------------------------------------------- */

/* uniform-refusal: whatever is wrong with an unauthenticated request, the answer is the same in
 * bytes, and neither manifest nor store nor nonce memory is touched. */
START_TEST(unauthenticated_requests_look_alike)
{
    static const enum rp_serve_refusal REFUSALS[] = {
        RP_SERVE_REFUSED_EXPIRED, RP_SERVE_REFUSED_EXPIRED, RP_SERVE_REFUSED_MAC,
        RP_SERVE_REFUSED_MAC,     RP_SERVE_REFUSED_BINDING, RP_SERVE_REFUSED_BINDING,
        RP_SERVE_REFUSED_REPLAY};
    struct rp_buffer first;
    setup(RP_RELEASE_CURRENT);
    message.hmac = rp_view_text("00");
    start();
    rp_buffer_init(&first, &bench.alloc.alloc, 4096);
    ck_assert_int_eq(rp_buffer_append(&first, rp_buffer_view(&bench.received)), 0);
    rp_fetch_server_free(bench.server);
    rp_buffer_reset(&bench.received);
    bench.finish_count = bench.close_count = 0;
    ck_assert_int_eq(rp_fetch_server_new(bench.traits, &bench.alloc.alloc, &bench.server), 0);
    is_sender_bound = _i == 4;
    is_nonce_known = _i == 6;
    sign(entry.path, _i == 0 ? NOW - 301 : _i == 1 ? NOW + 301 : NOW, _i == 5 ? "other" : "");
    if (_i == 2) {
        message.path = rp_view_text("db/b"); /* TestPhase2FetchRejectsHMACPathReplay */
    } else if (_i == 3) {
        message.hmac = rp_view_text("");
    }
    start();
    ck_assert_int_eq(bench.finish.refusal, REFUSALS[_i]);
    ck_assert(rp_view_equal(rp_buffer_view(&bench.received), rp_buffer_view(&first)));
    ck_assert_uint_eq(bench.stat_count + bench.open_count + bench.accepted_count, 0);
    ck_assert_uint_eq(nonce_count, _i == 6);
    rp_buffer_clear(&first);
    teardown();
}
END_TEST

/* design.md: a bound sender's request passes only with the second MAC for this very node. */
START_TEST(bound_request_to_this_node_is_served)
{
    setup(RP_RELEASE_CURRENT);
    is_sender_bound = true;
    sign(entry.path, NOW, "writer-1");
    start();
    ck_assert_int_eq(bench.finish.outcome, RP_SERVE_SERVED);
    ck_assert_uint_eq(nonce_count, 1);
    teardown();
}
END_TEST

/* TestPhase2FetchRejectsUnknownPath: on disk but not in the manifest. */
START_TEST(unknown_path_never_reaches_the_store)
{
    setup(RP_RELEASE_CURRENT);
    sign(rp_view_text("db/other"), NOW, "");
    start();
    ck_assert_int_eq(bench.finish.refusal, RP_SERVE_REFUSED_MANIFEST);
    ck_assert_uint_eq(bench.accepted_count, 1);
    ck_assert_uint_eq(bench.stat_count + bench.open_count, 0);
    teardown();
}
END_TEST

/* ---- Time and ends ----------------------------------------------------------------------------- */

/* wire.md 6: existence 5 s, error ack 5 s, ok ack 10 s, and one absolute limit for the body. */
START_TEST(each_phase_has_its_bound)
{
    setup(RP_RELEASE_CURRENT);
    bench.is_store_silent = true;
    start();
    ck_assert_uint_eq(rp_fetch_server_deadline(bench.server), SECONDS(5));
    bench.is_net_silent = true;
    timer(SECONDS(5));
    ck_assert_uint_eq(bench.cancel_store_count, 1);
    ck_assert_uint_eq(bench.finish_count, 0);
    ck_assert_uint_eq(rp_fetch_server_deadline(bench.server), SECONDS(10));
    timer(SECONDS(10));
    ck_assert_int_eq(bench.finish.outcome, RP_SERVE_REFUSED);
    ck_assert_int_eq(bench.finish.refusal, RP_SERVE_REFUSED_BACKEND_ERROR);
    teardown();
}
END_TEST

/* "Configurable serve timeout": a reader that takes a little now and then is cut all the same. */
START_TEST(slow_reader_is_cut_at_the_serve_timeout)
{
    setup(RP_RELEASE_CURRENT);
    bench.is_net_silent = true;
    start();
    ck_assert_uint_eq(rp_fetch_server_deadline(bench.server), SECONDS(10)); /* ok ack */
    size_t ack_length = 0;
    for (size_t length = 1; ack_length == 0; length++) {
        server_bench_step(&bench,
                          (struct rp_serve_event){.kind = RP_SERVE_EV_SENT, .taken_bytes = 1});
        server_bench_step(&bench, (struct rp_serve_event){.kind = RP_SERVE_EV_WRITABLE});
        ack_length = bench.read_count > 0 ? length : 0;
    }
    ck_assert_uint_eq(rp_fetch_server_deadline(bench.server), SECONDS(120));
    bench.now_ns = SECONDS(100);
    server_bench_step(&bench, (struct rp_serve_event){.kind = RP_SERVE_EV_SENT, .taken_bytes = 10});
    timer(SECONDS(120) - 1);
    ck_assert_uint_eq(bench.finish_count, 0);
    timer(SECONDS(120));
    ck_assert_int_eq(bench.finish.outcome, RP_SERVE_TIMED_OUT);
    ck_assert_uint_eq(bench.finish.body_bytes, 10);
    ck_assert_uint_eq(bench.read_close_count, 1);
    teardown();
}
END_TEST

/* Stop, and a peer that resets, in the store and in the body: one end, nothing more is asked for. A
 * mere half-close changes nothing. */
START_TEST(stop_and_reset_end_it_at_once)
{
    bool is_reset = _i % 2 == 1, is_in_store = _i < 2;
    setup(RP_RELEASE_CURRENT);
    bench.is_store_silent = is_in_store;
    bench.is_net_silent = !is_in_store;
    start();
    server_bench_step(&bench, (struct rp_serve_event){.kind = RP_SERVE_EV_ENDED});
    ck_assert_uint_eq(bench.finish_count, 0);
    server_bench_step(
        &bench, (struct rp_serve_event){.kind = is_reset ? RP_SERVE_EV_ENDED : RP_SERVE_EV_CANCEL,
                                        .error = is_reset ? RP_ERR_RESET : 0});
    ck_assert_int_eq(bench.finish.outcome, is_reset ? RP_SERVE_PEER_GONE : RP_SERVE_CANCELLED);
    ck_assert_uint_eq(bench.cancel_store_count, is_in_store);
    ck_assert_uint_eq(bench.read_close_count, !is_in_store);
    ck_assert_uint_eq(rp_fetch_server_deadline(bench.server), RP_TIME_NEVER);
    server_bench_step(&bench,
                      (struct rp_serve_event){.kind = RP_SERVE_EV_OPENED, .size_bytes = BODY_SIZE});
    ck_assert_uint_eq(bench.finish_count, 1);
    teardown();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("protocol.fetch_server");
    TCase *tc = tcase_create("fetch_server");
    tcase_add_loop_test(tc, announced_tail_is_served_exactly, 0, 12);
    tcase_add_loop_test(tc, other_sizes_are_refused_or_sent_as_they_are, 0, 4);
    tcase_add_test(tc, failing_read_closes_early);
    tcase_add_loop_test(tc, unauthenticated_requests_look_alike, 0, 7);
    tcase_add_test(tc, bound_request_to_this_node_is_served);
    tcase_add_test(tc, unknown_path_never_reaches_the_store);
    tcase_add_test(tc, each_phase_has_its_bound);
    tcase_add_test(tc, slow_reader_is_cut_at_the_serve_timeout);
    tcase_add_loop_test(tc, stop_and_reset_end_it_at_once, 0, 4);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
