#include <stdlib.h>

#include "sim/converge.h"
#include "sim/recover.h"
#include "sim/world_internal.h"

/* How a run ends (invariants.md, Terms): weak heal, quiescence, check; strong heal, quiescence, check
 * again, because a restart hides many defects of liveness; stop of all, check. */

#define REST_POLL_NS RP_NS_PER_S
/* T_conv grows with the square of what can go wrong in a big cluster; nobody waits for days. */
#define REST_BOUND_NS (2 * 60 * 60 * RP_NS_PER_S)
#define GRACE_NS      (30 * RP_NS_PER_S)

/* ---- Weak heal ------------------------------------------------------------------------------- */

static void heal_all(struct sim_run *run)
{
    for (size_t index = 0; index < run->world_count; index += 1) {
        sim_nemesis_end_all(run->worlds[index]);
    }
    sim_net_heal(run->net);
    sim_world_stale_names(run->worlds[0], 0, false);
    for (size_t index = 0; index < run->pod_count; index += 1) {
        sim_pod_heal(run->pods[index]);
    }
}

static rp_time_ns now_of(const struct sim_run *run)
{
    return sim_event_queue_now(run->queue);
}

/* ---- Quiescence ------------------------------------------------------------------------------ */

/* Does the pod lack a file that somebody who is up could give it? One that lacks nothing may not know
 * it before its next rescan. */
static bool waits_for_file(struct sim_world *world, struct sim_pod *pod)
{
    const struct sim_truth_file *files[1024];
    if (pod->missing_count == 0) {
        return true;
    }
    size_t count = sim_truth_missing(world->truth, pod, files, 1024);
    size_t row = 0;
    while (row < count && sim_recover_file_for(world, pod, files[row]) != SIM_RECOVER_FILE_HELD) {
        row += 1;
    }
    return row < count;
}

enum quiet { QUIET, BUSY_IN_VAIN, BUSY };

/* One-shot timers belong to waits, and whoever waits is not idle (rp_node_inspection). */
static enum quiet judge_pod(struct sim_pod *pod)
{
    if (pod->state == SIM_POD_DOWN) {
        return pod->boot_event == 0 ? QUIET : BUSY;
    }
    if (sim_world_is_outside(pod->world, pod)) {
        return QUIET; /* it goes on asking to be let in, for ever */
    }
    if (pod->state != SIM_POD_UP || pod->is_frozen) {
        return BUSY;
    }
    struct rp_node_inspection inspection;
    rp_node_inspect(pod->node, &inspection);
    if (!inspection.has_leader || inspection.serve_count > 0) {
        return BUSY; /* a serve to a host that fell silent ends by its limit */
    }
    if (inspection.is_missing_any) { /* a rescan is pending: will it find anything? */
        return waits_for_file(pod->world, pod) ? BUSY : BUSY_IN_VAIN;
    }
    return inspection.is_idle ? QUIET : BUSY;
}

static bool is_workload_over(const struct sim_world *world)
{
    return world->flushes == NULL && world->compactions == NULL;
}

/* The busiest of all. */
static enum quiet judge_world(struct sim_world *world)
{
    enum quiet quiet = is_workload_over(world) ? QUIET : BUSY;
    for (size_t index = 0; index < world->pod_count && quiet != BUSY; index += 1) {
        enum quiet pod_quiet = judge_pod(world->pods[index]);
        quiet = pod_quiet > quiet ? pod_quiet : quiet;
    }
    return quiet;
}

struct rest {
    rp_time_ns needed_ns;  /* how long it must be quiet */
    rp_time_ns end_ns;     /* when it should be by now */
    rp_time_ns in_vain_ns; /* from when on whoever looks for what is gone counts as quiet */
    rp_time_ns since_ns;   /* when it became quiet */
};

/* Of several clusters the slowest counts. */
static void measure(struct sim_run *run, rp_time_ns *t_conv_ns, rp_time_ns *health_ns)
{
    *t_conv_ns = *health_ns = 0;
    for (size_t row = 0; row < run->world_count; row += 1) {
        struct sim_converge converge;
        sim_world_converge(run->worlds[row], &converge);
        *t_conv_ns = converge.total_ns > *t_conv_ns ? converge.total_ns : *t_conv_ns;
        *health_ns = converge.health_ns > *health_ns ? converge.health_ns : *health_ns;
    }
}

static struct rest begin_rest(struct sim_run *run)
{
    rp_time_ns t_conv_ns, health_ns;
    measure(run, &t_conv_ns, &health_ns);
    run->result.t_conv_s = (double)t_conv_ns / 1e9;
    /* While faults last, rescans come ever more rarely: one may be due only after so long. */
    rp_time_ns bound_ns = t_conv_ns + RP_RESCAN_MAX_NS - RP_RESCAN_FIRST_NS;
    return (struct rest){
        .needed_ns = health_ns,
        .end_ns = now_of(run) + (bound_ns < REST_BOUND_NS ? bound_ns : REST_BOUND_NS),
        .in_vain_ns = now_of(run) + 3 * RP_RESCAN_FIRST_NS,
        .since_ns = RP_TIME_NEVER,
    };
}

static bool can_have_leader(struct sim_world *world)
{
    return sim_recover_leader(world) == SIM_RECOVER_LEADER_POSSIBLE;
}

/* Without a leader that could ever be nothing comes to rest: nodes ask for one for ever. */
static enum quiet judge_run(struct sim_run *run)
{
    enum quiet quiet = QUIET;
    for (size_t row = 0; row < run->world_count && quiet != BUSY; row += 1) {
        struct sim_world *world = run->worlds[row];
        enum quiet its = can_have_leader(world) ? judge_world(world) : BUSY_IN_VAIN;
        quiet = its > quiet ? its : quiet;
    }
    return quiet;
}

/* Is it at rest now, after all the time that this takes? */
static bool is_at_rest(struct sim_run *run, struct rest *rest)
{
    enum quiet quiet = judge_run(run);
    if (quiet != QUIET) {
        rest->since_ns = RP_TIME_NEVER;
        return quiet == BUSY_IN_VAIN && now_of(run) >= rest->in_vain_ns;
    }
    rest->since_ns = rest->since_ns == RP_TIME_NEVER ? now_of(run) : rest->since_ns;
    return now_of(run) - rest->since_ns >= rest->needed_ns;
}

static bool come_to_rest(struct sim_run *run)
{
    struct rest rest = begin_rest(run);
    while (now_of(run) < rest.end_ns) {
        if (is_at_rest(run, &rest)) {
            return true;
        }
        if (!sim_run_until(run, now_of(run) + REST_POLL_NS)) {
            return false;
        }
    }
    return false;
}

static void rest_and_check(struct sim_run *run, enum sim_rest rest)
{
    bool is_quiet = come_to_rest(run);
    for (size_t row = 0; row < run->world_count && !run->is_interrupted; row += 1) {
        struct sim_world *world = run->worlds[row];
        enum sim_rest_end end =
            is_quiet || judge_world(world) == QUIET ? SIM_REST_QUIET : SIM_REST_LATE;
        sim_recover_note(world);
        sim_checks_rest(world->checks, rest, can_have_leader(world) ? end : SIM_REST_EXCUSED);
    }
}

/* ---- Strong heal ----------------------------------------------------------------------------- */

static size_t up_count(const struct sim_world *world)
{
    size_t count = 0;
    for (size_t index = 0; index < world->pod_count; index += 1) {
        count += world->pods[index]->state == SIM_POD_UP;
    }
    return count;
}

/* Ready, or as far as it can come: what it lacks is gone, or there is nobody to lead it. */
static bool is_back(struct sim_world *world, struct sim_pod *pod)
{
    if (sim_pod_is_ready(pod) || sim_world_is_outside(world, pod)) {
        return true;
    }
    if (pod->state != SIM_POD_UP) {
        return false;
    }
    struct rp_node_inspection inspection;
    rp_node_inspect(pod->node, &inspection);
    return inspection.has_leader && inspection.is_joined && inspection.is_missing_any &&
           !waits_for_file(world, pod);
}

static bool wait_for_back(struct sim_world *world, struct sim_pod *const *pods, size_t count)
{
    struct sim_run *run = world->run;
    rp_time_ns bound_ns = now_of(run) + 5 * 60 * RP_NS_PER_S;
    while (now_of(run) < bound_ns) {
        size_t back = 0;
        for (size_t row = 0; row < count; row += 1) {
            back += is_back(world, pods[row]);
        }
        if (back == count || !can_have_leader(world)) {
            return true;
        }
        if (!sim_run_until(run, now_of(run) + RP_NS_PER_S / 4)) {
            return false;
        }
    }
    return false; /* the check at rest says why */
}

static bool wait_for_down(struct sim_run *run, struct sim_pod *const *pods, size_t count)
{
    rp_time_ns bound_ns = now_of(run) + 35 * RP_NS_PER_S;
    for (size_t row = 0; row < count; row += 1) {
        while (pods[row]->state != SIM_POD_DOWN && now_of(run) < bound_ns) {
            if (!sim_run_until(run, now_of(run) + RP_NS_PER_S / 10)) {
                return false;
            }
        }
    }
    return true;
}

/* How many voters may be down together: those that run keep a majority, if one voter can be spared
 * at all; a lone one has to go all the same. */
static size_t voters_spared(struct sim_world *world)
{
    struct sim_recover_log log = sim_recover_log(world);
    size_t majority = log.voter_count / 2 + 1;
    return log.up_count > majority + 1 ? log.up_count - majority : 1;
}

struct group {
    struct sim_pod **pods;
    size_t count, max;
};

/* The next pods from `*index` on that are up; a voter too many opens the next group. */
static void form_group(struct sim_world *world, struct group *group, size_t pod_count,
                       size_t *index)
{
    size_t voter_count = 0;
    size_t voter_max = voters_spared(world);
    group->count = 0;
    for (; *index < pod_count && group->count < group->max; *index += 1) {
        struct sim_pod *pod = world->pods[*index];
        if (pod->state != SIM_POD_UP) {
            continue;
        }
        bool is_voter = sim_recover_is_voter(world, pod);
        if (is_voter && voter_count == voter_max) {
            return;
        }
        voter_count += is_voter;
        group->pods[group->count++] = pod;
    }
}

static void restart_group(struct sim_world *world, const struct group *group)
{
    for (size_t row = 0; row < group->count; row += 1) {
        sim_pod_stop(group->pods[row], GRACE_NS, NULL);
    }
    (void)wait_for_down(world->run, group->pods, group->count);
    for (size_t row = 0; row < group->count; row += 1) {
        sim_pod_start(group->pods[row]);
    }
    (void)wait_for_back(world, group->pods, group->count);
}

/* Groups of max(1, nodes / 10), never a majority of voters; what is down stays down. */
static void restart_rolling(struct sim_world *world)
{
    struct group group = {.max = up_count(world) / 10 > 1 ? up_count(world) / 10 : 1};
    group.pods = calloc(group.max, sizeof(struct sim_pod *));
    RP_ASSERT(group.pods != NULL);
    size_t pod_count = world->pod_count;
    for (size_t index = 0; index < pod_count && !world->run->is_interrupted;) {
        form_group(world, &group, pod_count, &index);
        restart_group(world, &group);
    }
    free(group.pods);
}

/* ---- The end --------------------------------------------------------------------------------- */

static void stop_all(struct sim_run *run)
{
    for (size_t index = 0; index < run->pod_count; index += 1) {
        sim_pod_stop(run->pods[index], GRACE_NS, NULL);
    }
    (void)wait_for_down(run, run->pods, run->pod_count);
    if (!run->is_interrupted) {
        (void)sim_run_until(run, now_of(run) + RP_NS_PER_S);
        for (size_t row = 0; row < run->world_count; row += 1) {
            sim_checks_end(run->worlds[row]->checks);
        }
    }
}

void sim_run_close(struct sim_run *run)
{
    run->phase = SIM_PHASE_CLOSING;
    sim_trace_mark(run->trace, sim_event_queue_now(run->queue), "phase", rp_view_text(""),
                   rp_view_text("closing"));
    heal_all(run);
    rest_and_check(run, SIM_REST_WEAK);
    sim_run_sum_up(run); /* lag and counters as of the first rest */
    if (run->closing == SIM_CLOSING_FULL && !run->is_interrupted) {
        for (size_t row = 0; row < run->world_count; row += 1) {
            restart_rolling(run->worlds[row]);
        }
        rest_and_check(run, SIM_REST_STRONG);
    }
    stop_all(run);
}
