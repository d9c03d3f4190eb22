/* `replisim list scenarios --markdown`: the index of a library of scenarios as one page, a table a
 * theme. docs/scenarios.md is this page, and a test compares the two. */
#include "sim/cli/markdown.h"

#include <string.h>

#include "sim/property.h"
#include "sim/script.h"

/* The part of a path below the folder that was asked for; of a file asked for by name, the part
 * below its folder's own folder, so that the theme stays. */
static const char *below(const char *path, const char *root)
{
    size_t length = strlen(root);
    while (length > 0 && root[length - 1] == '/') {
        length -= 1;
    }
    if (strncmp(path, root, length) == 0 && path[length] == '/') {
        const char *rest = path + length;
        return rest + strspn(rest, "/");
    }
    const char *name = strrchr(path, '/');
    while (name != NULL && name > path && name[-1] != '/') {
        name -= 1;
    }
    return name == NULL ? path : name;
}

/* The folder of a path, as a length: 0 for a file that lies in none. */
static size_t theme_length(const char *path)
{
    const char *name = strrchr(path, '/');
    return name == NULL ? 0 : (size_t)(name - path);
}

static bool is_same_theme(const char *left, const char *right)
{
    size_t length = theme_length(left);
    return length == theme_length(right) && strncmp(left, right, length) == 0;
}

static void print_heading(const struct cli_scenarios *scenarios, size_t first, const char *root)
{
    const char *path = below(scenarios->paths[first], root);
    size_t count = 1;
    while (first + count < scenarios->count &&
           is_same_theme(path, below(scenarios->paths[first + count], root))) {
        count += 1;
    }
    printf("\n## %.*s: %zu\n\n", theme_length(path) == 0 ? 1 : (int)theme_length(path),
           theme_length(path) == 0 ? "." : path, count);
    printf("| file | name | what it shows, and why it matters | breaks |\n"
           "| --- | --- | --- | --- |\n");
}

/* A bar would end the cell, a line the row. */
static void print_cell(const char *text)
{
    for (; text != NULL && *text != '\0'; text += 1) {
        switch (*text) {
        case '|': (void)fputs("\\|", stdout); break;
        case '\r':
        case '\n': (void)putchar(' '); break;
        default: (void)putchar(*text); break;
        }
    }
}

/* "`no-replay` in arc, phase3; ...": the releases of one property together, in the order of the
 * first of each. */
static void print_breaks(const struct script_breaks *breaks)
{
    bool is_first_property = true;
    for (int release = 0; release < RP_RELEASE_COUNT; release += 1) {
        bool is_told = !breaks->has[release];
        for (int before = 0; before < release && !is_told; before += 1) {
            is_told =
                breaks->has[before] && breaks->properties[before] == breaks->properties[release];
        }
        if (is_told) {
            continue;
        }
        printf("%s`%s` in", is_first_property ? "" : "; ",
               sim_property_name(breaks->properties[release]));
        is_first_property = false;
        const char *between = " ";
        for (int other = release; other < RP_RELEASE_COUNT; other += 1) {
            if (breaks->has[other] && breaks->properties[other] == breaks->properties[release]) {
                printf("%s%s", between, rp_release_name((enum rp_release)other));
                between = ", ";
            }
        }
    }
}

static int print_row(const char *path, const char *shown)
{
    struct script_about about;
    int code = CLI_EXIT_PASS;
    if (script_read_about(path, &about) != 0) {
        code = cli_error("%s", about.error);
    } else {
        printf("| `%s` | `%s` | ", shown, about.name == NULL ? "" : about.name);
        print_cell(about.about);
        printf(" | ");
        print_breaks(&about.breaks);
        printf(" |\n");
    }
    script_about_clear(&about);
    return code;
}

static size_t theme_count(const struct cli_scenarios *scenarios, const char *root)
{
    size_t count = 0;
    for (size_t i = 0; i < scenarios->count; i += 1) {
        count += i == 0 || !is_same_theme(below(scenarios->paths[i], root),
                                          below(scenarios->paths[i - 1], root));
    }
    return count;
}

int cli_print_scenarios_page(const struct cli_scenarios *scenarios, const char *root)
{
    int code = CLI_EXIT_PASS;
    printf("# Scenarios\n\n"
           "Each is a plain file: run it with `replisim run FILE.lua`, see its parameters with "
           "`replisim describe FILE.lua`,\n"
           "change them with `--set KEY=VALUE`, copy it to begin your own. *Breaks* names the "
           "older releases that fail there\n"
           "(`--set release=arc`), and the property that they violate; `replisim matrix FILE.lua` "
           "holds the file to it.\n\n"
           "This page is made by `replisim list scenarios --markdown %s`: %zu scenarios, %zu "
           "themes.\n",
           root, scenarios->count, theme_count(scenarios, root));
    for (size_t i = 0; i < scenarios->count; i += 1) {
        const char *shown = below(scenarios->paths[i], root);
        if (i == 0 || !is_same_theme(shown, below(scenarios->paths[i - 1], root))) {
            print_heading(scenarios, i, root);
        }
        int status = print_row(scenarios->paths[i], shown);
        code = status > code ? status : code;
    }
    return code;
}
