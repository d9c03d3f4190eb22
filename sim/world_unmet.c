/* What a run that waited in vain was still owed (invariants.md, L): the message of `liveness` names it. */
#include <stdio.h>

#include "sim/recover.h"
#include "sim/truth.h"
#include "sim/world_internal.h"

#define MISSING_LOOKED_AT 64

static bool misses_what_is_held(struct sim_world *world, struct sim_pod *pod)
{
    const struct sim_truth_file *files[MISSING_LOOKED_AT];
    size_t count = pod->missing_count == 0
                       ? 0
                       : sim_truth_missing(world->truth, pod, files, MISSING_LOOKED_AT);
    size_t row = 0;
    while (row < count && sim_recover_file(world, files[row]) != SIM_RECOVER_FILE_HELD) {
        row += 1;
    }
    return row < count;
}

/* Everything is there, and yet it does not say that it is ready. */
static bool is_late_to_be_ready(const struct sim_pod *pod)
{
    return pod->missing_count == 0 && !sim_pod_is_ready(pod);
}

static bool has_unregistered(const struct sim_pod *pod)
{
    struct rp_node_inspection inspection;
    rp_node_inspect(pod->node, &inspection);
    return inspection.registrar.queue_depth + inspection.registrar.under_way_count > 0;
}

static void append(char *text, size_t text_bytes, const char *name)
{
    size_t used = strlen(text);
    (void)snprintf(text + used, text_bytes - used, "%s%s", used == 0 ? "" : ", ", name);
}

static void name_unmet(struct sim_world *world, char *text_out, size_t text_bytes)
{
    bool converges = true;
    bool becomes_ready = true;
    bool registers_all = true;
    for (size_t index = 0; index < world->run->pod_count; index += 1) {
        struct sim_pod *pod = world->run->pods[index];
        if (pod->state == SIM_POD_UP && pod->node != NULL &&
            !sim_world_is_outside(pod->world, pod)) {
            converges = converges && !misses_what_is_held(pod->world, pod);
            becomes_ready = becomes_ready && !is_late_to_be_ready(pod);
            registers_all = registers_all && !has_unregistered(pod);
        }
    }
    text_out[0] = '\0';
    if (!converges) {
        append(text_out, text_bytes, "converges");
    }
    if (!becomes_ready) {
        append(text_out, text_bytes, "becomes-ready");
    }
    if (!registers_all) {
        append(text_out, text_bytes, "registers-all");
    }
}

void sim_world_fail_liveness(struct sim_world *world, const char *place, const char *detail)
{
    char unmet[64];
    char lost[160];
    char text[1280];
    name_unmet(world, unmet, sizeof unmet);
    bool is_lost = sim_recover_leader_text(world, lost, sizeof lost);
    (void)snprintf(text, sizeof text, "%.900s%s%s%s%s", detail,
                   unmet[0] == '\0' ? "" : "; not held: ", unmet, is_lost ? "; " : "", lost);
    sim_recover_note(world);
    sim_world_fail(world, "liveness", rp_view_text(""), place, text);
}
