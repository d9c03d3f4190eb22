/* c:attacker: somebody without the shared secret, at a place of its own in the network, who may dial,
 * speak any bytes, and repeat what it saw pass (docs/scenario-api.md, attackers).
 *
 * Only requests that fill the front of a connection's first piece are captured: nodes send each in
 * one. */
#include <stdlib.h>

#include "protocol/error.h"
#include "protocol/frame.h"
#include "protocol/limits.h"
#include "protocol/message.h"
#include "sim/net.h"
#include "sim/script_story.h"

#define REPLY_TIMEOUT_NS (30 * RP_NS_PER_S)
#define HEADER_BYTES     5 /* length and type of a frame */

#define EXCHANGE_TYPE "attacker.exchange"

/* ---- Memory ------------------------------------------------------------------------------------- */

static void *plain_allocate(void *state, size_t size_bytes)
{
    (void)state;
    return malloc(size_bytes == 0 ? 1 : size_bytes);
}

static void *plain_resize(void *state, void *pointer, size_t size_bytes)
{
    (void)state;
    return realloc(pointer, size_bytes == 0 ? 1 : size_bytes);
}

static void plain_release(void *state, void *pointer)
{
    (void)state;
    free(pointer);
}

static const struct rp_alloc plain_alloc = {NULL, plain_allocate, plain_resize, plain_release};

/* ---- One exchange: dial, send, take the reply ----------------------------------------------------- */

/* In Lua's memory, kept by a reference while it goes on; its __gc frees what is left when the run is
 * torn down in the middle. */
struct exchange {
    struct script *script;
    struct script_task *task;
    int reference;
    bool is_over;
    struct sim_endpoint *endpoint; /* the network's */
    rp_conn conn;
    struct rp_block *request; /* owned reference */
    size_t sent_bytes;
    struct rp_frame_reader reader;
    struct rp_buffer payload;
    bool has_frame;
    uint8_t type;
    uint64_t body_bytes;
    sim_event deadline;
};

static void free_exchange(struct exchange *exchange)
{
    rp_frame_reader_clear(&exchange->reader);
    rp_buffer_clear(&exchange->payload);
    rp_block_release(exchange->request);
    exchange->request = NULL;
}

static int collect_exchange(lua_State *lua)
{
    free_exchange(lua_touserdata(lua, 1));
    return 0;
}

static void push_ack(lua_State *lua, const struct exchange *exchange,
                     const struct rp_fetch_file_ack *ack)
{
    lua_createtable(lua, 0, 6);
    script_set_view(lua, "status", ack->status);
    script_set_view(lua, "code", ack->code);
    script_set_view(lua, "error", ack->error);
    script_set_view(lua, "sha256", ack->sha256);
    lua_pushinteger(lua, ack->size_bytes);
    lua_setfield(lua, -2, "size_bytes");
    lua_pushinteger(lua, (lua_Integer)exchange->body_bytes);
    lua_setfield(lua, -2, "body_bytes");
}

/* nil when no frame came; a frame of another kind has its type's name as status. */
static int push_reply(lua_State *lua)
{
    const struct exchange *exchange = lua_touserdata(lua, 1);
    struct rp_arena arena;
    struct rp_message message;
    if (!exchange->has_frame) {
        lua_pushnil(lua);
        return 1;
    }
    rp_arena_init(&arena, &plain_alloc);
    int error = rp_message_decode(rp_release_traits(RP_RELEASE_CURRENT), exchange->type,
                                  rp_buffer_view(&exchange->payload), &arena, &message);
    if (error == 0 && message.type == RP_MSG_FETCH_FILE_ACK) {
        push_ack(lua, exchange, &message.as.fetch_file_ack);
    } else {
        lua_createtable(lua, 0, 2);
        script_set_view(lua, "status", rp_view_text(rp_message_type_name(exchange->type)));
        lua_pushinteger(lua, (lua_Integer)exchange->body_bytes);
        lua_setfield(lua, -2, "body_bytes");
    }
    rp_arena_clear(&arena);
    return 1;
}

/* From an event of the network or the time-out: the story resumes in an event of its own. */
static void end_exchange(struct exchange *exchange)
{
    struct script *script = exchange->script;
    if (exchange->is_over) {
        return;
    }
    exchange->is_over = true;
    sim_world_cancel(script->world, exchange->deadline);
    sim_net_detach(exchange->endpoint, SIM_NET_PROCESS_ENDED);
    exchange->endpoint = NULL;
    if (!script_story_is_dropped(script)) {
        lua_pushcfunction(script->lua, push_reply);
        lua_pushlightuserdata(script->lua, exchange);
        if (script_call(script, 1, 1)) {
            script_task_wake(exchange->task, true);
        } else {
            script_story_fail(script);
        }
    }
    luaL_unref(script->lua, LUA_REGISTRYINDEX, exchange->reference);
}

static void deadline_event(void *context, uint64_t argument)
{
    (void)argument;
    end_exchange(context);
}

static void send_more(struct exchange *exchange)
{
    const struct rp_net_port *port = sim_endpoint_port(exchange->endpoint);
    struct rp_chunk whole = rp_chunk_of(exchange->request);
    size_t left = whole.length_bytes - exchange->sent_bytes;
    if (left > 0) {
        struct rp_chunk rest = rp_chunk_slice(whole, exchange->sent_bytes, left);
        exchange->sent_bytes += port->send(port->state, exchange->conn, rest);
    }
}

static void on_accepted(void *context, rp_conn conn)
{
    struct exchange *exchange = context;
    const struct rp_net_port *port = sim_endpoint_port(exchange->endpoint);
    port->abort(port->state, conn); /* nobody dials an attacker */
}

static void on_connected(void *context, rp_conn conn, int error)
{
    (void)conn;
    if (error != 0) {
        end_exchange(context);
    } else {
        send_more(context);
    }
}

/* False: what came is no frame. */
static bool take_frame(struct exchange *exchange, struct rp_view *input)
{
    struct rp_frame frame;
    bool is_out_of_memory = false;
    enum rp_frame_progress progress =
        rp_frame_reader_take(&exchange->reader, input, &frame, &is_out_of_memory);
    if (progress != RP_FRAME_READY) {
        return progress == RP_FRAME_NEED_MORE;
    }
    exchange->has_frame = true;
    exchange->type = frame.type;
    return rp_buffer_append(&exchange->payload, frame.payload) == 0;
}

static void on_received(void *context, rp_conn conn, struct rp_chunk chunk)
{
    struct exchange *exchange = context;
    struct rp_view input = rp_chunk_view(chunk);
    (void)conn;
    if (!exchange->has_frame && !take_frame(exchange, &input)) {
        end_exchange(exchange);
        return;
    }
    exchange->body_bytes += exchange->has_frame ? input.length_bytes : 0;
}

static void on_writable(void *context, rp_conn conn)
{
    (void)conn;
    send_more(context);
}

static void on_ended(void *context, rp_conn conn, int error)
{
    (void)conn;
    (void)error;
    end_exchange(context);
}

/* ---- The attacker --------------------------------------------------------------------------------- */

struct attacker {
    sim_site site;
    uint32_t number;
    uint32_t exchange_count;
    bool is_on_path;
    sim_site left, right;
};

static struct attacker *self(lua_State *lua)
{
    return luaL_checkudata(lua, 1, "attacker");
}

static int return_reply(lua_State *lua, int status, lua_KContext context)
{
    (void)lua;
    (void)status;
    (void)context;
    return 1;
}

static struct exchange *new_exchange(lua_State *lua, struct script_task *task)
{
    struct exchange *exchange = lua_newuserdatauv(lua, sizeof *exchange, 0);
    memset(exchange, 0, sizeof *exchange);
    exchange->script = script_of(lua);
    exchange->task = task;
    rp_frame_reader_init(&exchange->reader, &plain_alloc);
    rp_buffer_init(&exchange->payload, &plain_alloc, RP_FRAME_LENGTH_MAX);
    if (luaL_newmetatable(lua, EXCHANGE_TYPE)) {
        lua_pushcfunction(lua, collect_exchange);
        lua_setfield(lua, -2, "__gc");
    }
    lua_setmetatable(lua, -2);
    exchange->reference = luaL_ref(lua, LUA_REGISTRYINDEX);
    return exchange;
}

/* Sends the bytes to the node and waits for what comes back. */
static int begin_exchange(lua_State *lua, struct attacker *attacker, struct sim_pod *pod,
                          struct rp_view bytes)
{
    static const struct rp_net_events handlers = {NULL,        on_accepted, on_connected,
                                                  on_received, on_writable, on_ended};
    struct script *script = script_of(lua);
    struct script_task *task = script_running_task(lua, "a:send");
    struct exchange *exchange = new_exchange(lua, task);
    uint8_t *copy = NULL;
    char address[64];
    attacker->exchange_count += 1;
    (void)snprintf(address, sizeof address, "192.0.2.%u:%u", attacker->number % 250 + 1,
                   10000 + attacker->exchange_count);
    if (rp_block_new(&plain_alloc, bytes.length_bytes, &exchange->request, &copy) != 0 ||
        sim_net_attach(sim_world_net(script->world), attacker->site, rp_view_text(address), NULL,
                       &exchange->endpoint) != 0) {
        return luaL_error(lua, "a:send: out of memory");
    }
    if (bytes.length_bytes > 0) {
        memcpy(copy, bytes.bytes, bytes.length_bytes);
    }
    struct rp_net_events events = handlers;
    events.context = exchange;
    sim_endpoint_events(exchange->endpoint, &events);
    exchange->deadline =
        sim_world_at(script->world, sim_world_now(script->world) + REPLY_TIMEOUT_NS, deadline_event,
                     exchange, 0);
    const struct rp_net_port *port = sim_endpoint_port(exchange->endpoint);
    if (port->dial(port->state, sim_pod_address(pod), &exchange->conn) != 0) {
        end_exchange(exchange);
    }
    return script_yield(lua, task, 0, return_reply);
}

/* ---- Messages -------------------------------------------------------------------------------------- */

static struct rp_view field_text(lua_State *lua, int table, const char *key, struct rp_view absent)
{
    if (!script_get(lua, table, key)) {
        lua_pop(lua, 1);
        return absent;
    }
    size_t length_bytes = 0;
    const char *text = luaL_checklstring(lua, -1, &length_bytes);
    lua_pop(lua, 1); /* the table keeps it */
    return rp_view_make(text, length_bytes);
}

static int64_t field_integer(lua_State *lua, int table, const char *key, int64_t absent)
{
    if (script_get(lua, table, key)) {
        absent = luaL_checkinteger(lua, -1);
    }
    lua_pop(lua, 1);
    return absent;
}

/* The fields of the table over those of `fetch`. */
static void change_fetch(lua_State *lua, int table, struct rp_fetch_file *fetch)
{
    fetch->path = field_text(lua, table, "path", fetch->path);
    fetch->node_id = field_text(lua, table, "node_id", fetch->node_id);
    fetch->nonce = field_text(lua, table, "nonce", fetch->nonce);
    fetch->hmac = field_text(lua, table, "hmac", fetch->hmac);
    fetch->bound_hmac = field_text(lua, table, "bound_hmac", fetch->bound_hmac);
    fetch->timestamp = field_integer(lua, table, "timestamp", fetch->timestamp);
    fetch->byte_offset = field_integer(lua, table, "byte_offset", fetch->byte_offset);
}

/* Pushes the frame's bytes. */
static void push_frame(lua_State *lua, const struct rp_fetch_file *fetch)
{
    struct rp_message message;
    struct rp_buffer frame;
    memset(&message, 0, sizeof message);
    message.type = RP_MSG_FETCH_FILE;
    message.as.fetch_file = *fetch;
    rp_buffer_init(&frame, &plain_alloc, RP_FRAME_LENGTH_MAX + HEADER_BYTES);
    int error = rp_message_encode(rp_release_traits(RP_RELEASE_CURRENT), &message, &frame);
    if (error == 0) {
        struct rp_view bytes = rp_buffer_view(&frame);
        lua_pushlstring(lua, (const char *)bytes.bytes, bytes.length_bytes);
    }
    rp_buffer_clear(&frame);
    if (error != 0) {
        luaL_error(lua, "the message cannot be encoded: %s", rp_strerror(error));
    }
}

static int attacker_send(lua_State *lua)
{
    static const char *const keys[] = {"type",      "path", "node_id",     "nonce",
                                       "timestamp", "hmac", "byte_offset", NULL};
    struct attacker *attacker = self(lua);
    (void)script_running_task(lua, "a:send");
    struct sim_pod *pod = script_take_node(lua, 2, "a:send");
    lua_settop(lua, 3);
    if (lua_istable(lua, 3)) {
        struct rp_fetch_file fetch;
        memset(&fetch, 0, sizeof fetch);
        (void)script_get(lua, 3, "type");
        const char *type = script_take_text(lua, -1, "a:send: type");
        if (strcmp(type, "FetchFile") != 0) {
            return luaL_error(lua, "a:send: messages of type '%s' are not in this version", type);
        }
        script_check_keys(lua, 3, "a:send", keys);
        change_fetch(lua, 3, &fetch);
        push_frame(lua, &fetch);
    } else {
        (void)luaL_checkstring(lua, 3);
        lua_pushvalue(lua, 3);
    }
    size_t length_bytes = 0;
    const char *bytes = lua_tolstring(lua, -1, &length_bytes);
    return begin_exchange(lua, attacker, pod, rp_view_make(bytes, length_bytes));
}

/* ---- Capture and replay ---------------------------------------------------------------------------- */

/* In Lua's memory, on the stack of the coroutine that waits. */
struct capture {
    struct sim_net_tap tap;
    struct script *script;
    struct script_task *task;
    sim_site from, to;
    const char *type_name; /* of the table of options, which is on the same stack */
    bool is_over;
};

static int push_capture(lua_State *lua)
{
    const struct rp_chunk *chunk = lua_touserdata(lua, 1);
    const struct sim_net_passage *passage = lua_touserdata(lua, 2);
    struct sim_net *net = sim_world_net(script_of(lua)->world);
    struct rp_arena arena;
    struct rp_message message;
    lua_createtable(lua, 0, 4);
    script_set_view(lua, "bytes", rp_chunk_view(*chunk));
    script_set_view(lua, "from", sim_net_site_id(net, passage->from));
    script_set_view(lua, "to", sim_net_site_id(net, passage->to));
    lua_newtable(lua);
    rp_arena_init(&arena, &plain_alloc);
    struct rp_view payload =
        rp_view_make(chunk->bytes + HEADER_BYTES, chunk->length_bytes - HEADER_BYTES);
    int error = rp_message_decode(rp_release_traits(RP_RELEASE_CURRENT), chunk->bytes[4], payload,
                                  &arena, &message);
    if (error == 0 && message.type == RP_MSG_FETCH_FILE) {
        const struct rp_fetch_file *fetch = &message.as.fetch_file;
        script_set_view(lua, "path", fetch->path);
        script_set_view(lua, "node_id", fetch->node_id);
        script_set_view(lua, "nonce", fetch->nonce);
        script_set_view(lua, "hmac", fetch->hmac);
        script_set_view(lua, "bound_hmac", fetch->bound_hmac);
        lua_pushinteger(lua, fetch->timestamp);
        lua_setfield(lua, -2, "timestamp");
        lua_pushinteger(lua, fetch->byte_offset);
        lua_setfield(lua, -2, "byte_offset");
    }
    rp_arena_clear(&arena);
    lua_setfield(lua, -2, "fields");
    return 1;
}

static size_t frame_bytes(struct rp_chunk chunk)
{
    if (chunk.length_bytes < HEADER_BYTES) {
        return SIZE_MAX;
    }
    return 4 + ((size_t)chunk.bytes[0] << 24 | (size_t)chunk.bytes[1] << 16 |
                (size_t)chunk.bytes[2] << 8 | (size_t)chunk.bytes[3]);
}

static void see_passage(void *context, const struct sim_net_passage *passage,
                        struct rp_chunk *chunk)
{
    struct capture *capture = context;
    struct script *script = capture->script;
    if (capture->is_over || script_story_is_dropped(script) || passage->connection == 0 ||
        passage->is_end || passage->offset_bytes != 0 ||
        (capture->from != SIM_SITE_NONE && passage->from != capture->from) ||
        (capture->to != SIM_SITE_NONE && passage->to != capture->to)) {
        return;
    }
    size_t length_bytes = frame_bytes(*chunk);
    if (length_bytes < HEADER_BYTES || length_bytes > chunk->length_bytes ||
        strcmp(rp_message_type_name(chunk->bytes[4]), capture->type_name) != 0) {
        return;
    }
    capture->is_over = true;
    struct rp_chunk frame = rp_chunk_slice(*chunk, 0, length_bytes);
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

/* Stack: attacker, options, type, capture, then the result. */
static int capture_ended(lua_State *lua, int status, lua_KContext context)
{
    (void)status;
    (void)context;
    struct capture *capture = lua_touserdata(lua, 4);
    sim_net_untap(sim_world_net(capture->script->world), &capture->tap);
    return 1;
}

static sim_site take_site(lua_State *lua, int options, const char *key)
{
    struct sim_net *net = sim_world_net(script_of(lua)->world);
    sim_site site = SIM_SITE_NONE;
    if (script_get(lua, options, key)) {
        const struct sim_pod *pod = script_take_node(lua, -1, key);
        if (sim_net_site(net, sim_pod_id(pod), sim_pod_zone(pod), &site) != 0) {
            luaL_error(lua, "out of memory");
        }
    }
    lua_pop(lua, 1);
    return site;
}

static int attacker_capture(lua_State *lua)
{
    static const char *const keys[] = {"type", "from", "to", NULL};
    const struct attacker *attacker = self(lua);
    struct script_task *task = script_running_task(lua, "a:capture");
    struct script *script = script_of(lua);
    lua_settop(lua, 2);
    script_check_keys(lua, 2, "a:capture", keys);
    if (!attacker->is_on_path) {
        return luaL_error(lua, "a:capture: this attacker is on no path (on_path = {x, y})");
    }
    (void)script_get(lua, 2, "type");
    const char *type_name = script_take_text(lua, 3, "a:capture: type");
    struct capture *capture = lua_newuserdatauv(lua, sizeof *capture, 0);
    memset(capture, 0, sizeof *capture);
    capture->script = script;
    capture->task = task;
    capture->type_name = type_name;
    capture->from = take_site(lua, 2, "from");
    capture->to = take_site(lua, 2, "to");
    capture->is_over = script->spec.cluster.is_tls; /* nothing intelligible: waits for ever */
    capture->tap.context = capture;
    capture->tap.left = attacker->left;
    capture->tap.right = attacker->right;
    capture->tap.passes = see_passage;
    sim_net_tap(sim_world_net(script->world), &capture->tap);
    return script_yield(lua, task, 0, capture_ended);
}

/* Pushes the bytes of the capture at 2, with the fields of the table at `fields` changed. */
static void push_changed(lua_State *lua, int fields)
{
    struct rp_fetch_file fetch;
    memset(&fetch, 0, sizeof fetch);
    if (!script_get(lua, 2, "fields")) {
        luaL_error(lua, "a:replay: the first argument is no capture");
    }
    change_fetch(lua, lua_gettop(lua), &fetch);
    change_fetch(lua, fields, &fetch);
    push_frame(lua, &fetch);
}

static int replay_now(lua_State *lua, int status, lua_KContext context)
{
    struct attacker *attacker = self(lua);
    (void)status;
    (void)context;
    lua_settop(lua, 3);
    const char *key = script_get(lua, 3, "to") ? "to" : NULL;
    if (key == NULL) {
        (void)script_get(lua, 2, "to");
    }
    struct sim_pod *pod = script_take_node(lua, -1, "a:replay: to");
    if (script_get(lua, 3, "fields")) {
        push_changed(lua, lua_gettop(lua));
    } else if (!script_get(lua, 2, "bytes")) {
        return luaL_error(lua, "a:replay: the first argument is no capture");
    }
    size_t length_bytes = 0;
    const char *bytes = luaL_checklstring(lua, -1, &length_bytes);
    return begin_exchange(lua, attacker, pod, rp_view_make(bytes, length_bytes));
}

static int attacker_replay(lua_State *lua)
{
    static const char *const keys[] = {"to", "after", "fields", NULL};
    struct script_task *task = script_running_task(lua, "a:replay");
    (void)self(lua);
    luaL_checktype(lua, 2, LUA_TTABLE);
    lua_settop(lua, 3);
    if (!lua_isnil(lua, 3)) {
        script_check_keys(lua, 3, "a:replay", keys);
    }
    if (!script_get(lua, 3, "after")) {
        return replay_now(lua, LUA_OK, 0);
    }
    uint64_t after_ns = script_draw_duration(lua, -1, "a:replay: after");
    return script_sleep(lua, task, after_ns, 0, replay_now);
}

/* ---- The object ------------------------------------------------------------------------------------- */

void script_push_attacker(lua_State *lua, int options)
{
    static const char *const keys[] = {"on_path", NULL};
    static const luaL_Reg methods[] = {
        {"send", attacker_send},
        {"capture", attacker_capture},
        {"replay", attacker_replay},
        {NULL, NULL},
    };
    struct sim_net *net = sim_world_net(script_of(lua)->world);
    struct attacker fresh;
    char id[32];
    memset(&fresh, 0, sizeof fresh);
    fresh.left = fresh.right = SIM_SITE_NONE;
    if (!lua_isnil(lua, options)) {
        script_check_keys(lua, options, "c:attacker", keys);
        if (script_get(lua, options, "on_path")) {
            size_t count = 0;
            struct sim_pod **pods = script_take_nodes(lua, -1, "c:attacker: on_path", &count);
            if (count != 2) {
                luaL_error(lua, "c:attacker: on_path is a list of two nodes");
            }
            fresh.is_on_path = true;
            if (sim_net_site(net, sim_pod_id(pods[0]), sim_pod_zone(pods[0]), &fresh.left) != 0 ||
                sim_net_site(net, sim_pod_id(pods[1]), sim_pod_zone(pods[1]), &fresh.right) != 0) {
                luaL_error(lua, "out of memory");
            }
        }
    }
    fresh.number = (uint32_t)sim_net_site_count(net);
    (void)snprintf(id, sizeof id, "attacker-%u", fresh.number);
    if (sim_net_site(net, rp_view_text(id), rp_view_text(""), &fresh.site) != 0) {
        luaL_error(lua, "out of memory");
    }
    struct attacker *attacker =
        script_push_object_sized(lua, "attacker", methods, sizeof *attacker);
    *attacker = fresh;
}
