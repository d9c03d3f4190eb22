#define _XOPEN_SOURCE 700 /* nftw */

#include "tests/sim/sweep_files.h"

#include <check.h>
#include <ftw.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char note[SWEEP_NOTE_BYTES];
static char folder[64];

void setup(void)
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

void teardown(void)
{
    ck_assert_int_eq(chdir(".."), 0);
    ck_assert_int_eq(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

const struct sweep_identity identity = {
    .program = "0.1.0 (gabc1234)",
    .scenarios_json = "[{\"path\":\"a.lua\",\"name\":\"a\",\"digest\":\"11\"},"
                      "{\"path\":\"b.lua\",\"name\":\"b\",\"digest\":\"22\"}]",
    .params_json = "[\"readers=3\"]",
    .seed_first = 1,
    .seed_last = 1000,
    .shard_count = 1};

struct sweep_db *open_db(const char *path, enum sweep_db_mode mode)
{
    struct sweep_db *db = NULL;
    int status = sweep_db_open(path, &identity, mode, &db, note);
    ck_assert_msg(status == SWEEP_OK, "%d %s", status, note);
    return db;
}

void close_db(struct sweep_db *db)
{
    ck_assert_msg(sweep_db_close(db, note) == SWEEP_OK, "%s", note);
}

void add(struct sweep_db *db, const char *name, uint64_t seed, enum sweep_end end)
{
    struct made_run made;
    run_make(&made, name, seed, end);
    ck_assert_msg(sweep_db_add(db, &made.run, note) == SWEEP_OK, "%s", note);
    run_clear(&made);
}

void fill(const char *path, uint64_t first, uint64_t last)
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

size_t count_runs(struct sweep_db *db)
{
    size_t count = 0;
    ck_assert_msg(sweep_db_each(db, count_run, &count, note) == SWEEP_OK, "%s", note);
    return count;
}

size_t count_in(const char *path)
{
    struct sweep_db *db = NULL;
    ck_assert_msg(sweep_db_read(path, &db, note) == SWEEP_OK, "%s", note);
    size_t count = count_runs(db);
    close_db(db);
    return count;
}

/* All bytes of a file; the caller frees them. */
char *slurp(const char *path, size_t *size_out)
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

void spill(const char *path, const char *bytes, size_t size_bytes)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size_bytes, file), size_bytes);
    ck_assert_int_eq(fclose(file), 0);
}

/* What the shell's user would do. */
void query(const char *path, const char *sql, char answer_out[200])
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

void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

uint32_t draw(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

const struct other_sweep others[OTHERS] = {
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

struct sweep_identity other_identity(int row)
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

const struct wrong_file wrong_files[WRONG_FILES] = {
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
