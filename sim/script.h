/* Scenarios: one Lua file declares a cluster and tells a story; this room runs it in a world.
 *
 * The Lua that a scenario sees is a sandbox: bounded in instructions, memory and library work, and
 * deterministic (docs/scenario-api.md). Nothing here prints or exits; the CLI does.
 *
 * A run holds one Lua state and one world, and no globals: many can live in one process. */
#ifndef REPLISIM_SIM_SCRIPT_H
#define REPLISIM_SIM_SCRIPT_H

#include <stdio.h>

#include "sim/expect.h"
#include "sim/result.h"
#include "sim/world.h"

#define SCRIPT_TEXT_MAX 1024

/* What the user asked for on the command line; all borrowed for the call. */
struct script_options {
    const char *path;        /* of the scenario; also the place of the files it names */
    const char *text;        /* what the file holds, when it need not be read; else NULL */
    const char *const *sets; /* each "key=value", as after --set */
    size_t set_count;
    uint64_t seed;
    uint64_t permutation_key; /* of simultaneous events; 0: first in, first out */
    /* Checkers that are switched off; for tests of checkers. */
    const enum sim_property *withouts;
    size_t without_count;
    const char *decisions_path; /* of --decisions, for the line that repeats the run; NULL: none */
    FILE *record; /* what the story does (sim/script_record.h); borrowed; NULL: nowhere */
    FILE *log;    /* `print` and the world's log lines; NULL: dropped */
    /* With the new world, before its first event: attach a trace, remember it for an interrupt.
     * NULL: nothing. And with the same world once it has come to its end. */
    void *watch_context;
    void (*world_begins)(void *watch_context, struct sim_world *world);
    void (*world_ends)(void *watch_context, struct sim_world *world);
};

/* How a run ended; the values are the exit codes of the command line. */
enum script_end {
    SCRIPT_END_PASS = 0,  /* all held, or what was expected was seen */
    SCRIPT_END_FAIL = 1,  /* a property failed */
    SCRIPT_END_ERROR = 2, /* the file, a parameter or the script is wrong */
    SCRIPT_END_BROKEN = 3 /* the program itself failed: out of memory, the cluster never booted */
};

struct script;

struct script_outcome {
    enum script_end end;
    char error[SCRIPT_TEXT_MAX]; /* END_ERROR and END_BROKEN: "file:line: what", else "" */
    bool is_run;                 /* an event ran: else nothing may be written to output files */
    char *scenario;              /* owned; the file's `name`, NULL when it could not be read */
    char *params_json;           /* owned; one JSON object in key order, or NULL */
    char *repeat;                /* owned; the command line that repeats this run, never NULL */
    struct sim_expect expect;
    struct sim_result *result; /* borrowed from `world`; NULL unless is_run. Names, parameters,
                                  repeat line, verdict and error are filled in */
    struct sim_world *world;   /* owned; for sim_world_write_lag_csv and the trace */
    struct script *script;     /* owned */
};

/* Loads the file, builds its world, runs it to the end and judges it by `expect`. The outcome is
 * valid whatever is returned, and is cleared by the caller. Errors: RP_ERR_NOMEM, nothing else:
 * whatever is wrong with the scenario is told in the outcome. */
RP_MUST_USE int script_run_file(const struct script_options *options,
                                struct script_outcome *outcome_out);
void script_outcome_clear(struct script_outcome *outcome);
/* The command line that repeats a run; the caller's to free. NULL: no memory. */
char *script_repeat(const struct script_options *options);

/* What the scenario declares, with its parameters set: the cluster, network and disks of a run that is
 * not made. Errors: RP_ERR_INVALID (`error_out` tells), RP_ERR_NOMEM; else the spec is the caller's. */
struct sim_world_spec;
RP_MUST_USE int script_read_spec(const struct script_options *options,
                                 struct sim_world_spec *spec_out, char error_out[SCRIPT_TEXT_MAX]);

/* Releases under which a scenario must fail, each with its property: the key `breaks`. */
struct script_breaks {
    bool is_declared;
    bool has[RP_RELEASE_COUNT];
    enum sim_property properties[RP_RELEASE_COUNT]; /* of those that it has */
};

/* What a scenario says about itself, without a run: `list scenarios`, and unique names in a sweep. */
struct script_about {
    char *name, *about; /* owned; NULL: absent */
    struct script_breaks breaks;
    int64_t phase;     /* 0: absent */
    char *params_json; /* owned; the defaults */
    char error[SCRIPT_TEXT_MAX];
};
/* Errors: RP_ERR_INVALID (`error` tells, with file and line), RP_ERR_NOMEM. */
RP_MUST_USE int script_read_about(const char *path, struct script_about *about_out);
void script_about_clear(struct script_about *about);

/* Bounds of a script, for `describe limits`. */
#define SCRIPT_INSTRUCTIONS_MAX UINT64_C(50000000) /* without sleeping */
#define SCRIPT_MEMORY_BYTES_MAX (UINT64_C(256) << 20)
#define SCRIPT_FILE_COUNT_MAX   1000000u
#define SCRIPT_NODE_COUNT_MAX   SIM_NODE_COUNT_MAX
#define SCRIPT_NAME_BYTES_MAX   100u /* of a node or a cluster: addresses are made of them */
#define SCRIPT_STRING_BYTES_MAX (UINT64_C(64) << 20) /* one string made by the library */

#endif
