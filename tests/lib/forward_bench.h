/* A forwarding client and a leader's session, each with its story: what it asked for, in words. */
#ifndef REPLISIM_TESTS_LIB_FORWARD_BENCH_H
#define REPLISIM_TESTS_LIB_FORWARD_BENCH_H

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

#define UNIX_S INT64_C(1775923200)

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
    bool is_fresh_nonce, has_consensus, is_known, is_leader, is_bound, is_overtaken;
    const char *role;
    int64_t clock_s;
    int tracked_count;
} facts;

static inline void stamp(void *context, char nonce_hex_out[64], int64_t *unix_s_out)
{
    (void)context;
    stamp_count += 1;
    memset(nonce_hex_out, 'a' + stamp_count % 6, 64);
    *unix_s_out = UNIX_S;
}

static inline int64_t clock_s(void *context)
{
    (void)context;
    return facts.clock_s;
}

static inline bool track(void *context, struct rp_view node_id, struct rp_view nonce,
                         int64_t timestamp)
{
    (void)context;
    (void)timestamp;
    ck_assert(rp_view_equal(node_id, rp_view_text("w1")));
    ck_assert_uint_eq(nonce.length_bytes, 64);
    facts.tracked_count += 1;
    return facts.is_fresh_nonce;
}

static inline bool consensus(void *context)
{
    (void)context;
    return facts.has_consensus;
}

static inline bool sender(void *context, struct rp_view node_id, struct rp_view *role_out)
{
    (void)context;
    (void)node_id;
    *role_out = rp_view_text(facts.role);
    return facts.is_known;
}

static inline bool leader(void *context)
{
    (void)context;
    return facts.is_leader;
}

static inline bool bound_sender(void *context, struct rp_view node_id)
{
    (void)context;
    ck_assert(rp_view_equal(node_id, rp_view_text("w1")));
    return facts.is_bound;
}

static inline bool latest_connection(void *context, struct rp_view node_id, uint64_t connection)
{
    (void)context;
    ck_assert(rp_view_equal(node_id, rp_view_text("w1")));
    ck_assert_uint_eq(connection, 7);
    return !facts.is_overtaken;
}

static inline void setup_release(enum rp_release release)
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
                                   .is_bound_sender = bound_sender,
                                   .is_latest_connection = latest_connection,
                                   .connection = 7};
    ck_assert_int_eq(rp_forward_server_new(&host, &server), 0);
    facts.is_fresh_nonce = facts.has_consensus = facts.is_known = facts.is_leader = true;
    facts.is_bound = true;
    facts.is_overtaken = false;
    facts.role = "writer";
    facts.clock_s = UNIX_S;
    facts.tracked_count = 0;
}

static inline void setup(void)
{
    setup_release(RP_RELEASE_CURRENT);
}

static inline void setup_arc(void)
{
    setup_release(RP_RELEASE_ARC);
}

static inline void teardown(void)
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

static inline void narrate_client(void)
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

static inline void client_step(struct rp_forward_client_event event)
{
    event.now_ns = now_ns;
    ck_assert_int_eq(rp_forward_client_step(client, &event), 0);
    narrate_client();
}

static inline void lead_as(const char *address, const char *leader_id)
{
    client_step((struct rp_forward_client_event){.kind = RP_FORWARD_CLIENT_EV_LEADER_CHANGED,
                                                 .address = rp_view_text(address),
                                                 .leader_id = rp_view_text(leader_id)});
}

static inline void lead(const char *address)
{
    lead_as(address, address[0] == '\0' ? "" : "l1");
}

static inline void submit(uint64_t number, const char *command)
{
    client_step((struct rp_forward_client_event){
        .kind = RP_FORWARD_CLIENT_EV_SUBMIT, .request = number, .command = rp_view_text(command)});
}

static inline void client_event(enum rp_forward_client_event_kind kind, int error)
{
    client_step((struct rp_forward_client_event){.kind = kind, .error = error});
}

static inline void client_receive(struct rp_view bytes)
{
    client_step(
        (struct rp_forward_client_event){.kind = RP_FORWARD_CLIENT_EV_RECEIVED, .received = bytes});
}

/* An ack frame as a leader would send it. */
static inline void client_ack_text(const char *status, const char *code, const char *text)
{
    struct rp_message message = {.type = RP_MSG_FORWARD_APPLY_ACK};
    message.as.forward_apply_ack.error = rp_view_text(text);
    message.as.forward_apply_ack.status = rp_view_text(status);
    message.as.forward_apply_ack.code = rp_view_text(code);
    rp_buffer_reset(&acks);
    ck_assert_int_eq(rp_message_encode(traits, &message, &acks), 0);
    client_receive(rp_buffer_view(&acks));
}

static inline void client_ack(const char *status, const char *code)
{
    client_ack_text(status, code, "");
}

static inline void narrate_server(void)
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

static inline void server_step(struct rp_forward_server_event event)
{
    event.now_ns = now_ns;
    rp_forward_server_step(server, &event);
    narrate_server();
}

static inline void server_receive(struct rp_view bytes)
{
    server_step(
        (struct rp_forward_server_event){.kind = RP_FORWARD_SERVER_EV_RECEIVED, .payload = bytes});
}

static inline void server_proposed(int error, int apply_error)
{
    server_step((struct rp_forward_server_event){.kind = RP_FORWARD_SERVER_EV_PROPOSED,
                                                 .ticket = server_ticket,
                                                 .error = error,
                                                 .apply_error = apply_error});
}

/* A request of the client, on its way: the bytes are in `sent`. */
static inline void request_of(const char *leader_id, const char *command)
{
    rp_buffer_reset(&sent);
    rp_buffer_reset(&acks);
    lead_as("l:1", leader_id);
    submit(1, command);
    client_event(RP_FORWARD_CLIENT_EV_CONNECTED, 0);
    ck_assert_uint_gt(sent.length_bytes, 0);
}

static inline void request(const char *command)
{
    request_of("l1", command);
}

#define DELETE_COMMAND "{\"type\":8,\"payload\":\"e30=\"}"

#endif
