/* The port: each call becomes one operation with one event, which does its work and completes it. */
#include "protocol/error.h"
#include "protocol/limits.h"
#include "protocol/panic.h"
#include "sim/store_internal.h"

static void op_due(void *context, uint64_t argument);

/* ---- Watching --------------------------------------------------------------------------------- */

static void tell_call(struct sim_store *store, enum sim_store_call call, struct rp_view path)
{
    const struct sim_store_watch *watch = &store->disks->spec.watch;
    if (watch->called != NULL) {
        watch->called(watch->context, store, call, path);
    }
}

static void tell_staged(struct sim_store *store, const struct store_stage *stage,
                        uint64_t from_bytes)
{
    const struct sim_store_watch *watch = &store->disks->spec.watch;
    if (watch->staged != NULL) {
        watch->staged(watch->context, store, rp_view_make(stage->text, stage->path_bytes),
                      rp_view_make(stage->text + stage->path_bytes, stage->sha256_bytes),
                      &stage->content, from_bytes);
    }
}

/* ---- Handles ----------------------------------------------------------------------------------- */

static struct store_handle *handle_find(struct sim_store *store, rp_store_handle handle)
{
    uint32_t index = (uint32_t)handle - 1u;
    if (handle == 0 || index >= store->handle_max) {
        return NULL;
    }
    struct store_handle *found = &store->handles[index];
    bool is_live = found->generation == (uint32_t)(handle >> 32) &&
                   (found->stage != NULL || found->object != NULL);
    return is_live ? found : NULL;
}

rp_store_handle store_handle_take(struct sim_store *store, struct store_handle **handle_out)
{
    uint32_t index = 0;
    while (index < store->handle_max &&
           (store->handles[index].stage != NULL || store->handles[index].object != NULL)) {
        index += 1;
    }
    if (index == store->handle_max) {
        uint32_t handle_max = store->handle_max == 0 ? 16 : store->handle_max * 2;
        struct store_handle *handles =
            rp_resize(store_alloc(store), store->handles, handle_max * sizeof *handles);
        if (handles == NULL) {
            return 0;
        }
        memset(handles + index, 0, (handle_max - index) * sizeof *handles);
        store->handles = handles;
        store->handle_max = handle_max;
    }
    *handle_out = &store->handles[index];
    return ((uint64_t)store->handles[index].generation << 32) | (index + 1u);
}

static void handle_close(struct sim_store *store, struct store_handle *handle)
{
    if (handle == NULL) {
        return;
    }
    if (handle->stage != NULL) {
        handle->stage->is_open = false;
    }
    store_object_release(store_alloc(store), handle->object);
    handle->stage = NULL;
    handle->object = NULL;
    handle->is_file_writer = false;
    handle->generation += 1;
}

void store_handles_close(struct sim_store *store)
{
    for (uint32_t index = 0; index < store->handle_max; index += 1) {
        if (store->handles[index].stage != NULL || store->handles[index].object != NULL) {
            handle_close(store, &store->handles[index]);
        }
    }
}

/* ---- Operations -------------------------------------------------------------------------------- */

static struct rp_view op_path(const struct store_op *op)
{
    return rp_view_make(op->text, op->path_bytes);
}

static struct rp_view op_second(const struct store_op *op)
{
    return rp_view_make(op->text + op->path_bytes, op->second_bytes);
}

static struct store_op *op_new(struct sim_store *store, enum store_op_kind kind,
                               struct rp_store_request *request, struct rp_view path,
                               struct rp_view second)
{
    struct store_op *op =
        rp_allocate(store_alloc(store), sizeof *op + path.length_bytes + second.length_bytes);
    RP_ASSERT(op != NULL);
    memset(op, 0, sizeof *op);
    op->store = store;
    op->kind = kind;
    op->request = request;
    op->path_bytes = path.length_bytes;
    op->second_bytes = second.length_bytes;
    if (path.length_bytes > 0) {
        memcpy(op->text, path.bytes, path.length_bytes);
    }
    if (second.length_bytes > 0) {
        memcpy(op->text + path.length_bytes, second.bytes, second.length_bytes);
    }
    op->previous = store->last;
    if (store->last == NULL) {
        store->first = op;
    } else {
        store->last->next = op;
    }
    store->last = op;
    return op;
}

static void op_unlink(struct store_op *op)
{
    struct sim_store *store = op->store;
    if (op->previous == NULL) {
        store->first = op->next;
    } else {
        op->previous->next = op->next;
    }
    if (op->next == NULL) {
        store->last = op->previous;
    } else {
        op->next->previous = op->previous;
    }
}

static void op_free(struct store_op *op)
{
    op_unlink(op);
    rp_block_release(op->chunk.block);
    rp_release(store_alloc(op->store), op);
}

void store_ops_drop(struct sim_store *store)
{
    while (store->first != NULL) {
        sim_event_queue_cancel(store->disks->spec.queue, store->first->event);
        op_free(store->first);
    }
}

static uint64_t time_of(uint64_t bytes, uint64_t bytes_per_s)
{
    if (bytes_per_s == 0) {
        return 0;
    }
    uint64_t seconds = bytes / bytes_per_s;
    uint64_t rest = bytes % bytes_per_s;
    /* Above 18 GB/s the rest could overflow: microseconds are fine enough there. */
    uint64_t part = bytes_per_s < RP_TIME_NEVER / RP_NS_PER_S ? rest * RP_NS_PER_S / bytes_per_s
                                                              : rest / (bytes_per_s / RP_NS_PER_S);
    return seconds * RP_NS_PER_S + part;
}

static void op_start(struct store_op *op, uint64_t cost_ns)
{
    struct sim_store *store = op->store;
    rp_time_ns now_ns = store_now(store);
    if (!store->is_attached) {
        op_free(op); /* a node that is torn down after its life ended: nobody waits */
        return;
    }
    rp_time_ns busy_ns = store->busy_until_ns < now_ns ? now_ns : store->busy_until_ns;
    store->busy_until_ns = busy_ns + cost_ns;
    rp_time_ns finish_ns =
        store->busy_until_ns + sim_rng_range(&store->rng, store->spec.latency_ns);
    if (finish_ns < store->last_finish_ns) {
        finish_ns = store->last_finish_ns;
    }
    store->last_finish_ns = finish_ns;
    if (op->request != NULL) {
        op->request->port_handle = (uint64_t)(uintptr_t)op;
    }
    op->event = sim_event_queue_add(store->disks->spec.queue, finish_ns, SIM_EVENT_STORE, op_due,
                                    op, store->spec.number << 8 | (uint64_t)op->kind);
}

static int apply_stat(struct sim_store *store, struct store_op *op)
{
    struct rp_store_stat stat = {0};
    const struct store_record *record = store_find(store, op_path(op));
    if (record != NULL) {
        stat.is_present = true;
        stat.size_bytes = record->object->content.length_bytes;
        stat.identity = record->object->identity;
        stat.mtime_unix_ns = record->object->mtime_unix_ns;
    }
    op->request->stat = stat;
    return 0;
}

static struct store_stage *stage_find(struct sim_store *store, const struct store_op *op)
{
    struct store_stage *stage = store->stages;
    while (stage != NULL &&
           !(stage->path_bytes == op->path_bytes && stage->sha256_bytes == op->second_bytes &&
             memcmp(stage->text, op->text, op->path_bytes + op->second_bytes) == 0)) {
        stage = stage->next;
    }
    return stage;
}

static struct store_stage *stage_new(struct sim_store *store, const struct store_op *op)
{
    size_t text_bytes = op->path_bytes + op->second_bytes;
    struct store_stage *stage = rp_allocate(store_alloc(store), sizeof *stage + text_bytes);
    if (stage == NULL) {
        return NULL;
    }
    memset(stage, 0, sizeof *stage);
    sim_content_init(&stage->content, store->disks->spec.bodies);
    stage->path_bytes = op->path_bytes;
    stage->sha256_bytes = op->second_bytes;
    memcpy(stage->text, op->text, text_bytes);
    stage->next = store->stages;
    store->stages = stage;
    return stage;
}

static int apply_stage_open(struct sim_store *store, struct store_op *op)
{
    if (!store_name_is_storable(store, op_path(op))) {
        return RP_ERR_INVALID;
    }
    struct store_stage *stage = stage_find(store, op);
    if (stage != NULL && stage->is_open) {
        tell_call(store, SIM_STORE_CALL_SECOND_WRITER, op_path(op));
        return RP_ERR_BUSY;
    }
    struct store_handle *handle = NULL;
    rp_store_handle name = store_handle_take(store, &handle);
    stage = name != 0 && stage == NULL ? stage_new(store, op) : stage;
    if (name == 0 || stage == NULL) {
        return RP_ERR_NOMEM;
    }
    if (op->mode == RP_STAGE_TRUNCATE) {
        store_unuse(store, stage->content.length_bytes);
        sim_content_clear(&stage->content);
    }
    stage->is_open = true;
    handle->stage = stage;
    op->request->handle = name;
    op->request->size_bytes = stage->content.length_bytes;
    return 0;
}

static int apply_stage_write(struct sim_store *store, struct store_op *op)
{
    struct store_handle *handle = handle_find(store, op->handle);
    op->request->taken_bytes = 0;
    bool is_writer = handle != NULL && (handle->stage != NULL || handle->is_file_writer);
    if (!is_writer) {
        return RP_ERR_IO;
    }
    uint64_t free_bytes = store_free_bytes(store);
    size_t taken = op->chunk.length_bytes;
    if (taken > 0 && free_bytes == 0) {
        return RP_ERR_NO_SPACE;
    }
    taken = taken <= free_bytes ? taken : (size_t)free_bytes;
    struct sim_content *content =
        handle->stage != NULL ? &handle->stage->content : &handle->object->content;
    int error = sim_content_append(content, rp_chunk_slice(op->chunk, 0, taken));
    if (error != 0) {
        return error;
    }
    op->request->taken_bytes = taken;
    if (handle->stage != NULL) {
        store_use(store, taken);
        tell_staged(store, handle->stage, content->length_bytes - taken);
    } else {
        store_file_grown(store, handle->object, taken);
    }
    return 0;
}

int64_t store_stamp(const struct sim_store *store)
{
    if (store->clock == NULL) {
        return (int64_t)store_now(store);
    }
    return store->clock->wall_unix_ns(store->clock->state);
}

/* Moves the staged content under the final name; the staging object is gone afterwards. */
static int publish(struct sim_store *store, struct store_stage *stage,
                   struct rp_store_stat *stat_out)
{
    struct store_object *object = store_object_new(store_alloc(store), store->disks->spec.bodies);
    if (object == NULL) {
        return RP_ERR_NOMEM;
    }
    object->mtime_unix_ns = store_stamp(store);
    object->durable_ns = store_durable_ns(store, store->names == NULL);
    sim_content_clear(&object->content);
    object->content = stage->content;
    sim_content_init(&stage->content, store->disks->spec.bodies);
    struct rp_view path = rp_view_make(stage->text, stage->path_bytes);
    struct rp_view sha256 = rp_view_make(stage->text + stage->path_bytes, stage->sha256_bytes);
    int error = store_show(store, path, sha256, object, true);
    if (error == 0) {
        *stat_out = (struct rp_store_stat){
            .is_present = true,
            .size_bytes = object->content.length_bytes,
            .identity = object->identity,
            .mtime_unix_ns = object->mtime_unix_ns,
        };
    }
    store_stage_free(store, stage);
    return error;
}

static int apply_stage_publish(struct sim_store *store, struct store_op *op)
{
    struct store_handle *handle = handle_find(store, op->handle);
    if (handle == NULL || handle->stage == NULL) {
        return RP_ERR_IO;
    }
    struct store_stage *stage = handle->stage;
    handle_close(store, handle);
    return publish(store, stage, &op->request->stat);
}

static int apply_stage_discard(struct sim_store *store, struct store_op *op)
{
    struct store_handle *handle = handle_find(store, op->handle);
    if (handle != NULL && handle->stage != NULL) {
        struct store_stage *stage = handle->stage;
        handle_close(store, handle);
        store_stage_free(store, stage);
    }
    return 0;
}

static int apply_read_open(struct sim_store *store, struct store_op *op)
{
    const struct store_record *record = store_find(store, op_path(op));
    if (record == NULL) {
        return RP_ERR_NOT_FOUND;
    }
    struct store_handle *handle = NULL;
    rp_store_handle name = store_handle_take(store, &handle);
    if (name == 0) {
        return RP_ERR_NOMEM;
    }
    handle->object = record->object;
    handle->object->reference_count += 1;
    op->request->handle = name;
    op->request->size_bytes = handle->object->content.length_bytes;
    return 0;
}

static int apply_read(struct sim_store *store, struct store_op *op)
{
    struct store_handle *handle = handle_find(store, op->handle);
    bool is_reader = handle != NULL && handle->object != NULL && !handle->is_file_writer;
    if (!is_reader) {
        return RP_ERR_IO;
    }
    return sim_content_read_joined(&handle->object->content, op->offset_bytes,
                                   (size_t)op->length_bytes, &op->chunk);
}

/* A life that is over left them; nobody will go on with them. */
static void drop_left_stages(struct sim_store *store, struct rp_view path)
{
    for (struct store_stage *stage = store->stages, *next; stage != NULL; stage = next) {
        next = stage->next;
        if (!stage->is_open && rp_view_equal(rp_view_make(stage->text, stage->path_bytes), path)) {
            store_stage_free(store, stage);
        }
    }
}

static int apply_remove(struct sim_store *store, struct store_op *op)
{
    struct store_record *record = store_find(store, op_path(op));
    drop_left_stages(store, op_path(op));
    if (record == NULL) {
        return RP_ERR_NOT_FOUND;
    }
    store_hide(store, record, op_path(op), true);
    return 0;
}

static bool has_prefix(struct rp_view text, struct rp_view prefix)
{
    return text.length_bytes >= prefix.length_bytes &&
           (prefix.length_bytes == 0 || memcmp(text.bytes, prefix.bytes, prefix.length_bytes) == 0);
}

static int apply_space(struct sim_store *store, struct store_op *op)
{
    op->request->free_bytes = store_free_bytes(store);
    return 0;
}

static int apply_flush(struct sim_store *store, struct store_op *op)
{
    if (fault_disk_write_fails(store->fault)) {
        return RP_ERR_IO;
    }
    if (op->length_bytes > store_room_bytes(store)) {
        return RP_ERR_NO_SPACE;
    }
    struct store_object *object = store_object_new(store_alloc(store), store->disks->spec.bodies);
    if (object == NULL) {
        return RP_ERR_NOMEM;
    }
    sim_content_set_body(&object->content, op->key, op->length_bytes);
    object->mtime_unix_ns = store_stamp(store);
    object->durable_ns = store_durable_ns(store, store->names == NULL);
    store_use(store, op->length_bytes);
    return store_show(store, op_path(op), op_second(op), object, true);
}

static int op_apply(struct sim_store *store, struct store_op *op)
{
    switch (op->kind) {
    case STORE_STAT: return apply_stat(store, op);
    case STORE_STAGE_OPEN: return apply_stage_open(store, op);
    case STORE_STAGE_WRITE: return apply_stage_write(store, op);
    case STORE_STAGE_PUBLISH: return apply_stage_publish(store, op);
    case STORE_STAGE_DISCARD: return apply_stage_discard(store, op);
    case STORE_READ_OPEN: return apply_read_open(store, op);
    case STORE_READ: return apply_read(store, op);
    case STORE_REMOVE: return apply_remove(store, op);
    case STORE_LIST: return 0; /* the page is made when it is given out */
    case STORE_SPACE: return apply_space(store, op);
    case STORE_FLUSH: return apply_flush(store, op);
    case STORE_FILE_OPEN: return store_file_open(store, op);
    case STORE_FILE_RENAME: return store_file_rename(store, op);
    }
    return RP_ERR_INVALID;
}

/* ---- Completions ------------------------------------------------------------------------------- */

/* The page is made when it is given out, so that its views hold during `done`. */
static struct rp_store_list_item *list_page(struct sim_store *store, const struct store_op *op)
{
    struct rp_store_request *request = op->request;
    struct rp_view prefix = op_path(op);
    struct rp_view cursor = op_second(op);
    struct store_record **order = store_table_order(&store->table);
    bool is_from_prefix = rp_view_compare(cursor, prefix) < 0;
    size_t index = store_table_after(&store->table, is_from_prefix ? prefix : cursor);
    /* The prefix itself may be a name; `after` has stepped over it. */
    if (is_from_prefix && index > 0 && rp_view_equal(store_record_path(order[index - 1]), prefix)) {
        index -= 1;
    }
    size_t room =
        store->table.count - index < op->item_max ? store->table.count - index : op->item_max;
    struct rp_store_list_item *items = rp_allocate(store_alloc(store), (room + 1) * sizeof *items);
    RP_ASSERT(items != NULL);
    request->items = items;
    request->item_count = 0;
    while (request->item_count < room && index < store->table.count &&
           has_prefix(store_record_path(order[index]), prefix)) {
        if (store->names != NULL && store_name_is_hidden(store_record_path(order[index]))) {
            index += 1;
            continue;
        }
        struct rp_store_list_item *item = &items[request->item_count];
        item->path = store_record_path(order[index]);
        item->size_bytes = order[index]->object->content.length_bytes;
        item->mtime_unix_ns = order[index]->object->mtime_unix_ns;
        request->item_count += 1;
        index += 1;
    }
    request->has_more =
        index < store->table.count && has_prefix(store_record_path(order[index]), prefix);
    return items;
}

/* Publishing and discarding end the writer and its staging object, whatever the result. */
static void op_cancelled(struct sim_store *store, struct store_op *op)
{
    if (op->kind == STORE_STAGE_PUBLISH || op->kind == STORE_STAGE_DISCARD) {
        rp_ignore(apply_stage_discard(store, op));
    }
    op->error = RP_ERR_CANCELLED;
}

static void op_complete(struct sim_store *store, struct store_op *op)
{
    struct sim_gate gate = store->gate;
    const struct rp_alloc *alloc = store_alloc(store);
    int error = op->error;
    if (op->kind == STORE_FLUSH) {
        void (*flushed)(void *context, int error) = op->flushed;
        void *flush_context = op->flush_context;
        op_free(op);
        flushed(flush_context, error);
        sim_gate_leave(&gate);
        return;
    }
    struct rp_store_request *request = op->request;
    struct rp_chunk chunk = op->chunk;
    struct rp_store_list_item *items = NULL;
    op->chunk.block = NULL;
    request->port_handle = 0;
    if (op->kind == STORE_READ) {
        struct rp_chunk empty = {0};
        request->chunk = error == 0 ? chunk : empty;
    } else if (op->kind == STORE_LIST && error == 0) {
        items = list_page(store, op);
    }
    op_free(op);
    request->done(request, error);
    rp_block_release(chunk.block);
    rp_release(alloc, items);
    sim_gate_leave(&gate);
}

static void op_due(void *context, uint64_t argument)
{
    struct store_op *op = context;
    struct sim_store *store = op->store;
    (void)argument;
    op->event = 0;
    if (!op->is_applied) {
        op->is_applied = true;
        if (op->is_cancelled) {
            op_cancelled(store, op);
        } else {
            op->error = op_apply(store, op);
        }
    }
    if (sim_gate_enter(&store->gate)) {
        op_complete(store, op);
    }
}

void store_ops_thaw(struct sim_store *store)
{
    for (struct store_op *op = store->first; op != NULL; op = op->next) {
        if (op->event == 0 && !op->is_waiting) {
            op->event =
                sim_event_queue_add(store->disks->spec.queue, store_now(store), SIM_EVENT_STORE,
                                    op_due, op, store->spec.number << 8 | (uint64_t)op->kind);
        }
    }
}

/* ---- Calls ------------------------------------------------------------------------------------- */

static struct rp_view none(void)
{
    return rp_view_text(NULL);
}

static uint64_t write_cost(const struct sim_store *store, uint64_t bytes)
{
    return time_of(bytes, store->spec.write_bytes_per_s) +
           time_of(bytes, store->spec.hash_bytes_per_s);
}

static void port_stat(void *state, struct rp_store_request *request, struct rp_view path)
{
    tell_call(state, SIM_STORE_CALL_STAT, path);
    op_start(op_new(state, STORE_STAT, request, path, none()), 0);
}

static void port_stage_open(void *state, struct rp_store_request *request, struct rp_view path,
                            struct rp_view sha256_hex, enum rp_stage_mode mode)
{
    struct store_op *op = op_new(state, STORE_STAGE_OPEN, request, path, sha256_hex);
    op->mode = mode;
    op_start(op, 0);
}

static void port_stage_write(void *state, struct rp_store_request *request, rp_store_handle writer,
                             struct rp_chunk chunk)
{
    struct store_op *op = op_new(state, STORE_STAGE_WRITE, request, none(), none());
    op->handle = writer;
    op->chunk = chunk;
    rp_block_retain(chunk.block);
    op_start(op, write_cost(state, chunk.length_bytes));
}

static void port_stage_publish(void *state, struct rp_store_request *request,
                               rp_store_handle writer)
{
    struct store_op *op = op_new(state, STORE_STAGE_PUBLISH, request, none(), none());
    op->handle = writer;
    op_start(op, 0);
}

static void port_stage_discard(void *state, struct rp_store_request *request,
                               rp_store_handle writer)
{
    struct store_op *op = op_new(state, STORE_STAGE_DISCARD, request, none(), none());
    op->handle = writer;
    op_start(op, 0);
}

static void port_file_open(void *state, struct rp_store_request *request, struct rp_view path,
                           enum rp_stage_mode mode)
{
    struct store_op *op = op_new(state, STORE_FILE_OPEN, request, path, none());
    op->mode = mode;
    op_start(op, 0);
}

static void port_file_close(void *state, rp_store_handle writer)
{
    handle_close(state, handle_find(state, writer));
}

static void port_file_rename(void *state, struct rp_store_request *request, struct rp_view from,
                             struct rp_view to)
{
    op_start(op_new(state, STORE_FILE_RENAME, request, from, to), 0);
}

static void port_read_open(void *state, struct rp_store_request *request, struct rp_view path)
{
    tell_call(state, SIM_STORE_CALL_READ, path);
    op_start(op_new(state, STORE_READ_OPEN, request, path, none()), 0);
}

static void port_read(void *state, struct rp_store_request *request, rp_store_handle reader,
                      uint64_t offset_bytes, size_t length_bytes)
{
    struct sim_store *store = state;
    struct store_op *op = op_new(state, STORE_READ, request, none(), none());
    op->handle = reader;
    op->offset_bytes = offset_bytes;
    op->length_bytes = length_bytes;
    op_start(op, time_of(length_bytes, store->spec.read_bytes_per_s));
}

static void port_read_close(void *state, rp_store_handle reader)
{
    handle_close(state, handle_find(state, reader));
}

static void port_remove(void *state, struct rp_store_request *request, struct rp_view path)
{
    tell_call(state, SIM_STORE_CALL_REMOVE, path);
    op_start(op_new(state, STORE_REMOVE, request, path, none()), 0);
}

static void port_list(void *state, struct rp_store_request *request, struct rp_view prefix,
                      struct rp_view cursor, size_t item_max)
{
    struct store_op *op = op_new(state, STORE_LIST, request, prefix, cursor);
    op->item_max = item_max;
    op_start(op, 0);
}

static void port_space(void *state, struct rp_store_request *request)
{
    op_start(op_new(state, STORE_SPACE, request, none(), none()), 0);
}

/* What has been applied keeps its result; the rest ends at once. */
static void port_cancel(void *state, struct rp_store_request *request)
{
    struct sim_store *store = state;
    struct store_op *op = (struct store_op *)(uintptr_t)request->port_handle;
    if (op == NULL || op->is_applied || op->is_cancelled) {
        return;
    }
    op->is_cancelled = true;
    sim_event_queue_cancel(store->disks->spec.queue, op->event);
    op->event = sim_event_queue_add(store->disks->spec.queue, store_now(store), SIM_EVENT_STORE,
                                    op_due, op, store->spec.number << 8 | (uint64_t)op->kind);
}

static void flush_turn(void *context)
{
    struct store_op *op = context;
    op->is_waiting = false;
    op_start(op, write_cost(op->store, op->length_bytes));
}

int sim_store_flush(struct sim_store *store, struct rp_view path, sim_body_key key,
                    uint64_t length_bytes, void (*done)(void *context, int error), void *context)
{
    if (!store->is_attached) {
        return RP_ERR_STOPPED;
    }
    struct store_op *op = op_new(store, STORE_FLUSH, NULL, path, none());
    op->key = key;
    op->length_bytes = length_bytes;
    op->flushed = done;
    op->flush_context = context;
    op->is_waiting = true;
    int error = fault_disk_wait_turn(store->fault, flush_turn, op);
    if (error != 0) {
        op_free(op);
    }
    return error;
}

void store_port_init(struct sim_store *store)
{
    struct rp_store_port *port = &store->port;
    port->state = store;
    port->stat = port_stat;
    port->stage_open = port_stage_open;
    port->stage_write = port_stage_write;
    port->stage_publish = port_stage_publish;
    port->stage_discard = port_stage_discard;
    port->file_open = port_file_open;
    port->file_close = port_file_close;
    port->file_rename = port_file_rename;
    port->read_open = port_read_open;
    port->read = port_read;
    port->read_close = port_read_close;
    port->remove = port_remove;
    port->list = port_list;
    port->space = port_space;
    port->cancel = port_cancel;
}
