/* Literals of scenarios: durations, sizes, rates, ranges and probabilities (docs/scenario-api.md).
 *
 * Texts are read in integer arithmetic, so that "0.1s" is exactly 100 ms everywhere. Numbers cross
 * into the world once, here: a time as whole nanoseconds, a probability as a multiple of 2^-53.
 *
 * Errors of all: RP_ERR_SYNTAX (not such a literal), RP_ERR_TYPE (negative where that is not allowed,
 * out of range, not a whole number of the smallest unit, NaN). */
#ifndef REPLISIM_SIM_SCRIPT_LITERAL_H
#define REPLISIM_SIM_SCRIPT_LITERAL_H

#include "sim/rng.h"

/* The longest duration: 100 years, so that sums of a few never overflow. */
#define SCRIPT_DURATION_MAX_NS (INT64_C(100) * 365 * 86400 * INT64_C(1000000000))

enum script_sign { SCRIPT_UNSIGNED, SCRIPT_SIGNED };
enum script_range_kind { SCRIPT_RANGE_DURATION, SCRIPT_RANGE_SIZE, SCRIPT_RANGE_COUNT };

/* "5s", "200ms", "1.5h"; units ns us ms s m h d. */
RP_MUST_USE int script_literal_duration(struct rp_view text, enum script_sign sign,
                                        int64_t *duration_ns_out);
RP_MUST_USE int script_literal_seconds(double seconds, enum script_sign sign,
                                       int64_t *duration_ns_out);
/* "64KiB", "1MB", "10B". */
RP_MUST_USE int script_literal_size(struct rp_view text, uint64_t *size_bytes_out);
/* "1Gbit/s", "100MiB/s"; whole bytes a second, at least one. */
RP_MUST_USE int script_literal_rate(struct rp_view text, uint64_t *bytes_per_s_out);
/* A count, or a size in bytes, given as a number. */
RP_MUST_USE int script_literal_count(double number, uint64_t *count_out);
/* "1ms..5ms", "3..7", or a single literal of the kind. Ends without a unit mean what a plain number
 * means, but then both lack it; a single count or a single unit-less text is no literal. */
RP_MUST_USE int script_literal_range(struct rp_view text, enum script_range_kind kind,
                                     struct sim_range *range_out);
/* "-5s..5s", or a single duration of either sign; both ends with their unit. */
RP_MUST_USE int script_literal_signed_range(struct rp_view text, int64_t *low_ns_out,
                                            int64_t *high_ns_out);
RP_MUST_USE int script_literal_chance(double probability, sim_chance *chance_out);

#endif
