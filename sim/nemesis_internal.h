/* The inside of the nemesis, shared by nemesis*.c only. */
#ifndef REPLISIM_SIM_NEMESIS_INTERNAL_H
#define REPLISIM_SIM_NEMESIS_INTERNAL_H

#include "sim/nemesis.h"
#include "sim/world_internal.h"

/* Draws of a tick that finds nothing to do; then it passes. */
#define NEMESIS_TRIES 8
/* A nemesis ends by itself after so many decisions. */
#define NEMESIS_DECISIONS_MAX 100000u

/* Something that lasts. */
struct nemesis_trouble {
    struct sim_nemesis *nemesis;
    struct sim_decision decision; /* owned */
    sim_event heal_event;
    struct nemesis_trouble *next;
};

struct sim_nemesis {
    struct sim_world *world;
    struct sim_nemesis_spec spec;
    uint32_t number, decision_count;
    bool kinds[SIM_TROUBLE_COUNT]; /* of this seed */
    struct sim_rng rng;
    struct nemesis_trouble *troubles; /* owned, oldest first */
    sim_event tick_event;
    size_t replayed_next; /* in the world's list */
    struct sim_nemesis *next;
};

/* nemesis.c: is there trouble of this kind that lasts for the pod (NULL: for anything)? Of links it
 * counts for both ends; what is set for one end and all others counts for all. */
bool nemesis_is_troubled(const struct sim_world *world, enum sim_trouble kind,
                         const struct sim_pod *pod);

/* nemesis_spare.c */
/* Down, frozen, not ready (again), or cut off alone. */
bool nemesis_is_down(struct sim_world *world, const struct sim_pod *pod);
uint32_t nemesis_down_count(struct sim_world *world);
/* May it be taken down now, by the bound of this nemesis? */
bool nemesis_may_take_down(const struct sim_nemesis *nemesis, const struct sim_pod *pod);
/* Would nothing be lost for good with its volume; with a power loss of its host; with one copy? */
bool nemesis_may_lose_volume(const struct sim_nemesis *nemesis, struct sim_pod *pod);
bool nemesis_may_lose_power(const struct sim_nemesis *nemesis, struct sim_pod *pod);
bool nemesis_may_lose_copy(const struct sim_nemesis *nemesis, const struct sim_pod *pod,
                           const struct sim_truth_file *file);

/* nemesis_draw.c: a decision of that kind, due at once, complete but for index, source and time. False:
 * there is nothing that it could be done to. */
bool nemesis_draw(struct sim_nemesis *nemesis, enum sim_trouble kind,
                  struct sim_decision *decision);

/* nemesis_apply.c: false when the world does not admit it (any more). */
bool nemesis_apply(struct sim_world *world, const struct sim_decision *decision);
void nemesis_undo(struct sim_world *world, const struct sim_decision *decision);

#endif
