/* Consensus at chosen points: c:snapshot, c:truncate_log, c:transfer_leader, c:force_election
 * (docs/scenario-api.md, The cluster). Each sleeps until it has happened. */
#include "sim/script_story.h"

#include "protocol/error.h"
#include "sim/chosen.h"

#define CHOSEN_TIMEOUT_NS (120 * RP_NS_PER_S)
#define ASK_AGAIN_NS      RP_NS_PER_S

/* What is waited for. What was asked of a leader or a node may be lost with its process, or given up
 * by the library after an election time-out; so it is asked for again. In Lua's memory, kept by a
 * reference while the condition lasts. */
struct point {
    lua_State *lua;
    int reference;
    struct sim_world *world;
    struct sim_pod *pod; /* snapshot, transfer; NULL else */
    uint64_t life;       /* of the pod, when it was asked; 0: it has still to boot */
    uint64_t mark;       /* an index or a term */
    rp_time_ns asked_ns;
    bool was_admitted; /* once: `mark` is known */
    bool has_died;     /* the pod, before it was done */
    bool (*holds)(const struct point *point);
    int (*ask)(const struct point *point, uint64_t *mark_out);
};

/* ---- The four points --------------------------------------------------------------------------- */

static bool has_snapshot(const struct point *point)
{
    return sim_chosen_has_snapshot(point->pod, point->mark);
}

static int ask_snapshot(const struct point *point, uint64_t *mark_out)
{
    return sim_chosen_snapshot(point->pod, mark_out);
}

static bool is_truncated(const struct point *point)
{
    return sim_chosen_is_truncated(point->world, point->mark);
}

static int ask_truncate(const struct point *point, uint64_t *mark_out)
{
    return sim_chosen_truncate(point->world, mark_out);
}

static bool is_transferred(const struct point *point)
{
    return sim_world_leader(point->world) == point->pod;
}

static int ask_transfer(const struct point *point, uint64_t *mark_out)
{
    *mark_out = 0;
    return sim_chosen_transfer(point->pod);
}

static bool is_elected(const struct point *point)
{
    return sim_chosen_is_elected(point->world, point->mark);
}

static int ask_election(const struct point *point, uint64_t *mark_out)
{
    return sim_chosen_election(point->world, mark_out);
}

/* ---- Waiting ----------------------------------------------------------------------------------- */

static bool is_booting(const struct point *point)
{
    return point->pod != NULL && sim_chosen_is_booting(point->pod);
}

static bool is_dead(const struct point *point)
{
    return point->pod != NULL &&
           (sim_pod_life(point->pod) != point->life || !sim_chosen_is_running(point->pod));
}

/* For the first time, as soon as there is a process, and somebody leads. False: not yet, and it may
 * still come to that. */
static bool is_asked(struct point *point)
{
    if (point->life == 0 && sim_chosen_is_running(point->pod)) {
        point->life = sim_pod_life(point->pod);
    }
    if (point->life == 0) {
        return !is_booting(point);
    }
    if (!point->was_admitted && !is_dead(point)) {
        point->was_admitted = point->ask(point, &point->mark) == 0;
    }
    return point->was_admitted || is_dead(point);
}

static bool is_over(void *context, struct script *script)
{
    struct point *point = context;
    uint64_t mark = 0; /* what was to be reached stays what it was */
    (void)script;
    if (!is_asked(point)) {
        return false;
    }
    if (point->was_admitted && point->holds(point)) {
        return true;
    }
    point->has_died = is_dead(point);
    rp_time_ns now_ns = sim_world_now(point->world);
    if (!point->has_died && now_ns - point->asked_ns >= ASK_AGAIN_NS) {
        point->asked_ns = now_ns;
        rp_ignore(point->ask(point, &mark));
    }
    return point->has_died;
}

static void let_go(void *context)
{
    const struct point *point = context;
    luaL_unref(point->lua, LUA_REGISTRYINDEX, point->reference);
}

/* True; or nil and why. */
static int return_point(lua_State *lua, int status, lua_KContext context)
{
    const struct point *point = lua_touserdata(lua, (int)context);
    (void)status;
    if (!point->has_died) {
        lua_pushboolean(lua, 1);
        return 1;
    }
    lua_pushnil(lua);
    lua_pushliteral(lua, "the node died first");
    return 2;
}

/* `return wait_for(...)` */
static int wait_for(lua_State *lua, struct script_task *task, const char *what,
                    const struct point *asked)
{
    struct point *point = lua_newuserdatauv(lua, sizeof *point, 0);
    int place = lua_gettop(lua);
    *point = *asked;
    point->lua = script_of(lua)->lua;
    point->asked_ns = sim_world_now(point->world);
    lua_pushvalue(lua, place);
    point->reference = luaL_ref(lua, LUA_REGISTRYINDEX);
    struct script_condition *condition =
        script_condition_add(lua, SCRIPT_CONDITION_WAIT, what, CHOSEN_TIMEOUT_NS);
    condition->task = task;
    condition->holds = is_over;
    condition->context = point;
    condition->let_go = let_go;
    script_condition_arm(lua, condition);
    return script_yield(lua, task, place, return_point);
}

static int refuse(lua_State *lua, const char *call, int error)
{
    static const struct {
        int error;
        const char *text;
    } texts[] = {
        {RP_ERR_STOPPED, "the node is down"},
        {RP_ERR_NOT_FOUND, "the node is no member"},
        {RP_ERR_INVALID, "the node does not vote"},
        {RP_ERR_UNREACHABLE, "there is no other voter in reach"},
    };
    for (size_t row = 0; row < sizeof texts / sizeof texts[0]; row += 1) {
        if (texts[row].error == error) {
            return luaL_error(lua, "%s: %s", call, texts[row].text);
        }
    }
    return luaL_error(lua, "%s: %s", call, rp_strerror(error));
}

/* `{ wait = false }`: asked once, and told at once whether it was admitted. */
static bool is_awaited(lua_State *lua, int options, const char *call)
{
    static const char *const keys[] = {"wait", NULL};
    bool is_waited = true;
    if (!lua_isnoneornil(lua, options)) {
        script_check_keys(lua, options, call, keys);
        is_waited = !script_get(lua, options, "wait") || script_take_bool(lua, -1, call);
        lua_pop(lua, 1);
    }
    return is_waited;
}

/* `return begin(...)`: of the cluster, or of the node at 2. */
static int begin(lua_State *lua, const char *call, const char *what, bool is_of_node,
                 struct point *point)
{
    struct script_task *task = script_running_task(lua, call);
    point->world = script_world(lua);
    point->life = 1;
    if (is_of_node) {
        point->pod = script_take_node(lua, 2, call);
        point->life = is_booting(point) ? 0 : sim_pod_life(point->pod);
    }
    if (!is_awaited(lua, is_of_node ? 3 : 2, call)) {
        lua_pushboolean(lua, point->life != 0 && point->ask(point, &point->mark) == 0);
        return 1;
    }
    int error = point->life == 0 ? RP_ERR_NO_LEADER : point->ask(point, &point->mark);
    point->was_admitted = error == 0;
    bool is_too_early = error == RP_ERR_NO_LEADER; /* an election is decided within seconds */
    return error != 0 && !is_too_early ? refuse(lua, call, error)
                                       : wait_for(lua, task, what, point);
}

static int call_snapshot(lua_State *lua)
{
    struct point point = {.holds = has_snapshot, .ask = ask_snapshot};
    return begin(lua, "c:snapshot", "snapshot", true, &point);
}

static int call_truncate_log(lua_State *lua)
{
    struct point point = {.holds = is_truncated, .ask = ask_truncate};
    return begin(lua, "c:truncate_log", "truncate_log", false, &point);
}

static int call_transfer_leader(lua_State *lua)
{
    struct point point = {.holds = is_transferred, .ask = ask_transfer};
    return begin(lua, "c:transfer_leader", "transfer_leader", true, &point);
}

static int call_force_election(lua_State *lua)
{
    struct point point = {.holds = is_elected, .ask = ask_election};
    return begin(lua, "c:force_election", "force_election", false, &point);
}

const luaL_Reg script_consensus_methods[] = {
    {"snapshot", call_snapshot},
    {"truncate_log", call_truncate_log},
    {"transfer_leader", call_transfer_leader},
    {"force_election", call_force_election},
    {NULL, NULL},
};
