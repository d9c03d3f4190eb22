#include "protocol/path.h"

#include "protocol/limits.h"

/* Of the file systems that the reference runs on. */
#define NAME_BYTES_MAX      255
#define FULL_NAME_BYTES_MAX 4095

/* behaviour.md 8: one leading '/' off, every ".." becomes "_", then NULs are dropped; the order
 * lets a dropped NUL bring a ".." back. */
static int map_bytes(struct rp_view path, struct rp_buffer *mapped)
{
    size_t at = path.length_bytes > 0 && path.bytes[0] == '/' ? 1 : 0;
    int error = 0;
    while (error == 0 && at < path.length_bytes) {
        bool is_pair =
            path.bytes[at] == '.' && at + 1 < path.length_bytes && path.bytes[at + 1] == '.';
        if (is_pair) {
            error = rp_buffer_append_byte(mapped, '_');
        } else if (path.bytes[at] != 0) {
            error = rp_buffer_append_byte(mapped, path.bytes[at]);
        }
        at += is_pair ? 2 : 1;
    }
    return error;
}

static struct rp_view without_leading_slashes(struct rp_view path)
{
    size_t at = 0;
    while (at < path.length_bytes && path.bytes[at] == '/') {
        at += 1;
    }
    return at == 0 ? path : rp_view_make(path.bytes + at, path.length_bytes - at);
}

/* Outside the root is told by how the name begins, so a file called "..x" is outside too. */
static bool is_outside_or_root(struct rp_view name)
{
    return rp_view_equal(name, rp_view_text(".")) ||
           (name.length_bytes >= 2 && memcmp(name.bytes, "..", 2) == 0);
}

static bool fits_file_system(struct rp_view name, size_t root_length_bytes, size_t suffix_bytes)
{
    size_t component_bytes = 0;
    for (size_t at = 0; at < name.length_bytes; at += 1) {
        component_bytes = name.bytes[at] == '/' ? 0 : component_bytes + 1;
        if (component_bytes > NAME_BYTES_MAX) {
            return false;
        }
    }
    return component_bytes + suffix_bytes <= NAME_BYTES_MAX &&
           root_length_bytes + 1 + name.length_bytes + suffix_bytes <= FULL_NAME_BYTES_MAX;
}

static int mapped_name(struct rp_view path, struct rp_buffer *name_out)
{
    struct rp_buffer mapped;
    rp_buffer_init(&mapped, name_out->alloc, RP_FRAME_LENGTH_MAX);
    int error = map_bytes(path, &mapped);
    if (error == 0) {
        error = rp_path_clean(without_leading_slashes(rp_buffer_view(&mapped)), name_out);
    }
    rp_buffer_clear(&mapped);
    return error;
}

struct rp_view rp_path_part_suffix(const struct rp_traits *traits)
{
    return rp_view_text(traits->staging == RP_STAGING_PART_FILE ? ".part" : "");
}

bool rp_path_is_stored_as_is(const struct rp_traits *traits)
{
    return traits->store_names == RP_STORE_NAMES_EXACT;
}

int rp_path_local_name(const struct rp_traits *traits, struct rp_view path,
                       size_t root_length_bytes, size_t suffix_bytes, struct rp_buffer *name_out,
                       bool *is_refused_out)
{
    size_t start = name_out->length_bytes;
    *is_refused_out = path.length_bytes == 0;
    if (rp_path_is_stored_as_is(traits)) {
        return rp_buffer_append(name_out, path);
    }
    int error = mapped_name(path, name_out);
    if (error != 0) {
        name_out->length_bytes = start;
        return error;
    }
    struct rp_view name = rp_view_make(name_out->bytes + start, name_out->length_bytes - start);
    *is_refused_out =
        is_outside_or_root(name) || !fits_file_system(name, root_length_bytes, suffix_bytes);
    return 0;
}

int rp_path_stored_name(const struct rp_traits *traits, struct rp_view path,
                        size_t root_length_bytes, struct rp_buffer *name_out, bool *is_refused_out)
{
    return rp_path_local_name(traits, path, root_length_bytes,
                              rp_path_part_suffix(traits).length_bytes, name_out, is_refused_out);
}
