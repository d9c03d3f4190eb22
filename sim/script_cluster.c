/* The cluster's handle: nodes, manifest, workload and rotation (docs/scenario-api.md, The cluster). */
#include "sim/script_story.h"

#include <stdlib.h>

#include "protocol/error.h"
#include "sim/rotate.h"
#include "sim/script_record.h"
#include "sim/workload.h"

#define DEFAULT_GRACE_NS (30 * RP_NS_PER_S)

/* ---- Nodes -------------------------------------------------------------------------------------- */

static bool is_text(struct rp_view view, const char *text)
{
    return rp_view_equal(view, rp_view_text(text));
}

struct node_filter {
    const char *role, *zone; /* NULL: any */
    bool has_up, is_up, has_release;
    enum rp_release release;
};

static bool is_wanted(const struct node_filter *filter, const struct sim_pod *pod)
{
    return !sim_pod_is_gone(pod) &&
           (filter->role == NULL || is_text(sim_pod_role(pod), filter->role)) &&
           (filter->zone == NULL || is_text(sim_pod_zone(pod), filter->zone)) &&
           (!filter->has_up || sim_pod_is_up(pod) == filter->is_up) &&
           (!filter->has_release || sim_pod_release(pod) == filter->release);
}

/* qsort without a tie-breaker: ids are unique. */
static int compare_pods(const void *left, const void *right)
{
    const struct sim_pod *const *left_pod = left, *const *right_pod = right;
    char left_id[256], right_id[256];
    struct rp_view left_view = sim_pod_id(*left_pod), right_view = sim_pod_id(*right_pod);
    (void)snprintf(left_id, sizeof left_id, "%.*s", (int)left_view.length_bytes,
                   (const char *)left_view.bytes);
    (void)snprintf(right_id, sizeof right_id, "%.*s", (int)right_view.length_bytes,
                   (const char *)right_view.bytes);
    return script_compare_ids(left_id, right_id);
}

static int push_nodes(lua_State *lua, const struct node_filter *filter)
{
    struct sim_world *world = script_world(lua);
    size_t count = sim_world_pod_count(world), kept = 0;
    struct sim_pod **pods = lua_newuserdatauv(lua, (count + 1) * sizeof *pods, 0);
    for (size_t index = 0; index < count; index += 1) {
        struct sim_pod *pod = sim_world_pod_at(world, index);
        if (is_wanted(filter, pod)) {
            pods[kept++] = pod;
        }
    }
    qsort(pods, kept, sizeof *pods, compare_pods);
    lua_createtable(lua, (int)kept, 0);
    for (size_t index = 0; index < kept; index += 1) {
        script_push_node(lua, pods[index]);
        lua_rawseti(lua, -2, (lua_Integer)index + 1);
    }
    script_spend(lua, count);
    return 1;
}

static int call_node(lua_State *lua)
{
    script_check_self(lua, "c:node");
    script_push_node(lua, script_take_node(lua, 2, "c:node"));
    return 1;
}

static void check_role(lua_State *lua, const char *role, const char *call)
{
    static const char *const roles[] = {"writer", "reader", "compactor"};
    struct script_nearest nearest;
    script_nearest_init(&nearest, role);
    for (size_t row = 0; row < sizeof roles / sizeof roles[0]; row += 1) {
        if (strcmp(role, roles[row]) == 0) {
            return;
        }
        script_nearest_try(&nearest, roles[row]);
    }
    luaL_error(lua, "%s: role '%s' is unknown%s", call, role, script_nearest_text(lua, &nearest));
}

static int call_nodes(lua_State *lua)
{
    static const char *const keys[] = {"role", "up", "zone", "release", NULL};
    struct node_filter filter;
    memset(&filter, 0, sizeof filter);
    script_check_self(lua, "c:nodes");
    if (!lua_isnoneornil(lua, 2)) {
        script_check_keys(lua, 2, "c:nodes", keys);
        if (script_get(lua, 2, "role")) {
            filter.role = script_take_text(lua, -1, "c:nodes: role");
            check_role(lua, filter.role, "c:nodes");
        }
        if (script_get(lua, 2, "zone")) {
            filter.zone = script_take_text(lua, -1, "c:nodes: zone");
        }
        filter.has_up = script_get(lua, 2, "up");
        filter.is_up = filter.has_up && script_take_bool(lua, -1, "c:nodes: up");
        filter.has_release = script_get(lua, 2, "release");
        if (filter.has_release) {
            filter.release = script_take_release(lua, -1, "c:nodes: release");
        }
    }
    return push_nodes(lua, &filter);
}

static int call_writers(lua_State *lua)
{
    struct node_filter filter = {.role = "writer"};
    script_check_self(lua, "c:writers");
    return push_nodes(lua, &filter);
}

static int call_readers(lua_State *lua)
{
    struct node_filter filter = {.role = "reader"};
    script_check_self(lua, "c:readers");
    return push_nodes(lua, &filter);
}

static int call_compactors(lua_State *lua)
{
    struct node_filter filter = {.role = "compactor"};
    script_check_self(lua, "c:compactors");
    return push_nodes(lua, &filter);
}

static int call_leader(lua_State *lua)
{
    script_check_self(lua, "c:leader");
    script_push_node(lua, sim_world_leader(script_world(lua)));
    return 1;
}

static int call_add(lua_State *lua)
{
    static const char *const keys[] = {"role", "id", "volume", "release", "config", "zone", NULL};
    script_check_change(lua, "c:add");
    lua_settop(lua, 2);
    if (!lua_isnil(lua, 2)) {
        script_check_keys(lua, 2, "c:add", keys);
    }
    struct sim_world *world = script_world(lua);
    struct sim_add_spec spec;
    memset(&spec, 0, sizeof spec);
    spec.role = "reader";
    if (script_get(lua, 2, "role")) {
        spec.role = script_take_text(lua, -1, "c:add: role");
    }
    check_role(lua, spec.role, "c:add");
    if (script_get(lua, 2, "id")) {
        spec.id = script_take_name(lua, -1, "c:add: id");
    }
    if (script_get(lua, 2, "zone")) {
        spec.zone = script_take_text(lua, -1, "c:add: zone");
    }
    if (script_get(lua, 2, "volume") &&
        strcmp(script_take_text(lua, -1, "c:add: volume"), "new") != 0) {
        return luaL_error(lua, "c:add: volume is \"new\"");
    }
    spec.has_release = script_get(lua, 2, "release");
    if (spec.has_release) {
        spec.release = script_take_release(lua, -1, "c:add: release");
    }
    spec.config = script_take_scratch_config(lua, 2, "c:add: config");
    if (sim_world_node_count(world) >= SCRIPT_NODE_COUNT_MAX) {
        return luaL_error(lua, "c:add: more than %d nodes", (int)SCRIPT_NODE_COUNT_MAX);
    }
    struct sim_pod *pod = NULL;
    int error = sim_world_add(world, &spec, &pod);
    if (error != 0) {
        return luaL_error(lua, "c:add: %s",
                          error == RP_ERR_INVALID ? "the id is taken" : rp_strerror(error));
    }
    script_push_node(lua, pod);
    return 1;
}

/* ---- Files -------------------------------------------------------------------------------------- */

static int call_manifest(lua_State *lua)
{
    struct sim_world *world = script_world(lua);
    struct sim_manifest_row rows[64];
    size_t from = 0, got = 0;
    script_check_self(lua, "c:manifest");
    lua_newtable(lua);
    do {
        got = sim_world_manifest(world, from, rows, 64);
        for (size_t index = 0; index < got; index += 1) {
            lua_createtable(lua, 0, 5);
            script_set_view(lua, "path", rows[index].path);
            script_set_view(lua, "sha256", rows[index].sha256);
            script_set_view(lua, "origin_node_id", rows[index].origin_node_id);
            lua_pushinteger(lua, rows[index].size_bytes);
            lua_setfield(lua, -2, "size_bytes");
            lua_pushinteger(lua, (lua_Integer)rows[index].lsn);
            lua_setfield(lua, -2, "lsn");
            from += 1;
            lua_rawseti(lua, -2, (lua_Integer)from);
        }
        script_spend(lua, got * 4);
    } while (got == 64);
    return 1;
}

static int flush(lua_State *lua, lua_KContext since);

static int flush_again(lua_State *lua, int status, lua_KContext since)
{
    (void)status;
    return flush(lua, since);
}

static bool has_writer(struct sim_world *world)
{
    for (size_t index = 0; index < sim_world_pod_count(world); index += 1) {
        const struct sim_pod *pod = sim_world_pod_at(world, index);
        if (!sim_pod_is_gone(pod) && rp_view_equal(sim_pod_role(pod), rp_view_text("writer"))) {
            return true;
        }
    }
    return false;
}

static int flush(lua_State *lua, lua_KContext since)
{
    struct script_task *task = script_running_task(lua, "c:flush");
    struct sim_pod *pod = sim_world_primary_writer(script_world(lua));
    if (pod != NULL) {
        return script_flush(lua, pod, "c:flush");
    }
    if (!has_writer(script_world(lua))) {
        return luaL_error(lua, "c:flush: the cluster has no writer");
    }
    return script_wait_for_process(lua, task, "c:flush", "no writer is up", since, flush_again);
}

static int call_flush(lua_State *lua)
{
    script_check_self(lua, "c:flush");
    script_flush_check(lua);
    return flush(lua, 0);
}

static int call_events(lua_State *lua)
{
    script_check_self(lua, "c:events");
    struct sim_pod *pod = script_take_node(lua, 2, "c:events");
    lua_pushinteger(lua, (lua_Integer)sim_pod_event_count(pod));
    return 1;
}

/* ---- Rotation ------------------------------------------------------------------------------------ */

static bool rotation_holds(void *context, struct script *script)
{
    struct sim_rotation *rotation = context;
    const char *what = "was not ready by ready_timeout";
    switch (sim_rotation_step(rotation)) {
    case SIM_ROTATION_DONE: return true;
    case SIM_ROTATION_GOES_ON: return false;
    case SIM_ROTATION_LATE: break;
    case SIM_ROTATION_FULL: what = "has no successor: the run has all its nodes"; break;
    }
    char detail[256];
    struct rp_view id = sim_rotation_late_id(rotation);
    (void)snprintf(detail, sizeof detail, "rotate: %.*s %s", (int)id.length_bytes,
                   (const char *)id.bytes, what);
    script_story_timed_out(script, "story/rotate", detail);
    return false;
}

static void free_rotation(void *context)
{
    sim_rotation_free(context);
}

static void take_rotation(lua_State *lua, int options, struct sim_rotation_spec *spec)
{
    static const char *const keys[] = {"nodes",         "max_unavailable", "grace",   "identity",
                                       "volume",        "start_delay",     "release", "config",
                                       "ready_timeout", "address",         NULL};
    script_check_keys(lua, options, "c:rotate", keys);
    if (!script_get(lua, options, "nodes")) {
        lua_pop(lua, 1);
        lua_pushliteral(lua, "all");
    }
    spec->pods = script_take_nodes(lua, -1, "c:rotate: nodes", &spec->pod_count);
    spec->unavailable_max = 1;
    if (script_get(lua, options, "max_unavailable")) {
        spec->unavailable_max = (uint32_t)script_draw_count_to(lua, -1, "c:rotate: max_unavailable",
                                                               SCRIPT_NODE_COUNT_MAX);
        if (spec->unavailable_max == 0) {
            luaL_error(lua, "c:rotate: max_unavailable is at least 1");
        }
    }
    spec->start_delay_ns.low = RP_NS_PER_S;
    spec->start_delay_ns.high = 10 * RP_NS_PER_S;
    if (script_get(lua, options, "start_delay")) {
        spec->start_delay_ns = script_take_duration_range(lua, -1, "c:rotate: start_delay");
    }
    spec->ready_timeout_ns = 300 * RP_NS_PER_S;
    if (script_get(lua, options, "ready_timeout")) {
        spec->ready_timeout_ns = script_draw_duration(lua, -1, "c:rotate: ready_timeout");
    }
    script_take_replace(lua, options, "c:rotate", &spec->each);
}

static int return_nothing(lua_State *lua, int status, lua_KContext context)
{
    (void)lua;
    (void)status;
    (void)context;
    return 0;
}

static int call_rotate(lua_State *lua)
{
    struct script *script = script_of(lua);
    struct script_task *task = script_running_task(lua, "c:rotate");
    struct sim_rotation_spec spec;
    memset(&spec, 0, sizeof spec);
    lua_settop(lua, 2);
    if (lua_isnil(lua, 2)) {
        lua_newtable(lua);
        lua_replace(lua, 2);
    }
    take_rotation(lua, 2, &spec);
    if (spec.each.is_new_identity &&
        sim_world_node_count(script_world(lua)) + spec.pod_count > SCRIPT_NODE_COUNT_MAX) {
        return luaL_error(lua, "c:rotate: more than %d nodes with those of new identities",
                          (int)SCRIPT_NODE_COUNT_MAX);
    }
    struct sim_rotation *rotation = NULL;
    if (sim_rotation_new(script_world(lua), &spec, &script->draw_rng, &rotation) != 0) {
        return luaL_error(lua, "c:rotate: out of memory");
    }
    struct script_condition *condition =
        script_condition_add(lua, SCRIPT_CONDITION_WAIT, "rotate", RP_TIME_NEVER);
    condition->task = task;
    condition->holds = rotation_holds;
    condition->context = rotation;
    condition->let_go = free_rotation;
    return script_yield(lua, task, 0, return_nothing);
}

/* ---- The object ---------------------------------------------------------------------------------- */

static int attacker(lua_State *lua)
{
    script_check_change(lua, "c:attacker");
    lua_settop(lua, 2);
    script_push_attacker(lua, 2);
    return 1;
}

const luaL_Reg script_cluster_methods[] = {
    {"node", call_node},
    {"nodes", call_nodes},
    {"writers", call_writers},
    {"readers", call_readers},
    {"compactors", call_compactors},
    {"leader", call_leader},
    {"add", call_add},
    {"manifest", call_manifest},
    {"flush", call_flush},
    {"events", call_events},
    {"rotate", call_rotate},
    {"attacker", attacker},
    {"reconcile", script_cluster_reconcile},
    {NULL, NULL},
};

/* Upvalue: the methods; the receiver's own fields (params, seed, rng, net) are its user value. */
static int cluster_index(lua_State *lua)
{
    lua_settop(lua, 2);
    (void)lua_getiuservalue(lua, 1, 1);
    lua_pushvalue(lua, 2);
    if (lua_rawget(lua, 3) != LUA_TNIL) {
        return 1;
    }
    lua_pushvalue(lua, 2);
    if (lua_rawget(lua, lua_upvalueindex(1)) != LUA_TNIL) {
        return 1;
    }
    return script_refuse_method(lua, "c", lua_upvalueindex(1));
}

static void push_methods(lua_State *lua)
{
    lua_newtable(lua);
    for (const struct script_method_table *row = script_method_tables; row->object != NULL;
         row += 1) {
        if (strcmp(row->object, "c") == 0) {
            script_set_methods(lua, SCRIPT_CLUSTER_TYPE, row->methods);
        }
    }
}

static void push_fields(lua_State *lua, int params, struct sim_world *world)
{
    lua_newtable(lua);
    lua_pushvalue(lua, params);
    lua_setfield(lua, -2, "params");
    lua_pushinteger(lua, (lua_Integer)script_of(lua)->seed);
    lua_setfield(lua, -2, "seed");
    script_push_rng(lua);
    lua_setfield(lua, -2, "rng");
    script_push_net(lua, world);
    lua_setfield(lua, -2, "net");
}

void script_push_cluster(lua_State *lua, struct sim_world *world)
{
    int params = lua_gettop(lua);
    struct sim_world **block = lua_newuserdatauv(lua, sizeof *block, 1);
    *block = world;
    push_fields(lua, params, world);
    (void)lua_setiuservalue(lua, -2, 1);
    if (luaL_newmetatable(lua, SCRIPT_CLUSTER_TYPE)) {
        push_methods(lua);
        lua_pushcclosure(lua, cluster_index, 1);
        lua_setfield(lua, -2, "__index");
        lua_pushboolean(lua, 0);
        lua_setfield(lua, -2, "__metatable");
    }
    lua_setmetatable(lua, -2);
    lua_remove(lua, params);
}
