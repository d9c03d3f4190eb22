#include "protocol/query_gate.h"

#include "protocol/json.h"

#define LOG_INTERVAL_NS RP_NS_PER_S

void rp_query_gate_init(struct rp_query_gate *gate)
{
    gate->refused_count = 0;
    gate->logged_ns = RP_TIME_NEVER;
}

bool rp_query_gate_refuse(struct rp_query_gate *gate, rp_time_ns now_ns)
{
    gate->refused_count += 1;
    if (gate->logged_ns != RP_TIME_NEVER && now_ns - gate->logged_ns < LOG_INTERVAL_NS) {
        return false;
    }
    gate->logged_ns = now_ns;
    return true;
}

static int append_status(const struct rp_catchup_status *status, struct rp_buffer *json_out)
{
    int error = rp_buffer_append_text(json_out, ",\"catchup_status\":{");
    for (size_t index = 0; error == 0 && index < RP_CATCHUP_STATUS_COUNT; index += 1) {
        error = rp_buffer_append_text(json_out, index == 0 ? "\"" : ",\"");
        if (error == 0) {
            error = rp_buffer_append_text(json_out, rp_catchup_status_name(index));
        }
        if (error == 0) {
            error = rp_buffer_append_text(json_out, "\":");
        }
        if (error == 0) {
            error = rp_json_append_int(json_out, rp_catchup_status_value(status, index));
        }
    }
    return error != 0 ? error : rp_buffer_append_text(json_out, "}");
}

int rp_query_gate_body(const struct rp_catchup_status *status, struct rp_buffer *json_out)
{
    int error = rp_buffer_append_text(
        json_out, "{\"success\":false,\"error\":\"replication_catch_up_in_progress\","
                  "\"message\":\"this node has not caught up yet; try again, or ask another\"");
    if (error == 0 && status != NULL) {
        error = append_status(status, json_out);
    }
    return error != 0 ? error : rp_buffer_append_text(json_out, "}");
}
