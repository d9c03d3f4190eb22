/* The returned table of a scenario: read, checked and turned into the spec of a world. */
#ifndef REPLISIM_SIM_SCRIPT_DECLARE_H
#define REPLISIM_SIM_SCRIPT_DECLARE_H

#include "sim/script.h"
#include "sim/script_state.h"

/* What the table says besides the world's spec. */
struct script_declaration {
    char *name, *about; /* owned */
    int64_t phase;
    char *params_json; /* owned */
    struct sim_expect expect;
    struct script_breaks breaks;
};
void script_declaration_clear(struct script_declaration *declaration);

/* Loads and runs the file; leaves its table on the stack. False: `script->error` tells. */
bool script_open_file(struct script *script);
/* Reads name, about, phase, breaks and params with the `sets` over them; leaves the parameters' table above
 * the returned one on the stack. `--set release=` of a scenario without that parameter is kept for
 * script_declare. False: `script->error`. */
bool script_declare_head(struct script *script, const char *const *sets, size_t set_count,
                         struct script_declaration *declaration);
/* All the rest, into script->spec, and `run` to the story. False: `script->error`. */
bool script_declare_world(struct script *script, struct script_declaration *declaration);

/* The `cluster` table at `table` of the stack over what is in `cluster`; its functions are called with
 * the parameters at `params`. `is_further`: of c:cluster, with that one's keys. Raises. */
void script_declare_cluster(lua_State *lua, int table, int params, bool is_further,
                            struct sim_cluster_spec *cluster);
/* Owned by the caller (free). Raises out of memory. */
char *script_copy_text(lua_State *lua, const char *text);

/* For script_params.c. Stack: the defaults; pushes the parameters. Raises. `release_out` gets the
 * text of a `release` that is no parameter. */
void script_push_params(lua_State *lua, int defaults, const char *const *sets, size_t set_count,
                        const char **release_out);
/* One JSON object in key order, on the stack. Raises. */
const char *script_push_params_json(lua_State *lua, int params);

#endif
