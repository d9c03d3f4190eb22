/* Connections: two sides, each with the stream it sends. A side has one event at most, at the next
 * time when something is to be told to its process; pieces, ends, room and resets all come by it. */
#include <xxhash.h>

#include "protocol/error.h"
#include "protocol/panic.h"
#include "sim/body.h"
#include "sim/net_internal.h"

static rp_time_ns later(rp_time_ns left_ns, rp_time_ns right_ns)
{
    return left_ns > right_ns ? left_ns : right_ns;
}

/* ---- Rings ------------------------------------------------------------------------------------- */

static struct net_piece *piece_at(struct net_stream *stream, uint32_t index)
{
    return &stream->pieces[(stream->piece_first + index) % stream->piece_max];
}

static struct net_piece *piece_push(struct sim_net *net, struct net_stream *stream)
{
    if (stream->piece_count == stream->piece_max) {
        uint32_t piece_max = stream->piece_max == 0 ? 4 : stream->piece_max * 2;
        struct net_piece *pieces = net_allocate(net, piece_max * sizeof *pieces);
        for (uint32_t index = 0; index < stream->piece_count; index += 1) {
            pieces[index] = *piece_at(stream, index);
        }
        rp_release(net->spec.alloc, stream->pieces);
        stream->pieces = pieces;
        stream->piece_first = 0;
        stream->piece_max = piece_max;
    }
    stream->piece_count += 1;
    return piece_at(stream, stream->piece_count - 1);
}

static void piece_pop(struct net_stream *stream)
{
    rp_block_release(piece_at(stream, 0)->chunk.block);
    stream->piece_first = (stream->piece_first + 1) % stream->piece_max;
    stream->piece_count -= 1;
}

static void ack_push(struct sim_net *net, struct net_stream *stream, rp_time_ns at_ns, size_t bytes)
{
    if (stream->ack_count == stream->ack_max) {
        uint32_t ack_max = stream->ack_max == 0 ? 4 : stream->ack_max * 2;
        struct net_ack *acks = net_allocate(net, ack_max * sizeof *acks);
        for (uint32_t index = 0; index < stream->ack_count; index += 1) {
            acks[index] = stream->acks[(stream->ack_first + index) % stream->ack_max];
        }
        rp_release(net->spec.alloc, stream->acks);
        stream->acks = acks;
        stream->ack_first = 0;
        stream->ack_max = ack_max;
    }
    struct net_ack *ack = &stream->acks[(stream->ack_first + stream->ack_count) % stream->ack_max];
    ack->at_ns = at_ns;
    ack->bytes = bytes;
    stream->ack_count += 1;
}

/* Acknowledgements are not events: whoever asks takes those that have come. */
static void acks_take(const struct sim_net *net, struct net_stream *stream)
{
    while (stream->ack_count > 0 && stream->acks[stream->ack_first].at_ns <= net_now(net)) {
        stream->unacked_bytes -= stream->acks[stream->ack_first].bytes;
        stream->ack_first = (stream->ack_first + 1) % stream->ack_max;
        stream->ack_count -= 1;
    }
}

static void stream_clear(struct sim_net *net, struct net_stream *stream)
{
    while (stream->piece_count > 0) {
        piece_pop(stream);
    }
    rp_release(net->spec.alloc, stream->pieces);
    rp_release(net->spec.alloc, stream->acks);
    memset(stream, 0, sizeof *stream);
}

/* ---- Handles ----------------------------------------------------------------------------------- */

static struct net_side *side_find(struct sim_endpoint *endpoint, rp_conn handle,
                                  struct net_conn **conn_out, unsigned *index_out)
{
    uint32_t place = (uint32_t)handle - 1u;
    if (handle == 0 || place >= endpoint->handle_max) {
        return NULL;
    }
    struct net_handle *found = &endpoint->handles[place];
    if (found->conn == NULL || found->generation != (uint32_t)(handle >> 32)) {
        return NULL;
    }
    *conn_out = found->conn;
    *index_out = found->side;
    return &found->conn->sides[found->side];
}

void net_side_open(struct sim_endpoint *endpoint, struct net_conn *conn, unsigned index)
{
    uint32_t place = 0;
    while (place < endpoint->handle_max && endpoint->handles[place].conn != NULL) {
        place += 1;
    }
    if (place == endpoint->handle_max) {
        uint32_t handle_max = endpoint->handle_max == 0 ? 16 : endpoint->handle_max * 2;
        struct net_handle *handles =
            rp_resize(endpoint->net->spec.alloc, endpoint->handles, handle_max * sizeof *handles);
        RP_ASSERT(handles != NULL);
        memset(handles + place, 0, (handle_max - place) * sizeof *handles);
        endpoint->handles = handles;
        endpoint->handle_max = handle_max;
    }
    struct net_handle *handle = &endpoint->handles[place];
    handle->conn = conn;
    handle->side = (uint8_t)index;
    endpoint->handle_count += 1;
    conn->sides[index].endpoint = endpoint;
    conn->sides[index].host = endpoint->host;
    conn->sides[index].is_open = true;
    conn->sides[index].handle = (uint64_t)handle->generation << 32 | (place + 1u);
}

static void side_unschedule(struct net_conn *conn, unsigned index)
{
    sim_event_queue_cancel(conn->net->spec.queue, conn->sides[index].event);
    conn->sides[index].event = 0;
}

/* The process has the handle no more. */
static void side_shut(struct net_conn *conn, unsigned index)
{
    struct net_side *side = &conn->sides[index];
    if (!side->is_open) {
        return;
    }
    struct sim_endpoint *endpoint = side->endpoint;
    struct net_handle *handle = &endpoint->handles[(uint32_t)side->handle - 1u];
    handle->conn = NULL;
    if (conn->net->is_handle_reused) {
        sim_reach_fault(conn->net->spec.reach, "reuse_handles");
    } else {
        handle->generation += 1;
    }
    endpoint->handle_count -= 1;
    side->is_open = false;
    side->endpoint = NULL;
    side_unschedule(conn, index);
}

void net_conn_free(struct net_conn *conn)
{
    struct sim_net *net = conn->net;
    for (unsigned index = 0; index < 2; index += 1) {
        side_shut(conn, index);
        stream_clear(net, &conn->sides[index].out);
    }
    sim_event_queue_cancel(net->spec.queue, conn->syn_event);
    if (conn->previous == NULL) {
        net->first = conn->next;
    } else {
        conn->previous->next = conn->next;
    }
    if (conn->next == NULL) {
        net->last = conn->previous;
    } else {
        conn->next->previous = conn->previous;
    }
    net->conn_count -= 1;
    rp_release(net->spec.alloc, conn);
}

static void conn_settle(struct net_conn *conn)
{
    if (conn->hold_count == 0 && !conn->sides[0].is_open && !conn->sides[1].is_open) {
        net_conn_free(conn);
    }
}

/* ---- When something is due at a side ------------------------------------------------------------ */

static rp_time_ns stream_due(const struct net_conn *conn, unsigned receiver)
{
    const struct net_stream *stream = &conn->sides[1 - receiver].out;
    if (stream->piece_count == 0 || stream->stalled_ns != 0 || conn->sides[receiver].is_paused) {
        return RP_TIME_NEVER;
    }
    const struct net_piece *head = &stream->pieces[stream->piece_first];
    bool is_waiting = conn->links[1 - receiver]->segment.is_coalesced && !head->is_end;
    return head->arrive_ns + (is_waiting ? FAULT_COALESCE_NS : 0);
}

static rp_time_ns side_due(const struct net_conn *conn, unsigned index)
{
    const struct net_side *side = &conn->sides[index];
    rp_time_ns due_ns = side->reset_ns != 0 ? side->reset_ns : RP_TIME_NEVER;
    if (!side->is_told) {
        rp_time_ns told_ns = side->has_outcome ? side->outcome_ns : RP_TIME_NEVER;
        return told_ns < due_ns ? told_ns : due_ns;
    }
    rp_time_ns stream_ns = stream_due(conn, index);
    due_ns = stream_ns < due_ns ? stream_ns : due_ns;
    if (side->wants_room) {
        rp_time_ns room_ns = side->out.unacked_bytes < SIM_NET_WINDOW_BYTES ? net_now(conn->net)
                             : side->out.ack_count > 0 ? side->out.acks[side->out.ack_first].at_ns
                                                       : RP_TIME_NEVER;
        due_ns = room_ns < due_ns ? room_ns : due_ns;
    }
    return due_ns;
}

static void side_event(void *context, uint64_t argument);

void net_side_schedule(struct net_conn *conn, unsigned index)
{
    struct net_side *side = &conn->sides[index];
    rp_time_ns due_ns = side->is_open && !side->is_held ? side_due(conn, index) : RP_TIME_NEVER;
    if (side->event != 0 && side->event_ns == due_ns) {
        return;
    }
    side_unschedule(conn, index);
    if (due_ns != RP_TIME_NEVER) {
        due_ns = later(due_ns, net_now(conn->net));
        side->event_ns = due_ns;
        side->event = sim_event_queue_add(conn->net->spec.queue, due_ns, SIM_EVENT_NET, side_event,
                                          conn, conn->serial << 1 | index);
    }
}

void net_side_reset(struct net_conn *conn, unsigned index, rp_time_ns at_ns)
{
    struct net_side *side = &conn->sides[index];
    if (side->is_open && (side->reset_ns == 0 || at_ns < side->reset_ns)) {
        side->reset_ns = at_ns;
        net_side_schedule(conn, index);
    }
}

/* ---- Sending ----------------------------------------------------------------------------------- */

static void note_piece(const struct net_conn *conn, unsigned index, struct rp_chunk chunk,
                       bool is_end)
{
    struct sim_net *net = conn->net;
    if (net->spec.trace == NULL) {
        return;
    }
    uint64_t note[5] = {conn->serial << 1 | index, chunk.length_bytes, is_end ? 1u : 0u, 0, 0};
    if (chunk.length_bytes > 0 && !sim_body_identify(chunk, &note[3], &note[4])) {
        note[2] += 2;
        note[3] = XXH3_64bits(chunk.bytes, chunk.length_bytes);
    }
    sim_trace_note_words(net->spec.trace, "net", note, 5);
}

static bool tap_matches(const struct sim_net_tap *tap, sim_site from, sim_site to)
{
    bool is_forth = (tap->left == SIM_SITE_NONE || tap->left == from) &&
                    (tap->right == SIM_SITE_NONE || tap->right == to);
    bool is_back = (tap->left == SIM_SITE_NONE || tap->left == to) &&
                   (tap->right == SIM_SITE_NONE || tap->right == from);
    return is_forth || is_back;
}

void net_run_taps(const struct sim_net *net, const struct sim_net_passage *passage,
                  struct rp_chunk *chunk)
{
    struct sim_net_tap *tap = net->taps;
    while (tap != NULL) {
        struct sim_net_tap *next = tap->next;
        if (tap_matches(tap, passage->from, passage->to)) {
            struct rp_block *before = chunk->block;
            tap->passes(tap->context, passage, chunk);
            if (chunk->block != before || chunk->length_bytes == 0) {
                rp_block_release(before);
                chunk->block = chunk->length_bytes == 0 ? NULL : chunk->block;
            }
        }
        tap = next;
    }
}

static void run_taps(struct net_conn *conn, unsigned index, struct rp_chunk *chunk, bool is_end)
{
    struct sim_net_passage passage = {0};
    passage.connection = conn->serial;
    passage.from = conn->sites[index];
    passage.to = conn->sites[1 - index];
    passage.is_from_dialer = index == 0;
    passage.offset_bytes = conn->sides[index].out.sent_bytes;
    passage.is_end = is_end;
    net_run_taps(conn->net, &passage, chunk);
}

static uint64_t draw(void *state)
{
    return sim_rng_next(state);
}

static bool is_answering(const struct net_conn *conn, unsigned index)
{
    const struct net_host *host =
        index == 1 ? net_host_find(conn->net, rp_view_make(conn->address, conn->address_bytes))
                   : NULL;
    return !conn->sides[index].is_silent || (host != NULL && host->is_present);
}

/* The chunk's reference passes to the connection. */
static void send_taken(struct net_conn *conn, unsigned index, struct rp_chunk chunk,
                       size_t unacked_bytes, bool is_end)
{
    struct sim_net *net = conn->net;
    struct net_stream *stream = &conn->sides[index].out;
    struct net_link *link = conn->links[index];
    size_t sent_bytes = chunk.length_bytes;
    run_taps(conn, index, &chunk, is_end);
    stream->sent_bytes += sent_bytes;
    stream->unacked_bytes += unacked_bytes;
    if (chunk.length_bytes > 0 && sim_rng_chance(&link->rng, link->faults.corrupt)) {
        struct fault_random random = {&link->rng, draw};
        fault_piece_corrupt(net->spec.alloc, &random, &chunk);
    }
    note_piece(conn, index, chunk, is_end);
    bool is_lost;
    rp_time_ns arrive_ns = net_passage(net, link, chunk.length_bytes, true, &is_lost);
    arrive_ns = later(arrive_ns, stream->last_arrive_ns);
    stream->last_arrive_ns = arrive_ns;
    net->stats.pieces += 1;
    net->stats.bytes += chunk.length_bytes;
    if (!conn->sides[1 - index].is_open && !conn->is_dialing) {
        rp_block_release(chunk.block);
        if (!is_end && is_answering(conn, 1 - index)) {
            net_side_reset(conn, index, arrive_ns + net_latency(net, conn->links[1 - index]));
        }
        return;
    }
    struct net_piece *piece = piece_push(net, stream);
    piece->chunk = chunk;
    piece->unacked_bytes = unacked_bytes;
    piece->arrive_ns = arrive_ns;
    piece->is_end = is_end;
    if (!is_end && sim_rng_chance(&link->rng, link->faults.reset)) {
        net->stats.resets += 1;
        net_side_reset(conn, index, arrive_ns);
        net_side_reset(conn, 1 - index, arrive_ns);
    }
    net_side_schedule(conn, 1 - index);
}

void net_send_piece(struct net_conn *conn, unsigned index, struct rp_chunk chunk, bool is_end)
{
    send_taken(conn, index, chunk, 0, is_end);
}

static size_t port_send(void *state, rp_conn handle, struct rp_chunk chunk)
{
    struct net_conn *conn;
    unsigned index;
    struct net_side *side = side_find(state, handle, &conn, &index);
    if (side == NULL || side->out.is_ended) {
        return chunk.length_bytes;
    }
    acks_take(conn->net, &side->out);
    size_t room = side->is_told && side->out.unacked_bytes < SIM_NET_WINDOW_BYTES
                      ? SIM_NET_WINDOW_BYTES - side->out.unacked_bytes
                      : 0;
    size_t taken = chunk.length_bytes < room ? chunk.length_bytes : room;
    for (size_t at = 0; at < taken;) {
        size_t part = taken - at < SIM_NET_PIECE_BYTES ? taken - at : SIM_NET_PIECE_BYTES;
        struct rp_chunk piece = rp_chunk_slice(chunk, at, part);
        rp_block_retain(piece.block);
        send_taken(conn, index, piece, part, false);
        at += part;
    }
    if (taken < chunk.length_bytes) {
        side->wants_room = true;
        net_side_schedule(conn, index);
    }
    return taken;
}

static size_t port_unsent_bytes(void *state, rp_conn handle)
{
    struct net_conn *conn;
    unsigned index;
    struct net_side *side = side_find(state, handle, &conn, &index);
    if (side == NULL) {
        return 0;
    }
    acks_take(conn->net, &side->out);
    return side->out.unacked_bytes;
}

static void port_pause(void *state, rp_conn handle, bool is_paused)
{
    struct net_conn *conn;
    unsigned index;
    struct net_side *side = side_find(state, handle, &conn, &index);
    if (side != NULL) {
        side->is_paused = is_paused;
        net_side_schedule(conn, index);
    }
}

/* ---- Ends -------------------------------------------------------------------------------------- */

static void send_end(struct net_conn *conn, unsigned index)
{
    struct net_stream *stream = &conn->sides[index].out;
    if (!stream->is_ended) {
        struct rp_chunk nothing = {0};
        stream->is_ended = true;
        send_taken(conn, index, nothing, 0, true);
    }
}

/* Bytes on their way to a side that has closed find nobody: their sender is reset. */
static void incoming_refused(struct net_conn *conn, unsigned index)
{
    struct net_stream *incoming = &conn->sides[1 - index].out;
    rp_time_ns arrive_ns = 0;
    bool has_bytes = false;
    for (uint32_t at = 0; at < incoming->piece_count; at += 1) {
        struct net_piece *piece = piece_at(incoming, at);
        if (!piece->is_end && !has_bytes) {
            has_bytes = true;
            arrive_ns = piece->arrive_ns;
        }
    }
    if (has_bytes) {
        rp_time_ns back_ns = net_latency(conn->net, conn->links[index]);
        net_side_reset(conn, 1 - index, later(arrive_ns, net_now(conn->net)) + back_ns);
    }
}

/* What would have to be sent again is gone with the kernel that would have done it; what left in time
 * is on its way. */
static void forget_unsent(struct net_conn *conn, unsigned index)
{
    struct net_stream *stream = &conn->sides[index].out;
    struct net_link *link = conn->links[index];
    rp_time_ns late_ns = net_now(conn->net) + SIM_NET_RTO_NS + link->faults.late_ns;
    bool is_cut = stream->stalled_ns != 0 || net_is_cut(conn->net, link);
    while (stream->piece_count > 0) {
        const struct net_piece *last = piece_at(stream, stream->piece_count - 1);
        if (!is_cut && last->arrive_ns <= late_ns) {
            return;
        }
        rp_block_release(last->chunk.block);
        stream->piece_count -= 1;
    }
    stream->stalled_ns = 0;
}

void net_host_gone(struct sim_net *net, const struct net_host *host)
{
    for (struct net_conn *conn = net->first; conn != NULL; conn = conn->next) {
        for (unsigned index = 0; index < 2; index += 1) {
            if (conn->sides[index].host == host && !conn->is_dialing &&
                conn->links[index] != NULL) {
                conn->sides[index].is_silent = true;
                forget_unsent(conn, index);
                net_side_schedule(conn, 1 - index);
            }
        }
    }
}

void net_side_end(struct net_conn *conn, unsigned index, bool is_silent)
{
    struct net_side *side = &conn->sides[index];
    conn->hold_count += 1;
    if (!conn->is_dialing && conn->links[index] != NULL) {
        if (is_silent) {
            side->is_silent = true;
            /* What had not left the host's card is gone; what had is on its way. */
        } else {
            send_end(conn, index);
            incoming_refused(conn, index);
        }
    }
    side_shut(conn, index);
    conn->hold_count -= 1;
    conn_settle(conn);
}

static void port_close(void *state, rp_conn handle)
{
    struct net_conn *conn;
    unsigned index;
    if (side_find(state, handle, &conn, &index) != NULL) {
        net_side_end(conn, index, false);
    }
}

static void port_abort(void *state, rp_conn handle)
{
    struct net_conn *conn;
    unsigned index;
    if (side_find(state, handle, &conn, &index) == NULL) {
        return;
    }
    if (!conn->is_dialing) {
        conn->net->stats.resets += 1;
        net_side_reset(conn, 1 - index,
                       net_now(conn->net) + net_latency(conn->net, conn->links[index]));
    }
    side_shut(conn, index);
    conn_settle(conn);
}

void sim_endpoint_shutdown(struct sim_endpoint *endpoint, rp_conn handle)
{
    struct net_conn *conn;
    unsigned index;
    if (side_find(endpoint, handle, &conn, &index) != NULL && !conn->is_dialing) {
        send_end(conn, index);
    }
}

sim_site sim_endpoint_peer(const struct sim_endpoint *endpoint, rp_conn handle)
{
    uint32_t place = (uint32_t)handle - 1u;
    if (handle == 0 || place >= endpoint->handle_max ||
        endpoint->handles[place].generation != (uint32_t)(handle >> 32)) {
        return SIM_SITE_NONE;
    }
    const struct net_conn *conn = endpoint->handles[place].conn;
    return conn == NULL || conn->is_dialing ? SIM_SITE_NONE
                                            : conn->sites[1 - endpoint->handles[place].side];
}

/* ---- Telling a process ------------------------------------------------------------------------- */

static void tell_outcome(struct net_conn *conn, unsigned index, const struct sim_endpoint *endpoint)
{
    struct net_side *side = &conn->sides[index];
    struct rp_net_events events = endpoint->events;
    rp_conn handle = side->handle;
    int outcome = side->outcome;
    side->is_told = true;
    if (index == 1) {
        events.accepted(events.context, handle);
        return;
    }
    if (outcome != 0) {
        side_shut(conn, index);
    }
    events.connected(events.context, handle, outcome);
}

static void tell_ended(struct net_conn *conn, unsigned index, const struct sim_endpoint *endpoint,
                       int error)
{
    struct net_side *side = &conn->sides[index];
    struct rp_net_events events = endpoint->events;
    rp_conn handle = side->handle;
    bool is_dial = index == 0 && !side->is_told;
    if (error != 0) {
        side_shut(conn, index);
    }
    if (is_dial) {
        events.connected(events.context, handle, error);
    } else if (index == 0 || side->is_told) {
        events.ended(events.context, handle, error);
    }
}

/* Pieces that have come are made one, as one read of a process would see them; no more than that read
 * takes, or every byte of a stream that is read byte by byte would be copied as often. */
static void join_arrived(struct net_conn *conn, struct net_stream *stream, size_t wanted_bytes)
{
    size_t length_bytes = 0;
    size_t unacked_bytes = 0;
    uint32_t count = 0;
    while (length_bytes < wanted_bytes && count < stream->piece_count &&
           !piece_at(stream, count)->is_end &&
           piece_at(stream, count)->arrive_ns <= net_now(conn->net)) {
        length_bytes += piece_at(stream, count)->chunk.length_bytes;
        unacked_bytes += piece_at(stream, count)->unacked_bytes;
        count += 1;
    }
    struct rp_block *block;
    uint8_t *bytes;
    if (count < 2 || rp_block_new(conn->net->spec.alloc, length_bytes, &block, &bytes) != 0) {
        return;
    }
    size_t at = 0;
    for (uint32_t number = 0; number < count; number += 1) {
        struct rp_chunk chunk = piece_at(stream, 0)->chunk;
        if (chunk.length_bytes > 0) {
            memcpy(bytes + at, chunk.bytes, chunk.length_bytes);
            at += chunk.length_bytes;
        }
        if (number + 1 < count) {
            piece_pop(stream);
        }
    }
    struct net_piece *head = piece_at(stream, 0);
    rp_block_release(head->chunk.block);
    head->chunk = rp_chunk_of(block);
    head->unacked_bytes = unacked_bytes;
}

/* The next bytes of the head piece, cut as the link says; a reference of their own. */
static struct rp_chunk take_bytes(struct net_conn *conn, unsigned sender)
{
    struct sim_net *net = conn->net;
    struct net_stream *stream = &conn->sides[sender].out;
    struct net_link *link = conn->links[sender];
    struct net_piece *head = piece_at(stream, 0);
    size_t size = fault_segment_read(&link->segment, stream->size_next);
    size_t part = head->chunk.length_bytes < size ? head->chunk.length_bytes : size;
    stream->size_next += link->segment.size_count > 0;
    if (link->segment.size_count > 0 || link->segment.is_coalesced) {
        sim_reach_fault(net->spec.reach, "segment");
    }
    struct rp_chunk chunk = rp_chunk_slice(head->chunk, 0, part);
    rp_block_retain(chunk.block);
    head->chunk = rp_chunk_slice(head->chunk, part, head->chunk.length_bytes - part);
    bool is_last = head->chunk.length_bytes == 0;
    size_t acked_bytes = is_last || head->unacked_bytes < part ? head->unacked_bytes : part;
    head->unacked_bytes -= acked_bytes;
    if (acked_bytes > 0) {
        rp_time_ns back_ns = net_latency_middle(net, conn->links[1 - sender]);
        ack_push(net, stream, net_now(net) + back_ns, acked_bytes);
    }
    if (is_last) {
        piece_pop(stream);
    }
    return chunk;
}

static void tell_stream(struct net_conn *conn, unsigned index, const struct sim_endpoint *endpoint)
{
    struct net_side *side = &conn->sides[index];
    struct net_stream *incoming = &conn->sides[1 - index].out;
    struct rp_net_events events = endpoint->events;
    rp_conn handle = side->handle;
    if (piece_at(incoming, 0)->is_end) {
        piece_pop(incoming);
        events.ended(events.context, handle, 0);
        return;
    }
    if (conn->links[1 - index]->segment.is_coalesced) {
        join_arrived(conn, incoming,
                     fault_segment_read(&conn->links[1 - index]->segment, incoming->size_next));
    }
    struct rp_chunk chunk = take_bytes(conn, 1 - index);
    if (conn->sides[1 - index].wants_room) {
        net_side_schedule(conn, 1 - index);
    }
    if (chunk.length_bytes > 0) {
        events.received(events.context, handle, chunk);
    }
    rp_block_release(chunk.block);
}

enum due { DUE_NOTHING, DUE_RESET, DUE_OUTCOME, DUE_STREAM, DUE_ROOM };

/* What is cut off from a side shows nothing there: it waits for its retransmission. */
static bool is_held_up(struct net_conn *conn, unsigned index)
{
    struct net_link *link = conn->links[1 - index];
    if (link == NULL || !net_is_cut(conn->net, link)) {
        return false;
    }
    struct net_stream *incoming = &conn->sides[1 - index].out;
    if (incoming->stalled_ns == 0) {
        incoming->stalled_ns = net_now(conn->net);
        conn->net->stats.stalled += 1;
    }
    return true;
}

static enum due what_is_due(struct net_conn *conn, unsigned index)
{
    struct net_side *side = &conn->sides[index];
    rp_time_ns now_ns = net_now(conn->net);
    if (side->reset_ns != 0 && side->reset_ns <= now_ns) {
        return DUE_RESET;
    }
    if (!side->is_told) {
        return side->has_outcome && side->outcome_ns <= now_ns ? DUE_OUTCOME : DUE_NOTHING;
    }
    if (stream_due(conn, index) <= now_ns && !is_held_up(conn, index)) {
        return DUE_STREAM;
    }
    acks_take(conn->net, &side->out);
    if (side->wants_room && side->out.unacked_bytes < SIM_NET_WINDOW_BYTES) {
        return DUE_ROOM;
    }
    return DUE_NOTHING;
}

static void tell(struct net_conn *conn, unsigned index, enum due due)
{
    struct net_side *side = &conn->sides[index];
    const struct sim_endpoint *endpoint = side->endpoint;
    switch (due) {
    case DUE_RESET: tell_ended(conn, index, endpoint, RP_ERR_RESET); break;
    case DUE_OUTCOME: tell_outcome(conn, index, endpoint); break;
    case DUE_STREAM: tell_stream(conn, index, endpoint); break;
    case DUE_ROOM: {
        struct rp_net_events events = endpoint->events;
        side->wants_room = false;
        events.writable(events.context, side->handle);
        break;
    }
    case DUE_NOTHING: break;
    }
}

static void side_event(void *context, uint64_t argument)
{
    struct net_conn *conn = context;
    unsigned index = (unsigned)(argument & 1);
    struct net_side *side = &conn->sides[index];
    side->event = 0;
    conn->hold_count += 1;
    while (side->is_open) {
        enum due due = what_is_due(conn, index);
        if (due == DUE_NOTHING) {
            break;
        }
        struct sim_gate gate = side->endpoint->gate;
        if (!sim_gate_enter(&gate)) {
            side->is_held = true;
            break;
        }
        tell(conn, index, due);
        sim_gate_leave(&gate);
    }
    net_side_schedule(conn, index);
    conn->hold_count -= 1;
    conn_settle(conn);
}

void net_kick(struct sim_net *net)
{
    for (struct net_conn *conn = net->first; conn != NULL; conn = conn->next) {
        if (conn->is_dialing) {
            net_dial_again(conn);
            continue;
        }
        for (unsigned index = 0; index < 2; index += 1) {
            struct net_stream *stream = &conn->sides[index].out;
            if (stream->stalled_ns == 0 || net_is_cut(net, conn->links[index])) {
                continue;
            }
            rp_time_ns retry_ns = net_retry_ns(net, stream->stalled_ns, SIM_NET_RTO_NS);
            stream->stalled_ns = 0;
            for (uint32_t at = 0; at < stream->piece_count; at += 1) {
                struct net_piece *piece = piece_at(stream, at);
                piece->arrive_ns = later(piece->arrive_ns, retry_ns);
            }
            stream->last_arrive_ns = later(stream->last_arrive_ns, retry_ns);
            net_side_schedule(conn, 1 - index);
        }
    }
}

/* ---- The port ---------------------------------------------------------------------------------- */

static int port_listen(void *state)
{
    struct sim_endpoint *endpoint = state;
    endpoint->is_listening = true;
    return 0;
}

static void port_listen_stop(void *state)
{
    struct sim_endpoint *endpoint = state;
    endpoint->is_listening = false;
}

void net_port_init(struct sim_endpoint *endpoint)
{
    struct rp_net_port *port = &endpoint->port;
    port->state = endpoint;
    port->listen = port_listen;
    port->listen_stop = port_listen_stop;
    port->dial = net_dial;
    port->send = port_send;
    port->pause = port_pause;
    port->close = port_close;
    port->abort = port_abort;
    port->unsent_bytes = port_unsent_bytes;
}
