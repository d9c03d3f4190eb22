/* T_conv, the bound of `converges` (invariants.md, L): how long after the faults are over a node may
 * take to hold a file that an honest node holds. Computed from the configuration and the network.
 *
 *   T_conv = rescan interval
 *          + attempts x candidates x fetch timeout
 *          + backoffs between the attempts
 *          + ceil(entries / workers) x (dial + ack + size / slowest link)
 *          + 3 health intervals
 *
 * The network's part is pessimistic on purpose: every other node may be asking the same one, with all
 * its workers, so a link's rate is divided among them. Sums that would overflow stay at the most. */
#ifndef REPLISIM_SIM_CONVERGE_H
#define REPLISIM_SIM_CONVERGE_H

#include "sim/world.h"

struct sim_converge {
    /* Of the configuration; the least favourable of all nodes. */
    uint64_t attempts, workers;
    rp_time_ns fetch_timeout_ns, health_interval_ns;
    /* Of the network and the disks. */
    rp_time_ns dial_ns, ack_ns;
    uint64_t slowest_bytes_per_s; /* 0: takes no time */
    /* Of the cluster. */
    uint64_t candidates, entry_count, size_max_bytes;
    /* The terms, and their sum. */
    rp_time_ns rescan_ns, fetches_ns, backoffs_ns, transfers_ns, health_ns, total_ns;
};

/* The declared cluster: its network, disks and configurations, those of single nodes too. */
void sim_converge_begin(struct sim_converge *converge, const struct sim_world_spec *spec);
/* Another node's configuration. */
void sim_converge_add(struct sim_converge *converge, const struct rp_config *config);
/* The terms, for a cluster of so many nodes that owes so many entries. */
void sim_converge_finish(struct sim_converge *converge, uint64_t node_count, uint64_t entry_count,
                         uint64_t size_max_bytes);

/* Of a world as it is: all nodes that are up, all registered files. */
void sim_world_converge(struct sim_world *world, struct sim_converge *converge_out);

#endif
