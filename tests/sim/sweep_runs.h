/* Runs made up for the tests of sweep databases, groups and reports. */
#ifndef REPLISIM_TESTS_SIM_SWEEP_RUNS_H
#define REPLISIM_TESTS_SIM_SWEEP_RUNS_H

#include "sim/sweep/run.h"

/* One run and what it borrows. */
struct made_run {
    struct sweep_run run;
    char path[64], scenario[64];
    char *line;
    json_t *result, *extra;
};

/* A run of scenarios/NAME.lua; with END other than pass, one violation (fail) or an error. All numbers follow from the
 * seed. */
void run_make(struct made_run *made, const char *name, uint64_t seed, enum sweep_end end);
/* Takes the texts of a violation instead of the ones it has; time and node as they were. */
void run_set_violation(struct made_run *made, const char *property, const char *place,
                       const char *detail);
void run_set_error(struct made_run *made, const char *error);
/* `line` follows `result` again. */
void run_refresh(struct made_run *made);
void run_clear(struct made_run *made);

#endif
