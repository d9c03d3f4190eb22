/* What the files of the store share; nobody else includes it. */
#ifndef REPLISIM_SIM_STORE_INTERNAL_H
#define REPLISIM_SIM_STORE_INTERNAL_H

#include "protocol/buffer.h"
#include "sim/store.h"

/* Bytes that a name, or a reader after the name is gone, refers to. */
struct store_object {
    uint32_t reference_count;
    bool is_named;         /* under a name: its bytes count as used */
    bool is_plain;         /* a plain file that was not renamed, under a name that is listed */
    rp_time_ns durable_ns; /* power loss takes it before that; RP_TIME_NEVER: a disk that lies */
    uint64_t identity;
    int64_t mtime_unix_ns;
    struct sim_content content;
};

struct store_record {
    struct store_record *chained;
    struct store_object *object; /* owned reference */
    uint64_t hash;
    size_t path_bytes;
    uint8_t path[];
};

/* Final names: a chained hash table, and an order made only when somebody lists. */
struct store_table {
    const struct rp_alloc *alloc;
    struct store_record **buckets;
    size_t bucket_count, count;
    struct store_record **order; /* owned; valid while is_ordered */
    size_t order_max;
    bool is_ordered;
};

struct store_stage {
    struct store_stage *next;
    struct sim_content content;
    bool is_open;
    size_t path_bytes, sha256_bytes;
    uint8_t text[]; /* path, then hash */
};

enum store_op_kind {
    STORE_STAT,
    STORE_STAGE_OPEN,
    STORE_STAGE_WRITE,
    STORE_STAGE_PUBLISH,
    STORE_STAGE_DISCARD,
    STORE_READ_OPEN,
    STORE_READ,
    STORE_REMOVE,
    STORE_LIST,
    STORE_SPACE,
    STORE_FLUSH,
    STORE_FILE_OPEN, /* at the end: the numbers are part of the fingerprint */
    STORE_FILE_RENAME
};

struct store_op {
    struct store_op *next, *previous; /* of the store, in order of calls */
    struct sim_store *store;
    enum store_op_kind kind;
    sim_event event;
    bool is_cancelled, is_applied;
    bool is_waiting; /* a flush whose turn has not come: nothing was begun */
    int error;
    struct rp_store_request *request; /* the node's; NULL for a flush */
    void (*flushed)(void *context, int error);
    void *flush_context;
    enum rp_stage_mode mode;
    rp_store_handle handle;
    struct rp_chunk chunk; /* owned reference: bytes to write, or read */
    uint64_t offset_bytes, length_bytes;
    sim_body_key key;
    size_t item_max, path_bytes, second_bytes;
    uint8_t text[]; /* path or prefix, then hash or cursor */
};

struct store_handle {
    uint32_t generation;
    struct store_stage *stage;   /* a writer */
    struct store_object *object; /* a reader, or a plain file's writer: owned reference */
    bool is_file_writer;
};

struct sim_disks {
    struct sim_disks_spec spec;
};

struct sim_store {
    struct sim_disks *disks;
    struct sim_store_spec spec; /* the name's view is not kept */
    struct sim_rng rng;
    struct rp_store_port port;
    struct sim_gate gate;
    const struct rp_clock_port *clock;
    bool is_attached;
    const struct rp_traits *names; /* NULL: exact */
    uint64_t life;                 /* counts attachments: a call into the node may end the life */
    struct store_table table;
    struct store_stage *stages; /* owned; newest first */
    struct store_handle *handles;
    uint32_t handle_max;
    struct store_op *first, *last;
    uint64_t identity_next;
    uint64_t used_bytes;
    size_t plain_count;
    rp_time_ns busy_until_ns, last_finish_ns;
    struct sim_disk_faults faults; /* those of calls are in `fault` */
    rp_time_ns held_up_until_ns;   /* 0: it never was slow or stuck */
    struct fault_disk *fault;      /* owned; between the node and `port` */
    struct sim_rng fault_rng;
};

static inline struct rp_view store_record_path(const struct store_record *record)
{
    return rp_view_make(record->path, record->path_bytes);
}

/* store_table.c */
void store_table_clear(struct store_table *table);
struct store_record *store_table_find(const struct store_table *table, struct rp_view path);
/* Takes the object's reference over, also on failure; an object that was there is released. */
RP_MUST_USE int store_table_put(struct store_table *table, struct rp_view path,
                                struct store_object *object);
void store_table_remove(struct store_table *table, struct store_record *record);
/* In bytewise order; NULL with a count of 0, or when out of memory. */
struct store_record **store_table_order(struct store_table *table);
/* The index in the order of the first name after `cursor` (empty: 0). */
size_t store_table_after(const struct store_table *table, struct rp_view cursor);
struct store_object *store_object_new(const struct rp_alloc *alloc, struct sim_bodies *bodies);
void store_object_release(const struct rp_alloc *alloc, struct store_object *object);

/* store.c */
const struct rp_alloc *store_alloc(const struct sim_store *store);
rp_time_ns store_now(const struct sim_store *store);
uint64_t store_free_bytes(const struct sim_store *store);
/* What the faults leave of that. */
uint64_t store_room_bytes(const struct sim_store *store);
void store_use(struct sim_store *store, uint64_t bytes);
void store_unuse(struct sim_store *store, uint64_t bytes);
/* The object becomes visible under the name; takes its reference over. */
RP_MUST_USE int store_show(struct sim_store *store, struct rp_view path, struct rp_view sha256_hex,
                           struct store_object *object, bool is_by_node);
/* The object is under no name any more, or about to get another. */
void store_unname(struct sim_store *store, struct store_object *object);
/* `path`: as it is told to the watcher. */
void store_hide(struct sim_store *store, struct store_record *record, struct rp_view path,
                bool is_by_node);
void store_stage_free(struct sim_store *store, struct store_stage *stage);

/* store_names.c. The name of a path, maybe in `scratch`, which the caller clears; false: refused. */
bool store_name(const struct sim_store *store, struct rp_view path, struct rp_buffer *scratch,
                struct rp_view *name_out);
struct store_record *store_find(const struct sim_store *store, struct rp_view path);
bool store_name_is_storable(const struct sim_store *store, struct rp_view path);
bool store_name_is_hidden(struct rp_view name);

/* store_file.c: plain files, and what is not synced */
rp_time_ns store_durable_ns(const struct sim_store *store, bool is_synced);
RP_MUST_USE int store_file_open(struct sim_store *store, struct store_op *op);
RP_MUST_USE int store_file_rename(struct sim_store *store, struct store_op *op);
/* The object has got or lost bytes. */
void store_file_grown(struct sim_store *store, struct store_object *object, size_t bytes);

/* store_fault.c. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int store_fault_init(struct sim_store *store);

/* store_port.c */
int64_t store_stamp(const struct sim_store *store);
rp_store_handle store_handle_take(struct sim_store *store, struct store_handle **handle_out);
void store_port_init(struct sim_store *store);
void store_ops_drop(struct sim_store *store);
void store_ops_thaw(struct sim_store *store);
void store_handles_close(struct sim_store *store);

#endif
