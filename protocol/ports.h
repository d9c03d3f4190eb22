/* What a node needs of the world. Two implementations exist: the simulator's (sim/) and the real
 * process's (protocol/uv). Nothing in protocol/ can tell which one it talks to.
 *
 * Rules for every port:
 * - One thread. A port never calls back into the node from inside a call that the node makes:
 *   completions and events come later, from the world's own loop.
 * - Requests are structs owned by the caller and stay untouched until their `done` ran, which it
 *   does exactly once, also after a cancel.
 * - Views and chunks given to a call or an event are borrowed for that call; a chunk that is kept
 *   is retained (chunk.h). */
#ifndef REPLISIM_PROTOCOL_PORTS_H
#define REPLISIM_PROTOCOL_PORTS_H

#include "protocol/chunk.h"
#include "protocol/types.h"

/* ---- Clock and timers ------------------------------------------------------------------------ */

/* Embedded in what it wakes. The owner sets `fire` and `context` once. */
struct rp_timer {
    void (*fire)(void *context);
    void *context;
    uint64_t port_handle; /* the port's; 0 = not armed */
};

struct rp_clock_port {
    void *state;
    /* The node's own monotonic clock: never steps, may drift against other nodes'. */
    rp_time_ns (*now_ns)(void *state);
    /* The node's wall clock: may be skewed, may jump. For stamps and MAC freshness only. */
    int64_t (*wall_unix_ns)(void *state);
    /* Fires once at `deadline_ns` of the monotonic clock (at once, but not inside the call, when
     * that has passed). Arming an armed timer moves it. */
    void (*arm)(void *state, struct rp_timer *timer, rp_time_ns deadline_ns);
    void (*disarm)(void *state, struct rp_timer *timer); /* not armed: nothing */
};

static inline bool rp_timer_is_armed(const struct rp_timer *timer)
{
    return timer->port_handle != 0;
}

/* ---- Randomness ------------------------------------------------------------------------------ */

/* One stream a purpose, so that a new draw for one does not move another. */
enum rp_random_purpose {
    RP_RANDOM_NONCE,      /* must be unpredictable in the real world */
    RP_RANDOM_CANDIDATES, /* order of peers */
    RP_RANDOM_STAGING,    /* names of temporary files (trait `staging`) */
    RP_RANDOM_PURPOSE_COUNT
};

struct rp_random_port {
    void *state;
    void (*fill)(void *state, enum rp_random_purpose purpose, uint8_t *bytes, size_t length_bytes);
};

/* ---- Network: the peer channel --------------------------------------------------------------- */

/* Names a connection of this node: index and generation, never 0, never reused while the node
 * lives unless the world is told to reuse handles. A handle of a closed connection is ignored by
 * every call. */
typedef uint64_t rp_conn;

/* Given to the port by the node when it is born. No event comes for a connection after `close`. */
struct rp_net_events {
    void *context;
    /* An inbound connection, after any TLS handshake. */
    void (*accepted)(void *context, rp_conn conn);
    /* Ends a dial: 0, or RP_ERR_REFUSED, _UNREACHABLE, _RESET. A dial that nobody answers ends only
     * when the node closes it. On error the handle is gone. */
    void (*connected)(void *context, rp_conn conn, int error);
    /* In order, in any pieces. */
    void (*received)(void *context, rp_conn conn, struct rp_chunk chunk);
    /* After a `send` that took less than offered: there is room again. */
    void (*writable)(void *context, rp_conn conn);
    /* 0: the peer sends no more (half-close; sending may go on). RP_ERR_RESET and others: the
     * connection is dead and the handle is gone. */
    void (*ended)(void *context, rp_conn conn, int error);
};

struct rp_net_port {
    void *state;
    /* Accept connections on the configured address. Errors: RP_ERR_IO. */
    int (*listen)(void *state);
    void (*listen_stop)(void *state);
    /* `address` is "host:port"; names are resolved by the world at each dial. Errors: RP_ERR_FULL,
     * RP_ERR_INVALID; a result of 0 is followed by `connected` unless closed before. */
    int (*dial)(void *state, struct rp_view address, rp_conn *conn_out);
    /* Takes a prefix of the chunk into the bounded send buffer, by reference, and tells how much.
     * Less than all: `writable` follows. A dead handle takes everything and forgets it. */
    size_t (*send)(void *state, rp_conn conn, struct rp_chunk chunk);
    /* While paused no `received` comes and, once its buffers are full, the peer is held up. */
    void (*pause)(void *state, rp_conn conn, bool is_paused);
    /* Orderly close: what was taken is delivered, then end of stream. No more events. */
    void (*close)(void *state, rp_conn conn);
    /* Reset: what was taken may be lost. No more events. */
    void (*abort)(void *state, rp_conn conn);
    /* Bytes taken by `send` and not yet acknowledged by the peer's side; 0 for a dead handle. */
    size_t (*unsent_bytes)(void *state, rp_conn conn);
};

/* ---- Store: final objects and staging objects ------------------------------------------------ */

typedef uint64_t rp_store_handle; /* a reader or a writer; 0 = none */

enum rp_stage_mode { RP_STAGE_TRUNCATE, RP_STAGE_APPEND };

struct rp_store_stat {
    bool is_present; /* a final object under that name */
    uint64_t size_bytes;
    uint64_t identity; /* changes whenever the object under the name is another one */
    int64_t mtime_unix_ns;
};

struct rp_store_list_item {
    struct rp_view path;
    uint64_t size_bytes;
    int64_t mtime_unix_ns;
};

/* One call in flight. The caller sets `done` and `context`, owns the memory, and reads the fields
 * of its call in `done`. */
struct rp_store_request {
    void (*done)(struct rp_store_request *request, int error);
    void *context;
    uint64_t port_handle; /* the port's; 0 = not in flight */

    struct rp_store_stat stat; /* stat; stage_publish, file_rename: of what is published */
    rp_store_handle handle;    /* stage_open, file_open, read_open */
    uint64_t size_bytes;       /* the opened object's size: what is staged already, what is there */
    size_t taken_bytes;        /* stage_write: maybe fewer than offered */
    struct rp_chunk chunk; /* read: borrowed during `done`; shorter than asked only at the end */
    const struct rp_store_list_item *items; /* list: sorted, borrowed during `done` */
    size_t item_count;
    bool has_more;
    uint64_t free_bytes; /* space */
};

/* All asynchronous; a `done` never runs inside the call. Calls on one writer complete in order.
 * Errors in `done`: RP_ERR_IO, RP_ERR_NO_SPACE, RP_ERR_NOT_FOUND, RP_ERR_CANCELLED,
 * RP_ERR_UNSUPPORTED (append to a store that cannot), RP_ERR_INVALID (an empty path: it names
 * nothing, so stat finds it absent and all else refuses it). Staging objects are invisible to stat,
 * list and read_open; their names are the store's secret.
 *
 * Under which names objects lie on the disk is the store's too. One that keeps the reference's names
 * (trait `store_names`) maps paths by rp_path_stored_name, refuses what that refuses, and leaves names
 * that begin with a dot out of lists.
 *
 * The three file_ calls are for releases that stage in plain files beside the final ones (trait
 * `staging`, sink.h): such a file is a final object of its own from the moment it is opened, seen
 * by stat, list and read_open, counted as space, kept over lives. Nothing of it is ever synced. */
struct rp_store_port {
    void *state;
    void (*stat)(void *state, struct rp_store_request *request, struct rp_view path);
    /* A writer on the staging object of (path, hash). One writer at a time. */
    void (*stage_open)(void *state, struct rp_store_request *request, struct rp_view path,
                       struct rp_view sha256_hex, enum rp_stage_mode mode);
    void (*stage_write)(void *state, struct rp_store_request *request, rp_store_handle writer,
                        struct rp_chunk chunk);
    /* Sync, rename to the final name, sync the folder: in one visible step, or not at all. The
     * writer and the staging object are gone afterwards, whatever the result. */
    void (*stage_publish)(void *state, struct rp_store_request *request, rp_store_handle writer);
    /* Removes the staging object and the writer. */
    void (*stage_discard)(void *state, struct rp_store_request *request, rp_store_handle writer);
    /* A writer on a plain file, for stage_write alone. TRUNCATE makes or empties it; APPEND never
     * makes one: RP_ERR_NOT_FOUND. Several writers may be open on one file. */
    void (*file_open)(void *state, struct rp_store_request *request, struct rp_view path,
                      enum rp_stage_mode mode);
    void (*file_close)(void *state, rp_store_handle writer); /* at once, no completion */
    /* One visible step; replaces what is under the new name. Absent: RP_ERR_NOT_FOUND. */
    void (*file_rename)(void *state, struct rp_store_request *request, struct rp_view from,
                        struct rp_view to);
    /* The bytes stay readable through the reader after the name was removed or replaced. */
    void (*read_open)(void *state, struct rp_store_request *request, struct rp_view path);
    void (*read)(void *state, struct rp_store_request *request, rp_store_handle reader,
                 uint64_t offset_bytes, size_t length_bytes);
    void (*read_close)(void *state, rp_store_handle reader); /* at once, no completion */
    /* The final object, and staging objects of that path without a writer, of whatever hash: what an
     * earlier life left. RP_ERR_NOT_FOUND: there was no final object. */
    void (*remove)(void *state, struct rp_store_request *request, struct rp_view path);
    /* Final objects under `prefix`, after `cursor`, in bytewise order, at most `item_max`. */
    void (*list)(void *state, struct rp_store_request *request, struct rp_view prefix,
                 struct rp_view cursor, size_t item_max);
    void (*space)(void *state, struct rp_store_request *request);
    /* Asks for an early end; `done` comes with RP_ERR_CANCELLED or with the result. A cancelled
     * call has no further effect once `done` ran. */
    void (*cancel)(void *state, struct rp_store_request *request);
};

/* ---- Consensus ------------------------------------------------------------------------------- */

/* Where a member is to be found; what the leader needs to admit it (design.md, membership). */
struct rp_member {
    struct rp_view node_id;
    struct rp_view raft_address; /* host:port of its consensus transport */
    struct rp_view role;         /* "writer", "compactor", "reader", "standalone" */
    uint64_t raft_id;            /* of its raft folder; never 0 */
};

struct rp_consensus_request {
    void (*done)(struct rp_consensus_request *request, int error);
    void *context;
    uint64_t port_handle; /* the port's; 0 = not in flight */
    uint64_t index;       /* propose: where it was applied; read_index: the index to wait for */
    int apply_error;      /* propose: 0, or RP_ERR_* of a command refused by every state machine */
};

struct rp_consensus_status {
    bool is_leader;
    bool has_leader;
    uint64_t leader_raft_id; /* 0: unknown */
    uint64_t term;
    uint64_t applied_index;
    uint64_t raft_id; /* our own */
};

/* Given to the port by the node when it is born. */
struct rp_consensus_events {
    void *context;
    /* One committed command. Called in log order, on every member alike. Returns 0 or RP_ERR_* when
     * the command is refused; a refusal changes no state and does not stop the log. */
    int (*apply)(void *context, uint64_t index, uint64_t term, struct rp_view command);
    /* Replaces the whole state. Errors: RP_ERR_SYNTAX and others, state unchanged. */
    int (*restore)(void *context, struct rp_view snapshot);
    /* The state at exactly the last applied index, as bytes for a later restore. The block's
     * reference passes to the port. Errors: RP_ERR_NOMEM. */
    int (*snapshot)(void *context, struct rp_block **block_out);
    /* The leader known to this member, or its own leadership, changed. */
    void (*leader_changed)(void *context);
    /* What the replicated node table says of a raft id, for the leader's membership policy. False:
     * no node has it (any more). Views are borrowed for the call; `born_index_out` is the log index
     * at which that raft id was first recorded. */
    bool (*describe_member)(void *context, uint64_t raft_id, struct rp_member *member_out,
                            uint64_t *born_index_out);
};

struct rp_consensus_port {
    void *state;
    /* Load what is durable and take part. `is_bootstrap`: form a cluster of one if nothing is
     * stored yet. apply and restore may come from here on. Errors: RP_ERR_IO. */
    int (*start)(void *state, bool is_bootstrap);
    struct rp_consensus_status (*status)(void *state);
    /* Errors in `done`: RP_ERR_NOT_LEADER, _LEADERSHIP_LOST (may still commit), _STOPPED, _NOMEM. */
    void (*propose)(void *state, struct rp_consensus_request *request, struct rp_view command);
    /* An index not below the cluster's commit index when asked; works on every member
     * (design.md, barrier on followers). Errors: RP_ERR_NO_LEADER, _TIMEOUT, _STOPPED. The port
     * gives up at `deadline_ns`. */
    void (*read_index)(void *state, struct rp_consensus_request *request, rp_time_ns deadline_ns);
    /* Leader only: admit as spare, raise to standby; done when it is at least standby. An address
     * change of a known raft id only moves it. Errors as propose, and RP_ERR_TIMEOUT. */
    void (*admit)(void *state, struct rp_consensus_request *request, const struct rp_member *member,
                  rp_time_ns deadline_ns);
    /* Leader only: remove for good. Not a member: success. */
    void (*expel)(void *state, struct rp_consensus_request *request, uint64_t raft_id);
    /* Where to send to a member from now on; a hint, overwritten by later ones. */
    void (*route)(void *state, uint64_t raft_id, struct rp_view raft_address);
    /* That member said, provably, that it stops: the membership policy counts it as silent until it
     * is heard from well after that, or routed anew. No change by itself. */
    void (*departed)(void *state, uint64_t raft_id);
    /* Before an orderly stop: hand leadership on. Not the leader: success at once. */
    void (*transfer)(void *state, struct rp_consensus_request *request, rp_time_ns deadline_ns);
    /* No more apply, restore or snapshot once this returned; `done` when everything is closed. */
    void (*stop)(void *state, struct rp_consensus_request *request);
};

/* ---- Log ------------------------------------------------------------------------------------- */

enum rp_log_level { RP_LOG_DEBUG, RP_LOG_INFO, RP_LOG_WARN, RP_LOG_ERROR };

struct rp_log_port {
    void *state;
    void (*write)(void *state, enum rp_log_level level, struct rp_view text); /* never a secret */
};

/* All of them; lent to a node for its whole life. */
struct rp_ports {
    const struct rp_alloc *alloc;
    struct rp_clock_port clock;
    struct rp_random_port random;
    struct rp_net_port net;
    struct rp_store_port store;
    struct rp_consensus_port consensus;
    struct rp_log_port log;
};

#endif
