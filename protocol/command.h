/* Commands of the replicated log and the records they carry (behaviour.md 1.1, 1.2).
 *
 * A command is JSON {"type":N,"payload":base64 of JSON}. Decoded commands and the entries in them are
 * immutable, reference-counted and shared (entry_pool.h). */
#ifndef REPLISIM_PROTOCOL_COMMAND_H
#define REPLISIM_PROTOCOL_COMMAND_H

#include "protocol/buffer.h"
#include "protocol/message.h"
#include "protocol/types.h"

enum rp_command_type {
    RP_CMD_ADD_NODE = 1,
    RP_CMD_REMOVE_NODE = 2,
    RP_CMD_UPDATE_NODE = 3,
    RP_CMD_UPDATE_NODE_STATE = 4,
    RP_CMD_PROMOTE_WRITER = 5,
    RP_CMD_DEMOTE_WRITER = 6,
    RP_CMD_REGISTER_FILE = 7,
    RP_CMD_DELETE_FILE = 8,
    RP_CMD_ASSIGN_COMPACTOR = 9,
    RP_CMD_BATCH_FILE_OPS = 10,
    RP_CMD_UPDATE_FILE = 11
};

/* One version of a file. Immutable and shared: take a reference to keep it. */
struct rp_file_entry {
    uint32_t reference_count;
    struct rp_view path, sha256;
    int64_t size_bytes;
    struct rp_view database, measurement;
    struct rp_wall_time partition_time;
    struct rp_view origin_node_id, tier;
    struct rp_wall_time created_at;
    uint64_t lsn; /* set when the command is applied: the log index (behaviour.md 1.3) */
    const struct rp_alloc *alloc;
};

const struct rp_file_entry *rp_file_entry_retain(const struct rp_file_entry *entry);
void rp_file_entry_release(const struct rp_file_entry *entry);
/* Same path, hash, origin and created_at: the identity of a registration (design.md). */
bool rp_file_entry_same_registration(const struct rp_file_entry *left,
                                     const struct rp_file_entry *right);

/* What a flush or a compaction knows of a file; views borrowed. */
struct rp_file_record {
    struct rp_view path, sha256;
    int64_t size_bytes;
    struct rp_view database, measurement;
    struct rp_wall_time partition_time;
    struct rp_view origin_node_id, tier;
    struct rp_wall_time created_at;
};

/* A node's record. Immutable and shared like an entry. */
struct rp_node_record {
    uint32_t reference_count;
    struct rp_view id, name, role, cluster_name, address, api_address, state, version, writer_state;
    int64_t core_count;
    /* Further keys, ours (design.md, membership): all zero when a peer sent none. */
    uint64_t raft_id;
    struct rp_view raft_address;
    int64_t joined_unix_s; /* timestamp of the join request that made this record */
    bool is_bound_fetch;
    /* Set at apply. */
    uint64_t index;      /* of the command that made this record */
    uint64_t born_index; /* at which this raft id was first recorded for this node */
    const struct rp_alloc *alloc;
};

const struct rp_node_record *rp_node_record_retain(const struct rp_node_record *record);
void rp_node_record_release(const struct rp_node_record *record);

/* Appends the whole command as JSON. Errors: RP_ERR_NOMEM, RP_ERR_TOO_LARGE, RP_ERR_UNENCODABLE. */
RP_MUST_USE int rp_command_encode_register(struct rp_buffer *out, enum rp_command_type type,
                                           const struct rp_file_record *file);
RP_MUST_USE int rp_command_encode_delete(struct rp_buffer *out, struct rp_view path,
                                         struct rp_view reason);
/* `type`: RP_CMD_ADD_NODE or RP_CMD_UPDATE_NODE. reference_count, index, born_index, alloc unused. */
RP_MUST_USE int rp_command_encode_node(struct rp_buffer *out, enum rp_command_type type,
                                       const struct rp_node_record *node);
RP_MUST_USE int rp_command_encode_remove_node(struct rp_buffer *out, struct rp_view node_id);
RP_MUST_USE int rp_command_encode_node_state(struct rp_buffer *out, struct rp_view node_id,
                                             struct rp_view state);
/* `type`: RP_CMD_PROMOTE_WRITER, _DEMOTE_WRITER or _ASSIGN_COMPACTOR; `former_id` may be empty, and a
 * demotion has none. */
RP_MUST_USE int rp_command_encode_role(struct rp_buffer *out, enum rp_command_type type,
                                       struct rp_view node_id, struct rp_view former_id);
/* Any type with any payload, sensible or not: what a member may send. */
RP_MUST_USE int rp_command_encode_raw(struct rp_buffer *out, uint8_t type, struct rp_view payload);

/* One operation of a batch: exactly one of `file` (register or update) and `delete_path`. */
struct rp_batch_operation {
    enum rp_command_type type;
    const struct rp_file_record *file;
    struct rp_view delete_path, delete_reason;
};
RP_MUST_USE int rp_command_encode_batch(struct rp_buffer *out,
                                        const struct rp_batch_operation *operations, size_t count);

/* Just the type byte, for the forward list (behaviour.md 3). Errors: RP_ERR_SYNTAX, RP_ERR_TYPE. */
RP_MUST_USE int rp_command_peek_type(struct rp_view command, struct rp_arena *arena,
                                     uint8_t *type_out);

#endif
