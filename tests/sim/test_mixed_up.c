/* Two clusters that take each other's messages for their own: the checkers of each must tell. */
#include <check.h>
#include <stdlib.h>

#include "sim/world_internal.h"

#define STALE_NS (60 * RP_NS_PER_S)

struct story {
    struct sim_world *first, *second;
    bool is_mixed_up;
};

static void end_story(void *context, uint64_t argument)
{
    const struct story *story = context;
    (void)argument;
    sim_world_story_done(story->first);
}

/* All of the first cluster move, and the second has their addresses. */
static void move_all(void *context, uint64_t argument)
{
    const struct story *story = context;
    (void)argument;
    sim_world_stale_names(story->first, STALE_NS, true);
    size_t count = sim_world_pod_count(story->first);
    for (size_t index = 0; index < count; index += 1) {
        struct sim_replace_spec spec = {.start_delay_ns = index * 5 * RP_NS_PER_S};
        struct sim_pod *successor = NULL;
        ck_assert_int_eq(sim_pod_replace(sim_world_pod_at(story->first, index), &spec, &successor),
                         0);
    }
}

static void begin(void *context)
{
    struct story *story = context;
    char note[160];
    struct sim_cluster_spec cluster = sim_world_spec(story->first)->cluster; /* one secret */
    char name[] = "prot";
    cluster.name = name;
    ck_assert_int_eq(sim_world_join(story->first, &cluster, &story->second, note), 0);
    if (story->is_mixed_up) { /* both sign the same name */
        memcpy(story->second->spec.cluster.name, sim_world_spec(story->first)->cluster.name, 4);
    }
    (void)sim_world_at(story->first, 15 * RP_NS_PER_S, move_all, story, 0);
    (void)sim_world_at(story->first, 60 * RP_NS_PER_S, end_story, story, 0);
}

static size_t violation_count(const struct sim_result *result, const char *property)
{
    size_t count = 0;
    for (size_t row = 0; row < result->violation_count; row += 1) {
        count += strcmp(result->violations[row].property, property) == 0;
    }
    return count;
}

/* With one secret and one name, heartbeats of the one are believed in the other. With two names
 * nothing is, and nothing is told. */
START_TEST(message_accepted_in_another_cluster_violates_mac_binds_all)
{
    struct story story = {.is_mixed_up = _i != 0};
    struct sim_story face = {.context = &story, .begin = begin};
    struct sim_world_spec spec;
    char note[160];
    ck_assert_int_eq(sim_world_spec_init(&spec), 0);
    spec.cluster.reader_count = 2;
    spec.closing = SIM_CLOSING_SHORT;
    ck_assert_int_eq(sim_world_new(&spec, &story.first, note), 0);
    ck_assert_int_eq(sim_world_run(story.first, &face, note), 0);
    const struct sim_result *result = sim_world_result(story.first);
    if (story.is_mixed_up) {
        ck_assert_uint_gt(violation_count(result, "mac-binds-all"), 0);
    } else {
        ck_assert_uint_eq(result->violation_count, 0);
    }
    sim_world_free(story.first);
    sim_world_spec_clear(&spec);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mixed_up");
    TCase *tc = tcase_create("mixed_up");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, message_accepted_in_another_cluster_violates_mac_binds_all, 0, 2);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
