#include "protocol/node_internal.h"

/* behaviour.md 13.3: consensus, puller and walk, listener, health, discovery. */

static void on_discovery_timer(void *context)
{
    node_discovery_run(context);
}

int rp_node_start(struct rp_node *node)
{
    RP_ASSERT(node->phase == NODE_NEW || node->phase == NODE_STANDALONE);
    if (node->phase == NODE_STANDALONE) {
        return 0; /* behaviour.md 13.1: no listener, no puller */
    }
    node->phase = NODE_RUNNING;
    /* The listener first: it can be taken back at once. Nobody comes in before this returns. */
    int error = node->ports.net.listen(node->ports.net.state);
    if (error == 0) {
        error = node->ports.consensus.start(node->ports.consensus.state,
                                            node->config.is_raft_bootstrap);
        if (error != 0) {
            node->ports.net.listen_stop(node->ports.net.state);
        }
    }
    if (error != 0) {
        node->phase = NODE_STOPPED;
        return error;
    }
    struct rp_observation seen = {.kind = RP_SEE_STARTED};
    node_see(node, &seen);
    if (node->config.is_replication_enabled) {
        rp_puller_start(node->puller, node_now(node));
    }
    node_walk_start(node);
    node_health_start(node);
    node_timer_init(&node->discovery_timer, on_discovery_timer, node);
    node_arm_after(node, &node->discovery_timer, 0);
    node_kick(node);
    return 0;
}
