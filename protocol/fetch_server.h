/* One fetch, the origin's side: from a decoded request to the last body byte (behaviour.md 5).
 *
 * A machine without I/O. The node reads the first frame itself (wire.md 1.3), decodes it, makes a
 * server for it and closes the connection when the server says so.
 *
 *   START --checks 1 to 6--> DO_STAT / DO_OPEN --STATED, OPENED--> checks 7 to 9 --> DO_SEND ack
 *     --SENT--> DO_READ --READ_DONE--> DO_SEND --SENT--> DO_READ ... --> DO_CLOSE, DO_FINISH
 *
 * What the node does, and when:
 * - START once, with the facts; all checks that need no store are made within that step, and the
 *   message and the facts are not looked at again afterwards.
 * - DO_STAT, DO_OPEN, DO_READ: store.stat, store.read_open (path), store.read (offset_bytes,
 *   length_bytes); answer with STATED, OPENED, READ_DONE. At most one is outstanding. DO_READ_CLOSE
 *   gives the reader back; it comes once for every successful OPENED, at the latest before FINISH.
 *   DO_CANCEL_STORE: the outstanding call is no longer wanted: cancel it. Its answer is ignored here,
 *   but a reader that it still opened is the node's to close.
 * - DO_SEND: hand the chunk to net.send, answer with SENT and what it took; when that was less than
 *   all, WRITABLE once there is room.
 * - ENDED with error 0 (the peer sends no more) changes nothing; with an error the serving ends.
 * - CANCEL at node stop, and when the manifest loses or replaces the entry (property
 *   serve-manifest-only).
 * - DO_REPORT_*: for the observer only.
 * - DO_CLOSE: orderly close, what was sent is delivered. DO_FINISH follows, once and last.
 * - A timer is kept at rp_fetch_server_deadline; TIMER is given when it fires. */
#ifndef REPLISIM_PROTOCOL_FETCH_SERVER_H
#define REPLISIM_PROTOCOL_FETCH_SERVER_H

#include "protocol/auth.h"
#include "protocol/chunk.h"
#include "protocol/command.h"
#include "protocol/limits.h"
#include "protocol/message.h"
#include "protocol/release.h"

/* What the node knows. Borrowed for the START step; the callbacks are called within it only. */
struct rp_serve_facts {
    const struct rp_auth *auth; /* NULL: no secret configured */
    struct rp_view self_id;     /* addressee of the second MAC */
    struct rp_view cluster;
    int64_t wall_unix_s;
    rp_time_ns serve_timeout_ns; /* the whole body, from the ok ack on */
    bool has_consensus, has_fsm, has_backend;
    void *context;
    /* Does the registry know this sender as one that signs the second MAC? NULL: no. */
    bool (*is_bound_sender)(void *context, struct rp_view node_id);
    /* Remembers a nonce once every MAC held. False: seen before, or no room. Asked only under
     * RP_REPLAY_EVERY_KIND; NULL: everything is new. */
    bool (*remember_nonce)(void *context, struct rp_view node_id, struct rp_view nonce,
                           int64_t timestamp_unix_s);
    /* The entry of the applied manifest, exact match, or NULL. The server retains it. */
    const struct rp_file_entry *(*find_entry)(void *context, struct rp_view path);
};

enum rp_serve_event_kind {
    RP_SERVE_EV_START,     /* message, facts */
    RP_SERVE_EV_STATED,    /* error, is_present */
    RP_SERVE_EV_OPENED,    /* error, size_bytes of the object */
    RP_SERVE_EV_READ_DONE, /* error, chunk (empty: end of the object) */
    RP_SERVE_EV_SENT,      /* taken_bytes of the last DO_SEND */
    RP_SERVE_EV_WRITABLE,
    RP_SERVE_EV_ENDED, /* error */
    RP_SERVE_EV_TIMER,
    RP_SERVE_EV_CANCEL
};

struct rp_serve_event {
    enum rp_serve_event_kind kind;
    rp_time_ns now_ns;
    const struct rp_fetch_file *message; /* START */
    const struct rp_serve_facts *facts;  /* START */
    int error;
    bool is_present;
    uint64_t size_bytes;
    size_t taken_bytes;
    struct rp_chunk chunk;
};

enum rp_serve_action_kind {
    RP_SERVE_DO_REPORT_ACCEPTED, /* every MAC held, the nonce is new */
    RP_SERVE_DO_REPORT_REFUSED,  /* refusal */
    RP_SERVE_DO_REPORT_BEGIN,    /* the ok ack goes out next */
    RP_SERVE_DO_STAT,            /* path */
    RP_SERVE_DO_OPEN,            /* path */
    RP_SERVE_DO_READ,            /* offset_bytes, length_bytes */
    RP_SERVE_DO_CANCEL_STORE,
    RP_SERVE_DO_READ_CLOSE,
    RP_SERVE_DO_SEND, /* chunk; body_bytes: how many of it are body (0 for an ack) */
    RP_SERVE_DO_CLOSE,
    RP_SERVE_DO_FINISH /* outcome, refusal, error, body_bytes in all */
};

/* X(name, text): the check that refused (behaviour.md 5.1). The texts are stable. */
#define RP_SERVE_REFUSAL_TABLE(X)                                                                  \
    X(RP_SERVE_REFUSED_NOT, "")                                                                    \
    X(RP_SERVE_REFUSED_NO_SECRET, "no_secret")                                                     \
    X(RP_SERVE_REFUSED_EXPIRED, "auth_expired")                                                    \
    X(RP_SERVE_REFUSED_MAC, "auth")                                                                \
    X(RP_SERVE_REFUSED_BINDING, "auth_binding")                                                    \
    X(RP_SERVE_REFUSED_REPLAY, "auth_replay")                                                      \
    X(RP_SERVE_REFUSED_PATH, "path")                                                               \
    X(RP_SERVE_REFUSED_NO_RAFT, "no_raft")                                                         \
    X(RP_SERVE_REFUSED_NO_FSM, "no_fsm")                                                           \
    X(RP_SERVE_REFUSED_MANIFEST, "manifest")                                                       \
    X(RP_SERVE_REFUSED_NO_BACKEND, "no_backend")                                                   \
    X(RP_SERVE_REFUSED_BACKEND_ERROR, "backend_error")                                             \
    X(RP_SERVE_REFUSED_NOT_FOUND, "not_found")                                                     \
    X(RP_SERVE_REFUSED_OFFSET, "offset")

#define RP_SERVE_REFUSAL_ENUM(name, text) name,
enum rp_serve_refusal { RP_SERVE_REFUSAL_TABLE(RP_SERVE_REFUSAL_ENUM) RP_SERVE_REFUSAL_COUNT };
#undef RP_SERVE_REFUSAL_ENUM

enum rp_serve_outcome {
    RP_SERVE_SERVED,    /* the announced tail went out (WHOLE_OBJECT: whatever there was) */
    RP_SERVE_REFUSED,   /* an error ack went out, or was tried */
    RP_SERVE_CUT_SHORT, /* the store ended early or failed: closed, never padded */
    RP_SERVE_PEER_GONE,
    RP_SERVE_TIMED_OUT,
    RP_SERVE_CANCELLED,
    RP_SERVE_NO_MEMORY
};

struct rp_serve_action {
    enum rp_serve_action_kind kind;
    struct rp_view path; /* borrowed from the server */
    uint64_t offset_bytes;
    size_t length_bytes;
    struct rp_chunk chunk; /* DO_SEND: borrowed until the next step; retain to keep */
    uint64_t body_bytes;
    enum rp_serve_outcome outcome;
    enum rp_serve_refusal refusal;
    int error;
};

struct rp_fetch_server;

/* Errors: RP_ERR_NOMEM. */
RP_MUST_USE int rp_fetch_server_new(const struct rp_traits *traits, const struct rp_alloc *alloc,
                                    struct rp_fetch_server **server_out);
/* Releases what it holds. Any time; an open reader and an outstanding call are the node's. */
void rp_fetch_server_free(struct rp_fetch_server *server);

void rp_fetch_server_step(struct rp_fetch_server *server, const struct rp_serve_event *event);
bool rp_fetch_server_next(struct rp_fetch_server *server, struct rp_serve_action *action_out);
/* Error ack 5 s, existence 5 s, ok ack 10 s, then the serve timeout for the whole body (wire.md 6).
 * RP_TIME_NEVER before START and after the end. */
rp_time_ns rp_fetch_server_deadline(const struct rp_fetch_server *server);

/* The entry being served, NULL before check 5 passed: to find the servers of a path that the
 * manifest loses. Borrowed. */
const struct rp_file_entry *rp_fetch_server_entry(const struct rp_fetch_server *server);
/* The offset asked for; 0 in releases without offsets. */
uint64_t rp_fetch_server_offset(const struct rp_fetch_server *server);

const char *rp_serve_refusal_name(enum rp_serve_refusal refusal);
/* "served", "refused", "cut_short", "peer_gone", "timed_out", "cancelled", "no_memory". */
const char *rp_serve_outcome_name(enum rp_serve_outcome outcome);

#endif
