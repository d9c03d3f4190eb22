/* table.*, bounded and deterministic: loops that no instruction counts are paid for in advance, and
 * sorting is a stable merge (the stock sort picks pivots by the clock). */
#include "sim/script_state.h"

static int call_stock(lua_State *lua)
{
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_insert(lua, 1);
    lua_call(lua, lua_gettop(lua) - 1, LUA_MULTRET);
    return lua_gettop(lua);
}

/* Elements from `first` to `last`, both within 64 bits; none when they cross. */
static uint64_t span(lua_Integer first, lua_Integer last)
{
    return first > last ? 0 : (uint64_t)last - (uint64_t)first + 1;
}

static int table_concat(lua_State *lua)
{
    lua_Integer last = lua_isnoneornil(lua, 4) ? luaL_len(lua, 1) : luaL_checkinteger(lua, 4);
    script_spend(lua, span(luaL_optinteger(lua, 3, 1), last));
    return call_stock(lua);
}

static int table_move(lua_State *lua)
{
    script_spend(lua, span(luaL_checkinteger(lua, 2), luaL_checkinteger(lua, 3)));
    return call_stock(lua);
}

static int table_insert(lua_State *lua)
{
    luaL_checkany(lua, 1);
    if (lua_gettop(lua) == 3) {
        script_spend(lua, span(luaL_checkinteger(lua, 2), luaL_len(lua, 1)));
    }
    return call_stock(lua);
}

static int table_remove(lua_State *lua)
{
    luaL_checkany(lua, 1);
    if (lua_gettop(lua) >= 2) {
        script_spend(lua, span(luaL_checkinteger(lua, 2), luaL_len(lua, 1)));
    }
    return call_stock(lua);
}

static int table_unpack(lua_State *lua)
{
    lua_Integer last = lua_isnoneornil(lua, 3) ? luaL_len(lua, 1) : luaL_checkinteger(lua, 3);
    uint64_t count = span(luaL_optinteger(lua, 2, 1), last);
    script_spend(lua, count > 1000000 ? 0 : count); /* more is refused by the stock function */
    return call_stock(lua);
}

/* ---- sort ------------------------------------------------------------------------------------- */

/* Is the value on top below the one under it? Both stay. */
static bool is_top_below(lua_State *lua, bool has_order)
{
    if (!has_order) {
        return lua_compare(lua, -1, -2, LUA_OPLT) != 0;
    }
    lua_pushvalue(lua, 2);
    lua_pushvalue(lua, -2);
    lua_pushvalue(lua, -4);
    lua_call(lua, 2, 1);
    bool is_below = lua_toboolean(lua, -1) != 0;
    lua_pop(lua, 1);
    return is_below;
}

/* Stack: 1 the table, 2 the order or nil, 3 source, 4 target. */
static void merge_runs(lua_State *lua, lua_Integer low, lua_Integer middle, lua_Integer high)
{
    lua_Integer left = low, right = middle;
    for (lua_Integer at = low; at < high; at += 1) {
        bool takes_left = right >= high;
        if (left < middle && right < high) {
            lua_rawgeti(lua, 3, left);
            lua_rawgeti(lua, 3, right);
            takes_left = !is_top_below(lua, !lua_isnil(lua, 2));
            lua_pop(lua, 2);
        }
        lua_rawgeti(lua, 3, takes_left ? left++ : right++);
        lua_rawseti(lua, 4, at);
    }
}

static int table_sort(lua_State *lua)
{
    luaL_checkany(lua, 1);
    lua_Integer count = luaL_len(lua, 1);
    if (!lua_isnoneornil(lua, 2)) {
        luaL_checktype(lua, 2, LUA_TFUNCTION);
    }
    lua_settop(lua, 2);
    script_spend(lua, span(1, count));
    lua_newtable(lua);
    lua_newtable(lua);
    for (lua_Integer index = 1; index <= count; index += 1) {
        lua_geti(lua, 1, index);
        lua_rawseti(lua, 3, index);
    }
    for (lua_Integer width = 1; width < count; width *= 2) {
        script_spend(lua, (uint64_t)count * 2);
        for (lua_Integer low = 1; low <= count; low += 2 * width) {
            lua_Integer middle = low + width > count + 1 ? count + 1 : low + width;
            lua_Integer high = low + 2 * width > count + 1 ? count + 1 : low + 2 * width;
            merge_runs(lua, low, middle, high);
        }
        lua_pushvalue(lua, 3);
        lua_copy(lua, 4, 3);
        lua_replace(lua, 4);
    }
    for (lua_Integer index = 1; index <= count; index += 1) {
        lua_rawgeti(lua, 3, index);
        lua_seti(lua, 1, index);
    }
    return 0;
}

void script_open_table(lua_State *lua)
{
    static const luaL_Reg functions[] = {
        {"concat", table_concat}, {"move", table_move},     {"insert", table_insert},
        {"remove", table_remove}, {"unpack", table_unpack}, {NULL, NULL},
    };
    lua_getglobal(lua, LUA_TABLIBNAME);
    for (const luaL_Reg *function = functions; function->name != NULL; function += 1) {
        lua_getfield(lua, -1, function->name);
        lua_pushcclosure(lua, function->func, 1);
        lua_setfield(lua, -2, function->name);
    }
    lua_pushcfunction(lua, table_sort);
    lua_setfield(lua, -2, "sort");
    lua_pop(lua, 1);
}
