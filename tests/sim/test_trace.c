#include <check.h>
#include <jansson.h>

#include "sim/trace.h"
#include "tests/lib/test_alloc.h"

struct seen {
    uint64_t count, next;
    const struct sim_trace *trace;
};

static void on_record(void *context, const struct sim_trace_record *record)
{
    struct seen *seen = context;
    if (seen->count > 0) {
        ck_assert_uint_eq(record->number, seen->next);
    }
    ck_assert_uint_eq(record->time_ns, record->number * 10);
    ck_assert(record->is_observation == (record->number % 3 == 0));
    if (record->is_observation) {
        ck_assert(rp_view_equal(record->node_id, rp_view_text("reader-1")));
        ck_assert(rp_view_equal(record->observation.path, rp_view_text("a\"\xff")));
        ck_assert_int_eq(record->observation.error, -5);
    } else {
        ck_assert_uint_eq(record->argument, record->number);
    }
    seen->next = record->number + 1;
    seen->count += 1;
}

static void write_records(struct sim_trace *trace, uint64_t count)
{
    struct rp_observation observation = {0};
    observation.kind = RP_SEE_PUBLISHED;
    observation.path = rp_view_text("a\"\xff");
    observation.error = -5;
    for (uint64_t number = 0; number < count; number += 1) {
        if (number % 3 == 0) {
            sim_trace_observation(trace, number * 10, rp_view_text("reader-1"), &observation);
        } else {
            sim_trace_event(trace, number * 10, SIM_EVENT_TEST, number);
        }
    }
}

/* A small ring keeps the latest records, whole and in order, whatever its size. */
START_TEST(ring_keeps_the_latest_records_whole)
{
    struct test_alloc test;
    struct sim_trace *trace;
    test_alloc_init(&test);
    ck_assert_int_eq(sim_trace_new(&test.alloc, 300 + (size_t)_i * 7, &trace), 0);
    write_records(trace, 1000);
    struct seen seen = {0};
    sim_trace_replay(trace, &seen, on_record);
    ck_assert_uint_ge(seen.count, 3);
    ck_assert_uint_eq(seen.next, 1000);
    ck_assert_uint_eq(sim_trace_count(trace), 1000);
    sim_trace_free(trace);
    ck_assert_uint_eq(test.live_count, 0);
}
END_TEST

static struct sim_fingerprint fingerprint_of(uint64_t count, const char *note, size_t ring_bytes)
{
    struct test_alloc test;
    struct sim_trace *trace;
    test_alloc_init(&test);
    ck_assert_int_eq(sim_trace_new(&test.alloc, ring_bytes, &trace), 0);
    write_records(trace, count);
    sim_trace_note(trace, "note", note, strlen(note));
    struct sim_fingerprint fingerprint = sim_trace_fingerprint(trace);
    sim_trace_free(trace);
    return fingerprint;
}

/* Equal records give equal fingerprints, whatever the ring keeps; one more or another changes it. */
START_TEST(fingerprint_depends_on_records_only)
{
    struct sim_fingerprint base = fingerprint_of(1000, "x", 0);
    struct sim_fingerprint same = fingerprint_of(1000, "x", 500);
    struct sim_fingerprint more = fingerprint_of(1001, "x", 0);
    struct sim_fingerprint other = fingerprint_of(1000, "y", 0);
    char text[33];
    ck_assert(base.low == same.low && base.high == same.high);
    ck_assert(base.low != more.low && base.low != other.low);
    sim_fingerprint_text(base, text);
    ck_assert_uint_eq(strlen(text), 32);
}
END_TEST

/* A line is valid JSON whatever bytes a path or a log line holds, numbers at their extremes too, and of a
 * long text the digest tells two apart that begin alike. */
START_TEST(lines_are_valid_json)
{
    struct test_alloc test;
    struct sim_trace *trace;
    FILE *file = tmpfile();
    char text[4000];
    test_alloc_init(&test);
    ck_assert_int_eq(sim_trace_new(&test.alloc, 0, &trace), 0);
    sim_trace_sink(trace, file, SIM_TRACE_LINES);
    write_records(trace, 10);
    memset(text, '\x80', sizeof text);
    sim_trace_note(trace, "log", text, sizeof text);
    text[sizeof text - 1] = 'x';
    sim_trace_note(trace, "log", text, sizeof text);
    sim_trace_note_words(trace, "words", (const uint64_t[]){0, UINT64_MAX, 7}, 3);
    sim_trace_mark(trace, 91, "kill", rp_view_text("reader-1"), rp_view_text("host"));
    ck_assert_int_eq(sim_trace_sink_end(trace), 0);
    rewind(file);
    json_t *lines[14];
    for (size_t line = 0; line < 14; line += 1) {
        json_error_t error;
        lines[line] = json_loadf(file, JSON_DISABLE_EOF_CHECK | JSON_DECODE_INT_AS_REAL, &error);
        ck_assert_msg(lines[line] != NULL, "line %zu: %s", line, error.text);
    }
    ck_assert_str_eq(json_string_value(json_object_get(lines[0], "name")), "published");
    ck_assert_str_eq(json_string_value(json_object_get(lines[0], "node")), "reader-1");
    ck_assert_str_eq(json_string_value(json_object_get(lines[10], "note")), "log");
    ck_assert(
        !json_equal(json_object_get(lines[10], "digest"), json_object_get(lines[11], "digest")));
    ck_assert_uint_eq(json_array_size(json_object_get(lines[12], "words")), 3);
    ck_assert_str_eq(json_string_value(json_object_get(lines[13], "mark")), "kill");
    for (size_t line = 0; line < 14; line += 1) {
        json_decref(lines[line]);
    }
    fclose(file);
    sim_trace_free(trace);
    ck_assert_uint_eq(test.live_count, 0);
}
END_TEST

static void count_record(void *context, const struct sim_trace_record *record)
{
    (void)record;
    *(unsigned *)context += 1;
}

/* Listeners hear of everything until they leave; neither they nor marks change the fingerprint. */
START_TEST(listening_leaves_no_mark_in_the_fingerprint)
{
    struct test_alloc test;
    struct sim_trace *trace;
    unsigned heard[2] = {0, 0};
    test_alloc_init(&test);
    ck_assert_int_eq(sim_trace_new(&test.alloc, 0, &trace), 0);
    const struct sim_trace_listener first = {&heard[0], count_record};
    const struct sim_trace_listener second = {&heard[1], count_record};
    sim_trace_listen(trace, &first);
    sim_trace_listen(trace, &second);
    write_records(trace, 400);
    sim_trace_mark(trace, 1, "kill", rp_view_text(""), rp_view_text(""));
    sim_trace_unlisten(trace, &heard[0]);
    sim_trace_note(trace, "note", "x", 1);
    sim_trace_unlisten(trace, &heard[1]);
    sim_trace_mark(trace, 1, "kill", rp_view_text(""), rp_view_text(""));
    ck_assert_uint_eq(heard[0], 401);
    ck_assert_uint_eq(heard[1], 402);
    struct sim_fingerprint heard_of = sim_trace_fingerprint(trace);
    struct sim_fingerprint unheard = fingerprint_of(400, "x", 0);
    ck_assert(heard_of.low == unheard.low && heard_of.high == unheard.high);
    sim_trace_free(trace);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trace");
    TCase *tcase = tcase_create("trace");
    tcase_add_loop_test(tcase, ring_keeps_the_latest_records_whole, 0, 20);
    tcase_add_test(tcase, fingerprint_depends_on_records_only);
    tcase_add_test(tcase, lines_are_valid_json);
    tcase_add_test(tcase, listening_leaves_no_mark_in_the_fingerprint);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
