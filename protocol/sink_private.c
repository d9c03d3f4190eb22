#include "protocol/node_internal.h"
#include "protocol/sink_kinds.h"

/* design.md, staging objects: never visible, removed on mismatch, published in one synced step. What
 * an earlier try of the same pull left open is discarded by the first byte of a try that begins
 * anew, and not before: a peer that has nothing costs no progress. */

static void advance(struct node_sink *sink);

static void on_published(void *owner, int error)
{
    struct node_sink *sink = owner;
    sink->published = sink->call.request.stat;
    node_sink_answer(sink, error);
}

static void on_opened(void *owner, int error)
{
    struct node_sink *sink = owner;
    if (error == 0) {
        sink->writer = sink->call.request.handle;
        sink->size_bytes = 0;
        sink->is_stale = false;
        advance(sink);
    } else {
        node_sink_answer(sink, error);
    }
}

static void on_stale_gone(void *owner, int error)
{
    (void)error; /* it is never shown; opening finds out whether the store still works */
    struct node_sink *sink = owner;
    sink->is_removing = false;
    advance(sink);
}

static void discard(struct node_sink *sink, void (*done)(void *owner, int error))
{
    const struct rp_store_port *store = &sink->node->ports.store;
    rp_store_handle writer = sink->writer;
    sink->writer = 0;
    sink->size_bytes = 0;
    sink->is_removing = true;
    store->stage_discard(store->state, node_call_begin(&sink->call, done), writer);
}

static void open_writer(struct node_sink *sink)
{
    const struct rp_store_port *store = &sink->node->ports.store;
    store->stage_open(store->state, node_call_begin(&sink->call, on_opened), sink->entry->path,
                      sink->entry->sha256, RP_STAGE_TRUNCATE);
}

static void publish_now(struct node_sink *sink)
{
    const struct rp_store_port *store = &sink->node->ports.store;
    rp_store_handle writer = sink->writer;
    sink->writer = 0; /* gone afterwards, whatever the result */
    sink->size_bytes = 0;
    store->stage_publish(store->state, node_call_begin(&sink->call, on_published), writer);
}

/* The next call of an operation that needs a fresh writer. */
static void advance(struct node_sink *sink)
{
    if (sink->node->is_dead || sink->is_cancelled) {
        node_sink_answer(sink, RP_ERR_CANCELLED);
    } else if (sink->writer != 0 && sink->is_stale) {
        discard(sink, on_stale_gone);
    } else if (sink->writer == 0) {
        open_writer(sink);
    } else if (sink->is_publishing) {
        publish_now(sink);
    } else {
        node_sink_write_pending(sink);
    }
}

static bool begin(struct node_sink *sink)
{
    sink->is_stale = sink->offset_bytes == 0;
    return false;
}

static void start(struct node_sink *sink)
{
    if (!sink->call.is_in_flight) { /* else what an earlier pull left is just going */
        advance(sink);
    }
}

static int publish(struct node_sink *sink, bool is_whole)
{
    if (!is_whole) {
        return RP_ERR_IO;
    }
    sink->is_publishing = true;
    start(sink);
    return 0;
}

static void on_dropped(void *owner, int error)
{
    struct node_sink *sink = owner;
    sink->is_removing = false;
    bool is_next_waiting = sink->pending.block != NULL || sink->is_publishing;
    if (is_next_waiting) {
        advance(sink);
    } else {
        node_sink_answer(sink, error);
    }
}

static bool drop(struct node_sink *sink)
{
    sink->is_publishing = false;
    if (sink->writer == 0 || sink->node->is_dead) {
        return false;
    }
    discard(sink, on_dropped);
    return true;
}

const struct node_sink_kind NODE_SINK_PRIVATE = {
    .begin = begin,
    .write = start,
    .publish = publish,
    .drop = drop,
};
