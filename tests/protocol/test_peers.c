#include <check.h>
#include <stdio.h>

#include "protocol/error.h"
#include "protocol/limits.h"
#include "protocol/peers.h"
#include "tests/lib/test_alloc.h"

#define INTERVAL_NS (5 * RP_NS_PER_S)
#define THRESHOLD   3
#define STORY_MAX   4096

/* ---- Fixture --------------------------------------------------------------------------------- */

static struct test_alloc memory;
static struct rp_peers *peers;
static char story[STORY_MAX]; /* "id:change " for each change */
static struct rp_candidate found[RP_PEER_COUNT_MAX];

static void note_change(void *context, const struct rp_peer *peer, enum rp_peer_change change)
{
    static const char *const NAMES[] = {"added",    "replaced",  "moved",  "removed",
                                        "reported", "recovered", "failed", "died"};
    size_t used = strlen(story);
    ck_assert_ptr_eq(context, &memory);
    snprintf(story + used, sizeof story - used, "%.*s:%s ", (int)peer->id.length_bytes,
             (const char *)peer->id.bytes, NAMES[change]);
}

static void setup(void)
{
    test_alloc_init(&memory);
    struct rp_peer_events events = {&memory, note_change};
    ck_assert_int_eq(rp_peers_new(rp_view_text("self"), &memory.alloc, &events, &peers), 0);
    story[0] = '\0';
}

static void teardown(void)
{
    rp_peers_free(peers);
    ck_assert_uint_eq(memory.live_count, 0);
}

/* ---- Helpers --------------------------------------------------------------------------------- */

static int try_register(const char *id, const char *address, const char *state)
{
    struct rp_peer_record record = {
        .id = rp_view_text(id),
        .role = rp_view_text("reader"),
        .address = rp_view_text(address),
        .state = rp_view_text(state),
        .raft_id = 7,
        .joined_unix_s = 1000,
    };
    return rp_peers_register(peers, &record);
}

static void add(const char *id, const char *address, const char *state)
{
    ck_assert_int_eq(try_register(id, address, state), 0);
}

static bool beat(const char *id, const char *state, uint64_t second)
{
    return rp_peers_heartbeat(peers, rp_view_text(id), rp_view_text(state), second * RP_NS_PER_S);
}

static void tick(uint64_t second)
{
    rp_peers_check(peers, second * RP_NS_PER_S, INTERVAL_NS, THRESHOLD);
}

static enum rp_peer_state state_of(const char *id)
{
    return rp_peers_get(peers, rp_view_text(id))->state;
}

/* Everyone answered a dial at its present address. */
static void reach_all(void)
{
    size_t cursor = 0;
    for (const struct rp_peer *peer; (peer = rp_peers_next(peers, &cursor)) != NULL;) {
        rp_peers_reached(peers, peer->id, true);
    }
}

static size_t candidates(enum rp_release release, const char *origin, const char *demoted,
                         uint64_t shuffle_key)
{
    struct rp_view demoted_id = rp_view_text(demoted);
    struct rp_candidate_query query = {
        .origin_node_id = rp_view_text(origin),
        .demoted_ids = &demoted_id,
        .demoted_count = demoted == NULL ? 0 : 1,
        .shuffle_key = shuffle_key,
    };
    return rp_peers_candidates(peers, rp_release_traits(release), &query, found, RP_PEER_COUNT_MAX);
}

static bool is_found(size_t index, const char *id)
{
    return rp_view_equal(found[index].node_id, rp_view_text(id));
}

/* ---- Tests: registry ------------------------------------------------------------------------- */

/* TestRegistry: register, get, unregister, counts; in birth order, self included. */
START_TEST(registered_nodes_are_found_until_removed)
{
    size_t cursor = 0;
    add("self", "s:1", "healthy");
    add("b", "b:1", "joining");
    add("a", "a:1", "healthy");
    ck_assert_uint_eq(rp_peers_count(peers), 3);
    ck_assert(rp_peers_next(peers, &cursor)->is_self);
    ck_assert(rp_view_equal(rp_peers_next(peers, &cursor)->id, rp_view_text("b")));
    ck_assert(rp_view_equal(rp_peers_next(peers, &cursor)->id, rp_view_text("a")));
    ck_assert_ptr_null(rp_peers_next(peers, &cursor));
    ck_assert_uint_eq(rp_peers_state_count(peers, RP_PEER_HEALTHY), 2);
    ck_assert_uint_eq(rp_peers_role_count(peers, rp_view_text("reader")), 3);
    ck_assert_uint_eq(rp_peers_role_count(peers, rp_view_text("writer")), 0);
    ck_assert_ptr_eq(rp_peers_get_by_raft_id(peers, 7), rp_peers_get(peers, rp_view_text("a")));
    ck_assert_ptr_null(rp_peers_get_by_raft_id(peers, 0));
    ck_assert(rp_peers_remove(peers, rp_view_text("b")));
    ck_assert(!rp_peers_remove(peers, rp_view_text("b")));
    ck_assert_ptr_null(rp_peers_get(peers, rp_view_text("b")));
    ck_assert_str_eq(story, "self:added b:added a:added b:removed ");
}
END_TEST

/* A renamed pod on its old folder, and its old name back again: the last to join is the one that runs. */
START_TEST(last_to_join_has_the_raft_id)
{
    struct rp_peer_record again = {.id = rp_view_text("b"),
                                   .role = rp_view_text("reader"),
                                   .address = rp_view_text("b:2"),
                                   .state = rp_view_text("healthy"),
                                   .raft_id = 7,
                                   .joined_unix_s = 1001};
    add("b", "b:1", "healthy");
    add("a", "a:1", "healthy");
    ck_assert_ptr_eq(rp_peers_get_by_raft_id(peers, 7), rp_peers_get(peers, rp_view_text("a")));
    ck_assert_int_eq(rp_peers_register(peers, &again), 0);
    ck_assert_ptr_eq(rp_peers_get_by_raft_id(peers, 7), rp_peers_get(peers, rp_view_text("b")));
}
END_TEST

/* TestRegistry, max nodes: one more than the bound is refused, known ids still may change. */
START_TEST(registry_is_bounded)
{
    char id[16];
    peers = (rp_peers_free(peers), NULL);
    ck_assert_int_eq(rp_peers_new(rp_view_text("self"), &memory.alloc, NULL, &peers), 0);
    for (int index = 0; index < RP_PEER_COUNT_MAX; index += 1) {
        snprintf(id, sizeof id, "n%d", index);
        add(id, id, "healthy");
    }
    ck_assert_int_eq(try_register("more", "m:1", "healthy"), RP_ERR_FULL);
    ck_assert_int_eq(try_register("n0", "n0:2", "healthy"), 0);
    ck_assert_int_eq(try_register("", "e:1", "healthy"), RP_ERR_INVALID);
    ck_assert_uint_eq(rp_peers_count(peers), RP_PEER_COUNT_MAX);
    ck_assert_uint_eq(candidates(RP_RELEASE_CURRENT, "n5", NULL, 1), RP_PEER_COUNT_MAX);
}
END_TEST

/* TestRegistry, clone isolation: what was registered is kept by value. */
START_TEST(records_are_copies)
{
    char id[] = "a", address[] = "a:1", state[] = "healthy";
    add(id, address, state);
    id[0] = address[0] = state[0] = 'x';
    ck_assert_ptr_nonnull(rp_peers_get(peers, rp_view_text("a")));
    ck_assert(rp_view_equal(rp_peers_get(peers, rp_view_text("a"))->address, rp_view_text("a:1")));
}
END_TEST

/* behaviour.md 9.2 and resolver-stale-address: registering again replaces the address, resets
 * heartbeat and failures, and keeps the place. */
START_TEST(registering_again_replaces_the_record)
{
    add("a", "a:1", "healthy");
    add("b", "b:1", "healthy");
    beat("a", "healthy", 0);
    tick(100);
    uint64_t born = rp_peers_get(peers, rp_view_text("a"))->born_sequence;
    add("a", "a:2", "healthy");
    const struct rp_peer *peer = rp_peers_get(peers, rp_view_text("a"));
    ck_assert(rp_view_equal(peer->address, rp_view_text("a:2")));
    ck_assert(!peer->has_heartbeat);
    ck_assert_uint_eq(peer->failed_check_count, 0);
    ck_assert_uint_eq(peer->born_sequence, born);
    ck_assert_uint_eq(candidates(RP_RELEASE_CURRENT, "a", NULL, 1), 2);
    ck_assert(rp_view_equal(found[0].address, rp_view_text("a:2")));
    add("a", "a:2", "healthy");
    ck_assert_str_eq(story, "a:added b:added a:moved a:replaced ");
}
END_TEST

/* The record to register may be the one that is registered already. */
START_TEST(a_record_may_be_registered_from_itself)
{
    add("a", "a:1", "healthy");
    const struct rp_peer *peer = rp_peers_get(peers, rp_view_text("a"));
    struct rp_peer_record record = {.id = peer->id,
                                    .role = peer->role,
                                    .address = peer->address,
                                    .state = rp_view_text(peer->state_text)};
    ck_assert_int_eq(rp_peers_register(peers, &record), 0);
    ck_assert_int_eq(state_of("a"), RP_PEER_HEALTHY);
}
END_TEST

/* resolver-late-leave: a leave signed before this life joined is of the life before. */
START_TEST(late_leave_is_of_a_former_life)
{
    add("a", "a:1", "healthy");
    ck_assert(rp_peers_is_former_life(peers, rp_view_text("a"), 999));
    ck_assert(!rp_peers_is_former_life(peers, rp_view_text("a"), 1000));
    ck_assert(!rp_peers_is_former_life(peers, rp_view_text("b"), 1));
    struct rp_peer_record unknown = {.id = rp_view_text("c"), .state = rp_view_text("healthy")};
    ck_assert_int_eq(rp_peers_register(peers, &unknown), 0);
    ck_assert(!rp_peers_is_former_life(peers, rp_view_text("c"), -5));
}
END_TEST

/* The k-th allocation fails: nothing changed, and the next try works. */
START_TEST(failed_register_changes_nothing)
{
    size_t failures = 0;
    for (int index = 0; index < 40; index += 1) {
        char id[16];
        snprintf(id, sizeof id, "n%d", index / 2);
        size_t count = rp_peers_count(peers);
        memory.fail_at = memory.call_count + 1 + (size_t)index % 3;
        int error = try_register(id, id, "healthy");
        memory.fail_at = 0;
        if (error != 0) {
            ck_assert_int_eq(error, RP_ERR_NOMEM);
            ck_assert_uint_eq(rp_peers_count(peers), count);
            failures += 1;
            add(id, id, "healthy");
        }
    }
    ck_assert_uint_gt(failures, 5);
    ck_assert_uint_eq(rp_peers_count(peers), 20);
}
END_TEST

/* ---- Tests: health --------------------------------------------------------------------------- */

/* TestProcessHealthCheckResult: three failures make unhealthy, six dead, a heartbeat heals. */
START_TEST(silence_makes_unhealthy_then_dead)
{
    add("a", "a:1", "healthy");
    beat("a", "healthy", 0);
    for (uint64_t second = 5; second <= 20; second += 5) {
        tick(second); /* 5 and 10 pass; 15 is not younger than 15: fails */
    }
    ck_assert_uint_eq(rp_peers_get(peers, rp_view_text("a"))->failed_check_count, 2);
    ck_assert_int_eq(state_of("a"), RP_PEER_HEALTHY);
    tick(25);
    ck_assert_int_eq(state_of("a"), RP_PEER_UNHEALTHY);
    tick(30);
    tick(35);
    ck_assert_int_eq(state_of("a"), RP_PEER_UNHEALTHY);
    tick(40);
    ck_assert_int_eq(state_of("a"), RP_PEER_DEAD);
    tick(45);
    beat("a", "healthy", 46);
    ck_assert_int_eq(state_of("a"), RP_PEER_HEALTHY);
    ck_assert_uint_eq(rp_peers_get(peers, rp_view_text("a"))->failed_check_count, 0);
    ck_assert_str_eq(story, "a:added a:failed a:died a:recovered ");
}
END_TEST

/* resolver-health-self-feeds: a passing check is no heartbeat; silence counts from the last one. */
START_TEST(passing_check_is_no_heartbeat)
{
    add("a", "a:1", "healthy");
    beat("a", "healthy", 0);
    tick(14);
    ck_assert_uint_eq(rp_peers_get(peers, rp_view_text("a"))->last_heartbeat_ns, 0);
    tick(15);
    ck_assert_uint_eq(rp_peers_get(peers, rp_view_text("a"))->failed_check_count, 1);
}
END_TEST

/* A fresh record fails at once: nobody heard of it yet (behaviour.md 9.4). */
START_TEST(fresh_record_has_no_credit)
{
    add("a", "a:1", "healthy");
    tick(0);
    tick(5);
    tick(10);
    ck_assert_int_eq(state_of("a"), RP_PEER_UNHEALTHY);
}
END_TEST

/* Joining stays joining while checks pass, and dies like any other; self is never checked. */
START_TEST(joining_and_self_are_left_alone)
{
    add("self", "s:1", "healthy");
    add("a", "a:1", "joining");
    beat("a", "joining", 0);
    tick(5);
    ck_assert_int_eq(state_of("a"), RP_PEER_JOINING);
    for (uint64_t second = 20; second <= 45; second += 5) {
        tick(second);
    }
    ck_assert_int_eq(state_of("a"), RP_PEER_DEAD);
    ck_assert_int_eq(state_of("self"), RP_PEER_HEALTHY);
    rp_peers_set_self_state(peers, RP_PEER_LEAVING);
    ck_assert_int_eq(state_of("self"), RP_PEER_LEAVING);
}
END_TEST

/* behaviour.md 9.3: the state is what the sender says, however odd; the next check mends it. */
START_TEST(odd_state_is_kept_until_the_next_check)
{
    add("a", "a:1", "healthy");
    ck_assert(beat("a", "a state that is much longer than any that is known", 1));
    ck_assert_int_eq(state_of("a"), RP_PEER_OTHER);
    ck_assert_uint_eq(strlen(rp_peers_get(peers, rp_view_text("a"))->state_text),
                      RP_PEER_STATE_TEXT_MAX);
    ck_assert_uint_eq(candidates(RP_RELEASE_ARC, "", NULL, 1), 0);
    tick(2);
    ck_assert_int_eq(state_of("a"), RP_PEER_HEALTHY);
    ck_assert_uint_eq(candidates(RP_RELEASE_ARC, "", NULL, 1), 1);
    ck_assert(!beat("nobody", "healthy", 1));
    ck_assert_uint_eq(rp_peers_count(peers), 1);
}
END_TEST

/* TestNode, states: every known text names its state, and no other does. */
START_TEST(states_have_names)
{
    for (int state = 0; state < RP_PEER_OTHER; state += 1) {
        const char *name = rp_peer_state_name((enum rp_peer_state)state);
        ck_assert_int_eq(rp_peer_state_parse(rp_view_text(name)), state);
    }
    ck_assert_int_eq(rp_peer_state_parse(rp_view_text("Healthy")), RP_PEER_OTHER);
    ck_assert_int_eq(rp_peer_state_parse(rp_view_text("other")), RP_PEER_OTHER);
    ck_assert_int_eq(rp_peer_state_parse(rp_view_text("")), RP_PEER_OTHER);
}
END_TEST

/* ---- Tests: candidates ----------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum rp_release release;
    const char *origin;
    const char *demoted;
    size_t count;
    const char *first; /* NULL: any */
    const char *last;
} ORDERS[] = {
    {"phase2 asks the origin", RP_RELEASE_PHASE2, "w", NULL, 1, "w", "w"},
    {"phase2 asks a dead origin", RP_RELEASE_PHASE2, "dead", NULL, 1, "dead", "dead"},
    {"phase2 knows no other", RP_RELEASE_PHASE2, "gone", NULL, 0, NULL, NULL},
    {"phase3: origin first", RP_RELEASE_PHASE3, "w", NULL, 3, "w", NULL},
    {"phase3: a dead origin too", RP_RELEASE_PHASE3, "dead", NULL, 4, "dead", NULL},
    {"arc: a dead origin too", RP_RELEASE_ARC, "dead", NULL, 4, "dead", NULL},
    {"arc: unknown origin", RP_RELEASE_ARC, "gone", NULL, 3, NULL, NULL},
    {"arc: no origin", RP_RELEASE_ARC, "", NULL, 3, NULL, NULL},
    {"arc: self as origin", RP_RELEASE_ARC, "self", NULL, 3, NULL, NULL},
    {"arc: unreachable origin", RP_RELEASE_ARC, "mute", NULL, 3, NULL, NULL},
    {"current: origin first", RP_RELEASE_CURRENT, "w", NULL, 3, "w", NULL},
    {"current: no dead origin", RP_RELEASE_CURRENT, "dead", NULL, 3, NULL, NULL},
    {"current: demoted last", RP_RELEASE_CURRENT, "w", "r1", 3, "w", "r1"},
    {"current: demoted origin last", RP_RELEASE_CURRENT, "w", "w", 3, NULL, "w"},
    {"current: demoted stranger", RP_RELEASE_CURRENT, "w", "x", 3, "w", NULL},
};

/* resolver-includes-self, resolver-origin-only; the lists of behaviour.md 9.1 under 20 shuffles. */
START_TEST(candidates_follow_the_release)
{
    add("self", "s:1", "healthy");
    add("w", "w:1", "healthy");
    add("r1", "r1:1", "healthy");
    add("dead", "d:1", "dead");
    add("r2", "r2:1", "healthy");
    add("mute", "", "healthy");
    reach_all();
    for (uint64_t key = 0; key < 20; key += 1) {
        size_t count = candidates(ORDERS[_i].release, ORDERS[_i].origin, ORDERS[_i].demoted, key);
        ck_assert_msg(count == ORDERS[_i].count, "%s: %zu", ORDERS[_i].name, count);
        ck_assert_msg(ORDERS[_i].first == NULL || is_found(0, ORDERS[_i].first), "%s, first",
                      ORDERS[_i].name);
        ck_assert_msg(ORDERS[_i].last == NULL || is_found(count - 1, ORDERS[_i].last), "%s, last",
                      ORDERS[_i].name);
        for (size_t index = 0; index < count; index += 1) {
            ck_assert(!is_found(index, "self") && !is_found(index, "mute"));
            ck_assert(found[index].is_origin == is_found(index, ORDERS[_i].origin));
        }
    }
}
END_TEST

/* Two records at one address are asked once, the origin's record first. */
START_TEST(one_address_is_asked_once)
{
    add("old", "x:1", "healthy");
    add("new", "x:1", "healthy");
    add("b", "b:1", "healthy");
    for (uint64_t key = 0; key < 20; key += 1) {
        ck_assert_uint_eq(candidates(RP_RELEASE_CURRENT, "new", NULL, key), 2);
        ck_assert(is_found(0, "new") && is_found(1, "b"));
    }
}
END_TEST

/* The same key gives the same order; over many keys everyone comes first about as often. */
START_TEST(order_is_drawn_evenly_from_the_key)
{
    int first_counts[8] = {0};
    char id[8] = "n0";
    struct rp_candidate kept[8];
    for (int index = 0; index < 8; index += 1) {
        id[1] = (char)('0' + index);
        add(id, id, "healthy");
    }
    for (uint64_t key = 0; key < 4000; key += 1) {
        ck_assert_uint_eq(candidates(RP_RELEASE_CURRENT, "", NULL, key), 8);
        memcpy(kept, found, sizeof kept);
        first_counts[found[0].node_id.bytes[1] - '0'] += 1;
        candidates(RP_RELEASE_CURRENT, "", NULL, key);
        for (size_t index = 0; index < 8; index += 1) {
            ck_assert(rp_view_equal(kept[index].node_id, found[index].node_id));
        }
    }
    for (int index = 0; index < 8; index += 1) {
        ck_assert_int_gt(first_counts[index], 400);
        ck_assert_int_lt(first_counts[index], 600);
    }
}
END_TEST

/* A fresh node learns of an origin that is gone: whoever answered is asked before it. */
START_TEST(those_never_reached_come_after_those_that_were)
{
    add("w", "w:1", "healthy");
    add("r1", "r1:1", "healthy");
    add("r2", "r2:1", "healthy");
    for (uint64_t key = 0; key < 20; key += 1) {
        ck_assert_uint_eq(candidates(RP_RELEASE_CURRENT, "w", NULL, key), 3);
        ck_assert(is_found(0, "w")); /* nobody was reached: the usual order */
    }
    rp_peers_reached(peers, rp_view_text("r2"), true);
    for (uint64_t key = 0; key < 20; key += 1) {
        ck_assert_uint_eq(candidates(RP_RELEASE_CURRENT, "w", NULL, key), 3);
        ck_assert(is_found(0, "r2") && is_found(1, "w") && is_found(2, "r1"));
        ck_assert_uint_eq(candidates(RP_RELEASE_ARC, "w", NULL, key), 3);
        ck_assert(is_found(0, "w"));
    }
    add("r2", "r2:2", "healthy"); /* another address: not reached there */
    ck_assert_uint_eq(candidates(RP_RELEASE_CURRENT, "w", NULL, 7), 3);
    ck_assert(is_found(0, "w"));
}
END_TEST

/* Asked for fewer, the best come, and a demoted peer does not take the place of a good one. */
START_TEST(short_list_holds_the_best)
{
    add("w", "w:1", "healthy");
    add("a", "a:1", "healthy");
    add("b", "b:1", "healthy");
    reach_all();
    struct rp_view demoted[] = {rp_view_text("w"), rp_view_text("a")};
    struct rp_candidate_query query = {rp_view_text("w"), demoted, 2, 0};
    for (query.shuffle_key = 0; query.shuffle_key < 20; query.shuffle_key += 1) {
        ck_assert_uint_eq(
            rp_peers_candidates(peers, rp_release_traits(RP_RELEASE_CURRENT), &query, found, 1), 1);
        ck_assert(is_found(0, "b"));
    }
}
END_TEST

/* ---- Main ------------------------------------------------------------------------------------ */

int main(void)
{
    Suite *suite = suite_create("protocol.peers");
    TCase *tc = tcase_create("peers");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, registered_nodes_are_found_until_removed);
    tcase_add_test(tc, last_to_join_has_the_raft_id);
    tcase_add_test(tc, registry_is_bounded);
    tcase_add_test(tc, records_are_copies);
    tcase_add_test(tc, registering_again_replaces_the_record);
    tcase_add_test(tc, a_record_may_be_registered_from_itself);
    tcase_add_test(tc, late_leave_is_of_a_former_life);
    tcase_add_test(tc, failed_register_changes_nothing);
    tcase_add_test(tc, silence_makes_unhealthy_then_dead);
    tcase_add_test(tc, passing_check_is_no_heartbeat);
    tcase_add_test(tc, fresh_record_has_no_credit);
    tcase_add_test(tc, joining_and_self_are_left_alone);
    tcase_add_test(tc, odd_state_is_kept_until_the_next_check);
    tcase_add_test(tc, states_have_names);
    tcase_add_loop_test(tc, candidates_follow_the_release, 0,
                        (int)(sizeof ORDERS / sizeof ORDERS[0]));
    tcase_add_test(tc, one_address_is_asked_once);
    tcase_add_test(tc, order_is_drawn_evenly_from_the_key);
    tcase_add_test(tc, those_never_reached_come_after_those_that_were);
    tcase_add_test(tc, short_list_holds_the_best);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
