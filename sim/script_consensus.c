/* Consensus at chosen points: c:snapshot, c:truncate_log, c:transfer_leader, c:force_election
 * (docs/scenario-api.md, The cluster). Each sleeps until it has happened. */
#include "sim/script_story.h"

#include <stdlib.h>

#include "protocol/error.h"
#include "sim/chosen.h"

#define CHOSEN_TIMEOUT_NS (30 * RP_NS_PER_S)
#define ASK_AGAIN_NS      RP_NS_PER_S

/* What is waited for. */
struct point {
    struct sim_world *world;
    struct sim_pod *pod; /* snapshot, transfer */
    uint64_t mark;       /* an index or a term */
    rp_time_ns asked_ns;
};

static bool has_snapshot(void *context, struct script *script)
{
    const struct point *point = context;
    (void)script;
    return sim_chosen_has_snapshot(point->pod, point->mark);
}

static bool is_truncated(void *context, struct script *script)
{
    const struct point *point = context;
    (void)script;
    return sim_chosen_is_truncated(point->world, point->mark);
}

/* libraft gives a transfer up after an election time-out; so it is asked for again. */
static bool is_transferred(void *context, struct script *script)
{
    struct point *point = context;
    (void)script;
    if (sim_world_leader(point->world) == point->pod) {
        return true;
    }
    rp_time_ns now_ns = sim_world_now(point->world);
    if (now_ns - point->asked_ns >= ASK_AGAIN_NS) {
        point->asked_ns = now_ns;
        rp_ignore(sim_chosen_transfer(point->pod));
    }
    return false;
}

static bool is_elected(void *context, struct script *script)
{
    const struct point *point = context;
    (void)script;
    return sim_chosen_is_elected(point->world, point->mark);
}

static int return_nothing(lua_State *lua, int status, lua_KContext context)
{
    (void)lua;
    (void)status;
    (void)context;
    return 0;
}

/* `return wait_for(...)`; the point passes to the condition. */
static int wait_for(lua_State *lua, struct script_task *task, const char *what,
                    bool (*holds)(void *context, struct script *script), const struct point *point)
{
    struct script_condition *condition =
        script_condition_add(lua, SCRIPT_CONDITION_WAIT, what, CHOSEN_TIMEOUT_NS);
    struct point *copy = malloc(sizeof *copy);
    if (copy == NULL) {
        return luaL_error(lua, "out of memory");
    }
    *copy = *point;
    condition->task = task;
    condition->holds = holds;
    condition->context = copy;
    condition->let_go = free;
    script_condition_arm(lua, condition);
    return script_yield(lua, task, 0, return_nothing);
}

static int refuse(lua_State *lua, const char *call, int error)
{
    static const struct {
        int error;
        const char *text;
    } texts[] = {
        {RP_ERR_STOPPED, "the node is down"},
        {RP_ERR_NO_LEADER, "nobody leads"},
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

static int call_snapshot(lua_State *lua)
{
    struct script_task *task = script_running_task(lua, "c:snapshot");
    struct point point = {.world = script_world(lua),
                          .pod = script_take_node(lua, 2, "c:snapshot")};
    int error = sim_chosen_snapshot(point.pod, &point.mark);
    return error != 0 ? refuse(lua, "c:snapshot", error)
                      : wait_for(lua, task, "snapshot", has_snapshot, &point);
}

static int call_truncate_log(lua_State *lua)
{
    struct script_task *task = script_running_task(lua, "c:truncate_log");
    struct point point = {.world = script_world(lua)};
    int error = sim_chosen_truncate(point.world, &point.mark);
    return error != 0 ? refuse(lua, "c:truncate_log", error)
                      : wait_for(lua, task, "truncate_log", is_truncated, &point);
}

static int call_transfer_leader(lua_State *lua)
{
    struct script_task *task = script_running_task(lua, "c:transfer_leader");
    struct point point = {.world = script_world(lua),
                          .pod = script_take_node(lua, 2, "c:transfer_leader")};
    point.asked_ns = sim_world_now(point.world);
    int error = sim_chosen_transfer(point.pod);
    return error != 0 ? refuse(lua, "c:transfer_leader", error)
                      : wait_for(lua, task, "transfer_leader", is_transferred, &point);
}

static int call_force_election(lua_State *lua)
{
    struct script_task *task = script_running_task(lua, "c:force_election");
    struct point point = {.world = script_world(lua)};
    int error = sim_chosen_election(point.world, &point.mark);
    return error != 0 ? refuse(lua, "c:force_election", error)
                      : wait_for(lua, task, "force_election", is_elected, &point);
}

const luaL_Reg script_consensus_methods[] = {
    {"snapshot", call_snapshot},
    {"truncate_log", call_truncate_log},
    {"transfer_leader", call_transfer_leader},
    {"force_election", call_force_election},
    {NULL, NULL},
};
