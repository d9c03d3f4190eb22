#include "protocol/manifest.h"

#include "protocol/error.h"
#include "protocol/manifest_state.h"
#include "protocol/panic.h"

struct rp_manifest {
    const struct rp_traits *traits;
    const struct rp_alloc *alloc;
    struct rp_entry_pool *pool; /* borrowed */
    struct rp_manifest_events events;
    struct rp_state *state; /* owned, shared with whoever is at the same point */
    uint64_t applied_index;
    uint64_t refused_count;
};

int rp_manifest_new(const struct rp_traits *traits, const struct rp_alloc *alloc,
                    struct rp_entry_pool *pool, const struct rp_manifest_events *events,
                    struct rp_manifest **manifest_out)
{
    RP_ASSERT(pool != NULL);
    struct rp_manifest *manifest = rp_allocate_zeroed(alloc, sizeof *manifest);
    if (manifest == NULL) {
        return RP_ERR_NOMEM;
    }
    manifest->traits = traits;
    manifest->alloc = alloc;
    manifest->pool = pool;
    if (events != NULL) {
        manifest->events = *events;
    }
    manifest->state = rp_state_retain(rp_entry_pool_empty_state(pool));
    *manifest_out = manifest;
    return 0;
}

void rp_manifest_free(struct rp_manifest *manifest)
{
    if (manifest != NULL) {
        rp_state_release(manifest->state);
        rp_release(manifest->alloc, manifest);
    }
}

/* ---- Callbacks ------------------------------------------------------------------------------- */

static void tell_registered(const struct rp_manifest *manifest, const struct rp_file_entry *entry,
                            const struct rp_file_entry *before)
{
    if (manifest->events.file_registered != NULL) {
        manifest->events.file_registered(manifest->events.context, entry, before);
    }
}

static void tell_deleted(const struct rp_manifest *manifest, const struct rp_file_entry *removed,
                         struct rp_view reason)
{
    if (manifest->events.file_deleted != NULL) {
        manifest->events.file_deleted(manifest->events.context, removed, reason);
    }
}

static void tell_node(const struct rp_manifest *manifest, const struct rp_node_record *record,
                      const struct rp_node_record *before)
{
    if (record != NULL && manifest->events.node_changed != NULL) {
        manifest->events.node_changed(manifest->events.context, record, before);
    }
    if (record == NULL && manifest->events.node_removed != NULL) {
        manifest->events.node_removed(manifest->events.context, before);
    }
}

static void tell_effects(const struct rp_manifest *manifest, const struct rp_effects *effects)
{
    for (size_t i = 0; effects != NULL && i < effects->count; i++) {
        const struct rp_effect *effect = &effects->items[i];
        switch (effect->kind) {
        case RP_EFFECT_FILE_REGISTERED:
            tell_registered(manifest, effect->file, effect->file_before);
            break;
        case RP_EFFECT_FILE_DELETED:
            tell_deleted(manifest, effect->file_before, effect->reason);
            break;
        case RP_EFFECT_NODE_CHANGED:
        case RP_EFFECT_NODE_REMOVED: tell_node(manifest, effect->node, effect->node_before); break;
        }
    }
}

int rp_manifest_apply(struct rp_manifest *manifest, uint64_t index, uint64_t term,
                      struct rp_view command)
{
    struct rp_applied applied;
    int error = rp_entry_pool_apply(manifest->pool, manifest->traits, manifest->state, index, term,
                                    command, &applied);
    if (error != 0) {
        return error;
    }
    rp_state_release(manifest->state);
    manifest->state = applied.next;
    manifest->applied_index = index;
    manifest->refused_count += applied.refusal != 0 ? 1 : 0;
    /* behaviour.md 1.3: callbacks after the whole command took effect. */
    tell_effects(manifest, applied.effects);
    rp_effects_release(applied.effects);
    return applied.refusal;
}

/* ---- Reads ----------------------------------------------------------------------------------- */

uint64_t rp_manifest_applied_index(const struct rp_manifest *manifest)
{
    return manifest->applied_index;
}

uint64_t rp_manifest_refused_count(const struct rp_manifest *manifest)
{
    return manifest->refused_count;
}

size_t rp_manifest_file_count(const struct rp_manifest *manifest)
{
    return rp_tree_count(manifest->state->files);
}

struct rp_digest rp_manifest_digest(const struct rp_manifest *manifest)
{
    return rp_state_digest(manifest->state);
}

const struct rp_file_entry *rp_manifest_file(const struct rp_manifest *manifest,
                                             struct rp_view path)
{
    struct rp_tree tree = rp_state_tree(manifest->state, RP_TREE_BY_PATH);
    struct rp_tree_key key = {rp_view_make(NULL, 0), path, 0};
    return rp_tree_find(&tree, manifest->state->files, key);
}

const struct rp_node_record *rp_manifest_node(const struct rp_manifest *manifest,
                                              struct rp_view node_id)
{
    return rp_state_node(manifest->state, node_id);
}

const struct rp_node_record *rp_manifest_node_by_raft_id(const struct rp_manifest *manifest,
                                                         uint64_t raft_id)
{
    const struct rp_node_table *nodes = manifest->state->nodes;
    for (size_t i = 0; raft_id != 0 && nodes != NULL && i < nodes->count; i++) {
        if (nodes->records[i]->raft_id == raft_id) {
            return nodes->records[i];
        }
    }
    return NULL;
}

const struct rp_node_record *rp_manifest_primary_writer(const struct rp_manifest *manifest)
{
    const struct rp_node_table *nodes = manifest->state->nodes;
    return nodes == NULL ? NULL : nodes->primary_writer;
}

const struct rp_node_record *rp_manifest_active_compactor(const struct rp_manifest *manifest)
{
    const struct rp_node_table *nodes = manifest->state->nodes;
    return nodes == NULL ? NULL : nodes->active_compactor;
}

uint64_t rp_manifest_deletion(const struct rp_manifest *manifest, struct rp_view path)
{
    struct rp_tree tree = rp_state_tree(manifest->state, RP_TREE_BY_PATH);
    struct rp_tree_key key = {rp_view_make(NULL, 0), path, 0};
    const struct rp_file_entry *deletion = rp_tree_find(&tree, manifest->state->deleted, key);
    return deletion == NULL ? 0 : deletion->lsn;
}

size_t rp_manifest_deletion_count(const struct rp_manifest *manifest)
{
    return rp_tree_count(manifest->state->deleted);
}

size_t rp_manifest_page(const struct rp_manifest *manifest, struct rp_view cursor,
                        const struct rp_file_entry **entries_out, size_t max)
{
    struct rp_tree tree = rp_state_tree(manifest->state, RP_TREE_BY_PATH);
    struct rp_tree_key key = {rp_view_make(NULL, 0), cursor, 0};
    struct rp_tree_walk walk;
    size_t count = 0;
    rp_tree_walk_after(&walk, &tree, manifest->state->files, key);
    while (count < max) {
        const struct rp_file_entry *entry = rp_tree_walk_next(&walk);
        if (entry == NULL) {
            break;
        }
        entries_out[count++] = rp_file_entry_retain(entry);
    }
    return count;
}

size_t rp_manifest_database_page(const struct rp_manifest *manifest, struct rp_view database,
                                 struct rp_view cursor, const struct rp_file_entry **entries_out,
                                 size_t max)
{
    struct rp_tree tree = rp_state_tree(manifest->state, RP_TREE_BY_DATABASE);
    struct rp_tree_key key = {database, cursor, 0};
    struct rp_tree_walk walk;
    size_t count = 0;
    rp_tree_walk_after(&walk, &tree, manifest->state->by_database, key);
    while (count < max) {
        const struct rp_file_entry *entry = rp_tree_walk_next(&walk);
        if (entry == NULL || !rp_view_equal(entry->database, database)) {
            break;
        }
        entries_out[count++] = rp_file_entry_retain(entry);
    }
    return count;
}

size_t rp_manifest_node_page(const struct rp_manifest *manifest, struct rp_view cursor,
                             const struct rp_node_record **records_out, size_t max)
{
    const struct rp_node_table *nodes = manifest->state->nodes;
    size_t count = 0;
    for (size_t i = 0; nodes != NULL && i < nodes->count && count < max; i++) {
        if (rp_view_compare(nodes->records[i]->id, cursor) > 0) {
            records_out[count++] = rp_node_record_retain(nodes->records[i]);
        }
    }
    return count;
}

/* ---- Snapshots ------------------------------------------------------------------------------- */

int rp_manifest_snapshot(const struct rp_manifest *manifest, struct rp_block **block_out)
{
    return rp_snapshot_write(manifest->state, manifest->applied_index, manifest->alloc, block_out);
}

/* A pair of neighbours in a merge of two sorted sequences; either may be missing. */
static int merge_order(bool has_left, bool has_right, struct rp_view left, struct rp_view right)
{
    if (!has_left || !has_right) {
        return has_left ? -1 : 1;
    }
    return rp_view_compare(left, right);
}

static void announce_files(const struct rp_manifest *manifest, const struct rp_state *before,
                           const struct rp_state *after)
{
    struct rp_view none = rp_view_make(NULL, 0);
    struct rp_tree_walk old_walk;
    struct rp_tree_walk new_walk;
    rp_tree_walk_first(&old_walk, before->files);
    rp_tree_walk_first(&new_walk, after->files);
    const struct rp_file_entry *gone = rp_tree_walk_next(&old_walk);
    const struct rp_file_entry *come = rp_tree_walk_next(&new_walk);
    while (gone != NULL || come != NULL) {
        int order = merge_order(gone != NULL, come != NULL, gone != NULL ? gone->path : none,
                                come != NULL ? come->path : none);
        if (order < 0) {
            tell_deleted(manifest, gone, rp_view_text("snapshot"));
        } else if (order > 0) {
            tell_registered(manifest, come, NULL);
        } else if (!rp_file_entry_equal(gone, come)) {
            tell_registered(manifest, come, gone);
        }
        gone = order <= 0 ? rp_tree_walk_next(&old_walk) : gone;
        come = order >= 0 ? rp_tree_walk_next(&new_walk) : come;
    }
}

static const struct rp_node_record *record_at(const struct rp_state *state, size_t i)
{
    return state->nodes != NULL && i < state->nodes->count ? state->nodes->records[i] : NULL;
}

static void announce_nodes(const struct rp_manifest *manifest, const struct rp_state *before,
                           const struct rp_state *after)
{
    struct rp_view none = rp_view_make(NULL, 0);
    size_t old_at = 0;
    size_t new_at = 0;
    for (;;) {
        const struct rp_node_record *gone = record_at(before, old_at);
        const struct rp_node_record *come = record_at(after, new_at);
        if (gone == NULL && come == NULL) {
            return;
        }
        int order = merge_order(gone != NULL, come != NULL, gone != NULL ? gone->id : none,
                                come != NULL ? come->id : none);
        if (order < 0) {
            tell_node(manifest, NULL, gone);
        } else if (order > 0) {
            tell_node(manifest, come, NULL);
        } else if (!rp_node_record_equal(gone, come)) {
            tell_node(manifest, come, gone);
        }
        old_at += order <= 0 ? 1 : 0;
        new_at += order >= 0 ? 1 : 0;
    }
}

int rp_manifest_restore(struct rp_manifest *manifest, struct rp_view snapshot,
                        uint64_t fallback_index)
{
    struct rp_state *after;
    uint64_t applied_index;
    uint64_t refused_count;
    int error = rp_snapshot_read(rp_entry_pool_alloc(manifest->pool), manifest->traits, snapshot,
                                 fallback_index, &after, &applied_index, &refused_count);
    if (error != 0) {
        return error;
    }
    struct rp_state *before = manifest->state;
    manifest->state = rp_entry_pool_adopt(manifest->pool, after);
    manifest->applied_index = applied_index;
    manifest->refused_count += refused_count;
    if (manifest->traits->restore_announce == RP_RESTORE_ANNOUNCES) {
        /* Nodes first: whoever hears of a file may ask who has it. */
        announce_nodes(manifest, before, manifest->state);
        announce_files(manifest, before, manifest->state);
    }
    rp_state_release(before);
    return 0;
}
