#include "protocol/node_internal.h"

/* What the replicated log says, and what follows from it (behaviour.md 1.3).
 *
 * Inside apply and restore nothing is asked of store or network: machines take note, and the work
 * timer, due at once, lets them act. */

/* ---- Callbacks of the manifest ---------------------------------------------------------------- */

static void see_file(struct rp_node *node, enum rp_observation_kind kind,
                     const struct rp_file_entry *entry, struct rp_view reason)
{
    struct rp_observation seen = {
        .kind = kind,
        .path = entry->path,
        .sha256 = entry->sha256,
        .size_bytes = entry->size_bytes,
        .lsn = entry->lsn,
        .peer_id = entry->origin_node_id,
        .code = reason,
        .value = rp_manifest_applied_index(node->manifest),
    };
    node_see(node, &seen);
}

static void on_registered(void *context, const struct rp_file_entry *entry,
                          const struct rp_file_entry *replaced)
{
    (void)replaced;
    struct rp_node *node = context;
    see_file(node, RP_SEE_FILE_REGISTERED, entry, rp_view_make(NULL, 0));
    node_page_registered(node);
    node_flush_seen(node, entry);
    node_reconcile_registered(node, entry->path);
    if (node->are_callbacks_attached) {
        node_pull_announce(node, entry, RP_ANNOUNCE_APPLIED);
    }
}

static void on_deleted(void *context, const struct rp_file_entry *removed, struct rp_view reason)
{
    struct rp_node *node = context;
    (void)reason; /* input: traces carry the fact, not the text */
    see_file(node, RP_SEE_FILE_DELETED, removed, rp_view_make(NULL, 0));
    if (!node->are_callbacks_attached) {
        return;
    }
    rp_puller_deleted(node->puller, removed->path, node_now(node));
    rp_readiness_deleted(node->readiness, removed->path);
    node_delete_take(node, removed);
}

static void on_node_changed(void *context, const struct rp_node_record *record,
                            const struct rp_node_record *replaced)
{
    (void)replaced;
    struct rp_node *node = context;
    struct rp_peer_record peer = {
        .id = record->id,
        .role = record->role,
        .address = record->address,
        .state = record->state,
        .raft_id = record->raft_id,
        .joined_unix_s = record->joined_unix_s,
        .is_bound_fetch = record->is_bound_fetch,
    };
    rp_ignore(
        rp_peers_register(node->peers, &peer)); /* full: it stays unknown, as behaviour.md 9.2 */
    if (record->raft_id != 0 && record->raft_address.length_bytes != 0) {
        node->ports.consensus.route(node->ports.consensus.state, record->raft_id,
                                    record->raft_address);
    }
}

static void on_node_removed(void *context, const struct rp_node_record *removed)
{
    struct rp_node *node = context;
    (void)rp_peers_remove(node->peers, removed->id);
}

/* ---- What consensus calls --------------------------------------------------------------------- */

static int on_apply(void *context, uint64_t index, uint64_t term, struct rp_view command)
{
    struct rp_node *node = context;
    int error = rp_manifest_apply(node->manifest, index, term, command);
    struct rp_observation seen = {
        .kind = RP_SEE_APPLIED, .value = index, .value2 = term, .error = error};
    node_see(node, &seen);
    node_kick(node);
    return error;
}

static int on_restore(void *context, struct rp_view snapshot)
{
    struct rp_node *node = context;
    int error = rp_manifest_restore(node->manifest, snapshot, 0);
    struct rp_observation seen = {
        .kind = RP_SEE_RESTORED,
        .value = rp_manifest_applied_index(node->manifest),
        .error = error,
    };
    if (error == 0) {
        node_sweep_begin(node);
    }
    node_see(node, &seen);
    node_kick(node);
    return error;
}

static int on_snapshot(void *context, struct rp_block **block_out)
{
    const struct rp_node *node = context;
    return rp_manifest_snapshot(node->manifest, block_out);
}

static void on_leader_changed(void *context)
{
    struct rp_node *node = context;
    struct rp_consensus_status status = node->ports.consensus.status(node->ports.consensus.state);
    struct rp_observation seen = {.kind = RP_SEE_LEADER,
                                  .value = status.leader_raft_id,
                                  .value2 = status.is_leader ? status.term : 0};
    node_see(node, &seen);
    node_forwarded_leader_changed(node);
    node->has_leader_changed = true;
    node_kick(node);
}

static bool on_describe(void *context, uint64_t raft_id, struct rp_member *member_out,
                        uint64_t *born_index_out)
{
    const struct rp_node *node = context;
    const struct rp_node_record *record = rp_manifest_node_by_raft_id(node->manifest, raft_id);
    if (record == NULL) {
        return false;
    }
    *member_out = (struct rp_member){
        .node_id = record->id,
        .raft_address = record->raft_address,
        .role = record->role,
        .raft_id = record->raft_id,
    };
    *born_index_out = record->born_index;
    return true;
}

/* ---- Birth and death -------------------------------------------------------------------------- */

int node_apply_init(struct rp_node *node)
{
    node->consensus_events = (struct rp_consensus_events){
        .context = node,
        .apply = on_apply,
        .restore = on_restore,
        .snapshot = on_snapshot,
        .leader_changed = on_leader_changed,
        .describe_member = on_describe,
    };
    struct rp_manifest_events events = {
        .context = node,
        .file_registered = on_registered,
        .file_deleted = on_deleted,
        .node_changed = on_node_changed,
        .node_removed = on_node_removed,
    };
    return rp_manifest_new(node->traits, node->ports.alloc, node->pool, &events, &node->manifest);
}

void node_apply_clear(struct rp_node *node)
{
    rp_manifest_free(node->manifest);
}
