#include "sim/shrink/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *shrink_grow(void *block, size_t bytes)
{
    void *grown = realloc(block, bytes);
    if (grown == NULL) {
        (void)fputs("replisim: out of memory\n", stderr);
        exit(3);
    }
    return grown;
}

void shrink_put(struct shrink_text *text, const char *bytes, size_t length)
{
    if (text->length + length + 1 > text->max) {
        text->max = (text->max + length) * 2 + 64;
        text->bytes = shrink_grow(text->bytes, text->max);
    }
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

void shrink_say(struct shrink_text *text, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length > 0) {
        char *line = shrink_grow(NULL, (size_t)length + 1);
        (void)vsnprintf(line, (size_t)length + 1, format, again);
        shrink_put(text, line, (size_t)length);
        free(line);
    }
    va_end(again);
}

char *shrink_take(struct shrink_text *text)
{
    char *taken = text->bytes != NULL ? text->bytes : shrink_copy("", 0);
    memset(text, 0, sizeof *text);
    return taken;
}

char *shrink_copy(const char *bytes, size_t length)
{
    char *copy = shrink_grow(NULL, length + 1);
    memcpy(copy, bytes, length);
    copy[length] = '\0';
    return copy;
}

char *shrink_splice(const char *text, size_t begin, size_t end, const char *replacement)
{
    struct shrink_text spliced = {.bytes = NULL};
    shrink_put(&spliced, text, begin);
    shrink_put(&spliced, replacement, strlen(replacement));
    shrink_put(&spliced, text + end, strlen(text + end));
    return shrink_take(&spliced);
}

void shrink_put_seconds(struct shrink_text *text, unsigned long long time_ns)
{
    char digits[16];
    size_t length = 9;
    shrink_say(text, "%llu", time_ns / 1000000000);
    (void)snprintf(digits, sizeof digits, "%09llu", time_ns % 1000000000);
    while (length > 0 && digits[length - 1] == '0') {
        length -= 1;
    }
    if (length > 0) {
        shrink_say(text, ".%.*s", (int)length, digits);
    }
}

void shrink_put_duration(struct shrink_text *text, unsigned long long duration_ns)
{
    static const struct {
        unsigned long long ns;
        const char *name;
    } units[] = {{1000000000, "s"}, {1000000, "ms"}, {1000, "us"}, {1, "ns"}};
    size_t unit = 0;
    while (duration_ns % units[unit].ns != 0) {
        unit += 1;
    }
    if (unit == 0 && duration_ns >= 600000000000 && duration_ns % 60000000000 == 0) {
        shrink_say(text, "\"%llum\"", duration_ns / 60000000000);
    } else {
        shrink_say(text, "\"%llu%s\"", duration_ns / units[unit].ns, units[unit].name);
    }
}
