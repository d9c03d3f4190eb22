#include "sim/consensus_raft.h"

#include "protocol/error.h"
#include "protocol/panic.h"
#include "protocol/raft/bridge.h"
#include "sim/consensus_raft_inner.h"

enum disk_kind { DISK_APPEND, DISK_SNAPSHOT_PUT, DISK_SNAPSHOT_GET };

/* A disk operation in flight; they complete in order. */
struct disk_op {
    struct disk_op *next;
    enum disk_kind kind;
    rp_time_ns due_ns;
    int status;
    struct raft_io_append *append;
    raft_io_append_cb append_done;
    uint64_t first_index, last_index; /* appended; last < first: nothing (any more) */
    bool is_leaders; /* of a leader: libraft cannot take its failure once it leads no more */
    struct raft_io_snapshot_put *put;
    raft_io_snapshot_put_cb put_done;
    uint64_t trailing;
    struct raft_stored_snapshot snapshot;
    struct raft_io_snapshot_get *get;
    raft_io_snapshot_get_cb get_done;
};

/* A message handed over whose completion the library still waits for. */
struct sent {
    struct sent *next;
    struct raft_io_send *request;
    raft_io_send_cb done;
};

struct sim_consensus_raft {
    const struct rp_alloc *alloc;
    struct rp_clock_port clock;
    struct sim_raft_folder *folder;
    struct sim_consensus_transport transport;
    void (*note)(void *context, enum sim_raft_note note, const uint64_t detail[4]);
    void *note_context;
    char *address, *cluster_name; /* owned */
    uint64_t secret_digest, session;
    struct sim_range disk_latency_ns;
    struct sim_rng election_random, tick_random, disk_random;

    struct raft_io io;
    struct rp_bridge *bridge; /* owned */
    raft_io_tick_cb tick;
    raft_io_recv_cb receive;
    rp_time_ns tick_interval_ns, tick_due_ns;
    struct rp_timer tick_timer, disk_timer;
    struct disk_op *disk_first, *disk_last;
    struct disk_op *stuck; /* failed writes that the library must not hear of before it is closed */
    rp_time_ns disk_busy_until_ns;
    struct sent *sent_first, *sent_last;
    const struct sim_raft_message *receiving; /* its blocks are shared with what is appended */
    struct raft_routes routes;
    struct raft_guard guard;
    bool is_io_closed;
    bool is_disk_broken;
};

/* ---- Small helpers --------------------------------------------------------------------------- */

static rp_time_ns now_of(const struct sim_consensus_raft *member)
{
    return member->clock.now_ns(member->clock.state);
}

static void note(const struct sim_consensus_raft *member, enum sim_raft_note what, uint64_t first,
                 uint64_t second, uint64_t third, uint64_t fourth)
{
    if (member->note != NULL) {
        const uint64_t detail[4] = {first, second, third, fourth};
        member->note(member->note_context, what, detail);
    }
}

/* ---- Routes ---------------------------------------------------------------------------------- */

static void route_set(void *context, uint64_t raft_id, struct rp_view address)
{
    struct sim_consensus_raft *member = context;
    if (raft_id != member->folder->raft_id) {
        raft_routes_set(&member->routes, raft_id, address);
    }
}

/* What we know, else what libraft's configuration says. */
static struct rp_view route_get(const struct sim_consensus_raft *member, uint64_t raft_id,
                                const char *configured_address)
{
    struct rp_view known = raft_routes_get(&member->routes, raft_id);
    return known.length_bytes > 0 ? known : rp_bridge_address_host(configured_address);
}

/* ---- Sending --------------------------------------------------------------------------------- */

static struct sim_consensus_raft *member_of(const struct raft_io *io)
{
    return io->impl;
}

/* Completions of sends wait for the next step of this member (a tick at the latest) and cost no
 * event of their own. */
static void complete_sends(struct sim_consensus_raft *member, int status)
{
    struct sent *sent = member->sent_first;
    member->sent_first = NULL;
    member->sent_last = NULL;
    while (sent != NULL) {
        struct sent *next = sent->next;
        sent->done(sent->request, status);
        rp_release(member->alloc, sent);
        sent = next;
    }
}

static void post(struct sim_consensus_raft *member, struct sim_raft_message *message,
                 const char *configured_address)
{
    note(member, SIM_RAFT_NOTE_SENT, message->kind, message->target, sim_raft_message_term(message),
         message->size_bytes);
    member->transport.send(member->transport.context, message->target,
                           route_get(member, message->target, configured_address), message,
                           message->size_bytes);
}

static struct sim_raft_message *message_to(struct sim_consensus_raft *member, uint64_t target)
{
    struct sim_raft_message *message =
        raft_message_new(member->alloc, member->folder->raft_id, target, member->address,
                         member->cluster_name, member->secret_digest);
    if (message != NULL) {
        message->source_session = member->session;
        message->number = raft_guard_next(&member->guard, target);
    }
    if (message != NULL && message->number == 0) {
        sim_raft_message_release(message);
        return NULL;
    }
    return message;
}

static int io_send(struct raft_io *io, struct raft_io_send *request,
                   const struct raft_message *message, raft_io_send_cb done)
{
    struct sim_consensus_raft *member = member_of(io);
    if (member->is_io_closed) {
        return RAFT_CANCELED;
    }
    struct sim_raft_message *copy = message_to(member, message->server_id);
    struct sent *sent = rp_allocate_zeroed(member->alloc, sizeof *sent);
    if (copy == NULL || sent == NULL || raft_message_fill(copy, message, member->folder) != 0) {
        sim_raft_message_release(copy);
        rp_release(member->alloc, sent);
        return RAFT_NOMEM;
    }
    post(member, copy, message->server_address);
    sim_raft_message_release(copy);
    if (done == NULL) { /* a leadership transfer wants no completion */
        rp_release(member->alloc, sent);
        return 0;
    }
    sent->request = request;
    sent->done = done;
    if (member->sent_last == NULL) {
        member->sent_first = sent;
    } else {
        member->sent_last->next = sent;
    }
    member->sent_last = sent;
    return 0;
}

static void send_aux(void *context, uint64_t target_raft_id, struct rp_view bytes)
{
    struct sim_consensus_raft *member = context;
    struct sim_raft_message *message = message_to(member, target_raft_id);
    if (message != NULL && raft_message_fill_aux(message, bytes) == 0) {
        post(member, message, NULL);
    }
    sim_raft_message_release(message);
}

/* ---- Disk ------------------------------------------------------------------------------------ */

static void disk_arm(struct sim_consensus_raft *member)
{
    if (member->disk_first != NULL && !rp_timer_is_armed(&member->disk_timer)) {
        member->clock.arm(member->clock.state, &member->disk_timer, member->disk_first->due_ns);
    }
}

static struct disk_op *disk_new(struct sim_consensus_raft *member, enum disk_kind kind)
{
    struct disk_op *op = rp_allocate_zeroed(member->alloc, sizeof *op);
    if (op != NULL) {
        op->kind = kind;
        op->status = member->is_disk_broken ? RAFT_IOERR : 0;
    }
    return op;
}

static void disk_submit(struct sim_consensus_raft *member, struct disk_op *op)
{
    rp_time_ns now_ns = now_of(member);
    rp_time_ns start_ns = member->disk_busy_until_ns > now_ns ? member->disk_busy_until_ns : now_ns;
    op->due_ns = start_ns + sim_rng_range(&member->disk_random, member->disk_latency_ns);
    member->disk_busy_until_ns = op->due_ns;
    if (member->disk_last == NULL) {
        member->disk_first = op;
    } else {
        member->disk_last->next = op;
    }
    member->disk_last = op;
    disk_arm(member);
}

static bool leads(const struct sim_consensus_raft *member)
{
    const struct raft *raft = member->io.data;
    return raft->state == RAFT_LEADER;
}

static void append_finish(struct sim_consensus_raft *member, struct disk_op *op)
{
    struct sim_raft_folder *folder = member->folder;
    if (member->is_io_closed) {
        /* The library is unavailable by now: it only lets go of the entries. A failure would make
         * it look for the requests of a leader that it is no more. */
        op->append_done(op->append, 0);
        return;
    }
    if (op->status == 0 && op->last_index >= op->first_index) {
        if (folder->synced_index < op->last_index) {
            folder->synced_index = op->last_index;
        }
        note(member, SIM_RAFT_NOTE_DURABLE, op->last_index, 0, 0, 0);
    }
    op->append_done(op->append, op->status);
}

static void put_finish(struct sim_consensus_raft *member, struct disk_op *op)
{
    if (op->status == 0) {
        note(member, SIM_RAFT_NOTE_SNAPSHOT, op->snapshot.index, op->snapshot.term,
             op->snapshot.block->length_bytes, 0);
        raft_folder_install(member->folder, &op->snapshot, op->trailing);
    }
    raft_stored_snapshot_clear(&op->snapshot);
    op->put_done(op->put, op->status);
}

static void get_finish(struct sim_consensus_raft *member, struct disk_op *op)
{
    struct raft_snapshot *snapshot = NULL;
    if (op->status == 0) {
        op->status = member->folder->snapshot.block == NULL
                         ? RAFT_NOTFOUND
                         : raft_snapshot_copy_out(&member->folder->snapshot, &snapshot);
    }
    op->get_done(op->get, snapshot, op->status);
}

static void disk_finish(struct sim_consensus_raft *member, struct disk_op *op)
{
    if (op->kind == DISK_APPEND) {
        append_finish(member, op);
    } else if (op->kind == DISK_SNAPSHOT_PUT) {
        put_finish(member, op);
    } else {
        get_finish(member, op);
    }
    rp_release(member->alloc, op);
}

static struct disk_op *disk_pop(struct sim_consensus_raft *member)
{
    struct disk_op *op = member->disk_first;
    member->disk_first = op->next;
    if (member->disk_first == NULL) {
        member->disk_last = NULL;
    }
    return op;
}

static void on_disk(void *context)
{
    struct sim_consensus_raft *member = context;
    complete_sends(member, 0);
    rp_time_ns now_ns = now_of(member);
    while (member->disk_first != NULL && member->disk_first->due_ns <= now_ns) {
        struct disk_op *op = disk_pop(member);
        if (op->kind == DISK_APPEND && op->status != 0 && op->is_leaders && !leads(member)) {
            op->next = member->stuck;
            member->stuck = op;
        } else {
            disk_finish(member, op);
        }
    }
    disk_arm(member);
}

/* The bytes of an entry to append: those of the message it came in, or a copy of its own. */
static int append_block(struct sim_consensus_raft *member, const struct raft_entry *entry,
                        uint64_t index, struct rp_block **block_out)
{
    const struct sim_raft_message *message = member->receiving;
    if (message != NULL && message->kind == SIM_RAFT_APPEND) {
        const struct raft_append_entries *append = &message->scalars.append_entries;
        uint64_t first_index = append->prev_log_index + 1;
        if (index >= first_index && index - first_index < append->n_entries &&
            message->entries[index - first_index].term == entry->term) {
            *block_out = rp_block_retain(message->entries[index - first_index].block);
            return 0;
        }
    }
    uint8_t *bytes;
    int error = rp_block_new(member->alloc, entry->buf.len, block_out, &bytes);
    if (error == 0 && entry->buf.len > 0) {
        memcpy(bytes, entry->buf.base, entry->buf.len);
    }
    return error;
}

static int append_entries(struct sim_consensus_raft *member, const struct raft_entry entries[],
                          unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct raft_shared_entry shared = {.term = entries[i].term, .type = entries[i].type};
        uint64_t index = sim_raft_folder_last_index(member->folder) + 1;
        if (append_block(member, &entries[i], index, &shared.block) != 0) {
            return RAFT_NOMEM;
        }
        if (raft_folder_append(member->folder, &shared) != 0) {
            rp_block_release(shared.block);
            return RAFT_NOMEM;
        }
    }
    return 0;
}

static int io_append(struct raft_io *io, struct raft_io_append *request,
                     const struct raft_entry entries[], unsigned count, raft_io_append_cb done)
{
    struct sim_consensus_raft *member = member_of(io);
    struct disk_op *op = member->is_io_closed ? NULL : disk_new(member, DISK_APPEND);
    if (op == NULL) {
        return member->is_io_closed ? RAFT_CANCELED : RAFT_NOMEM;
    }
    op->append = request;
    op->append_done = done;
    op->is_leaders = leads(member);
    op->first_index = sim_raft_folder_last_index(member->folder) + 1;
    op->last_index = op->first_index - 1;
    if (op->status == 0) {
        int status = append_entries(member, entries, count);
        if (status != 0) {
            raft_folder_truncate(member->folder, op->first_index);
            rp_release(member->alloc, op);
            return status;
        }
        op->last_index = op->first_index + count - 1;
        note(member, SIM_RAFT_NOTE_APPEND, op->first_index, count, entries[count - 1].term, 0);
    }
    disk_submit(member, op);
    return 0;
}

static int io_truncate(struct raft_io *io, raft_index index)
{
    struct sim_consensus_raft *member = member_of(io);
    note(member, SIM_RAFT_NOTE_TRUNCATE, index, 0, 0, 0);
    raft_folder_truncate(member->folder, index);
    for (struct disk_op *op = member->disk_first; op != NULL; op = op->next) {
        if (op->kind == DISK_APPEND && op->last_index >= index) {
            op->last_index = index - 1; /* what is appended there next has a write of its own */
        }
    }
    return 0;
}

static int put_block(struct sim_consensus_raft *member, const struct raft_snapshot *snapshot,
                     struct rp_block **block_out)
{
    const struct sim_raft_message *message = member->receiving;
    if (message != NULL && message->kind == SIM_RAFT_SNAPSHOT &&
        message->scalars.install_snapshot.last_index == snapshot->index &&
        message->scalars.install_snapshot.last_term == snapshot->term) {
        *block_out = rp_block_retain(message->block);
        return 0;
    }
    size_t length_bytes = 0;
    for (unsigned i = 0; i < snapshot->n_bufs; i++) {
        length_bytes += snapshot->bufs[i].len;
    }
    uint8_t *bytes;
    int error = rp_block_new(member->alloc, length_bytes, block_out, &bytes);
    for (unsigned i = 0; error == 0 && i < snapshot->n_bufs; i++) {
        memcpy(bytes, snapshot->bufs[i].base, snapshot->bufs[i].len);
        bytes += snapshot->bufs[i].len;
    }
    return error;
}

static int io_snapshot_put(struct raft_io *io, unsigned trailing,
                           struct raft_io_snapshot_put *request,
                           const struct raft_snapshot *snapshot, raft_io_snapshot_put_cb done)
{
    struct sim_consensus_raft *member = member_of(io);
    struct disk_op *op = member->is_io_closed ? NULL : disk_new(member, DISK_SNAPSHOT_PUT);
    if (op == NULL) {
        return member->is_io_closed ? RAFT_CANCELED : RAFT_NOMEM;
    }
    op->put = request;
    op->put_done = done;
    op->trailing = trailing;
    op->snapshot.index = snapshot->index;
    op->snapshot.term = snapshot->term;
    op->snapshot.configuration_index = snapshot->configuration_index;
    if (put_block(member, snapshot, &op->snapshot.block) != 0) {
        rp_release(member->alloc, op);
        return RAFT_NOMEM;
    }
    if (raft_configuration_copy(&snapshot->configuration, &op->snapshot.configuration) != 0) {
        rp_block_release(op->snapshot.block);
        rp_release(member->alloc, op);
        return RAFT_NOMEM;
    }
    disk_submit(member, op);
    return 0;
}

static int io_snapshot_get(struct raft_io *io, struct raft_io_snapshot_get *request,
                           raft_io_snapshot_get_cb done)
{
    struct sim_consensus_raft *member = member_of(io);
    struct disk_op *op = member->is_io_closed ? NULL : disk_new(member, DISK_SNAPSHOT_GET);
    if (op == NULL) {
        return member->is_io_closed ? RAFT_CANCELED : RAFT_NOMEM;
    }
    op->get = request;
    op->get_done = done;
    disk_submit(member, op);
    return 0;
}

static int io_set_term(struct raft_io *io, raft_term term)
{
    struct sim_consensus_raft *member = member_of(io);
    if (member->is_disk_broken) {
        return RAFT_IOERR;
    }
    member->folder->term = term;
    member->folder->vote = 0;
    note(member, SIM_RAFT_NOTE_TERM, term, 0, 0, 0);
    return 0;
}

static int io_set_vote(struct raft_io *io, raft_id server_id)
{
    struct sim_consensus_raft *member = member_of(io);
    if (member->is_disk_broken) {
        return RAFT_IOERR;
    }
    member->folder->vote = server_id;
    note(member, SIM_RAFT_NOTE_VOTE, member->folder->term, server_id, 0, 0);
    return 0;
}

static int io_bootstrap(struct raft_io *io, const struct raft_configuration *configuration)
{
    struct sim_consensus_raft *member = member_of(io);
    struct sim_raft_folder *folder = member->folder;
    if (!sim_raft_folder_is_empty(folder)) {
        return RAFT_CANTBOOTSTRAP;
    }
    struct raft_buffer encoded;
    int status = raft_configuration_encode(configuration, &encoded);
    if (status != 0) {
        return status;
    }
    struct raft_entry entry = {.term = 1, .type = RAFT_CHANGE, .buf = encoded};
    status = append_entries(member, &entry, 1);
    raft_free(encoded.base);
    if (status == 0) {
        folder->term = 1;
        folder->synced_index = 1;
        note(member, SIM_RAFT_NOTE_APPEND, 1, 1, 1, 0);
    }
    return status;
}

/* A forced configuration is no part of any story; the real process has a tool for it. */
static int io_recover(struct raft_io *io, const struct raft_configuration *configuration)
{
    (void)io;
    (void)configuration;
    return RAFT_INVALID;
}

/* ---- Life of the io -------------------------------------------------------------------------- */

static int io_init(struct raft_io *io, raft_id id, const char *address)
{
    (void)address;
    return id == member_of(io)->folder->raft_id ? 0 : RAFT_INVALID;
}

static int io_load(struct raft_io *io, raft_term *term, raft_id *voted_for,
                   struct raft_snapshot **snapshot, raft_index *start_index,
                   struct raft_entry *entries[], size_t *count)
{
    struct sim_raft_folder *folder = member_of(io)->folder;
    *term = folder->term;
    *voted_for = folder->vote;
    folder->synced_index = sim_raft_folder_last_index(folder); /* a start syncs what it finds */
    return raft_folder_load(folder, snapshot, start_index, entries, count);
}

static void on_tick(void *context)
{
    struct sim_consensus_raft *member = context;
    rp_time_ns now_ns = now_of(member);
    member->tick_due_ns += member->tick_interval_ns;
    if (member->tick_due_ns <= now_ns) { /* it was paused: ticks missed are missed */
        member->tick_due_ns = now_ns + member->tick_interval_ns;
    }
    member->clock.arm(member->clock.state, &member->tick_timer, member->tick_due_ns);
    complete_sends(member, 0);
    member->tick(&member->io);
}

static int io_start(struct raft_io *io, unsigned msecs, raft_io_tick_cb tick,
                    raft_io_recv_cb receive)
{
    struct sim_consensus_raft *member = member_of(io);
    member->tick = tick;
    member->receive = receive;
    member->tick_interval_ns = (rp_time_ns)msecs * RP_NS_PER_MS;
    /* Ticks of members are staggered, as those of real processes are. */
    member->tick_due_ns =
        now_of(member) + 1 + sim_rng_below(&member->tick_random, member->tick_interval_ns);
    member->clock.arm(member->clock.state, &member->tick_timer, member->tick_due_ns);
    return 0;
}

static void io_close(struct raft_io *io, raft_io_close_cb done)
{
    struct sim_consensus_raft *member = member_of(io);
    member->is_io_closed = true;
    member->receive = NULL;
    member->clock.disarm(member->clock.state, &member->tick_timer);
    member->clock.disarm(member->clock.state, &member->disk_timer);
    complete_sends(member, RAFT_CANCELED);
    while (member->disk_first != NULL) {
        struct disk_op *op = disk_pop(member);
        op->status = RAFT_CANCELED;
        disk_finish(member, op);
    }
    while (member->stuck != NULL) {
        struct disk_op *op = member->stuck;
        member->stuck = op->next;
        disk_finish(member, op);
    }
    if (done != NULL) {
        done(io);
    }
}

static raft_time io_time(struct raft_io *io)
{
    return now_of(member_of(io)) / RP_NS_PER_MS;
}

static int io_random(struct raft_io *io, int low, int high)
{
    struct sim_consensus_raft *member = member_of(io);
    return low + (int)sim_rng_below(&member->election_random, (uint64_t)(high - low));
}

static void fill_io(struct sim_consensus_raft *member)
{
    member->io = (struct raft_io){
        .version = 1,
        .impl = member,
        .init = io_init,
        .close = io_close,
        .load = io_load,
        .start = io_start,
        .bootstrap = io_bootstrap,
        .recover = io_recover,
        .set_term = io_set_term,
        .set_vote = io_set_vote,
        .send = io_send,
        .append = io_append,
        .truncate = io_truncate,
        .snapshot_put = io_snapshot_put,
        .snapshot_get = io_snapshot_get,
        .time = io_time,
        .random = io_random,
    };
}

/* ---- Receiving ------------------------------------------------------------------------------- */

/* wire.md 9: nothing of a peer that cannot prove secret and cluster reaches the library. */
static bool is_welcome(struct sim_consensus_raft *member, const struct sim_raft_message *message,
                       const struct sim_raft_arrival *arrival)
{
    uint64_t session = message->meant_session != 0 ? message->meant_session : arrival->session;
    return arrival->is_authentic && message->secret_digest == member->secret_digest &&
           strcmp(message->cluster_name, member->cluster_name) == 0 &&
           message->target == member->folder->raft_id && session == member->session &&
           (arrival->is_resent || raft_guard_take(&member->guard, message));
}

bool sim_consensus_raft_deliver(struct sim_consensus_raft *member, struct sim_raft_message *message,
                                const struct sim_raft_arrival *arrival, bool is_trusting)
{
    if (member->receive == NULL) {
        return false; /* not started yet, or stopping */
    }
    bool is_taken = is_welcome(member, message, arrival) || is_trusting;
    note(member, is_taken ? SIM_RAFT_NOTE_RECEIVED : SIM_RAFT_NOTE_REFUSED, message->kind,
         message->source, sim_raft_message_term(message), message->size_bytes);
    if (!is_taken) {
        return false;
    }
    complete_sends(member, 0);
    route_set(member, message->source, rp_view_text(message->source_address));
    if (message->kind == SIM_RAFT_AUX) {
        rp_bridge_aux_received(member->bridge, message->source,
                               rp_view_make(message->block->bytes, message->block->length_bytes));
        return true;
    }
    struct raft_message copy;
    if (raft_message_copy_out(message, &copy) == 0) {
        member->receiving = message;
        member->receive(&member->io, &copy);
        member->receiving = NULL;
    }
    return true;
}

/* ---- Birth and death ------------------------------------------------------------------------- */

static void seed_streams(struct sim_consensus_raft *member, uint64_t seed, uint64_t incarnation)
{
    char key[24];
    snprintf(key, sizeof key, "%llu", (unsigned long long)member->folder->raft_id);
    struct rp_view view = rp_view_text(key);
    sim_rng_init(&member->election_random, seed, "raft-election", view, incarnation);
    sim_rng_init(&member->tick_random, seed, "raft-tick", view, incarnation);
    sim_rng_init(&member->disk_random, seed, "raft-disk", view, incarnation);
}

static void discard(struct sim_consensus_raft *member)
{
    raft_routes_clear(&member->routes);
    raft_guard_clear(&member->guard);
    rp_release(member->alloc, member->address);
    rp_release(member->alloc, member->cluster_name);
    rp_release(member->alloc, member);
}

static int create_bridge(struct sim_consensus_raft *member,
                         const struct sim_consensus_raft_params *params)
{
    struct rp_bridge_params bridge = {
        .alloc = params->alloc,
        .clock = params->clock,
        .io = &member->io,
        .world = {member, send_aux, route_set},
        .raft_id = params->folder->raft_id,
        .raft_address = params->raft_address,
    };
    rp_bridge_params_configure(&bridge, params->config);
    return rp_bridge_new(&bridge, &member->bridge);
}

int sim_consensus_raft_new(const struct sim_consensus_raft_params *params,
                           struct sim_consensus_raft **member_out)
{
    struct sim_consensus_raft *member = rp_allocate_zeroed(params->alloc, sizeof *member);
    if (member == NULL) {
        return RP_ERR_NOMEM;
    }
    member->alloc = params->alloc;
    member->routes.alloc = params->alloc;
    member->guard.alloc = params->alloc;
    member->clock = params->clock;
    member->folder = params->folder;
    member->transport = params->transport;
    member->note = params->note;
    member->note_context = params->note_context;
    member->secret_digest = params->secret_digest;
    member->session = params->session;
    member->disk_latency_ns = params->disk_latency_ns;
    member->tick_timer = (struct rp_timer){on_tick, member, 0};
    member->disk_timer = (struct rp_timer){on_disk, member, 0};
    member->address = raft_text(params->alloc, params->raft_address);
    member->cluster_name = raft_text(params->alloc, params->cluster_name);
    seed_streams(member, params->seed, params->incarnation);
    fill_io(member);
    int error = member->address == NULL || member->cluster_name == NULL
                    ? RP_ERR_NOMEM
                    : create_bridge(member, params);
    if (error != 0) {
        discard(member);
        return error;
    }
    *member_out = member;
    return 0;
}

void sim_consensus_raft_bind(struct sim_consensus_raft *member,
                             const struct rp_consensus_events *events)
{
    rp_bridge_bind(member->bridge, events);
}

struct rp_consensus_port sim_consensus_raft_port(struct sim_consensus_raft *member)
{
    return rp_bridge_port(member->bridge);
}

void sim_consensus_raft_kill(struct sim_consensus_raft *member, bool is_power_loss)
{
    if (member == NULL) {
        return;
    }
    rp_bridge_abandon(member->bridge);
    if (is_power_loss) {
        raft_folder_lose_unsynced(member->folder);
    }
    sim_consensus_raft_free(member);
}

void sim_consensus_raft_free(struct sim_consensus_raft *member)
{
    if (member != NULL) {
        rp_bridge_free(member->bridge);
        discard(member);
    }
}

struct rp_bridge *sim_consensus_raft_bridge(struct sim_consensus_raft *member)
{
    return member->bridge;
}

void sim_consensus_raft_break_disk(struct sim_consensus_raft *member, bool is_broken)
{
    member->is_disk_broken = is_broken;
}
