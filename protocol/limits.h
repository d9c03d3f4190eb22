/* Every bound in one place. Those of the wire are Arc's; the others are ours and configurable only
 * where behaviour.md section 14 names a key. */
#ifndef REPLISIM_PROTOCOL_LIMITS_H
#define REPLISIM_PROTOCOL_LIMITS_H

#include "protocol/types.h"

/* wire.md 1: type byte and JSON together. */
#define RP_FRAME_LENGTH_MAX 1048576u
/* wire.md 4.1, the top object included. */
#define RP_JSON_DEPTH_MAX 10000
/* behaviour.md 1.4 */
#define RP_PATH_BYTES_MAX 4096
/* wire.md 8.2 */
#define RP_MAC_TOLERANCE_S 300
/* wire.md 8.5; `current` keeps a nonce for as long as its timestamp could be accepted. */
#define RP_NONCE_LIFETIME_S 300
#define RP_NONCE_SWEEP_S    60
/* Nonce memory of one node: fresh nonces beyond this are refused until old ones expire. */
#define RP_NONCE_COUNT_MAX 1000000u
/* wire.md 8.3: 32 random bytes in hex. */
#define RP_NONCE_HEX 64

/* Nodes believed in one join response, so that three bytes a node cannot ask for a large array. */
#define RP_JOIN_NODES_MAX 4096u

/* behaviour.md 9.2 */
#define RP_PEER_COUNT_MAX 1000
/* Inbound connections of one node; one more is closed at once. */
#define RP_INBOUND_COUNT_MAX 4096
/* Messages kept for one cached forward connection. */
#define RP_FORWARD_QUEUE_MAX 4096

/* wire.md 6 */
#define RP_FIRST_FRAME_TIMEOUT_NS     (10 * RP_NS_PER_S)
#define RP_FETCH_DIAL_TIMEOUT_NS      (10 * RP_NS_PER_S)
#define RP_FETCH_SEND_TIMEOUT_NS      (10 * RP_NS_PER_S)
#define RP_FETCH_ACK_TIMEOUT_NS       (15 * RP_NS_PER_S)
#define RP_SERVE_ERROR_ACK_TIMEOUT_NS (5 * RP_NS_PER_S)
#define RP_SERVE_EXISTS_TIMEOUT_NS    (5 * RP_NS_PER_S)
#define RP_SERVE_ACK_TIMEOUT_NS       (10 * RP_NS_PER_S)
#define RP_FORWARD_TIMEOUT_NS         (5 * RP_NS_PER_S)
#define RP_FORWARD_IDLE_NS            (30 * RP_NS_PER_S)
#define RP_PROPOSE_TIMEOUT_NS         (5 * RP_NS_PER_S)
#define RP_JOIN_DIAL_TIMEOUT_NS       (5 * RP_NS_PER_S)
#define RP_JOIN_REPLY_TIMEOUT_NS      (10 * RP_NS_PER_S)
#define RP_JOIN_MEMBER_TIMEOUT_NS     (10 * RP_NS_PER_S)
#define RP_HEARTBEAT_TIMEOUT_NS       (3 * RP_NS_PER_S)
/* How long a pull waits to learn which of the new peers answer at all. */
#define RP_GREETING_TIMEOUT_NS   (500 * RP_NS_PER_MS)
#define RP_LEAVE_TIMEOUT_NS      (2 * RP_NS_PER_S)
#define RP_DISCOVERY_FIRST_NS    (500 * RP_NS_PER_MS)
#define RP_DISCOVERY_INTERVAL_NS (5 * RP_NS_PER_S)

/* behaviour.md 7.1 and 7.3 */
#define RP_BACKOFF_FIRST_NS (500 * RP_NS_PER_MS)
#define RP_BACKOFF_MAX_NS   (30 * RP_NS_PER_S)
/* behaviour.md 7.6 */
#define RP_PREFIX_HASH_TIMEOUT_NS (30 * RP_NS_PER_S)
/* design.md: rescans of the manifest while anything is missing. */
#define RP_RESCAN_FIRST_NS (60 * RP_NS_PER_S)
#define RP_RESCAN_MAX_NS   (600 * RP_NS_PER_S)

/* behaviour.md 10.2 */
#define RP_WALK_PAGE_MAX       1000
#define RP_WALK_PAUSE_NS       (50 * RP_NS_PER_MS)
#define RP_WALK_LEADER_WAIT_NS (30 * RP_NS_PER_S)
#define RP_WALK_LEADER_POLL_NS (100 * RP_NS_PER_MS)

/* behaviour.md 2 and 12.1 */
#define RP_REGISTRAR_QUEUE_MAX 4096
#define RP_REGISTRAR_DRAIN_NS  (2 * RP_NS_PER_S)
#define RP_DELETE_QUEUE_MAX    1024
#define RP_DELETE_WORKERS      2
#define RP_DELETE_GRACE_NS     (500 * RP_NS_PER_MS)

/* behaviour.md 12.2 */
#define RP_COMPACTION_LOOK_NS  (1 * RP_NS_PER_S)
#define RP_COMPACTION_DRAIN_NS (10 * RP_NS_PER_S)
/* A batch whose fate is unknown, or that the own manifest does not show yet, is not sent again for
 * so long. */
#define RP_COMPACTION_PATIENCE_NS (5 * RP_NS_PER_S)
/* A completion file; and a batch, so that it fits a frame as base64 (wire.md 1). */
#define RP_COMPLETION_BYTES_MAX         (8u << 20)
#define RP_COMPLETION_OUTPUTS_MAX       1024u
#define RP_COMPLETION_SOURCES_MAX       65536u
#define RP_COMPLETION_JOB_BYTES_MAX     128u
#define RP_COMPACTION_COMMAND_BYTES_MAX 700000u

/* How often each warning about roles is told at most. */
#define RP_ROLE_WARN_INTERVAL_NS (60 * RP_NS_PER_S)

/* Deletions that a manifest remembers for nodes that slept through them; the oldest go first. */
#define RP_DELETION_MEMORY_MAX 65536u

/* invariants.md, stops-in-time */
#define RP_STOP_TRANSFER_NS (1 * RP_NS_PER_S)
#define RP_STOP_TOTAL_NS    (9 * RP_NS_PER_S)

/* Bytes asked of the store, and sent to a peer, at a time. */
#define RP_BODY_CHUNK_BYTES 262144u

#endif
