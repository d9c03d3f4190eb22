/* A scenario's own checks, samples and states worth reaching. */
#include "sim/script_story.h"

static int call_check(lua_State *lua)
{
    script_check_self(lua, "c:check");
    sim_reach_checked(sim_world_reach(script_of(lua)->world), SIM_PROP_SCENARIO_CHECK);
    if (lua_toboolean(lua, 2)) {
        return 0;
    }
    struct script *script = script_of(lua);
    const char *message =
        lua_isnoneornil(lua, 3) ? "a check failed" : script_tostring(lua, 3, NULL);
    luaL_where(lua, 1);
    lua_pushfstring(lua, "%s%s", lua_tostring(lua, -1), message);
    sim_world_fail(script->world, "scenario-check", rp_view_text(""), "story/check",
                   lua_tostring(lua, -1));
    return 0;
}

static int call_sometimes(lua_State *lua)
{
    script_check_self(lua, "c:sometimes");
    const char *name = script_take_text(lua, 2, "c:sometimes: name");
    if (lua_toboolean(lua, 3)) {
        sim_world_reached(script_of(lua)->world, name);
    } else {
        sim_world_missed(script_of(lua)->world, name);
    }
    return 0;
}

static int call_metric(lua_State *lua)
{
    script_check_self(lua, "c:metric");
    const char *name = script_take_text(lua, 2, "c:metric: name");
    lua_Number value = luaL_checknumber(lua, 3);
    if (!(value - value == 0)) {
        return luaL_error(lua, "c:metric: '%s' is no finite number", name);
    }
    sim_world_metric(script_of(lua)->world, name, value);
    return 0;
}

const luaL_Reg script_check_methods[] = {
    {"check", call_check},
    {"sometimes", call_sometimes},
    {"metric", call_metric},
    {NULL, NULL},
};
