/* protocol/role_watch.c: TestHealth_* of the inventory */
#include <check.h>
#include <stdlib.h>

#include "protocol/role_watch.h"

#define INTERVAL (60 * RP_NS_PER_S)

static bool told(struct rp_role_watch *watch, uint64_t at_s, size_t elected_count,
                 enum rp_role_warning expected)
{
    enum rp_role_warning warning = RP_ROLE_WARNING_COUNT;
    bool is_told = rp_role_watch_check(watch, at_s * RP_NS_PER_S, elected_count, &warning);
    return is_told && warning == expected;
}

/* TestHealth_NoCompactorElectedFiresWarning, MultipleCompactorsFiresWarning, SingleCompactorIsQuiet:
 * one is right, none and several are told of, each in its own words. */
START_TEST(only_one_is_right)
{
    struct rp_role_watch watch;
    rp_role_watch_init(&watch, INTERVAL);
    ck_assert(told(&watch, 5, 0, RP_ROLE_NO_COMPACTOR));
    ck_assert(told(&watch, 5, 2, RP_ROLE_MANY_COMPACTORS));
    ck_assert(!told(&watch, 500, 1, RP_ROLE_NO_COMPACTOR));
    ck_assert(!told(&watch, 500, 1, RP_ROLE_MANY_COMPACTORS));
    ck_assert_str_ne(rp_role_warning_text(RP_ROLE_NO_COMPACTOR),
                     rp_role_warning_text(RP_ROLE_MANY_COMPACTORS));
}
END_TEST

/* TestHealth_WarnRateLimit, WarnRateLimitReleasesAfterInterval: once in a minute, then again. */
START_TEST(each_is_told_once_a_minute)
{
    struct rp_role_watch watch;
    rp_role_watch_init(&watch, INTERVAL);
    ck_assert(told(&watch, 5, 0, RP_ROLE_NO_COMPACTOR));
    for (uint64_t at_s = 10; at_s < 65; at_s += 5) {
        ck_assert(!told(&watch, at_s, 0, RP_ROLE_NO_COMPACTOR));
    }
    ck_assert(told(&watch, 65, 0, RP_ROLE_NO_COMPACTOR));
    ck_assert_uint_eq(watch.warning_count[RP_ROLE_NO_COMPACTOR], 2);
}
END_TEST

/* TestHealth_SeparateTimersForFlappingMisconfig: none and several in turn are told of once each. */
START_TEST(kinds_have_their_own_time)
{
    struct rp_role_watch watch;
    rp_role_watch_init(&watch, INTERVAL);
    for (uint64_t at_s = 0; at_s < 60; at_s += 10) {
        ck_assert_int_eq(told(&watch, at_s, 0, RP_ROLE_NO_COMPACTOR), at_s == 0);
        ck_assert_int_eq(told(&watch, at_s + 5, 3, RP_ROLE_MANY_COMPACTORS), at_s == 0);
    }
    ck_assert_uint_eq(watch.warning_count[RP_ROLE_MANY_COMPACTORS], 1);
}
END_TEST

/* TestHealth_WarnDisabled: an interval of zero says nothing. */
START_TEST(no_interval_no_warning)
{
    struct rp_role_watch watch;
    rp_role_watch_init(&watch, 0);
    ck_assert(!told(&watch, 5, 0, RP_ROLE_NO_COMPACTOR));
    ck_assert(!told(&watch, 500, 2, RP_ROLE_MANY_COMPACTORS));
}
END_TEST

/* TestHealth_ResetAllowsNextWarning: after a reset it need not wait. */
START_TEST(reset_lets_the_next_through)
{
    struct rp_role_watch watch;
    rp_role_watch_init(&watch, INTERVAL);
    ck_assert(told(&watch, 5, 0, RP_ROLE_NO_COMPACTOR));
    rp_role_watch_reset(&watch);
    ck_assert(told(&watch, 6, 0, RP_ROLE_NO_COMPACTOR));
    ck_assert(!told(&watch, 7, 0, RP_ROLE_NO_COMPACTOR));
}
END_TEST

/* A role that nobody has is given at once; a holder that is absent has until the second look, and
 * one that came back starts anew. */
START_TEST(holder_is_given_a_second_look)
{
    struct rp_role_vacancy vacancy = {0};
    ck_assert(rp_role_vacancy_look(&vacancy, false, false));
    vacancy.absent_count = 0;
    ck_assert(!rp_role_vacancy_look(&vacancy, true, true));
    ck_assert(!rp_role_vacancy_look(&vacancy, true, false));
    ck_assert(!rp_role_vacancy_look(&vacancy, true, true));
    ck_assert(!rp_role_vacancy_look(&vacancy, true, false));
    ck_assert(rp_role_vacancy_look(&vacancy, true, false));
    ck_assert(rp_role_vacancy_look(&vacancy, true, false));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("role_watch");
    TCase *tc = tcase_create("role_watch");
    tcase_add_test(tc, only_one_is_right);
    tcase_add_test(tc, each_is_told_once_a_minute);
    tcase_add_test(tc, kinds_have_their_own_time);
    tcase_add_test(tc, no_interval_no_warning);
    tcase_add_test(tc, reset_lets_the_next_through);
    tcase_add_test(tc, holder_is_given_a_second_look);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
