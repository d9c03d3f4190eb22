/* Who votes, as a log says. The library keeps its decoder to itself; the layout is its contract with
 * disks: a byte 1, the number of servers, then each server's id, its address ended by a NUL, and its
 * role; numbers have 64 bits, little-endian. */
#include "protocol/panic.h"
#include "sim/consensus_raft_inner.h"

#define CONFIGURATION_FORMAT 1
#define HEAD_BYTES           9

static uint64_t read_number(const uint8_t *bytes)
{
    uint64_t number = 0;
    for (size_t index = 0; index < 8; index += 1) {
        number |= (uint64_t)bytes[index] << (8 * index);
    }
    return number;
}

struct voter_list {
    uint64_t *ids;
    size_t max, count;
};

static void add_voter(struct voter_list *list, uint64_t id)
{
    if (list->count < list->max) {
        list->ids[list->count] = id;
    }
    list->count += 1;
}

/* Our own log, so it is well-formed. */
static void read_configuration(const struct rp_block *block, struct voter_list *list)
{
    const uint8_t *bytes = block->bytes;
    RP_ASSERT(block->length_bytes >= HEAD_BYTES && bytes[0] == CONFIGURATION_FORMAT);
    uint64_t server_count = read_number(bytes + 1);
    size_t at = HEAD_BYTES;
    for (uint64_t server = 0; server < server_count; server += 1) {
        RP_ASSERT(block->length_bytes - at >= 8);
        uint64_t id = read_number(bytes + at);
        const uint8_t *end = memchr(bytes + at + 8, 0, block->length_bytes - at - 8);
        RP_ASSERT(end != NULL && (size_t)(end - bytes) + 1 < block->length_bytes);
        if (end[1] == RAFT_VOTER) {
            add_voter(list, id);
        }
        at = (size_t)(end - bytes) + 2;
    }
}

static void read_snapshot(const struct raft_stored_snapshot *snapshot, struct voter_list *list)
{
    for (unsigned index = 0; index < snapshot->configuration.n; index += 1) {
        const struct raft_server *server = &snapshot->configuration.servers[index];
        if (server->role == RAFT_VOTER) {
            add_voter(list, server->id);
        }
    }
}

size_t sim_raft_folder_voters(const struct sim_raft_folder *folder, uint64_t *ids_out, size_t max)
{
    struct voter_list list = {ids_out, max, 0};
    size_t count = folder->entry_count;
    while (count > 0 && folder->entries[count - 1].type != RAFT_CHANGE) {
        count -= 1;
    }
    uint64_t index = folder->first_index + count - 1;
    bool has_entry = count > 0;
    if (folder->snapshot.block != NULL &&
        (!has_entry || folder->snapshot.configuration_index > index)) {
        read_snapshot(&folder->snapshot, &list);
    } else if (has_entry) {
        read_configuration(folder->entries[count - 1].block, &list);
    }
    return list.count;
}

struct sim_raft_end sim_raft_folder_end(const struct sim_raft_folder *folder)
{
    if (folder->entry_count > 0) {
        return (struct sim_raft_end){folder->entries[folder->entry_count - 1].term,
                                     sim_raft_folder_last_index(folder)};
    }
    return folder->snapshot.block == NULL
               ? (struct sim_raft_end){0, 0}
               : (struct sim_raft_end){folder->snapshot.term, folder->snapshot.index};
}
