/* Parameters of a scenario: defaults, `--set key=value` over them with the same type, and as JSON. */
#include "sim/script_declare.h"
#include "sim/script_fields.h"

static void copy_params(lua_State *lua, int defaults)
{
    lua_newtable(lua);
    lua_pushnil(lua);
    while (lua_next(lua, defaults) != 0) {
        if (lua_type(lua, -2) != LUA_TSTRING) {
            luaL_error(lua, "params: a key of type %s", luaL_typename(lua, -2));
        }
        int type = lua_type(lua, -1);
        if (type != LUA_TNUMBER && type != LUA_TSTRING && type != LUA_TBOOLEAN) {
            luaL_error(lua, "params.%s: expected a number, string or boolean, got %s",
                       lua_tostring(lua, -2), lua_typename(lua, type));
        }
        if (type == LUA_TNUMBER && !(lua_tonumber(lua, -1) - lua_tonumber(lua, -1) == 0)) {
            luaL_error(lua, "params.%s: is no finite number", lua_tostring(lua, -2));
        }
        lua_pushvalue(lua, -2);
        lua_insert(lua, -2);
        lua_rawset(lua, -4);
    }
}

/* Pushes the text as a value of that type. */
static void push_value(lua_State *lua, const char *set, const char *text, int type)
{
    if (type == LUA_TSTRING) {
        lua_pushstring(lua, text);
    } else if (type == LUA_TBOOLEAN) {
        bool is_true = strcmp(text, "true") == 0;
        if (!is_true && strcmp(text, "false") != 0) {
            luaL_error(lua, "--set %s: the parameter is a boolean: true or false", set);
        }
        lua_pushboolean(lua, is_true);
    } else if (lua_stringtonumber(lua, text) != strlen(text) + 1) {
        luaL_error(lua, "--set %s: the parameter is a number", set);
    } else if (!(lua_tonumber(lua, -1) - lua_tonumber(lua, -1) == 0)) {
        luaL_error(lua, "--set %s: no finite number", set);
    }
}

static void apply_set(lua_State *lua, int params, const char *set, const char **release_out)
{
    const char *equals = strchr(set, '=');
    if (equals == NULL || equals == set) {
        luaL_error(lua, "--set %s: expected key=value", set);
        return;
    }
    lua_pushlstring(lua, set, (size_t)(equals - set));
    const char *key = lua_tostring(lua, -1);
    int type = script_get(lua, params, key) ? lua_type(lua, -1) : LUA_TNIL;
    if (type == LUA_TNIL && strcmp(key, "release") == 0) {
        enum rp_release release;
        if (!rp_release_parse(rp_view_text(equals + 1), &release)) {
            luaL_error(lua, "--set %s: the releases are phase2, phase3, arc, current", set);
        }
        *release_out = equals + 1;
        lua_pop(lua, 2);
        return;
    }
    if (type == LUA_TNIL) {
        luaL_error(lua, "--set %s: the scenario has no parameter '%s'", set, key);
    }
    push_value(lua, set, equals + 1, type);
    lua_setfield(lua, params, key);
    lua_pop(lua, 2);
}

void script_push_params(lua_State *lua, int defaults, const char *const *sets, size_t set_count,
                        const char **release_out)
{
    *release_out = NULL;
    if (lua_isnil(lua, defaults)) {
        lua_newtable(lua);
    } else if (lua_istable(lua, defaults)) {
        copy_params(lua, defaults);
    } else {
        luaL_error(lua, "params: expected a table, got %s", luaL_typename(lua, defaults));
    }
    int params = lua_gettop(lua);
    for (size_t index = 0; index < set_count; index += 1) {
        apply_set(lua, params, sets[index], release_out);
    }
}

/* ---- JSON --------------------------------------------------------------------------------------- */

static void add_json_text(luaL_Buffer *buffer, const char *text, size_t length_bytes)
{
    char escape[8];
    luaL_addchar(buffer, '"');
    for (size_t index = 0; index < length_bytes; index += 1) {
        unsigned char byte = (unsigned char)text[index];
        if (byte == '"' || byte == '\\') {
            luaL_addchar(buffer, '\\');
            luaL_addchar(buffer, (char)byte);
        } else if (byte < 0x20) {
            (void)snprintf(escape, sizeof escape, "\\u%04x", byte);
            luaL_addstring(buffer, escape);
        } else {
            luaL_addchar(buffer, (char)byte);
        }
    }
    luaL_addchar(buffer, '"');
}

/* The shortest text that reads back as the same number. */
static void format_number(double number, char text_out[40])
{
    for (int digits = 15; digits <= 17; digits += 1) {
        double again = 0;
        (void)snprintf(text_out, 40, "%.*g", digits, number);
        if (sscanf(text_out, "%lf", &again) == 1 && again == number) {
            return;
        }
    }
}

/* The value is on top; so is the buffer's own slot below it, which stays balanced. */
static void add_json_value(lua_State *lua, luaL_Buffer *buffer, int value)
{
    char number[40];
    size_t length_bytes = 0;
    const char *text = NULL;
    switch (lua_type(lua, value)) {
    case LUA_TSTRING:
        text = lua_tolstring(lua, value, &length_bytes);
        add_json_text(buffer, text, length_bytes);
        break;
    case LUA_TBOOLEAN: luaL_addstring(buffer, lua_toboolean(lua, value) ? "true" : "false"); break;
    default:
        if (lua_isinteger(lua, value)) {
            (void)snprintf(number, sizeof number, "%lld", (long long)lua_tointeger(lua, value));
        } else {
            format_number(lua_tonumber(lua, value), number);
        }
        luaL_addstring(buffer, number);
    }
}

const char *script_push_params_json(lua_State *lua, int params)
{
    luaL_Buffer buffer;
    lua_pushnil(lua); /* the last key, then its value: fixed slots below the buffer's */
    lua_pushnil(lua);
    int key = lua_gettop(lua) - 1, value = key + 1;
    luaL_buffinit(lua, &buffer);
    luaL_addchar(&buffer, '{');
    for (bool is_first = true;; is_first = false) {
        lua_getglobal(lua, "next");
        lua_pushvalue(lua, params);
        lua_pushvalue(lua, key);
        lua_call(lua, 2, 2);
        lua_replace(lua, value);
        lua_replace(lua, key);
        if (lua_isnil(lua, key)) {
            break;
        }
        size_t length_bytes = 0;
        const char *text = lua_tolstring(lua, key, &length_bytes);
        if (!is_first) {
            luaL_addchar(&buffer, ',');
        }
        add_json_text(&buffer, text, length_bytes);
        luaL_addchar(&buffer, ':');
        add_json_value(lua, &buffer, value);
    }
    luaL_addchar(&buffer, '}');
    luaL_pushresult(&buffer);
    lua_replace(lua, key);
    lua_settop(lua, key);
    return lua_tostring(lua, -1);
}
