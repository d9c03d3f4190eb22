/* The walk: walk-complete, walk-ends. */
#include "sim/check_internal.h"

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
}

void check_walk_observe(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_life *life = &pod->life;
    switch (seen->kind) {
    case RP_SEE_WALK_BEGIN: on_begin(pod, seen); break;
    case RP_SEE_WALK_END: on_end(pod, seen); break;
    case RP_SEE_ANNOUNCED: life->walk_announced += seen->value2 == RP_ANNOUNCE_WALK; break;
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
