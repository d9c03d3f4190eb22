#include "protocol/node_internal.h"

/* Leave notices: sent by whoever stops, and what those make of them that hear of it (wire.md 5.3,
 * behaviour.md 5.3). */

/* ---- Sent ------------------------------------------------------------------------------------- */

static void on_leave_gone(void *owner)
{
    struct rp_node *node = owner;
    node->leave_count -= 1;
}

static void on_leave_sent(void *owner, int error, const struct rp_frame *reply)
{
    (void)error; /* who does not hear of it finds out by silence */
    (void)reply;
    on_leave_gone(owner); /* the exchange itself moves a stop on, when it is gone */
}

static void send_leave(struct rp_node *node, const struct rp_peer *peer)
{
    char nonce[RP_NONCE_HEX];
    char mac[RP_SHA256_HEX];
    struct rp_message message = {.type = RP_MSG_LEAVE_NOTIFY};
    struct rp_leave_notify *leave = &message.as.leave_notify;
    leave->node_id = node_id(node);
    leave->reason = rp_view_text("shutdown");
    if (node_sign(node, RP_AUTH_LEAVE, nonce, &leave->auth_timestamp, mac) != 0) {
        return;
    }
    leave->auth_nonce = node_mac_view(node, nonce, RP_NONCE_HEX);
    leave->auth_hmac = node_mac_view(node, mac, RP_SHA256_HEX);
    struct node_exchange_spec spec = {
        .address = peer->address,
        .dial_timeout_ns = RP_LEAVE_TIMEOUT_NS,
        .done = on_leave_sent,
        .let_go = on_leave_gone,
        .owner = node,
    };
    if (node_encode(node, &message, &spec.frame) == 0 &&
        node_exchange_begin(node, &spec, NULL) == 0) {
        node->leave_count += 1;
    }
}

/* To every known peer at once. A stop that waits for the notices leaves out who answers no dial. */
void node_leave_broadcast(struct rp_node *node, bool is_to_reached_only)
{
    size_t cursor = 0;
    for (const struct rp_peer *peer; (peer = rp_peers_next(node->peers, &cursor)) != NULL;) {
        if (!peer->is_self && (peer->is_reached || !is_to_reached_only) &&
            peer->address.length_bytes != 0) {
            send_leave(node, peer);
        }
    }
}

/* ---- Heard: a mark on the peer's health -------------------------------------------------------- */

/* design.md, membership: a leave is news about health, never a reason to change the configuration. A
 * leave that was signed before the registered life joined is about a life that is gone. */
static void mark(struct rp_node *node, const struct rp_leave_notify *leave)
{
    if (rp_peers_is_former_life(node->peers, leave->node_id, leave->auth_timestamp)) {
        return;
    }
    const struct rp_peer *peer = rp_peers_get(node->peers, leave->node_id);
    if (peer != NULL && peer->raft_id != 0) {
        node->ports.consensus.departed(node->ports.consensus.state, peer->raft_id);
    }
    (void)rp_peers_heartbeat(node->peers, leave->node_id, rp_view_text("leaving"), node_now(node));
    rp_peers_left(node->peers, leave->node_id, leave->auth_timestamp);
}

/* ---- Heard: the end of a membership ------------------------------------------------------------ */

/* The leader's: out of consensus, then out of the state machine, then out of the registry. */
struct removal {
    struct rp_node *node;
    struct node_consensus_call call;
    struct rp_node_proposal proposal;
    size_t id_bytes;
    uint8_t id[];
};

static struct rp_view id_of(const struct removal *removal)
{
    return rp_view_make(removal->id, removal->id_bytes);
}

static void on_unrecorded(struct rp_node_proposal *proposal, int error, const char *code,
                          const char *text)
{
    (void)error; /* logged in the reference, and no more */
    (void)code;
    (void)text;
    struct removal *removal = proposal->context;
    struct rp_node *node = removal->node;
    if (!node->is_dead) {
        (void)rp_peers_remove(node->peers, id_of(removal));
    }
    rp_release(node->ports.alloc, removal);
}

static void on_expelled(void *owner, int error)
{
    (void)error; /* the record goes all the same, and the membership policy follows it */
    struct removal *removal = owner;
    struct rp_node *node = removal->node;
    rp_buffer_reset(&node->command);
    if (node->is_dead || rp_command_encode_remove_node(&node->command, id_of(removal)) != 0) {
        rp_release(node->ports.alloc, removal);
        return;
    }
    removal->proposal.done = on_unrecorded;
    removal->proposal.context = removal;
    rp_node_propose(node, &removal->proposal, rp_buffer_view(&node->command));
}

static void begin_removal(struct rp_node *node, struct rp_view id, uint64_t raft_id)
{
    struct removal *removal =
        rp_allocate_zeroed(node->ports.alloc, sizeof *removal + id.length_bytes);
    if (removal == NULL) {
        return;
    }
    removal->node = node;
    removal->id_bytes = id.length_bytes;
    memcpy(removal->id, id.bytes, id.length_bytes);
    node_consensus_call_init(&removal->call, node, on_expelled, removal);
    node->ports.consensus.expel(node->ports.consensus.state,
                                node_consensus_call_begin(&removal->call), raft_id);
}

/* No look at which life it is about: a replayed notice removes the present one. */
static void remove_peer(struct rp_node *node, const struct rp_leave_notify *leave)
{
    const struct rp_node_record *record = rp_manifest_node(node->manifest, leave->node_id);
    bool is_leader = node->ports.consensus.status(node->ports.consensus.state).is_leader;
    if (is_leader && record != NULL && record->raft_id != 0) {
        begin_removal(node, leave->node_id, record->raft_id);
    } else {
        (void)rp_peers_remove(node->peers, leave->node_id);
    }
}

/* ---- The choice -------------------------------------------------------------------------------- */

static bool is_authentic(struct rp_node *node, const struct rp_leave_notify *leave)
{
    struct rp_auth_tuple tuple = {
        .kind = RP_AUTH_LEAVE,
        .nonce = leave->auth_nonce,
        .node_id = leave->node_id,
        .cluster = node_cluster(node),
        .timestamp = leave->auth_timestamp,
    };
    return node_authenticate(node, &tuple, leave->auth_hmac);
}

void node_leave_received(struct rp_node *node, const struct rp_leave_notify *leave)
{
    if (!is_authentic(node, leave)) {
        return;
    }
    if (node->traits->leave_rule == RP_LEAVE_REMOVES) {
        remove_peer(node, leave);
    } else {
        mark(node, leave);
    }
}
