#include "sim/script_raft.h"

#include "protocol/error.h"
#include "sim/alloc.h"
#include "sim/script_message.h"

#define SLOT_TYPE   "attacker.message"
#define MAC_BYTES   RP_SHA256_HEX
#define ENTRIES_MAX 10000u

bool script_any_type(const char *name, uint16_t *type_out)
{
    uint8_t type = 0;
    enum sim_raft_message_kind kind = SIM_RAFT_AUX;
    if (script_message_type(name, &type)) {
        *type_out = type;
        return true;
    }
    if (sim_raft_kind_parse(name, &kind)) {
        *type_out = (uint16_t)(SCRIPT_RAFT_TYPE | (unsigned)kind);
        return true;
    }
    return false;
}

static int collect_slot(lua_State *lua)
{
    struct sim_raft_message **slot = lua_touserdata(lua, 1);
    sim_raft_message_release(*slot);
    *slot = NULL;
    return 0;
}

struct sim_raft_message **script_push_raft_slot(lua_State *lua)
{
    struct sim_raft_message **slot =
        (struct sim_raft_message **)lua_newuserdatauv(lua, sizeof(void *), 0);
    *slot = NULL;
    if (luaL_newmetatable(lua, SLOT_TYPE)) {
        lua_pushcfunction(lua, collect_slot);
        lua_setfield(lua, -2, "__gc");
    }
    lua_setmetatable(lua, -2);
    return slot;
}

/* ---- To Lua ------------------------------------------------------------------------------------ */

static void push_entries(lua_State *lua, const struct sim_raft_message *message)
{
    size_t count = sim_raft_entry_count(message);
    lua_createtable(lua, (int)count, 0);
    for (size_t at = 0; at < count; at += 1) {
        struct sim_raft_entry_view entry = sim_raft_entry_at(message, at);
        lua_createtable(lua, 0, 3);
        lua_pushinteger(lua, (lua_Integer)entry.term);
        lua_setfield(lua, -2, "term");
        lua_pushinteger(lua, (lua_Integer)entry.type);
        lua_setfield(lua, -2, "type");
        script_set_view(lua, "bytes", entry.bytes);
        lua_rawseti(lua, -2, (lua_Integer)at + 1);
    }
}

static bool has_data(const struct sim_raft_message *message)
{
    enum sim_raft_message_kind kind = sim_raft_message_kind(message);
    return kind == SIM_RAFT_SNAPSHOT || kind == SIM_RAFT_AUX;
}

void script_push_raft_fields(lua_State *lua, const struct sim_raft_message *message)
{
    luaL_checkstack(lua, 6, "message");
    lua_newtable(lua);
    for (size_t field = 0; field < sim_raft_field_count(message); field += 1) {
        uint64_t value = sim_raft_field_get(message, field);
        if (sim_raft_field_is_flag(message, field)) {
            lua_pushboolean(lua, value != 0);
        } else {
            lua_pushinteger(lua, (lua_Integer)value);
        }
        lua_setfield(lua, -2, sim_raft_field_name(message, field));
    }
    script_set_view(lua, "cluster_name", rp_view_text(sim_raft_message_cluster(message)));
    script_set_view(lua, "sender_addr", rp_view_text(sim_raft_message_source_address(message)));
    if (sim_raft_message_kind(message) == SIM_RAFT_APPEND) {
        push_entries(lua, message);
        lua_setfield(lua, -2, "entries");
    }
    if (has_data(message)) {
        script_set_view(lua, "data", sim_raft_message_data(message));
    }
}

void script_push_raft_bytes(lua_State *lua, const struct sim_raft_message *message,
                            struct rp_view secret)
{
    struct rp_buffer *bytes = script_push_buffer(lua, SIZE_MAX / 2);
    if (sim_raft_message_encode(message, 0, secret, bytes) != 0) {
        luaL_error(lua, "out of memory");
    }
    script_finish_buffer(lua, bytes);
}

void script_push_raft_changed(lua_State *lua, struct rp_view bytes, int changes, const char *what)
{
    bool is_authentic = false;
    changes = lua_absindex(lua, changes);
    struct sim_raft_message **slot = script_push_raft_slot(lua);
    if (sim_raft_message_decode(sim_libc_alloc(), bytes, rp_view_text(""), 0, slot,
                                &is_authentic) != 0) {
        luaL_error(lua, "%s: these bytes are no consensus message", what);
    }
    script_set_raft_fields(lua, *slot, changes, what, NULL);
    script_push_raft_bytes(lua, *slot, rp_view_text(""));
    size_t length_bytes = 0;
    const char *changed = lua_tolstring(lua, -1, &length_bytes);
    lua_pushlstring(lua, changed, length_bytes - MAC_BYTES);
    lua_pushlstring(lua, (const char *)bytes.bytes + bytes.length_bytes - MAC_BYTES, MAC_BYTES);
    lua_concat(lua, 2);
    lua_replace(lua, -3); /* in the slot's place, which the stack held until now */
    lua_pop(lua, 1);
}

/* ---- From Lua ---------------------------------------------------------------------------------- */

static void refuse(lua_State *lua, const char *what, const char *name)
{
    luaL_error(lua, "%s: %s: not with a %s", what, name, luaL_typename(lua, -1));
}

/* Ids are drawn from all 64 bits, so that half of them look negative here. */
static uint64_t take_number(lua_State *lua, const char *what, const char *name)
{
    int is_whole = 0;
    size_t length = strlen(name);
    int64_t number = lua_tointegerx(lua, -1, &is_whole);
    bool is_id = length > 3 && strcmp(name + length - 3, "_id") == 0;
    if (!is_whole || lua_type(lua, -1) != LUA_TNUMBER) {
        refuse(lua, what, name);
    }
    if (number < 0 && !is_id) {
        luaL_error(lua, "%s: %s: negative", what, name);
    }
    return (uint64_t)number;
}

static void set_number(lua_State *lua, struct sim_raft_message *message, size_t field,
                       const char *what)
{
    const char *name = sim_raft_field_name(message, field);
    if (!sim_raft_field_is_flag(message, field)) {
        sim_raft_field_set(message, field, take_number(lua, what, name));
    } else if (lua_isboolean(lua, -1)) {
        sim_raft_field_set(message, field, lua_toboolean(lua, -1) ? 1 : 0);
    } else {
        refuse(lua, what, name);
    }
}

static struct rp_view take_bytes(lua_State *lua, const char *what, const char *name)
{
    size_t length_bytes = 0;
    if (lua_type(lua, -1) != LUA_TSTRING) {
        refuse(lua, what, name);
    }
    const char *bytes = lua_tolstring(lua, -1, &length_bytes);
    return rp_view_make(bytes, length_bytes);
}

/* The strings stay in their tables, which the stack holds. */
static void take_entry(lua_State *lua, const char *what, struct sim_raft_entry_view *entry)
{
    static const char *const keys[] = {"term", "type", "bytes", NULL};
    int row = lua_gettop(lua);
    script_check_keys(lua, row, what, keys);
    *entry = (struct sim_raft_entry_view){.type = 1, .bytes = rp_view_make("", 0)};
    if (script_get(lua, row, "term")) {
        entry->term = take_number(lua, what, "entries: term");
    }
    if (script_get(lua, row, "type")) {
        entry->type = take_number(lua, what, "entries: type");
    }
    if (script_get(lua, row, "bytes")) {
        entry->bytes = take_bytes(lua, what, "entries: bytes");
    }
    lua_settop(lua, row - 1);
}

static void set_entries(lua_State *lua, struct sim_raft_message *message, const char *what)
{
    int list = lua_gettop(lua);
    size_t count = lua_istable(lua, list) ? (size_t)luaL_len(lua, list) : 0;
    if (!lua_istable(lua, list) || count > ENTRIES_MAX) {
        refuse(lua, what, "entries");
    }
    struct sim_raft_entry_view *entries = lua_newuserdatauv(lua, (count + 1) * sizeof *entries, 0);
    for (size_t at = 0; at < count; at += 1) {
        lua_rawgeti(lua, list, (lua_Integer)at + 1);
        take_entry(lua, what, &entries[at]);
    }
    if (sim_raft_entries_set(message, entries, count) != 0) {
        luaL_error(lua, "out of memory");
    }
}

/* Refuses keys that are neither fields nor among `others`. */
static void check_names(lua_State *lua, const struct sim_raft_message *message, int table,
                        const char *what, const char *const *others)
{
    size_t count = sim_raft_field_count(message);
    size_t other_count = 0;
    while (others != NULL && others[other_count] != NULL) {
        other_count += 1;
    }
    const char **keys =
        (const char **)lua_newuserdatauv(lua, (count + other_count + 2) * sizeof *keys, 0);
    for (size_t field = 0; field < count; field += 1) {
        keys[field] = sim_raft_field_name(message, field);
    }
    for (size_t other = 0; other < other_count; other += 1) {
        keys[count++] = others[other];
    }
    if (sim_raft_message_kind(message) == SIM_RAFT_APPEND) {
        keys[count++] = "entries";
    } else if (has_data(message)) {
        keys[count++] = "data";
    }
    keys[count] = NULL;
    script_check_keys(lua, table, what, keys);
    lua_pop(lua, 1);
}

void script_set_raft_fields(lua_State *lua, struct sim_raft_message *message, int table,
                            const char *what, const char *const *others)
{
    luaL_checkstack(lua, 12, "message");
    table = lua_absindex(lua, table);
    int top = lua_gettop(lua);
    check_names(lua, message, table, what, others);
    for (size_t field = 0; field < sim_raft_field_count(message); field += 1) {
        if (script_get(lua, table, sim_raft_field_name(message, field))) {
            set_number(lua, message, field, what);
        }
        lua_settop(lua, top);
    }
    if (sim_raft_message_kind(message) == SIM_RAFT_APPEND && script_get(lua, table, "entries")) {
        set_entries(lua, message, what);
    }
    lua_settop(lua, top);
    if (has_data(message) && script_get(lua, table, "data") &&
        sim_raft_message_set_data(message, take_bytes(lua, what, "data")) != 0) {
        luaL_error(lua, "out of memory");
    }
    lua_settop(lua, top);
}
