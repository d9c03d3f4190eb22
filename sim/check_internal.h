/* The inside of the checkers, shared by the check*.c files and by nobody else.
 *
 *   check.c           registry of pods, lives, dispatch, verdicts
 *   check_pull.c      announcements, pulls, attempts, dials
 *   check_store.c     what appears on disks, what is served
 *   check_delete.c    what goes from disks, and what must
 *   check_stop.c      what cancelled work may not do any more
 *   check_wait.c      limits of waits
 *   check_transfer.c  bytes and codes of single fetches
 *   check_queue.c     the queue and its workers
 *   check_crash.c     what crashes take
 *   check_entry.c     entries, callbacks, refusals, snapshots
 *   check_walk.c      the walk
 *   check_access.c    what the node asks of its disk
 *   check_auth.c      what only accepted requests may cause
 *   check_log.c       votes, logs, and the log once more
 *   check_message.c   what messages cause before they are known to be a member's
 *   check_hostile.c   what hostile members cost
 *   check_budget.c    memory and steps
 *   check_reconcile.c what anti-entropy deletes
 *   check_manifest.c  applied log, leaders, registration, readiness
 *   check_consensus.c what the consensus library is given
 *   check_wire.c      accepted requests
 *   check_end.c       at rest, stops, and at the end
 *
 * Running out of memory in a checker is a panic: it would be a silent gap otherwise. */
#ifndef REPLISIM_SIM_CHECK_INTERNAL_H
#define REPLISIM_SIM_CHECK_INTERNAL_H

#include "protocol/manifest.h"
#include "protocol/node.h"
#include "protocol/panic.h"
#include "protocol/table.h"
#include "sim/check.h"
#include "sim/reach.h"
#include "sim/store.h"
#include "sim/truth.h"

/* Digests remembered by log index, and leaders by term: rings, so memory is bounded. */
#define CHECK_INDEX_RING 16384u
#define CHECK_TERM_RING  1024u
/* Entries of manifests looked at in one check at rest. */
#define CHECK_ENTRY_BUDGET UINT64_C(100000)

/* ---- Sets of hashes ------------------------------------------------------------------------------- */

/* Two generations of tuples, each of a fixed time: what is older could not be accepted any more. */
struct check_tuple {
    uint64_t low, high; /* both 0: empty */
};
struct check_tuples {
    struct check_tuple *slots; /* owned */
    size_t slot_count, used_count;
};

/* ---- One pod ---------------------------------------------------------------------------------- */

/* A pull that has begun; under RP_DEDUP_NONE a path may have several. */
struct check_pull {
    struct check_pull *next;
    char sha256[RP_SHA256_HEX];
    uint64_t lsn;
    uint64_t attempt; /* 0: none yet */
    uint64_t candidate_count, dial_count;
    uint64_t *dialed; /* owned: hashes of the ids dialled in this attempt */
    size_t dialed_max;
    rp_time_ns began_ns, try_ended_ns;
    rp_time_ns try_ended_clock_ns; /* by check_clock */
    rp_time_ns dialed_ns;          /* of the try under way, by check_clock */
    rp_time_ns dialed_frozen_ns;
    /* check_transfer.c: of the try under way, and where the last one left off */
    uint64_t size_bytes, offset_bytes, end_bytes;
    bool has_ack, is_ack_ok, has_tried;
    uint64_t ack_bytes;
    uint32_t ack_code;                  /* enum rp_ack_code */
    bool is_published;                  /* check_crash.c: the rename was reported as done */
    uint64_t peer_changes;              /* of the registry, before this attempt */
    bool has_mismatch;                  /* in this attempt */
    bool is_verified;                   /* its last try ended well */
    bool is_at_hostile, was_at_hostile; /* check_hostile.c: its try under way; any try of it */
};

/* A path that an announcement was accepted for, while anything of it is open. */
struct check_path {
    uint64_t owed_count; /* accepted announcements without an outcome */
    /* check_queue.c: when the one that waits was accepted, how many pulls had begun, how many
     * waited before it */
    uint64_t begun_before, waiting_before;
    struct check_pull *pulls;
    bool is_publishing;
    char publish_sha256[RP_SHA256_HEX];
    size_t path_bytes;
    uint8_t path[];
};

/* Content that was changed behind the node's back. */
struct check_damage {
    rp_time_ns at_ns;
    bool is_by_crash; /* between two lives, the first of which was killed */
    bool is_put;      /* a hand put the file there */
    bool is_earlier;  /* before the present life began */
    size_t path_bytes;
    uint8_t path[];
};

/* A fetch that the node serves. */
struct check_serve {
    uint64_t number;
    rp_time_ns began_ns; /* by check_clock */
    rp_time_ns began_frozen_ns;
    uint64_t tail_bytes;
};

/* Waits of which one at a time is under way, or a few. Times by check_clock. */
#define CHECK_PROPOSAL_RING 64u
struct check_waits {
    bool is_joining, has_barrier_wait;
    rp_time_ns join_ns, barrier_ns, barrier_limit_ns;
    rp_time_ns barrier_frozen_ns;
    rp_time_ns first_frame_looked_ns;
    struct {
        uint64_t request; /* 0: empty */
        rp_time_ns began_ns;
    } proposals[CHECK_PROPOSAL_RING];
};

/* A connection of the node, as its ports see it. Times are true ones. */
struct check_conn {
    uint64_t number;
    uint64_t received_bytes, limit_bytes; /* check_hostile.c: 0: no limit */
    rp_time_ns opened_ns;
    rp_time_ns opened_clock_ns, active_clock_ns; /* by check_clock */
    bool is_inbound, has_accepted, has_request;
    uint8_t head_count, head[5]; /* of its first frame, of whoever opened it */
};

/* Bytes of a connection that the node works on right now: check_message.c. */
struct check_call {
    bool is_open, is_inbound;
    bool is_trusted; /* no authentication is called for, or a request of the connection had one */
    bool is_accepted, is_refused, is_closed;
    uint32_t kind, request_count; /* of what was judged in it */
    uint64_t conn, work;          /* work: a hash of what it did, in order */
    size_t nonce_count;           /* when it began */
};
#define CHECK_REQUEST_KINDS 5u

/* A path whose last callback did not agree with the manifest: a later one of the same command must. */
struct check_unsettled {
    size_t path_bytes;
    uint8_t path[];
};

/* A run of anti-entropy. */
struct check_run {
    bool is_running, is_act, is_listed, is_manifest_swept;
    uint64_t action_count;
};

/* What is known of the present life. */
struct check_life {
    bool is_open;
    struct rp_table paths; /* -> owned check_path */
    uint64_t announced[RP_ANNOUNCE_STOPPED + 1];
    uint64_t ended[RP_PULL_OUTCOME_COUNT];
    uint64_t owed_count;
    uint64_t peer_change_count;
    /* check_manifest.c */
    uint64_t commit_index; /* of the cluster when this life began */
    uint64_t applied_index;
    uint64_t barrier_index;
    bool has_barrier, is_walking, is_walked, is_ready, was_leader;
    bool has_registered; /* since the last apply */
    uint64_t registered_low, registered_high;
    /* check_entry.c: since the last command or snapshot, and how it left the manifest */
    struct rp_digest digest;
    bool has_digest;
    uint64_t refused_count, callback_index, callback_count;
    size_t file_count, registered_count, deleted_count;
    uint64_t last_callback;    /* a hash of it */
    struct rp_table unsettled; /* -> owned check_unsettled */
    /* check_walk.c */
    bool has_walk, has_walk_end;
    uint64_t walk_entries, walk_announced, walk_deleted, walk_index;
    struct check_tuples walk_visited; /* hashes of paths */
    /* check_queue.c */
    uint64_t begun_count, active_count, waiting_count;
    rp_time_ns idle_since_ns; /* by check_clock; 0: no worker idles in vain */
    bool is_reconciling;      /* check_access.c */
    /* check_auth.c */
    uint64_t accepted_count, refused_requests, fetch_accepted_count, serve_begun_count;
    rp_time_ns heartbeat_accepted_ns;
    /* check_wait.c */
    struct rp_table serves; /* -> owned check_serve */
    struct check_waits waits;
    struct check_run run; /* check_reconcile.c */
    /* check_message.c */
    struct rp_table conns; /* -> owned check_conn */
    struct check_call call;
    struct {
        bool is_known;
        uint64_t work;
    } refusals[CHECK_REQUEST_KINDS];
    /* check_hostile.c: the try whose connection is about to be opened */
    bool is_dialing_hostile;
    uint64_t dialing_limit_bytes;
    /* check_budget.c */
    uint64_t received_bytes;
    rp_time_ns step_window_ns;
    uint64_t step_count, step_driven_count;
    uint64_t walk_offered, walk_registered;
    rp_time_ns walk_began_ns;
    /* check_end.c */
    bool is_stop_asked, is_stopping, is_stopped;
    rp_time_ns stop_asked_ns;
    rp_time_ns stop_frozen_ns; /* how long the process had been frozen by then */
    size_t leftover_count;     /* staging objects that an earlier life left */
    bool has_connection_low;
    rp_time_ns connection_since_ns;               /* when the present interval of samples began */
    size_t connection_low, connection_low_before; /* the fewest, in it and in the one before */
};

struct check_pod {
    struct sim_checks *checks;
    struct sim_pod *pod;
    struct check_life life;
    struct rp_table damages;     /* -> owned check_damage */
    struct rp_table appearances; /* check_reconcile.c */
    bool was_killed;             /* the last life that ended */
    bool has_compacted;          /* check_access.c */
    enum rp_release last_release;
    size_t inherited_count; /* visible staging files that lives of another release left */
};

/* ---- All -------------------------------------------------------------------------------------- */

struct check_digest {
    uint64_t index; /* 0: empty */
    struct rp_digest digest;
    struct check_pod *by;
};

struct check_term {
    uint64_t term; /* 0: empty */
    uint64_t leader_raft_id;
};

/* A flush whose registration its maker has not seen yet. */
struct check_flush {
    struct check_pod *by;
    enum rp_release release; /* of the life that flushed it, and owes it */
    char sha256[RP_SHA256_HEX];
    bool is_registered; /* somebody has seen it */
    bool is_excused;
    size_t path_bytes;
    uint8_t path[];
};

/* A consensus message that an attacker has. */
struct check_recording {
    uint64_t identity[3];
    uint64_t taken_count;
};

/* Commands as they were applied first: check_log.c. */
struct check_command;
struct check_log {
    struct check_command *commands; /* owned */
    uint8_t *bytes;                 /* owned */
    size_t count, commands_max, used_bytes, bytes_max;
    uint64_t last_index;
    uint32_t releases; /* that ever ran, as bits */
    bool is_cut;
};

struct sim_checks {
    struct check_log log;
    struct rp_table votes;        /* raft id -> owned check_vote */
    uint64_t applied_first;       /* the highest index that was applied anywhere */
    uint64_t lead_term;           /* the highest in which somebody led */
    bool has_lost_logs;           /* a volume or log was taken away */
    bool has_hostile;             /* some member is hostile, or was */
    struct sim_world *world;      /* borrowed */
    struct sim_reach *reach;      /* the world's */
    const struct rp_alloc *alloc; /* borrowed */
    bool is_disabled[SIM_PROPERTY_COUNT];
    struct check_pod **pods; /* owned, by number; NULL: not heard of */
    size_t pod_max;
    struct check_digest *digests; /* owned ring, made with the first use */
    struct check_term terms[CHECK_TERM_RING];
    struct rp_table flushes;    /* path -> owned check_flush */
    struct rp_table recordings; /* check_consensus.c: identity -> owned check_recording */
    bool has_surveyed;          /* check_entry.c: the manifest that was looked at last */
    struct rp_digest surveyed;
    struct check_tuples tuples, tuples_before, signed_now, signed_before;
    rp_time_ns tuples_since_ns;
};

/* ---- check.c ---------------------------------------------------------------------------------- */

/* `format` makes the detail; the place is role, state of the node, and `what`. */
void check_violate(struct check_pod *pod, enum sim_property property, const char *what,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Of a former life of it, which ran as that release: at rest it may run as another. */
void check_violate_as(struct check_pod *pod, enum rp_release release, enum sim_property property,
                      const char *what, const char *detail);
/* Of the cluster as a whole. */
void check_violate_all(struct sim_checks *checks, enum sim_property property, const char *place,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The checker is about to judge something that could have been otherwise. */
void check_reached(const struct check_pod *pod, enum sim_property property);
struct check_pod *check_pod_of(struct sim_checks *checks, struct sim_pod *pod);
void *check_allocate(struct sim_checks *checks, size_t size_bytes); /* zeroed, never NULL */
void check_put(struct rp_table *table, struct rp_view key, void *value);
rp_time_ns check_now(const struct sim_checks *checks);
/* The node's own clock less the time that it was frozen: what its limits are measured by. */
rp_time_ns check_clock(const struct check_pod *pod);
/* NULL: down, or standalone. */
const struct rp_manifest *check_manifest_of(struct check_pod *pod);
const struct rp_file_entry *check_entry(struct check_pod *pod, struct rp_view path);
/* For "%.*s": the length as an int, cut where a message would be unreadable. */
int check_length(struct rp_view view);
#define CHECK_TEXT(view) check_length(view), (const char *)(view).bytes

/* ---- check_pull.c ----------------------------------------------------------------------------- */

void check_pull_observe(struct check_pod *pod, const struct rp_observation *seen);
/* NULL: nothing is open for it. */
struct check_path *check_path_find(struct check_pod *pod, struct rp_view path);
void check_pull_clear(struct check_pod *pod); /* the life is over */
/* The counters of an idle node against the history. */
void check_pull_rest(struct check_pod *pod, const struct rp_node_inspection *inspection);

/* ---- check_store.c ---------------------------------------------------------------------------- */

void check_store_observe(struct check_pod *pod, const struct rp_observation *seen);
void check_store_visible(struct check_pod *pod, struct rp_view path, struct rp_view sha256,
                         const struct sim_content *content, bool is_by_node);
void check_store_damaged(struct check_pod *pod, struct rp_view path);
void check_store_life_begins(struct check_pod *pod);
void check_store_clear(struct check_pod *pod);
/* Damaged on purpose in this life, and not judged by the node since. */
bool check_store_is_exempt(const struct check_pod *pod, struct rp_view path);
/* The disk shows the version with its bytes; true where no body is known to compare with. */
bool check_store_holds(struct check_pod *pod, struct rp_view path, struct rp_view sha256);

/* ---- check_delete.c --------------------------------------------------------------------------- */

void check_delete_vanished(struct check_pod *pod, struct rp_view path,
                           const struct sim_content *content);
void check_delete_rest(struct check_pod *pod);

/* ---- check_stop.c ----------------------------------------------------------------------------- */

void check_stop_observe(struct check_pod *pod, const struct rp_observation *seen);
/* A file that is not the pod's own flush appeared by its doing. */
void check_stop_visible(struct check_pod *pod, struct rp_view path);

/* ---- check_wait.c ----------------------------------------------------------------------------- */

void check_wait_observe(struct check_pod *pod, const struct rp_observation *seen);
/* NULL: none with that number is under way. */
struct check_serve *check_serve_find(struct check_pod *pod, uint64_t number);
void check_wait_rest(struct check_pod *pod);
void check_wait_clear(struct check_pod *pod);

/* ---- check_reconcile.c ------------------------------------------------------------------------ */

void check_reconcile_observe(struct check_pod *pod, const struct rp_observation *seen);
void check_reconcile_visible(struct check_pod *pod, struct rp_view path);
void check_reconcile_vanished(struct check_pod *pod, struct rp_view path);
void check_reconcile_clear(struct check_pod *pod);

/* ---- check_manifest.c ------------------------------------------------------------------------- */

void check_manifest_observe(struct check_pod *pod, const struct rp_observation *seen);
void check_query(struct check_pod *pod);
void check_manifest_rest(struct sim_checks *checks, bool is_live);
void check_flush_crashed(struct check_pod *pod);
void check_flush_clear(struct sim_checks *checks);

/* ---- check_entry.c ---------------------------------------------------------------------------- */

void check_entry_observe(struct check_pod *pod, const struct rp_observation *seen);
/* Looks at whole manifests while the budget, of entries, lasts. */
void check_entry_rest(struct check_pod *pod, uint64_t *budget);
void check_entry_clear(struct check_pod *pod);

/* ---- check_walk.c ----------------------------------------------------------------------------- */

void check_walk_observe(struct check_pod *pod, const struct rp_observation *seen);
void check_walk_rest(struct check_pod *pod);
void check_walk_clear(struct check_pod *pod);

/* ---- check_transfer.c ------------------------------------------------------------------------- */

void check_transfer_observe(struct check_pod *pod, const struct rp_observation *seen);

/* ---- check_queue.c ---------------------------------------------------------------------------- */

/* Before and after check_pull.c took the observation in. */
void check_queue_accepted(struct check_pod *pod, struct check_path *record);
void check_queue_begins(struct check_pod *pod, struct check_path *record);
void check_queue_observe(struct check_pod *pod, const struct rp_observation *seen);
void check_queue_rest(struct check_pod *pod, const struct rp_node_inspection *inspection);

/* ---- check_crash.c ---------------------------------------------------------------------------- */

void check_crash_observe(struct check_pod *pod, const struct rp_observation *seen);
void check_crash_rest(struct check_pod *pod);

/* ---- check_access.c --------------------------------------------------------------------------- */

void check_access_observe(struct check_pod *pod, const struct rp_observation *seen);
void check_access_called(struct check_pod *pod, enum sim_store_call call, struct rp_view path);
void check_access_staged(struct check_pod *pod, struct rp_view path, struct rp_view sha256,
                         const struct sim_content *content, uint64_t from_bytes);

/* ---- check_auth.c ----------------------------------------------------------------------------- */

void check_auth_observe(struct check_pod *pod, const struct rp_observation *seen);
void check_auth_rest(struct check_pod *pod);

/* ---- check_log.c ---------------------------------------------------------------------------------- */

void check_log_observe(struct check_pod *pod, const struct rp_observation *seen);
void check_log_life_begins(struct check_pod *pod);
void check_log_end(struct sim_checks *checks);
void check_log_clear(struct sim_checks *checks);

/* ---- check_message.c ------------------------------------------------------------------------------ */

void check_message_observe(struct check_pod *pod, const struct rp_observation *seen);
void check_message_opened(struct check_pod *pod, uint64_t conn, bool is_inbound);
void check_message_begins(struct check_pod *pod, uint64_t conn, struct rp_view bytes);
void check_message_ends(struct check_pod *pod);
void check_message_sent(struct check_pod *pod, uint64_t conn, struct rp_view bytes);
void check_message_closed(struct check_pod *pod, uint64_t conn, bool is_by_node);
void check_message_effect(struct check_pod *pod, enum sim_effect effect);
void check_message_called(struct check_pod *pod, enum sim_store_call call);
void check_message_clear(struct check_pod *pod);
void check_message_rest(struct check_pod *pod);
/* Of an idle node. */
void check_message_idle(struct check_pod *pod);

/* ---- check_hostile.c ------------------------------------------------------------------------------ */

void check_hostile_observe(struct check_pod *pod, const struct rp_observation *seen);
void check_hostile_opened(struct check_pod *pod, struct check_conn *conn);
void check_hostile_received(struct check_pod *pod, const struct check_conn *conn);
/* Other bytes than those of its version appeared under a final name. */
void check_hostile_forged(struct check_pod *pod, struct rp_view path);

/* ---- check_budget.c ------------------------------------------------------------------------------- */

void check_budget_observe(struct check_pod *pod, const struct rp_observation *seen);
void check_budget_allocated(struct check_pod *pod, size_t size_bytes);
void check_budget_step(struct check_pod *pod);

/* ---- check_wire.c ----------------------------------------------------------------------------- */

/* Sets of tuples, none of which is zero. */
void check_tuples_insert(struct sim_checks *checks, struct check_tuples *tuples,
                         struct check_tuple tuple);
bool check_tuples_contain(const struct check_tuples *tuples, struct check_tuple tuple);
void check_tuples_clear(struct sim_checks *checks, struct check_tuples *tuples);
void check_wire_observe(struct check_pod *pod, const struct rp_observation *seen);
void check_wire_clear(struct sim_checks *checks);

/* ---- check_consensus.c ------------------------------------------------------------------------ */

void check_consensus_clear(struct sim_checks *checks);

/* ---- check_end.c ------------------------------------------------------------------------------ */

void check_end_observe(struct check_pod *pod, const struct rp_observation *seen);
void check_end_stop_asked(struct check_pod *pod);
void check_end_life(struct check_pod *pod, bool is_crash);

#endif
