/* The calls of a disk that gives trouble: each passes as it is, or becomes an operation (disk.c). */
#include "fault/disk_internal.h"

static struct rp_view none(void)
{
    return rp_view_text(NULL);
}

static void port_stat(void *state, struct rp_store_request *request, struct rp_view path)
{
    struct fault_disk *disk = state;
    const struct rp_store_port *store = &disk->params.store;
    struct disk_op *op = disk_op_of(disk, OP_STAT, request, path, none());
    if (op == NULL) {
        store->stat(store->state, request, path);
        return;
    }
    disk_op_start(op);
}

static void port_stage_open(void *state, struct rp_store_request *request, struct rp_view path,
                            struct rp_view sha256_hex, enum rp_stage_mode mode)
{
    struct fault_disk *disk = state;
    const struct rp_store_port *store = &disk->params.store;
    struct disk_op *op = disk_op_of(disk, OP_STAGE_OPEN, request, path, sha256_hex);
    if (op == NULL) {
        store->stage_open(store->state, request, path, sha256_hex, mode);
        return;
    }
    op->mode = mode;
    disk_op_start(op);
}

static void port_stage_write(void *state, struct rp_store_request *request, rp_store_handle writer,
                             struct rp_chunk chunk)
{
    struct fault_disk *disk = state;
    const struct rp_store_port *store = &disk->params.store;
    struct disk_op *op = disk_op_of(disk, OP_STAGE_WRITE, request, none(), none());
    if (op == NULL) {
        store->stage_write(store->state, request, writer, chunk);
        return;
    }
    op->handle = writer;
    op->chunk = chunk;
    (void)rp_block_retain(chunk.block);
    disk_op_start(op);
}

static void port_stage_publish(void *state, struct rp_store_request *request,
                               rp_store_handle writer)
{
    struct fault_disk *disk = state;
    const struct rp_store_port *store = &disk->params.store;
    struct disk_op *op = disk_op_of(disk, OP_STAGE_PUBLISH, request, none(), none());
    if (op == NULL) {
        store->stage_publish(store->state, request, writer);
        return;
    }
    op->handle = writer;
    disk_op_start(op);
}

static void port_stage_discard(void *state, struct rp_store_request *request,
                               rp_store_handle writer)
{
    struct fault_disk *disk = state;
    const struct rp_store_port *store = &disk->params.store;
    struct disk_op *op = disk_op_of(disk, OP_STAGE_DISCARD, request, none(), none());
    if (op == NULL) {
        store->stage_discard(store->state, request, writer);
        return;
    }
    op->handle = writer;
    disk_op_start(op);
}

static void port_file_open(void *state, struct rp_store_request *request, struct rp_view path,
                           enum rp_stage_mode mode)
{
    struct fault_disk *disk = state;
    const struct rp_store_port *store = &disk->params.store;
    struct disk_op *op = disk_op_of(disk, OP_FILE_OPEN, request, path, none());
    if (op == NULL) {
        store->file_open(store->state, request, path, mode);
        return;
    }
    op->mode = mode;
    disk_op_start(op);
}

static void port_file_close(void *state, rp_store_handle writer)
{
    const struct rp_store_port *store = &((struct fault_disk *)state)->params.store;
    store->file_close(store->state, writer);
}

static void port_file_rename(void *state, struct rp_store_request *request, struct rp_view from,
                             struct rp_view to)
{
    struct fault_disk *disk = state;
    const struct rp_store_port *store = &disk->params.store;
    struct disk_op *op = disk_op_of(disk, OP_FILE_RENAME, request, from, to);
    if (op == NULL) {
        store->file_rename(store->state, request, from, to);
        return;
    }
    disk_op_start(op);
}

static void port_read_open(void *state, struct rp_store_request *request, struct rp_view path)
{
    struct fault_disk *disk = state;
    const struct rp_store_port *store = &disk->params.store;
    struct disk_op *op = disk_op_of(disk, OP_READ_OPEN, request, path, none());
    if (op == NULL) {
        store->read_open(store->state, request, path);
        return;
    }
    disk_op_start(op);
}

static void port_read(void *state, struct rp_store_request *request, rp_store_handle reader,
                      uint64_t offset_bytes, size_t length_bytes)
{
    struct fault_disk *disk = state;
    const struct rp_store_port *store = &disk->params.store;
    struct disk_op *op = disk_op_of(disk, OP_READ, request, none(), none());
    if (op == NULL) {
        store->read(store->state, request, reader, offset_bytes, length_bytes);
        return;
    }
    op->handle = reader;
    op->offset_bytes = offset_bytes;
    op->length_bytes = length_bytes;
    disk_op_start(op);
}

static void port_read_close(void *state, rp_store_handle reader)
{
    const struct rp_store_port *store = &((struct fault_disk *)state)->params.store;
    store->read_close(store->state, reader);
}

static void port_remove(void *state, struct rp_store_request *request, struct rp_view path)
{
    struct fault_disk *disk = state;
    const struct rp_store_port *store = &disk->params.store;
    struct disk_op *op = disk_op_of(disk, OP_REMOVE, request, path, none());
    if (op == NULL) {
        store->remove(store->state, request, path);
        return;
    }
    disk_op_start(op);
}

static void port_list(void *state, struct rp_store_request *request, struct rp_view prefix,
                      struct rp_view cursor, size_t item_max)
{
    struct fault_disk *disk = state;
    const struct rp_store_port *store = &disk->params.store;
    struct disk_op *op = disk_op_of(disk, OP_LIST, request, prefix, cursor);
    if (op == NULL) {
        store->list(store->state, request, prefix, cursor, item_max);
        return;
    }
    op->item_max = item_max;
    disk_op_start(op);
}

static void port_space(void *state, struct rp_store_request *request)
{
    struct fault_disk *disk = state;
    const struct rp_store_port *store = &disk->params.store;
    struct disk_op *op = disk_op_of(disk, OP_SPACE, request, none(), none());
    if (op == NULL) {
        store->space(store->state, request);
        return;
    }
    disk_op_start(op);
}

static void port_cancel(void *state, struct rp_store_request *request)
{
    struct fault_disk *disk = state;
    const struct rp_store_port *store = &disk->params.store;
    if (!disk_op_cancel(disk, request)) {
        store->cancel(store->state, request);
    }
}

struct rp_store_port disk_port_of(struct fault_disk *disk)
{
    return (struct rp_store_port){
        .state = disk,
        .stat = port_stat,
        .stage_open = port_stage_open,
        .stage_write = port_stage_write,
        .stage_publish = port_stage_publish,
        .stage_discard = port_stage_discard,
        .file_open = port_file_open,
        .file_close = port_file_close,
        .file_rename = port_file_rename,
        .read_open = port_read_open,
        .read = port_read,
        .read_close = port_read_close,
        .remove = port_remove,
        .list = port_list,
        .space = port_space,
        .cancel = port_cancel,
    };
}
