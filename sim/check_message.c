/* What a message causes before it is known to be a member's: auth-before-effect, uniform-refusal.
 *
 * A node takes a message in, judges it and answers it within one call; what happens in between is its
 * effect. Bytes of a connection that no request was accepted on may cause nothing but a refusal; and
 * refusals of one kind are the same work in the same order, byte by byte. */
#include <xxhash.h>

#include "protocol/error.h"
#include "protocol/fetch_server.h"
#include "protocol/forward_server.h"
#include "protocol/limits.h"
#include "protocol/message.h"
#include "protocol/release.h"
#include "sim/check_internal.h"

static struct rp_view number_key(const uint64_t *number)
{
    return rp_view_make(number, sizeof *number);
}

static struct check_conn *conn_find(const struct check_pod *pod, uint64_t number)
{
    return rp_table_get(&pod->life.conns, number_key(&number));
}

/* ---- Connections ------------------------------------------------------------------------------ */

static void conn_forget(struct check_pod *pod, uint64_t number)
{
    rp_release(pod->checks->alloc, rp_table_remove(&pod->life.conns, number_key(&number)));
}

void check_message_opened(struct check_pod *pod, uint64_t number, bool is_inbound)
{
    conn_forget(pod, number); /* a handle that is used again */
    struct check_conn *conn = check_allocate(pod->checks, sizeof *conn);
    conn->number = number;
    conn->is_inbound = is_inbound;
    conn->opened_ns = check_now(pod->checks);
    conn->opened_clock_ns = conn->active_clock_ns = check_clock(pod);
    check_put(&pod->life.conns, number_key(&conn->number), conn);
    if (!is_inbound) {
        check_hostile_opened(pod, conn);
    }
}

void check_message_clear(struct check_pod *pod)
{
    size_t cursor = 0;
    struct check_conn *conn;
    while ((conn = rp_table_next(&pod->life.conns, &cursor)) != NULL) {
        rp_release(pod->checks->alloc, conn);
    }
    rp_table_clear(&pod->life.conns);
}

/* ---- How long they may last --------------------------------------------------------------------- */

/* A timer fires when it is due; this is for what a few events at one instant may add. */
#define SLACK_NS (20 * RP_NS_PER_MS)

/* wire.md 6. What is asked by a connection of the node's own tells how long it may wait; fetches and
 * sessions of forwarded commands have checks of their own. RP_TIME_NEVER: no limit here. */
static rp_time_ns limit_of_own(const struct check_conn *conn)
{
    if (conn->head_count < sizeof conn->head) {
        return RP_FETCH_DIAL_TIMEOUT_NS; /* the longest dial of all */
    }
    switch (conn->head[4]) {
    case RP_MSG_HEARTBEAT: return 2 * RP_HEARTBEAT_TIMEOUT_NS;
    case RP_MSG_LEAVE_NOTIFY: return RP_LEAVE_TIMEOUT_NS;
    case RP_MSG_JOIN_REQUEST: return RP_JOIN_DIAL_TIMEOUT_NS + RP_JOIN_REPLY_TIMEOUT_NS;
    default: return RP_TIME_NEVER;
    }
}

static rp_time_ns limit_of(const struct check_conn *conn)
{
    if (conn->is_inbound) {
        return conn->has_request ? RP_TIME_NEVER : RP_FIRST_FRAME_TIMEOUT_NS;
    }
    return limit_of_own(conn);
}

static void check_age(struct check_pod *pod, const struct check_conn *conn, const char *what)
{
    rp_time_ns limit_ns = limit_of(conn);
    rp_time_ns now_ns = check_clock(pod);
    rp_time_ns age_ns = now_ns > conn->opened_clock_ns ? now_ns - conn->opened_clock_ns : 0;
    if (limit_ns == RP_TIME_NEVER) {
        return;
    }
    check_reached(pod, SIM_PROP_EVERY_WAIT_BOUNDED);
    if (age_ns > limit_ns + SLACK_NS) {
        check_violate(pod, SIM_PROP_EVERY_WAIT_BOUNDED, what,
                      "%s lasted %llu ms, the limit is %llu",
                      conn->is_inbound ? "a connection without a request" : "a request of its own",
                      (unsigned long long)(age_ns / RP_NS_PER_MS),
                      (unsigned long long)(limit_ns / RP_NS_PER_MS));
    }
}

/* What never ends is not seen to end. */
void check_message_rest(struct check_pod *pod)
{
    size_t cursor = 0;
    const struct check_conn *conn;
    while ((conn = rp_table_next(&pod->life.conns, &cursor)) != NULL) {
        check_age(pod, conn, "rest/connection");
    }
}

/* One session of forwarded commands is a node's own, for as long as it likes: a leader whose host fell
 * silent is not heard closing it. */
static bool is_own_session(const struct check_conn *conn)
{
    return !conn->is_inbound && conn->head_count == sizeof conn->head &&
           conn->head[4] == RP_MSG_FORWARD_APPLY;
}

static void check_idle_one(struct check_pod *pod, const struct check_conn *conn)
{
    rp_time_ns now_ns = check_clock(pod);
    rp_time_ns idle_ns = now_ns > conn->active_clock_ns ? now_ns - conn->active_clock_ns : 0;
    bool has_begun = conn->is_inbound ? conn->has_request : conn->head_count == sizeof conn->head;
    if (has_begun && idle_ns > RP_FORWARD_IDLE_NS + SLACK_NS) {
        check_violate(
            pod, SIM_PROP_NO_LEAKS, "rest/idle-connection",
            "%s connection whose first frame is of type 0x%02x is open, and idle for %llu ms",
            conn->is_inbound ? "an inbound" : "an outbound",
            conn->head_count == sizeof conn->head ? conn->head[4] : 0,
            (unsigned long long)(idle_ns / RP_NS_PER_MS));
    }
}

void check_message_idle(struct check_pod *pod)
{
    size_t cursor = 0, session_count = 0;
    const struct check_conn *conn;
    while ((conn = rp_table_next(&pod->life.conns, &cursor)) != NULL) {
        if (is_own_session(conn)) {
            session_count += 1;
        } else {
            check_idle_one(pod, conn);
        }
    }
    if (session_count > 1) {
        check_violate(pod, SIM_PROP_NO_LEAKS, "rest/sessions",
                      "%zu sessions of forwarded commands are open at once", session_count);
    }
}

/* ---- What the node works on ------------------------------------------------------------------- */

static void note_head(struct check_conn *conn, struct rp_view bytes)
{
    for (size_t at = 0; at < bytes.length_bytes && conn->head_count < sizeof conn->head; at += 1) {
        conn->head[conn->head_count] = bytes.bytes[at];
        conn->head_count += 1;
    }
}

/* wire.md 8.6: without a secret nothing is looked at; wire.md 8.1: before `arc` heartbeats carry no
 * MAC. */
static bool needs_no_mac(const struct check_pod *pod, const struct check_conn *conn)
{
    const struct rp_config *config = sim_pod_config(pod->pod);
    const struct rp_traits *traits = rp_release_traits(sim_pod_release(pod->pod));
    bool has_secret =
        config != NULL && config->shared_secret != NULL && config->shared_secret[0] != '\0';
    bool is_heartbeat = conn->head_count == sizeof conn->head && conn->head[4] == RP_MSG_HEARTBEAT;
    return !has_secret || (is_heartbeat && traits->heartbeat_auth == RP_HEARTBEAT_OPEN);
}

void check_message_begins(struct check_pod *pod, uint64_t number, struct rp_view bytes)
{
    struct check_life *life = &pod->life;
    struct check_conn *conn = conn_find(pod, number);
    life->received_bytes += bytes.length_bytes;
    life->step_driven_count += 1;
    life->call = (struct check_call){.is_open = conn != NULL, .conn = number};
    if (conn == NULL) {
        return;
    }
    conn->received_bytes += bytes.length_bytes;
    conn->active_clock_ns = check_clock(pod);
    life->call.is_inbound = conn->is_inbound;
    if (conn->is_inbound) {
        const struct rp_node *node = sim_pod_node(pod->pod);
        note_head(conn, bytes);
        life->call.is_trusted = conn->has_accepted || needs_no_mac(pod, conn);
        life->call.nonce_count = node == NULL ? 0 : rp_node_nonce_count(node);
    } else if (conn->limit_bytes != 0) {
        check_hostile_received(pod, conn);
    }
}

/* A session of forwarded requests goes on after a refusal; all else is over with it. */
static bool is_session(uint32_t kind)
{
    return kind == CHECK_REQUEST_KINDS - 1;
}

static void check_uniform(struct check_pod *pod, const struct check_call *call)
{
    struct check_life *life = &pod->life;
    check_reached(pod, SIM_PROP_UNIFORM_REFUSAL);
    if (life->refusals[call->kind].is_known && life->refusals[call->kind].work != call->work) {
        check_violate(pod, SIM_PROP_UNIFORM_REFUSAL, "refused",
                      "an unauthenticated message is not answered as others of its kind were");
    }
    life->refusals[call->kind].is_known = true;
    life->refusals[call->kind].work = call->work;
}

static void check_traces(struct check_pod *pod, const struct check_call *call)
{
    const struct rp_node *node = sim_pod_node(pod->pod);
    check_reached(pod, SIM_PROP_AUTH_BEFORE_EFFECT);
    if (node != NULL && rp_node_nonce_count(node) > call->nonce_count) {
        check_violate(pod, SIM_PROP_AUTH_BEFORE_EFFECT, "refused/nonce",
                      "the nonce of a refused message is remembered");
    }
    if (!call->is_closed && !is_session(call->kind)) {
        check_violate(pod, SIM_PROP_AUTH_BEFORE_EFFECT, "refused/slot",
                      "a connection stays open after its request was refused");
    }
}

void check_message_ends(struct check_pod *pod)
{
    struct check_call *call = &pod->life.call;
    bool is_lone_refusal = call->is_refused && !call->is_accepted && call->request_count == 1;
    if (call->is_open && call->is_inbound && is_lone_refusal && !call->is_trusted) {
        check_uniform(pod, call);
        check_traces(pod, call);
    }
    call->is_open = false;
}

/* ---- What it does meanwhile --------------------------------------------------------------------- */

static void add_work(struct check_call *call, uint64_t what, struct rp_view bytes)
{
    call->work =
        XXH3_64bits_withSeed(bytes.length_bytes == 0 ? "" : (const void *)bytes.bytes,
                             bytes.length_bytes, call->work * UINT64_C(0x9e3779b97f4a7c15) + what);
}

void check_message_sent(struct check_pod *pod, uint64_t number, struct rp_view bytes)
{
    struct check_call *call = &pod->life.call;
    if (call->is_open && call->conn == number && call->is_inbound && !call->is_trusted) {
        add_work(call, 1, bytes);
    }
    struct check_conn *conn = conn_find(pod, number);
    if (conn == NULL) {
        return;
    }
    if (bytes.length_bytes > 0) {
        conn->active_clock_ns = check_clock(pod);
    }
    if (!conn->is_inbound) {
        note_head(conn, bytes);
    }
}

void check_message_closed(struct check_pod *pod, uint64_t number, bool is_by_node)
{
    struct check_call *call = &pod->life.call;
    if (call->is_open && call->conn == number && is_by_node) {
        add_work(call, 2, rp_view_make(NULL, 0));
        call->is_closed = true;
    }
    const struct check_conn *conn = conn_find(pod, number);
    if (conn != NULL) {
        check_age(pod, conn, "connection");
    }
    conn_forget(pod, number);
}

/* invariants.md, auth-before-effect: a refusal, and nothing else. */
static void take_effect(struct check_pod *pod, const char *what, const char *effect, uint64_t work)
{
    struct check_call *call = &pod->life.call;
    if (!call->is_open || !call->is_inbound || call->is_trusted) {
        return;
    }
    add_work(call, work, rp_view_make(NULL, 0));
    check_violate(pod, SIM_PROP_AUTH_BEFORE_EFFECT, what,
                  "%s by a message that was not known to be a member's", effect);
}

void check_message_effect(struct check_pod *pod, enum sim_effect effect)
{
    if (effect == SIM_EFFECT_PROPOSAL) {
        take_effect(pod, "effect/proposal", "a command is proposed", 3);
    } else {
        take_effect(pod, "effect/membership", "membership is asked to change", 4);
    }
}

void check_message_called(struct check_pod *pod, enum sim_store_call call)
{
    take_effect(pod, "effect/store", "the store is asked", 8 + (uint64_t)call);
}

/* ---- What is judged ----------------------------------------------------------------------------- */

static uint32_t kind_of(struct rp_view code)
{
    static const char *const KINDS[CHECK_REQUEST_KINDS] = {"join", "leave", "heartbeat", "fetch",
                                                           "forward"};
    uint32_t kind = 0;
    while (kind + 1 < CHECK_REQUEST_KINDS && !rp_view_equal(code, rp_view_text(KINDS[kind]))) {
        kind += 1;
    }
    return kind;
}

/* Refusals of a member's request are told apart on purpose; so is a command that is replayed, whose
 * MAC held and which has words of its own (behaviour.md 3). A replayed fetch has not. */
static bool is_unauthenticated(const struct rp_observation *seen, uint32_t kind)
{
    if (kind == 3) {
        return seen->value <= RP_SERVE_REFUSED_REPLAY;
    }
    return kind < 3 || seen->value < RP_FORWARD_REPLAY;
}

static void on_judged(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_call *call = &pod->life.call;
    uint32_t kind = kind_of(seen->code);
    if (!call->is_open) {
        return;
    }
    call->request_count += 1;
    struct check_conn *conn = conn_find(pod, call->conn);
    if (conn != NULL) {
        conn->has_request = true;
    }
    if (seen->kind == RP_SEE_REQUEST_ACCEPTED) {
        call->is_accepted = call->is_trusted = true;
        if (conn != NULL) {
            conn->has_accepted = true;
        }
    } else if (is_unauthenticated(seen, kind)) {
        call->is_refused = true;
        call->kind = kind;
    }
}

void check_message_observe(struct check_pod *pod, const struct rp_observation *seen)
{
    switch (seen->kind) {
    case RP_SEE_REQUEST_ACCEPTED:
    case RP_SEE_REQUEST_REFUSED: on_judged(pod, seen); break;
    case RP_SEE_PEER: take_effect(pod, "effect/registry", "the registry is changed", 5); break;
    case RP_SEE_PROPOSED: take_effect(pod, "effect/proposed", "a command is on its way", 6); break;
    default: break;
    }
}
