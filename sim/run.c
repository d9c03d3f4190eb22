/* What the clusters of a run share: made with the first of them, gone with the last. */
#include <stdlib.h>

#include "sim/alloc.h"
#include "sim/recover.h"
#include "sim/world_internal.h"

/* ---- Watching ------------------------------------------------------------------------------------- */

static void on_event(void *context, rp_time_ns now_ns, enum sim_event_kind kind, uint64_t argument)
{
    struct sim_run *run = context;
    sim_trace_event(run->trace, now_ns, kind, argument);
}

/* Disks are the run's; what is seen on one is the business of the cluster that its pod is of. */
static void on_visible(void *context, struct sim_store *store, struct rp_view path,
                       struct rp_view sha256, const struct sim_content *content, bool is_by_node)
{
    (void)context;
    struct sim_pod *pod = sim_store_owner(store);
    sim_truth_visible(pod->world->truth, pod, path, content);
    sim_checks_visible(pod->world->checks, pod, path, sha256, content, is_by_node);
}

static void on_vanished(void *context, struct sim_store *store, struct rp_view path,
                        const struct sim_content *content, bool is_by_node)
{
    (void)context;
    struct sim_pod *pod = sim_store_owner(store);
    sim_truth_vanished(pod->world->truth, pod, path);
    sim_checks_vanished(pod->world->checks, pod, path, content, is_by_node);
}

static void on_called(void *context, struct sim_store *store, enum sim_store_call call,
                      struct rp_view path)
{
    (void)context;
    struct sim_pod *pod = sim_store_owner(store);
    sim_checks_called(pod->world->checks, pod, call, path);
}

static void on_staged(void *context, struct sim_store *store, struct rp_view path,
                      struct rp_view sha256, const struct sim_content *content, uint64_t from_bytes)
{
    (void)context;
    struct sim_pod *pod = sim_store_owner(store);
    sim_checks_staged(pod->world->checks, pod, path, sha256, content, from_bytes);
}

static void on_damaged(void *context, struct sim_store *store, struct rp_view path)
{
    (void)context;
    struct sim_pod *pod = sim_store_owner(store);
    sim_truth_visible(pod->world->truth, pod, path, sim_store_content(store, path));
    sim_checks_damaged(pod->world->checks, pod, path);
}

/* ---- Birth ---------------------------------------------------------------------------------------- */

static int make_parts(struct sim_run *run, uint64_t permutation_key)
{
    const struct rp_alloc *alloc = &run->alloc;
    struct sim_event_watch watch = {run, on_event};
    int error = sim_event_queue_new(alloc, &run->queue);
    if (error == 0) {
        sim_event_queue_watch(run->queue, &watch);
        sim_event_queue_permute(run->queue, permutation_key);
        error = sim_trace_new(alloc, 0, &run->trace);
    }
    if (error == 0) {
        error = sim_bodies_new(alloc, SIM_BODY_CACHE_BYTES, &run->bodies);
    }
    if (error == 0) {
        error = sim_dns_new(alloc, run->seed, &run->dns);
    }
    return error == 0 ? rp_entry_pool_new(alloc, &run->pool) : error;
}

static int make_net_and_disks(struct sim_run *run, const struct sim_network_spec *network)
{
    struct sim_net_spec net = {
        .alloc = &run->alloc,
        .queue = run->queue,
        .trace = run->trace,
        .dns = run->dns,
        .reach = &run->result.reach,
        .seed = run->seed,
        .latency_ns = network->latency_ns,
        .bandwidth_bytes_per_s = network->bandwidth_bytes_per_s,
        .loss = network->loss,
    };
    struct sim_disks_spec disks = {
        .alloc = &run->alloc,
        .queue = run->queue,
        .bodies = run->bodies,
        .trace = run->trace,
        .reach = &run->result.reach,
        .seed = run->seed,
        .watch = {run, on_visible, on_vanished, on_called, on_damaged, on_staged},
    };
    int error = sim_net_new(&net, &run->net);
    return error != 0 ? error : sim_disks_new(&disks, &run->disks);
}

int sim_run_new(const struct sim_world_spec *spec, rp_time_ns zero_ns, struct sim_run **run_out)
{
    const struct rp_alloc *alloc = sim_libc_alloc();
    struct sim_run *run = rp_allocate_zeroed(alloc, sizeof *run);
    if (run == NULL) {
        return RP_ERR_NOMEM;
    }
    run->alloc = *alloc;
    sim_alloc_watch_init(&run->memory, alloc);
    run->seed = spec->seed;
    run->zero_ns = zero_ns;
    run->limit_ns = spec->limit_ns;
    run->closing = spec->closing;
    run->result.seed = spec->seed;
    memcpy(run->result.is_without, spec->is_without, sizeof spec->is_without);
    run->result.is_closing_short = spec->closing == SIM_CLOSING_SHORT;
    int error = make_parts(run, spec->shared_permutation_key);
    if (error == 0) {
        error = make_net_and_disks(run, &spec->network);
    }
    if (error != 0) {
        sim_run_free(run);
        return error;
    }
    *run_out = run;
    return 0;
}

void sim_run_take(struct sim_run *run, struct sim_world *world)
{
    run->worlds = rp_resize(&run->alloc, (void *)run->worlds,
                            (run->world_count + 1) * sizeof(struct sim_world *));
    RP_ASSERT(run->worlds != NULL);
    run->worlds[run->world_count++] = world;
}

void sim_run_number(struct sim_run *run, struct sim_pod *pod)
{
    if (run->pod_count == run->pod_max) {
        run->pod_max = run->pod_max == 0 ? 16 : run->pod_max * 2;
        run->pods =
            rp_resize(&run->alloc, (void *)run->pods, run->pod_max * sizeof(struct sim_pod *));
        RP_ASSERT(run->pods != NULL);
    }
    pod->number = run->pod_count;
    run->pods[run->pod_count++] = pod;
}

/* ---- Death ---------------------------------------------------------------------------------------- */

static void clear_result(struct sim_result *result)
{
    for (size_t row = 0; row < result->violation_count; row += 1) {
        free(result->violations[row].property);
        free(result->violations[row].node);
        free(result->violations[row].place);
        free(result->violations[row].detail);
    }
    for (size_t row = 0; row < result->reached_count; row += 1) {
        free(result->reached[row]);
    }
    for (size_t row = 0; row < result->missed_count; row += 1) {
        free(result->missed[row]);
    }
    for (size_t row = 0; row < result->metric_count; row += 1) {
        free(result->metrics[row].name);
    }
    for (size_t row = 0; row < result->counters_count; row += 1) {
        free(result->counters[row].node);
    }
    for (size_t row = 0; row < result->cut_off_count; row += 1) {
        free(result->cut_offs[row].colon.node);
        free(result->cut_offs[row].nul.node);
    }
    sim_recover_notes_free(result);
    for (size_t row = 0; row < result->decision_count; row += 1) {
        sim_decision_clear(&result->decisions[row]);
    }
    free(result->decisions);
    free(result->violations);
    free(result->reached);
    free(result->missed);
    free(result->metrics);
    free(result->counters);
    free(result->cut_offs);
    free(result->error);
    free(result->scenario);
    free(result->params_json);
    free(result->repeat);
}

void sim_run_free(struct sim_run *run)
{
    if (run == NULL) {
        return;
    }
    for (size_t row = 0; row < run->world_count; row += 1) {
        sim_world_end_lives(run->worlds[row]);
    }
    if (run->net != NULL) {
        sim_net_free(run->net);
    }
    for (size_t row = 0; row < run->world_count; row += 1) {
        sim_world_clear(run->worlds[row]);
    }
    for (size_t row = 0; row < run->world_count; row += 1) { /* blocks of one may end in another */
        rp_release(&run->alloc, run->worlds[row]);
    }
    rp_release(&run->alloc, (void *)run->worlds);
    rp_release(&run->alloc, (void *)run->pods);
    rp_entry_pool_free(run->pool);
    if (run->disks != NULL) {
        sim_disks_free(run->disks);
    }
    sim_dns_free(run->dns);
    sim_bodies_free(run->bodies);
    sim_trace_free(run->trace);
    sim_event_queue_free(run->queue);
    clear_result(&run->result);
    for (size_t row = 0; row < run->replayed_count; row += 1) {
        sim_decision_clear(&run->replayed[row]);
    }
    free(run->replayed);
    struct rp_alloc alloc = run->alloc;
    rp_release(&alloc, run);
}
