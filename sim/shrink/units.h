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

/* Is it part of how the story judges itself? That stays as it is, or anything would fail. */
bool shrink_is_frozen(const char *text, const struct shrink_tree *tree, size_t index);
/* May that literal become weaker? In a text that judges itself only amounts of calls that act, of loops
 * and of what is declared. */
bool shrink_is_amount(const char *text, const struct shrink_tree *tree, size_t index);

/* Places in order, none inside another. Owned by the caller. `depth` counts the statements, or
 * tables, around. */
struct shrink_span *shrink_units(const char *text, enum shrink_unit unit, size_t depth,
                                 size_t *count_out);

#endif
