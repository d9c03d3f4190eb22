/* The disk decorator over a port that only counts: what each fault makes of a call, and that nothing
 * stays behind (docs/scenario-api.md, n:disk). */
#include "fault/disk.h"

#include <check.h>

#include "protocol/error.h"
#include "tests/fault/fake_clock.h"
#include "tests/lib/test_alloc.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))
#define WRITE_BYTES ((size_t)1000)

/* ---- The port under it --------------------------------------------------------------------------- */

enum fake_kind {
    FAKE_STAT,
    FAKE_STAGE_OPEN,
    FAKE_STAGE_WRITE,
    FAKE_PUBLISH,
    FAKE_DISCARD,
    FAKE_FILE_OPEN,
    FAKE_RENAME,
    FAKE_READ_OPEN,
    FAKE_READ,
    FAKE_REMOVE,
    FAKE_LIST,
    FAKE_SPACE,
    FAKE_KIND_COUNT
};

struct fake_call {
    enum fake_kind kind;
    struct rp_store_request *request;
    size_t offered_bytes;
    bool is_cancelled;
};

static struct {
    struct fake_call calls[64]; /* in order; done_count of them have ended */
    size_t call_count, done_count;
    size_t counts[FAKE_KIND_COUNT];
    uint64_t free_bytes;
    int reader_count; /* opened and not closed */
    char path[32];    /* of the last call that has one */
} store;

static void take(enum fake_kind kind, struct rp_store_request *request, struct rp_view path,
                 size_t offered_bytes)
{
    ck_assert_uint_lt(store.call_count, ROWS(store.calls));
    ck_assert_uint_lt(path.length_bytes, sizeof store.path);
    store.calls[store.call_count] = (struct fake_call){kind, request, offered_bytes, false};
    store.call_count += 1;
    store.counts[kind] += 1;
    request->port_handle = store.call_count;
    if (path.length_bytes > 0) {
        memset(store.path, 0, sizeof store.path);
        memcpy(store.path, path.bytes, path.length_bytes);
    }
}

static struct rp_view none(void)
{
    return rp_view_text(NULL);
}

static void fake_stat(void *state, struct rp_store_request *request, struct rp_view path)
{
    (void)state;
    take(FAKE_STAT, request, path, 0);
}

static void fake_stage_open(void *state, struct rp_store_request *request, struct rp_view path,
                            struct rp_view sha256_hex, enum rp_stage_mode mode)
{
    (void)state;
    (void)mode;
    ck_assert(rp_view_equal(sha256_hex, rp_view_text("00")));
    take(FAKE_STAGE_OPEN, request, path, 0);
}

static void fake_stage_write(void *state, struct rp_store_request *request, rp_store_handle writer,
                             struct rp_chunk chunk)
{
    (void)state;
    ck_assert_uint_eq(writer, 7);
    take(FAKE_STAGE_WRITE, request, none(), chunk.length_bytes);
}

static void fake_publish(void *state, struct rp_store_request *request, rp_store_handle writer)
{
    (void)state;
    ck_assert_uint_eq(writer, 7);
    take(FAKE_PUBLISH, request, none(), 0);
}

static void fake_discard(void *state, struct rp_store_request *request, rp_store_handle writer)
{
    (void)state;
    ck_assert_uint_eq(writer, 7);
    take(FAKE_DISCARD, request, none(), 0);
}

static void fake_file_open(void *state, struct rp_store_request *request, struct rp_view path,
                           enum rp_stage_mode mode)
{
    (void)state;
    (void)mode;
    take(FAKE_FILE_OPEN, request, path, 0);
}

static void fake_file_close(void *state, rp_store_handle writer)
{
    (void)state;
    (void)writer;
}

static void fake_rename(void *state, struct rp_store_request *request, struct rp_view from,
                        struct rp_view to)
{
    (void)state;
    ck_assert(rp_view_equal(to, rp_view_text("to")));
    take(FAKE_RENAME, request, from, 0);
}

static void fake_read_open(void *state, struct rp_store_request *request, struct rp_view path)
{
    (void)state;
    take(FAKE_READ_OPEN, request, path, 0);
}

static void fake_read(void *state, struct rp_store_request *request, rp_store_handle reader,
                      uint64_t offset_bytes, size_t length_bytes)
{
    (void)state;
    ck_assert_uint_eq(reader, 7);
    ck_assert_uint_eq(offset_bytes, 5);
    take(FAKE_READ, request, none(), length_bytes);
}

static void fake_read_close(void *state, rp_store_handle reader)
{
    (void)state;
    ck_assert_uint_eq(reader, 9);
    store.reader_count -= 1;
}

static void fake_remove(void *state, struct rp_store_request *request, struct rp_view path)
{
    (void)state;
    take(FAKE_REMOVE, request, path, 0);
}

static void fake_list(void *state, struct rp_store_request *request, struct rp_view prefix,
                      struct rp_view cursor, size_t item_max)
{
    (void)state;
    ck_assert(rp_view_equal(cursor, rp_view_text("cursor")));
    ck_assert_uint_eq(item_max, 3);
    take(FAKE_LIST, request, prefix, 0);
}

static void fake_space(void *state, struct rp_store_request *request)
{
    (void)state;
    take(FAKE_SPACE, request, none(), 0);
}

static void fake_cancel(void *state, struct rp_store_request *request)
{
    (void)state;
    for (size_t row = store.done_count; row < store.call_count; row += 1) {
        store.calls[row].is_cancelled =
            store.calls[row].is_cancelled || store.calls[row].request == request;
    }
}

static const struct rp_store_port fake_port = {
    NULL,         fake_stat,      fake_stage_open, fake_stage_write,
    fake_publish, fake_discard,   fake_file_open,  fake_file_close,
    fake_rename,  fake_read_open, fake_read,       fake_read_close,
    fake_remove,  fake_list,      fake_space,      fake_cancel,
};

/* Ends the oldest call. False: there is none. */
static bool step(void)
{
    static const struct rp_store_list_item item = {.size_bytes = 4};
    static const uint8_t bytes[WRITE_BYTES];
    if (store.done_count == store.call_count) {
        return false;
    }
    const struct fake_call *call = &store.calls[store.done_count];
    struct rp_store_request *request = call->request;
    store.done_count += 1;
    request->port_handle = 0;
    if (call->is_cancelled) {
        request->done(request, RP_ERR_CANCELLED);
        return true;
    }
    switch (call->kind) {
    case FAKE_STAT: request->stat.is_present = true; break;
    case FAKE_STAGE_OPEN:
    case FAKE_FILE_OPEN: request->handle = 7; break;
    case FAKE_READ_OPEN:
        request->handle = 9;
        store.reader_count += 1;
        break;
    case FAKE_STAGE_WRITE:
        request->taken_bytes = call->offered_bytes;
        store.free_bytes -= call->offered_bytes;
        break;
    case FAKE_READ: request->chunk = (struct rp_chunk){NULL, bytes, call->offered_bytes}; break;
    case FAKE_LIST:
        request->items = &item;
        request->item_count = 1;
        break;
    case FAKE_SPACE: request->free_bytes = store.free_bytes; break;
    default: break;
    }
    request->done(request, 0);
    return true;
}

/* ---- The node over it ---------------------------------------------------------------------------- */

struct call {
    struct rp_store_request request;
    int error, done_count, order;
    rp_time_ns done_ns;
};

static struct test_alloc memory;
static struct fake_clock hands; /* of the disk */
static struct fault_disk *disk;
static const struct rp_store_port *port;
static uint64_t random_state;
static int order_next;
static struct rp_block *block;

static void on_done(struct rp_store_request *request, int error)
{
    struct call *call = request->context;
    ck_assert_uint_eq(request->port_handle, 0);
    call->error = error;
    call->done_count += 1;
    call->order = order_next;
    call->done_ns = hands.now_ns;
    order_next += 1;
}

static size_t stuck_count;

static void count_stuck(void *context, const char *name)
{
    (void)context;
    stuck_count += strcmp(name, "disk.stuck") == 0;
}

static void setup(void)
{
    uint8_t *bytes = NULL;
    memset(&store, 0, sizeof store);
    memset(&hands, 0, sizeof hands);
    store.free_bytes = 100000;
    random_state = 5;
    order_next = 0;
    stuck_count = 0;
    test_alloc_init(&memory);
    ck_assert_int_eq(rp_block_new(&memory.alloc, WRITE_BYTES, &block, &bytes), 0);
    memset(bytes, 1, WRITE_BYTES);
    struct fault_disk_params params = {
        .alloc = &memory.alloc,
        .store = fake_port,
        .clock = fake_clock_port(&hands),
        .random = {&random_state, fake_random_next},
        .acted = count_stuck,
    };
    ck_assert_int_eq(fault_disk_new(&params, &disk), 0);
    port = fault_disk_port(disk);
}

static void teardown(void)
{
    fault_disk_free(disk);
    rp_block_release(block);
    ck_assert_uint_eq(fake_clock_armed(&hands), 0);
    ck_assert_int_eq(store.reader_count, 0);
    ck_assert_uint_eq(memory.live_count, 0);
}

static void set(struct fault_disk_spec spec)
{
    fault_disk_set(disk, &spec, store.free_bytes);
}

static void begin(struct call *call, enum fake_kind kind)
{
    struct rp_store_request *request = &call->request;
    char path[] = "path"; /* borrowed for the call, and gone after it */
    memset(call, 0, sizeof *call);
    request->done = on_done;
    request->context = call;
    switch (kind) {
    case FAKE_STAT: port->stat(port->state, request, rp_view_text(path)); break;
    case FAKE_STAGE_OPEN:
        port->stage_open(port->state, request, rp_view_text(path), rp_view_text("00"),
                         RP_STAGE_APPEND);
        break;
    case FAKE_STAGE_WRITE: port->stage_write(port->state, request, 7, rp_chunk_of(block)); break;
    case FAKE_PUBLISH: port->stage_publish(port->state, request, 7); break;
    case FAKE_DISCARD: port->stage_discard(port->state, request, 7); break;
    case FAKE_FILE_OPEN:
        port->file_open(port->state, request, rp_view_text(path), RP_STAGE_APPEND);
        break;
    case FAKE_RENAME:
        port->file_rename(port->state, request, rp_view_text(path), rp_view_text("to"));
        break;
    case FAKE_READ_OPEN: port->read_open(port->state, request, rp_view_text(path)); break;
    case FAKE_READ: port->read(port->state, request, 7, 5, 100); break;
    case FAKE_REMOVE: port->remove(port->state, request, rp_view_text(path)); break;
    case FAKE_LIST:
        port->list(port->state, request, rp_view_text(path), rp_view_text("cursor"), 3);
        break;
    case FAKE_SPACE: port->space(port->state, request); break;
    case FAKE_KIND_COUNT: break;
    }
    memset(path, 'x', sizeof path - 1);
    ck_assert_int_eq(call->done_count, 0);
}

static void run(void)
{
    while (step()) {
    }
}

/* Gives back the reader that a test opened. */
static void tidy(const struct call *call, enum fake_kind kind)
{
    if (kind == FAKE_READ_OPEN && call->error == 0) {
        port->read_close(port->state, call->request.handle);
    }
}

/* What a success tells, by kind. */
static bool has_result(const struct call *call, enum fake_kind kind)
{
    const struct rp_store_request *request = &call->request;
    switch (kind) {
    case FAKE_STAT: return request->stat.is_present;
    case FAKE_STAGE_OPEN:
    case FAKE_FILE_OPEN: return request->handle == 7;
    case FAKE_READ_OPEN: return request->handle == 9;
    case FAKE_STAGE_WRITE: return request->taken_bytes == WRITE_BYTES;
    case FAKE_READ: return request->chunk.length_bytes == 100;
    case FAKE_LIST: return request->item_count == 1;
    case FAKE_SPACE: return request->free_bytes == store.free_bytes;
    default: return true;
    }
}

/* ---- Without a fault ------------------------------------------------------------------------------- */

/* Every call passes with its result, at once, and costs neither memory nor a timer. */
START_TEST(healthy_disk_costs_nothing)
{
    struct call call;
    setup();
    size_t asked = memory.call_count;
    begin(&call, (enum fake_kind)_i);
    ck_assert_uint_eq(store.counts[_i], 1);
    run();
    ck_assert_int_eq(call.done_count, 1);
    ck_assert_int_eq(call.error, 0);
    ck_assert(has_result(&call, (enum fake_kind)_i));
    ck_assert_uint_eq(memory.call_count, asked);
    ck_assert_uint_eq(hands.arm_count, 0);
    ck_assert_uint_eq(random_state, 5);
    tidy(&call, (enum fake_kind)_i);
    teardown();
}
END_TEST

/* A fault of something else leaves a call its arguments and its result, and chances of 0 draw nothing. */
START_TEST(call_without_its_fault_passes_whole)
{
    struct call call;
    setup();
    set((struct fault_disk_spec){.slow_ns = 1000});
    begin(&call, (enum fake_kind)_i);
    ck_assert_uint_eq(store.call_count, 0);
    ck_assert_uint_eq(fault_disk_held_count(disk), 1);
    fake_clock_advance(&hands, 999);
    ck_assert_uint_eq(store.call_count, 0);
    fake_clock_advance(&hands, 1000);
    ck_assert_uint_eq(store.counts[_i], 1);
    run();
    ck_assert_int_eq(call.done_count, 1);
    ck_assert_int_eq(call.error, 0);
    ck_assert(has_result(&call, (enum fake_kind)_i));
    bool has_path = _i != FAKE_STAGE_WRITE && _i != FAKE_PUBLISH && _i != FAKE_DISCARD &&
                    _i != FAKE_READ && _i != FAKE_SPACE;
    ck_assert_str_eq(store.path, has_path ? "path" : "");
    ck_assert_uint_eq(random_state, 5);
    tidy(&call, (enum fake_kind)_i);
    teardown();
}
END_TEST

/* ---- Each fault -------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    struct fault_disk_spec spec;
    enum fake_kind kind;
    int error;
    enum fake_kind asked; /* of the port, in its place */
} failing[] = {
    {"stat", {.stat_error = FAULT_CHANCE_ALWAYS}, FAKE_STAT, RP_ERR_IO, FAKE_STAT},
    {"list", {.list_error = FAULT_CHANCE_ALWAYS}, FAKE_LIST, RP_ERR_IO, FAKE_LIST},
    {"read_open", {.read_error = FAULT_CHANCE_ALWAYS}, FAKE_READ_OPEN, RP_ERR_IO, FAKE_READ_OPEN},
    {"read", {.read_error = FAULT_CHANCE_ALWAYS}, FAKE_READ, RP_ERR_IO, FAKE_READ},
    {"stage_open", {.write_error = FAULT_CHANCE_ALWAYS}, FAKE_STAGE_OPEN, RP_ERR_IO, FAKE_SPACE},
    {"stage_write", {.write_error = FAULT_CHANCE_ALWAYS}, FAKE_STAGE_WRITE, RP_ERR_IO, FAKE_SPACE},
    {"file_open", {.write_error = FAULT_CHANCE_ALWAYS}, FAKE_FILE_OPEN, RP_ERR_IO, FAKE_SPACE},
    {"file_rename", {.write_error = FAULT_CHANCE_ALWAYS}, FAKE_RENAME, RP_ERR_IO, FAKE_SPACE},
    {"remove", {.write_error = FAULT_CHANCE_ALWAYS}, FAKE_REMOVE, RP_ERR_IO, FAKE_SPACE},
    {"publish", {.sync_error = FAULT_CHANCE_ALWAYS}, FAKE_PUBLISH, RP_ERR_IO, FAKE_DISCARD},
    {"full", {.is_full = true}, FAKE_STAGE_WRITE, RP_ERR_NO_SPACE, FAKE_SPACE},
    {"append", {.has_no_append = true}, FAKE_STAGE_OPEN, RP_ERR_UNSUPPORTED, FAKE_SPACE},
    {"append in place", {.has_no_append = true}, FAKE_FILE_OPEN, RP_ERR_UNSUPPORTED, FAKE_SPACE},
};

/* A call that is to fail takes the port's time, leaves no trace there, and tells the error alone; once
 * the fault is over the same call succeeds. */
START_TEST(fault_changes_the_outcome_and_ends)
{
    struct call call;
    setup();
    set(failing[_i].spec);
    begin(&call, failing[_i].kind);
    ck_assert_uint_eq(store.call_count, 1);
    ck_assert_int_eq(store.calls[0].kind, failing[_i].asked);
    run();
    ck_assert_msg(call.error == failing[_i].error, "%s: %d", failing[_i].name, call.error);
    ck_assert_uint_eq(call.request.handle, 0);
    ck_assert_uint_eq(call.request.taken_bytes, 0);
    ck_assert_uint_eq(call.request.item_count, 0);
    ck_assert_uint_eq(call.request.chunk.length_bytes, 0);
    set((struct fault_disk_spec){.is_full = false});
    begin(&call, failing[_i].kind);
    run();
    ck_assert_int_eq(call.error, 0);
    ck_assert(has_result(&call, failing[_i].kind));
    tidy(&call, failing[_i].kind);
    teardown();
}
END_TEST

/* A chance of a half fails some calls and not others. */
START_TEST(chance_is_drawn_for_each_call)
{
    int failed = 0;
    setup();
    set((struct fault_disk_spec){.stat_error = FAULT_CHANCE_ALWAYS / 2});
    for (int row = 0; row < 40; row += 1) {
        struct call call;
        begin(&call, FAKE_STAT);
        run();
        failed += call.error != 0;
    }
    ck_assert_int_gt(failed, 8);
    ck_assert_int_lt(failed, 32);
    teardown();
}
END_TEST

/* A short write offers a part to the port, of one byte at least. */
START_TEST(short_write_offers_a_part)
{
    setup();
    set((struct fault_disk_spec){.short_write = FAULT_CHANCE_ALWAYS});
    for (int row = 0; row < 20; row += 1) {
        struct call call;
        begin(&call, FAKE_STAGE_WRITE);
        run();
        ck_assert_int_eq(call.error, 0);
        ck_assert_uint_ge(call.request.taken_bytes, 1);
        ck_assert_uint_lt(call.request.taken_bytes, WRITE_BYTES);
    }
    teardown();
}
END_TEST

/* `free` counts what the medium has from the moment it is set: writes use it up, also those under way
 * at once, and what goes from the medium comes back. */
START_TEST(free_bytes_count_down_and_up)
{
    struct call first, second, third, space;
    setup();
    set((struct fault_disk_spec){.has_free_bytes = true, .free_bytes = 1500});
    begin(&first, FAKE_STAGE_WRITE);
    begin(&second, FAKE_STAGE_WRITE);
    begin(&third, FAKE_STAGE_WRITE);
    begin(&space, FAKE_SPACE);
    run();
    ck_assert_uint_eq(first.request.taken_bytes, 1000);
    ck_assert_uint_eq(second.request.taken_bytes, 500);
    ck_assert_int_eq(third.error, RP_ERR_NO_SPACE);
    ck_assert_uint_eq(space.request.free_bytes, 0);
    ck_assert_uint_eq(fault_disk_room(disk, store.free_bytes), 0);
    store.free_bytes += 300;
    begin(&first, FAKE_STAGE_WRITE);
    run();
    ck_assert_uint_eq(first.request.taken_bytes, 300);
    set((struct fault_disk_spec){.is_full = false});
    begin(&first, FAKE_STAGE_WRITE);
    run();
    ck_assert_uint_eq(first.request.taken_bytes, WRITE_BYTES);
    teardown();
}
END_TEST

/* A full disk says so, and counts no less than it denies. */
START_TEST(full_disk_has_no_room)
{
    struct call space;
    setup();
    set((struct fault_disk_spec){.is_full = true});
    begin(&space, FAKE_SPACE);
    run();
    ck_assert_uint_eq(space.request.free_bytes, 0);
    ck_assert_uint_eq(fault_disk_left(disk, 77), 77);
    teardown();
}
END_TEST

/* ---- Waiting ------------------------------------------------------------------------------------------- */

/* A stuck disk lets go of everything when its time is over, in the order of calls. */
START_TEST(stuck_disk_goes_on_by_itself)
{
    struct call calls[5];
    setup();
    set((struct fault_disk_spec){.stuck_ns = 1000});
    for (int row = 0; row < 5; row += 1) {
        begin(&calls[row], row % 2 == 0 ? FAKE_STAT : FAKE_STAGE_WRITE);
    }
    fake_clock_advance(&hands, 999);
    ck_assert_uint_eq(store.call_count, 0);
    fake_clock_advance(&hands, 1000);
    run();
    for (int row = 0; row < 5; row += 1) {
        ck_assert_int_eq(calls[row].done_count, 1);
        ck_assert_int_eq(calls[row].order, row);
    }
    begin(&calls[0], FAKE_STAT);
    ck_assert_uint_eq(store.call_count, 6);
    run();
    teardown();
}
END_TEST

/* Each call that a stuck disk holds back is told of once, whether it waited before or came after. */
START_TEST(held_calls_are_told_of_when_the_disk_gets_stuck)
{
    struct call before, after;
    setup();
    set((struct fault_disk_spec){.slow_ns = 100});
    begin(&before, FAKE_STAT);
    ck_assert_uint_eq(stuck_count, 0);
    set((struct fault_disk_spec){.slow_ns = 100, .stuck_ns = 1000});
    ck_assert_uint_eq(stuck_count, 1);
    begin(&after, FAKE_STAT);
    ck_assert_uint_eq(stuck_count, 2);
    fake_clock_advance(&hands, 1000);
    run();
    ck_assert_int_eq(before.done_count + after.done_count, 2);
    teardown();
}
END_TEST

/* Taking back `stuck` or `slow` lets go at once; the same `stuck` again does not count anew. */
START_TEST(waiting_ends_with_its_fault)
{
    static const struct fault_disk_spec rows[] = {{.stuck_ns = 1000}, {.slow_ns = 1000}};
    struct call call;
    setup();
    set(rows[_i]);
    begin(&call, FAKE_STAT);
    fake_clock_advance(&hands, 500);
    set(rows[_i]);
    ck_assert_uint_eq(fault_disk_held_count(disk), 1);
    set((struct fault_disk_spec){.is_full = false});
    ck_assert_uint_eq(fault_disk_held_count(disk), 0);
    ck_assert_uint_eq(fake_clock_armed(&hands), 0);
    run();
    ck_assert_int_eq(call.error, 0);
    set(rows[_i]);
    fake_clock_advance(&hands, 600);
    set(rows[_i]);
    begin(&call, FAKE_STAT);
    fake_clock_advance(&hands, 1500 + (_i == 1 ? 100 : 0));
    run();
    ck_assert_int_eq(call.done_count, 1);
    teardown();
}
END_TEST

/* A call that comes after the fault is over does not overtake one that waits. */
START_TEST(later_call_waits_behind_a_held_one)
{
    struct call first, second;
    setup();
    set((struct fault_disk_spec){.has_free_bytes = true, .free_bytes = 5000});
    begin(&first, FAKE_STAGE_WRITE); /* asks for the space first */
    set((struct fault_disk_spec){.is_full = false});
    begin(&second, FAKE_PUBLISH);
    ck_assert_uint_eq(fault_disk_held_count(disk), 2);
    run();
    ck_assert_int_eq(first.order, 0);
    ck_assert_int_eq(second.order, 1);
    ck_assert_uint_eq(first.request.taken_bytes, WRITE_BYTES);
    teardown();
}
END_TEST

/* ---- Ends ------------------------------------------------------------------------------------------------ */

/* Whatever a call is waiting for, a cancel ends it once, as cancelled, and the others go on. */
START_TEST(cancel_ends_a_call_wherever_it_is)
{
    static const struct {
        const char *name;
        struct fault_disk_spec spec;
        enum fake_kind kind;
    } rows[] = {
        {"passed as it is", {.is_full = false}, FAKE_STAT},
        {"passed with a fault set", {.short_write = FAULT_CHANCE_ALWAYS}, FAKE_STAGE_WRITE},
        {"passed and failing", {.write_error = FAULT_CHANCE_ALWAYS}, FAKE_STAGE_WRITE},
        {"failing publish", {.sync_error = FAULT_CHANCE_ALWAYS}, FAKE_PUBLISH},
        {"held", {.stuck_ns = 1000}, FAKE_PUBLISH},
        {"slow", {.slow_ns = 1000}, FAKE_STAGE_WRITE},
        {"asked", {.has_free_bytes = true, .free_bytes = 50}, FAKE_STAGE_WRITE},
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row += 1) {
        struct call call, other;
        setup();
        set(rows[row].spec);
        begin(&call, rows[row].kind);
        begin(&other, FAKE_STAT);
        port->cancel(port->state, &call.request);
        ck_assert_int_eq(call.done_count, 0);
        run();
        ck_assert_msg(call.done_count == 1 && call.error == RP_ERR_CANCELLED, "%s: %d, error %d",
                      rows[row].name, call.done_count, call.error);
        ck_assert_uint_eq(call.request.taken_bytes, 0);
        fake_clock_advance(&hands, 1000);
        run();
        ck_assert_int_eq(other.done_count, 1);
        ck_assert_int_eq(other.error, 0);
        teardown();
    }
}
END_TEST

/* A life that ends in the middle of everything: nothing completes, nothing leaks, and the next life
 * meets the same faults. */
START_TEST(drop_forgets_what_is_under_way)
{
    struct call held, asked, passed, again;
    setup();
    set((struct fault_disk_spec){.short_write = FAULT_CHANCE_ALWAYS});
    begin(&passed, FAKE_STAGE_WRITE);
    set((struct fault_disk_spec){.has_free_bytes = true, .free_bytes = 10});
    begin(&asked, FAKE_STAGE_WRITE);
    begin(&held, FAKE_LIST);
    fault_disk_drop(disk);
    store.done_count = store.call_count; /* the port dropped them too */
    ck_assert_uint_eq(fault_disk_held_count(disk), 0);
    begin(&again, FAKE_STAGE_WRITE);
    run();
    ck_assert_uint_eq(again.request.taken_bytes, 10);
    ck_assert_int_eq(held.done_count + asked.done_count + passed.done_count, 0);
    set((struct fault_disk_spec){.stuck_ns = 1000});
    begin(&held, FAKE_STAT);
    teardown();
}
END_TEST

static void on_come(void *context)
{
    *(rp_time_ns *)context = hands.now_ns + 1;
}

/* Who writes beside the port waits as calls do, and fails as writes do. */
START_TEST(turn_comes_in_the_order_of_calls)
{
    rp_time_ns come_ns = 0;
    struct call call;
    setup();
    ck_assert_int_eq(fault_disk_wait_turn(disk, on_come, &come_ns), 0);
    ck_assert_uint_eq(come_ns, 1);
    ck_assert(!fault_disk_write_fails(disk));
    set((struct fault_disk_spec){.slow_ns = 1000, .sync_error = FAULT_CHANCE_ALWAYS});
    ck_assert(fault_disk_write_fails(disk));
    begin(&call, FAKE_STAT);
    ck_assert_int_eq(fault_disk_wait_turn(disk, on_come, &come_ns), 0);
    ck_assert_uint_eq(fault_disk_held_count(disk), 2);
    fake_clock_advance(&hands, 2000);
    ck_assert_uint_eq(come_ns, 1001);
    run();
    ck_assert_int_eq(fault_disk_wait_turn(disk, on_come, &come_ns), 0);
    fault_disk_drop(disk);
    fake_clock_advance(&hands, 9000);
    ck_assert_uint_eq(come_ns, 1001);
    teardown();
}
END_TEST

/* Short of memory a call passes without its fault, and a turn is refused. */
START_TEST(without_memory_a_call_passes)
{
    struct call call;
    setup();
    set((struct fault_disk_spec){.stat_error = FAULT_CHANCE_ALWAYS});
    memory.fail_at = memory.call_count + 1;
    begin(&call, FAKE_STAT);
    run();
    ck_assert_int_eq(call.error, 0);
    memory.fail_at = memory.call_count + 1;
    ck_assert_int_eq(fault_disk_wait_turn(disk, on_come, NULL), RP_ERR_NOMEM);
    teardown();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("disk");
    TCase *tcase = tcase_create("disk");
    tcase_add_loop_test(tcase, healthy_disk_costs_nothing, 0, FAKE_KIND_COUNT);
    tcase_add_loop_test(tcase, call_without_its_fault_passes_whole, 0, FAKE_KIND_COUNT);
    tcase_add_loop_test(tcase, fault_changes_the_outcome_and_ends, 0, ROWS(failing));
    tcase_add_test(tcase, chance_is_drawn_for_each_call);
    tcase_add_test(tcase, short_write_offers_a_part);
    tcase_add_test(tcase, free_bytes_count_down_and_up);
    tcase_add_test(tcase, full_disk_has_no_room);
    tcase_add_test(tcase, stuck_disk_goes_on_by_itself);
    tcase_add_test(tcase, held_calls_are_told_of_when_the_disk_gets_stuck);
    tcase_add_loop_test(tcase, waiting_ends_with_its_fault, 0, 2);
    tcase_add_test(tcase, later_call_waits_behind_a_held_one);
    tcase_add_test(tcase, cancel_ends_a_call_wherever_it_is);
    tcase_add_test(tcase, drop_forgets_what_is_under_way);
    tcase_add_test(tcase, turn_comes_in_the_order_of_calls);
    tcase_add_test(tcase, without_memory_a_call_passes);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
