/* Databases of many shards become one. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/sweep_files.h"

static struct sweep_merge_counts counts;

static int merge(const char *target, bool is_forced, const char *first, const char *second)
{
    const char *const sources[] = {first, second};
    return sweep_db_merge(target, sources, 2, is_forced, &counts, note);
}

/* All that a database says of runs, as text. */
static bool tell_run(void *context, const struct sweep_run *run)
{
    fprintf(context, "%s %" PRIu64 " %s\n%s\n", run->path, run->seed, sweep_end_name(run->end),
            run->line);
    return true;
}

static char *tell(const char *path)
{
    char *text = NULL;
    size_t size_bytes;
    struct sweep_db *db = NULL;
    FILE *file = open_memstream(&text, &size_bytes);
    ck_assert_msg(sweep_db_read(path, &db, note) == SWEEP_OK, "%s", note);
    ck_assert_int_eq(sweep_db_each(db, tell_run, file, note), SWEEP_OK);
    close_db(db);
    fclose(file);
    return text;
}

static const char *const sums[] = {
    "SELECT * FROM failure_group",
    "SELECT * FROM lag_by_node",
    "SELECT kind, name, sum(count) FROM reach GROUP BY kind, name",
    "SELECT node, name, sum(value) FROM counter GROUP BY node, name",
    "SELECT upper_seconds, sum(count) FROM lag_bucket GROUP BY upper_seconds",
    "SELECT name, sum(count), max(max) FROM metric GROUP BY name",
    "SELECT end, count(*), sum(events), sum(lag_unbounded) FROM run GROUP BY end",
    "SELECT count(*), sum(number) FROM decision",
};

/* Shards that overlap, merged in either order, say what one sweep says. */
START_TEST(merged_shards_equal_one_sweep)
{
    char answer[200], whole_answer[200];
    fill("whole.db", 1, 60);
    fill("one.db", 1, 40);
    fill("two.db", 31, 60);
    bool is_turned = _i == 1;
    int status =
        merge("all.db", false, is_turned ? "two.db" : "one.db", is_turned ? "one.db" : "two.db");
    ck_assert_msg(status == SWEEP_OK, "%s", note);
    ck_assert_uint_eq(counts.runs, 60);
    ck_assert_uint_eq(counts.duplicates, 10);
    char *all = tell("all.db"), *whole = tell("whole.db");
    ck_assert_str_eq(all, whole);
    for (int i = 0; i < ROWS(sums); i++) {
        query("all.db", sums[i], answer);
        query("whole.db", sums[i], whole_answer);
        ck_assert_msg(strcmp(answer, whole_answer) == 0, "%s: %s, not %s", sums[i], answer,
                      whole_answer);
    }
    query("all.db", "PRAGMA foreign_key_check; ", answer);
    ck_assert_str_eq(answer, "");
    free(all);
    free(whole);
}
END_TEST

/* A source whose sweep was killed, or still runs, gives what it holds; and one alone in a folder nobody may
 * write to is read as it is. */
START_TEST(a_source_with_a_log_is_read)
{
    size_t size_bytes, log_bytes;
    struct sweep_db *db = open_db("one.db", SWEEP_DB_NEW);
    add(db, "a", 1, SWEEP_END_PASS);
    fill("two.db", 1, 3);
    ck_assert_int_eq(merge("live.db", false, "one.db", "two.db"), SWEEP_OK);
    ck_assert_uint_eq(counts.runs, 4);
    char *file = slurp("one.db", &size_bytes), *log = slurp("one.db-wal", &log_bytes);
    spill("killed.db", file, size_bytes);
    spill("killed.db-wal", log, log_bytes);
    ck_assert_int_eq(merge("after.db", false, "two.db", "killed.db"), SWEEP_OK);
    ck_assert_uint_eq(counts.runs, 4);
    close_db(db);
    free(file);
    free(log);
}
END_TEST

/* One run, two results: nobody can say which is true, and --force does not help. */
START_TEST(a_run_with_two_results_is_refused)
{
    fill("one.db", 1, 5);
    struct sweep_db *db = open_db("two.db", SWEEP_DB_NEW);
    add(db, "fill", 3, _i == 0 ? SWEEP_END_FAIL : SWEEP_END_PASS);
    close_db(db);
    if (_i == 1) {
        char answer[200];
        query("two.db", "UPDATE run SET fingerprint = 'other' RETURNING ''", answer);
    }
    for (int forced = 0; forced < 2; forced++) {
        ck_assert_int_eq(merge("all.db", forced == 1, "one.db", "two.db"), SWEEP_ERR_OTHER);
        ck_assert_msg(strstr(note, "two.db: scenarios/fill.lua with seed 3 has two results") ==
                          note,
                      "%s", note);
        ck_assert_int_ne(access("all.db", F_OK), 0);
    }
}
END_TEST

/* Of the parts of an identity, shards differ in seeds and number only. */
START_TEST(other_programs_are_joined_by_force_only)
{
    struct sweep_identity other = other_identity(_i);
    struct sweep_db *db = NULL;
    bool is_same = strcmp(others[_i].name, "seeds") == 0 || strcmp(others[_i].name, "shard") == 0 ||
                   strcmp(others[_i].name, "scenario gone") == 0 ||
                   strcmp(others[_i].name, "scenario added") == 0;
    fill("one.db", 1, 5);
    ck_assert_int_eq(sweep_db_open("two.db", &other, SWEEP_DB_NEW, &db, note), SWEEP_OK);
    add(db, "fill", 9, SWEEP_END_PASS);
    close_db(db);
    int status = merge("all.db", false, "one.db", "two.db");
    ck_assert_msg(status == (is_same ? SWEEP_OK : SWEEP_ERR_OTHER), "%s: %s", others[_i].name,
                  note);
    ck_assert(is_same || (strstr(note, "two.db: ") == note && strstr(note, "--force") != NULL));
    unlink("all.db");
    ck_assert_int_eq(merge("all.db", true, "one.db", "two.db"), SWEEP_OK);
    ck_assert_uint_eq(counts.runs, 6);
}
END_TEST

/* What cannot be read, or written, leaves no new file and no half of one. */
START_TEST(a_failed_merge_leaves_nothing)
{
    char answer[200];
    wrong_files[_i].make();
    fill("one.db", 1, 40);
    int status = merge("all.db", true, "one.db", wrong_files[_i].path);
    ck_assert_msg(status == SWEEP_ERR_READ, "%s: %d %s", wrong_files[_i].name, status, note);
    ck_assert_msg(strstr(note, wrong_files[_i].path) == note, "%s", note);
    FILE *list = popen("ls all.db* 2>/dev/null | wc -l", "r");
    ck_assert_ptr_nonnull(fgets(answer, sizeof answer, list));
    pclose(list);
    ck_assert_int_eq(atoi(answer), 0);
}
END_TEST

/* No room for the new file; one of that name; no folder. */
START_TEST(a_target_that_cannot_be_is_told)
{
    fill("one.db", 1, 60);
    fill("two.db", 50, 99);
    spill("taken.db", "", 0);
    ck_assert_int_eq(merge("taken.db", true, "one.db", "two.db"), SWEEP_ERR_OTHER);
    ck_assert_str_eq(note, "taken.db: is there already; remove it, or name another file");
    ck_assert_int_eq(merge("none/all.db", true, "one.db", "two.db"), SWEEP_ERR_OTHER);
    ck_assert_str_eq(note, "none/all.db: No such file or directory");
    limit_file_size(100000);
    ck_assert_int_eq(merge("all.db", false, "one.db", "two.db"), SWEEP_ERR_WRITE);
    ck_assert_msg(strstr(note, "all.db: cannot be written: no room") == note, "%s", note);
    ck_assert_int_ne(access("all.db", F_OK), 0);
}
END_TEST

/* Damage that opening does not see must not crash a merge either. */
START_TEST(merging_changed_bytes_never_crashes)
{
    size_t size_bytes;
    uint32_t state = 7;
    fill("x.db", 1, 12);
    fill("one.db", 10, 14);
    char *bytes = slurp("x.db", &size_bytes);
    for (int round = 0; round < 60; round++) {
        size_t at = draw(&state) % size_bytes;
        char byte = bytes[at];
        bytes[at] = (char)draw(&state);
        spill("y.db", bytes, size_bytes);
        bytes[at] = byte;
        int status = merge("all.db", true, "one.db", "y.db");
        ck_assert((status == SWEEP_OK) == (access("all.db", F_OK) == 0));
        unlink("all.db");
    }
    free(bytes);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("merge");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, merged_shards_equal_one_sweep, 0, 2);
    tcase_add_test(tcase, a_source_with_a_log_is_read);
    tcase_add_loop_test(tcase, a_run_with_two_results_is_refused, 0, 2);
    tcase_add_loop_test(tcase, other_programs_are_joined_by_force_only, 0, ROWS(others));
    tcase_add_loop_test(tcase, a_failed_merge_leaves_nothing, 0, ROWS(wrong_files));
    tcase_add_test(tcase, a_target_that_cannot_be_is_told);
    tcase_add_test(tcase, merging_changed_bytes_never_crashes);
    Suite *suite = suite_create("sweep_merge");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
