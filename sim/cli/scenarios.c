#include "sim/cli/cli.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/cli/version.h"

/* Deeper than anyone nests folders; ends a walk through links that go round. */
#define DEPTH_MAX 16

static bool add_path(struct cli_scenarios *scenarios, const char *path)
{
    char **paths = realloc(scenarios->paths, (scenarios->count + 1) * sizeof *paths);
    if (paths == NULL) {
        cli_error("out of memory");
        return false;
    }
    scenarios->paths = paths;
    paths[scenarios->count] = strdup(path);
    scenarios->count += paths[scenarios->count] != NULL;
    return true;
}

static bool is_scenario_name(const char *name)
{
    size_t length = strlen(name);
    return name[0] != '_' && name[0] != '.' && length > 4 && strcmp(name + length - 4, ".lua") == 0;
}

static bool walk(struct cli_scenarios *scenarios, const char *folder, int depth)
{
    DIR *listing = opendir(folder);
    if (listing == NULL) {
        cli_error("%s: %s", folder, strerror(errno));
        return false;
    }
    bool is_good = true;
    struct dirent *entry;
    while (is_good && (entry = readdir(listing)) != NULL) {
        char path[CLI_PATH_MAX];
        struct stat about;
        int length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.' || length >= (int)sizeof path || stat(path, &about) != 0) {
            continue;
        }
        if (S_ISDIR(about.st_mode) && depth < DEPTH_MAX && entry->d_name[0] != '_') {
            is_good = walk(scenarios, path, depth + 1);
        } else if (S_ISREG(about.st_mode) && is_scenario_name(entry->d_name)) {
            is_good = add_path(scenarios, path);
        }
    }
    closedir(listing);
    return is_good;
}

static int order_of_paths(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

bool cli_scenarios_find(struct cli_scenarios *scenarios, const char *path)
{
    struct stat about;
    size_t before = scenarios->count;
    if (stat(path, &about) != 0) {
        cli_error("%s: %s", path, strerror(errno));
        return false;
    }
    if (!S_ISDIR(about.st_mode)) {
        return add_path(scenarios, path);
    }
    if (!walk(scenarios, path, 0)) {
        return false;
    }
    if (scenarios->count == before) {
        cli_error("%s: no scenario (*.lua) in it", path);
        return false;
    }
    qsort(scenarios->paths + before, scenarios->count - before, sizeof *scenarios->paths,
          order_of_paths);
    return true;
}

void cli_scenarios_clear(struct cli_scenarios *scenarios)
{
    for (size_t i = 0; i < scenarios->count; i++) {
        free(scenarios->paths[i]);
    }
    free(scenarios->paths);
    memset(scenarios, 0, sizeof *scenarios);
}

const char *cli_scenarios_folder(void)
{
    static const char *const folders[] = {"scenarios", CLI_SCENARIOS_SOURCE,
                                          CLI_SCENARIOS_INSTALLED};
    struct stat about;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if (stat(folders[i], &about) == 0 && S_ISDIR(about.st_mode)) {
            return folders[i];
        }
    }
    return folders[0];
}
