#include "sim/sweep/run.h"

#include <stdlib.h>
#include <string.h>

struct end_row {
    const char *name;
    int code;
};

#define END_ROW(name, text, code) {text, code},
static const struct end_row ends[SWEEP_END_COUNT] = {SWEEP_END_TABLE(END_ROW)};
#undef END_ROW

const char *sweep_end_name(enum sweep_end end)
{
    return ends[end].name;
}

bool sweep_end_parse(const char *name, enum sweep_end *end_out)
{
    for (int end = 0; end < SWEEP_END_COUNT; end++) {
        if (strcmp(ends[end].name, name) == 0) {
            *end_out = (enum sweep_end)end;
            return true;
        }
    }
    return false;
}

int sweep_end_code(enum sweep_end end)
{
    return ends[end].code;
}

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text != NULL ? text : "";
}

bool sweep_run_violation(const struct sweep_run *run, size_t *at, struct sweep_violation *out)
{
    const json_t *list = json_object_get(run->result, "violations");
    while (*at < json_array_size(list)) {
        const json_t *row = json_array_get(list, (*at)++);
        if (!json_is_object(row) || json_is_true(json_object_get(row, "tolerated"))) {
            continue;
        }
        *out =
            (struct sweep_violation){.property = text_of(row, "property"),
                                     .place = text_of(row, "place"),
                                     .node = text_of(row, "node"),
                                     .detail = text_of(row, "detail"),
                                     .time_s = json_number_value(json_object_get(row, "time_s"))};
        return true;
    }
    return false;
}

/* Jansson's integers are signed: a seed beyond them is read as 0. No text holds `"seed":`, whose
 * quotes would be escaped there. */
json_t *sweep_run_parse(const char *line, size_t length_bytes)
{
    json_t *value = json_loadb(line, length_bytes, 0, NULL);
    if (value != NULL) {
        return value;
    }
    char *copy = strndup(line, length_bytes);
    char *digits = copy != NULL ? strstr(copy, "\"seed\":") : NULL;
    if (digits != NULL) {
        digits += strlen("\"seed\":");
        size_t count = strspn(digits, "0123456789");
        if (count > 0) {
            memset(digits, ' ', count);
            digits[0] = '0';
        }
        value = json_loadb(copy, strlen(copy), 0, NULL);
    }
    free(copy);
    return value;
}
