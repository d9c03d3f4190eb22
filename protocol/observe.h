/* What may be watched of a node from outside. One observer is given to a node at birth; property
 * checkers, traces, fingerprints and metrics use nothing else (and rp_node_inspect). Without one, an
 * observation costs a branch. An observer must not call the node.
 *
 * Every observation is one flat record. Fields that its kind does not name are zero. Views are
 * borrowed for the call. */
#ifndef REPLISIM_PROTOCOL_OBSERVE_H
#define REPLISIM_PROTOCOL_OBSERVE_H

#include "protocol/types.h"

/* X(name, text): the text is the name in traces; never reuse or reorder, traces compare by number.
 *
 * Fields by kind (P = path, V = version: sha256 + size + lsn, N = peer node id, A = peer address,
 * C = code/reason text, E = error, and `value`/`value2` as told). */
#define RP_OBSERVATION_TABLE(X)                                                                    \
    X(RP_SEE_APPLIED, "applied")            /* value: index, value2: term, E: refusal */           \
    X(RP_SEE_RESTORED, "restored")          /* value: index */                                     \
    X(RP_SEE_FILE_REGISTERED, "registered") /* callback. P V N(origin) */                          \
    X(RP_SEE_FILE_DELETED, "deleted")       /* callback. P C(reason) value: index */               \
    X(RP_SEE_ANNOUNCED, "announced")   /* P V, value: enum rp_announce_result, value2: source */   \
    X(RP_SEE_PULL_BEGIN, "pull-begin") /* P V, value: worker */                                    \
    X(RP_SEE_ATTEMPT_BEGIN, "attempt") /* P, value: attempt (1..), value2: candidates */           \
    X(RP_SEE_DIAL, "dial")             /* P N A, value: attempt, value2: offset */                 \
    X(RP_SEE_ACK, "ack")               /* P N C(code), value: size, value2: is_ok */               \
    X(RP_SEE_FETCH_END, "fetch-end")   /* P N, value: enum rp_fetch_outcome, value2: bytes */      \
    X(RP_SEE_PUBLISH_BEGIN, "publish-begin") /* P V: verified, rename asked for */                 \
    X(RP_SEE_PUBLISHED, "published")         /* P V E */                                           \
    X(RP_SEE_PULL_END, "pull-end") /* P V, value: enum rp_pull_outcome, value2: attempts */        \
    X(RP_SEE_PRESENT, "present")   /* P V: judged present and intact */                            \
    X(RP_SEE_ABSENT, "absent")     /* P: judged missing or damaged. value: was it damaged */       \
    X(RP_SEE_REMOVED, "removed")   /* P: the final object was asked to go. C(reason) */            \
    X(RP_SEE_REQUEST_ACCEPTED,                                                                     \
      "accepted") /* inbound, MAC held. C(kind) N P, value: timestamp,    \
                                              value2: offset, nonce in `sha256` */                        \
    X(RP_SEE_REQUEST_REFUSED,                                                                      \
      "refused") /* inbound. C(kind) N as claimed, value: why, E: TIME stale, lsn: stamp */        \
    X(RP_SEE_SERVE_BEGIN,                                                                          \
      "serve-begin") /* ok ack going out. P V N, value: offset, value2: conn */                    \
    X(RP_SEE_SERVE_BYTES, "serve-bytes")   /* P, value: bytes, value2: conn */                     \
    X(RP_SEE_SERVE_END, "serve-end")       /* P E, value: bytes in all, value2: conn */            \
    X(RP_SEE_FLUSH_QUEUED, "flush-queued") /* P V: registrar took it. value: depth; E when full */ \
    X(RP_SEE_PROPOSED, "proposed")         /* P, value: try (1..), value2: 1 forwarded 0 local */  \
    X(RP_SEE_PROPOSE_END, "propose-end")   /* P E, C(code) */                                      \
    X(RP_SEE_REGISTER_DONE, "register-done") /* P V: seen in the own manifest. E when given up */  \
    X(RP_SEE_BARRIER_BEGIN, "barrier-begin")                                                       \
    X(RP_SEE_BARRIER_END, "barrier-end") /* E, value: index */                                     \
    X(RP_SEE_WALK_BEGIN, "walk-begin")   /* value: applied index, value2: entries */               \
    X(RP_SEE_WALK_END, "walk-end")       /* value: entries walked, value2: completed */            \
    X(RP_SEE_READY, "ready")             /* value: 1 became ready, 0 no longer */                  \
    X(RP_SEE_RESCAN, "rescan")           /* value: missing, value2: next interval ns */            \
    X(RP_SEE_PEER, "peer")               /* N A C(state), value: enum rp_peer_change */            \
    X(RP_SEE_JOIN_BEGIN, "join-begin")   /* A */                                                   \
    X(RP_SEE_JOIN_END, "join-end")       /* A E C(text) */                                         \
    X(RP_SEE_HEARTBEAT, "heartbeat")     /* N A E: own heartbeat to a peer ended */                \
    X(RP_SEE_LEADER, "leader")           /* value: leader raft id, value2: own leadership */       \
    X(RP_SEE_STARTED, "started")                                                                   \
    X(RP_SEE_STOP_BEGIN, "stop-begin")                                                             \
    X(RP_SEE_STOPPED, "stopped")                                                                   \
    X(RP_SEE_RECONCILE_BEGIN, "reconcile-begin")   /* value: run, value2: 1 it acts, 0 dry run */  \
    X(RP_SEE_RECONCILE_LISTED, "reconcile-listed") /* value: files, value2: nothing left out */    \
    X(RP_SEE_RECONCILE_DELETE,                                                                     \
      "reconcile-delete") /* P V, value: enum rp_reconcile_kind, value2: known age ns */           \
    X(RP_SEE_RECONCILE_SWEPT, "reconcile-swept") /* value: enum rp_reconcile_kind, to its end */   \
    X(RP_SEE_RECONCILE_END, "reconcile-end")     /* C(end), value: run, value2: deleted */         \
    X(RP_SEE_CRASHED, "crashed") /* C(why): the process is gone; the node does nothing any more */ \
    X(RP_SEE_COMPACTION, "compaction") /* P V(output) C(state of its file), value: sources */      \
    X(RP_SEE_SIGNED, "signed")         /* a MAC made. C(kind) P, N: the addressee, value: timestamp,
                                 value2: offset, nonce in `sha256` */

#define RP_OBSERVATION_ENUM(name, text) name,
enum rp_observation_kind { RP_OBSERVATION_TABLE(RP_OBSERVATION_ENUM) RP_OBSERVATION_KIND_COUNT };
#undef RP_OBSERVATION_ENUM

struct rp_observation {
    enum rp_observation_kind kind;
    int error;
    struct rp_view path;
    struct rp_view sha256; /* hex text as in the manifest */
    struct rp_view peer_id;
    struct rp_view peer_address;
    struct rp_view code; /* constant texts only, never input */
    int64_t size_bytes;
    uint64_t lsn;
    uint64_t value;
    uint64_t value2;
};

struct rp_observer {
    void *context;
    void (*see)(void *context, const struct rp_observation *observation);
};

/* The name used in traces; never NULL. */
const char *rp_observation_name(enum rp_observation_kind kind);

static inline void rp_observe(const struct rp_observer *observer,
                              const struct rp_observation *observation)
{
    if (observer != NULL) {
        observer->see(observer->context, observation);
    }
}

#endif
