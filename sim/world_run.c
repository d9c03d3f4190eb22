#include <stdio.h>
#include <stdlib.h>

#include "sim/world_internal.h"

/* The phases of a run: set-up, the story, closing (invariants.md, Terms). */

/* ---- The loop ---------------------------------------------------------------------------------------- */

static rp_time_ns run_now(const struct sim_run *run)
{
    return sim_event_queue_now(run->queue);
}

static void hear_instant(struct sim_run *run)
{
    if (run->story != NULL && !run->is_story_dropped && run->story->instant != NULL) {
        run->story->instant(run->story->context);
    }
}

/* Runs one event; the story hears of each event, and of the end of each instant. */
static bool step(struct sim_run *run)
{
    bool is_story = run->phase == SIM_PHASE_STORY;
    if (run->is_interrupted || !sim_event_queue_step(run->queue)) {
        return false;
    }
    if (is_story && !run->is_story_dropped && run->story->event != NULL) {
        run->story->event(run->story->context);
    }
    if (is_story && sim_event_queue_next_time(run->queue) > run_now(run)) {
        hear_instant(run);
    }
    return true;
}

/* Until that true time; time then stands there. False: interrupted or ended by an error. */
static bool run_until(struct sim_run *run, rp_time_ns until_ns)
{
    while (!run->is_interrupted && sim_event_queue_next_time(run->queue) <= until_ns) {
        if (!step(run)) {
            return false;
        }
    }
    if (!run->is_interrupted && run_now(run) < until_ns) {
        sim_event_queue_advance(run->queue, until_ns);
    }
    return !run->is_interrupted;
}

/* ---- Set-up -------------------------------------------------------------------------------------------- */

static int set_up(struct sim_run *run, char note_out[160])
{
    struct sim_world *world = run->worlds[0];
    int error = sim_world_make_nodes(world, note_out);
    if (error != 0) {
        return error;
    }
    sim_world_boot_all(world);
    if (!run_until(run, run->zero_ns)) {
        return RP_ERR_CANCELLED;
    }
    return sim_world_has_come_up(world, note_out) ? 0 : RP_ERR_TIMEOUT;
}

/* ---- The story --------------------------------------------------------------------------------------------- */

static void begin_story(void *context, uint64_t argument)
{
    struct sim_run *run = context;
    (void)argument;
    run->story->begin(run->story->context);
}

void sim_world_story_done(struct sim_world *world)
{
    world->run->is_story_done = true;
}

void sim_world_story_error(struct sim_world *world, const char *text)
{
    struct sim_result *result = &world->run->result;
    if (result->error == NULL) {
        size_t size = strlen(text) + 1;
        result->error = malloc(size);
        RP_ASSERT(result->error != NULL);
        memcpy(result->error, text, size);
    }
    result->verdict = SIM_VERDICT_ERROR;
    world->run->is_story_done = true;
}

void sim_world_interrupt(struct sim_world *world)
{
    world->run->is_interrupted = true;
}

static void drop_story(struct sim_run *run)
{
    if (!run->is_story_dropped) {
        run->is_story_dropped = true;
        if (run->story->dropped != NULL) {
            run->story->dropped(run->story->context);
        }
    }
}

static void run_story(struct sim_run *run)
{
    run->phase = SIM_PHASE_STORY;
    rp_time_ns limit_ns = run->zero_ns + run->limit_ns;
    (void)sim_event_queue_add(run->queue, 0, SIM_EVENT_STORY, begin_story, run, 0);
    while (!run->is_story_done && !run->is_interrupted &&
           sim_event_queue_next_time(run->queue) <= limit_ns) {
        if (!step(run)) {
            break;
        }
    }
    if (!run->is_story_done && !run->is_interrupted) {
        sim_world_fail_liveness(run->worlds[0], "story/limit",
                                "the story did not return within its limit");
    }
    run->result.virtual_seconds = sim_world_seconds(run->worlds[0], run_now(run));
    drop_story(run);
}

/* ---- Closing -------------------------------------------------------------------------------------------------- */

#define REST_POLL_NS   RP_NS_PER_S
#define REST_BOUND_NS  (40 * 60 * RP_NS_PER_S)
#define READY_BOUND_NS (5 * 60 * RP_NS_PER_S)

static void heal_all(struct sim_run *run)
{
    sim_net_heal(run->net);
    sim_world_stale_names(run->worlds[0], 0, false);
    for (size_t index = 0; index < run->pod_count; index += 1) {
        sim_pod_heal(run->pods[index]);
    }
}

static bool pod_is_quiet(struct sim_pod *pod)
{
    if (pod->state == SIM_POD_DOWN) {
        return pod->boot_event == 0;
    }
    if (sim_world_is_outside(pod->world, pod)) {
        return true; /* it goes on asking to be let in, for ever */
    }
    if (pod->state != SIM_POD_UP || pod->is_frozen) {
        return false;
    }
    struct rp_node_inspection inspection;
    rp_node_inspect(pod->node, &inspection);
    return inspection.is_idle && inspection.has_leader && !inspection.is_missing_any;
}

/* Everything idle but for rescans that look for what nobody has: those are waited for once. */
static bool world_is_quiet(struct sim_world *world)
{
    for (size_t index = 0; index < world->pod_count; index += 1) {
        if (!pod_is_quiet(world->pods[index])) {
            return false;
        }
    }
    return true;
}

static bool run_is_quiet(struct sim_run *run)
{
    size_t row = 0;
    while (row < run->world_count && world_is_quiet(run->worlds[row])) {
        row += 1;
    }
    return row == run->world_count;
}

/* Can anything that is missing still arrive? Files without an honest holder cannot. */
static bool is_hopeless(struct sim_run *run)
{
    for (size_t index = 0; index < run->pod_count; index += 1) {
        struct sim_pod *pod = run->pods[index];
        if (pod->state == SIM_POD_DOWN || pod->missing_count == 0) {
            continue;
        }
        const struct sim_truth_file *files[16];
        size_t count = sim_truth_missing(pod->world->truth, pod, files, 16);
        for (size_t row = 0; row < count; row += 1) {
            if (sim_world_has_holder(pod->world, files[row])) {
                return false;
            }
        }
    }
    return true;
}

static rp_time_ns longest_health_interval_ns(const struct sim_run *run)
{
    rp_time_ns longest_ns = 0;
    for (size_t row = 0; row < run->world_count; row += 1) {
        const struct rp_config *config = &run->worlds[row]->spec.cluster.config;
        if (config->health_check_interval_ns > longest_ns) {
            longest_ns = config->health_check_interval_ns;
        }
    }
    return longest_ns;
}

/* Quiet for three health intervals, decided by state. `is_quiet` of the check: reached in time. */
static bool come_to_rest(struct sim_run *run)
{
    rp_time_ns needed_ns = 3 * longest_health_interval_ns(run);
    rp_time_ns quiet_since_ns = RP_TIME_NEVER;
    rp_time_ns bound_ns = run_now(run) + REST_BOUND_NS;
    rp_time_ns hopeless_ns = run_now(run) + 3 * RP_RESCAN_FIRST_NS;
    while (run_now(run) < bound_ns) {
        bool is_quiet = run_is_quiet(run);
        if (!is_quiet) {
            quiet_since_ns = RP_TIME_NEVER;
        } else if (quiet_since_ns == RP_TIME_NEVER) {
            quiet_since_ns = run_now(run);
        }
        if (is_quiet && run_now(run) - quiet_since_ns >= needed_ns) {
            return true;
        }
        if (!is_quiet && run_now(run) >= hopeless_ns && is_hopeless(run)) {
            return true; /* what is missing exists nowhere any more */
        }
        if (!run_until(run, run_now(run) + REST_POLL_NS)) {
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
        sim_checks_rest(world->checks, rest, is_quiet || world_is_quiet(world));
    }
}

static size_t up_count(const struct sim_world *world)
{
    size_t count = 0;
    for (size_t index = 0; index < world->pod_count; index += 1) {
        count += world->pods[index]->state == SIM_POD_UP;
    }
    return count;
}

static bool wait_for_ready(struct sim_run *run, struct sim_pod *const *pods, size_t count)
{
    rp_time_ns bound_ns = run_now(run) + READY_BOUND_NS;
    while (run_now(run) < bound_ns) {
        size_t ready = 0;
        for (size_t row = 0; row < count; row += 1) {
            ready +=
                sim_pod_is_ready(pods[row]) || sim_world_is_outside(pods[row]->world, pods[row]);
        }
        if (ready == count) {
            return true;
        }
        if (!run_until(run, run_now(run) + RP_NS_PER_S / 4)) {
            return false;
        }
    }
    return false; /* the check at rest says why */
}

static bool wait_for_down(struct sim_run *run, struct sim_pod *const *pods, size_t count)
{
    rp_time_ns bound_ns = run_now(run) + 35 * RP_NS_PER_S;
    for (size_t row = 0; row < count; row += 1) {
        while (pods[row]->state != SIM_POD_DOWN && run_now(run) < bound_ns) {
            if (!run_until(run, run_now(run) + RP_NS_PER_S / 10)) {
                return false;
            }
        }
    }
    return true;
}

#define GRACE_NS (30 * RP_NS_PER_S)

/* invariants.md, strong heal: groups of max(1, nodes / 10); what is down stays down. */
static void restart_rolling(struct sim_world *world)
{
    struct sim_run *run = world->run;
    size_t group_max = up_count(world) / 10 > 1 ? up_count(world) / 10 : 1;
    struct sim_pod **group = calloc(group_max, sizeof(struct sim_pod *));
    RP_ASSERT(group != NULL);
    size_t pod_count = world->pod_count;
    for (size_t index = 0; index < pod_count && !run->is_interrupted;) {
        size_t count = 0;
        for (; index < pod_count && count < group_max; index += 1) {
            if (world->pods[index]->state == SIM_POD_UP) {
                group[count++] = world->pods[index];
            }
        }
        for (size_t row = 0; row < count; row += 1) {
            sim_pod_stop(group[row], GRACE_NS, NULL);
        }
        (void)wait_for_down(run, group, count);
        for (size_t row = 0; row < count; row += 1) {
            sim_pod_start(group[row]);
        }
        (void)wait_for_ready(run, group, count);
    }
    free(group);
}

static void stop_all(struct sim_run *run)
{
    for (size_t index = 0; index < run->pod_count; index += 1) {
        sim_pod_stop(run->pods[index], GRACE_NS, NULL);
    }
    (void)wait_for_down(run, run->pods, run->pod_count);
    if (!run->is_interrupted) {
        (void)run_until(run, run_now(run) + RP_NS_PER_S);
        for (size_t row = 0; row < run->world_count; row += 1) {
            sim_checks_end(run->worlds[row]->checks);
        }
    }
}

static void close_run(struct sim_run *run)
{
    run->phase = SIM_PHASE_CLOSING;
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

/* ---- The whole --------------------------------------------------------------------------------------------------- */

static void finish(struct sim_run *run)
{
    struct sim_result *result = &run->result;
    run->phase = SIM_PHASE_OVER;
    result->fingerprint = sim_trace_fingerprint(run->trace);
    result->events = sim_event_queue_run_count(run->queue);
    if (result->verdict != SIM_VERDICT_ERROR) {
        result->verdict = result->violation_count == 0 ? SIM_VERDICT_PASS : SIM_VERDICT_FAIL;
    }
}

int sim_world_run(struct sim_world *world, const struct sim_story *story, char note_out[160])
{
    struct sim_run *run = world->run;
    note_out[0] = '\0';
    run->story = story;
    int error = set_up(run, note_out);
    if (error != 0) {
        drop_story(run);
        finish(run);
        return error;
    }
    run_story(run);
    if (run->result.verdict == SIM_VERDICT_ERROR || run->is_interrupted) {
        sim_run_sum_up(run);
    } else {
        close_run(run);
    }
    finish(run);
    return 0;
}
