#include "protocol/node_internal.h"

/* behaviour.md 13.3: consensus, puller and walk, listener, health, discovery; or the listener first. */

static void on_discovery_timer(void *context)
{
    node_discovery_run(context);
}

/* Who hears of a file while consensus starts: its restore and its first entries come from there. */
static bool hears_from_birth(const struct rp_node *node)
{
    return node->traits->callbacks == RP_CALLBACKS_FROM_BIRTH;
}

static int start_consensus(struct rp_node *node)
{
    node->are_callbacks_attached = hears_from_birth(node);
    int error =
        node->ports.consensus.start(node->ports.consensus.state, node->config.is_raft_bootstrap);
    node->are_callbacks_attached = true;
    return error;
}

static void start_pulling(struct rp_node *node)
{
    struct rp_observation seen = {.kind = RP_SEE_STARTED};
    node_see(node, &seen);
    if (node->config.is_replication_enabled) {
        rp_puller_start(node->puller, node_now(node));
    }
    node_walk_start(node);
    node_reconcile_start(node);
    node_scrub_start(node);
}

/* behaviour.md 14: no address, no listener. */
static int listen(struct rp_node *node)
{
    if (node->config.coordinator_addr[0] == '\0') {
        return 0;
    }
    return node->ports.net.listen(node->ports.net.state);
}

/* The listener can be taken back at once, so nothing runs when either fails. Nobody comes in before
 * the start returns. */
static int start_listening_first(struct rp_node *node)
{
    int error = listen(node);
    if (error != 0) {
        return error;
    }
    error = start_consensus(node);
    if (error != 0) {
        node->ports.net.listen_stop(node->ports.net.state);
        return error;
    }
    start_pulling(node);
    return 0;
}

/* behaviour.md 13.3: consensus and the walk are under way before anybody can come in. A listener that
 * fails then leaves them running, and the node alone. */
static int start_walking_first(struct rp_node *node)
{
    int error = start_consensus(node);
    if (error != 0) {
        return error;
    }
    start_pulling(node);
    if (listen(node) != 0) {
        node_log(node, RP_LOG_ERROR, "the peer channel cannot listen: nobody is served");
    }
    return 0;
}

static int start_parts(struct rp_node *node)
{
    return node->traits->start_order == RP_START_LISTENER_FIRST ? start_listening_first(node)
                                                                : start_walking_first(node);
}

int rp_node_start(struct rp_node *node)
{
    RP_ASSERT(node->phase == NODE_NEW || node->phase == NODE_STANDALONE);
    if (node->phase == NODE_STANDALONE) {
        return 0; /* behaviour.md 13.1: no listener, no puller */
    }
    node->phase = NODE_RUNNING;
    node->is_accepting = node->is_flush_open = true;
    int error = start_parts(node);
    if (error != 0) {
        node->phase = NODE_STOPPED;
        return error;
    }
    node_health_start(node);
    node_compact_start(node);
    node_timer_init(&node->discovery_timer, on_discovery_timer, node);
    node_arm_after(node, &node->discovery_timer, 0);
    node_kick(node);
    return 0;
}
