#include "fault/clock.h"

#include "protocol/error.h"
#include "protocol/panic.h"

#define MILLION INT64_C(1000000)

/* ---- The face ------------------------------------------------------------------------------------ */

void fault_clock_face_init(struct fault_clock_face *face, rp_time_ns true_ns)
{
    memset(face, 0, sizeof *face);
    face->anchor_true_ns = true_ns;
    face->anchor_own_ns = true_ns;
}

/* span * ppm / 1e6 without overflow, rounded towards zero. */
static int64_t drift_of(uint64_t span_ns, int64_t ppm)
{
    int64_t whole = (int64_t)(span_ns / (uint64_t)MILLION);
    int64_t rest = (int64_t)(span_ns % (uint64_t)MILLION);
    return whole * ppm + rest * ppm / MILLION;
}

rp_time_ns fault_clock_face_own(const struct fault_clock_face *face, rp_time_ns true_ns)
{
    uint64_t span_ns = true_ns - face->anchor_true_ns;
    return face->anchor_own_ns + span_ns + (uint64_t)drift_of(span_ns, face->drift_ppm);
}

/* `left` is within the bound, `right` within twice of it. */
static int64_t bounded_sum(int64_t left_ns, int64_t right_ns)
{
    int64_t sum_ns = left_ns + right_ns;
    if (sum_ns > FAULT_CLOCK_OFF_MAX_NS) {
        return FAULT_CLOCK_OFF_MAX_NS;
    }
    return sum_ns < -FAULT_CLOCK_OFF_MAX_NS ? -FAULT_CLOCK_OFF_MAX_NS : sum_ns;
}

void fault_clock_face_jump(struct fault_clock_face *face, int64_t jump_ns)
{
    if (jump_ns > 2 * FAULT_CLOCK_OFF_MAX_NS) {
        jump_ns = 2 * FAULT_CLOCK_OFF_MAX_NS;
    } else if (jump_ns < -2 * FAULT_CLOCK_OFF_MAX_NS) {
        jump_ns = -2 * FAULT_CLOCK_OFF_MAX_NS;
    }
    face->jump_ns = bounded_sum(face->jump_ns, jump_ns);
}

int64_t fault_clock_face_wall(const struct fault_clock_face *face, rp_time_ns true_ns,
                              int64_t true_wall_unix_ns)
{
    int64_t ahead_ns = (int64_t)(fault_clock_face_own(face, true_ns) - true_ns);
    return true_wall_unix_ns + ahead_ns + bounded_sum(face->jump_ns, face->skew_ns);
}

rp_time_ns fault_clock_face_when(const struct fault_clock_face *face, rp_time_ns true_ns,
                                 rp_time_ns own_ns)
{
    rp_time_ns own_now_ns = fault_clock_face_own(face, true_ns);
    if (own_ns <= own_now_ns) {
        return true_ns;
    }
    uint64_t span_ns = own_ns - own_now_ns;
    uint64_t left_ns = RP_TIME_NEVER - 1 - true_ns;
    if (face->drift_ppm == 0) {
        return span_ns > left_ns ? RP_TIME_NEVER - 1 : true_ns + span_ns;
    }
    uint64_t rate = (uint64_t)(MILLION + face->drift_ppm);
    uint64_t whole = span_ns / rate;
    if (whole > (RP_TIME_NEVER >> 21)) {
        return RP_TIME_NEVER - 1;
    }
    uint64_t spent_ns = whole * (uint64_t)MILLION;
    spent_ns += ((span_ns % rate) * (uint64_t)MILLION + rate - 1) / rate;
    return spent_ns > left_ns ? RP_TIME_NEVER - 1 : true_ns + spent_ns;
}

void fault_clock_face_drift(struct fault_clock_face *face, rp_time_ns true_ns, int64_t drift_ppm)
{
    RP_ASSERT(drift_ppm > -MILLION && drift_ppm <= MILLION);
    rp_time_ns own_ns = fault_clock_face_own(face, true_ns);
    face->anchor_true_ns = true_ns;
    face->anchor_own_ns = own_ns;
    face->drift_ppm = drift_ppm;
}

/* ---- Alarms -------------------------------------------------------------------------------------- */

/* One armed timer of the node; it stays where it is, since the port under us holds `inner`. */
struct alarm {
    struct alarm *next, *previous; /* armed ones; spare ones use `next` alone */
    struct fault_clock *clock;
    struct rp_timer *outer; /* the node's */
    struct rp_timer inner;  /* ours */
    rp_time_ns deadline_ns; /* of the wrong clock */
};

struct fault_clock {
    const struct rp_alloc *alloc;
    struct rp_clock_port inner;
    struct rp_clock_port port;
    struct fault_clock_face face;
    struct alarm *armed, *spare; /* owned */
};

static rp_time_ns true_now(const struct fault_clock *clock)
{
    return clock->inner.now_ns(clock->inner.state);
}

static void alarm_start(struct alarm *alarm)
{
    struct fault_clock *clock = alarm->clock;
    rp_time_ns at_ns = fault_clock_face_when(&clock->face, true_now(clock), alarm->deadline_ns);
    clock->inner.arm(clock->inner.state, &alarm->inner, at_ns);
}

static void alarm_put_back(struct alarm *alarm)
{
    struct fault_clock *clock = alarm->clock;
    if (alarm->previous == NULL) {
        clock->armed = alarm->next;
    } else {
        alarm->previous->next = alarm->next;
    }
    if (alarm->next != NULL) {
        alarm->next->previous = alarm->previous;
    }
    alarm->outer = NULL;
    alarm->previous = NULL;
    alarm->next = clock->spare;
    clock->spare = alarm;
}

static void on_alarm(void *context)
{
    struct alarm *alarm = context;
    struct rp_timer *outer = alarm->outer;
    if (fault_clock_face_own(&alarm->clock->face, true_now(alarm->clock)) < alarm->deadline_ns) {
        alarm_start(alarm); /* rounding left it a little early */
        return;
    }
    alarm_put_back(alarm);
    outer->port_handle = 0;
    outer->fire(outer->context);
}

static struct alarm *alarm_take(struct fault_clock *clock)
{
    struct alarm *alarm = clock->spare;
    if (alarm != NULL) {
        clock->spare = alarm->next;
    } else {
        alarm = rp_allocate_zeroed(clock->alloc, sizeof *alarm);
        RP_ASSERT(alarm != NULL);
        alarm->clock = clock;
        alarm->inner.fire = on_alarm;
        alarm->inner.context = alarm;
    }
    alarm->previous = NULL;
    alarm->next = clock->armed;
    if (alarm->next != NULL) {
        alarm->next->previous = alarm;
    }
    clock->armed = alarm;
    return alarm;
}

/* ---- The port ------------------------------------------------------------------------------------ */

static rp_time_ns port_now(void *state)
{
    struct fault_clock *clock = state;
    return fault_clock_face_own(&clock->face, true_now(clock));
}

static int64_t port_wall(void *state)
{
    struct fault_clock *clock = state;
    return fault_clock_face_wall(&clock->face, true_now(clock),
                                 clock->inner.wall_unix_ns(clock->inner.state));
}

static void port_disarm(void *state, struct rp_timer *timer)
{
    struct fault_clock *clock = state;
    struct alarm *alarm = (struct alarm *)(uintptr_t)timer->port_handle;
    if (alarm != NULL) {
        clock->inner.disarm(clock->inner.state, &alarm->inner);
        alarm_put_back(alarm);
        timer->port_handle = 0;
    }
}

static void port_arm(void *state, struct rp_timer *timer, rp_time_ns deadline_ns)
{
    struct alarm *alarm = (struct alarm *)(uintptr_t)timer->port_handle;
    if (alarm == NULL) {
        alarm = alarm_take(state);
        alarm->outer = timer;
        timer->port_handle = (uint64_t)(uintptr_t)alarm;
    }
    alarm->deadline_ns = deadline_ns;
    alarm_start(alarm);
}

/* ---- Life ---------------------------------------------------------------------------------------- */

int fault_clock_new(const struct rp_alloc *alloc, const struct rp_clock_port *clock,
                    struct fault_clock **clock_out)
{
    struct fault_clock *made = rp_allocate_zeroed(alloc, sizeof *made);
    if (made == NULL) {
        return RP_ERR_NOMEM;
    }
    made->alloc = alloc;
    made->inner = *clock;
    made->port = (struct rp_clock_port){made, port_now, port_wall, port_arm, port_disarm};
    fault_clock_face_init(&made->face, true_now(made));
    *clock_out = made;
    return 0;
}

void fault_clock_free(struct fault_clock *clock)
{
    if (clock == NULL) {
        return;
    }
    while (clock->armed != NULL) {
        clock->inner.disarm(clock->inner.state, &clock->armed->inner);
        alarm_put_back(clock->armed);
    }
    while (clock->spare != NULL) {
        struct alarm *alarm = clock->spare;
        clock->spare = alarm->next;
        rp_release(clock->alloc, alarm);
    }
    rp_release(clock->alloc, clock);
}

const struct rp_clock_port *fault_clock_port(const struct fault_clock *clock)
{
    return &clock->port;
}

void fault_clock_set_skew(struct fault_clock *clock, int64_t skew_ns)
{
    clock->face.skew_ns = skew_ns;
}

void fault_clock_jump(struct fault_clock *clock, int64_t jump_ns)
{
    fault_clock_face_jump(&clock->face, jump_ns);
}

void fault_clock_set_drift(struct fault_clock *clock, int64_t drift_ppm)
{
    fault_clock_face_drift(&clock->face, true_now(clock), drift_ppm);
    for (struct alarm *alarm = clock->armed; alarm != NULL; alarm = alarm->next) {
        alarm_start(alarm);
    }
}

size_t fault_clock_armed_count(const struct fault_clock *clock)
{
    size_t count = 0;
    for (const struct alarm *alarm = clock->armed; alarm != NULL; alarm = alarm->next) {
        count += 1;
    }
    return count;
}
