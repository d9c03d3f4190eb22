/* Shared by node_compact.c and node_compact_scan.c alone. */
#ifndef REPLISIM_PROTOCOL_NODE_COMPACT_INNER_H
#define REPLISIM_PROTOCOL_NODE_COMPACT_INNER_H

#include "protocol/compaction.h"
#include "protocol/node_internal.h"

/* After a disk refused: notes that must be had, and the scan. */
#define COMPACT_RETRY_NS RP_NS_PER_S

struct node_compaction {
    struct rp_node *node;
    struct rp_compaction_watcher *watcher;
    struct rp_timer look_timer;
    rp_time_ns began_ns;   /* looks are whole intervals from here */
    struct node_job *jobs; /* being worked on, or awaited by their caller */
    size_t removal_count, proposal_count;

    /* The scan at start. */
    struct node_call scan_call;
    struct rp_timer scan_timer;
    struct rp_buffer scan_cursor; /* name of the file last begun */
    struct rp_buffer scan_text;
    rp_store_handle scan_reader;
    bool is_scanning;

    bool is_stopping;
    rp_time_ns stop_deadline_ns;
};

static inline bool node_compact_is_ended(const struct rp_node *node)
{
    return node->is_dead || (node->phase != NODE_RUNNING && node->phase != NODE_STOPPING);
}

/* Has the jobs looked at when the next second is over, if there are any. */
void node_compact_arm_look(struct node_compaction *compaction);

void node_compact_scan_init(struct node_compaction *compaction);
void node_compact_scan_begin(struct node_compaction *compaction);

#endif
