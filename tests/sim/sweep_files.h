/* Databases for the tests of sweeps: in a folder of their own, filled, damaged, or none at all. */
#ifndef REPLISIM_TESTS_SIM_SWEEP_FILES_H
#define REPLISIM_TESTS_SIM_SWEEP_FILES_H

#include <sys/resource.h>

#include "sim/sweep/db.h"
#include "tests/sim/sweep_runs.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))

extern char note[SWEEP_NOTE_BYTES]; /* of the last call */

/* A folder for each test, and back. */
void setup(void);
void teardown(void);

/* ---- Ours ---- */

extern const struct sweep_identity identity;
struct sweep_db *open_db(const char *path, enum sweep_db_mode mode);
void close_db(struct sweep_db *db);
void add(struct sweep_db *db, const char *name, uint64_t seed, enum sweep_end end);
/* Runs of scenarios/fill.lua, each fifth of which fails. */
void fill(const char *path, uint64_t first, uint64_t last);
size_t count_runs(struct sweep_db *db);
size_t count_in(const char *path);
/* What the shell's user would do. */
void query(const char *path, const char *sql, char answer_out[200]);

/* ---- Another sweep's: one part of the identity differs ---- */

#define OTHERS 7
struct other_sweep {
    const char *name;
    struct sweep_identity identity;
    const char *word; /* in the message */
};
extern const struct other_sweep others[OTHERS];
struct sweep_identity other_identity(int row);

/* ---- None of ours ---- */

#define WRONG_FILES 14
struct wrong_file {
    const char *name;
    void (*make)(void); /* x.db */
    const char *path, *word;
    int error; /* of a writer */
};
extern const struct wrong_file wrong_files[WRONG_FILES];

/* ---- Bytes ---- */

/* All bytes of a file; the caller frees them. */
char *slurp(const char *path, size_t *size_out);
void spill(const char *path, const char *bytes, size_t size_bytes);
void limit_file_size(rlim_t bytes);
uint32_t draw(uint32_t *state);

#endif
