/* When queries may be answered (behaviour.md 11). */
#include <check.h>
#include <stdlib.h>

#include "protocol/readiness.h"
#include "tests/lib/fetch_bench.h"

static struct test_alloc alloc;
static struct rp_readiness *readiness;
#define PATH rp_view_text("db/a")

static void setup(enum rp_release release)
{
    test_alloc_init(&alloc);
    ck_assert_int_eq(rp_readiness_new(rp_release_traits(release), &alloc.alloc, &readiness), 0);
    rp_readiness_start(readiness, true);
}

static void teardown(void)
{
    rp_readiness_free(readiness);
    ck_assert_uint_eq(alloc.live_count, 0);
}

static void end(enum rp_pull_outcome outcome)
{
    rp_readiness_pull_ended(readiness, PATH, outcome, false);
}

/* What happens to one tagged path, and whether the node is ready afterwards, per release. */
static const struct {
    const char *name;
    const char *story; /* t tag, b barrier, w walk done, c walk cancelled, and the letters below */
    bool phase2, phase3, arc, current;
} STORIES[] = {
    {"before the walk", "b", true, false, false, false},
    {"walk cancelled", "bc", true, false, false, false},
    {"walk done, nothing owed", "bw", true, true, true, true},
    {"no barrier yet", "w", true, true, true, false},
    {"late barrier", "wb", true, true, true, true},
    {"tag in flight", "btw", true, true, false, false},
    {"tag pulled (p)", "btwp", true, true, true, true},
    {"tag present already (l)", "btwl", true, true, true, true},
    {"tag failed (f)", "btwf", true, true, false, false},
    {"failure heals by a later pull", "btwfp", true, true, true, true},
    {"failure of a deleted path (d)", "btwfd", true, true, false, true},
    {"drop (q)", "btqw", true, true, false, false},
    {"drop heals by a later pull", "btqwp", true, true, true, true},
    {"drop heals when a rescan finds the file here (h)", "btqwh", true, true, false, true},
    {"untagged failure is steady state", "bwf", true, true, true, true},
    {"obsolete (o) settles", "btwo", true, true, true, true},
    {"replaced by another version (v) is still owed", "btwv", true, true, true, false},
    {"replaced, and then pulled", "btwvp", true, true, true, true},
    {"cancelled (x) settles the tag", "btwx", true, true, true, true},
    {"reactive (r) before the barrier is owed", "wrb", true, true, true, false},
    {"reactive after the barrier is not", "bwr", true, true, true, true},
    {"current stays ready", "bwtf", true, true, false, true},
    {"lost (g) after the barrier, before the gate opened", "bgw", true, true, true, false},
    {"lost, and pulled again", "bgwp", true, true, true, true},
    {"lost by a node that is ready", "bwg", true, true, true, true},
    {"stop (s)", "bws", false, false, false, false},
};

static void tell(char letter)
{
    switch (letter) {
    case 't': ck_assert_int_eq(rp_readiness_tag(readiness, PATH), 0); break;
    case 'b': rp_readiness_barrier_passed(readiness); break;
    case 'w': rp_readiness_walk_ended(readiness, true, 5); break;
    case 'c': rp_readiness_walk_ended(readiness, false, 5); break;
    case 'p': end(RP_PULL_PULLED); break;
    case 'l': end(RP_PULL_PRESENT); break;
    case 'f': end(RP_PULL_FAILED); break;
    case 'o': end(RP_PULL_OBSOLETE); break;
    case 'v': rp_readiness_pull_ended(readiness, PATH, RP_PULL_OBSOLETE, true); break;
    case 'x': end(RP_PULL_CANCELLED); break;
    case 'd': rp_readiness_deleted(readiness, PATH); break;
    case 'q': rp_readiness_dropped(readiness, PATH); break;
    case 'g': rp_readiness_lost(readiness, PATH); break;
    case 'h': rp_readiness_present(readiness, PATH); break;
    case 'r': rp_readiness_announced(readiness, PATH); break;
    case 's': rp_readiness_stop(readiness); break;
    default: ck_abort_msg("no such letter");
    }
}

START_TEST(story_ends_ready_or_not)
{
    bool wanted[] = {STORIES[_i].phase2, STORIES[_i].phase3, STORIES[_i].arc, STORIES[_i].current};
    for (int release = 0; release < RP_RELEASE_COUNT; release++) {
        setup((enum rp_release)release);
        for (const char *letter = STORIES[_i].story; *letter != '\0'; letter++) {
            tell(*letter);
        }
        ck_assert_msg(rp_readiness_is_ready(readiness) == wanted[release], "row %d, %s, %s", _i,
                      STORIES[_i].name, rp_release_name((enum rp_release)release));
        teardown();
    }
}
END_TEST

/* A change is told once, and both directions. */
START_TEST(poll_tells_each_change_once)
{
    bool is_ready = false;
    setup(RP_RELEASE_CURRENT);
    ck_assert(!rp_readiness_poll(readiness, &is_ready));
    rp_readiness_barrier_passed(readiness);
    rp_readiness_walk_ended(readiness, true, 5);
    ck_assert(rp_readiness_poll(readiness, &is_ready) && is_ready);
    ck_assert(!rp_readiness_poll(readiness, &is_ready));
    rp_readiness_stop(readiness);
    ck_assert(rp_readiness_poll(readiness, &is_ready) && !is_ready);
    teardown();
}
END_TEST

/* "TRUE with no puller": a node without replication owes nothing. */
START_TEST(without_a_puller_it_is_ready)
{
    test_alloc_init(&alloc);
    ck_assert_int_eq(
        rp_readiness_new(rp_release_traits(RP_RELEASE_CURRENT), &alloc.alloc, &readiness), 0);
    ck_assert(!rp_readiness_is_ready(readiness));
    rp_readiness_start(readiness, false);
    ck_assert(rp_readiness_is_ready(readiness));
    teardown();
}
END_TEST

/* Memory that fails never opens the gate early: only a rescan that found nothing missing does. */
START_TEST(untaggable_path_keeps_the_gate_shut)
{
    setup(RP_RELEASE_CURRENT);
    alloc.call_count = 0;
    alloc.fail_at = 1;
    rp_readiness_announced(readiness, PATH);
    rp_readiness_barrier_passed(readiness);
    rp_readiness_walk_ended(readiness, true, 5);
    ck_assert(!rp_readiness_is_ready(readiness));
    rp_readiness_all_present(readiness);
    ck_assert(rp_readiness_is_ready(readiness));
    teardown();
}
END_TEST

/* Recording twice counts once (RecordIsIdempotent), and the keys carry what their names say. */
START_TEST(status_counts_paths_not_events)
{
    struct rp_pull_counters counters = {.pulled = 3, .queue_depth = 2};
    struct rp_catchup_status status;
    setup(RP_RELEASE_ARC);
    rp_readiness_walk_began(readiness, INT64_C(7) * 1000000000);
    tell('t');
    tell('t');
    tell('f');
    tell('t');
    tell('f');
    rp_readiness_status(readiness, &counters, &status);
    ck_assert_int_eq(status.catchup_failed, 1);
    ck_assert_int_eq(status.catchup_inflight, 0);
    ck_assert_int_eq(status.pulled, 3);
    ck_assert_str_eq(rp_catchup_status_name(0), "started_at");
    ck_assert_int_eq(rp_catchup_status_value(&status, 0), 7);
    ck_assert_str_eq(rp_catchup_status_name(12), "queue_depth");
    ck_assert_int_eq(rp_catchup_status_value(&status, 12), 2);
    teardown();
}
END_TEST

/* Until the barrier passed, a walk is degraded; only where readiness waits for it. */
START_TEST(walk_without_barrier_is_degraded)
{
    setup(_i == 0 ? RP_RELEASE_CURRENT : RP_RELEASE_ARC);
    rp_readiness_walk_began(readiness, 1);
    ck_assert_int_eq(rp_readiness_is_degraded(readiness), _i == 0);
    rp_readiness_barrier_passed(readiness);
    ck_assert(!rp_readiness_is_degraded(readiness));
    teardown();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("protocol.readiness");
    TCase *tc = tcase_create("readiness");
    tcase_add_loop_test(tc, story_ends_ready_or_not, 0, sizeof STORIES / sizeof STORIES[0]);
    tcase_add_test(tc, poll_tells_each_change_once);
    tcase_add_test(tc, without_a_puller_it_is_ready);
    tcase_add_test(tc, untaggable_path_keeps_the_gate_shut);
    tcase_add_test(tc, status_counts_paths_not_events);
    tcase_add_loop_test(tc, walk_without_barrier_is_degraded, 0, 2);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
