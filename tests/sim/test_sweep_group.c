/* Failures by cause, and what JUnit's readers are told. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/sweep/group.h"
#include "sim/sweep/junit.h"
#include "tests/sim/sweep_runs.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))

/* ---- Groups ------------------------------------------------------------------------------------ */

static void group_run(struct sweep_groups *groups, const char *name, uint64_t seed,
                      enum sweep_end end, const char *text)
{
    struct made_run made;
    run_make(&made, name, seed, end);
    if (end == SWEEP_END_FAIL && text != NULL) {
        json_array_clear(json_object_get(made.result, "violations"));
        run_set_violation(&made, text, "reader/idle", "second one");
    } else if (text != NULL) {
        run_set_error(&made, text);
    }
    ck_assert_int_eq(sweep_groups_add(groups, &made.run), SWEEP_OK);
    run_clear(&made);
}

/* All that a group says, as text; what differs shows. */
static void describe(struct sweep_groups *groups, FILE *file)
{
    for (size_t i = 0; i < sweep_groups_count(groups); i++) {
        const struct sweep_group *group = sweep_groups_at(groups, i);
        fprintf(file, "%s|%s|%s|%u/%u|", sweep_end_name(group->end), group->property, group->place,
                (unsigned)group->first_count, (unsigned)group->run_count);
        for (size_t k = 0; k < group->scenario_count; k++) {
            fprintf(file, "%s,", group->scenarios[k]);
        }
        fprintf(file, "|%s|%s|%s|%s\n", group->path, group->repeat, group->node, group->detail);
    }
}

static const struct {
    const char *name;
    uint64_t seed;
    enum sweep_end end;
    const char *text;
} story[] = {
    {"b", 7, SWEEP_END_FAIL, NULL},
    {"a", 307, SWEEP_END_FAIL, NULL},
    {"a", 105, SWEEP_END_FAIL, NULL},
    {"a", 5, SWEEP_END_FAIL, NULL},
    {"a", 6, SWEEP_END_PASS, NULL},
    {"c", 1, SWEEP_END_FAIL, "no-loss"},
    {"c", 2, SWEEP_END_CRASH, "ended by signal 11 at 0x55aa12"},
    {"c", 3, SWEEP_END_CRASH, "ended by signal 6 at 0x7f00"},
    {"d", 4, SWEEP_END_ERROR, "d.lua:12: attempt to index a nil value"},
    {"d", 9, SWEEP_END_ERROR, "d.lua:12: attempt to index a nil value\nstack traceback: 7"},
    {"e", 1, SWEEP_END_TIMEOUT, NULL},
};

static const char told[] =
    "crash||ended by signal # at #|2/2|c,|scenarios/c.lua|replisim run scenarios/c.lua --seed 2||"
    "ended by signal 11 at 0x55aa12\n"
    "timeout||ended by signal # at #|1/1|e,|scenarios/e.lua|replisim run scenarios/e.lua --seed 1||"
    "ended by signal 11 at 0x55aa1234\n"
    "fail|query-complete|reader/walk-done/pull-failed|4/4|a,b,|scenarios/a.lua|"
    "replisim run scenarios/a.lua --seed 105|reader-2|lacks a file\n"
    "fail|no-loss|reader/idle|1/1|c,|scenarios/c.lua|replisim run scenarios/c.lua --seed "
    "1|reader-2|"
    "second one\n"
    "error||d.lua:#: attempt to index a nil value|2/2|d,|scenarios/d.lua|"
    "replisim run scenarios/d.lua --seed 4||d.lua:12: attempt to index a nil value\n";

/* Runs arrive in the order in which workers end, which is no two times the same. The example has the fewest
 * events: seeds 5 and 105 have as many, and 105 spends less virtual time. */
START_TEST(groups_do_not_depend_on_the_order_of_runs)
{
    struct sweep_groups *groups = sweep_groups_new();
    char *text = NULL;
    size_t size_bytes;
    for (int i = 0; i < ROWS(story); i++) {
        int row = (_i < ROWS(story) ? i + _i : 2 * ROWS(story) - 1 - i) % ROWS(story);
        group_run(groups, story[row].name, story[row].seed, story[row].end, story[row].text);
        ck_assert(i % 3 != 0 || sweep_groups_count(groups) == 0 ||
                  sweep_groups_at(groups, 0) != NULL);
    }
    FILE *file = open_memstream(&text, &size_bytes);
    describe(groups, file);
    fclose(file);
    ck_assert_str_eq(text, told);
    ck_assert_ptr_null(sweep_groups_at(groups, sweep_groups_count(groups)));
    free(text);
    sweep_groups_free(groups);
}
END_TEST

/* A second defect of a run has its group, too, but no run begins with it; a cause that shows thrice counts
 * once, and what is tolerated not at all. */
START_TEST(a_run_belongs_to_each_of_its_causes)
{
    struct sweep_groups *groups = sweep_groups_new();
    struct made_run made;
    run_make(&made, "a", 1, SWEEP_END_FAIL);
    run_set_violation(&made, "no-loss", "reader/idle", "x");
    run_set_violation(&made, "query-complete", "reader/walk-done/pull-failed", "again");
    run_set_violation(&made, "no-loss", "reader/idle", "y");
    run_set_violation(&made, "spared", "reader/idle", "accepted");
    json_t *list = json_object_get(made.result, "violations");
    json_object_set_new(json_array_get(list, 4), "tolerated", json_true());
    ck_assert_int_eq(sweep_groups_add(groups, &made.run), SWEEP_OK);
    ck_assert_uint_eq(sweep_groups_count(groups), 2);
    ck_assert_str_eq(sweep_groups_at(groups, 0)->property, "query-complete");
    ck_assert_uint_eq(sweep_groups_at(groups, 0)->run_count, 1);
    ck_assert_str_eq(sweep_groups_at(groups, 1)->detail, "x");
    ck_assert_uint_eq(sweep_groups_at(groups, 1)->first_count, 0);
    ck_assert_uint_eq(sweep_groups_at(groups, 1)->run_count, 1);
    run_clear(&made);
    sweep_groups_free(groups);
}
END_TEST

static const struct {
    const char *error, *kind;
} kinds[] = {
    {"pod.lua:12: bad argument #1", "pod.lua:#: bad argument ##"},
    {"==4711==ERROR: AddressSanitizer: heap-use-after-free on 0x602000000010\n#0 in f",
     "==#==ERROR: AddressSanitizer: heap-use-after-free on #"},
    {"fingerprint 9f2c77aab1 differs", "fingerprint # differs"},
    {"defaced facade", "defaced facade"},
    {"reader-2 and reader-13\r\n", "reader-# and reader-#"},
    {"", ""},
};

START_TEST(numbers_do_not_part_errors)
{
    char kind[SWEEP_CAUSE_BYTES];
    sweep_error_kind(kinds[_i].error, kind);
    ck_assert_str_eq(kind, kinds[_i].kind);
}
END_TEST

/* A long line is cut, and not within a character. */
START_TEST(long_errors_are_cut_between_characters)
{
    char error[600], kind[SWEEP_CAUSE_BYTES];
    for (size_t i = 0; i + 2 < sizeof error; i += 2) {
        memcpy(error + i, "\xC3\xA9", 3);
    }
    sweep_error_kind(error + _i, kind);
    ck_assert_uint_lt(strlen(kind), SWEEP_CAUSE_BYTES);
    json_t *text = json_string(kind + _i);
    ck_assert_ptr_nonnull(text);
    json_decref(text);
}
END_TEST

/* ---- JUnit ------------------------------------------------------------------------------------- */

static void add(struct sweep_junit *junit, const char *name, uint64_t seed, enum sweep_end end,
                const char *detail)
{
    struct made_run made;
    run_make(&made, name, seed, end);
    if (end == SWEEP_END_FAIL && detail != NULL) {
        json_t *list = json_object_get(made.result, "violations");
        json_object_set_new(json_array_get(list, 0), "detail", json_string_nocheck(detail));
    }
    ck_assert_int_eq(sweep_junit_add(junit, &made.run), SWEEP_OK);
    run_clear(&made);
}

/* Writes the document, has xmllint check it, and gives it as text. */
static char *write_valid(struct sweep_junit *junit)
{
    char *text = NULL, path[] = "junit.XXXXXX", command[1024];
    size_t size_bytes;
    FILE *file = open_memstream(&text, &size_bytes);
    ck_assert_int_eq(sweep_junit_write(junit, file), SWEEP_OK);
    fclose(file);
    sweep_junit_free(junit);
    int handle = mkstemp(path);
    ck_assert_int_ge(handle, 0);
    ck_assert_int_eq(write(handle, text, size_bytes), (ssize_t)size_bytes);
    close(handle);
    snprintf(command, sizeof command,
             "xmllint --noout --schema " REPLISIM_SOURCE_DIR "/tests/data/junit.xsd %s 2>/dev/null",
             path);
    int code = system(command); /* NOLINT: the command is ours */
    unlink(path);
    ck_assert_msg(code == 0, "xmllint: %d\n%s", code, text);
    return text;
}

/* A sweep with each kind of case: held, failed, without a verdict, not begun. */
START_TEST(junit_tells_each_scenario)
{
    struct sweep_junit *junit = sweep_junit_new("sweep");
    add(junit, "held", 1, SWEEP_END_PASS, NULL);
    add(junit, "held", 2, SWEEP_END_PASS, NULL);
    ck_assert_int_eq(sweep_junit_unreached(junit, "scenarios/held.lua", "held", 3), SWEEP_OK);
    add(junit, "mixed", 1, SWEEP_END_FAIL, NULL);
    add(junit, "mixed", UINT64_MAX, SWEEP_END_FAIL, NULL);
    add(junit, "mixed", 3, SWEEP_END_PASS, NULL);
    add(junit, "worse", 1, SWEEP_END_FAIL, NULL);
    add(junit, "worse", 2, SWEEP_END_CRASH, NULL);
    ck_assert_int_eq(sweep_junit_unreached(junit, "scenarios/none.lua", "none", 5), SWEEP_OK);
    char *text = write_valid(junit);
    static const char *const parts[] = {
        "<testsuites name=\"sweep\" tests=\"4\" failures=\"1\" errors=\"1\" time=\"0.875\">",
        "<testcase name=\"held\" classname=\"scenarios.held\" time=\"0.250\">\n"
        "      <system-out>2 runs, 2 passed, 3 not begun</system-out>",
        "<failure message=\"2 of 3 runs did not hold\" type=\"query-complete\">seed 1: "
        "query-complete at reader/walk-done/pull-failed: lacks a file (reader-2)\n"
        "  repeat: replisim run scenarios/mixed.lua --seed 1\nseed 18446744073709551615: ",
        "--seed 18446744073709551615\n</failure>",
        "<error message=\"2 of 2 runs did not hold, 1 of them without a verdict\" type=\"crash\">",
        "repeat: replisim run scenarios/worse.lua --seed 2",
        "<skipped message=\"none of 5 runs was begun\"/>",
        "skipped=\"1\"",
    };
    for (int i = 0; i < ROWS(parts); i++) {
        ck_assert_msg(strstr(text, parts[i]) != NULL, "no %s in\n%s", parts[i], text);
    }
    free(text);
}
END_TEST

static const struct {
    const char *name, *bytes, *shown;
} nasty[] = {
    {"end of a section", "a]]>b", "a]]&gt;b"},
    {"markup", "<&\"'>", "&lt;&amp;&quot;'&gt;"},
    {"control characters", "a\x01\x1F\x7F z", "a\xEF\xBF\xBD\xEF\xBF\xBD\x7F z"},
    {"no UTF-8", "a\xFF\xC3(\xED\xA0\x80z", "a\xEF\xBF\xBD\xEF\xBF\xBD(\xEF\xBF\xBDz"},
    {"cut in a character", "a\xF0\x9F\x98", "a\xEF\xBF\xBD"},
    {"overlong", "\xC0\x80\xE0\x80\x80z", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz"},
    {"no character", "\xEF\xBF\xBFz", "\xEF\xBF\xBDz"},
    {"far planes", "\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
    {"lines", "a\r\nb\tc", "a&#13;\nb\tc"},
    {"a comment", "<!-- -- -->", "&lt;!-- -- --&gt;"},
};

/* Details come from file names and from the wire: whatever bytes they hold, readers can parse the file. */
START_TEST(junit_is_valid_whatever_the_bytes)
{
    struct sweep_junit *junit = sweep_junit_new(nasty[_i].bytes);
    struct made_run made;
    run_make(&made, "x", 1, SWEEP_END_FAIL);
    json_t *list = json_object_get(made.result, "violations");
    json_object_set_new(json_array_get(list, 0), "detail", json_string_nocheck(nasty[_i].bytes));
    made.run.scenario = nasty[_i].bytes;
    made.run.path = nasty[_i].bytes;
    ck_assert_int_eq(sweep_junit_add(junit, &made.run), SWEEP_OK);
    run_clear(&made);
    char *text = write_valid(junit);
    ck_assert_msg(strstr(text, nasty[_i].shown) != NULL, "%s: %s", nasty[_i].name, text);
    free(text);
}
END_TEST

/* Thousands of failing seeds are not told one by one. */
START_TEST(junit_counts_what_it_does_not_tell)
{
    struct sweep_junit *junit = sweep_junit_new("sweep");
    for (uint64_t seed = 0; seed < SWEEP_JUNIT_SEEDS_MAX + 7; seed++) {
        add(junit, "x", seed, SWEEP_END_FAIL, NULL);
    }
    char *text = write_valid(junit);
    ck_assert_ptr_nonnull(strstr(text, "seed 199: "));
    ck_assert_ptr_null(strstr(text, "seed 200: "));
    ck_assert_ptr_nonnull(strstr(text, "and 7 more\n"));
    free(text);
}
END_TEST

/* ---- main -------------------------------------------------------------------------------------- */

int main(void)
{
    TCase *groups = tcase_create("groups");
    tcase_add_loop_test(groups, groups_do_not_depend_on_the_order_of_runs, 0, ROWS(story) + 1);
    tcase_add_test(groups, a_run_belongs_to_each_of_its_causes);
    tcase_add_loop_test(groups, numbers_do_not_part_errors, 0, ROWS(kinds));
    tcase_add_loop_test(groups, long_errors_are_cut_between_characters, 0, 2);
    Suite *suite = suite_create("sweep_group");
    suite_add_tcase(suite, groups);
    TCase *junit = tcase_create("junit");
    if (system("xmllint --version 2>/dev/null") == 0) { /* NOLINT: the command is ours */
        tcase_add_test(junit, junit_tells_each_scenario);
        tcase_add_loop_test(junit, junit_is_valid_whatever_the_bytes, 0, ROWS(nasty));
        tcase_add_test(junit, junit_counts_what_it_does_not_tell);
    } else {
        puts("no xmllint (libxml2-utils): JUnit's XML is not checked");
    }
    suite_add_tcase(suite, junit);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
