/* The inside of the checkers, shared by the check*.c files and by nobody else.
 *
 *   check.c           registry of pods, lives, dispatch, verdicts
 *   check_pull.c      announcements, pulls, attempts, dials
 *   check_store.c     what appears on disks, what is served
 *   check_delete.c    what goes from disks, and what must
 *   check_stop.c      what cancelled work may not do any more
 *   check_wait.c      limits of waits
 *   check_manifest.c  applied log, leaders, registration, readiness
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
#include "sim/store.h"
#include "sim/truth.h"

/* Digests remembered by log index, and leaders by term: rings, so memory is bounded. */
#define CHECK_INDEX_RING 16384u
#define CHECK_TERM_RING  1024u

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
    rp_time_ns dialed_ns; /* of the try under way, by check_clock */
    bool has_mismatch;    /* in this attempt */
    bool is_verified;     /* its last try ended well */
};

/* A path that an announcement was accepted for, while anything of it is open. */
struct check_path {
    uint64_t owed_count; /* accepted announcements without an outcome */
    struct check_pull *pulls;
    bool is_publishing;
    char publish_sha256[RP_SHA256_HEX];
    size_t path_bytes;
    uint8_t path[];
};

/* Content that was changed behind the node's back. */
struct check_damage {
    rp_time_ns at_ns;
    size_t path_bytes;
    uint8_t path[];
};

/* A fetch that the node serves. */
struct check_serve {
    uint64_t number;
    rp_time_ns began_ns; /* by check_clock */
};

/* Waits of which one at a time is under way, or a few. Times by check_clock. */
#define CHECK_PROPOSAL_RING 64u
struct check_waits {
    bool is_joining, has_barrier_wait;
    rp_time_ns join_ns, barrier_ns, barrier_limit_ns;
    rp_time_ns first_frame_looked_ns;
    struct {
        uint64_t request; /* 0: empty */
        rp_time_ns began_ns;
    } proposals[CHECK_PROPOSAL_RING];
};

/* What is known of the present life. */
struct check_life {
    bool is_open;
    struct rp_table paths; /* -> owned check_path */
    uint64_t announced[RP_ANNOUNCE_STOPPED + 1];
    uint64_t ended[RP_PULL_OUTCOME_COUNT];
    uint64_t owed_count;
    /* check_manifest.c */
    uint64_t commit_index; /* of the cluster when this life began */
    uint64_t applied_index;
    uint64_t barrier_index;
    bool has_barrier, is_walking, is_walked, is_ready, was_leader;
    bool has_registered; /* since the last apply */
    uint64_t registered_low, registered_high;
    /* check_wait.c */
    struct rp_table serves; /* -> owned check_serve */
    struct check_waits waits;
    /* check_end.c */
    bool is_stop_asked, is_stopping, is_stopped;
    rp_time_ns stop_asked_ns;
    size_t leftover_count; /* staging objects that an earlier life left */
    bool has_connection_low;
    rp_time_ns connection_since_ns;               /* when the present interval of samples began */
    size_t connection_low, connection_low_before; /* the fewest, in it and in the one before */
};

struct check_pod {
    struct sim_checks *checks;
    struct sim_pod *pod;
    struct check_life life;
    struct rp_table damages; /* -> owned check_damage */
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

/* A flush whose registration has not been seen anywhere. */
struct check_flush {
    struct check_pod *by;
    char sha256[RP_SHA256_HEX];
    bool is_excused;
    size_t path_bytes;
    uint8_t path[];
};

/* Two generations of tuples, each of a fixed time: what is older could not be accepted any more. */
struct check_tuple {
    uint64_t low, high; /* both 0: empty */
};
struct check_tuples {
    struct check_tuple *slots; /* owned */
    size_t slot_count, used_count;
};

struct sim_checks {
    struct sim_world *world;      /* borrowed */
    const struct rp_alloc *alloc; /* borrowed */
    bool is_disabled[SIM_PROPERTY_COUNT];
    struct check_pod **pods; /* owned, by number; NULL: not heard of */
    size_t pod_max;
    struct check_digest *digests; /* owned ring, made with the first use */
    struct check_term terms[CHECK_TERM_RING];
    struct rp_table flushes; /* path -> owned check_flush */
    struct check_tuples tuples, tuples_before;
    rp_time_ns tuples_since_ns;
};

/* ---- check.c ---------------------------------------------------------------------------------- */

/* `format` makes the detail; the place is role, state of the node, and `what`. */
void check_violate(struct check_pod *pod, enum sim_property property, const char *what,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Of the cluster as a whole. */
void check_violate_all(struct sim_checks *checks, enum sim_property property, const char *place,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));
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
void check_wait_clear(struct check_pod *pod);

/* ---- check_manifest.c ------------------------------------------------------------------------- */

void check_manifest_observe(struct check_pod *pod, const struct rp_observation *seen);
void check_manifest_rest(struct sim_checks *checks);
void check_flush_crashed(struct check_pod *pod);
void check_flush_clear(struct sim_checks *checks);

/* ---- check_wire.c ----------------------------------------------------------------------------- */

void check_wire_observe(struct check_pod *pod, const struct rp_observation *seen);
void check_wire_clear(struct sim_checks *checks);

/* ---- check_end.c ------------------------------------------------------------------------------ */

void check_end_observe(struct check_pod *pod, const struct rp_observation *seen);
void check_end_stop_asked(struct check_pod *pod);
void check_end_life(struct check_pod *pod, bool is_crash);

#endif
