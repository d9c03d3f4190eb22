/* Stories that break what is said of deletions, cancellations and the limits of waits. */
#include "protocol/error.h"
#include "tests/sim/bad_story.h"

/* ---- Deletions -------------------------------------------------------------------------------- */

static void removed_while_registered(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_pull(world, READER, file);
    fake_remove_by_node(world, READER, file);
}

static void visible_after_deletion(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_pull(world, READER, file);
    fake_delete(world, "db/cpu/a");
    fake_remove_by_node(world, WRITER, file);
    fake_pass(world, 60 * RP_NS_PER_S);
    story_all_ready(world);
    story_rest(world);
}

static void visible_again_in_a_later_life(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_pull(world, READER, file);
    story_crash(world, READER);
    fake_delete_but(world, "db/cpu/a", READER);
    fake_remove_by_node(world, WRITER, file);
    fake_pass(world, 60 * RP_NS_PER_S);
    fake_life_begins(world, READER);
    fake_see_value(world, READER, RP_SEE_RESTORED, world->truth.last_index, 0);
    story_all_ready(world);
    story_rest(world);
}

static void staged_after_deletion(struct sim_world *world)
{
    (void)story_flushed(world, "db/cpu/staged");
    story_crash(world, WRITER);
    ck_assert_int_eq(sim_store_remove(world->pods[WRITER].store, rp_view_text("db/cpu/staged")), 0);
    story_stage_one(world, READER);
    story_crash(world, READER); /* so that it is no leak of the next life */
    fake_life_begins(world, READER);
    fake_delete(world, "db/cpu/staged");
    fake_pass(world, 60 * RP_NS_PER_S);
    story_become_ready(world, READER);
    story_become_ready(world, OTHER);
    story_rest(world);
}

/* ---- Cancellations ---------------------------------------------------------------------------- */

static void dialed_in_the_stop(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
    fake_see_value(world, READER, RP_SEE_STOP_BEGIN, 0, 0);
    story_try_peer(world, READER, file, "writer-1", 1, RP_FETCH_CANCELLED);
}

static void dialed_for_an_obsolete_pull(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
    fake_delete(world, "db/cpu/a");
    story_pull_end(world, READER, file, RP_PULL_OBSOLETE, 1);
    story_try_peer(world, READER, file, "writer-1", 1, RP_FETCH_FAILED);
}

static void served_in_the_stop(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_serve(world, WRITER, file, 1);
    fake_see_value(world, WRITER, RP_SEE_STOP_BEGIN, 0, 0);
    fake_see_file(world, WRITER, RP_SEE_SERVE_BYTES, file, 100, 1);
}

static void served_after_its_end(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_serve(world, WRITER, file, 1);
    fake_see_file(world, WRITER, RP_SEE_SERVE_END, file, 0, 1);
    fake_see_file(world, WRITER, RP_SEE_SERVE_BYTES, file, 100, 1);
}

static void published_in_the_stop(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
    story_try_peer(world, READER, file, "writer-1", 1, RP_FETCH_OK);
    fake_see_value(world, READER, RP_SEE_STOP_BEGIN, 0, 0);
    story_finish_pull(world, READER, file, 1);
}

/* ---- Limits ----------------------------------------------------------------------------------- */

static void fetch_for(struct sim_world *world, rp_time_ns duration_ns, int error, const char *class)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
    fake_see_peer(world, READER, RP_SEE_DIAL, file, "writer-1", 1);
    fake_pass(world, duration_ns);
    struct rp_observation seen = {
        .kind = RP_SEE_FETCH_END,
        .path = file->version.path,
        .peer_id = rp_view_text("writer-1"),
        .value = RP_FETCH_FAILED,
        .error = error,
        .code = rp_view_text(class),
    };
    fake_see(world, READER, &seen);
}

static void fetch_that_never_ends(struct sim_world *world)
{
    fetch_for(world, 61 * RP_NS_PER_S, RP_ERR_RESET, "body_stream");
}

static void dial_given_up_early(struct sim_world *world)
{
    fetch_for(world, 9 * RP_NS_PER_S, RP_ERR_TIMEOUT, "dial");
}

static void body_cut_off_early(struct sim_world *world)
{
    fetch_for(world, 30 * RP_NS_PER_S, RP_ERR_TIMEOUT, "body_stream");
}

static void serve_for(struct sim_world *world, rp_time_ns duration_ns, int error)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_serve(world, WRITER, file, 1);
    fake_see_file(world, WRITER, RP_SEE_SERVE_BYTES, file, 100, 1);
    fake_pass(world, duration_ns);
    struct rp_observation seen = {
        .kind = RP_SEE_SERVE_END,
        .path = file->version.path,
        .value = 100,
        .value2 = 1,
        .error = error,
    };
    fake_see(world, WRITER, &seen);
}

static void serve_still_open_at_rest(struct sim_world *world)
{
    story_all_ready(world);
    const struct fake_file *file = fake_version(world, "db/cpu/a");
    fake_put(world, WRITER, file);
    story_serve(world, WRITER, file, 1);
    fake_pass(world, 131 * RP_NS_PER_S);
    story_rest(world);
}

static void fetch_still_open_at_rest(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_pull(world, OTHER, file);
    story_become_ready(world, WRITER);
    story_become_ready(world, OTHER);
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
    fake_see_peer(world, READER, RP_SEE_DIAL, file, "writer-1", 1);
    fake_pass(world, 61 * RP_NS_PER_S);
    world->pods[READER].node.inspection.is_idle = false;
    fake_put(world, READER, file);
    fake_see_value(world, READER, RP_SEE_READY, 1, 0);
    world->pods[READER].node.inspection.is_ready = true;
    story_rest(world);
}

static void serve_that_never_ends(struct sim_world *world)
{
    serve_for(world, 131 * RP_NS_PER_S, RP_ERR_RESET);
}

static void serve_cut_off_early(struct sim_world *world)
{
    serve_for(world, 60 * RP_NS_PER_S, RP_ERR_TIMEOUT);
}

static void join_without_an_answer(struct sim_world *world)
{
    fake_see_value(world, READER, RP_SEE_JOIN_BEGIN, 0, 0);
    fake_pass(world, 21 * RP_NS_PER_S);
    fake_see_value(world, READER, RP_SEE_JOIN_END, 0, 0);
}

static void barrier_beyond_its_deadline(struct sim_world *world)
{
    fake_see_value(world, READER, RP_SEE_BARRIER_BEGIN, world->now_ns + 10 * RP_NS_PER_S, 0);
    fake_pass(world, 11 * RP_NS_PER_S);
    fake_see_value(world, READER, RP_SEE_BARRIER_END, 0, 0);
}

static void proposal_without_an_answer(struct sim_world *world)
{
    fake_see_value(world, READER, RP_SEE_PROPOSED, 7, 1);
    fake_pass(world, 6 * RP_NS_PER_S);
    fake_see_value(world, READER, RP_SEE_PROPOSE_END, 7, 0);
}

static void connection_that_says_nothing(struct sim_world *world)
{
    fake_pass(world, 60 * RP_NS_PER_S);
    world->pods[READER].node.first_frame_ns = 11 * RP_NS_PER_S;
    fake_see_value(world, READER, RP_SEE_HEARTBEAT, 0, 0);
}

const struct bad_story bad_of_work[] = {
    {"removed while registered", SIM_PROP_NO_WRONG_DELETE, removed_while_registered},
    {"visible after deletion", SIM_PROP_NO_RESURRECTION, visible_after_deletion},
    {"visible again in a later life", SIM_PROP_NO_RESURRECTION, visible_again_in_a_later_life},
    {"staged after deletion", SIM_PROP_NO_RESURRECTION, staged_after_deletion},
    {"dialled in the stop", SIM_PROP_CANCEL_STOPS_WORK, dialed_in_the_stop},
    {"dialled for an obsolete pull", SIM_PROP_CANCEL_STOPS_WORK, dialed_for_an_obsolete_pull},
    {"served in the stop", SIM_PROP_CANCEL_STOPS_WORK, served_in_the_stop},
    {"served after its end", SIM_PROP_CANCEL_STOPS_WORK, served_after_its_end},
    {"published in the stop", SIM_PROP_CANCEL_STOPS_WORK, published_in_the_stop},
    {"fetch that never ends", SIM_PROP_EVERY_WAIT_BOUNDED, fetch_that_never_ends},
    {"serve still open at rest", SIM_PROP_EVERY_WAIT_BOUNDED, serve_still_open_at_rest},
    {"fetch still open at rest", SIM_PROP_EVERY_WAIT_BOUNDED, fetch_still_open_at_rest},
    {"serve that never ends", SIM_PROP_EVERY_WAIT_BOUNDED, serve_that_never_ends},
    {"join without an answer", SIM_PROP_EVERY_WAIT_BOUNDED, join_without_an_answer},
    {"barrier beyond its deadline", SIM_PROP_EVERY_WAIT_BOUNDED, barrier_beyond_its_deadline},
    {"proposal without an answer", SIM_PROP_EVERY_WAIT_BOUNDED, proposal_without_an_answer},
    {"connection that says nothing", SIM_PROP_EVERY_WAIT_BOUNDED, connection_that_says_nothing},
    {"dial given up early", SIM_PROP_TIMEOUTS_AS_CONFIGURED, dial_given_up_early},
    {"body cut off early", SIM_PROP_TIMEOUTS_AS_CONFIGURED, body_cut_off_early},
    {"serve cut off early", SIM_PROP_TIMEOUTS_AS_CONFIGURED, serve_cut_off_early},
};
const size_t bad_of_work_count = sizeof bad_of_work / sizeof bad_of_work[0];
