#include "fault/hostile_inner.h"

#include "fault/between.h"
#include "protocol/error.h"
#include "protocol/frame.h"
#include "protocol/limits.h"

/* The decorator: which connections answer a fetch, and what the node's bytes on them turn into.
 *
 *   accepted -> REQUEST --FetchFile chosen--> ACK --answered--> BODY, SWALLOWING, HELD or CLOSING
 *
 * A connection without a record here passes unchanged. What is to be closed is closed from an event
 * of its own, in which the node is told too, so that port and node never disagree about a handle. */

#define DRIP_INTERVAL_NS (200 * RP_NS_PER_MS)
#define EXTRA_BYTES_MAX  65536u

enum conn_stage {
    CONN_REQUEST,   /* the request is not whole yet, or no fetch was chosen */
    CONN_ACK,       /* the node's ack is not whole yet */
    CONN_BODY,      /* pieces are passed on, or turned into something else */
    CONN_SWALLOWED, /* the rest goes nowhere; the node closes */
    CONN_HELD,      /* as SWALLOWED, and closed only by the peer or when the misdeed ends */
    CONN_CLOSING    /* as SWALLOWED, and closed as soon as `out` is through */
};

struct hostile_conn {
    struct fault_hostile *hostile;
    rp_conn conn;
    enum conn_stage stage;
    struct hostile_misdeed misdeed;
    char *path; /* owned; of the request */
    size_t path_bytes;
    struct rp_frame_reader reader; /* of the request, then of the ack */
    struct rp_chunk out;           /* goes before anything else; owned reference */
    struct rp_chunk drip;          /* what is fed byte by byte; owned reference */
    uint64_t body_bytes;           /* of the node's body, passed on so far */
    bool is_begun;                 /* the misdeed; it is told once */
    bool is_reset;                 /* CLOSING by a reset */
    bool is_node_gone;             /* the node closed; the rest is ours */
    struct rp_timer timer;         /* of the drip, and of the close */
};

struct fault_hostile {
    struct fault_between between; /* records are owned */
    struct fault_hostile_params params;
    bool is_active;
    struct fault_hostile_spec spec;
};

/* ---- Records ------------------------------------------------------------------------------------- */

static struct hostile_conn *find(const struct fault_hostile *hostile, rp_conn conn)
{
    return fault_between_find(&hostile->between, conn);
}

static void disarm(struct hostile_conn *conn)
{
    const struct rp_clock_port *clock = &conn->hostile->params.clock;
    if (rp_timer_is_armed(&conn->timer)) {
        clock->disarm(clock->state, &conn->timer);
    }
}

static void arm(struct hostile_conn *conn, rp_time_ns wait_ns)
{
    const struct rp_clock_port *clock = &conn->hostile->params.clock;
    clock->arm(clock->state, &conn->timer, clock->now_ns(clock->state) + wait_ns);
}

static void destroy(struct hostile_conn *conn)
{
    const struct rp_alloc *alloc = conn->hostile->params.alloc;
    disarm(conn);
    rp_block_release(conn->out.block);
    rp_block_release(conn->drip.block);
    rp_frame_reader_clear(&conn->reader);
    rp_release(alloc, conn->path);
    rp_release(alloc, conn);
}

/* From here on the connection, if it lives, passes unchanged. */
static void forget(struct hostile_conn *conn)
{
    fault_between_remove(&conn->hostile->between, conn->conn);
    destroy(conn);
}

static void on_timer(void *context);

static struct hostile_conn *conn_new(struct fault_hostile *hostile, rp_conn handle)
{
    const struct rp_alloc *alloc = hostile->params.alloc;
    struct hostile_conn *conn = rp_allocate_zeroed(alloc, sizeof *conn);
    if (conn == NULL) {
        return NULL;
    }
    conn->hostile = hostile;
    conn->conn = handle;
    conn->stage = CONN_REQUEST;
    conn->timer.fire = on_timer;
    conn->timer.context = conn;
    rp_frame_reader_init(&conn->reader, alloc);
    if (fault_between_put(&hostile->between, &conn->conn, conn) != 0) {
        destroy(conn);
        return NULL;
    }
    return conn;
}

static void begin_misdeed(struct hostile_conn *conn)
{
    const struct fault_hostile_params *params = &conn->hostile->params;
    if (!conn->is_begun && params->noted != NULL) {
        params->noted(params->context, conn->misdeed.kind,
                      rp_view_make(conn->path, conn->path_bytes));
    }
    conn->is_begun = true;
}

/* ---- Ends ------------------------------------------------------------------------------------------ */

/* The port's handle goes, and the node hears of it unless it closed already. From an event only. */
static void end_conn(struct hostile_conn *conn)
{
    struct fault_hostile *hostile = conn->hostile;
    const struct rp_net_port *net = &hostile->between.below;
    rp_conn handle = conn->conn;
    bool is_node_gone = conn->is_node_gone;
    if (conn->is_reset) {
        net->abort(net->state, handle);
    } else {
        net->close(net->state, handle);
    }
    forget(conn);
    if (!is_node_gone) {
        hostile->between.node.ended(hostile->between.node.context, handle, RP_ERR_RESET);
    }
}

static void close_soon(struct hostile_conn *conn, bool is_reset)
{
    conn->stage = CONN_CLOSING;
    conn->is_reset = is_reset;
    rp_block_release(conn->drip.block);
    memset(&conn->drip, 0, sizeof conn->drip);
    if (conn->out.length_bytes == 0 || is_reset) {
        arm(conn, 0);
    }
}

/* ---- What goes out ----------------------------------------------------------------------------------- */

/* True: nothing is left that has to go first. */
static bool push_out(struct hostile_conn *conn)
{
    const struct rp_net_port *net = &conn->hostile->between.below;
    if (conn->out.length_bytes > 0) {
        size_t taken = net->send(net->state, conn->conn, conn->out);
        conn->out = rp_chunk_slice(conn->out, taken, conn->out.length_bytes - taken);
    }
    if (conn->out.length_bytes > 0) {
        return false;
    }
    rp_block_release(conn->out.block);
    memset(&conn->out, 0, sizeof conn->out);
    return true;
}

/* Only when nothing is left of what went before. */
static int set_out(struct hostile_conn *conn, struct rp_view bytes)
{
    struct rp_block *block = NULL;
    uint8_t *copy = NULL;
    if (bytes.length_bytes == 0) {
        return 0;
    }
    int error = rp_block_new(conn->hostile->params.alloc, bytes.length_bytes, &block, &copy);
    if (error == 0) {
        memcpy(copy, bytes.bytes, bytes.length_bytes);
        conn->out = rp_chunk_of(block);
    }
    return error;
}

static size_t pass(struct hostile_conn *conn, struct rp_chunk chunk)
{
    const struct rp_net_port *net = &conn->hostile->between.below;
    size_t taken = net->send(net->state, conn->conn, chunk);
    conn->body_bytes += taken;
    return taken;
}

/* As many bytes, but others: forged ones, or one of them changed. The body's place moves with what
 * was taken; the rest is changed anew when it is offered again. */
static size_t pass_changed(struct hostile_conn *conn, struct rp_chunk chunk)
{
    const struct fault_hostile_params *params = &conn->hostile->params;
    size_t length = chunk.length_bytes;
    struct rp_block *block = NULL;
    uint8_t *bytes = NULL;
    if (rp_block_new(params->alloc, length, &block, &bytes) != 0) {
        return length; /* out of memory: lost, which is another wrong body */
    }
    if (conn->misdeed.kind == FAULT_HOSTILE_FORGERY) {
        hostile_forge(&conn->misdeed, conn->body_bytes, bytes, length);
    } else {
        memcpy(bytes, chunk.bytes, length);
        uint8_t change = (uint8_t)(1 + fault_random_below(&params->random, 255));
        bytes[fault_random_below(&params->random, length)] ^= change;
    }
    size_t taken = pass(conn, rp_chunk_of(block));
    rp_block_release(block);
    return taken;
}

static void add_extra(struct hostile_conn *conn)
{
    const struct fault_hostile_params *params = &conn->hostile->params;
    struct rp_block *block = NULL;
    uint8_t *bytes = NULL;
    size_t length = 1 + (size_t)fault_random_below(&params->random, EXTRA_BYTES_MAX);
    begin_misdeed(conn);
    if (rp_block_new(params->alloc, length, &block, &bytes) == 0) {
        hostile_forge(&conn->misdeed, 0, bytes, length);
        conn->out = rp_chunk_of(block);
        (void)push_out(conn);
    }
}

static size_t begin_drip(struct hostile_conn *conn, struct rp_chunk chunk)
{
    if (conn->drip.length_bytes > 0) {
        return 0; /* the drip tells when there is room again */
    }
    (void)rp_block_retain(chunk.block);
    conn->drip = chunk;
    arm(conn, DRIP_INTERVAL_NS);
    return chunk.length_bytes;
}

/* The body has come to the place of the misdeed. */
static size_t do_misdeed(struct hostile_conn *conn, struct rp_chunk chunk)
{
    if (conn->misdeed.kind == FAULT_HOSTILE_LONG_BODY) {
        if (!conn->is_begun) {
            add_extra(conn);
        }
        return conn->out.length_bytes > 0 ? 0 : pass(conn, chunk);
    }
    begin_misdeed(conn);
    switch (conn->misdeed.kind) {
    case FAULT_HOSTILE_CORRUPT_BODY:
    case FAULT_HOSTILE_FORGERY: return pass_changed(conn, chunk);
    case FAULT_HOSTILE_SLOW_DRIP: return begin_drip(conn, chunk);
    case FAULT_HOSTILE_STALL: conn->stage = CONN_HELD; return chunk.length_bytes;
    case FAULT_HOSTILE_SHORT_BODY:
    case FAULT_HOSTILE_CLOSE_EARLY: close_soon(conn, false); return chunk.length_bytes;
    case FAULT_HOSTILE_RESET: close_soon(conn, true); return chunk.length_bytes;
    default: return pass(conn, chunk);
    }
}

static size_t send_body(struct hostile_conn *conn, struct rp_chunk chunk)
{
    if (chunk.length_bytes == 0 || conn->out.length_bytes > 0) {
        return 0; /* `writable` of the port tells the node too */
    }
    if (conn->misdeed.kind == FAULT_HOSTILE_NONE) {
        return pass(conn, chunk);
    }
    uint64_t place = conn->misdeed.place;
    size_t honest = 0;
    if (conn->body_bytes < place) {
        uint64_t left = place - conn->body_bytes;
        honest = left < chunk.length_bytes ? (size_t)left : chunk.length_bytes;
        size_t taken = pass(conn, rp_chunk_slice(chunk, 0, honest));
        if (taken < honest || honest == chunk.length_bytes) {
            return taken;
        }
    }
    return honest + do_misdeed(conn, rp_chunk_slice(chunk, honest, chunk.length_bytes - honest));
}

/* ---- The ack -------------------------------------------------------------------------------------------- */

static void follow(struct hostile_conn *conn, enum hostile_answer answer)
{
    if (answer != HOSTILE_ANSWER_BODY && answer != HOSTILE_ANSWER_HONEST) {
        begin_misdeed(conn);
    }
    switch (answer) {
    case HOSTILE_ANSWER_HONEST: conn->misdeed.kind = FAULT_HOSTILE_NONE; break;
    case HOSTILE_ANSWER_BODY:
        if (!fault_hostile_has_place(conn->misdeed.kind)) {
            begin_misdeed(conn);
        }
        break;
    case HOSTILE_ANSWER_SWALLOW: conn->stage = CONN_SWALLOWED; break;
    case HOSTILE_ANSWER_CLOSE: close_soon(conn, false); break;
    case HOSTILE_ANSWER_RESET: close_soon(conn, true); break;
    case HOSTILE_ANSWER_HOLD: conn->stage = CONN_HELD; break;
    }
}

static void answer(struct hostile_conn *conn, const struct rp_frame *honest)
{
    struct rp_buffer frame;
    enum hostile_answer answer = HOSTILE_ANSWER_CLOSE;
    /* The frame lies in one piece in front of its payload: length, type, payload. */
    struct rp_view whole =
        rp_view_make(honest->payload.bytes - 5, honest->payload.length_bytes + 5);
    rp_buffer_init(&frame, conn->hostile->params.alloc, RP_FRAME_LENGTH_MAX + 4);
    conn->stage = CONN_BODY;
    int error = hostile_answer(&conn->hostile->params, &conn->misdeed, whole, &frame, &answer);
    if (error == 0) {
        error = set_out(conn, rp_buffer_view(&frame));
    }
    rp_buffer_clear(&frame);
    (void)push_out(conn);
    follow(conn, error == 0 ? answer : HOSTILE_ANSWER_CLOSE);
}

/* How much of the chunk was the ack's; all of it while the ack is not whole. */
static size_t take_ack(struct hostile_conn *conn, struct rp_chunk chunk)
{
    struct rp_view input = rp_chunk_view(chunk);
    struct rp_frame frame;
    bool is_out_of_memory = false;
    switch (rp_frame_reader_take(&conn->reader, &input, &frame, &is_out_of_memory)) {
    case RP_FRAME_NEED_MORE: return chunk.length_bytes;
    case RP_FRAME_FAILED: follow(conn, HOSTILE_ANSWER_CLOSE); return chunk.length_bytes;
    case RP_FRAME_READY: break;
    }
    answer(conn, &frame);
    return chunk.length_bytes - input.length_bytes;
}

/* ---- The request ------------------------------------------------------------------------------------------ */

static bool is_chosen(const struct fault_hostile *hostile, struct rp_view path)
{
    const struct fault_hostile_spec *spec = &hostile->spec;
    bool is_meant = spec->matches == NULL || spec->matches(spec->context, path);
    return is_meant && fault_random_chance(&hostile->params.random, spec->chance);
}

static bool choose(struct hostile_conn *conn, const struct rp_fetch_file *request)
{
    struct fault_hostile *hostile = conn->hostile;
    if (!hostile->is_active || !is_chosen(hostile, request->path)) {
        return false;
    }
    conn->path = rp_allocate(hostile->params.alloc, request->path.length_bytes + 1);
    if (conn->path == NULL) {
        return false;
    }
    if (request->path.length_bytes > 0) {
        memcpy(conn->path, request->path.bytes, request->path.length_bytes);
    }
    conn->path_bytes = request->path.length_bytes;
    conn->misdeed.kind = hostile->spec.kind;
    conn->misdeed.asked_offset = request->byte_offset;
    conn->misdeed.has_place =
        hostile->spec.has_after_bytes && fault_hostile_has_place(hostile->spec.kind);
    conn->misdeed.place = hostile->spec.after_bytes;
    conn->stage = CONN_ACK;
    return true;
}

static void take_request(struct hostile_conn *conn, struct rp_view input)
{
    const struct fault_hostile_params *params = &conn->hostile->params;
    struct rp_frame frame;
    bool is_out_of_memory = false;
    enum rp_frame_progress progress =
        rp_frame_reader_take(&conn->reader, &input, &frame, &is_out_of_memory);
    if (progress == RP_FRAME_NEED_MORE) {
        return;
    }
    bool is_ours = false;
    if (progress == RP_FRAME_READY && frame.type == RP_MSG_FETCH_FILE) {
        struct rp_arena arena;
        struct rp_message message;
        rp_arena_init(&arena, params->alloc);
        is_ours =
            rp_message_decode(params->traits, frame.type, frame.payload, &arena, &message) == 0 &&
            choose(conn, &message.as.fetch_file);
        rp_arena_clear(&arena);
    }
    if (is_ours) {
        rp_frame_reader_clear(&conn->reader);
        rp_frame_reader_init(&conn->reader, params->alloc);
    } else {
        forget(conn);
    }
}

/* ---- Events of the port ------------------------------------------------------------------------------------ */

static void on_accepted(void *context, rp_conn handle)
{
    struct fault_hostile *hostile = context;
    if (hostile->is_active && rp_table_count(&hostile->between.conns) < RP_INBOUND_COUNT_MAX) {
        (void)conn_new(hostile, handle); /* without a record it is answered honestly */
    }
    hostile->between.node.accepted(hostile->between.node.context, handle);
}

static void on_connected(void *context, rp_conn handle, int error)
{
    struct fault_hostile *hostile = context;
    hostile->between.node.connected(hostile->between.node.context, handle, error);
}

static void on_received(void *context, rp_conn handle, struct rp_chunk chunk)
{
    struct fault_hostile *hostile = context;
    struct hostile_conn *conn = find(hostile, handle);
    if (conn != NULL && conn->is_node_gone) {
        return;
    }
    if (conn != NULL && conn->stage == CONN_REQUEST) {
        take_request(conn, rp_chunk_view(chunk));
    }
    hostile->between.node.received(hostile->between.node.context, handle, chunk);
}

static void on_writable(void *context, rp_conn handle)
{
    struct fault_hostile *hostile = context;
    struct hostile_conn *conn = find(hostile, handle);
    if (conn != NULL && !push_out(conn)) {
        return;
    }
    if (conn != NULL && (conn->stage == CONN_CLOSING || conn->is_node_gone)) {
        if (conn->stage != CONN_HELD && conn->drip.length_bytes == 0) {
            end_conn(conn);
        }
        return;
    }
    hostile->between.node.writable(hostile->between.node.context, handle);
}

static void on_ended(void *context, rp_conn handle, int error)
{
    struct fault_hostile *hostile = context;
    struct hostile_conn *conn = find(hostile, handle);
    if (conn == NULL) {
        hostile->between.node.ended(hostile->between.node.context, handle, error);
        return;
    }
    bool is_ours = conn->is_node_gone || conn->stage == CONN_HELD || conn->stage == CONN_CLOSING ||
                   conn->drip.length_bytes > 0;
    if (error == 0 && is_ours) {
        end_conn(conn);
        return;
    }
    bool is_node_gone = conn->is_node_gone;
    if (error != 0) {
        forget(conn);
    }
    if (!is_node_gone) {
        hostile->between.node.ended(hostile->between.node.context, handle, error);
    }
}

static void on_drip(struct hostile_conn *conn)
{
    struct fault_hostile *hostile = conn->hostile;
    size_t taken = pass(conn, rp_chunk_slice(conn->drip, 0, 1));
    conn->drip = rp_chunk_slice(conn->drip, taken, conn->drip.length_bytes - taken);
    if (conn->drip.length_bytes > 0) {
        arm(conn, DRIP_INTERVAL_NS);
        return;
    }
    rp_block_release(conn->drip.block);
    memset(&conn->drip, 0, sizeof conn->drip);
    if (conn->is_node_gone) {
        end_conn(conn);
    } else {
        hostile->between.node.writable(hostile->between.node.context, conn->conn);
    }
}

static void on_timer(void *context)
{
    struct hostile_conn *conn = context;
    if (conn->stage == CONN_CLOSING) {
        end_conn(conn);
    } else if (conn->drip.length_bytes > 0) {
        on_drip(conn);
    }
}

/* ---- Calls of the node --------------------------------------------------------------------------------------- */

static size_t port_send(void *state, rp_conn handle, struct rp_chunk chunk)
{
    struct fault_hostile *hostile = state;
    struct hostile_conn *conn = find(hostile, handle);
    if (conn == NULL || conn->stage == CONN_REQUEST) {
        return hostile->between.below.send(hostile->between.below.state, handle, chunk);
    }
    size_t taken = 0;
    if (conn->stage == CONN_ACK) {
        taken = take_ack(conn, chunk);
    }
    if (taken == chunk.length_bytes) {
        return taken;
    }
    if (conn->stage == CONN_BODY) {
        return taken + send_body(conn, rp_chunk_slice(chunk, taken, chunk.length_bytes - taken));
    }
    return chunk.length_bytes;
}

static void port_close(void *state, rp_conn handle)
{
    struct fault_hostile *hostile = state;
    struct hostile_conn *conn = find(hostile, handle);
    if (conn == NULL) {
        hostile->between.below.close(hostile->between.below.state, handle);
        return;
    }
    conn->is_node_gone = true;
    bool is_late = conn->stage == CONN_BODY && conn->misdeed.kind == FAULT_HOSTILE_LONG_BODY &&
                   !conn->is_begun && conn->out.length_bytes == 0;
    if (is_late && conn->body_bytes >= conn->misdeed.place) {
        add_extra(conn);
    }
    if (conn->stage != CONN_HELD && conn->stage != CONN_CLOSING && conn->drip.length_bytes == 0 &&
        conn->out.length_bytes == 0) {
        end_conn(conn);
    }
}

static void port_abort(void *state, rp_conn handle)
{
    struct fault_hostile *hostile = state;
    struct hostile_conn *conn = find(hostile, handle);
    if (conn != NULL) {
        forget(conn);
    }
    hostile->between.below.abort(hostile->between.below.state, handle);
}

static size_t port_unsent_bytes(void *state, rp_conn handle)
{
    struct fault_hostile *hostile = state;
    const struct hostile_conn *conn = find(hostile, handle);
    size_t kept = conn == NULL ? 0 : conn->out.length_bytes + conn->drip.length_bytes;
    return kept + hostile->between.below.unsent_bytes(hostile->between.below.state, handle);
}

/* ---- Life --------------------------------------------------------------------------------------------------------- */

int fault_hostile_new(const struct fault_hostile_params *params, struct fault_hostile **hostile_out)
{
    struct fault_hostile *hostile = rp_allocate_zeroed(params->alloc, sizeof *hostile);
    if (hostile == NULL) {
        return RP_ERR_NOMEM;
    }
    hostile->params = *params;
    fault_between_init(&hostile->between, &params->net, params->alloc);
    hostile->between.port.send = port_send;
    hostile->between.port.close = port_close;
    hostile->between.port.abort = port_abort;
    hostile->between.port.unsent_bytes = port_unsent_bytes;
    hostile->between.events = (struct rp_net_events){
        .context = hostile,
        .accepted = on_accepted,
        .connected = on_connected,
        .received = on_received,
        .writable = on_writable,
        .ended = on_ended,
    };
    *hostile_out = hostile;
    return 0;
}

void fault_hostile_free(struct fault_hostile *hostile)
{
    if (hostile == NULL) {
        return;
    }
    size_t cursor = 0;
    for (struct hostile_conn *conn = fault_between_next(&hostile->between, &cursor); conn != NULL;
         conn = fault_between_next(&hostile->between, &cursor)) {
        forget(conn);
    }
    fault_between_clear(&hostile->between);
    rp_release(hostile->params.alloc, hostile);
}

const struct rp_net_port *fault_hostile_port(const struct fault_hostile *hostile)
{
    return &hostile->between.port;
}

const struct rp_net_events *fault_hostile_events(struct fault_hostile *hostile,
                                                 const struct rp_net_events *node_events)
{
    return fault_between_events(&hostile->between, node_events);
}

/* A connection in the middle of its misdeed is closed, unless the rest of it can be honest. */
static void let_go(struct hostile_conn *conn)
{
    bool is_honest_yet =
        conn->stage == CONN_REQUEST ||
        (conn->stage == CONN_ACK && conn->reader.gathered.length_bytes == 0) ||
        (conn->stage == CONN_BODY && conn->out.length_bytes == 0 && conn->drip.length_bytes == 0);
    if (is_honest_yet && !conn->is_node_gone) {
        forget(conn);
    } else if (conn->stage != CONN_CLOSING) {
        close_soon(conn, false);
    }
}

void fault_hostile_set(struct fault_hostile *hostile, const struct fault_hostile_spec *spec)
{
    size_t cursor = 0;
    for (struct hostile_conn *conn = fault_between_next(&hostile->between, &cursor); conn != NULL;
         conn = fault_between_next(&hostile->between, &cursor)) {
        let_go(conn);
    }
    hostile->is_active = spec != NULL;
    if (spec != NULL) {
        hostile->spec = *spec;
    } else {
        memset(&hostile->spec, 0, sizeof hostile->spec);
    }
}

size_t fault_hostile_held_count(const struct fault_hostile *hostile)
{
    size_t cursor = 0, count = 0;
    for (const struct hostile_conn *conn = fault_between_next(&hostile->between, &cursor);
         conn != NULL; conn = fault_between_next(&hostile->between, &cursor)) {
        count += conn->is_node_gone;
    }
    return count;
}
