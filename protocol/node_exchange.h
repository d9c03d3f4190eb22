/* One short request on a connection of its own, and at most one frame in answer: join, heartbeat,
 * leave (wire.md 5.1 to 5.3). Bounded by one deadline that was fixed when it began. */
#ifndef REPLISIM_PROTOCOL_NODE_EXCHANGE_H
#define REPLISIM_PROTOCOL_NODE_EXCHANGE_H

#include "protocol/frame.h"
#include "protocol/node_link.h"

struct node_exchange_spec {
    struct rp_view address;
    struct rp_view frame; /* copied */
    rp_time_ns dial_timeout_ns;
    rp_time_ns reply_timeout_ns; /* from connected; 0: send, close, do not read */
    /* Exactly once, from an event; `reply` is NULL unless a frame came (error 0), and is borrowed.
     * Without an awaited reply error 0 means that the bytes were handed over. */
    void (*done)(void *owner, int error, const struct rp_frame *reply);
    /* Instead of `done`, when it is cancelled: frees what the owner holds. May be NULL. */
    void (*let_go)(void *owner);
    void *owner;
};

struct node_exchange;

/* Errors: RP_ERR_NOMEM; those of a dial come through `done`. `exchange_out` may be NULL. */
RP_MUST_USE int node_exchange_begin(struct rp_node *node, const struct node_exchange_spec *spec,
                                    struct node_exchange **exchange_out);
/* Ends all of the node's, each with `let_go`. */
void node_exchange_cancel_all(struct rp_node *node);

#endif
