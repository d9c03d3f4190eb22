#include "protocol/raft/bridge_inner.h"

/* Members that are given up. A log that is cut loses the members its entries told of; those of the last
 * such entry before the cut count again. libraft 0.15 looks for that entry in its log alone, and reads
 * through a null pointer when a snapshot has taken it out; and after a restart it takes the last such
 * entry for a committed one, which it never gives up. So the bridge keeps the members as of the snapshot,
 * and puts the right ones in place ahead of every message that cuts the log (docs/decisions, 0056). */

/* The library keeps its decoder to itself; the layout is its contract with disks: a byte 1, the number of
 * servers, then each server's id, its address ended by a NUL, and its role. Numbers have 64 bits,
 * little-endian. */
#define CONFIGURATION_FORMAT 1
#define HEAD_BYTES           9

static uint64_t read_number(const uint8_t *bytes)
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++) {
        number |= (uint64_t)bytes[i] << (8 * i);
    }
    return number;
}

static int decode_server(const uint8_t *bytes, size_t length_bytes,
                         struct raft_configuration *members, size_t *used_bytes_out)
{
    const uint8_t *end = length_bytes < 8 ? NULL : memchr(bytes + 8, 0, length_bytes - 8);
    if (end == NULL || (size_t)(end - bytes) + 1 >= length_bytes) {
        return RAFT_MALFORMED;
    }
    *used_bytes_out = (size_t)(end - bytes) + 2;
    return raft_configuration_add(members, read_number(bytes), (const char *)bytes + 8, end[1]);
}

static int decode(const struct raft_buffer *buffer, struct raft_configuration *members_out)
{
    const uint8_t *bytes = buffer->base;
    raft_configuration_init(members_out);
    if (buffer->len < HEAD_BYTES || bytes[0] != CONFIGURATION_FORMAT) {
        return RAFT_MALFORMED;
    }
    uint64_t count = read_number(bytes + 1);
    size_t at = HEAD_BYTES;
    for (uint64_t i = 0; i < count; i++) {
        size_t used_bytes = 0;
        int status = decode_server(bytes + at, buffer->len - at, members_out, &used_bytes);
        if (status != 0) {
            raft_configuration_close(members_out);
            return status;
        }
        at += used_bytes;
    }
    return 0;
}

static int copy(const struct raft_configuration *members, struct raft_configuration *members_out)
{
    raft_configuration_init(members_out);
    for (unsigned i = 0; i < members->n; i++) {
        const struct raft_server *server = &members->servers[i];
        int status = raft_configuration_add(members_out, server->id, server->address, server->role);
        if (status != 0) {
            raft_configuration_close(members_out);
            return status;
        }
    }
    return 0;
}

/* ---- The library's log ----------------------------------------------------------------------- */

const struct raft_entry *rp_bridge_entry(const struct rp_bridge *bridge, uint64_t index)
{
    const struct raft_log *log = &bridge->raft.log;
    size_t count = log->back - log->front + (log->front <= log->back ? 0 : log->size);
    if (log->entries == NULL || index <= log->offset || index - log->offset > count) {
        return NULL;
    }
    return &log->entries[(log->front + (size_t)(index - log->offset - 1)) % log->size];
}

/* 0: the library does not know. */
static uint64_t term_at(const struct rp_bridge *bridge, uint64_t index)
{
    const struct raft_log *log = &bridge->raft.log;
    if (index != 0 && index == log->snapshot.last_index) {
        return log->snapshot.last_term;
    }
    const struct raft_entry *entry = rp_bridge_entry(bridge, index);
    return entry == NULL ? 0 : entry->term;
}

/* The last entry before `limit` that tells of members; 0: there is none in the log. */
static uint64_t change_before(const struct rp_bridge *bridge, uint64_t limit)
{
    const struct raft_entry *entry = rp_bridge_entry(bridge, --limit);
    while (entry != NULL && entry->type != RAFT_CHANGE) {
        entry = rp_bridge_entry(bridge, --limit);
    }
    return entry == NULL ? 0 : limit;
}

/* The members as they were before the entry at `limit`, which is beyond the snapshot. */
static int members_before(const struct rp_bridge *bridge, uint64_t limit,
                          struct raft_configuration *members_out, raft_index *index_out)
{
    *index_out = change_before(bridge, limit);
    if (*index_out > bridge->base_index) {
        return decode(&rp_bridge_entry(bridge, *index_out)->buf, members_out);
    }
    *index_out = bridge->base_index;
    return copy(&bridge->base, members_out);
}

/* ---- Cutting the log ------------------------------------------------------------------------- */

/* Where the library will cut its log when it gets that request; 0: nowhere. It has the rules of Raft: the
 * leader's term is not over, the entry before is the same, and the first other term is where. */
static uint64_t cut_of(const struct rp_bridge *bridge, const struct raft_append_entries *request)
{
    const struct raft *raft = &bridge->raft;
    bool is_over = request->term < raft->current_term;
    bool is_ours = request->term == raft->current_term && raft->state == RAFT_LEADER;
    bool is_busy = raft->state == RAFT_UNAVAILABLE || raft->snapshot.put.data != NULL;
    uint64_t before_term = term_at(bridge, request->prev_log_index);
    bool is_same = before_term != 0 && before_term == request->prev_log_term;
    if (is_over || is_ours || is_busy || (request->prev_log_index != 0 && !is_same)) {
        return 0;
    }
    for (unsigned i = 0; i < request->n_entries; i++) {
        uint64_t index = request->prev_log_index + 1 + i;
        uint64_t term = term_at(bridge, index);
        if (term != request->entries[i].term) {
            return term != 0 && index > raft->commit_index ? index : 0;
        }
    }
    return 0;
}

/* A leader has an account of each of its members, so it must lead no more before they change. It learns of
 * the later term from an answer, as it might have. */
static void step_down(struct rp_bridge *bridge, const struct raft_message *message)
{
    struct raft_message answer = {.type = RAFT_IO_APPEND_ENTRIES_RESULT,
                                  .server_id = message->server_id,
                                  .server_address = message->server_address};
    answer.append_entries_result.term = message->append_entries.term;
    bridge->library_recv(bridge->params.io, &answer);
}

static void discard_entries(struct raft_entry *entries, size_t count)
{
    void *batch = NULL;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].batch != batch) {
            batch = entries[i].batch;
            raft_free(batch);
        }
    }
    raft_free(entries);
}

bool rp_bridge_roll_back(struct rp_bridge *bridge, const struct raft_message *message)
{
    struct raft *raft = &bridge->raft;
    uint64_t cut = cut_of(bridge, &message->append_entries);
    if (cut == 0 ||
        (raft->configuration_index < cut && raft->configuration_uncommitted_index < cut)) {
        return true;
    }
    if (raft->state == RAFT_LEADER) {
        step_down(bridge, message);
    }
    if (raft->state == RAFT_LEADER || raft->state == RAFT_UNAVAILABLE) {
        return true; /* it could not write its term down, and will take nothing any more */
    }
    struct raft_configuration members;
    raft_index index;
    if (members_before(bridge, cut, &members, &index) != 0) {
        discard_entries(message->append_entries.entries, message->append_entries.n_entries);
        return false;
    }
    raft_configuration_close(&raft->configuration);
    raft->configuration = members;
    raft->configuration_index = index;
    raft->configuration_uncommitted_index = 0;
    return true;
}

/* ---- Snapshots ------------------------------------------------------------------------------- */

static void take_base(struct rp_bridge *bridge, struct raft_configuration *members, uint64_t index)
{
    raft_configuration_close(&bridge->base);
    bridge->base = *members;
    bridge->base_index = index;
}

/* The library's own snapshots hold the members it knows of, committed or not, as if they were. */
int rp_bridge_snapshot_put(struct raft_io *io, unsigned trailing,
                           struct raft_io_snapshot_put *request,
                           const struct raft_snapshot *snapshot, raft_io_snapshot_put_cb done)
{
    struct rp_bridge *bridge = rp_bridge_of(io);
    bool is_own = snapshot == &bridge->raft.snapshot.pending;
    struct raft_configuration members;
    raft_index index = snapshot->configuration_index;
    int status = is_own ? members_before(bridge, snapshot->index + 1, &members, &index)
                        : copy(&snapshot->configuration, &members);
    if (status != 0) {
        return status;
    }
    take_base(bridge, &members, index);
    bridge->stored = *snapshot;
    bridge->stored.configuration = bridge->base; /* borrowed, until the next snapshot */
    bridge->stored.configuration_index = index;
    return bridge->io_snapshot_put(io, trailing, request, &bridge->stored, done);
}

static void discard_snapshot(struct raft_snapshot *snapshot)
{
    for (unsigned i = 0; i < snapshot->n_bufs; i++) {
        raft_free(snapshot->bufs[i].base);
    }
    raft_free(snapshot->bufs);
    raft_configuration_close(&snapshot->configuration);
    raft_free(snapshot);
}

int rp_bridge_load(struct raft_io *io, raft_term *term, raft_id *vote,
                   struct raft_snapshot **snapshot, raft_index *start_index,
                   struct raft_entry *entries[], size_t *count)
{
    struct rp_bridge *bridge = rp_bridge_of(io);
    struct raft_configuration members;
    int status = bridge->io_load(io, term, vote, snapshot, start_index, entries, count);
    if (status != 0 || *snapshot == NULL) {
        return status;
    }
    status = copy(&(*snapshot)->configuration, &members);
    if (status != 0) {
        discard_snapshot(*snapshot);
        discard_entries(*entries, *count);
        return status;
    }
    take_base(bridge, &members, (*snapshot)->configuration_index);
    return 0;
}
