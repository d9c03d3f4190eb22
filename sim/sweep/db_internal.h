/* Shared by the files of the database; nobody else includes it. */
#ifndef REPLISIM_SWEEP_DB_INTERNAL_H
#define REPLISIM_SWEEP_DB_INTERNAL_H

#include <sqlite3.h>

#include "sim/sweep/db.h"

/* "RPSW", in the header of each of our files, and the version of the tables in it. */
#define SWEEP_DB_APPLICATION 0x52505357
#define SWEEP_DB_VERSION     1
/* How long a transaction of another program (a shell, a backup) is waited for. */
#define SWEEP_DB_PATIENCE_MS 5000

enum sweep_db_statement {
    SWEEP_DB_BEGIN,
    SWEEP_DB_COMMIT,
    SWEEP_DB_ROLLBACK,
    SWEEP_DB_HAS,
    SWEEP_DB_ADD_RUN,
    SWEEP_DB_ADD_VIOLATION,
    SWEEP_DB_ADD_LAG,
    SWEEP_DB_ADD_COUNTER,
    SWEEP_DB_ADD_METRIC,
    SWEEP_DB_ADD_DOCUMENT,
    SWEEP_DB_STATEMENT_COUNT
};

struct sweep_db {
    sqlite3 *handle;     /* owned */
    char *path;          /* owned; as the user named it, for messages */
    char *file;          /* owned; as SQLite is told it */
    char *uri;           /* owned; of a reader: how the file could be opened */
    char *lock_path;     /* owned; NULL: a reader */
    int lock_handle;     /* -1: none */
    bool is_temporary;   /* of no name */
    bool is_new;         /* the file was made by this handle and holds nothing yet */
    sqlite3_int64 sweep; /* the row of `sweep` that new runs belong to */
    sqlite3_stmt *statements[SWEEP_DB_STATEMENT_COUNT]; /* owned; made when first used */
};

/* ---- db_schema.c ------------------------------------------------------------------------------- */

/* Makes the tables of an empty file. SQLite's code. */
int sweep_db_make_tables(sqlite3 *handle);
/* Is that file, `schema` of the handle ("main", or as attached), one of ours, whole, and of a version that we
 * know? `is_empty_out`: it holds nothing at all. Errors: NOMEM, READ, LOCKED. */
int sweep_db_check(struct sweep_db *db, const char *schema, bool *is_empty_out,
                   char note_out[SWEEP_NOTE_BYTES]);

/* ---- db_note.c --------------------------------------------------------------------------------- */

/* What the handle's last error means to the user, and which of our errors it is: `error`, or NOMEM,
 * or LOCKED where another program holds the file. */
int sweep_db_explain(const struct sweep_db *db, int error, char note_out[SWEEP_NOTE_BYTES]);
/* A message that begins with the path; gives `error`. */
int sweep_db_say(const struct sweep_db *db, int error, char note_out[SWEEP_NOTE_BYTES],
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* ---- db_lock.c --------------------------------------------------------------------------------- */

/* Errors: NOMEM, LOCKED, WRITE. */
int sweep_db_lock(struct sweep_db *db, char note_out[SWEEP_NOTE_BYTES]);
void sweep_db_unlock(struct sweep_db *db);

/* ---- db.c, db_write.c -------------------------------------------------------------------------- */

/* With paths set and nothing open. NULL: no memory. */
struct sweep_db *sweep_db_make(const char *path);
void sweep_db_drop(struct sweep_db *db);
/* The prepared statement, reset; NULL: see the handle. */
sqlite3_stmt *sweep_db_statement(struct sweep_db *db, enum sweep_db_statement which);
/* A number up to 2^63-1; beyond, decimal text. */
int sweep_db_bind_seed(sqlite3_stmt *statement, int at, uint64_t seed);
uint64_t sweep_db_seed(sqlite3_stmt *statement, int column);

/* ---- db_identity.c ----------------------------------------------------------------------------- */

/* Errors: as sweep_db_open. */
int sweep_db_identify(struct sweep_db *db, const struct sweep_identity *identity,
                      enum sweep_db_mode mode, char note_out[SWEEP_NOTE_BYTES]);
/* The first scenario that both lists hold with other digests, or NULL; owned by the caller. */
char *sweep_db_changed_scenario(const char *left_json, const char *right_json);

#endif
