/* The puller's decisions, driven by a scripted node (behaviour.md 7). */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/puller.h"
#include "tests/lib/fetch_bench.h"

#define STEP_MAX 256

/* ---- Fixture: a node that answers from a script ------------------------------------------------ */

struct bench {
    struct test_alloc alloc;
    struct rp_puller *puller;
    rp_time_ns now_ns;
    const char *peers;          /* one letter a peer; "" none */
    uint32_t empty_first_count; /* lookups that find nobody */
    const char *results;        /* one letter a fetch, the last repeats: o n b s c f x */
    size_t result_index;
    bool is_present;
    bool is_silent; /* CHECK and FETCH are not answered */
    struct rp_pull_action waiting[8];
    size_t waiting_count;
    char log[STEP_MAX * 4]; /* what was asked for */
    size_t lookup_count, rescan_count, cancel_count;
    enum rp_pull_outcome outcomes[STEP_MAX];
    size_t end_count;
};

static struct bench bench; /* one test a process */

static void note(const char *before, const char *text, const char *after)
{
    size_t length = strlen(bench.log);
    snprintf(bench.log + length, sizeof bench.log - length, "%s%s%s", before, text, after);
}

static void setup(enum rp_release release, struct rp_puller_settings settings)
{
    memset(&bench, 0, sizeof bench);
    test_alloc_init(&bench.alloc);
    bench.peers = "a";
    bench.results = "o";
    settings.traits = rp_release_traits(release);
    settings.self_id = rp_view_text("self");
    ck_assert_int_eq(rp_puller_new(&settings, &bench.alloc.alloc, &bench.puller), 0);
}

static void teardown(void)
{
    rp_puller_free(bench.puller);
    ck_assert_uint_eq(bench.alloc.live_count, 0);
}

static enum rp_pull_try next_result(void)
{
    static const struct {
        char letter;
        enum rp_pull_try result;
    } LETTERS[] = {{'o', RP_TRY_OK},
                   {'n', RP_TRY_NOT_ON_PEER},
                   {'b', RP_TRY_BAD_OFFSET},
                   {'s', RP_TRY_BAD_OFFSET_BACKEND},
                   {'c', RP_TRY_CHECKSUM_MISMATCH},
                   {'f', RP_TRY_FAILED},
                   {'x', RP_TRY_CANCELLED}};
    char letter = bench.results[bench.result_index];
    bench.result_index += bench.results[bench.result_index + 1] != '\0';
    for (size_t i = 0; i < sizeof LETTERS / sizeof LETTERS[0]; i++) {
        if (LETTERS[i].letter == letter) {
            return LETTERS[i].result;
        }
    }
    ck_abort_msg("no such result");
    return RP_TRY_FAILED;
}

static void answer_lookup(uint32_t worker)
{
    struct rp_pull_candidate candidates[16];
    size_t count = 0;
    bench.lookup_count += 1;
    if (bench.lookup_count > bench.empty_first_count) {
        for (const char *peer = bench.peers; *peer != '\0'; peer++) {
            candidates[count++] = (struct rp_pull_candidate){.node_id = rp_view_make(peer, 1),
                                                             .address = rp_view_make(peer, 1)};
        }
    }
    rp_puller_resolved(bench.puller, worker, candidates, count, bench.now_ns);
}

static void act(const struct rp_pull_action *action)
{
    char peer[2] = {0, 0};
    switch (action->kind) {
    case RP_PULL_DO_BEGIN: break;
    case RP_PULL_DO_CHECK:
        note("", ".", "");
        if (bench.is_silent) {
            bench.waiting[bench.waiting_count++] = *action;
        } else {
            rp_puller_checked(bench.puller, action->worker, bench.is_present, bench.now_ns);
        }
        break;
    case RP_PULL_DO_RESOLVE: answer_lookup(action->worker); break;
    case RP_PULL_DO_FETCH:
        peer[0] = (char)action->candidate.node_id.bytes[0];
        note("", peer, action->resume == RP_RESUME_PART ? "+" : "");
        if (bench.is_silent) {
            bench.waiting[bench.waiting_count++] = *action;
        } else {
            rp_puller_fetched(bench.puller, action->worker, next_result(), bench.now_ns);
        }
        break;
    case RP_PULL_DO_CANCEL:
        bench.cancel_count += 1;
        note("", "!", "");
        break;
    case RP_PULL_DO_END:
        ck_assert_uint_lt(bench.end_count, STEP_MAX);
        bench.outcomes[bench.end_count++] = action->outcome;
        note("=", rp_pull_outcome_name(action->outcome), " ");
        break;
    case RP_PULL_DO_RESCAN: bench.rescan_count += 1; break;
    }
}

static void drain(void)
{
    struct rp_pull_action action;
    while (rp_puller_next(bench.puller, &action)) {
        act(&action);
    }
}

/* Runs all timers until nothing waits any more, or `limit_ns`. */
static void run_until(rp_time_ns limit_ns)
{
    drain();
    while (rp_puller_deadline(bench.puller) <= limit_ns) {
        bench.now_ns = rp_puller_deadline(bench.puller);
        rp_puller_tick(bench.puller, bench.now_ns);
        drain();
    }
    bench.now_ns = limit_ns;
}

static struct rp_file_entry make_entry(const char *path, const char *hash, uint64_t lsn)
{
    struct rp_file_entry entry = bench_entry(rp_view_text(path), rp_view_text(hash), 10);
    entry.origin_node_id = rp_view_text("a");
    entry.lsn = lsn;
    return entry;
}

static enum rp_announce_result announce(const struct rp_file_entry *entry)
{
    return rp_puller_announce(bench.puller, entry, bench.now_ns);
}

static const struct rp_pull_counters *counters(void)
{
    return rp_puller_counters(bench.puller);
}

#define SECONDS(count) ((rp_time_ns)(count)*RP_NS_PER_S)

/* ---- One entry, every release ------------------------------------------------------------------ */

/* One announced file against scripted peers: the calls in order (. is a check, a letter a fetch from
 * that peer, + one that may resume), the outcome and what was counted. */
static const struct {
    const char *name;
    enum rp_release release;
    const char *peers, *results;
    uint32_t empty_first_count;
    bool is_present;
    const char *log;
    uint64_t pulled, failed, checksum, lookups_failed;
} STORIES[] = {
    {"happy path", RP_RELEASE_CURRENT, "a", "o", 0, false, ".a=pulled ", 1, 0, 0, 0},
    {"present is not fetched", RP_RELEASE_CURRENT, "a", "o", 0, true, ".=present ", 0, 0, 0, 0},
    {"gives up after three", RP_RELEASE_CURRENT, "a", "f", 0, false, ".a.a.a=failed ", 0, 1, 0, 0},
    {"arc resumes on retry", RP_RELEASE_ARC, "a", "fo", 0, false, ".a.a+=pulled ", 1, 0, 0, 0},
    {"not found moves on", RP_RELEASE_PHASE3, "ab", "no", 0, false, ".ab=pulled ", 1, 0, 0, 0},
    {"transport error moves on", RP_RELEASE_ARC, "ab", "fo", 0, false, ".ab=pulled ", 1, 0, 0, 0},
    {"bad offset moves on", RP_RELEASE_ARC, "ab", "bo", 0, false, ".ab=pulled ", 1, 0, 0, 0},
    {"all peers each attempt", RP_RELEASE_CURRENT, "abc", "f", 0, false, ".abc.abc.abc=failed ", 0,
     1, 0, 0},
    {"mismatch retries the first", RP_RELEASE_ARC, "ab", "cco", 0, false, ".a.a+.a+=pulled ", 1, 0,
     2, 0},
    {"mismatch demotes the peer", RP_RELEASE_CURRENT, "abc", "cco", 0, false, ".a.b.c=pulled ", 1,
     0, 2, 0},
    {"the demoted still comes last", RP_RELEASE_CURRENT, "ab", "cfo", 0, false, ".a.ba=pulled ", 1,
     0, 1, 0},
    {"cancelled ends at once", RP_RELEASE_PHASE3, "abc", "x", 0, false, ".a=cancelled ", 0, 0, 0,
     0},
    {"phase2 retries a cancelled", RP_RELEASE_PHASE2, "a", "xo", 0, false, ".a.a=pulled ", 1, 0, 0,
     0},
    {"no peers is a failure", RP_RELEASE_CURRENT, "", "o", 0, false, "...=failed ", 0, 1, 0, 3},
    {"no peers counted nowhere", RP_RELEASE_ARC, "", "o", 0, false, "...=no_peers ", 0, 0, 0, 3},
    {"asks again each attempt", RP_RELEASE_CURRENT, "a", "o", 2, false, "...a=pulled ", 1, 0, 0, 2},
};

START_TEST(one_entry_ends_as_told)
{
    setup(STORIES[_i].release, (struct rp_puller_settings){.worker_count = 1});
    bench.peers = STORIES[_i].peers;
    bench.results = STORIES[_i].results;
    bench.empty_first_count = STORIES[_i].empty_first_count;
    bench.is_present = STORIES[_i].is_present;
    struct rp_file_entry entry = make_entry("db/a", "hash", 1);
    rp_puller_start(bench.puller, 0);
    ck_assert_int_eq(announce(&entry), RP_ANNOUNCE_QUEUED);
    run_until(SECONDS(30));
    ck_assert_msg(strcmp(bench.log, STORIES[_i].log) == 0, "row %d, %s: %s", _i, STORIES[_i].name,
                  bench.log);
    ck_assert_uint_eq(counters()->pulled, STORIES[_i].pulled);
    ck_assert_uint_eq(counters()->failed, STORIES[_i].failed);
    ck_assert_uint_eq(counters()->checksum_mismatch, STORIES[_i].checksum);
    ck_assert_uint_eq(counters()->peer_lookup_failure, STORIES[_i].lookups_failed);
    ck_assert_uint_eq(counters()->inflight_count, 0);
    ck_assert_uint_eq(bench.end_count, 1);
    teardown();
}
END_TEST

/* Backoffs are first, twice first, ..., at most 30 s, for every attempt (behaviour.md 7.3). */
START_TEST(backoff_doubles_up_to_its_cap)
{
    setup(RP_RELEASE_CURRENT, (struct rp_puller_settings){.worker_count = 1, .attempt_max = 80});
    bench.results = "f";
    struct rp_file_entry entry = make_entry("db/a", "hash", 1);
    rp_puller_start(bench.puller, 0);
    announce(&entry);
    rp_time_ns wanted_ns = 500 * RP_NS_PER_MS;
    for (int k = 1; k < 80; k++) {
        drain();
        ck_assert_uint_eq(rp_puller_deadline(bench.puller) - bench.now_ns, wanted_ns);
        bench.now_ns += wanted_ns;
        rp_puller_tick(bench.puller, bench.now_ns);
        wanted_ns = wanted_ns * 2 < SECONDS(30) ? wanted_ns * 2 : SECONDS(30);
    }
    drain();
    ck_assert_uint_eq(counters()->failed, 1);
    teardown();
}
END_TEST

/* ---- Announcements ----------------------------------------------------------------------------- */

/* TestPullerSkipsSelfOrigin; `current` looks whether its own files are still there. */
START_TEST(own_files_are_skipped_before_current)
{
    enum rp_release release = _i == 0 ? RP_RELEASE_ARC : RP_RELEASE_CURRENT;
    setup(release, (struct rp_puller_settings){0});
    struct rp_file_entry entry = make_entry("db/a", "hash", 1);
    entry.origin_node_id = rp_view_text("self");
    ck_assert_int_eq(announce(&entry), _i == 0 ? RP_ANNOUNCE_SELF : RP_ANNOUNCE_QUEUED);
    ck_assert_uint_eq(counters()->skipped_self, _i == 0);
    teardown();
}
END_TEST

/* TestPullerQueueDropUnderOverload: a full queue refuses, counts, and never blocks. */
START_TEST(full_queue_drops_and_counts)
{
    setup(RP_RELEASE_CURRENT, (struct rp_puller_settings){.queue_max = 2});
    struct rp_file_entry entries[] = {make_entry("db/a", "h", 1), make_entry("db/b", "h", 2),
                                      make_entry("db/c", "h", 3)};
    ck_assert_int_eq(announce(&entries[0]), RP_ANNOUNCE_QUEUED);
    ck_assert_int_eq(announce(&entries[1]), RP_ANNOUNCE_QUEUED);
    ck_assert_int_eq(announce(&entries[2]), RP_ANNOUNCE_DROPPED);
    ck_assert_uint_eq(counters()->dropped, 1);
    ck_assert_uint_eq(counters()->queue_depth, 2);
    ck_assert(!rp_puller_is_in_flight(bench.puller, entries[2].path));
    teardown();
}
END_TEST

/* TestPullerEnqueueDedup; phase2 has none. */
START_TEST(same_path_twice_is_one_job_but_in_phase2)
{
    enum rp_release release = _i == 0 ? RP_RELEASE_PHASE2 : RP_RELEASE_PHASE3;
    setup(release, (struct rp_puller_settings){0});
    struct rp_file_entry entry = make_entry("db/a", "h", 1);
    announce(&entry);
    ck_assert_int_eq(announce(&entry), _i == 0 ? RP_ANNOUNCE_QUEUED : RP_ANNOUNCE_DUPLICATE);
    ck_assert_uint_eq(counters()->skipped_dup, (uint64_t)_i);
    rp_puller_start(bench.puller, 0);
    run_until(SECONDS(5));
    ck_assert_uint_eq(bench.end_count, _i == 0 ? 2 : 1);
    teardown();
}
END_TEST

/* A newer version of a queued path takes its place; of an active one it is pulled right after. */
START_TEST(newer_version_replaces_an_older_one)
{
    bool is_active = _i == 1;
    setup(RP_RELEASE_CURRENT, (struct rp_puller_settings){.worker_count = 1});
    struct rp_file_entry old = make_entry("db/a", "h1", 1), fresh = make_entry("db/a", "h2", 2);
    struct rp_file_entry stale = make_entry("db/a", "h0", 1);
    bench.is_silent = is_active;
    if (is_active) {
        rp_puller_start(bench.puller, 0);
    }
    announce(&old);
    drain();
    ck_assert_int_eq(announce(&fresh), RP_ANNOUNCE_REPLACED);
    ck_assert_int_eq(announce(&stale), RP_ANNOUNCE_DUPLICATE);
    drain();
    ck_assert_uint_eq(bench.cancel_count, is_active);
    bench.is_silent = false;
    if (is_active) {
        rp_puller_checked(bench.puller, 0, false, 0);
    } else {
        rp_puller_start(bench.puller, 0);
    }
    run_until(SECONDS(5));
    ck_assert_str_eq(bench.log, is_active ? ".!=obsolete .a=pulled " : "=obsolete .a=pulled ");
    ck_assert_uint_eq(counters()->inflight_count, 0);
    teardown();
}
END_TEST

/* publish-current: a verified file is not published once the manifest has moved on. */
START_TEST(publishes_only_what_the_manifest_holds)
{
    setup(_i == 0 ? RP_RELEASE_CURRENT : RP_RELEASE_ARC,
          (struct rp_puller_settings){.worker_count = 1});
    struct rp_file_entry entry = make_entry("db/a", "h1", 1), other = make_entry("db/a", "h2", 2);
    rp_puller_start(bench.puller, 0);
    bench.is_silent = true;
    announce(&entry);
    drain();
    rp_puller_checked(bench.puller, 0, false, 0);
    drain();
    ck_assert(rp_puller_may_publish(bench.puller, 0, &entry));
    ck_assert_int_eq(rp_puller_may_publish(bench.puller, 0, &other), _i == 1);
    ck_assert_int_eq(rp_puller_may_publish(bench.puller, 0, NULL), _i == 1);
    rp_puller_fetched(bench.puller, 0, RP_TRY_OBSOLETE, 0);
    drain();
    ck_assert_int_eq(bench.outcomes[0], RP_PULL_OBSOLETE);
    teardown();
}
END_TEST

/* A delete ends the job of its path, queued or active, and nothing may be published any more. */
START_TEST(deleted_path_ends_obsolete)
{
    setup(RP_RELEASE_CURRENT, (struct rp_puller_settings){.worker_count = 1});
    struct rp_file_entry active = make_entry("db/a", "h", 1), queued = make_entry("db/b", "h", 2);
    rp_puller_start(bench.puller, 0);
    bench.is_silent = true;
    announce(&active);
    announce(&queued);
    drain();
    rp_puller_checked(bench.puller, 0, false, 0);
    drain();
    rp_puller_deleted(bench.puller, queued.path, 0);
    rp_puller_deleted(bench.puller, active.path, 0);
    drain();
    ck_assert(!rp_puller_may_publish(bench.puller, 0, &active));
    rp_puller_fetched(bench.puller, 0, RP_TRY_CANCELLED, 0);
    drain();
    ck_assert_str_eq(bench.log, ".a=obsolete !=obsolete ");
    ck_assert(rp_puller_is_idle(bench.puller));
    teardown();
}
END_TEST

/* ---- Time, stop, rescans ----------------------------------------------------------------------- */

/* Every wait is bounded: a node that never answers is asked to give up at the fetch timeout, and the
 * try counts as failed, not as cancelled. */
START_TEST(silent_try_is_given_up_at_the_fetch_timeout)
{
    setup(RP_RELEASE_CURRENT, (struct rp_puller_settings){.worker_count = 1, .attempt_max = 1});
    struct rp_file_entry entry = make_entry("db/a", "h", 1);
    rp_puller_start(bench.puller, 0);
    announce(&entry);
    bench.is_silent = true;
    drain();
    rp_puller_checked(bench.puller, 0, false, 0);
    drain();
    ck_assert_uint_eq(rp_puller_deadline(bench.puller), SECONDS(60));
    rp_puller_tick(bench.puller, SECONDS(60));
    drain();
    ck_assert_uint_eq(bench.cancel_count, 1);
    rp_puller_fetched(bench.puller, 0, RP_TRY_CANCELLED, SECONDS(60));
    drain();
    ck_assert_uint_eq(counters()->failed, 1);
    teardown();
}
END_TEST

/* Stop: queued and waiting jobs end at once, an active one with its answer; then nothing begins.
 * TestPullerStartStopIdempotent */
START_TEST(stop_ends_every_job_cancelled)
{
    setup(RP_RELEASE_CURRENT, (struct rp_puller_settings){.worker_count = 2});
    struct rp_file_entry entries[] = {make_entry("db/a", "h", 1), make_entry("db/b", "h", 2),
                                      make_entry("db/c", "h", 3)};
    rp_puller_start(bench.puller, 0);
    rp_puller_start(bench.puller, 0);
    bench.results = "f";
    announce(&entries[0]);
    drain(); /* now in backoff */
    bench.is_silent = true;
    announce(&entries[1]);
    announce(&entries[2]);
    drain();
    rp_puller_stop(bench.puller, 1);
    rp_puller_stop(bench.puller, 1);
    drain();
    ck_assert_uint_eq(bench.end_count, 2);
    ck_assert(!rp_puller_is_idle(bench.puller));
    rp_puller_checked(bench.puller, 1, false, 1);
    drain();
    ck_assert_uint_eq(counters()->cancelled, 3);
    ck_assert(rp_puller_is_idle(bench.puller));
    ck_assert_uint_eq(rp_puller_deadline(bench.puller), RP_TIME_NEVER);
    ck_assert_int_eq(announce(&entries[0]), RP_ANNOUNCE_STOPPED);
    teardown();
}
END_TEST

/* design.md: after a failure the manifest is looked through 60 s later, then after twice as long up
 * to 10 min, until nothing is missing; an arriving peer brings it forward. */
START_TEST(rescans_while_anything_is_missing)
{
    static const uint64_t AT_S[] = {60, 180, 420, 900, 1500, 2100};
    setup(RP_RELEASE_CURRENT, (struct rp_puller_settings){.worker_count = 1, .attempt_max = 1});
    struct rp_file_entry entry = make_entry("db/a", "h", 1);
    rp_puller_start(bench.puller, 0);
    rp_puller_peer_arrived(bench.puller, 0);
    drain();
    ck_assert_uint_eq(bench.rescan_count, 0);
    bench.results = "f";
    announce(&entry);
    drain();
    for (size_t i = 0; i < 6; i++) {
        ck_assert_uint_eq(rp_puller_deadline(bench.puller), SECONDS(AT_S[i]));
        bench.now_ns = SECONDS(AT_S[i]);
        rp_puller_tick(bench.puller, bench.now_ns);
        drain();
        ck_assert_uint_eq(bench.rescan_count, i + 1);
        rp_puller_rescanned(bench.puller, 1, bench.now_ns);
    }
    bench.now_ns += SECONDS(5);
    rp_puller_peer_arrived(bench.puller, bench.now_ns);
    drain();
    ck_assert_uint_eq(bench.rescan_count, 7);
    rp_puller_rescanned(bench.puller, 0, bench.now_ns);
    ck_assert_uint_eq(rp_puller_deadline(bench.puller), RP_TIME_NEVER);
    ck_assert(!rp_puller_is_missing_any(bench.puller));
    teardown();
}
END_TEST

/* The demotion outlives a pull that failed: the next one begins with the peers not yet caught. */
START_TEST(demotion_lasts_until_the_path_is_pulled)
{
    setup(RP_RELEASE_CURRENT, (struct rp_puller_settings){.worker_count = 1, .attempt_max = 1});
    struct rp_file_entry entry = make_entry("db/a", "h", 1);
    bench.peers = "ab";
    bench.results = "co";
    rp_puller_start(bench.puller, 0);
    for (int i = 0; i < 3; i++) {
        announce(&entry);
        drain();
    }
    ck_assert_str_eq(bench.log, ".a=failed .b=pulled .a=pulled ");
    teardown();
}
END_TEST

/* Backlog: as many jobs at work as there are workers (property uses-workers). */
START_TEST(backlog_keeps_all_workers_busy)
{
    setup(RP_RELEASE_CURRENT, (struct rp_puller_settings){.worker_count = 3});
    static const char *const PATHS[] = {"db/a", "db/b", "db/c", "db/d", "db/e"};
    struct rp_file_entry entries[5];
    bench.is_silent = true;
    rp_puller_start(bench.puller, 0);
    for (int i = 0; i < 5; i++) {
        entries[i] = make_entry(PATHS[i], "h", 1);
        announce(&entries[i]);
    }
    drain();
    ck_assert_uint_eq(rp_puller_busy_count(bench.puller), 3);
    ck_assert_uint_eq(counters()->queue_depth, 2);
    rp_puller_checked(bench.puller, 1, true, 0);
    drain();
    ck_assert_uint_eq(rp_puller_busy_count(bench.puller), 3);
    ck_assert_ptr_eq(rp_puller_worker_entry(bench.puller, 1), &entries[3]);
    teardown();
}
END_TEST

/* TestPullerConfigValidation */
START_TEST(missing_self_id_is_refused)
{
    struct rp_puller *puller = NULL;
    test_alloc_init(&bench.alloc);
    struct rp_puller_settings settings = {.traits = rp_release_traits(RP_RELEASE_CURRENT)};
    ck_assert_int_eq(rp_puller_new(&settings, &bench.alloc.alloc, &puller), RP_ERR_INVALID);
}
END_TEST

/* Whichever allocation fails, the entry has one outcome and nothing leaks. */
START_TEST(every_failing_allocation_is_survived)
{
    for (size_t k = 1; k < 40; k++) {
        setup(RP_RELEASE_CURRENT, (struct rp_puller_settings){.worker_count = 1});
        struct rp_file_entry entry = make_entry("db/a", "h", 1);
        bench.results = "co";
        bench.peers = "ab";
        bench.alloc.call_count = 0;
        bench.alloc.fail_at = k;
        rp_puller_start(bench.puller, 0);
        enum rp_announce_result result = announce(&entry);
        run_until(SECONDS(30));
        ck_assert_uint_eq(bench.end_count, result == RP_ANNOUNCE_QUEUED);
        bench.alloc.fail_at = 0;
        teardown();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("protocol.puller");
    TCase *tc = tcase_create("puller");
    tcase_add_loop_test(tc, one_entry_ends_as_told, 0, sizeof STORIES / sizeof STORIES[0]);
    tcase_add_test(tc, backoff_doubles_up_to_its_cap);
    tcase_add_loop_test(tc, own_files_are_skipped_before_current, 0, 2);
    tcase_add_test(tc, full_queue_drops_and_counts);
    tcase_add_loop_test(tc, same_path_twice_is_one_job_but_in_phase2, 0, 2);
    tcase_add_loop_test(tc, newer_version_replaces_an_older_one, 0, 2);
    tcase_add_loop_test(tc, publishes_only_what_the_manifest_holds, 0, 2);
    tcase_add_test(tc, deleted_path_ends_obsolete);
    tcase_add_test(tc, silent_try_is_given_up_at_the_fetch_timeout);
    tcase_add_test(tc, stop_ends_every_job_cancelled);
    tcase_add_test(tc, rescans_while_anything_is_missing);
    tcase_add_test(tc, demotion_lasts_until_the_path_is_pulled);
    tcase_add_test(tc, backlog_keeps_all_workers_busy);
    tcase_add_test(tc, missing_self_id_is_refused);
    tcase_add_test(tc, every_failing_allocation_is_survived);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
