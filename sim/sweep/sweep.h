/* Sweeps: scenarios x seeds, each run in a process of its own, results in a database as they come.
 *
 * This room forks, waits, reads clocks and writes files: it is part of the program, beside sim/cli, and
 * never of the simulator. One process, the parent, hands out the runs, gathers what comes back and is the only one
 * that writes to the database; a worker is forked from it for one run and ends with it, so whatever
 * goes wrong in a run (crash, hang, memory, a sanitizer's report) stays that run's.
 *
 *   plan.h    which runs there are, in which order, which of them belong to this shard
 *   pool.h    worker processes: fork, limit, gather, kill
 *   run.h     what one run gave (below); the border between the pool and everything that follows
 *   db.h      the database of results: resume, merge, query
 *   group.h   failures by cause
 *   junit.h, progress.h, ...  what people and other programs read */
#ifndef REPLISIM_SWEEP_H
#define REPLISIM_SWEEP_H

/* A message for the user, in one line. */
#define SWEEP_NOTE_BYTES 512

/* X(name, value, text) */
#define SWEEP_ERROR_TABLE(X)                                                                       \
    X(SWEEP_OK, 0, "no error")                                                                     \
    X(SWEEP_ERR_NOMEM, -1, "out of memory")                                                        \
    X(SWEEP_ERR_READ, -2, "a database cannot be read, or is none of ours")                         \
    X(SWEEP_ERR_WRITE, -3, "a result could not be written")                                        \
    X(SWEEP_ERR_LOCKED, -4, "another process writes to the database")                              \
    X(SWEEP_ERR_OTHER, -5, "the database belongs to another sweep")                                \
    X(SWEEP_ERR_SYSTEM, -6, "the system refused")

#define SWEEP_ERROR_ENUM(name, value, text) name = (value),
enum sweep_error { SWEEP_ERROR_TABLE(SWEEP_ERROR_ENUM) };
#undef SWEEP_ERROR_ENUM

#define SWEEP_MUST_USE __attribute__((warn_unused_result))

#endif
