/* A clock that is wrong: a wall clock that is skewed and jumps, and a drift of both clocks.
 *
 * The arithmetic is a struct of its own, for a world that keeps its timers itself; over it stands a
 * decorator of a clock port, for a process whose clock and timers are given. Integers only.
 *
 *   own  = anchor_own + (true - anchor_true) * (1 + drift_ppm / 1e6)
 *   wall = true wall + (own - true) + skew + jumps
 *
 * The monotonic clock never steps, also when the drift changes: the anchor moves to that moment. Skew
 * and jumps together are at most FAULT_CLOCK_OFF_MAX_NS either way: more is taken as so much. */
#ifndef REPLISIM_FAULT_CLOCK_H
#define REPLISIM_FAULT_CLOCK_H

#include "protocol/ports.h"

/* A century. */
#define FAULT_CLOCK_OFF_MAX_NS (INT64_C(100) * 365 * 86400 * (int64_t)RP_NS_PER_S)

struct fault_clock_face {
    rp_time_ns anchor_true_ns, anchor_own_ns; /* where the present rate began */
    int64_t drift_ppm;                        /* above -1e6, at most 1e6 */
    int64_t skew_ns, jump_ns;                 /* of the wall clock; jumps add up */
};

/* Right from `true_ns` on, which is by a clock that does not err. */
void fault_clock_face_init(struct fault_clock_face *face, rp_time_ns true_ns);
rp_time_ns fault_clock_face_own(const struct fault_clock_face *face, rp_time_ns true_ns);
int64_t fault_clock_face_wall(const struct fault_clock_face *face, rp_time_ns true_ns,
                              int64_t true_wall_unix_ns);
/* The first true time from `true_ns` on at which the face shows `own_ns` or more, or a little earlier
 * by rounding; below RP_TIME_NEVER. */
rp_time_ns fault_clock_face_when(const struct fault_clock_face *face, rp_time_ns true_ns,
                                 rp_time_ns own_ns);
void fault_clock_face_jump(struct fault_clock_face *face, int64_t jump_ns);
void fault_clock_face_drift(struct fault_clock_face *face, rp_time_ns true_ns, int64_t drift_ppm);

/* ---- The decorator ------------------------------------------------------------------------------ */

struct fault_clock;

/* Over a clock that is taken to be right; borrowed, as all ports. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int fault_clock_new(const struct rp_alloc *alloc, const struct rp_clock_port *clock,
                                struct fault_clock **clock_out);
/* Timers that are still armed never fire; the node's memory is not touched. NULL is fine. */
void fault_clock_free(struct fault_clock *clock);
/* For the node. Borrowed. It takes memory for as many timers as were ever armed at once; a process
 * that cannot have a timer cannot go on, so being out of memory there is a panic. */
const struct rp_clock_port *fault_clock_port(const struct fault_clock *clock);

void fault_clock_set_skew(struct fault_clock *clock, int64_t skew_ns);
void fault_clock_jump(struct fault_clock *clock, int64_t jump_ns); /* the wall clock, for good */
/* Armed timers keep their deadlines of the wrong clock, so their true times move. */
void fault_clock_set_drift(struct fault_clock *clock, int64_t drift_ppm);
size_t fault_clock_armed_count(const struct fault_clock *clock);

#endif
