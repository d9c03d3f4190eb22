/* Stories that break what is said of the replicated log, of walks over it, and of waits that connections
 * show. */
#include "protocol/message.h"
#include "tests/sim/bad_story.h"

/* ---- Votes and logs ------------------------------------------------------------------------------ */

static void two_votes_in_a_term(struct sim_world *world)
{
    sim_checks_voted(world->checks, &world->pods[READER], 12, 3, 11);
    story_crash(world, READER);
    fake_life_begins(world, READER);
    sim_checks_voted(world->checks, &world->pods[READER], 12, 3, 13);
}

static void vote_in_a_former_term(struct sim_world *world)
{
    sim_checks_voted(world->checks, &world->pods[READER], 12, 4, 11);
    sim_checks_voted(world->checks, &world->pods[READER], 12, 3, 11);
}

static void give_logs(struct sim_world *world, uint64_t reader_index)
{
    for (int pod = 0; pod < FAKE_POD_COUNT; pod += 1) {
        uint64_t index = pod == READER ? reader_index : 9;
        world->pods[pod].has_log = true;
        world->pods[pod].log = (struct sim_pod_log){(uint64_t)pod + 1, index, index};
    }
}

static void leader_without_a_committed_entry(struct sim_world *world)
{
    (void)story_flushed(world, "db/cpu/a");
    give_logs(world, 0);
    fake_see_value(world, READER, RP_SEE_LEADER, 2, 5);
}

static void applied_before_it_was_durable(struct sim_world *world)
{
    give_logs(world, 0);
    world->pods[OTHER].log.durable_index = 0;
    (void)story_flushed(world, "db/cpu/a");
}

/* What the first node was told to apply is not what all of them applied. */
static void state_that_the_log_does_not_give(struct sim_world *world)
{
    sim_checks_command(world->checks, &world->pods[WRITER], 1, 1, rp_view_text("{}"));
    (void)story_flushed(world, "db/cpu/a");
    story_stop_all(world);
}

/* ---- The walk ------------------------------------------------------------------------------------ */

/* As many visits as entries, and one entry twice. */
static void one_entry_visited_for_another(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    (void)story_flushed(world, "db/cpu/b");
    fake_see_value(world, WRITER, RP_SEE_WALK_BEGIN, 2, 2);
    for (int time = 0; time < 2; time += 1) {
        fake_see_file(world, WRITER, RP_SEE_ANNOUNCED, file, RP_ANNOUNCE_SELF, RP_ANNOUNCE_WALK);
    }
    fake_see_value(world, WRITER, RP_SEE_WALK_END, 2, 1);
}

/* ---- Waits --------------------------------------------------------------------------------------- */

static void attempted_too_late(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
    story_try_peer(world, READER, file, "writer-1", 1, RP_FETCH_FAILED);
    fake_pass(world, 2 * RP_NS_PER_S); /* where half a second was to be waited */
    story_attempt(world, READER, file, 2);
}

static void ask(struct sim_world *world, uint8_t type, rp_time_ns duration_ns)
{
    const uint8_t head[5] = {0, 0, 0, 1, type};
    struct sim_pod *pod = &world->pods[READER];
    sim_checks_conn_opened(world->checks, pod, 5, false);
    sim_checks_conn_sent(world->checks, pod, 5, rp_view_make(head, sizeof head));
    fake_pass(world, duration_ns);
    sim_checks_conn_closed(world->checks, pod, 5, true);
}

static void heartbeat_without_an_end(struct sim_world *world)
{
    ask(world, RP_MSG_HEARTBEAT, 7 * RP_NS_PER_S);
}

static void leave_without_an_end(struct sim_world *world)
{
    ask(world, RP_MSG_LEAVE_NOTIFY, 3 * RP_NS_PER_S);
}

static void silent_caller_is_kept(struct sim_world *world)
{
    sim_checks_conn_opened(world->checks, &world->pods[READER], 5, true);
    fake_pass(world, 11 * RP_NS_PER_S);
    sim_checks_conn_closed(world->checks, &world->pods[READER], 5, true);
}

static void dial_without_an_end_at_rest(struct sim_world *world)
{
    story_all_ready(world);
    sim_checks_conn_opened(world->checks, &world->pods[READER], 5, false);
    fake_pass(world, 11 * RP_NS_PER_S);
    story_rest(world);
}

const struct bad_story bad_of_logs[] = {
    {"two votes in a term", SIM_PROP_CONSENSUS_SAFE, two_votes_in_a_term},
    {"vote in a former term", SIM_PROP_CONSENSUS_SAFE, vote_in_a_former_term},
    {"leader without a committed entry", SIM_PROP_CONSENSUS_SAFE, leader_without_a_committed_entry},
    {"applied before it was durable", SIM_PROP_CONSENSUS_SAFE, applied_before_it_was_durable},
    {"state that the log does not give", SIM_PROP_APPLY_DETERMINISTIC,
     state_that_the_log_does_not_give},
    {"one entry visited for another", SIM_PROP_WALK_COMPLETE, one_entry_visited_for_another},
    {"attempted too late", SIM_PROP_RETRY_BUDGET, attempted_too_late},
    {"heartbeat without an end", SIM_PROP_EVERY_WAIT_BOUNDED, heartbeat_without_an_end},
    {"leave without an end", SIM_PROP_EVERY_WAIT_BOUNDED, leave_without_an_end},
    {"silent caller is kept", SIM_PROP_EVERY_WAIT_BOUNDED, silent_caller_is_kept},
    {"dial without an end at rest", SIM_PROP_EVERY_WAIT_BOUNDED, dial_without_an_end_at_rest},
};
const size_t bad_of_logs_count = sizeof bad_of_logs / sizeof bad_of_logs[0];
