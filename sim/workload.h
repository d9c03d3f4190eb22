/* What users of the cluster do: flushes, rewrites, deletes, compactions. The node under it hashes
 * the body it was given, stores it, and queues the registration, as the flush path of the reference
 * does; bodies are made from the seed (sim/body.h) or read from real files. */
#ifndef REPLISIM_SIM_WORKLOAD_H
#define REPLISIM_SIM_WORKLOAD_H

#include "protocol/reconcile.h"
#include "sim/pod.h"

struct sim_flush_spec {
    uint64_t file_count;         /* ignored with `from_paths` */
    struct sim_range size_bytes; /* drawn for each file */
    struct sim_range every_ns;   /* low == high == 0: one after another at once */
    const char *database, *measurement;
    struct rp_view path; /* empty: named from database, measurement, time and number */
    bool is_sparse;
    bool is_update; /* UpdateFile: the file changes under its name */
    /* Real files: names on the real disk, in order, with the base name each is flushed under. */
    const char *const *from_paths;
    const char *const *from_names;
    size_t from_count;
};

/* Paths that were stored and queued for registration, in order. */
struct sim_flush_result {
    struct rp_view *paths;
    size_t path_count;
};

struct sim_flush_wait {
    /* Exactly once, from an event; the result is borrowed for the call. error: 0, RP_ERR_STOPPED
     * when the node died first (with what was stored), RP_ERR_IO, RP_ERR_NO_SPACE. */
    void (*done)(void *context, int error, const struct sim_flush_result *result);
    void *context;
};

/* Errors, at once: RP_ERR_INVALID, RP_ERR_IO (a real file cannot be read; `note_out`). */
RP_MUST_USE int sim_workload_flush(struct sim_pod *pod, const struct sim_flush_spec *spec,
                                   const struct sim_flush_wait *wait, char note_out[160]);

/* A proposal from somebody who knows the secret, with the answer that a peer would get. */
struct sim_propose_result {
    int error;          /* 0: ok */
    const char *status; /* "ok" or "error" */
    const char *code;   /* wire.md 7, "" when ok */
    const char *text;
};
struct sim_propose_wait {
    void (*done)(void *context, const struct sim_propose_result *result);
    void *context;
};
/* Any command, as that node would send it: applied when it leads, else forwarded. */
void sim_workload_propose(struct sim_pod *pod, struct rp_view command,
                          const struct sim_propose_wait *wait);
/* The path was never committed, but a node that is up stores it and has registrations on the way. */
bool sim_workload_is_on_its_way(struct sim_world *world, struct rp_view path);
/* DeleteFile through consensus, proposed by whichever node leads or forwards. */
void sim_workload_delete(struct sim_world *world, struct rp_view path, struct rp_view reason,
                         const struct sim_propose_wait *wait);

/* What a run of anti-entropy came to; borrowed for the call. */
struct sim_reconcile_wait {
    void (*done)(void *context, const struct rp_reconcile_report *report);
    void *context;
};
/* A run on that node now, act or dry; a node that is down gives a cancelled report. */
void sim_workload_reconcile(struct sim_pod *pod, bool is_act,
                            const struct sim_reconcile_wait *wait);

/* Is a file of a flush or rewrite with the node right now? */
bool sim_workload_is_busy(const struct sim_pod *pod);

#endif
