/* May queries be answered from here? (behaviour.md 11, trait ready_rule)
 *
 * Keeps which paths catch-up is waiting for (tags), which of them failed, and which were refused by
 * a full queue; and whether barrier and walk are done.
 *
 * Who calls what, when:
 * - catchup (the machine itself): walk_began, tag, dropped, barrier_passed, walk_ended.
 * - the node, for every announcement that is not the walk's: rp_readiness_announced, or rp_readiness_lost
 *   for one of the scrub's, BEFORE it calls rp_puller_announce, and, when that said DROPPED,
 *   rp_readiness_dropped.
 * - the node, for every DO_END of the puller: rp_readiness_pull_ended.
 * - the node, from the manifest's file_deleted: rp_readiness_deleted.
 * - the node, from a rescan: rp_readiness_present, rp_readiness_all_present.
 * - the node: rp_readiness_start when the life begins, rp_readiness_stop when the stop begins, and
 *   after any of these calls rp_readiness_poll, which tells of a change once (for the observer). */
#ifndef REPLISIM_PROTOCOL_READINESS_H
#define REPLISIM_PROTOCOL_READINESS_H

#include "protocol/puller.h"
#include "protocol/release.h"
#include "protocol/types.h"

struct rp_readiness;

/* Errors: RP_ERR_NOMEM. */
RP_MUST_USE int rp_readiness_new(const struct rp_traits *traits, const struct rp_alloc *alloc,
                                 struct rp_readiness **readiness_out);
void rp_readiness_free(struct rp_readiness *readiness);

/* `has_puller` false: replication is off, always ready while running. */
void rp_readiness_start(struct rp_readiness *readiness, bool has_puller);
void rp_readiness_stop(struct rp_readiness *readiness); /* not ready from here on */

/* Catch-up waits for this path. Idempotent. Errors: RP_ERR_NOMEM; the caller then calls
 * rp_readiness_untaggable, which keeps the gate shut until a rescan finds nothing missing. */
RP_MUST_USE int rp_readiness_tag(struct rp_readiness *readiness, struct rp_view path);
void rp_readiness_untaggable(struct rp_readiness *readiness);
/* The queue refused a path: untag it and, if it was tagged, record the drop. */
void rp_readiness_dropped(struct rp_readiness *readiness, struct rp_view path);
/* A reactive announcement: tagged as long as the barrier of this life has not passed, as the file
 * may belong to what catch-up owes (RP_READY_BARRIER_SETTLED only). */
void rp_readiness_announced(struct rp_readiness *readiness, struct rp_view path);
/* A file that was here is not any more: owed by whoever is not ready yet, whatever the barrier
 * (RP_READY_BARRIER_SETTLED only). Before its pull is announced. */
void rp_readiness_lost(struct rp_readiness *readiness, struct rp_view path);
/* `is_replaced`: another version took its place and is being pulled; the path is owed until that ends. */
void rp_readiness_pull_ended(struct rp_readiness *readiness, struct rp_view path,
                             enum rp_pull_outcome outcome, bool is_replaced);
/* The manifest lost the path: nothing is owed for it any more (RP_READY_BARRIER_SETTLED only). */
void rp_readiness_deleted(struct rp_readiness *readiness, struct rp_view path);
/* A rescan found the file here, and nobody pulling it: a flush of our own may have brought it after the
 * queue refused its pull (RP_READY_BARRIER_SETTLED only). */
void rp_readiness_present(struct rp_readiness *readiness, struct rp_view path);
/* A rescan found nothing missing. */
void rp_readiness_all_present(struct rp_readiness *readiness);

void rp_readiness_walk_began(struct rp_readiness *readiness, int64_t wall_unix_ns);
void rp_readiness_walk_ended(struct rp_readiness *readiness, bool is_complete,
                             int64_t wall_unix_ns);
void rp_readiness_barrier_passed(struct rp_readiness *readiness);

bool rp_readiness_is_ready(const struct rp_readiness *readiness);
/* The barrier of this life has passed. */
bool rp_readiness_has_barrier(const struct rp_readiness *readiness);
/* The walk goes on, or went on, without its barrier. */
bool rp_readiness_is_degraded(const struct rp_readiness *readiness);
/* True once for each change of is_ready; tells the new value. */
bool rp_readiness_poll(struct rp_readiness *readiness, bool *is_ready_out);

/* Counted by the walk (behaviour.md 7.7, 10.2); owned here so that one status holds them all. */
struct rp_catchup_counters {
    int64_t started_at_unix_ns, completed_at_unix_ns; /* 0: not (yet) */
    uint64_t entries_walked, enqueued, skipped_local;
};

/* catchup_status of behaviour.md 11: keys in that order. X(name, is_time): times are Unix seconds. */
#define RP_CATCHUP_STATUS_TABLE(X)                                                                 \
    X(started_at, true)                                                                            \
    X(completed_at, true)                                                                          \
    X(entries_walked, false)                                                                       \
    X(enqueued, false)                                                                             \
    X(skipped_local, false)                                                                        \
    X(skipped_dup, false)                                                                          \
    X(pulled, false)                                                                               \
    X(failed, false)                                                                               \
    X(dropped, false)                                                                              \
    X(catchup_inflight, false)                                                                     \
    X(catchup_failed, false)                                                                       \
    X(catchup_dropped, false)                                                                      \
    X(queue_depth, false)                                                                          \
    X(inflight_count, false)

#define RP_CATCHUP_STATUS_FIELD(name, is_time) int64_t name;
struct rp_catchup_status {
    RP_CATCHUP_STATUS_TABLE(RP_CATCHUP_STATUS_FIELD)
};
#undef RP_CATCHUP_STATUS_FIELD
#define RP_CATCHUP_STATUS_COUNT (sizeof(struct rp_catchup_status) / sizeof(int64_t))

void rp_readiness_status(const struct rp_readiness *readiness,
                         const struct rp_pull_counters *counters,
                         struct rp_catchup_status *status_out);
const char *rp_catchup_status_name(size_t index);
int64_t rp_catchup_status_value(const struct rp_catchup_status *status, size_t index);

/* For the walk to count into. */
struct rp_catchup_counters *rp_readiness_catchup(struct rp_readiness *readiness);
uint64_t rp_readiness_tagged_count(const struct rp_readiness *readiness);
uint64_t rp_readiness_failed_count(const struct rp_readiness *readiness);
uint64_t rp_readiness_dropped_count(const struct rp_readiness *readiness);

#endif
