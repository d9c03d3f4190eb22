/* Memory and steps: bounded-allocation, step-budget. */
#include "protocol/catchup.h"
#include "protocol/limits.h"
#include "protocol/manifest.h"
#include "sim/check_internal.h"

/* ---- Memory ----------------------------------------------------------------------------------- */

/* While bytes from outside are taken in, nothing larger is asked for than a frame (twice, as buffers
 * grow), or what has truly come in, or is known by the log. */
static uint64_t allocation_bound(struct check_pod *pod)
{
    const struct rp_manifest *manifest = check_manifest_of(pod);
    uint64_t files = manifest == NULL ? 0 : rp_manifest_file_count(manifest);
    return UINT64_C(2) * RP_FRAME_LENGTH_MAX + 4 * pod->life.received_bytes + 64 * files;
}

void check_budget_allocated(struct check_pod *pod, size_t size_bytes)
{
    sim_reach_checked(pod->checks->reach, SIM_PROP_BOUNDED_ALLOCATION);
    if (size_bytes > 2 * (size_t)RP_FRAME_LENGTH_MAX && size_bytes > allocation_bound(pod)) {
        check_violate(pod, SIM_PROP_BOUNDED_ALLOCATION, "received",
                      "%zu bytes are asked for, %llu bytes have been received", size_bytes,
                      (unsigned long long)pod->life.received_bytes);
    }
}

/* ---- Steps ------------------------------------------------------------------------------------ */

/* A step is a call into the node: a timer, an answer of the disk, a piece from the network. How many
 * pieces come is not the node's doing, so each has its share of the others; what is left is its own
 * pace. */
#define STEPS_PER_SECOND UINT64_C(100000)
#define STEPS_PER_PIECE  UINT64_C(8)

static void check_window(struct check_pod *pod)
{
    struct check_life *life = &pod->life;
    uint64_t bound = STEPS_PER_SECOND + STEPS_PER_PIECE * life->step_driven_count;
    sim_reach_checked(pod->checks->reach, SIM_PROP_STEP_BUDGET);
    if (life->step_count > bound) {
        check_violate(pod, SIM_PROP_STEP_BUDGET, "second",
                      "%llu steps in one virtual second, the bound is %llu",
                      (unsigned long long)life->step_count, (unsigned long long)bound);
    }
    life->step_count = life->step_driven_count = 0;
}

void check_budget_step(struct check_pod *pod)
{
    struct check_life *life = &pod->life;
    rp_time_ns now_ns = check_now(pod->checks);
    if (now_ns >= life->step_window_ns) {
        check_window(pod);
        life->step_window_ns = now_ns + RP_NS_PER_S;
    }
    life->step_count += 1;
}

/* Each entry is offered once by the walk. A full queue takes an entry later: then it is offered again
 * after a pause, and with it the rest of its page at most. */
static void check_walk(struct check_pod *pod)
{
    const struct check_life *life = &pod->life;
    rp_time_ns took_ns = check_clock(pod) - life->walk_began_ns;
    uint64_t pauses = took_ns / RP_WALK_PAUSE_NS;
    uint64_t bound = life->walk_entries + life->walk_registered + pauses * RP_WALK_PAGE_MAX;
    sim_reach_checked(pod->checks->reach, SIM_PROP_STEP_BUDGET);
    if (life->walk_offered > bound) {
        check_violate(pod, SIM_PROP_STEP_BUDGET, "walk",
                      "%llu offers in a walk over %llu entries, the bound is %llu",
                      (unsigned long long)life->walk_offered,
                      (unsigned long long)life->walk_entries, (unsigned long long)bound);
    }
}

void check_budget_observe(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_life *life = &pod->life;
    switch (seen->kind) {
    case RP_SEE_WALK_BEGIN:
        life->walk_offered = life->walk_registered = 0;
        life->walk_began_ns = check_clock(pod);
        break;
    case RP_SEE_ANNOUNCED: life->walk_offered += seen->value2 == RP_ANNOUNCE_WALK; break;
    case RP_SEE_FILE_REGISTERED: life->walk_registered += 1; break;
    case RP_SEE_WALK_END: check_walk(pod); break;
    default: break;
    }
}
