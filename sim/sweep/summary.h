/* What a sweep came to, told from its database: a sweep that was resumed says the same as one that was
 * not, and so does one with other --jobs. */
#ifndef REPLISIM_SWEEP_SUMMARY_H
#define REPLISIM_SWEEP_SUMMARY_H

#include "sim/reach.h"
#include "sim/sweep/db.h"
#include "sim/sweep/drive.h"
#include "sim/sweep/group.h"
#include "sim/sweep/junit.h"
#include "sim/sweep/seen.h"

/* Names of c:sometimes that are kept of one scenario; names made at run time might have no end. */
#define SWEEP_NAMES_MAX 1000

/* A name of c:sometimes, and whether a seed came there. */
struct sweep_name {
    char *name; /* owned */
    bool is_reached;
};

struct sweep_scenario_sum {
    uint64_t runs;
    struct sweep_name *names; /* owned; sorted */
    size_t name_count;
};

struct sweep_summary {
    const struct sweep_plan *plan;        /* borrowed */
    uint64_t runs, ends[SWEEP_END_COUNT]; /* all, and by how they ended */
    uint64_t vacuous;                     /* random trouble that did nothing */
    uint64_t events, bytes_replicated;
    double virtual_s, run_wall_s;           /* sums over the runs */
    struct sweep_scenario_sum *scenarios;   /* owned; as in the plan */
    uint64_t *reach[SIM_REACH_GROUP_COUNT]; /* owned; sums by row (sim/reach.h) */
    struct sweep_seen *seen;                /* owned; states, and faults by state */
    struct sweep_groups *groups;            /* owned; failures by cause */
    struct sweep_ranges missing;            /* runs that were not reached */
    bool is_out_of_memory;
};

/* Reads every run of the plan from the database, and gives it to `junit` too (or NULL). Errors: NOMEM, READ.
 * Cleared by the caller whatever is returned. */
SWEEP_MUST_USE int sweep_summary_build(const struct sweep_plan *plan,
                                       const struct sweep_source *sources, struct sweep_db *db,
                                       struct sweep_junit *junit, struct sweep_summary *summary_out,
                                       char note_out[SWEEP_NOTE_BYTES]);
void sweep_summary_clear(struct sweep_summary *summary);

/* The gravest of the runs: 3, then 1, then 2. */
int sweep_summary_code(const struct sweep_summary *summary);
/* Rows of reach below their floor: how many, and one after another (start with zeros). */
struct sweep_short {
    enum sim_reach_group group;
    size_t row;
    uint64_t count, floor;
};
size_t sweep_summary_short_count(const struct sweep_summary *summary);
bool sweep_summary_next_short(const struct sweep_summary *summary, size_t *at,
                              struct sweep_short *short_out);

/* The last line of `sweep --json`, without the keys that `driven` and the command line know. NULL: no memory. */
json_t *sweep_summary_json(const struct sweep_summary *summary);

#endif
