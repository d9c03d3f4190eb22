#include "sim/body.h"

#include <xxhash.h>

#include "protocol/auth.h"
#include "protocol/error.h"
#include "protocol/panic.h"

#define KEY_LITERAL      (UINT64_C(1) << 63)
#define KEY_SPARSE       (UINT64_C(1) << 62)
#define BUCKET_COUNT     8192u /* the cache holds 16384 of the smallest pieces */
#define ROOM_FIRST_BYTES ((size_t)4096)

struct piece {
    struct rp_block block; /* first; length_bytes is what has been made */
    struct sim_bodies *bodies;
    sim_body_key key;
    uint64_t number;             /* of the piece in the body */
    size_t room_bytes;           /* made or not; a power of two */
    struct piece *chained;       /* in its bucket */
    struct piece *newer, *older; /* of the idle ones */
    bool is_listed;              /* in its bucket; false for one that a longer one replaced */
    uint8_t bytes[];
};

struct literal {
    struct rp_block block; /* first */
    const struct rp_alloc *alloc;
    sim_body_key key;
    uint8_t bytes[];
};

struct sim_bodies {
    const struct rp_alloc *alloc;
    struct piece *buckets[BUCKET_COUNT];
    struct piece *newest, *oldest; /* idle: nobody refers to them */
    size_t idle_bytes, idle_bytes_max;
    struct literal **literals; /* owned */
    size_t literal_count, literal_max;
    uint64_t made_bytes;
    struct rp_sha256 *hash; /* owned; made when first needed */
    sim_body_key hashed_key;
    uint64_t hashed_bytes;
    char hashed_hex[RP_SHA256_HEX];
    bool has_hashed;
};

/* ---- The function ------------------------------------------------------------------------------ */

static uint64_t word_at(uint64_t key, uint64_t index)
{
    uint64_t value = (key ^ UINT64_C(0x2545f4914f6cdd1d)) + index * UINT64_C(0x9e3779b97f4a7c15);
    value ^= value >> 32;
    value *= UINT64_C(0xd6e8feb86659fd93);
    return value ^ (value >> 29);
}

static void put_word(uint8_t *bytes, uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    memcpy(bytes, &word, sizeof word);
}

static void fill_part(uint64_t key, uint64_t offset_bytes, uint8_t *bytes, size_t length_bytes)
{
    for (size_t at = 0; at < length_bytes; at += 1) {
        uint64_t place = offset_bytes + at;
        bytes[at] = (uint8_t)(word_at(key, place / 8) >> (8 * (place % 8)));
    }
}

static void fill_generated(uint64_t key, uint64_t offset_bytes, uint8_t *bytes, size_t length_bytes)
{
    size_t head = (size_t)((8 - offset_bytes % 8) % 8);
    head = head < length_bytes ? head : length_bytes;
    fill_part(key, offset_bytes, bytes, head);
    uint64_t index = (offset_bytes + head) / 8;
    size_t at = head;
    for (; length_bytes - at >= 8; at += 8) {
        put_word(bytes + at, word_at(key, index));
        index += 1;
    }
    fill_part(key, offset_bytes + at, bytes + at, length_bytes - at);
}

static const struct literal *literal_of(const struct sim_bodies *bodies, sim_body_key key)
{
    uint64_t index = key & ~KEY_LITERAL;
    RP_ASSERT(index < bodies->literal_count);
    return bodies->literals[index];
}

static void fill_literal(const struct literal *literal, uint64_t offset_bytes, uint8_t *bytes,
                         size_t length_bytes)
{
    uint64_t there = literal->block.length_bytes;
    size_t copied = 0;
    if (offset_bytes < there) {
        copied =
            there - offset_bytes < length_bytes ? (size_t)(there - offset_bytes) : length_bytes;
        memcpy(bytes, literal->bytes + offset_bytes, copied);
    }
    memset(bytes + copied, 0, length_bytes - copied);
}

void sim_body_fill(const struct sim_bodies *bodies, sim_body_key key, uint64_t offset_bytes,
                   uint8_t *bytes, size_t length_bytes)
{
    if (length_bytes == 0) {
        return;
    }
    if ((key & KEY_LITERAL) != 0) {
        fill_literal(literal_of(bodies, key), offset_bytes, bytes, length_bytes);
        return;
    }
    if ((key & KEY_SPARSE) == 0) {
        fill_generated(key, offset_bytes, bytes, length_bytes);
        return;
    }
    while (length_bytes > 0) {
        uint64_t start = offset_bytes % SIM_BODY_PIECE_BYTES;
        size_t part = (size_t)(SIM_BODY_PIECE_BYTES - start);
        part = part < length_bytes ? part : length_bytes;
        fill_generated(key, start, bytes, part);
        bytes += part;
        offset_bytes += part;
        length_bytes -= part;
    }
}

sim_body_key sim_body_key_make(uint64_t seed, struct rp_view name, uint64_t number, bool is_sparse)
{
    uint64_t hash = XXH3_64bits_withSeed(name.length_bytes == 0 ? "" : (const void *)name.bytes,
                                         name.length_bytes, seed);
    hash = word_at(hash, number) & ~(KEY_LITERAL | KEY_SPARSE);
    return is_sparse ? hash | KEY_SPARSE : hash;
}

/* ---- Pieces in memory -------------------------------------------------------------------------- */

static struct piece **bucket_of(struct sim_bodies *bodies, sim_body_key key, uint64_t number)
{
    return &bodies->buckets[word_at(key, number) % BUCKET_COUNT];
}

static struct piece *piece_find(struct sim_bodies *bodies, sim_body_key key, uint64_t number)
{
    struct piece *piece = *bucket_of(bodies, key, number);
    while (piece != NULL && (piece->key != key || piece->number != number)) {
        piece = piece->chained;
    }
    return piece;
}

static void piece_unlist(struct piece *piece)
{
    struct piece **link = bucket_of(piece->bodies, piece->key, piece->number);
    while (*link != piece) {
        link = &(*link)->chained;
    }
    *link = piece->chained;
    piece->is_listed = false;
}

static void idle_remove(struct sim_bodies *bodies, struct piece *piece)
{
    if (piece->newer == NULL) {
        bodies->newest = piece->older;
    } else {
        piece->newer->older = piece->older;
    }
    if (piece->older == NULL) {
        bodies->oldest = piece->newer;
    } else {
        piece->older->newer = piece->newer;
    }
    bodies->idle_bytes -= piece->room_bytes;
}

static void idle_add(struct sim_bodies *bodies, struct piece *piece)
{
    piece->newer = NULL;
    piece->older = bodies->newest;
    if (bodies->newest == NULL) {
        bodies->oldest = piece;
    } else {
        bodies->newest->newer = piece;
    }
    bodies->newest = piece;
    bodies->idle_bytes += piece->room_bytes;
}

static void idle_shrink(struct sim_bodies *bodies, size_t bytes_max)
{
    while (bodies->idle_bytes > bytes_max) {
        struct piece *piece = bodies->oldest;
        idle_remove(bodies, piece);
        piece_unlist(piece);
        rp_release(bodies->alloc, piece);
    }
}

/* The last reference is gone: the piece stays for a while, as another node will want it. */
static void piece_destroy(struct rp_block_kind const *kind, void *block)
{
    (void)kind;
    struct piece *piece = block;
    struct sim_bodies *bodies = piece->bodies;
    if (!piece->is_listed) {
        rp_release(bodies->alloc, piece);
        return;
    }
    idle_add(bodies, piece);
    idle_shrink(bodies, bodies->idle_bytes_max);
}

static void literal_destroy(struct rp_block_kind const *kind, void *block)
{
    (void)kind;
    struct literal *literal = block;
    rp_release(literal->alloc, literal);
}

static const struct rp_block_kind SIM_BODY_BLOCK = {"body", piece_destroy};
static const struct rp_block_kind SIM_LITERAL_BLOCK = {"literal", literal_destroy};

static void piece_make(struct piece *piece, size_t length_bytes)
{
    size_t made = piece->block.length_bytes;
    if (length_bytes > made) {
        sim_body_fill(piece->bodies, piece->key, piece->number * SIM_BODY_PIECE_BYTES + made,
                      piece->bytes + made, length_bytes - made);
        piece->bodies->made_bytes += length_bytes - made;
        piece->block.length_bytes = length_bytes;
    }
}

static struct piece *piece_new(struct sim_bodies *bodies, sim_body_key key, uint64_t number,
                               size_t need_bytes)
{
    size_t room_bytes = ROOM_FIRST_BYTES;
    while (room_bytes < need_bytes) {
        room_bytes *= 2;
    }
    struct piece *piece = rp_allocate(bodies->alloc, sizeof *piece + room_bytes);
    if (piece == NULL) {
        return NULL;
    }
    memset(piece, 0, sizeof *piece);
    piece->block.kind = &SIM_BODY_BLOCK;
    piece->block.bytes = piece->bytes;
    piece->bodies = bodies;
    piece->key = key;
    piece->number = number;
    piece->room_bytes = room_bytes;
    return piece;
}

static void piece_list(struct sim_bodies *bodies, struct piece *piece)
{
    struct piece **bucket = bucket_of(bodies, piece->key, piece->number);
    piece->chained = *bucket;
    *bucket = piece;
    piece->is_listed = true;
}

/* A longer piece takes the place of a short one, with what was made already; who holds the short one
 * keeps it. */
static void piece_replace(struct sim_bodies *bodies, struct piece *old, struct piece *piece)
{
    memcpy(piece->bytes, old->bytes, old->block.length_bytes);
    piece->block.length_bytes = old->block.length_bytes;
    bool is_idle = old->block.reference_count == 0;
    piece_unlist(old);
    if (is_idle) {
        idle_remove(bodies, old);
        rp_release(bodies->alloc, old);
    }
}

/* A referenced piece with at least need_bytes made; NULL: out of memory. */
static struct piece *piece_get(struct sim_bodies *bodies, sim_body_key key, uint64_t number,
                               size_t need_bytes)
{
    struct piece *piece = piece_find(bodies, key, number);
    if (piece == NULL || piece->room_bytes < need_bytes) {
        struct piece *longer = piece_new(bodies, key, number, need_bytes);
        if (longer == NULL) {
            return NULL;
        }
        if (piece != NULL) {
            piece_replace(bodies, piece, longer);
        }
        piece = longer;
        piece_list(bodies, piece);
        piece->block.reference_count = 1;
    } else if (piece->block.reference_count == 0) {
        idle_remove(bodies, piece);
        piece->block.reference_count = 1;
    } else {
        piece->block.reference_count += 1;
    }
    piece_make(piece, need_bytes);
    return piece;
}

static int literal_chunk(struct sim_bodies *bodies, sim_body_key key, uint64_t offset_bytes,
                         size_t length_bytes, struct rp_chunk *chunk_out)
{
    struct literal *literal = bodies->literals[key & ~KEY_LITERAL];
    uint64_t there = literal->block.length_bytes;
    RP_ASSERT(offset_bytes <= there);
    size_t rest = (size_t)(there - offset_bytes);
    chunk_out->block = rp_block_retain(&literal->block);
    chunk_out->bytes = literal->bytes + offset_bytes;
    chunk_out->length_bytes = length_bytes < rest ? length_bytes : rest;
    return 0;
}

int sim_body_chunk(struct sim_bodies *bodies, sim_body_key key, uint64_t offset_bytes,
                   size_t length_bytes, struct rp_chunk *chunk_out)
{
    if ((key & KEY_LITERAL) != 0) {
        RP_ASSERT(literal_of(bodies, key) != NULL);
        return literal_chunk(bodies, key, offset_bytes, length_bytes, chunk_out);
    }
    uint64_t number = offset_bytes / SIM_BODY_PIECE_BYTES;
    size_t start = (size_t)(offset_bytes % SIM_BODY_PIECE_BYTES);
    size_t rest = (size_t)SIM_BODY_PIECE_BYTES - start;
    size_t taken = length_bytes < rest ? length_bytes : rest;
    number = (key & KEY_SPARSE) != 0 ? 0 : number;
    struct piece *piece = piece_get(bodies, key, number, start + taken);
    if (piece == NULL) {
        return RP_ERR_NOMEM;
    }
    chunk_out->block = &piece->block;
    chunk_out->bytes = piece->bytes + start;
    chunk_out->length_bytes = taken;
    return 0;
}

bool sim_body_identify(struct rp_chunk chunk, sim_body_key *key_out, uint64_t *offset_out)
{
    if (chunk.block == NULL) {
        return false;
    }
    uint64_t within = (uint64_t)(chunk.bytes - chunk.block->bytes);
    if (chunk.block->kind == &SIM_BODY_BLOCK) {
        const struct piece *piece = (const struct piece *)chunk.block;
        *key_out = piece->key;
        *offset_out = piece->number * SIM_BODY_PIECE_BYTES + within;
        return true;
    }
    if (chunk.block->kind == &SIM_LITERAL_BLOCK) {
        *key_out = ((const struct literal *)chunk.block)->key;
        *offset_out = within;
        return true;
    }
    return false;
}

bool sim_body_same_place(sim_body_key key, uint64_t left_bytes, uint64_t right_bytes)
{
    if ((key & (KEY_LITERAL | KEY_SPARSE)) == KEY_SPARSE) {
        return left_bytes % SIM_BODY_PIECE_BYTES == right_bytes % SIM_BODY_PIECE_BYTES;
    }
    return left_bytes == right_bytes;
}

/* ---- Life -------------------------------------------------------------------------------------- */

int sim_bodies_new(const struct rp_alloc *alloc, size_t cache_bytes_max,
                   struct sim_bodies **bodies_out)
{
    struct sim_bodies *bodies = rp_allocate_zeroed(alloc, sizeof *bodies);
    if (bodies == NULL) {
        return RP_ERR_NOMEM;
    }
    bodies->alloc = alloc;
    bodies->idle_bytes_max = cache_bytes_max;
    *bodies_out = bodies;
    return 0;
}

void sim_bodies_free(struct sim_bodies *bodies)
{
    if (bodies == NULL) {
        return;
    }
    idle_shrink(bodies, 0);
    for (size_t bucket = 0; bucket < BUCKET_COUNT; bucket += 1) {
        RP_ASSERT(bodies->buckets[bucket] == NULL);
    }
    for (size_t index = 0; index < bodies->literal_count; index += 1) {
        rp_block_release(&bodies->literals[index]->block);
    }
    rp_release(bodies->alloc, bodies->literals);
    rp_sha256_free(bodies->hash);
    rp_release(bodies->alloc, bodies);
}

int sim_bodies_literal(struct sim_bodies *bodies, struct rp_view bytes, sim_body_key *key_out)
{
    if (bodies->literal_count == bodies->literal_max) {
        size_t literal_max = bodies->literal_max == 0 ? 16 : bodies->literal_max * 2;
        struct literal **literals =
            rp_resize(bodies->alloc, bodies->literals, literal_max * sizeof(struct literal *));
        if (literals == NULL) {
            return RP_ERR_NOMEM;
        }
        bodies->literals = literals;
        bodies->literal_max = literal_max;
    }
    struct literal *literal = rp_allocate(bodies->alloc, sizeof *literal + bytes.length_bytes);
    if (literal == NULL) {
        return RP_ERR_NOMEM;
    }
    literal->block.kind = &SIM_LITERAL_BLOCK;
    literal->block.reference_count = 1;
    literal->block.bytes = literal->bytes;
    literal->block.length_bytes = bytes.length_bytes;
    literal->alloc = bodies->alloc;
    literal->key = KEY_LITERAL | bodies->literal_count;
    if (bytes.length_bytes > 0) {
        memcpy(literal->bytes, bytes.bytes, bytes.length_bytes);
    }
    bodies->literals[bodies->literal_count] = literal;
    bodies->literal_count += 1;
    *key_out = literal->key;
    return 0;
}

const struct rp_alloc *sim_bodies_alloc(const struct sim_bodies *bodies)
{
    return bodies->alloc;
}

uint64_t sim_bodies_made_bytes(const struct sim_bodies *bodies)
{
    return bodies->made_bytes;
}

static int hash_body(struct sim_bodies *bodies, sim_body_key key, uint64_t length_bytes)
{
    uint64_t offset_bytes = 0;
    rp_sha256_begin(bodies->hash);
    while (offset_bytes < length_bytes) {
        uint64_t rest = length_bytes - offset_bytes;
        size_t part = (size_t)(rest < SIM_BODY_PIECE_BYTES ? rest : SIM_BODY_PIECE_BYTES);
        struct rp_chunk chunk;
        int error = sim_body_chunk(bodies, key, offset_bytes, part, &chunk);
        if (error != 0) {
            return error;
        }
        RP_ASSERT(chunk.length_bytes > 0);
        rp_sha256_update(bodies->hash, rp_chunk_view(chunk));
        offset_bytes += chunk.length_bytes;
        rp_block_release(chunk.block);
    }
    rp_sha256_hex(bodies->hash, bodies->hashed_hex);
    return 0;
}

int sim_body_sha256(struct sim_bodies *bodies, sim_body_key key, uint64_t length_bytes,
                    char hex_out[64])
{
    bool is_known =
        bodies->has_hashed && bodies->hashed_key == key && bodies->hashed_bytes == length_bytes;
    if (!is_known) {
        int error = bodies->hash == NULL ? rp_sha256_new(bodies->alloc, &bodies->hash) : 0;
        bodies->has_hashed = false;
        if (error == 0) {
            error = hash_body(bodies, key, length_bytes);
        }
        if (error != 0) {
            return error;
        }
        bodies->has_hashed = true;
        bodies->hashed_key = key;
        bodies->hashed_bytes = length_bytes;
    }
    memcpy(hex_out, bodies->hashed_hex, RP_SHA256_HEX);
    return 0;
}
