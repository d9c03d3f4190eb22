/* libraft in the simulated world: a raft folder that outlives process lives, and one life's member
 * on it (raft_io, routing, and the bridge).
 *
 * Not modelled: torn log records, bit rot in the log, the encoding of libraft's messages (they travel
 * as structs with a computed size; raft_wire.h makes bytes of them for those who look), and the
 * handshakes of the consensus transport: a message is a datagram that arrives or not, and carries what
 * a session would prove (docs/wire.md, 9). Disk writes complete in order, each after a drawn time; what was
 * submitted survives SIGKILL, what was completed survives power loss.
 *
 * All timers are the node's own (its clock port), so a paused or drifting node is so here too. */
#ifndef REPLISIM_SIM_CONSENSUS_RAFT_H
#define REPLISIM_SIM_CONSENSUS_RAFT_H

#include "protocol/config.h"
#include "protocol/ports.h"
#include "sim/rng.h"

struct rp_bridge;

/* ---- The folder ------------------------------------------------------------------------------ */

struct sim_raft_folder;

/* An empty folder with the id drawn for it (not 0). Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_raft_folder_new(const struct rp_alloc *alloc, uint64_t raft_id,
                                    struct sim_raft_folder **folder_out);
void sim_raft_folder_free(struct sim_raft_folder *folder); /* no member lives on it; NULL is fine */
uint64_t sim_raft_folder_raft_id(const struct sim_raft_folder *folder);
bool sim_raft_folder_is_empty(const struct sim_raft_folder *folder);
uint64_t sim_raft_folder_term(const struct sim_raft_folder *folder);
uint64_t sim_raft_folder_vote(const struct sim_raft_folder *folder);
uint64_t sim_raft_folder_first_index(const struct sim_raft_folder *folder);
uint64_t sim_raft_folder_last_index(const struct sim_raft_folder *folder);
uint64_t sim_raft_folder_snapshot_index(const struct sim_raft_folder *folder); /* 0: none */
uint64_t sim_raft_folder_synced_index(const struct sim_raft_folder *folder);
/* An entry's term and bytes, borrowed. False: not in the folder (any more). */
bool sim_raft_folder_entry(const struct sim_raft_folder *folder, uint64_t index, uint64_t *term_out,
                           struct rp_view *bytes_out);

/* The term and index of the last entry or snapshot: which of two logs is fresher. */
struct sim_raft_end {
    uint64_t term, index;
};
struct sim_raft_end sim_raft_folder_end(const struct sim_raft_folder *folder);
/* Raft ids of the voters in the latest configuration that the folder has, committed or not. Returns
 * the whole count, of which at most `max` are written; 0: it has none. */
size_t sim_raft_folder_voters(const struct sim_raft_folder *folder, uint64_t *ids_out, size_t max);

/* ---- Messages and their transport ------------------------------------------------------------ */

/* One message on its way; immutable, counted. */
struct sim_raft_message;
enum sim_raft_message_kind {
    SIM_RAFT_APPEND = 1,
    SIM_RAFT_APPEND_RESULT,
    SIM_RAFT_VOTE,
    SIM_RAFT_VOTE_RESULT,
    SIM_RAFT_SNAPSHOT,
    SIM_RAFT_TIMEOUT_NOW,
    SIM_RAFT_AUX
};
struct sim_raft_message *sim_raft_message_retain(struct sim_raft_message *message);
void sim_raft_message_release(struct sim_raft_message *message);
enum sim_raft_message_kind sim_raft_message_kind(const struct sim_raft_message *message);
uint64_t sim_raft_message_source(const struct sim_raft_message *message);
uint64_t sim_raft_message_target(const struct sim_raft_message *message);
uint64_t sim_raft_message_term(const struct sim_raft_message *message); /* 0 for aux */
size_t sim_raft_message_size_bytes(const struct sim_raft_message *message);

/* What the network says of a message besides its bytes. */
struct sim_raft_arrival {
    bool is_authentic; /* its MAC verifies */
    bool is_resent;    /* by its sender's transport, with a number of its own */
    uint64_t session;  /* of the life that it was sent to */
};

struct sim_consensus_transport {
    void *context;
    /* Carry `message` to whoever is at `address` now (host:port, what this member believes of the
     * target; empty when it knows none). Retain it to keep it; deliver it by
     * sim_consensus_raft_deliver, later, or drop it. Never calls back. */
    void (*send)(void *context, uint64_t target_raft_id, struct rp_view address,
                 struct sim_raft_message *message, size_t size_bytes);
};

/* ---- One life -------------------------------------------------------------------------------- */

struct sim_consensus_raft;

/* What happened inside, as numbers for the fingerprint; never addresses. */
enum sim_raft_note {
    SIM_RAFT_NOTE_SENT,     /* detail: kind, target, term, size */
    SIM_RAFT_NOTE_RECEIVED, /* kind, source, term, size */
    SIM_RAFT_NOTE_REFUSED,  /* likewise: nothing that this life may take */
    SIM_RAFT_NOTE_TERM,     /* term, 0, 0, 0 */
    SIM_RAFT_NOTE_VOTE,     /* term, voted for */
    SIM_RAFT_NOTE_APPEND,   /* first index, count, term of the last */
    SIM_RAFT_NOTE_DURABLE,  /* last index that is now durable */
    SIM_RAFT_NOTE_TRUNCATE, /* from index */
    SIM_RAFT_NOTE_SNAPSHOT  /* index, term, size */
};

struct sim_consensus_raft_params {
    const struct rp_alloc *alloc;
    struct rp_clock_port clock;       /* the node's own */
    struct sim_raft_folder *folder;   /* borrowed; one member at a time */
    const struct rp_config *config;   /* borrowed for the call: timeouts, snapshots, voter_max */
    struct rp_view raft_address;      /* of this life, host:port; copied */
    struct rp_view cluster_name;      /* copied */
    uint64_t secret_digest;           /* equal for members with the same shared secret */
    uint64_t session;                 /* of this life: unique, and higher than all earlier ones */
    uint64_t seed, incarnation;       /* streams are keyed by raft id and incarnation (life) */
    struct sim_range disk_latency_ns; /* a durable append or a snapshot */
    struct sim_consensus_transport transport;
    /* May be NULL. */
    void (*note)(void *context, enum sim_raft_note note, const uint64_t detail[4]);
    void *note_context;
};

/* Errors: RP_ERR_NOMEM, RP_ERR_INVALID. */
RP_MUST_USE int sim_consensus_raft_new(const struct sim_consensus_raft_params *params,
                                       struct sim_consensus_raft **member_out);
/* The events of the node, before its start. */
void sim_consensus_raft_bind(struct sim_consensus_raft *member,
                             const struct rp_consensus_events *events);
struct rp_consensus_port sim_consensus_raft_port(struct sim_consensus_raft *member);
/* A message reached this life. One without a MAC that verifies, of another cluster or secret, for
 * another raft id, for another life, or taken before, never reaches libraft. True: it was taken.
 * `is_trusting` is for tests of the checkers: a member that asks none of this. */
bool sim_consensus_raft_deliver(struct sim_consensus_raft *member, struct sim_raft_message *message,
                                const struct sim_raft_arrival *arrival, bool is_trusting);
/* The process died, with or without its host: no event, no `done` any more. Frees the member. Not
 * from inside one of its events. NULL is fine. */
void sim_consensus_raft_kill(struct sim_consensus_raft *member, bool is_power_loss);
/* After the `done` of stop, or before start. NULL is fine. */
void sim_consensus_raft_free(struct sim_consensus_raft *member);
/* For inspection (bridge.h). */
struct rp_bridge *sim_consensus_raft_bridge(struct sim_consensus_raft *member);
/* From now on writes of term, vote and log fail: a broken disk. */
void sim_consensus_raft_break_disk(struct sim_consensus_raft *member, bool is_broken);

#endif
