/* What a run counts of itself. */
#include <check.h>

#include "fault/catalog.h"
#include "protocol/error.h"
#include "protocol/puller.h"
#include "sim/reach.h"

static struct sim_reach reach;

static void setup(void)
{
    memset(&reach, 0, sizeof reach);
}

static void see(struct rp_observation seen)
{
    sim_reach_observe(&reach, &seen);
}

/* Each row is found by an observation of its kind, and by no other of the table. */
static const struct {
    const char *name;
    struct rp_observation seen;
    enum sim_reach_state state;
} ways[] = {
    {"refused command", {.kind = RP_SEE_APPLIED, .error = RP_ERR_INVALID}, SIM_REACH_LOG_REFUSED},
    {"applied command", {.kind = RP_SEE_APPLIED}, SIM_REACH_LOG_APPLIED},
    {"queue full",
     {.kind = RP_SEE_ANNOUNCED, .value = RP_ANNOUNCE_DROPPED},
     SIM_REACH_ANNOUNCE_DROPPED},
    {"second attempt",
     {.kind = RP_SEE_ATTEMPT_BEGIN, .value = 2, .value2 = 1},
     SIM_REACH_PULL_RETRY},
    {"resumed try", {.kind = RP_SEE_DIAL, .value2 = 7}, SIM_REACH_PULL_RESUME},
    {"obsolete pull",
     {.kind = RP_SEE_PULL_END, .value = RP_PULL_OBSOLETE},
     SIM_REACH_PULL_OBSOLETE},
    {"damage found", {.kind = RP_SEE_ABSENT, .value = 1}, SIM_REACH_JUDGED_DAMAGED},
    {"walk cut off", {.kind = RP_SEE_WALK_END}, SIM_REACH_WALK_CANCELLED},
    {"leadership", {.kind = RP_SEE_LEADER, .value = 4, .value2 = 9}, SIM_REACH_ROLE_LEADS},
    {"no leader", {.kind = RP_SEE_LEADER}, SIM_REACH_ROLE_LEADERLESS},
    {"dead peer", {.kind = RP_SEE_PEER, .value = 7}, SIM_REACH_PEER_DIED},
};

START_TEST(observation_enters_its_state_alone)
{
    see(ways[_i].seen);
    for (int state = 0; state < SIM_REACH_STATE_COUNT; state += 1) {
        ck_assert_msg(reach.states[state] == (state == (int)ways[_i].state), "%s: %s",
                      ways[_i].name, sim_reach_row_name(SIM_REACH_STATES, (size_t)state));
    }
}
END_TEST

/* Values that no enum has are counted nowhere, and nothing is overwritten. */
START_TEST(unknown_value_counts_nowhere)
{
    see((struct rp_observation){.kind = RP_SEE_ANNOUNCED, .value = UINT64_MAX});
    see((struct rp_observation){.kind = RP_SEE_PULL_END, .value = 99});
    struct sim_reach none = {0};
    ck_assert_int_eq(memcmp(&reach, &none, sizeof none), 0);
}
END_TEST

START_TEST(acks_are_counted_by_code_on_both_sides)
{
    see((struct rp_observation){.kind = RP_SEE_ACK, .value2 = 1});
    see((struct rp_observation){.kind = RP_SEE_ACK, .code = rp_view_text("manifest")});
    see((struct rp_observation){.kind = RP_SEE_ACK});
    see((struct rp_observation){.kind = RP_SEE_SERVE_BEGIN});
    see((struct rp_observation){
        .kind = RP_SEE_REQUEST_REFUSED, .code = rp_view_text("fetch"), .value = 3});
    ck_assert_uint_eq(reach.acks_received[RP_ACK_CODE_NONE], 1);
    ck_assert_uint_eq(reach.acks_received[RP_ACK_CODE_MANIFEST], 1);
    ck_assert_uint_eq(reach.acks_received[RP_ACK_CODE_OTHER], 1);
    ck_assert_uint_eq(reach.acks_sent[RP_ACK_CODE_NONE], 1);
    ck_assert_uint_eq(reach.acks_sent[RP_ACK_CODE_AUTH], 1);
}
END_TEST

/* Every fault of the catalog has a row of its own, found by its name. */
START_TEST(each_fault_has_its_row)
{
    for (size_t row = 0; row < fault_catalog_count(); row += 1) {
        sim_reach_fault(&reach, fault_catalog_at(row)->name);
        ck_assert_uint_eq(sim_reach_row_count_of(&reach, SIM_REACH_FAULTS, row), 1);
    }
}
END_TEST

START_TEST(sum_has_every_group)
{
    struct sim_reach other = {0};
    sim_reach_checked(&other, SIM_PROP_CONVERGES);
    sim_reach_fault(&other, "kill");
    other.states[SIM_REACH_RESCAN] = 3;
    other.acks_sent[RP_ACK_CODE_AUTH] = 4;
    other.acks_received[RP_ACK_CODE_AUTH] = 5;
    reach = other;
    sim_reach_add(&reach, &other);
    ck_assert_uint_eq(reach.checked[SIM_PROP_CONVERGES], 2);
    ck_assert_uint_eq(reach.faults[sim_reach_fault_place("kill")], 2);
    ck_assert_uint_eq(reach.states[SIM_REACH_RESCAN], 6);
    ck_assert_uint_eq(reach.acks_sent[RP_ACK_CODE_AUTH], 8);
    ck_assert_uint_eq(reach.acks_received[RP_ACK_CODE_AUTH], 10);
}
END_TEST

/* Rows are told apart by name, and nearly all have a floor. */
START_TEST(rows_have_names_of_their_own_and_floors)
{
    size_t without_floor = 0;
    for (int group = 0; group < SIM_REACH_GROUP_COUNT; group += 1) {
        enum sim_reach_group rows = (enum sim_reach_group)group;
        for (size_t row = 0; row < sim_reach_row_count(rows); row += 1) {
            without_floor += sim_reach_row_floor(rows, row) == 0;
            for (size_t earlier = 0; earlier < row; earlier += 1) {
                ck_assert_str_ne(sim_reach_row_name(rows, row), sim_reach_row_name(rows, earlier));
            }
        }
    }
    ck_assert_uint_le(without_floor, 12);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("reach");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_loop_test(tcase, observation_enters_its_state_alone, 0,
                        (int)(sizeof ways / sizeof ways[0]));
    tcase_add_test(tcase, unknown_value_counts_nowhere);
    tcase_add_test(tcase, acks_are_counted_by_code_on_both_sides);
    tcase_add_test(tcase, each_fault_has_its_row);
    tcase_add_test(tcase, sum_has_every_group);
    tcase_add_test(tcase, rows_have_names_of_their_own_and_floors);
    Suite *suite = suite_create("reach");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
