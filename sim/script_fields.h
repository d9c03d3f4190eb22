/* Values of scenarios read from the Lua stack, with errors that name the key or the call.
 *
 * Each raises a Lua error, so it is called in protected mode only. `what` names the value for the
 * user: "cluster.readers", "flush: bytes". */
#ifndef REPLISIM_SIM_SCRIPT_FIELDS_H
#define REPLISIM_SIM_SCRIPT_FIELDS_H

#include "sim/script_literal.h"
#include "sim/script_state.h"

/* The receiver of `call` is what the call belongs to, which its first letters name ("c:", "net:",
 * "rng:"); else it was written with a dot, or stolen. */
void script_check_self(lua_State *lua, const char *call);
/* Raised when a condition is being evaluated: those may not change the world, nor sleep. Both check
 * the receiver as well. */
void script_check_change(lua_State *lua, const char *call);
void script_check_sleep(lua_State *lua, const char *call);

/* Refuses what is no table, and any key that is not in the NULL-terminated list, the first in order. */
void script_check_keys(lua_State *lua, int index, const char *what, const char *const *keys);
/* Pushes table[key] (nil when `table` is no table) and says whether it is there. */
bool script_get(lua_State *lua, int table, const char *key);

int64_t script_take_duration(lua_State *lua, int index, const char *what, enum script_sign sign);
/* As a single one, or drawn from a range of them: at this use. */
uint64_t script_draw_duration(lua_State *lua, int index, const char *what);
uint64_t script_draw_count(lua_State *lua, int index, const char *what);
struct sim_range script_take_duration_range(lua_State *lua, int index, const char *what);
struct sim_range script_take_size_range(lua_State *lua, int index, const char *what);
struct sim_range script_take_count_range(lua_State *lua, int index, const char *what);
uint64_t script_take_rate(lua_State *lua, int index, const char *what);
uint64_t script_take_count(lua_State *lua, int index, const char *what, uint64_t max);
sim_chance script_take_chance(lua_State *lua, int index, const char *what);
bool script_take_bool(lua_State *lua, int index, const char *what);
void script_take_function(lua_State *lua, int index, const char *call);
const char *script_take_text(lua_State *lua, int index, const char *what);
/* A text of 1 to SCRIPT_NAME_BYTES_MAX bytes. */
const char *script_take_name(lua_State *lua, int index, const char *what);
/* A path: any bytes, NUL included. Borrowed from the stack. */
struct rp_view script_take_path(lua_State *lua, int index, const char *what);
void script_push_view(lua_State *lua, struct rp_view view);
/* view as field `key` of the table on top. */
void script_set_view(lua_State *lua, const char *key, struct rp_view view);
/* From a range too; negative ends as well. */
int64_t script_draw_signed_duration(lua_State *lua, int index, const char *what);
uint64_t script_draw_size(lua_State *lua, int index, const char *what);
/* As script_take_count, but also from a range. */
uint64_t script_draw_count_to(lua_State *lua, int index, const char *what, uint64_t max);
/* A release by name. */
enum rp_release script_take_release(lua_State *lua, int index, const char *what);

/* An object with methods; an unknown name is an error that says so. With the userdata's block of
 * `size_bytes` returned, or none. */
void *script_push_object_sized(lua_State *lua, const char *kind, const luaL_Reg *methods,
                               size_t size_bytes);
void script_push_object(lua_State *lua, const char *kind, const luaL_Reg *methods);
void script_push_rng(lua_State *lua);

/* ---- Misspelt words (script_nearest.c) --------------------------------------------------------- */

struct script_nearest {
    const char *word, *best; /* borrowed; best is NULL when nothing comes near */
    size_t distance;
};
void script_nearest_init(struct script_nearest *nearest, const char *word);
void script_nearest_try(struct script_nearest *nearest, const char *candidate);
/* " (did you mean 'x'?)", kept by the stack; or "". */
const char *script_nearest_text(lua_State *lua, const struct script_nearest *nearest);
/* Raises the error for the key at 2, which the table at `methods` lacks. */
int script_refuse_method(lua_State *lua, const char *object, int methods);

#endif
