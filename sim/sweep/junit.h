/* JUnit's XML, the dialect that Jenkins, GitLab and GitHub's actions read: one suite, a test case a
 * scenario. A scenario fails when one of its runs did; its failing seeds stand in it, each with what went
 * wrong and the command that repeats it. `error` is the program's failure (exit code 3) or a wrong scenario (2),
 * `failure` a property's. Whatever bytes texts hold, the file is valid XML. */
#ifndef REPLISIM_SWEEP_JUNIT_H
#define REPLISIM_SWEEP_JUNIT_H

#include <stdio.h>

#include "sim/sweep/run.h"

/* A test case tells this many seeds; further ones are counted. */
#define SWEEP_JUNIT_SEEDS_MAX 200

struct sweep_junit;

/* NULL: no memory. */
struct sweep_junit *sweep_junit_new(const char *suite);
void sweep_junit_free(struct sweep_junit *junit); /* NULL is fine */
/* Runs come grouped by path, as sweep_db_each gives them. Errors: NOMEM. */
SWEEP_MUST_USE int sweep_junit_add(struct sweep_junit *junit, const struct sweep_run *run);
/* `run_count` runs of that scenario were not begun (budget, --fail-fast); after all its runs, if it
 * had any. A scenario without any run is a skipped test case. Errors: NOMEM. */
SWEEP_MUST_USE int sweep_junit_unreached(struct sweep_junit *junit, const char *path,
                                         const char *scenario, uint64_t run_count);
/* The whole document. Errors: NOMEM, WRITE. */
SWEEP_MUST_USE int sweep_junit_write(struct sweep_junit *junit, FILE *file);

#endif
