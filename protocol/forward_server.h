/* The leader's side of a forward connection, from its first frame on (behaviour.md 3, wire.md 5.5).
 *
 * Two parts. `rp_forward_judge` is the order of checks for one request. The session around it takes
 * bytes, answers one request at a time, waits up to RP_FORWARD_IDLE_NS for each next frame, and
 * closes on anything that is no ForwardApply. A machine without ports: `step`, then `next`. */
#ifndef REPLISIM_PROTOCOL_FORWARD_SERVER_H
#define REPLISIM_PROTOCOL_FORWARD_SERVER_H

#include "protocol/auth.h"
#include "protocol/message.h"
#include "protocol/release.h"

/* In the order of the checks. */
enum rp_forward_verdict {
    RP_FORWARD_PROPOSE, /* all held */
    RP_FORWARD_NO_SECRET,
    RP_FORWARD_NOT_AUTHENTIC, /* stale, wrong MAC, meant for another: one answer for all */
    RP_FORWARD_REPLAY,
    RP_FORWARD_NO_CONSENSUS,
    RP_FORWARD_UNKNOWN_SENDER,
    RP_FORWARD_NOT_LEADER,
    RP_FORWARD_BAD_COMMAND,
    RP_FORWARD_TYPE_REFUSED,
    RP_FORWARD_ROLE_REFUSED,
    RP_FORWARD_APPLY_FAILED, /* not of the checks: what came of the proposal */
    RP_FORWARD_OVERTAKEN,    /* after NOT_LEADER: given up by its sender; answered, then closed */
    RP_FORWARD_VERDICT_COUNT
};
/* Code and error text of the ack, constants; both empty for RP_FORWARD_PROPOSE. */
void rp_forward_verdict_texts(enum rp_forward_verdict verdict, struct rp_view *code_out,
                              struct rp_view *error_out);

/* What the checks ask of the node, at the moment they ask it. */
struct rp_forward_host {
    const struct rp_traits *traits;
    const struct rp_auth *auth; /* NULL: no secret */
    struct rp_view cluster;     /* borrowed while the host is in use */
    struct rp_view self_id;     /* likewise: the addressee of the second MAC */
    const struct rp_alloc *alloc;
    void *context;
    int64_t (*now_unix_s)(void *context); /* wall clock, whole seconds */
    /* Remembers the nonce (after the MAC held, so a forgery takes no slot). False: seen before, or
     * not to be accepted. */
    bool (*track_nonce)(void *context, struct rp_view node_id, struct rp_view nonce,
                        int64_t timestamp);
    bool (*has_consensus)(void *context);
    /* False: not in the registry. The role is borrowed until the next call. */
    bool (*find_sender)(void *context, struct rp_view node_id, struct rp_view *role_out);
    bool (*is_leader)(void *context);
    /* Does the registry know this sender as one that signs the second MAC? NULL: no. */
    bool (*is_bound_sender)(void *context, struct rp_view node_id);
    /* Is the connection that the request came on the latest of this sender? True makes it so: the
     * sender has given up whatever is still on its way on earlier ones. NULL: yes. */
    bool (*is_latest_connection)(void *context, struct rp_view node_id, uint64_t connection);
    uint64_t connection; /* of this session, in the order of acceptance */
};

/* The arena is scratch. Errors of memory show as RP_FORWARD_BAD_COMMAND. */
enum rp_forward_verdict rp_forward_judge(const struct rp_forward_host *host,
                                         const struct rp_forward_apply *request,
                                         struct rp_arena *arena);

struct rp_forward_server;

enum rp_forward_server_event_kind {
    RP_FORWARD_SERVER_EV_FIRST,    /* payload: JSON of the 0x30 frame that opened the session */
    RP_FORWARD_SERVER_EV_RECEIVED, /* payload: bytes after that frame, any split */
    RP_FORWARD_SERVER_EV_PROPOSED, /* answers DO_PROPOSE: error, apply_error */
    RP_FORWARD_SERVER_EV_ENDED,    /* the peer sends no more, or reset: close */
    RP_FORWARD_SERVER_EV_TIMER
};
struct rp_forward_server_event {
    enum rp_forward_server_event_kind kind;
    rp_time_ns now_ns;
    struct rp_view payload; /* borrowed for the call */
    uint64_t ticket;        /* PROPOSED: one that is no longer waited for is ignored */
    int error;              /* PROPOSED: of the consensus port */
    int apply_error;        /* PROPOSED: refusal by the state machine */
};

enum rp_forward_server_action_kind {
    RP_FORWARD_SERVER_DO_JUDGED,  /* verdict, sender, for observers; before its ack or proposal */
    RP_FORWARD_SERVER_DO_PROPOSE, /* ticket, data: the command */
    RP_FORWARD_SERVER_DO_SEND,    /* data: an ack frame */
    RP_FORWARD_SERVER_DO_CLOSE    /* last action */
};
struct rp_forward_server_action {
    enum rp_forward_server_action_kind kind;
    struct rp_view data; /* borrowed until the next call of the server */
    uint64_t ticket;
    enum rp_forward_verdict verdict;
    struct rp_view sender, nonce; /* DO_JUDGED: borrowed likewise; the sender is unproven before
                                     the MAC held (verdict up to RP_FORWARD_NOT_AUTHENTIC) */
    int64_t timestamp;
};

/* `host` is copied; what it points to is borrowed. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int rp_forward_server_new(const struct rp_forward_host *host,
                                      struct rp_forward_server **server_out);
void rp_forward_server_free(struct rp_forward_server *server);
/* Never fails: lack of memory and misconduct alike end in DO_CLOSE. */
void rp_forward_server_step(struct rp_forward_server *server,
                            const struct rp_forward_server_event *event);
bool rp_forward_server_next(struct rp_forward_server *server,
                            struct rp_forward_server_action *action_out);
rp_time_ns rp_forward_server_deadline(const struct rp_forward_server *server);

#endif
