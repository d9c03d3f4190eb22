#include <stdio.h>
#include <stdlib.h>

#include "sim/world_internal.h"

/* The phases of a run: set-up, the story, closing (invariants.md, Terms). */

/* ---- The loop ---------------------------------------------------------------------------------------- */

static void hear_instant(struct sim_world *world)
{
    if (world->story != NULL && !world->is_story_dropped && world->story->instant != NULL) {
        world->story->instant(world->story->context);
    }
}

/* Runs one event; the story hears of each event, and of the end of each instant. */
static bool step(struct sim_world *world)
{
    bool is_story = world->phase == SIM_PHASE_STORY;
    if (world->is_interrupted || !sim_event_queue_step(world->queue)) {
        return false;
    }
    if (is_story && !world->is_story_dropped && world->story->event != NULL) {
        world->story->event(world->story->context);
    }
    if (is_story && sim_event_queue_next_time(world->queue) > sim_world_true_now(world)) {
        hear_instant(world);
    }
    return true;
}

/* Until that true time; time then stands there. False: interrupted or ended by an error. */
static bool run_until(struct sim_world *world, rp_time_ns until_ns)
{
    while (!world->is_interrupted && sim_event_queue_next_time(world->queue) <= until_ns) {
        if (!step(world)) {
            return false;
        }
    }
    if (!world->is_interrupted && sim_world_true_now(world) < until_ns) {
        sim_event_queue_advance(world->queue, until_ns);
    }
    return !world->is_interrupted;
}

/* ---- Set-up -------------------------------------------------------------------------------------------- */

static int make_role(struct sim_world *world, const char *role, uint32_t count)
{
    for (uint32_t number = 0; number < count; number += 1) {
        struct sim_add_spec spec = {.role = role};
        struct sim_pod *pod = NULL;
        int error = sim_world_new_pod(world, &spec, &pod);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* The first leader bootstraps; the others join it by the ordinary handshake, one after another. */
static void boot_all(struct sim_world *world)
{
    const char *wanted = world->spec.cluster.leader;
    struct sim_pod *first = world->pods[0];
    if (wanted != NULL && sim_world_pod(world, rp_view_text(wanted)) != NULL) {
        first = sim_world_pod(world, rp_view_text(wanted));
    }
    first->is_bootstrap = true;
    sim_pod_boot_at(first, 0);
    rp_time_ns gap_ns = world->spec.cluster.consensus == SIM_CONSENSUS_RAFT ? 250 * RP_NS_PER_MS
                                                                            : 10 * RP_NS_PER_MS;
    rp_time_ns at_ns = 2 * RP_NS_PER_S;
    for (size_t index = 0; index < world->pod_count; index += 1) {
        if (world->pods[index] != first) {
            sim_pod_boot_at(world->pods[index], at_ns);
            at_ns += gap_ns;
        }
    }
}

static void say_not_ready(const struct sim_pod *pod, char note_out[160])
{
    if (pod->boot_note[0] != '\0') {
        (void)snprintf(note_out, 160, "%.40s did not start: %.100s", pod->id, pod->boot_note);
    } else {
        (void)snprintf(note_out, 160,
                       "%.60s was not ready when set-up ended; see cluster.config and network",
                       pod->id);
    }
}

static int set_up(struct sim_world *world, char note_out[160])
{
    const struct sim_cluster_spec *cluster = &world->spec.cluster;
    int error = make_role(world, "writer", cluster->writer_count);
    if (error == 0) {
        error = make_role(world, "compactor", cluster->compactor_count);
    }
    if (error == 0) {
        error = make_role(world, "reader", cluster->reader_count);
    }
    if (error != 0 || world->pod_count == 0) {
        (void)snprintf(note_out, 160, "%s", error != 0 ? rp_strerror(error) : "no nodes");
        return error != 0 ? error : RP_ERR_INVALID;
    }
    boot_all(world);
    if (!run_until(world, world->zero_ns)) {
        return RP_ERR_CANCELLED;
    }
    for (size_t index = 0; index < world->pod_count; index += 1) {
        world->pods[index]->is_bootstrap = false;
        if (!sim_pod_is_ready(world->pods[index]) &&
            !sim_world_is_outside(world, world->pods[index]) &&
            world->pods[index]->judgement == RP_CONFIG_RUN) {
            say_not_ready(world->pods[index], note_out);
            return RP_ERR_TIMEOUT;
        }
    }
    return 0;
}

/* ---- The story --------------------------------------------------------------------------------------------- */

static void begin_story(void *context, uint64_t argument)
{
    struct sim_world *world = context;
    (void)argument;
    world->story->begin(world->story->context);
}

void sim_world_story_done(struct sim_world *world)
{
    world->is_story_done = true;
}

void sim_world_story_error(struct sim_world *world, const char *text)
{
    struct sim_result *result = &world->result;
    if (result->error == NULL) {
        size_t size = strlen(text) + 1;
        result->error = malloc(size);
        RP_ASSERT(result->error != NULL);
        memcpy(result->error, text, size);
    }
    result->verdict = SIM_VERDICT_ERROR;
    world->is_story_done = true;
}

void sim_world_interrupt(struct sim_world *world)
{
    world->is_interrupted = true;
}

static void drop_story(struct sim_world *world)
{
    if (!world->is_story_dropped) {
        world->is_story_dropped = true;
        if (world->story->dropped != NULL) {
            world->story->dropped(world->story->context);
        }
    }
}

static void run_story(struct sim_world *world)
{
    world->phase = SIM_PHASE_STORY;
    rp_time_ns limit_ns = world->zero_ns + world->spec.limit_ns;
    (void)sim_event_queue_add(world->queue, 0, SIM_EVENT_STORY, begin_story, world, 0);
    while (!world->is_story_done && !world->is_interrupted &&
           sim_event_queue_next_time(world->queue) <= limit_ns) {
        if (!step(world)) {
            break;
        }
    }
    if (!world->is_story_done && !world->is_interrupted) {
        sim_world_fail_liveness(world, "story/limit", "the story did not return within its limit");
    }
    world->result.virtual_seconds = sim_world_seconds(world, sim_world_true_now(world));
    drop_story(world);
}

/* ---- Closing -------------------------------------------------------------------------------------------------- */

#define REST_POLL_NS   RP_NS_PER_S
#define REST_BOUND_NS  (40 * 60 * RP_NS_PER_S)
#define READY_BOUND_NS (5 * 60 * RP_NS_PER_S)

static void heal_all(struct sim_world *world)
{
    sim_net_heal(world->net);
    sim_world_stale_names(world, 0, false);
    for (size_t index = 0; index < world->pod_count; index += 1) {
        sim_pod_heal(world->pods[index]);
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

/* Can anything that is missing still arrive? Files without an honest holder cannot. */
static bool is_hopeless(struct sim_world *world)
{
    for (size_t index = 0; index < world->pod_count; index += 1) {
        struct sim_pod *pod = world->pods[index];
        if (pod->state == SIM_POD_DOWN || pod->missing_count == 0) {
            continue;
        }
        const struct sim_truth_file *files[16];
        size_t count = sim_truth_missing(world->truth, pod, files, 16);
        for (size_t row = 0; row < count; row += 1) {
            if (sim_world_has_holder(world, files[row])) {
                return false;
            }
        }
    }
    return true;
}

/* Quiet for three health intervals, decided by state. `is_quiet` of the check: reached in time. */
static bool come_to_rest(struct sim_world *world)
{
    rp_time_ns needed_ns = 3 * world->spec.cluster.config.health_check_interval_ns;
    rp_time_ns quiet_since_ns = RP_TIME_NEVER;
    rp_time_ns bound_ns = sim_world_true_now(world) + REST_BOUND_NS;
    rp_time_ns hopeless_ns = sim_world_true_now(world) + 3 * RP_RESCAN_FIRST_NS;
    while (sim_world_true_now(world) < bound_ns) {
        bool is_quiet = world_is_quiet(world);
        if (!is_quiet) {
            quiet_since_ns = RP_TIME_NEVER;
        } else if (quiet_since_ns == RP_TIME_NEVER) {
            quiet_since_ns = sim_world_true_now(world);
        }
        if (is_quiet && sim_world_true_now(world) - quiet_since_ns >= needed_ns) {
            return true;
        }
        if (!is_quiet && sim_world_true_now(world) >= hopeless_ns && is_hopeless(world)) {
            return true; /* what is missing exists nowhere any more */
        }
        if (!run_until(world, sim_world_true_now(world) + REST_POLL_NS)) {
            return false;
        }
    }
    return false;
}

static void rest_and_check(struct sim_world *world, enum sim_rest rest)
{
    bool is_quiet = come_to_rest(world);
    if (!world->is_interrupted) {
        sim_checks_rest(world->checks, rest, is_quiet);
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

static bool wait_for_ready(struct sim_world *world, struct sim_pod *const *pods, size_t count)
{
    rp_time_ns bound_ns = sim_world_true_now(world) + READY_BOUND_NS;
    while (sim_world_true_now(world) < bound_ns) {
        size_t ready = 0;
        for (size_t row = 0; row < count; row += 1) {
            ready += sim_pod_is_ready(pods[row]) || sim_world_is_outside(world, pods[row]);
        }
        if (ready == count) {
            return true;
        }
        if (!run_until(world, sim_world_true_now(world) + RP_NS_PER_S / 4)) {
            return false;
        }
    }
    return false; /* the check at rest says why */
}

static bool wait_for_down(struct sim_world *world, struct sim_pod *const *pods, size_t count)
{
    rp_time_ns bound_ns = sim_world_true_now(world) + 35 * RP_NS_PER_S;
    for (size_t row = 0; row < count; row += 1) {
        while (pods[row]->state != SIM_POD_DOWN && sim_world_true_now(world) < bound_ns) {
            if (!run_until(world, sim_world_true_now(world) + RP_NS_PER_S / 10)) {
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
    size_t group_max = up_count(world) / 10 > 1 ? up_count(world) / 10 : 1;
    struct sim_pod **group = calloc(group_max, sizeof(struct sim_pod *));
    RP_ASSERT(group != NULL);
    size_t pod_count = world->pod_count;
    for (size_t index = 0; index < pod_count && !world->is_interrupted;) {
        size_t count = 0;
        for (; index < pod_count && count < group_max; index += 1) {
            if (world->pods[index]->state == SIM_POD_UP) {
                group[count++] = world->pods[index];
            }
        }
        for (size_t row = 0; row < count; row += 1) {
            sim_pod_stop(group[row], GRACE_NS, NULL);
        }
        (void)wait_for_down(world, group, count);
        for (size_t row = 0; row < count; row += 1) {
            sim_pod_start(group[row]);
        }
        (void)wait_for_ready(world, group, count);
    }
    free(group);
}

static void stop_all(struct sim_world *world)
{
    for (size_t index = 0; index < world->pod_count; index += 1) {
        sim_pod_stop(world->pods[index], GRACE_NS, NULL);
    }
    (void)wait_for_down(world, world->pods, world->pod_count);
    if (!world->is_interrupted) {
        (void)run_until(world, sim_world_true_now(world) + RP_NS_PER_S);
        sim_checks_end(world->checks);
    }
}

static void close_world(struct sim_world *world)
{
    world->phase = SIM_PHASE_CLOSING;
    heal_all(world);
    rest_and_check(world, SIM_REST_WEAK);
    sim_world_sum_up(world); /* lag and counters as of the first rest */
    if (world->spec.closing == SIM_CLOSING_FULL && !world->is_interrupted) {
        restart_rolling(world);
        rest_and_check(world, SIM_REST_STRONG);
    }
    stop_all(world);
}

/* ---- The whole --------------------------------------------------------------------------------------------------- */

static void finish(struct sim_world *world)
{
    struct sim_result *result = &world->result;
    world->phase = SIM_PHASE_OVER;
    result->fingerprint = sim_trace_fingerprint(world->trace);
    result->events = sim_event_queue_run_count(world->queue);
    if (result->verdict != SIM_VERDICT_ERROR) {
        result->verdict = result->violation_count == 0 ? SIM_VERDICT_PASS : SIM_VERDICT_FAIL;
    }
}

int sim_world_run(struct sim_world *world, const struct sim_story *story, char note_out[160])
{
    note_out[0] = '\0';
    world->story = story;
    int error = set_up(world, note_out);
    if (error != 0) {
        drop_story(world);
        finish(world);
        return error;
    }
    run_story(world);
    if (world->result.verdict == SIM_VERDICT_ERROR || world->is_interrupted) {
        sim_world_sum_up(world);
    } else {
        close_world(world);
    }
    finish(world);
    return 0;
}
