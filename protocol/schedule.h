/* Times of day as cron writes them: "minute hour day-of-month month day-of-week", in UTC
 * (behaviour.md 12.3, the schedule of reconciliation).
 *
 * A field is `*`, a number, a range `a-b`, any of those with a step `/n`, or a comma list of such.
 * Months and weekdays may be named by three letters of either case; weekday 7 is Sunday as 0 is.
 * When both day fields are restricted, a day that either of them names counts, as in cron. */
#ifndef REPLISIM_PROTOCOL_SCHEDULE_H
#define REPLISIM_PROTOCOL_SCHEDULE_H

#include "protocol/types.h"

#define RP_SCHEDULE_NEVER INT64_MAX

struct rp_schedule {
    uint64_t minutes; /* bit n: minute n */
    uint32_t hours;
    uint32_t month_days;                    /* bits 1..31 */
    uint16_t months;                        /* bits 1..12 */
    uint8_t week_days;                      /* bits 0..6, Sunday first */
    bool is_any_month_day, is_any_week_day; /* the field was a star */
};

/* Blank text is refused like any other that is not five fields. On error the schedule is unchanged
 * and `note_out`, when not NULL, says which field is wrong and why. Errors: RP_ERR_SYNTAX. */
RP_MUST_USE int rp_schedule_parse(struct rp_view text, struct rp_schedule *schedule_out,
                                  char note_out[160]);

/* The first time after `wall_unix_s`, in whole seconds since 1970; RP_SCHEDULE_NEVER when there is
 * none within the next eight years ("0 0 30 2 *"). Works for times before 1970 too. */
int64_t rp_schedule_next(const struct rp_schedule *schedule, int64_t wall_unix_s);

#endif
