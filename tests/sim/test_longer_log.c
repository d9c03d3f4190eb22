/* protocol/raft: a leader was cut off with an entry that nobody else has, and comes back to a leader that
 * has appended nothing. libraft 0.15 lets its own longer log stand until something is appended. */
#include <check.h>

#include "protocol/error.h"
#include "tests/sim/consensus_harness.h"

#define STEP_NS (10 * RP_NS_PER_US)

static uint64_t last_index_of(const struct node *node)
{
    return rp_bridge_last_index(sim_consensus_raft_bridge(node->member));
}

/* The one that founded the cluster is in nobody's table until it joins another one that leads. */
static void let_the_founder_join(struct cluster *cluster)
{
    struct rp_bridge *bridge = sim_consensus_raft_bridge(cluster->nodes[0].member);
    uint64_t heir = sim_raft_folder_raft_id(cluster->nodes[1].folder);
    ck_assert_int_eq(rp_bridge_hand_over(bridge, heir), 0);
    cluster_run(cluster, 10 * RP_NS_PER_S);
    ck_assert_uint_eq(cluster_count(cluster, RP_MEMBER_VOTER), 3);
}

/* Three members, idle; the one returned has one entry more than its leader. */
static struct node *open_longer(struct cluster *cluster, uint64_t seed)
{
    struct outcome lost = {.error = 0};
    cluster_open(cluster, seed, 3);
    cluster_boot(cluster, 3);
    cluster_run(cluster, RP_NS_PER_S);
    let_the_founder_join(cluster);
    struct node *former = cluster_leader(cluster);
    former->is_isolated = true;
    outcome_propose(former, &lost, "nobody else has it");
    ck_assert(cluster_await(cluster, &lost, 10 * RP_NS_PER_S));
    ck_assert_int_ne(lost.error, 0);
    cluster_run(cluster, 5 * RP_NS_PER_S);
    former->is_isolated = false;
    cluster_run(cluster, 2 * RP_NS_PER_S);
    ck_assert_ptr_nonnull(cluster_leader(cluster));
    ck_assert_ptr_ne(cluster_leader(cluster), former);
    ck_assert_uint_eq(last_index_of(former), last_index_of(cluster_leader(cluster)) + 1);
    return former;
}

/* It can be handed the leadership like anybody, at the first try. */
START_TEST(longer_log_may_lead)
{
    struct cluster cluster;
    struct node *former = open_longer(&cluster, (uint64_t)_i);
    struct rp_bridge *bridge = sim_consensus_raft_bridge(cluster_leader(&cluster)->member);
    ck_assert_int_eq(rp_bridge_hand_over(bridge, sim_raft_folder_raft_id(former->folder)), 0);
    cluster_run(&cluster, RP_NS_PER_S);
    ck_assert_ptr_eq(cluster_leader(&cluster), former);
    cluster_commit(&cluster, "after");
    cluster_close(&cluster);
}
END_TEST

static void run_until_sent(struct cluster *cluster, uint64_t count)
{
    uint64_t target = cluster->message_count + count;
    while (cluster->message_count < target) {
        cluster_run(cluster, STEP_NS);
    }
}

/* Its answer to a heartbeat says nothing of entries that the leader appended since: what only the leader
 * has is not committed. */
START_TEST(longer_log_is_no_copy)
{
    struct cluster cluster;
    (void)open_longer(&cluster, (uint64_t)_i);
    struct node *leader = cluster_leader(&cluster);
    struct outcome outcome = {.error = 0};
    run_until_sent(&cluster, 1); /* heartbeats, both in one event */
    run_until_sent(&cluster, 2); /* and their answers, which are on their way now */
    outcome_propose(leader, &outcome, "only the leader has it");
    for (unsigned i = 0; i < 3; i++) {
        cluster.nodes[i].is_isolated = &cluster.nodes[i] != leader;
    }
    cluster_run(&cluster, 500 * RP_NS_PER_MS);
    ck_assert_msg(!outcome.is_done, "committed on the leader alone");
    cluster_run(&cluster, 5 * RP_NS_PER_S);
    cluster_close(&cluster);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("longer_log");
    TCase *tc = tcase_create("longer_log");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, longer_log_may_lead, 1, 9);
    tcase_add_loop_test(tc, longer_log_is_no_copy, 1, 17);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
