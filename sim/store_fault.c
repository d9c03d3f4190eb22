/* The faults of calls stand between the node and the port: a decorator that lives as long as the
 * volume, on true time, with a stream of its own. */
#include "sim/store_internal.h"

#define TIMER_ARGUMENT UINT64_C(0xff) /* no kind of operation */

static rp_time_ns clock_now(void *state)
{
    return store_now(state);
}

static int64_t clock_wall(void *state)
{
    return (int64_t)store_now(state);
}

static void timer_due(void *context, uint64_t argument)
{
    (void)argument;
    struct rp_timer *timer = context;
    timer->port_handle = 0;
    timer->fire(timer->context);
}

static void clock_disarm(void *state, struct rp_timer *timer)
{
    struct sim_store *store = state;
    (void)sim_event_queue_cancel(store->disks->spec.queue, timer->port_handle);
    timer->port_handle = 0;
}

/* The event calls nobody in the node: it only lets calls go on to the port. */
static void clock_arm(void *state, struct rp_timer *timer, rp_time_ns deadline_ns)
{
    struct sim_store *store = state;
    clock_disarm(state, timer);
    timer->port_handle =
        sim_event_queue_add(store->disks->spec.queue, deadline_ns, SIM_EVENT_STORE, timer_due,
                            timer, store->spec.number << 8 | TIMER_ARGUMENT);
}

static uint64_t draw(void *state)
{
    return sim_rng_next(state);
}

static void note_acted(void *context, const char *name)
{
    const struct sim_store *store = context;
    sim_reach_fault(store->disks->spec.reach, name);
}

int store_fault_init(struct sim_store *store)
{
    struct fault_disk_params params = {
        .alloc = store_alloc(store),
        .store = store->port,
        .clock = {store, clock_now, clock_wall, clock_arm, clock_disarm},
        .random = {&store->fault_rng, draw},
        .context = store,
        .acted = note_acted,
    };
    return fault_disk_new(&params, &store->fault);
}
