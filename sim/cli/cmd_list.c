#include "sim/cli/cli.h"

#include <string.h>

#include "fault/catalog.h"
#include "protocol/config.h"
#include "protocol/release.h"
#include "sim/cli/markdown.h"
#include "sim/cli/describe.h"
#include "sim/property.h"
#include "sim/script.h"

static int list_scenario(const char *path)
{
    struct script_about about;
    int status = script_read_about(path, &about);
    if (status != 0) {
        cli_error("%s", about.error);
    } else {
        printf("%-24s %s\n", about.name == NULL ? "(no name)" : about.name, path);
        if (about.about != NULL) {
            printf("%-24s %s\n", "", about.about);
        }
    }
    script_about_clear(&about);
    return status == 0 ? CLI_EXIT_PASS : CLI_EXIT_WRONG;
}

/* One page of all; its names are relative to one folder, so it takes no second path. */
static int list_page(int count, char **words)
{
    struct cli_scenarios scenarios = {NULL, 0};
    const char *root = count == 2 ? words[strcmp(words[0], "--markdown") == 0] : NULL;
    if (count > 2) {
        return cli_error("replisim list scenarios --markdown: one folder, please");
    }
    root = root == NULL ? cli_scenarios_folder() : root;
    bool is_found = cli_scenarios_find(&scenarios, root);
    int code = is_found ? cli_print_scenarios_page(&scenarios, root) : CLI_EXIT_WRONG;
    cli_scenarios_clear(&scenarios);
    return code;
}

/* A scenario that cannot be read is told, and the others are listed all the same. */
static int list_scenarios(int count, char **paths)
{
    struct cli_scenarios scenarios = {NULL, 0};
    int code = CLI_EXIT_PASS;
    for (int i = 0; i < count; i++) {
        if (strcmp(paths[i], "--markdown") == 0) {
            return list_page(count, paths);
        }
    }
    bool is_found = count > 0 || cli_scenarios_find(&scenarios, cli_scenarios_folder());
    for (int i = 0; i < count && is_found; i++) {
        is_found = cli_scenarios_find(&scenarios, paths[i]);
    }
    for (size_t i = 0; i < scenarios.count && is_found; i++) {
        int status = list_scenario(scenarios.paths[i]);
        code = status > code ? status : code;
    }
    cli_scenarios_clear(&scenarios);
    return is_found ? code : CLI_EXIT_WRONG;
}

static int list_faults(int count, char **words)
{
    (void)count;
    (void)words;
    for (size_t i = 0; i < fault_catalog_count(); i++) {
        const struct fault_kind *kind = fault_catalog_at(i);
        printf("%-24s %s\n", kind->name, kind->about);
    }
    return CLI_EXIT_PASS;
}

static int list_properties(int count, char **words)
{
    (void)count;
    (void)words;
    for (int i = 0; i < SIM_PROPERTY_COUNT; i++) {
        printf("%-24s %s\n", sim_property_name((enum sim_property)i),
               sim_property_about((enum sim_property)i));
    }
    for (size_t i = 0; i < sim_sweep_property_count(); i++) {
        const struct sim_sweep_property *property = sim_sweep_property_at(i);
        printf("%-24s %s (over a sweep)\n", property->name, property->about);
    }
    return CLI_EXIT_PASS;
}

static int list_config(int count, char **words)
{
    (void)count;
    (void)words;
    for (size_t i = 0; i < rp_config_key_count(); i++) {
        const struct rp_config_key *key = rp_config_key_at(i);
        printf("%-40s %s%s%s\n", key->name, key->default_text, key->unit[0] == '\0' ? "" : " ",
               key->unit);
    }
    return CLI_EXIT_PASS;
}

static int list_codes(int count, char **words)
{
    (void)count;
    (void)words;
    for (size_t i = 0; i < cli_code_count(); i++) {
        printf("%-24s %s\n", cli_code_name(i), cli_code_about(i));
    }
    return CLI_EXIT_PASS;
}

static int list_releases(int count, char **words)
{
    (void)count;
    (void)words;
    for (int i = 0; i < RP_RELEASE_COUNT; i++) {
        printf("%-24s %s\n", rp_release_name((enum rp_release)i),
               rp_release_about((enum rp_release)i));
    }
    return CLI_EXIT_PASS;
}

static const struct {
    const char *name;
    int (*list)(int count, char **words);
} topics[] = {
    {"scenarios", list_scenarios}, {"faults", list_faults},     {"properties", list_properties},
    {"config", list_config},       {"releases", list_releases}, {"codes", list_codes},
};

#define TOPIC_COUNT (sizeof topics / sizeof topics[0])

static int list_everything(void)
{
    int code = CLI_EXIT_PASS;
    for (size_t i = 0; i < TOPIC_COUNT; i++) {
        printf("%s%s%s%s\n", i == 0 ? "" : "\n", cli_colour(stdout, CLI_BOLD), topics[i].name,
               cli_colour(stdout, CLI_PLAIN));
        int status = topics[i].list(0, NULL);
        code = status > code ? status : code;
    }
    return code;
}

int cli_list(int argc, char **argv)
{
    const char *names[TOPIC_COUNT];
    if (argc < 2) {
        return list_everything();
    }
    for (size_t i = 0; i < TOPIC_COUNT; i++) {
        names[i] = topics[i].name;
        if (strcmp(argv[1], topics[i].name) == 0) {
            if (argc > 2 && topics[i].list != list_scenarios) {
                return cli_error("replisim list %s: takes no further words", argv[1]);
            }
            return topics[i].list(argc - 2, argv + 2);
        }
    }
    const char *meant = cli_nearest(argv[1], names, TOPIC_COUNT);
    return cli_error("replisim list: nothing called \"%s\"; %s%s", argv[1],
                     meant != NULL ? "did you mean " : "see replisim list --help",
                     meant != NULL ? meant : "");
}
