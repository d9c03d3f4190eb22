/* The incident that file replication exists for, timed: 5 nodes, 1000 files of 64 KiB, the writer
 * lost and replaced by a fresh pod. What cannot be saved is the hashing of every byte by whoever
 * stores it; so the time of the whole run, set-up and closing included, is compared with that of
 * SHA-256 over as many bytes, measured in turns in the same process. Fails above twice that. */
#include <inttypes.h>

#include "tests/bench/bench.h"

#define ROUND_COUNT 5
#define RATIO_MAX   2.0

struct row {
    const char *title;
    const char *closing; /* a --set */
    double ratios[ROUND_COUNT], seconds[ROUND_COUNT];
    uint64_t events, bytes_hashed, copies;
};

static void run_once(struct row *row, int round)
{
    const char *sets[] = {row->closing, BENCH_IS_JUDGED ? "files=1000" : "files=10"};
    struct script_outcome outcome;
    struct bench_times times;
    double before = bench_sha256_rate();
    bench_run("rotation.lua", sets, 2, &outcome, &times);
    double rate = (before + bench_sha256_rate()) / 2;
    row->seconds[round] = times.end_s - times.begin_s;
    row->bytes_hashed = outcome.result->bytes_hashed;
    row->events = outcome.result->events;
    row->copies = outcome.result->bytes_replicated / 65536;
    row->ratios[round] = row->seconds[round] * rate / (double)row->bytes_hashed;
    script_outcome_clear(&outcome);
}

static bool tell(struct row *row)
{
    double ratio = bench_median(row->ratios, ROUND_COUNT);
    printf("rotation, %s: %.3f s, %.0f MB hashed, %" PRIu64 " pulls, %.1f events a pull: "
           "ratio to SHA-256 alone %.2f (at most %.1f)\n",
           row->title, bench_median(row->seconds, ROUND_COUNT), (double)row->bytes_hashed / 1e6,
           row->copies, (double)row->events / (double)row->copies, ratio, RATIO_MAX);
    return ratio <= RATIO_MAX;
}

int main(void)
{
    struct row rows[] = {
        {.title = "closing short", .closing = "closing=short"},
        {.title = "closing full ", .closing = "closing=full"},
    };
    bool is_fast = true;
    for (int round = 0; round < ROUND_COUNT; round += 1) {
        run_once(&rows[0], round);
        run_once(&rows[1], round);
    }
    is_fast = tell(&rows[0]) && is_fast;
    is_fast = tell(&rows[1]) && is_fast;
    return is_fast || !BENCH_IS_JUDGED ? 0 : 1;
}
