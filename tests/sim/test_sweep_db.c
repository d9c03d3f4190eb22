/* The database of results: what goes in comes out, and no file, program or kill makes it lie. */
#define _XOPEN_SOURCE 700 /* nftw */

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim/sweep/db.h"
#include "tests/sim/sweep_runs.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))

static char folder[64], note[SWEEP_NOTE_BYTES];

/* ---- Fixture and helpers ----------------------------------------------------------------------- */

static void setup(void)
{
    snprintf(folder, sizeof folder, "sweep_db.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    signal(SIGXFSZ, SIG_IGN);
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about, (void)kind, (void)where;
    return remove(path);
}

static void teardown(void)
{
    ck_assert_int_eq(chdir(".."), 0);
    ck_assert_int_eq(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static const struct sweep_identity identity = {
    .program = "0.1.0 (gabc1234)",
    .scenarios_json = "[{\"path\":\"a.lua\",\"name\":\"a\",\"digest\":\"11\"},"
                      "{\"path\":\"b.lua\",\"name\":\"b\",\"digest\":\"22\"}]",
    .params_json = "[\"readers=3\"]",
    .seed_first = 1,
    .seed_last = 1000,
    .shard_count = 1};

static struct sweep_db *open_db(const char *path, enum sweep_db_mode mode)
{
    struct sweep_db *db = NULL;
    int status = sweep_db_open(path, &identity, mode, &db, note);
    ck_assert_msg(status == SWEEP_OK, "%d %s", status, note);
    return db;
}

static void close_db(struct sweep_db *db)
{
    ck_assert_msg(sweep_db_close(db, note) == SWEEP_OK, "%s", note);
}

static void add(struct sweep_db *db, const char *name, uint64_t seed, enum sweep_end end)
{
    struct made_run made;
    run_make(&made, name, seed, end);
    ck_assert_msg(sweep_db_add(db, &made.run, note) == SWEEP_OK, "%s", note);
    run_clear(&made);
}

static void fill(const char *path, uint64_t first, uint64_t last)
{
    struct sweep_db *db = open_db(path, SWEEP_DB_RESUME);
    for (uint64_t seed = first; seed <= last; seed++) {
        add(db, "fill", seed, seed % 5 == 0 ? SWEEP_END_FAIL : SWEEP_END_PASS);
    }
    close_db(db);
}

static bool count_run(void *context, const struct sweep_run *run)
{
    size_t *count = context;
    ck_assert(json_is_object(run->result));
    *count += 1;
    return true;
}

static size_t count_runs(struct sweep_db *db)
{
    size_t count = 0;
    ck_assert_msg(sweep_db_each(db, count_run, &count, note) == SWEEP_OK, "%s", note);
    return count;
}

static size_t count_in(const char *path)
{
    struct sweep_db *db = NULL;
    ck_assert_msg(sweep_db_read(path, &db, note) == SWEEP_OK, "%s", note);
    size_t count = count_runs(db);
    close_db(db);
    return count;
}

/* All bytes of a file; the caller frees them. */
static char *slurp(const char *path, size_t *size_out)
{
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    *size_out = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*size_out + 1);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq(fread(bytes, 1, *size_out, file), *size_out);
    fclose(file);
    return bytes;
}

static void spill(const char *path, const char *bytes, size_t size_bytes)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size_bytes, file), size_bytes);
    ck_assert_int_eq(fclose(file), 0);
}

/* What the shell's user would do. */
static void query(const char *path, const char *sql, char answer_out[200])
{
    sqlite3 *handle = NULL;
    sqlite3_stmt *row = NULL;
    ck_assert_int_eq(sqlite3_open(path, &handle), SQLITE_OK);
    ck_assert_msg(sqlite3_prepare_v2(handle, sql, -1, &row, NULL) == SQLITE_OK, "%s: %s", sql,
                  sqlite3_errmsg(handle));
    answer_out[0] = '\0';
    while (sqlite3_step(row) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(row); i++) {
            const char *text = (const char *)sqlite3_column_text(row, i);
            size_t used = strlen(answer_out);
            snprintf(answer_out + used, 200 - used, "%s|", text != NULL ? text : "NULL");
        }
    }
    sqlite3_finalize(row);
    sqlite3_close(handle);
}

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

static const struct {
    const char *name;
    struct sweep_identity identity;
    const char *word;
} others[] = {
    {"program", {.program = "0.2.0"}, "another program: 0.1.0 (gabc1234) then, 0.2.0 now"},
    {"changed scenario",
     {.scenarios_json = "[{\"path\":\"a.lua\",\"name\":\"a\",\"digest\":\"11\"},"
                        "{\"path\":\"b.lua\",\"name\":\"b\",\"digest\":\"23\"}]"},
     "b.lua has changed"},
    {"scenario gone",
     {.scenarios_json = "[{\"path\":\"a.lua\",\"name\":\"a\",\"digest\":\"11\"}]"},
     "b.lua was swept then"},
    {"scenario added",
     {.scenarios_json = "[{\"path\":\"a.lua\",\"name\":\"a\",\"digest\":\"11\"},"
                        "{\"path\":\"b.lua\",\"name\":\"b\",\"digest\":\"22\"},"
                        "{\"path\":\"c.lua\",\"name\":\"c\",\"digest\":\"33\"}]"},
     "c.lua was not swept then"},
    {"parameters", {.params_json = "[\"readers=4\"]"}, "other parameters: [\"readers=3\"] then"},
    {"seeds", {.seed_last = 1001}, "other seeds: 1..1000 then"},
    {"shard", {.shard_count = 4}, "another shard: 0/1 then"},
};

static struct sweep_identity other_identity(int row)
{
    struct sweep_identity other = identity;
    const struct sweep_identity *change = &others[row].identity;
    other.program = change->program != NULL ? change->program : other.program;
    other.scenarios_json =
        change->scenarios_json != NULL ? change->scenarios_json : other.scenarios_json;
    other.params_json = change->params_json != NULL ? change->params_json : other.params_json;
    other.seed_last = change->seed_last != 0 ? change->seed_last : other.seed_last;
    other.shard_count = change->shard_count != 0 ? change->shard_count : other.shard_count;
    return other;
}

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

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

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

static void make_text(void)
{
    spill("x.db", "dear diary\n", 11);
}

static void make_long_text(void)
{
    char text[5000];
    memset(text, 'a', sizeof text);
    spill("x.db", text, sizeof text);
}

static void make_folder(void)
{
    ck_assert_int_eq(mkdir("x.db", 0777), 0);
}

static void make_pipe(void)
{
    ck_assert_int_eq(mkfifo("x.db", 0666), 0);
}

static void make_others(void)
{
    sqlite3 *handle = NULL;
    ck_assert_int_eq(sqlite3_open("x.db", &handle), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(handle, "CREATE TABLE run (id)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(handle);
}

static void change(const char *sql)
{
    sqlite3 *handle = NULL;
    fill("x.db", 1, 20);
    ck_assert_int_eq(sqlite3_open("x.db", &handle), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(handle);
}

static void make_newer(void)
{
    change("PRAGMA user_version = 2");
}

static void make_poorer(void)
{
    change("DROP TABLE metric");
}

static void make_view(void)
{
    change("DROP TABLE metric; CREATE VIEW metric AS SELECT * FROM counter");
}

static void cut(size_t keep_percent)
{
    size_t size_bytes;
    fill("x.db", 1, 20);
    char *bytes = slurp("x.db", &size_bytes);
    spill("x.db", bytes, size_bytes * keep_percent / 100);
    free(bytes);
}

static void make_cut(void)
{
    cut(60);
}

static void make_stub(void)
{
    fill("x.db", 1, 20);
    size_t size_bytes;
    char *bytes = slurp("x.db", &size_bytes);
    spill("x.db", bytes, 100);
    free(bytes);
}

static void make_holes(void)
{
    size_t size_bytes;
    fill("x.db", 1, 20);
    char *bytes = slurp("x.db", &size_bytes);
    memset(bytes + 4096, 0, size_bytes - 8192);
    spill("x.db", bytes, size_bytes);
    free(bytes);
}

static const struct {
    const char *name;
    void (*make)(void);
    const char *path, *word;
    int error;
} wrong_files[] = {
    {"text", make_text, "x.db", "is no database", SWEEP_ERR_READ},
    {"long text", make_long_text, "x.db", "is no database", SWEEP_ERR_READ},
    {"folder", make_folder, "x.db", "is a folder", SWEEP_ERR_READ},
    {"pipe", make_pipe, "x.db", "is no regular file", SWEEP_ERR_READ},
    {"another program's", make_others, "x.db", "another program's database", SWEEP_ERR_READ},
    {"newer", make_newer, "x.db", "tables of version 2", SWEEP_ERR_READ},
    {"a table short", make_poorer, "x.db", "lacks tables", SWEEP_ERR_READ},
    {"a view for a table", make_view, "x.db", "lacks tables", SWEEP_ERR_READ},
    {"cut off", make_cut, "x.db", "is damaged", SWEEP_ERR_READ},
    {"nearly nothing left", make_stub, "x.db", "is damaged", SWEEP_ERR_READ},
    {"zeroed", make_holes, "x.db", "is damaged", SWEEP_ERR_READ},
    {"no folder", make_text, "none/x.db", "No such file or directory", SWEEP_ERR_WRITE},
    {"below a file", make_text, "x.db/y.db", "Not a directory", SWEEP_ERR_READ},
    {"where nobody can write", make_text, "/proc/x.db", "cannot be written", SWEEP_ERR_WRITE},
};

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

static uint32_t draw(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

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

/* ---- Merging ----------------------------------------------------------------------------------- */

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
    tcase_add_loop_test(tcase, merged_shards_equal_one_sweep, 0, 2);
    tcase_add_test(tcase, a_source_with_a_log_is_read);
    tcase_add_loop_test(tcase, a_run_with_two_results_is_refused, 0, 2);
    tcase_add_loop_test(tcase, other_programs_are_joined_by_force_only, 0, ROWS(others));
    tcase_add_loop_test(tcase, a_failed_merge_leaves_nothing, 0, ROWS(wrong_files));
    tcase_add_test(tcase, a_target_that_cannot_be_is_told);
    tcase_add_test(tcase, merging_changed_bytes_never_crashes);
    Suite *suite = suite_create("sweep_db");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
