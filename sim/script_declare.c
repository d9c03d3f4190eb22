/* The table that a scenario returns. Lua keeps no lines for its values, so errors name the file and
 * the key. */
#include "sim/script_declare.h"

#include <stdlib.h>

#include "protocol/error.h"
#include "sim/script_record.h"
#include "sim/script_story.h"

/* What one protected reading is about; passed as light userdata. */
struct reading {
    struct script *script;
    struct script_declaration *declaration;
    const char *const *sets;
    size_t set_count;
};

char *script_copy_text(lua_State *lua, const char *text)
{
    size_t size_bytes = strlen(text) + 1;
    char *copy = malloc(size_bytes);
    if (copy == NULL) {
        luaL_error(lua, "out of memory");
        return NULL;
    }
    memcpy(copy, text, size_bytes);
    return copy;
}

void script_declaration_clear(struct script_declaration *declaration)
{
    free(declaration->name);
    free(declaration->about);
    free(declaration->params_json);
    memset(declaration, 0, sizeof *declaration);
}

/* ---- The file ------------------------------------------------------------------------------------ */

static int open_protected(lua_State *lua)
{
    struct script *script = script_of(lua);
    const char *slash = strrchr(script->path, '/');
    const char *name = slash == NULL ? script->path : slash + 1;
    bool is_loaded = script->text == NULL ? script_load(lua, script, name)
                                          : script_load_text(lua, name, rp_view_text(script->text));
    if (!is_loaded) {
        return lua_error(lua);
    }
    lua_call(lua, 0, 1);
    if (!lua_istable(lua, -1)) {
        return luaL_error(lua, "the file returns no table");
    }
    return 1;
}

bool script_open_file(struct script *script)
{
    lua_pushcfunction(script->lua, open_protected);
    return script_call(script, 0, 1);
}

/* ---- Name, parameters ---------------------------------------------------------------------------- */

static void check_name(lua_State *lua, const char *name)
{
    if (name[0] == '\0' || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(name)) {
        luaL_error(lua, "name: '%s' is not of a-z, 0-9 and -", name);
    }
}

/* `breaks`: releases to property names, both known; the key `current` would be a contradiction. */
static void declare_breaks(lua_State *lua, struct script_breaks *breaks)
{
    int base = lua_gettop(lua);
    if (!script_get(lua, 2, "breaks")) {
        lua_settop(lua, base);
        return;
    }
    const char *keys[RP_RELEASE_COUNT];
    for (int release = 0; release < RP_RELEASE_CURRENT; release += 1) {
        keys[release] = rp_release_name((enum rp_release)release);
    }
    keys[RP_RELEASE_CURRENT] = NULL;
    script_check_keys(lua, base + 1, "breaks", keys);
    for (int release = 0; release < RP_RELEASE_CURRENT; release += 1) {
        if (!script_get(lua, base + 1, keys[release])) {
            lua_pop(lua, 1);
            continue;
        }
        char what[64];
        (void)snprintf(what, sizeof what, "breaks.%s", keys[release]);
        const char *name = script_take_text(lua, -1, what);
        if (!sim_property_parse(rp_view_text(name), &breaks->properties[release])) {
            luaL_error(lua, "%s: '%s' is no property", what, name);
        }
        breaks->has[release] = breaks->is_declared = true;
        lua_pop(lua, 1);
    }
    if (!breaks->is_declared) {
        luaL_error(lua, "breaks: names no release");
    }
    lua_settop(lua, base);
}

/* Stack: reading, table. Leaves the parameters. */
static int declare_head(lua_State *lua)
{
    static const char *const keys[] = {"name",    "about",   "phase",   "params", "cluster",
                                       "network", "storage", "closing", "limit",  "expect",
                                       "breaks",  "run",     NULL};
    struct reading *reading = lua_touserdata(lua, 1);
    struct script_declaration *declaration = reading->declaration;
    const char *release = NULL;
    script_check_keys(lua, 2, "scenario", keys);
    if (!script_get(lua, 2, "name")) {
        return luaL_error(lua, "name: is missing");
    }
    check_name(lua, script_take_text(lua, -1, "name"));
    declaration->name = script_copy_text(lua, lua_tostring(lua, -1));
    script_record_section(lua, "name");
    if (script_get(lua, 2, "about")) {
        declaration->about = script_copy_text(lua, script_take_text(lua, -1, "about"));
        script_record_section(lua, "about");
    }
    if (script_get(lua, 2, "phase")) {
        declaration->phase = (int64_t)script_take_count(lua, -1, "phase", 100);
    }
    declare_breaks(lua, &declaration->breaks);
    (void)script_get(lua, 2, "params");
    script_push_params(lua, lua_gettop(lua), reading->sets, reading->set_count, &release);
    int params = lua_gettop(lua);
    script_record_section(lua, "params");
    declaration->params_json = script_copy_text(lua, script_push_params_json(lua, params));
    if (release != NULL) {
        lua_pushstring(lua, release);
        script_record_section(lua, "release");
        lua_setfield(lua, LUA_REGISTRYINDEX, "script.release");
    }
    lua_pushvalue(lua, params);
    return 1;
}

bool script_declare_head(struct script *script, const char *const *sets, size_t set_count,
                         struct script_declaration *declaration)
{
    struct reading reading = {script, declaration, sets, set_count};
    lua_State *lua = script->lua;
    lua_pushcfunction(lua, declare_head);
    lua_pushlightuserdata(lua, &reading);
    lua_pushvalue(lua, -3);
    return script_call(script, 2, 1);
}

/* ---- Network, storage, closing, limit, expect ----------------------------------------------------- */

/* Pushes table[key]; a function is called with the parameters. Stack: 1 reading, 2 table, 3 params. */
static bool get_section(lua_State *lua, const char *key)
{
    if (!script_get(lua, 2, key)) {
        return false;
    }
    if (lua_isfunction(lua, -1)) {
        lua_pushvalue(lua, 3);
        lua_call(lua, 1, 1);
    }
    script_record_section(lua, key);
    return !lua_isnil(lua, -1);
}

static void declare_network(lua_State *lua, struct sim_network_spec *network)
{
    static const char *const keys[] = {"latency", "bandwidth", "loss", NULL};
    int base = lua_gettop(lua);
    if (get_section(lua, "network")) {
        int table = lua_gettop(lua);
        script_check_keys(lua, table, "network", keys);
        if (script_get(lua, table, "latency")) {
            network->latency_ns = script_take_duration_range(lua, -1, "network.latency");
        }
        if (script_get(lua, table, "bandwidth")) {
            network->bandwidth_bytes_per_s = script_take_rate(lua, -1, "network.bandwidth");
        }
        if (script_get(lua, table, "loss")) {
            network->loss = script_take_chance(lua, -1, "network.loss");
        }
    }
    lua_settop(lua, base);
}

/* A size or a rate: "2GiB/s" is what the page writes, "2GiB" would be a mistake. */
static void declare_storage(lua_State *lua, struct sim_storage_spec *storage)
{
    static const char *const keys[] = {"read", "write", "latency", "capacity", NULL};
    int base = lua_gettop(lua);
    if (get_section(lua, "storage")) {
        int table = lua_gettop(lua);
        script_check_keys(lua, table, "storage", keys);
        if (script_get(lua, table, "read")) {
            storage->read_bytes_per_s = script_take_rate(lua, -1, "storage.read");
        }
        if (script_get(lua, table, "write")) {
            storage->write_bytes_per_s = script_take_rate(lua, -1, "storage.write");
        }
        if (script_get(lua, table, "latency")) {
            storage->latency_ns = script_take_duration_range(lua, -1, "storage.latency");
        }
        if (script_get(lua, table, "capacity")) {
            storage->capacity_bytes = script_draw_size(lua, -1, "storage.capacity");
        }
    }
    lua_settop(lua, base);
}

static void declare_closing(lua_State *lua, struct sim_world_spec *spec)
{
    if (get_section(lua, "closing")) {
        const char *closing = script_take_text(lua, -1, "closing");
        if (strcmp(closing, "full") != 0 && strcmp(closing, "short") != 0) {
            luaL_error(lua, "closing: '%s' is neither \"full\" nor \"short\"", closing);
        }
        spec->closing = closing[0] == 's' ? SIM_CLOSING_SHORT : SIM_CLOSING_FULL;
    }
    if (get_section(lua, "limit")) {
        spec->limit_ns = script_draw_duration(lua, -1, "limit");
    }
    lua_settop(lua, 3);
}

static void declare_expect(lua_State *lua, struct sim_expect *expect)
{
    static const char *const keys[] = {"violates", "accept", NULL};
    if (get_section(lua, "expect")) {
        int table = lua_gettop(lua);
        script_check_keys(lua, table, "expect", keys);
        if (script_get(lua, table, "violates")) {
            const char *name = script_take_text(lua, -1, "expect.violates");
            if (!sim_property_parse(rp_view_text(name), &expect->violates)) {
                luaL_error(lua, "expect.violates: '%s' is no property", name);
            }
            expect->has_violates = true;
        }
        if (script_get(lua, table, "accept")) {
            int list = lua_gettop(lua);
            if (!lua_istable(lua, list)) {
                luaL_error(lua, "expect.accept: expected a list of releases");
            }
            expect->is_accepting = true;
            lua_Integer count = luaL_len(lua, list);
            for (lua_Integer index = 1; index <= count; index += 1) {
                lua_rawgeti(lua, list, index);
                expect->accepts[script_take_release(lua, -1, "expect.accept")] = true;
                lua_pop(lua, 1);
            }
        }
    }
    lua_settop(lua, 3);
}

static void declare_cluster(lua_State *lua, struct sim_cluster_spec *cluster)
{
    int base = lua_gettop(lua);
    if (!get_section(lua, "cluster")) {
        lua_settop(lua, base);
        lua_newtable(lua);
    }
    script_declare_cluster(lua, lua_gettop(lua), 3, false, cluster);
    lua_settop(lua, base);
}

/* Stack: 1 reading, 2 table, 3 params. */
static int declare_world(lua_State *lua)
{
    struct reading *reading = lua_touserdata(lua, 1);
    struct script *script = reading->script;
    declare_cluster(lua, &script->spec.cluster);
    declare_network(lua, &script->spec.network);
    declare_storage(lua, &script->spec.storage);
    declare_closing(lua, &script->spec);
    declare_expect(lua, &reading->declaration->expect);
    if (!script_get(lua, 2, "run") || !lua_isfunction(lua, -1)) {
        return luaL_error(lua, "run: expected a function, got %s", luaL_typename(lua, -1));
    }
    lua_pushvalue(lua, 3);
    script_push_cluster(lua, NULL);
    lua_insert(lua, -2);
    script_story_set(script);
    return 0;
}

bool script_declare_world(struct script *script, struct script_declaration *declaration)
{
    struct reading reading = {script, declaration, NULL, 0};
    lua_State *lua = script->lua;
    lua_pushcfunction(lua, declare_world);
    lua_pushlightuserdata(lua, &reading);
    lua_pushvalue(lua, -4);
    lua_pushvalue(lua, -4);
    return script_call(script, 3, 0);
}
