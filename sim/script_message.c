#include "sim/script_message.h"

#include "protocol/error.h"
#include "protocol/limits.h"
#include "protocol/message.h"
#include "protocol/message_table.h"
#include "sim/alloc.h"

#define FRAME_BYTES_MAX (RP_FRAME_LENGTH_MAX + 4)
#define BUFFER_TYPE     "script.buffer"
#define LIST_LENGTH_MAX RP_JOIN_NODES_MAX

bool script_message_type(const char *name, uint8_t *type_out)
{
    for (unsigned type = 0; type < 256; type += 1) {
        const struct rp_message_kind *kind = rp_message_kind_find((uint8_t)type);
        if (kind != NULL && strcmp(kind->name, name) == 0) {
            *type_out = (uint8_t)type;
            return true;
        }
    }
    return false;
}

/* ---- Buffers ------------------------------------------------------------------------------------- */

static int collect_buffer(lua_State *lua)
{
    rp_buffer_clear(lua_touserdata(lua, 1));
    return 0;
}

struct rp_buffer *script_push_buffer(lua_State *lua, size_t max_bytes)
{
    struct rp_buffer *buffer = lua_newuserdatauv(lua, sizeof *buffer, 0);
    rp_buffer_init(buffer, sim_libc_alloc(), max_bytes);
    if (luaL_newmetatable(lua, BUFFER_TYPE)) {
        lua_pushcfunction(lua, collect_buffer);
        lua_setfield(lua, -2, "__gc");
    }
    lua_setmetatable(lua, -2);
    return buffer;
}

void script_finish_buffer(lua_State *lua, struct rp_buffer *buffer)
{
    script_push_view(lua, rp_buffer_view(buffer));
    rp_buffer_clear(buffer); /* the bytes need not wait for the collector */
    lua_replace(lua, -2);
}

/* `,"key":` */
static void push_key(lua_State *lua, const struct rp_json_field *field)
{
    lua_pushlstring(lua, field->prefix + 2, (size_t)field->prefix_length - 4);
}

/* ---- To Lua -------------------------------------------------------------------------------------- */

static void push_fields(lua_State *lua, const struct rp_json_shape *shape, const void *source);

static void push_time(lua_State *lua, const struct rp_wall_time *time)
{
    struct rp_buffer *text = script_push_buffer(lua, 64);
    if (rp_wall_time_append(text, *time) == 0) {
        script_finish_buffer(lua, text);
    } else {
        lua_pop(lua, 1);
        lua_pushnil(lua);
    }
}

static void push_list(lua_State *lua, const struct rp_json_field *field, const char *source)
{
    const char *items = *(const char *const *)(const void *)(source + field->offset);
    size_t count = *(const size_t *)(const void *)(source + field->count_offset);
    lua_createtable(lua, (int)count, 0);
    for (size_t index = 0; index < count; index += 1) {
        push_fields(lua, field->shape, items + index * field->shape->struct_bytes);
        lua_rawseti(lua, -2, (lua_Integer)index + 1);
    }
}

static void push_value(lua_State *lua, const struct rp_json_field *field, const char *source)
{
    const void *member = source + field->offset;
    switch ((enum rp_json_kind)field->kind) {
    case RP_JSON_TEXT:
    case RP_JSON_RAW: script_push_view(lua, *(const struct rp_view *)member); break;
    case RP_JSON_INT: lua_pushinteger(lua, *(const int64_t *)member); break;
    case RP_JSON_UINT: lua_pushinteger(lua, (lua_Integer) * (const uint64_t *)member); break;
    case RP_JSON_UINT8: lua_pushinteger(lua, *(const uint8_t *)member); break;
    case RP_JSON_BOOL: lua_pushboolean(lua, *(const bool *)member); break;
    case RP_JSON_BYTES: script_push_view(lua, ((const struct rp_bytes *)member)->view); break;
    case RP_JSON_TIME: push_time(lua, member); break;
    case RP_JSON_OBJECT: push_fields(lua, field->shape, member); break;
    case RP_JSON_LIST: push_list(lua, field, source); break;
    }
}

static void push_fields(lua_State *lua, const struct rp_json_shape *shape, const void *source)
{
    luaL_checkstack(lua, 6, "message");
    lua_createtable(lua, 0, (int)shape->field_count);
    for (size_t row = 0; row < shape->field_count; row += 1) {
        push_key(lua, &shape->fields[row]);
        push_value(lua, &shape->fields[row], source);
        lua_rawset(lua, -3);
    }
}

void script_push_message(lua_State *lua, uint8_t type, struct rp_view payload)
{
    struct rp_arena arena;
    struct rp_message message;
    rp_arena_init(&arena, sim_libc_alloc());
    int error =
        rp_message_decode(rp_release_traits(RP_RELEASE_CURRENT), type, payload, &arena, &message);
    if (error == 0) {
        push_fields(lua, &rp_message_kind_find(type)->shape, &message.as);
    } else {
        lua_newtable(lua);
    }
    rp_arena_clear(&arena);
}

/* ---- From Lua ------------------------------------------------------------------------------------ */

/* What is taken stays referenced: strings by the table they are in, memory by the stack. */
static void take_fields(lua_State *lua, const struct rp_json_shape *shape, int table, char *target,
                        const char *what);

static void take_failed(lua_State *lua, const struct rp_json_field *field, const char *what)
{
    push_key(lua, field);
    luaL_error(lua, "%s: %s: not with a %s", what, lua_tostring(lua, -1), luaL_typename(lua, -2));
}

static int64_t take_whole(lua_State *lua, const struct rp_json_field *field, const char *what)
{
    int is_whole = 0;
    int64_t number = lua_tointegerx(lua, -1, &is_whole);
    if (!is_whole || lua_type(lua, -1) != LUA_TNUMBER) {
        take_failed(lua, field, what);
    }
    return number;
}

static struct rp_view take_bytes(lua_State *lua, const struct rp_json_field *field,
                                 const char *what)
{
    if (lua_type(lua, -1) != LUA_TSTRING) {
        take_failed(lua, field, what);
    }
    size_t length_bytes = 0;
    const char *text = lua_tolstring(lua, -1, &length_bytes);
    return rp_view_make(text, length_bytes);
}

static void take_list(lua_State *lua, const struct rp_json_field *field, char *target,
                      const char *what)
{
    int list = lua_gettop(lua);
    size_t count = lua_istable(lua, list) ? (size_t)luaL_len(lua, list) : 0;
    if (!lua_istable(lua, list) || count > LIST_LENGTH_MAX) {
        take_failed(lua, field, what);
    }
    size_t item_bytes = field->shape->struct_bytes;
    char *items = lua_newuserdatauv(lua, count * item_bytes + 1, 0);
    memset(items, 0, count * item_bytes + 1);
    for (size_t index = 0; index < count; index += 1) {
        lua_rawgeti(lua, list, (lua_Integer)index + 1);
        take_fields(lua, field->shape, lua_gettop(lua), items + index * item_bytes, what);
    }
    *(char **)(void *)(target + field->offset) = items;
    *(size_t *)(void *)(target + field->count_offset) = count;
    *(bool *)(void *)(target + field->present_offset) = true;
}

/* The value is on top of the stack. */
static void take_value(lua_State *lua, const struct rp_json_field *field, char *target,
                       const char *what)
{
    void *member = target + field->offset;
    switch ((enum rp_json_kind)field->kind) {
    case RP_JSON_TEXT:
    case RP_JSON_RAW: *(struct rp_view *)member = take_bytes(lua, field, what); break;
    case RP_JSON_INT: *(int64_t *)member = take_whole(lua, field, what); break;
    case RP_JSON_UINT: *(uint64_t *)member = (uint64_t)take_whole(lua, field, what); break;
    case RP_JSON_UINT8: *(uint8_t *)member = (uint8_t)take_whole(lua, field, what); break;
    case RP_JSON_BOOL:
        if (!lua_isboolean(lua, -1)) {
            take_failed(lua, field, what);
        }
        *(bool *)member = lua_toboolean(lua, -1) != 0;
        break;
    case RP_JSON_BYTES:
        *(struct rp_bytes *)member = (struct rp_bytes){take_bytes(lua, field, what), true};
        break;
    case RP_JSON_TIME:
        if (rp_wall_time_parse(take_bytes(lua, field, what), member) != 0) {
            take_failed(lua, field, what);
        }
        break;
    case RP_JSON_OBJECT: take_fields(lua, field->shape, lua_gettop(lua), member, what); break;
    case RP_JSON_LIST: take_list(lua, field, target, what); break;
    }
}

static void check_fields(lua_State *lua, const struct rp_json_shape *shape, int table,
                         const char *what)
{
    const char **keys = lua_newuserdatauv(lua, (shape->field_count + 1) * sizeof *keys, 0);
    for (size_t row = 0; row < shape->field_count; row += 1) {
        push_key(lua, &shape->fields[row]);
        keys[row] = lua_tostring(lua, -1); /* kept by the stack */
    }
    keys[shape->field_count] = NULL;
    script_check_keys(lua, table, what, keys);
}

static void take_fields(lua_State *lua, const struct rp_json_shape *shape, int table, char *target,
                        const char *what)
{
    luaL_checkstack(lua, (int)shape->field_count * 2 + 8, "message");
    int top = lua_gettop(lua);
    check_fields(lua, shape, table, what);
    lua_settop(lua, top);
    for (size_t row = 0; row < shape->field_count; row += 1) {
        const struct rp_json_field *field = &shape->fields[row];
        if (field->kind == RP_JSON_TIME) {
            *(struct rp_wall_time *)(void *)(target + field->offset) =
                (struct rp_wall_time){.unix_s = RP_TIME_ZERO_UNIX_S};
        }
        push_key(lua, field);
        lua_rawget(lua, table);
        if (!lua_isnil(lua, -1)) {
            take_value(lua, field, target, what);
        }
    }
}

void script_push_frame(lua_State *lua, uint8_t type, int fields, const char *what)
{
    struct rp_message message;
    fields = lua_absindex(lua, fields);
    int top = lua_gettop(lua);
    memset(&message, 0, sizeof message);
    message.type = (enum rp_message_type)type;
    take_fields(lua, &rp_message_kind_find(type)->shape, fields, (char *)&message.as, what);
    struct rp_buffer *frame = script_push_buffer(lua, FRAME_BYTES_MAX);
    int error = rp_message_encode(rp_release_traits(RP_RELEASE_CURRENT), &message, frame);
    if (error != 0) {
        luaL_error(lua, "%s: the message cannot be encoded: %s", what, rp_strerror(error));
    }
    script_finish_buffer(lua, frame);
    lua_replace(lua, top + 1); /* what the message borrows from is not needed any more */
    lua_settop(lua, top + 1);
}

void script_push_merged(lua_State *lua, int fields, int changes)
{
    const int tables[2] = {lua_absindex(lua, fields), lua_absindex(lua, changes)};
    lua_newtable(lua);
    for (int table = 0; table < 2; table += 1) {
        lua_pushnil(lua);
        while (lua_next(lua, tables[table]) != 0) { /* the order does not matter: keys differ */
            lua_pushvalue(lua, -2);
            lua_insert(lua, -2);
            lua_rawset(lua, -4);
        }
    }
}
