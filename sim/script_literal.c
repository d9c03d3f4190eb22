#include "sim/script_literal.h"

#include "protocol/error.h"

/* Wide enough for eighteen digits times the nanoseconds of a day. */
__extension__ typedef unsigned __int128 wide_uint;

struct unit {
    const char *name;
    uint64_t numerator, denominator; /* in the smallest unit */
};

static const struct unit duration_units[] = {
    {"ns", 1, 1},
    {"us", RP_NS_PER_US, 1},
    {"ms", RP_NS_PER_MS, 1},
    {"s", RP_NS_PER_S, 1},
    {"m", 60 * RP_NS_PER_S, 1},
    {"h", 3600 * RP_NS_PER_S, 1},
    {"d", 86400 * RP_NS_PER_S, 1},
    {NULL, 0, 0},
};

static const struct unit size_units[] = {
    {"B", 1, 1},
    {"kB", 1000, 1},
    {"KB", 1000, 1},
    {"MB", 1000000, 1},
    {"GB", UINT64_C(1000000000), 1},
    {"TB", UINT64_C(1000000000000), 1},
    {"KiB", UINT64_C(1) << 10, 1},
    {"MiB", UINT64_C(1) << 20, 1},
    {"GiB", UINT64_C(1) << 30, 1},
    {"TiB", UINT64_C(1) << 40, 1},
    {NULL, 0, 0},
};

static const struct unit rate_units[] = {
    {"bit/s", 1, 8},
    {"kbit/s", 125, 1},
    {"Mbit/s", 125000, 1},
    {"Gbit/s", 125000000, 1},
    {"Tbit/s", UINT64_C(125000000000), 1},
    {"B/s", 1, 1},
    {"kB/s", 1000, 1},
    {"MB/s", 1000000, 1},
    {"GB/s", UINT64_C(1000000000), 1},
    {"KiB/s", UINT64_C(1) << 10, 1},
    {"MiB/s", UINT64_C(1) << 20, 1},
    {"GiB/s", UINT64_C(1) << 30, 1},
    {NULL, 0, 0},
};

/* A decimal number as digits and a power of ten: 1.25 is 125 with scale 100. */
struct decimal {
    uint64_t digits, scale;
    bool is_negative;
};

#define DECIMAL_DIGITS_MAX 18

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* Takes the digits at the front of `text`; false when there are none, or too many. */
static bool take_digits(struct rp_view *text, uint64_t *digits, uint64_t *scale, size_t *count)
{
    size_t taken = 0;
    while (text->length_bytes > 0 && is_digit(text->bytes[0])) {
        if (*count == DECIMAL_DIGITS_MAX) {
            return false;
        }
        *digits = *digits * 10 + (uint64_t)(text->bytes[0] - '0');
        if (scale != NULL) {
            *scale *= 10;
        }
        *count += 1;
        taken += 1;
        *text = rp_view_make(text->bytes + 1, text->length_bytes - 1);
    }
    return taken > 0;
}

static bool take_decimal(struct rp_view *text, struct decimal *decimal_out)
{
    struct decimal decimal = {0, 1, false};
    size_t count = 0;
    if (text->length_bytes > 0 && text->bytes[0] == '-') {
        decimal.is_negative = true;
        *text = rp_view_make(text->bytes + 1, text->length_bytes - 1);
    }
    if (!take_digits(text, &decimal.digits, NULL, &count)) {
        return false;
    }
    /* A second dot belongs to a range, which was split before. */
    if (text->length_bytes > 0 && text->bytes[0] == '.') {
        *text = rp_view_make(text->bytes + 1, text->length_bytes - 1);
        if (!take_digits(text, &decimal.digits, &decimal.scale, &count)) {
            return false;
        }
    }
    *decimal_out = decimal;
    return true;
}

static const struct unit *find_unit(const struct unit *units, struct rp_view name)
{
    for (; units->name != NULL; units += 1) {
        if (rp_view_equal(name, rp_view_text(units->name))) {
            return units;
        }
    }
    return NULL;
}

enum rounding { ROUND_NEAREST, ROUND_REFUSED };

static int scale_decimal(const struct decimal *decimal, const struct unit *unit,
                         enum rounding rounding, uint64_t max, uint64_t *value_out)
{
    wide_uint product = (wide_uint)decimal->digits * unit->numerator;
    wide_uint divisor = (wide_uint)decimal->scale * unit->denominator;
    wide_uint quotient = product / divisor;
    wide_uint rest = product % divisor;
    if (rest != 0 && rounding == ROUND_REFUSED) {
        return RP_ERR_TYPE;
    }
    quotient += rest * 2 >= divisor && rest != 0 ? 1 : 0;
    if (quotient > max) {
        return RP_ERR_TYPE;
    }
    *value_out = (uint64_t)quotient;
    return 0;
}

int script_literal_duration(struct rp_view text, enum script_sign sign, int64_t *duration_ns_out)
{
    struct decimal decimal;
    if (!take_decimal(&text, &decimal)) {
        return RP_ERR_SYNTAX;
    }
    const struct unit *unit = find_unit(duration_units, text);
    if (unit == NULL) {
        return RP_ERR_SYNTAX;
    }
    if (decimal.is_negative && sign == SCRIPT_UNSIGNED) {
        return RP_ERR_TYPE;
    }
    uint64_t value = 0;
    int error = scale_decimal(&decimal, unit, ROUND_NEAREST, SCRIPT_DURATION_MAX_NS, &value);
    if (error == 0) {
        *duration_ns_out = decimal.is_negative ? -(int64_t)value : (int64_t)value;
    }
    return error;
}

int script_literal_seconds(double seconds, enum script_sign sign, int64_t *duration_ns_out)
{
    double magnitude = seconds < 0 ? -seconds : seconds;
    /* Written so that NaN is refused too. */
    if (!(magnitude <= (double)SCRIPT_DURATION_MAX_NS / 1e9)) {
        return RP_ERR_TYPE;
    }
    if (seconds < 0 && sign == SCRIPT_UNSIGNED) {
        return RP_ERR_TYPE;
    }
    /* Whole seconds apart, so that a late absolute time keeps its nanoseconds. */
    int64_t whole_s = (int64_t)magnitude;
    double fraction_ns = (magnitude - (double)whole_s) * 1e9;
    int64_t value = whole_s * (int64_t)RP_NS_PER_S + (int64_t)(fraction_ns + 0.5);
    *duration_ns_out = seconds < 0 ? -value : value;
    return 0;
}

int script_literal_size(struct rp_view text, uint64_t *size_bytes_out)
{
    struct decimal decimal;
    if (!take_decimal(&text, &decimal)) {
        return RP_ERR_SYNTAX;
    }
    const struct unit *unit = find_unit(size_units, text);
    if (unit == NULL) {
        return RP_ERR_SYNTAX;
    }
    if (decimal.is_negative) {
        return RP_ERR_TYPE;
    }
    return scale_decimal(&decimal, unit, ROUND_REFUSED, INT64_MAX, size_bytes_out);
}

int script_literal_rate(struct rp_view text, uint64_t *bytes_per_s_out)
{
    struct decimal decimal;
    if (!take_decimal(&text, &decimal)) {
        return RP_ERR_SYNTAX;
    }
    const struct unit *unit = find_unit(rate_units, text);
    if (unit == NULL) {
        return RP_ERR_SYNTAX;
    }
    if (decimal.is_negative || decimal.digits == 0) {
        return RP_ERR_TYPE;
    }
    uint64_t value = 0;
    int error = scale_decimal(&decimal, unit, ROUND_REFUSED, INT64_MAX, &value);
    if (error == 0) {
        *bytes_per_s_out = value;
    }
    return error;
}

int script_literal_count(double number, uint64_t *count_out)
{
    /* 2^53: beyond it a Lua float no longer names one whole number. */
    if (!(number >= 0 && number <= 9007199254740992.0)) {
        return RP_ERR_TYPE;
    }
    uint64_t count = (uint64_t)number;
    if ((double)count != number) {
        return RP_ERR_TYPE;
    }
    *count_out = count;
    return 0;
}

static int unitless_end(struct rp_view text, enum script_range_kind kind, uint64_t *value_out)
{
    static const struct unit second = {"", RP_NS_PER_S, 1};
    static const struct unit one = {"", 1, 1};
    struct decimal decimal;
    if (!take_decimal(&text, &decimal) || text.length_bytes != 0) {
        return RP_ERR_SYNTAX;
    }
    if (decimal.is_negative) {
        return RP_ERR_TYPE;
    }
    if (kind == SCRIPT_RANGE_DURATION) {
        return scale_decimal(&decimal, &second, ROUND_NEAREST, SCRIPT_DURATION_MAX_NS, value_out);
    }
    return scale_decimal(&decimal, &one, ROUND_REFUSED, INT64_MAX, value_out);
}

static int unit_end(struct rp_view text, enum script_range_kind kind, uint64_t *value_out)
{
    int64_t duration_ns = 0;
    int error = RP_ERR_SYNTAX;
    switch (kind) {
    case SCRIPT_RANGE_DURATION:
        error = script_literal_duration(text, SCRIPT_UNSIGNED, &duration_ns);
        *value_out = (uint64_t)duration_ns;
        break;
    case SCRIPT_RANGE_SIZE: error = script_literal_size(text, value_out); break;
    case SCRIPT_RANGE_COUNT: break;
    }
    return error;
}

static bool has_unit(struct rp_view text)
{
    return text.length_bytes > 0 && !is_digit(text.bytes[text.length_bytes - 1]);
}

/* Where the two dots of a range are; the length when there are none. */
static size_t find_dots(struct rp_view text)
{
    for (size_t index = 0; index + 1 < text.length_bytes; index += 1) {
        if (text.bytes[index] == '.' && text.bytes[index + 1] == '.') {
            return index;
        }
    }
    return text.length_bytes;
}

int script_literal_range(struct rp_view text, enum script_range_kind kind,
                         struct sim_range *range_out)
{
    size_t dots = find_dots(text);
    struct sim_range range = {0, 0};
    if (dots == text.length_bytes) {
        int error = unit_end(text, kind, &range.low);
        range.high = range.low;
        if (error == 0) {
            *range_out = range;
        }
        return error;
    }
    struct rp_view low = rp_view_make(text.bytes, dots);
    struct rp_view high = rp_view_make(text.bytes + dots + 2, text.length_bytes - dots - 2);
    if (has_unit(low) != has_unit(high)) {
        return RP_ERR_SYNTAX;
    }
    int (*end)(struct rp_view, enum script_range_kind, uint64_t *) =
        has_unit(low) ? unit_end : unitless_end;
    int error = end(low, kind, &range.low);
    if (error == 0) {
        error = end(high, kind, &range.high);
    }
    if (error == 0 && range.low > range.high) {
        error = RP_ERR_TYPE;
    }
    if (error == 0) {
        *range_out = range;
    }
    return error;
}

static int signed_end(struct rp_view text, int64_t *duration_ns_out)
{
    static const struct unit second = {"", RP_NS_PER_S, 1};
    struct decimal decimal;
    struct rp_view rest = text;
    if (has_unit(text) || !take_decimal(&rest, &decimal) || rest.length_bytes != 0) {
        return script_literal_duration(text, SCRIPT_SIGNED, duration_ns_out);
    }
    uint64_t value = 0;
    int error = scale_decimal(&decimal, &second, ROUND_NEAREST, SCRIPT_DURATION_MAX_NS, &value);
    *duration_ns_out = decimal.is_negative ? -(int64_t)value : (int64_t)value;
    return error;
}

int script_literal_signed_range(struct rp_view text, int64_t *low_ns_out, int64_t *high_ns_out)
{
    size_t dots = find_dots(text);
    if (dots == text.length_bytes) {
        int error = script_literal_duration(text, SCRIPT_SIGNED, low_ns_out);
        *high_ns_out = *low_ns_out;
        return error;
    }
    struct rp_view low = rp_view_make(text.bytes, dots);
    struct rp_view high = rp_view_make(text.bytes + dots + 2, text.length_bytes - dots - 2);
    if (has_unit(low) != has_unit(high)) {
        return RP_ERR_SYNTAX;
    }
    int error = signed_end(low, low_ns_out);
    if (error == 0) {
        error = signed_end(high, high_ns_out);
    }
    return error == 0 && *low_ns_out > *high_ns_out ? RP_ERR_TYPE : error;
}

int script_literal_chance(double probability, sim_chance *chance_out)
{
    if (!(probability >= 0 && probability <= 1)) {
        return RP_ERR_TYPE;
    }
    /* Scaling by a power of two is exact; the half rounds what lies between two steps. */
    *chance_out = (sim_chance)(probability * (double)SIM_CHANCE_ALWAYS + 0.5);
    return 0;
}
