/* The hostile decorator between a real fetch server and a real fetch client: what each misdeed makes
 * of an honest answer, in any segmentation, under any shortage (docs/scenario-api.md, hostile peers). */
#include "fault/hostile.h"

#include <check.h>
#include <stdlib.h>

#include "protocol/message.h"
#include "tests/lib/fetch_bench.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))
#define BODY_SIZE   100000
#define NOW         INT64_C(1775916000)
#define CONN        77

/* ---- Fixture ------------------------------------------------------------------------------------- */

static struct test_alloc memory; /* of the decorator */
static struct fault_hostile *hostile;
static const struct rp_net_port *port;
static const struct rp_net_events *events;
static struct client_bench client;
static struct server_bench server;
static struct rp_file_entry entry;
static struct bench_object object;
static uint8_t body[BODY_SIZE];
static char body_hex[RP_SHA256_HEX];
static enum rp_release release;
static uint64_t random_state;

/* The world's side of the port. */
static struct {
    struct rp_buffer wire; /* what left, and the client has not had yet */
    size_t send_max;       /* taken by one call; 0: everything */
    bool is_full;          /* the last call took less than offered */
    bool is_closed, is_reset;
    size_t dial_count, listen_count;
} world;

/* The node's side. */
static struct {
    size_t sent_bytes, piece_bytes;
    bool is_closed, wants_room;
    int end_error, end_count, accepted_count, connected_count;
} node;

static rp_time_ns now_ns;
static struct rp_timer *armed;
static rp_time_ns armed_ns;

static enum fault_hostile_kind noted_kind;
static size_t noted_count;

static uint64_t next_random(void *state)
{
    uint64_t *word = state;
    *word = *word * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *word ^ *word >> 29;
}

static rp_time_ns clock_now(void *state)
{
    (void)state;
    return now_ns;
}

static void clock_arm(void *state, struct rp_timer *timer, rp_time_ns deadline_ns)
{
    (void)state;
    ck_assert(armed == NULL || armed == timer);
    armed = timer;
    armed_ns = deadline_ns;
    timer->port_handle = 1;
}

static void clock_disarm(void *state, struct rp_timer *timer)
{
    (void)state;
    ck_assert_ptr_eq(armed, timer);
    armed = NULL;
    timer->port_handle = 0;
}

static int world_listen(void *state)
{
    (void)state;
    world.listen_count += 1;
    return 0;
}

static void world_listen_stop(void *state)
{
    (void)state;
}

static int world_dial(void *state, struct rp_view address, rp_conn *conn_out)
{
    (void)state;
    (void)address;
    world.dial_count += 1;
    *conn_out = 5;
    return 0;
}

static size_t world_send(void *state, rp_conn conn, struct rp_chunk chunk)
{
    (void)state;
    ck_assert_uint_eq(conn, CONN);
    ck_assert(!world.is_closed && !world.is_reset);
    size_t taken = bench_take(chunk.length_bytes, world.send_max);
    world.is_full = taken < chunk.length_bytes;
    ck_assert_int_eq(rp_buffer_append(&world.wire, rp_view_make(chunk.bytes, taken)), 0);
    return taken;
}

static void world_pause(void *state, rp_conn conn, bool is_paused)
{
    (void)state;
    (void)conn;
    (void)is_paused;
}

static void world_close(void *state, rp_conn conn)
{
    (void)state;
    ck_assert_uint_eq(conn, CONN);
    ck_assert(!world.is_closed && !world.is_reset);
    world.is_closed = true;
}

static void world_abort(void *state, rp_conn conn)
{
    (void)state;
    ck_assert_uint_eq(conn, CONN);
    ck_assert(!world.is_closed && !world.is_reset);
    world.is_reset = true;
}

static size_t world_unsent(void *state, rp_conn conn)
{
    (void)state;
    (void)conn;
    return 0;
}

static void node_accepted(void *context, rp_conn conn)
{
    (void)context;
    (void)conn;
    node.accepted_count += 1;
}

static void node_connected(void *context, rp_conn conn, int error)
{
    (void)context;
    (void)conn;
    (void)error;
    node.connected_count += 1;
}

static const struct rp_file_entry *find_entry(void *context, struct rp_view path)
{
    (void)context;
    return rp_view_equal(path, entry.path) ? &entry : NULL;
}

/* Serves the request whole into server.received; the node hands it on bit by bit. */
static void node_received(void *context, rp_conn conn, struct rp_chunk chunk)
{
    (void)context;
    (void)conn;
    struct rp_arena arena;
    struct rp_message message;
    rp_arena_init(&arena, &server.alloc.alloc);
    ck_assert_int_eq(rp_message_decode(rp_release_traits(release), chunk.bytes[4],
                                       rp_view_make(chunk.bytes + 5, chunk.length_bytes - 5),
                                       &arena, &message),
                     0);
    struct rp_serve_facts facts = {.auth = client.auth,
                                   .self_id = rp_view_text("writer-1"),
                                   .cluster = rp_view_text("prod"),
                                   .wall_unix_s = NOW,
                                   .serve_timeout_ns = 120 * RP_NS_PER_S,
                                   .has_consensus = true,
                                   .has_fsm = true,
                                   .has_backend = true,
                                   .find_entry = find_entry};
    server_bench_step(&server, (struct rp_serve_event){.kind = RP_SERVE_EV_START,
                                                       .message = &message.as.fetch_file,
                                                       .facts = &facts});
    ck_assert_uint_eq(server.finish_count, 1);
    rp_arena_clear(&arena);
}

static void node_writable(void *context, rp_conn conn)
{
    (void)context;
    (void)conn;
    ck_assert(!node.is_closed);
    node.wants_room = false;
}

static void node_ended(void *context, rp_conn conn, int error)
{
    (void)context;
    (void)conn;
    ck_assert(!node.is_closed);
    node.end_error = error;
    node.end_count += 1;
    node.is_closed = node.is_closed || error != 0;
}

static void on_noted(void *context, enum fault_hostile_kind kind, struct rp_view path)
{
    (void)context;
    ck_assert(rp_view_equal(path, entry.path));
    noted_kind = kind;
    noted_count += 1;
}

static void make_hostile(void)
{
    static const struct rp_net_events handlers = {NULL,          node_accepted, node_connected,
                                                  node_received, node_writable, node_ended};
    struct fault_hostile_params params = {
        .alloc = &memory.alloc,
        .net = {NULL, world_listen, world_listen_stop, world_dial, world_send, world_pause,
                world_close, world_abort, world_unsent},
        .clock = {NULL, clock_now, NULL, clock_arm, clock_disarm},
        .random = {&random_state, next_random},
        .traits = rp_release_traits(release),
        .noted = on_noted,
    };
    ck_assert_int_eq(fault_hostile_new(&params, &hostile), 0);
    port = fault_hostile_port(hostile);
    events = fault_hostile_events(hostile, &handlers);
}

static void setup(enum rp_release as, size_t body_bytes)
{
    release = as;
    random_state = 42;
    now_ns = 0;
    armed = NULL;
    noted_count = 0;
    noted_kind = FAULT_HOSTILE_NONE;
    memset(&world, 0, sizeof world);
    memset(&node, 0, sizeof node);
    test_alloc_init(&memory);
    client_bench_init(&client, rp_release_traits(release), rp_view_text("secret"));
    server_bench_init(&server, rp_release_traits(release));
    client.wall_unix_s = NOW;
    rp_buffer_init(&world.wire, &client.alloc.alloc, SIZE_MAX / 2);
    for (size_t at = 0; at < BODY_SIZE; at += 1) {
        body[at] = (uint8_t)(at * 31 + 7);
    }
    bench_hash(&client.alloc.alloc, rp_view_make(body, body_bytes), body_hex);
    entry = bench_entry(rp_view_text("db/a.parquet"), rp_view_make(body_hex, sizeof body_hex),
                        (int64_t)body_bytes);
    object = (struct bench_object){entry.path, rp_view_make(body, body_bytes), false};
    server.objects = &object;
    server.object_count = 1;
    make_hostile();
}

static void teardown(void)
{
    fault_hostile_free(hostile);
    ck_assert_ptr_null(armed);
    ck_assert_uint_eq(memory.live_count, 0);
    rp_buffer_clear(&world.wire);
    server_bench_clear(&server);
    client_bench_clear(&client);
}

static void set_kind(enum fault_hostile_kind kind)
{
    struct fault_hostile_spec spec = {.kind = kind, .chance = FAULT_CHANCE_ALWAYS};
    fault_hostile_set(hostile, &spec);
}

static void set_placed(enum fault_hostile_kind kind, uint64_t after_bytes)
{
    struct fault_hostile_spec spec = {.kind = kind,
                                      .chance = FAULT_CHANCE_ALWAYS,
                                      .has_after_bytes = true,
                                      .after_bytes = after_bytes};
    fault_hostile_set(hostile, &spec);
}

/* ---- One fetch ------------------------------------------------------------------------------------- */

static void start_client(void)
{
    struct rp_fetch_request request = {
        .traits = rp_release_traits(release),
        .node_id = rp_view_text("reader-1"),
        .cluster = rp_view_text("prod"),
        .path = entry.path,
        .sha256 = entry.sha256,
        .size_bytes = entry.size_bytes,
        .nonce = rp_view_text("n1"),
        .fetch_timeout_ns = 60 * RP_NS_PER_S,
    };
    client_bench_start(&client, &request);
    events->accepted(events->context, CONN);
    struct rp_chunk chunk = bench_chunk(&client.alloc.alloc, rp_buffer_view(&client.sent));
    events->received(events->context, CONN, chunk);
    rp_block_release(chunk.block);
}

/* The node sends until there is no room, and closes after the last byte. */
static bool node_sends(void)
{
    if (node.is_closed || node.wants_room) {
        return false;
    }
    struct rp_view rest = rp_view_make(server.received.bytes + node.sent_bytes,
                                       server.received.length_bytes - node.sent_bytes);
    if (rest.length_bytes == 0) {
        node.is_closed = true;
        port->close(port->state, CONN);
        return true;
    }
    size_t length = bench_take(rest.length_bytes, node.piece_bytes);
    struct rp_chunk chunk = bench_chunk(&client.alloc.alloc, rp_view_make(rest.bytes, length));
    size_t taken = port->send(port->state, CONN, chunk);
    rp_block_release(chunk.block);
    ck_assert_uint_le(taken, length);
    node.sent_bytes += taken;
    node.wants_room = taken < length;
    return true;
}

static bool world_goes_on(void)
{
    if (world.wire.length_bytes > 0 && client.finish_count == 0) {
        client_bench_receive(&client, rp_buffer_view(&world.wire), 0);
    }
    rp_buffer_reset(&world.wire);
    if (world.is_full) {
        world.is_full = false;
        events->writable(events->context, CONN);
        return true;
    }
    return false;
}

static bool timer_fires(void)
{
    if (armed == NULL || armed_ns > 70 * RP_NS_PER_S) {
        return false;
    }
    struct rp_timer *timer = armed;
    now_ns = armed_ns;
    armed = NULL;
    timer->port_handle = 0;
    timer->fire(timer->context);
    return true;
}

/* Until nothing moves any more but the client's time-out. */
static void run(void)
{
    start_client();
    bool is_moving = true;
    while (is_moving) {
        is_moving = node_sends();
        is_moving = world_goes_on() || is_moving;
        is_moving = is_moving || timer_fires();
    }
    if (client.finish_count == 0 && (world.is_closed || world.is_reset)) {
        client_bench_end(&client, world.is_reset ? RP_ERR_RESET : 0);
    } else if (client.finish_count == 0) {
        client_bench_timer(&client, rp_fetch_client_deadline(client.client));
    }
    ck_assert_uint_eq(client.finish_count, 1);
    if (!world.is_closed && !world.is_reset) {
        events->ended(events->context, CONN, 0); /* the client closes */
    }
    ck_assert(world.is_closed || world.is_reset);
    ck_assert_uint_eq(fault_hostile_held_count(hostile), 0);
}

static void expect_class(const char *name, enum rp_fetch_class class)
{
    ck_assert_msg(client.finish.class == class, "%s: class %d, not %d", name,
                  (int)client.finish.class, (int)class);
}

/* ---- Every kind ---------------------------------------------------------------------------------------- */

static const struct {
    enum fault_hostile_kind kind;
    enum rp_fetch_class class;
} ENDS[] = {
    {FAULT_HOSTILE_CORRUPT_BODY, RP_FETCH_CLASS_CHECKSUM},
    {FAULT_HOSTILE_FORGERY, RP_FETCH_CLASS_CHECKSUM},
    {FAULT_HOSTILE_SHORT_BODY, RP_FETCH_CLASS_BODY_STREAM},
    {FAULT_HOSTILE_LONG_BODY, RP_FETCH_CLASS_OK},
    {FAULT_HOSTILE_WRONG_HASH, RP_FETCH_CLASS_CHECKSUM},
    {FAULT_HOSTILE_WRONG_SIZE, RP_FETCH_CLASS_SIZE_MISMATCH},
    {FAULT_HOSTILE_NEGATIVE_SIZE, RP_FETCH_CLASS_NEGATIVE_SIZE},
    {FAULT_HOSTILE_HUGE_SIZE, RP_FETCH_CLASS_SIZE_MISMATCH},
    {FAULT_HOSTILE_WRONG_OFFSET, RP_FETCH_CLASS_OFFSET_ECHO},
    {FAULT_HOSTILE_STALL, RP_FETCH_CLASS_BODY_STREAM},
    {FAULT_HOSTILE_SLOW_DRIP, RP_FETCH_CLASS_BODY_STREAM},
    {FAULT_HOSTILE_GARBAGE_FRAME, RP_FETCH_CLASS_RECEIVE_HEADER},
    {FAULT_HOSTILE_HUGE_FRAME, RP_FETCH_CLASS_RECEIVE_HEADER},
    {FAULT_HOSTILE_ZERO_FRAME, RP_FETCH_CLASS_RECEIVE_HEADER},
    {FAULT_HOSTILE_MALFORMED_JSON, RP_FETCH_CLASS_RECEIVE_HEADER},
    {FAULT_HOSTILE_NOT_FOUND_LIE, RP_FETCH_CLASS_NOT_ON_PEER},
    {FAULT_HOSTILE_MANIFEST_LIE, RP_FETCH_CLASS_NOT_ON_PEER},
    {FAULT_HOSTILE_AUTH_LIE, RP_FETCH_CLASS_REJECTED},
    {FAULT_HOSTILE_BAD_OFFSET_LIE, RP_FETCH_CLASS_BAD_OFFSET},
    {FAULT_HOSTILE_LEGACY_NEAR_MISS, RP_FETCH_CLASS_REJECTED},
    {FAULT_HOSTILE_CLOSE_EARLY, RP_FETCH_CLASS_RECEIVE_HEADER},
    {FAULT_HOSTILE_RESET, RP_FETCH_CLASS_RECEIVE_HEADER},
    {FAULT_HOSTILE_NEVER_ACK, RP_FETCH_CLASS_RECEIVE_HEADER},
};

static const struct {
    size_t piece_bytes, send_max;
} CUTS[] = {{0, 0}, {0, 1000}, {777, 0}, {1, 0}, {4096, 333}};

/* Each misdeed ends the client's fetch as its kind says, in any segmentation, and is told once. */
START_TEST(each_kind_ends_the_fetch_in_its_own_way)
{
    enum fault_hostile_kind kind = ENDS[_i].kind;
    for (int cut = 0; cut < ROWS(CUTS); cut += 1) {
        setup(RP_RELEASE_CURRENT, BODY_SIZE);
        node.piece_bytes = CUTS[cut].piece_bytes;
        world.send_max = CUTS[cut].send_max;
        set_kind(kind);
        run();
        expect_class(fault_hostile_name(kind), ENDS[_i].class);
        ck_assert_uint_eq(noted_count, 1);
        ck_assert_int_eq(noted_kind, kind);
        teardown();
    }
}
END_TEST

/* The number of a frame is another: known ones are no acks, and one is known to nobody. */
START_TEST(wrong_type_is_no_ack)
{
    for (uint64_t seed = 0; seed < 20; seed += 1) {
        setup(RP_RELEASE_CURRENT, BODY_SIZE);
        random_state = seed;
        set_kind(FAULT_HOSTILE_WRONG_TYPE);
        run();
        ck_assert(client.finish.class == RP_FETCH_CLASS_UNEXPECTED_TYPE ||
                  client.finish.class == RP_FETCH_CLASS_RECEIVE_HEADER);
        teardown();
    }
}
END_TEST

/* Nothing set, taken back, never by chance, or meant for another path: every byte passes unchanged. */
static bool is_never(void *context, struct rp_view path)
{
    (void)context;
    (void)path;
    return false;
}

START_TEST(without_a_misdeed_every_byte_passes)
{
    struct fault_hostile_spec none = {.kind = FAULT_HOSTILE_WRONG_HASH};
    struct fault_hostile_spec other = {
        .kind = FAULT_HOSTILE_WRONG_HASH, .chance = FAULT_CHANCE_ALWAYS, .matches = is_never};
    setup(RP_RELEASE_CURRENT, BODY_SIZE);
    node.piece_bytes = 501;
    world.send_max = 400;
    if (_i == 1) {
        set_kind(FAULT_HOSTILE_STALL);
        fault_hostile_set(hostile, NULL);
    } else if (_i > 1) {
        fault_hostile_set(hostile, _i == 2 ? &none : &other);
    }
    run();
    ck_assert_uint_eq(noted_count, 0);
    expect_class("honest", RP_FETCH_CLASS_OK);
    ck_assert(rp_view_equal(rp_buffer_view(&client.sunk), rp_view_make(body, BODY_SIZE)));
    teardown();
}
END_TEST

/* An empty file leaves most misdeeds of the body nothing to do; none of them hangs or is told. */
START_TEST(empty_body_leaves_the_body_kinds_nothing)
{
    static const enum fault_hostile_kind kinds[] = {FAULT_HOSTILE_CORRUPT_BODY,
                                                    FAULT_HOSTILE_SHORT_BODY, FAULT_HOSTILE_STALL,
                                                    FAULT_HOSTILE_SLOW_DRIP};
    for (int row = 0; row < ROWS(kinds); row += 1) {
        setup(RP_RELEASE_CURRENT, 0);
        set_kind(kinds[row]);
        run();
        expect_class(fault_hostile_name(kinds[row]), RP_FETCH_CLASS_OK);
        ck_assert_uint_eq(noted_count, 0);
        teardown();
    }
}
END_TEST

/* ---- The place of the misdeed ----------------------------------------------------------------------------- */

/* Bytes before `after_bytes` are honest; what follows is not, or does not come. */
START_TEST(misdeed_begins_after_so_many_bytes)
{
    static const struct {
        enum fault_hostile_kind kind;
        enum rp_fetch_class class;
        bool is_cut; /* no byte beyond the place */
    } rows[] = {
        {FAULT_HOSTILE_CORRUPT_BODY, RP_FETCH_CLASS_CHECKSUM, false},
        {FAULT_HOSTILE_SHORT_BODY, RP_FETCH_CLASS_BODY_STREAM, true},
        {FAULT_HOSTILE_LONG_BODY, RP_FETCH_CLASS_CHECKSUM, false},
        {FAULT_HOSTILE_STALL, RP_FETCH_CLASS_BODY_STREAM, true},
        {FAULT_HOSTILE_CLOSE_EARLY, RP_FETCH_CLASS_BODY_STREAM, true},
        {FAULT_HOSTILE_RESET, RP_FETCH_CLASS_BODY_STREAM, true},
    };
    for (int cut = 0; cut < ROWS(CUTS); cut += 1) {
        setup(RP_RELEASE_CURRENT, BODY_SIZE);
        node.piece_bytes = CUTS[cut].piece_bytes;
        world.send_max = CUTS[cut].send_max;
        set_placed(rows[_i].kind, 5000);
        run();
        expect_class(fault_hostile_name(rows[_i].kind), rows[_i].class);
        ck_assert_uint_ge(client.sunk.length_bytes, 5000);
        ck_assert_int_eq(memcmp(client.sunk.bytes, body, 5000), 0);
        ck_assert(!rows[_i].is_cut || client.sunk.length_bytes == 5000);
        teardown();
    }
}
END_TEST

/* A place beyond the body: nothing happens at all. */
START_TEST(place_beyond_the_body_is_honest)
{
    setup(RP_RELEASE_CURRENT, BODY_SIZE);
    set_placed(FAULT_HOSTILE_STALL, BODY_SIZE + 1);
    run();
    expect_class("beyond", RP_FETCH_CLASS_OK);
    ck_assert_uint_eq(noted_count, 0);
    teardown();
}
END_TEST

/* Five bytes a second: the time-out comes after some hundreds, all of them right. */
START_TEST(drip_is_slow_and_honest)
{
    setup(RP_RELEASE_CURRENT, BODY_SIZE);
    set_kind(FAULT_HOSTILE_SLOW_DRIP);
    run();
    ck_assert_uint_ge(client.sunk.length_bytes, 290);
    ck_assert_uint_le(client.sunk.length_bytes, 360);
    ck_assert_int_eq(memcmp(client.sunk.bytes, body, client.sunk.length_bytes), 0);
    teardown();
}
END_TEST

/* ---- What an ack says -------------------------------------------------------------------------------------- */

/* A forgery holds together: the hash in its ack is that of its body, and not the file's. */
START_TEST(forgery_agrees_with_itself)
{
    setup(RP_RELEASE_ARC, BODY_SIZE);
    set_kind(FAULT_HOSTILE_FORGERY);
    world.send_max = 1234;
    start_client();
    struct rp_buffer all;
    rp_buffer_init(&all, &client.alloc.alloc, SIZE_MAX / 2);
    while (node_sends() || world.is_full) {
        ck_assert_int_eq(rp_buffer_append(&all, rp_buffer_view(&world.wire)), 0);
        rp_buffer_reset(&world.wire);
        if (world.is_full) {
            world.is_full = false;
            events->writable(events->context, CONN);
        }
    }
    size_t frame_bytes = all.length_bytes - BODY_SIZE;
    struct rp_arena arena;
    struct rp_message message;
    char hex[RP_SHA256_HEX];
    rp_arena_init(&arena, &client.alloc.alloc);
    ck_assert_int_eq(rp_message_decode(rp_release_traits(release), all.bytes[4],
                                       rp_view_make(all.bytes + 5, frame_bytes - 5), &arena,
                                       &message),
                     0);
    bench_hash(&client.alloc.alloc, rp_view_make(all.bytes + frame_bytes, BODY_SIZE), hex);
    ck_assert(rp_view_equal(message.as.fetch_file_ack.sha256, rp_view_make(hex, sizeof hex)));
    ck_assert(!rp_view_equal(message.as.fetch_file_ack.sha256, entry.sha256));
    ck_assert_int_eq(message.as.fetch_file_ack.size_bytes, BODY_SIZE);
    rp_arena_clear(&arena);
    rp_buffer_clear(&all);
    teardown();
}
END_TEST

/* The oldest release has no codes: a lie of its node has none either. */
START_TEST(lie_speaks_the_words_of_the_release)
{
    setup(_i == 0 ? RP_RELEASE_PHASE2 : RP_RELEASE_ARC, BODY_SIZE);
    set_kind(FAULT_HOSTILE_NOT_FOUND_LIE);
    start_client();
    while (node_sends()) {
    }
    struct rp_buffer *wire = &world.wire;
    ck_assert_int_eq(rp_buffer_append_byte(wire, 0), 0);
    const char *text = (const char *)wire->bytes + 5;
    ck_assert_ptr_nonnull(strstr(text, "file not found on local backend"));
    ck_assert_int_eq(strstr(text, "\"code\"") != NULL, _i == 1);
    teardown();
}
END_TEST

/* ---- Ends ------------------------------------------------------------------------------------------------- */

/* A held connection outlives the node's close, and is closed when the misdeed is taken back. */
START_TEST(held_connection_ends_with_the_misdeed)
{
    setup(RP_RELEASE_CURRENT, BODY_SIZE);
    set_kind(FAULT_HOSTILE_NEVER_ACK);
    start_client();
    while (node_sends()) {
    }
    ck_assert(node.is_closed);
    ck_assert(!world.is_closed);
    ck_assert_uint_eq(fault_hostile_held_count(hostile), 1);
    fault_hostile_set(hostile, NULL);
    ck_assert(timer_fires());
    ck_assert(world.is_closed);
    ck_assert_uint_eq(fault_hostile_held_count(hostile), 0);
    client_bench_end(&client, 0);
    teardown();
}
END_TEST

/* A connection that is cut early tells the node, once, that it is gone. */
START_TEST(node_hears_of_an_early_end)
{
    setup(RP_RELEASE_CURRENT, BODY_SIZE);
    set_kind(FAULT_HOSTILE_RESET);
    start_client();
    node.piece_bytes = 50;
    ck_assert(node_sends());
    while (armed == NULL) {
        ck_assert(node_sends());
    }
    ck_assert(timer_fires());
    ck_assert(world.is_reset);
    ck_assert_int_eq(node.end_count, 1);
    ck_assert_int_eq(node.end_error, RP_ERR_RESET);
    client_bench_end(&client, RP_ERR_RESET);
    teardown();
}
END_TEST

/* A life may end in the middle of anything: nothing is left. */
START_TEST(free_in_the_middle_leaves_nothing)
{
    enum fault_hostile_kind kind = (enum fault_hostile_kind)_i;
    setup(RP_RELEASE_CURRENT, BODY_SIZE);
    set_kind(kind);
    world.send_max = 10;
    node.piece_bytes = 64;
    start_client();
    for (int step = 0; step < 9; step += 1) {
        (void)node_sends();
        (void)world_goes_on();
    }
    if (client.finish_count == 0) {
        client_bench_end(&client, RP_ERR_RESET);
    }
    teardown();
}
END_TEST

/* Out of memory at any call: the fetch ends somehow, nothing leaks and nothing stays open. */
START_TEST(lack_of_memory_is_survived)
{
    enum fault_hostile_kind kind = (enum fault_hostile_kind)_i;
    for (size_t fail_at = 1; fail_at < 20; fail_at += 1) {
        setup(RP_RELEASE_CURRENT, 3000);
        set_kind(kind);
        memory.fail_at = memory.call_count + fail_at;
        node.piece_bytes = 1500;
        run();
        ck_assert(client.finish.class != RP_FETCH_CLASS_OK ||
                  rp_view_equal(rp_buffer_view(&client.sunk), rp_view_make(body, 3000)));
        teardown();
    }
}
END_TEST

/* Dials and listening are no business of the decorator. */
START_TEST(other_calls_pass)
{
    rp_conn conn = 0;
    setup(RP_RELEASE_CURRENT, BODY_SIZE);
    set_kind(FAULT_HOSTILE_STALL);
    ck_assert_int_eq(port->listen(port->state), 0);
    ck_assert_int_eq(port->dial(port->state, rp_view_text("a:1"), &conn), 0);
    events->connected(events->context, conn, 0);
    events->ended(events->context, conn, 0);
    ck_assert_uint_eq(conn, 5);
    ck_assert_uint_eq(world.listen_count, 1);
    ck_assert_uint_eq(world.dial_count, 1);
    ck_assert_int_eq(node.connected_count, 1);
    ck_assert_int_eq(node.end_count, 1);
    start_client();
    port->abort(port->state, CONN);
    ck_assert(world.is_reset);
    client_bench_end(&client, RP_ERR_RESET);
    teardown();
}
END_TEST

/* ---- Names -------------------------------------------------------------------------------------------------- */

/* Every kind is found by its name, and nothing else is. */
START_TEST(names_are_known)
{
    enum fault_hostile_kind kind = FAULT_HOSTILE_NONE;
    for (int index = FAULT_HOSTILE_NONE + 1; index < FAULT_HOSTILE_KIND_COUNT; index += 1) {
        const char *name = fault_hostile_name((enum fault_hostile_kind)index);
        ck_assert(fault_hostile_parse(rp_view_text(name), &kind));
        ck_assert_int_eq(kind, index);
    }
    ck_assert(!fault_hostile_parse(rp_view_text("none"), &kind));
    ck_assert(!fault_hostile_parse(rp_view_text("stall "), &kind));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault.hostile");
    TCase *tc = tcase_create("hostile");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, each_kind_ends_the_fetch_in_its_own_way, 0, ROWS(ENDS));
    tcase_add_test(tc, wrong_type_is_no_ack);
    tcase_add_loop_test(tc, without_a_misdeed_every_byte_passes, 0, 4);
    tcase_add_test(tc, empty_body_leaves_the_body_kinds_nothing);
    tcase_add_loop_test(tc, misdeed_begins_after_so_many_bytes, 0, 6);
    tcase_add_test(tc, place_beyond_the_body_is_honest);
    tcase_add_test(tc, drip_is_slow_and_honest);
    tcase_add_test(tc, forgery_agrees_with_itself);
    tcase_add_loop_test(tc, lie_speaks_the_words_of_the_release, 0, 2);
    tcase_add_test(tc, held_connection_ends_with_the_misdeed);
    tcase_add_test(tc, node_hears_of_an_early_end);
    tcase_add_loop_test(tc, free_in_the_middle_leaves_nothing, 1, FAULT_HOSTILE_KIND_COUNT);
    tcase_add_loop_test(tc, lack_of_memory_is_survived, 1, FAULT_HOSTILE_KIND_COUNT);
    tcase_add_test(tc, other_calls_pass);
    tcase_add_test(tc, names_are_known);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
