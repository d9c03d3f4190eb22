/* Which runs a sweep has, in which order, and which of them are this shard's.
 *
 * Seeds come first in the order: every scenario with the first seed, then every one with the next, so
 * that a sweep that is cut short has tried all scenarios. One such turn is a *round*; a scenario has as many
 * slots in it as its weight says, and each slot has a seed of its own:
 *
 *   round 0:  a/1  b/1 b/2  c/1      (b has weight 2)
 *   round 1:  a/2  b/3 b/4  c/2
 *
 * The run in slot s of round r belongs to shard (r + s) mod n: shards are disjoint, together all there is,
 * and each comes to every scenario. Runs are computed one after another, never listed: a range of 2^64
 * seeds takes no more memory than one of ten. */
#ifndef REPLISIM_SWEEP_PLAN_H
#define REPLISIM_SWEEP_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/sweep/sweep.h"

#define SWEEP_WEIGHT_MAX 1000u
#define SWEEP_SHARD_MAX  100000u

struct sweep_scenario {
    const char *path;   /* borrowed */
    const char *name;   /* borrowed; of a file that cannot be read, its path */
    const char *digest; /* borrowed; of the file and what it requires, hexadecimal */
    uint32_t weight;    /* 0: left out */
};

struct sweep_plan {
    const struct sweep_scenario *scenarios; /* borrowed */
    size_t scenario_count;
    /* Of a scenario with weight 1. One with weight w runs w times as many, from the first on. */
    uint64_t seed_first, seed_last;
    uint32_t shard_index, shard_count;
};

/* Errors: OTHER, told in the note: no slots, or a weight that leads beyond the last seed there is. */
SWEEP_MUST_USE int sweep_plan_check(const struct sweep_plan *plan, char note_out[SWEEP_NOTE_BYTES]);
/* Runs of this shard; UINT64_MAX when there are more. */
uint64_t sweep_plan_count(const struct sweep_plan *plan);

/* One run of the plan. */
struct sweep_item {
    size_t scenario; /* index */
    uint64_t seed;
};

/* A place between two runs. Zeroed: before the first. */
struct sweep_cursor {
    uint64_t round, slot;
    bool is_at_end;
};
/* The next run of this shard; false: there is none any more. */
bool sweep_plan_next(const struct sweep_plan *plan, struct sweep_cursor *cursor,
                     struct sweep_item *item_out);
/* Is that run one of this shard's? Of the scenario with that path; `scenario_out` may be NULL. */
bool sweep_plan_has(const struct sweep_plan *plan, const char *path, uint64_t seed,
                    size_t *scenario_out);

/* The runs of one scenario from there on, in this shard: how many, the first and the last seed. */
struct sweep_rest {
    uint64_t count; /* UINT64_MAX: so many or more */
    uint64_t seed_first, seed_last;
};
struct sweep_rest sweep_plan_rest(const struct sweep_plan *plan, struct sweep_cursor cursor,
                                  size_t scenario);

/* ---- What was not reached ------------------------------------------------------------------------ */

/* Seeds of one scenario with none between them in this shard that was reached. */
struct sweep_range {
    size_t scenario;
    uint64_t seed_first, seed_last, count;
};
struct sweep_ranges {
    struct sweep_range *ranges; /* owned; by scenario, then by seed */
    size_t count;
};
/* `done_count` runs of this shard are done, and `is_done` knows which: the walk ends with the last of
 * them. Errors: NOMEM. */
SWEEP_MUST_USE int sweep_plan_missing(const struct sweep_plan *plan, uint64_t done_count,
                                      bool (*is_done)(void *context, const char *path,
                                                      uint64_t seed),
                                      void *context, struct sweep_ranges *ranges_out);
void sweep_ranges_clear(struct sweep_ranges *ranges);

/* "A..B" or "A": 0 to 2^64-1, A not above B. False: the note tells. */
bool sweep_parse_seeds(const char *text, uint64_t *first_out, uint64_t *last_out,
                       char note_out[SWEEP_NOTE_BYTES]);
/* "i/n", i from 0 to n-1. False: the note tells. */
bool sweep_parse_shard(const char *text, uint32_t *index_out, uint32_t *count_out,
                       char note_out[SWEEP_NOTE_BYTES]);

#endif
