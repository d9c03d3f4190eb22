#include "protocol/node_internal.h"
#include "protocol/node_try.h"

/* One try's bytes from a peer over the network: fetch client, connection and timer (behaviour.md 6). */

static void run_client(struct node_worker *worker);

/* ---- Observations ------------------------------------------------------------------------------- */

static void see_dial(struct node_worker *worker)
{
    struct rp_observation seen = {
        .kind = RP_SEE_DIAL,
        .path = worker->entry->path,
        .peer_id = node_try_peer(worker),
        .peer_address = worker->candidate.address,
        .value = worker->attempt,
        .value2 = worker->byte_offset,
    };
    node_see(worker->node, &seen);
}

/* The request is signed when its connection stands. */
static void see_signed(struct node_worker *worker, int64_t timestamp)
{
    struct rp_observation seen = {
        .kind = RP_SEE_SIGNED,
        .code = rp_view_text("fetch"),
        .path = worker->entry->path,
        .peer_id = worker->candidate.node_id,
        .sha256 = rp_view_make(worker->nonce, RP_NONCE_HEX),
        .value = (uint64_t)timestamp,
        .value2 = worker->byte_offset,
    };
    node_see(worker->node, &seen);
}

static void see_ack(struct node_worker *worker)
{
    const struct rp_fetch_ack *ack = rp_fetch_client_ack(worker->client);
    struct rp_observation seen = {
        .kind = RP_SEE_ACK,
        .path = worker->entry->path,
        .peer_id = node_try_peer(worker),
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
        .peer_id = node_try_peer(worker),
        .code = rp_view_text(rp_fetch_class_name(action->class)),
        .value = (uint64_t)action->outcome,
        .value2 = action->sunk_bytes,
    };
    node_see(worker->node, &seen);
}

/* ---- The sink's answers ------------------------------------------------------------------------- */

static void step(struct node_worker *worker, struct rp_fetch_event *event)
{
    event->now_ns = node_now(worker->node);
    rp_fetch_client_step(worker->client, event);
    run_client(worker);
}

static void on_sunk(struct node_worker *worker, int error, size_t taken_bytes)
{
    struct rp_fetch_event event = {
        .kind = RP_FETCH_EV_SUNK, .error = error, .taken_bytes = taken_bytes};
    step(worker, &event);
}

/* A refusal is told to the client at once; its actions are taken out by the loop that we are in. */
static void append(struct node_worker *worker, struct rp_chunk chunk)
{
    node_link_pause(&worker->link, true);
    int error = node_try_append(worker, chunk);
    if (error != 0) {
        struct rp_fetch_event event = {
            .kind = RP_FETCH_EV_SUNK, .now_ns = node_now(worker->node), .error = error};
        rp_fetch_client_step(worker->client, &event);
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

static bool is_body_begun(const struct node_worker *worker)
{
    const struct rp_fetch_ack *ack = rp_fetch_client_ack(worker->client);
    return ack != NULL && ack->is_ok;
}

static void on_client_finish(struct node_worker *worker, const struct rp_fetch_action *action)
{
    see_fetch_end(worker, action);
    if (action->class == RP_FETCH_CLASS_DIAL) {
        rp_peers_reached(worker->node->peers, node_try_peer(worker), false);
    }
    node_disarm(worker->node, &worker->timer);
    node_try_finished(worker, action->outcome, action->class, is_body_begun(worker));
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
    if (error == 0) {
        see_signed(worker, event.wall_unix_s);
    }
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

/* ---- A try --------------------------------------------------------------------------------------- */

static int make_client(struct node_worker *worker)
{
    struct rp_node *node = worker->node;
    node_nonce(node, worker->nonce);
    struct rp_fetch_request request = {
        .traits = node->traits,
        .auth = node->auth,
        .hash = worker->hash,
        .node_id = node_id(node),
        .cluster = node_cluster(node),
        /* Whatever is known of the peer: it may demand the second MAC before we heard that it does. */
        .addressee = worker->candidate.node_id,
        .path = worker->entry->path,
        .sha256 = worker->entry->sha256,
        .size_bytes = worker->entry->size_bytes,
        .byte_offset = (int64_t)worker->byte_offset,
        .is_prefix_hashed = worker->byte_offset > 0,
        .nonce = rp_view_make(worker->nonce, RP_NONCE_HEX),
        .fetch_timeout_ns = node->config.replication_fetch_timeout_ns,
    };
    return rp_fetch_client_new(&request, node->ports.alloc, &worker->client);
}

static void begin(struct node_worker *worker)
{
    struct rp_node *node = worker->node;
    node_link_init(&worker->link, node, &VTABLE, worker);
    node_timer_init(&worker->timer, on_timer, worker);
    rp_buffer_reset(&node->dial_address);
    if (rp_buffer_append(&node->dial_address, worker->candidate.address) != 0 ||
        make_client(worker) != 0) {
        node_try_finished(worker, RP_FETCH_FAILED, RP_FETCH_CLASS_DIAL, false);
        return;
    }
    see_dial(worker);
    struct rp_fetch_event event = {.kind = RP_FETCH_EV_START};
    step(worker, &event);
}

static void cancel(struct node_worker *worker)
{
    struct rp_fetch_event event = {.kind = RP_FETCH_EV_CANCEL};
    step(worker, &event);
}

static void end(struct node_worker *worker)
{
    if (worker->client == NULL) {
        return;
    }
    node_disarm(worker->node, &worker->timer);
    node_link_close(&worker->link);
    rp_fetch_client_free(worker->client);
    worker->client = NULL;
}

const struct node_transfer_ops NODE_TRANSFER_NETWORK = {
    .begin = begin,
    .sunk = on_sunk,
    .cancel = cancel,
    .end = end,
};
