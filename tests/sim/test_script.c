/* Tests of sim/script: what is wrong with a scenario is told before anything runs, with its place. */
#include "sim/script.h"

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "protocol/error.h"
#include "tests/lib/case_folder.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))

/* ---- Helpers ------------------------------------------------------------------------------------ */

static struct case_folder cases;

static void write_file(const char *name, const char *text)
{
    case_folder_write(&cases, name, "%s", text);
}

static void set_up(void)
{
    case_folder_make(&cases);
}

static void tear_down(void)
{
    case_folder_remove(&cases);
}

static void run_text(const char *text, const char *const *sets, size_t set_count,
                     struct script_outcome *outcome)
{
    struct script_options options;
    memset(&options, 0, sizeof options);
    options.path = cases.path;
    options.sets = sets;
    options.set_count = set_count;
    options.seed = 7;
    write_file("case.lua", text);
    ck_assert_int_eq(script_run_file(&options, outcome), 0);
}

/* ---- Table --------------------------------------------------------------------------------------- */

struct wrong_row {
    const char *name, *text;
    const char *expected; /* after the folder */
};

#define RUN ", run = function(c) end}"

static const struct wrong_row wrongs[] = {
    {"syntax", "return {\n name = = 1}", "case.lua:2: unexpected symbol"},
    {"error at load", "\nerror('told')", "case.lua:2: told"},
    {"no table", "return 1", "case.lua: the file returns no table"},
    {"no name", "return {run = function() end}", "case.lua: name: is missing"},
    {"bad name", "return {name = 'Not Good'" RUN, "case.lua: name: 'Not Good'"},
    {"no run", "return {name = 'x'}", "case.lua: run: expected a function"},
    {"unknown key", "return {name = 'x', clutser = {}" RUN, "case.lua: scenario.clutser: unknown"},
    {"unknown key of a section", "return {name = 'x', cluster = {redaers = 3}" RUN,
     "case.lua: cluster.redaers: unknown key"},
    {"first unknown key in order", "return {name = 'x', network = {b = 1, a = 1, c = 1}" RUN,
     "case.lua: network.a: unknown key"},
    {"no cluster name", "return {name = 'x', cluster = {name = ''}" RUN,
     "case.lua: cluster.name: a name has 1 to 100 bytes, this one has 0"},
    {"a cluster name too long", "return {name = 'x', cluster = {name = ('n'):rep(101)}" RUN,
     "case.lua: cluster.name: a name has 1 to 100 bytes, this one has 101"},
    {"a cluster name that is no address", "return {name = 'x', cluster = {name = 'a,b:1'}" RUN,
     "case.lua: cluster.name: 'a,b:1': letters, digits"},
    {"negative count", "return {name = 'x', cluster = {readers = -1}" RUN,
     "case.lua: cluster.readers: '-1'"},
    {"fractional count", "return {name = 'x', cluster = {readers = 2.5}" RUN,
     "case.lua: cluster.readers: '2.5'"},
    {"NaN count", "return {name = 'x', cluster = {readers = 0/0}" RUN,
     "case.lua: cluster.readers: '"},
    {"too many nodes", "return {name = 'x', cluster = {readers = 2000}" RUN, "case.lua: cluster: "},
    {"bad duration", "return {name = 'x', network = {latency = '5 parsecs'}" RUN,
     "case.lua: network.latency: '5 parsecs'"},
    {"bad rate", "return {name = 'x', storage = {read = '2GiB'}" RUN,
     "case.lua: storage.read: '2GiB'"},
    {"bad chance", "return {name = 'x', network = {loss = 1.5}" RUN,
     "case.lua: network.loss: '1.5'"},
    {"bad limit", "return {name = 'x', limit = '-5s'" RUN, "case.lua: limit: '-5s'"},
    {"bad closing", "return {name = 'x', closing = 'half'" RUN, "case.lua: closing: 'half'"},
    {"bad release", "return {name = 'x', cluster = {release = 'arcane'}" RUN,
     "case.lua: cluster.release: 'arcane'"},
    {"bad release of a node", "return {name = 'x', cluster = {releases = {['reader-1'] = 1}}" RUN,
     "case.lua: cluster.releases.reader-1: '1'"},
    {"bad property", "return {name = 'x', expect = {violates = 'honour'}" RUN,
     "case.lua: expect.violates: 'honour'"},
    {"unknown configuration key", "return {name = 'x', cluster = {config = {no_such = 1}}" RUN,
     "case.lua: cluster.config.no_such: unknown key"},
    {"bad consensus", "return {name = 'x', cluster = {consensus = 'paxos'}" RUN,
     "case.lua: cluster.consensus: 'paxos'"},
    {"unknown leader", "return {name = 'x', cluster = {leader = 'writer-2'}" RUN,
     "case.lua: cluster.leader: there is no node 'writer-2'"},
    {"leader with a tail", "return {name = 'x', cluster = {leader = 'writer-1x'}" RUN,
     "case.lua: cluster.leader: there is no node 'writer-1x'"},
    {"release of an unknown node",
     "return {name = 'x', cluster = {releases = {['raeder-1'] = 'arc'}}" RUN,
     "case.lua: cluster.releases: there is no node 'raeder-1'"},
    {"configuration of a node too many",
     "return {name = 'x', cluster = {readers = 2, configs = {['reader-3'] = {}}}" RUN,
     "case.lua: cluster.configs: there is no node 'reader-3'"},
    {"zone of a node with a zero in front",
     "return {name = 'x', cluster = {zones = {['reader-01'] = 'b'}}" RUN,
     "case.lua: cluster.zones: there is no node 'reader-01'"},
    {"error in a function of parameters",
     "return {name = 'x',\n cluster = function(p) return p.none.at_all end" RUN, "case.lua:2: "},
    {"bad parameter", "return {name = 'x', params = {list = {}}" RUN, "case.lua: params.list: "},
    {"require from elsewhere", "require '../lib'\nreturn {name = 'x'" RUN, "case.lua:1: require"},
};

/* ---- Tests ---------------------------------------------------------------------------------------- */

/* cli, exit code 2: told with file and line, or file and key; nothing has run. */
START_TEST(wrong_files_are_told_with_their_place)
{
    const struct wrong_row *row = &wrongs[_i];
    struct script_outcome outcome;
    run_text(row->text, NULL, 0, &outcome);
    ck_assert_msg(outcome.end == SCRIPT_END_ERROR, "%s: end %d", row->name, outcome.end);
    ck_assert_msg(!outcome.is_run, "%s: something ran", row->name);
    ck_assert_msg(strncmp(outcome.error, cases.folder, strlen(cases.folder)) == 0, "%s: '%s'",
                  row->name, outcome.error);
    ck_assert_msg(strncmp(outcome.error + strlen(cases.folder) + 1, row->expected,
                          strlen(row->expected)) == 0,
                  "%s: '%s'", row->name, outcome.error);
    script_outcome_clear(&outcome);
}
END_TEST

struct set_row {
    const char *set, *expected; /* NULL: accepted, up to the missing `run` */
    const char *params_json;
};
static const struct set_row sets[] = {
    {"files=1000", NULL, "{\"files\":1000,\"kind\":\"a\",\"p\":0.1,\"slow\":false}"},
    {"kind=b\"c", NULL, "{\"files\":10,\"kind\":\"b\\\"c\",\"p\":0.1,\"slow\":false}"},
    {"slow=true", NULL, "{\"files\":10,\"kind\":\"a\",\"p\":0.1,\"slow\":true}"},
    {"release=current", NULL, "{\"files\":10,\"kind\":\"a\",\"p\":0.1,\"slow\":false}"},
    {"release=arc", NULL, "{\"files\":10,\"kind\":\"a\",\"p\":0.1,\"slow\":false}"},
    {"release=phase2", NULL, "{\"files\":10,\"kind\":\"a\",\"p\":0.1,\"slow\":false}"},
    {"files=many", "--set files=many: the parameter is a number", NULL},
    {"slow=1", "--set slow=1: the parameter is a boolean", NULL},
    {"flies=1", "--set flies=1: the scenario has no parameter 'flies'", NULL},
    {"files", "--set files: expected key=value", NULL},
    {"release=arcane", "--set release=arcane: the releases are", NULL},
};

/* cli, --set: the same type is required, and an unknown parameter is an error. */
START_TEST(parameters_keep_their_type)
{
    const struct set_row *row = &sets[_i];
    struct script_outcome outcome;
    run_text("return {name = 'x', params = {files = 10, kind = 'a', slow = false, p = 0.1}}",
             &row->set, 1, &outcome);
    ck_assert_int_eq(outcome.end, SCRIPT_END_ERROR);
    const char *expected = row->expected == NULL ? "run: expected a function" : row->expected;
    ck_assert_msg(strstr(outcome.error, expected) != NULL, "%s: '%s'", row->set, outcome.error);
    ck_assert_msg(row->params_json == NULL || strcmp(outcome.params_json, row->params_json) == 0,
                  "%s: %s", row->set, outcome.params_json);
    script_outcome_clear(&outcome);
}
END_TEST

/* cli, repeat: every --set, quoted for a shell. */
START_TEST(repeat_line_carries_every_set)
{
    static const char *const two[] = {"files=3", "kind=it's"};
    struct script_outcome outcome;
    char expected[256];
    run_text("return 1", two, 2, &outcome);
    (void)snprintf(expected, sizeof expected,
                   "replisim run %s --seed 7 --set files=3 --set 'kind=it'\\''s'", cases.path);
    ck_assert_str_eq(outcome.repeat, expected);
    script_outcome_clear(&outcome);
}
END_TEST

/* A link that leads out of the scenario's folder is not followed by `require`. */
START_TEST(require_stays_in_the_folder)
{
    struct script_outcome outcome;
    write_file("_lib.lua", "return {name = 'from-lib'}");
    run_text("return require '_lib'", NULL, 0, &outcome);
    ck_assert_str_eq(outcome.scenario, "from-lib");
    script_outcome_clear(&outcome);
    ck_assert_int_eq(symlink(REPLISIM_SOURCE_DIR "/scenarios/catchup/happy_path.lua",
                             case_folder_file(&cases, "out.lua")),
                     0);
    run_text("return require 'out'", NULL, 0, &outcome);
    ck_assert_int_eq(outcome.end, SCRIPT_END_ERROR);
    ck_assert_ptr_nonnull(strstr(outcome.error, "outside the scenario's folder"));
    script_outcome_clear(&outcome);
}
END_TEST

/* `list scenarios` reads what a file says about itself without a run. */
START_TEST(about_is_read_without_a_run)
{
    struct script_about about;
    write_file("case.lua", "return {name = 'x-1', about = 'Why.', phase = 3, params = {b = 2}}");
    ck_assert_int_eq(script_read_about(cases.path, &about), 0);
    ck_assert_str_eq(about.name, "x-1");
    ck_assert_str_eq(about.about, "Why.");
    ck_assert_int_eq(about.phase, 3);
    ck_assert_str_eq(about.params_json, "{\"b\":2}");
    script_about_clear(&about);
    write_file("case.lua", "return {");
    ck_assert_int_eq(script_read_about(cases.path, &about), RP_ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(about.error, "case.lua:1:"));
    script_about_clear(&about);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("script");
    TCase *tc = tcase_create("script");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, wrong_files_are_told_with_their_place, 0, ROWS(wrongs));
    tcase_add_loop_test(tc, parameters_keep_their_type, 0, ROWS(sets));
    tcase_add_test(tc, repeat_line_carries_every_set);
    tcase_add_test(tc, require_stays_in_the_folder);
    tcase_add_test(tc, about_is_read_without_a_run);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
