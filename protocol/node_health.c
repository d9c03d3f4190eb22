#include "protocol/node_internal.h"

/* Heartbeats to every peer, and health checks (behaviour.md 9.3, 9.4). */

struct heartbeat_target {
    struct rp_node *node;
    size_t address_bytes;
    size_t id_bytes;
    bool is_greeting;
    uint8_t bytes[]; /* id, then address */
};

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
        int error =
            node_sign(node, RP_AUTH_HEARTBEAT, nonce, &message.as.heartbeat.auth_timestamp, mac);
        if (error != 0) {
            return error;
        }
        message.as.heartbeat.auth_nonce = node_mac_view(node, nonce, RP_NONCE_HEX);
        message.as.heartbeat.auth_hmac = node_mac_view(node, mac, RP_SHA256_HEX);
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
    node_roles_check(node);
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
