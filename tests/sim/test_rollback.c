/* protocol/raft/bridge_rollback.c: a leader is cut off with one follower and a change of the members that
 * nobody else has. Both have to give it up for what the others agreed on, whatever their logs still hold. */
#include <check.h>

#include "protocol/error.h"
#include "tests/sim/consensus_harness.h"

#define NODES       5
#define MEMBERS_MAX 16
#define SLOW_PPM    (-950000)

/* What else befell the two. */
struct trouble {
    const char *name;
    bool is_cut_early; /* a snapshot takes the members that count out of its log beforehand */
    bool is_cut_late;  /* a snapshot is taken at an entry that arrived together with the change */
    bool is_restarted; /* it forgets what of its log is committed */
    bool is_overtaken; /* the others' logs begin after the change, so it gets a snapshot */
    bool is_slow;      /* the leader's clock is, so it leads until it hears of the next one */
};

static const struct trouble TROUBLES[] = {
    {.name = "nothing"},
    {.name = "cut", .is_cut_early = true},
    {.name = "restarted", .is_restarted = true},
    {.name = "cut, restarted", .is_cut_early = true, .is_restarted = true},
    {.name = "cut late", .is_cut_late = true},
    {.name = "cut late, restarted", .is_cut_late = true, .is_restarted = true},
    {.name = "overtaken", .is_overtaken = true},
    {.name = "cut, overtaken", .is_cut_early = true, .is_overtaken = true},
    {.name = "slow", .is_slow = true},
    {.name = "cut, slow", .is_cut_early = true, .is_slow = true},
};

struct story {
    struct cluster cluster;
    struct node *former, *follower;
    struct outcome admit;
};

static struct rp_bridge *bridge_of(const struct node *node)
{
    return sim_consensus_raft_bridge(node->member);
}

static size_t members_of(const struct node *node, struct rp_member_view *views)
{
    memset(views, 0, MEMBERS_MAX * sizeof *views);
    return rp_bridge_members(bridge_of(node), views, MEMBERS_MAX);
}

static bool is_other(const struct story *story, const struct node *node)
{
    return node != story->former && node != story->follower;
}

static void isolate_others(struct story *story, bool is_isolated)
{
    for (unsigned i = 0; i < NODES; i++) {
        struct node *node = &story->cluster.nodes[i];
        node->is_isolated = is_other(story, node) == is_isolated;
    }
}

/* Five voters that all know each other; the founder does once it has joined another one that leads. */
static void open_five(struct story *story, uint64_t seed)
{
    struct cluster *cluster = &story->cluster;
    memset(story, 0, sizeof *story);
    cluster_open(cluster, seed, NODES);
    cluster_boot(cluster, NODES);
    cluster_run(cluster, RP_NS_PER_S);
    uint64_t heir = sim_raft_folder_raft_id(cluster->nodes[1].folder);
    ck_assert_int_eq(rp_bridge_hand_over(bridge_of(&cluster->nodes[0]), heir), 0);
    cluster_run(cluster, 10 * RP_NS_PER_S);
    ck_assert_uint_eq(cluster_count(cluster, RP_MEMBER_VOTER), NODES);
    story->former = cluster_leader(cluster);
    story->follower = &cluster->nodes[story->former == &cluster->nodes[2] ? 3 : 2];
}

static void cut_log(struct story *story, struct node *node)
{
    rp_bridge_snapshot_soon(bridge_of(node), 0);
    cluster_commit(&story->cluster, "at the snapshot");
    cluster_run(&story->cluster, 200 * RP_NS_PER_MS);
    uint64_t index = sim_raft_folder_snapshot_index(node->folder);
    ck_assert_uint_gt(index, 0);
    ck_assert_uint_eq(sim_raft_folder_first_index(node->folder), index + 1);
}

/* The leader takes a member in that is nowhere, and tells its follower alone. */
static void change_in_vain(struct story *story, const struct trouble *trouble)
{
    struct cluster *cluster = &story->cluster;
    if (trouble->is_cut_late) {
        story->follower->is_isolated = true;
        rp_bridge_snapshot_soon(bridge_of(story->follower), 0);
        cluster_commit(cluster, "without the follower");
        cluster_run(cluster, 150 * RP_NS_PER_MS);
    }
    struct rp_member member = {rp_view_text("nowhere"), rp_view_text("10.0.77.1:9200"),
                               rp_view_text("reader"), 4711};
    story->admit.request =
        (struct rp_consensus_request){.done = outcome_done, .context = &story->admit};
    isolate_others(story, true);
    story->former->port.admit(story->former->port.state, &story->admit.request, &member,
                              sim_clock_now(story->former->clock) + RP_NS_PER_S);
    cluster_run(cluster, 400 * RP_NS_PER_MS);
    struct rp_member_view views[MEMBERS_MAX];
    ck_assert_uint_eq(members_of(story->former, views), NODES + 1);
    ck_assert_uint_eq(members_of(story->follower, views), NODES + 1);
    ck_assert_uint_eq(sim_raft_folder_snapshot_index(story->follower->folder) > 0,
                      trouble->is_cut_early || trouble->is_cut_late);
}

static void follower_ails(struct story *story, const struct trouble *trouble)
{
    story->former->is_isolated = true;
    story->follower->is_isolated = true;
    sim_clock_set_drift(story->former->clock, trouble->is_slow ? SLOW_PPM : 0);
    cluster_run(&story->cluster, 100 * RP_NS_PER_MS);
    if (trouble->is_restarted) {
        node_kill(story->follower, false);
        node_start(story->follower);
        cluster_run(&story->cluster, 100 * RP_NS_PER_MS);
    }
}

/* The others go on with an entry of their own, in place of the change. They have no time to think about
 * their members, or the next change would hide what is wrong. */
static void others_agree(struct story *story, const struct trouble *trouble)
{
    struct cluster *cluster = &story->cluster;
    isolate_others(story, false);
    while (cluster_leader(cluster) == NULL || !is_other(story, cluster_leader(cluster))) {
        cluster_run(cluster, 10 * RP_NS_PER_MS);
    }
    cluster_commit(cluster, "in place of the change");
    for (unsigned i = 0; i < NODES && trouble->is_overtaken; i++) {
        if (is_other(story, &cluster->nodes[i])) {
            cut_log(story, &cluster->nodes[i]);
        }
    }
}

static void all_return(struct story *story, const struct trouble *trouble)
{
    struct cluster *cluster = &story->cluster;
    struct rp_consensus_status status = story->former->port.status(story->former->port.state);
    ck_assert(status.is_leader || !trouble->is_slow);
    for (unsigned i = 0; i < NODES; i++) {
        cluster->nodes[i].is_isolated = false;
    }
    cluster_run(cluster, RP_NS_PER_S);
    sim_clock_set_drift(story->former->clock, 0);
    cluster_run(cluster, 4 * RP_NS_PER_S);
    cluster_commit(cluster, "together");
    cluster_run(cluster, RP_NS_PER_S);
}

static void assert_members_agree(struct story *story)
{
    struct cluster *cluster = &story->cluster;
    struct rp_member_view expected[MEMBERS_MAX], views[MEMBERS_MAX];
    size_t count = members_of(cluster_leader(cluster), expected);
    ck_assert_uint_eq(count, NODES);
    for (unsigned i = 0; i < NODES; i++) {
        ck_assert_msg(members_of(&cluster->nodes[i], views) == count, "%s keeps what it gave up",
                      cluster->nodes[i].id);
        ck_assert_mem_eq(views, expected, sizeof views);
    }
    ck_assert(cluster_is_level(cluster));
}

/* It is a member like any other: it leads, and its changes are made. */
static void assert_leads(struct story *story, struct node *node)
{
    struct cluster *cluster = &story->cluster;
    uint64_t raft_id = sim_raft_folder_raft_id(node->folder);
    ck_assert_int_eq(rp_bridge_hand_over(bridge_of(cluster_leader(cluster)), raft_id), 0);
    cluster_run(cluster, 3 * RP_NS_PER_S);
    ck_assert_ptr_eq(cluster_leader(cluster), node);
    node_start(cluster_add(cluster, "reader"));
    cluster_run(cluster, 10 * RP_NS_PER_S);
    ck_assert_uint_eq(cluster_count(cluster, RP_MEMBER_VOTER), NODES);
    ck_assert_uint_eq(cluster_count(cluster, RP_MEMBER_STANDBY), 1);
}

/* Whatever befell the follower, it has the others' members when it is back among them, and so has the
 * leader of before; and it can lead them. */
START_TEST(given_up_members_are_given_up)
{
    const struct trouble *trouble = &TROUBLES[_i];
    struct story story;
    open_five(&story, (uint64_t)_i + 1);
    if (trouble->is_cut_early) {
        cut_log(&story, story.former);
        cut_log(&story, story.follower);
    }
    change_in_vain(&story, trouble);
    follower_ails(&story, trouble);
    uint64_t restore_count = story.follower->restore_count;
    others_agree(&story, trouble);
    all_return(&story, trouble);
    ck_assert_uint_eq(story.follower->restore_count - restore_count, trouble->is_overtaken);
    assert_members_agree(&story);
    assert_leads(&story, story.follower);
    cluster_close(&story.cluster);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rollback");
    TCase *tc = tcase_create("rollback");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, given_up_members_are_given_up, 0,
                        (int)(sizeof TROUBLES / sizeof TROUBLES[0]));
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
