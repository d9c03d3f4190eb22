/* Whole worlds under trouble: each row is a run of a story in tests/sim/stories, and every property
 * must hold in it. Without arguments a sample runs; with `whole` every row and every k. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/error.h"
#include "protocol/node.h"
#include "sim/pod.h"
#include "sim/script.h"
#include "sim/store.h"
#include "sim/workload.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))

static bool is_whole;

/* ---- Helpers ------------------------------------------------------------------------------------ */

/* What C adds to a story: a disk that fails for a while. */
struct disk_trouble {
    const char *node;
    struct sim_disk_faults faults;
    rp_time_ns from_ns, until_ns;
    struct sim_world *world;
};

static void set_faults(void *context, uint64_t is_on)
{
    static const struct sim_disk_faults HEALTHY;
    struct disk_trouble *trouble = context;
    struct sim_pod *pod = sim_world_pod(trouble->world, rp_view_text(trouble->node));
    ck_assert_ptr_nonnull(pod);
    sim_store_set_faults(sim_pod_store(pod), is_on != 0 ? &trouble->faults : &HEALTHY);
}

static void add_trouble(void *context, struct sim_world *world)
{
    struct disk_trouble *trouble = context;
    trouble->world = world;
    (void)sim_world_at(world, trouble->from_ns, set_faults, trouble, 1);
    (void)sim_world_at(world, trouble->until_ns, set_faults, trouble, 0);
}

static void explain(const struct script_outcome *outcome, char *text, size_t size)
{
    (void)snprintf(text, size, "%s: %s", outcome->repeat, outcome->error);
    const struct sim_result *result = outcome->result;
    for (size_t row = 0; result != NULL && row < result->violation_count; row += 1) {
        size_t used = strlen(text);
        (void)snprintf(text + used, size - used, "\n%s at %s on %s: %s",
                       result->violations[row].property, result->violations[row].place,
                       result->violations[row].node, result->violations[row].detail);
    }
}

/* `words`: "key=value" separated by blanks. */
static void run_with(const char *story, const char *words, uint64_t seed,
                     struct disk_trouble *trouble)
{
    char path[512];
    char copy[512];
    const char *sets[16];
    size_t set_count = 0;
    (void)snprintf(path, sizeof path, REPLISIM_SOURCE_DIR "/tests/sim/stories/%s.lua", story);
    (void)snprintf(copy, sizeof copy, "%s", words);
    char *rest = copy;
    for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL;) {
        sets[set_count++] = word;
    }
    struct script_options options;
    memset(&options, 0, sizeof options);
    options.path = path;
    options.sets = sets;
    options.set_count = set_count;
    options.seed = seed;
    options.watch_context = trouble;
    options.world_begins = trouble == NULL ? NULL : add_trouble;
    struct script_outcome outcome;
    ck_assert_int_eq(script_run_file(&options, &outcome), 0);
    char text[4096];
    explain(&outcome, text, sizeof text);
    ck_assert_msg(outcome.end == SCRIPT_END_PASS, "%s", text);
    script_outcome_clear(&outcome);
}

static void run(const char *story, const char *words, uint64_t seed)
{
    run_with(story, words, seed, NULL);
}

/* ---- The end of a life at any event -------------------------------------------------------------- */

static const char *const lives[] = {
    "node=reader-1 phase=start how=kill",    "node=reader-1 phase=start how=stop",
    "node=reader-1 phase=start how=power",   "node=reader-1 phase=busy how=kill",
    "node=reader-1 phase=busy how=stop",     "node=reader-1 phase=busy how=power",
    "node=writer-1 phase=start how=kill",    "node=writer-1 phase=start how=stop",
    "node=writer-1 phase=start how=power",   "node=writer-1 phase=busy how=kill",
    "node=writer-1 phase=busy how=stop",     "node=writer-1 phase=busy how=power",
    "node=compactor-1 phase=start how=kill", "node=compactor-1 phase=start how=stop",
    "node=compactor-1 phase=busy how=kill",  "node=compactor-1 phase=busy how=stop",
};

/* A life may end at its k-th event, and the cluster converges afterwards. */
START_TEST(life_may_end_at_any_event)
{
    uint64_t step = is_whole ? 1 : 37;
    for (uint64_t event = 1 + (uint64_t)_i % step; event <= 260; event += step) {
        char words[128];
        (void)snprintf(words, sizeof words, "%s event=%llu", lives[_i], (unsigned long long)event);
        run("kill_at", words, event);
    }
}
END_TEST

/* ---- The network and clocks ------------------------------------------------------------------------ */

static const char *const troubles[] = {
    "kind=cut node=reader-1 for_=1s",
    "kind=cut node=reader-1 for_=3m",
    "kind=cut node=writer-1 for_=20s",
    "kind=cut node=writer-1 for_=3m",
    "kind=cut_out node=reader-1 for_=20s",
    "kind=cut_out node=writer-1 for_=20s",
    "kind=cut_in node=reader-1 for_=20s",
    "kind=cut_in node=writer-1 for_=20s",
    "kind=blackhole node=writer-1 for_=20s",
    "kind=refuse node=writer-1 for_=20s",
    "kind=pause node=reader-1 for_=20s",
    "kind=pause node=writer-1 for_=20s",
    "kind=pause_fetch node=reader-1 for_=30s",
    "kind=pause_stop node=reader-1",
    "kind=pause_stop node=writer-1",
    "kind=skew299 node=reader-1",
    "kind=skew301 node=reader-1",
    "kind=skew301 node=writer-1",
    "kind=jump node=writer-1",
    "kind=loss1 for_=30s",
    "kind=loss5 for_=30s",
    "kind=loss20 for_=30s",
    "kind=reset for_=30s",
    "kind=corrupt for_=30s",
    "kind=slow for_=30s",
    "kind=narrow for_=30s",
    "kind=stall for_=30s",
    "kind=datagrams for_=30s",
    "kind=bytes for_=10s",
    "kind=coalesce for_=10s",
    "kind=late for_=30s",
    "kind=handles for_=10s",
    "kind=same_bytes node=compactor-1 for_=5s",
};

/* Trouble on the way ends, and every file reaches every node. */
START_TEST(trouble_on_the_way_is_survived)
{
    for (uint64_t seed = 1; seed <= (is_whole ? 10u : 1u); seed += 1) {
        run("trouble", troubles[_i], seed);
    }
}
END_TEST

/* ---- Disks ------------------------------------------------------------------------------------------ */

#define PERCENT(n) (SIM_CHANCE_ALWAYS / 100 * (n))

struct disk_row {
    const char *name;
    struct sim_disk_faults faults;
};

static const struct disk_row disks[] = {
    {"full", {.calls.is_full = true}},
    {"nearly full", {.calls.has_free_bytes = true, .calls.free_bytes = 300000}},
    {"slow", {.calls.slow_ns = 50 * RP_NS_PER_MS}},
    {"stuck", {.calls.stuck_ns = 30 * RP_NS_PER_S}},
    {"write errors", {.calls.write_error = PERCENT(30)}},
    {"sync errors", {.calls.sync_error = PERCENT(50)}},
    {"read errors", {.calls.read_error = PERCENT(30)}},
    {"stat errors", {.calls.stat_error = PERCENT(30)}},
    {"short writes", {.calls.short_write = PERCENT(70)}},
    {"all at once",
     {.calls.write_error = PERCENT(5),
      .calls.sync_error = PERCENT(5),
      .calls.read_error = PERCENT(5),
      .calls.stat_error = PERCENT(5),
      .calls.short_write = PERCENT(30),
      .calls.slow_ns = RP_NS_PER_MS}},
};

/* A reader's disk that fails for a while costs time only. */
START_TEST(failing_disk_of_a_reader_costs_time_only)
{
    for (uint64_t seed = 1; seed <= (is_whole ? 10u : 2u); seed += 1) {
        struct disk_trouble trouble = {.node = "reader-1",
                                       .faults = disks[_i].faults,
                                       .from_ns = RP_NS_PER_S,
                                       .until_ns = 40 * RP_NS_PER_S};
        run_with("ingest", "", seed, &trouble);
    }
}
END_TEST

/* So does one under a node that stops and starts meanwhile. */
START_TEST(failing_disk_outlasts_a_restart)
{
    for (uint64_t seed = 1; seed <= (is_whole ? 10u : 1u); seed += 1) {
        struct disk_trouble trouble = {.node = "reader-1",
                                       .faults = disks[_i].faults,
                                       .from_ns = RP_NS_PER_S,
                                       .until_ns = 40 * RP_NS_PER_S};
        run_with("ingest", "restart=true", seed, &trouble);
    }
}
END_TEST

/* Power loss takes what was not synced, half of it torn, and no more. */
START_TEST(power_loss_takes_only_what_was_not_synced)
{
    for (uint64_t seed = 1; seed <= (is_whole ? 30u : 3u); seed += 1) {
        struct disk_trouble trouble = {.node = "reader-1",
                                       .faults = {.loses_unsynced = true,
                                                  .torn = PERCENT(50),
                                                  .calls.slow_ns = 5 * RP_NS_PER_MS},
                                       .from_ns = 0,
                                       .until_ns = 40 * RP_NS_PER_S};
        run_with("ingest", "restart=true power=true", seed, &trouble);
    }
}
END_TEST

/* Damage at rest is found at the next start and repaired from peers. */
START_TEST(damage_at_rest_is_repaired)
{
    static const char *const kinds[] = {"flip", "truncate", "zero", "swap", "remove"};
    static const char *const nodes[] = {"reader-1", "writer-1"};
    static const char *const sizes[] = {"1B", "64KiB", "300KiB"};
    for (int row = 0; row < 12; row += 1) {
        char words[128];
        (void)snprintf(words, sizeof words, "kind=%s node=%s bytes=%s power=%s", kinds[_i],
                       nodes[row % 2], sizes[row / 2 % 3], row < 6 ? "true" : "false");
        run("damage", words, 1);
    }
}
END_TEST

/* ---- Paths ------------------------------------------------------------------------------------------- */

static const char *const paths[] = {
    "story=delete_in_pull",
    "story=again_in_grace",
    /* Its only copy may not fall to the old deletion while the registration waits for a leader. */
    "story=again_without_leader",
    "story=sizes",
    "story=names",
    "story=twice",
    "story=two_writers_one_path",
};

/* Whatever happens to a path, its last version is everywhere in the end, or none is. */
START_TEST(path_ends_in_one_state_everywhere)
{
    for (uint64_t seed = 1; seed <= (is_whole ? 20u : 2u); seed += 1) {
        run("paths", paths[_i], seed);
    }
}
END_TEST

/* ---- Settings and sizes -------------------------------------------------------------------------------- */

static const char *const settings[] = {
    "setting=queue2",
    "setting=worker1",
    "setting=attempt1",
    "setting=no_catchup late=false",
    "setting=high0",
    "setting=high1",
    "setting=gate",
    "setting=none writers=2 compactors=2 files=40",
    "setting=none readers=0 late=false files=40",
    "setting=none voters=1 files=40",
    "setting=none voters=3 readers=6 files=40",
    "setting=none readers=20 files=20",
    "setting=none consensus=ideal readers=50 files=5",
};

/* Edges of what is admissible change how fast files arrive, not whether they do. */
START_TEST(edge_of_the_settings_converges)
{
    for (uint64_t seed = 1; seed <= (is_whole ? 10u : 1u); seed += 1) {
        run("settings", settings[_i], seed);
    }
}
END_TEST

static const char *const rotations[] = {
    "identity=stable volume=keep",           "identity=new volume=keep",
    "identity=stable volume=lost writers=2", "identity=new volume=lost writers=2",
    "identity=stable volume=keep grace=0s",
};

/* Every pod is replaced under load, and no file with a holder is lost. */
START_TEST(rotation_under_load_loses_nothing)
{
    for (uint64_t seed = 1; seed <= (is_whole ? 30u : 2u); seed += 1) {
        run("rolling", rotations[_i], seed);
    }
}
END_TEST

/* ---- Frozen ------------------------------------------------------------------------------------------------ */

struct frozen_story {
    struct sim_world *world;
    struct sim_pod *pod;
    bool was_ready_when_asked, was_ready_when_frozen, is_ended;
    rp_time_ns ended_ns;
};

static void end_frozen(void *context, int error)
{
    struct frozen_story *story = context;
    ck_assert_int_eq(error, 0);
    story->is_ended = true;
    story->ended_ns = sim_world_now(story->world);
    sim_world_story_done(story->world);
}

static void look_at_frozen(void *context, uint64_t argument)
{
    struct frozen_story *story = context;
    (void)argument;
    story->was_ready_when_frozen = rp_node_is_ready(sim_pod_node(story->pod));
}

/* invariants.md, weak heal: clocks that a story leaves wrong are a fault that ends with it, and ending
 * it sets none back, for that would have nodes refuse their peers for minutes (decision 13). */
START_TEST(clocks_left_wrong_agree_in_the_closing)
{
    run("clocks_left", "ahead=20m", 1);
    run("clocks_left", "ahead=2d behind=-299s", 2);
}
END_TEST

static void begin_frozen(void *context)
{
    struct frozen_story *story = context;
    struct sim_wait wait = {end_frozen, story};
    story->pod = sim_world_pod(story->world, rp_view_text("reader-1"));
    story->was_ready_when_asked = rp_node_is_ready(sim_pod_node(story->pod));
    sim_pod_pause(story->pod, 5 * RP_NS_PER_S);
    sim_pod_stop(story->pod, 30 * RP_NS_PER_S, &wait);
    (void)sim_world_at(story->world, 4 * RP_NS_PER_S, look_at_frozen, story, 0);
}

/* A frozen process runs no code: it hears of its stop when it thaws, and stops in time from there. */
START_TEST(frozen_process_stops_after_it_thaws)
{
    struct sim_world_spec spec;
    char note[160];
    struct frozen_story story = {NULL, NULL, false, false, false, 0};
    ck_assert_int_eq(sim_world_spec_init(&spec), 0);
    ck_assert_int_eq(sim_world_new(&spec, &story.world, note), 0);
    struct sim_story face = {.context = &story, .begin = begin_frozen};
    ck_assert_int_eq(sim_world_run(story.world, &face, note), 0);
    ck_assert(story.was_ready_when_asked);
    ck_assert(story.was_ready_when_frozen);
    ck_assert(story.is_ended);
    ck_assert_uint_ge(story.ended_ns, 5 * RP_NS_PER_S);
    ck_assert_uint_lt(story.ended_ns, 14 * RP_NS_PER_S);
    ck_assert_int_eq(sim_world_result(story.world)->verdict, SIM_VERDICT_PASS);
    sim_world_free(story.world);
    sim_world_spec_clear(&spec);
}
END_TEST

int main(int argument_count, char **arguments)
{
    is_whole = argument_count > 1 && strcmp(arguments[1], "whole") == 0;
    Suite *suite = suite_create("sim.world");
    TCase *tcase = tcase_create("stories");
    tcase_set_timeout(tcase, is_whole ? 300 : 30);
    tcase_add_loop_test(tcase, life_may_end_at_any_event, 0, ROWS(lives));
    tcase_add_loop_test(tcase, trouble_on_the_way_is_survived, 0, ROWS(troubles));
    tcase_add_loop_test(tcase, failing_disk_of_a_reader_costs_time_only, 0, ROWS(disks));
    tcase_add_loop_test(tcase, failing_disk_outlasts_a_restart, 0, ROWS(disks));
    tcase_add_test(tcase, power_loss_takes_only_what_was_not_synced);
    tcase_add_loop_test(tcase, damage_at_rest_is_repaired, 0, 5);
    tcase_add_loop_test(tcase, path_ends_in_one_state_everywhere, 0, ROWS(paths));
    tcase_add_loop_test(tcase, edge_of_the_settings_converges, 0, ROWS(settings));
    tcase_add_loop_test(tcase, rotation_under_load_loses_nothing, 0, ROWS(rotations));
    tcase_add_test(tcase, clocks_left_wrong_agree_in_the_closing);
    tcase_add_test(tcase, frozen_process_stops_after_it_thaws);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
