/* Calls of a node to its store and consensus ports: each is counted and listed while in flight, so
 * that a stop can cancel them all and know when the last one came back. */
#ifndef REPLISIM_PROTOCOL_NODE_CALL_H
#define REPLISIM_PROTOCOL_NODE_CALL_H

#include "protocol/ports.h"

struct rp_node;

/* Embedded in its owner; one call at a time. */
struct node_call {
    struct rp_store_request request; /* results are read from here in `done` */
    struct rp_node *node;
    void (*done)(void *owner, int error);
    void *owner;
    bool is_in_flight;
    struct node_call *previous, *next;
};

void node_call_init(struct node_call *call, struct rp_node *node,
                    void (*done)(void *owner, int error), void *owner);
/* Marks it in flight with `done` as the completion and gives the request for the port's call. */
struct rp_store_request *node_call_begin(struct node_call *call,
                                         void (*done)(void *owner, int error));
void node_call_cancel(struct node_call *call); /* not in flight: nothing */

struct node_consensus_call {
    struct rp_consensus_request request;
    struct rp_node *node;
    void (*done)(void *owner, int error);
    void *owner;
    bool is_in_flight;
    struct node_consensus_call *previous, *next;
};
void node_consensus_call_init(struct node_consensus_call *call, struct rp_node *node,
                              void (*done)(void *owner, int error), void *owner);
struct rp_consensus_request *node_consensus_call_begin(struct node_consensus_call *call);

#endif
