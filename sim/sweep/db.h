/* The database of results: SQLite, one file, plain tables (docs/results.md, "The database").
 *
 * A run is written in one transaction, and what was written when sweep_db_add returned survives a kill of
 * any process at any moment. One writer at a time: a second one is refused, not blocked. A file that
 * is no database of ours is never written to. */
#ifndef REPLISIM_SWEEP_DB_H
#define REPLISIM_SWEEP_DB_H

#include "sim/sweep/run.h"

struct sweep_db;

/* What a sweep is, for the check of --resume: the same program, scenarios, seeds, parameters. Texts
 * are copied. */
struct sweep_identity {
    const char *program; /* version and revision */
    const char
        *scenarios_json; /* [{"path", "name", "digest" of the file and what it requires}, ...] */
    const char *
        params_json; /* ["key=value", ...] as after --set, and other options that change verdicts */
    uint64_t seed_first, seed_last;
    uint32_t shard_index, shard_count; /* from 0; 0 of 1: no shards */
};

enum sweep_db_mode {
    SWEEP_DB_NEW,    /* refused when the file exists and holds runs */
    SWEEP_DB_RESUME, /* the identity must be the same; a file that is not there is begun */
    SWEEP_DB_FORCE   /* resume whatever the identity; it is replaced */
};

/* Errors: NOMEM, READ (no database, another version, corrupt), WRITE (also a full disk), LOCKED, OTHER
 * (which part differs is in the note). `note_out` names the file, what is wrong and what to do.
 * `path` NULL: a temporary database, with mode NEW, which goes with sweep_db_close. */
SWEEP_MUST_USE int sweep_db_open(const char *path, const struct sweep_identity *identity,
                                 enum sweep_db_mode mode, struct sweep_db **db_out,
                                 char note_out[SWEEP_NOTE_BYTES]);
/* For reading only: report, query, merge's sources. Writes nothing, not even beside the file, unless a
 * killed sweep left work to recover. Errors: NOMEM, READ. */
SWEEP_MUST_USE int sweep_db_read(const char *path, struct sweep_db **db_out,
                                 char note_out[SWEEP_NOTE_BYTES]);
/* Errors: WRITE. The database is sound, and open, whatever happened. NULL is fine. */
int sweep_db_close(struct sweep_db *db, char note_out[SWEEP_NOTE_BYTES]);

/* The handle belongs to the process that opened it: a forked worker leaves it alone, and ends by
 * _exit. SIGXFSZ should be ignored, so that a limit on file sizes is an error like a full disk. */

/* Writes one run, in less than a millisecond where write-ahead logs work. One that is there already (path, seed) is left as it is. Errors: NOMEM, WRITE, LOCKED (another
 * program's transaction did not end in time): then nothing of the run is in the file. */
SWEEP_MUST_USE int sweep_db_add(struct sweep_db *db, const struct sweep_run *run,
                                char note_out[SWEEP_NOTE_BYTES]);
/* Is that run there? */
bool sweep_db_has(struct sweep_db *db, const char *path, uint64_t seed);

/* What the summary says is told from here, so that a resumed and an undisturbed sweep say the same.
 * Calls `each` in the order of (path, seed) with every run; `result`, `line` and `extra` as they came
 * in. False from `each` ends it. Errors: NOMEM, READ. */
SWEEP_MUST_USE int sweep_db_each(struct sweep_db *db,
                                 bool (*each)(void *context, const struct sweep_run *run),
                                 void *context, char note_out[SWEEP_NOTE_BYTES]);

/* Of this sitting, for the table `sweep`: real seconds at work, which are added up over all sittings, and
 * runs a second. Errors: WRITE. */
SWEEP_MUST_USE int sweep_db_finish(struct sweep_db *db, double wall_s, double runs_per_s,
                                   bool is_complete, char note_out[SWEEP_NOTE_BYTES]);

/* `replisim merge`: joins shards into a new file, which appears whole or not at all; one that exists is
 * refused (OTHER). A run that two sources hold must be the same in both (end, fingerprint), and the
 * sources of one program, with the same parameters and scenarios: else OTHER. `is_forced` lets
 * other programs and parameters pass, never two results of one run. Errors: NOMEM, READ, WRITE,
 * OTHER. */
struct sweep_merge_counts {
    uint64_t runs, duplicates;
};
SWEEP_MUST_USE int sweep_db_merge(const char *target, const char *const *sources,
                                  size_t source_count, bool is_forced,
                                  struct sweep_merge_counts *counts_out,
                                  char note_out[SWEEP_NOTE_BYTES]);

#endif
