#include "protocol/node_internal.h"
#include "protocol/node_present.h"

/* The background scrub (design.md, presence): within `scrub_interval` each local file is read and
 * hashed once more, one at a time, evenly spread, in path order. What turns out to be damaged or gone
 * is pulled again like any other missing file. Serving and queries do not hash: without this, a bit
 * that rots on a node that keeps running is noticed by its next start.
 *
 * Only where presence means verified content; what is being pulled or written is left alone. */

struct node_scrub {
    struct rp_node *node;
    struct node_check check;
    struct rp_sha256 *hash; /* owned */
    struct rp_timer timer;
    struct rp_buffer cursor;           /* the path looked at last */
    const struct rp_file_entry *entry; /* owned reference; NULL: nothing is being looked at */
    size_t hurried_count;              /* looks that do not wait for their share of the interval */
};

static void arm(struct node_scrub *scrub)
{
    struct rp_node *node = scrub->node;
    rp_time_ns share_ns =
        node->config.scrub_interval_ns / (rp_manifest_file_count(node->manifest) + 1);
    if (scrub->hurried_count > 0) {
        scrub->hurried_count -= 1;
        share_ns = 0;
    }
    node_arm_after(node, &scrub->timer, share_ns > RP_NS_PER_MS ? share_ns : RP_NS_PER_MS);
}

/* The pull makes sure by itself, and a version that came meanwhile is what it is made of. */
static void announce_if_missing(struct rp_node *node, struct rp_view path)
{
    const struct rp_file_entry *entry = rp_manifest_file(node->manifest, path);
    if (entry != NULL && !rp_presence_holds(node->presence, entry) &&
        !rp_puller_is_in_flight(node->puller, path) && !node_flush_is_pending(node, path)) {
        node_pull_announce(node, entry, RP_ANNOUNCE_SCRUB);
        node_kick(node);
    }
}

static void on_checked(void *owner, bool is_present)
{
    struct node_scrub *scrub = owner;
    struct rp_node *node = scrub->node;
    if (!node->is_dead && node->phase == NODE_RUNNING) {
        if (!is_present && rp_presence_holds(node->presence, scrub->entry)) {
            /* It could not be read: what was known of it is of no use to anybody who wants its bytes. */
            rp_presence_forget(node->presence, scrub->entry->path);
        }
        announce_if_missing(node, scrub->entry->path);
        arm(scrub);
    }
    rp_file_entry_release(scrub->entry);
    scrub->entry = NULL;
}

/* The next entry of the manifest, with a reference; NULL at its end, and then from its beginning. */
static const struct rp_file_entry *take_next(struct node_scrub *scrub)
{
    struct rp_node *node = scrub->node;
    const struct rp_file_entry *entry = NULL;
    size_t count = rp_manifest_page(node->manifest, rp_buffer_view(&scrub->cursor), &entry, 1);
    rp_buffer_reset(&scrub->cursor);
    if (count != 0 && rp_buffer_append(&scrub->cursor, entry->path) != 0) {
        rp_buffer_reset(&scrub->cursor); /* out of memory: from the beginning, later */
    }
    return count == 0 ? NULL : entry;
}

static void on_timer(void *context)
{
    struct node_scrub *scrub = context;
    struct rp_node *node = scrub->node;
    const struct rp_file_entry *entry = take_next(scrub);
    bool is_due = entry != NULL && rp_presence_holds(node->presence, entry) &&
                  !rp_puller_is_in_flight(node->puller, entry->path) &&
                  !node_flush_is_pending(node, entry->path);
    if (is_due) {
        scrub->entry = entry;
        node_check_again(&scrub->check, entry);
        return;
    }
    if (entry != NULL) {
        rp_file_entry_release(entry);
    }
    arm(scrub);
}

static bool is_on(const struct rp_node *node)
{
    return node->traits->scrub == RP_SCRUB_INTERVAL && node->config.is_replication_enabled &&
           node->config.scrub_interval_ns != 0;
}

void node_scrub_start(struct rp_node *node)
{
    if (is_on(node)) {
        arm(node->scrub);
    }
}

void rp_node_scrub(struct rp_node *node)
{
    struct node_scrub *scrub = node->scrub;
    if (node->is_dead || node->phase != NODE_RUNNING || !is_on(node)) {
        return;
    }
    /* One round from wherever it is, the end of the list and the look under way included. */
    scrub->hurried_count = rp_manifest_file_count(node->manifest) + 2;
    if (scrub->entry == NULL) {
        node_disarm(node, &scrub->timer);
        arm(scrub);
    }
}

void node_scrub_stop(struct rp_node *node)
{
    node_disarm(node, &node->scrub->timer);
    if (node->scrub->entry != NULL) {
        node_check_cancel(&node->scrub->check);
    }
}

bool node_scrub_is_idle(const struct rp_node *node)
{
    return node->scrub->entry == NULL;
}

int node_scrub_init(struct rp_node *node)
{
    struct node_scrub *scrub = rp_allocate_zeroed(node->ports.alloc, sizeof *scrub);
    if (scrub == NULL) {
        return RP_ERR_NOMEM;
    }
    scrub->node = node;
    node->scrub = scrub;
    node_timer_init(&scrub->timer, on_timer, scrub);
    rp_buffer_init(&scrub->cursor, node->ports.alloc, RP_FRAME_LENGTH_MAX);
    int error = rp_sha256_new(node->ports.alloc, &scrub->hash);
    node_check_init(&scrub->check, node, scrub->hash, on_checked, scrub);
    return error;
}

void node_scrub_clear(struct rp_node *node)
{
    struct node_scrub *scrub = node->scrub;
    if (scrub == NULL) {
        return;
    }
    node_disarm(node, &scrub->timer);
    if (scrub->entry != NULL) {
        rp_file_entry_release(scrub->entry);
    }
    rp_sha256_free(scrub->hash);
    rp_buffer_clear(&scrub->cursor);
    rp_release(node->ports.alloc, scrub);
}
