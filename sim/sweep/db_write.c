#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sweep/db_internal.h"
#include "sim/sweep/group.h"

/* ---- Statements and values --------------------------------------------------------------------- */

static const char *const statement_texts[SWEEP_DB_STATEMENT_COUNT] = {
    [SWEEP_DB_BEGIN] = "BEGIN IMMEDIATE",
    [SWEEP_DB_COMMIT] = "COMMIT",
    [SWEEP_DB_ROLLBACK] = "ROLLBACK",
    [SWEEP_DB_HAS] = "SELECT 1 FROM run WHERE path = ? AND seed = ?",
    [SWEEP_DB_ADD_RUN] =
        "INSERT INTO run (sweep, path, scenario, seed, end, wall_seconds, verdict, error,"
        " error_kind, fingerprint, virtual_seconds, events, nodes, files, bytes_replicated,"
        " bytes_hashed, vacuous, lag_count, lag_unbounded, lag_p50, lag_p90, lag_p99, lag_max,"
        " repeat) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [SWEEP_DB_ADD_VIOLATION] = "INSERT INTO violation VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [SWEEP_DB_ADD_LAG] = "INSERT OR REPLACE INTO lag VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [SWEEP_DB_ADD_COUNTER] = "INSERT INTO counter VALUES (?, ?, ?, ?)",
    [SWEEP_DB_ADD_METRIC] = "INSERT INTO metric VALUES (?, ?, ?, ?, ?)",
    [SWEEP_DB_ADD_DOCUMENT] = "INSERT INTO document VALUES (?, ?, ?)",
};

sqlite3_stmt *sweep_db_statement(struct sweep_db *db, enum sweep_db_statement which)
{
    sqlite3_stmt **statement = &db->statements[which];
    if (*statement == NULL) {
        (void)sqlite3_prepare_v3(db->handle, statement_texts[which], -1, SQLITE_PREPARE_PERSISTENT,
                                 statement, NULL);
    } else {
        sqlite3_reset(*statement);
        sqlite3_clear_bindings(*statement);
    }
    return *statement;
}

/* A step of a statement that gives no rows. */
static int step(sqlite3_stmt *statement)
{
    int code = statement != NULL ? sqlite3_step(statement) : SQLITE_ERROR;
    sqlite3_reset(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int do_simply(struct sweep_db *db, enum sweep_db_statement which)
{
    return step(sweep_db_statement(db, which));
}

int sweep_db_bind_seed(sqlite3_stmt *statement, int at, uint64_t seed)
{
    char text[24];
    if (seed <= INT64_MAX) {
        return sqlite3_bind_int64(statement, at, (sqlite3_int64)seed);
    }
    snprintf(text, sizeof text, "%" PRIu64, seed);
    return sqlite3_bind_text(statement, at, text, -1, SQLITE_TRANSIENT);
}

uint64_t sweep_db_seed(sqlite3_stmt *statement, int column)
{
    if (sqlite3_column_type(statement, column) == SQLITE_TEXT) {
        return strtoull((const char *)sqlite3_column_text(statement, column), NULL, 10);
    }
    return (uint64_t)sqlite3_column_int64(statement, column);
}

static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

/* A number, text or truth value of JSON; anything else is NULL. */
static void bind_value(sqlite3_stmt *statement, int at, const json_t *value)
{
    if (json_is_integer(value)) {
        sqlite3_bind_int64(statement, at, json_integer_value(value));
    } else if (json_is_real(value)) {
        sqlite3_bind_double(statement, at, json_real_value(value));
    } else if (json_is_string(value)) {
        bind_text(statement, at, json_string_value(value));
    } else if (json_is_boolean(value)) {
        sqlite3_bind_int(statement, at, json_is_true(value));
    } else {
        sqlite3_bind_null(statement, at);
    }
}

static void bind_members(sqlite3_stmt *statement, int at, const json_t *object,
                         const char *const *keys, size_t key_count)
{
    for (size_t i = 0; i < key_count; i++) {
        bind_value(statement, at + (int)i, json_object_get(object, keys[i]));
    }
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

#define KEYS(list) (list), sizeof(list) / sizeof(list)[0]

/* ---- The rows of one run ----------------------------------------------------------------------- */

static int add_row(struct sweep_db *db, const struct sweep_run *run)
{
    static const char *const keys[] = {"fingerprint",  "virtual_seconds", "events",
                                       "nodes",        "files",           "bytes_replicated",
                                       "bytes_hashed", "vacuous"};
    static const char *const lag_keys[] = {"count", "unbounded", "p50", "p90", "p99", "max"};
    sqlite3_stmt *row = sweep_db_statement(db, SWEEP_DB_ADD_RUN);
    const char *error = json_string_value(json_object_get(run->result, "error"));
    char kind[SWEEP_CAUSE_BYTES];
    if (row == NULL) {
        return SQLITE_ERROR;
    }
    sqlite3_bind_int64(row, 1, db->sweep);
    bind_text(row, 2, run->path);
    bind_text(row, 3, run->scenario);
    sweep_db_bind_seed(row, 4, run->seed);
    bind_text(row, 5, sweep_end_name(run->end));
    sqlite3_bind_double(row, 6, run->wall_s);
    bind_value(row, 7, json_object_get(run->result, "verdict"));
    if (error != NULL) {
        sweep_error_kind(error, kind);
        bind_text(row, 8, error);
        bind_text(row, 9, kind);
    }
    bind_members(row, 10, run->result, KEYS(keys));
    bind_members(row, 18, json_object_get(run->result, "lag_seconds"), KEYS(lag_keys));
    bind_value(row, 24, json_object_get(run->result, "repeat"));
    return step(row);
}

static int add_violations(struct sweep_db *db, sqlite3_int64 id, const json_t *result)
{
    size_t index;
    const json_t *violation;
    int code = SQLITE_OK;
    json_array_foreach(json_object_get(result, "violations"), index, violation)
    {
        sqlite3_stmt *row = sweep_db_statement(db, SWEEP_DB_ADD_VIOLATION);
        sqlite3_bind_int64(row, 1, id);
        sqlite3_bind_int64(row, 2, (sqlite3_int64)index);
        bind_text(row, 3, text_of(violation, "property"));
        bind_text(row, 4, text_of(violation, "place"));
        bind_text(row, 5, text_of(violation, "node"));
        bind_value(row, 6, json_object_get(violation, "time_s"));
        bind_text(row, 7, text_of(violation, "detail"));
        sqlite3_bind_int(row, 8, json_is_true(json_object_get(violation, "tolerated")));
        code = step(row);
        if (code != SQLITE_OK) {
            break;
        }
    }
    return code;
}

static int add_lags(struct sweep_db *db, sqlite3_int64 id, const json_t *extra)
{
    static const char *const keys[] = {"count", "unbounded", "p50", "p90", "p99", "max"};
    size_t index;
    const json_t *lag;
    int code = SQLITE_OK;
    json_array_foreach(json_object_get(extra, "lag"), index, lag)
    {
        sqlite3_stmt *row = sweep_db_statement(db, SWEEP_DB_ADD_LAG);
        sqlite3_bind_int64(row, 1, id);
        bind_text(row, 2, text_of(lag, "node"));
        bind_members(row, 3, lag, KEYS(keys));
        code = step(row);
        if (code != SQLITE_OK) {
            break;
        }
    }
    return code;
}

static int add_counters(struct sweep_db *db, sqlite3_int64 id, const json_t *result)
{
    const char *node, *name;
    json_t *counters, *value;
    int code = SQLITE_OK;
    json_object_foreach(json_object_get(result, "counters"), node, counters)
    {
        json_object_foreach(counters, name, value)
        {
            sqlite3_stmt *row = sweep_db_statement(db, SWEEP_DB_ADD_COUNTER);
            sqlite3_bind_int64(row, 1, id);
            bind_text(row, 2, node);
            bind_text(row, 3, name);
            sqlite3_bind_int64(row, 4, json_integer_value(value));
            code = step(row);
            if (code != SQLITE_OK) {
                return code;
            }
        }
    }
    return code;
}

static int add_metrics(struct sweep_db *db, sqlite3_int64 id, const json_t *result)
{
    static const char *const keys[] = {"count", "last", "max"};
    const char *name;
    json_t *metric;
    int code = SQLITE_OK;
    json_object_foreach(json_object_get(result, "metrics"), name, metric)
    {
        sqlite3_stmt *row = sweep_db_statement(db, SWEEP_DB_ADD_METRIC);
        sqlite3_bind_int64(row, 1, id);
        bind_text(row, 2, name);
        bind_members(row, 3, metric, KEYS(keys));
        code = step(row);
        if (code != SQLITE_OK) {
            break;
        }
    }
    return code;
}

static int add_document(struct sweep_db *db, sqlite3_int64 id, const struct sweep_run *run)
{
    sqlite3_stmt *row = sweep_db_statement(db, SWEEP_DB_ADD_DOCUMENT);
    char *extra = NULL;
    if (run->extra != NULL &&
        (extra = json_dumps(run->extra, JSON_COMPACT | JSON_REAL_PRECISION(15))) == NULL) {
        return SQLITE_NOMEM;
    }
    sqlite3_bind_int64(row, 1, id);
    bind_text(row, 2, run->line);
    bind_text(row, 3, extra);
    int code = step(row);
    free(extra);
    return code;
}

static int add_rows(struct sweep_db *db, const struct sweep_run *run)
{
    int code = add_row(db, run);
    sqlite3_int64 id = sqlite3_last_insert_rowid(db->handle);
    code = code == SQLITE_OK ? add_violations(db, id, run->result) : code;
    code = code == SQLITE_OK ? add_lags(db, id, run->extra) : code;
    code = code == SQLITE_OK ? add_counters(db, id, run->result) : code;
    code = code == SQLITE_OK ? add_metrics(db, id, run->result) : code;
    return code == SQLITE_OK ? add_document(db, id, run) : code;
}

/* ---- From outside ------------------------------------------------------------------------------ */

bool sweep_db_has(struct sweep_db *db, const char *path, uint64_t seed)
{
    sqlite3_stmt *statement = sweep_db_statement(db, SWEEP_DB_HAS);
    if (statement == NULL) {
        return false;
    }
    bind_text(statement, 1, path);
    sweep_db_bind_seed(statement, 2, seed);
    bool is_there = sqlite3_step(statement) == SQLITE_ROW;
    sqlite3_reset(statement);
    return is_there;
}

int sweep_db_add(struct sweep_db *db, const struct sweep_run *run, char note_out[SWEEP_NOTE_BYTES])
{
    note_out[0] = '\0';
    if (sweep_db_has(db, run->path, run->seed)) {
        return SWEEP_OK;
    }
    int code = do_simply(db, SWEEP_DB_BEGIN);
    code = code == SQLITE_OK ? add_rows(db, run) : code;
    code = code == SQLITE_OK ? do_simply(db, SWEEP_DB_COMMIT) : code;
    if (code == SQLITE_OK) {
        return SWEEP_OK;
    }
    int status =
        code == SQLITE_NOMEM ? SWEEP_ERR_NOMEM : sweep_db_explain(db, SWEEP_ERR_WRITE, note_out);
    if (sqlite3_get_autocommit(db->handle) == 0) {
        (void)do_simply(db, SWEEP_DB_ROLLBACK);
    }
    return status;
}

int sweep_db_finish(struct sweep_db *db, double wall_s, double runs_per_s, bool is_complete,
                    char note_out[SWEEP_NOTE_BYTES])
{
    sqlite3_stmt *row = NULL;
    note_out[0] = '\0';
    int code = sqlite3_prepare_v2(db->handle,
                                  "UPDATE sweep SET wall_seconds = wall_seconds + ?,"
                                  " runs_per_second = ?, complete = ? WHERE id = ?",
                                  -1, &row, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_double(row, 1, wall_s);
        sqlite3_bind_double(row, 2, runs_per_s);
        sqlite3_bind_int(row, 3, is_complete);
        sqlite3_bind_int64(row, 4, db->sweep);
        code = sqlite3_step(row);
    }
    int status = code == SQLITE_DONE ? SWEEP_OK : sweep_db_explain(db, SWEEP_ERR_WRITE, note_out);
    sqlite3_finalize(row);
    return status;
}
