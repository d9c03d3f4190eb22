/* Immutable bytes that move by reference: from a store to a connection, from a connection to a hash
 * and a store. Nothing is copied on the way.
 *
 * A block is reference-counted memory whose bytes never change once shared. A chunk is a slice of a
 * block. Whoever keeps a chunk beyond the call that lent it takes a reference. Single-threaded. */
#ifndef REPLISIM_PROTOCOL_CHUNK_H
#define REPLISIM_PROTOCOL_CHUNK_H

#include "protocol/types.h"

/* Embed as the first member; `kind` tells one maker's blocks from another's (compare addresses). */
struct rp_block_kind {
    const char *name;
    void (*destroy)(struct rp_block_kind const *kind, void *block); /* last reference gone */
};

struct rp_block {
    const struct rp_block_kind *kind;
    uint32_t reference_count;
    const uint8_t *bytes;
    size_t length_bytes;
};

struct rp_chunk {
    struct rp_block *block; /* NULL only for an empty chunk */
    const uint8_t *bytes;
    size_t length_bytes;
};

struct rp_block *rp_block_retain(struct rp_block *block);
void rp_block_release(struct rp_block *block); /* NULL is fine */

/* A block of its own memory, `length_bytes` long, written by the caller through `bytes_out` before
 * it is shared. One reference, the caller's. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int rp_block_new(const struct rp_alloc *alloc, size_t length_bytes,
                             struct rp_block **block_out, uint8_t **bytes_out);

/* The whole block; takes no reference. */
struct rp_chunk rp_chunk_of(struct rp_block *block);
/* Part of a chunk; takes no reference. offset + length_bytes is within the chunk. */
struct rp_chunk rp_chunk_slice(struct rp_chunk chunk, size_t offset, size_t length_bytes);
static inline struct rp_view rp_chunk_view(struct rp_chunk chunk)
{
    return rp_view_make(chunk.bytes, chunk.length_bytes);
}

#endif
