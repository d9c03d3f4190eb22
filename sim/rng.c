/* xoshiro256** (Blackman and Vigna), seeded through splitmix64 from a hash of the stream's name. */
#include "sim/rng.h"

#include <xxhash.h>

#include "protocol/panic.h"

static uint64_t splitmix(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t value = *state;
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

static uint64_t rotate_left(uint64_t value, int count)
{
    return (value << count) | (value >> (64 - count));
}

/* Chained rather than joined, so that ("ab", "c") and ("a", "bc") are two streams. */
void sim_rng_init(struct sim_rng *rng, uint64_t seed, const char *purpose, struct rp_view key,
                  uint64_t incarnation)
{
    uint64_t state = XXH3_64bits_withSeed(purpose, strlen(purpose), seed);
    state = XXH3_64bits_withSeed(key.length_bytes == 0 ? "" : (const void *)key.bytes,
                                 key.length_bytes, splitmix(&state));
    state ^= splitmix(&state) + incarnation * UINT64_C(0xd1342543de82ef95);
    for (int word = 0; word < 4; word += 1) {
        rng->state[word] = splitmix(&state);
    }
    if ((rng->state[0] | rng->state[1] | rng->state[2] | rng->state[3]) == 0) {
        rng->state[0] = 1; /* the one state that never leaves itself */
    }
}

uint64_t sim_rng_next(struct sim_rng *rng)
{
    uint64_t *state = rng->state;
    uint64_t result = rotate_left(state[1] * 5, 7) * 9;
    uint64_t shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate_left(state[3], 45);
    return result;
}

/* Draws below the largest multiple of `bound` only; at most every other draw is thrown away. */
uint64_t sim_rng_below(struct sim_rng *rng, uint64_t bound)
{
    RP_ASSERT(bound > 0);
    uint64_t rest = (UINT64_MAX % bound + 1) % bound;
    uint64_t value = sim_rng_next(rng);
    while (value > UINT64_MAX - rest) {
        value = sim_rng_next(rng);
    }
    return value % bound;
}

uint64_t sim_rng_range(struct sim_rng *rng, struct sim_range range)
{
    RP_ASSERT(range.low <= range.high);
    uint64_t span = range.high - range.low;
    if (span == 0) {
        return range.low;
    }
    if (span == UINT64_MAX) {
        return sim_rng_next(rng);
    }
    return range.low + sim_rng_below(rng, span + 1);
}

bool sim_rng_chance(struct sim_rng *rng, sim_chance chance)
{
    if (chance == 0) {
        return false;
    }
    if (chance >= SIM_CHANCE_ALWAYS) {
        return true;
    }
    return (sim_rng_next(rng) >> 11) < chance;
}

void sim_rng_fill(struct sim_rng *rng, uint8_t *bytes, size_t length_bytes)
{
    size_t filled = 0;
    while (filled < length_bytes) {
        uint64_t word = sim_rng_next(rng);
        for (int byte = 0; byte < 8 && filled < length_bytes; byte += 1) {
            bytes[filled] = (uint8_t)(word >> (8 * byte));
            filled += 1;
        }
    }
}
