/* Weaker numbers: shorter, fewer, smaller, rounder, earlier. */
#ifndef REPLISIM_SHRINK_WEAKEN_H
#define REPLISIM_SHRINK_WEAKEN_H

#include <stdbool.h>
#include <stddef.h>

/* Texts to be tried in this order, the boldest first; each differs from `text` in its `literal`-th
 * literal. Owned by the caller, as is the list; none: that one has no weaker value, `is_last_out` says
 * whether there are more literals. */
char **shrink_weaker(const char *text, size_t literal, size_t *count_out, bool *is_last_out);
/* The same of the time before the `gap`-th of the calls of c:at, in the order of their times: all that
 * come after it come so much earlier. */
char **shrink_earlier(const char *text, size_t gap, size_t *count_out, bool *is_last_out);
/* The same of the `number`-th pcall(function() ... end): without it. */
char **shrink_plainer(const char *text, size_t number, size_t *count_out, bool *is_last_out);
/* The text without what removals leave behind: commas before a bracket, empty tables, blank lines. Owned
 * by the caller. */
char *shrink_tidy(const char *text);
void shrink_texts_free(char **texts, size_t count);

#endif
