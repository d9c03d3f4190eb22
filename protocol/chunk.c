#include "protocol/chunk.h"

#include "protocol/error.h"
#include "protocol/panic.h"

struct heap_block {
    struct rp_block block; /* first */
    const struct rp_alloc *alloc;
    uint8_t bytes[];
};

static void heap_block_destroy(struct rp_block_kind const *kind, void *block)
{
    (void)kind;
    struct heap_block *heap = block;
    rp_release(heap->alloc, heap);
}

static const struct rp_block_kind HEAP_BLOCK = {"heap", heap_block_destroy};

struct rp_block *rp_block_retain(struct rp_block *block)
{
    if (block != NULL) {
        RP_ASSERT(block->reference_count > 0);
        block->reference_count += 1;
    }
    return block;
}

void rp_block_release(struct rp_block *block)
{
    if (block == NULL) {
        return;
    }
    RP_ASSERT(block->reference_count > 0);
    block->reference_count -= 1;
    if (block->reference_count == 0) {
        block->kind->destroy(block->kind, block);
    }
}

int rp_block_new(const struct rp_alloc *alloc, size_t length_bytes, struct rp_block **block_out,
                 uint8_t **bytes_out)
{
    struct heap_block *heap = rp_allocate(alloc, sizeof *heap + length_bytes);
    if (heap == NULL) {
        return RP_ERR_NOMEM;
    }
    heap->block.kind = &HEAP_BLOCK;
    heap->block.reference_count = 1;
    heap->block.bytes = heap->bytes;
    heap->block.length_bytes = length_bytes;
    heap->alloc = alloc;
    *block_out = &heap->block;
    *bytes_out = heap->bytes;
    return 0;
}

struct rp_chunk rp_chunk_of(struct rp_block *block)
{
    struct rp_chunk chunk = {block, block->bytes, block->length_bytes};
    return chunk;
}

struct rp_chunk rp_chunk_slice(struct rp_chunk chunk, size_t offset, size_t length_bytes)
{
    RP_ASSERT(offset <= chunk.length_bytes && length_bytes <= chunk.length_bytes - offset);
    struct rp_chunk slice = {chunk.block, chunk.bytes + offset, length_bytes};
    return slice;
}
