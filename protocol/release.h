/* What each release of the reference does differently (design.md, Releases).
 *
 * A trait is named for the behaviour, never for a release, and is read in exactly one function. Only
 * release.c names releases. `current` must read well with this table ignored. */
#ifndef REPLISIM_PROTOCOL_RELEASE_H
#define REPLISIM_PROTOCOL_RELEASE_H

#include "protocol/types.h"

enum rp_release {
    RP_RELEASE_PHASE2,
    RP_RELEASE_PHASE3,
    RP_RELEASE_ARC,
    RP_RELEASE_CURRENT,
    RP_RELEASE_COUNT
};

/* wire.md 8.1 */
enum rp_mac_delimiter { RP_MAC_COLON, RP_MAC_NUL };
enum rp_mac_label { RP_MAC_UNLABELLED, RP_MAC_JOIN_FAMILY_LABELLED };
/* A delimiter inside a field lets several tuples share one MAC; WITHOUT_NUL refuses such fields. */
enum rp_mac_fields { RP_MAC_FIELDS_ANY, RP_MAC_FIELDS_WITHOUT_NUL };
/* wire.md 8.4 */
enum rp_mac_compare { RP_MAC_COMPARE_TEXT, RP_MAC_COMPARE_BYTES };
/* wire.md 8.2: the one wrapping timestamp. */
enum rp_mac_drift { RP_MAC_DRIFT_WRAPS, RP_MAC_DRIFT_WIDE };
/* Which messages are remembered by nonce (wire.md 8.5). */
enum rp_replay_memory { RP_REPLAY_NONE, RP_REPLAY_FORWARD_ONLY, RP_REPLAY_EVERY_KIND };
/* The second fetch MAC of design.md, that binds addressee and offset. */
enum rp_fetch_binding { RP_FETCH_BINDING_NONE, RP_FETCH_BINDING_ADDRESSEE };
/* The second MAC of a forwarded command, that binds the leader it is meant for. */
enum rp_forward_binding { RP_FORWARD_BINDING_NONE, RP_FORWARD_BINDING_ADDRESSEE };
/* Is a command taken that its sender gave up long ago, when the network brings it after all? */
enum rp_forward_order { RP_FORWARD_ORDER_ANY, RP_FORWARD_ORDER_LATEST_CONNECTION };
/* The second MAC of a join, that binds what it says of the node and whom it is meant for. */
enum rp_join_binding { RP_JOIN_BINDING_NONE, RP_JOIN_BINDING_STATEMENT };
/* Fields on the wire: 0x20 byte_offset, 0x21 code and byte_offset; heartbeat's MAC. */
enum rp_wire_fields { RP_WIRE_PLAIN, RP_WIRE_ACK_CODES, RP_WIRE_ACK_CODES_AND_OFFSETS };
/* behaviour.md 5.1 check 9. NONE: body is always the whole file. BELOW_SIZE refuses every offset of
 * an empty file; EMPTY_FILE_OK admits offset 0 of it. */
enum rp_offset_rule { RP_OFFSET_IGNORED, RP_OFFSET_BELOW_SIZE, RP_OFFSET_EMPTY_FILE_OK };
/* Body bytes beyond the announced size: the reference sends the whole local file. */
enum rp_serve_length { RP_SERVE_WHOLE_OBJECT, RP_SERVE_ANNOUNCED };
/* wire.md 6: is the body read bound by the fetch deadline? */
enum rp_body_deadline { RP_BODY_UNBOUND, RP_BODY_BOUND };
/* behaviour.md 1.3, 1.4; STRICT adds: canonical, at least one "/", well-formed hash, size >= 0. */
enum rp_admission { RP_ADMIT_NON_EMPTY, RP_ADMIT_VALIDATED, RP_ADMIT_STRICT };
/* behaviour.md 1.6 */
enum rp_restore_announce { RP_RESTORE_SILENT, RP_RESTORE_ANNOUNCES };
/* behaviour.md 7 */
enum rp_dedup { RP_DEDUP_NONE, RP_DEDUP_PATH, RP_DEDUP_VERSION };
enum rp_candidates {
    RP_CANDIDATES_ORIGIN,
    RP_CANDIDATES_ORIGIN_ANY_HEALTH,
    RP_CANDIDATES_ORIGIN_IF_HEALTHY
};
enum rp_after_mismatch { RP_MISMATCH_RETRIES_FIRST, RP_MISMATCH_DEMOTES_PEER };
enum rp_presence_rule { RP_PRESENT_EXISTS, RP_PRESENT_SAME_SIZE, RP_PRESENT_VERIFIED };
enum rp_no_peers { RP_NO_PEERS_UNCOUNTED, RP_NO_PEERS_FAILS };
enum rp_rescan { RP_RESCAN_NEVER, RP_RESCAN_WHILE_MISSING };
enum rp_own_files { RP_OWN_FILES_SKIPPED, RP_OWN_FILES_CHECKED };
/* behaviour.md 8 */
enum rp_staging { RP_STAGING_TEMP, RP_STAGING_PART_FILE, RP_STAGING_PRIVATE };
enum rp_store_names { RP_STORE_NAMES_MAPPED, RP_STORE_NAMES_EXACT };
/* behaviour.md 10.1 */
enum rp_catchup_rule { RP_CATCHUP_NONE, RP_CATCHUP_WALK };
enum rp_barrier { RP_BARRIER_NONE, RP_BARRIER_LEADER_ONLY, RP_BARRIER_READ_INDEX };
/* behaviour.md 11 */
enum rp_ready_rule { RP_READY_UP, RP_READY_WALK_DONE, RP_READY_SETTLED, RP_READY_BARRIER_SETTLED };
/* behaviour.md 2, 3 */
enum rp_registration { RP_REGISTER_ONCE, RP_REGISTER_UNTIL_SEEN };
enum rp_follower_proposals { RP_FOLLOWER_DROPS, RP_FOLLOWER_FORWARDS };
/* behaviour.md 3: nonce, timestamp and MAC are made before or after the wait for the connection. */
enum rp_forward_stamp { RP_FORWARD_STAMP_AT_SUBMIT, RP_FORWARD_STAMP_AT_SEND };
/* Does the forwarder notice that the leader closed the idle connection? If not, the next request
 * fails on it. */
enum rp_forward_idle { RP_FORWARD_IDLE_CLOSE_UNSEEN, RP_FORWARD_IDLE_CLOSE_SEEN };
#define RP_FORWARDED(type) (1u << (type))
/* behaviour.md 4: what a node may propose whose role nobody knows. */
enum rp_unknown_role { RP_UNKNOWN_ROLE_MUTATES, RP_UNKNOWN_ROLE_REFUSED };
/* behaviour.md 5.3: what an orderly stop's leave does to membership. */
enum rp_leave_rule { RP_LEAVE_REMOVES, RP_LEAVE_MARKS };
/* behaviour.md 9.3: heartbeats carry and need a MAC. */
enum rp_heartbeat_auth { RP_HEARTBEAT_OPEN, RP_HEARTBEAT_SIGNED };
/* wire.md 5.1: are the nodes of a join response taken into the registry? */
enum rp_join_answer { RP_JOIN_ANSWER_REGISTERS, RP_JOIN_ANSWER_GIVES_ADDRESSES };
/* wire.md 5: is a wrong cluster name told before the MAC is looked at? */
enum rp_join_refusal { RP_JOIN_REFUSAL_TELLS, RP_JOIN_REFUSAL_ALIKE };
/* behaviour.md 12.1. QUEUED: two workers, a window of 500 ms, at most 1024, no second look. */
enum rp_local_deletes { RP_DELETES_LOGGED, RP_DELETES_QUEUED, RP_DELETES_RECHECKED };
/* behaviour.md 7.6. PART: from the second attempt on, whatever the store shows under the name is the
 * prefix. SAME_PEER: a try goes on where the last one at that peer broke off, in this life. */
enum rp_resume { RP_RESUME_NEVER, RP_RESUME_PART, RP_RESUME_SAME_PEER };
/* behaviour.md 7.5: what goes when a checksum or an offset was wrong. */
enum rp_mismatch_removes { RP_MISMATCH_REMOVES_FINAL, RP_MISMATCH_REMOVES_STAGING };
/* behaviour.md 6.2, 7.9, 5.1: does a transfer in progress hear a cancellation? */
enum rp_cancel_rule { RP_CANCEL_BETWEEN_TRIES, RP_CANCEL_AT_ONCE };
/* behaviour.md 13.4. HOOKS_FIRST: registrar, then coordinator with the listener last, then the flush
 * of what was ingested. */
enum rp_stop_order { RP_STOP_HOOKS_FIRST, RP_STOP_DRAINS_FIRST };
/* behaviour.md 13.3, 10.1: is the listener open, and are file callbacks attached, before the walk? */
enum rp_start_order { RP_START_WALK_BEFORE_LISTENER, RP_START_LISTENER_FIRST };
enum rp_callbacks { RP_CALLBACKS_AFTER_CONSENSUS, RP_CALLBACKS_FROM_BIRTH };
/* behaviour.md 5.1: the handler's context comes from the WAL stream; before that a fetch kills. */
enum rp_serve_context { RP_SERVE_CONTEXT_OF_STREAM, RP_SERVE_CONTEXT_FROM_START };
/* behaviour.md 13.2 */
enum rp_secret_rule { RP_SECRET_IF_REPLICATING, RP_SECRET_ALWAYS };
/* behaviour.md 10.2. An empty page ends the walk, or only the end of the manifest does. */
enum rp_walk_pages { RP_WALK_FULL_COPY, RP_WALK_EMPTY_PAGE_ENDS, RP_WALK_TO_THE_END };
/* behaviour.md 12.2. UNTIL_SEEN: jobs are known by the manifest, not by memory. */
enum rp_compaction { RP_COMPACTION_NONE, RP_COMPACTION_WATCHED, RP_COMPACTION_UNTIL_SEEN };
/* behaviour.md 12.3. OWN_COPY_GONE deletes the cluster's entry when the origin's own copy is
 * missing; HELD_NOWHERE asks the others first. */
enum rp_reconciliation { RP_RECONCILE_NONE, RP_RECONCILE_OWN_COPY_GONE, RP_RECONCILE_HELD_NOWHERE };
/* What is told of deletions that a node slept through. TOMBSTONES: the manifest keeps them. */
/* Are files that were verified once verified again in the background? */
enum rp_scrub_rule { RP_SCRUB_NEVER, RP_SCRUB_INTERVAL };
enum rp_deletion_memory { RP_DELETIONS_FORGOTTEN, RP_DELETIONS_TOMBSTONES };

struct rp_traits {
    enum rp_mac_delimiter mac_delimiter;
    enum rp_mac_label mac_label;
    enum rp_mac_fields mac_fields;
    enum rp_mac_compare mac_compare;
    enum rp_mac_drift mac_drift;
    enum rp_replay_memory replay_memory;
    enum rp_fetch_binding fetch_binding;
    enum rp_forward_binding forward_binding;
    enum rp_forward_order forward_order;
    enum rp_join_binding join_binding;
    enum rp_wire_fields wire_fields;
    enum rp_heartbeat_auth heartbeat_auth;
    enum rp_offset_rule offset_rule;
    enum rp_serve_length serve_length;
    enum rp_body_deadline body_deadline;
    enum rp_admission admission;
    enum rp_restore_announce restore_announce;
    enum rp_dedup dedup;
    enum rp_candidates candidates;
    enum rp_after_mismatch after_mismatch;
    enum rp_presence_rule presence;
    enum rp_scrub_rule scrub; /* INTERVAL wants presence VERIFIED */
    enum rp_no_peers no_peers;
    enum rp_rescan rescan;
    enum rp_own_files own_files;
    enum rp_staging staging;
    enum rp_store_names store_names;
    enum rp_catchup_rule catchup;
    enum rp_barrier barrier;
    enum rp_ready_rule ready_rule;
    enum rp_registration registration;
    enum rp_follower_proposals follower_proposals;
    enum rp_forward_stamp forward_stamp;
    enum rp_forward_idle forward_idle;
    uint32_t forwarded_commands; /* command types the leader takes: RP_FORWARDED bits */
    enum rp_unknown_role unknown_role;
    enum rp_leave_rule leave_rule;
    enum rp_join_answer join_answer;
    enum rp_join_refusal join_refusal;
    enum rp_local_deletes local_deletes;
    enum rp_resume resume;
    enum rp_mismatch_removes mismatch_removes;
    enum rp_cancel_rule cancel_rule;
    enum rp_stop_order stop_order;
    enum rp_start_order start_order;
    enum rp_callbacks callbacks;
    enum rp_serve_context serve_context;
    enum rp_secret_rule secret_rule;
    enum rp_walk_pages walk_pages;
    enum rp_compaction compaction;
    enum rp_reconciliation reconciliation;
    enum rp_deletion_memory deletion_memory;
    int first_command_type_unknown; /* command types from here on are refused by apply */
};

/* Never NULL for a valid release; constant memory. */
const struct rp_traits *rp_release_traits(enum rp_release release);
/* "phase2", "phase3", "arc", "current". */
const char *rp_release_name(enum rp_release release);
/* One sentence for `list` and `describe`. */
const char *rp_release_about(enum rp_release release);
/* False when the name is none of the four. */
bool rp_release_parse(struct rp_view name, enum rp_release *release_out);

#endif
