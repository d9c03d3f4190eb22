/* A rolling rotation, as an orchestrator's: a pod is ended, politely first, and its successor must be
 * ready before the next one's turn; never more than `unavailable_max` at a time.
 *
 * Built on sim_pod_replace, which does one pod. A rotation is looked at after each instant by its
 * owner (sim_rotation_step): it has no events of its own. */
#ifndef REPLISIM_SIM_ROTATE_H
#define REPLISIM_SIM_ROTATE_H

#include "sim/pod.h"

struct sim_rotation_spec {
    struct sim_pod *const *pods; /* in this order; borrowed for sim_rotation_new */
    size_t pod_count;
    uint32_t unavailable_max; /* at least 1 */
    struct sim_replace_spec
        each; /* start_delay_ns is drawn instead; config borrowed, may be NULL */
    struct sim_range start_delay_ns;
    rp_time_ns ready_timeout_ns; /* from the start of the new pod */
};

struct sim_rotation;

/* Copies the spec, also its configuration. Errors: RP_ERR_NOMEM, RP_ERR_INVALID (no unavailable_max). */
RP_MUST_USE int sim_rotation_new(struct sim_world *world, const struct sim_rotation_spec *spec,
                                 struct sim_rng *rng, struct sim_rotation **rotation_out);
void sim_rotation_free(struct sim_rotation *rotation);

enum sim_rotation_state {
    SIM_ROTATION_GOES_ON,
    SIM_ROTATION_DONE,
    SIM_ROTATION_LATE, /* a pod was not ready in time */
    SIM_ROTATION_FULL /* the run has all its nodes (SIM_NODE_COUNT_MAX): no successor can be made */
};
/* Replaces whatever may be replaced now. Of LATE and FULL, sim_rotation_late_id tells the pod. */
enum sim_rotation_state sim_rotation_step(struct sim_rotation *rotation);
struct rp_view sim_rotation_late_id(const struct sim_rotation *rotation);
/* The next time at which something may be late; RP_TIME_NEVER: nothing. */
rp_time_ns sim_rotation_deadline(const struct sim_rotation *rotation);

#endif
