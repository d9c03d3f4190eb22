/* What a file says is checked before a run sees it: whatever passes here may be carried out. */
#include "sim/cli/decisions.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cli/cli.h"

#define TIME_MAX_NS   (INT64_C(100) * 365 * 86400 * INT64_C(1000000000))
#define TIME_MAX_MS   (TIME_MAX_NS / (int64_t)RP_NS_PER_MS)
#define SIZE_MAX_B    (INT64_C(1) << 50)
#define NODES_MAX     2000
#define NODE_TEXT_MAX 200

struct reading {
    const char *path;
    size_t row;
    struct sim_decision *decision;
};

__attribute__((format(printf, 3, 4))) static bool refuse(const struct reading *reading,
                                                         const char *key, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    cli_error("%s: decisions[%zu]%s%s: %s", reading->path, reading->row, key[0] == '\0' ? "" : ".",
              key, text);
    return false;
}

/* ---- Values ----------------------------------------------------------------------------------- */

/* A whole number in bounds; absent is `absent`. */
static bool take_number(const struct reading *reading, const json_t *object, const char *key,
                        int64_t low, int64_t high, int64_t absent, int64_t *value_out)
{
    const json_t *value = json_object_get(object, key);
    *value_out = absent;
    if (value == NULL) {
        return true;
    }
    double number = json_number_value(value);
    if (!json_is_number(value) || number < (double)low || number > (double)high ||
        number != (double)(int64_t)number) {
        return refuse(reading, key, "is no whole number from %" PRId64 " to %" PRId64, low, high);
    }
    *value_out = (int64_t)number;
    return true;
}

static bool take_kind(struct reading *reading, const json_t *object)
{
    const char *name = json_string_value(json_object_get(object, "kind"));
    if (name == NULL || !sim_trouble_parse(rp_view_text(name), &reading->decision->kind)) {
        return refuse(reading, "kind", "no such kind; see replisim describe nemesis");
    }
    const char *variant = json_string_value(json_object_get(object, "variant"));
    size_t count = sim_variant_count(reading->decision->kind);
    for (size_t row = 0; variant != NULL && row < count; row += 1) {
        if (strcmp(sim_variant_at(reading->decision->kind, row)->name, variant) == 0) {
            reading->decision->variant = (uint32_t)row;
            return true;
        }
    }
    return refuse(reading, "variant", "%s has no such variant; see replisim describe nemesis",
                  name);
}

/* What a number may be, by the unit that its name ends in. */
static void bounds_of(const char *name, int64_t *low_out, int64_t *high_out)
{
    size_t length = strlen(name);
    bool is_clock = strcmp(name, "skew_ms") == 0 || strcmp(name, "jump_ms") == 0;
    *low_out = 0;
    *high_out = SIZE_MAX_B;
    if (strcmp(name, "per_1024") == 0) {
        *high_out = 1024;
    } else if (strcmp(name, "drift_ppm") == 0) {
        *low_out = -500000;
        *high_out = 500000;
    } else if (length > 3 && strcmp(name + length - 3, "_ms") == 0) {
        *low_out = is_clock ? -TIME_MAX_MS : 0;
        *high_out = TIME_MAX_MS;
    } else if (strcmp(name, "after_bytes") == 0) {
        *low_out = -1; /* from the beginning */
    } else if (strcmp(name, "free_bytes") != 0) {
        *low_out = 1;
    }
}

static bool take_values(struct reading *reading, const json_t *object)
{
    struct sim_decision *decision = reading->decision;
    const struct sim_variant *variant = sim_variant_at(decision->kind, decision->variant);
    const json_t *values = json_object_get(object, "values");
    if (values != NULL && !json_is_object(values)) {
        return refuse(reading, "values", "is no object");
    }
    for (size_t i = 0; i < SIM_DECISION_VALUE_MAX && variant->values[i] != NULL; i += 1) {
        int64_t low = 0, high = 0;
        bounds_of(variant->values[i], &low, &high);
        bool is_needed = strcmp(variant->values[i], "after_bytes") != 0;
        if (is_needed && json_object_get(values, variant->values[i]) == NULL) {
            return refuse(reading, "values", "%s is missing", variant->values[i]);
        }
        if (!take_number(reading, values, variant->values[i], low, high, low,
                         &decision->values[i])) {
            return false;
        }
    }
    return true;
}

/* ---- Nodes ------------------------------------------------------------------------------------ */

static bool is_link(enum sim_trouble kind)
{
    return kind == SIM_TROUBLE_LINK || kind == SIM_TROUBLE_SEGMENT || kind == SIM_TROUBLE_LATE;
}

/* How many nodes a decision names, at least and at most. */
static void node_bounds(const struct sim_decision *decision, uint32_t *low_out, uint32_t *high_out)
{
    bool is_snapshot = decision->kind == SIM_TROUBLE_SNAPSHOT;
    *low_out = *high_out = 1;
    if (decision->kind == SIM_TROUBLE_PARTITION && decision->variant == SIM_CUT_HALVES) {
        *low_out = 2;
        *high_out = NODES_MAX;
    } else if (decision->kind == SIM_TROUBLE_PARTITION && decision->variant >= SIM_CUT_PAIR) {
        *low_out = *high_out = 2;
    } else if (is_link(decision->kind)) {
        *low_out = 0;
        *high_out = 2;
    } else if (decision->kind == SIM_TROUBLE_HANDLES || decision->kind == SIM_TROUBLE_STALE_DNS ||
               (is_snapshot && decision->variant == SIM_SNAPSHOT_TRUNCATE) ||
               (decision->kind == SIM_TROUBLE_LEADER && decision->variant == SIM_LEADER_ELECTION)) {
        *low_out = *high_out = 0;
    }
}

static bool take_left(struct reading *reading, const json_t *object)
{
    struct sim_decision *decision = reading->decision;
    int64_t left = 0;
    bool is_cut = decision->kind == SIM_TROUBLE_PARTITION && decision->variant == SIM_CUT_HALVES;
    if (!take_number(reading, object, "left", 0, decision->node_count, 0, &left)) {
        return false;
    }
    decision->left_count = (uint32_t)left;
    if (is_cut && (left == 0 || left == decision->node_count)) {
        return refuse(reading, "left", "one side of the cut is empty");
    }
    return true;
}

static bool take_nodes(struct reading *reading, const json_t *object)
{
    struct sim_decision *decision = reading->decision;
    const json_t *nodes = json_object_get(object, "nodes");
    uint32_t low = 0, high = 0;
    node_bounds(decision, &low, &high);
    size_t count = json_array_size(nodes);
    if ((nodes != NULL && !json_is_array(nodes)) || count < low || count > high) {
        return refuse(reading, "nodes", "is no list of %" PRIu32 " to %" PRIu32 " names", low,
                      high);
    }
    for (size_t row = 0; row < count; row += 1) {
        const char *name = json_string_value(json_array_get(nodes, row));
        if (name == NULL || name[0] == '\0' || strlen(name) > NODE_TEXT_MAX) {
            return refuse(reading, "nodes", "number %zu is no name of a node", row);
        }
        if (sim_decision_add_node(decision, rp_view_text(name)) != 0) {
            return refuse(reading, "nodes", "out of memory");
        }
    }
    return take_left(reading, object);
}

static bool take_path(struct reading *reading, const json_t *object)
{
    struct sim_decision *decision = reading->decision;
    const char *path = json_string_value(json_object_get(object, "path"));
    if (!sim_variant_at(decision->kind, decision->variant)->has_path) {
        return true;
    }
    if (path == NULL && decision->is_applied) {
        return refuse(reading, "path", "is missing");
    }
    decision->path = strdup(path == NULL ? "" : path);
    return decision->path != NULL || refuse(reading, "path", "out of memory");
}

/* ---- Decisions -------------------------------------------------------------------------------- */

/* Those that were not applied say little of themselves, and nothing is done for them. */
static bool take_decision(struct reading *reading, const json_t *object)
{
    struct sim_decision *decision = reading->decision;
    int64_t source = 0, at_ns = 0, duration_ns = 0;
    const json_t *applied = json_object_get(object, "applied");
    if (!json_is_object(object)) {
        return refuse(reading, "", "is no object");
    }
    if (json_object_get(object, "at_ns") == NULL) {
        return refuse(reading, "at_ns", "is missing");
    }
    if (applied != NULL && !json_is_boolean(applied)) {
        return refuse(reading, "applied", "is neither true nor false");
    }
    decision->index = (uint32_t)reading->row;
    decision->is_applied = applied == NULL || json_is_true(applied);
    bool is_good = take_kind(reading, object) &&
                   take_number(reading, object, "nemesis", 0, UINT32_MAX, 0, &source) &&
                   take_number(reading, object, "at_ns", 0, TIME_MAX_NS, 0, &at_ns) &&
                   take_number(reading, object, "for_ns", 0, TIME_MAX_NS, 0, &duration_ns);
    decision->source = (uint32_t)source;
    decision->at_ns = (uint64_t)at_ns;
    decision->duration_ns = (uint64_t)duration_ns;
    if (!is_good || !decision->is_applied) {
        return is_good;
    }
    return take_values(reading, object) && take_nodes(reading, object) &&
           take_path(reading, object);
}

static int order_of_decisions(const void *left_pointer, const void *right_pointer)
{
    const struct sim_decision *left = left_pointer, *right = right_pointer;
    if (left->at_ns != right->at_ns) {
        return left->at_ns < right->at_ns ? -1 : 1;
    }
    return (left->index > right->index) - (left->index < right->index);
}

static bool take_all(struct cli_decisions *decisions, const char *path, const json_t *list)
{
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > CLI_DECISIONS_MAX) {
        cli_error("%s: holds no list of decisions (at most %d)", path, CLI_DECISIONS_MAX);
        return false;
    }
    decisions->rows = calloc(count + 1, sizeof *decisions->rows);
    if (decisions->rows == NULL) {
        cli_error("%s: out of memory", path);
        return false;
    }
    for (size_t row = 0; row < count; row += 1) {
        struct reading reading = {path, row, &decisions->rows[row]};
        decisions->count = row + 1;
        if (!take_decision(&reading, json_array_get(list, row))) {
            return false;
        }
    }
    qsort(decisions->rows, count, sizeof *decisions->rows, order_of_decisions);
    return true;
}

bool cli_decisions_read(struct cli_decisions *decisions, const char *path)
{
    json_error_t error;
    memset(decisions, 0, sizeof *decisions);
    /* A seed of a result may lie beyond the signed integers of this reader. Whole milliseconds stay
     * exact in a double for 285,000 years, whole nanoseconds for 104 days. */
    json_t *text = json_load_file(path, JSON_DECODE_INT_AS_REAL, &error);
    if (text == NULL) {
        cli_error("%s:%d:%d: %s", path, error.line, error.column, error.text);
        return false;
    }
    const json_t *list = json_is_object(text) ? json_object_get(text, "decisions") : text;
    bool is_read = take_all(decisions, path, list);
    json_decref(text);
    if (!is_read) {
        cli_decisions_clear(decisions);
    }
    return is_read;
}

void cli_decisions_clear(struct cli_decisions *decisions)
{
    for (size_t row = 0; row < decisions->count; row += 1) {
        sim_decision_clear(&decisions->rows[row]);
    }
    free(decisions->rows);
    memset(decisions, 0, sizeof *decisions);
}
