#include "protocol/node_internal.h"
#include "protocol/node_stop.h"

/* What must not be lost first, then what others hold, then consensus, each step with a limit of its
 * own, so that no peer can hold it up (behaviour.md 13.4, 7.9; invariants.md, stops-in-time).
 * Transfers are cut at once: their clients fall back to another peer. */

enum step {
    STEP_DRAIN,     /* registrar: what was flushed is registered, within its limit */
    STEP_TRANSFER,  /* leadership handed on */
    STEP_CALLS,     /* cancelled store calls come back, leave notices are out */
    STEP_CONSENSUS, /* closed */
    STEP_COUNT
};

/* The leave notices go out while the rest is being wound up; STEP_CALLS waits for them, at most its
 * second. Everything that serves others or pulls for ourselves ends here and now. */
static void end_service(struct rp_node *node)
{
    node->phase = NODE_STOPPING;
    node->is_accepting = false;
    node->is_flush_open = false;
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
    node_reconcile_stop(node);
    node_scrub_stop(node);
    node_pull_stop(node);
    node_delete_stop(node);
    node_sweep_stop(node);
}

static void begin_drain(struct rp_node *node)
{
    end_service(node);
    rp_time_ns drain_ns = node_compact_stop(node);
    drain_ns = drain_ns > RP_REGISTRAR_DRAIN_NS ? drain_ns : RP_REGISTRAR_DRAIN_NS;
    node_arm_after(node, &node->stop_timer, drain_ns + RP_NS_PER_MS);
    node_flush_stop(node);
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
    node_arm_after(node, &node->stop_timer, RP_NS_PER_S);
}

static void begin_close(struct rp_node *node)
{
    node_exchange_cancel_all(node);
    node->is_stop_call_done = false;
    if (node->stop_call.is_in_flight) {
        return; /* a transfer that never came back: `called` closes when it does */
    }
    node->is_closing = true;
    node->ports.consensus.stop(node->ports.consensus.state,
                               node_consensus_call_begin(&node->stop_call));
}

static void begin(struct rp_node *node, int step)
{
    switch ((enum step)step) {
    case STEP_DRAIN: begin_drain(node); break;
    case STEP_TRANSFER: begin_transfer(node); break;
    case STEP_CALLS: end_business(node); break;
    case STEP_CONSENSUS: begin_close(node); break;
    case STEP_COUNT: break;
    }
}

static bool is_over(const struct rp_node *node, int step)
{
    switch ((enum step)step) {
    case STEP_DRAIN:
        return node->is_registrar_stopped && node->flushes == NULL && node_compact_is_stopped(node);
    case STEP_TRANSFER: return node->is_stop_call_done;
    case STEP_CALLS: return node->calls == NULL && node->exchanges == NULL;
    case STEP_CONSENSUS: return node->is_stop_call_done;
    case STEP_COUNT: break;
    }
    return false;
}

static void called(struct rp_node *node)
{
    bool is_late = node->stop_step == STEP_CONSENSUS && !node->is_closing && !node->is_dead;
    if (is_late) { /* the transfer, after its limit: consensus is still to be closed */
        begin_close(node);
        return;
    }
    node->is_stop_call_done = true;
}

const struct node_stop_order node_stop_drains = {STEP_COUNT, begin, is_over, called};
