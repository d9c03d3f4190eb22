/* On the path: frames are found in the streams that pass, whatever pieces they come in, and shown to
 * captures and rules.
 *
 * Not modelled: segments of TCP. An attacker changes what a sender's bytes say and how many they are,
 * and the connection stays in step. Of connections that were there before the attacker, frames are
 * found from the first piece on that begins with one. */
#include <stdlib.h>

#include "protocol/error.h"
#include "protocol/limits.h"
#include "protocol/message.h"
#include "protocol/panic.h"
#include "sim/alloc.h"
#include "sim/script_attacker.h"
#include "sim/script_message.h"
#include "sim/script_raft.h"

#define PREFIX_BYTES 4
#define HEADER_BYTES 5 /* length and type of a frame */

enum stream_mode {
    STREAM_FRAMES,
    STREAM_RAW /* a body, or out of step: no frames any more */
};

/* Directions remembered; beyond it the oldest are forgotten. */
#define STREAM_COUNT_MAX 512

/* One direction of a connection. */
struct script_stream {
    struct script_stream *next;
    uint64_t connection;
    bool is_from_dialer;
    enum stream_mode mode;
    struct rp_buffer partial; /* the beginning of a frame */
    bool is_withheld;         /* and it was not passed on */
};

/* ---- Streams -------------------------------------------------------------------------------------- */

static void stream_free(struct script_stream *stream)
{
    rp_buffer_clear(&stream->partial);
    free(stream);
}

static struct script_stream **stream_find(struct script_attacker *attacker,
                                          const struct sim_net_passage *passage)
{
    struct script_stream **link = &attacker->streams;
    while (*link != NULL && ((*link)->connection != passage->connection ||
                             (*link)->is_from_dialer != passage->is_from_dialer)) {
        link = &(*link)->next;
    }
    return link;
}

static void forget_oldest(struct script_attacker *attacker)
{
    size_t count = 0;
    struct script_stream **link = &attacker->streams;
    while (*link != NULL && count < STREAM_COUNT_MAX) {
        link = &(*link)->next;
        count += 1;
    }
    if (*link != NULL) {
        stream_free(*link); /* the last of the list: one was added at its front */
        *link = NULL;
    }
}

static struct script_stream *stream_of(struct script_attacker *attacker,
                                       const struct sim_net_passage *passage)
{
    struct script_stream **link = stream_find(attacker, passage);
    if (*link == NULL) {
        struct script_stream *stream = calloc(1, sizeof *stream);
        RP_ASSERT(stream != NULL);
        stream->connection = passage->connection;
        stream->is_from_dialer = passage->is_from_dialer;
        rp_buffer_init(&stream->partial, sim_libc_alloc(), RP_FRAME_LENGTH_MAX + PREFIX_BYTES);
        stream->next = attacker->streams;
        attacker->streams = stream;
        forget_oldest(attacker);
        return stream;
    }
    return *link;
}

static size_t frame_length(const uint8_t *bytes)
{
    return PREFIX_BYTES + ((size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 |
                           (size_t)bytes[3]);
}

static bool is_frame_begin(struct rp_view bytes)
{
    if (bytes.length_bytes < HEADER_BYTES) {
        return true; /* not known yet */
    }
    size_t length = frame_length(bytes.bytes);
    return length > PREFIX_BYTES && length <= PREFIX_BYTES + RP_FRAME_LENGTH_MAX &&
           strcmp(rp_message_type_name(bytes.bytes[PREFIX_BYTES]), "Unknown") != 0;
}

/* What follows this frame in its stream. */
static enum stream_mode mode_after(struct rp_view frame)
{
    switch (frame.bytes[PREFIX_BYTES]) {
    case RP_MSG_FETCH_FILE_ACK:
    case RP_MSG_REPLICATE_SYNC_ACK: return STREAM_RAW;
    default: return STREAM_FRAMES;
    }
}

/* ---- Frames --------------------------------------------------------------------------------------- */

/* One frame, as it is now. */
struct passing_frame {
    struct script_passing passing;
    struct rp_view bytes;
};

static struct rp_view bytes_of(const struct script_passing *passing)
{
    return ((const struct passing_frame *)(const void *)passing)->bytes;
}

static void push_bytes(lua_State *lua, const struct script_passing *passing)
{
    script_push_view(lua, bytes_of(passing));
}

static void push_fields(lua_State *lua, const struct script_passing *passing)
{
    struct rp_view bytes = bytes_of(passing);
    script_push_message(
        lua, (uint8_t)passing->type,
        rp_view_make(bytes.bytes + HEADER_BYTES, bytes.length_bytes - HEADER_BYTES));
}

static void push_changed(lua_State *lua, const struct script_passing *passing, int changes)
{
    push_fields(lua, passing);
    script_push_merged(lua, lua_gettop(lua), changes);
    script_push_frame(lua, (uint8_t)passing->type, lua_gettop(lua), "a:tamper");
}

/* A frame that has only begun may come to be changed: it cannot be passed on yet. */
static bool is_awaited(const struct script_attacker *attacker,
                       const struct sim_net_passage *passage, struct rp_view begin)
{
    int type = begin.length_bytes < HEADER_BYTES ? -1 : begin.bytes[PREFIX_BYTES];
    const struct script_rule *rule = attacker->rules;
    while (rule != NULL && !script_rule_concerns(rule, attacker, passage, type)) {
        rule = rule->next;
    }
    return rule != NULL;
}

/* ---- What passes ------------------------------------------------------------------------------------------ */

/* One passage, while it is gone through. */
struct passing {
    struct script_attacker *attacker;
    const struct sim_net_passage *passage;
    struct script_stream *stream;
    struct rp_buffer out;
    bool is_changed;
};

static void put_out(struct passing *passing, struct rp_view bytes)
{
    RP_ASSERT(bytes.length_bytes == 0 || rp_buffer_append(&passing->out, bytes) == 0);
}

static void set_frame(struct passing_frame *frame, struct rp_view bytes)
{
    frame->bytes = bytes;
    frame->passing.type = bytes.length_bytes == 0 ? 0 : bytes.bytes[PREFIX_BYTES];
}

/* The frame is whole. The first rule that acts decides what the next ones see. */
static void pass_frame(struct passing *passing, struct rp_view bytes, bool is_out)
{
    struct script_attacker *attacker = passing->attacker;
    lua_State *lua = attacker->script->lua;
    int top = lua_gettop(lua);
    struct passing_frame frame = {
        .passing = {.attacker = attacker,
                    .passage = passing->passage,
                    .push_bytes = push_bytes,
                    .push_fields = push_fields,
                    .push_changed = push_changed},
    };
    set_frame(&frame, bytes);
    script_give_captures(&frame.passing);
    const struct script_rule *rule = attacker->rules;
    for (; rule != NULL && !is_out && frame.bytes.length_bytes > 0; rule = rule->next) {
        if (!script_story_is_dropped(attacker->script) && script_rule_acts(rule, &frame.passing)) {
            size_t length_bytes = 0;
            const char *text = lua_tolstring(lua, -1, &length_bytes);
            set_frame(&frame, rp_view_make(text, length_bytes)); /* kept by the stack */
            passing->is_changed = true;
        }
    }
    if (!is_out) {
        put_out(passing, frame.bytes);
    }
    lua_settop(lua, top);
}

/* The bytes that belong to the frame at their front, at most; `*frame_bytes_out` of them complete it,
 * 0 when it stays incomplete. */
static size_t missing_of(const struct script_stream *stream, struct rp_view bytes)
{
    uint8_t header[HEADER_BYTES];
    size_t have = stream->partial.length_bytes;
    for (size_t at = 0; at < HEADER_BYTES; at += 1) {
        if (at >= have + bytes.length_bytes) {
            return SIZE_MAX;
        }
        header[at] = at < have ? stream->partial.bytes[at] : bytes.bytes[at - have];
    }
    size_t length = frame_length(header);
    return length <= have + bytes.length_bytes ? length - have : SIZE_MAX;
}

static void keep_partial(struct passing *passing, struct rp_view bytes)
{
    struct script_stream *stream = passing->stream;
    bool was_empty = stream->partial.length_bytes == 0;
    if (rp_buffer_append(&stream->partial, bytes) != 0) {
        stream->mode = STREAM_RAW;
        put_out(passing, bytes);
        return;
    }
    struct rp_view begin = rp_buffer_view(&stream->partial);
    if (was_empty) {
        stream->is_withheld = is_awaited(passing->attacker, passing->passage, begin);
    }
    if (stream->is_withheld) {
        passing->is_changed = true;
    } else {
        put_out(passing, bytes);
    }
}

/* Complete with `count` more bytes. */
static void complete_partial(struct passing *passing, struct rp_view bytes, size_t count)
{
    struct script_stream *stream = passing->stream;
    struct rp_view last = rp_view_make(bytes.bytes, count);
    bool is_out = !stream->is_withheld;
    if (is_out) {
        put_out(passing, last);
    } else {
        passing->is_changed = true;
    }
    RP_ASSERT(rp_buffer_append(&stream->partial, last) == 0);
    struct rp_view frame = rp_buffer_view(&stream->partial);
    stream->mode = mode_after(frame);
    pass_frame(passing, frame, is_out);
    rp_buffer_clear(&stream->partial);
    stream->is_withheld = false;
}

/* Not a frame after all: what was kept goes on its way. */
static void lose_step(struct passing *passing)
{
    struct script_stream *stream = passing->stream;
    stream->mode = STREAM_RAW;
    if (stream->is_withheld) {
        put_out(passing, rp_buffer_view(&stream->partial));
        passing->is_changed = true;
    }
    rp_buffer_clear(&stream->partial);
}

static bool is_in_step(const struct script_stream *stream, struct rp_view bytes)
{
    uint8_t header[HEADER_BYTES];
    size_t have = stream->partial.length_bytes, count = 0;
    for (; count < HEADER_BYTES && count < have + bytes.length_bytes; count += 1) {
        header[count] = count < have ? stream->partial.bytes[count] : bytes.bytes[count - have];
    }
    return is_frame_begin(rp_view_make(header, count));
}

static void go_through(struct passing *passing, struct rp_view bytes)
{
    struct script_stream *stream = passing->stream;
    while (bytes.length_bytes > 0 && stream->mode == STREAM_FRAMES) {
        if (!is_in_step(stream, bytes)) {
            lose_step(passing);
            break;
        }
        size_t missing = missing_of(stream, bytes);
        if (missing == SIZE_MAX) {
            keep_partial(passing, bytes);
            return;
        }
        if (stream->partial.length_bytes > 0) {
            complete_partial(passing, bytes, missing);
        } else {
            struct rp_view frame = rp_view_make(bytes.bytes, missing);
            stream->mode = mode_after(frame);
            pass_frame(passing, frame, false);
        }
        bytes = rp_view_make(bytes.bytes + missing, bytes.length_bytes - missing);
    }
    put_out(passing, bytes);
}

static void replace(struct rp_chunk *chunk, struct rp_view bytes)
{
    struct rp_block *block = NULL;
    uint8_t *copy = NULL;
    if (bytes.length_bytes == 0) {
        chunk->length_bytes = 0;
        return;
    }
    RP_ASSERT(rp_block_new(sim_libc_alloc(), bytes.length_bytes, &block, &copy) == 0);
    memcpy(copy, bytes.bytes, bytes.length_bytes);
    *chunk = rp_chunk_of(block);
}

/* A connection that is older than the attacker is taken up where a piece begins with a frame. */
static bool is_taken_up(struct script_attacker *attacker, const struct sim_net_passage *passage,
                        struct rp_view bytes)
{
    return passage->offset_bytes == 0 || *stream_find(attacker, passage) != NULL ||
           (bytes.length_bytes >= HEADER_BYTES && is_frame_begin(bytes));
}

static void see_passage(void *context, const struct sim_net_passage *passage,
                        struct rp_chunk *chunk)
{
    struct script_attacker *attacker = context;
    struct rp_view bytes = rp_chunk_view(*chunk);
    if (script_story_is_dropped(attacker->script)) {
        return;
    }
    if (passage->connection == 0) {
        script_tap_datagram(attacker, passage, chunk);
        return;
    }
    if (passage->is_end) {
        struct script_stream **link = stream_find(attacker, passage);
        struct script_stream *stream = *link;
        if (stream != NULL) {
            *link = stream->next;
            stream_free(stream);
        }
        return;
    }
    if (bytes.length_bytes == 0 || !is_taken_up(attacker, passage, bytes)) {
        return;
    }
    struct passing passing = {attacker, passage, stream_of(attacker, passage), {0}, false};
    if (passing.stream->mode != STREAM_FRAMES) {
        return;
    }
    rp_buffer_init(&passing.out, sim_libc_alloc(), SIZE_MAX / 2);
    go_through(&passing, bytes);
    if (passing.is_changed) {
        replace(chunk, rp_buffer_view(&passing.out));
    }
    rp_buffer_clear(&passing.out);
}

/* ---- Life ------------------------------------------------------------------------------------------------------- */

void script_tap_begin(struct script_attacker *attacker)
{
    if (attacker->is_blind) {
        return; /* nothing intelligible passes: captures wait for ever, rules meet nothing */
    }
    attacker->tap.context = attacker;
    attacker->tap.left = attacker->left;
    attacker->tap.right = attacker->right;
    attacker->tap.passes = see_passage;
    attacker->is_tapped = true;
    sim_net_tap(sim_world_net(attacker->script->world), &attacker->tap);
}

void script_tap_end(struct script_attacker *attacker)
{
    if (attacker->is_tapped) {
        attacker->is_tapped = false;
        sim_net_untap(sim_world_net(attacker->script->world), &attacker->tap);
    }
    while (attacker->streams != NULL) {
        struct script_stream *stream = attacker->streams;
        attacker->streams = stream->next;
        stream_free(stream);
    }
}
