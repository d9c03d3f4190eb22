/* What a sweep has seen: abstract states, and cells of fault kind by protocol state (sim/novelty.h), added up
 * over its runs from what their workers told (run.h). */
#ifndef REPLISIM_SWEEP_SEEN_H
#define REPLISIM_SWEEP_SEEN_H

#include <stdio.h>

#include "sim/novelty.h"
#include "sim/sweep/run.h"

struct sweep_seen;

/* NULL: no memory. */
struct sweep_seen *sweep_seen_new(void);
void sweep_seen_free(struct sweep_seen *seen); /* NULL is fine */

/* Adds the run's states and cells; `new_states_out` (may be NULL): how many states no run before had. A run
 * without a second line adds nothing. Errors: NOMEM. */
SWEEP_MUST_USE int sweep_seen_add(struct sweep_seen *seen, const struct sweep_run *run,
                                  uint64_t *new_states_out);
/* The same, and takes those states out of the second line that some run before had: the sum over all runs stays
 * what it is, and a database of a million runs holds each state once. `extra` may be NULL. Errors: NOMEM. */
SWEEP_MUST_USE int sweep_seen_take(struct sweep_seen *seen, json_t *extra);
uint64_t sweep_seen_states(const struct sweep_seen *seen);
uint64_t sweep_seen_cells(const struct sweep_seen *seen); /* that are not empty */
uint64_t sweep_seen_cell(const struct sweep_seen *seen, enum sim_novelty_fault fault,
                         enum sim_reach_state state);

/* "kill 61, stop 40, ... of 103 protocol states", without an end of the line. */
void sweep_seen_print_counts(const struct sweep_seen *seen, FILE *file);
/* In full: a line a fault kind: how many states met it, and which never did. */
void sweep_seen_print(const struct sweep_seen *seen, FILE *file);
/* {"states": 1234, "cells": {"kill": {"pull.begun": 3, ...}, ...}}, empty cells with 0. NULL: no memory. */
json_t *sweep_seen_json(const struct sweep_seen *seen);

#endif
