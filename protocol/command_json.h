/* The JSON of commands (behaviour.md 1.1, 1.2): one shape a payload, for both directions. */
#ifndef REPLISIM_PROTOCOL_COMMAND_JSON_H
#define REPLISIM_PROTOCOL_COMMAND_JSON_H

#include "protocol/command.h"
#include "protocol/json.h"

struct rp_command_envelope {
    uint8_t type;
    struct rp_bytes payload;
};
struct rp_file_json {
    struct rp_file_record record;
    uint64_t lsn; /* written as 0 by proposers; apply knows better */
};
struct rp_file_payload {
    struct rp_file_json file;
};
struct rp_delete_payload {
    struct rp_view path, reason;
};
struct rp_node_payload {
    struct rp_node_record node;
};
/* Remove, state, promote, demote, compactor: all name a node, and something about it. */
struct rp_node_id_payload {
    struct rp_view node_id, new_state, old_primary_id;
};
struct rp_batch_payload {
    struct rp_command_envelope *operations;
    size_t operation_count;
    bool has_operations;
};

extern const struct rp_json_shape RP_ENVELOPE_SHAPE;
extern const struct rp_json_shape RP_FILE_SHAPE; /* of struct rp_file_json */
extern const struct rp_json_shape RP_FILE_PAYLOAD_SHAPE;
extern const struct rp_json_shape RP_DELETE_SHAPE;
extern const struct rp_json_shape RP_NODE_SHAPE; /* of struct rp_node_record */
extern const struct rp_json_shape RP_NODE_PAYLOAD_SHAPE;
extern const struct rp_json_shape RP_NODE_ID_SHAPE;
extern const struct rp_json_shape RP_NODE_STATE_SHAPE;
extern const struct rp_json_shape RP_PROMOTE_SHAPE;
extern const struct rp_json_shape RP_ASSIGN_SHAPE;
extern const struct rp_json_shape RP_BATCH_SHAPE;

#endif
