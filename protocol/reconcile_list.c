#include "protocol/reconcile_inner.h"

/* What is compared: the snapshot of the manifest, and the files of the databases that it knows, then
 * of those that it does not know (behaviour.md 12.3). Prefixes come from the paths, since a path is
 * what the store has; the database and measurement of an entry are only told. */

/* ---- Snapshot ----------------------------------------------------------------------------------- */

/* Local storage: an entry of another node says nothing about this disk. */
static bool is_kept(const struct rp_reconcile *reconcile, const struct rp_file_entry *entry)
{
    return reconcile->settings.storage != RP_RECONCILE_LOCAL ||
           entry->origin_node_id.length_bytes == 0 ||
           rp_view_equal(entry->origin_node_id, reconcile->self_id);
}

static int keep(struct rp_reconcile *reconcile, const struct rp_file_entry *entry)
{
    void *array = (void *)reconcile->kept;
    int error = reconcile_grow(reconcile, &array, &reconcile->kept_max, reconcile->kept_count,
                               sizeof *reconcile->kept);
    reconcile->kept = array;
    if (error == 0) {
        reconcile->kept[reconcile->kept_count] = rp_file_entry_retain(entry);
        reconcile->kept_count += 1;
    }
    return error;
}

static int append_view(struct rp_reconcile *reconcile, struct rp_view **views, size_t *max,
                       size_t *count, struct rp_view view)
{
    void *array = *views;
    struct rp_view copy = {NULL, 0};
    if (*count > 0 && rp_view_equal((*views)[*count - 1], view)) {
        return 0; /* paths come in order, so most prefixes repeat */
    }
    int error = reconcile_grow(reconcile, &array, max, *count, sizeof **views);
    *views = array;
    if (error == 0) {
        error = rp_arena_copy(&reconcile->arena, view, &copy);
    }
    if (error == 0) {
        (*views)[*count] = copy;
        *count += 1;
    }
    return error;
}

/* "db/cpu/" of "db/cpu/2026/a.parquet", with the last slash; fewer segments where the path is short.
 * Empty: a file at the root, which is under no database. */
static struct rp_view prefix_of(struct rp_view path, unsigned segments)
{
    size_t length = 0;
    for (size_t at = 0; at < path.length_bytes && segments > 0; at += 1) {
        if (path.bytes[at] == '/') {
            length = at + 1;
            segments -= 1;
        }
    }
    return rp_view_make(path.bytes, length);
}

static int take_entry(struct rp_reconcile *reconcile, const struct rp_file_entry *entry)
{
    struct rp_view database = prefix_of(entry->path, 1);
    int error = 0;
    if (database.length_bytes > 0) {
        error = append_view(reconcile, &reconcile->databases, &reconcile->database_max,
                            &reconcile->database_count, database);
    }
    bool is_compared = is_kept(reconcile, entry);
    if (error == 0 && is_compared) {
        error = keep(reconcile, entry);
    }
    is_compared = is_compared || reconcile->rules.compares_all_files;
    struct rp_view prefix = prefix_of(entry->path, reconcile->rules.prefix_segments);
    if (error == 0 && is_compared && prefix.length_bytes > 0) {
        error = append_view(reconcile, &reconcile->prefixes, &reconcile->prefix_max,
                            &reconcile->prefix_count, prefix);
    }
    return error;
}

static bool begins_with(struct rp_view text, struct rp_view prefix)
{
    return text.length_bytes >= prefix.length_bytes &&
           memcmp(text.bytes, prefix.bytes, prefix.length_bytes) == 0;
}

/* "db/" covers "db/cpu/": no file may be listed twice. Short paths make the order of prefixes differ
 * from that of paths, hence the pass from each prefix to the ones behind it. */
static void drop_covered(struct rp_reconcile *reconcile)
{
    size_t kept = 0;
    for (size_t at = 0; at < reconcile->prefix_count; at += 1) {
        struct rp_view prefix = reconcile->prefixes[at];
        bool is_covered = false;
        while (kept > 0 && begins_with(reconcile->prefixes[kept - 1], prefix)) {
            kept -= 1; /* equal, or longer: this one covers it */
        }
        is_covered = kept > 0 && begins_with(prefix, reconcile->prefixes[kept - 1]);
        if (!is_covered) {
            reconcile->prefixes[kept] = prefix;
            kept += 1;
        }
    }
    reconcile->prefix_count = kept;
}

static int take_page(struct rp_reconcile *reconcile, const struct rp_file_entry **page,
                     size_t count)
{
    int error = 0;
    for (size_t row = 0; row < count; row += 1) {
        if (error == 0) {
            error = take_entry(reconcile, page[row]);
        }
    }
    return error;
}

static void release_all(const struct rp_file_entry **entries, size_t count)
{
    for (size_t row = 0; row < count; row += 1) {
        rp_file_entry_release(entries[row]);
    }
}

static int read_manifest(struct rp_reconcile *reconcile, const struct rp_file_entry **page)
{
    const struct rp_reconcile_host *host = &reconcile->host;
    const struct rp_file_entry *last = NULL;
    struct rp_view cursor = {NULL, 0};
    int error = 0;
    for (size_t count = RECONCILE_PAGE_MAX; error == 0 && count == RECONCILE_PAGE_MAX;) {
        count = host->page(host->context, cursor, page, RECONCILE_PAGE_MAX);
        error = take_page(reconcile, page, count);
        if (last != NULL) {
            rp_file_entry_release(last);
        }
        last = count == 0 ? NULL : rp_file_entry_retain(page[count - 1]);
        cursor = last == NULL ? cursor : last->path;
        release_all(page, count);
    }
    if (last != NULL) {
        rp_file_entry_release(last);
    }
    return error;
}

/* ---- What is listed next -------------------------------------------------------------------------- */

static int set_buffer(struct rp_buffer *buffer, struct rp_view view)
{
    rp_buffer_reset(buffer);
    return rp_buffer_append(buffer, view);
}

/* The next known prefix, or the root walk once there is none. Errors: RP_ERR_NOMEM. */
static int next_prefix(struct rp_reconcile *reconcile)
{
    rp_buffer_reset(&reconcile->list_cursor);
    reconcile->list_call = CALL_WANTED;
    if (reconcile->prefix_index < reconcile->prefix_count) {
        reconcile->prefix_index += 1;
        return set_buffer(&reconcile->list_prefix,
                          reconcile->prefixes[reconcile->prefix_index - 1]);
    }
    reconcile->is_root_walk = true;
    reconcile->is_in_database = false;
    rp_buffer_reset(&reconcile->list_prefix);
    return set_buffer(&reconcile->list_cursor, rp_buffer_view(&reconcile->root_cursor));
}

int reconcile_list_begin(struct rp_reconcile *reconcile)
{
    const struct rp_file_entry **page =
        rp_allocate(reconcile->alloc, RECONCILE_PAGE_MAX * sizeof *page);
    int error = page == NULL ? RP_ERR_NOMEM : read_manifest(reconcile, page);
    rp_release(reconcile->alloc, (void *)page);
    if (error == 0 && reconcile->kept_count > 0) {
        reconcile->kept_seen = rp_allocate_zeroed(reconcile->alloc, reconcile->kept_count);
        error = reconcile->kept_seen == NULL ? RP_ERR_NOMEM : 0;
    }
    drop_covered(reconcile);
    reconcile_report(reconcile)->kept_count = reconcile->kept_count;
    return error == 0 ? next_prefix(reconcile) : error;
}

void reconcile_list_fill(const struct rp_reconcile *reconcile,
                         struct rp_reconcile_action *action_out)
{
    bool is_probe = reconcile->is_root_walk && !reconcile->is_in_database;
    action_out->kind = RP_RECONCILE_DO_LIST;
    action_out->prefix = rp_buffer_view(&reconcile->list_prefix);
    action_out->cursor = rp_buffer_view(&reconcile->list_cursor);
    action_out->item_max = is_probe ? 1 : RECONCILE_PAGE_MAX;
}

void reconcile_list_clear(struct rp_reconcile *reconcile)
{
    release_all(reconcile->kept, reconcile->kept_count);
    rp_release(reconcile->alloc, (void *)reconcile->kept);
    rp_release(reconcile->alloc, reconcile->kept_seen);
    rp_release(reconcile->alloc, reconcile->prefixes);
    rp_release(reconcile->alloc, reconcile->databases);
    reconcile->kept = NULL;
    reconcile->kept_seen = NULL;
    reconcile->prefixes = reconcile->databases = NULL;
    reconcile->kept_count = reconcile->kept_max = 0;
    reconcile->prefix_count = reconcile->prefix_max = reconcile->prefix_index = 0;
    reconcile->database_count = reconcile->database_max = 0;
    reconcile->is_root_walk = reconcile->is_in_database = false;
    reconcile->root_walked_count = 0;
    reconcile->list_call = CALL_NONE;
    rp_buffer_reset(&reconcile->root_cursor);
    rp_buffer_reset(&reconcile->list_cursor);
    rp_buffer_reset(&reconcile->list_prefix);
}

/* ---- What came of it ------------------------------------------------------------------------------ */

static void end_listing(struct rp_reconcile *reconcile, rp_time_ns now_ns)
{
    struct rp_reconcile_report *report = reconcile_report(reconcile);
    if (reconcile_diff_end(reconcile, now_ns) != 0) {
        reconcile_finish(reconcile, RP_RECONCILE_NOMEM, now_ns);
        return;
    }
    if (report->number != 0) { /* nobody hears of a look */
        reconcile_mark(reconcile, RP_RECONCILE_DO_LISTED);
    }
    if (report->is_partial && report->is_act && !reconcile->rules.acts_on_partial) {
        reconcile_finish(reconcile, RP_RECONCILE_LIST_FAILED, now_ns);
        return;
    }
    reconcile_sweep_begin(reconcile, now_ns);
}

static bool is_listed_prefix(const struct rp_reconcile *reconcile, struct rp_view database)
{
    for (size_t low = 0, high = reconcile->prefix_count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (begins_with(reconcile->prefixes[middle], database)) {
            return true;
        }
        if (rp_view_compare(reconcile->prefixes[middle], database) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

/* Beyond "db/": '0' is the character after '/'. Errors: RP_ERR_NOMEM. */
static int skip_folder(struct rp_reconcile *reconcile, struct rp_view top)
{
    int error = set_buffer(&reconcile->root_cursor, top);
    return error == 0 ? rp_buffer_append_byte(&reconcile->root_cursor, '/' + 1) : error;
}

static bool is_hidden(struct rp_view top)
{
    return top.bytes[0] == '.' || top.bytes[0] == '_';
}

/* One more name at the root: a file, a known or hidden folder to be passed by, or an unknown
 * database to be gone into. Errors: RP_ERR_NOMEM. */
static int look_at_root(struct rp_reconcile *reconcile, struct rp_view path, bool *is_over_out)
{
    struct rp_view top = reconcile_top(path);
    *is_over_out = false;
    if (path.length_bytes == 0 || memchr(path.bytes, '/', path.length_bytes) == NULL) {
        int error = set_buffer(&reconcile->root_cursor, path);
        return error == 0 ? next_prefix(reconcile) : error;
    }
    int error = skip_folder(reconcile, top);
    struct rp_view database = rp_view_make(path.bytes, top.length_bytes + 1);
    if (error != 0 || top.length_bytes == 0 || is_hidden(top) ||
        is_listed_prefix(reconcile, database)) {
        return error == 0 ? next_prefix(reconcile) : error;
    }
    if (reconcile->root_walked_count == reconcile->settings.root_walk_max) {
        reconcile_report(reconcile)->is_truncated = true;
        *is_over_out = true;
        return 0;
    }
    reconcile->root_walked_count += 1;
    reconcile->is_in_database = true;
    reconcile->list_call = CALL_WANTED;
    rp_buffer_reset(&reconcile->list_cursor);
    return set_buffer(&reconcile->list_prefix, database);
}

static int take_items(struct rp_reconcile *reconcile, const struct rp_store_list_item *items,
                      size_t item_count, rp_time_ns now_ns)
{
    int error = 0;
    for (size_t row = 0; error == 0 && row < item_count; row += 1) {
        error = reconcile_diff_file(reconcile, &items[row], reconcile->is_root_walk, now_ns);
    }
    return error;
}

void rp_reconcile_listed(struct rp_reconcile *reconcile, const struct rp_store_list_item *items,
                         size_t item_count, bool has_more, int error, rp_time_ns now_ns)
{
    reconcile->outstanding_count -= 1;
    if (reconcile->phase != RECONCILE_LISTING) {
        return; /* of a run that has ended */
    }
    bool is_probe = reconcile->is_root_walk && !reconcile->is_in_database;
    bool is_over = false;
    int failure = 0;
    reconcile->list_call = CALL_NONE;
    if (error != 0) {
        /* The prefix is left out, and the report says so. */
        reconcile_report(reconcile)->is_partial = true;
        reconcile_report(reconcile)->error_count += 1;
        is_over = is_probe;
        failure = is_over ? 0 : next_prefix(reconcile);
    } else if (is_probe) {
        is_over = item_count == 0;
        failure = is_over ? 0 : look_at_root(reconcile, items[0].path, &is_over);
    } else {
        failure = take_items(reconcile, items, item_count, now_ns);
        if (failure == 0 && has_more && item_count > 0) {
            failure = set_buffer(&reconcile->list_cursor, items[item_count - 1].path);
            reconcile->list_call = CALL_WANTED;
        } else if (failure == 0) {
            failure = next_prefix(reconcile);
        }
    }
    if (failure != 0) {
        reconcile_finish(reconcile, RP_RECONCILE_NOMEM, now_ns);
    } else if (is_over) {
        end_listing(reconcile, now_ns);
    }
}
