/* A growing text. Out of memory ends the process: nothing of a search is worth keeping half. */
#ifndef REPLISIM_SHRINK_TEXT_H
#define REPLISIM_SHRINK_TEXT_H

#include <stddef.h>

struct shrink_text {
    char *bytes; /* owned; ends with a zero byte, or NULL: empty */
    size_t length, max;
};

void *shrink_grow(void *block, size_t bytes); /* realloc that does not fail */
void shrink_put(struct shrink_text *text, const char *bytes, size_t length);
void shrink_say(struct shrink_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The text is the caller's, never NULL; the builder is empty. */
char *shrink_take(struct shrink_text *text);
char *shrink_copy(const char *bytes, size_t length);
/* The text with [begin, end) replaced. */
char *shrink_splice(const char *text, size_t begin, size_t end, const char *replacement);
/* Seconds without needless digits: "12.5". */
void shrink_put_seconds(struct shrink_text *text, unsigned long long time_ns);
/* "1500ms", with quotes. */
void shrink_put_duration(struct shrink_text *text, unsigned long long duration_ns);

#endif
