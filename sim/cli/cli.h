/* The command line: the only room that prints, exits, reads clocks, the environment and the disk.
 *
 * What CI systems and users rely on is docs/replisim.1; results go to standard output, errors to
 * standard error. */
#ifndef REPLISIM_CLI_H
#define REPLISIM_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum cli_exit {
    CLI_EXIT_PASS = 0,
    CLI_EXIT_FAIL = 1,   /* a property failed */
    CLI_EXIT_WRONG = 2,  /* what the user gave is wrong */
    CLI_EXIT_BROKEN = 3, /* the program itself failed: a crash, time-out, non-determinism */
    CLI_EXIT_INTERRUPTED = 130
};

/* ---- Commands: argv[0] is the command's name ------------------------------------------------- */

struct cli_command {
    const char *name;
    const char *about; /* one line */
    const char *help;  /* all of `COMMAND --help` */
    int (*run)(int argc, char **argv);
};
size_t cli_command_count(void);
const struct cli_command *cli_command_at(size_t index);

int cli_run(int argc, char **argv);
int cli_list(int argc, char **argv);
int cli_describe(int argc, char **argv);
int cli_diff(int argc, char **argv);
int cli_merge(int argc, char **argv);
int cli_matrix(int argc, char **argv);
int cli_fuzz(int argc, char **argv);
int cli_sweep(int argc, char **argv);

int cli_shrink(int argc, char **argv);
int cli_explain(int argc, char **argv);

extern const char cli_help_run[];
extern const char cli_help_list[];
extern const char cli_help_describe[];
extern const char cli_help_diff[];
extern const char cli_help_merge[];
extern const char cli_help_matrix[];
extern const char cli_help_fuzz[];
extern const char cli_help_sweep[];

extern const char cli_help_shrink[];
extern const char cli_help_explain[];

/* ---- Errors and words ------------------------------------------------------------------------ */

/* Prints one message to standard error; gives CLI_EXIT_WRONG. */
int cli_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The name nearest to `word` by edits, or NULL when none is near enough to be meant. */
const char *cli_nearest(const char *word, const char *const *names, size_t count);
/* "0.1.0", with the revision of the checkout when there is one: "0.1.0 (gabc1234)". */
void cli_version(char text_out[128]);
/* Bold, red, ... only on a terminal and without NO_COLOR; "" otherwise. */
enum cli_colour { CLI_PLAIN, CLI_BOLD, CLI_DIM, CLI_RED, CLI_GREEN, CLI_YELLOW };
const char *cli_colour(FILE *file, enum cli_colour colour);

/* ---- Options --------------------------------------------------------------------------------- */

struct cli_option {
    const char *name;  /* "--seed" */
    const char *alias; /* "-s", or NULL */
    bool has_value;
};

/* Reads one argument after another: options in any order, `--name value` and `--name=value`. */
struct cli_arguments {
    const char *command; /* for messages */
    const struct cli_option *options;
    size_t option_count;
    int argc;
    char **argv;
    int next;
    bool is_rest; /* after "--" */
};

enum cli_argument { CLI_ARGUMENT_OPTION, CLI_ARGUMENT_WORD, CLI_ARGUMENT_END, CLI_ARGUMENT_WRONG };
/* WRONG was told to the user. `option_out` is an index, `value_out` its value or the word. */
enum cli_argument cli_arguments_next(struct cli_arguments *arguments, size_t *option_out,
                                     const char **value_out);
/* Decimal digits only, 0 to 2^64-1. */
bool cli_parse_u64(const char *text, uint64_t *value_out);
/* Above 0, in seconds, finite. */
bool cli_parse_seconds(const char *text, double *seconds_out);

/* ---- Output that appears whole or not at all ------------------------------------------------- */

#define CLI_PATH_MAX 4096

/* A file under a temporary name beside its own until it is committed. */
struct cli_file {
    char path[CLI_PATH_MAX];
    char temporary[CLI_PATH_MAX + 16];
    FILE *file; /* owned; NULL: not open */
};
/* False: told to the user. */
bool cli_file_open(struct cli_file *output, const char *path);
bool cli_file_commit(struct cli_file *output);
void cli_file_drop(struct cli_file *output);

/* A folder likewise: files are made in `temporary`, then moved to `path`, which may exist. */
struct cli_folder {
    char path[CLI_PATH_MAX];
    char temporary[CLI_PATH_MAX + 16]; /* "": not open */
};
/* Is something else than a folder in the way? Makes nothing. False: told. */
bool cli_folder_check(const char *path);
bool cli_folder_open(struct cli_folder *folder, const char *path);
bool cli_folder_commit(struct cli_folder *folder);
void cli_folder_drop(struct cli_folder *folder);

/* ---- Real time ------------------------------------------------------------------------------- */

struct sim_world;

double cli_watch_now(void); /* seconds of a monotonic clock */
/* From now on a time-out (0: none), SIGINT and SIGTERM interrupt the world that is watched. */
void cli_watch_begin(double timeout_s);
/* In a worker: a time-out alone (0: none). */
void cli_watch_alarm(double timeout_s);
void cli_watch_world(struct sim_world *world); /* NULL: none any more */
void cli_watch_end(void);
bool cli_watch_is_timed_out(void);
bool cli_watch_is_interrupted(void);

/* ---- What people read ------------------------------------------------------------------------ */

struct sim_result;

/* The summary of a run; `report` is where the report lies, or NULL. */
void cli_summary_print(const struct sim_result *result, const char *path, const char *report,
                       FILE *file);
/* "1.5 MiB", "12 ms": three digits at most. */
void cli_format_bytes(uint64_t bytes, char text_out[32]);
void cli_format_seconds(double seconds, char text_out[32]);

/* ---- Scenario files -------------------------------------------------------------------------- */

struct cli_scenarios {
    char **paths; /* owned; sorted bytewise */
    size_t count;
};
/* Of a file, or of all *.lua below a folder but those named "_...". False: told. */
bool cli_scenarios_find(struct cli_scenarios *scenarios, const char *path);
void cli_scenarios_clear(struct cli_scenarios *scenarios);
/* Where scenarios are when no path is given: ./scenarios, the checkout's, the installed ones. */
const char *cli_scenarios_folder(void);

#endif
