#include "protocol/node_table.h"

#include "protocol/digest.h"
#include "protocol/error.h"
#include "protocol/panic.h"

struct rp_node_table *rp_node_table_retain(struct rp_node_table *table)
{
    if (table != NULL) {
        table->reference_count += 1;
    }
    return table;
}

void rp_node_table_release(const struct rp_alloc *alloc, struct rp_node_table *table)
{
    if (table == NULL) {
        return;
    }
    RP_ASSERT(table->reference_count > 0);
    table->reference_count -= 1;
    if (table->reference_count > 0) {
        return;
    }
    for (size_t i = 0; i < table->count; i++) {
        rp_node_record_release(table->records[i]);
    }
    rp_release(alloc, table);
}

/* Where `id` is, or where it belongs. */
static size_t position_of(const struct rp_node_table *table, struct rp_view id,
                          bool *is_present_out)
{
    size_t low = 0;
    size_t high = table == NULL ? 0 : table->count;
    *is_present_out = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = rp_view_compare(table->records[middle]->id, id);
        if (order == 0) {
            *is_present_out = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void append(struct rp_node_table *table, const struct rp_node_record *record)
{
    struct rp_digest digest = rp_node_record_digest(record);
    table->digest.low += digest.low;
    table->digest.high += digest.high;
    table->records[table->count] = rp_node_record_retain(record);
    table->count += 1;
}

const struct rp_node_record *rp_node_table_find(const struct rp_node_table *table,
                                                struct rp_view id)
{
    bool is_present;
    size_t position = position_of(table, id, &is_present);
    return is_present ? table->records[position] : NULL;
}

struct rp_view rp_node_table_primary_writer(const struct rp_node_table *table)
{
    return table == NULL || table->primary_writer == NULL ? rp_view_make(NULL, 0)
                                                          : table->primary_writer->id;
}

struct rp_view rp_node_table_active_compactor(const struct rp_node_table *table)
{
    return table == NULL || table->active_compactor == NULL ? rp_view_make(NULL, 0)
                                                            : table->active_compactor->id;
}

/* The primary counts in the digest. The active compactor does not: the first releases refuse the
 * command that names it, and agree with the others on all else. */
static void set_roles(struct rp_node_table *table, struct rp_view primary_writer,
                      struct rp_view active_compactor)
{
    table->primary_writer = rp_node_table_find(table, primary_writer);
    table->active_compactor = rp_node_table_find(table, active_compactor);
    if (table->primary_writer == NULL) {
        return;
    }
    struct rp_mixer mixer;
    rp_mixer_begin(&mixer);
    rp_mixer_view(&mixer, table->primary_writer->id);
    rp_mixer_finish(&mixer);
    table->digest.low += mixer.low;
    table->digest.high += mixer.high;
}

static int new_table(const struct rp_alloc *alloc, size_t count_max,
                     struct rp_node_table **table_out)
{
    struct rp_node_table *table =
        rp_allocate_zeroed(alloc, sizeof *table + count_max * sizeof table->records[0]);
    if (table == NULL) {
        return RP_ERR_NOMEM;
    }
    table->reference_count = 1;
    *table_out = table;
    return 0;
}

/* A copy with `record` (NULL: nothing) in the place of the one with that id. */
int rp_node_table_replace(const struct rp_alloc *alloc, const struct rp_node_table *table,
                          struct rp_view id, const struct rp_node_record *record,
                          struct rp_node_table **table_out)
{
    bool is_present;
    struct rp_node_table *copy;
    size_t position = position_of(table, id, &is_present);
    size_t count = table == NULL ? 0 : table->count;
    int error = new_table(alloc, count + 1, &copy);
    if (error != 0) {
        return error;
    }
    for (size_t i = 0; i < position; i++) {
        append(copy, table->records[i]);
    }
    if (record != NULL) {
        append(copy, record);
    }
    for (size_t i = position + (is_present ? 1 : 0); i < count; i++) {
        append(copy, table->records[i]);
    }
    if (table != NULL) {
        set_roles(copy, rp_node_table_primary_writer(table), rp_node_table_active_compactor(table));
    }
    *table_out = copy;
    return 0;
}

/* The same nodes with other roles. */
int rp_node_table_with_roles(const struct rp_alloc *alloc, const struct rp_node_table *table,
                             struct rp_view primary_writer, struct rp_view active_compactor,
                             struct rp_node_table **table_out)
{
    struct rp_node_table *copy;
    size_t count = table == NULL ? 0 : table->count;
    int error = new_table(alloc, count, &copy);
    for (size_t i = 0; error == 0 && i < count; i++) {
        append(copy, table->records[i]);
    }
    if (error == 0) {
        set_roles(copy, primary_writer, active_compactor);
        *table_out = copy;
    }
    return error;
}
