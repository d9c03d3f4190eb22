/* Tests of a node over ports that do nothing by themselves: what no simulated world brings about. */
#include "protocol/node.h"

#include <check.h>
#include <stdio.h>

#include "protocol/command.h"
#include "protocol/error.h"
#include "protocol/node_internal.h"
#include "tests/lib/node_bench.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))

/* ---- Birth ----------------------------------------------------------------------------------------- */

/* However early memory runs out, birth says so and holds nothing. */
START_TEST(birth_without_memory_holds_nothing)
{
    struct node_bench bench;
    node_bench_begin(&bench, "secret");
    char note[160];
    size_t live = bench.memory.live_count;
    size_t failures = 0;
    for (size_t call = 1;; call += 1) {
        bench.memory.call_count = 0;
        bench.memory.fail_at = call;
        int error = node_bench_bear(&bench, true, note);
        if (error == 0) {
            break;
        }
        ck_assert_int_eq(error, RP_ERR_NOMEM);
        ck_assert_str_ne(note, "");
        ck_assert_uint_eq(bench.memory.live_count, live);
        failures += 1;
    }
    ck_assert_uint_gt(failures, 20);
    bench.memory.fail_at = 0;
    node_bench_end(&bench);
}
END_TEST

/* A secret that is none keeps the node from being made, with a word about it. */
START_TEST(node_without_secret_is_refused)
{
    static const char *const secrets[] = {"", " ", " \t\n"};
    struct node_bench bench;
    node_bench_begin(&bench, secrets[_i]);
    char note[160];
    ck_assert_int_eq(node_bench_bear(&bench, true, note), RP_ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(note, "secret"));
    ck_assert(!bench.is_listening);
    node_bench_end(&bench);
}
END_TEST

/* Without a license a node stays alone: no listener, no timer, and its stop completes. */
START_TEST(node_without_license_stays_alone)
{
    struct node_bench bench;
    node_bench_begin(&bench, "secret");
    char note[160];
    ck_assert_int_eq(node_bench_bear(&bench, false, note), 0);
    ck_assert_int_eq(rp_node_start(bench.node), 0);
    ck_assert(!bench.is_listening && !bench.is_consensus_running);
    ck_assert_uint_eq(bench.timer_count, 0);
    struct rp_query_answer answer = rp_node_query(bench.node, rp_view_text(""));
    ck_assert(!answer.is_gated && answer.is_complete);
    ck_assert_int_eq(rp_node_stop(bench.node, node_bench_stopped, &bench), 0);
    node_bench_fire_many(&bench, 3);
    ck_assert_uint_eq(bench.stopped_count, 1);
    node_bench_end(&bench);
}
END_TEST

/* ---- Start ------------------------------------------------------------------------------------------- */

/* A start that fails leaves nothing running, whatever failed. */
START_TEST(failed_start_leaves_nothing_running)
{
    struct node_bench bench;
    node_bench_begin(&bench, "secret");
    char note[160];
    ck_assert_int_eq(node_bench_bear(&bench, true, note), 0);
    bench.listen_error = _i == 0 ? RP_ERR_IO : 0;
    bench.start_error = _i == 1 ? RP_ERR_IO : 0;
    ck_assert_int_eq(rp_node_start(bench.node), RP_ERR_IO);
    ck_assert(!bench.is_listening);
    ck_assert(!bench.is_consensus_running);
    ck_assert_uint_eq(bench.timer_count, 0);
    node_bench_end(&bench);
}
END_TEST

/* Memory that runs out at any call of the first minutes costs a try, never a block or the node. */
START_TEST(running_without_memory_loses_nothing)
{
    for (size_t call = 1; call <= 120; call += 1) {
        struct node_bench bench;
        node_bench_begin(&bench, "secret");
        char note[160];
        bench.is_leader = _i != 0;
        ck_assert_int_eq(node_bench_bear(&bench, true, note), 0);
        bench.memory.call_count = 0;
        bench.memory.fail_at = call;
        rp_ignore(rp_node_start(bench.node));
        node_bench_fire_many(&bench, 60);
        node_bench_end(&bench);
    }
}
END_TEST

/* ---- Stop and free -------------------------------------------------------------------------------------- */

/* A stop of a node that never started completes, later. */
START_TEST(stop_without_start_completes_later)
{
    struct node_bench bench;
    node_bench_begin(&bench, "secret");
    char note[160];
    ck_assert_int_eq(node_bench_bear(&bench, true, note), 0);
    ck_assert_int_eq(rp_node_stop(bench.node, node_bench_stopped, &bench), 0);
    ck_assert_uint_eq(bench.stopped_count, 0);
    node_bench_fire_many(&bench, 3);
    ck_assert_uint_eq(bench.stopped_count, 1);
    node_bench_end(&bench);
}
END_TEST

static void start_busy(struct node_bench *bench, const char *secret)
{
    char note[160];
    node_bench_begin(bench, secret);
    bench->is_leader = true;
    ck_assert_int_eq(node_bench_bear(bench, true, note), 0);
    ck_assert_int_eq(rp_node_start(bench->node), 0);
    node_bench_fire_many(bench, 10);
}

/* Fires timers until a call shows up. */
static void await_call(struct node_bench *bench, struct rp_consensus_request **place)
{
    for (int row = 0; row < 100 && *place == NULL; row += 1) {
        node_bench_fire(bench);
    }
    ck_assert_ptr_nonnull(*place);
}

/* A second stop is refused, at any time, and the first one completes once. */
START_TEST(second_stop_is_refused)
{
    struct node_bench bench;
    start_busy(&bench, "secret");
    ck_assert_int_eq(rp_node_stop(bench.node, node_bench_stopped, &bench), 0);
    ck_assert_int_eq(rp_node_stop(bench.node, node_bench_stopped, &bench), RP_ERR_BUSY);
    await_call(&bench, &bench.transfer);
    node_bench_end_call(&bench.transfer, 0);
    await_call(&bench, &bench.closing);
    node_bench_end_call(&bench.closing, 0);
    node_bench_fire_many(&bench, 10);
    ck_assert_uint_eq(bench.stopped_count, 1);
    ck_assert_uint_eq(bench.timer_count, 0);
    ck_assert_int_eq(rp_node_stop(bench.node, node_bench_stopped, &bench), RP_ERR_BUSY);
    node_bench_end(&bench);
}
END_TEST

/* A hand-over of leadership that answers after its limit does not pass for the end of consensus. */
START_TEST(late_transfer_is_not_the_end_of_consensus)
{
    struct node_bench bench;
    start_busy(&bench, "secret");
    ck_assert_int_eq(rp_node_stop(bench.node, node_bench_stopped, &bench), 0);
    await_call(&bench, &bench.transfer);
    node_bench_fire_many(&bench, 100);
    ck_assert_uint_eq(bench.stopped_count, 0);
    node_bench_end_call(&bench.transfer, RP_ERR_TIMEOUT);
    await_call(&bench, &bench.closing);
    ck_assert_uint_eq(bench.stopped_count, 0);
    node_bench_end_call(&bench.closing, 0);
    node_bench_fire_many(&bench, 10);
    ck_assert_uint_eq(bench.stopped_count, 1);
    node_bench_end(&bench);
}
END_TEST

/* A life may end after any number of events, before and during its stop: no port is called then,
 * and no block stays. */
START_TEST(life_ends_cleanly_at_any_moment)
{
    for (int before = 0; before < 40; before += 1) {
        struct node_bench bench;
        char note[160];
        node_bench_begin(&bench, "secret");
        bench.is_leader = _i % 2 != 0;
        ck_assert_int_eq(node_bench_bear(&bench, true, note), 0);
        ck_assert_int_eq(rp_node_start(bench.node), 0);
        node_bench_fire_many(&bench, before);
        if (_i >= 2) {
            ck_assert_int_eq(rp_node_stop(bench.node, node_bench_stopped, &bench), 0);
            node_bench_fire_many(&bench, before % 7);
        }
        node_bench_end(&bench);
    }
}
END_TEST

/* ---- Releases --------------------------------------------------------------------------------------------- */

static const struct {
    enum rp_release release;
    const char *order;
} starts[] = {
    {RP_RELEASE_PHASE2, "consensus listen"},
    {RP_RELEASE_ARC, "consensus listen"},
    {RP_RELEASE_CURRENT, "listen consensus"},
};

/* behaviour.md 13.3: the reference opens its listener when consensus and the walk are under way. */
START_TEST(listener_opens_where_the_release_has_it)
{
    struct node_bench bench;
    char note_text[160];
    node_bench_begin(&bench, "secret");
    bench.release = starts[_i].release;
    ck_assert_int_eq(node_bench_bear(&bench, true, note_text), 0);
    ck_assert_int_eq(rp_node_start(bench.node), 0);
    ck_assert_str_eq(bench.order, starts[_i].order);
    node_bench_end(&bench);
}
END_TEST

/* behaviour.md 14: without an address there is no listener, in any release. */
START_TEST(no_address_means_no_listener)
{
    struct node_bench bench;
    char note_text[160];
    node_bench_begin(&bench, "secret");
    bench.release = starts[_i].release;
    node_bench_set_text(&bench, &bench.config.coordinator_addr, "");
    ck_assert_int_eq(node_bench_bear(&bench, true, note_text), 0);
    ck_assert_int_eq(rp_node_start(bench.node), 0);
    ck_assert(!bench.is_listening && bench.is_consensus_running);
    node_bench_end(&bench);
}
END_TEST

/* behaviour.md 10.1: what is applied while consensus starts reaches no callback of the reference. */
START_TEST(start_of_consensus_is_heard_by_current_only)
{
    static const enum rp_release releases[] = {RP_RELEASE_PHASE3, RP_RELEASE_ARC,
                                               RP_RELEASE_CURRENT};
    struct node_bench bench;
    char note_text[160];
    node_bench_begin(&bench, "secret");
    bench.release = releases[_i];
    bench.config.is_replication_enabled = true;
    bench.config.is_replication_catchup_enabled = false;
    bench.applies_at_start = true;
    ck_assert_int_eq(node_bench_bear(&bench, true, note_text), 0);
    ck_assert_int_eq(rp_node_start(bench.node), 0);
    struct rp_node_inspection inspection;
    rp_node_inspect(bench.node, &inspection);
    ck_assert_uint_eq(inspection.puller.enqueued, releases[_i] == RP_RELEASE_CURRENT);
    ck_assert_uint_eq(rp_manifest_file_count(inspection.manifest), 1);
    node_bench_end(&bench);
}
END_TEST

#define PAGE_FILES 2500

static void page_path(char path[32], unsigned row)
{
    (void)snprintf(path, 32, "db/cpu/%05u.parquet", row);
}

/* Pages as the walk of a release sees them when the second thousand goes after the first page. */
static const struct {
    enum rp_release release;
    size_t counts[4]; /* of the pages, until the last */
    size_t page_count;
} walks[] = {
    {RP_RELEASE_PHASE3, {1000, 1000, 500, 0}, 3}, /* a copy: what is gone is walked all the same */
    {RP_RELEASE_ARC, {1000, 0, 0, 0}, 2},         /* an empty page passes for the end */
    {RP_RELEASE_CURRENT, {1000, 500, 0, 0}, 2},
};

/* behaviour.md 10.2 */
START_TEST(walk_pages_are_the_releases)
{
    struct node_bench bench;
    char note_text[160];
    char path[32];
    node_bench_begin(&bench, "secret");
    bench.release = walks[_i].release;
    ck_assert_int_eq(node_bench_bear(&bench, true, note_text), 0);
    for (unsigned row = 0; row < PAGE_FILES; row += 1) {
        page_path(path, row);
        node_bench_register(&bench, row + 1, path);
    }
    struct rp_view cursor = rp_view_make(NULL, 0);
    char last[32] = "";
    for (size_t number = 0; number < walks[_i].page_count; number += 1) {
        struct node_page page;
        ck_assert_int_eq(node_page_next(bench.node, cursor, &page), 0);
        ck_assert_uint_eq(page.count, walks[_i].counts[number]);
        ck_assert_int_eq(page.is_last, number + 1 == walks[_i].page_count);
        for (size_t row = 0; row < page.count; row += 1) {
            struct rp_view name = bench.node->page[row]->path;
            memcpy(last, name.bytes, name.length_bytes);
            last[name.length_bytes] = '\0';
            rp_file_entry_release(bench.node->page[row]);
        }
        cursor = rp_view_text(last);
        for (unsigned row = 1000; number == 0 && row < 2000; row += 1) {
            page_path(path, row);
            node_bench_delete(&bench, PAGE_FILES + row, path);
        }
    }
    node_bench_end(&bench);
}
END_TEST

/* behaviour.md 13.4: consensus closes before the listener, and nobody is handed the leadership. */
START_TEST(old_stop_closes_its_listener_last)
{
    static const struct {
        enum rp_release release;
        const char *order;
    } stops[] = {
        {RP_RELEASE_PHASE2, "consensus listen consensus-closes listener-closes"},
        {RP_RELEASE_ARC, "consensus listen consensus-closes listener-closes"},
        {RP_RELEASE_CURRENT, "listen consensus listener-closes transfer consensus-closes"},
    };
    struct node_bench bench;
    char note_text[160];
    node_bench_begin(&bench, "secret");
    bench.is_leader = true;
    bench.release = stops[_i].release;
    ck_assert_int_eq(node_bench_bear(&bench, true, note_text), 0);
    ck_assert_int_eq(rp_node_start(bench.node), 0);
    ck_assert_int_eq(rp_node_stop(bench.node, node_bench_stopped, &bench), 0);
    if (stops[_i].release == RP_RELEASE_CURRENT) {
        await_call(&bench, &bench.transfer);
        node_bench_end_call(&bench.transfer, 0);
    }
    await_call(&bench, &bench.closing);
    node_bench_end_call(&bench.closing, 0);
    node_bench_fire_many(&bench, 20);
    ck_assert_uint_eq(bench.stopped_count, 1);
    ck_assert_str_eq(bench.order, stops[_i].order);
    node_bench_end(&bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("protocol.node");
    TCase *tcase = tcase_create("life");
    tcase_add_test(tcase, birth_without_memory_holds_nothing);
    tcase_add_loop_test(tcase, node_without_secret_is_refused, 0, 3);
    tcase_add_test(tcase, node_without_license_stays_alone);
    tcase_add_loop_test(tcase, failed_start_leaves_nothing_running, 0, 2);
    tcase_add_loop_test(tcase, running_without_memory_loses_nothing, 0, 2);
    tcase_add_test(tcase, stop_without_start_completes_later);
    tcase_add_test(tcase, second_stop_is_refused);
    tcase_add_test(tcase, late_transfer_is_not_the_end_of_consensus);
    tcase_add_loop_test(tcase, life_ends_cleanly_at_any_moment, 0, 4);
    suite_add_tcase(suite, tcase);
    TCase *releases = tcase_create("releases");
    tcase_add_loop_test(releases, listener_opens_where_the_release_has_it, 0, ROWS(starts));
    tcase_add_loop_test(releases, no_address_means_no_listener, 0, ROWS(starts));
    tcase_add_loop_test(releases, start_of_consensus_is_heard_by_current_only, 0, 3);
    tcase_add_loop_test(releases, walk_pages_are_the_releases, 0, ROWS(walks));
    tcase_add_loop_test(releases, old_stop_closes_its_listener_last, 0, 3);
    suite_add_tcase(suite, releases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
