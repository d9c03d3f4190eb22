#include "sim/converge.h"

#include "protocol/limits.h"
#include "sim/net.h"
#include "sim/truth.h"
#include "sim/world_internal.h"

/* ---- Arithmetic that stays at the most ------------------------------------------------------- */

#define MOST (RP_TIME_NEVER / 2)

static uint64_t times(uint64_t left, uint64_t right)
{
    return left != 0 && right > MOST / left ? MOST : left * right;
}

static uint64_t plus(uint64_t left, uint64_t right)
{
    return left > MOST || right > MOST - left ? MOST : left + right;
}

static uint64_t least(uint64_t left, uint64_t right)
{
    return left == 0 || (right != 0 && right < left) ? right : left;
}

static uint64_t greatest(uint64_t left, uint64_t right)
{
    return left > right ? left : right;
}

/* ---- What is declared ------------------------------------------------------------------------ */

void sim_converge_add(struct sim_converge *converge, const struct rp_config *config)
{
    converge->attempts = greatest(converge->attempts, config->replication_retry_max_attempts);
    converge->workers = least(converge->workers, config->replication_pull_workers);
    converge->fetch_timeout_ns =
        greatest(converge->fetch_timeout_ns, config->replication_fetch_timeout_ns);
    converge->health_interval_ns =
        greatest(converge->health_interval_ns, config->health_check_interval_ns);
}

void sim_converge_begin(struct sim_converge *converge, const struct sim_world_spec *spec)
{
    *converge = (struct sim_converge){0};
    const struct sim_network_spec *network = &spec->network;
    rp_time_ns loss_ns = network->loss == 0 ? 0 : 2 * SIM_NET_RTO_NS;
    rp_time_ns trip_ns = plus(times(2, network->latency_ns.high), loss_ns);
    converge->dial_ns = trip_ns;
    converge->ack_ns = plus(trip_ns, spec->storage.latency_ns.high);
    converge->slowest_bytes_per_s =
        least(least(network->bandwidth_bytes_per_s, spec->storage.read_bytes_per_s),
              least(spec->storage.write_bytes_per_s, SIM_HASH_BYTES_PER_S));
    sim_converge_add(converge, &spec->cluster.config);
    for (size_t row = 0; row < spec->cluster.exception_count; row += 1) {
        if (spec->cluster.exceptions[row].config != NULL) {
            sim_converge_add(converge, spec->cluster.exceptions[row].config);
        }
    }
}

/* ---- The terms ------------------------------------------------------------------------------- */

/* behaviour.md 7.3: the k-th delay doubles the one before, up to a bound. */
static rp_time_ns backoffs(uint64_t attempts)
{
    rp_time_ns sum_ns = 0;
    rp_time_ns delay_ns = RP_BACKOFF_FIRST_NS;
    uint64_t left = attempts > 0 ? attempts - 1 : 0;
    for (; left > 0 && delay_ns < RP_BACKOFF_MAX_NS; left -= 1) {
        sum_ns += delay_ns;
        delay_ns *= 2;
    }
    return plus(sum_ns, times(left, RP_BACKOFF_MAX_NS));
}

/* Of one file, when every worker of every other node has its share of the slowest link. */
static rp_time_ns transfer(const struct sim_converge *converge)
{
    if (converge->slowest_bytes_per_s == 0) {
        return 0;
    }
    uint64_t sharers = times(greatest(converge->workers, 1), greatest(converge->candidates, 1));
    uint64_t bytes = times(converge->size_max_bytes, sharers);
    uint64_t whole_s = bytes / converge->slowest_bytes_per_s;
    return times(plus(whole_s, 1), RP_NS_PER_S);
}

void sim_converge_finish(struct sim_converge *converge, uint64_t node_count, uint64_t entry_count,
                         uint64_t size_max_bytes)
{
    uint64_t workers = greatest(converge->workers, 1);
    converge->candidates = node_count > 1 ? node_count - 1 : 1;
    converge->entry_count = entry_count;
    converge->size_max_bytes = size_max_bytes;
    converge->rescan_ns = RP_RESCAN_FIRST_NS;
    converge->fetches_ns =
        times(times(converge->attempts, converge->candidates), converge->fetch_timeout_ns);
    converge->backoffs_ns = backoffs(converge->attempts);
    uint64_t rounds = entry_count / workers + (entry_count % workers != 0);
    rp_time_ns each_ns = plus(plus(converge->dial_ns, converge->ack_ns), transfer(converge));
    converge->transfers_ns = times(rounds, each_ns);
    converge->health_ns = times(3, converge->health_interval_ns);
    converge->total_ns = plus(plus(plus(converge->rescan_ns, converge->fetches_ns),
                                   plus(converge->backoffs_ns, converge->transfers_ns)),
                              converge->health_ns);
}

/* ---- A world's ------------------------------------------------------------------------------- */

#define PAGE_FILES 1024

static uint64_t greatest_size(struct sim_world *world)
{
    const struct sim_truth_file *page[PAGE_FILES];
    uint64_t most_bytes = 0;
    size_t from = 0;
    for (size_t count = PAGE_FILES; count == PAGE_FILES; from += count) {
        count = sim_truth_page(world->truth, from, page, PAGE_FILES);
        for (size_t row = 0; row < count; row += 1) {
            if (page[row]->version != NULL) {
                most_bytes = greatest(most_bytes, page[row]->version->length_bytes);
            }
        }
    }
    return most_bytes;
}

void sim_world_converge(struct sim_world *world, struct sim_converge *converge_out)
{
    uint64_t up_count = 0;
    sim_converge_begin(converge_out, &world->spec);
    for (size_t index = 0; index < world->pod_count; index += 1) {
        const struct sim_pod *pod = world->pods[index];
        if (sim_pod_is_up(pod)) {
            sim_converge_add(converge_out, sim_pod_config(pod));
            up_count += 1;
        }
    }
    sim_converge_finish(converge_out, up_count, sim_truth_registered_count(world->truth),
                        greatest_size(world));
}
