/* A hash table from bytes to a pointer, iterated in the order of insertion.
 *
 * Open addressing over an array of indices; the pairs themselves lie densely in insertion order, as
 * in Python's dict. So iteration depends on the story only, never on hashes or addresses, and the
 * hash function is a fixed one without a seed.
 *
 * Keys are borrowed: they must live, unchanged, as long as their pair (usually the key lies inside
 * the value). Values are borrowed too and never NULL. */
#ifndef REPLISIM_PROTOCOL_TABLE_H
#define REPLISIM_PROTOCOL_TABLE_H

#include "protocol/types.h"

struct rp_table_pair {
    struct rp_view key;
    void *value; /* NULL: removed */
    uint64_t hash;
};

struct rp_table {
    const struct rp_alloc *alloc; /* borrowed */
    struct rp_table_pair *pairs;  /* owned; removed ones stay as holes until the next growth */
    uint32_t *slots;              /* owned; 1 + index into pairs, 0 empty */
    size_t pair_count;            /* holes included */
    size_t pair_capacity;
    size_t slot_count; /* a power of two, or 0 */
    size_t live_count;
};

void rp_table_init(struct rp_table *table, const struct rp_alloc *alloc);
void rp_table_clear(struct rp_table *table); /* frees; the table may be used again */

static inline size_t rp_table_count(const struct rp_table *table)
{
    return table->live_count;
}

/* The fixed hash of the keys, for other uses within a run; differs between byte orders. */
uint64_t rp_table_hash(struct rp_view key);

/* NULL: absent. */
void *rp_table_get(const struct rp_table *table, struct rp_view key);

/* Adds the pair, or replaces key and value of an equal key, which keeps its place in the order.
 * `*replaced_out` (may be NULL) is the former value, or NULL. Errors: RP_ERR_NOMEM, RP_ERR_FULL
 * (2^31 pairs); nothing changed then. */
RP_MUST_USE int rp_table_put(struct rp_table *table, struct rp_view key, void *value,
                             void **replaced_out);

/* Forgets the pair; its value is returned, NULL when it was absent. Needs no memory. */
void *rp_table_remove(struct rp_table *table, struct rp_view key);

/* Walks the values in insertion order: start with `*cursor` 0; NULL at the end. While walking, pairs
 * may be removed (the current one too) but none added. */
void *rp_table_next(const struct rp_table *table, size_t *cursor);

#endif
