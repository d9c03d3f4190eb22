/* math.random and c.rng: each a stream of the run's seed, so that a draw of one does not move the
 * other, nor anything in the world. */
#include "sim/script_state.h"

#include "sim/script_story.h"

/* ---- math.random ------------------------------------------------------------------------------ */

static lua_Integer draw_between(lua_State *lua, struct sim_rng *rng, lua_Integer low,
                                lua_Integer high)
{
    if (low > high) {
        luaL_error(lua, "interval is empty");
    }
    uint64_t width = (uint64_t)high - (uint64_t)low;
    uint64_t drawn = width == UINT64_MAX ? sim_rng_next(rng) : sim_rng_below(rng, width + 1);
    return (lua_Integer)((uint64_t)low + drawn);
}

static int math_random(lua_State *lua)
{
    struct sim_rng *rng = &script_of(lua)->math_rng;
    int count = lua_gettop(lua);
    if (count == 0) {
        lua_pushnumber(lua, (lua_Number)(sim_rng_next(rng) >> 11) / (lua_Number)SIM_CHANCE_ALWAYS);
        return 1;
    }
    if (count > 2) {
        return luaL_error(lua, "wrong number of arguments");
    }
    lua_Integer low = count == 2 ? luaL_checkinteger(lua, 1) : 1;
    lua_Integer high = luaL_checkinteger(lua, count);
    if (count == 1 && high == 0) {
        lua_pushinteger(lua, (lua_Integer)sim_rng_next(rng));
        return 1;
    }
    lua_pushinteger(lua, draw_between(lua, rng, low, high));
    return 1;
}

/* Begins another stream of the run's seed: still a function of the seed alone. */
static int math_randomseed(lua_State *lua)
{
    struct script *script = script_of(lua);
    lua_Number seed = luaL_optnumber(lua, 1, 0);
    sim_rng_init(&script->math_rng, script->seed, "script-math", rp_view_make(&seed, sizeof seed),
                 1);
    return 0;
}

void script_open_random(lua_State *lua)
{
    lua_getglobal(lua, LUA_MATHLIBNAME);
    lua_pushcfunction(lua, math_random);
    lua_setfield(lua, -2, "random");
    lua_pushcfunction(lua, math_randomseed);
    lua_setfield(lua, -2, "randomseed");
    lua_pop(lua, 1);
}

/* ---- c.rng ------------------------------------------------------------------------------------ */

static int rng_int(lua_State *lua)
{
    script_check_self(lua, "rng:int");
    lua_Integer low = luaL_checkinteger(lua, 2), high = luaL_checkinteger(lua, 3);
    lua_pushinteger(lua, draw_between(lua, &script_of(lua)->story_rng, low, high));
    return 1;
}

static int rng_chance(lua_State *lua)
{
    script_check_self(lua, "rng:chance");
    sim_chance chance = script_take_chance(lua, 2, "rng:chance");
    lua_pushboolean(lua, sim_rng_chance(&script_of(lua)->story_rng, chance));
    return 1;
}

static int rng_pick(lua_State *lua)
{
    script_check_self(lua, "rng:pick");
    luaL_checktype(lua, 2, LUA_TTABLE);
    lua_Integer count = luaL_len(lua, 2);
    if (count < 1) {
        return luaL_error(lua, "rng:pick: the list is empty");
    }
    lua_geti(lua, 2, draw_between(lua, &script_of(lua)->story_rng, 1, count));
    return 1;
}

/* In place, and the list is given back. */
static int rng_shuffle(lua_State *lua)
{
    script_check_self(lua, "rng:shuffle");
    luaL_checktype(lua, 2, LUA_TTABLE);
    lua_settop(lua, 2);
    lua_Integer count = luaL_len(lua, 2);
    script_spend(lua, count < 0 ? 0 : (uint64_t)count);
    for (lua_Integer last = count; last > 1; last -= 1) {
        lua_Integer other = draw_between(lua, &script_of(lua)->story_rng, 1, last);
        lua_geti(lua, 2, last);
        lua_geti(lua, 2, other);
        lua_seti(lua, 2, last);
        lua_seti(lua, 2, other);
    }
    return 1;
}

/* In seconds, as every duration that is a number. */
static int rng_duration(lua_State *lua)
{
    script_check_self(lua, "rng:duration");
    struct sim_range range = script_take_duration_range(lua, 2, "rng:duration");
    uint64_t duration_ns = sim_rng_range(&script_of(lua)->story_rng, range);
    lua_pushnumber(lua, (lua_Number)duration_ns / (lua_Number)RP_NS_PER_S);
    return 1;
}

const luaL_Reg script_rng_methods[] = {
    {"int", rng_int},         {"chance", rng_chance},     {"pick", rng_pick},
    {"shuffle", rng_shuffle}, {"duration", rng_duration}, {NULL, NULL},
};

void script_push_rng(lua_State *lua)
{
    script_push_object(lua, "rng", script_rng_methods);
}
