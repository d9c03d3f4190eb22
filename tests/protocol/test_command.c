/* protocol/command.c, command_json.c, command_decode.c: behaviour.md 1.1, 1.2 */
#include <check.h>
#include <stdlib.h>

#include "protocol/command_decode.h"
#include "protocol/error.h"
#include "protocol/json.h"
#include "tests/lib/test_alloc.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct test_alloc memory;
static struct rp_buffer out;
static struct rp_arena arena;

static void setup(void)
{
    test_alloc_init(&memory);
    rp_buffer_init(&out, &memory.alloc, 1 << 20);
    rp_arena_init(&arena, &memory.alloc);
}

static void teardown(void)
{
    rp_buffer_clear(&out);
    rp_arena_clear(&arena);
    ck_assert_uint_eq(memory.live_count, 0);
}

static struct rp_file_record full_record(void)
{
    struct rp_file_record file = {.path = rp_view_text("db/cpu/a.parquet"),
                                  .sha256 = rp_view_text(HASH),
                                  .size_bytes = 1234,
                                  .database = rp_view_text("db"),
                                  .measurement = rp_view_text("cpu"),
                                  .partition_time = {1775916000, 0, 0},
                                  .origin_node_id = rp_view_text("writer-1"),
                                  .tier = rp_view_text("hot"),
                                  .created_at = {1775923200, 250000000, 0}};
    return file;
}

static const struct rp_command *decode(void)
{
    const struct rp_command *command;
    ck_assert_int_eq(rp_command_decode(&memory.alloc, 42, rp_buffer_view(&out), &command), 0);
    return command;
}

/* behaviour.md 1.2: every key, none left out when zero, in the order of the reference. */
START_TEST(register_writes_every_key_in_order)
{
    struct rp_file_record file = full_record();
    struct rp_file_record zero = {.created_at = {RP_TIME_ZERO_UNIX_S, 0, 0},
                                  .partition_time = {RP_TIME_ZERO_UNIX_S, 0, 0}};
    static const char *const PAYLOADS[] = {
        "{\"file\":{\"path\":\"db/cpu/a.parquet\",\"sha256\":\"" HASH "\",\"size_bytes\":1234,"
        "\"database\":\"db\",\"measurement\":\"cpu\",\"partition_time\":\"2026-04-11T14:00:00Z\","
        "\"origin_node_id\":\"writer-1\",\"tier\":\"hot\","
        "\"created_at\":\"2026-04-11T16:00:00.25Z\",\"lsn\":0}}",
        "{\"file\":{\"path\":\"\",\"sha256\":\"\",\"size_bytes\":0,\"database\":\"\","
        "\"measurement\":\"\",\"partition_time\":\"0001-01-01T00:00:00Z\",\"origin_node_id\":\"\","
        "\"tier\":\"\",\"created_at\":\"0001-01-01T00:00:00Z\",\"lsn\":0}}",
    };
    struct rp_buffer expected;
    rp_buffer_init(&expected, &memory.alloc, 1 << 16);
    ck_assert_int_eq(rp_command_encode_register(&out, RP_CMD_UPDATE_FILE, _i == 0 ? &file : &zero),
                     0);
    ck_assert_int_eq(rp_buffer_append_text(&expected, "{\"type\":11,\"payload\":\""), 0);
    ck_assert_int_eq(rp_base64_append(&expected, rp_view_text(PAYLOADS[_i])), 0);
    ck_assert_int_eq(rp_buffer_append_text(&expected, "\"}"), 0);
    ck_assert_uint_eq(out.length_bytes, expected.length_bytes);
    ck_assert_mem_eq(out.bytes, expected.bytes, expected.length_bytes);
    rp_buffer_clear(&expected);
}
END_TEST

/* wire.md 11 signs this very command: the reason is left out when empty. */
START_TEST(delete_leaves_out_empty_reason)
{
    ck_assert_int_eq(rp_command_encode_delete(&out, rp_view_text("a/b"), rp_view_text("")), 0);
    struct rp_view bytes;
    struct rp_view text = rp_buffer_view(&out);
    ck_assert_mem_eq(text.bytes, "{\"type\":8,\"payload\":\"", 21);
    text = rp_view_make(text.bytes + 21, text.length_bytes - 23);
    ck_assert_int_eq(rp_base64_decode(text, &arena, &bytes), 0);
    ck_assert(rp_view_equal(bytes, rp_view_text("{\"path\":\"a/b\"}")));
}
END_TEST

/* What is decoded is what was encoded, and the LSN is the index. */
START_TEST(register_survives_the_round_trip)
{
    struct rp_file_record file = full_record();
    ck_assert_int_eq(rp_command_encode_register(&out, RP_CMD_REGISTER_FILE, &file), 0);
    const struct rp_command *command = decode();
    ck_assert_int_eq(command->error, 0);
    ck_assert_uint_eq(command->type, RP_CMD_REGISTER_FILE);
    ck_assert_uint_eq(command->operation_count, 1);
    const struct rp_file_entry *expected;
    ck_assert_int_eq(rp_file_entry_new(&memory.alloc, &file, 42, &expected), 0);
    ck_assert(rp_file_entry_equal(command->operations[0].entry, expected));
    ck_assert_uint_eq(rp_file_entry_digest(expected).low,
                      rp_file_entry_digest(command->operations[0].entry).low);
    rp_file_entry_release(expected);
    rp_command_release(command);
}
END_TEST

/* Every field is part of the digest: a change of any of them shows. */
START_TEST(every_field_moves_the_digest)
{
    struct rp_file_record file = full_record();
    const struct rp_file_entry *plain;
    const struct rp_file_entry *other;
    ck_assert_int_eq(rp_file_entry_new(&memory.alloc, &file, 42, &plain), 0);
    switch (_i) {
    case 0: file.path = rp_view_text("db/cpu/b.parquet"); break;
    case 1: file.sha256 = rp_view_text(""); break;
    case 2: file.size_bytes = -1234; break;
    case 3: file.database = rp_view_text("dbc"); break;
    case 4: file.measurement = rp_view_text("mem"); break;
    case 5: file.partition_time.unix_s += 1; break;
    case 6: file.origin_node_id = rp_view_text("writer-2"); break;
    case 7: file.tier = rp_view_text("cold"); break;
    case 8: file.created_at.nsec += 1; break;
    default: break;
    }
    ck_assert_int_eq(rp_file_entry_new(&memory.alloc, &file, _i == 9 ? 43 : 42, &other), 0);
    ck_assert_uint_ne(rp_file_entry_digest(plain).low, rp_file_entry_digest(other).low);
    ck_assert_uint_ne(rp_file_entry_digest(plain).high, rp_file_entry_digest(other).high);
    ck_assert(!rp_file_entry_equal(plain, other));
    rp_file_entry_release(plain);
    rp_file_entry_release(other);
}
END_TEST

/* A record with all that is ours, too. */
START_TEST(node_survives_the_round_trip)
{
    struct rp_node_record node = {.id = rp_view_text("w1"),
                                  .name = rp_view_text("writer one"),
                                  .role = rp_view_text("writer"),
                                  .cluster_name = rp_view_text("c"),
                                  .address = rp_view_text("w1:9100"),
                                  .api_address = rp_view_text("w1:8000"),
                                  .state = rp_view_text("healthy"),
                                  .version = rp_view_text("1.2"),
                                  .writer_state = rp_view_text("primary"),
                                  .core_count = 16,
                                  .raft_id = UINT64_MAX,
                                  .raft_address = rp_view_text("w1:9200"),
                                  .joined_unix_s = 1775923200,
                                  .is_bound_fetch = true};
    ck_assert_int_eq(rp_command_encode_node(&out, RP_CMD_ADD_NODE, &node), 0);
    const struct rp_command *command = decode();
    node.index = 42;
    node.born_index = 42;
    ck_assert(rp_node_record_equal(command->node, &node));
    rp_command_release(command);
}
END_TEST

/* Operations of every kind in one batch, in order, texts owned by the command. */
START_TEST(batch_survives_the_round_trip)
{
    struct rp_file_record file = full_record();
    struct rp_batch_operation operations[] = {
        {.type = RP_CMD_REGISTER_FILE, .file = &file},
        {.type = RP_CMD_DELETE_FILE,
         .delete_path = rp_view_text("x/\"y\""),
         .delete_reason = rp_view_text("compaction:7")},
    };
    ck_assert_int_eq(rp_command_encode_batch(&out, operations, 2), 0);
    const struct rp_command *command = decode();
    rp_buffer_clear(&out);
    ck_assert(command->is_batch);
    ck_assert_uint_eq(command->operation_count, 2);
    ck_assert(rp_view_equal(command->operations[0].entry->path, file.path));
    ck_assert(rp_view_equal(command->operations[1].path, rp_view_text("x/\"y\"")));
    ck_assert(rp_view_equal(command->operations[1].reason, rp_view_text("compaction:7")));
    rp_command_release(command);
}
END_TEST

/* Identity of a registration: path, hash, origin and creation instant, and nothing else. */
START_TEST(registration_is_path_hash_origin_and_creation)
{
    struct rp_file_record file = full_record();
    const struct rp_file_entry *first;
    const struct rp_file_entry *second;
    ck_assert_int_eq(rp_file_entry_new(&memory.alloc, &file, 1, &first), 0);
    file.tier = rp_view_text("cold");
    ck_assert_int_eq(rp_file_entry_new(&memory.alloc, &file, 2, &second), 0);
    ck_assert(rp_file_entry_same_registration(first, second));
    rp_file_entry_release(second);
    file.created_at.nsec += 1;
    ck_assert_int_eq(rp_file_entry_new(&memory.alloc, &file, 1, &second), 0);
    ck_assert(!rp_file_entry_same_registration(first, second));
    rp_file_entry_release(second);
    rp_file_entry_release(first);
}
END_TEST

/* The type alone, for the forward list. */
START_TEST(peek_reads_the_type_or_says_why_not)
{
    static const struct {
        const char *command;
        int error;
        uint8_t type;
    } rows[] = {
        {"{\"type\":8,\"payload\":\"e30=\"}", 0, 8},
        {"{}", 0, 0},
        {"{\"type\":256}", RP_ERR_TYPE, 0},
        {"{\"type\":8,\"payload\":\"?\"}", RP_ERR_TYPE, 0},
        {"{\"type\":8", RP_ERR_SYNTAX, 0},
    };
    uint8_t type = 0;
    ck_assert_int_eq(rp_command_peek_type(rp_view_text(rows[_i].command), &arena, &type),
                     rows[_i].error);
    ck_assert_uint_eq(type, rows[_i].type);
}
END_TEST

/* The k-th allocation fails while a batch is written and read: an error and no leak. */
START_TEST(lack_of_memory_is_an_error)
{
    struct rp_file_record file = full_record();
    struct rp_batch_operation operations[] = {{.type = RP_CMD_REGISTER_FILE, .file = &file},
                                              {.type = RP_CMD_UPDATE_FILE, .file = &file}};
    int error = RP_ERR_NOMEM;
    for (size_t k = 1; error != 0; k++) {
        const struct rp_command *command = NULL;
        rp_buffer_clear(&out);
        rp_buffer_init(&out, &memory.alloc, 1 << 20);
        memory.call_count = 0;
        memory.fail_at = k;
        error = rp_command_encode_batch(&out, operations, 2);
        if (error == 0) {
            error = rp_command_decode(&memory.alloc, 1, rp_buffer_view(&out), &command);
        }
        ck_assert(error == 0 || error == RP_ERR_NOMEM);
        rp_command_release(command);
    }
    memory.fail_at = 0;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("command");
    TCase *tc = tcase_create("command");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, register_writes_every_key_in_order, 0, 2);
    tcase_add_test(tc, delete_leaves_out_empty_reason);
    tcase_add_test(tc, register_survives_the_round_trip);
    tcase_add_loop_test(tc, every_field_moves_the_digest, 0, 10);
    tcase_add_test(tc, node_survives_the_round_trip);
    tcase_add_test(tc, batch_survives_the_round_trip);
    tcase_add_test(tc, registration_is_path_hash_origin_and_creation);
    tcase_add_loop_test(tc, peek_reads_the_type_or_says_why_not, 0, 5);
    tcase_add_test(tc, lack_of_memory_is_an_error);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
