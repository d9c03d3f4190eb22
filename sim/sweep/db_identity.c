/* Which sweep a database belongs to, and whether this one may go on with it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sweep/db_internal.h"

struct stored {
    sqlite3_stmt *statement; /* owned; on the row */
    const char *program, *scenarios, *params;
    uint64_t seed_first, seed_last;
    uint32_t shard, shards;
};

static const char *column_text(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return text != NULL ? text : "";
}

/* The latest sweep of the file. SQLITE_DONE: there is none. */
static int load(struct sweep_db *db, struct stored *stored_out)
{
    memset(stored_out, 0, sizeof *stored_out);
    int code = sqlite3_prepare_v2(db->handle,
                                  "SELECT id, program, scenarios, params, seed_first, seed_last,"
                                  " shard, shards FROM sweep ORDER BY id DESC LIMIT 1",
                                  -1, &stored_out->statement, NULL);
    code = code == SQLITE_OK ? sqlite3_step(stored_out->statement) : code;
    if (code == SQLITE_ROW) {
        sqlite3_stmt *row = stored_out->statement;
        db->sweep = sqlite3_column_int64(row, 0);
        stored_out->program = column_text(row, 1);
        stored_out->scenarios = column_text(row, 2);
        stored_out->params = column_text(row, 3);
        stored_out->seed_first = sweep_db_seed(row, 4);
        stored_out->seed_last = sweep_db_seed(row, 5);
        stored_out->shard = (uint32_t)sqlite3_column_int64(row, 6);
        stored_out->shards = (uint32_t)sqlite3_column_int64(row, 7);
    }
    return code;
}

/* ---- Which part differs ------------------------------------------------------------------------ */

static const char *member(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text != NULL ? text : "";
}

static const json_t *find_scenario(const json_t *list, const char *path)
{
    size_t index;
    const json_t *row;
    json_array_foreach(list, index, row)
    {
        if (strcmp(member(row, "path"), path) == 0) {
            return row;
        }
    }
    return NULL;
}

char *sweep_db_changed_scenario(const char *left_json, const char *right_json)
{
    json_t *left = json_loads(left_json, 0, NULL), *right = json_loads(right_json, 0, NULL);
    char *changed = NULL;
    size_t index;
    json_t *row;
    json_array_foreach(left, index, row)
    {
        const json_t *other = find_scenario(right, member(row, "path"));
        if (other != NULL && strcmp(member(row, "digest"), member(other, "digest")) != 0) {
            changed = strdup(member(row, "path"));
            break;
        }
    }
    json_decref(left);
    json_decref(right);
    return changed;
}

/* The first path of `left` that `right` lacks, or NULL. */
static char *missing_scenario(const char *left_json, const char *right_json)
{
    json_t *left = json_loads(left_json, 0, NULL), *right = json_loads(right_json, 0, NULL);
    char *missing = NULL;
    size_t index;
    json_t *row;
    json_array_foreach(left, index, row)
    {
        if (find_scenario(right, member(row, "path")) == NULL) {
            missing = strdup(member(row, "path"));
            break;
        }
    }
    json_decref(left);
    json_decref(right);
    return missing;
}

static void tell_scenarios(const char *was, const char *is, char text_out[256])
{
    char *changed = sweep_db_changed_scenario(was, is);
    char *gone = missing_scenario(was, is), *added = missing_scenario(is, was);
    if (changed != NULL) {
        snprintf(text_out, 256, "%.160s has changed", changed);
    } else if (gone != NULL) {
        snprintf(text_out, 256, "%.160s was swept then, and is not now", gone);
    } else if (added != NULL) {
        snprintf(text_out, 256, "%.160s was not swept then", added);
    } else {
        snprintf(text_out, 256, "other scenarios");
    }
    free(changed);
    free(gone);
    free(added);
}

/* False: all parts are the same. */
static bool tell_difference(const struct stored *was, const struct sweep_identity *is,
                            char text_out[256])
{
    if (strcmp(was->program, is->program) != 0) {
        snprintf(text_out, 256, "another program: %.90s then, %.90s now", was->program,
                 is->program);
    } else if (strcmp(was->scenarios, is->scenarios_json) != 0) {
        tell_scenarios(was->scenarios, is->scenarios_json, text_out);
    } else if (was->seed_first != is->seed_first || was->seed_last != is->seed_last) {
        snprintf(text_out, 256, "other seeds: %" PRIu64 "..%" PRIu64 " then", was->seed_first,
                 was->seed_last);
    } else if (strcmp(was->params, is->params_json) != 0) {
        snprintf(text_out, 256, "other parameters: %.180s then", was->params);
    } else if (was->shard != is->shard_index || was->shards != is->shard_count) {
        snprintf(text_out, 256, "another shard: %" PRIu32 "/%" PRIu32 " then", was->shard,
                 was->shards);
    } else {
        return false;
    }
    return true;
}

/* ---- Whether it may go on ---------------------------------------------------------------------- */

static int insert(struct sweep_db *db, const struct sweep_identity *identity,
                  char note_out[SWEEP_NOTE_BYTES])
{
    sqlite3_stmt *row = NULL;
    int code = sqlite3_prepare_v2(db->handle,
                                  "INSERT INTO sweep (program, scenarios, params, seed_first,"
                                  " seed_last, shard, shards) VALUES (?, ?, ?, ?, ?, ?, ?)",
                                  -1, &row, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_text(row, 1, identity->program, -1, SQLITE_STATIC);
        sqlite3_bind_text(row, 2, identity->scenarios_json, -1, SQLITE_STATIC);
        sqlite3_bind_text(row, 3, identity->params_json, -1, SQLITE_STATIC);
        sweep_db_bind_seed(row, 4, identity->seed_first);
        sweep_db_bind_seed(row, 5, identity->seed_last);
        sqlite3_bind_int64(row, 6, identity->shard_index);
        sqlite3_bind_int64(row, 7, identity->shard_count);
        code = sqlite3_step(row);
    }
    int status = code == SQLITE_DONE ? SWEEP_OK : sweep_db_explain(db, SWEEP_ERR_WRITE, note_out);
    sqlite3_finalize(row);
    db->sweep = sqlite3_last_insert_rowid(db->handle);
    return status;
}

static int count_runs(struct sweep_db *db, sqlite3_int64 *count_out)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db->handle, "SELECT count(*) FROM run", -1, &statement, NULL);
    code = code == SQLITE_OK ? sqlite3_step(statement) : code;
    *count_out = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    return code;
}

int sweep_db_identify(struct sweep_db *db, const struct sweep_identity *identity,
                      enum sweep_db_mode mode, char note_out[SWEEP_NOTE_BYTES])
{
    sqlite3_int64 run_count = 0;
    struct stored stored;
    char difference[256] = "";
    if (count_runs(db, &run_count) != SQLITE_ROW) {
        return sweep_db_explain(db, SWEEP_ERR_READ, note_out);
    }
    if (mode == SWEEP_DB_NEW && run_count > 0) {
        return sweep_db_say(db, SWEEP_ERR_OTHER, note_out,
                            "holds %lld runs; --resume goes on with them, or name another file",
                            (long long)run_count);
    }
    int code = load(db, &stored);
    bool is_other = code == SQLITE_ROW && tell_difference(&stored, identity, difference);
    sqlite3_finalize(stored.statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        return sweep_db_explain(db, SWEEP_ERR_READ, note_out);
    }
    if (is_other && mode == SWEEP_DB_RESUME && run_count > 0) {
        return sweep_db_say(db, SWEEP_ERR_OTHER, note_out,
                            "belongs to another sweep: %s; --force goes on with it all the same, "
                            "or name another file",
                            difference);
    }
    return code == SQLITE_DONE || is_other ? insert(db, identity, note_out) : SWEEP_OK;
}
