/* The queue of pulls and its workers: uses-workers, no-starvation, bounded-state. */
#include "protocol/limits.h"
#include "sim/check_internal.h"

/* A tick of the node's own making: work is handed out by an event due at once. */
#define TICK_NS (100 * RP_NS_PER_MS)

static uint64_t queue_max(struct check_pod *pod)
{
    const struct rp_config *config = sim_pod_config(pod->pod);
    uint64_t max = config == NULL ? 0 : config->replication_queue_size;
    return max == 0 ? 1024 : max;
}

static uint64_t worker_count(struct check_pod *pod)
{
    const struct rp_config *config = sim_pod_config(pod->pod);
    uint64_t count = config == NULL ? 0 : config->replication_pull_workers;
    return count == 0 ? 4 : count;
}

/* The path waits from now on. */
void check_queue_accepted(struct check_pod *pod, struct check_path *record)
{
    record->begun_before = pod->life.begun_count;
    record->waiting_before = pod->life.waiting_count;
}

/* invariants.md, no-starvation: of the pulls that began since, those that waited before it are no
 * overtakers. */
void check_queue_begins(struct check_pod *pod, struct check_path *record)
{
    uint64_t begun = pod->life.begun_count - record->begun_before;
    check_reached(pod, SIM_PROP_NO_STARVATION);
    uint64_t bound = record->waiting_before + queue_max(pod) + worker_count(pod);
    if (begun > bound) {
        check_violate(pod, SIM_PROP_NO_STARVATION, "pull-begin",
                      "%llu pulls began while %.*s waited behind %llu", (unsigned long long)begun,
                      CHECK_TEXT(rp_view_make(record->path, record->path_bytes)),
                      (unsigned long long)record->waiting_before);
    }
}

/* Before the first pull the workers may not have been started. */
static void check_workers(struct check_pod *pod)
{
    struct check_life *life = &pod->life;
    bool is_idle_in_vain = life->waiting_count > 0 && life->active_count < worker_count(pod) &&
                           life->begun_count > 0 && !life->is_stopping;
    rp_time_ns now_ns = is_idle_in_vain ? check_clock(pod) : 0;
    if (life->waiting_count > 0) {
        check_reached(pod, SIM_PROP_USES_WORKERS);
    }
    if (!is_idle_in_vain || life->idle_since_ns == 0) {
        life->idle_since_ns = now_ns;
    } else if (now_ns > life->idle_since_ns + TICK_NS) {
        life->idle_since_ns = now_ns;
        check_violate(
            pod, SIM_PROP_USES_WORKERS, "backlog", "%llu files wait and %llu workers are busy",
            (unsigned long long)life->waiting_count, (unsigned long long)life->active_count);
    }
}

/* Outcomes are told before the next pull begins, so nothing that ended is counted here. A successor
 * waits for each pull under way at most. */
static void check_owed(struct check_pod *pod)
{
    uint64_t bound = queue_max(pod) + 2 * worker_count(pod);
    check_reached(pod, SIM_PROP_BOUNDED_STATE);
    if (pod->life.owed_count > bound) {
        check_violate(pod, SIM_PROP_BOUNDED_STATE, "queue",
                      "%llu announcements are open, the bound is %llu",
                      (unsigned long long)pod->life.owed_count, (unsigned long long)bound);
    }
}

void check_queue_observe(struct check_pod *pod, const struct rp_observation *seen)
{
    check_workers(pod);
    if (seen->kind == RP_SEE_PULL_BEGIN) {
        check_owed(pod);
    }
}

void check_queue_rest(struct check_pod *pod, const struct rp_node_inspection *inspection)
{
    uint64_t nonce_max = pod->life.accepted_count < RP_NONCE_COUNT_MAX ? pod->life.accepted_count
                                                                       : RP_NONCE_COUNT_MAX;
    if (inspection->nonce_count > nonce_max) {
        check_violate(pod, SIM_PROP_BOUNDED_STATE, "nonces",
                      "%zu nonces are kept of %llu accepted requests", inspection->nonce_count,
                      (unsigned long long)pod->life.accepted_count);
    }
    if (inspection->peer_count > RP_PEER_COUNT_MAX) {
        check_violate(pod, SIM_PROP_BOUNDED_STATE, "peers", "%zu peers are registered",
                      inspection->peer_count);
    }
}
