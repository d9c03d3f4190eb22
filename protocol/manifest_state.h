/* One immutable state of the manifest, and what a command makes of it.
 *
 * Between manifest.h and manifest_tree.h; also what the entry pool shares. A state is two trees of
 * the same entries, a sorted array of nodes, and two trees of what was deleted not long ago. Applying
 * a command gives another state and the list of effects that callbacks tell of; the old state is left
 * as it was, whatever happens. */
#ifndef REPLISIM_PROTOCOL_MANIFEST_STATE_H
#define REPLISIM_PROTOCOL_MANIFEST_STATE_H

#include "protocol/command_decode.h"
#include "protocol/manifest_tree.h"
#include "protocol/node_table.h"

struct rp_state {
    uint32_t reference_count;
    const struct rp_alloc *alloc;
    const struct rp_tree_node *files;       /* owned, by path */
    const struct rp_tree_node *by_database; /* owned, the same entries */
    /* Trait deletion_memory: an entry for each path that was deleted, its lsn the log index of the
     * deletion and all else empty, until it is registered again; the oldest of too many go. */
    const struct rp_tree_node *deleted;        /* owned, by path */
    const struct rp_tree_node *deleted_by_age; /* owned, the same entries */
    struct rp_node_table *nodes;               /* owned, shared; NULL: none */
};

enum rp_effect_kind {
    RP_EFFECT_FILE_REGISTERED,
    RP_EFFECT_FILE_DELETED,
    RP_EFFECT_NODE_CHANGED,
    RP_EFFECT_NODE_REMOVED
};
struct rp_effect {
    enum rp_effect_kind kind;
    const struct rp_file_entry *file, *file_before;  /* owned */
    const struct rp_node_record *node, *node_before; /* owned */
    struct rp_view reason;                           /* borrowed from the command */
};
struct rp_effects {
    uint32_t reference_count;
    const struct rp_alloc *alloc;
    const struct rp_command *command; /* owned */
    size_t count;
    struct rp_effect items[];
};

/* What applying came to. A refusal leaves the state the same one. */
struct rp_applied {
    struct rp_state *next;
    struct rp_effects *effects; /* NULL: none */
    int refusal;
};

/* The empty state. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int rp_state_new(const struct rp_alloc *alloc, struct rp_state **state_out);
struct rp_state *rp_state_retain(struct rp_state *state);
void rp_state_release(struct rp_state *state);
/* Of files, nodes and the primary writer. Deletions and the active compactor are left out: whether
 * they are known depends on the release, and releases agree on the rest. */
struct rp_digest rp_state_digest(const struct rp_state *state);
/* In everything, deletions and both roles too. */
bool rp_state_equal(const struct rp_state *left, const struct rp_state *right);

struct rp_tree rp_state_tree(const struct rp_state *state, enum rp_tree_order order);
/* NULL: absent. */
const struct rp_node_record *rp_state_node(const struct rp_state *state, struct rp_view id);

/* For builders of states: change one that nobody else has yet. Errors: RP_ERR_NOMEM, nothing
 * changed then. `before_out` is a reference to what was there, or NULL. */
RP_MUST_USE int rp_state_put_file(struct rp_state *state, const struct rp_file_entry *entry,
                                  const struct rp_file_entry **before_out);
RP_MUST_USE int rp_state_put_node(struct rp_state *state, const struct rp_node_record *record,
                                  const struct rp_node_record **before_out);
/* Ids that no node has (any more), and empty ones, leave the role empty. */
RP_MUST_USE int rp_state_set_roles(struct rp_state *state, struct rp_view primary_writer,
                                   struct rp_view active_compactor);
/* Remembers the deletion of `path` at `index`, if the release does, and forgets the oldest beyond
 * RP_DELETION_MEMORY_MAX. */
RP_MUST_USE int rp_state_remember(struct rp_state *state, const struct rp_traits *traits,
                                  struct rp_view path, uint64_t index);

/* behaviour.md 1.3, 1.4. Is this file one that the release's manifest takes? */
bool rp_state_admits(const struct rp_traits *traits, const struct rp_file_entry *entry);
/* The same for a snapshot's entry: releases before STRICT look at the path alone (1.6). */
bool rp_state_admits_restored(const struct rp_traits *traits, const struct rp_file_entry *entry);

/* References in the result are the caller's. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int rp_state_apply(struct rp_state *state, const struct rp_command *command,
                               const struct rp_traits *traits, struct rp_applied *applied_out);
struct rp_effects *rp_effects_retain(struct rp_effects *effects);
void rp_effects_release(struct rp_effects *effects);

/* manifest_snapshot.c. `refused_out`: entries that were left out. The state is fresh, one reference.
 * Errors of reading: RP_ERR_SYNTAX, RP_ERR_TYPE, RP_ERR_NOMEM. */
RP_MUST_USE int rp_snapshot_write(const struct rp_state *state, uint64_t applied_index,
                                  const struct rp_alloc *alloc, struct rp_block **block_out);
RP_MUST_USE int rp_snapshot_read(const struct rp_alloc *alloc, const struct rp_traits *traits,
                                 struct rp_view bytes, uint64_t fallback_index,
                                 struct rp_state **state_out, uint64_t *applied_index_out,
                                 uint64_t *refused_out);

/* entry_pool.c: as rp_state_apply, through the pool. `traits` matter only where releases refuse
 * different things. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int rp_entry_pool_apply(struct rp_entry_pool *pool, const struct rp_traits *traits,
                                    struct rp_state *state, uint64_t index, uint64_t term,
                                    struct rp_view bytes, struct rp_applied *applied_out);
/* An equal state that others hold already, or `state` itself; takes over the reference given and
 * returns one. */
struct rp_state *rp_entry_pool_adopt(struct rp_entry_pool *pool, struct rp_state *state);
struct rp_state *rp_entry_pool_empty_state(struct rp_entry_pool *pool); /* borrowed */
const struct rp_alloc *rp_entry_pool_alloc(const struct rp_entry_pool *pool);

#endif
