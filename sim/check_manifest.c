/* The applied log and what rests on it: manifest-agreement, consensus-safe, registers-all,
 * query-complete, stays-ready. */
#include "protocol/limits.h"
#include "sim/check_internal.h"

#define PAGE_MAX 256u

/* ---- Agreement -------------------------------------------------------------------------------- */

static bool is_equal(struct rp_digest left, struct rp_digest right)
{
    return left.low == right.low && left.high == right.high;
}

/* The node with the older release is the one that departs; of equals, the later one. */
static struct check_pod *departing(struct check_pod *first, struct check_pod *second)
{
    return sim_pod_release(first->pod) < sim_pod_release(second->pod) ? first : second;
}

static void check_digest_at(struct check_pod *pod, uint64_t index, const char *what)
{
    struct sim_checks *checks = pod->checks;
    const struct rp_manifest *manifest = check_manifest_of(pod);
    if (manifest == NULL || index == 0) {
        return;
    }
    if (checks->digests == NULL) {
        checks->digests = check_allocate(checks, CHECK_INDEX_RING * sizeof *checks->digests);
    }
    struct check_digest *known = &checks->digests[index % CHECK_INDEX_RING];
    struct rp_digest digest = rp_manifest_digest(manifest);
    if (known->index == index) {
        check_reached(pod, SIM_PROP_MANIFEST_AGREEMENT);
    }
    if (known->index < index) {
        *known = (struct check_digest){index, digest, pod};
    } else if (known->index == index && !is_equal(known->digest, digest)) {
        check_violate(departing(known->by, pod), SIM_PROP_MANIFEST_AGREEMENT, what,
                      "two nodes that applied index %llu have different manifests",
                      (unsigned long long)index);
    }
}

static void on_registered(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_life *life = &pod->life;
    if (!life->has_registered) {
        life->has_registered = true;
        life->registered_low = life->registered_high = seen->lsn;
    }
    life->registered_low = seen->lsn < life->registered_low ? seen->lsn : life->registered_low;
    life->registered_high = seen->lsn > life->registered_high ? seen->lsn : life->registered_high;
}

/* invariants.md, manifest-agreement: the LSN is the index of the command that made the version. */
static void check_lsn(struct check_pod *pod, uint64_t index)
{
    const struct check_life *life = &pod->life;
    if (life->has_registered && (life->registered_low != index || life->registered_high != index)) {
        check_violate(pod, SIM_PROP_MANIFEST_AGREEMENT, "applied/lsn",
                      "a version made by the command at index %llu has another LSN",
                      (unsigned long long)index);
    }
}

static void on_applied(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_life *life = &pod->life;
    if (seen->value <= life->applied_index) {
        check_violate(pod, SIM_PROP_MANIFEST_AGREEMENT, "applied/order",
                      "index %llu is applied after index %llu", (unsigned long long)seen->value,
                      (unsigned long long)life->applied_index);
    }
    check_lsn(pod, seen->value);
    life->has_registered = false;
    life->applied_index = seen->value;
    check_digest_at(pod, seen->value, "applied");
}

static void on_restored(struct check_pod *pod, const struct rp_observation *seen)
{
    pod->life.has_registered = false;
    if (seen->error == 0) {
        pod->life.applied_index = seen->value;
        check_digest_at(pod, seen->value, "restored");
    }
}

/* ---- Leaders ---------------------------------------------------------------------------------- */

static void on_leader(struct check_pod *pod, const struct rp_observation *seen)
{
    if (seen->value2 == 0) {
        return; /* it follows, or knows of none */
    }
    pod->life.was_leader = true;
    check_reached(pod, SIM_PROP_CONSENSUS_SAFE);
    struct check_term *known = &pod->checks->terms[seen->value2 % CHECK_TERM_RING];
    if (known->term < seen->value2) {
        *known = (struct check_term){seen->value2, seen->value};
    } else if (known->term == seen->value2 && known->leader_raft_id != seen->value) {
        check_violate(pod, SIM_PROP_CONSENSUS_SAFE, "leader", "a second leader in term %llu",
                      (unsigned long long)seen->value2);
    }
}

/* ---- Registration ----------------------------------------------------------------------------- */

static struct rp_view flush_path(const struct check_flush *flush)
{
    return rp_view_make(flush->path, flush->path_bytes);
}

/* A newer flush of a path takes the place of an older one, as it does in the registrar. */
static void on_flush_queued(struct check_pod *pod, const struct rp_observation *seen)
{
    if (seen->error != 0 || seen->sha256.length_bytes != RP_SHA256_HEX) {
        return;
    }
    struct rp_table *flushes = &pod->checks->flushes;
    struct check_flush *flush = rp_table_get(flushes, seen->path);
    check_reached(pod, SIM_PROP_REGISTERS_ALL);
    if (flush == NULL) {
        flush = check_allocate(pod->checks, sizeof *flush + seen->path.length_bytes);
        flush->path_bytes = seen->path.length_bytes;
        memcpy(flush->path, seen->path.bytes, seen->path.length_bytes);
        check_put(flushes, flush_path(flush), flush);
    }
    flush->by = pod;
    flush->release = sim_pod_release(pod->pod);
    flush->is_excused = flush->is_registered = false;
    memcpy(flush->sha256, seen->sha256.bytes, RP_SHA256_HEX);
}

static struct check_flush *flush_of(struct check_pod *pod, const struct rp_observation *seen)
{
    if (rp_table_count(&pod->checks->flushes) == 0) {
        return NULL;
    }
    struct check_flush *flush = rp_table_get(&pod->checks->flushes, seen->path);
    bool is_same = flush != NULL && seen->sha256.length_bytes == RP_SHA256_HEX &&
                   memcmp(flush->sha256, seen->sha256.bytes, RP_SHA256_HEX) == 0;
    return is_same ? flush : NULL;
}

static void on_seen_registered(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_flush *flush = flush_of(pod, seen);
    if (flush != NULL && flush->by != pod) {
        flush->is_registered = true;
    } else if (flush != NULL) {
        (void)rp_table_remove(&pod->checks->flushes, flush_path(flush));
        rp_release(pod->checks->alloc, flush);
    }
}

/* A stop waits for the registrar so long and no longer; what is open then is given up by design. */
static void on_register_done(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_flush *flush = flush_of(pod, seen);
    if (flush == NULL || seen->value != RP_REGISTER_ABANDONED || !pod->life.is_stopping) {
        return;
    }
    rp_time_ns waited_ns = check_now(pod->checks) - pod->life.stop_asked_ns;
    flush->is_excused = waited_ns >= RP_REGISTRAR_DRAIN_NS / 10 * 9;
}

void check_flush_crashed(struct check_pod *pod)
{
    struct rp_table *flushes = &pod->checks->flushes;
    size_t cursor = 0;
    struct check_flush *flush;
    while ((flush = rp_table_next(flushes, &cursor)) != NULL) {
        if (flush->by == pod) {
            (void)rp_table_remove(flushes, flush_path(flush));
            rp_release(pod->checks->alloc, flush);
        }
    }
}

void check_flush_clear(struct sim_checks *checks)
{
    size_t cursor = 0;
    struct check_flush *flush;
    while ((flush = rp_table_next(&checks->flushes, &cursor)) != NULL) {
        rp_release(checks->alloc, flush);
    }
    rp_table_clear(&checks->flushes);
}

static bool is_in_truth(struct sim_checks *checks, const struct check_flush *flush)
{
    const struct sim_truth_file *file =
        sim_truth_file(sim_world_truth(checks->world), flush_path(flush));
    return file != NULL && file->is_registered &&
           rp_view_equal(file->sha256, rp_view_make(flush->sha256, RP_SHA256_HEX));
}

static void check_flushes(struct sim_checks *checks)
{
    size_t cursor = 0;
    const struct check_flush *flush;
    while ((flush = rp_table_next(&checks->flushes, &cursor)) != NULL) {
        if (!flush->is_excused && !flush->is_registered && !is_in_truth(checks, flush)) {
            char detail[256];
            (void)snprintf(detail, sizeof detail, "%.*s was flushed and is not in the manifest",
                           CHECK_TEXT(flush_path(flush)));
            check_violate_as(flush->by, flush->release, SIM_PROP_REGISTERS_ALL,
                             "rest/not-registered", detail);
        }
    }
}

/* Nodes at one index agree; the ring has them unless they rest far apart. */
static void check_latest(struct sim_checks *checks)
{
    for (size_t number = 0; number < checks->pod_max; number += 1) {
        struct check_pod *pod = checks->pods[number];
        if (pod != NULL && pod->life.is_open) {
            check_digest_at(pod, pod->life.applied_index, "rest");
        }
    }
}

/* `is_live`: liveness is owed. */
void check_manifest_rest(struct sim_checks *checks, bool is_live)
{
    check_latest(checks);
    if (is_live) {
        check_flushes(checks);
    }
}

/* ---- Readiness -------------------------------------------------------------------------------- */

static bool has_catchup(const struct check_pod *pod)
{
    const struct rp_config *config = sim_pod_config(pod->pod);
    return config == NULL ||
           (config->is_replication_enabled && config->is_replication_catchup_enabled);
}

/* Does the pod hold all there is, so that nobody need look at each entry? */
static bool is_all_here(struct check_pod *pod)
{
    const struct sim_truth *truth = sim_world_truth(pod->checks->world);
    return pod->life.applied_index == sim_truth_last_index(truth) &&
           sim_truth_missing_count(truth, pod->pod) == 0;
}

/* What the node wrote anew under that name stays, though the manifest does not show it yet: queries
 * see what was written last (decision 41). */
static bool is_rewritten_here(struct check_pod *pod, const struct rp_file_entry *entry)
{
    const struct check_flush *flush = rp_table_get(&pod->checks->flushes, entry->path);
    return flush != NULL && flush->by == pod &&
           check_store_holds(pod, entry->path, rp_view_make(flush->sha256, RP_SHA256_HEX));
}

static bool is_owed(struct check_pod *pod, const struct rp_file_entry *entry, uint64_t index)
{
    return entry->lsn <= index && !check_store_is_exempt(pod, entry->path) &&
           !check_store_holds(pod, entry->path, entry->sha256) && !is_rewritten_here(pod, entry);
}

static void check_entries(struct check_pod *pod, const struct rp_manifest *manifest, uint64_t index,
                          const char *what)
{
    const struct rp_file_entry *page[PAGE_MAX];
    struct rp_view cursor = rp_view_make(NULL, 0);
    for (size_t count = PAGE_MAX; count == PAGE_MAX;) {
        count = rp_manifest_page(manifest, cursor, page, PAGE_MAX);
        for (size_t row = 0; row < count; row += 1) {
            if (is_owed(pod, page[row], index)) {
                check_violate(pod, SIM_PROP_QUERY_COMPLETE, what,
                              "the node reports ready without %.*s", CHECK_TEXT(page[row]->path));
            }
            cursor = page[row]->path; /* the manifest keeps it through this call */
            rp_file_entry_release(page[row]);
        }
    }
}

static uint64_t owed_index(const struct check_life *life)
{
    return life->barrier_index > life->commit_index ? life->barrier_index : life->commit_index;
}

/* invariants.md, query-complete: W(n) is the manifest at the barrier's index, and that is not below
 * what was committed when this life began. */
static void check_complete(struct check_pod *pod)
{
    const struct check_life *life = &pod->life;
    const struct rp_manifest *manifest = check_manifest_of(pod);
    if (manifest == NULL || !has_catchup(pod)) {
        return;
    }
    if (life->is_stopping) {
        check_violate(pod, SIM_PROP_QUERY_COMPLETE, "ready/in-stop",
                      "the node reports ready while it stops");
    }
    if (life->applied_index < life->commit_index) {
        check_violate(pod, SIM_PROP_QUERY_COMPLETE, "ready/manifest-behind",
                      "the node reports ready at index %llu; %llu was committed before it began",
                      (unsigned long long)life->applied_index,
                      (unsigned long long)life->commit_index);
    }
    uint64_t index = owed_index(life);
    if (is_all_here(pod)) {
        return;
    }
    if (!life->is_walked && index > 0) {
        check_violate(pod, SIM_PROP_QUERY_COMPLETE, "ready/walk-open",
                      "the node reports ready before its walk ended");
    }
    check_entries(pod, manifest, index, "ready/missing");
}

/* invariants.md, query-complete: also at each query that a ready node admits. */
void check_query(struct check_pod *pod)
{
    const struct rp_manifest *manifest = check_manifest_of(pod);
    if (manifest != NULL && pod->life.is_ready && has_catchup(pod) && !is_all_here(pod)) {
        check_entries(pod, manifest, owed_index(&pod->life), "query/missing");
    }
}

static void on_ready(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_life *life = &pod->life;
    if (seen->value == 1) {
        check_reached(pod, SIM_PROP_QUERY_COMPLETE);
        check_reached(pod, SIM_PROP_STAYS_READY);
        check_complete(pod);
    } else if (life->is_ready && !life->is_stopping) {
        check_violate(pod, SIM_PROP_STAYS_READY, "ready-lost",
                      "the node was ready and is not any more");
    }
    life->is_ready = seen->value == 1;
}

static void on_barrier_end(struct check_pod *pod, const struct rp_observation *seen)
{
    if (seen->error == 0) {
        pod->life.has_barrier = true;
        pod->life.barrier_index = seen->value;
    }
}

void check_manifest_observe(struct check_pod *pod, const struct rp_observation *seen)
{
    switch (seen->kind) {
    case RP_SEE_APPLIED: on_applied(pod, seen); break;
    case RP_SEE_RESTORED: on_restored(pod, seen); break;
    case RP_SEE_FILE_REGISTERED:
        on_registered(pod, seen);
        on_seen_registered(pod, seen);
        break;
    case RP_SEE_LEADER: on_leader(pod, seen); break;
    case RP_SEE_FLUSH_QUEUED: on_flush_queued(pod, seen); break;
    case RP_SEE_REGISTER_DONE: on_register_done(pod, seen); break;
    case RP_SEE_BARRIER_END: on_barrier_end(pod, seen); break;
    case RP_SEE_WALK_BEGIN: pod->life.is_walking = true; break;
    case RP_SEE_WALK_END: pod->life.is_walked = pod->life.is_walked || seen->value2 == 1; break;
    case RP_SEE_READY: on_ready(pod, seen); break;
    default: break;
    }
}
