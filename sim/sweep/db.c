#include "sim/sweep/db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/sweep/db_internal.h"

/* ---- Handles ----------------------------------------------------------------------------------- */

/* ":memory:" and "file:..." mean something else to SQLite; with a folder before them they do not. */
static char *make_file(const char *path)
{
    const char *folder = path[0] == '/' ? "" : "./";
    size_t size_bytes = strlen(folder) + strlen(path) + 1;
    char *file = malloc(size_bytes);
    if (file != NULL) {
        snprintf(file, size_bytes, "%s%s", folder, path);
    }
    return file;
}

struct sweep_db *sweep_db_make(const char *path)
{
    struct sweep_db *db = calloc(1, sizeof *db);
    if (db == NULL) {
        return NULL;
    }
    db->lock_handle = -1;
    /* An empty name is a database of SQLite's own, which vanishes when it is closed. */
    db->is_temporary = path == NULL;
    db->path = strdup(path == NULL ? "the temporary database" : path);
    db->file = path == NULL ? strdup("") : make_file(path);
    if (db->path == NULL || db->file == NULL) {
        sweep_db_drop(db);
        return NULL;
    }
    return db;
}

static void close_handle(struct sweep_db *db)
{
    for (size_t i = 0; i < SWEEP_DB_STATEMENT_COUNT; i++) {
        sqlite3_finalize(db->statements[i]);
        db->statements[i] = NULL;
    }
    sqlite3_close(db->handle);
    db->handle = NULL;
}

void sweep_db_drop(struct sweep_db *db)
{
    if (db == NULL) {
        return;
    }
    close_handle(db);
    if (db->is_new) {
        unlink(db->file);
    }
    sweep_db_unlock(db);
    free(db->lock_path);
    free(db->path);
    free(db->file);
    free(db->uri);
    free(db);
}

/* What a file holds is not trusted: no triggers, no functions in its schema but harmless ones. */
static int open_handle(struct sweep_db *db, const char *file, int flags)
{
    int code = sqlite3_open_v2(file, &db->handle, flags, NULL);
    if (code != SQLITE_OK) {
        return code;
    }
    sqlite3_extended_result_codes(db->handle, 0);
    sqlite3_busy_timeout(db->handle, SWEEP_DB_PATIENCE_MS);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    return sqlite3_exec(db->handle,
                        "PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = ON;"
                        "PRAGMA cell_size_check = ON;",
                        NULL, NULL, NULL);
}

/* ---- Opening ----------------------------------------------------------------------------------- */

static int check_kind(struct sweep_db *db, bool *is_there_out, char note_out[SWEEP_NOTE_BYTES])
{
    struct stat about;
    *is_there_out = stat(db->file, &about) == 0;
    if (!*is_there_out) {
        return errno == ENOENT ? SWEEP_OK
                               : sweep_db_say(db, SWEEP_ERR_READ, note_out, "cannot be opened: %s",
                                              strerror(errno));
    }
    if (S_ISDIR(about.st_mode)) {
        return sweep_db_say(db, SWEEP_ERR_READ, note_out, "is a folder; name a file");
    }
    if (!S_ISREG(about.st_mode)) {
        return sweep_db_say(db, SWEEP_ERR_READ, note_out, "is no regular file");
    }
    return SWEEP_OK;
}

static bool is_wal(struct sweep_db *db)
{
    sqlite3_stmt *statement = NULL;
    bool is_set = sqlite3_prepare_v2(db->handle, "PRAGMA journal_mode = WAL", -1, &statement,
                                     NULL) == SQLITE_OK &&
                  sqlite3_step(statement) == SQLITE_ROW &&
                  sqlite3_stricmp((const char *)sqlite3_column_text(statement, 0), "wal") == 0;
    sqlite3_finalize(statement);
    return is_set;
}

/* A write-ahead log with synchronous = NORMAL: a commit is a write without a flush, so a kill at any
 * moment loses nothing committed, and a power cut at most the runs since the last checkpoint, which --resume
 * does again. Where memory cannot be shared (network volumes) a rollback journal does instead: slower, safe
 * from both. */
static int choose_journal(struct sweep_db *db, char note_out[SWEEP_NOTE_BYTES])
{
    const char *otherwise = "PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL";
    if (db->is_temporary) {
        otherwise = "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF";
    }
    const char *rest = !db->is_temporary && is_wal(db) ? "PRAGMA synchronous = NORMAL" : otherwise;
    return sqlite3_exec(db->handle, rest, NULL, NULL, NULL) == SQLITE_OK
               ? SWEEP_OK
               : sweep_db_explain(db, SWEEP_ERR_WRITE, note_out);
}

/* A log left by a sweep on another file system, where this one cannot share memory: without sharing it can
 * still be read, and folded into the file. */
static int fold_log(struct sweep_db *db, bool *is_empty_out, char note_out[SWEEP_NOTE_BYTES])
{
    close_handle(db);
    if (open_handle(db, db->file, SQLITE_OPEN_READWRITE) != SQLITE_OK ||
        sqlite3_exec(db->handle, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL) !=
            SQLITE_OK) {
        return sweep_db_explain(db, SWEEP_ERR_READ, note_out);
    }
    int status = sweep_db_check(db, "main", is_empty_out, note_out);
    if (status != SWEEP_OK) {
        return status;
    }
    const char *fold = "PRAGMA journal_mode = DELETE; PRAGMA locking_mode = NORMAL;"
                       "SELECT count(*) FROM main.sqlite_master";
    return sqlite3_exec(db->handle, fold, NULL, NULL, NULL) == SQLITE_OK
               ? SWEEP_OK
               : sweep_db_explain(db, SWEEP_ERR_WRITE, note_out);
}

static int make_tables(struct sweep_db *db, char note_out[SWEEP_NOTE_BYTES])
{
    int code = sqlite3_exec(db->handle, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    code = code == SQLITE_OK ? sweep_db_make_tables(db->handle) : code;
    code = code == SQLITE_OK ? sqlite3_exec(db->handle, "COMMIT", NULL, NULL, NULL) : code;
    if (code != SQLITE_OK) {
        int status = sweep_db_explain(db, SWEEP_ERR_WRITE, note_out);
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
        return status;
    }
    return SWEEP_OK;
}

static int open_writer(struct sweep_db *db, const struct sweep_identity *identity,
                       enum sweep_db_mode mode, char note_out[SWEEP_NOTE_BYTES])
{
    bool is_there = false, is_empty = false;
    int status = db->is_temporary ? SWEEP_OK : check_kind(db, &is_there, note_out);
    if (status == SWEEP_OK && !db->is_temporary) {
        status = sweep_db_lock(db, note_out);
    }
    if (status != SWEEP_OK) {
        return status;
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    if (open_handle(db, db->file, flags) != SQLITE_OK) {
        return sweep_db_explain(db, SWEEP_ERR_WRITE, note_out);
    }
    db->is_new = !is_there && !db->is_temporary;
    status = sweep_db_check(db, "main", &is_empty, note_out);
    if (status != SWEEP_OK && sqlite3_errcode(db->handle) == SQLITE_CANTOPEN) {
        status = fold_log(db, &is_empty, note_out);
    }
    if (status == SWEEP_OK && sqlite3_db_readonly(db->handle, "main") == 1) {
        status = sweep_db_say(db, SWEEP_ERR_WRITE, note_out, "cannot be written: read-only");
    }
    if (status == SWEEP_OK && is_empty) {
        status = make_tables(db, note_out);
    }
    status = status == SWEEP_OK ? sweep_db_identify(db, identity, mode, note_out) : status;
    return status == SWEEP_OK ? choose_journal(db, note_out) : status;
}

int sweep_db_open(const char *path, const struct sweep_identity *identity, enum sweep_db_mode mode,
                  struct sweep_db **db_out, char note_out[SWEEP_NOTE_BYTES])
{
    struct sweep_db *db = sweep_db_make(path);
    *db_out = NULL;
    note_out[0] = '\0';
    if (db == NULL) {
        snprintf(note_out, SWEEP_NOTE_BYTES, "%.200s: out of memory",
                 path == NULL ? "the temporary database" : path);
        return SWEEP_ERR_NOMEM;
    }
    int status = open_writer(db, identity, mode, note_out);
    if (status != SWEEP_OK) {
        sweep_db_drop(db);
        return status;
    }
    db->is_new = false;
    *db_out = db;
    return SWEEP_OK;
}

/* ---- Reading only ------------------------------------------------------------------------------ */

/* Is there a log with runs that the file itself lacks? */
static bool has_log(const struct sweep_db *db)
{
    struct stat about;
    char path[4096];
    snprintf(path, sizeof path, "%s-wal", db->file);
    return stat(path, &about) == 0 && about.st_size > 0;
}

/* "file:..." with every byte escaped that means something there. NULL: no memory. */
static char *make_uri(const char *file, const char *query)
{
    size_t size_bytes = strlen("file:") + 3 * strlen(file) + strlen(query) + 1;
    char *uri = malloc(size_bytes);
    if (uri == NULL) {
        return NULL;
    }
    size_t used = (size_t)snprintf(uri, size_bytes, "file:");
    for (const char *at = file; *at != '\0'; at++) {
        bool is_plain = strchr("%?#", *at) == NULL;
        used += (size_t)snprintf(uri + used, size_bytes - used, is_plain ? "%c" : "%%%02X",
                                 (unsigned char)*at);
    }
    snprintf(uri + used, size_bytes - used, "%s", query);
    return uri;
}

/* One way to read a file: opens it, and looks whether it is one of ours. */
static int try_reading(struct sweep_db *db, const char *query, int flags,
                       char note_out[SWEEP_NOTE_BYTES])
{
    bool is_empty = false;
    close_handle(db);
    char *uri = make_uri(db->file, query);
    if (uri == NULL) {
        return sweep_db_say(db, SWEEP_ERR_NOMEM, note_out, "out of memory");
    }
    int code = open_handle(db, uri, flags | SQLITE_OPEN_URI);
    free(db->uri);
    db->uri = uri;
    if (code != SQLITE_OK) {
        return sweep_db_explain(db, SWEEP_ERR_READ, note_out);
    }
    int status = sweep_db_check(db, "main", &is_empty, note_out);
    if (status == SWEEP_OK && is_empty) {
        return sweep_db_say(db, SWEEP_ERR_READ, note_out, "is empty: no sweep wrote to it");
    }
    return status;
}

/* Recovery needs to write, and a log's index a place beside the file; a file alone in a folder that cannot be
 * written is read as it is. */
static int open_reader(struct sweep_db *db, char note_out[SWEEP_NOTE_BYTES])
{
    bool is_there;
    int status = check_kind(db, &is_there, note_out);
    if (status == SWEEP_OK && !is_there) {
        return sweep_db_say(db, SWEEP_ERR_READ, note_out, "no such file");
    }
    if (status != SWEEP_OK) {
        return status;
    }
    status = try_reading(db, "?mode=ro", SQLITE_OPEN_READONLY, note_out);
    int code = sqlite3_errcode(db->handle);
    if (status == SWEEP_ERR_READ && code == SQLITE_READONLY) {
        return try_reading(db, "?mode=rw", SQLITE_OPEN_READWRITE, note_out);
    }
    if (status == SWEEP_ERR_READ && code == SQLITE_CANTOPEN) {
        if (has_log(db)) {
            return sweep_db_say(db, SWEEP_ERR_READ, note_out,
                                "has a log (-wal) and cannot be written; copy both to a folder "
                                "that can");
        }
        return try_reading(db, "?mode=ro&immutable=1", SQLITE_OPEN_READONLY, note_out);
    }
    return status;
}

int sweep_db_read(const char *path, struct sweep_db **db_out, char note_out[SWEEP_NOTE_BYTES])
{
    struct sweep_db *db = sweep_db_make(path);
    *db_out = NULL;
    note_out[0] = '\0';
    if (db == NULL) {
        snprintf(note_out, SWEEP_NOTE_BYTES, "%.200s: out of memory", path);
        return SWEEP_ERR_NOMEM;
    }
    int status = open_reader(db, note_out);
    if (status != SWEEP_OK) {
        sweep_db_drop(db);
        return status;
    }
    *db_out = db;
    return SWEEP_OK;
}

/* ---- Closing ----------------------------------------------------------------------------------- */

/* Folds the log into the file, which is then one plain file that can be copied and read anywhere. Who
 * reads it just now keeps the log alive; that is no error. */
static int fold(struct sweep_db *db, char note_out[SWEEP_NOTE_BYTES])
{
    sqlite3_busy_timeout(db->handle, 200);
    int code =
        sqlite3_wal_checkpoint_v2(db->handle, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (code != SQLITE_OK && code != SQLITE_BUSY && code != SQLITE_LOCKED) {
        int status = sweep_db_explain(db, SWEEP_ERR_WRITE, note_out);
        size_t used = strlen(note_out);
        snprintf(note_out + used, SWEEP_NOTE_BYTES - used, " (keep its -wal file with it)");
        return status;
    }
    (void)sqlite3_exec(db->handle, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    return SWEEP_OK;
}

int sweep_db_close(struct sweep_db *db, char note_out[SWEEP_NOTE_BYTES])
{
    note_out[0] = '\0';
    if (db == NULL) {
        return SWEEP_OK;
    }
    for (size_t i = 0; i < SWEEP_DB_STATEMENT_COUNT; i++) {
        sqlite3_finalize(db->statements[i]);
        db->statements[i] = NULL;
    }
    int status = db->lock_path != NULL ? fold(db, note_out) : SWEEP_OK;
    sweep_db_drop(db);
    return status;
}
