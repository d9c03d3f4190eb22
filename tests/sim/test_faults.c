/* Faults as scenarios set them: each row is a run of a story in tests/sim/stories, which checks that
 * the fault changes an outcome and that its end ends that; every property must hold in it too. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/result.h"
#include "sim/script.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))

/* ---- Helpers ------------------------------------------------------------------------------------ */

/* `words`: the story's file, then "key=value", separated by blanks. */
static void run(const char *words, uint64_t seed, char fingerprint_out[33])
{
    char path[512], copy[256];
    const char *sets[8];
    size_t set_count = 0;
    (void)snprintf(copy, sizeof copy, "%s", words);
    char *rest = copy;
    const char *story = strtok_r(rest, " ", &rest);
    (void)snprintf(path, sizeof path, REPLISIM_SOURCE_DIR "/tests/sim/stories/%s.lua", story);
    for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL;) {
        sets[set_count++] = word;
    }
    struct script_options options = {
        .path = path, .sets = sets, .set_count = set_count, .seed = seed};
    struct script_outcome outcome;
    ck_assert_int_eq(script_run_file(&options, &outcome), 0);
    const struct sim_result *result = outcome.result;
    ck_assert_msg(
        outcome.end == SCRIPT_END_PASS, "%s: %s %s: %s", words, outcome.error,
        result != NULL && result->violation_count > 0 ? result->violations[0].property : "",
        result != NULL && result->violation_count > 0 ? result->violations[0].detail : "");
    if (fingerprint_out != NULL) {
        sim_fingerprint_text(result->fingerprint, fingerprint_out);
    }
    script_outcome_clear(&outcome);
}

/* ---- Tables --------------------------------------------------------------------------------------- */

static const char *const stories[] = {
    "attack story=tamper",
    "attack story=drop",
    "attack story=left_on",
    "attack story=pieces",
    "attack story=kinds",
    "attack story=tls tls=true",
    "attack story=send readers=2",
    "attack story=consensus readers=4",
    "attack story=flood kind=connect",
    "attack story=flood kind=garbage",
    "attack story=flood kind=slow-frame",
    "damage_in_queue",
    "written_over",
    "written_over identity=new",
    "stuck_in_backoff",
    "disk story=full",
    "disk story=free",
    "disk story=slow",
    "disk story=stuck",
    "disk story=stuck_ends",
    "disk story=read_error",
    "disk story=write_error",
    "disk story=short_write",
    "disk story=sync_error",
    "disk story=stat_error",
    "disk story=list_error",
    "disk story=no_append release=arc",
    "disk story=several",
    "disk story=added",
    "disk story=lie_about_sync",
    "disk story=lose_unsynced",
    "network story=latency",
    "network story=jitter",
    "network story=bandwidth",
    "network story=loss",
    "network story=stall",
    "network story=late",
    "network story=partition",
    "network story=oneway",
    "network story=isolate",
    "network story=refuse",
    "network story=blackhole",
    "network story=reset",
    "network story=corrupt",
    "network story=segment",
    "network story=duplicate",
    "network story=stale_dns",
    "network story=reuse readers=2",
    "hostile story=chance",
    "hostile story=paths",
    "hostile story=time",
    "hostile story=left_on",
    "hostile story=contained kind=corrupt-body",
    "hostile story=contained kind=stall",
    "hostile story=contained kind=never-ack",
    "hostile story=contained kind=bad-offset-lie",
    "hostile kind=corrupt-body mismatch=true",
    "hostile kind=corrupt-body mismatch=true after=100000",
    "hostile kind=self-consistent-forgery mismatch=true",
    "hostile kind=short-body",
    "hostile kind=long-body mismatch=true after=100",
    "hostile kind=wrong-hash mismatch=true",
    "hostile kind=wrong-size",
    "hostile kind=negative-size",
    "hostile kind=huge-size",
    "hostile kind=wrong-offset",
    "hostile kind=stall",
    "hostile kind=slow-drip",
    "hostile kind=garbage-frame",
    "hostile kind=huge-frame",
    "hostile kind=zero-frame",
    "hostile kind=wrong-type",
    "hostile kind=malformed-json",
    "hostile kind=not-found-lie",
    "hostile kind=manifest-lie",
    "hostile kind=auth-lie",
    "hostile kind=bad-offset-lie",
    "hostile kind=legacy-error-near-miss",
    "hostile kind=close-early",
    "hostile kind=close-early after=50000",
    "hostile kind=reset",
    "hostile kind=reset after=50000",
    "hostile kind=never-ack",
};

/* ---- Tests ---------------------------------------------------------------------------------------- */

/* docs/scenario-api.md: the fault does what the page says, with each seed. */
START_TEST(fault_changes_an_outcome)
{
    run(stories[_i], 1, NULL);
    run(stories[_i], 2, NULL);
}
END_TEST

/* One seed gives one run, faults included; another gives another. */
START_TEST(faults_come_from_the_seed)
{
    static const char *const drawn[] = {"hostile story=chance", "hostile kind=garbage-frame",
                                        "disk story=several"};
    char first[33], again[33], other[33];
    run(drawn[_i], 1, first);
    run(drawn[_i], 1, again);
    run(drawn[_i], 2, other);
    ck_assert_str_eq(first, again);
    ck_assert_str_ne(first, other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim.faults");
    TCase *tc = tcase_create("faults");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, fault_changes_an_outcome, 0, ROWS(stories));
    tcase_add_loop_test(tc, faults_come_from_the_seed, 0, 3);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
