#include "sim/clock.h"

#include "fault/clock.h"
#include "protocol/error.h"
#include "protocol/panic.h"

/* One armed timer. The slot is the world's, so the node's memory is touched only to fire or on a
 * call of the node. */
struct armed {
    struct rp_timer *timer; /* NULL: free */
    rp_time_ns deadline_ns; /* of the node's clock */
    uint64_t sequence;
    sim_event event; /* 0: overdue, held back by a freeze */
    uint32_t generation;
};

struct sim_clock {
    const struct rp_alloc *alloc;
    struct sim_event_queue *queue;
    struct rp_clock_port port;
    struct sim_gate gate;
    uint64_t event_argument;
    bool is_attached;
    struct fault_clock_face face; /* what is wrong with it */
    int64_t wall_base_unix_ns;    /* true wall minus true time */
    struct armed *slots;          /* owned */
    uint32_t slot_max, armed_count;
    uint64_t sequence_next;
};

static rp_time_ns true_now(const struct sim_clock *clock)
{
    return sim_event_queue_now(clock->queue);
}

rp_time_ns sim_clock_now(const struct sim_clock *clock)
{
    return fault_clock_face_own(&clock->face, true_now(clock));
}

int64_t sim_clock_wall(const struct sim_clock *clock)
{
    rp_time_ns true_ns = true_now(clock);
    return fault_clock_face_wall(&clock->face, true_ns,
                                 clock->wall_base_unix_ns + (int64_t)true_ns);
}

static uint64_t handle_of(const struct sim_clock *clock, const struct armed *slot)
{
    return ((uint64_t)slot->generation << 32) | (uint64_t)(slot - clock->slots + 1);
}

static void slot_free(struct sim_clock *clock, struct armed *slot)
{
    slot->timer = NULL;
    slot->event = 0;
    slot->generation += 1;
    clock->armed_count -= 1;
}

static void timer_due(void *context, uint64_t argument);

/* The event's argument goes into the fingerprint: the pod in the low bits, the slot above. */
static void schedule(struct sim_clock *clock, struct armed *slot)
{
    uint64_t argument = (uint64_t)(slot - clock->slots) << 32 | (uint32_t)clock->event_argument;
    rp_time_ns at_ns = fault_clock_face_when(&clock->face, true_now(clock), slot->deadline_ns);
    slot->event =
        sim_event_queue_add(clock->queue, at_ns, SIM_EVENT_TIMER, timer_due, clock, argument);
}

static void timer_due(void *context, uint64_t argument)
{
    struct sim_clock *clock = context;
    struct armed *slot = &clock->slots[argument >> 32];
    slot->event = 0;
    if (sim_clock_now(clock) < slot->deadline_ns) {
        schedule(clock, slot); /* rounding of the drift left it a little early */
        return;
    }
    if (!sim_gate_enter(&clock->gate)) {
        return;
    }
    struct sim_gate gate = clock->gate;
    struct rp_timer *timer = slot->timer;
    slot_free(clock, slot);
    timer->port_handle = 0;
    timer->fire(timer->context);
    sim_gate_leave(&gate);
}

static struct armed *slot_of(struct sim_clock *clock, const struct rp_timer *timer)
{
    uint32_t index = (uint32_t)timer->port_handle - 1u;
    if (timer->port_handle == 0 || index >= clock->slot_max) {
        return NULL;
    }
    struct armed *slot = &clock->slots[index];
    bool is_same = slot->timer == timer && slot->generation == (uint32_t)(timer->port_handle >> 32);
    return is_same ? slot : NULL;
}

static struct armed *slot_take(struct sim_clock *clock)
{
    if (clock->armed_count == clock->slot_max) {
        uint32_t slot_max = clock->slot_max == 0 ? 32 : clock->slot_max * 2;
        struct armed *slots = rp_resize(clock->alloc, clock->slots, slot_max * sizeof *slots);
        RP_ASSERT(slots != NULL);
        memset(slots + clock->slot_max, 0, (slot_max - clock->slot_max) * sizeof *slots);
        clock->slots = slots;
        clock->slot_max = slot_max;
    }
    uint32_t index = clock->armed_count;
    while (clock->slots[index % clock->slot_max].timer != NULL) {
        index += 1;
    }
    clock->armed_count += 1;
    return &clock->slots[index % clock->slot_max];
}

static void port_disarm(void *state, struct rp_timer *timer)
{
    struct sim_clock *clock = state;
    struct armed *slot = slot_of(clock, timer);
    if (slot != NULL) {
        sim_event_queue_cancel(clock->queue, slot->event);
        slot_free(clock, slot);
    }
    timer->port_handle = 0;
}

static void port_arm(void *state, struct rp_timer *timer, rp_time_ns deadline_ns)
{
    struct sim_clock *clock = state;
    port_disarm(state, timer);
    if (!clock->is_attached) {
        return;
    }
    struct armed *slot = slot_take(clock);
    slot->timer = timer;
    slot->deadline_ns = deadline_ns;
    slot->sequence = clock->sequence_next;
    clock->sequence_next += 1;
    timer->port_handle = handle_of(clock, slot);
    schedule(clock, slot);
}

static rp_time_ns port_now(void *state)
{
    return sim_clock_now(state);
}

static int64_t port_wall(void *state)
{
    return sim_clock_wall(state);
}

int sim_clock_new(const struct rp_alloc *alloc, struct sim_event_queue *queue,
                  int64_t wall_base_unix_ns, struct sim_clock **clock_out)
{
    struct sim_clock *clock = rp_allocate_zeroed(alloc, sizeof *clock);
    if (clock == NULL) {
        return RP_ERR_NOMEM;
    }
    clock->alloc = alloc;
    clock->queue = queue;
    clock->wall_base_unix_ns = wall_base_unix_ns;
    fault_clock_face_init(&clock->face, sim_event_queue_now(queue));
    clock->port.state = clock;
    clock->port.now_ns = port_now;
    clock->port.wall_unix_ns = port_wall;
    clock->port.arm = port_arm;
    clock->port.disarm = port_disarm;
    *clock_out = clock;
    return 0;
}

void sim_clock_free(struct sim_clock *clock)
{
    if (clock != NULL) {
        sim_clock_detach(clock);
        rp_release(clock->alloc, clock->slots);
        rp_release(clock->alloc, clock);
    }
}

const struct rp_clock_port *sim_clock_attach(struct sim_clock *clock, const struct sim_gate *gate,
                                             uint64_t event_argument)
{
    RP_ASSERT(!clock->is_attached);
    memset(&clock->gate, 0, sizeof clock->gate);
    if (gate != NULL) {
        clock->gate = *gate;
    }
    clock->event_argument = event_argument;
    clock->is_attached = true;
    return &clock->port;
}

void sim_clock_detach(struct sim_clock *clock)
{
    for (uint32_t index = 0; index < clock->slot_max; index += 1) {
        if (clock->slots[index].timer != NULL) {
            sim_event_queue_cancel(clock->queue, clock->slots[index].event);
            slot_free(clock, &clock->slots[index]);
        }
    }
    clock->is_attached = false;
}

/* Each held timer gets its event in order of (deadline, arming): the next one is searched for, as
 * there are few. */
void sim_clock_thaw(struct sim_clock *clock)
{
    for (;;) {
        struct armed *next = NULL;
        for (uint32_t index = 0; index < clock->slot_max; index += 1) {
            struct armed *slot = &clock->slots[index];
            if (slot->timer == NULL || slot->event != 0) {
                continue;
            }
            if (next == NULL || slot->deadline_ns < next->deadline_ns ||
                (slot->deadline_ns == next->deadline_ns && slot->sequence < next->sequence)) {
                next = slot;
            }
        }
        if (next == NULL) {
            return;
        }
        schedule(clock, next);
    }
}

void sim_clock_set_skew(struct sim_clock *clock, int64_t skew_ns)
{
    clock->face.skew_ns = skew_ns;
}

void sim_clock_jump(struct sim_clock *clock, int64_t jump_ns)
{
    fault_clock_face_jump(&clock->face, jump_ns);
}

/* Armed timers keep their deadlines of the node's clock, so their true times move. */
void sim_clock_set_drift(struct sim_clock *clock, int64_t drift_ppm)
{
    fault_clock_face_drift(&clock->face, true_now(clock), drift_ppm);
    for (uint32_t index = 0; index < clock->slot_max; index += 1) {
        struct armed *slot = &clock->slots[index];
        if (slot->timer != NULL && slot->event != 0) {
            sim_event_queue_cancel(clock->queue, slot->event);
            schedule(clock, slot);
        }
    }
}

size_t sim_clock_armed_count(const struct sim_clock *clock)
{
    return clock->armed_count;
}
