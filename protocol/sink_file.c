#include "protocol/node_internal.h"
#include "protocol/sink_kinds.h"

/* behaviour.md 8: what the two kinds over plain files have in common. */

static void on_opened(void *owner, int error)
{
    struct node_sink *sink = owner;
    sink->open_error = error;
    if (error == 0) {
        sink->writer = sink->call.request.handle;
        sink->has_file = true;
        sink->size_bytes = sink->call.request.size_bytes;
    }
    node_sink_answer(sink, 0);
}

void node_sink_file_open(struct node_sink *sink, enum rp_stage_mode mode)
{
    const struct rp_store_port *store = &sink->node->ports.store;
    store->file_open(store->state, node_call_begin(&sink->call, on_opened),
                     rp_buffer_view(&sink->name), mode);
}

void node_sink_file_close(struct node_sink *sink)
{
    rp_store_handle writer = sink->writer;
    sink->writer = 0;
    sink->size_bytes = 0;
    if (writer != 0 && !sink->node->is_dead) {
        sink->node->ports.store.file_close(sink->node->ports.store.state, writer);
    }
}

static void on_renamed(void *owner, int error)
{
    struct node_sink *sink = owner;
    sink->published = sink->call.request.stat;
    sink->has_file = error != 0;
    node_sink_answer(sink, error);
}

void node_sink_file_rename(struct node_sink *sink)
{
    const struct rp_store_port *store = &sink->node->ports.store;
    node_sink_file_close(sink);
    store->file_rename(store->state, node_call_begin(&sink->call, on_renamed),
                       rp_buffer_view(&sink->name), sink->entry->path);
}
