#include "protocol/node_internal.h"

/* Local copies of files that the manifest lost (behaviour.md 12.1). Three rules: nothing is done; a
 * queue with two workers that look at nothing twice; or a grace for each file, and a second look. */

struct delete_rule {
    void (*take)(struct rp_node *node, const struct rp_file_entry *entry);
    void (*spare)(struct rp_node *node, struct rp_view path);
    void (*stop)(struct rp_node *node);
};

static void remove_copy(struct rp_node *node, struct rp_store_request *request, struct rp_view path)
{
    struct rp_observation seen = {
        .kind = RP_SEE_REMOVED, .path = path, .code = rp_view_text("deleted")};
    node_see(node, &seen);
    rp_presence_forget(node->presence, path);
    node->ports.store.remove(node->ports.store.state, request, path);
}

/* ---- Nothing is done --------------------------------------------------------------------------- */

static void take_none(struct rp_node *node, const struct rp_file_entry *entry)
{
    (void)node;
    (void)entry;
}

static void spare_none(struct rp_node *node, struct rp_view path)
{
    (void)node;
    (void)path;
}

static void stop_none(struct rp_node *node)
{
    (void)node;
}

/* ---- A grace for each, and a second look ------------------------------------------------------- */

struct node_delete {
    struct rp_node *node;
    struct node_call call;
    struct rp_timer timer; /* the grace */
    const struct rp_file_entry *entry;
    struct node_delete *previous, *next;
};

static void destroy(struct node_delete *deletion)
{
    struct rp_node *node = deletion->node;
    node_disarm(node, &deletion->timer);
    if (deletion->previous != NULL) {
        deletion->previous->next = deletion->next;
    } else {
        node->deletes = deletion->next;
    }
    if (deletion->next != NULL) {
        deletion->next->previous = deletion->previous;
    }
    node->delete_count -= 1;
    rp_file_entry_release(deletion->entry);
    rp_release(node->ports.alloc, deletion);
}

/* Absent is fine. A disk that failed gets the same time again: the next start-up may be far. */
static void on_removed(void *owner, int error)
{
    struct node_delete *deletion = owner;
    struct rp_node *node = deletion->node;
    bool is_left = error != 0 && error != RP_ERR_NOT_FOUND && error != RP_ERR_CANCELLED;
    if (is_left && !node->is_dead && !node->is_stopping) {
        node_arm_after(node, &deletion->timer, RP_DELETE_GRACE_NS);
        return;
    }
    destroy(deletion);
}

/* Grace over. Meanwhile the path may have been registered again, or flushed here again with its
 * registration still on its way: then this node may be the only one that has it. */
static void on_grace(void *context)
{
    struct node_delete *deletion = context;
    struct rp_node *node = deletion->node;
    struct rp_view path = deletion->entry->path;
    bool is_back =
        rp_manifest_file(node->manifest, path) != NULL || node_flush_is_pending(node, path);
    if (is_back) {
        destroy(deletion);
        return;
    }
    remove_copy(node, node_call_begin(&deletion->call, on_removed), path);
}

static void take_with_grace(struct rp_node *node, const struct rp_file_entry *entry)
{
    struct node_delete *deletion = rp_allocate_zeroed(node->ports.alloc, sizeof *deletion);
    if (deletion == NULL) {
        return;
    }
    deletion->node = node;
    deletion->entry = rp_file_entry_retain(entry);
    node_call_init(&deletion->call, node, on_removed, deletion);
    node_timer_init(&deletion->timer, on_grace, deletion);
    deletion->next = node->deletes;
    if (deletion->next != NULL) {
        deletion->next->previous = deletion;
    }
    node->deletes = deletion;
    node->delete_count += 1;
    node_arm_after(node, &deletion->timer, RP_DELETE_GRACE_NS);
}

/* One that is still in its grace will see for itself. */
static void spare_under_way(struct rp_node *node, struct rp_view path)
{
    for (struct node_delete *deletion = node->deletes; deletion != NULL;
         deletion = deletion->next) {
        if (rp_view_equal(deletion->entry->path, path)) {
            node_call_cancel(&deletion->call);
        }
    }
}

/* Graces that still run are forgotten, as in the reference; the next start-up scan finds orphans. */
static void stop_graces(struct rp_node *node)
{
    for (struct node_delete *deletion = node->deletes, *next; deletion != NULL; deletion = next) {
        next = deletion->next;
        if (deletion->call.is_in_flight) {
            node_call_cancel(&deletion->call);
        } else {
            destroy(deletion);
        }
    }
}

/* ---- A queue and two workers ------------------------------------------------------------------- */

struct delete_worker {
    struct rp_node *node;
    struct node_call call;
    struct rp_timer grace;
    const struct rp_file_entry *batch[RP_DELETE_QUEUE_MAX + 1]; /* references */
    size_t batch_count, batch_next;
};

struct node_delete_queue {
    const struct rp_file_entry *ring[RP_DELETE_QUEUE_MAX]; /* references */
    size_t first, count;
    struct delete_worker workers[RP_DELETE_WORKERS];
};

static bool is_idle_worker(const struct delete_worker *worker)
{
    return worker->batch_next == worker->batch_count;
}

static const struct rp_file_entry *pop(struct node_delete_queue *queue)
{
    const struct rp_file_entry *entry = queue->ring[queue->first];
    queue->first = (queue->first + 1) % RP_DELETE_QUEUE_MAX;
    queue->count -= 1;
    return entry;
}

static void drop_batch(struct delete_worker *worker)
{
    while (worker->batch_next < worker->batch_count) {
        rp_file_entry_release(worker->batch[worker->batch_next++]);
    }
    worker->batch_next = worker->batch_count = 0;
}

static void take_first(struct delete_worker *worker, const struct rp_file_entry *entry)
{
    worker->batch[0] = entry;
    worker->batch_count = 1;
    worker->batch_next = 0;
    node_arm_after(worker->node, &worker->grace, RP_DELETE_GRACE_NS);
}

static void on_queued_removed(void *owner, int error);

static void remove_next(struct delete_worker *worker)
{
    struct node_delete_queue *queue = worker->node->delete_queue;
    if (!is_idle_worker(worker)) {
        remove_copy(worker->node, node_call_begin(&worker->call, on_queued_removed),
                    worker->batch[worker->batch_next]->path);
    } else if (queue->count > 0) {
        take_first(worker, pop(queue));
    }
}

static void on_queued_removed(void *owner, int error)
{
    (void)error; /* a failure is logged and no more */
    struct delete_worker *worker = owner;
    rp_file_entry_release(worker->batch[worker->batch_next++]);
    if (!worker->node->is_dead) {
        remove_next(worker);
    }
}

/* Whatever else waits now goes along, with no grace of its own and no second look. */
static void on_queue_grace(void *context)
{
    struct delete_worker *worker = context;
    struct node_delete_queue *queue = worker->node->delete_queue;
    while (queue->count > 0) {
        worker->batch[worker->batch_count++] = pop(queue);
    }
    remove_next(worker);
}

/* Made with the first deletion: most lives see none. */
static struct node_delete_queue *queue_of(struct rp_node *node)
{
    if (node->delete_queue != NULL) {
        return node->delete_queue;
    }
    struct node_delete_queue *queue = rp_allocate_zeroed(node->ports.alloc, sizeof *queue);
    for (size_t index = 0; queue != NULL && index < RP_DELETE_WORKERS; index += 1) {
        struct delete_worker *worker = &queue->workers[index];
        worker->node = node;
        node_call_init(&worker->call, node, on_queued_removed, worker);
        node_timer_init(&worker->grace, on_queue_grace, worker);
    }
    node->delete_queue = queue;
    return queue;
}

static void drop_newest(struct rp_node *node)
{
    node->deletes_dropped_count += 1;
    node_log(node, RP_LOG_WARN, "the queue of local deletions is full: a copy stays");
}

static void take_queued(struct rp_node *node, const struct rp_file_entry *entry)
{
    struct node_delete_queue *queue = queue_of(node);
    if (queue == NULL) {
        drop_newest(node);
        return;
    }
    for (size_t index = 0; index < RP_DELETE_WORKERS; index += 1) {
        if (is_idle_worker(&queue->workers[index])) {
            take_first(&queue->workers[index], rp_file_entry_retain(entry));
            return;
        }
    }
    if (queue->count == RP_DELETE_QUEUE_MAX) {
        drop_newest(node);
        return;
    }
    queue->ring[(queue->first + queue->count) % RP_DELETE_QUEUE_MAX] = rp_file_entry_retain(entry);
    queue->count += 1;
}

/* What is queued is discarded, and so is what a worker waits over; what it is at, it ends. */
static void stop_queue(struct rp_node *node)
{
    struct node_delete_queue *queue = node->delete_queue;
    while (queue != NULL && queue->count > 0) {
        rp_file_entry_release(pop(queue));
    }
    for (size_t index = 0; queue != NULL && index < RP_DELETE_WORKERS; index += 1) {
        struct delete_worker *worker = &queue->workers[index];
        if (!worker->call.is_in_flight) {
            node_disarm(node, &worker->grace);
            drop_batch(worker);
        }
    }
}

static bool is_idle_queue(const struct node_delete_queue *queue)
{
    for (size_t index = 0; queue != NULL && index < RP_DELETE_WORKERS; index += 1) {
        if (!is_idle_worker(&queue->workers[index])) {
            return false;
        }
    }
    return queue == NULL || queue->count == 0;
}

static void free_queue(struct rp_node *node)
{
    struct node_delete_queue *queue = node->delete_queue;
    if (queue == NULL) {
        return;
    }
    stop_queue(node);
    for (size_t index = 0; index < RP_DELETE_WORKERS; index += 1) {
        drop_batch(&queue->workers[index]);
    }
    rp_release(node->ports.alloc, queue);
    node->delete_queue = NULL;
}

/* ---- The choice -------------------------------------------------------------------------------- */

static const struct delete_rule *rule_of(const struct rp_node *node)
{
    static const struct delete_rule RULES[] = {
        [RP_DELETES_LOGGED] = {take_none, spare_none, stop_none},
        [RP_DELETES_QUEUED] = {take_queued, spare_none, stop_queue},
        [RP_DELETES_RECHECKED] = {take_with_grace, spare_under_way, stop_graces},
    };
    return &RULES[node->traits->local_deletes];
}

void node_delete_take(struct rp_node *node, const struct rp_file_entry *entry)
{
    if (!node->is_delete_closed) {
        rule_of(node)->take(node, entry);
    }
}

void node_delete_cancel(struct rp_node *node, struct rp_view path)
{
    rule_of(node)->spare(node, path);
}

void node_delete_stop(struct rp_node *node)
{
    node->is_delete_closed = true;
    rule_of(node)->stop(node);
}

bool node_delete_is_idle(const struct rp_node *node)
{
    return node->delete_count == 0 && is_idle_queue(node->delete_queue);
}

void node_delete_clear(struct rp_node *node)
{
    while (node->deletes != NULL) {
        destroy(node->deletes);
    }
    free_queue(node);
}
