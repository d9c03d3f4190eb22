#include "fault/disk_internal.h"
#include "protocol/error.h"

static void pump(struct fault_disk *disk);

/* ---- Lists --------------------------------------------------------------------------------------- */

static void list_append(struct op_list *list, struct disk_op *op)
{
    op->next = NULL;
    op->previous = list->last;
    if (list->last == NULL) {
        list->first = op;
    } else {
        list->last->next = op;
    }
    list->last = op;
}

static void list_remove(struct op_list *list, struct disk_op *op)
{
    if (op->previous == NULL) {
        list->first = op->next;
    } else {
        op->previous->next = op->next;
    }
    if (op->next == NULL) {
        list->last = op->previous;
    } else {
        op->next->previous = op->previous;
    }
}

static struct disk_op *list_find(const struct op_list *list, const struct rp_store_request *outer)
{
    struct disk_op *op = list->first;
    while (op != NULL && op->outer != outer) {
        op = op->next;
    }
    return op;
}

static struct op_list *list_of(struct disk_op *op)
{
    return op->stage == OP_PASSED ? &op->disk->passed : &op->disk->held;
}

/* ---- Operations ---------------------------------------------------------------------------------- */

static struct rp_view op_first(const struct disk_op *op)
{
    return rp_view_make(op->text, op->first_bytes);
}

static struct rp_view op_second(const struct disk_op *op)
{
    return rp_view_make(op->text + op->first_bytes, op->second_bytes);
}

static void op_free(struct disk_op *op)
{
    list_remove(list_of(op), op);
    op->disk->promised_bytes -= op->promised_bytes;
    rp_block_release(op->chunk.block);
    rp_release(op->disk->params.alloc, op);
}

/* The end of a call. Results go over as they are; what the port did not set is as the node left it. */
static void op_end(struct disk_op *op, int error)
{
    struct rp_store_request *outer = op->outer;
    struct rp_store_request result = op->inner;
    op_free(op);
    result.done = outer->done;
    result.context = outer->context;
    result.port_handle = 0;
    *outer = result;
    outer->done(outer, error);
}

/* A reader that the node is not told of is nobody's. */
static void hide_result(struct disk_op *op, int error)
{
    const struct rp_store_port *store = &op->disk->params.store;
    if (op->kind == OP_READ_OPEN && error == 0) {
        store->read_close(store->state, op->inner.handle);
    }
    op->inner.handle = 0;
    op->inner.taken_bytes = 0;
    op->inner.chunk = (struct rp_chunk){NULL, NULL, 0};
    op->inner.items = NULL;
    op->inner.item_count = 0;
}

static void on_passed_done(struct rp_store_request *request, int error)
{
    struct disk_op *op = request->context;
    struct fault_disk *disk = op->disk;
    if (op->verdict != 0) {
        hide_result(op, error);
        error = error == RP_ERR_CANCELLED ? error : op->verdict;
    } else if (op->kind == OP_SPACE && error == 0) {
        op->inner.free_bytes = fault_disk_room(disk, op->inner.free_bytes);
    }
    op_end(op, error);
}

/* ---- Fates --------------------------------------------------------------------------------------- */

static void acted(const struct fault_disk *disk, const char *name)
{
    if (disk->params.acted != NULL) {
        disk->params.acted(disk->params.context, name);
    }
}

static bool chance(struct fault_disk *disk, fault_chance of, const char *name)
{
    bool is_drawn = fault_random_chance(&disk->params.random, of);
    if (is_drawn) {
        acted(disk, name);
    }
    return is_drawn;
}

static int verdict_of_open(struct fault_disk *disk, const struct disk_op *op)
{
    if (op->mode == RP_STAGE_APPEND && disk->spec.has_no_append) {
        acted(disk, "disk.no_append");
        return RP_ERR_UNSUPPORTED;
    }
    return chance(disk, disk->spec.write_error, "disk.write_error") ? RP_ERR_IO : 0;
}

static int verdict_of(struct fault_disk *disk, const struct disk_op *op)
{
    const struct fault_disk_spec *spec = &disk->spec;
    switch (op->kind) {
    case OP_STAT: return chance(disk, spec->stat_error, "disk.stat_error") ? RP_ERR_IO : 0;
    case OP_LIST: return chance(disk, spec->list_error, "disk.list_error") ? RP_ERR_IO : 0;
    case OP_READ_OPEN:
    case OP_READ: return chance(disk, spec->read_error, "disk.read_error") ? RP_ERR_IO : 0;
    case OP_STAGE_OPEN:
    case OP_FILE_OPEN: return verdict_of_open(disk, op);
    case OP_FILE_RENAME:
    case OP_REMOVE: return chance(disk, spec->write_error, "disk.write_error") ? RP_ERR_IO : 0;
    case OP_STAGE_WRITE:
        if (chance(disk, spec->write_error, "disk.write_error")) {
            return RP_ERR_IO;
        }
        if (!spec->is_full || op->chunk.length_bytes == 0) {
            return 0;
        }
        acted(disk, "disk.full");
        return RP_ERR_NO_SPACE;
    case OP_STAGE_PUBLISH: return chance(disk, spec->sync_error, "disk.sync_error") ? RP_ERR_IO : 0;
    case OP_STAGE_DISCARD:
    case OP_SPACE:
    case OP_TURN: return 0;
    }
    return 0;
}

static struct rp_chunk part_of_write(struct fault_disk *disk, const struct disk_op *op)
{
    size_t length = op->chunk.length_bytes;
    if (length > 1 && chance(disk, disk->spec.short_write, "disk.short_write")) {
        length = 1 + (size_t)fault_random_below(&disk->params.random, length - 1);
    }
    return rp_chunk_slice(op->chunk, 0, length);
}

/* ---- Passing on ---------------------------------------------------------------------------------- */

static void pass_as_it_is(struct disk_op *op)
{
    const struct rp_store_port *store = &op->disk->params.store;
    struct rp_store_request *inner = &op->inner;
    switch (op->kind) {
    case OP_STAT: store->stat(store->state, inner, op_first(op)); break;
    case OP_STAGE_OPEN:
        store->stage_open(store->state, inner, op_first(op), op_second(op), op->mode);
        break;
    case OP_STAGE_WRITE: store->stage_write(store->state, inner, op->handle, op->chunk); break;
    case OP_STAGE_PUBLISH: store->stage_publish(store->state, inner, op->handle); break;
    case OP_STAGE_DISCARD: store->stage_discard(store->state, inner, op->handle); break;
    case OP_FILE_OPEN: store->file_open(store->state, inner, op_first(op), op->mode); break;
    case OP_FILE_RENAME:
        store->file_rename(store->state, inner, op_first(op), op_second(op));
        break;
    case OP_READ_OPEN: store->read_open(store->state, inner, op_first(op)); break;
    case OP_READ:
        store->read(store->state, inner, op->handle, op->offset_bytes, op->length_bytes);
        break;
    case OP_REMOVE: store->remove(store->state, inner, op_first(op)); break;
    case OP_LIST:
        store->list(store->state, inner, op_first(op), op_second(op), op->item_max);
        break;
    case OP_SPACE: store->space(store->state, inner); break;
    case OP_TURN: break;
    }
}

/* What fails in the end: a read is done, a write must leave no trace. */
static void pass_as_failing(struct disk_op *op)
{
    const struct rp_store_port *store = &op->disk->params.store;
    switch (op->kind) {
    case OP_STAT:
    case OP_LIST:
    case OP_READ_OPEN:
    case OP_READ: pass_as_it_is(op); break;
    case OP_STAGE_PUBLISH: store->stage_discard(store->state, &op->inner, op->handle); break;
    default: store->space(store->state, &op->inner); break;
    }
}

static void become_passed(struct disk_op *op)
{
    list_remove(&op->disk->held, op);
    op->stage = OP_PASSED;
    op->inner.done = on_passed_done;
    list_append(&op->disk->passed, op);
}

static void pass_write(struct disk_op *op)
{
    struct fault_disk *disk = op->disk;
    op->chunk = part_of_write(disk, op);
    op->promised_bytes = op->chunk.length_bytes;
    disk->promised_bytes += op->promised_bytes;
    become_passed(op);
    pass_as_it_is(op);
}

static void give_turn(struct disk_op *op)
{
    void (*come)(void *context) = op->come;
    void *context = op->come_context;
    op_free(op);
    come(context);
}

/* The port has told how much is free: so much of the write is passed on. */
static void on_asked_done(struct rp_store_request *request, int error)
{
    struct disk_op *op = request->context;
    struct fault_disk *disk = op->disk;
    uint64_t room = fault_disk_room(disk, op->inner.free_bytes);
    room = room > disk->promised_bytes ? room - disk->promised_bytes : 0;
    op->inner.free_bytes = op->outer->free_bytes;
    bool is_over = op->is_cancelled || error != 0 || room == 0;
    if (error == 0 && op->chunk.length_bytes > room) {
        acted(disk, "disk.free");
    }
    if (is_over) {
        become_passed(op);
        hide_result(op, error);
        error = op->is_cancelled ? RP_ERR_CANCELLED : error != 0 ? error : RP_ERR_NO_SPACE;
    } else {
        if (op->chunk.length_bytes > room) {
            op->chunk = rp_chunk_slice(op->chunk, 0, (size_t)room);
        }
        pass_write(op);
    }
    pump(disk);
    if (is_over) {
        op_end(op, error); /* last: the node may do anything in it */
    }
}

static void ask(struct disk_op *op)
{
    const struct rp_store_port *store = &op->disk->params.store;
    op->stage = OP_ASKED;
    op->inner.done = on_asked_done;
    store->space(store->state, &op->inner);
}

/* The first of those that are held. */
static void pass(struct disk_op *op)
{
    struct fault_disk *disk = op->disk;
    if (op->kind == OP_TURN) {
        give_turn(op);
        return;
    }
    op->verdict = verdict_of(disk, op);
    if (op->verdict != 0) {
        become_passed(op);
        pass_as_failing(op);
    } else if (op->kind != OP_STAGE_WRITE) {
        become_passed(op);
        pass_as_it_is(op);
    } else if (disk->spec.has_free_bytes && op->chunk.length_bytes > 0) {
        ask(op);
    } else {
        pass_write(op);
    }
}

static rp_time_ns now(const struct fault_disk *disk)
{
    return disk->params.clock.now_ns(disk->params.clock.state);
}

static rp_time_ns due_of(const struct fault_disk *disk, const struct disk_op *op)
{
    return op->due_ns > disk->stuck_until_ns ? op->due_ns : disk->stuck_until_ns;
}

static void pump(struct fault_disk *disk)
{
    const struct rp_clock_port *clock = &disk->params.clock;
    while (disk->held.first != NULL && disk->held.first->stage == OP_HELD &&
           due_of(disk, disk->held.first) <= now(disk)) {
        pass(disk->held.first);
    }
    const struct disk_op *first = disk->held.first;
    if (first != NULL && first->stage == OP_HELD) {
        clock->arm(clock->state, &disk->timer, due_of(disk, first));
    } else if (rp_timer_is_armed(&disk->timer)) {
        clock->disarm(clock->state, &disk->timer);
    }
}

static void on_timer(void *context)
{
    pump(context);
}

/* ---- Calls --------------------------------------------------------------------------------------- */

/* A healthy disk holds nothing back, unless something before it is held. */
static bool is_through(const struct fault_disk *disk)
{
    return !disk->is_sick && disk->held.first == NULL;
}

/* NULL: out of memory. */
static struct disk_op *op_new(struct fault_disk *disk, enum op_kind kind, struct rp_view first,
                              struct rp_view second)
{
    struct disk_op *op =
        rp_allocate(disk->params.alloc, sizeof *op + first.length_bytes + second.length_bytes);
    if (op == NULL) {
        return NULL;
    }
    memset(op, 0, sizeof *op);
    op->disk = disk;
    op->kind = kind;
    op->first_bytes = first.length_bytes;
    op->second_bytes = second.length_bytes;
    if (first.length_bytes > 0) {
        memcpy(op->text, first.bytes, first.length_bytes);
    }
    if (second.length_bytes > 0) {
        memcpy(op->text + first.length_bytes, second.bytes, second.length_bytes);
    }
    return op;
}

struct disk_op *disk_op_of(struct fault_disk *disk, enum op_kind kind,
                           struct rp_store_request *request, struct rp_view first,
                           struct rp_view second)
{
    struct disk_op *op = is_through(disk) ? NULL : op_new(disk, kind, first, second);
    if (op != NULL) {
        op->outer = request;
        op->inner = *request;
        op->inner.context = op;
        op->inner.port_handle = 0;
    }
    return op;
}

void disk_op_start(struct disk_op *op)
{
    struct fault_disk *disk = op->disk;
    op->due_ns = now(disk) + disk->spec.slow_ns;
    if (disk->spec.slow_ns != 0) {
        acted(disk, "disk.slow");
    }
    if (disk->stuck_until_ns > op->due_ns) {
        acted(disk, "disk.stuck");
    }
    if (disk->held.last != NULL && disk->held.last->due_ns > op->due_ns) {
        op->due_ns = disk->held.last->due_ns;
    }
    if (op->outer != NULL) {
        op->outer->port_handle = 1; /* in flight; which one it is, the lists know */
    }
    list_append(&disk->held, op);
    if (disk->held.first == op) {
        pump(disk);
    }
}

bool disk_op_cancel(struct fault_disk *disk, struct rp_store_request *request)
{
    const struct rp_store_port *store = &disk->params.store;
    struct disk_op *op = list_find(&disk->passed, request);
    op = op != NULL ? op : list_find(&disk->held, request);
    if (op == NULL) {
        return false;
    }
    if (op->stage == OP_HELD) {
        become_passed(op);
        pass_as_it_is(op);
        pump(disk); /* it may have been the first */
    }
    op->is_cancelled = true;
    store->cancel(store->state, &op->inner);
    return true;
}

/* ---- Life ---------------------------------------------------------------------------------------- */

int fault_disk_new(const struct fault_disk_params *params, struct fault_disk **disk_out)
{
    struct fault_disk *disk = rp_allocate_zeroed(params->alloc, sizeof *disk);
    if (disk == NULL) {
        return RP_ERR_NOMEM;
    }
    disk->params = *params;
    disk->timer.fire = on_timer;
    disk->timer.context = disk;
    disk->port = disk_port_of(disk);
    *disk_out = disk;
    return 0;
}

void fault_disk_drop(struct fault_disk *disk)
{
    while (disk->held.first != NULL) {
        op_free(disk->held.first);
    }
    while (disk->passed.first != NULL) {
        op_free(disk->passed.first);
    }
    if (rp_timer_is_armed(&disk->timer)) {
        disk->params.clock.disarm(disk->params.clock.state, &disk->timer);
    }
}

void fault_disk_free(struct fault_disk *disk)
{
    if (disk != NULL) {
        fault_disk_drop(disk);
        rp_release(disk->params.alloc, disk);
    }
}

const struct rp_store_port *fault_disk_port(const struct fault_disk *disk)
{
    return &disk->port;
}

static bool is_sick(const struct fault_disk_spec *spec)
{
    return spec->is_full || spec->has_free_bytes || spec->slow_ns != 0 || spec->stuck_ns != 0 ||
           spec->read_error != 0 || spec->write_error != 0 || spec->sync_error != 0 ||
           spec->stat_error != 0 || spec->list_error != 0 || spec->short_write != 0 ||
           spec->has_no_append;
}

/* What is held already when the disk gets stuck is held back by it, too. */
static void get_stuck(struct fault_disk *disk, rp_time_ns until_ns)
{
    disk->stuck_until_ns = until_ns;
    for (const struct disk_op *op = disk->held.first; op != NULL; op = op->next) {
        if (op->due_ns < until_ns) {
            acted(disk, "disk.stuck");
        }
    }
}

static void shorten_waits(struct fault_disk *disk, rp_time_ns due_max_ns)
{
    for (struct disk_op *op = disk->held.first; op != NULL; op = op->next) {
        op->due_ns = op->due_ns < due_max_ns ? op->due_ns : due_max_ns;
    }
}

void fault_disk_set(struct fault_disk *disk, const struct fault_disk_spec *spec,
                    uint64_t medium_free_bytes)
{
    rp_time_ns now_ns = now(disk);
    if (spec->stuck_ns == 0) {
        disk->stuck_until_ns = 0;
    } else if (spec->stuck_ns != disk->spec.stuck_ns) {
        get_stuck(disk, now_ns + spec->stuck_ns);
    }
    disk->spec = *spec;
    disk->is_sick = is_sick(spec);
    disk->hidden_bytes = 0;
    if (spec->has_free_bytes && medium_free_bytes > spec->free_bytes) {
        disk->hidden_bytes = medium_free_bytes - spec->free_bytes;
    }
    shorten_waits(disk, now_ns + spec->slow_ns);
    pump(disk);
}

const struct fault_disk_spec *fault_disk_spec(const struct fault_disk *disk)
{
    return &disk->spec;
}

uint64_t fault_disk_left(const struct fault_disk *disk, uint64_t medium_free_bytes)
{
    return medium_free_bytes < disk->hidden_bytes ? 0 : medium_free_bytes - disk->hidden_bytes;
}

uint64_t fault_disk_room(const struct fault_disk *disk, uint64_t medium_free_bytes)
{
    return disk->spec.is_full ? 0 : fault_disk_left(disk, medium_free_bytes);
}

int fault_disk_wait_turn(struct fault_disk *disk, void (*come)(void *context), void *context)
{
    if (is_through(disk)) {
        come(context);
        return 0;
    }
    struct disk_op *op = op_new(disk, OP_TURN, rp_view_text(NULL), rp_view_text(NULL));
    if (op == NULL) {
        return RP_ERR_NOMEM;
    }
    op->come = come;
    op->come_context = context;
    disk_op_start(op);
    return 0;
}

bool fault_disk_write_fails(struct fault_disk *disk)
{
    return chance(disk, disk->spec.write_error, "disk.write_error") ||
           chance(disk, disk->spec.sync_error, "disk.sync_error");
}

size_t fault_disk_held_count(const struct fault_disk *disk)
{
    size_t count = 0;
    for (const struct disk_op *op = disk->held.first; op != NULL; op = op->next) {
        count += 1;
    }
    return count;
}
