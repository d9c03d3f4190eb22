#include "protocol/json.h"

#include "protocol/error.h"

#define SECONDS_PER_DAY    INT64_C(86400)
#define SECONDS_PER_HOUR   3600
#define SECONDS_PER_MINUTE 60
/* 0000-01-01T00:00:00Z and the first second of year 10000. */
#define YEAR_0_UNIX_S     (INT64_C(-62167219200))
#define YEAR_10000_UNIX_S (INT64_C(253402300800))
#define NSEC_DIGITS       9

struct civil {
    int64_t year;
    int64_t month; /* 1.. */
    int64_t day;   /* 1.. */
};

/* ---- Calendar -------------------------------------------------------------------------------- */

/* Days since 1970 of a date in the proleptic Gregorian calendar. Counts from March, so that the leap
 * day comes last, in eras of 400 years. */
static int64_t days_of_civil(struct civil date)
{
    int64_t year = date.year - (date.month <= 2);
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t month_from_march = (date.month + 9) % 12;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static struct civil civil_of_days(int64_t days)
{
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    struct civil date;
    date.day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    date.month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    date.year = year_of_era + era * 400 + (date.month <= 2);
    return date;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static uint8_t *put_digits(uint8_t *out, int64_t value, size_t count)
{
    for (size_t i = count; i > 0; i--) {
        out[i - 1] = (uint8_t)('0' + value % 10);
        value /= 10;
    }
    return out + count;
}

static uint8_t *put_fraction(uint8_t *out, int32_t nsec)
{
    if (nsec == 0) {
        return out;
    }
    *out++ = '.';
    out = put_digits(out, nsec, NSEC_DIGITS);
    while (out[-1] == '0') {
        out -= 1;
    }
    return out;
}

/* Odd seconds are dropped, towards zero: half a minute is written +00:00, not Z. */
static uint8_t *put_zone(uint8_t *out, int32_t offset_s)
{
    if (offset_s == 0) {
        *out++ = 'Z';
        return out;
    }
    int32_t minutes = offset_s / SECONDS_PER_MINUTE;
    *out++ = minutes < 0 ? '-' : '+';
    minutes = minutes < 0 ? -minutes : minutes;
    out = put_digits(out, minutes / 60, 2);
    *out++ = ':';
    return put_digits(out, minutes % 60, 2);
}

static uint8_t *put_time(uint8_t *out, int64_t local_s, int32_t nsec)
{
    /* Counted from year 0, so that the quotients are of non-negative numbers. */
    int64_t since_year_0 = local_s - YEAR_0_UNIX_S;
    int64_t second = since_year_0 % SECONDS_PER_DAY;
    struct civil date =
        civil_of_days(since_year_0 / SECONDS_PER_DAY + YEAR_0_UNIX_S / SECONDS_PER_DAY);
    out = put_digits(out, date.year, 4);
    *out++ = '-';
    out = put_digits(out, date.month, 2);
    *out++ = '-';
    out = put_digits(out, date.day, 2);
    *out++ = 'T';
    out = put_digits(out, second / SECONDS_PER_HOUR, 2);
    *out++ = ':';
    out = put_digits(out, second / SECONDS_PER_MINUTE % 60, 2);
    *out++ = ':';
    out = put_digits(out, second % 60, 2);
    return put_fraction(out, nsec);
}

int rp_wall_time_append(struct rp_buffer *text_out, struct rp_wall_time time)
{
    /* wire.md 4.6: the bounds are on the local year; first those that make the sum safe. */
    bool is_zone_ok = time.offset_s > -SECONDS_PER_DAY && time.offset_s < SECONDS_PER_DAY;
    bool is_near = time.unix_s >= YEAR_0_UNIX_S - SECONDS_PER_DAY &&
                   time.unix_s < YEAR_10000_UNIX_S + SECONDS_PER_DAY;
    if (!is_zone_ok || !is_near || time.nsec < 0 || time.nsec > 999999999) {
        return RP_ERR_UNENCODABLE;
    }
    int64_t local_s = time.unix_s + time.offset_s;
    if (local_s < YEAR_0_UNIX_S || local_s >= YEAR_10000_UNIX_S) {
        return RP_ERR_UNENCODABLE;
    }
    uint8_t text[sizeof "2006-01-02T15:04:05.999999999+07:00"];
    uint8_t *end = put_zone(put_time(text, local_s, time.nsec), time.offset_s);
    return rp_buffer_append(text_out, rp_view_make(text, (size_t)(end - text)));
}

/* ---- Reading --------------------------------------------------------------------------------- */

struct time_reader {
    const uint8_t *at;
    const uint8_t *end;
};

static bool at_digit(const struct time_reader *reader)
{
    return reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9';
}

/* Between `min` and `max` digits, as many as there are. */
static bool take_number(struct time_reader *reader, size_t min, size_t max, int64_t *value_out)
{
    size_t count = 0;
    *value_out = 0;
    while (count < max && at_digit(reader)) {
        *value_out = *value_out * 10 + (*reader->at - '0');
        reader->at += 1;
        count += 1;
    }
    return count >= min;
}

static bool take_letter(struct time_reader *reader, char letter)
{
    if (reader->at == reader->end || *reader->at != (uint8_t)letter) {
        return false;
    }
    reader->at += 1;
    return true;
}

static bool take_date(struct time_reader *reader, struct civil *date_out)
{
    return take_number(reader, 4, 4, &date_out->year) && take_letter(reader, '-') &&
           take_number(reader, 2, 2, &date_out->month) && take_letter(reader, '-') &&
           take_number(reader, 2, 2, &date_out->day) && date_out->month >= 1 &&
           date_out->month <= 12 && date_out->day >= 1 &&
           date_out->day <= days_in_month(date_out->year, date_out->month);
}

/* A one-digit hour is let through; there is no leap second (wire.md 4.6). */
static bool take_clock(struct time_reader *reader, int64_t *second_out)
{
    int64_t hour;
    int64_t minute;
    int64_t second;
    bool is_ok = take_number(reader, 1, 2, &hour) && take_letter(reader, ':') &&
                 take_number(reader, 2, 2, &minute) && take_letter(reader, ':') &&
                 take_number(reader, 2, 2, &second) && hour <= 23 && minute <= 59 && second <= 59;
    if (is_ok) {
        *second_out = hour * SECONDS_PER_HOUR + minute * SECONDS_PER_MINUTE + second;
    }
    return is_ok;
}

/* Optional; a comma will do, and digits beyond the ninth are cut off. A dot without digits is not
 * taken, and so is found as the wrong beginning of a zone. */
static int32_t take_fraction(struct time_reader *reader)
{
    bool is_fraction = reader->end - reader->at >= 2 &&
                       (*reader->at == '.' || *reader->at == ',') && reader->at[1] >= '0' &&
                       reader->at[1] <= '9';
    if (!is_fraction) {
        return 0;
    }
    reader->at += 1;
    int32_t nsec = 0;
    size_t count = 0;
    for (; at_digit(reader); reader->at += 1) {
        if (count < NSEC_DIGITS) {
            nsec = nsec * 10 + (*reader->at - '0');
            count += 1;
        }
    }
    for (; count < NSEC_DIGITS; count++) {
        nsec *= 10;
    }
    return nsec;
}

/* Hours up to 24 and minutes up to 60 are let through. */
static bool take_zone(struct time_reader *reader, int32_t *offset_out)
{
    *offset_out = 0;
    if (take_letter(reader, 'Z')) {
        return true;
    }
    bool is_west = take_letter(reader, '-');
    int64_t hour;
    int64_t minute;
    bool is_ok = (is_west || take_letter(reader, '+')) && take_number(reader, 2, 2, &hour) &&
                 take_letter(reader, ':') && take_number(reader, 2, 2, &minute) && hour <= 24 &&
                 minute <= 60;
    if (is_ok) {
        int64_t offset = hour * SECONDS_PER_HOUR + minute * SECONDS_PER_MINUTE;
        *offset_out = (int32_t)(is_west ? -offset : offset);
    }
    return is_ok;
}

int rp_wall_time_parse(struct rp_view text, struct rp_wall_time *time_out)
{
    if (text.length_bytes == 0) {
        return RP_ERR_TIME;
    }
    struct time_reader reader = {text.bytes, text.bytes + text.length_bytes};
    struct civil date;
    int64_t second;
    if (!take_date(&reader, &date) || !take_letter(&reader, 'T') || !take_clock(&reader, &second)) {
        return RP_ERR_TIME;
    }
    int32_t nsec = take_fraction(&reader);
    int32_t offset_s;
    if (!take_zone(&reader, &offset_s) || reader.at != reader.end) {
        return RP_ERR_TIME;
    }
    time_out->unix_s = days_of_civil(date) * SECONDS_PER_DAY + second - offset_s;
    time_out->nsec = nsec;
    time_out->offset_s = offset_s;
    return RP_OK;
}
