#include "protocol/forward_client.h"

#include "protocol/error.h"
#include "protocol/forward_server.h"
#include "protocol/frame.h"
#include "protocol/limits.h"
#include "protocol/panic.h"

enum link_state { LINK_NONE, LINK_DIALING, LINK_UP };

struct request {
    struct request *next;
    uint64_t number;
    rp_time_ns deadline_ns;
    char nonce_hex[RP_NONCE_HEX];
    int64_t timestamp;
    bool is_stamped;
    int error;
    enum rp_forward_code code;
    const char *text; /* constant */
    size_t length_bytes;
    uint8_t command[];
};

struct queue {
    struct request *first, *last;
    size_t count;
};

struct rp_forward_client {
    struct rp_forward_client_settings settings; /* its views point into `texts` */
    const struct rp_alloc *alloc;
    struct queue waiting;
    struct queue finished;
    struct request *current; /* owned: sent, or waiting for the dial */
    bool is_sent;
    enum link_state link;
    bool is_link_dead; /* closed by the peer while idle, and not noticed (trait) */
    bool wants_close, wants_connect, wants_send;
    struct rp_buffer address; /* of the leader; empty: unknown */
    struct rp_buffer leader_id;
    struct rp_buffer frame; /* the request on its way out */
    struct rp_frame_reader reader;
    rp_time_ns now_ns;
    uint8_t texts[];
};

/* ---- Codes ----------------------------------------------------------------------------------- */

/* X: code on the wire, error for the caller (wire.md 7) */
static const struct {
    const char *name;
    int error;
} CODES[RP_FORWARD_CODE_COUNT] = {
    [RP_FORWARD_CODE_NONE] = {"", 0},
    [RP_FORWARD_CODE_NOT_LEADER] = {"not_leader", RP_ERR_NO_LEADER},
    [RP_FORWARD_CODE_AUTH] = {"auth", RP_ERR_AUTH},
    [RP_FORWARD_CODE_INVALID_COMMAND] = {"invalid_command", RP_ERR_INVALID},
    [RP_FORWARD_CODE_APPLY_FAILED] = {"apply_failed", RP_ERR_LEADERSHIP_LOST},
    [RP_FORWARD_CODE_RAFT_UNAVAILABLE] = {"raft_unavailable", RP_ERR_UNREACHABLE},
    [RP_FORWARD_CODE_UNKNOWN] = {"unknown", RP_ERR_TYPE},
};

const char *rp_forward_code_name(enum rp_forward_code code)
{
    RP_ASSERT(code < RP_FORWARD_CODE_COUNT);
    return CODES[code].name;
}

static enum rp_forward_code parse_code(struct rp_view text)
{
    for (int code = RP_FORWARD_CODE_NOT_LEADER; code < RP_FORWARD_CODE_UNKNOWN; code++) {
        if (rp_view_equal(text, rp_view_text(CODES[code].name))) {
            return (enum rp_forward_code)code;
        }
    }
    return RP_FORWARD_CODE_UNKNOWN;
}

/* An ack's text is a peer's bytes: it is told on only as one of the texts that a leader may send. */
static const char *known_text(struct rp_view told, int error)
{
    for (int verdict = 0; verdict < RP_FORWARD_VERDICT_COUNT; verdict++) {
        struct rp_view code, text;
        rp_forward_verdict_texts((enum rp_forward_verdict)verdict, &code, &text);
        if (text.length_bytes > 0 && rp_view_equal(text, told)) {
            return (const char *)text.bytes;
        }
    }
    static const int ERRORS[] = {
#define CODE(name, number, text) number,
        RP_ERROR_TABLE(CODE)
#undef CODE
    };
    for (size_t row = 0; row < sizeof ERRORS / sizeof ERRORS[0]; row++) {
        if (rp_view_equal(rp_view_text(rp_strerror(ERRORS[row])), told)) {
            return rp_strerror(ERRORS[row]);
        }
    }
    return rp_strerror(error);
}

/* ---- Queues ---------------------------------------------------------------------------------- */

static void push(struct queue *queue, struct request *request)
{
    request->next = NULL;
    *(queue->last == NULL ? &queue->first : &queue->last->next) = request;
    queue->last = request;
    queue->count += 1;
}

static struct request *pop(struct queue *queue)
{
    struct request *request = queue->first;
    if (request != NULL) {
        queue->first = request->next;
        queue->last = queue->first == NULL ? NULL : queue->last;
        queue->count -= 1;
    }
    return request;
}

static void finish(struct rp_forward_client *client, struct request *request, int error,
                   enum rp_forward_code code)
{
    request->error = error;
    request->code = code;
    request->text = error == 0 ? "" : rp_strerror(error);
    push(&client->finished, request);
}

static void finish_current(struct rp_forward_client *client, int error, enum rp_forward_code code)
{
    struct request *request = client->current;
    client->current = NULL;
    client->is_sent = false;
    client->wants_send = false;
    if (request != NULL) {
        finish(client, request, error, code);
    }
}

static void finish_waiting(struct rp_forward_client *client, int error)
{
    struct request *request;
    while ((request = pop(&client->waiting)) != NULL) {
        finish(client, request, error, RP_FORWARD_CODE_NONE);
    }
}

/* ---- Life ------------------------------------------------------------------------------------ */

int rp_forward_client_new(const struct rp_forward_client_settings *settings,
                          struct rp_forward_client **client_out)
{
    size_t id_bytes = settings->node_id.length_bytes;
    size_t cluster_bytes = settings->cluster.length_bytes;
    struct rp_forward_client *client =
        rp_allocate_zeroed(settings->alloc, sizeof *client + id_bytes + cluster_bytes);
    if (client == NULL) {
        return RP_ERR_NOMEM;
    }
    client->settings = *settings;
    client->alloc = settings->alloc;
    if (id_bytes > 0) {
        memcpy(client->texts, settings->node_id.bytes, id_bytes);
    }
    if (cluster_bytes > 0) {
        memcpy(client->texts + id_bytes, settings->cluster.bytes, cluster_bytes);
    }
    client->settings.node_id = rp_view_make(client->texts, id_bytes);
    client->settings.cluster = rp_view_make(client->texts + id_bytes, cluster_bytes);
    rp_buffer_init(&client->address, client->alloc, RP_PATH_BYTES_MAX);
    rp_buffer_init(&client->leader_id, client->alloc, RP_FRAME_LENGTH_MAX);
    rp_buffer_init(&client->frame, client->alloc, RP_FRAME_LENGTH_MAX + 4u);
    rp_frame_reader_init(&client->reader, client->alloc);
    *client_out = client;
    return 0;
}

void rp_forward_client_free(struct rp_forward_client *client)
{
    if (client == NULL) {
        return;
    }
    struct request *request;
    while ((request = pop(&client->waiting)) != NULL ||
           (request = pop(&client->finished)) != NULL) {
        rp_release(client->alloc, request);
    }
    rp_release(client->alloc, client->current);
    rp_buffer_clear(&client->address);
    rp_buffer_clear(&client->leader_id);
    rp_buffer_clear(&client->frame);
    rp_frame_reader_clear(&client->reader);
    rp_release(client->alloc, client);
}

bool rp_forward_client_is_idle(const struct rp_forward_client *client)
{
    return client->current == NULL && client->waiting.count == 0;
}

/* ---- The connection -------------------------------------------------------------------------- */

static void forget_link(struct rp_forward_client *client)
{
    client->link = LINK_NONE;
    client->is_link_dead = false;
    client->wants_connect = false;
    client->wants_send = false;
    rp_frame_reader_clear(&client->reader);
    rp_frame_reader_init(&client->reader, client->alloc);
}

/* We end it, if there is one. */
static void close_link(struct rp_forward_client *client)
{
    if (client->link != LINK_NONE && !client->wants_connect) {
        client->wants_close = true;
    }
    forget_link(client);
}

/* behaviour.md 3: a failed connection ends the request that is on it; it is never sent again. */
static void fail_link(struct rp_forward_client *client, int error)
{
    close_link(client);
    finish_current(client, error, RP_FORWARD_CODE_NONE);
}

static void make_stamp(const struct rp_forward_client *client, struct request *request)
{
    if (!request->is_stamped) {
        client->settings.stamp(client->settings.stamp_context, request->nonce_hex,
                               &request->timestamp);
        request->is_stamped = true;
    }
}

/* To everybody whose name we know, older leaders too: what we know of them may be old itself. */
static bool wants_binding(const struct rp_forward_client *client)
{
    return client->settings.traits->forward_binding == RP_FORWARD_BINDING_ADDRESSEE &&
           client->leader_id.length_bytes > 0;
}

static int encode_request(struct rp_forward_client *client, struct request *request)
{
    char mac_hex[RP_SHA256_HEX], bound_hex[RP_SHA256_HEX];
    struct rp_view command = rp_view_make(request->command, request->length_bytes);
    struct rp_view nonce = rp_view_make(request->nonce_hex, RP_NONCE_HEX);
    make_stamp(client, request);
    struct rp_auth_tuple tuple = {.kind = RP_AUTH_FORWARD,
                                  .nonce = nonce,
                                  .node_id = client->settings.node_id,
                                  .cluster = client->settings.cluster,
                                  .timestamp = request->timestamp,
                                  .addressee = rp_buffer_view(&client->leader_id),
                                  .command = command};
    int error = rp_auth_sign(client->settings.auth, &tuple, mac_hex);
    if (error == 0 && wants_binding(client)) {
        tuple.kind = RP_AUTH_BOUND_FORWARD;
        error = rp_auth_sign(client->settings.auth, &tuple, bound_hex);
    }
    if (error != 0) {
        return error;
    }
    struct rp_message message = {.type = RP_MSG_FORWARD_APPLY};
    message.as.forward_apply.command_json.view = command;
    message.as.forward_apply.command_json.is_present = true;
    message.as.forward_apply.node_id = client->settings.node_id;
    message.as.forward_apply.nonce = nonce;
    message.as.forward_apply.timestamp = request->timestamp;
    message.as.forward_apply.hmac = rp_view_make(mac_hex, RP_SHA256_HEX);
    if (wants_binding(client)) {
        message.as.forward_apply.bound_hmac = rp_view_make(bound_hex, RP_SHA256_HEX);
    }
    rp_buffer_reset(&client->frame);
    return rp_message_encode(client->settings.traits, &message, &client->frame);
}

static void send_current(struct rp_forward_client *client)
{
    if (client->is_link_dead) {
        fail_link(client, RP_ERR_CLOSED);
        return;
    }
    int error = encode_request(client, client->current);
    if (error != 0) {
        finish_current(client, error, RP_FORWARD_CODE_NONE);
        return;
    }
    client->is_sent = true;
    client->wants_send = true;
}

/* As long as there is work and the connection is free for it. */
static void go_on(struct rp_forward_client *client)
{
    while (client->current == NULL && client->waiting.count > 0) {
        client->current = pop(&client->waiting);
        if (client->link == LINK_UP) {
            send_current(client);
        } else if (client->link == LINK_NONE) {
            client->link = LINK_DIALING;
            client->wants_connect = true;
        }
    }
}

/* ---- Events ---------------------------------------------------------------------------------- */

static int submit(struct rp_forward_client *client, const struct rp_forward_client_event *event)
{
    if (client->waiting.count >= RP_FORWARD_QUEUE_MAX) {
        return RP_ERR_FULL;
    }
    size_t length_bytes = event->command.length_bytes;
    struct request *request = rp_allocate_zeroed(client->alloc, sizeof *request + length_bytes);
    if (request == NULL) {
        return RP_ERR_NOMEM;
    }
    request->number = event->request;
    request->deadline_ns = client->now_ns + RP_FORWARD_TIMEOUT_NS;
    request->length_bytes = length_bytes;
    if (length_bytes > 0) {
        memcpy(request->command, event->command.bytes, length_bytes);
    }
    /* behaviour.md 3, in order: secret, leader known. */
    if (client->settings.auth == NULL) {
        finish(client, request, RP_ERR_AUTH, RP_FORWARD_CODE_NONE);
    } else if (client->address.length_bytes == 0) {
        finish(client, request, RP_ERR_NO_LEADER, RP_FORWARD_CODE_NONE);
    } else {
        if (client->settings.traits->forward_stamp == RP_FORWARD_STAMP_AT_SUBMIT) {
            make_stamp(client, request);
        }
        push(&client->waiting, request);
    }
    return 0;
}

/* Whoever binds the addressee notices also another node at the same address. */
static bool is_same_leader(const struct rp_forward_client *client,
                           const struct rp_forward_client_event *event)
{
    return rp_view_equal(rp_buffer_view(&client->address), event->address) &&
           (client->settings.traits->forward_binding == RP_FORWARD_BINDING_NONE ||
            rp_view_equal(rp_buffer_view(&client->leader_id), event->leader_id));
}

static int change_leader(struct rp_forward_client *client,
                         const struct rp_forward_client_event *event)
{
    if (is_same_leader(client, event)) {
        return 0;
    }
    fail_link(client, RP_ERR_LEADERSHIP_LOST);
    rp_buffer_reset(&client->address);
    rp_buffer_reset(&client->leader_id);
    int error = rp_buffer_append(&client->leader_id, event->leader_id);
    if (error == 0) {
        error = rp_buffer_append(&client->address, event->address);
    }
    if (client->address.length_bytes == 0) {
        finish_waiting(client, RP_ERR_NO_LEADER);
    }
    return error;
}

static void connected(struct rp_forward_client *client, int error)
{
    if (client->link != LINK_DIALING) {
        return;
    }
    if (error != 0) {
        forget_link(client); /* a failed dial leaves nothing to close */
        finish_current(client, error, RP_FORWARD_CODE_NONE);
        return;
    }
    client->link = LINK_UP;
    if (client->current != NULL) {
        send_current(client);
    }
}

static void take_ack(struct rp_forward_client *client, const struct rp_frame *frame)
{
    struct rp_arena arena;
    struct rp_message message;
    rp_arena_init(&arena, client->alloc);
    int error = frame->type == RP_MSG_FORWARD_APPLY_ACK ? 0 : RP_ERR_TYPE;
    if (error == 0) {
        error = rp_message_decode(client->settings.traits, frame->type, frame->payload, &arena,
                                  &message);
    }
    if (error != 0) {
        fail_link(client, error == RP_ERR_NOMEM ? error : RP_ERR_TYPE);
    } else if (rp_view_equal(message.as.forward_apply_ack.status, rp_view_text("ok"))) {
        finish_current(client, 0, RP_FORWARD_CODE_NONE);
    } else {
        enum rp_forward_code code = parse_code(message.as.forward_apply_ack.code);
        struct request *refused = client->current;
        finish_current(client, CODES[code].error, code);
        refused->text = known_text(message.as.forward_apply_ack.error, CODES[code].error);
    }
    rp_arena_clear(&arena);
}

/* Bytes that nobody asked for end the connection: an answer must not be taken for the next one's. */
static void received(struct rp_forward_client *client, struct rp_view input)
{
    while (client->link == LINK_UP && input.length_bytes > 0) {
        struct rp_frame frame;
        bool is_out_of_memory = false;
        if (!client->is_sent) {
            fail_link(client, RP_ERR_TYPE);
            return;
        }
        enum rp_frame_progress progress =
            rp_frame_reader_take(&client->reader, &input, &frame, &is_out_of_memory);
        if (progress == RP_FRAME_NEED_MORE) {
            return;
        }
        if (progress == RP_FRAME_FAILED) {
            fail_link(client, is_out_of_memory ? RP_ERR_NOMEM : RP_ERR_TYPE);
            return;
        }
        take_ack(client, &frame);
    }
}

static void closed(struct rp_forward_client *client, int error)
{
    bool is_idle = client->current == NULL;
    if (client->link == LINK_NONE) {
        return;
    }
    if (is_idle && client->settings.traits->forward_idle == RP_FORWARD_IDLE_CLOSE_UNSEEN) {
        client->is_link_dead = true;
        return;
    }
    fail_link(client, error == 0 ? RP_ERR_CLOSED : error);
}

static void expire(struct rp_forward_client *client)
{
    if (client->current != NULL && client->current->deadline_ns <= client->now_ns) {
        fail_link(client, RP_ERR_TIMEOUT);
    }
    while (client->waiting.first != NULL && client->waiting.first->deadline_ns <= client->now_ns) {
        finish(client, pop(&client->waiting), RP_ERR_TIMEOUT, RP_FORWARD_CODE_NONE);
    }
}

int rp_forward_client_step(struct rp_forward_client *client,
                           const struct rp_forward_client_event *event)
{
    int error = 0;
    RP_ASSERT(event->now_ns >= client->now_ns);
    client->now_ns = event->now_ns;
    switch (event->kind) {
    case RP_FORWARD_CLIENT_EV_SUBMIT: error = submit(client, event); break;
    case RP_FORWARD_CLIENT_EV_LEADER_CHANGED: error = change_leader(client, event); break;
    case RP_FORWARD_CLIENT_EV_CONNECTED: connected(client, event->error); break;
    case RP_FORWARD_CLIENT_EV_RECEIVED: received(client, event->received); break;
    case RP_FORWARD_CLIENT_EV_CLOSED: closed(client, event->error); break;
    case RP_FORWARD_CLIENT_EV_TIMER: break;
    case RP_FORWARD_CLIENT_EV_CANCEL_ALL:
        fail_link(client, RP_ERR_CANCELLED);
        finish_waiting(client, RP_ERR_CANCELLED);
        break;
    }
    expire(client);
    go_on(client);
    return error;
}

/* ---- Actions --------------------------------------------------------------------------------- */

bool rp_forward_client_next(struct rp_forward_client *client,
                            struct rp_forward_client_action *action_out)
{
    memset(action_out, 0, sizeof *action_out);
    if (client->wants_close) {
        client->wants_close = false;
        action_out->kind = RP_FORWARD_CLIENT_DO_CLOSE;
        return true;
    }
    struct request *request = pop(&client->finished);
    if (request != NULL) {
        action_out->kind = RP_FORWARD_CLIENT_DO_FINISH;
        action_out->request = request->number;
        action_out->error = request->error;
        action_out->code = request->code;
        action_out->text = request->text;
        rp_release(client->alloc, request);
        return true;
    }
    if (client->wants_connect) {
        client->wants_connect = false;
        action_out->kind = RP_FORWARD_CLIENT_DO_CONNECT;
        action_out->address = rp_buffer_view(&client->address);
        return true;
    }
    if (client->wants_send) {
        client->wants_send = false;
        action_out->kind = RP_FORWARD_CLIENT_DO_SEND;
        action_out->data = rp_buffer_view(&client->frame);
        return true;
    }
    return false;
}

rp_time_ns rp_forward_client_deadline(const struct rp_forward_client *client)
{
    if (client->current != NULL) {
        return client->current->deadline_ns; /* submitted before all that wait */
    }
    return client->waiting.first == NULL ? RP_TIME_NEVER : client->waiting.first->deadline_ns;
}
