/* One fetch, the puller's side: dial, request, ack, body, verdict (wire.md 5.4, 6, 7; behaviour.md 6).
 *
 * A machine without I/O: events carry the time in, actions wait in a queue. Body bytes reach a sink
 * before they are verified; whoever owns the sink publishes it only after DO_FINISH said OK.
 *
 *   START --DO_CONNECT--> dialling --CONNECTED--> sending --SENT all--> waiting for the ack
 *     --RECEIVED--> body (DO_APPEND, SUNK, DO_RESUME ...) --last byte taken--> DO_CLOSE, DO_FINISH
 *   any state --TIMER, CANCEL, CONNECTED or ENDED with an error--> DO_CLOSE, DO_FINISH
 *
 * What the node does, and when:
 * - It makes the client, steps it with START, and after every step takes all actions out.
 * - DO_CONNECT: dial the peer; answer with CONNECTED (error 0 or not).
 * - DO_SEND: hand the chunk to net.send; answer with SENT and what it took. When that was less than
 *   all, answer with WRITABLE once the port says so; a new DO_SEND then offers the rest.
 * - RECEIVED is given in any pieces; ENDED with error 0 is the peer's end of stream.
 * - DO_APPEND: first pause receiving on the connection, then give the chunk to the sink; answer with
 *   SUNK and what the sink took (or an error). At most one is outstanding. A sink that took less is
 *   offered the rest by a further DO_APPEND. DO_RESUME: receiving may go on. RECEIVED while a
 *   DO_APPEND is outstanding is a bug of the caller; ENDED is fine at any time.
 * - The sink may be opened before START or at the first DO_APPEND; an empty file has no DO_APPEND.
 * - DO_REPORT_ACK: for the observer only; rp_fetch_client_ack tells what came.
 * - DO_CLOSE: close the connection (or the dial). It comes at most once, and only after DO_CONNECT.
 * - DO_FINISH comes exactly once and last. Later events are ignored. A sink call that is still
 *   outstanding then is the node's to cancel.
 * - A timer is kept at rp_fetch_client_deadline; TIMER is given when it fires. */
#ifndef REPLISIM_PROTOCOL_FETCH_CLIENT_H
#define REPLISIM_PROTOCOL_FETCH_CLIENT_H

#include "protocol/auth.h"
#include "protocol/chunk.h"
#include "protocol/limits.h"
#include "protocol/release.h"
#include "protocol/types.h"

enum rp_fetch_event_kind {
    RP_FETCH_EV_START,
    RP_FETCH_EV_CONNECTED, /* error; wall_unix_s: the stamp that is signed */
    RP_FETCH_EV_SENT,      /* taken_bytes of the last DO_SEND */
    RP_FETCH_EV_WRITABLE,
    RP_FETCH_EV_RECEIVED, /* chunk */
    RP_FETCH_EV_ENDED,    /* error: 0 end of stream, else the connection is dead */
    RP_FETCH_EV_SUNK,     /* taken_bytes of the last DO_APPEND, or error */
    RP_FETCH_EV_TIMER,
    RP_FETCH_EV_CANCEL
};

struct rp_fetch_event {
    enum rp_fetch_event_kind kind;
    rp_time_ns now_ns;   /* monotonic, never below the previous event's */
    int64_t wall_unix_s; /* CONNECTED */
    int error;
    size_t taken_bytes;
    struct rp_chunk chunk; /* RECEIVED; retained by the client where it must */
};

enum rp_fetch_action_kind {
    RP_FETCH_DO_CONNECT,
    RP_FETCH_DO_SEND,
    RP_FETCH_DO_REPORT_ACK,
    RP_FETCH_DO_APPEND,
    RP_FETCH_DO_RESUME,
    RP_FETCH_DO_CLOSE,
    RP_FETCH_DO_FINISH
};

enum rp_fetch_outcome { /* behaviour.md 6.2 */
                        RP_FETCH_OK,
                        RP_FETCH_NOT_ON_PEER,
                        RP_FETCH_BAD_OFFSET,
                        RP_FETCH_CHECKSUM_MISMATCH,
                        RP_FETCH_FAILED,
                        RP_FETCH_CANCELLED
};

/* X(name, text, outcome): why it ended, finer than the outcome. The texts are stable. */
#define RP_FETCH_CLASS_TABLE(X)                                                                    \
    X(RP_FETCH_CLASS_OK, "ok", RP_FETCH_OK)                                                        \
    X(RP_FETCH_CLASS_NOT_ON_PEER, "file_not_on_peer", RP_FETCH_NOT_ON_PEER)                        \
    X(RP_FETCH_CLASS_CHECKSUM, "checksum_mismatch", RP_FETCH_CHECKSUM_MISMATCH)                    \
    X(RP_FETCH_CLASS_BAD_OFFSET, "bad_offset", RP_FETCH_BAD_OFFSET)                                \
    X(RP_FETCH_CLASS_REJECTED, "rejected", RP_FETCH_FAILED)                                        \
    X(RP_FETCH_CLASS_NEGATIVE_SIZE, "negative_size", RP_FETCH_FAILED)                              \
    X(RP_FETCH_CLASS_SIZE_MISMATCH, "size_mismatch", RP_FETCH_FAILED)                              \
    X(RP_FETCH_CLASS_OFFSET_ECHO, "offset_echo", RP_FETCH_FAILED)                                  \
    X(RP_FETCH_CLASS_BODY_STREAM, "body_stream", RP_FETCH_FAILED)                                  \
    X(RP_FETCH_CLASS_RECEIVE_HEADER, "receive_header", RP_FETCH_FAILED)                            \
    X(RP_FETCH_CLASS_UNEXPECTED_TYPE, "unexpected_type", RP_FETCH_FAILED)                          \
    X(RP_FETCH_CLASS_BAD_ARGUMENTS, "bad_arguments", RP_FETCH_FAILED)                              \
    X(RP_FETCH_CLASS_DIAL, "dial", RP_FETCH_FAILED)                                                \
    X(RP_FETCH_CLASS_SEND, "send", RP_FETCH_FAILED)                                                \
    X(RP_FETCH_CLASS_SINK, "sink", RP_FETCH_FAILED)                                                \
    X(RP_FETCH_CLASS_CANCELLED, "cancelled", RP_FETCH_CANCELLED)

#define RP_FETCH_CLASS_ENUM(name, text, outcome) name,
enum rp_fetch_class { RP_FETCH_CLASS_TABLE(RP_FETCH_CLASS_ENUM) RP_FETCH_CLASS_COUNT };
#undef RP_FETCH_CLASS_ENUM

struct rp_fetch_action {
    enum rp_fetch_action_kind kind;
    /* DO_SEND, DO_APPEND: borrowed until the next step; retain to keep. */
    struct rp_chunk chunk;
    /* DO_FINISH: */
    enum rp_fetch_outcome outcome;
    enum rp_fetch_class class;
    int error;           /* of the port or sink call that ended it, RP_ERR_TIMEOUT, or 0 */
    uint64_t sunk_bytes; /* what the sink took */
};

/* Ack codes of wire.md 7. NONE: no code; OTHER: one that is not in the table. */
enum rp_ack_code {
    RP_ACK_CODE_NONE,
    RP_ACK_CODE_AUTH,
    RP_ACK_CODE_INVALID_PATH,
    RP_ACK_CODE_RAFT,
    RP_ACK_CODE_MANIFEST,
    RP_ACK_CODE_BACKEND,
    RP_ACK_CODE_NOT_FOUND,
    RP_ACK_CODE_BAD_OFFSET,
    RP_ACK_CODE_OTHER,
    RP_ACK_CODE_COUNT
};

struct rp_fetch_ack {
    bool is_ok;
    enum rp_ack_code code;
    int64_t size_bytes, byte_offset;
};

/* What is asked. `expected` values come from the manifest, hence from outside: an empty hash or a
 * negative size ends in DO_FINISH with bad_arguments, before any dial. */
struct rp_fetch_request {
    const struct rp_traits *traits; /* constant memory */
    const struct rp_auth *auth;     /* borrowed for the client's life */
    struct rp_sha256 *hash;         /* borrowed for the client's life; one client at a time */
    struct rp_view node_id;         /* our own */
    struct rp_view cluster;
    struct rp_view path;
    struct rp_view sha256; /* expected, hex text as in the manifest */
    int64_t size_bytes;    /* expected, of the whole file */
    struct rp_view nonce;  /* fresh, RP_NONCE_HEX characters */
    /* The peer's node id when the registry knows that it takes the second MAC; empty: plain. */
    struct rp_view addressee;
    /* Resume: bytes already in the sink. Above 0 the caller has begun `hash` and fed it exactly
     * that prefix, and says so; at 0 it has not. */
    int64_t byte_offset;
    bool is_prefix_hashed;
    rp_time_ns fetch_timeout_ns; /* of the whole operation, from START */
};

struct rp_fetch_client;

/* Copies the texts of the request.
 * Errors: RP_ERR_NOMEM, RP_ERR_INVALID (own id, cluster, auth or hash missing: behaviour.md 6.1). */
RP_MUST_USE int rp_fetch_client_new(const struct rp_fetch_request *request,
                                    const struct rp_alloc *alloc,
                                    struct rp_fetch_client **client_out);
/* Releases every chunk it holds. Any time; NULL is fine. */
void rp_fetch_client_free(struct rp_fetch_client *client);

/* A peer's misconduct and a lack of memory alike show as DO_FINISH with an outcome. */
void rp_fetch_client_step(struct rp_fetch_client *client, const struct rp_fetch_event *event);
/* Takes the next action out; false when there is none. */
bool rp_fetch_client_next(struct rp_fetch_client *client, struct rp_fetch_action *action_out);
/* When TIMER is due; RP_TIME_NEVER: no timer. Each phase has its own bound (dial 10 s, send 10 s,
 * ack 15 s) and all of them together, body and sink included, the fetch timeout. Where the trait
 * body_deadline is UNBOUND each framed operation has its own bound only and the body has none. */
rp_time_ns rp_fetch_client_deadline(const struct rp_fetch_client *client);

/* NULL until an ack was read. */
const struct rp_fetch_ack *rp_fetch_client_ack(const struct rp_fetch_client *client);

/* "ok", "file_not_on_peer", ...; never NULL. */
const char *rp_fetch_class_name(enum rp_fetch_class class);
/* "ok", "not_on_peer", "bad_offset", "checksum_mismatch", "failed", "cancelled"; never NULL. */
const char *rp_fetch_outcome_name(enum rp_fetch_outcome outcome);
/* "", "auth", ... as on the wire, "other" for OTHER. */
const char *rp_ack_code_name(enum rp_ack_code code);
enum rp_ack_code rp_ack_code_parse(struct rp_view code);

#endif
