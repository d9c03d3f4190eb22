#include "protocol/node_internal.h"

/* What the replicated log says, and what follows from it (behaviour.md 1.3, 12.1).
 *
 * Inside apply and restore nothing is asked of store or network: machines take note, and the work
 * timer, due at once, lets them act. */

struct node_delete {
    struct rp_node *node;
    struct node_call call;
    struct rp_timer timer; /* the grace */
    const struct rp_file_entry *entry;
    struct node_delete *previous, *next;
};

/* ---- Local copies of deleted files ------------------------------------------------------------ */

static void destroy(struct node_delete *deletion)
{
    struct rp_node *node = deletion->node;
    node_disarm(node, &deletion->timer);
    if (deletion->previous != NULL) {
        deletion->previous->next = deletion->next;
    } else {
        node->deletes = deletion->next;
    }
    if (deletion->next != NULL) {
        deletion->next->previous = deletion->previous;
    }
    node->delete_count -= 1;
    rp_file_entry_release(deletion->entry);
    rp_release(node->ports.alloc, deletion);
}

static void on_removed(void *owner, int error)
{
    (void)error; /* absent is fine; what stays is found by the next scan */
    struct node_delete *deletion = owner;
    destroy(deletion);
}

/* Grace over. Meanwhile the path may have been registered again, or flushed here again with its
 * registration still on its way: then this node may be the only one that has it. */
static void on_grace(void *context)
{
    struct node_delete *deletion = context;
    struct rp_node *node = deletion->node;
    struct rp_view path = deletion->entry->path;
    bool is_back =
        rp_manifest_file(node->manifest, path) != NULL || node_flush_is_pending(node, path);
    if (is_back && node->traits->local_deletes == RP_DELETES_RECHECKED) {
        destroy(deletion);
        return;
    }
    struct rp_observation seen = {
        .kind = RP_SEE_REMOVED, .path = path, .code = rp_view_text("deleted")};
    node_see(node, &seen);
    rp_presence_forget(node->presence, path);
    node->ports.store.remove(node->ports.store.state, node_call_begin(&deletion->call, on_removed),
                             path);
}

void node_delete_cancel(struct rp_node *node, struct rp_view path)
{
    if (node->traits->local_deletes != RP_DELETES_RECHECKED) {
        return;
    }
    for (struct node_delete *deletion = node->deletes; deletion != NULL;
         deletion = deletion->next) {
        if (rp_view_equal(deletion->entry->path, path)) {
            node_call_cancel(&deletion->call); /* still in its grace: on_grace will see */
        }
    }
}

static void queue_delete(struct rp_node *node, const struct rp_file_entry *entry)
{
    if (node->traits->local_deletes == RP_DELETES_LOGGED || node->phase != NODE_RUNNING) {
        return;
    }
    struct node_delete *deletion = rp_allocate_zeroed(node->ports.alloc, sizeof *deletion);
    if (deletion == NULL) {
        return;
    }
    deletion->node = node;
    deletion->entry = rp_file_entry_retain(entry);
    node_call_init(&deletion->call, node, on_removed, deletion);
    node_timer_init(&deletion->timer, on_grace, deletion);
    deletion->next = node->deletes;
    if (deletion->next != NULL) {
        deletion->next->previous = deletion;
    }
    node->deletes = deletion;
    node->delete_count += 1;
    node_arm_after(node, &deletion->timer, RP_DELETE_GRACE_NS);
}

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
    queue_delete(node, removed);
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

/* Graces that still run are forgotten, as in the reference; the next start-up scan finds orphans. */
void node_apply_stop(struct rp_node *node)
{
    for (struct node_delete *deletion = node->deletes, *next; deletion != NULL; deletion = next) {
        next = deletion->next;
        if (deletion->call.is_in_flight) {
            node_call_cancel(&deletion->call);
        } else {
            destroy(deletion);
        }
    }
}

bool node_apply_is_idle(const struct rp_node *node)
{
    return node->delete_count == 0;
}

void node_apply_clear(struct rp_node *node)
{
    while (node->deletes != NULL) {
        destroy(node->deletes);
    }
    rp_manifest_free(node->manifest);
}
