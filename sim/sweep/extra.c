#include "sim/sweep/extra.h"

#include <jansson.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Products of few exact factors: every machine has the same bounds. */
double sweep_lag_bound_s(size_t bucket)
{
    static const double roots[] = {1.0, 1.1892071150027210667, 1.4142135623730950488,
                                   1.6817928305074290861};
    return ldexp(roots[bucket % 4], (int)(bucket / 4)) * 1e-6;
}

size_t sweep_lag_bucket(double lag_s)
{
    size_t low = 0, high = SWEEP_LAG_BUCKETS - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (sweep_lag_bound_s(middle) < lag_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int order_of_nodes(const void *left_pointer, const void *right_pointer)
{
    const struct sim_lag_sample *left = left_pointer, *right = right_pointer;
    int order = rp_view_compare(left->node_id, right->node_id);
    if (order == 0) {
        order = (left->committed_s > right->committed_s) - (left->committed_s < right->committed_s);
    }
    return order != 0 ? order : rp_view_compare(left->path, right->path);
}

static json_t *make_buckets(const struct sim_lag_sample *samples, size_t count)
{
    uint32_t counts[SWEEP_LAG_BUCKETS];
    json_t *list = json_array();
    memset(counts, 0, sizeof counts);
    for (size_t i = 0; i < count; i++) {
        if (samples[i].lag_s >= 0) {
            counts[sweep_lag_bucket(samples[i].lag_s)] += 1;
        }
    }
    for (size_t i = 0; i < SWEEP_LAG_BUCKETS; i++) {
        if (counts[i] > 0) {
            json_array_append_new(list,
                                  json_pack("[fI]", sweep_lag_bound_s(i), (json_int_t)counts[i]));
        }
    }
    return list;
}

static json_t *make_node(struct sim_lag_sample *samples, size_t count)
{
    struct sim_lag_summary lag = sim_lag_summarize(samples, count);
    return json_pack("{ss% sI sI sf sf sf sf so}", "node", (const char *)samples[0].node_id.bytes,
                     samples[0].node_id.length_bytes, "count", (json_int_t)lag.count, "unbounded",
                     (json_int_t)lag.unbounded, "p50", lag.p50_s, "p90", lag.p90_s, "p99",
                     lag.p99_s, "max", lag.max_s, "buckets", make_buckets(samples, count));
}

/* NULL: no memory. */
static json_t *make_lag(struct sim_world *world)
{
    size_t count = 0;
    json_t *list = json_array();
    struct sim_lag_sample *samples = sim_world_lag(world, &count);
    if (samples == NULL || list == NULL) {
        free(samples);
        json_decref(list);
        return NULL;
    }
    if (count > 1) {
        qsort(samples, count, sizeof *samples, order_of_nodes);
    }
    for (size_t first = 0; first < count;) {
        size_t last = first + 1;
        while (last < count &&
               rp_view_compare(samples[first].node_id, samples[last].node_id) == 0) {
            last += 1;
        }
        json_array_append_new(list, make_node(samples + first, last - first));
        first = last;
    }
    free(samples);
    return list;
}

static json_t *make_states(const struct sim_novelty *novelty)
{
    const uint64_t *states = NULL;
    size_t count = sim_novelty_states(novelty, &states);
    json_t *list = json_array();
    for (size_t row = 0; row < count; row++) {
        char text[17];
        (void)snprintf(text, sizeof text, "%" PRIx64, states[row]);
        json_array_append_new(list, json_string(text));
    }
    return list;
}

static json_t *make_cells(const struct sim_novelty *novelty)
{
    json_t *list = json_array();
    for (int fault = 0; fault < SIM_NOVELTY_FAULT_COUNT; fault++) {
        for (int state = 0; state < SIM_REACH_STATE_COUNT; state++) {
            uint64_t count = sim_novelty_cell(novelty, (enum sim_novelty_fault)fault,
                                              (enum sim_reach_state)state);
            if (count > 0) {
                json_array_append_new(
                    list, json_pack("[ssI]", sim_novelty_fault_name((enum sim_novelty_fault)fault),
                                    sim_reach_row_name(SIM_REACH_STATES, (size_t)state),
                                    (json_int_t)count));
            }
        }
    }
    return list;
}

int sweep_extra_write(const struct script_outcome *outcome, const struct sim_novelty *novelty,
                      FILE *file)
{
    json_t *extra = json_object();
    json_t *lag = outcome->world == NULL ? json_array() : make_lag(outcome->world);
    int status = json_object_set_new(extra, "lag", lag) == 0 ? SWEEP_OK : SWEEP_ERR_NOMEM;
    if (status == SWEEP_OK && novelty != NULL &&
        (json_object_set_new(extra, "states", make_states(novelty)) != 0 ||
         json_object_set_new(extra, "cells", make_cells(novelty)) != 0)) {
        status = SWEEP_ERR_NOMEM;
    }
    if (status == SWEEP_OK &&
        (json_dumpf(extra, file, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15)) != 0 ||
         fputc('\n', file) == EOF)) {
        status = SWEEP_ERR_WRITE;
    }
    json_decref(extra);
    return status;
}
