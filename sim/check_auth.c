/* What requests may cause: auth-before-effect, fail-closed-start, stays-available. */
#include "protocol/release.h"
#include "sim/check_internal.h"

/* Sorts that a node hears of by itself, so that silence is known. */
static bool signs_heartbeats(const struct check_pod *pod)
{
    return rp_release_traits(sim_pod_release(pod->pod))->heartbeat_auth == RP_HEARTBEAT_SIGNED;
}

static void on_accepted(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_life *life = &pod->life;
    life->accepted_count += 1;
    if (rp_view_equal(seen->code, rp_view_text("fetch"))) {
        life->fetch_accepted_count += 1;
    } else if (rp_view_equal(seen->code, rp_view_text("heartbeat"))) {
        life->heartbeat_accepted_ns = check_now(pod->checks);
    }
}

/* invariants.md, auth-before-effect: each transfer has an accepted request of its own. */
static void on_serve_begin(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_life *life = &pod->life;
    life->serve_begun_count += 1;
    check_reached(pod, SIM_PROP_AUTH_BEFORE_EFFECT);
    if (life->serve_begun_count > life->fetch_accepted_count) {
        check_violate(pod, SIM_PROP_AUTH_BEFORE_EFFECT, "serve-begin",
                      "%.*s is offered to a peer whose request was not accepted",
                      CHECK_TEXT(seen->path));
    }
}

/* invariants.md, fail-closed-start: STARTED is seen of a node that takes part, not of a standalone
 * one. */
static void on_started(struct check_pod *pod)
{
    const struct rp_config *config = sim_pod_config(pod->pod);
    check_reached(pod, SIM_PROP_FAIL_CLOSED_START);
    if (config != NULL && (config->shared_secret == NULL || config->shared_secret[0] == '\0')) {
        check_violate(pod, SIM_PROP_FAIL_CLOSED_START, "started",
                      "the node starts its peer channel with an empty secret");
    }
}

void check_auth_observe(struct check_pod *pod, const struct rp_observation *seen)
{
    switch (seen->kind) {
    case RP_SEE_REQUEST_ACCEPTED: on_accepted(pod, seen); break;
    case RP_SEE_REQUEST_REFUSED: pod->life.refused_requests += 1; break;
    case RP_SEE_SERVE_BEGIN: on_serve_begin(pod, seen); break;
    case RP_SEE_STARTED: on_started(pod); break;
    default: break;
    }
}

/* Is there anybody whose heartbeats should come in? */
static bool has_company(struct check_pod *pod)
{
    struct sim_world *world = pod->checks->world;
    for (size_t index = 0; index < sim_world_pod_count(world); index += 1) {
        struct sim_pod *other = sim_world_pod_at(world, index);
        if (other != pod->pod && sim_pod_state(other) == SIM_POD_UP &&
            sim_pod_release(other) == sim_pod_release(pod->pod)) {
            return true;
        }
    }
    return false;
}

/* At rest there were three health intervals without a fault. */
void check_auth_rest(struct check_pod *pod)
{
    const struct check_life *life = &pod->life;
    const struct rp_config *config = sim_pod_config(pod->pod);
    if (life->refused_requests == 0 || config == NULL || !signs_heartbeats(pod) ||
        !has_company(pod)) {
        return;
    }
    rp_time_ns quiet_ns = check_now(pod->checks) - life->heartbeat_accepted_ns;
    check_reached(pod, SIM_PROP_STAYS_AVAILABLE);
    if (quiet_ns > 3 * config->health_check_interval_ns) {
        check_violate(pod, SIM_PROP_STAYS_AVAILABLE, "rest/heartbeats",
                      "no heartbeat is accepted any more, %llu requests were refused before",
                      (unsigned long long)life->refused_requests);
    }
}
