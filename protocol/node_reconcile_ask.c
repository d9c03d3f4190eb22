#include "protocol/node_reconcile.h"

static void ask_next(struct node_ask *ask);

/* ---- One peer ----------------------------------------------------------------------------------- */

static void drop_client(struct node_ask *ask)
{
    node_disarm(ask->node, &ask->timer);
    node_link_close(&ask->link);
    rp_fetch_client_free(ask->client);
    ask->client = NULL;
}

static void conclude(struct node_ask *ask, enum rp_reconcile_holding holding)
{
    drop_client(ask);
    rp_file_entry_release(ask->entry);
    ask->entry = NULL;
    ask->is_asking = false;
    ask->done(ask->owner, holding);
}

static void connect_peer(struct node_ask *ask)
{
    struct rp_node *node = ask->node;
    int error = node_link_dial(&ask->link, rp_buffer_view(&node->dial_address));
    if (error != 0) {
        struct rp_fetch_event event = {.kind = RP_FETCH_EV_CONNECTED,
                                       .now_ns = node_now(node),
                                       .wall_unix_s = node_wall_s(node),
                                       .error = error};
        rp_fetch_client_step(ask->client, &event);
    }
}

static void send_request(struct node_ask *ask, struct rp_chunk chunk)
{
    struct rp_fetch_event event = {.kind = RP_FETCH_EV_SENT, .now_ns = node_now(ask->node)};
    event.taken_bytes = node_link_send_some(&ask->link, chunk);
    rp_fetch_client_step(ask->client, &event);
}

/* The ack is all that is wanted: the connection is closed before a body is taken. */
static void on_ack(struct node_ask *ask)
{
    const struct rp_fetch_ack *ack = rp_fetch_client_ack(ask->client);
    bool is_absent = !ack->is_ok && ack->code == RP_ACK_CODE_NOT_FOUND;
    if (is_absent) {
        drop_client(ask);
        ask_next(ask);
    } else {
        conclude(ask, ack->is_ok ? RP_RECONCILE_HELD : RP_RECONCILE_UNTOLD);
    }
}

static void run_client(struct node_ask *ask)
{
    struct rp_fetch_action action;
    while (ask->client != NULL && rp_fetch_client_next(ask->client, &action)) {
        switch (action.kind) {
        case RP_FETCH_DO_CONNECT: connect_peer(ask); break;
        case RP_FETCH_DO_SEND: send_request(ask, action.chunk); break;
        case RP_FETCH_DO_REPORT_ACK: on_ack(ask); return;
        case RP_FETCH_DO_APPEND:
        case RP_FETCH_DO_RESUME:
        case RP_FETCH_DO_CLOSE: break;
        case RP_FETCH_DO_FINISH: conclude(ask, RP_RECONCILE_UNTOLD); return;
        }
    }
    if (ask->client != NULL) {
        node_arm_at(ask->node, &ask->timer, rp_fetch_client_deadline(ask->client));
    }
}

static void step(struct node_ask *ask, struct rp_fetch_event *event)
{
    struct rp_node *node = ask->node;
    if (ask->client == NULL) {
        return;
    }
    event->now_ns = node_now(node);
    rp_fetch_client_step(ask->client, event);
    run_client(ask);
    node_settle(node);
}

static void on_connected(void *owner, int error)
{
    struct node_ask *ask = owner;
    struct rp_fetch_event event = {
        .kind = RP_FETCH_EV_CONNECTED, .wall_unix_s = node_wall_s(ask->node), .error = error};
    struct rp_observation seen = {
        .kind = RP_SEE_SIGNED,
        .code = rp_view_text("fetch"),
        .path = ask->entry->path,
        .sha256 = rp_view_make(ask->nonce, RP_NONCE_HEX),
        .value = (uint64_t)event.wall_unix_s,
    };
    if (error == 0) {
        node_see(ask->node, &seen);
    }
    step(ask, &event);
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

/* ---- All of them, in birth order ---------------------------------------------------------------- */

static const struct rp_peer *next_peer(struct node_ask *ask)
{
    size_t cursor = 0;
    const struct rp_peer *peer;
    while ((peer = rp_peers_next(ask->node->peers, &cursor)) != NULL) {
        if (!peer->is_self && peer->born_sequence >= ask->last_born_sequence) {
            ask->last_born_sequence = peer->born_sequence + 1;
            return peer;
        }
    }
    return NULL;
}

static int make_client(struct node_ask *ask, const struct rp_peer *peer)
{
    struct rp_node *node = ask->node;
    node_nonce(node, ask->nonce);
    struct rp_fetch_request request = {
        .traits = node->traits,
        .auth = node->auth,
        .hash = ask->hash,
        .node_id = node_id(node),
        .cluster = node_cluster(node),
        .path = ask->entry->path,
        .sha256 = ask->entry->sha256,
        .size_bytes = ask->entry->size_bytes,
        .nonce = rp_view_make(ask->nonce, RP_NONCE_HEX),
        .fetch_timeout_ns = node->config.replication_fetch_timeout_ns,
    };
    if (peer->is_bound_fetch) {
        request.addressee = peer->id;
    }
    rp_buffer_reset(&node->dial_address);
    int error = rp_buffer_append(&node->dial_address, peer->address);
    return error != 0 ? error : rp_fetch_client_new(&request, node->ports.alloc, &ask->client);
}

/* A node that is not known to be well is not waited for: it may hold the file and only not say so. */
static void ask_next(struct node_ask *ask)
{
    const struct rp_peer *peer = next_peer(ask);
    if (peer == NULL) {
        conclude(ask, RP_RECONCILE_HELD_BY_NONE);
        return;
    }
    bool is_askable = peer->state == RP_PEER_HEALTHY && peer->address.length_bytes != 0;
    if (!is_askable || make_client(ask, peer) != 0) {
        conclude(ask, RP_RECONCILE_UNTOLD);
        return;
    }
    struct rp_fetch_event event = {.kind = RP_FETCH_EV_START, .now_ns = node_now(ask->node)};
    rp_fetch_client_step(ask->client, &event);
    run_client(ask);
}

void node_ask_begin(struct node_ask *ask, const struct rp_file_entry *entry)
{
    RP_ASSERT(!ask->is_asking);
    ask->is_asking = true;
    ask->entry = rp_file_entry_retain(entry);
    ask->last_born_sequence = 0;
    if (ask->hash == NULL && rp_sha256_new(ask->node->ports.alloc, &ask->hash) != 0) {
        conclude(ask, RP_RECONCILE_UNTOLD);
        return;
    }
    ask_next(ask);
}

void node_ask_cancel(struct node_ask *ask)
{
    if (ask->is_asking) {
        conclude(ask, RP_RECONCILE_UNTOLD);
    }
}

void node_ask_init(struct node_ask *ask, struct rp_node *node,
                   void (*done)(void *owner, enum rp_reconcile_holding holding), void *owner)
{
    memset(ask, 0, sizeof *ask);
    ask->node = node;
    ask->done = done;
    ask->owner = owner;
    node_link_init(&ask->link, node, &VTABLE, ask);
    node_timer_init(&ask->timer, on_timer, ask);
}

void node_ask_clear(struct node_ask *ask)
{
    node_disarm(ask->node, &ask->timer);
    node_link_abort(&ask->link);
    rp_fetch_client_free(ask->client);
    if (ask->entry != NULL) {
        rp_file_entry_release(ask->entry);
    }
    rp_sha256_free(ask->hash);
}
