/* The stream decorator between a port and a node that only write down what they are told
 * (docs/scenario-api.md, the network; fault/stream.h). */
#include "fault/stream.h"

#include <check.h>
#include <stdio.h>

#include "protocol/error.h"
#include "tests/fault/fake_clock.h"
#include "tests/lib/test_alloc.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))
#define CONN        77

static struct test_alloc memory;
static struct fake_clock hands;
static struct fault_stream *stream;
static const struct rp_net_port *port;
static const struct rp_net_events *events;
static uint64_t random_state;
static char port_log[512], node_log[2048];
static uint8_t came[64]; /* to the node; as far as there is room */
static uint8_t left[64]; /* to the port */
static size_t came_bytes, left_bytes, send_max;
static bool is_closing; /* the node closes at the first bytes */

static void note(char *log, size_t log_bytes, const char *what, long long value)
{
    size_t length = strlen(log);
    ck_assert_uint_lt(length + 32, log_bytes);
    (void)snprintf(log + length, log_bytes - length, "%s%s %lld", length == 0 ? "" : ", ", what,
                   value);
}

#define NOTE(log, what, value) note(log, sizeof log, what, (long long)(value))

/* ---- The port -------------------------------------------------------------------------------------- */

static int world_listen(void *state)
{
    (void)state;
    NOTE(port_log, "listen", 1);
    return 0;
}

static void world_listen_stop(void *state)
{
    (void)state;
    NOTE(port_log, "listen", 0);
}

static int world_dial(void *state, struct rp_view address, rp_conn *conn_out)
{
    (void)state;
    NOTE(port_log, "dial", address.length_bytes);
    *conn_out = CONN;
    return 0;
}

static size_t world_send(void *state, rp_conn conn, struct rp_chunk chunk)
{
    (void)state;
    ck_assert_uint_eq(conn, CONN);
    size_t taken = chunk.length_bytes < send_max ? chunk.length_bytes : send_max;
    ck_assert_uint_le(left_bytes + taken, sizeof left);
    memcpy(left + left_bytes, chunk.bytes, taken);
    left_bytes += taken;
    NOTE(port_log, "send", taken);
    return taken;
}

static void world_pause(void *state, rp_conn conn, bool is_paused)
{
    (void)state;
    (void)conn;
    NOTE(port_log, "pause", is_paused);
}

static void world_close(void *state, rp_conn conn)
{
    (void)state;
    NOTE(port_log, "close", conn);
}

static void world_abort(void *state, rp_conn conn)
{
    (void)state;
    NOTE(port_log, "abort", conn);
}

static size_t world_unsent(void *state, rp_conn conn)
{
    (void)state;
    (void)conn;
    return 3;
}

/* ---- The node -------------------------------------------------------------------------------------- */

static void node_accepted(void *context, rp_conn conn)
{
    (void)context;
    NOTE(node_log, "accepted", conn);
}

static void node_connected(void *context, rp_conn conn, int error)
{
    (void)context;
    (void)conn;
    NOTE(node_log, "connected", error);
}

static void node_received(void *context, rp_conn conn, struct rp_chunk chunk)
{
    (void)context;
    NOTE(node_log, "bytes", chunk.length_bytes);
    for (size_t at = 0; at < chunk.length_bytes; at += 1) {
        if (came_bytes < sizeof came) {
            came[came_bytes] = chunk.bytes[at];
        }
        came_bytes += 1;
    }
    if (is_closing) {
        port->close(port->state, conn);
    }
}

static void node_writable(void *context, rp_conn conn)
{
    (void)context;
    NOTE(node_log, "room", conn);
}

static void node_ended(void *context, rp_conn conn, int error)
{
    (void)context;
    (void)conn;
    NOTE(node_log, "ended", error);
}

/* ---- Fixture ---------------------------------------------------------------------------------------- */

static void setup(void)
{
    static const struct rp_net_events handlers = {NULL,          node_accepted, node_connected,
                                                  node_received, node_writable, node_ended};
    memset(&hands, 0, sizeof hands);
    hands.now_ns = 1000;
    random_state = 9;
    port_log[0] = '\0';
    node_log[0] = '\0';
    came_bytes = 0;
    left_bytes = 0;
    send_max = 1000;
    is_closing = false;
    test_alloc_init(&memory);
    struct fault_stream_params params = {
        .alloc = &memory.alloc,
        .net = {NULL, world_listen, world_listen_stop, world_dial, world_send, world_pause,
                world_close, world_abort, world_unsent},
        .clock = fake_clock_port(&hands),
        .random = {&random_state, fake_random_next},
    };
    ck_assert_int_eq(fault_stream_new(&params, &stream), 0);
    port = fault_stream_port(stream);
    events = fault_stream_events(stream, &handlers);
}

static void teardown(void)
{
    fault_stream_free(stream);
    ck_assert_uint_eq(fake_clock_armed(&hands), 0);
    ck_assert_uint_eq(memory.live_count, 0);
}

static void set(struct fault_stream_spec spec)
{
    fault_stream_set(stream, &spec);
}

static void heal(void)
{
    set((struct fault_stream_spec){.reset = 0});
}

static void receive(const char *text)
{
    struct rp_block *block = NULL;
    uint8_t *bytes = NULL;
    ck_assert_int_eq(rp_block_new(&memory.alloc, strlen(text), &block, &bytes), 0);
    memcpy(bytes, text, strlen(text));
    events->received(events->context, CONN, rp_chunk_of(block));
    rp_block_release(block);
}

static size_t send(const char *text)
{
    struct rp_block *block = NULL;
    uint8_t *bytes = NULL;
    ck_assert_int_eq(rp_block_new(&memory.alloc, strlen(text), &block, &bytes), 0);
    memcpy(bytes, text, strlen(text));
    size_t taken = port->send(port->state, CONN, rp_chunk_of(block));
    rp_block_release(block);
    return taken;
}

static void after(rp_time_ns wait_ns)
{
    fake_clock_advance(&hands, hands.now_ns + wait_ns);
}

static void expect(const char *of_port, const char *of_node)
{
    ck_assert_str_eq(port_log, of_port);
    ck_assert_str_eq(node_log, of_node);
}

static size_t changed_bits(const uint8_t *bytes, const char *text)
{
    size_t count = 0;
    for (size_t at = 0; text[at] != '\0'; at += 1) {
        for (unsigned bit = 0; bit < 8; bit += 1) {
            count += ((bytes[at] ^ (uint8_t)text[at]) >> bit & 1u) != 0;
        }
    }
    return count;
}

/* ---- Without a fault --------------------------------------------------------------------------------- */

/* Calls and events pass as they are; no memory, no timer, no draw. */
START_TEST(healthy_network_costs_nothing)
{
    rp_conn conn = 0;
    setup();
    size_t asked = memory.call_count;
    ck_assert_int_eq(port->listen(port->state), 0);
    port->listen_stop(port->state);
    ck_assert_int_eq(port->dial(port->state, rp_view_text("a:1"), &conn), 0);
    ck_assert_uint_eq(conn, CONN);
    events->connected(events->context, CONN, 0);
    events->accepted(events->context, 78);
    port->pause(port->state, CONN, true);
    ck_assert_uint_eq(port->unsent_bytes(port->state, CONN), 3);
    events->writable(events->context, CONN);
    events->ended(events->context, CONN, 0);
    events->ended(events->context, 78, RP_ERR_RESET);
    port->close(port->state, CONN);
    port->abort(port->state, 78);
    ck_assert_uint_eq(memory.call_count, asked);
    ck_assert_uint_eq(send("hello"), 5);
    receive("you");
    ck_assert_uint_eq(memory.call_count, asked + 2); /* the test's own blocks */
    ck_assert_uint_eq(hands.arm_count, 0);
    ck_assert_uint_eq(random_state, 9);
    ck_assert_str_eq(port_log, "listen 1, listen 0, dial 3, pause 1, close 77, abort 78, send 5");
    ck_assert_uint_eq(came_bytes, 3);
    teardown();
}
END_TEST

/* A fault that does not act on pieces leaves them whole. */
START_TEST(chance_of_zero_changes_nothing)
{
    setup();
    set((struct fault_stream_spec){.inbound = FAULT_DOOR_REFUSES, .outbound = FAULT_DOOR_REFUSES});
    receive("hello");
    ck_assert_uint_eq(send("hello"), 5);
    events->ended(events->context, CONN, 0);
    expect("send 5", "bytes 5, ended 0");
    ck_assert_uint_eq(fault_stream_held_count(stream), 0);
    teardown();
}
END_TEST

/* ---- Doors -------------------------------------------------------------------------------------------- */

/* A closed door resets who comes and tells who dials so; neither is heard of again. */
START_TEST(refused_connections_are_over_at_once)
{
    char told[64];
    setup();
    set((struct fault_stream_spec){.inbound = FAULT_DOOR_REFUSES, .outbound = FAULT_DOOR_REFUSES});
    events->accepted(events->context, 78);
    events->connected(events->context, CONN, 0);
    (void)snprintf(told, sizeof told, "connected %d", RP_ERR_REFUSED);
    expect("abort 78, abort 77", told);
    heal();
    events->accepted(events->context, 79);
    ck_assert_ptr_nonnull(strstr(node_log, "accepted 79"));
    teardown();
}
END_TEST

/* Whoever comes to a black hole waits; when it is over the node hears of them, with what they said. */
START_TEST(blackhole_gives_back_what_still_waits)
{
    setup();
    set((struct fault_stream_spec){.inbound = FAULT_DOOR_BLACKHOLE});
    events->accepted(events->context, CONN);
    receive("hello");
    events->ended(events->context, CONN, 0);
    events->accepted(events->context, 78);
    events->ended(events->context, 78, RP_ERR_RESET); /* gave up: never heard of */
    after(RP_NS_PER_S);
    expect("", "");
    heal();
    expect("", "");
    after(0);
    expect("", "accepted 77, bytes 5, ended 0");
    ck_assert_uint_eq(fault_stream_held_count(stream), 0);
    teardown();
}
END_TEST

/* A dial into a black hole has no answer until it is over; the answer may be that it failed. */
START_TEST(dial_into_a_blackhole_is_not_answered)
{
    static const struct {
        int error, later_error;
    } rows[] = {{0, 0}, {RP_ERR_REFUSED, 0}, {0, RP_ERR_RESET}};
    char told[64];
    setup();
    set((struct fault_stream_spec){.outbound = FAULT_DOOR_BLACKHOLE});
    events->connected(events->context, CONN, rows[_i].error);
    if (rows[_i].later_error != 0) {
        events->ended(events->context, CONN, rows[_i].later_error);
    }
    after(RP_NS_PER_S);
    expect("", "");
    heal();
    after(0);
    (void)snprintf(told, sizeof told, "connected %d", rows[_i].error + rows[_i].later_error);
    expect("", told);
    teardown();
}
END_TEST

/* A node that gives a dial up closes it; a handle that the port has no more is not closed again. */
START_TEST(dial_is_given_up_in_a_blackhole)
{
    setup();
    set((struct fault_stream_spec){.outbound = FAULT_DOOR_BLACKHOLE});
    events->connected(events->context, CONN, _i == 0 ? 0 : RP_ERR_REFUSED);
    port->close(port->state, CONN);
    heal();
    after(RP_NS_PER_S);
    expect(_i == 0 ? "close 77" : "", "");
    teardown();
}
END_TEST

/* ---- Pieces -------------------------------------------------------------------------------------------- */

/* A reset breaks a connection off at both ends: at a piece that comes, or behind one that is sent. */
START_TEST(reset_ends_a_connection_at_a_piece)
{
    char told[64];
    setup();
    set((struct fault_stream_spec){.reset = FAULT_CHANCE_ALWAYS});
    (void)snprintf(told, sizeof told, "ended %d", RP_ERR_RESET);
    if (_i == 0) {
        receive("hello");
        expect("abort 77", told);
    } else {
        ck_assert_uint_eq(send("hello"), 5);
        ck_assert_uint_eq(send("more"), 4); /* nobody's, the connection is over */
        expect("send 5", "");
        after(0);
        expect("send 5, abort 77", told);
    }
    ck_assert_uint_eq(fault_stream_held_count(stream), 0);
    teardown();
}
END_TEST

/* One bit of each piece is another, and the sender's own bytes stay as they are. */
START_TEST(corrupt_flips_a_bit_of_a_piece)
{
    setup();
    set((struct fault_stream_spec){.corrupt = FAULT_CHANCE_ALWAYS});
    receive("hello");
    ck_assert_uint_eq(changed_bits(came, "hello"), 1);
    ck_assert_uint_eq(send("world"), 5);
    ck_assert_uint_eq(changed_bits(left, "world"), 1);
    heal();
    receive("hello");
    ck_assert_uint_eq(changed_bits(came + 5, "hello"), 0);
    teardown();
}
END_TEST

/* A chance in between hits some pieces and not others. */
START_TEST(chance_is_drawn_for_each_piece)
{
    size_t changed = 0;
    setup();
    set((struct fault_stream_spec){.corrupt = FAULT_CHANCE_ALWAYS / 2});
    for (int row = 0; row < 40; row += 1) {
        came_bytes = 0;
        node_log[0] = '\0';
        receive("x");
        changed += changed_bits(came, "x");
    }
    ck_assert_uint_gt(changed, 8);
    ck_assert_uint_lt(changed, 32);
    teardown();
}
END_TEST

/* What comes is cut at the sizes in turn; the bytes stay the same. */
START_TEST(segments_cut_what_comes)
{
    static const size_t sizes[] = {1, 3};
    struct fault_stream_spec spec = {.late_ns = 0};
    setup();
    ck_assert_int_eq(fault_segment_set(&spec.segment, sizes, 2, false), 0);
    set(spec);
    receive("abcdefgh");
    events->ended(events->context, CONN, 0);
    expect("", "bytes 1, bytes 3, bytes 1, bytes 3, ended 0");
    ck_assert_int_eq(memcmp(came, "abcdefgh", 8), 0);
    teardown();
}
END_TEST

/* Sizes that cut nothing off are refused. */
START_TEST(segment_sizes_are_checked)
{
    static const size_t sizes[FAULT_SEGMENT_SIZES + 1] = {1, 0};
    struct fault_segment segment = {.is_coalesced = true};
    ck_assert_int_eq(fault_segment_set(&segment, sizes, 2, false), RP_ERR_INVALID);
    ck_assert_int_eq(fault_segment_set(&segment, sizes, FAULT_SEGMENT_SIZES + 1, false),
                     RP_ERR_INVALID);
    ck_assert(segment.is_coalesced);
    ck_assert_int_eq(fault_segment_set(&segment, sizes, 1, false), 0);
    ck_assert_uint_eq(fault_segment_read(&segment, 7), 1);
}
END_TEST

/* What comes within a millisecond is one piece; with sizes, it is cut after that. */
START_TEST(coalesced_pieces_come_as_one)
{
    static const size_t sizes[] = {5};
    struct fault_stream_spec spec = {.late_ns = 0};
    setup();
    ck_assert_int_eq(fault_segment_set(&spec.segment, sizes, (size_t)_i, true), 0);
    set(spec);
    receive("ab");
    after(RP_NS_PER_MS / 2);
    receive("cdef");
    expect("", "");
    after(RP_NS_PER_MS / 2);
    expect("", _i == 0 ? "bytes 6" : "bytes 5");
    after(RP_NS_PER_MS);
    ck_assert_uint_eq(came_bytes, 6);
    ck_assert_int_eq(memcmp(came, "abcdef", 6), 0);
    teardown();
}
END_TEST

/* ---- Time ------------------------------------------------------------------------------------------------- */

/* Bytes and ends come later, in their order, and only to a node that still wants them. */
START_TEST(late_bytes_come_in_order)
{
    setup();
    set((struct fault_stream_spec){.late_ns = 1000});
    receive("ab");
    after(400);
    receive("c");
    events->ended(events->context, CONN, 0);
    after(599);
    expect("", "");
    after(1);
    expect("", "bytes 2");
    after(400);
    expect("", "bytes 2, bytes 1, ended 0");
    receive("never");
    port->close(port->state, CONN);
    after(5000);
    expect("close 77", "bytes 2, bytes 1, ended 0");
    teardown();
}
END_TEST

/* A reset is not late, and takes along what waits. */
START_TEST(reset_of_the_port_overtakes_what_is_late)
{
    char told[64];
    setup();
    set((struct fault_stream_spec){.late_ns = 1000});
    receive("ab");
    events->ended(events->context, CONN, RP_ERR_RESET);
    after(5000);
    (void)snprintf(told, sizeof told, "ended %d", RP_ERR_RESET);
    expect("", told);
    teardown();
}
END_TEST

/* In a stall nothing passes either way, births and closes neither; then all of it goes on. */
START_TEST(stall_holds_everything_up)
{
    setup();
    set((struct fault_stream_spec){.stall_ns = 1000});
    receive("ab");
    ck_assert_uint_eq(send("hello"), 0);
    events->accepted(events->context, 78);
    events->connected(events->context, 79, 0);
    port->close(port->state, 80);
    after(999);
    expect("", "");
    after(1);
    expect("close 80", "room 77, bytes 2, accepted 78, connected 0");
    ck_assert_uint_eq(send("hello"), 5);
    ck_assert_uint_eq(fault_stream_held_count(stream), 0);
    teardown();
}
END_TEST

/* A fault that is over lets go at once what it held back. */
START_TEST(waiting_ends_with_its_fault)
{
    static const struct fault_stream_spec rows[] = {{.stall_ns = 1000}, {.late_ns = 1000}};
    setup();
    set(rows[_i]);
    receive("ab");
    after(10);
    set(rows[_i]);
    after(10);
    expect("", "");
    heal();
    after(0);
    expect("", "bytes 2");
    ck_assert_uint_eq(fault_stream_held_count(stream), 0);
    teardown();
}
END_TEST

/* ---- The node's part ---------------------------------------------------------------------------------------- */

/* A paused node gets nothing until it goes on, cut or not. */
START_TEST(paused_node_gets_nothing)
{
    setup();
    set((struct fault_stream_spec){.late_ns = 1000});
    receive("ab");
    port->pause(port->state, CONN, true);
    after(5000);
    expect("pause 1", "");
    port->pause(port->state, CONN, false);
    expect("pause 1, pause 0", "");
    after(0);
    expect("pause 1, pause 0", "bytes 2");
    teardown();
}
END_TEST

/* A node that closes in the middle of what is cut for it gets no more of it. */
START_TEST(closing_node_gets_no_more)
{
    static const size_t sizes[] = {1};
    struct fault_stream_spec spec = {.late_ns = 0};
    setup();
    ck_assert_int_eq(fault_segment_set(&spec.segment, sizes, 1, false), 0);
    set(spec);
    is_closing = true;
    receive("abc");
    expect("close 77", "bytes 1");
    teardown();
}
END_TEST

/* What waits is bounded: beyond it the peer is held up, and goes on when there is room. */
START_TEST(too_much_that_waits_holds_the_peer_up)
{
    static char text[FAULT_STREAM_QUEUE_BYTES / 2 + 1];
    memset(text, 'x', sizeof text - 1);
    setup();
    set((struct fault_stream_spec){.late_ns = 1000});
    receive(text);
    expect("", "");
    receive(text);
    expect("pause 1", "");
    after(1000);
    ck_assert_str_eq(port_log, "pause 1, pause 0");
    ck_assert_uint_eq(came_bytes, 2 * (sizeof text - 1));
    teardown();
}
END_TEST

/* A port that takes a part only, under a fault, is asked again with the rest. */
START_TEST(short_send_is_told_as_it_is)
{
    setup();
    set((struct fault_stream_spec){.corrupt = FAULT_CHANCE_ALWAYS});
    send_max = 2;
    ck_assert_uint_eq(send("hello"), 2);
    events->writable(events->context, CONN);
    expect("send 2", "room 77");
    teardown();
}
END_TEST

/* ---- Ends ----------------------------------------------------------------------------------------------------- */

/* Freed in the middle of everything: no call, no leak. */
START_TEST(freed_stream_leaves_nothing)
{
    static const size_t sizes[] = {1};
    struct fault_stream_spec spec = {.late_ns = 1000, .stall_ns = 10, .reset = 1};
    setup();
    ck_assert_int_eq(fault_segment_set(&spec.segment, sizes, 1, true), 0);
    set(spec);
    receive("abc");
    ck_assert_uint_eq(send("abc"), 0);
    events->accepted(events->context, 78);
    port->close(port->state, 79);
    events->ended(events->context, CONN, 0);
    teardown();
    expect("", "");
}
END_TEST

/* Short of memory for a record, a piece passes without its fault; short of it behind a record, the
 * connection breaks rather than losing bytes. */
START_TEST(without_memory_nothing_is_lost_silently)
{
    char told[64];
    setup();
    set((struct fault_stream_spec){.late_ns = 1000});
    memory.fail_at = memory.call_count + 2; /* after the test's own block */
    receive("ab");
    expect("", "bytes 2");
    receive("cd");
    memory.fail_at = memory.call_count + 2;
    receive("ef");
    (void)snprintf(told, sizeof told, "bytes 2, ended %d", RP_ERR_RESET);
    expect("abort 77", told);
    teardown();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream");
    TCase *tcase = tcase_create("stream");
    tcase_add_test(tcase, healthy_network_costs_nothing);
    tcase_add_test(tcase, chance_of_zero_changes_nothing);
    tcase_add_test(tcase, refused_connections_are_over_at_once);
    tcase_add_test(tcase, blackhole_gives_back_what_still_waits);
    tcase_add_loop_test(tcase, dial_into_a_blackhole_is_not_answered, 0, 3);
    tcase_add_loop_test(tcase, dial_is_given_up_in_a_blackhole, 0, 2);
    tcase_add_loop_test(tcase, reset_ends_a_connection_at_a_piece, 0, 2);
    tcase_add_test(tcase, corrupt_flips_a_bit_of_a_piece);
    tcase_add_test(tcase, chance_is_drawn_for_each_piece);
    tcase_add_test(tcase, segments_cut_what_comes);
    tcase_add_test(tcase, segment_sizes_are_checked);
    tcase_add_loop_test(tcase, coalesced_pieces_come_as_one, 0, 2);
    tcase_add_test(tcase, late_bytes_come_in_order);
    tcase_add_test(tcase, reset_of_the_port_overtakes_what_is_late);
    tcase_add_test(tcase, stall_holds_everything_up);
    tcase_add_loop_test(tcase, waiting_ends_with_its_fault, 0, 2);
    tcase_add_test(tcase, paused_node_gets_nothing);
    tcase_add_test(tcase, closing_node_gets_no_more);
    tcase_add_test(tcase, too_much_that_waits_holds_the_peer_up);
    tcase_add_test(tcase, short_send_is_told_as_it_is);
    tcase_add_test(tcase, freed_stream_leaves_nothing);
    tcase_add_test(tcase, without_memory_nothing_is_lost_silently);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
