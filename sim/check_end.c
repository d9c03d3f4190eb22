/* At rest, in a stop, and at the end: converges, becomes-ready, stops-in-time, no-leaks,
 * memory-safe. */
#include "protocol/limits.h"
#include "sim/check_internal.h"

/* Looked at per node and rest; the rest of a longer list says nothing new. */
#define MISSING_MAX 4096u

/* ---- Stops ------------------------------------------------------------------------------------ */

static void mark_stop_asked(struct check_pod *pod)
{
    pod->life.stop_asked_ns = check_now(pod->checks);
    pod->life.stop_frozen_ns = sim_pod_frozen_ns(pod->pod);
}

void check_end_stop_asked(struct check_pod *pod)
{
    if (pod->life.is_open && !pod->life.is_stop_asked) {
        pod->life.is_stop_asked = true;
        mark_stop_asked(pod);
    }
}

static void check_stop_time(struct check_pod *pod, const char *what)
{
    rp_time_ns passed_ns = check_now(pod->checks) - pod->life.stop_asked_ns;
    rp_time_ns frozen_ns = sim_pod_frozen_ns(pod->pod) - pod->life.stop_frozen_ns;
    rp_time_ns took_ns = passed_ns > frozen_ns ? passed_ns - frozen_ns : 0;
    if (pod->life.is_stop_asked) {
        check_reached(pod, SIM_PROP_STOPS_IN_TIME);
    }
    if (pod->life.is_stop_asked && took_ns > RP_STOP_TOTAL_NS) {
        check_violate(pod, SIM_PROP_STOPS_IN_TIME, what, "the stop took %llu ms",
                      (unsigned long long)(took_ns / RP_NS_PER_MS));
    }
}

/* After STOPPED, before the node is freed. A stop that gave up a stuck disk has calls left. */
static void check_stopped(struct check_pod *pod)
{
    struct rp_node *node = sim_pod_node(pod->pod);
    if (node == NULL) {
        return;
    }
    struct rp_node_inspection inspection;
    rp_node_inspect(node, &inspection);
    if (inspection.connection_count != 0) {
        check_violate(pod, SIM_PROP_NO_LEAKS, "stopped/connections",
                      "%zu connections are open after the stop", inspection.connection_count);
    }
    if (inspection.request_count == 0 && pod->life.owed_count != 0) {
        check_violate(pod, SIM_PROP_OUTCOME_ACCOUNTING, "stopped/owed",
                      "%llu accepted announcements have no outcome after the stop",
                      (unsigned long long)pod->life.owed_count);
    }
}

void check_end_life(struct check_pod *pod, bool is_crash)
{
    if (!pod->life.is_open) {
        return;
    }
    check_stop_time(pod, "stop/late");
    if (!is_crash && pod->life.is_stopped) {
        check_stopped(pod);
    }
}

/* ---- Connections ------------------------------------------------------------------------------ */

/* The fewest connections over a health interval or two: what comes and goes drops out, what nobody
 * closes stays. One-shot requests have a connection each until they end or time out; a node that has
 * seen many rotations always has some under way to peers that are gone. */
static void sample_connections(struct check_pod *pod)
{
    const struct rp_node *node = sim_pod_node(pod->pod);
    const struct rp_config *config = sim_pod_config(pod->pod);
    if (node == NULL || config == NULL) {
        return;
    }
    struct check_life *life = &pod->life;
    rp_time_ns now_ns = check_now(pod->checks);
    size_t open = rp_node_connection_count(node);
    size_t requests = rp_node_exchange_count(node);
    size_t count = open > requests ? open - requests : 0;
    if (!life->has_connection_low ||
        now_ns - life->connection_since_ns > config->health_check_interval_ns) {
        life->connection_low_before = life->has_connection_low ? life->connection_low : SIZE_MAX;
        life->connection_low = count;
        life->connection_since_ns = now_ns;
        life->has_connection_low = true;
    }
    life->connection_low = count < life->connection_low ? count : life->connection_low;
}

static size_t fewest_connections(const struct check_life *life)
{
    return life->connection_low < life->connection_low_before ? life->connection_low
                                                              : life->connection_low_before;
}

void check_end_observe(struct check_pod *pod, const struct rp_observation *seen)
{
    switch (seen->kind) {
    case RP_SEE_HEARTBEAT: sample_connections(pod); break;
    case RP_SEE_STOP_BEGIN: /* a frozen process hears of it late */
        pod->life.is_stop_asked = true;
        pod->life.is_stopping = true;
        if (pod->life.active_count != 0 || rp_table_count(&pod->life.serves) != 0) {
            check_reached(pod, SIM_PROP_CANCEL_STOPS_WORK);
        }
        mark_stop_asked(pod);
        break;
    case RP_SEE_STOPPED: pod->life.is_stopped = true; break;
    case RP_SEE_CRASHED:
        check_violate(pod, SIM_PROP_MEMORY_SAFE, "crash", "the process died: %.*s",
                      CHECK_TEXT(seen->code));
        break;
    default: break;
    }
}

/* One forward connection of its own, and of each other member where it may have been taken for the
 * leader; all others are of exchanges, which come and go. */
static size_t connection_bound(struct check_pod *pod)
{
    struct sim_world *world = pod->checks->world;
    size_t bound = 2; /* one to a leader that was: it closes within its idle limit */
    for (size_t index = 0; pod->life.was_leader && index < sim_world_pod_count(world); index += 1) {
        struct sim_pod *other = sim_world_pod_at(world, index);
        bound += other != pod->pod && sim_pod_is_up(other);
    }
    return bound;
}

static void check_connections(struct check_pod *pod)
{
    sample_connections(pod);
    size_t bound = connection_bound(pod);
    size_t count = fewest_connections(&pod->life);
    if (pod->life.has_connection_low && count > bound) {
        check_violate(pod, SIM_PROP_NO_LEAKS, "rest/connections",
                      "%zu connections are open on an idle node", count);
    }
}

static void check_staged(struct check_pod *pod, const char *what)
{
    const struct sim_store *store = sim_pod_store(pod->pod);
    size_t count = store == NULL ? 0 : sim_store_staged_count(store);
    if (count > pod->life.leftover_count) {
        check_violate(pod, SIM_PROP_NO_LEAKS, what, "%zu staging objects are left", count);
    }
}

/* invariants.md, atomic-publish: what is staged is never listed. While a pull runs it may only be a
 * matter of time; on an idle node it stays. */
static void check_shown(struct check_pod *pod)
{
    size_t count = sim_store_plain_count(sim_pod_store(pod->pod));
    if (count > pod->inherited_count) {
        check_violate(pod, SIM_PROP_ATOMIC_PUBLISH, "rest/staging-visible",
                      "%zu staging files are visible on an idle node", count);
    }
}

static void check_leaks(struct check_pod *pod, const struct rp_node_inspection *inspection)
{
    check_reached(pod, SIM_PROP_NO_LEAKS);
    check_connections(pod);
    if (inspection->serve_count == 0) {
        check_message_idle(pod);
    }
    check_staged(pod, "rest/staging");
    check_shown(pod);
    if (inspection->request_count != 0) {
        check_violate(pod, SIM_PROP_NO_LEAKS, "rest/requests",
                      "%zu requests are in flight on an idle node", inspection->request_count);
    }
}

/* ---- At rest ---------------------------------------------------------------------------------- */

static bool is_at_work(struct sim_pod *pod)
{
    return sim_pod_state(pod) == SIM_POD_UP;
}

static bool has_holder(struct check_pod *pod, const struct sim_truth_file *file)
{
    struct sim_world *world = pod->checks->world;
    const struct sim_truth *truth = sim_world_truth(world);
    for (size_t index = 0; index < sim_world_pod_count(world); index += 1) {
        struct sim_pod *other = sim_world_pod_at(world, index);
        if (other != pod->pod && is_at_work(other) && sim_world_can_talk(pod->pod, other) &&
            sim_truth_holds(truth, other, file)) {
            return true;
        }
    }
    return false;
}

/* What is asked of one rest. */
struct rest {
    enum sim_rest_end end;
    uint64_t entry_budget;
};

static bool is_live(const struct rest *rest)
{
    return rest->end != SIM_REST_EXCUSED;
}

/* It, or one whose volume has moved on to a new identity. */
static bool may_have_written(struct check_pod *pod, uint64_t origin_pod)
{
    struct sim_world *world = pod->checks->world;
    bool is_gone = false;
    for (size_t index = 0; index < sim_world_pod_count(world); index += 1) {
        const struct sim_pod *other = sim_world_pod_at(world, index);
        is_gone = is_gone || (sim_pod_number(other) == origin_pod && sim_pod_is_gone(other));
    }
    return is_gone || origin_pod == sim_pod_number(pod->pod);
}

/* The node wrote over the only copy, and died before that was registered: what the manifest names
 * exists no more, and what is there is nobody's damage (decision 50). */
static bool is_written_over(struct check_pod *pod, const struct sim_truth_file *file,
                            const struct sim_content *content)
{
    char sha256[RP_SHA256_HEX];
    if (has_holder(pod, file) || sim_content_sha256(content, sha256) != 0) {
        return false;
    }
    const struct sim_version *written = sim_truth_version(
        sim_world_truth(pod->checks->world), file->path, rp_view_make(sha256, sizeof sha256));
    return written != NULL && may_have_written(pod, written->origin_pod);
}

static void check_missing_file(struct check_pod *pod, const struct rest *rest,
                               const struct sim_truth_file *file)
{
    if (check_store_is_exempt(pod, file->path)) {
        return;
    }
    const struct sim_content *content = sim_store_content(sim_pod_store(pod->pod), file->path);
    const struct sim_version *version = file->version;
    if (content != NULL && version != NULL && version->is_known &&
        !sim_content_is(content, version->key, version->length_bytes) &&
        !is_written_over(pod, file, content)) {
        check_violate(pod, SIM_PROP_INTACT_BYTES, "rest/visible",
                      "%.*s is visible with other bytes than the manifest's version",
                      CHECK_TEXT(file->path));
    }
    if (is_live(rest) && has_holder(pod, file)) {
        check_violate(pod, SIM_PROP_CONVERGES, "rest/missing",
                      "%.*s is missing though another node that is up holds it",
                      CHECK_TEXT(file->path));
    }
}

/* Returns how many files the pod lacks. */
static uint64_t check_missing(struct check_pod *pod, const struct rest *rest)
{
    struct sim_checks *checks = pod->checks;
    struct sim_truth *truth = sim_world_truth(checks->world);
    uint64_t missing_count = sim_truth_missing_count(truth, pod->pod);
    if (missing_count == 0) {
        return 0;
    }
    size_t max = missing_count < MISSING_MAX ? (size_t)missing_count : MISSING_MAX;
    const struct sim_truth_file **files = check_allocate(checks, max * sizeof *files);
    size_t count = sim_truth_missing(truth, pod->pod, files, max);
    for (size_t row = 0; row < count; row += 1) {
        check_missing_file(pod, rest, files[row]);
    }
    rp_release(checks->alloc, (void *)files);
    return missing_count;
}

static void check_log(struct check_pod *pod, const struct rp_node_inspection *inspection)
{
    uint64_t last_index = sim_truth_last_index(sim_world_truth(pod->checks->world));
    if (!inspection->has_leader) {
        check_violate(pod, SIM_PROP_CONVERGES, "rest/no-leader",
                      "the node knows no leader, though a majority of the voters run");
    } else if (pod->life.applied_index < last_index) {
        check_violate(pod, SIM_PROP_CONVERGES, "rest/log-behind",
                      "index %llu is applied, %llu committed",
                      (unsigned long long)pod->life.applied_index, (unsigned long long)last_index);
    }
}

static bool pulls(const struct check_pod *pod)
{
    const struct rp_config *config = sim_pod_config(pod->pod);
    return config == NULL || config->is_replication_enabled;
}

static void check_pod_liveness(struct check_pod *pod, const struct rest *rest,
                               const struct rp_node_inspection *inspection, uint64_t missing_count)
{
    check_reached(pod, SIM_PROP_CONVERGES);
    check_reached(pod, SIM_PROP_BECOMES_READY);
    check_log(pod, inspection);
    check_walk_rest(pod);
    check_auth_rest(pod);
    if (missing_count == 0 && !inspection->is_ready) {
        check_violate(pod, SIM_PROP_BECOMES_READY, "rest/not-ready",
                      "the node holds every file and does not report ready");
    }
    if (!inspection->is_idle && rest->end == SIM_REST_LATE) {
        check_violate(pod, SIM_PROP_CONVERGES, "rest/not-idle",
                      "the node is still busy when the time for it is over");
    }
}

static void check_pod_rest(struct check_pod *pod, struct rest *rest)
{
    struct rp_node *node = sim_pod_node(pod->pod);
    if (node == NULL || rp_node_manifest(node) == NULL || !pulls(pod) ||
        sim_world_is_outside(pod->checks->world, pod->pod)) {
        return;
    }
    struct rp_node_inspection inspection;
    rp_node_inspect(node, &inspection);
    check_delete_rest(pod);
    check_crash_rest(pod);
    check_wait_rest(pod);
    check_message_rest(pod);
    check_entry_rest(pod, &rest->entry_budget);
    uint64_t missing_count = check_missing(pod, rest);
    if (is_live(rest)) {
        check_pod_liveness(pod, rest, &inspection, missing_count);
    }
    if (inspection.is_idle) {
        check_pull_rest(pod, &inspection);
        check_queue_rest(pod, &inspection);
        check_leaks(pod, &inspection);
    }
}

void sim_checks_rest(struct sim_checks *checks, enum sim_rest at, enum sim_rest_end end)
{
    (void)at; /* what a restart changes shows in the lives */
    struct rest rest = {end, CHECK_ENTRY_BUDGET};
    for (size_t index = 0; index < sim_world_pod_count(checks->world); index += 1) {
        struct sim_pod *pod = sim_world_pod_at(checks->world, index);
        if (is_at_work(pod)) {
            check_pod_rest(check_pod_of(checks, pod), &rest);
        }
    }
    check_manifest_rest(checks, end != SIM_REST_EXCUSED);
}

/* ---- At the end ------------------------------------------------------------------------------- */

static void check_pod_end(struct check_pod *pod)
{
    if (sim_pod_is_up(pod->pod)) {
        check_stop_time(pod, "end/still-up");
        return;
    }
    size_t timers = sim_pod_armed_timers(pod->pod);
    size_t connections = sim_pod_connections(pod->pod);
    if (timers != 0 || connections != 0) {
        check_violate(pod, SIM_PROP_NO_LEAKS, "end",
                      "%zu timers and %zu connections are left after the stop", timers,
                      connections);
    }
    if (pod->life.is_stopped) {
        check_staged(pod, "end/staging");
    }
}

void sim_checks_end(struct sim_checks *checks)
{
    check_log_end(checks);
    for (size_t index = 0; index < sim_world_pod_count(checks->world); index += 1) {
        check_pod_end(check_pod_of(checks, sim_world_pod_at(checks->world, index)));
    }
}
