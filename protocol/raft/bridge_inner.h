/* Shared by the bridge_*.c alone. */
#ifndef REPLISIM_PROTOCOL_RAFT_BRIDGE_INNER_H
#define REPLISIM_PROTOCOL_RAFT_BRIDGE_INNER_H

#include <raft.h>

#include "protocol/raft/bridge.h"
#include "protocol/raft/members.h"
#include "protocol/raft/read_index.h"

struct proposal {
    struct raft_apply apply;
    struct rp_bridge *bridge;
    struct rp_consensus_request *request;
    struct raft_buffer buffer; /* until the library takes it */
    struct proposal *next;     /* while it waits for the library to be left */
};

struct rp_bridge {
    const struct rp_alloc *alloc;
    struct rp_clock_port clock;
    struct rp_bridge_params params;
    struct rp_consensus_events events;
    struct raft raft;
    struct raft_fsm fsm;
    struct rp_members *members;       /* owned */
    struct rp_read_index *read_index; /* owned */

    int (*io_start)(struct raft_io *io, unsigned msecs, raft_io_tick_cb tick, raft_io_recv_cb recv);
    raft_io_tick_cb library_tick;
    raft_io_recv_cb library_recv;
    int (*io_send)(struct raft_io *io, struct raft_io_send *request,
                   const struct raft_message *message, raft_io_send_cb done);

    int (*io_load)(struct raft_io *io, raft_term *term, raft_id *vote,
                   struct raft_snapshot **snapshot, raft_index *start_index,
                   struct raft_entry *entries[], size_t *count);
    int (*io_snapshot_put)(struct raft_io *io, unsigned trailing,
                           struct raft_io_snapshot_put *request,
                           const struct raft_snapshot *snapshot, raft_io_snapshot_put_cb done);

    /* bridge_rollback.c: the members as of the last snapshot. No later ones were told of by what the log
     * has lost at its front. */
    struct raft_configuration base;
    raft_index base_index;
    struct raft_snapshot stored; /* what the io got, until its next one */

    /* bridge_answer.c: up to here our log is the leader's of that term. */
    uint64_t proven_term, proven_index;
    uint64_t asked_term,
        asked_index; /* of the AppendEntries in hand: the last entry it speaks of */
    bool is_taking_entries, is_taking_snapshot, is_answered;

    struct rp_timer drain;
    struct rp_consensus_request *finished_first, *finished_last;
    struct proposal *deferred_first, *deferred_last;
    size_t in_flight_count; /* proposals that the library has */
    struct rp_consensus_request *stop_request;

    bool has_events;
    bool is_start_due;
    bool is_started;
    bool is_stopping;
    bool is_close_called;
    bool is_closed;
    bool is_abandoned;
    bool is_in_event; /* inside apply, restore or snapshot: the library is on the stack */
    bool is_leader_news;
    int start_error;

    bool was_leader;
    uint64_t known_leader;
    uint64_t applied_seen;
    uint64_t command_index; /* of the last command applied */
    uint64_t restored_index;
    int apply_error;
    rp_time_ns snapshot_last_ns;
    bool is_snapshot_forced;

    bool has_handover; /* a request to take over waits for the disk */
    raft_id handover_from;
    struct raft_timeout_now handover;
};

/* ---- bridge.c -------------------------------------------------------------------------------- */

rp_time_ns rp_bridge_now(const struct rp_bridge *bridge);
/* Everything that must not happen now happens in an event of its own. */
void rp_bridge_drain_soon(struct rp_bridge *bridge);
int rp_bridge_error_of(const struct rp_bridge *bridge, int status);
bool rp_bridge_is_leader(const struct rp_bridge *bridge);
/* A request of the node begins, and its completion is queued. */
void rp_bridge_begin(struct rp_consensus_request *request);
void rp_bridge_finish(struct rp_bridge *bridge, struct rp_consensus_request *request, int error);

struct rp_bridge *rp_bridge_of(struct raft_io *io);

/* ---- bridge_answer.c ------------------------------------------------------------------------- */

/* In place of the io's send. */
int rp_bridge_send(struct raft_io *io, struct raft_io_send *request,
                   const struct raft_message *message, raft_io_send_cb done);
/* Hands a message to the library. */
void rp_bridge_take(struct rp_bridge *bridge, struct raft_message *message);

/* ---- bridge_rollback.c ----------------------------------------------------------------------- */

/* In the library's log; NULL: it is not there (any more, or yet). */
const struct raft_entry *rp_bridge_entry(const struct rp_bridge *bridge, uint64_t index);
/* Ahead of an AppendEntries. False: there is no memory, and the message is gone. */
bool rp_bridge_roll_back(struct rp_bridge *bridge, const struct raft_message *message);
/* In place of the io's own. */
int rp_bridge_snapshot_put(struct raft_io *io, unsigned trailing,
                           struct raft_io_snapshot_put *request,
                           const struct raft_snapshot *snapshot, raft_io_snapshot_put_cb done);
int rp_bridge_load(struct raft_io *io, raft_term *term, raft_id *vote,
                   struct raft_snapshot **snapshot, raft_index *start_index,
                   struct raft_entry *entries[], size_t *count);

/* ---- bridge_fsm.c ---------------------------------------------------------------------------- */

void rp_bridge_fsm_init(struct rp_bridge *bridge);
unsigned rp_bridge_snapshot_threshold(const struct rp_bridge *bridge);

/* ---- bridge_propose.c ------------------------------------------------------------------------ */

void rp_bridge_propose(void *state, struct rp_consensus_request *request, struct rp_view command);
void rp_bridge_submit_deferred(struct rp_bridge *bridge);
void rp_bridge_drop_deferred(struct rp_bridge *bridge);
int rp_bridge_barrier(void *context);

#endif
