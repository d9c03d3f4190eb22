/* c:attacker: somebody without the shared secret, at a place of its own in the network, who may dial,
 * speak any bytes, and repeat what it saw pass (docs/scenario-api.md, attackers). */
#include "sim/alloc.h"
#include "sim/script_attacker.h"

#include <stdlib.h>

#include "protocol/error.h"
#include "protocol/frame.h"
#include "protocol/limits.h"
#include "protocol/message.h"
#include "sim/script_message.h"
#include "sim/script_raft.h"

#define REPLY_TIMEOUT_NS (30 * RP_NS_PER_S)
#define ADDRESSES_MAX    4096 /* of one attacker */

#define EXCHANGE_TYPE "attacker.exchange"

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

static void set_text(lua_State *lua, const char *key, const char *text)
{
    lua_pushstring(lua, text);
    lua_setfield(lua, -2, key);
}

/* The reply is on top of the stack. A join response says success or not; what has no status of its
 * own has its type's name. */
static void set_status(lua_State *lua, int fields, uint8_t type)
{
    lua_getfield(lua, fields, "success");
    lua_getfield(lua, fields, "status");
    bool is_success = lua_toboolean(lua, -2) != 0;
    bool has_status = !lua_isnil(lua, -1);
    lua_pop(lua, 2);
    if (type == RP_MSG_JOIN_RESPONSE) {
        set_text(lua, "status", is_success ? "ok" : "error");
    } else if (!has_status) {
        set_text(lua, "status", rp_message_type_name(type));
    }
}

/* nil when no frame came; else the fields of the answer, and what they come to. */
static int push_reply(lua_State *lua)
{
    static const char *const copied[] = {"status", "code", "error", "sha256", "size_bytes"};
    const struct exchange *exchange = lua_touserdata(lua, 1);
    if (!exchange->has_frame) {
        lua_pushnil(lua);
        return 1;
    }
    script_push_message(lua, exchange->type, rp_buffer_view(&exchange->payload));
    int fields = lua_gettop(lua);
    lua_createtable(lua, 0, 8);
    for (size_t key = 0; key < sizeof copied / sizeof copied[0]; key += 1) {
        lua_getfield(lua, fields, copied[key]);
        lua_setfield(lua, -2, copied[key]);
    }
    set_status(lua, fields, exchange->type);
    set_text(lua, "type", rp_message_type_name(exchange->type));
    lua_pushvalue(lua, fields);
    lua_setfield(lua, -2, "fields");
    lua_pushinteger(lua, (lua_Integer)exchange->body_bytes);
    lua_setfield(lua, -2, "body_bytes");
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

struct script_attacker *script_take_attacker(lua_State *lua)
{
    return luaL_checkudata(lua, 1, SCRIPT_ATTACKER_TYPE);
}

int script_attacker_attach(struct script_attacker *attacker, struct sim_endpoint **endpoint_out)
{
    struct sim_net *net = sim_world_net(attacker->script->world);
    int error = RP_ERR_INVALID;
    attacker->dial_count += 1;
    for (uint32_t slot = 0; error == RP_ERR_INVALID && slot < ADDRESSES_MAX; slot += 1) {
        char address[64]; /* of the block for benchmarks: no pod has one */
        (void)snprintf(address, sizeof address, "198.%u.%u.%u:%u", 18 + slot / 256,
                       attacker->number % 256, slot % 256, 10000 + attacker->dial_count % 50000);
        error = sim_net_attach(net, attacker->site, rp_view_text(address), NULL, endpoint_out);
    }
    return error;
}

sim_site script_take_site(lua_State *lua, int options, const char *key)
{
    sim_site site = SIM_SITE_NONE;
    if (script_get(lua, options, key)) {
        site = sim_pod_site(script_take_node(lua, -1, key));
    }
    lua_pop(lua, 1);
    return site;
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
    rp_frame_reader_init(&exchange->reader, sim_libc_alloc());
    rp_buffer_init(&exchange->payload, sim_libc_alloc(), RP_FRAME_LENGTH_MAX);
    if (luaL_newmetatable(lua, EXCHANGE_TYPE)) {
        lua_pushcfunction(lua, collect_exchange);
        lua_setfield(lua, -2, "__gc");
    }
    lua_setmetatable(lua, -2);
    exchange->reference = luaL_ref(lua, LUA_REGISTRYINDEX);
    return exchange;
}

/* Sends the bytes to the node and waits for what comes back. */
static int begin_exchange(lua_State *lua, struct script_attacker *attacker, struct sim_pod *pod,
                          struct rp_view bytes)
{
    static const struct rp_net_events handlers = {NULL,        on_accepted, on_connected,
                                                  on_received, on_writable, on_ended};
    struct script *script = script_of(lua);
    struct script_task *task = script_running_task(lua, "a:send");
    struct exchange *exchange = new_exchange(lua, task);
    uint8_t *copy = NULL;
    if (rp_block_new(sim_libc_alloc(), bytes.length_bytes, &exchange->request, &copy) != 0 ||
        script_attacker_attach(attacker, &exchange->endpoint) != 0) {
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

/* Pushes the bytes of the message at 3: its fields without `type`. */
static void push_sent(lua_State *lua, const char *name)
{
    uint8_t type = 0;
    if (!script_message_type(name, &type)) {
        luaL_error(lua, "a:send: there is no message type '%s'", name);
    }
    lua_newtable(lua);
    script_push_merged(lua, lua_gettop(lua), 3);
    lua_pushnil(lua);
    lua_setfield(lua, -2, "type");
    script_push_frame(lua, type, lua_gettop(lua), "a:send");
}

static int attacker_send(lua_State *lua)
{
    enum sim_raft_message_kind kind = SIM_RAFT_VOTE;
    struct script_attacker *attacker = script_take_attacker(lua);
    (void)script_running_task(lua, "a:send");
    struct sim_pod *pod = script_take_node(lua, 2, "a:send");
    lua_settop(lua, 3);
    if (lua_istable(lua, 3)) {
        (void)script_get(lua, 3, "type");
        const char *type = script_take_text(lua, -1, "a:send: type");
        if (sim_raft_kind_parse(type, &kind)) {
            return script_send_raft(lua, attacker, pod, kind);
        }
        push_sent(lua, type);
    } else {
        if (lua_type(lua, 3) != LUA_TSTRING) {
            return luaL_error(lua, "a:send: expected bytes, or a table with a type, got %s",
                              luaL_typename(lua, 3));
        }
        lua_pushvalue(lua, 3);
    }
    size_t length_bytes = 0;
    const char *bytes = lua_tolstring(lua, -1, &length_bytes);
    return begin_exchange(lua, attacker, pod, rp_view_make(bytes, length_bytes));
}

/* ---- Replay ---------------------------------------------------------------------------------------- */

/* Pushes the bytes of the capture at 2, with the fields of the table at `changes` changed. */
static void push_changed(lua_State *lua, int changes)
{
    uint8_t type = 0;
    bool is_typed = script_get(lua, 2, "type") &&
                    script_message_type(script_take_text(lua, -1, "a:replay: type"), &type);
    if (!is_typed || !script_get(lua, 2, "fields")) {
        luaL_error(lua, "a:replay: the first argument is no capture");
    }
    script_push_merged(lua, lua_gettop(lua), changes);
    script_push_frame(lua, type, lua_gettop(lua), "a:replay: fields");
}

static bool is_raft_capture(lua_State *lua)
{
    enum sim_raft_message_kind kind = SIM_RAFT_AUX;
    bool is_raft = script_get(lua, 2, "type") && lua_type(lua, -1) == LUA_TSTRING &&
                   sim_raft_kind_parse(lua_tostring(lua, -1), &kind);
    lua_pop(lua, 1);
    return is_raft;
}

static int replay_now(lua_State *lua, int status, lua_KContext context)
{
    struct script_attacker *attacker = script_take_attacker(lua);
    (void)status;
    (void)context;
    lua_settop(lua, 3);
    const char *key = script_get(lua, 3, "to") ? "to" : NULL;
    if (key == NULL) {
        (void)script_get(lua, 2, "to");
    }
    struct sim_pod *pod = script_take_node(lua, -1, "a:replay: to");
    sim_reach_fault(sim_world_reach(script_of(lua)->world), "replay");
    if (is_raft_capture(lua)) {
        return script_replay_raft(lua, attacker, pod);
    }
    if (script_get(lua, 3, "fields")) {
        luaL_checktype(lua, -1, LUA_TTABLE);
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
    (void)script_take_attacker(lua);
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

/* ---- Ends ------------------------------------------------------------------------------------------- */

static int attacker_stop(lua_State *lua)
{
    script_check_change(lua, "a:stop");
    struct script_attacker *attacker = script_take_attacker(lua);
    script_rules_stop(attacker);
    script_flood_stop(attacker);
    return 0;
}

/* The story is over: nobody meddles any more. */
void script_attackers_end(struct script *script)
{
    struct script_attacker *attacker = script->attackers;
    for (; attacker != NULL; attacker = attacker->next) {
        script_rules_stop(attacker);
        script_tap_end(attacker);
        script_flood_stop(attacker);
    }
    script->attackers = NULL;
}

/* ---- The object ------------------------------------------------------------------------------------- */

static bool is_encrypted(struct sim_pod *pod)
{
    return sim_world_spec(sim_pod_world(pod))->cluster.is_tls;
}

static void take_path(lua_State *lua, int options, struct script_attacker *attacker)
{
    static const char *const keys[] = {"on_path", NULL};
    size_t count = 0;
    if (lua_isnil(lua, options)) {
        return;
    }
    script_check_keys(lua, options, "c:attacker", keys);
    if (!script_get(lua, options, "on_path")) {
        return;
    }
    struct sim_pod **pods = script_take_any_nodes(lua, -1, "c:attacker: on_path", &count);
    if (count != 2) {
        luaL_error(lua, "c:attacker: on_path is a list of two nodes");
    }
    if (pods[0] == pods[1]) {
        luaL_error(lua, "c:attacker: on_path: from a node to itself nothing passes");
    }
    attacker->is_on_path = true;
    attacker->left = sim_pod_site(pods[0]);
    attacker->right = sim_pod_site(pods[1]);
    attacker->is_blind = is_encrypted(pods[0]) || is_encrypted(pods[1]);
}

const luaL_Reg script_attacker_methods[] = {
    {"send", attacker_send},        {"capture", script_attacker_capture},
    {"replay", attacker_replay},    {"tamper", script_attacker_tamper},
    {"drop", script_attacker_drop}, {"flood", script_attacker_flood},
    {"stop", attacker_stop},        {NULL, NULL},
};

void script_push_attacker(lua_State *lua, int options)
{
    struct script *script = script_of(lua);
    struct sim_net *net = sim_world_net(script->world);
    struct script_attacker fresh;
    char id[32];
    memset(&fresh, 0, sizeof fresh);
    fresh.script = script;
    fresh.world = script_world(lua);
    fresh.left = fresh.right = SIM_SITE_NONE;
    take_path(lua, options, &fresh);
    fresh.number = (uint32_t)sim_net_site_count(net);
    (void)snprintf(id, sizeof id, "attacker-%u", fresh.number);
    if (sim_net_site(net, rp_view_text(id), rp_view_text(""), &fresh.site) != 0) {
        luaL_error(lua, "out of memory");
    }
    sim_rng_init(&fresh.rng, script->seed, "attacker", rp_view_text(id), 0);
    struct script_attacker *attacker = script_push_object_sized(
        lua, SCRIPT_ATTACKER_TYPE, script_attacker_methods, sizeof *attacker);
    *attacker = fresh;
    lua_pushvalue(lua, -1);
    (void)luaL_ref(lua, LUA_REGISTRYINDEX); /* it acts as long as the story lasts */
    attacker->next = script->attackers;
    script->attackers = attacker;
    if (attacker->is_on_path) {
        script_tap_begin(attacker);
    }
}
