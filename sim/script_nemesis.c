/* c:nemesis (docs/scenario-api.md, Random trouble). */
#include "protocol/error.h"
#include "sim/nemesis.h"
#include "sim/script_story.h"

static void take_faults(lua_State *lua, struct sim_nemesis_spec *spec)
{
    if (!script_get(lua, 2, "faults")) {
        lua_pop(lua, 1);
        return;
    }
    lua_Integer count = lua_istable(lua, -1) ? luaL_len(lua, -1) : 0;
    if (count < 1) {
        luaL_error(lua, "c:nemesis: faults is a list of kinds; see: replisim describe nemesis");
    }
    memset(spec->kinds, 0, sizeof spec->kinds);
    for (lua_Integer row = 1; row <= count; row += 1) {
        enum sim_trouble kind = SIM_TROUBLE_COUNT;
        lua_rawgeti(lua, -1, row);
        const char *name = script_take_text(lua, -1, "c:nemesis: faults");
        if (!sim_trouble_parse(rp_view_text(name), &kind)) {
            luaL_error(lua,
                       "c:nemesis: faults: kind '%s' is unknown; see: replisim describe nemesis",
                       name);
        }
        spec->kinds[kind] = true;
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
}

static void take_interval(lua_State *lua, const char *key, const char *what,
                          struct sim_range *range)
{
    if (script_get(lua, 2, key)) {
        *range = script_take_duration_range(lua, -1, what);
        if (range->low < RP_NS_PER_MS) {
            luaL_error(lua, "%s: at least 1ms", what);
        }
    }
    lua_pop(lua, 1);
}

static void take_flag(lua_State *lua, const char *key, const char *what, bool *flag)
{
    if (script_get(lua, 2, key)) {
        *flag = script_take_bool(lua, -1, what);
    }
    lua_pop(lua, 1);
}

static void take_spec(lua_State *lua, struct sim_nemesis_spec *spec)
{
    take_faults(lua, spec);
    take_interval(lua, "every", "c:nemesis: every", &spec->every_ns);
    take_interval(lua, "heal", "c:nemesis: heal", &spec->heal_ns);
    if (script_get(lua, 2, "until_")) {
        spec->until_ns = script_draw_duration(lua, -1, "c:nemesis: until_");
        if (spec->until_ns <= sim_world_now(script_world(lua))) {
            luaL_error(lua, "c:nemesis: until_ is a time of the run, and it is over");
        }
    }
    lua_pop(lua, 1);
    if (script_get(lua, 2, "max_down")) {
        spec->down_max =
            (uint32_t)script_take_count(lua, -1, "c:nemesis: max_down", SCRIPT_NODE_COUNT_MAX);
    }
    lua_pop(lua, 1);
    bool is_recoverable = true;
    take_flag(lua, "recoverable", "c:nemesis: recoverable", &is_recoverable);
    take_flag(lua, "swarm", "c:nemesis: swarm", &spec->is_swarm);
    spec->may_destroy = !is_recoverable;
}

static int call_nemesis(lua_State *lua)
{
    static const char *const keys[] = {"faults",   "every",       "heal",  "until_",
                                       "max_down", "recoverable", "swarm", NULL};
    script_check_change(lua, "c:nemesis");
    struct sim_nemesis_spec spec;
    sim_nemesis_spec_init(&spec);
    lua_settop(lua, 2);
    if (!lua_isnil(lua, 2)) {
        script_check_keys(lua, 2, "c:nemesis", keys);
        take_spec(lua, &spec);
    }
    int error = sim_nemesis_new(script_world(lua), &spec);
    return error == 0 ? 0 : luaL_error(lua, "c:nemesis: %s", rp_strerror(error));
}

const luaL_Reg script_nemesis_methods[] = {
    {"nemesis", call_nemesis},
    {NULL, NULL},
};
