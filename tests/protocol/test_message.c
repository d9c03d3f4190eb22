/* protocol/message.c: wire.md 2, 3 and the keys of each release */
#include <check.h>
#include <stdlib.h>

#include "protocol/error.h"
#include "protocol/frame.h"
#include "protocol/limits.h"
#include "protocol/message.h"
#include "tests/lib/test_alloc.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

/* ---- Fixture and helpers --------------------------------------------------------------------- */

static struct test_alloc test;
static struct rp_arena arena;
static struct rp_buffer buffer;
static struct rp_message message;
static struct rp_message decoded;

static void set_up(void)
{
    test_alloc_init(&test);
    rp_arena_init(&arena, &test.alloc);
    rp_buffer_init(&buffer, &test.alloc, 4 * RP_FRAME_LENGTH_MAX);
    memset(&message, 0, sizeof message);
}

static void tear_down(void)
{
    rp_arena_clear(&arena);
    rp_buffer_clear(&buffer);
    ck_assert_uint_eq(test.live_count, 0);
}

static int decode(enum rp_release release, uint8_t type, const char *json)
{
    return rp_message_decode(rp_release_traits(release), type, rp_view_text(json), &arena,
                             &decoded);
}

/* The JSON that a release writes for `message`, behind the five bytes of the header. */
static struct rp_view encode(enum rp_release release)
{
    rp_buffer_reset(&buffer);
    int error = rp_message_encode(rp_release_traits(release), &message, &buffer);
    ck_assert_msg(error == RP_OK, "%s", rp_strerror(error));
    return rp_view_make(buffer.bytes + 5, buffer.length_bytes - 5);
}

static void assert_text(struct rp_view view, const char *text)
{
    ck_assert_msg(rp_view_equal(view, rp_view_text(text)), "%.*s instead of %s",
                  (int)view.length_bytes, (const char *)view.bytes, text);
}

#define TEXT(text)                                                                                 \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

/* ---- Tables ---------------------------------------------------------------------------------- */

static struct rp_node_info two_nodes[] = {
    {.id = TEXT("w1"), .state = TEXT("healthy"), .core_count = 8, .raft_id = UINT64_MAX},
    {.id = TEXT("r1"), .is_bound_fetch = true},
};

/* Inventory "Codec", TestEncodeDecode. The text is what release `current` writes. */
static const struct {
    const char *name;
    struct rp_message message;
    const char *json;
} KINDS[] = {
    {"join request",
     {RP_MSG_JOIN_REQUEST,
      {.join_request = {.node_id = TEXT("r1"),
                        .role = TEXT("reader"),
                        .core_count = 4,
                        .auth_timestamp = -1,
                        .raft_id = 7,
                        .is_bound_fetch = true,
                        .bound_hmac = TEXT("cd")}}},
     "{\"node_id\":\"r1\",\"node_name\":\"\",\"role\":\"reader\",\"cluster_name\":\"\","
     "\"raft_addr\":\"\",\"api_addr\":\"\",\"coord_addr\":\"\",\"version\":\"\",\"core_count\":4,"
     "\"auth_timestamp\":-1,\"raft_id\":7,\"bound_fetch\":true,\"bound_hmac\":\"cd\"}"},
    {"join response, ok",
     {RP_MSG_JOIN_RESPONSE,
      {.join_response = {.is_success = true,
                         .leader_id = TEXT("w1"),
                         .has_nodes = true,
                         .nodes = two_nodes,
                         .node_count = 2}}},
     "{\"success\":true,\"leader_id\":\"w1\",\"leader_addr\":\"\",\"raft_leader\":\"\",\"nodes\":["
     "{\"id\":\"w1\",\"name\":\"\",\"role\":\"\",\"state\":\"healthy\",\"raft_addr\":\"\","
     "\"api_addr\":\"\",\"coord_addr\":\"\",\"core_count\":8,\"raft_id\":18446744073709551615},"
     "{\"id\":\"r1\",\"name\":\"\",\"role\":\"\",\"state\":\"\",\"raft_addr\":\"\","
     "\"api_addr\":\"\",\"coord_addr\":\"\",\"core_count\":0,\"bound_fetch\":true}]}"},
    {"join response, failed",
     {RP_MSG_JOIN_RESPONSE, {.join_response = {.error = TEXT("not <you>")}}},
     "{\"success\":false,\"leader_id\":\"\",\"leader_addr\":\"\",\"raft_leader\":\"\","
     "\"nodes\":null,\"error\":\"not \\u003cyou\\u003e\"}"},
    {"join response, empty list",
     {RP_MSG_JOIN_RESPONSE, {.join_response = {.has_nodes = true}}},
     "{\"success\":false,\"leader_id\":\"\",\"leader_addr\":\"\",\"raft_leader\":\"\","
     "\"nodes\":[]}"},
    {"leader info",
     {RP_MSG_LEADER_INFO, {.leader_info = {.leader_id = TEXT("w1")}}},
     "{\"leader_id\":\"w1\",\"leader_coord_addr\":\"\",\"leader_raft_addr\":\"\"}"},
    {"heartbeat",
     {RP_MSG_HEARTBEAT,
      {.heartbeat = {.node_id = TEXT("r1"),
                     .state = TEXT("healthy"),
                     .is_leader = true,
                     .timestamp = {1775916000, 120000000, 7200},
                     .auth_nonce = TEXT("ab")}}},
     "{\"node_id\":\"r1\",\"state\":\"healthy\",\"is_leader\":true,"
     "\"timestamp\":\"2026-04-11T16:00:00.12+02:00\",\"auth_nonce\":\"ab\"}"},
    {"heartbeat ack",
     {RP_MSG_HEARTBEAT_ACK, {.heartbeat_ack = {.timestamp = {RP_TIME_ZERO_UNIX_S, 0, 0}}}},
     "{\"node_id\":\"\",\"timestamp\":\"0001-01-01T00:00:00Z\"}"},
    {"leave",
     {RP_MSG_LEAVE_NOTIFY, {.leave_notify = {.node_id = TEXT("r1"), .reason = TEXT("stop")}}},
     "{\"node_id\":\"r1\",\"reason\":\"stop\"}"},
    {"replicate sync",
     {RP_MSG_REPLICATE_SYNC,
      {.replicate_sync = {.reader_id = TEXT("r1"), .last_known_seq = UINT64_MAX}}},
     "{\"reader_id\":\"r1\",\"last_known_seq\":18446744073709551615}"},
    {"replicate sync ack",
     {RP_MSG_REPLICATE_SYNC_ACK, {.replicate_sync_ack = {.current_seq = 3, .can_resume = true}}},
     "{\"current_seq\":3,\"can_resume\":true}"},
    {"fetch request",
     {RP_MSG_FETCH_FILE,
      {.fetch_file = {.path = TEXT("db/a\0b.parquet"),
                      .node_id = TEXT("r1"),
                      .timestamp = INT64_MIN,
                      .byte_offset = 5,
                      .bound_hmac = TEXT("cd")}}},
     "{\"path\":\"db/a\\u0000b.parquet\",\"node_id\":\"r1\",\"nonce\":\"\","
     "\"timestamp\":-9223372036854775808,\"hmac\":\"\",\"byte_offset\":5,\"bound_hmac\":\"cd\"}"},
    {"fetch ack, ok",
     {RP_MSG_FETCH_FILE_ACK,
      {.fetch_file_ack = {.status = TEXT("ok"), .size_bytes = INT64_MAX, .sha256 = TEXT("ff")}}},
     "{\"status\":\"ok\",\"size_bytes\":9223372036854775807,\"sha256\":\"ff\"}"},
    {"fetch ack, error",
     {RP_MSG_FETCH_FILE_ACK,
      {.fetch_file_ack = {.status = TEXT("error"), .code = TEXT("auth"), .error = TEXT("no")}}},
     "{\"status\":\"error\",\"code\":\"auth\",\"error\":\"no\",\"size_bytes\":0,\"sha256\":\"\"}"},
    {"forward apply",
     {RP_MSG_FORWARD_APPLY, {.forward_apply = {.command_json = {TEXT("{\"type\":8}"), true}}}},
     "{\"command_json\":\"eyJ0eXBlIjo4fQ==\",\"node_id\":\"\",\"nonce\":\"\",\"timestamp\":0,"
     "\"hmac\":\"\"}"},
    {"forward apply, bound",
     {RP_MSG_FORWARD_APPLY, {.forward_apply = {.hmac = TEXT("ab"), .bound_hmac = TEXT("cd")}}},
     "{\"command_json\":null,\"node_id\":\"\",\"nonce\":\"\",\"timestamp\":0,\"hmac\":\"ab\","
     "\"bound_hmac\":\"cd\"}"},
    {"forward apply, absent bytes",
     {RP_MSG_FORWARD_APPLY, {.forward_apply = {.timestamp = 1}}},
     "{\"command_json\":null,\"node_id\":\"\",\"nonce\":\"\",\"timestamp\":1,\"hmac\":\"\"}"},
    {"forward apply ack",
     {RP_MSG_FORWARD_APPLY_ACK, {.forward_apply_ack = {.status = TEXT("ok")}}},
     "{\"status\":\"ok\"}"},
};

/* wire.md 2: display names. */
static const struct {
    uint8_t type;
    const char *name;
} NAMES[] = {
    {0x01, "JoinRequest"},   {0x02, "JoinResponse"},     {0x03, "LeaderInfo"},
    {0x04, "Heartbeat"},     {0x05, "HeartbeatAck"},     {0x06, "LeaveNotify"},
    {0x10, "ReplicateSync"}, {0x11, "ReplicateSyncAck"}, {0x20, "FetchFile"},
    {0x21, "FetchFileAck"},  {0x30, "ForwardApply"},     {0x31, "ForwardApplyAck"},
    {0x00, "Unknown"},       {0x07, "Unknown"},          {0xff, "Unknown"},
};

/* Each way of being wrong has an error of its own; what is right beside it is not disturbed. */
static const struct {
    const char *name;
    uint8_t type;
    const char *json;
    int error;
} REFUSED[] = {
    {"type 255", 0xff, "{}", RP_ERR_UNKNOWN_TYPE},
    {"nothing", 0x20, "", RP_ERR_SYNTAX},
    {"only space", 0x20, " \n", RP_ERR_SYNTAX},
    {"top-level array", 0x20, "[]", RP_ERR_TYPE},
    {"syntax behind a wrong kind", 0x20, "{\"path\":5,\"x\":01}", RP_ERR_SYNTAX},
    {"number for text", 0x20, "{\"path\":5}", RP_ERR_TYPE},
    {"text for a number", 0x20, "{\"timestamp\":\"5\"}", RP_ERR_TYPE},
    {"fraction", 0x20, "{\"timestamp\":1.0}", RP_ERR_TYPE},
    {"exponent", 0x20, "{\"timestamp\":1e3}", RP_ERR_TYPE},
    {"above int64", 0x20, "{\"timestamp\":9223372036854775808}", RP_ERR_TYPE},
    {"below int64", 0x20, "{\"timestamp\":-9223372036854775809}", RP_ERR_TYPE},
    {"above uint64", 0x11, "{\"current_seq\":18446744073709551616}", RP_ERR_TYPE},
    {"minus zero, unsigned", 0x11, "{\"current_seq\":-0}", RP_ERR_TYPE},
    {"number for a bool", 0x11, "{\"can_resume\":1}", RP_ERR_TYPE},
    {"object in the list", 0x02, "{\"nodes\":[{},[]]}", RP_ERR_TYPE},
    {"no time", 0x05, "{\"timestamp\":\"2026-02-30T00:00:00Z\"}", RP_ERR_TIME},
    {"time before another error", 0x05, "{\"node_id\":1,\"timestamp\":1}", RP_ERR_TIME},
    {"no base64", 0x30, "{\"command_json\":\"a\"}", RP_ERR_BASE64},
    {"byte too large", 0x30, "{\"command_json\":[1,256]}", RP_ERR_TYPE},
};

/* Keys and values that the reference lets through; all name the path "ab". */
static const struct {
    const char *name;
    const char *json;
} LENIENT[] = {
    {"another case", "{\"PATH\":\"ab\"}"},
    {"escaped key", "{\"p\\u0061th\":\"ab\"}"},
    {"last duplicate wins", "{\"path\":\"x\",\"path\":\"ab\"}"},
    {"last duplicate wins, folded", "{\"path\":\"x\",\"Path\":\"ab\"}"},
    {"null changes nothing", "{\"path\":\"ab\",\"path\":null}"},
    {"unknown keys", "{\"zz\":{\"path\":[1,{\"path\":\"x\"}]},\"path\":\"ab\",\"path2\":1}"},
    {"white space", "\t{ \"path\"\r:\n\"ab\" } "},
    {"escapes", "{\"path\":\"\\u0061b\"}"},
};

/* ---- Tests ----------------------------------------------------------------------------------- */

/* Inventory "Codec": every kind is written as documented, and read back it is written the same. */
START_TEST(every_kind_round_trips)
{
    message = KINDS[_i].message;
    assert_text(encode(RP_RELEASE_CURRENT), KINDS[_i].json);
    struct rp_frame_reader reader;
    struct rp_frame frame;
    bool is_out_of_memory;
    struct rp_view input = rp_buffer_view(&buffer);
    rp_frame_reader_init(&reader, &test.alloc);
    ck_assert_int_eq(rp_frame_reader_take(&reader, &input, &frame, &is_out_of_memory),
                     RP_FRAME_READY);
    ck_assert_uint_eq(frame.type, (uint8_t)KINDS[_i].message.type);
    ck_assert_int_eq(rp_message_decode(rp_release_traits(RP_RELEASE_CURRENT), frame.type,
                                       frame.payload, &arena, &decoded),
                     RP_OK);
    /* The decoded views point into the first frame: write the second one elsewhere. */
    struct rp_buffer again;
    rp_buffer_init(&again, &test.alloc, 4 * RP_FRAME_LENGTH_MAX);
    ck_assert_int_eq(rp_message_encode(rp_release_traits(RP_RELEASE_CURRENT), &decoded, &again),
                     RP_OK);
    ck_assert(rp_view_equal(rp_buffer_view(&again), rp_buffer_view(&buffer)));
    rp_buffer_clear(&again);
    rp_frame_reader_clear(&reader);
}
END_TEST

/* Inventory "Codec", TestMessageTypeString. */
START_TEST(type_has_its_display_name)
{
    ck_assert_str_eq(rp_message_type_name(NAMES[_i].type), NAMES[_i].name);
}
END_TEST

/* Inventory "Codec", TestDecodeInvalidMessage; wire.md 4.1 to 4.7. */
START_TEST(wrong_payload_has_its_own_error)
{
    int error = decode(RP_RELEASE_CURRENT, REFUSED[_i].type, REFUSED[_i].json);
    ck_assert_msg(error == REFUSED[_i].error, "%s: %s", REFUSED[_i].name, rp_strerror(error));
}
END_TEST

/* wire.md 4.1 */
START_TEST(lenient_spelling_is_understood)
{
    ck_assert_int_eq(decode(RP_RELEASE_CURRENT, 0x20, LENIENT[_i].json), RP_OK);
    assert_text(decoded.as.fetch_file.path, "ab");
}
END_TEST

/* A NUL in a name stays a NUL: lengths are explicit (wire.md 4.4). */
START_TEST(embedded_nul_is_kept)
{
    ck_assert_int_eq(decode(RP_RELEASE_ARC, 0x20, "{\"path\":\"a\\u0000b\"}"), RP_OK);
    ck_assert(rp_view_equal(decoded.as.fetch_file.path, rp_view_make("a\0b", 3)));
}
END_TEST

/* Text without escapes is lent from the payload, and the whole decode allocates nothing. */
START_TEST(plain_request_is_decoded_without_memory)
{
    const char *json = "{\"path\":\"db/\xC3\xA4.parquet\",\"node_id\":\"r1\",\"nonce\":\"00\","
                       "\"timestamp\":1775916000,\"hmac\":\"ab\",\"byte_offset\":7}";
    ck_assert_int_eq(decode(RP_RELEASE_CURRENT, 0x20, json), RP_OK);
    ck_assert_ptr_eq(decoded.as.fetch_file.path.bytes, json + 9);
    ck_assert_int_eq(decoded.as.fetch_file.byte_offset, 7);
    ck_assert_uint_eq(test.call_count, 0);
}
END_TEST

/* An absent time is year 1, not 1970; a null document is all zero (wire.md 4.1, 4.6). */
START_TEST(absent_time_is_the_zero_time)
{
    ck_assert_int_eq(decode(RP_RELEASE_ARC, 0x04, " null "), RP_OK);
    ck_assert_int_eq(decoded.as.heartbeat.timestamp.unix_s, RP_TIME_ZERO_UNIX_S);
    ck_assert_uint_eq(decoded.as.heartbeat.node_id.length_bytes, 0);
}
END_TEST

/* A release ignores keys that it does not have, whatever their value; one that has them does not. */
START_TEST(key_of_a_later_release_is_ignored_by_an_earlier_one)
{
    const char *code = "{\"status\":\"error\",\"code\":5}";
    ck_assert_int_eq(decode(RP_RELEASE_PHASE2, 0x21, code), RP_OK);
    ck_assert_int_eq(decode(RP_RELEASE_PHASE3, 0x21, code), RP_ERR_TYPE);
    const char *offset = "{\"byte_offset\":\"x\"}";
    ck_assert_int_eq(decode(RP_RELEASE_PHASE3, 0x20, offset), RP_OK);
    ck_assert_int_eq(decode(RP_RELEASE_ARC, 0x20, offset), RP_ERR_TYPE);
    const char *mac = "{\"auth_hmac\":1}";
    ck_assert_int_eq(decode(RP_RELEASE_PHASE3, 0x04, mac), RP_OK);
    ck_assert_int_eq(decode(RP_RELEASE_ARC, 0x04, mac), RP_ERR_TYPE);
    const char *bound = "{\"bound_hmac\":1}";
    ck_assert_int_eq(decode(RP_RELEASE_ARC, 0x20, bound), RP_OK);
    ck_assert_int_eq(decode(RP_RELEASE_CURRENT, 0x20, bound), RP_ERR_TYPE);
}
END_TEST

/* A release never writes keys or kinds that it does not have. */
START_TEST(earlier_release_writes_no_later_key)
{
    message.type = RP_MSG_FETCH_FILE_ACK;
    message.as.fetch_file_ack =
        (struct rp_fetch_file_ack){.status = TEXT("error"), .code = TEXT("auth"), .byte_offset = 9};
    assert_text(encode(RP_RELEASE_PHASE2),
                "{\"status\":\"error\",\"size_bytes\":0,\"sha256\":\"\"}");
    assert_text(encode(RP_RELEASE_PHASE3),
                "{\"status\":\"error\",\"code\":\"auth\",\"size_bytes\":0,\"sha256\":\"\"}");
    message.type = RP_MSG_FORWARD_APPLY_ACK;
    memset(&message.as, 0, sizeof message.as);
    rp_buffer_reset(&buffer);
    ck_assert_int_eq(rp_message_encode(rp_release_traits(RP_RELEASE_PHASE3), &message, &buffer),
                     RP_ERR_UNKNOWN_TYPE);
    ck_assert_uint_eq(buffer.length_bytes, 0);
}
END_TEST

/* The limit of a frame counts the type byte: 1048575 bytes of JSON go, one more does not, and a
 * refused message leaves what was in the buffer before. */
START_TEST(largest_message_fits_exactly)
{
    static uint8_t letters[RP_FRAME_LENGTH_MAX];
    const size_t overhead = sizeof "{\"leader_id\":\"\",\"leader_coord_addr\":\"\","
                                   "\"leader_raft_addr\":\"\"}";
    memset(letters, 'a', sizeof letters);
    message.type = RP_MSG_LEADER_INFO;
    message.as.leader_info.leader_id = rp_view_make(letters, RP_FRAME_LENGTH_MAX - overhead);
    ck_assert_uint_eq(encode(RP_RELEASE_ARC).length_bytes, RP_FRAME_LENGTH_MAX - 1);
    size_t length_before = buffer.length_bytes;
    message.as.leader_info.leader_id.length_bytes += 1;
    ck_assert_int_eq(rp_message_encode(rp_release_traits(RP_RELEASE_ARC), &message, &buffer),
                     RP_ERR_TOO_LARGE);
    ck_assert_uint_eq(buffer.length_bytes, length_before);
}
END_TEST

/* A join response cannot make us reserve room for more nodes than a cluster can have. */
START_TEST(list_longer_than_any_cluster_is_refused)
{
    struct rp_buffer json;
    rp_buffer_init(&json, &test.alloc, RP_FRAME_LENGTH_MAX);
    ck_assert_int_eq(rp_buffer_append_text(&json, "{\"nodes\":[{}"), RP_OK);
    for (size_t i = 1; i < RP_JOIN_NODES_MAX + 1; i++) {
        ck_assert_int_eq(rp_buffer_append_text(&json, ",{}"), RP_OK);
    }
    ck_assert_int_eq(rp_buffer_append_text(&json, "]}"), RP_OK);
    const struct rp_traits *traits = rp_release_traits(RP_RELEASE_ARC);
    ck_assert_int_eq(rp_message_decode(traits, 0x02, rp_buffer_view(&json), &arena, &decoded),
                     RP_ERR_TYPE);
    rp_buffer_clear(&json);
}
END_TEST

/* Each allocation that fails in turn is told as such, and nothing leaks. */
START_TEST(lack_of_memory_is_told_at_every_call)
{
    const char *json = "{\"success\":true,\"nodes\":[{\"id\":\"\\u0061\"}],\"error\":\"\\n\"}";
    for (size_t k = 1;; k++) {
        rp_arena_clear(&arena);
        test.call_count = 0;
        test.fail_at = k;
        int error = decode(RP_RELEASE_CURRENT, 0x02, json);
        if (error == RP_OK) {
            ck_assert_uint_gt(k, 1);
            break;
        }
        ck_assert_int_eq(error, RP_ERR_NOMEM);
    }
    assert_text(decoded.as.join_response.nodes[0].id, "a");
    test.fail_at = 1;
    test.call_count = 0;
    message = KINDS[0].message;
    ck_assert_int_eq(rp_message_encode(rp_release_traits(RP_RELEASE_ARC), &message, &buffer),
                     RP_ERR_NOMEM);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("protocol.message");
    TCase *tcase = tcase_create("codec");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, every_kind_round_trips, 0, ROWS(KINDS));
    tcase_add_loop_test(tcase, type_has_its_display_name, 0, ROWS(NAMES));
    tcase_add_loop_test(tcase, wrong_payload_has_its_own_error, 0, ROWS(REFUSED));
    tcase_add_loop_test(tcase, lenient_spelling_is_understood, 0, ROWS(LENIENT));
    tcase_add_test(tcase, embedded_nul_is_kept);
    tcase_add_test(tcase, plain_request_is_decoded_without_memory);
    tcase_add_test(tcase, absent_time_is_the_zero_time);
    tcase_add_test(tcase, key_of_a_later_release_is_ignored_by_an_earlier_one);
    tcase_add_test(tcase, earlier_release_writes_no_later_key);
    tcase_add_test(tcase, largest_message_fits_exactly);
    tcase_add_test(tcase, list_longer_than_any_cluster_is_refused);
    tcase_add_test(tcase, lack_of_memory_is_told_at_every_call);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
