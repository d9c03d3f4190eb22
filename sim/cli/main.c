#include "sim/cli/cli.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/cli/version.h"

static const struct cli_command commands[] = {
    {"run", "run one scenario with one seed, and say what held", cli_help_run, cli_run},
    {"sweep", "run scenarios with many seeds, in workers, and group what fails", cli_help_sweep,
     cli_sweep},
    {"list", "list scenarios, faults, properties, configuration keys or releases", cli_help_list,
     cli_list},
    {"describe", "tell about one of them at length", cli_help_describe, cli_describe},
    {"matrix", "run scenarios as each release that they break, and print the table",
     cli_help_matrix, cli_matrix},
    {"diff", "find the first event at which two runs part", cli_help_diff, cli_diff},
    {"merge", "join the result databases of many shards", cli_help_merge, cli_merge},
    {"shrink", "make a failing scenario small: the least that still fails alike", cli_help_shrink,
     cli_shrink},
    {"explain", "say which faults a failing run needed, and what came last", cli_help_explain,
     cli_explain},
    {"fuzz", "fuzz a part of the protocol, guided by coverage", cli_help_fuzz, cli_fuzz},
};

size_t cli_command_count(void)
{
    return sizeof commands / sizeof commands[0];
}

const struct cli_command *cli_command_at(size_t index)
{
    return &commands[index];
}

int cli_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return CLI_EXIT_WRONG;
}

void cli_version(char text_out[128])
{
    if (CLI_REVISION[0] == '\0') {
        snprintf(text_out, 128, "%s", CLI_VERSION);
    } else {
        snprintf(text_out, 128, "%s (%.80s)", CLI_VERSION, CLI_REVISION);
    }
}

const char *cli_colour(FILE *file, enum cli_colour colour)
{
    static const char *const codes[] = {"\x1b[0m",  "\x1b[1m",  "\x1b[2m",
                                        "\x1b[31m", "\x1b[32m", "\x1b[33m"};
    const char *no_color = getenv("NO_COLOR");
    if ((no_color != NULL && no_color[0] != '\0') || !isatty(fileno(file))) {
        return "";
    }
    return codes[colour];
}

/* Levenshtein distance of short words, in one row. */
static size_t edit_distance(const char *left, const char *right)
{
    size_t row[64];
    size_t length = strlen(right);
    if (length >= sizeof row / sizeof row[0]) {
        return SIZE_MAX;
    }
    for (size_t k = 0; k <= length; k++) {
        row[k] = k;
    }
    for (size_t i = 0; left[i] != '\0'; i++) {
        size_t corner = row[0];
        row[0] = i + 1;
        for (size_t k = 0; k < length; k++) {
            size_t changed = corner + (left[i] != right[k]);
            size_t other = (row[k] < row[k + 1] ? row[k] : row[k + 1]) + 1;
            corner = row[k + 1];
            row[k + 1] = changed < other ? changed : other;
        }
    }
    return row[length];
}

const char *cli_nearest(const char *word, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t nearest_distance = strlen(word) / 3 + 1;
    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(word, names[i]);
        if (distance < nearest_distance) {
            nearest = names[i];
            nearest_distance = distance;
        }
    }
    return nearest;
}

static void print_help(FILE *file)
{
    char version[128];
    cli_version(version);
    fprintf(file, "replisim %s\n", version);
    fputs("Deterministic simulation and protocol testing of peer file replication.\n\n"
          "usage: replisim COMMAND [ARGUMENT...]\n\ncommands:\n",
          file);
    for (size_t i = 0; i < cli_command_count(); i++) {
        fprintf(file, "  %-10s %s\n", commands[i].name, commands[i].about);
    }
    fputs("\n  replisim COMMAND --help   all about one command\n"
          "  replisim --version\n\n"
          "exit codes: 0 all held; 1 a property failed; 2 the command or a file that you gave is\n"
          "wrong; 3 the program itself failed (a crash, a time-out, non-determinism)\n",
          file);
}

static const struct cli_command *find_command(const char *name)
{
    for (size_t i = 0; i < cli_command_count(); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *names[sizeof commands / sizeof commands[0]];
    for (size_t i = 0; i < cli_command_count(); i++) {
        names[i] = commands[i].name;
    }
    const char *meant = cli_nearest(name, names, cli_command_count());
    if (meant != NULL) {
        return cli_error("replisim: no command \"%s\"; did you mean \"%s\"?", name, meant);
    }
    return cli_error("replisim: no command \"%s\"; see replisim --help", name);
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

/* What was printed must have arrived: a full disk or closed pipe is no success. */
static int finish(int code)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        cli_error("replisim: standard output could not be written");
        return code == CLI_EXIT_PASS ? CLI_EXIT_BROKEN : code;
    }
    return code;
}

int main(int argc, char **argv)
{
    /* A file that reaches the limit of its size is an error to be told, not the end. */
    signal(SIGXFSZ, SIG_IGN);
    if (argc < 2) {
        print_help(stderr);
        return CLI_EXIT_WRONG;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return finish(CLI_EXIT_PASS);
    }
    if (strcmp(argv[1], "--version") == 0) {
        char version[128];
        cli_version(version);
        printf("replisim %s\n", version);
        return finish(CLI_EXIT_PASS);
    }
    const struct cli_command *command = find_command(argv[1]);
    if (command == NULL) {
        return unknown_command(argv[1]);
    }
    if (asks_for_help(argc - 1, argv + 1)) {
        fputs(command->help, stdout);
        return finish(CLI_EXIT_PASS);
    }
    return finish(command->run(argc - 1, argv + 1));
}
