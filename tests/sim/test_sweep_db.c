/* The database of results: what goes in comes out, and no file, program or kill makes it lie. */
#include <check.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/sweep_files.h"

/* ---- What goes in comes out -------------------------------------------------------------------- */

struct seen {
    uint64_t seeds[16];
    char paths[16][64];
    size_t count;
};

static bool note_run(void *context, const struct sweep_run *run)
{
    struct seen *seen = context;
    seen->seeds[seen->count] = run->seed;
    snprintf(seen->paths[seen->count], 64, "%s", run->path);
    seen->count += 1;
    return seen->count < 16;
}

/* Runs end in any order; the summary is told in one, whatever the seeds. */
START_TEST(runs_come_out_in_the_order_of_path_and_seed)
{
    static const uint64_t order[] = {
        7, 0, UINT64_MAX, 1u, (uint64_t)INT64_MAX, (uint64_t)INT64_MAX + 1, 9999999999999999999u};
    static const uint64_t sorted[] = {
        0, 1, 7, INT64_MAX, (uint64_t)INT64_MAX + 1, 9999999999999999999u, UINT64_MAX};
    struct sweep_db *db = open_db("x.db", SWEEP_DB_NEW);
    add(db, "b", 1, SWEEP_END_PASS);
    for (int i = 0; i < ROWS(order); i++) {
        add(db, "a", order[i], SWEEP_END_PASS);
        ck_assert(sweep_db_has(db, "scenarios/a.lua", order[i]));
    }
    struct seen seen = {.count = 0};
    ck_assert_int_eq(sweep_db_each(db, note_run, &seen, note), SWEEP_OK);
    ck_assert_uint_eq(seen.count, ROWS(sorted) + 1);
    for (int i = 0; i < ROWS(sorted); i++) {
        ck_assert_uint_eq(seen.seeds[i], sorted[i]);
        ck_assert_str_eq(seen.paths[i], "scenarios/a.lua");
    }
    ck_assert_str_eq(seen.paths[ROWS(sorted)], "scenarios/b.lua");
    ck_assert(!sweep_db_has(db, "scenarios/b.lua", 2));
    close_db(db);
}
END_TEST

static bool compare_run(void *context, const struct sweep_run *run)
{
    const struct made_run *made = context;
    ck_assert_str_eq(run->path, made->run.path);
    ck_assert_str_eq(run->scenario, made->run.scenario);
    ck_assert_uint_eq(run->seed, made->run.seed);
    ck_assert_int_eq(run->end, made->run.end);
    ck_assert_double_eq(run->wall_s, made->run.wall_s);
    ck_assert_str_eq(run->line, made->run.line);
    json_object_del((json_t *)(uintptr_t)run->result, "seed");
    ck_assert(json_equal(run->result, made->run.result));
    ck_assert((run->extra == NULL) == (made->run.extra == NULL));
    ck_assert(run->extra == NULL || json_equal(run->extra, made->run.extra));
    return true;
}

/* One run of each end, after the file was closed and opened again; one of them died before its second line. */
START_TEST(a_run_comes_out_as_it_went_in)
{
    struct made_run made;
    run_make(&made, "whole", _i == 0 ? UINT64_MAX : (uint64_t)_i, (enum sweep_end)_i);
    if (made.run.end == SWEEP_END_CRASH) {
        json_decref(made.extra);
        made.extra = NULL;
        made.run.extra = NULL;
    }
    struct sweep_db *db = open_db("x.db", SWEEP_DB_NEW);
    ck_assert_int_eq(sweep_db_add(db, &made.run, note), SWEEP_OK);
    close_db(db);
    db = open_db("x.db", SWEEP_DB_RESUME);
    ck_assert_int_eq(sweep_db_each(db, compare_run, &made, note), SWEEP_OK);
    close_db(db);
    run_clear(&made);
}
END_TEST

/* A run that was in flight twice is counted once, as it was first. */
START_TEST(a_second_result_of_a_run_is_left_out)
{
    struct sweep_db *db = open_db("x.db", SWEEP_DB_NEW);
    add(db, "a", 3, SWEEP_END_FAIL);
    add(db, "a", 3, SWEEP_END_PASS);
    ck_assert_uint_eq(count_runs(db), 1);
    close_db(db);
    char answer[200];
    query("x.db", "SELECT end FROM run", answer);
    ck_assert_str_eq(answer, "fail|");
}
END_TEST

static const struct {
    const char *sql, *answer;
} queries[] = {
    {"SELECT count(*) FROM run WHERE end = 'pass'", "16|"},
    {"SELECT path FROM run WHERE seed = 7", "scenarios/fill.lua|"},
    {"SELECT property, place, runs, seed FROM failure_group",
     "query-complete|reader/walk-done/pull-failed|4|5|"},
    {"SELECT sum(value) FROM counter WHERE node = 'reader-1' AND name = 'pulled'", "210|"},
    {"SELECT count, last, max FROM metric WHERE run = 1", "12|0.0|NULL|"},
    {"SELECT count, unbounded FROM lag_by_node WHERE node = 'reader-1'", "400|10|"},
    {"SELECT sum(count) FROM lag_bucket WHERE upper_seconds < 0.0015", "240|"},
    {"SELECT sum(count) FROM reach WHERE kind = 'faults' AND name = 'kill'", "40|"},
    {"SELECT count(*) FROM reached WHERE name = 'late-join'", "20|"},
    {"SELECT DISTINCT name, value FROM param", "readers|3|"},
    {"SELECT kind, time_seconds, lua FROM decision LIMIT 1", "kill|2.5|c:kill(\"reader-1\")|"},
    {"SELECT program, seed_first, seed_last, shard, shards, complete FROM sweep",
     "0.1.0 (gabc1234)|1|1000|0|1|0|"},
    {"SELECT count(*) FROM violation WHERE time_seconds = 12.5", "4|"},
    {"PRAGMA journal_mode", "delete|"},
    {"PRAGMA foreign_key_check", ""},
};

/* Tables and views that users are promised, asked as they would. */
START_TEST(tables_answer_queries)
{
    char answer[200];
    fill("x.db", 1, 20);
    query("x.db", queries[_i].sql, answer);
    ck_assert_msg(strcmp(answer, queries[_i].answer) == 0, "%s: %s", queries[_i].sql, answer);
}
END_TEST

/* Time at work is a sum over sittings; the rate is the last one's. */
START_TEST(sittings_add_up)
{
    char answer[200];
    for (int sitting = 0; sitting < 2; sitting++) {
        struct sweep_db *db = open_db("x.db", SWEEP_DB_RESUME);
        add(db, "a", (uint64_t)sitting, SWEEP_END_PASS);
        ck_assert_int_eq(sweep_db_finish(db, 1.5, 10.0 + sitting, sitting == 1, note), SWEEP_OK);
        close_db(db);
    }
    query("x.db", "SELECT wall_seconds, runs_per_second, complete FROM sweep", answer);
    ck_assert_str_eq(answer, "3.0|11.0|1|");
}
END_TEST

/* ---- Going on ---------------------------------------------------------------------------------- */

/* cli.md: --resume with another program or other parameters is refused, and it is told which; --force goes on. */
START_TEST(another_sweep_is_refused_unless_forced)
{
    struct sweep_identity other = other_identity(_i);
    struct sweep_db *db = NULL;
    fill("x.db", 1, 2);
    ck_assert_int_eq(sweep_db_open("x.db", &other, SWEEP_DB_RESUME, &db, note), SWEEP_ERR_OTHER);
    ck_assert_ptr_null(db);
    ck_assert_msg(strncmp(note, "x.db: ", 6) == 0 && strstr(note, others[_i].word) != NULL,
                  "%s: %s", others[_i].name, note);
    ck_assert_int_eq(sweep_db_open("x.db", &other, SWEEP_DB_FORCE, &db, note), SWEEP_OK);
    ck_assert_uint_eq(count_runs(db), 2);
    close_db(db);
    ck_assert_int_eq(sweep_db_open("x.db", &identity, SWEEP_DB_RESUME, &db, note), SWEEP_ERR_OTHER);
}
END_TEST

/* Results are never mixed by accident; a file without any is as good as none. */
START_TEST(a_new_sweep_wants_a_file_without_runs)
{
    struct sweep_db *db = open_db("x.db", SWEEP_DB_NEW);
    close_db(db);
    struct sweep_identity other = other_identity(0);
    ck_assert_int_eq(sweep_db_open("x.db", &other, SWEEP_DB_NEW, &db, note), SWEEP_OK);
    add(db, "a", 1, SWEEP_END_PASS);
    close_db(db);
    ck_assert_int_eq(sweep_db_open("x.db", &other, SWEEP_DB_NEW, &db, note), SWEEP_ERR_OTHER);
    ck_assert_ptr_nonnull(strstr(note, "x.db: holds 1 runs; --resume"));
}
END_TEST

/* ---- One writer -------------------------------------------------------------------------------- */

/* A second sweep on the same file, by its own or another name, is refused at once and told who has it. */
START_TEST(a_second_writer_is_refused)
{
    struct sweep_db *db = open_db("x.db", SWEEP_DB_NEW);
    ck_assert_int_eq(symlink("x.db", "y.db"), 0);
    pid_t child = fork();
    if (child == 0) {
        struct sweep_db *second = NULL;
        char expected[64];
        snprintf(expected, sizeof expected, "process %ld", (long)getppid());
        bool is_refused =
            sweep_db_open("x.db", &identity, SWEEP_DB_RESUME, &second, note) == SWEEP_ERR_LOCKED &&
            strstr(note, expected) != NULL &&
            sweep_db_open("y.db", &identity, SWEEP_DB_FORCE, &second, note) == SWEEP_ERR_LOCKED;
        _exit(is_refused ? 0 : 1);
    }
    int ended;
    ck_assert_int_eq(waitpid(child, &ended, 0), child);
    ck_assert_int_eq(ended, 0);
    add(db, "a", 1, SWEEP_END_PASS);
    close_db(db);
    ck_assert_int_ne(access("x.db-lock", F_OK), 0);
    ck_assert_uint_eq(count_in("x.db"), 1);
}
END_TEST

/* A worker that lives longer than its parent holds no lock. */
START_TEST(a_forked_worker_holds_no_lock)
{
    pid_t parent = fork();
    if (parent == 0) {
        struct sweep_db *db = open_db("x.db", SWEEP_DB_NEW);
        add(db, "a", 1, SWEEP_END_PASS);
        pid_t worker = fork();
        if (worker == 0) {
            sleep(3);
            _exit(0);
        }
        kill(getpid(), SIGKILL);
    }
    int ended;
    ck_assert_int_eq(waitpid(parent, &ended, 0), parent);
    struct sweep_db *db = open_db("x.db", SWEEP_DB_RESUME);
    ck_assert_uint_eq(count_runs(db), 1);
    close_db(db);
}
END_TEST

static void nap(long milliseconds)
{
    struct timespec time = {.tv_sec = milliseconds / 1000,
                            .tv_nsec = milliseconds % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* Holds the file in a transaction for a while, from a process of its own. */
static pid_t hold(const char *path, long milliseconds)
{
    int ready[2];
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        sqlite3 *handle = NULL;
        bool is_held = sqlite3_open(path, &handle) == SQLITE_OK &&
                       sqlite3_exec(handle, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
        (void)!write(ready[1], "x", 1);
        nap(milliseconds);
        sqlite3_exec(handle, "COMMIT", NULL, NULL, NULL);
        sqlite3_close(handle);
        _exit(is_held ? 0 : 1);
    }
    char byte;
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

/* A shell in a transaction is waited for, but not for ever; then the sweep ends with an error, and loses
 * nothing. */
START_TEST(a_transaction_of_another_program_is_waited_for)
{
    struct sweep_db *db = open_db("x.db", SWEEP_DB_NEW);
    struct made_run made;
    int ended;
    run_make(&made, "a", 2, SWEEP_END_PASS);
    add(db, "a", 1, SWEEP_END_PASS);
    pid_t child = hold("x.db", _i == 0 ? 300 : 8000);
    int status = sweep_db_add(db, &made.run, note);
    ck_assert_int_eq(status, _i == 0 ? SWEEP_OK : SWEEP_ERR_LOCKED);
    ck_assert(_i == 0 || strstr(note, "x.db: another program has held it") != NULL);
    kill(child, _i == 0 ? 0 : SIGKILL);
    ck_assert_int_eq(waitpid(child, &ended, 0), child);
    ck_assert_int_eq(sweep_db_add(db, &made.run, note), SWEEP_OK);
    ck_assert_uint_eq(count_runs(db), 2);
    close_db(db);
    run_clear(&made);
}
END_TEST

/* ---- Kills and full disks ---------------------------------------------------------------------- */

/* Writes until it is killed; says on the pipe what sweep_db_add has returned for. */
static void write_for_ever(int said)
{
    struct sweep_db *db = open_db("x.db", SWEEP_DB_RESUME);
    for (uint32_t seed = 0;; seed++) {
        if (!sweep_db_has(db, "scenarios/kill.lua", seed)) {
            add(db, "kill", seed, SWEEP_END_PASS);
            (void)!write(said, &seed, sizeof seed);
        }
    }
}

/* Kills at arbitrary moments: whatever was acknowledged is there when the file is opened again. */
START_TEST(a_kill_loses_nothing_that_was_written)
{
    uint32_t seed, last = 0;
    for (int round = 0; round < 10; round++) {
        int said[2], ended;
        ck_assert_int_eq(pipe(said), 0);
        pid_t child = fork();
        if (child == 0) {
            write_for_ever(said[1]);
        }
        close(said[1]);
        nap(20 + 7 * round);
        kill(child, SIGKILL);
        ck_assert_int_eq(waitpid(child, &ended, 0), child);
        while (read(said[0], &seed, sizeof seed) == (ssize_t)sizeof seed) {
            last = seed;
        }
        close(said[0]);
        struct sweep_db *db = open_db("x.db", SWEEP_DB_RESUME);
        size_t count = count_runs(db);
        ck_assert_msg(count == last + 1 || count == last + 2 || last == 0, "%zu after seed %u",
                      count, last);
        close_db(db);
    }
    ck_assert_uint_gt(last, 10);
}
END_TEST

/* No room for the next run, be it in the log or in the file: a clear error, the runs before it sound, and
 * with room again it goes on. */
START_TEST(a_full_disk_keeps_what_was_written)
{
    struct sweep_db *db = open_db("x.db", SWEEP_DB_NEW);
    int status = SWEEP_OK;
    uint64_t seed = 0;
    limit_file_size(400000 + 3333 * (rlim_t)_i);
    for (; status == SWEEP_OK && seed < 5000; seed++) {
        struct made_run made;
        run_make(&made, "full", seed, SWEEP_END_PASS);
        status = sweep_db_add(db, &made.run, note);
        run_clear(&made);
    }
    ck_assert_int_eq(status, SWEEP_ERR_WRITE);
    ck_assert_msg(strstr(note, "x.db: the limit on the size of a file") == note, "%s", note);
    ck_assert_uint_eq(count_runs(db), seed - 1);
    status = sweep_db_close(db, note);
    ck_assert(status == SWEEP_OK || status == SWEEP_ERR_WRITE);
    limit_file_size(RLIM_INFINITY);
    db = open_db("x.db", SWEEP_DB_RESUME);
    ck_assert_uint_eq(count_runs(db), seed - 1);
    add(db, "full", seed, SWEEP_END_PASS);
    close_db(db);
}
END_TEST

/* Where memory cannot be shared between processes there is no write-ahead log; dotfile locks are such. */
START_TEST(a_file_system_without_shared_memory_will_do)
{
    char answer[200];
    ck_assert_int_eq(sqlite3_vfs_register(sqlite3_vfs_find("unix-dotfile"), 1), SQLITE_OK);
    fill("x.db", 1, 10);
    fill("x.db", 8, 12);
    query("x.db", "SELECT count(*) FROM run", answer);
    ck_assert_str_eq(answer, "12|");
}
END_TEST

/* A killed sweep's file, with its log, taken to such a file system. */
START_TEST(a_log_is_recovered_without_shared_memory)
{
    struct sweep_db *db = open_db("x.db", SWEEP_DB_NEW);
    size_t size_bytes, log_bytes;
    add(db, "a", 1, SWEEP_END_PASS);
    char *file = slurp("x.db", &size_bytes), *log = slurp("x.db-wal", &log_bytes);
    close_db(db);
    spill("y.db", file, size_bytes);
    spill("y.db-wal", log, log_bytes);
    free(file);
    free(log);
    ck_assert_int_eq(sqlite3_vfs_register(sqlite3_vfs_find("unix-dotfile"), 1), SQLITE_OK);
    db = open_db("y.db", SWEEP_DB_RESUME);
    ck_assert_uint_eq(count_runs(db), 1);
    close_db(db);
}
END_TEST

/* ---- Files that are none of ours --------------------------------------------------------------- */

/* Each is told in one line that names the file, and left as it was, with nothing beside it. */
START_TEST(a_wrong_file_is_refused_and_left_alone)
{
    struct sweep_db *db = NULL;
    struct stat before, after;
    wrong_files[_i].make();
    size_t size_before = 0, size_after = 0;
    ck_assert_int_eq(stat("x.db", &before), 0);
    char *old = S_ISREG(before.st_mode) ? slurp("x.db", &size_before) : NULL;
    for (int mode = SWEEP_DB_NEW; mode <= SWEEP_DB_FORCE; mode++) {
        int status =
            sweep_db_open(wrong_files[_i].path, &identity, (enum sweep_db_mode)mode, &db, note);
        ck_assert_msg(status == wrong_files[_i].error, "%s: %d %s", wrong_files[_i].name, status,
                      note);
        ck_assert_msg(strstr(note, wrong_files[_i].path) == note &&
                          strstr(note, wrong_files[_i].word) != NULL && strchr(note, '\n') == NULL,
                      "%s: %s", wrong_files[_i].name, note);
    }
    ck_assert_int_eq(sweep_db_read(wrong_files[_i].path, &db, note), SWEEP_ERR_READ);
    ck_assert_int_eq(stat("x.db", &after), 0);
    ck_assert(before.st_mode == after.st_mode && before.st_ino == after.st_ino);
    char *now = S_ISREG(after.st_mode) ? slurp("x.db", &size_after) : NULL;
    ck_assert(size_before == size_after && (old == NULL || memcmp(old, now, size_after) == 0));
    ck_assert(access("x.db-lock", F_OK) != 0 && access("x.db-wal", F_OK) != 0);
    free(old);
    free(now);
}
END_TEST

/* A file of no bytes holds nothing that could be lost; mktemp makes such. */
START_TEST(an_empty_file_becomes_a_database)
{
    spill("x.db", "", 0);
    fill("x.db", 1, 3);
    ck_assert_uint_eq(count_in("x.db"), 3);
}
END_TEST

/* Names that mean something to SQLite are names of files. */
START_TEST(a_strange_name_is_a_file)
{
    static const char *const names[] = {":memory:", "file:x.db?mode=memory", "a b%41#?.db",
                                        "'\"; --"};
    fill(names[_i], 1, 3);
    ck_assert_int_eq(access(names[_i], R_OK), 0);
    ck_assert_uint_eq(count_in(names[_i]), 3);
}
END_TEST

static bool look_at(void *context, const struct sweep_run *run)
{
    size_t at = 0;
    struct sweep_violation violation;
    (void)context;
    while (sweep_run_violation(run, &at, &violation)) {
    }
    return true;
}

/* Bytes changed anywhere: perhaps not noticed, but never a crash, a hang, or a write to a file that was refused. */
START_TEST(changed_bytes_never_crash)
{
    size_t size_bytes, refused_count = 0;
    uint32_t state = 42;
    fill("x.db", 1, 12);
    char *bytes = slurp("x.db", &size_bytes);
    char *damaged = malloc(size_bytes);
    ck_assert_ptr_nonnull(damaged);
    for (int round = 0; round < 150; round++) {
        struct sweep_db *db = NULL;
        memcpy(damaged, bytes, size_bytes);
        for (uint32_t changes = draw(&state) % 40 + 1; changes > 0; changes--) {
            damaged[draw(&state) % size_bytes] = (char)draw(&state);
        }
        spill("y.db", damaged, size_bytes);
        if (sweep_db_open("y.db", &identity, SWEEP_DB_RESUME, &db, note) != SWEEP_OK) {
            ck_assert_int_eq(strncmp(note, "y.db: ", 6), 0);
            refused_count += 1;
            unlink("y.db");
            continue;
        }
        struct made_run made;
        run_make(&made, "more", 1, SWEEP_END_FAIL);
        (void)!sweep_db_each(db, look_at, NULL, note);
        (void)!sweep_db_add(db, &made.run, note);
        (void)sweep_db_close(db, note);
        run_clear(&made);
        unlink("y.db");
    }
    ck_assert_uint_gt(refused_count, 10);
    free(bytes);
    free(damaged);
}
END_TEST

/* ---- main -------------------------------------------------------------------------------------- */

int main(void)
{
    TCase *tcase = tcase_create("db");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, runs_come_out_in_the_order_of_path_and_seed);
    tcase_add_loop_test(tcase, a_run_comes_out_as_it_went_in, 0, SWEEP_END_COUNT);
    tcase_add_test(tcase, a_second_result_of_a_run_is_left_out);
    tcase_add_loop_test(tcase, tables_answer_queries, 0, ROWS(queries));
    tcase_add_test(tcase, sittings_add_up);
    tcase_add_loop_test(tcase, another_sweep_is_refused_unless_forced, 0, ROWS(others));
    tcase_add_test(tcase, a_new_sweep_wants_a_file_without_runs);
    tcase_add_test(tcase, a_second_writer_is_refused);
    tcase_add_test(tcase, a_forked_worker_holds_no_lock);
    tcase_add_loop_test(tcase, a_transaction_of_another_program_is_waited_for, 0, 2);
    tcase_add_test(tcase, a_kill_loses_nothing_that_was_written);
    tcase_add_loop_test(tcase, a_full_disk_keeps_what_was_written, 0, 6);
    tcase_add_test(tcase, a_file_system_without_shared_memory_will_do);
    tcase_add_test(tcase, a_log_is_recovered_without_shared_memory);
    tcase_add_loop_test(tcase, a_wrong_file_is_refused_and_left_alone, 0, ROWS(wrong_files));
    tcase_add_test(tcase, an_empty_file_becomes_a_database);
    tcase_add_loop_test(tcase, a_strange_name_is_a_file, 0, 4);
    tcase_add_test(tcase, changed_bytes_never_crash);
    Suite *suite = suite_create("sweep_db");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
