/* sim/raft_wire.c and raft_guard.c: consensus messages as bytes, and which of them are taken. */
#include "sim/raft_wire.h"

#include <check.h>
#include <stdlib.h>

#include "protocol/error.h"
#include "sim/consensus_raft_inner.h"
#include "tests/lib/test_alloc.h"

#define SECRET rp_view_text("s3cret")

static struct test_alloc memory;

static void set_up(void)
{
    test_alloc_init(&memory);
}

static void tear_down(void)
{
    ck_assert_uint_eq(memory.live_count, 0);
}

static struct sim_raft_message *sample(enum sim_raft_message_kind kind)
{
    static const struct sim_raft_entry_view entries[] = {{7, 1, {(const uint8_t *)"one", 3}},
                                                         {8, 2, {(const uint8_t *)"", 0}}};
    struct sim_raft_message *message = NULL;
    ck_assert_int_eq(sim_raft_message_forge(&memory.alloc, kind, UINT64_MAX, 2, "10.0.0.1:9200",
                                            "prod", &message),
                     0);
    for (size_t field = 0; field < sim_raft_field_count(message); field += 1) {
        bool is_flag = sim_raft_field_is_flag(message, field);
        sim_raft_field_set(message, field, is_flag ? 1 : 100 + field);
    }
    if (kind == SIM_RAFT_APPEND) {
        ck_assert_int_eq(sim_raft_entries_set(message, entries, 2), 0);
    } else if (kind == SIM_RAFT_SNAPSHOT) {
        ck_assert_int_eq(
            raft_configuration_add(&message->snapshot_configuration, 5, "here", RAFT_VOTER), 0);
        ck_assert_int_eq(sim_raft_message_set_data(message, rp_view_text("state")), 0);
    }
    return message;
}

static void encode(const struct sim_raft_message *message, struct rp_buffer *bytes)
{
    rp_buffer_init(bytes, &memory.alloc, 1 << 20);
    ck_assert_int_eq(sim_raft_message_encode(message, 3, SECRET, bytes), 0);
}

static int decode(struct rp_view bytes, struct rp_view secret, struct sim_raft_message **message,
                  bool *is_authentic)
{
    *message = NULL;
    return sim_raft_message_decode(&memory.alloc, bytes, secret, 9, message, is_authentic);
}

/* What comes out of the bytes is what went in, and its MAC verifies with the secret alone. */
START_TEST(bytes_bring_back_the_message)
{
    struct sim_raft_message *message = sample((enum sim_raft_message_kind)_i), *back, *other;
    struct rp_buffer bytes, again;
    bool is_authentic = false;
    encode(message, &bytes);
    ck_assert_int_eq(decode(rp_buffer_view(&bytes), SECRET, &back, &is_authentic), 0);
    ck_assert(is_authentic);
    ck_assert_uint_eq(back->secret_digest, 9);
    ck_assert_int_eq(sim_raft_message_kind(back), _i);
    ck_assert_str_eq(sim_raft_message_cluster(back), "prod");
    encode(back, &again);
    ck_assert(rp_view_equal(rp_buffer_view(&bytes), rp_buffer_view(&again)));
    ck_assert_int_eq(decode(rp_buffer_view(&bytes), rp_view_text("other"), &other, &is_authentic),
                     0);
    ck_assert(!is_authentic);
    ck_assert_uint_eq(other->secret_digest, 0);
    sim_raft_message_release(message);
    sim_raft_message_release(back);
    sim_raft_message_release(other);
    rp_buffer_clear(&bytes);
    rp_buffer_clear(&again);
}
END_TEST

/* Bytes cut short are refused at any length; with a bit flipped they are refused or do not verify. */
START_TEST(damaged_bytes_never_verify)
{
    struct sim_raft_message *message = sample((enum sim_raft_message_kind)_i), *back;
    struct rp_buffer bytes;
    bool is_authentic = false;
    encode(message, &bytes);
    for (size_t length = 0; length < bytes.length_bytes; length += 1) {
        int error = decode(rp_view_make(bytes.bytes, length), SECRET, &back, &is_authentic);
        ck_assert(error != 0 || !is_authentic);
        sim_raft_message_release(back);
    }
    for (size_t at = 0; at < bytes.length_bytes; at += 1) {
        bytes.bytes[at] ^= (uint8_t)(1u << at % 8);
        int error = decode(rp_buffer_view(&bytes), SECRET, &back, &is_authentic);
        ck_assert_msg(error != 0 || !is_authentic, "bit of byte %zu", at);
        sim_raft_message_release(back);
        bytes.bytes[at] ^= (uint8_t)(1u << at % 8);
    }
    sim_raft_message_release(message);
    rp_buffer_clear(&bytes);
}
END_TEST

/* Names lead back to their kind. */
START_TEST(name_parses_to_its_kind)
{
    enum sim_raft_message_kind kind = SIM_RAFT_AUX;
    ck_assert(sim_raft_kind_parse(sim_raft_kind_name((enum sim_raft_message_kind)_i), &kind));
    ck_assert_int_eq((int)kind, _i);
    ck_assert(!sim_raft_kind_parse("AppendEntry", &kind));
}
END_TEST

/* Each row is a message that comes after the others: by session of its sender and number. */
static const struct {
    const char *name;
    uint64_t session, number;
    bool is_taken;
} arrivals[] = {
    {"the first", 4, 1, true},
    {"the same again", 4, 1, false},
    {"one that overtook", 4, 3, true},
    {"one that was overtaken", 4, 2, true},
    {"that one again", 4, 2, false},
    {"one far ahead", 4, 3 + RAFT_GUARD_WINDOW, true},
    {"one too late to tell", 4, 3, false},
    {"one just not too late", 4, 4, true},
    {"its double", 4, 4, false},
    {"a new life counts from 1", 6, 1, true},
    {"the old life is over", 4, 5000, false},
    {"and the new one goes on", 6, 2, true},
    {"far beyond all that was seen", 6, UINT64_C(1) << 60, true},
    {"and its double", 6, UINT64_C(1) << 60, false},
};

START_TEST(number_is_taken_once)
{
    struct raft_guard guard = {.alloc = &memory.alloc};
    for (size_t row = 0; row < sizeof arrivals / sizeof arrivals[0]; row += 1) {
        struct sim_raft_message message = {
            .source = 1, .source_session = arrivals[row].session, .number = arrivals[row].number};
        ck_assert_msg(raft_guard_take(&guard, &message) == arrivals[row].is_taken, "%s",
                      arrivals[row].name);
        message.source = 1000 + row; /* numbers of others are their own affair */
        ck_assert(raft_guard_take(&guard, &message));
    }
    ck_assert_uint_eq(raft_guard_next(&guard, 77), 1);
    ck_assert_uint_eq(raft_guard_next(&guard, 77), 2);
    ck_assert_uint_eq(raft_guard_next(&guard, 78), 1);
    raft_guard_clear(&guard);
}
END_TEST

int main(void)
{
    TCase *wire = tcase_create("wire");
    tcase_add_checked_fixture(wire, set_up, tear_down);
    tcase_add_loop_test(wire, bytes_bring_back_the_message, SIM_RAFT_APPEND, SIM_RAFT_AUX + 1);
    tcase_add_loop_test(wire, damaged_bytes_never_verify, SIM_RAFT_APPEND, SIM_RAFT_AUX + 1);
    tcase_add_loop_test(wire, name_parses_to_its_kind, SIM_RAFT_APPEND, SIM_RAFT_AUX + 1);
    tcase_add_test(wire, number_is_taken_once);
    Suite *suite = suite_create("raft_wire");
    suite_add_tcase(suite, wire);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
