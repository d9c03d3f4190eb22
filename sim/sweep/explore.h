/* What to run next, so that each second shows as many states as it can that were not seen before.
 *
 * Where a sweep takes scenarios by turns and seeds one after another, this learns from each run what it was
 * worth: new abstract states and cells (novelty.h) for the events that it took. The scenarios, and of those with
 * random trouble two ways, are arms: with a fresh seed everything is drawn; or the decisions of a run
 * that found something new are changed (left out, done twice, at other times, for longer, to others,
 * taken from another run) and done under a fresh seed. The arm that gave most lately is the next one; one pick in seven
 * is any arm, for what is rare shows late.
 *
 * Every run is one of the plan: path and seed are its own. Picks follow from the plan and the results in
 * their order; with one job they are the same again. Real time plays no part. */
#ifndef REPLISIM_SWEEP_EXPLORE_H
#define REPLISIM_SWEEP_EXPLORE_H

#include "sim/sweep/plan.h"
#include "sim/sweep/seen.h"

struct sweep_explore;

/* The plan is borrowed. Errors: NOMEM. */
SWEEP_MUST_USE int sweep_explore_new(const struct sweep_plan *plan,
                                     struct sweep_explore **explore_out);
void sweep_explore_free(struct sweep_explore *explore); /* NULL is fine */

/* One run; `decisions` is a list as in a result, to be replayed, or NULL: it draws. Cleared by the caller. */
struct sweep_pick {
    struct sweep_item item;
    json_t *decisions; /* owned */
};
void sweep_pick_clear(struct sweep_pick *pick);

/* `is_done` (may be NULL) knows runs of an earlier sitting: they are passed over. False: the plan has no run
 * any more. Errors of memory show as a pick without decisions. */
bool sweep_explore_next(struct sweep_explore *explore,
                        bool (*is_done)(void *context, const char *path, uint64_t seed),
                        void *context, struct sweep_pick *pick_out);

/* What a run was worth. Also of runs of an earlier sitting, before the first pick: then without a pick (NULL).
 * Errors: NOMEM. */
SWEEP_MUST_USE int sweep_explore_ran(struct sweep_explore *explore, const struct sweep_pick *pick,
                                     const struct sweep_run *run);

const struct sweep_seen *sweep_explore_seen(const struct sweep_explore *explore);
/* Of the runs so far: how many had changed decisions, and how many new states those found. */
struct sweep_explore_sum {
    uint64_t runs, changed_runs, changed_states;
};
struct sweep_explore_sum sweep_explore_sum(const struct sweep_explore *explore);

#endif
