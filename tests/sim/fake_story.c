#include "tests/sim/fake_story.h"

#include "protocol/chunk.h"

#include <stdlib.h>
#include <string.h>

void story_announce(struct sim_world *world, int pod, const struct fake_file *file)
{
    fake_see_file(world, pod, RP_SEE_ANNOUNCED, file, RP_ANNOUNCE_QUEUED, RP_ANNOUNCE_APPLIED);
    world->pods[pod].node.inspection.puller.enqueued += 1;
}

void story_pull_begin(struct sim_world *world, int pod, const struct fake_file *file)
{
    fake_see_file(world, pod, RP_SEE_PULL_BEGIN, file, 0, 0);
}

void story_attempt(struct sim_world *world, int pod, const struct fake_file *file, uint64_t number)
{
    fake_see_file(world, pod, RP_SEE_ABSENT, file, 0, 0);
    fake_see_file(world, pod, RP_SEE_ATTEMPT_BEGIN, file, number, 2);
}

void story_ack(struct sim_world *world, int pod, const struct fake_file *file, const char *code,
               bool is_ok)
{
    struct rp_observation seen = {
        .kind = RP_SEE_ACK,
        .path = file->version.path,
        .code = rp_view_text(code),
        .value = is_ok ? file->version.length_bytes : 0,
        .value2 = is_ok,
    };
    fake_see(world, pod, &seen);
}

void story_fetch_end(struct sim_world *world, int pod, const struct fake_file *file,
                     enum rp_fetch_outcome outcome, uint64_t bytes)
{
    fake_see_file(world, pod, RP_SEE_FETCH_END, file, outcome, bytes);
}

void story_try_peer(struct sim_world *world, int pod, const struct fake_file *file,
                    const char *peer, uint64_t number, enum rp_fetch_outcome outcome)
{
    fake_see_peer(world, pod, RP_SEE_DIAL, file, peer, number);
    fake_pass(world, RP_NS_PER_MS);
    if (outcome == RP_FETCH_OK) {
        story_ack(world, pod, file, "", true);
    } else if (outcome == RP_FETCH_NOT_ON_PEER) {
        story_ack(world, pod, file, "not_found", false);
    }
    story_fetch_end(world, pod, file, outcome, outcome == RP_FETCH_OK ? FAKE_LENGTH_BYTES : 0);
}

void story_pull_end(struct sim_world *world, int pod, const struct fake_file *file,
                    enum rp_pull_outcome outcome, uint64_t attempts)
{
    fake_see_file(world, pod, RP_SEE_PULL_END, file, outcome, attempts);
    struct rp_pull_counters *counters = &world->pods[pod].node.inspection.puller;
    counters->pulled += outcome == RP_PULL_PULLED;
    counters->skipped_local += outcome == RP_PULL_PRESENT;
    counters->failed += outcome == RP_PULL_FAILED;
    counters->cancelled += outcome == RP_PULL_CANCELLED;
    counters->obsolete += outcome == RP_PULL_OBSOLETE;
}

void story_finish_pull(struct sim_world *world, int pod, const struct fake_file *file,
                       uint64_t attempts)
{
    fake_see_file(world, pod, RP_SEE_PUBLISH_BEGIN, file, 0, 0);
    fake_publish(world, pod, file);
    fake_see_file(world, pod, RP_SEE_PUBLISHED, file, 0, 0);
    story_pull_end(world, pod, file, RP_PULL_PULLED, attempts);
}

void story_pull(struct sim_world *world, int pod, const struct fake_file *file)
{
    story_announce(world, pod, file);
    story_pull_begin(world, pod, file);
    story_attempt(world, pod, file, 1);
    story_try_peer(world, pod, file, "writer-1", 1, RP_FETCH_OK);
    story_finish_pull(world, pod, file, 1);
}

const struct fake_file *story_flush(struct sim_world *world, const char *path)
{
    const struct fake_file *file = fake_version(world, path);
    fake_publish(world, WRITER, file);
    fake_see_file(world, WRITER, RP_SEE_PUBLISHED, file, 1, 0);
    fake_see_file(world, WRITER, RP_SEE_FLUSH_QUEUED, file, 1, 0);
    return file;
}

const struct fake_file *story_flushed(struct sim_world *world, const char *path)
{
    const struct fake_file *file = story_flush(world, path);
    fake_commit(world, file);
    fake_see_file(world, WRITER, RP_SEE_REGISTER_DONE, file, RP_REGISTER_DONE, 0);
    return file;
}

void story_become_ready(struct sim_world *world, int pod)
{
    fake_see_value(world, pod, RP_SEE_BARRIER_BEGIN, 0, 0);
    fake_see_value(world, pod, RP_SEE_BARRIER_END, world->truth.last_index, 0);
    fake_see_value(world, pod, RP_SEE_WALK_BEGIN, 0, 0);
    fake_see_value(world, pod, RP_SEE_WALK_END, 0, 1);
    fake_see_value(world, pod, RP_SEE_READY, 1, 0);
    world->pods[pod].node.inspection.is_ready = true;
}

void story_all_ready(struct sim_world *world)
{
    for (int pod = 0; pod < FAKE_POD_COUNT; pod += 1) {
        story_become_ready(world, pod);
    }
}

void story_serve(struct sim_world *world, int pod, const struct fake_file *file, uint64_t number)
{
    fake_see_request(world, pod, "fetch", (char)('A' + number), FAKE_WALL_S);
    fake_see_file(world, pod, RP_SEE_SERVE_BEGIN, file, 0, number);
}

void story_message(struct sim_world *world, int number, uint64_t conn, uint8_t type)
{
    const uint8_t head[6] = {0, 0, 0, 3, type, '{'};
    struct sim_pod *pod = &world->pods[number];
    sim_checks_conn_opened(world->checks, pod, conn, true);
    sim_checks_call_begins(world->checks, pod, conn, rp_view_make(head, sizeof head));
}

void story_refused(struct sim_world *world, int pod, const char *kind, uint64_t why)
{
    struct rp_observation seen = {
        .kind = RP_SEE_REQUEST_REFUSED, .code = rp_view_text(kind), .value = why};
    fake_see(world, pod, &seen);
}

void story_refusal(struct sim_world *world, int number, const char *kind, uint64_t why,
                   const char *answer)
{
    struct sim_pod *pod = &world->pods[number];
    story_message(world, number, 1, 0x20);
    story_refused(world, number, kind, why);
    if (answer[0] != '\0') {
        sim_checks_conn_sent(world->checks, pod, 1, rp_view_text(answer));
    }
    sim_checks_conn_closed(world->checks, pod, 1, true);
    sim_checks_call_ends(world->checks, pod);
}

void story_dial(struct sim_world *world, int pod, const struct fake_file *file, uint64_t conn)
{
    story_announce(world, pod, file);
    story_pull_begin(world, pod, file);
    story_attempt(world, pod, file, 1);
    fake_see_peer(world, pod, RP_SEE_DIAL, file, "writer-1", 1);
    sim_checks_conn_opened(world->checks, &world->pods[pod], conn, false);
}

void story_receive(struct sim_world *world, int pod, uint64_t conn, size_t length_bytes)
{
    uint8_t *bytes = calloc(length_bytes, 1);
    ck_assert_ptr_nonnull(bytes);
    sim_checks_call_begins(world->checks, &world->pods[pod], conn,
                           rp_view_make(bytes, length_bytes));
    sim_checks_call_ends(world->checks, &world->pods[pod]);
    free(bytes);
}

void story_rest(struct sim_world *world)
{
    sim_checks_rest(world->checks, SIM_REST_WEAK, SIM_REST_QUIET);
}

void story_stop(struct sim_world *world, int number, rp_time_ns duration_ns)
{
    struct sim_pod *pod = &world->pods[number];
    sim_checks_stop_begins(world->checks, pod);
    fake_see_value(world, number, RP_SEE_STOP_BEGIN, 0, 0);
    fake_see_value(world, number, RP_SEE_READY, 0, 0);
    fake_pass(world, duration_ns);
    fake_see_value(world, number, RP_SEE_STOPPED, 0, 0);
    sim_checks_life_ends(world->checks, pod, false);
    pod->state = SIM_POD_DOWN;
}

void story_crash(struct sim_world *world, int number)
{
    sim_checks_life_ends(world->checks, &world->pods[number], true);
    world->pods[number].state = SIM_POD_DOWN;
}

void story_stop_all(struct sim_world *world)
{
    for (int pod = 0; pod < FAKE_POD_COUNT; pod += 1) {
        story_stop(world, pod, RP_NS_PER_S);
    }
    sim_checks_end(world->checks);
}

static void on_staged(struct rp_store_request *request, int error)
{
    (void)request;
    ck_assert_int_eq(error, 0);
}

static void step_all(struct sim_world *world)
{
    while (sim_event_queue_step(world->queue)) {
    }
}

static void write_zeros(const struct rp_store_port *port, struct sim_world *world,
                        rp_store_handle writer, size_t size_bytes)
{
    struct rp_block *block = NULL;
    uint8_t *bytes = NULL;
    ck_assert_int_eq(rp_block_new(&world->memory.alloc, size_bytes, &block, &bytes), 0);
    memset(bytes, 0, size_bytes);
    struct rp_store_request request = {.done = on_staged};
    port->stage_write(port->state, &request, writer, rp_chunk_of(block));
    step_all(world);
    ck_assert_uint_eq(request.taken_bytes, size_bytes);
    rp_block_release(block);
}

void story_stage(struct sim_world *world, int number, struct rp_view path, size_t size_bytes)
{
    struct sim_store *store = world->pods[number].store;
    const struct rp_store_port *port = sim_store_attach(store, NULL, NULL);
    struct rp_store_request request = {.done = on_staged};
    port->stage_open(port->state, &request, path, rp_view_text("00"), RP_STAGE_TRUNCATE);
    step_all(world);
    if (size_bytes > 0) {
        write_zeros(port, world, request.handle, size_bytes);
    }
    sim_store_detach(store);
    ck_assert_uint_eq(sim_store_staged_count(store), 1);
}

void story_staged(struct sim_world *world, int pod, const struct fake_file *file, sim_body_key key,
                  uint64_t length_bytes)
{
    struct sim_content content;
    sim_content_init(&content, world->bodies);
    sim_content_set_body(&content, key, length_bytes);
    sim_checks_staged(world->checks, &world->pods[pod], file->version.path, file->version.sha256,
                      &content, 0);
    sim_content_clear(&content);
}

void story_stage_one(struct sim_world *world, int number)
{
    story_stage(world, number, rp_view_text("db/cpu/staged"), 0);
}
