#include "protocol/schedule.h"

#include "protocol/error.h"

#define NOTE_BYTES      160
#define FIELD_COUNT     5
#define SECONDS_PER_DAY 86400
/* Between two leap days there may be eight years (1896 and 1904). */
#define DAYS_AHEAD_MAX (8 * 366 + 1)

/* ---- Reading ----------------------------------------------------------------------------------- */

struct field_rule {
    const char *name;
    unsigned low, high;
    const char *words; /* three letters each, from `low` on; NULL: none */
};

static const struct field_rule FIELDS[FIELD_COUNT] = {
    {"minute", 0, 59, NULL},
    {"hour", 0, 23, NULL},
    {"day of month", 1, 31, NULL},
    {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
    {"day of week", 0, 7, "sunmontuewedthufrisat"},
};

struct field {
    uint64_t bits;
    bool is_star;
};

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static struct rp_view without_first(struct rp_view text, size_t count)
{
    return rp_view_make(text.bytes + count, text.length_bytes - count);
}

static bool take_byte(struct rp_view *text, uint8_t byte)
{
    if (text->length_bytes == 0 || text->bytes[0] != byte) {
        return false;
    }
    *text = without_first(*text, 1);
    return true;
}

static bool take_digits(struct rp_view *text, unsigned *value_out)
{
    unsigned value = 0;
    size_t count = 0;
    while (count < text->length_bytes && is_digit(text->bytes[count])) {
        if (count == 4) {
            return false; /* no field has numbers that long */
        }
        value = value * 10 + (unsigned)(text->bytes[count] - '0');
        count += 1;
    }
    *text = without_first(*text, count);
    *value_out = value;
    return count > 0;
}

static bool take_word(struct rp_view *text, const struct field_rule *rule, unsigned *value_out)
{
    if (rule->words == NULL || text->length_bytes < 3) {
        return false;
    }
    for (unsigned number = 0; rule->words[(size_t)number * 3] != '\0'; number += 1) {
        const char *word = rule->words + (size_t)number * 3;
        if ((text->bytes[0] | 0x20) == word[0] && (text->bytes[1] | 0x20) == word[1] &&
            (text->bytes[2] | 0x20) == word[2]) {
            *text = without_first(*text, 3);
            *value_out = rule->low + number;
            return true;
        }
    }
    return false;
}

static bool take_value(struct rp_view *text, const struct field_rule *rule, unsigned *value_out)
{
    if (text->length_bytes > 0 && is_digit(text->bytes[0])) {
        return take_digits(text, value_out) && *value_out >= rule->low && *value_out <= rule->high;
    }
    return take_word(text, rule, value_out);
}

/* One item of the comma list, taken from the text. */
static bool take_item(struct rp_view *text, const struct field_rule *rule, struct field *field)
{
    unsigned low = rule->low, high = rule->high, step = 1;
    bool is_star = take_byte(text, '*'), is_range = is_star;
    if (!is_star) {
        if (!take_value(text, rule, &low)) {
            return false;
        }
        high = low;
        is_range = take_byte(text, '-');
        if (is_range && (!take_value(text, rule, &high) || high < low)) {
            return false;
        }
    }
    if (take_byte(text, '/')) {
        if (!take_digits(text, &step) || step == 0) {
            return false;
        }
        high = is_range ? high : rule->high; /* "5/15": from 5 on, as cron has it */
    }
    for (unsigned value = low; value <= high; value += step) {
        field->bits |= UINT64_C(1) << value;
    }
    field->is_star = field->is_star || (is_star && step == 1);
    return true;
}

static bool read_field(struct rp_view text, const struct field_rule *rule, struct field *field)
{
    *field = (struct field){0};
    do {
        if (!take_item(&text, rule, field)) {
            return false;
        }
    } while (take_byte(&text, ','));
    return text.length_bytes == 0;
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

/* The next word of the text; empty at its end. */
static struct rp_view next_word(struct rp_view *text)
{
    size_t begin = 0, end = 0;
    while (begin < text->length_bytes && is_blank(text->bytes[begin])) {
        begin += 1;
    }
    for (end = begin; end < text->length_bytes && !is_blank(text->bytes[end]);) {
        end += 1;
    }
    struct rp_view word = rp_view_make(text->bytes + begin, end - begin);
    *text = without_first(*text, end);
    return word;
}

static int refuse(char note_out[NOTE_BYTES], const char *first, const char *second)
{
    const char *parts[] = {first, second};
    size_t used = 0;
    for (size_t part = 0; note_out != NULL && part < 2; part += 1) {
        for (const char *at = parts[part]; *at != '\0' && used + 1 < NOTE_BYTES; at += 1) {
            note_out[used] = *at;
            used += 1;
        }
        note_out[used] = '\0';
    }
    return RP_ERR_SYNTAX;
}

int rp_schedule_parse(struct rp_view text, struct rp_schedule *schedule_out,
                      char note_out[NOTE_BYTES])
{
    struct field fields[FIELD_COUNT];
    if (text.length_bytes == 0) {
        return refuse(note_out, "expected five fields, as in ", "\"17 4 * * *\"");
    }
    for (size_t index = 0; index < FIELD_COUNT; index += 1) {
        struct rp_view word = next_word(&text);
        if (word.length_bytes == 0) {
            return refuse(note_out, "expected five fields, as in ", "\"17 4 * * *\"");
        }
        if (!read_field(word, &FIELDS[index], &fields[index])) {
            return refuse(note_out, FIELDS[index].name, " cannot be read or is out of range");
        }
    }
    if (next_word(&text).length_bytes != 0) {
        return refuse(note_out, "more than five fields", "");
    }
    uint64_t week_days = fields[4].bits;
    *schedule_out = (struct rp_schedule){
        .minutes = fields[0].bits,
        .hours = (uint32_t)fields[1].bits,
        .month_days = (uint32_t)fields[2].bits,
        .months = (uint16_t)fields[3].bits,
        .week_days = (uint8_t)((week_days | week_days >> 7) & 0x7f),
        .is_any_month_day = fields[2].is_star,
        .is_any_week_day = fields[4].is_star,
    };
    return 0;
}

/* ---- Finding the next time ----------------------------------------------------------------------- */

static int64_t floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

/* Month and day of the proleptic Gregorian calendar; years counted from March, so that the leap day
 * comes last. */
static void date_of(int64_t days_since_1970, unsigned *month_out, unsigned *day_out)
{
    int64_t days = days_since_1970 + 719468; /* since 0000-03-01 */
    int64_t era = floor_div(days, 146097);   /* of 400 years */
    int64_t day_of_era = days - era * 146097;
    int64_t year =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* 0: March */
    *day_out = (unsigned)(day_of_year - (153 * month + 2) / 5 + 1);
    *month_out = (unsigned)(month < 10 ? month + 3 : month - 9);
}

static bool is_day_wanted(const struct rp_schedule *schedule, int64_t days_since_1970)
{
    unsigned month = 0, day = 0;
    date_of(days_since_1970, &month, &day);
    int64_t week_day = days_since_1970 + 4; /* 1970 began on a Thursday */
    week_day -= floor_div(week_day, 7) * 7;
    bool is_month_day = (schedule->month_days >> day & 1) != 0;
    bool is_week_day = (schedule->week_days >> week_day & 1) != 0;
    bool is_either = !schedule->is_any_month_day && !schedule->is_any_week_day;
    return (schedule->months >> month & 1) != 0 &&
           (is_either ? is_month_day || is_week_day : is_month_day && is_week_day);
}

/* The first wanted minute of a day from `minute_of_day` on; -1: none. */
static int64_t next_minute(const struct rp_schedule *schedule, int64_t minute_of_day)
{
    for (int64_t minute = minute_of_day; minute < 24 * 60; minute += 1) {
        if ((schedule->hours >> (minute / 60) & 1) == 0) {
            minute += 59 - minute % 60;
        } else if ((schedule->minutes >> (minute % 60) & 1) != 0) {
            return minute;
        }
    }
    return -1;
}

int64_t rp_schedule_next(const struct rp_schedule *schedule, int64_t wall_unix_s)
{
    if (wall_unix_s > RP_SCHEDULE_NEVER / 2 || wall_unix_s < -(RP_SCHEDULE_NEVER / 2)) {
        return RP_SCHEDULE_NEVER;
    }
    int64_t first_day = floor_div(wall_unix_s, SECONDS_PER_DAY);
    int64_t minute = floor_div(wall_unix_s - first_day * SECONDS_PER_DAY, 60) + 1;
    for (int64_t day = first_day; day < first_day + DAYS_AHEAD_MAX; day += 1) {
        int64_t found = is_day_wanted(schedule, day) ? next_minute(schedule, minute) : -1;
        if (found >= 0) {
            return day * SECONDS_PER_DAY + found * 60;
        }
        minute = 0;
    }
    return RP_SCHEDULE_NEVER;
}
