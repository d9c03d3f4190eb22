/* Who votes: the leader's membership policy, one change at a time (design.md, Consensus and
 * membership).
 *
 * admitted -> spare -> standby -> voter, when the leader lacks reachable voters
 * voter    -> standby, when silent for two election timeouts, if the cluster is better off
 * voter    -> removed, when the node table no longer knows its raft id
 * standby  -> removed, when unknown (and not just admitted) or silent for a minute
 *
 * A change is made only while a majority of the voters is reachable before and after it. Among odd
 * and even: with an even number of reachable voters one silent voter is kept unless a standby can
 * take its place, since it costs no tolerance and may come back. */
#ifndef REPLISIM_PROTOCOL_RAFT_MEMBERS_H
#define REPLISIM_PROTOCOL_RAFT_MEMBERS_H

#include "protocol/ports.h"

struct raft;
struct rp_members;

struct rp_members_host {
    void *context;
    const struct rp_consensus_events *(*events)(void *context);
    void (*route)(void *context, uint64_t raft_id, struct rp_view raft_address);
    void (*finish)(void *context, struct rp_consensus_request *request, int error);
};

struct rp_members_params {
    const struct rp_alloc *alloc;
    struct rp_clock_port clock;
    struct rp_members_host host;
    struct raft *raft; /* borrowed; initialised before the first call but new and free */
    uint32_t voter_max;
    rp_time_ns election_timeout_ns;
};

/* Errors: RP_ERR_NOMEM. */
RP_MUST_USE int rp_members_new(const struct rp_members_params *params,
                               struct rp_members **members_out);
/* After the library was closed. NULL is fine. */
void rp_members_free(struct rp_members *members);

/* As the port's calls of those names. */
void rp_members_admit(struct rp_members *members, struct rp_consensus_request *request,
                      const struct rp_member *member, rp_time_ns deadline_ns);
void rp_members_expel(struct rp_members *members, struct rp_consensus_request *request,
                      uint64_t raft_id);
void rp_members_transfer(struct rp_members *members, struct rp_consensus_request *request,
                         rp_time_ns deadline_ns);
/* One try, for a chosen point; bridge.h. Not from inside the library. */
RP_MUST_USE int rp_members_hand_over(struct rp_members *members, uint64_t raft_id);

/* A message of that member arrived. */
void rp_members_heard(struct rp_members *members, uint64_t raft_id);
/* It said that it stops: silent from now on, at once, unless it is heard from an election time-out
 * later; a replacement then need not wait for its silence. */
void rp_members_departed(struct rp_members *members, uint64_t raft_id);
/* It joined again. */
void rp_members_returned(struct rp_members *members, uint64_t raft_id);
/* RP_TIME_NEVER: not in this life. */
rp_time_ns rp_members_last_heard(const struct rp_members *members, uint64_t raft_id);
void rp_members_leader_changed(struct rp_members *members);
/* Looks for something to do; cheap when there is nothing. Not from inside the library. */
void rp_members_run(struct rp_members *members);
/* Ends every request with RP_ERR_STOPPED and makes no change any more. */
void rp_members_stop(struct rp_members *members);

#endif
