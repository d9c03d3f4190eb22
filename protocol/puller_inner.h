/* What the two files of the puller share: puller.c holds the queue, the announcements and the life,
 * puller_work.c what a worker does with the job that it took. */
#ifndef REPLISIM_PROTOCOL_PULLER_INNER_H
#define REPLISIM_PROTOCOL_PULLER_INNER_H

#include "protocol/buffer.h"
#include "protocol/puller.h"
#include "protocol/puller_demotion.h"
#include "protocol/table.h"

/* One accepted announcement, until its DO_END was taken out. */
struct job {
    struct job *next, *previous;       /* in the queue or in the list of ended jobs */
    const struct rp_file_entry *entry; /* owned reference */
    struct job *successor;             /* owned: a newer version that waits for this one to end */
    uint32_t worker;                   /* RP_PULL_NO_WORKER while queued */
    uint32_t attempt;
    enum rp_pull_outcome outcome;
};

struct job_list {
    struct job *first, *last;
    size_t count;
};

enum worker_state {
    WORKER_IDLE,
    WORKER_CHECKING,
    WORKER_RESOLVING,
    WORKER_FETCHING,
    WORKER_BACKOFF
};

/* Why a job is given up before its time; a later, stronger reason replaces TIMEOUT. */
enum abandonment { ABANDON_NOT, ABANDON_TIMEOUT, ABANDON_OBSOLETE, ABANDON_STOP };

struct worker {
    enum worker_state state;
    struct job *job; /* owned; NULL: idle */
    enum abandonment abandonment;
    rp_time_ns deadline_ns;
    struct rp_pull_candidate *candidates; /* in `arena` */
    size_t candidate_count, candidate_index;
    struct rp_arena arena; /* of one attempt */
    /* What the node has not taken out yet. */
    bool has_begin, has_action, has_cancel;
    bool is_cancel_asked;
    bool is_ready; /* in the list of workers with something to take out */
    uint32_t next_ready;
};

struct rp_puller {
    const struct rp_alloc *alloc; /* borrowed */
    const struct rp_traits *traits;
    struct rp_view self_id; /* owned bytes */
    uint32_t worker_count, attempt_max;
    size_t queue_max;
    rp_time_ns backoff_first_ns, fetch_timeout_ns;
    bool is_started, is_stopped;
    struct job_list queue;
    struct job_list ended;
    struct rp_table in_flight; /* path -> struct job; unused under RP_DEDUP_NONE */
    struct rp_demotions demotions;
    struct worker *workers; /* owned */
    uint32_t busy_count;
    uint32_t ready_first, ready_last; /* RP_PULL_NO_WORKER: none */
    const struct rp_file_entry *lent; /* owned reference: of the DO_END taken out last */
    bool is_missing_any;
    bool has_rescan, is_rescanning, is_rescan_timed, is_peer_waiting;
    rp_time_ns rescan_deadline_ns, rescan_interval_ns, rescan_ended_ns;
    struct rp_pull_counters counters;
};

/* ---- puller.c ---- */

void rp_puller_list_prepend(struct job_list *list, struct job *job);
void rp_puller_list_remove(struct job_list *list, struct job *job);
void rp_puller_job_free(struct rp_puller *puller, struct job *job);
void rp_puller_end_job(struct rp_puller *puller, struct job *job, enum rp_pull_outcome outcome,
                       rp_time_ns now_ns);
void rp_puller_forget_in_flight(struct rp_puller *puller, struct job *job);
void rp_puller_begin_rescan(struct rp_puller *puller);
bool rp_puller_is_same_content(const struct rp_file_entry *left, const struct rp_file_entry *right);

/* ---- puller_work.c ---- */

bool rp_puller_is_versioned(const struct rp_puller *puller);
bool rp_puller_is_own(const struct rp_puller *puller, const struct rp_file_entry *entry);
bool rp_puller_rescans(const struct rp_puller *puller);
rp_time_ns rp_puller_later(rp_time_ns now_ns, rp_time_ns wait_ns);
/* Gives queued jobs to idle workers. */
void rp_puller_employ(struct rp_puller *puller, rp_time_ns now_ns);
/* The job ends as soon as what is under way can be cancelled. */
void rp_puller_abandon(struct rp_puller *puller, struct worker *worker, enum abandonment why,
                       rp_time_ns now_ns);

#endif
