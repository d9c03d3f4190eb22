/* Limits of waits: every-wait-bounded (none lasts longer), timeouts-as-configured (none is cut off
 * earlier). Measured by the node's own clock. A process that was frozen hears late that its time is
 * over, so for the former the time that it was frozen does not count; its timers ran on, so for the
 * latter it does. */
#include "protocol/error.h"
#include "protocol/fetch_client.h"
#include "protocol/limits.h"
#include "sim/check_internal.h"

/* A timer fires when it is due; this is for what a few events at one instant may add. */
#define SLACK_NS (20 * RP_NS_PER_MS)

#define FETCH_TIMEOUT_NS (60 * RP_NS_PER_S)
#define SERVE_TIMEOUT_NS (120 * RP_NS_PER_S)
#define JOIN_LIMIT_NS    (2 * RP_JOIN_DIAL_TIMEOUT_NS + RP_JOIN_REPLY_TIMEOUT_NS)

static rp_time_ns least(rp_time_ns left, rp_time_ns right)
{
    return left < right ? left : right;
}

static rp_time_ns since(const struct check_pod *pod, rp_time_ns began_ns)
{
    rp_time_ns now_ns = check_clock(pod);
    return now_ns > began_ns ? now_ns - began_ns : 0;
}

/* With the time that the process has been frozen since then. */
static rp_time_ns with_frozen(const struct check_pod *pod, rp_time_ns took_ns, rp_time_ns frozen_ns)
{
    return took_ns + (sim_pod_frozen_ns(pod->pod) - frozen_ns);
}

static void check_not_longer(struct check_pod *pod, const char *what, const char *wait,
                             rp_time_ns took_ns, rp_time_ns limit_ns)
{
    check_reached(pod, SIM_PROP_EVERY_WAIT_BOUNDED);
    if (took_ns > limit_ns + SLACK_NS) {
        check_violate(pod, SIM_PROP_EVERY_WAIT_BOUNDED, what, "%s took %llu ms, the limit is %llu",
                      wait, (unsigned long long)(took_ns / RP_NS_PER_MS),
                      (unsigned long long)(limit_ns / RP_NS_PER_MS));
    }
}

static void check_not_shorter(struct check_pod *pod, const char *what, const char *wait,
                              rp_time_ns took_ns, rp_time_ns limit_ns)
{
    check_reached(pod, SIM_PROP_TIMEOUTS_AS_CONFIGURED);
    /* Timers go on while the process is frozen. */
    if (took_ns + sim_pod_frozen_ns(pod->pod) + SLACK_NS < limit_ns) {
        check_violate(pod, SIM_PROP_TIMEOUTS_AS_CONFIGURED, what,
                      "%s timed out after %llu ms, configured are %llu", wait,
                      (unsigned long long)(took_ns / RP_NS_PER_MS),
                      (unsigned long long)(limit_ns / RP_NS_PER_MS));
    }
}

/* ---- Fetches ---------------------------------------------------------------------------------- */

static struct check_pull *pull_of(struct check_pod *pod, struct rp_view path)
{
    const struct check_path *record = check_path_find(pod, path);
    struct check_pull *pull = record == NULL ? NULL : record->pulls;
    return pull == NULL || pull->next != NULL ? NULL : pull;
}

static rp_time_ns fetch_timeout(struct check_pod *pod)
{
    const struct rp_config *config = sim_pod_config(pod->pod);
    rp_time_ns timeout_ns = config == NULL ? 0 : config->replication_fetch_timeout_ns;
    return timeout_ns == 0 ? FETCH_TIMEOUT_NS : timeout_ns;
}

/* wire.md 6: a time-out of a phase is the phase's own, unless the whole ran out before. */
static rp_time_ns phase_timeout(struct rp_view class_name)
{
    if (rp_view_equal(class_name, rp_view_text("dial"))) {
        return RP_FETCH_DIAL_TIMEOUT_NS;
    }
    if (rp_view_equal(class_name, rp_view_text("send"))) {
        return RP_FETCH_SEND_TIMEOUT_NS;
    }
    if (rp_view_equal(class_name, rp_view_text("receive_header"))) {
        return RP_FETCH_ACK_TIMEOUT_NS;
    }
    return RP_TIME_NEVER; /* the body has none of its own */
}

static void on_fetch_end(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_pull *pull = pull_of(pod, seen->path);
    if (pull == NULL || pull->dialed_ns == 0) {
        return;
    }
    rp_time_ns took_ns = since(pod, pull->dialed_ns);
    pull->dialed_ns = 0;
    check_not_longer(pod, "fetch", "a fetch at one peer", took_ns, fetch_timeout(pod));
    if (seen->error == RP_ERR_TIMEOUT) {
        check_not_shorter(pod, "fetch", "a fetch at one peer",
                          with_frozen(pod, took_ns, pull->dialed_frozen_ns),
                          least(fetch_timeout(pod), phase_timeout(seen->code)));
    }
}

static void on_dial(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_pull *pull = pull_of(pod, seen->path);
    if (pull != NULL) {
        pull->dialed_ns = check_clock(pod);
        pull->dialed_frozen_ns = sim_pod_frozen_ns(pod->pod);
    }
}

/* ---- Serving ---------------------------------------------------------------------------------- */

static rp_time_ns serve_timeout(struct check_pod *pod)
{
    const struct rp_config *config = sim_pod_config(pod->pod);
    rp_time_ns timeout_ns = config == NULL ? 0 : config->replication_serve_timeout_ns;
    return timeout_ns == 0 ? SERVE_TIMEOUT_NS : timeout_ns;
}

static struct rp_view number_key(const uint64_t *number)
{
    return rp_view_make(number, sizeof *number);
}

struct check_serve *check_serve_find(struct check_pod *pod, uint64_t number)
{
    return rp_table_get(&pod->life.serves, number_key(&number));
}

static void on_serve_begin(struct check_pod *pod, const struct rp_observation *seen)
{
    if (check_serve_find(pod, seen->value2) != NULL) {
        return;
    }
    struct check_serve *serve = check_allocate(pod->checks, sizeof *serve);
    serve->number = seen->value2;
    serve->began_ns = check_clock(pod);
    serve->began_frozen_ns = sim_pod_frozen_ns(pod->pod);
    serve->tail_bytes = (uint64_t)seen->size_bytes > seen->value && seen->size_bytes > 0
                            ? (uint64_t)seen->size_bytes - seen->value
                            : 0;
    check_put(&pod->life.serves, number_key(&serve->number), serve);
}

/* wire.md 6: the ok ack has a limit of its own, the body another. */
static void on_serve_end(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_serve *serve = rp_table_remove(&pod->life.serves, number_key(&seen->value2));
    if (serve == NULL) {
        return; /* it ended before its ok ack */
    }
    rp_time_ns took_ns = since(pod, serve->began_ns);
    rp_time_ns whole_ns = with_frozen(pod, took_ns, serve->began_frozen_ns);
    uint64_t tail_bytes = serve->tail_bytes;
    check_reached(pod, SIM_PROP_EXACT_STREAM);
    rp_release(pod->checks->alloc, serve);
    if (seen->value > tail_bytes) {
        check_violate(pod, SIM_PROP_EXACT_STREAM, "serve-end/beyond",
                      "%llu bytes of %.*s were sent, announced were %llu",
                      (unsigned long long)seen->value, CHECK_TEXT(seen->path),
                      (unsigned long long)tail_bytes);
    }
    rp_time_ns body_ns = serve_timeout(pod);
    check_not_longer(pod, "serve", "a transfer that is served", took_ns,
                     RP_SERVE_ACK_TIMEOUT_NS + body_ns);
    if (seen->error == RP_ERR_TIMEOUT) {
        rp_time_ns limit_ns = seen->value > 0 ? body_ns : least(body_ns, RP_SERVE_ACK_TIMEOUT_NS);
        check_not_shorter(pod, "serve", "a transfer that is served", whole_ns, limit_ns);
    }
}

void check_wait_clear(struct check_pod *pod)
{
    size_t cursor = 0;
    struct check_serve *serve;
    while ((serve = rp_table_next(&pod->life.serves, &cursor)) != NULL) {
        rp_release(pod->checks->alloc, serve);
    }
    rp_table_clear(&pod->life.serves);
}

/* ---- Joins, barriers, proposals, first frames -------------------------------------------------- */

static void on_join_end(struct check_pod *pod)
{
    struct check_waits *waits = &pod->life.waits;
    if (waits->is_joining) {
        waits->is_joining = false;
        check_not_longer(pod, "join", "a join", since(pod, waits->join_ns), JOIN_LIMIT_NS);
    }
}

static void on_barrier_begin(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_waits *waits = &pod->life.waits;
    rp_time_ns now_ns = sim_pod_clock_ns(pod->pod);
    waits->has_barrier_wait = seen->value >= now_ns;
    waits->barrier_ns = check_clock(pod);
    waits->barrier_frozen_ns = sim_pod_frozen_ns(pod->pod);
    waits->barrier_limit_ns = seen->value - now_ns;
}

static void on_barrier_end(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_waits *waits = &pod->life.waits;
    if (!waits->has_barrier_wait) {
        return;
    }
    waits->has_barrier_wait = false;
    rp_time_ns took_ns = since(pod, waits->barrier_ns);
    check_not_longer(pod, "barrier", "a barrier", took_ns, waits->barrier_limit_ns);
    const struct rp_config *config = sim_pod_config(pod->pod);
    if (seen->error == RP_ERR_TIMEOUT && config != NULL) {
        check_not_shorter(pod, "barrier", "a barrier",
                          with_frozen(pod, took_ns, waits->barrier_frozen_ns),
                          config->replication_catchup_barrier_timeout_ns);
    }
}

static void on_proposed(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_waits *waits = &pod->life.waits;
    size_t row = (size_t)(seen->value % CHECK_PROPOSAL_RING);
    waits->proposals[row].request = seen->value;
    waits->proposals[row].began_ns = check_clock(pod);
}

static void on_propose_end(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_waits *waits = &pod->life.waits;
    size_t row = (size_t)(seen->value % CHECK_PROPOSAL_RING);
    if (seen->value != 0 && waits->proposals[row].request == seen->value) {
        waits->proposals[row].request = 0;
        check_not_longer(pod, "proposal", "a proposal", since(pod, waits->proposals[row].began_ns),
                         RP_PROPOSE_TIMEOUT_NS);
    }
}

/* Looked at once a health interval: the node has a list of its connections, not we. */
static void look_at_first_frames(struct check_pod *pod)
{
    struct check_waits *waits = &pod->life.waits;
    const struct rp_node *node = sim_pod_node(pod->pod);
    const struct rp_config *config = sim_pod_config(pod->pod);
    rp_time_ns now_ns = check_now(pod->checks);
    if (node == NULL || config == NULL ||
        now_ns - waits->first_frame_looked_ns < config->health_check_interval_ns) {
        return;
    }
    waits->first_frame_looked_ns = now_ns;
    rp_time_ns waited_ns = rp_node_first_frame_wait(node);
    rp_time_ns frozen_ns = sim_pod_frozen_ns(pod->pod);
    check_not_longer(pod, "first-frame", "a connection without a first frame",
                     waited_ns > frozen_ns ? waited_ns - frozen_ns : 0, RP_FIRST_FRAME_TIMEOUT_NS);
}

void check_wait_observe(struct check_pod *pod, const struct rp_observation *seen)
{
    switch (seen->kind) {
    case RP_SEE_DIAL: on_dial(pod, seen); break;
    case RP_SEE_FETCH_END: on_fetch_end(pod, seen); break;
    case RP_SEE_SERVE_BEGIN: on_serve_begin(pod, seen); break;
    case RP_SEE_SERVE_END: on_serve_end(pod, seen); break;
    case RP_SEE_JOIN_BEGIN:
        pod->life.waits.is_joining = true;
        pod->life.waits.join_ns = check_clock(pod);
        break;
    case RP_SEE_JOIN_END: on_join_end(pod); break;
    case RP_SEE_BARRIER_BEGIN: on_barrier_begin(pod, seen); break;
    case RP_SEE_BARRIER_END: on_barrier_end(pod, seen); break;
    case RP_SEE_PROPOSED: on_proposed(pod, seen); break;
    case RP_SEE_PROPOSE_END: on_propose_end(pod, seen); break;
    case RP_SEE_HEARTBEAT: look_at_first_frames(pod); break;
    default: break;
    }
}

/* ---- At rest ---------------------------------------------------------------------------------- */

/* A wait that never ends is not seen to end. */
void check_wait_rest(struct check_pod *pod)
{
    size_t cursor = 0;
    const struct check_path *record;
    while ((record = rp_table_next(&pod->life.paths, &cursor)) != NULL) {
        const struct check_pull *pull = record->pulls;
        if (pull != NULL && pull->next == NULL && pull->dialed_ns != 0) {
            check_not_longer(pod, "rest/fetch", "a fetch at one peer that has not ended",
                             since(pod, pull->dialed_ns), fetch_timeout(pod));
        }
    }
    cursor = 0;
    const struct check_serve *serve;
    while ((serve = rp_table_next(&pod->life.serves, &cursor)) != NULL) {
        check_not_longer(pod, "rest/serve", "a transfer that is served and has not ended",
                         since(pod, serve->began_ns), RP_SERVE_ACK_TIMEOUT_NS + serve_timeout(pod));
    }
}
