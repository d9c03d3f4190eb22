#include <stdlib.h>

#include "sim/sweep/db_internal.h"

struct ids {
    sqlite3_int64 *list; /* owned */
    size_t count, capacity;
};

static bool push(struct ids *ids, sqlite3_int64 id)
{
    if (ids->count == ids->capacity) {
        size_t capacity = ids->capacity == 0 ? 256 : ids->capacity * 2;
        sqlite3_int64 *list = realloc(ids->list, capacity * sizeof *list);
        if (list == NULL) {
            return false;
        }
        ids->list = list;
        ids->capacity = capacity;
    }
    ids->list[ids->count++] = id;
    return true;
}

/* All runs in order: numbers before the decimal texts of seeds beyond them, and short texts first. */
static int list_runs(struct sweep_db *db, struct ids *ids, char note_out[SWEEP_NOTE_BYTES])
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db->handle,
                                  "SELECT id FROM run ORDER BY path,"
                                  " CASE typeof(seed) WHEN 'text' THEN length(seed) ELSE 0 END,"
                                  " seed",
                                  -1, &statement, NULL);
    int status = SWEEP_OK;
    while (code == SQLITE_OK && status == SWEEP_OK &&
           (code = sqlite3_step(statement)) == SQLITE_ROW) {
        code = SQLITE_OK;
        if (!push(ids, sqlite3_column_int64(statement, 0))) {
            status = sweep_db_say(db, SWEEP_ERR_NOMEM, note_out, "out of memory");
        }
    }
    if (code != SQLITE_OK && code != SQLITE_DONE) {
        status = sweep_db_explain(db, SWEEP_ERR_READ, note_out);
    }
    sqlite3_finalize(statement);
    return status;
}

static const char *column_text(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text != NULL ? text : "";
}

/* The run of the row that `row` stands on; result and extra are the caller's. */
static bool load_run(sqlite3_stmt *row, struct sweep_run *run_out)
{
    *run_out = (struct sweep_run){.path = column_text(row, 0),
                                  .scenario = column_text(row, 1),
                                  .seed = sweep_db_seed(row, 2),
                                  .wall_s = sqlite3_column_double(row, 4),
                                  .line = column_text(row, 5)};
    json_t *result = sweep_run_parse(run_out->line, (size_t)sqlite3_column_bytes(row, 5));
    run_out->result = result;
    if (sqlite3_column_type(row, 6) != SQLITE_NULL) {
        run_out->extra = json_loads(column_text(row, 6), 0, NULL);
    }
    return json_is_object(result) && sweep_end_parse(column_text(row, 3), &run_out->end);
}

static void drop_run(struct sweep_run *run)
{
    json_decref((json_t *)(uintptr_t)run->result);
    json_decref((json_t *)(uintptr_t)run->extra);
}

static int each_run(struct sweep_db *db, const struct ids *ids,
                    bool (*each)(void *context, const struct sweep_run *run), void *context,
                    char note_out[SWEEP_NOTE_BYTES])
{
    sqlite3_stmt *row = NULL;
    int status = SWEEP_OK;
    if (sqlite3_prepare_v2(db->handle,
                           "SELECT path, scenario, seed, end, wall_seconds, result, extra"
                           " FROM run JOIN document ON document.run = run.id WHERE run.id = ?",
                           -1, &row, NULL) != SQLITE_OK) {
        return sweep_db_explain(db, SWEEP_ERR_READ, note_out);
    }
    bool is_wanted = true;
    for (size_t i = 0; i < ids->count && is_wanted && status == SWEEP_OK; i++) {
        struct sweep_run run;
        sqlite3_bind_int64(row, 1, ids->list[i]);
        int code = sqlite3_step(row);
        if (code != SQLITE_ROW && code != SQLITE_DONE) {
            status = sweep_db_explain(db, SWEEP_ERR_READ, note_out);
        } else if (code == SQLITE_DONE || !load_run(row, &run)) {
            status = sweep_db_say(db, SWEEP_ERR_READ, note_out,
                                  "is damaged: run %lld has no readable result",
                                  (long long)ids->list[i]);
        } else {
            is_wanted = each(context, &run);
        }
        if (code == SQLITE_ROW) {
            drop_run(&run);
        }
        sqlite3_reset(row);
    }
    sqlite3_finalize(row);
    return status;
}

int sweep_db_each(struct sweep_db *db, bool (*each)(void *context, const struct sweep_run *run),
                  void *context, char note_out[SWEEP_NOTE_BYTES])
{
    struct ids ids = {0};
    note_out[0] = '\0';
    bool is_held = sqlite3_exec(db->handle, "BEGIN", NULL, NULL, NULL) == SQLITE_OK;
    int status = list_runs(db, &ids, note_out);
    status = status == SWEEP_OK ? each_run(db, &ids, each, context, note_out) : status;
    if (is_held) {
        (void)sqlite3_exec(db->handle, "COMMIT", NULL, NULL, NULL);
    }
    free(ids.list);
    return status;
}
