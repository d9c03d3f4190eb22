#include "protocol/buffer.h"

#include "protocol/error.h"
#include "protocol/panic.h"

#define BUFFER_FIRST_BYTES      512u /* a signed message fits: no growing by steps of 64, 128, 256 */
#define ARENA_FIRST_BLOCK_BYTES 1024u
/* A block kept over a reset is no larger than this, so one huge message does not pin memory. */
#define ARENA_KEPT_BLOCK_BYTES 65536u
#define ARENA_ALIGNMENT        _Alignof(max_align_t)

void rp_buffer_init(struct rp_buffer *buffer, const struct rp_alloc *alloc, size_t max_bytes)
{
    RP_ASSERT(alloc != NULL);
    *buffer = (struct rp_buffer){.alloc = alloc, .max_bytes = max_bytes};
}

void rp_buffer_clear(struct rp_buffer *buffer)
{
    if (buffer->alloc != NULL) {
        rp_release(buffer->alloc, buffer->bytes);
    }
    buffer->bytes = NULL;
    buffer->length_bytes = 0;
    buffer->capacity_bytes = 0;
}

/* Doubling keeps appends linear; the bound is met exactly, never overshot. */
static int buffer_grow(struct rp_buffer *buffer, size_t needed_bytes)
{
    size_t capacity =
        buffer->capacity_bytes < BUFFER_FIRST_BYTES ? BUFFER_FIRST_BYTES : buffer->capacity_bytes;
    while (capacity < needed_bytes) {
        capacity = capacity > SIZE_MAX / 2 ? needed_bytes : capacity * 2;
    }
    if (capacity > buffer->max_bytes) {
        capacity = buffer->max_bytes;
    }
    uint8_t *bytes = rp_resize(buffer->alloc, buffer->bytes, capacity);
    if (bytes == NULL) {
        return RP_ERR_NOMEM;
    }
    buffer->bytes = bytes;
    buffer->capacity_bytes = capacity;
    return RP_OK;
}

int rp_buffer_extend(struct rp_buffer *buffer, size_t length_bytes, uint8_t **bytes_out)
{
    RP_ASSERT(buffer->length_bytes <= buffer->max_bytes);
    if (length_bytes > buffer->max_bytes - buffer->length_bytes) {
        return RP_ERR_TOO_LARGE;
    }
    size_t needed_bytes = buffer->length_bytes + length_bytes;
    if (needed_bytes > buffer->capacity_bytes) {
        int error = buffer_grow(buffer, needed_bytes);
        if (error != RP_OK) {
            return error;
        }
    }
    *bytes_out = length_bytes == 0 ? NULL : buffer->bytes + buffer->length_bytes;
    buffer->length_bytes = needed_bytes;
    return RP_OK;
}

int rp_buffer_append(struct rp_buffer *buffer, struct rp_view view)
{
    uint8_t *room;
    int error = rp_buffer_extend(buffer, view.length_bytes, &room);
    if (error == RP_OK && view.length_bytes != 0) {
        memcpy(room, view.bytes, view.length_bytes);
    }
    return error;
}

int rp_buffer_append_byte(struct rp_buffer *buffer, uint8_t byte)
{
    uint8_t *room;
    int error = rp_buffer_extend(buffer, 1, &room);
    if (error == RP_OK) {
        *room = byte;
    }
    return error;
}

int rp_buffer_append_text(struct rp_buffer *buffer, const char *text)
{
    return rp_buffer_append(buffer, rp_view_text(text));
}

struct rp_arena_block {
    struct rp_arena_block *next; /* owned; newer */
    size_t capacity_bytes;
    size_t length_bytes;
    max_align_t contents[];
};

void rp_arena_init(struct rp_arena *arena, const struct rp_alloc *alloc)
{
    RP_ASSERT(alloc != NULL);
    *arena = (struct rp_arena){.alloc = alloc};
}

/* Frees every block but `kept` (may be NULL). */
static void arena_free_others(struct rp_arena *arena, const struct rp_arena_block *kept)
{
    struct rp_arena_block *block = arena->first;
    while (block != NULL) {
        struct rp_arena_block *next = block->next;
        if (block != kept) {
            rp_release(arena->alloc, block);
        }
        block = next;
    }
}

void rp_arena_clear(struct rp_arena *arena)
{
    arena_free_others(arena, NULL);
    arena->first = NULL;
    arena->used = NULL;
}

void rp_arena_reset(struct rp_arena *arena)
{
    struct rp_arena_block *kept = NULL;
    for (struct rp_arena_block *block = arena->first; block != NULL; block = block->next) {
        bool is_larger = kept == NULL || block->capacity_bytes > kept->capacity_bytes;
        if (is_larger && block->capacity_bytes <= ARENA_KEPT_BLOCK_BYTES) {
            kept = block;
        }
    }
    arena_free_others(arena, kept);
    if (kept != NULL) {
        kept->next = NULL;
        kept->length_bytes = 0;
    }
    arena->first = kept;
    arena->used = kept;
}

static struct rp_arena_block *arena_add_block(struct rp_arena *arena, size_t size_bytes)
{
    size_t capacity = ARENA_FIRST_BLOCK_BYTES;
    if (arena->used != NULL && arena->used->capacity_bytes < ARENA_KEPT_BLOCK_BYTES) {
        capacity = arena->used->capacity_bytes * 2;
    } else if (arena->used != NULL) {
        capacity = ARENA_KEPT_BLOCK_BYTES;
    }
    if (capacity > ARENA_KEPT_BLOCK_BYTES) {
        capacity = ARENA_KEPT_BLOCK_BYTES;
    }
    if (capacity < size_bytes) {
        capacity = size_bytes;
    }
    struct rp_arena_block *block = rp_allocate(arena->alloc, sizeof *block + capacity);
    if (block == NULL) {
        return NULL;
    }
    *block = (struct rp_arena_block){.capacity_bytes = capacity};
    if (arena->used == NULL) {
        arena->first = block;
    } else {
        arena->used->next = block;
    }
    arena->used = block;
    return block;
}

void *rp_arena_allocate(struct rp_arena *arena, size_t size_bytes)
{
    if (size_bytes > SIZE_MAX / 2) {
        return NULL;
    }
    size_t rounded = (size_bytes + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    struct rp_arena_block *block = arena->used;
    if (block == NULL || rounded > block->capacity_bytes - block->length_bytes) {
        block = arena_add_block(arena, rounded);
        if (block == NULL) {
            return NULL;
        }
    }
    void *pointer = (uint8_t *)block->contents + block->length_bytes;
    block->length_bytes += rounded;
    return pointer;
}

int rp_arena_copy(struct rp_arena *arena, struct rp_view view, struct rp_view *copy_out)
{
    if (view.length_bytes == 0) {
        *copy_out = rp_view_make(NULL, 0);
        return RP_OK;
    }
    uint8_t *bytes = rp_arena_allocate(arena, view.length_bytes);
    if (bytes == NULL) {
        return RP_ERR_NOMEM;
    }
    memcpy(bytes, view.bytes, view.length_bytes);
    *copy_out = rp_view_make(bytes, view.length_bytes);
    return RP_OK;
}
