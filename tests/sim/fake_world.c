/* The little of a world that the sandbox calls, for tests that have none. */
#include "sim/world.h"

void sim_world_log(struct sim_world *world, struct rp_view node_id, const char *text)
{
    (void)world;
    (void)node_id;
    (void)text;
}

rp_time_ns sim_world_now(const struct sim_world *world)
{
    (void)world;
    return 0;
}
