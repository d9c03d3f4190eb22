/* Announcements and what becomes of them: single-flight, outcome-accounting, retry-budget,
 * mismatch-stops-attempt. */
#include "protocol/fetch_client.h"
#include "protocol/limits.h"
#include "sim/check_internal.h"

/* ---- Paths and pulls -------------------------------------------------------------------------- */

struct check_path *check_path_find(struct check_pod *pod, struct rp_view path)
{
    return rp_table_get(&pod->life.paths, path);
}

static struct check_path *path_open(struct check_pod *pod, struct rp_view path)
{
    struct check_path *record = check_path_find(pod, path);
    if (record == NULL) {
        record = check_allocate(pod->checks, sizeof *record + path.length_bytes);
        record->path_bytes = path.length_bytes;
        if (path.length_bytes > 0) {
            memcpy(record->path, path.bytes, path.length_bytes);
        }
        check_put(&pod->life.paths, rp_view_make(record->path, path.length_bytes), record);
    }
    return record;
}

static void pull_free(struct check_pod *pod, struct check_pull *pull)
{
    rp_release(pod->checks->alloc, pull->dialed);
    rp_release(pod->checks->alloc, pull);
}

static void path_free(struct check_pod *pod, struct check_path *record)
{
    while (record->pulls != NULL) {
        struct check_pull *pull = record->pulls;
        record->pulls = pull->next;
        pull_free(pod, pull);
    }
    rp_release(pod->checks->alloc, record);
}

static void path_close_if_bare(struct check_pod *pod, struct check_path *record)
{
    if (record->owed_count == 0 && record->pulls == NULL) {
        (void)rp_table_remove(&pod->life.paths, rp_view_make(record->path, record->path_bytes));
        path_free(pod, record);
    }
}

void check_pull_clear(struct check_pod *pod)
{
    size_t cursor = 0;
    struct check_path *record;
    while ((record = rp_table_next(&pod->life.paths, &cursor)) != NULL) {
        path_free(pod, record);
    }
    rp_table_clear(&pod->life.paths);
    pod->life.owed_count = 0;
    pod->life.active_count = pod->life.waiting_count = 0;
}

static bool is_version(const struct check_pull *pull, const struct rp_observation *seen)
{
    return pull->lsn == seen->lsn && seen->sha256.length_bytes == RP_SHA256_HEX &&
           memcmp(pull->sha256, seen->sha256.bytes, RP_SHA256_HEX) == 0;
}

static struct check_pull *pull_of_version(const struct check_path *record,
                                          const struct rp_observation *seen)
{
    struct check_pull *pull = record == NULL ? NULL : record->pulls;
    while (pull != NULL && !is_version(pull, seen)) {
        pull = pull->next;
    }
    return pull;
}

/* The one pull of the path; NULL when there is none, or several that nothing tells apart. */
static struct check_pull *pull_of_path(struct check_pod *pod, struct rp_view path)
{
    const struct check_path *record = check_path_find(pod, path);
    struct check_pull *pull = record == NULL ? NULL : record->pulls;
    return pull == NULL || pull->next != NULL ? NULL : pull;
}

/* How many of the path wait in the queue: a successor of a pull under way does not. */
static uint64_t waiting_of(const struct check_path *record)
{
    return record->pulls == NULL ? record->owed_count : 0;
}

static void recount(struct check_pod *pod, struct check_path *record, uint64_t waited)
{
    uint64_t waiting = waiting_of(record);
    if (waited == 0 && waiting != 0) {
        check_queue_accepted(pod, record);
    }
    pod->life.waiting_count += waiting - waited;
}

/* ---- Announcements and outcomes --------------------------------------------------------------- */

static void on_announced(struct check_pod *pod, const struct rp_observation *seen)
{
    if (seen->value > RP_ANNOUNCE_STOPPED) {
        check_violate(pod, SIM_PROP_OUTCOME_ACCOUNTING, "announced/unknown-result",
                      "announcement of %.*s has no known result", CHECK_TEXT(seen->path));
        return;
    }
    pod->life.announced[seen->value] += 1;
    if (seen->value == RP_ANNOUNCE_QUEUED || seen->value == RP_ANNOUNCE_REPLACED) {
        struct check_path *record = path_open(pod, seen->path);
        uint64_t waited = waiting_of(record);
        record->owed_count += 1;
        pod->life.owed_count += 1;
        recount(pod, record, waited);
    }
}

static void on_pull_begin(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_path *record = path_open(pod, seen->path);
    check_reached(pod, SIM_PROP_SINGLE_FLIGHT);
    if (record->pulls != NULL) {
        check_violate(pod, SIM_PROP_SINGLE_FLIGHT, "pull-begin",
                      "a second pull of %.*s begins while one is under way",
                      CHECK_TEXT(seen->path));
    }
    if (record->owed_count == 0) {
        check_violate(pod, SIM_PROP_OUTCOME_ACCOUNTING, "pull-begin/not-announced",
                      "a pull of %.*s begins that no open announcement asked for",
                      CHECK_TEXT(seen->path));
    }
    struct check_pull *pull = check_allocate(pod->checks, sizeof *pull);
    pull->lsn = seen->lsn;
    if (seen->sha256.length_bytes == RP_SHA256_HEX) {
        memcpy(pull->sha256, seen->sha256.bytes, RP_SHA256_HEX);
    }
    pull->began_ns = check_now(pod->checks);
    pull->size_bytes = seen->size_bytes < 0 ? 0 : (uint64_t)seen->size_bytes;
    uint64_t waited = waiting_of(record);
    if (waited != 0) {
        check_queue_begins(pod, record);
    }
    pull->next = record->pulls;
    record->pulls = pull;
    pod->life.begun_count += 1;
    pod->life.active_count += 1;
    recount(pod, record, waited);
}

static void pull_unlink(struct check_pod *pod, struct check_path *record, struct check_pull *pull)
{
    struct check_pull **link = &record->pulls;
    while (*link != pull) {
        link = &(*link)->next;
    }
    *link = pull->next;
    pod->life.active_count -= 1;
    pull_free(pod, pull);
}

static uint32_t attempt_max(struct check_pod *pod)
{
    const struct rp_config *config = sim_pod_config(pod->pod);
    uint32_t max = config == NULL ? 0 : config->replication_retry_max_attempts;
    return max == 0 ? 3 : max;
}

/* invariants.md, retry-budget: exactly the configured attempts. */
static void check_attempts_used(struct check_pod *pod, const struct rp_observation *seen)
{
    uint64_t max = attempt_max(pod);
    bool is_early = seen->value == RP_PULL_FAILED && seen->value2 != max;
    if (is_early || seen->value2 > max) {
        check_violate(pod, SIM_PROP_RETRY_BUDGET, "pull-end/attempts",
                      "pull of %.*s ended after %llu attempts, configured are %llu",
                      CHECK_TEXT(seen->path), (unsigned long long)seen->value2,
                      (unsigned long long)max);
    }
}

static void on_pull_end(struct check_pod *pod, const struct rp_observation *seen)
{
    check_reached(pod, SIM_PROP_OUTCOME_ACCOUNTING);
    if (seen->value >= RP_PULL_OUTCOME_COUNT || seen->value == RP_PULL_NO_PEERS) {
        check_violate(pod, SIM_PROP_OUTCOME_ACCOUNTING, "pull-end/no-outcome",
                      "pull of %.*s ended with an outcome that nobody counts",
                      CHECK_TEXT(seen->path));
    }
    if (seen->value < RP_PULL_OUTCOME_COUNT) {
        pod->life.ended[seen->value] += 1;
    }
    check_attempts_used(pod, seen);
    struct check_path *record = check_path_find(pod, seen->path);
    uint64_t waited = record == NULL ? 0 : waiting_of(record);
    if (record == NULL || record->owed_count == 0) {
        check_violate(pod, SIM_PROP_OUTCOME_ACCOUNTING, "pull-end/not-owed",
                      "%.*s gets an outcome that no announcement is owed", CHECK_TEXT(seen->path));
    } else {
        record->owed_count -= 1;
        pod->life.owed_count -= 1;
    }
    if (record == NULL) {
        return;
    }
    struct check_pull *pull = pull_of_version(record, seen);
    if (pull != NULL && seen->value2 > 0) {
        pull_unlink(pod, record, pull);
    }
    recount(pod, record, waited);
    path_close_if_bare(pod, record);
}

/* ---- Attempts and dials ----------------------------------------------------------------------- */

/* behaviour.md 7.3: first * 2^(k-1), capped, after attempt k. */
static rp_time_ns backoff_after(uint64_t attempt)
{
    rp_time_ns wait_ns = RP_BACKOFF_FIRST_NS;
    for (uint64_t k = 1; k < attempt && wait_ns < RP_BACKOFF_MAX_NS; k += 1) {
        wait_ns *= 2;
    }
    return wait_ns < RP_BACKOFF_MAX_NS ? wait_ns : RP_BACKOFF_MAX_NS;
}

/* Nine tenths: the node waits by its own clock, which may drift. */
static bool is_too_soon(const struct check_pod *pod, const struct check_pull *pull)
{
    rp_time_ns since_ns = check_now(pod->checks) - pull->try_ended_ns;
    return since_ns < backoff_after(pull->attempt) / 10 * 9;
}

/* And no longer: the delay doubles, so a wrong power of two shows. Answers of new peers may be waited
 * for, and the disk, where it gives trouble. */
#define LATE_NS (RP_GREETING_TIMEOUT_NS + 200 * RP_NS_PER_MS)

static bool is_too_late(struct check_pod *pod, const struct check_pull *pull)
{
    rp_time_ns now_ns = check_clock(pod);
    bool is_held_up = sim_store_held_up_until(sim_pod_store(pod->pod)) >= pull->try_ended_ns;
    return !is_held_up && !pod->life.is_stopping && now_ns > pull->try_ended_clock_ns &&
           now_ns - pull->try_ended_clock_ns > backoff_after(pull->attempt) + LATE_NS;
}

static void on_attempt(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_pull *pull = pull_of_version(check_path_find(pod, seen->path), seen);
    if (pull == NULL) {
        return;
    }
    if (seen->value <= pull->attempt || seen->value > attempt_max(pod)) {
        check_violate(pod, SIM_PROP_RETRY_BUDGET, "attempt/number",
                      "attempt %llu of %.*s follows attempt %llu, configured are %u",
                      (unsigned long long)seen->value, CHECK_TEXT(seen->path),
                      (unsigned long long)pull->attempt, attempt_max(pod));
    } else if (pull->attempt != 0 && is_too_soon(pod, pull)) {
        check_violate(pod, SIM_PROP_RETRY_BUDGET, "attempt/too-soon",
                      "attempt %llu of %.*s does not wait out the backoff",
                      (unsigned long long)seen->value, CHECK_TEXT(seen->path));
    } else if (pull->attempt != 0 && is_too_late(pod, pull)) {
        check_violate(pod, SIM_PROP_RETRY_BUDGET, "attempt/too-late",
                      "attempt %llu of %.*s waits longer than the backoff",
                      (unsigned long long)seen->value, CHECK_TEXT(seen->path));
    }
    pull->attempt = seen->value;
    pull->peer_changes = pod->life.peer_change_count;
    pull->candidate_count = seen->value2;
    pull->dial_count = 0;
    pull->has_mismatch = false;
    pull->is_verified = false;
    pull->try_ended_ns = check_now(pod->checks);
    pull->try_ended_clock_ns = check_clock(pod);
}

static void note_dialed(struct check_pod *pod, struct check_pull *pull, uint64_t peer)
{
    if (pull->dial_count >= pull->dialed_max) {
        pull->dialed_max = pull->dialed_max == 0 ? 8 : pull->dialed_max * 2;
        pull->dialed =
            rp_resize(pod->checks->alloc, pull->dialed, pull->dialed_max * sizeof *pull->dialed);
        RP_ASSERT(pull->dialed != NULL);
    }
    pull->dialed[pull->dial_count] = peer;
    pull->dial_count += 1;
}

static bool was_dialed(const struct check_pull *pull, uint64_t peer)
{
    for (uint64_t row = 0; row < pull->dial_count; row += 1) {
        if (pull->dialed[row] == peer) {
            return true;
        }
    }
    return false;
}

static void check_budget(struct check_pod *pod, struct check_pull *pull,
                         const struct rp_observation *seen)
{
    uint64_t peer = rp_table_hash(seen->peer_id);
    if (was_dialed(pull, peer)) {
        check_violate(pod, SIM_PROP_RETRY_BUDGET, "dial/twice",
                      "%.*s is dialled twice in one attempt for %.*s", CHECK_TEXT(seen->peer_id),
                      CHECK_TEXT(seen->path));
    }
    note_dialed(pod, pull, peer);
    if (pull->dial_count > pull->candidate_count) {
        check_violate(pod, SIM_PROP_RETRY_BUDGET, "dial/over-candidates",
                      "%llu dials for %llu candidates of %.*s",
                      (unsigned long long)pull->dial_count,
                      (unsigned long long)pull->candidate_count, CHECK_TEXT(seen->path));
    }
}

/* invariants.md, retry-budget: nobody but the origin whom the registry does not hold healthy. The
 * candidates are those of the attempt's beginning; after a change since then nothing is said. */
static void check_health(struct check_pod *pod, const struct check_pull *pull,
                         const struct rp_observation *seen)
{
    const struct rp_file_entry *entry = check_entry(pod, seen->path);
    const struct rp_node *node = sim_pod_node(pod->pod);
    bool is_origin = entry == NULL || rp_view_equal(entry->origin_node_id, seen->peer_id);
    if (!is_origin && node != NULL && pod->life.peer_change_count == pull->peer_changes &&
        !rp_node_holds_healthy(node, seen->peer_id)) {
        check_violate(pod, SIM_PROP_RETRY_BUDGET, "dial/unhealthy",
                      "%.*s is dialled for %.*s, and is neither its origin nor held healthy",
                      CHECK_TEXT(seen->peer_id), CHECK_TEXT(seen->path));
    }
}

static void on_dial(struct check_pod *pod, const struct rp_observation *seen)
{
    if (rp_view_equal(seen->peer_id, sim_pod_id(pod->pod))) {
        check_violate(pod, SIM_PROP_RETRY_BUDGET, "dial/self", "the node dials itself for %.*s",
                      CHECK_TEXT(seen->path));
    }
    struct check_pull *pull = pull_of_path(pod, seen->path);
    if (pull == NULL) {
        return;
    }
    check_reached(pod, SIM_PROP_RETRY_BUDGET);
    check_health(pod, pull, seen);
    pull->is_verified = false;
    if (pull->has_mismatch && seen->value == pull->attempt) {
        check_violate(pod, SIM_PROP_MISMATCH_STOPS_ATTEMPT, "dial/after-mismatch",
                      "%.*s is dialled for %.*s after a checksum mismatch in the same attempt",
                      CHECK_TEXT(seen->peer_id), CHECK_TEXT(seen->path));
    }
    check_budget(pod, pull, seen);
}

static void on_fetch_end(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_pull *pull = pull_of_path(pod, seen->path);
    if (pull == NULL) {
        return;
    }
    pull->try_ended_ns = check_now(pod->checks);
    pull->try_ended_clock_ns = check_clock(pod);
    pull->is_verified = seen->value == RP_FETCH_OK;
    if (seen->value == RP_FETCH_CHECKSUM_MISMATCH) {
        check_reached(pod, SIM_PROP_MISMATCH_STOPS_ATTEMPT);
        pull->has_mismatch = true;
    }
}

void check_pull_observe(struct check_pod *pod, const struct rp_observation *seen)
{
    switch (seen->kind) {
    case RP_SEE_ANNOUNCED: on_announced(pod, seen); break;
    case RP_SEE_PULL_BEGIN: on_pull_begin(pod, seen); break;
    case RP_SEE_ATTEMPT_BEGIN: on_attempt(pod, seen); break;
    case RP_SEE_DIAL: on_dial(pod, seen); break;
    case RP_SEE_FETCH_END: on_fetch_end(pod, seen); break;
    case RP_SEE_PULL_END: on_pull_end(pod, seen); break;
    case RP_SEE_PEER: pod->life.peer_change_count += 1; break;
    default: break;
    }
}

/* ---- At rest ---------------------------------------------------------------------------------- */

static void compare(struct check_pod *pod, const char *counter, uint64_t counted, uint64_t seen)
{
    if (counted != seen) {
        check_violate(pod, SIM_PROP_OUTCOME_ACCOUNTING, "rest/counters",
                      "counter %s says %llu, history says %llu", counter,
                      (unsigned long long)counted, (unsigned long long)seen);
    }
}

void check_pull_rest(struct check_pod *pod, const struct rp_node_inspection *inspection)
{
    const struct check_life *life = &pod->life;
    const struct rp_pull_counters *counters = &inspection->puller;
    if (life->owed_count != 0) {
        check_violate(pod, SIM_PROP_OUTCOME_ACCOUNTING, "rest/owed",
                      "%llu accepted announcements have no outcome",
                      (unsigned long long)life->owed_count);
    }
    compare(pod, "enqueued", counters->enqueued,
            life->announced[RP_ANNOUNCE_QUEUED] + life->announced[RP_ANNOUNCE_REPLACED]);
    compare(pod, "skipped_self", counters->skipped_self, life->announced[RP_ANNOUNCE_SELF]);
    compare(pod, "skipped_dup", counters->skipped_dup, life->announced[RP_ANNOUNCE_DUPLICATE]);
    compare(pod, "dropped", counters->dropped, life->announced[RP_ANNOUNCE_DROPPED]);
    compare(pod, "pulled", counters->pulled, life->ended[RP_PULL_PULLED]);
    compare(pod, "skipped_local", counters->skipped_local, life->ended[RP_PULL_PRESENT]);
    compare(pod, "failed", counters->failed, life->ended[RP_PULL_FAILED]);
    compare(pod, "cancelled", counters->cancelled, life->ended[RP_PULL_CANCELLED]);
    compare(pod, "obsolete", counters->obsolete, life->ended[RP_PULL_OBSOLETE]);
    compare(pod, "inflight_count", counters->inflight_count, 0);
    compare(pod, "queue_depth", counters->queue_depth, 0);
}
