/* Typed messages of the peer channel and their JSON (wire.md 2, 3, 4).
 *
 * One struct a kind; strings are views with explicit lengths (they may hold NUL). A table per kind
 * names each key, its kind, whether a zero value is left out, and the first release that has it, so
 * that a codec call takes the traits of the release whose era it speaks. Keys marked "ours" exist
 * only under the traits of binding (release `current`); every release ignores unknown keys. */
#ifndef REPLISIM_PROTOCOL_MESSAGE_H
#define REPLISIM_PROTOCOL_MESSAGE_H

#include "protocol/buffer.h"
#include "protocol/json.h"
#include "protocol/release.h"
#include "protocol/types.h"

enum rp_message_type {
    RP_MSG_JOIN_REQUEST = 0x01,
    RP_MSG_JOIN_RESPONSE = 0x02,
    RP_MSG_LEADER_INFO = 0x03,
    RP_MSG_HEARTBEAT = 0x04,
    RP_MSG_HEARTBEAT_ACK = 0x05,
    RP_MSG_LEAVE_NOTIFY = 0x06,
    RP_MSG_REPLICATE_SYNC = 0x10,
    RP_MSG_REPLICATE_SYNC_ACK = 0x11,
    RP_MSG_FETCH_FILE = 0x20,
    RP_MSG_FETCH_FILE_ACK = 0x21,
    RP_MSG_FORWARD_APPLY = 0x30,
    RP_MSG_FORWARD_APPLY_ACK = 0x31
};

struct rp_join_request {
    struct rp_view node_id, node_name, role, cluster_name;
    struct rp_view raft_addr, api_addr, coord_addr, version;
    int64_t core_count;
    struct rp_view auth_nonce;
    int64_t auth_timestamp;
    struct rp_view auth_hmac;
    uint64_t raft_id;          /* ours, key "raft_id": design.md, membership. 0: not sent */
    bool is_bound_fetch;       /* ours, key "bound_fetch": this node signs and wants second MACs */
    struct rp_view bound_hmac; /* ours, key "bound_hmac": kind RP_AUTH_BOUND_JOIN */
};

struct rp_node_info {
    struct rp_view id, name, role, state;
    struct rp_view raft_addr, api_addr, coord_addr;
    int64_t core_count;
    uint64_t raft_id;    /* ours */
    bool is_bound_fetch; /* ours */
};

struct rp_join_response {
    bool is_success;
    struct rp_view leader_id, leader_addr, raft_leader;
    bool has_nodes; /* false is JSON null */
    struct rp_node_info *nodes;
    size_t node_count;
    struct rp_view error;
};

struct rp_leader_info {
    struct rp_view leader_id, leader_coord_addr, leader_raft_addr;
};

struct rp_heartbeat {
    struct rp_view node_id, state;
    bool is_leader;
    struct rp_wall_time timestamp;
    struct rp_view auth_nonce;
    int64_t auth_timestamp;
    struct rp_view auth_hmac;
};

struct rp_heartbeat_ack {
    struct rp_view node_id;
    struct rp_wall_time timestamp;
};

struct rp_leave_notify {
    struct rp_view node_id, reason, auth_nonce;
    int64_t auth_timestamp;
    struct rp_view auth_hmac;
};

struct rp_replicate_sync {
    struct rp_view reader_id;
    uint64_t last_known_seq;
    struct rp_view nonce, cluster_name;
    int64_t timestamp;
    struct rp_view hmac;
};

struct rp_replicate_sync_ack {
    uint64_t current_seq;
    bool can_resume;
    struct rp_view error;
};

struct rp_fetch_file {
    struct rp_view path, node_id, nonce;
    int64_t timestamp;
    struct rp_view hmac;
    int64_t byte_offset;
    struct rp_view bound_hmac; /* ours, key "bound_hmac": kind RP_AUTH_BOUND_FETCH */
};

struct rp_fetch_file_ack {
    struct rp_view status, code, error;
    int64_t size_bytes;
    struct rp_view sha256;
    int64_t byte_offset;
};

struct rp_forward_apply {
    struct rp_bytes command_json;
    struct rp_view node_id, nonce;
    int64_t timestamp;
    struct rp_view hmac;
    struct rp_view bound_hmac; /* ours, key "bound_hmac": kind RP_AUTH_BOUND_FORWARD */
};

struct rp_forward_apply_ack {
    struct rp_view status, code, error;
};

struct rp_message {
    enum rp_message_type type;
    union {
        struct rp_join_request join_request;
        struct rp_join_response join_response;
        struct rp_leader_info leader_info;
        struct rp_heartbeat heartbeat;
        struct rp_heartbeat_ack heartbeat_ack;
        struct rp_leave_notify leave_notify;
        struct rp_replicate_sync replicate_sync;
        struct rp_replicate_sync_ack replicate_sync_ack;
        struct rp_fetch_file fetch_file;
        struct rp_fetch_file_ack fetch_file_ack;
        struct rp_forward_apply forward_apply;
        struct rp_forward_apply_ack forward_apply_ack;
    } as;
};

/* Decodes the JSON of a frame whose type byte is `type`. Views in the result are borrowed from
 * `payload` or live in `arena`, whichever dies first. Never recurses deeper than a fixed bound,
 * allocates at most a small multiple of the payload.
 * Errors: RP_ERR_UNKNOWN_TYPE, RP_ERR_SYNTAX, RP_ERR_TYPE, RP_ERR_TIME, RP_ERR_BASE64, RP_ERR_NOMEM.
 * wire.md 4 */
RP_MUST_USE int rp_message_decode(const struct rp_traits *traits, uint8_t type,
                                  struct rp_view payload, struct rp_arena *arena,
                                  struct rp_message *message_out);

/* Appends length, type and JSON to `frame_out`. Errors: RP_ERR_TOO_LARGE (above the frame limit),
 * RP_ERR_UNENCODABLE (a time), RP_ERR_UNKNOWN_TYPE (also for a type the release lacks),
 * RP_ERR_NOMEM; nothing appended then. wire.md 1.1, 4.5 */
RP_MUST_USE int rp_message_encode(const struct rp_traits *traits, const struct rp_message *message,
                                  struct rp_buffer *frame_out);

/* "JoinRequest" and so on, "Unknown" for the rest (wire.md 2). */
const char *rp_message_type_name(uint8_t type);

#endif
