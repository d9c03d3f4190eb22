/* Consensus messages as Lua tables (sim/raft_wire.h): numbers and flags by name, `entries` of
 * AppendEntries, `data` of InstallSnapshot and ReadIndex. */
#ifndef REPLISIM_SIM_SCRIPT_RAFT_H
#define REPLISIM_SIM_SCRIPT_RAFT_H

#include "sim/raft_wire.h"
#include "sim/script_fields.h"

/* What attackers name: types of the peer channel as their byte, consensus messages beyond them. */
#define SCRIPT_RAFT_TYPE 0x100u

/* The type of that name, of either kind. False: there is none. */
bool script_any_type(const char *name, uint16_t *type_out);
/* Pushes an object that lets go of the message in its slot, NULL so far. */
struct sim_raft_message **script_push_raft_slot(lua_State *lua);
/* Pushes the fields. */
void script_push_raft_fields(lua_State *lua, const struct sim_raft_message *message);
/* Sets what the table names, in a message of one's own. Raises an error for unknown keys (those of
 * `others`, NULL-terminated, may be there too) and values of a wrong kind. */
void script_set_raft_fields(lua_State *lua, struct sim_raft_message *message, int table,
                            const char *what, const char *const *others);
/* Pushes the bytes of a message, signed with that secret. */
void script_push_raft_bytes(lua_State *lua, const struct sim_raft_message *message,
                            struct rp_view secret);
/* Pushes these bytes with the fields of the table changed, under the MAC that they came with. */
void script_push_raft_changed(lua_State *lua, struct rp_view bytes, int changes, const char *what);

#endif
