/* What a worker does: one run, two lines of JSON (run.h), and an exit code that says how it ended. */
#ifndef REPLISIM_SWEEP_WORKER_H
#define REPLISIM_SWEEP_WORKER_H

#include "sim/decision.h"
#include "sim/script.h"
#include "sim/sweep/run.h"

/* One run; all borrowed. */
struct sweep_task {
    struct script_options script; /* its log and its hooks are the worker's to set */
    const char *scenario;         /* name; of a file that cannot be read, its path */
    double timeout_s;             /* real time; 0: none */
    uint64_t memory_bytes;        /* 0: no limit; for what the parent tells of a run that met it */
    bool is_reduced;              /* no second line */
    bool is_replayed;             /* random trouble does `decisions`, and draws nothing */
    const struct sim_decision *decisions;
    size_t decision_count;
};

/* Real time, which belongs to the program: its signal handlers can reach one world. */
struct sweep_clockwork {
    double (*now)(void);
    void (*begin)(double timeout_s);        /* from now on that long, then the world is told */
    void (*watch)(struct sim_world *world); /* NULL: none any more */
    bool (*is_timed_out)(void);
};

/* An exit code of a worker that said all it had to say: this much above `enum sweep_end`. Whatever else a
 * process ends with (sanitizers, exit() of a library) is not taken for one. */
#define SWEEP_EXIT_BASE 64

/* In the parent, before the first worker: loads and sets up what every run needs, so that it is done
 * once. Errors: NOMEM. */
SWEEP_MUST_USE int sweep_worker_warm(void);
/* In the child; gives its exit code. */
int sweep_worker_run(const struct sweep_task *task, const struct sweep_clockwork *clockwork,
                     int result_file);

#endif
