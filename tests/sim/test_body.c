#include <check.h>

#include "sim/body.h"
#include "tests/lib/test_alloc.h"

struct world {
    struct test_alloc test;
    struct sim_bodies *bodies;
};

static void world_make(struct world *world, size_t cache_bytes)
{
    test_alloc_init(&world->test);
    ck_assert_int_eq(sim_bodies_new(&world->test.alloc, cache_bytes, &world->bodies), 0);
}

static void world_clear(struct world *world)
{
    sim_bodies_free(world->bodies);
    ck_assert_uint_eq(world->test.live_count, 0);
}

static sim_body_key key_of(struct world *world, int sort)
{
    sim_body_key key = sim_body_key_make(3, rp_view_text("a/b"), 7, sort == 1);
    if (sort == 2) {
        uint8_t bytes[1000];
        sim_body_fill(world->bodies, key, 0, bytes, sizeof bytes);
        ck_assert_int_eq(sim_bodies_literal(world->bodies, rp_view_make(bytes, sizeof bytes), &key),
                         0);
    }
    return key;
}

/* Any cut of a body gives the same bytes, from the cache and without it. */
START_TEST(pieces_agree_with_the_whole)
{
    struct world world;
    uint8_t whole[1000];
    world_make(&world, 1 << 20);
    sim_body_key key = key_of(&world, _i);
    sim_body_fill(world.bodies, key, 0, whole, sizeof whole);
    for (size_t at = 0; at < sizeof whole; at += 37) {
        struct rp_chunk chunk;
        size_t part = sizeof whole - at < 61 ? sizeof whole - at : 61;
        ck_assert_int_eq(sim_body_chunk(world.bodies, key, at, part, &chunk), 0);
        ck_assert_uint_eq(chunk.length_bytes, part);
        ck_assert_int_eq(memcmp(chunk.bytes, whole + at, part), 0);
        sim_body_key found = 0;
        uint64_t offset = 0;
        ck_assert(sim_body_identify(chunk, &found, &offset));
        ck_assert(found == key && offset == at);
        rp_block_release(chunk.block);
    }
    world_clear(&world);
}
END_TEST

/* A piece that is wanted again is not made again, and idle pieces are bounded. */
START_TEST(a_byte_is_made_once_and_idle_pieces_are_bounded)
{
    struct world world;
    struct rp_chunk chunk;
    world_make(&world, 2 * SIM_BODY_PIECE_BYTES);
    for (int round = 0; round < 3; round += 1) {
        ck_assert_int_eq(sim_body_chunk(world.bodies, 5, 0, 200000, &chunk), 0);
        rp_block_release(chunk.block);
    }
    ck_assert_uint_eq(sim_bodies_made_bytes(world.bodies), 200000);
    size_t live = world.test.live_count;
    for (sim_body_key key = 10; key < 30; key += 1) {
        ck_assert_int_eq(sim_body_chunk(world.bodies, key, 0, 200000, &chunk), 0);
        rp_block_release(chunk.block);
    }
    ck_assert_uint_le(world.test.live_count, live + 2);
    world_clear(&world);
}
END_TEST

/* A content made of a body's pieces is that body by identity, and made of copies by its bytes. */
START_TEST(content_is_the_body_by_identity_or_by_bytes)
{
    struct world world;
    struct sim_content content;
    world_make(&world, 1 << 20);
    sim_content_init(&content, world.bodies);
    uint64_t length = SIM_BODY_PIECE_BYTES + 5000;
    for (uint64_t at = 0; at < length;) {
        struct rp_chunk chunk;
        ck_assert_int_eq(sim_body_chunk(world.bodies, 5, at, (size_t)(length - at), &chunk), 0);
        if (_i == 1) {
            struct rp_block *block;
            uint8_t *bytes;
            ck_assert_int_eq(rp_block_new(&world.test.alloc, chunk.length_bytes, &block, &bytes),
                             0);
            memcpy(bytes, chunk.bytes, chunk.length_bytes);
            rp_block_release(chunk.block);
            chunk = rp_chunk_of(block);
        }
        ck_assert_int_eq(sim_content_append(&content, chunk), 0);
        at += chunk.length_bytes;
        rp_block_release(chunk.block);
    }
    ck_assert_uint_eq(content.extent_count, _i == 0 ? 1 : 2);
    ck_assert(sim_content_is(&content, 5, length));
    ck_assert(!sim_content_is(&content, 6, length));
    ck_assert(!sim_content_is(&content, 5, length - 1));
    sim_content_clear(&content);
    world_clear(&world);
}
END_TEST

static void read_all(const struct sim_content *content, uint8_t *bytes)
{
    for (uint64_t at = 0; at < content->length_bytes;) {
        struct rp_chunk chunk;
        ck_assert_int_eq(sim_content_read(content, at, 1 << 20, &chunk), 0);
        memcpy(bytes + at, chunk.bytes, chunk.length_bytes);
        at += chunk.length_bytes;
        rp_block_release(chunk.block);
    }
}

/* Damage does to the content exactly what it would do to the bytes. */
START_TEST(damage_agrees_with_damaged_bytes)
{
    struct world world;
    struct sim_content content;
    uint8_t expected[1000], found[1000], part[300];
    world_make(&world, 1 << 20);
    sim_content_init(&content, world.bodies);
    sim_content_set_body(&content, 5, sizeof expected);
    sim_body_fill(world.bodies, 5, 0, expected, sizeof expected);
    ck_assert_int_eq(sim_content_flip(&content, 500, 4), 0);
    expected[500] ^= 4;
    ck_assert_int_eq(sim_content_zero(&content, 490, 5), 0);
    memset(expected + 490, 0, 5);
    ck_assert_int_eq(sim_content_swap(&content, 100, 450, 300), 0);
    memcpy(part, expected + 100, 300);
    memcpy(expected + 100, expected + 450, 300);
    memcpy(expected + 450, part, 300);
    read_all(&content, found);
    ck_assert_int_eq(memcmp(expected, found, sizeof found), 0);
    ck_assert(!sim_content_is(&content, 5, sizeof expected));
    char of_bytes[64], of_content[64], of_body[64];
    sim_body_key key = 0;
    ck_assert_int_eq(
        sim_bodies_literal(world.bodies, rp_view_make(expected, sizeof expected), &key), 0);
    ck_assert_int_eq(sim_body_sha256(world.bodies, key, sizeof expected, of_bytes), 0);
    ck_assert_int_eq(sim_content_sha256(&content, of_content), 0);
    ck_assert_int_eq(memcmp(of_bytes, of_content, sizeof of_bytes), 0);
    ck_assert_int_eq(sim_body_sha256(world.bodies, 5, sizeof expected, of_body), 0);
    ck_assert_int_ne(memcmp(of_body, of_content, sizeof of_body), 0);
    sim_content_truncate(&content, 100);
    ck_assert(sim_content_is(&content, 5, 100));
    sim_content_clear(&content);
    world_clear(&world);
}
END_TEST

/* The hash of a literal is that of its bytes. */
START_TEST(hash_is_of_the_bytes)
{
    struct world world;
    char hex[65] = {0};
    sim_body_key key;
    world_make(&world, 1 << 20);
    ck_assert_int_eq(sim_bodies_literal(world.bodies, rp_view_text("abc"), &key), 0);
    for (int round = 0; round < 2; round += 1) {
        ck_assert_int_eq(sim_body_sha256(world.bodies, key, 3, hex), 0);
        ck_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        ck_assert_int_eq(sim_body_sha256(world.bodies, key, 0, hex), 0);
        ck_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
    world_clear(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("body");
    TCase *tcase = tcase_create("body");
    tcase_add_loop_test(tcase, pieces_agree_with_the_whole, 0, 3);
    tcase_add_test(tcase, a_byte_is_made_once_and_idle_pieces_are_bounded);
    tcase_add_loop_test(tcase, content_is_the_body_by_identity_or_by_bytes, 0, 2);
    tcase_add_test(tcase, damage_agrees_with_damaged_bytes);
    tcase_add_test(tcase, hash_is_of_the_bytes);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
