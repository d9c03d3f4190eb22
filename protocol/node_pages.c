#include "protocol/node_internal.h"

/* Where the pages of the catch-up walk come from (behaviour.md 1.5, 10.2). Three sources, one a
 * release: the manifest as it is, an array of its keys that only a registration renews, and a copy of
 * the whole manifest as it was when the walk began. */

struct page_source {
    /* Fills node->page with at most RP_WALK_PAGE_MAX retained entries after `cursor`. */
    int (*give)(struct rp_node *node, struct rp_view cursor, struct node_page *page_out);
};

/* ---- The manifest as it is -------------------------------------------------------------------- */

static int give_present(struct rp_node *node, struct rp_view cursor, struct node_page *page_out)
{
    page_out->count = rp_manifest_page(node->manifest, cursor, node->page, RP_WALK_PAGE_MAX);
    page_out->is_last = page_out->count < RP_WALK_PAGE_MAX;
    return 0;
}

/* ---- A list of entries, in path order --------------------------------------------------------- */

static void drop_listed(struct node_page_list *list)
{
    for (size_t row = 0; row < list->count; row += 1) {
        rp_file_entry_release(list->entries[row]);
    }
    list->count = list->next = 0;
    list->is_filled = false;
}

static int reserve_listed(struct rp_node *node, size_t count_max)
{
    struct node_page_list *list = &node->page_list;
    if (count_max <= list->count_max) {
        return 0;
    }
    const struct rp_file_entry **entries =
        rp_resize(node->ports.alloc, (void *)list->entries, count_max * sizeof *entries);
    if (entries == NULL) {
        return RP_ERR_NOMEM;
    }
    list->entries = entries;
    list->count_max = count_max;
    return 0;
}

static int list_all(struct rp_node *node)
{
    struct node_page_list *list = &node->page_list;
    drop_listed(list);
    int error = reserve_listed(node, rp_manifest_file_count(node->manifest) + RP_WALK_PAGE_MAX);
    if (error != 0) {
        return error;
    }
    struct rp_view cursor = rp_view_make(NULL, 0);
    for (size_t count = RP_WALK_PAGE_MAX; count == RP_WALK_PAGE_MAX;) {
        count =
            rp_manifest_page(node->manifest, cursor, &list->entries[list->count], RP_WALK_PAGE_MAX);
        list->count += count;
        cursor = count == 0 ? cursor : list->entries[list->count - 1]->path;
    }
    list->is_filled = true;
    return 0;
}

/* ---- A copy of everything, made once ---------------------------------------------------------- */

static int give_copied(struct rp_node *node, struct rp_view cursor, struct node_page *page_out)
{
    struct node_page_list *list = &node->page_list;
    (void)cursor; /* the copy is gone through once */
    int error = list->is_filled ? 0 : list_all(node);
    while (error == 0 && list->next < list->count && page_out->count < RP_WALK_PAGE_MAX) {
        node->page[page_out->count++] = rp_file_entry_retain(list->entries[list->next++]);
    }
    page_out->is_last = list->next == list->count;
    return error;
}

/* ---- Keys that outlive their entries ---------------------------------------------------------- */

static size_t first_after(const struct node_page_list *list, struct rp_view cursor)
{
    size_t low = 0;
    size_t high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rp_view_compare(list->entries[middle]->path, cursor) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* What was deleted since the keys were listed is left out, so a page may be short, or empty, though
 * more would follow; an empty one is taken for the end. */
static int give_keyed(struct rp_node *node, struct rp_view cursor, struct node_page *page_out)
{
    struct node_page_list *list = &node->page_list;
    int error = list->is_filled ? 0 : list_all(node);
    if (error != 0) {
        return error;
    }
    size_t first = first_after(list, cursor);
    size_t end = list->count - first > RP_WALK_PAGE_MAX ? first + RP_WALK_PAGE_MAX : list->count;
    for (size_t row = first; row < end; row += 1) {
        const struct rp_file_entry *entry =
            rp_manifest_file(node->manifest, list->entries[row]->path);
        if (entry != NULL) {
            node->page[page_out->count++] = rp_file_entry_retain(entry);
        }
    }
    page_out->is_last = end == list->count || page_out->count == 0;
    return 0;
}

/* ---- The choice ------------------------------------------------------------------------------- */

static const struct page_source *source_of(const struct rp_node *node)
{
    static const struct page_source SOURCES[] = {
        [RP_WALK_FULL_COPY] = {give_copied},
        [RP_WALK_EMPTY_PAGE_ENDS] = {give_keyed},
        [RP_WALK_TO_THE_END] = {give_present},
    };
    return &SOURCES[node->traits->walk_pages];
}

int node_page_next(struct rp_node *node, struct rp_view cursor, struct node_page *page_out)
{
    *page_out = (struct node_page){0};
    return source_of(node)->give(node, cursor, page_out);
}

/* behaviour.md 1.3: a registration makes the listed keys invalid; a deletion does not. */
void node_page_registered(struct rp_node *node)
{
    if (source_of(node)->give == give_keyed) {
        drop_listed(&node->page_list);
    }
}

void node_page_clear(struct rp_node *node)
{
    drop_listed(&node->page_list);
    rp_release(node->ports.alloc, (void *)node->page_list.entries);
    node->page_list = (struct node_page_list){0};
}
