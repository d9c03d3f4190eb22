/* Attackers and consensus messages, whole worlds: each row runs one story of
 * tests/sim/stories/consensus_attack.lua; and that calls change outcomes, of consensus_calls.lua. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/property.h"
#include "sim/world.h"
#include "sim/script.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))

static void trust(void *context, struct sim_world *world)
{
    (void)context;
    sim_world_trust_consensus(world);
}

static void run(const char *file, const char *story, uint64_t seed, bool is_trusting,
                struct script_outcome *outcome)
{
    char path[512];
    char set[64];
    const char *sets[] = {set, "tls=true"};
    struct script_options options;
    memset(&options, 0, sizeof options);
    (void)snprintf(set, sizeof set, "story=%s", story);
    (void)snprintf(path, sizeof path, REPLISIM_SOURCE_DIR "/tests/sim/stories/%s.lua", file);
    options.path = path;
    options.sets = sets;
    options.set_count = strcmp(story, "blind") == 0 ? 2 : 1;
    options.seed = seed;
    options.world_begins = is_trusting ? trust : NULL;
    ck_assert_int_eq(script_run_file(&options, outcome), 0);
}

static const char *const rows[] = {
    "seen",     "replayed",  "again", "next_life", "other_node", "changed",       "forged",
    "tampered", "held_back", "rules", "blind",     "arguments",  "other_cluster", "outsider",
};

static void holds(const char *file, const char *story)
{
    for (uint64_t seed = 1; seed <= 3; seed += 1) {
        struct script_outcome outcome;
        run(file, story, seed, false, &outcome);
        const struct sim_result *result = outcome.result;
        bool has_violation = result != NULL && result->violation_count > 0;
        ck_assert_msg(outcome.end == SCRIPT_END_PASS, "%s: %s %s: %s", story, outcome.error,
                      has_violation ? result->violations[0].property : "",
                      has_violation ? result->violations[0].detail : "");
        script_outcome_clear(&outcome);
    }
}

/* Nothing of an attacker's is taken, and every property holds. */
START_TEST(story_holds)
{
    holds("consensus_attack", rows[_i]);
}
END_TEST

static const char *const calls[] = {
    "duplicate",      "reorder",          "loss",
    "truncate_log",   "snapshot",         "transfer_leader",
    "force_election", "snapshot_at_boot", "snapshot_of_the_dying",
    "asked_again",    "lost_heir",
};

/* Without the call, or with one that does nothing, the story's own checks fail. */
START_TEST(call_changes_the_outcome)
{
    holds("consensus_calls", calls[_i]);
}
END_TEST

static const struct {
    const char *story, *why;
} bad_rows[] = {
    {"again", "sent it again"},       {"next_life", "sent to another life"},
    {"other_node", "another member"}, {"other_cluster", "of another cluster"},
    {"changed", "no member made it"}, {"outsider", "no member made it"},
    {"forged", "no member made it"},  {"tampered", "no member made it"},
    {"held_back", "sent it again"},
};

/* A transport that asks for no proof is found out by the checker, and the reason is told. */
START_TEST(transport_without_proof_is_found_out)
{
    struct script_outcome outcome;
    bool is_seen = false;
    run("consensus_attack", bad_rows[_i].story, 1, true, &outcome);
    const struct sim_result *result = outcome.result;
    ck_assert_ptr_nonnull(result);
    for (size_t row = 0; row < result->violation_count; row += 1) {
        is_seen = is_seen || (strcmp(result->violations[row].property,
                                     sim_property_name(SIM_PROP_CONSENSUS_AUTHENTICATED)) == 0 &&
                              strstr(result->violations[row].detail, bad_rows[_i].why) != NULL);
    }
    ck_assert_msg(is_seen, "%s: %s", bad_rows[_i].story,
                  result->violation_count > 0 ? result->violations[0].detail : outcome.error);
    script_outcome_clear(&outcome);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("consensus_attack");
    TCase *tc = tcase_create("consensus_attack");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, story_holds, 0, ROWS(rows));
    tcase_add_loop_test(tc, call_changes_the_outcome, 0, ROWS(calls));
    tcase_add_loop_test(tc, transport_without_proof_is_found_out, 0, ROWS(bad_rows));
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
