/* Consensus as a plain replicated log, for runs of a thousand nodes: one shared list of commands and
 * a drawn delay for each member to apply them. Same port, same guarantees to the node.
 *
 * Not modelled: elections, terms, disks, the network (partitions do not stop it), lost leadership.
 * There is a leader as long as any admitted member lives: the bootstrapped one, and when it stops or
 * dies the longest admitted of the living at once. Memberships outlive process lives. */
#ifndef REPLISIM_SIM_CONSENSUS_IDEAL_H
#define REPLISIM_SIM_CONSENSUS_IDEAL_H

#include "protocol/ports.h"
#include "sim/rng.h"

/* The log that the members of a world share. */
struct sim_ideal_log;

/* `snapshot_threshold`: a member further behind when it starts gets the leader's snapshot first;
 * 0: always a full replay. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_ideal_log_new(const struct rp_alloc *alloc, uint64_t snapshot_threshold,
                                  struct sim_ideal_log **log_out);
void sim_ideal_log_free(struct sim_ideal_log *log); /* after its members; NULL is fine */
uint64_t sim_ideal_log_last_index(const struct sim_ideal_log *log);
/* A command's bytes, borrowed. False: no such index. */
bool sim_ideal_log_entry(const struct sim_ideal_log *log, uint64_t index,
                         struct rp_view *bytes_out);

/* Was that raft id ever let in? Alive or not. */
bool sim_ideal_log_is_member(const struct sim_ideal_log *log, uint64_t raft_id);

struct sim_consensus_ideal;

/* Chosen points. A member's state becomes the snapshot that starters behind it begin with; and what
 * it has applied leaves the log, so that whoever has not applied that begins with the snapshot too.
 * Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_ideal_log_snapshot(struct sim_ideal_log *log,
                                       struct sim_consensus_ideal *member);
RP_MUST_USE int sim_ideal_log_truncate(struct sim_ideal_log *log,
                                       struct sim_consensus_ideal *member);
uint64_t sim_ideal_log_snapshot_index(const struct sim_ideal_log *log); /* 0: none */
uint64_t sim_ideal_log_first_index(const struct sim_ideal_log *log);
/* That member leads from now on. Errors: RP_ERR_NOT_FOUND: it is not admitted, or does not live. */
RP_MUST_USE int sim_ideal_log_lead(struct sim_ideal_log *log, uint64_t raft_id);
/* Another member leads in a new term; the same one if it is alone. */
void sim_ideal_log_elect(struct sim_ideal_log *log);

struct sim_consensus_ideal_params {
    const struct rp_alloc *alloc;
    struct rp_clock_port clock; /* the node's own */
    struct sim_ideal_log *log;
    uint64_t raft_id;           /* of its raft folder: what membership is tied to */
    uint64_t seed, incarnation; /* the stream is keyed by raft id and incarnation */
    struct sim_range delay_ns;  /* from commit to apply on this member */
};

/* Errors: RP_ERR_NOMEM, RP_ERR_INVALID. */
RP_MUST_USE int sim_consensus_ideal_new(const struct sim_consensus_ideal_params *params,
                                        struct sim_consensus_ideal **member_out);
void sim_consensus_ideal_bind(struct sim_consensus_ideal *member,
                              const struct rp_consensus_events *events);
struct rp_consensus_port sim_consensus_ideal_port(struct sim_consensus_ideal *member);
/* The process died: no event, no `done` any more. Frees the member. NULL is fine. */
void sim_consensus_ideal_kill(struct sim_consensus_ideal *member);
/* After the `done` of stop, or before start. NULL is fine. */
void sim_consensus_ideal_free(struct sim_consensus_ideal *member);

#endif
