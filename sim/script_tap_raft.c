/* Consensus messages in the hands of an attacker: whole datagrams, so nothing is to be put together. What
 * it makes of them keeps the MAC that they came with, and what it makes up has one of no member. */
#include "protocol/error.h"
#include "sim/raft_wire.h"
#include "sim/alloc.h"
#include "sim/script_attacker.h"
#include "sim/script_message.h"
#include "sim/script_raft.h"

/* ---- What passes ------------------------------------------------------------------------------- */

/* One datagram on its way. */
struct passing_datagram {
    struct script_passing passing;
    struct sim_pod *sender, *receiver;
    const struct sim_raft_message *message; /* of the chunk, as it is now */
};

static const struct passing_datagram *datagram_of(const struct script_passing *passing)
{
    return (const struct passing_datagram *)(const void *)passing;
}

static void push_bytes(lua_State *lua, const struct script_passing *passing)
{
    const struct passing_datagram *datagram = datagram_of(passing);
    struct rp_buffer *bytes = script_push_buffer(lua, SIZE_MAX / 2);
    if (sim_pod_raft_bytes(datagram->sender, datagram->message, passing->passage->session, bytes) !=
        0) {
        luaL_error(lua, "out of memory");
    }
    script_finish_buffer(lua, bytes);
}

/* As whoever records the bytes reads them, sessions and all. */
static void push_fields(lua_State *lua, const struct script_passing *passing)
{
    size_t length_bytes = 0;
    bool is_authentic = false;
    push_bytes(lua, passing);
    const char *bytes = lua_tolstring(lua, -1, &length_bytes);
    struct sim_raft_message **slot = script_push_raft_slot(lua);
    if (sim_raft_message_decode(sim_libc_alloc(), rp_view_make(bytes, length_bytes),
                                rp_view_text(""), 0, slot, &is_authentic) != 0) {
        luaL_error(lua, "out of memory");
    }
    script_push_raft_fields(lua, *slot);
    lua_replace(lua, -3); /* in the place of the bytes */
    lua_pop(lua, 1);
}

static void push_changed(lua_State *lua, const struct script_passing *passing, int changes)
{
    size_t length_bytes = 0;
    push_bytes(lua, passing);
    const char *bytes = lua_tolstring(lua, -1, &length_bytes);
    script_push_raft_changed(lua, rp_view_make(bytes, length_bytes), changes, "a:tamper");
}

static void note_kept(const struct script_passing *passing)
{
    sim_pod_note_recording(datagram_of(passing)->sender, datagram_of(passing)->message);
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
static bool replace(struct passing_datagram *datagram, struct rp_chunk *chunk,
                    struct rp_block *original)
{
    size_t length_bytes = 0;
    const char *bytes = lua_tolstring(datagram->passing.attacker->script->lua, -1, &length_bytes);
    struct rp_chunk fresh;
    if (length_bytes == 0) {
        put_chunk(chunk, (struct rp_chunk){original, NULL, 0}, original);
        return false;
    }
    if (sim_pod_raft_chunk(datagram->receiver, rp_view_make(bytes, length_bytes), &fresh) != 0) {
        return false;
    }
    put_chunk(chunk, fresh, original);
    datagram->message = sim_pod_raft_message(*chunk);
    return true;
}

/* False: nothing that anybody could read. */
static bool begin(struct passing_datagram *datagram, struct script_attacker *attacker,
                  const struct sim_net_passage *passage, struct rp_chunk chunk)
{
    struct sim_world *world = attacker->script->world;
    struct sim_net *net = sim_world_net(world);
    memset(datagram, 0, sizeof *datagram);
    datagram->sender = sim_world_labelled(world, sim_net_site_id(net, passage->from));
    datagram->receiver = sim_world_labelled(world, sim_net_site_id(net, passage->to));
    datagram->message = sim_pod_raft_message(chunk);
    if (datagram->message == NULL || datagram->sender == NULL || datagram->receiver == NULL) {
        return false;
    }
    datagram->passing = (struct script_passing){
        .attacker = attacker,
        .passage = passage,
        .type = (uint16_t)(SCRIPT_RAFT_TYPE | (unsigned)sim_raft_message_kind(datagram->message)),
        .push_bytes = push_bytes,
        .push_fields = push_fields,
        .push_changed = push_changed,
        .kept = note_kept,
    };
    return true;
}

void script_tap_datagram(struct script_attacker *attacker, const struct sim_net_passage *passage,
                         struct rp_chunk *chunk)
{
    struct rp_block *original = chunk->block;
    struct passing_datagram datagram;
    if (!begin(&datagram, attacker, passage, *chunk)) {
        return;
    }
    lua_State *lua = attacker->script->lua;
    int top = lua_gettop(lua);
    script_give_captures(&datagram.passing);
    bool is_on = !script_story_is_dropped(attacker->script);
    for (const struct script_rule *rule = attacker->rules; rule != NULL && is_on;
         rule = rule->next) {
        if (script_rule_acts(rule, &datagram.passing)) {
            is_on = replace(&datagram, chunk, original);
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
    if (sim_pod_forge_raft(pod, source == NULL ? pod : source, sim_libc_alloc(), (int)kind, slot) !=
        0) {
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
