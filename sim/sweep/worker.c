#define _DEFAULT_SOURCE /* madvise */

#include "sim/sweep/worker.h"

#include <stdlib.h>
#include <string.h>

#if defined(__GLIBC__) && defined(__linux__) && !defined(__SANITIZE_ADDRESS__)
#define HAS_HEAP_TO_TUNE
#include <malloc.h>
#include <sys/mman.h>
#endif

#include "protocol/auth.h"
#include "protocol/error.h"
#include "protocol/release.h"
#include "sim/alloc.h"
#include "sim/nemesis.h"
#include "sim/novelty.h"
#include "sim/sweep/extra.h"
#include "sim/world.h"

/* ---- In the parent ---------------------------------------------------------------------------------- */

/* A worker lives for one run: memory that it gave back to the system it would only ask for again. */
static void set_memory(void)
{
#ifdef HAS_HEAP_TO_TUNE
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 512 << 20);
#endif
}

/* libcrypto finds its algorithms at their first use. */
int sweep_worker_warm(void)
{
    struct rp_auth *auth = NULL;
    struct rp_sha256 *hash = NULL;
    char hex[RP_SHA256_HEX];
    set_memory();
    if (rp_auth_new(rp_release_traits(RP_RELEASE_CURRENT), rp_view_text("warm"), sim_libc_alloc(),
                    &auth) != 0 ||
        rp_sha256_new(sim_libc_alloc(), &hash) != 0) {
        rp_auth_free(auth);
        return SWEEP_ERR_NOMEM;
    }
    rp_sha256_begin(hash);
    rp_sha256_update(hash, rp_view_text("warm"));
    rp_sha256_hex(hash, hex);
    rp_sha256_free(hash);
    rp_auth_free(auth);
    return SWEEP_OK;
}

/* ---- In the child ----------------------------------------------------------------------------------- */

#define HEAP_BYTES      ((size_t)16 << 20)
#define HUGE_PAGE_BYTES ((uintptr_t)2 << 20)

/* A new process pays for each page that it touches first, thousands of them a run: huge ones are
 * few. The block is given back at once; what is allocated from now on is carved from it. */
static void prepare_heap(void)
{
#ifdef HAS_HEAP_TO_TUNE
    char *block = malloc(HEAP_BYTES);
    uintptr_t begin = ((uintptr_t)block + HUGE_PAGE_BYTES - 1) & ~(HUGE_PAGE_BYTES - 1);
    uintptr_t end = ((uintptr_t)block + HEAP_BYTES) & ~(HUGE_PAGE_BYTES - 1);
    if (block != NULL) {
        (void)madvise(block + (begin - (uintptr_t)block), end - begin, MADV_HUGEPAGE);
    }
    free(block);
#endif
}

struct hooks {
    const struct sweep_task *task;           /* borrowed */
    const struct sweep_clockwork *clockwork; /* borrowed */
    struct sim_novelty *novelty;             /* owned; NULL: no world, or no memory */
    int status;
};

static void world_begins(void *context, struct sim_world *world)
{
    struct hooks *hooks = context;
    const struct sweep_task *task = hooks->task;
    if (task->is_replayed) {
        hooks->status = sim_nemesis_replay(world, task->decisions, task->decision_count);
    }
    if (!task->is_reduced && hooks->status == 0) {
        hooks->status = sim_novelty_new(sim_libc_alloc(), &hooks->novelty);
    }
    if (hooks->novelty != NULL) {
        sim_novelty_listen(hooks->novelty, sim_world_trace(world));
    }
    hooks->clockwork->watch(world);
}

static void world_ends(void *context, struct sim_world *world)
{
    const struct hooks *hooks = context;
    (void)world;
    hooks->clockwork->watch(NULL);
}

/* A script that is wrong has no world, and so no result; what is known is told all the same. */
static int write_result(const struct sweep_task *task, const struct script_outcome *outcome,
                        double wall_s, FILE *file)
{
    struct sim_result made;
    struct sim_result *result = outcome->result;
    char error[SCRIPT_TEXT_MAX];
    char scenario[SCRIPT_TEXT_MAX];
    if (result == NULL) {
        memset(&made, 0, sizeof made);
        (void)snprintf(scenario, sizeof scenario, "%s", task->scenario);
        made.scenario = scenario;
        made.params_json = outcome->params_json;
        made.repeat = outcome->repeat;
        result = &made;
    }
    if (outcome->end == SCRIPT_END_ERROR || outcome->end == SCRIPT_END_BROKEN) {
        (void)snprintf(error, sizeof error, "%s", outcome->error);
        free(result == &made ? NULL : result->error);
        result->error = error;
        result->verdict = SIM_VERDICT_ERROR;
    }
    result->seed = task->script.seed;
    result->wall_seconds = (double)(uint64_t)(wall_s * 1e6) / 1e6;
    int status = sim_result_write_json(result, file);
    if (result->error == error) {
        result->error = NULL;
    }
    return status;
}

static enum sweep_end end_of(const struct sweep_task *task, struct script_outcome *outcome,
                             int status, bool is_timed_out)
{
    if (is_timed_out) {
        outcome->end = SCRIPT_END_BROKEN;
        (void)snprintf(outcome->error, sizeof outcome->error,
                       "not finished after %g s of real time", task->timeout_s);
        return SWEEP_END_TIMEOUT;
    }
    /* A scenario's own bound of memory reads the same when it is the run's that was met. */
    bool is_bounded = task->memory_bytes > 0 && strstr(outcome->error, "MiB of memory") != NULL;
    if (status == RP_ERR_NOMEM || is_bounded) {
        outcome->end = SCRIPT_END_BROKEN;
        (void)snprintf(outcome->error, sizeof outcome->error, "out of memory");
        return SWEEP_END_MEMORY;
    }
    switch (outcome->end) {
    case SCRIPT_END_PASS: return SWEEP_END_PASS;
    case SCRIPT_END_FAIL: return SWEEP_END_FAIL;
    case SCRIPT_END_ERROR: return SWEEP_END_ERROR;
    case SCRIPT_END_BROKEN: break;
    }
    return SWEEP_END_BROKEN;
}

/* The outcome is not cleared: the process ends, and all its memory with it. */
int sweep_worker_run(const struct sweep_task *task, const struct sweep_clockwork *clockwork,
                     int result_file)
{
    struct hooks hooks = {.task = task, .clockwork = clockwork};
    struct script_options script = task->script;
    struct script_outcome outcome;
    FILE *file = fdopen(result_file, "w");
    prepare_heap();
    if (file == NULL) {
        return SWEEP_EXIT_BASE + SWEEP_END_MEMORY;
    }
    script.log = NULL;
    script.watch_context = &hooks;
    script.world_begins = world_begins;
    script.world_ends = world_ends;
    double began_s = clockwork->now();
    clockwork->begin(task->timeout_s);
    int status = script_run_file(&script, &outcome);
    status = status == 0 ? hooks.status : status;
    double wall_s = clockwork->now() - began_s;
    enum sweep_end end = end_of(task, &outcome, status, clockwork->is_timed_out());
    status = write_result(task, &outcome, wall_s, file);
    if (status == RP_ERR_NOMEM) {
        return SWEEP_EXIT_BASE + SWEEP_END_MEMORY;
    }
    /* A second line that is not whole is no line, and the run is what it is without it. */
    if (status != 0 ||
        (!task->is_reduced &&
         sweep_extra_write(&outcome, hooks.novelty, file) == SWEEP_ERR_WRITE) ||
        fflush(file) != 0) {
        return EXIT_FAILURE;
    }
    return SWEEP_EXIT_BASE + (int)end;
}
