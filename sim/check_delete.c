/* What goes from a disk, and what must: no-wrong-delete, no-resurrection. */
#include "protocol/limits.h"
#include "sim/check_internal.h"

/* Beyond the grace: the removal itself takes a moment of the disk. */
#define REMOVAL_NS (10 * RP_NS_PER_S)

/* invariants.md, no-wrong-delete: at the unlink itself, not when it was asked for. */
void check_delete_vanished(struct check_pod *pod, struct rp_view path,
                           const struct sim_content *content)
{
    check_reached(pod, SIM_PROP_NO_WRONG_DELETE);
    const struct rp_file_entry *entry = check_entry(pod, path);
    if (entry == NULL) {
        return;
    }
    const struct sim_version *version =
        sim_truth_version(sim_world_truth(pod->checks->world), path, entry->sha256);
    if (version != NULL && version->is_known &&
        sim_content_is(content, version->key, version->length_bytes)) {
        check_violate(pod, SIM_PROP_NO_WRONG_DELETE, "unlink",
                      "%.*s is removed, which the manifest holds and which was intact",
                      CHECK_TEXT(path));
    }
}

/* A hand that puts a deleted file back makes it nobody's. */
static bool is_put_back(const struct check_pod *pod, const struct sim_truth_file *file)
{
    const struct check_damage *damage = rp_table_get(&pod->damages, file->path);
    return damage != NULL && damage->is_put && damage->at_ns >= file->delete_ns;
}

static void check_gone(struct check_pod *pod, const struct sim_truth_file *file)
{
    check_reached(pod, SIM_PROP_NO_RESURRECTION);
    const struct sim_store *store = sim_pod_store(pod->pod);
    if (check_entry(pod, file->path) != NULL || is_put_back(pod, file)) {
        return; /* behind in its log: another property */
    }
    if (sim_store_content(store, file->path) != NULL) {
        check_violate(pod, SIM_PROP_NO_RESURRECTION, "rest/visible",
                      "%.*s is visible though it was deleted", CHECK_TEXT(file->path));
    } else if (sim_store_is_staged(store, file->path)) {
        check_violate(pod, SIM_PROP_NO_RESURRECTION, "rest/staged",
                      "a staging object of %.*s is left though it was deleted",
                      CHECK_TEXT(file->path));
    }
}

/* Files that were never registered are not in truth: they belong to who made them. */
void check_delete_rest(struct check_pod *pod)
{
    struct sim_truth *truth = sim_world_truth(pod->checks->world);
    rp_time_ns now_ns = check_now(pod->checks);
    size_t cursor = 0;
    const struct sim_truth_file *file;
    while ((file = sim_truth_deleted(truth, &cursor)) != NULL) {
        if (now_ns - file->delete_ns > RP_DELETE_GRACE_NS + REMOVAL_NS) {
            check_gone(pod, file);
        }
    }
}
