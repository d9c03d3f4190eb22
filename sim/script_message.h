/* Messages of the peer channel as Lua tables, in both directions, by the same tables as their JSON:
 * keys are those of the wire, texts may hold any bytes, times are RFC 3339 texts. */
#ifndef REPLISIM_SIM_SCRIPT_MESSAGE_H
#define REPLISIM_SIM_SCRIPT_MESSAGE_H

#include "protocol/types.h"
#include "sim/script_fields.h"

struct rp_buffer;

/* Pushes an empty buffer for so many bytes at most, which is freed with its object: an error may be
 * raised meanwhile. */
struct rp_buffer *script_push_buffer(lua_State *lua, size_t max_bytes);
/* That object is on top of the stack: its bytes take its place. */
void script_finish_buffer(lua_State *lua, struct rp_buffer *buffer);

/* The type byte of that name (wire.md 2: "FetchFile"). False: there is none. */
bool script_message_type(const char *name, uint8_t *type_out);
/* Pushes the fields of a frame's payload; an empty table for what does not decode. */
void script_push_message(lua_State *lua, uint8_t type, struct rp_view payload);
/* Pushes the bytes of a frame of that type, with the fields of the table. Raises an error for unknown
 * keys, values of a wrong kind and what cannot be encoded. */
void script_push_frame(lua_State *lua, uint8_t type, int fields, const char *what);
/* Pushes a table with the fields of both, those of `changes` over the others. */
void script_push_merged(lua_State *lua, int fields, int changes);

#endif
