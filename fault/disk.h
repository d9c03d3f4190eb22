/* A disk that gives trouble: a decorator of a store port.
 *
 *   store port <--- fault_disk ---> node        calls go left, completions right
 *
 * Without a fault each call passes as it is: one branch, no memory, no event. With one, a call waits
 * here for its time (slow, stuck) in the order of calls, then its fate is drawn:
 *
 *   HELD --due--> (free: ASKED for space) --> PASSED on, as it is or as something harmless that takes
 *                                             the port's time and whose end is turned into the error
 *
 * A read that fails is asked for all the same and its result thrown away. A write that fails never
 * reaches the port; the port is asked for its space in its place. A publish that fails is a discard,
 * since the writer is gone whatever the result. A call that is cancelled while it is held is passed on
 * and cancelled there, so that the port's own rules for it hold.
 *
 * What was passed on before a fault was set completes as if there were none. Out of memory here, a
 * call passes without its fault.
 *
 * Not here, but in the medium that is under the port: what survives a loss of power (torn writes,
 * lost or lying syncs) and damage to files at rest. No port call shows them when they happen
 * (docs/decisions/0048). */
#ifndef REPLISIM_FAULT_DISK_H
#define REPLISIM_FAULT_DISK_H

#include "fault/random.h"
#include "protocol/ports.h"

enum fault_value { FAULT_VALUE_FLAG, FAULT_VALUE_CHANCE, FAULT_VALUE_DURATION, FAULT_VALUE_SIZE };

/* X(key, kind of value, member, about, explanation, example): every fault of a disk's calls. */
#define FAULT_DISK_TABLE(X)                                                                        \
    X("full", FLAG, is_full, "every write fails for lack of space",                                \
      "A pull fails and is tried again.", "n:disk{ full = true }")                                 \
    X("free", SIZE, free_bytes, "so many bytes can still be written",                              \
      "Counts down with writes, up with removals.", "n:disk{ free = \"1MiB\" }")                   \
    X("slow", DURATION, slow_ns, "each operation takes longer",                                    \
      "Throughput falls, time-outs come closer.", "n:disk{ slow = \"50ms\" }")                     \
    X("stuck", DURATION, stuck_ns, "no operation completes for so long",                           \
      "They all complete when it is over.", "n:disk{ stuck = \"30s\" }")                           \
    X("read_error", CHANCE, read_error, "reads and opens fail by chance",                          \
      "Serving breaks off; nothing is padded.", "n:disk{ read_error = 0.1 }")                      \
    X("write_error", CHANCE, write_error, "writes, staging and removals fail by chance",           \
      "A pull fails and is tried again.", "n:disk{ write_error = 0.1 }")                           \
    X("short_write", CHANCE, short_write, "writes take a part only, by chance",                    \
      "The rest is offered again.", "n:disk{ short_write = 0.5 }")                                 \
    X("sync_error", CHANCE, sync_error, "publishing fails by chance",                              \
      "What was not synced is not there.", "n:disk{ sync_error = 0.1 }")                           \
    X("stat_error", CHANCE, stat_error, "looking for a file fails by chance",                      \
      "A node that cannot look does not know what it has.", "n:disk{ stat_error = 0.1 }")          \
    X("list_error", CHANCE, list_error, "listings fail by chance",                                 \
      "Nothing is concluded from a part of a listing.", "n:disk{ list_error = 0.1 }")              \
    X("no_append", FLAG, has_no_append, "staged files cannot be appended to",                      \
      "Transfers begin anew.", "n:disk{ no_append = true }")

/* A zeroed struct is a healthy disk. */
struct fault_disk_spec {
    bool is_full;        /* every write fails with RP_ERR_NO_SPACE */
    bool has_free_bytes; /* no more than free_bytes can be written from the moment it is set */
    uint64_t free_bytes; /* counts down as bytes are written, up as files go */
    uint64_t slow_ns;    /* extra time an operation */
    uint64_t stuck_ns;   /* none goes on for so long from the moment it is set */
    fault_chance read_error, write_error, sync_error, stat_error, list_error;
    fault_chance short_write; /* a write takes only a part */
    bool has_no_append;       /* stage_open and file_open with append: RP_ERR_UNSUPPORTED */
};

struct fault_disk_params {
    const struct rp_alloc *alloc; /* borrowed, as all ports */
    struct rp_store_port store;   /* the one to decorate */
    struct rp_clock_port clock;   /* the disk's own: a process that is frozen does not stop it */
    struct fault_random random;
    /* A fault acts, by its name in the catalog; may be NULL. */
    void *context;
    void (*acted)(void *context, const char *name);
};

struct fault_disk;

/* Errors: RP_ERR_NOMEM. */
RP_MUST_USE int fault_disk_new(const struct fault_disk_params *params,
                               struct fault_disk **disk_out);
void fault_disk_free(struct fault_disk *disk); /* drops; NULL is fine */
/* For the node. Borrowed. */
const struct rp_store_port *fault_disk_port(const struct fault_disk *disk);
/* The node's life is over, and the port has dropped its calls or is about to: what is held or on its
 * way never completes, and no request is touched any more. Faults stay, and time goes on for them. */
void fault_disk_drop(struct fault_disk *disk);

/* From now on; a copy is kept. `medium_free_bytes`: what the port's store has free at this moment,
 * from which free_bytes is counted. `stuck_ns` counts from here unless it is what was set already; 0
 * lets go at once what is stuck, and a smaller slow_ns what has waited so long. */
void fault_disk_set(struct fault_disk *disk, const struct fault_disk_spec *spec,
                    uint64_t medium_free_bytes);
const struct fault_disk_spec *fault_disk_spec(const struct fault_disk *disk); /* as it was set */
/* What of so much free space of the medium the faults leave. */
uint64_t fault_disk_room(const struct fault_disk *disk, uint64_t medium_free_bytes);
/* The same, but for is_full: what free_bytes has become. */
uint64_t fault_disk_left(const struct fault_disk *disk, uint64_t medium_free_bytes);

/* ---- Beside the port ---------------------------------------------------------------------------- */

/* For whoever writes to the same medium without the port, as a storage engine that flushes does:
 * `come` runs when a call made now would be passed on, maybe inside this call; never after a drop.
 * Errors: RP_ERR_NOMEM. */
RP_MUST_USE int fault_disk_wait_turn(struct fault_disk *disk, void (*come)(void *context),
                                     void *context);
/* Does a write and sync of its own fail? Draws. */
bool fault_disk_write_fails(struct fault_disk *disk);

/* Calls that are held back, turns included. */
size_t fault_disk_held_count(const struct fault_disk *disk);

#endif
