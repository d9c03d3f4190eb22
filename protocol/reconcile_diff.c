#include "protocol/reconcile_inner.h"

/* Which entries have no file and which files have no entry, and for how long that is known. Nothing
 * is compared but names: no size, no hash, and nothing is pulled (behaviour.md 12.3). */

#define PARQUET ".parquet"

/* ---- Names ---------------------------------------------------------------------------------------- */

static bool is_internal(struct rp_view segment)
{
    return segment.bytes[0] == '.' || segment.bytes[0] == '_';
}

/* How many segments; 0 when one of them is empty, hidden or internal. */
static size_t count_segments(struct rp_view path)
{
    size_t count = 0;
    for (size_t begin = 0; begin <= path.length_bytes; count += 1) {
        size_t end = begin;
        while (end < path.length_bytes && path.bytes[end] != '/') {
            end += 1;
        }
        if (end == begin || is_internal(rp_view_make(path.bytes + begin, end - begin))) {
            return 0;
        }
        begin = end + 1;
    }
    return count;
}

bool rp_reconcile_is_candidate(struct rp_view path)
{
    size_t suffix_bytes = sizeof PARQUET - 1;
    if (path.length_bytes <= suffix_bytes || count_segments(path) == 0) {
        return false;
    }
    const uint8_t *suffix = path.bytes + path.length_bytes - suffix_bytes;
    return memcmp(suffix, PARQUET, suffix_bytes) == 0 && suffix[-1] != '/';
}

bool rp_reconcile_is_managed(struct rp_view path)
{
    return path.length_bytes > 0 && count_segments(path) >= 3;
}

/* ---- Ages ----------------------------------------------------------------------------------------- */

/* Under HELD_NOWHERE the wall clock is read once a life and then goes on as the monotonic clock
 * does: a jump ages nothing (mutant reconcile-clock-jump). */
static int64_t now_for_ages(const struct rp_reconcile *reconcile, rp_time_ns now_ns)
{
    if (!reconcile->rules.needs_sighting) {
        return reconcile->host.wall_unix_ns(reconcile->host.context);
    }
    rp_time_ns lived_ns = now_ns - reconcile->start_ns;
    return lived_ns > (rp_time_ns)(INT64_MAX - reconcile->start_wall_ns)
               ? INT64_MAX
               : reconcile->start_wall_ns + (int64_t)lived_ns;
}

/* By its stamp. 0: no stamp, or one from the future. */
static rp_time_ns stamped_age(const struct rp_reconcile *reconcile, int64_t mtime_unix_ns,
                              rp_time_ns now_ns)
{
    int64_t at_ns = now_for_ages(reconcile, now_ns);
    return mtime_unix_ns <= 0 || mtime_unix_ns > at_ns
               ? 0
               : (rp_time_ns)at_ns - (rp_time_ns)mtime_unix_ns;
}

static rp_time_ns grace_and_skew(const struct rp_reconcile *reconcile)
{
    rp_time_ns grace_ns = reconcile->settings.grace_ns, skew_ns = reconcile->settings.skew_ns;
    return skew_ns > RP_TIME_NEVER - grace_ns ? RP_TIME_NEVER : grace_ns + skew_ns;
}

/* ---- Sightings ------------------------------------------------------------------------------------ */

static size_t orphans_max(const struct rp_reconcile *reconcile)
{
    return (size_t)reconcile->settings.manifest_cap + reconcile->settings.delete_cap;
}

static struct reconcile_sighting *new_sighting(struct rp_reconcile *reconcile, struct rp_view path)
{
    if (rp_table_count(&reconcile->sightings) >= orphans_max(reconcile)) {
        return NULL;
    }
    struct reconcile_sighting *sighting =
        rp_allocate_zeroed(reconcile->alloc, sizeof *sighting + path.length_bytes);
    if (sighting == NULL) {
        return NULL;
    }
    sighting->path_bytes = path.length_bytes;
    memcpy(sighting->path, path.bytes, path.length_bytes);
    struct rp_view key = rp_view_make(sighting->path, path.length_bytes);
    if (rp_table_put(&reconcile->sightings, key, sighting, NULL) != 0) {
        rp_release(reconcile->alloc, sighting);
        return NULL;
    }
    return sighting;
}

/* Since when this life knows of the orphan. One that cannot be remembered is always new. */
static rp_time_ns sighted_age(struct rp_reconcile *reconcile, struct rp_view path,
                              const struct reconcile_sighting *now, rp_time_ns now_ns)
{
    struct reconcile_sighting *sighting = rp_table_get(&reconcile->sightings, path);
    bool is_known = sighting != NULL && sighting->kind == now->kind &&
                    sighting->version == now->version && sighting->size_bytes == now->size_bytes;
    if (!is_known) {
        sighting = sighting == NULL ? new_sighting(reconcile, path) : sighting;
        if (sighting == NULL) {
            return 0;
        }
        sighting->kind = now->kind;
        sighting->version = now->version;
        sighting->size_bytes = now->size_bytes;
        sighting->first_ns = now_ns;
    }
    sighting->pass = reconcile->pass;
    return now_ns - sighting->first_ns;
}

/* Those that a whole listing did not show again are orphans no more. */
static void forget_others(struct rp_reconcile *reconcile)
{
    size_t cursor = 0;
    struct reconcile_sighting *sighting;
    while ((sighting = rp_table_next(&reconcile->sightings, &cursor)) != NULL) {
        if (sighting->pass != reconcile->pass) {
            (void)rp_table_remove(&reconcile->sightings,
                                  rp_view_make(sighting->path, sighting->path_bytes));
            rp_release(reconcile->alloc, sighting);
        }
    }
}

void reconcile_sightings_clear(struct rp_reconcile *reconcile)
{
    size_t cursor = 0;
    struct reconcile_sighting *sighting;
    while ((sighting = rp_table_next(&reconcile->sightings, &cursor)) != NULL) {
        rp_release(reconcile->alloc, sighting);
    }
    rp_table_clear(&reconcile->sightings);
}

/* ---- Orphans -------------------------------------------------------------------------------------- */

/* More than a run could ever act on are counted, not kept. Errors: RP_ERR_NOMEM. */
static int add_orphan(struct rp_reconcile *reconcile, const struct reconcile_orphan *orphan)
{
    if (reconcile->orphan_count >= orphans_max(reconcile)) {
        reconcile_report(reconcile)->is_truncated = true;
        return 0;
    }
    void *array = reconcile->orphans;
    int error = reconcile_grow(reconcile, &array, &reconcile->orphan_max, reconcile->orphan_count,
                               sizeof *reconcile->orphans);
    reconcile->orphans = array;
    if (error != 0) {
        return error;
    }
    struct reconcile_orphan *place = &reconcile->orphans[reconcile->orphan_count];
    *place = *orphan;
    if (orphan->kind == RP_RECONCILE_FILE) {
        error = rp_arena_copy(&reconcile->arena, orphan->path, &place->path);
    } else {
        place->entry = rp_file_entry_retain(orphan->entry);
    }
    reconcile->orphan_count += error == 0;
    return error;
}

static bool find_kept(const struct rp_reconcile *reconcile, struct rp_view path, size_t *index_out)
{
    size_t low = 0, high = reconcile->kept_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = rp_view_compare(reconcile->kept[middle]->path, path);
        if (order == 0) {
            *index_out = middle;
            return true;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return false;
}

static bool is_known_database(const struct rp_reconcile *reconcile, struct rp_view path)
{
    struct rp_view database = rp_view_make(path.bytes, reconcile_top(path).length_bytes + 1);
    size_t low = 0, high = reconcile->database_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = rp_view_compare(reconcile->databases[middle], database);
        if (order == 0) {
            return true;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return false;
}

/* Only a name that the database could have given is touched at all; in a database that nothing
 * names, the whole path must look like it. */
static bool is_ours_to_judge(const struct rp_reconcile *reconcile, struct rp_view path,
                             bool is_root_walk)
{
    return rp_reconcile_is_candidate(path) && (!is_root_walk || rp_reconcile_is_managed(path)) &&
           !(reconcile->rules.compares_all_files &&
             reconcile->host.find(reconcile->host.context, path) != NULL);
}

static int judge_file(struct rp_reconcile *reconcile, const struct rp_store_list_item *item,
                      rp_time_ns now_ns)
{
    struct rp_reconcile_report *report = reconcile_report(reconcile);
    rp_time_ns age_ns = stamped_age(reconcile, item->mtime_unix_ns, now_ns);
    bool is_old = age_ns >= grace_and_skew(reconcile), is_ripe = true;
    if (reconcile->rules.needs_sighting) {
        struct reconcile_sighting now = {.kind = RP_RECONCILE_FILE,
                                         .version = (uint64_t)item->mtime_unix_ns,
                                         .size_bytes = item->size_bytes};
        rp_time_ns sighted_ns = sighted_age(reconcile, item->path, &now, now_ns);
        is_ripe = sighted_ns >= reconcile->settings.grace_ns;
        age_ns = sighted_ns < age_ns ? sighted_ns : age_ns;
    }
    report->young_count += !is_old || !is_ripe;
    if (!is_old) {
        return 0;
    }
    report->orphan_storage_count += 1;
    struct reconcile_orphan orphan = {
        .kind = RP_RECONCILE_FILE, .path = item->path, .age_ns = age_ns, .is_ripe = is_ripe};
    if (reconcile->settings.keeps_unknown_databases && !is_known_database(reconcile, item->path)) {
        orphan.is_ripe = false;
    }
    return add_orphan(reconcile, &orphan);
}

int reconcile_diff_file(struct rp_reconcile *reconcile, const struct rp_store_list_item *item,
                        bool is_root_walk, rp_time_ns now_ns)
{
    size_t index = 0;
    reconcile_report(reconcile)->listed_count += 1;
    if (find_kept(reconcile, item->path, &index)) {
        reconcile->kept_seen[index] = 1;
        return 0;
    }
    return is_ours_to_judge(reconcile, item->path, is_root_walk)
               ? judge_file(reconcile, item, now_ns)
               : 0;
}

/* An entry has no age of its own that could be trusted: only how long this life has missed the file.
 * A listing with gaps proves nothing missing. */
static int judge_entry(struct rp_reconcile *reconcile, const struct rp_file_entry *entry,
                       rp_time_ns now_ns)
{
    struct rp_reconcile_report *report = reconcile_report(reconcile);
    struct reconcile_orphan orphan = {
        .kind = RP_RECONCILE_ENTRY, .entry = entry, .path = entry->path, .is_ripe = true};
    if (reconcile->rules.needs_sighting) {
        struct reconcile_sighting now = {
            .kind = RP_RECONCILE_ENTRY, .version = entry->lsn, .size_bytes = 0};
        orphan.age_ns = report->is_partial ? 0 : sighted_age(reconcile, entry->path, &now, now_ns);
        orphan.is_ripe = !report->is_partial && orphan.age_ns >= reconcile->settings.grace_ns;
    }
    report->orphan_manifest_count += 1;
    report->young_count += !orphan.is_ripe;
    return add_orphan(reconcile, &orphan);
}

/* ---- The end of the diff -------------------------------------------------------------------------- */

static int sample_kind(struct rp_reconcile *reconcile, struct rp_view *views, size_t *count,
                       enum rp_reconcile_kind kind)
{
    int error = 0;
    for (size_t at = 0; error == 0 && at < reconcile->orphan_count; at += 1) {
        if (*count == reconcile->settings.sample_max) {
            break;
        }
        if (reconcile->orphans[at].kind == kind) {
            error = rp_arena_copy(&reconcile->present.arena, reconcile->orphans[at].path,
                                  &views[*count]);
            *count += error == 0;
        }
    }
    return error;
}

static int take_sample(struct rp_reconcile *reconcile)
{
    struct rp_reconcile_report *report = reconcile_report(reconcile);
    if (reconcile->orphan_count == 0) {
        return 0;
    }
    struct rp_view *views = rp_arena_allocate(&reconcile->present.arena,
                                              reconcile->settings.sample_max * sizeof *views);
    if (views == NULL) {
        return RP_ERR_NOMEM;
    }
    size_t count = 0;
    int error = sample_kind(reconcile, views, &count, RP_RECONCILE_ENTRY);
    if (error == 0) {
        error = sample_kind(reconcile, views, &count, RP_RECONCILE_FILE);
    }
    report->sample = views;
    report->sample_count = count;
    return error;
}

int reconcile_diff_end(struct rp_reconcile *reconcile, rp_time_ns now_ns)
{
    int error = 0;
    for (size_t index = 0; error == 0 && index < reconcile->kept_count; index += 1) {
        if (reconcile->kept_seen[index] == 0) {
            error = judge_entry(reconcile, reconcile->kept[index], now_ns);
        }
    }
    if (!reconcile_report(reconcile)->is_partial) {
        forget_others(reconcile);
    }
    return error == 0 ? take_sample(reconcile) : error;
}

void reconcile_diff_clear(struct rp_reconcile *reconcile)
{
    for (size_t at = 0; at < reconcile->orphan_count; at += 1) {
        if (reconcile->orphans[at].entry != NULL) {
            rp_file_entry_release(reconcile->orphans[at].entry);
        }
    }
    rp_release(reconcile->alloc, reconcile->orphans);
    reconcile->orphans = NULL;
    reconcile->orphan_count = reconcile->orphan_max = reconcile->orphan_next = 0;
}
