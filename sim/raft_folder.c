#include "protocol/error.h"
#include "protocol/panic.h"
#include "sim/consensus_raft_inner.h"

int sim_raft_folder_new(const struct rp_alloc *alloc, uint64_t raft_id,
                        struct sim_raft_folder **folder_out)
{
    RP_ASSERT(raft_id != 0);
    struct sim_raft_folder *folder = rp_allocate_zeroed(alloc, sizeof *folder);
    if (folder == NULL) {
        return RP_ERR_NOMEM;
    }
    folder->alloc = alloc;
    folder->raft_id = raft_id;
    folder->first_index = 1;
    *folder_out = folder;
    return 0;
}

void raft_stored_snapshot_clear(struct raft_stored_snapshot *snapshot)
{
    if (snapshot->block != NULL) {
        rp_block_release(snapshot->block);
        raft_configuration_close(&snapshot->configuration);
    }
    memset(snapshot, 0, sizeof *snapshot);
}

void sim_raft_folder_free(struct sim_raft_folder *folder)
{
    if (folder == NULL) {
        return;
    }
    raft_folder_truncate(folder, folder->first_index);
    raft_stored_snapshot_clear(&folder->snapshot);
    rp_release(folder->alloc, folder->entries);
    rp_release(folder->alloc, folder);
}

uint64_t sim_raft_folder_raft_id(const struct sim_raft_folder *folder)
{
    return folder->raft_id;
}

bool sim_raft_folder_is_empty(const struct sim_raft_folder *folder)
{
    return folder->term == 0 && folder->entry_count == 0 && folder->snapshot.block == NULL;
}

uint64_t sim_raft_folder_term(const struct sim_raft_folder *folder)
{
    return folder->term;
}

uint64_t sim_raft_folder_vote(const struct sim_raft_folder *folder)
{
    return folder->vote;
}

uint64_t sim_raft_folder_first_index(const struct sim_raft_folder *folder)
{
    return folder->first_index;
}

uint64_t sim_raft_folder_last_index(const struct sim_raft_folder *folder)
{
    return folder->first_index + folder->entry_count - 1;
}

uint64_t sim_raft_folder_snapshot_index(const struct sim_raft_folder *folder)
{
    return folder->snapshot.block == NULL ? 0 : folder->snapshot.index;
}

uint64_t sim_raft_folder_synced_index(const struct sim_raft_folder *folder)
{
    return folder->synced_index;
}

const struct raft_shared_entry *raft_folder_get(const struct sim_raft_folder *folder,
                                                uint64_t index)
{
    bool is_there =
        index >= folder->first_index && index - folder->first_index < folder->entry_count;
    return is_there ? &folder->entries[index - folder->first_index] : NULL;
}

bool sim_raft_folder_entry(const struct sim_raft_folder *folder, uint64_t index, uint64_t *term_out,
                           struct rp_view *bytes_out)
{
    const struct raft_shared_entry *entry = raft_folder_get(folder, index);
    if (entry != NULL) {
        *term_out = entry->term;
        *bytes_out = rp_view_make(entry->block->bytes, entry->block->length_bytes);
    }
    return entry != NULL;
}

int raft_folder_append(struct sim_raft_folder *folder, const struct raft_shared_entry *entry)
{
    if (folder->entry_count == folder->entry_capacity) {
        size_t capacity = folder->entry_capacity == 0 ? 64 : 2 * folder->entry_capacity;
        struct raft_shared_entry *entries =
            rp_resize(folder->alloc, folder->entries, capacity * sizeof *entries);
        if (entries == NULL) {
            return RP_ERR_NOMEM;
        }
        folder->entries = entries;
        folder->entry_capacity = capacity;
    }
    folder->entries[folder->entry_count] = *entry;
    folder->entry_count += 1;
    return 0;
}

void raft_folder_truncate(struct sim_raft_folder *folder, uint64_t index)
{
    while (folder->entry_count > 0 && sim_raft_folder_last_index(folder) >= index) {
        folder->entry_count -= 1;
        rp_block_release(folder->entries[folder->entry_count].block);
    }
    if (folder->synced_index >= index) {
        folder->synced_index = index - 1;
    }
}

static void drop_front(struct sim_raft_folder *folder, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        rp_block_release(folder->entries[i].block);
    }
    if (count > 0) {
        memmove(folder->entries, folder->entries + count,
                (folder->entry_count - count) * sizeof *folder->entries);
    }
    folder->entry_count -= count;
    folder->first_index += count;
}

void raft_folder_install(struct sim_raft_folder *folder, struct raft_stored_snapshot *snapshot,
                         uint64_t trailing)
{
    const struct raft_shared_entry *last = raft_folder_get(folder, snapshot->index);
    if (last == NULL || last->term != snapshot->term) {
        /* A leader's snapshot replaces the log; a snapshot of our own always has its entry. */
        raft_folder_truncate(folder, folder->first_index);
        folder->first_index = snapshot->index + 1;
    } else if (snapshot->index - folder->first_index + 1 > trailing) {
        drop_front(folder, (size_t)(snapshot->index - folder->first_index + 1 - trailing));
    }
    if (folder->synced_index < snapshot->index) {
        folder->synced_index = snapshot->index;
    }
    raft_stored_snapshot_clear(&folder->snapshot);
    folder->snapshot = *snapshot;
    memset(snapshot, 0, sizeof *snapshot);
}

void raft_folder_lose_unsynced(struct sim_raft_folder *folder)
{
    raft_folder_truncate(folder, folder->synced_index + 1);
}

/* ---- Copies for the library ------------------------------------------------------------------ */

int raft_configuration_copy(const struct raft_configuration *source,
                            struct raft_configuration *target)
{
    raft_configuration_init(target);
    for (unsigned i = 0; i < source->n; i++) {
        const struct raft_server *server = &source->servers[i];
        int status = raft_configuration_add(target, server->id, server->address, server->role);
        if (status != 0) {
            raft_configuration_close(target);
            return status;
        }
    }
    return 0;
}

static size_t aligned(size_t length_bytes)
{
    return (length_bytes + 7) / 8 * 8;
}

int raft_entries_copy_out(const struct raft_shared_entry *shared, size_t count,
                          struct raft_entry **entries_out)
{
    *entries_out = NULL;
    if (count == 0) {
        return 0;
    }
    size_t batch_bytes = 8;
    for (size_t i = 0; i < count; i++) {
        batch_bytes += aligned(shared[i].block->length_bytes);
    }
    struct raft_entry *entries = raft_calloc(count, sizeof *entries);
    uint8_t *batch = raft_malloc(batch_bytes);
    if (entries == NULL || batch == NULL) {
        raft_free(entries);
        raft_free(batch);
        return RAFT_NOMEM;
    }
    uint8_t *place = batch;
    for (size_t i = 0; i < count; i++) {
        const struct rp_block *block = shared[i].block;
        if (block->length_bytes > 0) {
            memcpy(place, block->bytes, block->length_bytes);
        }
        entries[i].term = shared[i].term;
        entries[i].type = shared[i].type;
        entries[i].buf = (struct raft_buffer){place, block->length_bytes};
        entries[i].batch = batch;
        place += aligned(block->length_bytes);
    }
    *entries_out = entries;
    return 0;
}

int raft_snapshot_copy_out(const struct raft_stored_snapshot *stored,
                           struct raft_snapshot **snapshot_out)
{
    struct raft_snapshot *snapshot = raft_calloc(1, sizeof *snapshot);
    struct raft_buffer *buffers = raft_malloc(sizeof *buffers);
    size_t length_bytes = stored->block->length_bytes;
    void *bytes = raft_malloc(length_bytes == 0 ? 1 : length_bytes);
    if (snapshot == NULL || buffers == NULL || bytes == NULL ||
        raft_configuration_copy(&stored->configuration, &snapshot->configuration) != 0) {
        raft_free(snapshot);
        raft_free(buffers);
        raft_free(bytes);
        return RAFT_NOMEM;
    }
    memcpy(bytes, stored->block->bytes, length_bytes);
    buffers[0] = (struct raft_buffer){bytes, length_bytes};
    snapshot->index = stored->index;
    snapshot->term = stored->term;
    snapshot->configuration_index = stored->configuration_index;
    snapshot->bufs = buffers;
    snapshot->n_bufs = 1;
    *snapshot_out = snapshot;
    return 0;
}

static void snapshot_discard(struct raft_snapshot *snapshot)
{
    if (snapshot != NULL) {
        raft_configuration_close(&snapshot->configuration);
        raft_free(snapshot->bufs[0].base);
        raft_free(snapshot->bufs);
        raft_free(snapshot);
    }
}

int raft_folder_load(const struct sim_raft_folder *folder, struct raft_snapshot **snapshot_out,
                     raft_index *start_index_out, struct raft_entry **entries_out,
                     size_t *count_out)
{
    *snapshot_out = NULL;
    *start_index_out = folder->first_index;
    *count_out = folder->entry_count;
    if (folder->snapshot.block != NULL) {
        int status = raft_snapshot_copy_out(&folder->snapshot, snapshot_out);
        if (status != 0) {
            return status;
        }
    }
    int status = raft_entries_copy_out(folder->entries, folder->entry_count, entries_out);
    if (status != 0) {
        snapshot_discard(*snapshot_out);
        *snapshot_out = NULL;
    }
    return status;
}
