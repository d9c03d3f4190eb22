#include "protocol/error.h"
#include "protocol/raft/bridge_inner.h"

/* Proposals go to the library in batches, one batch at a time. libraft 0.15 looks for a quorum only
 * at the last entry the leader itself has stored; with a steady stream of single proposals the
 * followers never reach that one and nothing commits until the stream pauses. A bound also keeps
 * its linear walk over outstanding requests short. */
#define BATCH_MAX 256

struct barrier {
    struct raft_barrier barrier;
    struct rp_bridge *bridge;
};

static void on_applied(struct raft_apply *apply, int status, void *result)
{
    struct proposal *proposal = apply->data;
    struct rp_bridge *bridge = proposal->bridge;
    struct rp_consensus_request *request = proposal->request;
    bridge->in_flight_count -= 1;
    if (bridge->in_flight_count == 0 && bridge->deferred_first != NULL) {
        rp_bridge_drain_soon(bridge);
    }
    if (bridge->is_abandoned) {
        rp_release(bridge->alloc, proposal);
        return;
    }
    request->index = apply->index;
    request->apply_error = status == 0 && result != NULL ? *(const int *)result : 0;
    int error = status == 0 ? 0 : rp_bridge_error_of(bridge, status);
    rp_release(bridge->alloc, proposal);
    rp_bridge_finish(bridge, request, error);
}

static void submit(struct rp_bridge *bridge, struct proposal *proposal)
{
    int status = RAFT_NOTLEADER;
    if (rp_bridge_is_leader(bridge)) {
        status = raft_apply(&bridge->raft, &proposal->apply, &proposal->buffer, 1, on_applied);
    }
    if (status != 0) {
        rp_bridge_finish(bridge, proposal->request, rp_bridge_error_of(bridge, status));
        raft_free(proposal->buffer.base);
        rp_release(bridge->alloc, proposal);
        return;
    }
    bridge->in_flight_count += 1;
}

static struct proposal *proposal_new(struct rp_bridge *bridge, struct rp_view command)
{
    struct proposal *proposal = rp_allocate_zeroed(bridge->alloc, sizeof *proposal);
    void *bytes = raft_malloc(command.length_bytes == 0 ? 1 : command.length_bytes);
    if (proposal == NULL || bytes == NULL) {
        rp_release(bridge->alloc, proposal);
        raft_free(bytes);
        return NULL;
    }
    if (command.length_bytes > 0) {
        memcpy(bytes, command.bytes, command.length_bytes);
    }
    proposal->buffer = (struct raft_buffer){bytes, command.length_bytes};
    proposal->bridge = bridge;
    proposal->apply.data = proposal;
    return proposal;
}

void rp_bridge_propose(void *state, struct rp_consensus_request *request, struct rp_view command)
{
    struct rp_bridge *bridge = state;
    rp_bridge_begin(request);
    if (bridge->is_stopping) {
        rp_bridge_finish(bridge, request, RP_ERR_STOPPED);
        return;
    }
    struct proposal *proposal = proposal_new(bridge, command);
    if (proposal == NULL) {
        rp_bridge_finish(bridge, request, RP_ERR_NOMEM);
        return;
    }
    proposal->request = request;
    if (!bridge->is_in_event && bridge->in_flight_count == 0) {
        submit(bridge, proposal);
        return;
    }
    if (bridge->deferred_last == NULL) {
        bridge->deferred_first = proposal;
    } else {
        bridge->deferred_last->next = proposal;
    }
    bridge->deferred_last = proposal;
    if (bridge->in_flight_count == 0) {
        rp_bridge_drain_soon(bridge);
    }
}

void rp_bridge_submit_deferred(struct rp_bridge *bridge)
{
    if (bridge->in_flight_count > 0) {
        return; /* the end of the last of them comes back here */
    }
    for (unsigned i = 0; i < BATCH_MAX && bridge->deferred_first != NULL; i++) {
        struct proposal *proposal = bridge->deferred_first;
        bridge->deferred_first = proposal->next;
        if (proposal->next == NULL) {
            bridge->deferred_last = NULL;
        }
        submit(bridge, proposal);
    }
    if (bridge->in_flight_count == 0 && bridge->deferred_first != NULL) {
        rp_bridge_drain_soon(bridge);
    }
}

void rp_bridge_drop_deferred(struct rp_bridge *bridge)
{
    while (bridge->deferred_first != NULL) {
        struct proposal *proposal = bridge->deferred_first;
        bridge->deferred_first = proposal->next;
        if (!bridge->is_abandoned) {
            rp_bridge_finish(bridge, proposal->request, RP_ERR_STOPPED);
        }
        raft_free(proposal->buffer.base);
        rp_release(bridge->alloc, proposal);
    }
    bridge->deferred_last = NULL;
}

static void on_barrier(struct raft_barrier *request, int status)
{
    struct barrier *barrier = request->data;
    struct rp_bridge *bridge = barrier->bridge;
    rp_release(bridge->alloc, barrier);
    rp_read_index_barrier_done(bridge->read_index,
                               status == 0 ? 0 : rp_bridge_error_of(bridge, status));
}

int rp_bridge_barrier(void *context)
{
    struct rp_bridge *bridge = context;
    if (!rp_bridge_is_leader(bridge)) {
        return RP_ERR_NOT_LEADER;
    }
    struct barrier *barrier = rp_allocate_zeroed(bridge->alloc, sizeof *barrier);
    if (barrier == NULL) {
        return RP_ERR_NOMEM;
    }
    barrier->bridge = bridge;
    barrier->barrier.data = barrier;
    int status = raft_barrier(&bridge->raft, &barrier->barrier, on_barrier);
    if (status != 0) {
        rp_release(bridge->alloc, barrier);
    }
    return status == 0 ? 0 : rp_bridge_error_of(bridge, status);
}
