#include "protocol/puller_inner.h"

#include "protocol/error.h"
#include "protocol/panic.h"

/* ---- Release differences ---------------------------------------------------------------------- */

bool rp_puller_is_versioned(const struct rp_puller *puller)
{
    return puller->traits->dedup == RP_DEDUP_VERSION;
}

bool rp_puller_is_own(const struct rp_puller *puller, const struct rp_file_entry *entry)
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

bool rp_puller_rescans(const struct rp_puller *puller)
{
    return puller->traits->rescan == RP_RESCAN_WHILE_MISSING;
}

/* behaviour.md 7.6: the first attempt never looks for what an earlier pull left. */
static enum rp_resume resume_of(const struct rp_puller *puller, uint32_t attempt)
{
    bool is_fresh = puller->traits->resume == RP_RESUME_PART && attempt == 1;
    return is_fresh ? RP_RESUME_NEVER : puller->traits->resume;
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

rp_time_ns rp_puller_later(rp_time_ns now_ns, rp_time_ns wait_ns)
{
    return wait_ns > RP_TIME_NEVER - now_ns ? RP_TIME_NEVER : now_ns + wait_ns;
}

static void begin_attempt(struct rp_puller *puller, struct worker *worker, rp_time_ns now_ns)
{
    worker->job->attempt += 1;
    enter(puller, worker, WORKER_CHECKING, rp_puller_later(now_ns, check_timeout(puller)));
}

static void take_job(struct rp_puller *puller, uint32_t index, rp_time_ns now_ns)
{
    struct worker *worker = &puller->workers[index];
    struct job *job = puller->queue.first;
    rp_puller_list_remove(&puller->queue, job);
    job->worker = index;
    worker->job = job;
    worker->abandonment = ABANDON_NOT;
    worker->has_begin = true;
    puller->busy_count += 1;
    begin_attempt(puller, worker, now_ns);
}

void rp_puller_employ(struct rp_puller *puller, rp_time_ns now_ns)
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
    rp_puller_list_prepend(&puller->queue, successor);
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
        rp_puller_forget_in_flight(puller, job);
    }
    rp_puller_end_job(puller, job, outcome, now_ns);
    rp_puller_employ(puller, now_ns);
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
    enter(puller, worker, WORKER_BACKOFF,
          rp_puller_later(now_ns, backoff(puller, worker->job->attempt)));
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
void rp_puller_abandon(struct rp_puller *puller, struct worker *worker, enum abandonment why,
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

/* ---- Actions and answers ---------------------------------------------------------------------- */

static void give_end(struct rp_puller *puller, struct rp_pull_action *action)
{
    struct job *job = puller->ended.first;
    rp_puller_list_remove(&puller->ended, job);
    action->kind = RP_PULL_DO_END;
    action->worker = job->worker;
    action->entry = puller->lent = rp_file_entry_retain(job->entry);
    action->attempt = job->attempt;
    action->outcome = job->outcome;
    rp_puller_job_free(puller, job);
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
        action->resume = resume_of(puller, worker->job->attempt);
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
    enter(puller, worker, WORKER_FETCHING, rp_puller_later(now_ns, try_timeout(puller)));
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

void rp_puller_sunk(struct rp_puller *puller, uint64_t byte_offset, uint64_t sunk_bytes)
{
    puller->counters.resumed += byte_offset > 0 && sunk_bytes > 0;
    puller->counters.body_bytes += sunk_bytes;
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
    if (!rp_puller_is_versioned(puller)) {
        return true;
    }
    return worker->abandonment == ABANDON_NOT && manifest_entry != NULL &&
           rp_puller_is_same_content(manifest_entry, worker->job->entry);
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
            rp_puller_abandon(puller, worker, ABANDON_TIMEOUT, now_ns);
        }
    }
    if (puller->rescan_deadline_ns <= now_ns) {
        rp_puller_begin_rescan(puller);
    }
}
