#include <check.h>
#include <stdio.h>

#include "protocol/error.h"
#include "tests/sim/consensus_harness.h"

/* ---- Joining --------------------------------------------------------------------------------- */

/* A joiner becomes spare, standby, and voter while the leader wants voters; the rest stay standbys. */
START_TEST(joiners_become_voters_up_to_the_bound)
{
    struct cluster cluster;
    cluster_open(&cluster, 1, 3);
    cluster_boot(&cluster, 6);
    ck_assert_uint_eq(cluster_count(&cluster, RP_MEMBER_VOTER), 3);
    ck_assert_uint_eq(cluster_count(&cluster, RP_MEMBER_STANDBY), 3);
    cluster_close(&cluster);
}
END_TEST

/* A member that is known already is admitted at once and only moves. */
START_TEST(known_member_is_admitted_without_a_change)
{
    struct cluster cluster;
    cluster_open(&cluster, 2, 3);
    cluster_boot(&cluster, 3);
    cluster_run(&cluster, RP_NS_PER_S); /* the last promotion settles */
    struct node *leader = cluster_leader(&cluster);
    struct node *other = &cluster.nodes[leader->number == 1 ? 2 : 1];
    uint64_t last = rp_bridge_last_index(sim_consensus_raft_bridge(leader->member));
    struct rp_member member = {rp_view_text(other->id), rp_view_text("10.9.9.9:9200"),
                               rp_view_text(other->role), sim_raft_folder_raft_id(other->folder)};
    struct outcome outcome = {.request = {.done = outcome_done, .context = &outcome}};
    leader->port.admit(leader->port.state, &outcome.request, &member, RP_TIME_NEVER);
    ck_assert(cluster_await(&cluster, &outcome, RP_NS_PER_S));
    ck_assert_int_eq(outcome.error, 0);
    ck_assert_uint_eq(rp_bridge_last_index(sim_consensus_raft_bridge(leader->member)), last);
    cluster_close(&cluster);
}
END_TEST

START_TEST(follower_admits_nobody)
{
    struct cluster cluster;
    cluster_open(&cluster, 3, 3);
    cluster_boot(&cluster, 3);
    struct node *leader = cluster_leader(&cluster);
    struct node *other = &cluster.nodes[leader->number == 1 ? 2 : 1];
    struct rp_member member = {rp_view_text("x"), rp_view_text("10.9.9.9:9200"),
                               rp_view_text("reader"), 99};
    struct outcome outcome = {.request = {.done = outcome_done, .context = &outcome}};
    other->port.admit(other->port.state, &outcome.request, &member, RP_TIME_NEVER);
    ck_assert(cluster_await(&cluster, &outcome, RP_NS_PER_S));
    ck_assert_int_eq(outcome.error, RP_ERR_NOT_LEADER);
    cluster_close(&cluster);
}
END_TEST

/* ---- Leaving --------------------------------------------------------------------------------- */

/* A silent voter is replaced by a standby. */
START_TEST(silent_voter_gives_its_vote_to_a_standby)
{
    struct cluster cluster;
    cluster_open(&cluster, 4, 3);
    cluster_boot(&cluster, 4);
    struct node *leader = cluster_leader(&cluster);
    struct rp_member_view views[8];
    size_t count = rp_bridge_members(sim_consensus_raft_bridge(leader->member), views, 8);
    struct node *victim = NULL;
    for (size_t i = 0; i < count; i++) {
        for (unsigned k = 0; k < 4; k++) {
            if (views[i].rank == RP_MEMBER_VOTER && &cluster.nodes[k] != leader &&
                sim_raft_folder_raft_id(cluster.nodes[k].folder) == views[i].raft_id) {
                victim = &cluster.nodes[k];
            }
        }
    }
    ck_assert_ptr_nonnull(victim);
    node_kill(victim, false);
    cluster_run(&cluster, 5 * RP_NS_PER_S);
    ck_assert_uint_eq(cluster_count(&cluster, RP_MEMBER_VOTER), 3);
    ck_assert_uint_eq(cluster_count(&cluster, RP_MEMBER_STANDBY), 1);
    cluster_commit(&cluster, "file");
    cluster_close(&cluster);
}
END_TEST

/* Two of three reachable, nobody to take the third's place: it keeps its vote, for it may return. */
START_TEST(last_silent_voter_keeps_its_vote)
{
    struct cluster cluster;
    cluster_open(&cluster, 5, 3);
    cluster_boot(&cluster, 3);
    struct node *leader = cluster_leader(&cluster);
    node_kill(&cluster.nodes[leader->number == 1 ? 2 : 1], false);
    cluster_run(&cluster, 10 * RP_NS_PER_S);
    ck_assert_uint_eq(cluster_count(&cluster, RP_MEMBER_VOTER), 3);
    cluster_close(&cluster);
}
END_TEST

START_TEST(expelled_member_is_removed)
{
    struct cluster cluster;
    cluster_open(&cluster, 6, 5);
    cluster_boot(&cluster, 4);
    struct node *leader = cluster_leader(&cluster);
    struct node *other = &cluster.nodes[leader->number == 1 ? 2 : 1];
    uint64_t raft_id = sim_raft_folder_raft_id(other->folder);
    node_kill(other, false);
    struct outcome outcome = {.request = {.done = outcome_done, .context = &outcome}};
    leader->port.expel(leader->port.state, &outcome.request, raft_id);
    ck_assert(cluster_await(&cluster, &outcome, 5 * RP_NS_PER_S));
    ck_assert_int_eq(outcome.error, 0);
    ck_assert_uint_eq(cluster_count(&cluster, RP_MEMBER_VOTER), 3);
    cluster_close(&cluster);
}
END_TEST

/* ---- Rotation -------------------------------------------------------------------------------- */

struct promise {
    uint64_t index, hash;
};

static void commit_and_remember(struct cluster *cluster, unsigned number, struct promise *promise)
{
    char text[HARNESS_COMMAND_MAX];
    snprintf(text, sizeof text, "file %u", number);
    struct outcome outcome = {.error = RP_ERR_NOT_LEADER};
    while (outcome.error != 0) {
        ck_assert(cluster_run_until(cluster, cluster_has_leader, 10 * RP_NS_PER_S));
        outcome_propose(cluster_leader(cluster), &outcome, text);
        ck_assert(cluster_await(cluster, &outcome, 10 * RP_NS_PER_S));
    }
    *promise = (struct promise){outcome.request.index, harness_hash(text, strlen(text), 0)};
}

static bool is_whole(struct cluster *cluster)
{
    return cluster_count(cluster, RP_MEMBER_VOTER) == 5 &&
           cluster_count(cluster, RP_MEMBER_STANDBY) == 0 && cluster_is_level(cluster);
}

/* Every member of five replaced in turn, each with a lost folder and so a new raft id, ten times
 * over: the quorum is never lost for 5 s and no acknowledged command ever. */
START_TEST(fifty_rotations_lose_nothing)
{
    struct cluster cluster;
    cluster_open(&cluster, 100 + (uint64_t)_i, 5);
    cluster.config.raft_snapshot_threshold = 40;
    cluster_boot(&cluster, 5);
    struct promise promises[100];
    unsigned promised = 0;
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 5; i++) {
            commit_and_remember(&cluster, promised, &promises[promised]);
            promised += 1;
            node_kill(&cluster.nodes[i], true);
            node_lose_folder(&cluster.nodes[i]);
            cluster_run(&cluster, 200 * RP_NS_PER_MS);
            node_start(&cluster.nodes[i]);
            commit_and_remember(&cluster, promised, &promises[promised]);
            promised += 1;
            ck_assert_msg(cluster_run_until(&cluster, is_whole, 30 * RP_NS_PER_S),
                          "round %u node %u: %u voters, %u standbys", round, i,
                          cluster_count(&cluster, RP_MEMBER_VOTER),
                          cluster_count(&cluster, RP_MEMBER_STANDBY));
        }
    }
    for (unsigned i = 0; i < promised; i++) {
        for (unsigned k = 0; k < 5; k++) {
            ck_assert(node_has(&cluster.nodes[k], promises[i].index, promises[i].hash));
        }
    }
    printf("rotations: at most %.2f s without a leader\n",
           (double)cluster.leaderless_max_ns / (double)RP_NS_PER_S);
    ck_assert_uint_lt(cluster.leaderless_max_ns, 5 * RP_NS_PER_S);
    cluster_close(&cluster);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("members");
    TCase *tc = tcase_create("members");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, joiners_become_voters_up_to_the_bound);
    tcase_add_test(tc, known_member_is_admitted_without_a_change);
    tcase_add_test(tc, follower_admits_nobody);
    tcase_add_test(tc, silent_voter_gives_its_vote_to_a_standby);
    tcase_add_test(tc, last_silent_voter_keeps_its_vote);
    tcase_add_test(tc, expelled_member_is_removed);
    tcase_add_loop_test(tc, fifty_rotations_lose_nothing, 0, 3);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
