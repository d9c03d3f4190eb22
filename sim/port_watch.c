#include "sim/port_watch.h"

#include "protocol/error.h"
#include "sim/alloc.h"
#include "sim/check.h"

struct sim_port_watch {
    struct sim_alloc_watch *memory; /* borrowed */
    struct sim_checks *checks;
    struct sim_pod *pod;
    struct rp_net_port net;
    struct rp_consensus_port consensus;
    struct rp_net_events node_events, events;
    struct rp_consensus_events node_log, log;
};

/* ---- Calls of the node ------------------------------------------------------------------------- */

static int net_listen(void *state)
{
    struct sim_port_watch *watch = state;
    return watch->net.listen(watch->net.state);
}

static void net_listen_stop(void *state)
{
    struct sim_port_watch *watch = state;
    watch->net.listen_stop(watch->net.state);
}

static int net_dial(void *state, struct rp_view address, rp_conn *conn_out)
{
    struct sim_port_watch *watch = state;
    int error = watch->net.dial(watch->net.state, address, conn_out);
    if (error == 0) {
        sim_checks_conn_opened(watch->checks, watch->pod, *conn_out, false);
    }
    return error;
}

static size_t net_send(void *state, rp_conn conn, struct rp_chunk chunk)
{
    struct sim_port_watch *watch = state;
    size_t taken = watch->net.send(watch->net.state, conn, chunk);
    struct rp_view bytes = rp_chunk_view(chunk);
    sim_checks_conn_sent(watch->checks, watch->pod, conn, rp_view_make(bytes.bytes, taken));
    return taken;
}

static void net_pause(void *state, rp_conn conn, bool is_paused)
{
    struct sim_port_watch *watch = state;
    watch->net.pause(watch->net.state, conn, is_paused);
}

static void net_close(void *state, rp_conn conn)
{
    struct sim_port_watch *watch = state;
    watch->net.close(watch->net.state, conn);
    sim_checks_conn_closed(watch->checks, watch->pod, conn, true);
}

static void net_abort(void *state, rp_conn conn)
{
    struct sim_port_watch *watch = state;
    watch->net.abort(watch->net.state, conn);
    sim_checks_conn_closed(watch->checks, watch->pod, conn, true);
}

static size_t net_unsent(void *state, rp_conn conn)
{
    struct sim_port_watch *watch = state;
    return watch->net.unsent_bytes(watch->net.state, conn);
}

static void propose(void *state, struct rp_consensus_request *request, struct rp_view command)
{
    struct sim_port_watch *watch = state;
    sim_checks_effect(watch->checks, watch->pod, SIM_EFFECT_PROPOSAL);
    watch->consensus.propose(watch->consensus.state, request, command);
}

static void admit(void *state, struct rp_consensus_request *request, const struct rp_member *member,
                  rp_time_ns deadline_ns)
{
    struct sim_port_watch *watch = state;
    sim_checks_effect(watch->checks, watch->pod, SIM_EFFECT_MEMBERSHIP);
    watch->consensus.admit(watch->consensus.state, request, member, deadline_ns);
}

static void expel(void *state, struct rp_consensus_request *request, uint64_t raft_id)
{
    struct sim_port_watch *watch = state;
    sim_checks_effect(watch->checks, watch->pod, SIM_EFFECT_MEMBERSHIP);
    watch->consensus.expel(watch->consensus.state, request, raft_id);
}

static void departed(void *state, uint64_t raft_id)
{
    struct sim_port_watch *watch = state;
    sim_checks_effect(watch->checks, watch->pod, SIM_EFFECT_MEMBERSHIP);
    watch->consensus.departed(watch->consensus.state, raft_id);
}

static void route(void *state, uint64_t raft_id, struct rp_view raft_address)
{
    struct sim_port_watch *watch = state;
    watch->consensus.route(watch->consensus.state, raft_id, raft_address);
}

static int start(void *state, bool is_bootstrap)
{
    struct sim_port_watch *watch = state;
    return watch->consensus.start(watch->consensus.state, is_bootstrap);
}

static struct rp_consensus_status status(void *state)
{
    struct sim_port_watch *watch = state;
    return watch->consensus.status(watch->consensus.state);
}

static void read_index(void *state, struct rp_consensus_request *request, rp_time_ns deadline_ns)
{
    struct sim_port_watch *watch = state;
    watch->consensus.read_index(watch->consensus.state, request, deadline_ns);
}

static void transfer(void *state, struct rp_consensus_request *request, rp_time_ns deadline_ns)
{
    struct sim_port_watch *watch = state;
    watch->consensus.transfer(watch->consensus.state, request, deadline_ns);
}

static void stop(void *state, struct rp_consensus_request *request)
{
    struct sim_port_watch *watch = state;
    watch->consensus.stop(watch->consensus.state, request);
}

/* ---- Calls into the node ------------------------------------------------------------------------ */

static void on_accepted(void *context, rp_conn conn)
{
    struct sim_port_watch *watch = context;
    sim_checks_conn_opened(watch->checks, watch->pod, conn, true);
    watch->node_events.accepted(watch->node_events.context, conn);
}

static void on_connected(void *context, rp_conn conn, int error)
{
    struct sim_port_watch *watch = context;
    if (error != 0) {
        sim_checks_conn_closed(watch->checks, watch->pod, conn, false);
    }
    watch->node_events.connected(watch->node_events.context, conn, error);
}

static void on_asked(void *context, size_t size_bytes)
{
    struct sim_port_watch *watch = context;
    sim_checks_allocated(watch->checks, watch->pod, size_bytes);
}

static void on_received(void *context, rp_conn conn, struct rp_chunk chunk)
{
    struct sim_port_watch *watch = context;
    sim_checks_call_begins(watch->checks, watch->pod, conn, rp_chunk_view(chunk));
    watch->memory->context = watch;
    watch->memory->asked = on_asked;
    watch->node_events.received(watch->node_events.context, conn, chunk);
    watch->memory->asked = NULL;
    sim_checks_call_ends(watch->checks, watch->pod);
}

static void on_writable(void *context, rp_conn conn)
{
    struct sim_port_watch *watch = context;
    watch->node_events.writable(watch->node_events.context, conn);
}

static void on_ended(void *context, rp_conn conn, int error)
{
    struct sim_port_watch *watch = context;
    if (error != 0) {
        sim_checks_conn_closed(watch->checks, watch->pod, conn, false);
    }
    watch->node_events.ended(watch->node_events.context, conn, error);
}

static int on_apply(void *context, uint64_t index, uint64_t term, struct rp_view command)
{
    struct sim_port_watch *watch = context;
    sim_checks_command(watch->checks, watch->pod, index, term, command);
    return watch->node_log.apply(watch->node_log.context, index, term, command);
}

static int on_restore(void *context, struct rp_view snapshot)
{
    struct sim_port_watch *watch = context;
    return watch->node_log.restore(watch->node_log.context, snapshot);
}

static int on_snapshot(void *context, struct rp_block **block_out)
{
    struct sim_port_watch *watch = context;
    return watch->node_log.snapshot(watch->node_log.context, block_out);
}

static void on_leader_changed(void *context)
{
    struct sim_port_watch *watch = context;
    watch->node_log.leader_changed(watch->node_log.context);
}

static bool on_describe(void *context, uint64_t raft_id, struct rp_member *member_out,
                        uint64_t *born_index_out)
{
    struct sim_port_watch *watch = context;
    return watch->node_log.describe_member(watch->node_log.context, raft_id, member_out,
                                           born_index_out);
}

/* ---- Birth and death ----------------------------------------------------------------------------- */

int sim_port_watch_new(struct sim_checks *checks, struct sim_pod *pod,
                       struct sim_alloc_watch *memory, struct rp_ports *ports,
                       struct sim_port_watch **watch_out)
{
    struct sim_port_watch *watch = rp_allocate_zeroed(memory->below, sizeof *watch);
    if (watch == NULL) {
        return RP_ERR_NOMEM;
    }
    watch->memory = memory;
    watch->checks = checks;
    watch->pod = pod;
    watch->net = ports->net;
    watch->consensus = ports->consensus;
    watch->events = (struct rp_net_events){watch,       on_accepted, on_connected,
                                           on_received, on_writable, on_ended};
    ports->alloc = &memory->alloc;
    ports->net = (struct rp_net_port){watch,     net_listen, net_listen_stop, net_dial,  net_send,
                                      net_pause, net_close,  net_abort,       net_unsent};
    ports->consensus = (struct rp_consensus_port){
        watch, start, status, propose, read_index, admit, expel, route, departed, transfer, stop};
    *watch_out = watch;
    return 0;
}

const struct rp_net_events *sim_port_watch_events(struct sim_port_watch *watch,
                                                  const struct rp_net_events *node_events)
{
    watch->node_events = *node_events;
    return &watch->events;
}

const struct rp_consensus_events *
sim_port_watch_consensus(struct sim_port_watch *watch,
                         const struct rp_consensus_events *node_events)
{
    watch->node_log = *node_events;
    watch->log = (struct rp_consensus_events){watch,       on_apply,          on_restore,
                                              on_snapshot, on_leader_changed, on_describe};
    return &watch->log;
}

void sim_port_watch_free(struct sim_port_watch *watch)
{
    if (watch != NULL) {
        rp_release(watch->memory->below, watch);
    }
}
