/* Connections of a node, both directions: one table from the port's handle to whoever owns it, and
 * the rest of a send that the port would not take at once. */
#ifndef REPLISIM_PROTOCOL_NODE_LINK_H
#define REPLISIM_PROTOCOL_NODE_LINK_H

#include "protocol/ports.h"

struct rp_node;

/* Any member may be NULL. The owner may close its link from within any of them. */
struct node_link_owner {
    void (*connected)(void *owner, int error); /* not 0: the link is closed already */
    void (*received)(void *owner, struct rp_chunk chunk);
    void (*drained)(void *owner);          /* room again, and everything kept here was taken */
    void (*ended)(void *owner, int error); /* not 0: the link is closed already */
};

struct node_link_piece {
    struct node_link_piece *next;
    struct rp_chunk chunk; /* holds a reference */
};

struct node_link {
    struct rp_node *node;
    rp_conn conn; /* 0: closed */
    const struct node_link_owner *vtable;
    void *owner;
    struct node_link_piece *first, *last; /* not yet taken */
    struct node_link *previous, *next;    /* in the node's list, for the stop */
};

void node_link_init(struct node_link *link, struct rp_node *node,
                    const struct node_link_owner *vtable, void *owner);
/* Errors: as rp_net_port.dial, RP_ERR_NOMEM. */
RP_MUST_USE int node_link_dial(struct node_link *link, struct rp_view address);
RP_MUST_USE int node_link_adopt(struct node_link *link, rp_conn conn);
/* Takes a reference of its own on the chunk. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int node_link_send(struct node_link *link, struct rp_chunk chunk);
/* As the port's send, for owners that keep the rest themselves; nothing may be kept here. `drained`
 * follows when less than all was taken. A closed link takes everything. */
size_t node_link_send_some(struct node_link *link, struct rp_chunk chunk);
/* Copies the bytes into a block first. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int node_link_send_view(struct node_link *link, struct rp_view bytes);
static inline bool node_link_is_open(const struct node_link *link)
{
    return link->conn != 0;
}
static inline bool node_link_is_drained(const struct node_link *link)
{
    return link->first == NULL;
}
void node_link_pause(struct node_link *link, bool is_paused);
void node_link_close(struct node_link *link); /* orderly; closed already: nothing */
void node_link_abort(struct node_link *link);

#endif
