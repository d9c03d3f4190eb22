#include "protocol/forward_server.h"
#include "protocol/node_internal.h"

/* Proposals: our own, here or at the leader, and those that others forward to us (behaviour.md 3). */

struct node_pending_proposal {
    struct rp_node *node;
    struct rp_node_proposal *proposal; /* the caller's; NULL once told */
    struct node_consensus_call call;
    struct rp_timer timer;
    uint64_t request;
    int error;
    const char *code;
    const char *text;
    bool is_done;
    struct node_pending_proposal *next;
};

/* ---- Telling, never from within the call ------------------------------------------------------- */

static void conclude(struct node_pending_proposal *pending, int error, const char *code,
                     const char *text)
{
    if (pending->is_done) {
        return;
    }
    struct rp_node *node = pending->node;
    pending->is_done = true;
    pending->error = error;
    pending->code = code;
    pending->text = text;
    node_disarm(node, &pending->timer);
    node_arm_after(node, &node->propose_timer, 0);
}

/* Takes out the first one that may be told or freed; NULL: none. */
static struct node_pending_proposal *take_done(struct rp_node *node)
{
    struct node_pending_proposal **place = &node->proposals;
    for (; *place != NULL; place = &(*place)->next) {
        struct node_pending_proposal *pending = *place;
        if (pending->is_done && (pending->proposal != NULL || !pending->call.is_in_flight)) {
            if (!pending->call.is_in_flight) {
                *place = pending->next;
            }
            return pending;
        }
    }
    return NULL;
}

static void see_end(struct rp_node *node, const struct node_pending_proposal *pending)
{
    struct rp_observation seen = {
        .kind = RP_SEE_PROPOSE_END,
        .error = pending->error,
        .code = rp_view_text(pending->code),
        .value = pending->request,
    };
    node_see(node, &seen);
}

static void on_propose_timer(void *context)
{
    struct rp_node *node = context;
    for (struct node_pending_proposal *pending; (pending = take_done(node)) != NULL;) {
        struct rp_node_proposal *proposal = pending->proposal;
        pending->proposal = NULL;
        bool is_free = !pending->call.is_in_flight;
        int error = pending->error;
        const char *code = pending->code;
        const char *text = pending->text;
        if (proposal != NULL) {
            see_end(node, pending);
        }
        if (is_free) {
            rp_release(node->ports.alloc, pending);
        }
        if (proposal != NULL) {
            proposal->done(proposal, error, code, text);
        }
    }
}

static void on_pending_timeout(void *context)
{
    conclude(context, RP_ERR_TIMEOUT, "apply_failed", "timed out");
}

/* ---- Here: we lead ---------------------------------------------------------------------------- */

static void conclude_local(struct node_pending_proposal *pending, int error)
{
    int apply_error = pending->call.request.apply_error;
    if (error == 0 && apply_error == 0) {
        conclude(pending, 0, "", "");
    } else if (error == RP_ERR_NOT_LEADER) {
        conclude(pending, error, "not_leader", "not the current leader");
    } else {
        int shown = error != 0 ? error : apply_error;
        conclude(pending, shown, "apply_failed", rp_strerror(shown));
    }
}

static void on_local_done(void *owner, int error)
{
    struct node_pending_proposal *pending = owner;
    if (pending->is_done) { /* told already, by its time-out: only to be freed */
        node_arm_after(pending->node, &pending->node->propose_timer, 0);
        return;
    }
    conclude_local(pending, error);
}

/* ---- There: the leader is another ------------------------------------------------------------- */

static struct node_pending_proposal *find_request(struct rp_node *node, uint64_t request)
{
    for (struct node_pending_proposal *pending = node->proposals; pending != NULL;
         pending = pending->next) {
        if (pending->request == request) {
            return pending;
        }
    }
    return NULL;
}

static void on_forward_finish(struct rp_node *node, const struct rp_forward_client_action *action)
{
    struct node_pending_proposal *pending = find_request(node, action->request);
    if (pending != NULL) {
        conclude(pending, action->error, rp_forward_code_name(action->code), action->text);
    }
}

static void step_forward(struct rp_node *node, struct rp_forward_client_event *event);

static void connect_forward(struct rp_node *node, struct rp_view address)
{
    int error = node_link_dial(&node->forward_link, address);
    if (error != 0) {
        struct rp_forward_client_event event = {
            .kind = RP_FORWARD_CLIENT_EV_CONNECTED, .now_ns = node_now(node), .error = error};
        rp_ignore(rp_forward_client_step(node->forward, &event));
    }
}

static void run_forward(struct rp_node *node)
{
    struct rp_forward_client_action action;
    while (rp_forward_client_next(node->forward, &action)) {
        switch (action.kind) {
        case RP_FORWARD_CLIENT_DO_CLOSE: node_link_close(&node->forward_link); break;
        case RP_FORWARD_CLIENT_DO_FINISH: on_forward_finish(node, &action); break;
        case RP_FORWARD_CLIENT_DO_CONNECT: connect_forward(node, action.address); break;
        case RP_FORWARD_CLIENT_DO_SEND:
            /* Out of memory shows as the request's own time-out. */
            rp_ignore(node_link_send_view(&node->forward_link, action.data));
            break;
        }
    }
    node_arm_at(node, &node->forward_timer, rp_forward_client_deadline(node->forward));
}

static void step_forward(struct rp_node *node, struct rp_forward_client_event *event)
{
    event->now_ns = node_now(node);
    rp_ignore(rp_forward_client_step(node->forward, event));
    run_forward(node);
}

static void on_forward_connected(void *owner, int error)
{
    struct rp_forward_client_event event = {.kind = RP_FORWARD_CLIENT_EV_CONNECTED, .error = error};
    step_forward(owner, &event);
}

static void on_forward_received(void *owner, struct rp_chunk chunk)
{
    struct rp_forward_client_event event = {.kind = RP_FORWARD_CLIENT_EV_RECEIVED,
                                            .received = rp_chunk_view(chunk)};
    step_forward(owner, &event);
}

static void on_forward_ended(void *owner, int error)
{
    struct rp_forward_client_event event = {.kind = RP_FORWARD_CLIENT_EV_CLOSED, .error = error};
    step_forward(owner, &event);
}

static const struct node_link_owner FORWARD_VTABLE = {on_forward_connected, on_forward_received,
                                                      NULL, on_forward_ended};

static void on_forward_timer(void *context)
{
    struct rp_forward_client_event event = {.kind = RP_FORWARD_CLIENT_EV_TIMER};
    step_forward(context, &event);
}

static void stamp(void *context, char nonce_hex_out[RP_NONCE_HEX], int64_t *unix_s_out)
{
    node_nonce(context, nonce_hex_out);
    *unix_s_out = node_wall_s(context);
    struct rp_node *node = context;
    struct rp_observation seen = {
        .kind = RP_SEE_SIGNED,
        .code = rp_view_text("forward"),
        .peer_id = rp_buffer_view(&node->leader_id),
        .sha256 = rp_view_make(nonce_hex_out, RP_NONCE_HEX),
        .value = (uint64_t)*unix_s_out,
    };
    node_see(node, &seen);
}

/* The leader may be another, or the same at another address: the registry is asked again. */
void node_propose_leader_changed(struct rp_node *node)
{
    struct rp_consensus_status status = node->ports.consensus.status(node->ports.consensus.state);
    const struct rp_peer *leader =
        status.leader_raft_id == 0 ? NULL
                                   : rp_peers_get_by_raft_id(node->peers, status.leader_raft_id);
    bool is_other = leader != NULL && !leader->is_self;
    struct rp_view address = is_other ? leader->address : rp_view_make(NULL, 0);
    struct rp_view id = is_other ? leader->id : rp_view_make(NULL, 0);
    if (rp_view_equal(address, rp_buffer_view(&node->leader_address)) &&
        rp_view_equal(id, rp_buffer_view(&node->leader_id))) {
        return;
    }
    rp_buffer_reset(&node->leader_address);
    rp_buffer_reset(&node->leader_id);
    struct rp_forward_client_event event = {.kind = RP_FORWARD_CLIENT_EV_LEADER_CHANGED};
    if (rp_buffer_append(&node->leader_id, id) == 0 &&
        rp_buffer_append(&node->leader_address, address) == 0) {
        event.leader_id = rp_buffer_view(&node->leader_id);
        event.address = rp_buffer_view(&node->leader_address);
    }
    step_forward(node, &event);
}

/* ---- Our own proposals ------------------------------------------------------------------------ */

static void see_proposed(struct rp_node *node, const struct node_pending_proposal *pending,
                         bool is_forwarded)
{
    struct rp_observation seen = {
        .kind = RP_SEE_PROPOSED, .value = pending->request, .value2 = is_forwarded ? 1 : 0};
    node_see(node, &seen);
}

static void forward(struct rp_node *node, struct node_pending_proposal *pending,
                    struct rp_view command)
{
    if (node->traits->follower_proposals == RP_FOLLOWER_DROPS) {
        conclude(pending, 0, "", ""); /* behaviour.md 3: success, nothing recorded */
        return;
    }
    see_proposed(node, pending, true);
    struct rp_forward_client_event event = {
        .kind = RP_FORWARD_CLIENT_EV_SUBMIT,
        .now_ns = node_now(node),
        .request = pending->request,
        .command = command,
    };
    int error = rp_forward_client_step(node->forward, &event);
    if (error != 0) {
        conclude(pending, error, "", rp_strerror(error));
    }
    run_forward(node);
}

void rp_node_propose(struct rp_node *node, struct rp_node_proposal *proposal,
                     struct rp_view command)
{
    struct node_pending_proposal *pending =
        node->phase == NODE_RUNNING || node->phase == NODE_STOPPING
            ? rp_allocate_zeroed(node->ports.alloc, sizeof *pending)
            : NULL;
    if (pending == NULL) {
        int error = node->phase == NODE_RUNNING ? RP_ERR_NOMEM : RP_ERR_STOPPED;
        proposal->done(proposal, error, "", rp_strerror(error));
        return;
    }
    pending->node = node;
    pending->proposal = proposal;
    pending->request = ++node->next_request;
    node_timer_init(&pending->timer, on_pending_timeout, pending);
    node_consensus_call_init(&pending->call, node, on_local_done, pending);
    pending->next = node->proposals;
    node->proposals = pending;
    proposal->is_local = node->ports.consensus.status(node->ports.consensus.state).is_leader;
    if (!proposal->is_local) {
        forward(node, pending, command);
        return;
    }
    see_proposed(node, pending, false);
    node_arm_after(node, &pending->timer, RP_PROPOSE_TIMEOUT_NS);
    node->ports.consensus.propose(node->ports.consensus.state,
                                  node_consensus_call_begin(&pending->call), command);
}

/* ---- Forwarded to us -------------------------------------------------------------------------- */

/* A proposal for another node; outlives its session when that ends first. */
struct forwarded_call {
    struct node_consensus_call call;
    struct rp_node *node;
    struct node_forwarded *session; /* NULL: gone */
    struct rp_timer timer;
    uint64_t ticket;
    bool is_answered;
};

struct node_forwarded {
    struct rp_node *node;
    struct node_inbound *inbound;
    struct rp_forward_server *server;
    struct rp_timer timer;
    struct forwarded_call *call; /* the one in flight */
};

static void run_session(struct node_forwarded *session);

static void answer_session(struct forwarded_call *call, int error, int apply_error)
{
    struct node_forwarded *session = call->session;
    if (session == NULL || call->is_answered) {
        return;
    }
    call->is_answered = true;
    session->call = NULL;
    call->session = NULL;
    struct rp_forward_server_event event = {
        .kind = RP_FORWARD_SERVER_EV_PROPOSED,
        .now_ns = node_now(session->node),
        .ticket = call->ticket,
        .error = error,
        .apply_error = apply_error,
    };
    rp_forward_server_step(session->server, &event);
    run_session(session);
}

static void on_forwarded_done(void *owner, int error)
{
    struct forwarded_call *call = owner;
    struct rp_node *node = call->node;
    node_disarm(node, &call->timer);
    answer_session(call, error, call->call.request.apply_error);
    rp_release(node->ports.alloc, call);
}

static void on_forwarded_timeout(void *context)
{
    answer_session(context, RP_ERR_TIMEOUT, 0);
}

static void propose_for(struct node_forwarded *session, uint64_t ticket, struct rp_view command)
{
    struct rp_node *node = session->node;
    struct forwarded_call *call = rp_allocate_zeroed(node->ports.alloc, sizeof *call);
    if (call == NULL) {
        struct rp_forward_server_event event = {.kind = RP_FORWARD_SERVER_EV_PROPOSED,
                                                .now_ns = node_now(node),
                                                .ticket = ticket,
                                                .error = RP_ERR_NOMEM};
        rp_forward_server_step(session->server, &event);
        return;
    }
    call->node = node;
    call->session = session;
    call->ticket = ticket;
    session->call = call;
    node_consensus_call_init(&call->call, node, on_forwarded_done, call);
    node_timer_init(&call->timer, on_forwarded_timeout, call);
    node_arm_after(node, &call->timer, RP_PROPOSE_TIMEOUT_NS);
    node->ports.consensus.propose(node->ports.consensus.state,
                                  node_consensus_call_begin(&call->call), command);
}

static void destroy_session(struct node_forwarded *session)
{
    struct rp_node *node = session->node;
    if (session->call != NULL) {
        session->call->session = NULL;
        node_disarm(node, &session->call->timer);
    }
    node_disarm(node, &session->timer);
    rp_forward_server_free(session->server);
    rp_release(node->ports.alloc, session);
}

static void see_judged(struct rp_node *node, const struct rp_forward_server_action *action)
{
    bool is_authentic =
        action->verdict == RP_FORWARD_PROPOSE || action->verdict > RP_FORWARD_REPLAY;
    struct rp_observation seen = {
        .kind = is_authentic ? RP_SEE_REQUEST_ACCEPTED : RP_SEE_REQUEST_REFUSED,
        .code = rp_view_text("forward"),
        .value = is_authentic ? (uint64_t)action->timestamp : (uint64_t)action->verdict,
        .peer_id = action->sender,
    };
    if (is_authentic) {
        seen.sha256 = action->nonce;
    }
    node_see(node, &seen);
}

static void run_session(struct node_forwarded *session)
{
    struct rp_node *node = session->node;
    struct rp_forward_server_action action;
    while (rp_forward_server_next(session->server, &action)) {
        switch (action.kind) {
        case RP_FORWARD_SERVER_DO_JUDGED: see_judged(node, &action); break;
        case RP_FORWARD_SERVER_DO_PROPOSE: propose_for(session, action.ticket, action.data); break;
        case RP_FORWARD_SERVER_DO_SEND:
            rp_ignore(node_link_send_view(node_inbound_link(session->inbound), action.data));
            break;
        case RP_FORWARD_SERVER_DO_CLOSE: {
            struct node_inbound *inbound = session->inbound;
            destroy_session(session);
            node_inbound_end(inbound);
            return;
        }
        }
    }
    node_arm_at(node, &session->timer, rp_forward_server_deadline(session->server));
}

static void step_session(struct node_forwarded *session, struct rp_forward_server_event *event)
{
    event->now_ns = node_now(session->node);
    rp_forward_server_step(session->server, event);
    run_session(session);
}

static void on_session_timer(void *context)
{
    struct rp_forward_server_event event = {.kind = RP_FORWARD_SERVER_EV_TIMER};
    step_session(context, &event);
}

static int64_t host_now_unix_s(void *context)
{
    return node_wall_s(context);
}

static bool host_track_nonce(void *context, struct rp_view sender, struct rp_view nonce,
                             int64_t timestamp)
{
    struct rp_node *node = context;
    return rp_nonce_cache_track(node->nonces, RP_AUTH_FORWARD, sender, nonce, timestamp,
                                node_now(node), node_wall_s(node)) == RP_NONCE_FRESH;
}

static bool host_has_consensus(void *context)
{
    (void)context;
    return true;
}

static bool host_find_sender(void *context, struct rp_view sender, struct rp_view *role_out)
{
    const struct rp_node *node = context;
    const struct rp_peer *peer = rp_peers_get(node->peers, sender);
    if (peer != NULL) {
        *role_out = peer->role;
    }
    return peer != NULL;
}

static bool host_is_bound_sender(void *context, struct rp_view sender)
{
    const struct rp_node *node = context;
    const struct rp_peer *peer = rp_peers_get(node->peers, sender);
    return peer != NULL && peer->is_bound_fetch;
}

static bool host_is_leader(void *context)
{
    const struct rp_node *node = context;
    return node->ports.consensus.status(node->ports.consensus.state).is_leader;
}

/* Leadership that was won again is another one: what came in between was proposed elsewhere. */
void node_forwarded_leader_changed(struct rp_node *node)
{
    struct rp_consensus_status status = node->ports.consensus.status(node->ports.consensus.state);
    if (status.is_leader && status.term != node->forward_term) {
        node->forward_term = status.term;
        node->forward_floor = node->accepted_count;
    }
}

static bool host_is_latest_connection(void *context, struct rp_view sender, uint64_t connection)
{
    struct rp_node *node = context;
    const struct rp_peer *peer = rp_peers_get(node->peers, sender);
    node_forwarded_leader_changed(node); /* when nobody has told yet */
    if (peer == NULL || connection <= node->forward_floor ||
        connection < peer->forward_connection) {
        return false;
    }
    rp_peers_forwarded(node->peers, sender, connection);
    return true;
}

void node_forwarded_begin(struct node_inbound *inbound, struct rp_view payload, struct rp_view rest)
{
    struct rp_node *node = node_inbound_node(inbound);
    struct node_forwarded *session = rp_allocate_zeroed(node->ports.alloc, sizeof *session);
    struct rp_forward_host host = {
        .traits = node->traits,
        .auth = node->auth,
        .cluster = node_cluster(node),
        .self_id = node_id(node),
        .alloc = node->ports.alloc,
        .context = node,
        .now_unix_s = host_now_unix_s,
        .track_nonce = host_track_nonce,
        .has_consensus = host_has_consensus,
        .find_sender = host_find_sender,
        .is_leader = host_is_leader,
        .is_bound_sender = host_is_bound_sender,
        .is_latest_connection = host_is_latest_connection,
        .connection = node_inbound_number(inbound),
    };
    if (session == NULL || rp_forward_server_new(&host, &session->server) != 0) {
        rp_release(node->ports.alloc, session);
        node_inbound_end(inbound);
        return;
    }
    session->node = node;
    session->inbound = inbound;
    node_timer_init(&session->timer, on_session_timer, session);
    node_inbound_attach_forwarded(inbound, session);
    struct rp_forward_server_event event = {
        .kind = RP_FORWARD_SERVER_EV_FIRST, .now_ns = node_now(node), .payload = payload};
    rp_forward_server_step(session->server, &event);
    if (rest.length_bytes != 0) {
        event.kind = RP_FORWARD_SERVER_EV_RECEIVED;
        event.payload = rest;
        rp_forward_server_step(session->server, &event);
    }
    run_session(session);
}

void node_forwarded_received(struct node_forwarded *session, struct rp_view bytes)
{
    struct rp_forward_server_event event = {.kind = RP_FORWARD_SERVER_EV_RECEIVED,
                                            .payload = bytes};
    step_session(session, &event);
}

void node_forwarded_ended(struct node_forwarded *session)
{
    struct rp_forward_server_event event = {.kind = RP_FORWARD_SERVER_EV_ENDED};
    step_session(session, &event);
}

void node_forwarded_cancel(struct node_forwarded *session)
{
    if (session != NULL) {
        destroy_session(session);
    }
}

/* ---- Birth and death -------------------------------------------------------------------------- */

int node_propose_init(struct rp_node *node)
{
    struct rp_forward_client_settings settings = {
        .traits = node->traits,
        .auth = node->auth,
        .node_id = node_id(node),
        .cluster = node_cluster(node),
        .alloc = node->ports.alloc,
        .stamp_context = node,
        .stamp = stamp,
    };
    node_link_init(&node->forward_link, node, &FORWARD_VTABLE, node);
    node_timer_init(&node->forward_timer, on_forward_timer, node);
    node_timer_init(&node->propose_timer, on_propose_timer, node);
    rp_buffer_init(&node->leader_address, node->ports.alloc, RP_FRAME_LENGTH_MAX);
    rp_buffer_init(&node->leader_id, node->ports.alloc, RP_FRAME_LENGTH_MAX);
    return rp_forward_client_new(&settings, &node->forward);
}

void node_propose_stop(struct rp_node *node)
{
    struct rp_forward_client_event event = {.kind = RP_FORWARD_CLIENT_EV_CANCEL_ALL};
    step_forward(node, &event);
    node_link_close(&node->forward_link);
    node_disarm(node, &node->forward_timer);
}

bool node_propose_is_idle(const struct rp_node *node)
{
    return node->proposals == NULL && rp_forward_client_is_idle(node->forward);
}

void node_propose_clear(struct rp_node *node)
{
    node_disarm(node, &node->forward_timer);
    node_disarm(node, &node->propose_timer);
    node_link_abort(&node->forward_link);
    while (node->proposals != NULL) {
        struct node_pending_proposal *pending = node->proposals;
        struct rp_node_proposal *proposal = pending->proposal;
        node->proposals = pending->next;
        rp_release(node->ports.alloc, pending);
        if (proposal != NULL) {
            proposal->done(proposal, RP_ERR_STOPPED, "", "stopped");
        }
    }
    rp_forward_client_free(node->forward);
    rp_buffer_clear(&node->leader_address);
    rp_buffer_clear(&node->leader_id);
}
