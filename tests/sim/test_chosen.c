/* sim/chosen.c, compact.c, query.c and their calls: each row runs one story of
 * tests/sim/stories/chosen.lua, which checks for itself what the call changed, and every property. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/chosen.h"
#include "sim/script.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))

static void run_watched(const char *words, uint64_t seed, void *context,
                        void (*world_begins)(void *context, struct sim_world *world))
{
    char copy[256];
    const char *sets[8];
    struct script_options options;
    struct script_outcome outcome;
    memset(&options, 0, sizeof options);
    (void)snprintf(copy, sizeof copy, "%s", words);
    char *rest = copy;
    for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL;) {
        sets[options.set_count++] = word;
    }
    options.path = REPLISIM_SOURCE_DIR "/tests/sim/stories/chosen.lua";
    options.sets = sets;
    options.seed = seed;
    options.watch_context = context;
    options.world_begins = world_begins;
    ck_assert_int_eq(script_run_file(&options, &outcome), 0);
    const struct sim_result *result = outcome.result;
    bool has_violation = result != NULL && result->violation_count > 0;
    ck_assert_msg(outcome.end == SCRIPT_END_PASS, "%s: %s %s", words, outcome.error,
                  has_violation ? result->violations[0].detail : "");
    script_outcome_clear(&outcome);
}

static void run(const char *words, uint64_t seed)
{
    run_watched(words, seed, NULL, NULL);
}

static const char *const rows[] = {
    "story=snapshot_for_the_late",
    "story=snapshot_for_the_late consensus=ideal",
    "story=deletions_slept_through",
    "story=deletions_slept_through asleep=true",
    "story=deletions_slept_through asleep=true consensus=ideal",
    "story=killed_in_grace",
    "story=killed_in_grace consensus=ideal",
    "story=leadership",
    "story=leadership consensus=ideal",
    "story=compact",
    "story=compact consensus=ideal",
    "story=compact compactors=0",
    "story=compact_without_leader",
    "story=compact_without_leader kill=true",
    "story=compact_disk",
    "story=compact_rubbish",
    "story=failover writers=2 compactors=2",
    "story=failover writers=2 compactors=2 consensus=ideal",
    "story=query",
    "story=gated gate=true",
    "story=rewrite",
    "story=after_flush",
    "story=after_flush consensus=ideal",
    "story=propose",
    "story=arguments",
};

/* Each story holds, whatever the seed. */
START_TEST(story_holds)
{
    for (uint64_t seed = 1; seed <= 3; seed += 1) {
        run(rows[_i], seed);
    }
}
END_TEST

/* The compactor's life ends at the k-th event from the call on, killed or stopped. */
START_TEST(compaction_survives_any_end)
{
    for (int event = 1 + _i % 3; event <= 100; event += 3) {
        char words[96];
        (void)snprintf(words, sizeof words, "story=compact_ended event=%d kill=%s", event,
                       _i < 3 ? "true" : "false");
        run(words, (uint64_t)event);
    }
}
END_TEST

/* Which nodes have a snapshot at a moment of the story. */
struct snapshots {
    struct sim_world *world;
    const char *node, *other;
    rp_time_ns at_ns;
    bool has_node, has_other;
};

static void look(void *context, uint64_t argument)
{
    struct snapshots *snapshots = context;
    struct sim_world *world = snapshots->world;
    (void)argument;
    snapshots->has_node =
        sim_chosen_has_snapshot(sim_world_pod(world, rp_view_text(snapshots->node)), 1);
    snapshots->has_other =
        sim_chosen_has_snapshot(sim_world_pod(world, rp_view_text(snapshots->other)), 1);
}

static void look_later(void *context, struct sim_world *world)
{
    struct snapshots *snapshots = context;
    snapshots->world = world;
    (void)sim_world_at(world, snapshots->at_ns, look, snapshots, 0);
}

/* c:snapshot(n) leaves a snapshot on n, and on nobody else. */
START_TEST(snapshot_is_taken_where_asked)
{
    struct snapshots snapshots = {
        .node = "reader-2", .other = "reader-1", .at_ns = 5 * RP_NS_PER_S};
    run_watched("story=snapshot", 1, &snapshots, look_later);
    ck_assert(snapshots.has_node);
    ck_assert(!snapshots.has_other);
}
END_TEST

/* c:truncate_log() cuts the log under whoever was away: it has no snapshot while it is cut off, and
 * once it is back it has one, which only the leader can have given to it. */
START_TEST(cut_log_reaches_the_late_as_a_snapshot)
{
    static const rp_time_ns moments[] = {7 * RP_NS_PER_S, 11 * RP_NS_PER_S};
    struct snapshots snapshots = {.node = "reader-3", .other = "reader-1", .at_ns = moments[_i]};
    run_watched("story=snapshot_for_the_late", 1, &snapshots, look_later);
    ck_assert_int_eq(snapshots.has_node, _i == 1);
    ck_assert(snapshots.has_other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chosen");
    TCase *tc = tcase_create("chosen");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, story_holds, 0, ROWS(rows));
    tcase_add_loop_test(tc, compaction_survives_any_end, 0, 6);
    tcase_add_test(tc, snapshot_is_taken_where_asked);
    tcase_add_loop_test(tc, cut_log_reaches_the_late_as_a_snapshot, 0, 2);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
