/* What older releases do and `current` does not: each story of tests/sim/stories runs under both, and
 * tells them apart by what is violated. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "sim/property.h"
#include "sim/script.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))

struct story_row {
    const char *story, *words; /* key=value, separated by blanks */
    const char *property;      /* that the row is about; an older release may break others too */
    bool is_broken;
};

static const struct story_row rows[] = {
    /* behaviour.md 5.1: a valid fetch before the WAL stream began. */
    {"early_fetch", "release=phase3", "memory-safe", true},
    {"early_fetch", "release=arc", "memory-safe", false},
    {"early_fetch", "release=current", "memory-safe", false},
    /* behaviour.md 12.1: no second look at what was registered again within the grace. */
    {"paths", "story=again_in_grace release=arc", "no-wrong-delete", true},
    {"paths", "story=again_in_grace release=current", "no-wrong-delete", false},
    /* behaviour.md 12.1: older releases keep their copies; a full queue forgets deletions. */
    {"many_deletes", "release=phase3", "no-resurrection", true},
    {"many_deletes", "release=arc", "no-resurrection", true},
    {"many_deletes", "files=900 release=arc", "no-resurrection", false},
    {"many_deletes", "release=current", "no-resurrection", false},
    /* behaviour.md 13.4: the ingest buffer is flushed when the registrar is gone. */
    {"stop_ingesting", "release=arc", "registers-all", true},
    {"stop_ingesting", "release=current", "registers-all", false},
    /* behaviour.md 7.9, 13.4: a stop waits for every worker, and no transfer hears of it. */
    {"stop_pulling", "release=arc", "stops-in-time", true},
    {"stop_pulling", "release=current", "stops-in-time", false},
    /* wire.md 6: the deadline is lost with the ack, and a worker hangs until the connection dies. */
    {"stalled_body", "release=phase3", "every-wait-bounded", true},
    {"stalled_body", "release=arc", "every-wait-bounded", true},
    {"stalled_body", "release=current", "every-wait-bounded", false},
    /* wire.md 5.3: a replayed goodbye takes a living node out of the cluster. */
    {"old_goodbye", "release=phase3", "scenario-check", true},
    {"old_goodbye", "release=arc", "scenario-check", true},
    {"old_goodbye", "release=current", "scenario-check", false},
    /* behaviour.md 13.1, 13.2: standing alone, and refusing to start. */
    {"no_part", "release=arc", "scenario-check", false},
    {"no_part", "release=current", "scenario-check", false},
    {"no_part", "licensed=false release=current", "scenario-check", false},
    {"refused_words", "release=current", "scenario-check", false},
    {"side_by_side", "release=current", "scenario-check", false},
};

static void run_row(const struct story_row *row, struct script_outcome *outcome)
{
    char path[512];
    char copy[512];
    const char *sets[16];
    size_t set_count = 0;
    (void)snprintf(path, sizeof path, REPLISIM_SOURCE_DIR "/tests/sim/stories/%s.lua", row->story);
    (void)snprintf(copy, sizeof copy, "%s", row->words);
    char *rest = copy;
    for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL;) {
        sets[set_count++] = word;
    }
    struct script_options options;
    memset(&options, 0, sizeof options);
    options.path = path;
    options.sets = sets;
    options.set_count = set_count;
    options.seed = 1;
    ck_assert_int_eq(script_run_file(&options, outcome), 0);
    ck_assert_msg(outcome->end == SCRIPT_END_PASS || outcome->end == SCRIPT_END_FAIL, "%s: %s",
                  row->story, outcome->error);
}

static bool is_violated(const struct sim_result *result, const char *property)
{
    for (size_t index = 0; index < result->violation_count; index += 1) {
        if (strcmp(result->violations[index].property, property) == 0) {
            return true;
        }
    }
    return false;
}

/* One story, two releases, one property that tells them apart; `current` holds all of them. */
START_TEST(release_does_what_its_traits_say)
{
    const struct story_row *row = &rows[_i];
    struct script_outcome outcome;
    run_row(row, &outcome);
    bool is_seen = is_violated(outcome.result, row->property);
    ck_assert_msg(is_seen == row->is_broken, "%s %s: %s was%s violated", row->story, row->words,
                  row->property, is_seen ? "" : " not");
    if (strstr(row->words, "release=current") != NULL) {
        const struct sim_result *result = outcome.result;
        ck_assert_msg(outcome.end == SCRIPT_END_PASS, "%s: %s: %s", row->story,
                      result->violation_count == 0 ? "" : result->violations[0].property,
                      result->violation_count == 0 ? "" : result->violations[0].detail);
    }
    script_outcome_clear(&outcome);
}
END_TEST

/* What the cluster owes at the moment a wait ends in vain stands behind the scenario's own words. */
START_TEST(wait_in_vain_names_what_is_owed)
{
    static const struct story_row row = {"wait_in_vain", "", "liveness", true};
    struct script_outcome outcome;
    run_row(&row, &outcome);
    ck_assert_uint_ge(outcome.result->violation_count, 1);
    ck_assert_str_eq(outcome.result->violations[0].detail, "the moon; not held: converges");
    script_outcome_clear(&outcome);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim.releases");
    TCase *tcase = tcase_create("stories");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, release_does_what_its_traits_say, 0, ROWS(rows));
    tcase_add_test(tcase, wait_in_vain_names_what_is_owed);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
