/* The queue of files to pull, the set of paths in flight, and the workers' jobs (behaviour.md 7).
 *
 * A machine without I/O: it decides what to do next for which entry; the node does it and answers.
 * Each worker handles one job at a time:
 *
 *   announce -> queue -> [DO_CHECK] -present-> end: PRESENT
 *                           |absent
 *                        [DO_RESOLVE] -no peers-> backoff, or end: FAILED after the last attempt
 *                           |
 *                        [DO_FETCH(candidate i)] -ok-> end: PULLED
 *                           |fails: next candidate; none left, or a checksum mismatch:
 *                        backoff -> [DO_CHECK] of the next attempt, or end: FAILED
 *
 * What the node does, and when: after every call of a function that changes the puller it takes all
 * actions out (rp_puller_next), carries them out and answers by the function named with each. One
 * answer per action, later or at once (the answer may be given from within the loop over actions).
 * A timer is kept at rp_puller_deadline; rp_puller_tick is called when it fires. */
#ifndef REPLISIM_PROTOCOL_PULLER_H
#define REPLISIM_PROTOCOL_PULLER_H

#include "protocol/command.h"
#include "protocol/limits.h"
#include "protocol/release.h"
#include "protocol/types.h"

struct rp_puller;

struct rp_puller_settings {
    const struct rp_traits *traits;
    struct rp_view self_id;      /* copied */
    uint32_t worker_count;       /* 0: 4 */
    uint32_t queue_max;          /* 0: 1024 */
    uint32_t attempt_max;        /* 0: 3 */
    rp_time_ns backoff_first_ns; /* 0: RP_BACKOFF_FIRST_NS */
    rp_time_ns
        fetch_timeout_ns; /* 0: 60 s; one check, and one try at one peer, publishing included */
};

/* Errors: RP_ERR_NOMEM, RP_ERR_INVALID (no self id). Not started: announcements are queued already,
 * workers take none. */
RP_MUST_USE int rp_puller_new(const struct rp_puller_settings *settings,
                              const struct rp_alloc *alloc, struct rp_puller **puller_out);
/* Any time. Jobs still there vanish without an outcome; stop first to get one for each. */
void rp_puller_free(struct rp_puller *puller);

/* Workers begin. A second start, and one after stop, does nothing. */
void rp_puller_start(struct rp_puller *puller, rp_time_ns now_ns);
/* Every queued and waiting job ends CANCELLED; what is in progress gets DO_CANCEL and ends with its
 * answer. A second stop does nothing; no restart. */
void rp_puller_stop(struct rp_puller *puller, rp_time_ns now_ns);
/* Nothing queued, no worker busy, no action waiting. */
bool rp_puller_is_idle(const struct rp_puller *puller);

/* ---- Announcements --------------------------------------------------------------------------- */

enum rp_announce_source {
    RP_ANNOUNCE_APPLIED, /* a committed register or update, or a restore's difference */
    RP_ANNOUNCE_WALK,
    RP_ANNOUNCE_RESCAN,
    RP_ANNOUNCE_SCRUB
};

enum rp_announce_result {
    RP_ANNOUNCE_QUEUED,   /* an outcome follows by DO_END */
    RP_ANNOUNCE_REPLACED, /* as QUEUED: it takes the place of an older version, which is OBSOLETE */
    RP_ANNOUNCE_SELF,     /* own file, skipped */
    RP_ANNOUNCE_DUPLICATE, /* in flight already */
    RP_ANNOUNCE_DROPPED,   /* queue full: this is its outcome */
    RP_ANNOUNCE_STOPPED    /* as DROPPED, not counted */
};

/* Never blocks. Retains the entry when it was accepted. Running out of memory counts as DROPPED.
 * behaviour.md 7.2; under RP_DEDUP_VERSION another version of a path in flight replaces it when its
 * lsn is higher. */
enum rp_announce_result rp_puller_announce(struct rp_puller *puller,
                                           const struct rp_file_entry *entry, rp_time_ns now_ns);

/* The manifest lost the path: a job for it ends OBSOLETE. Only RP_DEDUP_VERSION listens; elsewhere
 * there is no such input (behaviour.md 7.8). Call from the manifest's file_deleted. */
void rp_puller_deleted(struct rp_puller *puller, struct rp_view path, rp_time_ns now_ns);

/* ---- Actions and their answers --------------------------------------------------------------- */

struct rp_pull_candidate {
    struct rp_view node_id, address;
};

enum rp_pull_action_kind {
    RP_PULL_DO_BEGIN,   /* for the observer: `worker` takes `entry` */
    RP_PULL_DO_CHECK,   /* is it here already? -> rp_puller_checked */
    RP_PULL_DO_RESOLVE, /* who may have it? -> rp_puller_resolved */
    RP_PULL_DO_FETCH,   /* fetch from `candidate`, publish -> rp_puller_fetched */
    RP_PULL_DO_CANCEL, /* give up the worker's outstanding CHECK or FETCH; it still answers, once */
    RP_PULL_DO_END,    /* the entry's outcome; exactly one an accepted announcement */
    RP_PULL_DO_RESCAN  /* look through the manifest for missing files -> rp_puller_rescanned */
};

enum rp_pull_outcome {
    RP_PULL_PULLED,
    RP_PULL_PRESENT,
    RP_PULL_FAILED,
    RP_PULL_DROPPED, /* never in DO_END; announce's result tells */
    RP_PULL_CANCELLED,
    RP_PULL_OBSOLETE,
    RP_PULL_NO_PEERS, /* RP_NO_PEERS_UNCOUNTED only: ended without peers, counted nowhere */
    RP_PULL_OUTCOME_COUNT
};

#define RP_PULL_NO_WORKER UINT32_MAX

struct rp_pull_action {
    enum rp_pull_action_kind kind;
    uint32_t worker;                   /* index; RP_PULL_NO_WORKER: never got one (DO_END) */
    const struct rp_file_entry *entry; /* borrowed until the next rp_puller_next */
    uint32_t attempt;                  /* 1.. ; DO_END: attempts begun, 0 for none */
    /* DO_FETCH: */
    struct rp_pull_candidate candidate; /* borrowed until this worker's answer */
    enum rp_resume resume; /* behaviour.md 7.6: with what this try may go on; NEVER: begin at 0 */
    /* DO_END: */
    enum rp_pull_outcome outcome;
};

/* False: none. Order: outcomes, then the workers' actions in the order they came up, then RESCAN. */
bool rp_puller_next(struct rp_puller *puller, struct rp_pull_action *action_out);

/* Answers DO_CHECK. An error of the store counts as not present. After DO_CANCEL: any value. */
void rp_puller_checked(struct rp_puller *puller, uint32_t worker, bool is_present,
                       rp_time_ns now_ns);

/* Answers DO_RESOLVE, in the resolver's order; texts are copied. Peers that sent a wrong checksum
 * for this path go to the end (RP_MISMATCH_DEMOTES_PEER). At most RP_PEER_COUNT_MAX. */
void rp_puller_resolved(struct rp_puller *puller, uint32_t worker,
                        const struct rp_pull_candidate *candidates, size_t count,
                        rp_time_ns now_ns);

/* How one try at one peer ended. */
enum rp_pull_try {
    RP_TRY_OK, /* published */
    RP_TRY_NOT_ON_PEER,
    RP_TRY_BAD_OFFSET,         /* the server's */
    RP_TRY_BAD_OFFSET_BACKEND, /* our store cannot append */
    RP_TRY_CHECKSUM_MISMATCH,  /* staging object removed already */
    RP_TRY_FAILED,             /* transport, sink, deadline, publish */
    RP_TRY_CANCELLED,          /* by DO_CANCEL or stop */
    RP_TRY_OBSOLETE            /* rp_puller_may_publish said no; staging object removed already */
};
/* Answers DO_FETCH. */
void rp_puller_fetched(struct rp_puller *puller, uint32_t worker, enum rp_pull_try result,
                       rp_time_ns now_ns);

/* For the counters `resumed` and `body_bytes`: a try that went on at `byte_offset`, or began at 0,
 * brought so many bytes into the sink. Before rp_puller_fetched. */
void rp_puller_sunk(struct rp_puller *puller, uint64_t byte_offset, uint64_t sunk_bytes);

/* Asked right before the rename of a verified file, with the manifest's entry of now (or NULL): may
 * it be published? Under RP_DEDUP_VERSION only if hash and size are still those (property
 * publish-current); elsewhere always. A further stat of the same worker's job only; changes nothing. */
bool rp_puller_may_publish(const struct rp_puller *puller, uint32_t worker,
                           const struct rp_file_entry *manifest_entry);

/* Answers DO_RESCAN once the whole manifest was looked through and every missing file announced
 * (source RESCAN, with the walk's back-pressure: pause while queue_depth >= the high water).
 * `missing_count`: files found missing, whatever announce said. */
void rp_puller_rescanned(struct rp_puller *puller, uint64_t missing_count, rp_time_ns now_ns);

/* A peer joined or became healthy: what is missing is looked for at once. */
void rp_puller_peer_arrived(struct rp_puller *puller, rp_time_ns now_ns);

/* Backoffs, check and try deadlines, the rescan. RP_TIME_NEVER: no timer. */
rp_time_ns rp_puller_deadline(const struct rp_puller *puller);
void rp_puller_tick(struct rp_puller *puller, rp_time_ns now_ns);

/* ---- What it knows --------------------------------------------------------------------------- */

/* X(name): behaviour.md 7.7, in that order, then ours. Those of catch-up are in readiness.h. */
#define RP_PULL_COUNTER_TABLE(X)                                                                   \
    X(enqueued)                                                                                    \
    X(skipped_self)                                                                                \
    X(skipped_local)                                                                               \
    X(pulled)                                                                                      \
    X(failed)                                                                                      \
    X(dropped)                                                                                     \
    X(checksum_mismatch)                                                                           \
    X(peer_lookup_failure)                                                                         \
    X(queue_depth)                                                                                 \
    X(skipped_dup)                                                                                 \
    X(bad_offset_server)                                                                           \
    X(bad_offset_backend)                                                                          \
    X(inflight_count)                                                                              \
    X(cancelled)                                                                                   \
    X(obsolete)                                                                                    \
    X(rescans)                                                                                     \
    X(resumed)                                                                                     \
    X(body_bytes)

#define RP_PULL_COUNTER_FIELD(name) uint64_t name;
struct rp_pull_counters {
    RP_PULL_COUNTER_TABLE(RP_PULL_COUNTER_FIELD)
};
#undef RP_PULL_COUNTER_FIELD

#define RP_PULL_COUNTER_COUNT (sizeof(struct rp_pull_counters) / sizeof(uint64_t))

/* With the two gauges as they are now. Borrowed. */
const struct rp_pull_counters *rp_puller_counters(struct rp_puller *puller);
/* Name and value by position in the table; index < RP_PULL_COUNTER_COUNT. */
const char *rp_pull_counter_name(size_t index);
uint64_t rp_pull_counter_value(const struct rp_pull_counters *counters, size_t index);

size_t rp_puller_queue_depth(const struct rp_puller *puller);
uint32_t rp_puller_worker_count(const struct rp_puller *puller);
uint32_t rp_puller_busy_count(const struct rp_puller *puller);
/* Queued or with a worker. */
bool rp_puller_is_in_flight(const struct rp_puller *puller, struct rp_view path);
/* The worker's job; NULL: idle. Borrowed until the next change. */
const struct rp_file_entry *rp_puller_worker_entry(const struct rp_puller *puller, uint32_t worker);
/* Something failed or was dropped since the last rescan that found nothing missing. */
bool rp_puller_is_missing_any(const struct rp_puller *puller);

/* "pulled", "present", "failed", "dropped", "cancelled", "obsolete", "no_peers". */
const char *rp_pull_outcome_name(enum rp_pull_outcome outcome);
/* "queued", "replaced", "self", "duplicate", "dropped", "stopped". */
const char *rp_announce_result_name(enum rp_announce_result result);

#endif
