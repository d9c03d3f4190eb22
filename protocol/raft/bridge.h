/* The consensus port over libraft: the same code under the simulator's raft_io and the real one.
 *
 * The bridge owns one `struct raft` with its state machine, puts itself between the io and the
 * library (so that it hears of every message and every step), and adds what libraft lacks: the
 * leader's membership policy (members.h), a read index for every member (read_index.h), and
 * completions that never run inside a call or inside the library. They are queued and delivered by
 * a timer that is due at once.
 *
 * Life: new -> bind -> port.start -> ... -> port.stop -> its `done` -> free. A process that dies
 * skips the stop: abandon -> free.
 *
 * Only the raft files and sim/consensus_raft.c see <raft.h>. */
#ifndef REPLISIM_PROTOCOL_RAFT_BRIDGE_H
#define REPLISIM_PROTOCOL_RAFT_BRIDGE_H

#include "protocol/config.h"
#include "protocol/ports.h"

struct raft_io;
struct rp_bridge;

/* What the bridge needs of the transport besides raft_io. */
struct rp_bridge_world {
    void *context;
    /* Bytes of our own to a member, over the consensus transport; may be lost. Borrowed. */
    void (*send_aux)(void *context, uint64_t target_raft_id, struct rp_view bytes);
    /* Where a member is from now on. Views borrowed. */
    void (*route)(void *context, uint64_t raft_id, struct rp_view raft_address);
};

struct rp_bridge_params {
    const struct rp_alloc *alloc; /* borrowed for life */
    struct rp_clock_port clock;
    struct raft_io *io; /* borrowed for life, complete but not initialised by raft_init */
    struct rp_bridge_world world;
    uint64_t raft_id;                                    /* of the raft folder; never 0 */
    struct rp_view raft_address;                         /* own host:port; copied */
    uint32_t election_timeout_ms, heartbeat_interval_ms; /* the latter is libraft's tick */
    rp_time_ns snapshot_interval_ns; /* at most one snapshot in that time; 0: no such bound */
    uint32_t snapshot_threshold;     /* applied entries before a snapshot is taken */
    uint32_t snapshot_trailing;      /* log entries kept before it */
    uint32_t voter_max;              /* reachable voters that the leader keeps */
};

/* The numbers of a configuration; the rest of `params` stays as it was. A configured heartbeat
 * time-out is five of libraft's ticks. */
void rp_bridge_params_configure(struct rp_bridge_params *params, const struct rp_config *config);

/* Errors: RP_ERR_NOMEM, RP_ERR_INVALID (raft id 0, address too long). */
RP_MUST_USE int rp_bridge_new(const struct rp_bridge_params *params, struct rp_bridge **bridge_out);
/* Before start. Copied; the context is borrowed for life. */
void rp_bridge_bind(struct rp_bridge *bridge, const struct rp_consensus_events *events);
/* Valid until free. */
struct rp_consensus_port rp_bridge_port(struct rp_bridge *bridge);

/* The library starts after the port's `start` returned, so that nothing comes from inside that call.
 * 0: it did, or has not been asked to; RP_ERR_IO: its folder cannot be used, no member runs. */
int rp_bridge_start_error(const struct rp_bridge *bridge);

/* For the transport: bytes that a member gave to its `send_aux`, authenticated. Borrowed. */
void rp_bridge_aux_received(struct rp_bridge *bridge, uint64_t source_raft_id,
                            struct rp_view bytes);

/* The process died: no event and no `done` comes any more, the library is closed. An io that
 * closes at once makes the bridge ready for free. Not from within an event of the bridge. */
void rp_bridge_abandon(struct rp_bridge *bridge);
bool rp_bridge_is_closed(const struct rp_bridge *bridge);
/* Never started, or closed. NULL is fine. */
void rp_bridge_free(struct rp_bridge *bridge);

/* Addresses in libraft's configuration end in '#' and the raft id in hex, because libraft wants
 * each once while pods reuse theirs. This is the host:port part. */
struct rp_view rp_bridge_address_host(const char *configured_address);

/* ---- Looking in, for checkers, status and tests ---------------------------------------------- */

enum rp_member_rank { RP_MEMBER_SPARE, RP_MEMBER_STANDBY, RP_MEMBER_VOTER };

struct rp_member_view {
    uint64_t raft_id;
    enum rp_member_rank rank;
};

/* The configuration as this member knows it, committed or not, in the log's order. Returns the
 * whole count, of which at most `max` are written. */
size_t rp_bridge_members(const struct rp_bridge *bridge, struct rp_member_view *members_out,
                         size_t max);
uint64_t rp_bridge_commit_index(const struct rp_bridge *bridge);
uint64_t rp_bridge_last_index(const struct rp_bridge *bridge);
/* Chosen points for tests and scenarios (the log is cut at the next applied command). */
void rp_bridge_snapshot_soon(struct rp_bridge *bridge, uint32_t trailing);
/* Leadership goes to that voter, or with 0 to the one that needs the least; libraft gives up after an
 * election time-out. Errors: RP_ERR_NOT_LEADER, RP_ERR_BUSY, RP_ERR_UNREACHABLE (no such voter). */
RP_MUST_USE int rp_bridge_hand_over(struct rp_bridge *bridge, uint64_t raft_id);

#endif
