#include "protocol/table.h"

#include "protocol/error.h"
#include "protocol/panic.h"

/* 2^31 pairs: an index plus one fits the 32-bit slots. */
#define PAIR_COUNT_MAX     ((size_t)1 << 31)
#define PAIR_CAPACITY_MIN  ((size_t)8)
#define NO_PAIR            SIZE_MAX
#define SLOT_EMPTY         0u
#define SLOTS_PER_PAIR     2u
#define HASH_START         UINT64_C(0x9ae16a3b2f90404f)
#define HASH_FACTOR        UINT64_C(0xff51afd7ed558ccd)
#define HASH_FINISH_FACTOR UINT64_C(0xc4ceb9fe1a85ec53)

static uint64_t hash_mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * HASH_FACTOR;
    return hash ^ (hash >> 32);
}

/* Fixed and unseeded; its value differs between byte orders, which nothing can see. */
uint64_t rp_table_hash(struct rp_view key)
{
    uint64_t hash = HASH_START ^ key.length_bytes;
    size_t at = 0;
    for (; key.length_bytes - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, key.bytes + at, sizeof word);
        hash = hash_mix(hash, word);
    }
    if (at < key.length_bytes) {
        uint64_t word = 0;
        memcpy(&word, key.bytes + at, key.length_bytes - at);
        hash = hash_mix(hash, word);
    }
    hash *= HASH_FINISH_FACTOR;
    return hash ^ (hash >> 29);
}

void rp_table_init(struct rp_table *table, const struct rp_alloc *alloc)
{
    memset(table, 0, sizeof *table);
    table->alloc = alloc;
}

void rp_table_clear(struct rp_table *table)
{
    rp_release(table->alloc, table->pairs);
    rp_release(table->alloc, table->slots);
    rp_table_init(table, table->alloc);
}

/* The slot that leads to the key, or the empty slot that ends the search. A removed pair keeps its
 * slot until the next rebuild, so no search is cut short. There is always an empty slot. */
static size_t find_slot(const struct rp_table *table, struct rp_view key, uint64_t hash)
{
    size_t mask = table->slot_count - 1;
    size_t slot = (size_t)hash & mask;
    while (table->slots[slot] != SLOT_EMPTY) {
        const struct rp_table_pair *pair = &table->pairs[table->slots[slot] - 1];
        if (pair->value != NULL && pair->hash == hash && rp_view_equal(pair->key, key)) {
            return slot;
        }
        slot = (slot + 1) & mask;
    }
    return slot;
}

static size_t find_pair(const struct rp_table *table, struct rp_view key, uint64_t hash)
{
    if (table->live_count == 0) {
        return NO_PAIR;
    }
    uint32_t occupant = table->slots[find_slot(table, key, hash)];
    return occupant == SLOT_EMPTY ? NO_PAIR : (size_t)occupant - 1;
}

void *rp_table_get(const struct rp_table *table, struct rp_view key)
{
    size_t index = find_pair(table, key, rp_table_hash(key));
    return index == NO_PAIR ? NULL : table->pairs[index].value;
}

/* Moves the live pairs together, in order, into `pairs`, which may be where they are. */
static void pack_pairs(struct rp_table *table, struct rp_table_pair *pairs)
{
    size_t kept = 0;
    for (size_t index = 0; index < table->pair_count; index += 1) {
        if (table->pairs[index].value != NULL) {
            pairs[kept] = table->pairs[index];
            kept += 1;
        }
    }
    RP_ASSERT(kept == table->live_count);
    table->pair_count = kept;
}

static void fill_slots(struct rp_table *table)
{
    size_t mask = table->slot_count - 1;
    memset(table->slots, 0, table->slot_count * sizeof *table->slots);
    for (size_t index = 0; index < table->pair_count; index += 1) {
        size_t slot = (size_t)table->pairs[index].hash & mask;
        while (table->slots[slot] != SLOT_EMPTY) {
            slot = (slot + 1) & mask;
        }
        table->slots[slot] = (uint32_t)(index + 1);
    }
}

/* Room for one more pair: in place when half are holes, else twice as large. */
static int make_room(struct rp_table *table)
{
    if (table->pair_count < table->pair_capacity) {
        return 0;
    }
    if (table->pair_capacity > 0 && table->live_count <= table->pair_capacity / 2) {
        pack_pairs(table, table->pairs);
        fill_slots(table);
        return 0;
    }
    if (table->pair_capacity >= PAIR_COUNT_MAX) {
        return RP_ERR_FULL;
    }
    size_t capacity = table->pair_capacity == 0 ? PAIR_CAPACITY_MIN : table->pair_capacity * 2;
    size_t slot_count = capacity * SLOTS_PER_PAIR;
    struct rp_table_pair *pairs = rp_allocate(table->alloc, capacity * sizeof *pairs);
    uint32_t *slots = rp_allocate(table->alloc, slot_count * sizeof *slots);
    if (pairs == NULL || slots == NULL) {
        rp_release(table->alloc, pairs);
        rp_release(table->alloc, slots);
        return RP_ERR_NOMEM;
    }
    pack_pairs(table, pairs);
    rp_release(table->alloc, table->pairs);
    rp_release(table->alloc, table->slots);
    table->pairs = pairs;
    table->slots = slots;
    table->pair_capacity = capacity;
    table->slot_count = slot_count;
    fill_slots(table);
    return 0;
}

int rp_table_put(struct rp_table *table, struct rp_view key, void *value, void **replaced_out)
{
    RP_ASSERT(value != NULL);
    uint64_t hash = rp_table_hash(key);
    size_t index = find_pair(table, key, hash);
    void *replaced = index == NO_PAIR ? NULL : table->pairs[index].value;
    if (index == NO_PAIR) {
        int error = make_room(table);
        if (error != 0) {
            return error;
        }
        index = table->pair_count;
        table->slots[find_slot(table, key, hash)] = (uint32_t)(index + 1);
        table->pair_count += 1;
        table->live_count += 1;
    }
    table->pairs[index].key = key;
    table->pairs[index].value = value;
    table->pairs[index].hash = hash;
    if (replaced_out != NULL) {
        *replaced_out = replaced;
    }
    return 0;
}

void *rp_table_remove(struct rp_table *table, struct rp_view key)
{
    size_t index = find_pair(table, key, rp_table_hash(key));
    if (index == NO_PAIR) {
        return NULL;
    }
    void *value = table->pairs[index].value;
    table->pairs[index].value = NULL;
    table->pairs[index].key = rp_view_make(NULL, 0);
    table->live_count -= 1;
    return value;
}

void *rp_table_next(const struct rp_table *table, size_t *cursor)
{
    while (*cursor < table->pair_count) {
        void *value = table->pairs[*cursor].value;
        *cursor += 1;
        if (value != NULL) {
            return value;
        }
    }
    return NULL;
}
