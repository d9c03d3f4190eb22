#include "tests/bench/bench.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "protocol/auth.h"
#include "protocol/panic.h"
#include "tests/lib/test_alloc.h"

#define HASHED_BYTES_MAX (UINT64_C(32) << 20)
#define BLOCK_BYTES      65536

double bench_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}

double bench_sha256_rate(void)
{
    struct test_alloc test;
    struct rp_sha256 *hash = NULL;
    char hex[RP_SHA256_HEX];
    uint8_t *block = malloc(BLOCK_BYTES);
    test_alloc_init(&test);
    RP_ASSERT(block != NULL && rp_sha256_new(&test.alloc, &hash) == 0);
    memset(block, 7, BLOCK_BYTES);
    double began_s = bench_seconds();
    for (uint64_t done = 0; done < HASHED_BYTES_MAX; done += BLOCK_BYTES) {
        rp_sha256_begin(hash);
        rp_sha256_update(hash, (struct rp_view){block, BLOCK_BYTES});
        rp_sha256_hex(hash, hex);
    }
    double rate = (double)HASHED_BYTES_MAX / (bench_seconds() - began_s);
    rp_sha256_free(hash);
    free(block);
    return rate;
}

static void world_begins(void *context, struct sim_world *world)
{
    struct bench_times *times = context;
    (void)world;
    times->begin_s = bench_seconds();
}

static void world_ends(void *context, struct sim_world *world)
{
    struct bench_times *times = context;
    (void)world;
    times->end_s = bench_seconds();
}

void bench_run(const char *name, const char *const *sets, size_t set_count,
               struct script_outcome *outcome_out, struct bench_times *times_out)
{
    bench_run_seed(name, sets, set_count, 1, outcome_out, times_out);
}

void bench_run_seed(const char *name, const char *const *sets, size_t set_count, uint64_t seed,
                    struct script_outcome *outcome_out, struct bench_times *times_out)
{
    char path[1024];
    (void)snprintf(path, sizeof path, REPLISIM_SOURCE_DIR "/tests/bench/%s", name);
    struct script_options options = {
        .path = path,
        .sets = sets,
        .set_count = set_count,
        .seed = seed,
        .watch_context = times_out,
        .world_begins = world_begins,
        .world_ends = world_ends,
    };
    int error = script_run_file(&options, outcome_out);
    if (error == 0 && outcome_out->end == SCRIPT_END_PASS) {
        return;
    }
    fprintf(stderr, "%s: did not pass: %s\n", path, outcome_out->error);
    for (size_t row = 0; outcome_out->result != NULL && row < outcome_out->result->violation_count;
         row += 1) {
        const struct sim_violation *violation = &outcome_out->result->violations[row];
        fprintf(stderr, "%s at %s: %s\n", violation->property, violation->place, violation->detail);
    }
    exit(1);
}
