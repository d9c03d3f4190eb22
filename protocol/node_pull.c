#include "protocol/fetch_client.h"
#include "protocol/node_internal.h"
#include "protocol/node_present.h"

/* The puller's ports: checking, resolving, fetching and publishing for each worker
 * (behaviour.md 7.3 to 7.5). */

enum worker_state {
    WORKER_IDLE,
    WORKER_CHECKING,
    WORKER_RESOLVING,  /* waits for answers to greetings */
    WORKER_FETCHING,   /* the client runs */
    WORKER_DISCARDING, /* the verdict is in, the staging object goes first */
    WORKER_PUBLISHING
};

struct node_worker {
    struct rp_node *node;
    uint32_t index;
    enum worker_state state;
    struct rp_sha256 *hash;
    struct node_check check;
    const struct rp_file_entry *entry; /* owned reference while not idle */
    uint32_t attempt;

    struct rp_fetch_client *client;
    struct node_link link;
    struct rp_timer timer;
    struct node_call call; /* on the staging object */
    rp_store_handle writer;
    struct rp_chunk pending; /* to be written once the writer is open; holds a reference */
    char peer_id[RP_PATH_BYTES_MAX / 16];
    size_t peer_id_bytes;
    bool is_finished; /* the client said FINISH */
    bool is_cancelled;
    enum rp_pull_try verdict;
    uint64_t sunk_bytes;
};

static void run_client(struct node_worker *worker);

/* ---- Observations ----------------------------------------------------------------------------- */

static struct rp_view peer_of(const struct node_worker *worker)
{
    return rp_view_make(worker->peer_id, worker->peer_id_bytes);
}

static void see_entry(struct rp_node *node, enum rp_observation_kind kind,
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

static void see_dial(struct node_worker *worker, struct rp_view address)
{
    struct rp_observation seen = {
        .kind = RP_SEE_DIAL,
        .path = worker->entry->path,
        .peer_id = peer_of(worker),
        .peer_address = address,
        .value = worker->attempt,
    };
    node_see(worker->node, &seen);
}

static void see_ack(struct node_worker *worker)
{
    const struct rp_fetch_ack *ack = rp_fetch_client_ack(worker->client);
    struct rp_observation seen = {
        .kind = RP_SEE_ACK,
        .path = worker->entry->path,
        .peer_id = peer_of(worker),
        .code = rp_view_text(rp_ack_code_name(ack->code)),
        .value = (uint64_t)ack->size_bytes,
        .value2 = ack->is_ok ? 1 : 0,
    };
    node_see(worker->node, &seen);
}

static void see_fetch_end(struct node_worker *worker, const struct rp_fetch_action *action)
{
    struct rp_observation seen = {
        .kind = RP_SEE_FETCH_END,
        .error = action->error,
        .path = worker->entry->path,
        .peer_id = peer_of(worker),
        .code = rp_view_text(rp_fetch_class_name(action->class)),
        .value = (uint64_t)action->outcome,
        .value2 = action->sunk_bytes,
    };
    node_see(worker->node, &seen);
}

/* ---- The end of a try -------------------------------------------------------------------------- */

static void drop_pending(struct node_worker *worker)
{
    rp_block_release(worker->pending.block);
    worker->pending = (struct rp_chunk){0};
}

static void answer(struct node_worker *worker, enum rp_pull_try result)
{
    struct rp_node *node = worker->node;
    node_disarm(node, &worker->timer);
    node_link_close(&worker->link);
    drop_pending(worker);
    rp_fetch_client_free(worker->client);
    worker->client = NULL;
    rp_file_entry_release(worker->entry);
    worker->entry = NULL;
    worker->state = WORKER_IDLE;
    rp_puller_fetched(node->puller, worker->index, worker->is_cancelled ? RP_TRY_CANCELLED : result,
                      node_now(node));
    node_settle(node);
}

static void on_discarded(void *owner, int error)
{
    (void)error; /* a staging object that could not go is the store's to tidy; it is never shown */
    struct node_worker *worker = owner;
    answer(worker, worker->verdict);
}

/* The staging object goes before anything else is tried for this path. */
static void discard(struct node_worker *worker)
{
    struct rp_node *node = worker->node;
    worker->state = WORKER_DISCARDING;
    if (worker->call.is_in_flight) {
        node_call_cancel(&worker->call); /* its completion comes back here */
        return;
    }
    if (worker->writer == 0 || node->is_dead) {
        answer(worker, worker->verdict);
        return;
    }
    rp_store_handle writer = worker->writer;
    worker->writer = 0;
    node->ports.store.stage_discard(node->ports.store.state,
                                    node_call_begin(&worker->call, on_discarded), writer);
}

static void on_published(void *owner, int error)
{
    struct node_worker *worker = owner;
    struct rp_node *node = worker->node;
    worker->writer = 0;
    see_entry(node, RP_SEE_PUBLISHED, worker->entry, 0, 0, error);
    if (error == 0) {
        node_presence_published(node, worker->entry, &worker->call.request.stat);
        worker->is_cancelled = false; /* too late: it is there */
    }
    answer(worker, error == 0 ? RP_TRY_OK : RP_TRY_FAILED);
}

/* invariants.md, publish-current: the manifest is asked again right before the rename. */
static void publish(struct node_worker *worker)
{
    struct rp_node *node = worker->node;
    const struct rp_file_entry *now = rp_manifest_file(node->manifest, worker->entry->path);
    if (worker->is_cancelled || !rp_puller_may_publish(node->puller, worker->index, now)) {
        worker->verdict = RP_TRY_OBSOLETE;
        discard(worker);
        return;
    }
    worker->state = WORKER_PUBLISHING;
    node_delete_cancel(node, worker->entry->path);
    see_entry(node, RP_SEE_PUBLISH_BEGIN, worker->entry, 0, 0, 0);
    rp_store_handle writer = worker->writer;
    node->ports.store.stage_publish(node->ports.store.state,
                                    node_call_begin(&worker->call, on_published), writer);
}

/* ---- The sink ---------------------------------------------------------------------------------- */

static void step(struct node_worker *worker, struct rp_fetch_event *event)
{
    event->now_ns = node_now(worker->node);
    rp_fetch_client_step(worker->client, event);
    run_client(worker);
}

static void sunk(struct node_worker *worker, int error, size_t taken_bytes)
{
    struct rp_fetch_event event = {
        .kind = RP_FETCH_EV_SUNK, .error = error, .taken_bytes = taken_bytes};
    step(worker, &event);
}

static void on_written(void *owner, int error)
{
    struct node_worker *worker = owner;
    if (worker->state != WORKER_FETCHING) {
        discard(worker);
        return;
    }
    drop_pending(worker);
    sunk(worker, error, error == 0 ? worker->call.request.taken_bytes : 0);
}

static void write_pending(struct node_worker *worker)
{
    const struct rp_store_port *store = &worker->node->ports.store;
    store->stage_write(store->state, node_call_begin(&worker->call, on_written), worker->writer,
                       worker->pending);
}

static void on_staged(void *owner, int error)
{
    struct node_worker *worker = owner;
    if (error == 0) {
        worker->writer = worker->call.request.handle;
    }
    if (worker->state != WORKER_FETCHING) {
        discard(worker);
        return;
    }
    if (worker->is_finished) { /* an empty file: nothing to write */
        worker->verdict = RP_TRY_FAILED;
        if (error == 0) {
            publish(worker);
        } else {
            discard(worker);
        }
        return;
    }
    if (error != 0) {
        drop_pending(worker);
        sunk(worker, error, 0);
        return;
    }
    write_pending(worker);
}

static void open_staging(struct node_worker *worker)
{
    const struct rp_store_port *store = &worker->node->ports.store;
    store->stage_open(store->state, node_call_begin(&worker->call, on_staged), worker->entry->path,
                      worker->entry->sha256, RP_STAGE_TRUNCATE);
}

static void append(struct node_worker *worker, struct rp_chunk chunk)
{
    node_link_pause(&worker->link, true);
    worker->pending = chunk;
    (void)rp_block_retain(chunk.block);
    if (worker->writer == 0) {
        open_staging(worker);
    } else {
        write_pending(worker);
    }
}

/* ---- The client's actions ---------------------------------------------------------------------- */

static void connect_peer(struct node_worker *worker)
{
    const struct rp_buffer *address = &worker->node->dial_address;
    int error = node_link_dial(&worker->link, rp_buffer_view(address));
    if (error != 0) {
        struct rp_fetch_event event = {.kind = RP_FETCH_EV_CONNECTED,
                                       .now_ns = node_now(worker->node),
                                       .wall_unix_s = node_wall_s(worker->node),
                                       .error = error};
        rp_fetch_client_step(worker->client, &event);
    }
}

static void send_request(struct node_worker *worker, struct rp_chunk chunk)
{
    struct rp_fetch_event event = {.kind = RP_FETCH_EV_SENT, .now_ns = node_now(worker->node)};
    event.taken_bytes = node_link_send_some(&worker->link, chunk);
    rp_fetch_client_step(worker->client, &event);
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

static void on_client_finish(struct node_worker *worker, const struct rp_fetch_action *action)
{
    see_fetch_end(worker, action);
    if (action->class == RP_FETCH_CLASS_DIAL) {
        rp_peers_reached(worker->node->peers, peer_of(worker), false);
    }
    node_disarm(worker->node, &worker->timer);
    worker->is_finished = true;
    worker->verdict = try_of(action->outcome);
    if (action->outcome != RP_FETCH_OK) {
        discard(worker);
    } else if (worker->writer == 0) {
        open_staging(worker);
    } else {
        publish(worker);
    }
}

static void run_client(struct node_worker *worker)
{
    struct rp_fetch_action action;
    while (rp_fetch_client_next(worker->client, &action)) {
        switch (action.kind) {
        case RP_FETCH_DO_CONNECT: connect_peer(worker); break;
        case RP_FETCH_DO_SEND: send_request(worker, action.chunk); break;
        case RP_FETCH_DO_REPORT_ACK: see_ack(worker); break;
        case RP_FETCH_DO_APPEND: append(worker, action.chunk); break;
        case RP_FETCH_DO_RESUME: node_link_pause(&worker->link, false); break;
        case RP_FETCH_DO_CLOSE: node_link_close(&worker->link); break;
        case RP_FETCH_DO_FINISH: on_client_finish(worker, &action); return;
        }
    }
    node_arm_at(worker->node, &worker->timer, rp_fetch_client_deadline(worker->client));
}

/* ---- Link and timer events --------------------------------------------------------------------- */

static void on_connected(void *owner, int error)
{
    struct node_worker *worker = owner;
    struct rp_fetch_event event = {
        .kind = RP_FETCH_EV_CONNECTED, .wall_unix_s = node_wall_s(worker->node), .error = error};
    step(worker, &event);
}

static void on_received(void *owner, struct rp_chunk chunk)
{
    struct rp_fetch_event event = {.kind = RP_FETCH_EV_RECEIVED, .chunk = chunk};
    step(owner, &event);
}

static void on_drained(void *owner)
{
    struct rp_fetch_event event = {.kind = RP_FETCH_EV_WRITABLE};
    step(owner, &event);
}

static void on_ended(void *owner, int error)
{
    struct rp_fetch_event event = {.kind = RP_FETCH_EV_ENDED, .error = error};
    step(owner, &event);
}

static const struct node_link_owner VTABLE = {on_connected, on_received, on_drained, on_ended};

static void on_timer(void *context)
{
    struct rp_fetch_event event = {.kind = RP_FETCH_EV_TIMER};
    step(context, &event);
}

/* ---- The puller's actions ---------------------------------------------------------------------- */

static void on_checked(void *owner, bool is_present)
{
    struct node_worker *worker = owner;
    struct rp_node *node = worker->node;
    worker->state = WORKER_IDLE;
    rp_file_entry_release(worker->entry);
    worker->entry = NULL;
    rp_puller_checked(node->puller, worker->index, is_present, node_now(node));
    node_settle(node);
}

static void begin_check(struct node_worker *worker, const struct rp_pull_action *action)
{
    worker->state = WORKER_CHECKING;
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
            .is_bound_fetch = peer != NULL && peer->is_bound_fetch,
        };
    }
    return drop_unreached(worker, *is_any_reached_out, count);
}

static void answer_resolve(struct node_worker *worker, size_t count)
{
    struct rp_node *node = worker->node;
    see_entry(node, RP_SEE_ATTEMPT_BEGIN, worker->entry, worker->attempt, count, 0);
    rp_file_entry_release(worker->entry);
    worker->entry = NULL;
    worker->state = WORKER_IDLE;
    rp_puller_resolved(node->puller, worker->index, node->pull_candidates, count, node_now(node));
}

/* A fresh node learns of all peers at once, those that are gone too: it waits a moment for who
 * answers rather than spend a dial time-out on each file of an origin that is no more. */
static void resolve(struct node_worker *worker, const struct rp_pull_action *action)
{
    struct rp_node *node = worker->node;
    bool is_any_reached = false;
    worker->state = WORKER_RESOLVING;
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
        if (worker->state == WORKER_RESOLVING) {
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

static int make_client(struct node_worker *worker, const struct rp_pull_action *action)
{
    struct rp_node *node = worker->node;
    char nonce[RP_NONCE_HEX];
    node_nonce(node, nonce);
    struct rp_fetch_request request = {
        .traits = node->traits,
        .auth = node->auth,
        .hash = worker->hash,
        .node_id = node_id(node),
        .cluster = node_cluster(node),
        .path = action->entry->path,
        .sha256 = action->entry->sha256,
        .size_bytes = action->entry->size_bytes,
        .nonce = rp_view_make(nonce, RP_NONCE_HEX),
        .fetch_timeout_ns = node->config.replication_fetch_timeout_ns,
    };
    if (action->candidate.is_bound_fetch) {
        request.addressee = action->candidate.node_id;
    }
    return rp_fetch_client_new(&request, node->ports.alloc, &worker->client);
}

static void remember_peer(struct node_worker *worker, struct rp_view peer_id)
{
    worker->peer_id_bytes = peer_id.length_bytes < sizeof worker->peer_id ? peer_id.length_bytes
                                                                          : sizeof worker->peer_id;
    memcpy(worker->peer_id, peer_id.bytes, worker->peer_id_bytes);
}

static void begin_fetch(struct node_worker *worker, const struct rp_pull_action *action)
{
    struct rp_node *node = worker->node;
    worker->state = WORKER_FETCHING;
    worker->entry = rp_file_entry_retain(action->entry);
    worker->attempt = action->attempt;
    worker->is_finished = false;
    worker->is_cancelled = false;
    remember_peer(worker, action->candidate.node_id);
    rp_buffer_reset(&node->dial_address);
    if (rp_buffer_append(&node->dial_address, action->candidate.address) != 0 ||
        make_client(worker, action) != 0) {
        answer(worker, RP_TRY_FAILED);
        return;
    }
    see_dial(worker, action->candidate.address);
    struct rp_fetch_event event = {.kind = RP_FETCH_EV_START};
    step(worker, &event);
}

static void cancel(struct node_worker *worker)
{
    switch (worker->state) {
    case WORKER_IDLE: break;
    case WORKER_RESOLVING: answer_resolve(worker, 0); break;
    case WORKER_CHECKING: node_check_cancel(&worker->check); break;
    case WORKER_FETCHING:
        worker->is_cancelled = true;
        if (worker->is_finished) { /* its staging object is being opened */
            node_call_cancel(&worker->call);
        } else {
            struct rp_fetch_event event = {.kind = RP_FETCH_EV_CANCEL};
            step(worker, &event);
        }
        break;
    case WORKER_DISCARDING: worker->is_cancelled = true; break;
    case WORKER_PUBLISHING:
        worker->is_cancelled = true;
        node_call_cancel(&worker->call);
        break;
    }
}

static void carry_out(struct rp_node *node, const struct rp_pull_action *action)
{
    struct node_worker *worker =
        action->worker < node->worker_count ? &node->workers[action->worker] : NULL;
    switch (action->kind) {
    case RP_PULL_DO_BEGIN:
        see_entry(node, RP_SEE_PULL_BEGIN, action->entry, action->worker, 0, 0);
        break;
    case RP_PULL_DO_CHECK: begin_check(worker, action); break;
    case RP_PULL_DO_RESOLVE: resolve(worker, action); break;
    case RP_PULL_DO_FETCH: begin_fetch(worker, action); break;
    case RP_PULL_DO_CANCEL: cancel(worker); break;
    case RP_PULL_DO_END:
        see_entry(node, RP_SEE_PULL_END, action->entry, (uint64_t)action->outcome, action->attempt,
                  0);
        rp_readiness_pull_ended(node->readiness, action->entry->path, action->outcome);
        break;
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
    see_entry(node, RP_SEE_ANNOUNCED, entry, (uint64_t)result, (uint64_t)source, 0);
    return result;
}

void node_pull_announce(struct rp_node *node, const struct rp_file_entry *entry,
                        enum rp_announce_source source)
{
    if (!node->config.is_replication_enabled) {
        return;
    }
    rp_readiness_announced(node->readiness, entry->path);
    if (node_pull_offer(node, entry, source) == RP_ANNOUNCE_DROPPED) {
        rp_readiness_dropped(node->readiness, entry->path);
    }
}

/* ---- Birth and death ----------------------------------------------------------------------------- */

static int init_worker(struct rp_node *node, uint32_t index)
{
    struct node_worker *worker = &node->workers[index];
    worker->node = node;
    worker->index = index;
    int error = rp_sha256_new(node->ports.alloc, &worker->hash);
    node_check_init(&worker->check, node, worker->hash, on_checked, worker);
    node_link_init(&worker->link, node, &VTABLE, worker);
    node_timer_init(&worker->timer, on_timer, worker);
    node_call_init(&worker->call, node, on_staged, worker);
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
        struct node_worker *worker = &node->workers[index];
        if (worker->node == NULL) {
            break;
        }
        node_disarm(node, &worker->timer);
        node_link_abort(&worker->link);
        drop_pending(worker);
        rp_fetch_client_free(worker->client);
        rp_file_entry_release(worker->entry);
        rp_sha256_free(worker->hash);
    }
    rp_release(node->ports.alloc, node->workers);
    rp_release(node->ports.alloc, node->candidates);
    rp_release(node->ports.alloc, node->pull_candidates);
    rp_buffer_clear(&node->dial_address);
    rp_puller_free(node->puller);
    rp_readiness_free(node->readiness);
    rp_presence_free(node->presence);
}
