#include "protocol/command_decode.h"
#include "protocol/node_internal.h"

/* Deletions that this node slept through (invariants.md, no-resurrection; trait deletion_memory).
 *
 * A snapshot tells which files there are, not which of those on this disk were deleted meanwhile. The
 * manifest remembers deletions; after each restore the own store is listed once, and what is
 * remembered as deleted goes the way of every deleted file: grace, a second look, removal. What was
 * never registered is left alone: it belongs to whoever made it. */

#define RETRY_NS RP_NS_PER_S

struct node_sweep {
    struct rp_node *node;
    struct node_call call;
    struct rp_timer timer;
    struct rp_buffer cursor;
    bool is_running;
    bool is_again; /* a restore came meanwhile */
};

static void list_more(struct node_sweep *sweep);

static void begin(struct node_sweep *sweep)
{
    sweep->is_running = true;
    sweep->is_again = false;
    rp_buffer_reset(&sweep->cursor);
    node_arm_after(sweep->node, &sweep->timer, 0);
}

static void end(struct node_sweep *sweep)
{
    sweep->is_running = false;
    if (sweep->is_again && sweep->node->phase == NODE_RUNNING) {
        begin(sweep);
    }
}

static void judge(struct rp_node *node, struct rp_view path)
{
    bool is_left = rp_manifest_deletion(node->manifest, path) != 0 &&
                   rp_manifest_file(node->manifest, path) == NULL &&
                   !node_flush_is_pending(node, path);
    struct rp_file_record record = {.path = path};
    const struct rp_file_entry *entry = NULL;
    if (is_left && rp_file_entry_new(node->ports.alloc, &record, 0, &entry) == 0) {
        node_delete_take(node, entry);
        rp_file_entry_release(entry);
    }
}

static void on_listed(void *owner, int error)
{
    struct node_sweep *sweep = owner;
    struct rp_node *node = sweep->node;
    if (node->is_dead || node->phase != NODE_RUNNING) {
        sweep->is_running = false;
        return;
    }
    size_t count = error == 0 ? sweep->call.request.item_count : 0;
    for (size_t i = 0; i < count; i += 1) {
        judge(node, sweep->call.request.items[i].path);
    }
    bool has_more = error == 0 && sweep->call.request.has_more && count > 0;
    if (has_more) {
        rp_buffer_reset(&sweep->cursor);
        error = rp_buffer_append(&sweep->cursor, sweep->call.request.items[count - 1].path);
    }
    if (error != 0) { /* the disk may be better soon: all of it again */
        rp_buffer_reset(&sweep->cursor);
        node_arm_after(node, &sweep->timer, RETRY_NS);
    } else if (has_more) {
        list_more(sweep);
    } else {
        end(sweep);
    }
}

static void list_more(struct node_sweep *sweep)
{
    const struct rp_store_port *store = &sweep->node->ports.store;
    store->list(store->state, node_call_begin(&sweep->call, on_listed), rp_view_make(NULL, 0),
                rp_buffer_view(&sweep->cursor), RP_WALK_PAGE_MAX);
}

static void on_timer(void *context)
{
    list_more(context);
}

void node_sweep_begin(struct rp_node *node)
{
    struct node_sweep *sweep = node->sweep;
    if (rp_manifest_deletion_count(node->manifest) == 0 || node->phase != NODE_RUNNING) {
        return;
    }
    if (sweep->is_running) {
        sweep->is_again = true;
    } else {
        begin(sweep);
    }
}

bool node_sweep_is_idle(const struct rp_node *node)
{
    return !node->sweep->is_running;
}

void node_sweep_stop(struct rp_node *node)
{
    node_disarm(node, &node->sweep->timer);
    node_call_cancel(&node->sweep->call);
    node->sweep->is_running = node->sweep->call.is_in_flight;
}

int node_sweep_init(struct rp_node *node)
{
    struct node_sweep *sweep = rp_allocate_zeroed(node->ports.alloc, sizeof *sweep);
    if (sweep == NULL) {
        return RP_ERR_NOMEM;
    }
    sweep->node = node;
    node_call_init(&sweep->call, node, on_listed, sweep);
    node_timer_init(&sweep->timer, on_timer, sweep);
    rp_buffer_init(&sweep->cursor, node->ports.alloc, RP_FRAME_LENGTH_MAX);
    node->sweep = sweep;
    return 0;
}

void node_sweep_clear(struct rp_node *node)
{
    if (node->sweep != NULL) {
        node_disarm(node, &node->sweep->timer);
        rp_buffer_clear(&node->sweep->cursor);
        rp_release(node->ports.alloc, node->sweep);
    }
}
