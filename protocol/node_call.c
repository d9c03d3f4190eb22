#include "protocol/node_call.h"

#include "protocol/node_internal.h"
#include "protocol/panic.h"

static void unlink_call(struct node_call *call)
{
    struct rp_node *node = call->node;
    if (call->previous != NULL) {
        call->previous->next = call->next;
    } else {
        node->calls = call->next;
    }
    if (call->next != NULL) {
        call->next->previous = call->previous;
    }
    call->is_in_flight = false;
    node->call_count -= 1;
}

static void on_done(struct rp_store_request *request, int error)
{
    struct node_call *call = request->context;
    struct rp_node *node = call->node;
    unlink_call(call);
    call->done(call->owner, error);
    node_stop_advance(node);
}

void node_call_init(struct node_call *call, struct rp_node *node,
                    void (*done)(void *owner, int error), void *owner)
{
    memset(call, 0, sizeof *call);
    call->node = node;
    call->done = done;
    call->owner = owner;
}

struct rp_store_request *node_call_begin(struct node_call *call,
                                         void (*done)(void *owner, int error))
{
    struct rp_node *node = call->node;
    RP_ASSERT(!call->is_in_flight);
    memset(&call->request, 0, sizeof call->request);
    call->request.done = on_done;
    call->request.context = call;
    call->done = done;
    call->is_in_flight = true;
    call->previous = NULL;
    call->next = node->calls;
    if (call->next != NULL) {
        call->next->previous = call;
    }
    node->calls = call;
    node->call_count += 1;
    return &call->request;
}

void node_call_cancel(struct node_call *call)
{
    if (call->is_in_flight && !call->node->is_dead) {
        call->node->ports.store.cancel(call->node->ports.store.state, &call->request);
    }
}

static void on_consensus_done(struct rp_consensus_request *request, int error)
{
    struct node_consensus_call *call = request->context;
    struct rp_node *node = call->node;
    if (call->previous != NULL) {
        call->previous->next = call->next;
    } else {
        node->consensus_calls = call->next;
    }
    if (call->next != NULL) {
        call->next->previous = call->previous;
    }
    call->is_in_flight = false;
    node->call_count -= 1;
    call->done(call->owner, error);
    node_stop_advance(node);
}

void node_consensus_call_init(struct node_consensus_call *call, struct rp_node *node,
                              void (*done)(void *owner, int error), void *owner)
{
    memset(call, 0, sizeof *call);
    call->node = node;
    call->done = done;
    call->owner = owner;
}

struct rp_consensus_request *node_consensus_call_begin(struct node_consensus_call *call)
{
    RP_ASSERT(!call->is_in_flight);
    memset(&call->request, 0, sizeof call->request);
    call->request.done = on_consensus_done;
    call->request.context = call;
    call->is_in_flight = true;
    call->node->call_count += 1;
    call->previous = NULL;
    call->next = call->node->consensus_calls;
    if (call->next != NULL) {
        call->next->previous = call;
    }
    call->node->consensus_calls = call;
    return &call->request;
}

/* Each owner sees an ordinary completion and tidies up; a dead node begins no new call. */
void node_call_abort_all(struct rp_node *node)
{
    RP_ASSERT(node->is_dead);
    while (node->calls != NULL) {
        on_done(&node->calls->request, RP_ERR_STOPPED);
    }
    while (node->consensus_calls != NULL) {
        on_consensus_done(&node->consensus_calls->request, RP_ERR_STOPPED);
    }
}
