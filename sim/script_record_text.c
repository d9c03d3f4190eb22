#include "sim/script_record_text.h"

#include <stdarg.h>
#include <stdlib.h>

#include "sim/pod.h"
#include "sim/script_story.h"

#define DEPTH_MAX 12

/* ---- Text ------------------------------------------------------------------------------------- */

void record_text_clear(struct record_text *text)
{
    free(text->bytes);
    memset(text, 0, sizeof *text);
}

void record_put(struct record_text *text, const char *bytes, size_t length_bytes)
{
    if (text->length_bytes + length_bytes + 1 > text->max_bytes) {
        size_t max_bytes = (text->max_bytes + length_bytes) * 2 + 64;
        char *grown = realloc(text->bytes, max_bytes);
        if (grown == NULL) {
            text->is_failed = true;
            return;
        }
        text->bytes = grown;
        text->max_bytes = max_bytes;
    }
    memcpy(text->bytes + text->length_bytes, bytes, length_bytes);
    text->length_bytes += length_bytes;
    text->bytes[text->length_bytes] = '\0';
}

void record_say(struct record_text *text, const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    size_t kept = length < 0 ? 0 : (size_t)length;
    record_put(text, line, kept < sizeof line ? kept : sizeof line - 1);
}

void record_put_string(struct record_text *text, struct rp_view string)
{
    record_put(text, "\"", 1);
    for (size_t at = 0; at < string.length_bytes; at += 1) {
        unsigned char byte = string.bytes[at];
        if (byte < 0x20 || byte >= 0x7F || byte == '"' || byte == '\\') {
            record_say(text, "\\%03u", byte);
        } else {
            record_put(text, (const char *)&string.bytes[at], 1);
        }
    }
    record_put(text, "\"", 1);
}

void record_put_duration(struct record_text *text, int64_t duration_ns)
{
    static const struct {
        int64_t ns;
        const char *name;
    } units[] = {{60000000000, "m"}, {1000000000, "s"}, {1000000, "ms"}, {1000, "us"}, {1, "ns"}};
    size_t unit = 0;
    while (duration_ns % units[unit].ns != 0 ||
           (units[unit].name[0] == 'm' && unit == 0 && duration_ns < 600000000000)) {
        unit += 1;
    }
    record_say(text, "\"%lld%s\"", (long long)(duration_ns / units[unit].ns), units[unit].name);
}

/* ---- Numbers ---------------------------------------------------------------------------------- */

/* The shortest text that reads back as the same number. */
static void put_number(struct record_text *text, double number)
{
    if (number != number) {
        record_say(text, "0/0");
        return;
    }
    if (number - number != 0) {
        record_say(text, number > 0 ? "math.huge" : "-math.huge");
        return;
    }
    char digits[40];
    for (int count = 15; count <= 17; count += 1) {
        double again = 0;
        (void)snprintf(digits, sizeof digits, "%.*g", count, number);
        if (sscanf(digits, "%lf", &again) == 1 && again == number) {
            break;
        }
    }
    record_say(text, "%s", digits);
}

/* ---- Tables ----------------------------------------------------------------------------------- */

struct writing {
    int params; /* 0: none */
    struct sim_world *world;
    struct record_text *text;
};

static bool put_value(lua_State *lua, int index, const struct writing *writing, int depth);

static bool is_word(const char *key)
{
    static const char *const reserved[] = {"and",   "break", "do",       "else", "elseif", "end",
                                           "false", "for",   "function", "goto", "if",     "in",
                                           "local", "nil",   "not",      "or",   "repeat", "return",
                                           "then",  "true",  "until",    "while"};
    for (size_t row = 0; row < sizeof reserved / sizeof reserved[0]; row += 1) {
        if (strcmp(reserved[row], key) == 0) {
            return false;
        }
    }
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    return key[0] != '\0' && strchr("0123456789", key[0]) == NULL &&
           strspn(key, letters) == strlen(key);
}

/* Key by key in the order of `pairs`, which is fixed. The key is below the value on top. */
static bool put_field(lua_State *lua, const struct writing *writing, int depth, bool *is_first)
{
    struct record_text *text = writing->text;
    size_t before_bytes = text->length_bytes;
    record_say(text, *is_first ? " " : ", ");
    if (lua_type(lua, -2) == LUA_TSTRING && is_word(lua_tostring(lua, -2))) {
        record_say(text, "%s = ", lua_tostring(lua, -2));
    } else {
        record_say(text, "[");
        if (!put_value(lua, lua_gettop(lua) - 1, writing, depth + 1)) {
            return false;
        }
        record_say(text, "] = ");
    }
    if (!put_value(lua, lua_gettop(lua), writing, depth + 1)) {
        if (text->bytes != NULL) {
            text->length_bytes = before_bytes;
            text->bytes[before_bytes] = '\0';
        }
        return lua_isfunction(lua, -1); /* a callback is left out, anything else not */
    }
    *is_first = false;
    return true;
}

static bool put_fields(lua_State *lua, int index, lua_Integer listed, const struct writing *writing,
                       int depth, bool *is_first)
{
    int base = lua_gettop(lua);
    lua_pushnil(lua); /* the key */
    for (;;) {
        lua_getglobal(lua, "next");
        lua_pushvalue(lua, index);
        lua_pushvalue(lua, base + 1);
        lua_call(lua, 2, 2);
        if (lua_isnil(lua, -2)) {
            break;
        }
        lua_copy(lua, -2, base + 1);
        bool is_listed = lua_isinteger(lua, -2) && lua_tointeger(lua, -2) >= 1 &&
                         lua_tointeger(lua, -2) <= listed;
        if (!is_listed && !put_field(lua, writing, depth, is_first)) {
            lua_settop(lua, base);
            return false;
        }
        lua_settop(lua, base + 1);
    }
    lua_settop(lua, base);
    return true;
}

static bool put_table(lua_State *lua, int index, const struct writing *writing, int depth)
{
    bool is_first = true, is_good = true;
    lua_Integer listed = 0;
    record_say(writing->text, "{");
    while (is_good) {
        bool is_there = lua_rawgeti(lua, index, listed + 1) != LUA_TNIL;
        if (is_there) {
            record_say(writing->text, is_first ? " " : ", ");
            is_good = put_value(lua, lua_gettop(lua), writing, depth + 1);
            is_first = false;
            listed += 1;
        }
        lua_pop(lua, 1);
        if (!is_there) {
            break;
        }
    }
    is_good = is_good && put_fields(lua, index, listed, writing, depth, &is_first);
    record_say(writing->text, is_first ? "}" : " }");
    return is_good;
}

/* ---- Objects ---------------------------------------------------------------------------------- */

static bool put_named(lua_State *lua, int index, const struct writing *writing)
{
    bool is_named = false;
    if (lua_getfield(lua, LUA_REGISTRYINDEX, SCRIPT_RECORD_NAMES) == LUA_TTABLE) {
        lua_pushvalue(lua, index);
        is_named = lua_rawget(lua, -2) == LUA_TSTRING;
        if (is_named) {
            record_say(writing->text, "%s", lua_tostring(lua, -1));
        }
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
    return is_named;
}

static bool put_object(lua_State *lua, int index, const struct writing *writing)
{
    struct sim_pod **pod = luaL_testudata(lua, index, SCRIPT_NODE_TYPE);
    if (pod == NULL) {
        return put_named(lua, index, writing);
    }
    bool is_own = sim_pod_world(*pod) == writing->world;
    record_put_string(writing->text, is_own ? sim_pod_id(*pod) : sim_pod_label(*pod));
    return true;
}

static bool put_called(lua_State *lua, int index, const struct writing *writing, int depth)
{
    if (writing->params == 0) {
        return false;
    }
    struct sim_rng rng =
        script_of(lua)->math_rng; /* what it draws was, or will be, drawn by the run */
    lua_pushvalue(lua, index);
    lua_pushvalue(lua, writing->params);
    lua_call(lua, 1, 1);
    script_of(lua)->math_rng = rng;
    bool is_good = put_value(lua, lua_gettop(lua), writing, depth + 1);
    lua_pop(lua, 1);
    return is_good;
}

static bool put_value(lua_State *lua, int index, const struct writing *writing, int depth)
{
    size_t length_bytes = 0;
    const char *bytes = NULL;
    if (depth > DEPTH_MAX || !lua_checkstack(lua, 16)) {
        return false;
    }
    switch (lua_type(lua, index)) {
    case LUA_TNIL: record_say(writing->text, "nil"); return true;
    case LUA_TBOOLEAN:
        record_say(writing->text, lua_toboolean(lua, index) ? "true" : "false");
        return true;
    case LUA_TNUMBER:
        if (lua_isinteger(lua, index)) {
            record_say(writing->text, "%lld", (long long)lua_tointeger(lua, index));
        } else {
            put_number(writing->text, lua_tonumber(lua, index));
        }
        return true;
    case LUA_TSTRING:
        bytes = lua_tolstring(lua, index, &length_bytes);
        record_put_string(writing->text, rp_view_make(bytes, length_bytes));
        return true;
    case LUA_TTABLE: return put_named(lua, index, writing) || put_table(lua, index, writing, depth);
    case LUA_TUSERDATA: return put_object(lua, index, writing);
    case LUA_TFUNCTION: return put_called(lua, index, writing, depth);
    default: return false;
    }
}

bool record_put_value(lua_State *lua, int index, int params, struct sim_world *world,
                      struct record_text *text)
{
    struct writing writing = {params, world, text};
    return put_value(lua, lua_absindex(lua, index), &writing, 0);
}

bool record_put_cluster(lua_State *lua, int index, int params, struct sim_world *world,
                        struct record_text *text)
{
    index = lua_absindex(lua, index);
    if (!lua_istable(lua, index) ||
        lua_getfield(lua, LUA_REGISTRYINDEX, "script.release") != LUA_TSTRING) {
        lua_settop(lua, lua_istable(lua, index) ? lua_gettop(lua) - 1 : lua_gettop(lua));
        return record_put_value(lua, index, params, world, text);
    }
    lua_pushvalue(lua, -1);
    (void)lua_getfield(lua, index, "release"); /* put back afterwards: others may see the table */
    lua_insert(lua, -2);
    lua_setfield(lua, index, "release");
    bool is_put = record_put_value(lua, index, params, world, text);
    lua_setfield(lua, index, "release");
    lua_pop(lua, 1);
    return is_put;
}
