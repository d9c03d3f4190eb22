/* The file's own text as a scenario that needs no other file and no parameter: what it requires stands
 * in it, its parameters are set, and random trouble is what it decided. For failures that only the
 * script's own judgement sees. */
#ifndef REPLISIM_SHRINK_SOURCE_H
#define REPLISIM_SHRINK_SOURCE_H

#include "sim/shrink/story.h"

/* NULL: a file cannot be read, or is no Lua. `is_decided`: with the decisions in place of c:nemesis.
 * Owned by the caller. */
char *shrink_source_tell(const struct shrink_story *story, const char *path, bool is_decided);

#endif
