#include "protocol/node_internal.h"
#include "protocol/sink_kinds.h"

/* behaviour.md 8, "P2, P3": a hidden name in the same folder, drawn anew for each try, since two
 * pulls of one path may run at once. */

#define TEMP_PREFIX ".arc-"
#define TEMP_SUFFIX ".tmp"

static size_t folder_bytes(struct rp_view path)
{
    size_t length_bytes = path.length_bytes;
    while (length_bytes > 0 && path.bytes[length_bytes - 1] != '/') {
        length_bytes -= 1;
    }
    return length_bytes;
}

static int make_name(struct node_sink *sink)
{
    static const char DIGITS[] = "0123456789abcdef";
    char drawn[17] = {0};
    uint64_t number = node_random_u64(sink->node, RP_RANDOM_STAGING);
    for (size_t at = 0; at < 16; at += 1) {
        drawn[at] = DIGITS[number >> (60 - 4 * at) & 15];
    }
    struct rp_view path = sink->entry->path;
    rp_buffer_reset(&sink->name);
    int error = rp_buffer_append(&sink->name, rp_view_make(path.bytes, folder_bytes(path)));
    const char *const parts[] = {TEMP_PREFIX, drawn, TEMP_SUFFIX};
    for (size_t part = 0; error == 0 && part < 3; part += 1) {
        error = rp_buffer_append_text(&sink->name, parts[part]);
    }
    return error;
}

static bool begin(struct node_sink *sink)
{
    sink->open_error = make_name(sink);
    if (sink->open_error != 0) {
        return false;
    }
    node_sink_file_open(sink, RP_STAGE_TRUNCATE);
    return true;
}

static void on_removed(void *owner, int error)
{
    struct node_sink *sink = owner;
    sink->is_removing = false;
    node_sink_answer(sink, error);
}

static bool drop(struct node_sink *sink)
{
    node_sink_file_close(sink);
    if (!sink->has_file || sink->node->is_dead) {
        return false;
    }
    sink->has_file = false;
    const struct rp_store_port *store = &sink->node->ports.store;
    sink->is_removing = true;
    store->remove(store->state, node_call_begin(&sink->call, on_removed),
                  rp_buffer_view(&sink->name));
    return true;
}

static int publish(struct node_sink *sink, bool is_whole)
{
    (void)is_whole; /* the count is compared once the file is there */
    node_sink_file_rename(sink);
    return 0;
}

const struct node_sink_kind NODE_SINK_TEMP = {
    .begin = begin,
    .write = node_sink_write_pending,
    .publish = publish,
    .drop = drop,
};
