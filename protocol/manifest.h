/* The replicated file and node table (behaviour.md 1): a pure state machine over committed commands.
 *
 * The tables are persistent sorted trees (manifest_tree.h): a state is a root, a change copies one
 * path, and states are shared between nodes through the entry pool. So a snapshot is a root kept,
 * pages cost O(log n + page), and a digest of the whole state is maintained with each change. */
#ifndef REPLISIM_PROTOCOL_MANIFEST_H
#define REPLISIM_PROTOCOL_MANIFEST_H

#include "protocol/chunk.h"
#include "protocol/command.h"
#include "protocol/entry_pool.h"
#include "protocol/release.h"

struct rp_manifest;

/* behaviour.md 1.3: called after the whole command took effect, in the order of its operations, for
 * effective changes only. The callbacks must not call back into the manifest's mutating functions.
 * Entries and records are borrowed for the call (retain to keep). NULL members are skipped. */
struct rp_manifest_events {
    void *context;
    void (*file_registered)(void *context, const struct rp_file_entry *entry,
                            const struct rp_file_entry *replaced /* or NULL */);
    void (*file_deleted)(void *context, const struct rp_file_entry *removed, struct rp_view reason);
    void (*node_changed)(void *context, const struct rp_node_record *record,
                         const struct rp_node_record *replaced /* or NULL */);
    void (*node_removed)(void *context, const struct rp_node_record *removed);
};

RP_MUST_USE int rp_manifest_new(const struct rp_traits *traits, const struct rp_alloc *alloc,
                                struct rp_entry_pool *pool /* borrowed */,
                                const struct rp_manifest_events *events /* copied */,
                                struct rp_manifest **manifest_out);
void rp_manifest_free(struct rp_manifest *manifest);

/* Applies the command committed at `index`. 0: took effect (also a delete of an absent path).
 * Refusals, state unchanged and counted: RP_ERR_SYNTAX, RP_ERR_TYPE, RP_ERR_UNKNOWN_TYPE,
 * RP_ERR_INVALID (path, hash, size or creation time not admissible), RP_ERR_NOT_FOUND (state of an
 * unknown node). RP_ERR_NOMEM is the only one that differs between members. behaviour.md 1.3 */
RP_MUST_USE int rp_manifest_apply(struct rp_manifest *manifest, uint64_t index, uint64_t term,
                                  struct rp_view command);

uint64_t rp_manifest_applied_index(const struct rp_manifest *manifest);
uint64_t rp_manifest_refused_count(const struct rp_manifest *manifest);
size_t rp_manifest_file_count(const struct rp_manifest *manifest);

/* 128-bit digest of files, nodes and the primary writer, LSNs included; equal states have equal digests whatever way
 * they came about (property manifest-agreement). */
struct rp_digest {
    uint64_t low, high;
};
struct rp_digest rp_manifest_digest(const struct rp_manifest *manifest);

/* NULL: absent. Borrowed until the next apply or restore. */
const struct rp_file_entry *rp_manifest_file(const struct rp_manifest *manifest,
                                             struct rp_view path);
const struct rp_node_record *rp_manifest_node(const struct rp_manifest *manifest,
                                              struct rp_view node_id);
const struct rp_node_record *rp_manifest_node_by_raft_id(const struct rp_manifest *manifest,
                                                         uint64_t raft_id);

/* Roles by PromoteWriter and AssignCompactor; NULL: nobody has it. Borrowed as above. */
const struct rp_node_record *rp_manifest_primary_writer(const struct rp_manifest *manifest);
const struct rp_node_record *rp_manifest_active_compactor(const struct rp_manifest *manifest);

/* Trait deletion_memory: was the path deleted, not long ago, and not registered since? At which log
 * index; 0: it is not known to be. A node that slept through deletions asks this of what it has. */
uint64_t rp_manifest_deletion(const struct rp_manifest *manifest, struct rp_view path);
size_t rp_manifest_deletion_count(const struct rp_manifest *manifest);

/* behaviour.md 1.5: entries after `cursor` in path order, at most `max` of them, each retained for
 * the caller. Returns how many; fewer than max only at the end. */
size_t rp_manifest_page(const struct rp_manifest *manifest, struct rp_view cursor,
                        const struct rp_file_entry **entries_out, size_t max);
/* As page, but only entries of one database (the secondary index). */
size_t rp_manifest_database_page(const struct rp_manifest *manifest, struct rp_view database,
                                 struct rp_view cursor, const struct rp_file_entry **entries_out,
                                 size_t max);
/* Nodes in id order, retained. */
size_t rp_manifest_node_page(const struct rp_manifest *manifest, struct rp_view cursor,
                             const struct rp_node_record **records_out, size_t max);

/* behaviour.md 1.6: a compact binary form with a version byte that carries the applied index; equal
 * states give equal bytes. One reference, the caller's. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int rp_manifest_snapshot(const struct rp_manifest *manifest,
                                     struct rp_block **block_out);
/* Replaces everything, or nothing on error. Reads our form and Arc's JSON form (whose index is
 * unknown: `fallback_index` is used). Inadmissible entries are left out and counted. Announces the
 * difference as apply would if the release does (RP_RESTORE_ANNOUNCES).
 * Errors: RP_ERR_SYNTAX, RP_ERR_TYPE, RP_ERR_NOMEM. */
RP_MUST_USE int rp_manifest_restore(struct rp_manifest *manifest, struct rp_view snapshot,
                                    uint64_t fallback_index);

#endif
