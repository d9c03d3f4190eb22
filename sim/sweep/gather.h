/* From a process that ended to what its run gave: whatever became of the worker, there is a result. */
#ifndef REPLISIM_SWEEP_GATHER_H
#define REPLISIM_SWEEP_GATHER_H

#include "sim/sweep/pool.h"
#include "sim/sweep/worker.h"

struct sweep_gathered {
    struct sweep_run run;   /* borrows from here and from the task */
    json_t *result, *extra; /* owned; extra may be NULL */
    char *line;             /* owned */
};

/* Errors: NOMEM. Cleared by the caller whatever is returned. */
SWEEP_MUST_USE int sweep_gather(const struct sweep_ended *ended, const struct sweep_task *task,
                                struct sweep_gathered *gathered_out);
void sweep_gathered_clear(struct sweep_gathered *gathered);

#endif
