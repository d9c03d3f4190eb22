/* The bytes of files. A body is a pure function of (key, offset): any piece can be made alone, and a
 * piece that is in use is made once and moved by reference. Every receiver still hashes what it got;
 * only truth compares by identity.
 *
 * Three sorts of bodies, told apart by the top bits of their keys: generated (endless), sparse (one
 * generated piece repeated, so that huge files cost no time to make), and literal (registered bytes,
 * from real files). `content` describes what an object on a disk holds as a list of extents. */
#ifndef REPLISIM_SIM_BODY_H
#define REPLISIM_SIM_BODY_H

#include "protocol/chunk.h"

#define SIM_BODY_PIECE_BYTES UINT64_C(262144)
#define SIM_BODY_CACHE_BYTES UINT64_C(67108864)

typedef uint64_t sim_body_key;

struct sim_bodies; /* of a world: the pieces now in memory and the registered literals */

/* `cache_bytes_max`: of pieces that nobody refers to. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_bodies_new(const struct rp_alloc *alloc, size_t cache_bytes_max,
                               struct sim_bodies **bodies_out);
/* Every chunk given out must have been released. */
void sim_bodies_free(struct sim_bodies *bodies);

/* The key of a generated body named by (seed, name, number); `is_sparse` as above. */
sim_body_key sim_body_key_make(uint64_t seed, struct rp_view name, uint64_t number, bool is_sparse);
/* Registers a copy of `bytes` as a body of that length. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_bodies_literal(struct sim_bodies *bodies, struct rp_view bytes,
                                   sim_body_key *key_out);

/* Writes length_bytes of the body from `offset_bytes` on. Bytes beyond a literal's end are 0. */
void sim_body_fill(const struct sim_bodies *bodies, sim_body_key key, uint64_t offset_bytes,
                   uint8_t *bytes, size_t length_bytes);
/* A referenced chunk from the cache, at most length_bytes and within one piece; the caller releases
 * chunk_out->block. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_body_chunk(struct sim_bodies *bodies, sim_body_key key, uint64_t offset_bytes,
                               size_t length_bytes, struct rp_chunk *chunk_out);
/* Whose bytes these are, by identity; false for any other block. */
bool sim_body_identify(struct rp_chunk chunk, sim_body_key *key_out, uint64_t *offset_out);
/* The same bytes of that body: equal offsets, or equal within the repeated piece of a sparse one. */
bool sim_body_same_place(sim_body_key key, uint64_t left_bytes, uint64_t right_bytes);
/* The hash of the first `length_bytes` of the body as 64 lower-case hex digits, really computed, and
 * remembered for the last (key, length) asked. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_body_sha256(struct sim_bodies *bodies, sim_body_key key, uint64_t length_bytes,
                                char hex_out[64]);
const struct rp_alloc *sim_bodies_alloc(const struct sim_bodies *bodies);
/* Bytes made so far: what the cache is there to keep low. */
uint64_t sim_bodies_made_bytes(const struct sim_bodies *bodies);

/* ---- What an object holds --------------------------------------------------------------------- */

struct sim_extent {
    uint64_t length_bytes;
    sim_body_key key;       /* when block is NULL and is_zero is false */
    uint64_t offset_bytes;  /* within the body */
    struct rp_block *block; /* owned reference: bytes of no body */
    const uint8_t *bytes;   /* within the block */
    bool is_zero;
};

struct sim_content {
    struct sim_bodies *bodies;  /* borrowed */
    struct sim_extent *extents; /* owned; NULL while everything is in `one` */
    uint32_t extent_count, extent_max;
    struct sim_extent one;
    uint64_t length_bytes;
};

void sim_content_init(struct sim_content *content, struct sim_bodies *bodies);
void sim_content_clear(struct sim_content *content);
/* The content becomes the first length_bytes of a body. */
void sim_content_set_body(struct sim_content *content, sim_body_key key, uint64_t length_bytes);
/* By reference. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_content_append(struct sim_content *content, struct rp_chunk chunk);
RP_MUST_USE int sim_content_copy(struct sim_content *target, const struct sim_content *source);
void sim_content_truncate(struct sim_content *content, uint64_t length_bytes);
/* Up to length_bytes from offset, within one extent and piece; a referenced chunk, empty at the end.
 * Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_content_read(const struct sim_content *content, uint64_t offset_bytes,
                                 size_t length_bytes, struct rp_chunk *chunk_out);
/* As before, but exactly min(length_bytes, rest): joined into a block of its own when it spans
 * several extents. */
RP_MUST_USE int sim_content_read_joined(const struct sim_content *content, uint64_t offset_bytes,
                                        size_t length_bytes, struct rp_chunk *chunk_out);
/* Truth: the bytes are those of the body, all of them. By identity where possible. */
bool sim_content_is(const struct sim_content *content, sim_body_key key, uint64_t length_bytes);
/* From that byte on, as far as it goes: each of its bytes is the body's at the same place? */
bool sim_content_goes_on_as(const struct sim_content *content, sim_body_key key,
                            uint64_t from_bytes);

/* The hash of all of it as 64 lower-case hex digits, from the bytes and not from identity. Errors:
 * RP_ERR_NOMEM. */
RP_MUST_USE int sim_content_sha256(const struct sim_content *content, char hex_out[64]);

/* Damage. Ranges lie within the content. Errors: RP_ERR_NOMEM, content unchanged. */
RP_MUST_USE int sim_content_flip(struct sim_content *content, uint64_t offset_bytes, uint8_t mask);
RP_MUST_USE int sim_content_zero(struct sim_content *content, uint64_t offset_bytes,
                                 uint64_t length_bytes);
/* Exchanges two ranges of one length that do not overlap, first < second. */
RP_MUST_USE int sim_content_swap(struct sim_content *content, uint64_t first_bytes,
                                 uint64_t second_bytes, uint64_t length_bytes);

#endif
