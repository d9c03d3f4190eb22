#include "protocol/node_stop.h"

#include "protocol/node_internal.h"

/* The ordered stop, whatever its order: one step after another, and one word at the end. */

static const struct node_stop_order *order_of(const struct rp_node *node)
{
    return node->traits->stop_order == RP_STOP_DRAINS_FIRST ? &node_stop_drains : &node_stop_hooks;
}

static bool is_last(const struct rp_node *node)
{
    return node->stop_step >= order_of(node)->step_count;
}

static void begin_step(struct rp_node *node)
{
    if (is_last(node)) {
        node_arm_after(node, &node->stop_timer, 0);
    } else {
        order_of(node)->begin(node, node->stop_step);
    }
}

static void next_step(struct rp_node *node)
{
    node_disarm(node, &node->stop_timer);
    node->stop_step += 1;
    begin_step(node);
}

static void on_step_timeout(void *context)
{
    struct rp_node *node = context;
    if (!is_last(node)) {
        next_step(node);
        node_stop_advance(node);
        return;
    }
    node->phase = NODE_STOPPED;
    struct rp_observation seen = {.kind = RP_SEE_STOPPED};
    node_see(node, &seen);
    node->stop_done(node->stop_context);
}

static void on_stop_call(void *owner, int error)
{
    (void)error; /* no successor was found: the cluster elects one */
    struct rp_node *node = owner;
    order_of(node)->called(node);
}

void node_stop_advance(struct rp_node *node)
{
    if (!node->is_stopping || node->is_dead) {
        return;
    }
    while (!is_last(node) && order_of(node)->is_over(node, node->stop_step)) {
        next_step(node);
    }
}

int rp_node_stop(struct rp_node *node, void (*done)(void *context), void *context)
{
    if (node->stop_done != NULL) {
        return RP_ERR_BUSY;
    }
    node->stop_done = done;
    node->stop_context = context;
    node_timer_init(&node->stop_timer, on_step_timeout, node);
    node_consensus_call_init(&node->stop_call, node, on_stop_call, node);
    struct rp_observation seen = {.kind = RP_SEE_STOP_BEGIN};
    node_see(node, &seen);
    bool is_running = node->phase == NODE_RUNNING; /* else never started, or standalone */
    node->is_stopping = is_running;
    node->stop_began_ns = node_now(node);
    node->stop_step = is_running ? 0 : order_of(node)->step_count;
    begin_step(node);
    node_stop_advance(node);
    return 0;
}
