/* Captures take a copy of what passes, rules change or drop it (docs/scenario-api.md, attackers). What
 * it is, a frame or a consensus message, its own file knows. */
#include "protocol/message.h"
#include "sim/alloc.h"
#include "sim/script_attacker.h"
#include "sim/script_message.h"
#include "sim/script_raft.h"

/* Does it concern this passage, whatever its type? */
static bool is_between(sim_site from, sim_site to, const struct sim_net_passage *passage)
{
    return (from == SIM_SITE_NONE || passage->from == from) &&
           (to == SIM_SITE_NONE || passage->to == to);
}

/* ---- Captures ---------------------------------------------------------------------------------- */

static const char *type_name(uint16_t type)
{
    return type < SCRIPT_RAFT_TYPE
               ? rp_message_type_name((uint8_t)type)
               : sim_raft_kind_name((enum sim_raft_message_kind)(type - SCRIPT_RAFT_TYPE));
}

/* Argument: what passes. */
static int push_capture(lua_State *lua)
{
    const struct script_passing *passing = lua_touserdata(lua, 1);
    const struct sim_net *net = sim_world_net(script_of(lua)->world);
    lua_createtable(lua, 0, 5);
    passing->push_bytes(lua, passing);
    lua_setfield(lua, -2, "bytes");
    passing->push_fields(lua, passing);
    lua_setfield(lua, -2, "fields");
    script_set_view(lua, "from", sim_net_site_id(net, passing->passage->from));
    script_set_view(lua, "to", sim_net_site_id(net, passing->passage->to));
    script_set_view(lua, "type", rp_view_text(type_name(passing->type)));
    return 1;
}

/* Without a type it waits for a frame. */
static bool is_for(const struct script_capture *capture, const struct script_passing *passing)
{
    bool is_type =
        capture->has_type ? capture->type == passing->type : passing->type < SCRIPT_RAFT_TYPE;
    return is_type && !capture->is_over && is_between(capture->from, capture->to, passing->passage);
}

void script_give_captures(const struct script_passing *passing)
{
    struct script *script = passing->attacker->script;
    struct script_capture *capture = passing->attacker->captures;
    for (; capture != NULL && !script_story_is_dropped(script); capture = capture->next) {
        if (!is_for(capture, passing)) {
            continue;
        }
        capture->is_over = true;
        if (passing->kept != NULL) {
            passing->kept(passing);
        }
        lua_pushcfunction(script->lua, push_capture);
        lua_pushlightuserdata(script->lua, (void *)(uintptr_t)passing);
        if (script_call(script, 1, 1)) {
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

/* ---- Rules ------------------------------------------------------------------------------------- */

bool script_rule_concerns(const struct script_rule *rule, const struct script_attacker *attacker,
                          const struct sim_net_passage *passage, int type)
{
    bool is_live = rule->until_ns == 0 || sim_world_now(attacker->script->world) < rule->until_ns;
    return is_live && (!rule->has_type || type < 0 || type == rule->type) &&
           is_between(rule->from, rule->to, passage);
}

/* Arguments: the rule, what passes. Result: the bytes to send instead, "" for none, nil for the old. */
static int judge(lua_State *lua)
{
    const struct script_rule *rule = lua_touserdata(lua, 1);
    const struct script_passing *passing = lua_touserdata(lua, 2);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, rule->reference);
    if (rule->has_match) {
        (void)lua_getiuservalue(lua, 3, 2);
        passing->push_fields(lua, passing);
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
    passing->push_changed(lua, passing, lua_gettop(lua));
    return 1;
}

static void note(const struct script_rule *rule, const struct script_passing *passing)
{
    struct sim_world *world = passing->attacker->script->world;
    const uint64_t words[4] = {passing->attacker->number, rule->is_drop,
                               passing->passage->connection, passing->type};
    sim_trace_note_words(sim_world_trace(world), "tamper", words, 4);
    sim_reach_fault(sim_world_reach(world), rule->is_drop ? "drop" : "tamper");
}

bool script_rule_acts(const struct script_rule *rule, const struct script_passing *passing)
{
    struct script_attacker *attacker = passing->attacker;
    struct script *script = attacker->script;
    if (script->is_over || !script_rule_concerns(rule, attacker, passing->passage, passing->type) ||
        !sim_rng_chance(&attacker->rng, rule->chance)) {
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
    note(rule, passing);
    return true;
}

/* Unknown keys and wrong kinds are told at once, not when a message comes. */
static void check_changes(lua_State *lua, uint16_t type, int fields)
{
    static const char what[] = "a:tamper: fields";
    if (type < SCRIPT_RAFT_TYPE) {
        script_push_frame(lua, (uint8_t)type, fields, what);
    } else {
        struct sim_raft_message **slot = script_push_raft_slot(lua);
        if (sim_raft_message_forge(sim_libc_alloc(),
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

void script_rules_stop(struct script_attacker *attacker)
{
    while (attacker->rules != NULL) {
        struct script_rule *rule = attacker->rules;
        attacker->rules = rule->next;
        luaL_unref(attacker->script->lua, LUA_REGISTRYINDEX, rule->reference);
    }
}
