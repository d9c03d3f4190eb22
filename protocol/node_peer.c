#include "protocol/node_internal.h"

/* Inbound connections: the first frame, within ten seconds, decides who takes over (wire.md 1.3). */

enum inbound_role { INBOUND_FIRST_FRAME, INBOUND_JOIN, INBOUND_FETCH, INBOUND_FORWARD };

struct node_inbound {
    struct rp_node *node;
    struct node_link link;
    struct rp_timer timer;
    struct rp_frame_reader reader;
    enum inbound_role role;
    rp_time_ns accepted_ns;
    uint64_t number; /* in the order of acceptance, from 1 */
    union {
        struct node_join *join;
        struct node_serve *serve;
        struct node_forwarded *forwarded;
    } session;
    struct node_inbound *previous, *next;
};

struct rp_node *node_inbound_node(const struct node_inbound *inbound)
{
    return inbound->node;
}

uint64_t node_inbound_number(const struct node_inbound *inbound)
{
    return inbound->number;
}

struct node_link *node_inbound_link(struct node_inbound *inbound)
{
    return &inbound->link;
}

static void destroy(struct node_inbound *inbound)
{
    struct rp_node *node = inbound->node;
    node_disarm(node, &inbound->timer);
    rp_frame_reader_clear(&inbound->reader);
    if (inbound->previous != NULL) {
        inbound->previous->next = inbound->next;
    } else {
        node->inbound = inbound->next;
    }
    if (inbound->next != NULL) {
        inbound->next->previous = inbound->previous;
    }
    node->inbound_count -= 1;
    rp_release(node->ports.alloc, inbound);
}

void node_inbound_end(struct node_inbound *inbound)
{
    node_link_close(&inbound->link);
    destroy(inbound);
}

void node_inbound_answer(struct node_inbound *inbound, const struct rp_message *message)
{
    struct rp_view frame;
    if (node_encode(inbound->node, message, &frame) == 0) {
        rp_ignore(node_link_send_view(&inbound->link, frame));
    }
}

static void on_first_frame_timeout(void *context)
{
    node_inbound_end(context);
}

/* ---- Dispatch --------------------------------------------------------------------------------- */

static void begin_fetch(struct node_inbound *inbound, const struct rp_fetch_file *request)
{
    inbound->role = INBOUND_FETCH;
    inbound->session.serve = NULL;
    node_serve_begin(inbound, request); /* it may be over already */
}

static void begin_join(struct node_inbound *inbound, const struct rp_join_request *request)
{
    inbound->role = INBOUND_JOIN;
    inbound->session.join = NULL;
    node_join_begin(inbound, request);
}

static void dispatch(struct node_inbound *inbound, const struct rp_frame *frame,
                     struct rp_view rest)
{
    struct rp_node *node = inbound->node;
    struct rp_message message;
    rp_arena_reset(&node->scratch);
    int error =
        rp_message_decode(node->traits, frame->type, frame->payload, &node->scratch, &message);
    if (error != 0) {
        node_inbound_end(inbound); /* wire.md 1.2: silently */
        return;
    }
    node_disarm(node, &inbound->timer);
    switch (message.type) {
    case RP_MSG_JOIN_REQUEST: begin_join(inbound, &message.as.join_request); return;
    case RP_MSG_HEARTBEAT: node_heartbeat_received(inbound, &message.as.heartbeat); return;
    case RP_MSG_LEAVE_NOTIFY:
        node_leave_received(node, &message.as.leave_notify);
        node_inbound_end(inbound);
        return;
    case RP_MSG_FETCH_FILE: begin_fetch(inbound, &message.as.fetch_file); return;
    case RP_MSG_FORWARD_APPLY:
        inbound->role = INBOUND_FORWARD;
        inbound->session.forwarded = NULL;
        node_forwarded_begin(inbound, frame->payload, rest);
        return;
    case RP_MSG_JOIN_RESPONSE:
    case RP_MSG_LEADER_INFO:
    case RP_MSG_HEARTBEAT_ACK:
    case RP_MSG_REPLICATE_SYNC:
    case RP_MSG_REPLICATE_SYNC_ACK:
    case RP_MSG_FETCH_FILE_ACK:
    case RP_MSG_FORWARD_APPLY_ACK: break;
    }
    node_inbound_end(inbound); /* known, but nobody's business here */
}

void node_inbound_attach_join(struct node_inbound *inbound, struct node_join *join)
{
    inbound->session.join = join;
}

void node_inbound_attach_serve(struct node_inbound *inbound, struct node_serve *serve)
{
    inbound->session.serve = serve;
}

void node_inbound_attach_forwarded(struct node_inbound *inbound, struct node_forwarded *session)
{
    inbound->session.forwarded = session;
}

/* ---- Link events ------------------------------------------------------------------------------ */

static void take_first_frame(struct node_inbound *inbound, struct rp_view input)
{
    struct rp_frame frame;
    bool is_out_of_memory = false;
    switch (rp_frame_reader_take(&inbound->reader, &input, &frame, &is_out_of_memory)) {
    case RP_FRAME_NEED_MORE: return;
    case RP_FRAME_FAILED: node_inbound_end(inbound); return;
    case RP_FRAME_READY: dispatch(inbound, &frame, input); return;
    }
}

static void on_received(void *owner, struct rp_chunk chunk)
{
    struct node_inbound *inbound = owner;
    switch (inbound->role) {
    case INBOUND_FIRST_FRAME: take_first_frame(inbound, rp_chunk_view(chunk)); return;
    case INBOUND_FORWARD:
        node_forwarded_received(inbound->session.forwarded, rp_chunk_view(chunk));
        return;
    case INBOUND_JOIN:
    case INBOUND_FETCH: return; /* wire.md 1.3: bytes after the first frame are ignored */
    }
}

static void on_drained(void *owner)
{
    struct node_inbound *inbound = owner;
    if (inbound->role == INBOUND_FETCH) {
        node_serve_drained(inbound->session.serve);
    }
}

static void on_ended(void *owner, int error)
{
    struct node_inbound *inbound = owner;
    switch (inbound->role) {
    case INBOUND_FIRST_FRAME: node_inbound_end(inbound); return;
    case INBOUND_FETCH: node_serve_ended(inbound->session.serve, error); return;
    case INBOUND_FORWARD: node_forwarded_ended(inbound->session.forwarded); return;
    case INBOUND_JOIN:
        if (error != 0) { /* a half-close of the asker still wants its answer */
            node_join_cancel(inbound->session.join);
            node_inbound_end(inbound);
        }
        return;
    }
}

static const struct node_link_owner VTABLE = {NULL, on_received, on_drained, on_ended};

void node_peer_accept(struct rp_node *node, rp_conn conn)
{
    struct node_inbound *inbound = NULL;
    if (node->is_accepting && node->inbound_count < RP_INBOUND_COUNT_MAX) {
        inbound = rp_allocate_zeroed(node->ports.alloc, sizeof *inbound);
    }
    if (inbound == NULL) {
        node->ports.net.abort(node->ports.net.state, conn);
        return;
    }
    inbound->node = node;
    node_link_init(&inbound->link, node, &VTABLE, inbound);
    node_timer_init(&inbound->timer, on_first_frame_timeout, inbound);
    rp_frame_reader_init(&inbound->reader, node->ports.alloc);
    inbound->next = node->inbound;
    if (inbound->next != NULL) {
        inbound->next->previous = inbound;
    }
    node->inbound = inbound;
    node->inbound_count += 1;
    if (node_link_adopt(&inbound->link, conn) != 0) {
        destroy(inbound);
        return;
    }
    inbound->accepted_ns = node_now(node);
    inbound->number = ++node->accepted_count;
    rp_peers_accepted(node->peers, inbound->number);
    node_arm_after(node, &inbound->timer, RP_FIRST_FRAME_TIMEOUT_NS);
}

bool rp_node_holds_healthy(const struct rp_node *node, struct rp_view peer_id)
{
    const struct rp_peer *peer = rp_peers_get(node->peers, peer_id);
    return peer != NULL && peer->state == RP_PEER_HEALTHY;
}

rp_time_ns rp_node_first_frame_wait(const struct rp_node *node)
{
    rp_time_ns now_ns = node_now(node);
    rp_time_ns longest_ns = 0;
    for (const struct node_inbound *inbound = node->inbound; inbound != NULL;
         inbound = inbound->next) {
        rp_time_ns age_ns = now_ns - inbound->accepted_ns;
        bool is_waiting = inbound->role == INBOUND_FIRST_FRAME;
        longest_ns = is_waiting && age_ns > longest_ns ? age_ns : longest_ns;
    }
    return longest_ns;
}

static void end_one(struct node_inbound *inbound)
{
    switch (inbound->role) {
    case INBOUND_FIRST_FRAME: break;
    case INBOUND_JOIN: node_join_cancel(inbound->session.join); break;
    case INBOUND_FETCH: node_serve_cancel(inbound->session.serve); break;
    case INBOUND_FORWARD: node_forwarded_cancel(inbound->session.forwarded); break;
    }
    node_link_abort(&inbound->link);
    destroy(inbound);
}

/* For the stop and for the end of a life: no answer goes out any more. */
void node_peer_end_all(struct rp_node *node)
{
    while (node->inbound != NULL) {
        end_one(node->inbound);
    }
}

void node_peer_end_idle(struct rp_node *node)
{
    for (struct node_inbound *inbound = node->inbound, *next; inbound != NULL; inbound = next) {
        next = inbound->next;
        if (inbound->role != INBOUND_FETCH) {
            end_one(inbound);
        }
    }
}
