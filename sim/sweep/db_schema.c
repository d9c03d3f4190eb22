#include <string.h>

#include "sim/sweep/db_internal.h"

/* docs/results.md, "The database", is written for users from this; keep both alike. Views read the JSON of
 * `document`, so that what few queries want is not stored twice. */
static const char tables[] =
    "CREATE TABLE sweep ("
    " id INTEGER PRIMARY KEY, program TEXT NOT NULL, scenarios TEXT NOT NULL,"
    " params TEXT NOT NULL, seed_first NOT NULL, seed_last NOT NULL,"
    " shard INTEGER NOT NULL, shards INTEGER NOT NULL,"
    " wall_seconds REAL NOT NULL DEFAULT 0, runs_per_second REAL NOT NULL DEFAULT 0,"
    " complete INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE run ("
    " id INTEGER PRIMARY KEY, sweep INTEGER NOT NULL REFERENCES sweep(id),"
    " path TEXT NOT NULL, scenario TEXT NOT NULL, seed NOT NULL, end TEXT NOT NULL,"
    " verdict TEXT, error TEXT, error_kind TEXT, fingerprint TEXT,"
    " wall_seconds REAL NOT NULL, virtual_seconds REAL, events INTEGER, nodes INTEGER,"
    " files INTEGER, bytes_replicated INTEGER, bytes_hashed INTEGER, vacuous INTEGER,"
    " lag_count INTEGER, lag_unbounded INTEGER, lag_p50 REAL, lag_p90 REAL, lag_p99 REAL,"
    " lag_max REAL, repeat TEXT, UNIQUE (path, seed));"
    "CREATE INDEX run_not_passed ON run(end, error_kind) WHERE end <> 'pass';"
    "CREATE TABLE violation ("
    " run INTEGER NOT NULL REFERENCES run(id), number INTEGER NOT NULL,"
    " property TEXT NOT NULL, place TEXT NOT NULL, node TEXT NOT NULL, time_seconds REAL,"
    " detail TEXT NOT NULL, tolerated INTEGER NOT NULL,"
    " PRIMARY KEY (run, number)) WITHOUT ROWID;"
    "CREATE INDEX violation_cause ON violation(property, place);"
    "CREATE TABLE lag ("
    " run INTEGER NOT NULL REFERENCES run(id), node TEXT NOT NULL, count INTEGER,"
    " unbounded INTEGER, p50 REAL, p90 REAL, p99 REAL, max REAL,"
    " PRIMARY KEY (run, node)) WITHOUT ROWID;"
    "CREATE TABLE counter ("
    " run INTEGER NOT NULL REFERENCES run(id), node TEXT NOT NULL, name TEXT NOT NULL,"
    " value INTEGER NOT NULL, PRIMARY KEY (run, node, name)) WITHOUT ROWID;"
    "CREATE TABLE metric ("
    " run INTEGER NOT NULL REFERENCES run(id), name TEXT NOT NULL, count INTEGER, last REAL,"
    " max REAL, PRIMARY KEY (run, name)) WITHOUT ROWID;"
    "CREATE TABLE document ("
    " run INTEGER PRIMARY KEY REFERENCES run(id), result TEXT NOT NULL, extra TEXT);";

static const char views[] =
    "CREATE VIEW reach AS SELECT document.run AS run, kind.key AS kind, item.key AS name,"
    " item.value AS count FROM document, json_each(document.result, '$.reach') AS kind,"
    " json_each(kind.value) AS item;"
    "CREATE VIEW reached AS SELECT document.run AS run, item.value AS name"
    " FROM document, json_each(document.result, '$.reached') AS item;"
    "CREATE VIEW param AS SELECT document.run AS run, item.key AS name, item.value AS value"
    " FROM document, json_each(document.result, '$.params') AS item;"
    "CREATE VIEW decision AS SELECT document.run AS run, item.key AS number,"
    " json_extract(item.value, '$.kind') AS kind, json_extract(item.value, '$.variant') AS variant,"
    " json_extract(item.value, '$.at_ns') / 1e9 AS time_seconds,"
    " json_extract(item.value, '$.applied') AS applied, json_extract(item.value, '$.lua') AS lua"
    " FROM document, json_each(document.result, '$.decisions') AS item;"
    "CREATE VIEW lag_bucket AS SELECT document.run AS run,"
    " json_extract(row.value, '$.node') AS node,"
    " json_extract(bucket.value, '$[0]') AS upper_seconds,"
    " json_extract(bucket.value, '$[1]') AS count"
    " FROM document, json_each(document.extra, '$.lag') AS row,"
    " json_each(row.value, '$.buckets') AS bucket;"
    "CREATE VIEW novelty AS SELECT document.run AS run,"
    " json_array_length(document.extra, '$.states') AS new_states FROM document;"
    "CREATE VIEW cell AS SELECT document.run AS run, json_extract(item.value, '$[0]') AS fault,"
    " json_extract(item.value, '$[1]') AS state, json_extract(item.value, '$[2]') AS count"
    " FROM document, json_each(document.extra, '$.cells') AS item;"
    "CREATE VIEW lag_by_node AS SELECT run.scenario AS scenario, lag.node AS node,"
    " count(*) AS runs, sum(lag.count) AS count, sum(lag.unbounded) AS unbounded,"
    " max(lag.p50) AS worst_p50, max(lag.p99) AS worst_p99, max(lag.max) AS max"
    " FROM lag JOIN run ON run.id = lag.run GROUP BY run.scenario, lag.node;"
    "CREATE VIEW failure AS"
    " SELECT run.id AS run, violation.property AS property, violation.place AS place,"
    " violation.node AS node, violation.detail AS detail"
    " FROM violation JOIN run ON run.id = violation.run"
    " WHERE violation.tolerated = 0 AND run.end = 'fail'"
    " UNION ALL SELECT run.id, run.end, coalesce(run.error_kind, ''), '', run.error FROM run"
    " WHERE run.end NOT IN ('pass', 'fail');"
    /* With one min() the other columns come from its row: SQLite's word, not SQL's. */
    "CREATE VIEW failure_group AS SELECT failure.property AS property, failure.place AS place,"
    " count(DISTINCT run.id) AS runs, count(DISTINCT run.path) AS scenarios,"
    " min(coalesce(run.events, 9223372036854775807)) AS events, run.scenario AS scenario,"
    " run.seed AS seed, run.repeat AS repeat, failure.detail AS detail"
    " FROM failure JOIN run ON run.id = failure.run GROUP BY failure.property, failure.place;";

int sweep_db_make_tables(sqlite3 *handle)
{
    char marks[128];
    sqlite3_snprintf((int)sizeof marks, marks,
                     "PRAGMA application_id = %d; PRAGMA user_version = %d;", SWEEP_DB_APPLICATION,
                     SWEEP_DB_VERSION);
    int code = sqlite3_exec(handle, tables, NULL, NULL, NULL);
    code = code == SQLITE_OK ? sqlite3_exec(handle, views, NULL, NULL, NULL) : code;
    return code == SQLITE_OK ? sqlite3_exec(handle, marks, NULL, NULL, NULL) : code;
}

/* The one number that `sql`, with the schema for its %s, gives. */
static int ask(struct sweep_db *db, const char *sql, const char *schema, sqlite3_int64 *number_out)
{
    char text[256];
    sqlite3_stmt *statement = NULL;
    sqlite3_snprintf((int)sizeof text, text, sql, schema);
    int code = sqlite3_prepare_v2(db->handle, text, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
        *number_out = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    }
    int last = sqlite3_finalize(statement);
    return last != SQLITE_OK ? last : code == SQLITE_ROW ? SQLITE_OK : code;
}

/* Finds what bit rot and cut-off copies leave behind, in every page but not in every text. */
static int check_pages(struct sweep_db *db, const char *schema, char note_out[SWEEP_NOTE_BYTES])
{
    char text[64];
    sqlite3_stmt *statement = NULL;
    int status = SWEEP_OK;
    sqlite3_snprintf((int)sizeof text, text, "PRAGMA %s.quick_check(1)", schema);
    if (sqlite3_prepare_v2(db->handle, text, -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW) {
        status = sweep_db_explain(db, SWEEP_ERR_READ, note_out);
    } else {
        const char *word = (const char *)sqlite3_column_text(statement, 0);
        if (word == NULL || strcmp(word, "ok") != 0) {
            status = sweep_db_say(db, SWEEP_ERR_READ, note_out,
                                  "is damaged; take a copy of it, or begin a new file");
        }
    }
    sqlite3_finalize(statement);
    return status;
}

int sweep_db_check(struct sweep_db *db, const char *schema, bool *is_empty_out,
                   char note_out[SWEEP_NOTE_BYTES])
{
    sqlite3_int64 objects = 0, application = 0, version = 0, ours = 0;
    if (ask(db, "SELECT count(*) FROM %s.sqlite_master", schema, &objects) != SQLITE_OK ||
        ask(db, "PRAGMA %s.application_id", schema, &application) != SQLITE_OK ||
        ask(db, "PRAGMA %s.user_version", schema, &version) != SQLITE_OK) {
        return sweep_db_explain(db, SWEEP_ERR_READ, note_out);
    }
    *is_empty_out = objects == 0 && application == 0 && version == 0;
    if (*is_empty_out) {
        return SWEEP_OK;
    }
    if (application != SWEEP_DB_APPLICATION) {
        return sweep_db_say(db, SWEEP_ERR_READ, note_out,
                            "is another program's database; name another file");
    }
    if (version != SWEEP_DB_VERSION) {
        return sweep_db_say(db, SWEEP_ERR_READ, note_out,
                            "has tables of version %lld, this program knows %d; use the replisim "
                            "that wrote it",
                            (long long)version, SWEEP_DB_VERSION);
    }
    int status = check_pages(db, schema, note_out);
    if (status != SWEEP_OK) {
        return status;
    }
    if (ask(db,
            "SELECT count(*) FROM %s.sqlite_master WHERE type = 'table' AND name IN ('sweep',"
            " 'run', 'violation', 'lag', 'counter', 'metric', 'document')",
            schema, &ours) != SQLITE_OK) {
        return sweep_db_explain(db, SWEEP_ERR_READ, note_out);
    }
    return ours == 7 ? SWEEP_OK
                     : sweep_db_say(db, SWEEP_ERR_READ, note_out,
                                    "lacks tables; take a copy of it, or begin a new file");
}
