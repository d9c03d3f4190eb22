#include "sim/sweep/junit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sweep/group.h"

/* A scenario's runs so far. */
struct one_case {
    char *path, *scenario; /* owned; NULL: none begun */
    uint64_t run_count, passed_count, failed_count, error_count, unreached_count;
    uint64_t told_count;
    double wall_s;
    FILE *text; /* what went wrong, plain; over `bytes` */
    char *bytes;
    size_t size_bytes;
    char type[SWEEP_CAUSE_BYTES];
};

struct sweep_junit {
    char *suite;
    struct one_case open;
    FILE *cases; /* finished ones, as XML; over `bytes` */
    char *bytes;
    size_t size_bytes;
    uint64_t case_count, failure_count, error_count, skipped_count;
    double wall_s;
};

/* ---- XML --------------------------------------------------------------------------------------- */

/* The code point at `text`, 0 for bytes that are no UTF-8; *length_out bytes either way. */
static uint32_t decode(const char *text, size_t *length_out)
{
    const unsigned char *b = (const unsigned char *)text;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = b[0] < 0x80   ? 1
                    : b[0] < 0xC2 ? 0
                    : b[0] < 0xE0 ? 2
                    : b[0] < 0xF0 ? 3
                    : b[0] < 0xF5 ? 4
                                  : 0;
    uint32_t code = length <= 1 ? b[0] : b[0] & (0x7Fu >> length);
    *length_out = length == 0 ? 1 : length;
    for (size_t i = 1; i < length; i++) {
        if ((b[i] & 0xC0) != 0x80) {
            *length_out = i;
            return 0;
        }
        code = code << 6 | (b[i] & 0x3Fu);
    }
    bool is_bad = length == 0 || code < least[length] || code > 0x10FFFF ||
                  (code >= 0xD800 && code <= 0xDFFF);
    return is_bad ? 0 : code;
}

/* XML 1.0 has no place for most control characters, escaped or not. */
static bool is_xml(uint32_t code)
{
    return code == '\t' || code == '\n' || code == '\r' ||
           (code >= 0x20 && code != 0xFFFE && code != 0xFFFF);
}

/* Text or the value of an attribute: what cannot stand in it is U+FFFD. */
static void write_text(FILE *file, const char *text, bool is_attribute)
{
    while (*text != '\0') {
        size_t length;
        uint32_t code = decode(text, &length);
        if (!is_xml(code)) {
            fputs("\xEF\xBF\xBD", file);
        } else if (code == '&' || code == '<' || code == '>' || code == '"') {
            fputs(code == '&'   ? "&amp;"
                  : code == '<' ? "&lt;"
                  : code == '>' ? "&gt;"
                                : "&quot;",
                  file);
        } else if (code == '\r' || (is_attribute && code < 0x20)) {
            fprintf(file, "&#%u;", (unsigned)code);
        } else {
            fwrite(text, 1, length, file);
        }
        text += length;
    }
}

static void write_attribute(FILE *file, const char *name, const char *value)
{
    fprintf(file, " %s=\"", name);
    write_text(file, value, true);
    fputc('"', file);
}

/* "scenarios/rotation/pod.lua" is the class "scenarios.rotation.pod": readers show packages by it. */
static void write_class(FILE *file, const char *path)
{
    size_t length = strlen(path);
    char *class = strdup(path);
    if (class == NULL) {
        write_attribute(file, "classname", path);
        return;
    }
    if (length > 4 && strcmp(class + length - 4, ".lua") == 0) {
        class[length - 4] = '\0';
    }
    char *begin = class;
    while (strncmp(begin, "./", 2) == 0 || strncmp(begin, "../", 3) == 0 || *begin == '/') {
        begin += *begin == '/' ? 1 : strchr(begin, '/') - begin + 1;
    }
    for (char *at = begin; *at != '\0'; at++) {
        *at = *at == '/' ? '.' : *at;
    }
    write_attribute(file, "classname", begin);
    free(class);
}

/* ---- One case ---------------------------------------------------------------------------------- */

static void clear_case(struct one_case *one)
{
    if (one->text != NULL) {
        fclose(one->text);
    }
    free(one->bytes);
    free(one->path);
    free(one->scenario);
    *one = (struct one_case){0};
}

static int begin_case(struct one_case *one, const char *path, const char *scenario)
{
    one->path = strdup(path);
    one->scenario = strdup(scenario);
    one->text = open_memstream(&one->bytes, &one->size_bytes);
    return one->path != NULL && one->scenario != NULL && one->text != NULL ? SWEEP_OK
                                                                           : SWEEP_ERR_NOMEM;
}

static void write_summary(FILE *file, const struct one_case *one)
{
    char text[200];
    int used = snprintf(text, sizeof text, "%" PRIu64 " of %" PRIu64 " runs did not hold",
                        one->failed_count + one->error_count, one->run_count);
    if (one->error_count > 0) {
        snprintf(text + used, sizeof text - (size_t)used, ", %" PRIu64 " of them without a verdict",
                 one->error_count);
    }
    write_attribute(file, "message", text);
}

static void write_skipped(FILE *file, const struct one_case *one)
{
    fprintf(file, "      <skipped message=\"none of %" PRIu64 " runs was begun\"/>\n",
            one->unreached_count);
}

static void write_problem(FILE *file, const struct one_case *one)
{
    const char *element = one->error_count > 0 ? "error" : "failure";
    uint64_t bad_count = one->failed_count + one->error_count;
    fprintf(file, "      <%s", element);
    write_summary(file, one);
    write_attribute(file, "type", one->type);
    fputc('>', file);
    write_text(file, one->bytes, false);
    if (bad_count > one->told_count) {
        fprintf(file, "and %" PRIu64 " more\n", bad_count - one->told_count);
    }
    fprintf(file, "</%s>\n", element);
}

/* Counts in the order that the dialect wants: what went wrong, then what was said. */
static int end_case(struct sweep_junit *junit)
{
    struct one_case *one = &junit->open;
    FILE *file = junit->cases;
    if (one->path == NULL) {
        return SWEEP_OK;
    }
    if (fflush(one->text) != 0 || ferror(one->text)) {
        return SWEEP_ERR_NOMEM;
    }
    fputs("    <testcase", file);
    write_attribute(file, "name", one->scenario);
    write_class(file, one->path);
    fprintf(file, " time=\"%.3f\">\n", one->wall_s);
    if (one->failed_count + one->error_count > 0) {
        write_problem(file, one);
    } else if (one->run_count == 0) {
        write_skipped(file, one);
    }
    fprintf(file, "      <system-out>%" PRIu64 " runs, %" PRIu64 " passed", one->run_count,
            one->passed_count);
    if (one->unreached_count > 0) {
        fprintf(file, ", %" PRIu64 " not begun", one->unreached_count);
    }
    fputs("</system-out>\n    </testcase>\n", file);
    junit->case_count += 1;
    junit->error_count += one->error_count > 0;
    junit->failure_count += one->error_count == 0 && one->failed_count > 0;
    junit->skipped_count += one->run_count == 0;
    junit->wall_s += one->wall_s;
    clear_case(one);
    return ferror(file) ? SWEEP_ERR_NOMEM : SWEEP_OK;
}

/* The case of that path, begun if need be. */
static int turn_to(struct sweep_junit *junit, const char *path, const char *scenario)
{
    if (junit->open.path != NULL && strcmp(junit->open.path, path) == 0) {
        return SWEEP_OK;
    }
    int status = end_case(junit);
    return status == SWEEP_OK ? begin_case(&junit->open, path, scenario) : status;
}

/* ---- From outside ------------------------------------------------------------------------------ */

struct sweep_junit *sweep_junit_new(const char *suite)
{
    struct sweep_junit *junit = calloc(1, sizeof *junit);
    if (junit == NULL) {
        return NULL;
    }
    junit->suite = strdup(suite);
    junit->cases = open_memstream(&junit->bytes, &junit->size_bytes);
    if (junit->suite == NULL || junit->cases == NULL) {
        sweep_junit_free(junit);
        return NULL;
    }
    return junit;
}

void sweep_junit_free(struct sweep_junit *junit)
{
    if (junit == NULL) {
        return;
    }
    clear_case(&junit->open);
    if (junit->cases != NULL) {
        fclose(junit->cases);
    }
    free(junit->bytes);
    free(junit->suite);
    free(junit);
}

/* What the first bad run of the case shows names the type. */
static void note_type(struct one_case *one, const struct sweep_run *run)
{
    struct sweep_violation first;
    size_t at = 0;
    if (run->end == SWEEP_END_FAIL && sweep_run_violation(run, &at, &first)) {
        snprintf(one->type, sizeof one->type, "%s", first.property);
    } else {
        snprintf(one->type, sizeof one->type, "%s", sweep_end_name(run->end));
    }
}

static void tell_run(struct one_case *one, const struct sweep_run *run)
{
    char why[SWEEP_NOTE_BYTES];
    const char *repeat = json_string_value(json_object_get(run->result, "repeat"));
    sweep_run_explain(run, why);
    fprintf(one->text, "seed %" PRIu64 ": %s\n  repeat: %s\n", run->seed, why,
            repeat != NULL ? repeat : "-");
    one->told_count += 1;
}

int sweep_junit_add(struct sweep_junit *junit, const struct sweep_run *run)
{
    int status = turn_to(junit, run->path, run->scenario);
    if (status != SWEEP_OK) {
        return status;
    }
    struct one_case *one = &junit->open;
    int code = sweep_end_code(run->end);
    bool is_first_bad = one->failed_count + one->error_count == 0;
    one->run_count += 1;
    one->wall_s += run->wall_s;
    one->passed_count += code == 0;
    one->failed_count += code == 1;
    one->error_count += code > 1;
    if (code != 0 && (is_first_bad || (code > 1 && one->error_count == 1))) {
        note_type(one, run);
    }
    if (code != 0 && one->told_count < SWEEP_JUNIT_SEEDS_MAX) {
        tell_run(one, run);
    }
    return SWEEP_OK;
}

int sweep_junit_unreached(struct sweep_junit *junit, const char *path, const char *scenario,
                          uint64_t run_count)
{
    int status = turn_to(junit, path, scenario);
    if (status == SWEEP_OK) {
        junit->open.unreached_count += run_count;
    }
    return status;
}

static void write_counts(const struct sweep_junit *junit, FILE *file)
{
    fprintf(file,
            " tests=\"%" PRIu64 "\" failures=\"%" PRIu64 "\" errors=\"%" PRIu64 "\" time=\"%.3f\"",
            junit->case_count, junit->failure_count, junit->error_count, junit->wall_s);
}

int sweep_junit_write(struct sweep_junit *junit, FILE *file)
{
    int status = end_case(junit);
    if (status != SWEEP_OK || fflush(junit->cases) != 0) {
        return SWEEP_ERR_NOMEM;
    }
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites", file);
    write_attribute(file, "name", junit->suite);
    write_counts(junit, file);
    fputs(">\n  <testsuite", file);
    write_attribute(file, "name", junit->suite);
    write_counts(junit, file);
    fprintf(file, " skipped=\"%" PRIu64 "\">\n", junit->skipped_count);
    fwrite(junit->bytes, 1, junit->size_bytes, file);
    fputs("  </testsuite>\n</testsuites>\n", file);
    return ferror(file) ? SWEEP_ERR_WRITE : SWEEP_OK;
}
