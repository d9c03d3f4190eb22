#include "protocol/presence.h"

#include "protocol/error.h"
#include "protocol/panic.h"
#include "protocol/table.h"

/* 24 bytes a file: the object that was hashed, and as what. The size is the entry's. */
struct slot {
    const struct rp_file_entry *entry; /* owned reference; NULL: empty */
    uint64_t identity;
    int64_t mtime_unix_ns;
};

/* Open addressing with linear probing; removal closes the gap, so there are no tombstones. Nothing
 * ever walks the slots in order but the destructor. */
struct rp_presence {
    const struct rp_alloc *alloc; /* borrowed */
    const struct rp_traits *traits;
    struct slot *slots; /* owned */
    size_t slot_count;  /* a power of two, or 0 */
    size_t used_count;
};

#define SLOT_COUNT_FIRST 16u

int rp_presence_new(const struct rp_traits *traits, const struct rp_alloc *alloc,
                    struct rp_presence **presence_out)
{
    struct rp_presence *presence = rp_allocate_zeroed(alloc, sizeof *presence);
    if (presence == NULL) {
        return RP_ERR_NOMEM;
    }
    presence->alloc = alloc;
    presence->traits = traits;
    *presence_out = presence;
    return 0;
}

void rp_presence_free(struct rp_presence *presence)
{
    if (presence == NULL) {
        return;
    }
    for (size_t i = 0; i < presence->slot_count; i += 1) {
        if (presence->slots[i].entry != NULL) {
            rp_file_entry_release(presence->slots[i].entry);
        }
    }
    rp_release(presence->alloc, presence->slots);
    rp_release(presence->alloc, presence);
}

size_t rp_presence_count(const struct rp_presence *presence)
{
    return presence->used_count;
}

/* ---- Slots ------------------------------------------------------------------------------------ */

/* The tables' hash takes eight bytes at a time: look-ups by a hash of single bytes had 2 to 3 % of
 * the time of pulls of 1 KiB. */
static size_t home_of(const struct rp_presence *presence, struct rp_view path)
{
    return (size_t)rp_table_hash(path) & (presence->slot_count - 1);
}

/* The slot of the path, or the empty one where it would go. */
static struct slot *find(const struct rp_presence *presence, struct rp_view path)
{
    size_t at = home_of(presence, path);
    while (presence->slots[at].entry != NULL &&
           !rp_view_equal(presence->slots[at].entry->path, path)) {
        at = (at + 1) & (presence->slot_count - 1);
    }
    return &presence->slots[at];
}

static struct slot *lookup(const struct rp_presence *presence, struct rp_view path)
{
    if (presence->slot_count == 0) {
        return NULL;
    }
    struct slot *slot = find(presence, path);
    return slot->entry == NULL ? NULL : slot;
}

static bool grow(struct rp_presence *presence)
{
    size_t count = presence->slot_count == 0 ? SLOT_COUNT_FIRST : presence->slot_count * 2;
    struct slot *old = presence->slots;
    size_t old_count = presence->slot_count;
    struct slot *slots = rp_allocate_zeroed(presence->alloc, count * sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    presence->slots = slots;
    presence->slot_count = count;
    for (size_t i = 0; i < old_count; i += 1) {
        if (old[i].entry != NULL) {
            *find(presence, old[i].entry->path) = old[i];
        }
    }
    rp_release(presence->alloc, old);
    return true;
}

/* Room for one more at a load of at most 7/8. */
static bool make_room(struct rp_presence *presence)
{
    bool has_room = presence->used_count + 1 <= presence->slot_count - presence->slot_count / 8 &&
                    presence->slot_count > 0;
    return has_room || grow(presence);
}

static void remember(struct rp_presence *presence, const struct rp_file_entry *entry,
                     const struct rp_store_stat *stat)
{
    struct slot *slot = lookup(presence, entry->path);
    if (slot == NULL) {
        if (!make_room(presence)) {
            return; /* costs a hash the next time */
        }
        slot = find(presence, entry->path);
        presence->used_count += 1;
    }
    const struct rp_file_entry *former = slot->entry;
    slot->entry = rp_file_entry_retain(entry);
    slot->identity = stat->identity;
    slot->mtime_unix_ns = stat->mtime_unix_ns;
    if (former != NULL) {
        rp_file_entry_release(former);
    }
}

/* Moves later members of the run back over the hole, so that probing never meets a false end. */
static void close_gap(struct rp_presence *presence, size_t hole)
{
    size_t mask = presence->slot_count - 1;
    size_t at = hole;
    for (;;) {
        at = (at + 1) & mask;
        if (presence->slots[at].entry == NULL) {
            break;
        }
        size_t home = home_of(presence, presence->slots[at].entry->path);
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            presence->slots[hole] = presence->slots[at];
            hole = at;
        }
    }
    memset(&presence->slots[hole], 0, sizeof presence->slots[hole]);
}

void rp_presence_forget(struct rp_presence *presence, struct rp_view path)
{
    struct slot *slot = lookup(presence, path);
    if (slot == NULL) {
        return;
    }
    const struct rp_file_entry *former = slot->entry;
    close_gap(presence, (size_t)(slot - presence->slots));
    presence->used_count -= 1;
    rp_file_entry_release(former);
}

/* ---- Verdicts --------------------------------------------------------------------------------- */

static bool is_same_version(const struct rp_file_entry *left, const struct rp_file_entry *right)
{
    return left == right ||
           (left->size_bytes == right->size_bytes && rp_view_equal(left->sha256, right->sha256));
}

static bool is_right_size(const struct rp_file_entry *entry, const struct rp_store_stat *stat)
{
    return entry->size_bytes >= 0 && stat->size_bytes == (uint64_t)entry->size_bytes;
}

static enum rp_presence_verdict judge_content(struct rp_presence *presence,
                                              const struct rp_file_entry *entry,
                                              const struct rp_store_stat *stat)
{
    if (!stat->is_present || !is_right_size(entry, stat)) {
        rp_presence_forget(presence, entry->path);
        return RP_PRESENCE_ABSENT;
    }
    const struct slot *slot = lookup(presence, entry->path);
    bool is_known = slot != NULL && is_same_version(slot->entry, entry) &&
                    slot->identity == stat->identity && slot->mtime_unix_ns == stat->mtime_unix_ns;
    return is_known ? RP_PRESENCE_PRESENT : RP_PRESENCE_HASH_NEEDED;
}

/* behaviour.md 7.3, "already-local test"; design.md, presence */
enum rp_presence_verdict rp_presence_judge(struct rp_presence *presence,
                                           const struct rp_file_entry *entry,
                                           const struct rp_store_stat *stat)
{
    switch (presence->traits->presence) {
    case RP_PRESENT_EXISTS: return stat->is_present ? RP_PRESENCE_PRESENT : RP_PRESENCE_ABSENT;
    case RP_PRESENT_SAME_SIZE:
        return stat->is_present && is_right_size(entry, stat) ? RP_PRESENCE_PRESENT
                                                              : RP_PRESENCE_ABSENT;
    case RP_PRESENT_VERIFIED: return judge_content(presence, entry, stat);
    }
    return RP_PRESENCE_ABSENT;
}

enum rp_presence_verdict rp_presence_hashed(struct rp_presence *presence,
                                            const struct rp_file_entry *entry,
                                            const struct rp_store_stat *stat,
                                            struct rp_view sha256_hex)
{
    if (!stat->is_present || !is_right_size(entry, stat)) {
        rp_presence_forget(presence, entry->path);
        return RP_PRESENCE_ABSENT;
    }
    if (!rp_view_equal(sha256_hex, entry->sha256)) {
        rp_presence_forget(presence, entry->path);
        return RP_PRESENCE_DAMAGED;
    }
    remember(presence, entry, stat);
    return RP_PRESENCE_PRESENT;
}

void rp_presence_verified(struct rp_presence *presence, const struct rp_file_entry *entry,
                          const struct rp_store_stat *stat)
{
    (void)rp_presence_hashed(presence, entry, stat, entry->sha256);
}

bool rp_presence_holds(const struct rp_presence *presence, const struct rp_file_entry *entry)
{
    const struct slot *slot = lookup(presence, entry->path);
    return slot != NULL && is_same_version(slot->entry, entry);
}
