/* Every fault that `list faults` names is one that a scenario can bring about as its example says: each
 * row is a run of a cluster in which the example stands. */
#include "fault/catalog.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/script.h"
#include "tests/lib/case_folder.h"

/* What the examples speak of: a scenario's own names for its nodes, and an attacker's for its capture. */
static const char STORY[] =
    "return { name = 'example', about = 'An example of the catalog.',\n"
    "  cluster = { writers = 2, readers = 2 }, expect = { accept = { 'arc' } },\n"
    "  run = function(c)\n"
    "    local n, path = c:node('reader-1'), 'db/a.parquet'\n"
    "    local a, b = c:node('writer-1'), n\n"
    "    local cap\n"
    "    c:flush{ path = path, bytes = '10KiB' }\n"
    "    c:settle('1m')\n"
    "    if %s then\n"
    "      a = c:attacker{ on_path = { a, b } }\n"
    "      c:go(function() c:flush{ bytes = '10KiB' } end)\n"
    "      cap = a:capture{ type = 'FetchFile' }\n"
    "    end\n"
    "    %s\n"
    "    c:flush{ bytes = '10KiB' }\n"
    "    c:sleep('5s')\n"
    "  end }\n";

static struct case_folder cases;

static void set_up(void)
{
    case_folder_make(&cases);
}

static void tear_down(void)
{
    case_folder_remove(&cases);
}

/* The script itself must be right; what the fault then does to the cluster is for other tests. */
START_TEST(example_is_what_a_scenario_writes)
{
    const struct fault_kind *kind = fault_catalog_at((size_t)_i);
    bool is_attack = strncmp(kind->example, "a:", 2) == 0;
    struct script_options options = {.path = cases.path, .seed = 1};
    struct script_outcome outcome;
    case_folder_write(&cases, "case.lua", STORY, is_attack ? "true" : "false", kind->example);
    ck_assert_int_eq(script_run_file(&options, &outcome), 0);
    ck_assert_msg(outcome.end == SCRIPT_END_PASS || outcome.end == SCRIPT_END_FAIL, "%s: %s: %s",
                  kind->name, kind->example, outcome.error);
    script_outcome_clear(&outcome);
}
END_TEST

/* A name is one fault's, and every row says all that `describe` prints. */
START_TEST(names_are_unique_and_explained)
{
    for (size_t row = 0; row < fault_catalog_count(); row += 1) {
        const struct fault_kind *kind = fault_catalog_at(row);
        ck_assert(kind->name[0] != '\0' && kind->about[0] != '\0');
        ck_assert(kind->explanation[0] != '\0' && kind->example[0] != '\0');
        for (size_t other = 0; other < row; other += 1) {
            ck_assert_str_ne(kind->name, fault_catalog_at(other)->name);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim.catalog");
    TCase *tcase = tcase_create("catalog");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, example_is_what_a_scenario_writes, 0, (int)fault_catalog_count());
    tcase_add_test(tcase, names_are_unique_and_explained);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
