/* The walk: leader, barrier, pages, back-pressure (behaviour.md 10). */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/catchup.h"
#include "tests/lib/fetch_bench.h"

#define ENTRY_MAX 2500

/* ---- Fixture: a manifest, a queue that takes or refuses ---------------------------------------- */

static struct {
    struct test_alloc alloc;
    struct rp_readiness *readiness;
    struct rp_catchup *catchup;
    rp_time_ns now_ns;
    struct rp_catchup_facts facts;
    struct rp_file_entry entries[ENTRY_MAX];
    char paths[ENTRY_MAX][24];
    size_t entry_count;
    enum rp_announce_result result;
    bool fills_queue; /* each accepted offer stays in the queue */
    int page_error;
    bool is_barrier_silent;
    int barrier_error;
    uint64_t barrier_index;
    size_t barrier_count, page_count, offer_count, begin_count, end_count, tagged_at_offer;
    bool is_complete;
    int barrier_end_error;
} bench;

static void setup(enum rp_release release, struct rp_catchup_settings settings, size_t entry_count)
{
    memset(&bench, 0, sizeof bench);
    test_alloc_init(&bench.alloc);
    const struct rp_traits *traits = rp_release_traits(release);
    ck_assert_int_eq(rp_readiness_new(traits, &bench.alloc.alloc, &bench.readiness), 0);
    rp_readiness_start(bench.readiness, true);
    settings.traits = traits;
    settings.readiness = bench.readiness;
    settings.self_id = rp_view_text("self");
    ck_assert_int_eq(rp_catchup_new(&settings, &bench.alloc.alloc, &bench.catchup), 0);
    bench.entry_count = entry_count;
    for (size_t i = 0; i < entry_count; i++) {
        snprintf(bench.paths[i], sizeof bench.paths[i], "db/%05zu", i);
        bench.entries[i] = bench_entry(rp_view_text(bench.paths[i]), rp_view_text("h"), 10);
        bench.entries[i].origin_node_id = rp_view_text("writer");
    }
    bench.facts.has_leader = true;
    bench.facts.wall_unix_ns = 1000;
}

static void teardown(void)
{
    rp_catchup_free(bench.catchup);
    rp_readiness_free(bench.readiness);
    ck_assert_uint_eq(bench.alloc.live_count, 0);
    for (size_t i = 0; i < bench.entry_count; i++) {
        ck_assert_uint_eq(bench.entries[i].reference_count, BENCH_ENTRY_REFERENCES);
    }
}

static void give(struct rp_catchup_event event)
{
    event.now_ns = bench.now_ns;
    event.facts = bench.facts;
    rp_catchup_step(bench.catchup, &event);
}

static void give_page(struct rp_view cursor)
{
    static const struct rp_file_entry *page[RP_WALK_PAGE_MAX];
    size_t count = 0;
    for (size_t i = 0; i < bench.entry_count && count < RP_WALK_PAGE_MAX; i++) {
        if (rp_view_compare(bench.entries[i].path, cursor) > 0) {
            page[count++] = rp_file_entry_retain(&bench.entries[i]);
        }
    }
    if (bench.page_error != 0) {
        for (size_t i = 0; i < count; i++) {
            rp_file_entry_release(page[i]);
        }
        count = 0;
    }
    give((struct rp_catchup_event){.kind = RP_CATCHUP_EV_PAGE,
                                   .entries = page,
                                   .entry_count = count,
                                   .is_last = count < RP_WALK_PAGE_MAX,
                                   .error = bench.page_error});
}

static void act(const struct rp_catchup_action *action)
{
    switch (action->kind) {
    case RP_CATCHUP_DO_BARRIER:
        bench.barrier_count += 1;
        if (!bench.is_barrier_silent) {
            give((struct rp_catchup_event){.kind = RP_CATCHUP_EV_BARRIER_DONE,
                                           .error = bench.barrier_error,
                                           .index = bench.barrier_index});
        }
        break;
    case RP_CATCHUP_DO_BARRIER_END: bench.barrier_end_error = action->error; break;
    case RP_CATCHUP_DO_BEGIN: bench.begin_count += 1; break;
    case RP_CATCHUP_DO_PAGE:
        bench.page_count += 1;
        give_page(action->cursor);
        break;
    case RP_CATCHUP_DO_OFFER:
        bench.offer_count += 1;
        bench.tagged_at_offer = rp_readiness_tagged_count(bench.readiness);
        bench.facts.queue_depth += bench.fills_queue;
        give((struct rp_catchup_event){.kind = RP_CATCHUP_EV_OFFERED, .result = bench.result});
        break;
    case RP_CATCHUP_DO_END:
        bench.end_count += 1;
        bench.is_complete = action->is_complete;
        break;
    }
}

static void drain(void)
{
    struct rp_catchup_action action;
    while (rp_catchup_next(bench.catchup, &action)) {
        act(&action);
    }
}

static void step(enum rp_catchup_event_kind kind)
{
    give((struct rp_catchup_event){.kind = kind});
    drain();
}

static void fire(void)
{
    bench.now_ns = rp_catchup_deadline(bench.catchup);
    ck_assert_uint_ne(bench.now_ns, RP_TIME_NEVER);
    step(RP_CATCHUP_EV_TIMER);
}

static const struct rp_catchup_counters *counters(void)
{
    return rp_readiness_catchup(bench.readiness);
}

static const struct rp_catchup_settings ON = {.is_enabled = true};

/* ---- Tests ------------------------------------------------------------------------------------- */

/* TestRunCatchUpEnqueuesAllWhenQueueLarge: every entry of every page, each tagged before its offer,
 * and completion only after the last page. */
START_TEST(every_entry_is_offered_once)
{
    static const size_t COUNTS[] = {0, 1, 999, 1000, 1001, 2500};
    setup(RP_RELEASE_CURRENT, ON, COUNTS[_i]);
    step(RP_CATCHUP_EV_START);
    ck_assert_uint_eq(bench.offer_count, COUNTS[_i]);
    ck_assert_uint_eq(bench.tagged_at_offer, COUNTS[_i]);
    ck_assert_uint_eq(counters()->entries_walked, COUNTS[_i]);
    ck_assert_uint_eq(counters()->enqueued, COUNTS[_i]);
    ck_assert_uint_eq(bench.page_count, COUNTS[_i] / RP_WALK_PAGE_MAX + 1);
    ck_assert(bench.end_count == 1 && bench.is_complete);
    ck_assert_int_eq(counters()->completed_at_unix_ns, 1000);
    ck_assert(rp_catchup_is_done(bench.catchup));
    teardown();
}
END_TEST

/* TestRunCatchUpThrottlesAtHighWater: it pauses 50 ms at a time and loses nothing. */
START_TEST(high_water_pauses_the_walk)
{
    struct rp_catchup_settings settings = {
        .is_enabled = true, .queue_max = 10, .high_water_ppm = 500000};
    setup(RP_RELEASE_CURRENT, settings, 12);
    ck_assert_uint_eq(rp_catchup_high_water(bench.catchup), 5);
    bench.fills_queue = true;
    step(RP_CATCHUP_EV_START);
    ck_assert_uint_eq(bench.offer_count, 5);
    ck_assert_uint_eq(rp_catchup_deadline(bench.catchup), 50 * RP_NS_PER_MS);
    fire();
    ck_assert_uint_eq(bench.offer_count, 5);
    for (size_t wanted = 10; wanted <= 15; wanted += 5) {
        bench.facts.queue_depth = 0;
        fire();
        ck_assert_uint_eq(bench.offer_count, wanted < 12 ? wanted : 12);
    }
    ck_assert(bench.is_complete);
    teardown();
}
END_TEST

/* behaviour.md 7.1, 10.2: floor(capacity x mark), at least 1; odd marks take the default. */
START_TEST(high_water_is_never_zero)
{
    static const struct {
        uint32_t queue_max, ppm;
        size_t mark;
    } ROWS[] = {{1024, 800000, 819}, {0, 0, 819}, {1, 1, 1}, {1024, 1000000, 819}};
    struct rp_catchup_settings settings = {.queue_max = ROWS[_i].queue_max,
                                           .high_water_ppm = ROWS[_i].ppm};
    setup(RP_RELEASE_CURRENT, settings, 0);
    ck_assert_uint_eq(rp_catchup_high_water(bench.catchup), ROWS[_i].mark);
    teardown();
}
END_TEST

/* TestRunCatchUpHonorsContextCancel: never complete after a cancel, whatever is still answered. */
START_TEST(cancel_ends_the_walk_incomplete)
{
    struct rp_catchup_settings settings = {
        .is_enabled = true, .queue_max = 10, .high_water_ppm = 500000};
    setup(RP_RELEASE_CURRENT, settings, 12);
    bench.fills_queue = true;
    step(RP_CATCHUP_EV_START);
    step(RP_CATCHUP_EV_CANCEL);
    ck_assert(bench.end_count == 1 && !bench.is_complete);
    give_page(rp_view_text(""));
    drain();
    ck_assert_uint_eq(bench.offer_count, 5);
    ck_assert_int_eq(counters()->completed_at_unix_ns, 0);
    ck_assert(rp_catchup_is_done(bench.catchup));
    teardown();
}
END_TEST

/* walk-complete: a page that failed is no last page. */
START_TEST(failed_page_ends_the_walk_incomplete)
{
    setup(RP_RELEASE_CURRENT, ON, 3);
    bench.page_error = RP_ERR_NOMEM;
    step(RP_CATCHUP_EV_START);
    ck_assert(bench.end_count == 1 && !bench.is_complete);
    ck_assert(!rp_readiness_is_ready(bench.readiness));
    teardown();
}
END_TEST

/* TestRunCatchUpOnceOnly, and the kill switch: the walk never runs. */
START_TEST(it_walks_once_or_never)
{
    struct rp_catchup_settings settings = {.is_enabled = _i == 0};
    setup(RP_RELEASE_CURRENT, settings, 3);
    step(RP_CATCHUP_EV_START);
    step(RP_CATCHUP_EV_START);
    ck_assert_uint_eq(bench.offer_count, _i == 0 ? 3 : 0);
    ck_assert_uint_eq(bench.end_count, 1);
    ck_assert_int_eq(bench.is_complete, _i == 0);
    teardown();
}
END_TEST

/* A drop loses its tag and is recorded, so the gate stays shut; own files of `arc` are never tagged.
 * TestPuller_MarkCatchUp_DropCompensation, TestRunCatchUpDedupsWithReactiveEnqueue */
START_TEST(results_are_classified)
{
    static const struct {
        enum rp_announce_result result;
        bool is_own;
        uint64_t tagged, dropped, enqueued, skipped;
    } ROWS[] = {{RP_ANNOUNCE_QUEUED, false, 1, 0, 1, 0},
                {RP_ANNOUNCE_DUPLICATE, false, 1, 0, 0, 1},
                {RP_ANNOUNCE_DROPPED, false, 0, 1, 0, 0},
                {RP_ANNOUNCE_SELF, true, 0, 0, 0, 1}};
    setup(RP_RELEASE_ARC, ON, 1);
    bench.result = ROWS[_i].result;
    bench.entries[0].origin_node_id = rp_view_text(ROWS[_i].is_own ? "self" : "writer");
    step(RP_CATCHUP_EV_START);
    ck_assert_uint_eq(rp_readiness_tagged_count(bench.readiness), ROWS[_i].tagged);
    ck_assert_uint_eq(rp_readiness_dropped_count(bench.readiness), ROWS[_i].dropped);
    ck_assert_uint_eq(counters()->enqueued, ROWS[_i].enqueued);
    ck_assert_uint_eq(counters()->skipped_local, ROWS[_i].skipped);
    teardown();
}
END_TEST

/* It waits for a leader, polling each 100 ms, and goes on without one after 30 s. */
START_TEST(leader_wait_ends_after_30_s)
{
    setup(RP_RELEASE_CURRENT, ON, 1);
    bench.facts.has_leader = false;
    bench.barrier_error = RP_ERR_NO_LEADER;
    step(RP_CATCHUP_EV_START);
    ck_assert(rp_catchup_wants_changes(bench.catchup));
    ck_assert_uint_eq(rp_catchup_deadline(bench.catchup), 100 * RP_NS_PER_MS);
    while (bench.end_count == 0) {
        fire();
    }
    ck_assert_uint_eq(bench.now_ns, 30 * RP_NS_PER_S);
    ck_assert(bench.is_complete);
    ck_assert(rp_readiness_is_degraded(bench.readiness));
    teardown();
}
END_TEST

/* The barrier of each release on a follower and on the leader: who asks, and how it ends. */
START_TEST(barrier_is_asked_as_the_release_does)
{
    static const struct {
        enum rp_release release;
        bool is_leader;
        size_t asked;
        int error;
    } ROWS[] = {{RP_RELEASE_PHASE3, false, 0, RP_ERR_NOT_LEADER},
                {RP_RELEASE_ARC, false, 0, RP_ERR_NOT_LEADER},
                {RP_RELEASE_ARC, true, 1, 0},
                {RP_RELEASE_CURRENT, false, 1, 0}};
    setup(ROWS[_i].release, ON, 1);
    bench.facts.is_leader = ROWS[_i].is_leader;
    step(RP_CATCHUP_EV_START);
    ck_assert_uint_eq(bench.barrier_count, ROWS[_i].asked);
    ck_assert_int_eq(bench.barrier_end_error, ROWS[_i].error);
    ck_assert(bench.is_complete && rp_catchup_is_done(bench.catchup));
    teardown();
}
END_TEST

/* The walk begins only when the own applied index has reached the barrier's. */
START_TEST(walk_waits_for_the_own_applied_index)
{
    setup(RP_RELEASE_CURRENT, ON, 1);
    bench.barrier_index = 9;
    bench.facts.applied_index = 8;
    step(RP_CATCHUP_EV_START);
    ck_assert_uint_eq(bench.begin_count, 0);
    ck_assert(rp_catchup_wants_changes(bench.catchup));
    bench.facts.applied_index = 9;
    step(RP_CATCHUP_EV_CHANGED);
    ck_assert(bench.is_complete);
    ck_assert(!rp_catchup_wants_changes(bench.catchup));
    teardown();
}
END_TEST

/* A barrier that timed out lets the walk go on degraded, is asked for again, and only its later
 * success opens the gate. */
START_TEST(failed_barrier_is_asked_again)
{
    setup(RP_RELEASE_CURRENT, ON, 0);
    bench.is_barrier_silent = true;
    step(RP_CATCHUP_EV_START);
    ck_assert_uint_eq(rp_catchup_deadline(bench.catchup), 10 * RP_NS_PER_S);
    fire();
    ck_assert_int_eq(bench.barrier_end_error, RP_ERR_TIMEOUT);
    ck_assert(bench.is_complete && rp_readiness_is_degraded(bench.readiness));
    ck_assert(!rp_readiness_is_ready(bench.readiness));
    ck_assert(!rp_catchup_is_done(bench.catchup));
    bench.is_barrier_silent = false;
    fire();
    ck_assert_uint_eq(bench.barrier_count, 2);
    ck_assert(rp_readiness_is_ready(bench.readiness));
    ck_assert(rp_catchup_is_done(bench.catchup));
    ck_assert_uint_eq(bench.begin_count, 1);
    teardown();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("protocol.catchup");
    TCase *tc = tcase_create("catchup");
    tcase_add_loop_test(tc, every_entry_is_offered_once, 0, 6);
    tcase_add_test(tc, high_water_pauses_the_walk);
    tcase_add_loop_test(tc, high_water_is_never_zero, 0, 4);
    tcase_add_test(tc, cancel_ends_the_walk_incomplete);
    tcase_add_test(tc, failed_page_ends_the_walk_incomplete);
    tcase_add_loop_test(tc, it_walks_once_or_never, 0, 2);
    tcase_add_loop_test(tc, results_are_classified, 0, 4);
    tcase_add_test(tc, leader_wait_ends_after_30_s);
    tcase_add_loop_test(tc, barrier_is_asked_as_the_release_does, 0, 4);
    tcase_add_test(tc, walk_waits_for_the_own_applied_index);
    tcase_add_test(tc, failed_barrier_is_asked_again);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
