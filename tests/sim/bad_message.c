/* Stories that break what is said of messages, of hostile members, of memory and of steps. */
#include "protocol/error.h"
#include "protocol/fetch_server.h"
#include "protocol/message.h"
#include "tests/sim/bad_story.h"

/* ---- Before a message is known to be a member's ------------------------------------------------- */

static void call_ends(struct sim_world *world)
{
    sim_checks_conn_closed(world->checks, &world->pods[READER], 1, true);
    sim_checks_call_ends(world->checks, &world->pods[READER]);
}

static void registry_changed_by_a_heartbeat(struct sim_world *world)
{
    story_message(world, READER, 1, RP_MSG_HEARTBEAT);
    fake_see_value(world, READER, RP_SEE_PEER, 5, 0);
    call_ends(world);
}

static void proposed_for_a_join(struct sim_world *world)
{
    story_message(world, READER, 1, RP_MSG_JOIN_REQUEST);
    sim_checks_effect(world->checks, &world->pods[READER], SIM_EFFECT_PROPOSAL);
    call_ends(world);
}

static void forwarded_before_it_was_judged(struct sim_world *world)
{
    story_message(world, READER, 1, RP_MSG_FORWARD_APPLY);
    fake_see_value(world, READER, RP_SEE_PROPOSED, 1, 0);
    call_ends(world);
}

static void membership_changed_by_a_leave(struct sim_world *world)
{
    story_message(world, READER, 1, RP_MSG_LEAVE_NOTIFY);
    sim_checks_effect(world->checks, &world->pods[READER], SIM_EFFECT_MEMBERSHIP);
    call_ends(world);
}

static void store_asked_by_a_stranger(struct sim_world *world)
{
    (void)story_flushed(world, "db/cpu/a");
    story_message(world, READER, 1, RP_MSG_FETCH_FILE);
    sim_checks_called(world->checks, &world->pods[READER], SIM_STORE_CALL_STAT,
                      rp_view_text("db/cpu/a"));
    call_ends(world);
}

static void nonce_of_a_refused_message(struct sim_world *world)
{
    story_message(world, READER, 1, RP_MSG_FETCH_FILE);
    story_refused(world, READER, "fetch", RP_SERVE_REFUSED_MAC);
    world->pods[READER].node.inspection.nonce_count = 1;
    call_ends(world);
}

static void slot_of_a_refused_message(struct sim_world *world)
{
    story_message(world, READER, 1, RP_MSG_JOIN_REQUEST);
    story_refused(world, READER, "join", 0);
    sim_checks_call_ends(world->checks, &world->pods[READER]);
}

/* ---- How it is refused -------------------------------------------------------------------------- */

static void told_what_is_wrong(struct sim_world *world)
{
    story_refusal(world, READER, "fetch", RP_SERVE_REFUSED_MAC, "authentication failed");
    story_refusal(world, READER, "fetch", RP_SERVE_REFUSED_EXPIRED, "too old");
}

static void answered_one_and_not_the_other(struct sim_world *world)
{
    story_refusal(world, READER, "join", 0, "no");
    story_refusal(world, READER, "join", 0, "");
}

static void closed_before_the_answer(struct sim_world *world)
{
    struct sim_pod *pod = &world->pods[READER];
    story_refusal(world, READER, "leave", 0, "no");
    story_message(world, READER, 1, RP_MSG_LEAVE_NOTIFY);
    story_refused(world, READER, "leave", 0);
    sim_checks_conn_closed(world->checks, pod, 1, true);
    sim_checks_conn_sent(world->checks, pod, 1, rp_view_text("no"));
    sim_checks_call_ends(world->checks, pod);
}

/* ---- Hostile members ---------------------------------------------------------------------------- */

static void more_than_the_file_and_a_frame(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    world->pods[WRITER].is_hostile = true;
    sim_checks_hostile(world->checks);
    story_dial(world, READER, file, 7);
    story_receive(world, READER, 7, FAKE_LENGTH_BYTES + (1 << 20));
    story_receive(world, READER, 7, 5);
}

static void held_by_a_hostile_peer(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    world->pods[WRITER].is_hostile = true;
    sim_checks_hostile(world->checks);
    story_dial(world, READER, file, 7);
    fake_pass(world, 61 * RP_NS_PER_S);
    story_fetch_end(world, READER, file, RP_FETCH_FAILED, 0);
}

static void forgery_of_a_hostile_peer(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    world->pods[WRITER].is_hostile = true;
    sim_checks_hostile(world->checks);
    story_dial(world, READER, file, 7);
    story_fetch_end(world, READER, file, RP_FETCH_OK, FAKE_LENGTH_BYTES);
    fake_see_file(world, READER, RP_SEE_PUBLISH_BEGIN, file, 0, 0);
    fake_publish_as(world, READER, file, file->version.key + 1, FAKE_LENGTH_BYTES);
}

/* ---- Connections that stay -------------------------------------------------------------------- */

/* Nothing was asked on it for longer than a leader keeps it. */
static void session_that_nobody_closes(struct sim_world *world)
{
    story_all_ready(world);
    story_message(world, READER, 1, RP_MSG_FORWARD_APPLY);
    fake_see_request(world, READER, "forward", 'F', FAKE_WALL_S);
    sim_checks_call_ends(world->checks, &world->pods[READER]);
    fake_pass(world, 31 * RP_NS_PER_S);
    story_rest(world);
}

static void two_sessions_at_once(struct sim_world *world)
{
    const uint8_t head[5] = {0, 0, 0, 3, RP_MSG_FORWARD_APPLY};
    story_all_ready(world);
    for (uint64_t conn = 1; conn <= 2; conn += 1) {
        sim_checks_conn_opened(world->checks, &world->pods[READER], conn, false);
        sim_checks_conn_sent(world->checks, &world->pods[READER], conn,
                             rp_view_make(head, sizeof head));
    }
    story_rest(world);
}

static void fetch_connection_that_stays(struct sim_world *world)
{
    const uint8_t head[5] = {0, 0, 0, 3, RP_MSG_FETCH_FILE};
    story_all_ready(world);
    sim_checks_conn_opened(world->checks, &world->pods[READER], 1, false);
    sim_checks_conn_sent(world->checks, &world->pods[READER], 1, rp_view_make(head, sizeof head));
    fake_pass(world, 31 * RP_NS_PER_S);
    story_rest(world);
}

/* ---- Memory and steps --------------------------------------------------------------------------- */

/* A header says two gigabytes, and not one of them has come. */
static void memory_on_the_word_of_a_header(struct sim_world *world)
{
    story_message(world, READER, 1, RP_MSG_FETCH_FILE);
    sim_checks_allocated(world->checks, &world->pods[READER], (size_t)1 << 31);
    call_ends(world);
}

static void memory_of_an_answer(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_dial(world, READER, file, 7);
    sim_checks_call_begins(world->checks, &world->pods[READER], 7,
                           rp_view_text("\x7f\xff\xff\xff"));
    sim_checks_allocated(world->checks, &world->pods[READER], 3u << 20);
    sim_checks_call_ends(world->checks, &world->pods[READER]);
}

static void step(struct sim_world *world, uint64_t count)
{
    for (uint64_t at = 0; at < count; at += 1) {
        sim_checks_step(world->checks, &world->pods[READER]);
    }
}

/* A timer that arms itself again for the same moment. */
static void steps_without_an_end(struct sim_world *world)
{
    step(world, 100001);
    fake_pass(world, RP_NS_PER_S);
    step(world, 1);
}

static void walk_that_offers_all_again(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    fake_see_value(world, READER, RP_SEE_WALK_BEGIN, 1, 1);
    for (int time = 0; time < 2; time += 1) {
        fake_see_file(world, READER, RP_SEE_ANNOUNCED, file, RP_ANNOUNCE_SELF, RP_ANNOUNCE_WALK);
    }
    fake_see_value(world, READER, RP_SEE_WALK_END, 1, 1);
}

const struct bad_story bad_of_messages[] = {
    {"registry changed by a heartbeat", SIM_PROP_AUTH_BEFORE_EFFECT,
     registry_changed_by_a_heartbeat},
    {"proposed for a join", SIM_PROP_AUTH_BEFORE_EFFECT, proposed_for_a_join},
    {"forwarded before it was judged", SIM_PROP_AUTH_BEFORE_EFFECT, forwarded_before_it_was_judged},
    {"membership changed by a leave", SIM_PROP_AUTH_BEFORE_EFFECT, membership_changed_by_a_leave},
    {"store asked by a stranger", SIM_PROP_AUTH_BEFORE_EFFECT, store_asked_by_a_stranger},
    {"nonce of a refused message", SIM_PROP_AUTH_BEFORE_EFFECT, nonce_of_a_refused_message},
    {"slot of a refused message", SIM_PROP_AUTH_BEFORE_EFFECT, slot_of_a_refused_message},
    {"told what is wrong", SIM_PROP_UNIFORM_REFUSAL, told_what_is_wrong},
    {"answered one and not the other", SIM_PROP_UNIFORM_REFUSAL, answered_one_and_not_the_other},
    {"closed before the answer", SIM_PROP_UNIFORM_REFUSAL, closed_before_the_answer},
    {"more than the file and a frame", SIM_PROP_HOSTILE_CONTAINED, more_than_the_file_and_a_frame},
    {"session that nobody closes", SIM_PROP_NO_LEAKS, session_that_nobody_closes},
    {"two sessions at once", SIM_PROP_NO_LEAKS, two_sessions_at_once},
    {"fetch connection that stays", SIM_PROP_NO_LEAKS, fetch_connection_that_stays},
    {"memory on the word of a header", SIM_PROP_BOUNDED_ALLOCATION, memory_on_the_word_of_a_header},
    {"memory of an answer", SIM_PROP_BOUNDED_ALLOCATION, memory_of_an_answer},
    {"steps without an end", SIM_PROP_STEP_BUDGET, steps_without_an_end},
    {"walk that offers all again", SIM_PROP_STEP_BUDGET, walk_that_offers_all_again},
};
const size_t bad_of_messages_count = sizeof bad_of_messages / sizeof bad_of_messages[0];

const struct bad_double bad_by_hostile[] = {
    {"held by a hostile peer", SIM_PROP_HOSTILE_CONTAINED, SIM_PROP_EVERY_WAIT_BOUNDED,
     held_by_a_hostile_peer},
    {"forgery of a hostile peer", SIM_PROP_HOSTILE_CONTAINED, SIM_PROP_INTACT_BYTES,
     forgery_of_a_hostile_peer},
};
const size_t bad_by_hostile_count = sizeof bad_by_hostile / sizeof bad_by_hostile[0];
