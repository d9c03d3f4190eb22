/* Failures by cause: what a person has to look at, instead of a list of seeds.
 *
 * The cause of a violation is its property and place (checker, role and state: docs/results.md); of
 * a run that ended in another way, how it ended and the first line of its error without numbers. A run belongs to
 * the group of each cause it shows, so that a second defect is not hidden behind a first one. Groups, their
 * counts and their examples do not depend on the order in which runs are added. */
#ifndef REPLISIM_SWEEP_GROUP_H
#define REPLISIM_SWEEP_GROUP_H

#include "sim/sweep/run.h"

#define SWEEP_CAUSE_BYTES 256

struct sweep_group {
    enum sweep_end end;           /* FAIL: of violations */
    const char *property;         /* of violations, else "" */
    const char *place;            /* of violations; else the error without its numbers */
    uint64_t run_count;           /* runs that show it */
    uint64_t first_count;         /* of those, where nothing went wrong before it */
    const char *const *scenarios; /* names, in bytewise order */
    size_t scenario_count;
    /* The example: a run where it came first if there is one; of those the one with the fewest events, then
     * least virtual time, then by path and seed. Real time would differ from sitting to sitting. */
    const char *path, *scenario;
    uint64_t seed;
    const char *repeat; /* the command that shows it */
    const char *node;   /* "" where there is none */
    const char *detail; /* of the violation, or the error as it was */
    double time_s;      /* virtual */
};

struct sweep_groups;

/* The first line of an error without its numbers: what groups runs that ended without a verdict. */
void sweep_error_kind(const char *error, char kind_out[SWEEP_CAUSE_BYTES]);

/* NULL: no memory. */
struct sweep_groups *sweep_groups_new(void);
void sweep_groups_free(struct sweep_groups *groups); /* NULL is fine */
/* Copies what it needs. A run that passed is left out. Errors: NOMEM. */
SWEEP_MUST_USE int sweep_groups_add(struct sweep_groups *groups, const struct sweep_run *run);
size_t sweep_groups_count(const struct sweep_groups *groups);
/* The gravest first (exit code 3, 1, 2), then those that most runs begin with, then that most runs show, then by
 * name. Borrowed, and good until the next add. Errors of memory show as NULL. */
const struct sweep_group *sweep_groups_at(struct sweep_groups *groups, size_t index);

/* How a run that did not pass is explained in one line: "property at place: detail (node)", or how it ended
 * and the first line of its error. */
void sweep_run_explain(const struct sweep_run *run, char text_out[SWEEP_NOTE_BYTES]);

#endif
