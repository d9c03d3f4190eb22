#include "reports/read.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Files ----------------------------------------------------------------------------------- */

static char *read_open_file(FILE *file, size_t *length_out)
{
    size_t capacity = 65536, length = 0;
    char *text = malloc(capacity + 1);
    while (text != NULL) {
        length += fread(text + length, 1, capacity - length, file);
        if (length < capacity) {
            break;
        }
        capacity *= 2;
        char *larger = capacity > REPORT_FILE_BYTES_MAX ? NULL : realloc(text, capacity + 1);
        if (larger == NULL) {
            free(text);
        }
        text = larger;
    }
    if (text != NULL && ferror(file)) {
        free(text);
        text = NULL;
    }
    if (text != NULL) {
        text[length] = '\0';
        *length_out = length;
    }
    return text;
}

char *report_read_text(const char *path, size_t *length_out, char note_out[REPORT_NOTE_BYTES])
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        snprintf(note_out, REPORT_NOTE_BYTES, "%.300s: %s", path, strerror(errno));
        return NULL;
    }
    char *text = read_open_file(file, length_out);
    if (text == NULL) {
        snprintf(note_out, REPORT_NOTE_BYTES, "%.300s: unreadable, or too large", path);
    }
    fclose(file);
    return text;
}

/* ---- result.json ----------------------------------------------------------------------------- */

const char *report_text(const json_t *object, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : otherwise;
}

double report_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : 0.0;
}

/* A quote inside a JSON string is escaped, so the first `"seed":` is a key. */
static void copy_seed(const char *text, char seed_out[24])
{
    const char *at = strstr(text, "\"seed\":");
    size_t length = 0;
    if (at != NULL) {
        at += strlen("\"seed\":");
        at += strspn(at, " \t");
        length = strspn(at, "0123456789");
    }
    if (length == 0 || length >= 24) {
        at = "?";
        length = 1;
    }
    memcpy(seed_out, at, length);
    seed_out[length] = '\0';
}

static int read_result(const char *folder, struct report_run *run, char note[REPORT_NOTE_BYTES])
{
    char path[4400];
    size_t length = 0;
    json_error_t error;
    snprintf(path, sizeof path, "%.4096s/result.json", folder);
    char *text = report_read_text(path, &length, note);
    if (text == NULL) {
        return REPORT_ERR_READ;
    }
    copy_seed(text, run->seed);
    run->root = json_loadb(text, length, JSON_DECODE_INT_AS_REAL, &error);
    free(text);
    if (!json_is_object(run->root)) {
        snprintf(note, REPORT_NOTE_BYTES, "%.300s:%d: %s", path, run->root ? 1 : error.line,
                 run->root ? "is no object" : error.text);
        return REPORT_ERR_READ;
    }
    if (report_number(run->root, "version") > REPORT_RESULT_VERSION) {
        snprintf(note, REPORT_NOTE_BYTES, "%.300s: is of version %.0f; this program reads %d", path,
                 report_number(run->root, "version"), REPORT_RESULT_VERSION);
        return REPORT_ERR_READ;
    }
    return 0;
}

/* ---- lag.csv --------------------------------------------------------------------------------- */

/* A place in the text; fields are unquoted and ended in place. */
struct csv {
    char *at;
    size_t row; /* of the file, from 1 */
};

/* Takes one field and the comma or line end behind it. False: no field, or a stray quote. */
static bool take_field(struct csv *csv, bool is_last, char **field_out)
{
    char *from = csv->at, *to = csv->at;
    *field_out = from;
    if (*from == '"') {
        from += 1;
        while (*from != '\0' && (*from != '"' || from[1] == '"')) {
            from += *from == '"';
            *to++ = *from++;
        }
        if (*from++ != '"') {
            return false;
        }
    } else {
        while (*from != '\0' && strchr(",\r\n\"", *from) == NULL) {
            *to++ = *from++;
        }
    }
    if (is_last && *from == '\r') {
        from += 1;
    }
    bool is_end = is_last ? *from == '\n' || *from == '\0' : *from == ',';
    csv->at = *from == '\0' ? from : from + 1;
    *to = '\0';
    return is_end;
}

static bool parse_seconds(const char *text, double *seconds_out)
{
    char *end = NULL;
    if (*text == '\0' || strspn(text, "0123456789.eE+-") != strlen(text)) {
        return false;
    }
    *seconds_out = strtod(text, &end);
    return *end == '\0' && isfinite(*seconds_out) && *seconds_out >= 0;
}

static bool take_row(struct csv *csv, struct report_sample *sample)
{
    char *node, *path, *committed, *lag;
    if (!take_field(csv, false, &node) || !take_field(csv, false, &path) ||
        !take_field(csv, false, &committed) || !take_field(csv, true, &lag)) {
        return false;
    }
    sample->node = node;
    sample->path = path;
    if (*lag == '\0') {
        sample->lag_s = -1;
    } else if (!parse_seconds(lag, &sample->lag_s)) {
        return false;
    }
    return parse_seconds(committed, &sample->committed_s);
}

/* No row needs fewer lines than one, so the count of lines bounds the samples. */
static struct report_sample *make_samples(const char *text, size_t length)
{
    size_t lines = 1;
    for (size_t i = 0; i < length; i++) {
        lines += text[i] == '\n';
    }
    return calloc(lines, sizeof(struct report_sample));
}

static int read_lag(const char *folder, struct report_run *run, char note[REPORT_NOTE_BYTES])
{
    static const char header[] = "node,path,committed_s,lag_s";
    char path[4400];
    size_t length = 0;
    snprintf(path, sizeof path, "%.4096s/lag.csv", folder);
    run->text = report_read_text(path, &length, note);
    if (run->text == NULL) {
        return REPORT_ERR_READ;
    }
    run->samples = make_samples(run->text, length);
    if (run->samples == NULL) {
        snprintf(note, REPORT_NOTE_BYTES, "%.300s: out of memory", path);
        return REPORT_ERR_NOMEM;
    }
    size_t header_length = strcspn(run->text, "\r\n");
    bool is_good = header_length == strlen(header) && memcmp(run->text, header, header_length) == 0;
    struct csv csv = {.at = run->text + header_length, .row = 1};
    csv.at += strspn(csv.at, "\r");
    csv.at += *csv.at == '\n';
    while (is_good && *csv.at != '\0') {
        struct report_sample *sample = &run->samples[run->sample_count];
        csv.row += 1;
        is_good = take_row(&csv, sample);
        run->sample_count += is_good;
        run->unbounded_count += is_good && sample->lag_s < 0;
    }
    /* A NUL inside would end the text early: what lies behind it must not be lost unsaid. */
    if (!is_good || csv.at != run->text + length) {
        snprintf(note, REPORT_NOTE_BYTES, "%.300s: row %zu is malformed", path, csv.row);
        return REPORT_ERR_READ;
    }
    return 0;
}

int report_read(const char *folder, struct report_run *run_out, char note_out[REPORT_NOTE_BYTES])
{
    memset(run_out, 0, sizeof *run_out);
    note_out[0] = '\0';
    int status = read_result(folder, run_out, note_out);
    return status != 0 ? status : read_lag(folder, run_out, note_out);
}

void report_read_clear(struct report_run *run)
{
    json_decref(run->root);
    free(run->text);
    free(run->samples);
    memset(run, 0, sizeof *run);
}
