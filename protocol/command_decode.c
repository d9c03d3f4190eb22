#include "protocol/command_decode.h"

#include "protocol/command_json.h"
#include "protocol/error.h"
#include "protocol/panic.h"

/* A command while it is read: everything borrowed from the scratch arena. */
struct draft {
    struct rp_arena *arena;
    const struct rp_alloc *alloc;
    uint64_t index;
    struct rp_command command;
};

/* Only these three tell what is wrong with bytes; lack of memory is ours. */
static int refusal(int error)
{
    return error == 0 || error == RP_ERR_NOMEM || error == RP_ERR_SYNTAX ? error : RP_ERR_TYPE;
}

static int decode_payload(struct draft *draft, const struct rp_json_shape *shape,
                          struct rp_view payload, void *target)
{
    return refusal(rp_json_decode_object(shape, 0, payload, draft->arena, target));
}

static int decode_file(struct draft *draft, const struct rp_command_envelope *envelope,
                       struct rp_command_operation *operation)
{
    operation->type = (enum rp_command_type)envelope->type;
    if (envelope->type == RP_CMD_DELETE_FILE) {
        struct rp_delete_payload payload;
        int error = decode_payload(draft, &RP_DELETE_SHAPE, envelope->payload.view, &payload);
        if (error == 0) {
            operation->path = payload.path;
            operation->reason = payload.reason;
        }
        return error;
    }
    if (envelope->type != RP_CMD_REGISTER_FILE && envelope->type != RP_CMD_UPDATE_FILE) {
        return RP_ERR_UNKNOWN_TYPE;
    }
    struct rp_file_payload payload;
    int error = decode_payload(draft, &RP_FILE_PAYLOAD_SHAPE, envelope->payload.view, &payload);
    if (error == 0) {
        error =
            rp_file_entry_new(draft->alloc, &payload.file.record, draft->index, &operation->entry);
    }
    return error;
}

static int decode_operations(struct draft *draft, const struct rp_command_envelope *envelopes,
                             size_t count)
{
    struct rp_command_operation *operations =
        rp_arena_allocate(draft->arena, (count == 0 ? 1 : count) * sizeof operations[0]);
    if (operations == NULL) {
        return RP_ERR_NOMEM;
    }
    memset(operations, 0, count * sizeof operations[0]);
    draft->command.operations = operations;
    for (size_t i = 0; i < count; i++) {
        draft->command.operation_count = i + 1;
        int error = decode_file(draft, &envelopes[i], &operations[i]);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

static int decode_batch(struct draft *draft, struct rp_view bytes)
{
    struct rp_batch_payload payload;
    draft->command.is_batch = true;
    int error = decode_payload(draft, &RP_BATCH_SHAPE, bytes, &payload);
    return error != 0 ? error
                      : decode_operations(draft, payload.operations, payload.operation_count);
}

static int decode_node(struct draft *draft, struct rp_view bytes)
{
    struct rp_node_payload payload;
    int error = decode_payload(draft, &RP_NODE_PAYLOAD_SHAPE, bytes, &payload);
    if (error != 0) {
        return error;
    }
    payload.node.index = draft->index;
    payload.node.born_index = draft->index;
    return rp_node_record_new(draft->alloc, &payload.node, &draft->command.node);
}

static int decode_node_id(struct draft *draft, const struct rp_json_shape *shape,
                          struct rp_view bytes)
{
    struct rp_node_id_payload payload;
    memset(&payload, 0, sizeof payload);
    int error = decode_payload(draft, shape, bytes, &payload);
    if (error == 0) {
        draft->command.node_id = payload.node_id;
        draft->command.other_id = payload.old_primary_id;
        draft->command.new_state = payload.new_state;
    }
    return error;
}

static int decode_by_type(struct draft *draft, const struct rp_command_envelope *envelope)
{
    struct rp_view bytes = envelope->payload.view;
    switch (envelope->type) {
    case RP_CMD_ADD_NODE:
    case RP_CMD_UPDATE_NODE: return decode_node(draft, bytes);
    case RP_CMD_REMOVE_NODE:
    case RP_CMD_DEMOTE_WRITER: return decode_node_id(draft, &RP_NODE_ID_SHAPE, bytes);
    case RP_CMD_ASSIGN_COMPACTOR: return decode_node_id(draft, &RP_ASSIGN_SHAPE, bytes);
    case RP_CMD_UPDATE_NODE_STATE: return decode_node_id(draft, &RP_NODE_STATE_SHAPE, bytes);
    case RP_CMD_PROMOTE_WRITER: return decode_node_id(draft, &RP_PROMOTE_SHAPE, bytes);
    case RP_CMD_REGISTER_FILE:
    case RP_CMD_DELETE_FILE:
    case RP_CMD_UPDATE_FILE: return decode_operations(draft, envelope, 1);
    case RP_CMD_BATCH_FILE_OPS: return decode_batch(draft, bytes);
    default: return RP_ERR_UNKNOWN_TYPE;
    }
}

static void release_contents(const struct rp_command *command)
{
    for (size_t i = 0; i < command->operation_count; i++) {
        rp_file_entry_release(command->operations[i].entry);
    }
    rp_node_record_release(command->node);
}

/* A command that means nothing keeps its type and its error, and no contents. */
static void forget_contents(struct draft *draft, int error)
{
    release_contents(&draft->command);
    uint8_t type = draft->command.type;
    memset(&draft->command, 0, sizeof draft->command);
    draft->command.type = type;
    draft->command.error = error;
}

static struct rp_view place(uint8_t **at, struct rp_view text)
{
    struct rp_view placed = rp_view_make(*at, text.length_bytes);
    if (text.length_bytes > 0) {
        memcpy(*at, text.bytes, text.length_bytes);
    }
    *at += text.length_bytes;
    return placed;
}

static size_t text_bytes(const struct rp_command *command)
{
    size_t bytes = command->node_id.length_bytes + command->other_id.length_bytes +
                   command->new_state.length_bytes;
    for (size_t i = 0; i < command->operation_count; i++) {
        bytes +=
            command->operations[i].path.length_bytes + command->operations[i].reason.length_bytes;
    }
    return bytes;
}

/* The draft in one allocation of its own; takes over the references to entries and record. */
static int freeze(const struct draft *draft, const struct rp_command **command_out)
{
    const struct rp_command *source = &draft->command;
    size_t operation_bytes = source->operation_count * sizeof source->operations[0];
    struct rp_command *command =
        rp_allocate(draft->alloc, sizeof *command + operation_bytes + text_bytes(source));
    if (command == NULL) {
        return RP_ERR_NOMEM;
    }
    *command = *source;
    command->reference_count = 1;
    command->alloc = draft->alloc;
    command->index = draft->index;
    command->operations = (struct rp_command_operation *)(void *)(command + 1);
    uint8_t *at = (uint8_t *)command->operations + operation_bytes;
    command->node_id = place(&at, source->node_id);
    command->other_id = place(&at, source->other_id);
    command->new_state = place(&at, source->new_state);
    for (size_t i = 0; i < source->operation_count; i++) {
        command->operations[i] = source->operations[i];
        command->operations[i].path = place(&at, source->operations[i].path);
        command->operations[i].reason = place(&at, source->operations[i].reason);
    }
    *command_out = command;
    return 0;
}

int rp_command_decode(const struct rp_alloc *alloc, uint64_t index, struct rp_view bytes,
                      const struct rp_command **command_out)
{
    struct rp_arena arena;
    rp_arena_init(&arena, alloc);
    struct draft draft = {.arena = &arena, .alloc = alloc, .index = index};
    struct rp_command_envelope envelope;
    int error = decode_payload(&draft, &RP_ENVELOPE_SHAPE, bytes, &envelope);
    if (error == 0) {
        draft.command.type = envelope.type;
        error = decode_by_type(&draft, &envelope);
    }
    if (error != 0) {
        forget_contents(&draft, error);
    }
    if (error != RP_ERR_NOMEM) {
        error = freeze(&draft, command_out);
        if (error != 0) {
            release_contents(&draft.command);
        }
    }
    rp_arena_clear(&arena);
    return error;
}

static struct rp_command *mutable_command(const struct rp_command *command)
{
    union {
        const struct rp_command *shared;
        struct rp_command *own;
    } pointer = {command};
    return pointer.own;
}

const struct rp_command *rp_command_retain(const struct rp_command *command)
{
    if (command != NULL) {
        mutable_command(command)->reference_count += 1;
    }
    return command;
}

void rp_command_release(const struct rp_command *command)
{
    if (command == NULL) {
        return;
    }
    struct rp_command *own = mutable_command(command);
    RP_ASSERT(own->reference_count > 0);
    own->reference_count -= 1;
    if (own->reference_count == 0) {
        release_contents(own);
        rp_release(own->alloc, own);
    }
}
