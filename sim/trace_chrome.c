/* A run as Chrome trace, which Perfetto opens (docs/results.md, Traces).
 *
 * The world and each node are processes; a node's tracks are its life, role, join, barrier, walk, gate,
 * one a worker of its puller (pulls, in them attempts, in them fetches and publications), counters of its
 * queues, and instants. Each track has its number whatever happens in the run; processes are numbered in
 * the order in which they are first seen. Slices of a track nest, and each that is begun is ended: by
 * what ends it, by the end of the node's life, or by the end of the trace.
 *
 * Left out: events of the queue and notes other than those of lives and violations. The .jsonl has them. */
#include <stdio.h>
#include <stdlib.h>

#include "protocol/fetch_client.h"
#include "protocol/panic.h"
#include "protocol/puller.h"
#include "sim/trace_internal.h"

#define LANE_MAX   4096u
#define WORKER_MAX 1024u

/* X(name, number, text) */
#define TRACK_TABLE(X)                                                                             \
    X(TRACK_LIFE, 1, "life")                                                                       \
    X(TRACK_ROLE, 2, "role")                                                                       \
    X(TRACK_JOIN, 3, "join")                                                                       \
    X(TRACK_BARRIER, 4, "barrier")                                                                 \
    X(TRACK_WALK, 5, "walk")                                                                       \
    X(TRACK_GATE, 6, "gate")                                                                       \
    X(TRACK_SEEN, 7, "seen")                                                                       \
    X(TRACK_FAULTS, 8, "faults")
#define TRACK_ENUM(name, number, text) name = (number),
enum track { TRACK_TABLE(TRACK_ENUM) TRACK_COUNT, TRACK_WORKER_FIRST = 100 };
#undef TRACK_ENUM

/* How deep the slices of a worker's track lie. */
enum depth { DEPTH_IDLE, DEPTH_PULL, DEPTH_ATTEMPT, DEPTH_STEP };

struct worker {
    char *path; /* owned */
    size_t path_bytes;
    enum depth depth;
    bool is_named;
};

struct lane {
    char *name; /* owned */
    size_t name_bytes;
    bool is_open[TRACK_COUNT]; /* tracks that hold one slice at a time */
    bool is_stopping;
    struct worker *workers; /* owned */
    size_t worker_count;
    uint64_t queued_count, running_count;
};

struct trace_chrome {
    FILE *file;         /* borrowed */
    struct lane *lanes; /* owned; the first is the world's */
    size_t lane_count;
    rp_time_ns now_ns;
    bool is_first;
    struct sim_trace_line line;
    size_t arguments_at; /* in the line */
};

/* ---- One event of the format ------------------------------------------------------------------- */

static void put_stamp(struct trace_chrome *chrome, size_t lane, unsigned track)
{
    struct sim_trace_line *line = &chrome->line;
    char fraction[8];
    (void)snprintf(fraction, sizeof fraction, ".%03u", (unsigned)(chrome->now_ns % RP_NS_PER_US));
    trace_put(line, ",\"ts\":");
    trace_put_number(line, chrome->now_ns / RP_NS_PER_US);
    trace_put(line, fraction);
    trace_put(line, ",\"pid\":");
    trace_put_number(line, lane + 1);
    trace_put(line, ",\"tid\":");
    trace_put_number(line, track);
}

/* The line up to its arguments: `put_...` and write_end follow. */
static void write_begin(struct trace_chrome *chrome, const char *phase, struct rp_view name,
                        size_t lane, unsigned track)
{
    struct sim_trace_line *line = &chrome->line;
    line->length_bytes = 0;
    trace_put(line, chrome->is_first ? "\n" : ",\n");
    chrome->is_first = false;
    trace_put(line, "{\"ph\":\"");
    trace_put(line, phase);
    trace_put(line, "\"");
    trace_put_member(line, "name", name);
    put_stamp(chrome, lane, track);
    if (phase[0] == 'i') {
        trace_put(line, lane == 0 ? ",\"s\":\"g\"" : ",\"s\":\"t\"");
    }
    trace_put(line, ",\"args\":{");
    chrome->arguments_at = line->length_bytes;
}

static void write_end(struct trace_chrome *chrome)
{
    struct sim_trace_line *line = &chrome->line;
    trace_put(line, "}}");
    if (line->text[chrome->arguments_at] == ',') { /* each argument brought its comma */
        line->text[chrome->arguments_at] = ' ';
    }
    (void)fwrite(line->text, 1, line->length_bytes, chrome->file);
}

static void put_value(struct trace_chrome *chrome, const char *name, uint64_t value)
{
    trace_put(&chrome->line, ",\"");
    trace_put(&chrome->line, name);
    trace_put(&chrome->line, "\":");
    trace_put_number(&chrome->line, value);
}

static void write_name(struct trace_chrome *chrome, const char *what, struct rp_view name,
                       size_t lane, unsigned track)
{
    write_begin(chrome, "M", rp_view_text(what), lane, track);
    trace_put_member(&chrome->line, "name", name);
    write_end(chrome);
}

/* ---- Lanes ------------------------------------------------------------------------------------- */

static void name_tracks(struct trace_chrome *chrome, size_t lane)
{
#define TRACK_NAME(name, number, text)                                                             \
    write_name(chrome, "thread_name", rp_view_text(text), lane, number);
    TRACK_TABLE(TRACK_NAME)
#undef TRACK_NAME
}

static size_t add_lane(struct trace_chrome *chrome, struct rp_view name)
{
    struct lane *lanes = realloc(chrome->lanes, (chrome->lane_count + 1) * sizeof *lanes);
    RP_ASSERT(lanes != NULL);
    chrome->lanes = lanes;
    struct lane *lane = &lanes[chrome->lane_count];
    *lane = (struct lane){.name = malloc(name.length_bytes + 1), .name_bytes = name.length_bytes};
    RP_ASSERT(lane->name != NULL);
    memcpy(lane->name, name.bytes, name.length_bytes);
    size_t index = chrome->lane_count++;
    write_name(chrome, "process_name", name, index, 0);
    write_begin(chrome, "M", rp_view_text("process_sort_index"), index, 0);
    put_value(chrome, "sort_index", index);
    write_end(chrome);
    return index;
}

/* What has no node, or one too many, is the world's. */
static size_t lane_of(struct trace_chrome *chrome, struct rp_view name)
{
    for (size_t index = 1; index < chrome->lane_count; index += 1) {
        struct lane *lane = &chrome->lanes[index];
        if (rp_view_equal(rp_view_make(lane->name, lane->name_bytes), name)) {
            return index;
        }
    }
    if (name.length_bytes == 0 || chrome->lane_count == LANE_MAX) {
        return 0;
    }
    size_t index = add_lane(chrome, name);
    name_tracks(chrome, index);
    return index;
}

/* ---- Slices ------------------------------------------------------------------------------------ */

static void slice_end(struct trace_chrome *chrome, size_t lane, enum track track)
{
    if (chrome->lanes[lane].is_open[track]) {
        write_begin(chrome, "E", rp_view_text(""), lane, track);
        write_end(chrome);
        chrome->lanes[lane].is_open[track] = false;
    }
}

/* Takes the place of the slice that is open there. */
static void slice_begin(struct trace_chrome *chrome, size_t lane, enum track track,
                        const char *name, const struct rp_observation *seen)
{
    slice_end(chrome, lane, track);
    write_begin(chrome, "B", rp_view_text(name), lane, track);
    if (seen != NULL) {
        trace_put_observation(&chrome->line, seen);
    }
    write_end(chrome);
    chrome->lanes[lane].is_open[track] = true;
}

static void instant(struct trace_chrome *chrome, size_t lane, enum track track, const char *name,
                    const struct rp_observation *seen, struct rp_view text)
{
    write_begin(chrome, "i", rp_view_text(name), lane, track);
    if (seen != NULL) {
        trace_put_observation(&chrome->line, seen);
    }
    trace_put_member(&chrome->line, "text", text);
    write_end(chrome);
}

static void count_pulls(struct trace_chrome *chrome, size_t lane)
{
    write_begin(chrome, "C", rp_view_text("pulls"), lane, 0);
    put_value(chrome, "queued", chrome->lanes[lane].queued_count);
    put_value(chrome, "running", chrome->lanes[lane].running_count);
    write_end(chrome);
}

static void count_flushes(struct trace_chrome *chrome, size_t lane, uint64_t depth)
{
    write_begin(chrome, "C", rp_view_text("flushes"), lane, 0);
    put_value(chrome, "queued", depth);
    write_end(chrome);
}

/* ---- Pulls ------------------------------------------------------------------------------------- */

static struct worker *worker_at(struct trace_chrome *chrome, size_t lane_index, uint64_t number)
{
    struct lane *lane = &chrome->lanes[lane_index];
    if (number >= WORKER_MAX) {
        return NULL;
    }
    if (number >= lane->worker_count) {
        struct worker *workers = realloc(lane->workers, (number + 1) * sizeof *workers);
        RP_ASSERT(workers != NULL);
        memset(workers + lane->worker_count, 0,
               (number + 1 - lane->worker_count) * sizeof *workers);
        lane->workers = workers;
        lane->worker_count = number + 1;
    }
    return &lane->workers[number];
}

static struct worker *worker_on(struct lane *lane, struct rp_view path)
{
    for (size_t index = 0; index < lane->worker_count; index += 1) {
        struct worker *worker = &lane->workers[index];
        if (worker->depth > DEPTH_IDLE &&
            rp_view_equal(rp_view_make(worker->path, worker->path_bytes), path)) {
            return worker;
        }
    }
    return NULL;
}

static unsigned track_of(const struct lane *lane, const struct worker *worker)
{
    return TRACK_WORKER_FIRST + (unsigned)(worker - lane->workers);
}

/* Ends the innermost slice; `outcome` may be empty. */
static void worker_pop(struct trace_chrome *chrome, size_t lane, struct worker *worker,
                       const char *outcome, const struct rp_observation *seen)
{
    write_begin(chrome, "E", rp_view_text(""), lane, track_of(&chrome->lanes[lane], worker));
    trace_put_member(&chrome->line, "outcome", rp_view_text(outcome));
    if (seen != NULL) {
        trace_put_observation(&chrome->line, seen);
    }
    write_end(chrome);
    worker->depth -= 1;
}

static void worker_push(struct trace_chrome *chrome, size_t lane, struct worker *worker,
                        enum depth depth, const char *name, const struct rp_observation *seen)
{
    while (worker->depth >= depth) {
        worker_pop(chrome, lane, worker, "", NULL);
    }
    write_begin(chrome, "B", rp_view_text(name), lane, track_of(&chrome->lanes[lane], worker));
    trace_put_observation(&chrome->line, seen);
    write_end(chrome);
    worker->depth += 1;
}

static void pull_begins(struct trace_chrome *chrome, size_t lane, const struct rp_observation *seen)
{
    struct worker *worker = worker_at(chrome, lane, seen->value);
    if (worker == NULL) {
        return;
    }
    if (!worker->is_named) {
        char name[32];
        (void)snprintf(name, sizeof name, "pull worker %u", (unsigned)seen->value);
        write_name(chrome, "thread_name", rp_view_text(name), lane,
                   track_of(&chrome->lanes[lane], worker));
        worker->is_named = true;
    }
    chrome->lanes[lane].running_count += worker->depth == DEPTH_IDLE;
    worker_push(chrome, lane, worker, DEPTH_PULL, "pull", seen);
    free(worker->path);
    worker->path = malloc(seen->path.length_bytes + 1);
    RP_ASSERT(worker->path != NULL);
    memcpy(worker->path, seen->path.bytes, seen->path.length_bytes);
    worker->path_bytes = seen->path.length_bytes;
    chrome->lanes[lane].queued_count -= chrome->lanes[lane].queued_count > 0;
    count_pulls(chrome, lane);
}

static void worker_idle(struct trace_chrome *chrome, size_t lane, struct worker *worker,
                        const char *outcome, const struct rp_observation *seen)
{
    while (worker->depth > DEPTH_PULL) {
        worker_pop(chrome, lane, worker, "", NULL);
    }
    if (worker->depth == DEPTH_PULL) {
        worker_pop(chrome, lane, worker, outcome, seen);
        chrome->lanes[lane].running_count -= 1;
    }
}

static void pull_ends(struct trace_chrome *chrome, size_t lane, const struct rp_observation *seen)
{
    struct worker *worker = worker_on(&chrome->lanes[lane], seen->path);
    if (worker == NULL) { /* it never had one: cancelled or obsolete while it waited */
        chrome->lanes[lane].queued_count -= chrome->lanes[lane].queued_count > 0;
    } else {
        const char *outcome = seen->value < RP_PULL_OUTCOME_COUNT
                                  ? rp_pull_outcome_name((enum rp_pull_outcome)seen->value)
                                  : "";
        worker_idle(chrome, lane, worker, outcome, seen);
    }
    count_pulls(chrome, lane);
}

/* What a worker does in a pull; false: nobody pulls that path. */
static bool pull_goes_on(struct trace_chrome *chrome, size_t lane,
                         const struct rp_observation *seen)
{
    struct worker *worker = worker_on(&chrome->lanes[lane], seen->path);
    if (worker == NULL) {
        return false;
    }
    switch (seen->kind) {
    case RP_SEE_ATTEMPT_BEGIN:
        worker_push(chrome, lane, worker, DEPTH_ATTEMPT, "attempt", seen);
        return true;
    case RP_SEE_DIAL: worker_push(chrome, lane, worker, DEPTH_STEP, "fetch", seen); return true;
    case RP_SEE_PUBLISH_BEGIN:
        worker_push(chrome, lane, worker, DEPTH_STEP, "publish", seen);
        return true;
    case RP_SEE_FETCH_END:
        if (worker->depth > DEPTH_ATTEMPT) {
            worker_pop(chrome, lane, worker,
                       rp_fetch_outcome_name((enum rp_fetch_outcome)seen->value), seen);
        }
        return true;
    case RP_SEE_PUBLISHED:
        if (worker->depth > DEPTH_ATTEMPT) {
            worker_pop(chrome, lane, worker, seen->error == 0 ? "ok" : "error", seen);
        }
        return true;
    default: return false;
    }
}

/* ---- Nodes ------------------------------------------------------------------------------------- */

static void life_ends(struct trace_chrome *chrome, size_t lane_index)
{
    struct lane *lane = &chrome->lanes[lane_index];
    for (size_t index = 0; index < lane->worker_count; index += 1) {
        worker_idle(chrome, lane_index, &lane->workers[index], "", NULL);
    }
    if (lane->is_stopping) {
        write_begin(chrome, "E", rp_view_text(""), lane_index, TRACK_LIFE);
        write_end(chrome);
        lane->is_stopping = false;
    }
    for (unsigned track = TRACK_LIFE; track < TRACK_COUNT; track += 1) {
        slice_end(chrome, lane_index, (enum track)track);
    }
    if (lane->queued_count > 0) {
        lane->queued_count = 0;
        count_pulls(chrome, lane_index);
    }
}

static void stop_begins(struct trace_chrome *chrome, size_t lane)
{
    if (!chrome->lanes[lane].is_stopping) {
        write_begin(chrome, "B", rp_view_text("stopping"), lane, TRACK_LIFE);
        write_end(chrome);
        chrome->lanes[lane].is_stopping = true;
    }
}

static void announced(struct trace_chrome *chrome, size_t lane, const struct rp_observation *seen)
{
    if (seen->value == RP_ANNOUNCE_QUEUED || seen->value == RP_ANNOUNCE_REPLACED) {
        chrome->lanes[lane].queued_count += 1;
        count_pulls(chrome, lane);
    }
}

/* True: it became more than an instant. */
static bool node_slice(struct trace_chrome *chrome, size_t lane, const struct rp_observation *seen)
{
    switch (seen->kind) {
    case RP_SEE_LEADER:
        slice_begin(chrome, lane, TRACK_ROLE,
                    seen->value2 != 0  ? "leads"
                    : seen->value != 0 ? "follows"
                                       : "leaderless",
                    seen);
        return true;
    case RP_SEE_JOIN_BEGIN: slice_begin(chrome, lane, TRACK_JOIN, "join", seen); return true;
    case RP_SEE_JOIN_END: slice_end(chrome, lane, TRACK_JOIN); return false;
    case RP_SEE_BARRIER_BEGIN:
        slice_begin(chrome, lane, TRACK_BARRIER, "barrier", NULL);
        return true;
    case RP_SEE_BARRIER_END: slice_end(chrome, lane, TRACK_BARRIER); return false;
    case RP_SEE_WALK_BEGIN: slice_begin(chrome, lane, TRACK_WALK, "walk", seen); return true;
    case RP_SEE_WALK_END: slice_end(chrome, lane, TRACK_WALK); return false;
    case RP_SEE_READY:
        if (seen->value == 0) {
            slice_end(chrome, lane, TRACK_GATE);
            return false;
        }
        slice_begin(chrome, lane, TRACK_GATE, "ready", NULL);
        return true;
    case RP_SEE_STOP_BEGIN: stop_begins(chrome, lane); return true;
    case RP_SEE_PULL_BEGIN: pull_begins(chrome, lane, seen); return true;
    case RP_SEE_PULL_END: pull_ends(chrome, lane, seen); return false;
    case RP_SEE_ANNOUNCED: announced(chrome, lane, seen); return false;
    case RP_SEE_FLUSH_QUEUED: count_flushes(chrome, lane, seen->value); return false;
    default: return pull_goes_on(chrome, lane, seen);
    }
}

static void observation(struct trace_chrome *chrome, const struct sim_trace_record *record)
{
    size_t lane = lane_of(chrome, record->node_id);
    const struct rp_observation *seen = &record->observation;
    if (lane != 0 && node_slice(chrome, lane, seen)) {
        return;
    }
    instant(chrome, lane, lane == 0 ? TRACK_FAULTS : TRACK_SEEN, rp_observation_name(seen->kind),
            seen, rp_view_text(""));
}

/* ---- The world --------------------------------------------------------------------------------- */

static void note(struct trace_chrome *chrome, const struct sim_trace_record *record)
{
    if (strcmp(record->name, "life-begins") == 0) {
        slice_begin(chrome, lane_of(chrome, record->data), TRACK_LIFE, "life", NULL);
    } else if (strcmp(record->name, "life-killed") == 0 ||
               strcmp(record->name, "life-stopped") == 0) {
        size_t lane = lane_of(chrome, record->data);
        life_ends(chrome, lane);
        instant(chrome, lane, TRACK_LIFE, record->name, NULL, rp_view_text(""));
    } else if (strcmp(record->name, "violation") == 0) {
        instant(chrome, 0, TRACK_FAULTS, "violation", NULL, record->data);
    }
}

static void mark(struct trace_chrome *chrome, const struct sim_trace_record *record)
{
    if (strcmp(record->name, "phase") == 0) {
        char name[32];
        (void)snprintf(name, sizeof name, "%.*s", (int)record->data.length_bytes,
                       (const char *)record->data.bytes);
        slice_begin(chrome, 0, TRACK_LIFE, name, NULL);
        return;
    }
    instant(chrome, lane_of(chrome, record->node_id), TRACK_FAULTS, record->name, NULL,
            record->data);
}

void trace_chrome_record(struct trace_chrome *chrome, const struct sim_trace_record *record)
{
    chrome->now_ns = record->time_ns;
    switch (record->sort) {
    case SIM_TRACE_EVENT: break;
    case SIM_TRACE_OBSERVATION: observation(chrome, record); break;
    case SIM_TRACE_NOTE: note(chrome, record); break;
    case SIM_TRACE_MARK: mark(chrome, record); break;
    }
}

struct trace_chrome *trace_chrome_new(FILE *file)
{
    struct trace_chrome *chrome = calloc(1, sizeof *chrome);
    RP_ASSERT(chrome != NULL);
    chrome->file = file;
    chrome->is_first = true;
    (void)fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[", file);
    size_t world = add_lane(chrome, rp_view_text("world"));
    write_name(chrome, "thread_name", rp_view_text("phase"), world, TRACK_LIFE);
    write_name(chrome, "thread_name", rp_view_text("faults"), world, TRACK_FAULTS);
    slice_begin(chrome, world, TRACK_LIFE, "set-up", NULL);
    return chrome;
}

void trace_chrome_end(struct trace_chrome *chrome)
{
    for (size_t lane = 0; lane < chrome->lane_count; lane += 1) {
        life_ends(chrome, lane);
    }
    (void)fputs("\n]}\n", chrome->file);
}

void trace_chrome_free(struct trace_chrome *chrome)
{
    if (chrome == NULL) {
        return;
    }
    for (size_t lane = 0; lane < chrome->lane_count; lane += 1) {
        for (size_t index = 0; index < chrome->lanes[lane].worker_count; index += 1) {
            free(chrome->lanes[lane].workers[index].path);
        }
        free(chrome->lanes[lane].workers);
        free(chrome->lanes[lane].name);
    }
    free(chrome->lanes);
    sim_trace_line_clear(&chrome->line);
    free(chrome);
}
