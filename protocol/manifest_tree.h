/* A persistent sorted tree of file entries: the tables of the manifest.
 *
 * A tree is its root; NULL is the empty tree. Nodes are immutable and reference-counted: a change
 * makes a new root that shares everything but one path with the old one, and leaves the old one as it
 * was, also when memory runs out midway. Each node carries the count and the summed digest of its
 * subtree, so both cost nothing to ask for. Entries are shared and kept by reference.
 *
 * All leaves are at one level. A node has at most RP_TREE_FANOUT slots; two neighbours that fit into
 * one are merged on removal. */
#ifndef REPLISIM_PROTOCOL_MANIFEST_TREE_H
#define REPLISIM_PROTOCOL_MANIFEST_TREE_H

#include "protocol/manifest.h"

#define RP_TREE_FANOUT    32
#define RP_TREE_DEPTH_MAX 16

struct rp_tree_node;

/* By path alone; by database and then path (compared as a pair, so any byte may be in either); by
 * log index and then path. */
enum rp_tree_order { RP_TREE_BY_PATH, RP_TREE_BY_DATABASE, RP_TREE_BY_AGE };

struct rp_tree_key {
    struct rp_view database; /* RP_TREE_BY_DATABASE only */
    struct rp_view path;
    uint64_t lsn; /* RP_TREE_BY_AGE only */
};

struct rp_tree {
    const struct rp_alloc *alloc; /* borrowed; of the nodes */
    enum rp_tree_order order;
};

const struct rp_tree_node *rp_tree_retain(const struct rp_tree_node *root);
void rp_tree_release(const struct rp_tree *tree, const struct rp_tree_node *root);

size_t rp_tree_count(const struct rp_tree_node *root);
/* Sum of the entries' digests, each lane modulo 2^64. */
struct rp_digest rp_tree_digest(const struct rp_tree_node *root);
const struct rp_file_entry *rp_tree_find(const struct rp_tree *tree,
                                         const struct rp_tree_node *root, struct rp_tree_key key);

/* `root_out` is a new reference; `root` stays the caller's. `replaced_out` (borrowed from `root`)
 * is NULL if there was none. Errors: RP_ERR_NOMEM, nothing written then. */
RP_MUST_USE int rp_tree_put(const struct rp_tree *tree, const struct rp_tree_node *root,
                            const struct rp_file_entry *entry, const struct rp_tree_node **root_out,
                            const struct rp_file_entry **replaced_out);
/* As put; an absent key gives the same root again and NULL in `removed_out`. */
RP_MUST_USE int rp_tree_remove(const struct rp_tree *tree, const struct rp_tree_node *root,
                               struct rp_tree_key key, const struct rp_tree_node **root_out,
                               const struct rp_file_entry **removed_out);
/* In order; valid as long as the root is held. */
struct rp_tree_walk {
    const struct rp_tree_node *nodes[RP_TREE_DEPTH_MAX];
    uint16_t slots[RP_TREE_DEPTH_MAX];
    int depth; /* of the leaf; -1: at the end */
};
void rp_tree_walk_first(struct rp_tree_walk *walk, const struct rp_tree_node *root);
/* At the first entry strictly after `key`. */
void rp_tree_walk_after(struct rp_tree_walk *walk, const struct rp_tree *tree,
                        const struct rp_tree_node *root, struct rp_tree_key key);
/* The entry it is at, and moves on. NULL: no more. */
const struct rp_file_entry *rp_tree_walk_next(struct rp_tree_walk *walk);

/* Same entries in every field. */
bool rp_tree_equal(const struct rp_tree_node *left, const struct rp_tree_node *right);

/* Whether nodes hold what they claim: order, counts, digests, levels, first keys. For tests. */
bool rp_tree_is_sound(const struct rp_tree *tree, const struct rp_tree_node *root);

#endif
