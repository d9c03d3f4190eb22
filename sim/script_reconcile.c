/* c:reconcile(n, {act=true}): anti-entropy on one node, now (docs/scenario-api.md). */
#include "sim/script_story.h"

#include "protocol/reconcile.h"
#include "sim/workload.h"

static void set_count(lua_State *lua, const char *key, uint64_t count)
{
    lua_pushinteger(lua, (lua_Integer)count);
    lua_setfield(lua, -2, key);
}

static int list_report(lua_State *lua)
{
    const struct rp_reconcile_report *report = lua_touserdata(lua, 1);
    lua_createtable(lua, 0, 10);
    set_count(lua, "orphan_manifest", report->orphan_manifest_count);
    set_count(lua, "orphan_storage", report->orphan_storage_count);
    set_count(lua, "deleted", report->deleted_manifest_count + report->deleted_storage_count);
    set_count(lua, "deleted_manifest", report->deleted_manifest_count);
    set_count(lua, "deleted_storage", report->deleted_storage_count);
    set_count(lua, "young", report->young_count);
    set_count(lua, "held", report->held_count);
    set_count(lua, "errors", report->error_count);
    lua_pushboolean(lua, rp_reconcile_end_is_aborted(report->end));
    lua_setfield(lua, -2, "aborted");
    lua_pushboolean(lua, report->is_act);
    lua_setfield(lua, -2, "acted");
    lua_pushstring(lua, rp_reconcile_end_name(report->end));
    lua_setfield(lua, -2, "reason");
    return 1;
}

static void reconcile_done(void *context, const struct rp_reconcile_report *report)
{
    struct script_task *task = context;
    struct script *script = task->script;
    struct rp_reconcile_report copy = *report;
    if (script_story_is_dropped(script)) {
        return;
    }
    lua_pushcfunction(script->lua, list_report);
    lua_pushlightuserdata(script->lua, &copy);
    if (script_call(script, 1, 1)) {
        script_task_wake(task, true);
    } else {
        script_story_fail(script);
    }
}

static int return_report(lua_State *lua, int status, lua_KContext context)
{
    (void)lua;
    (void)status;
    (void)context;
    return 1;
}

int script_cluster_reconcile(lua_State *lua)
{
    static const char *const keys[] = {"act", NULL};
    struct script_task *task = script_running_task(lua, "c:reconcile");
    struct sim_pod *pod = script_take_node(lua, 2, "c:reconcile");
    bool is_act = false;
    if (!lua_isnoneornil(lua, 3)) {
        script_check_keys(lua, 3, "c:reconcile", keys);
        if (script_get(lua, 3, "act")) {
            is_act = script_take_bool(lua, -1, "c:reconcile: act");
        }
    }
    struct sim_reconcile_wait wait = {reconcile_done, task};
    sim_workload_reconcile(pod, is_act, &wait);
    return script_yield(lua, task, 0, return_report);
}
