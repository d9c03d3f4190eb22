/* Tests of sim/expect: which violations fail a run, and what an expectation changes. */
#include "sim/expect.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/result.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))

/* ---- Helpers ----------------------------------------------------------------------------------- */

/* The node "old" runs the reference, every other one `current`. */
static enum rp_release release_of(void *context, const char *node)
{
    (void)context;
    return strcmp(node, "old") == 0 ? RP_RELEASE_ARC : RP_RELEASE_CURRENT;
}

static char *copy_text(const char *text)
{
    char *copy = malloc(strlen(text) + 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, text, strlen(text) + 1);
    return copy;
}

static void add_violation(struct sim_result *result, const char *property, const char *node)
{
    size_t size_bytes = (result->violation_count + 1) * sizeof *result->violations;
    result->violations = realloc(result->violations, size_bytes);
    ck_assert_ptr_nonnull(result->violations);
    struct sim_violation *violation = &result->violations[result->violation_count++];
    memset(violation, 0, sizeof *violation);
    violation->property = copy_text(property);
    violation->node = copy_text(node);
    violation->place = copy_text("test");
    violation->detail = copy_text("");
}

static void free_violations(struct sim_result *result)
{
    for (size_t index = 0; index < result->violation_count; index += 1) {
        free(result->violations[index].property);
        free(result->violations[index].node);
        free(result->violations[index].place);
        free(result->violations[index].detail);
    }
    free(result->violations);
}

/* ---- Table -------------------------------------------------------------------------------------- */

struct row {
    const char *name;
    const char *violates; /* or NULL */
    bool accepts_arc;
    const char *property, *node; /* of the only violation; NULL: none */
    enum sim_verdict verdict;
    bool is_tolerated;
};

static const struct row rows[] = {
    {"nothing happened", NULL, false, NULL, NULL, SIM_VERDICT_PASS, false},
    {"any violation fails", NULL, false, "query-complete", "old", SIM_VERDICT_FAIL, false},
    {"accepted on the release", NULL, true, "query-complete", "old", SIM_VERDICT_PASS, true},
    {"not accepted on current", NULL, true, "query-complete", "new", SIM_VERDICT_FAIL, false},
    {"not an exception", NULL, true, "manifest-agreement", "old", SIM_VERDICT_FAIL, false},
    {"a check is never tolerated", NULL, true, "scenario-check", "old", SIM_VERDICT_FAIL, false},
    {"without a node", NULL, true, "query-complete", "", SIM_VERDICT_FAIL, false},
    {"awaited and seen", "query-complete", false, "query-complete", "old", SIM_VERDICT_PASS, false},
    {"awaited on current", "query-complete", false, "query-complete", "new", SIM_VERDICT_PASS,
     false},
    {"awaited, not seen", "query-complete", false, NULL, NULL, SIM_VERDICT_FAIL, false},
    {"another one seen", "query-complete", false, "converges", "old", SIM_VERDICT_FAIL, true},
    {"awaited check", "scenario-check", false, "scenario-check", "", SIM_VERDICT_PASS, false},
};

/* ---- Tests -------------------------------------------------------------------------------------- */

/* invariants, Releases: each line of the table is a sentence of that paragraph. */
START_TEST(verdict_follows_the_expectation)
{
    const struct row *row = &rows[_i];
    struct sim_expect expect;
    struct sim_result result;
    memset(&expect, 0, sizeof expect);
    memset(&result, 0, sizeof result);
    expect.is_accepting = row->accepts_arc;
    expect.accepts[RP_RELEASE_ARC] = row->accepts_arc;
    if (row->violates != NULL) {
        expect.has_violates = sim_property_parse(rp_view_text(row->violates), &expect.violates);
        ck_assert(expect.has_violates);
    }
    if (row->property != NULL) {
        add_violation(&result, row->property, row->node);
    }
    ck_assert_int_eq(sim_expect_apply(&expect, &result, NULL, release_of), 0);
    ck_assert_msg(result.verdict == row->verdict, "%s: verdict %d", row->name, result.verdict);
    ck_assert_msg(row->property == NULL || result.violations[0].is_tolerated == row->is_tolerated,
                  "%s: tolerated %d", row->name, result.violations[0].is_tolerated);
    free_violations(&result);
}
END_TEST

/* A run that lacks its awaited violation says so in the list that people read. */
START_TEST(unseen_violation_is_listed)
{
    struct sim_expect expect;
    struct sim_result result;
    memset(&expect, 0, sizeof expect);
    memset(&result, 0, sizeof result);
    expect.has_violates = true;
    expect.violates = SIM_PROP_QUERY_COMPLETE;
    ck_assert_int_eq(sim_expect_apply(&expect, &result, NULL, release_of), 0);
    ck_assert_uint_eq(result.violation_count, 1);
    ck_assert_str_eq(result.violations[0].property, "scenario-check");
    ck_assert_str_eq(result.violations[0].place, "expect/not-seen");
    ck_assert_ptr_nonnull(strstr(result.violations[0].detail, "query-complete"));
    free_violations(&result);
}
END_TEST

/* A script error stays one, whatever was expected. */
START_TEST(error_stays_an_error)
{
    struct sim_expect expect;
    struct sim_result result;
    memset(&expect, 0, sizeof expect);
    memset(&result, 0, sizeof result);
    result.verdict = SIM_VERDICT_ERROR;
    expect.has_violates = true;
    expect.violates = SIM_PROP_CONVERGES;
    ck_assert_int_eq(sim_expect_apply(&expect, &result, NULL, release_of), 0);
    ck_assert_int_eq(result.verdict, SIM_VERDICT_ERROR);
    ck_assert_uint_eq(result.violation_count, 0);
}
END_TEST

/* `current` has no exceptions at all. */
START_TEST(current_has_no_exceptions)
{
    ck_assert_ptr_null(sim_expect_exception(RP_RELEASE_CURRENT, (enum sim_property)_i));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("expect");
    TCase *tc = tcase_create("expect");
    tcase_add_loop_test(tc, verdict_follows_the_expectation, 0, ROWS(rows));
    tcase_add_test(tc, unseen_violation_is_listed);
    tcase_add_test(tc, error_stays_an_error);
    tcase_add_loop_test(tc, current_has_no_exceptions, 0, SIM_PROPERTY_COUNT);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
