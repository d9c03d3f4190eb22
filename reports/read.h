/* Reading of result files (docs/results.md). A file may come from anywhere: whatever is in it, the
 * answer is a result or an error with the place. */
#ifndef REPLISIM_REPORTS_READ_H
#define REPLISIM_REPORTS_READ_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reports/report.h"

/* Larger files are refused. */
#define REPORT_FILE_BYTES_MAX (UINT64_C(1) << 30)
/* The version of result.json that is understood; newer ones only add keys. */
#define REPORT_RESULT_VERSION 1

/* One file on one node that did not make it. */
struct report_sample {
    const char *node, *path; /* borrowed from the run */
    double committed_s;
    double lag_s; /* < 0: never held by the end */
};

struct report_run {
    json_t *root;                  /* owned; an object */
    char *text;                    /* owned; what the samples point into */
    struct report_sample *samples; /* owned; in the order of the file */
    size_t sample_count, unbounded_count;
    char seed[24]; /* decimal; a seed may exceed what the JSON reader holds */
};

/* Errors: REPORT_ERR_NOMEM, REPORT_ERR_READ. The run is the caller's to clear in any case. */
__attribute__((warn_unused_result)) int report_read(const char *folder, struct report_run *run_out,
                                                    char note_out[REPORT_NOTE_BYTES]);
void report_read_clear(struct report_run *run);

/* All bytes of a file and a NUL after them; owned by the caller, NULL on failure (with a note). */
char *report_read_text(const char *path, size_t *length_out, char note_out[REPORT_NOTE_BYTES]);

/* A member of an object, or a substitute when it is absent or of another kind. */
const char *report_text(const json_t *object, const char *key, const char *otherwise);
double report_number(const json_t *object, const char *key);

#endif
