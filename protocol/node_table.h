/* The nodes of a manifest: records sorted by id, and the two roles that one of them may hold. A table is
 * immutable and shared by the states that have the same nodes. In all calls NULL is the empty one. */
#ifndef REPLISIM_PROTOCOL_NODE_TABLE_H
#define REPLISIM_PROTOCOL_NODE_TABLE_H

#include "protocol/command_decode.h"
#include "protocol/manifest.h"

struct rp_node_table {
    uint32_t reference_count;
    struct rp_digest digest; /* records and the primary writer */
    size_t count;
    /* Two of the records, or NULL: PromoteWriter, AssignCompactor. A node that goes leaves its
     * role empty; one that is registered anew keeps it. */
    const struct rp_node_record *primary_writer, *active_compactor;
    const struct rp_node_record *records[]; /* owned, by id */
};

struct rp_node_table *rp_node_table_retain(struct rp_node_table *table);
void rp_node_table_release(const struct rp_alloc *alloc, struct rp_node_table *table);
/* NULL: absent. */
const struct rp_node_record *rp_node_table_find(const struct rp_node_table *table,
                                                struct rp_view id);
/* Ids; empty: nobody. */
struct rp_view rp_node_table_primary_writer(const struct rp_node_table *table);
struct rp_view rp_node_table_active_compactor(const struct rp_node_table *table);

/* A copy with `record` (NULL: nothing) in the place of the one with that id. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int rp_node_table_replace(const struct rp_alloc *alloc,
                                      const struct rp_node_table *table, struct rp_view id,
                                      const struct rp_node_record *record,
                                      struct rp_node_table **table_out);
/* The same nodes with other roles; ids that no node has leave the role empty. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int rp_node_table_with_roles(const struct rp_alloc *alloc,
                                         const struct rp_node_table *table,
                                         struct rp_view primary_writer,
                                         struct rp_view active_compactor,
                                         struct rp_node_table **table_out);

#endif
