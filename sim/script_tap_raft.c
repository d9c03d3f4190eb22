/* Consensus messages in the hands of an attacker: whole datagrams, so nothing is to be put together. What
 * it makes of them keeps the MAC that they came with, and what it makes up has one of no member. */
#include "protocol/error.h"
#include "sim/raft_wire.h"
#include "sim/script_attacker.h"
#include "sim/script_message.h"
#include "sim/script_raft.h"

/* One datagram on its way. */
struct passing {
    struct script_attacker *attacker;
    const struct sim_net_passage *passage;
    struct sim_pod *sender, *receiver;
    const struct sim_raft_message *message; /* of the chunk, as it is now */
    uint16_t type;
};

static void push_passing_bytes(lua_State *lua, const struct passing *passing)
{
    struct rp_buffer bytes;
    rp_buffer_init(&bytes, &script_plain_alloc, SIZE_MAX / 2);
    int error =
        sim_pod_raft_bytes(passing->sender, passing->message, passing->passage->session, &bytes);
    if (error == 0) {
        script_push_view(lua, rp_buffer_view(&bytes));
    }
    rp_buffer_clear(&bytes);
    if (error != 0) {
        luaL_error(lua, "out of memory");
    }
}

/* The bytes on top: as whoever records them reads them, sessions and all. */
static void push_fields_of(lua_State *lua)
{
    size_t length_bytes = 0;
    bool is_authentic = false;
    const char *bytes = lua_tolstring(lua, -1, &length_bytes);
    struct sim_raft_message **slot = script_push_raft_slot(lua);
    if (sim_raft_message_decode(&script_plain_alloc, rp_view_make(bytes, length_bytes),
                                rp_view_text(""), 0, slot, &is_authentic) != 0) {
        luaL_error(lua, "out of memory");
    }
    script_push_raft_fields(lua, *slot);
    lua_remove(lua, -2);
}

/* ---- Captures ---------------------------------------------------------------------------------- */

/* Argument: the passing datagram. */
static int push_capture(lua_State *lua)
{
    const struct passing *passing = lua_touserdata(lua, 1);
    lua_createtable(lua, 0, 5);
    push_passing_bytes(lua, passing);
    push_fields_of(lua);
    lua_setfield(lua, -3, "fields");
    lua_setfield(lua, -2, "bytes");
    script_set_view(lua, "from", sim_pod_label(passing->sender));
    script_set_view(lua, "to", sim_pod_label(passing->receiver));
    script_set_view(lua, "type",
                    rp_view_text(sim_raft_kind_name(sim_raft_message_kind(passing->message))));
    return 1;
}

static void give_captures(const struct passing *passing)
{
    struct script *script = passing->attacker->script;
    struct script_capture *capture = passing->attacker->captures;
    for (; capture != NULL && !script_story_is_dropped(script); capture = capture->next) {
        if (capture->is_over || !capture->has_type || capture->type != passing->type ||
            !script_is_between(capture->from, capture->to, passing->passage)) {
            continue;
        }
        capture->is_over = true;
        sim_pod_note_recording(passing->sender, passing->message);
        lua_pushcfunction(script->lua, push_capture);
        lua_pushlightuserdata(script->lua, (void *)(uintptr_t)passing);
        if (script_call(script, 1, 1)) {
            script_task_wake(capture->task, true);
        } else {
            script_story_fail(script);
        }
    }
}

/* ---- Rules ------------------------------------------------------------------------------------- */

/* Arguments: the rule, the passing datagram. Result: the bytes to send instead, "" for none, nil for
 * the old ones. */
static int judge(lua_State *lua)
{
    const struct script_rule *rule = lua_touserdata(lua, 1);
    const struct passing *passing = lua_touserdata(lua, 2);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, rule->reference);
    if (rule->has_match) {
        (void)lua_getiuservalue(lua, 3, 2);
        push_passing_bytes(lua, passing);
        push_fields_of(lua);
        lua_remove(lua, -2);
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
    (void)lua_getiuservalue(lua, 3, 1);
    int changes = lua_gettop(lua);
    push_passing_bytes(lua, passing);
    size_t length_bytes = 0;
    const char *bytes = lua_tolstring(lua, -1, &length_bytes);
    script_push_raft_changed(lua, rp_view_make(bytes, length_bytes), changes, "a:tamper");
    return 1;
}

static bool is_concerned(const struct passing *passing, const struct script_rule *rule)
{
    struct script_attacker *attacker = passing->attacker;
    return (!rule->has_type || rule->type == passing->type) &&
           script_rule_is_live(attacker, rule) &&
           script_is_between(rule->from, rule->to, passing->passage) &&
           sim_rng_chance(&attacker->rng, rule->chance);
}

/* True: the rule acts, and what goes out instead is on top of the main state's stack. */
static bool apply_rule(const struct passing *passing, const struct script_rule *rule)
{
    struct script *script = passing->attacker->script;
    if (script->is_over || !is_concerned(passing, rule)) {
        return false;
    }
    bool was_condition = script->is_condition;
    script_rest(script);
    script->is_condition = true; /* a judgement: it changes nothing in the world */
    lua_pushcfunction(script->lua, judge);
    lua_pushlightuserdata(script->lua, (void *)(uintptr_t)rule);
    lua_pushlightuserdata(script->lua, (void *)(uintptr_t)passing);
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
    script_note_rule(passing->attacker, rule, passing->passage, passing->type);
    return true;
}

/* What a tap put there itself has nobody else's reference yet. */
static void put_chunk(struct rp_chunk *chunk, struct rp_chunk fresh, struct rp_block *original)
{
    if (chunk->block != original) {
        rp_block_release(chunk->block);
    }
    *chunk = fresh;
}

/* The bytes are on top of the stack. False: no more rules. */
static bool replace(struct passing *passing, struct rp_chunk *chunk, struct rp_block *original)
{
    size_t length_bytes = 0;
    const char *bytes = lua_tolstring(passing->attacker->script->lua, -1, &length_bytes);
    struct rp_chunk fresh;
    if (length_bytes == 0) {
        put_chunk(chunk, (struct rp_chunk){original, NULL, 0}, original);
        return false;
    }
    if (sim_pod_raft_chunk(passing->receiver, rp_view_make(bytes, length_bytes), &fresh) != 0) {
        return false;
    }
    put_chunk(chunk, fresh, original);
    passing->message = sim_pod_raft_message(*chunk);
    return true;
}

void script_tap_datagram(struct script_attacker *attacker, const struct sim_net_passage *passage,
                         struct rp_chunk *chunk)
{
    struct sim_world *world = attacker->script->world;
    struct sim_net *net = sim_world_net(world);
    struct rp_block *original = chunk->block;
    struct passing passing = {
        .attacker = attacker,
        .passage = passage,
        .sender = sim_world_labelled(world, sim_net_site_id(net, passage->from)),
        .receiver = sim_world_labelled(world, sim_net_site_id(net, passage->to)),
        .message = sim_pod_raft_message(*chunk),
    };
    if (passing.message == NULL || passing.sender == NULL || passing.receiver == NULL) {
        return;
    }
    lua_State *lua = attacker->script->lua;
    int top = lua_gettop(lua);
    passing.type = (uint16_t)(SCRIPT_RAFT_TYPE | (unsigned)sim_raft_message_kind(passing.message));
    give_captures(&passing);
    bool is_on = !script_story_is_dropped(attacker->script);
    for (const struct script_rule *rule = attacker->rules; rule != NULL && is_on;
         rule = rule->next) {
        if (apply_rule(&passing, rule)) {
            is_on = replace(&passing, chunk, original);
            lua_settop(lua, top);
        }
        is_on = is_on && !script_story_is_dropped(attacker->script);
    }
    lua_settop(lua, top);
}

/* ---- Sent by hand ------------------------------------------------------------------------------ */

/* The bytes on top of the stack, in a datagram. Nobody answers: pushes nil. */
static int send_top(lua_State *lua, struct script_attacker *attacker, struct sim_pod *pod,
                    const char *call)
{
    struct sim_endpoint *endpoint = NULL;
    size_t length_bytes = 0;
    const char *bytes = luaL_checklstring(lua, -1, &length_bytes);
    int error = script_attacker_attach(attacker, &endpoint);
    if (error == 0) {
        error = sim_pod_send_raft(pod, endpoint, rp_view_make(bytes, length_bytes));
        sim_net_detach(endpoint, SIM_NET_PROCESS_ENDED);
    }
    if (error == RP_ERR_INVALID) {
        return luaL_error(lua, "%s: these bytes are no consensus message", call);
    }
    if (error != 0) {
        return luaL_error(lua, "%s: %s", call, rp_strerror(error));
    }
    lua_pushnil(lua);
    return 1;
}

int script_send_raft(lua_State *lua, struct script_attacker *attacker, struct sim_pod *pod,
                     enum sim_raft_message_kind kind)
{
    static const char *const others[] = {"type", "as", NULL};
    const struct sim_pod *source = sim_world_leader(sim_pod_world(pod));
    if (script_get(lua, 3, "as")) {
        source = script_take_node(lua, -1, "a:send: as");
    }
    struct sim_raft_message **slot = script_push_raft_slot(lua);
    if (sim_pod_forge_raft(pod, source == NULL ? pod : source, &script_plain_alloc, (int)kind,
                           slot) != 0) {
        return luaL_error(lua, "out of memory");
    }
    script_set_raft_fields(lua, *slot, 3, "a:send", others);
    script_push_raft_bytes(lua, *slot, rp_view_text(""));
    return send_top(lua, attacker, pod, "a:send");
}

int script_replay_raft(lua_State *lua, struct script_attacker *attacker, struct sim_pod *pod)
{
    size_t length_bytes = 0;
    if (!script_get(lua, 2, "bytes")) {
        return luaL_error(lua, "a:replay: the first argument is no capture");
    }
    const char *bytes = luaL_checklstring(lua, -1, &length_bytes);
    if (script_get(lua, 3, "fields")) {
        luaL_checktype(lua, -1, LUA_TTABLE);
        script_push_raft_changed(lua, rp_view_make(bytes, length_bytes), lua_gettop(lua),
                                 "a:replay: fields");
    } else {
        lua_pop(lua, 1);
    }
    return send_top(lua, attacker, pod, "a:replay");
}
