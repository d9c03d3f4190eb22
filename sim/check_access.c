/* What a node asks of its disk: path-confined, staging-discipline, apply-nonblocking. */
#include "sim/check_internal.h"

static bool ends_in(struct rp_view path, const char *ending)
{
    struct rp_view tail = rp_view_text(ending);
    return path.length_bytes > tail.length_bytes &&
           memcmp(path.bytes + path.length_bytes - tail.length_bytes, tail.bytes,
                  tail.length_bytes) == 0;
}

/* behaviour.md 8: what the older releases write beside a file before it gets its name. */
static struct rp_view without_part(struct rp_view path)
{
    size_t length_bytes = path.length_bytes - (ends_in(path, ".part") ? strlen(".part") : 0);
    return rp_view_make(path.bytes, length_bytes);
}

static bool is_temporary(const struct check_pod *pod, struct rp_view path)
{
    return ends_in(path, ".tmp") &&
           rp_release_traits(sim_pod_release(pod->pod))->staging == RP_STAGING_TEMP;
}

/* A name that the log brought once, or that the pod itself produced. Reconciliation finds its names
 * on the disk. */
static bool is_known(struct check_pod *pod, struct rp_view path)
{
    const struct sim_truth *truth = sim_world_truth(pod->checks->world);
    return check_entry(pod, path) != NULL || sim_truth_file(truth, path) != NULL ||
           pod->life.is_reconciling || pod->has_compacted;
}

/* A compaction's record has a name that is never registrable; whoever keeps one has outputs that are
 * not registered yet. */
static bool is_record(struct rp_view path)
{
    struct rp_view prefix = rp_view_text("compaction:");
    return path.length_bytes > prefix.length_bytes &&
           memcmp(path.bytes, prefix.bytes, prefix.length_bytes) == 0;
}

void check_access_called(struct check_pod *pod, enum sim_store_call call, struct rp_view path)
{
    pod->has_compacted = pod->has_compacted || is_record(path);
    check_reached(pod, SIM_PROP_PATH_CONFINED);
    check_reached(pod, SIM_PROP_APPLY_NONBLOCKING);
    if (pod->life.callback_count != 0) { /* the command is still being applied */
        check_violate(pod, SIM_PROP_APPLY_NONBLOCKING, "store-call",
                      "the store is asked for %.*s within a command", CHECK_TEXT(path));
    }
    if (call == SIM_STORE_CALL_SECOND_WRITER) {
        check_violate(pod, SIM_PROP_STAGING_DISCIPLINE, "stage-open/second",
                      "a second writer of the staging object of %.*s", CHECK_TEXT(path));
    } else if (!is_known(pod, path) && !is_known(pod, without_part(path)) &&
               !is_temporary(pod, path)) {
        check_violate(pod, SIM_PROP_PATH_CONFINED, "store-call",
                      "the store is asked for %.*s, which was never registered", CHECK_TEXT(path));
    }
}

/* Did anything in this run change bytes, or make some up? */
static bool may_bytes_differ(const struct check_pod *pod)
{
    static const char *const FAULTS[] = {"link", "corrupt", "tamper", "disk.torn"};
    const struct sim_reach *reach = pod->checks->reach;
    bool may_differ = pod->checks->has_hostile;
    for (size_t row = 0; reach != NULL && row < sizeof FAULTS / sizeof FAULTS[0]; row += 1) {
        may_differ = may_differ || reach->faults[sim_reach_fault_place(FAULTS[row])] != 0;
    }
    return may_differ;
}

/* What another release's node sends from a file may change under its hands. */
static bool is_current_only(const struct check_pod *pod)
{
    return (pod->checks->log.releases & ~(1u << RP_RELEASE_CURRENT)) == 0;
}

/* Each write is the next piece of the version that the object is for: none of it missing, twice or
 * another's. Only the hash over all of it would tell otherwise, and the pull would begin anew. Of a path
 * that was written over, a node may have other bytes than its manifest says. */
void check_access_staged(struct check_pod *pod, struct rp_view path, struct rp_view sha256,
                         const struct sim_content *content, uint64_t from_bytes)
{
    const struct sim_version *version =
        sim_truth_version(sim_world_truth(pod->checks->world), path, sha256);
    if (version == NULL || !version->is_known || version->has_others || may_bytes_differ(pod) ||
        !is_current_only(pod)) {
        return;
    }
    check_reached(pod, SIM_PROP_STAGING_DISCIPLINE);
    if (content->length_bytes > version->length_bytes) {
        check_violate(pod, SIM_PROP_STAGING_DISCIPLINE, "stage-write/beyond",
                      "%llu bytes of %.*s are staged, it has %llu",
                      (unsigned long long)content->length_bytes, CHECK_TEXT(path),
                      (unsigned long long)version->length_bytes);
    } else if (!sim_content_goes_on_as(content, version->key, from_bytes)) {
        check_violate(pod, SIM_PROP_STAGING_DISCIPLINE, "stage-write/other-bytes",
                      "what is staged of %.*s behind byte %llu are not its next bytes",
                      CHECK_TEXT(path), (unsigned long long)from_bytes);
    }
}

/* Part files of the reference lie under names of their own. */
static void on_dial(struct check_pod *pod, const struct rp_observation *seen)
{
    bool is_private = rp_release_traits(sim_pod_release(pod->pod))->staging == RP_STAGING_PRIVATE;
    if (seen->value2 != 0) {
        check_reached(pod, SIM_PROP_STAGING_DISCIPLINE);
    }
    if (seen->value2 == 0 || !is_private) {
        return;
    }
    const struct sim_store *store = sim_pod_store(pod->pod);
    if (!sim_store_is_staged(store, seen->path)) {
        check_violate(pod, SIM_PROP_STAGING_DISCIPLINE, "dial/nothing-staged",
                      "%.*s is resumed, and nothing of it is staged", CHECK_TEXT(seen->path));
    } else if (!sim_store_is_staged_up_to(store, seen->path, seen->value2)) {
        /* What comes next is written behind the last byte: a gap, or bytes twice. */
        check_violate(pod, SIM_PROP_STAGING_DISCIPLINE, "dial/other-end",
                      "%.*s is resumed at byte %llu, and what is staged ends elsewhere",
                      CHECK_TEXT(seen->path), (unsigned long long)seen->value2);
    }
}

void check_access_observe(struct check_pod *pod, const struct rp_observation *seen)
{
    switch (seen->kind) {
    case RP_SEE_DIAL: on_dial(pod, seen); break;
    case RP_SEE_RECONCILE_BEGIN: pod->life.is_reconciling = true; break;
    case RP_SEE_RECONCILE_END: pod->life.is_reconciling = false; break;
    default: break;
    }
}
