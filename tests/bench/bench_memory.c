/* What a node and a file weigh. Each run is a process of its own, and its weight is the most memory
 * that the process ever had resident, so whatever stays in free lists counts too. */
#include <inttypes.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/panic.h"
#include "tests/bench/bench.h"

#define SMALL_NODES 5
#define LARGE_NODES 20

static void run_child(unsigned nodes, unsigned files)
{
    char node_set[32], file_set[32];
    const char *sets[] = {node_set, file_set};
    struct script_outcome outcome;
    struct bench_times times;
    (void)snprintf(node_set, sizeof node_set, "nodes=%u", nodes);
    (void)snprintf(file_set, sizeof file_set, "files=%u", files);
    bench_run("many.lua", sets, 2, &outcome, &times);
    script_outcome_clear(&outcome);
    exit(0);
}

static int64_t resident_max(int who)
{
    struct rusage usage;
    RP_ASSERT(getrusage(who, &usage) == 0);
    return (int64_t)usage.ru_maxrss * 1024;
}

/* The peak of children only ever grows: the lightest run has to come first. */
static int64_t weigh(unsigned nodes, unsigned files)
{
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    RP_ASSERT(child >= 0);
    if (child == 0) {
        run_child(nodes, files);
    }
    if (waitpid(child, &status, 0) != child || status != 0) {
        fprintf(stderr, "the run of %u nodes and %u files failed\n", nodes, files);
        exit(1);
    }
    return resident_max(RUSAGE_CHILDREN);
}

int main(void)
{
    unsigned file_count = BENCH_IS_JUDGED ? 20000 : 50;
    unsigned few_count = BENCH_IS_JUDGED ? 5000 : 50;
    int64_t bare = weigh(SMALL_NODES, 0);
    int64_t bare_large = weigh(LARGE_NODES, 0);
    int64_t small_few = weigh(SMALL_NODES, few_count);
    int64_t large_few = weigh(LARGE_NODES, few_count);
    int64_t small_full = weigh(SMALL_NODES, file_count);
    printf("memory: %" PRId64 " KB a node without files\n",
           (bare_large - bare) / (LARGE_NODES - SMALL_NODES) / 1000);
    printf("memory: %" PRId64 " bytes a file on each of %d nodes, %" PRId64
           " a file on one node more\n",
           (small_full - bare) / SMALL_NODES / file_count, SMALL_NODES,
           (large_few - small_few) / (LARGE_NODES - SMALL_NODES) / few_count);
    return 0;
}
