/* Plain files: final objects that a node writes in place, and renames. */
#include "protocol/error.h"
#include "protocol/limits.h"
#include "sim/store_internal.h"

/* The system writes back by itself after a while; nobody asked it to. */
rp_time_ns store_durable_ns(const struct sim_store *store, bool is_synced)
{
    if (store->faults.lies_about_sync) {
        sim_reach_fault(store->disks->spec.reach, "disk.lie_about_sync");
        return RP_TIME_NEVER;
    }
    return is_synced ? 0 : store_now(store) + SIM_STORE_WRITEBACK_NS;
}

static void touch(struct sim_store *store, struct store_object *object)
{
    object->mtime_unix_ns = store_stamp(store);
    object->durable_ns = store_durable_ns(store, false);
}

void store_file_grown(struct sim_store *store, struct store_object *object, size_t bytes)
{
    if (object->is_named) {
        store_use(store, bytes);
    }
    touch(store, object);
}

static int file_make(struct sim_store *store, struct rp_view name)
{
    struct store_object *object = store_object_new(store_alloc(store), store->disks->spec.bodies);
    if (object == NULL) {
        return RP_ERR_NOMEM;
    }
    touch(store, object);
    store->identity_next += 1;
    object->identity = store->identity_next;
    object->is_named = true;
    object->is_plain = !store_name_is_hidden(name);
    store->plain_count += object->is_plain;
    return store_table_put(&store->table, name, object);
}

static void file_empty(struct sim_store *store, struct store_object *object)
{
    store_unuse(store, object->content.length_bytes);
    sim_content_clear(&object->content);
    touch(store, object);
}

static int file_open(struct sim_store *store, struct store_op *op, struct rp_view path)
{
    bool is_append = op->mode == RP_STAGE_APPEND;
    struct store_record *record = store_table_find(&store->table, path);
    if (record == NULL && is_append) {
        return RP_ERR_NOT_FOUND;
    }
    struct store_handle *handle = NULL;
    rp_store_handle name = store_handle_take(store, &handle);
    if (name == 0 || (record == NULL && file_make(store, path) != 0)) {
        return RP_ERR_NOMEM;
    }
    if (record == NULL) {
        record = store_table_find(&store->table, path);
    } else if (!is_append) {
        file_empty(store, record->object);
    }
    handle->object = record->object;
    handle->object->reference_count += 1;
    handle->is_file_writer = true;
    op->request->handle = name;
    op->request->size_bytes = handle->object->content.length_bytes;
    return 0;
}

int store_file_open(struct sim_store *store, struct store_op *op)
{
    struct rp_buffer scratch;
    struct rp_view name;
    rp_buffer_init(&scratch, store_alloc(store), RP_FRAME_LENGTH_MAX);
    bool is_named = store_name(store, rp_view_make(op->text, op->path_bytes), &scratch, &name);
    int error = is_named ? file_open(store, op, name) : RP_ERR_INVALID;
    rp_buffer_clear(&scratch);
    return error;
}

int store_file_rename(struct sim_store *store, struct store_op *op)
{
    struct rp_view to = rp_view_make(op->text + op->path_bytes, op->second_bytes);
    struct store_record *record = store_find(store, rp_view_make(op->text, op->path_bytes));
    if (record == NULL || !store_name_is_storable(store, to)) {
        return record == NULL ? RP_ERR_NOT_FOUND : RP_ERR_INVALID;
    }
    struct store_object *object = record->object;
    if (store_find(store, to) == record) {
        return 0; /* another path of the same file */
    }
    object->reference_count += 1; /* the old name's goes, the new one takes this */
    store_unname(store, object);
    store_table_remove(&store->table, record);
    touch(store, object);
    int error = store_show(store, to, rp_view_text(NULL), object, true);
    if (error == 0) {
        op->request->stat = (struct rp_store_stat){
            .is_present = true,
            .size_bytes = object->content.length_bytes,
            .identity = object->identity,
            .mtime_unix_ns = object->mtime_unix_ns,
        };
    }
    return error;
}
