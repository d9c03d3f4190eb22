#include "protocol/node_present.h"

#include "protocol/node_internal.h"
#include "protocol/path.h"
#include "protocol/sink.h"

static void close_reader(struct node_check *check)
{
    node_read_close(check->node, check->reader);
    check->reader = 0;
}

static void see(struct node_check *check, bool is_present, bool is_damaged)
{
    const struct rp_file_entry *entry = check->entry;
    struct rp_observation seen = {
        .kind = is_present ? RP_SEE_PRESENT : RP_SEE_ABSENT,
        .path = entry->path,
        .sha256 = entry->sha256,
        .size_bytes = entry->size_bytes,
        .lsn = entry->lsn,
        .value = is_damaged ? 1 : 0,
        .value2 = check->offset_bytes, /* hashed for this verdict */
    };
    node_see(check->node, &seen);
}

static void conclude(struct node_check *check, enum rp_presence_verdict verdict)
{
    bool is_present = verdict == RP_PRESENCE_PRESENT && !check->is_cancelled;
    if (!check->is_cancelled) {
        see(check, is_present, verdict == RP_PRESENCE_DAMAGED);
    }
    close_reader(check);
    check->done(check->owner, is_present);
}

static void read_more(struct node_check *check);

static void on_read(void *owner, int error)
{
    struct node_check *check = owner;
    if (error != 0 || check->is_cancelled) {
        conclude(check, RP_PRESENCE_ABSENT);
        return;
    }
    struct rp_chunk chunk = check->call.request.chunk;
    if (chunk.length_bytes != 0) {
        rp_sha256_update(check->hash, rp_chunk_view(chunk));
        check->offset_bytes += chunk.length_bytes;
        read_more(check);
        return;
    }
    char hex[RP_SHA256_HEX];
    rp_sha256_hex(check->hash, hex);
    conclude(check, rp_presence_hashed(check->node->presence, check->entry, &check->stat,
                                       rp_view_make(hex, sizeof hex)));
}

static void read_more(struct node_check *check)
{
    const struct rp_store_port *store = &check->node->ports.store;
    store->read(store->state, node_call_begin(&check->call, on_read), check->reader,
                check->offset_bytes, RP_BODY_CHUNK_BYTES);
}

/* The reader was opened before this stat: when it still shows the first one's object, the bytes that
 * are read are that object's. */
static void on_second_stat(void *owner, int error)
{
    struct node_check *check = owner;
    const struct rp_store_stat *again = &check->call.request.stat;
    bool is_same = error == 0 && again->is_present && again->identity == check->stat.identity &&
                   again->size_bytes == check->stat.size_bytes &&
                   again->mtime_unix_ns == check->stat.mtime_unix_ns;
    if (!is_same || check->is_cancelled) {
        conclude(check, RP_PRESENCE_ABSENT);
        return;
    }
    rp_sha256_begin(check->hash);
    check->has_hashed = true;
    check->offset_bytes = 0;
    read_more(check);
}

static void on_opened(void *owner, int error)
{
    struct node_check *check = owner;
    if (error == 0) {
        check->reader = check->call.request.handle;
    }
    if (error != 0 || check->is_cancelled) {
        conclude(check, RP_PRESENCE_ABSENT);
        return;
    }
    const struct rp_store_port *store = &check->node->ports.store;
    store->stat(store->state, node_call_begin(&check->call, on_second_stat), check->entry->path);
}

static void stat_name(struct node_check *check);

/* behaviour.md 8, StatFile: where the final name is absent its part file counts. */
static bool turns_to_part(struct node_check *check, int error)
{
    const struct rp_traits *traits = check->node->traits;
    bool is_shown = error == 0 && check->call.request.stat.is_present;
    return !is_shown && !check->is_part && !check->is_cancelled &&
           rp_path_part_suffix(traits).length_bytes > 0;
}

static void on_stated(void *owner, int error)
{
    struct node_check *check = owner;
    if (turns_to_part(check, error)) {
        check->is_part = true;
        stat_name(check);
        return;
    }
    if (error != 0 || check->is_cancelled) {
        conclude(check, RP_PRESENCE_ABSENT);
        return;
    }
    check->stat = check->call.request.stat;
    enum rp_presence_verdict verdict =
        rp_presence_judge(check->node->presence, check->entry, &check->stat);
    bool is_hashed =
        verdict == RP_PRESENCE_HASH_NEEDED || (verdict == RP_PRESENCE_PRESENT && check->is_again);
    if (!is_hashed) {
        conclude(check, verdict);
        return;
    }
    const struct rp_store_port *store = &check->node->ports.store;
    store->read_open(store->state, node_call_begin(&check->call, on_opened), check->entry->path);
}

static void stat_name(struct node_check *check)
{
    const struct rp_store_port *store = &check->node->ports.store;
    struct rp_view name =
        check->is_part ? node_part_name(check->node, check->entry->path) : check->entry->path;
    store->stat(store->state, node_call_begin(&check->call, on_stated), name);
}

void node_check_init(struct node_check *check, struct rp_node *node, struct rp_sha256 *hash,
                     void (*done)(void *owner, bool is_present), void *owner)
{
    memset(check, 0, sizeof *check);
    check->node = node;
    check->hash = hash;
    check->done = done;
    check->owner = owner;
    node_call_init(&check->call, node, on_stated, check);
}

static void begin(struct node_check *check, const struct rp_file_entry *entry, bool is_again)
{
    check->entry = entry;
    check->is_cancelled = false;
    check->offset_bytes = 0;
    check->is_part = false;
    check->is_again = is_again;
    stat_name(check);
}

void node_check_begin(struct node_check *check, const struct rp_file_entry *entry)
{
    begin(check, entry, false);
}

void node_check_again(struct node_check *check, const struct rp_file_entry *entry)
{
    begin(check, entry, true);
}

void node_check_cancel(struct node_check *check)
{
    check->is_cancelled = true;
    node_call_cancel(&check->call);
}

void node_presence_published(struct rp_node *node, const struct rp_file_entry *entry,
                             const struct rp_store_stat *stat)
{
    if (stat->is_present) {
        rp_presence_verified(node->presence, entry, stat);
    } else {
        rp_presence_forget(node->presence, entry->path);
    }
}
