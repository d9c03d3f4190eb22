/* What trouble does to the pieces of a byte stream: how they are cut, and how they are damaged. Shared
 * by the simulated network, whose faults belong to links, and by the stream decorator, whose faults
 * belong to one node. */
#ifndef REPLISIM_FAULT_PIECE_H
#define REPLISIM_FAULT_PIECE_H

#include "fault/random.h"
#include "protocol/chunk.h"

#define FAULT_SEGMENT_SIZES 16
/* Pieces that come within so long are given as one when coalesced. */
#define FAULT_COALESCE_NS RP_NS_PER_MS

/* How received bytes are cut: at sizes[0], sizes[1], ... and again from the start. A zeroed struct
 * leaves them as they were sent. */
struct fault_segment {
    bool is_coalesced;
    uint8_t size_count;
    size_t sizes_bytes[FAULT_SEGMENT_SIZES];
};

/* Errors: RP_ERR_INVALID (a size of 0, more than FAULT_SEGMENT_SIZES); nothing changed then. */
RP_MUST_USE int fault_segment_set(struct fault_segment *segment, const size_t *sizes_bytes,
                                  size_t size_count, bool is_coalesced);
/* The most that the read of that number takes; SIZE_MAX: whatever is there. */
size_t fault_segment_read(const struct fault_segment *segment, uint32_t number);

/* Flips one drawn bit of a chunk that is not empty. The caller's reference passes over to a block of
 * the damaged bytes. Out of memory: unchanged. */
void fault_piece_corrupt(const struct rp_alloc *alloc, const struct fault_random *random,
                         struct rp_chunk *chunk);

#endif
