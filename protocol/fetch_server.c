#include "protocol/fetch_server.h"

#include "protocol/error.h"
#include "protocol/panic.h"
#include "protocol/path.h"

enum server_state {
    SERVER_NEW,
    SERVER_STATING,  /* check 7: is the name there? */
    SERVER_OPENING,  /* announced bodies: before the ack; whole objects: after it */
    SERVER_REFUSING, /* an error ack is going out */
    SERVER_ACKING,   /* the ok ack is going out */
    SERVER_READING,
    SERVER_SENDING, /* body bytes */
    SERVER_FINISHED
};

/* The longest run of actions between two visits of the node. */
#define ACTION_MAX 12

struct rp_fetch_server {
    const struct rp_traits *traits;
    const struct rp_alloc *alloc; /* borrowed */
    enum server_state state;
    const struct rp_file_entry *entry; /* owned reference; NULL before check 5 */
    uint64_t offset_bytes;
    rp_time_ns serve_timeout_ns;
    rp_time_ns deadline_ns;
    enum rp_serve_refusal refusal;
    bool is_reader_open;
    bool is_store_outstanding;
    uint64_t asked_bytes;  /* of the last read */
    uint64_t remaining;    /* announced and not yet read; whole objects: unused */
    bool is_object_at_end; /* whole objects: the last read came short */
    struct rp_block *ack;  /* owned */
    struct rp_chunk body;  /* owned reference: the last read */
    size_t sent_bytes;     /* of `ack` or `body` */
    bool is_send_outstanding;
    uint64_t body_bytes; /* taken by the connection so far */
    struct rp_serve_action actions[ACTION_MAX];
    size_t action_first, action_count;
};

static const char *const REFUSALS[RP_SERVE_REFUSAL_COUNT] = {
#define REFUSAL_ROW(name, text) [name] = text,
    RP_SERVE_REFUSAL_TABLE(REFUSAL_ROW)
#undef REFUSAL_ROW
};

const char *rp_serve_refusal_name(enum rp_serve_refusal refusal)
{
    RP_ASSERT(refusal < RP_SERVE_REFUSAL_COUNT);
    return REFUSALS[refusal];
}

const char *rp_serve_outcome_name(enum rp_serve_outcome outcome)
{
    static const char *const NAMES[] = {"served",    "refused",   "cut_short", "peer_gone",
                                        "timed_out", "cancelled", "no_memory"};
    RP_ASSERT(outcome <= RP_SERVE_NO_MEMORY);
    return NAMES[outcome];
}

/* ---- Actions ---------------------------------------------------------------------------------- */

static struct rp_serve_action *push(struct rp_fetch_server *server, enum rp_serve_action_kind kind)
{
    RP_ASSERT(server->action_count < ACTION_MAX);
    size_t slot = (server->action_first + server->action_count) % ACTION_MAX;
    server->action_count += 1;
    memset(&server->actions[slot], 0, sizeof server->actions[slot]);
    server->actions[slot].kind = kind;
    if (server->entry != NULL) {
        server->actions[slot].path = server->entry->path;
    }
    return &server->actions[slot];
}

bool rp_fetch_server_next(struct rp_fetch_server *server, struct rp_serve_action *action_out)
{
    if (server->action_count == 0) {
        return false;
    }
    *action_out = server->actions[server->action_first];
    server->action_first = (server->action_first + 1) % ACTION_MAX;
    server->action_count -= 1;
    return true;
}

static rp_time_ns later(rp_time_ns now_ns, rp_time_ns wait_ns)
{
    return wait_ns > RP_TIME_NEVER - now_ns ? RP_TIME_NEVER : now_ns + wait_ns;
}

static void cancel_store(struct rp_fetch_server *server)
{
    if (server->is_store_outstanding) {
        server->is_store_outstanding = false;
        push(server, RP_SERVE_DO_CANCEL_STORE);
    }
}

static void finish(struct rp_fetch_server *server, enum rp_serve_outcome outcome, int error)
{
    cancel_store(server);
    if (server->is_reader_open) {
        server->is_reader_open = false;
        push(server, RP_SERVE_DO_READ_CLOSE);
    }
    push(server, RP_SERVE_DO_CLOSE);
    struct rp_serve_action *action = push(server, RP_SERVE_DO_FINISH);
    action->outcome = outcome;
    action->refusal = server->refusal;
    action->error = error;
    action->body_bytes = server->body_bytes;
    server->state = SERVER_FINISHED;
    server->deadline_ns = RP_TIME_NEVER;
}

/* ---- Birth and death -------------------------------------------------------------------------- */

int rp_fetch_server_new(const struct rp_traits *traits, const struct rp_alloc *alloc,
                        struct rp_fetch_server **server_out)
{
    struct rp_fetch_server *server = rp_allocate_zeroed(alloc, sizeof *server);
    if (server == NULL) {
        return RP_ERR_NOMEM;
    }
    server->traits = traits;
    server->alloc = alloc;
    server->deadline_ns = RP_TIME_NEVER;
    *server_out = server;
    return 0;
}

void rp_fetch_server_free(struct rp_fetch_server *server)
{
    if (server == NULL) {
        return;
    }
    rp_block_release(server->ack);
    rp_block_release(server->body.block);
    if (server->entry != NULL) {
        rp_file_entry_release(server->entry);
    }
    rp_release(server->alloc, server);
}

rp_time_ns rp_fetch_server_deadline(const struct rp_fetch_server *server)
{
    return server->deadline_ns;
}

const struct rp_file_entry *rp_fetch_server_entry(const struct rp_fetch_server *server)
{
    return server->entry;
}

uint64_t rp_fetch_server_offset(const struct rp_fetch_server *server)
{
    return server->offset_bytes;
}

/* ---- Acks ------------------------------------------------------------------------------------- */

static void offer_ack(struct rp_fetch_server *server)
{
    struct rp_chunk whole = rp_chunk_of(server->ack);
    push(server, RP_SERVE_DO_SEND)->chunk =
        rp_chunk_slice(whole, server->sent_bytes, whole.length_bytes - server->sent_bytes);
    server->is_send_outstanding = true;
}

static int build_ack(struct rp_fetch_server *server, const struct rp_fetch_file_ack *ack)
{
    struct rp_message message = {.type = RP_MSG_FETCH_FILE_ACK, .as.fetch_file_ack = *ack};
    struct rp_buffer buffer;
    rp_buffer_init(&buffer, server->alloc, RP_FRAME_LENGTH_MAX + 4);
    uint8_t *bytes = NULL;
    int error = rp_message_encode(server->traits, &message, &buffer);
    if (error == 0) {
        error = rp_block_new(server->alloc, buffer.length_bytes, &server->ack, &bytes);
    }
    if (error == 0) {
        memcpy(bytes, buffer.bytes, buffer.length_bytes);
    }
    rp_buffer_clear(&buffer);
    return error;
}

/* What goes out for each refusal (behaviour.md 5.1, wire.md 7). Everything that is wrong with an
 * unauthenticated message looks the same. A text of NULL is composed by the check itself. */
static const struct {
    const char *code;
    const char *text;
} REFUSAL_ACKS[RP_SERVE_REFUSAL_COUNT] = {
    [RP_SERVE_REFUSED_NO_SECRET] = {"auth", "peer replication is not configured on this node"},
    [RP_SERVE_REFUSED_EXPIRED] = {"auth", "authentication failed"},
    [RP_SERVE_REFUSED_MAC] = {"auth", "authentication failed"},
    [RP_SERVE_REFUSED_BINDING] = {"auth", "authentication failed"},
    [RP_SERVE_REFUSED_REPLAY] = {"auth", "authentication failed"},
    [RP_SERVE_REFUSED_PATH] = {"invalid_path", NULL},
    [RP_SERVE_REFUSED_NO_RAFT] = {"raft", "Raft not available"},
    [RP_SERVE_REFUSED_NO_FSM] = {"raft", "FSM not available"},
    [RP_SERVE_REFUSED_MANIFEST] = {"manifest", "file not in manifest"},
    [RP_SERVE_REFUSED_NO_BACKEND] = {"backend", "storage backend not configured"},
    [RP_SERVE_REFUSED_BACKEND_ERROR] = {"backend", "backend error"},
    [RP_SERVE_REFUSED_NOT_FOUND] = {"not_found", "file not found on local backend"},
    [RP_SERVE_REFUSED_OFFSET] = {"bad_offset", NULL},
};

static void refuse_with_text(struct rp_fetch_server *server, enum rp_serve_refusal refusal,
                             struct rp_view text, rp_time_ns now_ns)
{
    cancel_store(server);
    server->refusal = refusal;
    push(server, RP_SERVE_DO_REPORT_REFUSED)->refusal = refusal;
    struct rp_fetch_file_ack ack = {
        .status = rp_view_text("error"),
        .code = rp_view_text(REFUSAL_ACKS[refusal].code),
        .error = text,
    };
    int error = build_ack(server, &ack);
    if (error != 0) {
        finish(server, RP_SERVE_REFUSED, error); /* wire.md 1.1: nothing is written then */
        return;
    }
    server->state = SERVER_REFUSING;
    server->deadline_ns = later(now_ns, RP_SERVE_ERROR_ACK_TIMEOUT_NS);
    offer_ack(server);
}

static void refuse(struct rp_fetch_server *server, enum rp_serve_refusal refusal, rp_time_ns now_ns)
{
    refuse_with_text(server, refusal, rp_view_text(REFUSAL_ACKS[refusal].text), now_ns);
}

static void refuse_path(struct rp_fetch_server *server, struct rp_view path,
                        enum rp_path_verdict verdict, rp_time_ns now_ns)
{
    struct rp_arena arena;
    struct rp_buffer text;
    struct rp_view reason;
    rp_arena_init(&arena, server->alloc);
    rp_buffer_init(&text, server->alloc, RP_FRAME_LENGTH_MAX);
    int error = rp_path_sanitise_text(path, verdict, &arena, &reason);
    if (error == 0) {
        error = rp_buffer_append_text(&text, "invalid path: ");
    }
    if (error == 0) {
        error = rp_buffer_append(&text, reason);
    }
    /* A reason too long for a frame is left out: the code tells. */
    refuse_with_text(server, RP_SERVE_REFUSED_PATH,
                     error == 0 ? rp_buffer_view(&text) : rp_view_text("invalid path"), now_ns);
    rp_buffer_clear(&text);
    rp_arena_clear(&arena);
}

/* Decimal text of any int64. */
static int append_number(struct rp_buffer *out, int64_t value)
{
    uint8_t digits[20];
    size_t at = sizeof digits;
    uint64_t rest = value < 0 ? UINT64_C(0) - (uint64_t)value : (uint64_t)value;
    do {
        at -= 1;
        digits[at] = (uint8_t)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    int error = value < 0 ? rp_buffer_append_byte(out, '-') : 0;
    return error != 0 ? error
                      : rp_buffer_append(out, rp_view_make(digits + at, sizeof digits - at));
}

static void refuse_offset(struct rp_fetch_server *server, int64_t offset, rp_time_ns now_ns)
{
    struct rp_buffer text;
    rp_buffer_init(&text, server->alloc, 256);
    int error = rp_buffer_append_text(&text, "invalid byte offset ");
    if (error == 0) {
        error = append_number(&text, offset);
    }
    if (error == 0) {
        error = rp_buffer_append_text(&text, " for file size ");
    }
    if (error == 0) {
        error = append_number(&text, server->entry->size_bytes);
    }
    refuse_with_text(server, RP_SERVE_REFUSED_OFFSET,
                     error == 0 ? rp_buffer_view(&text) : rp_view_text("invalid byte offset"),
                     now_ns);
    rp_buffer_clear(&text);
}

/* What an ack says is the manifest's, whatever lies on disk (behaviour.md 5.1). */
static void accept(struct rp_fetch_server *server, rp_time_ns now_ns)
{
    const struct rp_file_entry *entry = server->entry;
    struct rp_fetch_file_ack ack = {
        .status = rp_view_text("ok"),
        .size_bytes = entry->size_bytes - (int64_t)server->offset_bytes,
        .sha256 = entry->sha256,
        .byte_offset = (int64_t)server->offset_bytes,
    };
    server->remaining = ack.size_bytes < 0 ? 0 : (uint64_t)ack.size_bytes;
    push(server, RP_SERVE_DO_REPORT_BEGIN);
    int error = build_ack(server, &ack);
    if (error != 0) {
        finish(server, RP_SERVE_NO_MEMORY, error);
        return;
    }
    server->state = SERVER_ACKING;
    server->deadline_ns = later(now_ns, RP_SERVE_ACK_TIMEOUT_NS);
    offer_ack(server);
}

/* ---- Release differences ---------------------------------------------------------------------- */

static bool is_announced(const struct rp_fetch_server *server)
{
    return server->traits->serve_length == RP_SERVE_ANNOUNCED;
}

/* behaviour.md 5.1 check 9 */
static bool is_offset_fine(const struct rp_fetch_server *server, int64_t offset)
{
    int64_t size = server->entry->size_bytes;
    switch (server->traits->offset_rule) {
    case RP_OFFSET_IGNORED: return true;
    case RP_OFFSET_BELOW_SIZE: return offset >= 0 && offset < size;
    case RP_OFFSET_EMPTY_FILE_OK:
        return offset >= 0 && (offset < size || (offset == 0 && size == 0));
    }
    return false;
}

/* The second MAC is needed from whom the registry knows to sign it, and must hold wherever it is
 * present (design.md): so nobody can strip it. */
static bool needs_binding(const struct rp_fetch_server *server, const struct rp_serve_facts *facts,
                          const struct rp_fetch_file *message)
{
    if (server->traits->fetch_binding != RP_FETCH_BINDING_ADDRESSEE) {
        return false;
    }
    return message->bound_hmac.length_bytes > 0 ||
           (facts->is_bound_sender != NULL &&
            facts->is_bound_sender(facts->context, message->node_id));
}

static bool is_replay(const struct rp_fetch_server *server, const struct rp_serve_facts *facts,
                      const struct rp_fetch_file *message)
{
    return server->traits->replay_memory == RP_REPLAY_EVERY_KIND && facts->remember_nonce != NULL &&
           !facts->remember_nonce(facts->context, message->node_id, message->nonce,
                                  message->timestamp);
}

/* ---- Checks 1 to 6 ---------------------------------------------------------------------------- */

static enum rp_serve_refusal check_mac(const struct rp_fetch_server *server,
                                       const struct rp_serve_facts *facts,
                                       const struct rp_fetch_file *message)
{
    struct rp_auth_tuple tuple = {
        .kind = RP_AUTH_FETCH,
        .nonce = message->nonce,
        .node_id = message->node_id,
        .cluster = facts->cluster,
        .timestamp = message->timestamp,
        .path = message->path,
        .addressee = facts->self_id,
        .byte_offset = message->byte_offset,
    };
    enum rp_auth_verdict verdict =
        rp_auth_check(facts->auth, &tuple, message->hmac, facts->wall_unix_s, RP_MAC_TOLERANCE_S);
    if (verdict != RP_AUTH_OK) {
        return verdict == RP_AUTH_EXPIRED ? RP_SERVE_REFUSED_EXPIRED : RP_SERVE_REFUSED_MAC;
    }
    if (needs_binding(server, facts, message)) {
        tuple.kind = RP_AUTH_BOUND_FETCH;
        verdict = rp_auth_check(facts->auth, &tuple, message->bound_hmac, facts->wall_unix_s,
                                RP_MAC_TOLERANCE_S);
    }
    if (verdict != RP_AUTH_OK) {
        return RP_SERVE_REFUSED_BINDING;
    }
    return is_replay(server, facts, message) ? RP_SERVE_REFUSED_REPLAY : RP_SERVE_REFUSED_NOT;
}

static enum rp_serve_refusal check_caller(const struct rp_fetch_server *server,
                                          const struct rp_serve_facts *facts,
                                          const struct rp_fetch_file *message)
{
    return facts->auth == NULL ? RP_SERVE_REFUSED_NO_SECRET : check_mac(server, facts, message);
}

static enum rp_serve_refusal check_manifest(struct rp_fetch_server *server,
                                            const struct rp_serve_facts *facts, struct rp_view path)
{
    if (!facts->has_consensus) {
        return RP_SERVE_REFUSED_NO_RAFT;
    }
    if (!facts->has_fsm) {
        return RP_SERVE_REFUSED_NO_FSM;
    }
    const struct rp_file_entry *entry = facts->find_entry(facts->context, path);
    if (entry == NULL) {
        return RP_SERVE_REFUSED_MANIFEST;
    }
    server->entry = rp_file_entry_retain(entry);
    return facts->has_backend ? RP_SERVE_REFUSED_NOT : RP_SERVE_REFUSED_NO_BACKEND;
}

/* Checks 7 and 8. What must be exact is opened at once, so that its size is known before the ack;
 * the reference only asks whether the name is there. */
static void look_into_store(struct rp_fetch_server *server, rp_time_ns now_ns)
{
    server->deadline_ns = later(now_ns, RP_SERVE_EXISTS_TIMEOUT_NS);
    server->is_store_outstanding = true;
    if (is_announced(server)) {
        server->state = SERVER_OPENING;
        push(server, RP_SERVE_DO_OPEN);
    } else {
        server->state = SERVER_STATING;
        push(server, RP_SERVE_DO_STAT);
    }
}

static void on_start(struct rp_fetch_server *server, const struct rp_serve_event *event)
{
    const struct rp_fetch_file *message = event->message;
    server->serve_timeout_ns = event->facts->serve_timeout_ns;
    enum rp_serve_refusal refusal = check_caller(server, event->facts, message);
    if (refusal != RP_SERVE_REFUSED_NOT) {
        refuse(server, refusal, event->now_ns);
        return;
    }
    push(server, RP_SERVE_DO_REPORT_ACCEPTED);
    enum rp_path_verdict verdict = rp_path_sanitise(message->path);
    if (verdict != RP_PATH_OK) {
        refuse_path(server, message->path, verdict, event->now_ns);
        return;
    }
    refusal = check_manifest(server, event->facts, message->path);
    if (refusal != RP_SERVE_REFUSED_NOT) {
        refuse(server, refusal, event->now_ns);
        return;
    }
    /* A negative offset passes through as a huge one; check 9 sees the sign. */
    server->offset_bytes =
        server->traits->offset_rule == RP_OFFSET_IGNORED ? 0 : (uint64_t)message->byte_offset;
    look_into_store(server, event->now_ns);
}

/* ---- Store ------------------------------------------------------------------------------------ */

static void read_more(struct rp_fetch_server *server)
{
    bool is_done = is_announced(server) ? server->remaining == 0 : server->is_object_at_end;
    if (is_done) {
        finish(server, RP_SERVE_SERVED, 0);
        return;
    }
    uint64_t length = RP_BODY_CHUNK_BYTES;
    if (is_announced(server) && server->remaining < length) {
        length = server->remaining;
    }
    server->state = SERVER_READING;
    server->is_store_outstanding = true;
    server->asked_bytes = length;
    struct rp_serve_action *action = push(server, RP_SERVE_DO_READ);
    action->offset_bytes = server->offset_bytes + server->body_bytes;
    action->length_bytes = (size_t)length;
}

static void on_stated(struct rp_fetch_server *server, const struct rp_serve_event *event)
{
    if (event->error != 0) {
        refuse(server, RP_SERVE_REFUSED_BACKEND_ERROR, event->now_ns);
    } else if (!event->is_present) {
        refuse(server, RP_SERVE_REFUSED_NOT_FOUND, event->now_ns);
    } else if (!is_offset_fine(server, (int64_t)server->offset_bytes)) {
        refuse_offset(server, (int64_t)server->offset_bytes, event->now_ns);
    } else {
        accept(server, event->now_ns);
    }
}

/* An object of another size cannot be the version that the ack would announce: saying so lets the
 * puller ask the next peer, where a short or wrong body would cost it an attempt. */
static void on_opened_before_ack(struct rp_fetch_server *server, const struct rp_serve_event *event)
{
    bool is_other_size = event->size_bytes != (uint64_t)server->entry->size_bytes;
    if (event->error != 0 && event->error != RP_ERR_NOT_FOUND) {
        refuse(server, RP_SERVE_REFUSED_BACKEND_ERROR, event->now_ns);
    } else if (event->error == RP_ERR_NOT_FOUND || is_other_size) {
        refuse(server, RP_SERVE_REFUSED_NOT_FOUND, event->now_ns);
    } else if (!is_offset_fine(server, (int64_t)server->offset_bytes)) {
        refuse_offset(server, (int64_t)server->offset_bytes, event->now_ns);
    } else {
        accept(server, event->now_ns);
    }
}

static void on_opened(struct rp_fetch_server *server, const struct rp_serve_event *event)
{
    server->is_reader_open = event->error == 0;
    if (is_announced(server)) {
        on_opened_before_ack(server, event);
    } else if (event->error != 0) {
        finish(server, RP_SERVE_CUT_SHORT, event->error);
    } else {
        read_more(server);
    }
}

static void offer_body(struct rp_fetch_server *server)
{
    struct rp_serve_action *action = push(server, RP_SERVE_DO_SEND);
    action->chunk = rp_chunk_slice(server->body, server->sent_bytes,
                                   server->body.length_bytes - server->sent_bytes);
    action->body_bytes = action->chunk.length_bytes;
    server->is_send_outstanding = true;
}

static void on_read(struct rp_fetch_server *server, const struct rp_serve_event *event)
{
    size_t length = event->chunk.length_bytes;
    if (event->error != 0) {
        finish(server, RP_SERVE_CUT_SHORT, event->error);
        return;
    }
    RP_ASSERT(length <= server->asked_bytes);
    server->is_object_at_end = length < server->asked_bytes;
    if (length == 0) {
        finish(server, is_announced(server) ? RP_SERVE_CUT_SHORT : RP_SERVE_SERVED, 0);
        return;
    }
    server->remaining -= is_announced(server) ? length : 0;
    rp_block_retain(event->chunk.block);
    rp_block_release(server->body.block);
    server->body = event->chunk;
    server->sent_bytes = 0;
    server->state = SERVER_SENDING;
    offer_body(server);
}

/* ---- Sending ---------------------------------------------------------------------------------- */

static void begin_body(struct rp_fetch_server *server, rp_time_ns now_ns)
{
    server->deadline_ns = later(now_ns, server->serve_timeout_ns);
    if (is_announced(server)) {
        read_more(server);
        return;
    }
    server->state = SERVER_OPENING;
    server->is_store_outstanding = true;
    push(server, RP_SERVE_DO_OPEN);
}

static void on_all_sent(struct rp_fetch_server *server, rp_time_ns now_ns)
{
    if (server->state == SERVER_REFUSING) {
        finish(server, RP_SERVE_REFUSED, 0);
    } else if (server->state == SERVER_ACKING) {
        begin_body(server, now_ns);
    } else {
        read_more(server);
    }
}

static bool is_sending(const struct rp_fetch_server *server)
{
    return server->state == SERVER_REFUSING || server->state == SERVER_ACKING ||
           server->state == SERVER_SENDING;
}

static void on_sent(struct rp_fetch_server *server, const struct rp_serve_event *event)
{
    if (!is_sending(server) || !server->is_send_outstanding) {
        return;
    }
    server->is_send_outstanding = false;
    bool is_body = server->state == SERVER_SENDING;
    size_t length = is_body ? server->body.length_bytes : server->ack->length_bytes;
    RP_ASSERT(event->taken_bytes <= length - server->sent_bytes);
    server->sent_bytes += event->taken_bytes;
    server->body_bytes += is_body ? event->taken_bytes : 0;
    if (server->sent_bytes == length) {
        on_all_sent(server, event->now_ns);
    }
}

static void on_writable(struct rp_fetch_server *server)
{
    if (!is_sending(server) || server->is_send_outstanding) {
        return;
    }
    if (server->state == SERVER_SENDING) {
        offer_body(server);
    } else {
        offer_ack(server);
    }
}

/* ---- Ends ------------------------------------------------------------------------------------- */

static void end(struct rp_fetch_server *server, enum rp_serve_outcome outcome, int error)
{
    bool is_refusing = server->state == SERVER_REFUSING;
    finish(server, is_refusing ? RP_SERVE_REFUSED : outcome, error);
}

static void on_timer(struct rp_fetch_server *server, rp_time_ns now_ns)
{
    if (now_ns < server->deadline_ns) {
        return;
    }
    bool is_before_ack = server->state == SERVER_STATING ||
                         (server->state == SERVER_OPENING && is_announced(server));
    if (is_before_ack) {
        refuse(server, RP_SERVE_REFUSED_BACKEND_ERROR, now_ns);
    } else {
        end(server, RP_SERVE_TIMED_OUT, RP_ERR_TIMEOUT);
    }
}

static void on_store_answer(struct rp_fetch_server *server, const struct rp_serve_event *event)
{
    static const enum server_state ASKED_IN[] = {
        [RP_SERVE_EV_STATED] = SERVER_STATING,
        [RP_SERVE_EV_OPENED] = SERVER_OPENING,
        [RP_SERVE_EV_READ_DONE] = SERVER_READING,
    };
    if (!server->is_store_outstanding || server->state != ASKED_IN[event->kind]) {
        return; /* of a call that was given up */
    }
    server->is_store_outstanding = false;
    if (event->kind == RP_SERVE_EV_STATED) {
        on_stated(server, event);
    } else if (event->kind == RP_SERVE_EV_OPENED) {
        on_opened(server, event);
    } else {
        on_read(server, event);
    }
}

void rp_fetch_server_step(struct rp_fetch_server *server, const struct rp_serve_event *event)
{
    bool is_new = server->state == SERVER_NEW;
    if (server->state == SERVER_FINISHED || is_new != (event->kind == RP_SERVE_EV_START)) {
        return;
    }
    switch (event->kind) {
    case RP_SERVE_EV_START: on_start(server, event); break;
    case RP_SERVE_EV_STATED:
    case RP_SERVE_EV_OPENED:
    case RP_SERVE_EV_READ_DONE: on_store_answer(server, event); break;
    case RP_SERVE_EV_SENT: on_sent(server, event); break;
    case RP_SERVE_EV_WRITABLE: on_writable(server); break;
    case RP_SERVE_EV_ENDED:
        if (event->error != 0) {
            end(server, RP_SERVE_PEER_GONE, event->error);
        }
        break;
    case RP_SERVE_EV_TIMER: on_timer(server, event->now_ns); break;
    case RP_SERVE_EV_CANCEL: end(server, RP_SERVE_CANCELLED, RP_ERR_CANCELLED); break;
    }
}
