#include "protocol/error.h"
#include "protocol/panic.h"
#include "sim/consensus_raft_inner.h"

/* What a message costs on the wire besides its payload: framing, term, indexes; and an entry. */
#define HEADER_BYTES 64
#define ENTRY_BYTES  16
#define SERVER_BYTES 48

static char *text_copy(const struct rp_alloc *alloc, const char *text)
{
    size_t length_bytes = strlen(text) + 1;
    char *copy = rp_allocate(alloc, length_bytes);
    if (copy != NULL) {
        memcpy(copy, text, length_bytes);
    }
    return copy;
}

struct sim_raft_message *raft_message_new(const struct rp_alloc *alloc, uint64_t source,
                                          uint64_t target, const char *source_address,
                                          const char *cluster_name, uint64_t secret_digest)
{
    struct sim_raft_message *message = rp_allocate_zeroed(alloc, sizeof *message);
    if (message == NULL) {
        return NULL;
    }
    message->alloc = alloc;
    message->reference_count = 1;
    message->source = source;
    message->target = target;
    message->secret_digest = secret_digest;
    message->size_bytes = HEADER_BYTES;
    message->source_address = text_copy(alloc, source_address);
    message->cluster_name = text_copy(alloc, cluster_name);
    if (message->source_address == NULL || message->cluster_name == NULL) {
        sim_raft_message_release(message);
        return NULL;
    }
    return message;
}

struct sim_raft_message *sim_raft_message_retain(struct sim_raft_message *message)
{
    message->reference_count += 1;
    return message;
}

void raft_message_drop_entries(struct sim_raft_message *message)
{
    if (message->entries == NULL) {
        return;
    }
    for (unsigned i = 0; i < message->scalars.append_entries.n_entries; i++) {
        rp_block_release(message->entries[i].block);
    }
    rp_release(message->alloc, message->entries);
    message->entries = NULL;
    message->scalars.append_entries.n_entries = 0;
}

void sim_raft_message_release(struct sim_raft_message *message)
{
    if (message == NULL) {
        return;
    }
    message->reference_count -= 1;
    if (message->reference_count > 0) {
        return;
    }
    raft_message_drop_entries(message);
    if (message->kind == SIM_RAFT_SNAPSHOT) {
        raft_configuration_close(&message->snapshot_configuration);
    }
    rp_block_release(message->block);
    rp_release(message->alloc, message->source_address);
    rp_release(message->alloc, message->cluster_name);
    rp_release(message->alloc, message);
}

static int block_of(const struct rp_alloc *alloc, const void *bytes, size_t length_bytes,
                    struct rp_block **block_out)
{
    uint8_t *target;
    int error = rp_block_new(alloc, length_bytes, block_out, &target);
    if (error == 0 && length_bytes > 0) {
        memcpy(target, bytes, length_bytes);
    }
    return error;
}

/* The leader's folder has what it sends, except what a snapshot has just swept away. */
static int share_entry(const struct sim_raft_message *message, const struct raft_entry *entry,
                       uint64_t index, const struct sim_raft_folder *folder,
                       struct raft_shared_entry *shared)
{
    const struct raft_shared_entry *stored = raft_folder_get(folder, index);
    shared->term = entry->term;
    shared->type = entry->type;
    if (stored != NULL && stored->term == entry->term) {
        shared->block = rp_block_retain(stored->block);
        return 0;
    }
    return block_of(message->alloc, entry->buf.base, entry->buf.len, &shared->block);
}

static int fill_append(struct sim_raft_message *message, const struct raft_message *source,
                       const struct sim_raft_folder *folder)
{
    const struct raft_append_entries *append = &source->append_entries;
    message->scalars.append_entries.n_entries = 0; /* so far, for release */
    if (append->n_entries == 0) {
        return 0;
    }
    message->entries =
        rp_allocate_zeroed(message->alloc, append->n_entries * sizeof *message->entries);
    if (message->entries == NULL) {
        return RP_ERR_NOMEM;
    }
    for (unsigned i = 0; i < append->n_entries; i++) {
        int error = share_entry(message, &append->entries[i], append->prev_log_index + 1 + i,
                                folder, &message->entries[i]);
        if (error != 0) {
            return error;
        }
        message->scalars.append_entries.n_entries += 1;
        message->size_bytes += ENTRY_BYTES + message->entries[i].block->length_bytes;
    }
    return 0;
}

static int fill_snapshot(struct sim_raft_message *message, const struct raft_message *source,
                         const struct sim_raft_folder *folder)
{
    const struct raft_install_snapshot *install = &source->install_snapshot;
    if (raft_configuration_copy(&install->conf, &message->snapshot_configuration) != 0) {
        message->kind = SIM_RAFT_AUX; /* nothing of a snapshot to release */
        return RP_ERR_NOMEM;
    }
    message->size_bytes += install->data.len + SERVER_BYTES * (size_t)install->conf.n;
    const struct raft_stored_snapshot *stored = &folder->snapshot;
    if (stored->block != NULL && stored->index == install->last_index &&
        stored->term == install->last_term) {
        message->block = rp_block_retain(stored->block);
        return 0;
    }
    return block_of(message->alloc, install->data.base, install->data.len, &message->block);
}

int raft_message_fill(struct sim_raft_message *message, const struct raft_message *source,
                      const struct sim_raft_folder *folder)
{
    message->scalars = *source;
    message->scalars.server_address = NULL;
    switch (source->type) {
    case RAFT_IO_APPEND_ENTRIES:
        message->kind = SIM_RAFT_APPEND;
        message->scalars.append_entries.entries = NULL;
        return fill_append(message, source, folder);
    case RAFT_IO_APPEND_ENTRIES_RESULT: message->kind = SIM_RAFT_APPEND_RESULT; return 0;
    case RAFT_IO_REQUEST_VOTE: message->kind = SIM_RAFT_VOTE; return 0;
    case RAFT_IO_REQUEST_VOTE_RESULT: message->kind = SIM_RAFT_VOTE_RESULT; return 0;
    case RAFT_IO_INSTALL_SNAPSHOT:
        message->kind = SIM_RAFT_SNAPSHOT;
        return fill_snapshot(message, source, folder);
    case RAFT_IO_TIMEOUT_NOW: message->kind = SIM_RAFT_TIMEOUT_NOW; return 0;
    default: return RP_ERR_INVALID;
    }
}

int raft_message_fill_aux(struct sim_raft_message *message, struct rp_view bytes)
{
    message->kind = SIM_RAFT_AUX;
    message->size_bytes += bytes.length_bytes;
    return block_of(message->alloc, bytes.bytes, bytes.length_bytes, &message->block);
}

static int copy_snapshot_out(const struct sim_raft_message *message, struct raft_message *target)
{
    struct raft_install_snapshot *install = &target->install_snapshot;
    size_t length_bytes = message->block->length_bytes;
    void *bytes = raft_malloc(length_bytes == 0 ? 1 : length_bytes);
    if (bytes == NULL) {
        return RAFT_NOMEM;
    }
    if (raft_configuration_copy(&message->snapshot_configuration, &install->conf) != 0) {
        raft_free(bytes);
        return RAFT_NOMEM;
    }
    memcpy(bytes, message->block->bytes, length_bytes);
    install->data = (struct raft_buffer){bytes, length_bytes};
    return 0;
}

int raft_message_copy_out(const struct sim_raft_message *message, struct raft_message *target)
{
    *target = message->scalars;
    target->server_id = message->source;
    target->server_address = message->source_address;
    if (message->kind == SIM_RAFT_APPEND) {
        return raft_entries_copy_out(message->entries, message->scalars.append_entries.n_entries,
                                     &target->append_entries.entries);
    }
    return message->kind == SIM_RAFT_SNAPSHOT ? copy_snapshot_out(message, target) : 0;
}

enum sim_raft_message_kind sim_raft_message_kind(const struct sim_raft_message *message)
{
    return message->kind;
}

uint64_t sim_raft_message_source(const struct sim_raft_message *message)
{
    return message->source;
}

uint64_t sim_raft_message_target(const struct sim_raft_message *message)
{
    return message->target;
}

size_t sim_raft_message_size_bytes(const struct sim_raft_message *message)
{
    return message->size_bytes;
}

uint64_t sim_raft_message_term(const struct sim_raft_message *message)
{
    switch (message->kind) {
    case SIM_RAFT_APPEND: return message->scalars.append_entries.term;
    case SIM_RAFT_APPEND_RESULT: return message->scalars.append_entries_result.term;
    case SIM_RAFT_VOTE: return message->scalars.request_vote.term;
    case SIM_RAFT_VOTE_RESULT: return message->scalars.request_vote_result.term;
    case SIM_RAFT_SNAPSHOT: return message->scalars.install_snapshot.term;
    case SIM_RAFT_TIMEOUT_NOW: return message->scalars.timeout_now.term;
    default: return 0;
    }
}
