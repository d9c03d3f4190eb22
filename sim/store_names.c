/* Under which names files lie on the disk: exactly their paths', or those of the reference's local
 * storage, where `a..b` and `a_b` are one file. */
#include "protocol/limits.h"
#include "protocol/path.h"
#include "sim/store_internal.h"

/* Length of the root's full name, which counts toward a file system's limit: a usual one. */
#define ROOT_BYTES 18
/* Below this no limit of a component matters, part files' suffix included. */
#define SHORT_NAME_BYTES 240

void sim_store_set_names(struct sim_store *store, const struct rp_traits *traits)
{
    store->names = rp_path_is_stored_as_is(traits) ? NULL : traits;
}

bool store_name_is_hidden(struct rp_view name)
{
    size_t at = name.length_bytes;
    while (at > 0 && name.bytes[at - 1] != '/') {
        at -= 1;
    }
    return at < name.length_bytes && name.bytes[at] == '.';
}

/* A name that mapping cannot change: almost all of them. */
static bool is_plain(struct rp_view path)
{
    uint8_t last = '/';
    for (size_t at = 0; at < path.length_bytes; at += 1) {
        uint8_t byte = path.bytes[at];
        bool is_odd = byte == 0 || (last == '/' && (byte == '/' || byte == '.')) ||
                      (last == '.' && byte == '.');
        if (is_odd) {
            return false;
        }
        last = byte;
    }
    return path.length_bytes > 0 && path.length_bytes < SHORT_NAME_BYTES && last != '/';
}

static bool has_suffix(struct rp_view path, struct rp_view suffix)
{
    return path.length_bytes > suffix.length_bytes &&
           memcmp(path.bytes + path.length_bytes - suffix.length_bytes, suffix.bytes,
                  suffix.length_bytes) == 0;
}

/* The part file's suffix is put behind the name on the disk, not behind the path. */
static bool map(const struct sim_store *store, struct rp_view path, struct rp_buffer *scratch,
                struct rp_view *name_out)
{
    struct rp_view suffix = rp_path_part_suffix(store->names);
    bool is_part = suffix.length_bytes > 0 && has_suffix(path, suffix);
    size_t base_bytes = path.length_bytes - (is_part ? suffix.length_bytes : 0);
    bool is_refused = false;
    int error = rp_path_local_name(store->names, rp_view_make(path.bytes, base_bytes), ROOT_BYTES,
                                   is_part ? suffix.length_bytes : 0, scratch, &is_refused);
    if (error == 0 && is_part) {
        error = rp_buffer_append(scratch, suffix);
    }
    *name_out = rp_buffer_view(scratch);
    return error == 0 && !is_refused;
}

bool store_name(const struct sim_store *store, struct rp_view path, struct rp_buffer *scratch,
                struct rp_view *name_out)
{
    *name_out = path;
    if (store->names == NULL || is_plain(path)) {
        return path.length_bytes > 0;
    }
    return map(store, path, scratch, name_out);
}

bool store_name_is_storable(const struct sim_store *store, struct rp_view path)
{
    struct rp_buffer scratch;
    struct rp_view name;
    rp_buffer_init(&scratch, store_alloc(store), RP_FRAME_LENGTH_MAX);
    bool is_named = store_name(store, path, &scratch, &name);
    rp_buffer_clear(&scratch);
    return is_named;
}

struct store_record *store_find(const struct sim_store *store, struct rp_view path)
{
    if (store->names == NULL) {
        return store_table_find(&store->table, path);
    }
    struct rp_buffer scratch;
    struct rp_view name;
    rp_buffer_init(&scratch, store_alloc(store), RP_FRAME_LENGTH_MAX);
    struct store_record *record =
        store_name(store, path, &scratch, &name) ? store_table_find(&store->table, name) : NULL;
    rp_buffer_clear(&scratch);
    return record;
}
