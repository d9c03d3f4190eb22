/* sim/sweep/plan.c: which runs a sweep has, in which order, whose they are, and which are left. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sweep/plan.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))

/* ---- Fixture ------------------------------------------------------------------------------------ */

static const struct sweep_scenario three[] = {
    {"a.lua", "a", "", 1}, {"b.lua", "b", "", 2}, {"c.lua", "c", "", 1}};
static const struct sweep_scenario even[] = {
    {"a.lua", "a", "", 1}, {"b.lua", "b", "", 1}, {"c.lua", "c", "", 1}, {"d.lua", "d", "", 1}};

static struct sweep_plan plan_of(const struct sweep_scenario *scenarios, size_t count,
                                 uint64_t first, uint64_t last)
{
    return (struct sweep_plan){scenarios, count, first, last, 0, 1};
}

/* "a1 b1 b2 c1 ...": all runs of the shard. */
static void write_runs(const struct sweep_plan *plan, char text_out[4096])
{
    struct sweep_cursor cursor = {0, 0, false};
    struct sweep_item item;
    size_t used = 0;
    text_out[0] = '\0';
    while (sweep_plan_next(plan, &cursor, &item)) {
        used +=
            (size_t)snprintf(text_out + used, 4096 - used, "%s%s%llu", used == 0 ? "" : " ",
                             plan->scenarios[item.scenario].name, (unsigned long long)item.seed);
        ck_assert_uint_lt(used, 4000);
    }
}

/* ---- Order ---------------------------------------------------------------------------------------- */

/* Every scenario runs with one seed before any runs with the next; weight 2 has two seeds a round. */
START_TEST(all_scenarios_run_with_a_seed_before_the_next)
{
    char text[4096];
    struct sweep_plan plan = plan_of(three, 3, 5, 7);
    write_runs(&plan, text);
    ck_assert_str_eq(text, "a5 b5 b6 c5 a6 b7 b8 c6 a7 b9 b10 c7");
    ck_assert_uint_eq(sweep_plan_count(&plan), 12);
}
END_TEST

/* A weight of 0 leaves a scenario out, and the rest has no gap where it was. */
START_TEST(weight_zero_leaves_a_scenario_out)
{
    struct sweep_scenario rows[] = {{"a.lua", "a", "", 0}, {"b.lua", "b", "", 1}};
    char text[4096], note[SWEEP_NOTE_BYTES];
    struct sweep_plan plan = plan_of(rows, 2, 1, 2);
    write_runs(&plan, text);
    ck_assert_str_eq(text, "b1 b2");
    ck_assert(!sweep_plan_has(&plan, "a.lua", 1, NULL));
    rows[1].weight = 0;
    ck_assert_int_eq(sweep_plan_check(&plan, note), SWEEP_ERR_OTHER);
}
END_TEST

/* The largest range of seeds there is: counted without an overflow, begun and ended at its ends. */
START_TEST(all_seeds_there_are_make_a_plan)
{
    struct sweep_plan plan = plan_of(even, 1, 0, UINT64_MAX);
    char note[SWEEP_NOTE_BYTES];
    struct sweep_cursor cursor = {UINT64_MAX, 0, false};
    struct sweep_item item;
    ck_assert_int_eq(sweep_plan_check(&plan, note), SWEEP_OK);
    ck_assert_uint_eq(sweep_plan_count(&plan), UINT64_MAX);
    ck_assert(sweep_plan_next(&plan, &cursor, &item));
    ck_assert_uint_eq(item.seed, UINT64_MAX);
    ck_assert(!sweep_plan_next(&plan, &cursor, &item));
    ck_assert(!sweep_plan_next(&plan, &cursor, &item));
    plan.scenarios = &three[1];
    ck_assert_int_eq(sweep_plan_check(&plan, note), SWEEP_ERR_OTHER);
    ck_assert_ptr_nonnull(strstr(note, "weight 2"));
}
END_TEST

/* ---- Shards --------------------------------------------------------------------------------------- */

/* Whatever their number, shards share no run, miss none, and agree with what a run is asked about. */
START_TEST(shards_are_disjoint_and_complete)
{
    static const uint32_t counts[] = {1, 2, 3, 4, 5, 7, 12, 40};
    struct sweep_plan plan = plan_of(three, 3, 1, 10);
    int seen[3][21];
    uint64_t total = 0;
    memset(seen, 0, sizeof seen);
    plan.shard_count = counts[_i];
    for (plan.shard_index = 0; plan.shard_index < plan.shard_count; plan.shard_index++) {
        struct sweep_cursor cursor = {0, 0, false};
        struct sweep_item item;
        uint64_t count = 0;
        for (; sweep_plan_next(&plan, &cursor, &item); count++) {
            seen[item.scenario][item.seed] += 1;
            ck_assert(sweep_plan_has(&plan, three[item.scenario].path, item.seed, NULL));
        }
        ck_assert_uint_eq(count, sweep_plan_count(&plan));
        total += count;
    }
    ck_assert_uint_eq(total, 40);
    for (int seed = 1; seed <= 20; seed++) {
        ck_assert_int_eq(seen[0][seed], seed <= 10);
        ck_assert_int_eq(seen[1][seed], 1);
        ck_assert_int_eq(seen[2][seed], seed <= 10);
    }
}
END_TEST

/* Four scenarios on four machines: each machine tries each scenario, not one of them again and again. */
START_TEST(each_shard_comes_to_each_scenario)
{
    char text[4096];
    struct sweep_plan plan = plan_of(even, 4, 1, 4);
    plan.shard_count = 4;
    plan.shard_index = 1;
    write_runs(&plan, text);
    ck_assert_str_eq(text, "b1 a2 d3 c4");
}
END_TEST

/* A run that is beside the range, of another shard or of no scenario is not the plan's. */
START_TEST(what_is_not_planned_is_known)
{
    struct sweep_plan plan = plan_of(even, 4, 10, 20);
    size_t scenario = 9;
    ck_assert(sweep_plan_has(&plan, "c.lua", 10, &scenario));
    ck_assert_uint_eq(scenario, 2);
    ck_assert(!sweep_plan_has(&plan, "c.lua", 9, NULL));
    ck_assert(!sweep_plan_has(&plan, "c.lua", 21, NULL));
    ck_assert(!sweep_plan_has(&plan, "e.lua", 10, NULL));
    plan.shard_count = 2;
    ck_assert(sweep_plan_has(&plan, "c.lua", 10, NULL));
    ck_assert(!sweep_plan_has(&plan, "c.lua", 11, NULL));
}
END_TEST

/* ---- What was not reached --------------------------------------------------------------------------- */

struct done {
    const char *runs; /* "a1 b2 ..." with a space at both ends */
};

static bool is_done(void *context, const char *path, uint64_t seed)
{
    const struct done *done = context;
    char word[32];
    snprintf(word, sizeof word, " %c%llu ", path[0], (unsigned long long)seed);
    return strstr(done->runs, word) != NULL;
}

static const struct missing_row {
    const char *name;
    const char *done;
    uint64_t done_count;
    const char *missing;
} missing_rows[] = {
    {"nothing done", " ", 0, "a1-4x4 b1-8x8 c1-4x4"},
    {"all done", " a1 b1 b2 c1 a2 b3 b4 c2 a3 b5 b6 c3 a4 b7 b8 c4 ", 16, ""},
    {"cut off in the middle of a round", " a1 b1 b2 c1 a2 ", 5, "a3-4x2 b3-8x6 c2-4x3"},
    {"holes where workers were killed", " a1 b2 c1 a2 ", 4, "a3-4x2 b1-1x1 b3-8x6 c2-4x3"},
    {"a hole that the rest joins", " a1 c1 c2 ", 3, "a2-4x3 b1-8x8 c3-4x2"},
};

/* Ranges of seeds by scenario, whatever holes killed workers left. */
START_TEST(what_is_missing_is_told_in_ranges)
{
    const struct missing_row *row = &missing_rows[_i];
    struct sweep_plan plan = plan_of(three, 3, 1, 4);
    struct done done = {row->done};
    struct sweep_ranges ranges;
    char text[512] = "";
    ck_assert_int_eq(sweep_plan_missing(&plan, row->done_count, is_done, &done, &ranges), SWEEP_OK);
    for (size_t i = 0; i < ranges.count; i++) {
        const struct sweep_range *range = &ranges.ranges[i];
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s%llu-%llux%llu", used == 0 ? "" : " ",
                 three[range->scenario].name, (unsigned long long)range->seed_first,
                 (unsigned long long)range->seed_last, (unsigned long long)range->count);
    }
    ck_assert_msg(strcmp(text, row->missing) == 0, "%s: %s, not %s", row->name, text, row->missing);
    sweep_ranges_clear(&ranges);
}
END_TEST

/* The rest of a sweep of all seeds there are is told without going through them. */
START_TEST(the_rest_of_an_endless_sweep_is_told_at_once)
{
    struct sweep_plan plan = plan_of(even, 1, 0, UINT64_MAX);
    struct done done = {" a0 a1 "};
    struct sweep_ranges ranges;
    ck_assert_int_eq(sweep_plan_missing(&plan, 2, is_done, &done, &ranges), SWEEP_OK);
    ck_assert_uint_eq(ranges.count, 1);
    ck_assert_uint_eq(ranges.ranges[0].seed_first, 2);
    ck_assert_uint_eq(ranges.ranges[0].seed_last, UINT64_MAX);
    ck_assert_uint_eq(ranges.ranges[0].count, UINT64_MAX - 1);
    sweep_ranges_clear(&ranges);
}
END_TEST

/* ---- Reading ---------------------------------------------------------------------------------------- */

static const struct text_row {
    const char *text;
    bool is_good;
    uint64_t first, last;
} seeds_rows[] = {
    {"1..100", true, 1, 100},
    {"7", true, 7, 7},
    {"0..18446744073709551615", true, 0, UINT64_MAX},
    {"5..5", true, 5, 5},
    {"5..4", false, 0, 0},
    {"", false, 0, 0},
    {"..", false, 0, 0},
    {"1..", false, 0, 0},
    {"..3", false, 0, 0},
    {"1.3", false, 0, 0},
    {"1...3", false, 0, 0},
    {"1..3x", false, 0, 0},
    {"-1..3", false, 0, 0},
    {"1..18446744073709551616", false, 0, 0},
    {" 1..3", false, 0, 0},
};

START_TEST(seeds_are_read_or_refused_with_a_word)
{
    const struct text_row *row = &seeds_rows[_i];
    char note[SWEEP_NOTE_BYTES] = "";
    uint64_t first = 0, last = 0;
    bool is_good = sweep_parse_seeds(row->text, &first, &last, note);
    ck_assert_msg(is_good == row->is_good, "%s", row->text);
    if (is_good) {
        ck_assert_uint_eq(first, row->first);
        ck_assert_uint_eq(last, row->last);
    } else {
        ck_assert_ptr_nonnull(strstr(note, "--seeds "));
    }
}
END_TEST

static const struct text_row shard_rows[] = {
    {"0/1", true, 0, 1},  {"3/4", true, 3, 4},    {"4/4", false, 0, 0},      {"0/0", false, 0, 0},
    {"1", false, 0, 0},   {"/2", false, 0, 0},    {"1/", false, 0, 0},       {"-1/2", false, 0, 0},
    {"a/b", false, 0, 0}, {"1/2/3", false, 0, 0}, {"0/999999", false, 0, 0},
};

START_TEST(shards_are_read_or_refused_with_a_word)
{
    const struct text_row *row = &shard_rows[_i];
    char note[SWEEP_NOTE_BYTES] = "";
    uint32_t index = 0, count = 0;
    bool is_good = sweep_parse_shard(row->text, &index, &count, note);
    ck_assert_msg(is_good == row->is_good, "%s", row->text);
    if (is_good) {
        ck_assert_uint_eq(index, row->first);
        ck_assert_uint_eq(count, row->last);
    } else {
        ck_assert_ptr_nonnull(strstr(note, "--shard "));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sweep_plan");
    TCase *tc = tcase_create("plan");
    tcase_add_test(tc, all_scenarios_run_with_a_seed_before_the_next);
    tcase_add_test(tc, weight_zero_leaves_a_scenario_out);
    tcase_add_test(tc, all_seeds_there_are_make_a_plan);
    tcase_add_loop_test(tc, shards_are_disjoint_and_complete, 0, 8);
    tcase_add_test(tc, each_shard_comes_to_each_scenario);
    tcase_add_test(tc, what_is_not_planned_is_known);
    tcase_add_loop_test(tc, what_is_missing_is_told_in_ranges, 0, ROWS(missing_rows));
    tcase_add_test(tc, the_rest_of_an_endless_sweep_is_told_at_once);
    tcase_add_loop_test(tc, seeds_are_read_or_refused_with_a_word, 0, ROWS(seeds_rows));
    tcase_add_loop_test(tc, shards_are_read_or_refused_with_a_word, 0, ROWS(shard_rows));
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
