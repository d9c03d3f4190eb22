/* Compactions as a user of the cluster runs them: n files of one measurement become one, on the active
 * compactor, or on the primary writer when there is none. The output's body is of the sources'
 * summed size and made from the seed; what is in it is not modelled, only which files it replaces.
 *
 * A release without completion files cannot do that by itself: there the leader makes the output, and
 * registers it and deletes the sources by single commands. */
#ifndef REPLISIM_SIM_COMPACT_H
#define REPLISIM_SIM_COMPACT_H

#include "sim/pod.h"

struct sim_compact_wait {
    /* Exactly once, from an event. 0: the manifest has the output; else RP_ERR_STOPPED (the node died
     * first), RP_ERR_TIMEOUT (nothing came of it in time; it goes on) and others as rp_node_compact.
     * `path` is the output's, borrowed. */
    void (*done)(void *context, int error, struct rp_view path);
    void *context;
};

/* The oldest `input_count` files, by log index, of the measurement whose oldest file is oldest.
 * Errors, at once: RP_ERR_STOPPED (nobody is up for it), RP_ERR_NOT_FOUND (no measurement has so many
 * files that this node holds); `note_out` says what is missing. */
RP_MUST_USE int sim_compact(struct sim_world *world, uint64_t input_count, rp_time_ns timeout_ns,
                            const struct sim_compact_wait *wait, char note_out[160]);

/* The output that a compaction of that source was begun for, whatever became of it; empty: none was. */
struct rp_view sim_compacted_into(const struct sim_world *world, struct rp_view source);

/* Is a compaction of that pod under way? */
bool sim_compact_is_busy(const struct sim_pod *pod);

#endif
