/* The registrar: takes what a flush wrote and has it registered in the manifest (behaviour.md 2).
 *
 *          FLUSHED            PROPOSE              ANSWERED ok             SEEN
 *   ----------------> queued ---------> proposed --------------> answered ------> finished
 *                                ^         |  error, silence        | silence
 *                                |         v                        v
 *                                +------ resting <-----------------+      (500 ms, doubling to 10 s)
 *
 * A machine without ports: events in, actions out (`step`, then `next` until it gives none). The
 * node carries a proposal to the leader, which may be itself, and tells what came of it.
 *
 * RP_REGISTER_UNTIL_SEEN: a record is kept until the node sees it in its own manifest (same path,
 * hash, origin and creation time); an answer from another node is only a hint, because it carries no
 * MAC. Up to 64 proposals are under way, fewer while the leader is slow; first proposals leave in
 * the order of the flushes. A newer record of the same path ends the trying of the older one, so a
 * late repetition cannot put an old version over a new one.
 * RP_REGISTER_ONCE: one worker, one try each; a failure is counted and the record is lost. */
#ifndef REPLISIM_PROTOCOL_REGISTRAR_H
#define REPLISIM_PROTOCOL_REGISTRAR_H

#include "protocol/command.h"
#include "protocol/release.h"

struct rp_registrar;

enum rp_registrar_event_kind {
    RP_REGISTRAR_EV_FLUSHED,        /* command_type, file */
    RP_REGISTRAR_EV_ANSWERED,       /* ticket, error, is_proven, is_unknown_command */
    RP_REGISTRAR_EV_SEEN,           /* entry: registered in the own manifest, by apply or restore */
    RP_REGISTRAR_EV_LEADER_CHANGED, /* what rests is proposed at once */
    RP_REGISTRAR_EV_TIMER,          /* the deadline passed */
    /* Drain for RP_REGISTRAR_DRAIN_NS. RP_REGISTER_UNTIL_SEEN takes no more from here on;
     * RP_REGISTER_ONCE goes on to queue, for a worker that is no more once STOPPED was told. */
    RP_REGISTRAR_EV_STOP
};

struct rp_registrar_event {
    enum rp_registrar_event_kind kind;
    rp_time_ns now_ns;                 /* monotonic, never below the previous event's */
    int64_t wall_unix_ns;              /* stamps creation times, once, at the first proposal */
    enum rp_command_type command_type; /* RP_CMD_REGISTER_FILE or RP_CMD_UPDATE_FILE */
    /* Copied. A creation time of zero (or the zero time) is stamped; another is kept. */
    const struct rp_file_record *file;
    uint64_t ticket; /* of the proposal; one that is no longer waited for is ignored */
    int error;       /* 0: committed and applied; RP_ERR_*, of proposing or of applying */
    /* The answer is the own consensus port's and not a peer's: a refusal of the entry
     * (RP_ERR_INVALID, _SYNTAX, _TYPE, _UNKNOWN_TYPE) is then final. */
    bool is_proven;
    /* The leader does not take this command type (forward code invalid_command): an update is
     * proposed as a register from now on, which has the same effect. */
    bool is_unknown_command;
    const struct rp_file_entry *entry;
};

enum rp_registrar_action_kind {
    RP_REGISTRAR_DO_PROPOSE, /* ticket, command, path, try_number; answer with EV_ANSWERED */
    RP_REGISTRAR_DO_FINISH,  /* record, outcome, error; exactly once per accepted record */
    RP_REGISTRAR_DO_STOPPED  /* after EV_STOP: nothing is left; comes once, last */
};

enum rp_register_outcome {
    RP_REGISTER_DONE,       /* seen in the own manifest; RP_REGISTER_ONCE: answered ok */
    RP_REGISTER_REFUSED,    /* can never be admitted */
    RP_REGISTER_LOST,       /* RP_REGISTER_ONCE: its only try failed */
    RP_REGISTER_SUPERSEDED, /* a newer record of the path took its place */
    RP_REGISTER_ABANDONED   /* still open when the drain time was over */
};

struct rp_registrar_action {
    enum rp_registrar_action_kind kind;
    uint64_t ticket;
    struct rp_view command;              /* borrowed until the next call of the registrar */
    const struct rp_file_record *record; /* likewise */
    uint64_t try_number;                 /* 1 for the first */
    enum rp_register_outcome outcome;
    int error; /* of the last try; 0 if none failed */
};

/* behaviour.md 2 */
struct rp_registrar_counters {
    uint64_t enqueued, applied, dropped, apply_errs;
    size_t queue_depth;     /* queued or resting */
    size_t under_way_count; /* proposed or answered */
};

/* `origin_node_id` and `tier` of the records are the flusher's business. `traits` is borrowed.
 * Errors: RP_ERR_NOMEM. */
RP_MUST_USE int rp_registrar_new(const struct rp_traits *traits, const struct rp_alloc *alloc,
                                 struct rp_registrar **registrar_out);
/* Frees what is left without actions. */
void rp_registrar_free(struct rp_registrar *registrar);

/* Errors, all for EV_FLUSHED only: RP_ERR_FULL (counted as dropped; warn when that count is a power
 * of two), RP_ERR_NOMEM, RP_ERR_STOPPED. */
RP_MUST_USE int rp_registrar_step(struct rp_registrar *registrar,
                                  const struct rp_registrar_event *event);
bool rp_registrar_next(struct rp_registrar *registrar, struct rp_registrar_action *action_out);
/* When EV_TIMER is due at the latest (it may find nothing to do); RP_TIME_NEVER: no need. */
rp_time_ns rp_registrar_deadline(const struct rp_registrar *registrar);
struct rp_registrar_counters rp_registrar_counters(const struct rp_registrar *registrar);
/* Nothing is queued, proposed or resting. */
bool rp_registrar_is_idle(const struct rp_registrar *registrar);
/* A record of that path is queued, proposed or resting. Linear in their number. */
bool rp_registrar_is_pending(const struct rp_registrar *registrar, struct rp_view path);
/* That record, or NULL; valid until the next step. */
const struct rp_file_record *rp_registrar_pending(const struct rp_registrar *registrar,
                                                  struct rp_view path);

#endif
