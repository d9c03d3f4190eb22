#include "protocol/fetch_client.h"

#include "protocol/error.h"
#include "protocol/frame.h"
#include "protocol/message.h"
#include "protocol/panic.h"

enum client_state {
    CLIENT_NEW,
    CLIENT_DIALLING,
    CLIENT_SENDING,
    CLIENT_WAITING, /* for the ack */
    CLIENT_BODY,
    CLIENT_FINISHED
};

/* The longest run of actions between two visits of the node. */
#define ACTION_MAX 8

struct rp_fetch_client {
    const struct rp_alloc *alloc;    /* borrowed */
    struct rp_fetch_request request; /* its texts live in `texts` */
    uint8_t *texts;                  /* owned */
    enum client_state state;
    bool is_connected;
    rp_time_ns whole_deadline_ns;
    rp_time_ns phase_deadline_ns;
    struct rp_frame_reader reader;
    struct rp_block *frame; /* owned: the request's bytes */
    size_t frame_sent_bytes;
    bool is_send_outstanding;
    struct rp_chunk unsunk; /* owned reference: body bytes the sink has not taken */
    bool is_sinking;
    bool has_ended;
    int end_error;
    uint64_t body_size_bytes;
    uint64_t sunk_bytes;
    bool has_ack;
    struct rp_fetch_ack ack;
    struct rp_fetch_action actions[ACTION_MAX];
    size_t action_first, action_count;
};

static const struct {
    const char *text;
    enum rp_fetch_outcome outcome;
} CLASSES[RP_FETCH_CLASS_COUNT] = {
#define CLASS_ROW(name, text, outcome) [name] = {text, outcome},
    RP_FETCH_CLASS_TABLE(CLASS_ROW)
#undef CLASS_ROW
};

static const char *const CODES[RP_ACK_CODE_COUNT] = {
    [RP_ACK_CODE_NONE] = "",
    [RP_ACK_CODE_AUTH] = "auth",
    [RP_ACK_CODE_INVALID_PATH] = "invalid_path",
    [RP_ACK_CODE_RAFT] = "raft",
    [RP_ACK_CODE_MANIFEST] = "manifest",
    [RP_ACK_CODE_BACKEND] = "backend",
    [RP_ACK_CODE_NOT_FOUND] = "not_found",
    [RP_ACK_CODE_BAD_OFFSET] = "bad_offset",
    [RP_ACK_CODE_OTHER] = "other",
};

const char *rp_fetch_class_name(enum rp_fetch_class class)
{
    RP_ASSERT(class < RP_FETCH_CLASS_COUNT);
    return CLASSES[class].text;
}

const char *rp_fetch_outcome_name(enum rp_fetch_outcome outcome)
{
    static const char *const NAMES[] = {"ok",     "not_on_peer", "bad_offset", "checksum_mismatch",
                                        "failed", "cancelled"};
    RP_ASSERT(outcome <= RP_FETCH_CANCELLED);
    return NAMES[outcome];
}

const char *rp_ack_code_name(enum rp_ack_code code)
{
    RP_ASSERT(code < RP_ACK_CODE_COUNT);
    return CODES[code];
}

enum rp_ack_code rp_ack_code_parse(struct rp_view code)
{
    for (int row = 0; row < RP_ACK_CODE_OTHER; row += 1) {
        if (rp_view_equal(code, rp_view_text(CODES[row]))) {
            return (enum rp_ack_code)row;
        }
    }
    return RP_ACK_CODE_OTHER;
}

/* ---- Actions ---------------------------------------------------------------------------------- */

static struct rp_fetch_action *push(struct rp_fetch_client *client, enum rp_fetch_action_kind kind)
{
    RP_ASSERT(client->action_count < ACTION_MAX);
    size_t slot = (client->action_first + client->action_count) % ACTION_MAX;
    client->action_count += 1;
    memset(&client->actions[slot], 0, sizeof client->actions[slot]);
    client->actions[slot].kind = kind;
    return &client->actions[slot];
}

bool rp_fetch_client_next(struct rp_fetch_client *client, struct rp_fetch_action *action_out)
{
    if (client->action_count == 0) {
        return false;
    }
    *action_out = client->actions[client->action_first];
    client->action_first = (client->action_first + 1) % ACTION_MAX;
    client->action_count -= 1;
    return true;
}

static void finish(struct rp_fetch_client *client, enum rp_fetch_class class, int error)
{
    if (client->is_connected || client->state == CLIENT_DIALLING) {
        push(client, RP_FETCH_DO_CLOSE);
    }
    client->state = CLIENT_FINISHED;
    struct rp_fetch_action *action = push(client, RP_FETCH_DO_FINISH);
    action->class = class;
    action->outcome = CLASSES[class].outcome;
    action->error = error;
    action->sunk_bytes = client->sunk_bytes;
}

/* ---- Release differences ---------------------------------------------------------------------- */

static bool knows_offsets(const struct rp_fetch_client *client)
{
    return client->request.traits->wire_fields == RP_WIRE_ACK_CODES_AND_OFFSETS;
}

static bool is_whole_bound(const struct rp_fetch_client *client)
{
    return client->request.traits->body_deadline == RP_BODY_BOUND;
}

/* wire.md 7: what an error ack means. A code decides alone; without one only the two exact texts
 * mean that the peer lacks the file. */
static enum rp_fetch_class classify_refusal(const struct rp_fetch_client *client,
                                            const struct rp_fetch_file_ack *ack)
{
    if (client->request.traits->wire_fields == RP_WIRE_PLAIN) {
        return RP_FETCH_CLASS_REJECTED;
    }
    switch (rp_ack_code_parse(ack->code)) {
    case RP_ACK_CODE_NONE:
        return rp_view_equal(ack->error, rp_view_text("file not in manifest")) ||
                       rp_view_equal(ack->error, rp_view_text("file not found on local backend"))
                   ? RP_FETCH_CLASS_NOT_ON_PEER
                   : RP_FETCH_CLASS_REJECTED;
    case RP_ACK_CODE_MANIFEST:
    case RP_ACK_CODE_NOT_FOUND: return RP_FETCH_CLASS_NOT_ON_PEER;
    case RP_ACK_CODE_BAD_OFFSET:
        return knows_offsets(client) ? RP_FETCH_CLASS_BAD_OFFSET : RP_FETCH_CLASS_REJECTED;
    default: return RP_FETCH_CLASS_REJECTED;
    }
}

/* ---- Birth and death -------------------------------------------------------------------------- */

static struct rp_view keep_text(uint8_t **cursor, struct rp_view view)
{
    if (view.length_bytes > 0) {
        memcpy(*cursor, view.bytes, view.length_bytes);
    }
    struct rp_view kept = rp_view_make(*cursor, view.length_bytes);
    *cursor += view.length_bytes;
    return kept;
}

static int keep_texts(struct rp_fetch_client *client)
{
    struct rp_fetch_request *request = &client->request;
    struct rp_view *const views[] = {&request->node_id, &request->cluster, &request->path,
                                     &request->sha256,  &request->nonce,   &request->addressee};
    size_t total = 1;
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i += 1) {
        total += views[i]->length_bytes;
    }
    client->texts = rp_allocate(client->alloc, total);
    if (client->texts == NULL) {
        return RP_ERR_NOMEM;
    }
    uint8_t *cursor = client->texts;
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i += 1) {
        *views[i] = keep_text(&cursor, *views[i]);
    }
    return 0;
}

int rp_fetch_client_new(const struct rp_fetch_request *request, const struct rp_alloc *alloc,
                        struct rp_fetch_client **client_out)
{
    if (request->node_id.length_bytes == 0 || request->cluster.length_bytes == 0 ||
        request->auth == NULL || request->hash == NULL) {
        return RP_ERR_INVALID; /* behaviour.md 6.1 */
    }
    struct rp_fetch_client *client = rp_allocate_zeroed(alloc, sizeof *client);
    if (client == NULL) {
        return RP_ERR_NOMEM;
    }
    client->alloc = alloc;
    client->request = *request;
    client->whole_deadline_ns = RP_TIME_NEVER;
    client->phase_deadline_ns = RP_TIME_NEVER;
    rp_frame_reader_init(&client->reader, alloc);
    if (keep_texts(client) != 0) {
        rp_fetch_client_free(client);
        return RP_ERR_NOMEM;
    }
    *client_out = client;
    return 0;
}

void rp_fetch_client_free(struct rp_fetch_client *client)
{
    if (client == NULL) {
        return;
    }
    rp_block_release(client->unsunk.block);
    rp_block_release(client->frame);
    rp_frame_reader_clear(&client->reader);
    rp_release(client->alloc, client->texts);
    rp_release(client->alloc, client);
}

/* ---- Deadlines -------------------------------------------------------------------------------- */

static rp_time_ns later(rp_time_ns now_ns, rp_time_ns wait_ns)
{
    return wait_ns > RP_TIME_NEVER - now_ns ? RP_TIME_NEVER : now_ns + wait_ns;
}

rp_time_ns rp_fetch_client_deadline(const struct rp_fetch_client *client)
{
    if (client->state == CLIENT_NEW || client->state == CLIENT_FINISHED) {
        return RP_TIME_NEVER;
    }
    /* wire.md 6: where the deadline of the connection is lost with the first framed operation, only
     * the dial still knows it. */
    bool has_whole = is_whole_bound(client) || client->state == CLIENT_DIALLING;
    return has_whole && client->whole_deadline_ns < client->phase_deadline_ns
               ? client->whole_deadline_ns
               : client->phase_deadline_ns;
}

static enum rp_fetch_class class_of_state(const struct rp_fetch_client *client)
{
    switch (client->state) {
    case CLIENT_DIALLING: return RP_FETCH_CLASS_DIAL;
    case CLIENT_SENDING: return RP_FETCH_CLASS_SEND;
    case CLIENT_WAITING: return RP_FETCH_CLASS_RECEIVE_HEADER;
    default: return RP_FETCH_CLASS_BODY_STREAM;
    }
}

/* ---- Request ---------------------------------------------------------------------------------- */

static void on_start(struct rp_fetch_client *client, rp_time_ns now_ns)
{
    const struct rp_fetch_request *request = &client->request;
    client->whole_deadline_ns = later(now_ns, request->fetch_timeout_ns);
    /* behaviour.md 6.2, steps 1 and 2 */
    if (request->sha256.length_bytes == 0 || request->size_bytes < 0 || request->byte_offset < 0 ||
        (request->byte_offset > 0) != request->is_prefix_hashed ||
        (request->byte_offset > 0 && !knows_offsets(client))) {
        finish(client, RP_FETCH_CLASS_BAD_ARGUMENTS, RP_ERR_INVALID);
        return;
    }
    client->state = CLIENT_DIALLING;
    client->phase_deadline_ns = later(now_ns, RP_FETCH_DIAL_TIMEOUT_NS);
    push(client, RP_FETCH_DO_CONNECT);
}

static struct rp_auth_tuple make_tuple(const struct rp_fetch_client *client, enum rp_auth_kind kind,
                                       int64_t timestamp)
{
    const struct rp_fetch_request *request = &client->request;
    struct rp_auth_tuple tuple = {
        .kind = kind,
        .nonce = request->nonce,
        .node_id = request->node_id,
        .cluster = request->cluster,
        .timestamp = timestamp,
        .path = request->path,
        .addressee = request->addressee,
        .byte_offset = request->byte_offset,
    };
    return tuple;
}

static bool wants_binding(const struct rp_fetch_client *client)
{
    return client->request.traits->fetch_binding == RP_FETCH_BINDING_ADDRESSEE &&
           client->request.addressee.length_bytes > 0;
}

static int encode_request(struct rp_fetch_client *client, int64_t timestamp, struct rp_buffer *out)
{
    char mac[RP_SHA256_HEX], bound_mac[RP_SHA256_HEX];
    struct rp_auth_tuple tuple = make_tuple(client, RP_AUTH_FETCH, timestamp);
    int error = rp_auth_sign(client->request.auth, &tuple, mac);
    struct rp_message message = {.type = RP_MSG_FETCH_FILE};
    struct rp_fetch_file *fetch = &message.as.fetch_file;
    fetch->path = client->request.path;
    fetch->node_id = client->request.node_id;
    fetch->nonce = client->request.nonce;
    fetch->timestamp = timestamp;
    fetch->hmac = rp_view_make(mac, sizeof mac);
    fetch->byte_offset = client->request.byte_offset;
    if (error == 0 && wants_binding(client)) {
        tuple.kind = RP_AUTH_BOUND_FETCH;
        error = rp_auth_sign(client->request.auth, &tuple, bound_mac);
        fetch->bound_hmac = rp_view_make(bound_mac, sizeof bound_mac);
    }
    return error != 0 ? error : rp_message_encode(client->request.traits, &message, out);
}

/* The frame as a block, so that a connection can keep it by reference. */
static int build_frame(struct rp_fetch_client *client, int64_t timestamp)
{
    struct rp_buffer buffer;
    rp_buffer_init(&buffer, client->alloc, RP_FRAME_LENGTH_MAX + 4);
    uint8_t *bytes = NULL;
    int error = encode_request(client, timestamp, &buffer);
    if (error == 0) {
        error = rp_block_new(client->alloc, buffer.length_bytes, &client->frame, &bytes);
    }
    if (error == 0) {
        memcpy(bytes, buffer.bytes, buffer.length_bytes);
    }
    rp_buffer_clear(&buffer);
    return error;
}

static void offer_frame(struct rp_fetch_client *client)
{
    struct rp_chunk whole = rp_chunk_of(client->frame);
    push(client, RP_FETCH_DO_SEND)->chunk = rp_chunk_slice(
        whole, client->frame_sent_bytes, whole.length_bytes - client->frame_sent_bytes);
    client->is_send_outstanding = true;
}

static void on_connected(struct rp_fetch_client *client, const struct rp_fetch_event *event)
{
    if (client->state != CLIENT_DIALLING) {
        return;
    }
    if (event->error != 0) {
        client->state = CLIENT_NEW; /* the handle is gone: nothing to close */
        finish(client, RP_FETCH_CLASS_DIAL, event->error);
        return;
    }
    client->is_connected = true;
    client->state = CLIENT_SENDING;
    client->phase_deadline_ns = later(event->now_ns, RP_FETCH_SEND_TIMEOUT_NS);
    int error = build_frame(client, event->wall_unix_s);
    if (error != 0) {
        finish(client, RP_FETCH_CLASS_SEND, error);
        return;
    }
    offer_frame(client);
}

static void on_sent(struct rp_fetch_client *client, const struct rp_fetch_event *event)
{
    if (client->state != CLIENT_SENDING || !client->is_send_outstanding) {
        return;
    }
    client->is_send_outstanding = false;
    RP_ASSERT(event->taken_bytes <= client->frame->length_bytes - client->frame_sent_bytes);
    client->frame_sent_bytes += event->taken_bytes;
    if (client->frame_sent_bytes == client->frame->length_bytes) {
        client->state = CLIENT_WAITING;
        client->phase_deadline_ns = later(event->now_ns, RP_FETCH_ACK_TIMEOUT_NS);
    }
}

static void on_writable(struct rp_fetch_client *client)
{
    if (client->state == CLIENT_SENDING && !client->is_send_outstanding) {
        offer_frame(client);
    }
}

/* ---- Body ------------------------------------------------------------------------------------- */

static void verify(struct rp_fetch_client *client)
{
    char hex[RP_SHA256_HEX];
    rp_sha256_hex(client->request.hash, hex);
    bool is_equal = rp_view_equal(rp_view_make(hex, sizeof hex), client->request.sha256);
    finish(client, is_equal ? RP_FETCH_CLASS_OK : RP_FETCH_CLASS_CHECKSUM, 0);
}

static void offer_unsunk(struct rp_fetch_client *client)
{
    client->is_sinking = true;
    push(client, RP_FETCH_DO_APPEND)->chunk = client->unsunk;
}

static void on_ended_in_body(struct rp_fetch_client *client)
{
    finish(client, RP_FETCH_CLASS_BODY_STREAM,
           client->end_error != 0 ? client->end_error : RP_ERR_CLOSED);
}

/* What follows the body is never looked at (wire.md 5.4). */
static void take_body(struct rp_fetch_client *client, struct rp_chunk chunk)
{
    RP_ASSERT(!client->is_sinking);
    uint64_t missing = client->body_size_bytes - client->sunk_bytes;
    size_t length = chunk.length_bytes < missing ? chunk.length_bytes : (size_t)missing;
    if (length == 0) {
        return;
    }
    rp_block_retain(chunk.block);
    client->unsunk = rp_chunk_slice(chunk, 0, length);
    offer_unsunk(client);
}

static void drop_unsunk(struct rp_fetch_client *client)
{
    rp_block_release(client->unsunk.block);
    memset(&client->unsunk, 0, sizeof client->unsunk);
}

/* The hash runs over what the sink took: those are the bytes that will be published. */
static void on_sunk(struct rp_fetch_client *client, const struct rp_fetch_event *event)
{
    if (client->state != CLIENT_BODY || !client->is_sinking) {
        return;
    }
    client->is_sinking = false;
    if (event->error != 0 || event->taken_bytes == 0) {
        finish(client, RP_FETCH_CLASS_SINK, event->error != 0 ? event->error : RP_ERR_IO);
        return;
    }
    size_t taken = event->taken_bytes;
    RP_ASSERT(taken <= client->unsunk.length_bytes);
    rp_sha256_update(client->request.hash, rp_view_make(client->unsunk.bytes, taken));
    client->sunk_bytes += taken;
    if (taken < client->unsunk.length_bytes) {
        client->unsunk = rp_chunk_slice(client->unsunk, taken, client->unsunk.length_bytes - taken);
        offer_unsunk(client);
        return;
    }
    drop_unsunk(client);
    if (client->sunk_bytes == client->body_size_bytes) {
        verify(client);
    } else if (client->has_ended) {
        on_ended_in_body(client);
    } else {
        push(client, RP_FETCH_DO_RESUME);
    }
}

/* ---- Ack -------------------------------------------------------------------------------------- */

/* behaviour.md 6.2, steps 6 to 10, in that order. OK: the body follows. */
static enum rp_fetch_class judge_ack(const struct rp_fetch_client *client,
                                     const struct rp_fetch_file_ack *ack)
{
    const struct rp_fetch_request *request = &client->request;
    if (!rp_view_equal(ack->status, rp_view_text("ok"))) {
        return classify_refusal(client, ack);
    }
    if (knows_offsets(client) && ack->byte_offset != request->byte_offset) {
        return RP_FETCH_CLASS_OFFSET_ECHO;
    }
    if (ack->size_bytes < 0) {
        return RP_FETCH_CLASS_NEGATIVE_SIZE;
    }
    if (ack->size_bytes != request->size_bytes - request->byte_offset) {
        return RP_FETCH_CLASS_SIZE_MISMATCH;
    }
    return rp_view_equal(ack->sha256, request->sha256) ? RP_FETCH_CLASS_OK
                                                       : RP_FETCH_CLASS_CHECKSUM;
}

static void note_ack(struct rp_fetch_client *client, const struct rp_fetch_file_ack *ack)
{
    client->has_ack = true;
    client->ack.is_ok = rp_view_equal(ack->status, rp_view_text("ok"));
    client->ack.code = rp_ack_code_parse(ack->code);
    client->ack.size_bytes = ack->size_bytes;
    client->ack.byte_offset = ack->byte_offset;
    push(client, RP_FETCH_DO_REPORT_ACK);
}

static enum rp_fetch_class read_ack(struct rp_fetch_client *client, const struct rp_frame *frame)
{
    struct rp_arena arena;
    rp_arena_init(&arena, client->alloc);
    struct rp_message message;
    enum rp_fetch_class class = RP_FETCH_CLASS_RECEIVE_HEADER;
    if (rp_message_decode(client->request.traits, frame->type, frame->payload, &arena, &message) ==
        0) {
        class = RP_FETCH_CLASS_UNEXPECTED_TYPE;
        if (message.type == RP_MSG_FETCH_FILE_ACK) {
            note_ack(client, &message.as.fetch_file_ack);
            class = judge_ack(client, &message.as.fetch_file_ack);
        }
    }
    rp_arena_clear(&arena);
    return class;
}

static void begin_body(struct rp_fetch_client *client)
{
    client->state = CLIENT_BODY;
    client->phase_deadline_ns = RP_TIME_NEVER;
    client->body_size_bytes = (uint64_t)client->ack.size_bytes;
    if (client->request.byte_offset == 0) {
        rp_sha256_begin(client->request.hash);
    }
}

static void take_header(struct rp_fetch_client *client, struct rp_chunk chunk)
{
    struct rp_view rest = rp_chunk_view(chunk);
    struct rp_frame frame;
    bool is_out_of_memory = false;
    enum rp_frame_progress progress =
        rp_frame_reader_take(&client->reader, &rest, &frame, &is_out_of_memory);
    if (progress == RP_FRAME_NEED_MORE) {
        return;
    }
    enum rp_fetch_class class =
        progress == RP_FRAME_READY ? read_ack(client, &frame) : RP_FETCH_CLASS_RECEIVE_HEADER;
    if (class != RP_FETCH_CLASS_OK) {
        finish(client, class, is_out_of_memory ? RP_ERR_NOMEM : 0);
        return;
    }
    begin_body(client);
    if (client->body_size_bytes == 0) {
        verify(client);
        return;
    }
    /* The body begins at the very next byte, often in the same segment (wire.md 5.4). */
    take_body(client,
              rp_chunk_slice(chunk, chunk.length_bytes - rest.length_bytes, rest.length_bytes));
}

static void on_received(struct rp_fetch_client *client, struct rp_chunk chunk)
{
    /* A peer may answer before our side knows that the whole request is out. */
    if (client->state == CLIENT_SENDING || client->state == CLIENT_WAITING) {
        take_header(client, chunk);
    } else if (client->state == CLIENT_BODY) {
        take_body(client, chunk);
    }
}

static void on_ended(struct rp_fetch_client *client, int error)
{
    client->has_ended = true;
    client->end_error = error;
    if (client->is_sinking) {
        return; /* the last bytes may be the ones the sink is taking */
    }
    if (client->state == CLIENT_BODY) {
        on_ended_in_body(client);
    } else {
        finish(client, class_of_state(client), error != 0 ? error : RP_ERR_CLOSED);
    }
}

void rp_fetch_client_step(struct rp_fetch_client *client, const struct rp_fetch_event *event)
{
    if (client->state == CLIENT_FINISHED) {
        return;
    }
    if (client->state == CLIENT_NEW && event->kind != RP_FETCH_EV_START &&
        event->kind != RP_FETCH_EV_CANCEL) {
        return;
    }
    switch (event->kind) {
    case RP_FETCH_EV_START:
        if (client->state == CLIENT_NEW) {
            on_start(client, event->now_ns);
        }
        break;
    case RP_FETCH_EV_CONNECTED: on_connected(client, event); break;
    case RP_FETCH_EV_SENT: on_sent(client, event); break;
    case RP_FETCH_EV_WRITABLE: on_writable(client); break;
    case RP_FETCH_EV_RECEIVED: on_received(client, event->chunk); break;
    case RP_FETCH_EV_ENDED: on_ended(client, event->error); break;
    case RP_FETCH_EV_SUNK: on_sunk(client, event); break;
    case RP_FETCH_EV_TIMER:
        if (event->now_ns >= rp_fetch_client_deadline(client)) {
            finish(client, class_of_state(client), RP_ERR_TIMEOUT);
        }
        break;
    case RP_FETCH_EV_CANCEL: finish(client, RP_FETCH_CLASS_CANCELLED, RP_ERR_CANCELLED); break;
    }
}

const struct rp_fetch_ack *rp_fetch_client_ack(const struct rp_fetch_client *client)
{
    return client->has_ack ? &client->ack : NULL;
}
