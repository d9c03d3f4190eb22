#include "protocol/node_internal.h"
#include "protocol/node_try.h"

/* The puller's ports: who checks, resolves and fetches for each worker (behaviour.md 7.3, 9.1). */

/* ---- The puller's actions ---------------------------------------------------------------------- */

static void on_checked(void *owner, bool is_present)
{
    struct node_worker *worker = owner;
    struct rp_node *node = worker->node;
    worker->state = NODE_WORKER_IDLE;
    rp_file_entry_release(worker->entry);
    worker->entry = NULL;
    rp_puller_checked(node->puller, worker->index, is_present, node_now(node));
    node_settle(node);
}

static void begin_check(struct node_worker *worker, const struct rp_pull_action *action)
{
    worker->state = NODE_WORKER_CHECKING;
    worker->entry = rp_file_entry_retain(action->entry);
    node_check_begin(&worker->check, worker->entry);
}

/* A node that has seen many rotations knows many peers that are gone and not yet found to be:
 * only the last attempt dials those that never answered, when somebody else did. */
static size_t drop_unreached(const struct node_worker *worker, bool is_any_reached, size_t count)
{
    struct rp_node *node = worker->node;
    bool is_last = worker->attempt >= node->config.replication_retry_max_attempts;
    if (node->traits->candidates != RP_CANDIDATES_ORIGIN_IF_HEALTHY || !is_any_reached || is_last) {
        return count;
    }
    size_t kept = 0;
    for (size_t row = 0; row < count; row += 1) {
        const struct rp_peer *peer = rp_peers_get(node->peers, node->candidates[row].node_id);
        if (peer != NULL && peer->is_reached) {
            node->pull_candidates[kept] = node->pull_candidates[row];
            kept += 1;
        }
    }
    return kept;
}

/* The candidates for a worker's file, in node->pull_candidates. */
static size_t list_candidates(struct node_worker *worker, bool *is_any_reached_out)
{
    struct rp_node *node = worker->node;
    const struct rp_file_entry *entry = worker->entry;
    if (node->transfer->resolve != NULL) {
        return node->transfer->resolve(worker);
    }
    struct rp_candidate_query query = {
        .origin_node_id = entry->origin_node_id,
        .shuffle_key = node_random_u64(node, RP_RANDOM_CANDIDATES),
    };
    size_t count =
        rp_peers_candidates(node->peers, node->traits, &query, node->candidates, RP_PEER_COUNT_MAX);
    *is_any_reached_out = false;
    for (size_t row = 0; row < count; row += 1) {
        const struct rp_peer *peer = rp_peers_get(node->peers, node->candidates[row].node_id);
        *is_any_reached_out = *is_any_reached_out || (peer != NULL && peer->is_reached);
        node->pull_candidates[row] = (struct rp_pull_candidate){
            .node_id = node->candidates[row].node_id,
            .address = node->candidates[row].address,
        };
    }
    return drop_unreached(worker, *is_any_reached_out, count);
}

static void answer_resolve(struct node_worker *worker, size_t count)
{
    struct rp_node *node = worker->node;
    node_see_entry(node, RP_SEE_ATTEMPT_BEGIN, worker->entry, worker->attempt, count, 0);
    rp_file_entry_release(worker->entry);
    worker->entry = NULL;
    worker->state = NODE_WORKER_IDLE;
    rp_puller_resolved(node->puller, worker->index, node->pull_candidates, count, node_now(node));
}

/* A fresh node learns of all peers at once, those that are gone too: it waits a moment for who
 * answers rather than spend a dial time-out on each file of an origin that is no more. */
static void resolve(struct node_worker *worker, const struct rp_pull_action *action)
{
    struct rp_node *node = worker->node;
    bool is_any_reached = false;
    worker->state = NODE_WORKER_RESOLVING;
    worker->entry = rp_file_entry_retain(action->entry);
    worker->attempt = action->attempt;
    size_t count = list_candidates(worker, &is_any_reached);
    bool is_worth_waiting = node->traits->candidates == RP_CANDIDATES_ORIGIN_IF_HEALTHY &&
                            count > 1 && !is_any_reached && node->greeting_count > 0;
    if (!is_worth_waiting || !rp_timer_is_armed(&node->greeting_timer)) {
        answer_resolve(worker, count);
    }
}

static void resolve_waiting(struct rp_node *node)
{
    bool is_any_reached = false;
    for (uint32_t index = 0; index < node->worker_count; index += 1) {
        struct node_worker *worker = &node->workers[index];
        if (worker->state == NODE_WORKER_RESOLVING) {
            answer_resolve(worker, list_candidates(worker, &is_any_reached));
        }
    }
}

static void on_greeting_timer(void *context)
{
    struct rp_node *node = context;
    resolve_waiting(node);
    node_settle(node);
}

void node_greeting_answered(struct rp_node *node)
{
    RP_ASSERT(node->greeting_count > 0);
    node->greeting_count -= 1;
    if (node->greeting_count == 0) {
        node_disarm(node, &node->greeting_timer);
        resolve_waiting(node);
        node_settle(node);
    }
}

static void cancel(struct node_worker *worker)
{
    switch (worker->state) {
    case NODE_WORKER_IDLE: break;
    case NODE_WORKER_RESOLVING: answer_resolve(worker, 0); break;
    case NODE_WORKER_CHECKING: node_check_cancel(&worker->check); break;
    default: node_try_cancel(worker); break;
    }
}

void node_pull_forget_gone(struct rp_node *node, struct rp_view path)
{
    if (rp_manifest_file(node->manifest, path) == NULL) {
        rp_readiness_deleted(node->readiness, path);
    }
}

static void end_pull(struct rp_node *node, struct node_worker *worker,
                     const struct rp_pull_action *action)
{
    if (worker != NULL) {
        node_try_forget(worker);
    }
    node_see_entry(node, RP_SEE_PULL_END, action->entry, (uint64_t)action->outcome, action->attempt,
                   0);
    bool is_replaced = action->outcome == RP_PULL_OBSOLETE &&
                       rp_puller_is_in_flight(node->puller, action->entry->path);
    rp_readiness_pull_ended(node->readiness, action->entry->path, action->outcome, is_replaced);
    node_pull_forget_gone(node, action->entry->path);
}

static void carry_out(struct rp_node *node, const struct rp_pull_action *action)
{
    struct node_worker *worker =
        action->worker < node->worker_count ? &node->workers[action->worker] : NULL;
    switch (action->kind) {
    case RP_PULL_DO_BEGIN:
        node_see_entry(node, RP_SEE_PULL_BEGIN, action->entry, action->worker, 0, 0);
        break;
    case RP_PULL_DO_CHECK: begin_check(worker, action); break;
    case RP_PULL_DO_RESOLVE: resolve(worker, action); break;
    case RP_PULL_DO_FETCH: node_try_begin(worker, action); break;
    case RP_PULL_DO_CANCEL: cancel(worker); break;
    case RP_PULL_DO_END: end_pull(node, worker, action); break;
    case RP_PULL_DO_RESCAN: node_rescan_begin(node); break;
    }
}

void node_pull_run(struct rp_node *node)
{
    struct rp_pull_action action;
    while (rp_puller_next(node->puller, &action)) {
        carry_out(node, &action);
    }
    node_arm_at(node, &node->puller_timer, rp_puller_deadline(node->puller));
}

static void on_puller_timer(void *context)
{
    struct rp_node *node = context;
    rp_puller_tick(node->puller, node_now(node));
    node_work(node);
}

/* ---- Announcements ------------------------------------------------------------------------------ */

enum rp_announce_result node_pull_offer(struct rp_node *node, const struct rp_file_entry *entry,
                                        enum rp_announce_source source)
{
    enum rp_announce_result result = rp_puller_announce(node->puller, entry, node_now(node));
    node_see_entry(node, RP_SEE_ANNOUNCED, entry, (uint64_t)result, (uint64_t)source, 0);
    return result;
}

void node_pull_announce(struct rp_node *node, const struct rp_file_entry *entry,
                        enum rp_announce_source source)
{
    if (!node->config.is_replication_enabled) {
        return;
    }
    if (source == RP_ANNOUNCE_SCRUB) {
        rp_readiness_lost(node->readiness, entry->path);
    } else {
        rp_readiness_announced(node->readiness, entry->path);
    }
    if (node_pull_offer(node, entry, source) == RP_ANNOUNCE_DROPPED) {
        rp_readiness_dropped(node->readiness, entry->path);
    }
}

/* ---- Birth and death ----------------------------------------------------------------------------- */

static int init_worker(struct rp_node *node, uint32_t index)
{
    struct node_worker *worker = &node->workers[index];
    int error = node_worker_init(worker, node, index);
    node_check_init(&worker->check, node, worker->hash, on_checked, worker);
    return error;
}

static int make_tables(struct rp_node *node)
{
    const struct rp_alloc *alloc = node->ports.alloc;
    node->worker_count = rp_puller_worker_count(node->puller);
    node->workers = rp_allocate_zeroed(alloc, node->worker_count * sizeof *node->workers);
    node->candidates = rp_allocate(alloc, RP_PEER_COUNT_MAX * sizeof *node->candidates);
    node->pull_candidates = rp_allocate(alloc, RP_PEER_COUNT_MAX * sizeof *node->pull_candidates);
    if (node->workers == NULL || node->candidates == NULL || node->pull_candidates == NULL) {
        return RP_ERR_NOMEM;
    }
    for (uint32_t index = 0; index < node->worker_count; index += 1) {
        int error = init_worker(node, index);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

int node_pull_init(struct rp_node *node)
{
    struct rp_puller_settings settings = {
        .traits = node->traits,
        .self_id = node_id(node),
        .worker_count = node->config.replication_pull_workers,
        .queue_max = node->config.replication_queue_size,
        .attempt_max = node->config.replication_retry_max_attempts,
        .fetch_timeout_ns = node->config.replication_fetch_timeout_ns,
    };
    node_timer_init(&node->puller_timer, on_puller_timer, node);
    node_timer_init(&node->greeting_timer, on_greeting_timer, node);
    rp_buffer_init(&node->dial_address, node->ports.alloc, RP_FRAME_LENGTH_MAX);
    rp_buffer_init(&node->part_name, node->ports.alloc, RP_FRAME_LENGTH_MAX);
    node->transfer = &NODE_TRANSFER_NETWORK;
    int error = rp_presence_new(node->traits, node->ports.alloc, &node->presence);
    if (error == 0) {
        error = rp_readiness_new(node->traits, node->ports.alloc, &node->readiness);
    }
    if (error == 0) {
        error = rp_puller_new(&settings, node->ports.alloc, &node->puller);
    }
    return error == 0 ? make_tables(node) : error;
}

void node_pull_stop(struct rp_node *node)
{
    node_disarm(node, &node->greeting_timer);
    rp_puller_stop(node->puller, node_now(node));
    resolve_waiting(node);
    node_pull_run(node);
}

bool node_pull_is_idle(const struct rp_node *node)
{
    return rp_puller_is_idle(node->puller);
}

void node_pull_clear(struct rp_node *node)
{
    node_disarm(node, &node->puller_timer);
    node_disarm(node, &node->greeting_timer);
    for (uint32_t index = 0; node->workers != NULL && index < node->worker_count; index += 1) {
        node_worker_clear(&node->workers[index]);
    }
    rp_release(node->ports.alloc, node->workers);
    rp_release(node->ports.alloc, node->candidates);
    rp_release(node->ports.alloc, node->pull_candidates);
    rp_buffer_clear(&node->dial_address);
    rp_buffer_clear(&node->part_name);
    rp_puller_free(node->puller);
    rp_readiness_free(node->readiness);
    rp_presence_free(node->presence);
}
