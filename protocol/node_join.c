#include "protocol/node_internal.h"

/* Joining: the asker's discovery, and the leader's side (wire.md 5.1, design.md "membership"). */

#define REDIRECT_MAX 5
#define JOIN_VERSION "replisim"

/* ---- Our own record --------------------------------------------------------------------------- */

static struct rp_node_record own_record(const struct rp_node *node)
{
    struct rp_consensus_status status = node->ports.consensus.status(node->ports.consensus.state);
    struct rp_node_record record = {
        .id = node_id(node),
        .name = node_id(node),
        .role = rp_view_text(node->config.role),
        .cluster_name = node_cluster(node),
        .address = rp_view_text(node->config.advertise_addr),
        .state = rp_view_text("healthy"),
        .version = rp_view_text(JOIN_VERSION),
        .raft_id = status.raft_id,
        .raft_address = rp_view_text(node->config.raft_advertise_addr),
        .joined_unix_s = node_wall_s(node),
        .is_bound_fetch = node->traits->fetch_binding == RP_FETCH_BINDING_ADDRESSEE,
    };
    return record;
}

bool node_own_record_holds(const struct rp_node *node)
{
    const struct rp_node_record *known = rp_manifest_node(node->manifest, node_id(node));
    struct rp_node_record own = own_record(node);
    return known != NULL && known->raft_id == own.raft_id &&
           known->is_bound_fetch == own.is_bound_fetch &&
           rp_view_equal(known->address, own.address) &&
           rp_view_equal(known->raft_address, own.raft_address);
}

static void on_self_proposed(struct rp_node_proposal *proposal, int error, const char *code,
                             const char *text)
{
    (void)error; /* looked at again with the next discovery tick */
    (void)code;
    (void)text;
    struct rp_node *node = proposal->context;
    node->is_self_proposed = false;
}

/* A leader that bootstrapped, or that came back at another address, has nobody to join. */
void node_self_record_check(struct rp_node *node)
{
    bool is_leader = node->ports.consensus.status(node->ports.consensus.state).is_leader;
    if (node->phase != NODE_RUNNING || !is_leader || node->is_self_proposed) {
        return;
    }
    node->is_joined = true;
    if (node_own_record_holds(node)) {
        return;
    }
    struct rp_node_record record = own_record(node);
    rp_buffer_reset(&node->command);
    if (rp_command_encode_node(&node->command, RP_CMD_ADD_NODE, &record) != 0) {
        return;
    }
    node->is_self_proposed = true;
    node->self_proposal.done = on_self_proposed;
    node->self_proposal.context = node;
    rp_node_propose(node, &node->self_proposal, rp_buffer_view(&node->command));
}

/* ---- Asking ----------------------------------------------------------------------------------- */

static void ask(struct rp_node *node, struct rp_view address, struct rp_view id);

static void see_join(struct rp_node *node, enum rp_observation_kind kind, struct rp_view address,
                     int error)
{
    struct rp_observation seen = {.kind = kind, .peer_address = address, .error = error};
    node_see(node, &seen);
}

/* The n-th of a comma list, blanks around it left out; empty when there is none. */
static struct rp_view seed_at(const struct rp_node *node, size_t index)
{
    const char *place = node->config.seeds;
    for (size_t passed = 0; passed < index && place != NULL; passed += 1) {
        place = strchr(place, ',');
        place = place == NULL ? NULL : place + 1;
    }
    if (place == NULL) {
        return rp_view_make(NULL, 0);
    }
    place += strspn(place, " ");
    size_t length = strcspn(place, ",");
    while (length > 0 && place[length - 1] == ' ') {
        length -= 1;
    }
    return rp_view_make(place, length);
}

static void ask_next_seed(struct rp_node *node)
{
    struct rp_view seed = seed_at(node, node->next_seed);
    if (seed.length_bytes == 0) {
        return; /* all were asked: again at the next tick */
    }
    node->next_seed += 1;
    node->redirect_count = 0;
    ask(node, seed, rp_view_make(NULL, 0));
}

/* wire.md 5.1, behaviour.md 9.2: where no snapshot fills the registry, the answer does. */
static void register_answered(struct rp_node *node, const struct rp_join_response *response)
{
    if (node->traits->join_answer == RP_JOIN_ANSWER_GIVES_ADDRESSES) {
        return;
    }
    for (size_t row = 0; row < response->node_count; row += 1) {
        const struct rp_node_info *info = &response->nodes[row];
        struct rp_peer_record record = {
            .id = info->id,
            .role = info->role,
            .address = info->coord_addr,
            .state = info->state,
            .raft_id = info->raft_id,
            .is_bound_fetch = info->is_bound_fetch,
        };
        rp_ignore(rp_peers_register(node->peers, &record)); /* full: unknown, as behaviour.md 9.2 */
    }
}

/* design.md: a join response gives addresses to dial, nothing that must be believed. */
static void take_routes(struct rp_node *node, const struct rp_join_response *response)
{
    for (size_t row = 0; row < response->node_count; row += 1) {
        const struct rp_node_info *info = &response->nodes[row];
        if (info->raft_id != 0 && info->raft_addr.length_bytes != 0) {
            node->ports.consensus.route(node->ports.consensus.state, info->raft_id,
                                        info->raft_addr);
        }
    }
}

/* A leader that was asked as whoever it is tells its name, for a join that is signed for it. */
static bool is_asked_already(const struct rp_node *node, const struct rp_leader_info *info)
{
    return rp_view_equal(info->leader_coord_addr, rp_buffer_view(&node->asked_address)) &&
           (node->traits->join_binding == RP_JOIN_BINDING_NONE ||
            rp_view_equal(info->leader_id, rp_buffer_view(&node->asked_id)));
}

/* Who knows no leader, or whom we have asked already, is no help: the next seed may be. A pause that
 * grows is for seeds that are silent, and for elections. One that is up and as new as we are tells
 * of neither: a seed's name may stand for many nodes, the next of which may know, so a cluster whose
 * nodes start all at once hears of its leader within a few rounds. */
static void on_redirect(struct rp_node *node, const struct rp_leader_info *info)
{
    bool is_same = is_asked_already(node, info);
    if (info->leader_coord_addr.length_bytes == 0 && !node->is_joined) {
        node->discovery_pause_ns = 0;
    }
    if (info->leader_coord_addr.length_bytes == 0 || is_same ||
        node->redirect_count >= REDIRECT_MAX) {
        ask_next_seed(node);
        return;
    }
    node->redirect_count += 1;
    ask(node, info->leader_coord_addr, info->leader_id);
}

static void on_reply(struct rp_node *node, const struct rp_frame *reply)
{
    struct rp_message message;
    rp_arena_reset(&node->scratch);
    if (rp_message_decode(node->traits, reply->type, reply->payload, &node->scratch, &message) !=
        0) {
        return;
    }
    if (message.type == RP_MSG_LEADER_INFO) {
        on_redirect(node, &message.as.leader_info);
    } else if (message.type == RP_MSG_JOIN_RESPONSE) {
        if (message.as.join_response.is_success) {
            node->is_joined = true;
            take_routes(node, &message.as.join_response);
            register_answered(node, &message.as.join_response);
            node_kick(node); /* the leader may have an address now */
        } else {
            node_log(node, RP_LOG_WARN, "join refused by the seed");
        }
    }
}

static void on_ask_done(void *owner, int error, const struct rp_frame *reply)
{
    struct rp_node *node = owner;
    node->join_exchange = NULL;
    see_join(node, RP_SEE_JOIN_END, rp_buffer_view(&node->asked_address), error);
    if (error == 0) {
        on_reply(node, reply);
    } else {
        ask_next_seed(node);
    }
}

static int encode_request(struct rp_node *node, struct rp_view *frame_out)
{
    char nonce[RP_NONCE_HEX];
    char mac[RP_SHA256_HEX];
    char bound_mac[RP_SHA256_HEX];
    struct rp_node_record own = own_record(node);
    int64_t timestamp = 0;
    int error = node_sign(node, RP_AUTH_JOIN, nonce, &timestamp, mac);
    if (error != 0) {
        return error;
    }
    struct rp_message message = {.type = RP_MSG_JOIN_REQUEST};
    message.as.join_request = (struct rp_join_request){
        .node_id = own.id,
        .node_name = own.name,
        .role = own.role,
        .cluster_name = own.cluster_name,
        .raft_addr = own.raft_address,
        .coord_addr = own.address,
        .version = own.version,
        .auth_nonce = node_mac_view(node, nonce, RP_NONCE_HEX),
        .auth_timestamp = timestamp,
        .auth_hmac = node_mac_view(node, mac, RP_SHA256_HEX),
        .raft_id = own.raft_id,
        .is_bound_fetch = own.is_bound_fetch,
    };
    error =
        node_join_bind(node, &message.as.join_request, rp_buffer_view(&node->asked_id), bound_mac);
    return error != 0 ? error : node_encode(node, &message, frame_out);
}

/* `id`: whom the join is signed for; empty when a seed's name is not known. */
static void ask(struct rp_node *node, struct rp_view address, struct rp_view id)
{
    struct node_exchange_spec spec = {
        .dial_timeout_ns = RP_JOIN_DIAL_TIMEOUT_NS,
        .reply_timeout_ns = RP_JOIN_REPLY_TIMEOUT_NS,
        .done = on_ask_done,
        .owner = node,
    };
    if (node->phase != NODE_RUNNING) {
        return; /* who leaves does not come back by an old answer */
    }
    rp_buffer_reset(&node->asked_address);
    rp_buffer_reset(&node->asked_id);
    if (rp_buffer_append(&node->asked_address, address) != 0 ||
        rp_buffer_append(&node->asked_id, id) != 0 || encode_request(node, &spec.frame) != 0) {
        return;
    }
    spec.address = rp_buffer_view(&node->asked_address);
    see_join(node, RP_SEE_JOIN_BEGIN, spec.address, 0);
    rp_ignore(node_exchange_begin(node, &spec, &node->join_exchange));
}

/* behaviour.md 13.3: at once, then while no leader is known; here from half a second on, doubling to
 * the reference's five, because an election takes about one. */
void node_discovery_run(struct rp_node *node)
{
    struct rp_consensus_status status = node->ports.consensus.status(node->ports.consensus.state);
    if (node->phase != NODE_RUNNING) {
        return;
    }
    bool is_settled = status.is_leader ||
                      (node->is_joined && status.has_leader && !node_join_is_misrecorded(node));
    rp_time_ns pause_ns = is_settled ? RP_DISCOVERY_INTERVAL_NS : node->discovery_pause_ns * 2;
    pause_ns = pause_ns < RP_DISCOVERY_FIRST_NS ? RP_DISCOVERY_FIRST_NS : pause_ns;
    pause_ns = pause_ns > RP_DISCOVERY_INTERVAL_NS ? RP_DISCOVERY_INTERVAL_NS : pause_ns;
    node->discovery_pause_ns = is_settled ? 0 : pause_ns;
    node_arm_after(node, &node->discovery_timer, pause_ns);
    if (status.is_leader) {
        node_self_record_check(node);
    } else if (!is_settled && node->join_exchange == NULL) {
        node->next_seed = 0;
        ask_next_seed(node);
    }
}

/* ---- Being asked ------------------------------------------------------------------------------ */

struct node_join {
    struct rp_node *node;
    struct node_inbound *inbound; /* NULL: gone, the answer is not wanted any more */
    struct rp_arena texts;        /* the request's, which outlive its frame */
    struct rp_node_record record;
    struct rp_node_proposal proposal;
    struct node_consensus_call call;
};

static void destroy(struct node_join *join)
{
    rp_arena_clear(&join->texts);
    rp_release(join->node->ports.alloc, join);
}

static void refuse(struct node_inbound *inbound, const char *text)
{
    struct rp_message message = {.type = RP_MSG_JOIN_RESPONSE};
    message.as.join_response.error = rp_view_text(text);
    node_inbound_answer(inbound, &message);
    node_inbound_end(inbound);
}

static void end_join(struct node_join *join, const char *refusal)
{
    struct node_inbound *inbound = join->inbound;
    bool is_dead = join->node->is_dead;
    destroy(join);
    if (inbound != NULL && !is_dead) {
        refuse(inbound, refusal);
    }
}

/* The nodes of the manifest, for the answer; in the scratch arena. */
static int list_nodes(struct rp_node *node, struct rp_join_response *response)
{
    const struct rp_node_record **records =
        rp_arena_allocate(&node->scratch, RP_PEER_COUNT_MAX * sizeof *records);
    struct rp_node_info *infos =
        rp_arena_allocate(&node->scratch, RP_PEER_COUNT_MAX * sizeof *infos);
    if (records == NULL || infos == NULL) {
        return RP_ERR_NOMEM;
    }
    size_t count =
        rp_manifest_node_page(node->manifest, rp_view_make(NULL, 0), records, RP_PEER_COUNT_MAX);
    for (size_t row = 0; row < count; row += 1) {
        infos[row] = (struct rp_node_info){
            .id = records[row]->id,
            .name = records[row]->name,
            .role = records[row]->role,
            .state = records[row]->state,
            .coord_addr = records[row]->address,
            .raft_addr = records[row]->raft_address,
            .raft_id = records[row]->raft_id,
            .is_bound_fetch = records[row]->is_bound_fetch,
        };
        rp_node_record_release(records[row]); /* the manifest keeps it through this call */
    }
    response->has_nodes = true;
    response->nodes = infos;
    response->node_count = count;
    return 0;
}

static void answer_success(struct node_join *join)
{
    struct rp_node *node = join->node;
    struct rp_message message = {.type = RP_MSG_JOIN_RESPONSE};
    struct rp_join_response *response = &message.as.join_response;
    response->is_success = true;
    response->leader_id = node_id(node);
    response->leader_addr = rp_view_text(node->config.advertise_addr);
    response->raft_leader = rp_view_text(node->config.raft_advertise_addr);
    rp_arena_reset(&node->scratch);
    struct node_inbound *inbound = join->inbound;
    destroy(join);
    if (list_nodes(node, response) != 0) {
        refuse(inbound, "out of memory");
        return;
    }
    node_inbound_answer(inbound, &message);
    node_inbound_end(inbound);
}

static void on_admitted(void *owner, int error)
{
    struct node_join *join = owner;
    if (join->inbound == NULL || error != 0) {
        end_join(join, "failed to add to Raft cluster");
        return;
    }
    answer_success(join);
}

static void on_recorded(struct rp_node_proposal *proposal, int error, const char *code,
                        const char *text)
{
    (void)code;
    (void)text;
    struct node_join *join = proposal->context;
    struct rp_node *node = join->node;
    if (join->inbound == NULL || error != 0 || node->phase != NODE_RUNNING) {
        end_join(join, "failed to add to Raft cluster");
        return;
    }
    struct rp_member member = {
        .node_id = join->record.id,
        .raft_address = join->record.raft_address,
        .role = join->record.role,
        .raft_id = join->record.raft_id,
    };
    node->ports.consensus.admit(node->ports.consensus.state, node_consensus_call_begin(&join->call),
                                &member, node_now(node) + RP_JOIN_MEMBER_TIMEOUT_NS);
}

/* design.md: a peer that sends no raft id gets one derived from its id and address. */
static uint64_t derived_raft_id(const struct rp_join_request *request)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    struct rp_view parts[2] = {request->node_id, request->raft_addr};
    for (size_t part = 0; part < 2; part += 1) {
        for (size_t at = 0; at < parts[part].length_bytes; at += 1) {
            hash = (hash ^ parts[part].bytes[at]) * UINT64_C(1099511628211);
        }
        hash = (hash ^ 0xffu) * UINT64_C(1099511628211);
    }
    return hash == 0 ? 1 : hash;
}

static int copy_record(struct node_join *join, const struct rp_join_request *request)
{
    struct rp_node_record *record = &join->record;
    const struct {
        struct rp_view from;
        struct rp_view *to;
    } texts[] = {
        {request->node_id, &record->id},         {request->node_name, &record->name},
        {request->role, &record->role},          {request->cluster_name, &record->cluster_name},
        {request->coord_addr, &record->address}, {request->api_addr, &record->api_address},
        {request->version, &record->version},    {request->raft_addr, &record->raft_address},
    };
    for (size_t row = 0; row < sizeof texts / sizeof texts[0]; row += 1) {
        int error = rp_arena_copy(&join->texts, texts[row].from, texts[row].to);
        if (error != 0) {
            return error;
        }
    }
    record->state = rp_view_text("healthy");
    record->core_count = request->core_count;
    record->raft_id = request->raft_id != 0 ? request->raft_id : derived_raft_id(request);
    record->joined_unix_s = request->auth_timestamp;
    record->is_bound_fetch = request->is_bound_fetch;
    return 0;
}

/* The record first: then the node table knows the new raft id before the membership changes, and
 * the old one of an emptied disk is no longer known and goes first. */
static void record_and_admit(struct node_inbound *inbound, const struct rp_join_request *request)
{
    struct rp_node *node = node_inbound_node(inbound);
    struct node_join *join = rp_allocate_zeroed(node->ports.alloc, sizeof *join);
    if (join == NULL) {
        refuse(inbound, "out of memory");
        return;
    }
    join->node = node;
    join->inbound = inbound;
    rp_arena_init(&join->texts, node->ports.alloc);
    node_consensus_call_init(&join->call, node, on_admitted, join);
    rp_buffer_reset(&node->command);
    if (copy_record(join, request) != 0 ||
        rp_command_encode_node(&node->command, RP_CMD_ADD_NODE, &join->record) != 0) {
        end_join(join, "out of memory");
        return;
    }
    node_inbound_attach_join(inbound, join);
    join->proposal.done = on_recorded;
    join->proposal.context = join;
    rp_node_propose(node, &join->proposal, rp_buffer_view(&node->command));
}

/* To the leader; by the leader: to itself, by name. */
static void redirect(struct node_inbound *inbound, const struct rp_consensus_status *status)
{
    struct rp_node *node = node_inbound_node(inbound);
    const struct rp_peer *leader =
        status->leader_raft_id == 0 ? NULL
                                    : rp_peers_get_by_raft_id(node->peers, status->leader_raft_id);
    struct rp_message message = {.type = RP_MSG_LEADER_INFO};
    /* One that said it leaves does not lead much longer: its successor is not known yet. */
    if (status->is_leader) {
        message.as.leader_info.leader_id = node_id(node);
        message.as.leader_info.leader_coord_addr = rp_view_text(node->config.advertise_addr);
    } else if (leader != NULL && !leader->is_self && leader->state != RP_PEER_LEAVING) {
        message.as.leader_info.leader_id = leader->id;
        message.as.leader_info.leader_coord_addr = leader->address;
    }
    node_inbound_answer(inbound, &message);
    node_inbound_end(inbound);
}

static bool has_our_name(const struct rp_node *node, const struct rp_join_request *request)
{
    return rp_view_equal(request->cluster_name, node_cluster(node));
}

/* wire.md 5: the older seeds say that it is the name which is wrong, to whoever asks. */
static bool refuse_name(struct node_inbound *inbound, const struct rp_join_request *request)
{
    struct rp_node *node = node_inbound_node(inbound);
    if (node->traits->join_refusal == RP_JOIN_REFUSAL_ALIKE || has_our_name(node, request)) {
        return false;
    }
    struct rp_observation seen = {
        .kind = RP_SEE_REQUEST_REFUSED,
        .code = rp_view_text("join"),
        .peer_id = request->node_id,
        .error = RP_ERR_AUTH,
        .lsn = (uint64_t)request->auth_timestamp,
    };
    node_see(node, &seen);
    refuse(inbound, "cluster name mismatch");
    return true;
}

/* Where the asker's consensus is: its way back when it moved and there is no leader to record it. A
 * join that is not signed for us may be a recording of one made to another, and is believed only
 * then; with a leader the way comes by the log. */
static void learn_route(struct rp_node *node, const struct rp_join_request *request,
                        enum node_join_proof proof, const struct rp_consensus_status *status)
{
    bool is_believed =
        proof == NODE_JOIN_FOR_US || (proof == NODE_JOIN_FOR_ANYBODY && !status->has_leader);
    if (is_believed && request->raft_id != 0 && request->raft_addr.length_bytes != 0) {
        node->ports.consensus.route(node->ports.consensus.state, request->raft_id,
                                    request->raft_addr);
    }
}

void node_join_begin(struct node_inbound *inbound, const struct rp_join_request *request)
{
    struct rp_node *node = node_inbound_node(inbound);
    struct rp_auth_tuple tuple = {
        .kind = RP_AUTH_JOIN,
        .nonce = request->auth_nonce,
        .node_id = request->node_id,
        .cluster = node_cluster(node),
        .timestamp = request->auth_timestamp,
    };
    if (refuse_name(inbound, request)) {
        return;
    }
    struct rp_consensus_status status = node->ports.consensus.status(node->ports.consensus.state);
    enum node_join_proof proof = node_join_prove(node, request);
    bool is_proven = proof != NODE_JOIN_UNPROVEN || !status.is_leader;
    /* The MAC is over our cluster's name, so another one is wrong in it. */
    if (!node_authenticate_also(node, &tuple, request->auth_hmac, is_proven) ||
        !has_our_name(node, request)) {
        refuse(inbound, "authentication failed: invalid shared secret");
        return;
    }
    learn_route(node, request, proof, &status);
    if (!status.is_leader || proof != NODE_JOIN_FOR_US) {
        redirect(inbound, &status);
        return;
    }
    record_and_admit(inbound, request);
}

/* The asker is gone; what is under way comes back and frees it. */
void node_join_cancel(struct node_join *join)
{
    if (join != NULL) {
        join->inbound = NULL;
    }
}
