/* What a transport without proof would hand to the consensus library, for test_property.c. */
#include "tests/sim/bad_story.h"

/* As a member's message is that comes to whom it was sent to. */
static struct sim_check_consensus proper(void)
{
    return (struct sim_check_consensus){
        .kind = "AppendEntries",
        .term = 3,
        .is_authentic = true,
        .is_of_cluster = true,
        .is_addressed_here = true,
        .is_of_session = true,
        .identity = {11, 12, 13},
    };
}

static void give(struct sim_world *world, const struct sim_check_consensus *seen)
{
    sim_checks_consensus(world->checks, &world->pods[READER], seen);
}

static void vote_that_nobody_cast(struct sim_world *world)
{
    struct sim_check_consensus seen = proper();
    seen.kind = "RequestVoteResult";
    seen.is_authentic = false;
    give(world, &seen);
}

static void entries_of_another_cluster(struct sim_world *world)
{
    struct sim_check_consensus seen = proper();
    seen.is_of_cluster = false;
    give(world, &seen);
}

static void entries_for_another_member(struct sim_world *world)
{
    struct sim_check_consensus seen = proper();
    seen.is_addressed_here = false;
    give(world, &seen);
}

static void entries_for_an_earlier_life(struct sim_world *world)
{
    struct sim_check_consensus seen = proper();
    seen.is_of_session = false;
    give(world, &seen);
}

static void entries_recorded_and_sent_again(struct sim_world *world)
{
    struct sim_check_consensus seen = proper();
    sim_checks_consensus_recorded(world->checks, seen.identity);
    give(world, &seen);
    ck_assert_uint_eq(fake_violations(world, SIM_PROPERTY_COUNT), 0);
    give(world, &seen);
}

const struct bad_story bad_of_consensus[] = {
    {"a vote that nobody cast", SIM_PROP_CONSENSUS_AUTHENTICATED, vote_that_nobody_cast},
    {"entries of another cluster", SIM_PROP_CONSENSUS_AUTHENTICATED, entries_of_another_cluster},
    {"entries for another member", SIM_PROP_CONSENSUS_AUTHENTICATED, entries_for_another_member},
    {"entries for an earlier life", SIM_PROP_CONSENSUS_AUTHENTICATED, entries_for_an_earlier_life},
    {"entries sent again", SIM_PROP_CONSENSUS_AUTHENTICATED, entries_recorded_and_sent_again},
};
const size_t bad_of_consensus_count = sizeof bad_of_consensus / sizeof bad_of_consensus[0];
