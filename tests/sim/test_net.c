#include <check.h>

#include "protocol/error.h"
#include "sim/body.h"
#include "sim/net.h"
#include "tests/lib/test_alloc.h"

#define TOTAL_BYTES ((size_t)4 << 20)

/* One process: it counts what it is told and may echo nothing. */
struct peer {
    struct sim_endpoint *endpoint;
    const struct rp_net_port *port;
    rp_conn conn;
    int accepted_count, connected_count, ended_count, writable_count, piece_count;
    int connect_error, end_error;
    size_t received_bytes;
    sim_body_key key;
    bool is_in_order, closes_on_accept;
    rp_time_ns told_ns;
    size_t left_bytes; /* still to send of the body */
    struct world *world;
};

struct world {
    struct test_alloc test;
    struct sim_event_queue *queue;
    struct sim_bodies *bodies;
    struct sim_net *net;
    struct peer left, right;
    sim_site left_site, right_site;
};

static void on_accepted(void *context, rp_conn conn)
{
    struct peer *peer = context;
    peer->accepted_count += 1;
    peer->conn = conn;
    if (peer->closes_on_accept) {
        peer->port->close(peer->port->state, conn);
    }
}

static void on_connected(void *context, rp_conn conn, int error)
{
    struct peer *peer = context;
    ck_assert_uint_eq(conn, peer->conn);
    peer->connected_count += 1;
    peer->connect_error = error;
    peer->told_ns = sim_event_queue_now(peer->world->queue);
}

static void on_received(void *context, rp_conn conn, struct rp_chunk chunk)
{
    struct peer *peer = context;
    uint8_t expected[64];
    ck_assert_uint_eq(conn, peer->conn);
    size_t part = chunk.length_bytes < sizeof expected ? chunk.length_bytes : sizeof expected;
    sim_body_fill(peer->world->bodies, peer->key, peer->received_bytes, expected, part);
    peer->is_in_order = peer->is_in_order && memcmp(expected, chunk.bytes, part) == 0;
    peer->received_bytes += chunk.length_bytes;
    peer->piece_count += 1;
}

static void feed(struct peer *peer)
{
    while (peer->left_bytes > 0) {
        struct rp_chunk chunk;
        uint64_t offset = TOTAL_BYTES - peer->left_bytes;
        ck_assert_int_eq(
            sim_body_chunk(peer->world->bodies, peer->key, offset, peer->left_bytes, &chunk), 0);
        size_t taken = peer->port->send(peer->port->state, peer->conn, chunk);
        bool is_full = taken < chunk.length_bytes;
        rp_block_release(chunk.block);
        peer->left_bytes -= taken;
        if (is_full) {
            return;
        }
    }
}

static void on_writable(void *context, rp_conn conn)
{
    struct peer *peer = context;
    ck_assert_uint_eq(conn, peer->conn);
    peer->writable_count += 1;
    feed(peer);
}

static void on_ended(void *context, rp_conn conn, int error)
{
    struct peer *peer = context;
    ck_assert_uint_eq(conn, peer->conn);
    peer->ended_count += 1;
    peer->end_error = error;
}

static void peer_attach(struct world *world, struct peer *peer, sim_site site, const char *address)
{
    struct rp_net_events events = {peer,        on_accepted, on_connected,
                                   on_received, on_writable, on_ended};
    memset(peer, 0, sizeof *peer);
    peer->world = world;
    peer->is_in_order = true;
    peer->key = 7;
    ck_assert_int_eq(sim_net_attach(world->net, site, rp_view_text(address), NULL, &peer->endpoint),
                     0);
    sim_endpoint_events(peer->endpoint, &events);
    peer->port = sim_endpoint_port(peer->endpoint);
}

static void world_make(struct world *world)
{
    memset(world, 0, sizeof *world);
    test_alloc_init(&world->test);
    const struct rp_alloc *alloc = &world->test.alloc;
    ck_assert_int_eq(sim_event_queue_new(alloc, &world->queue), 0);
    ck_assert_int_eq(sim_bodies_new(alloc, 1 << 20, &world->bodies), 0);
    struct sim_net_spec spec = {.alloc = alloc,
                                .queue = world->queue,
                                .seed = 1,
                                .latency_ns = {RP_NS_PER_MS, RP_NS_PER_MS},
                                .bandwidth_bytes_per_s = 1250000000};
    ck_assert_int_eq(sim_net_new(&spec, &world->net), 0);
    ck_assert_int_eq(
        sim_net_site(world->net, rp_view_text("left"), rp_view_text("a"), &world->left_site), 0);
    ck_assert_int_eq(
        sim_net_site(world->net, rp_view_text("right"), rp_view_text("a"), &world->right_site), 0);
    peer_attach(world, &world->left, world->left_site, "10.0.0.1:9100");
    peer_attach(world, &world->right, world->right_site, "10.0.0.2:9100");
}

static void world_clear(struct world *world)
{
    sim_net_free(world->net);
    sim_bodies_free(world->bodies);
    sim_event_queue_free(world->queue);
    ck_assert_uint_eq(world->test.live_count, 0);
}

static void run_for(struct world *world, rp_time_ns duration_ns)
{
    rp_time_ns end_ns = sim_event_queue_now(world->queue) + duration_ns;
    while (sim_event_queue_next_time(world->queue) <= end_ns) {
        sim_event_queue_step(world->queue);
    }
    sim_event_queue_advance(world->queue, end_ns);
}

static void dial(struct world *world, const char *address)
{
    struct peer *left = &world->left;
    ck_assert_int_eq(left->port->dial(left->port->state, rp_view_text(address), &left->conn), 0);
}

static void dial_right(struct world *world)
{
    world->right.port->listen(world->right.port->state);
    dial(world, "10.0.0.2:9100");
    run_for(world, 10 * RP_NS_PER_MS);
    ck_assert_int_eq(world->left.connected_count, 1);
    ck_assert_int_eq(world->right.accepted_count, 1);
}

/* A dial takes one round trip of the links' latency. */
START_TEST(dial_takes_one_round_trip)
{
    struct world world;
    world_make(&world);
    dial_right(&world);
    ck_assert_int_eq(world.left.connect_error, 0);
    ck_assert_uint_eq(world.left.told_ns, 2 * RP_NS_PER_MS);
    world_clear(&world);
}
END_TEST

/* A host without a listener refuses; an address without a host never answers. */
START_TEST(dial_without_listener_is_refused_and_without_host_silent)
{
    struct world world;
    world_make(&world);
    dial(&world, "10.0.0.2:9100");
    run_for(&world, RP_NS_PER_S);
    ck_assert_int_eq(world.left.connect_error, RP_ERR_REFUSED);
    ck_assert_uint_eq(world.left.told_ns, 2 * RP_NS_PER_MS);
    dial(&world, "10.0.0.9:9100");
    run_for(&world, 3600 * RP_NS_PER_S);
    ck_assert_int_eq(world.left.connected_count, 1);
    world_clear(&world);
}
END_TEST

/* An address that was left answers from where it is forwarded to, whatever way the message takes, until
 * somebody lives there again or the forwarding ends. */
START_TEST(left_address_answers_from_elsewhere_until_somebody_lives_there)
{
    struct world world;
    struct peer former;
    struct rp_view host = rp_view_text("10.0.0.3");
    world_make(&world);
    peer_attach(&world, &former, world.right_site, "10.0.0.3:9100");
    sim_net_detach(former.endpoint, SIM_NET_PROCESS_ENDED);
    sim_net_vacate(world.net, rp_view_text("10.0.0.3:9100"));
    world.right.port->listen(world.right.port->state);
    dial(&world, "10.0.0.3:9100");
    run_for(&world, RP_NS_PER_S / 2);
    ck_assert_int_eq(world.left.connected_count, 0);

    sim_net_forward(world.net, host, rp_view_text("10.0.0.2"));
    run_for(&world, 2 * RP_NS_PER_S); /* the dial is sent again */
    ck_assert_int_eq(world.left.connected_count, 1);
    ck_assert_int_eq(world.left.connect_error, 0);
    ck_assert_int_eq(world.right.accepted_count, 1);
    dial(&world, "10.0.0.3:9101"); /* the port counts there as everywhere */
    run_for(&world, RP_NS_PER_S);
    ck_assert_int_eq(world.left.connect_error, RP_ERR_REFUSED);

    peer_attach(&world, &former, world.left_site, "10.0.0.3:9100");
    former.port->listen(former.port->state);
    dial(&world, "10.0.0.3:9100");
    run_for(&world, RP_NS_PER_S);
    ck_assert_int_eq(former.accepted_count, 1);
    ck_assert_int_eq(world.right.accepted_count, 1);
    sim_net_detach(former.endpoint, SIM_NET_HOST_LOST);

    sim_net_forward(world.net, host, rp_view_make(NULL, 0));
    dial(&world, "10.0.0.3:9100");
    run_for(&world, RP_NS_PER_S);
    ck_assert_int_eq(world.right.accepted_count, 1);
    world_clear(&world);
}
END_TEST

/* More than the window goes through in order, the sender being held up meanwhile. */
START_TEST(body_beyond_window_arrives_whole_and_in_order)
{
    struct world world;
    world_make(&world);
    dial_right(&world);
    world.left.left_bytes = TOTAL_BYTES;
    feed(&world.left);
    ck_assert_uint_eq(world.left.left_bytes, TOTAL_BYTES - SIM_NET_WINDOW_BYTES);
    run_for(&world, RP_NS_PER_S);
    ck_assert_uint_eq(world.right.received_bytes, TOTAL_BYTES);
    ck_assert(world.right.is_in_order);
    ck_assert_int_gt(world.left.writable_count, 0);
    world.left.port->close(world.left.port->state, world.left.conn);
    run_for(&world, RP_NS_PER_S);
    ck_assert_int_eq(world.right.ended_count, 1);
    ck_assert_int_eq(world.right.end_error, 0);
    world_clear(&world);
}
END_TEST

/* A receiver that pauses holds its sender up at the window. */
START_TEST(pause_holds_the_sender_up)
{
    struct world world;
    world_make(&world);
    dial_right(&world);
    world.right.port->pause(world.right.port->state, world.right.conn, true);
    world.left.left_bytes = TOTAL_BYTES;
    feed(&world.left);
    run_for(&world, RP_NS_PER_S);
    ck_assert_uint_eq(world.right.received_bytes, 0);
    ck_assert_int_eq(world.left.writable_count, 0);
    world.right.port->pause(world.right.port->state, world.right.conn, false);
    run_for(&world, RP_NS_PER_S);
    ck_assert_uint_eq(world.right.received_bytes, TOTAL_BYTES);
    world_clear(&world);
}
END_TEST

/* Nothing passes a partition, nothing fails because of it, and all comes after the healing. */
START_TEST(partition_stalls_until_healed)
{
    struct world world;
    world_make(&world);
    dial_right(&world);
    sim_net_partition(world.net, &world.left_site, 1, &world.right_site, 1, false, 0);
    world.left.left_bytes = TOTAL_BYTES;
    feed(&world.left);
    run_for(&world, 100 * RP_NS_PER_S);
    ck_assert_uint_eq(world.right.received_bytes, 0);
    ck_assert_int_eq(world.left.ended_count, 0);
    sim_net_heal(world.net);
    run_for(&world, 300 * RP_NS_PER_S);
    ck_assert_uint_eq(world.right.received_bytes, TOTAL_BYTES);
    ck_assert(world.right.is_in_order);
    world_clear(&world);
}
END_TEST

/* What a link loses for good holds up its own connections, and nobody else's to the same site. */
START_TEST(loss_on_one_link_delays_no_other)
{
    struct world world;
    struct peer other;
    sim_site other_site;
    world_make(&world);
    ck_assert_int_eq(sim_net_site(world.net, rp_view_text("other"), rp_view_text("a"), &other_site),
                     0);
    peer_attach(&world, &other, other_site, "10.0.0.3:9100");
    world.right.port->listen(world.right.port->state);
    ck_assert_int_eq(
        other.port->dial(other.port->state, rp_view_text("10.0.0.2:9100"), &other.conn), 0);
    run_for(&world, 10 * RP_NS_PER_MS);
    dial(&world, "10.0.0.2:9100");
    run_for(&world, 10 * RP_NS_PER_MS);
    ck_assert_int_eq(world.right.accepted_count, 2);
    struct sim_link_faults faults = {.has_loss = true, .loss = SIM_CHANCE_ALWAYS};
    sim_net_set_link(world.net, other_site, world.right_site, &faults);
    other.left_bytes = TOTAL_BYTES;
    feed(&other);
    world.left.left_bytes = TOTAL_BYTES;
    feed(&world.left);
    run_for(&world, RP_NS_PER_S);
    ck_assert_uint_eq(world.right.received_bytes, TOTAL_BYTES);
    ck_assert(world.right.is_in_order);
    world_clear(&world);
}
END_TEST

/* Bytes for a connection that was closed are answered with a reset. */
START_TEST(send_to_a_closed_connection_is_reset)
{
    struct world world;
    world_make(&world);
    world.right.closes_on_accept = true;
    dial_right(&world);
    ck_assert_int_eq(world.left.ended_count, 1);
    ck_assert_int_eq(world.left.end_error, 0);
    world.left.left_bytes = 1000;
    feed(&world.left);
    run_for(&world, RP_NS_PER_S);
    ck_assert_int_eq(world.left.ended_count, 2);
    ck_assert_int_eq(world.left.end_error, RP_ERR_RESET);
    ck_assert_uint_eq(sim_net_live_connections(world.net), 0);
    world_clear(&world);
}
END_TEST

/* A process that dies ends its connections; a host that dies falls silent. */
START_TEST(process_death_ends_and_host_death_is_silent)
{
    struct world world;
    world_make(&world);
    dial_right(&world);
    sim_net_detach(world.right.endpoint, _i == 0 ? SIM_NET_PROCESS_ENDED : SIM_NET_HOST_LOST);
    run_for(&world, 100 * RP_NS_PER_S);
    ck_assert_int_eq(world.left.ended_count, _i == 0 ? 1 : 0);
    world_clear(&world);
}
END_TEST

/* Bytes that a cut holds up, of a connection that its process has closed already: the kernel goes on
 * sending them, also when the process has ended; a host that was lost sends nothing again, and neither does a
 * pod that was taken away. */
static const struct {
    const char *name;
    bool ends, is_host_lost, is_vacated;
    size_t received_bytes;
} LEFT_BEHIND[] = {
    {"closed", false, false, false, 100},
    {"process ended", true, false, false, 100},
    {"host lost", true, true, false, 0},
    {"pod taken away", true, false, true, 0},
};
START_TEST(lost_host_sends_nothing_again)
{
    struct world world;
    struct rp_chunk chunk;
    world_make(&world);
    dial_right(&world);
    sim_net_partition(world.net, &world.left_site, 1, &world.right_site, 1, true, 0);
    ck_assert_int_eq(sim_body_chunk(world.bodies, 7, 0, 100, &chunk), 0);
    ck_assert_uint_eq(world.left.port->send(world.left.port->state, world.left.conn, chunk), 100);
    rp_block_release(chunk.block);
    world.left.port->close(world.left.port->state, world.left.conn);
    run_for(&world, RP_NS_PER_S);
    if (LEFT_BEHIND[_i].ends) {
        char address[64];
        struct rp_view view = sim_endpoint_address(world.left.endpoint);
        snprintf(address, sizeof address, "%.*s", (int)view.length_bytes, (const char *)view.bytes);
        sim_net_detach(world.left.endpoint,
                       LEFT_BEHIND[_i].is_host_lost ? SIM_NET_HOST_LOST : SIM_NET_PROCESS_ENDED);
        world.left.endpoint = NULL;
        if (LEFT_BEHIND[_i].is_vacated) {
            sim_net_vacate(world.net, rp_view_text(address));
        }
    }
    sim_net_heal(world.net);
    run_for(&world, 100 * RP_NS_PER_S);
    ck_assert_msg(world.right.received_bytes == LEFT_BEHIND[_i].received_bytes, "%s: %zu bytes",
                  LEFT_BEHIND[_i].name, world.right.received_bytes);
    world_clear(&world);
}
END_TEST

/* A segmented link cuts the stream into the sizes asked for. */
START_TEST(segment_cuts_into_single_bytes)
{
    struct world world;
    world_make(&world);
    size_t size = 1;
    ck_assert_int_eq(sim_net_segment(world.net, world.left_site, world.right_site, &size, 1, false),
                     0);
    dial_right(&world);
    world.left.left_bytes = TOTAL_BYTES;
    struct rp_chunk chunk;
    ck_assert_int_eq(sim_body_chunk(world.bodies, 7, 0, 100, &chunk), 0);
    ck_assert_uint_eq(world.left.port->send(world.left.port->state, world.left.conn, chunk), 100);
    rp_block_release(chunk.block);
    run_for(&world, RP_NS_PER_S);
    ck_assert_int_eq(world.right.piece_count, 100);
    ck_assert(world.right.is_in_order);
    world_clear(&world);
}
END_TEST

/* ---- Datagrams and links ------------------------------------------------------------------------- */

struct mail {
    uint8_t seen[64];
    size_t count, resent_count;
    uint64_t session;
};

static void on_mail(void *context, const struct sim_net_arrival *arrival, struct rp_chunk chunk)
{
    struct mail *mail = context;
    mail->resent_count += arrival->is_resent;
    mail->session = arrival->session;
    ck_assert_uint_lt(mail->count, sizeof mail->seen);
    mail->seen[mail->count++] = chunk.bytes[0];
}

static void send_mail(struct world *world, uint8_t count, struct mail *mail)
{
    memset(mail, 0, sizeof *mail);
    sim_endpoint_datagrams(world->right.endpoint, mail, on_mail);
    for (uint8_t number = 0; number < count; number += 1) {
        struct rp_block *block = NULL;
        uint8_t *bytes = NULL;
        ck_assert_int_eq(rp_block_new(&world->test.alloc, 1, &block, &bytes), 0);
        bytes[0] = number;
        sim_net_datagram(world->left.endpoint, sim_endpoint_address(world->right.endpoint),
                         rp_chunk_of(block), 100);
        rp_block_release(block);
    }
    run_for(world, 10 * RP_NS_PER_S);
}

static bool is_sorted(const struct mail *mail)
{
    for (size_t at = 1; at < mail->count; at += 1) {
        if (mail->seen[at] < mail->seen[at - 1]) {
            return false;
        }
    }
    return true;
}

/* Datagrams of one link come once and in order, unless duplicate or reorder say otherwise. */
START_TEST(datagrams_come_twice_or_out_of_order_when_told)
{
    struct world world;
    struct mail mail;
    world_make(&world);
    struct sim_link_faults faults = {.has_latency = true, .latency_ns = {1000000, 9000000}};
    faults.duplicate = _i == 1 ? SIM_CHANCE_ALWAYS : 0;
    faults.reorder = _i == 2 ? SIM_CHANCE_ALWAYS / 2 : 0;
    sim_net_set_link(world.net, world.left_site, world.right_site, &faults);
    send_mail(&world, 20, &mail);
    ck_assert_uint_eq(mail.count, _i == 1 ? 40 : 20);
    ck_assert_uint_eq(mail.resent_count, _i == 1 ? 20 : 0);
    ck_assert_uint_eq(mail.session, sim_endpoint_session(world.right.endpoint));
    ck_assert_int_eq(is_sorted(&mail), _i == 0);
    world_clear(&world);
}
END_TEST

static void send_some(struct world *world, size_t offset, size_t length)
{
    struct rp_chunk chunk;
    ck_assert_int_eq(sim_body_chunk(world->bodies, 7, offset, length, &chunk), 0);
    const struct rp_net_port *port = world->left.port;
    ck_assert_uint_eq(port->send(port->state, world->left.conn, chunk), length);
    rp_block_release(chunk.block);
}

/* Pieces that come within a millisecond are given as one. */
START_TEST(coalesced_pieces_come_as_one)
{
    struct world world;
    world_make(&world);
    if (_i == 1) {
        ck_assert_int_eq(
            sim_net_segment(world.net, world.left_site, world.right_site, NULL, 0, true), 0);
    }
    dial_right(&world);
    for (size_t piece = 0; piece < 5; piece += 1) {
        send_some(&world, piece * 100, 100);
    }
    run_for(&world, RP_NS_PER_S);
    ck_assert_int_eq(world.right.piece_count, _i == 1 ? 1 : 5);
    ck_assert_uint_eq(world.right.received_bytes, 500);
    ck_assert(world.right.is_in_order);
    world_clear(&world);
}
END_TEST

/* A stream that comes together and is read in small sizes is copied about once, however much of it waits. */
START_TEST(coalesced_stream_in_small_sizes_is_copied_once)
{
    struct world world;
    world_make(&world);
    size_t size = 64;
    ck_assert_int_eq(sim_net_segment(world.net, world.left_site, world.right_site, &size, 1, true),
                     0);
    dial_right(&world);
    world.left.left_bytes = TOTAL_BYTES;
    size_t before_bytes = world.test.asked_bytes;
    feed(&world.left);
    run_for(&world, 60 * RP_NS_PER_S);
    ck_assert_uint_eq(world.right.received_bytes, TOTAL_BYTES);
    ck_assert(world.right.is_in_order);
    ck_assert_uint_lt(world.test.asked_bytes - before_bytes, 8 * (size_t)TOTAL_BYTES);
    world_clear(&world);
}
END_TEST

/* A piece that is late on its way (lost often, or on a slow link) holds up nobody else's. */
START_TEST(late_piece_holds_up_its_own_connection_only)
{
    struct world world;
    struct mail mail;
    world_make(&world);
    dial_right(&world);
    struct sim_link_faults faults = {.late_ns = 100 * RP_NS_PER_S};
    sim_net_set_link(world.net, world.left_site, world.right_site, &faults);
    send_some(&world, 0, 100);
    faults.late_ns = 0;
    sim_net_set_link(world.net, world.left_site, world.right_site, &faults);
    send_mail(&world, 3, &mail);
    ck_assert_uint_eq(mail.count, 3);
    ck_assert_uint_eq(world.right.received_bytes, 0);
    run_for(&world, 100 * RP_NS_PER_S);
    ck_assert_uint_eq(world.right.received_bytes, 100);
    world_clear(&world);
}
END_TEST

/* A handle is never used again, unless the world is told to. */
START_TEST(handles_are_used_again_when_told)
{
    struct world world;
    world_make(&world);
    sim_net_reuse_handles(world.net, _i == 1);
    dial_right(&world);
    rp_conn first = world.left.conn;
    world.left.port->close(world.left.port->state, first);
    run_for(&world, RP_NS_PER_S);
    world.right.port->close(world.right.port->state, world.right.conn);
    world.left.connected_count = world.right.accepted_count = 0;
    dial_right(&world);
    ck_assert_int_eq(world.left.conn == first, _i == 1);
    world_clear(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net");
    TCase *tcase = tcase_create("net");
    tcase_add_test(tcase, dial_takes_one_round_trip);
    tcase_add_test(tcase, dial_without_listener_is_refused_and_without_host_silent);
    tcase_add_test(tcase, left_address_answers_from_elsewhere_until_somebody_lives_there);
    tcase_add_test(tcase, body_beyond_window_arrives_whole_and_in_order);
    tcase_add_test(tcase, pause_holds_the_sender_up);
    tcase_add_test(tcase, partition_stalls_until_healed);
    tcase_add_test(tcase, loss_on_one_link_delays_no_other);
    tcase_add_test(tcase, send_to_a_closed_connection_is_reset);
    tcase_add_loop_test(tcase, lost_host_sends_nothing_again, 0, 4);
    tcase_add_loop_test(tcase, process_death_ends_and_host_death_is_silent, 0, 2);
    tcase_add_test(tcase, segment_cuts_into_single_bytes);
    tcase_add_loop_test(tcase, datagrams_come_twice_or_out_of_order_when_told, 0, 3);
    tcase_add_loop_test(tcase, coalesced_pieces_come_as_one, 0, 2);
    tcase_add_test(tcase, coalesced_stream_in_small_sizes_is_copied_once);
    tcase_add_test(tcase, late_piece_holds_up_its_own_connection_only);
    tcase_add_loop_test(tcase, handles_are_used_again_when_told, 0, 2);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
