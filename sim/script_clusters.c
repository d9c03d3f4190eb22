/* c:cluster: further clusters in the same world (docs/scenario-api.md, The cluster). */
#include <stdlib.h>

#include "protocol/error.h"
#include "sim/script_declare.h"
#include "sim/script_story.h"

/* As a first start may take, with room for what the story does to the network meanwhile. */
#define COME_UP_TIMEOUT_NS (300 * RP_NS_PER_S)

static bool has_come_up(void *context, struct script *script)
{
    char note[160];
    (void)script;
    return sim_world_has_come_up(context, note);
}

static void describe_late(void *context, struct script *script, char *text_out, size_t text_bytes)
{
    char note[160] = "";
    (void)script;
    (void)sim_world_has_come_up(context, note);
    (void)snprintf(text_out, text_bytes, "%s", note);
}

/* The receiver's, or one that no other cluster has; `config` may still name another. */
static void set_secret(lua_State *lua, struct sim_cluster_spec *cluster, const char *name,
                       bool is_shared)
{
    const struct sim_cluster_spec *receiver = &sim_world_spec(script_world(lua))->cluster;
    char own[300], note[160] = "";
    (void)snprintf(own, sizeof own, "the secret of the cluster %.200s", name);
    const char *secret = is_shared ? receiver->config.shared_secret : own;
    int error = rp_config_set_text(&cluster->config, rp_view_text("shared_secret"),
                                   rp_view_text(secret), note);
    if (error != 0) {
        luaL_error(lua, "c:cluster: shared_secret: %s",
                   note[0] == '\0' ? rp_strerror(error) : note);
    }
}

/* Stack: the receiver, the options. Into script->further_spec, which lives until the next call. */
static void declare(lua_State *lua, struct sim_cluster_spec *cluster)
{
    if (!lua_istable(lua, 2) || !script_get(lua, 2, "name")) {
        luaL_error(lua, "c:cluster: name: is missing");
    }
    const char *name = script_take_text(lua, -1, "c:cluster: name");
    bool is_shared =
        !script_get(lua, 2, "share_secret") || script_take_bool(lua, -1, "c:cluster: share_secret");
    set_secret(lua, cluster, name, is_shared);
    lua_settop(lua, 2);
    (void)lua_getfield(lua, 1, "params");
    script_declare_cluster(lua, 2, 3, true, cluster);
    uint64_t node_count = (uint64_t)cluster->writer_count + cluster->reader_count +
                          cluster->compactor_count + sim_world_node_count(script_world(lua));
    if (node_count > SCRIPT_NODE_COUNT_MAX) {
        luaL_error(lua, "c:cluster: more than %d nodes in all clusters",
                   (int)SCRIPT_NODE_COUNT_MAX);
    }
}

static struct sim_cluster_spec *fresh_spec(lua_State *lua)
{
    struct script *script = script_of(lua);
    if (script->has_further) {
        sim_world_spec_clear(&script->further_spec);
    }
    script->has_further = true;
    if (sim_world_spec_init(&script->further_spec) != 0) {
        luaL_error(lua, "out of memory");
    }
    return &script->further_spec.cluster;
}

static int push_joined(lua_State *lua, int status, lua_KContext world)
{
    (void)status;
    (void)lua_getfield(lua, 1, "params");
    script_push_cluster(lua, (struct sim_world *)world);
    return 1;
}

static int call_cluster(lua_State *lua)
{
    struct script_task *task = script_running_task(lua, "c:cluster");
    struct sim_world *joined = NULL;
    char note[160] = "";
    lua_settop(lua, 2);
    struct sim_cluster_spec *cluster = fresh_spec(lua);
    declare(lua, cluster);
    if (sim_world_join(script_world(lua), cluster, &joined, note) != 0) {
        return luaL_error(lua, "c:cluster: %s", note);
    }
    struct script_condition *condition =
        script_condition_add(lua, SCRIPT_CONDITION_WAIT, "c:cluster timed out", COME_UP_TIMEOUT_NS);
    condition->task = task;
    condition->holds = has_come_up;
    condition->describe = describe_late;
    condition->context = joined;
    script_condition_arm(lua, condition);
    return script_yield(lua, task, (lua_KContext)joined, push_joined);
}

const luaL_Reg script_clusters_methods[] = {
    {"cluster", call_cluster},
    {NULL, NULL},
};
