/* Tests of a try and its sink over a simulated disk, with a script for a network: staging, resuming,
 * and what a mismatch leaves, as each release has them (behaviour.md 7.3 to 7.6, 8). */
#include "protocol/node_try.h"

#include <check.h>

#include "tests/lib/pull_bench.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))
#define FILE_PATH   "db/a.parquet"
#define PART_PATH   "db/a.parquet.part"
#define FILE_BYTES  3000

/* ---- Fixture --------------------------------------------------------------------------------- */

static struct pull_bench bench;

/* One list of outcomes a peer; the last repeats. */
struct script {
    const char *peer;
    const char *outcomes[8];
};

static const char *next_outcome(struct pull_bench *asked, size_t peer_index)
{
    const struct script *row = (const struct script *)asked->script + peer_index;
    size_t at = 0;
    while (at < asked->peer_calls[peer_index] && at + 1 < 8 && row->outcomes[at + 1] != NULL) {
        at += 1;
    }
    return row->outcomes[at];
}

static void begin(enum rp_release release, uint32_t attempt_max, const struct script *script,
                  size_t peer_count)
{
    pull_bench_begin(&bench, release, 0, attempt_max);
    bench.peer_count = peer_count;
    for (size_t row = 0; row < peer_count; row += 1) {
        bench.peers[row] = script[row].peer;
    }
    bench.outcome = next_outcome;
    bench.script = (void *)(uintptr_t)script;
    pull_bench_add(&bench, FILE_PATH, FILE_BYTES);
}

static void play(rp_time_ns limit_ns)
{
    pull_bench_start(&bench);
    pull_bench_offer(&bench, FILE_PATH);
    pull_bench_run(&bench, limit_ns);
}

static void check_call(size_t row, const char *peer, uint64_t offset_bytes)
{
    ck_assert_uint_lt(row, bench.call_count);
    ck_assert_str_eq(bench.calls[row].peer, peer);
    ck_assert_msg(bench.calls[row].offset_bytes == offset_bytes, "call %zu at %llu", row,
                  (unsigned long long)bench.calls[row].offset_bytes);
    if (offset_bytes > 0) {
        char hex[RP_SHA256_HEX + 1] = {0};
        ck_assert_int_eq(sim_body_sha256(bench.bodies, bench.right_key, offset_bytes, hex), 0);
        ck_assert_str_eq(bench.calls[row].prefix_sha256, hex);
    }
}

static void check_file(int64_t size_bytes)
{
    bool is_right = false;
    ck_assert_int_eq(pull_bench_size(&bench, FILE_PATH, &is_right), size_bytes);
    ck_assert(size_bytes < 0 || is_right);
}

static void check_nothing_staged(void)
{
    ck_assert_uint_eq(sim_store_staged_count(bench.store), 0);
    ck_assert_uint_eq(sim_store_plain_count(bench.store), 0);
}

/* ---- Every release --------------------------------------------------------------------------- */

/* One announcement leads to one fetch and a stored file (TestPullerHappyPath). */
START_TEST(announced_file_is_fetched_once)
{
    static const struct script script[] = {{"A", {"ok"}}};
    begin((enum rp_release)_i, 3, script, 1);
    play(RP_NS_PER_S);
    ck_assert_uint_eq(bench.call_count, 1);
    ck_assert_uint_eq(pull_bench_counters(&bench)->pulled, 1);
    check_file(FILE_BYTES);
    check_nothing_staged();
    ck_assert_uint_eq(sim_store_count(bench.store), 1);
    pull_bench_end(&bench);
}
END_TEST

/* A file that is here is not fetched (TestPullerSkipsAlreadyLocalFile). */
START_TEST(present_file_is_not_fetched)
{
    static const struct script script[] = {{"A", {"ok"}}};
    begin((enum rp_release)_i, 3, script, 1);
    pull_bench_put(&bench, FILE_PATH, FILE_BYTES);
    play(RP_NS_PER_S);
    ck_assert_uint_eq(bench.call_count, 0);
    ck_assert_uint_eq(pull_bench_counters(&bench)->skipped_local, 1);
    pull_bench_end(&bench);
}
END_TEST

/* Exactly the configured attempts, then a failure (TestPullerRetriesAndGivesUp). */
START_TEST(attempts_are_used_up_exactly)
{
    static const struct script script[] = {{"A", {"plain"}}};
    begin((enum rp_release)_i, 2, script, 1);
    play(30 * RP_NS_PER_S);
    ck_assert_uint_eq(bench.call_count, 2);
    ck_assert_uint_eq(pull_bench_counters(&bench)->failed, 1);
    check_file(-1);
    pull_bench_end(&bench);
}
END_TEST

/* Nobody to ask: no fetch, and the outcome of the release (TestPullerPeerLookupFailure). */
START_TEST(no_peers_ends_as_the_release_says)
{
    bool is_current = _i == RP_RELEASE_CURRENT;
    begin((enum rp_release)_i, 3, NULL, 0);
    play(30 * RP_NS_PER_S);
    const struct rp_pull_counters *counters = pull_bench_counters(&bench);
    ck_assert_uint_eq(counters->peer_lookup_failure, 3);
    ck_assert_uint_eq(counters->failed, is_current ? 1 : 0);
    ck_assert_uint_eq(counters->pulled, 0);
    ck_assert_uint_eq(rp_puller_busy_count(bench.node->puller), 0);
    pull_bench_end(&bench);
}
END_TEST

/* Starting and stopping twice is harmless; no work after a stop (TestPullerStartStopIdempotent). */
START_TEST(second_start_and_stop_change_nothing)
{
    static const struct script script[] = {{"A", {"ok"}}};
    begin((enum rp_release)_i, 3, script, 1);
    pull_bench_start(&bench);
    play(RP_NS_PER_S);
    node_pull_stop(bench.node);
    node_pull_stop(bench.node);
    pull_bench_start(&bench);
    pull_bench_offer(&bench, FILE_PATH);
    pull_bench_run(&bench, RP_NS_PER_S);
    ck_assert_uint_eq(bench.call_count, 1);
    ck_assert(node_pull_is_idle(bench.node));
    pull_bench_end(&bench);
}
END_TEST

/* ---- A mismatch, on the disk ------------------------------------------------------------------ */

/* A wrong hash in the header: counted, the retry succeeds, and an older file under the name is gone
 * before any byte came, but for `current` (TestPullerChecksumMismatchDeletesAndCounts, real store). */
START_TEST(header_mismatch_counts_and_deletes_the_final_name)
{
    static const struct script script[] = {{"A", {"checksum_mismatch", "ok"}}};
    bool is_current = _i == RP_RELEASE_CURRENT;
    bool is_any_size_present = _i == RP_RELEASE_PHASE2 || _i == RP_RELEASE_PHASE3;
    begin((enum rp_release)_i, 3, script, 1);
    pull_bench_start(&bench);
    pull_bench_offer(&bench, FILE_PATH);
    while (bench.call_count == 0) {
        ck_assert(sim_event_queue_step(bench.queue));
    }
    pull_bench_put(&bench, FILE_PATH, 10); /* an older, shorter version */
    pull_bench_run(&bench, 100 * RP_NS_PER_MS);
    ck_assert_uint_eq(pull_bench_counters(&bench)->checksum_mismatch, 1);
    ck_assert_int_eq(pull_bench_size(&bench, FILE_PATH, NULL), is_current ? 10 : -1);
    pull_bench_run(&bench, 30 * RP_NS_PER_S);
    ck_assert_uint_eq(pull_bench_counters(&bench)->pulled, 1);
    ck_assert(is_any_size_present || bench.call_count == 2);
    check_file(FILE_BYTES);
    pull_bench_end(&bench);
}
END_TEST

/* A whole wrong body: who removes what it staged pulls again; `arc` keeps it under its part name,
 * where it satisfies the next look (behaviour.md 8). */
START_TEST(body_mismatch_leaves_what_the_release_leaves)
{
    static const struct script script[] = {{"A", {"body_then_checksum", "ok"}}};
    bool is_arc = _i == RP_RELEASE_ARC;
    begin((enum rp_release)_i, 3, script, 1);
    play(30 * RP_NS_PER_S);
    const struct rp_pull_counters *counters = pull_bench_counters(&bench);
    ck_assert_uint_eq(counters->checksum_mismatch, 1);
    ck_assert_uint_eq(counters->pulled, is_arc ? 0 : 1);
    ck_assert_uint_eq(counters->skipped_local, is_arc ? 1 : 0);
    ck_assert_int_eq(pull_bench_size(&bench, PART_PATH, NULL), is_arc ? FILE_BYTES : -1);
    check_file(is_arc ? -1 : FILE_BYTES);
    ck_assert_uint_eq(sim_store_staged_count(bench.store), 0);
    ck_assert_uint_eq(sim_store_count(bench.store), 1);
    pull_bench_end(&bench);
}
END_TEST

/* ---- arc: part files --------------------------------------------------------------------------- */

/* The second attempt asks from the partial's size, with its hash (TestPuller_ResumeOnRetry). */
START_TEST(arc_second_attempt_goes_on_at_any_peer)
{
    static const struct script script[] = {{"A", {"cut:1000", "plain"}}, {"B", {"cut:700", "ok"}}};
    begin(RP_RELEASE_ARC, 3, script, 2);
    play(30 * RP_NS_PER_S);
    ck_assert_uint_eq(bench.call_count, 4);
    check_call(0, "A", 0);
    check_call(1, "B", 0); /* the first attempt always begins at 0 */
    check_call(2, "A", 700);
    check_call(3, "B", 700);
    check_file(FILE_BYTES);
    check_nothing_staged();
    ck_assert_uint_eq(pull_bench_counters(&bench)->pulled, 1);
    ck_assert_uint_eq(pull_bench_counters(&bench)->resumed, 1);
    pull_bench_end(&bench);
}
END_TEST

/* The comments of the reference say: partial removed, then a full fetch. On its own disk only the
 * final name goes, so the next peer is asked from the same offset again
 * (TestPuller_BadOffsetDeletesPartialAndRetries, real store). */
START_TEST(arc_bad_offset_leaves_the_partial)
{
    static const struct script script[] = {{"A", {"cut:1000", "bad_offset"}},
                                           {"B", {"plain", "bad_offset", "ok"}}};
    begin(RP_RELEASE_ARC, 3, script, 2);
    pull_bench_put(&bench, FILE_PATH, -50);
    play(30 * RP_NS_PER_S);
    check_call(0, "A", 0);
    check_call(1, "B", 0); /* its open emptied the part file of 1000 bytes */
    ck_assert_uint_ge(bench.call_count, 4);
    ck_assert_uint_eq(bench.calls[2].offset_bytes, 50); /* the short file under the final name */
    check_call(3, "B", 0);                              /* which A's refusal removed */
    ck_assert_uint_eq(pull_bench_counters(&bench)->bad_offset_server, 3);
    pull_bench_end(&bench);
}
END_TEST

/* A store that cannot append: counted at each further attempt; the fetch is not even begun, and as
 * nothing removes the partial, none begins at 0 (TestPuller_NonAppendingBackendFallback). */
START_TEST(arc_store_without_append_is_counted)
{
    static const struct script script[] = {{"A", {"cut:1000", "ok"}}};
    begin(RP_RELEASE_ARC, 3, script, 1);
    struct sim_disk_faults faults = {.calls.has_no_append = true};
    sim_store_set_faults(bench.store, &faults);
    play(30 * RP_NS_PER_S);
    ck_assert_uint_eq(bench.call_count, 1);
    ck_assert_uint_eq(pull_bench_counters(&bench)->bad_offset_backend, 2);
    ck_assert_uint_eq(pull_bench_counters(&bench)->failed, 1);
    ck_assert_int_eq(pull_bench_size(&bench, PART_PATH, NULL), 1000);
    pull_bench_end(&bench);
}
END_TEST

/* A fetch that fails at once leaves an empty part file, and destroys an earlier partial. */
START_TEST(arc_part_file_is_emptied_before_the_first_byte)
{
    static const struct script script[] = {{"A", {"plain"}}};
    begin(RP_RELEASE_ARC, 1, script, 1);
    pull_bench_put(&bench, PART_PATH, 1000);
    play(RP_NS_PER_S);
    ck_assert_int_eq(pull_bench_size(&bench, PART_PATH, NULL), 0);
    ck_assert_uint_eq(pull_bench_counters(&bench)->failed, 1);
    pull_bench_end(&bench);
}
END_TEST

/* The part file outlives the life that left it, and counts as present when it is long enough. */
START_TEST(arc_part_file_is_kept_over_lives)
{
    static const struct script script[] = {{"A", {"cut:1000"}}};
    begin(RP_RELEASE_ARC, 1, script, 1);
    play(RP_NS_PER_S);
    ck_assert_uint_eq(sim_store_plain_count(bench.store), 1);
    sim_store_detach(bench.store);
    ck_assert_int_eq(pull_bench_size(&bench, PART_PATH, NULL), 1000);
    bench.ports.store = *sim_store_attach(bench.store, NULL, &bench.ports.clock);
    ck_assert_uint_eq(sim_store_used_bytes(bench.store), 1000);
    pull_bench_end(&bench);
}
END_TEST

/* ---- phase2, phase3: temporary files ------------------------------------------------------------ */

/* While the body is on its way a hidden file grows in the same folder; an error removes it. */
START_TEST(temporary_file_goes_with_the_error)
{
    static const struct script script[] = {{"A", {"cut:1000"}}};
    static const enum rp_release releases[] = {RP_RELEASE_PHASE2, RP_RELEASE_PHASE3};
    begin(releases[_i], 1, script, 1);
    pull_bench_start(&bench);
    pull_bench_offer(&bench, FILE_PATH);
    bool is_seen = false;
    while (sim_event_queue_step(bench.queue)) {
        struct rp_view name;
        if (sim_store_names(bench.store, rp_view_text(NULL), &name, 1) == 1) {
            is_seen = true;
            ck_assert(name.length_bytes > 8 && memcmp(name.bytes, "db/.arc-", 8) == 0);
        }
    }
    ck_assert(is_seen);
    ck_assert_uint_eq(sim_store_count(bench.store), 0);
    ck_assert_uint_eq(sim_store_used_bytes(bench.store), 0);
    pull_bench_end(&bench);
}
END_TEST

/* ---- current: going on at the same peer ---------------------------------------------------------- */

static const struct script CUT_THEN_OK[] = {{"A", {"cut:1000", "ok"}}};
static const struct script OTHERS_HAVE_NOTHING[] = {
    {"A", {"cut:1000", "ok"}}, {"B", {"file_not_on_peer"}}, {"C", {"plain"}}};
static const struct script OTHER_SENDS_TOO[] = {{"A", {"cut:1000", "ok"}}, {"B", {"cut:500"}}};
static const struct script REFUSED[] = {{"A", {"cut:1000", "bad_offset", "ok"}}};
static const struct script WRONG_TAIL[] = {{"A", {"cut:1000", "body_then_checksum", "ok"}}};
static const struct script SILENT[] = {{"A", {"cut:1000", "plain", "cut:500", "ok"}}};

static const struct script NAMELESS[] = {{"", {"cut:1000", "ok"}}};

static const struct {
    const char *name;
    const struct script *script;
    size_t peer_count;
    struct {
        const char *peer;
        uint64_t offset_bytes;
    } calls[6];
    uint64_t resumed, body_bytes;
} RESUMES[] = {
    {"broken off", CUT_THEN_OK, 1, {{"A", 0}, {"A", 1000}}, 1, FILE_BYTES},
    {"peers without the file do not cost it",
     OTHERS_HAVE_NOTHING,
     3,
     {{"A", 0}, {"B", 0}, {"C", 0}, {"A", 1000}},
     1,
     FILE_BYTES},
    {"another peer's byte replaces it",
     OTHER_SENDS_TOO,
     2,
     {{"A", 0}, {"B", 0}, {"A", 0}},
     0,
     1500 + FILE_BYTES},
    {"an offset that is refused",
     REFUSED,
     1,
     {{"A", 0}, {"A", 1000}, {"A", 0}},
     0,
     1000 + FILE_BYTES},
    {"a tail that does not fit",
     WRONG_TAIL,
     1,
     {{"A", 0}, {"A", 1000}, {"A", 0}},
     1,
     FILE_BYTES + FILE_BYTES},
    {"a peer without a name", NAMELESS, 1, {{"", 0}, {"", 0}}, 0, 1000 + FILE_BYTES},
    {"broken off twice",
     SILENT,
     1,
     {{"A", 0}, {"A", 1000}, {"A", 1000}, {"A", 1500}},
     2,
     FILE_BYTES},
};

/* Where a try at the same peer goes on, and where not; the file is right in the end, and no byte that
 * counts came twice. */
START_TEST(current_goes_on_at_the_same_peer_only)
{
    begin(RP_RELEASE_CURRENT, 6, RESUMES[_i].script, RESUMES[_i].peer_count);
    play(40 * RP_NS_PER_S);
    size_t count = 0;
    for (; count < 6 && RESUMES[_i].calls[count].peer != NULL; count += 1) {
        check_call(count, RESUMES[_i].calls[count].peer, RESUMES[_i].calls[count].offset_bytes);
    }
    const struct rp_pull_counters *counters = pull_bench_counters(&bench);
    ck_assert_msg(bench.call_count == count, "%s: %zu calls", RESUMES[_i].name, bench.call_count);
    ck_assert_uint_eq(counters->pulled, 1);
    ck_assert_uint_eq(counters->resumed, RESUMES[_i].resumed);
    ck_assert_uint_eq(counters->body_bytes, RESUMES[_i].body_bytes);
    check_file(FILE_BYTES);
    check_nothing_staged();
    pull_bench_end(&bench);
}
END_TEST

/* A pull that ends leaves nothing staged, and the next pull of the file begins at 0. */
START_TEST(current_never_goes_on_across_pulls)
{
    static const struct script script[] = {{"A", {"cut:1000", "ok"}}};
    begin(RP_RELEASE_CURRENT, 1, script, 1);
    play(30 * RP_NS_PER_S);
    ck_assert_uint_eq(pull_bench_counters(&bench)->failed, 1);
    check_nothing_staged();
    ck_assert_uint_eq(sim_store_used_bytes(bench.store), 0);
    pull_bench_offer(&bench, FILE_PATH);
    pull_bench_run(&bench, RP_NS_PER_S);
    check_call(1, "A", 0);
    check_file(FILE_BYTES);
    pull_bench_end(&bench);
}
END_TEST

/* A file of the right size appears between two attempts and is hashed: the hash of the prefix is
 * lost with that, so the pull begins at 0. */
START_TEST(current_begins_anew_when_its_hash_was_needed)
{
    static const struct script script[] = {{"A", {"cut:1000", "ok"}}};
    begin(RP_RELEASE_CURRENT, 3, script, 1);
    pull_bench_start(&bench);
    pull_bench_offer(&bench, FILE_PATH);
    pull_bench_run(&bench, 100 * RP_NS_PER_MS);
    ck_assert_uint_eq(bench.call_count, 1);
    pull_bench_put(&bench, FILE_PATH, -FILE_BYTES);
    pull_bench_run(&bench, 30 * RP_NS_PER_S);
    check_call(1, "A", 0);
    check_file(FILE_BYTES);
    check_nothing_staged();
    pull_bench_end(&bench);
}
END_TEST

/* A stop between two attempts, and one in the middle of a body, leave nothing staged. */
START_TEST(current_stop_leaves_nothing_staged)
{
    static const struct script scripts[][1] = {{{"A", {"cut:1000"}}}, {{"A", {"stop"}}}};
    begin(RP_RELEASE_CURRENT, 3, scripts[_i], 1);
    pull_bench_start(&bench);
    pull_bench_offer(&bench, FILE_PATH);
    pull_bench_run(&bench, 100 * RP_NS_PER_MS);
    node_pull_stop(bench.node);
    pull_bench_run(&bench, RP_NS_PER_S);
    ck_assert_uint_eq(bench.call_count, 1);
    check_nothing_staged();
    ck_assert(node_pull_is_idle(bench.node));
    pull_bench_end(&bench);
}
END_TEST

/* A newer version comes while the older one's prefix is kept: it begins at 0. */
START_TEST(current_prefix_is_of_one_version)
{
    static const struct script script[] = {{"A", {"cut:1000", "ok"}}};
    begin(RP_RELEASE_CURRENT, 3, script, 1);
    pull_bench_start(&bench);
    pull_bench_offer(&bench, FILE_PATH);
    pull_bench_run(&bench, 100 * RP_NS_PER_MS);
    pull_bench_add(&bench, FILE_PATH, FILE_BYTES + 500);
    pull_bench_offer(&bench, FILE_PATH);
    pull_bench_run(&bench, 30 * RP_NS_PER_S);
    check_call(1, "A", 0);
    check_file(FILE_BYTES + 500);
    check_nothing_staged();
    pull_bench_end(&bench);
}
END_TEST

/* ---- Memory ------------------------------------------------------------------------------------ */

/* Memory that runs out at any of the first calls of a pull costs a try at most; nothing leaks, and
 * only whole files are published. */
START_TEST(pull_without_memory_publishes_nothing_wrong)
{
    static const struct script script[] = {{"A", {"cut:1000", "ok"}}};
    for (size_t call = 1; call <= 40; call += 1) {
        begin((enum rp_release)_i, 3, script, 1);
        pull_bench_start(&bench);
        bench.node_memory.call_count = 0;
        bench.node_memory.fail_at = call;
        pull_bench_offer(&bench, FILE_PATH);
        pull_bench_run(&bench, 30 * RP_NS_PER_S);
        int64_t size = pull_bench_size(&bench, FILE_PATH, NULL);
        ck_assert(size == -1 || size == FILE_BYTES);
        pull_bench_end(&bench);
    }
}
END_TEST

/* ---- Main -------------------------------------------------------------------------------------- */

static void add_release_tests(TCase *tc)
{
    tcase_add_loop_test(tc, announced_file_is_fetched_once, 0, RP_RELEASE_COUNT);
    tcase_add_loop_test(tc, present_file_is_not_fetched, 0, RP_RELEASE_COUNT);
    tcase_add_loop_test(tc, attempts_are_used_up_exactly, 0, RP_RELEASE_COUNT);
    tcase_add_loop_test(tc, no_peers_ends_as_the_release_says, 0, RP_RELEASE_COUNT);
    tcase_add_loop_test(tc, second_start_and_stop_change_nothing, 0, RP_RELEASE_COUNT);
    tcase_add_loop_test(tc, header_mismatch_counts_and_deletes_the_final_name, 0, RP_RELEASE_COUNT);
    tcase_add_loop_test(tc, body_mismatch_leaves_what_the_release_leaves, 0, RP_RELEASE_COUNT);
    tcase_add_loop_test(tc, pull_without_memory_publishes_nothing_wrong, 0, RP_RELEASE_COUNT);
}

static void add_sink_tests(TCase *tc)
{
    tcase_add_test(tc, arc_second_attempt_goes_on_at_any_peer);
    tcase_add_test(tc, arc_bad_offset_leaves_the_partial);
    tcase_add_test(tc, arc_store_without_append_is_counted);
    tcase_add_test(tc, arc_part_file_is_emptied_before_the_first_byte);
    tcase_add_test(tc, arc_part_file_is_kept_over_lives);
    tcase_add_loop_test(tc, temporary_file_goes_with_the_error, 0, 2);
    tcase_add_loop_test(tc, current_goes_on_at_the_same_peer_only, 0, ROWS(RESUMES));
    tcase_add_test(tc, current_never_goes_on_across_pulls);
    tcase_add_test(tc, current_begins_anew_when_its_hash_was_needed);
    tcase_add_loop_test(tc, current_stop_leaves_nothing_staged, 0, 2);
    tcase_add_test(tc, current_prefix_is_of_one_version);
}

int main(void)
{
    Suite *suite = suite_create("node_try");
    TCase *tc = tcase_create("tries");
    add_release_tests(tc);
    add_sink_tests(tc);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
