/* Every call of the scenario API and every fault, with it and without it: the rows of
 * tests/sim/stories/matters.lua. A fault that could be taken out unnoticed is not tested; so there is a
 * row for each name of the catalog, and for each call that the binding registers. */
#define _XOPEN_SOURCE 700 /* open_memstream */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault/catalog.h"
#include "sim/result.h"
#include "sim/script.h"
#include "sim/script_story.h"

#define STORY   REPLISIM_SOURCE_DIR "/tests/sim/stories/matters.lua"
#define ROW_MAX 512

/* ---- Helpers ------------------------------------------------------------------------------------ */

struct rows {
    char *text; /* owned */
    const char *names[ROW_MAX];
    size_t count;
};

/* As the story prints them: "[    0.000000] name". */
static void read_rows(struct rows *rows)
{
    size_t text_bytes = 0;
    struct script_outcome outcome;
    memset(rows, 0, sizeof *rows);
    FILE *log = open_memstream(&rows->text, &text_bytes);
    ck_assert_ptr_nonnull(log);
    struct script_options options = {.path = STORY, .seed = 1, .log = log};
    ck_assert_int_eq(script_run_file(&options, &outcome), 0);
    ck_assert_msg(outcome.end == SCRIPT_END_PASS, "%s", outcome.error);
    script_outcome_clear(&outcome);
    ck_assert_int_eq(fclose(log), 0);
    char *rest = rows->text;
    for (char *line; (line = strtok_r(rest, "\n", &rest)) != NULL;) {
        char *name = strstr(line, "] ");
        ck_assert_ptr_nonnull(name);
        ck_assert_uint_lt(rows->count, ROW_MAX);
        rows->names[rows->count++] = name + 2;
    }
}

static bool has_row(const struct rows *rows, const char *name)
{
    for (size_t row = 0; row < rows->count; row += 1) {
        if (strcmp(rows->names[row], name) == 0) {
            return true;
        }
    }
    return false;
}

static void run_row(const char *name, bool is_with, struct script_outcome *outcome)
{
    char set[128];
    (void)snprintf(set, sizeof set, "row=%s", name);
    const char *sets[] = {set, is_with ? "with=true" : "with=false"};
    struct script_options options = {.path = STORY, .sets = sets, .set_count = 2, .seed = 1};
    ck_assert_int_eq(script_run_file(&options, outcome), 0);
    const struct sim_result *result = outcome->result;
    ck_assert_msg(outcome->end == SCRIPT_END_PASS, "%s, %s it: %s%s", name,
                  is_with ? "with" : "without", outcome->error,
                  result != NULL && result->violation_count > 0
                      ? result->violations[result->violation_count - 1].detail
                      : "");
}

/* ---- Tests ---------------------------------------------------------------------------------------- */

/* docs/scenario-api.md: what each call and each fault is for is seen with it, and not without it. */
START_TEST(every_call_changes_what_is_seen)
{
    struct rows rows;
    struct script_outcome outcome;
    read_rows(&rows);
    for (size_t row = 0; row < rows.count; row += 1) {
        for (int is_with = 0; is_with < 2; is_with += 1) {
            run_row(rows.names[row], is_with != 0, &outcome);
            script_outcome_clear(&outcome);
        }
    }
    free(rows.text);
}
END_TEST

/* What a story itself cannot see: the result has it. */
START_TEST(samples_and_states_are_in_the_result)
{
    struct script_outcome outcome;
    for (int is_with = 0; is_with < 2; is_with += 1) {
        run_row("c:metric", is_with != 0, &outcome);
        ck_assert_uint_eq(outcome.result->metric_count, (size_t)is_with);
        script_outcome_clear(&outcome);
        run_row("c:sometimes", is_with != 0, &outcome);
        ck_assert_uint_eq(outcome.result->reached_count, (size_t)is_with);
        script_outcome_clear(&outcome);
    }
}
END_TEST

/* A new call of the binding comes with its row. */
START_TEST(every_registered_call_has_a_row)
{
    struct rows rows;
    read_rows(&rows);
    const struct script_method_table *table = script_method_tables;
    for (; table->object != NULL; table += 1) {
        for (const luaL_Reg *method = table->methods; method->name != NULL; method += 1) {
            char name[80];
            (void)snprintf(name, sizeof name, "%s:%s", table->object, method->name);
            bool is_by_key = strcmp(name, "n:disk") == 0; /* a row for each key */
            ck_assert_msg(is_by_key || has_row(&rows, name), "%s has no row", name);
        }
    }
    free(rows.text);
}
END_TEST

static bool has_fault_row(const struct rows *rows, const char *fault)
{
    static const char *const forms[] = {"c.net:%s", "n:%s", "c:%s", "a:%s", "n:hostile %s"};
    char name[80];
    if (strncmp(fault, "disk.", 5) == 0) {
        (void)snprintf(name, sizeof name, "n:disk %s", fault + 5);
        return has_row(rows, name);
    }
    for (size_t form = 0; form < sizeof forms / sizeof forms[0]; form += 1) {
        const char *colon = strchr(forms[form], '%');
        (void)snprintf(name, sizeof name, "%.*s%s", (int)(colon - forms[form]), forms[form], fault);
        if (has_row(rows, name)) {
            return true;
        }
    }
    return false;
}

/* And so does a new fault of the catalog. */
START_TEST(every_fault_of_the_catalog_has_a_row)
{
    struct rows rows;
    read_rows(&rows);
    for (size_t index = 0; index < fault_catalog_count(); index += 1) {
        const char *fault = fault_catalog_at(index)->name;
        ck_assert_msg(has_fault_row(&rows, fault), "%s has no row", fault);
    }
    free(rows.text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim.matters");
    TCase *tc = tcase_create("matters");
    tcase_set_timeout(tc, 300);
    tcase_add_test(tc, every_call_changes_what_is_seen);
    tcase_add_test(tc, samples_and_states_are_in_the_result);
    tcase_add_test(tc, every_registered_call_has_a_row);
    tcase_add_test(tc, every_fault_of_the_catalog_has_a_row);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
