/* A node's handle: fields, life, clock, disk and what it sees (docs/scenario-api.md, A node). */
#include "sim/script_story.h"

#include <stdlib.h>

#include "protocol/error.h"
#include "protocol/node.h"
#include "sim/check.h"
#include "sim/script_attacker.h"
#include "sim/script_record.h"

#define HANDLES_KEY "script.handles" /* pod to handle: one object a pod, so that handles compare */
#define GRACE_NS    (30 * RP_NS_PER_S)

/* ---- Handles ----------------------------------------------------------------------------------- */

static struct sim_pod *self(lua_State *lua)
{
    struct sim_pod **handle = luaL_testudata(lua, 1, SCRIPT_NODE_TYPE);
    if (handle == NULL) {
        luaL_error(lua, "a call of a node is written with a colon, as in n:up()");
        return NULL;
    }
    return *handle;
}

static struct sim_pod *changed_self(lua_State *lua, const char *call)
{
    script_check_change(lua, call);
    return self(lua);
}

struct sim_world *script_world(lua_State *lua)
{
    struct sim_pod **pod = luaL_testudata(lua, 1, SCRIPT_NODE_TYPE);
    if (pod != NULL) {
        return sim_pod_world(*pod);
    }
    struct sim_world **world = luaL_testudata(lua, 1, SCRIPT_CLUSTER_TYPE);
    if (world == NULL) {
        world = luaL_testudata(lua, 1, SCRIPT_NET_TYPE);
    }
    if (world != NULL && *world != NULL) {
        return *world;
    }
    struct script_attacker *attacker = luaL_testudata(lua, 1, SCRIPT_ATTACKER_TYPE);
    return attacker != NULL ? attacker->world : script_of(lua)->world;
}

/* A string: an id of the receiver's cluster, or a label. */
static struct sim_pod *named_node(lua_State *lua, int index, const char *what)
{
    struct sim_world *world = script_world(lua);
    if (lua_type(lua, index) != LUA_TSTRING) {
        luaL_error(lua, "%s: expected a node or its id, got %s", what, luaL_typename(lua, index));
    }
    struct rp_view name = script_take_path(lua, index, what);
    struct sim_pod *pod = sim_world_pod(world, name);
    pod = pod == NULL ? sim_world_labelled(world, name) : pod;
    if (pod == NULL) {
        luaL_error(lua, "%s: unknown node '%s'", what, lua_tostring(lua, index));
    }
    return pod;
}

static struct sim_pod *take_any_node(lua_State *lua, int index, const char *what)
{
    struct sim_pod **handle = luaL_testudata(lua, index, SCRIPT_NODE_TYPE);
    return handle != NULL ? *handle : named_node(lua, index, what);
}

struct sim_pod *script_take_node(lua_State *lua, int index, const char *what)
{
    struct sim_pod *pod = take_any_node(lua, index, what);
    bool is_of_cluster = luaL_testudata(lua, 1, SCRIPT_CLUSTER_TYPE) != NULL;
    if (is_of_cluster && sim_pod_world(pod) != script_world(lua)) {
        script_push_view(lua, sim_pod_label(pod));
        luaL_error(lua, "%s: node '%s' is of another cluster", what, lua_tostring(lua, -1));
    }
    return pod;
}

typedef struct sim_pod *(*take_node_fn)(lua_State *lua, int index, const char *what);

static struct sim_pod **take_nodes(lua_State *lua, int index, const char *what, size_t *count_out,
                                   take_node_fn take_node)
{
    struct sim_world *world = script_world(lua);
    index = lua_absindex(lua, index);
    bool is_list = lua_istable(lua, index);
    bool is_all =
        lua_type(lua, index) == LUA_TSTRING && strcmp(lua_tostring(lua, index), "all") == 0;
    size_t count = 1;
    if (is_list) {
        count = (size_t)luaL_len(lua, index);
    } else if (is_all) {
        count = sim_world_pod_count(world);
    }
    if (count > SCRIPT_NODE_COUNT_MAX) {
        luaL_error(lua, "%s: too many nodes", what);
    }
    struct sim_pod **pods = lua_newuserdatauv(lua, (count + 1) * sizeof *pods, 0);
    size_t taken = 0;
    for (size_t at = 0; at < count; at += 1) {
        if (is_list) {
            lua_rawgeti(lua, index, (lua_Integer)at + 1);
            pods[taken++] = take_node(lua, -1, what);
            lua_pop(lua, 1);
        } else if (!is_all) {
            pods[taken++] = take_node(lua, index, what);
        } else if (!sim_pod_is_gone(sim_world_pod_at(world, at))) {
            pods[taken++] = sim_world_pod_at(world, at);
        }
    }
    *count_out = taken;
    return pods;
}

struct sim_pod **script_take_nodes(lua_State *lua, int index, const char *what, size_t *count_out)
{
    return take_nodes(lua, index, what, count_out, script_take_node);
}

struct sim_pod **script_take_any_nodes(lua_State *lua, int index, const char *what,
                                       size_t *count_out)
{
    return take_nodes(lua, index, what, count_out, take_any_node);
}

/* ---- Options that several calls share ----------------------------------------------------------- */

/* `cluster.` in front of a key is what its own page has; here it may be left out. */
static struct rp_view plain_key(struct rp_view key)
{
    static const char prefix[] = "cluster.";
    size_t length = sizeof prefix - 1;
    bool has_prefix = key.length_bytes > length && memcmp(key.bytes, prefix, length) == 0;
    return has_prefix ? rp_view_make(key.bytes + length, key.length_bytes - length) : key;
}

static void refuse_config_key(lua_State *lua, const char *what, const char *key)
{
    struct script_nearest nearest;
    script_nearest_init(&nearest, key);
    for (size_t index = 0; index < rp_config_key_count(); index += 1) {
        script_nearest_try(&nearest, rp_config_key_at(index)->name);
    }
    luaL_error(lua, "%s.%s: unknown key%s", what, key, script_nearest_text(lua, &nearest));
}

void script_take_config(lua_State *lua, int index, const char *what, struct rp_config *config)
{
    index = lua_absindex(lua, index);
    if (!lua_istable(lua, index)) {
        luaL_error(lua, "%s: expected a table, got %s", what, luaL_typename(lua, index));
    }
    lua_getglobal(lua, "next");
    int next = lua_gettop(lua);
    lua_pushnil(lua);
    for (;;) {
        lua_pushvalue(lua, next);
        lua_pushvalue(lua, index);
        lua_pushvalue(lua, -3);
        lua_call(lua, 2, 2);
        if (lua_isnil(lua, -2)) {
            lua_settop(lua, next - 1);
            return;
        }
        struct rp_config_value value;
        char note[160] = "";
        memset(&value, 0, sizeof value);
        struct rp_view key = script_take_path(lua, -2, what);
        switch (lua_type(lua, -1)) {
        case LUA_TBOOLEAN:
            value.kind = RP_CONFIG_BOOL;
            value.boolean = lua_toboolean(lua, -1) != 0;
            break;
        case LUA_TNUMBER:
            value.kind = lua_isinteger(lua, -1) ? RP_CONFIG_INTEGER : RP_CONFIG_NUMBER;
            value.integer = lua_isinteger(lua, -1) ? lua_tointeger(lua, -1) : 0;
            value.number = lua_tonumber(lua, -1);
            break;
        case LUA_TSTRING:
            value.kind = RP_CONFIG_TEXT;
            value.text = script_take_path(lua, -1, what);
            break;
        default:
            luaL_error(lua, "%s.%s: expected a value, got %s", what, lua_tostring(lua, -2),
                       luaL_typename(lua, -1));
        }
        int error = rp_config_set(config, plain_key(key), &value, note);
        if (error == RP_ERR_NOT_FOUND) {
            refuse_config_key(lua, what, lua_tostring(lua, -2));
        } else if (error != 0) {
            luaL_error(lua, "%s.%s: %s", what, lua_tostring(lua, -2),
                       note[0] == '\0' ? rp_strerror(error) : note);
        }
        lua_pop(lua, 1);
        lua_remove(lua, -2); /* the key before */
    }
}

const struct rp_config *script_take_scratch_config(lua_State *lua, int options, const char *what)
{
    struct script *script = script_of(lua);
    if (!script_get(lua, options, "config")) {
        lua_pop(lua, 1);
        return NULL;
    }
    if (script->has_scratch) {
        rp_config_clear(&script->scratch_config);
        script->has_scratch = false;
    }
    if (rp_config_copy(&sim_world_spec(script_world(lua))->cluster.config,
                       &script->scratch_config) != 0) {
        luaL_error(lua, "out of memory");
    }
    script->has_scratch = true;
    script_take_config(lua, -1, what, &script->scratch_config);
    lua_pop(lua, 1);
    return &script->scratch_config;
}

static rp_time_ns option_duration(lua_State *lua, int options, const char *key, const char *what,
                                  rp_time_ns default_ns)
{
    rp_time_ns duration_ns = default_ns;
    if (script_get(lua, options, key)) {
        duration_ns = script_draw_duration(lua, -1, what);
    }
    lua_pop(lua, 1);
    return duration_ns;
}

/* "release" and "config" of a life to come. */
static void set_next_life(lua_State *lua, int options, struct sim_pod *pod, const char *call)
{
    if (script_get(lua, options, "release")) {
        sim_pod_set_release(pod, script_take_release(lua, -1, call));
    }
    lua_pop(lua, 1);
    const struct rp_config *config = script_take_scratch_config(lua, options, call);
    if (config != NULL && sim_pod_set_config(pod, config) != 0) {
        luaL_error(lua, "%s: config is not accepted", call);
    }
}

static int return_nothing(lua_State *lua, int status, lua_KContext context)
{
    (void)lua;
    (void)status;
    (void)context;
    return 0;
}

/* ---- Life -------------------------------------------------------------------------------------- */

static int node_up(lua_State *lua)
{
    lua_pushboolean(lua, sim_pod_is_up(self(lua)));
    return 1;
}

static int node_stop(lua_State *lua)
{
    static const char *const keys[] = {"grace", NULL};
    struct script_task *task = script_running_task(lua, "n:stop");
    struct sim_pod *pod = self(lua);
    if (!lua_isnoneornil(lua, 2)) {
        script_check_keys(lua, 2, "n:stop", keys);
    }
    rp_time_ns grace_ns = option_duration(lua, 2, "grace", "n:stop: grace", GRACE_NS);
    struct sim_wait wait = script_task_wait(task);
    sim_pod_stop(pod, grace_ns, &wait);
    return script_yield(lua, task, 0, return_nothing);
}

static int node_kill(lua_State *lua)
{
    static const char *const keys[] = {"host", NULL};
    struct sim_pod *pod = changed_self(lua, "n:kill");
    bool is_host = true;
    if (!lua_isnoneornil(lua, 2)) {
        script_check_keys(lua, 2, "n:kill", keys);
        if (script_get(lua, 2, "host")) {
            is_host = script_take_bool(lua, -1, "n:kill: host");
        }
        lua_pop(lua, 1);
    }
    sim_pod_kill(pod, is_host);
    return 0;
}

static void check_startable(lua_State *lua, struct sim_pod *pod, const char *call)
{
    if (sim_pod_is_gone(pod)) {
        luaL_error(lua, "%s: this node was replaced by a new identity", call);
    }
}

static int node_start(lua_State *lua)
{
    static const char *const keys[] = {"release", "config", NULL};
    struct sim_pod *pod = changed_self(lua, "n:start");
    check_startable(lua, pod, "n:start");
    if (!lua_isnoneornil(lua, 2)) {
        script_check_keys(lua, 2, "n:start", keys);
        set_next_life(lua, 2, pod, "n:start");
    }
    sim_pod_start(pod);
    return 0;
}

/* Looked at after the events of this instant: the boot is one of them. */
static bool has_begun(void *context, struct script *script)
{
    (void)context;
    (void)script;
    return true;
}

static int restart_up(lua_State *lua, int status, lua_KContext context)
{
    (void)status;
    (void)context;
    set_next_life(lua, 2, self(lua), "n:restart");
    sim_pod_start(self(lua));
    struct script_task *task = script_running_task(lua, "n:restart");
    struct script_condition *condition =
        script_condition_add(lua, SCRIPT_CONDITION_WAIT, "restart", RP_TIME_NEVER);
    condition->task = task;
    condition->holds = has_begun;
    return script_yield(lua, task, 0, return_nothing);
}

static int restart_down(lua_State *lua, int status, lua_KContext down_ns)
{
    (void)status;
    struct script_task *task = script_running_task(lua, "n:restart");
    return script_sleep(lua, task, (rp_time_ns)down_ns, 0, restart_up);
}

static int node_restart(lua_State *lua)
{
    static const char *const keys[] = {"down", "grace", "release", "config", NULL};
    struct script_task *task = script_running_task(lua, "n:restart");
    struct sim_pod *pod = self(lua);
    check_startable(lua, pod, "n:restart");
    lua_settop(lua, 2);
    if (!lua_isnil(lua, 2)) {
        script_check_keys(lua, 2, "n:restart", keys);
    }
    rp_time_ns down_ns = option_duration(lua, 2, "down", "n:restart: down", 5 * RP_NS_PER_S);
    rp_time_ns grace_ns = option_duration(lua, 2, "grace", "n:restart: grace", GRACE_NS);
    struct sim_wait wait = script_task_wait(task);
    sim_pod_stop(pod, grace_ns, &wait);
    return script_yield(lua, task, (lua_KContext)down_ns, restart_down);
}

static int node_pause(lua_State *lua)
{
    struct sim_pod *pod = changed_self(lua, "n:pause");
    sim_pod_pause(pod, script_draw_duration(lua, 2, "n:pause"));
    return 0;
}

static bool take_choice(lua_State *lua, int options, const char *key, const char *call,
                        const char *yes, const char *no, bool is_yes)
{
    if (script_get(lua, options, key)) {
        const char *text = script_take_text(lua, -1, call);
        if (strcmp(text, yes) != 0 && strcmp(text, no) != 0) {
            luaL_error(lua, "%s: %s is \"%s\" or \"%s\"", call, key, yes, no);
        }
        is_yes = strcmp(text, yes) == 0;
    }
    lua_pop(lua, 1);
    return is_yes;
}

void script_take_replace(lua_State *lua, int options, const char *call,
                         struct sim_replace_spec *spec)
{
    spec->is_new_identity =
        take_choice(lua, options, "identity", call, "new", "stable", spec->is_new_identity);
    spec->is_volume_lost =
        take_choice(lua, options, "volume", call, "lost", "keep", spec->is_volume_lost);
    spec->is_address_kept =
        take_choice(lua, options, "address", call, "keep", "new", spec->is_address_kept);
    spec->grace_ns = option_duration(lua, options, "grace", call, GRACE_NS);
    if (script_get(lua, options, "release")) {
        spec->has_release = true;
        spec->release = script_take_release(lua, -1, call);
    }
    lua_pop(lua, 1);
    spec->config = script_take_scratch_config(lua, options, call);
}

static int node_replace(lua_State *lua)
{
    static const char *const keys[] = {"identity", "volume", "grace",       "address",
                                       "release",  "config", "start_delay", NULL};
    struct sim_pod *pod = changed_self(lua, "n:replace");
    check_startable(lua, pod, "n:replace");
    struct sim_replace_spec spec;
    memset(&spec, 0, sizeof spec);
    spec.is_new_identity = spec.is_volume_lost = true;
    lua_settop(lua, 2);
    if (!lua_isnil(lua, 2)) {
        script_check_keys(lua, 2, "n:replace", keys);
    }
    script_take_replace(lua, 2, "n:replace", &spec);
    spec.start_delay_ns = option_duration(lua, 2, "start_delay", "n:replace: start_delay", 0);
    struct sim_pod *successor = NULL;
    int error = sim_pod_replace(pod, &spec, &successor);
    if (error != 0) {
        return luaL_error(lua, "n:replace: %s",
                          error == RP_ERR_FULL ? "the run has all its nodes" : rp_strerror(error));
    }
    script_push_node(lua, successor);
    return 1;
}

static int node_clock(lua_State *lua)
{
    static const char *const keys[] = {"skew", "drift_ppm", "jump", NULL};
    struct sim_pod *pod = changed_self(lua, "n:clock");
    script_check_keys(lua, 2, "n:clock", keys);
    int64_t skew_ns = 0, jump_ns = 0, drift_ppm = 0;
    bool has_skew = script_get(lua, 2, "skew");
    if (has_skew) {
        skew_ns = script_draw_signed_duration(lua, -1, "n:clock: skew");
    }
    bool has_jump = script_get(lua, 2, "jump");
    if (has_jump) {
        jump_ns = script_draw_signed_duration(lua, -1, "n:clock: jump");
    }
    bool has_drift = script_get(lua, 2, "drift_ppm");
    if (has_drift) {
        int is_whole = 0;
        drift_ppm = lua_tointegerx(lua, -1, &is_whole);
        if (!is_whole || drift_ppm < -100000 || drift_ppm > 100000) {
            return luaL_error(lua, "n:clock: drift_ppm is a whole number, at most 100000");
        }
    }
    if (!has_skew && !has_jump && !has_drift) {
        sim_pod_clock_right(pod);
    }
    sim_pod_clock(pod, has_skew ? &skew_ns : NULL, has_drift ? &drift_ppm : NULL,
                  has_jump ? &jump_ns : NULL);
    return 0;
}

/* ---- What it holds and sees --------------------------------------------------------------------- */

static int node_ready(lua_State *lua)
{
    lua_pushboolean(lua, sim_pod_is_ready(self(lua)));
    return 1;
}

static int node_has(lua_State *lua)
{
    lua_pushboolean(lua, sim_pod_has(self(lua), script_take_path(lua, 2, "n:has")));
    return 1;
}

/* All zero and not ready when it is down. */
static void inspect(struct sim_pod *pod, struct rp_node_inspection *inspection_out)
{
    struct rp_node *node = sim_pod_node(pod);
    memset(inspection_out, 0, sizeof *inspection_out);
    if (node != NULL) {
        rp_node_inspect(node, inspection_out);
    }
}

/* Of the bytes on its disk, whatever the manifest says; nil: no such file. */
static int node_sha256(lua_State *lua)
{
    char hex[64];
    int error = sim_pod_sha256(self(lua), script_take_path(lua, 2, "n:sha256"), hex);
    if (error == RP_ERR_NOT_FOUND) {
        lua_pushnil(lua);
        return 1;
    }
    if (error != 0) {
        return luaL_error(lua, "n:sha256: %s", rp_strerror(error));
    }
    lua_pushlstring(lua, hex, sizeof hex);
    return 1;
}

static int node_holds_all(lua_State *lua)
{
    lua_pushboolean(lua, sim_pod_holds_all(self(lua)));
    return 1;
}

static int node_files(lua_State *lua)
{
    struct sim_pod *pod = self(lua);
    struct rp_view cursor = rp_view_text(""), paths[256];
    lua_newtable(lua);
    lua_Integer count = 0;
    for (;;) {
        size_t got = sim_pod_files(pod, cursor, paths, 256);
        for (size_t index = 0; index < got; index += 1) {
            script_push_view(lua, paths[index]);
            lua_rawseti(lua, -2, ++count);
        }
        script_spend(lua, got);
        if (got < 256) {
            return 1;
        }
        cursor = paths[got - 1];
    }
}

/* Those of the walk, which the status names without their first word. */
static void add_catchup_counters(lua_State *lua, const struct rp_catchup_status *status)
{
    static const char *const prefixed[] = {"started_at", "completed_at", "entries_walked",
                                           "enqueued", "skipped_local"};
    for (size_t index = 0; index < RP_CATCHUP_STATUS_COUNT; index += 1) {
        const char *name = rp_catchup_status_name(index);
        bool is_prefixed = false;
        for (size_t row = 0; row < sizeof prefixed / sizeof prefixed[0]; row += 1) {
            is_prefixed = is_prefixed || strcmp(name, prefixed[row]) == 0;
        }
        if (is_prefixed || strncmp(name, "catchup_", 8) == 0) {
            lua_pushfstring(lua, "%s%s", is_prefixed ? "catchup_" : "", name);
            lua_pushinteger(lua, rp_catchup_status_value(status, index));
            lua_rawset(lua, -3);
        }
    }
}

/* Of all its lives; those of the walk and the gauges: of this life. */
static int node_stats(lua_State *lua)
{
    struct sim_counter counters[64];
    struct rp_node_inspection inspection;
    size_t count = sim_pod_counters(self(lua), counters, 64);
    inspect(self(lua), &inspection);
    lua_newtable(lua);
    add_catchup_counters(lua, &inspection.catchup);
    for (size_t index = 0; index < count; index += 1) {
        lua_pushinteger(lua, (lua_Integer)counters[index].value);
        lua_setfield(lua, -2, counters[index].name);
    }
    return 1;
}

static int node_status(lua_State *lua)
{
    struct rp_node_inspection inspection;
    inspect(self(lua), &inspection);
    lua_newtable(lua);
    for (size_t index = 0; index < RP_CATCHUP_STATUS_COUNT; index += 1) {
        lua_pushinteger(lua, rp_catchup_status_value(&inspection.catchup, index));
        lua_setfield(lua, -2, rp_catchup_status_name(index));
    }
    lua_pushboolean(lua, inspection.is_ready);
    lua_setfield(lua, -2, "ready");
    lua_pushboolean(lua, inspection.is_degraded);
    lua_setfield(lua, -2, "degraded");
    return 1;
}

static int node_corrupt(lua_State *lua)
{
    static const char *const keys[] = {"kind", NULL};
    static const char *const kinds[] = {"flip", "truncate", "zero", "swap"};
    struct sim_pod *pod = changed_self(lua, "n:corrupt");
    struct rp_view path = script_take_path(lua, 2, "n:corrupt");
    size_t kind = 0;
    if (!lua_isnoneornil(lua, 3)) {
        script_check_keys(lua, 3, "n:corrupt", keys);
        if (script_get(lua, 3, "kind")) {
            const char *text = script_take_text(lua, -1, "n:corrupt: kind");
            while (kind < 4 && strcmp(text, kinds[kind]) != 0) {
                kind += 1;
            }
            if (kind == 4) {
                return luaL_error(lua, "n:corrupt: kind '%s' is unknown", text);
            }
        }
    }
    if (sim_pod_corrupt(pod, path, (enum sim_corruption)kind) != 0) {
        return luaL_error(lua, "n:corrupt: no such file on its disk: %s", lua_tostring(lua, 2));
    }
    return 0;
}

static int node_remove(lua_State *lua)
{
    struct sim_pod *pod = changed_self(lua, "n:remove");
    if (sim_pod_remove(pod, script_take_path(lua, 2, "n:remove")) != 0) {
        return luaL_error(lua, "n:remove: no such file on its disk: %s", lua_tostring(lua, 2));
    }
    return 0;
}

/* A file that nobody registered. An extension: n:put(path, bytes). */
static int node_put(lua_State *lua)
{
    struct sim_pod *pod = changed_self(lua, "n:put");
    struct rp_view path = script_take_path(lua, 2, "n:put");
    struct sim_range size = script_take_size_range(lua, 3, "n:put: bytes");
    uint64_t size_bytes = sim_rng_range(&script_of(lua)->draw_rng, size);
    script_record_drew(lua, 3, size, (int64_t)size_bytes, "");
    int error = sim_pod_put(pod, path, size_bytes);
    return error == 0 ? 0 : luaL_error(lua, "n:put: %s", rp_strerror(error));
}

static int take_event_number(lua_State *lua, bool is_kill, const char *call)
{
    static const char *const keys[] = {"event", NULL};
    struct sim_pod *pod = changed_self(lua, call);
    script_check_keys(lua, 2, call, keys);
    (void)script_get(lua, 2, "event");
    uint64_t event = script_draw_count(lua, -1, call);
    uint64_t over = sim_pod_node(pod) == NULL ? 0 : sim_pod_event_count(pod);
    if (event <= over) { /* it would never come */
        return luaL_error(lua, "%s: event: %I is over: this life is at its event %I", call,
                          (lua_Integer)event, (lua_Integer)over);
    }
    sim_pod_at_event(pod, event, is_kill);
    return 0;
}

static int node_stop_at(lua_State *lua)
{
    return take_event_number(lua, false, "n:stop_at");
}

static int node_kill_at(lua_State *lua)
{
    return take_event_number(lua, true, "n:kill_at");
}

static int flush(lua_State *lua, lua_KContext since);

static int flush_again(lua_State *lua, int status, lua_KContext since)
{
    (void)status;
    return flush(lua, since);
}

static int node_flush(lua_State *lua)
{
    (void)self(lua);
    script_flush_check(lua);
    return flush(lua, 0);
}

static int flush(lua_State *lua, lua_KContext since)
{
    struct script_task *task = script_running_task(lua, "n:flush");
    struct sim_pod *pod = self(lua);
    if (sim_pod_is_gone(pod) && since != 0) { /* it died first, and nothing was stored */
        lua_newtable(lua);
        return 1;
    }
    if (sim_pod_is_gone(pod)) {
        return luaL_error(lua, "n:flush: the node is gone: another took its place");
    }
    if (!sim_pod_is_up(pod) || sim_pod_state(pod) == SIM_POD_STOPPING) {
        return script_wait_for_process(lua, task, "n:flush", "the node is down", since,
                                       flush_again);
    }
    if (rp_view_equal(sim_pod_role(pod), rp_view_text("reader")) &&
        sim_world_leader(sim_pod_world(pod)) != pod) {
        script_push_view(lua, sim_pod_label(pod));
        return luaL_error(lua,
                          "n:flush: %s is a reader, whose files the leader does not register; "
                          "flush on a writer",
                          lua_tostring(lua, -1));
    }
    return script_flush(lua, pod, "n:flush");
}

/* ---- The object --------------------------------------------------------------------------------- */

const luaL_Reg script_node_methods[] = {
    {"up", node_up},
    {"stop", node_stop},
    {"kill", node_kill},
    {"start", node_start},
    {"restart", node_restart},
    {"pause", node_pause},
    {"replace", node_replace},
    {"clock", node_clock},
    {"ready", node_ready},
    {"has", node_has},
    {"sha256", node_sha256},
    {"holds_all", node_holds_all},
    {"files", node_files},
    {"stats", node_stats},
    {"status", node_status},
    {"propose", script_node_propose},
    {"query", script_node_query},
    {"disk", script_node_disk},
    {"scrub", script_node_scrub},
    {"hostile", script_node_hostile},
    {"corrupt", node_corrupt},
    {"remove", node_remove},
    {"put", node_put},
    {"flush", node_flush},
    {"rewrite", script_node_rewrite},
    {"stop_at", node_stop_at},
    {"kill_at", node_kill_at},
    {NULL, NULL},
};

/* Upvalue: the methods. */
static int node_index(lua_State *lua)
{
    struct sim_pod *pod = self(lua);
    const char *key = luaL_checkstring(lua, 2);
    if (strcmp(key, "id") == 0) {
        script_push_view(lua, sim_pod_id(pod));
    } else if (strcmp(key, "role") == 0) {
        script_push_view(lua, sim_pod_role(pod));
    } else if (strcmp(key, "addr") == 0) {
        script_push_view(lua, sim_pod_address(pod));
    } else if (strcmp(key, "zone") == 0) {
        script_push_view(lua, sim_pod_zone(pod));
    } else if (strcmp(key, "release") == 0) {
        lua_pushstring(lua, rp_release_name(sim_pod_release(pod)));
    } else if (lua_getfield(lua, lua_upvalueindex(1), key) == LUA_TNIL) {
        return script_refuse_method(lua, "n", lua_upvalueindex(1));
    }
    return 1;
}

static int node_text(lua_State *lua)
{
    script_push_view(lua, sim_pod_id(self(lua)));
    return 1;
}

static void push_node_type(lua_State *lua)
{
    if (luaL_newmetatable(lua, SCRIPT_NODE_TYPE)) {
        lua_newtable(lua);
        script_set_methods(lua, SCRIPT_NODE_TYPE, script_node_methods);
        lua_pushcclosure(lua, node_index, 1);
        lua_setfield(lua, -2, "__index");
        lua_pushcfunction(lua, node_text);
        lua_setfield(lua, -2, "__tostring");
        lua_pushboolean(lua, 0);
        lua_setfield(lua, -2, "__metatable");
    }
}

void script_push_node(lua_State *lua, struct sim_pod *pod)
{
    if (pod == NULL) {
        lua_pushnil(lua);
        return;
    }
    (void)luaL_getsubtable(lua, LUA_REGISTRYINDEX, HANDLES_KEY);
    if (lua_rawgetp(lua, -1, pod) == LUA_TNIL) {
        lua_pop(lua, 1);
        struct sim_pod **handle = lua_newuserdatauv(lua, sizeof(struct sim_pod *), 0);
        *handle = pod;
        push_node_type(lua);
        lua_setmetatable(lua, -2);
        lua_pushvalue(lua, -1);
        lua_rawsetp(lua, -3, pod);
    }
    lua_remove(lua, -2);
}
