/* The inside of a node, shared by the node_*.c files and by nobody else. Each file owns one part:
 *
 *   node.c        birth, death, inspection         node_link.c      connections
 *   node_start.c  start, discovery timer           node_exchange.c  one-shot requests
 *   node_stop*.c  ordered stop, in two orders      node_call.c      store and consensus calls
 *   node_join*.c  join, both sides                 node_health.c    heartbeats, checks
 *   node_peer.c   inbound connections              node_serve.c     fetches that we answer
 *   node_pull.c   the puller's ports               node_present.c   is a file here, and intact?
 *   node_try.c    one try at one peer              node_transfer.c  its bytes from the network
 *   node_prefix.c a stored prefix                  sink*.c          where a pull's bytes go
 *   node_walk.c   catch-up and rescans             node_apply.c     what the log says
 *   node_pages.c  what the walk goes through       node_delete.c    copies of deleted files
 *   node_leave.c  leave notices
 *   node_propose.c proposals and forwarding        node_flush.c     flush path and registrar
 *   node_compact.c compaction and its watcher      node_sweep.c     deletions slept through
 *   node_roles.c   primary writer, active compactor
 *   node_reconcile.c and node_reconcile_ask.c      anti-entropy
 *   node_scrub.c  local files hashed once more
 */
#ifndef REPLISIM_PROTOCOL_NODE_INTERNAL_H
#define REPLISIM_PROTOCOL_NODE_INTERNAL_H

#include "protocol/auth.h"
#include "protocol/error.h"
#include "protocol/forward_client.h"
#include "protocol/frame.h"
#include "protocol/limits.h"
#include "protocol/message.h"
#include "protocol/node.h"
#include "protocol/node_call.h"
#include "protocol/node_exchange.h"
#include "protocol/node_link.h"
#include "protocol/nonce_cache.h"
#include "protocol/panic.h"
#include "protocol/peers.h"
#include "protocol/presence.h"
#include "protocol/query_gate.h"
#include "protocol/table.h"

enum node_phase { NODE_NEW, NODE_STANDALONE, NODE_RUNNING, NODE_STOPPING, NODE_STOPPED };

/* What the walk is about to go through, where it is not the manifest as it is (node_pages.c). */
struct node_page_list {
    const struct rp_file_entry **entries; /* owned array of references, in path order */
    size_t count, count_max;
    size_t next; /* of a copy that is gone through once */
    bool is_filled;
};

struct node_page {
    size_t count;
    bool is_last;
};

struct node_inbound;
struct node_worker;
struct node_transfer_ops;
struct node_check;
struct node_pending_proposal;
struct node_serve;
struct node_forwarded;
struct node_join;
struct node_reconcile;

struct rp_node {
    struct rp_config config; /* owned copy */
    enum rp_release release;
    const struct rp_traits *traits;
    struct rp_ports ports;
    const struct rp_observer *observer;
    struct rp_entry_pool *pool;
    enum node_phase phase;

    struct rp_net_events net_events;
    struct rp_consensus_events consensus_events;
    struct rp_auth *auth; /* NULL: no secret */
    struct rp_nonce_cache *nonces;
    struct rp_manifest *manifest;
    struct rp_peers *peers;
    struct rp_arena scratch;  /* one message at a time */
    struct rp_buffer frame;   /* one outgoing frame at a time */
    struct rp_buffer command; /* one outgoing command at a time */

    struct rp_table links; /* rp_conn -> node_link */
    size_t link_count;
    struct node_exchange *exchanges;
    size_t exchange_count;
    struct node_call *calls; /* store calls in flight */
    size_t call_count;       /* store and consensus calls in flight */
    struct node_consensus_call *consensus_calls;

    /* node_start.c, node_join.c */
    struct rp_timer discovery_timer;
    struct node_exchange *join_exchange;
    size_t next_seed;
    struct rp_buffer asked_address;
    struct rp_buffer asked_id; /* whom the asked join is signed for; empty: whoever answers */
    uint32_t redirect_count;
    rp_time_ns discovery_pause_ns; /* until the next try */
    bool is_joined;
    bool is_self_proposed; /* an AddNode of ourselves is under way */
    struct rp_node_proposal self_proposal;

    /* node_health.c */
    struct rp_timer health_timer;
    bool has_new_peer;
    struct rp_timer greeting_timer; /* armed while answers to greetings are waited for */
    size_t greeting_count;

    /* node_peer.c: listed so that a stop can end them */
    struct node_inbound *inbound;
    size_t inbound_count;
    uint64_t accepted_count; /* connections, ever: the latest one's number */
    /* Commands come on connections after this one: those up to it are of an earlier leadership. */
    uint64_t forward_floor, forward_term;

    /* node_serve.c: the WAL stream began in this life, and with it the context of fetch handlers */
    bool has_stream;

    /* node_propose.c */
    struct rp_forward_client *forward;
    struct node_link forward_link;
    struct rp_timer forward_timer;
    struct rp_timer propose_timer; /* answers that must not come from within the call */
    struct rp_buffer leader_address, leader_id;
    struct node_pending_proposal *proposals;
    uint64_t next_request;
    uint64_t serve_number;
    size_t serve_count; /* sessions that exist */

    /* node_flush.c */
    struct rp_registrar *registrar;
    struct rp_timer registrar_timer;
    bool is_registrar_stopped;
    struct rp_sha256 *flush_hash;
    struct node_flush *flushes;

    /* node_pull.c, node_present.c */
    struct rp_puller *puller;
    struct node_worker *workers;
    uint32_t worker_count;
    const struct node_transfer_ops *transfer; /* constant memory, or a test's */
    struct rp_timer puller_timer;
    struct rp_candidate *candidates;           /* scratch, RP_PEER_COUNT_MAX */
    struct rp_pull_candidate *pull_candidates; /* scratch, as many */
    struct rp_buffer dial_address;
    struct rp_buffer part_name; /* scratch: of a part file, for one call */
    struct rp_presence *presence;
    struct rp_readiness *readiness;

    /* node_walk.c */
    struct rp_catchup *catchup;
    struct rp_timer catchup_timer;
    struct rp_query_gate query_gate;
    struct node_consensus_call barrier_call;
    const struct rp_file_entry **page; /* scratch, RP_WALK_PAGE_MAX */
    struct node_page_list page_list;
    struct rp_timer rescan_timer;
    struct rp_buffer rescan_cursor;
    bool is_rescanning;
    uint64_t rescan_missing_count;

    /* node_delete.c: local copies of deleted files */
    bool are_callbacks_attached; /* of files: pulls and local deletions hear of the log */
    struct node_delete *deletes;
    size_t delete_count;
    struct node_delete_queue *delete_queue; /* NULL: none was needed yet */
    uint64_t deletes_dropped_count;
    bool is_delete_closed; /* by the stop */
    bool has_leader_changed;

    struct node_scrub *scrub;           /* node_scrub.c */
    struct node_sweep *sweep;           /* node_sweep.c: deletions that we slept through */
    struct node_compaction *compaction; /* node_compact.c */
    struct node_roles *roles;           /* node_roles.c */
    struct node_reconcile *reconcile;   /* node_reconcile.c */

    /* node.c: what machines want done, outside of apply */
    struct rp_timer work_timer;
    bool is_working;
    bool is_dead; /* being freed: no port is called any more */

    /* node_stop.c */
    bool is_stopping;  /* rp_node_stop was called on a running node */
    bool is_accepting; /* new connections; new flushes likewise */
    bool is_flush_open;
    int stop_step; /* of the order's */
    rp_time_ns stop_began_ns;
    size_t leave_count; /* notices on their way */
    void (*stop_done)(void *context);
    void *stop_context;
    struct rp_timer stop_timer; /* ends the present step */
    struct node_consensus_call stop_call;
    bool is_stop_call_done;
    bool is_closing; /* consensus was asked to stop */
};

/* ---- Small conveniences ----------------------------------------------------------------------- */

static inline rp_time_ns node_now(const struct rp_node *node)
{
    return node->ports.clock.now_ns(node->ports.clock.state);
}

static inline int64_t node_wall_ns(const struct rp_node *node)
{
    return node->ports.clock.wall_unix_ns(node->ports.clock.state);
}

/* Whole seconds, rounded down, also before 1970. */
int64_t node_wall_s(const struct rp_node *node);
/* The zone is UTC. */
struct rp_wall_time node_wall_time(const struct rp_node *node);

void node_timer_init(struct rp_timer *timer, void (*fire)(void *context), void *context);
void node_arm_at(struct rp_node *node, struct rp_timer *timer, rp_time_ns deadline_ns);
void node_arm_after(struct rp_node *node, struct rp_timer *timer, rp_time_ns delay_ns);
void node_disarm(struct rp_node *node, struct rp_timer *timer);

/* 32 random bytes as lowercase hex (wire.md 8.3). */
void node_nonce(struct rp_node *node, char nonce_hex_out[RP_NONCE_HEX]);
uint64_t node_random_u64(struct rp_node *node, enum rp_random_purpose purpose);

static inline struct rp_view node_id(const struct rp_node *node)
{
    return rp_view_text(node->config.node_id);
}
static inline struct rp_view node_cluster(const struct rp_node *node)
{
    return rp_view_text(node->config.cluster_name);
}

static inline void node_see(struct rp_node *node, const struct rp_observation *observation)
{
    rp_observe(node->observer, observation);
}

void node_log(struct rp_node *node, enum rp_log_level level, const char *text);

/* Is this message's MAC right, fresh, and new? One answer for all three; seen and counted.
 * `kind_text` is constant. */
bool node_authenticate(struct rp_node *node, const struct rp_auth_tuple *tuple, struct rp_view mac);

/* The same for a message that has to prove more than its first MAC: without that it is refused in
 * the same way, and leaves no nonce behind. */
bool node_authenticate_also(struct rp_node *node, const struct rp_auth_tuple *tuple,
                            struct rp_view mac, bool is_proven_besides);

/* For observers: a MAC is made for a message of this kind (constant text), of our own name. */
void node_see_signed(struct rp_node *node, const char *kind, const char nonce[RP_NONCE_HEX],
                     int64_t timestamp);

/* A fresh nonce, the time, and the MAC of a message of the join family; without a secret none of
 * them, and node_mac_view gives the message empty texts. Errors: as rp_auth_sign. */
struct rp_view node_mac_view(const struct rp_node *node, const char *text, size_t length_bytes);
RP_MUST_USE int node_sign(struct rp_node *node, enum rp_auth_kind kind, char nonce[RP_NONCE_HEX],
                          int64_t *timestamp, char mac[RP_SHA256_HEX]);
/* Encodes into node->frame and lends the bytes. Errors: as rp_message_encode. */
RP_MUST_USE int node_encode(struct rp_node *node, const struct rp_message *message,
                            struct rp_view *frame_out);

/* behaviour.md 6.2, 5.1: does a transfer in progress, at either end, hear that it is cancelled? If
 * not, it runs until it is done or its own deadline passes. */
bool node_transfers_hear_cancel(const struct rp_node *node);

/* ---- Between the files ------------------------------------------------------------------------ */

void node_link_events(struct rp_node *node, struct rp_net_events *events_out);

/* node_join.c */
void node_discovery_run(struct rp_node *node);     /* timer and start */
void node_self_record_check(struct rp_node *node); /* leader: are we in the manifest as we are? */
struct node_join;
void node_join_begin(struct node_inbound *inbound, const struct rp_join_request *request);
void node_join_cancel(struct node_join *join);
/* Does the replicated record say of us what we say: raft id, addresses, second MACs? */
bool node_own_record_holds(const struct rp_node *node);

/* node_join_bound.c: the second MAC of a join. */
enum node_join_proof {
    NODE_JOIN_FOR_US,      /* signed for us, or of a node from which no second MAC is due */
    NODE_JOIN_FOR_ANYBODY, /* signed as it came, by an asker that did not know whom it asks */
    NODE_JOIN_UNPROVEN     /* changed, stripped, or signed for another node */
};
enum node_join_proof node_join_prove(const struct rp_node *node,
                                     const struct rp_join_request *request);
/* Adds the second MAC to a request that is complete otherwise, if this release has one; `mac` must
 * outlive the request. Errors: as rp_auth_sign. */
RP_MUST_USE int node_join_bind(const struct rp_node *node, struct rp_join_request *request,
                               struct rp_view addressee, char mac[RP_SHA256_HEX]);
/* The leader could know better what we are: somebody told it otherwise, or it was told by a leader
 * that did not understand us. Then we join again. */
bool node_join_is_misrecorded(const struct rp_node *node);

/* node_health.c */
void node_health_start(struct rp_node *node);
void node_health_greet(struct rp_node *node);
void node_health_stop(struct rp_node *node);
void node_heartbeat_received(struct node_inbound *inbound, const struct rp_heartbeat *heartbeat);
void node_peer_changed(void *context, const struct rp_peer *peer, enum rp_peer_change change);

/* node_leave.c */
void node_leave_broadcast(struct rp_node *node, bool is_to_reached_only);
void node_leave_received(struct rp_node *node, const struct rp_leave_notify *leave);

/* node_peer.c */
void node_peer_accept(struct rp_node *node, rp_conn conn);
void node_peer_end_all(struct rp_node *node);
/* As it, but bodies on their way are left alone. */
void node_peer_end_idle(struct rp_node *node);
struct rp_node *node_inbound_node(const struct node_inbound *inbound);
struct node_link *node_inbound_link(struct node_inbound *inbound);
/* In the order of acceptance, from 1. */
uint64_t node_inbound_number(const struct node_inbound *inbound);
/* Sends a message; a failure to encode or send just closes. */
void node_inbound_answer(struct node_inbound *inbound, const struct rp_message *message);
/* Closes the connection (what was sent is delivered) and frees the session. */
void node_inbound_end(struct node_inbound *inbound);

void node_inbound_attach_join(struct node_inbound *inbound, struct node_join *join);
void node_inbound_attach_serve(struct node_inbound *inbound, struct node_serve *serve);
void node_inbound_attach_forwarded(struct node_inbound *inbound, struct node_forwarded *session);

/* node_serve.c: a fetch session takes over the inbound connection's events, and ends it. */
void node_serve_begin(struct node_inbound *inbound, const struct rp_fetch_file *request);
/* The node may have its place in the cluster now: then its WAL stream begins. */
void node_serve_check_stream(struct rp_node *node);
void node_serve_drained(struct node_serve *serve);
void node_serve_ended(struct node_serve *serve, int error);
/* Frees it, now or when its store call came back; the inbound is gone for it. */
void node_serve_cancel(struct node_serve *serve);

/* node_propose.c: inbound forward sessions, and our own proposals. */
/* Who is overtaken (forward_server.h): a leadership began. */
void node_forwarded_leader_changed(struct rp_node *node);
void node_forwarded_begin(struct node_inbound *inbound, struct rp_view payload,
                          struct rp_view rest);
void node_forwarded_received(struct node_forwarded *session, struct rp_view bytes);
void node_forwarded_ended(struct node_forwarded *session);
void node_forwarded_cancel(struct node_forwarded *session);
RP_MUST_USE int node_propose_init(struct rp_node *node);
void node_propose_clear(struct rp_node *node);
void node_propose_leader_changed(struct rp_node *node);
void node_propose_stop(struct rp_node *node);
bool node_propose_is_idle(const struct rp_node *node);

/* node_flush.c */
RP_MUST_USE int node_flush_init(struct rp_node *node);
void node_flush_clear(struct rp_node *node);
void node_flush_leader_changed(struct rp_node *node);
void node_flush_seen(struct rp_node *node, const struct rp_file_entry *entry);
void node_flush_run(struct rp_node *node);
void node_flush_stop(struct rp_node *node);   /* drain; node_stop_advance follows */
void node_flush_cancel(struct rp_node *node); /* bodies that are being written */
bool node_flush_is_idle(const struct rp_node *node);
/* The flush path without its registration, in two steps. Check: may it be flushed? And its hash.
 * Store: `done` comes from an event, or at once when memory is short. Errors as rp_node_flush. */
RP_MUST_USE int node_flush_check(struct rp_node *node, struct rp_flush_request *request);
void node_flush_store(struct rp_node *node, struct rp_flush_request *request);
/* A file of ours under that path is being stored, or waits for its registration. */
bool node_flush_is_pending(const struct rp_node *node, struct rp_view path);
/* So does that of other bytes than the entry's under its path. */
bool node_flush_replaces(const struct rp_node *node, const struct rp_file_entry *entry);

/* node_pull.c */
RP_MUST_USE int node_pull_init(struct rp_node *node);
void node_pull_clear(struct rp_node *node);
enum rp_announce_result node_pull_offer(struct rp_node *node, const struct rp_file_entry *entry,
                                        enum rp_announce_source source);
/* Nothing is owed for a path that the manifest has lost, whatever came of its pull: a deletion that was
 * applied before the pull was offered, or while it ended, is told to nobody again. */
void node_pull_forget_gone(struct rp_node *node, struct rp_view path);
void node_pull_announce(struct rp_node *node, const struct rp_file_entry *entry,
                        enum rp_announce_source source);
void node_pull_run(struct rp_node *node); /* carries out what the puller wants */
void node_pull_stop(struct rp_node *node);
void node_greeting_answered(struct rp_node *node);
bool node_pull_is_idle(const struct rp_node *node);

/* node_walk.c */
RP_MUST_USE int node_walk_init(struct rp_node *node);
void node_walk_clear(struct rp_node *node);
void node_walk_start(struct rp_node *node);
void node_walk_run(struct rp_node *node);
void node_walk_stop(struct rp_node *node);
void node_rescan_begin(struct rp_node *node);
void node_rescan_hope(struct rp_node *node); /* a peer joined or became healthy */
void node_ready_check(struct rp_node *node); /* tells observers when readiness changes */
bool node_walk_is_idle(const struct rp_node *node);

/* node_pages.c: the next page of the walk, into node->page; each entry there holds a reference. */
RP_MUST_USE int node_page_next(struct rp_node *node, struct rp_view cursor,
                               struct node_page *page_out);
void node_page_registered(struct rp_node *node);
void node_page_clear(struct rp_node *node);

/* node_apply.c */
RP_MUST_USE int node_apply_init(struct rp_node *node);
void node_apply_clear(struct rp_node *node);

/* node_delete.c: the manifest lost that file; from within apply. */
void node_delete_take(struct rp_node *node, const struct rp_file_entry *entry);
void node_delete_stop(struct rp_node *node);
bool node_delete_is_idle(const struct rp_node *node);
void node_delete_clear(struct rp_node *node);
/* A new version of the path is about to be published: a removal that is under way may not hit it. */
void node_delete_cancel(struct rp_node *node, struct rp_view path);

/* node_scrub.c */
RP_MUST_USE int node_scrub_init(struct rp_node *node);
void node_scrub_clear(struct rp_node *node);
void node_scrub_start(struct rp_node *node);
void node_scrub_stop(struct rp_node *node);
bool node_scrub_is_idle(const struct rp_node *node); /* no file is being looked at */

/* node_sweep.c */
RP_MUST_USE int node_sweep_init(struct rp_node *node);
void node_sweep_clear(struct rp_node *node);
void node_sweep_begin(struct rp_node *node); /* after a restore */
void node_sweep_stop(struct rp_node *node);
bool node_sweep_is_idle(const struct rp_node *node);

/* node_roles.c */
RP_MUST_USE int node_roles_init(struct rp_node *node);
void node_roles_clear(struct rp_node *node);
void node_roles_check(struct rp_node *node); /* at each health check */

/* node_compact.c */
RP_MUST_USE int node_compact_init(struct rp_node *node);
void node_compact_clear(struct rp_node *node);
void node_compact_start(struct rp_node *node);
rp_time_ns node_compact_stop(struct rp_node *node); /* the last pass: how long it may take */
bool node_compact_is_stopped(const struct rp_node *node);
void node_compact_cancel(struct rp_node *node);
bool node_compact_is_idle(const struct rp_node *node);
/* node_reconcile.c */
RP_MUST_USE int node_reconcile_init(struct rp_node *node);
void node_reconcile_clear(struct rp_node *node);
void node_reconcile_start(struct rp_node *node);
void node_reconcile_run(struct rp_node *node);
void node_reconcile_stop(struct rp_node *node);
bool node_reconcile_is_idle(const struct rp_node *node);
void node_reconcile_inspect(const struct rp_node *node, struct rp_reconcile_status *status_out);
/* From within apply: a removal of that path is called back. */
void node_reconcile_registered(struct rp_node *node, struct rp_view path);

/* node.c */
void node_work(struct rp_node *node);   /* everything that machines want done, now */
void node_settle(struct rp_node *node); /* node_work, unless it is running already */
void node_kick(struct rp_node *node);   /* node_work from an event of its own, due at once */
/* What ends a process of the reference ends this node: it does nothing any more, and whoever runs it
 * hears RP_SEE_CRASHED. `why` is constant. */
void node_crash(struct rp_node *node, const char *why);
/* Not in flight any more, as cancelled: for the end of a life without a stop. */
void node_call_abort_all(struct rp_node *node);
void node_read_close(struct rp_node *node, rp_store_handle reader); /* 0: nothing */

/* node_stop.c: moves the stop on when what it waits for has happened; else nothing. */
void node_stop_advance(struct rp_node *node);

#endif
