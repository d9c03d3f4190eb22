/* Iteration and texts that do not depend on addresses: Lua seeds its string hash from addresses and
 * the time, so the stock order of `pairs` differs from process to process. */
#include "sim/script_state.h"

#include <stdlib.h>

#define NAMES_KEY "script.names" /* object to number, by first use; keys are weak */

/* ---- Order of keys --------------------------------------------------------------------------- */

int script_compare_ids(const char *left, const char *right)
{
    size_t left_length = strlen(left), right_length = strlen(right);
    size_t left_stem = left_length, right_stem = right_length;
    while (left_stem > 0 && left[left_stem - 1] >= '0' && left[left_stem - 1] <= '9') {
        left_stem -= 1;
    }
    while (right_stem > 0 && right[right_stem - 1] >= '0' && right[right_stem - 1] <= '9') {
        right_stem -= 1;
    }
    int order = rp_view_compare(rp_view_make(left, left_stem), rp_view_make(right, right_stem));
    if (order == 0 && left_length != right_length) {
        order = left_length < right_length ? -1 : 1;
    }
    return order != 0 ? order : strcmp(left, right);
}

enum key_rank { KEY_NUMBER, KEY_STRING, KEY_BOOLEAN, KEY_NODE, KEY_REFUSED };

static enum key_rank rank_key(lua_State *lua, int index)
{
    switch (lua_type(lua, index)) {
    case LUA_TNUMBER: return KEY_NUMBER;
    case LUA_TSTRING: return KEY_STRING;
    case LUA_TBOOLEAN: return KEY_BOOLEAN;
    case LUA_TUSERDATA:
        return luaL_testudata(lua, index, SCRIPT_NODE_TYPE) != NULL ? KEY_NODE : KEY_REFUSED;
    default: return KEY_REFUSED;
    }
}

static struct rp_view string_view(lua_State *lua, int index)
{
    size_t length_bytes = 0;
    const char *text = lua_tolstring(lua, index, &length_bytes);
    return rp_view_make(text, length_bytes);
}

/* Nodes name themselves by __tostring, which runs no Lua. */
static int compare_nodes(lua_State *lua, int left, int right)
{
    const char *left_id = luaL_tolstring(lua, left, NULL);
    const char *right_id = luaL_tolstring(lua, right, NULL);
    int order = script_compare_ids(left_id, right_id);
    lua_pop(lua, 2);
    return order;
}

static int compare_keys(lua_State *lua, int left, int right)
{
    left = lua_absindex(lua, left);
    right = lua_absindex(lua, right);
    enum key_rank left_rank = rank_key(lua, left), right_rank = rank_key(lua, right);
    if (left_rank != right_rank) {
        return left_rank < right_rank ? -1 : 1;
    }
    switch (left_rank) {
    case KEY_NUMBER:
        return lua_compare(lua, left, right, LUA_OPLT) ? -1
                                                       : lua_compare(lua, right, left, LUA_OPLT);
    case KEY_STRING: return rp_view_compare(string_view(lua, left), string_view(lua, right));
    case KEY_BOOLEAN: return lua_toboolean(lua, left) - lua_toboolean(lua, right);
    case KEY_NODE: return compare_nodes(lua, left, right);
    case KEY_REFUSED: break;
    }
    return 0;
}

static void check_key(lua_State *lua, int index)
{
    if (rank_key(lua, index) == KEY_REFUSED) {
        luaL_error(lua, "a %s is a key of this table, and such keys have no fixed order",
                   luaL_typename(lua, index));
    }
}

/* ---- pairs ----------------------------------------------------------------------------------- */

/* Merges the sorted runs [low, middle) and [middle, high) of `source` into `target`. */
static void merge_runs(lua_State *lua, int source, int target, lua_Integer low, lua_Integer middle,
                       lua_Integer high)
{
    lua_Integer left = low, right = middle;
    for (lua_Integer at = low; at < high; at += 1) {
        bool takes_left = right >= high;
        if (left < middle && right < high) {
            lua_rawgeti(lua, source, left);
            lua_rawgeti(lua, source, right);
            takes_left = compare_keys(lua, -2, -1) <= 0;
            lua_pop(lua, 2);
        }
        lua_rawgeti(lua, source, takes_left ? left++ : right++);
        lua_rawseti(lua, target, at);
    }
}

/* Leaves the keys of the table at `table` on the stack, as a sorted list. */
static lua_Integer push_sorted_keys(lua_State *lua, int table)
{
    lua_newtable(lua);
    lua_newtable(lua);
    int source = lua_gettop(lua) - 1, target = source + 1;
    lua_Integer count = 0;
    lua_pushnil(lua);
    while (lua_next(lua, table) != 0) {
        lua_pop(lua, 1);
        check_key(lua, -1);
        count += 1;
        lua_pushvalue(lua, -1);
        lua_rawseti(lua, source, count);
    }
    for (lua_Integer width = 1; width < count; width *= 2) {
        script_spend(lua, (uint64_t)count * 4);
        for (lua_Integer low = 1; low <= count; low += 2 * width) {
            lua_Integer middle = low + width > count + 1 ? count + 1 : low + width;
            lua_Integer high = low + 2 * width > count + 1 ? count + 1 : low + 2 * width;
            merge_runs(lua, source, target, low, middle, high);
        }
        lua_pushvalue(lua, source);
        lua_copy(lua, target, source);
        lua_replace(lua, target);
    }
    lua_settop(lua, source);
    return count;
}

/* Upvalues: the keys, how many, and the last one given. A field cleared meanwhile is left out. */
static int next_pair(lua_State *lua)
{
    lua_Integer count = lua_tointeger(lua, lua_upvalueindex(2));
    lua_Integer at = lua_tointeger(lua, lua_upvalueindex(3));
    lua_settop(lua, 1);
    while (at < count) {
        at += 1;
        lua_rawgeti(lua, lua_upvalueindex(1), at);
        lua_pushvalue(lua, -1);
        if (lua_rawget(lua, 1) != LUA_TNIL) {
            lua_pushinteger(lua, at);
            lua_replace(lua, lua_upvalueindex(3));
            return 2;
        }
        lua_pop(lua, 2);
    }
    lua_pushinteger(lua, at);
    lua_replace(lua, lua_upvalueindex(3));
    return 0;
}

static int sorted_pairs(lua_State *lua)
{
    luaL_checkany(lua, 1);
    if (luaL_getmetafield(lua, 1, "__pairs") != LUA_TNIL) {
        lua_pushvalue(lua, 1);
        lua_call(lua, 1, 3);
        return 3;
    }
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_settop(lua, 1);
    lua_Integer count = push_sorted_keys(lua, 1);
    lua_pushinteger(lua, count);
    lua_pushinteger(lua, 0);
    lua_pushcclosure(lua, next_pair, 3);
    lua_pushvalue(lua, 1);
    lua_pushnil(lua);
    return 3;
}

/* The smallest key above the one given: no state, so each call looks at the whole table. */
static int sorted_next(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_settop(lua, 2);
    bool is_first = lua_isnil(lua, 2);
    if (!is_first) {
        check_key(lua, 2);
    }
    lua_pushnil(lua); /* 3: the best key so far */
    uint64_t seen = 0;
    lua_pushnil(lua);
    while (lua_next(lua, 1) != 0) {
        lua_pop(lua, 1);
        check_key(lua, -1);
        seen += 1;
        if ((is_first || compare_keys(lua, -1, 2) > 0) &&
            (lua_isnil(lua, 3) || compare_keys(lua, -1, 3) < 0)) {
            lua_pushvalue(lua, -1);
            lua_replace(lua, 3);
        }
    }
    script_spend(lua, seen);
    if (lua_isnil(lua, 3)) {
        return 1;
    }
    lua_pushvalue(lua, 3);
    lua_rawget(lua, 1);
    return 2;
}

/* ---- tostring, print ------------------------------------------------------------------------- */

static lua_Integer number_of(lua_State *lua, int index)
{
    index = lua_absindex(lua, index);
    lua_getfield(lua, LUA_REGISTRYINDEX, NAMES_KEY);
    lua_pushvalue(lua, index);
    if (lua_rawget(lua, -2) == LUA_TNIL) {
        lua_pop(lua, 1);
        lua_rawgeti(lua, -1, 1);
        lua_Integer number = lua_tointeger(lua, -1) + 1;
        lua_pop(lua, 1);
        lua_pushinteger(lua, number);
        lua_rawseti(lua, -2, 1);
        lua_pushvalue(lua, index);
        lua_pushinteger(lua, number);
        lua_rawset(lua, -3);
        lua_pushinteger(lua, number);
    }
    lua_Integer number = lua_tointeger(lua, -1);
    lua_pop(lua, 2);
    return number;
}

const char *script_tostring(lua_State *lua, int index, size_t *length_out)
{
    index = lua_absindex(lua, index);
    int type = lua_type(lua, index);
    bool has_text = luaL_getmetafield(lua, index, "__tostring") != LUA_TNIL;
    if (has_text) {
        lua_pop(lua, 1);
    }
    if (has_text || type == LUA_TNIL || type == LUA_TBOOLEAN || type == LUA_TNUMBER ||
        type == LUA_TSTRING) {
        return luaL_tolstring(lua, index, length_out);
    }
    const char *kind = luaL_typename(lua, index);
    if (luaL_getmetafield(lua, index, "__name") == LUA_TSTRING) {
        kind = lua_tostring(lua, -1);
    } else {
        lua_pushnil(lua);
    }
    int64_t number = number_of(lua, index);
    lua_pushfstring(lua, "%s: %I", kind, (LUAI_UACINT)number);
    lua_remove(lua, -2);
    return lua_tolstring(lua, -1, length_out);
}

static int to_text(lua_State *lua)
{
    luaL_checkany(lua, 1);
    script_tostring(lua, 1, NULL);
    return 1;
}

static int print_line(lua_State *lua)
{
    struct script *script = script_of(lua);
    int count = lua_gettop(lua);
    luaL_Buffer buffer;
    luaL_buffinit(lua, &buffer);
    for (int index = 1; index <= count; index += 1) {
        if (index > 1) {
            luaL_addchar(&buffer, '\t');
        }
        script_tostring(lua, index, NULL);
        luaL_addvalue(&buffer);
    }
    luaL_pushresult(&buffer);
    script_spend(lua, 100 + lua_rawlen(lua, -1));
    const char *text = lua_tostring(lua, -1);
    if (script->world != NULL) {
        sim_world_log(script->world, rp_view_text(""), text);
    }
    if (script->log != NULL) {
        rp_time_ns now_ns = script->world == NULL ? 0 : sim_world_now(script->world);
        (void)fprintf(script->log, "[%5llu.%06llu] %s\n",
                      (unsigned long long)(now_ns / RP_NS_PER_S),
                      (unsigned long long)(now_ns % RP_NS_PER_S / RP_NS_PER_US), text);
    }
    return 0;
}

void script_open_pairs(lua_State *lua)
{
    lua_newtable(lua);
    lua_newtable(lua);
    lua_pushliteral(lua, "k");
    lua_setfield(lua, -2, "__mode");
    lua_setmetatable(lua, -2);
    lua_setfield(lua, LUA_REGISTRYINDEX, NAMES_KEY);
    lua_register(lua, "pairs", sorted_pairs);
    lua_register(lua, "next", sorted_next);
    lua_register(lua, "tostring", to_text);
    lua_register(lua, "print", print_line);
}
