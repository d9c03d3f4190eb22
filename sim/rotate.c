#include "sim/rotate.h"

#include <stdlib.h>

#include "protocol/error.h"
#include "sim/reach.h"

struct slot {
    struct sim_pod *successor; /* borrowed; NULL: free */
    uint64_t life_before;      /* the successor counts as new above this life */
    rp_time_ns late_ns;
};

struct sim_rotation {
    struct sim_world *world;
    struct sim_rng *rng; /* borrowed */
    struct sim_pod **pods;
    size_t pod_count, next_index;
    struct slot *slots;
    uint32_t slot_count;
    struct sim_replace_spec each;
    struct rp_config config;
    bool has_config;
    struct sim_range start_delay_ns;
    rp_time_ns ready_timeout_ns;
    struct sim_pod *late; /* borrowed */
};

int sim_rotation_new(struct sim_world *world, const struct sim_rotation_spec *spec,
                     struct sim_rng *rng, struct sim_rotation **rotation_out)
{
    if (spec->unavailable_max == 0) {
        return RP_ERR_INVALID;
    }
    struct sim_rotation *rotation = calloc(1, sizeof *rotation);
    if (rotation == NULL) {
        return RP_ERR_NOMEM;
    }
    sim_reach_fault(sim_world_reach(world), "rotate");
    /* More slots than pods are never used. */
    rotation->slot_count = spec->unavailable_max;
    if (rotation->slot_count > spec->pod_count) {
        rotation->slot_count = (uint32_t)spec->pod_count;
    }
    rotation->world = world;
    rotation->rng = rng;
    rotation->pod_count = spec->pod_count;
    rotation->each = spec->each;
    rotation->start_delay_ns = spec->start_delay_ns;
    rotation->ready_timeout_ns = spec->ready_timeout_ns;
    rotation->pods = calloc(spec->pod_count + 1, sizeof *rotation->pods);
    rotation->slots = calloc((size_t)rotation->slot_count + 1, sizeof *rotation->slots);
    int error = rotation->pods == NULL || rotation->slots == NULL ? RP_ERR_NOMEM : 0;
    if (error == 0 && spec->each.config != NULL) {
        error = rp_config_copy(spec->each.config, &rotation->config);
        rotation->has_config = error == 0;
        rotation->each.config = &rotation->config;
    }
    if (error != 0) {
        sim_rotation_free(rotation);
        return error;
    }
    for (size_t index = 0; index < spec->pod_count; index += 1) {
        rotation->pods[index] = spec->pods[index];
    }
    *rotation_out = rotation;
    return 0;
}

void sim_rotation_free(struct sim_rotation *rotation)
{
    if (rotation == NULL) {
        return;
    }
    if (rotation->has_config) {
        rp_config_clear(&rotation->config);
    }
    free(rotation->pods);
    free(rotation->slots);
    free(rotation);
}

/* False: no successor can be made. */
static bool replace_next(struct sim_rotation *rotation, struct slot *slot)
{
    struct sim_pod *pod = rotation->pods[rotation->next_index++];
    if (sim_pod_is_gone(pod)) {
        return true; /* replaced by someone else meanwhile */
    }
    struct sim_replace_spec each = rotation->each;
    each.start_delay_ns = sim_rng_range(rotation->rng, rotation->start_delay_ns);
    uint64_t life = sim_pod_life(pod);
    struct sim_pod *successor = NULL;
    if (sim_pod_replace(pod, &each, &successor) != 0) {
        rotation->late = pod;
        return false;
    }
    slot->successor = successor;
    slot->life_before = successor == pod ? life : 0;
    slot->late_ns = sim_world_now(rotation->world) + each.grace_ns + each.start_delay_ns +
                    rotation->ready_timeout_ns;
    return true;
}

/* Somebody else may have replaced the pod in the meantime: then it is the turn of who took its place,
 * and time counts anew. */
static void follow(struct sim_rotation *rotation, struct slot *slot)
{
    struct sim_pod *next = sim_pod_successor(slot->successor);
    while (next != NULL) {
        slot->successor = next;
        slot->life_before = 0;
        slot->late_ns =
            sim_world_now(rotation->world) + rotation->each.grace_ns + rotation->ready_timeout_ns;
        next = sim_pod_successor(next);
    }
}

static bool is_slot_ready(const struct slot *slot)
{
    return sim_pod_life(slot->successor) > slot->life_before && sim_pod_is_ready(slot->successor);
}

enum sim_rotation_state sim_rotation_step(struct sim_rotation *rotation)
{
    bool is_busy = false;
    for (uint32_t index = 0; index < rotation->slot_count; index += 1) {
        struct slot *slot = &rotation->slots[index];
        if (slot->successor != NULL) {
            follow(rotation, slot);
        }
        if (slot->successor != NULL && is_slot_ready(slot)) {
            slot->successor = NULL;
        }
        if (slot->successor != NULL && slot->late_ns <= sim_world_now(rotation->world)) {
            rotation->late = slot->successor;
            return SIM_ROTATION_LATE;
        }
        while (slot->successor == NULL && rotation->next_index < rotation->pod_count) {
            if (!replace_next(rotation, slot)) {
                return SIM_ROTATION_FULL;
            }
        }
        is_busy = is_busy || slot->successor != NULL;
    }
    return is_busy ? SIM_ROTATION_GOES_ON : SIM_ROTATION_DONE;
}

struct rp_view sim_rotation_late_id(const struct sim_rotation *rotation)
{
    return rotation->late == NULL ? rp_view_text("") : sim_pod_label(rotation->late);
}

rp_time_ns sim_rotation_deadline(const struct sim_rotation *rotation)
{
    rp_time_ns deadline_ns = RP_TIME_NEVER;
    for (uint32_t index = 0; index < rotation->slot_count; index += 1) {
        const struct slot *slot = &rotation->slots[index];
        if (slot->successor != NULL && slot->late_ns < deadline_ns) {
            deadline_ns = slot->late_ns;
        }
    }
    return deadline_ns;
}
