/* What random trouble costs: three virtual minutes of five nodes under load with every kind of it,
 * set-up and closing included, in units of hashing 2 GiB in the same process at the same time. The
 * target is one second where SHA-256 does 2 GiB in one. */
#include <inttypes.h>

#include "tests/bench/bench.h"

#define SEED_COUNT 9
#define RATIO_MAX  1.0

int main(void)
{
    double ratios[SEED_COUNT], seconds[SEED_COUNT];
    uint64_t events = 0, decisions = 0;
    double longest = 0;
    int count = BENCH_IS_JUDGED ? SEED_COUNT : 1;
    for (int row = 0; row < count; row += 1) {
        struct script_outcome outcome;
        struct bench_times times;
        double before = bench_sha256_rate();
        bench_run_seed("../../scenarios/nemesis/storm.lua", NULL, 0, (uint64_t)row + 1, &outcome,
                       &times);
        double rate = (before + bench_sha256_rate()) / 2;
        seconds[row] = times.end_s - times.begin_s;
        longest = seconds[row] > longest ? seconds[row] : longest;
        ratios[row] = seconds[row] * rate / (double)(UINT64_C(2) << 30);
        events += outcome.result->events;
        decisions += outcome.result->decision_count;
        script_outcome_clear(&outcome);
    }
    double ratio = bench_median(ratios, (size_t)count);
    printf("nemesis: median %.3f s, longest %.3f s, %" PRIu64 " events and %" PRIu64
           " decisions a run: ratio to SHA-256 of 2 GiB %.2f (at most %.1f)\n",
           bench_median(seconds, (size_t)count), longest, events / (uint64_t)count,
           decisions / (uint64_t)count, ratio, RATIO_MAX);
    return ratio <= RATIO_MAX || !BENCH_IS_JUDGED ? 0 : 1;
}
