/* What a run went through, counted: against vacuity (invariants.md, reach-floors). Each checker counts
 * when it judged something that could have been otherwise; each fault when it acted, not when it was
 * set; each state of the protocol and each ack code when it was entered, sent or received.
 *
 * Flat arrays, an increment an event: no memory, no order, nothing that the fingerprint sees. A sweep
 * adds up the arrays of its runs and compares with the floors. */
#ifndef REPLISIM_SIM_REACH_H
#define REPLISIM_SIM_REACH_H

#include "protocol/fetch_client.h"
#include "protocol/observe.h"
#include "sim/property.h"

/* X(name, text): states of the protocol, by what observers see of them. Append within a group. */
#define SIM_REACH_STATE_TABLE(X)                                                                   \
    X(SIM_REACH_LIFE_STARTED, "life.started")                                                      \
    X(SIM_REACH_LIFE_STOPPING, "life.stopping")                                                    \
    X(SIM_REACH_LIFE_STOPPED, "life.stopped")                                                      \
    X(SIM_REACH_LIFE_CRASHED, "life.crashed")                                                      \
    X(SIM_REACH_JOIN_BEGUN, "join.begun")                                                          \
    X(SIM_REACH_JOIN_DONE, "join.done")                                                            \
    X(SIM_REACH_JOIN_FAILED, "join.failed")                                                        \
    X(SIM_REACH_ROLE_LEADS, "role.leads")                                                          \
    X(SIM_REACH_ROLE_FOLLOWS, "role.follows")                                                      \
    X(SIM_REACH_ROLE_LEADERLESS, "role.leaderless")                                                \
    X(SIM_REACH_PEER_ADDED, "peer.added")                                                          \
    X(SIM_REACH_PEER_REPLACED, "peer.replaced")                                                    \
    X(SIM_REACH_PEER_MOVED, "peer.moved")                                                          \
    X(SIM_REACH_PEER_REMOVED, "peer.removed")                                                      \
    X(SIM_REACH_PEER_REPORTED, "peer.reported")                                                    \
    X(SIM_REACH_PEER_RECOVERED, "peer.recovered")                                                  \
    X(SIM_REACH_PEER_FAILED, "peer.failed")                                                        \
    X(SIM_REACH_PEER_DIED, "peer.died")                                                            \
    X(SIM_REACH_HEARTBEAT_DONE, "heartbeat.done")                                                  \
    X(SIM_REACH_HEARTBEAT_FAILED, "heartbeat.failed")                                              \
    X(SIM_REACH_ACCEPTED_JOIN, "accepted.join")                                                    \
    X(SIM_REACH_ACCEPTED_LEAVE, "accepted.leave")                                                  \
    X(SIM_REACH_ACCEPTED_HEARTBEAT, "accepted.heartbeat")                                          \
    X(SIM_REACH_ACCEPTED_FETCH, "accepted.fetch")                                                  \
    X(SIM_REACH_ACCEPTED_FORWARD, "accepted.forward")                                              \
    X(SIM_REACH_REFUSED_JOIN, "refused.join")                                                      \
    X(SIM_REACH_REFUSED_LEAVE, "refused.leave")                                                    \
    X(SIM_REACH_REFUSED_HEARTBEAT, "refused.heartbeat")                                            \
    X(SIM_REACH_REFUSED_FETCH, "refused.fetch")                                                    \
    X(SIM_REACH_REFUSED_FORWARD, "refused.forward")                                                \
    X(SIM_REACH_LOG_APPLIED, "log.applied")                                                        \
    X(SIM_REACH_LOG_REFUSED, "log.refused")                                                        \
    X(SIM_REACH_LOG_RESTORED, "log.restored")                                                      \
    X(SIM_REACH_LOG_RESTORE_REFUSED, "log.restore-refused")                                        \
    X(SIM_REACH_CALLBACK_REGISTERED, "callback.registered")                                        \
    X(SIM_REACH_CALLBACK_DELETED, "callback.deleted")                                              \
    X(SIM_REACH_FLUSH_QUEUED, "flush.queued")                                                      \
    X(SIM_REACH_FLUSH_REFUSED, "flush.refused")                                                    \
    X(SIM_REACH_PROPOSE_LOCAL, "propose.local")                                                    \
    X(SIM_REACH_PROPOSE_FORWARDED, "propose.forwarded")                                            \
    X(SIM_REACH_PROPOSE_FAILED, "propose.failed")                                                  \
    X(SIM_REACH_REGISTER_DONE, "register.done")                                                    \
    X(SIM_REACH_REGISTER_REFUSED, "register.refused")                                              \
    X(SIM_REACH_REGISTER_LOST, "register.lost")                                                    \
    X(SIM_REACH_REGISTER_SUPERSEDED, "register.superseded")                                        \
    X(SIM_REACH_REGISTER_ABANDONED, "register.abandoned")                                          \
    X(SIM_REACH_ANNOUNCE_QUEUED, "announce.queued")                                                \
    X(SIM_REACH_ANNOUNCE_REPLACED, "announce.replaced")                                            \
    X(SIM_REACH_ANNOUNCE_SELF, "announce.self")                                                    \
    X(SIM_REACH_ANNOUNCE_DUPLICATE, "announce.duplicate")                                          \
    X(SIM_REACH_ANNOUNCE_DROPPED, "announce.dropped")                                              \
    X(SIM_REACH_ANNOUNCE_STOPPED, "announce.stopped")                                              \
    X(SIM_REACH_PULL_BEGUN, "pull.begun")                                                          \
    X(SIM_REACH_PULL_ATTEMPT, "pull.attempt")                                                      \
    X(SIM_REACH_PULL_RETRY, "pull.retry")                                                          \
    X(SIM_REACH_PULL_WITHOUT_PEERS, "pull.without-peers")                                          \
    X(SIM_REACH_PULL_DIAL, "pull.dial")                                                            \
    X(SIM_REACH_PULL_RESUME, "pull.resume")                                                        \
    X(SIM_REACH_PULL_PUBLISH, "pull.publish")                                                      \
    X(SIM_REACH_PULL_PUBLISH_FAILED, "pull.publish-failed")                                        \
    X(SIM_REACH_PULL_PULLED, "pull.pulled")                                                        \
    X(SIM_REACH_PULL_PRESENT, "pull.present")                                                      \
    X(SIM_REACH_PULL_FAILED, "pull.failed")                                                        \
    X(SIM_REACH_PULL_DROPPED, "pull.dropped")                                                      \
    X(SIM_REACH_PULL_CANCELLED, "pull.cancelled")                                                  \
    X(SIM_REACH_PULL_OBSOLETE, "pull.obsolete")                                                    \
    X(SIM_REACH_PULL_NO_PEERS, "pull.no-peers")                                                    \
    X(SIM_REACH_FETCH_OK, "fetch.ok")                                                              \
    X(SIM_REACH_FETCH_NOT_ON_PEER, "fetch.not-on-peer")                                            \
    X(SIM_REACH_FETCH_BAD_OFFSET, "fetch.bad-offset")                                              \
    X(SIM_REACH_FETCH_MISMATCH, "fetch.mismatch")                                                  \
    X(SIM_REACH_FETCH_FAILED, "fetch.failed")                                                      \
    X(SIM_REACH_FETCH_CANCELLED, "fetch.cancelled")                                                \
    X(SIM_REACH_FETCH_TIMED_OUT, "fetch.timed-out")                                                \
    X(SIM_REACH_JUDGED_PRESENT, "judged.present")                                                  \
    X(SIM_REACH_JUDGED_ABSENT, "judged.absent")                                                    \
    X(SIM_REACH_JUDGED_DAMAGED, "judged.damaged")                                                  \
    X(SIM_REACH_FILE_REMOVED, "file.removed")                                                      \
    X(SIM_REACH_SERVE_BEGUN, "serve.begun")                                                        \
    X(SIM_REACH_SERVE_RESUMED, "serve.resumed")                                                    \
    X(SIM_REACH_SERVE_ENDED, "serve.ended")                                                        \
    X(SIM_REACH_SERVE_BROKEN, "serve.broken")                                                      \
    X(SIM_REACH_BARRIER_BEGUN, "barrier.begun")                                                    \
    X(SIM_REACH_BARRIER_PASSED, "barrier.passed")                                                  \
    X(SIM_REACH_BARRIER_FAILED, "barrier.failed")                                                  \
    X(SIM_REACH_WALK_BEGUN, "walk.begun")                                                          \
    X(SIM_REACH_WALK_COMPLETED, "walk.completed")                                                  \
    X(SIM_REACH_WALK_CANCELLED, "walk.cancelled")                                                  \
    X(SIM_REACH_GATE_READY, "gate.ready")                                                          \
    X(SIM_REACH_GATE_SHUT, "gate.shut")                                                            \
    X(SIM_REACH_RESCAN, "rescan.begun")                                                            \
    X(SIM_REACH_RECONCILE_DRY, "reconcile.dry")                                                    \
    X(SIM_REACH_RECONCILE_ACT, "reconcile.act")                                                    \
    X(SIM_REACH_RECONCILE_LISTED, "reconcile.listed")                                              \
    X(SIM_REACH_RECONCILE_UNLISTED, "reconcile.unlisted")                                          \
    X(SIM_REACH_RECONCILE_ENTRY, "reconcile.entry")                                                \
    X(SIM_REACH_RECONCILE_FILE, "reconcile.file")                                                  \
    X(SIM_REACH_RECONCILE_SWEPT, "reconcile.swept")                                                \
    X(SIM_REACH_RECONCILE_ENDED, "reconcile.ended")                                                \
    X(SIM_REACH_COMPACTION, "compaction.seen")

#define SIM_REACH_STATE_ENUM(name, text) name,
enum sim_reach_state { SIM_REACH_STATE_TABLE(SIM_REACH_STATE_ENUM) SIM_REACH_STATE_COUNT };
#undef SIM_REACH_STATE_ENUM

/* Rows of the catalog of faults (fault/catalog.h), by their place in it. */
#define SIM_REACH_FAULT_MAX 128

struct sim_reach {
    uint64_t checked[SIM_PROPERTY_COUNT];
    uint64_t faults[SIM_REACH_FAULT_MAX];
    uint64_t states[SIM_REACH_STATE_COUNT];
    /* NONE: an ok ack; refusals without a code count as OTHER. */
    uint64_t acks_sent[RP_ACK_CODE_COUNT], acks_received[RP_ACK_CODE_COUNT];
    enum sim_reach_state latest; /* that was entered; no count, and in no sum */
};

/* A fault acted. `name` is a row of the catalog; what acts once an event or more often asks for its
 * place once and counts by that. Another name is a bug. */
size_t sim_reach_fault_place(const char *name);
void sim_reach_fault(struct sim_reach *reach /* NULL: nobody counts */, const char *name);

static inline void sim_reach_checked(struct sim_reach *reach, enum sim_property property)
{
    reach->checked[property] += 1;
}

/* States and acks, from what a node was seen to do. */
void sim_reach_observe(struct sim_reach *reach, const struct rp_observation *seen);
/* `reach` becomes the sum, as a sweep wants it. */
void sim_reach_add(struct sim_reach *reach, const struct sim_reach *other);

/* ---- All counts as rows, for results and reports ------------------------------------------------- */

enum sim_reach_group {
    SIM_REACH_CHECKERS,
    SIM_REACH_FAULTS,
    SIM_REACH_STATES,
    SIM_REACH_ACKS_SENT,
    SIM_REACH_ACKS_RECEIVED,
    SIM_REACH_GROUP_COUNT
};
/* "checked", "faults", "states", "acks_sent", "acks_received". */
const char *sim_reach_group_name(enum sim_reach_group group);
/* How often each row of the group must be reached in a sweep, in the sum of all its runs; 0: no sweep
 * can promise it. */
size_t sim_reach_row_count(enum sim_reach_group group);
const char *sim_reach_row_name(enum sim_reach_group group, size_t row);
uint64_t sim_reach_row_floor(enum sim_reach_group group, size_t row);
uint64_t sim_reach_row_count_of(const struct sim_reach *reach, enum sim_reach_group group,
                                size_t row);

#endif
