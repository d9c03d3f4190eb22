#include <stdlib.h>

#include "sim/world_internal.h"

/* The numbers of a run: lag, counters, sizes. */

static char *copy_id(struct rp_view text)
{
    char *copy = malloc(text.length_bytes + 1);
    RP_ASSERT(copy != NULL);
    memcpy(copy, text.bytes, text.length_bytes);
    copy[text.length_bytes] = '\0';
    return copy;
}

static void fill_counters(struct sim_world *world)
{
    struct sim_result *result = &world->result;
    result->counters = calloc(world->pod_count, sizeof *result->counters);
    RP_ASSERT(result->counters != NULL || world->pod_count == 0);
    for (size_t index = 0; index < world->pod_count; index += 1) {
        struct sim_counter counters[32];
        struct sim_node_counters *node = &result->counters[result->counters_count++];
        node->node = copy_id(sim_pod_id(world->pods[index]));
        node->counter_count = sim_pod_counters(world->pods[index], counters, 32);
        for (size_t row = 0; row < node->counter_count; row += 1) {
            node->counters[row].name = counters[row].name;
            node->counters[row].value = counters[row].value;
        }
    }
}

void sim_world_sum_up(struct sim_world *world)
{
    struct sim_result *result = &world->result;
    struct sim_lag_sample *samples = NULL;
    size_t count = 0;
    if (sim_truth_lag(world->truth, &samples, &count) == 0) {
        result->lag = sim_lag_summarize(samples, count);
    }
    result->nodes = world->pod_count;
    result->files = sim_truth_registered_count(world->truth);
    fill_counters(world);
    sim_world_sum_up_cut_offs(world);
}
