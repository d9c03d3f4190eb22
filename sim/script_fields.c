#include "sim/script_fields.h"

#include "protocol/error.h"
#include "sim/script_record.h"

/* Objects by the letters before the colon of their calls, and the names of their types. */
static const struct {
    const char *prefix, *type, *shown;
} receivers[] = {
    {"c", SCRIPT_CLUSTER_TYPE, "c"},
    {"n", SCRIPT_NODE_TYPE, "n"},
    {"net", SCRIPT_NET_TYPE, "c.net"},
    {"rng", "rng", "c.rng"},
};

void script_check_self(lua_State *lua, const char *call)
{
    size_t length = strcspn(call, ":");
    for (size_t row = 0; row < sizeof receivers / sizeof receivers[0]; row += 1) {
        if (strlen(receivers[row].prefix) != length ||
            strncmp(receivers[row].prefix, call, length) != 0) {
            continue;
        }
        bool is_it = lua_type(lua, 1) == LUA_TUSERDATA &&
                     luaL_getmetafield(lua, 1, "__name") == LUA_TSTRING &&
                     strcmp(lua_tostring(lua, -1), receivers[row].type) == 0;
        if (!is_it) {
            luaL_error(lua, "%s: call it with a colon, as in %s:%s(...)", call,
                       receivers[row].shown, call + length + 1);
        }
        lua_pop(lua, 1);
    }
}

void script_check_change(lua_State *lua, const char *call)
{
    script_check_self(lua, call);
    if (script_of(lua)->is_condition) {
        luaL_error(lua, "%s: a condition may not change the world", call);
    }
}

void script_check_sleep(lua_State *lua, const char *call)
{
    script_check_self(lua, call);
    if (script_of(lua)->is_condition) {
        luaL_error(lua, "%s: a condition may not sleep", call);
    }
    if (!lua_isyieldable(lua)) {
        luaL_error(lua, "%s: cannot sleep here (inside a sort, an iterator or a metamethod)", call);
    }
}

/* ---- Tables ---------------------------------------------------------------------------------- */

static bool is_listed(const char *const *keys, const char *key)
{
    for (; *keys != NULL; keys += 1) {
        if (strcmp(*keys, key) == 0) {
            return true;
        }
    }
    return false;
}

void script_check_keys(lua_State *lua, int index, const char *what, const char *const *keys)
{
    index = lua_absindex(lua, index);
    if (!lua_istable(lua, index)) {
        luaL_error(lua, "%s: expected a table, got %s", what, luaL_typename(lua, index));
    }
    const char *first = NULL;
    lua_pushnil(lua);
    while (lua_next(lua, index) != 0) {
        lua_pop(lua, 1);
        if (lua_type(lua, -1) != LUA_TSTRING) {
            luaL_error(lua, "%s: unknown key of type %s", what, luaL_typename(lua, -1));
        }
        /* The key stays in the table, so its text stays valid. */
        const char *key = lua_tostring(lua, -1);
        if (!is_listed(keys, key) && (first == NULL || strcmp(key, first) < 0)) {
            first = key;
        }
    }
    if (first != NULL) {
        struct script_nearest nearest;
        script_nearest_init(&nearest, first);
        for (const char *const *key = keys; *key != NULL; key += 1) {
            script_nearest_try(&nearest, *key);
        }
        luaL_error(lua, "%s.%s: unknown key%s", what, first, script_nearest_text(lua, &nearest));
    }
}

bool script_get(lua_State *lua, int table, const char *key)
{
    table = lua_absindex(lua, table);
    if (!lua_istable(lua, table)) {
        lua_pushnil(lua);
        return false;
    }
    lua_pushstring(lua, key);
    return lua_rawget(lua, table) != LUA_TNIL;
}

/* ---- Literals -------------------------------------------------------------------------------- */

static struct rp_view text_view(lua_State *lua, int index)
{
    size_t length_bytes = 0;
    const char *text = lua_tolstring(lua, index, &length_bytes);
    return rp_view_make(text, length_bytes);
}

static void refuse(lua_State *lua, int index, const char *what, const char *wanted)
{
    if (lua_type(lua, index) == LUA_TSTRING || lua_type(lua, index) == LUA_TNUMBER) {
        lua_pushvalue(lua, index);
        luaL_error(lua, "%s: '%s' is not %s", what, lua_tostring(lua, -1), wanted);
    }
    luaL_error(lua, "%s: expected %s, got %s", what, wanted, luaL_typename(lua, index));
}

int64_t script_take_duration(lua_State *lua, int index, const char *what, enum script_sign sign)
{
    int64_t duration_ns = 0;
    int error = RP_ERR_SYNTAX;
    if (lua_type(lua, index) == LUA_TNUMBER) {
        error = script_literal_seconds(lua_tonumber(lua, index), sign, &duration_ns);
    } else if (lua_type(lua, index) == LUA_TSTRING) {
        error = script_literal_duration(text_view(lua, index), sign, &duration_ns);
    }
    if (error != 0) {
        refuse(lua, index, what, "a duration such as \"5s\" or \"200ms\"");
    }
    return duration_ns;
}

static struct sim_range take_range(lua_State *lua, int index, const char *what,
                                   enum script_range_kind kind, const char *wanted)
{
    struct sim_range range = {0, 0};
    int error = RP_ERR_SYNTAX;
    if (lua_type(lua, index) == LUA_TSTRING) {
        error = script_literal_range(text_view(lua, index), kind, &range);
    } else if (lua_type(lua, index) == LUA_TNUMBER && kind == SCRIPT_RANGE_DURATION) {
        int64_t duration_ns = 0;
        error = script_literal_seconds(lua_tonumber(lua, index), SCRIPT_UNSIGNED, &duration_ns);
        range.low = range.high = (uint64_t)duration_ns;
    } else if (lua_type(lua, index) == LUA_TNUMBER) {
        error = script_literal_count(lua_tonumber(lua, index), &range.low);
        range.high = range.low;
    }
    if (error != 0) {
        refuse(lua, index, what, wanted);
    }
    return range;
}

struct sim_range script_take_duration_range(lua_State *lua, int index, const char *what)
{
    return take_range(lua, index, what, SCRIPT_RANGE_DURATION,
                      "a duration such as \"5s\" or a range such as \"1ms..5ms\"");
}

struct sim_range script_take_size_range(lua_State *lua, int index, const char *what)
{
    return take_range(lua, index, what, SCRIPT_RANGE_SIZE,
                      "a size such as \"64KiB\" or a range such as \"1KiB..1MiB\"");
}

struct sim_range script_take_count_range(lua_State *lua, int index, const char *what)
{
    return take_range(lua, index, what, SCRIPT_RANGE_COUNT,
                      "a whole number that is not negative, or a range such as \"3..7\"");
}

static uint64_t draw(lua_State *lua, int index, struct sim_range range, const char *unit)
{
    uint64_t drawn = sim_rng_range(&script_of(lua)->draw_rng, range);
    script_record_drew(lua, index, range, (int64_t)drawn, unit);
    return drawn;
}

uint64_t script_draw_duration(lua_State *lua, int index, const char *what)
{
    return draw(lua, index, script_take_duration_range(lua, index, what), "ns");
}

uint64_t script_draw_count(lua_State *lua, int index, const char *what)
{
    return draw(lua, index, script_take_count_range(lua, index, what), "");
}

int64_t script_draw_signed_duration(lua_State *lua, int index, const char *what)
{
    int64_t low_ns = 0, high_ns = 0;
    int error = RP_ERR_SYNTAX;
    if (lua_type(lua, index) == LUA_TNUMBER) {
        error = script_literal_seconds(lua_tonumber(lua, index), SCRIPT_SIGNED, &low_ns);
        high_ns = low_ns;
    } else if (lua_type(lua, index) == LUA_TSTRING) {
        error = script_literal_signed_range(text_view(lua, index), &low_ns, &high_ns);
    }
    if (error != 0) {
        refuse(lua, index, what, "a duration such as \"-5s\" or a range such as \"-5s..5s\"");
    }
    struct sim_range width = {0, (uint64_t)high_ns - (uint64_t)low_ns};
    int64_t drawn_ns = low_ns + (int64_t)sim_rng_range(&script_of(lua)->draw_rng, width);
    script_record_drew(lua, index, width, drawn_ns, "ns");
    return drawn_ns;
}

uint64_t script_draw_size(lua_State *lua, int index, const char *what)
{
    return draw(lua, index, script_take_size_range(lua, index, what), "");
}

uint64_t script_draw_count_to(lua_State *lua, int index, const char *what, uint64_t max)
{
    struct sim_range range = script_take_count_range(lua, index, what);
    if (range.high > max) {
        luaL_error(lua, "%s: %I is above the limit of %I", what, (LUAI_UACINT)range.high,
                   (LUAI_UACINT)max);
    }
    return draw(lua, index, range, "");
}

uint64_t script_take_rate(lua_State *lua, int index, const char *what)
{
    uint64_t rate = 0;
    int error = RP_ERR_SYNTAX;
    if (lua_type(lua, index) == LUA_TSTRING) {
        error = script_literal_rate(text_view(lua, index), &rate);
    } else if (lua_type(lua, index) == LUA_TNUMBER) {
        error = script_literal_count(lua_tonumber(lua, index), &rate);
    }
    if (error != 0 || rate == 0) {
        refuse(lua, index, what, "a rate such as \"1Gbit/s\" or \"100MiB/s\"");
    }
    return rate;
}

uint64_t script_take_count(lua_State *lua, int index, const char *what, uint64_t max)
{
    uint64_t count = 0;
    if (lua_type(lua, index) != LUA_TNUMBER ||
        script_literal_count(lua_tonumber(lua, index), &count) != 0) {
        refuse(lua, index, what, "a whole number that is not negative");
    }
    if (count > max) {
        luaL_error(lua, "%s: %I is above the limit of %I", what, (LUAI_UACINT)count,
                   (LUAI_UACINT)max);
    }
    return count;
}

sim_chance script_take_chance(lua_State *lua, int index, const char *what)
{
    sim_chance chance = 0;
    if (lua_type(lua, index) != LUA_TNUMBER ||
        script_literal_chance(lua_tonumber(lua, index), &chance) != 0) {
        refuse(lua, index, what, "a probability from 0 to 1");
    }
    return chance;
}

bool script_take_bool(lua_State *lua, int index, const char *what)
{
    if (!lua_isboolean(lua, index)) {
        refuse(lua, index, what, "true or false");
    }
    return lua_toboolean(lua, index) != 0;
}

void script_take_function(lua_State *lua, int index, const char *call)
{
    if (lua_type(lua, index) != LUA_TFUNCTION) {
        luaL_error(lua, "%s: expected a function, got %s", call, luaL_typename(lua, index));
    }
}

const char *script_take_text(lua_State *lua, int index, const char *what)
{
    if (lua_type(lua, index) != LUA_TSTRING) {
        refuse(lua, index, what, "a string");
    }
    size_t length_bytes = 0;
    const char *text = lua_tolstring(lua, index, &length_bytes);
    if (strlen(text) != length_bytes) {
        luaL_error(lua, "%s: a NUL byte is not allowed here", what);
    }
    return text;
}

const char *script_take_name(lua_State *lua, int index, const char *what)
{
    const char *name = script_take_text(lua, index, what);
    size_t length_bytes = strlen(name);
    if (length_bytes < 1 || length_bytes > SCRIPT_NAME_BYTES_MAX) {
        luaL_error(lua, "%s: a name has 1 to %d bytes, this one has %I", what,
                   (int)SCRIPT_NAME_BYTES_MAX, (LUAI_UACINT)length_bytes);
    }
    return name;
}

enum rp_release script_take_release(lua_State *lua, int index, const char *what)
{
    enum rp_release release = RP_RELEASE_CURRENT;
    if (lua_type(lua, index) != LUA_TSTRING || !rp_release_parse(text_view(lua, index), &release)) {
        refuse(lua, index, what, "a release (phase2, phase3, arc, current)");
    }
    return release;
}

struct rp_view script_take_path(lua_State *lua, int index, const char *what)
{
    if (lua_type(lua, index) != LUA_TSTRING) {
        luaL_error(lua, "%s: expected a path, got %s", what, luaL_typename(lua, index));
    }
    return text_view(lua, index);
}

void script_push_view(lua_State *lua, struct rp_view view)
{
    lua_pushlstring(lua, view.length_bytes == 0 ? "" : (const char *)view.bytes, view.length_bytes);
}

void script_set_view(lua_State *lua, const char *key, struct rp_view view)
{
    script_push_view(lua, view);
    lua_setfield(lua, -2, key);
}

/* ---- Objects --------------------------------------------------------------------------------- */

/* Upvalues: the methods and the kind of object. */
static int find_method(lua_State *lua)
{
    lua_settop(lua, 2);
    lua_pushvalue(lua, 2);
    if (lua_rawget(lua, lua_upvalueindex(1)) != LUA_TNIL) {
        return 1;
    }
    return script_refuse_method(lua, lua_tostring(lua, lua_upvalueindex(2)), lua_upvalueindex(1));
}

void *script_push_object_sized(lua_State *lua, const char *kind, const luaL_Reg *methods,
                               size_t size_bytes)
{
    void *block = lua_newuserdatauv(lua, size_bytes == 0 ? 1 : size_bytes, 1);
    if (luaL_newmetatable(lua, kind)) {
        lua_newtable(lua);
        script_set_methods(lua, kind, methods);
        lua_pushstring(lua, kind);
        lua_pushcclosure(lua, find_method, 2);
        lua_setfield(lua, -2, "__index");
        lua_pushboolean(lua, 0);
        lua_setfield(lua, -2, "__metatable");
    }
    lua_setmetatable(lua, -2);
    return block;
}

void script_push_object(lua_State *lua, const char *kind, const luaL_Reg *methods)
{
    (void)script_push_object_sized(lua, kind, methods, 0);
}
