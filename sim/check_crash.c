/* Crashes, and what they take: crash-durable. */
#include "sim/check_internal.h"

/* invariants.md, crash-durable: failed syncs count as failed pulls. */
static void on_published(struct check_pod *pod, const struct rp_observation *seen)
{
    const struct check_path *record = check_path_find(pod, seen->path);
    for (struct check_pull *pull = record == NULL ? NULL : record->pulls; pull != NULL;
         pull = pull->next) {
        pull->is_published = pull->is_published || seen->error == 0;
    }
}

static void on_pull_end(struct check_pod *pod, const struct rp_observation *seen)
{
    const struct check_path *record = check_path_find(pod, seen->path);
    const struct check_pull *pull = record == NULL ? NULL : record->pulls;
    check_reached(pod, SIM_PROP_CRASH_DURABLE);
    if (seen->value == RP_PULL_PULLED && pull != NULL && pull->next == NULL &&
        !pull->is_published) {
        check_violate(pod, SIM_PROP_CRASH_DURABLE, "pull-end/not-published",
                      "%.*s counts as pulled without having been published durably",
                      CHECK_TEXT(seen->path));
    }
}

void check_crash_observe(struct check_pod *pod, const struct rp_observation *seen)
{
    switch (seen->kind) {
    case RP_SEE_PUBLISHED: on_published(pod, seen); break;
    case RP_SEE_PULL_END: on_pull_end(pod, seen); break;
    default: break;
    }
}

static bool walks(struct check_pod *pod)
{
    const struct rp_config *config = sim_pod_config(pod->pod);
    return config == NULL || config->is_replication_catchup_enabled;
}

/* A record of damage goes when the node judges the path; one from between the lives that is still
 * there at rest was never looked at. */
void check_crash_rest(struct check_pod *pod)
{
    size_t cursor = 0;
    const struct check_damage *damage;
    while (walks(pod) && (damage = rp_table_next(&pod->damages, &cursor)) != NULL) {
        struct rp_view path = rp_view_make(damage->path, damage->path_bytes);
        const struct rp_file_entry *entry = check_entry(pod, path);
        if (damage->is_by_crash && damage->is_earlier && entry != NULL &&
            !check_store_holds(pod, path, entry->sha256)) {
            check_violate(pod, SIM_PROP_CRASH_DURABLE, "rest/not-noticed",
                          "%.*s was lost in the crash, and nobody has looked since",
                          CHECK_TEXT(path));
        }
    }
}
