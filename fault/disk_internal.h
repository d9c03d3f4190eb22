/* The inside of a disk decorator, shared by disk.c and disk_port.c only. */
#ifndef REPLISIM_FAULT_DISK_INTERNAL_H
#define REPLISIM_FAULT_DISK_INTERNAL_H

#include "fault/disk.h"

enum op_kind {
    OP_STAT,
    OP_STAGE_OPEN,
    OP_STAGE_WRITE,
    OP_STAGE_PUBLISH,
    OP_STAGE_DISCARD,
    OP_FILE_OPEN,
    OP_FILE_RENAME,
    OP_READ_OPEN,
    OP_READ,
    OP_REMOVE,
    OP_LIST,
    OP_SPACE,
    OP_TURN /* of somebody beside the port */
};

enum op_stage { OP_HELD, OP_ASKED, OP_PASSED };

struct disk_op {
    struct disk_op *next, *previous;
    struct fault_disk *disk;
    enum op_kind kind;
    enum op_stage stage;
    bool is_cancelled;
    int verdict; /* what the node is told in place of a success; 0: the port's own word */
    rp_time_ns due_ns;
    struct rp_store_request *outer; /* the node's */
    struct rp_store_request inner;  /* ours, to the port */
    void (*come)(void *context);
    void *come_context;
    enum rp_stage_mode mode;
    rp_store_handle handle;
    struct rp_chunk chunk; /* owned reference */
    size_t promised_bytes; /* of the disk's promised_bytes */
    uint64_t offset_bytes;
    size_t length_bytes, item_max;
    size_t first_bytes, second_bytes;
    uint8_t text[]; /* path or prefix, then hash, cursor or new path */
};

/* In order of calls. */
struct op_list {
    struct disk_op *first, *last;
};

struct fault_disk {
    struct fault_disk_params params;
    struct rp_store_port port;
    struct fault_disk_spec spec;
    bool is_sick;            /* spec is not that of a healthy disk */
    uint64_t hidden_bytes;   /* that the medium has free and `free` denies */
    uint64_t promised_bytes; /* of writes passed on, which the port's space may not show yet */
    rp_time_ns stuck_until_ns;
    struct op_list held; /* the first may be ASKED */
    struct op_list passed;
    struct rp_timer timer; /* of the first held one */
};

/* NULL: the call passes as it is. The views are copied. */
struct disk_op *disk_op_of(struct fault_disk *disk, enum op_kind kind,
                           struct rp_store_request *request, struct rp_view first,
                           struct rp_view second);
/* Once the operation has all that its kind needs. */
void disk_op_start(struct disk_op *op);
/* False: no operation of ours has that request. */
bool disk_op_cancel(struct fault_disk *disk, struct rp_store_request *request);

/* disk_port.c. */
struct rp_store_port disk_port_of(struct fault_disk *disk);

#endif
