#include "protocol/node_prefix.h"

#include "protocol/node_internal.h"
#include "protocol/sink.h"

static void conclude(struct node_prefix *prefix, enum node_prefix_verdict verdict)
{
    node_read_close(prefix->node, prefix->reader);
    prefix->reader = 0;
    prefix->done(prefix->owner, prefix->is_cancelled ? NODE_PREFIX_NONE : verdict);
}

/* The final name, or the part file when that is what is looked at. */
static struct rp_view name_of(struct node_prefix *prefix)
{
    return prefix->is_part ? node_part_name(prefix->node, prefix->entry->path)
                           : prefix->entry->path;
}

static void read_more(struct node_prefix *prefix);

static void on_read(void *owner, int error)
{
    struct node_prefix *prefix = owner;
    struct rp_chunk chunk = prefix->call.request.chunk;
    bool is_late = node_now(prefix->node) >= prefix->deadline_ns;
    if (error != 0 || prefix->is_cancelled || is_late || chunk.length_bytes == 0) {
        conclude(prefix, NODE_PREFIX_FAILED);
        return;
    }
    rp_sha256_update(prefix->hash, rp_chunk_view(chunk));
    prefix->hashed_bytes += chunk.length_bytes;
    if (prefix->hashed_bytes == prefix->size_bytes) {
        conclude(prefix, NODE_PREFIX_HASHED);
    } else {
        read_more(prefix);
    }
}

static void read_more(struct node_prefix *prefix)
{
    const struct rp_store_port *store = &prefix->node->ports.store;
    uint64_t left_bytes = prefix->size_bytes - prefix->hashed_bytes;
    size_t length_bytes =
        left_bytes < RP_BODY_CHUNK_BYTES ? (size_t)left_bytes : RP_BODY_CHUNK_BYTES;
    store->read(store->state, node_call_begin(&prefix->call, on_read), prefix->reader,
                prefix->hashed_bytes, length_bytes);
}

static void on_opened(void *owner, int error)
{
    struct node_prefix *prefix = owner;
    if (error == 0) {
        prefix->reader = prefix->call.request.handle;
    }
    if (error != 0 || prefix->is_cancelled) {
        conclude(prefix, NODE_PREFIX_FAILED);
        return;
    }
    rp_sha256_begin(prefix->hash);
    read_more(prefix);
}

static void stat_name(struct node_prefix *prefix);

static void on_stated(void *owner, int error)
{
    struct node_prefix *prefix = owner;
    const struct rp_store_stat *stat = &prefix->call.request.stat;
    bool is_shown = error == 0 && stat->is_present;
    if (!is_shown && !prefix->is_part && !prefix->is_cancelled) {
        prefix->is_part = true;
        stat_name(prefix);
        return;
    }
    prefix->size_bytes = is_shown ? stat->size_bytes : 0;
    bool is_prefix = prefix->size_bytes > 0 && prefix->entry->size_bytes > 0 &&
                     prefix->size_bytes < (uint64_t)prefix->entry->size_bytes;
    if (!is_prefix || prefix->is_cancelled) {
        conclude(prefix, NODE_PREFIX_NONE);
        return;
    }
    const struct rp_store_port *store = &prefix->node->ports.store;
    store->read_open(store->state, node_call_begin(&prefix->call, on_opened), name_of(prefix));
}

static void stat_name(struct node_prefix *prefix)
{
    const struct rp_store_port *store = &prefix->node->ports.store;
    store->stat(store->state, node_call_begin(&prefix->call, on_stated), name_of(prefix));
}

void node_prefix_init(struct node_prefix *prefix, struct rp_node *node, struct rp_sha256 *hash,
                      void (*done)(void *owner, enum node_prefix_verdict verdict), void *owner)
{
    memset(prefix, 0, sizeof *prefix);
    prefix->node = node;
    prefix->hash = hash;
    prefix->done = done;
    prefix->owner = owner;
    node_call_init(&prefix->call, node, on_stated, prefix);
}

void node_prefix_begin(struct node_prefix *prefix, const struct rp_file_entry *entry)
{
    prefix->entry = entry;
    prefix->is_cancelled = false;
    prefix->is_part = false;
    prefix->hashed_bytes = 0;
    prefix->deadline_ns = node_now(prefix->node) + RP_PREFIX_HASH_TIMEOUT_NS;
    stat_name(prefix);
}

void node_prefix_cancel(struct node_prefix *prefix)
{
    prefix->is_cancelled = true;
    node_call_cancel(&prefix->call);
}
