#include "sim/cli/cli.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "fault/catalog.h"
#include "protocol/config.h"
#include "protocol/release.h"
#include "sim/cli/describe.h"
#include "sim/property.h"
#include "sim/reach.h"
#include "sim/script.h"

void cli_describe_heading(const char *name, const char *kind)
{
    printf("%s%s%s (%s)\n", cli_colour(stdout, CLI_BOLD), name, cli_colour(stdout, CLI_PLAIN),
           kind);
}

static bool describe_property(const char *name)
{
    enum sim_property property;
    if (!sim_property_parse(rp_view_text(name), &property)) {
        return false;
    }
    cli_describe_heading(name, "property");
    printf("  %s\n", sim_property_about(property));
    printf("  %s\n", sim_property_judged(property));
    if (property != SIM_PROP_SAME_SEED_SAME_TRACE) {
        printf("  A scenario that shows its violation says expect = { violates = \"%s\" }.\n",
               name);
    }
    if (property == SIM_PROP_CONVERGES) {
        cli_describe_bound();
    }
    for (int i = 0; i < RP_RELEASE_COUNT; i++) {
        const char *paragraph = sim_expect_exception((enum rp_release)i, property);
        if (paragraph != NULL) {
            printf("  Known not to hold on nodes of release %s (%s).\n",
                   rp_release_name((enum rp_release)i), paragraph);
        }
    }
    return true;
}

/* Every count that a sweep must reach. */
static void print_floors(void)
{
    for (int group = 0; group < SIM_REACH_GROUP_COUNT; group++) {
        enum sim_reach_group rows = (enum sim_reach_group)group;
        printf("  %s\n", sim_reach_group_name(rows));
        for (size_t row = 0; row < sim_reach_row_count(rows); row++) {
            printf("    %-28s %" PRIu64 "\n", sim_reach_row_name(rows, row),
                   sim_reach_row_floor(rows, row));
        }
    }
}

static bool describe_sweep_property(const char *name)
{
    for (size_t i = 0; i < sim_sweep_property_count(); i++) {
        const struct sim_sweep_property *property = sim_sweep_property_at(i);
        if (strcmp(property->name, name) == 0) {
            cli_describe_heading(name, "property of a sweep");
            printf("  %s\n  %s\n", property->about, property->judged);
            if (i == 0) {
                print_floors();
            }
            return true;
        }
    }
    return false;
}

static bool describe_release(const char *name)
{
    enum rp_release release;
    if (!rp_release_parse(rp_view_text(name), &release)) {
        return false;
    }
    cli_describe_heading(name, "release");
    printf("  %s\n", rp_release_about(release));
    const char *between = "  Known not to hold: ";
    for (int i = 0; i < SIM_PROPERTY_COUNT; i++) {
        if (sim_expect_exception(release, (enum sim_property)i) != NULL) {
            printf("%s%s", between, sim_property_name((enum sim_property)i));
            between = ", ";
        }
    }
    if (between[0] == ',') {
        printf("\n");
    }
    printf(
        "  in a scenario: cluster = { release = \"%s\", releases = { [\"reader-2\"] = \"%s\" } },\n"
        "  n:restart{ release = \"%s\" }; of any scenario: --set release=%s\n",
        name, name, name, name);
    return true;
}

static bool describe_fault(const char *name)
{
    for (size_t i = 0; i < fault_catalog_count(); i++) {
        const struct fault_kind *kind = fault_catalog_at(i);
        bool is_disk = strncmp(kind->name, "disk.", 5) == 0 && strcmp(kind->name + 5, name) == 0;
        if (strcmp(kind->name, name) == 0 || is_disk) {
            cli_describe_heading(kind->name, "fault");
            printf("  %s\n  %s\n  in a scenario: %s\n", kind->about, kind->explanation,
                   kind->example);
            return true;
        }
    }
    return false;
}

static bool describe_limits(const char *name)
{
    if (strcmp(name, "limits") != 0) {
        return false;
    }
    cli_describe_heading(name, "bounds of a script");
    printf("  %-32s %" PRIu64 "\n", "instructions without sleeping", SCRIPT_INSTRUCTIONS_MAX);
    printf("  %-32s %" PRIu64 " MiB\n", "memory of the script", SCRIPT_MEMORY_BYTES_MAX >> 20);
    printf("  %-32s %" PRIu64 " MiB\n", "one string", SCRIPT_STRING_BYTES_MAX >> 20);
    printf("  %-32s %u\n", "files in a run", SCRIPT_FILE_COUNT_MAX);
    printf("  %-32s %u\n", "nodes in a run", SCRIPT_NODE_COUNT_MAX);
    printf("  %-32s %u bytes\n", "name of a node or a cluster", SCRIPT_NAME_BYTES_MAX);
    printf("  A script that goes beyond one is stopped with an error that names the line.\n");
    return true;
}

static bool describe_scenario_file(const char *path, const char *name, int *code_out)
{
    struct script_about about;
    int status = script_read_about(path, &about);
    bool is_meant = name == NULL || (about.name != NULL && strcmp(about.name, name) == 0);
    if (is_meant && status != 0) {
        *code_out = cli_error("%s", about.error);
    } else if (is_meant) {
        cli_describe_heading(about.name == NULL ? path : about.name, "scenario");
        printf("  file        %s\n", path);
        if (about.about != NULL) {
            printf("  about       %s\n", about.about);
        }
        if (about.phase != 0) {
            printf("  phase       %" PRId64 "\n", about.phase);
        }
        if (about.params_json != NULL) {
            printf("  parameters  %s\n", about.params_json);
        }
        printf("  run it      replisim run %s\n", path);
    }
    script_about_clear(&about);
    return is_meant;
}

static bool describe_scenario(const char *name, int *code_out)
{
    struct stat status;
    size_t length = strlen(name);
    if (length > 4 && strcmp(name + length - 4, ".lua") == 0 && stat(name, &status) == 0) {
        return describe_scenario_file(name, NULL, code_out);
    }
    struct cli_scenarios scenarios = {NULL, 0};
    bool is_found = false;
    if (stat(cli_scenarios_folder(), &status) == 0 &&
        cli_scenarios_find(&scenarios, cli_scenarios_folder())) {
        for (size_t i = 0; i < scenarios.count && !is_found; i++) {
            is_found = describe_scenario_file(scenarios.paths[i], name, code_out);
        }
    }
    cli_scenarios_clear(&scenarios);
    return is_found;
}

/* ---- What was meant -------------------------------------------------------------------------- */

#define NAMES_MAX 1024

struct names {
    const char *list[NAMES_MAX];
    size_t count;
};

static void add_name(struct names *names, const char *name)
{
    if (names->count < NAMES_MAX) {
        names->list[names->count++] = name;
    }
}

static void add_all(struct names *names)
{
    for (int i = 0; i < SIM_PROPERTY_COUNT; i++) {
        add_name(names, sim_property_name((enum sim_property)i));
    }
    for (size_t i = 0; i < sim_sweep_property_count(); i++) {
        add_name(names, sim_sweep_property_at(i)->name);
    }
    for (int i = 0; i < RP_RELEASE_COUNT; i++) {
        add_name(names, rp_release_name((enum rp_release)i));
    }
    for (size_t i = 0; i < fault_catalog_count(); i++) {
        add_name(names, fault_catalog_at(i)->name);
    }
    for (size_t i = 0; i < rp_config_key_count(); i++) {
        add_name(names, rp_config_key_at(i)->name);
    }
    for (size_t i = 0; i < cli_code_count(); i++) {
        add_name(names, cli_code_name(i));
    }
    for (size_t i = 0; i < cli_group_count(); i++) {
        add_name(names, cli_group_name(i));
    }
    add_name(names, "limits");
}

static int describe_nothing(const char *name)
{
    struct names names;
    names.count = 0;
    add_all(&names);
    const char *meant = cli_nearest(name, names.list, names.count);
    return cli_error("replisim describe: nothing called \"%s\"; %s%s", name,
                     meant != NULL ? "did you mean " : "see replisim list",
                     meant != NULL ? meant : "");
}

int cli_describe(int argc, char **argv)
{
    int code = CLI_EXIT_PASS;
    if (argc > 2 && strcmp(argv[1], "converges") == 0) {
        return cli_describe_converges(argc, argv);
    }
    if (argc != 2) {
        return cli_error("replisim describe: one name, please; see replisim describe --help");
    }
    const char *name = argv[1];
    bool is_found = describe_property(name) || describe_sweep_property(name) ||
                    describe_release(name) || describe_fault(name) || cli_describe_group(name) ||
                    cli_describe_config(name) || cli_describe_code(name) || describe_limits(name) ||
                    describe_scenario(name, &code);
    return is_found ? code : describe_nothing(name);
}
