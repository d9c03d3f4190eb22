#include "protocol/command_decode.h"
#include "protocol/node_internal.h"
#include "protocol/node_present.h"
#include "protocol/path.h"

/* The flush path: hash the whole body, store it, queue its registration; and the registrar's ports
 * (behaviour.md 2). */

struct node_flush {
    struct rp_node *node;
    struct rp_flush_request *request;
    struct node_call call;
    rp_store_handle writer;
    uint64_t offset_bytes;
    int error;             /* why it is being discarded */
    bool is_unregistered;  /* somebody else sees to its registration */
    struct rp_chunk chunk; /* being written; holds a reference */
    struct node_flush *previous, *next;
};

static void unlink_flush(struct node_flush *flush)
{
    if (flush->previous != NULL) {
        flush->previous->next = flush->next;
    } else {
        flush->node->flushes = flush->next;
    }
    if (flush->next != NULL) {
        flush->next->previous = flush->previous;
    }
}

static void finish(struct node_flush *flush, int error)
{
    struct rp_flush_request *request = flush->request;
    unlink_flush(flush);
    rp_block_release(flush->chunk.block);
    rp_release(flush->node->ports.alloc, flush);
    request->done(request, error);
}

/* ---- Registration ----------------------------------------------------------------------------- */

static void run_registrar(struct rp_node *node);

static void see_queued(struct node_flush *flush, int error)
{
    const struct rp_flush_request *request = flush->request;
    struct rp_registrar_counters counters = rp_registrar_counters(flush->node->registrar);
    struct rp_observation seen = {
        .kind = RP_SEE_FLUSH_QUEUED,
        .error = error,
        .path = request->path,
        .sha256 = rp_view_make(request->sha256, RP_SHA256_HEX),
        .size_bytes = (int64_t)request->size_bytes,
        .value = counters.queue_depth,
    };
    node_see(flush->node, &seen);
}

static struct rp_file_record record_of(const struct node_flush *flush)
{
    const struct rp_flush_request *request = flush->request;
    struct rp_file_record record = {
        .path = request->path,
        .sha256 = rp_view_make(request->sha256, RP_SHA256_HEX),
        .size_bytes = (int64_t)request->size_bytes,
        .database = request->database,
        .measurement = request->measurement,
        .partition_time = request->partition_time,
        .origin_node_id = node_id(flush->node),
        .tier = rp_view_text("hot"),
    };
    return record;
}

static void queue_registration(struct node_flush *flush)
{
    struct rp_node *node = flush->node;
    const struct rp_flush_request *request = flush->request;
    struct rp_file_record record = record_of(flush);
    struct rp_registrar_event event = {
        .kind = RP_REGISTRAR_EV_FLUSHED,
        .now_ns = node_now(node),
        .wall_unix_ns = node_wall_ns(node),
        .command_type = request->is_update ? RP_CMD_UPDATE_FILE : RP_CMD_REGISTER_FILE,
        .file = &record,
    };
    int error = rp_registrar_step(node->registrar, &event);
    see_queued(flush, error);
    finish(flush, error);
    run_registrar(node);
}

/* ---- Storing ---------------------------------------------------------------------------------- */

static void on_discarded(void *owner, int error)
{
    (void)error;
    struct node_flush *flush = owner;
    finish(flush, flush->error);
}

static void give_up(struct node_flush *flush, int error)
{
    struct rp_node *node = flush->node;
    if (flush->writer == 0 || node->is_dead) {
        finish(flush, error);
        return;
    }
    rp_store_handle writer = flush->writer;
    flush->writer = 0;
    flush->error = error;
    node->ports.store.stage_discard(node->ports.store.state,
                                    node_call_begin(&flush->call, on_discarded), writer);
}

/* Hashed on its way in; out of memory only costs a hash when it is next looked at. */
static void note_presence(struct node_flush *flush)
{
    struct rp_node *node = flush->node;
    struct rp_file_record record = record_of(flush);
    const struct rp_file_entry *entry = NULL;
    if (rp_file_entry_new(node->ports.alloc, &record, 0, &entry) == 0) {
        node_presence_published(node, entry, &flush->call.request.stat);
        rp_file_entry_release(entry);
    }
}

static void on_published(void *owner, int error)
{
    struct node_flush *flush = owner;
    flush->writer = 0;
    if (error != 0) {
        finish(flush, error);
        return;
    }
    note_presence(flush);
    struct rp_observation seen = {
        .kind = RP_SEE_PUBLISHED,
        .path = flush->request->path,
        .sha256 = rp_view_make(flush->request->sha256, RP_SHA256_HEX),
        .size_bytes = (int64_t)flush->request->size_bytes,
        .value = 1, /* an own flush */
    };
    node_see(flush->node, &seen);
    if (flush->is_unregistered) {
        finish(flush, 0);
        return;
    }
    queue_registration(flush);
}

static void write_more(struct node_flush *flush);

static void on_written(void *owner, int error)
{
    struct node_flush *flush = owner;
    if (error != 0) {
        give_up(flush, error);
        return;
    }
    size_t taken = flush->call.request.taken_bytes;
    flush->offset_bytes += taken;
    flush->chunk = rp_chunk_slice(flush->chunk, taken, flush->chunk.length_bytes - taken);
    if (flush->chunk.length_bytes == 0) {
        rp_block_release(flush->chunk.block);
        flush->chunk = (struct rp_chunk){0};
    }
    write_more(flush);
}

static void write_more(struct node_flush *flush)
{
    struct rp_node *node = flush->node;
    struct rp_flush_request *request = flush->request;
    const struct rp_store_port *store = &node->ports.store;
    if (flush->chunk.length_bytes == 0) {
        if (flush->offset_bytes == request->size_bytes) {
            node_delete_cancel(node, request->path);
            store->stage_publish(store->state, node_call_begin(&flush->call, on_published),
                                 flush->writer);
            return;
        }
        if (!request->read(request->context, flush->offset_bytes, RP_BODY_CHUNK_BYTES,
                           &flush->chunk)) {
            give_up(flush, RP_ERR_IO);
            return;
        }
    }
    store->stage_write(store->state, node_call_begin(&flush->call, on_written), flush->writer,
                       flush->chunk);
}

static void on_staged(void *owner, int error)
{
    struct node_flush *flush = owner;
    if (error != 0) {
        finish(flush, error);
        return;
    }
    flush->writer = flush->call.request.handle;
    write_more(flush);
}

/* behaviour.md 2: over the file bytes, once, before the store is touched. */
static int hash_body(struct rp_node *node, struct rp_flush_request *request)
{
    rp_sha256_begin(node->flush_hash);
    for (uint64_t offset = 0; offset < request->size_bytes;) {
        struct rp_chunk chunk;
        if (!request->read(request->context, offset, RP_BODY_CHUNK_BYTES, &chunk) ||
            chunk.length_bytes == 0) {
            return RP_ERR_IO;
        }
        rp_sha256_update(node->flush_hash, rp_chunk_view(chunk));
        offset += chunk.length_bytes;
        rp_block_release(chunk.block);
    }
    rp_sha256_hex(node->flush_hash, request->sha256);
    return 0;
}

int node_flush_check(struct rp_node *node, struct rp_flush_request *request)
{
    if (!node->is_flush_open) {
        return RP_ERR_STOPPED;
    }
    if (rp_path_admit(node->traits, request->path) != RP_PATH_OK ||
        request->size_bytes > INT64_MAX) {
        return RP_ERR_INVALID;
    }
    return hash_body(node, request);
}

static void begin_flush(struct rp_node *node, struct rp_flush_request *request,
                        bool is_unregistered)
{
    struct node_flush *flush = rp_allocate_zeroed(node->ports.alloc, sizeof *flush);
    if (flush == NULL) {
        request->done(request, RP_ERR_NOMEM);
        return;
    }
    flush->is_unregistered = is_unregistered;
    flush->node = node;
    flush->request = request;
    flush->next = node->flushes;
    if (flush->next != NULL) {
        flush->next->previous = flush;
    }
    node->flushes = flush;
    node_call_init(&flush->call, node, on_staged, flush);
    node->ports.store.stage_open(node->ports.store.state, node_call_begin(&flush->call, on_staged),
                                 request->path, rp_view_make(request->sha256, RP_SHA256_HEX),
                                 RP_STAGE_TRUNCATE);
}

void rp_node_flush(struct rp_node *node, struct rp_flush_request *request)
{
    int error = node_flush_check(node, request);
    if (error != 0) {
        request->done(request, error);
        return;
    }
    begin_flush(node, request, false);
}

void node_flush_store(struct rp_node *node, struct rp_flush_request *request)
{
    begin_flush(node, request, true);
}

void node_flush_cancel(struct rp_node *node)
{
    for (struct node_flush *flush = node->flushes; flush != NULL; flush = flush->next) {
        node_call_cancel(&flush->call);
    }
}

/* ---- The registrar's ports -------------------------------------------------------------------- */

struct registration {
    struct rp_node_proposal proposal;
    struct rp_node *node;
    uint64_t ticket;
};

static void on_answered(struct rp_node_proposal *proposal, int error, const char *code,
                        const char *text)
{
    (void)text;
    struct registration *registration = proposal->context;
    struct rp_node *node = registration->node;
    struct rp_registrar_event event = {
        .kind = RP_REGISTRAR_EV_ANSWERED,
        .now_ns = node_now(node),
        .wall_unix_ns = node_wall_ns(node),
        .ticket = registration->ticket,
        .error = error,
        .is_proven = proposal->is_local,
        .is_unknown_command = strcmp(code, "invalid_command") == 0,
    };
    rp_release(node->ports.alloc, registration);
    if (node->is_dead) {
        return;
    }
    rp_ignore(rp_registrar_step(node->registrar, &event));
    run_registrar(node);
}

static void propose_registration(struct rp_node *node, const struct rp_registrar_action *action)
{
    struct registration *registration = rp_allocate_zeroed(node->ports.alloc, sizeof *registration);
    if (registration == NULL) {
        return; /* silence: the registrar tries again */
    }
    registration->node = node;
    registration->ticket = action->ticket;
    registration->proposal.done = on_answered;
    registration->proposal.context = registration;
    rp_node_propose(node, &registration->proposal, action->command);
}

static void see_register_done(struct rp_node *node, const struct rp_registrar_action *action)
{
    struct rp_observation seen = {
        .kind = RP_SEE_REGISTER_DONE,
        .error = action->outcome == RP_REGISTER_DONE ? 0 : action->error,
        .path = action->record->path,
        .sha256 = action->record->sha256,
        .size_bytes = action->record->size_bytes,
        .value = (uint64_t)action->outcome,
    };
    node_see(node, &seen);
}

static void run_registrar(struct rp_node *node)
{
    struct rp_registrar_action action;
    while (rp_registrar_next(node->registrar, &action)) {
        switch (action.kind) {
        case RP_REGISTRAR_DO_PROPOSE: propose_registration(node, &action); break;
        case RP_REGISTRAR_DO_FINISH: see_register_done(node, &action); break;
        case RP_REGISTRAR_DO_STOPPED: node->is_registrar_stopped = true; break;
        }
    }
    node_arm_at(node, &node->registrar_timer, rp_registrar_deadline(node->registrar));
    if (node->is_registrar_stopped) {
        node_stop_advance(node);
    }
}

static void step_registrar(struct rp_node *node, enum rp_registrar_event_kind kind)
{
    struct rp_registrar_event event = {
        .kind = kind, .now_ns = node_now(node), .wall_unix_ns = node_wall_ns(node)};
    rp_ignore(rp_registrar_step(node->registrar, &event));
    run_registrar(node);
}

static void on_registrar_timer(void *context)
{
    step_registrar(context, RP_REGISTRAR_EV_TIMER);
}

void node_flush_leader_changed(struct rp_node *node)
{
    step_registrar(node, RP_REGISTRAR_EV_LEADER_CHANGED);
}

/* From within apply: the actions wait for node_work. */
void node_flush_seen(struct rp_node *node, const struct rp_file_entry *entry)
{
    struct rp_registrar_event event = {
        .kind = RP_REGISTRAR_EV_SEEN,
        .now_ns = node_now(node),
        .wall_unix_ns = node_wall_ns(node),
        .entry = entry,
    };
    rp_ignore(rp_registrar_step(node->registrar, &event));
}

void node_flush_run(struct rp_node *node)
{
    run_registrar(node);
}

void node_flush_stop(struct rp_node *node)
{
    step_registrar(node, RP_REGISTRAR_EV_STOP);
}

bool node_flush_is_idle(const struct rp_node *node)
{
    return node->flushes == NULL && rp_registrar_is_idle(node->registrar);
}

bool node_flush_is_pending(const struct rp_node *node, struct rp_view path)
{
    for (const struct node_flush *flush = node->flushes; flush != NULL; flush = flush->next) {
        if (rp_view_equal(flush->request->path, path)) {
            return true;
        }
    }
    return rp_registrar_is_pending(node->registrar, path);
}

bool node_flush_replaces(const struct rp_node *node, const struct rp_file_entry *entry)
{
    const struct rp_file_record *file = rp_registrar_pending(node->registrar, entry->path);
    return file != NULL && !rp_view_equal(file->sha256, entry->sha256);
}

int node_flush_init(struct rp_node *node)
{
    node_timer_init(&node->registrar_timer, on_registrar_timer, node);
    int error = rp_sha256_new(node->ports.alloc, &node->flush_hash);
    return error != 0 ? error : rp_registrar_new(node->traits, node->ports.alloc, &node->registrar);
}

void node_flush_clear(struct rp_node *node)
{
    node_disarm(node, &node->registrar_timer);
    rp_registrar_free(node->registrar);
    rp_sha256_free(node->flush_hash);
}
