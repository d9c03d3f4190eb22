/* What the two node_reconcile*.c files share; nobody else includes it.
 *
 * Asking around whether anybody holds a version: an ordinary authenticated fetch request, ended as
 * soon as its ack is read. An ok ack says that the peer has a file of that size under that name; only
 * the code not_found says that it has none. Whatever else comes, or nothing, leaves it open. */
#ifndef REPLISIM_PROTOCOL_NODE_RECONCILE_H
#define REPLISIM_PROTOCOL_NODE_RECONCILE_H

#include "protocol/fetch_client.h"
#include "protocol/node_internal.h"
#include "protocol/reconcile.h"

struct node_ask {
    char nonce[RP_NONCE_HEX];
    struct rp_node *node;
    void (*done)(void *owner, enum rp_reconcile_holding holding);
    void *owner;
    const struct rp_file_entry *entry; /* owned reference while asking */
    uint64_t last_born_sequence;       /* of the peer being asked, and one more */
    struct rp_fetch_client *client;
    struct rp_sha256 *hash; /* the client wants one; nothing is fed to it */
    struct node_link link;
    struct rp_timer timer;
    bool is_asking;
};

void node_ask_init(struct node_ask *ask, struct rp_node *node,
                   void (*done)(void *owner, enum rp_reconcile_holding holding), void *owner);
/* `done` comes once, later or from within the call. */
void node_ask_begin(struct node_ask *ask, const struct rp_file_entry *entry);
/* `done` comes from within the call, with UNTOLD; not asking: nothing. */
void node_ask_cancel(struct node_ask *ask);
void node_ask_clear(struct node_ask *ask);

#endif
