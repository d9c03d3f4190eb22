#include "sim/body.h"

#include "protocol/auth.h"
#include "protocol/error.h"
#include "protocol/panic.h"

static const struct rp_alloc *alloc_of(const struct sim_content *content)
{
    return sim_bodies_alloc(content->bodies);
}

static struct sim_extent *extents_of(struct sim_content *content)
{
    return content->extents == NULL ? &content->one : content->extents;
}

static const struct sim_extent *extents_seen(const struct sim_content *content)
{
    return content->extents == NULL ? &content->one : content->extents;
}

void sim_content_init(struct sim_content *content, struct sim_bodies *bodies)
{
    memset(content, 0, sizeof *content);
    content->bodies = bodies;
    content->extent_max = 1;
}

void sim_content_clear(struct sim_content *content)
{
    struct sim_extent *extents = extents_of(content);
    for (uint32_t index = 0; index < content->extent_count; index += 1) {
        rp_block_release(extents[index].block);
    }
    rp_release(alloc_of(content), content->extents);
    sim_content_init(content, content->bodies);
}

void sim_content_set_body(struct sim_content *content, sim_body_key key, uint64_t length_bytes)
{
    sim_content_clear(content);
    if (length_bytes > 0) {
        content->one.key = key;
        content->one.length_bytes = length_bytes;
        content->extent_count = 1;
    }
    content->length_bytes = length_bytes;
}

static int reserve(struct sim_content *content, uint32_t extra_count)
{
    uint32_t need = content->extent_count + extra_count;
    if (need <= content->extent_max) {
        return 0;
    }
    uint32_t extent_max = content->extent_max < 4 ? 4 : content->extent_max * 2;
    extent_max = extent_max < need ? need : extent_max;
    struct sim_extent *extents =
        rp_resize(alloc_of(content), content->extents, (size_t)extent_max * sizeof *extents);
    if (extents == NULL) {
        return RP_ERR_NOMEM;
    }
    if (content->extents == NULL) {
        extents[0] = content->one;
    }
    content->extents = extents;
    content->extent_max = extent_max;
    return 0;
}

/* One extent goes on where the other ends. */
static bool follows(const struct sim_extent *last, const struct sim_extent *next)
{
    if (last->is_zero || next->is_zero) {
        return last->is_zero && next->is_zero;
    }
    if (last->block != NULL || next->block != NULL) {
        return last->block == next->block && last->bytes + last->length_bytes == next->bytes;
    }
    return last->key == next->key &&
           sim_body_same_place(last->key, last->offset_bytes + last->length_bytes,
                               next->offset_bytes);
}

int sim_content_append(struct sim_content *content, struct rp_chunk chunk)
{
    if (chunk.length_bytes == 0) {
        return 0;
    }
    struct sim_extent next = {0};
    next.length_bytes = chunk.length_bytes;
    if (!sim_body_identify(chunk, &next.key, &next.offset_bytes)) {
        next.block = chunk.block;
        next.bytes = chunk.bytes;
    }
    struct sim_extent *extents = extents_of(content);
    if (content->extent_count > 0 && follows(&extents[content->extent_count - 1], &next)) {
        extents[content->extent_count - 1].length_bytes += chunk.length_bytes;
    } else {
        int error = reserve(content, 1);
        if (error != 0) {
            return error;
        }
        rp_block_retain(next.block);
        extents_of(content)[content->extent_count] = next;
        content->extent_count += 1;
    }
    content->length_bytes += chunk.length_bytes;
    return 0;
}

int sim_content_copy(struct sim_content *target, const struct sim_content *source)
{
    struct sim_content copy;
    sim_content_init(&copy, source->bodies);
    int error = reserve(&copy, source->extent_count);
    if (error != 0) {
        return error;
    }
    const struct sim_extent *extents = extents_seen(source);
    for (uint32_t index = 0; index < source->extent_count; index += 1) {
        rp_block_retain(extents[index].block);
        extents_of(&copy)[index] = extents[index];
    }
    copy.extent_count = source->extent_count;
    copy.length_bytes = source->length_bytes;
    sim_content_clear(target);
    *target = copy;
    return 0;
}

void sim_content_truncate(struct sim_content *content, uint64_t length_bytes)
{
    while (content->length_bytes > length_bytes) {
        struct sim_extent *last = &extents_of(content)[content->extent_count - 1];
        uint64_t beyond = content->length_bytes - length_bytes;
        if (beyond < last->length_bytes) {
            last->length_bytes -= beyond;
            content->length_bytes = length_bytes;
            return;
        }
        content->length_bytes -= last->length_bytes;
        rp_block_release(last->block);
        content->extent_count -= 1;
    }
}

/* The extent that holds the byte, and where in it; the count at the end. */
static uint32_t find(const struct sim_content *content, uint64_t offset_bytes, uint64_t *within_out)
{
    const struct sim_extent *extents = extents_seen(content);
    uint32_t index = 0;
    while (index < content->extent_count && offset_bytes >= extents[index].length_bytes) {
        offset_bytes -= extents[index].length_bytes;
        index += 1;
    }
    *within_out = offset_bytes;
    return index;
}

static int extent_chunk(const struct sim_content *content, const struct sim_extent *extent,
                        uint64_t within, size_t length_bytes, struct rp_chunk *chunk_out)
{
    if (extent->is_zero) {
        uint8_t *bytes;
        size_t part = length_bytes < SIM_BODY_PIECE_BYTES ? length_bytes : SIM_BODY_PIECE_BYTES;
        int error = rp_block_new(alloc_of(content), part, &chunk_out->block, &bytes);
        if (error == 0) {
            memset(bytes, 0, part);
            *chunk_out = rp_chunk_of(chunk_out->block);
        }
        return error;
    }
    if (extent->block != NULL) {
        chunk_out->block = rp_block_retain(extent->block);
        chunk_out->bytes = extent->bytes + within;
        chunk_out->length_bytes = length_bytes;
        return 0;
    }
    return sim_body_chunk(content->bodies, extent->key, extent->offset_bytes + within, length_bytes,
                          chunk_out);
}

int sim_content_read(const struct sim_content *content, uint64_t offset_bytes, size_t length_bytes,
                     struct rp_chunk *chunk_out)
{
    uint64_t within;
    uint32_t index = find(content, offset_bytes, &within);
    memset(chunk_out, 0, sizeof *chunk_out);
    if (index == content->extent_count || length_bytes == 0) {
        return 0;
    }
    const struct sim_extent *extent = &extents_seen(content)[index];
    uint64_t rest = extent->length_bytes - within;
    size_t part = rest < length_bytes ? (size_t)rest : length_bytes;
    return extent_chunk(content, extent, within, part, chunk_out);
}

static int join(const struct sim_content *content, uint64_t offset_bytes, size_t length_bytes,
                struct rp_chunk *chunk_out)
{
    uint8_t *bytes;
    struct rp_block *block;
    int error = rp_block_new(alloc_of(content), length_bytes, &block, &bytes);
    if (error != 0) {
        return error;
    }
    for (size_t at = 0; at < length_bytes;) {
        struct rp_chunk part;
        error = sim_content_read(content, offset_bytes + at, length_bytes - at, &part);
        if (error != 0) {
            rp_block_release(block);
            return error;
        }
        memcpy(bytes + at, part.bytes, part.length_bytes);
        at += part.length_bytes;
        rp_block_release(part.block);
    }
    *chunk_out = rp_chunk_of(block);
    return 0;
}

int sim_content_read_joined(const struct sim_content *content, uint64_t offset_bytes,
                            size_t length_bytes, struct rp_chunk *chunk_out)
{
    uint64_t rest = content->length_bytes > offset_bytes ? content->length_bytes - offset_bytes : 0;
    size_t wanted = rest < length_bytes ? (size_t)rest : length_bytes;
    int error = sim_content_read(content, offset_bytes, wanted, chunk_out);
    if (error != 0 || chunk_out->length_bytes == wanted) {
        return error;
    }
    rp_block_release(chunk_out->block);
    return join(content, offset_bytes, wanted, chunk_out);
}

/* ---- Truth ------------------------------------------------------------------------------------- */

static bool bytes_are(const struct sim_content *content, const struct sim_extent *extent,
                      sim_body_key key, uint64_t offset_bytes)
{
    uint8_t expected[4096];
    uint8_t found[4096];
    for (uint64_t within = 0; within < extent->length_bytes;) {
        uint64_t rest = extent->length_bytes - within;
        size_t part = rest < sizeof expected ? (size_t)rest : sizeof expected;
        sim_body_fill(content->bodies, key, offset_bytes + within, expected, part);
        if (extent->is_zero) {
            memset(found, 0, part);
        } else if (extent->block != NULL) {
            memcpy(found, extent->bytes + within, part);
        } else {
            sim_body_fill(content->bodies, extent->key, extent->offset_bytes + within, found, part);
        }
        if (memcmp(expected, found, part) != 0) {
            return false;
        }
        within += part;
    }
    return true;
}

bool sim_content_goes_on_as(const struct sim_content *content, sim_body_key key,
                            uint64_t from_bytes)
{
    const struct sim_extent *extents = extents_seen(content);
    uint64_t offset_bytes = 0;
    for (uint32_t index = 0; index < content->extent_count; index += 1) {
        const struct sim_extent *extent = &extents[index];
        bool is_before = offset_bytes + extent->length_bytes <= from_bytes;
        bool is_same = extent->block == NULL && !extent->is_zero && extent->key == key &&
                       sim_body_same_place(key, extent->offset_bytes, offset_bytes);
        if (!is_before && !is_same && !bytes_are(content, extent, key, offset_bytes)) {
            return false;
        }
        offset_bytes += extent->length_bytes;
    }
    return true;
}

bool sim_content_is(const struct sim_content *content, sim_body_key key, uint64_t length_bytes)
{
    return content->length_bytes == length_bytes && sim_content_goes_on_as(content, key, 0);
}

/* ---- Damage ------------------------------------------------------------------------------------ */

static void advance(struct sim_extent *extent, uint64_t length_bytes)
{
    extent->length_bytes -= length_bytes;
    if (extent->block != NULL) {
        extent->bytes += length_bytes;
    } else {
        extent->offset_bytes += length_bytes;
    }
}

/* Cuts so that an extent begins at the offset; gives its index. Room was reserved. */
static uint32_t cut(struct sim_content *content, uint64_t offset_bytes)
{
    uint64_t within;
    uint32_t index = find(content, offset_bytes, &within);
    if (within == 0) {
        return index;
    }
    struct sim_extent *extents = extents_of(content);
    memmove(&extents[index + 1], &extents[index],
            (content->extent_count - index) * sizeof *extents);
    rp_block_retain(extents[index].block);
    extents[index].length_bytes = within;
    advance(&extents[index + 1], within);
    content->extent_count += 1;
    return index + 1;
}

/* The extents of [offset, offset + length) become the one given, which takes its reference along. */
static void overlay(struct sim_content *content, uint64_t offset_bytes,
                    const struct sim_extent *extent)
{
    uint32_t first = cut(content, offset_bytes);
    uint32_t end = cut(content, offset_bytes + extent->length_bytes);
    struct sim_extent *extents = extents_of(content);
    for (uint32_t index = first; index < end; index += 1) {
        rp_block_release(extents[index].block);
    }
    extents[first] = *extent;
    memmove(&extents[first + 1], &extents[end], (content->extent_count - end) * sizeof *extents);
    content->extent_count -= end - first - 1;
}

int sim_content_flip(struct sim_content *content, uint64_t offset_bytes, uint8_t mask)
{
    RP_ASSERT(offset_bytes < content->length_bytes);
    struct rp_chunk chunk;
    int error = reserve(content, 2);
    if (error == 0) {
        error = sim_content_read(content, offset_bytes, 1, &chunk);
    }
    if (error != 0) {
        return error;
    }
    uint8_t byte = (uint8_t)(chunk.bytes[0] ^ mask);
    rp_block_release(chunk.block);
    struct sim_extent extent = {0};
    uint8_t *bytes;
    error = rp_block_new(alloc_of(content), 1, &extent.block, &bytes);
    if (error != 0) {
        return error;
    }
    bytes[0] = byte;
    extent.bytes = bytes;
    extent.length_bytes = 1;
    overlay(content, offset_bytes, &extent);
    return 0;
}

int sim_content_zero(struct sim_content *content, uint64_t offset_bytes, uint64_t length_bytes)
{
    RP_ASSERT(offset_bytes <= content->length_bytes &&
              length_bytes <= content->length_bytes - offset_bytes);
    int error = length_bytes == 0 ? 0 : reserve(content, 2);
    if (error == 0 && length_bytes > 0) {
        struct sim_extent extent = {0};
        extent.length_bytes = length_bytes;
        extent.is_zero = true;
        overlay(content, offset_bytes, &extent);
    }
    return error;
}

static void reverse(struct sim_extent *extents, uint32_t first, uint32_t end)
{
    while (first + 1 < end) {
        end -= 1;
        struct sim_extent extent = extents[first];
        extents[first] = extents[end];
        extents[end] = extent;
        first += 1;
    }
}

/* A B C becomes C B A: the whole turned round, then each part turned back. */
int sim_content_swap(struct sim_content *content, uint64_t first_bytes, uint64_t second_bytes,
                     uint64_t length_bytes)
{
    RP_ASSERT(first_bytes + length_bytes <= second_bytes &&
              second_bytes + length_bytes <= content->length_bytes);
    int error = reserve(content, 4);
    if (error != 0) {
        return error;
    }
    uint32_t a = cut(content, first_bytes);
    uint32_t b = cut(content, first_bytes + length_bytes);
    uint32_t c = cut(content, second_bytes);
    uint32_t end = cut(content, second_bytes + length_bytes);
    struct sim_extent *extents = extents_of(content);
    reverse(extents, a, end);
    reverse(extents, a, a + (end - c));
    reverse(extents, a + (end - c), end - (b - a));
    reverse(extents, end - (b - a), end);
    return 0;
}

/* ---- Hash ------------------------------------------------------------------------------------- */

static int hash_chunks(const struct sim_content *content, struct rp_sha256 *hash)
{
    for (uint64_t offset_bytes = 0; offset_bytes < content->length_bytes;) {
        struct rp_chunk chunk;
        int error = sim_content_read(content, offset_bytes, (size_t)SIM_BODY_PIECE_BYTES, &chunk);
        if (error != 0) {
            return error;
        }
        RP_ASSERT(chunk.length_bytes > 0);
        rp_sha256_update(hash, rp_chunk_view(chunk));
        offset_bytes += chunk.length_bytes;
        rp_block_release(chunk.block);
    }
    return 0;
}

int sim_content_sha256(const struct sim_content *content, char hex_out[64])
{
    struct rp_sha256 *hash = NULL;
    int error = rp_sha256_new(alloc_of(content), &hash);
    if (error != 0) {
        return error;
    }
    rp_sha256_begin(hash);
    error = hash_chunks(content, hash);
    if (error == 0) {
        rp_sha256_hex(hash, hex_out);
    }
    rp_sha256_free(hash);
    return error;
}
