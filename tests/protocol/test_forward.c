/* protocol/forward_client.c, forward_server.c: behaviour.md 3, wire.md 5.5 and 7 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/command.h"
#include "protocol/error.h"
#include "protocol/forward_client.h"
#include "protocol/forward_server.h"
#include "protocol/frame.h"
#include "protocol/limits.h"
#include "tests/lib/test_alloc.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))
#define UNIX_S      INT64_C(1775923200)

/* ---- Fixture: a client and a leader's session, each with its story ---------------------------- */

static struct test_alloc memory;
static const struct rp_traits *traits;
static struct rp_auth *auth;
static struct rp_forward_client *client;
static struct rp_forward_server *server;
static rp_time_ns now_ns;
static int stamp_count;
static const char *told_text;
static char story[2048];        /* of the client: "connect addr ", "send ", "end 1=0 ", "close " */
static char server_story[2048]; /* "judged 0 ", "propose ", "send ", "close " */
static struct rp_buffer sent;   /* frames the client sent */
static struct rp_buffer acks;   /* frames the server sent */
static uint64_t server_ticket;

/* What the leader's node would say. */
static struct {
    bool is_fresh_nonce, has_consensus, is_known, is_leader, is_bound;
    const char *role;
    int64_t clock_s;
    int tracked_count;
} facts;

static void stamp(void *context, char nonce_hex_out[64], int64_t *unix_s_out)
{
    (void)context;
    stamp_count += 1;
    memset(nonce_hex_out, 'a' + stamp_count % 6, 64);
    *unix_s_out = UNIX_S;
}

static int64_t clock_s(void *context)
{
    (void)context;
    return facts.clock_s;
}

static bool track(void *context, struct rp_view node_id, struct rp_view nonce, int64_t timestamp)
{
    (void)context;
    (void)timestamp;
    ck_assert(rp_view_equal(node_id, rp_view_text("w1")));
    ck_assert_uint_eq(nonce.length_bytes, 64);
    facts.tracked_count += 1;
    return facts.is_fresh_nonce;
}

static bool consensus(void *context)
{
    (void)context;
    return facts.has_consensus;
}

static bool sender(void *context, struct rp_view node_id, struct rp_view *role_out)
{
    (void)context;
    (void)node_id;
    *role_out = rp_view_text(facts.role);
    return facts.is_known;
}

static bool leader(void *context)
{
    (void)context;
    return facts.is_leader;
}

static bool bound_sender(void *context, struct rp_view node_id)
{
    (void)context;
    ck_assert(rp_view_equal(node_id, rp_view_text("w1")));
    return facts.is_bound;
}

static void setup_release(enum rp_release release)
{
    test_alloc_init(&memory);
    traits = rp_release_traits(release);
    now_ns = RP_NS_PER_S;
    stamp_count = 0;
    story[0] = '\0';
    server_story[0] = '\0';
    ck_assert_int_eq(rp_auth_new(traits, rp_view_text("test-secret"), &memory.alloc, &auth), 0);
    rp_buffer_init(&sent, &memory.alloc, 1 << 22);
    rp_buffer_init(&acks, &memory.alloc, 1 << 22);
    struct rp_forward_client_settings settings = {.traits = traits,
                                                  .auth = auth,
                                                  .node_id = rp_view_text("w1"),
                                                  .cluster = rp_view_text("c"),
                                                  .alloc = &memory.alloc,
                                                  .stamp = stamp};
    ck_assert_int_eq(rp_forward_client_new(&settings, &client), 0);
    struct rp_forward_host host = {.traits = traits,
                                   .auth = auth,
                                   .cluster = rp_view_text("c"),
                                   .self_id = rp_view_text("l1"),
                                   .alloc = &memory.alloc,
                                   .now_unix_s = clock_s,
                                   .track_nonce = track,
                                   .has_consensus = consensus,
                                   .find_sender = sender,
                                   .is_leader = leader,
                                   .is_bound_sender = bound_sender};
    ck_assert_int_eq(rp_forward_server_new(&host, &server), 0);
    facts.is_fresh_nonce = facts.has_consensus = facts.is_known = facts.is_leader = true;
    facts.is_bound = true;
    facts.role = "writer";
    facts.clock_s = UNIX_S;
    facts.tracked_count = 0;
}

static void setup(void)
{
    setup_release(RP_RELEASE_CURRENT);
}

static void setup_arc(void)
{
    setup_release(RP_RELEASE_ARC);
}

static void teardown(void)
{
    rp_forward_client_free(client);
    rp_forward_server_free(server);
    rp_auth_free(auth);
    rp_buffer_clear(&sent);
    rp_buffer_clear(&acks);
    ck_assert_uint_eq(memory.live_count, 0);
}

/* ---- Helpers --------------------------------------------------------------------------------- */

#define TELL(text, ...) snprintf((text) + strlen(text), sizeof(text) - strlen(text), __VA_ARGS__)

static void narrate_client(void)
{
    struct rp_forward_client_action action;
    while (rp_forward_client_next(client, &action)) {
        switch (action.kind) {
        case RP_FORWARD_CLIENT_DO_CLOSE: TELL(story, "close "); break;
        case RP_FORWARD_CLIENT_DO_CONNECT:
            TELL(story, "connect %.*s ", (int)action.address.length_bytes,
                 (const char *)action.address.bytes);
            break;
        case RP_FORWARD_CLIENT_DO_SEND:
            TELL(story, "send ");
            ck_assert_int_eq(rp_buffer_append(&sent, action.data), 0);
            break;
        case RP_FORWARD_CLIENT_DO_FINISH:
            told_text = action.text;
            TELL(story, "end %d=%d%s%s ", (int)action.request, action.error,
                 action.code == RP_FORWARD_CODE_NONE ? "" : ":", rp_forward_code_name(action.code));
            break;
        }
    }
}

static void client_step(struct rp_forward_client_event event)
{
    event.now_ns = now_ns;
    ck_assert_int_eq(rp_forward_client_step(client, &event), 0);
    narrate_client();
}

static void lead_as(const char *address, const char *leader_id)
{
    client_step((struct rp_forward_client_event){.kind = RP_FORWARD_CLIENT_EV_LEADER_CHANGED,
                                                 .address = rp_view_text(address),
                                                 .leader_id = rp_view_text(leader_id)});
}

static void lead(const char *address)
{
    lead_as(address, address[0] == '\0' ? "" : "l1");
}

static void submit(uint64_t number, const char *command)
{
    client_step((struct rp_forward_client_event){
        .kind = RP_FORWARD_CLIENT_EV_SUBMIT, .request = number, .command = rp_view_text(command)});
}

static void client_event(enum rp_forward_client_event_kind kind, int error)
{
    client_step((struct rp_forward_client_event){.kind = kind, .error = error});
}

static void client_receive(struct rp_view bytes)
{
    client_step(
        (struct rp_forward_client_event){.kind = RP_FORWARD_CLIENT_EV_RECEIVED, .received = bytes});
}

/* An ack frame as a leader would send it. */
static void client_ack_text(const char *status, const char *code, const char *text)
{
    struct rp_message message = {.type = RP_MSG_FORWARD_APPLY_ACK};
    message.as.forward_apply_ack.error = rp_view_text(text);
    message.as.forward_apply_ack.status = rp_view_text(status);
    message.as.forward_apply_ack.code = rp_view_text(code);
    rp_buffer_reset(&acks);
    ck_assert_int_eq(rp_message_encode(traits, &message, &acks), 0);
    client_receive(rp_buffer_view(&acks));
}

static void client_ack(const char *status, const char *code)
{
    client_ack_text(status, code, "");
}

static void narrate_server(void)
{
    struct rp_forward_server_action action;
    while (rp_forward_server_next(server, &action)) {
        switch (action.kind) {
        case RP_FORWARD_SERVER_DO_JUDGED: TELL(server_story, "judged %d ", action.verdict); break;
        case RP_FORWARD_SERVER_DO_PROPOSE:
            server_ticket = action.ticket;
            TELL(server_story, "propose %.*s ", (int)action.data.length_bytes,
                 (const char *)action.data.bytes);
            break;
        case RP_FORWARD_SERVER_DO_SEND:
            TELL(server_story, "send ");
            ck_assert_int_eq(rp_buffer_append(&acks, action.data), 0);
            break;
        case RP_FORWARD_SERVER_DO_CLOSE: TELL(server_story, "close "); break;
        }
    }
}

static void server_step(struct rp_forward_server_event event)
{
    event.now_ns = now_ns;
    rp_forward_server_step(server, &event);
    narrate_server();
}

static void server_receive(struct rp_view bytes)
{
    server_step(
        (struct rp_forward_server_event){.kind = RP_FORWARD_SERVER_EV_RECEIVED, .payload = bytes});
}

static void server_proposed(int error, int apply_error)
{
    server_step((struct rp_forward_server_event){.kind = RP_FORWARD_SERVER_EV_PROPOSED,
                                                 .ticket = server_ticket,
                                                 .error = error,
                                                 .apply_error = apply_error});
}

/* A request of the client, on its way: the bytes are in `sent`. */
static void request_of(const char *leader_id, const char *command)
{
    rp_buffer_reset(&sent);
    rp_buffer_reset(&acks);
    lead_as("l:1", leader_id);
    submit(1, command);
    client_event(RP_FORWARD_CLIENT_EV_CONNECTED, 0);
    ck_assert_uint_gt(sent.length_bytes, 0);
}

static void request(const char *command)
{
    request_of("l1", command);
}

#define DELETE_COMMAND "{\"type\":8,\"payload\":\"e30=\"}"

/* ---- Client ---------------------------------------------------------------------------------- */

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

/* ---- Server ---------------------------------------------------------------------------------- */

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
    Suite *suite = suite_create("forward");
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
    tcase_add_test(tc, round_trip_proposes_and_acks);
    tcase_add_loop_test(tc, checks_come_in_order, 0, ROWS(JUDGEMENTS));
    tcase_add_test(tc, wrong_mac_is_refused_without_trace);
    tcase_add_loop_test(tc, command_is_taken_by_its_addressee_alone, 0, ROWS(BINDINGS));
    tcase_add_test(tc, second_mac_of_another_command_is_refused);
    tcase_add_loop_test(tc, result_of_proposal_reaches_client, 0, ROWS(RESULTS));
    tcase_add_test(tc, slow_proposal_is_answered_as_failed);
    tcase_add_test(tc, idle_session_is_closed);
    tcase_add_test(tc, second_request_waits_for_first_answer);
    tcase_add_loop_test(tc, other_frames_end_the_session, 0, 3);
    suite_add_tcase(suite, tc);
    TCase *arc = tcase_create("arc");
    tcase_add_checked_fixture(arc, setup_arc, teardown);
    tcase_add_test(arc, idle_close_is_not_noticed_by_arc);
    tcase_add_test(arc, stamp_is_made_when_submitted_by_arc);
    tcase_add_test(arc, other_leader_at_same_address_is_nothing_to_arc);
    tcase_add_test(arc, arc_names_no_addressee);
    tcase_add_test(arc, arc_leader_refuses_update);
    tcase_add_test(arc, arc_leader_takes_unknown_role);
    suite_add_tcase(suite, arc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
