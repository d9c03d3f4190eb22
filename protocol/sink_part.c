#include "protocol/node_internal.h"
#include "protocol/path.h"
#include "protocol/sink_kinds.h"

/* behaviour.md 8, "Later": `<path>.part`. */

static bool begin(struct node_sink *sink)
{
    struct rp_view suffix = rp_path_part_suffix(sink->node->traits);
    rp_buffer_reset(&sink->name);
    if (rp_buffer_append(&sink->name, sink->entry->path) != 0 ||
        rp_buffer_append(&sink->name, suffix) != 0) {
        sink->open_error = RP_ERR_NOMEM;
        return false;
    }
    node_sink_file_open(sink, sink->offset_bytes == 0 ? RP_STAGE_TRUNCATE : RP_STAGE_APPEND);
    return true;
}

/* A streamed write renames whatever came before its end; only appending counts its bytes. */
static int publish(struct node_sink *sink, bool is_whole)
{
    if (sink->offset_bytes > 0 && !is_whole) {
        return RP_ERR_IO;
    }
    node_sink_file_rename(sink);
    return 0;
}

static bool drop(struct node_sink *sink)
{
    node_sink_file_close(sink);
    return false;
}

const struct node_sink_kind NODE_SINK_PART = {
    .begin = begin,
    .write = node_sink_write_pending,
    .publish = publish,
    .drop = drop,
};
