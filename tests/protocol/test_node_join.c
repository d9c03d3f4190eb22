/* Whose join a leader believes (decision 0058). */
#include <check.h>

#include "protocol/command.h"
#include "protocol/node_internal.h"
#include "tests/lib/node_bench.h"

static struct node_bench bench;

static void begin(enum rp_release release)
{
    char note[160];
    node_bench_begin(&bench, "secret");
    bench.release = release;
    ck_assert_int_eq(node_bench_bear(&bench, true, note), 0);
}

static void record(uint64_t index, int64_t joined_unix_s, bool is_bound)
{
    struct rp_buffer command;
    struct rp_node_record record = {
        .id = rp_view_text("reader-1"),
        .role = rp_view_text("reader"),
        .address = rp_view_text("10.0.0.2:9100"),
        .state = rp_view_text("healthy"),
        .raft_id = 77,
        .joined_unix_s = joined_unix_s,
        .is_bound_fetch = is_bound,
    };
    rp_buffer_init(&command, &bench.memory.alloc, 4096);
    ck_assert_int_eq(rp_command_encode_node(&command, RP_CMD_ADD_NODE, &record), 0);
    const struct rp_consensus_events *events = rp_node_consensus_events(bench.node);
    ck_assert_int_eq(events->apply(events->context, index, 1, rp_buffer_view(&command)), 0);
    rp_buffer_clear(&command);
}

/* As reader-1 makes it, now. */
static struct rp_join_request request_of(void)
{
    struct rp_join_request request = {
        .node_id = rp_view_text("reader-1"),
        .node_name = rp_view_text("reader-1"),
        .role = rp_view_text("reader"),
        .cluster_name = node_cluster(bench.node),
        .raft_addr = rp_view_text("10.0.0.2:9200"),
        .coord_addr = rp_view_text("10.0.0.2:9100"),
        .auth_nonce = rp_view_text("00"),
        .auth_timestamp = node_wall_s(bench.node),
        .raft_id = 77,
        .is_bound_fetch = true,
    };
    return request;
}

static void strip(struct rp_join_request *request)
{
    request->bound_hmac = rp_view_make(NULL, 0);
    request->is_bound_fetch = false;
}

/* ---- With a second MAC ------------------------------------------------------------------------- */

/* It is good at the node that it names, unchanged; nowhere else, and not for less. */
START_TEST(second_mac_is_for_one_leader)
{
    static const struct {
        const char *name;
        const char *addressee; /* NULL: the bench's own id */
        const char *role;
        enum node_join_proof proof;
    } rows[] = {
        {"for us", NULL, "reader", NODE_JOIN_FOR_US},
        {"for whoever answers", "", "reader", NODE_JOIN_FOR_ANYBODY},
        {"for another", "writer-9", "reader", NODE_JOIN_UNPROVEN},
        {"for us, changed", NULL, "writer", NODE_JOIN_UNPROVEN},
        {"for whoever answers, changed", "", "writer", NODE_JOIN_UNPROVEN},
    };
    char mac[RP_SHA256_HEX];
    begin(RP_RELEASE_CURRENT);
    struct rp_join_request request = request_of();
    struct rp_view addressee =
        rows[_i].addressee == NULL ? node_id(bench.node) : rp_view_text(rows[_i].addressee);
    ck_assert_int_eq(node_join_bind(bench.node, &request, addressee, mac), 0);
    request.role = rp_view_text(rows[_i].role);
    ck_assert_msg(node_join_prove(bench.node, &request) == rows[_i].proof, "%s", rows[_i].name);
    node_bench_end(&bench);
}
END_TEST

/* ---- Without one --------------------------------------------------------------------------------- */

/* It is missed where the record says that the node signs it, unless that life said goodbye before. */
START_TEST(stripped_join_needs_a_goodbye)
{
    static const struct {
        const char *name;
        bool has_record, is_bound, claims, has_left;
        int64_t after_s; /* from the goodbye to the join */
        const char *role;
        enum node_join_proof proof;
    } rows[] = {
        {"nobody knows it", false, false, false, false, 0, "reader", NODE_JOIN_FOR_US},
        {"known as older", true, false, false, false, 0, "writer", NODE_JOIN_FOR_US},
        {"known as signing", true, true, false, false, 0, "reader", NODE_JOIN_UNPROVEN},
        {"unknown, but says so itself", false, false, true, false, 0, "reader", NODE_JOIN_UNPROVEN},
        {"known as older, says so itself", true, false, true, false, 0, "reader",
         NODE_JOIN_UNPROVEN},
        {"after its goodbye", true, true, false, true, 1, "reader", NODE_JOIN_FOR_US},
        {"in the second of its goodbye", true, true, false, true, 0, "reader", NODE_JOIN_UNPROVEN},
        {"before its goodbye", true, true, false, true, -1, "reader", NODE_JOIN_UNPROVEN},
        {"after its goodbye, in another role", true, true, false, true, 1, "writer",
         NODE_JOIN_UNPROVEN},
    };
    begin(RP_RELEASE_CURRENT);
    struct rp_join_request request = request_of();
    strip(&request);
    request.is_bound_fetch = rows[_i].claims;
    request.role = rp_view_text(rows[_i].role);
    if (rows[_i].has_record) {
        record(1, request.auth_timestamp - 100, rows[_i].is_bound);
    }
    if (rows[_i].has_left) {
        rp_peers_left(bench.node->peers, request.node_id,
                      request.auth_timestamp - rows[_i].after_s);
    }
    ck_assert_msg(node_join_prove(bench.node, &request) == rows[_i].proof, "%s", rows[_i].name);
    node_bench_end(&bench);
}
END_TEST

/* A goodbye is good for one life: news of the node keep it, its next join ends it. */
START_TEST(goodbye_ends_with_the_next_join)
{
    begin(RP_RELEASE_CURRENT);
    struct rp_join_request request = request_of();
    strip(&request);
    record(1, request.auth_timestamp - 100, true);
    rp_peers_left(bench.node->peers, request.node_id, request.auth_timestamp - 1);
    record(2, request.auth_timestamp - 100, true);
    ck_assert_int_eq(node_join_prove(bench.node, &request), NODE_JOIN_FOR_US);
    record(3, request.auth_timestamp, true);
    ck_assert_int_eq(node_join_prove(bench.node, &request), NODE_JOIN_UNPROVEN);
    node_bench_end(&bench);
}
END_TEST

/* Older releases neither sign nor miss it. */
START_TEST(older_release_demands_nothing)
{
    char mac[RP_SHA256_HEX];
    begin((enum rp_release)_i);
    struct rp_join_request request = request_of();
    ck_assert_int_eq(node_join_bind(bench.node, &request, node_id(bench.node), mac), 0);
    ck_assert_uint_eq(request.bound_hmac.length_bytes, 0);
    ck_assert_int_eq(node_join_prove(bench.node, &request), NODE_JOIN_FOR_US);
    node_bench_end(&bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("protocol.node_join");
    TCase *tcase = tcase_create("proof");
    tcase_add_loop_test(tcase, second_mac_is_for_one_leader, 0, 5);
    tcase_add_loop_test(tcase, stripped_join_needs_a_goodbye, 0, 9);
    tcase_add_test(tcase, goodbye_ends_with_the_next_join);
    tcase_add_loop_test(tcase, older_release_demands_nothing, 0, RP_RELEASE_CURRENT);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
