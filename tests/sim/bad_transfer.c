/* Stories that break what is said of single fetches, of the queue, and of requests. */
#include "protocol/error.h"
#include "tests/sim/bad_story.h"

/* ---- Fetches ---------------------------------------------------------------------------------- */

static const struct fake_file *begin_attempt(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
    return file;
}

static const struct fake_file *dial(struct sim_world *world)
{
    const struct fake_file *file = begin_attempt(world);
    fake_see_peer(world, READER, RP_SEE_DIAL, file, "writer-1", 1);
    return file;
}

static void asked_for_what_is_here(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_pull(world, READER, file);
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
}

static void took_more_than_there_is(struct sim_world *world)
{
    const struct fake_file *file = dial(world);
    story_fetch_end(world, READER, file, RP_FETCH_CHECKSUM_MISMATCH, FAKE_LENGTH_BYTES + 1);
}

static void resumed_too_early(struct sim_world *world)
{
    world->pods[READER].release = RP_RELEASE_ARC; /* whose part files are not staging objects */
    const struct fake_file *file = dial(world);
    story_fetch_end(world, READER, file, RP_FETCH_FAILED, 2000);
    fake_pass(world, RP_NS_PER_S);
    story_attempt(world, READER, file, 2);
    struct rp_observation seen = {
        .kind = RP_SEE_DIAL,
        .path = file->version.path,
        .peer_id = rp_view_text("writer-1"),
        .value = 2,
        .value2 = 1000,
    };
    fake_see(world, READER, &seen);
}

static void succeeded_with_a_part(struct sim_world *world)
{
    const struct fake_file *file = dial(world);
    story_ack(world, READER, file, "", true);
    story_fetch_end(world, READER, file, RP_FETCH_OK, FAKE_LENGTH_BYTES - 1);
}

static void sent_more_than_announced(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_serve(world, WRITER, file, 1);
    fake_see_file(world, WRITER, RP_SEE_SERVE_END, file, FAKE_LENGTH_BYTES + 1, 1);
}

static void auth_taken_for_absence(struct sim_world *world)
{
    const struct fake_file *file = dial(world);
    story_ack(world, READER, file, "auth", false);
    story_fetch_end(world, READER, file, RP_FETCH_NOT_ON_PEER, 0);
}

static void absence_without_a_refusal(struct sim_world *world)
{
    const struct fake_file *file = dial(world);
    story_ack(world, READER, file, "", true);
    story_fetch_end(world, READER, file, RP_FETCH_NOT_ON_PEER, 0);
}

static void code_of_the_peers_own(struct sim_world *world)
{
    story_ack(world, READER, dial(world), "db/cpu/a", false);
}

/* ---- The queue -------------------------------------------------------------------------------- */

static void one_worker(struct sim_world *world)
{
    world->pods[READER].config.replication_pull_workers = 1;
    world->pods[READER].config.replication_queue_size = 1;
}

static void overtaken_again_and_again(struct sim_world *world)
{
    static const char *const LATER[] = {"db/cpu/b", "db/cpu/c", "db/cpu/d"};
    one_worker(world);
    const struct fake_file *first = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, first);
    for (size_t row = 0; row < 3; row += 1) {
        story_pull(world, READER, story_flushed(world, LATER[row]));
    }
    story_pull_begin(world, READER, first);
}

static void queue_beyond_its_bound(struct sim_world *world)
{
    static const char *const PATHS[] = {"db/cpu/a", "db/cpu/b", "db/cpu/c", "db/cpu/d"};
    one_worker(world);
    const struct fake_file *file = NULL;
    for (size_t row = 0; row < 4; row += 1) {
        file = story_flushed(world, PATHS[row]);
        story_announce(world, READER, file);
    }
    story_pull_begin(world, READER, file);
}

static void worker_idles_in_vain(struct sim_world *world)
{
    const struct fake_file *first = story_flushed(world, "db/cpu/a");
    const struct fake_file *second = story_flushed(world, "db/cpu/b");
    story_pull(world, READER, first);
    story_announce(world, READER, second);
    fake_pass(world, RP_NS_PER_S);
    fake_see_value(world, READER, RP_SEE_HEARTBEAT, 0, 0);
}

static void nonces_out_of_nowhere(struct sim_world *world)
{
    story_all_ready(world);
    fake_see_request(world, READER, "fetch", 'a', FAKE_WALL_S);
    world->pods[READER].node.inspection.nonce_count = 2;
    story_rest(world);
}

static void peers_without_end(struct sim_world *world)
{
    story_all_ready(world);
    world->pods[READER].node.inspection.peer_count = RP_PEER_COUNT_MAX + 1;
    story_rest(world);
}

/* ---- Requests --------------------------------------------------------------------------------- */

static void served_without_a_request(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_serve(world, WRITER, file, 1);
    fake_see_file(world, WRITER, RP_SEE_SERVE_BEGIN, file, 0, 2);
}

static void signed_by_nobody(struct sim_world *world)
{
    world->is_unsigned = true;
    fake_see_request(world, WRITER, "fetch", 'a', FAKE_WALL_S);
}

static void another_kind_than_signed(struct sim_world *world)
{
    fake_see_request(world, WRITER, "join", 'a', FAKE_WALL_S);
    world->is_unsigned = true;
    fake_see_request(world, WRITER, "leave", 'a', FAKE_WALL_S);
}

static void another_offset_than_signed(struct sim_world *world)
{
    world->accepted_offset = 100;
    fake_see_request(world, WRITER, "fetch", 'a', FAKE_WALL_S);
}

/* ---- The disk --------------------------------------------------------------------------------- */

static void asked_for_an_unknown_name(struct sim_world *world)
{
    sim_checks_called(world->checks, &world->pods[READER], SIM_STORE_CALL_STAT,
                      rp_view_text("db/../secret"));
}

static void asked_while_applying(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    struct rp_observation seen = {
        .kind = RP_SEE_FILE_DELETED, .path = rp_view_text("db/cpu/b"), .value = 9};
    fake_see(world, READER, &seen);
    sim_checks_called(world->checks, &world->pods[READER], SIM_STORE_CALL_STAT, file->version.path);
}

static void second_writer_of_a_stage(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    sim_checks_called(world->checks, &world->pods[READER], SIM_STORE_CALL_SECOND_WRITER,
                      file->version.path);
}

/* A peer that is honest sent other bytes than come next, or the node wrote them elsewhere. */
static void other_bytes_are_staged(struct sim_world *world)
{
    const struct fake_file *file = begin_attempt(world);
    story_staged(world, READER, file, file->version.key + 1, 900);
}

static void more_is_staged_than_there_is(struct sim_world *world)
{
    const struct fake_file *file = begin_attempt(world);
    story_staged(world, READER, file, file->version.key, FAKE_LENGTH_BYTES + 1);
}

static void resume_at_1000(struct sim_world *world, const struct fake_file *file)
{
    struct rp_observation seen = {
        .kind = RP_SEE_DIAL,
        .path = file->version.path,
        .peer_id = rp_view_text("writer-1"),
        .value = 1,
        .value2 = 1000,
    };
    fake_see(world, READER, &seen);
}

static void resumed_from_nothing(struct sim_world *world)
{
    resume_at_1000(world, begin_attempt(world));
}

/* The store holds fewer bytes than were agreed on: what comes next would leave a gap. */
static void resumed_beyond_what_is_staged(struct sim_world *world)
{
    const struct fake_file *file = begin_attempt(world);
    story_stage(world, READER, file->version.path, 900);
    resume_at_1000(world, file);
}

static void started_without_a_secret(struct sim_world *world)
{
    world->pods[READER].config.shared_secret = NULL;
    fake_see_value(world, READER, RP_SEE_STARTED, 0, 0);
}

static void deaf_after_a_refusal(struct sim_world *world)
{
    story_all_ready(world);
    fake_see_request(world, READER, "heartbeat", 'a', FAKE_WALL_S);
    fake_see_value(world, READER, RP_SEE_REQUEST_REFUSED, 3, 0);
    fake_pass(world, 16 * RP_NS_PER_S);
    story_rest(world);
}

const struct bad_story bad_of_transfers[] = {
    {"asked for what is here", SIM_PROP_TRANSFER_BUDGET, asked_for_what_is_here},
    {"took more than there is", SIM_PROP_TRANSFER_BUDGET, took_more_than_there_is},
    {"resumed too early", SIM_PROP_TRANSFER_BUDGET, resumed_too_early},
    {"succeeded with a part", SIM_PROP_EXACT_STREAM, succeeded_with_a_part},
    {"sent more than announced", SIM_PROP_EXACT_STREAM, sent_more_than_announced},
    {"auth taken for absence", SIM_PROP_ACK_CODE_FIXED, auth_taken_for_absence},
    {"absence without a refusal", SIM_PROP_ACK_CODE_FIXED, absence_without_a_refusal},
    {"code of the peer's own", SIM_PROP_ACK_CODE_FIXED, code_of_the_peers_own},
    {"overtaken again and again", SIM_PROP_NO_STARVATION, overtaken_again_and_again},
    {"queue beyond its bound", SIM_PROP_BOUNDED_STATE, queue_beyond_its_bound},
    {"nonces out of nowhere", SIM_PROP_BOUNDED_STATE, nonces_out_of_nowhere},
    {"peers without end", SIM_PROP_BOUNDED_STATE, peers_without_end},
    {"worker idles in vain", SIM_PROP_USES_WORKERS, worker_idles_in_vain},
    {"served without a request", SIM_PROP_AUTH_BEFORE_EFFECT, served_without_a_request},
    {"signed by nobody", SIM_PROP_MAC_BINDS_ALL, signed_by_nobody},
    {"another kind than signed", SIM_PROP_MAC_BINDS_ALL, another_kind_than_signed},
    {"another offset than signed", SIM_PROP_MAC_BINDS_ALL, another_offset_than_signed},
    {"asked for an unknown name", SIM_PROP_PATH_CONFINED, asked_for_an_unknown_name},
    {"asked while applying", SIM_PROP_APPLY_NONBLOCKING, asked_while_applying},
    {"second writer of a stage", SIM_PROP_STAGING_DISCIPLINE, second_writer_of_a_stage},
    {"other bytes are staged", SIM_PROP_STAGING_DISCIPLINE, other_bytes_are_staged},
    {"more is staged than there is", SIM_PROP_STAGING_DISCIPLINE, more_is_staged_than_there_is},
    {"resumed from nothing", SIM_PROP_STAGING_DISCIPLINE, resumed_from_nothing},
    {"resumed beyond what is staged", SIM_PROP_STAGING_DISCIPLINE, resumed_beyond_what_is_staged},
    {"started without a secret", SIM_PROP_FAIL_CLOSED_START, started_without_a_secret},
    {"deaf after a refusal", SIM_PROP_STAYS_AVAILABLE, deaf_after_a_refusal},
};
const size_t bad_of_transfers_count = sizeof bad_of_transfers / sizeof bad_of_transfers[0];
