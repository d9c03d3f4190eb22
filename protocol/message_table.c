#include "protocol/message_table.h"

#include "protocol/limits.h"

/* wire.md 3, kind by kind; the order of the rows is the order of writing. */
#define TEXT(type, member, key)  RP_JSON_FIELD(type, member, key, RP_JSON_TEXT)
#define INT(type, member, key)   RP_JSON_FIELD(type, member, key, RP_JSON_INT)
#define UINT(type, member, key)  RP_JSON_FIELD(type, member, key, RP_JSON_UINT)
#define BOOL(type, member, key)  RP_JSON_FIELD(type, member, key, RP_JSON_BOOL)
#define BYTES(type, member, key) RP_JSON_FIELD(type, member, key, RP_JSON_BYTES)
#define TIME(type, member, key)  RP_JSON_FIELD(type, member, key, RP_JSON_TIME)

static const struct rp_json_field JOIN_REQUEST_FIELDS[] = {
    {TEXT(struct rp_join_request, node_id, "node_id")},
    {TEXT(struct rp_join_request, node_name, "node_name")},
    {TEXT(struct rp_join_request, role, "role")},
    {TEXT(struct rp_join_request, cluster_name, "cluster_name")},
    {TEXT(struct rp_join_request, raft_addr, "raft_addr")},
    {TEXT(struct rp_join_request, api_addr, "api_addr")},
    {TEXT(struct rp_join_request, coord_addr, "coord_addr")},
    {TEXT(struct rp_join_request, version, "version")},
    {INT(struct rp_join_request, core_count, "core_count")},
    {TEXT(struct rp_join_request, auth_nonce, "auth_nonce"), .omit_zero = true},
    {INT(struct rp_join_request, auth_timestamp, "auth_timestamp"), .omit_zero = true},
    {TEXT(struct rp_join_request, auth_hmac, "auth_hmac"), .omit_zero = true},
    {UINT(struct rp_join_request, raft_id, "raft_id"), .omit_zero = true},
    {BOOL(struct rp_join_request, is_bound_fetch, "bound_fetch"), .omit_zero = true,
     .needs = RP_HAS_BINDING},
    {TEXT(struct rp_join_request, bound_hmac, "bound_hmac"), .omit_zero = true,
     .needs = RP_HAS_JOIN_BINDING},
};

static const struct rp_json_field NODE_INFO_FIELDS[] = {
    {TEXT(struct rp_node_info, id, "id")},
    {TEXT(struct rp_node_info, name, "name")},
    {TEXT(struct rp_node_info, role, "role")},
    {TEXT(struct rp_node_info, state, "state")},
    {TEXT(struct rp_node_info, raft_addr, "raft_addr")},
    {TEXT(struct rp_node_info, api_addr, "api_addr")},
    {TEXT(struct rp_node_info, coord_addr, "coord_addr")},
    {INT(struct rp_node_info, core_count, "core_count")},
    {UINT(struct rp_node_info, raft_id, "raft_id"), .omit_zero = true},
    {BOOL(struct rp_node_info, is_bound_fetch, "bound_fetch"), .omit_zero = true,
     .needs = RP_HAS_BINDING},
};

static const struct rp_json_shape NODE_INFO_SHAPE =
    RP_JSON_SHAPE(struct rp_node_info, NODE_INFO_FIELDS);

static const struct rp_json_field JOIN_RESPONSE_FIELDS[] = {
    {BOOL(struct rp_join_response, is_success, "success")},
    {TEXT(struct rp_join_response, leader_id, "leader_id")},
    {TEXT(struct rp_join_response, leader_addr, "leader_addr")},
    {TEXT(struct rp_join_response, raft_leader, "raft_leader")},
    {RP_JSON_LIST_FIELD(struct rp_join_response, nodes, node_count, has_nodes, "nodes"),
     .item_count_max = RP_JOIN_NODES_MAX, .shape = &NODE_INFO_SHAPE},
    {TEXT(struct rp_join_response, error, "error"), .omit_zero = true},
};

static const struct rp_json_field LEADER_INFO_FIELDS[] = {
    {TEXT(struct rp_leader_info, leader_id, "leader_id")},
    {TEXT(struct rp_leader_info, leader_coord_addr, "leader_coord_addr")},
    {TEXT(struct rp_leader_info, leader_raft_addr, "leader_raft_addr")},
};

static const struct rp_json_field HEARTBEAT_FIELDS[] = {
    {TEXT(struct rp_heartbeat, node_id, "node_id")},
    {TEXT(struct rp_heartbeat, state, "state")},
    {BOOL(struct rp_heartbeat, is_leader, "is_leader")},
    {TIME(struct rp_heartbeat, timestamp, "timestamp")},
    {TEXT(struct rp_heartbeat, auth_nonce, "auth_nonce"), .omit_zero = true,
     .needs = RP_HAS_HEARTBEAT_AUTH},
    {INT(struct rp_heartbeat, auth_timestamp, "auth_timestamp"), .omit_zero = true,
     .needs = RP_HAS_HEARTBEAT_AUTH},
    {TEXT(struct rp_heartbeat, auth_hmac, "auth_hmac"), .omit_zero = true,
     .needs = RP_HAS_HEARTBEAT_AUTH},
};

static const struct rp_json_field HEARTBEAT_ACK_FIELDS[] = {
    {TEXT(struct rp_heartbeat_ack, node_id, "node_id")},
    {TIME(struct rp_heartbeat_ack, timestamp, "timestamp")},
};

static const struct rp_json_field LEAVE_NOTIFY_FIELDS[] = {
    {TEXT(struct rp_leave_notify, node_id, "node_id")},
    {TEXT(struct rp_leave_notify, reason, "reason"), .omit_zero = true},
    {TEXT(struct rp_leave_notify, auth_nonce, "auth_nonce"), .omit_zero = true},
    {INT(struct rp_leave_notify, auth_timestamp, "auth_timestamp"), .omit_zero = true},
    {TEXT(struct rp_leave_notify, auth_hmac, "auth_hmac"), .omit_zero = true},
};

static const struct rp_json_field REPLICATE_SYNC_FIELDS[] = {
    {TEXT(struct rp_replicate_sync, reader_id, "reader_id")},
    {UINT(struct rp_replicate_sync, last_known_seq, "last_known_seq")},
    {TEXT(struct rp_replicate_sync, nonce, "nonce"), .omit_zero = true,
     .needs = RP_HAS_LATER_FIELDS},
    {TEXT(struct rp_replicate_sync, cluster_name, "cluster_name"), .omit_zero = true,
     .needs = RP_HAS_LATER_FIELDS},
    {INT(struct rp_replicate_sync, timestamp, "timestamp"), .omit_zero = true,
     .needs = RP_HAS_LATER_FIELDS},
    {TEXT(struct rp_replicate_sync, hmac, "hmac"), .omit_zero = true, .needs = RP_HAS_LATER_FIELDS},
};

static const struct rp_json_field REPLICATE_SYNC_ACK_FIELDS[] = {
    {UINT(struct rp_replicate_sync_ack, current_seq, "current_seq")},
    {BOOL(struct rp_replicate_sync_ack, can_resume, "can_resume")},
    {TEXT(struct rp_replicate_sync_ack, error, "error"), .omit_zero = true},
};

static const struct rp_json_field FETCH_FILE_FIELDS[] = {
    {TEXT(struct rp_fetch_file, path, "path")},
    {TEXT(struct rp_fetch_file, node_id, "node_id")},
    {TEXT(struct rp_fetch_file, nonce, "nonce")},
    {INT(struct rp_fetch_file, timestamp, "timestamp")},
    {TEXT(struct rp_fetch_file, hmac, "hmac")},
    {INT(struct rp_fetch_file, byte_offset, "byte_offset"), .omit_zero = true,
     .needs = RP_HAS_LATER_FIELDS},
    {TEXT(struct rp_fetch_file, bound_hmac, "bound_hmac"), .omit_zero = true,
     .needs = RP_HAS_BINDING},
};

static const struct rp_json_field FETCH_FILE_ACK_FIELDS[] = {
    {TEXT(struct rp_fetch_file_ack, status, "status")},
    {TEXT(struct rp_fetch_file_ack, code, "code"), .omit_zero = true, .needs = RP_HAS_ACK_CODE},
    {TEXT(struct rp_fetch_file_ack, error, "error"), .omit_zero = true},
    {INT(struct rp_fetch_file_ack, size_bytes, "size_bytes")},
    {TEXT(struct rp_fetch_file_ack, sha256, "sha256")},
    {INT(struct rp_fetch_file_ack, byte_offset, "byte_offset"), .omit_zero = true,
     .needs = RP_HAS_LATER_FIELDS},
};

static const struct rp_json_field FORWARD_APPLY_FIELDS[] = {
    {BYTES(struct rp_forward_apply, command_json, "command_json")},
    {TEXT(struct rp_forward_apply, node_id, "node_id")},
    {TEXT(struct rp_forward_apply, nonce, "nonce")},
    {INT(struct rp_forward_apply, timestamp, "timestamp")},
    {TEXT(struct rp_forward_apply, hmac, "hmac")},
    {TEXT(struct rp_forward_apply, bound_hmac, "bound_hmac"), .omit_zero = true,
     .needs = RP_HAS_FORWARD_BINDING},
};

static const struct rp_json_field FORWARD_APPLY_ACK_FIELDS[] = {
    {TEXT(struct rp_forward_apply_ack, status, "status")},
    {TEXT(struct rp_forward_apply_ack, code, "code"), .omit_zero = true},
    {TEXT(struct rp_forward_apply_ack, error, "error"), .omit_zero = true},
};

/* wire.md 2 */
static const struct rp_message_kind KINDS[] = {
    {RP_MSG_JOIN_REQUEST, "JoinRequest", 0,
     RP_JSON_SHAPE(struct rp_join_request, JOIN_REQUEST_FIELDS)},
    {RP_MSG_JOIN_RESPONSE, "JoinResponse", 0,
     RP_JSON_SHAPE(struct rp_join_response, JOIN_RESPONSE_FIELDS)},
    {RP_MSG_LEADER_INFO, "LeaderInfo", 0, RP_JSON_SHAPE(struct rp_leader_info, LEADER_INFO_FIELDS)},
    {RP_MSG_HEARTBEAT, "Heartbeat", 0, RP_JSON_SHAPE(struct rp_heartbeat, HEARTBEAT_FIELDS)},
    {RP_MSG_HEARTBEAT_ACK, "HeartbeatAck", 0,
     RP_JSON_SHAPE(struct rp_heartbeat_ack, HEARTBEAT_ACK_FIELDS)},
    {RP_MSG_LEAVE_NOTIFY, "LeaveNotify", 0,
     RP_JSON_SHAPE(struct rp_leave_notify, LEAVE_NOTIFY_FIELDS)},
    {RP_MSG_REPLICATE_SYNC, "ReplicateSync", 0,
     RP_JSON_SHAPE(struct rp_replicate_sync, REPLICATE_SYNC_FIELDS)},
    {RP_MSG_REPLICATE_SYNC_ACK, "ReplicateSyncAck", 0,
     RP_JSON_SHAPE(struct rp_replicate_sync_ack, REPLICATE_SYNC_ACK_FIELDS)},
    {RP_MSG_FETCH_FILE, "FetchFile", 0, RP_JSON_SHAPE(struct rp_fetch_file, FETCH_FILE_FIELDS)},
    {RP_MSG_FETCH_FILE_ACK, "FetchFileAck", 0,
     RP_JSON_SHAPE(struct rp_fetch_file_ack, FETCH_FILE_ACK_FIELDS)},
    {RP_MSG_FORWARD_APPLY, "ForwardApply", RP_HAS_LATER_FIELDS,
     RP_JSON_SHAPE(struct rp_forward_apply, FORWARD_APPLY_FIELDS)},
    {RP_MSG_FORWARD_APPLY_ACK, "ForwardApplyAck", RP_HAS_LATER_FIELDS,
     RP_JSON_SHAPE(struct rp_forward_apply_ack, FORWARD_APPLY_ACK_FIELDS)},
};

const struct rp_message_kind *rp_message_kind_find(uint8_t type)
{
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        if ((uint8_t)KINDS[i].type == type) {
            return &KINDS[i];
        }
    }
    return NULL;
}
