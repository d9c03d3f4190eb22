/* The sitting: hands out the runs of a plan, gathers them, writes each to the database as it ends. */
#ifndef REPLISIM_SWEEP_DRIVE_H
#define REPLISIM_SWEEP_DRIVE_H

#include "sim/sweep/db.h"
#include "sim/sweep/explore.h"
#include "sim/sweep/plan.h"
#include "sim/sweep/source.h"
#include "sim/sweep/worker.h"

/* How far it is, for whoever shows it. */
struct sweep_state {
    uint64_t planned; /* runs of this shard; UINT64_MAX: so many or more */
    uint64_t found;   /* of those, done in an earlier sitting */
    uint64_t ran;     /* done in this one */
    uint64_t bad;     /* of `ran`: did not pass */
    double elapsed_s;
};

enum sweep_stop {
    SWEEP_STOP_COMPLETE, /* nothing is left to do */
    SWEEP_STOP_BUDGET,
    SWEEP_STOP_FAIL_FAST,
    SWEEP_STOP_INTERRUPTED,
    SWEEP_STOP_BROKEN /* a result could not be kept, or no worker started */
};

/* Lists of decisions for replay. A list is a file before its run begins, so that the line that repeats the run
 * names it; those of runs that passed are removed. */
struct sweep_lists {
    const char *folder; /* is there */
    /* Reads and checks one, as `run --decisions` does; owned by the caller, cleared one by one. False: told. */
    bool (*read)(const char *path, struct sim_decision **rows_out, size_t *count_out);
};

/* All borrowed for the call. */
struct sweep_drive_spec {
    const struct sweep_plan *plan;
    const struct sweep_source *sources; /* by scenario */
    struct script_options script;       /* sets and withouts of every run */
    uint32_t jobs;
    double timeout_s, budget_s;    /* real time; 0: none */
    uint64_t memory_bytes;         /* of a worker; 0: no limit */
    struct sweep_explore *explore; /* picks the runs; NULL: all of the plan, in its order */
    const struct sweep_lists
        *lists; /* with `explore`: where changed decisions are written and read */
    bool is_fail_fast;
    bool is_resumed; /* runs that the database has are left out */
    struct sweep_db *db;
    const struct sweep_clockwork *clockwork;
    bool (*is_interrupted)(void);
    void *context;
    void (*ran)(void *context, const struct sweep_run *run);      /* it is in the database */
    void (*tick)(void *context, const struct sweep_state *state); /* ten times a second or so */
};

struct sweep_driven {
    struct sweep_state state;
    enum sweep_stop stop;
};

/* A worker that is on its way when the sitting is stopped is killed: its run was not reached. Errors:
 * NOMEM, WRITE, SYSTEM (the note tells): what was gathered until then is kept. */
SWEEP_MUST_USE int sweep_drive(const struct sweep_drive_spec *spec, struct sweep_driven *driven_out,
                               char note_out[SWEEP_NOTE_BYTES]);

#endif
