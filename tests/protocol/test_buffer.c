/* protocol/buffer.c */
#include <check.h>
#include <stdlib.h>

#include "protocol/buffer.h"
#include "protocol/error.h"
#include "tests/lib/test_alloc.h"

/* Bytes appended in pieces come out in order, whatever the growth. */
START_TEST(appended_pieces_come_out_in_order)
{
    struct test_alloc test;
    struct rp_buffer buffer;
    test_alloc_init(&test);
    rp_buffer_init(&buffer, &test.alloc, 1000);
    for (int i = 0; i < 300; i++) {
        ck_assert_int_eq(rp_buffer_append_byte(&buffer, (uint8_t)i), RP_OK);
    }
    ck_assert_int_eq(rp_buffer_append_text(&buffer, "end"), RP_OK);
    ck_assert_uint_eq(buffer.length_bytes, 303);
    for (size_t i = 0; i < 300; i++) {
        ck_assert_uint_eq(buffer.bytes[i], (uint8_t)i);
    }
    ck_assert_mem_eq(buffer.bytes + 300, "end", 3);
    rp_buffer_clear(&buffer);
    ck_assert_uint_eq(test.live_count, 0);
}
END_TEST

/* The bound may be met exactly; one byte more is refused and changes nothing. */
START_TEST(bound_is_met_exactly_and_never_passed)
{
    struct test_alloc test;
    struct rp_buffer buffer;
    uint8_t *room;
    test_alloc_init(&test);
    rp_buffer_init(&buffer, &test.alloc, 100);
    ck_assert_int_eq(rp_buffer_extend(&buffer, 99, &room), RP_OK);
    ck_assert_int_eq(rp_buffer_append_text(&buffer, "ab"), RP_ERR_TOO_LARGE);
    ck_assert_uint_eq(buffer.length_bytes, 99);
    ck_assert_int_eq(rp_buffer_append_text(&buffer, "a"), RP_OK);
    ck_assert_int_eq(rp_buffer_extend(&buffer, SIZE_MAX, &room), RP_ERR_TOO_LARGE);
    ck_assert_uint_eq(buffer.length_bytes, 100);
    ck_assert_uint_le(buffer.capacity_bytes, 100);
    rp_buffer_clear(&buffer);
}
END_TEST

/* Out of memory appends nothing, and the buffer goes on afterwards. */
START_TEST(append_without_memory_changes_nothing)
{
    struct test_alloc test;
    struct rp_buffer buffer;
    uint8_t *room;
    test_alloc_init(&test);
    rp_buffer_init(&buffer, &test.alloc, 10000);
    ck_assert_int_eq(rp_buffer_append_text(&buffer, "kept"), RP_OK);
    test.fail_at = test.call_count + 1;
    ck_assert_int_eq(rp_buffer_extend(&buffer, 5000, &room), RP_ERR_NOMEM);
    ck_assert(rp_view_equal(rp_buffer_view(&buffer), rp_view_text("kept")));
    ck_assert_int_eq(rp_buffer_extend(&buffer, 5000, &room), RP_OK);
    ck_assert_uint_eq(buffer.length_bytes, 5004);
    rp_buffer_clear(&buffer);
    ck_assert_uint_eq(test.live_count, 0);
}
END_TEST

/* Reset keeps the memory: a second message of the same size allocates nothing. */
START_TEST(reset_buffer_allocates_no_more)
{
    struct test_alloc test;
    struct rp_buffer buffer;
    uint8_t *room;
    test_alloc_init(&test);
    rp_buffer_init(&buffer, &test.alloc, 10000);
    ck_assert_int_eq(rp_buffer_extend(&buffer, 700, &room), RP_OK);
    size_t calls = test.call_count;
    rp_buffer_reset(&buffer);
    ck_assert_int_eq(rp_buffer_extend(&buffer, 700, &room), RP_OK);
    ck_assert_uint_eq(test.call_count, calls);
    rp_buffer_clear(&buffer);
}
END_TEST

/* Arena memory is aligned for any type, distinct, and all freed in one go. */
START_TEST(arena_gives_aligned_memory_of_its_own)
{
    struct test_alloc test;
    struct rp_arena arena;
    uint8_t *pieces[200];
    test_alloc_init(&test);
    rp_arena_init(&arena, &test.alloc);
    for (size_t i = 0; i < 200; i++) {
        pieces[i] = rp_arena_allocate(&arena, i);
        ck_assert_ptr_nonnull(pieces[i]);
        ck_assert_uint_eq((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        memset(pieces[i], (int)i, i);
    }
    for (size_t i = 0; i < 200; i++) {
        for (size_t at = 0; at < i; at++) {
            ck_assert_uint_eq(pieces[i][at], (uint8_t)i);
        }
    }
    rp_arena_clear(&arena);
    ck_assert_uint_eq(test.live_count, 0);
}
END_TEST

/* After a reset one block stays, and a huge one does not. */
START_TEST(reset_arena_keeps_one_modest_block)
{
    struct test_alloc test;
    struct rp_arena arena;
    test_alloc_init(&test);
    rp_arena_init(&arena, &test.alloc);
    for (size_t i = 0; i < 100; i++) {
        ck_assert_ptr_nonnull(rp_arena_allocate(&arena, 1000));
    }
    rp_arena_reset(&arena);
    ck_assert_uint_eq(test.live_count, 1);
    size_t calls = test.call_count;
    ck_assert_ptr_nonnull(rp_arena_allocate(&arena, 1000));
    ck_assert_uint_eq(test.call_count, calls);
    rp_arena_clear(&arena);
    ck_assert_ptr_nonnull(rp_arena_allocate(&arena, 1000000));
    rp_arena_reset(&arena);
    ck_assert_uint_eq(test.live_count, 0);
    rp_arena_clear(&arena);
}
END_TEST

/* Copies are copies, empty ones need no memory, and running out is told. */
START_TEST(arena_copies_or_tells_that_it_cannot)
{
    struct test_alloc test;
    struct rp_arena arena;
    struct rp_view copy;
    char text[] = "text";
    test_alloc_init(&test);
    rp_arena_init(&arena, &test.alloc);
    ck_assert_int_eq(rp_arena_copy(&arena, rp_view_text(""), &copy), RP_OK);
    ck_assert_uint_eq(test.call_count, 0);
    test.fail_at = 1;
    ck_assert_int_eq(rp_arena_copy(&arena, rp_view_text(text), &copy), RP_ERR_NOMEM);
    ck_assert_int_eq(rp_arena_copy(&arena, rp_view_text(text), &copy), RP_OK);
    text[0] = 'n';
    ck_assert(rp_view_equal(copy, rp_view_text("text")));
    ck_assert_ptr_null(rp_arena_allocate(&arena, SIZE_MAX));
    rp_arena_clear(&arena);
    ck_assert_uint_eq(test.live_count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("protocol.buffer");
    TCase *tcase = tcase_create("buffer and arena");
    tcase_add_test(tcase, appended_pieces_come_out_in_order);
    tcase_add_test(tcase, bound_is_met_exactly_and_never_passed);
    tcase_add_test(tcase, append_without_memory_changes_nothing);
    tcase_add_test(tcase, reset_buffer_allocates_no_more);
    tcase_add_test(tcase, arena_gives_aligned_memory_of_its_own);
    tcase_add_test(tcase, reset_arena_keeps_one_modest_block);
    tcase_add_test(tcase, arena_copies_or_tells_that_it_cannot);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
