#include <stdlib.h>

#include <xxhash.h>

#include "protocol/error.h"
#include "sim/store_internal.h"

struct store_object *store_object_new(const struct rp_alloc *alloc, struct sim_bodies *bodies)
{
    struct store_object *object = rp_allocate_zeroed(alloc, sizeof *object);
    if (object != NULL) {
        object->reference_count = 1;
        sim_content_init(&object->content, bodies);
    }
    return object;
}

void store_object_release(const struct rp_alloc *alloc, struct store_object *object)
{
    if (object == NULL) {
        return;
    }
    object->reference_count -= 1;
    if (object->reference_count == 0) {
        sim_content_clear(&object->content);
        rp_release(alloc, object);
    }
}

static uint64_t hash_of(struct rp_view path)
{
    return path.length_bytes == 0 ? 0 : XXH3_64bits(path.bytes, path.length_bytes);
}

static int grow(struct store_table *table)
{
    size_t bucket_count = table->bucket_count == 0 ? 64 : table->bucket_count * 2;
    struct store_record **buckets =
        rp_allocate_zeroed(table->alloc, bucket_count * sizeof(struct store_record *));
    if (buckets == NULL) {
        return RP_ERR_NOMEM;
    }
    for (size_t bucket = 0; bucket < table->bucket_count; bucket += 1) {
        struct store_record *record = table->buckets[bucket];
        while (record != NULL) {
            struct store_record *next = record->chained;
            record->chained = buckets[record->hash % bucket_count];
            buckets[record->hash % bucket_count] = record;
            record = next;
        }
    }
    rp_release(table->alloc, table->buckets);
    table->buckets = buckets;
    table->bucket_count = bucket_count;
    return 0;
}

void store_table_clear(struct store_table *table)
{
    for (size_t bucket = 0; bucket < table->bucket_count; bucket += 1) {
        while (table->buckets[bucket] != NULL) {
            store_table_remove(table, table->buckets[bucket]);
        }
    }
    rp_release(table->alloc, table->buckets);
    rp_release(table->alloc, table->order);
    table->buckets = NULL;
    table->bucket_count = 0;
    table->order = NULL;
    table->order_max = 0;
    table->is_ordered = false;
}

struct store_record *store_table_find(const struct store_table *table, struct rp_view path)
{
    if (table->bucket_count == 0) {
        return NULL;
    }
    uint64_t hash = hash_of(path);
    struct store_record *record = table->buckets[hash % table->bucket_count];
    while (record != NULL &&
           (record->hash != hash || !rp_view_equal(store_record_path(record), path))) {
        record = record->chained;
    }
    return record;
}

static int insert(struct store_table *table, struct rp_view path, struct store_object *object)
{
    if (table->count >= table->bucket_count && grow(table) != 0) {
        return RP_ERR_NOMEM;
    }
    struct store_record *record = rp_allocate(table->alloc, sizeof *record + path.length_bytes);
    if (record == NULL) {
        return RP_ERR_NOMEM;
    }
    record->hash = hash_of(path);
    record->object = object;
    record->path_bytes = path.length_bytes;
    if (path.length_bytes > 0) {
        memcpy(record->path, path.bytes, path.length_bytes);
    }
    struct store_record **bucket = &table->buckets[record->hash % table->bucket_count];
    record->chained = *bucket;
    *bucket = record;
    table->count += 1;
    table->is_ordered = false;
    return 0;
}

int store_table_put(struct store_table *table, struct rp_view path, struct store_object *object)
{
    struct store_record *record = store_table_find(table, path);
    if (record != NULL) {
        store_object_release(table->alloc, record->object);
        record->object = object;
        return 0;
    }
    int error = insert(table, path, object);
    if (error != 0) {
        store_object_release(table->alloc, object);
    }
    return error;
}

void store_table_remove(struct store_table *table, struct store_record *record)
{
    struct store_record **link = &table->buckets[record->hash % table->bucket_count];
    while (*link != record) {
        link = &(*link)->chained;
    }
    *link = record->chained;
    store_object_release(table->alloc, record->object);
    rp_release(table->alloc, record);
    table->count -= 1;
    table->is_ordered = false;
}

static int compare(const void *left, const void *right)
{
    const struct store_record *const *a = left;
    const struct store_record *const *b = right;
    return rp_view_compare(store_record_path(*a), store_record_path(*b));
}

struct store_record **store_table_order(struct store_table *table)
{
    if (table->is_ordered || table->count == 0) {
        return table->order;
    }
    if (table->order_max < table->count) {
        struct store_record **order = rp_resize(
            table->alloc, table->order, table->bucket_count * sizeof(struct store_record *));
        if (order == NULL) {
            return NULL;
        }
        table->order = order;
        table->order_max = table->bucket_count;
    }
    size_t count = 0;
    for (size_t bucket = 0; bucket < table->bucket_count; bucket += 1) {
        for (struct store_record *record = table->buckets[bucket]; record != NULL;
             record = record->chained) {
            table->order[count] = record;
            count += 1;
        }
    }
    /* Names are unique, so the order is total. */
    qsort(table->order, count, sizeof(struct store_record *), compare);
    table->is_ordered = true;
    return table->order;
}

size_t store_table_after(const struct store_table *table, struct rp_view cursor)
{
    size_t low = 0;
    size_t high = cursor.length_bytes == 0 ? 0 : table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rp_view_compare(store_record_path(table->order[middle]), cursor) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}
