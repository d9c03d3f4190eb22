#include "protocol/raft/bridge.h"

#include <stdio.h>

#include "protocol/error.h"
#include "protocol/panic.h"
#include "protocol/raft/bridge_inner.h"

/* A configured address: host:port, '#', 16 hex digits, NUL. */
#define ADDRESS_BYTES 320
#define ID_HEX        16

/* Port handles: a request in flight is odd; when finished it is a link of the delivery list. */
#define HANDLE_IN_FLIGHT UINT64_C(1)
#define HANDLE_FAILED    UINT64_C(2)
#define HANDLE_FLAGS     UINT64_C(3)

/* ---- Small helpers --------------------------------------------------------------------------- */

rp_time_ns rp_bridge_now(const struct rp_bridge *bridge)
{
    return bridge->clock.now_ns(bridge->clock.state);
}

void rp_bridge_drain_soon(struct rp_bridge *bridge)
{
    if (!bridge->is_abandoned && !rp_timer_is_armed(&bridge->drain)) {
        bridge->clock.arm(bridge->clock.state, &bridge->drain, rp_bridge_now(bridge));
    }
}

int rp_bridge_error_of(const struct rp_bridge *bridge, int status)
{
    if (bridge->is_stopping) {
        return RP_ERR_STOPPED;
    }
    switch (status) {
    case 0: return 0;
    case RAFT_NOMEM: return RP_ERR_NOMEM;
    case RAFT_NOTLEADER: return RP_ERR_NOT_LEADER;
    case RAFT_LEADERSHIPLOST:
    case RAFT_SHUTDOWN:
    case RAFT_CANCELED: return RP_ERR_LEADERSHIP_LOST;
    default: return RP_ERR_IO;
    }
}

void rp_bridge_begin(struct rp_consensus_request *request)
{
    RP_ASSERT(request->done != NULL && request->port_handle == 0);
    request->port_handle = HANDLE_IN_FLIGHT;
    request->index = 0;
    request->apply_error = 0;
}

/* Queues the completion without memory of its own: the request's handle links the list, and a
 * failed request keeps its error where the index would be. */
void rp_bridge_finish(struct rp_bridge *bridge, struct rp_consensus_request *request, int error)
{
    if (bridge->is_abandoned) {
        return; /* whoever asked died with the process */
    }
    RP_ASSERT(request->port_handle == HANDLE_IN_FLIGHT);
    if (error != 0) {
        request->port_handle |= HANDLE_FAILED;
        request->index = (uint64_t)(-(int64_t)error);
    }
    if (bridge->finished_last == NULL) {
        bridge->finished_first = request;
    } else {
        bridge->finished_last->port_handle |= (uint64_t)(uintptr_t)request;
    }
    bridge->finished_last = request;
    rp_bridge_drain_soon(bridge);
}

static void deliver_one(struct rp_consensus_request *request)
{
    int error = 0;
    if ((request->port_handle & HANDLE_FAILED) != 0) {
        error = (int)(-(int64_t)request->index);
        request->index = 0;
    }
    request->port_handle = 0;
    request->done(request, error);
}

bool rp_bridge_is_leader(const struct rp_bridge *bridge)
{
    return bridge->is_started && bridge->raft.state == RAFT_LEADER;
}

/* libraft's standbys believe in a leader for ever; ours only while it speaks. */
static uint64_t leader_of(struct rp_bridge *bridge)
{
    if (!bridge->is_started || bridge->is_close_called) {
        return 0;
    }
    if (bridge->raft.state == RAFT_LEADER) {
        return bridge->raft.id;
    }
    raft_id id = 0;
    const char *address = NULL;
    raft_leader(&bridge->raft, &id, &address);
    if (id == 0) {
        return 0;
    }
    rp_time_ns heard = rp_members_last_heard(bridge->members, id);
    rp_time_ns patience = 3 * (rp_time_ns)bridge->params.election_timeout_ms * RP_NS_PER_MS;
    return heard != RP_TIME_NEVER && rp_bridge_now(bridge) - heard <= patience ? id : 0;
}

static uint64_t applied_of(struct rp_bridge *bridge)
{
    uint64_t applied = bridge->is_started ? raft_last_applied(&bridge->raft) : 0;
    return applied > bridge->restored_index ? applied : bridge->restored_index;
}

/* After anything that may have moved the library on. */
static void look_around(struct rp_bridge *bridge)
{
    if (bridge->is_stopping || bridge->is_abandoned) {
        return;
    }
    uint64_t leader = leader_of(bridge);
    if (leader != bridge->known_leader || rp_bridge_is_leader(bridge) != bridge->was_leader) {
        bridge->known_leader = leader;
        bridge->was_leader = rp_bridge_is_leader(bridge);
        bridge->is_leader_news = true;
        rp_members_leader_changed(bridge->members);
        rp_read_index_leader_changed(bridge->read_index);
        rp_bridge_drain_soon(bridge);
    }
    uint64_t applied = applied_of(bridge);
    if (applied != bridge->applied_seen) {
        bridge->applied_seen = applied;
        rp_read_index_applied(bridge->read_index);
    }
}

/* ---- Between io and library ------------------------------------------------------------------ */

struct rp_bridge *rp_bridge_of(struct raft_io *io)
{
    struct raft *raft = io->data;
    return raft->data;
}

/* Entries that the leader sent are on their way to the disk. The library takes a configuration over when
 * they have arrived there, and not at all if it is no follower by then: it would lead with the members
 * of before, against its own log. So nobody stands for election until they have. */
static bool is_appending_as_follower(struct rp_bridge *bridge)
{
    struct raft *raft = &bridge->raft;
    return raft->state == RAFT_FOLLOWER && raft->last_stored < raft_last_index(raft);
}

/* The leader takes nothing new once it has asked, so the disk is soon done. Of somebody who leads no more,
 * or when entries came after all, the library passes over it. */
static void take_handover(struct rp_bridge *bridge, struct raft_io *io)
{
    if (!bridge->has_handover || is_appending_as_follower(bridge)) {
        return;
    }
    bridge->has_handover = false;
    raft_id leader = 0;
    const char *address = NULL;
    raft_leader(&bridge->raft, &leader, &address);
    if (leader == bridge->handover_from) {
        struct raft_message message = {.type = RAFT_IO_TIMEOUT_NOW,
                                       .server_id = leader,
                                       .server_address = address,
                                       .timeout_now = bridge->handover};
        bridge->library_recv(io, &message);
    }
}

static void on_tick(struct raft_io *io)
{
    struct rp_bridge *bridge = rp_bridge_of(io);
    if (bridge->is_close_called) {
        return;
    }
    take_handover(bridge, io);
    if (!is_appending_as_follower(bridge)) {
        bridge->library_tick(io);
    }
    look_around(bridge);
}

static void on_receive(struct raft_io *io, struct raft_message *message)
{
    struct rp_bridge *bridge = rp_bridge_of(io);
    if (message->server_id != 0) {
        rp_members_heard(bridge->members, message->server_id);
    }
    if (message->type == RAFT_IO_TIMEOUT_NOW && is_appending_as_follower(bridge)) {
        bridge->has_handover = true;
        bridge->handover_from = message->server_id;
        bridge->handover = message->timeout_now;
    } else {
        rp_bridge_take(bridge, message);
    }
    look_around(bridge);
}

static int start_between(struct raft_io *io, unsigned msecs, raft_io_tick_cb tick,
                         raft_io_recv_cb recv)
{
    struct rp_bridge *bridge = rp_bridge_of(io);
    bridge->library_tick = tick;
    bridge->library_recv = recv;
    return bridge->io_start(io, msecs, on_tick, on_receive);
}

/* ---- Start and stop -------------------------------------------------------------------------- */

static int configure_address(char *text_out, size_t text_bytes, struct rp_view host, uint64_t id)
{
    if (host.length_bytes + 1 + ID_HEX + 1 > text_bytes ||
        (host.length_bytes > 0 && (memchr(host.bytes, '#', host.length_bytes) != NULL ||
                                   memchr(host.bytes, 0, host.length_bytes) != NULL))) {
        return RP_ERR_INVALID;
    }
    if (host.length_bytes > 0) {
        memcpy(text_out, host.bytes, host.length_bytes);
    }
    snprintf(text_out + host.length_bytes, text_bytes - host.length_bytes, "#%016llx",
             (unsigned long long)id);
    return 0;
}

struct rp_view rp_bridge_address_host(const char *configured_address)
{
    struct rp_view view = rp_view_text(configured_address);
    const uint8_t *end = view.length_bytes == 0 ? NULL : memchr(view.bytes, '#', view.length_bytes);
    return end == NULL ? view : rp_view_make(view.bytes, (size_t)(end - view.bytes));
}

static int bootstrap(struct rp_bridge *bridge)
{
    struct raft_configuration configuration;
    raft_configuration_init(&configuration);
    int status =
        raft_configuration_add(&configuration, bridge->raft.id, bridge->raft.address, RAFT_VOTER);
    if (status == 0) {
        status = raft_bootstrap(&bridge->raft, &configuration);
    }
    raft_configuration_close(&configuration);
    return status == RAFT_CANTBOOTSTRAP ? 0 : status; /* something is stored: go on from there */
}

static int port_start(void *state, bool is_bootstrap)
{
    struct rp_bridge *bridge = state;
    RP_ASSERT(bridge->has_events && !bridge->is_started && !bridge->is_start_due);
    if (is_bootstrap && bootstrap(bridge) != 0) {
        return RP_ERR_IO;
    }
    bridge->is_start_due = true;
    rp_bridge_drain_soon(bridge);
    return 0;
}

static void start_library(struct rp_bridge *bridge)
{
    bridge->is_start_due = false;
    bridge->snapshot_last_ns = rp_bridge_now(bridge);
    if (!bridge->is_snapshot_forced) { /* asked for before the start: it is still to come */
        raft_set_snapshot_threshold(&bridge->raft, rp_bridge_snapshot_threshold(bridge));
    }
    bridge->is_started = true;
    if (raft_start(&bridge->raft) != 0) {
        bridge->is_started = false;
        bridge->start_error = RP_ERR_IO;
    }
    look_around(bridge);
}

int rp_bridge_start_error(const struct rp_bridge *bridge)
{
    return bridge->start_error;
}

static void on_closed(struct raft *raft)
{
    struct rp_bridge *bridge = raft->data;
    bridge->is_closed = true;
    rp_bridge_drain_soon(bridge);
}

static void close_library(struct rp_bridge *bridge)
{
    if (!bridge->is_close_called) {
        bridge->is_close_called = true;
        raft_close(&bridge->raft, on_closed);
    }
}

static void port_stop(void *state, struct rp_consensus_request *request)
{
    struct rp_bridge *bridge = state;
    rp_bridge_begin(request);
    RP_ASSERT(!bridge->is_stopping);
    bridge->is_stopping = true;
    bridge->is_start_due = false;
    bridge->stop_request = request;
    rp_members_stop(bridge->members);
    rp_read_index_stop(bridge->read_index);
    rp_bridge_drop_deferred(bridge);
    rp_bridge_drain_soon(bridge);
}

void rp_bridge_abandon(struct rp_bridge *bridge)
{
    RP_ASSERT(!bridge->is_in_event);
    bridge->is_abandoned = true;
    bridge->is_stopping = true;
    bridge->clock.disarm(bridge->clock.state, &bridge->drain);
    rp_members_stop(bridge->members);
    rp_read_index_stop(bridge->read_index);
    rp_bridge_drop_deferred(bridge);
    close_library(bridge);
}

bool rp_bridge_is_closed(const struct rp_bridge *bridge)
{
    return bridge->is_closed;
}

/* ---- Delivery -------------------------------------------------------------------------------- */

static void deliver_finished(struct rp_bridge *bridge)
{
    struct rp_consensus_request *request = bridge->finished_first;
    struct rp_consensus_request *last = bridge->finished_last;
    bridge->finished_first = NULL;
    bridge->finished_last = NULL;
    while (request != NULL) {
        struct rp_consensus_request *next =
            request == last
                ? NULL
                : (struct rp_consensus_request *)(uintptr_t)(request->port_handle & ~HANDLE_FLAGS);
        deliver_one(request);
        request = next;
    }
}

/* Everything that must not happen inside a call or inside the library. What a callback adds is
 * delivered by the next timer, so a node that asks in vain for ever does not stop the world. */
static void on_drain(void *context)
{
    struct rp_bridge *bridge = context;
    if (bridge->is_start_due) {
        start_library(bridge);
    }
    if (bridge->is_stopping) {
        close_library(bridge);
    } else {
        rp_bridge_submit_deferred(bridge);
        look_around(bridge);
    }
    if (bridge->is_leader_news && !bridge->is_stopping) {
        bridge->is_leader_news = false;
        bridge->events.leader_changed(bridge->events.context);
    }
    deliver_finished(bridge);
    if (bridge->is_closed && bridge->finished_first == NULL && bridge->stop_request != NULL) {
        struct rp_consensus_request *request = bridge->stop_request;
        bridge->stop_request = NULL;
        bridge->clock.disarm(bridge->clock.state, &bridge->drain);
        deliver_one(request); /* last of all: the bridge may be gone now */
    }
}

/* ---- The rest of the port -------------------------------------------------------------------- */

static struct rp_consensus_status port_status(void *state)
{
    struct rp_bridge *bridge = state;
    struct rp_consensus_status status = {.raft_id = bridge->params.raft_id};
    status.applied_index = applied_of(bridge);
    if (bridge->is_started && !bridge->is_close_called) {
        status.is_leader = rp_bridge_is_leader(bridge);
        status.leader_raft_id = leader_of(bridge);
        status.has_leader = status.leader_raft_id != 0;
        status.term = bridge->raft.current_term;
    }
    return status;
}

static void port_read_index(void *state, struct rp_consensus_request *request,
                            rp_time_ns deadline_ns)
{
    struct rp_bridge *bridge = state;
    rp_bridge_begin(request);
    if (bridge->is_stopping) {
        rp_bridge_finish(bridge, request, RP_ERR_STOPPED);
    } else {
        rp_read_index_ask(bridge->read_index, request, deadline_ns);
    }
}

static void port_admit(void *state, struct rp_consensus_request *request,
                       const struct rp_member *member, rp_time_ns deadline_ns)
{
    struct rp_bridge *bridge = state;
    rp_bridge_begin(request);
    if (bridge->is_stopping) {
        rp_bridge_finish(bridge, request, RP_ERR_STOPPED);
    } else {
        rp_members_admit(bridge->members, request, member, deadline_ns);
    }
}

static void port_expel(void *state, struct rp_consensus_request *request, uint64_t raft_id)
{
    struct rp_bridge *bridge = state;
    rp_bridge_begin(request);
    if (bridge->is_stopping) {
        rp_bridge_finish(bridge, request, RP_ERR_STOPPED);
    } else {
        rp_members_expel(bridge->members, request, raft_id);
    }
}

static void port_route(void *state, uint64_t raft_id, struct rp_view raft_address)
{
    struct rp_bridge *bridge = state;
    bridge->params.world.route(bridge->params.world.context, raft_id, raft_address);
    rp_members_returned(bridge->members, raft_id);
}

static void port_departed(void *state, uint64_t raft_id)
{
    struct rp_bridge *bridge = state;
    if (!bridge->is_stopping) {
        rp_members_departed(bridge->members, raft_id);
    }
}

static void port_transfer(void *state, struct rp_consensus_request *request, rp_time_ns deadline_ns)
{
    struct rp_bridge *bridge = state;
    rp_bridge_begin(request);
    if (bridge->is_stopping) {
        rp_bridge_finish(bridge, request, RP_ERR_STOPPED);
    } else {
        rp_members_transfer(bridge->members, request, deadline_ns);
    }
}

struct rp_consensus_port rp_bridge_port(struct rp_bridge *bridge)
{
    return (struct rp_consensus_port){
        .state = bridge,
        .start = port_start,
        .status = port_status,
        .propose = rp_bridge_propose,
        .read_index = port_read_index,
        .admit = port_admit,
        .expel = port_expel,
        .route = port_route,
        .departed = port_departed,
        .transfer = port_transfer,
        .stop = port_stop,
    };
}

void rp_bridge_aux_received(struct rp_bridge *bridge, uint64_t source_raft_id, struct rp_view bytes)
{
    if (!bridge->is_stopping && bridge->is_started) {
        rp_members_heard(bridge->members, source_raft_id);
        rp_read_index_received(bridge->read_index, source_raft_id, bytes);
    }
}

/* ---- What the two helpers see ---------------------------------------------------------------- */

static const struct rp_consensus_events *host_events(void *context)
{
    const struct rp_bridge *bridge = context;
    return &bridge->events;
}

static bool host_is_leader(void *context)
{
    return rp_bridge_is_leader(context);
}

static uint64_t host_leader(void *context)
{
    return leader_of(context);
}

static uint64_t host_applied(void *context)
{
    return applied_of(context);
}

static uint64_t host_command(void *context)
{
    const struct rp_bridge *bridge = context;
    return bridge->command_index;
}

static void host_send_aux(void *context, uint64_t target_raft_id, struct rp_view bytes)
{
    struct rp_bridge *bridge = context;
    bridge->params.world.send_aux(bridge->params.world.context, target_raft_id, bytes);
}

static void host_finish(void *context, struct rp_consensus_request *request, int error)
{
    rp_bridge_finish(context, request, error);
}

/* ---- Birth and death ------------------------------------------------------------------------- */

void rp_bridge_params_configure(struct rp_bridge_params *params, const struct rp_config *config)
{
    uint64_t election_ms = config->raft_election_timeout_ns / RP_NS_PER_MS;
    uint64_t heartbeat_ms = config->raft_heartbeat_timeout_ns / RP_NS_PER_MS;
    if (election_ms < 50) {
        election_ms = 50;
    }
    if (election_ms > 600000) {
        election_ms = 600000;
    }
    uint64_t tick_ms = (heartbeat_ms < election_ms ? heartbeat_ms : election_ms) / 5;
    params->election_timeout_ms = (uint32_t)election_ms;
    params->heartbeat_interval_ms = (uint32_t)(tick_ms < 10 ? 10 : tick_ms);
    params->snapshot_interval_ns = config->raft_snapshot_interval_ns;
    params->snapshot_threshold = config->raft_snapshot_threshold;
    params->snapshot_trailing = config->raft_snapshot_threshold;
    params->voter_max = config->voter_max;
}

static int create_helpers(struct rp_bridge *bridge)
{
    const struct rp_bridge_params *params = &bridge->params;
    rp_time_ns election_ns = (rp_time_ns)params->election_timeout_ms * RP_NS_PER_MS;
    struct rp_members_params members = {
        .alloc = bridge->alloc,
        .clock = bridge->clock,
        .host = {bridge, host_events, port_route, host_finish},
        .raft = &bridge->raft,
        .voter_max = params->voter_max,
        .election_timeout_ns = election_ns,
    };
    struct rp_read_index_params read_index = {
        .alloc = bridge->alloc,
        .clock = bridge->clock,
        .host = {bridge, host_is_leader, host_leader, host_applied, host_command, rp_bridge_barrier,
                 host_send_aux, host_finish},
        .retry_ns = election_ns,
        .nonce_first = (uint64_t)bridge->clock.wall_unix_ns(bridge->clock.state),
    };
    int error = rp_members_new(&members, &bridge->members);
    return error != 0 ? error : rp_read_index_new(&read_index, &bridge->read_index);
}

static int create_library(struct rp_bridge *bridge)
{
    const struct rp_bridge_params *params = &bridge->params;
    char address[ADDRESS_BYTES];
    int error = configure_address(address, sizeof address, params->raft_address, params->raft_id);
    if (error != 0) {
        return error;
    }
    rp_bridge_fsm_init(bridge);
    int status = raft_init(&bridge->raft, params->io, &bridge->fsm, params->raft_id, address);
    if (status != 0) {
        return status == RAFT_NOMEM ? RP_ERR_NOMEM : RP_ERR_IO;
    }
    bridge->raft.data = bridge;
    bridge->io_start = params->io->start;
    params->io->start = start_between;
    bridge->io_send = params->io->send;
    params->io->send = rp_bridge_send;
    bridge->io_load = params->io->load;
    params->io->load = rp_bridge_load;
    bridge->io_snapshot_put = params->io->snapshot_put;
    params->io->snapshot_put = rp_bridge_snapshot_put;
    raft_configuration_init(&bridge->base);
    raft_set_election_timeout(&bridge->raft, params->election_timeout_ms);
    raft_set_heartbeat_timeout(&bridge->raft, params->heartbeat_interval_ms);
    raft_set_pre_vote(&bridge->raft, true);
    raft_set_snapshot_trailing(&bridge->raft, params->snapshot_trailing);
    raft_set_max_catch_up_round_duration(&bridge->raft, 2 * params->election_timeout_ms);
    return 0;
}

static void discard(struct rp_bridge *bridge)
{
    rp_members_free(bridge->members);
    rp_read_index_free(bridge->read_index);
    rp_release(bridge->alloc, bridge);
}

int rp_bridge_new(const struct rp_bridge_params *params, struct rp_bridge **bridge_out)
{
    if (params->raft_id == 0 || params->heartbeat_interval_ms == 0 ||
        params->heartbeat_interval_ms >= params->election_timeout_ms) {
        return RP_ERR_INVALID;
    }
    struct rp_bridge *bridge = rp_allocate_zeroed(params->alloc, sizeof *bridge);
    if (bridge == NULL) {
        return RP_ERR_NOMEM;
    }
    bridge->alloc = params->alloc;
    bridge->clock = params->clock;
    bridge->params = *params;
    bridge->drain.fire = on_drain;
    bridge->drain.context = bridge;
    int error = create_helpers(bridge);
    if (error == 0) {
        error = create_library(bridge);
    }
    bridge->params.raft_address = rp_view_make(NULL, 0); /* the library has its copy */
    if (error != 0) {
        discard(bridge);
        return error;
    }
    *bridge_out = bridge;
    return 0;
}

void rp_bridge_bind(struct rp_bridge *bridge, const struct rp_consensus_events *events)
{
    bridge->events = *events;
    bridge->has_events = true;
}

void rp_bridge_free(struct rp_bridge *bridge)
{
    if (bridge == NULL) {
        return;
    }
    bridge->clock.disarm(bridge->clock.state, &bridge->drain);
    if (!bridge->is_started && !bridge->is_close_called) {
        bridge->is_abandoned = true;
        close_library(bridge);
    }
    RP_ASSERT(bridge->is_closed);
    bridge->params.io->start = bridge->io_start;
    bridge->params.io->send = bridge->io_send;
    bridge->params.io->load = bridge->io_load;
    bridge->params.io->snapshot_put = bridge->io_snapshot_put;
    raft_configuration_close(&bridge->base);
    discard(bridge);
}
