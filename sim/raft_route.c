#include "sim/consensus_raft_inner.h"

/* Where the members of a raft cluster are to be found, as one of them has heard. */

char *raft_text(const struct rp_alloc *alloc, struct rp_view view)
{
    char *text = rp_allocate(alloc, view.length_bytes + 1);
    if (text != NULL) {
        if (view.length_bytes > 0) {
            memcpy(text, view.bytes, view.length_bytes);
        }
        text[view.length_bytes] = 0;
    }
    return text;
}

static size_t place_of(const struct raft_routes *routes, uint64_t raft_id)
{
    size_t low = 0;
    size_t high = routes->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (routes->rows[middle].raft_id < raft_id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct raft_routes *routes, size_t place, uint64_t raft_id)
{
    return place < routes->count && routes->rows[place].raft_id == raft_id;
}

static bool insert(struct raft_routes *routes, size_t place, uint64_t raft_id)
{
    if (routes->count == routes->capacity) {
        size_t capacity = routes->capacity == 0 ? 8 : 2 * routes->capacity;
        struct raft_route *rows = rp_resize(routes->alloc, routes->rows, capacity * sizeof *rows);
        if (rows == NULL) {
            return false;
        }
        routes->rows = rows;
        routes->capacity = capacity;
    }
    memmove(routes->rows + place + 1, routes->rows + place,
            (routes->count - place) * sizeof *routes->rows);
    routes->count += 1;
    routes->rows[place] = (struct raft_route){raft_id, NULL};
    return true;
}

void raft_routes_set(struct raft_routes *routes, uint64_t raft_id, struct rp_view address)
{
    size_t place = place_of(routes, raft_id);
    bool is_same = is_at(routes, place, raft_id) &&
                   rp_view_equal(rp_view_text(routes->rows[place].address), address);
    if (is_same || address.length_bytes == 0) {
        return;
    }
    char *text = raft_text(routes->alloc, address);
    if (text == NULL || (!is_at(routes, place, raft_id) && !insert(routes, place, raft_id))) {
        rp_release(routes->alloc, text); /* a hint is lost, the next one may do */
        return;
    }
    rp_release(routes->alloc, routes->rows[place].address);
    routes->rows[place].address = text;
}

struct rp_view raft_routes_get(const struct raft_routes *routes, uint64_t raft_id)
{
    size_t place = place_of(routes, raft_id);
    return is_at(routes, place, raft_id) ? rp_view_text(routes->rows[place].address)
                                         : rp_view_make(NULL, 0);
}

void raft_routes_clear(struct raft_routes *routes)
{
    for (size_t row = 0; row < routes->count; row += 1) {
        rp_release(routes->alloc, routes->rows[row].address);
    }
    rp_release(routes->alloc, routes->rows);
}
