/* What can be taken out of a text, and the text without it. */
#ifndef REPLISIM_SHRINK_UNITS_H
#define REPLISIM_SHRINK_UNITS_H

#include "sim/shrink/shrink.h"
#include "sim/shrink/tree.h"

enum shrink_unit {
    SHRINK_UNIT_FAULTS,     /* statements that are trouble and nothing else */
    SHRINK_UNIT_STATEMENTS, /* at a depth */
    SHRINK_UNIT_FIELDS      /* at a depth */
};

/* Places in order, none inside another. Owned by the caller. `depth` counts the statements, or
 * tables, around. */
struct shrink_span *shrink_units(const char *text, enum shrink_unit unit, size_t depth,
                                 size_t *count_out);

#endif
