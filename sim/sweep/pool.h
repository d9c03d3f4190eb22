/* Worker processes: forked from this warm process for one run each, and gathered.
 *
 * What a worker does is the caller's (worker.h); here it is a process with two pipes. On `result` it says
 * what came of its run; whatever it or a library prints on its standard output and error arrives as noise, of
 * which the end is kept. A worker that takes too long is killed; one whose parent dies, dies too. */
#ifndef REPLISIM_SWEEP_POOL_H
#define REPLISIM_SWEEP_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/sweep/sweep.h"

#define SWEEP_JOBS_MAX     512
#define SWEEP_NOISE_BYTES  4096
#define SWEEP_OUTPUT_BYTES (UINT64_C(64) << 20) /* a worker that says more is cut off, and lost */

struct sweep_pool;

/* How a process ended, and all that it said. Borrowed for the call of `ended`. */
struct sweep_ended {
    void *job;          /* as given to sweep_pool_start */
    const char *output; /* what it wrote to `result`, and a 0 behind */
    size_t output_bytes;
    const char *noise; /* the end of what it printed, and a 0 behind */
    bool is_signalled;
    int signal;         /* that ended it */
    int code;           /* of its exit, when no signal did */
    bool is_killed;     /* by the pool, for the time it took */
    bool is_overflowed; /* by the pool, for what it wrote */
    double wall_s;
};

struct sweep_pool_spec {
    uint32_t jobs;         /* 1 to SWEEP_JOBS_MAX */
    double kill_after_s;   /* 0: never */
    uint64_t memory_bytes; /* of address space, for a worker; 0: as much as there is */
    double (*now)(void);   /* seconds, monotonic */
    /* In the child. What it returns is its exit code; it ends there and then, without the exit of
     * libraries. */
    int (*work)(void *context, void *job, int result_file);
    /* In the parent; false: no more, kill the rest. */
    bool (*ended)(void *context, const struct sweep_ended *ended);
    void *context;
};

/* Errors: NOMEM. */
SWEEP_MUST_USE int sweep_pool_new(const struct sweep_pool_spec *spec, struct sweep_pool **pool_out);
/* Kills whoever is left. NULL is fine. */
void sweep_pool_free(struct sweep_pool *pool);

uint32_t sweep_pool_running(const struct sweep_pool *pool);
bool sweep_pool_has_room(const struct sweep_pool *pool);
/* Errors: NOMEM, SYSTEM (no process or no pipe to be had; the note tells). */
SWEEP_MUST_USE int sweep_pool_start(struct sweep_pool *pool, void *job,
                                    char note_out[SWEEP_NOTE_BYTES]);
/* Waits for at most `timeout_s` until something happened, reads what came, and calls `ended` for each
 * worker that did. False: `ended` said so. A signal ends the wait. */
bool sweep_pool_wait(struct sweep_pool *pool, double timeout_s);

#endif
