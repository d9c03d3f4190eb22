/* Randomness of a run: one algorithm, one stream a purpose, so that one more draw for one
 * purpose leaves all others as they were. A stream is named by (seed, purpose, key, incarnation); integers only. */
#ifndef REPLISIM_SIM_RNG_H
#define REPLISIM_SIM_RNG_H

#include "protocol/types.h"

struct sim_rng {
    uint64_t state[4];
};

/* A range of durations, sizes or counts, both ends included; a single value has low == high. */
struct sim_range {
    uint64_t low, high;
};

/* A probability in units of 2^-53: 0 is never, 2^53 always. */
typedef uint64_t sim_chance;
#define SIM_CHANCE_ALWAYS (UINT64_C(1) << 53)

void sim_rng_init(struct sim_rng *rng, uint64_t seed, const char *purpose, struct rp_view key,
                  uint64_t incarnation);
uint64_t sim_rng_next(struct sim_rng *rng);
/* Uniform in [0, bound), without bias; bound > 0. */
uint64_t sim_rng_below(struct sim_rng *rng, uint64_t bound);
/* A fixed range (low == high) draws nothing. */
uint64_t sim_rng_range(struct sim_rng *rng, struct sim_range range);
/* 0 and SIM_CHANCE_ALWAYS draw nothing. */
bool sim_rng_chance(struct sim_rng *rng, sim_chance chance);
void sim_rng_fill(struct sim_rng *rng, uint8_t *bytes, size_t length_bytes);

#endif
