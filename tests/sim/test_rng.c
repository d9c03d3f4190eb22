#include <check.h>

#include "sim/rng.h"

static uint64_t first_of(uint64_t seed, const char *purpose, const char *key, uint64_t incarnation)
{
    struct sim_rng rng;
    sim_rng_init(&rng, seed, purpose, rp_view_text(key), incarnation);
    return sim_rng_next(&rng);
}

/* Each part of a stream's name makes another stream, also when the texts join to the same one. */
START_TEST(every_part_of_the_name_makes_another_stream)
{
    uint64_t base = first_of(1, "ab", "c", 0);
    ck_assert_uint_eq(base, first_of(1, "ab", "c", 0));
    ck_assert_uint_ne(base, first_of(2, "ab", "c", 0));
    ck_assert_uint_ne(base, first_of(1, "a", "bc", 0));
    ck_assert_uint_ne(base, first_of(1, "ab", "d", 0));
    ck_assert_uint_ne(base, first_of(1, "ab", "c", 1));
}
END_TEST

/* The generator of a known state gives the published sequence: a run must mean the same for ever. */
START_TEST(known_state_gives_the_published_sequence)
{
    static const uint64_t EXPECTED[] = {11520, 0, 1509978240, UINT64_C(1215971899390074240)};
    struct sim_rng rng = {{1, 2, 3, 4}};
    for (size_t index = 0; index < 4; index += 1) {
        ck_assert_uint_eq(sim_rng_next(&rng), EXPECTED[index]);
    }
}
END_TEST

/* Draws stay within their bounds, reach both ends, and a fixed value draws nothing. */
START_TEST(draws_stay_within_bounds_and_fixed_values_draw_nothing)
{
    struct sim_rng rng;
    sim_rng_init(&rng, 5, "test", rp_view_text(NULL), 0);
    uint64_t seen = 0;
    for (int draw = 0; draw < 1000; draw += 1) {
        uint64_t value = sim_rng_range(&rng, (struct sim_range){10, 14});
        ck_assert(value >= 10 && value <= 14);
        seen |= UINT64_C(1) << (value - 10);
    }
    ck_assert_uint_eq(seen, 31);
    struct sim_rng before = rng;
    ck_assert_uint_eq(sim_rng_range(&rng, (struct sim_range){7, 7}), 7);
    ck_assert(!sim_rng_chance(&rng, 0));
    ck_assert(sim_rng_chance(&rng, SIM_CHANCE_ALWAYS));
    ck_assert_int_eq(memcmp(&before, &rng, sizeof rng), 0);
}
END_TEST

/* A chance of a quarter comes true about every fourth time. */
START_TEST(chance_comes_true_as_often_as_it_says)
{
    struct sim_rng rng;
    int true_count = 0;
    sim_rng_init(&rng, 5, "test", rp_view_text(NULL), 0);
    for (int draw = 0; draw < 10000; draw += 1) {
        true_count += sim_rng_chance(&rng, SIM_CHANCE_ALWAYS / 4);
    }
    ck_assert_int_gt(true_count, 2300);
    ck_assert_int_lt(true_count, 2700);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rng");
    TCase *tcase = tcase_create("rng");
    tcase_add_test(tcase, every_part_of_the_name_makes_another_stream);
    tcase_add_test(tcase, known_state_gives_the_published_sequence);
    tcase_add_test(tcase, draws_stay_within_bounds_and_fixed_values_draw_nothing);
    tcase_add_test(tcase, chance_comes_true_as_often_as_it_says);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
