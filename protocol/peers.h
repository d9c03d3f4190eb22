/* The registry of known nodes, their health, and in which order a file is asked for
 * (behaviour.md 9; design.md, "What `current` does").
 *
 * Sans I/O: the node feeds it applied records, heartbeats and ticks; it answers with changes.
 *
 *            register("joining")      register("healthy")
 *                  |                        |
 *   heartbeat says whatever it says --> healthy <--- a check passes (from any state but joining)
 *                                           | threshold failed checks
 *                                       unhealthy
 *                                           | twice the threshold (from any other state)
 *                                         dead        stays in the registry until removed
 *
 * A passing check never counts as a heartbeat. */
#ifndef REPLISIM_PROTOCOL_PEERS_H
#define REPLISIM_PROTOCOL_PEERS_H

#include "protocol/release.h"
#include "protocol/types.h"

enum rp_peer_state {
    RP_PEER_UNKNOWN,
    RP_PEER_HEALTHY,
    RP_PEER_UNHEALTHY,
    RP_PEER_DEAD,
    RP_PEER_JOINING,
    RP_PEER_LEAVING,
    RP_PEER_OTHER /* a text that a heartbeat brought and that is none of these */
};

/* Longer self-reported texts are cut; none of the known ones is longer. */
#define RP_PEER_STATE_TEXT_MAX 32

/* What is registered; views borrowed for the call. */
struct rp_peer_record {
    struct rp_view id, role, address; /* address: of the peer channel, "" when unreachable */
    struct rp_view state;             /* as the registering party says it: "joining", "healthy" */
    uint64_t raft_id;                 /* 0: unknown */
    int64_t joined_unix_s;            /* when this life joined; 0: unknown */
    bool is_bound_fetch;              /* signs fetches and forwards with the second MAC */
};

/* A known node. Lent: valid until the next change of this node's record. */
struct rp_peer {
    struct rp_view id, role, address;
    uint64_t raft_id;
    int64_t joined_unix_s;
    int64_t left_unix_s; /* its goodbye of this life, as signed; 0: none */
    bool is_bound_fetch;
    bool is_self;
    enum rp_peer_state state;
    char state_text[RP_PEER_STATE_TEXT_MAX + 1]; /* as last set, terminated */
    bool is_reached; /* we talked with it at its present address, and the last dial was answered */
    bool has_heartbeat;
    rp_time_ns last_heartbeat_ns; /* monotonic, of the receiving node */
    uint32_t failed_check_count;
    uint64_t born_sequence;      /* order of first registration; never reused */
    uint64_t forward_connection; /* earlier ones bring no command of it any more */
};

enum rp_peer_change {
    RP_PEER_ADDED,     /* first registration of the id */
    RP_PEER_REPLACED,  /* registered again */
    RP_PEER_MOVED,     /* registered again with another address: drop connections to the old one */
    RP_PEER_REMOVED,   /* the record is lent for the last time */
    RP_PEER_REPORTED,  /* a heartbeat changed the state, not to healthy */
    RP_PEER_RECOVERED, /* became healthy: a heartbeat or a check */
    RP_PEER_FAILED,    /* healthy -> unhealthy */
    RP_PEER_DIED       /* -> dead */
};

/* True when files that could not be had may be had now: worth a rescan (design.md). */
static inline bool rp_peer_change_is_hopeful(enum rp_peer_change change)
{
    return change == RP_PEER_ADDED || change == RP_PEER_REPLACED || change == RP_PEER_MOVED ||
           change == RP_PEER_RECOVERED;
}

/* Called from within register, remove, heartbeat and check, after the change; must not change the
 * registry. May be NULL. */
struct rp_peer_events {
    void *context;
    void (*changed)(void *context, const struct rp_peer *peer, enum rp_peer_change change);
};

struct rp_peers;

/* `self_id` is copied; a record of that id is kept but never checked and never a candidate.
 * Errors: RP_ERR_NOMEM, RP_ERR_INVALID (empty id). */
RP_MUST_USE int rp_peers_new(struct rp_view self_id, const struct rp_alloc *alloc,
                             const struct rp_peer_events *events /* copied */,
                             struct rp_peers **peers_out);
void rp_peers_free(struct rp_peers *peers);

/* behaviour.md 9.2: adds, or replaces everything but the place in the birth order; heartbeat time
 * and failure count start anew. Errors: RP_ERR_FULL (RP_PEER_COUNT_MAX nodes, self included),
 * RP_ERR_NOMEM, RP_ERR_INVALID (empty id); nothing changed then. */
RP_MUST_USE int rp_peers_register(struct rp_peers *peers, const struct rp_peer_record *record);
/* False: it was not known. */
bool rp_peers_remove(struct rp_peers *peers, struct rp_view id);

/* behaviour.md 9.3: time noted, failures forgotten, state as the sender says it, whatever it says.
 * False: unknown sender, no effect (it is acked all the same). */
bool rp_peers_heartbeat(struct rp_peers *peers, struct rp_view id, struct rp_view state,
                        rp_time_ns now_ns);

/* What came of dialing the peer. Only the order of candidates depends on it (`current`: those that
 * were reached come first), never health. A heartbeat received counts as reached; another address
 * as not. Unknown id: nothing. */
void rp_peers_reached(struct rp_peers *peers, struct rp_view id, bool is_reached);

/* The number of the latest connection that was accepted: a life that is registered from now on sends its
 * commands on later ones. */
void rp_peers_accepted(struct rp_peers *peers, uint64_t connection);
/* A command came from it on this connection. Unknown id: nothing. */
void rp_peers_forwarded(struct rp_peers *peers, struct rp_view id, uint64_t connection);

/* behaviour.md 9.4, to be called every `interval_ns`: a peer passes when its last heartbeat is
 * younger than three intervals. `threshold`: failed checks until unhealthy. */
void rp_peers_check(struct rp_peers *peers, rp_time_ns now_ns, rp_time_ns interval_ns,
                    uint32_t threshold);

/* What a node says about its life may be about the life before this one: true when the message was
 * signed before the registered life joined, so that a delayed leave cannot remove the new life.
 * False for unknown nodes and unknown join times. */
bool rp_peers_is_former_life(const struct rp_peers *peers, struct rp_view id,
                             int64_t signed_unix_s);

/* It said goodbye, with a MAC that held and that this time is of; kept until another life joins,
 * whatever its heartbeats and records say meanwhile. Unknown id: nothing. */
void rp_peers_left(struct rp_peers *peers, struct rp_view id, int64_t signed_unix_s);

/* NULL: unknown. */
const struct rp_peer *rp_peers_get(const struct rp_peers *peers, struct rp_view id);
const struct rp_peer *rp_peers_get_by_raft_id(const struct rp_peers *peers, uint64_t raft_id);
/* All records, self included, in birth order: `*cursor` starts at 0; NULL at the end. The registry
 * must not grow meanwhile. */
const struct rp_peer *rp_peers_next(const struct rp_peers *peers, size_t *cursor);
size_t rp_peers_count(const struct rp_peers *peers);
size_t rp_peers_state_count(const struct rp_peers *peers, enum rp_peer_state state);
size_t rp_peers_role_count(const struct rp_peers *peers, struct rp_view role);

/* Marks the own record, e.g. healthy at start, leaving at stop. No effect when self is not
 * registered. */
void rp_peers_set_self_state(struct rp_peers *peers, enum rp_peer_state state);

/* "healthy", ...; constant. RP_PEER_OTHER gives "other". */
const char *rp_peer_state_name(enum rp_peer_state state);
/* RP_PEER_OTHER for a text that is none of the known ones. */
enum rp_peer_state rp_peer_state_parse(struct rp_view text);

/* ---- Candidates ------------------------------------------------------------------------------ */

/* Views lent until the registry's next change. */
struct rp_candidate {
    struct rp_view node_id, address;
    bool is_origin;
};

struct rp_candidate_query {
    struct rp_view origin_node_id;
    /* Peers that delivered wrong bytes for this path: they come last. */
    const struct rp_view *demoted_ids;
    size_t demoted_count;
    /* Order among equals: one 64-bit draw per call from the purpose RP_RANDOM_CANDIDATES. */
    uint64_t shuffle_key;
};

/* behaviour.md 9.1 by trait `candidates`: whom to ask, best first, into `candidates_out`, at most
 * `max` of them; returns how many. Never self, no empty and no duplicate address.
 * - origin: only the origin, whatever its health.
 * - origin of any health, then every healthy node in random order.
 * - origin if healthy, then every other healthy node in random order; those that were never
 *   reached come after those that were, the origin first among them.
 * Costs O(healthy nodes), independent of dead ones. Demoted nodes keep their mutual order. */
size_t rp_peers_candidates(const struct rp_peers *peers, const struct rp_traits *traits,
                           const struct rp_candidate_query *query,
                           struct rp_candidate *candidates_out, size_t max);

#endif
