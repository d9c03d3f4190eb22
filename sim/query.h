/* What a query on a node would see. It reads as the database above does: the visible files under a
 * prefix, by listing the disk. So a file that the node's manifest has and the disk does not show
 * intact is missing; and a file that the manifest has no more, beside the output that it was compacted
 * into, is read twice. The node's own gate may refuse the query; then nothing is shown.
 *
 * Costs as much as there are files under the prefix, on the disk and in the manifest. */
#ifndef REPLISIM_SIM_QUERY_H
#define REPLISIM_SIM_QUERY_H

#include "sim/pod.h"

struct sim_query_answer {
    bool is_gated; /* refused; the rest is then zero */
    bool is_complete;
    uint64_t missing_count;
    /* Visible, not in the node's manifest, while a file that it was compacted into is in the manifest
     * and visible too. Outputs may have been compacted again: any of them counts. */
    uint64_t duplicated_count;
    uint64_t looked_count; /* at how many files */
};

/* Errors: RP_ERR_STOPPED: the node is down. */
RP_MUST_USE int sim_query(struct sim_pod *pod, struct rp_view prefix,
                          struct sim_query_answer *answer_out);

#endif
