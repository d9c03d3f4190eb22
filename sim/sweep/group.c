#include "sim/sweep/group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Errors without their numbers -------------------------------------------------------------- */

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_hex(char byte)
{
    return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

/* Bytes of the number at `text`: decimal digits; after "0x", or eight and more with a digit in them,
 * hexadecimal ones. 0: none. */
static size_t number_length(const char *text)
{
    size_t hex = 0, decimal = 0;
    if (text[0] == '0' && text[1] == 'x' && is_hex(text[2])) {
        for (hex = 2; is_hex(text[hex]);) {
            hex += 1;
        }
        return hex;
    }
    bool has_digit = false;
    for (; is_hex(text[hex]); hex++) {
        has_digit = has_digit || is_digit(text[hex]);
    }
    while (is_digit(text[decimal])) {
        decimal += 1;
    }
    return hex >= 8 && has_digit ? hex : decimal;
}

void sweep_error_kind(const char *error, char kind_out[SWEEP_CAUSE_BYTES])
{
    size_t used = 0;
    while (*error != '\0' && *error != '\n' && *error != '\r' && used < SWEEP_CAUSE_BYTES - 1) {
        size_t length = number_length(error);
        kind_out[used++] = length > 0 ? '#' : *error;
        error += length > 0 ? length : 1;
    }
    /* Cut off, perhaps within a character: its bytes go, up to its first. */
    for (int i = 0; i < 3 && used == SWEEP_CAUSE_BYTES - 1 - (size_t)i &&
                    ((unsigned char)kind_out[used - 1] & 0xC0) == 0x80;
         i++) {
        used -= 1;
    }
    if (used >= SWEEP_CAUSE_BYTES - 4 && ((unsigned char)kind_out[used - 1] & 0xC0) == 0xC0) {
        used -= 1;
    }
    kind_out[used] = '\0';
}

/* ---- Groups ------------------------------------------------------------------------------------ */

struct example {
    bool is_first;
    uint64_t events;
    double virtual_s;
    const char *path;
    uint64_t seed;
};

struct row {
    struct sweep_group group;
    struct example rank; /* of the group's example; path borrowed from the group */
    char *texts[7];      /* owned; what the group's texts point to */
    char **scenarios;    /* owned, sorted */
};
enum { PROPERTY, PLACE, PATH, SCENARIO, REPEAT, NODE, DETAIL };

struct sweep_groups {
    struct row *rows; /* owned; by (end, property, place) until they are asked for */
    size_t count, capacity;
    struct row **order; /* owned; NULL: to be made */
};

struct sweep_groups *sweep_groups_new(void)
{
    return calloc(1, sizeof(struct sweep_groups));
}

void sweep_groups_free(struct sweep_groups *groups)
{
    if (groups == NULL) {
        return;
    }
    for (size_t i = 0; i < groups->count; i++) {
        struct row *row = &groups->rows[i];
        for (size_t k = 0; k < sizeof row->texts / sizeof row->texts[0]; k++) {
            free(row->texts[k]);
        }
        for (size_t k = 0; k < row->group.scenario_count; k++) {
            free(row->scenarios[k]);
        }
        free(row->scenarios);
    }
    free(groups->rows);
    free(groups->order);
    free(groups);
}

/* What one run shows: the key of a group, and the example that it would be. */
struct sighting {
    enum sweep_end end;
    struct sweep_violation what;
    bool is_first;
};

static int order_of_keys(const struct row *row, const struct sighting *seen)
{
    if (row->group.end != seen->end) {
        return row->group.end < seen->end ? -1 : 1;
    }
    int order = strcmp(row->group.property, seen->what.property);
    return order != 0 ? order : strcmp(row->group.place, seen->what.place);
}

/* Where the key is, or belongs. */
static size_t find(const struct sweep_groups *groups, const struct sighting *seen, bool *is_there)
{
    size_t low = 0, high = groups->count;
    *is_there = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = order_of_keys(&groups->rows[middle], seen);
        if (order == 0) {
            *is_there = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int set_text(struct row *row, int which, const char **field, const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL) {
        return SWEEP_ERR_NOMEM;
    }
    free(row->texts[which]);
    row->texts[which] = copy;
    *field = copy;
    return SWEEP_OK;
}

/* A new row at `at`. */
static int insert(struct sweep_groups *groups, size_t at, const struct sighting *seen)
{
    if (groups->count == groups->capacity) {
        size_t capacity = groups->capacity == 0 ? 16 : groups->capacity * 2;
        struct row *rows = realloc(groups->rows, capacity * sizeof *rows);
        if (rows == NULL) {
            return SWEEP_ERR_NOMEM;
        }
        groups->rows = rows;
        groups->capacity = capacity;
    }
    struct row fresh = {
        .group = {
            .end = seen->end, .path = "", .scenario = "", .repeat = "", .node = "", .detail = ""}};
    if (set_text(&fresh, PROPERTY, &fresh.group.property, seen->what.property) != SWEEP_OK ||
        set_text(&fresh, PLACE, &fresh.group.place, seen->what.place) != SWEEP_OK) {
        free(fresh.texts[PROPERTY]);
        return SWEEP_ERR_NOMEM;
    }
    memmove(groups->rows + at + 1, groups->rows + at, (groups->count - at) * sizeof *groups->rows);
    groups->rows[at] = fresh;
    groups->count += 1;
    return SWEEP_OK;
}

static int add_scenario(struct row *row, const char *scenario)
{
    size_t at = 0;
    while (at < row->group.scenario_count && strcmp(row->scenarios[at], scenario) < 0) {
        at += 1;
    }
    if (at < row->group.scenario_count && strcmp(row->scenarios[at], scenario) == 0) {
        return SWEEP_OK;
    }
    char *copy = strdup(scenario);
    char **list = realloc(row->scenarios, (row->group.scenario_count + 1) * sizeof *row->scenarios);
    if (list != NULL) {
        row->scenarios = list;
        row->group.scenarios = (const char *const *)list;
    }
    if (copy == NULL || list == NULL) {
        free(copy);
        return SWEEP_ERR_NOMEM;
    }
    memmove(list + at + 1, list + at, (row->group.scenario_count - at) * sizeof *list);
    list[at] = copy;
    row->group.scenario_count += 1;
    return SWEEP_OK;
}

/* ---- Examples ---------------------------------------------------------------------------------- */

static int order_of_numbers(double left, double right)
{
    return (left > right) - (left < right);
}

static bool is_better(const struct example *left, const struct example *right)
{
    if (left->is_first != right->is_first) {
        return left->is_first;
    }
    if (left->events != right->events) {
        return left->events < right->events;
    }
    int order = order_of_numbers(left->virtual_s, right->virtual_s);
    order = order != 0 ? order : strcmp(left->path, right->path);
    return order != 0 ? order < 0 : left->seed < right->seed;
}

/* Runs that never said how many events they had come last. */
static struct example make_example(const struct sweep_run *run, bool is_first)
{
    const json_t *events = json_object_get(run->result, "events");
    return (struct example){
        .is_first = is_first,
        .events =
            json_integer_value(events) > 0 ? (uint64_t)json_integer_value(events) : UINT64_MAX,
        .virtual_s = json_number_value(json_object_get(run->result, "virtual_seconds")),
        .path = run->path,
        .seed = run->seed};
}

static int take_example(struct row *row, const struct sweep_run *run, const struct sighting *seen,
                        const struct example *rank)
{
    const char *repeat = json_string_value(json_object_get(run->result, "repeat"));
    struct sweep_group *group = &row->group;
    row->rank = *rank;
    group->seed = run->seed;
    group->time_s = seen->what.time_s;
    if (set_text(row, PATH, &group->path, run->path) != SWEEP_OK ||
        set_text(row, SCENARIO, &group->scenario, run->scenario) != SWEEP_OK ||
        set_text(row, REPEAT, &group->repeat, repeat != NULL ? repeat : "") != SWEEP_OK ||
        set_text(row, NODE, &group->node, seen->what.node) != SWEEP_OK ||
        set_text(row, DETAIL, &group->detail, seen->what.detail) != SWEEP_OK) {
        row->rank.path = group->path;
        return SWEEP_ERR_NOMEM;
    }
    row->rank.path = group->path;
    return SWEEP_OK;
}

static int add_sighting(struct sweep_groups *groups, const struct sweep_run *run,
                        const struct sighting *seen)
{
    bool is_there;
    size_t at = find(groups, seen, &is_there);
    int status = is_there ? SWEEP_OK : insert(groups, at, seen);
    if (status != SWEEP_OK) {
        return status;
    }
    struct row *row = &groups->rows[at];
    struct example rank = make_example(run, seen->is_first);
    row->group.run_count += 1;
    row->group.first_count += seen->is_first;
    status = add_scenario(row, run->scenario);
    if (status == SWEEP_OK && (!is_there || is_better(&rank, &row->rank))) {
        status = take_example(row, run, seen, &rank);
    }
    return status;
}

/* ---- Runs -------------------------------------------------------------------------------------- */

/* Has the run shown that cause before its `before`-th violation? Once a run is enough. */
static bool is_repeated(const struct sweep_run *run, size_t before, const struct sighting *seen)
{
    struct sweep_violation earlier;
    size_t at = 0;
    while (sweep_run_violation(run, &at, &earlier) && at < before) {
        if (strcmp(earlier.property, seen->what.property) == 0 &&
            strcmp(earlier.place, seen->what.place) == 0) {
            return true;
        }
    }
    return false;
}

static const char *error_of(const struct sweep_run *run)
{
    const char *error = json_string_value(json_object_get(run->result, "error"));
    return error != NULL ? error : "";
}

static int add_violations(struct sweep_groups *groups, const struct sweep_run *run)
{
    struct sighting seen = {.end = run->end, .is_first = true};
    size_t at = 0;
    int status = SWEEP_OK;
    while (status == SWEEP_OK && sweep_run_violation(run, &at, &seen.what)) {
        if (!is_repeated(run, at, &seen)) {
            status = add_sighting(groups, run, &seen);
            seen.is_first = false;
        }
    }
    return status;
}

int sweep_groups_add(struct sweep_groups *groups, const struct sweep_run *run)
{
    struct sweep_violation first;
    size_t at = 0;
    char kind[SWEEP_CAUSE_BYTES];
    if (run->end == SWEEP_END_PASS) {
        return SWEEP_OK;
    }
    free(groups->order);
    groups->order = NULL;
    if (run->end == SWEEP_END_FAIL && sweep_run_violation(run, &at, &first)) {
        return add_violations(groups, run);
    }
    sweep_error_kind(error_of(run), kind);
    struct sighting seen = {
        .end = run->end,
        .is_first = true,
        .what = {.property = "", .place = kind, .node = "", .detail = error_of(run)}};
    return add_sighting(groups, run, &seen);
}

size_t sweep_groups_count(const struct sweep_groups *groups)
{
    return groups->count;
}

/* Exit code 3 before 1 before 2. */
static int gravity(enum sweep_end end)
{
    static const int gravities[] = {0, 2, 1, 3};
    return gravities[sweep_end_code(end)];
}

static int order_of_rows(const void *left_pointer, const void *right_pointer)
{
    const struct sweep_group *left = &(*(struct row *const *)left_pointer)->group;
    const struct sweep_group *right = &(*(struct row *const *)right_pointer)->group;
    if (gravity(left->end) != gravity(right->end)) {
        return gravity(left->end) > gravity(right->end) ? -1 : 1;
    }
    if (left->first_count != right->first_count) {
        return left->first_count > right->first_count ? -1 : 1;
    }
    if (left->run_count != right->run_count) {
        return left->run_count > right->run_count ? -1 : 1;
    }
    int order = (left->end > right->end) - (left->end < right->end);
    order = order != 0 ? order : strcmp(left->property, right->property);
    return order != 0 ? order : strcmp(left->place, right->place);
}

const struct sweep_group *sweep_groups_at(struct sweep_groups *groups, size_t index)
{
    if (groups->order == NULL && groups->count > 0) {
        groups->order = malloc(groups->count * sizeof(struct row *));
        if (groups->order == NULL) {
            return NULL;
        }
        for (size_t i = 0; i < groups->count; i++) {
            groups->order[i] = &groups->rows[i];
        }
        qsort(groups->order, groups->count, sizeof(struct row *), order_of_rows);
    }
    return index < groups->count ? &groups->order[index]->group : NULL;
}

void sweep_run_explain(const struct sweep_run *run, char text_out[SWEEP_NOTE_BYTES])
{
    struct sweep_violation first;
    size_t at = 0;
    if (run->end == SWEEP_END_FAIL && sweep_run_violation(run, &at, &first)) {
        snprintf(text_out, SWEEP_NOTE_BYTES, "%.80s at %.120s: %.200s%s%.60s%s", first.property,
                 first.place, first.detail, first.node[0] != '\0' ? " (" : "", first.node,
                 first.node[0] != '\0' ? ")" : "");
        return;
    }
    const char *error = error_of(run);
    snprintf(text_out, SWEEP_NOTE_BYTES, "%s%s%.*s", sweep_end_name(run->end),
             error[0] != '\0' ? ": " : "",
             (int)(strcspn(error, "\r\n") > 400 ? 400 : strcspn(error, "\r\n")), error);
}
