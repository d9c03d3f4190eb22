/* A fetch asked for (behaviour.md 6): a server that sends anything in any pieces, a sink and a
 * connection that fail, timers and cancels at any time. It ends exactly once; it says OK only when
 * the sink holds bytes with the hash that was asked for; time alone brings every fetch to its end. */
#include "protocol/fetch_client.h"

#include "protocol/frame.h"
#include "protocol/message.h"
#include "tests/fuzz/input.h"

#define STEP_MAX      256
#define TIMER_MAX     8
#define BODY_MAX      ((size_t)300)
#define OUT_BYTES_MAX ((size_t)1 << 22)

struct session {
    struct fuzz_memory *memory;
    struct fuzz_input *input;
    const struct rp_traits *traits;
    struct rp_auth *auth;
    struct rp_sha256 *hash, *check_hash;
    struct rp_fetch_client *client;
    struct rp_fetch_request request;
    char sha256[RP_SHA256_HEX];
    uint8_t content[BODY_MAX]; /* what the right file holds */
    struct rp_buffer script;   /* what the server sends */
    size_t script_at;
    struct rp_buffer sent, sunk;
    rp_time_ns now_ns;
    bool is_dialling, is_up, is_paused, is_ended;
    struct rp_chunk offered, append; /* by DO_SEND and DO_APPEND, owned references */
    bool is_offered, is_append, wants_room;
    bool has_connected, has_closed, has_ack;
    size_t finish_count;
    struct rp_fetch_action finish;
};

/* ---- The request ----------------------------------------------------------------------------- */

static void hash_of(struct rp_sha256 *hash, struct rp_view bytes, char hex_out[RP_SHA256_HEX])
{
    rp_sha256_begin(hash);
    rp_sha256_update(hash, bytes);
    rp_sha256_hex(hash, hex_out);
}

static void make_request(struct session *session)
{
    struct fuzz_input *input = session->input;
    struct rp_fetch_request *request = &session->request;
    size_t size_bytes = fuzz_byte(input) % BODY_MAX;
    for (size_t i = 0; i < BODY_MAX; i++) {
        session->content[i] = (uint8_t)(i * 31 % 251);
    }
    hash_of(session->check_hash, rp_view_make(session->content, size_bytes), session->sha256);
    request->traits = session->traits;
    request->auth = session->auth;
    request->hash = session->hash;
    request->node_id = rp_view_text("reader");
    request->cluster = rp_view_text("cluster");
    request->path = rp_view_text("cpu/a.parquet");
    request->nonce = rp_view_text("0011");
    request->sha256 = rp_view_make(session->sha256, RP_SHA256_HEX);
    request->size_bytes = (int64_t)size_bytes;
    request->fetch_timeout_ns = 60 * RP_NS_PER_S;
    uint8_t flags = fuzz_byte(input); /* 0: an ordinary request */
    if ((flags & 1) != 0) {
        request->addressee = rp_view_text("server");
    }
    if ((flags & 2) != 0) {
        request->size_bytes = fuzz_integer(input);
    }
    if ((flags & 4) != 0) {
        request->sha256 = fuzz_view(input, RP_SHA256_HEX);
    }
    if ((flags & 8) != 0) {
        request->byte_offset = (int64_t)fuzz_below(input, size_bytes + 1);
        request->is_prefix_hashed = request->byte_offset > 0;
    }
    if ((flags & 16) != 0) {
        request->byte_offset = fuzz_integer(input);
    }
}

/* What was asked for is hashed before a resume, and counts as sunk. */
static void begin_prefix(struct session *session)
{
    const struct rp_fetch_request *request = &session->request;
    if (request->is_prefix_hashed && request->byte_offset > 0 &&
        (uint64_t)request->byte_offset <= BODY_MAX) {
        struct rp_view prefix = rp_view_make(session->content, (size_t)request->byte_offset);
        rp_sha256_begin(session->hash);
        rp_sha256_update(session->hash, prefix);
        RP_ASSERT(rp_buffer_append(&session->sunk, prefix) == 0);
    } else {
        session->request.is_prefix_hashed = false;
    }
}

/* ---- The server's bytes ---------------------------------------------------------------------- */

static void script_ack(struct session *session)
{
    struct fuzz_input *input = session->input;
    const struct rp_fetch_request *request = &session->request;
    struct rp_message message = {.type = RP_MSG_FETCH_FILE_ACK};
    struct rp_fetch_file_ack *ack = &message.as.fetch_file_ack;
    uint8_t flags = fuzz_byte(input); /* 0: the right answer */
    ack->status = rp_view_text((flags & 1) != 0 ? "error" : "ok");
    ack->sha256 = request->sha256;
    ack->size_bytes = (int64_t)((uint64_t)request->size_bytes - (uint64_t)request->byte_offset);
    ack->byte_offset = request->byte_offset;
    if ((flags & 2) != 0) {
        ack->code = fuzz_view(input, 20);
        ack->error = fuzz_view(input, 40);
    }
    if ((flags & 4) != 0) {
        ack->size_bytes = fuzz_integer(input);
    }
    if ((flags & 8) != 0) {
        ack->byte_offset = fuzz_integer(input);
    }
    if ((flags & 16) != 0) {
        ack->sha256 = fuzz_view(input, RP_SHA256_HEX);
    }
    RP_ASSERT(rp_message_encode(session->traits, &message, &session->script) == 0);
}

static void make_script(struct session *session)
{
    struct fuzz_input *input = session->input;
    uint8_t flags = fuzz_byte(input); /* 0: ack, then the body */
    if ((flags & 1) != 0) {
        RP_ASSERT(rp_buffer_append(&session->script, fuzz_view(input, 255)) == 0);
    } else {
        script_ack(session);
    }
    size_t header_bytes = session->script.length_bytes;
    size_t from =
        session->request.byte_offset > 0 && (uint64_t)session->request.byte_offset < BODY_MAX
            ? (size_t)session->request.byte_offset
            : 0;
    size_t length = BODY_MAX - from; /* more than the file has: the rest is never looked at */
    struct rp_view body = rp_view_make(session->content + from, length);
    RP_ASSERT(rp_buffer_append(&session->script, body) == 0);
    if ((flags & 2) != 0) {
        size_t place = header_bytes + fuzz_byte(input) % length;
        session->script.bytes[place] ^= fuzz_byte(input);
    }
    if ((flags & 4) != 0) {
        session->script.length_bytes -= fuzz_below(input, length);
    }
}

/* ---- Actions --------------------------------------------------------------------------------- */

static void note_finish(struct session *session, const struct rp_fetch_action *action)
{
    RP_ASSERT(session->has_closed == session->has_connected || session->is_ended ||
              !session->is_up);
    session->finish = *action;
    session->finish_count += 1;
}

static void note_action(struct session *session, const struct rp_fetch_action *action)
{
    RP_ASSERT(session->finish_count == 0);
    RP_ASSERT(!session->has_closed || action->kind == RP_FETCH_DO_FINISH);
    switch (action->kind) {
    case RP_FETCH_DO_CONNECT:
        RP_ASSERT(!session->has_connected);
        session->has_connected = true;
        session->is_dialling = true;
        break;
    case RP_FETCH_DO_SEND:
        RP_ASSERT(session->is_up && !session->is_offered && action->chunk.length_bytes > 0);
        session->is_offered = true;
        rp_block_retain(action->chunk.block);
        session->offered = action->chunk;
        break;
    case RP_FETCH_DO_REPORT_ACK:
        RP_ASSERT(!session->has_ack && rp_fetch_client_ack(session->client) != NULL);
        session->has_ack = true;
        break;
    case RP_FETCH_DO_APPEND:
        RP_ASSERT(!session->is_append && session->has_ack && action->chunk.length_bytes > 0);
        session->is_append = true;
        session->is_paused = true;
        rp_block_retain(action->chunk.block);
        session->append = action->chunk;
        break;
    case RP_FETCH_DO_RESUME:
        RP_ASSERT(session->is_paused && !session->is_append);
        session->is_paused = false;
        break;
    case RP_FETCH_DO_CLOSE:
        RP_ASSERT(session->has_connected);
        session->has_closed = true;
        break;
    case RP_FETCH_DO_FINISH: note_finish(session, action); break;
    }
}

static void step(struct session *session, struct rp_fetch_event event)
{
    struct rp_fetch_action action;
    event.now_ns = session->now_ns;
    rp_fetch_client_step(session->client, &event);
    while (rp_fetch_client_next(session->client, &action)) {
        note_action(session, &action);
    }
}

/* ---- Answers --------------------------------------------------------------------------------- */

static void answer_dial(struct session *session)
{
    struct rp_fetch_event event = {.kind = RP_FETCH_EV_CONNECTED, .wall_unix_s = 1700000000};
    event.error = fuzz_byte(session->input) >= 240 ? RP_ERR_REFUSED : 0;
    session->is_dialling = false;
    session->is_up = event.error == 0;
    step(session, event);
}

static void answer_send(struct session *session)
{
    size_t whole = session->offered.length_bytes;
    size_t share = fuzz_byte(session->input);
    size_t taken = share < 200 ? whole : whole * (255 - share) / 256;
    struct rp_block *block = session->offered.block;
    RP_ASSERT(rp_buffer_append(&session->sent, rp_view_make(session->offered.bytes, taken)) == 0);
    session->is_offered = false;
    session->wants_room = taken < whole;
    step(session, (struct rp_fetch_event){.kind = RP_FETCH_EV_SENT, .taken_bytes = taken});
    rp_block_release(block);
}

static void answer_append(struct session *session)
{
    size_t whole = session->append.length_bytes;
    size_t share = fuzz_byte(session->input);
    struct rp_fetch_event event = {.kind = RP_FETCH_EV_SUNK};
    struct rp_block *block = session->append.block;
    event.error = share >= 250 ? RP_ERR_NO_SPACE : 0;
    event.taken_bytes = share < 200 ? whole : 1 + (whole - 1) * (255 - share) / 256;
    if (event.error == 0) {
        struct rp_view taken = rp_view_make(session->append.bytes, event.taken_bytes);
        RP_ASSERT(rp_buffer_append(&session->sunk, taken) == 0);
    }
    session->is_append = false;
    step(session, event);
    rp_block_release(block);
}

static void answer_bytes(struct session *session)
{
    size_t left = session->script.length_bytes - session->script_at;
    size_t length = 1 + fuzz_byte(session->input) * 2u;
    length = length < left ? length : left;
    struct rp_chunk chunk = fuzz_chunk(
        session->memory, rp_view_make(session->script.bytes + session->script_at, length));
    session->script_at += length;
    step(session, (struct rp_fetch_event){.kind = RP_FETCH_EV_RECEIVED, .chunk = chunk});
    rp_block_release(chunk.block);
}

static bool can_receive(const struct session *session)
{
    return session->is_up && !session->is_ended && !session->is_paused;
}

/* The next thing that somebody waits for; false when nobody waits for anything but time. */
static bool answer_next(struct session *session)
{
    if (session->is_dialling) {
        answer_dial(session);
    } else if (session->is_offered) {
        answer_send(session);
    } else if (session->is_append) {
        answer_append(session);
    } else if (session->wants_room) {
        session->wants_room = false;
        step(session, (struct rp_fetch_event){.kind = RP_FETCH_EV_WRITABLE});
    } else if (can_receive(session) && session->script_at < session->script.length_bytes) {
        answer_bytes(session);
    } else {
        return false;
    }
    return true;
}

static void end_stream(struct session *session, int error)
{
    if (session->is_up && !session->is_ended) {
        session->is_ended = true;
        step(session, (struct rp_fetch_event){.kind = RP_FETCH_EV_ENDED, .error = error});
    }
}

static void disturb(struct session *session, uint8_t choice)
{
    switch (choice % 8) {
    case 0: session->now_ns += RP_NS_PER_S; break;
    case 1: session->now_ns = rp_fetch_client_deadline(session->client); break;
    case 2: end_stream(session, 0); return;
    case 3: end_stream(session, RP_ERR_RESET); return;
    case 4: step(session, (struct rp_fetch_event){.kind = RP_FETCH_EV_CANCEL}); return;
    case 5: step(session, (struct rp_fetch_event){.kind = RP_FETCH_EV_START}); return;
    case 6: /* bytes before the request is out */
        if (can_receive(session) && session->script_at < session->script.length_bytes) {
            answer_bytes(session);
        }
        return;
    default: break;
    }
    step(session, (struct rp_fetch_event){.kind = RP_FETCH_EV_TIMER});
}

static void run(struct session *session)
{
    step(session, (struct rp_fetch_event){.kind = RP_FETCH_EV_START});
    for (int i = 0; i < STEP_MAX && session->finish_count == 0; i++) {
        uint8_t choice = fuzz_byte(session->input);
        if (choice >= 224) {
            disturb(session, choice);
        } else if (!answer_next(session)) {
            break;
        }
    }
    session->input->at = session->input->end; /* from here on, everything is taken whole */
    /* Nobody answers any more. Where a release sets the body no bound, the stream's end does. */
    for (int i = 0; i < TIMER_MAX && session->finish_count == 0; i++) {
        rp_time_ns deadline_ns = rp_fetch_client_deadline(session->client);
        bool is_unbound = deadline_ns == RP_TIME_NEVER;
        RP_ASSERT(!is_unbound || (session->traits->body_deadline == RP_BODY_UNBOUND &&
                                  session->has_ack && session->is_up));
        if (is_unbound && session->is_append) {
            answer_append(session);
        } else if (is_unbound) {
            end_stream(session, 0);
        } else {
            session->now_ns = deadline_ns;
            step(session, (struct rp_fetch_event){.kind = RP_FETCH_EV_TIMER});
        }
    }
}

/* ---- What came of it ------------------------------------------------------------------------- */

/* What went out is a prefix of one request that the peer would accept. */
static void check_request(const struct session *session)
{
    struct rp_frame_reader reader;
    struct rp_frame frame;
    struct rp_arena arena;
    struct rp_message message;
    bool is_out_of_memory = false;
    struct rp_view sent = rp_buffer_view(&session->sent);
    rp_frame_reader_init(&reader, &session->memory->alloc);
    rp_arena_init(&arena, &session->memory->alloc);
    if (rp_frame_reader_take(&reader, &sent, &frame, &is_out_of_memory) == RP_FRAME_READY) {
        RP_ASSERT(sent.length_bytes == 0);
        RP_ASSERT(rp_message_decode(session->traits, frame.type, frame.payload, &arena, &message) ==
                  0);
        const struct rp_fetch_file *fetch = &message.as.fetch_file;
        struct rp_auth_tuple tuple = {.kind = RP_AUTH_FETCH,
                                      .nonce = fetch->nonce,
                                      .node_id = fetch->node_id,
                                      .cluster = rp_view_text("cluster"),
                                      .timestamp = fetch->timestamp,
                                      .path = fetch->path};
        RP_ASSERT(message.type == RP_MSG_FETCH_FILE);
        RP_ASSERT(rp_view_equal(fetch->path, session->request.path));
        RP_ASSERT(rp_auth_check(session->auth, &tuple, fetch->hmac, fetch->timestamp, 0) ==
                  RP_AUTH_OK);
    }
    rp_arena_clear(&arena);
    rp_frame_reader_clear(&reader);
}

static void check_end(struct session *session)
{
    const struct rp_fetch_action *finish = &session->finish;
    const struct rp_fetch_request *request = &session->request;
    RP_ASSERT(session->finish_count == 1);
    uint64_t prefix = request->is_prefix_hashed ? (uint64_t)request->byte_offset : 0;
    RP_ASSERT(session->sunk.length_bytes == prefix + finish->sunk_bytes);
    RP_ASSERT(rp_fetch_class_name(finish->class) != NULL);
    RP_ASSERT(rp_fetch_outcome_name(finish->outcome) != NULL);
    RP_ASSERT(rp_fetch_client_deadline(session->client) == RP_TIME_NEVER);
    RP_ASSERT(finish->class != RP_FETCH_CLASS_BAD_ARGUMENTS || !session->has_connected);
    /* Never more than was announced, which is what was asked for. */
    RP_ASSERT(finish->sunk_bytes == 0 ||
              finish->sunk_bytes <= (uint64_t)(request->size_bytes - request->byte_offset));
    if (finish->outcome == RP_FETCH_OK) {
        char hex[RP_SHA256_HEX];
        hash_of(session->check_hash, rp_buffer_view(&session->sunk), hex);
        RP_ASSERT(rp_view_equal(rp_view_make(hex, sizeof hex), request->sha256));
        RP_ASSERT((int64_t)session->sunk.length_bytes == request->size_bytes);
        RP_ASSERT(session->has_ack && rp_fetch_client_ack(session->client)->is_ok);
    }
    /* Late events of the world change nothing. */
    step(session, (struct rp_fetch_event){.kind = RP_FETCH_EV_CANCEL});
    step(session, (struct rp_fetch_event){.kind = RP_FETCH_EV_TIMER});
    check_request(session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input_of(data, size);
    struct fuzz_memory memory;
    struct session session;
    fuzz_memory_init(&memory);
    memset(&session, 0, sizeof session);
    session.memory = &memory;
    session.input = &input;
    session.traits = fuzz_traits(&input);
    rp_buffer_init(&session.script, &memory.alloc, OUT_BYTES_MAX);
    rp_buffer_init(&session.sent, &memory.alloc, OUT_BYTES_MAX);
    rp_buffer_init(&session.sunk, &memory.alloc, OUT_BYTES_MAX);
    RP_ASSERT(rp_auth_new(session.traits, rp_view_text("secret"), &memory.alloc, &session.auth) ==
              0);
    RP_ASSERT(rp_sha256_new(&memory.alloc, &session.hash) == 0);
    RP_ASSERT(rp_sha256_new(&memory.alloc, &session.check_hash) == 0);
    make_request(&session);
    begin_prefix(&session);
    make_script(&session);
    RP_ASSERT(rp_fetch_client_new(&session.request, &memory.alloc, &session.client) == 0);
    run(&session);
    check_end(&session);
    rp_block_release(session.is_offered ? session.offered.block : NULL);
    rp_block_release(session.is_append ? session.append.block : NULL);
    rp_fetch_client_free(session.client);
    rp_auth_free(session.auth);
    rp_sha256_free(session.hash);
    rp_sha256_free(session.check_hash);
    rp_buffer_clear(&session.script);
    rp_buffer_clear(&session.sent);
    rp_buffer_clear(&session.sunk);
    fuzz_memory_check(&memory);
    return 0;
}
