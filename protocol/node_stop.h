/* An ordered stop is a row of steps, one after another; which ones, in which order and with which
 * limits is the order's business (behaviour.md 13.4). Two orders exist:
 *
 *   node_stop_drains.c  what must not be lost first, every step with a limit of its own
 *   node_stop_hooks.c   the reference's: hooks, then the coordinator with its listener last, then
 *                       what was ingested meanwhile */
#ifndef REPLISIM_PROTOCOL_NODE_STOP_H
#define REPLISIM_PROTOCOL_NODE_STOP_H

#include "protocol/types.h"

struct rp_node;

struct node_stop_order {
    int step_count;
    /* A step may arm node->stop_timer as its limit; the step ends when that fires. */
    void (*begin)(struct rp_node *node, int step);
    bool (*is_over)(const struct rp_node *node, int step);
    /* The end of a consensus call that the stop made (node->stop_call). */
    void (*called)(struct rp_node *node);
};

extern const struct node_stop_order node_stop_drains;
extern const struct node_stop_order node_stop_hooks;

#endif
