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

static void fill_counters(struct sim_run *run)
{
    struct sim_result *result = &run->result;
    result->counters = calloc(run->pod_count + 1, sizeof *result->counters);
    RP_ASSERT(result->counters != NULL);
    for (size_t index = 0; index < run->pod_count; index += 1) {
        struct sim_counter counters[32];
        struct sim_node_counters *node = &result->counters[result->counters_count++];
        node->node = copy_id(sim_pod_label(run->pods[index]));
        node->counter_count = sim_pod_counters(run->pods[index], counters, 32);
        for (size_t row = 0; row < node->counter_count; row += 1) {
            node->counters[row].name = counters[row].name;
            node->counters[row].value = counters[row].value;
        }
    }
}

/* Trouble that did not come about, or found nothing to disturb, proves nothing. */
static void note_vacuous(struct sim_run *run)
{
    struct sim_result *result = &run->result;
    uint64_t counts[SIM_TROUBLE_COUNT], applied_count = 0;
    sim_nemesis_count(result->decisions, result->decision_count, counts);
    for (size_t kind = 0; kind < SIM_TROUBLE_COUNT; kind += 1) {
        applied_count += counts[kind];
    }
    result->is_vacuous =
        run->nemesis_count != 0 && (applied_count == 0 || run->pull_end_count == 0);
}

/* Of all clusters, one after another; owned by the caller. NULL: out of memory. */
static struct sim_lag_sample *gather_lag(struct sim_run *run, size_t *count_out)
{
    struct sim_lag_sample *all = calloc(1, sizeof *all);
    size_t count = 0;
    for (size_t row = 0; row < run->world_count && all != NULL; row += 1) {
        struct sim_lag_sample *samples = NULL;
        size_t more = 0;
        if (sim_truth_lag(run->worlds[row]->truth, &samples, &more) != 0) {
            free(all);
            return NULL;
        }
        struct sim_lag_sample *longer = realloc(all, (count + more + 1) * sizeof *longer);
        if (longer == NULL) {
            free(all);
            return NULL;
        }
        all = longer;
        if (more != 0) {
            memcpy(all + count, samples, more * sizeof *all);
        }
        count += more;
    }
    *count_out = count;
    return all;
}

struct sim_lag_sample *sim_world_lag(struct sim_world *world, size_t *count_out)
{
    struct sim_lag_sample *samples = gather_lag(world->run, count_out);
    if (samples != NULL) {
        (void)sim_lag_summarize(samples, *count_out);
    }
    return samples;
}

int sim_world_write_lag_csv(struct sim_world *world, FILE *file)
{
    size_t count = 0;
    struct sim_lag_sample *samples = sim_world_lag(world, &count);
    if (samples == NULL) {
        return RP_ERR_NOMEM;
    }
    int error = sim_lag_write_csv(samples, count, file);
    free(samples);
    return error;
}

void sim_run_sum_up(struct sim_run *run)
{
    struct sim_result *result = &run->result;
    size_t count = 0;
    struct sim_lag_sample *samples = gather_lag(run, &count);
    if (samples != NULL) {
        result->lag = sim_lag_summarize(samples, count);
    }
    free(samples);
    result->nodes = run->pod_count;
    result->files = 0;
    fill_counters(run);
    note_vacuous(run);
    for (size_t row = 0; row < run->world_count; row += 1) {
        result->files += sim_truth_registered_count(run->worlds[row]->truth);
        sim_world_sum_up_cut_offs(run->worlds[row]);
    }
}
