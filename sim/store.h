/* Disks: one store is one volume, which outlives the lives of the node that uses it.
 *
 * Timing: bytes pass one after another at the read or write rate, a write after the CPU time of
 * hashing, since whoever stages bytes hashes them; then each operation takes a latency drawn from
 * the disk's range, which overlaps with others. Completions of one disk come in the order of calls.
 *
 * Durability: a published object and its name are durable at once (sync, rename, sync of the
 * folder). Staged bytes are not, until published: SIGKILL keeps them, power loss may not. A removal
 * is durable at once. A plain file (file_open) is durable SIM_STORE_WRITEBACK_NS after its last write
 * or rename, when the system has written it back by itself; a store that keeps the reference's names
 * never syncs (behaviour.md 8), so there that holds for published objects too.
 *
 * Not modelled: page cache hits, elevator and queue depth, fragmentation, block sizes, metadata
 * space, time to truncate or unlink, the journal of the file system, folders and their modes. */
#ifndef REPLISIM_SIM_STORE_H
#define REPLISIM_SIM_STORE_H

#include "fault/disk.h"
#include "protocol/ports.h"
#include "protocol/release.h"
#include "sim/body.h"
#include "sim/event_queue.h"
#include "sim/gate.h"
#include "sim/reach.h"
#include "sim/rng.h"
#include "sim/trace.h"

#define SIM_STORE_WRITEBACK_NS (30 * RP_NS_PER_S)

struct sim_disks; /* of a world: what all its stores share */
struct sim_store; /* one volume */

enum sim_store_call {
    SIM_STORE_CALL_STAT,
    SIM_STORE_CALL_READ,
    SIM_STORE_CALL_REMOVE,
    SIM_STORE_CALL_SECOND_WRITER /* of a staging object; refused */
};

/* What an observer of truth may hear; any member may be NULL. Views are borrowed for the call. */
struct sim_store_watch {
    void *context;
    /* A final name now shows this content, in one step; `is_by_node`: through stage_publish.
     * `sha256_hex` is what it was staged for (empty otherwise). */
    void (*visible)(void *context, struct sim_store *store, struct rp_view path,
                    struct rp_view sha256_hex, const struct sim_content *content, bool is_by_node);
    /* A final name shows nothing any more; `content` is what it showed until now. */
    void (*vanished)(void *context, struct sim_store *store, struct rp_view path,
                     const struct sim_content *content, bool is_by_node);
    /* The node calls for the object of that name. */
    void (*called)(void *context, struct sim_store *store, enum sim_store_call call,
                   struct rp_view path);
    /* The content under a name was damaged behind the node's back. */
    void (*damaged)(void *context, struct sim_store *store, struct rp_view path);
    /* A staging object for that version grew: what is behind its byte `from_bytes` is new. */
    void (*staged)(void *context, struct sim_store *store, struct rp_view path,
                   struct rp_view sha256, const struct sim_content *content, uint64_t from_bytes);
};

struct sim_disks_spec {
    const struct rp_alloc *alloc;
    struct sim_event_queue *queue;
    struct sim_bodies *bodies;
    struct sim_trace *trace; /* may be NULL */
    struct sim_reach *reach; /* may be NULL: nobody counts faults */
    uint64_t seed;
    struct sim_store_watch watch;
};

struct sim_store_spec {
    struct rp_view name;       /* names its random stream */
    uint64_t number;           /* in the fingerprint, and for the watcher: sim_store_number */
    void *owner;               /* for the watcher: sim_store_owner */
    uint64_t read_bytes_per_s; /* 0: no time */
    uint64_t write_bytes_per_s;
    uint64_t hash_bytes_per_s; /* of stage_write; 0: no time */
    struct sim_range latency_ns;
    uint64_t capacity_bytes;
};

RP_MUST_USE int sim_disks_new(const struct sim_disks_spec *spec, struct sim_disks **disks_out);
void sim_disks_free(struct sim_disks *disks); /* after its stores */
RP_MUST_USE int sim_store_new(struct sim_disks *disks, const struct sim_store_spec *spec,
                              struct sim_store **store_out);
void sim_store_free(struct sim_store *store); /* detaches */
uint64_t sim_store_number(const struct sim_store *store);
void *sim_store_owner(const struct sim_store *store);
void sim_store_set_owner(struct sim_store *store, void *owner); /* the volume moves to another */

/* ---- Lives ------------------------------------------------------------------------------------ */

/* Begins a life. The port is borrowed until sim_store_detach; the gate is copied; `clock` gives the
 * stamps of files and is borrowed (NULL: stamps are true virtual time). */
const struct rp_store_port *sim_store_attach(struct sim_store *store, const struct sim_gate *gate,
                                             const struct rp_clock_port *clock);
/* Names on the disk are from now on those of this release (trait `store_names`); at first, exact.
 * Truth is asked by path all the same; sim_store_names tells what is on the disk. */
void sim_store_set_names(struct sim_store *store, const struct rp_traits *traits);
/* Ends it: calls in flight never complete (those that had reached the disk did their work or not at
 * all), handles are closed, requests in the node's memory are not touched. */
void sim_store_detach(struct sim_store *store);
/* After sim_store_detach: staged bytes that were not synced are lost, or with the `torn` chance
 * kept in part. */
void sim_store_power_loss(struct sim_store *store);
/* After sim_store_detach: the life ended by a kill, with or without its host. */
void sim_store_killed(struct sim_store *store, bool is_power_lost);
void sim_store_thaw(struct sim_store *store);
/* An empty disk, as a new volume. Detached only. */
void sim_store_wipe(struct sim_store *store);

/* ---- Faults ----------------------------------------------------------------------------------- */

/* From now on; a zeroed struct is a healthy disk. What goes wrong with calls is a decorator of the
 * port (fault/disk.h), under which the medium works on; the rest is the medium's own. */
struct sim_disk_faults {
    struct fault_disk_spec calls;
    sim_chance torn;      /* staged bytes half there after power loss or SIGKILL */
    bool loses_unsynced;  /* the next kill counts as power loss, then it is over */
    bool lies_about_sync; /* publish is not durable: power loss takes the object away again */
};

void sim_store_set_faults(struct sim_store *store, const struct sim_disk_faults *faults);
/* As they are now: free_bytes is what is left of it. */
struct sim_disk_faults sim_store_faults(const struct sim_store *store);
/* When it was last slow or stuck, by the queue's time. RP_TIME_NEVER: it is now; 0: never. */
rp_time_ns sim_store_held_up_until(const struct sim_store *store);

/* ---- Truth, and hands behind the node's back; take no time -------------------------------------- */

/* Borrowed until the next change of the store; NULL: no such name. */
const struct sim_content *sim_store_content(const struct sim_store *store, struct rp_view path);
/* Present, and its bytes are those of the body. */
bool sim_store_verify(const struct sim_store *store, struct rp_view path, sim_body_key key,
                      uint64_t length_bytes);
/* Would a power loss leave the object under that name; each visible object? */
bool sim_store_is_durable(const struct sim_store *store, struct rp_view path);
bool sim_store_is_all_durable(const struct sim_store *store);
size_t sim_store_count(const struct sim_store *store);
uint64_t sim_store_used_bytes(const struct sim_store *store);
/* Final names after `cursor` (empty: from the first) in bytewise order; borrowed until the next
 * change. */
size_t sim_store_names(struct sim_store *store, struct rp_view cursor, struct rp_view *paths_out,
                       size_t path_max);
/* Staging objects now on the disk: leftovers count too. */
size_t sim_store_staged_count(const struct sim_store *store);
/* Plain files that the node opened and never renamed, and that List shows (no leading "."). */
size_t sim_store_plain_count(const struct sim_store *store);
/* Does one of them stand for this path? */
bool sim_store_is_staged(const struct sim_store *store, struct rp_view path);
/* And hold exactly so many bytes? */
bool sim_store_is_staged_up_to(const struct sim_store *store, struct rp_view path,
                               uint64_t size_bytes);

/* Puts or replaces a final object, durable. Errors: RP_ERR_NOMEM, RP_ERR_NO_SPACE. */
RP_MUST_USE int sim_store_put(struct sim_store *store, struct rp_view path, sim_body_key key,
                              uint64_t length_bytes, int64_t mtime_unix_ns);
/* Errors: RP_ERR_NOT_FOUND. */
RP_MUST_USE int sim_store_remove(struct sim_store *store, struct rp_view path);
enum sim_store_damage {
    SIM_STORE_FLIP,     /* one bit, at a drawn place */
    SIM_STORE_TRUNCATE, /* the last part is gone, a drawn length >= 1 */
    SIM_STORE_ZERO,     /* a drawn range reads as zeros */
    SIM_STORE_SWAP      /* two ranges change places */
};
/* Errors: RP_ERR_NOT_FOUND, RP_ERR_INVALID (an empty file cannot be damaged), RP_ERR_NOMEM. */
RP_MUST_USE int sim_store_damage(struct sim_store *store, struct rp_view path,
                                 enum sim_store_damage damage);

/* The flush of a workload: a file that the node itself writes, timed as staging and publishing of
 * length_bytes, hashing included. `done` comes once from an event: 0, RP_ERR_NO_SPACE, RP_ERR_IO;
 * never after a detach. The path and owner's context are the caller's until then. Errors:
 * RP_ERR_NOMEM, RP_ERR_STOPPED (detached). */
RP_MUST_USE int sim_store_flush(struct sim_store *store, struct rp_view path, sim_body_key key,
                                uint64_t length_bytes, void (*done)(void *context, int error),
                                void *context);

#endif
