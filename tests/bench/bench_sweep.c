/* What isolation and storage cost: a sweep against the same runs, bare, in a loop of one process, in
 * CPU seconds of both; and what a second worker brings, in wall seconds. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "protocol/panic.h"
#include "sim/alloc.h"
#include "sim/novelty.h"
#include "sim/sweep/drive.h"
#include "sim/sweep/extra.h"
#include "sim/world.h"
#include "tests/bench/bench.h"

#define RUNS         (BENCH_IS_JUDGED ? 60 : 4)
#define ROUNDS       3
#define OVERHEAD_MAX 1.10
#define SPEED_UP_MIN 1.85

static const char path[] = REPLISIM_SOURCE_DIR "/scenarios/rotation/rolling.lua";

static double wall_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

/* Of this process and of all that it waited for. */
static double cpu_now(void)
{
    double sum = 0;
    static const int whose[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
    for (size_t i = 0; i < 2; i++) {
        struct rusage usage;
        RP_ASSERT(getrusage(whose[i], &usage) == 0);
        sum += seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
    }
    return sum;
}

static void no_begin(double timeout_s)
{
    (void)timeout_s;
}

static void no_watch(struct sim_world *world)
{
    (void)world;
}

static bool never(void)
{
    return false;
}

static void ran(void *context, const struct sweep_run *run)
{
    (void)context;
    RP_ASSERT(run->end == SWEEP_END_PASS);
}

static void tick(void *context, const struct sweep_state *state)
{
    (void)context;
    (void)state;
}

struct times {
    double cpu_s, wall_s;
};

static void listen(void *context, struct sim_world *world)
{
    struct sim_novelty **novelty = context;
    RP_ASSERT(sim_novelty_new(sim_libc_alloc(), novelty) == 0);
    sim_novelty_listen(*novelty, sim_world_trace(world));
}

/* With what a sweep keeps of a run (run.h) made and thrown away, in a process of its own: what its runs leave in the heap is not the sweep's to inherit. */
static struct times bare(const struct sweep_source *source)
{
    struct times times = {cpu_now(), wall_now()};
    FILE *nowhere = fopen("/dev/null", "w");
    int status = 0;
    RP_ASSERT(nowhere != NULL);
    pid_t child = fork();
    RP_ASSERT(child >= 0);
    for (uint64_t seed = 1; seed <= RUNS && child == 0; seed++) {
        struct script_outcome outcome;
        struct sim_novelty *novelty = NULL;
        struct script_options options = {
            .path = source->path,
            .text = source->text,
            .seed = seed,
            .watch_context = &novelty,
            .world_begins = listen,
        };
        RP_ASSERT(script_run_file(&options, &outcome) == 0 && outcome.end == SCRIPT_END_PASS);
        RP_ASSERT(sim_result_write_json(outcome.result, nowhere) == 0);
        RP_ASSERT(sweep_extra_write(&outcome, novelty, nowhere) == SWEEP_OK);
        script_outcome_clear(&outcome);
        sim_novelty_free(novelty);
    }
    if (child == 0) {
        _exit(EXIT_SUCCESS);
    }
    fclose(nowhere);
    RP_ASSERT(waitpid(child, &status, 0) == child && status == 0);
    return (struct times){cpu_now() - times.cpu_s, wall_now() - times.wall_s};
}

static struct times swept(const struct sweep_source *source, uint32_t jobs)
{
    char note[SWEEP_NOTE_BYTES], folder[] = "bench-sweep-XXXXXX", file[64];
    struct sweep_db *db = NULL;
    struct sweep_driven driven;
    struct sweep_scenario scenario = {source->path, "rolling", source->digest, 1};
    struct sweep_plan plan = {&scenario, 1, 1, RUNS, 0, 1};
    struct sweep_identity identity = {"bench", "[]", "[]", 1, RUNS, 0, 1};
    static const struct sweep_clockwork clockwork = {wall_now, no_begin, no_watch, never};
    struct sweep_drive_spec spec = {
        .plan = &plan,
        .sources = source,
        .jobs = jobs,
        .clockwork = &clockwork,
        .is_interrupted = never,
        .ran = ran,
        .tick = tick,
    };
    RP_ASSERT(mkdtemp(folder) != NULL);
    (void)snprintf(file, sizeof file, "%s/results.db", folder);
    RP_ASSERT(sweep_db_open(file, &identity, SWEEP_DB_NEW, &db, note) == SWEEP_OK);
    spec.db = db;
    struct times times = {cpu_now(), wall_now()};
    RP_ASSERT(sweep_drive(&spec, &driven, note) == SWEEP_OK && driven.state.ran == RUNS);
    times = (struct times){cpu_now() - times.cpu_s, wall_now() - times.wall_s};
    RP_ASSERT(sweep_db_close(db, note) == SWEEP_OK);
    RP_ASSERT(remove(file) == 0 && remove(folder) == 0);
    return times;
}

int main(void)
{
    struct sweep_source source;
    double overheads[ROUNDS], speed_ups[ROUNDS], bare_s[ROUNDS];
    RP_ASSERT(sweep_source_read(path, &source) == SWEEP_OK && source.text != NULL);
    for (int round = 0; round < ROUNDS; round++) {
        struct times loop = bare(&source), one = swept(&source, 1), two = swept(&source, 2);
        overheads[round] = one.cpu_s / loop.cpu_s;
        speed_ups[round] = one.wall_s / two.wall_s;
        bare_s[round] = loop.cpu_s / RUNS;
    }
    double overhead = bench_median(overheads, ROUNDS), speed_up = bench_median(speed_ups, ROUNDS);
    printf("sweep: %.1f ms a bare run; isolation and storage: ratio %.3f (below %.2f); "
           "2 workers: %.2f times as fast as 1 (at least %.2f)\n",
           bench_median(bare_s, ROUNDS) * 1e3, overhead, OVERHEAD_MAX, speed_up, SPEED_UP_MIN);
    sweep_source_clear(&source);
    bool is_good = overhead < OVERHEAD_MAX && speed_up >= SPEED_UP_MIN;
    return is_good || !BENCH_IS_JUDGED ? EXIT_SUCCESS : EXIT_FAILURE;
}
