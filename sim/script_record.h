/* What a story did, call by call, in words that do the same again: read by `replisim shrink`.
 *
 * While a run is recorded, each call of the API that acts on the world is written as the Lua of that
 * call, with its receiver by name, its arguments as literals, and draws from ranges as what was drawn.
 * A line is whole before the call begins, so that what led to a crash is there. Recording draws
 * nothing and changes no event: the run stays the same.
 *
 * Lines, fields separated by tabs, times in virtual nanoseconds:
 *   D section lua             a section of the returned table, functions in it called
 *   C number time task class lua   a call begins; task "0" is the story's own coroutine; a
 *                             class that ends in "?": inside a pcall
 *   R number lua              the same call, once more of it is drawn
 *   E number time name        it returned; name: of what it returned, else ""
 *   P number index lua        a path among its results; index 0: the result is that path
 *   X number                  it raised an error instead
 *   N time lua                random trouble decided and did this
 *   V time property place     a violation
 *   T time                    the story ended */
#ifndef REPLISIM_SIM_SCRIPT_RECORD_H
#define REPLISIM_SIM_SCRIPT_RECORD_H

#include "sim/script_call.h"
#include "sim/script_state.h"

/* What the hooks below go to; so a script without a world needs nothing of recording. */
struct script_record {
    void (*set_methods)(lua_State *lua, const char *object, const luaL_Reg *methods);
    void (*section)(lua_State *lua, const char *section);
    void (*drew)(lua_State *lua, int index, struct sim_range range, int64_t value,
                 const char *unit);
    void (*rest)(struct script_record *record);
    void (*end)(struct script *script);
};

/* Errors: RP_ERR_NOMEM. The file is the caller's; each line is flushed. */
RP_MUST_USE int script_record_new(FILE *file, struct script_record **record_out);
void script_record_free(struct script_record *record);

/* Sets the methods in the table on top, those that act wrapped when the script is recorded. */
void script_set_methods(lua_State *lua, const char *object, const luaL_Reg *methods);
/* The value on top is that section. Nothing when the script is not recorded; so with all below. */
void script_record_section(lua_State *lua, const char *section);
/* A number was drawn from the range at `index`: `unit` is "ns", or "" of sizes and counts. */
void script_record_drew(lua_State *lua, int index, struct sim_range range, int64_t value,
                        const char *unit);
/* The running coroutine sleeps or ended: what is drawn next belongs to no call. */
void script_record_rest(struct script *script);
void script_record_end(struct script *script);
/* Has violations and decisions of this world, and of those that join it, written too. */
void script_record_world(struct script *script, struct sim_world *world);

#endif
