#include "protocol/puller_demotion.h"

struct demoted_peer {
    struct rp_view name; /* owned bytes */
};

struct demoted_path {
    struct rp_view path; /* owned bytes */
    struct demoted_peer peers[RP_DEMOTION_PEER_MAX];
    size_t peer_count;
};

void rp_demotions_init(struct rp_demotions *demotions, const struct rp_alloc *alloc)
{
    demotions->alloc = alloc;
    rp_table_init(&demotions->paths, alloc);
}

static bool copy_text(const struct rp_alloc *alloc, struct rp_view source, struct rp_view *copy_out)
{
    uint8_t *bytes = rp_allocate(alloc, source.length_bytes + 1);
    if (bytes == NULL) {
        return false;
    }
    if (source.length_bytes > 0) {
        memcpy(bytes, source.bytes, source.length_bytes);
    }
    *copy_out = rp_view_make(bytes, source.length_bytes);
    return true;
}

static void free_text(const struct rp_alloc *alloc, struct rp_view text)
{
    rp_release(alloc, (void *)(uintptr_t)text.bytes);
}

static void free_path(const struct rp_alloc *alloc, struct demoted_path *record)
{
    if (record == NULL) {
        return;
    }
    for (size_t i = 0; i < record->peer_count; i += 1) {
        free_text(alloc, record->peers[i].name);
    }
    free_text(alloc, record->path);
    rp_release(alloc, record);
}

void rp_demotions_clear(struct rp_demotions *demotions)
{
    size_t cursor = 0;
    struct demoted_path *record;
    while ((record = rp_table_next(&demotions->paths, &cursor)) != NULL) {
        rp_table_remove(&demotions->paths, record->path);
        free_path(demotions->alloc, record);
    }
    rp_table_clear(&demotions->paths);
}

void rp_demotions_forget(struct rp_demotions *demotions, struct rp_view path)
{
    free_path(demotions->alloc, rp_table_remove(&demotions->paths, path));
}

/* A peer is known by its node id; one without is known by where it was dialled. */
static struct rp_view name_of(const struct rp_pull_candidate *peer)
{
    return peer->node_id.length_bytes > 0 ? peer->node_id : peer->address;
}

static void remove_peer(const struct rp_alloc *alloc, struct demoted_path *record, size_t index)
{
    free_text(alloc, record->peers[index].name);
    record->peer_count -= 1;
    memmove(&record->peers[index], &record->peers[index + 1],
            (record->peer_count - index) * sizeof record->peers[0]);
}

static size_t find_peer(const struct demoted_path *record, struct rp_view name)
{
    size_t index = 0;
    while (index < record->peer_count && !rp_view_equal(record->peers[index].name, name)) {
        index += 1;
    }
    return index;
}

static void forget_oldest(struct rp_demotions *demotions)
{
    size_t cursor = 0;
    struct demoted_path *oldest = rp_table_next(&demotions->paths, &cursor);
    if (oldest != NULL) {
        rp_demotions_forget(demotions, oldest->path);
    }
}

static struct demoted_path *open_path(struct rp_demotions *demotions, struct rp_view path)
{
    struct demoted_path *record = rp_table_get(&demotions->paths, path);
    if (record != NULL) {
        return record;
    }
    if (rp_table_count(&demotions->paths) >= RP_DEMOTION_PATH_MAX) {
        forget_oldest(demotions);
    }
    record = rp_allocate_zeroed(demotions->alloc, sizeof *record);
    if (record == NULL) {
        return NULL;
    }
    if (!copy_text(demotions->alloc, path, &record->path)) {
        rp_release(demotions->alloc, record);
        return NULL;
    }
    if (rp_table_put(&demotions->paths, record->path, record, NULL) != 0) {
        free_path(demotions->alloc, record);
        return NULL;
    }
    return record;
}

void rp_demotions_add(struct rp_demotions *demotions, struct rp_view path,
                      const struct rp_pull_candidate *peer)
{
    struct rp_view name;
    struct demoted_path *record = open_path(demotions, path);
    if (record == NULL || !copy_text(demotions->alloc, name_of(peer), &name)) {
        return;
    }
    size_t known = find_peer(record, name);
    if (known < record->peer_count) {
        remove_peer(demotions->alloc, record, known);
    } else if (record->peer_count == RP_DEMOTION_PEER_MAX) {
        remove_peer(demotions->alloc, record, 0);
    }
    record->peers[record->peer_count].name = name;
    record->peer_count += 1;
}

/* Brings the candidate of that name, wherever it stands, to the end; the others close up. */
static void move_to_end(struct rp_pull_candidate *candidates, size_t count, struct rp_view name)
{
    for (size_t i = 0; i < count; i += 1) {
        if (rp_view_equal(name_of(&candidates[i]), name)) {
            struct rp_pull_candidate moved = candidates[i];
            memmove(&candidates[i], &candidates[i + 1], (count - i - 1) * sizeof moved);
            candidates[count - 1] = moved;
            return;
        }
    }
}

void rp_demotions_order(const struct rp_demotions *demotions, struct rp_view path,
                        struct rp_pull_candidate *candidates, size_t count)
{
    const struct demoted_path *record = rp_table_get(&demotions->paths, path);
    for (size_t i = 0; record != NULL && i < record->peer_count; i += 1) {
        move_to_end(candidates, count, record->peers[i].name);
    }
}
