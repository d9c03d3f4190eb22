/* One cluster in its run: its pods, consensus, truth and checkers. Time, network, disks, trace and result
 * are the run's (world_internal.h), which begins with the scenario's own cluster and may take in
 * further ones. No globals: ten runs can live in one process.
 *
 * A run: set-up (the cluster boots and joins before virtual time 0, by the ordinary handshakes), the
 * story (a scenario, or a C test), then closing: weak heal and rest, rolling restart and rest, stop
 * of everything, with the checks of invariants.md after each. */
#ifndef REPLISIM_SIM_WORLD_H
#define REPLISIM_SIM_WORLD_H

#include "protocol/config.h"
#include "protocol/release.h"
#include "protocol/types.h"
#include "sim/event_queue.h"
#include "sim/property.h"
#include "sim/rng.h"
#include "sim/trace.h"

struct sim_world;
struct sim_pod;
struct sim_reach;

/* ---- What a scenario's table says ------------------------------------------------------------ */

enum sim_consensus_kind { SIM_CONSENSUS_RAFT, SIM_CONSENSUS_IDEAL };
enum sim_closing { SIM_CLOSING_FULL, SIM_CLOSING_SHORT };

struct sim_network_spec {
    struct sim_range latency_ns;    /* one way */
    uint64_t bandwidth_bytes_per_s; /* of a node's link, each direction */
    sim_chance loss;
};

struct sim_storage_spec {
    uint64_t read_bytes_per_s, write_bytes_per_s;
    struct sim_range latency_ns; /* an operation */
    uint64_t capacity_bytes;
};

/* Exceptions by node id; unset members keep the cluster's. */
struct sim_node_spec {
    char *id;
    bool has_release;
    enum rp_release release;
    struct rp_config *config; /* or NULL */
    char *zone;               /* or NULL */
};

struct sim_cluster_spec {
    char *name;
    char *leader; /* node id, or NULL: writer-1 */
    uint32_t writer_count, reader_count, compactor_count;
    enum sim_consensus_kind consensus;
    struct sim_range consensus_delay_ns; /* ideal only */
    uint32_t voter_max;
    struct rp_config config;
    enum rp_release release;
    struct sim_node_spec *exceptions;
    size_t exception_count;
    bool is_tls;
    bool has_clustering_license;
};

struct sim_world_spec {
    uint64_t seed;
    struct sim_cluster_spec cluster;
    struct sim_network_spec network;
    struct sim_storage_spec storage;
    enum sim_closing closing;
    rp_time_ns limit_ns;                 /* of the story, in virtual time; default 30 min */
    uint64_t shared_permutation_key;     /* 0: first in, first out */
    bool is_without[SIM_PROPERTY_COUNT]; /* checkers that are off; for tests of checkers */
};

/* The defaults of scenario-api.md: 1 writer, 3 readers, raft, 5 voters, `current`, 200us..2ms,
 * 10 Gbit/s, no loss, 2 GiB/s and 1 GiB/s, 50us..200us, 1 TiB. Owns its strings. */
RP_MUST_USE int sim_world_spec_init(struct sim_world_spec *spec);
void sim_world_spec_clear(struct sim_world_spec *spec);

/* ---- Life ------------------------------------------------------------------------------------ */

/* What drives the world between time 0 and closing. Implemented by sim/script and by C tests. */
struct sim_story {
    void *context;
    void (*begin)(void *context);   /* at time 0, as an event */
    void (*instant)(void *context); /* after the last event of each instant; may be NULL */
    void (*event)(void *context);   /* after every event; NULL unless `always` is in use */
    void (*dropped)(void *context); /* the story ended or ran out of time: let go of everything */
};

/* Errors: RP_ERR_NOMEM, RP_ERR_INVALID; `note_out` (160 bytes) then says what is wrong. */
RP_MUST_USE int sim_world_new(const struct sim_world_spec *spec, struct sim_world **world_out,
                              char note_out[160]);
void sim_world_free(struct sim_world *world);

/* Set-up, story, closing; then the result is complete (sim/result.h). Errors: RP_ERR_TIMEOUT when
 * the cluster did not become ready in set-up (`note_out`), else 0 whatever the verdict. */
RP_MUST_USE int sim_world_run(struct sim_world *world, const struct sim_story *story,
                              char note_out[160]);
/* The story returned; closing begins after this event. */
void sim_world_story_done(struct sim_world *world);
/* The script stopped with an error (verdict `error`): the run ends at once. Text is copied. */
void sim_world_story_error(struct sim_world *world, const char *text);
/* Set from a signal handler or a --timeout watch: the loop ends at the next event. */
void sim_world_interrupt(struct sim_world *world);
struct sim_violation;
struct sim_decision;
/* Called with what becomes of the run, as it is added to the result: by any of its worlds. Before the
 * run; copied. Either may be NULL. */
struct sim_run_watch {
    void *context;
    void (*violated)(void *context, struct sim_world *world, const struct sim_violation *violation);
    void (*decided)(void *context, struct sim_world *world, const struct sim_decision *decision);
};
void sim_world_watch_run(struct sim_world *world, const struct sim_run_watch *watch);

/* Property `liveness` or `scenario-check`; the run goes on. Text is copied. */
void sim_world_fail(struct sim_world *world, const char *property, struct rp_view node_id,
                    const char *place, const char *detail);
/* `liveness`, with the invariants of liveness behind the detail that do not hold at this moment. */
void sim_world_fail_liveness(struct sim_world *world, const char *place, const char *detail);

/* A checker's verdict on a node (NULL: on the cluster). `place`: what kind of node, in what
 * state; nothing that a seed changes. Texts are copied; repeats of one (property, node, place) are counted
 * but kept once. */
void sim_world_violate(struct sim_world *world, const char *property, struct sim_pod *pod,
                       const char *place, const char *detail);
/* The same of a former life of the pod, which ran as that release. */
void sim_world_violate_as(struct sim_world *world, const char *property, struct sim_pod *pod,
                          enum rp_release release, const char *place, const char *detail);
struct sim_truth *sim_world_truth(struct sim_world *world);
struct sim_checks *sim_world_checks(struct sim_world *world);
struct sim_net *sim_world_net(struct sim_world *world);
struct sim_bodies *sim_world_bodies(struct sim_world *world);
/* True virtual time since the world was made (set-up included), as in trace and truth. */
rp_time_ns sim_world_true_now(const struct sim_world *world);
/* Of a true time, in virtual seconds since time 0 (negative in set-up). */
double sim_world_seconds(const struct sim_world *world, rp_time_ns true_ns);
const struct sim_world_spec *sim_world_spec(const struct sim_world *world);

/* For tests of the checkers: from now on consensus transports ask for no proof at all. */
void sim_world_trust_consensus(struct sim_world *world);

/* ---- Time and events for the story ----------------------------------------------------------- */

/* Virtual nanoseconds since time 0; 0 during set-up. */
rp_time_ns sim_world_now(const struct sim_world *world);
/* Runs `run` at a virtual time as an event of kind SIM_EVENT_STORY. */
sim_event sim_world_at(struct sim_world *world, rp_time_ns at_ns, sim_event_fn run, void *context,
                       uint64_t argument);
void sim_world_cancel(struct sim_world *world, sim_event event);
uint64_t sim_world_seed(const struct sim_world *world);
/* The record of everything in it, for a sink (`--trace`). Borrowed from the world. */
struct sim_trace *sim_world_trace(struct sim_world *world);

/* ---- Further clusters -------------------------------------------------------------------------- */

/* A sim_world is one cluster. Further ones live in the same run: one virtual time, network and
 * address space, one trace and result; all else is their own, and calls see their own only. Their
 * nodes' labels stand behind the cluster's name ("other/reader-1").
 *
 * The nodes boot from now on by the ordinary handshakes. The world belongs to the run. Errors:
 * RP_ERR_NOMEM, RP_ERR_INVALID (`note_out` says why: the name is taken). */
RP_MUST_USE int sim_world_join(struct sim_world *world, const struct sim_cluster_spec *cluster,
                               struct sim_world **joined_out, char note_out[160]);
/* Every node is ready, or has been refused its start. False: `note_out` names one that is not. */
bool sim_world_has_come_up(struct sim_world *world, char note_out[160]);
/* Nodes of all clusters of the run, ever. */
size_t sim_world_node_count(const struct sim_world *world);
/* More are never made in a run: each that was replaced by another identity counts. */
#define SIM_NODE_COUNT_MAX 2000u
/* The pod of that label in any cluster of the run. NULL: unknown. */
struct sim_pod *sim_world_labelled(struct sim_world *world, struct rp_view label);

/* ---- Nodes ----------------------------------------------------------------------------------- */

/* In order of birth. A pod object lives as long as the world; a node id is one pod from life to
 * life. NULL: unknown id. */
struct sim_pod *sim_world_pod(struct sim_world *world, struct rp_view node_id);
size_t sim_world_pod_count(const struct sim_world *world);
struct sim_pod *sim_world_pod_at(struct sim_world *world, size_t index);
/* The pod that leads by consensus and is up; NULL: none. */
struct sim_pod *sim_world_leader(struct sim_world *world);
/* Do these two make and accept the same MACs? */
bool sim_world_can_talk(const struct sim_pod *left, const struct sim_pod *right);
/* Nothing of what the others have can be asked of it: it stands alone (no license for clustering, or
 * clustering off), or it is without a leader and of a release that the cluster's cannot authenticate. */
bool sim_world_is_outside(struct sim_world *world, const struct sim_pod *pod);
/* The writer that the manifest names as primary, when it is up; else the lowest writer that is up,
 * whatever leads; NULL: none. */
struct sim_pod *sim_world_primary_writer(struct sim_world *world);

struct sim_add_spec {
    const char *role; /* "writer", "reader", "compactor" */
    const char *id;   /* NULL: next of its role */
    bool has_release;
    enum rp_release release;
    const struct rp_config *config; /* or NULL: the cluster's */
    const char *zone;               /* or NULL */
};
/* A new pod on an empty volume; it boots by itself. Errors: RP_ERR_INVALID (id taken). */
RP_MUST_USE int sim_world_add(struct sim_world *world, const struct sim_add_spec *spec,
                              struct sim_pod **pod_out);

/* ---- Judgements over the cluster (truth, not the nodes' own view) ----------------------------- */

/* All nodes that are up hold the whole committed manifest and have nothing left to do. O(1): kept up
 * to date by the observers. Paused nodes do not count. */
bool sim_world_is_settled(struct sim_world *world);
/* Text for a failed settle: what is missing where, files without an honest holder by name. */
void sim_world_unsettled_text(struct sim_world *world, char *text_out, size_t text_bytes);

struct sim_manifest_row {
    struct rp_view path, sha256, origin_node_id;
    int64_t size_bytes;
    uint64_t lsn;
};
/* The committed manifest in path order, borrowed until the next event. */
size_t sim_world_manifest(struct sim_world *world, size_t from, struct sim_manifest_row *rows_out,
                          size_t max);

/* Names of replaced pods are resolved to their old addresses for so long (0: no longer than they
 * are true). `is_address_reused`: from now on such an address belongs to a pod of another cluster at
 * once, which answers there besides its own; where there is none, to the next other pod that needs
 * an address. False ends that. For all clusters of the run. */
void sim_world_stale_names(struct sim_world *world, rp_time_ns stale_ns, bool is_address_reused);

/* A sample of a scenario's own metric, and a state worth reaching. Names are copied. */
void sim_world_metric(struct sim_world *world, const char *name, double value);
void sim_world_reached(struct sim_world *world, const char *name);
/* It was asked for and was not so; once reached, that is forgotten. */
void sim_world_missed(struct sim_world *world, const char *name);
/* What this run goes through, counted: whoever brings a fault about, counts it here. */
struct sim_reach *sim_world_reach(struct sim_world *world);
void sim_world_log(struct sim_world *world, struct rp_view node_id, const char *text);

#endif
