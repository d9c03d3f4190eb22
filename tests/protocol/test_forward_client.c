/* protocol/forward_client.c: behaviour.md 3, wire.md 5.5 and 7 */
#include "tests/lib/forward_bench.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

/* One connection, one request at a time, the next when the answer is there. */
START_TEST(requests_go_one_after_another_on_one_connection)
{
    lead("l:1");
    submit(1, DELETE_COMMAND);
    submit(2, DELETE_COMMAND);
    client_event(RP_FORWARD_CLIENT_EV_CONNECTED, 0);
    client_ack("ok", "");
    client_ack("ok", "");
    submit(3, DELETE_COMMAND);
    ck_assert_str_eq(story, "connect l:1 send end 1=0 send end 2=0 send ");
}
END_TEST

struct ack_row {
    const char *status, *code;
    int error;
    const char *told;
};
static const struct ack_row ACKS[] = {
    {"ok", "", 0, ""},
    {"ok", "auth", 0, ""},
    {"error", "not_leader", RP_ERR_NO_LEADER, ":not_leader"},
    {"error", "auth", RP_ERR_AUTH, ":auth"},
    {"error", "invalid_command", RP_ERR_INVALID, ":invalid_command"},
    {"error", "apply_failed", RP_ERR_LEADERSHIP_LOST, ":apply_failed"},
    {"error", "raft_unavailable", RP_ERR_UNREACHABLE, ":raft_unavailable"},
    {"error", "NOT_LEADER", RP_ERR_TYPE, ":unknown"},
    {"error", "", RP_ERR_TYPE, ":unknown"},
    {"OK", "", RP_ERR_TYPE, ":unknown"},
};

/* Every answer ends the request and keeps the connection. */
START_TEST(ack_ends_request_and_keeps_connection)
{
    char expected[128];
    request(DELETE_COMMAND);
    story[0] = '\0';
    client_ack(ACKS[_i].status, ACKS[_i].code);
    submit(2, DELETE_COMMAND);
    snprintf(expected, sizeof expected, "end 1=%d%s send ", ACKS[_i].error, ACKS[_i].told);
    ck_assert_str_eq(story, expected);
}
END_TEST

/* Whoever proposed is told why in the leader's words, as long as they are words of the protocol; other
 * bytes of a peer go no further. */
static const struct {
    const char *code, *text, *told;
} TEXTS[] = {
    {"auth", "unauthorized role", "unauthorized role"},
    {"invalid_command", "command type not allowed via forwarding",
     "command type not allowed via forwarding"},
    {"apply_failed", "invalid argument", "invalid argument"},
    {"auth", "unauthorized role ", "authentication failed"},
    {"apply_failed", "rm -rf", "leadership lost, outcome unknown"},
};

START_TEST(text_of_the_ack_is_told_if_it_is_known)
{
    request(DELETE_COMMAND);
    client_ack_text("error", TEXTS[_i].code, TEXTS[_i].text);
    ck_assert_str_eq(told_text, TEXTS[_i].told);
}
END_TEST

/* Transport error: the request fails, is never sent again, and the next one dials. */
START_TEST(lost_connection_fails_request_and_next_dials)
{
    request(DELETE_COMMAND);
    submit(2, DELETE_COMMAND);
    story[0] = '\0';
    client_event(RP_FORWARD_CLIENT_EV_CLOSED, RP_ERR_RESET);
    ck_assert_str_eq(story, "close end 1=-11 connect l:1 ");
}
END_TEST

/* Five seconds in all, for the dial as for the answer, whatever bytes trickle in. */
START_TEST(five_seconds_bound_the_whole_round_trip)
{
    lead("l:1");
    submit(1, DELETE_COMMAND);
    ck_assert_uint_eq(rp_forward_client_deadline(client), now_ns + RP_FORWARD_TIMEOUT_NS);
    now_ns += RP_FORWARD_TIMEOUT_NS - 1;
    client_event(RP_FORWARD_CLIENT_EV_CONNECTED, 0);
    client_receive(rp_view_make("\0", 1));
    now_ns += 1;
    client_event(RP_FORWARD_CLIENT_EV_TIMER, 0);
    ck_assert_str_eq(story, "connect l:1 send close end 1=-9 ");
    ck_assert_uint_eq(rp_forward_client_deadline(client), RP_TIME_NEVER);
}
END_TEST

/* Another leader: what is on the old connection may still commit, what waits goes to the new one. */
START_TEST(leader_change_drops_connection)
{
    request(DELETE_COMMAND);
    submit(2, DELETE_COMMAND);
    story[0] = '\0';
    lead("l:2");
    lead("l:2");
    ck_assert_str_eq(story, "close end 1=-16 connect l:2 ");
    lead("");
    ck_assert_str_eq(story, "close end 1=-16 connect l:2 close end 2=-16 ");
    submit(3, DELETE_COMMAND);
    ck_assert_ptr_nonnull(strstr(story, "end 3=-15 "));
}
END_TEST

/* Another node at the same address is another leader, but to a release that names none. */
START_TEST(other_leader_at_same_address_is_dialled_anew)
{
    request_of("l1", DELETE_COMMAND);
    story[0] = '\0';
    lead_as("l:1", "l2");
    ck_assert_str_eq(story, "close end 1=-16 ");
    submit(2, DELETE_COMMAND);
    ck_assert_str_eq(story, "close end 1=-16 connect l:1 ");
}
END_TEST
START_TEST(other_leader_at_same_address_is_nothing_to_arc)
{
    request_of("l1", DELETE_COMMAND);
    story[0] = '\0';
    lead_as("l:1", "l2");
    ck_assert_str_eq(story, "");
}
END_TEST

/* A failed dial leaves nothing to close. */
START_TEST(failed_dial_fails_request)
{
    lead("l:1");
    submit(1, DELETE_COMMAND);
    client_event(RP_FORWARD_CLIENT_EV_CONNECTED, RP_ERR_REFUSED);
    ck_assert_str_eq(story, "connect l:1 end 1=-12 ");
    ck_assert(rp_forward_client_is_idle(client));
}
END_TEST

/* Garbage, another kind of frame, or bytes that nobody asked for. */
START_TEST(misconduct_closes_the_connection)
{
    static const struct {
        const char *name;
        const char *bytes;
        size_t length_bytes;
    } rows[] = {
        {"zero length", "\0\0\0\0", 4},
        {"too large", "\x7f\0\0\0", 4},
        {"unknown type", "\0\0\0\3\x7f{}", 7},
        {"heartbeat ack", "\0\0\0\3\x05{}", 7},
        {"no JSON", "\0\0\0\2\x31x", 6},
        {"two answers", "\0\0\0\x10\x31{\"status\":\"ok\"}\0", 21},
    };
    request(DELETE_COMMAND);
    client_receive(rp_view_make(rows[_i].bytes, rows[_i].length_bytes));
    ck_assert_msg(strstr(story, "close ") != NULL, "row %d %s: %s", _i, rows[_i].name, story);
    ck_assert(rp_forward_client_is_idle(client));
}
END_TEST

/* A stop ends them all, each once. */
START_TEST(cancel_ends_every_request)
{
    request(DELETE_COMMAND);
    submit(2, DELETE_COMMAND);
    story[0] = '\0';
    client_event(RP_FORWARD_CLIENT_EV_CANCEL_ALL, 0);
    ck_assert_str_eq(story, "close end 1=-8 end 2=-8 ");
}
END_TEST

/* The leader closes after 30 idle seconds: `current` dials again, `arc` loses the next request. */
START_TEST(idle_close_is_noticed)
{
    request(DELETE_COMMAND);
    client_ack("ok", "");
    client_event(RP_FORWARD_CLIENT_EV_CLOSED, 0);
    story[0] = '\0';
    submit(2, DELETE_COMMAND);
    ck_assert_str_eq(story, "connect l:1 ");
}
END_TEST
START_TEST(idle_close_is_not_noticed_by_arc)
{
    request(DELETE_COMMAND);
    client_ack("ok", "");
    client_event(RP_FORWARD_CLIENT_EV_CLOSED, 0);
    story[0] = '\0';
    submit(2, DELETE_COMMAND);
    submit(3, DELETE_COMMAND);
    ck_assert_str_eq(story, "close end 2=-10 connect l:1 ");
}
END_TEST

/* behaviour.md 3: arc stamps before the wait, so a long wait makes it old. */
START_TEST(stamp_is_made_when_sent)
{
    lead("l:1");
    submit(1, DELETE_COMMAND);
    ck_assert_int_eq(stamp_count, 0);
    client_event(RP_FORWARD_CLIENT_EV_CONNECTED, 0);
    ck_assert_int_eq(stamp_count, 1);
}
END_TEST
START_TEST(stamp_is_made_when_submitted_by_arc)
{
    lead("l:1");
    submit(1, DELETE_COMMAND);
    ck_assert_int_eq(stamp_count, 1);
    client_event(RP_FORWARD_CLIENT_EV_CONNECTED, 0);
    ck_assert_int_eq(stamp_count, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("forward_client");
    TCase *tc = tcase_create("current");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, requests_go_one_after_another_on_one_connection);
    tcase_add_loop_test(tc, ack_ends_request_and_keeps_connection, 0, ROWS(ACKS));
    tcase_add_loop_test(tc, text_of_the_ack_is_told_if_it_is_known, 0, ROWS(TEXTS));
    tcase_add_test(tc, lost_connection_fails_request_and_next_dials);
    tcase_add_test(tc, five_seconds_bound_the_whole_round_trip);
    tcase_add_test(tc, leader_change_drops_connection);
    tcase_add_test(tc, other_leader_at_same_address_is_dialled_anew);
    tcase_add_test(tc, failed_dial_fails_request);
    tcase_add_loop_test(tc, misconduct_closes_the_connection, 0, 6);
    tcase_add_test(tc, cancel_ends_every_request);
    tcase_add_test(tc, idle_close_is_noticed);
    tcase_add_test(tc, stamp_is_made_when_sent);
    suite_add_tcase(suite, tc);
    TCase *arc = tcase_create("arc");
    tcase_add_checked_fixture(arc, setup_arc, teardown);
    tcase_add_test(arc, idle_close_is_not_noticed_by_arc);
    tcase_add_test(arc, stamp_is_made_when_submitted_by_arc);
    tcase_add_test(arc, other_leader_at_same_address_is_nothing_to_arc);
    suite_add_tcase(suite, arc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
