/* sim/chosen.c, compact.c, query.c and their calls: each row runs one story of
 * tests/sim/stories/chosen.lua, which checks for itself what the call changed, and every property. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/script.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))

static void run(const char *words, uint64_t seed)
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
    ck_assert_int_eq(script_run_file(&options, &outcome), 0);
    const struct sim_result *result = outcome.result;
    bool has_violation = result != NULL && result->violation_count > 0;
    ck_assert_msg(outcome.end == SCRIPT_END_PASS, "%s: %s %s", words, outcome.error,
                  has_violation ? result->violations[0].detail : "");
    script_outcome_clear(&outcome);
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
    "story=failover writers=2 compactors=2",
    "story=failover writers=2 compactors=2 consensus=ideal",
    "story=query",
    "story=gated gate=true",
    "story=rewrite",
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

int main(void)
{
    Suite *suite = suite_create("chosen");
    TCase *tc = tcase_create("chosen");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, story_holds, 0, ROWS(rows));
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
