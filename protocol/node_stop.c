#include "protocol/node_internal.h"

/* The ordered stop: what must not be lost first, then what others hold, then consensus, each step
 * with a limit of its own, so that no peer can hold it up (behaviour.md 13.4, 7.9; invariants.md,
 * stops-in-time). Transfers are cut at once: their clients fall back to another peer. */

static void begin_step(struct rp_node *node);
static void begin_close(struct rp_node *node);

static void next_step(struct rp_node *node)
{
    node_disarm(node, &node->stop_timer);
    node->stop_step += 1;
    begin_step(node);
}

static void on_step_timeout(void *context)
{
    struct rp_node *node = context;
    if (node->stop_step != NODE_STOP_DONE) {
        next_step(node);
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
    bool is_late = node->stop_step == NODE_STOP_CONSENSUS && !node->is_closing && !node->is_dead;
    if (is_late) { /* the transfer, after its limit: consensus is still to be closed */
        begin_close(node);
        return;
    }
    node->is_stop_call_done = true;
}

static void begin_transfer(struct rp_node *node)
{
    node->is_stop_call_done = false;
    rp_time_ns deadline_ns = node_now(node) + RP_STOP_TRANSFER_NS;
    node->ports.consensus.transfer(node->ports.consensus.state,
                                   node_consensus_call_begin(&node->stop_call), deadline_ns);
    /* The port keeps the deadline; this one is only for a port that does not. */
    node_arm_at(node, &node->stop_timer, deadline_ns + RP_NS_PER_MS);
}

static void end_business(struct rp_node *node)
{
    node_flush_cancel(node);
    node_compact_cancel(node);
    node_propose_stop(node);
}

static void begin_close(struct rp_node *node)
{
    node_exchange_cancel_all(node);
    node->is_stop_call_done = false;
    if (node->stop_call.is_in_flight) {
        return; /* a transfer that never came back: on_stop_call closes when it does */
    }
    node->is_closing = true;
    node->ports.consensus.stop(node->ports.consensus.state,
                               node_consensus_call_begin(&node->stop_call));
}

static void begin_step(struct rp_node *node)
{
    switch (node->stop_step) {
    case NODE_STOP_DRAIN: break;
    case NODE_STOP_TRANSFER: begin_transfer(node); break;
    case NODE_STOP_CALLS:
        end_business(node);
        node_arm_after(node, &node->stop_timer, RP_NS_PER_S);
        node_stop_advance(node);
        break;
    case NODE_STOP_CONSENSUS: begin_close(node); break;
    case NODE_STOP_DONE: node_arm_after(node, &node->stop_timer, 0); break;
    }
}

static bool step_is_over(const struct rp_node *node)
{
    switch (node->stop_step) {
    case NODE_STOP_DRAIN:
        return node->is_registrar_stopped && node->flushes == NULL && node_compact_is_stopped(node);
    case NODE_STOP_TRANSFER: return node->is_stop_call_done;
    case NODE_STOP_CALLS: return node->calls == NULL && node->exchanges == NULL;
    case NODE_STOP_CONSENSUS: return node->is_stop_call_done;
    case NODE_STOP_DONE: return false;
    }
    return false;
}

void node_stop_advance(struct rp_node *node)
{
    if (node->phase == NODE_STOPPING && !node->is_dead && step_is_over(node)) {
        next_step(node);
    }
}

/* The leave notices go out while the rest is being wound up; NODE_STOP_CALLS waits for them, at most
 * its second. Everything that serves others or pulls for ourselves ends here and now. */
static void end_service(struct rp_node *node)
{
    rp_readiness_stop(node->readiness);
    node_ready_check(node);
    node_health_stop(node);
    node_exchange_cancel_all(node);
    node->join_exchange = NULL;
    node_leave_broadcast(node, true);
    node_disarm(node, &node->discovery_timer);
    node->ports.net.listen_stop(node->ports.net.state);
    node_peer_end_all(node);
    node_walk_stop(node);
    node_pull_stop(node);
    node_delete_stop(node);
    node_sweep_stop(node);
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
    if (node->phase != NODE_RUNNING) { /* never started, or standalone */
        node->stop_step = NODE_STOP_DONE;
        begin_step(node);
        return 0;
    }
    node->phase = NODE_STOPPING;
    end_service(node);
    node->stop_step = NODE_STOP_DRAIN;
    rp_time_ns drain_ns = node_compact_stop(node);
    drain_ns = drain_ns > RP_REGISTRAR_DRAIN_NS ? drain_ns : RP_REGISTRAR_DRAIN_NS;
    node_arm_after(node, &node->stop_timer, drain_ns + RP_NS_PER_MS);
    node_flush_stop(node);
    node_stop_advance(node);
    return 0;
}
