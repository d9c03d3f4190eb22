#include "sim/sweep/source.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "sim/script.h"

/* Of files that one scenario requires, itself included. */
#define FILES_MAX        64
#define MODULE_BYTES_MAX 128

struct reader {
    struct sweep_source *source; /* borrowed */
    XXH3_state_t *state;         /* borrowed */
    char *folder;                /* owned; with a slash at its end, or "" */
    char modules[FILES_MAX][MODULE_BYTES_MAX];
    size_t module_count;
    bool is_out_of_memory;
};

/* NULL: cannot be read. */
static char *read_text(const char *path, size_t *length_out)
{
    struct stat about;
    FILE *file = stat(path, &about) == 0 && S_ISREG(about.st_mode) &&
                         (uint64_t)about.st_size < SCRIPT_STRING_BYTES_MAX / 4
                     ? fopen(path, "rb")
                     : NULL;
    if (file == NULL) {
        return NULL;
    }
    char *text = malloc((size_t)about.st_size + 1);
    size_t length = text == NULL ? 0 : fread(text, 1, (size_t)about.st_size, file);
    if (text != NULL && (ferror(file) || length != (size_t)about.st_size)) {
        free(text);
        text = NULL;
    }
    if (text != NULL) {
        text[length] = '\0';
        *length_out = length;
    }
    fclose(file);
    return text;
}

/* ---- What stands in a file -------------------------------------------------------------------------- */

/* Comments to the end of a line become blanks; what looks like one within quotes goes too. */
static void blank_comments(char *text)
{
    for (char *at = strstr(text, "--"); at != NULL; at = strstr(at, "--")) {
        while (*at != '\0' && *at != '\n') {
            *at++ = ' ';
        }
    }
}

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

/* A word in quotes after `at`, perhaps in parentheses; gives what stands behind it, or NULL. */
static const char *read_word(const char *at, char *word_out, size_t word_bytes)
{
    at = skip_blanks(at);
    at = skip_blanks(*at == '(' ? at + 1 : at);
    char quote = *at;
    const char *end = quote == '"' || quote == '\'' ? strchr(at + 1, quote) : NULL;
    size_t length = end == NULL ? 0 : (size_t)(end - at - 1);
    if (end == NULL || length >= word_bytes || memchr(at + 1, '\n', length) != NULL ||
        memchr(at + 1, '\\', length) != NULL) {
        return NULL;
    }
    memcpy(word_out, at + 1, length);
    word_out[length] = '\0';
    return end + 1;
}

static void note_modules(struct reader *reader, const char *text)
{
    static const char call[] = "require";
    for (const char *at = strstr(text, call); at != NULL; at = strstr(at + 1, call)) {
        char module[MODULE_BYTES_MAX];
        bool is_known = read_word(at + strlen(call), module, sizeof module) == NULL;
        for (size_t i = 0; i < reader->module_count && !is_known; i++) {
            is_known = strcmp(reader->modules[i], module) == 0;
        }
        if (!is_known && reader->module_count < FILES_MAX) {
            memcpy(reader->modules[reader->module_count++], module, sizeof module);
        }
    }
}

static void add_name(struct reader *reader, const char *name)
{
    struct sweep_source *source = reader->source;
    char **grown = realloc(source->names, (source->name_count + 1) * sizeof *grown);
    char *copy = grown == NULL ? NULL : strdup(name);
    source->names = grown != NULL ? grown : source->names;
    reader->is_out_of_memory = reader->is_out_of_memory || copy == NULL;
    if (copy != NULL) {
        grown[source->name_count++] = copy;
    }
}

/* A name that goes on behind its quotes is made at run time. */
static void note_names(struct reader *reader, const char *text)
{
    static const char call[] = ":sometimes";
    for (const char *at = strstr(text, call); at != NULL; at = strstr(at + 1, call)) {
        char name[SWEEP_NOTE_BYTES];
        const char *behind = read_word(at + strlen(call), name, sizeof name);
        if (behind != NULL && *skip_blanks(behind) == ',') {
            add_name(reader, name);
        }
    }
}

static void digest(struct reader *reader, const char *what, const void *bytes, size_t length)
{
    uint64_t size = length;
    XXH3_128bits_update(reader->state, what, strlen(what) + 1);
    XXH3_128bits_update(reader->state, &size, sizeof size);
    XXH3_128bits_update(reader->state, bytes, length);
}

/* Takes the text, which is changed. */
static void read_through(struct reader *reader, const char *name, char *text, size_t length)
{
    digest(reader, name, text, length);
    blank_comments(text);
    note_modules(reader, text);
    note_names(reader, text);
}

/* `require "a.b"` is a/b.lua of the scenario's own folder. */
static void read_module(struct reader *reader, const char *module)
{
    char path[4096], name[MODULE_BYTES_MAX];
    size_t length = 0;
    (void)snprintf(name, sizeof name, "%s", module);
    for (char *dot = strchr(name, '.'); dot != NULL; dot = strchr(dot, '.')) {
        *dot = '/';
    }
    (void)snprintf(path, sizeof path, "%s%s.lua", reader->folder, name);
    char *text = read_text(path, &length);
    if (text != NULL) {
        read_through(reader, module, text, length);
    }
    free(text);
}

static int order_of_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void sort_names(struct sweep_source *source)
{
    size_t kept = 0;
    if (source->name_count < 2) {
        return;
    }
    qsort(source->names, source->name_count, sizeof *source->names, order_of_names);
    for (size_t i = 0; i < source->name_count; i++) {
        if (kept > 0 && strcmp(source->names[kept - 1], source->names[i]) == 0) {
            free(source->names[i]);
        } else {
            source->names[kept++] = source->names[i];
        }
    }
    source->name_count = kept;
}

static bool read_all(struct reader *reader, const char *path)
{
    size_t length = 0;
    const char *slash = strrchr(path, '/');
    reader->folder = strndup(path, slash == NULL ? 0 : (size_t)(slash - path) + 1);
    reader->source->path = strdup(path);
    reader->source->text = read_text(path, &length);
    char *copy = reader->source->text == NULL ? NULL : malloc(length + 1);
    if (reader->folder == NULL || reader->source->path == NULL ||
        (reader->source->text != NULL && copy == NULL)) {
        free(copy);
        return false;
    }
    XXH3_128bits_reset(reader->state);
    if (copy == NULL) {
        digest(reader, "unreadable", path, strlen(path));
        return true;
    }
    memcpy(copy, reader->source->text, length + 1);
    read_through(reader, "", copy, length);
    free(copy);
    for (size_t i = 0; i < reader->module_count; i++) {
        read_module(reader, reader->modules[i]);
    }
    if (strlen(reader->source->text) != length) { /* a 0 in it: let the reader of scenarios tell */
        free(reader->source->text);
        reader->source->text = NULL;
    }
    return !reader->is_out_of_memory;
}

int sweep_source_read(const char *path, struct sweep_source *source_out)
{
    memset(source_out, 0, sizeof *source_out);
    struct reader *reader = calloc(1, sizeof *reader);
    XXH3_state_t *state = XXH3_createState();
    bool is_read = false;
    if (reader != NULL && state != NULL) {
        reader->source = source_out;
        reader->state = state;
        is_read = read_all(reader, path);
        XXH128_hash_t hash = XXH3_128bits_digest(state);
        (void)snprintf(source_out->digest, sizeof source_out->digest, "%016llx%016llx",
                       (unsigned long long)hash.high64, (unsigned long long)hash.low64);
        sort_names(source_out);
    }
    if (reader != NULL) {
        free(reader->folder);
    }
    free(reader);
    XXH3_freeState(state);
    if (!is_read) {
        sweep_source_clear(source_out);
        return SWEEP_ERR_NOMEM;
    }
    return SWEEP_OK;
}

void sweep_source_clear(struct sweep_source *source)
{
    for (size_t i = 0; i < source->name_count; i++) {
        free(source->names[i]);
    }
    free(source->names);
    free(source->path);
    free(source->text);
    memset(source, 0, sizeof *source);
}
