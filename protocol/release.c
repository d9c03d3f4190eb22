#include "protocol/release.h"

#include "protocol/panic.h"

/* A row reads like a release note; what the columns mean is told in release.h. */
static const struct rp_traits TRAITS[RP_RELEASE_COUNT] = {
    [RP_RELEASE_PHASE2] =
        {
            .mac_delimiter = RP_MAC_COLON,
            .mac_label = RP_MAC_UNLABELLED,
            .mac_fields = RP_MAC_FIELDS_ANY,
            .mac_compare = RP_MAC_COMPARE_TEXT,
            .mac_drift = RP_MAC_DRIFT_WRAPS,
            .replay_memory = RP_REPLAY_NONE,
            .fetch_binding = RP_FETCH_BINDING_NONE,
            .wire_fields = RP_WIRE_PLAIN,
            .heartbeat_auth = RP_HEARTBEAT_OPEN,
            .offset_rule = RP_OFFSET_IGNORED,
            .serve_length = RP_SERVE_WHOLE_OBJECT,
            .body_deadline = RP_BODY_UNBOUND,
            .admission = RP_ADMIT_NON_EMPTY,
            .restore_announce = RP_RESTORE_SILENT,
            .dedup = RP_DEDUP_NONE,
            .candidates = RP_CANDIDATES_ORIGIN,
            .after_mismatch = RP_MISMATCH_RETRIES_FIRST,
            .presence = RP_PRESENT_EXISTS,
            .scrub = RP_SCRUB_NEVER,
            .no_peers = RP_NO_PEERS_UNCOUNTED,
            .rescan = RP_RESCAN_NEVER,
            .own_files = RP_OWN_FILES_SKIPPED,
            .staging = RP_STAGING_TEMP,
            .store_names = RP_STORE_NAMES_MAPPED,
            .catchup = RP_CATCHUP_NONE,
            .barrier = RP_BARRIER_NONE,
            .ready_rule = RP_READY_UP,
            .registration = RP_REGISTER_ONCE,
            .follower_proposals = RP_FOLLOWER_DROPS,
            .forward_stamp = RP_FORWARD_STAMP_AT_SUBMIT,
            .forward_idle = RP_FORWARD_IDLE_CLOSE_UNSEEN,
            .forwarded_commands = 0,
            .unknown_role = RP_UNKNOWN_ROLE_MUTATES,
            .leave_rule = RP_LEAVE_REMOVES,
            .join_answer = RP_JOIN_ANSWER_REGISTERS,
            .join_refusal = RP_JOIN_REFUSAL_TELLS,
            .local_deletes = RP_DELETES_LOGGED,
            .resume = RP_RESUME_NEVER,
            .mismatch_removes = RP_MISMATCH_REMOVES_FINAL,
            .cancel_rule = RP_CANCEL_BETWEEN_TRIES,
            .stop_order = RP_STOP_HOOKS_FIRST,
            .start_order = RP_START_WALK_BEFORE_LISTENER,
            .callbacks = RP_CALLBACKS_AFTER_CONSENSUS,
            .serve_context = RP_SERVE_CONTEXT_OF_STREAM,
            .secret_rule = RP_SECRET_IF_REPLICATING,
            .walk_pages = RP_WALK_FULL_COPY,
            .compaction = RP_COMPACTION_NONE,
            .reconciliation = RP_RECONCILE_NONE,
            .deletion_memory = RP_DELETIONS_FORGOTTEN,
            .first_command_type_unknown = 9,
        },
    [RP_RELEASE_PHASE3] =
        {
            .mac_delimiter = RP_MAC_COLON,
            .mac_label = RP_MAC_UNLABELLED,
            .mac_fields = RP_MAC_FIELDS_ANY,
            .mac_compare = RP_MAC_COMPARE_TEXT,
            .mac_drift = RP_MAC_DRIFT_WRAPS,
            .replay_memory = RP_REPLAY_NONE,
            .fetch_binding = RP_FETCH_BINDING_NONE,
            .wire_fields = RP_WIRE_ACK_CODES,
            .heartbeat_auth = RP_HEARTBEAT_OPEN,
            .offset_rule = RP_OFFSET_IGNORED,
            .serve_length = RP_SERVE_WHOLE_OBJECT,
            .body_deadline = RP_BODY_UNBOUND,
            .admission = RP_ADMIT_NON_EMPTY,
            .restore_announce = RP_RESTORE_SILENT,
            .dedup = RP_DEDUP_PATH,
            .candidates = RP_CANDIDATES_ORIGIN_ANY_HEALTH,
            .after_mismatch = RP_MISMATCH_RETRIES_FIRST,
            .presence = RP_PRESENT_EXISTS,
            .scrub = RP_SCRUB_NEVER,
            .no_peers = RP_NO_PEERS_UNCOUNTED,
            .rescan = RP_RESCAN_NEVER,
            .own_files = RP_OWN_FILES_SKIPPED,
            .staging = RP_STAGING_TEMP,
            .store_names = RP_STORE_NAMES_MAPPED,
            .catchup = RP_CATCHUP_WALK,
            .barrier = RP_BARRIER_LEADER_ONLY,
            .ready_rule = RP_READY_WALK_DONE,
            .registration = RP_REGISTER_ONCE,
            .follower_proposals = RP_FOLLOWER_DROPS,
            .forward_stamp = RP_FORWARD_STAMP_AT_SUBMIT,
            .forward_idle = RP_FORWARD_IDLE_CLOSE_UNSEEN,
            .forwarded_commands = 0,
            .unknown_role = RP_UNKNOWN_ROLE_MUTATES,
            .leave_rule = RP_LEAVE_REMOVES,
            .join_answer = RP_JOIN_ANSWER_REGISTERS,
            .join_refusal = RP_JOIN_REFUSAL_TELLS,
            .local_deletes = RP_DELETES_LOGGED,
            .resume = RP_RESUME_NEVER,
            .mismatch_removes = RP_MISMATCH_REMOVES_FINAL,
            .cancel_rule = RP_CANCEL_BETWEEN_TRIES,
            .stop_order = RP_STOP_HOOKS_FIRST,
            .start_order = RP_START_WALK_BEFORE_LISTENER,
            .callbacks = RP_CALLBACKS_AFTER_CONSENSUS,
            .serve_context = RP_SERVE_CONTEXT_OF_STREAM,
            .secret_rule = RP_SECRET_IF_REPLICATING,
            .walk_pages = RP_WALK_FULL_COPY,
            .compaction = RP_COMPACTION_NONE,
            .reconciliation = RP_RECONCILE_NONE,
            .deletion_memory = RP_DELETIONS_FORGOTTEN,
            .first_command_type_unknown = 9,
        },
    [RP_RELEASE_ARC] =
        {
            .mac_delimiter = RP_MAC_NUL,
            .mac_label = RP_MAC_JOIN_FAMILY_LABELLED,
            .mac_fields = RP_MAC_FIELDS_ANY,
            .mac_compare = RP_MAC_COMPARE_BYTES,
            .mac_drift = RP_MAC_DRIFT_WRAPS,
            .replay_memory = RP_REPLAY_FORWARD_ONLY,
            .fetch_binding = RP_FETCH_BINDING_NONE,
            .wire_fields = RP_WIRE_ACK_CODES_AND_OFFSETS,
            .heartbeat_auth = RP_HEARTBEAT_SIGNED,
            .offset_rule = RP_OFFSET_BELOW_SIZE,
            .serve_length = RP_SERVE_WHOLE_OBJECT,
            .body_deadline = RP_BODY_UNBOUND,
            .admission = RP_ADMIT_VALIDATED,
            .restore_announce = RP_RESTORE_SILENT,
            .dedup = RP_DEDUP_PATH,
            .candidates = RP_CANDIDATES_ORIGIN_ANY_HEALTH,
            .after_mismatch = RP_MISMATCH_RETRIES_FIRST,
            .presence = RP_PRESENT_SAME_SIZE,
            .scrub = RP_SCRUB_NEVER,
            .no_peers = RP_NO_PEERS_UNCOUNTED,
            .rescan = RP_RESCAN_NEVER,
            .own_files = RP_OWN_FILES_SKIPPED,
            .staging = RP_STAGING_PART_FILE,
            .store_names = RP_STORE_NAMES_MAPPED,
            .catchup = RP_CATCHUP_WALK,
            .barrier = RP_BARRIER_LEADER_ONLY,
            .ready_rule = RP_READY_SETTLED,
            .registration = RP_REGISTER_ONCE,
            .follower_proposals = RP_FOLLOWER_FORWARDS,
            .forward_stamp = RP_FORWARD_STAMP_AT_SUBMIT,
            .forward_idle = RP_FORWARD_IDLE_CLOSE_UNSEEN,
            .forwarded_commands = RP_FORWARDED(7) | RP_FORWARDED(8) | RP_FORWARDED(10),
            .unknown_role = RP_UNKNOWN_ROLE_MUTATES,
            .leave_rule = RP_LEAVE_REMOVES,
            .join_answer = RP_JOIN_ANSWER_REGISTERS,
            .join_refusal = RP_JOIN_REFUSAL_TELLS,
            .local_deletes = RP_DELETES_QUEUED,
            .resume = RP_RESUME_PART,
            .mismatch_removes = RP_MISMATCH_REMOVES_FINAL,
            .cancel_rule = RP_CANCEL_BETWEEN_TRIES,
            .stop_order = RP_STOP_HOOKS_FIRST,
            .start_order = RP_START_WALK_BEFORE_LISTENER,
            .callbacks = RP_CALLBACKS_AFTER_CONSENSUS,
            .serve_context = RP_SERVE_CONTEXT_FROM_START,
            .secret_rule = RP_SECRET_ALWAYS,
            .walk_pages = RP_WALK_EMPTY_PAGE_ENDS,
            .compaction = RP_COMPACTION_WATCHED,
            .reconciliation = RP_RECONCILE_OWN_COPY_GONE,
            .deletion_memory = RP_DELETIONS_FORGOTTEN,
            .first_command_type_unknown = 12,
        },
    [RP_RELEASE_CURRENT] =
        {
            .mac_delimiter = RP_MAC_NUL,
            .mac_label = RP_MAC_JOIN_FAMILY_LABELLED,
            .mac_fields = RP_MAC_FIELDS_WITHOUT_NUL,
            .mac_compare = RP_MAC_COMPARE_BYTES,
            .mac_drift = RP_MAC_DRIFT_WIDE,
            .replay_memory = RP_REPLAY_EVERY_KIND,
            .fetch_binding = RP_FETCH_BINDING_ADDRESSEE,
            .wire_fields = RP_WIRE_ACK_CODES_AND_OFFSETS,
            .heartbeat_auth = RP_HEARTBEAT_SIGNED,
            .offset_rule = RP_OFFSET_EMPTY_FILE_OK,
            .serve_length = RP_SERVE_ANNOUNCED,
            .body_deadline = RP_BODY_BOUND,
            .admission = RP_ADMIT_STRICT,
            .restore_announce = RP_RESTORE_ANNOUNCES,
            .dedup = RP_DEDUP_VERSION,
            .candidates = RP_CANDIDATES_ORIGIN_IF_HEALTHY,
            .after_mismatch = RP_MISMATCH_DEMOTES_PEER,
            .presence = RP_PRESENT_VERIFIED,
            .scrub = RP_SCRUB_INTERVAL,
            .no_peers = RP_NO_PEERS_FAILS,
            .rescan = RP_RESCAN_WHILE_MISSING,
            .own_files = RP_OWN_FILES_CHECKED,
            .staging = RP_STAGING_PRIVATE,
            .store_names = RP_STORE_NAMES_EXACT,
            .catchup = RP_CATCHUP_WALK,
            .barrier = RP_BARRIER_READ_INDEX,
            .ready_rule = RP_READY_BARRIER_SETTLED,
            .registration = RP_REGISTER_UNTIL_SEEN,
            .follower_proposals = RP_FOLLOWER_FORWARDS,
            .forward_stamp = RP_FORWARD_STAMP_AT_SEND,
            .forward_idle = RP_FORWARD_IDLE_CLOSE_SEEN,
            .forwarded_commands =
                RP_FORWARDED(7) | RP_FORWARDED(8) | RP_FORWARDED(10) | RP_FORWARDED(11),
            .unknown_role = RP_UNKNOWN_ROLE_REFUSED,
            .leave_rule = RP_LEAVE_MARKS,
            .join_answer = RP_JOIN_ANSWER_GIVES_ADDRESSES,
            .join_refusal = RP_JOIN_REFUSAL_ALIKE,
            .local_deletes = RP_DELETES_RECHECKED,
            .resume = RP_RESUME_SAME_PEER,
            .mismatch_removes = RP_MISMATCH_REMOVES_STAGING,
            .cancel_rule = RP_CANCEL_AT_ONCE,
            .stop_order = RP_STOP_DRAINS_FIRST,
            .start_order = RP_START_LISTENER_FIRST,
            .callbacks = RP_CALLBACKS_FROM_BIRTH,
            .serve_context = RP_SERVE_CONTEXT_FROM_START,
            .secret_rule = RP_SECRET_ALWAYS,
            .walk_pages = RP_WALK_TO_THE_END,
            .compaction = RP_COMPACTION_UNTIL_SEEN,
            .reconciliation = RP_RECONCILE_HELD_NOWHERE,
            .deletion_memory = RP_DELETIONS_TOMBSTONES,
            .first_command_type_unknown = 12,
        },
};

static const struct {
    const char *name;
    const char *about;
} TEXTS[RP_RELEASE_COUNT] = {
    [RP_RELEASE_PHASE2] = {"phase2", "pulls from the origin alone, without catch-up or codes"},
    [RP_RELEASE_PHASE3] = {"phase3", "adds the catch-up walk, peer fallback, ack codes and dedup"},
    [RP_RELEASE_ARC] = {"arc", "the reference today, its defects included"},
    [RP_RELEASE_CURRENT] = {"current", "a good implementation; every property holds (default)"},
};

const struct rp_traits *rp_release_traits(enum rp_release release)
{
    RP_ASSERT(release < RP_RELEASE_COUNT);
    return &TRAITS[release];
}

const char *rp_release_name(enum rp_release release)
{
    RP_ASSERT(release < RP_RELEASE_COUNT);
    return TEXTS[release].name;
}

const char *rp_release_about(enum rp_release release)
{
    RP_ASSERT(release < RP_RELEASE_COUNT);
    return TEXTS[release].about;
}

bool rp_release_parse(struct rp_view name, enum rp_release *release_out)
{
    for (int row = 0; row < RP_RELEASE_COUNT; row += 1) {
        if (rp_view_equal(name, rp_view_text(TEXTS[row].name))) {
            *release_out = (enum rp_release)row;
            return true;
        }
    }
    return false;
}
