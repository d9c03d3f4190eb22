/* A clock that moves when told, with the timers of whoever armed them. */
#ifndef REPLISIM_TESTS_FAULT_FAKE_CLOCK_H
#define REPLISIM_TESTS_FAULT_FAKE_CLOCK_H

#include <check.h>

#include "protocol/ports.h"

#define FAKE_TIMER_MAX 32

struct fake_clock {
    rp_time_ns now_ns;
    int64_t wall_offset_ns;
    struct rp_timer *timers[FAKE_TIMER_MAX];
    rp_time_ns deadlines_ns[FAKE_TIMER_MAX];
    size_t arm_count; /* calls */
};

static inline rp_time_ns fake_clock_now(void *state)
{
    return ((struct fake_clock *)state)->now_ns;
}

static inline int64_t fake_clock_wall(void *state)
{
    struct fake_clock *clock = state;
    return (int64_t)clock->now_ns + clock->wall_offset_ns;
}

static inline void fake_clock_disarm(void *state, struct rp_timer *timer)
{
    struct fake_clock *clock = state;
    if (timer->port_handle != 0) {
        ck_assert_ptr_eq(clock->timers[timer->port_handle - 1], timer);
        clock->timers[timer->port_handle - 1] = NULL;
        timer->port_handle = 0;
    }
}

static inline void fake_clock_arm(void *state, struct rp_timer *timer, rp_time_ns deadline_ns)
{
    struct fake_clock *clock = state;
    fake_clock_disarm(state, timer);
    size_t place = 0;
    while (place < FAKE_TIMER_MAX && clock->timers[place] != NULL) {
        place += 1;
    }
    ck_assert_uint_lt(place, FAKE_TIMER_MAX);
    clock->timers[place] = timer;
    clock->deadlines_ns[place] = deadline_ns;
    clock->arm_count += 1;
    timer->port_handle = place + 1;
}

static inline struct rp_clock_port fake_clock_port(struct fake_clock *clock)
{
    return (struct rp_clock_port){clock, fake_clock_now, fake_clock_wall, fake_clock_arm,
                                  fake_clock_disarm};
}

static inline size_t fake_clock_armed(const struct fake_clock *clock)
{
    size_t count = 0;
    for (size_t place = 0; place < FAKE_TIMER_MAX; place += 1) {
        count += clock->timers[place] != NULL;
    }
    return count;
}

/* Fires the earliest timer that is due until `at_ns`. False: there is none. */
static inline bool fake_clock_fire(struct fake_clock *clock, rp_time_ns at_ns)
{
    size_t first = FAKE_TIMER_MAX;
    for (size_t place = 0; place < FAKE_TIMER_MAX; place += 1) {
        if (clock->timers[place] != NULL && clock->deadlines_ns[place] <= at_ns &&
            (first == FAKE_TIMER_MAX || clock->deadlines_ns[place] < clock->deadlines_ns[first])) {
            first = place;
        }
    }
    if (first == FAKE_TIMER_MAX) {
        return false;
    }
    struct rp_timer *timer = clock->timers[first];
    clock->timers[first] = NULL;
    timer->port_handle = 0;
    if (clock->deadlines_ns[first] > clock->now_ns) {
        clock->now_ns = clock->deadlines_ns[first];
    }
    timer->fire(timer->context);
    return true;
}

static inline void fake_clock_advance(struct fake_clock *clock, rp_time_ns at_ns)
{
    while (fake_clock_fire(clock, at_ns)) {
    }
    clock->now_ns = at_ns;
}

static inline uint64_t fake_random_next(void *state)
{
    uint64_t *word = state;
    *word = *word * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *word ^ *word >> 29;
}

#endif
