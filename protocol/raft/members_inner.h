/* Shared by members.c and members_transfer.c alone. */
#ifndef REPLISIM_PROTOCOL_RAFT_MEMBERS_INNER_H
#define REPLISIM_PROTOCOL_RAFT_MEMBERS_INNER_H

#include <raft.h>

#include "protocol/raft/contacts.h"
#include "protocol/raft/members.h"

#define NAME_BYTES_MAX    256
#define ADDRESS_BYTES_MAX 300

enum wish_kind { WISH_ADMIT, WISH_EXPEL };

/* A request of the node that takes membership changes. */
struct wish {
    struct wish *next;
    enum wish_kind kind;
    struct rp_consensus_request *request;
    uint64_t raft_id;
    rp_time_ns deadline_ns; /* RP_TIME_NEVER: none */
    char node_id[NAME_BYTES_MAX];
    size_t node_id_bytes;
    char address[ADDRESS_BYTES_MAX];
};

struct rp_members {
    const struct rp_alloc *alloc;
    struct rp_clock_port clock;
    struct rp_members_host host;
    struct raft *raft;
    uint32_t voter_max;
    rp_time_ns election_timeout_ns;

    struct wish *wishes; /* owned, in order */
    struct rp_contacts contacts;

    struct raft_change change;
    bool is_changing;
    uint64_t change_id; /* whom the change concerns */
    bool is_change_promotion;
    struct raft_transfer transfer;
    bool is_transfer_flying; /* the library has the struct, or the barrier before it */
    struct raft_barrier barrier;
    bool is_levelling; /* the library has the barrier */
    uint64_t heir_due; /* 0: nobody waits for it */
    struct rp_consensus_request *transfer_request;
    rp_time_ns transfer_deadline_ns;

    bool was_leader;
    rp_time_ns leader_since_ns;
    uint64_t leader_from_index; /* our node table is complete from here on */
    bool is_stopped;
    struct rp_timer timer;
};

/* members.c */
rp_time_ns members_now(const struct rp_members *members);
bool members_lead(const struct rp_members *members);
void members_run_soon(struct rp_members *members);
void members_finish(struct rp_members *members, struct rp_consensus_request *request, int error);
/* Heard of lately, and not on its way out; ourselves always. */
bool members_is_reachable(const struct rp_members *members, uint64_t raft_id);

/* members_transfer.c: what waited for a barrier goes on; and what a transfer that was asked for needs next; its end, when there is one. */
void members_go_on_handing(struct rp_members *members);
void members_pursue_transfer(struct rp_members *members);
void members_transfer_end(struct rp_members *members, int error);

#endif
