/* n:propose and c:delete: commands as a member with the secret may send them, and the answer that it
 * gets (docs/scenario-api.md, A node). */
#include "protocol/command.h"
#include "protocol/error.h"
#include "protocol/json.h"
#include "protocol/manifest.h"
#include "protocol/node.h"
#include "sim/script_message.h"
#include "sim/script_story.h"
#include "sim/workload.h"

#define COMMAND_BYTES_MAX ((size_t)16 << 20)
#define BATCH_DEPTH_MAX   4

/* ---- Answers -------------------------------------------------------------------------------------- */

struct answer {
    const struct sim_propose_result *result;
};

static int list_answer(lua_State *lua)
{
    const struct answer *answer = lua_touserdata(lua, 1);
    lua_createtable(lua, 0, 3);
    lua_pushstring(lua, answer->result->status);
    lua_setfield(lua, -2, "status");
    lua_pushstring(lua, answer->result->code);
    lua_setfield(lua, -2, "code");
    lua_pushstring(lua, answer->result->text);
    lua_setfield(lua, -2, "error");
    return 1;
}

static void propose_done(void *context, const struct sim_propose_result *result)
{
    struct script_task *task = context;
    struct script *script = task->script;
    struct answer answer = {result};
    if (script_story_is_dropped(script)) {
        return;
    }
    lua_pushcfunction(script->lua, list_answer);
    lua_pushlightuserdata(script->lua, &answer);
    if (script_call(script, 1, 1)) {
        script_task_wake(task, true);
    } else {
        script_story_fail(script);
    }
}

static int return_answer(lua_State *lua, int status, lua_KContext context)
{
    (void)lua;
    (void)status;
    (void)context;
    return 1;
}

static int delete_file(lua_State *lua, lua_KContext since);

static int delete_again(lua_State *lua, int status, lua_KContext since)
{
    (void)status;
    return delete_file(lua, since);
}

static int call_delete(lua_State *lua)
{
    return delete_file(lua, 0);
}

/* Right after a flush the file is on its way into the manifest; what is in it can be deleted. */
static int delete_file(lua_State *lua, lua_KContext since)
{
    lua_settop(lua, 2);
    struct script_task *task = script_running_task(lua, "c:delete");
    size_t length_bytes = 0;
    const char *path = luaL_checklstring(lua, 2, &length_bytes);
    if (script_awaits_registration(script_world(lua), rp_view_make(path, length_bytes), &since)) {
        return script_sleep(lua, task, SCRIPT_REGISTERED_POLL_NS, since, delete_again);
    }
    if (sim_world_leader(script_world(lua)) == NULL &&
        sim_world_primary_writer(script_world(lua)) == NULL) {
        return script_wait_for_process(lua, task, "c:delete", "no writer is up, and nobody leads",
                                       since, delete_again);
    }
    struct sim_propose_wait wait = {propose_done, task};
    sim_workload_delete(script_world(lua), rp_view_make(path, length_bytes),
                        rp_view_text("retention"), &wait);
    return script_yield(lua, task, 0, return_answer);
}

const luaL_Reg script_propose_methods[] = {
    {"delete", call_delete},
    {NULL, NULL},
};

/* ---- Types ---------------------------------------------------------------------------------------- */

enum payload_kind { PAYLOAD_RAW, PAYLOAD_FILE, PAYLOAD_NODE, PAYLOAD_FLAT, PAYLOAD_BATCH };

struct command_name {
    const char *name;
    uint8_t type;
    enum payload_kind kind;
    const char *const *keys;
};

#define COMMON "type", "payload"
static const char *const file_keys[] = {COMMON,           "path",        "sha256", "size_bytes",
                                        "database",       "measurement", "tier",   "origin_node_id",
                                        "partition_time", "created_at",  NULL};
static const char *const node_keys[] = {
    COMMON,  "id",      "name",         "role",         "address",    "cluster_name", "api_address",
    "state", "version", "writer_state", "raft_address", "core_count", "raft_id",      NULL};
static const char *const delete_keys[] = {COMMON, "path", "reason", NULL};
static const char *const id_keys[] = {COMMON, "node_id", NULL};
static const char *const state_keys[] = {COMMON, "node_id", "new_state", NULL};
static const char *const promote_keys[] = {COMMON, "node_id", "old_primary_id", NULL};
static const char *const assign_keys[] = {COMMON, "node_id", "old_compactor_id", NULL};
static const char *const batch_keys[] = {COMMON, "ops", NULL};
static const char *const raw_keys[] = {COMMON, NULL};

static const struct command_name command_names[] = {
    {"AddNode", RP_CMD_ADD_NODE, PAYLOAD_NODE, node_keys},
    {"RemoveNode", RP_CMD_REMOVE_NODE, PAYLOAD_FLAT, id_keys},
    {"UpdateNode", RP_CMD_UPDATE_NODE, PAYLOAD_NODE, node_keys},
    {"UpdateNodeState", RP_CMD_UPDATE_NODE_STATE, PAYLOAD_FLAT, state_keys},
    {"PromoteWriter", RP_CMD_PROMOTE_WRITER, PAYLOAD_FLAT, promote_keys},
    {"DemoteWriter", RP_CMD_DEMOTE_WRITER, PAYLOAD_FLAT, promote_keys},
    {"RegisterFile", RP_CMD_REGISTER_FILE, PAYLOAD_FILE, file_keys},
    {"DeleteFile", RP_CMD_DELETE_FILE, PAYLOAD_FLAT, delete_keys},
    {"AssignCompactor", RP_CMD_ASSIGN_COMPACTOR, PAYLOAD_FLAT, assign_keys},
    {"BatchFileOps", RP_CMD_BATCH_FILE_OPS, PAYLOAD_BATCH, batch_keys},
    {"UpdateFile", RP_CMD_UPDATE_FILE, PAYLOAD_FILE, file_keys},
};

/* The command that the value on top of the stack names. */
static struct command_name take_type(lua_State *lua)
{
    struct command_name raw = {"", 0, PAYLOAD_RAW, raw_keys};
    bool is_text = lua_type(lua, -1) == LUA_TSTRING;
    if (!is_text) {
        raw.type = (uint8_t)script_take_count(lua, -1, "n:propose: type", UINT8_MAX);
    }
    for (size_t row = 0; row < sizeof command_names / sizeof command_names[0]; row += 1) {
        const struct command_name *known = &command_names[row];
        bool is_it =
            is_text ? strcmp(lua_tostring(lua, -1), known->name) == 0 : raw.type == known->type;
        if (is_it) {
            return *known;
        }
    }
    if (is_text) {
        luaL_error(lua, "n:propose: type '%s' is unknown", lua_tostring(lua, -1));
    }
    return raw;
}

/* Fields may also stand in the table of their own that the payload has for them: file = {...}. Pushes
 * it when there is one. */
static bool push_inner(lua_State *lua, int fields, const struct command_name *command)
{
    static const char *const inner_keys[] = {[PAYLOAD_FILE] = "file", [PAYLOAD_NODE] = "node"};
    if (command->kind != PAYLOAD_FILE && command->kind != PAYLOAD_NODE) {
        return false;
    }
    if (script_get(lua, fields, inner_keys[command->kind]) && lua_istable(lua, -1)) {
        return true;
    }
    lua_pop(lua, 1);
    return false;
}

/* ---- Payloads ------------------------------------------------------------------------------------- */

/* JSON under way. Its buffer is cleared by whoever made it; so errors of Lua may not be raised while
 * it holds anything: they are kept, and raised at the end. */
struct payload {
    lua_State *lua;
    struct sim_pod *pod;
    struct rp_buffer *json; /* in Lua's memory */
    bool is_first;
    int error;
    char note[160];
};

static void append(struct payload *payload, struct rp_view text)
{
    if (payload->error == 0) {
        payload->error = rp_buffer_append(payload->json, text);
    }
}

static void append_key(struct payload *payload, const char *key)
{
    append(payload, rp_view_text(payload->is_first ? "" : ","));
    payload->is_first = false;
    if (payload->error == 0) {
        payload->error = rp_json_append_text(payload->json, rp_view_text(key));
    }
    append(payload, rp_view_text(":"));
}

static void append_string(struct payload *payload, struct rp_view text)
{
    if (payload->error == 0) {
        payload->error = rp_json_append_text(payload->json, text);
    }
}

/* A number is seconds since 1970. */
static void append_time(struct payload *payload, int64_t unix_s)
{
    struct rp_wall_time time = {.unix_s = unix_s};
    append(payload, rp_view_text("\""));
    if (payload->error == 0) {
        payload->error = rp_wall_time_append(payload->json, time);
    }
    append(payload, rp_view_text("\""));
}

static bool is_time_key(const char *key)
{
    return strcmp(key, "created_at") == 0 || strcmp(key, "partition_time") == 0;
}

/* The value on top of the stack, as the kind it is: refusable ones are what this call is for. */
static void append_value(struct payload *payload, const char *key)
{
    lua_State *lua = payload->lua;
    size_t length_bytes = 0;
    if (lua_type(lua, -1) == LUA_TSTRING) {
        const char *text = lua_tolstring(lua, -1, &length_bytes);
        append_string(payload, rp_view_make(text, length_bytes));
    } else if (lua_type(lua, -1) == LUA_TBOOLEAN) {
        append(payload, rp_view_text(lua_toboolean(lua, -1) ? "true" : "false"));
    } else if (lua_isinteger(lua, -1) && is_time_key(key)) {
        append_time(payload, lua_tointeger(lua, -1));
    } else if (lua_isinteger(lua, -1) && payload->error == 0) {
        payload->error = rp_json_append_int(payload->json, lua_tointeger(lua, -1));
    } else if (payload->error == 0) {
        payload->error = RP_ERR_TYPE;
        (void)snprintf(
            payload->note, sizeof payload->note,
            "n:propose: %.40s: expected a string, a whole number or a boolean, got %.20s", key,
            luaL_typename(lua, -1));
    }
}

/* What a registration needs and the scenario left out. */
static void append_default(struct payload *payload, const char *key)
{
    static const struct {
        const char *key, *value;
    } defaults[] = {
        {"sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"database", "db"},
        {"measurement", "cpu"},
        {"tier", "hot"},
    };
    for (size_t row = 0; row < sizeof defaults / sizeof defaults[0]; row += 1) {
        if (strcmp(key, defaults[row].key) == 0) {
            append_key(payload, key);
            append_string(payload, rp_view_text(defaults[row].value));
        }
    }
    if (strcmp(key, "origin_node_id") == 0) {
        append_key(payload, key);
        append_string(payload, sim_pod_id(payload->pod));
    } else if (is_time_key(key)) {
        append_key(payload, key);
        append_time(payload, sim_pod_wall_s(payload->pod));
    }
}

/* What the sender knows of the node that the fields name; NULL: nothing. */
static const struct rp_node_record *known_record(const struct payload *payload, int fields)
{
    const struct rp_node_record *record = NULL;
    struct rp_node *node = sim_pod_node(payload->pod);
    const struct rp_manifest *manifest = node == NULL ? NULL : rp_node_manifest(node);
    if (script_get(payload->lua, fields, "id") && lua_type(payload->lua, -1) == LUA_TSTRING &&
        manifest != NULL) {
        record = rp_manifest_node(manifest, script_take_path(payload->lua, -1, "n:propose: id"));
    }
    lua_pop(payload->lua, 1);
    return record;
}

/* A record replaces the one before as a whole: what the scenario left out stays as it is. */
static void append_known(struct payload *payload, const struct rp_node_record *record,
                         const char *key)
{
    const struct {
        const char *key;
        struct rp_view text;
    } texts[] = {
        {"name", record->name},
        {"role", record->role},
        {"address", record->address},
        {"cluster_name", record->cluster_name},
        {"api_address", record->api_address},
        {"state", record->state},
        {"version", record->version},
        {"writer_state", record->writer_state},
        {"raft_address", record->raft_address},
    };
    for (size_t row = 0; row < sizeof texts / sizeof texts[0]; row += 1) {
        if (strcmp(key, texts[row].key) == 0) {
            append_key(payload, key);
            append_string(payload, texts[row].text);
        }
    }
    if (strcmp(key, "raft_id") == 0 && payload->error == 0) {
        append_key(payload, key);
        payload->error = rp_json_append_uint(payload->json, record->raft_id);
    }
}

/* Keys that no scenario writes. */
static void append_rest(struct payload *payload, const struct rp_node_record *record)
{
    append_key(payload, "joined_unix_s");
    if (payload->error == 0) {
        payload->error = rp_json_append_int(payload->json, record->joined_unix_s);
    }
    append_key(payload, "bound_fetch");
    append(payload, rp_view_text(record->is_bound_fetch ? "true" : "false"));
}

static void append_fields(struct payload *payload, int fields, const struct command_name *command)
{
    const struct rp_node_record *record =
        command->kind == PAYLOAD_NODE ? known_record(payload, fields) : NULL;
    for (const char *const *key = command->keys; *key != NULL; key += 1) {
        if (strcmp(*key, "type") == 0 || strcmp(*key, "payload") == 0) {
            continue;
        }
        if (script_get(payload->lua, fields, *key)) {
            append_key(payload, *key);
            append_value(payload, *key);
        } else if (command->kind == PAYLOAD_FILE) {
            append_default(payload, *key);
        } else if (record != NULL) {
            append_known(payload, record, *key);
        }
        lua_pop(payload->lua, 1);
    }
    if (record != NULL) {
        append_rest(payload, record);
    }
}

static void append_payload(struct payload *payload, int fields, const struct command_name *command,
                           int depth);

/* Each operation is {"type":N,"payload":base64}, as a command of its own would be. */
static void append_operation(struct payload *payload, int fields, int depth)
{
    lua_State *lua = payload->lua;
    struct payload inner = {.lua = lua, .pod = payload->pod, .is_first = true};
    if (!lua_istable(lua, fields) || depth > BATCH_DEPTH_MAX) {
        payload->error = RP_ERR_TYPE;
        (void)snprintf(payload->note, sizeof payload->note,
                       "n:propose: ops: expected a list of tables");
        return;
    }
    (void)script_get(lua, fields, "type");
    struct command_name command = take_type(lua);
    lua_pop(lua, 1);
    inner.json = script_push_buffer(lua, COMMAND_BYTES_MAX);
    append_payload(&inner, fields, &command, depth);
    if (inner.error == 0 && payload->error == 0) {
        payload->error =
            rp_command_encode_raw(payload->json, command.type, rp_buffer_view(inner.json));
    } else if (payload->error == 0) {
        payload->error = inner.error;
        memcpy(payload->note, inner.note, sizeof payload->note);
    }
    rp_buffer_clear(inner.json);
    lua_pop(lua, 1);
}

static void append_operations(struct payload *payload, int fields, int depth)
{
    lua_State *lua = payload->lua;
    append_key(payload, "ops");
    append(payload, rp_view_text("["));
    if (script_get(lua, fields, "ops") && lua_istable(lua, -1)) {
        int list = lua_gettop(lua);
        lua_Integer count = (lua_Integer)lua_rawlen(lua, list);
        for (lua_Integer row = 1; row <= count && payload->error == 0; row += 1) {
            append(payload, rp_view_text(row == 1 ? "" : ","));
            lua_rawgeti(lua, list, row);
            append_operation(payload, lua_gettop(lua), depth + 1);
            lua_pop(lua, 1);
        }
    }
    lua_pop(lua, 1);
    append(payload, rp_view_text("]"));
}

static void append_payload(struct payload *payload, int fields, const struct command_name *command,
                           int depth)
{
    lua_State *lua = payload->lua;
    if (script_get(lua, fields, "payload") && lua_type(lua, -1) == LUA_TSTRING) {
        size_t length_bytes = 0;
        const char *text = lua_tolstring(lua, -1, &length_bytes);
        append(payload, rp_view_make(text, length_bytes));
        lua_pop(lua, 1);
        return;
    }
    lua_pop(lua, 1);
    static const char *const wrappers[] = {
        [PAYLOAD_FILE] = "{\"file\":{", [PAYLOAD_NODE] = "{\"node\":{"};
    bool is_wrapped = command->kind == PAYLOAD_FILE || command->kind == PAYLOAD_NODE;
    append(payload, rp_view_text(is_wrapped ? wrappers[command->kind] : "{"));
    if (command->kind == PAYLOAD_BATCH) {
        append_operations(payload, fields, depth);
    } else if (push_inner(lua, fields, command)) {
        append_fields(payload, lua_gettop(lua), command);
        lua_pop(lua, 1);
    } else {
        append_fields(payload, fields, command);
    }
    append(payload, rp_view_text(is_wrapped ? "}}" : "}"));
}

/* ---- n:propose ------------------------------------------------------------------------------------ */

/* Every table is judged before anything is made, so that no error is raised over a full buffer. */
static void check_fields(lua_State *lua, int fields, int depth)
{
    fields = lua_absindex(lua, fields);
    if (!lua_istable(lua, fields) || !script_get(lua, fields, "type")) {
        luaL_error(lua, "n:propose: expected a table with a type");
    }
    luaL_checkstack(lua, 16, "n:propose");
    struct command_name command = take_type(lua);
    lua_pop(lua, 1);
    if (push_inner(lua, fields, &command)) {
        static const char *const outer_keys[] = {"type", "file", "node", NULL};
        script_check_keys(lua, fields, "n:propose", outer_keys);
        fields = lua_gettop(lua);
    }
    script_check_keys(lua, fields, "n:propose", command.keys);
    if (command.kind != PAYLOAD_BATCH || !script_get(lua, fields, "ops")) {
        return;
    }
    if (!lua_istable(lua, -1) || depth >= BATCH_DEPTH_MAX) {
        luaL_error(lua, "n:propose: ops: expected a list of tables");
    }
    lua_Integer count = (lua_Integer)lua_rawlen(lua, -1);
    script_spend(lua, (uint64_t)count * 8);
    for (lua_Integer row = 1; row <= count; row += 1) {
        lua_rawgeti(lua, -1, row);
        check_fields(lua, -1, depth + 1);
        lua_settop(lua, lua_gettop(lua));
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
}

/* The command's bytes, in Lua's memory, on the stack. */
static void push_command(lua_State *lua, struct sim_pod *pod, int fields)
{
    struct payload payload = {.lua = lua, .pod = pod, .is_first = true};
    struct rp_buffer *command = script_push_buffer(lua, COMMAND_BYTES_MAX);
    payload.json = script_push_buffer(lua, COMMAND_BYTES_MAX);
    (void)script_get(lua, fields, "type");
    struct command_name name = take_type(lua);
    lua_pop(lua, 1);
    append_payload(&payload, fields, &name, 0);
    if (payload.error == 0) {
        payload.error = rp_command_encode_raw(command, name.type, rp_buffer_view(payload.json));
    }
    if (payload.error != 0) {
        luaL_error(lua, "%s",
                   payload.note[0] != '\0' ? payload.note : "n:propose: the command is too large");
    }
    lua_pop(lua, 1);
    script_finish_buffer(lua, command);
}

int script_node_propose(lua_State *lua)
{
    struct script_task *task = script_running_task(lua, "n:propose");
    struct sim_pod *pod = script_take_node(lua, 1, "n:propose");
    lua_settop(lua, 2);
    check_fields(lua, 2, 0);
    lua_settop(lua, 2);
    push_command(lua, pod, 2);
    size_t length_bytes = 0;
    const char *command = lua_tolstring(lua, -1, &length_bytes);
    struct sim_propose_wait wait = {propose_done, task};
    sim_workload_propose(pod, rp_view_make(command, length_bytes), &wait);
    return script_yield(lua, task, 0, return_answer);
}
