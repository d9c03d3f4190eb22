/* Lists of decisions of random trouble, changed a little: what --explore tries next. */
#ifndef REPLISIM_SWEEP_MUTATE_H
#define REPLISIM_SWEEP_MUTATE_H

#include <jansson.h>
#include <stdint.h>

/* A stream of numbers, the same for the same start. */
struct sweep_random {
    uint64_t state;
};
uint64_t sweep_random_next(struct sweep_random *random);
/* 0 to count - 1; count is at least 1. */
size_t sweep_random_below(struct sweep_random *random, size_t count);

/* Beyond that many decisions a list is cut. */
#define SWEEP_MUTATE_DECISIONS_MAX 200

/* A copy without decisions that were not applied: they can be replayed, and only they. NULL: no memory. */
json_t *sweep_mutate_applied(const json_t *decisions);
/* A new list made of `decisions`, with parts of `other` (may be the same one) in some: at least one change,
 * in the order of their times, each a decision that cli_decisions_read takes. Both lists as of
 * sweep_mutate_applied, the first not empty. NULL: no memory. */
json_t *sweep_mutate(const json_t *decisions, const json_t *other, struct sweep_random *random);

#endif
