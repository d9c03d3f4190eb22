/* What the benches share: a clock, medians, the rate of SHA-256 on this machine at this moment, and
 * a run of a scenario. Benches print ratios within one run: rates of one machine at one hour mean
 * little on another. */
#ifndef REPLISIM_TESTS_BENCH_BENCH_H
#define REPLISIM_TESTS_BENCH_BENCH_H

#include <stddef.h>

#include "sim/script.h"

/* What is built without optimisation, or under a sanitizer, is only tried, at a small size. */
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__)
#define BENCH_IS_JUDGED 1
#else
#define BENCH_IS_JUDGED 0
#endif

/* CPU seconds of this process: it has one thread and waits for nothing, so on an idle machine they
 * are wall seconds, and on a shared one they are what it would have taken. */
double bench_seconds(void);
/* Sorts the values in place. */
double bench_median(double *values, size_t count);
/* Bytes a second, over blocks of 64 KiB that are warm in the cache. */
double bench_sha256_rate(void);

/* How long the phases of one run took, in CPU seconds. */
struct bench_times {
    double begin_s; /* the world was made, before set-up */
    double end_s;   /* its run is over; freeing is yet to come */
};

/* Runs tests/bench/NAME with `sets` ("key=value"); a run that does not pass ends the process and
 * tells why. The caller clears the outcome. Seed 1 unless told otherwise. */
void bench_run_seed(const char *name, const char *const *sets, size_t set_count, uint64_t seed,
                    struct script_outcome *outcome_out, struct bench_times *times_out);
void bench_run(const char *name, const char *const *sets, size_t set_count,
               struct script_outcome *outcome_out, struct bench_times *times_out);

#endif
