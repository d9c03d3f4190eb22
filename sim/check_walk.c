/* The walk: walk-complete, walk-ends. */
#include <xxhash.h>

#include "sim/check_internal.h"

#define PAGE_MAX 256u

static bool walks(struct check_pod *pod)
{
    const struct rp_config *config = sim_pod_config(pod->pod);
    return config == NULL ||
           (config->is_replication_enabled && config->is_replication_catchup_enabled);
}

static void on_begin(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_life *life = &pod->life;
    if (life->has_walk || !walks(pod)) {
        check_violate(pod, SIM_PROP_WALK_COMPLETE, "walk-begin",
                      life->has_walk ? "a second walk begins in one life"
                                     : "a walk begins where none is configured");
    }
    life->has_walk = true;
    life->walk_entries = seen->value2;
    life->walk_announced = life->walk_deleted = 0;
    life->walk_index = seen->value;
    check_tuples_clear(pod->checks, &life->walk_visited);
}

/* ---- Visits ----------------------------------------------------------------------------------- */

static struct check_tuple hash_of(struct rp_view path)
{
    XXH128_hash_t hash =
        XXH3_128bits(path.length_bytes == 0 ? "" : (const void *)path.bytes, path.length_bytes);
    struct check_tuple tuple = {hash.low64, hash.high64};
    tuple.high += tuple.low == 0 && tuple.high == 0;
    return tuple;
}

static void on_announced(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_life *life = &pod->life;
    if (seen->value2 != RP_ANNOUNCE_WALK || life->has_walk_end) {
        return;
    }
    life->walk_announced += 1;
    struct check_tuple tuple = hash_of(seen->path);
    if (!check_tuples_contain(&life->walk_visited, tuple)) {
        check_tuples_insert(pod->checks, &life->walk_visited, tuple);
    }
}

/* An entry of a later command was told by its callback. */
static void check_entry_visited(struct check_pod *pod, const struct rp_file_entry *entry)
{
    const struct check_life *life = &pod->life;
    if (entry->lsn <= life->walk_index &&
        !check_tuples_contain(&life->walk_visited, hash_of(entry->path))) {
        check_violate(pod, SIM_PROP_WALK_COMPLETE, "walk-end/entry",
                      "%.*s was there throughout and was not visited", CHECK_TEXT(entry->path));
    }
}

static void check_all_visited(struct check_pod *pod)
{
    const struct rp_manifest *manifest = check_manifest_of(pod);
    const struct rp_file_entry *page[PAGE_MAX];
    struct rp_view cursor = rp_view_make(NULL, 0);
    for (size_t count = manifest == NULL ? 0 : PAGE_MAX; count == PAGE_MAX;) {
        count = rp_manifest_page(manifest, cursor, page, PAGE_MAX);
        for (size_t row = 0; row < count; row += 1) {
            check_entry_visited(pod, page[row]);
            cursor = page[row]->path; /* the manifest keeps it through this call */
            rp_file_entry_release(page[row]);
        }
    }
}

void check_walk_clear(struct check_pod *pod)
{
    check_tuples_clear(pod->checks, &pod->life.walk_visited);
}

/* invariants.md, walk-complete: every entry that was there throughout was visited. Each visit is an
 * announcement; what went meanwhile may have been missed. */
static void check_visits(struct check_pod *pod)
{
    const struct check_life *life = &pod->life;
    check_reached(pod, SIM_PROP_WALK_COMPLETE);
    if (life->walk_announced + life->walk_deleted < life->walk_entries) {
        check_violate(pod, SIM_PROP_WALK_COMPLETE, "walk-end/missed",
                      "%llu entries at the beginning, %llu visited, %llu deleted meanwhile",
                      (unsigned long long)life->walk_entries,
                      (unsigned long long)life->walk_announced,
                      (unsigned long long)life->walk_deleted);
    } else {
        check_all_visited(pod);
    }
}

static void on_end(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_life *life = &pod->life;
    bool is_completed = seen->value2 == 1;
    if (is_completed && (life->is_stopping || life->has_walk_end)) {
        check_violate(pod, SIM_PROP_WALK_COMPLETE, "walk-end",
                      "a walk is reported as complete after its end or its cancellation");
    } else if (is_completed && life->has_walk) {
        check_visits(pod);
    }
    life->has_walk_end = true;
    check_walk_clear(pod);
}

void check_walk_observe(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_life *life = &pod->life;
    switch (seen->kind) {
    case RP_SEE_WALK_BEGIN: on_begin(pod, seen); break;
    case RP_SEE_WALK_END: on_end(pod, seen); break;
    case RP_SEE_ANNOUNCED: on_announced(pod, seen); break;
    case RP_SEE_FILE_DELETED: life->walk_deleted += 1; break;
    default: break;
    }
}

void check_walk_rest(struct check_pod *pod)
{
    const struct check_life *life = &pod->life;
    check_reached(pod, SIM_PROP_WALK_ENDS);
    if (life->has_walk && !life->has_walk_end && life->waiting_count == 0) {
        check_violate(pod, SIM_PROP_WALK_ENDS, "rest/walk-open",
                      "the queue is empty and the walk has not come to its end");
    }
}
