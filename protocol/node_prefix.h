/* What of a file is here already, by the look of it: size and hash of what the store shows under the
 * final name or else in its part file (behaviour.md 7.6). The hash is fed, not ended, so that the
 * fetch of the tail goes on with it. */
#ifndef REPLISIM_PROTOCOL_NODE_PREFIX_H
#define REPLISIM_PROTOCOL_NODE_PREFIX_H

#include "protocol/auth.h"
#include "protocol/command.h"
#include "protocol/node_call.h"

enum node_prefix_verdict {
    NODE_PREFIX_NONE,   /* nothing, or not less than the whole file */
    NODE_PREFIX_HASHED, /* hashed_bytes of it, at least 1 */
    NODE_PREFIX_FAILED  /* it could not be read, or not in time */
};

struct node_prefix {
    struct rp_node *node;
    struct node_call call;
    struct rp_sha256 *hash;            /* borrowed from the owner */
    const struct rp_file_entry *entry; /* borrowed until done */
    rp_store_handle reader;
    uint64_t size_bytes, hashed_bytes;
    rp_time_ns deadline_ns;
    bool is_part; /* the part file is looked at */
    bool is_cancelled;
    void (*done)(void *owner, enum node_prefix_verdict verdict);
    void *owner;
};

void node_prefix_init(struct node_prefix *prefix, struct rp_node *node, struct rp_sha256 *hash,
                      void (*done)(void *owner, enum node_prefix_verdict verdict), void *owner);
/* `done` comes once, from an event. The entry outlives it. */
void node_prefix_begin(struct node_prefix *prefix, const struct rp_file_entry *entry);
void node_prefix_cancel(struct node_prefix *prefix); /* `done` comes soon, with NONE */

#endif
