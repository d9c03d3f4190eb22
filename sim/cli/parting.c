#include "sim/cli/parting.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cli/cli.h"
#include "sim/trace.h"
#include "sim/world.h"

#define CONTEXT_LINES 5

struct cli_parting {
    FILE *file; /* owned: the first side */
    struct sim_trace_line line;
    struct sim_world *world; /* borrowed: of the run that is heard */
    bool is_events_only;
    char *first; /* owned: the line read last; NULL: none any more */
    size_t first_capacity;
    char *context[CONTEXT_LINES]; /* owned: what both sides had last; oldest at `context_count` */
    uint64_t context_count;
    /* The difference, once it is found; NULL: that side had ended. */
    bool is_found;
    char *sides[2]; /* owned */
};

struct cli_parting *cli_parting_of(FILE *trace)
{
    struct cli_parting *parting = calloc(1, sizeof *parting);
    if (parting == NULL) {
        cli_error("replisim: out of memory");
        fclose(trace);
        return NULL;
    }
    parting->file = trace;
    return parting;
}

struct cli_parting *cli_parting_new(void)
{
    FILE *file = tmpfile();
    if (file == NULL) {
        cli_error("replisim: no temporary file can be made to record the run in");
        return NULL;
    }
    return cli_parting_of(file);
}

void cli_parting_free(struct cli_parting *parting)
{
    if (parting == NULL) {
        return;
    }
    fclose(parting->file);
    sim_trace_line_clear(&parting->line);
    for (size_t k = 0; k < CONTEXT_LINES; k++) {
        free(parting->context[k]);
    }
    free(parting->first);
    free(parting->sides[0]);
    free(parting->sides[1]);
    free(parting);
}

void cli_parting_events_only(struct cli_parting *parting)
{
    parting->is_events_only = true;
}

/* ---- Recording ------------------------------------------------------------------------------- */

static void record_line(void *context, const struct sim_trace_record *record)
{
    struct cli_parting *parting = context;
    sim_trace_line_set(&parting->line, record);
    fwrite(parting->line.text, 1, parting->line.length_bytes, parting->file);
    fputc('\n', parting->file);
}

void cli_parting_record(struct cli_parting *parting, struct sim_world *world)
{
    const struct sim_trace_listener listener = {parting, record_line};
    sim_trace_listen(sim_world_trace(world), &listener);
}

bool cli_parting_record_end(struct cli_parting *parting, struct sim_world *world)
{
    sim_trace_unlisten(sim_world_trace(world), parting);
    if (fflush(parting->file) != 0 || ferror(parting->file)) {
        cli_error("replisim: the run could not be recorded: the temporary folder is full");
        return false;
    }
    rewind(parting->file);
    return true;
}

/* ---- Comparing ------------------------------------------------------------------------------- */

/* The kind stands behind the time: ,"name": or ,"note": or ,"mark": */
static bool is_event(const char *line)
{
    const char *comma = strchr(line, ',');
    return comma == NULL || strncmp(comma, ",\"name\":", 8) == 0;
}

static bool read_line(FILE *file, bool is_events_only, char **line, size_t *capacity)
{
    for (;;) {
        ssize_t length = getline(line, capacity, file);
        if (length < 0) {
            return false;
        }
        if (length > 0 && (*line)[length - 1] == '\n') {
            (*line)[length - 1] = '\0';
        }
        if (!is_events_only || is_event(*line)) {
            return true;
        }
    }
}

static void remember(struct cli_parting *parting, const char *line)
{
    char **slot = &parting->context[parting->context_count++ % CONTEXT_LINES];
    free(*slot);
    *slot = strdup(line);
}

static void part(struct cli_parting *parting, const char *first, const char *second)
{
    parting->is_found = true;
    parting->sides[0] = first == NULL ? NULL : strdup(first);
    parting->sides[1] = second == NULL ? NULL : strdup(second);
}

/* One line of the second side; NULL: it ended. */
static void compare(struct cli_parting *parting, const char *second)
{
    if (parting->is_found) {
        return;
    }
    bool has_first = read_line(parting->file, parting->is_events_only, &parting->first,
                               &parting->first_capacity);
    const char *first = has_first ? parting->first : NULL;
    if (first == NULL || second == NULL) {
        if (first != second) {
            part(parting, first, second);
        }
    } else if (strcmp(first, second) != 0) {
        part(parting, first, second);
    } else {
        remember(parting, second);
    }
}

static void compare_record(void *context, const struct sim_trace_record *record)
{
    struct cli_parting *parting = context;
    if (parting->is_found || (parting->is_events_only && record->sort != SIM_TRACE_EVENT &&
                              record->sort != SIM_TRACE_OBSERVATION)) {
        return;
    }
    sim_trace_line_set(&parting->line, record);
    compare(parting, parting->line.text);
    if (parting->is_found) {
        sim_world_interrupt(parting->world);
    }
}

void cli_parting_compare(struct cli_parting *parting, struct sim_world *world)
{
    const struct sim_trace_listener listener = {parting, compare_record};
    parting->world = world;
    sim_trace_listen(sim_world_trace(world), &listener);
}

void cli_parting_compare_end(struct cli_parting *parting, struct sim_world *world, bool is_complete)
{
    sim_trace_unlisten(sim_world_trace(world), parting);
    if (is_complete) {
        compare(parting, NULL);
    }
}

static bool is_whole(FILE *file)
{
    if (ferror(file)) {
        cli_error("replisim: a trace could not be read");
        return false;
    }
    return true;
}

bool cli_parting_compare_file(struct cli_parting *parting, FILE *trace)
{
    char *line = NULL;
    size_t capacity = 0;
    while (!parting->is_found && read_line(trace, parting->is_events_only, &line, &capacity)) {
        compare(parting, line);
    }
    compare(parting, NULL);
    free(line);
    return is_whole(trace) && is_whole(parting->file);
}

bool cli_parting_is_found(const struct cli_parting *parting)
{
    return parting->is_found;
}

/* ---- Telling --------------------------------------------------------------------------------- */

/* The lines are of our own making, or of a trace that someone may have edited: what is absent reads 0. */
static uint64_t number_of(const char *line, const char *key)
{
    const char *at = strstr(line, key);
    return at == NULL ? 0 : strtoull(at + strlen(key), NULL, 10);
}

/* ,"note":"net" gives net, without its quotes. */
static void name_of(const char *line, char name_out[64])
{
    const char *at = strchr(line, ',');
    at = at == NULL ? NULL : strchr(at, ':');
    name_out[0] = '\0';
    if (at != NULL && at[1] == '"') {
        snprintf(name_out, 64, "%.*s", (int)strcspn(at + 2, "\""), at + 2);
    }
}

static void print_place(const struct cli_parting *parting, FILE *file, const char *what)
{
    const char *line = parting->sides[0] == NULL ? parting->sides[1] : parting->sides[0];
    if (line == NULL) { /* out of memory when it was found */
        fprintf(file, "%s\n", what);
        return;
    }
    uint64_t number = number_of(line, "\"number\":");
    uint64_t time_ns = number_of(line, "\"time_ns\":");
    fprintf(file, "%s at ", what);
    if (is_event(line)) {
        fprintf(file, "event %" PRIu64, number);
    } else {
        char name[64];
        name_of(line, name);
        fprintf(file, "the %s \"%s\"", strstr(line, ",\"mark\":") != NULL ? "mark" : "note", name);
        if (number == 0) {
            fprintf(file, " before event 0");
        } else {
            fprintf(file, " between events %" PRIu64 " and %" PRIu64, number - 1, number);
        }
    }
    fprintf(file, ", at %" PRIu64 ".%09" PRIu64 " s of virtual time\n", time_ns / RP_NS_PER_S,
            time_ns % RP_NS_PER_S);
}

void cli_parting_print(const struct cli_parting *parting, FILE *file, const char *what,
                       const char *first_name, const char *second_name)
{
    print_place(parting, file, what);
    uint64_t count = parting->context_count;
    uint64_t from = count > CONTEXT_LINES ? count - CONTEXT_LINES : 0;
    for (uint64_t k = from; k < count; k++) {
        const char *line = parting->context[k % CONTEXT_LINES];
        fprintf(file, "  both: %s\n", line == NULL ? "" : line);
    }
    const char *const names[] = {first_name, second_name};
    for (size_t side = 0; side < 2; side++) {
        const char *line = parting->sides[side];
        fprintf(file, "  %s: %s\n", names[side], line == NULL ? "(ended)" : line);
    }
}
