#include <check.h>
#include <stdio.h>

#include "protocol/error.h"
#include "protocol/limits.h"
#include "protocol/nonce_cache.h"
#include "tests/lib/test_alloc.h"

#define WALL INT64_C(1775923200)

/* ---- Fixture --------------------------------------------------------------------------------- */

static struct test_alloc memory;
static struct rp_nonce_cache *cache;

static void setup(void)
{
    test_alloc_init(&memory);
    cache = NULL;
}

static void teardown(void)
{
    rp_nonce_cache_free(cache);
    ck_assert_uint_eq(memory.live_count, 0);
}

/* ---- Helpers --------------------------------------------------------------------------------- */

static void use(enum rp_release release, size_t count_max)
{
    rp_nonce_cache_free(cache);
    ck_assert_int_eq(
        rp_nonce_cache_new(rp_release_traits(release), &memory.alloc, count_max, &cache), 0);
}

/* A forward seen by arc at a monotonic second. */
static enum rp_nonce_verdict forward_at(const char *nonce, uint64_t second)
{
    return rp_nonce_cache_track(cache, RP_AUTH_FORWARD, rp_view_text("n"), rp_view_text(nonce),
                                WALL, second * RP_NS_PER_S, WALL);
}

/* A fetch seen by current at a wall second, stamped some seconds from WALL. */
static enum rp_nonce_verdict fetch_at(const char *nonce, int64_t stamp, int64_t wall)
{
    return rp_nonce_cache_track(cache, RP_AUTH_FETCH, rp_view_text("n"), rp_view_text(nonce),
                                WALL + stamp, 0, WALL + wall);
}

static enum rp_nonce_verdict track(enum rp_auth_kind kind, struct rp_view node,
                                   struct rp_view nonce)
{
    return rp_nonce_cache_track(cache, kind, node, nonce, WALL, 0, WALL);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

/* TestNonceCache: first sight is fresh, a second one inside the lifetime is a replay. */
START_TEST(second_sight_is_a_replay)
{
    use((enum rp_release)_i, RP_NONCE_COUNT_MAX);
    ck_assert_int_eq(forward_at("a", 0), RP_NONCE_FRESH);
    ck_assert_int_eq(forward_at("b", 0), RP_NONCE_FRESH);
    ck_assert_int_eq(forward_at("a", 0), RP_NONCE_REPLAY);
    ck_assert_int_eq(forward_at("b", 299), RP_NONCE_REPLAY);
    ck_assert_uint_eq(rp_nonce_cache_count(cache), 2);
}
END_TEST

/* wire.md 8.5, who remembers what: the first releases nothing, arc forwards, current every kind. */
START_TEST(kinds_are_remembered_per_release)
{
    struct rp_view node = rp_view_text("n"), nonce = rp_view_text("x");
    for (int kind = 0; kind < RP_AUTH_KIND_COUNT; kind += 1) {
        bool is_kept =
            _i == RP_RELEASE_CURRENT || (_i == RP_RELEASE_ARC && kind == RP_AUTH_FORWARD);
        use((enum rp_release)_i, RP_NONCE_COUNT_MAX);
        ck_assert_int_eq(track((enum rp_auth_kind)kind, node, nonce), RP_NONCE_FRESH);
        ck_assert_msg((track((enum rp_auth_kind)kind, node, nonce) == RP_NONCE_REPLAY) == is_kept,
                      "kind %d", kind);
        ck_assert_uint_eq(rp_nonce_cache_count(cache), is_kept);
    }
}
END_TEST

/* TestNonceCache: the same nonce of another node, or of another kind, is another nonce. */
START_TEST(node_and_kind_are_part_of_the_key)
{
    use(RP_RELEASE_CURRENT, RP_NONCE_COUNT_MAX);
    struct rp_view x = rp_view_text("x");
    ck_assert_int_eq(track(RP_AUTH_JOIN, rp_view_text("n"), x), RP_NONCE_FRESH);
    ck_assert_int_eq(track(RP_AUTH_JOIN, rp_view_text("m"), x), RP_NONCE_FRESH);
    ck_assert_int_eq(track(RP_AUTH_LEAVE, rp_view_text("n"), x), RP_NONCE_FRESH);
    ck_assert_int_eq(track(RP_AUTH_JOIN, rp_view_text("nx"), rp_view_text("")), RP_NONCE_FRESH);
    ck_assert_int_eq(track(RP_AUTH_JOIN, rp_view_text(""), rp_view_text("nx")), RP_NONCE_FRESH);
    ck_assert_uint_eq(rp_nonce_cache_count(cache), 5);
}
END_TEST

/* A request with two MACs must not be new again once the bound one is cut away. */
START_TEST(stripped_bound_request_is_a_replay)
{
    use(RP_RELEASE_CURRENT, RP_NONCE_COUNT_MAX);
    struct rp_view node = rp_view_text("n"), nonce = rp_view_text("x");
    ck_assert_int_eq(track(RP_AUTH_BOUND_FETCH, node, nonce), RP_NONCE_FRESH);
    ck_assert_int_eq(track(RP_AUTH_FETCH, node, nonce), RP_NONCE_REPLAY);
    ck_assert_int_eq(track(RP_AUTH_BOUND_FORWARD, node, nonce), RP_NONCE_FRESH);
    ck_assert_int_eq(track(RP_AUTH_FORWARD, node, nonce), RP_NONCE_REPLAY);
}
END_TEST

/* arc: 300 s from first sight, whatever the timestamp; exactly then it is forgotten. */
START_TEST(arc_forgets_300_s_after_first_sight)
{
    use(RP_RELEASE_ARC, RP_NONCE_COUNT_MAX);
    ck_assert_int_eq(forward_at("a", 10), RP_NONCE_FRESH);
    ck_assert_int_eq(forward_at("a", 309), RP_NONCE_REPLAY);
    ck_assert_int_eq(forward_at("a", 310), RP_NONCE_FRESH);
    ck_assert_int_eq(forward_at("a", 609), RP_NONCE_REPLAY);
}
END_TEST

/* arc: a nonce past its life is new again even before a sweep took it. */
START_TEST(arc_renews_what_was_not_swept)
{
    use(RP_RELEASE_ARC, RP_NONCE_COUNT_MAX);
    ck_assert_int_eq(forward_at("a", 0), RP_NONCE_FRESH);
    ck_assert_int_eq(forward_at("b", 290), RP_NONCE_FRESH);
    ck_assert_int_eq(forward_at("a", 305), RP_NONCE_FRESH);
    ck_assert_uint_eq(rp_nonce_cache_count(cache), 2);
    ck_assert_int_eq(forward_at("a", 306), RP_NONCE_REPLAY);
}
END_TEST

/* arc: sweeps at most once per 60 s, from within a call only (wire.md 8.5). */
START_TEST(arc_sweeps_once_per_60_s)
{
    use(RP_RELEASE_ARC, RP_NONCE_COUNT_MAX);
    ck_assert_int_eq(forward_at("a", 0), RP_NONCE_FRESH);
    ck_assert_int_eq(forward_at("b", 290), RP_NONCE_FRESH); /* sweeps, nothing is due */
    ck_assert_int_eq(forward_at("c", 349), RP_NONCE_FRESH); /* a is due, no sweep yet */
    ck_assert_uint_eq(rp_nonce_cache_count(cache), 3);
    ck_assert_int_eq(forward_at("d", 350), RP_NONCE_FRESH);
    ck_assert_uint_eq(rp_nonce_cache_count(cache), 3);
}
END_TEST

/* no-replay: a stamp from the future is remembered until it can be accepted no more, 600 s on. */
START_TEST(future_stamp_is_kept_while_acceptable)
{
    use(RP_RELEASE_CURRENT, RP_NONCE_COUNT_MAX);
    ck_assert_int_eq(fetch_at("a", 300, 0), RP_NONCE_FRESH);
    ck_assert_int_eq(fetch_at("old", -300, 0), RP_NONCE_FRESH);
    ck_assert_int_eq(fetch_at("b", 1, 1), RP_NONCE_FRESH);
    ck_assert_uint_eq(rp_nonce_cache_count(cache), 2); /* "old" could be accepted no more */
    ck_assert_int_eq(fetch_at("a", 300, 301), RP_NONCE_REPLAY);
    ck_assert_int_eq(fetch_at("a", 300, 600), RP_NONCE_REPLAY);
    ck_assert_int_eq(fetch_at("c", 601, 601), RP_NONCE_FRESH);
    ck_assert_uint_eq(rp_nonce_cache_count(cache), 1);
}
END_TEST

/* A wall clock set forward and back: what was forgotten is stale, what was not is a replay, and
 * later stamps are served at once. */
START_TEST(clock_set_back_reopens_nothing)
{
    use(RP_RELEASE_CURRENT, RP_NONCE_COUNT_MAX);
    ck_assert_int_eq(fetch_at("a", 0, 0), RP_NONCE_FRESH);
    ck_assert_int_eq(fetch_at("b", 10, 10), RP_NONCE_FRESH);
    ck_assert_int_eq(fetch_at("c", 3600, 3600), RP_NONCE_FRESH);
    ck_assert_int_eq(fetch_at("a", 0, 11), RP_NONCE_STALE);
    ck_assert_int_eq(fetch_at("b", 10, 11), RP_NONCE_STALE);
    ck_assert_int_eq(fetch_at("d", 11, 11), RP_NONCE_FRESH);
    ck_assert_int_eq(fetch_at("d", 11, 11), RP_NONCE_REPLAY);
    ck_assert_int_eq(fetch_at("c", 3600, 3500), RP_NONCE_REPLAY);
}
END_TEST

/* nonce-lru-evicts-live: a full cache refuses fresh nonces and still knows the first one; room
 * comes only with time. */
START_TEST(full_cache_evicts_nothing_alive)
{
    char nonce[16];
    use(RP_RELEASE_CURRENT, 100);
    for (int index = 0; index < 100; index += 1) {
        snprintf(nonce, sizeof nonce, "%d", index);
        ck_assert_int_eq(fetch_at(nonce, index, 100), RP_NONCE_FRESH);
    }
    ck_assert_int_eq(fetch_at("more", 100, 100), RP_NONCE_FULL);
    ck_assert_int_eq(fetch_at("0", 0, 100), RP_NONCE_REPLAY);
    ck_assert_uint_eq(rp_nonce_cache_count(cache), 100);
    ck_assert_int_eq(fetch_at("more", 100, 301), RP_NONCE_FRESH);
    ck_assert_int_eq(fetch_at("99", 99, 301), RP_NONCE_REPLAY);
    ck_assert_uint_eq(rp_nonce_cache_count(cache), 100);
}
END_TEST

/* bounded-state: at a steady rate for hours the count stays at rate times acceptable time. */
START_TEST(steady_rate_keeps_a_steady_count)
{
    char nonce[24];
    size_t peak = 0;
    use((enum rp_release)_i, RP_NONCE_COUNT_MAX);
    for (int second = 0; second < 3 * 3600; second += 1) {
        for (int request = 0; request < 2; request += 1) {
            snprintf(nonce, sizeof nonce, "%d-%d", second, request);
            ck_assert_int_eq(rp_nonce_cache_track(cache, RP_AUTH_FORWARD, rp_view_text("n"),
                                                  rp_view_text(nonce),
                                                  WALL + second + request * 300,
                                                  (rp_time_ns)second * RP_NS_PER_S, WALL + second),
                             RP_NONCE_FRESH);
        }
        size_t count = rp_nonce_cache_count(cache);
        peak = count > peak ? count : peak;
    }
    ck_assert_uint_ge(peak, 600);
    ck_assert_uint_le(peak, 2 * 601);
}
END_TEST

/* Nonces come in any order of stamp; each is forgotten at its own time. */
START_TEST(stamps_in_any_order_expire_in_order)
{
    char nonce[16];
    use(RP_RELEASE_CURRENT, RP_NONCE_COUNT_MAX);
    for (int index = 0; index < 500; index += 1) {
        snprintf(nonce, sizeof nonce, "%d", index);
        ck_assert_int_eq(fetch_at(nonce, index * 277 % 500 - 200, 0), RP_NONCE_FRESH);
    }
    for (int wall = 101; wall < 599; wall += 1) {
        ck_assert_int_eq(fetch_at("probe", 299, wall),
                         wall == 101 ? RP_NONCE_FRESH : RP_NONCE_REPLAY);
        ck_assert_uint_eq(rp_nonce_cache_count(cache), (size_t)(500 - (wall - 100) + 1));
    }
}
END_TEST

/* Nonces of any length count as a whole, and a huge one takes no more memory than a usual one. */
START_TEST(long_nonces_differ_in_their_last_byte)
{
    static char text[100000];
    memset(text, 'a', sizeof text);
    use(RP_RELEASE_CURRENT, RP_NONCE_COUNT_MAX);
    struct rp_view node = rp_view_text("node"), nonce = rp_view_make(text, sizeof text);
    ck_assert_int_eq(track(RP_AUTH_FETCH, node, nonce), RP_NONCE_FRESH);
    ck_assert_int_eq(track(RP_AUTH_FETCH, node, nonce), RP_NONCE_REPLAY);
    text[sizeof text - 1] = 'b';
    ck_assert_int_eq(track(RP_AUTH_FETCH, node, nonce), RP_NONCE_FRESH);
    ck_assert_int_eq(track(RP_AUTH_FETCH, nonce, node), RP_NONCE_FRESH);
    for (size_t length = 100; length < 140; length += 1) {
        ck_assert_int_eq(track(RP_AUTH_JOIN, node, rp_view_make(text, length)), RP_NONCE_FRESH);
        ck_assert_int_eq(track(RP_AUTH_JOIN, node, rp_view_make(text, length)), RP_NONCE_REPLAY);
    }
}
END_TEST

/* Without memory a nonce cannot be remembered, so the message is refused, and later accepted. */
START_TEST(no_memory_refuses_and_recovers)
{
    char nonce[16];
    size_t refused = 0;
    use(RP_RELEASE_CURRENT, RP_NONCE_COUNT_MAX);
    for (int index = 0; index < 200; index += 1) {
        snprintf(nonce, sizeof nonce, "%d", index);
        memory.fail_at = memory.call_count + 1 + (size_t)index % 4;
        enum rp_nonce_verdict verdict = fetch_at(nonce, 0, 0);
        memory.fail_at = 0;
        if (verdict != RP_NONCE_FRESH) {
            ck_assert_int_eq(verdict, RP_NONCE_FULL);
            ck_assert_int_eq(fetch_at(nonce, 0, 0), RP_NONCE_FRESH);
            refused += 1;
        }
        ck_assert_int_eq(fetch_at(nonce, 0, 0), RP_NONCE_REPLAY);
    }
    ck_assert_uint_gt(refused, 10);
    ck_assert_uint_eq(rp_nonce_cache_count(cache), 200);
}
END_TEST

/* ---- Main ------------------------------------------------------------------------------------ */

int main(void)
{
    Suite *suite = suite_create("protocol.nonce_cache");
    TCase *tc = tcase_create("nonce_cache");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, second_sight_is_a_replay, RP_RELEASE_ARC, RP_RELEASE_COUNT);
    tcase_add_loop_test(tc, kinds_are_remembered_per_release, 0, RP_RELEASE_COUNT);
    tcase_add_test(tc, node_and_kind_are_part_of_the_key);
    tcase_add_test(tc, stripped_bound_request_is_a_replay);
    tcase_add_test(tc, arc_forgets_300_s_after_first_sight);
    tcase_add_test(tc, arc_renews_what_was_not_swept);
    tcase_add_test(tc, arc_sweeps_once_per_60_s);
    tcase_add_test(tc, future_stamp_is_kept_while_acceptable);
    tcase_add_test(tc, clock_set_back_reopens_nothing);
    tcase_add_test(tc, full_cache_evicts_nothing_alive);
    tcase_add_loop_test(tc, steady_rate_keeps_a_steady_count, RP_RELEASE_ARC, RP_RELEASE_COUNT);
    tcase_add_test(tc, stamps_in_any_order_expire_in_order);
    tcase_add_test(tc, long_nonces_differ_in_their_last_byte);
    tcase_add_test(tc, no_memory_refuses_and_recovers);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
