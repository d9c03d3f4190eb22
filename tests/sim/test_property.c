/* Each checker sees stories in which it must speak. */
#include "sim/property.h"
#include "protocol/error.h"
#include "tests/sim/bad_story.h"

/* ---- Stories that break one property ----------------------------------------------------------- */

static void bytes_wrong_when_published(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
    story_try_peer(world, READER, file, "writer-1", 1, RP_FETCH_OK);
    fake_see_file(world, READER, RP_SEE_PUBLISH_BEGIN, file, 0, 0);
    fake_publish_as(world, READER, file, file->version.key + 1, FAKE_LENGTH_BYTES);
}

static void bytes_wrong_when_judged_present(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_pull(world, READER, file);
    ck_assert_int_eq(
        sim_store_damage(world->pods[READER].store, file->version.path, SIM_STORE_FLIP), 0);
    fake_pass(world, 1);
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    fake_see_file(world, READER, RP_SEE_PRESENT, file, 0, file->version.length_bytes);
    story_pull_end(world, READER, file, RP_PULL_PRESENT, 1);
}

static void bytes_of_an_older_version_at_rest(struct sim_world *world)
{
    const struct fake_file *old = story_flushed(world, "db/cpu/a");
    story_pull(world, READER, old);
    story_pull(world, OTHER, old);
    const struct fake_file *fresh = story_flushed(world, "db/cpu/a");
    story_pull(world, OTHER, fresh);
    story_all_ready(world);
}

static void published_without_asking(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    fake_publish(world, READER, file);
}

static void published_in_part(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
    story_try_peer(world, READER, file, "writer-1", 1, RP_FETCH_OK);
    fake_see_file(world, READER, RP_SEE_PUBLISH_BEGIN, file, 0, 0);
    fake_publish_as(world, READER, file, file->version.key, FAKE_LENGTH_BYTES - 1);
}

static void published_after_a_failed_fetch(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
    story_try_peer(world, READER, file, "writer-1", 1, RP_FETCH_FAILED);
    story_finish_pull(world, READER, file, 1);
}

static void published_for_an_earlier_life(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
    story_try_peer(world, READER, file, "writer-1", 1, RP_FETCH_OK);
    fake_see_file(world, READER, RP_SEE_PUBLISH_BEGIN, file, 0, 0);
    story_crash(world, READER);
    fake_life_begins(world, READER);
    fake_publish(world, READER, file);
}

static void served_from_outside_the_manifest(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_serve(world, WRITER, file, 1);
    fake_delete(world, "db/cpu/a");
    fake_see_file(world, WRITER, RP_SEE_SERVE_BYTES, file, 100, 1);
}

static void served_what_is_not_visible(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_serve(world, READER, file, 1);
}

static void published_after_deletion(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
    story_try_peer(world, READER, file, "writer-1", 1, RP_FETCH_OK);
    fake_delete(world, "db/cpu/a");
    story_finish_pull(world, READER, file, 1);
}

static void published_an_old_version(struct sim_world *world)
{
    const struct fake_file *old = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, old);
    story_pull_begin(world, READER, old);
    story_attempt(world, READER, old, 1);
    story_try_peer(world, READER, old, "writer-1", 1, RP_FETCH_OK);
    (void)story_flushed(world, "db/cpu/a");
    story_finish_pull(world, READER, old, 1);
}

static void applied_another_command(struct sim_world *world)
{
    const struct fake_file *file = fake_version(world, "db/cpu/a");
    const struct fake_file *other = fake_version(world, "db/cpu/b");
    fake_apply(world, WRITER, 1, file);
    fake_apply(world, READER, 1, other);
}

static void restored_another_state(struct sim_world *world)
{
    const struct fake_file *file = fake_version(world, "db/cpu/a");
    fake_apply(world, WRITER, 1, file);
    fake_see_value(world, READER, RP_SEE_RESTORED, 1, 0);
}

static void lsn_is_not_the_index(struct sim_world *world)
{
    world->applied_shift = 1;
    fake_apply(world, READER, 8, fake_version(world, "db/cpu/a"));
}

static void applied_twice(struct sim_world *world)
{
    fake_see_value(world, READER, RP_SEE_APPLIED, 9, 1);
    fake_see_value(world, READER, RP_SEE_APPLIED, 9, 1);
}

static void two_pulls_of_a_path(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, file);
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_pull_begin(world, READER, file);
}

static void outcome_twice(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_pull(world, READER, file);
    story_pull_end(world, READER, file, RP_PULL_PULLED, 1);
}

static void outcome_that_nobody_counts(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_pull_end(world, READER, file, RP_PULL_NO_PEERS, 3);
}

static void outcome_owed_at_rest(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_pull(world, READER, file);
    story_pull(world, OTHER, file);
    story_all_ready(world);
    story_announce(world, READER, file);
    story_rest(world);
}

static void counter_differs_from_history(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_pull(world, READER, file);
    story_pull(world, OTHER, file);
    story_all_ready(world);
    world->pods[READER].node.inspection.puller.pulled += 1;
    story_rest(world);
}

static void outcome_owed_after_the_stop(struct sim_world *world)
{
    story_announce(world, READER, story_flushed(world, "db/cpu/a"));
    story_stop(world, READER, RP_NS_PER_S);
}

static void dialed_on_after_a_mismatch(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
    story_try_peer(world, READER, file, "writer-1", 1, RP_FETCH_CHECKSUM_MISMATCH);
    story_try_peer(world, READER, file, "reader-2", 1, RP_FETCH_OK);
}

static void ready_without_a_file(struct sim_world *world)
{
    (void)story_flushed(world, "db/cpu/a");
    story_become_ready(world, READER);
}

/* The file goes without a hand: the node cannot have been told. */
static void queried_without_a_file(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_pull(world, READER, file);
    story_become_ready(world, READER);
    sim_checks_disable(world->checks, SIM_PROP_NO_WRONG_DELETE);
    fake_remove_by_node(world, READER, file);
    sim_checks_query(world->checks, &world->pods[READER]);
}

static void ready_with_a_damaged_file(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_pull(world, READER, file);
    story_crash(world, READER);
    ck_assert_int_eq(
        sim_store_damage(world->pods[READER].store, file->version.path, SIM_STORE_ZERO), 0);
    fake_pass(world, 1);
    fake_life_begins(world, READER);
    fake_apply(world, READER, 1, file);
    story_become_ready(world, READER);
}

static void ready_without_an_own_file(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_crash(world, WRITER);
    ck_assert_int_eq(sim_store_remove(world->pods[WRITER].store, file->version.path), 0);
    fake_pass(world, 1);
    fake_life_begins(world, WRITER);
    fake_apply(world, WRITER, 1, file);
    story_become_ready(world, WRITER);
}

static void ready_below_what_was_committed(struct sim_world *world)
{
    (void)story_flushed(world, "db/cpu/a");
    story_crash(world, READER);
    fake_life_begins(world, READER);
    fake_see_value(world, READER, RP_SEE_WALK_END, 0, 1);
    fake_see_value(world, READER, RP_SEE_READY, 1, 0);
}

static void nonce_accepted_twice(struct sim_world *world)
{
    fake_see_request(world, WRITER, "fetch", 'a', FAKE_WALL_S);
    fake_pass(world, 599 * RP_NS_PER_S);
    fake_see_request(world, WRITER, "join", 'a', FAKE_WALL_S);
    fake_see_request(world, WRITER, "fetch", 'a', FAKE_WALL_S);
}

static void stamp_too_old(struct sim_world *world)
{
    fake_see_request(world, WRITER, "fetch", 'a', FAKE_WALL_S - 301);
}

static void stamp_too_new(struct sim_world *world)
{
    fake_see_request(world, WRITER, "fetch", 'a', FAKE_WALL_S + 301);
}

static void stamp_that_wraps(struct sim_world *world)
{
    fake_see_request(world, WRITER, "fetch", 'a', INT64_MIN);
}

static void refused_within_the_window(struct sim_world *world)
{
    struct rp_observation seen = {
        .kind = RP_SEE_REQUEST_REFUSED,
        .code = rp_view_text("fetch"),
        .error = RP_ERR_TIME,
        .lsn = (uint64_t)(FAKE_WALL_S - 300),
    };
    fake_see(world, WRITER, &seen);
}

static void dialed_an_unhealthy_peer(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    world->pods[READER].node.unhealthy_id = "reader-2";
    story_attempt(world, READER, file, 1);
    story_try_peer(world, READER, file, "writer-1", 1, RP_FETCH_FAILED);
    story_try_peer(world, READER, file, "reader-2", 1, RP_FETCH_FAILED);
}

static void dialed_itself(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
    story_try_peer(world, READER, file, "reader-1", 1, RP_FETCH_FAILED);
}

static void dialed_a_peer_twice(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
    story_try_peer(world, READER, file, "writer-1", 1, RP_FETCH_FAILED);
    story_try_peer(world, READER, file, "writer-1", 1, RP_FETCH_FAILED);
}

static void dialed_more_than_the_candidates(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
    story_try_peer(world, READER, file, "writer-1", 1, RP_FETCH_FAILED);
    story_try_peer(world, READER, file, "reader-2", 1, RP_FETCH_FAILED);
    story_try_peer(world, READER, file, "reader-3", 1, RP_FETCH_FAILED);
}

static void attempted_at_once_again(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
    story_try_peer(world, READER, file, "writer-1", 1, RP_FETCH_FAILED);
    fake_pass(world, 400 * RP_NS_PER_MS);
    story_attempt(world, READER, file, 2);
}

static void attempted_too_often(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    for (uint64_t number = 1; number <= 4; number += 1) {
        story_attempt(world, READER, file, number);
        fake_pass(world, 60 * RP_NS_PER_S);
    }
}

static void gave_up_early(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
    story_pull_end(world, READER, file, RP_PULL_FAILED, 2);
}

static void missing_at_rest(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_pull(world, OTHER, file);
    story_become_ready(world, WRITER);
    story_become_ready(world, OTHER);
    story_rest(world);
}

static void log_behind_at_rest(struct sim_world *world)
{
    story_all_ready(world);
    world->truth.last_index = 7;
    for (int pod = 0; pod < READER; pod += 1) {
        fake_see_value(world, pod, RP_SEE_RESTORED, 7, 0);
    }
    story_rest(world);
}

static void busy_at_rest(struct sim_world *world)
{
    story_all_ready(world);
    world->pods[READER].node.inspection.is_idle = false;
    sim_checks_rest(world->checks, SIM_REST_WEAK, SIM_REST_LATE);
}

static void not_ready_at_rest(struct sim_world *world)
{
    story_become_ready(world, WRITER);
    story_become_ready(world, OTHER);
    story_rest(world);
}

static void readiness_lost(struct sim_world *world)
{
    story_all_ready(world);
    fake_see_value(world, READER, RP_SEE_READY, 0, 0);
}

static void flush_not_registered(struct sim_world *world)
{
    (void)story_flush(world, "db/cpu/a");
    story_all_ready(world);
    story_rest(world);
}

static void flush_dropped_by_the_stop(struct sim_world *world)
{
    const struct fake_file *file = story_flush(world, "db/cpu/a");
    fake_see_value(world, WRITER, RP_SEE_STOP_BEGIN, 0, 0);
    fake_see_file(world, WRITER, RP_SEE_REGISTER_DONE, file, RP_REGISTER_ABANDONED, 0);
    story_stop(world, WRITER, RP_NS_PER_S);
    story_become_ready(world, READER);
    story_become_ready(world, OTHER);
    story_rest(world);
}

static void stop_too_long(struct sim_world *world)
{
    story_stop(world, READER, RP_STOP_TOTAL_NS + 1);
}

static void stop_that_never_ends(struct sim_world *world)
{
    sim_checks_stop_begins(world->checks, &world->pods[READER]);
    fake_pass(world, RP_STOP_TOTAL_NS + 1);
    sim_checks_end(world->checks);
}

static void connections_at_rest(struct sim_world *world)
{
    story_all_ready(world);
    world->pods[READER].node.inspection.connection_count = 6;
    story_rest(world);
}

static void connections_that_stay_through_heartbeats(struct sim_world *world)
{
    story_all_ready(world);
    fake_see_value(world, READER, RP_SEE_HEARTBEAT, 0, 0);
    world->pods[READER].node.inspection.connection_count = 6;
    for (int beat = 0; beat < 3; beat += 1) {
        fake_pass(world, 6 * RP_NS_PER_S);
        fake_see_value(world, READER, RP_SEE_HEARTBEAT, 0, 0);
    }
    story_rest(world);
}

static void request_at_rest(struct sim_world *world)
{
    story_all_ready(world);
    world->pods[READER].node.inspection.request_count = 1;
    story_rest(world);
}

static void staging_at_rest(struct sim_world *world)
{
    story_all_ready(world);
    story_stage_one(world, READER);
    story_rest(world);
}

static void connection_after_the_stop(struct sim_world *world)
{
    world->pods[READER].node.inspection.connection_count = 1;
    story_stop(world, READER, RP_NS_PER_S);
}

static void timer_at_the_end(struct sim_world *world)
{
    world->pods[READER].armed_timers = 1;
    story_stop_all(world);
}

static void two_leaders_in_a_term(struct sim_world *world)
{
    fake_see_value(world, WRITER, RP_SEE_LEADER, 11, 3);
    fake_see_value(world, READER, RP_SEE_LEADER, 12, 3);
}

static void crash_by_a_peer(struct sim_world *world)
{
    story_all_ready(world);
    fake_see_value(world, READER, RP_SEE_CRASHED, 0, 0);
}

static const struct bad_story bad_of_pulls[] = {
    {"bytes wrong when published", SIM_PROP_INTACT_BYTES, bytes_wrong_when_published},
    {"bytes wrong when judged present", SIM_PROP_INTACT_BYTES, bytes_wrong_when_judged_present},
    {"published without asking", SIM_PROP_ATOMIC_PUBLISH, published_without_asking},
    {"published after a failed fetch", SIM_PROP_ATOMIC_PUBLISH, published_after_a_failed_fetch},
    {"published for an earlier life", SIM_PROP_ATOMIC_PUBLISH, published_for_an_earlier_life},
    {"served from outside the manifest", SIM_PROP_SERVE_MANIFEST_ONLY,
     served_from_outside_the_manifest},
    {"served what is not visible", SIM_PROP_SERVE_MANIFEST_ONLY, served_what_is_not_visible},
    {"published after deletion", SIM_PROP_PUBLISH_CURRENT, published_after_deletion},
    {"published an old version", SIM_PROP_PUBLISH_CURRENT, published_an_old_version},
    {"applied another command", SIM_PROP_MANIFEST_AGREEMENT, applied_another_command},
    {"restored another state", SIM_PROP_MANIFEST_AGREEMENT, restored_another_state},
    {"lsn is not the index", SIM_PROP_MANIFEST_AGREEMENT, lsn_is_not_the_index},
    {"applied twice", SIM_PROP_MANIFEST_AGREEMENT, applied_twice},
    {"two pulls of a path", SIM_PROP_SINGLE_FLIGHT, two_pulls_of_a_path},
    {"outcome twice", SIM_PROP_OUTCOME_ACCOUNTING, outcome_twice},
    {"outcome that nobody counts", SIM_PROP_OUTCOME_ACCOUNTING, outcome_that_nobody_counts},
    {"outcome owed at rest", SIM_PROP_OUTCOME_ACCOUNTING, outcome_owed_at_rest},
    {"counter differs", SIM_PROP_OUTCOME_ACCOUNTING, counter_differs_from_history},
    {"outcome owed after the stop", SIM_PROP_OUTCOME_ACCOUNTING, outcome_owed_after_the_stop},
    {"dialled on after a mismatch", SIM_PROP_MISMATCH_STOPS_ATTEMPT, dialed_on_after_a_mismatch},
    {"ready without a file", SIM_PROP_QUERY_COMPLETE, ready_without_a_file},
    {"queried without a file", SIM_PROP_QUERY_COMPLETE, queried_without_a_file},
    {"ready with a damaged file", SIM_PROP_QUERY_COMPLETE, ready_with_a_damaged_file},
    {"ready without an own file", SIM_PROP_QUERY_COMPLETE, ready_without_an_own_file},
    {"ready below what was committed", SIM_PROP_QUERY_COMPLETE, ready_below_what_was_committed},
    {"nonce accepted twice", SIM_PROP_NO_REPLAY, nonce_accepted_twice},
    {"stamp too old", SIM_PROP_FRESHNESS_WINDOW, stamp_too_old},
    {"stamp too new", SIM_PROP_FRESHNESS_WINDOW, stamp_too_new},
    {"stamp that wraps", SIM_PROP_FRESHNESS_WINDOW, stamp_that_wraps},
    {"refused within the window", SIM_PROP_FRESHNESS_WINDOW, refused_within_the_window},
    {"dialled an unhealthy peer", SIM_PROP_RETRY_BUDGET, dialed_an_unhealthy_peer},
    {"dialled itself", SIM_PROP_RETRY_BUDGET, dialed_itself},
    {"dialled a peer twice", SIM_PROP_RETRY_BUDGET, dialed_a_peer_twice},
    {"more dials than candidates", SIM_PROP_RETRY_BUDGET, dialed_more_than_the_candidates},
    {"attempted at once again", SIM_PROP_RETRY_BUDGET, attempted_at_once_again},
    {"attempted too often", SIM_PROP_RETRY_BUDGET, attempted_too_often},
    {"gave up early", SIM_PROP_RETRY_BUDGET, gave_up_early},
    {"missing at rest", SIM_PROP_CONVERGES, missing_at_rest},
    {"log behind at rest", SIM_PROP_CONVERGES, log_behind_at_rest},
    {"busy at rest", SIM_PROP_CONVERGES, busy_at_rest},
    {"not ready at rest", SIM_PROP_BECOMES_READY, not_ready_at_rest},
    {"readiness lost", SIM_PROP_STAYS_READY, readiness_lost},
    {"flush not registered", SIM_PROP_REGISTERS_ALL, flush_not_registered},
    {"flush dropped by the stop", SIM_PROP_REGISTERS_ALL, flush_dropped_by_the_stop},
    {"stop too long", SIM_PROP_STOPS_IN_TIME, stop_too_long},
    {"stop that never ends", SIM_PROP_STOPS_IN_TIME, stop_that_never_ends},
    {"connections at rest", SIM_PROP_NO_LEAKS, connections_at_rest},
    {"connections stay", SIM_PROP_NO_LEAKS, connections_that_stay_through_heartbeats},
    {"request at rest", SIM_PROP_NO_LEAKS, request_at_rest},
    {"staging at rest", SIM_PROP_NO_LEAKS, staging_at_rest},
    {"connection after the stop", SIM_PROP_NO_LEAKS, connection_after_the_stop},
    {"timer at the end", SIM_PROP_NO_LEAKS, timer_at_the_end},
    {"two leaders in a term", SIM_PROP_CONSENSUS_SAFE, two_leaders_in_a_term},
    {"a crash by a peer", SIM_PROP_MEMORY_SAFE, crash_by_a_peer},
};

/* The tables of all files, as one. */
static const struct bad_story *bad_at(int row)
{
    const struct {
        const struct bad_story *stories;
        size_t count;
    } tables[] = {
        {bad_of_pulls, sizeof bad_of_pulls / sizeof bad_of_pulls[0]},
        {bad_of_work, bad_of_work_count},
        {bad_of_transfers, bad_of_transfers_count},
        {bad_of_state, bad_of_state_count},
        {bad_of_consensus, bad_of_consensus_count},
        {bad_of_reconcile, bad_of_reconcile_count},
        {bad_of_messages, bad_of_messages_count},
        {bad_of_logs, bad_of_logs_count},
    };
    size_t at = (size_t)row;
    for (size_t table = 0; table < sizeof tables / sizeof tables[0]; table += 1) {
        if (at < tables[table].count) {
            return &tables[table].stories[at];
        }
        at -= tables[table].count;
    }
    return NULL;
}

static int bad_count(void)
{
    int count = 0;
    while (bad_at(count) != NULL) {
        count += 1;
    }
    return count;
}

/* Every checker speaks, of its own property and of no other, and tells where in words alone. */
START_TEST(broken_property_is_reported_by_name)
{
    const struct bad_story *bad = bad_at(_i);
    struct sim_world *world = fake_cluster_new();
    bad->run(world);
    const char *first = world->seen_count == 0 ? "nothing" : world->seen[0].property;
    ck_assert_msg(fake_violations(world, bad->property) > 0, "%s: %s", bad->name, first);
    ck_assert_msg(fake_violations(world, bad->property) == world->seen_count, "%s: %s too",
                  bad->name, first);
    ck_assert_ptr_eq(strpbrk(world->seen[0].place, "0123456789"), NULL);
    fake_cluster_free(world);
}
END_TEST

/* A checker that is switched off says nothing: then the property it guards goes unguarded. */
START_TEST(disabled_property_is_silent)
{
    const struct bad_story *bad = bad_at(_i);
    struct sim_world *world = fake_cluster_new();
    sim_checks_disable(world->checks, bad->property);
    bad->run(world);
    ck_assert_msg(world->seen_count == 0, "%s", bad->name);
    fake_cluster_free(world);
}
END_TEST

/* No property is in the table without a story that breaks it, but those of the runner itself. */
START_TEST(every_property_has_a_breaking_story)
{
    for (int property = 0; property < SIM_PROP_LIVENESS; property += 1) {
        size_t count = 0;
        for (int row = 0; bad_at(row) != NULL; row += 1) {
            count += bad_at(row)->property == (enum sim_property)property;
        }
        ck_assert_msg(count > 0, "%s", sim_property_name((enum sim_property)property));
    }
}
END_TEST

/* Stories that break two properties at once: each is reported. */
static const struct bad_double doubles[] = {
    {"published in part", SIM_PROP_ATOMIC_PUBLISH, SIM_PROP_INTACT_BYTES, published_in_part},
    {"older version at rest", SIM_PROP_INTACT_BYTES, SIM_PROP_CONVERGES,
     bytes_of_an_older_version_at_rest},
};

#define DOUBLE_COUNT (sizeof doubles / sizeof doubles[0])

static const struct bad_double *double_at(size_t row)
{
    return row < DOUBLE_COUNT ? &doubles[row] : &bad_by_hostile[row - DOUBLE_COUNT];
}

START_TEST(both_broken_properties_are_reported)
{
    const struct bad_double *bad = double_at((size_t)_i);
    struct sim_world *world = fake_cluster_new();
    bad->run(world);
    story_rest(world);
    ck_assert_msg(fake_violations(world, bad->property) > 0, "%s", bad->name);
    ck_assert_msg(fake_violations(world, bad->other) > 0, "%s", bad->name);
    fake_cluster_free(world);
}
END_TEST

/* ---- Names ------------------------------------------------------------------------------------- */

/* Names are what scenarios and results use: they come back as the same property. */
START_TEST(name_parses_to_its_property)
{
    for (int row = 0; row < SIM_PROPERTY_COUNT; row += 1) {
        enum sim_property property = SIM_PROPERTY_COUNT;
        const char *name = sim_property_name((enum sim_property)row);
        ck_assert(sim_property_parse(rp_view_text(name), &property));
        ck_assert_int_eq(property, row);
        ck_assert_uint_gt(strlen(sim_property_about(property)), 0);
    }
}
END_TEST

START_TEST(unknown_name_does_not_parse)
{
    enum sim_property property;
    ck_assert(!sim_property_parse(rp_view_text("intact-byte"), &property));
    ck_assert(!sim_property_parse(rp_view_text(""), &property));
}
END_TEST

int main(void)
{
    TCase *stories = tcase_create("stories");
    tcase_add_loop_test(stories, broken_property_is_reported_by_name, 0, bad_count());
    tcase_add_loop_test(stories, disabled_property_is_silent, 0, bad_count());
    tcase_add_loop_test(stories, both_broken_properties_are_reported, 0,
                        (int)(DOUBLE_COUNT + bad_by_hostile_count));
    tcase_add_test(stories, every_property_has_a_breaking_story);
    TCase *names = tcase_create("names");
    tcase_add_test(names, name_parses_to_its_property);
    tcase_add_test(names, unknown_name_does_not_parse);
    Suite *suite = suite_create("property");
    suite_add_tcase(suite, stories);
    suite_add_tcase(suite, names);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
