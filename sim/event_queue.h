/* The one order of everything: events by (time, sequence number), with real cancel.
 *
 * Times are true virtual nanoseconds since the world was made. Events of one time run in the order
 * in which they were added; with a permutation key set, events of one time run in an order drawn
 * from that key instead. Adding at a time that has passed means now, after what is already due.
 * Cancel is O(1): almost every time-out of this workload is cancelled.
 *
 * The `kind` is a small constant that goes into the fingerprint with the time and `argument`;
 * contexts are addresses and never do. */
#ifndef REPLISIM_SIM_EVENT_QUEUE_H
#define REPLISIM_SIM_EVENT_QUEUE_H

#include "protocol/types.h"

/* X(name, text): what an event is, for traces. Append only. */
#define SIM_EVENT_TABLE(X)                                                                         \
    X(SIM_EVENT_TIMER, "timer") /* a node's timer */                                               \
    X(SIM_EVENT_NET, "net")     /* a connection's segment, handshake or close */                   \
    X(SIM_EVENT_STORE, "store") /* a store completion */                                           \
    X(SIM_EVENT_RAFT_TICK, "raft-tick")                                                            \
    X(SIM_EVENT_RAFT_MESSAGE, "raft-message")                                                      \
    X(SIM_EVENT_RAFT_IO, "raft-io") /* a log write or a completion of consensus */                 \
    X(SIM_EVENT_STORY, "story")     /* a resume of the scenario */                                 \
    X(SIM_EVENT_POD, "pod")         /* start, grace end, kill, pause end */                        \
    X(SIM_EVENT_WORKLOAD, "workload")                                                              \
    X(SIM_EVENT_FAULT, "fault")                                                                    \
    X(SIM_EVENT_WORLD, "world") /* phases of the run itself */                                     \
    X(SIM_EVENT_TEST, "test")

#define SIM_EVENT_ENUM(name, text) name,
enum sim_event_kind { SIM_EVENT_TABLE(SIM_EVENT_ENUM) SIM_EVENT_KIND_COUNT };
#undef SIM_EVENT_ENUM

typedef uint64_t sim_event; /* index and generation; 0 = none. A stale handle is ignored. */
typedef void (*sim_event_fn)(void *context, uint64_t argument);

struct sim_event_queue;

/* Called just before each event runs: trace and fingerprint. */
struct sim_event_watch {
    void *context;
    void (*event)(void *context, rp_time_ns now_ns, enum sim_event_kind kind, uint64_t argument);
};

/* Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_event_queue_new(const struct rp_alloc *alloc,
                                    struct sim_event_queue **queue_out);
void sim_event_queue_free(struct sim_event_queue *queue);
void sim_event_queue_watch(struct sim_event_queue *queue, const struct sim_event_watch *watch);
/* 0: first in, first out (the default). */
void sim_event_queue_permute(struct sim_event_queue *queue, uint64_t key);

rp_time_ns sim_event_queue_now(const struct sim_event_queue *queue);
/* Out of memory is a panic: the simulator itself cannot go on. */
sim_event sim_event_queue_add(struct sim_event_queue *queue, rp_time_ns at_ns,
                              enum sim_event_kind kind, sim_event_fn run, void *context,
                              uint64_t argument);
/* False: it ran already, was cancelled, or never was. */
bool sim_event_queue_cancel(struct sim_event_queue *queue, sim_event event);
/* RP_TIME_NEVER: empty. */
rp_time_ns sim_event_queue_next_time(struct sim_event_queue *queue);
/* Moves time to the next event and runs it. False: empty. */
bool sim_event_queue_step(struct sim_event_queue *queue);
/* Moves time on to `at_ns`; no event may be due before it. */
void sim_event_queue_advance(struct sim_event_queue *queue, rp_time_ns at_ns);
size_t sim_event_queue_pending(const struct sim_event_queue *queue);
uint64_t sim_event_queue_run_count(const struct sim_event_queue *queue);
const char *sim_event_kind_name(enum sim_event_kind kind);

#endif
