#include "protocol/compaction.h"

#include "protocol/command.h"
#include "protocol/error.h"
#include "protocol/limits.h"
#include "protocol/panic.h"

/* One completion file. */
struct job {
    struct job *next;
    struct rp_arena arena; /* of the texts below */
    struct rp_completion completion;
    bool is_found;      /* by a scan at start */
    bool is_registered; /* RP_COMPACTION_WATCHED: by this life */
    bool is_hopeless;
    uint64_t ticket;                 /* of the proposal under way; 0: none */
    bool is_to_propose;              /* it has a ticket, and was not handed out yet */
    bool has_registers, has_deletes; /* of that proposal */
    rp_time_ns rest_until_ns;
    enum rp_compaction_progress progress;
    bool is_removal_wanted, is_removing, has_removal_failed;
    size_t output_removed_count; /* given up: outputs whose removal was asked for */
};

/* What a look decided for one job. */
struct plan {
    bool has_registers, has_deletes;
    bool is_done, is_given_up;
};

struct rp_compaction_watcher {
    const struct rp_alloc *alloc;
    char *node_id; /* owned */
    void (*plan)(const struct job *job, const struct rp_manifest *manifest, bool is_current,
                 struct plan *plan_out);
    bool is_split; /* batches are cut to size, and name only sources that are still there */
    const struct rp_manifest *manifest; /* during a look */
    struct job *jobs;                   /* in order of arrival */
    uint64_t next_ticket;
    rp_time_ns now_ns, stop_deadline_ns;
    int last_error;
    struct rp_buffer command;
};

/* ---- Two ways to look at a job --------------------------------------------------------------- */

static void plan_watched(const struct job *job, const struct rp_manifest *manifest, bool is_current,
                         struct plan *plan_out)
{
    (void)manifest;
    (void)is_current;
    plan_out->has_registers =
        job->completion.state != RP_COMPLETION_WRITING_OUTPUT && !job->is_registered;
    plan_out->has_deletes = job->completion.state == RP_COMPLETION_SOURCES_DELETED;
}

static size_t sources_left(const struct job *job, const struct rp_manifest *manifest)
{
    size_t count = 0;
    for (size_t i = 0; i < job->completion.source_count; i++) {
        count += rp_manifest_file(manifest, job->completion.sources[i].path) != NULL;
    }
    return count;
}

/* Registered, or registered once and deleted since. */
static bool is_settled(const struct job *job, const struct rp_manifest *manifest)
{
    for (size_t i = 0; i < job->completion.output_count; i++) {
        const struct rp_completion_output *output = &job->completion.outputs[i];
        const struct rp_file_entry *entry = rp_manifest_file(manifest, output->path);
        bool is_here = entry != NULL && rp_view_equal(entry->sha256, output->sha256);
        if (!is_here && rp_manifest_deletion(manifest, output->path) == 0) {
            return false;
        }
    }
    return true;
}

static void plan_until_seen(const struct job *job, const struct rp_manifest *manifest,
                            bool is_current, struct plan *plan_out)
{
    if (job->is_found && !is_current) {
        return;
    }
    bool is_written = job->completion.state != RP_COMPLETION_WRITING_OUTPUT;
    bool is_here = is_settled(job, manifest);
    size_t left = sources_left(job, manifest);
    if (!is_written) {
        plan_out->is_given_up = job->is_found; /* its life ended before the output was whole */
    } else if (left == 0 && (is_here || job->completion.source_count > 0)) {
        plan_out->is_done = is_here;
        plan_out->is_given_up = !is_here;
    } else {
        plan_out->has_registers = !is_here;
        plan_out->has_deletes = left > 0;
    }
}

/* ---- Birth and death ------------------------------------------------------------------------- */

int rp_compaction_new(const struct rp_traits *traits, const struct rp_alloc *alloc,
                      struct rp_view node_id, struct rp_compaction_watcher **compaction_out)
{
    if (traits->compaction == RP_COMPACTION_NONE) {
        return RP_ERR_UNSUPPORTED;
    }
    struct rp_compaction_watcher *compaction = rp_allocate_zeroed(alloc, sizeof *compaction);
    char *id = rp_allocate_zeroed(alloc, node_id.length_bytes + 1);
    if (compaction == NULL || id == NULL) {
        rp_release(alloc, compaction);
        rp_release(alloc, id);
        return RP_ERR_NOMEM;
    }
    if (node_id.length_bytes > 0) {
        memcpy(id, node_id.bytes, node_id.length_bytes);
    }
    bool is_until_seen = traits->compaction == RP_COMPACTION_UNTIL_SEEN;
    compaction->alloc = alloc;
    compaction->node_id = id;
    compaction->plan = is_until_seen ? plan_until_seen : plan_watched;
    compaction->is_split = is_until_seen;
    compaction->stop_deadline_ns = RP_TIME_NEVER;
    rp_buffer_init(&compaction->command, alloc, RP_COMPLETION_BYTES_MAX);
    *compaction_out = compaction;
    return 0;
}

static void job_free(const struct rp_compaction_watcher *compaction, struct job *job)
{
    rp_arena_clear(&job->arena);
    rp_release(compaction->alloc, job);
}

void rp_compaction_free(struct rp_compaction_watcher *compaction)
{
    if (compaction == NULL) {
        return;
    }
    while (compaction->jobs != NULL) {
        struct job *job = compaction->jobs;
        compaction->jobs = job->next;
        job_free(compaction, job);
    }
    rp_buffer_clear(&compaction->command);
    rp_release(compaction->alloc, compaction->node_id);
    rp_release(compaction->alloc, compaction);
}

/* ---- Jobs ------------------------------------------------------------------------------------ */

static struct job *find_job(const struct rp_compaction_watcher *compaction, struct rp_view job_id)
{
    struct job *job = compaction->jobs;
    while (job != NULL && !rp_view_equal(job->completion.job_id, job_id)) {
        job = job->next;
    }
    return job;
}

static void add_job(struct rp_compaction_watcher *compaction, struct job *job)
{
    struct job **place = &compaction->jobs;
    while (*place != NULL) {
        place = &(*place)->next;
    }
    *place = job;
}

/* The next state of a job that is known already. */
static void renew_job(struct job *known, struct job *job)
{
    struct rp_arena arena = known->arena;
    known->arena = job->arena;
    known->completion = job->completion;
    job->arena = arena;
}

int rp_compaction_put(struct rp_compaction_watcher *compaction, struct rp_view json, bool is_found)
{
    struct job *job = rp_allocate_zeroed(compaction->alloc, sizeof *job);
    if (job == NULL) {
        return RP_ERR_NOMEM;
    }
    rp_arena_init(&job->arena, compaction->alloc);
    int error = rp_completion_decode(json, &job->arena, &job->completion);
    if (error != 0) {
        job_free(compaction, job);
        return error;
    }
    job->is_found = is_found;
    job->progress = RP_COMPACTION_OPEN;
    struct job *known = find_job(compaction, job->completion.job_id);
    if (known == NULL) {
        add_job(compaction, job);
        return 0;
    }
    renew_job(known, job);
    job_free(compaction, job);
    return 0;
}

/* ---- Proposing ------------------------------------------------------------------------------- */

static struct rp_file_record record_of(const struct rp_compaction_watcher *compaction,
                                       const struct rp_completion_output *output)
{
    struct rp_file_record record = {
        .path = output->path,
        .sha256 = output->sha256,
        .size_bytes = output->size_bytes,
        .database = output->database,
        .measurement = output->measurement,
        .partition_time = output->partition_time,
        .origin_node_id = rp_view_text(compaction->node_id),
        .tier = rp_view_text("hot"),
        .created_at = output->created_at,
    };
    return record;
}

/* "compaction:JOB". */
static int make_reason(struct rp_arena *arena, const struct job *job, struct rp_view *reason_out)
{
    struct rp_buffer text;
    rp_buffer_init(&text, arena->alloc, RP_COMPLETION_BYTES_MAX);
    int error = rp_completion_name(job->completion.job_id, &text);
    error = error == 0 ? rp_arena_copy(arena, rp_buffer_view(&text), reason_out) : error;
    rp_buffer_clear(&text);
    return error;
}

/* Registers first, so that no query loses data between two parts of a cut batch. */
static size_t list_operations(const struct rp_compaction_watcher *compaction, const struct job *job,
                              struct rp_view reason, struct rp_file_record *records,
                              struct rp_batch_operation *operations)
{
    size_t count = 0;
    const struct rp_completion *completion = &job->completion;
    for (size_t i = 0; job->has_registers && i < completion->output_count; i++) {
        records[i] = record_of(compaction, &completion->outputs[i]);
        operations[count].type = RP_CMD_REGISTER_FILE;
        operations[count++].file = &records[i];
    }
    for (size_t i = 0; job->has_deletes && i < completion->source_count; i++) {
        struct rp_view path = completion->sources[i].path;
        if (compaction->is_split && rp_manifest_file(compaction->manifest, path) == NULL) {
            continue;
        }
        operations[count].type = RP_CMD_DELETE_FILE;
        operations[count].delete_path = path;
        operations[count++].delete_reason = reason;
    }
    return count;
}

/* Halves what is deleted until the rest can be sent; the next look goes on. */
static int encode_fitting(struct rp_compaction_watcher *compaction, const struct job *job,
                          const struct rp_batch_operation *operations, size_t count)
{
    size_t least = job->has_registers ? job->completion.output_count : 1;
    for (;;) {
        rp_buffer_reset(&compaction->command);
        int error = rp_command_encode_batch(&compaction->command, operations, count);
        bool is_large = error == RP_ERR_TOO_LARGE ||
                        compaction->command.length_bytes > RP_COMPACTION_COMMAND_BYTES_MAX;
        if (!is_large) {
            return error;
        }
        if (!compaction->is_split || count <= least) {
            return RP_ERR_TOO_LARGE;
        }
        count = count / 2 > least ? count / 2 : least;
    }
}

static int encode_batch(struct rp_compaction_watcher *compaction, const struct job *job)
{
    struct rp_arena arena;
    struct rp_view reason;
    rp_arena_init(&arena, compaction->alloc);
    size_t count_max = job->completion.output_count + job->completion.source_count;
    struct rp_file_record *records =
        rp_arena_allocate(&arena, job->completion.output_count * sizeof records[0]);
    struct rp_batch_operation *operations =
        rp_arena_allocate(&arena, count_max * sizeof operations[0]);
    int error =
        records == NULL || operations == NULL ? RP_ERR_NOMEM : make_reason(&arena, job, &reason);
    if (error == 0) {
        memset(operations, 0, count_max * sizeof operations[0]);
        size_t count = list_operations(compaction, job, reason, records, operations);
        error = encode_fitting(compaction, job, operations, count);
    }
    rp_arena_clear(&arena);
    return error;
}

int rp_compaction_map_error(int error)
{
    bool is_leaderless = error == RP_ERR_NO_LEADER || error == RP_ERR_UNREACHABLE ||
                         error == RP_ERR_REFUSED || error == RP_ERR_NOT_LEADER;
    return is_leaderless ? RP_ERR_NOT_LEADER : error;
}

/* ---- Looking --------------------------------------------------------------------------------- */

static void conclude(struct job *job, enum rp_compaction_progress progress)
{
    job->progress = progress;
    job->is_removal_wanted = true;
}

static void look_at(struct rp_compaction_watcher *compaction, struct job *job, bool is_current)
{
    struct plan plan = {0};
    bool may_propose = compaction->now_ns >= job->rest_until_ns &&
                       compaction->now_ns < compaction->stop_deadline_ns;
    if (job->ticket != 0 || job->progress != RP_COMPACTION_OPEN) {
        return;
    }
    compaction->plan(job, compaction->manifest, is_current, &plan);
    if (plan.is_done || plan.is_given_up) {
        conclude(job, plan.is_done ? RP_COMPACTION_DONE : RP_COMPACTION_GIVEN_UP);
    } else if ((plan.has_registers || plan.has_deletes) && may_propose) {
        job->has_registers = plan.has_registers;
        job->has_deletes = plan.has_deletes;
        job->ticket = ++compaction->next_ticket;
        job->is_to_propose = true;
    }
}

void rp_compaction_look(struct rp_compaction_watcher *compaction, rp_time_ns now_ns,
                        const struct rp_manifest *manifest, bool is_current)
{
    compaction->now_ns = now_ns;
    compaction->manifest = manifest;
    for (struct job *job = compaction->jobs; job != NULL; job = job->next) {
        job->is_removing = job->is_removing && !job->has_removal_failed;
        job->has_removal_failed = false;
        look_at(compaction, job, is_current);
    }
}

/* A batch that cannot be made fails as if it had been proposed. */
static bool next_proposal(struct rp_compaction_watcher *compaction,
                          struct rp_compaction_action *action_out)
{
    for (struct job *job = compaction->jobs; job != NULL; job = job->next) {
        if (!job->is_to_propose) {
            continue;
        }
        job->is_to_propose = false;
        int error = job->is_hopeless ? RP_ERR_TOO_LARGE : encode_batch(compaction, job);
        if (error == 0) {
            action_out->kind = RP_COMPACTION_DO_PROPOSE;
            action_out->ticket = job->ticket;
            action_out->command = rp_buffer_view(&compaction->command);
            action_out->job_id = job->completion.job_id;
            return true;
        }
        rp_compaction_answered(compaction, job->ticket, error, compaction->now_ns);
    }
    return false;
}

static bool next_removal(struct rp_compaction_watcher *compaction,
                         struct rp_compaction_action *action_out)
{
    for (struct job *job = compaction->jobs; job != NULL; job = job->next) {
        if (!job->is_removal_wanted || job->is_removing) {
            continue;
        }
        action_out->job_id = job->completion.job_id;
        bool has_output = job->progress == RP_COMPACTION_GIVEN_UP &&
                          job->output_removed_count < job->completion.output_count;
        if (has_output) {
            action_out->kind = RP_COMPACTION_DO_REMOVE_OUTPUT;
            action_out->path = job->completion.outputs[job->output_removed_count].path;
            action_out->sha256 = job->completion.outputs[job->output_removed_count].sha256;
            job->output_removed_count += 1;
            return true;
        }
        action_out->kind = RP_COMPACTION_DO_REMOVE;
        job->is_removing = true;
        return true;
    }
    return false;
}

bool rp_compaction_next(struct rp_compaction_watcher *compaction,
                        struct rp_compaction_action *action_out)
{
    memset(action_out, 0, sizeof *action_out);
    return next_proposal(compaction, action_out) || next_removal(compaction, action_out);
}

/* ---- Answers --------------------------------------------------------------------------------- */

/* May it have been committed all the same, or not be shown here yet? */
static bool is_fate_unknown(int error)
{
    return error == 0 || error == RP_ERR_TIMEOUT || error == RP_ERR_LEADERSHIP_LOST;
}

static void on_applied(struct rp_compaction_watcher *compaction, struct job *job)
{
    compaction->last_error = 0;
    job->is_registered = job->is_registered || job->has_registers;
    if (!compaction->is_split && job->has_deletes) {
        conclude(job, RP_COMPACTION_DONE);
    }
}

void rp_compaction_answered(struct rp_compaction_watcher *compaction, uint64_t ticket, int error,
                            rp_time_ns now_ns)
{
    struct job *job = compaction->jobs;
    while (job != NULL && job->ticket != ticket) {
        job = job->next;
    }
    if (ticket == 0 || job == NULL) {
        return;
    }
    job->ticket = 0;
    job->is_hopeless = error == RP_ERR_TOO_LARGE;
    if (compaction->is_split && is_fate_unknown(error)) {
        job->rest_until_ns = now_ns + RP_COMPACTION_PATIENCE_NS;
    }
    if (error == 0) {
        on_applied(compaction, job);
    } else {
        compaction->last_error = rp_compaction_map_error(error);
    }
}

void rp_compaction_removed(struct rp_compaction_watcher *compaction, struct rp_view job_id,
                           int error)
{
    struct job *job = find_job(compaction, job_id);
    if (job == NULL) {
        return;
    }
    if (error != 0 && error != RP_ERR_NOT_FOUND) {
        job->has_removal_failed = true; /* the next look asks again */
        return;
    }
    struct job **place = &compaction->jobs;
    while (*place != job) {
        place = &(*place)->next;
    }
    *place = job->next;
    job_free(compaction, job);
}

void rp_compaction_give_up(struct rp_compaction_watcher *compaction, struct rp_view job_id)
{
    struct job *job = find_job(compaction, job_id);
    if (job != NULL) {
        conclude(job, RP_COMPACTION_GIVEN_UP);
    }
}

bool rp_compaction_removes_sources(const struct rp_compaction_watcher *compaction)
{
    return !compaction->is_split;
}

void rp_compaction_stop(struct rp_compaction_watcher *compaction, rp_time_ns deadline_ns)
{
    compaction->stop_deadline_ns = deadline_ns;
}

/* ---- Reads ----------------------------------------------------------------------------------- */

enum rp_compaction_progress rp_compaction_progress(const struct rp_compaction_watcher *compaction,
                                                   struct rp_view job_id)
{
    const struct job *job = find_job(compaction, job_id);
    return job == NULL ? RP_COMPACTION_UNKNOWN : job->progress;
}

size_t rp_compaction_job_count(const struct rp_compaction_watcher *compaction)
{
    size_t count = 0;
    for (const struct job *job = compaction->jobs; job != NULL; job = job->next) {
        count += 1;
    }
    return count;
}

size_t rp_compaction_open_count(const struct rp_compaction_watcher *compaction)
{
    size_t count = 0;
    for (const struct job *job = compaction->jobs; job != NULL; job = job->next) {
        count += !job->is_hopeless;
    }
    return count;
}

int rp_compaction_last_error(const struct rp_compaction_watcher *compaction)
{
    return compaction->last_error;
}
