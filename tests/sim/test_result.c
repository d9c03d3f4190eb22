#include "sim/result.h"

#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* ---- Helpers --------------------------------------------------------------------------------- */

/* The text that a writer leaves in a file, owned by the caller. */
static char *written_json(const struct sim_result *result)
{
    char *text = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&text, &length);
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(sim_result_write_json(result, file), 0);
    fclose(file);
    return text;
}

static json_t *parsed_json(const struct sim_result *result)
{
    char *text = written_json(result);
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(root != NULL, "%s in %s", error.text, text);
    free(text);
    return root;
}

static struct sim_lag_sample sample(const char *node, const char *path, double committed_s,
                                    double lag_s)
{
    return (struct sim_lag_sample){rp_view_text(node), rp_view_text(path), committed_s, lag_s};
}

/* ---- result.json ----------------------------------------------------------------------------- */

/* A run without nodes, violations or parameters still gives every key of the contract. */
START_TEST(empty_result_has_every_key)
{
    static const char *const keys[] = {
        "scenario",     "seed",    "verdict", "fingerprint",  "virtual_seconds",
        "wall_seconds", "events",  "nodes",   "files",        "bytes_replicated",
        "violations",   "reached", "params",  "repeat",       "lag_seconds",
        "counters",     "metrics", "closing", "bytes_hashed", "version",
        "reach",        "without",
    };
    struct sim_result result = {.verdict = SIM_VERDICT_PASS};
    json_t *root = parsed_json(&result);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        ck_assert_msg(json_object_get(root, keys[i]) != NULL, "key %s is missing", keys[i]);
    }
    ck_assert_ptr_null(json_object_get(root, "error"));
    ck_assert_str_eq(json_string_value(json_object_get(root, "fingerprint")),
                     "00000000000000000000000000000000");
    ck_assert_uint_eq(json_object_size(json_object_get(root, "params")), 0);
    json_decref(root);
}
END_TEST

/* A seed is 0 to 2^64-1, which a signed JSON reader cannot hold: it is written in full. */
START_TEST(largest_seed_is_written_in_full)
{
    struct sim_result result = {.seed = UINT64_MAX};
    char *text = written_json(&result);
    ck_assert_ptr_nonnull(strstr(text, "\"seed\":18446744073709551615,"));
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
    free(text);
}
END_TEST

/* Paths of a hostile world reach `detail`: quotes, control bytes and bytes that are no UTF-8. */
START_TEST(odd_bytes_become_valid_json)
{
    char property[] = "intact-bytes", node[] = "reader-1", place[] = "a/b";
    char detail[] = "\"\x01\xff\xc0\xaf\xed\xa0\x80 db/\xc3\xa9";
    struct sim_violation violation = {.property = property,
                                      .time_ns = 12500000000u,
                                      .node = node,
                                      .place = place,
                                      .detail = detail};
    struct sim_result result = {
        .verdict = SIM_VERDICT_FAIL, .violations = &violation, .violation_count = 1};
    json_t *root = parsed_json(&result);
    json_t *row = json_array_get(json_object_get(root, "violations"), 0);
    ck_assert_double_eq(json_real_value(json_object_get(row, "time_s")), 12.5);
    ck_assert_str_eq(json_string_value(json_object_get(row, "place")), "a/b");
    ck_assert_str_eq(json_string_value(json_object_get(row, "detail")),
                     "\"\x01\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"
                     "\xEF\xBF\xBD db/\xc3\xa9");
    json_decref(root);
}
END_TEST

/* Parameters keep their types; text that is no object is left out, never copied through. */
START_TEST(params_are_values_not_text)
{
    char good[] = "{\"files\":100,\"mode\":\"x\"}", bad[] = "{\"files\":";
    struct sim_result result = {.params_json = good};
    json_t *root = parsed_json(&result);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(root, "params"), "files")),
                     100);
    json_decref(root);
    result.params_json = bad;
    root = parsed_json(&result);
    ck_assert_uint_eq(json_object_size(json_object_get(root, "params")), 0);
    json_decref(root);
}
END_TEST

/* A scenario may sample 0/0; JSON has no such number. */
START_TEST(metric_that_is_no_number_is_null)
{
    char name[] = "backlog";
    struct sim_metric_summary metric = {name, 3, 0.0 / 1.0, 1.0};
    metric.last = strtod("nan", NULL);
    struct sim_result result = {.metrics = &metric, .metric_count = 1};
    json_t *root = parsed_json(&result);
    json_t *row = json_object_get(json_object_get(root, "metrics"), "backlog");
    ck_assert(json_is_null(json_object_get(row, "last")));
    ck_assert_double_eq(json_real_value(json_object_get(row, "max")), 1.0);
    json_decref(root);
}
END_TEST

/* Counters stand under their node, by the names that the puller gives them. */
START_TEST(counters_are_grouped_by_node)
{
    char node[] = "reader-1";
    struct sim_node_counters counters = {.node = node, .counter_count = 2};
    counters.counters[0].name = "pulled";
    counters.counters[0].value = 100;
    counters.counters[1].name = "failed";
    struct sim_result result = {.counters = &counters, .counters_count = 1};
    json_t *root = parsed_json(&result);
    json_t *row = json_object_get(json_object_get(root, "counters"), "reader-1");
    ck_assert_int_eq(json_integer_value(json_object_get(row, "pulled")), 100);
    ck_assert_int_eq(json_integer_value(json_object_get(row, "failed")), 0);
    json_decref(root);
}
END_TEST

/* A disk that is full shows as an error, not as a short file that looks complete. */
START_TEST(full_disk_is_an_error)
{
    FILE *full = fopen("/dev/full", "w");
    if (full == NULL) {
        return;
    }
    struct sim_result result = {.seed = 1};
    ck_assert_int_ne(sim_result_write_json(&result, full), 0);
    fclose(full);
}
END_TEST

/* ---- Lag ------------------------------------------------------------------------------------- */

struct percentile_row {
    const char *name;
    size_t count; /* lags 1, 2, ... count seconds, in falling order */
    double p50_s, p90_s, p99_s, max_s;
};

static const struct percentile_row percentile_rows[] = {
    {"none", 0, 0, 0, 0, 0},
    {"one sample is every percentile", 1, 1, 1, 1, 1},
    {"two: the median is the lower one", 2, 1, 2, 2, 2},
    {"ten", 10, 5, 9, 10, 10},
    {"a hundred", 100, 50, 90, 99, 100},
    {"a hundred and one", 101, 51, 91, 100, 101},
    {"a thousand", 1000, 500, 900, 990, 1000},
};

/* Percentiles are the nearest rank, checked by counting on consecutive whole numbers. */
START_TEST(percentiles_are_nearest_rank)
{
    const struct percentile_row *row = &percentile_rows[_i];
    struct sim_lag_sample *samples = calloc(row->count + 1, sizeof *samples);
    for (size_t i = 0; i < row->count; i++) {
        samples[i] = sample("reader-1", "db/a.parquet", 0, (double)(row->count - i));
    }
    struct sim_lag_summary lag = sim_lag_summarize(samples, row->count);
    ck_assert_msg(lag.p50_s == row->p50_s && lag.p90_s == row->p90_s && lag.p99_s == row->p99_s &&
                      lag.max_s == row->max_s,
                  "%s (%d): %f %f %f %f", row->name, _i, lag.p50_s, lag.p90_s, lag.p99_s,
                  lag.max_s);
    ck_assert_uint_eq(lag.count, row->count);
    ck_assert_uint_eq(lag.unbounded, 0);
    free(samples);
}
END_TEST

/* A file that a node never got is counted as unbounded and leaves the percentiles alone. */
START_TEST(unbounded_is_counted_and_not_averaged)
{
    struct sim_lag_sample samples[] = {sample("reader-2", "db/a", 1, -1),
                                       sample("reader-1", "db/a", 1, 0.5),
                                       sample("reader-1", "db/b", 2, -1)};
    struct sim_lag_summary lag = sim_lag_summarize(samples, 3);
    ck_assert_uint_eq(lag.count, 3);
    ck_assert_uint_eq(lag.unbounded, 2);
    ck_assert_double_eq(lag.max_s, 0.5);
}
END_TEST

/* Rows come by commit, node, path; commas, quotes and line ends do not break a row. */
START_TEST(csv_is_sorted_and_quoted)
{
    struct sim_lag_sample samples[] = {
        sample("reader-2", "db/a,b\"c\n", 1.25, -1), sample("reader-1", "db/z", 1.25, 0.000000004),
        sample("reader-1", "db/a", 1.25, 2), sample("reader-9", "", 0.5, 0)};
    sim_lag_summarize(samples, 4);
    char *text = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&text, &length);
    ck_assert_int_eq(sim_lag_write_csv(samples, 4, file), 0);
    fclose(file);
    ck_assert_str_eq(text, "node,path,committed_s,lag_s\n"
                           "reader-9,\"\",0.500000000,0.000000000\n"
                           "reader-1,db/a,1.250000000,2.000000000\n"
                           "reader-1,db/z,1.250000000,0.000000004\n"
                           "reader-2,\"db/a,b\"\"c\n\",1.250000000,\n");
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("result");
    TCase *json = tcase_create("json");
    tcase_add_test(json, empty_result_has_every_key);
    tcase_add_test(json, largest_seed_is_written_in_full);
    tcase_add_test(json, odd_bytes_become_valid_json);
    tcase_add_test(json, params_are_values_not_text);
    tcase_add_test(json, metric_that_is_no_number_is_null);
    tcase_add_test(json, counters_are_grouped_by_node);
    tcase_add_test(json, full_disk_is_an_error);
    suite_add_tcase(suite, json);
    TCase *lag = tcase_create("lag");
    tcase_add_loop_test(lag, percentiles_are_nearest_rank, 0,
                        (int)(sizeof percentile_rows / sizeof percentile_rows[0]));
    tcase_add_test(lag, unbounded_is_counted_and_not_averaged);
    tcase_add_test(lag, csv_is_sorted_and_quoted);
    suite_add_tcase(suite, lag);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
