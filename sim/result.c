#include "sim/result.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/error.h"

/* ---- Lag: the numbers behind the report ------------------------------------------------------ */

static int order_of_samples(const void *left_pointer, const void *right_pointer)
{
    const struct sim_lag_sample *left = left_pointer;
    const struct sim_lag_sample *right = right_pointer;
    if (left->committed_s != right->committed_s) {
        return left->committed_s < right->committed_s ? -1 : 1;
    }
    int order = rp_view_compare(left->node_id, right->node_id);
    return order != 0 ? order : rp_view_compare(left->path, right->path);
}

static int order_of_lags(const void *left_pointer, const void *right_pointer)
{
    double left = *(const double *)left_pointer;
    double right = *(const double *)right_pointer;
    return (left > right) - (left < right);
}

/* Nearest rank: the smallest lag that at least `percent` of the samples do not exceed. */
static double percentile(const double *sorted, size_t count, unsigned percent)
{
    if (count == 0) {
        return 0.0;
    }
    size_t rank = (count / 100) * percent + ((count % 100) * percent + 99) / 100;
    return sorted[rank == 0 ? 0 : rank - 1];
}

struct sim_lag_summary sim_lag_summarize(struct sim_lag_sample *samples, size_t count)
{
    struct sim_lag_summary summary = {.count = count};
    if (count == 0) {
        return summary;
    }
    qsort(samples, count, sizeof *samples, order_of_samples);
    double *lags = malloc(count * sizeof *lags);
    size_t bounded = 0;
    for (size_t i = 0; i < count; i++) {
        if (samples[i].lag_s < 0) {
            summary.unbounded += 1;
        } else if (lags != NULL) {
            lags[bounded++] = samples[i].lag_s;
        }
    }
    if (lags == NULL || bounded == 0) {
        free(lags);
        return summary;
    }
    qsort(lags, bounded, sizeof *lags, order_of_lags);
    summary.p50_s = percentile(lags, bounded, 50);
    summary.p90_s = percentile(lags, bounded, 90);
    summary.p99_s = percentile(lags, bounded, 99);
    summary.max_s = lags[bounded - 1];
    free(lags);
    return summary;
}

/* A field is quoted when it holds what would end it; a quote inside is doubled. */
static void write_csv_field(struct rp_view field, FILE *file)
{
    bool is_plain = true;
    for (size_t i = 0; i < field.length_bytes; i++) {
        is_plain = is_plain && strchr("\",\r\n", field.bytes[i]) == NULL;
    }
    if (is_plain && field.length_bytes > 0) {
        fwrite(field.bytes, 1, field.length_bytes, file);
        return;
    }
    fputc('"', file);
    for (size_t i = 0; i < field.length_bytes; i++) {
        if (field.bytes[i] == '"') {
            fputc('"', file);
        }
        fputc(field.bytes[i], file);
    }
    fputc('"', file);
}

int sim_lag_write_csv(const struct sim_lag_sample *samples, size_t count, FILE *file)
{
    fputs("node,path,committed_s,lag_s\n", file);
    for (size_t i = 0; i < count; i++) {
        write_csv_field(samples[i].node_id, file);
        fputc(',', file);
        write_csv_field(samples[i].path, file);
        if (samples[i].lag_s < 0) {
            fprintf(file, ",%.9f,\n", samples[i].committed_s);
        } else {
            fprintf(file, ",%.9f,%.9f\n", samples[i].committed_s, samples[i].lag_s);
        }
    }
    return ferror(file) ? RP_ERR_IO : 0;
}

/* ---- result.json ----------------------------------------------------------------------------- */

const char *sim_verdict_name(enum sim_verdict verdict)
{
    switch (verdict) {
    case SIM_VERDICT_PASS: return "pass";
    case SIM_VERDICT_FAIL: return "fail";
    case SIM_VERDICT_ERROR: break;
    }
    return "error";
}

/* Length of the UTF-8 sequence at `text`, 0 when it is none (surrogates and overlong forms too). */
static size_t utf8_length(const char *text)
{
    const unsigned char *b = (const unsigned char *)text;
    if (b[0] < 0x80) {
        return 1;
    }
    size_t length = b[0] >= 0xC2 && b[0] <= 0xDF   ? 2
                    : b[0] >= 0xE0 && b[0] <= 0xEF ? 3
                    : b[0] >= 0xF0 && b[0] <= 0xF4 ? 4
                                                   : 0;
    for (size_t i = 1; i < length; i++) {
        if ((b[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    bool is_bad = (b[0] == 0xE0 && b[1] < 0xA0) || (b[0] == 0xED && b[1] > 0x9F) ||
                  (b[0] == 0xF0 && b[1] < 0x90) || (b[0] == 0xF4 && b[1] > 0x8F);
    return is_bad ? 0 : length;
}

/* Paths and details may hold any bytes; a JSON string may not. */
static json_t *make_text(const char *text)
{
    if (text == NULL) {
        return json_null();
    }
    json_t *plain = json_string(text);
    if (plain != NULL) {
        return plain;
    }
    char *clean = malloc(strlen(text) * 3 + 1);
    if (clean == NULL) {
        return NULL;
    }
    size_t used = 0;
    while (*text != '\0') {
        size_t length = utf8_length(text);
        memcpy(clean + used, length == 0 ? "\xEF\xBF\xBD" : text, length == 0 ? 3 : length);
        used += length == 0 ? 3 : length;
        text += length == 0 ? 1 : length;
    }
    clean[used] = '\0';
    json_t *cleaned = json_string(clean);
    free(clean);
    return cleaned;
}

static json_t *make_count(uint64_t count)
{
    return json_integer(count > INT64_MAX ? INT64_MAX : (json_int_t)count);
}

/* JSON has no infinity and no NaN; a sample of a scenario may be either. */
static json_t *make_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *make_violations(const struct sim_result *result)
{
    json_t *list = json_array();
    for (size_t i = 0; i < result->violation_count; i++) {
        const struct sim_violation *violation = &result->violations[i];
        json_t *row =
            json_pack("{so so so so so sb}", "property", make_text(violation->property), "time_s",
                      make_real((double)violation->time_ns / 1e9), "node",
                      make_text(violation->node), "place", make_text(violation->place), "detail",
                      make_text(violation->detail), "tolerated", (int)violation->is_tolerated);
        if (json_array_append_new(list, row) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *make_names(char *const *names, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(list, make_text(names[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* By group and name; what was not reached is left out. */
static json_t *make_reach(const struct sim_reach *reach)
{
    json_t *groups = json_object();
    for (int index = 0; index < SIM_REACH_GROUP_COUNT; index++) {
        enum sim_reach_group group = (enum sim_reach_group)index;
        json_t *rows = json_object();
        bool is_made = true;
        for (size_t row = 0; row < sim_reach_row_count(group) && is_made; row++) {
            uint64_t count = sim_reach_row_count_of(reach, group, row);
            is_made = count == 0 || json_object_set_new(rows, sim_reach_row_name(group, row),
                                                        make_count(count)) == 0;
        }
        if (json_object_set_new(groups, sim_reach_group_name(group), rows) != 0 || !is_made) {
            json_decref(groups);
            return NULL;
        }
    }
    return groups;
}

static json_t *make_without(const struct sim_result *result)
{
    json_t *list = json_array();
    for (int i = 0; i < SIM_PROPERTY_COUNT; i++) {
        if (result->is_without[i] &&
            json_array_append_new(list, make_text(sim_property_name((enum sim_property)i))) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *make_lag(const struct sim_lag_summary *lag)
{
    return json_pack("{so so so so so so}", "count", make_count(lag->count), "unbounded",
                     make_count(lag->unbounded), "p50", make_real(lag->p50_s), "p90",
                     make_real(lag->p90_s), "p99", make_real(lag->p99_s), "max",
                     make_real(lag->max_s));
}

static json_t *make_counters(const struct sim_result *result)
{
    json_t *nodes = json_object();
    for (size_t i = 0; i < result->counters_count; i++) {
        const struct sim_node_counters *node = &result->counters[i];
        json_t *counters = json_object();
        for (size_t k = 0; k < node->counter_count; k++) {
            if (json_object_set_new(counters, node->counters[k].name,
                                    make_count(node->counters[k].value)) != 0) {
                json_decref(counters);
                json_decref(nodes);
                return NULL;
            }
        }
        if (json_object_set_new(nodes, node->node, counters) != 0) {
            json_decref(nodes);
            return NULL;
        }
    }
    return nodes;
}

static json_t *make_cut_offs(const struct sim_result *result)
{
    json_t *list = json_array();
    for (size_t i = 0; i < result->cut_off_count; i++) {
        const struct sim_cut_off *pair = &result->cut_offs[i];
        json_t *row = json_pack("{s[ss] s[ss] so}", "nodes", pair->colon.node, pair->nul.node,
                                "releases", pair->colon.release, pair->nul.release, "refused",
                                make_count(pair->refused_count));
        if (json_array_append_new(list, row) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *make_unrecoverable(const struct sim_result *result)
{
    json_t *list = json_array();
    for (size_t i = 0; i < result->unrecoverable_count; i++) {
        const struct sim_unrecoverable *lost = &result->unrecoverable[i];
        json_t *row = json_pack("{ss so}", "what", lost->what, "reason", make_text(lost->reason));
        if (row != NULL && lost->path[0] != '\0') {
            (void)json_object_set_new(row, "path", make_text(lost->path));
        }
        if (row != NULL && lost->cluster[0] != '\0') {
            (void)json_object_set_new(row, "cluster", make_text(lost->cluster));
        }
        if (json_array_append_new(list, row) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* The numbers of a decision by their names. */
static json_t *make_values(const struct sim_decision *decision)
{
    const struct sim_variant *variant = sim_variant_at(decision->kind, decision->variant);
    json_t *values = json_object();
    for (size_t i = 0; i < SIM_DECISION_VALUE_MAX && variant->values[i] != NULL; i++) {
        if (json_object_set_new(values, variant->values[i], json_integer(decision->values[i])) !=
            0) {
            json_decref(values);
            return NULL;
        }
    }
    return values;
}

static json_t *make_node_list(const struct sim_decision *decision)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < decision->node_count; i++) {
        if (json_array_append_new(list, make_text(decision->nodes[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *make_decision(const struct sim_decision *decision)
{
    char *lua = decision->is_applied ? sim_decision_lua(decision) : NULL;
    json_t *row =
        json_pack("{si si ss ss so sI sI so so so sb so}", "index", (int)decision->index, "nemesis",
                  (int)decision->source, "kind", sim_trouble_name(decision->kind), "variant",
                  sim_variant_at(decision->kind, decision->variant)->name, "nodes",
                  make_node_list(decision), "at_ns", (json_int_t)decision->at_ns, "for_ns",
                  (json_int_t)decision->duration_ns, "values", make_values(decision), "path",
                  make_text(decision->path), "left", make_count(decision->left_count), "applied",
                  (int)decision->is_applied, "lua", make_text(lua));
    free(lua);
    return row;
}

static json_t *make_decisions(const struct sim_result *result)
{
    json_t *list = json_array();
    for (size_t i = 0; i < result->decision_count; i++) {
        if (json_array_append_new(list, make_decision(&result->decisions[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *make_metrics(const struct sim_result *result)
{
    json_t *metrics = json_object();
    for (size_t i = 0; i < result->metric_count; i++) {
        const struct sim_metric_summary *metric = &result->metrics[i];
        json_t *row = json_pack("{so so so}", "count", make_count(metric->count), "last",
                                make_real(metric->last), "max", make_real(metric->max));
        if (json_object_set_new(metrics, metric->name, row) != 0) {
            json_decref(metrics);
            return NULL;
        }
    }
    return metrics;
}

/* The parameters come as text made by the caller; unreadable ones are left out, not passed on. */
static json_t *make_params(const struct sim_result *result)
{
    json_t *params = result->params_json == NULL ? NULL : json_loads(result->params_json, 0, NULL);
    return params != NULL ? params : json_object();
}

/* Writes `"key":value` and takes the value; a NULL value is a failure to make it. */
static int write_member(FILE *file, char before, const char *key, json_t *value)
{
    if (value == NULL) {
        return RP_ERR_NOMEM;
    }
    fprintf(file, "%c\"%s\":", before, key);
    int status = json_dumpf(
        value, file, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
    json_decref(value);
    return status == 0 && !ferror(file) ? 0 : RP_ERR_IO;
}

/* Jansson's integers are signed; a seed is any unsigned 64-bit number, so it is written here. */
static int write_head(const struct sim_result *result, FILE *file)
{
    char fingerprint[33];
    sim_fingerprint_text(result->fingerprint, fingerprint);
    int status = write_member(file, '{', "scenario", make_text(result->scenario));
    fprintf(file, ",\"seed\":%" PRIu64, result->seed);
    fprintf(file, ",\"verdict\":\"%s\"", sim_verdict_name(result->verdict));
    if (status == 0 && result->error != NULL) {
        status = write_member(file, ',', "error", make_text(result->error));
    }
    fprintf(file, ",\"fingerprint\":\"%s\"", fingerprint);
    return status;
}

int sim_result_write_json(const struct sim_result *result, FILE *file)
{
    int status = write_head(result, file);
    if (status != 0) {
        return status;
    }
    struct {
        const char *key;
        json_t *value;
    } members[] = {
        {"virtual_seconds", make_real(result->virtual_seconds)},
        {"wall_seconds", make_real(result->wall_seconds)},
        {"events", make_count(result->events)},
        {"nodes", make_count(result->nodes)},
        {"files", make_count(result->files)},
        {"bytes_replicated", make_count(result->bytes_replicated)},
        {"bytes_hashed", make_count(result->bytes_hashed)},
        {"violations", make_violations(result)},
        {"reached", make_names(result->reached, result->reached_count)},
        {"missed", make_names(result->missed, result->missed_count)},
        {"reach", make_reach(&result->reach)},
        {"without", make_without(result)},
        {"params", make_params(result)},
        {"repeat", make_text(result->repeat)},
        {"lag_seconds", make_lag(&result->lag)},
        {"counters", make_counters(result)},
        {"metrics", make_metrics(result)},
        {"cut_off", make_cut_offs(result)},
        {"unrecoverable", make_unrecoverable(result)},
        {"t_conv_s", make_real(result->t_conv_s)},
        {"decisions", make_decisions(result)},
        {"vacuous", json_boolean(result->is_vacuous)},
        {"closing", make_text(result->is_closing_short ? "short" : "full")},
        {"version", json_integer(SIM_RESULT_VERSION)},
    };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (status == 0) {
            status = write_member(file, ',', members[i].key, members[i].value);
        } else {
            json_decref(members[i].value);
        }
    }
    if (status == 0) {
        fputs("}\n", file);
        status = fflush(file) == 0 && !ferror(file) ? 0 : RP_ERR_IO;
    }
    return status;
}
