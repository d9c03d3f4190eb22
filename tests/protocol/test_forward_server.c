/* protocol/forward_server.c: behaviour.md 3, wire.md 5.5 and 7 */
#include "tests/lib/forward_bench.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

/* Client and leader together, byte by byte: the command arrives as it was submitted. */
START_TEST(round_trip_proposes_and_acks)
{
    request(DELETE_COMMAND);
    for (size_t i = 0; i < sent.length_bytes; i++) {
        server_receive(rp_view_make(sent.bytes + i, 1));
    }
    server_proposed(0, 0);
    ck_assert_str_eq(server_story, "judged 0 propose " DELETE_COMMAND " send ");
    client_receive(rp_buffer_view(&acks));
    ck_assert_str_eq(story, "connect l:1 send end 1=0 ");
    ck_assert_uint_eq(rp_forward_server_deadline(server), now_ns + RP_FORWARD_IDLE_NS);
}
END_TEST

struct judge_row {
    const char *name;
    const char *command;
    bool is_stale, is_replay, lacks_consensus, is_unknown, is_follower;
    const char *role;
    enum rp_forward_verdict verdict;
};
/* Each row breaks its own check and all later ones: the order shows. */
static const struct judge_row JUDGEMENTS[] = {
    {"stale", "?", true, true, true, true, true, "reader", RP_FORWARD_NOT_AUTHENTIC},
    {"replay", "?", false, true, true, true, true, "reader", RP_FORWARD_REPLAY},
    {"no consensus", "?", false, false, true, true, true, "reader", RP_FORWARD_NO_CONSENSUS},
    {"unknown", "?", false, false, false, true, true, "reader", RP_FORWARD_UNKNOWN_SENDER},
    {"follower", "?", false, false, false, false, true, "reader", RP_FORWARD_NOT_LEADER},
    {"no command", "?", false, false, false, false, false, "reader", RP_FORWARD_BAD_COMMAND},
    {"type", "{\"type\":1,\"payload\":\"\"}", false, false, false, false, false, "reader",
     RP_FORWARD_TYPE_REFUSED},
    {"high type", "{\"type\":39,\"payload\":\"\"}", false, false, false, false, false, "writer",
     RP_FORWARD_TYPE_REFUSED},
    {"role", DELETE_COMMAND, false, false, false, false, false, "reader", RP_FORWARD_ROLE_REFUSED},
    {"writer", DELETE_COMMAND, false, false, false, false, false, "writer", RP_FORWARD_PROPOSE},
    {"compactor", DELETE_COMMAND, false, false, false, false, false, "compactor",
     RP_FORWARD_PROPOSE},
    {"standalone", DELETE_COMMAND, false, false, false, false, false, "standalone",
     RP_FORWARD_PROPOSE},
    {"no role", DELETE_COMMAND, false, false, false, false, false, "", RP_FORWARD_ROLE_REFUSED},
    {"unknown role", DELETE_COMMAND, false, false, false, false, false, "gateway",
     RP_FORWARD_ROLE_REFUSED},
    {"update", "{\"type\":11,\"payload\":\"\"}", false, false, false, false, false, "writer",
     RP_FORWARD_PROPOSE},
};

/* behaviour.md 3: the first check that fails answers; the nonce is burnt once the MAC held. */
START_TEST(checks_come_in_order)
{
    const struct judge_row *row = &JUDGEMENTS[_i];
    char expected[32];
    facts.clock_s = row->is_stale ? UNIX_S + RP_MAC_TOLERANCE_S + 1 : UNIX_S;
    facts.is_fresh_nonce = !row->is_replay;
    facts.has_consensus = !row->lacks_consensus;
    facts.is_known = !row->is_unknown;
    facts.is_leader = !row->is_follower;
    facts.role = row->role;
    request(row->command);
    server_receive(rp_buffer_view(&sent));
    snprintf(expected, sizeof expected, "judged %d %s", row->verdict,
             row->verdict == RP_FORWARD_PROPOSE ? "propose " : "send ");
    ck_assert_msg(strncmp(server_story, expected, strlen(expected)) == 0, "row %d %s: %s", _i,
                  row->name, server_story);
    ck_assert_int_eq(facts.tracked_count, row->is_stale ? 0 : 1);
}
END_TEST

/* UpdateFile was never put on the reference's list. */
START_TEST(arc_leader_refuses_update)
{
    request("{\"type\":11,\"payload\":\"\"}");
    server_receive(rp_buffer_view(&sent));
    ck_assert_str_eq(server_story, "judged 8 send ");
    client_receive(rp_buffer_view(&acks));
    ck_assert_ptr_nonnull(strstr(story, "end 1=-2:invalid_command "));
}
END_TEST

/* A role that nobody knows counts as standalone there, which may do all; a reader's is known. */
START_TEST(arc_leader_takes_unknown_role)
{
    facts.role = "gateway";
    request(DELETE_COMMAND);
    server_receive(rp_buffer_view(&sent));
    ck_assert_ptr_nonnull(strstr(server_story, "propose "));
}
END_TEST

/* One wrong bit in the MAC: the same answer as for a stale one, no nonce kept, session goes on. */
START_TEST(wrong_mac_is_refused_without_trace)
{
    request(DELETE_COMMAND);
    uint8_t *mac = sent.bytes + sent.length_bytes - 4;
    *mac = *mac == '0' ? '1' : '0';
    server_receive(rp_buffer_view(&sent));
    ck_assert_str_eq(server_story, "judged 2 send ");
    ck_assert_int_eq(facts.tracked_count, 0);
    client_receive(rp_buffer_view(&acks));
    ck_assert_ptr_nonnull(strstr(story, "end 1=-25:auth "));
}
END_TEST

struct binding_row {
    const char *name;
    const char *meant_for; /* "": no second MAC */
    bool is_bound_sender;
    enum rp_forward_verdict verdict;
};
static const struct binding_row BINDINGS[] = {
    {"for us", "l1", true, RP_FORWARD_PROPOSE},
    {"for another", "l2", true, RP_FORWARD_NOT_AUTHENTIC},
    {"for nobody, from one that binds", "", true, RP_FORWARD_NOT_AUTHENTIC},
    {"for nobody, from an older one", "", false, RP_FORWARD_PROPOSE},
    {"for us, from one known as older", "l1", false, RP_FORWARD_PROPOSE},
    {"for another, from one known as older", "l2", false, RP_FORWARD_NOT_AUTHENTIC},
};

/* A command told to another leader is not told to us, and takes no place among the nonces. */
START_TEST(command_is_taken_by_its_addressee_alone)
{
    const struct binding_row *row = &BINDINGS[_i];
    char expected[32];
    facts.is_bound = row->is_bound_sender;
    request_of(row->meant_for, DELETE_COMMAND);
    server_receive(rp_buffer_view(&sent));
    snprintf(expected, sizeof expected, "judged %d %s", row->verdict,
             row->verdict == RP_FORWARD_PROPOSE ? "propose " : "send ");
    ck_assert_msg(strncmp(server_story, expected, strlen(expected)) == 0, "row %d %s: %s", _i,
                  row->name, server_story);
    ck_assert_int_eq(facts.tracked_count, row->verdict == RP_FORWARD_PROPOSE ? 1 : 0);
}
END_TEST

/* The second MAC stands for this command: another one's does not do. */
START_TEST(second_mac_of_another_command_is_refused)
{
    struct rp_auth_tuple tuple = {.kind = RP_AUTH_FORWARD,
                                  .nonce = rp_view_text("n"),
                                  .node_id = rp_view_text("w1"),
                                  .cluster = rp_view_text("c"),
                                  .timestamp = UNIX_S,
                                  .addressee = rp_view_text("l1"),
                                  .command = rp_view_text(DELETE_COMMAND)};
    char mac[RP_SHA256_HEX], bound_mac[RP_SHA256_HEX];
    ck_assert_int_eq(rp_auth_sign(auth, &tuple, mac), 0);
    tuple.kind = RP_AUTH_BOUND_FORWARD;
    tuple.command = rp_view_text("{}");
    ck_assert_int_eq(rp_auth_sign(auth, &tuple, bound_mac), 0);
    struct rp_message message = {.type = RP_MSG_FORWARD_APPLY};
    struct rp_forward_apply *apply = &message.as.forward_apply;
    apply->command_json.view = rp_view_text(DELETE_COMMAND);
    apply->command_json.is_present = true;
    apply->node_id = tuple.node_id;
    apply->nonce = tuple.nonce;
    apply->timestamp = UNIX_S;
    apply->hmac = rp_view_make(mac, sizeof mac);
    apply->bound_hmac = rp_view_make(bound_mac, sizeof bound_mac);
    ck_assert_int_eq(rp_message_encode(traits, &message, &sent), 0);
    server_receive(rp_buffer_view(&sent));
    ck_assert_str_eq(server_story, "judged 2 send ");
}
END_TEST

/* The reference sends no such key, and looks at none. */
START_TEST(arc_names_no_addressee)
{
    static const char KEY[] = "bound_hmac";
    request_of("l2", DELETE_COMMAND);
    for (size_t at = 0; at + sizeof KEY <= sent.length_bytes; at += 1) {
        ck_assert(memcmp(sent.bytes + at, KEY, sizeof KEY - 1) != 0);
    }
    server_receive(rp_buffer_view(&sent));
    ck_assert_ptr_nonnull(strstr(server_story, "propose "));
}
END_TEST

struct result_row {
    int error, apply_error;
    const char *told;
};
static const struct result_row RESULTS[] = {
    {0, 0, "end 1=0 "},
    {0, RP_ERR_INVALID, "end 1=-16:apply_failed "},
    {RP_ERR_LEADERSHIP_LOST, 0, "end 1=-16:apply_failed "},
    {RP_ERR_NOT_LEADER, 0, "end 1=-15:not_leader "},
};

/* What came of the proposal, as the client hears it. */
START_TEST(result_of_proposal_reaches_client)
{
    request(DELETE_COMMAND);
    server_receive(rp_buffer_view(&sent));
    server_proposed(RESULTS[_i].error, RESULTS[_i].apply_error);
    story[0] = '\0';
    client_receive(rp_buffer_view(&acks));
    ck_assert_str_eq(story, RESULTS[_i].told);
}
END_TEST

/* The proposal may take 5 s; what comes later is nobody's answer. */
START_TEST(slow_proposal_is_answered_as_failed)
{
    request(DELETE_COMMAND);
    server_receive(rp_buffer_view(&sent));
    now_ns = rp_forward_server_deadline(server);
    ck_assert_uint_eq(now_ns, RP_NS_PER_S + RP_PROPOSE_TIMEOUT_NS);
    server_step((struct rp_forward_server_event){.kind = RP_FORWARD_SERVER_EV_TIMER});
    server_proposed(0, 0);
    ck_assert_str_eq(server_story, "judged 0 propose " DELETE_COMMAND " send ");
}
END_TEST

/* 30 s without a whole frame end the session; single bytes do not prolong it. */
START_TEST(idle_session_is_closed)
{
    request(DELETE_COMMAND);
    server_receive(rp_buffer_view(&sent));
    server_proposed(0, 0);
    server_story[0] = '\0';
    now_ns += RP_FORWARD_IDLE_NS - 1;
    server_receive(rp_view_make("\0", 1));
    now_ns += 1;
    server_step((struct rp_forward_server_event){.kind = RP_FORWARD_SERVER_EV_TIMER});
    ck_assert_str_eq(server_story, "close ");
}
END_TEST

/* A second request that came with the first is handled after the first one's answer. */
START_TEST(second_request_waits_for_first_answer)
{
    request(DELETE_COMMAND);
    size_t length_bytes = sent.length_bytes;
    uint8_t *twice = malloc(2 * length_bytes);
    memcpy(twice, sent.bytes, length_bytes);
    memcpy(twice + length_bytes, sent.bytes, length_bytes);
    server_receive(rp_view_make(twice, 2 * length_bytes));
    ck_assert_str_eq(server_story, "judged 0 propose " DELETE_COMMAND " ");
    server_story[0] = '\0';
    facts.is_fresh_nonce = false;
    server_proposed(0, 0);
    ck_assert_str_eq(server_story, "send judged 3 send ");
    free(twice);
}
END_TEST

/* Given up by its sender, and late: it is not proposed; the session ends, so that a sender that is there
 * after all dials anew. */
START_TEST(overtaken_command_ends_the_session)
{
    facts.is_overtaken = true;
    request(DELETE_COMMAND);
    server_receive(rp_buffer_view(&sent));
    ck_assert_str_eq(server_story, "judged 11 send close ");
    client_receive(rp_buffer_view(&acks));
    ck_assert_ptr_nonnull(strstr(story, ":apply_failed "));
    ck_assert_str_eq(told_text, "overtaken by a later connection");
}
END_TEST

/* The reference takes what comes, however late. */
START_TEST(arc_leader_takes_overtaken_command)
{
    facts.is_overtaken = true;
    request(DELETE_COMMAND);
    server_receive(rp_buffer_view(&sent));
    ck_assert_ptr_nonnull(strstr(server_story, "propose "));
}
END_TEST

/* wire.md 5.5: any other message ends the session in silence. */
START_TEST(other_frames_end_the_session)
{
    static const char *const FRAMES[] = {"\0\0\0\3\x04{}", "\0\0\0\3\x7f{}", "\0\0\0\3\x30{,"};
    server_receive(rp_view_make(FRAMES[_i], 7));
    server_receive(rp_view_make("more", 4));
    ck_assert_str_eq(server_story, "close ");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("forward_server");
    TCase *tc = tcase_create("current");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, round_trip_proposes_and_acks);
    tcase_add_loop_test(tc, checks_come_in_order, 0, ROWS(JUDGEMENTS));
    tcase_add_test(tc, wrong_mac_is_refused_without_trace);
    tcase_add_loop_test(tc, command_is_taken_by_its_addressee_alone, 0, ROWS(BINDINGS));
    tcase_add_test(tc, second_mac_of_another_command_is_refused);
    tcase_add_loop_test(tc, result_of_proposal_reaches_client, 0, ROWS(RESULTS));
    tcase_add_test(tc, slow_proposal_is_answered_as_failed);
    tcase_add_test(tc, idle_session_is_closed);
    tcase_add_test(tc, second_request_waits_for_first_answer);
    tcase_add_test(tc, overtaken_command_ends_the_session);
    tcase_add_loop_test(tc, other_frames_end_the_session, 0, 3);
    suite_add_tcase(suite, tc);
    TCase *arc = tcase_create("arc");
    tcase_add_checked_fixture(arc, setup_arc, teardown);
    tcase_add_test(arc, arc_names_no_addressee);
    tcase_add_test(arc, arc_leader_refuses_update);
    tcase_add_test(arc, arc_leader_takes_unknown_role);
    tcase_add_test(arc, arc_leader_takes_overtaken_command);
    suite_add_tcase(suite, arc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
