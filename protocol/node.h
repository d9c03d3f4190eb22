/* A node: the coordinator that joins the machines of this room to the ports of a world.
 *
 *            start                  leader known            barrier, walk, pulls settled
 *   NEW ---------------> JOINING ---------------> CATCHING UP ---------------> READY
 *                            \________________________|__________________________/
 *                                                     | stop
 *                                                     v
 *                             STOPPING -> STOPPED (the done callback of rp_node_stop)
 *
 * A node lives for one process life. It does nothing before rp_node_start and nothing after its stop
 * completed; a crash is rp_node_free without a stop. All calls come from the world's loop. */
#ifndef REPLISIM_PROTOCOL_NODE_H
#define REPLISIM_PROTOCOL_NODE_H

#include "protocol/catchup.h"
#include "protocol/config.h"
#include "protocol/entry_pool.h"
#include "protocol/manifest.h"
#include "protocol/observe.h"
#include "protocol/ports.h"
#include "protocol/puller.h"
#include "protocol/readiness.h"
#include "protocol/reconcile.h"
#include "protocol/registrar.h"
#include "protocol/release.h"

struct rp_node;

struct rp_node_options {
    const struct rp_config *config;     /* copied */
    const struct rp_ports *ports;       /* copied; what it points to outlives the node */
    const struct rp_observer *observer; /* borrowed, or NULL */
    struct rp_entry_pool *pool;         /* borrowed */
    enum rp_release release;
    bool has_clustering_license;
};

/* Judges the configuration first (behaviour.md 13): a node without license or with clustering off is
 * made but stays standalone; an empty secret or unusable setting is refused.
 * Errors: RP_ERR_INVALID (`note_out` says what to change), RP_ERR_NOMEM. */
RP_MUST_USE int rp_node_new(const struct rp_node_options *options, struct rp_node **node_out,
                            char note_out[160]);
/* In any state: cancels timers, closes connections, forgets requests. The world must have detached
 * its store, net and consensus ports from this node before, so that nothing completes later. */
void rp_node_free(struct rp_node *node);

/* The sides that the world's ports call. Valid for the node's life. */
const struct rp_net_events *rp_node_net_events(struct rp_node *node);
const struct rp_consensus_events *rp_node_consensus_events(struct rp_node *node);

/* Starts consensus, the puller, the listener, health checks, discovery, heartbeats and the catch-up
 * walk. Errors: RP_ERR_IO; nothing runs then. behaviour.md 13.3 */
RP_MUST_USE int rp_node_start(struct rp_node *node);

/* Ordered stop within RP_STOP_TOTAL_NS, whatever peers do; `done` comes once, later. A second call
 * only adds nothing: its callback replaces none and is refused with RP_ERR_BUSY.
 * behaviour.md 13.4, design.md */
RP_MUST_USE int rp_node_stop(struct rp_node *node, void (*done)(void *context), void *context);

/* ---- The flush path (behaviour.md 2) ---------------------------------------------------------- */

/* A file that the database above just produced. Owned by the caller until `done`, which comes once:
 * 0 when stored and queued for registration; RP_ERR_IO, RP_ERR_NO_SPACE, RP_ERR_INVALID (path not
 * admissible), RP_ERR_FULL (registrar), RP_ERR_STOPPED. */
struct rp_flush_request {
    void (*done)(struct rp_flush_request *request, int error);
    void *context;
    struct rp_view path, database, measurement;
    struct rp_wall_time partition_time;
    uint64_t size_bytes;
    bool is_update; /* UpdateFile instead of RegisterFile */
    /* A piece of the body at `offset`, at most `max_bytes`, at least one byte while there are any.
     * Its reference passes to the node. False: the source failed (RP_ERR_IO). */
    bool (*read)(void *context, uint64_t offset, size_t max_bytes, struct rp_chunk *chunk_out);
    char sha256[RP_SHA256_HEX]; /* of what was read, when done */
};
void rp_node_flush(struct rp_node *node, struct rp_flush_request *request);

/* ---- Compaction (behaviour.md 12.2) ------------------------------------------------------------ */

/* One file in the place of several, whose union its body is. Owned by the caller, as what it points
 * to, until `done`, which comes once: 0 when the manifest has it, as far as this node's release can
 * tell; RP_ERR_UNSUPPORTED (the release has no completion files), RP_ERR_INVALID (path or job id),
 * RP_ERR_BUSY (the job is known already), RP_ERR_CANCELLED (given up: the sources were deleted),
 * RP_ERR_IO, RP_ERR_NO_SPACE, RP_ERR_STOPPED (it goes on in the next life). */
struct rp_compact_request {
    void (*done)(struct rp_compact_request *request, int error);
    void *context;
    struct rp_view job_id;                      /* unique: letters, digits, "-", "_", "." */
    struct rp_view path, database, measurement; /* of the output */
    struct rp_wall_time partition_time;
    uint64_t size_bytes;
    bool (*read)(void *context, uint64_t offset, size_t max_bytes, struct rp_chunk *chunk_out);
    const struct rp_view *sources;
    size_t source_count;
    char sha256[RP_SHA256_HEX]; /* of the output, as soon as the call returned without `done` */
};
void rp_node_compact(struct rp_node *node, struct rp_compact_request *request);
/* False: its release has no completion files, rp_node_compact is RP_ERR_UNSUPPORTED. */
bool rp_node_can_compact(const struct rp_node *node);

/* ---- Proposals -------------------------------------------------------------------------------- */

/* A command from above (retention, tests): applied here when this node leads, else forwarded.
 * `done` comes once. `code` and `text` are those of wire.md 7 and live as long as the program. */
struct rp_node_proposal {
    void (*done)(struct rp_node_proposal *proposal, int error, const char *code, const char *text);
    void *context;
    bool is_local; /* when done: answered by our own consensus, not by a peer */
};
void rp_node_propose(struct rp_node *node, struct rp_node_proposal *proposal,
                     struct rp_view command);

/* ---- Anti-entropy (behaviour.md 12.3) --------------------------------------------------------- */

/* A run asked for from above. Owned by the caller until `done`, which comes once, from an event,
 * with the run's report, borrowed for the call; a run that was refused has a report too. A node that
 * is freed before tells RP_RECONCILE_CANCELLED. */
struct rp_node_reconcile {
    void (*done)(struct rp_node_reconcile *request, const struct rp_reconcile_report *report);
    void *context;
    bool is_act;                    /* false: a dry run whatever the configuration says */
    struct rp_node_reconcile *next; /* the node's */
    uint64_t number;                /* the node's: of the run; 0: refused */
    enum rp_reconcile_end refusal;  /* the node's */
};
void rp_node_reconcile(struct rp_node *node, struct rp_node_reconcile *request);

/* All local files are looked through now, a few in a millisecond, as the scrub does once in its interval:
 * an operator's order after trouble with the disk. Nothing where there is no scrub, or no life. */
void rp_node_scrub(struct rp_node *node);

/* ---- Reads ------------------------------------------------------------------------------------ */

/* behaviour.md 11 */
bool rp_node_is_ready(const struct rp_node *node);

/* Is a query refused now, because catch-up goes on? */
bool rp_node_is_query_gated(const struct rp_node *node);

struct rp_query_answer {
    bool is_gated; /* refused with 503; the rest is then zero */
    bool is_complete;
    uint64_t missing_count;
};
/* What a query over files under `prefix` would see now. */
struct rp_query_answer rp_node_query(struct rp_node *node, struct rp_view prefix);

/* Everything that checkers, traces and /metrics read; borrowed until the next event. */
struct rp_node_inspection {
    const struct rp_manifest *manifest;
    struct rp_pull_counters puller;
    struct rp_registrar_counters registrar;
    struct rp_catchup_status catchup;
    struct rp_reconcile_status reconcile;
    bool is_ready, is_degraded, is_leader, has_leader, is_joined;
    /* Nothing queued, active, in flight or awaited: at rest (invariants.md, quiescence). Health
     * checks, heartbeats, discovery and an unneeded rescan do not count. */
    bool is_idle;
    uint64_t query_refused_count; /* by the gate, in this life */
    bool is_missing_any;          /* a rescan is pending because something is missing */
    size_t connection_count;      /* both directions */
    size_t serve_count;           /* fetches that it answers, each with a limit */
    size_t request_count;         /* store and consensus calls in flight */
    size_t peer_count;
    size_t nonce_count;
    uint64_t deletes_dropped_count; /* local deletions that a full queue refused */
};
void rp_node_inspect(struct rp_node *node, struct rp_node_inspection *inspection_out);
/* `is_idle` alone: cheap enough to be asked at every instant. */
bool rp_node_is_idle(const struct rp_node *node);

/* Parts of the inspection for watchers that ask often. NULL and 0 on a standalone node. */
const struct rp_manifest *rp_node_manifest(const struct rp_node *node);
size_t rp_node_connection_count(const struct rp_node *node);
/* One-shot requests of its own that are under way (joins, heartbeats, leaves), each with a time-out. */
size_t rp_node_exchange_count(const struct rp_node *node);
/* Nonces that it remembers. */
size_t rp_node_nonce_count(const struct rp_node *node);
/* Does its registry hold this node healthy? False: it does not know it either. */
bool rp_node_holds_healthy(const struct rp_node *node, struct rp_view peer_id);
/* How long, by its own clock, the oldest inbound connection has been without its first frame. */
rp_time_ns rp_node_first_frame_wait(const struct rp_node *node);

#endif
