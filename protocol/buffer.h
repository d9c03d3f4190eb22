/* Growing bytes with an upper bound, and a bump arena whose contents die together. */
#ifndef REPLISIM_PROTOCOL_BUFFER_H
#define REPLISIM_PROTOCOL_BUFFER_H

#include "protocol/types.h"

struct rp_buffer {
    const struct rp_alloc *alloc; /* borrowed */
    uint8_t *bytes;               /* owned */
    size_t length_bytes;
    size_t capacity_bytes;
    size_t max_bytes; /* appends beyond it fail with RP_ERR_TOO_LARGE */
};

void rp_buffer_init(struct rp_buffer *buffer, const struct rp_alloc *alloc, size_t max_bytes);
void rp_buffer_clear(struct rp_buffer *buffer); /* frees; the buffer may be used again */
static inline void rp_buffer_reset(struct rp_buffer *buffer)
{
    buffer->length_bytes = 0; /* keeps the memory */
}
static inline struct rp_view rp_buffer_view(const struct rp_buffer *buffer)
{
    return rp_view_make(buffer->bytes, buffer->length_bytes);
}

/* Errors: RP_ERR_NOMEM, RP_ERR_TOO_LARGE; nothing appended then. */
RP_MUST_USE int rp_buffer_append(struct rp_buffer *buffer, struct rp_view view);
RP_MUST_USE int rp_buffer_append_byte(struct rp_buffer *buffer, uint8_t byte);
RP_MUST_USE int rp_buffer_append_text(struct rp_buffer *buffer, const char *text);
/* Room for that many more bytes, uninitialised, counted into the length. */
RP_MUST_USE int rp_buffer_extend(struct rp_buffer *buffer, size_t length_bytes,
                                 uint8_t **bytes_out);

/* Memory for one step or one message: allocations are bumped off blocks, freed in one go. */
struct rp_arena_block;
struct rp_arena {
    const struct rp_alloc *alloc; /* borrowed */
    struct rp_arena_block *first; /* owned */
    struct rp_arena_block *used;
};

void rp_arena_init(struct rp_arena *arena, const struct rp_alloc *alloc);
void rp_arena_clear(struct rp_arena *arena); /* frees everything */
void rp_arena_reset(struct rp_arena *arena); /* forgets everything, keeps one block */
/* Aligned for any type, uninitialised. NULL: out of memory. */
void *rp_arena_allocate(struct rp_arena *arena, size_t size_bytes);
/* A copy that lives as long as the arena. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int rp_arena_copy(struct rp_arena *arena, struct rp_view view,
                              struct rp_view *copy_out);

#endif
