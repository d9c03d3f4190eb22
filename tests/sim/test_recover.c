/* sim/recover.c: what could not come right is no violation, and the result says what it was; what
 * could is owed. Each row runs a story of tests/sim/stories/recover.lua. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/converge.h"
#include "sim/pod.h"
#include "sim/recover.h"
#include "sim/script.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))

struct look {
    struct sim_world *world;
    rp_time_ns at_ns;
    void (*look)(struct sim_world *world);
};

static void do_look(void *context, uint64_t argument)
{
    struct look *look = context;
    (void)argument;
    look->look(look->world);
}

static void world_begins(void *context, struct sim_world *world)
{
    struct look *look = context;
    look->world = world;
    (void)sim_world_at(world, look->at_ns, do_look, look, 0);
}

static void run(const char *words, struct look *look, struct script_outcome *outcome)
{
    char copy[256];
    const char *sets[8];
    struct script_options options;
    memset(&options, 0, sizeof options);
    (void)snprintf(copy, sizeof copy, "%s", words);
    char *rest = copy;
    for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL;) {
        sets[options.set_count++] = word;
    }
    options.path = REPLISIM_SOURCE_DIR "/tests/sim/stories/recover.lua";
    options.sets = sets;
    options.seed = 1;
    options.watch_context = look;
    options.world_begins = look == NULL ? NULL : world_begins;
    ck_assert_int_eq(script_run_file(&options, outcome), 0);
    ck_assert_msg(outcome->result != NULL, "%s: %s", words, outcome->error);
}

/* ---- What a run says --------------------------------------------------------------------------- */

static const struct {
    const char *name, *words;
    const char *what, *reason; /* of the first note; NULL: nothing is said */
} rows[] = {
    {"majority lost", "story=majority_lost", "leader", "2 of 3 voters lost their log"},
    {"majority lost to new names", "story=majority_lost identity=new", "leader",
     "2 of 3 voters lost their log"},
    {"majority stopped", "story=majority_stopped", "leader", "1 run, 2 are down, 0 lost their log"},
    {"one after another", "story=one_after_another", NULL, NULL},
    {"ideal, majority lost", "story=majority_lost consensus=ideal", NULL, NULL},
    {"ideal, majority stopped", "story=majority_stopped consensus=ideal", NULL, NULL},
    {"last copy lost", "story=last_copy_lost", "file", "no honest copy is left"},
    {"last copy down", "story=last_copy_down", "file", "nodes that are down: reader-1"},
    {"one copy left", "story=one_copy_left", NULL, NULL},
    {"host falls silent", "story=silent_host", NULL, NULL},
};

/* Nothing that nobody could bring back is held against the run, and no run passes silently. */
START_TEST(what_is_lost_is_said_and_not_owed)
{
    struct script_outcome outcome;
    run(rows[_i].words, NULL, &outcome);
    const struct sim_result *result = outcome.result;
    ck_assert_msg(outcome.end == SCRIPT_END_PASS, "%s: %s", rows[_i].name,
                  result->violation_count == 0 ? "" : result->violations[0].detail);
    if (rows[_i].what == NULL) {
        ck_assert_msg(result->unrecoverable_count == 0, "%s: %s", rows[_i].name,
                      result->unrecoverable_count == 0 ? "" : result->unrecoverable[0].reason);
    } else {
        ck_assert_msg(result->unrecoverable_count == 1, "%s", rows[_i].name);
        ck_assert_str_eq(result->unrecoverable[0].what, rows[_i].what);
        ck_assert_msg(strstr(result->unrecoverable[0].reason, rows[_i].reason) != NULL, "%s: %s",
                      rows[_i].name, result->unrecoverable[0].reason);
    }
    script_outcome_clear(&outcome);
}
END_TEST

/* ---- What is owed ------------------------------------------------------------------------------ */

static bool has(const struct sim_result *result, const char *property)
{
    size_t row = 0;
    while (row < result->violation_count &&
           strcmp(result->violations[row].property, property) != 0) {
        row += 1;
    }
    return row < result->violation_count;
}

/* A release that never looks for what went from its disk: as long as a copy is left somewhere, that
 * is a violation; when none is, it is not. */
START_TEST(one_copy_left_is_owed)
{
    static const struct {
        const char *words;
        bool is_owed;
    } cases[] = {{"story=one_copy_left release=phase2", true},
                 {"story=last_copy_down release=phase2", false},
                 {"story=last_copy_lost release=phase2", false}};
    struct script_outcome outcome;
    run(cases[_i].words, NULL, &outcome);
    ck_assert_msg(has(outcome.result, "converges") == cases[_i].is_owed, "%s", cases[_i].words);
    ck_assert_int_eq(outcome.result->unrecoverable_count != 0, !cases[_i].is_owed);
    script_outcome_clear(&outcome);
}
END_TEST

/* The messages of a wait in vain name what is gone. */
START_TEST(a_wait_in_vain_says_why)
{
    struct script_outcome outcome;
    run("story=settle_in_vain", NULL, &outcome);
    ck_assert_int_eq(outcome.end, SCRIPT_END_FAIL);
    ck_assert_uint_eq(outcome.result->violation_count, 1);
    const char *detail = outcome.result->violations[0].detail;
    ck_assert_msg(strstr(detail, "without a holder") != NULL, "%s", detail);
    ck_assert_msg(strstr(detail, "converges") == NULL, "%s", detail);
    script_outcome_clear(&outcome);
}
END_TEST

/* ---- The questions ------------------------------------------------------------------------------ */

static void ask(struct sim_world *world)
{
    struct sim_pod *writer = sim_world_pod(world, rp_view_text("writer-1"));
    struct sim_pod *readers[] = {sim_world_pod(world, rp_view_text("reader-1")),
                                 sim_world_pod(world, rp_view_text("reader-2"))};
    struct sim_recover_log log = sim_recover_log(world);
    ck_assert_uint_eq(log.voter_count, 3);
    ck_assert_uint_eq(log.up_count, 3);
    ck_assert_int_eq(sim_recover_leader(world), SIM_RECOVER_LEADER_POSSIBLE);
    ck_assert(sim_recover_is_voter(world, writer));
    ck_assert(sim_recover_can_spare(world, readers, 1, SIM_RECOVER_LOSS_VOLUME));
    ck_assert(!sim_recover_can_spare(world, readers, 2, SIM_RECOVER_LOSS_PROCESS));
    ck_assert(sim_recover_can_spare(world, readers, 2, SIM_RECOVER_LOSS_UNSYNCED));
    ck_assert(sim_recover_can_spare(world, &writer, 1, SIM_RECOVER_LOSS_PROCESS));
}

/* One of three voters can be spared, whoever it is; two cannot. */
START_TEST(a_majority_cannot_be_spared)
{
    struct script_outcome outcome;
    struct look look = {.at_ns = 30 * RP_NS_PER_S, .look = ask};
    run("story=nothing", &look, &outcome);
    ck_assert_int_eq(outcome.end, SCRIPT_END_PASS);
    script_outcome_clear(&outcome);
}
END_TEST

/* ---- T_conv ------------------------------------------------------------------------------------- */

/* Defaults, five nodes, nothing to transfer: 60 + 3 x 4 x 60 + 0.5 + 1 + 15 seconds. */
START_TEST(bound_is_the_sum_of_its_terms)
{
    struct sim_world_spec spec;
    struct sim_converge converge;
    ck_assert_int_eq(sim_world_spec_init(&spec), 0);
    sim_converge_begin(&converge, &spec);
    sim_converge_finish(&converge, 5, 0, 0);
    ck_assert_uint_eq(converge.total_ns, 796500 * RP_NS_PER_MS);
    sim_converge_finish(&converge, 5, 8, 1);
    ck_assert_uint_eq(converge.transfers_ns,
                      2 * (converge.dial_ns + converge.ack_ns + RP_NS_PER_S));
    spec.cluster.config.replication_retry_max_attempts = UINT32_MAX;
    sim_converge_begin(&converge, &spec);
    sim_converge_finish(&converge, UINT64_MAX, UINT64_MAX, UINT64_MAX);
    ck_assert_uint_ge(converge.total_ns, UINT64_MAX / 4);
    sim_world_spec_clear(&spec);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recover");
    TCase *cases = tcase_create("recover");
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, what_is_lost_is_said_and_not_owed, 0, ROWS(rows));
    tcase_add_loop_test(cases, one_copy_left_is_owed, 0, 3);
    tcase_add_test(cases, a_wait_in_vain_says_why);
    tcase_add_test(cases, a_majority_cannot_be_spared);
    tcase_add_test(cases, bound_is_the_sum_of_its_terms);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
