/* Values of a story as Lua literals. Private to script_record*.c and their tests. */
#ifndef REPLISIM_SIM_SCRIPT_RECORD_TEXT_H
#define REPLISIM_SIM_SCRIPT_RECORD_TEXT_H

#include "sim/script_state.h"

/* A growing text; once memory runs out it stays as it is, and says so. */
struct record_text {
    char *bytes; /* owned; NULL: empty */
    size_t length_bytes, max_bytes;
    bool is_failed;
};
void record_text_clear(struct record_text *text);
void record_put(struct record_text *text, const char *bytes, size_t length_bytes);
void record_say(struct record_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* On one line, without tabs. */
void record_put_string(struct record_text *text, struct rp_view string);
/* As seconds or the coarsest unit that is exact: "5s", "1500us", "7ns". */
void record_put_duration(struct record_text *text, int64_t duration_ns);
/* The value at `index`. Functions in tables are called with the value at `params`, or left out when
 * that is 0; nodes are told by id (of another cluster than `world`, by label), objects that have a name
 * by that. False: it cannot be told; nothing was written then. */
bool record_put_value(lua_State *lua, int index, int params, struct sim_world *world,
                      struct record_text *text);
/* A cluster's table: `--set release` stands above its own release. */
bool record_put_cluster(lua_State *lua, int index, int params, struct sim_world *world,
                        struct record_text *text);

/* Objects made by calls that were recorded, by name: registry[NAMES][object] = name. */
#define SCRIPT_RECORD_NAMES "script.record.names"

#endif
