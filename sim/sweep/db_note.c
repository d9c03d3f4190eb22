#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim/sweep/db_internal.h"

int sweep_db_say(const struct sweep_db *db, int error, char note_out[SWEEP_NOTE_BYTES],
                 const char *format, ...)
{
    int used = snprintf(note_out, SWEEP_NOTE_BYTES, "%.200s: ", db->path);
    if (used > 0 && used < SWEEP_NOTE_BYTES) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(note_out + used, SWEEP_NOTE_BYTES - (size_t)used, format, arguments);
        va_end(arguments);
    }
    return error;
}

/* Why the system refused, 0: nobody knows. SQLite keeps it for some calls only; a COMMIT's is with the file,
 * or with its journal. */
static int system_errno(const struct sweep_db *db)
{
    static const int files[] = {SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER};
    int number = sqlite3_system_errno(db->handle);
    for (size_t i = 0; i < sizeof files / sizeof files[0] && number == 0; i++) {
        sqlite3_file *file = NULL;
        if (sqlite3_file_control(db->handle, "main", files[i], &file) == SQLITE_OK &&
            file != NULL && file->pMethods != NULL) {
            (void)file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &number);
        }
    }
    return number;
}

static const char *reason(const struct sweep_db *db)
{
    int number = system_errno(db);
    return number != 0 ? strerror(number) : sqlite3_errmsg(db->handle);
}

static int explain_write(const struct sweep_db *db, int error, char note_out[SWEEP_NOTE_BYTES])
{
    int number = system_errno(db);
    if (sqlite3_errcode(db->handle) == SQLITE_FULL || number == ENOSPC || number == EDQUOT) {
        return sweep_db_say(db, error, note_out,
                            "the disk is full; the database is sound: make room, then --resume");
    }
    if (number == EFBIG) {
        return sweep_db_say(db, error, note_out,
                            "the limit on the size of a file is reached; the database is sound: "
                            "raise it, then --resume");
    }
    return sweep_db_say(db, error, note_out, "%s", reason(db));
}

int sweep_db_explain(const struct sweep_db *db, int error, char note_out[SWEEP_NOTE_BYTES])
{
    switch (sqlite3_errcode(db->handle)) {
    case SQLITE_NOMEM: return sweep_db_say(db, SWEEP_ERR_NOMEM, note_out, "out of memory");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return sweep_db_say(db, SWEEP_ERR_LOCKED, note_out,
                            "another program has held it for %d s (a sqlite3 shell in a "
                            "transaction?); end that, then --resume",
                            SWEEP_DB_PATIENCE_MS / 1000);
    case SQLITE_NOTADB:
        return sweep_db_say(db, SWEEP_ERR_READ, note_out,
                            "is no database; name another file (nothing in it was changed)");
    case SQLITE_CORRUPT:
        return sweep_db_say(db, error, note_out,
                            "is damaged; take a copy of it, or begin a new file");
    case SQLITE_CANTOPEN:
        return sweep_db_say(db, error, note_out, "cannot be opened: %s", reason(db));
    case SQLITE_READONLY:
    case SQLITE_PERM: return sweep_db_say(db, error, note_out, "cannot be written: %s", reason(db));
    case SQLITE_FULL:
    case SQLITE_IOERR: return explain_write(db, error, note_out);
    default: return sweep_db_say(db, error, note_out, "%s", sqlite3_errmsg(db->handle));
    }
}
