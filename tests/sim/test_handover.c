/* protocol/raft/bridge.c: the library takes over the members of an entry when the entry has arrived on
 * the disk, and not at all if it leads by then. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "sim/chosen.h"
#include "sim/script.h"
#include "sim/world_internal.h"

#define LOOK_EVERY_NS RP_NS_PER_MS

struct watch {
    struct sim_world *world;
    bool is_done;
};

/* Is a change that demotes somebody in the log of this follower, and not on its disk yet? */
static bool is_learning(struct sim_pod *pod)
{
    uint64_t ids[8];
    return pod->folder != NULL && pod != sim_world_leader(pod->world) &&
           sim_raft_folder_voters(pod->folder, ids, 8) == 4 &&
           sim_raft_folder_last_index(pod->folder) > sim_raft_folder_synced_index(pod->folder);
}

static void look(void *context, uint64_t argument)
{
    struct watch *watch = context;
    struct sim_world *world = watch->world;
    (void)argument;
    for (size_t index = 0; index < world->pod_count && !watch->is_done; index += 1) {
        if (is_learning(world->pods[index])) {
            watch->is_done = true;
            ck_assert_int_eq(sim_chosen_transfer(world->pods[index]), 0);
        }
    }
    if (!watch->is_done && sim_world_now(world) < 8 * RP_NS_PER_S) {
        (void)sim_world_at(world, sim_world_now(world) + LOOK_EVERY_NS, look, watch, 0);
    }
}

static void world_begins(void *context, struct sim_world *world)
{
    struct watch *watch = context;
    watch->world = world;
    (void)sim_world_at(world, LOOK_EVERY_NS, look, watch, 0);
}

/* The leadership is handed to a follower whose disk is busy with the demotion of another: whoever leads
 * in the end knows of it, and the demoted one can become voter and leader again. */
START_TEST(leader_has_the_members_of_its_log)
{
    struct watch watch = {.is_done = false};
    struct script_options options;
    struct script_outcome outcome;
    memset(&options, 0, sizeof options);
    options.path = REPLISIM_SOURCE_DIR "/tests/sim/stories/handover.lua";
    options.seed = (uint64_t)_i;
    options.watch_context = &watch;
    options.world_begins = world_begins;
    ck_assert_int_eq(script_run_file(&options, &outcome), 0);
    ck_assert_msg(watch.is_done, "nobody was demoted");
    ck_assert_msg(outcome.end == SCRIPT_END_PASS, "%s%s", outcome.error,
                  outcome.result == NULL || outcome.result->violation_count == 0
                      ? ""
                      : outcome.result->violations[0].detail);
    script_outcome_clear(&outcome);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("handover");
    TCase *cases = tcase_create("handover");
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, leader_has_the_members_of_its_log, 1, 6);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
