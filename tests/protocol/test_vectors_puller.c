#include <check.h>
#include <stdio.h>

#include "tests/lib/pull_bench.h"
#include "tests/lib/vectors.h"

/* Replays every pull of the reference: who was asked for what and from where, the counters, and what
 * is left on the disk. */

#define RUN_LIMIT_NS (3600 * RP_NS_PER_S)

/* ---- Fixture --------------------------------------------------------------------------------- */

static struct vectors vectors;
static struct vectors_tally tally;
static struct pull_bench bench;

static void setup(void)
{
    vectors_open(&vectors, "puller");
}

static void teardown(void)
{
    vectors_close(&vectors);
}

/* ---- The case as a bench ----------------------------------------------------------------------- */

static const char *next_outcome(struct pull_bench *asked, size_t peer_index)
{
    const json_t *script = vectors_get(asked->script, "script");
    const json_t *list = vectors_get(script, asked->peers[peer_index]);
    if (list == NULL) {
        list = vectors_get(script, "*");
    }
    size_t last = json_array_size(list) - 1;
    size_t at = asked->peer_calls[peer_index] < last ? asked->peer_calls[peer_index] : last;
    return json_string_value(json_array_get(list, at));
}

static int64_t number_of(const json_t *one_case, const char *key)
{
    const json_t *value = vectors_get(one_case, key);
    return value == NULL ? 0 : vectors_int(value);
}

static void load_peers(const json_t *one_case, enum rp_release release)
{
    const json_t *peers = vectors_get(one_case, "peers");
    size_t count = json_array_size(peers);
    bench.peer_count = release == RP_RELEASE_PHASE2 && count > 1 ? 1 : count;
    ck_assert_uint_le(count, PULL_PEER_MAX);
    for (size_t row = 0; row < count; row += 1) {
        bench.peers[row] = json_string_value(json_array_get(peers, row));
    }
    bench.resolver_empty_first = (size_t)number_of(one_case, "resolver_empty_first");
    bench.outcome = next_outcome;
    bench.script = (void *)(uintptr_t)one_case;
}

static void load_disk(const json_t *one_case)
{
    const char *path;
    json_t *size;
    json_object_foreach((json_t *)(uintptr_t)vectors_get(one_case, "present"), path, size)
    {
        pull_bench_put(&bench, path, vectors_int(size));
    }
    json_object_foreach((json_t *)(uintptr_t)vectors_get(one_case, "staged"), path, size)
    {
        char name[128];
        (void)snprintf(name, sizeof name, "%s.part", path);
        pull_bench_put(&bench, name, vectors_int(size));
    }
}

static void load_manifest(const json_t *one_case)
{
    size_t row;
    json_t *file;
    json_array_foreach((json_t *)(uintptr_t)vectors_get(one_case, "files"), row, file)
    {
        pull_bench_register(&bench, vectors_text(file, "path"), vectors_text(file, "sha256"),
                            vectors_int(vectors_get(file, "size_bytes")),
                            vectors_text(file, "origin_node_id"));
    }
}

static void offer_all(const json_t *one_case)
{
    int times = vectors_get(one_case, "each_twice") != NULL ? 2 : 1;
    size_t row;
    json_t *file;
    json_array_foreach((json_t *)(uintptr_t)vectors_get(one_case, "files"), row, file)
    {
        for (int time = 0; time < times; time += 1) {
            pull_bench_offer(&bench, vectors_text(file, "path"));
        }
    }
}

static void play(const json_t *one_case)
{
    const char *mode = vectors_text(one_case, "mode");
    if (strcmp(mode, "preload") == 0) {
        offer_all(one_case);
        pull_bench_start(&bench);
    } else {
        pull_bench_start(&bench);
    }
    if (strcmp(mode, "enqueue") == 0) {
        offer_all(one_case);
    } else if (strcmp(mode, "catchup") == 0) {
        node_walk_start(bench.node);
        node_settle(bench.node);
        if (vectors_get(one_case, "catchup_twice") != NULL) {
            node_walk_start(bench.node);
            node_settle(bench.node);
        }
    }
    pull_bench_run(&bench, RUN_LIMIT_NS);
}

/* ---- What was seen, in the recorded form -------------------------------------------------------- */

static json_t *calls_seen(void)
{
    json_t *calls = json_array();
    for (size_t row = 0; row < bench.call_count; row += 1) {
        const struct pull_call *call = &bench.calls[row];
        json_t *one = json_pack("{s:I, s:s, s:s, s:s}", "offset", (json_int_t)call->offset_bytes,
                                "outcome", call->outcome, "path", call->path, "peer", call->peer);
        if (call->offset_bytes > 0) {
            json_object_set_new(one, "prefix_sha256", json_string(call->prefix_sha256));
        }
        json_array_append_new(calls, one);
    }
    return calls;
}

static json_t *files_seen(void)
{
    json_t *files = json_array();
    struct rp_view names[64];
    size_t count = sim_store_names(bench.store, rp_view_text(NULL), names, 64);
    ck_assert_uint_lt(count, 64);
    for (size_t row = 0; row < count; row += 1) {
        char path[128];
        bool is_right = false;
        (void)snprintf(path, sizeof path, "%.*s", (int)names[row].length_bytes,
                       (const char *)names[row].bytes);
        int64_t size = pull_bench_size(&bench, path, &is_right);
        json_array_append_new(files, json_pack("{s:s, s:b, s:I}", "path", path, "right_prefix",
                                               is_right, "size", (json_int_t)size));
    }
    return files;
}

static void set_number(json_t *stats, const char *key, uint64_t value)
{
    json_object_set_new(stats, key, json_integer((json_int_t)value));
}

/* Every counter that any generation has; the comparison takes those that the record shows. */
static json_t *stats_seen(void)
{
    json_t *stats = json_object();
    const struct rp_pull_counters *counters = pull_bench_counters(&bench);
    for (size_t row = 0; row < RP_PULL_COUNTER_COUNT; row += 1) {
        set_number(stats, rp_pull_counter_name(row), rp_pull_counter_value(counters, row));
    }
    struct rp_readiness *readiness = bench.node->readiness;
    const struct rp_catchup_counters *catchup = rp_readiness_catchup(readiness);
    set_number(stats, "catchup_entries_walked", catchup->entries_walked);
    set_number(stats, "catchup_enqueued", catchup->enqueued);
    set_number(stats, "catchup_skipped_local", catchup->skipped_local);
    set_number(stats, "catchup_inflight", rp_readiness_tagged_count(readiness));
    set_number(stats, "catchup_failed", rp_readiness_failed_count(readiness));
    set_number(stats, "catchup_dropped", rp_readiness_dropped_count(readiness));
    json_object_set_new(stats, "catchup_started", json_boolean(catchup->started_at_unix_ns != 0));
    json_object_set_new(stats, "catchup_completed",
                        json_boolean(catchup->completed_at_unix_ns != 0));
    json_object_set_new(stats, "fully_caught_up", json_boolean(rp_readiness_is_ready(readiness)));
    return stats;
}

static bool is_equal_or_tell(const json_t *one_case, const char *generation, const char *what,
                             const json_t *seen, const json_t *expected)
{
    json_t *nothing = json_array();
    bool is_equal = json_equal(seen, expected == NULL ? nothing : expected) == 1;
    if (!is_equal) {
        char *left = json_dumps(seen, JSON_SORT_KEYS | JSON_ENCODE_ANY);
        char *right =
            json_dumps(expected == NULL ? nothing : expected, JSON_SORT_KEYS | JSON_ENCODE_ANY);
        printf("%s %s (%s): %s\n  seen     %s\n  recorded %s\n", vectors_id(one_case), generation,
               vectors_text(one_case, "note"), what, left, right);
        free(left);
        free(right);
    }
    json_decref(nothing);
    return is_equal;
}

static bool are_stats_equal(const json_t *one_case, const char *generation, const json_t *expected)
{
    bool is_equal = true;
    json_t *stats = stats_seen();
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)expected, key, value)
    {
        const json_t *seen = json_object_get(stats, key);
        ck_assert_msg(seen != NULL, "no counter is called %s", key);
        is_equal = is_equal_or_tell(one_case, generation, key, seen, value) && is_equal;
    }
    json_decref(stats);
    return is_equal;
}

static bool compare(const json_t *one_case, const char *generation, const json_t *expect)
{
    json_t *calls = calls_seen();
    json_t *files = files_seen();
    bool is_equal =
        is_equal_or_tell(one_case, generation, "calls", calls, vectors_get(expect, "calls"));
    is_equal =
        is_equal_or_tell(one_case, generation, "files", files, vectors_get(expect, "files")) &&
        is_equal;
    json_t *lookups = json_integer((json_int_t)bench.resolver_calls);
    is_equal = is_equal_or_tell(one_case, generation, "lookups", lookups,
                                vectors_get(expect, "resolver_calls")) &&
               is_equal;
    is_equal = are_stats_equal(one_case, generation, vectors_get(expect, "stats")) && is_equal;
    json_decref(lookups);
    json_decref(calls);
    json_decref(files);
    return is_equal;
}

static bool replay(const json_t *one_case, const struct vectors_release *row)
{
    pull_bench_begin(&bench, row->release, (uint32_t)number_of(one_case, "queue"),
                     (uint32_t)number_of(one_case, "attempts"));
    load_peers(one_case, row->release);
    load_disk(one_case);
    load_manifest(one_case);
    play(one_case);
    bool is_equal = compare(one_case, row->generation, vectors_expect(one_case, row->generation));
    pull_bench_end(&bench);
    return is_equal;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

/* Each generation's pulls, case by case: calls, lookups, counters, files. */
START_TEST(pulls_agree_in_every_generation)
{
    size_t wrong_count = 0;
    vectors_tally_init(&tally, "puller", NULL, 0);
    for (size_t index = 0; index < vectors_count(&vectors); index += 1) {
        const json_t *one_case = vectors_case(&vectors, index);
        for (int row = 0; row < VECTORS_RELEASE_COUNT; row += 1) {
            const struct vectors_release *release = &VECTORS_RELEASES[row];
            if (release->release == RP_RELEASE_CURRENT ||
                vectors_expect(one_case, release->generation) == NULL) {
                continue;
            }
            bool is_equal = replay(one_case, release);
            wrong_count += !vectors_tally_add(&tally, one_case, release->release, is_equal);
        }
    }
    vectors_tally_print(&tally);
    ck_assert_uint_eq(wrong_count, 0);
    ck_assert_uint_eq(tally.compared_count, 288);
}
END_TEST

/* ---- Main ------------------------------------------------------------------------------------ */

int main(void)
{
    if (!vectors_present()) {
        return VECTORS_SKIPPED;
    }
    Suite *suite = suite_create("vectors.puller");
    TCase *tc = tcase_create("puller");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, pulls_agree_in_every_generation);
    tcase_set_timeout(tc, 30);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
