/* The inside of a world, shared by world*.c, pod*.c, workload.c and truth.c only. */
#ifndef REPLISIM_SIM_WORLD_INTERNAL_H
#define REPLISIM_SIM_WORLD_INTERNAL_H

#include "fault/hostile.h"
#include "protocol/entry_pool.h"
#include "protocol/error.h"
#include "protocol/node.h"
#include "protocol/panic.h"
#include "protocol/table.h"
#include "sim/alloc.h"
#include "sim/body.h"
#include "protocol/fetch_client.h"
#include "sim/check.h"
#include "sim/clock.h"
#include "sim/consensus_ideal.h"
#include "sim/consensus_raft.h"
#include "sim/dns.h"
#include "sim/nemesis.h"
#include "sim/net.h"
#include "sim/pod.h"
#include "sim/port_watch.h"
#include "sim/result.h"
#include "sim/store.h"
#include "sim/truth.h"
#include "sim/workload.h"

/* Saturday, 11 April 2026, 16:00:00 UTC: what the true wall clock shows at time 0. */
#define SIM_WALL_AT_ZERO_S INT64_C(1775923200)

enum sim_phase { SIM_PHASE_SETUP, SIM_PHASE_STORY, SIM_PHASE_CLOSING, SIM_PHASE_OVER };

/* How long a CPU of the cost model hashes; disks charge it when bytes are staged. */
#define SIM_HASH_BYTES_PER_S UINT64_C(1750000000)

struct sim_pod {
    struct sim_world *world;
    uint64_t number;        /* order of birth, over all clusters of the run */
    char *id, *role, *zone; /* owned */
    char *label;            /* owned: its id, in a further cluster behind the cluster's name */
    enum sim_pod_state state;
    bool is_gone;
    struct sim_pod *successor;          /* of another identity, once one was ordered; borrowed */
    char boot_note[160];                /* why its last boot failed; "" else */
    enum rp_config_judgement judgement; /* of its last boot: whether it may run, and with others */
    enum rp_release release;            /* of the next life */
    enum rp_release life_release;       /* of the present or last one */
    struct rp_config config;            /* owned: of the next life */
    bool is_bootstrap;

    sim_site site;
    char address[SIM_ADDRESS_BYTES_MAX];      /* host:9100 */
    char raft_address[SIM_ADDRESS_BYTES_MAX]; /* host:9200 */
    char host[SIM_ADDRESS_BYTES_MAX];
    struct sim_store *store;        /* the volume */
    struct sim_raft_folder *folder; /* on it */
    uint64_t folder_count;
    uint64_t ideal_raft_id;
    struct sim_clock *clock;

    /* The present life. */
    uint64_t life;
    rp_time_ns life_began_ns;
    uint64_t event_count;
    bool is_frozen;
    rp_time_ns frozen_since_ns, frozen_ns; /* by its own clock: now, and of this life before */
    uint64_t stop_at_event;                /* 0: never */
    bool is_kill_at_event;
    sim_event life_event; /* grace end, pause end, boot: one at a time each below */
    sim_event grace_event, boot_event, thaw_event, chosen_event, crash_event;
    struct sim_rng random[RP_RANDOM_PURPOSE_COUNT];
    struct rp_ports ports;
    struct rp_observer observer;
    struct sim_endpoint *endpoint;
    struct fault_hostile *hostile; /* between endpoint and node */
    struct sim_port_watch *watch;  /* next to the node */
    struct sim_consensus_raft *raft;
    struct sim_consensus_ideal *ideal;
    struct rp_node *node;
    bool is_stopped;        /* the node's stop completed; the pod ends it from an event */
    struct sim_wait *waits; /* owned array: whoever awaits the end of this life */
    size_t wait_count;

    /* Its misdeeds; they outlast a life. */
    bool is_hostile, was_hostile;
    struct fault_hostile_spec hostile_spec;
    struct sim_rng hostile_random;
    sim_event hostile_event; /* its end */

    uint64_t counters[RP_PULL_COUNTER_COUNT]; /* of former lives */
    uint64_t missing_count;                   /* truth.c */
};

/* A host address whose pod is gone from it. */
struct sim_vacancy {
    const struct sim_pod *former;
    char host[SIM_ADDRESS_BYTES_MAX];
};
#define SIM_VACANCY_MAX 64

/* One that a pod of another cluster answers at, besides its own. */
struct sim_lease {
    struct sim_pod *holder;
    char host[SIM_ADDRESS_BYTES_MAX];
};

/* What the clusters of a run share: time, network, disks, names, addresses and the result. */
struct sim_run {
    struct rp_alloc alloc;
    struct sim_alloc_watch memory; /* of nodes */
    uint64_t seed;
    struct sim_event_queue *queue;
    struct sim_trace *trace;
    struct sim_bodies *bodies;
    struct sim_dns *dns;
    struct sim_net *net;
    struct sim_disks *disks;
    struct rp_entry_pool *pool;

    struct sim_world **worlds; /* owned; the first is the scenario's own cluster */
    size_t world_count;
    struct sim_pod **pods; /* those of all worlds, by number; array owned */
    size_t pod_count, pod_max;
    uint64_t address_count;
    bool is_address_reused;
    struct sim_vacancy vacancies[SIM_VACANCY_MAX]; /* oldest first */
    size_t vacancy_count;
    struct sim_lease leases[SIM_VACANCY_MAX]; /* oldest first */
    size_t lease_count;
    uint64_t lease_total; /* ever */

    enum sim_phase phase;
    rp_time_ns zero_ns, limit_ns;
    enum sim_closing closing;
    const struct sim_story *story;
    bool is_story_done, is_story_dropped, is_interrupted;
    bool is_consensus_trusting; /* sim_world_trust_consensus */
    struct sim_result result;
    struct sim_run_watch watch;
    uint64_t flush_number;      /* of files, in their names */
    uint64_t flush_count;       /* of workloads */
    uint64_t compaction_number; /* in the names of their outputs */
    uint64_t pull_end_count;    /* in the story */

    uint32_t nemesis_count;
    struct sim_decision *replayed; /* owned; NULL: they draw */
    size_t replayed_count, decision_max;
};

/* One cluster of a run. Parts of the run that its pods use all the time are borrowed by name. */
struct sim_world {
    struct sim_run *run;
    struct rp_alloc alloc;
    struct sim_world_spec spec; /* owned copy */
    struct sim_event_queue *queue;
    struct sim_trace *trace;
    struct sim_bodies *bodies;
    struct sim_dns *dns;
    struct sim_net *net;
    struct sim_disks *disks;
    struct rp_entry_pool *pool;

    struct sim_ideal_log *ideal_log;
    struct sim_truth *truth;
    struct sim_checks *checks;
    struct sim_rng identities; /* raft ids */
    struct rp_table cut_offs;  /* world_cut_off.c */
    bool has_mixed_macs;       /* pods of releases that cannot authenticate each other */
    struct sim_pod **pods;     /* owned, in order of birth */
    size_t pod_count, pod_max;
    struct sim_flush *flushes;
    struct sim_compaction *compactions;
    struct rp_table compacted; /* source path -> owned sim_compacted */
    struct sim_held *held;     /* world_held.c */

    struct sim_nemesis *nemeses; /* owned, oldest first */
};

/* pod.c: a mark of that node in the trace, for readers. `text` may be empty. */
void sim_pod_mark(const struct sim_pod *pod, const char *name, struct rp_view text);

/* world_held.c: zeroed memory for what an event will end, which the world releases when it is freed
 * before that event. NULL: no memory. */
void *sim_world_hold(struct sim_world *world, size_t size_bytes);
void sim_world_let_go(struct sim_world *world, void *block);
void sim_world_let_all_go(struct sim_world *world);

/* run.c. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_run_new(const struct sim_world_spec *spec, rp_time_ns zero_ns,
                            struct sim_run **run_out);
/* With all its worlds. */
void sim_run_free(struct sim_run *run);
/* The world is the run's from now on. */
void sim_run_take(struct sim_run *run, struct sim_world *world);
void sim_run_number(struct sim_run *run, struct sim_pod *pod);

/* world_setup.c. The nodes of the declaration, none booted yet; `note_out` says what is wrong. Errors:
 * RP_ERR_NOMEM, RP_ERR_INVALID (no nodes). */
RP_MUST_USE int sim_world_make_nodes(struct sim_world *world, char note_out[160]);
void sim_world_boot_all(struct sim_world *world);

/* world_spec.c: deep; cleared by sim_world_spec_clear, whatever is returned */
RP_MUST_USE int sim_world_spec_copy(const struct sim_world_spec *source,
                                    struct sim_world_spec *target);

/* pod_datagram.c */
uint64_t sim_pod_secret_digest(const struct sim_pod *pod);
/* struct sim_consensus_transport */
void sim_pod_send_message(void *pod, uint64_t target_raft_id, struct rp_view address,
                          struct sim_raft_message *message, size_t size_bytes);
/* sim_datagram_fn */
void sim_pod_receive_message(void *pod, const struct sim_net_arrival *arrival,
                             struct rp_chunk chunk);

/* world.c */
bool sim_world_is_first(const struct sim_world *world);
/* A cluster that borrows all parts of the run, and is the run's. Its nodes are to be made. Errors:
 * RP_ERR_NOMEM. */
RP_MUST_USE int sim_world_make(struct sim_run *run, const struct sim_world_spec *spec,
                               struct sim_world **world_out);
void sim_world_end_lives(struct sim_world *world); /* for run.c: first all lives, then the rest */
void sim_world_clear(struct sim_world *world);     /* but for the struct itself */
char *sim_copy_text(const struct sim_world *world, const char *text, size_t length);
void sim_world_see(struct sim_world *world, struct sim_pod *pod,
                   const struct rp_observation *observation);
RP_MUST_USE int sim_world_new_pod(struct sim_world *world, const struct sim_add_spec *spec,
                                  struct sim_pod **pod_out);

void sim_run_sum_up(struct sim_run *run); /* world_result.c */

/* world_run.c: until that true time, where time then stands. False: interrupted. */
bool sim_run_until(struct sim_run *run, rp_time_ns until_ns);

/* world_close.c: all that follows the story, checks included. */
void sim_run_close(struct sim_run *run);

/* world_cut_off.c: when a pod is born, or is to come back as another release */
void sim_world_note_release(struct sim_world *world, const struct sim_pod *pod);
void sim_world_cut_off_see(struct sim_world *world, struct sim_pod *pod,
                           const struct rp_observation *observation);
void sim_world_sum_up_cut_offs(struct sim_world *world);
void sim_world_free_cut_offs(struct sim_world *world);

/* pod.c */
RP_MUST_USE int sim_pod_place_config(struct sim_pod *pod);
void sim_pod_keep_leases(struct sim_pod *pod); /* at the address of its new life */
void sim_pod_new_address(struct sim_pod *pod);
void sim_pod_vacate(struct sim_pod *pod); /* its host answers no more */
RP_MUST_USE int sim_pod_new_folder(struct sim_pod *pod);
RP_MUST_USE int sim_pod_new_volume(struct sim_pod *pod);
void sim_pod_keep_counters(struct sim_pod *pod);
void sim_pod_thaw(struct sim_pod *pod);
void sim_pod_boot_at(struct sim_pod *pod, rp_time_ns at_ns);
void sim_pod_free(struct sim_pod *pod);
void sim_pod_heal(struct sim_pod *pod); /* all faults of its own end */

/* workload.c: the pod died; what it flushed is told. */
void sim_workload_drop_all(struct sim_world *world);
/* compact.c: likewise. */
void sim_compact_drop_all(struct sim_world *world);

#endif
