/* n:hostile{...}: the misdeed, and which paths it is meant for (docs/scenario-api.md). */
#include "fault/hostile.h"
#include "sim/script_story.h"

#define FILTERS_KEY "script.hostile" /* pod to filter: it lives as long as the misdeed */

/* A list of exact paths, or one pattern; in Lua's memory, the texts behind it. */
struct filter {
    struct script *script;
    bool is_pattern;
    size_t count;
    struct rp_view texts[];
};

/* ---- From the network: is this path meant? ------------------------------------------------------ */

/* Stack: the filter, the path. */
static int match_pattern(lua_State *lua)
{
    const struct filter *filter = lua_touserdata(lua, 1);
    const struct rp_view *path = lua_touserdata(lua, 2);
    lua_pushboolean(lua, script_find(lua, *path, filter->texts[0]));
    return 1;
}

/* No coroutine runs meanwhile, so the limit counts each match for itself. */
static bool matches_pattern(const struct filter *filter, struct rp_view path)
{
    struct script *script = filter->script;
    if (script->is_over || script_story_is_dropped(script)) {
        return false;
    }
    script_rest(script);
    lua_pushcfunction(script->lua, match_pattern);
    lua_pushlightuserdata(script->lua, (void *)(uintptr_t)filter);
    lua_pushlightuserdata(script->lua, &path);
    if (!script_call(script, 2, 1)) {
        script_story_fail(script);
        return false;
    }
    bool is_match = lua_toboolean(script->lua, -1) != 0;
    lua_pop(script->lua, 1);
    return is_match;
}

static bool matches(void *context, struct rp_view path)
{
    const struct filter *filter = context;
    if (filter->is_pattern) {
        return matches_pattern(filter, path);
    }
    for (size_t row = 0; row < filter->count; row += 1) {
        if (rp_view_equal(filter->texts[row], path)) {
            return true;
        }
    }
    return false;
}

/* ---- The filter ---------------------------------------------------------------------------------- */

static struct rp_view text_at(lua_State *lua, int index, const char *what)
{
    if (lua_type(lua, index) != LUA_TSTRING) {
        luaL_error(lua, "%s: expected a list of paths or a pattern, got %s", what,
                   luaL_typename(lua, index));
    }
    size_t length_bytes = 0;
    const char *text = lua_tolstring(lua, index, &length_bytes);
    return rp_view_make(text, length_bytes);
}

/* Leaves the filter of the value at `paths` on the stack; the strings are kept in its user value. */
static struct filter *push_filter(lua_State *lua, int paths)
{
    bool is_list = lua_istable(lua, paths);
    size_t count = is_list ? (size_t)luaL_len(lua, paths) : 1;
    if (count > SCRIPT_FILE_COUNT_MAX) {
        luaL_error(lua, "n:hostile: paths: more than a million paths");
    }
    struct filter *filter =
        lua_newuserdatauv(lua, sizeof *filter + count * sizeof filter->texts[0], 1);
    memset(filter, 0, sizeof *filter);
    filter->script = script_of(lua);
    filter->is_pattern = !is_list;
    lua_createtable(lua, (int)count, 0);
    for (size_t row = 0; row < count; row += 1) {
        if (is_list) {
            lua_rawgeti(lua, paths, (lua_Integer)row + 1);
        } else {
            lua_pushvalue(lua, paths);
        }
        filter->texts[row] = text_at(lua, -1, "n:hostile: paths");
        lua_rawseti(lua, -2, (lua_Integer)row + 1);
    }
    filter->count = count;
    lua_setiuservalue(lua, -2, 1);
    if (filter->is_pattern) {
        (void)script_find(lua, rp_view_text("a"), filter->texts[0]); /* its errors belong here */
    }
    return filter;
}

/* The filter (or nil) on top of the stack takes the place of the pod's former one. */
static void keep_filter(lua_State *lua, const struct sim_pod *pod)
{
    (void)luaL_getsubtable(lua, LUA_REGISTRYINDEX, FILTERS_KEY);
    lua_pushvalue(lua, -2);
    lua_rawsetp(lua, -2, pod);
    lua_pop(lua, 2);
}

/* ---- The call -------------------------------------------------------------------------------------- */

static enum fault_hostile_kind take_kind(lua_State *lua)
{
    enum fault_hostile_kind kind = FAULT_HOSTILE_NONE;
    (void)script_get(lua, 2, "kind");
    const char *name = script_take_text(lua, -1, "n:hostile: kind");
    if (!fault_hostile_parse(rp_view_text(name), &kind)) {
        luaL_error(lua, "n:hostile: kind '%s' is unknown; see: replisim list faults", name);
    }
    lua_pop(lua, 1);
    return kind;
}

static void take_spec(lua_State *lua, struct fault_hostile_spec *spec)
{
    spec->kind = take_kind(lua);
    spec->chance = FAULT_CHANCE_ALWAYS;
    if (script_get(lua, 2, "p")) {
        spec->chance = script_take_chance(lua, -1, "n:hostile: p");
    }
    if (script_get(lua, 2, "after_bytes")) {
        spec->has_after_bytes = true;
        spec->after_bytes = script_draw_size(lua, -1, "n:hostile: after_bytes");
    }
    lua_settop(lua, 2);
}

int script_node_hostile(lua_State *lua)
{
    static const char *const keys[] = {"kind", "p", "for_", "paths", "after_bytes", NULL};
    _Static_assert(FAULT_CHANCE_ALWAYS == SIM_CHANCE_ALWAYS, "one unit of chance");
    script_check_change(lua, "n:hostile");
    struct sim_pod *pod = script_take_node(lua, 1, "n:hostile");
    struct fault_hostile_spec spec;
    rp_time_ns duration_ns = 0;
    memset(&spec, 0, sizeof spec);
    lua_settop(lua, 2);
    if (lua_isnil(lua, 2)) {
        sim_pod_set_hostile(pod, NULL, 0);
        lua_pushnil(lua);
        keep_filter(lua, pod);
        return 0;
    }
    script_check_keys(lua, 2, "n:hostile", keys);
    take_spec(lua, &spec);
    if (script_get(lua, 2, "for_")) {
        duration_ns = script_draw_duration(lua, -1, "n:hostile: for_");
        if (duration_ns == 0) {
            return luaL_error(lua, "n:hostile: for_ is above 0");
        }
    }
    if (script_get(lua, 2, "paths")) {
        spec.context = push_filter(lua, lua_gettop(lua));
        spec.matches = matches;
    }
    sim_pod_set_hostile(pod, &spec, duration_ns);
    keep_filter(lua, pod);
    return 0;
}
