/* Every fault that `list faults` names is one that a scenario can bring about as its example says: each
 * row is a run of a cluster in which the example stands. */
#include "fault/catalog.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/script.h"
#include "tests/lib/case_folder.h"

/* What the examples speak of: a scenario's own names for its nodes, and an attacker's for its capture.
 * Then what any of them acts on: files from both writers, one of them larger than a disk that is said to
 * have little room; a node that moves; listings; and host losses in the middle of writes. */
static const char STORY[] =
    "return { name = 'example', about = 'An example of the catalog.', closing = 'short',\n"
    "  cluster = { writers = 2, readers = 2, release = '%s',\n"
    "    config = { ['reconciliation.enabled'] = true } }, expect = { accept = { 'arc' } },\n"
    "  run = function(c)\n"
    "    local n, path = c:node('writer-1'), 'db/a.parquet'\n"
    "    local a, b, w = n, c:node('reader-1'), c:node('writer-2')\n"
    "    local cap\n"
    "    n:flush{ path = path, bytes = '10KiB' }\n"
    "    c:settle('1m')\n"
    "    if %s then\n"
    "      a = c:attacker{ on_path = { a, b } }\n"
    "      c:go(function() n:flush{ bytes = '10KiB' } end)\n"
    "      cap = a:capture{ type = 'FetchFile' }\n"
    "    end\n"
    "    %s\n"
    "    %s\n"
    "    if n:up() then n:flush{ files = 10, bytes = '10KiB' } end\n"
    "    w:flush{ files = 40, bytes = '60KiB' }\n"
    "    w:flush{ bytes = '2MiB' }\n"
    "    c:sleep('5s')\n"
    "    c:node('reader-2'):replace{ grace = 0 }\n"
    "    c:sleep('5s')\n"
    "    for i = 1, 40 do pcall(c.reconcile, c, n, {}) end\n"
    "    for i = 1, 4 do\n"
    "      c:go(function() w:flush{ files = 8, bytes = '200KiB', every = '5ms' } end)\n"
    "      c:sleep('40ms')\n"
    "      if n:up() then n:kill{ host = true } end\n"
    "      c:sleep('1s')\n"
    "      pcall(n.start, n)\n"
    "      c:sleep('3s')\n"
    "    end\n"
    "  end }\n";

/* Faults of what `current` does no more: it syncs what it publishes, and never appends. */
static const struct {
    const char *name, *release, *also;
} older[] = {
    {"disk.torn", "arc", ""},
    {"disk.no_append", "arc",
     "w:hostile{ kind = 'short-body', after_bytes = '50KiB', for_ = '5s' }"},
};

static struct case_folder cases;

static void set_up(void)
{
    case_folder_make(&cases);
}

static void tear_down(void)
{
    case_folder_remove(&cases);
}

static void write_example(const struct fault_kind *kind)
{
    const char *release = "current", *also = "";
    bool is_attack = strncmp(kind->example, "a:", 2) == 0;
    for (size_t row = 0; row < sizeof older / sizeof older[0]; row += 1) {
        if (strcmp(older[row].name, kind->name) == 0) {
            release = older[row].release;
            also = older[row].also;
        }
    }
    case_folder_write(&cases, "case.lua", STORY, release, is_attack ? "true" : "false",
                      kind->example, also);
}

/* The script is right, and its fault acts; what that does to the cluster is for other tests. */
START_TEST(example_is_what_a_scenario_writes_and_acts)
{
    const struct fault_kind *kind = fault_catalog_at((size_t)_i);
    struct script_options options = {.path = cases.path, .seed = 1};
    struct script_outcome outcome;
    write_example(kind);
    ck_assert_int_eq(script_run_file(&options, &outcome), 0);
    ck_assert_msg(outcome.end == SCRIPT_END_PASS || outcome.end == SCRIPT_END_FAIL, "%s: %s: %s",
                  kind->name, kind->example, outcome.error);
    ck_assert_msg(outcome.result->reach.faults[_i] > 0, "%s: %s: nothing came of it", kind->name,
                  kind->example);
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
    tcase_add_loop_test(tcase, example_is_what_a_scenario_writes_and_acts, 0,
                        (int)fault_catalog_count());
    tcase_add_test(tcase, names_are_unique_and_explained);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
