/* The manifest from inside: manifest-clean, callback-order, all-or-nothing, and at rest
 * index-consistent and apply-deterministic. Callbacks come after the whole command took effect, so
 * the manifest can be asked at each. */
#include <xxhash.h>

#include "protocol/error.h"
#include "protocol/limits.h"
#include "sim/check_internal.h"

#define PAGE_MAX 256u
/* 0001-01-01T00:00:00Z, the zero time of the wire. */
#define ZERO_TIME_S INT64_C(-62135596800)

/* ---- Entries ---------------------------------------------------------------------------------- */

static bool is_separator(uint8_t byte)
{
    return byte == '/' || byte == '\\';
}

/* Written anew from the rule, so that a slip of the protocol's own validator shows. */
static bool has_traversal(struct rp_view path)
{
    size_t segment = 0; /* where it begins */
    for (size_t at = 0; at <= path.length_bytes; at += 1) {
        if (at < path.length_bytes && !is_separator(path.bytes[at])) {
            continue;
        }
        if (at - segment == 2 && path.bytes[segment] == '.' && path.bytes[segment + 1] == '.') {
            return true;
        }
        segment = at + 1;
    }
    return false;
}

static bool is_path_admissible(struct rp_view path)
{
    return path.length_bytes > 0 && path.length_bytes <= RP_PATH_BYTES_MAX &&
           !is_separator(path.bytes[0]) && memchr(path.bytes, '\0', path.length_bytes) == NULL &&
           memchr(path.bytes, ':', path.length_bytes) == NULL && !has_traversal(path);
}

static bool is_hash(struct rp_view text)
{
    bool is_fine = text.length_bytes == RP_SHA256_HEX;
    for (size_t at = 0; is_fine && at < text.length_bytes; at += 1) {
        uint8_t byte = text.bytes[at];
        is_fine = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
    }
    return is_fine;
}

static void check_clean(struct check_pod *pod, const struct rp_file_entry *entry)
{
    const char *what = NULL;
    check_reached(pod, SIM_PROP_MANIFEST_CLEAN);
    if (!is_path_admissible(entry->path)) {
        what = "path";
    } else if (!is_hash(entry->sha256)) {
        what = "hash";
    } else if (entry->size_bytes < 0) {
        what = "size";
    } else if (entry->created_at.unix_s == ZERO_TIME_S && entry->created_at.nsec == 0) {
        what = "creation time";
    }
    if (what != NULL) {
        check_violate(pod, SIM_PROP_MANIFEST_CLEAN, "entry", "an entry has an inadmissible %s",
                      what);
    }
}

/* ---- Callbacks -------------------------------------------------------------------------------- */

static void settle(struct check_pod *pod, struct rp_view path, bool is_settled)
{
    struct rp_table *unsettled = &pod->life.unsettled;
    if (is_settled) {
        if (rp_table_count(unsettled) != 0) {
            rp_release(pod->checks->alloc, rp_table_remove(unsettled, path));
        }
        return;
    }
    if (rp_table_get(unsettled, path) == NULL) {
        struct check_unsettled *one = check_allocate(pod->checks, sizeof *one + path.length_bytes);
        one->path_bytes = path.length_bytes;
        memcpy(one->path, path.bytes, path.length_bytes);
        check_put(unsettled, rp_view_make(one->path, one->path_bytes), one);
    }
}

void check_entry_clear(struct check_pod *pod)
{
    size_t cursor = 0;
    struct check_unsettled *one;
    while ((one = rp_table_next(&pod->life.unsettled, &cursor)) != NULL) {
        rp_release(pod->checks->alloc, one);
    }
    rp_table_clear(&pod->life.unsettled);
}

static uint64_t hash_of(const struct rp_observation *seen)
{
    uint64_t seed = seen->lsn * 2 + (seen->kind == RP_SEE_FILE_DELETED);
    seed =
        XXH3_64bits_withSeed(seen->sha256.length_bytes == 0 ? "" : (const void *)seen->sha256.bytes,
                             seen->sha256.length_bytes, seed);
    return XXH3_64bits_withSeed(seen->path.length_bytes == 0 ? "" : (const void *)seen->path.bytes,
                                seen->path.length_bytes, seed);
}

static void check_order(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_life *life = &pod->life;
    if (seen->value < life->callback_index) {
        check_violate(pod, SIM_PROP_CALLBACK_ORDER, "callback/order",
                      "a callback of index %llu comes after one of %llu",
                      (unsigned long long)seen->value, (unsigned long long)life->callback_index);
    }
    uint64_t hash = hash_of(seen);
    check_reached(pod, SIM_PROP_CALLBACK_ORDER);
    if (life->callback_count > 0 && hash == life->last_callback) {
        check_violate(pod, SIM_PROP_CALLBACK_ORDER, "callback/twice",
                      "a change of %.*s is told twice", CHECK_TEXT(seen->path));
    }
    life->last_callback = hash;
    life->callback_index = seen->value;
    life->callback_count += 1;
}

static void on_registered(struct check_pod *pod, const struct rp_observation *seen)
{
    const struct rp_file_entry *entry = check_entry(pod, seen->path);
    check_order(pod, seen);
    pod->life.registered_count += 1;
    settle(pod, seen->path,
           entry != NULL && entry->lsn == seen->lsn && rp_view_equal(entry->sha256, seen->sha256));
    if (entry != NULL) {
        check_clean(pod, entry);
    }
}

static void on_deleted(struct check_pod *pod, const struct rp_observation *seen)
{
    check_order(pod, seen);
    pod->life.deleted_count += 1;
    settle(pod, seen->path, check_entry(pod, seen->path) == NULL);
}

/* ---- Commands and snapshots ------------------------------------------------------------------- */

static void check_counts(struct check_pod *pod, const struct rp_manifest *manifest)
{
    const struct check_life *life = &pod->life;
    size_t count = rp_manifest_file_count(manifest);
    bool is_told = count <= life->file_count + life->registered_count &&
                   count + life->deleted_count >= life->file_count;
    if (!is_told) {
        check_violate(pod, SIM_PROP_CALLBACK_ORDER, "applied/untold",
                      "%zu files before, %zu after, callbacks told of %zu and %zu",
                      life->file_count, count, life->registered_count, life->deleted_count);
    }
    if (rp_table_count(&life->unsettled) != 0) {
        check_violate(pod, SIM_PROP_CALLBACK_ORDER, "applied/last",
                      "the last callback of a path does not agree with the manifest");
    }
}

/* invariants.md, all-or-nothing and manifest-clean: a refusal changes nothing and is counted. */
static void check_refusal(struct check_pod *pod, const struct rp_manifest *manifest,
                          const struct rp_observation *seen, const char *what)
{
    const struct check_life *life = &pod->life;
    struct rp_digest digest = rp_manifest_digest(manifest);
    bool is_same = digest.low == life->digest.low && digest.high == life->digest.high;
    check_reached(pod, SIM_PROP_ALL_OR_NOTHING);
    if ((life->has_digest && !is_same) || life->callback_count != 0) {
        check_violate(pod, SIM_PROP_ALL_OR_NOTHING, what,
                      "what was refused at index %llu has changed the manifest",
                      (unsigned long long)seen->value);
    }
    if (seen->kind == RP_SEE_APPLIED && seen->error != RP_ERR_NOMEM &&
        rp_manifest_refused_count(manifest) <= life->refused_count) {
        check_violate(pod, SIM_PROP_MANIFEST_CLEAN, "refused/not-counted",
                      "the refusal at index %llu is not counted", (unsigned long long)seen->value);
    }
}

static void remember(struct check_pod *pod, const struct rp_manifest *manifest)
{
    struct check_life *life = &pod->life;
    life->digest = rp_manifest_digest(manifest);
    life->has_digest = true;
    life->refused_count = rp_manifest_refused_count(manifest);
    life->file_count = rp_manifest_file_count(manifest);
    life->callback_count = 0;
    life->registered_count = life->deleted_count = 0;
    check_entry_clear(pod);
}

static void on_applied(struct check_pod *pod, const struct rp_observation *seen, const char *what)
{
    const struct rp_manifest *manifest = check_manifest_of(pod);
    if (manifest == NULL) {
        return;
    }
    if (seen->error != 0) {
        check_refusal(pod, manifest, seen, what);
    } else {
        check_counts(pod, manifest);
    }
    remember(pod, manifest);
}

void check_entry_observe(struct check_pod *pod, const struct rp_observation *seen)
{
    switch (seen->kind) {
    case RP_SEE_FILE_REGISTERED: on_registered(pod, seen); break;
    case RP_SEE_FILE_DELETED: on_deleted(pod, seen); break;
    case RP_SEE_APPLIED: on_applied(pod, seen, "applied"); break;
    case RP_SEE_RESTORED: on_applied(pod, seen, "restored"); break;
    default: break;
    }
}

/* ---- At rest ---------------------------------------------------------------------------------- */

/* Databases met in a walk over all entries, and how many entries each has. */
struct database {
    uint64_t count;
    size_t name_bytes;
    uint8_t name[];
};

struct survey {
    struct rp_table databases; /* -> owned database */
    uint64_t count;
    bool is_sound; /* in order, and each is found by its path */
};

static void note_database(struct check_pod *pod, struct survey *survey, struct rp_view name)
{
    struct database *database = rp_table_get(&survey->databases, name);
    if (database == NULL) {
        database = check_allocate(pod->checks, sizeof *database + name.length_bytes);
        database->name_bytes = name.length_bytes;
        if (name.length_bytes > 0) {
            memcpy(database->name, name.bytes, name.length_bytes);
        }
        check_put(&survey->databases, rp_view_make(database->name, database->name_bytes), database);
    }
    database->count += 1;
}

static void survey_all(struct check_pod *pod, const struct rp_manifest *manifest,
                       struct survey *survey)
{
    const struct rp_file_entry *page[PAGE_MAX];
    struct rp_view cursor = rp_view_make(NULL, 0);
    for (size_t count = PAGE_MAX; count == PAGE_MAX;) {
        count = rp_manifest_page(manifest, cursor, page, PAGE_MAX);
        for (size_t row = 0; row < count; row += 1) {
            bool is_next = rp_view_compare(cursor, page[row]->path) < 0;
            bool is_found = rp_manifest_file(manifest, page[row]->path) == page[row];
            survey->is_sound = survey->is_sound && is_next && is_found;
            note_database(pod, survey, page[row]->database);
            cursor = page[row]->path; /* the manifest keeps it through this call */
            rp_file_entry_release(page[row]);
        }
        survey->count += count;
    }
}

static uint64_t count_in(const struct rp_manifest *manifest, struct rp_view database,
                         bool *is_sound)
{
    const struct rp_file_entry *page[PAGE_MAX];
    struct rp_view cursor = rp_view_make(NULL, 0);
    uint64_t total = 0;
    for (size_t count = PAGE_MAX; count == PAGE_MAX;) {
        count = rp_manifest_database_page(manifest, database, cursor, page, PAGE_MAX);
        for (size_t row = 0; row < count; row += 1) {
            *is_sound = *is_sound && rp_view_equal(page[row]->database, database);
            cursor = page[row]->path;
            rp_file_entry_release(page[row]);
        }
        total += count;
    }
    return total;
}

static bool is_consistent(struct check_pod *pod, const struct rp_manifest *manifest)
{
    struct survey survey = {.is_sound = true};
    rp_table_init(&survey.databases, pod->checks->alloc);
    survey_all(pod, manifest, &survey);
    bool is_sound = survey.is_sound && survey.count == rp_manifest_file_count(manifest);
    size_t cursor = 0;
    struct database *database;
    while ((database = rp_table_next(&survey.databases, &cursor)) != NULL) {
        struct rp_view name = rp_view_make(database->name, database->name_bytes);
        is_sound = count_in(manifest, name, &is_sound) == database->count && is_sound;
        rp_release(pod->checks->alloc, database);
    }
    rp_table_clear(&survey.databases);
    return is_sound;
}

/* The state of a fresh machine after the snapshot, in a pool of its own, so that nothing is shared. */
static bool is_brought_back(struct check_pod *pod, const struct rp_manifest *manifest,
                            struct rp_view snapshot)
{
    const struct rp_alloc *alloc = pod->checks->alloc;
    struct rp_entry_pool *pool = NULL;
    struct rp_manifest *fresh = NULL;
    struct rp_manifest_events events = {0};
    int error = rp_entry_pool_new(alloc, &pool);
    RP_ASSERT(error == 0);
    error =
        rp_manifest_new(rp_release_traits(sim_pod_release(pod->pod)), alloc, pool, &events, &fresh);
    RP_ASSERT(error == 0);
    error = rp_manifest_restore(fresh, snapshot, 0);
    struct rp_digest before = rp_manifest_digest(manifest);
    struct rp_digest after = rp_manifest_digest(fresh);
    bool is_same = error == 0 && before.low == after.low && before.high == after.high &&
                   rp_manifest_applied_index(fresh) == rp_manifest_applied_index(manifest);
    struct rp_block *again = NULL;
    error = rp_manifest_snapshot(fresh, &again);
    RP_ASSERT(error == 0);
    is_same = is_same && rp_view_equal(snapshot, rp_view_make(again->bytes, again->length_bytes));
    rp_block_release(again);
    rp_manifest_free(fresh);
    rp_entry_pool_free(pool);
    return is_same;
}

static void check_snapshot(struct check_pod *pod, const struct rp_manifest *manifest)
{
    struct rp_block *block = NULL;
    int error = rp_manifest_snapshot(manifest, &block);
    check_reached(pod, SIM_PROP_APPLY_DETERMINISTIC);
    RP_ASSERT(error == 0);
    if (!is_brought_back(pod, manifest, rp_view_make(block->bytes, block->length_bytes))) {
        check_violate(pod, SIM_PROP_APPLY_DETERMINISTIC, "rest/snapshot",
                      "a fresh machine is in another state after this one's snapshot");
    }
    rp_block_release(block);
}

/* Equal manifests are one state that their nodes share, so the first of them speaks for all. */
static bool is_looked_at(struct check_pod *pod, const struct rp_manifest *manifest)
{
    struct sim_checks *checks = pod->checks;
    struct rp_digest digest = rp_manifest_digest(manifest);
    if (checks->has_surveyed && checks->surveyed.low == digest.low &&
        checks->surveyed.high == digest.high) {
        return true;
    }
    checks->has_surveyed = true;
    checks->surveyed = digest;
    return false;
}

void check_entry_rest(struct check_pod *pod, uint64_t *budget)
{
    const struct rp_manifest *manifest = check_manifest_of(pod);
    if (manifest == NULL || rp_manifest_file_count(manifest) > *budget ||
        is_looked_at(pod, manifest)) {
        return;
    }
    *budget -= rp_manifest_file_count(manifest);
    check_reached(pod, SIM_PROP_INDEX_CONSISTENT);
    if (!is_consistent(pod, manifest)) {
        check_violate(pod, SIM_PROP_INDEX_CONSISTENT, "rest/index",
                      "order, count or index by database differ from the entries");
    } else {
        check_snapshot(pod, manifest);
    }
}
