/* What a refused reader is told while catch-up goes on (behaviour.md 11): the answer's status, header
 * and body, how many were refused, and when that is worth a line in the log. Whether to refuse is the
 * node's to say, by its configuration and readiness. */
#ifndef REPLISIM_PROTOCOL_QUERY_GATE_H
#define REPLISIM_PROTOCOL_QUERY_GATE_H

#include "protocol/buffer.h"
#include "protocol/readiness.h"

#define RP_QUERY_GATE_HTTP_STATUS   503
#define RP_QUERY_GATE_RETRY_AFTER_S 5

struct rp_query_gate {
    uint64_t refused_count; /* never goes back */
    rp_time_ns logged_ns;   /* of the last line; RP_TIME_NEVER: none yet (rp_query_gate_init) */
};

void rp_query_gate_init(struct rp_query_gate *gate);
/* A read was refused. True: log it; at most once in a second. */
bool rp_query_gate_refuse(struct rp_query_gate *gate, rp_time_ns now_ns);
/* Appends the body. `status` may be NULL: then without `catchup_status`. Errors: RP_ERR_TOO_LARGE,
 * RP_ERR_NOMEM. */
RP_MUST_USE int rp_query_gate_body(const struct rp_catchup_status *status,
                                   struct rp_buffer *json_out);

#endif
