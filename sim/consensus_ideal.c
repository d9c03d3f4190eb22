#include "sim/consensus_ideal.h"

#include <stdio.h>

#include "protocol/error.h"
#include "protocol/panic.h"

/* A raft id that was admitted, alive or not. */
struct membership {
    uint64_t raft_id;
    struct sim_consensus_ideal *live; /* NULL: no process */
};

struct sim_ideal_log {
    const struct rp_alloc *alloc;
    uint64_t snapshot_threshold;
    struct rp_block **entries; /* owned references; entry i has index i + 1; NULL: dropped */
    size_t dropped_count;      /* from the first on; the snapshot covers them */
    size_t entry_count, entry_capacity;
    struct membership *memberships; /* in order of admission */
    size_t membership_count, membership_capacity;
    struct sim_consensus_ideal *first_live; /* every process, admitted or not */
    struct rp_block *snapshot;              /* cached, or NULL */
    uint64_t snapshot_index;
    uint64_t term;           /* counts leaders */
    uint64_t leader_raft_id; /* 0: none lives */
};

/* A request of the node on its way to its end. */
struct pending {
    struct pending *next;
    struct rp_consensus_request *request;
    uint64_t wait_index; /* ends when this much is applied here; 0: at once */
    rp_time_ns deadline_ns;
    int error;
};

struct sim_consensus_ideal {
    const struct rp_alloc *alloc;
    struct rp_clock_port clock;
    struct sim_ideal_log *log;
    struct sim_consensus_ideal *next_live;
    struct rp_consensus_events events;
    struct sim_rng random;
    struct sim_range delay_ns;
    uint64_t raft_id;
    uint64_t applied_index;
    uint64_t visible_index; /* everything up to here is due at `visible_ns` */
    rp_time_ns visible_ns;
    struct pending *pending; /* in order of asking */
    struct rp_timer apply_timer, run_timer;
    bool is_live, is_stopping, is_leader_news, has_caught_up;
};

/* ---- The log --------------------------------------------------------------------------------- */

int sim_ideal_log_new(const struct rp_alloc *alloc, uint64_t snapshot_threshold,
                      struct sim_ideal_log **log_out)
{
    struct sim_ideal_log *log = rp_allocate_zeroed(alloc, sizeof *log);
    if (log == NULL) {
        return RP_ERR_NOMEM;
    }
    log->alloc = alloc;
    log->snapshot_threshold = snapshot_threshold;
    *log_out = log;
    return 0;
}

void sim_ideal_log_free(struct sim_ideal_log *log)
{
    if (log == NULL) {
        return;
    }
    RP_ASSERT(log->first_live == NULL);
    for (size_t i = 0; i < log->entry_count; i++) {
        rp_block_release(log->entries[i]);
    }
    rp_block_release(log->snapshot);
    rp_release(log->alloc, log->entries);
    rp_release(log->alloc, log->memberships);
    rp_release(log->alloc, log);
}

uint64_t sim_ideal_log_last_index(const struct sim_ideal_log *log)
{
    return log->entry_count;
}

bool sim_ideal_log_entry(const struct sim_ideal_log *log, uint64_t index, struct rp_view *bytes_out)
{
    if (index <= log->dropped_count || index > log->entry_count) {
        return false;
    }
    const struct rp_block *block = log->entries[index - 1];
    *bytes_out = rp_view_make(block->bytes, block->length_bytes);
    return true;
}

static int log_append(struct sim_ideal_log *log, struct rp_view command)
{
    if (log->entry_count == log->entry_capacity) {
        size_t capacity = log->entry_capacity == 0 ? 256 : 2 * log->entry_capacity;
        struct rp_block **entries = rp_resize(log->alloc, log->entries, capacity * sizeof *entries);
        if (entries == NULL) {
            return RP_ERR_NOMEM;
        }
        log->entries = entries;
        log->entry_capacity = capacity;
    }
    uint8_t *bytes;
    struct rp_block *block;
    int error = rp_block_new(log->alloc, command.length_bytes, &block, &bytes);
    if (error != 0) {
        return error;
    }
    if (command.length_bytes > 0) {
        memcpy(bytes, command.bytes, command.length_bytes);
    }
    log->entries[log->entry_count] = block;
    log->entry_count += 1;
    return 0;
}

static struct membership *membership_of(const struct sim_ideal_log *log, uint64_t raft_id)
{
    for (size_t i = 0; i < log->membership_count; i++) {
        if (log->memberships[i].raft_id == raft_id) {
            return &log->memberships[i];
        }
    }
    return NULL;
}

bool sim_ideal_log_is_member(const struct sim_ideal_log *log, uint64_t raft_id)
{
    return membership_of(log, raft_id) != NULL;
}

static int membership_add(struct sim_ideal_log *log, uint64_t raft_id)
{
    if (membership_of(log, raft_id) != NULL) {
        return 0;
    }
    if (log->membership_count == log->membership_capacity) {
        size_t capacity = log->membership_capacity == 0 ? 16 : 2 * log->membership_capacity;
        struct membership *memberships =
            rp_resize(log->alloc, log->memberships, capacity * sizeof *memberships);
        if (memberships == NULL) {
            return RP_ERR_NOMEM;
        }
        log->memberships = memberships;
        log->membership_capacity = capacity;
    }
    struct sim_consensus_ideal *live = log->first_live;
    while (live != NULL && live->raft_id != raft_id) {
        live = live->next_live;
    }
    log->memberships[log->membership_count] = (struct membership){raft_id, live};
    log->membership_count += 1;
    return 0;
}

/* ---- A member -------------------------------------------------------------------------------- */

static rp_time_ns now_of(const struct sim_consensus_ideal *member)
{
    return member->clock.now_ns(member->clock.state);
}

static void run_soon(struct sim_consensus_ideal *member)
{
    if (!rp_timer_is_armed(&member->run_timer)) {
        member->clock.arm(member->clock.state, &member->run_timer, now_of(member));
    }
}

static bool leads(const struct sim_consensus_ideal *member)
{
    return member->is_live && !member->is_stopping &&
           member->log->leader_raft_id == member->raft_id;
}

/* Draws when what is committed by now reaches this member; a batch shares one delay. */
static void schedule_apply(struct sim_consensus_ideal *member)
{
    bool is_behind = member->applied_index < member->log->entry_count;
    if (!is_behind || member->is_stopping || rp_timer_is_armed(&member->apply_timer) ||
        !member->has_caught_up) {
        return;
    }
    member->visible_index = member->log->entry_count;
    member->visible_ns = now_of(member) + sim_rng_range(&member->random, member->delay_ns);
    member->clock.arm(member->clock.state, &member->apply_timer, member->visible_ns);
}

static void tell_all(struct sim_ideal_log *log)
{
    for (struct sim_consensus_ideal *live = log->first_live; live != NULL; live = live->next_live) {
        live->is_leader_news = true;
        run_soon(live);
    }
}

/* The longest admitted of the living leads from now on. */
static void choose_leader(struct sim_ideal_log *log, uint64_t except_raft_id)
{
    uint64_t chosen = 0;
    for (size_t i = 0; i < log->membership_count && chosen == 0; i++) {
        const struct membership *membership = &log->memberships[i];
        bool is_fit = membership->live != NULL && !membership->live->is_stopping &&
                      membership->raft_id != except_raft_id;
        chosen = is_fit ? membership->raft_id : 0;
    }
    if (chosen != log->leader_raft_id) {
        log->leader_raft_id = chosen;
        log->term += chosen != 0;
        tell_all(log);
    }
}

static void leave_world(struct sim_consensus_ideal *member)
{
    if (!member->is_live) {
        return;
    }
    member->is_live = false;
    struct sim_consensus_ideal **link = &member->log->first_live;
    while (*link != member) {
        link = &(*link)->next_live;
    }
    *link = member->next_live;
    struct membership *membership = membership_of(member->log, member->raft_id);
    if (membership != NULL) {
        membership->live = NULL;
    }
    if (member->log->leader_raft_id == member->raft_id) {
        choose_leader(member->log, member->raft_id);
    }
}

/* ---- Requests -------------------------------------------------------------------------------- */

static void enqueue(struct sim_consensus_ideal *member, struct rp_consensus_request *request,
                    uint64_t wait_index, rp_time_ns deadline_ns, int error)
{
    RP_ASSERT(request->port_handle == 0);
    struct pending *pending = rp_allocate_zeroed(member->alloc, sizeof *pending);
    RP_ASSERT(pending != NULL); /* the simulator itself cannot go on */
    request->port_handle = 1;
    request->index = wait_index;
    request->apply_error = 0;
    *pending = (struct pending){NULL, request, wait_index, deadline_ns, error};
    struct pending **link = &member->pending;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = pending;
    if (wait_index == 0 || error != 0 || wait_index <= member->applied_index) {
        run_soon(member);
    } else if (deadline_ns != RP_TIME_NEVER && !rp_timer_is_armed(&member->run_timer)) {
        member->clock.arm(member->clock.state, &member->run_timer, deadline_ns);
    }
}

/* The end of a request, if it has come: 1 no, else an error or 0. */
static int outcome_of(const struct sim_consensus_ideal *member, const struct pending *pending)
{
    if (pending->error != 0) {
        return pending->error;
    }
    if (pending->wait_index <= member->applied_index) {
        return 0;
    }
    if (member->is_stopping) {
        return RP_ERR_STOPPED;
    }
    return now_of(member) >= pending->deadline_ns ? RP_ERR_TIMEOUT : 1;
}

static struct pending *take_ended(struct sim_consensus_ideal *member, int *error_out)
{
    for (struct pending **link = &member->pending; *link != NULL; link = &(*link)->next) {
        struct pending *pending = *link;
        int outcome = outcome_of(member, pending);
        if (outcome <= 0) {
            *link = pending->next;
            *error_out = outcome;
            return pending;
        }
    }
    return NULL;
}

static void arm_deadline(struct sim_consensus_ideal *member)
{
    rp_time_ns next_ns = RP_TIME_NEVER;
    for (const struct pending *pending = member->pending; pending != NULL;
         pending = pending->next) {
        next_ns = pending->deadline_ns < next_ns ? pending->deadline_ns : next_ns;
    }
    if (next_ns != RP_TIME_NEVER && !rp_timer_is_armed(&member->run_timer)) {
        member->clock.arm(member->clock.state, &member->run_timer, next_ns);
    }
}

static int take_snapshot(struct sim_ideal_log *log, struct sim_consensus_ideal *source)
{
    struct rp_block *block = NULL;
    int error = source->events.snapshot(source->events.context, &block);
    if (error == 0) {
        rp_block_release(log->snapshot);
        log->snapshot = block;
        log->snapshot_index = source->applied_index;
    }
    return error;
}

/* A snapshot that is behind the member, or was never taken, changes nothing. */
static void install_snapshot(struct sim_consensus_ideal *member)
{
    const struct sim_ideal_log *log = member->log;
    if (log->snapshot == NULL || log->snapshot_index <= member->applied_index) {
        return;
    }
    struct rp_view view = rp_view_make(log->snapshot->bytes, log->snapshot->length_bytes);
    if (member->events.restore(member->events.context, view) == 0) {
        member->applied_index = log->snapshot_index;
    }
}

/* A member far behind begins with the leader's state, or with one that was taken by choice. */
static void catch_up(struct sim_consensus_ideal *member)
{
    struct sim_ideal_log *log = member->log;
    const struct membership *leader = membership_of(log, log->leader_raft_id);
    bool is_far = log->snapshot_threshold != 0 && log->entry_count > log->snapshot_threshold;
    struct sim_consensus_ideal *source = leader == NULL ? NULL : leader->live;
    bool is_stale =
        log->snapshot == NULL ||
        (source != NULL && source->applied_index > log->snapshot_index + log->snapshot_threshold);
    if (is_far && is_stale && source != NULL && source != member) {
        rp_ignore(take_snapshot(log, source)); /* else the log has it all */
    }
    if (is_far || log->snapshot_threshold == 0 || member->applied_index < log->dropped_count) {
        install_snapshot(member);
    }
}

/* A stop is the last request in the list, so the member may be gone after the last `done`. */
static void on_run(void *context)
{
    struct sim_consensus_ideal *member = context;
    if (!member->has_caught_up && !member->is_stopping &&
        membership_of(member->log, member->raft_id) != NULL) {
        member->has_caught_up = true;
        catch_up(member);
    }
    schedule_apply(member);
    if (member->is_leader_news && !member->is_stopping) {
        member->is_leader_news = false;
        member->events.leader_changed(member->events.context);
    }
    bool is_stopping = member->is_stopping;
    int error = 0;
    struct pending *pending = take_ended(member, &error);
    while (pending != NULL) {
        struct rp_consensus_request *request = pending->request;
        bool is_last = is_stopping && member->pending == NULL;
        rp_release(member->alloc, pending);
        request->port_handle = 0;
        if (error != 0) {
            request->index = 0;
        }
        request->done(request, error);
        if (is_last) {
            return;
        }
        pending = take_ended(member, &error);
    }
    arm_deadline(member);
}

static void on_apply(void *context)
{
    struct sim_consensus_ideal *member = context;
    if (member->applied_index < member->log->dropped_count && !member->is_stopping) {
        install_snapshot(member);
    }
    while (member->applied_index < member->visible_index && !member->is_stopping &&
           member->applied_index >= member->log->dropped_count) {
        const struct rp_block *block = member->log->entries[member->applied_index];
        int refused = member->events.apply(member->events.context, member->applied_index + 1,
                                           member->log->term,
                                           rp_view_make(block->bytes, block->length_bytes));
        member->applied_index += 1;
        for (struct pending *pending = member->pending; pending != NULL; pending = pending->next) {
            if (pending->wait_index == member->applied_index && pending->error == 0) {
                pending->request->apply_error = refused;
            }
        }
    }
    schedule_apply(member);
    if (member->pending != NULL) {
        member->clock.disarm(member->clock.state, &member->run_timer);
        run_soon(member);
    }
}

/* ---- The port -------------------------------------------------------------------------------- */

static int port_start(void *state, bool is_bootstrap)
{
    struct sim_consensus_ideal *member = state;
    struct sim_ideal_log *log = member->log;
    RP_ASSERT(!member->is_live);
    member->is_live = true;
    member->next_live = log->first_live;
    log->first_live = member;
    struct membership *membership = membership_of(log, member->raft_id);
    if (membership != NULL) {
        membership->live = member;
    } else if (is_bootstrap && log->membership_count == 0 &&
               membership_add(log, member->raft_id) != 0) {
        return RP_ERR_IO;
    }
    if (log->leader_raft_id == 0) {
        choose_leader(log, 0);
    }
    member->is_leader_news = true;
    run_soon(member);
    return 0;
}

static struct rp_consensus_status port_status(void *state)
{
    const struct sim_consensus_ideal *member = state;
    bool is_member = member->is_live && membership_of(member->log, member->raft_id) != NULL;
    uint64_t leader = is_member ? member->log->leader_raft_id : 0;
    return (struct rp_consensus_status){.is_leader = leads(member),
                                        .has_leader = leader != 0,
                                        .leader_raft_id = leader,
                                        .term = member->log->term,
                                        .applied_index = member->applied_index,
                                        .raft_id = member->raft_id};
}

/* Committed at once; known to each member after its delay. */
static void port_propose(void *state, struct rp_consensus_request *request, struct rp_view command)
{
    struct sim_consensus_ideal *member = state;
    struct sim_ideal_log *log = member->log;
    if (!leads(member)) {
        int error = member->is_stopping ? RP_ERR_STOPPED : RP_ERR_NOT_LEADER;
        enqueue(member, request, 0, RP_TIME_NEVER, error);
        return;
    }
    if (log_append(log, command) != 0) {
        enqueue(member, request, 0, RP_TIME_NEVER, RP_ERR_NOMEM);
        return;
    }
    enqueue(member, request, log->entry_count, RP_TIME_NEVER, 0);
    for (struct sim_consensus_ideal *live = log->first_live; live != NULL; live = live->next_live) {
        schedule_apply(live);
    }
}

static void port_read_index(void *state, struct rp_consensus_request *request,
                            rp_time_ns deadline_ns)
{
    struct sim_consensus_ideal *member = state;
    int error = member->is_stopping ? RP_ERR_STOPPED : 0;
    if (error == 0 && !port_status(member).has_leader) {
        error = RP_ERR_NO_LEADER;
    }
    enqueue(member, request, member->log->entry_count, deadline_ns, error);
}

static int leader_error(const struct sim_consensus_ideal *member)
{
    return member->is_stopping ? RP_ERR_STOPPED : (leads(member) ? 0 : RP_ERR_NOT_LEADER);
}

static void port_admit(void *state, struct rp_consensus_request *request,
                       const struct rp_member *admitted, rp_time_ns deadline_ns)
{
    struct sim_consensus_ideal *member = state;
    int error = leader_error(member);
    if (error == 0 && membership_add(member->log, admitted->raft_id) != 0) {
        error = RP_ERR_NOMEM;
    }
    if (error == 0) {
        struct membership *membership = membership_of(member->log, admitted->raft_id);
        if (membership->live != NULL) {
            membership->live->is_leader_news = true;
            run_soon(membership->live);
        }
    }
    enqueue(member, request, 0, deadline_ns, error);
}

static void port_expel(void *state, struct rp_consensus_request *request, uint64_t raft_id)
{
    struct sim_consensus_ideal *member = state;
    struct sim_ideal_log *log = member->log;
    int error = leader_error(member);
    struct membership *membership = membership_of(log, raft_id);
    if (error == 0 && membership != NULL) {
        size_t place = (size_t)(membership - log->memberships);
        memmove(membership, membership + 1,
                (log->membership_count - place - 1) * sizeof *membership);
        log->membership_count -= 1;
        if (log->leader_raft_id == raft_id) {
            choose_leader(log, raft_id);
        }
    }
    enqueue(member, request, 0, RP_TIME_NEVER, error);
}

static void port_route(void *state, uint64_t raft_id, struct rp_view raft_address)
{
    (void)state; /* nothing is sent */
    (void)raft_id;
    (void)raft_address;
}

static void port_departed(void *state, uint64_t raft_id)
{
    (void)state; /* membership outlives lives here */
    (void)raft_id;
}

static void port_transfer(void *state, struct rp_consensus_request *request, rp_time_ns deadline_ns)
{
    struct sim_consensus_ideal *member = state;
    int error = 0;
    if (leads(member)) {
        uint64_t before = member->log->leader_raft_id;
        choose_leader(member->log, before);
        if (member->log->leader_raft_id == 0) {
            choose_leader(member->log, 0); /* nobody else lives */
            error = RP_ERR_UNREACHABLE;
        }
    }
    enqueue(member, request, 0, deadline_ns, error);
}

static void port_stop(void *state, struct rp_consensus_request *request)
{
    struct sim_consensus_ideal *member = state;
    RP_ASSERT(!member->is_stopping);
    member->is_stopping = true;
    member->clock.disarm(member->clock.state, &member->apply_timer);
    leave_world(member);
    member->clock.disarm(member->clock.state, &member->run_timer);
    enqueue(member, request, 0, RP_TIME_NEVER, 0);
}

struct rp_consensus_port sim_consensus_ideal_port(struct sim_consensus_ideal *member)
{
    return (struct rp_consensus_port){
        .state = member,
        .start = port_start,
        .status = port_status,
        .propose = port_propose,
        .read_index = port_read_index,
        .admit = port_admit,
        .expel = port_expel,
        .route = port_route,
        .departed = port_departed,
        .transfer = port_transfer,
        .stop = port_stop,
    };
}

/* ---- Chosen points --------------------------------------------------------------------------- */

int sim_ideal_log_snapshot(struct sim_ideal_log *log, struct sim_consensus_ideal *member)
{
    return take_snapshot(log, member);
}

int sim_ideal_log_truncate(struct sim_ideal_log *log, struct sim_consensus_ideal *member)
{
    int error = take_snapshot(log, member);
    for (size_t i = log->dropped_count; error == 0 && i < member->applied_index; i++) {
        rp_block_release(log->entries[i]);
        log->entries[i] = NULL;
        log->dropped_count = i + 1;
    }
    return error;
}

uint64_t sim_ideal_log_snapshot_index(const struct sim_ideal_log *log)
{
    return log->snapshot == NULL ? 0 : log->snapshot_index;
}

uint64_t sim_ideal_log_first_index(const struct sim_ideal_log *log)
{
    return log->dropped_count + 1;
}

int sim_ideal_log_lead(struct sim_ideal_log *log, uint64_t raft_id)
{
    const struct membership *membership = membership_of(log, raft_id);
    if (membership == NULL || membership->live == NULL || membership->live->is_stopping) {
        return RP_ERR_NOT_FOUND;
    }
    if (log->leader_raft_id != raft_id) {
        log->leader_raft_id = raft_id;
        log->term += 1;
        tell_all(log);
    }
    return 0;
}

void sim_ideal_log_elect(struct sim_ideal_log *log)
{
    uint64_t before = log->leader_raft_id;
    choose_leader(log, before);
    if (log->leader_raft_id == 0) {
        choose_leader(log, 0);
    }
}

/* ---- Birth and death ------------------------------------------------------------------------- */

int sim_consensus_ideal_new(const struct sim_consensus_ideal_params *params,
                            struct sim_consensus_ideal **member_out)
{
    if (params->raft_id == 0) {
        return RP_ERR_INVALID;
    }
    struct sim_consensus_ideal *member = rp_allocate_zeroed(params->alloc, sizeof *member);
    if (member == NULL) {
        return RP_ERR_NOMEM;
    }
    member->alloc = params->alloc;
    member->clock = params->clock;
    member->log = params->log;
    member->raft_id = params->raft_id;
    member->delay_ns = params->delay_ns;
    member->apply_timer = (struct rp_timer){on_apply, member, 0};
    member->run_timer = (struct rp_timer){on_run, member, 0};
    char key[24];
    snprintf(key, sizeof key, "%llu", (unsigned long long)params->raft_id);
    sim_rng_init(&member->random, params->seed, "consensus-delay", rp_view_text(key),
                 params->incarnation);
    *member_out = member;
    return 0;
}

void sim_consensus_ideal_bind(struct sim_consensus_ideal *member,
                              const struct rp_consensus_events *events)
{
    member->events = *events;
}

void sim_consensus_ideal_kill(struct sim_consensus_ideal *member)
{
    if (member != NULL) {
        member->is_stopping = true;
        leave_world(member);
        sim_consensus_ideal_free(member);
    }
}

void sim_consensus_ideal_free(struct sim_consensus_ideal *member)
{
    if (member == NULL) {
        return;
    }
    RP_ASSERT(!member->is_live);
    member->clock.disarm(member->clock.state, &member->apply_timer);
    member->clock.disarm(member->clock.state, &member->run_timer);
    while (member->pending != NULL) {
        struct pending *pending = member->pending;
        member->pending = pending->next;
        rp_release(member->alloc, pending);
    }
    rp_release(member->alloc, member);
}
