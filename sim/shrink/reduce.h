/* Finds a small part of a list that still does what the whole does (delta debugging). Pure: what a part
 * does is asked of the caller, several parts at a time, so that they can be tried side by side. */
#ifndef REPLISIM_SHRINK_REDUCE_H
#define REPLISIM_SHRINK_REDUCE_H

#include <stdbool.h>
#include <stddef.h>

struct shrink_question {
    void *context;
    /* `parts` holds `part_count` masks of `count` flags one after another: which elements are kept.
     * The number of the first part that still does it; `part_count`: none does. Parts behind the
     * first need no answer. */
    size_t (*first)(void *context, const bool *parts, size_t part_count, size_t count);
    /* True: give up here, what was found so far stands. May be NULL. */
    bool (*is_over)(void *context);
};

/* `kept` holds `count` flags: the elements to begin with, all of which together do it, and in the end
 * a part that does, from which no single element, nor (of at most 12 left) pair of them, can be taken,
 * unless it was cut short. Equal answers give equal parts. False: out of memory. */
bool shrink_reduce(const struct shrink_question *question, bool *kept, size_t count);

#endif
