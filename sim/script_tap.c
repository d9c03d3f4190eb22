/* On the path: frames are found in the streams that pass, whatever pieces they come in; captures take
 * a copy, rules change or drop them (docs/scenario-api.md, attackers).
 *
 * Not modelled: segments of TCP. An attacker changes what a sender's bytes say and how many they are,
 * and the connection stays in step. Of connections that were there before the attacker, frames are
 * found from the first piece on that begins with one. */
#include <stdlib.h>

#include "protocol/error.h"
#include "protocol/limits.h"
#include "protocol/message.h"
#include "protocol/panic.h"
#include "sim/script_attacker.h"
#include "sim/script_message.h"
#include "sim/script_raft.h"

#define PREFIX_BYTES 4
#define HEADER_BYTES 5 /* length and type of a frame */
#define RULES_KEY    "script.attacker_rules"

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
        rp_buffer_init(&stream->partial, &script_plain_alloc, RP_FRAME_LENGTH_MAX + PREFIX_BYTES);
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

/* ---- Captures -------------------------------------------------------------------------------------- */

static struct rp_view payload_of(struct rp_view frame)
{
    return rp_view_make(frame.bytes + HEADER_BYTES, frame.length_bytes - HEADER_BYTES);
}

/* Arguments: the frame, the passage. */
static int push_capture(lua_State *lua)
{
    const struct rp_view *frame = lua_touserdata(lua, 1);
    const struct sim_net_passage *passage = lua_touserdata(lua, 2);
    const struct sim_net *net = sim_world_net(script_of(lua)->world);
    lua_createtable(lua, 0, 5);
    script_set_view(lua, "bytes", *frame);
    script_set_view(lua, "from", sim_net_site_id(net, passage->from));
    script_set_view(lua, "to", sim_net_site_id(net, passage->to));
    script_set_view(lua, "type", rp_view_text(rp_message_type_name(frame->bytes[PREFIX_BYTES])));
    script_push_message(lua, frame->bytes[PREFIX_BYTES], payload_of(*frame));
    lua_setfield(lua, -2, "fields");
    return 1;
}

bool script_is_between(sim_site from, sim_site to, const struct sim_net_passage *passage)
{
    return (from == SIM_SITE_NONE || passage->from == from) &&
           (to == SIM_SITE_NONE || passage->to == to);
}

static void give_captures(struct script_attacker *attacker, const struct sim_net_passage *passage,
                          struct rp_view frame)
{
    struct script *script = attacker->script;
    struct script_capture *capture = attacker->captures;
    for (; capture != NULL && !script_story_is_dropped(script); capture = capture->next) {
        bool is_type = !capture->has_type || capture->type == frame.bytes[PREFIX_BYTES];
        if (capture->is_over || !is_type ||
            !script_is_between(capture->from, capture->to, passage)) {
            continue;
        }
        capture->is_over = true;
        struct sim_net_passage copy = *passage;
        lua_pushcfunction(script->lua, push_capture);
        lua_pushlightuserdata(script->lua, &frame);
        lua_pushlightuserdata(script->lua, &copy);
        if (script_call(script, 2, 1)) {
            script_task_wake(capture->task, true);
        } else {
            script_story_fail(script);
        }
    }
}

/* Stack: attacker, options, capture, then the result. */
static int capture_ended(lua_State *lua, int status, lua_KContext context)
{
    (void)status;
    (void)context;
    struct script_attacker *attacker = script_take_attacker(lua);
    struct script_capture **link = &attacker->captures;
    while (*link != lua_touserdata(lua, 3)) {
        link = &(*link)->next;
    }
    *link = (*link)->next;
    return 1;
}

static uint16_t take_type(lua_State *lua, int options, const char *what)
{
    uint16_t type = 0;
    (void)script_get(lua, options, "type");
    const char *name = script_take_text(lua, -1, what);
    if (!script_any_type(name, &type)) {
        luaL_error(lua, "%s: there is no message type '%s'", what, name);
    }
    lua_pop(lua, 1);
    return type;
}

static struct script_attacker *on_path(lua_State *lua, const char *call)
{
    struct script_attacker *attacker = script_take_attacker(lua);
    if (!attacker->is_on_path) {
        luaL_error(lua, "%s: this attacker is on no path (on_path = {x, y})", call);
    }
    return attacker;
}

int script_attacker_capture(lua_State *lua)
{
    static const char *const keys[] = {"type", "from", "to", NULL};
    struct script_task *task = script_running_task(lua, "a:capture");
    struct script_attacker *attacker = on_path(lua, "a:capture");
    lua_settop(lua, 2);
    if (!lua_isnil(lua, 2)) {
        script_check_keys(lua, 2, "a:capture", keys);
    }
    struct script_capture *capture = lua_newuserdatauv(lua, sizeof *capture, 0);
    memset(capture, 0, sizeof *capture);
    capture->task = task;
    capture->has_type = script_get(lua, 2, "type");
    capture->type = capture->has_type ? take_type(lua, 2, "a:capture: type") : 0;
    lua_settop(lua, 3);
    capture->from = script_take_site(lua, 2, "from");
    capture->to = script_take_site(lua, 2, "to");
    struct script_capture **link = &attacker->captures;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = capture;
    return script_yield(lua, task, 0, capture_ended);
}

/* ---- Rules -------------------------------------------------------------------------------------------- */

bool script_rule_is_live(const struct script_attacker *attacker, const struct script_rule *rule)
{
    return rule->until_ns == 0 || sim_world_now(attacker->script->world) < rule->until_ns;
}

static bool concerns(const struct script_attacker *attacker, const struct script_rule *rule,
                     const struct sim_net_passage *passage, struct rp_view begin)
{
    bool is_type = !rule->has_type || begin.length_bytes < HEADER_BYTES ||
                   begin.bytes[PREFIX_BYTES] == rule->type;
    return is_type && script_rule_is_live(attacker, rule) &&
           script_is_between(rule->from, rule->to, passage);
}

/* A frame that has only begun may come to be changed: it cannot be passed on yet. */
static bool is_awaited(const struct script_attacker *attacker,
                       const struct sim_net_passage *passage, struct rp_view begin)
{
    const struct script_rule *rule = attacker->rules;
    for (; rule != NULL; rule = rule->next) {
        if (concerns(attacker, rule, passage, begin)) {
            return true;
        }
    }
    return false;
}

/* Arguments: the rule, the frame. Result: the frame to send instead, "" for none, nil for the old. */
static int judge_frame(lua_State *lua)
{
    const struct script_rule *rule = lua_touserdata(lua, 1);
    const struct rp_view *frame = lua_touserdata(lua, 2);
    uint8_t type = frame->bytes[PREFIX_BYTES];
    lua_rawgeti(lua, LUA_REGISTRYINDEX, rule->reference);
    int object = lua_gettop(lua);
    script_push_message(lua, type, payload_of(*frame));
    int fields = lua_gettop(lua);
    if (rule->has_match) {
        (void)lua_getiuservalue(lua, object, 2);
        lua_pushvalue(lua, fields);
        lua_call(lua, 1, 1);
        if (!lua_toboolean(lua, -1)) {
            lua_pushnil(lua);
            return 1;
        }
    }
    if (rule->is_drop) {
        lua_pushliteral(lua, "");
        return 1;
    }
    (void)lua_getiuservalue(lua, object, 1);
    script_push_merged(lua, fields, lua_gettop(lua));
    script_push_frame(lua, type, lua_gettop(lua), "a:tamper");
    return 1;
}

void script_note_rule(struct script_attacker *attacker, const struct script_rule *rule,
                      const struct sim_net_passage *passage, uint16_t type)
{
    const uint64_t words[4] = {attacker->number, rule->is_drop, passage->connection, type};
    sim_trace_note_words(sim_world_trace(attacker->script->world), "tamper", words, 4);
    sim_reach_fault(sim_world_reach(attacker->script->world), rule->is_drop ? "drop" : "tamper");
}

/* True: the rule acts, and what goes out instead is on top of the main state's stack. */
static bool apply_rule(struct script_attacker *attacker, const struct script_rule *rule,
                       const struct sim_net_passage *passage, struct rp_view frame)
{
    struct script *script = attacker->script;
    if (script->is_over || !concerns(attacker, rule, passage, frame) ||
        !sim_rng_chance(&attacker->rng, rule->chance)) {
        return false;
    }
    bool was_condition = script->is_condition;
    script_rest(script);
    script->is_condition = true; /* a judgement: it changes nothing in the world */
    lua_pushcfunction(script->lua, judge_frame);
    lua_pushlightuserdata(script->lua, (void *)(uintptr_t)rule);
    lua_pushlightuserdata(script->lua, &frame);
    bool is_ok = script_call(script, 2, 1);
    script->is_condition = was_condition;
    if (!is_ok) {
        script_story_fail(script);
        return false;
    }
    if (lua_isnil(script->lua, -1)) {
        lua_pop(script->lua, 1);
        return false;
    }
    script_note_rule(attacker, rule, passage, frame.bytes[PREFIX_BYTES]);
    return true;
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

/* The frame is whole. The first rule that acts decides what the next ones see. */
static void pass_frame(struct passing *passing, struct rp_view frame, bool is_out)
{
    struct script_attacker *attacker = passing->attacker;
    lua_State *lua = attacker->script->lua;
    int top = lua_gettop(lua);
    struct rp_view now = frame;
    give_captures(attacker, passing->passage, frame);
    const struct script_rule *rule = attacker->rules;
    for (; rule != NULL && !is_out && now.length_bytes > 0; rule = rule->next) {
        if (!script_story_is_dropped(attacker->script) &&
            apply_rule(attacker, rule, passing->passage, now)) {
            size_t length_bytes = 0;
            const char *text = lua_tolstring(lua, -1, &length_bytes);
            now = rp_view_make(text, length_bytes); /* kept by the stack */
            passing->is_changed = true;
        }
    }
    if (!is_out) {
        put_out(passing, now);
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
    RP_ASSERT(rp_block_new(&script_plain_alloc, bytes.length_bytes, &block, &copy) == 0);
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
    rp_buffer_init(&passing.out, &script_plain_alloc, SIZE_MAX / 2);
    go_through(&passing, bytes);
    if (passing.is_changed) {
        replace(chunk, rp_buffer_view(&passing.out));
    }
    rp_buffer_clear(&passing.out);
}

/* ---- Calls ---------------------------------------------------------------------------------------------------- */

/* Unknown keys and wrong kinds are told at once, not when a message comes. */
static void check_changes(lua_State *lua, uint16_t type, int fields)
{
    static const char what[] = "a:tamper: fields";
    if (type < SCRIPT_RAFT_TYPE) {
        script_push_frame(lua, (uint8_t)type, fields, what);
    } else {
        struct sim_raft_message **slot = script_push_raft_slot(lua);
        if (sim_raft_message_forge(&script_plain_alloc,
                                   (enum sim_raft_message_kind)(type - SCRIPT_RAFT_TYPE), 1, 1, "",
                                   "", slot) != 0) {
            luaL_error(lua, "out of memory");
        }
        script_set_raft_fields(lua, *slot, fields, what, NULL);
    }
    lua_pop(lua, 1);
}

/* Stack: attacker, options. The rule is anchored and takes its place after the others. */
static void add_rule(lua_State *lua, struct script_attacker *attacker, bool is_drop,
                     const char *call)
{
    struct script_rule *rule = lua_newuserdatauv(lua, sizeof *rule, 2);
    int object = lua_gettop(lua);
    char what[48];
    memset(rule, 0, sizeof *rule);
    rule->is_drop = is_drop;
    rule->chance = SIM_CHANCE_ALWAYS;
    (void)snprintf(what, sizeof what, "%s: type", call);
    rule->has_type = script_get(lua, 2, "type");
    if (rule->has_type || !is_drop) {
        rule->has_type = true;
        rule->type = take_type(lua, 2, what);
    }
    rule->from = script_take_site(lua, 2, "from");
    rule->to = script_take_site(lua, 2, "to");
    (void)snprintf(what, sizeof what, "%s: p", call);
    if (script_get(lua, 2, "p")) {
        rule->chance = script_take_chance(lua, -1, what);
    }
    (void)snprintf(what, sizeof what, "%s: for_", call);
    if (script_get(lua, 2, "for_")) {
        rule->until_ns =
            sim_world_now(attacker->script->world) + script_draw_duration(lua, -1, what);
    }
    if (script_get(lua, 2, "fields")) {
        check_changes(lua, rule->type, lua_gettop(lua));
        lua_setiuservalue(lua, object, 1);
    } else if (!is_drop) {
        luaL_error(lua, "%s: fields: what is to be changed is missing", call);
    }
    rule->has_match = script_get(lua, 2, "match");
    if (rule->has_match) {
        luaL_checktype(lua, -1, LUA_TFUNCTION);
        lua_setiuservalue(lua, object, 2);
    }
    lua_pushvalue(lua, object);
    rule->reference = luaL_ref(lua, LUA_REGISTRYINDEX);
    struct script_rule **link = &attacker->rules;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = rule;
}

int script_attacker_tamper(lua_State *lua)
{
    static const char *const keys[] = {"type", "from", "to", "fields", "match", "for_", "p", NULL};
    script_check_change(lua, "a:tamper");
    struct script_attacker *attacker = on_path(lua, "a:tamper");
    lua_settop(lua, 2);
    script_check_keys(lua, 2, "a:tamper", keys);
    add_rule(lua, attacker, false, "a:tamper");
    return 0;
}

int script_attacker_drop(lua_State *lua)
{
    static const char *const keys[] = {"type", "from", "to", "match", "for_", "p", NULL};
    script_check_change(lua, "a:drop");
    struct script_attacker *attacker = on_path(lua, "a:drop");
    lua_settop(lua, 2);
    script_check_keys(lua, 2, "a:drop", keys);
    add_rule(lua, attacker, true, "a:drop");
    return 0;
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

void script_tap_stop(struct script_attacker *attacker)
{
    while (attacker->rules != NULL) {
        struct script_rule *rule = attacker->rules;
        attacker->rules = rule->next;
        luaL_unref(attacker->script->lua, LUA_REGISTRYINDEX, rule->reference);
    }
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
