/* Sending proposals on to the leader (behaviour.md 3, wire.md 5.5).
 *
 * One cached connection, requests strictly one after another, each with its own nonce, timestamp and
 * MAC, each bounded by RP_FORWARD_TIMEOUT_NS from submission, waiting included. Any failure of the
 * connection ends the request that is on it (never sent twice) and the next one dials anew; an error
 * ack keeps the connection. A machine without ports: `step` takes an event, `next` gives actions
 * until it has none. */
#ifndef REPLISIM_PROTOCOL_FORWARD_CLIENT_H
#define REPLISIM_PROTOCOL_FORWARD_CLIENT_H

#include "protocol/auth.h"
#include "protocol/message.h"
#include "protocol/release.h"

struct rp_forward_client;

/* wire.md 7 */
enum rp_forward_code {
    RP_FORWARD_CODE_NONE, /* no error ack was received */
    RP_FORWARD_CODE_NOT_LEADER,
    RP_FORWARD_CODE_AUTH,
    RP_FORWARD_CODE_INVALID_COMMAND,
    RP_FORWARD_CODE_APPLY_FAILED,
    RP_FORWARD_CODE_RAFT_UNAVAILABLE,
    RP_FORWARD_CODE_UNKNOWN, /* one that is not in the table, or an error ack without any */
    RP_FORWARD_CODE_COUNT
};
/* The code as on the wire, a constant; "" for NONE and "unknown" for UNKNOWN. */
const char *rp_forward_code_name(enum rp_forward_code code);

struct rp_forward_client_settings {
    const struct rp_traits *traits;  /* borrowed */
    const struct rp_auth *auth;      /* borrowed; NULL: no secret, every request fails */
    struct rp_view node_id, cluster; /* copied */
    const struct rp_alloc *alloc;
    /* A fresh nonce (64 lowercase hex characters) and the wall clock in Unix seconds. */
    void *stamp_context;
    void (*stamp)(void *context, char nonce_hex_out[64], int64_t *unix_s_out);
};

enum rp_forward_client_event_kind {
    RP_FORWARD_CLIENT_EV_SUBMIT,         /* request, command */
    RP_FORWARD_CLIENT_EV_LEADER_CHANGED, /* address; empty: unknown or not reachable by us. leader_id */
    RP_FORWARD_CLIENT_EV_CONNECTED,      /* ends DO_CONNECT: error */
    RP_FORWARD_CLIENT_EV_RECEIVED,       /* received */
    RP_FORWARD_CLIENT_EV_CLOSED,         /* end of stream or reset: error, 0 for end of stream */
    RP_FORWARD_CLIENT_EV_TIMER,
    RP_FORWARD_CLIENT_EV_CANCEL_ALL /* stop: every request ends with RP_ERR_CANCELLED */
};

struct rp_forward_client_event {
    enum rp_forward_client_event_kind kind;
    rp_time_ns now_ns;
    uint64_t request;         /* the caller's own number for it */
    struct rp_view command;   /* copied */
    struct rp_view address;   /* "host:port" of the leader's peer channel; copied */
    struct rp_view leader_id; /* whom the second MAC is made for; copied. Empty: none is made */
    struct rp_view received;  /* any split; borrowed for the call */
    int error;
};

enum rp_forward_client_action_kind {
    RP_FORWARD_CLIENT_DO_CLOSE,   /* the connection or the dial; no more events of it */
    RP_FORWARD_CLIENT_DO_FINISH,  /* request, error, code: exactly once per accepted submission */
    RP_FORWARD_CLIENT_DO_CONNECT, /* address */
    RP_FORWARD_CLIENT_DO_SEND     /* data */
};

struct rp_forward_client_action {
    enum rp_forward_client_action_kind kind;
    uint64_t request;
    /* FINISH. 0: the leader says it is applied. RP_ERR_NO_LEADER: none known, or the ack said
     * not_leader. RP_ERR_AUTH, _INVALID (invalid_command), _LEADERSHIP_LOST (apply_failed, or the
     * leader changed: it may still commit), _UNREACHABLE (raft_unavailable), _TYPE (unknown code or
     * an answer of another kind), _TIMEOUT, _CANCELLED, _NOMEM; what a dial or a connection ended
     * with. Without a secret: RP_ERR_AUTH with code NONE. */
    int error;
    enum rp_forward_code code;
    /* FINISH: why, in constant words: those of the ack when they are of the protocol's, else ours. */
    const char *text;
    struct rp_view address; /* borrowed until the next call of the client */
    struct rp_view data;    /* likewise */
};

/* Errors: RP_ERR_NOMEM. */
RP_MUST_USE int rp_forward_client_new(const struct rp_forward_client_settings *settings,
                                      struct rp_forward_client **client_out);
void rp_forward_client_free(struct rp_forward_client *client);

/* Errors: RP_ERR_FULL (RP_FORWARD_QUEUE_MAX waiting) and RP_ERR_NOMEM, both for EV_SUBMIT (no
 * DO_FINISH follows then); RP_ERR_NOMEM for EV_LEADER_CHANGED (treated as an unknown leader). */
RP_MUST_USE int rp_forward_client_step(struct rp_forward_client *client,
                                       const struct rp_forward_client_event *event);
bool rp_forward_client_next(struct rp_forward_client *client,
                            struct rp_forward_client_action *action_out);
rp_time_ns rp_forward_client_deadline(const struct rp_forward_client *client);
/* No request is waiting or under way (a cached connection may be open). */
bool rp_forward_client_is_idle(const struct rp_forward_client *client);

#endif
