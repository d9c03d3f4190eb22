/* What every decorator of the net port has: the port below, the port and the events that it puts in
 * between, and a record of its own for each connection that it meddles with.
 *
 * First member of the decorator, so that the calls that it leaves as they are find the port below by
 * the same state. Its own calls replace those of `port`; of `events` it sets all. */
#ifndef REPLISIM_FAULT_BETWEEN_H
#define REPLISIM_FAULT_BETWEEN_H

#include "protocol/ports.h"
#include "protocol/table.h"

struct fault_between {
    struct rp_net_port below; /* borrowed state */
    struct rp_net_port port;
    struct rp_net_events events;
    struct rp_net_events node; /* borrowed context */
    struct rp_table conns;     /* handle -> record, the decorator's */
};

/* Every call goes through. `alloc` is borrowed. */
void fault_between_init(struct fault_between *between, const struct rp_net_port *below,
                        const struct rp_alloc *alloc);
/* The records have been removed. */
void fault_between_clear(struct fault_between *between);
/* What the port below is to tell, and to whom that goes on. The events' context is borrowed. */
const struct rp_net_events *fault_between_events(struct fault_between *between,
                                                 const struct rp_net_events *node_events);

/* NULL: the connection passes as it is. */
void *fault_between_find(const struct fault_between *between, rp_conn handle);
/* `handle` is a member of the record. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int fault_between_put(struct fault_between *between, const rp_conn *handle,
                                  void *record);
void fault_between_remove(struct fault_between *between, rp_conn handle);
/* Going through all: `*cursor` begins at 0; NULL at the end. The one given may be removed. */
void *fault_between_next(const struct fault_between *between, size_t *cursor);

#endif
