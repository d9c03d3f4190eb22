/* What a refused reader is told (behaviour.md 11). */
#include <check.h>
#include <jansson.h>
#include <stdlib.h>

#include "protocol/query_gate.h"
#include "tests/lib/test_alloc.h"

static struct test_alloc alloc;

/* Reads refused at these milliseconds; the count never goes back, and a line is due a second after
 * the last line, not after the last refusal. */
START_TEST(every_refusal_counts_and_a_second_has_one_line)
{
    static const struct {
        rp_time_ns at_ms;
        bool is_logged;
    } ROWS[] = {{0, true}, {1, false}, {999, false}, {1000, true}, {1999, false}, {2500, true}};
    struct rp_query_gate gate;
    rp_query_gate_init(&gate);
    for (size_t row = 0; row < sizeof ROWS / sizeof ROWS[0]; row += 1) {
        bool is_logged = rp_query_gate_refuse(&gate, ROWS[row].at_ms * RP_NS_PER_MS);
        ck_assert_msg(is_logged == ROWS[row].is_logged, "at %llu ms",
                      (unsigned long long)ROWS[row].at_ms);
        ck_assert_uint_eq(gate.refused_count, row + 1);
    }
}
END_TEST

static json_t *body_of(const struct rp_catchup_status *status)
{
    struct rp_buffer text;
    test_alloc_init(&alloc);
    rp_buffer_init(&text, &alloc.alloc, 4096);
    ck_assert_int_eq(rp_query_gate_body(status, &text), 0);
    struct rp_view view = rp_buffer_view(&text);
    json_t *body = json_loadb((const char *)view.bytes, view.length_bytes, 0, NULL);
    rp_buffer_clear(&text);
    ck_assert_uint_eq(alloc.live_count, 0);
    ck_assert_ptr_nonnull(body);
    return body;
}

/* The keys that a client looks at, and the status under the names of the status table. */
START_TEST(body_names_the_reason_and_the_status)
{
    struct rp_catchup_status status = {.entries_walked = 7, .catchup_inflight = 3};
    json_t *body = body_of(&status);
    ck_assert(json_is_false(json_object_get(body, "success")));
    ck_assert_str_eq(json_string_value(json_object_get(body, "error")),
                     "replication_catch_up_in_progress");
    ck_assert(json_is_string(json_object_get(body, "message")));
    const json_t *shown = json_object_get(body, "catchup_status");
    ck_assert_uint_eq(json_object_size(shown), RP_CATCHUP_STATUS_COUNT);
    ck_assert_int_eq(json_integer_value(json_object_get(shown, "entries_walked")), 7);
    ck_assert_int_eq(json_integer_value(json_object_get(shown, "catchup_inflight")), 3);
    json_decref(body);
}
END_TEST

/* A node that cannot tell how far it is still refuses. */
START_TEST(body_does_without_a_status)
{
    json_t *body = body_of(NULL);
    ck_assert_uint_eq(json_object_size(body), 3);
    ck_assert_ptr_null(json_object_get(body, "catchup_status"));
    json_decref(body);
}
END_TEST

/* No room: an error at every length, nothing crashes. */
START_TEST(body_that_does_not_fit_is_an_error)
{
    struct rp_catchup_status status = {0};
    for (size_t max = 0; max < 300; max += 1) {
        struct rp_buffer text;
        test_alloc_init(&alloc);
        rp_buffer_init(&text, &alloc.alloc, max);
        ck_assert_int_ne(rp_query_gate_body(&status, &text), 0);
        rp_buffer_clear(&text);
        ck_assert_uint_eq(alloc.live_count, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("protocol.query_gate");
    TCase *tc = tcase_create("query_gate");
    tcase_add_test(tc, every_refusal_counts_and_a_second_has_one_line);
    tcase_add_test(tc, body_names_the_reason_and_the_status);
    tcase_add_test(tc, body_does_without_a_status);
    tcase_add_test(tc, body_that_does_not_fit_is_an_error);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
