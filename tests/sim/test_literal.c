/* Tests of sim/script_literal: each literal of a scenario is exact or refused. */
#include "sim/script_literal.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "protocol/error.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))

/* ---- Tables ---------------------------------------------------------------------------------- */

struct duration_row {
    const char *text;
    enum script_sign sign;
    int error;
    int64_t expected_ns;
};
static const struct duration_row durations[] = {
    {"5s", SCRIPT_UNSIGNED, 0, 5000000000},
    {"200ms", SCRIPT_UNSIGNED, 0, 200000000},
    {"50us", SCRIPT_UNSIGNED, 0, 50000},
    {"2m", SCRIPT_UNSIGNED, 0, 120000000000},
    {"1h", SCRIPT_UNSIGNED, 0, 3600000000000},
    {"1d", SCRIPT_UNSIGNED, 0, 86400000000000},
    {"0s", SCRIPT_UNSIGNED, 0, 0},
    {"0.1s", SCRIPT_UNSIGNED, 0, 100000000},
    {"1.000000001s", SCRIPT_UNSIGNED, 0, 1000000001},
    {"0.0000000005s", SCRIPT_UNSIGNED, 0, 1},
    {"0.0000000004s", SCRIPT_UNSIGNED, 0, 0},
    {"0.3us", SCRIPT_UNSIGNED, 0, 300},
    {"-10s", SCRIPT_SIGNED, 0, -10000000000},
    {"-10s", SCRIPT_UNSIGNED, RP_ERR_TYPE, 0},
    {"40000d", SCRIPT_UNSIGNED, RP_ERR_TYPE, 0},
    {"999999999999999999d", SCRIPT_UNSIGNED, RP_ERR_TYPE, 0},
    {"1000000000000000000s", SCRIPT_UNSIGNED, RP_ERR_SYNTAX, 0},
    {"5", SCRIPT_UNSIGNED, RP_ERR_SYNTAX, 0},
    {"s", SCRIPT_UNSIGNED, RP_ERR_SYNTAX, 0},
    {"", SCRIPT_UNSIGNED, RP_ERR_SYNTAX, 0},
    {"5 s", SCRIPT_UNSIGNED, RP_ERR_SYNTAX, 0},
    {"5S", SCRIPT_UNSIGNED, RP_ERR_SYNTAX, 0},
    {"5.s", SCRIPT_UNSIGNED, RP_ERR_SYNTAX, 0},
    {".5s", SCRIPT_UNSIGNED, RP_ERR_SYNTAX, 0},
    {"+5s", SCRIPT_UNSIGNED, RP_ERR_SYNTAX, 0},
    {"1e3s", SCRIPT_UNSIGNED, RP_ERR_SYNTAX, 0},
    {"5weeks", SCRIPT_UNSIGNED, RP_ERR_SYNTAX, 0},
};

struct size_row {
    const char *text;
    int error;
    uint64_t expected;
};
static const struct size_row sizes[] = {
    {"64KiB", 0, 65536},
    {"1MiB", 0, 1048576},
    {"10GiB", 0, 10737418240},
    {"1kB", 0, 1000},
    {"1.5KiB", 0, 1536},
    {"7B", 0, 7},
    {"1TiB", 0, 1099511627776},
    {"0B", 0, 0},
    {"0.3B", RP_ERR_TYPE, 0},
    {"-1KiB", RP_ERR_TYPE, 0},
    {"64", RP_ERR_SYNTAX, 0},
    {"64kib", RP_ERR_SYNTAX, 0},
    {"9000000TiB", RP_ERR_TYPE, 0},
};
static const struct size_row rates[] = {
    {"1Gbit/s", 0, 125000000},  {"100MiB/s", 0, 104857600},  {"10Gbit/s", 0, 1250000000},
    {"8bit/s", 0, 1},           {"2.5Mbit/s", 0, 312500},    {"4bit/s", RP_ERR_TYPE, 0},
    {"0MiB/s", RP_ERR_TYPE, 0}, {"1Gbit", RP_ERR_SYNTAX, 0}, {"1GiB", RP_ERR_SYNTAX, 0},
};

struct range_row {
    const char *text;
    enum script_range_kind kind;
    int error;
    uint64_t low, high;
};
static const struct range_row ranges[] = {
    {"1ms..5ms", SCRIPT_RANGE_DURATION, 0, 1000000, 5000000},
    {"200us..2ms", SCRIPT_RANGE_DURATION, 0, 200000, 2000000},
    {"1.5ms..2.5ms", SCRIPT_RANGE_DURATION, 0, 1500000, 2500000},
    {"3..7", SCRIPT_RANGE_DURATION, 0, 3000000000, 7000000000},
    {"5ms", SCRIPT_RANGE_DURATION, 0, 5000000, 5000000},
    {"1KiB..1MiB", SCRIPT_RANGE_SIZE, 0, 1024, 1048576},
    {"3..7", SCRIPT_RANGE_SIZE, 0, 3, 7},
    {"3..7", SCRIPT_RANGE_COUNT, 0, 3, 7},
    {"5ms..1ms", SCRIPT_RANGE_DURATION, RP_ERR_TYPE, 0, 0},
    {"1..5ms", SCRIPT_RANGE_DURATION, RP_ERR_SYNTAX, 0, 0},
    {"1ms..", SCRIPT_RANGE_DURATION, RP_ERR_SYNTAX, 0, 0},
    {"..1ms", SCRIPT_RANGE_DURATION, RP_ERR_SYNTAX, 0, 0},
    {"1ms...5ms", SCRIPT_RANGE_DURATION, RP_ERR_SYNTAX, 0, 0},
    {"1ms..5KiB", SCRIPT_RANGE_DURATION, RP_ERR_SYNTAX, 0, 0},
    {"1.5..2", SCRIPT_RANGE_COUNT, RP_ERR_TYPE, 0, 0},
    {"-1..2", SCRIPT_RANGE_COUNT, RP_ERR_TYPE, 0, 0},
    {"3", SCRIPT_RANGE_COUNT, RP_ERR_SYNTAX, 0, 0},
};

/* ---- Tests ----------------------------------------------------------------------------------- */

/* scenario-api, Literals: durations are exact to the nanosecond, or refused. */
START_TEST(durations_are_exact_or_refused)
{
    const struct duration_row *row = &durations[_i];
    int64_t duration_ns = 0;
    int error = script_literal_duration(rp_view_text(row->text), row->sign, &duration_ns);
    ck_assert_msg(error == row->error, "row %d '%s': error %d", _i, row->text, error);
    ck_assert_msg(error != 0 || duration_ns == row->expected_ns, "row %d '%s': %lld", _i, row->text,
                  (long long)duration_ns);
}
END_TEST

/* scenario-api, Literals: binary and decimal sizes, whole bytes only. */
START_TEST(sizes_are_whole_bytes)
{
    uint64_t size = 0;
    int error = script_literal_size(rp_view_text(sizes[_i].text), &size);
    ck_assert_msg(error == sizes[_i].error, "row %d '%s': %d", _i, sizes[_i].text, error);
    ck_assert_msg(error != 0 || size == sizes[_i].expected, "row %d '%s'", _i, sizes[_i].text);
}
END_TEST

/* scenario-api, Literals: rates in bits or bytes a second, never zero. */
START_TEST(rates_are_bytes_a_second)
{
    uint64_t rate = 0;
    int error = script_literal_rate(rp_view_text(rates[_i].text), &rate);
    ck_assert_msg(error == rates[_i].error, "row %d '%s': %d", _i, rates[_i].text, error);
    ck_assert_msg(error != 0 || rate == rates[_i].expected, "row %d '%s'", _i, rates[_i].text);
}
END_TEST

/* scenario-api, Literals: ranges in order, both ends in the same kind of unit. */
START_TEST(ranges_have_ordered_ends_of_one_kind)
{
    const struct range_row *row = &ranges[_i];
    struct sim_range range = {0, 0};
    int error = script_literal_range(rp_view_text(row->text), row->kind, &range);
    ck_assert_msg(error == row->error, "row %d '%s': %d", _i, row->text, error);
    ck_assert_msg(error != 0 || (range.low == row->low && range.high == row->high), "row %d '%s'",
                  _i, row->text);
}
END_TEST

/* Numbers mean seconds and are rounded to the nearest nanosecond, also late in a long run. */
START_TEST(seconds_round_to_the_nearest_nanosecond)
{
    int64_t duration_ns = 0;
    ck_assert_int_eq(script_literal_seconds(0.1, SCRIPT_UNSIGNED, &duration_ns), 0);
    ck_assert_int_eq(duration_ns, 100000000);
    ck_assert_int_eq(script_literal_seconds(1.0000000016, SCRIPT_UNSIGNED, &duration_ns), 0);
    ck_assert_int_eq(duration_ns, 1000000002);
    ck_assert_int_eq(script_literal_seconds(86400.25, SCRIPT_UNSIGNED, &duration_ns), 0);
    ck_assert_int_eq(duration_ns, 86400250000000);
    ck_assert_int_eq(script_literal_seconds(-2, SCRIPT_SIGNED, &duration_ns), 0);
    ck_assert_int_eq(duration_ns, -2000000000);
    ck_assert_int_eq(script_literal_seconds(-2, SCRIPT_UNSIGNED, &duration_ns), RP_ERR_TYPE);
    ck_assert_int_eq(script_literal_seconds(NAN, SCRIPT_SIGNED, &duration_ns), RP_ERR_TYPE);
    ck_assert_int_eq(script_literal_seconds(INFINITY, SCRIPT_SIGNED, &duration_ns), RP_ERR_TYPE);
    ck_assert_int_eq(script_literal_seconds(1e300, SCRIPT_SIGNED, &duration_ns), RP_ERR_TYPE);
}
END_TEST

/* A fractional, negative or absurd count is refused rather than cut. */
START_TEST(counts_are_whole_and_not_negative)
{
    uint64_t count = 0;
    ck_assert_int_eq(script_literal_count(7, &count), 0);
    ck_assert_uint_eq(count, 7);
    ck_assert_int_eq(script_literal_count(7.5, &count), RP_ERR_TYPE);
    ck_assert_int_eq(script_literal_count(-1, &count), RP_ERR_TYPE);
    ck_assert_int_eq(script_literal_count(NAN, &count), RP_ERR_TYPE);
    ck_assert_int_eq(script_literal_count(1e19, &count), RP_ERR_TYPE);
}
END_TEST

/* Probabilities are multiples of 2^-53; the ends are never and always. */
START_TEST(chances_are_between_never_and_always)
{
    sim_chance chance = 1;
    ck_assert_int_eq(script_literal_chance(0, &chance), 0);
    ck_assert_uint_eq(chance, 0);
    ck_assert_int_eq(script_literal_chance(1, &chance), 0);
    ck_assert_uint_eq(chance, SIM_CHANCE_ALWAYS);
    ck_assert_int_eq(script_literal_chance(0.25, &chance), 0);
    ck_assert_uint_eq(chance, SIM_CHANCE_ALWAYS / 4);
    ck_assert_int_eq(script_literal_chance(1.01, &chance), RP_ERR_TYPE);
    ck_assert_int_eq(script_literal_chance(-0.01, &chance), RP_ERR_TYPE);
    ck_assert_int_eq(script_literal_chance(NAN, &chance), RP_ERR_TYPE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("literal");
    TCase *tc = tcase_create("literal");
    tcase_add_loop_test(tc, durations_are_exact_or_refused, 0, ROWS(durations));
    tcase_add_loop_test(tc, sizes_are_whole_bytes, 0, ROWS(sizes));
    tcase_add_loop_test(tc, rates_are_bytes_a_second, 0, ROWS(rates));
    tcase_add_loop_test(tc, ranges_have_ordered_ends_of_one_kind, 0, ROWS(ranges));
    tcase_add_test(tc, seconds_round_to_the_nearest_nanosecond);
    tcase_add_test(tc, counts_are_whole_and_not_negative);
    tcase_add_test(tc, chances_are_between_never_and_always);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
