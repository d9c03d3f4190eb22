/* Coroutines of the story. Each resume is an event of the world's queue, so it is in the fingerprint;
 * between two waits of a coroutine the virtual clock stands still. */
#include "sim/script_story.h"

#include <stdlib.h>

#include "protocol/error.h"
#include "sim/pod.h"
#include "sim/script_record.h"

#define DEFAULT_TIMEOUT_NS (300 * RP_NS_PER_S)

struct script_story {
    struct sim_story face;
    struct script_task *tasks;      /* owned; all, free ones too */
    struct script_task *running;    /* borrowed; NULL outside of resumes */
    struct script_condition *first; /* owned; in order of birth */
    struct script_condition **last;
    size_t every_event_count; /* of ALWAYS conditions to be looked at after each event */
    uint64_t task_number;
    int run_reference, cluster_reference;
    bool is_done, is_dropped; /* the story returned; the world let go of it */
};

/* ---- Ends ------------------------------------------------------------------------------------- */

void script_story_fail(struct script *script)
{
    struct script_story *story = script->story;
    if (!story->is_dropped) {
        story->is_dropped = true;
        sim_world_story_error(script->world, script->error);
    }
}

void script_story_timed_out(struct script *script, const char *place, const char *detail)
{
    struct script_story *story = script->story;
    if (story->is_dropped) {
        return;
    }
    sim_world_fail_liveness(script->world, place, detail);
    story->is_dropped = true;
    sim_world_story_done(script->world);
}

static bool has_eventually(const struct script_story *story)
{
    const struct script_condition *condition = story->first;
    for (; condition != NULL; condition = condition->next) {
        if (condition->kind == SCRIPT_CONDITION_EVENTUALLY && !condition->is_over) {
            return true;
        }
    }
    return false;
}

/* The story returned. What must hold eventually is waited for: else it would never be judged. */
static void end_if_complete(struct script *script)
{
    struct script_story *story = script->story;
    if (story->is_done && !story->is_dropped && !has_eventually(story)) {
        story->is_dropped = true;
        sim_world_story_done(script->world);
    }
}

uint64_t script_story_task(const struct script *script)
{
    const struct script_task *task = script->story == NULL ? NULL : script->story->running;
    return task == NULL || task->is_main ? 0 : task->number;
}

bool script_story_is_dropped(const struct script *script)
{
    return script->story->is_dropped;
}

/* ---- Tasks ------------------------------------------------------------------------------------ */

static void free_task(struct script_task *task)
{
    lua_State *lua = task->script->lua;
    luaL_unref(lua, LUA_REGISTRYINDEX, task->thread_reference);
    luaL_unref(lua, LUA_REGISTRYINDEX, task->result_reference);
    task->thread_reference = LUA_NOREF;
    task->result_reference = LUA_NOREF;
    task->thread = NULL;
}

static void run_task(struct script_task *task, int argument_count)
{
    struct script *script = task->script;
    struct script_story *story = script->story;
    int result_count = 0;
    script_rest(script);
    story->running = task;
    int status = lua_resume(task->thread, script->lua, argument_count, &result_count);
    story->running = NULL;
    script_record_rest(script);
    if (status == LUA_YIELD && !script->is_over) {
        lua_pop(task->thread, result_count);
        return;
    }
    if (status == LUA_ERRMEM) {
        script_out_of_memory(script, task->thread);
    }
    if (status != LUA_OK || script->is_over) {
        script_take_error(script, task->thread);
        script_story_fail(script);
        return;
    }
    bool is_main = task->is_main;
    free_task(task);
    if (is_main) {
        story->is_done = true;
        end_if_complete(script);
    }
}

static void resume_event(void *context, uint64_t number)
{
    struct script_task *task = context;
    struct script *script = task->script;
    if (script->story->is_dropped || task->thread == NULL || task->number != number) {
        return;
    }
    task->is_waiting = false;
    int argument_count = 0;
    if (task->result_reference != LUA_NOREF) {
        lua_rawgeti(task->thread, LUA_REGISTRYINDEX, task->result_reference);
        luaL_unref(script->lua, LUA_REGISTRYINDEX, task->result_reference);
        task->result_reference = LUA_NOREF;
        argument_count = 1;
    }
    run_task(task, argument_count);
}

void script_task_wake(struct script_task *task, bool has_result)
{
    struct script *script = task->script;
    if (has_result) {
        /* Out of memory here has no protection above it: then there is no result. */
        task->result_reference = luaL_ref(script->lua, LUA_REGISTRYINDEX);
    }
    (void)sim_world_at(script->world, sim_world_now(script->world), resume_event, task,
                       task->number);
}

static void wake_by_wait(void *context, int error)
{
    struct script_task *task = context;
    (void)error; /* a node that died first has stopped as well */
    if (!task->script->story->is_dropped) {
        script_task_wake(task, false);
    }
}

struct sim_wait script_task_wait(struct script_task *task)
{
    struct sim_wait wait = {wake_by_wait, task};
    return wait;
}

struct script_task *script_running_task(lua_State *lua, const char *call)
{
    script_check_sleep(lua, call);
    struct script_story *story = script_of(lua)->story;
    if (story == NULL || story->running == NULL || story->running->thread != lua) {
        luaL_error(lua, "%s: only the story may sleep", call);
        return NULL;
    }
    return story->running;
}

int script_yield(lua_State *lua, struct script_task *task, lua_KContext context, lua_KFunction next)
{
    task->is_waiting = true;
    return lua_yieldk(lua, 0, context, next);
}

int script_sleep(lua_State *lua, struct script_task *task, rp_time_ns duration_ns,
                 lua_KContext context, lua_KFunction next)
{
    struct sim_world *world = task->script->world;
    (void)sim_world_at(world, sim_world_now(world) + duration_ns, resume_event, task, task->number);
    return script_yield(lua, task, context, next);
}

static struct script_task *find_free_task(struct script *script)
{
    struct script_task *task = script->story->tasks;
    while (task != NULL && task->thread != NULL) {
        task = task->next;
    }
    if (task == NULL) {
        task = calloc(1, sizeof *task);
        if (task == NULL) {
            return NULL;
        }
        task->script = script;
        task->thread_reference = task->result_reference = LUA_NOREF;
        task->next = script->story->tasks;
        script->story->tasks = task;
    }
    return task;
}

/* A coroutine of the function on top of the stack, which is taken. Raises out of memory. */
static struct script_task *new_task(lua_State *lua)
{
    struct script *script = script_of(lua);
    lua_State *thread = lua_newthread(lua);
    struct script_task *task = find_free_task(script);
    if (task == NULL) {
        luaL_error(lua, "out of memory");
        return NULL;
    }
    task->thread_reference = luaL_ref(lua, LUA_REGISTRYINDEX);
    lua_xmove(lua, thread, 1);
    task->thread = thread;
    task->number = ++script->story->task_number;
    task->is_main = false;
    task->is_waiting = false;
    return task;
}

/* ---- Conditions -------------------------------------------------------------------------------- */

struct script_condition *script_condition_add(lua_State *lua, enum script_condition_kind kind,
                                              const char *what, rp_time_ns timeout_ns)
{
    struct script *script = script_of(lua);
    struct script_story *story = script->story;
    struct script_condition *condition = calloc(1, sizeof *condition);
    size_t what_bytes = strlen(what) + 1;
    if (condition != NULL) {
        condition->what = malloc(what_bytes);
    }
    if (condition == NULL || condition->what == NULL) {
        free(condition);
        luaL_error(lua, "out of memory");
        return NULL;
    }
    memcpy(condition->what, what, what_bytes);
    condition->kind = kind;
    condition->function_reference = LUA_NOREF;
    rp_time_ns now_ns = sim_world_now(script->world);
    condition->due_ns = timeout_ns == RP_TIME_NEVER ? RP_TIME_NEVER : now_ns + timeout_ns;
    *story->last = condition;
    story->last = &condition->next;
    return condition;
}

static void end_condition(struct script *script, struct script_condition *condition)
{
    if (condition->is_over) {
        return;
    }
    condition->is_over = true;
    if (condition->kind == SCRIPT_CONDITION_ALWAYS && condition->every_ns.high == 0) {
        script->story->every_event_count -= 1;
    }
    luaL_unref(script->lua, LUA_REGISTRYINDEX, condition->function_reference);
    condition->function_reference = LUA_NOREF;
    if (condition->let_go != NULL) {
        condition->let_go(condition->context);
        condition->let_go = NULL;
    }
}

/* False also when the script is over by an error in it. */
static bool condition_holds(struct script *script, struct script_condition *condition)
{
    if (condition->holds != NULL) {
        return condition->holds(condition->context, script);
    }
    lua_State *lua = script->lua;
    lua_rawgeti(lua, LUA_REGISTRYINDEX, condition->function_reference);
    script_rest(script);
    script->is_condition = true;
    bool is_ok = script_call(script, 0, 1);
    script->is_condition = false;
    if (!is_ok) {
        script_story_fail(script);
        return false;
    }
    bool holds = lua_toboolean(lua, -1) != 0;
    lua_pop(lua, 1);
    return holds;
}

static void fail_condition(struct script *script, struct script_condition *condition)
{
    char detail[768];
    (void)snprintf(detail, sizeof detail, "%s", condition->what);
    if (condition->describe != NULL) {
        size_t used = strlen(detail);
        (void)snprintf(detail + used, sizeof detail - used, ": ");
        used = strlen(detail);
        condition->describe(condition->context, script, detail + used, sizeof detail - used);
    }
    enum script_condition_kind kind = condition->kind;
    end_condition(script, condition);
    switch (kind) {
    case SCRIPT_CONDITION_WAIT: script_story_timed_out(script, "story/wait", detail); break;
    case SCRIPT_CONDITION_EVENTUALLY:
        sim_world_fail_liveness(script->world, "story/eventually", detail);
        end_if_complete(script);
        break;
    case SCRIPT_CONDITION_ALWAYS:
        sim_world_fail(script->world, "scenario-check", rp_view_text(""), "story/always", detail);
        break;
    }
}

static void look_at(struct script *script, struct script_condition *condition)
{
    bool holds = condition_holds(script, condition);
    if (script->story->is_dropped || condition->is_over) {
        return;
    }
    if (condition->kind == SCRIPT_CONDITION_ALWAYS) {
        if (!holds) {
            fail_condition(script, condition);
        }
        return;
    }
    if (holds) {
        struct script_task *task = condition->task;
        bool is_wait = condition->kind == SCRIPT_CONDITION_WAIT;
        end_condition(script, condition);
        if (is_wait) {
            lua_pushboolean(script->lua, 1);
            script_task_wake(task, true);
        } else {
            end_if_complete(script);
        }
    }
}

static void sweep_conditions(struct script_story *story)
{
    struct script_condition **link = &story->first;
    while (*link != NULL) {
        struct script_condition *condition = *link;
        if (condition->is_over) {
            *link = condition->next;
            free(condition->what);
            free(condition);
        } else {
            link = &condition->next;
        }
    }
    story->last = link;
}

/* After the last event of an instant. */
static void look_at_instant(void *context)
{
    struct script *script = context;
    struct script_story *story = script->story;
    if (story->first == NULL) {
        return;
    }
    struct script_condition *condition = story->first;
    for (; condition != NULL && !story->is_dropped; condition = condition->next) {
        if (!condition->is_over && condition->kind != SCRIPT_CONDITION_ALWAYS) {
            look_at(script, condition);
        }
    }
    condition = story->first;
    rp_time_ns now_ns = sim_world_now(script->world);
    for (; condition != NULL && !story->is_dropped; condition = condition->next) {
        if (!condition->is_over && condition->due_ns <= now_ns) {
            fail_condition(script, condition);
        }
    }
    sweep_conditions(story);
}

static void look_at_event(void *context)
{
    struct script *script = context;
    struct script_story *story = script->story;
    if (story->every_event_count == 0) {
        return;
    }
    struct script_condition *condition = story->first;
    for (; condition != NULL && !story->is_dropped; condition = condition->next) {
        if (!condition->is_over && condition->kind == SCRIPT_CONDITION_ALWAYS &&
            condition->every_ns.high == 0) {
            look_at(script, condition);
        }
    }
}

/* An instant of its own, so that a time that is up is noticed then. */
static void touch_instant(void *context, uint64_t argument)
{
    (void)context;
    (void)argument;
}

static void arm_due(struct script *script, const struct script_condition *condition)
{
    if (condition->due_ns != RP_TIME_NEVER) {
        (void)sim_world_at(script->world, condition->due_ns, touch_instant, script, 0);
    }
}

void script_condition_arm(lua_State *lua, struct script_condition *condition)
{
    arm_due(script_of(lua), condition);
}

/* A tick is never at the time of the last one. */
static rp_time_ns draw_interval(struct script *script, struct sim_range every_ns)
{
    rp_time_ns drawn_ns = sim_rng_range(&script->draw_rng, every_ns);
    return drawn_ns == 0 ? 1 : drawn_ns;
}

static void look_again(void *context, uint64_t number)
{
    struct script *script = context;
    struct script_condition *condition = script->story->first;
    for (; condition != NULL; condition = condition->next) {
        if (!condition->is_over && condition->number == number) {
            break;
        }
    }
    if (condition == NULL || script->story->is_dropped) {
        return;
    }
    (void)sim_world_at(script->world,
                       sim_world_now(script->world) + draw_interval(script, condition->every_ns),
                       look_again, script, number);
    look_at(script, condition);
}

/* ---- The world's side -------------------------------------------------------------------------- */

static int begin_protected(lua_State *lua)
{
    struct script_story *story = script_of(lua)->story;
    lua_rawgeti(lua, LUA_REGISTRYINDEX, story->run_reference);
    struct script_task *task = new_task(lua);
    task->is_main = true;
    lua_rawgeti(lua, LUA_REGISTRYINDEX, story->cluster_reference);
    lua_xmove(lua, task->thread, 1);
    lua_pushlightuserdata(lua, task);
    return 1;
}

static void begin(void *context)
{
    struct script *script = context;
    lua_pushcfunction(script->lua, begin_protected);
    if (!script_call(script, 0, 1)) {
        script_story_fail(script);
        return;
    }
    struct script_task *task = lua_touserdata(script->lua, -1);
    lua_pop(script->lua, 1);
    run_task(task, 1);
}

static void drop(void *context)
{
    struct script *script = context;
    script->story->is_dropped = true;
    script_record_end(script);
    struct script_condition *condition = script->story->first;
    for (; condition != NULL; condition = condition->next) {
        end_condition(script, condition);
    }
    script_attackers_end(script);
}

int script_story_new(struct script *script)
{
    struct script_story *story = calloc(1, sizeof *story);
    if (story == NULL) {
        return RP_ERR_NOMEM;
    }
    story->face.context = script;
    story->face.begin = begin;
    story->face.instant = look_at_instant;
    story->face.event = look_at_event;
    story->face.dropped = drop;
    story->last = &story->first;
    story->run_reference = story->cluster_reference = LUA_NOREF;
    script->story = story;
    return 0;
}

void script_story_free(struct script_story *story)
{
    if (story == NULL) {
        return;
    }
    for (struct script_condition *condition = story->first; condition != NULL;) {
        struct script_condition *next = condition->next;
        if (condition->let_go != NULL) {
            condition->let_go(condition->context);
        }
        free(condition->what);
        free(condition);
        condition = next;
    }
    for (struct script_task *task = story->tasks; task != NULL;) {
        struct script_task *next = task->next;
        free(task);
        task = next;
    }
    free(story);
}

const struct sim_story *script_story_face(struct script *script)
{
    return &script->story->face;
}

void script_story_set(struct script *script)
{
    script->story->run_reference = luaL_ref(script->lua, LUA_REGISTRYINDEX);
    script->story->cluster_reference = luaL_ref(script->lua, LUA_REGISTRYINDEX);
}

/* ---- sleep, now, go, at, every ------------------------------------------------------------------ */

static int return_nothing(lua_State *lua, int status, lua_KContext context)
{
    (void)lua;
    (void)status;
    (void)context;
    return 0;
}

static int call_sleep(lua_State *lua)
{
    struct script_task *task = script_running_task(lua, "c:sleep");
    uint64_t duration_ns = script_draw_duration(lua, 2, "c:sleep");
    return script_sleep(lua, task, duration_ns, 0, return_nothing);
}

static int call_now(lua_State *lua)
{
    script_check_self(lua, "c:now");
    rp_time_ns now_ns = sim_world_now(script_of(lua)->world);
    lua_pushnumber(lua, (lua_Number)now_ns / (lua_Number)RP_NS_PER_S);
    return 1;
}

static int call_go(lua_State *lua)
{
    script_check_change(lua, "c:go");
    script_take_function(lua, 2, "c:go");
    lua_settop(lua, 2);
    script_task_wake(new_task(lua), false);
    return 0;
}

static int call_at(lua_State *lua)
{
    script_check_change(lua, "c:at");
    struct script *script = script_of(lua);
    uint64_t at_ns = script_draw_duration(lua, 2, "c:at");
    script_take_function(lua, 3, "c:at");
    lua_settop(lua, 3);
    struct script_task *task = new_task(lua);
    rp_time_ns now_ns = sim_world_now(script->world);
    (void)sim_world_at(script->world, at_ns < now_ns ? now_ns : at_ns, resume_event, task,
                       task->number);
    return 0;
}

/* Of `every`, which may be a range. */
static struct sim_range take_interval(lua_State *lua, int index, const char *what)
{
    struct sim_range every_ns = script_take_duration_range(lua, index, what);
    if (every_ns.high == 0) {
        luaL_error(lua, "%s: the interval is zero", what);
    }
    return every_ns;
}

/* The coroutine of `every`: upvalues are the ends of the interval, and the function. Ticks are counted
 * from its birth; those that passed while the function slept are skipped. */
static int tick_slept(lua_State *lua, int status, lua_KContext next_ns);

static int tick_returned(lua_State *lua, int status, lua_KContext next_ns)
{
    struct script *script = script_of(lua);
    struct sim_range every_ns = {(uint64_t)lua_tointeger(lua, lua_upvalueindex(1)),
                                 (uint64_t)lua_tointeger(lua, lua_upvalueindex(2))};
    rp_time_ns now_ns = sim_world_now(script->world);
    rp_time_ns due_ns = (rp_time_ns)next_ns;
    (void)status;
    if (due_ns <= now_ns && every_ns.low == every_ns.high) {
        due_ns += ((now_ns - due_ns) / every_ns.low + 1) * every_ns.low;
    } else if (due_ns <= now_ns) {
        due_ns = now_ns + draw_interval(script, every_ns);
    }
    script_rest(script);
    return script_sleep(lua, script->story->running, due_ns - now_ns, (lua_KContext)due_ns,
                        tick_slept);
}

static int tick_slept(lua_State *lua, int status, lua_KContext next_ns)
{
    (void)status;
    lua_settop(lua, 0);
    lua_pushvalue(lua, lua_upvalueindex(3));
    lua_callk(lua, 0, 0, next_ns, tick_returned);
    return tick_returned(lua, LUA_OK, next_ns);
}

static int tick(lua_State *lua)
{
    rp_time_ns now_ns = sim_world_now(script_of(lua)->world);
    return tick_returned(lua, LUA_OK, (lua_KContext)now_ns);
}

static int call_every(lua_State *lua)
{
    script_check_change(lua, "c:every");
    struct sim_range every_ns = take_interval(lua, 2, "c:every");
    script_take_function(lua, 3, "c:every");
    lua_settop(lua, 3);
    lua_pushinteger(lua, (lua_Integer)every_ns.low);
    lua_pushinteger(lua, (lua_Integer)every_ns.high);
    lua_rotate(lua, 3, -1);
    lua_pushcclosure(lua, tick, 3);
    script_task_wake(new_task(lua), false);
    return 0;
}

/* ---- wait, settle, always, eventually ----------------------------------------------------------- */

static int return_result(lua_State *lua, int status, lua_KContext context)
{
    (void)status;
    (void)context;
    return lua_gettop(lua) == 0 ? 0 : 1;
}

static uint64_t option_timeout(lua_State *lua, int index, const char *what)
{
    return lua_isnoneornil(lua, index) ? DEFAULT_TIMEOUT_NS
                                       : script_draw_duration(lua, index, what);
}

static int call_wait(lua_State *lua)
{
    struct script *script = script_of(lua);
    struct script_task *task = script_running_task(lua, "c:wait");
    script_take_function(lua, 2, "c:wait");
    uint64_t timeout_ns = option_timeout(lua, 3, "c:wait: timeout");
    const char *what = lua_isnoneornil(lua, 4) ? "a wait timed out" : script_tostring(lua, 4, NULL);
    struct script_condition *condition =
        script_condition_add(lua, SCRIPT_CONDITION_WAIT, what, timeout_ns);
    condition->task = task;
    lua_pushvalue(lua, 2);
    condition->function_reference = luaL_ref(lua, LUA_REGISTRYINDEX);
    arm_due(script, condition);
    lua_settop(lua, 0);
    return script_yield(lua, task, 0, return_result);
}

static bool is_settled(void *context, struct script *script)
{
    (void)script;
    return sim_world_is_settled(context);
}

static void describe_unsettled(void *context, struct script *script, char *text_out,
                               size_t text_bytes)
{
    (void)script;
    sim_world_unsettled_text(context, text_out, text_bytes);
}

static int call_settle(lua_State *lua)
{
    struct script *script = script_of(lua);
    struct script_task *task = script_running_task(lua, "c:settle");
    uint64_t timeout_ns = option_timeout(lua, 2, "c:settle: timeout");
    struct script_condition *condition =
        script_condition_add(lua, SCRIPT_CONDITION_WAIT, "settle timed out", timeout_ns);
    condition->task = task;
    condition->holds = is_settled;
    condition->context = script_world(lua);
    condition->describe = describe_unsettled;
    arm_due(script, condition);
    lua_settop(lua, 0);
    return script_yield(lua, task, 0, return_result);
}

static int call_eventually(lua_State *lua)
{
    script_check_change(lua, "c:eventually");
    const char *name = script_take_text(lua, 2, "c:eventually: name");
    script_take_function(lua, 3, "c:eventually");
    uint64_t within_ns = script_draw_duration(lua, 4, "c:eventually: within");
    struct script_condition *condition =
        script_condition_add(lua, SCRIPT_CONDITION_EVENTUALLY, name, within_ns);
    lua_pushvalue(lua, 3);
    condition->function_reference = luaL_ref(lua, LUA_REGISTRYINDEX);
    arm_due(script_of(lua), condition);
    return 0;
}

static int call_always(lua_State *lua)
{
    static const char *const keys[] = {"every", NULL};
    script_check_change(lua, "c:always");
    struct script *script = script_of(lua);
    struct script_story *story = script->story;
    const char *name = script_take_text(lua, 2, "c:always: name");
    script_take_function(lua, 3, "c:always");
    struct sim_range every_ns = {0, 0};
    if (!lua_isnoneornil(lua, 4)) {
        script_check_keys(lua, 4, "c:always", keys);
        if (script_get(lua, 4, "every")) {
            every_ns = take_interval(lua, -1, "c:always: every");
        }
        lua_pop(lua, 1);
    }
    struct script_condition *condition =
        script_condition_add(lua, SCRIPT_CONDITION_ALWAYS, name, RP_TIME_NEVER);
    condition->every_ns = every_ns;
    lua_pushvalue(lua, 3);
    condition->function_reference = luaL_ref(lua, LUA_REGISTRYINDEX);
    if (every_ns.high == 0) {
        story->every_event_count += 1;
        return 0;
    }
    condition->number = ++story->task_number;
    (void)sim_world_at(script->world, sim_world_now(script->world), look_again, script,
                       condition->number);
    return 0;
}

const luaL_Reg script_story_methods[] = {
    {"sleep", call_sleep},
    {"now", call_now},
    {"go", call_go},
    {"at", call_at},
    {"every", call_every},
    {"wait", call_wait},
    {"settle", call_settle},
    {"always", call_always},
    {"eventually", call_eventually},
    {NULL, NULL},
};
