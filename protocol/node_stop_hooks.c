#include "protocol/node_internal.h"
#include "protocol/node_stop.h"

/* The reference's shutdown (behaviour.md 13.4): hooks first, then components. The hooks are the
 * registrar's, the compaction watcher's and the coordinator's; of the components the ingest buffer is
 * the one that matters here: it is flushed when registrar and consensus are gone. Thirty seconds in
 * all, looked at between hooks and components only; no single wait in between has a limit. */

#define TOTAL_NS (30 * RP_NS_PER_S)

enum step {
    STEP_REGISTRAR,  /* hook: its worker ends, the queue is drained for two seconds */
    STEP_COMPACTION, /* hook: the watcher's last pass */
    STEP_LEAVE,      /* hook, the coordinator's, from here to STEP_DELETES: goodbye to all */
    STEP_PULLER,     /* every worker comes back, however long its peer takes */
    STEP_CONSENSUS,
    STEP_DELETES, /* local deletions; then the listener closes, last */
    STEP_FLUSH,   /* component: what was ingested meanwhile is stored, and registered by nobody */
    STEP_COUNT
};

static bool is_time_over(const struct rp_node *node)
{
    return node_now(node) - node->stop_began_ns >= TOTAL_NS;
}

static void skip_to(struct rp_node *node, int step)
{
    node->stop_step = step - 1;
    node_arm_after(node, &node->stop_timer, 0);
}

/* ---- The coordinator's steps -------------------------------------------------------------------- */

static void begin_leave(struct rp_node *node)
{
    if (is_time_over(node)) {
        skip_to(node, STEP_COUNT);
        return;
    }
    node_leave_broadcast(node, false);
}

/* The loops end, and the context of all handlers: those that are at work do not look at it. */
static void begin_puller(struct rp_node *node)
{
    node->phase = NODE_STOPPING;
    node_health_stop(node);
    node_disarm(node, &node->discovery_timer);
    node_exchange_cancel_all(node);
    node->join_exchange = NULL;
    node_walk_stop(node);
    node_reconcile_stop(node);
    node_scrub_stop(node);
    node_sweep_stop(node);
    node_pull_stop(node);
}

static void begin_consensus(struct rp_node *node)
{
    node_compact_cancel(node);
    node_propose_stop(node);
    node->is_closing = true;
    node->ports.consensus.stop(node->ports.consensus.state,
                               node_consensus_call_begin(&node->stop_call));
}

/* ---- The components ----------------------------------------------------------------------------- */

/* A body that is on its way goes on until the process ends; nobody waits for it. */
static void begin_flush(struct rp_node *node)
{
    node->is_accepting = false;
    node->ports.net.listen_stop(node->ports.net.state);
    node_peer_end_idle(node);
    if (is_time_over(node)) {
        skip_to(node, STEP_COUNT);
    }
}

/* ---- The order ---------------------------------------------------------------------------------- */

static void begin(struct rp_node *node, int step)
{
    switch ((enum step)step) {
    case STEP_REGISTRAR: node_flush_stop(node); break;
    case STEP_COMPACTION:
        node_arm_after(node, &node->stop_timer, node_compact_stop(node) + RP_NS_PER_MS);
        break;
    case STEP_LEAVE: begin_leave(node); break;
    case STEP_PULLER: begin_puller(node); break;
    case STEP_CONSENSUS: begin_consensus(node); break;
    case STEP_DELETES: node_delete_stop(node); break;
    case STEP_FLUSH: begin_flush(node); break;
    case STEP_COUNT: break;
    }
}

static bool is_over(const struct rp_node *node, int step)
{
    if (rp_timer_is_armed(&node->stop_timer) && step != STEP_COMPACTION) {
        return false; /* skipping to the end */
    }
    switch ((enum step)step) {
    case STEP_REGISTRAR: return node->is_registrar_stopped;
    case STEP_COMPACTION: return node_compact_is_stopped(node);
    case STEP_LEAVE: return node->leave_count == 0;
    case STEP_PULLER: return node_pull_is_idle(node);
    case STEP_CONSENSUS: return node->is_stop_call_done;
    case STEP_DELETES: return node_delete_is_idle(node);
    case STEP_FLUSH: return node->flushes == NULL;
    case STEP_COUNT: break;
    }
    return false;
}

static void called(struct rp_node *node)
{
    node->is_stop_call_done = true;
}

const struct node_stop_order node_stop_hooks = {STEP_COUNT, begin, is_over, called};
