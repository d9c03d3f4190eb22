#include <check.h>

#include "protocol/error.h"
#include "sim/store.h"
#include "tests/lib/test_alloc.h"

#define BODY_BYTES ((uint64_t)300000)

struct world {
    struct test_alloc test;
    struct sim_event_queue *queue;
    struct sim_bodies *bodies;
    struct sim_disks *disks;
    struct sim_store *store;
    const struct rp_store_port *port;
    int visible_count, vanished_count;
};

/* One call and how it ended. */
struct call {
    struct rp_store_request request;
    int error, done_count, order;
    int *order_next;
};

static void on_visible(void *context, struct sim_store *store, struct rp_view path,
                       struct rp_view sha256_hex, const struct sim_content *content,
                       bool is_by_node)
{
    struct world *world = context;
    (void)path;
    (void)sha256_hex;
    (void)is_by_node;
    ck_assert_ptr_eq(store, world->store);
    ck_assert_ptr_nonnull(content);
    world->visible_count += 1;
}

static void on_vanished(void *context, struct sim_store *store, struct rp_view path,
                        const struct sim_content *content, bool is_by_node)
{
    struct world *world = context;
    (void)store;
    (void)path;
    (void)content;
    (void)is_by_node;
    world->vanished_count += 1;
}

static void world_make(struct world *world, uint64_t capacity_bytes)
{
    memset(world, 0, sizeof *world);
    test_alloc_init(&world->test);
    const struct rp_alloc *alloc = &world->test.alloc;
    ck_assert_int_eq(sim_event_queue_new(alloc, &world->queue), 0);
    ck_assert_int_eq(sim_bodies_new(alloc, 1 << 20, &world->bodies), 0);
    struct sim_disks_spec disks = {
        .alloc = alloc,
        .queue = world->queue,
        .bodies = world->bodies,
        .seed = 3,
        .watch = {.context = world, .visible = on_visible, .vanished = on_vanished}};
    ck_assert_int_eq(sim_disks_new(&disks, &world->disks), 0);
    struct sim_store_spec spec = {.name = rp_view_text("disk"),
                                  .read_bytes_per_s = 1u << 30,
                                  .write_bytes_per_s = 1u << 30,
                                  .latency_ns = {50000, 200000},
                                  .capacity_bytes = capacity_bytes};
    ck_assert_int_eq(sim_store_new(world->disks, &spec, &world->store), 0);
    world->port = sim_store_attach(world->store, NULL, NULL);
}

static void world_clear(struct world *world)
{
    sim_store_free(world->store);
    sim_disks_free(world->disks);
    sim_bodies_free(world->bodies);
    sim_event_queue_free(world->queue);
    ck_assert_uint_eq(world->test.live_count, 0);
}

static void on_done(struct rp_store_request *request, int error)
{
    struct call *call = request->context;
    call->error = error;
    call->done_count += 1;
    if (call->order_next != NULL) {
        call->order = *call->order_next;
        *call->order_next += 1;
    }
}

static struct rp_store_request *begin(struct call *call)
{
    memset(call, 0, sizeof *call);
    call->request.done = on_done;
    call->request.context = call;
    return &call->request;
}

static void run(struct world *world)
{
    while (sim_event_queue_step(world->queue)) {
    }
}

static rp_store_handle stage(struct world *world, const char *path, enum rp_stage_mode mode)
{
    struct call call;
    world->port->stage_open(world->port->state, begin(&call), rp_view_text(path),
                            rp_view_text("00"), mode);
    ck_assert_int_eq(call.done_count, 0);
    run(world);
    ck_assert_int_eq(call.done_count, 1);
    ck_assert_int_eq(call.error, 0);
    return call.request.handle;
}

/* Writes the body until all of it is taken or a call fails. */
static int write_body(struct world *world, rp_store_handle writer, uint64_t length_bytes)
{
    uint64_t written = 0;
    while (written < length_bytes) {
        struct rp_chunk chunk;
        struct call call;
        ck_assert_int_eq(
            sim_body_chunk(world->bodies, 9, written, (size_t)(length_bytes - written), &chunk), 0);
        world->port->stage_write(world->port->state, begin(&call), writer, chunk);
        rp_block_release(chunk.block);
        run(world);
        ck_assert_int_eq(call.done_count, 1);
        if (call.error != 0) {
            return call.error;
        }
        ck_assert_uint_gt(call.request.taken_bytes, 0);
        written += call.request.taken_bytes;
    }
    return 0;
}

static int publish(struct world *world, rp_store_handle writer)
{
    struct call call;
    world->port->stage_publish(world->port->state, begin(&call), writer);
    run(world);
    ck_assert_int_eq(call.done_count, 1);
    return call.error;
}

/* A staged object is invisible until it is published, and then whole. */
START_TEST(publish_shows_the_object_in_one_step)
{
    struct world world;
    world_make(&world, 1 << 30);
    rp_store_handle writer = stage(&world, "db/a", RP_STAGE_TRUNCATE);
    ck_assert_int_eq(write_body(&world, writer, BODY_BYTES), 0);
    ck_assert_uint_eq(sim_store_count(world.store), 0);
    ck_assert_int_eq(publish(&world, writer), 0);
    ck_assert_int_eq(world.visible_count, 1);
    ck_assert(sim_store_verify(world.store, rp_view_text("db/a"), 9, BODY_BYTES));
    ck_assert(!sim_store_verify(world.store, rp_view_text("db/a"), 10, BODY_BYTES));
    ck_assert_uint_eq(sim_store_staged_count(world.store), 0);
    world_clear(&world);
}
END_TEST

/* Power loss takes staged bytes and keeps what was published; a killed process loses neither. */
START_TEST(power_loss_takes_what_was_not_synced)
{
    struct world world;
    world_make(&world, 1 << 30);
    ck_assert_int_eq(publish(&world, stage(&world, "kept", RP_STAGE_TRUNCATE)), 0);
    ck_assert_int_eq(write_body(&world, stage(&world, "b", RP_STAGE_TRUNCATE), BODY_BYTES), 0);
    sim_store_detach(world.store);
    ck_assert_uint_eq(sim_store_staged_count(world.store), 1);
    if (_i == 1) {
        sim_store_power_loss(world.store);
    }
    world.port = sim_store_attach(world.store, NULL, NULL);
    struct call call;
    world.port->stage_open(world.port->state, begin(&call), rp_view_text("b"), rp_view_text("00"),
                           RP_STAGE_APPEND);
    run(&world);
    ck_assert_uint_eq(call.request.size_bytes, _i == 1 ? 0 : BODY_BYTES);
    ck_assert_uint_eq(sim_store_count(world.store), 1);
    world_clear(&world);
}
END_TEST

/* A disk that lies about sync gives up at power loss what it showed. */
START_TEST(lying_disk_loses_a_published_object)
{
    struct world world;
    world_make(&world, 1 << 30);
    struct sim_disk_faults faults = {.lies_about_sync = true};
    sim_store_set_faults(world.store, &faults);
    ck_assert_int_eq(publish(&world, stage(&world, "a", RP_STAGE_TRUNCATE)), 0);
    ck_assert_uint_eq(sim_store_count(world.store), 1);
    sim_store_detach(world.store);
    sim_store_power_loss(world.store);
    ck_assert_uint_eq(sim_store_count(world.store), 0);
    ck_assert_int_eq(world.vanished_count, 1);
    world_clear(&world);
}
END_TEST

/* Calls complete in their order, and one that was cancelled completes once, as cancelled. */
START_TEST(calls_complete_in_order_and_cancel_completes_once)
{
    struct world world;
    struct call calls[20];
    int order_next = 0;
    world_make(&world, 1 << 30);
    for (int index = 0; index < 20; index += 1) {
        struct rp_store_request *request = begin(&calls[index]);
        calls[index].order_next = index == 7 ? NULL : &order_next;
        world.port->stat(world.port->state, request, rp_view_text("x"));
    }
    world.port->cancel(world.port->state, &calls[7].request);
    ck_assert_int_eq(calls[7].done_count, 0);
    run(&world);
    for (int index = 0; index < 20; index += 1) {
        ck_assert_int_eq(calls[index].done_count, 1);
        ck_assert_int_eq(calls[index].error, index == 7 ? RP_ERR_CANCELLED : 0);
        ck_assert_int_eq(calls[index].order, index < 7 ? index : index == 7 ? 0 : index - 1);
    }
    world_clear(&world);
}
END_TEST

/* Whoever cancels a publish has no writer any more to tidy up with: nothing may stay behind. */
START_TEST(cancelled_publish_leaves_nothing)
{
    struct world world;
    struct call call;
    world_make(&world, 1 << 30);
    rp_store_handle writer = stage(&world, "db/x", RP_STAGE_TRUNCATE);
    ck_assert_int_eq(write_body(&world, writer, BODY_BYTES), 0);
    world.port->stage_publish(world.port->state, begin(&call), writer);
    world.port->cancel(world.port->state, &call.request);
    run(&world);
    ck_assert_int_eq(call.error, RP_ERR_CANCELLED);
    ck_assert_uint_eq(sim_store_staged_count(world.store), 0);
    ck_assert_uint_eq(sim_store_count(world.store), 0);
    ck_assert_uint_eq(sim_store_used_bytes(world.store), 0);
    world_clear(&world);
}
END_TEST

/* After the life's end no call completes. */
START_TEST(detach_drops_calls_in_flight)
{
    struct world world;
    struct call call;
    world_make(&world, 1 << 30);
    world.port->stat(world.port->state, begin(&call), rp_view_text("x"));
    sim_store_detach(world.store);
    run(&world);
    ck_assert_int_eq(call.done_count, 0);
    world_clear(&world);
}
END_TEST

static uint64_t staged_after(struct world *world, const struct sim_disk_faults *faults,
                             bool is_killed, bool is_power_lost)
{
    struct call call;
    sim_store_set_faults(world->store, faults);
    ck_assert_int_eq(write_body(world, stage(world, "b", RP_STAGE_TRUNCATE), BODY_BYTES), 0);
    sim_store_detach(world->store);
    if (is_killed) {
        sim_store_killed(world->store, is_power_lost);
    }
    world->port = sim_store_attach(world->store, NULL, NULL);
    world->port->stage_open(world->port->state, begin(&call), rp_view_text("b"), rp_view_text("00"),
                            RP_STAGE_APPEND);
    run(world);
    return call.error == 0 ? call.request.size_bytes : UINT64_MAX;
}

/* What a kill takes of staged bytes, by the faults that are set; an orderly end takes nothing. */
START_TEST(kill_takes_what_the_faults_say)
{
    static const struct {
        const char *name;
        struct sim_disk_faults faults;
        bool is_killed, is_power_lost;
        int64_t kept; /* -1: a part */
    } rows[] = {
        {"SIGKILL", {.calls.is_full = false}, true, false, BODY_BYTES},
        {"power", {.calls.is_full = false}, true, true, 0},
        {"lose_unsynced", {.loses_unsynced = true}, true, false, 0},
        {"lose_unsynced, orderly", {.loses_unsynced = true}, false, false, BODY_BYTES},
        {"torn", {.torn = SIM_CHANCE_ALWAYS}, true, false, -1},
        {"torn by power loss", {.torn = SIM_CHANCE_ALWAYS}, true, true, -1},
        {"torn, orderly", {.torn = SIM_CHANCE_ALWAYS}, false, false, BODY_BYTES},
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row += 1) {
        struct world world;
        world_make(&world, 1 << 30);
        uint64_t kept =
            staged_after(&world, &rows[row].faults, rows[row].is_killed, rows[row].is_power_lost);
        bool is_right =
            rows[row].kept < 0 ? kept > 0 && kept < BODY_BYTES : kept == (uint64_t)rows[row].kept;
        ck_assert_msg(is_right, "%s: %llu bytes", rows[row].name, (unsigned long long)kept);
        bool is_spent = rows[row].is_killed || !rows[row].faults.loses_unsynced;
        ck_assert_int_eq(sim_store_faults(world.store).loses_unsynced, !is_spent);
        world_clear(&world);
    }
}
END_TEST

/* A disk without appends refuses a resumed body; one whose listings fail gives no page. */
START_TEST(appends_and_listings_fail_when_told)
{
    struct world world;
    struct call call;
    struct sim_disk_faults faults = {.calls.has_no_append = true,
                                     .calls.list_error = SIM_CHANCE_ALWAYS};
    world_make(&world, 1 << 30);
    sim_store_set_faults(world.store, &faults);
    world.port->stage_open(world.port->state, begin(&call), rp_view_text("a"), rp_view_text("00"),
                           RP_STAGE_APPEND);
    run(&world);
    ck_assert_int_eq(call.error, RP_ERR_UNSUPPORTED);
    world.port->list(world.port->state, begin(&call), rp_view_text(""), rp_view_text(""), 5);
    run(&world);
    ck_assert_int_eq(call.error, RP_ERR_IO);
    world_clear(&world);
}
END_TEST

/* A disk that is no longer stuck goes on at once, not when it would have. */
START_TEST(unstuck_disk_goes_on_at_once)
{
    struct world world;
    struct call call;
    struct sim_disk_faults faults = {.calls.stuck_ns = 1000 * RP_NS_PER_S};
    world_make(&world, 1 << 30);
    sim_store_set_faults(world.store, &faults);
    world.port->stat(world.port->state, begin(&call), rp_view_text("x"));
    while (sim_event_queue_next_time(world.queue) < RP_NS_PER_S) {
        sim_event_queue_step(world.queue);
    }
    ck_assert_int_eq(call.done_count, 0);
    faults.calls.stuck_ns = 0;
    sim_store_set_faults(world.store, &faults);
    run(&world);
    ck_assert_int_eq(call.done_count, 1);
    ck_assert_uint_lt(sim_event_queue_now(world.queue), RP_NS_PER_S);
    world_clear(&world);
}
END_TEST

/* Bytes beyond the capacity are refused, and room comes back with a discard. */
START_TEST(capacity_bounds_what_is_staged)
{
    struct world world;
    struct call call;
    world_make(&world, 100000);
    rp_store_handle writer = stage(&world, "a", RP_STAGE_TRUNCATE);
    ck_assert_int_eq(write_body(&world, writer, BODY_BYTES), RP_ERR_NO_SPACE);
    ck_assert_uint_eq(sim_store_used_bytes(world.store), 100000);
    world.port->stage_discard(world.port->state, begin(&call), writer);
    run(&world);
    ck_assert_int_eq(call.error, 0);
    ck_assert_uint_eq(sim_store_used_bytes(world.store), 0);
    world_clear(&world);
}
END_TEST

/* Short writes take a part each, and the whole still comes together. */
START_TEST(short_writes_add_up_to_the_body)
{
    struct world world;
    world_make(&world, 1 << 30);
    struct sim_disk_faults faults = {.calls.short_write = SIM_CHANCE_ALWAYS};
    sim_store_set_faults(world.store, &faults);
    rp_store_handle writer = stage(&world, "a", RP_STAGE_TRUNCATE);
    ck_assert_int_eq(write_body(&world, writer, BODY_BYTES), 0);
    ck_assert_int_eq(publish(&world, writer), 0);
    ck_assert(sim_store_verify(world.store, rp_view_text("a"), 9, BODY_BYTES));
    world_clear(&world);
}
END_TEST

/* Every sort of damage shows in the truth; a reader still reads what is there. */
START_TEST(damage_is_seen_by_content)
{
    struct world world;
    world_make(&world, 1 << 30);
    ck_assert_int_eq(sim_store_put(world.store, rp_view_text("a"), 9, BODY_BYTES, 0), 0);
    ck_assert(sim_store_verify(world.store, rp_view_text("a"), 9, BODY_BYTES));
    ck_assert_int_eq(sim_store_damage(world.store, rp_view_text("a"), (enum sim_store_damage)_i),
                     0);
    ck_assert(!sim_store_verify(world.store, rp_view_text("a"), 9, BODY_BYTES));
    world_clear(&world);
}
END_TEST

/* A reader keeps its object though the name goes; pages of names are sorted and end. */
START_TEST(reader_outlives_the_name_and_lists_are_sorted)
{
    struct world world;
    struct call open, read, list;
    world_make(&world, 1 << 30);
    ck_assert_int_eq(sim_store_put(world.store, rp_view_text("db/b"), 9, BODY_BYTES, 0), 0);
    ck_assert_int_eq(sim_store_put(world.store, rp_view_text("db/a"), 9, 10, 0), 0);
    ck_assert_int_eq(sim_store_put(world.store, rp_view_text("e"), 9, 10, 0), 0);
    world.port->list(world.port->state, begin(&list), rp_view_text("db/"), rp_view_text(""), 1);
    run(&world);
    ck_assert_uint_eq(list.request.item_count, 1);
    ck_assert(list.request.has_more);
    world.port->list(world.port->state, begin(&list), rp_view_text("db/"), rp_view_text("db/a"), 5);
    run(&world);
    ck_assert_uint_eq(list.request.item_count, 1);
    ck_assert(!list.request.has_more);
    world.port->read_open(world.port->state, begin(&open), rp_view_text("db/b"));
    run(&world);
    ck_assert_int_eq(sim_store_remove(world.store, rp_view_text("db/b")), 0);
    world.port->read(world.port->state, begin(&read), open.request.handle, BODY_BYTES - 5, 100);
    run(&world);
    ck_assert_int_eq(read.error, 0);
    ck_assert_uint_eq(read.request.chunk.length_bytes, 5);
    world.port->read_close(world.port->state, open.request.handle);
    world_clear(&world);
}
END_TEST

/* ---- Plain files --------------------------------------------------------------------------------- */

static int file_open(struct world *world, const char *path, enum rp_stage_mode mode,
                     struct call *call)
{
    world->port->file_open(world->port->state, begin(call), rp_view_text(path), mode);
    run(world);
    ck_assert_int_eq(call->done_count, 1);
    return call->error;
}

static int file_rename(struct world *world, const char *from, const char *to)
{
    struct call call;
    world->port->file_rename(world->port->state, begin(&call), rp_view_text(from),
                             rp_view_text(to));
    run(world);
    ck_assert_int_eq(call.done_count, 1);
    return call.error;
}

static uint64_t size_of(struct world *world, const char *path)
{
    struct call call;
    world->port->stat(world->port->state, begin(&call), rp_view_text(path));
    run(world);
    return call.request.stat.is_present ? call.request.stat.size_bytes : UINT64_MAX;
}

/* A plain file is seen and counted from its first byte on; appending never makes one; a rename takes
 * one step and frees what it replaces. */
START_TEST(plain_file_is_visible_while_it_grows)
{
    struct world world;
    struct call call;
    world_make(&world, 1 << 30);
    ck_assert_int_eq(file_open(&world, "a.part", RP_STAGE_APPEND, &call), RP_ERR_NOT_FOUND);
    ck_assert_int_eq(file_open(&world, "", RP_STAGE_TRUNCATE, &call), RP_ERR_INVALID);
    ck_assert_int_eq(file_open(&world, "a.part", RP_STAGE_TRUNCATE, &call), 0);
    ck_assert_uint_eq(size_of(&world, "a.part"), 0);
    ck_assert_int_eq(write_body(&world, call.request.handle, BODY_BYTES), 0);
    ck_assert_uint_eq(size_of(&world, "a.part"), BODY_BYTES);
    ck_assert_uint_eq(sim_store_used_bytes(world.store), BODY_BYTES);
    ck_assert_uint_eq(sim_store_plain_count(world.store), 1);
    world.port->file_close(world.port->state, call.request.handle);
    ck_assert_int_eq(file_open(&world, "a.part", RP_STAGE_APPEND, &call), 0);
    ck_assert_uint_eq(call.request.size_bytes, BODY_BYTES);
    ck_assert_int_eq(sim_store_put(world.store, rp_view_text("a"), 9, 10, 0), 0);
    ck_assert_int_eq(file_rename(&world, "a.part", "a"), 0);
    ck_assert_int_eq(file_rename(&world, "a.part", "a"), RP_ERR_NOT_FOUND);
    ck_assert(sim_store_verify(world.store, rp_view_text("a"), 9, BODY_BYTES));
    ck_assert_uint_eq(sim_store_used_bytes(world.store), BODY_BYTES);
    ck_assert_uint_eq(sim_store_plain_count(world.store), 0);
    ck_assert_uint_eq(sim_store_count(world.store), 1);
    world_clear(&world);
}
END_TEST

/* What is written into a file that was removed meanwhile counts for nothing and is gone at the end. */
START_TEST(removed_file_takes_its_bytes_along)
{
    struct world world;
    struct call call;
    world_make(&world, 1 << 30);
    ck_assert_int_eq(file_open(&world, "a.part", RP_STAGE_TRUNCATE, &call), 0);
    ck_assert_int_eq(sim_store_remove(world.store, rp_view_text("a.part")), 0);
    ck_assert_int_eq(write_body(&world, call.request.handle, BODY_BYTES), 0);
    ck_assert_uint_eq(sim_store_used_bytes(world.store), 0);
    ck_assert_uint_eq(sim_store_plain_count(world.store), 0);
    world.port->file_close(world.port->state, call.request.handle);
    world_clear(&world);
}
END_TEST

/* Nobody syncs a plain file: power loss within half a minute of the last write takes it, a killed
 * process keeps it, and after that the system has written it back. */
START_TEST(plain_file_is_durable_only_after_a_while)
{
    static const struct {
        rp_time_ns age_ns;
        bool is_power_lost, is_kept;
    } rows[] = {{RP_NS_PER_S, false, true},
                {RP_NS_PER_S, true, false},
                {SIM_STORE_WRITEBACK_NS + RP_NS_PER_S, true, true}};
    struct world world;
    struct call call;
    world_make(&world, 1 << 30);
    ck_assert_int_eq(file_open(&world, "a.part", RP_STAGE_TRUNCATE, &call), 0);
    ck_assert_int_eq(write_body(&world, call.request.handle, BODY_BYTES), 0);
    sim_event_queue_advance(world.queue, sim_event_queue_now(world.queue) + rows[_i].age_ns);
    sim_store_detach(world.store);
    if (rows[_i].is_power_lost) {
        sim_store_power_loss(world.store);
    }
    ck_assert_uint_eq(sim_store_count(world.store), rows[_i].is_kept ? 1 : 0);
    ck_assert_uint_eq(sim_store_used_bytes(world.store), rows[_i].is_kept ? BODY_BYTES : 0);
    world_clear(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store");
    TCase *tcase = tcase_create("store");
    tcase_add_test(tcase, publish_shows_the_object_in_one_step);
    tcase_add_loop_test(tcase, power_loss_takes_what_was_not_synced, 0, 2);
    tcase_add_test(tcase, lying_disk_loses_a_published_object);
    tcase_add_test(tcase, calls_complete_in_order_and_cancel_completes_once);
    tcase_add_test(tcase, cancelled_publish_leaves_nothing);
    tcase_add_test(tcase, detach_drops_calls_in_flight);
    tcase_add_test(tcase, kill_takes_what_the_faults_say);
    tcase_add_test(tcase, appends_and_listings_fail_when_told);
    tcase_add_test(tcase, unstuck_disk_goes_on_at_once);
    tcase_add_test(tcase, capacity_bounds_what_is_staged);
    tcase_add_test(tcase, short_writes_add_up_to_the_body);
    tcase_add_loop_test(tcase, damage_is_seen_by_content, 0, 4);
    tcase_add_test(tcase, reader_outlives_the_name_and_lists_are_sorted);
    tcase_add_test(tcase, plain_file_is_visible_while_it_grows);
    tcase_add_test(tcase, removed_file_takes_its_bytes_along);
    tcase_add_loop_test(tcase, plain_file_is_durable_only_after_a_while, 0, 3);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
