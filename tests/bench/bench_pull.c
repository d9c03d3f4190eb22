/* Pulls of 1 KiB: a fresh reader joins a cluster of two and catches up 10000 files. The same run
 * without that reader is taken off, so what is left is one pull: two messages each way and their
 * MACs, one hash, one file stored, and the checkers that look on. Prints pulls a second and, for
 * machines to be compared, how many bare hashes of 1 KiB one pull costs. */
#include <inttypes.h>

#include "tests/bench/bench.h"

#define ROUND_COUNT 3
#define FILE_BYTES  1024

static double run_once(bool is_pulling, uint64_t *pulls_out, uint64_t *events_out)
{
    const char *sets[] = {is_pulling ? "pull=true" : "pull=false",
                          BENCH_IS_JUDGED ? "files=10000" : "files=50"};
    struct script_outcome outcome;
    struct bench_times times;
    bench_run("catchup.lua", sets, 2, &outcome, &times);
    *pulls_out = outcome.result->bytes_replicated / FILE_BYTES;
    *events_out = outcome.result->events;
    script_outcome_clear(&outcome);
    return times.end_s - times.begin_s;
}

int main(void)
{
    int round_count = BENCH_IS_JUDGED ? ROUND_COUNT : 1;
    double with[ROUND_COUNT], without[ROUND_COUNT], rates[ROUND_COUNT];
    uint64_t pulls = 0, pulls_before = 0, events = 0, events_before = 0;
    for (int round = 0; round < round_count; round += 1) {
        rates[round] = bench_sha256_rate();
        with[round] = run_once(true, &pulls, &events);
        without[round] = run_once(false, &pulls_before, &events_before);
    }
    size_t count = (size_t)round_count;
    double pull_count = (double)(pulls - pulls_before);
    double pull_s = (bench_median(with, count) - bench_median(without, count)) / pull_count;
    double hash_s = FILE_BYTES / bench_median(rates, count);
    printf("pulls of 1 KiB: %.0f a second, %.1f us each, %.1f events each: "
           "ratio to SHA-256 alone %.1f\n",
           1 / pull_s, pull_s * 1e6, (double)(events - events_before) / pull_count,
           pull_s / hash_s);
    return 0;
}
