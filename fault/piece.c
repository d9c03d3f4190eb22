#include "fault/piece.h"

#include "protocol/error.h"

int fault_segment_set(struct fault_segment *segment, const size_t *sizes_bytes, size_t size_count,
                      bool is_coalesced)
{
    if (size_count > FAULT_SEGMENT_SIZES) {
        return RP_ERR_INVALID;
    }
    for (size_t index = 0; index < size_count; index += 1) {
        if (sizes_bytes[index] == 0) {
            return RP_ERR_INVALID;
        }
    }
    segment->is_coalesced = is_coalesced;
    segment->size_count = (uint8_t)size_count;
    if (size_count > 0) {
        memcpy(segment->sizes_bytes, sizes_bytes, size_count * sizeof *sizes_bytes);
    }
    return 0;
}

size_t fault_segment_read(const struct fault_segment *segment, uint32_t number)
{
    return segment->size_count == 0 ? SIZE_MAX : segment->sizes_bytes[number % segment->size_count];
}

void fault_piece_corrupt(const struct rp_alloc *alloc, const struct fault_random *random,
                         struct rp_chunk *chunk)
{
    struct rp_block *block = NULL;
    uint8_t *bytes = NULL;
    if (rp_block_new(alloc, chunk->length_bytes, &block, &bytes) != 0) {
        return;
    }
    memcpy(bytes, chunk->bytes, chunk->length_bytes);
    uint64_t bit = fault_random_below(random, (uint64_t)chunk->length_bytes * 8);
    bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    rp_block_release(chunk->block);
    *chunk = rp_chunk_of(block);
}
