/* What may be taken away: how much at a time (this nemesis' own bound), and what would come back by
 * itself (sim/recover.h). Truth is asked, not the nodes. */
#include "sim/compact.h"
#include "sim/nemesis_internal.h"
#include "sim/recover.h"

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

/* The last one that lost its log must have it back: so only while nobody is down. */
bool nemesis_may_lose_volume(const struct sim_nemesis *nemesis, struct sim_pod *pod)
{
    struct sim_world *world = nemesis->world;
    return nemesis->spec.may_destroy ||
           (nemesis_down_count(world) == 0 && sim_world_leader(world) != NULL &&
            !has_unregistered(pod) &&
            sim_recover_can_spare(world, &pod, 1, SIM_RECOVER_LOSS_VOLUME));
}

bool nemesis_may_lose_power(const struct sim_nemesis *nemesis, struct sim_pod *pod)
{
    return nemesis->spec.may_destroy || sim_store_is_all_durable(pod->store) ||
           (!has_unregistered(pod) &&
            sim_recover_can_spare(nemesis->world, &pod, 1, SIM_RECOVER_LOSS_UNSYNCED));
}

bool nemesis_may_lose_copy(const struct sim_nemesis *nemesis, const struct sim_pod *pod,
                           const struct sim_truth_file *file)
{
    return nemesis->spec.may_destroy || sim_recover_can_spare_copy(nemesis->world, pod, file);
}
