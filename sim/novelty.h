/* What a run came to that others have not: abstract states, and which faults met which states.
 *
 * A node's abstract state is what kind of node it is, its life, role, gate, join, walk, and in which phases it
 * has pulls, together with one kind of fault that is active in the run: as many states as kinds.
 * Each is a number of 64 bits, the same in every run, so a sweep can tell what is new. A cell is a kind
 * of fault and a state of the protocol (sim/reach.h) that was entered while the fault was active.
 *
 * A listener of the trace: without one a run does none of this, and its fingerprint knows nothing of it. */
#ifndef REPLISIM_SIM_NOVELTY_H
#define REPLISIM_SIM_NOVELTY_H

#include "sim/reach.h"
#include "sim/trace.h"

/* X(name, text): kinds of faults that can be active, by the marks of a trace. NONE: no other is. Those
 * that are done at once count as active for a while: what they break shows later. Append only: the numbers
 * are in the states. */
#define SIM_NOVELTY_FAULT_TABLE(X)                                                                 \
    X(SIM_NOVELTY_NONE, "none")                                                                    \
    X(SIM_NOVELTY_PARTITION, "partition")                                                          \
    X(SIM_NOVELTY_ISOLATE, "isolate")                                                              \
    X(SIM_NOVELTY_LINK, "link")                                                                    \
    X(SIM_NOVELTY_REFUSE, "refuse")                                                                \
    X(SIM_NOVELTY_STOP, "stop")                                                                    \
    X(SIM_NOVELTY_KILL, "kill")                                                                    \
    X(SIM_NOVELTY_PAUSE, "pause")                                                                  \
    X(SIM_NOVELTY_CLOCK, "clock")                                                                  \
    X(SIM_NOVELTY_DISK, "disk")                                                                    \
    X(SIM_NOVELTY_HOSTILE, "hostile")                                                              \
    X(SIM_NOVELTY_CORRUPT, "corrupt")                                                              \
    X(SIM_NOVELTY_REMOVE, "remove")                                                                \
    X(SIM_NOVELTY_ATTACKER, "attacker")                                                            \
    X(SIM_NOVELTY_LEADER, "leader")                                                                \
    X(SIM_NOVELTY_SNAPSHOT, "snapshot")                                                            \
    X(SIM_NOVELTY_SEGMENT, "segment")                                                              \
    X(SIM_NOVELTY_LATE, "late")                                                                    \
    X(SIM_NOVELTY_HANDLES, "handles")                                                              \
    X(SIM_NOVELTY_STALE_DNS, "stale_dns")

#define SIM_NOVELTY_FAULT_ENUM(name, text) name,
enum sim_novelty_fault { SIM_NOVELTY_FAULT_TABLE(SIM_NOVELTY_FAULT_ENUM) SIM_NOVELTY_FAULT_COUNT };
#undef SIM_NOVELTY_FAULT_ENUM

const char *sim_novelty_fault_name(enum sim_novelty_fault fault);
bool sim_novelty_fault_parse(struct rp_view name, enum sim_novelty_fault *fault_out);

/* States of one run that are told; further ones are counted. */
#define SIM_NOVELTY_STATE_MAX 4096

struct sim_novelty;
/* Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_novelty_new(const struct rp_alloc *alloc, struct sim_novelty **novelty_out);
void sim_novelty_free(struct sim_novelty *novelty); /* NULL is fine */
/* From now on; before the run's first event, and until the novelty is freed or the trace is gone. */
void sim_novelty_listen(struct sim_novelty *novelty, struct sim_trace *trace);

/* In the order in which they were reached; borrowed until the run goes on. */
size_t sim_novelty_states(const struct sim_novelty *novelty, const uint64_t **states_out);
/* How often states were reached that found no place any more. */
uint64_t sim_novelty_left_out(const struct sim_novelty *novelty);
uint64_t sim_novelty_cell(const struct sim_novelty *novelty, enum sim_novelty_fault fault,
                          enum sim_reach_state state);

#endif
