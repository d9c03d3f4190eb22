#include "protocol/readiness.h"

#include "protocol/error.h"
#include "protocol/panic.h"
#include "protocol/table.h"

/* What is kept of a path, as long as any of it holds. */
struct mark {
    bool is_tagged, has_failed, was_dropped;
    size_t path_length_bytes;
    uint8_t path[];
};

struct rp_readiness {
    const struct rp_alloc *alloc; /* borrowed */
    const struct rp_traits *traits;
    struct rp_table marks; /* path -> owned mark */
    uint64_t tagged_count, failed_count, dropped_count;
    uint64_t unmarked_drops; /* refused by the queue and by memory: kept as a number */
    bool is_started, is_stopped, has_puller;
    bool is_walk_complete, has_barrier, is_walking_without;
    bool was_ready; /* in this life */
    bool is_ready_told;
    struct rp_catchup_counters catchup;
};

int rp_readiness_new(const struct rp_traits *traits, const struct rp_alloc *alloc,
                     struct rp_readiness **readiness_out)
{
    struct rp_readiness *readiness = rp_allocate_zeroed(alloc, sizeof *readiness);
    if (readiness == NULL) {
        return RP_ERR_NOMEM;
    }
    readiness->alloc = alloc;
    readiness->traits = traits;
    rp_table_init(&readiness->marks, alloc);
    *readiness_out = readiness;
    return 0;
}

void rp_readiness_free(struct rp_readiness *readiness)
{
    if (readiness == NULL) {
        return;
    }
    size_t cursor = 0;
    struct mark *mark;
    while ((mark = rp_table_next(&readiness->marks, &cursor)) != NULL) {
        rp_release(readiness->alloc, mark);
    }
    rp_table_clear(&readiness->marks);
    rp_release(readiness->alloc, readiness);
}

/* ---- Rules ------------------------------------------------------------------------------------ */

static bool is_settled(const struct rp_readiness *readiness)
{
    return readiness->is_walk_complete && readiness->tagged_count == 0 &&
           readiness->failed_count == 0 && readiness->dropped_count == 0 &&
           readiness->unmarked_drops == 0;
}

/* behaviour.md 11, "ready when" */
static bool is_rule_met(const struct rp_readiness *readiness)
{
    switch (readiness->traits->ready_rule) {
    case RP_READY_UP: return true;
    case RP_READY_WALK_DONE: return readiness->is_walk_complete;
    case RP_READY_SETTLED: return is_settled(readiness);
    case RP_READY_BARRIER_SETTLED:
        /* Once ready, ready until stop: what comes later is ordinary lag. */
        return readiness->was_ready || (readiness->has_barrier && is_settled(readiness));
    }
    return false;
}

bool rp_readiness_is_ready(const struct rp_readiness *readiness)
{
    if (!readiness->is_started || readiness->is_stopped) {
        return false;
    }
    return !readiness->has_puller || is_rule_met(readiness);
}

/* The rules that follow what happens to a path, not only to its pull. */
static bool is_careful(const struct rp_readiness *readiness)
{
    return readiness->traits->ready_rule == RP_READY_BARRIER_SETTLED;
}

static void update(struct rp_readiness *readiness)
{
    readiness->was_ready = readiness->was_ready || rp_readiness_is_ready(readiness);
}

bool rp_readiness_poll(struct rp_readiness *readiness, bool *is_ready_out)
{
    bool is_ready = rp_readiness_is_ready(readiness);
    if (is_ready == readiness->is_ready_told) {
        return false;
    }
    readiness->is_ready_told = is_ready;
    *is_ready_out = is_ready;
    return true;
}

void rp_readiness_start(struct rp_readiness *readiness, bool has_puller)
{
    readiness->is_started = true;
    readiness->has_puller = has_puller;
    update(readiness);
}

void rp_readiness_stop(struct rp_readiness *readiness)
{
    readiness->is_stopped = true;
}

/* ---- Marks ------------------------------------------------------------------------------------ */

static struct mark *open_mark(struct rp_readiness *readiness, struct rp_view path)
{
    struct mark *mark = rp_table_get(&readiness->marks, path);
    if (mark != NULL) {
        return mark;
    }
    mark = rp_allocate_zeroed(readiness->alloc, sizeof *mark + path.length_bytes);
    if (mark == NULL) {
        return NULL;
    }
    mark->path_length_bytes = path.length_bytes;
    if (path.length_bytes > 0) {
        memcpy(mark->path, path.bytes, path.length_bytes);
    }
    if (rp_table_put(&readiness->marks, rp_view_make(mark->path, path.length_bytes), mark, NULL) !=
        0) {
        rp_release(readiness->alloc, mark);
        return NULL;
    }
    return mark;
}

static void close_if_bare(struct rp_readiness *readiness, struct mark *mark)
{
    if (!mark->is_tagged && !mark->has_failed && !mark->was_dropped) {
        rp_table_remove(&readiness->marks, rp_view_make(mark->path, mark->path_length_bytes));
        rp_release(readiness->alloc, mark);
    }
}

/* Sets one of the three, keeping its count. */
static void set(bool *field, uint64_t *count, bool value)
{
    *count += (uint64_t)(value && !*field);
    *count -= (uint64_t)(!value && *field);
    *field = value;
}

static void set_tagged(struct rp_readiness *readiness, struct mark *mark, bool value)
{
    set(&mark->is_tagged, &readiness->tagged_count, value);
}

static void clear_trouble(struct rp_readiness *readiness, struct mark *mark)
{
    set(&mark->has_failed, &readiness->failed_count, false);
    set(&mark->was_dropped, &readiness->dropped_count, false);
}

int rp_readiness_tag(struct rp_readiness *readiness, struct rp_view path)
{
    struct mark *mark = open_mark(readiness, path);
    if (mark == NULL) {
        return RP_ERR_NOMEM;
    }
    set_tagged(readiness, mark, true);
    return 0;
}

void rp_readiness_untaggable(struct rp_readiness *readiness)
{
    readiness->unmarked_drops += 1;
}

void rp_readiness_dropped(struct rp_readiness *readiness, struct rp_view path)
{
    struct mark *mark = rp_table_get(&readiness->marks, path);
    if (mark == NULL || !mark->is_tagged) {
        return;
    }
    set_tagged(readiness, mark, false);
    set(&mark->was_dropped, &readiness->dropped_count, true);
}

void rp_readiness_announced(struct rp_readiness *readiness, struct rp_view path)
{
    if (!is_careful(readiness) || readiness->has_barrier || !readiness->has_puller) {
        return;
    }
    if (rp_readiness_tag(readiness, path) != 0) {
        rp_readiness_untaggable(readiness);
    }
}

void rp_readiness_lost(struct rp_readiness *readiness, struct rp_view path)
{
    if (is_careful(readiness) && readiness->has_puller && !readiness->was_ready &&
        rp_readiness_tag(readiness, path) != 0) {
        rp_readiness_untaggable(readiness);
    }
}

/* behaviour.md 11, "tag life": a failure counts only for a tagged path, a success clears whatever
 * was recorded for it. */
void rp_readiness_pull_ended(struct rp_readiness *readiness, struct rp_view path,
                             enum rp_pull_outcome outcome, bool is_replaced)
{
    struct mark *mark = rp_table_get(&readiness->marks, path);
    if (mark == NULL || (is_replaced && is_careful(readiness))) {
        return;
    }
    bool was_tagged = mark->is_tagged;
    set_tagged(readiness, mark, false);
    if (outcome == RP_PULL_PULLED || outcome == RP_PULL_PRESENT) {
        clear_trouble(readiness, mark);
    } else if (outcome == RP_PULL_FAILED && was_tagged) {
        set(&mark->has_failed, &readiness->failed_count, true);
    } else if (outcome == RP_PULL_DROPPED && was_tagged) {
        set(&mark->was_dropped, &readiness->dropped_count, true);
    }
    close_if_bare(readiness, mark);
    update(readiness);
}

/* Only where readiness follows what happens to a path. */
static void forget(struct rp_readiness *readiness, struct rp_view path)
{
    struct mark *mark = is_careful(readiness) ? rp_table_get(&readiness->marks, path) : NULL;
    if (mark == NULL) {
        return;
    }
    set_tagged(readiness, mark, false);
    clear_trouble(readiness, mark);
    close_if_bare(readiness, mark);
    update(readiness);
}

void rp_readiness_deleted(struct rp_readiness *readiness, struct rp_view path)
{
    forget(readiness, path);
}

void rp_readiness_present(struct rp_readiness *readiness, struct rp_view path)
{
    if (rp_table_count(&readiness->marks) >
        0) { /* mostly there is none: a rescan looks at every file */
        forget(readiness, path);
    }
}

void rp_readiness_all_present(struct rp_readiness *readiness)
{
    readiness->unmarked_drops = 0;
    update(readiness);
}

/* ---- Walk and barrier ------------------------------------------------------------------------- */

void rp_readiness_walk_began(struct rp_readiness *readiness, int64_t wall_unix_ns)
{
    readiness->catchup.started_at_unix_ns = wall_unix_ns;
    readiness->is_walking_without = is_careful(readiness) && !readiness->has_barrier;
}

void rp_readiness_walk_ended(struct rp_readiness *readiness, bool is_complete, int64_t wall_unix_ns)
{
    if (is_complete) {
        readiness->is_walk_complete = true;
        readiness->catchup.completed_at_unix_ns = wall_unix_ns;
    }
    update(readiness);
}

void rp_readiness_barrier_passed(struct rp_readiness *readiness)
{
    readiness->has_barrier = true;
    readiness->is_walking_without = false;
    update(readiness);
}

bool rp_readiness_has_barrier(const struct rp_readiness *readiness)
{
    return readiness->has_barrier;
}

bool rp_readiness_is_degraded(const struct rp_readiness *readiness)
{
    return readiness->is_walking_without;
}

/* ---- Status ----------------------------------------------------------------------------------- */

struct rp_catchup_counters *rp_readiness_catchup(struct rp_readiness *readiness)
{
    return &readiness->catchup;
}

uint64_t rp_readiness_tagged_count(const struct rp_readiness *readiness)
{
    return readiness->tagged_count;
}

uint64_t rp_readiness_failed_count(const struct rp_readiness *readiness)
{
    return readiness->failed_count;
}

uint64_t rp_readiness_dropped_count(const struct rp_readiness *readiness)
{
    return readiness->dropped_count + readiness->unmarked_drops;
}

static const char *const STATUS_NAMES[] = {
#define STATUS_NAME(name, is_time) #name,
    RP_CATCHUP_STATUS_TABLE(STATUS_NAME)
#undef STATUS_NAME
};

static const size_t STATUS_OFFSETS[] = {
#define STATUS_OFFSET(name, is_time) offsetof(struct rp_catchup_status, name),
    RP_CATCHUP_STATUS_TABLE(STATUS_OFFSET)
#undef STATUS_OFFSET
};

const char *rp_catchup_status_name(size_t index)
{
    RP_ASSERT(index < RP_CATCHUP_STATUS_COUNT);
    return STATUS_NAMES[index];
}

int64_t rp_catchup_status_value(const struct rp_catchup_status *status, size_t index)
{
    RP_ASSERT(index < RP_CATCHUP_STATUS_COUNT);
    int64_t value;
    memcpy(&value, (const uint8_t *)status + STATUS_OFFSETS[index], sizeof value);
    return value;
}

static int64_t seconds(int64_t unix_ns)
{
    return unix_ns / (int64_t)RP_NS_PER_S;
}

/* behaviour.md 11, "catchup_status keys" */
void rp_readiness_status(const struct rp_readiness *readiness,
                         const struct rp_pull_counters *counters,
                         struct rp_catchup_status *status_out)
{
    const struct rp_catchup_counters *catchup = &readiness->catchup;
    status_out->started_at = seconds(catchup->started_at_unix_ns);
    status_out->completed_at = seconds(catchup->completed_at_unix_ns);
    status_out->entries_walked = (int64_t)catchup->entries_walked;
    status_out->enqueued = (int64_t)catchup->enqueued;
    status_out->skipped_local = (int64_t)catchup->skipped_local;
    status_out->skipped_dup = (int64_t)counters->skipped_dup;
    status_out->pulled = (int64_t)counters->pulled;
    status_out->failed = (int64_t)counters->failed;
    status_out->dropped = (int64_t)counters->dropped;
    status_out->catchup_inflight = (int64_t)readiness->tagged_count;
    status_out->catchup_failed = (int64_t)readiness->failed_count;
    status_out->catchup_dropped = (int64_t)rp_readiness_dropped_count(readiness);
    status_out->queue_depth = (int64_t)counters->queue_depth;
    status_out->inflight_count = (int64_t)counters->inflight_count;
}
