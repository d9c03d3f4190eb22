/* What may be taken away: how much at a time, and what would come back by itself. Truth is asked, not
 * the nodes. */
#include "sim/compact.h"
#include "sim/nemesis_internal.h"

/* ---- How much at a time ----------------------------------------------------------------------- */

static bool is_cut_alone(const struct sim_nemesis *nemesis, const struct sim_pod *pod)
{
    for (const struct nemesis_trouble *trouble = nemesis->troubles; trouble != NULL;
         trouble = trouble->next) {
        const struct sim_decision *decision = &trouble->decision;
        if (decision->node_count == 1 && strcmp(decision->nodes[0], pod->id) == 0 &&
            sim_variant_at(decision->kind, decision->variant)->takes_down) {
            return true;
        }
    }
    return false;
}

/* A successor that waits for the end of its predecessor: one pod between them. */
static bool is_unborn(const struct sim_pod *pod)
{
    return pod->life == 0 && pod->boot_event == 0;
}

bool nemesis_is_down(struct sim_world *world, const struct sim_pod *pod)
{
    if (pod->is_gone || is_unborn(pod) || sim_world_is_outside(world, pod)) {
        return false;
    }
    bool is_cut = false;
    for (const struct sim_nemesis *nemesis = world->nemeses; nemesis != NULL;
         nemesis = nemesis->next) {
        is_cut = is_cut || is_cut_alone(nemesis, pod);
    }
    return is_cut || pod->state != SIM_POD_UP || pod->is_frozen || !sim_pod_is_ready(pod);
}

uint32_t nemesis_down_count(struct sim_world *world)
{
    uint32_t count = 0;
    for (size_t index = 0; index < world->pod_count; index += 1) {
        count += nemesis_is_down(world, world->pods[index]);
    }
    return count;
}

static bool is_cut_in_halves(const struct sim_world *world)
{
    for (const struct sim_nemesis *nemesis = world->nemeses; nemesis != NULL;
         nemesis = nemesis->next) {
        for (const struct nemesis_trouble *trouble = nemesis->troubles; trouble != NULL;
             trouble = trouble->next) {
            if (trouble->decision.kind == SIM_TROUBLE_PARTITION &&
                trouble->decision.variant == SIM_CUT_HALVES) {
                return true;
            }
        }
    }
    return false;
}

bool nemesis_may_take_down(const struct sim_nemesis *nemesis, const struct sim_pod *pod)
{
    struct sim_world *world = nemesis->world;
    if (nemesis->spec.down_max == 0 || is_cut_in_halves(world)) {
        return false;
    }
    return nemesis_is_down(world, pod) || nemesis_down_count(world) < nemesis->spec.down_max;
}

/* ---- What would come back --------------------------------------------------------------------- */

/* Another copy that whoever lacks it can have. */
static bool is_held_elsewhere(const struct sim_world *world, const struct sim_pod *pod,
                              const struct sim_truth_file *file)
{
    for (size_t index = 0; index < world->pod_count; index += 1) {
        const struct sim_pod *other = world->pods[index];
        if (other != pod && other->state == SIM_POD_UP && !sim_pod_is_hostile(other) &&
            sim_truth_holds(world->truth, other, file)) {
            return true;
        }
    }
    return false;
}

/* Of the files that the pod holds, those too which only a durable object protects from a power loss
 * when `is_disk_lost`. */
static bool is_all_held_elsewhere(const struct sim_world *world, const struct sim_pod *pod,
                                  bool is_disk_lost)
{
    const struct sim_truth_file *files[64];
    size_t from = 0, got = 0;
    do {
        got = sim_truth_page(world->truth, from, files, 64);
        for (size_t row = 0; row < got; row += 1) {
            bool is_at_risk = is_disk_lost || !sim_store_is_durable(pod->store, files[row]->path);
            if (is_at_risk && sim_truth_holds(world->truth, pod, files[row]) &&
                !is_held_elsewhere(world, pod, files[row])) {
                return false;
            }
        }
        from += got;
    } while (got == 64);
    return true;
}

/* What it made itself and has not got registered may be registered after it is gone. */
static bool has_unregistered(const struct sim_pod *pod)
{
    if (pod->node == NULL || sim_workload_is_busy(pod) || sim_compact_is_busy(pod)) {
        return true;
    }
    struct rp_node_inspection inspection;
    rp_node_inspect(pod->node, &inspection);
    return inspection.registrar.queue_depth + inspection.registrar.under_way_count > 0;
}

/* Its log goes too. The others must be a majority of the voters, all with theirs, and the last one
 * that lost its log must have it back: so only while nobody is down. */
static bool may_lose_log(const struct sim_nemesis *nemesis)
{
    struct sim_world *world = nemesis->world;
    uint32_t voters = 0;
    for (size_t index = 0; index < world->pod_count; index += 1) {
        voters += !world->pods[index]->is_gone && !is_unborn(world->pods[index]);
    }
    voters = voters < world->spec.cluster.voter_max ? voters : world->spec.cluster.voter_max;
    return voters >= 3 && nemesis_down_count(world) == 0 && sim_world_leader(world) != NULL;
}

bool nemesis_may_lose_volume(const struct sim_nemesis *nemesis, struct sim_pod *pod)
{
    return nemesis->spec.may_destroy || (may_lose_log(nemesis) && !has_unregistered(pod) &&
                                         is_all_held_elsewhere(nemesis->world, pod, true));
}

bool nemesis_may_lose_power(const struct sim_nemesis *nemesis, struct sim_pod *pod)
{
    if (nemesis->spec.may_destroy || sim_store_is_all_durable(pod->store)) {
        return true;
    }
    return !has_unregistered(pod) && is_all_held_elsewhere(nemesis->world, pod, false);
}

bool nemesis_may_lose_copy(const struct sim_nemesis *nemesis, const struct sim_pod *pod,
                           const struct sim_truth_file *file)
{
    return nemesis->spec.may_destroy || is_held_elsewhere(nemesis->world, pod, file);
}
