/* Files of scenarios: read once, for every run of a sweep, and known by their content.
 *
 * The digest covers the file and what it requires, found by reading it: `require` with a name in quotes, in those
 * files too. A name that is computed at run time is not seen. So are the states worth reaching: calls of
 * `c:sometimes` with a name in quotes. */
#ifndef REPLISIM_SWEEP_SOURCE_H
#define REPLISIM_SWEEP_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/sweep/sweep.h"

struct sweep_source {
    char *path;      /* owned */
    char *text;      /* owned; NULL: cannot be read as a text */
    char digest[33]; /* hexadecimal */
    char **names;    /* owned; of c:sometimes, sorted, each once */
    size_t name_count;
};

/* A file that cannot be read has no text and a digest of its path. Errors: NOMEM. */
SWEEP_MUST_USE int sweep_source_read(const char *path, struct sweep_source *source_out);
void sweep_source_clear(struct sweep_source *source);

#endif
