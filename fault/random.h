/* Where faults take their chances from: one port, given by whoever owns the run, so that the same
 * seed always gives the same trouble. Integers only. */
#ifndef REPLISIM_FAULT_RANDOM_H
#define REPLISIM_FAULT_RANDOM_H

#include "protocol/types.h"

struct fault_random {
    void *state;
    uint64_t (*next)(void *state); /* 64 uniform bits */
};

/* A probability in units of 2^-53: 0 is never, FAULT_CHANCE_ALWAYS always. */
typedef uint64_t fault_chance;
#define FAULT_CHANCE_ALWAYS (UINT64_C(1) << 53)

/* In [0, bound), bound > 0. Bounds here are far below 2^63, so the bias of a remainder is nothing. */
static inline uint64_t fault_random_below(const struct fault_random *random, uint64_t bound)
{
    return random->next(random->state) % bound;
}

/* Never and always draw nothing. */
static inline bool fault_random_chance(const struct fault_random *random, fault_chance chance)
{
    if (chance == 0 || chance >= FAULT_CHANCE_ALWAYS) {
        return chance != 0;
    }
    return random->next(random->state) >> 11 < chance;
}

#endif
