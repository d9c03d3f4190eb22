/* Property checkers (invariants.md): they watch from outside and report to the world. The world calls
 * these; `check` files see pods only through sim/pod.h and rp_node_inspect, and truth through
 * sim/truth.h. All state is here, none in the nodes. O(1) per observation; scans only at rest. */
#ifndef REPLISIM_SIM_CHECK_H
#define REPLISIM_SIM_CHECK_H

#include "protocol/observe.h"
#include "sim/body.h"
#include "sim/pod.h"
#include "sim/property.h"
#include "sim/store.h"

struct sim_checks;

/* What a node asks of the world beyond its disk that others can see. */
enum sim_effect { SIM_EFFECT_PROPOSAL, SIM_EFFECT_MEMBERSHIP };

/* Where in the run a check at rest is made. */
enum sim_rest {
    SIM_REST_WEAK,  /* after weak heal: faults off, nobody restarted */
    SIM_REST_STRONG /* after the rolling restart */
};

/* How the wait for rest ended. */
enum sim_rest_end {
    SIM_REST_LATE,   /* it did not come in time */
    SIM_REST_QUIET,  /* all is at rest */
    SIM_REST_EXCUSED /* no leader is possible (sim/recover.h): liveness is not owed, safety is */
};

RP_MUST_USE int sim_checks_new(struct sim_world *world, const struct rp_alloc *alloc,
                               struct sim_checks **checks_out);
void sim_checks_free(struct sim_checks *checks);

/* A property switched off reports nothing (sim_world_spec; for tests of the checkers). */
void sim_checks_disable(struct sim_checks *checks, enum sim_property property);

/* The present life of the pod saw this. */
void sim_checks_observe(struct sim_checks *checks, struct sim_pod *pod,
                        const struct rp_observation *observation);
/* A final name of the pod's volume shows this content now; `sha256` is what it was staged for. */
void sim_checks_visible(struct sim_checks *checks, struct sim_pod *pod, struct rp_view path,
                        struct rp_view sha256, const struct sim_content *content, bool is_by_node);
/* A final name shows nothing any more; `content` is what it showed. */
void sim_checks_vanished(struct sim_checks *checks, struct sim_pod *pod, struct rp_view path,
                         const struct sim_content *content, bool is_by_node);
/* The node calls its store for the object of that name. */
void sim_checks_called(struct sim_checks *checks, struct sim_pod *pod, enum sim_store_call call,
                       struct rp_view path);
/* Truth about a consensus message that the pod's library was given. */
struct sim_check_consensus {
    const char *kind;
    uint64_t term;
    bool is_authentic;      /* a member made its bytes as they are */
    bool is_of_cluster;     /* of the pod's own */
    bool is_addressed_here; /* to the pod's raft id */
    bool is_of_session;     /* sent to the life that got it */
    bool is_resent;         /* by the transport of its sender */
    uint64_t identity[3];   /* session of the sender, addressee, number: of one message alone */
};
void sim_checks_consensus(struct sim_checks *checks, struct sim_pod *pod,
                          const struct sim_check_consensus *seen);
/* Somebody on the path has its bytes now: it may be taken once, with or without their doing. */
void sim_checks_consensus_recorded(struct sim_checks *checks, const uint64_t identity[3]);
/* From sim/port_watch.h. A connection of the node exists from now on; is_inbound: it was accepted. */
void sim_checks_conn_opened(struct sim_checks *checks, struct sim_pod *pod, uint64_t conn,
                            bool is_inbound);
/* The node is given bytes of it; until call_ends it works on them. */
void sim_checks_call_begins(struct sim_checks *checks, struct sim_pod *pod, uint64_t conn,
                            struct rp_view bytes);
void sim_checks_call_ends(struct sim_checks *checks, struct sim_pod *pod);
void sim_checks_conn_sent(struct sim_checks *checks, struct sim_pod *pod, uint64_t conn,
                          struct rp_view bytes);
/* by_node: the node closed or aborted it; else it is dead. */
void sim_checks_conn_closed(struct sim_checks *checks, struct sim_pod *pod, uint64_t conn,
                            bool is_by_node);
void sim_checks_effect(struct sim_checks *checks, struct sim_pod *pod, enum sim_effect effect);
/* The node asks for so much memory while it takes in bytes from outside. */
void sim_checks_allocated(struct sim_checks *checks, struct sim_pod *pod, size_t size_bytes);
/* Something is about to call into the node. */
void sim_checks_step(struct sim_checks *checks, struct sim_pod *pod);
/* A command is about to be applied by the pod's node. */
void sim_checks_command(struct sim_checks *checks, struct sim_pod *pod, uint64_t index,
                        uint64_t term, struct rp_view command);
/* The pod's consensus identity gives its vote in that term. */
void sim_checks_voted(struct sim_checks *checks, struct sim_pod *pod, uint64_t raft_id,
                      uint64_t term, uint64_t vote);
/* A log was taken away with its volume. */
void sim_checks_log_lost(struct sim_checks *checks);
/* A member has turned hostile, for the first time in this run or again. */
void sim_checks_hostile(struct sim_checks *checks);
/* Damaged behind the node's back: exempt until the node next judges it. */
/* A staging object of its store grew (sim_store_watch). */
void sim_checks_staged(struct sim_checks *checks, struct sim_pod *pod, struct rp_view path,
                       struct rp_view sha256, const struct sim_content *content,
                       uint64_t from_bytes);
void sim_checks_damaged(struct sim_checks *checks, struct sim_pod *pod, struct rp_view path);
void sim_checks_life_begins(struct sim_checks *checks, struct sim_pod *pod);
/* is_crash: killed; else an orderly stop completed, or (is_late) the grace ran out. */
void sim_checks_life_ends(struct sim_checks *checks, struct sim_pod *pod, bool is_crash);
/* An orderly stop was asked for, and how long it took when it completed. */
void sim_checks_stop_begins(struct sim_checks *checks, struct sim_pod *pod);
/* The node admits a query now. */
void sim_checks_query(struct sim_checks *checks, struct sim_pod *pod);
/* At quiescence, or when it did not come. */
void sim_checks_rest(struct sim_checks *checks, enum sim_rest rest, enum sim_rest_end end);
/* After the stop of everything, while pods' resources can still be counted. */
void sim_checks_end(struct sim_checks *checks);

#endif
