/* What one run of a sweep gave.
 *
 * A worker sends two lines of JSON through its pipe and ends: first the object that `run --json`
 * prints (docs/results.md), then one with what only sweeps want:
 *
 *   {"lag": [{"node": "reader-1", "count": 300, "unbounded": 0, "p50": 0.004, "p90": 0.01, "p99": 0.02,
 *             "max": 0.09, "buckets": [[0.001, 12], [0.002, 40]]}],
 *    "states": ["9f2c...", ...], "cells": [["kill", "pull.begun", 3], ...]}
 *
 * lag: by node, over the files that it did not make; a bucket is (upper bound in seconds, count), bounds
 * are powers of 2^(1/4) times 1 us, so that the lags of many runs can be added up. states and cells:
 * novelty.h; the parent keeps of the states those that no run of its sitting had before. Keys are only added. A worker that died sends less: then the parent makes up the first object
 * (verdict `error`, the scenario, the seed, why, how to repeat it), so everyone behind this border
 * finds one. */
#ifndef REPLISIM_SWEEP_RUN_H
#define REPLISIM_SWEEP_RUN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "sim/sweep/sweep.h"

/* How a run ended; X(name, text, exit code). The text is the column `end` of the table `run`. */
#define SWEEP_END_TABLE(X)                                                                         \
    X(SWEEP_END_PASS, "pass", 0)                                                                   \
    X(SWEEP_END_FAIL, "fail", 1)                                                                   \
    X(SWEEP_END_ERROR, "error", 2)         /* the scenario or a parameter is wrong */              \
    X(SWEEP_END_BROKEN, "broken", 3)       /* the program said so itself */                        \
    X(SWEEP_END_CRASH, "crash", 3)         /* ended by a signal */                                 \
    X(SWEEP_END_TIMEOUT, "timeout", 3)     /* --timeout */                                         \
    X(SWEEP_END_MEMORY, "memory", 3)       /* out of memory, or killed for it */                   \
    X(SWEEP_END_SANITIZER, "sanitizer", 3) /* its report is in `error` */                          \
    X(SWEEP_END_LOST, "lost", 3)           /* ended without a result and without a reason */

#define SWEEP_END_ENUM(name, text, code) name,
enum sweep_end { SWEEP_END_TABLE(SWEEP_END_ENUM) SWEEP_END_COUNT };
#undef SWEEP_END_ENUM

const char *sweep_end_name(enum sweep_end end);
bool sweep_end_parse(const char *name, enum sweep_end *end_out);
int sweep_end_code(enum sweep_end end);

/* One run that ended. Borrowed by whoever is called with it, for the call. */
struct sweep_run {
    const char *path;     /* of the scenario's file, as the user named it or as it was found */
    const char *scenario; /* its name; of a file that could not be read, its path */
    uint64_t seed;
    enum sweep_end end;
    double wall_s;
    const json_t *result; /* never NULL; an object as `run --json` prints it */
    const char *line;     /* the same as text, one line without its end */
    const json_t *extra;  /* the second object; NULL when it did not come */
};

/* The violations of a result that fail it, in order; those that are tolerated are left out.
 * Start with *at = 0. False: no more. Texts borrowed from the result, "" where one is absent. */
struct sweep_violation {
    const char *property, *place, *node, *detail;
    double time_s;
};
bool sweep_run_violation(const struct sweep_run *run, size_t *at, struct sweep_violation *out);

/* The object of a line of `run --json`, with or without its end. A seed beyond 2^63-1, which Jansson has
 * no number for, is 0 in it. NULL: no JSON, or no memory. */
json_t *sweep_run_parse(const char *line, size_t length_bytes);

#endif
