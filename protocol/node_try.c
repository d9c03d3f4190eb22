#include "protocol/node_try.h"

#include "protocol/node_internal.h"

static void end_try(struct node_worker *worker);

/* ---- Release differences ------------------------------------------------------------------------ */

/* behaviour.md 7.5: "delete local" is the final name, whatever it holds. */
static bool removes_final(const struct node_worker *worker)
{
    return worker->node->traits->mismatch_removes == RP_MISMATCH_REMOVES_FINAL;
}

/* ---- The end of a try --------------------------------------------------------------------------- */

void node_see_entry(struct rp_node *node, enum rp_observation_kind kind,
                    const struct rp_file_entry *entry, uint64_t value, uint64_t value2, int error)
{
    struct rp_observation seen = {
        .kind = kind,
        .error = error,
        .path = entry->path,
        .sha256 = entry->sha256,
        .size_bytes = entry->size_bytes,
        .lsn = entry->lsn,
        .value = value,
        .value2 = value2,
    };
    node_see(node, &seen);
}

static void answer(struct node_worker *worker, enum rp_pull_try result)
{
    struct rp_node *node = worker->node;
    node->transfer->end(worker);
    rp_file_entry_release(worker->entry);
    worker->entry = NULL;
    worker->state = NODE_WORKER_IDLE;
    rp_puller_sunk(node->puller, worker->byte_offset, worker->sunk_bytes);
    rp_puller_fetched(node->puller, worker->index, worker->is_cancelled ? RP_TRY_CANCELLED : result,
                      node_now(node));
    node_settle(node);
}

static void on_removed(void *owner, int error)
{
    (void)error; /* absent is fine; a failure is the store's */
    struct node_worker *worker = owner;
    answer(worker, worker->verdict);
}

/* behaviour.md 7.5, "delete local" */
static void remove_final(struct node_worker *worker, void (*done)(void *owner, int error))
{
    const struct rp_store_port *store = &worker->node->ports.store;
    rp_presence_forget(worker->node->presence, worker->entry->path);
    store->remove(store->state, node_call_begin(&worker->call, done), worker->entry->path);
}

static bool is_local_doubted(enum rp_pull_try verdict)
{
    return verdict == RP_TRY_CHECKSUM_MISMATCH || verdict == RP_TRY_BAD_OFFSET ||
           verdict == RP_TRY_BAD_OFFSET_BACKEND;
}

static void after_drop(struct node_worker *worker)
{
    if (is_local_doubted(worker->verdict) && removes_final(worker) && !worker->node->is_dead) {
        remove_final(worker, on_removed);
    } else {
        answer(worker, worker->verdict);
    }
}

static void on_dropped(void *owner, int error)
{
    (void)error; /* a staging object that could not go is the store's to tidy */
    after_drop(owner);
}

/* ---- What stays for another try ------------------------------------------------------------------ */

static void keep_for_peer(struct node_worker *worker)
{
    memcpy(worker->kept_peer_id, worker->peer_id, worker->peer_id_bytes);
    worker->kept_peer_id_bytes = worker->peer_id_bytes;
    worker->kept_bytes = worker->sink.size_bytes;
}

/* Nobody without a name, or with one too long to be remembered whole, could be told from another. */
static bool is_peer_known(const struct node_worker *worker)
{
    size_t length_bytes = worker->candidate.node_id.length_bytes;
    return length_bytes > 0 && length_bytes <= sizeof worker->peer_id;
}

static bool is_transport(enum rp_fetch_class class)
{
    return class == RP_FETCH_CLASS_DIAL || class == RP_FETCH_CLASS_SEND ||
           class == RP_FETCH_CLASS_RECEIVE_HEADER || class == RP_FETCH_CLASS_BODY_STREAM ||
           class == RP_FETCH_CLASS_CANCELLED;
}

/* Only what one peer sent, every byte of it hashed, is gone on with, and only at that peer: nobody
 * answers for another's bytes. A try that brought nothing leaves an earlier peer's bytes alone. */
static bool keeps_staged(struct node_worker *worker)
{
    if (worker->resume != RP_RESUME_SAME_PEER || worker->node->is_dead ||
        worker->verdict == RP_TRY_OBSOLETE || worker->verdict == RP_TRY_CHECKSUM_MISMATCH) {
        return false;
    }
    if (!worker->is_body_begun) {
        return worker->kept_bytes > 0 && (worker->byte_offset == 0 || is_transport(worker->class));
    }
    bool is_hashed = worker->sink.size_bytes == worker->byte_offset + worker->sunk_bytes;
    if (worker->sink.size_bytes == 0 || !is_hashed || !is_transport(worker->class) ||
        !is_peer_known(worker)) {
        return false;
    }
    keep_for_peer(worker);
    return true;
}

/* The staging object goes before anything else is tried for this path. */
static void end_try(struct node_worker *worker)
{
    worker->state = NODE_WORKER_ENDING;
    if (node_sink_is_busy(&worker->sink)) {
        node_sink_cancel(&worker->sink); /* its answer comes back here */
        return;
    }
    if (keeps_staged(worker)) {
        answer(worker, worker->verdict);
        return;
    }
    worker->kept_bytes = 0;
    if (!node_sink_drop(&worker->sink, on_dropped)) {
        after_drop(worker);
    }
}

static void fail(struct node_worker *worker, enum rp_pull_try verdict)
{
    worker->verdict = verdict;
    end_try(worker);
}

static void on_nothing(void *owner, int error)
{
    (void)owner;
    (void)error;
}

void node_try_forget(struct node_worker *worker)
{
    worker->kept_bytes = 0;
    if (node_sink_holds(&worker->sink)) {
        (void)node_sink_drop(&worker->sink, on_nothing);
    }
}

/* ---- Publishing ---------------------------------------------------------------------------------- */

static bool is_whole(const struct node_worker *worker)
{
    return worker->byte_offset + worker->sunk_bytes == (uint64_t)worker->entry->size_bytes;
}

static void on_published(void *owner, int error)
{
    struct node_worker *worker = owner;
    struct rp_node *node = worker->node;
    worker->kept_bytes = 0;
    node_see_entry(node, RP_SEE_PUBLISHED, worker->entry, 0, 0, error);
    bool is_good = error == 0 && is_whole(worker);
    if (is_good) {
        node_presence_published(node, worker->entry, &worker->sink.published);
        worker->is_cancelled = false; /* too late: it is there */
        answer(worker, RP_TRY_OK);
    } else {
        fail(worker, RP_TRY_FAILED); /* behaviour.md 7.5: byte count != expected */
    }
}

/* What the manifest wants under that name now. While other bytes of our own wait for their
 * registration it wants nothing: ours are the newer ones, and nowhere else. The same bytes are wanted:
 * a crash may have spoilt our copy. */
static const struct rp_file_entry *wanted_now(struct rp_node *node,
                                              const struct rp_file_entry *entry)
{
    return node_flush_replaces(node, entry) ? NULL : rp_manifest_file(node->manifest, entry->path);
}

/* invariants.md, publish-current: the manifest is asked again right before the rename. */
static void publish(struct node_worker *worker)
{
    struct rp_node *node = worker->node;
    const struct rp_file_entry *now = wanted_now(node, worker->entry);
    if (worker->is_cancelled || !rp_puller_may_publish(node->puller, worker->index, now)) {
        fail(worker, RP_TRY_OBSOLETE);
        return;
    }
    worker->state = NODE_WORKER_PUBLISHING;
    node_delete_cancel(node, worker->entry->path);
    node_see_entry(node, RP_SEE_PUBLISH_BEGIN, worker->entry, 0, 0, 0);
    int error = node_sink_publish(&worker->sink, is_whole(worker), on_published);
    if (error != 0) {
        node_see_entry(node, RP_SEE_PUBLISHED, worker->entry, 0, 0, error);
        fail(worker, RP_TRY_FAILED);
    }
}

/* ---- For the transfer ----------------------------------------------------------------------------- */

static void on_written(void *owner, int error)
{
    struct node_worker *worker = owner;
    if (worker->state != NODE_WORKER_FETCHING) {
        end_try(worker);
        return;
    }
    size_t taken_bytes = error == 0 ? worker->sink.taken_bytes : 0;
    worker->sunk_bytes += taken_bytes;
    worker->node->transfer->sunk(worker, error, taken_bytes);
}

int node_try_append(struct node_worker *worker, struct rp_chunk chunk)
{
    return node_sink_write(&worker->sink, chunk, on_written);
}

static enum rp_pull_try try_of(enum rp_fetch_outcome outcome)
{
    switch (outcome) {
    case RP_FETCH_OK: return RP_TRY_OK;
    case RP_FETCH_NOT_ON_PEER: return RP_TRY_NOT_ON_PEER;
    case RP_FETCH_BAD_OFFSET: return RP_TRY_BAD_OFFSET;
    case RP_FETCH_CHECKSUM_MISMATCH: return RP_TRY_CHECKSUM_MISMATCH;
    case RP_FETCH_FAILED: return RP_TRY_FAILED;
    case RP_FETCH_CANCELLED: return RP_TRY_CANCELLED;
    }
    return RP_TRY_FAILED;
}

void node_try_finished(struct node_worker *worker, enum rp_fetch_outcome outcome,
                       enum rp_fetch_class class, bool is_body_begun)
{
    RP_ASSERT(worker->state == NODE_WORKER_FETCHING);
    worker->class = class;
    worker->is_body_begun = is_body_begun;
    if (outcome == RP_FETCH_OK) {
        publish(worker);
    } else {
        fail(worker, try_of(outcome));
    }
}

/* ---- The beginning -------------------------------------------------------------------------------- */

static void start_transfer(struct node_worker *worker)
{
    int error = node_sink_error(&worker->sink);
    if (worker->is_cancelled) {
        fail(worker, RP_TRY_CANCELLED);
    } else if (error == RP_ERR_UNSUPPORTED && worker->byte_offset > 0) {
        fail(worker, RP_TRY_BAD_OFFSET_BACKEND);
    } else {
        worker->state = NODE_WORKER_FETCHING;
        worker->node->transfer->begin(worker);
    }
}

static void on_opened(void *owner, int error)
{
    (void)error; /* shows in the sink, which refuses every byte; the peer is asked all the same */
    start_transfer(owner);
}

static void open_sink(struct node_worker *worker)
{
    if (!node_sink_begin(&worker->sink, worker->entry, worker->byte_offset, on_opened)) {
        start_transfer(worker);
    }
}

static void on_doubted_removed(void *owner, int error)
{
    (void)error; /* absent is fine; a failure is the store's */
    open_sink(owner);
}

/* behaviour.md 7.6: a prefix that cannot be read goes, and the fetch starts at 0. */
static void on_prefix(void *owner, enum node_prefix_verdict verdict)
{
    struct node_worker *worker = owner;
    if (worker->is_cancelled || worker->node->is_dead) {
        fail(worker, RP_TRY_CANCELLED);
    } else if (verdict == NODE_PREFIX_FAILED) {
        remove_final(worker, on_doubted_removed);
    } else {
        worker->byte_offset = verdict == NODE_PREFIX_HASHED ? worker->prefix.hashed_bytes : 0;
        open_sink(worker);
    }
}

static bool is_kept_for(const struct node_worker *worker)
{
    return worker->kept_bytes > 0 && is_peer_known(worker) &&
           rp_view_equal(node_try_peer(worker),
                         rp_view_make(worker->kept_peer_id, worker->kept_peer_id_bytes));
}

static void remember_peer(struct node_worker *worker, struct rp_view peer_id)
{
    worker->peer_id_bytes = peer_id.length_bytes < sizeof worker->peer_id ? peer_id.length_bytes
                                                                          : sizeof worker->peer_id;
    if (worker->peer_id_bytes > 0) {
        memcpy(worker->peer_id, peer_id.bytes, worker->peer_id_bytes);
    }
}

void node_try_begin(struct node_worker *worker, const struct rp_pull_action *action)
{
    worker->state = NODE_WORKER_PREPARING;
    worker->entry = rp_file_entry_retain(action->entry);
    worker->attempt = action->attempt;
    worker->candidate = action->candidate;
    worker->resume = action->resume;
    worker->byte_offset = 0;
    worker->sunk_bytes = 0;
    worker->class = RP_FETCH_CLASS_CANCELLED;
    worker->is_body_begun = false;
    worker->is_cancelled = false;
    remember_peer(worker, action->candidate.node_id);
    if (worker->check.has_hashed) {
        worker->check.has_hashed = false;
        worker->kept_bytes = 0; /* the state of the hash is another file's now */
    }
    if (worker->resume == RP_RESUME_PART) {
        node_prefix_begin(&worker->prefix, worker->entry);
        return;
    }
    if (worker->resume == RP_RESUME_SAME_PEER && is_kept_for(worker)) {
        worker->byte_offset = worker->kept_bytes;
    }
    open_sink(worker);
}

void node_try_cancel(struct node_worker *worker)
{
    switch (worker->state) {
    case NODE_WORKER_PREPARING:
        worker->is_cancelled = true;
        node_prefix_cancel(&worker->prefix);
        node_call_cancel(&worker->call);
        node_sink_cancel(&worker->sink);
        break;
    case NODE_WORKER_FETCHING:
        if (node_transfers_hear_cancel(worker->node)) {
            worker->is_cancelled = true;
            worker->node->transfer->cancel(worker);
        }
        break;
    case NODE_WORKER_ENDING: worker->is_cancelled = true; break;
    case NODE_WORKER_PUBLISHING:
        worker->is_cancelled = true;
        node_sink_cancel(&worker->sink);
        break;
    default: break;
    }
}

/* ---- Birth and death ------------------------------------------------------------------------------ */

int node_worker_init(struct node_worker *worker, struct rp_node *node, uint32_t index)
{
    worker->node = node;
    worker->index = index;
    node_call_init(&worker->call, node, on_removed, worker);
    node_sink_init(&worker->sink, node, worker);
    int error = rp_sha256_new(node->ports.alloc, &worker->hash);
    node_prefix_init(&worker->prefix, node, worker->hash, on_prefix, worker);
    return error;
}

void node_worker_clear(struct node_worker *worker)
{
    if (worker->node == NULL) { /* birth did not come so far */
        return;
    }
    worker->node->transfer->end(worker);
    node_sink_clear(&worker->sink);
    rp_file_entry_release(worker->entry);
    rp_sha256_free(worker->hash);
}
