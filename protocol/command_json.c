#include "protocol/command_json.h"

#include "protocol/error.h"

/* ---- Shapes ---------------------------------------------------------------------------------- */

static const struct rp_json_field ENVELOPE_FIELDS[] = {
    {RP_JSON_FIELD(struct rp_command_envelope, type, "type", RP_JSON_UINT8)},
    {RP_JSON_FIELD(struct rp_command_envelope, payload, "payload", RP_JSON_BYTES)},
};
const struct rp_json_shape RP_ENVELOPE_SHAPE =
    RP_JSON_SHAPE(struct rp_command_envelope, ENVELOPE_FIELDS);

/* behaviour.md 1.2: no key is left out. */
static const struct rp_json_field FILE_FIELDS[] = {
    {RP_JSON_FIELD(struct rp_file_json, record.path, "path", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct rp_file_json, record.sha256, "sha256", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct rp_file_json, record.size_bytes, "size_bytes", RP_JSON_INT)},
    {RP_JSON_FIELD(struct rp_file_json, record.database, "database", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct rp_file_json, record.measurement, "measurement", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct rp_file_json, record.partition_time, "partition_time", RP_JSON_TIME)},
    {RP_JSON_FIELD(struct rp_file_json, record.origin_node_id, "origin_node_id", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct rp_file_json, record.tier, "tier", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct rp_file_json, record.created_at, "created_at", RP_JSON_TIME)},
    {RP_JSON_FIELD(struct rp_file_json, lsn, "lsn", RP_JSON_UINT)},
};
const struct rp_json_shape RP_FILE_SHAPE = RP_JSON_SHAPE(struct rp_file_json, FILE_FIELDS);

static const struct rp_json_field FILE_PAYLOAD_FIELDS[] = {
    {RP_JSON_FIELD(struct rp_file_payload, file, "file", RP_JSON_OBJECT), .shape = &RP_FILE_SHAPE},
};
const struct rp_json_shape RP_FILE_PAYLOAD_SHAPE =
    RP_JSON_SHAPE(struct rp_file_payload, FILE_PAYLOAD_FIELDS);

static const struct rp_json_field DELETE_FIELDS[] = {
    {RP_JSON_FIELD(struct rp_delete_payload, path, "path", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct rp_delete_payload, reason, "reason", RP_JSON_TEXT), .omit_zero = true},
};
const struct rp_json_shape RP_DELETE_SHAPE = RP_JSON_SHAPE(struct rp_delete_payload, DELETE_FIELDS);

/* The last four keys are ours (design.md, membership). */
static const struct rp_json_field NODE_FIELDS[] = {
    {RP_JSON_FIELD(struct rp_node_record, id, "id", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct rp_node_record, name, "name", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct rp_node_record, role, "role", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct rp_node_record, cluster_name, "cluster_name", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct rp_node_record, address, "address", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct rp_node_record, api_address, "api_address", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct rp_node_record, state, "state", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct rp_node_record, version, "version", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct rp_node_record, writer_state, "writer_state", RP_JSON_TEXT),
     .omit_zero = true},
    {RP_JSON_FIELD(struct rp_node_record, core_count, "core_count", RP_JSON_INT)},
    {RP_JSON_FIELD(struct rp_node_record, raft_id, "raft_id", RP_JSON_UINT), .omit_zero = true},
    {RP_JSON_FIELD(struct rp_node_record, raft_address, "raft_address", RP_JSON_TEXT),
     .omit_zero = true},
    {RP_JSON_FIELD(struct rp_node_record, joined_unix_s, "joined_unix_s", RP_JSON_INT),
     .omit_zero = true},
    {RP_JSON_FIELD(struct rp_node_record, is_bound_fetch, "bound_fetch", RP_JSON_BOOL),
     .omit_zero = true},
};
const struct rp_json_shape RP_NODE_SHAPE = RP_JSON_SHAPE(struct rp_node_record, NODE_FIELDS);

static const struct rp_json_field NODE_PAYLOAD_FIELDS[] = {
    {RP_JSON_FIELD(struct rp_node_payload, node, "node", RP_JSON_OBJECT), .shape = &RP_NODE_SHAPE},
};
const struct rp_json_shape RP_NODE_PAYLOAD_SHAPE =
    RP_JSON_SHAPE(struct rp_node_payload, NODE_PAYLOAD_FIELDS);

static const struct rp_json_field NODE_ID_FIELDS[] = {
    {RP_JSON_FIELD(struct rp_node_id_payload, node_id, "node_id", RP_JSON_TEXT)},
};
const struct rp_json_shape RP_NODE_ID_SHAPE =
    RP_JSON_SHAPE(struct rp_node_id_payload, NODE_ID_FIELDS);

static const struct rp_json_field NODE_STATE_FIELDS[] = {
    {RP_JSON_FIELD(struct rp_node_id_payload, node_id, "node_id", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct rp_node_id_payload, new_state, "new_state", RP_JSON_TEXT)},
};
const struct rp_json_shape RP_NODE_STATE_SHAPE =
    RP_JSON_SHAPE(struct rp_node_id_payload, NODE_STATE_FIELDS);

static const struct rp_json_field PROMOTE_FIELDS[] = {
    {RP_JSON_FIELD(struct rp_node_id_payload, node_id, "node_id", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct rp_node_id_payload, old_primary_id, "old_primary_id", RP_JSON_TEXT),
     .omit_zero = true},
};
const struct rp_json_shape RP_PROMOTE_SHAPE =
    RP_JSON_SHAPE(struct rp_node_id_payload, PROMOTE_FIELDS);

static const struct rp_json_field ASSIGN_FIELDS[] = {
    {RP_JSON_FIELD(struct rp_node_id_payload, node_id, "node_id", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct rp_node_id_payload, old_primary_id, "old_compactor_id", RP_JSON_TEXT),
     .omit_zero = true},
};
const struct rp_json_shape RP_ASSIGN_SHAPE =
    RP_JSON_SHAPE(struct rp_node_id_payload, ASSIGN_FIELDS);

static const struct rp_json_field BATCH_FIELDS[] = {
    {RP_JSON_LIST_FIELD(struct rp_batch_payload, operations, operation_count, has_operations,
                        "ops"),
     .shape = &RP_ENVELOPE_SHAPE},
};
const struct rp_json_shape RP_BATCH_SHAPE = RP_JSON_SHAPE(struct rp_batch_payload, BATCH_FIELDS);

/* ---- Writing --------------------------------------------------------------------------------- */

static int wrap(struct rp_buffer *out, enum rp_command_type type, struct rp_view payload)
{
    struct rp_command_envelope envelope = {(uint8_t)type, {payload, true}};
    return rp_json_encode_object(&RP_ENVELOPE_SHAPE, 0, &envelope, out);
}

static int encode(struct rp_buffer *out, enum rp_command_type type,
                  const struct rp_json_shape *shape, const void *payload)
{
    struct rp_buffer json;
    rp_buffer_init(&json, out->alloc, out->max_bytes);
    int error = rp_json_encode_object(shape, 0, payload, &json);
    if (error == 0) {
        error = wrap(out, type, rp_buffer_view(&json));
    }
    rp_buffer_clear(&json);
    return error;
}

int rp_command_encode_register(struct rp_buffer *out, enum rp_command_type type,
                               const struct rp_file_record *file)
{
    struct rp_file_payload payload = {{*file, 0}};
    return encode(out, type, &RP_FILE_PAYLOAD_SHAPE, &payload);
}

int rp_command_encode_delete(struct rp_buffer *out, struct rp_view path, struct rp_view reason)
{
    struct rp_delete_payload payload = {path, reason};
    return encode(out, RP_CMD_DELETE_FILE, &RP_DELETE_SHAPE, &payload);
}

int rp_command_encode_node(struct rp_buffer *out, enum rp_command_type type,
                           const struct rp_node_record *node)
{
    struct rp_node_payload payload = {*node};
    return encode(out, type, &RP_NODE_PAYLOAD_SHAPE, &payload);
}

int rp_command_encode_remove_node(struct rp_buffer *out, struct rp_view node_id)
{
    struct rp_node_id_payload payload = {.node_id = node_id};
    return encode(out, RP_CMD_REMOVE_NODE, &RP_NODE_ID_SHAPE, &payload);
}

int rp_command_encode_node_state(struct rp_buffer *out, struct rp_view node_id,
                                 struct rp_view state)
{
    struct rp_node_id_payload payload = {.node_id = node_id, .new_state = state};
    return encode(out, RP_CMD_UPDATE_NODE_STATE, &RP_NODE_STATE_SHAPE, &payload);
}

int rp_command_encode_role(struct rp_buffer *out, enum rp_command_type type, struct rp_view node_id,
                           struct rp_view former_id)
{
    struct rp_node_id_payload payload = {.node_id = node_id, .old_primary_id = former_id};
    if (type == RP_CMD_ASSIGN_COMPACTOR) {
        return encode(out, type, &RP_ASSIGN_SHAPE, &payload);
    }
    return encode(out, type, type == RP_CMD_PROMOTE_WRITER ? &RP_PROMOTE_SHAPE : &RP_NODE_ID_SHAPE,
                  &payload);
}

int rp_command_encode_raw(struct rp_buffer *out, uint8_t type, struct rp_view payload)
{
    struct rp_command_envelope envelope = {type, {payload, true}};
    return rp_json_encode_object(&RP_ENVELOPE_SHAPE, 0, &envelope, out);
}

static int encode_operation(const struct rp_batch_operation *operation, struct rp_buffer *json)
{
    if (operation->type == RP_CMD_DELETE_FILE) {
        struct rp_delete_payload payload = {operation->delete_path, operation->delete_reason};
        return rp_json_encode_object(&RP_DELETE_SHAPE, 0, &payload, json);
    }
    struct rp_file_payload payload = {{*operation->file, 0}};
    return rp_json_encode_object(&RP_FILE_PAYLOAD_SHAPE, 0, &payload, json);
}

/* The payload of each operation lies in the arena until the whole is written. */
static int encode_operations(const struct rp_batch_operation *operations, size_t count,
                             struct rp_buffer *json, struct rp_arena *arena,
                             struct rp_command_envelope *envelopes)
{
    for (size_t i = 0; i < count; i++) {
        rp_buffer_reset(json);
        int error = encode_operation(&operations[i], json);
        envelopes[i].type = (uint8_t)operations[i].type;
        envelopes[i].payload.is_present = true;
        if (error == 0) {
            error = rp_arena_copy(arena, rp_buffer_view(json), &envelopes[i].payload.view);
        }
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

int rp_command_encode_batch(struct rp_buffer *out, const struct rp_batch_operation *operations,
                            size_t count)
{
    struct rp_arena arena;
    struct rp_buffer json;
    rp_arena_init(&arena, out->alloc);
    rp_buffer_init(&json, out->alloc, out->max_bytes);
    int error = RP_ERR_NOMEM;
    struct rp_command_envelope *envelopes =
        rp_arena_allocate(&arena, (count == 0 ? 1 : count) * sizeof envelopes[0]);
    if (envelopes != NULL) {
        error = encode_operations(operations, count, &json, &arena, envelopes);
    }
    if (error == 0) {
        struct rp_batch_payload payload = {envelopes, count, true};
        error = encode(out, RP_CMD_BATCH_FILE_OPS, &RP_BATCH_SHAPE, &payload);
    }
    rp_buffer_clear(&json);
    rp_arena_clear(&arena);
    return error;
}

int rp_command_peek_type(struct rp_view command, struct rp_arena *arena, uint8_t *type_out)
{
    struct rp_command_envelope envelope;
    int error = rp_json_decode_object(&RP_ENVELOPE_SHAPE, 0, command, arena, &envelope);
    if (error == 0) {
        *type_out = envelope.type;
    }
    return error == 0 || error == RP_ERR_SYNTAX || error == RP_ERR_NOMEM ? error : RP_ERR_TYPE;
}
