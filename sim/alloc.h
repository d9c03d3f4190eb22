/* The memory of a simulation: libc's, behind the port. Not modelled: limits, fragmentation. */
#ifndef REPLISIM_SIM_ALLOC_H
#define REPLISIM_SIM_ALLOC_H

#include "protocol/types.h"

/* Constant; any number of worlds share it. */
const struct rp_alloc *sim_libc_alloc(void);

/* Memory of nodes, with somebody who hears how much is asked for. One for a whole run: blocks outlive
 * the node that made them. */
struct sim_alloc_watch {
    struct rp_alloc alloc;        /* for the nodes; borrowed from here */
    const struct rp_alloc *below; /* borrowed */
    void *context;
    void (*asked)(void *context, size_t size_bytes); /* NULL: nobody listens now */
};
void sim_alloc_watch_init(struct sim_alloc_watch *watch, const struct rp_alloc *below);

#endif
