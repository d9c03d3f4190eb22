#include "protocol/local_store.h"

#include "protocol/error.h"
#include "protocol/limits.h"
#include "protocol/path.h"
#include "protocol/sink_kinds.h"

/* A list whose page is looked through before its owner sees it: asked for by a request of our own. */
struct rp_local_list {
    struct rp_store_request request;
    struct rp_local_list *next;
    struct rp_local_store *local;
    struct rp_store_request *asked; /* the owner's */
};

/* ---- Names ---------------------------------------------------------------------------------------- */

static bool has_suffix(struct rp_view path, struct rp_view suffix)
{
    return path.length_bytes > suffix.length_bytes &&
           memcmp(path.bytes + path.length_bytes - suffix.length_bytes, suffix.bytes,
                  suffix.length_bytes) == 0;
}

/* The part file's suffix is put behind the name on the disk, not behind the path. */
static struct rp_view stored_name(struct rp_local_store *local, struct rp_view path,
                                  struct rp_buffer *name)
{
    struct rp_view suffix = rp_view_text(NODE_PART_SUFFIX);
    bool is_part = node_sink_kind_of(local->traits)->is_part_shown && has_suffix(path, suffix);
    size_t base_bytes = path.length_bytes - (is_part ? suffix.length_bytes : 0);
    bool is_refused = false;
    rp_buffer_reset(name);
    int error = rp_path_stored_name(local->traits, rp_view_make(path.bytes, base_bytes),
                                    RP_LOCAL_ROOT_BYTES, name, &is_refused);
    if (error == 0 && is_part) {
        error = rp_buffer_append(name, suffix);
    }
    return error != 0 || is_refused ? rp_view_make(NULL, 0) : rp_buffer_view(name);
}

static struct rp_view first_name(struct rp_local_store *local, struct rp_view path)
{
    return stored_name(local, path, &local->first);
}

/* ---- Lists ---------------------------------------------------------------------------------------- */

static bool is_hidden(struct rp_view path)
{
    size_t at = path.length_bytes;
    while (at > 0 && path.bytes[at - 1] != '/') {
        at -= 1;
    }
    return at < path.length_bytes && path.bytes[at] == '.';
}

static struct rp_store_list_item *
shown_items(struct rp_local_store *local, const struct rp_store_request *request, size_t *count_out)
{
    struct rp_store_list_item *items =
        rp_allocate(local->alloc, (request->item_count + 1) * sizeof *items);
    *count_out = 0;
    for (size_t row = 0; items != NULL && row < request->item_count; row += 1) {
        if (!is_hidden(request->items[row].path)) {
            items[*count_out] = request->items[row];
            *count_out += 1;
        }
    }
    return items;
}

static void unlink_list(struct rp_local_list *list)
{
    struct rp_local_list **link = &list->local->lists;
    while (*link != list) {
        link = &(*link)->next;
    }
    *link = list->next;
}

static void on_listed(struct rp_store_request *request, int error)
{
    struct rp_local_list *list = request->context;
    struct rp_local_store *local = list->local;
    const struct rp_alloc *alloc = local->alloc;
    struct rp_store_request *asked = list->asked;
    struct rp_store_list_item *items = NULL;
    if (error == 0) {
        items = shown_items(local, request, &asked->item_count);
        asked->items = items;
        asked->has_more = request->has_more;
        error = items == NULL ? RP_ERR_NOMEM : 0;
    }
    unlink_list(list);
    rp_release(alloc, list);
    asked->port_handle = 0;
    asked->done(asked, error); /* may end the node, and the adapter with it */
    rp_release(alloc, items);
}

static void port_list(void *state, struct rp_store_request *request, struct rp_view prefix,
                      struct rp_view cursor, size_t item_max)
{
    struct rp_local_store *local = state;
    struct rp_local_list *list = rp_allocate_zeroed(local->alloc, sizeof *list);
    if (list == NULL) { /* hidden names show, which costs no more than a look at them */
        local->inner.list(local->inner.state, request, prefix, cursor, item_max);
        return;
    }
    list->request.done = on_listed;
    list->request.context = list;
    list->local = local;
    list->asked = request;
    list->next = local->lists;
    local->lists = list;
    request->port_handle = 1;
    local->inner.list(local->inner.state, &list->request, prefix, cursor, item_max);
}

/* ---- Calls ---------------------------------------------------------------------------------------- */

static void port_stat(void *state, struct rp_store_request *request, struct rp_view path)
{
    struct rp_local_store *local = state;
    local->inner.stat(local->inner.state, request, first_name(local, path));
}

static void port_stage_open(void *state, struct rp_store_request *request, struct rp_view path,
                            struct rp_view sha256_hex, enum rp_stage_mode mode)
{
    struct rp_local_store *local = state;
    local->inner.stage_open(local->inner.state, request, first_name(local, path), sha256_hex, mode);
}

static void port_stage_write(void *state, struct rp_store_request *request, rp_store_handle writer,
                             struct rp_chunk chunk)
{
    struct rp_local_store *local = state;
    local->inner.stage_write(local->inner.state, request, writer, chunk);
}

static void port_stage_publish(void *state, struct rp_store_request *request,
                               rp_store_handle writer)
{
    struct rp_local_store *local = state;
    local->inner.stage_publish(local->inner.state, request, writer);
}

static void port_stage_discard(void *state, struct rp_store_request *request,
                               rp_store_handle writer)
{
    struct rp_local_store *local = state;
    local->inner.stage_discard(local->inner.state, request, writer);
}

static void port_file_open(void *state, struct rp_store_request *request, struct rp_view path,
                           enum rp_stage_mode mode)
{
    struct rp_local_store *local = state;
    local->inner.file_open(local->inner.state, request, first_name(local, path), mode);
}

static void port_file_close(void *state, rp_store_handle writer)
{
    struct rp_local_store *local = state;
    local->inner.file_close(local->inner.state, writer);
}

static void port_file_rename(void *state, struct rp_store_request *request, struct rp_view from,
                             struct rp_view to)
{
    struct rp_local_store *local = state;
    local->inner.file_rename(local->inner.state, request, first_name(local, from),
                             stored_name(local, to, &local->second));
}

static void port_read_open(void *state, struct rp_store_request *request, struct rp_view path)
{
    struct rp_local_store *local = state;
    local->inner.read_open(local->inner.state, request, first_name(local, path));
}

static void port_read(void *state, struct rp_store_request *request, rp_store_handle reader,
                      uint64_t offset_bytes, size_t length_bytes)
{
    struct rp_local_store *local = state;
    local->inner.read(local->inner.state, request, reader, offset_bytes, length_bytes);
}

static void port_read_close(void *state, rp_store_handle reader)
{
    struct rp_local_store *local = state;
    local->inner.read_close(local->inner.state, reader);
}

static void port_remove(void *state, struct rp_store_request *request, struct rp_view path)
{
    struct rp_local_store *local = state;
    local->inner.remove(local->inner.state, request, first_name(local, path));
}

static void port_space(void *state, struct rp_store_request *request)
{
    struct rp_local_store *local = state;
    local->inner.space(local->inner.state, request);
}

static void port_cancel(void *state, struct rp_store_request *request)
{
    struct rp_local_store *local = state;
    struct rp_local_list *list = local->lists;
    while (list != NULL && list->asked != request) {
        list = list->next;
    }
    local->inner.cancel(local->inner.state, list == NULL ? request : &list->request);
}

/* ---- Birth and death ------------------------------------------------------------------------------ */

void rp_local_store_init(struct rp_local_store *local, const struct rp_traits *traits,
                         const struct rp_alloc *alloc, struct rp_store_port *port)
{
    memset(local, 0, sizeof *local);
    local->alloc = alloc;
    local->traits = traits;
    rp_buffer_init(&local->first, alloc, RP_FRAME_LENGTH_MAX);
    rp_buffer_init(&local->second, alloc, RP_FRAME_LENGTH_MAX);
    if (rp_path_is_stored_as_is(traits)) {
        return;
    }
    local->inner = *port;
    *port = (struct rp_store_port){
        .state = local,
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

void rp_local_store_clear(struct rp_local_store *local)
{
    while (local->lists != NULL) {
        struct rp_local_list *list = local->lists;
        local->lists = list->next;
        rp_release(local->alloc, list);
    }
    rp_buffer_clear(&local->first);
    rp_buffer_clear(&local->second);
}
