/* Shared by consensus_raft.c and the raft_*.c files alone; sees <raft.h>. */
#ifndef REPLISIM_SIM_CONSENSUS_RAFT_INNER_H
#define REPLISIM_SIM_CONSENSUS_RAFT_INNER_H

#include <raft.h>

#include "sim/consensus_raft.h"

/* An entry whose bytes are shared by every folder and message that has it. */
struct raft_shared_entry {
    uint64_t term;
    unsigned short type;
    struct rp_block *block;
};

struct raft_stored_snapshot {
    uint64_t index, term, configuration_index;
    struct raft_configuration configuration;
    struct rp_block *block; /* NULL: there is no snapshot */
};

struct sim_raft_folder {
    const struct rp_alloc *alloc;
    uint64_t raft_id;
    uint64_t term, vote;
    uint64_t first_index; /* of entries[0], which may not be there yet */
    struct raft_shared_entry *entries;
    size_t entry_count, entry_capacity;
    uint64_t synced_index;
    struct raft_stored_snapshot snapshot;
};

struct sim_raft_message {
    const struct rp_alloc *alloc;
    uint32_t reference_count;
    uint64_t source, target;
    enum sim_raft_message_kind kind;
    size_t size_bytes;
    char *source_address; /* owned */
    char *cluster_name;   /* owned */
    uint64_t secret_digest;
    uint64_t source_session, number;   /* raft_guard.c */
    uint64_t meant_session;            /* of a recording: whom it was sent to; else the arrival's */
    struct raft_message scalars;       /* pointers in it are not used */
    struct raft_shared_entry *entries; /* owned; NULL but for SIM_RAFT_APPEND */
    struct raft_configuration snapshot_configuration; /* SIM_RAFT_SNAPSHOT */
    struct rp_block *block;                           /* its bytes, or those of SIM_RAFT_AUX */
};

/* ---- raft_folder.c --------------------------------------------------------------------------- */

/* Takes over the references. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int raft_folder_append(struct sim_raft_folder *folder,
                                   const struct raft_shared_entry *entry);
const struct raft_shared_entry *raft_folder_get(const struct sim_raft_folder *folder,
                                                uint64_t index);
void raft_folder_truncate(struct sim_raft_folder *folder, uint64_t index);
/* Takes over the snapshot; keeps `trailing` entries before it. */
void raft_folder_install(struct sim_raft_folder *folder, struct raft_stored_snapshot *snapshot,
                         uint64_t trailing);
void raft_folder_lose_unsynced(struct sim_raft_folder *folder);
/* For raft_io.load; all memory is the library's. Errors: RAFT_NOMEM. */
int raft_folder_load(const struct sim_raft_folder *folder, struct raft_snapshot **snapshot_out,
                     raft_index *start_index_out, struct raft_entry **entries_out,
                     size_t *count_out);
int raft_snapshot_copy_out(const struct raft_stored_snapshot *stored,
                           struct raft_snapshot **snapshot_out);
void raft_stored_snapshot_clear(struct raft_stored_snapshot *snapshot);

int raft_configuration_copy(const struct raft_configuration *source,
                            struct raft_configuration *target);
/* One batch for the bytes of `count` entries, as the library wants them. */
int raft_entries_copy_out(const struct raft_shared_entry *shared, size_t count,
                          struct raft_entry **entries_out);

/* ---- raft_message.c -------------------------------------------------------------------------- */

struct sim_raft_message *raft_message_new(const struct rp_alloc *alloc, uint64_t source,
                                          uint64_t target, const char *source_address,
                                          const char *cluster_name, uint64_t secret_digest);
/* Fills in what the library sends; entries come from the folder where it has them. */
RP_MUST_USE int raft_message_fill(struct sim_raft_message *message,
                                  const struct raft_message *source,
                                  const struct sim_raft_folder *folder);
RP_MUST_USE int raft_message_fill_aux(struct sim_raft_message *message, struct rp_view bytes);
void raft_message_drop_entries(struct sim_raft_message *message);
/* What libraft is given: fresh memory of its own. Errors: RAFT_NOMEM. */
int raft_message_copy_out(const struct sim_raft_message *message, struct raft_message *target);

/* ---- raft_route.c ----------------------------------------------------------------------------- */

struct raft_route {
    uint64_t raft_id;
    char *address; /* owned */
};

/* Where members were last known to be; sorted by raft id. */
struct raft_routes {
    const struct rp_alloc *alloc;
    struct raft_route *rows;
    size_t count, capacity;
};

/* A hint: an empty address, and one for which memory is short, change nothing. */
void raft_routes_set(struct raft_routes *routes, uint64_t raft_id, struct rp_view address);
/* Borrowed until the next set; empty: unknown. */
struct rp_view raft_routes_get(const struct raft_routes *routes, uint64_t raft_id);
void raft_routes_clear(struct raft_routes *routes);
/* A copy with a NUL behind; NULL: no memory. */
char *raft_text(const struct rp_alloc *alloc, struct rp_view view);
/* ---- raft_guard.c ----------------------------------------------------------------------------- */

#define RAFT_GUARD_WINDOW 1024u

/* What was sent to a peer and taken from it, by numbers that each life counts from 1. */
struct raft_guard_peer {
    uint64_t raft_id;
    uint64_t sent_number;
    uint64_t session, top; /* of its present life, as far as we heard; the highest number taken */
    uint64_t seen[RAFT_GUARD_WINDOW / 64];
};
struct raft_guard {
    const struct rp_alloc *alloc;
    struct raft_guard_peer *peers; /* owned; sorted by raft id */
    size_t count, capacity;
};

/* The number for the next message to that member; 0: no memory. */
uint64_t raft_guard_next(struct raft_guard *guard, uint64_t target);
/* False: it was taken before, belongs to an earlier life of its sender, or is too old to tell; or no
 * memory. For authenticated messages alone: each sender takes a place. */
bool raft_guard_take(struct raft_guard *guard, const struct sim_raft_message *message);
void raft_guard_clear(struct raft_guard *guard);

#endif
