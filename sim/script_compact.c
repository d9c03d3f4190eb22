/* c:compact, n:rewrite and n:query (docs/scenario-api.md). */
#include "protocol/error.h"
#include "protocol/node.h"
#include "sim/check.h"
#include "sim/compact.h"
#include "sim/query.h"
#include "sim/script_story.h"
#include "sim/truth.h"
#include "sim/workload.h"

/* As long as c:settle waits, twice over: the output has to be made before it can be agreed upon. */
#define COMPACT_TIMEOUT_NS (600 * RP_NS_PER_S)

/* ---- c:compact ------------------------------------------------------------------------------------ */

struct compacted {
    int error;
    struct rp_view path;
};

/* The path; or nil and why there is none. */
static int list_compacted(lua_State *lua)
{
    const struct compacted *compacted = lua_touserdata(lua, 1);
    lua_createtable(lua, 2, 0);
    if (compacted->error == 0) {
        lua_pushlstring(lua, (const char *)compacted->path.bytes, compacted->path.length_bytes);
        lua_rawseti(lua, -2, 1);
    } else {
        lua_pushstring(lua, rp_strerror(compacted->error));
        lua_rawseti(lua, -2, 2);
    }
    return 1;
}

static void compact_done(void *context, int error, struct rp_view path)
{
    struct script_task *task = context;
    struct script *script = task->script;
    struct compacted compacted = {error, path};
    if (script_story_is_dropped(script)) {
        return;
    }
    lua_pushcfunction(script->lua, list_compacted);
    lua_pushlightuserdata(script->lua, &compacted);
    if (script_call(script, 1, 1)) {
        script_task_wake(task, true);
    } else {
        script_story_fail(script);
    }
}

static int return_compacted(lua_State *lua, int status, lua_KContext context)
{
    (void)status;
    (void)context;
    lua_rawgeti(lua, -1, 1);
    lua_rawgeti(lua, -2, 2);
    return 2;
}

/* What has just been flushed is on its way, and a pod that compacts may be about to boot. */
#define INPUTS_WAIT_NS (60 * RP_NS_PER_S)

static int compact(lua_State *lua, lua_KContext since);

static int compact_again(lua_State *lua, int status, lua_KContext since)
{
    (void)status;
    return compact(lua, since);
}

static bool is_over(lua_State *lua, lua_KContext since, rp_time_ns limit_ns)
{
    return since != 0 && sim_world_now(script_world(lua)) + 1 - (rp_time_ns)since >= limit_ns;
}

static int call_compact(lua_State *lua)
{
    return compact(lua, 0);
}

static int compact(lua_State *lua, lua_KContext since)
{
    static const char *const keys[] = {"inputs", "timeout", NULL};
    struct script_task *task = script_running_task(lua, "c:compact");
    uint64_t input_count = 2;
    rp_time_ns timeout_ns = COMPACT_TIMEOUT_NS;
    char note[160] = "";
    if (!lua_isnoneornil(lua, 2)) {
        script_check_keys(lua, 2, "c:compact", keys);
        if (script_get(lua, 2, "inputs")) {
            input_count = script_draw_count(lua, -1, "c:compact: inputs");
        }
        if (script_get(lua, 2, "timeout")) {
            timeout_ns = script_draw_duration(lua, -1, "c:compact: timeout");
        }
    }
    if (input_count == 0 || input_count > SCRIPT_FILE_COUNT_MAX) {
        return luaL_error(lua, "c:compact: inputs is at least 1 and at most a million");
    }
    struct sim_compact_wait wait = {compact_done, task};
    int error = sim_compact(script_world(lua), input_count, timeout_ns, &wait, note);
    if (error == RP_ERR_STOPPED || (error != 0 && !is_over(lua, since, INPUTS_WAIT_NS))) {
        lua_settop(lua, 2);
        return script_wait_for_process(lua, task, "c:compact", note, since, compact_again);
    }
    if (error != 0) {
        return luaL_error(lua, "c:compact: %s", note);
    }
    script_spend(lua, input_count);
    return script_yield(lua, task, 0, return_compacted);
}

const luaL_Reg script_compact_methods[] = {
    {"compact", call_compact},
    {NULL, NULL},
};

/* ---- n:rewrite ------------------------------------------------------------------------------------ */

static void rewrite_done(void *context, int error, const struct sim_flush_result *result)
{
    struct script_task *task = context;
    (void)error;
    (void)result;
    if (!script_story_is_dropped(task->script)) {
        script_task_wake(task, false);
    }
}

static int return_nothing(lua_State *lua, int status, lua_KContext context)
{
    (void)lua;
    (void)status;
    (void)context;
    return 0;
}

/* Where the committed manifest has it, for its size and measurement. */
static const struct rp_file_entry *find_entry(struct sim_pod *pod, struct rp_view path)
{
    struct sim_pod *leader = sim_world_leader(sim_pod_world(pod));
    struct rp_node *node = sim_pod_node(leader != NULL ? leader : pod);
    const struct rp_manifest *manifest = node == NULL ? NULL : rp_node_manifest(node);
    return manifest == NULL ? NULL : rp_manifest_file(manifest, path);
}

/* Committed, though the node that is asked has not applied it yet. */
static bool is_in_truth(struct sim_pod *pod, struct rp_view path)
{
    const struct sim_truth_file *file = sim_truth_file(sim_world_truth(sim_pod_world(pod)), path);
    return file != NULL && file->is_registered;
}

static int rewrite(lua_State *lua, lua_KContext since);

static int rewrite_again(lua_State *lua, int status, lua_KContext since)
{
    (void)status;
    return rewrite(lua, since);
}

int script_node_rewrite(lua_State *lua)
{
    return rewrite(lua, 0);
}

static int rewrite(lua_State *lua, lua_KContext since)
{
    static const char *const keys[] = {"bytes", NULL};
    lua_settop(lua, 3);
    struct script_task *task = script_running_task(lua, "n:rewrite");
    struct sim_pod *pod = script_take_node(lua, 1, "n:rewrite");
    struct rp_view path = script_take_path(lua, 2, "n:rewrite");
    struct sim_flush_spec spec;
    char note[160] = "";
    memset(&spec, 0, sizeof spec);
    if (sim_pod_is_gone(pod)) {
        return luaL_error(lua, "n:rewrite: the node is gone: another took its place");
    }
    if (!sim_pod_is_up(pod) || sim_pod_node(pod) == NULL) {
        return script_wait_for_process(lua, task, "n:rewrite", "the node is down", since,
                                       rewrite_again);
    }
    const struct rp_file_entry *entry = find_entry(pod, path);
    if (entry == NULL &&
        (is_in_truth(pod, path) || script_awaits_registration(sim_pod_world(pod), path, &since))) {
        return script_sleep(lua, task, SCRIPT_REGISTERED_POLL_NS, since, rewrite_again);
    }
    if (entry == NULL || entry->size_bytes < 0) {
        return luaL_error(lua, "n:rewrite: no such file in the manifest: %s", lua_tostring(lua, 2));
    }
    spec.size_bytes.low = spec.size_bytes.high = (uint64_t)entry->size_bytes;
    if (!lua_isnoneornil(lua, 3)) {
        script_check_keys(lua, 3, "n:rewrite", keys);
        if (script_get(lua, 3, "bytes")) {
            spec.size_bytes = script_take_size_range(lua, -1, "n:rewrite: bytes");
        }
    }
    lua_pushlstring(lua, (const char *)entry->database.bytes, entry->database.length_bytes);
    spec.database = lua_tostring(lua, -1);
    lua_pushlstring(lua, (const char *)entry->measurement.bytes, entry->measurement.length_bytes);
    spec.measurement = lua_tostring(lua, -1);
    spec.file_count = 1;
    spec.path = path;
    spec.is_update = true;
    struct sim_flush_wait wait = {rewrite_done, task};
    int error = sim_workload_flush(pod, &spec, &wait, note);
    if (error != 0) {
        return luaL_error(lua, "n:rewrite: %s", note[0] == '\0' ? rp_strerror(error) : note);
    }
    return script_yield(lua, task, 0, return_nothing);
}

/* ---- n:query -------------------------------------------------------------------------------------- */

int script_node_query(lua_State *lua)
{
    static const char *const keys[] = {"prefix", NULL};
    struct sim_pod *pod = script_take_node(lua, 1, "n:query");
    struct rp_view prefix = rp_view_text("");
    struct sim_query_answer answer;
    if (!lua_isnoneornil(lua, 2)) {
        script_check_keys(lua, 2, "n:query", keys);
        if (script_get(lua, 2, "prefix")) {
            prefix = script_take_path(lua, -1, "n:query: prefix");
        }
    }
    if (sim_query(pod, prefix, &answer) !=
        0) { /* down: whoever asks is refused, and sees nothing */
        answer = (struct sim_query_answer){.is_gated = true};
    }
    if (!answer.is_gated) {
        sim_checks_query(sim_world_checks(sim_pod_world(pod)), pod);
    }
    script_spend(lua, answer.looked_count);
    lua_createtable(lua, 0, 4);
    lua_pushboolean(lua, answer.is_gated);
    lua_setfield(lua, -2, "gated");
    lua_pushboolean(lua, answer.is_complete);
    lua_setfield(lua, -2, "complete");
    lua_pushinteger(lua, (lua_Integer)answer.missing_count);
    lua_setfield(lua, -2, "missing");
    lua_pushinteger(lua, (lua_Integer)answer.duplicated_count);
    lua_setfield(lua, -2, "duplicated");
    return 1;
}
