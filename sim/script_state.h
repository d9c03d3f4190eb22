/* What the files of the binding share: the sandboxed Lua state, its limits, and the running story.
 * Private to script*.c and their tests. */
#ifndef REPLISIM_SIM_SCRIPT_STATE_H
#define REPLISIM_SIM_SCRIPT_STATE_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "sim/rng.h"
#include "sim/script.h"
#include "sim/world.h"

struct script_attacker;
struct script_record;
struct script_story;

struct script_memory {
    uint64_t used_bytes;
    uint64_t made_bytes; /* since the last sleep: what no count of instructions shows */
};

/* One scenario's Lua. Found from any of its coroutines by script_of. */
struct script {
    lua_State *lua; /* owned */
    struct script_memory memory;
    uint64_t work;     /* instructions, and library work in their units, since the last sleep */
    bool is_over;      /* a limit was hit: nothing runs any more */
    bool is_condition; /* a condition is being evaluated: no sleep, no change */
    char *path;        /* owned; as given */
    const char *text;  /* borrowed; of the file, NULL: it is read */
    char *folder;      /* owned; of the path, "." when it names none */
    char *root;        /* owned; the folder with links resolved */
    FILE *log;         /* borrowed; NULL: none */
    uint64_t seed;
    uint64_t file_count;                          /* files asked of flushes so far */
    struct sim_rng math_rng, story_rng, draw_rng; /* math.random, c.rng, ranges */
    struct sim_world_spec spec;                   /* owned when has_spec */
    bool has_spec;
    struct rp_config scratch_config; /* owned when has_scratch: of the latest call that gave one */
    bool has_scratch;
    struct sim_world_spec further_spec; /* owned when has_further: of the latest c:cluster */
    bool has_further;
    struct sim_world *world;    /* borrowed: the scenario's own cluster; NULL until the run */
    struct script_story *story; /* owned; NULL until the run */
    struct script_attacker *attackers; /* in Lua's memory; newest first */
    struct script_record *record;      /* owned; NULL: the run is not recorded */
    char error[SCRIPT_TEXT_MAX];
};

/* ---- The sandbox (script_sandbox.c) ----------------------------------------------------------- */

/* A state with the libraries that a scenario sees, and `seed` behind its math.random.
 * Errors: RP_ERR_NOMEM. */
RP_MUST_USE int script_new(const char *path, uint64_t seed, FILE *log, struct script **script_out);
void script_free(struct script *script); /* not its story, spec and world: script.c's */
struct script *script_of(lua_State *lua);
/* The cluster that the running call is about: that of its receiver (`c`, `c.net`, a node, an
 * attacker), else the scenario's own. */
struct sim_world *script_world(lua_State *lua);

/* Counts work that the library does on the script's behalf; raises the limit's error. */
void script_spend(lua_State *lua, uint64_t units);
/* A wake-up: the limits count from here. */
void script_rest(struct script *script);

/* Calls the function below `argument_count` arguments. False: `script->error` is set, with the place.
 * The results are left on the stack. */
bool script_call(struct script *script, int argument_count, int result_count);
/* Makes `script->error` of the error value on top of `thread`, whose stack still shows where. */
void script_take_error(struct script *script, lua_State *thread);
/* The limit of memory was hit in `thread`, whose stack shows where if it still can. */
void script_out_of_memory(struct script *script, lua_State *thread);
/* Puts the scenario's folder in front of "name.lua:line: ...". */
void script_place_error(struct script *script, const char *message);

/* Does a pcall of the script stand around the running call? */
bool script_is_protected(lua_State *lua);

/* Loads a file of the scenario's folder, by name within it, as a function on the stack.
 * False: an error text is on the stack instead. */
bool script_load(lua_State *lua, struct script *script, const char *name);
/* The same of a text at hand. */
bool script_load_text(lua_State *lua, const char *name, struct rp_view text);
/* The real path of `name` inside the scenario's own folder; NULL when there is none, or it lies
 * outside (then errno is 0), links resolved. Owned by the caller (free). */
char *script_resolve(const struct script *script, const char *name);

/* Bounded or deterministic replacements, each into the open tables of the standard libraries. */
void script_open_pairs(lua_State *lua);   /* pairs, next, tostring, print */
void script_open_strings(lua_State *lua); /* string.* */
void script_open_table(lua_State *lua);   /* table.* */
void script_open_random(lua_State *lua);  /* math.random, math.randomseed */

/* Is the pattern found in the subject, as by string.find? Counted as work; raises its errors. */
bool script_find(lua_State *lua, struct rp_view subject, struct rp_view pattern);

/* As luaL_tolstring, but without addresses: tables and functions are numbered by first use. */
const char *script_tostring(lua_State *lua, int index, size_t *length_out);
/* "reader-2" before "reader-10": the text before the last digits, then the number, then all. */
int script_compare_ids(const char *left, const char *right);

/* The objects' `__name`, by which a call knows its receiver. */
#define SCRIPT_NODE_TYPE    "node"
#define SCRIPT_CLUSTER_TYPE "c"
#define SCRIPT_NET_TYPE     "c.net"

#endif
