#include "protocol/forward_server.h"

#include "protocol/command.h"
#include "protocol/error.h"
#include "protocol/frame.h"
#include "protocol/limits.h"
#include "protocol/panic.h"

/* ---- The order of checks (behaviour.md 3) ---------------------------------------------------- */

static const struct {
    const char *code;
    const char *error;
} TEXTS[RP_FORWARD_VERDICT_COUNT] = {
    [RP_FORWARD_PROPOSE] = {"", ""},
    [RP_FORWARD_NO_SECRET] = {"auth", "leader has no shared_secret configured"},
    [RP_FORWARD_NOT_AUTHENTIC] = {"auth", "authentication failed"},
    [RP_FORWARD_REPLAY] = {"auth", "nonce replay"},
    [RP_FORWARD_NO_CONSENSUS] = {"raft_unavailable", "raft not initialized"},
    [RP_FORWARD_UNKNOWN_SENDER] = {"auth", "unknown node"},
    [RP_FORWARD_NOT_LEADER] = {"not_leader", "not the current leader"},
    [RP_FORWARD_OVERTAKEN] = {"apply_failed", "overtaken by a later connection"},
    [RP_FORWARD_BAD_COMMAND] = {"invalid_command", "invalid command"},
    [RP_FORWARD_TYPE_REFUSED] = {"invalid_command", "command type not allowed via forwarding"},
    [RP_FORWARD_ROLE_REFUSED] = {"auth", "unauthorized role"},
    [RP_FORWARD_APPLY_FAILED] = {"apply_failed", "raft apply failed"},
};

void rp_forward_verdict_texts(enum rp_forward_verdict verdict, struct rp_view *code_out,
                              struct rp_view *error_out)
{
    RP_ASSERT(verdict < RP_FORWARD_VERDICT_COUNT);
    *code_out = rp_view_text(TEXTS[verdict].code);
    *error_out = rp_view_text(TEXTS[verdict].error);
}

/* As for a fetch: the second MAC is needed from whom the registry knows to sign it, and must hold
 * wherever it is present, so that nobody can strip it. */
static bool needs_binding(const struct rp_forward_host *host,
                          const struct rp_forward_apply *request)
{
    if (host->traits->forward_binding != RP_FORWARD_BINDING_ADDRESSEE) {
        return false;
    }
    return request->bound_hmac.length_bytes > 0 ||
           (host->is_bound_sender != NULL &&
            host->is_bound_sender(host->context, request->node_id));
}

static bool is_authentic(const struct rp_forward_host *host, const struct rp_forward_apply *request)
{
    struct rp_auth_tuple tuple = {.kind = RP_AUTH_FORWARD,
                                  .nonce = request->nonce,
                                  .node_id = request->node_id,
                                  .cluster = host->cluster,
                                  .timestamp = request->timestamp,
                                  .addressee = host->self_id,
                                  .command = request->command_json.view};
    int64_t now_unix_s = host->now_unix_s(host->context);
    if (rp_auth_check(host->auth, &tuple, request->hmac, now_unix_s, RP_MAC_TOLERANCE_S) !=
        RP_AUTH_OK) {
        return false;
    }
    tuple.kind = RP_AUTH_BOUND_FORWARD;
    return !needs_binding(host, request) ||
           rp_auth_check(host->auth, &tuple, request->bound_hmac, now_unix_s, RP_MAC_TOLERANCE_S) ==
               RP_AUTH_OK;
}

/* A sender has one connection, and leaves it when a request on it fails. What comes on an earlier one
 * was held up by the network: it is older than what came since, and must not undo it. */
static bool is_overtaken(const struct rp_forward_host *host, struct rp_view sender)
{
    return host->traits->forward_order == RP_FORWARD_ORDER_LATEST_CONNECTION &&
           host->is_latest_connection != NULL &&
           !host->is_latest_connection(host->context, sender, host->connection);
}

/* behaviour.md 4 */
static bool may_propose(const struct rp_traits *traits, struct rp_view role)
{
    static const char *const MUTATING[] = {"writer", "compactor", "standalone"};
    for (size_t row = 0; row < sizeof MUTATING / sizeof MUTATING[0]; row += 1) {
        if (rp_view_equal(role, rp_view_text(MUTATING[row]))) {
            return true;
        }
    }
    return traits->unknown_role == RP_UNKNOWN_ROLE_MUTATES &&
           !rp_view_equal(role, rp_view_text("reader"));
}

static enum rp_forward_verdict judge_command(const struct rp_forward_host *host,
                                             const struct rp_forward_apply *request,
                                             struct rp_view role, struct rp_arena *arena)
{
    uint8_t type = 0;
    if (rp_command_peek_type(request->command_json.view, arena, &type) != 0) {
        return RP_FORWARD_BAD_COMMAND;
    }
    if (type >= 32 || (host->traits->forwarded_commands & RP_FORWARDED(type)) == 0) {
        return RP_FORWARD_TYPE_REFUSED;
    }
    return may_propose(host->traits, role) ? RP_FORWARD_PROPOSE : RP_FORWARD_ROLE_REFUSED;
}

enum rp_forward_verdict rp_forward_judge(const struct rp_forward_host *host,
                                         const struct rp_forward_apply *request,
                                         struct rp_arena *arena)
{
    struct rp_view role;
    if (host->auth == NULL) {
        return RP_FORWARD_NO_SECRET;
    }
    if (!is_authentic(host, request)) {
        return RP_FORWARD_NOT_AUTHENTIC;
    }
    /* Remembered here, before the checks that may still refuse. */
    if (!host->track_nonce(host->context, request->node_id, request->nonce, request->timestamp)) {
        return RP_FORWARD_REPLAY;
    }
    if (!host->has_consensus(host->context)) {
        return RP_FORWARD_NO_CONSENSUS;
    }
    if (!host->find_sender(host->context, request->node_id, &role)) {
        return RP_FORWARD_UNKNOWN_SENDER;
    }
    if (!host->is_leader(host->context)) {
        return RP_FORWARD_NOT_LEADER;
    }
    if (is_overtaken(host, request->node_id)) {
        return RP_FORWARD_OVERTAKEN;
    }
    return judge_command(host, request, role, arena);
}

/* ---- The session ----------------------------------------------------------------------------- */

/* Bytes that may come while a proposal is under way: one more request, whole. */
#define PENDING_BYTES_MAX (RP_FRAME_LENGTH_MAX + 4u)

struct rp_forward_server {
    struct rp_forward_host host;
    struct rp_arena arena; /* of the request that is being handled */
    struct rp_frame_reader reader;
    struct rp_buffer pending; /* came while a proposal was under way */
    struct rp_buffer frame;   /* the ack on its way out */
    struct rp_view command, sender, nonce;
    int64_t timestamp;
    enum rp_forward_verdict verdict;
    uint64_t last_ticket;
    rp_time_ns now_ns, deadline_ns;
    bool is_proposing, is_closed;
    bool wants_judged, wants_propose, wants_send, wants_close;
};

int rp_forward_server_new(const struct rp_forward_host *host, struct rp_forward_server **server_out)
{
    struct rp_forward_server *server = rp_allocate_zeroed(host->alloc, sizeof *server);
    if (server == NULL) {
        return RP_ERR_NOMEM;
    }
    server->host = *host;
    server->deadline_ns = RP_TIME_NEVER;
    rp_arena_init(&server->arena, host->alloc);
    rp_frame_reader_init(&server->reader, host->alloc);
    rp_buffer_init(&server->pending, host->alloc, PENDING_BYTES_MAX);
    rp_buffer_init(&server->frame, host->alloc, RP_FRAME_LENGTH_MAX + 4u);
    *server_out = server;
    return 0;
}

void rp_forward_server_free(struct rp_forward_server *server)
{
    if (server != NULL) {
        rp_arena_clear(&server->arena);
        rp_frame_reader_clear(&server->reader);
        rp_buffer_clear(&server->pending);
        rp_buffer_clear(&server->frame);
        rp_release(server->host.alloc, server);
    }
}

static void close_session(struct rp_forward_server *server)
{
    server->is_closed = true;
    server->is_proposing = false;
    server->wants_propose = false;
    server->wants_close = true;
    server->deadline_ns = RP_TIME_NEVER;
}

static void answer(struct rp_forward_server *server, struct rp_view code, struct rp_view error)
{
    struct rp_message message = {.type = RP_MSG_FORWARD_APPLY_ACK};
    bool is_ok = code.length_bytes == 0;
    message.as.forward_apply_ack.status = rp_view_text(is_ok ? "ok" : "error");
    message.as.forward_apply_ack.code = code;
    message.as.forward_apply_ack.error = error;
    /* Only one ack is on its way at a time unless requests came together: they are appended. */
    if (!server->wants_send) {
        rp_buffer_reset(&server->frame);
    }
    if (rp_message_encode(server->host.traits, &message, &server->frame) != 0) {
        close_session(server);
        return;
    }
    server->wants_send = true;
    server->deadline_ns = server->now_ns + RP_FORWARD_IDLE_NS;
}

static void answer_verdict(struct rp_forward_server *server, enum rp_forward_verdict verdict)
{
    struct rp_view code;
    struct rp_view error;
    rp_forward_verdict_texts(verdict, &code, &error);
    answer(server, code, error);
}

/* wire.md 5.5: anything that is no ForwardApply ends the loop without a word. */
static void take_request(struct rp_forward_server *server, uint8_t type, struct rp_view payload)
{
    struct rp_message message;
    rp_arena_reset(&server->arena);
    if (type != RP_MSG_FORWARD_APPLY ||
        rp_message_decode(server->host.traits, type, payload, &server->arena, &message) != 0) {
        close_session(server);
        return;
    }
    const struct rp_forward_apply *request = &message.as.forward_apply;
    if (rp_arena_copy(&server->arena, request->command_json.view, &server->command) != 0 ||
        rp_arena_copy(&server->arena, request->node_id, &server->sender) != 0 ||
        rp_arena_copy(&server->arena, request->nonce, &server->nonce) != 0) {
        close_session(server);
        return;
    }
    server->timestamp = request->timestamp;
    server->verdict = rp_forward_judge(&server->host, request, &server->arena);
    server->wants_judged = true;
    if (server->verdict != RP_FORWARD_PROPOSE) {
        answer_verdict(server, server->verdict);
        if (server->verdict == RP_FORWARD_OVERTAKEN) {
            close_session(server); /* should the sender be there after all, it dials anew */
        }
        return;
    }
    server->last_ticket += 1;
    server->is_proposing = true;
    server->wants_propose = true;
    server->deadline_ns = server->now_ns + RP_PROPOSE_TIMEOUT_NS;
}

/* One request at a time: the rest waits until its answer is out. */
static void take_bytes(struct rp_forward_server *server, struct rp_view input)
{
    while (!server->is_closed && input.length_bytes > 0) {
        if (server->is_proposing || server->wants_judged) {
            if (rp_buffer_append(&server->pending, input) != 0) {
                close_session(server);
            }
            return;
        }
        struct rp_frame frame;
        bool is_out_of_memory = false;
        enum rp_frame_progress progress =
            rp_frame_reader_take(&server->reader, &input, &frame, &is_out_of_memory);
        if (progress == RP_FRAME_READY) {
            take_request(server, frame.type, frame.payload);
        } else if (progress == RP_FRAME_FAILED) {
            close_session(server);
        } else {
            return;
        }
    }
}

static void take_pending(struct rp_forward_server *server)
{
    if (server->is_proposing || server->is_closed || server->pending.length_bytes == 0) {
        return;
    }
    struct rp_buffer pending = server->pending;
    rp_buffer_init(&server->pending, server->host.alloc, PENDING_BYTES_MAX);
    take_bytes(server, rp_buffer_view(&pending));
    rp_buffer_clear(&pending);
}

static void proposed(struct rp_forward_server *server, const struct rp_forward_server_event *event)
{
    if (!server->is_proposing || event->ticket != server->last_ticket) {
        return;
    }
    server->is_proposing = false;
    server->wants_propose = false;
    int error = event->error != 0 ? event->error : event->apply_error;
    if (error == 0) {
        answer_verdict(server, RP_FORWARD_PROPOSE);
    } else if (error == RP_ERR_NOT_LEADER) {
        answer_verdict(server, RP_FORWARD_NOT_LEADER);
    } else {
        /* behaviour.md 3, later: the apply error's own text. */
        answer(server, rp_view_text(TEXTS[RP_FORWARD_APPLY_FAILED].code),
               rp_view_text(rp_strerror(error)));
    }
}

static void look_at_clock(struct rp_forward_server *server)
{
    if (server->is_closed || server->now_ns < server->deadline_ns) {
        return;
    }
    if (server->is_proposing) {
        server->is_proposing = false;
        server->wants_propose = false;
        answer_verdict(server, RP_FORWARD_APPLY_FAILED);
    } else {
        close_session(server);
    }
}

void rp_forward_server_step(struct rp_forward_server *server,
                            const struct rp_forward_server_event *event)
{
    RP_ASSERT(event->now_ns >= server->now_ns);
    server->now_ns = event->now_ns;
    if (server->is_closed) {
        return;
    }
    look_at_clock(server);
    switch (event->kind) {
    case RP_FORWARD_SERVER_EV_FIRST:
        take_request(server, RP_MSG_FORWARD_APPLY, event->payload);
        break;
    case RP_FORWARD_SERVER_EV_RECEIVED: take_bytes(server, event->payload); break;
    case RP_FORWARD_SERVER_EV_PROPOSED: proposed(server, event); break;
    case RP_FORWARD_SERVER_EV_ENDED: close_session(server); break;
    case RP_FORWARD_SERVER_EV_TIMER: break;
    }
}

static bool has_action(const struct rp_forward_server *server)
{
    return server->wants_judged || server->wants_propose || server->wants_send ||
           server->wants_close;
}

bool rp_forward_server_next(struct rp_forward_server *server,
                            struct rp_forward_server_action *action_out)
{
    memset(action_out, 0, sizeof *action_out);
    if (!has_action(server)) {
        take_pending(server);
    }
    if (server->wants_judged) {
        server->wants_judged = false;
        action_out->kind = RP_FORWARD_SERVER_DO_JUDGED;
        action_out->verdict = server->verdict;
        action_out->sender = server->sender;
        action_out->nonce = server->nonce;
        action_out->timestamp = server->timestamp;
    } else if (server->wants_propose) {
        server->wants_propose = false;
        action_out->kind = RP_FORWARD_SERVER_DO_PROPOSE;
        action_out->ticket = server->last_ticket;
        action_out->data = server->command;
    } else if (server->wants_send) {
        server->wants_send = false;
        action_out->kind = RP_FORWARD_SERVER_DO_SEND;
        action_out->data = rp_buffer_view(&server->frame);
    } else if (server->wants_close) {
        server->wants_close = false;
        action_out->kind = RP_FORWARD_SERVER_DO_CLOSE;
    } else {
        return false;
    }
    return true;
}

rp_time_ns rp_forward_server_deadline(const struct rp_forward_server *server)
{
    return server->deadline_ns;
}
