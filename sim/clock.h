/* The clocks of one node: a monotonic one that may drift, a wall clock that may be skewed and jump,
 * and the timers of the present life. All arithmetic is in integers.
 *
 * The monotonic clock is true virtual time at a rate of (1 + drift_ppm / 1e6); it never steps, and
 * goes on while the process is frozen. The wall clock is base + true time + skew, drifting alike. What
 * a wrong clock shows is worked out in fault/clock.h, for a real process too; the timers are ours.
 * Not modelled: granularity of timers, slack, leap seconds. */
#ifndef REPLISIM_SIM_CLOCK_H
#define REPLISIM_SIM_CLOCK_H

#include "protocol/ports.h"
#include "sim/event_queue.h"
#include "sim/gate.h"

struct sim_clock;

/* `wall_base_unix_ns`: the true wall clock when the queue's time is 0. `queue` is borrowed.
 * Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_clock_new(const struct rp_alloc *alloc, struct sim_event_queue *queue,
                              int64_t wall_base_unix_ns, struct sim_clock **clock_out);
void sim_clock_free(struct sim_clock *clock);

/* Begins a life; the port is borrowed until sim_clock_detach. `event_argument` goes into the
 * fingerprint with each timer: the pod's number. The gate is copied. */
const struct rp_clock_port *sim_clock_attach(struct sim_clock *clock, const struct sim_gate *gate,
                                             uint64_t event_argument);
/* Ends it: no timer of that life fires any more; timers in the node's memory are not touched. */
void sim_clock_detach(struct sim_clock *clock);
/* After a freeze: overdue timers fire as events of now, in order of their deadlines. */
void sim_clock_thaw(struct sim_clock *clock);

void sim_clock_set_skew(struct sim_clock *clock, int64_t skew_ns);
void sim_clock_set_drift(struct sim_clock *clock, int64_t drift_ppm); /* above -1e6, at most 1e6 */
void sim_clock_jump(struct sim_clock *clock, int64_t jump_ns);        /* the wall clock only */

rp_time_ns sim_clock_now(const struct sim_clock *clock);
int64_t sim_clock_wall(const struct sim_clock *clock);
size_t sim_clock_armed_count(const struct sim_clock *clock);

#endif
