/* protocol/frame.c: wire.md 1 */
#include <check.h>
#include <stdlib.h>

#include "protocol/frame.h"
#include "protocol/limits.h"
#include "tests/lib/test_alloc.h"

/* ---- Fixture and helpers --------------------------------------------------------------------- */

static struct test_alloc test;
static struct rp_frame_reader reader;
static struct rp_frame frame;
static bool is_out_of_memory;

static void set_up(void)
{
    test_alloc_init(&test);
    rp_frame_reader_init(&reader, &test.alloc);
}

static void tear_down(void)
{
    rp_frame_reader_clear(&reader);
    ck_assert_uint_eq(test.live_count, 0);
}

static enum rp_frame_progress take(struct rp_view *input)
{
    return rp_frame_reader_take(&reader, input, &frame, &is_out_of_memory);
}

/* A frame of that length field whose payload is all 'p'; the caller frees. */
static struct rp_view make_frame(size_t length)
{
    uint8_t *bytes = malloc(4 + length);
    ck_assert_ptr_nonnull(bytes);
    memset(bytes, 'p', 4 + length);
    for (size_t i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(length >> (24 - 8 * i));
    }
    bytes[4] = 0x21;
    return rp_view_make(bytes, 4 + length);
}

static void drop_frame(struct rp_view view)
{
    free((void *)(uintptr_t)view.bytes);
}

static const char TWO_FRAMES[] = "\0\0\0\4\x21one\0\0\0\6\x20three";

/* ---- Tests ----------------------------------------------------------------------------------- */

/* A frame that arrives whole is lent from the input, without memory of the reader's. */
START_TEST(whole_frame_is_lent_in_place)
{
    struct rp_view input = rp_view_make(TWO_FRAMES, sizeof TWO_FRAMES - 1);
    const uint8_t *start = input.bytes;
    ck_assert_int_eq(take(&input), RP_FRAME_READY);
    ck_assert_uint_eq(frame.type, 0x21);
    ck_assert_ptr_eq(frame.payload.bytes, start + 5);
    ck_assert_uint_eq(test.call_count, 0);
}
END_TEST

/* Inventory "Codec": several frames back to back on one stream. */
START_TEST(frames_back_to_back_come_one_by_one)
{
    struct rp_view input = rp_view_make(TWO_FRAMES, sizeof TWO_FRAMES - 1);
    ck_assert_int_eq(take(&input), RP_FRAME_READY);
    ck_assert(rp_view_equal(frame.payload, rp_view_text("one")));
    ck_assert_int_eq(take(&input), RP_FRAME_READY);
    ck_assert_uint_eq(frame.type, 0x20);
    ck_assert(rp_view_equal(frame.payload, rp_view_text("three")));
    ck_assert_uint_eq(input.length_bytes, 0);
    ck_assert_int_eq(take(&input), RP_FRAME_NEED_MORE);
}
END_TEST

/* What follows the ack in one segment is body, and the caller's. */
START_TEST(bytes_after_the_frame_stay_with_the_caller)
{
    struct rp_view input = rp_view_make("\0\0\0\3\x21{}PAR1", 11);
    ck_assert_int_eq(take(&input), RP_FRAME_READY);
    ck_assert(rp_view_equal(input, rp_view_text("PAR1")));
}
END_TEST

/* Two frames, cut in two at every byte: the same two frames. */
START_TEST(cut_at_any_byte_gives_the_same_frames)
{
    struct rp_view pieces[2] = {rp_view_make(TWO_FRAMES, (size_t)_i),
                                rp_view_make(TWO_FRAMES + _i, sizeof TWO_FRAMES - 1 - (size_t)_i)};
    const char *payloads[] = {"one", "three"};
    size_t found = 0;
    for (size_t i = 0; i < 2; i++) {
        while (take(&pieces[i]) == RP_FRAME_READY) {
            ck_assert_uint_lt(found, 2);
            ck_assert(rp_view_equal(frame.payload, rp_view_text(payloads[found])));
            found += 1;
        }
        ck_assert_int_eq(reader.error, RP_FRAME_OK);
        ck_assert_uint_eq(pieces[i].length_bytes, 0);
    }
    ck_assert_uint_eq(found, 2);
}
END_TEST

/* The same, one byte at a time, with a byte of the body behind. */
START_TEST(single_bytes_give_the_same_frames)
{
    size_t found = 0;
    for (size_t i = 0; i < sizeof TWO_FRAMES - 1; i++) {
        struct rp_view input = rp_view_make(TWO_FRAMES + i, 1);
        found += take(&input) == RP_FRAME_READY;
        ck_assert_uint_eq(input.length_bytes, 0);
    }
    ck_assert_uint_eq(found, 2);
    ck_assert(rp_view_equal(frame.payload, rp_view_text("three")));
}
END_TEST

/* Length 1 is a type without a payload: a legal frame (wire.md 1.2). */
START_TEST(length_one_is_a_frame_without_payload)
{
    struct rp_view input = rp_view_make("\0\0\0\1\x05", 5);
    ck_assert_int_eq(take(&input), RP_FRAME_READY);
    ck_assert_uint_eq(frame.type, 5);
    ck_assert_uint_eq(frame.payload.length_bytes, 0);
}
END_TEST

/* The longest legal frame passes, lent or gathered. */
START_TEST(longest_frame_passes)
{
    struct rp_view whole = make_frame(1048576);
    struct rp_view input = whole;
    ck_assert_int_eq(take(&input), RP_FRAME_READY);
    ck_assert_uint_eq(frame.payload.length_bytes, 1048575);
    struct rp_view first = rp_view_make(whole.bytes, 1000);
    struct rp_view second = rp_view_make(whole.bytes + 1000, whole.length_bytes - 1000);
    ck_assert_int_eq(take(&first), RP_FRAME_NEED_MORE);
    ck_assert_int_eq(take(&second), RP_FRAME_READY);
    ck_assert_uint_eq(frame.payload.length_bytes, 1048575);
    ck_assert_uint_eq(second.length_bytes, 0);
    drop_frame(whole);
}
END_TEST

static const struct {
    const char *name;
    const char *bytes;
    size_t length_bytes;
    enum rp_frame_error error;
} BAD_LENGTHS[] = {
    {"zero", "\0\0\0\0\x20{}", 7, RP_FRAME_ZERO_LENGTH},
    {"one above the limit", "\0\x10\0\1\x20{}", 7, RP_FRAME_TOO_LARGE},
    {"0x10000000", "\x10\0\0\0\x20{}", 7, RP_FRAME_TOO_LARGE},
    {"all bits", "\xff\xff\xff\xff\x20{}", 7, RP_FRAME_TOO_LARGE},
};

/* A bad length fails as soon as it is known, takes its four bytes only, and stays failed; also when
 * it came in two pieces. */
START_TEST(bad_length_fails_at_once_and_for_good)
{
    for (size_t cut = 0; cut < 4; cut++) {
        rp_frame_reader_init(&reader, &test.alloc);
        struct rp_view first = rp_view_make(BAD_LENGTHS[_i].bytes, cut);
        struct rp_view rest =
            rp_view_make(BAD_LENGTHS[_i].bytes + cut, BAD_LENGTHS[_i].length_bytes - cut);
        ck_assert_int_eq(take(&first), RP_FRAME_NEED_MORE);
        ck_assert_msg(take(&rest) == RP_FRAME_FAILED, "%s", BAD_LENGTHS[_i].name);
        ck_assert_int_eq(reader.error, BAD_LENGTHS[_i].error);
        ck_assert(!is_out_of_memory);
        ck_assert_uint_eq(rest.length_bytes, BAD_LENGTHS[_i].length_bytes - 4);
        ck_assert_int_eq(take(&rest), RP_FRAME_FAILED);
        ck_assert_int_eq(rp_frame_reader_at_end(&reader), BAD_LENGTHS[_i].error);
        rp_frame_reader_clear(&reader);
    }
}
END_TEST

static const struct {
    const char *name;
    size_t length_bytes;
    enum rp_frame_error error;
} ENDS[] = {
    {"nothing", 0, RP_FRAME_EOF_LENGTH},       {"half a length", 2, RP_FRAME_EOF_LENGTH},
    {"three bytes", 3, RP_FRAME_EOF_LENGTH},   {"no type", 4, RP_FRAME_EOF_TYPE},
    {"no payload", 5, RP_FRAME_EOF_PAYLOAD},   {"one byte short", 7, RP_FRAME_EOF_PAYLOAD},
    {"after a frame", 8, RP_FRAME_EOF_LENGTH},
};

/* Where the stream ends tells what was missing (wire.md 1.2, in order). */
START_TEST(end_of_stream_tells_what_is_missing)
{
    struct rp_view input = rp_view_make(TWO_FRAMES, ENDS[_i].length_bytes);
    struct rp_view first = rp_view_make(input.bytes, input.length_bytes / 2);
    struct rp_view rest =
        rp_view_make(input.bytes + first.length_bytes, input.length_bytes - first.length_bytes);
    ck_assert_int_eq(take(&first), RP_FRAME_NEED_MORE);
    (void)(take(&rest) == RP_FRAME_READY);
    ck_assert_msg(rp_frame_reader_at_end(&reader) == ENDS[_i].error, "%s", ENDS[_i].name);
}
END_TEST

/* A peer that announces a megabyte and sends nothing costs no megabyte. */
START_TEST(memory_follows_what_arrived_not_what_was_announced)
{
    struct rp_view input = rp_view_make("\0\x10\0\0\x20{\"path\"", 12);
    ck_assert_int_eq(take(&input), RP_FRAME_NEED_MORE);
    ck_assert_uint_le(reader.gathered.capacity_bytes, 512);
}
END_TEST

/* A reader that gathered a large frame gives the memory back with the next call. */
START_TEST(large_frame_does_not_pin_memory)
{
    struct rp_view whole = make_frame(100000);
    struct rp_view first = rp_view_make(whole.bytes, 10);
    struct rp_view rest = rp_view_make(whole.bytes + 10, whole.length_bytes - 10);
    ck_assert_int_eq(take(&first), RP_FRAME_NEED_MORE);
    ck_assert_int_eq(take(&rest), RP_FRAME_READY);
    ck_assert_int_eq(take(&rest), RP_FRAME_NEED_MORE);
    ck_assert_uint_eq(test.live_count, 0);
    drop_frame(whole);
}
END_TEST

/* Out of memory is told apart from a peer's error. */
START_TEST(lack_of_memory_is_no_frame_error)
{
    struct rp_view input = rp_view_make("\0\0\0\4\x21", 5);
    test.fail_at = 1;
    ck_assert_int_eq(take(&input), RP_FRAME_FAILED);
    ck_assert(is_out_of_memory);
    ck_assert_int_eq(reader.error, RP_FRAME_OK);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
    Suite *suite = suite_create("protocol.frame");
    TCase *tcase = tcase_create("reader");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, whole_frame_is_lent_in_place);
    tcase_add_test(tcase, frames_back_to_back_come_one_by_one);
    tcase_add_test(tcase, bytes_after_the_frame_stay_with_the_caller);
    tcase_add_loop_test(tcase, cut_at_any_byte_gives_the_same_frames, 0, sizeof TWO_FRAMES);
    tcase_add_test(tcase, single_bytes_give_the_same_frames);
    tcase_add_test(tcase, length_one_is_a_frame_without_payload);
    tcase_add_test(tcase, longest_frame_passes);
    tcase_add_loop_test(tcase, bad_length_fails_at_once_and_for_good, 0, ROWS(BAD_LENGTHS));
    tcase_add_loop_test(tcase, end_of_stream_tells_what_is_missing, 0, ROWS(ENDS));
    tcase_add_test(tcase, memory_follows_what_arrived_not_what_was_announced);
    tcase_add_test(tcase, large_frame_does_not_pin_memory);
    tcase_add_test(tcase, lack_of_memory_is_no_frame_error);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
