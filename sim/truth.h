/* The simulator's own record, out of reach of protocol code: which bytes each version of a path has,
 * what was committed in which order, and who holds what, intact, right now. */
#ifndef REPLISIM_SIM_TRUTH_H
#define REPLISIM_SIM_TRUTH_H

#include "protocol/observe.h"
#include "sim/body.h"
#include "sim/pod.h"
#include "sim/result.h"

struct sim_truth;

/* One version that a flush produced. */
struct sim_version {
    struct rp_view path, sha256; /* owned by truth */
    sim_body_key key;
    uint64_t length_bytes;
    uint64_t origin_pod; /* number */
    bool is_known;       /* false: registered without a flush (a member's own command) */
    bool has_others;     /* other bytes were flushed under this path, too */
};

/* A path that is or was committed. */
struct sim_truth_file {
    struct rp_view path, sha256, origin_node_id; /* of the current version */
    int64_t size_bytes;
    uint64_t lsn;
    bool is_registered;                /* in the committed manifest now */
    rp_time_ns commit_ns;              /* of the current version, true virtual time */
    rp_time_ns delete_ns;              /* when it went, if it is not registered */
    const struct sim_version *version; /* NULL: no body is known for it */
};

RP_MUST_USE int sim_truth_new(struct sim_world *world, const struct rp_alloc *alloc,
                              struct sim_truth **truth_out);
void sim_truth_free(struct sim_truth *truth);

/* A flush made this body; called before the node can show it. */
RP_MUST_USE int sim_truth_flushed(struct sim_truth *truth, struct rp_view path,
                                  struct rp_view sha256, sim_body_key key, uint64_t length_bytes,
                                  uint64_t origin_pod);
/* NULL: no flush ever made it. */
const struct sim_version *sim_truth_version(const struct sim_truth *truth, struct rp_view path,
                                            struct rp_view sha256);
/* NULL: never committed. */
const struct sim_truth_file *sim_truth_file(const struct sim_truth *truth, struct rp_view path);
/* Committed files in path order, those registered now: `cursor` exclusive. */
size_t sim_truth_page(struct sim_truth *truth, size_t from, const struct sim_truth_file **files_out,
                      size_t max);
/* Files that were committed once and are not registered now, in path order: start with `*cursor` 0;
 * NULL at the end. */
const struct sim_truth_file *sim_truth_deleted(struct sim_truth *truth, size_t *cursor);
size_t sim_truth_registered_count(const struct sim_truth *truth);
uint64_t sim_truth_last_index(const struct sim_truth *truth);

/* From the world's watchers. */
void sim_truth_observe(struct sim_truth *truth, struct sim_pod *pod,
                       const struct rp_observation *observation);
void sim_truth_visible(struct sim_truth *truth, struct sim_pod *pod, struct rp_view path,
                       const struct sim_content *content);
void sim_truth_vanished(struct sim_truth *truth, struct sim_pod *pod, struct rp_view path);
void sim_truth_pod_added(struct sim_truth *truth, struct sim_pod *pod);
void sim_truth_volume_lost(struct sim_truth *truth, struct sim_pod *pod);
void sim_truth_volumes_swapped(struct sim_truth *truth, struct sim_pod *left,
                               struct sim_pod *right);

/* Does the pod's disk show the current committed version with the right bytes? O(1). */
bool sim_truth_holds(const struct sim_truth *truth, const struct sim_pod *pod,
                     const struct sim_truth_file *file);
/* Committed files that the pod's disk does not show intact. O(1). */
uint64_t sim_truth_missing_count(const struct sim_truth *truth, const struct sim_pod *pod);
/* The first few of them, in path order. */
size_t sim_truth_missing(struct sim_truth *truth, const struct sim_pod *pod,
                         const struct sim_truth_file **files_out, size_t max);

/* Lag samples of all nodes so far; unbounded ones are those that live pods still miss. Borrowed until
 * the next event; sorted. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_truth_lag(struct sim_truth *truth, struct sim_lag_sample **samples_out,
                              size_t *count_out);

#endif
