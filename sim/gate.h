/* The door between the world and one life of a process. Everything that calls into a node (network,
 * disk, clock) goes through it, so that a pod can count the events of a life, freeze it, and end it
 * at a chosen event. A zeroed gate is always open. */
#ifndef REPLISIM_SIM_GATE_H
#define REPLISIM_SIM_GATE_H

#include "protocol/types.h"

struct sim_gate {
    void *context;
    /* Just before a call into the node. False: the process is frozen; the caller keeps what it has
     * and tries again when it is thawed (sim_net_thaw, sim_store_thaw, sim_clock_thaw). */
    bool (*enter)(void *context);
    /* Just after that call. May end the life: the caller touches nothing of it afterwards. */
    void (*leave)(void *context);
};

static inline bool sim_gate_enter(const struct sim_gate *gate)
{
    return gate->enter == NULL || gate->enter(gate->context);
}

static inline void sim_gate_leave(const struct sim_gate *gate)
{
    if (gate->leave != NULL) {
        gate->leave(gate->context);
    }
}

#endif
