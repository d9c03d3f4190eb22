/* The running story: coroutines resumed by events of the queue only, and conditions evaluated after
 * each instant. Private to script*.c. */
#ifndef REPLISIM_SIM_SCRIPT_STORY_H
#define REPLISIM_SIM_SCRIPT_STORY_H

#include "sim/pod.h"
#include "sim/script_fields.h"

/* One coroutine. It waits for at most one thing at a time; its memory outlives it, so that a late
 * completion finds a dead task rather than freed memory. */
struct script_task {
    struct script *script;
    lua_State *thread;
    int thread_reference; /* LUA_NOREF: the task is free */
    uint64_t number;
    bool is_waiting, is_main;
    int result_reference; /* handed to the coroutine when it resumes */
    struct script_task *next;
};

enum script_condition_kind {
    SCRIPT_CONDITION_WAIT,       /* a coroutine waits until it holds */
    SCRIPT_CONDITION_EVENTUALLY, /* must hold in time */
    SCRIPT_CONDITION_ALWAYS      /* must hold after each event, or every so often */
};

/* Something to be looked at after each instant. */
struct script_condition {
    enum script_condition_kind kind;
    /* A plain C judgement, or NULL: the Lua function below. */
    bool (*holds)(void *context, struct script *script);
    void *context;
    void (*let_go)(void *context); /* frees the context; may be NULL */
    int function_reference;
    struct script_task *task; /* WAIT */
    char *what;               /* owned; for the message */
    /* Replaces `what` when the time is up: 512 bytes. NULL: none. */
    void (*describe)(void *context, struct script *script, char *text_out, size_t text_bytes);
    rp_time_ns due_ns;         /* RP_TIME_NEVER: no limit */
    struct sim_range every_ns; /* ALWAYS: 0 is every event */
    uint64_t number;           /* of an ALWAYS with an interval; else 0 */
    bool is_over;
    struct script_condition *next;
};

RP_MUST_USE int script_story_new(struct script *script);
void script_story_free(struct script_story *story);
/* The world's view of the story, borrowed from it. */
const struct sim_story *script_story_face(struct script *script);
/* The function on top of the stack is `run`, the value below it `c`; both are taken. */
void script_story_set(struct script *script);

/* ---- For calls ------------------------------------------------------------------------------- */

/* The task that runs now; an error outside of coroutines. */
struct script_task *script_running_task(lua_State *lua, const char *call);
/* Ends a wait from a completion: the coroutine resumes in an event of now. The value on top of the
 * main state's stack is taken as the result when `has_result`. */
void script_task_wake(struct script_task *task, bool has_result);
/* Waits for script_task_wake: `return script_yield(...)`. */
int script_yield(lua_State *lua, struct script_task *task, lua_KContext context,
                 lua_KFunction next);
/* Sleeps, then goes on in `next`. */
int script_sleep(lua_State *lua, struct script_task *task, rp_time_ns duration_ns,
                 lua_KContext context, lua_KFunction next);
/* Adds a zeroed condition, due `timeout_ns` from now. Raises out of memory. */
struct script_condition *script_condition_add(lua_State *lua, enum script_condition_kind kind,
                                              const char *what, rp_time_ns timeout_ns);
/* Has the condition looked at when its time is up, too. */
void script_condition_arm(lua_State *lua, struct script_condition *condition);
/* A task's completion handler for calls that give no result: context is the task. */
struct sim_wait script_task_wait(struct script_task *task);

/* A script error from C outside of a coroutine's own call: the run ends. */
void script_story_fail(struct script *script);
/* `liveness`: told to the world, and the story ends there. */
void script_story_timed_out(struct script *script, const char *place, const char *detail);

/* The number of the coroutine that runs; 0: the story's own, or none. */
uint64_t script_story_task(const struct script *script);
/* The world let go of the story, or it ended: completions have nobody to wake. */
bool script_story_is_dropped(const struct script *script);

/* A call on a path right after its flush waits for the registration: true while there is one to wait
 * for, at most a minute. `since` is 0 at first, then what the last call left in it; to be passed on
 * through script_sleep, for SCRIPT_REGISTERED_POLL_NS each time. */
#define SCRIPT_REGISTERED_POLL_NS (5 * RP_NS_PER_MS)
bool script_awaits_registration(struct sim_world *world, struct rp_view path, lua_KContext *since);
/* Sleeps a moment and calls `again`, for work that needs a process which may come yet: load goes on
 * through restarts and rotations. `since` as above. After five minutes of the story itself, not of what
 * runs beside it, `liveness` is violated in words that begin with `call` and `what`. */
int script_wait_for_process(lua_State *lua, struct script_task *task, const char *call,
                            const char *what, lua_KContext since, lua_KFunction again);

/* n:hostile and n:disk. */
int script_node_hostile(lua_State *lua);
int script_node_disk(lua_State *lua);
int script_node_scrub(lua_State *lua);
/* c:reconcile */
int script_cluster_reconcile(lua_State *lua);
/* n:flush and c:flush; stack: the receiver, the options or nil. */
int script_flush(lua_State *lua, struct sim_pod *pod, const char *call);
/* Raises for options that are misspelt: before anything is waited for. */
void script_flush_check(lua_State *lua);
/* identity, volume, address, grace, release, config of the options over what is in `spec`. */
struct sim_replace_spec;
void script_take_replace(lua_State *lua, int options, const char *call,
                         struct sim_replace_spec *spec);

/* Method tables of the objects, and the list of them all: those of `c` are set from it, and tests go
 * through it. Objects by the names that stories give them; the last row is all NULL. */
struct script_method_table {
    const char *object;
    const luaL_Reg *methods;
};
extern const struct script_method_table script_method_tables[];
extern const luaL_Reg script_node_methods[];
extern const luaL_Reg script_net_methods[];
extern const luaL_Reg script_rng_methods[];
extern const luaL_Reg script_attacker_methods[];
extern const luaL_Reg script_story_methods[];
extern const luaL_Reg script_check_methods[];
extern const luaL_Reg script_cluster_methods[];
extern const luaL_Reg script_clusters_methods[];
extern const luaL_Reg script_compact_methods[];
extern const luaL_Reg script_consensus_methods[];
extern const luaL_Reg script_nemesis_methods[];
extern const luaL_Reg script_propose_methods[];
/* n:rewrite, n:query (script_compact.c) and n:propose (script_propose.c). */
int script_node_rewrite(lua_State *lua);
int script_node_query(lua_State *lua);
int script_node_propose(lua_State *lua);
/* Pushes the handle of the pod; the same object for the same pod. */
void script_push_node(lua_State *lua, struct sim_pod *pod);
/* A node's handle or id. A call of `c` takes nodes of its own cluster only; others take any, by label
 * ("other/reader-1") too. Raises an error. */
struct sim_pod *script_take_node(lua_State *lua, int index, const char *what);
/* A node, a list of nodes, or "all": pods on `count_out`, memory of the Lua state (on its stack). */
struct sim_pod **script_take_nodes(lua_State *lua, int index, const char *what, size_t *count_out);
/* The same of any cluster, whatever the receiver. */
struct sim_pod **script_take_any_nodes(lua_State *lua, int index, const char *what,
                                       size_t *count_out);
/* The handle of a cluster; NULL: the scenario's own. The parameters' table is below on the stack and
 * is taken. */
void script_push_cluster(lua_State *lua, struct sim_world *world);
void script_push_net(lua_State *lua, struct sim_world *world);
void script_push_attacker(lua_State *lua, int options);
void script_attackers_end(struct script *script);
/* Sets the keys of the table at `index` in `config`, in their order. */
void script_take_config(lua_State *lua, int index, const char *what, struct rp_config *config);
/* `config` of the options at `options`: the cluster's with those keys set, borrowed until the next
 * such call; NULL when there is none. */
const struct rp_config *script_take_scratch_config(lua_State *lua, int options, const char *what);

#endif
