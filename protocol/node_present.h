/* Is this version of a file here, and intact? One check: stat, and when its content was not judged
 * before, a whole read through the hash (design.md, presence). */
#ifndef REPLISIM_PROTOCOL_NODE_PRESENT_H
#define REPLISIM_PROTOCOL_NODE_PRESENT_H

#include "protocol/auth.h"
#include "protocol/command.h"
#include "protocol/node_call.h"

struct node_check {
    struct rp_node *node;
    struct node_call call;
    struct rp_sha256 *hash;            /* borrowed from the owner */
    const struct rp_file_entry *entry; /* borrowed until done */
    struct rp_store_stat stat;
    rp_store_handle reader;
    uint64_t offset_bytes;
    bool is_part;    /* the part file is looked at */
    bool is_again;   /* what was judged before is hashed all the same */
    bool has_hashed; /* the hash was used since somebody cleared this */
    bool is_cancelled;
    void (*done)(void *owner, bool is_present);
    void *owner;
};

void node_check_init(struct node_check *check, struct rp_node *node, struct rp_sha256 *hash,
                     void (*done)(void *owner, bool is_present), void *owner);
/* `done` comes once, from an event. The entry outlives it. */
void node_check_begin(struct node_check *check, const struct rp_file_entry *entry);
/* The same, and a verdict that is remembered does not count: for the scrub. */
void node_check_again(struct node_check *check, const struct rp_file_entry *entry);
/* `done` comes soon, with false. */
void node_check_cancel(struct node_check *check);
/* An object that we wrote ourselves and hashed on its way in; `stat` is of the published object. */
void node_presence_published(struct rp_node *node, const struct rp_file_entry *entry,
                             const struct rp_store_stat *stat);

#endif
