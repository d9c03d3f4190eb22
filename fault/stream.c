#include "fault/stream.h"

#include "fault/between.h"
#include "protocol/error.h"

/* Something that came and waits to be given to the node. */
struct item {
    struct item *next;
    struct rp_chunk chunk; /* owned reference */
    rp_time_ns due_ns;
    bool is_end;
};

enum birth {
    BIRTH_TOLD,     /* the node knows how it began */
    BIRTH_ACCEPTED, /* it does not know of it at all */
    BIRTH_CONNECTED /* it waits for the answer to its dial */
};

struct stream_conn {
    struct fault_stream *stream;
    rp_conn handle;
    enum birth birth;
    int birth_error;           /* of a dial; the port's handle is gone already unless 0 */
    struct item *first, *last; /* owned */
    size_t queued_bytes;
    uint32_t cut_number;
    bool is_node_paused;
    bool is_held_up;   /* too much waits: the port is paused */
    bool wants_room;   /* the node was told that there was none */
    bool is_node_gone; /* closed in a stall: the port hears of it afterwards */
    bool is_broken;    /* to be reset, from an event of its own */
    struct rp_timer timer;
};

struct fault_stream {
    struct fault_between between; /* records are owned */
    struct fault_stream_params params;
    struct fault_stream_spec spec;
    rp_time_ns stalled_until_ns;
};

/* ---- Records ------------------------------------------------------------------------------------- */

static struct stream_conn *find(const struct fault_stream *stream, rp_conn handle)
{
    return fault_between_find(&stream->between, handle);
}

static rp_time_ns now(const struct fault_stream *stream)
{
    return stream->params.clock.now_ns(stream->params.clock.state);
}

static bool is_stalled(const struct fault_stream *stream)
{
    return stream->stalled_until_ns != 0 && now(stream) < stream->stalled_until_ns;
}

static void items_clear(struct stream_conn *conn)
{
    while (conn->first != NULL) {
        struct item *item = conn->first;
        conn->first = item->next;
        rp_block_release(item->chunk.block);
        rp_release(conn->stream->params.alloc, item);
    }
    conn->last = NULL;
    conn->queued_bytes = 0;
}

static void destroy(struct stream_conn *conn)
{
    const struct rp_clock_port *clock = &conn->stream->params.clock;
    if (rp_timer_is_armed(&conn->timer)) {
        clock->disarm(clock->state, &conn->timer);
    }
    items_clear(conn);
    rp_release(conn->stream->params.alloc, conn);
}

/* From here on the connection, if it lives, passes as it is. */
static void forget(struct stream_conn *conn)
{
    fault_between_remove(&conn->stream->between, conn->handle);
    destroy(conn);
}

static void on_timer(void *context);

/* The record of that connection, made when there is none; NULL: out of memory. */
static struct stream_conn *record_of(struct fault_stream *stream, rp_conn handle)
{
    struct stream_conn *conn = find(stream, handle);
    if (conn != NULL) {
        return conn;
    }
    conn = rp_allocate_zeroed(stream->params.alloc, sizeof *conn);
    if (conn == NULL) {
        return NULL;
    }
    conn->stream = stream;
    conn->handle = handle;
    conn->timer.fire = on_timer;
    conn->timer.context = conn;
    if (fault_between_put(&stream->between, &conn->handle, conn) != 0) {
        destroy(conn);
        return NULL;
    }
    return conn;
}

static bool push(struct stream_conn *conn, struct rp_chunk chunk, bool is_end)
{
    struct fault_stream *stream = conn->stream;
    struct item *item = rp_allocate_zeroed(stream->params.alloc, sizeof *item);
    if (item == NULL) {
        return false;
    }
    item->chunk = chunk;
    (void)rp_block_retain(chunk.block);
    item->is_end = is_end;
    item->due_ns = now(stream) + stream->spec.late_ns;
    if (conn->last == NULL) {
        conn->first = item;
    } else {
        conn->last->next = item;
        item->due_ns = conn->last->due_ns > item->due_ns ? conn->last->due_ns : item->due_ns;
    }
    conn->last = item;
    conn->queued_bytes += chunk.length_bytes;
    return true;
}

static void pop(struct stream_conn *conn)
{
    struct item *item = conn->first;
    conn->first = item->next;
    conn->last = conn->first == NULL ? NULL : conn->last;
    conn->queued_bytes -= item->chunk.length_bytes;
    rp_block_release(item->chunk.block);
    rp_release(conn->stream->params.alloc, item);
}

/* The peer is held up while too much waits here, or the node says so. */
static void set_paused(struct stream_conn *conn)
{
    const struct rp_net_port *net = &conn->stream->between.below;
    conn->is_held_up = conn->queued_bytes >= FAULT_STREAM_QUEUE_BYTES;
    net->pause(net->state, conn->handle, conn->is_node_paused || conn->is_held_up);
}

/* ---- When something is due ----------------------------------------------------------------------- */

static enum fault_door door_of(const struct stream_conn *conn)
{
    const struct fault_stream_spec *spec = &conn->stream->spec;
    return conn->birth == BIRTH_ACCEPTED ? spec->inbound : spec->outbound;
}

static rp_time_ns due_of(const struct stream_conn *conn)
{
    const struct fault_stream *stream = conn->stream;
    rp_time_ns now_ns = now(stream);
    if (conn->is_broken) {
        return now_ns;
    }
    if (conn->birth != BIRTH_TOLD && door_of(conn) == FAULT_DOOR_BLACKHOLE) {
        return RP_TIME_NEVER;
    }
    if (is_stalled(stream)) {
        return stream->stalled_until_ns;
    }
    if (conn->birth != BIRTH_TOLD || conn->wants_room || conn->is_node_gone) {
        return now_ns;
    }
    if (conn->first == NULL || (conn->is_node_paused && !conn->first->is_end)) {
        return RP_TIME_NEVER;
    }
    bool is_joined = stream->spec.segment.is_coalesced && !conn->first->is_end;
    return conn->first->due_ns + (is_joined ? FAULT_COALESCE_NS : 0);
}

static bool is_passive(const struct fault_stream *stream)
{
    const struct fault_stream_spec *spec = &stream->spec;
    return spec->reset == 0 && spec->corrupt == 0 && spec->late_ns == 0 &&
           spec->segment.size_count == 0 && !spec->segment.is_coalesced && !is_stalled(stream);
}

/* Waits for what is due next; a record that nothing needs any more goes. */
static void rest(struct stream_conn *conn)
{
    struct fault_stream *stream = conn->stream;
    const struct rp_clock_port *clock = &stream->params.clock;
    rp_time_ns due_ns = due_of(conn);
    if (due_ns != RP_TIME_NEVER) {
        clock->arm(clock->state, &conn->timer, due_ns);
        return;
    }
    if (rp_timer_is_armed(&conn->timer)) {
        clock->disarm(clock->state, &conn->timer);
    }
    if (conn->first == NULL && conn->birth == BIRTH_TOLD && is_passive(stream)) {
        forget(conn);
    }
}

/* ---- Giving it to the node ----------------------------------------------------------------------- */

/* Each of these may end in any call of the node, so the record is looked up anew afterwards. */

static void give_reset(struct stream_conn *conn)
{
    struct fault_stream *stream = conn->stream;
    const struct rp_net_port *net = &stream->between.below;
    rp_conn handle = conn->handle;
    enum birth birth = conn->birth;
    bool is_node_gone = conn->is_node_gone;
    net->abort(net->state, handle);
    forget(conn);
    if (birth == BIRTH_CONNECTED) {
        stream->between.node.connected(stream->between.node.context, handle, RP_ERR_RESET);
    } else if (birth == BIRTH_TOLD && !is_node_gone) {
        stream->between.node.ended(stream->between.node.context, handle, RP_ERR_RESET);
    }
}

static void give_close(struct stream_conn *conn)
{
    const struct rp_net_port *net = &conn->stream->between.below;
    rp_conn handle = conn->handle;
    forget(conn);
    net->close(net->state, handle);
}

/* The door has opened: the connection is what it would have been. */
static void give_birth(struct stream_conn *conn)
{
    struct fault_stream *stream = conn->stream;
    const struct rp_net_port *net = &stream->between.below;
    enum birth birth = conn->birth;
    int error = conn->birth_error;
    rp_conn handle = conn->handle;
    if (error == 0 && door_of(conn) == FAULT_DOOR_REFUSES) {
        net->abort(net->state, handle);
        error = RP_ERR_REFUSED;
    }
    conn->birth = BIRTH_TOLD;
    if (error != 0) {
        forget(conn);
    }
    if (birth == BIRTH_CONNECTED) {
        stream->between.node.connected(stream->between.node.context, handle, error);
    } else if (error == 0) {
        stream->between.node.accepted(stream->between.node.context, handle);
    }
}

static void give_room(struct stream_conn *conn)
{
    struct fault_stream *stream = conn->stream;
    conn->wants_room = false;
    stream->between.node.writable(stream->between.node.context, conn->handle);
}

static void give_end(struct stream_conn *conn)
{
    struct fault_stream *stream = conn->stream;
    pop(conn);
    stream->between.node.ended(stream->between.node.context, conn->handle, 0);
}

/* What is due already is made one with the first, up to what one read takes. */
static void join_due(struct stream_conn *conn, size_t wanted_bytes)
{
    struct fault_stream *stream = conn->stream;
    size_t length_bytes = 0;
    uint32_t count = 0;
    for (const struct item *item = conn->first;
         item != NULL && !item->is_end && item->due_ns <= now(stream) &&
         length_bytes < wanted_bytes;
         item = item->next) {
        length_bytes += item->chunk.length_bytes;
        count += 1;
    }
    struct rp_block *block = NULL;
    uint8_t *bytes = NULL;
    if (count < 2 || rp_block_new(stream->params.alloc, length_bytes, &block, &bytes) != 0) {
        return;
    }
    size_t at = 0;
    for (; count > 0; count -= 1) {
        struct rp_chunk chunk = conn->first->chunk;
        memcpy(bytes + at, chunk.bytes, chunk.length_bytes);
        at += chunk.length_bytes;
        if (count > 1) {
            pop(conn);
        }
    }
    conn->queued_bytes += length_bytes - conn->first->chunk.length_bytes;
    rp_block_release(conn->first->chunk.block);
    conn->first->chunk = rp_chunk_of(block);
}

/* The next bytes as one read gives them; a reference of their own. */
static struct rp_chunk take_bytes(struct stream_conn *conn)
{
    const struct fault_segment *segment = &conn->stream->spec.segment;
    size_t wanted_bytes = fault_segment_read(segment, conn->cut_number);
    if (segment->is_coalesced) {
        join_due(conn, wanted_bytes);
    }
    struct rp_chunk whole = conn->first->chunk;
    size_t part = whole.length_bytes < wanted_bytes ? whole.length_bytes : wanted_bytes;
    struct rp_chunk chunk = rp_chunk_slice(whole, 0, part);
    conn->cut_number += segment->size_count > 0;
    (void)rp_block_retain(chunk.block);
    conn->first->chunk = rp_chunk_slice(whole, part, whole.length_bytes - part);
    conn->queued_bytes -= part;
    if (conn->first->chunk.length_bytes == 0) {
        pop(conn);
    }
    return chunk;
}

static void give_bytes(struct stream_conn *conn)
{
    struct fault_stream *stream = conn->stream;
    const struct fault_random *random = &stream->params.random;
    struct rp_chunk chunk = take_bytes(conn);
    if (conn->is_held_up && conn->queued_bytes < FAULT_STREAM_QUEUE_BYTES) {
        set_paused(conn);
    }
    if (fault_random_chance(random, stream->spec.reset)) {
        rp_block_release(chunk.block);
        give_reset(conn);
        return;
    }
    if (fault_random_chance(random, stream->spec.corrupt)) {
        fault_piece_corrupt(stream->params.alloc, random, &chunk);
    }
    stream->between.node.received(stream->between.node.context, conn->handle, chunk);
    rp_block_release(chunk.block);
}

static void give_next(struct stream_conn *conn)
{
    if (conn->is_broken) {
        give_reset(conn);
    } else if (conn->birth != BIRTH_TOLD) {
        give_birth(conn);
    } else if (conn->is_node_gone) {
        give_close(conn);
    } else if (conn->wants_room) {
        give_room(conn);
    } else if (conn->first->is_end) {
        give_end(conn);
    } else {
        give_bytes(conn);
    }
}

/* From events of the port and of the clock only. */
static void give_due(struct fault_stream *stream, rp_conn handle)
{
    struct stream_conn *conn = find(stream, handle);
    while (conn != NULL && due_of(conn) <= now(stream)) {
        give_next(conn);
        conn = find(stream, handle);
    }
    if (conn != NULL) {
        rest(conn);
    }
}

static void on_timer(void *context)
{
    struct stream_conn *conn = context;
    give_due(conn->stream, conn->handle);
}

/* ---- Events of the port -------------------------------------------------------------------------- */

static void on_accepted(void *context, rp_conn handle)
{
    struct fault_stream *stream = context;
    const struct rp_net_port *net = &stream->between.below;
    bool is_waiting = stream->spec.inbound == FAULT_DOOR_BLACKHOLE || is_stalled(stream);
    struct stream_conn *conn = is_waiting ? record_of(stream, handle) : NULL;
    if (conn != NULL) {
        conn->birth = BIRTH_ACCEPTED;
        rest(conn);
    } else if (is_waiting || stream->spec.inbound == FAULT_DOOR_REFUSES) {
        net->abort(net->state, handle);
    } else {
        stream->between.node.accepted(stream->between.node.context, handle);
    }
}

static void on_connected(void *context, rp_conn handle, int error)
{
    struct fault_stream *stream = context;
    const struct rp_net_port *net = &stream->between.below;
    bool is_waiting = stream->spec.outbound == FAULT_DOOR_BLACKHOLE || is_stalled(stream);
    struct stream_conn *conn = is_waiting ? record_of(stream, handle) : NULL;
    if (conn != NULL) {
        conn->birth = BIRTH_CONNECTED;
        conn->birth_error = error;
        rest(conn);
        return;
    }
    if (error == 0 && (is_waiting || stream->spec.outbound == FAULT_DOOR_REFUSES)) {
        net->abort(net->state, handle);
        error = RP_ERR_REFUSED;
    }
    stream->between.node.connected(stream->between.node.context, handle, error);
}

static void on_received(void *context, rp_conn handle, struct rp_chunk chunk)
{
    struct fault_stream *stream = context;
    struct stream_conn *conn = find(stream, handle);
    if (conn == NULL && !is_passive(stream)) {
        conn = record_of(stream, handle);
    }
    if (conn == NULL) {
        stream->between.node.received(stream->between.node.context, handle, chunk);
        return;
    }
    if (conn->is_node_gone || chunk.length_bytes == 0) {
        return;
    }
    if (!push(conn, chunk, false)) {
        conn->is_broken = true; /* bytes are missing from here on */
    } else if (conn->queued_bytes >= FAULT_STREAM_QUEUE_BYTES && !conn->is_held_up) {
        set_paused(conn);
    }
    give_due(stream, handle);
}

static void on_writable(void *context, rp_conn handle)
{
    struct fault_stream *stream = context;
    struct stream_conn *conn = find(stream, handle);
    if (conn != NULL && (conn->is_node_gone || conn->birth != BIRTH_TOLD)) {
        return;
    }
    if (conn != NULL && is_stalled(stream)) {
        conn->wants_room = true;
        rest(conn);
        return;
    }
    stream->between.node.writable(stream->between.node.context, handle);
}

/* The port's handle is gone. */
static void on_lost(struct fault_stream *stream, struct stream_conn *conn, rp_conn handle,
                    int error)
{
    if (conn != NULL && conn->birth == BIRTH_CONNECTED) {
        items_clear(conn);
        conn->birth_error = error;
        return;
    }
    bool is_known = conn == NULL || (conn->birth == BIRTH_TOLD && !conn->is_node_gone);
    if (conn != NULL) {
        forget(conn);
    }
    if (is_known) {
        stream->between.node.ended(stream->between.node.context, handle, error);
    }
}

static void on_ended(void *context, rp_conn handle, int error)
{
    static const struct rp_chunk NOTHING;
    struct fault_stream *stream = context;
    struct stream_conn *conn = find(stream, handle);
    if (error != 0) {
        on_lost(stream, conn, handle, error);
        return;
    }
    if (conn == NULL && !is_passive(stream)) {
        conn = record_of(stream, handle);
    }
    if (conn != NULL && conn->is_node_gone) {
        return;
    }
    if (conn == NULL) {
        stream->between.node.ended(stream->between.node.context, handle, 0);
        return;
    }
    conn->is_broken = conn->is_broken || !push(conn, NOTHING, true);
    give_due(stream, handle);
}

/* ---- Calls of the node --------------------------------------------------------------------------- */

/* The bit may lie beyond what is taken: then nothing was damaged this time. */
static size_t send_changed(struct fault_stream *stream, rp_conn handle, struct rp_chunk chunk)
{
    const struct rp_net_port *net = &stream->between.below;
    (void)rp_block_retain(chunk.block);
    fault_piece_corrupt(stream->params.alloc, &stream->params.random, &chunk);
    size_t taken = net->send(net->state, handle, chunk);
    rp_block_release(chunk.block);
    return taken;
}

static size_t port_send(void *state, rp_conn handle, struct rp_chunk chunk)
{
    struct fault_stream *stream = state;
    const struct fault_stream_spec *spec = &stream->spec;
    const struct rp_net_port *net = &stream->between.below;
    struct stream_conn *conn = find(stream, handle);
    if (chunk.length_bytes == 0 || (conn == NULL && is_passive(stream))) {
        return net->send(net->state, handle, chunk);
    }
    if (conn != NULL && (conn->is_broken || conn->is_node_gone)) {
        return chunk.length_bytes;
    }
    conn = record_of(stream, handle);
    if (conn != NULL && is_stalled(stream)) {
        conn->wants_room = true;
        rest(conn);
        return 0;
    }
    bool is_changed = fault_random_chance(&stream->params.random, spec->corrupt);
    size_t taken =
        is_changed ? send_changed(stream, handle, chunk) : net->send(net->state, handle, chunk);
    if (conn != NULL) {
        conn->is_broken = fault_random_chance(&stream->params.random, spec->reset);
        rest(conn);
    }
    return taken;
}

static void port_pause(void *state, rp_conn handle, bool is_paused)
{
    struct fault_stream *stream = state;
    const struct rp_net_port *net = &stream->between.below;
    struct stream_conn *conn = find(stream, handle);
    if (conn == NULL) {
        net->pause(net->state, handle, is_paused);
        return;
    }
    conn->is_node_paused = is_paused;
    set_paused(conn);
    rest(conn);
}

/* In a stall the end of the stream cannot pass either: the record keeps it. */
static void port_close(void *state, rp_conn handle)
{
    struct fault_stream *stream = state;
    const struct rp_net_port *net = &stream->between.below;
    bool is_kept = is_stalled(stream);
    struct stream_conn *conn = is_kept ? record_of(stream, handle) : find(stream, handle);
    if (conn != NULL && is_kept && conn->birth == BIRTH_TOLD) {
        items_clear(conn);
        conn->is_node_gone = true;
        rest(conn);
        return;
    }
    bool is_port_gone = conn != NULL && conn->birth_error != 0;
    if (conn != NULL) {
        forget(conn);
    }
    if (!is_port_gone) {
        net->close(net->state, handle);
    }
}

static void port_abort(void *state, rp_conn handle)
{
    struct fault_stream *stream = state;
    const struct rp_net_port *net = &stream->between.below;
    struct stream_conn *conn = find(stream, handle);
    bool is_port_gone = conn != NULL && conn->birth_error != 0;
    if (conn != NULL) {
        forget(conn);
    }
    if (!is_port_gone) {
        net->abort(net->state, handle);
    }
}

/* ---- Life ---------------------------------------------------------------------------------------- */

int fault_stream_new(const struct fault_stream_params *params, struct fault_stream **stream_out)
{
    struct fault_stream *stream = rp_allocate_zeroed(params->alloc, sizeof *stream);
    if (stream == NULL) {
        return RP_ERR_NOMEM;
    }
    stream->params = *params;
    fault_between_init(&stream->between, &params->net, params->alloc);
    stream->between.port.send = port_send;
    stream->between.port.pause = port_pause;
    stream->between.port.close = port_close;
    stream->between.port.abort = port_abort;
    stream->between.events = (struct rp_net_events){
        .context = stream,
        .accepted = on_accepted,
        .connected = on_connected,
        .received = on_received,
        .writable = on_writable,
        .ended = on_ended,
    };
    *stream_out = stream;
    return 0;
}

void fault_stream_free(struct fault_stream *stream)
{
    if (stream == NULL) {
        return;
    }
    size_t cursor = 0;
    for (struct stream_conn *conn = fault_between_next(&stream->between, &cursor); conn != NULL;
         conn = fault_between_next(&stream->between, &cursor)) {
        forget(conn);
    }
    fault_between_clear(&stream->between);
    rp_release(stream->params.alloc, stream);
}

const struct rp_net_port *fault_stream_port(const struct fault_stream *stream)
{
    return &stream->between.port;
}

const struct rp_net_events *fault_stream_events(struct fault_stream *stream,
                                                const struct rp_net_events *node_events)
{
    return fault_between_events(&stream->between, node_events);
}

static void shorten_waits(struct stream_conn *conn, rp_time_ns due_max_ns)
{
    for (struct item *item = conn->first; item != NULL; item = item->next) {
        item->due_ns = item->due_ns < due_max_ns ? item->due_ns : due_max_ns;
    }
}

void fault_stream_set(struct fault_stream *stream, const struct fault_stream_spec *spec)
{
    rp_time_ns now_ns = now(stream);
    if (spec->stall_ns == 0) {
        stream->stalled_until_ns = 0;
    } else if (spec->stall_ns != stream->spec.stall_ns) {
        stream->stalled_until_ns = now_ns + spec->stall_ns;
    }
    stream->spec = *spec;
    size_t cursor = 0;
    for (struct stream_conn *conn = fault_between_next(&stream->between, &cursor); conn != NULL;
         conn = fault_between_next(&stream->between, &cursor)) {
        shorten_waits(conn, now_ns + spec->late_ns);
        rest(conn);
    }
}

size_t fault_stream_held_count(const struct fault_stream *stream)
{
    return rp_table_count(&stream->between.conns);
}
