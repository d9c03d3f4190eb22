/* Name and explanation of every fault that a scenario can bring about: `list faults`, `describe`. */
#ifndef REPLISIM_FAULT_CATALOG_H
#define REPLISIM_FAULT_CATALOG_H

#include <stddef.h>

struct fault_kind {
    const char *name;
    const char *about;       /* one line */
    const char *explanation; /* what a node sees of it */
    const char *example;     /* as a scenario writes it */
};

size_t fault_catalog_count(void);
const struct fault_kind *fault_catalog_at(size_t index);

#endif
