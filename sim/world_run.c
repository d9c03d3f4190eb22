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

bool sim_run_until(struct sim_run *run, rp_time_ns until_ns)
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
    if (!sim_run_until(run, run->zero_ns)) {
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

void sim_world_watch_run(struct sim_world *world, const struct sim_run_watch *watch)
{
    world->run->watch = *watch;
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
    sim_trace_mark(run->trace, run_now(run), "phase", rp_view_text(""), rp_view_text("story"));
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
    sim_reach_checked(&run->result.reach, SIM_PROP_LIVENESS);
    drop_story(run);
}

/* ---- The whole --------------------------------------------------------------------------------------------------- */

static void finish(struct sim_run *run)
{
    struct sim_result *result = &run->result;
    run->phase = SIM_PHASE_OVER;
    result->reach.faults[sim_reach_fault_place("stale_dns")] = sim_dns_stale_count(run->dns);
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
        sim_run_close(run);
    }
    finish(run);
    return 0;
}
