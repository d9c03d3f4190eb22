/* Many shards become one file: each source is attached and copied by SQLite itself, in one transaction, then
 * the file gets its name. */
#define _XOPEN_SOURCE 700

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/sweep/db_internal.h"

struct merge {
    struct sweep_db *target;       /* owned; under a temporary name */
    const struct sweep_db *source; /* borrowed; the one at work, for messages */
    const char *name;              /* borrowed; what the target is to be called */
    bool is_forced;
    struct sweep_merge_counts counts;
    char *note; /* SWEEP_NOTE_BYTES */
};

/* What went wrong, told of the file that it is about: SQL of the target's handle reads the source, too. */
static int explain(struct merge *merge, int error)
{
    struct sweep_db blamed = *merge->source;
    int code = sqlite3_extended_errcode(merge->target->handle);
    if ((code & 0xFF) == SQLITE_FULL || code == SQLITE_IOERR_WRITE ||
        code == SQLITE_IOERR_TRUNCATE) {
        snprintf(merge->note, SWEEP_NOTE_BYTES,
                 "%.300s: cannot be written: no room for it; nothing was made", merge->name);
        return SWEEP_ERR_WRITE;
    }
    blamed.handle = merge->target->handle;
    return sweep_db_explain(&blamed, error, merge->note);
}

static int prepare(struct merge *merge, const char *sql, sqlite3_stmt **statement_out)
{
    return sqlite3_prepare_v2(merge->target->handle, sql, -1, statement_out, NULL) == SQLITE_OK
               ? SWEEP_OK
               : explain(merge, SWEEP_ERR_READ);
}

/* One of `copies`. */
static int copy(struct merge *merge, const char *sql, sqlite3_int64 sweeps, sqlite3_int64 runs)
{
    sqlite3_stmt *statement = NULL;
    int status = prepare(merge, sql, &statement);
    if (status == SWEEP_OK) {
        (void)sqlite3_bind_int64(statement, 1, sweeps);
        (void)sqlite3_bind_int64(statement, 2, runs);
        status =
            sqlite3_step(statement) == SQLITE_DONE ? SWEEP_OK : explain(merge, SWEEP_ERR_WRITE);
    }
    sqlite3_finalize(statement);
    return status;
}

static int run_sql(struct merge *merge, const char *sql)
{
    return sqlite3_exec(merge->target->handle, sql, NULL, NULL, NULL) == SQLITE_OK
               ? SWEEP_OK
               : explain(merge, SWEEP_ERR_WRITE);
}

/* The first column of the first row; 0 when there is none. */
static int ask(struct merge *merge, const char *sql, sqlite3_int64 *number_out)
{
    sqlite3_stmt *statement = NULL;
    int status = prepare(merge, sql, &statement);
    *number_out = 0;
    if (status == SWEEP_OK) {
        int code = sqlite3_step(statement);
        if (code == SQLITE_ROW) {
            *number_out = sqlite3_column_int64(statement, 0);
        } else if (code != SQLITE_DONE) {
            status = explain(merge, SWEEP_ERR_READ);
        }
    }
    sqlite3_finalize(statement);
    return status;
}

/* ---- What has to agree ------------------------------------------------------------------------- */

static const char *column_text(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text != NULL ? text : "";
}

static int compare_sweeps(struct merge *merge, sqlite3_stmt *row)
{
    if (strcmp(column_text(row, 0), column_text(row, 1)) != 0) {
        return sweep_db_say(merge->source, SWEEP_ERR_OTHER, merge->note,
                            "is of another program: %.90s, not %.90s; --force joins them all the "
                            "same",
                            column_text(row, 1), column_text(row, 0));
    }
    if (strcmp(column_text(row, 2), column_text(row, 3)) != 0) {
        return sweep_db_say(merge->source, SWEEP_ERR_OTHER, merge->note,
                            "has other parameters: %.150s; --force joins them all the same",
                            column_text(row, 3));
    }
    char *changed = sweep_db_changed_scenario(column_text(row, 4), column_text(row, 5));
    int status =
        changed == NULL
            ? SWEEP_OK
            : sweep_db_say(merge->source, SWEEP_ERR_OTHER, merge->note,
                           "swept another %.150s; --force joins them all the same", changed);
    free(changed);
    return status;
}

/* Each sweep of the source against each that is there. */
static int check_sweeps(struct merge *merge)
{
    sqlite3_stmt *row = NULL;
    int status = prepare(merge,
                         "SELECT DISTINCT main.sweep.program, source.sweep.program,"
                         " main.sweep.params, source.sweep.params, main.sweep.scenarios,"
                         " source.sweep.scenarios FROM source.sweep, main.sweep",
                         &row);
    int code = SQLITE_ROW;
    while (status == SWEEP_OK && (code = sqlite3_step(row)) == SQLITE_ROW) {
        status = merge->is_forced ? SWEEP_OK : compare_sweeps(merge, row);
    }
    if (status == SWEEP_OK && code != SQLITE_DONE) {
        status = explain(merge, SWEEP_ERR_READ);
    }
    sqlite3_finalize(row);
    return status;
}

/* A run has one result: two mean that something is not deterministic, or that files were mixed up. */
static int check_runs(struct merge *merge)
{
    sqlite3_stmt *row = NULL;
    int status =
        prepare(merge,
                "SELECT theirs.path, theirs.seed, ours.end, theirs.end"
                " FROM source.run AS theirs JOIN main.run AS ours"
                " ON ours.path = theirs.path AND ours.seed = theirs.seed"
                " WHERE ours.end IS NOT theirs.end OR ours.fingerprint IS NOT theirs.fingerprint"
                " ORDER BY 1, 2 LIMIT 1",
                &row);
    int code = status == SWEEP_OK ? sqlite3_step(row) : SQLITE_DONE;
    if (code == SQLITE_ROW) {
        status = sweep_db_say(
            merge->source, SWEEP_ERR_OTHER, merge->note,
            "%.150s with seed %s has two results: %s before, %s here%s", column_text(row, 0),
            column_text(row, 1), column_text(row, 2), column_text(row, 3),
            strcmp(column_text(row, 2), column_text(row, 3)) == 0 ? ", with other fingerprints"
                                                                  : "");
    } else if (code != SQLITE_DONE) {
        status = explain(merge, SWEEP_ERR_READ);
    }
    sqlite3_finalize(row);
    return status;
}

/* ---- Copying ----------------------------------------------------------------------------------- */

#define RUN_COLUMNS                                                                                \
    "path, scenario, seed, end, verdict, error, error_kind, fingerprint, wall_seconds,"            \
    " virtual_seconds, events, nodes, files, bytes_replicated, bytes_hashed, vacuous, lag_count,"  \
    " lag_unbounded, lag_p50, lag_p90, lag_p99, lag_max, repeat"

/* Numbers of rows are moved behind those that are there; runs that are there already are left out, with all that
 * hangs on them. */
static const char *const copies[] = {
    "INSERT INTO main.sweep SELECT id + ?1, program, scenarios, params, seed_first, seed_last,"
    " shard, shards, wall_seconds, runs_per_second, complete FROM source.sweep",
    "INSERT OR IGNORE INTO main.run (id, sweep, " RUN_COLUMNS ") SELECT id + ?2,"
    " sweep + ?1, " RUN_COLUMNS " FROM source.run ORDER BY id",
    "INSERT INTO main.violation SELECT run + ?2, number, property, place, node, time_seconds,"
    " detail, tolerated FROM source.violation WHERE run + ?2 IN (SELECT id FROM main.run)",
    "INSERT INTO main.lag SELECT run + ?2, node, count, unbounded, p50, p90, p99, max"
    " FROM source.lag WHERE run + ?2 IN (SELECT id FROM main.run)",
    "INSERT INTO main.counter SELECT run + ?2, node, name, value"
    " FROM source.counter WHERE run + ?2 IN (SELECT id FROM main.run)",
    "INSERT INTO main.metric SELECT run + ?2, name, count, last, max"
    " FROM source.metric WHERE run + ?2 IN (SELECT id FROM main.run)",
    "INSERT INTO main.document SELECT run + ?2, result, extra"
    " FROM source.document WHERE run + ?2 IN (SELECT id FROM main.run)",
};

static int copy_rows(struct merge *merge)
{
    sqlite3_int64 sweeps, runs, before, after, theirs;
    int status = ask(merge, "SELECT coalesce(max(id), 0) FROM main.sweep", &sweeps);
    status = status != SWEEP_OK ? status
                                : ask(merge, "SELECT coalesce(max(id), 0) FROM main.run", &runs);
    status = status != SWEEP_OK ? status : ask(merge, "SELECT count(*) FROM main.run", &before);
    status = status != SWEEP_OK ? status : ask(merge, "SELECT count(*) FROM source.run", &theirs);
    for (size_t i = 0; i < sizeof copies / sizeof copies[0] && status == SWEEP_OK; i++) {
        status = copy(merge, copies[i], sweeps, runs);
    }
    status = status != SWEEP_OK ? status : ask(merge, "SELECT count(*) FROM main.run", &after);
    if (status == SWEEP_OK) {
        merge->counts.runs = (uint64_t)after;
        merge->counts.duplicates += (uint64_t)(theirs - (after - before));
    }
    return status;
}

static int attach(struct merge *merge)
{
    sqlite3_stmt *statement = NULL;
    int status = prepare(merge, "ATTACH ? AS source", &statement);
    if (status == SWEEP_OK) {
        sqlite3_bind_text(statement, 1, merge->source->uri, -1, SQLITE_STATIC);
        status = sqlite3_step(statement) == SQLITE_DONE ? SWEEP_OK : explain(merge, SWEEP_ERR_READ);
    }
    sqlite3_finalize(statement);
    return status;
}

static int copy_source(struct merge *merge)
{
    int status = run_sql(merge, "BEGIN");
    status = status == SWEEP_OK ? check_sweeps(merge) : status;
    status = status == SWEEP_OK ? check_runs(merge) : status;
    status = status == SWEEP_OK ? copy_rows(merge) : status;
    status = status == SWEEP_OK ? run_sql(merge, "COMMIT") : status;
    if (sqlite3_get_autocommit(merge->target->handle) == 0) {
        (void)sqlite3_exec(merge->target->handle, "ROLLBACK", NULL, NULL, NULL);
    }
    return status;
}

/* The source is held open meanwhile, so that a log of it is not recovered twice. */
static int add_source(struct merge *merge, const char *path)
{
    struct sweep_db *source = NULL;
    char ignored[SWEEP_NOTE_BYTES];
    int status = sweep_db_read(path, &source, merge->note);
    if (status != SWEEP_OK) {
        return status;
    }
    merge->source = source;
    status = attach(merge);
    if (status == SWEEP_OK) {
        status = copy_source(merge);
        (void)sqlite3_exec(merge->target->handle, "DETACH source", NULL, NULL, NULL);
    }
    (void)sweep_db_close(source, ignored);
    return status;
}

/* All shards of one sweep are that sweep: then the file can be resumed without --shard, which tells its
 * summary. The latest row is what --resume compares with. */
static int join_shards(struct merge *merge)
{
    return run_sql(merge,
                   "INSERT INTO sweep (program, scenarios, params, seed_first, seed_last, shard,"
                   " shards, wall_seconds, runs_per_second, complete)"
                   " SELECT min(program), min(scenarios), min(params), min(seed_first),"
                   " min(seed_last), 0, 1, max(wall_seconds), total(runs_per_second),"
                   " min(complete) FROM sweep"
                   " HAVING count(DISTINCT program) = 1 AND count(DISTINCT scenarios) = 1"
                   " AND count(DISTINCT params) = 1 AND count(DISTINCT seed_first) = 1"
                   " AND count(DISTINCT seed_last) = 1 AND count(DISTINCT shards) = 1"
                   " AND max(shards) > 1 AND count(DISTINCT shard) = max(shards)");
}

/* ---- The new file ------------------------------------------------------------------------------ */

static int fail(const char *path, int error, char note_out[SWEEP_NOTE_BYTES], const char *what)
{
    snprintf(note_out, SWEEP_NOTE_BYTES, "%.300s: %s", path, what);
    return error;
}

/* No journal: until it has its name nobody knows the file, and if this fails it is removed. */
static int make_target(struct merge *merge, char *temporary)
{
    int handle = mkstemp(temporary);
    mode_t mask = umask(0);
    umask(mask);
    if (handle < 0) {
        return SWEEP_ERR_OTHER;
    }
    (void)fchmod(handle, 0666 & ~mask);
    close(handle);
    merge->target = sweep_db_make(temporary);
    if (merge->target == NULL) {
        unlink(temporary);
        return SWEEP_ERR_NOMEM;
    }
    merge->target->is_new = true;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI;
    bool is_made =
        sqlite3_open_v2(merge->target->file, &merge->target->handle, flags, NULL) == SQLITE_OK &&
        sqlite3_exec(merge->target->handle,
                     "PRAGMA trusted_schema = OFF; PRAGMA journal_mode = MEMORY;"
                     "PRAGMA synchronous = OFF",
                     NULL, NULL, NULL) == SQLITE_OK &&
        sweep_db_make_tables(merge->target->handle) == SQLITE_OK;
    return is_made ? SWEEP_OK : SWEEP_ERR_WRITE;
}

static bool flush(const char *path)
{
    int handle = open(path, O_RDONLY | O_CLOEXEC);
    bool is_flushed = handle >= 0 && fsync(handle) == 0;
    if (handle >= 0) {
        close(handle);
    }
    return is_flushed;
}

/* A name that somebody took meanwhile is left to him; not every file system has links. */
static bool publish(const char *temporary, const char *target)
{
    if (link(temporary, target) == 0) {
        unlink(temporary);
        return true;
    }
    if (errno == EEXIST) {
        return false;
    }
    return access(target, F_OK) != 0 && rename(temporary, target) == 0;
}

static int finish(struct merge *merge, const char *target)
{
    char *temporary = strdup(merge->target->file);
    if (temporary == NULL) {
        return fail(target, SWEEP_ERR_NOMEM, merge->note, "out of memory");
    }
    merge->target->is_new = false;
    sweep_db_drop(merge->target);
    merge->target = NULL;
    int status = SWEEP_OK;
    if (!flush(temporary) || !publish(temporary, target)) {
        status = fail(target, SWEEP_ERR_WRITE, merge->note, strerror(errno));
        unlink(temporary);
    }
    free(temporary);
    return status;
}

int sweep_db_merge(const char *target, const char *const *sources, size_t source_count,
                   bool is_forced, struct sweep_merge_counts *counts_out,
                   char note_out[SWEEP_NOTE_BYTES])
{
    struct merge merge = {.name = target, .is_forced = is_forced, .note = note_out};
    struct stat about;
    note_out[0] = '\0';
    if (lstat(target, &about) == 0) {
        return fail(target, SWEEP_ERR_OTHER, note_out,
                    "is there already; remove it, or name another file");
    }
    size_t size_bytes = strlen(target) + sizeof ".XXXXXX";
    char *temporary = malloc(size_bytes);
    if (temporary == NULL) {
        return fail(target, SWEEP_ERR_NOMEM, note_out, "out of memory");
    }
    snprintf(temporary, size_bytes, "%s.XXXXXX", target);
    int status = make_target(&merge, temporary);
    if (status != SWEEP_OK) {
        (void)fail(target, status, note_out, strerror(errno));
    }
    for (size_t i = 0; i < source_count && status == SWEEP_OK; i++) {
        status = add_source(&merge, sources[i]);
    }
    status = status == SWEEP_OK ? join_shards(&merge) : status;
    status = status == SWEEP_OK ? finish(&merge, target) : status;
    sweep_db_drop(merge.target);
    free(temporary);
    *counts_out = merge.counts;
    return status;
}
