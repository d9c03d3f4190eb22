#include "protocol/puller.h"

#include "protocol/error.h"
#include "protocol/panic.h"
#include "protocol/puller_inner.h"

/* Peers that arrive together cause one rescan, not one each. */
#define RESCAN_PAUSE_NS RP_NS_PER_S

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

void rp_puller_list_prepend(struct job_list *list, struct job *job)
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

void rp_puller_list_remove(struct job_list *list, struct job *job)
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

void rp_puller_job_free(struct rp_puller *puller, struct job *job)
{
    if (job != NULL) {
        rp_puller_job_free(puller, job->successor); /* a successor has none of its own */
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
void rp_puller_end_job(struct rp_puller *puller, struct job *job, enum rp_pull_outcome outcome,
                       rp_time_ns now_ns)
{
    job->outcome = outcome;
    count_outcome(puller, outcome, now_ns);
    list_append(&puller->ended, job);
}

void rp_puller_forget_in_flight(struct rp_puller *puller, struct job *job)
{
    if (puller->traits->dedup != RP_DEDUP_NONE) {
        rp_table_remove(&puller->in_flight, job->entry->path);
    }
}

/* ---- Rescans ---------------------------------------------------------------------------------- */

static void note_missing(struct rp_puller *puller, rp_time_ns now_ns)
{
    puller->is_missing_any = true;
    if (rp_puller_rescans(puller) && !puller->is_stopped && !puller->is_rescanning &&
        puller->rescan_deadline_ns == RP_TIME_NEVER) {
        puller->is_rescan_timed = true;
        puller->rescan_deadline_ns = rp_puller_later(now_ns, puller->rescan_interval_ns);
    }
}

void rp_puller_begin_rescan(struct rp_puller *puller)
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
    puller->rescan_deadline_ns = rp_puller_later(now_ns, puller->rescan_interval_ns);
    if (puller->is_peer_waiting) {
        puller->is_peer_waiting = false;
        rp_puller_peer_arrived(puller, now_ns);
    }
}

void rp_puller_peer_arrived(struct rp_puller *puller, rp_time_ns now_ns)
{
    if (!rp_puller_rescans(puller) || !puller->is_missing_any || puller->is_stopped) {
        return;
    }
    if (puller->is_rescanning) {
        puller->is_peer_waiting = true;
        return;
    }
    rp_time_ns earliest = puller->counters.rescans == 0
                              ? now_ns
                              : rp_puller_later(puller->rescan_ended_ns, RESCAN_PAUSE_NS);
    if (earliest < puller->rescan_deadline_ns) {
        puller->is_rescan_timed = false;
        puller->rescan_deadline_ns = earliest;
    }
    if (puller->rescan_deadline_ns <= now_ns) {
        rp_puller_begin_rescan(puller);
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
        rp_puller_list_remove(list, job);
        rp_puller_job_free(puller, job);
    }
}

void rp_puller_free(struct rp_puller *puller)
{
    if (puller == NULL) {
        return;
    }
    for (uint32_t i = 0; puller->workers != NULL && i < puller->worker_count; i += 1) {
        rp_puller_job_free(puller, puller->workers[i].job);
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
        rp_puller_employ(puller, now_ns);
    }
}

static void end_successor(struct rp_puller *puller, struct job *job, enum rp_pull_outcome outcome,
                          rp_time_ns now_ns)
{
    struct job *successor = job->successor;
    if (successor != NULL) {
        job->successor = NULL;
        rp_puller_end_job(puller, successor, outcome, now_ns);
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
        rp_puller_list_remove(&puller->queue, job);
        rp_puller_forget_in_flight(puller, job);
        rp_puller_end_job(puller, job, RP_PULL_CANCELLED, now_ns);
    }
    for (uint32_t i = 0; i < puller->worker_count; i += 1) {
        struct worker *worker = &puller->workers[i];
        if (worker->state != WORKER_IDLE) {
            end_successor(puller, worker->job, RP_PULL_CANCELLED, now_ns);
            rp_puller_abandon(puller, worker, ABANDON_STOP, now_ns);
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

bool rp_puller_is_same_content(const struct rp_file_entry *left, const struct rp_file_entry *right)
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
    return entry->lsn <= latest->entry->lsn || rp_puller_is_same_content(entry, latest->entry);
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
        rp_puller_end_job(puller, job, RP_PULL_OBSOLETE, now_ns);
    } else {
        end_successor(puller, job, RP_PULL_OBSOLETE, now_ns);
        job->successor = fresh;
        rp_puller_abandon(puller, worker, ABANDON_OBSOLETE, now_ns);
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
        rp_puller_job_free(puller, job);
        return drop(puller, now_ns);
    }
    list_append(&puller->queue, job);
    puller->counters.enqueued += 1;
    rp_puller_employ(puller, now_ns);
    return RP_ANNOUNCE_QUEUED;
}

/* behaviour.md 7.2 */
enum rp_announce_result rp_puller_announce(struct rp_puller *puller,
                                           const struct rp_file_entry *entry, rp_time_ns now_ns)
{
    if (puller->is_stopped) {
        return RP_ANNOUNCE_STOPPED;
    }
    if (rp_puller_is_own(puller, entry)) {
        puller->counters.skipped_self += 1;
        return RP_ANNOUNCE_SELF;
    }
    struct job *job = puller->traits->dedup == RP_DEDUP_NONE
                          ? NULL
                          : rp_table_get(&puller->in_flight, entry->path);
    if (job == NULL) {
        return enqueue(puller, entry, now_ns);
    }
    if (rp_puller_is_versioned(puller) && !is_served(puller, job, entry)) {
        return replace(puller, job, entry, now_ns);
    }
    puller->counters.skipped_dup += 1;
    return RP_ANNOUNCE_DUPLICATE;
}

void rp_puller_deleted(struct rp_puller *puller, struct rp_view path, rp_time_ns now_ns)
{
    if (!rp_puller_is_versioned(puller)) {
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
        rp_puller_abandon(puller, worker, ABANDON_OBSOLETE, now_ns);
        return;
    }
    rp_puller_list_remove(&puller->queue, job);
    rp_puller_forget_in_flight(puller, job);
    rp_puller_end_job(puller, job, RP_PULL_OBSOLETE, now_ns);
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
