/* What hostile members cost: hostile-contained.
 *
 * How many tries a pull makes is retry-budget's; here each of them, at a hostile peer, costs the size
 * of the file and one frame at most, and one fetch time-out. */
#include "protocol/limits.h"
#include "sim/check_internal.h"

/* As in check_wait.c: for what a few events at one instant may add. */
#define SLACK_NS (20 * RP_NS_PER_MS)
/* Length, type and JSON. */
#define FRAME_BYTES (UINT64_C(4) + RP_FRAME_LENGTH_MAX)

static bool is_hostile(struct check_pod *pod, struct rp_view peer_id)
{
    struct sim_world *world = pod->checks->world;
    if (!pod->checks->has_hostile) {
        return false;
    }
    for (size_t index = 0; index < sim_world_pod_count(world); index += 1) {
        struct sim_pod *other = sim_world_pod_at(world, index);
        if (rp_view_equal(sim_pod_id(other), peer_id)) {
            return sim_pod_was_hostile(other);
        }
    }
    return false;
}

static struct check_pull *pull_of(struct check_pod *pod, struct rp_view path)
{
    const struct check_path *record = check_path_find(pod, path);
    struct check_pull *pull = record == NULL ? NULL : record->pulls;
    return pull == NULL || pull->next != NULL ? NULL : pull;
}

/* ---- Bytes ------------------------------------------------------------------------------------ */

/* The connection is opened next. */
static void on_dial(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_pull *pull = pull_of(pod, seen->path);
    pod->life.is_dialing_hostile = pull != NULL && is_hostile(pod, seen->peer_id);
    if (pull != NULL) {
        pull->is_at_hostile = pod->life.is_dialing_hostile;
        pull->was_at_hostile = pull->was_at_hostile || pull->is_at_hostile;
        pod->life.dialing_limit_bytes = pull->size_bytes + FRAME_BYTES;
    }
}

void check_hostile_opened(struct check_pod *pod, struct check_conn *conn)
{
    if (pod->life.is_dialing_hostile) {
        conn->limit_bytes = pod->life.dialing_limit_bytes;
        pod->life.is_dialing_hostile = false;
    }
}

void check_hostile_received(struct check_pod *pod, const struct check_conn *conn)
{
    check_reached(pod, SIM_PROP_HOSTILE_CONTAINED);
    if (conn->received_bytes > conn->limit_bytes) {
        check_violate(pod, SIM_PROP_HOSTILE_CONTAINED, "received",
                      "%llu bytes are taken from a hostile peer in one try, the bound is %llu",
                      (unsigned long long)conn->received_bytes,
                      (unsigned long long)conn->limit_bytes);
    }
}

/* ---- Time ------------------------------------------------------------------------------------- */

/* The worker that asked a hostile peer is free again when the fetch time-out is over. */
static void on_fetch_end(struct check_pod *pod, const struct rp_observation *seen)
{
    const struct check_pull *pull = pull_of(pod, seen->path);
    const struct rp_config *config = sim_pod_config(pod->pod);
    if (pull == NULL || !pull->is_at_hostile || pull->dialed_ns == 0 || config == NULL ||
        config->replication_fetch_timeout_ns == 0) {
        return;
    }
    rp_time_ns took_ns = check_clock(pod) - pull->dialed_ns;
    if (took_ns > config->replication_fetch_timeout_ns + SLACK_NS) {
        check_violate(pod, SIM_PROP_HOSTILE_CONTAINED, "fetch",
                      "a hostile peer held a worker for %llu ms",
                      (unsigned long long)(took_ns / RP_NS_PER_MS));
    }
}

void check_hostile_observe(struct check_pod *pod, const struct rp_observation *seen)
{
    switch (seen->kind) {
    case RP_SEE_DIAL: on_dial(pod, seen); break;
    case RP_SEE_FETCH_END: on_fetch_end(pod, seen); break;
    default: break;
    }
}

/* ---- What is visible -------------------------------------------------------------------------- */

void check_hostile_forged(struct check_pod *pod, struct rp_view path)
{
    const struct check_pull *pull = pull_of(pod, path);
    if (pull != NULL && pull->was_at_hostile) {
        check_violate(pod, SIM_PROP_HOSTILE_CONTAINED, "visible",
                      "%.*s appears with the bytes of a hostile peer", CHECK_TEXT(path));
    }
}
