/* A pod: one node id with its volume, address, clock and lives (process lives of a protocol node).
 *
 * Not modelled: container images, probes other than readiness, scheduling pressure. A pod's address
 * is new with each rescheduling; its raft id lives in its volume. */
#ifndef REPLISIM_SIM_POD_H
#define REPLISIM_SIM_POD_H

#include "sim/world.h"

enum sim_pod_state { SIM_POD_DOWN, SIM_POD_BOOTING, SIM_POD_UP, SIM_POD_STOPPING, SIM_POD_PAUSED };

struct rp_node;

struct rp_view sim_pod_id(const struct sim_pod *pod);
/* Its id, unique in the run: in a further cluster it stands behind that one's name ("other/reader-1"). */
struct rp_view sim_pod_label(const struct sim_pod *pod);
uint32_t sim_pod_site(const struct sim_pod *pod); /* its place in the network (sim/net.h) */
struct rp_view sim_pod_role(const struct sim_pod *pod);
struct rp_view sim_pod_zone(const struct sim_pod *pod);
struct rp_view sim_pod_address(const struct sim_pod *pod); /* of the present or last life */
enum rp_release
sim_pod_release(const struct sim_pod *pod); /* of this life; when down, of the next */
enum sim_pod_state sim_pod_state(const struct sim_pod *pod);
bool sim_pod_is_up(const struct sim_pod *pod); /* a process runs: booting, up, paused, stopping */
bool sim_pod_is_ready(const struct sim_pod *pod);
uint64_t sim_pod_life(const struct sim_pod *pod);         /* 1 for the first */
uint64_t sim_pod_number(const struct sim_pod *pod);       /* order of birth, from 0 */
rp_time_ns sim_pod_life_began(const struct sim_pod *pod); /* true virtual time of this life */
/* Truth about its disk, and what this life holds of the world (0 when down). */
struct sim_store *sim_pod_store(struct sim_pod *pod);
size_t sim_pod_armed_timers(const struct sim_pod *pod);
size_t sim_pod_connections(const struct sim_pod *pod);
struct rp_node *sim_pod_node(struct sim_pod *pod); /* NULL when down */
/* The node's monotonic clock now, and for how much of this life it was frozen, by that clock. */
rp_time_ns sim_pod_clock_ns(const struct sim_pod *pod);
rp_time_ns sim_pod_frozen_ns(const struct sim_pod *pod);
/* The node's wall clock now, in whole seconds since 1970, rounded down. */
int64_t sim_pod_wall_s(const struct sim_pod *pod);
/* Of the present or last life; of the next one before the first. */
const struct rp_config *sim_pod_config(const struct sim_pod *pod);
struct sim_world *sim_pod_world(struct sim_pod *pod);
bool sim_pod_is_gone(
    const struct sim_pod *pod); /* replaced by a new identity: never starts again */

/* Who was last ordered to take its place under another identity; NULL: nobody. */
struct sim_pod *sim_pod_successor(const struct sim_pod *pod);

/* Completion of something that takes virtual time. Comes from an event, exactly once; error 0, or
 * RP_ERR_STOPPED when the node died first, RP_ERR_CANCELLED when the story was dropped. */
struct sim_wait {
    void (*done)(void *context, int error);
    void *context;
};

/* SIGTERM, ordered shutdown, SIGKILL after the grace. Down already: done at once (as an event). */
void sim_pod_stop(struct sim_pod *pod, rp_time_ns grace_ns, const struct sim_wait *wait);
/* host: power loss, unsynced writes may be lost; else SIGKILL, its writes stay. At once. */
void sim_pod_kill(struct sim_pod *pod, bool is_host);
/* Boots from its disk; returns at once. Up already: nothing. */
void sim_pod_start(struct sim_pod *pod);
void sim_pod_set_release(struct sim_pod *pod, enum rp_release release); /* from the next life on */
RP_MUST_USE int sim_pod_set_config(struct sim_pod *pod, const struct rp_config *config);
void sim_pod_pause(struct sim_pod *pod, rp_time_ns duration_ns);

struct sim_replace_spec {
    bool is_new_identity;
    bool is_volume_lost;
    bool is_address_kept;
    rp_time_ns grace_ns; /* 0: killed */
    rp_time_ns start_delay_ns;
    bool has_release;
    enum rp_release release;
    const struct rp_config *config; /* or NULL */
};
/* Stops the pod and schedules its successor; gives the successor (the same pod, or a new one for a
 * new identity) at once, before it has booted. */
RP_MUST_USE int sim_pod_replace(struct sim_pod *pod, const struct sim_replace_spec *spec,
                                struct sim_pod **successor_out);

/* Fetches are answered badly from now on, in later lives too, until another call, `duration_ns` (0:
 * no end) or the end of the story. NULL: honest again. The spec is copied; what its `context` points
 * to stays until the next call or the end of the story. */
struct fault_hostile_spec;
void sim_pod_set_hostile(struct sim_pod *pod, const struct fault_hostile_spec *spec,
                         rp_time_ns duration_ns);
bool sim_pod_is_hostile(const struct sim_pod *pod);  /* now */
bool sim_pod_was_hostile(const struct sim_pod *pod); /* now or ever before in this run */

/* From now on, on this volume (sim/store.h). What is set now: sim_store_faults. */
struct sim_disk_faults;
void sim_pod_set_disk(struct sim_pod *pod, const struct sim_disk_faults *faults);

/* How far the node's wall clock is off; drift bends its monotonic clock as well. */
void sim_pod_clock(struct sim_pod *pod, const int64_t *skew_ns, const int64_t *drift_ppm,
                   const int64_t *jump_ns);
/* Sets it right: no skew, no drift, and true time on the wall, whatever was before. */
void sim_pod_clock_right(struct sim_pod *pod);

/* Truth about its disk, verified by content. */
bool sim_pod_has(struct sim_pod *pod, struct rp_view path);
bool sim_pod_holds_all(struct sim_pod *pod);
/* Visible names in order, after `cursor`; borrowed until the next event. */
size_t sim_pod_files(struct sim_pod *pod, struct rp_view cursor, struct rp_view *paths_out,
                     size_t max);
/* The hash of the bytes that its disk holds now under a visible name, as 64 hex digits. Errors:
 * RP_ERR_NOT_FOUND, RP_ERR_NOMEM. */
RP_MUST_USE int sim_pod_sha256(struct sim_pod *pod, struct rp_view path, char hex_out[64]);
/* Behind the node's back. Errors: RP_ERR_NOT_FOUND. */
RP_MUST_USE int sim_pod_remove(struct sim_pod *pod, struct rp_view path);
/* Its files are looked through now, by the node itself: who is down does so at its start. */
void sim_pod_scrub(struct sim_pod *pod);
enum sim_corruption { SIM_CORRUPT_FLIP, SIM_CORRUPT_TRUNCATE, SIM_CORRUPT_ZERO, SIM_CORRUPT_SWAP };
RP_MUST_USE int sim_pod_corrupt(struct sim_pod *pod, struct rp_view path, enum sim_corruption kind);
/* A file that nobody registered, put on its disk (off-manifest tests). */
RP_MUST_USE int sim_pod_put(struct sim_pod *pod, struct rp_view path, uint64_t size_bytes);

/* ---- Consensus messages in the hands of attackers (sim/raft_wire.h) */
struct rp_buffer;
struct rp_chunk;
struct sim_endpoint;
struct sim_raft_message;
/* The message that a datagram carries, borrowed; NULL: it carries none. */
const struct sim_raft_message *sim_pod_raft_message(struct rp_chunk chunk);
/* Its bytes as they pass in that session, signed by its sender. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_pod_raft_bytes(const struct sim_pod *sender,
                                   const struct sim_raft_message *message, uint64_t session,
                                   struct rp_buffer *bytes_out);
/* The checkers are told that somebody keeps them. */
void sim_pod_note_recording(struct sim_pod *sender, const struct sim_raft_message *message);
/* A datagram of these bytes for that receiver; the reference is the caller's. Errors: RP_ERR_INVALID
 * (they are no message), RP_ERR_NOMEM. */
RP_MUST_USE int sim_pod_raft_chunk(struct sim_pod *receiver, struct rp_view bytes,
                                   struct rp_chunk *chunk_out);
/* Such a datagram goes from that endpoint to the pod's consensus address. Errors likewise. */
RP_MUST_USE int sim_pod_send_raft(struct sim_pod *pod, struct sim_endpoint *from,
                                  struct rp_view bytes);
/* A message that nobody made (enum sim_raft_message_kind), to the pod in the name of `source`. Errors:
 * RP_ERR_NOMEM. */
RP_MUST_USE int sim_pod_forge_raft(struct sim_pod *pod, const struct sim_pod *source,
                                   const struct rp_alloc *alloc, int kind,
                                   struct sim_raft_message **message_out);

/* What lies on its disk of the replicated log. False: nothing (another kind of consensus). */
struct sim_pod_log {
    uint64_t raft_id, last_index, durable_index;
};
bool sim_pod_log(const struct sim_pod *pod, struct sim_pod_log *log_out);
/* Raft ids of the voters in the latest configuration there; returns the whole count. */
size_t sim_pod_voters(const struct sim_pod *pod, uint64_t *ids_out, size_t max);

/* The puller's counters, by the names of behaviour.md 7.7; all lives added up. */
struct sim_counter {
    const char *name;
    uint64_t value;
};
size_t sim_pod_counters(struct sim_pod *pod, struct sim_counter *counters_out, size_t max);
/* Events of the present life, start-up included; and a stop or kill at the k-th. */
uint64_t sim_pod_event_count(const struct sim_pod *pod);
void sim_pod_at_event(struct sim_pod *pod, uint64_t event_number, bool is_kill);

#endif
