/* protocol/registrar.c: behaviour.md 2, invariants.md registers-all */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/command_decode.h"
#include "protocol/error.h"
#include "protocol/limits.h"
#include "protocol/registrar.h"
#include "tests/lib/test_alloc.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define WALL INT64_C(1775923200000000123)

/* ---- Fixture --------------------------------------------------------------------------------- */

static struct test_alloc memory;
static struct rp_registrar *registrar;
static rp_time_ns now_ns;
static char story[8192]; /* "propose path#try ", "done path ", "stopped " ... */
static uint64_t last_ticket;
static struct rp_file_record last_record; /* of the last proposal, texts not to be used later */

static const char *const OUTCOMES[] = {"done", "refused", "lost", "superseded", "abandoned"};

static void narrate(void)
{
    struct rp_registrar_action action;
    while (rp_registrar_next(registrar, &action)) {
        size_t used = strlen(story);
        char *at = story + used;
        size_t room = sizeof story - used;
        if (action.kind == RP_REGISTRAR_DO_STOPPED) {
            snprintf(at, room, "stopped ");
            continue;
        }
        int length = (int)action.record->path.length_bytes;
        const char *path = (const char *)action.record->path.bytes;
        if (action.kind == RP_REGISTRAR_DO_PROPOSE) {
            snprintf(at, room, "propose %.*s#%d ", length, path, (int)action.try_number);
            last_ticket = action.ticket;
            last_record = *action.record;
            ck_assert_uint_gt(action.command.length_bytes, 0);
        } else {
            snprintf(at, room, "%s %.*s ", OUTCOMES[action.outcome], length, path);
        }
    }
}

static void setup_release(enum rp_release release)
{
    test_alloc_init(&memory);
    story[0] = '\0';
    now_ns = RP_NS_PER_S;
    ck_assert_int_eq(rp_registrar_new(rp_release_traits(release), &memory.alloc, &registrar), 0);
}

static void setup(void)
{
    setup_release(RP_RELEASE_CURRENT);
}

static void setup_once(void)
{
    setup_release(RP_RELEASE_ARC);
}

static void teardown(void)
{
    rp_registrar_free(registrar);
    ck_assert_uint_eq(memory.live_count, 0);
}

/* ---- Helpers --------------------------------------------------------------------------------- */

static struct rp_registrar_event event_of(enum rp_registrar_event_kind kind)
{
    struct rp_registrar_event event = {.kind = kind, .now_ns = now_ns, .wall_unix_ns = WALL};
    return event;
}

static int flush_type(const char *path, enum rp_command_type type)
{
    struct rp_file_record file = {.path = rp_view_text(path),
                                  .sha256 = rp_view_text(HASH),
                                  .size_bytes = 3,
                                  .origin_node_id = rp_view_text("w1"),
                                  .tier = rp_view_text("hot")};
    struct rp_registrar_event event = event_of(RP_REGISTRAR_EV_FLUSHED);
    event.command_type = type;
    event.file = &file;
    int error = rp_registrar_step(registrar, &event);
    return error;
}

static void flush(const char *path)
{
    ck_assert_int_eq(flush_type(path, RP_CMD_REGISTER_FILE), 0);
    narrate();
}

static void step(struct rp_registrar_event event)
{
    ck_assert_int_eq(rp_registrar_step(registrar, &event), 0);
    narrate();
}

static void answer(uint64_t ticket, int error, bool is_proven)
{
    struct rp_registrar_event event = event_of(RP_REGISTRAR_EV_ANSWERED);
    event.ticket = ticket;
    event.error = error;
    event.is_proven = is_proven;
    step(event);
}

static void see(const char *path, int64_t created_unix_s, int32_t nsec)
{
    struct rp_file_record file = {.path = rp_view_text(path),
                                  .sha256 = rp_view_text(HASH),
                                  .origin_node_id = rp_view_text("w1"),
                                  .created_at = {created_unix_s, nsec, 0}};
    const struct rp_file_entry *entry;
    struct rp_registrar_event event = event_of(RP_REGISTRAR_EV_SEEN);
    ck_assert_int_eq(rp_file_entry_new(&memory.alloc, &file, 1, &entry), 0);
    event.entry = entry;
    step(event);
    rp_file_entry_release(entry);
}

static void see_ours(const char *path)
{
    see(path, 1775923200, 123);
}

/* Lets the clock run to the deadline and no further. */
static void wait_deadline(void)
{
    ck_assert_uint_ne(rp_registrar_deadline(registrar), RP_TIME_NEVER);
    now_ns = rp_registrar_deadline(registrar);
    step(event_of(RP_REGISTRAR_EV_TIMER));
}

/* The timer may come for nothing, since what it was for has ended meanwhile. */
static void wait_for_proposal(void)
{
    uint64_t former = last_ticket;
    for (int i = 0; last_ticket == former; i++) {
        ck_assert_int_lt(i, 5);
        wait_deadline();
    }
}

/* ---- Until seen ------------------------------------------------------------------------------ */

/* An ok answer is a hint; the own manifest decides. */
START_TEST(record_is_kept_until_seen)
{
    flush("db/a");
    answer(last_ticket, 0, false);
    ck_assert(!rp_registrar_is_idle(registrar));
    see_ours("db/a");
    ck_assert_str_eq(story, "propose db/a#1 done db/a ");
    ck_assert(rp_registrar_is_idle(registrar));
    ck_assert_uint_eq(rp_registrar_deadline(registrar), RP_TIME_NEVER);
    ck_assert_uint_eq(rp_registrar_counters(registrar).applied, 1);
}
END_TEST

/* Another registration of the same path is not ours: other creation time, so go on. */
START_TEST(other_registration_of_path_does_not_count)
{
    flush("db/a");
    see("db/a", 1775923200, 124);
    ck_assert_str_eq(story, "propose db/a#1 ");
}
END_TEST

/* A forged ok, and nothing in the manifest: proposed again after silence and a rest. */
START_TEST(answered_but_never_seen_is_proposed_again)
{
    flush("db/a");
    answer(last_ticket, 0, false);
    wait_deadline(); /* silence */
    wait_deadline(); /* rest */
    ck_assert_str_eq(story, "propose db/a#1 propose db/a#2 ");
    ck_assert_int_eq(last_record.created_at.unix_s, 1775923200);
}
END_TEST

/* 500 ms, doubling to 10 s, for ever; the creation time stays that of the first try. */
START_TEST(failed_proposals_back_off_to_ten_seconds)
{
    static const rp_time_ns RESTS_MS[] = {500, 1000, 2000, 4000, 8000, 10000, 10000};
    flush("db/a");
    for (size_t i = 0; i < sizeof RESTS_MS / sizeof RESTS_MS[0]; i++) {
        answer(last_ticket, RP_ERR_NO_LEADER, false);
        rp_time_ns failed_ns = now_ns;
        wait_for_proposal();
        ck_assert_uint_eq(now_ns - failed_ns, RESTS_MS[i] * RP_NS_PER_MS);
        ck_assert_int_eq(last_record.created_at.nsec, 123);
    }
    see_ours("db/a");
    ck_assert_uint_eq(rp_registrar_counters(registrar).applied, 1);
    ck_assert_uint_eq(rp_registrar_counters(registrar).apply_errs, 7);
}
END_TEST

/* A new leader is worth a try at once. */
START_TEST(leader_change_ends_the_rest)
{
    flush("db/a");
    answer(last_ticket, RP_ERR_NO_LEADER, false);
    step(event_of(RP_REGISTRAR_EV_LEADER_CHANGED));
    ck_assert_str_eq(story, "propose db/a#1 propose db/a#2 ");
}
END_TEST

/* Silence counts as failure, and the late answer to the old ticket as nothing. */
START_TEST(late_answer_of_former_try_is_ignored)
{
    flush("db/a");
    uint64_t former = last_ticket;
    wait_deadline();
    wait_deadline();
    answer(former, RP_ERR_INVALID, true);
    ck_assert_str_eq(story, "propose db/a#1 propose db/a#2 ");
    ck_assert(!rp_registrar_is_idle(registrar));
}
END_TEST

/* Only the own state machine's refusal is final; a peer's may be forged. */
START_TEST(only_a_proven_refusal_is_final)
{
    flush("db/a");
    answer(last_ticket, RP_ERR_INVALID, false);
    wait_deadline();
    answer(last_ticket, RP_ERR_INVALID, true);
    ck_assert_str_eq(story, "propose db/a#1 propose db/a#2 refused db/a ");
    ck_assert(rp_registrar_is_idle(registrar));
}
END_TEST

/* Sixty-four under way, in the order of the flushes; one out, one in. */
START_TEST(window_bounds_proposals_under_way)
{
    char path[16];
    for (int i = 0; i < 70; i++) {
        snprintf(path, sizeof path, "db/%02d", i);
        flush(path);
    }
    ck_assert_uint_eq(rp_registrar_counters(registrar).under_way_count, 64);
    ck_assert_uint_eq(rp_registrar_counters(registrar).queue_depth, 6);
    ck_assert_ptr_nonnull(strstr(story, "propose db/63#1 "));
    ck_assert_ptr_null(strstr(story, "propose db/64#1 "));
    see_ours("db/05");
    ck_assert_ptr_nonnull(strstr(story, "done db/05 propose db/64#1 "));
}
END_TEST

/* An old version must not come back over a new one: the newer waits for the older's answer, and the
 * older is not repeated. */
START_TEST(newer_record_of_path_ends_the_older)
{
    flush("db/a");
    uint64_t older = last_ticket;
    flush("db/a");
    ck_assert_str_eq(story, "propose db/a#1 ");
    answer(older, RP_ERR_NO_LEADER, false);
    ck_assert_str_eq(story, "propose db/a#1 superseded db/a propose db/a#1 ");
}
END_TEST

/* The limit of the queue is an outcome, counted. */
START_TEST(full_queue_drops_and_counts)
{
    char path[16];
    int error = 0;
    for (int i = 0; i < RP_REGISTRAR_QUEUE_MAX + 65; i++) {
        snprintf(path, sizeof path, "db/%d", i);
        error = flush_type(path, RP_CMD_REGISTER_FILE);
        story[0] = '\0';
        narrate();
    }
    ck_assert_int_eq(error, RP_ERR_FULL);
    ck_assert_uint_eq(rp_registrar_counters(registrar).dropped, 1);
    ck_assert_uint_eq(rp_registrar_counters(registrar).enqueued, RP_REGISTRAR_QUEUE_MAX + 64);
}
END_TEST

/* An orderly stop waits for what is under way, two seconds at most; nothing new is taken. */
START_TEST(stop_drains_and_then_abandons)
{
    flush("db/a");
    flush("db/b");
    step(event_of(RP_REGISTRAR_EV_STOP));
    ck_assert_int_eq(flush_type("db/c", RP_CMD_REGISTER_FILE), RP_ERR_STOPPED);
    see_ours("db/a");
    ck_assert_uint_eq(rp_registrar_deadline(registrar), now_ns + RP_REGISTRAR_DRAIN_NS);
    wait_deadline();
    ck_assert_str_eq(story, "propose db/a#1 propose db/b#1 done db/a abandoned db/b stopped ");
    step(event_of(RP_REGISTRAR_EV_TIMER));
    ck_assert_ptr_null(strstr(story, "stopped stopped"));
}
END_TEST

/* The leader of another release does not take updates: asked as a register, which does the same. */
START_TEST(update_refused_as_unknown_becomes_register)
{
    struct rp_registrar_action action;
    ck_assert_int_eq(flush_type("db/a", RP_CMD_UPDATE_FILE), 0);
    ck_assert(rp_registrar_next(registrar, &action));
    struct rp_registrar_event event = event_of(RP_REGISTRAR_EV_ANSWERED);
    event.ticket = action.ticket;
    event.error = RP_ERR_INVALID;
    event.is_unknown_command = true;
    ck_assert_int_eq(rp_registrar_step(registrar, &event), 0);
    now_ns = rp_registrar_deadline(registrar);
    event = event_of(RP_REGISTRAR_EV_TIMER);
    ck_assert_int_eq(rp_registrar_step(registrar, &event), 0);
    ck_assert(rp_registrar_next(registrar, &action));
    ck_assert_mem_eq(action.command.bytes, "{\"type\":7,", 10);
}
END_TEST

/* The k-th allocation fails: the flush is refused, or the proposal waits; nothing is lost or leaks. */
START_TEST(lack_of_memory_loses_no_accepted_record)
{
    bool is_done = false;
    for (size_t k = 1; !is_done; k++) {
        ck_assert_uint_lt(k, 100);
        memory.call_count = 0;
        memory.fail_at = k;
        int error = flush_type("db/a", RP_CMD_REGISTER_FILE);
        narrate();
        is_done = memory.call_count < k;
        memory.fail_at = 0;
        if (error != 0) {
            ck_assert_int_eq(error, RP_ERR_NOMEM);
            continue;
        }
        if (strstr(story, "propose") == NULL) {
            wait_deadline();
        }
        see_ours("db/a");
        ck_assert(rp_registrar_is_idle(registrar));
        story[0] = '\0';
    }
}
END_TEST

/* ---- Once ------------------------------------------------------------------------------------ */

/* behaviour.md 2: one worker; a failure is counted and not retried, an ok counts as applied. */
START_TEST(once_proposes_one_at_a_time_and_never_again)
{
    flush("db/a");
    flush("db/b");
    ck_assert_str_eq(story, "propose db/a#1 ");
    answer(last_ticket, RP_ERR_NO_LEADER, false);
    answer(last_ticket, 0, false);
    ck_assert_str_eq(story, "propose db/a#1 lost db/a propose db/b#1 done db/b ");
    ck_assert_uint_eq(rp_registrar_counters(registrar).apply_errs, 1);
    ck_assert_uint_eq(rp_registrar_counters(registrar).applied, 1);
    ck_assert_uint_eq(rp_registrar_counters(registrar).enqueued, 2);
}
END_TEST

/* The drain time is looked at between entries: the one on its way may take its five seconds. */
START_TEST(once_drain_waits_for_the_one_on_its_way)
{
    flush("db/a");
    flush("db/b");
    step(event_of(RP_REGISTRAR_EV_STOP));
    wait_deadline();
    ck_assert_str_eq(story, "propose db/a#1 abandoned db/b ");
    wait_deadline();
    ck_assert_str_eq(story, "propose db/a#1 abandoned db/b lost db/a stopped ");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("registrar");
    TCase *tc = tcase_create("until seen");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, record_is_kept_until_seen);
    tcase_add_test(tc, other_registration_of_path_does_not_count);
    tcase_add_test(tc, answered_but_never_seen_is_proposed_again);
    tcase_add_test(tc, failed_proposals_back_off_to_ten_seconds);
    tcase_add_test(tc, leader_change_ends_the_rest);
    tcase_add_test(tc, late_answer_of_former_try_is_ignored);
    tcase_add_test(tc, only_a_proven_refusal_is_final);
    tcase_add_test(tc, window_bounds_proposals_under_way);
    tcase_add_test(tc, newer_record_of_path_ends_the_older);
    tcase_add_test(tc, full_queue_drops_and_counts);
    tcase_add_test(tc, stop_drains_and_then_abandons);
    tcase_add_test(tc, update_refused_as_unknown_becomes_register);
    tcase_add_test(tc, lack_of_memory_loses_no_accepted_record);
    suite_add_tcase(suite, tc);
    TCase *once = tcase_create("once");
    tcase_add_checked_fixture(once, setup_once, teardown);
    tcase_add_test(once, once_proposes_one_at_a_time_and_never_again);
    tcase_add_test(once, once_drain_waits_for_the_one_on_its_way);
    suite_add_tcase(suite, once);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
