#include "protocol/node_compact_inner.h"
#include "protocol/path.h"

/* Compaction on this node: output, completion file, and the watcher's ports (behaviour.md 12.2).
 *
 *   hash -> note "writing_output" -> store the output -> note "output_written"
 *        [-> remove the sources here -> note "sources_deleted"]  -> the watcher goes on
 *
 * In brackets: trait RP_COMPACTION_WATCHED. Ours leaves its copies to the log, like everybody. */

/* One compaction that somebody waits for. */
struct node_job {
    struct node_compaction *compaction;
    struct rp_compact_request *request;
    struct node_call call;
    struct rp_timer retry_timer;
    struct rp_flush_request output;
    struct rp_wall_time created_at;
    enum rp_completion_state state; /* noted, or being noted */
    bool is_noted;
    bool is_storing;
    bool is_waiting; /* for the watcher */
    size_t removed_count;
    rp_store_handle writer;
    struct rp_buffer name;
    struct rp_chunk chunk, rest; /* the note being written; `chunk` holds the reference */
    struct node_job *next;
};

static void note_state(struct node_job *job, enum rp_completion_state state);

/* ---- The end of a job, for its caller ---------------------------------------------------------- */

static void finish(struct node_job *job, int error)
{
    struct node_compaction *compaction = job->compaction;
    struct rp_node *node = compaction->node;
    struct rp_compact_request *request = job->request;
    struct node_job **place = &compaction->jobs;
    while (*place != job) {
        place = &(*place)->next;
    }
    *place = job->next;
    node_disarm(node, &job->retry_timer);
    rp_block_release(job->chunk.block);
    rp_buffer_clear(&job->name);
    rp_release(node->ports.alloc, job);
    request->done(request, error);
}

static void tell_progress(struct node_compaction *compaction)
{
    for (struct node_job *job = compaction->jobs, *next; job != NULL; job = next) {
        next = job->next;
        enum rp_compaction_progress progress =
            rp_compaction_progress(compaction->watcher, job->request->job_id);
        if (job->is_waiting && progress != RP_COMPACTION_OPEN) {
            finish(job, progress == RP_COMPACTION_GIVEN_UP ? RP_ERR_CANCELLED : 0);
        }
    }
}

/* ---- Notes: the completion file ----------------------------------------------------------------- */

static void see_state(struct node_job *job)
{
    struct rp_observation seen = {
        .kind = RP_SEE_COMPACTION,
        .path = job->output.path,
        .sha256 = rp_view_make(job->output.sha256, RP_SHA256_HEX),
        .size_bytes = (int64_t)job->output.size_bytes,
        .code = rp_view_text(rp_completion_state_name(job->state)),
        .value = job->request->source_count,
    };
    node_see(job->compaction->node, &seen);
}

static int encode_note(struct node_job *job, struct rp_buffer *json)
{
    const struct rp_compact_request *request = job->request;
    struct rp_arena arena;
    struct rp_completion_output output = {
        .path = request->path,
        .sha256 = rp_view_make(job->output.sha256, RP_SHA256_HEX),
        .size_bytes = (int64_t)request->size_bytes,
        .database = request->database,
        .measurement = request->measurement,
        .partition_time = request->partition_time,
        .created_at = job->created_at,
    };
    rp_arena_init(&arena, json->alloc);
    struct rp_completion_source *sources =
        rp_arena_allocate(&arena, (request->source_count + 1) * sizeof sources[0]);
    int error = sources == NULL ? RP_ERR_NOMEM : 0;
    for (size_t i = 0; error == 0 && i < request->source_count; i += 1) {
        sources[i].path = request->sources[i];
    }
    if (error == 0) {
        struct rp_completion completion = {request->job_id, job->state,           &output, 1,
                                           sources,         request->source_count};
        error = rp_completion_encode(json, &completion);
    }
    rp_arena_clear(&arena);
    return error;
}

static int make_note(struct node_job *job)
{
    const struct rp_alloc *alloc = job->compaction->node->ports.alloc;
    struct rp_buffer json;
    struct rp_block *block = NULL;
    uint8_t *bytes = NULL;
    rp_buffer_init(&json, alloc, RP_COMPLETION_BYTES_MAX);
    int error = encode_note(job, &json);
    if (error == 0) {
        error = rp_block_new(alloc, json.length_bytes, &block, &bytes);
    }
    if (error == 0) {
        memcpy(bytes, json.bytes, json.length_bytes);
        rp_block_release(job->chunk.block);
        job->chunk = job->rest = rp_chunk_of(block);
    }
    rp_buffer_clear(&json);
    return error;
}

static void on_output(struct rp_flush_request *request, int error);

static void store_output(struct node_job *job)
{
    job->is_storing = true;
    node_flush_store(job->compaction->node, &job->output);
}

static void wait_for_watcher(struct node_job *job)
{
    job->is_waiting = true;
    node_compact_arm_look(job->compaction);
}

static void remove_source(struct node_job *job);

static void go_on(struct node_job *job)
{
    switch (job->state) {
    case RP_COMPLETION_WRITING_OUTPUT: store_output(job); break;
    case RP_COMPLETION_OUTPUT_WRITTEN:
        if (rp_compaction_removes_sources(job->compaction->watcher)) {
            node_compact_arm_look(job->compaction);
            remove_source(job);
        } else {
            wait_for_watcher(job);
        }
        break;
    case RP_COMPLETION_SOURCES_DELETED: wait_for_watcher(job); break;
    }
}

/* Before anything was written the caller is told; later the note must be had, so it is tried on. */
static void note_failed(struct node_job *job, int error)
{
    struct rp_node *node = job->compaction->node;
    if (node_compact_is_ended(node) || job->compaction->is_stopping) {
        finish(job, RP_ERR_STOPPED);
    } else if (job->state == RP_COMPLETION_WRITING_OUTPUT) {
        finish(job, error);
    } else {
        node_arm_after(node, &job->retry_timer, COMPACT_RETRY_NS);
    }
}

static void on_noted(void *owner, int error)
{
    struct node_job *job = owner;
    job->writer = 0;
    if (error != 0 || node_compact_is_ended(job->compaction->node)) {
        note_failed(job, error);
        return;
    }
    error = rp_compaction_put(job->compaction->watcher, rp_chunk_view(job->chunk), false);
    if (error != 0) {
        note_failed(job, error);
        return;
    }
    see_state(job);
    go_on(job);
}

static void on_note_dropped(void *owner, int error)
{
    note_failed(owner, error == 0 ? RP_ERR_IO : error);
}

static void on_note_written(void *owner, int error)
{
    struct node_job *job = owner;
    struct rp_node *node = job->compaction->node;
    const struct rp_store_port *store = &node->ports.store;
    rp_store_handle writer = job->writer;
    if (node_compact_is_ended(node)) {
        finish(job, RP_ERR_STOPPED);
        return;
    }
    if (error != 0) {
        job->writer = 0;
        store->stage_discard(store->state, node_call_begin(&job->call, on_note_dropped), writer);
        return;
    }
    size_t taken = job->call.request.taken_bytes;
    job->rest = rp_chunk_slice(job->rest, taken, job->rest.length_bytes - taken);
    if (job->rest.length_bytes != 0) {
        store->stage_write(store->state, node_call_begin(&job->call, on_note_written), writer,
                           job->rest);
        return;
    }
    store->stage_publish(store->state, node_call_begin(&job->call, on_noted), writer);
}

static void on_note_staged(void *owner, int error)
{
    struct node_job *job = owner;
    struct rp_node *node = job->compaction->node;
    const struct rp_store_port *store = &node->ports.store;
    if (error != 0 || node_compact_is_ended(node)) {
        note_failed(job, error);
        return;
    }
    job->writer = job->call.request.handle;
    store->stage_write(store->state, node_call_begin(&job->call, on_note_written), job->writer,
                       job->rest);
}

static void note_state(struct node_job *job, enum rp_completion_state state)
{
    const struct rp_store_port *store = &job->compaction->node->ports.store;
    job->state = state;
    int error = make_note(job);
    if (error != 0) {
        note_failed(job, error);
        return;
    }
    store->stage_open(store->state, node_call_begin(&job->call, on_note_staged),
                      rp_buffer_view(&job->name), rp_view_make(NULL, 0), RP_STAGE_TRUNCATE);
}

static void on_retry(void *context)
{
    struct node_job *job = context;
    note_state(job, job->state);
}

/* ---- The output ---------------------------------------------------------------------------------- */

static bool read_output(void *context, uint64_t offset, size_t max_bytes,
                        struct rp_chunk *chunk_out)
{
    struct node_job *job = context;
    return job->request->read(job->request->context, offset, max_bytes, chunk_out);
}

/* Without its output the job is over; a next life, or the watcher, clears the note away. */
static void on_output(struct rp_flush_request *request, int error)
{
    struct node_job *job = request->context;
    job->is_storing = false;
    if (error == 0 && !node_compact_is_ended(job->compaction->node)) {
        note_state(job, RP_COMPLETION_OUTPUT_WRITTEN);
        return;
    }
    if (!node_compact_is_ended(job->compaction->node)) {
        rp_compaction_give_up(job->compaction->watcher, job->request->job_id);
        node_compact_arm_look(job->compaction);
    }
    finish(job, error != 0 ? error : RP_ERR_STOPPED);
}

/* The reference removes the sources of its own disk before the manifest lets go of them. */
static void on_source_removed(void *owner, int error)
{
    struct node_job *job = owner;
    (void)error; /* what stays is removed with everybody's when the log says so */
    if (node_compact_is_ended(job->compaction->node)) {
        finish(job, RP_ERR_STOPPED);
        return;
    }
    job->removed_count += 1;
    remove_source(job);
}

static void remove_source(struct node_job *job)
{
    struct rp_node *node = job->compaction->node;
    if (job->removed_count == job->request->source_count) {
        note_state(job, RP_COMPLETION_SOURCES_DELETED);
        return;
    }
    struct rp_view path = job->request->sources[job->removed_count];
    struct rp_observation seen = {
        .kind = RP_SEE_REMOVED, .path = path, .code = rp_view_text("compacted")};
    node_see(node, &seen);
    rp_presence_forget(node->presence, path);
    node->ports.store.remove(node->ports.store.state,
                             node_call_begin(&job->call, on_source_removed), path);
}

/* ---- The watcher's actions ----------------------------------------------------------------------- */

struct proposal {
    struct rp_node_proposal proposal;
    struct node_compaction *compaction;
    uint64_t ticket;
};

static void pump(struct node_compaction *compaction);

static void on_proposed(struct rp_node_proposal *request, int error, const char *code,
                        const char *text)
{
    (void)code;
    (void)text;
    struct proposal *proposal = request->context;
    struct node_compaction *compaction = proposal->compaction;
    struct rp_node *node = compaction->node;
    uint64_t ticket = proposal->ticket;
    rp_release(node->ports.alloc, proposal);
    compaction->proposal_count -= 1;
    if (!node->is_dead) {
        rp_compaction_answered(compaction->watcher, ticket, error, node_now(node));
        pump(compaction);
        node_stop_advance(node);
    }
}

static void propose(struct node_compaction *compaction, const struct rp_compaction_action *action)
{
    struct rp_node *node = compaction->node;
    struct proposal *proposal = rp_allocate_zeroed(node->ports.alloc, sizeof *proposal);
    if (proposal == NULL) {
        rp_compaction_answered(compaction->watcher, action->ticket, RP_ERR_NOMEM, node_now(node));
        return;
    }
    proposal->compaction = compaction;
    proposal->ticket = action->ticket;
    proposal->proposal.done = on_proposed;
    proposal->proposal.context = proposal;
    compaction->proposal_count += 1;
    rp_node_propose(node, &proposal->proposal, action->command);
}

/* Of a completion file; or of an output, first what is staged of it, then what is visible. */
struct removal {
    struct node_compaction *compaction;
    struct node_call call;
    struct rp_buffer path;
    struct rp_buffer job_id; /* empty: of an output */
};

static void on_removed(void *owner, int error)
{
    struct removal *removal = owner;
    struct node_compaction *compaction = removal->compaction;
    struct rp_node *node = compaction->node;
    compaction->removal_count -= 1;
    if (removal->job_id.length_bytes != 0 && !node->is_dead) {
        rp_compaction_removed(compaction->watcher, rp_buffer_view(&removal->job_id), error);
    }
    rp_buffer_clear(&removal->path);
    rp_buffer_clear(&removal->job_id);
    rp_release(node->ports.alloc, removal);
}

static void remove_visible(struct removal *removal)
{
    const struct rp_store_port *store = &removal->compaction->node->ports.store;
    store->remove(store->state, node_call_begin(&removal->call, on_removed),
                  rp_buffer_view(&removal->path));
}

static void on_discarded(void *owner, int error)
{
    struct removal *removal = owner;
    (void)error; /* a next life's output of that name begins by truncating it */
    if (node_compact_is_ended(removal->compaction->node)) {
        on_removed(removal, RP_ERR_STOPPED);
    } else {
        remove_visible(removal);
    }
}

static void on_opened_to_discard(void *owner, int error)
{
    struct removal *removal = owner;
    const struct rp_store_port *store = &removal->compaction->node->ports.store;
    if (error != 0 || node_compact_is_ended(removal->compaction->node)) {
        on_discarded(removal, error);
        return;
    }
    rp_store_handle writer =
        removal->call.request.handle; /* the next call begins with an empty one */
    store->stage_discard(store->state, node_call_begin(&removal->call, on_discarded), writer);
}

static struct removal *new_removal(struct node_compaction *compaction, struct rp_view path,
                                   struct rp_view job_id)
{
    struct rp_node *node = compaction->node;
    struct removal *removal = rp_allocate_zeroed(node->ports.alloc, sizeof *removal);
    if (removal == NULL) {
        return NULL;
    }
    removal->compaction = compaction;
    rp_buffer_init(&removal->path, node->ports.alloc, RP_FRAME_LENGTH_MAX);
    rp_buffer_init(&removal->job_id, node->ports.alloc, RP_FRAME_LENGTH_MAX);
    node_call_init(&removal->call, node, on_removed, removal);
    if (rp_buffer_append(&removal->path, path) != 0 ||
        rp_buffer_append(&removal->job_id, job_id) != 0) {
        rp_buffer_clear(&removal->path);
        rp_release(node->ports.alloc, removal);
        return NULL;
    }
    compaction->removal_count += 1;
    return removal;
}

/* Never registered: nobody else has it or will ask for it. */
static void remove_output(struct node_compaction *compaction,
                          const struct rp_compaction_action *action)
{
    struct rp_node *node = compaction->node;
    const struct rp_store_port *store = &node->ports.store;
    if (rp_manifest_file(node->manifest, action->path) != NULL ||
        node_flush_is_pending(node, action->path)) {
        return;
    }
    struct removal *removal = new_removal(compaction, action->path, rp_view_make(NULL, 0));
    if (removal == NULL) {
        return; /* it is of no use to anybody, and does no harm */
    }
    struct rp_observation seen = {
        .kind = RP_SEE_REMOVED, .path = action->path, .code = rp_view_text("given-up")};
    node_see(node, &seen);
    rp_presence_forget(node->presence, action->path);
    store->stage_open(store->state, node_call_begin(&removal->call, on_opened_to_discard),
                      action->path, action->sha256, RP_STAGE_TRUNCATE);
}

static void remove_note(struct node_compaction *compaction, struct rp_view job_id)
{
    struct rp_buffer name;
    rp_buffer_init(&name, compaction->node->ports.alloc, RP_FRAME_LENGTH_MAX);
    int error = rp_completion_name(job_id, &name);
    struct removal *removal =
        error == 0 ? new_removal(compaction, rp_buffer_view(&name), job_id) : NULL;
    if (removal != NULL) {
        remove_visible(removal);
    } else {
        rp_compaction_removed(compaction->watcher, job_id, RP_ERR_NOMEM);
    }
    rp_buffer_clear(&name);
}

static void pump(struct node_compaction *compaction)
{
    struct rp_compaction_action action;
    tell_progress(compaction);
    while (rp_compaction_next(compaction->watcher, &action)) {
        switch (action.kind) {
        case RP_COMPACTION_DO_PROPOSE: propose(compaction, &action); break;
        case RP_COMPACTION_DO_REMOVE_OUTPUT: remove_output(compaction, &action); break;
        case RP_COMPACTION_DO_REMOVE: remove_note(compaction, action.job_id); break;
        }
    }
}

/* ---- Looks ---------------------------------------------------------------------------------------- */

/* Jobs of an earlier life wait until the manifest is known to be no older than this one. */
static bool is_manifest_current(const struct rp_node *node)
{
    return rp_readiness_has_barrier(node->readiness) || rp_node_is_ready(node);
}

static void on_look(void *context)
{
    struct node_compaction *compaction = context;
    struct rp_node *node = compaction->node;
    if (node_compact_is_ended(node)) {
        return;
    }
    rp_compaction_look(compaction->watcher, node_now(node), node->manifest,
                       is_manifest_current(node));
    pump(compaction);
    node_compact_arm_look(compaction);
    node_stop_advance(node);
}

/* Once a second, but only while there is anything to look at. */
void node_compact_arm_look(struct node_compaction *compaction)
{
    struct rp_node *node = compaction->node;
    if (rp_timer_is_armed(&compaction->look_timer) || node_compact_is_ended(node) ||
        rp_compaction_job_count(compaction->watcher) == 0) {
        return;
    }
    rp_time_ns passed_ns = node_now(node) - compaction->began_ns;
    rp_time_ns next_ns = (passed_ns / RP_COMPACTION_LOOK_NS + 1) * RP_COMPACTION_LOOK_NS;
    node_arm_at(node, &compaction->look_timer, compaction->began_ns + next_ns);
}

/* ---- Calls from the node's other parts --------------------------------------------------------------- */

static bool has_watcher(const struct rp_node *node)
{
    return node->compaction != NULL && node->compaction->watcher != NULL;
}

bool rp_node_can_compact(const struct rp_node *node)
{
    return has_watcher(node);
}

void node_compact_start(struct rp_node *node)
{
    struct node_compaction *compaction = node->compaction;
    bool is_reader = rp_view_equal(rp_view_text(node->config.role), rp_view_text("reader"));
    compaction->began_ns = node_now(node);
    if (has_watcher(node) && !is_reader) {
        node_compact_scan_begin(compaction);
    }
}

static struct node_job *new_job(struct rp_node *node, struct rp_compact_request *request)
{
    struct node_job *job = rp_allocate_zeroed(node->ports.alloc, sizeof *job);
    if (job == NULL) {
        return NULL;
    }
    job->compaction = node->compaction;
    job->request = request;
    job->created_at = node_wall_time(node);
    job->output = (struct rp_flush_request){
        .done = on_output,
        .context = job,
        .path = request->path,
        .database = request->database,
        .measurement = request->measurement,
        .partition_time = request->partition_time,
        .size_bytes = request->size_bytes,
        .read = read_output,
    };
    rp_buffer_init(&job->name, node->ports.alloc, RP_FRAME_LENGTH_MAX);
    node_call_init(&job->call, node, on_note_staged, job);
    node_timer_init(&job->retry_timer, on_retry, job);
    return job;
}

static int begin_job(struct rp_node *node, struct node_job *job)
{
    struct rp_compact_request *request = job->request;
    int error = rp_completion_name(request->job_id, &job->name);
    if (error == 0 && rp_compaction_progress(node->compaction->watcher, request->job_id) !=
                          RP_COMPACTION_UNKNOWN) {
        error = RP_ERR_BUSY;
    }
    if (error == 0) {
        error = node_flush_check(node, &job->output);
    }
    memcpy(request->sha256, job->output.sha256, RP_SHA256_HEX);
    return error;
}

void rp_node_compact(struct rp_node *node, struct rp_compact_request *request)
{
    bool is_able = node->phase == NODE_RUNNING && has_watcher(node);
    struct node_job *job = is_able ? new_job(node, request) : NULL;
    int error = job == NULL ? RP_ERR_NOMEM : begin_job(node, job);
    if (!is_able) {
        error = node->phase == NODE_RUNNING ? RP_ERR_UNSUPPORTED : RP_ERR_STOPPED;
    }
    if (error != 0) {
        if (job != NULL) {
            rp_buffer_clear(&job->name);
            rp_release(node->ports.alloc, job);
        }
        request->done(request, error);
        return;
    }
    job->next = node->compaction->jobs;
    node->compaction->jobs = job;
    note_state(job, RP_COMPLETION_WRITING_OUTPUT);
}

/* behaviour.md 13.4, priority 49: one last pass, within the reference's 10 s or our own drain. */
rp_time_ns node_compact_stop(struct rp_node *node)
{
    struct node_compaction *compaction = node->compaction;
    if (!has_watcher(node)) {
        return 0;
    }
    bool is_reference = rp_compaction_removes_sources(compaction->watcher);
    bool has_jobs = rp_compaction_open_count(compaction->watcher) > 0;
    rp_time_ns drain_ns = is_reference ? RP_COMPACTION_DRAIN_NS : RP_REGISTRAR_DRAIN_NS;
    compaction->is_stopping = true;
    compaction->stop_deadline_ns = has_jobs ? node_now(node) + drain_ns : 0;
    rp_compaction_stop(compaction->watcher, compaction->stop_deadline_ns);
    node_disarm(node, &compaction->scan_timer);
    node_call_cancel(&compaction->scan_call);
    if (has_jobs) {
        rp_compaction_look(compaction->watcher, node_now(node), node->manifest,
                           is_manifest_current(node));
        pump(compaction);
    }
    return has_jobs ? drain_ns : 0;
}

/* The last pass is over when nothing that it proposed is unanswered. */
bool node_compact_is_stopped(const struct rp_node *node)
{
    const struct node_compaction *compaction = node->compaction;
    return !has_watcher(node) || compaction->proposal_count == 0 ||
           node_now(node) >= compaction->stop_deadline_ns;
}

bool node_compact_is_idle(const struct rp_node *node)
{
    const struct node_compaction *compaction = node->compaction;
    if (!has_watcher(node)) {
        return true;
    }
    return compaction->jobs == NULL && !compaction->is_scanning && compaction->removal_count == 0 &&
           rp_compaction_open_count(compaction->watcher) == 0;
}

/* Whoever still waits is told; notes stay on the disk for the next life. */
void node_compact_cancel(struct rp_node *node)
{
    struct node_compaction *compaction = node->compaction;
    node_disarm(node, &compaction->look_timer);
    for (struct node_job *job = compaction->jobs, *next; job != NULL; job = next) {
        next = job->next;
        if (job->call.is_in_flight) {
            node_call_cancel(&job->call);
        } else if (!job->is_storing) {
            finish(job, RP_ERR_STOPPED);
        }
    }
}

int node_compact_init(struct rp_node *node)
{
    struct node_compaction *compaction = rp_allocate_zeroed(node->ports.alloc, sizeof *compaction);
    if (compaction == NULL) {
        return RP_ERR_NOMEM;
    }
    node->compaction = compaction;
    compaction->node = node;
    node_timer_init(&compaction->look_timer, on_look, compaction);
    node_compact_scan_init(compaction);
    rp_buffer_init(&compaction->scan_cursor, node->ports.alloc, RP_FRAME_LENGTH_MAX);
    rp_buffer_init(&compaction->scan_text, node->ports.alloc, RP_COMPLETION_BYTES_MAX);
    int error =
        rp_compaction_new(node->traits, node->ports.alloc, node_id(node), &compaction->watcher);
    return error == RP_ERR_UNSUPPORTED ? 0 : error;
}

void node_compact_clear(struct rp_node *node)
{
    struct node_compaction *compaction = node->compaction;
    if (compaction == NULL) {
        return;
    }
    while (compaction->jobs != NULL) {
        finish(compaction->jobs, RP_ERR_STOPPED);
    }
    node_disarm(node, &compaction->look_timer);
    node_disarm(node, &compaction->scan_timer);
    rp_compaction_free(compaction->watcher);
    rp_buffer_clear(&compaction->scan_cursor);
    rp_buffer_clear(&compaction->scan_text);
    rp_release(node->ports.alloc, compaction);
}
