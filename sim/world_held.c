/* Memory behind an event that may never come, since the run can end first. */
#include <stddef.h>

#include "sim/world_internal.h"

struct sim_held {
    struct sim_held *next, **link;
    max_align_t bytes[];
};

void *sim_world_hold(struct sim_world *world, size_t size_bytes)
{
    struct sim_held *held = rp_allocate_zeroed(&world->alloc, sizeof *held + size_bytes);
    if (held == NULL) {
        return NULL;
    }
    held->next = world->held;
    held->link = &world->held;
    if (held->next != NULL) {
        held->next->link = &held->next;
    }
    world->held = held;
    return held->bytes;
}

void sim_world_let_go(struct sim_world *world, void *block)
{
    struct sim_held *held = (void *)((char *)block - offsetof(struct sim_held, bytes));
    *held->link = held->next;
    if (held->next != NULL) {
        held->next->link = held->link;
    }
    rp_release(&world->alloc, held);
}

void sim_world_let_all_go(struct sim_world *world)
{
    while (world->held != NULL) {
        sim_world_let_go(world, world->held->bytes);
    }
}
