/* Random trouble (docs/scenario-api.md, Random trouble): draws what goes wrong, does it, and undoes it.
 *
 * Each nemesis draws first which kinds of trouble this seed is about, and then from those only: runs
 * that are about few things find what runs that are about everything hide. Every decision goes into
 * the result of the run, complete: given as a list, they are done again without a draw.
 *
 * At most `down_max` nodes are down, frozen or cut off alone at a time (a cut into halves happens
 * while none is, and takes the whole allowance); a node counts until it is ready again. Unless it is
 * told otherwise, it takes away nothing that cannot come back: decision record in docs/decisions. */
#ifndef REPLISIM_SIM_NEMESIS_H
#define REPLISIM_SIM_NEMESIS_H

#include "sim/decision.h"
#include "sim/world.h"

struct sim_nemesis;

struct sim_nemesis_spec {
    bool kinds[SIM_TROUBLE_COUNT];      /* to draw from */
    bool is_swarm;                      /* a drawn subset of them; else all */
    bool may_destroy;                   /* also what cannot come back */
    struct sim_range every_ns, heal_ns; /* between decisions; until one is undone. At least 1 ms */
    rp_time_ns until_ns;                /* virtual time; RP_TIME_NEVER: until the story returns */
    uint32_t down_max;
};

/* All kinds, a swarm, 5s..30s, 5s..20s, until the story returns, one node down. */
void sim_nemesis_spec_init(struct sim_nemesis_spec *spec);

/* Begins now, in an event of the story. The world owns it. Errors: RP_ERR_NOMEM, RP_ERR_INVALID (no
 * kind, an empty interval). */
RP_MUST_USE int sim_nemesis_new(struct sim_world *world, const struct sim_nemesis_spec *spec);

/* From now on each nemesis of this run does those of these decisions that are its own (by `source`),
 * instead of drawing: those that were applied, at their times, each as far as the world then admits
 * it. The list is copied. Before the run. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_nemesis_replay(struct sim_world *world, const struct sim_decision *decisions,
                                   size_t count);

/* Undoes what lasts of all of them and draws no more: the story ended. */
void sim_nemesis_end_all(struct sim_world *world);
void sim_nemesis_free_all(struct sim_world *world);

/* How often each kind was applied. */
void sim_nemesis_count(const struct sim_decision *decisions, size_t count,
                       uint64_t counts_out[SIM_TROUBLE_COUNT]);

#endif
