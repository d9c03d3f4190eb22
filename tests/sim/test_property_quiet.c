/* Honest stories, in which all checkers must be silent. */
#include "protocol/error.h"
#include "tests/sim/fake_story.h"

static void close_down(struct sim_world *world)
{
    story_all_ready(world);
    story_rest(world);
    story_stop_all(world);
}

static void one_file_everywhere(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    fake_see_request(world, WRITER, "fetch", 'a', FAKE_WALL_S);
    story_serve(world, WRITER, file, 1);
    fake_see_file(world, WRITER, RP_SEE_SERVE_BYTES, file, FAKE_LENGTH_BYTES, 1);
    fake_see_file(world, WRITER, RP_SEE_SERVE_END, file, FAKE_LENGTH_BYTES, 1);
    story_pull(world, READER, file);
    story_pull(world, OTHER, file);
    close_down(world);
}

static void retries_and_fallback(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_pull(world, OTHER, file);
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
    story_try_peer(world, READER, file, "writer-1", 1, RP_FETCH_FAILED);
    story_try_peer(world, READER, file, "reader-2", 1, RP_FETCH_CHECKSUM_MISMATCH);
    fake_pass(world, 500 * RP_NS_PER_MS);
    story_attempt(world, READER, file, 2);
    story_try_peer(world, READER, file, "writer-1", 2, RP_FETCH_FAILED);
    fake_pass(world, RP_NS_PER_S);
    story_attempt(world, READER, file, 3);
    story_try_peer(world, READER, file, "reader-2", 3, RP_FETCH_OK);
    story_finish_pull(world, READER, file, 3);
    close_down(world);
}

static void failed_pull_and_rescan(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_pull(world, OTHER, file);
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    for (uint64_t number = 1; number <= 3; number += 1) {
        story_attempt(world, READER, file, number);
        story_try_peer(world, READER, file, "writer-1", number, RP_FETCH_NOT_ON_PEER);
        fake_pass(world, RP_BACKOFF_FIRST_NS << (number - 1));
    }
    story_pull_end(world, READER, file, RP_PULL_FAILED, 3);
    fake_pass(world, 60 * RP_NS_PER_S);
    story_pull(world, READER, file);
    close_down(world);
}

/* The older job is under way, a successor waits and is itself replaced; then the last one is pulled. */
static void replaced_while_under_way(struct sim_world *world)
{
    const struct fake_file *first = story_flushed(world, "db/cpu/a");
    story_pull(world, OTHER, first);
    story_announce(world, READER, first);
    story_pull_begin(world, READER, first);
    story_attempt(world, READER, first, 1);
    const struct fake_file *second = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, second);
    const struct fake_file *third = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, third);
    story_pull_end(world, READER, second, RP_PULL_OBSOLETE, 0);
    story_pull_end(world, READER, first, RP_PULL_OBSOLETE, 1);
    story_pull_begin(world, READER, third);
    story_attempt(world, READER, third, 1);
    story_try_peer(world, READER, third, "writer-1", 1, RP_FETCH_OK);
    story_finish_pull(world, READER, third, 1);
    story_pull(world, OTHER, third);
    close_down(world);
}

/* Exempt while nobody looked; found and pulled again when the node did. */
static void damage_is_repaired(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_pull(world, READER, file);
    story_pull(world, OTHER, file);
    story_all_ready(world);
    ck_assert_int_eq(
        sim_store_damage(world->pods[READER].store, file->version.path, SIM_STORE_SWAP), 0);
    ck_assert_int_eq(sim_store_remove(world->pods[OTHER].store, file->version.path), 0);
    story_rest(world);
    fake_pass(world, RP_NS_PER_S);
    story_pull(world, READER, file);
    story_pull(world, OTHER, file);
    story_rest(world);
    story_stop_all(world);
}

static void file_that_nobody_has_any_more(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_crash(world, WRITER);
    ck_assert_int_eq(sim_store_remove(world->pods[WRITER].store, file->version.path), 0);
    story_rest(world);
}

static void flush_lost_by_a_crash(struct sim_world *world)
{
    (void)story_flush(world, "db/cpu/a");
    story_crash(world, WRITER);
    story_become_ready(world, READER);
    story_become_ready(world, OTHER);
    story_rest(world);
}

/* Its new version stands under the name, and its registration is on the way (decision 41). */
static void rewritten_before_it_is_ready(struct sim_world *world)
{
    (void)story_flushed(world, "db/cpu/a");
    const struct fake_file *file = story_flush(world, "db/cpu/a");
    story_become_ready(world, WRITER);
    fake_commit(world, file);
    story_pull(world, READER, file);
    story_pull(world, OTHER, file);
    story_become_ready(world, READER);
    story_become_ready(world, OTHER);
    story_rest(world);
}

static void flush_given_up_after_the_drain(struct sim_world *world)
{
    const struct fake_file *file = story_flush(world, "db/cpu/a");
    fake_see_value(world, WRITER, RP_SEE_STOP_BEGIN, 0, 0);
    fake_pass(world, RP_REGISTRAR_DRAIN_NS);
    fake_see_file(world, WRITER, RP_SEE_REGISTER_DONE, file, RP_REGISTER_ABANDONED, 0);
    fake_see_value(world, WRITER, RP_SEE_STOPPED, 0, 0);
    sim_checks_life_ends(world->checks, &world->pods[WRITER], false);
    world->pods[WRITER].state = SIM_POD_DOWN;
    story_become_ready(world, READER);
    story_become_ready(world, OTHER);
    story_rest(world);
}

static void deleted_while_queued(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, file);
    story_announce(world, OTHER, file);
    story_pull_begin(world, OTHER, file);
    fake_delete(world, "db/cpu/a");
    story_pull_end(world, READER, file, RP_PULL_OBSOLETE, 0);
    story_pull_end(world, OTHER, file, RP_PULL_OBSOLETE, 1);
    close_down(world);
}

static void same_nonce_in_another_life(struct sim_world *world)
{
    fake_see_request(world, WRITER, "fetch", 'a', FAKE_WALL_S - 300);
    fake_see_request(world, READER, "fetch", 'a', FAKE_WALL_S + 300);
    fake_see_request(world, WRITER, "fetch", 'b', FAKE_WALL_S);
    story_crash(world, WRITER);
    fake_life_begins(world, WRITER);
    fake_see_request(world, WRITER, "fetch", 'a', FAKE_WALL_S);
}

static void leaders_in_turn(struct sim_world *world)
{
    fake_see_value(world, WRITER, RP_SEE_LEADER, 11, 3);
    fake_see_value(world, READER, RP_SEE_LEADER, 11, 0);
    fake_see_value(world, READER, RP_SEE_LEADER, 12, 4);
    fake_see_value(world, WRITER, RP_SEE_LEADER, 11, 3);
}

static void leftovers_of_a_crash(struct sim_world *world)
{
    story_stage_one(world, READER);
    story_crash(world, READER);
    fake_life_begins(world, READER);
    close_down(world);
}

static void heartbeats_come_and_go(struct sim_world *world)
{
    story_all_ready(world);
    for (int beat = 0; beat < 3; beat += 1) {
        world->pods[READER].node.inspection.connection_count = 9;
        fake_see_value(world, READER, RP_SEE_HEARTBEAT, 0, 0);
        world->pods[READER].node.inspection.connection_count = 1;
        fake_see_value(world, READER, RP_SEE_HEARTBEAT, 0, 0);
        fake_pass(world, 5 * RP_NS_PER_S);
    }
    world->pods[READER].node.inspection.connection_count = 9;
    story_rest(world);
}

/* Everybody takes the file away after the grace; a hand puts it back on one disk, for nobody. */
static void deleted_and_put_back_by_a_hand(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_pull(world, READER, file);
    story_pull(world, OTHER, file);
    fake_delete(world, "db/cpu/a");
    fake_pass(world, RP_NS_PER_S);
    for (int pod = 0; pod < FAKE_POD_COUNT; pod += 1) {
        fake_remove_by_node(world, pod, file);
    }
    fake_pass(world, 60 * RP_NS_PER_S);
    fake_put(world, READER, file);
    close_down(world);
}

static void damaged_file_is_removed(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_pull(world, READER, file);
    story_pull(world, OTHER, file);
    ck_assert_int_eq(
        sim_store_damage(world->pods[READER].store, file->version.path, SIM_STORE_FLIP), 0);
    fake_remove_by_node(world, READER, file);
    fake_pass(world, RP_NS_PER_S);
    story_pull(world, READER, file);
    close_down(world);
}

/* Transfers end before the stop goes on; own flushes may still appear. */
static void stopped_in_the_middle(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_pull(world, OTHER, file);
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
    fake_see_peer(world, READER, RP_SEE_DIAL, file, "writer-1", 1);
    story_serve(world, WRITER, file, 1);
    fake_see_file(world, WRITER, RP_SEE_SERVE_BYTES, file, 100, 1);
    fake_see_value(world, READER, RP_SEE_STOP_BEGIN, 0, 0);
    fake_see_peer(world, READER, RP_SEE_FETCH_END, file, "writer-1", RP_FETCH_CANCELLED);
    story_pull_end(world, READER, file, RP_PULL_CANCELLED, 1);
    story_stop(world, READER, RP_NS_PER_S);
    fake_see_value(world, WRITER, RP_SEE_STOP_BEGIN, 0, 0);
    fake_see_file(world, WRITER, RP_SEE_SERVE_END, file, 100, 1);
    const struct fake_file *last = story_flush(world, "db/cpu/b");
    fake_commit(world, last);
    fake_see_file(world, WRITER, RP_SEE_REGISTER_DONE, last, RP_REGISTER_DONE, 0);
    story_stop(world, WRITER, RP_NS_PER_S);
    story_pull(world, OTHER, last);
    story_become_ready(world, OTHER);
    story_rest(world);
}

static void end_fetch(struct sim_world *world, const struct fake_file *file, int error,
                      const char *class)
{
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

/* Each limit used up to the last, one of them by a process that was frozen meanwhile. */
static void waits_to_the_limit(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_pull(world, OTHER, file);
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
    fake_see_peer(world, READER, RP_SEE_DIAL, file, "writer-1", 1);
    fake_pass(world, RP_FETCH_DIAL_TIMEOUT_NS);
    end_fetch(world, file, RP_ERR_TIMEOUT, "dial");
    fake_see_peer(world, READER, RP_SEE_DIAL, file, "reader-2", 1);
    fake_pass(world, 100 * RP_NS_PER_S);
    world->pods[READER].frozen_ns = 40 * RP_NS_PER_S;
    end_fetch(world, file, RP_ERR_TIMEOUT, "body_stream");
    fake_pass(world, RP_NS_PER_S);
    story_attempt(world, READER, file, 2);
    story_try_peer(world, READER, file, "writer-1", 2, RP_FETCH_OK);
    story_finish_pull(world, READER, file, 2);
    fake_see_value(world, READER, RP_SEE_PROPOSED, 7, 1);
    fake_see_value(world, READER, RP_SEE_JOIN_BEGIN, 0, 0);
    fake_pass(world, RP_PROPOSE_TIMEOUT_NS);
    fake_see_value(world, READER, RP_SEE_PROPOSE_END, 7, 0);
    fake_pass(world, RP_PROPOSE_TIMEOUT_NS);
    fake_see_value(world, READER, RP_SEE_JOIN_END, 0, 0);
    fake_see_value(world, READER, RP_SEE_PROPOSE_END, 7, 0); /* of a request before */
    close_down(world);
}

/* A process that is frozen does not hear of its stop before it goes on; the time is not its own. */
static void frozen_through_its_stop(struct sim_world *world)
{
    sim_checks_stop_begins(world->checks, &world->pods[READER]);
    world->pods[READER].frozen_ns = 40 * RP_NS_PER_S;
    fake_pass(world, 40 * RP_NS_PER_S);
    sim_checks_life_ends(world->checks, &world->pods[READER], true); /* its grace ran out */
}

/* A resumed fetch goes on where it broke off; another peer begins anew; codes mean what they say. */
static void resumed_and_refused(struct sim_world *world)
{
    world->pods[READER].release = RP_RELEASE_ARC; /* whose part files are not staging objects */
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_pull(world, OTHER, file);
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
    fake_see_peer(world, READER, RP_SEE_DIAL, file, "writer-1", 1);
    story_ack(world, READER, file, "", true);
    story_fetch_end(world, READER, file, RP_FETCH_FAILED, 2000);
    fake_see_peer(world, READER, RP_SEE_DIAL, file, "reader-2", 1);
    story_ack(world, READER, file, "auth", false);
    story_fetch_end(world, READER, file, RP_FETCH_FAILED, 0);
    fake_pass(world, RP_NS_PER_S);
    story_attempt(world, READER, file, 2);
    struct rp_observation seen = {
        .kind = RP_SEE_DIAL,
        .path = file->version.path,
        .peer_id = rp_view_text("writer-1"),
        .value = 2,
        .value2 = 2000,
    };
    fake_see(world, READER, &seen);
    story_fetch_end(world, READER, file, RP_FETCH_OK, FAKE_LENGTH_BYTES - 2000);
    story_finish_pull(world, READER, file, 2);
    close_down(world);
}

/* Where the store's last byte is, a fetch may go on. */
static void resumed_where_it_was_staged(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
    fake_see_peer(world, READER, RP_SEE_DIAL, file, "writer-1", 1);
    story_ack(world, READER, file, "", true);
    story_fetch_end(world, READER, file, RP_FETCH_FAILED, 2000);
    story_stage(world, READER, file->version.path, 2000);
    fake_pass(world, RP_NS_PER_S);
    story_attempt(world, READER, file, 2);
    struct rp_observation seen = {
        .kind = RP_SEE_DIAL,
        .path = file->version.path,
        .peer_id = rp_view_text("writer-1"),
        .value = 2,
        .value2 = 2000,
    };
    fake_see(world, READER, &seen);
}

/* Lost in a crash, found missing by the next life, pulled again. */
static void lost_in_a_crash_and_pulled_again(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_pull(world, READER, file);
    story_pull(world, OTHER, file);
    story_crash(world, READER);
    ck_assert_int_eq(sim_store_remove(world->pods[READER].store, file->version.path), 0);
    fake_life_begins(world, READER);
    fake_apply(world, READER, 1, file);
    fake_see_value(world, READER, RP_SEE_WALK_BEGIN, 1, 1);
    fake_see_file(world, READER, RP_SEE_ANNOUNCED, file, RP_ANNOUNCE_DUPLICATE, RP_ANNOUNCE_WALK);
    fake_pass(world, RP_NS_PER_S);
    story_pull(world, READER, file);
    world->pods[READER].node.inspection.puller.skipped_dup = 1;
    fake_see_value(world, READER, RP_SEE_WALK_END, 1, 1);
    fake_see_value(world, READER, RP_SEE_READY, 1, 0);
    world->pods[READER].node.inspection.is_ready = true;
    story_become_ready(world, WRITER);
    story_become_ready(world, OTHER);
    story_rest(world);
    story_stop_all(world);
}

/* One worker, a backlog, and refusals by an attacker between. */
static void backlog_of_one_worker(struct sim_world *world)
{
    static const char *const PATHS[] = {"db/cpu/a", "db/cpu/b", "db/cpu/c"};
    const struct fake_file *files[3];
    world->pods[READER].config.replication_pull_workers = 1;
    for (size_t row = 0; row < 3; row += 1) {
        files[row] = story_flushed(world, PATHS[row]);
        story_pull(world, OTHER, files[row]);
        story_announce(world, READER, files[row]);
    }
    for (size_t row = 0; row < 3; row += 1) {
        story_pull_begin(world, READER, files[row]);
        story_attempt(world, READER, files[row], 1);
        story_try_peer(world, READER, files[row], "writer-1", 1, RP_FETCH_FAILED);
        fake_pass(world, RP_NS_PER_S);
        fake_see_value(world, READER, RP_SEE_REQUEST_REFUSED, 3, 0);
        story_attempt(world, READER, files[row], 2);
        story_try_peer(world, READER, files[row], "writer-1", 2, RP_FETCH_OK);
        story_finish_pull(world, READER, files[row], 2);
    }
    fake_see_request(world, READER, "heartbeat", 'h', FAKE_WALL_S);
    close_down(world);
}

static void refused_command(struct sim_world *world)
{
    struct rp_manifest *manifest = world->pods[READER].node.manifest;
    int error = rp_manifest_apply(manifest, 1, 1, rp_view_text("{}"));
    ck_assert_int_ne(error, 0);
    struct rp_observation seen = {.kind = RP_SEE_APPLIED, .value = 1, .error = error};
    fake_see(world, READER, &seen);
}

/* Sent again by its own transport, and recorded by somebody who holds it back: it is taken once. */
static void consensus_messages_of_members(struct sim_world *world)
{
    struct sim_check_consensus seen = {
        .kind = "AppendEntries",
        .is_authentic = true,
        .is_of_cluster = true,
        .is_addressed_here = true,
        .is_of_session = true,
        .identity = {1, 2, 3},
    };
    sim_checks_consensus_recorded(world->checks, seen.identity);
    sim_checks_consensus_recorded(world->checks, seen.identity);
    sim_checks_consensus(world->checks, &world->pods[READER], &seen);
    seen.is_resent = true;
    sim_checks_consensus(world->checks, &world->pods[READER], &seen);
    seen.is_resent = false;
    seen.identity[2] = 4;
    sim_checks_consensus(world->checks, &world->pods[READER], &seen);
    sim_checks_consensus(world->checks, &world->pods[READER], &seen);
    close_down(world);
}

/* What a member asks for may have effects, in its call and in later ones of its connection. */
static void effects_of_a_member(struct sim_world *world)
{
    struct sim_pod *pod = &world->pods[WRITER];
    story_message(world, WRITER, 1, 0x30);
    fake_see_request(world, WRITER, "forward", 'f', FAKE_WALL_S);
    sim_checks_effect(world->checks, pod, SIM_EFFECT_PROPOSAL);
    sim_checks_call_ends(world->checks, pod);
    sim_checks_call_begins(world->checks, pod, 1, rp_view_text("more"));
    sim_checks_effect(world->checks, pod, SIM_EFFECT_PROPOSAL);
    sim_checks_call_ends(world->checks, pod);
    sim_checks_effect(world->checks, pod, SIM_EFFECT_MEMBERSHIP); /* of nobody's message */
    sim_checks_conn_closed(world->checks, pod, 1, false);
    story_message(world, WRITER, 1, 0x01); /* the handle is used again */
    sim_checks_call_ends(world->checks, pod);
    close_down(world);
}

/* Alike within a kind; kinds differ, and so do refusals of members' requests. */
static void refused_alike(struct sim_world *world)
{
    struct sim_pod *pod = &world->pods[READER];
    for (uint64_t why = 2; why <= 5; why += 1) {
        story_refusal(world, READER, "fetch", why, "authentication failed");
    }
    story_refusal(world, READER, "join", 0, "invalid shared secret");
    story_refusal(world, READER, "join", 0, "invalid shared secret");
    story_refusal(world, READER, "heartbeat", 0, "");
    story_message(world, READER, 1, 0x20);
    fake_see_request(world, READER, "fetch", 'f', FAKE_WALL_S);
    world->pods[READER].node.inspection.nonce_count = 1;
    story_refused(world, READER, "fetch", 9);
    sim_checks_conn_sent(world->checks, pod, 1, rp_view_text("not in the manifest"));
    sim_checks_call_ends(world->checks, pod);
}

/* The whole file, an ack as long as a frame may be, and the fetch time-out to its end. */
static void hostile_to_the_limit(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    world->pods[WRITER].is_hostile = true;
    sim_checks_hostile(world->checks);
    story_dial(world, READER, file, 7);
    story_receive(world, READER, 7, FAKE_LENGTH_BYTES + (1 << 20) + 4);
    fake_pass(world, 60 * RP_NS_PER_S);
    story_fetch_end(world, READER, file, RP_FETCH_FAILED, 0);
}

/* A frame at its limit, and tables that grow with what has come in. */
static void memory_for_what_came(struct sim_world *world)
{
    struct sim_pod *pod = &world->pods[READER];
    story_message(world, READER, 1, 0x20);
    sim_checks_allocated(world->checks, pod, 2u << 20);
    sim_checks_call_ends(world->checks, pod);
    story_receive(world, READER, 1, 1 << 20);
    sim_checks_call_begins(world->checks, pod, 1, rp_view_text("more"));
    sim_checks_allocated(world->checks, pod, 5u << 20);
    sim_checks_call_ends(world->checks, pod);
}

/* Up to the bound, second after second; and beyond it where the network drives. */
static void busy_seconds(struct sim_world *world)
{
    struct sim_pod *pod = &world->pods[READER];
    sim_checks_conn_opened(world->checks, pod, 7, false);
    for (int second = 0; second < 3; second += 1) {
        sim_checks_step(world->checks, pod);
        for (int piece = 0; piece < 1000 * second; piece += 1) {
            sim_checks_call_begins(world->checks, pod, 7, rp_view_text("x"));
            sim_checks_call_ends(world->checks, pod);
        }
        for (int step = 0; step < 99999 + 8000 * second; step += 1) {
            sim_checks_step(world->checks, pod);
        }
        fake_pass(world, RP_NS_PER_S);
    }
    sim_checks_step(world->checks, pod);
}

/* Votes go on from term to term, leaders have what is committed, and a majority has it on its disks;
 * what is asked and heard on connections ends at the last moment. */
static void logs_and_waits_to_the_limit(struct sim_world *world)
{
    const uint8_t head[5] = {0, 0, 0, 1, 0x04};
    struct sim_pod *pod = &world->pods[READER];
    for (int row = 0; row < FAKE_POD_COUNT; row += 1) {
        world->pods[row].has_log = true;
        world->pods[row].log = (struct sim_pod_log){(uint64_t)row + 1, 9, row == OTHER ? 0 : 9};
    }
    sim_checks_voted(world->checks, pod, 2, 3, 0);
    sim_checks_voted(world->checks, pod, 2, 3, 1);
    sim_checks_voted(world->checks, pod, 2, 3, 1);
    sim_checks_voted(world->checks, pod, 2, 4, 3);
    (void)story_flushed(world, "db/cpu/a");
    fake_see_value(world, READER, RP_SEE_LEADER, 2, 4);
    sim_checks_conn_opened(world->checks, pod, 5, false);
    sim_checks_conn_sent(world->checks, pod, 5, rp_view_make(head, 3));
    sim_checks_conn_sent(world->checks, pod, 5, rp_view_make(head + 3, 2));
    sim_checks_conn_opened(world->checks, pod, 6, true);
    fake_pass(world, 6 * RP_NS_PER_S);
    sim_checks_conn_closed(world->checks, pod, 5, true);
    fake_pass(world, 4 * RP_NS_PER_S);
    sim_checks_conn_closed(world->checks, pod, 6, true);
}

/* A leader's session is kept for half a minute after the last command, a node's own for longer: the host
 * that fell silent is not heard closing it. */
static void sessions_at_rest(struct sim_world *world)
{
    const uint8_t head[5] = {0, 0, 0, 3, RP_MSG_FORWARD_APPLY};
    struct sim_pod *pod = &world->pods[READER];
    story_all_ready(world);
    sim_checks_conn_opened(world->checks, pod, 2, false);
    sim_checks_conn_sent(world->checks, pod, 2, rp_view_make(head, sizeof head));
    fake_pass(world, 60 * RP_NS_PER_S);
    story_message(world, READER, 1, RP_MSG_FORWARD_APPLY);
    fake_see_request(world, READER, "forward", 'F', FAKE_WALL_S);
    sim_checks_call_ends(world->checks, pod);
    fake_pass(world, 20 * RP_NS_PER_S);
    sim_checks_conn_sent(world->checks, pod, 1, rp_view_text("an answer"));
    fake_pass(world, 30 * RP_NS_PER_S);
    story_rest(world);
}

/* The version's own bytes; and others, once a member was hostile. */
static void staged_as_it_came(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_staged(world, READER, file, file->version.key, 900);
    story_staged(world, READER, file, file->version.key, FAKE_LENGTH_BYTES);
    world->pods[WRITER].is_hostile = true;
    sim_checks_hostile(world->checks);
    story_staged(world, READER, file, file->version.key + 1, FAKE_LENGTH_BYTES + 7);
}

/* Votes that were long on their way make a leader of term 4 when one of term 5 has gone ahead. */
static void leader_of_a_former_term(struct sim_world *world)
{
    for (int row = 0; row < FAKE_POD_COUNT; row += 1) {
        uint64_t index = row == READER ? 0 : 9;
        world->pods[row].has_log = true;
        world->pods[row].log = (struct sim_pod_log){(uint64_t)row + 1, index, index};
    }
    fake_see_value(world, WRITER, RP_SEE_LEADER, 1, 5);
    (void)story_flushed(world, "db/cpu/a");
    fake_see_value(world, READER, RP_SEE_LEADER, 2, 4);
}

static const struct {
    const char *name;
    void (*run)(struct sim_world *world);
} good[] = {
    {"one file everywhere", one_file_everywhere},
    {"retries and fallback", retries_and_fallback},
    {"failed pull and rescan", failed_pull_and_rescan},
    {"replaced while under way", replaced_while_under_way},
    {"damage is repaired", damage_is_repaired},
    {"file that nobody has any more", file_that_nobody_has_any_more},
    {"flush lost by a crash", flush_lost_by_a_crash},
    {"rewritten before it is ready", rewritten_before_it_is_ready},
    {"flush given up after the drain", flush_given_up_after_the_drain},
    {"deleted while queued", deleted_while_queued},
    {"same nonce in another life", same_nonce_in_another_life},
    {"leaders in turn", leaders_in_turn},
    {"leftovers of a crash", leftovers_of_a_crash},
    {"heartbeats come and go", heartbeats_come_and_go},
    {"deleted and put back by a hand", deleted_and_put_back_by_a_hand},
    {"damaged file is removed", damaged_file_is_removed},
    {"stopped in the middle", stopped_in_the_middle},
    {"waits to the limit", waits_to_the_limit},
    {"frozen through its stop", frozen_through_its_stop},
    {"resumed and refused", resumed_and_refused},
    {"resumed where it was staged", resumed_where_it_was_staged},
    {"lost in a crash and pulled again", lost_in_a_crash_and_pulled_again},
    {"backlog of one worker", backlog_of_one_worker},
    {"refused command", refused_command},
    {"consensus messages of members", consensus_messages_of_members},
    {"effects of a member", effects_of_a_member},
    {"refused alike", refused_alike},
    {"hostile to the limit", hostile_to_the_limit},
    {"memory for what came", memory_for_what_came},
    {"busy seconds", busy_seconds},
    {"logs and waits to the limit", logs_and_waits_to_the_limit},
    {"sessions at rest", sessions_at_rest},
    {"staged as it came", staged_as_it_came},
    {"leader of a former term", leader_of_a_former_term},
};

/* What an honest node does is reported by no checker. */
START_TEST(honest_story_breaks_nothing)
{
    struct sim_world *world = fake_cluster_new();
    good[_i].run(world);
    ck_assert_msg(world->seen_count == 0, "%s: %s at %s", good[_i].name, world->seen[0].property,
                  world->seen[0].place);
    fake_cluster_free(world);
}
END_TEST

int main(void)
{
    TCase *stories = tcase_create("stories");
    tcase_add_loop_test(stories, honest_story_breaks_nothing, 0,
                        (int)(sizeof good / sizeof good[0]));
    Suite *suite = suite_create("property_quiet");
    suite_add_tcase(suite, stories);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
