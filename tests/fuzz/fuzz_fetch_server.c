/* A fetch served (behaviour.md 5): one request, in any bytes or signed as it should be, then a store,
 * a connection, timers and cancels that answer as the input says. Without the right MAC nothing
 * but a refusal goes out; a refusal carries no body; what goes out is the announced tail of the
 * file that the manifest has; the session always ends, exactly once. */
#include "protocol/fetch_server.h"

#include "protocol/frame.h"
#include "tests/fuzz/input.h"

#define STEP_MAX       256
#define TIMER_MAX      8
#define OUT_BYTES_MAX  ((size_t)1 << 22)
#define NOW_UNIX_S     1700000000
#define REFERENCES     1000000u
#define SERVE_TIMEOUT  (3 * RP_NS_PER_S)
#define FILE_COUNT     4
#define OWN_PATH_COUNT 6

static const struct {
    const char *path;
    int64_t size_bytes;
} FILES[FILE_COUNT] = {{"cpu/a.parquet", 700}, {"cpu/empty", 0}, {"cpu/big", 600000}, {"odd", -5}};
static const char *const OTHER_PATHS[OWN_PATH_COUNT - FILE_COUNT] = {"cpu/unknown", "../cpu/a"};
static const char HASH[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

struct session {
    struct fuzz_memory *memory;
    struct fuzz_input *input;
    const struct rp_traits *traits;
    struct rp_auth *auth;
    struct rp_fetch_server *server;
    struct rp_file_entry entries[FILE_COUNT];
    struct rp_fetch_file message;
    bool is_authentic, is_replayed; /* as this side sees it */
    struct rp_buffer sent;
    size_t ack_bytes; /* of `sent`, before any body byte */
    uint64_t body_bytes;
    rp_time_ns now_ns;
    /* What the server asked for and has not been told. */
    bool wants_stat, wants_open, wants_read, wants_room;
    uint64_t object_bytes, read_offset;
    size_t read_bytes;
    struct rp_chunk offered; /* by DO_SEND, owned reference */
    bool is_offered, is_body;
    size_t open_count, close_count;
    bool has_begun, has_accepted, has_refused, has_closed;
    size_t finish_count;
    struct rp_serve_action finish;
};

static uint8_t content_at(uint64_t offset)
{
    return (uint8_t)(offset * 31 % 251);
}

/* ---- What the node knows --------------------------------------------------------------------- */

static const struct rp_file_entry *find_entry(void *context, struct rp_view path)
{
    struct session *session = context;
    RP_ASSERT(session->is_authentic); /* behaviour.md 5.1: nothing is looked up before the MAC */
    for (size_t i = 0; i < FILE_COUNT; i++) {
        if (rp_view_equal(session->entries[i].path, path)) {
            return &session->entries[i];
        }
    }
    return NULL;
}

static bool remember_nonce(void *context, struct rp_view node_id, struct rp_view nonce,
                           int64_t timestamp_unix_s)
{
    struct session *session = context;
    (void)node_id;
    (void)nonce;
    (void)timestamp_unix_s;
    RP_ASSERT(session->is_authentic); /* a forgery takes no slot */
    return !session->is_replayed;
}

static bool is_bound_sender(void *context, struct rp_view node_id)
{
    (void)context;
    return node_id.length_bytes % 2 == 1;
}

/* ---- The request ----------------------------------------------------------------------------- */

static bool holds(const struct session *session, enum rp_auth_kind kind, struct rp_view mac)
{
    const struct rp_fetch_file *message = &session->message;
    struct rp_auth_tuple tuple = {.kind = kind,
                                  .nonce = message->nonce,
                                  .node_id = message->node_id,
                                  .cluster = rp_view_text("cluster"),
                                  .timestamp = message->timestamp,
                                  .path = message->path,
                                  .addressee = rp_view_text("server"),
                                  .byte_offset = message->byte_offset};
    return rp_auth_check(session->auth, &tuple, mac, NOW_UNIX_S, RP_MAC_TOLERANCE_S) == RP_AUTH_OK;
}

static struct rp_view sign(const struct session *session, enum rp_auth_kind kind,
                           char mac[RP_SHA256_HEX])
{
    const struct rp_fetch_file *message = &session->message;
    struct rp_auth_tuple tuple = {.kind = kind,
                                  .nonce = message->nonce,
                                  .node_id = message->node_id,
                                  .cluster = rp_view_text("cluster"),
                                  .timestamp = message->timestamp,
                                  .path = message->path,
                                  .addressee = rp_view_text("server"),
                                  .byte_offset = message->byte_offset};
    bool is_signed = rp_auth_sign(session->auth, &tuple, mac) == 0;
    return is_signed ? rp_view_make(mac, RP_SHA256_HEX) : rp_view_make(NULL, 0);
}

static struct rp_fetch_file take_message(struct fuzz_input *input)
{
    struct rp_fetch_file message;
    memset(&message, 0, sizeof message);
    size_t choice = fuzz_below(input, OWN_PATH_COUNT + 1);
    if (choice < FILE_COUNT) {
        message.path = rp_view_text(FILES[choice].path);
    } else if (choice < OWN_PATH_COUNT) {
        message.path = rp_view_text(OTHER_PATHS[choice - FILE_COUNT]);
    } else {
        message.path = fuzz_view(input, 200);
    }
    message.node_id = fuzz_flag(input) ? fuzz_view(input, 20) : rp_view_text("reader");
    message.nonce = rp_view_text("0011");
    message.timestamp = NOW_UNIX_S;
    if (fuzz_flag(input)) {
        message.timestamp = (int64_t)((uint64_t)NOW_UNIX_S + (uint64_t)fuzz_integer(input));
    }
    message.byte_offset = fuzz_integer(input);
    return message;
}

/* Through frame and codec when the input has the bytes; else field by field. */
static bool take_request(struct session *session, struct rp_arena *arena)
{
    struct fuzz_input *input = session->input;
    if (!fuzz_flag(input)) {
        session->message = take_message(input);
        return true;
    }
    struct rp_message message;
    struct rp_view payload = fuzz_view(input, 255);
    if (rp_message_decode(session->traits, RP_MSG_FETCH_FILE, payload, arena, &message) != 0) {
        return false;
    }
    session->message = message.as.fetch_file;
    return true;
}

/* The facts that this side needs to judge, made before the server sees the message. */
static void judge(struct session *session, bool is_signed, bool is_bound,
                  char macs[2][RP_SHA256_HEX])
{
    if (is_signed) {
        session->message.hmac = sign(session, RP_AUTH_FETCH, macs[0]);
    }
    if (is_bound) {
        session->message.bound_hmac = sign(session, RP_AUTH_BOUND_FETCH, macs[1]);
    }
    bool needs_binding = session->traits->fetch_binding == RP_FETCH_BINDING_ADDRESSEE &&
                         (session->message.bound_hmac.length_bytes > 0 ||
                          is_bound_sender(NULL, session->message.node_id));
    session->is_authentic =
        holds(session, RP_AUTH_FETCH, session->message.hmac) &&
        (!needs_binding || holds(session, RP_AUTH_BOUND_FETCH, session->message.bound_hmac));
}

/* ---- Actions --------------------------------------------------------------------------------- */

static void note_send(struct session *session, const struct rp_serve_action *action)
{
    RP_ASSERT(!session->is_offered && !session->has_closed);
    RP_ASSERT(action->chunk.length_bytes > 0);
    session->is_offered = true;
    session->is_body = action->body_bytes > 0;
    RP_ASSERT(!session->is_body || action->body_bytes == action->chunk.length_bytes);
    RP_ASSERT(!session->is_body || session->has_begun);
    rp_block_retain(action->chunk.block);
    session->offered = action->chunk;
}

static void note_read(struct session *session, const struct rp_serve_action *action)
{
    RP_ASSERT(session->open_count > session->close_count);
    RP_ASSERT(action->length_bytes > 0 && action->length_bytes <= RP_BODY_CHUNK_BYTES);
    session->wants_read = true;
    session->read_offset = action->offset_bytes;
    session->read_bytes = action->length_bytes;
}

static bool is_store_busy(const struct session *session)
{
    return session->wants_stat || session->wants_open || session->wants_read;
}

static void note_action(struct session *session, const struct rp_serve_action *action)
{
    bool is_store_call = action->kind == RP_SERVE_DO_STAT || action->kind == RP_SERVE_DO_OPEN ||
                         action->kind == RP_SERVE_DO_READ;
    RP_ASSERT(session->finish_count == 0);
    RP_ASSERT(!is_store_call || !is_store_busy(session));
    RP_ASSERT(!is_store_call || (session->is_authentic && !session->is_replayed));
    RP_ASSERT(!session->has_closed || action->kind == RP_SERVE_DO_FINISH);
    switch (action->kind) {
    case RP_SERVE_DO_REPORT_ACCEPTED:
        RP_ASSERT(session->is_authentic && !session->has_accepted);
        session->has_accepted = true;
        break;
    case RP_SERVE_DO_REPORT_REFUSED:
        RP_ASSERT(action->refusal != RP_SERVE_REFUSED_NOT && !session->has_refused);
        RP_ASSERT(!session->has_begun);
        session->has_refused = true;
        break;
    case RP_SERVE_DO_REPORT_BEGIN:
        RP_ASSERT(session->has_accepted && !session->has_refused && !session->has_begun);
        session->has_begun = true;
        break;
    case RP_SERVE_DO_STAT: session->wants_stat = true; break;
    case RP_SERVE_DO_OPEN: session->wants_open = true; break;
    case RP_SERVE_DO_READ: note_read(session, action); break;
    case RP_SERVE_DO_CANCEL_STORE:
        RP_ASSERT(is_store_busy(session));
        session->wants_stat = session->wants_open = session->wants_read = false;
        break;
    case RP_SERVE_DO_READ_CLOSE: session->close_count += 1; break;
    case RP_SERVE_DO_SEND: note_send(session, action); break;
    case RP_SERVE_DO_CLOSE: session->has_closed = true; break;
    case RP_SERVE_DO_FINISH:
        RP_ASSERT(session->has_closed);
        session->finish = *action;
        session->finish_count += 1;
        break;
    }
}

static void step(struct session *session, struct rp_serve_event event)
{
    struct rp_serve_action action;
    event.now_ns = session->now_ns;
    rp_fetch_server_step(session->server, &event);
    while (rp_fetch_server_next(session->server, &action)) {
        note_action(session, &action);
    }
    bool is_over = session->finish_count > 0;
    RP_ASSERT(is_over == (rp_fetch_server_deadline(session->server) == RP_TIME_NEVER));
}

/* ---- Answers --------------------------------------------------------------------------------- */

static int take_error(struct fuzz_input *input)
{
    static const int ERRORS[] = {0, 0, 0, RP_ERR_IO, RP_ERR_NOT_FOUND, RP_ERR_CANCELLED};
    return ERRORS[fuzz_below(input, sizeof ERRORS / sizeof ERRORS[0])];
}

static void answer_open(struct session *session)
{
    const struct rp_file_entry *entry = rp_fetch_server_entry(session->server);
    struct rp_serve_event event = {.kind = RP_SERVE_EV_OPENED, .error = take_error(session->input)};
    RP_ASSERT(entry != NULL);
    /* Mostly the size that the manifest says. */
    event.size_bytes = (uint64_t)entry->size_bytes + fuzz_below(session->input, 8) / 6;
    session->object_bytes = entry->size_bytes < 0 ? 0 : event.size_bytes;
    session->wants_open = false;
    session->open_count += event.error == 0;
    step(session, event);
}

/* The object's bytes follow from their place; the store may also come short. */
static void answer_read(struct session *session)
{
    struct rp_serve_event event = {.kind = RP_SERVE_EV_READ_DONE,
                                   .error = take_error(session->input)};
    uint64_t left = session->object_bytes <= session->read_offset
                        ? 0
                        : session->object_bytes - session->read_offset;
    size_t length = left < session->read_bytes ? (size_t)left : session->read_bytes;
    size_t cut = fuzz_byte(session->input);
    length = cut < 200 ? length : length * (255 - cut) / 256;
    struct rp_block *block;
    uint8_t *bytes;
    RP_ASSERT(rp_block_new(&session->memory->alloc, length, &block, &bytes) == 0);
    for (size_t i = 0; i < length; i++) {
        bytes[i] = content_at(session->read_offset + i);
    }
    event.chunk = rp_chunk_of(block);
    session->wants_read = false;
    step(session, event);
    rp_block_release(block);
}

static void take_sent(struct session *session, size_t taken)
{
    struct rp_view view = rp_view_make(session->offered.bytes, taken);
    RP_ASSERT(rp_buffer_append(&session->sent, view) == 0);
    session->body_bytes += session->is_body ? taken : 0;
    session->ack_bytes += session->is_body ? 0 : taken;
    RP_ASSERT(session->sent.length_bytes == session->ack_bytes + session->body_bytes);
}

static void answer_send(struct session *session)
{
    size_t whole = session->offered.length_bytes;
    size_t share = fuzz_byte(session->input);
    size_t taken = share < 200 ? whole : whole * (255 - share) / 256;
    struct rp_block *block = session->offered.block;
    take_sent(session, taken);
    session->is_offered = false;
    session->wants_room = taken < whole;
    step(session, (struct rp_serve_event){.kind = RP_SERVE_EV_SENT, .taken_bytes = taken});
    rp_block_release(block);
}

/* The next thing that somebody waits for; false when nobody waits for anything but time. */
static bool answer_next(struct session *session)
{
    if (session->is_offered) {
        answer_send(session);
    } else if (session->wants_room) {
        session->wants_room = false;
        step(session, (struct rp_serve_event){.kind = RP_SERVE_EV_WRITABLE});
    } else if (session->wants_stat) {
        struct rp_serve_event event = {.kind = RP_SERVE_EV_STATED,
                                       .error = take_error(session->input)};
        event.is_present = fuzz_below(session->input, 4) != 3;
        session->wants_stat = false;
        step(session, event);
    } else if (session->wants_open) {
        answer_open(session);
    } else if (session->wants_read) {
        answer_read(session);
    } else {
        return false;
    }
    return true;
}

/* What comes unasked. */
static void disturb(struct session *session, uint8_t choice)
{
    struct rp_serve_event event = {.kind = RP_SERVE_EV_TIMER};
    switch (choice % 8) {
    case 0: session->now_ns = rp_fetch_server_deadline(session->server); break;
    case 1: session->now_ns += RP_NS_PER_S; break;
    case 2: event.kind = RP_SERVE_EV_CANCEL; break;
    case 3:
        event.kind = RP_SERVE_EV_ENDED;
        event.error = RP_ERR_RESET;
        break;
    case 4: event.kind = RP_SERVE_EV_ENDED; break;
    case 5: event.kind = RP_SERVE_EV_WRITABLE; break;
    case 6: event.kind = RP_SERVE_EV_STATED; break;
    default: event.kind = RP_SERVE_EV_START; break;
    }
    bool is_answer_of_stat = event.kind == RP_SERVE_EV_STATED && session->wants_stat;
    bool is_early_room = event.kind == RP_SERVE_EV_WRITABLE && session->is_offered;
    if (!is_answer_of_stat && !is_early_room) {
        session->wants_room = session->wants_room && event.kind != RP_SERVE_EV_WRITABLE;
        step(session, event);
    }
}

static void run(struct session *session)
{
    for (int i = 0; i < STEP_MAX && session->finish_count == 0; i++) {
        uint8_t choice = fuzz_byte(session->input);
        if (choice >= 224) {
            disturb(session, choice);
        } else if (!answer_next(session)) {
            break;
        }
    }
    /* Nobody answers any more: time alone ends it, in a few steps. */
    for (int i = 0; i < TIMER_MAX && session->finish_count == 0; i++) {
        session->now_ns = rp_fetch_server_deadline(session->server);
        step(session, (struct rp_serve_event){.kind = RP_SERVE_EV_TIMER});
    }
    RP_ASSERT(session->finish_count == 1);
}

/* ---- What came of it ------------------------------------------------------------------------- */

static bool is_known_code(struct rp_view code)
{
    static const char *const CODES[] = {"auth",    "invalid_path", "raft",      "manifest",
                                        "backend", "not_found",    "bad_offset"};
    for (size_t i = 0; i < sizeof CODES / sizeof CODES[0]; i++) {
        if (rp_view_equal(code, rp_view_text(CODES[i]))) {
            return true;
        }
    }
    return false;
}

static void check_ack(const struct session *session, const struct rp_fetch_file_ack *ack)
{
    bool has_codes = session->traits->wire_fields != RP_WIRE_PLAIN;
    RP_ASSERT(rp_view_equal(ack->status, rp_view_text(session->has_refused ? "error" : "ok")));
    if (session->has_refused) {
        RP_ASSERT(session->body_bytes == 0);
        RP_ASSERT(is_known_code(ack->code) == has_codes);
        RP_ASSERT(ack->size_bytes == 0 && ack->sha256.length_bytes == 0);
        return;
    }
    const struct rp_file_entry *entry = rp_fetch_server_entry(session->server);
    int64_t offset = (int64_t)rp_fetch_server_offset(session->server);
    RP_ASSERT(entry != NULL && rp_view_equal(entry->path, session->message.path));
    RP_ASSERT(rp_view_equal(ack->sha256, entry->sha256));
    RP_ASSERT(ack->size_bytes == entry->size_bytes - offset);
    bool is_announced = session->traits->serve_length == RP_SERVE_ANNOUNCED;
    if (is_announced) {
        RP_ASSERT(session->body_bytes <= (uint64_t)ack->size_bytes);
        RP_ASSERT(session->finish.outcome != RP_SERVE_SERVED ||
                  session->body_bytes == (uint64_t)ack->size_bytes);
    }
}

static void check_body(const struct session *session)
{
    uint64_t offset = rp_fetch_server_offset(session->server);
    for (size_t i = 0; i < session->body_bytes; i++) {
        RP_ASSERT(session->sent.bytes[session->ack_bytes + i] == content_at(offset + i));
    }
}

static void check_sent(const struct session *session)
{
    struct rp_frame_reader reader;
    struct rp_frame frame;
    struct rp_arena arena;
    struct rp_message message;
    bool is_out_of_memory = false;
    struct rp_view sent = rp_view_make(session->sent.bytes, session->ack_bytes);
    rp_frame_reader_init(&reader, &session->memory->alloc);
    rp_arena_init(&arena, &session->memory->alloc);
    if (rp_frame_reader_take(&reader, &sent, &frame, &is_out_of_memory) == RP_FRAME_READY) {
        RP_ASSERT(sent.length_bytes == 0);
        RP_ASSERT(rp_message_decode(session->traits, frame.type, frame.payload, &arena, &message) ==
                  0);
        RP_ASSERT(message.type == RP_MSG_FETCH_FILE_ACK);
        check_ack(session, &message.as.fetch_file_ack);
    } else {
        RP_ASSERT(session->body_bytes == 0);
    }
    check_body(session);
    rp_arena_clear(&arena);
    rp_frame_reader_clear(&reader);
}

static void check_end(const struct session *session)
{
    RP_ASSERT(session->finish.body_bytes == session->body_bytes);
    RP_ASSERT((session->finish.refusal != RP_SERVE_REFUSED_NOT) == session->has_refused);
    RP_ASSERT(session->is_authentic || session->has_refused);
    RP_ASSERT(session->finish.outcome != RP_SERVE_SERVED || session->has_begun);
    RP_ASSERT(session->open_count == session->close_count);
    RP_ASSERT(rp_serve_outcome_name(session->finish.outcome) != NULL);
    RP_ASSERT(rp_serve_refusal_name(session->finish.refusal) != NULL);
    check_sent(session);
}

/* ---- A session ------------------------------------------------------------------------------- */

static void open_session(struct session *session)
{
    struct fuzz_input *input = session->input;
    char macs[2][RP_SHA256_HEX];
    uint8_t flags = fuzz_byte(input); /* 0: all is there and signed */
    judge(session, (flags & 1) == 0, (flags & 2) == 0, macs);
    session->is_replayed =
        (flags & 4) != 0 && session->traits->replay_memory == RP_REPLAY_EVERY_KIND;
    struct rp_serve_facts facts = {.auth = (flags & 8) != 0 ? NULL : session->auth,
                                   .self_id = rp_view_text("server"),
                                   .cluster = rp_view_text("cluster"),
                                   .wall_unix_s = NOW_UNIX_S,
                                   .serve_timeout_ns = SERVE_TIMEOUT,
                                   .has_consensus = (flags & 16) == 0,
                                   .has_fsm = (flags & 32) == 0,
                                   .has_backend = (flags & 64) == 0,
                                   .context = session,
                                   .is_bound_sender = is_bound_sender,
                                   .remember_nonce = remember_nonce,
                                   .find_entry = find_entry};
    session->is_authentic = session->is_authentic && facts.auth != NULL;
    step(session, (struct rp_serve_event){
                      .kind = RP_SERVE_EV_START, .message = &session->message, .facts = &facts});
    RP_ASSERT(session->has_refused || session->is_authentic);
}

static void make_entries(struct session *session)
{
    for (size_t i = 0; i < FILE_COUNT; i++) {
        session->entries[i] = (struct rp_file_entry){.reference_count = REFERENCES,
                                                     .path = rp_view_text(FILES[i].path),
                                                     .sha256 = rp_view_text(HASH),
                                                     .size_bytes = FILES[i].size_bytes};
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input_of(data, size);
    struct fuzz_memory memory;
    struct session session;
    struct rp_arena arena;
    fuzz_memory_init(&memory);
    memset(&session, 0, sizeof session);
    session.memory = &memory;
    session.input = &input;
    session.traits = fuzz_traits(&input);
    make_entries(&session);
    rp_arena_init(&arena, &memory.alloc);
    rp_buffer_init(&session.sent, &memory.alloc, OUT_BYTES_MAX);
    RP_ASSERT(rp_auth_new(session.traits, rp_view_text("secret"), &memory.alloc, &session.auth) ==
              0);
    RP_ASSERT(rp_fetch_server_new(session.traits, &memory.alloc, &session.server) == 0);
    if (take_request(&session, &arena)) {
        open_session(&session);
        run(&session);
        check_end(&session);
    }
    if (session.is_offered) {
        rp_block_release(session.offered.block);
    }
    rp_fetch_server_free(session.server);
    rp_auth_free(session.auth);
    rp_buffer_clear(&session.sent);
    rp_arena_clear(&arena);
    for (size_t i = 0; i < FILE_COUNT; i++) {
        RP_ASSERT(session.entries[i].reference_count == REFERENCES);
    }
    fuzz_memory_check(&memory);
    return 0;
}
