#include "protocol/node_internal.h"

/* Heartbeats to every peer, health checks, and leave notices (behaviour.md 9.3, 9.4, 5.3). */

struct heartbeat_target {
    struct rp_node *node;
    size_t address_bytes;
    size_t id_bytes;
    bool is_greeting;
    uint8_t bytes[]; /* id, then address */
};

static int sign(struct rp_node *node, enum rp_auth_kind kind, char nonce[RP_NONCE_HEX],
                int64_t *timestamp, char mac[RP_SHA256_HEX])
{
    node_nonce(node, nonce);
    *timestamp = node_wall_s(node);
    struct rp_auth_tuple tuple = {
        .kind = kind,
        .nonce = rp_view_make(nonce, RP_NONCE_HEX),
        .node_id = node_id(node),
        .cluster = node_cluster(node),
        .timestamp = *timestamp,
    };
    return rp_auth_sign(node->auth, &tuple, mac);
}

static void let_go_target(void *owner)
{
    struct heartbeat_target *target = owner;
    rp_release(target->node->ports.alloc, target);
}

static void on_heartbeat_done(void *owner, int error, const struct rp_frame *reply)
{
    (void)reply; /* wire.md 0x05: some frame is enough, its content is ignored */
    struct heartbeat_target *target = owner;
    rp_peers_reached(target->node->peers, rp_view_make(target->bytes, target->id_bytes),
                     error == 0);
    struct rp_observation seen = {
        .kind = RP_SEE_HEARTBEAT,
        .error = error,
        .peer_id = rp_view_make(target->bytes, target->id_bytes),
        .peer_address = rp_view_make(target->bytes + target->id_bytes, target->address_bytes),
    };
    node_see(target->node, &seen);
    struct rp_node *node = target->node;
    bool is_greeting = target->is_greeting;
    let_go_target(target);
    if (is_greeting) {
        node_greeting_answered(node);
    }
}

static struct heartbeat_target *make_target(struct rp_node *node, const struct rp_peer *peer)
{
    size_t size = peer->id.length_bytes + peer->address.length_bytes;
    struct heartbeat_target *target = rp_allocate(node->ports.alloc, sizeof *target + size);
    if (target != NULL) {
        target->node = node;
        target->id_bytes = peer->id.length_bytes;
        target->address_bytes = peer->address.length_bytes;
        memcpy(target->bytes, peer->id.bytes, peer->id.length_bytes);
        memcpy(target->bytes + target->id_bytes, peer->address.bytes, target->address_bytes);
    }
    return target;
}

static int encode_heartbeat(struct rp_node *node, struct rp_view *frame_out)
{
    char nonce[RP_NONCE_HEX];
    char mac[RP_SHA256_HEX];
    struct rp_consensus_status status = node->ports.consensus.status(node->ports.consensus.state);
    struct rp_message message = {.type = RP_MSG_HEARTBEAT};
    message.as.heartbeat.node_id = node_id(node);
    message.as.heartbeat.state = rp_view_text("healthy");
    message.as.heartbeat.is_leader = status.is_leader;
    message.as.heartbeat.timestamp = node_wall_time(node);
    if (node->traits->heartbeat_auth == RP_HEARTBEAT_SIGNED) {
        int error = sign(node, RP_AUTH_HEARTBEAT, nonce, &message.as.heartbeat.auth_timestamp, mac);
        if (error != 0) {
            return error;
        }
        message.as.heartbeat.auth_nonce = rp_view_make(nonce, RP_NONCE_HEX);
        message.as.heartbeat.auth_hmac = rp_view_make(mac, RP_SHA256_HEX);
    }
    return node_encode(node, &message, frame_out);
}

static void send_heartbeat(struct rp_node *node, const struct rp_peer *peer, bool is_greeting)
{
    struct rp_view frame;
    if (encode_heartbeat(node, &frame) != 0) {
        return;
    }
    struct heartbeat_target *target = make_target(node, peer);
    if (target == NULL) {
        return;
    }
    struct node_exchange_spec spec = {
        .address = peer->address,
        .frame = frame,
        .dial_timeout_ns = RP_HEARTBEAT_TIMEOUT_NS,
        .reply_timeout_ns = RP_HEARTBEAT_TIMEOUT_NS,
        .done = on_heartbeat_done,
        .let_go = let_go_target,
        .owner = target,
    };
    target->is_greeting = is_greeting;
    if (node_exchange_begin(node, &spec, NULL) != 0) {
        rp_release(node->ports.alloc, target);
        return;
    }
    node->greeting_count += is_greeting;
}

static void send_heartbeats(struct rp_node *node)
{
    size_t cursor = 0;
    for (const struct rp_peer *peer; (peer = rp_peers_next(node->peers, &cursor)) != NULL;) {
        if (!peer->is_self && peer->address.length_bytes != 0) {
            send_heartbeat(node, peer, false);
        }
    }
}

/* A peer that was just learned of is greeted at once: then it is known who can be asked for files,
 * and it knows of us. Whoever pulls waits for the answers, not for long (node_pull.c). */
void node_health_greet(struct rp_node *node)
{
    node_arm_after(node, &node->greeting_timer, RP_GREETING_TIMEOUT_NS);
    size_t cursor = 0;
    for (const struct rp_peer *peer; (peer = rp_peers_next(node->peers, &cursor)) != NULL;) {
        if (!peer->is_self && !peer->is_reached && peer->address.length_bytes != 0) {
            send_heartbeat(node, peer, true);
        }
    }
}

static void on_health_timer(void *context)
{
    struct rp_node *node = context;
    rp_peers_check(node->peers, node_now(node), node->config.health_check_interval_ns,
                   node->config.unhealthy_threshold);
    send_heartbeats(node);
    node_arm_after(node, &node->health_timer, node->config.health_check_interval_ns);
}

void node_health_start(struct rp_node *node)
{
    node_timer_init(&node->health_timer, on_health_timer, node);
    node_arm_after(node, &node->health_timer, node->config.health_check_interval_ns);
    send_heartbeats(node);
}

void node_health_stop(struct rp_node *node)
{
    node_disarm(node, &node->health_timer);
}

/* ---- Leave ------------------------------------------------------------------------------------ */

static void send_leave(struct rp_node *node, const struct rp_peer *peer)
{
    char nonce[RP_NONCE_HEX];
    char mac[RP_SHA256_HEX];
    struct rp_message message = {.type = RP_MSG_LEAVE_NOTIFY};
    struct rp_leave_notify *leave = &message.as.leave_notify;
    leave->node_id = node_id(node);
    leave->reason = rp_view_text("shutdown");
    if (sign(node, RP_AUTH_LEAVE, nonce, &leave->auth_timestamp, mac) != 0) {
        return;
    }
    leave->auth_nonce = rp_view_make(nonce, RP_NONCE_HEX);
    leave->auth_hmac = rp_view_make(mac, RP_SHA256_HEX);
    struct node_exchange_spec spec = {.address = peer->address,
                                      .dial_timeout_ns = RP_LEAVE_TIMEOUT_NS};
    if (node_encode(node, &message, &spec.frame) == 0) {
        rp_ignore(node_exchange_begin(node, &spec, NULL));
    }
}

/* behaviour.md 5.3: to every known peer at once, those left out that answer no
 * dial: the stop waits a moment for the notices. */
void node_leave_broadcast(struct rp_node *node)
{
    size_t cursor = 0;
    for (const struct rp_peer *peer; (peer = rp_peers_next(node->peers, &cursor)) != NULL;) {
        if (!peer->is_self && peer->is_reached && peer->address.length_bytes != 0) {
            send_leave(node, peer);
        }
    }
}

/* ---- Received --------------------------------------------------------------------------------- */

static bool heartbeat_is_authentic(struct rp_node *node, const struct rp_heartbeat *heartbeat)
{
    if (node->traits->heartbeat_auth == RP_HEARTBEAT_OPEN) {
        return true;
    }
    struct rp_auth_tuple tuple = {
        .kind = RP_AUTH_HEARTBEAT,
        .nonce = heartbeat->auth_nonce,
        .node_id = heartbeat->node_id,
        .cluster = node_cluster(node),
        .timestamp = heartbeat->auth_timestamp,
    };
    return node_authenticate(node, &tuple, heartbeat->auth_hmac);
}

/* wire.md 5.2: an unauthenticated one gets no answer at all. */
void node_heartbeat_received(struct node_inbound *inbound, const struct rp_heartbeat *heartbeat)
{
    struct rp_node *node = node_inbound_node(inbound);
    if (heartbeat_is_authentic(node, heartbeat)) {
        (void)rp_peers_heartbeat(node->peers, heartbeat->node_id, heartbeat->state, node_now(node));
        struct rp_message message = {.type = RP_MSG_HEARTBEAT_ACK};
        message.as.heartbeat_ack.node_id = node_id(node);
        message.as.heartbeat_ack.timestamp = node_wall_time(node);
        node_inbound_answer(inbound, &message);
    }
    node_inbound_end(inbound);
}

/* design.md, membership: a leave is news about health, never a reason to change the configuration
 * here; that is what trait leave_rule says of the older releases. A leave that was signed before the
 * registered life joined is about a life that is gone. */
void node_leave_received(struct rp_node *node, const struct rp_leave_notify *leave)
{
    struct rp_auth_tuple tuple = {
        .kind = RP_AUTH_LEAVE,
        .nonce = leave->auth_nonce,
        .node_id = leave->node_id,
        .cluster = node_cluster(node),
        .timestamp = leave->auth_timestamp,
    };
    if (!node_authenticate(node, &tuple, leave->auth_hmac) ||
        rp_peers_is_former_life(node->peers, leave->node_id, leave->auth_timestamp)) {
        return;
    }
    const struct rp_peer *peer = rp_peers_get(node->peers, leave->node_id);
    if (peer != NULL && peer->raft_id != 0) {
        node->ports.consensus.departed(node->ports.consensus.state, peer->raft_id);
    }
    (void)rp_peers_heartbeat(node->peers, leave->node_id, rp_view_text("leaving"), node_now(node));
}

void node_peer_changed(void *context, const struct rp_peer *peer, enum rp_peer_change change)
{
    struct rp_node *node = context;
    struct rp_observation seen = {
        .kind = RP_SEE_PEER,
        .peer_id = peer->id,
        .peer_address = peer->address,
        .code = rp_view_text(rp_peer_state_name(peer->state)),
        .value = (uint64_t)change,
    };
    node_see(node, &seen);
    if (!peer->is_self && rp_peer_change_is_hopeful(change)) {
        node->has_new_peer = node->has_new_peer || change != RP_PEER_RECOVERED;
        node_rescan_hope(node);
    }
}
