#include "protocol/puller.h"

#include "protocol/buffer.h"
#include "protocol/error.h"
#include "protocol/panic.h"
#include "protocol/puller_demotion.h"
#include "protocol/table.h"

/* Peers that arrive together cause one rescan, not one each. */
#define RESCAN_PAUSE_NS RP_NS_PER_S

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

/* ---- Names ------------------------------------------------------------------------------------ */

static const char *const COUNTER_NAMES[] = {
#define COUNTER_NAME(name) #name,
    RP_PULL_COUNTER_TABLE(COUNTER_NAME)
#undef COUNTER_NAME
};

static const size_t COUNTER_OFFSETS[] = {
#define COUNTER_OFFSET(name) offsetof(struct rp_pull_counters, name),
    RP_PULL_COUNTER_TABLE(COUNTER_OFFSET)
#undef COUNTER_OFFSET
};

const char *rp_pull_counter_name(size_t index)
{
    RP_ASSERT(index < RP_PULL_COUNTER_COUNT);
    return COUNTER_NAMES[index];
}

uint64_t rp_pull_counter_value(const struct rp_pull_counters *counters, size_t index)
{
    RP_ASSERT(index < RP_PULL_COUNTER_COUNT);
    uint64_t value;
    memcpy(&value, (const uint8_t *)counters + COUNTER_OFFSETS[index], sizeof value);
    return value;
}

const char *rp_pull_outcome_name(enum rp_pull_outcome outcome)
{
    static const char *const NAMES[RP_PULL_OUTCOME_COUNT] = {
        "pulled", "present", "failed", "dropped", "cancelled", "obsolete", "no_peers"};
    RP_ASSERT(outcome < RP_PULL_OUTCOME_COUNT);
    return NAMES[outcome];
}

const char *rp_announce_result_name(enum rp_announce_result result)
{
    static const char *const NAMES[] = {"queued",    "replaced", "self",
                                        "duplicate", "dropped",  "stopped"};
    RP_ASSERT(result <= RP_ANNOUNCE_STOPPED);
    return NAMES[result];
}

/* ---- Release differences ---------------------------------------------------------------------- */

static bool is_versioned(const struct rp_puller *puller)
{
    return puller->traits->dedup == RP_DEDUP_VERSION;
}

static bool is_own(const struct rp_puller *puller, const struct rp_file_entry *entry)
{
    return puller->traits->own_files == RP_OWN_FILES_SKIPPED &&
           rp_view_equal(entry->origin_node_id, puller->self_id);
}

/* behaviour.md 7.3: a job that found no peer at all in its last attempt. */
static bool no_peers_fails(const struct rp_puller *puller)
{
    return puller->traits->no_peers == RP_NO_PEERS_FAILS;
}

/* behaviour.md 7.3: only a puller that walks several peers tells a cancelled try from a failed one. */
static bool ends_when_cancelled(const struct rp_puller *puller)
{
    return puller->traits->candidates != RP_CANDIDATES_ORIGIN;
}

static bool demotes(const struct rp_puller *puller)
{
    return puller->traits->after_mismatch == RP_MISMATCH_DEMOTES_PEER;
}

static bool rescans(const struct rp_puller *puller)
{
    return puller->traits->rescan == RP_RESCAN_WHILE_MISSING;
}

/* behaviour.md 7.6: only where a partial survives its attempt under a name that can be appended to. */
static bool may_resume(const struct rp_puller *puller, uint32_t attempt)
{
    return puller->traits->staging == RP_STAGING_PART_FILE && attempt > 1;
}

/* Existence is a quick look; a judgement by content may have to read the whole file. */
static rp_time_ns check_timeout(const struct rp_puller *puller)
{
    return puller->traits->presence == RP_PRESENT_VERIFIED ? puller->fetch_timeout_ns
                                                           : RP_SERVE_EXISTS_TIMEOUT_NS;
}

/* wire.md 6: where the body is unbounded, so is the try. */
static rp_time_ns try_timeout(const struct rp_puller *puller)
{
    return puller->traits->body_deadline == RP_BODY_BOUND ? puller->fetch_timeout_ns
                                                          : RP_TIME_NEVER;
}

/* ---- Lists ------------------------------------------------------------------------------------ */

static void list_append(struct job_list *list, struct job *job)
{
    job->next = NULL;
    job->previous = list->last;
    if (list->last != NULL) {
        list->last->next = job;
    } else {
        list->first = job;
    }
    list->last = job;
    list->count += 1;
}

static void list_prepend(struct job_list *list, struct job *job)
{
    job->previous = NULL;
    job->next = list->first;
    if (list->first != NULL) {
        list->first->previous = job;
    } else {
        list->last = job;
    }
    list->first = job;
    list->count += 1;
}

static void list_remove(struct job_list *list, struct job *job)
{
    if (job->previous != NULL) {
        job->previous->next = job->next;
    } else {
        list->first = job->next;
    }
    if (job->next != NULL) {
        job->next->previous = job->previous;
    } else {
        list->last = job->previous;
    }
    job->next = job->previous = NULL;
    list->count -= 1;
}

/* `fresh` takes the place of `old`, which leaves the list. */
static void list_replace(struct job_list *list, struct job *old, struct job *fresh)
{
    fresh->next = old->next;
    fresh->previous = old->previous;
    *(old->previous != NULL ? &old->previous->next : &list->first) = fresh;
    *(old->next != NULL ? &old->next->previous : &list->last) = fresh;
    old->next = old->previous = NULL;
}

/* ---- Jobs ------------------------------------------------------------------------------------- */

static struct job *job_new(struct rp_puller *puller, const struct rp_file_entry *entry)
{
    struct job *job = rp_allocate_zeroed(puller->alloc, sizeof *job);
    if (job != NULL) {
        job->entry = rp_file_entry_retain(entry);
        job->worker = RP_PULL_NO_WORKER;
    }
    return job;
}

static void job_free(struct rp_puller *puller, struct job *job)
{
    if (job != NULL) {
        job_free(puller, job->successor); /* a successor has none of its own */
        rp_file_entry_release(job->entry);
        rp_release(puller->alloc, job);
    }
}

static void note_missing(struct rp_puller *puller, rp_time_ns now_ns);

static void count_outcome(struct rp_puller *puller, enum rp_pull_outcome outcome, rp_time_ns now_ns)
{
    struct rp_pull_counters *counters = &puller->counters;
    switch (outcome) {
    case RP_PULL_PULLED: counters->pulled += 1; break;
    case RP_PULL_PRESENT: counters->skipped_local += 1; break;
    case RP_PULL_FAILED:
        counters->failed += 1;
        note_missing(puller, now_ns);
        break;
    case RP_PULL_CANCELLED: counters->cancelled += 1; break;
    case RP_PULL_OBSOLETE: counters->obsolete += 1; break;
    default: break;
    }
}

/* The one place where an accepted announcement gets its outcome. */
static void end_job(struct rp_puller *puller, struct job *job, enum rp_pull_outcome outcome,
                    rp_time_ns now_ns)
{
    job->outcome = outcome;
    count_outcome(puller, outcome, now_ns);
    list_append(&puller->ended, job);
}

static void forget_in_flight(struct rp_puller *puller, struct job *job)
{
    if (puller->traits->dedup != RP_DEDUP_NONE) {
        rp_table_remove(&puller->in_flight, job->entry->path);
    }
}

/* ---- Workers' actions ------------------------------------------------------------------------- */

static void make_ready(struct rp_puller *puller, uint32_t index)
{
    struct worker *worker = &puller->workers[index];
    if (worker->is_ready) {
        return;
    }
    worker->is_ready = true;
    worker->next_ready = RP_PULL_NO_WORKER;
    if (puller->ready_last == RP_PULL_NO_WORKER) {
        puller->ready_first = index;
    } else {
        puller->workers[puller->ready_last].next_ready = index;
    }
    puller->ready_last = index;
}

static void enter(struct rp_puller *puller, struct worker *worker, enum worker_state state,
                  rp_time_ns deadline_ns)
{
    worker->state = state;
    worker->deadline_ns = deadline_ns;
    worker->has_action = state != WORKER_BACKOFF;
    worker->has_cancel = false;
    worker->is_cancel_asked = false;
    if (worker->has_action) {
        make_ready(puller, worker->job->worker);
    }
}

static rp_time_ns later(rp_time_ns now_ns, rp_time_ns wait_ns)
{
    return wait_ns > RP_TIME_NEVER - now_ns ? RP_TIME_NEVER : now_ns + wait_ns;
}

static void begin_attempt(struct rp_puller *puller, struct worker *worker, rp_time_ns now_ns)
{
    worker->job->attempt += 1;
    enter(puller, worker, WORKER_CHECKING, later(now_ns, check_timeout(puller)));
}

static void take_job(struct rp_puller *puller, uint32_t index, rp_time_ns now_ns)
{
    struct worker *worker = &puller->workers[index];
    struct job *job = puller->queue.first;
    list_remove(&puller->queue, job);
    job->worker = index;
    worker->job = job;
    worker->abandonment = ABANDON_NOT;
    worker->has_begin = true;
    puller->busy_count += 1;
    begin_attempt(puller, worker, now_ns);
}

static void employ(struct rp_puller *puller, rp_time_ns now_ns)
{
    if (!puller->is_started || puller->is_stopped) {
        return;
    }
    for (uint32_t i = 0; i < puller->worker_count && puller->queue.first != NULL &&
                         puller->busy_count < puller->worker_count;
         i += 1) {
        if (puller->workers[i].state == WORKER_IDLE) {
            take_job(puller, i, now_ns);
        }
    }
}

/* The newer version that came meanwhile is next; it has waited longest of all for this path. */
static void promote_successor(struct rp_puller *puller, struct job *successor)
{
    int error = rp_table_put(&puller->in_flight, successor->entry->path, successor, NULL);
    RP_ASSERT(error == 0); /* replaces an equal key: needs no memory */
    list_prepend(&puller->queue, successor);
}

static void end_worker(struct rp_puller *puller, struct worker *worker,
                       enum rp_pull_outcome outcome, rp_time_ns now_ns)
{
    struct job *job = worker->job;
    struct job *successor = job->successor;
    job->successor = NULL;
    worker->job = NULL;
    worker->state = WORKER_IDLE;
    worker->deadline_ns = RP_TIME_NEVER;
    worker->has_action = worker->has_cancel = worker->has_begin = false;
    rp_arena_reset(&worker->arena);
    puller->busy_count -= 1;
    if (successor != NULL) {
        promote_successor(puller, successor);
    } else {
        forget_in_flight(puller, job);
    }
    end_job(puller, job, outcome, now_ns);
    employ(puller, now_ns);
}

/* behaviour.md 7.3: first * 2^(attempt - 1), capped. */
static rp_time_ns backoff(const struct rp_puller *puller, uint32_t attempt)
{
    rp_time_ns wait_ns = puller->backoff_first_ns;
    for (uint32_t i = 1; i < attempt && wait_ns < RP_BACKOFF_MAX_NS; i += 1) {
        wait_ns *= 2;
    }
    return wait_ns < RP_BACKOFF_MAX_NS ? wait_ns : RP_BACKOFF_MAX_NS;
}

static void back_off(struct rp_puller *puller, struct worker *worker, rp_time_ns now_ns)
{
    enter(puller, worker, WORKER_BACKOFF, later(now_ns, backoff(puller, worker->job->attempt)));
}

static void fail_attempt(struct rp_puller *puller, struct worker *worker, rp_time_ns now_ns)
{
    if (worker->job->attempt >= puller->attempt_max) {
        end_worker(puller, worker, RP_PULL_FAILED, now_ns);
    } else {
        back_off(puller, worker, now_ns);
    }
}

static bool end_if_abandoned(struct rp_puller *puller, struct worker *worker, rp_time_ns now_ns)
{
    if (worker->abandonment == ABANDON_STOP) {
        end_worker(puller, worker, RP_PULL_CANCELLED, now_ns);
        return true;
    }
    if (worker->abandonment == ABANDON_OBSOLETE) {
        end_worker(puller, worker, RP_PULL_OBSOLETE, now_ns);
        return true;
    }
    return false;
}

/* Asks the node to give up, or ends the job at once where nothing is out. */
static void abandon(struct rp_puller *puller, struct worker *worker, enum abandonment why,
                    rp_time_ns now_ns)
{
    if (worker->abandonment < why) {
        worker->abandonment = why;
    }
    if (worker->state == WORKER_BACKOFF || (worker->has_action && why != ABANDON_TIMEOUT)) {
        (void)end_if_abandoned(puller, worker, now_ns);
        return;
    }
    bool is_cancellable = worker->state == WORKER_CHECKING || worker->state == WORKER_FETCHING;
    if (is_cancellable && !worker->is_cancel_asked) {
        worker->is_cancel_asked = true;
        worker->has_cancel = true;
        worker->deadline_ns = RP_TIME_NEVER;
        make_ready(puller, worker->job->worker);
    }
}

/* ---- Rescans ---------------------------------------------------------------------------------- */

static void note_missing(struct rp_puller *puller, rp_time_ns now_ns)
{
    puller->is_missing_any = true;
    if (rescans(puller) && !puller->is_stopped && !puller->is_rescanning &&
        puller->rescan_deadline_ns == RP_TIME_NEVER) {
        puller->is_rescan_timed = true;
        puller->rescan_deadline_ns = later(now_ns, puller->rescan_interval_ns);
    }
}

static void begin_rescan(struct rp_puller *puller)
{
    puller->rescan_deadline_ns = RP_TIME_NEVER;
    puller->is_rescanning = true;
    puller->has_rescan = true;
    puller->counters.rescans += 1;
}

/* design.md: 60 s, doubling to 10 min, while anything is missing. */
static void double_interval(struct rp_puller *puller)
{
    rp_time_ns doubled = puller->rescan_interval_ns * 2;
    puller->rescan_interval_ns = doubled < RP_RESCAN_MAX_NS ? doubled : RP_RESCAN_MAX_NS;
}

void rp_puller_rescanned(struct rp_puller *puller, uint64_t missing_count, rp_time_ns now_ns)
{
    if (!puller->is_rescanning) {
        return;
    }
    puller->is_rescanning = false;
    puller->rescan_ended_ns = now_ns;
    if (puller->is_stopped) {
        return;
    }
    if (missing_count == 0) {
        puller->is_missing_any = false;
        puller->is_peer_waiting = false;
        puller->rescan_interval_ns = RP_RESCAN_FIRST_NS;
        return;
    }
    puller->is_missing_any = true;
    if (puller->is_rescan_timed) {
        double_interval(puller);
    }
    puller->is_rescan_timed = true;
    puller->rescan_deadline_ns = later(now_ns, puller->rescan_interval_ns);
    if (puller->is_peer_waiting) {
        puller->is_peer_waiting = false;
        rp_puller_peer_arrived(puller, now_ns);
    }
}

void rp_puller_peer_arrived(struct rp_puller *puller, rp_time_ns now_ns)
{
    if (!rescans(puller) || !puller->is_missing_any || puller->is_stopped) {
        return;
    }
    if (puller->is_rescanning) {
        puller->is_peer_waiting = true;
        return;
    }
    rp_time_ns earliest =
        puller->counters.rescans == 0 ? now_ns : later(puller->rescan_ended_ns, RESCAN_PAUSE_NS);
    if (earliest < puller->rescan_deadline_ns) {
        puller->is_rescan_timed = false;
        puller->rescan_deadline_ns = earliest;
    }
    if (puller->rescan_deadline_ns <= now_ns) {
        begin_rescan(puller);
    }
}

/* ---- Birth and death -------------------------------------------------------------------------- */

static void apply_settings(struct rp_puller *puller, const struct rp_puller_settings *settings)
{
    puller->traits = settings->traits;
    puller->worker_count = settings->worker_count == 0 ? 4 : settings->worker_count;
    puller->queue_max = settings->queue_max == 0 ? 1024 : settings->queue_max;
    puller->attempt_max = settings->attempt_max == 0 ? 3 : settings->attempt_max;
    puller->backoff_first_ns =
        settings->backoff_first_ns == 0 ? RP_BACKOFF_FIRST_NS : settings->backoff_first_ns;
    puller->fetch_timeout_ns =
        settings->fetch_timeout_ns == 0 ? 60 * RP_NS_PER_S : settings->fetch_timeout_ns;
    puller->rescan_deadline_ns = RP_TIME_NEVER;
    puller->rescan_interval_ns = RP_RESCAN_FIRST_NS;
    puller->ready_first = puller->ready_last = RP_PULL_NO_WORKER;
}

static int make_workers(struct rp_puller *puller)
{
    size_t size = sizeof *puller->workers * puller->worker_count;
    puller->workers = rp_allocate_zeroed(puller->alloc, size);
    if (puller->workers == NULL) {
        return RP_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < puller->worker_count; i += 1) {
        puller->workers[i].deadline_ns = RP_TIME_NEVER;
        rp_arena_init(&puller->workers[i].arena, puller->alloc);
    }
    return 0;
}

int rp_puller_new(const struct rp_puller_settings *settings, const struct rp_alloc *alloc,
                  struct rp_puller **puller_out)
{
    size_t id_length = settings->self_id.length_bytes;
    if (id_length == 0) {
        return RP_ERR_INVALID;
    }
    struct rp_puller *puller = rp_allocate_zeroed(alloc, sizeof *puller + id_length);
    if (puller == NULL) {
        return RP_ERR_NOMEM;
    }
    puller->alloc = alloc;
    memcpy(puller + 1, settings->self_id.bytes, id_length);
    puller->self_id = rp_view_make(puller + 1, id_length);
    apply_settings(puller, settings);
    rp_table_init(&puller->in_flight, alloc);
    rp_demotions_init(&puller->demotions, alloc);
    if (make_workers(puller) != 0) {
        rp_puller_free(puller);
        return RP_ERR_NOMEM;
    }
    *puller_out = puller;
    return 0;
}

static void free_list(struct rp_puller *puller, struct job_list *list)
{
    while (list->first != NULL) {
        struct job *job = list->first;
        list_remove(list, job);
        job_free(puller, job);
    }
}

void rp_puller_free(struct rp_puller *puller)
{
    if (puller == NULL) {
        return;
    }
    for (uint32_t i = 0; puller->workers != NULL && i < puller->worker_count; i += 1) {
        job_free(puller, puller->workers[i].job);
        rp_arena_clear(&puller->workers[i].arena);
    }
    free_list(puller, &puller->queue);
    free_list(puller, &puller->ended);
    if (puller->lent != NULL) {
        rp_file_entry_release(puller->lent);
    }
    rp_table_clear(&puller->in_flight);
    rp_demotions_clear(&puller->demotions);
    rp_release(puller->alloc, puller->workers);
    rp_release(puller->alloc, puller);
}

void rp_puller_start(struct rp_puller *puller, rp_time_ns now_ns)
{
    if (!puller->is_stopped) {
        puller->is_started = true;
        employ(puller, now_ns);
    }
}

static void end_successor(struct rp_puller *puller, struct job *job, enum rp_pull_outcome outcome,
                          rp_time_ns now_ns)
{
    struct job *successor = job->successor;
    if (successor != NULL) {
        job->successor = NULL;
        end_job(puller, successor, outcome, now_ns);
    }
}

void rp_puller_stop(struct rp_puller *puller, rp_time_ns now_ns)
{
    if (puller->is_stopped) {
        return;
    }
    puller->is_stopped = true;
    puller->rescan_deadline_ns = RP_TIME_NEVER;
    puller->has_rescan = false;
    while (puller->queue.first != NULL) {
        struct job *job = puller->queue.first;
        list_remove(&puller->queue, job);
        forget_in_flight(puller, job);
        end_job(puller, job, RP_PULL_CANCELLED, now_ns);
    }
    for (uint32_t i = 0; i < puller->worker_count; i += 1) {
        struct worker *worker = &puller->workers[i];
        if (worker->state != WORKER_IDLE) {
            end_successor(puller, worker->job, RP_PULL_CANCELLED, now_ns);
            abandon(puller, worker, ABANDON_STOP, now_ns);
        }
    }
}

bool rp_puller_is_idle(const struct rp_puller *puller)
{
    return puller->queue.count == 0 && puller->busy_count == 0 && puller->ended.count == 0 &&
           puller->ready_first == RP_PULL_NO_WORKER && !puller->has_rescan;
}

/* ---- Announcements ---------------------------------------------------------------------------- */

static enum rp_announce_result drop(struct rp_puller *puller, rp_time_ns now_ns)
{
    puller->counters.dropped += 1;
    note_missing(puller, now_ns);
    return RP_ANNOUNCE_DROPPED;
}

static bool is_same_content(const struct rp_file_entry *left, const struct rp_file_entry *right)
{
    return left->size_bytes == right->size_bytes && rp_view_equal(left->sha256, right->sha256);
}

static struct worker *worker_of(struct rp_puller *puller, const struct job *job)
{
    return job->worker == RP_PULL_NO_WORKER ? NULL : &puller->workers[job->worker];
}

/* Does the job in flight, or what waits behind it, already serve this announcement? */
static bool is_served(struct rp_puller *puller, const struct job *job,
                      const struct rp_file_entry *entry)
{
    const struct job *latest = job->successor != NULL ? job->successor : job;
    const struct worker *worker = worker_of(puller, latest);
    bool is_given_up = worker != NULL && worker->abandonment == ABANDON_OBSOLETE;
    if (is_given_up) {
        return false;
    }
    return entry->lsn <= latest->entry->lsn || is_same_content(entry, latest->entry);
}

static enum rp_announce_result replace(struct rp_puller *puller, struct job *job,
                                       const struct rp_file_entry *entry, rp_time_ns now_ns)
{
    struct job *fresh = job_new(puller, entry);
    if (fresh == NULL) {
        return drop(puller, now_ns);
    }
    struct worker *worker = worker_of(puller, job);
    if (worker == NULL) {
        int error = rp_table_put(&puller->in_flight, entry->path, fresh, NULL);
        RP_ASSERT(error == 0); /* replaces an equal key: needs no memory */
        list_replace(&puller->queue, job, fresh);
        end_job(puller, job, RP_PULL_OBSOLETE, now_ns);
    } else {
        end_successor(puller, job, RP_PULL_OBSOLETE, now_ns);
        job->successor = fresh;
        abandon(puller, worker, ABANDON_OBSOLETE, now_ns);
    }
    puller->counters.enqueued += 1;
    return RP_ANNOUNCE_REPLACED;
}

static enum rp_announce_result enqueue(struct rp_puller *puller, const struct rp_file_entry *entry,
                                       rp_time_ns now_ns)
{
    if (puller->queue.count >= puller->queue_max) {
        return drop(puller, now_ns);
    }
    struct job *job = job_new(puller, entry);
    if (job == NULL) {
        return drop(puller, now_ns);
    }
    if (puller->traits->dedup != RP_DEDUP_NONE &&
        rp_table_put(&puller->in_flight, job->entry->path, job, NULL) != 0) {
        job_free(puller, job);
        return drop(puller, now_ns);
    }
    list_append(&puller->queue, job);
    puller->counters.enqueued += 1;
    employ(puller, now_ns);
    return RP_ANNOUNCE_QUEUED;
}

/* behaviour.md 7.2 */
enum rp_announce_result rp_puller_announce(struct rp_puller *puller,
                                           const struct rp_file_entry *entry, rp_time_ns now_ns)
{
    if (puller->is_stopped) {
        return RP_ANNOUNCE_STOPPED;
    }
    if (is_own(puller, entry)) {
        puller->counters.skipped_self += 1;
        return RP_ANNOUNCE_SELF;
    }
    struct job *job = puller->traits->dedup == RP_DEDUP_NONE
                          ? NULL
                          : rp_table_get(&puller->in_flight, entry->path);
    if (job == NULL) {
        return enqueue(puller, entry, now_ns);
    }
    if (is_versioned(puller) && !is_served(puller, job, entry)) {
        return replace(puller, job, entry, now_ns);
    }
    puller->counters.skipped_dup += 1;
    return RP_ANNOUNCE_DUPLICATE;
}

void rp_puller_deleted(struct rp_puller *puller, struct rp_view path, rp_time_ns now_ns)
{
    if (!is_versioned(puller)) {
        return;
    }
    rp_demotions_forget(&puller->demotions, path);
    struct job *job = rp_table_get(&puller->in_flight, path);
    if (job == NULL) {
        return;
    }
    struct worker *worker = worker_of(puller, job);
    if (worker != NULL) {
        end_successor(puller, job, RP_PULL_OBSOLETE, now_ns);
        abandon(puller, worker, ABANDON_OBSOLETE, now_ns);
        return;
    }
    list_remove(&puller->queue, job);
    forget_in_flight(puller, job);
    end_job(puller, job, RP_PULL_OBSOLETE, now_ns);
}

/* ---- Actions and answers ---------------------------------------------------------------------- */

static void give_end(struct rp_puller *puller, struct rp_pull_action *action)
{
    struct job *job = puller->ended.first;
    list_remove(&puller->ended, job);
    action->kind = RP_PULL_DO_END;
    action->worker = job->worker;
    action->entry = puller->lent = rp_file_entry_retain(job->entry);
    action->attempt = job->attempt;
    action->outcome = job->outcome;
    job_free(puller, job);
}

static void leave_ready(struct rp_puller *puller, struct worker *worker)
{
    worker->is_ready = false;
    puller->ready_first = worker->next_ready;
    if (puller->ready_first == RP_PULL_NO_WORKER) {
        puller->ready_last = RP_PULL_NO_WORKER;
    }
}

static void give_state(struct rp_puller *puller, struct worker *worker,
                       struct rp_pull_action *action)
{
    static const enum rp_pull_action_kind KINDS[] = {
        [WORKER_CHECKING] = RP_PULL_DO_CHECK,
        [WORKER_RESOLVING] = RP_PULL_DO_RESOLVE,
        [WORKER_FETCHING] = RP_PULL_DO_FETCH,
    };
    worker->has_action = false;
    action->kind = KINDS[worker->state];
    if (worker->state == WORKER_FETCHING) {
        action->candidate = worker->candidates[worker->candidate_index];
        action->is_resume_allowed = may_resume(puller, worker->job->attempt);
    }
}

/* False: this worker's turn came to nothing (its job ended meanwhile). */
static bool give_worker(struct rp_puller *puller, struct rp_pull_action *action)
{
    struct worker *worker = &puller->workers[puller->ready_first];
    action->worker = puller->ready_first;
    if (worker->job != NULL) {
        action->entry = worker->job->entry;
        action->attempt = worker->job->attempt;
    }
    if (worker->has_begin) {
        worker->has_begin = false;
        action->kind = RP_PULL_DO_BEGIN;
        return true;
    }
    if (worker->has_action) {
        give_state(puller, worker, action);
        if (!worker->has_cancel) {
            leave_ready(puller, worker);
        }
        return true;
    }
    leave_ready(puller, worker);
    if (!worker->has_cancel) {
        return false;
    }
    worker->has_cancel = false;
    action->kind = RP_PULL_DO_CANCEL;
    return true;
}

bool rp_puller_next(struct rp_puller *puller, struct rp_pull_action *action_out)
{
    memset(action_out, 0, sizeof *action_out);
    action_out->worker = RP_PULL_NO_WORKER;
    if (puller->lent != NULL) {
        rp_file_entry_release(puller->lent);
        puller->lent = NULL;
    }
    if (puller->ended.count > 0) {
        give_end(puller, action_out);
        return true;
    }
    while (puller->ready_first != RP_PULL_NO_WORKER) {
        if (give_worker(puller, action_out)) {
            return true;
        }
    }
    if (puller->has_rescan) {
        puller->has_rescan = false;
        action_out->kind = RP_PULL_DO_RESCAN;
        return true;
    }
    return false;
}

static struct worker *answering(struct rp_puller *puller, uint32_t index, enum worker_state state)
{
    RP_ASSERT(index < puller->worker_count);
    struct worker *worker = &puller->workers[index];
    RP_ASSERT(worker->state == state && !worker->has_action);
    worker->has_cancel = false;
    worker->deadline_ns = RP_TIME_NEVER;
    return worker;
}

void rp_puller_checked(struct rp_puller *puller, uint32_t index, bool is_present, rp_time_ns now_ns)
{
    struct worker *worker = answering(puller, index, WORKER_CHECKING);
    if (end_if_abandoned(puller, worker, now_ns)) {
        return;
    }
    bool is_late = worker->abandonment == ABANDON_TIMEOUT;
    worker->abandonment = ABANDON_NOT;
    if (is_present && !is_late) {
        end_worker(puller, worker, RP_PULL_PRESENT, now_ns);
    } else {
        enter(puller, worker, WORKER_RESOLVING, RP_TIME_NEVER);
    }
}

static void try_candidate(struct rp_puller *puller, struct worker *worker, rp_time_ns now_ns)
{
    enter(puller, worker, WORKER_FETCHING, later(now_ns, try_timeout(puller)));
}

static void found_no_peers(struct rp_puller *puller, struct worker *worker, rp_time_ns now_ns)
{
    puller->counters.peer_lookup_failure += 1;
    if (no_peers_fails(puller)) {
        fail_attempt(puller, worker, now_ns);
    } else {
        back_off(puller, worker, now_ns); /* after the last attempt too; see on_backoff_over */
    }
}

static int keep_candidates(struct worker *worker, const struct rp_pull_candidate *candidates,
                           size_t count)
{
    rp_arena_reset(&worker->arena);
    worker->candidates = rp_arena_allocate(&worker->arena, count * sizeof *candidates + 1);
    worker->candidate_count = 0;
    worker->candidate_index = 0;
    if (worker->candidates == NULL) {
        return RP_ERR_NOMEM;
    }
    for (size_t i = 0; i < count; i += 1) {
        struct rp_pull_candidate *kept = &worker->candidates[i];
        *kept = candidates[i];
        if (rp_arena_copy(&worker->arena, candidates[i].node_id, &kept->node_id) != 0 ||
            rp_arena_copy(&worker->arena, candidates[i].address, &kept->address) != 0) {
            return RP_ERR_NOMEM;
        }
        worker->candidate_count += 1;
    }
    return 0;
}

void rp_puller_resolved(struct rp_puller *puller, uint32_t index,
                        const struct rp_pull_candidate *candidates, size_t count, rp_time_ns now_ns)
{
    struct worker *worker = answering(puller, index, WORKER_RESOLVING);
    if (end_if_abandoned(puller, worker, now_ns)) {
        return;
    }
    size_t kept = count < RP_PEER_COUNT_MAX ? count : RP_PEER_COUNT_MAX;
    if (kept == 0) {
        found_no_peers(puller, worker, now_ns);
    } else if (keep_candidates(worker, candidates, kept) != 0) {
        fail_attempt(puller, worker, now_ns);
    } else {
        if (demotes(puller)) {
            rp_demotions_order(&puller->demotions, worker->job->entry->path, worker->candidates,
                               worker->candidate_count);
        }
        try_candidate(puller, worker, now_ns);
    }
}

static void count_try(struct rp_puller *puller, enum rp_pull_try result)
{
    puller->counters.checksum_mismatch += result == RP_TRY_CHECKSUM_MISMATCH;
    puller->counters.bad_offset_server += result == RP_TRY_BAD_OFFSET;
    puller->counters.bad_offset_backend += result == RP_TRY_BAD_OFFSET_BACKEND;
}

static void on_mismatch(struct rp_puller *puller, struct worker *worker, rp_time_ns now_ns)
{
    if (demotes(puller)) {
        rp_demotions_add(&puller->demotions, worker->job->entry->path,
                         &worker->candidates[worker->candidate_index]);
    }
    fail_attempt(puller, worker, now_ns); /* no other peer within this attempt */
}

static void on_failed_try(struct rp_puller *puller, struct worker *worker, rp_time_ns now_ns)
{
    worker->candidate_index += 1;
    if (worker->candidate_index < worker->candidate_count) {
        try_candidate(puller, worker, now_ns);
    } else {
        fail_attempt(puller, worker, now_ns);
    }
}

/* behaviour.md 7.3, 7.4 */
void rp_puller_fetched(struct rp_puller *puller, uint32_t index, enum rp_pull_try result,
                       rp_time_ns now_ns)
{
    struct worker *worker = answering(puller, index, WORKER_FETCHING);
    bool is_late = worker->abandonment == ABANDON_TIMEOUT;
    count_try(puller, result);
    if (result == RP_TRY_OK) {
        rp_demotions_forget(&puller->demotions, worker->job->entry->path);
        end_worker(puller, worker, RP_PULL_PULLED, now_ns);
        return;
    }
    if (end_if_abandoned(puller, worker, now_ns)) {
        return;
    }
    worker->abandonment = ABANDON_NOT;
    if (result == RP_TRY_OBSOLETE) {
        end_worker(puller, worker, RP_PULL_OBSOLETE, now_ns);
    } else if (result == RP_TRY_CANCELLED && !is_late && ends_when_cancelled(puller)) {
        end_worker(puller, worker, RP_PULL_CANCELLED, now_ns);
    } else if (result == RP_TRY_CHECKSUM_MISMATCH) {
        on_mismatch(puller, worker, now_ns);
    } else {
        on_failed_try(puller, worker, now_ns);
    }
}

bool rp_puller_may_publish(const struct rp_puller *puller, uint32_t index,
                           const struct rp_file_entry *manifest_entry)
{
    RP_ASSERT(index < puller->worker_count);
    const struct worker *worker = &puller->workers[index];
    RP_ASSERT(worker->state == WORKER_FETCHING);
    if (!is_versioned(puller)) {
        return true;
    }
    return worker->abandonment == ABANDON_NOT && manifest_entry != NULL &&
           is_same_content(manifest_entry, worker->job->entry);
}

/* ---- Time ------------------------------------------------------------------------------------- */

rp_time_ns rp_puller_deadline(const struct rp_puller *puller)
{
    rp_time_ns earliest = puller->rescan_deadline_ns;
    for (uint32_t i = 0; i < puller->worker_count; i += 1) {
        if (puller->workers[i].deadline_ns < earliest) {
            earliest = puller->workers[i].deadline_ns;
        }
    }
    return earliest;
}

static void on_backoff_over(struct rp_puller *puller, struct worker *worker, rp_time_ns now_ns)
{
    if (worker->job->attempt >= puller->attempt_max) {
        /* behaviour.md 7.3: an empty peer list on the last attempt is counted nowhere. */
        end_worker(puller, worker, RP_PULL_NO_PEERS, now_ns);
    } else {
        begin_attempt(puller, worker, now_ns);
    }
}

void rp_puller_tick(struct rp_puller *puller, rp_time_ns now_ns)
{
    for (uint32_t i = 0; i < puller->worker_count; i += 1) {
        struct worker *worker = &puller->workers[i];
        if (worker->deadline_ns > now_ns) {
            continue;
        }
        if (worker->state == WORKER_BACKOFF) {
            on_backoff_over(puller, worker, now_ns);
        } else {
            abandon(puller, worker, ABANDON_TIMEOUT, now_ns);
        }
    }
    if (puller->rescan_deadline_ns <= now_ns) {
        begin_rescan(puller);
    }
}

/* ---- What it knows ---------------------------------------------------------------------------- */

const struct rp_pull_counters *rp_puller_counters(struct rp_puller *puller)
{
    puller->counters.queue_depth = puller->queue.count;
    puller->counters.inflight_count = rp_table_count(&puller->in_flight);
    return &puller->counters;
}

size_t rp_puller_queue_depth(const struct rp_puller *puller)
{
    return puller->queue.count;
}

uint32_t rp_puller_worker_count(const struct rp_puller *puller)
{
    return puller->worker_count;
}

uint32_t rp_puller_busy_count(const struct rp_puller *puller)
{
    return puller->busy_count;
}

bool rp_puller_is_in_flight(const struct rp_puller *puller, struct rp_view path)
{
    return rp_table_get(&puller->in_flight, path) != NULL;
}

const struct rp_file_entry *rp_puller_worker_entry(const struct rp_puller *puller, uint32_t worker)
{
    RP_ASSERT(worker < puller->worker_count);
    const struct job *job = puller->workers[worker].job;
    return job == NULL ? NULL : job->entry;
}

bool rp_puller_is_missing_any(const struct rp_puller *puller)
{
    return puller->is_missing_any;
}
