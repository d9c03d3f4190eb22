#include "protocol/node_compact_inner.h"

/* Completion files of earlier lives: the own store is searched for them once, at start. */

static void scan_next(struct node_compaction *compaction);

static void end_scan(struct node_compaction *compaction)
{
    compaction->is_scanning = false;
    rp_buffer_clear(&compaction->scan_text);
    node_compact_arm_look(compaction);
}

static void scan_failed(struct node_compaction *compaction)
{
    struct rp_node *node = compaction->node;
    if (node_compact_is_ended(node) || compaction->is_stopping) {
        compaction->is_scanning = false;
        return;
    }
    rp_buffer_reset(&compaction->scan_cursor);
    node_arm_after(node, &compaction->scan_timer, COMPACT_RETRY_NS);
}

static void close_scanned(struct node_compaction *compaction)
{
    node_read_close(compaction->node, compaction->scan_reader);
    compaction->scan_reader = 0;
}

/* Hostile or damaged contents are told of once a life and stay for whoever cares. */
static void take_scanned(struct node_compaction *compaction)
{
    int error =
        rp_compaction_put(compaction->watcher, rp_buffer_view(&compaction->scan_text), true);
    if (error != 0) {
        node_log(compaction->node, RP_LOG_WARN, "a completion file makes no sense and is left");
    }
}

static void read_scanned(struct node_compaction *compaction);

static void on_scan_read(void *owner, int error)
{
    struct node_compaction *compaction = owner;
    struct rp_chunk chunk = compaction->scan_call.request.chunk;
    if (error != 0 || node_compact_is_ended(compaction->node)) {
        close_scanned(compaction);
        scan_failed(compaction);
        return;
    }
    bool is_large =
        compaction->scan_text.length_bytes + chunk.length_bytes > RP_COMPLETION_BYTES_MAX;
    if (chunk.length_bytes != 0 && !is_large) {
        error = rp_buffer_append(&compaction->scan_text, rp_chunk_view(chunk));
        if (error == 0) {
            read_scanned(compaction);
            return;
        }
    }
    close_scanned(compaction);
    if (!is_large && error == 0) {
        take_scanned(compaction);
    }
    scan_next(compaction);
}

static void read_scanned(struct node_compaction *compaction)
{
    const struct rp_store_port *store = &compaction->node->ports.store;
    store->read(store->state, node_call_begin(&compaction->scan_call, on_scan_read),
                compaction->scan_reader, compaction->scan_text.length_bytes, RP_BODY_CHUNK_BYTES);
}

static void on_scan_opened(void *owner, int error)
{
    struct node_compaction *compaction = owner;
    if (error == 0) {
        compaction->scan_reader = compaction->scan_call.request.handle;
    }
    if (error != 0 || node_compact_is_ended(compaction->node)) {
        close_scanned(compaction);
        scan_failed(compaction);
        return;
    }
    rp_buffer_reset(&compaction->scan_text);
    read_scanned(compaction);
}

static void on_scan_listed(void *owner, int error)
{
    struct node_compaction *compaction = owner;
    const struct rp_store_port *store = &compaction->node->ports.store;
    struct rp_view job_id;
    if (error != 0 || node_compact_is_ended(compaction->node)) {
        scan_failed(compaction);
        return;
    }
    if (compaction->scan_call.request.item_count == 0) {
        end_scan(compaction);
        return;
    }
    struct rp_view path = compaction->scan_call.request.items[0].path;
    rp_buffer_reset(&compaction->scan_cursor);
    if (rp_buffer_append(&compaction->scan_cursor, path) != 0) {
        scan_failed(compaction);
    } else if (rp_completion_parse_name(path, &job_id)) {
        store->read_open(store->state, node_call_begin(&compaction->scan_call, on_scan_opened),
                         rp_buffer_view(&compaction->scan_cursor));
    } else {
        scan_next(compaction);
    }
}

static void scan_next(struct node_compaction *compaction)
{
    const struct rp_store_port *store = &compaction->node->ports.store;
    store->list(store->state, node_call_begin(&compaction->scan_call, on_scan_listed),
                rp_view_text(RP_COMPLETION_PREFIX), rp_buffer_view(&compaction->scan_cursor), 1);
}

static void on_scan_timer(void *context)
{
    scan_next(context);
}

void node_compact_scan_begin(struct node_compaction *compaction)
{
    compaction->is_scanning = true;
    node_arm_after(compaction->node, &compaction->scan_timer, 0);
}

void node_compact_scan_init(struct node_compaction *compaction)
{
    node_timer_init(&compaction->scan_timer, on_scan_timer, compaction);
    node_call_init(&compaction->scan_call, compaction->node, on_scan_listed, compaction);
}
