#include "protocol/sink.h"

#include "protocol/node_internal.h"
#include "protocol/path.h"
#include "protocol/sink_kinds.h"

const struct node_sink_kind *node_sink_kind_of(const struct rp_traits *traits)
{
    switch (traits->staging) {
    case RP_STAGING_TEMP: return &NODE_SINK_TEMP;
    case RP_STAGING_PART_FILE: return &NODE_SINK_PART;
    case RP_STAGING_PRIVATE: break;
    }
    return &NODE_SINK_PRIVATE;
}

static void on_done(void *owner, int error)
{
    struct node_sink *sink = owner;
    node_sink_answer(sink, error);
}

void node_sink_init(struct node_sink *sink, struct rp_node *node, void *owner)
{
    memset(sink, 0, sizeof *sink);
    sink->kind = node_sink_kind_of(node->traits);
    sink->node = node;
    sink->owner = owner;
    node_call_init(&sink->call, node, on_done, sink);
    rp_buffer_init(&sink->name, node->ports.alloc, RP_FRAME_LENGTH_MAX);
}

void node_sink_clear(struct node_sink *sink)
{
    rp_block_release(sink->pending.block);
    sink->pending = (struct rp_chunk){0};
    rp_buffer_clear(&sink->name);
}

bool node_sink_begin(struct node_sink *sink, const struct rp_file_entry *entry,
                     uint64_t offset_bytes, void (*done)(void *owner, int error))
{
    sink->entry = entry;
    sink->offset_bytes = offset_bytes;
    sink->open_error = 0;
    sink->is_publishing = false;
    sink->is_cancelled = false;
    sink->done = done;
    bool is_pending = sink->kind->begin(sink);
    if (!is_pending) {
        sink->done = NULL;
    }
    return is_pending;
}

int node_sink_error(const struct node_sink *sink)
{
    return sink->open_error;
}

int node_sink_write(struct node_sink *sink, struct rp_chunk chunk,
                    void (*done)(void *owner, int error))
{
    if (sink->open_error != 0) {
        return sink->open_error;
    }
    RP_ASSERT(sink->pending.block == NULL);
    sink->pending = chunk;
    (void)rp_block_retain(chunk.block);
    sink->done = done;
    sink->is_cancelled = false;
    sink->taken_bytes = 0;
    sink->kind->write(sink);
    return 0;
}

int node_sink_publish(struct node_sink *sink, bool is_whole, void (*done)(void *owner, int error))
{
    if (sink->open_error != 0) {
        return sink->open_error;
    }
    sink->done = done;
    sink->is_cancelled = false;
    int error = sink->kind->publish(sink, is_whole);
    if (error != 0) {
        sink->done = NULL;
    }
    return error;
}

bool node_sink_drop(struct node_sink *sink, void (*done)(void *owner, int error))
{
    RP_ASSERT(!node_sink_is_busy(sink));
    sink->is_cancelled = false;
    sink->done = done;
    bool is_pending = sink->kind->drop(sink);
    if (!is_pending) {
        sink->done = NULL;
    }
    return is_pending;
}

bool node_sink_is_busy(const struct node_sink *sink)
{
    return sink->done != NULL;
}

bool node_sink_holds(const struct node_sink *sink)
{
    return sink->writer != 0;
}

void node_sink_cancel(struct node_sink *sink)
{
    sink->is_cancelled = true;
    if (!sink->is_removing) {
        node_call_cancel(&sink->call);
    }
}

struct rp_view node_part_name(struct rp_node *node, struct rp_view path)
{
    struct rp_view suffix = rp_path_part_suffix(node->traits);
    rp_buffer_reset(&node->part_name);
    bool is_made = suffix.length_bytes > 0 && rp_buffer_append(&node->part_name, path) == 0 &&
                   rp_buffer_append(&node->part_name, suffix) == 0;
    return is_made ? rp_buffer_view(&node->part_name) : rp_view_make(NULL, 0);
}

/* ---- For the kinds ------------------------------------------------------------------------------ */

void node_sink_answer(struct node_sink *sink, int error)
{
    void (*done)(void *owner, int error) = sink->done;
    sink->done = NULL;
    rp_block_release(sink->pending.block);
    sink->pending = (struct rp_chunk){0};
    if (done != NULL) {
        done(sink->owner, error);
    }
}

static void on_written(void *owner, int error)
{
    struct node_sink *sink = owner;
    sink->taken_bytes = error == 0 ? sink->call.request.taken_bytes : 0;
    sink->size_bytes += sink->taken_bytes;
    node_sink_answer(sink, error);
}

void node_sink_write_pending(struct node_sink *sink)
{
    const struct rp_store_port *store = &sink->node->ports.store;
    store->stage_write(store->state, node_call_begin(&sink->call, on_written), sink->writer,
                       sink->pending);
}
