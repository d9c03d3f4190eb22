/* The second line of a worker: what a sweep wants of a run and `run --json` does not print (run.h). */
#ifndef REPLISIM_SWEEP_EXTRA_H
#define REPLISIM_SWEEP_EXTRA_H

#include <stdio.h>

#include "sim/novelty.h"
#include "sim/script.h"
#include "sim/sweep/sweep.h"

/* Lags up to 1 us, then up to 2^(1/4) us, and so on: beyond 12 days there is one bucket. */
#define SWEEP_LAG_BUCKETS 161

/* The upper bound of a bucket, in seconds. */
double sweep_lag_bound_s(size_t bucket);
/* The first bucket whose bound is not below. */
size_t sweep_lag_bucket(double lag_s);

/* One line, ended; `novelty` NULL: nothing is known of its states. Errors: NOMEM, WRITE. */
SWEEP_MUST_USE int sweep_extra_write(const struct script_outcome *outcome,
                                     const struct sim_novelty *novelty, FILE *file);

#endif
