/* The schedule of reconciliation: what cron means, in UTC. */
#include "protocol/schedule.h"

#include <check.h>
#include <stdlib.h>

#include "protocol/error.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))
#define DAY         INT64_C(86400)
/* 2026-04-11 16:00:00 UTC, a Saturday. */
#define SATURDAY INT64_C(1775923200)

/* ---- Next ---------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *text;
    int64_t from_unix_s, next_unix_s;
} next_rows[] = {
    {"the default, tomorrow", "17 4 * * *", SATURDAY, SATURDAY + DAY - 43200 + 17 * 60},
    {"the minute itself is not after it", "0 16 * * *", SATURDAY, SATURDAY + DAY},
    {"a second before it is", "0 16 * * *", SATURDAY - 1, SATURDAY},
    {"every minute", "* * * * *", SATURDAY + 59, SATURDAY + 60},
    {"steps", "*/15 * * * *", SATURDAY, SATURDAY + 900},
    {"steps from a number on", "7/20 * * * *", SATURDAY, SATURDAY + 420},
    {"a list", "5,50 16 * * *", SATURDAY + 300, SATURDAY + 3000},
    {"a range", "0 3-5 * * *", SATURDAY, SATURDAY + 11 * 3600},
    {"a step in a range", "0 1-9/4 * * *", SATURDAY + 9 * 3600, SATURDAY + 13 * 3600},
    {"a named weekday", "0 0 * * MON", SATURDAY, SATURDAY + 8 * 3600 + DAY},
    {"weekday 7 is Sunday", "0 0 * * 7", SATURDAY, SATURDAY + 8 * 3600},
    {"weekday 0 is Sunday", "0 0 * * 0", SATURDAY, SATURDAY + 8 * 3600},
    {"a named month", "0 0 1 may *", SATURDAY, SATURDAY + 8 * 3600 + 19 * DAY},
    {"either day field", "0 0 13 * sun", SATURDAY, SATURDAY + 8 * 3600},
    {"a star leaves the other day field alone", "0 0 13 * *", SATURDAY, SATURDAY + 8 * 3600 + DAY},
    {"tabs and more blanks", "\t17  4\t* * * ", SATURDAY, SATURDAY + DAY - 43200 + 17 * 60},
    {"the leap day of 2028", "0 0 29 2 *", SATURDAY, INT64_C(1835395200)},
    {"eight years to a leap day", "0 0 29 2 *", INT64_C(3981312000), INT64_C(4233686400)},
    {"no such day", "0 0 30 2 *", SATURDAY, RP_SCHEDULE_NEVER},
    {"before 1970", "0 0 * * *", -1, 0},
    {"long before 1970", "30 12 * * *", -DAY, -DAY / 2 + 1800},
    {"no time left", "* * * * *", INT64_MAX, RP_SCHEDULE_NEVER},
};

/* Inventory, Scheduler: the time of the next run, from any moment. */
START_TEST(next_is_the_first_time_after)
{
    struct rp_schedule schedule;
    char note[160] = "";
    int error = rp_schedule_parse(rp_view_text(next_rows[_i].text), &schedule, note);
    ck_assert_msg(error == 0, "%s (%d): %s", next_rows[_i].name, _i, note);
    int64_t next = rp_schedule_next(&schedule, next_rows[_i].from_unix_s);
    ck_assert_msg(next == next_rows[_i].next_unix_s, "%s (%d): got %lld", next_rows[_i].name, _i,
                  (long long)next);
}
END_TEST

/* ---- Bad schedules ------------------------------------------------------------------------------- */

static const struct {
    const char *name, *text, *part;
} bad_rows[] = {
    {"empty", "", "five fields"},
    {"blank", "   ", "five fields"},
    {"four fields", "17 4 * *", "five fields"},
    {"six fields", "17 4 * * * *", "more than five"},
    {"words", "not a cron at all", "minute"},
    {"minute too large", "60 4 * * *", "minute"},
    {"hour too large", "0 24 * * *", "hour"},
    {"day 0", "0 0 0 * *", "day of month"},
    {"month 13", "0 0 1 13 *", "month"},
    {"weekday 8", "0 0 * * 8", "day of week"},
    {"backward range", "9-3 * * * *", "minute"},
    {"step 0", "*/0 * * * *", "minute"},
    {"step of nothing", "*/ * * * *", "minute"},
    {"negative", "-1 * * * *", "minute"},
    {"open list", "1, * * * *", "minute"},
    {"huge number", "99999999999 * * * *", "minute"},
    {"weekday in a minute", "mon * * * *", "minute"},
    {"macro", "@daily", "minute"},
};

/* Inventory, Scheduler: bad schedule. The note names the field. */
START_TEST(bad_schedule_is_refused_by_field)
{
    struct rp_schedule schedule = {.minutes = 42};
    char note[160] = "";
    int error = rp_schedule_parse(rp_view_text(bad_rows[_i].text), &schedule, note);
    ck_assert_msg(error == RP_ERR_SYNTAX, "%s (%d)", bad_rows[_i].name, _i);
    ck_assert_msg(strstr(note, bad_rows[_i].part) != NULL, "%s (%d): %s", bad_rows[_i].name, _i,
                  note);
    ck_assert_uint_eq(schedule.minutes, 42);
    ck_assert_int_eq(rp_schedule_parse(rp_view_text(bad_rows[_i].text), &schedule, NULL),
                     RP_ERR_SYNTAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("schedule");
    TCase *tests = tcase_create("schedule");
    tcase_add_loop_test(tests, next_is_the_first_time_after, 0, ROWS(next_rows));
    tcase_add_loop_test(tests, bad_schedule_is_refused_by_field, 0, ROWS(bad_rows));
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
