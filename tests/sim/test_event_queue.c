#include <check.h>

#include "sim/event_queue.h"
#include "sim/rng.h"
#include "tests/lib/test_alloc.h"

#define LIVE_MAX 4096

/* The naive model: every live event in an array, the earliest found by looking at all. */
struct model {
    struct sim_event_queue *queue;
    struct {
        rp_time_ns at_ns;
        uint64_t number;
        sim_event event;
    } live[LIVE_MAX];
    size_t live_count;
    uint64_t number_next;
    uint64_t expected;
    bool has_run;
};

static void ran(void *context, uint64_t argument)
{
    struct model *model = context;
    ck_assert_uint_eq(argument, model->expected);
    model->has_run = true;
}

static void add(struct model *model, rp_time_ns at_ns)
{
    rp_time_ns now_ns = sim_event_queue_now(model->queue);
    size_t place = model->live_count;
    model->live[place].at_ns = at_ns < now_ns ? now_ns : at_ns;
    model->live[place].number = model->number_next;
    model->live[place].event =
        sim_event_queue_add(model->queue, at_ns, SIM_EVENT_TEST, ran, model, model->number_next);
    model->number_next += 1;
    model->live_count += 1;
}

static void step(struct model *model)
{
    size_t first = 0;
    for (size_t place = 1; place < model->live_count; place += 1) {
        bool is_earlier = model->live[place].at_ns < model->live[first].at_ns ||
                          (model->live[place].at_ns == model->live[first].at_ns &&
                           model->live[place].number < model->live[first].number);
        first = is_earlier ? place : first;
    }
    model->expected = model->live[first].number;
    model->has_run = false;
    ck_assert_uint_eq(sim_event_queue_next_time(model->queue), model->live[first].at_ns);
    sim_event event = model->live[first].event;
    model->live[first] = model->live[model->live_count - 1];
    model->live_count -= 1;
    ck_assert(sim_event_queue_step(model->queue));
    ck_assert(model->has_run);
    ck_assert(!sim_event_queue_cancel(model->queue, event));
}

static void cancel(struct model *model, size_t place)
{
    sim_event event = model->live[place].event;
    model->live[place] = model->live[model->live_count - 1];
    model->live_count -= 1;
    ck_assert(sim_event_queue_cancel(model->queue, event));
    ck_assert(!sim_event_queue_cancel(model->queue, event));
}

/* Random adds (near, far by days, past, equal), cancels and steps agree with the naive model. */
START_TEST(random_operations_agree_with_the_naive_model)
{
    static const uint64_t SPANS[] = {1, 3, 64, 5000, 2000000, RP_NS_PER_S, 86400 * RP_NS_PER_S * 9};
    static const size_t LIVE_BOUNDS[] = {64, 600, 3000};
    struct test_alloc test;
    test_alloc_init(&test);
    struct model *model = calloc(1, sizeof *model);
    struct sim_rng rng;
    sim_rng_init(&rng, (uint64_t)_i, "test", rp_view_text(NULL), 0);
    ck_assert_int_eq(sim_event_queue_new(&test.alloc, &model->queue), 0);
    for (int operation = 0; operation < 100000; operation += 1) {
        uint64_t choice = sim_rng_below(&rng, 8);
        if (choice < 5 && model->live_count < LIVE_BOUNDS[_i]) {
            uint64_t span = SPANS[sim_rng_below(&rng, sizeof SPANS / sizeof SPANS[0])];
            rp_time_ns at_ns = sim_event_queue_now(model->queue) + sim_rng_below(&rng, span);
            add(model, choice == 3 ? at_ns / 2 : at_ns);
        } else if (choice == 5 && model->live_count > 0) {
            cancel(model, sim_rng_below(&rng, model->live_count));
        } else if (model->live_count > 0) {
            step(model);
        }
        ck_assert_uint_eq(sim_event_queue_pending(model->queue), model->live_count);
    }
    sim_event_queue_free(model->queue);
    free(model);
    ck_assert_uint_eq(test.live_count, 0);
}
END_TEST

static void collect(void *context, uint64_t argument)
{
    uint64_t **at = context;
    **at = argument;
    *at += 1;
}

static void run_instant(uint64_t key, uint64_t order[16])
{
    struct test_alloc test;
    test_alloc_init(&test);
    struct sim_event_queue *queue;
    ck_assert_int_eq(sim_event_queue_new(&test.alloc, &queue), 0);
    sim_event_queue_permute(queue, key);
    uint64_t *at = order;
    for (uint64_t number = 0; number < 16; number += 1) {
        sim_event_queue_add(queue, 1000, SIM_EVENT_TEST, collect, &at, number);
    }
    while (sim_event_queue_step(queue)) {
    }
    sim_event_queue_free(queue);
}

static void count_up(void *context, uint64_t argument)
{
    uint64_t *next = context;
    ck_assert_uint_eq(argument, *next);
    *next += 1;
}

/* A look at a far event, then many nearer ones, latest first: still in order, and not in square time.
 */
START_TEST(nearer_events_after_a_look_ahead_stay_in_order)
{
    struct test_alloc test;
    struct sim_event_queue *queue;
    uint64_t next = 0;
    test_alloc_init(&test);
    ck_assert_int_eq(sim_event_queue_new(&test.alloc, &queue), 0);
    sim_event_queue_add(queue, 3600 * RP_NS_PER_S, SIM_EVENT_TEST, count_up, &next, 200000);
    ck_assert_uint_eq(sim_event_queue_next_time(queue), 3600 * RP_NS_PER_S);
    for (uint64_t number = 200000; number > 0; number -= 1) {
        sim_event_queue_add(queue, number * 50000, SIM_EVENT_TEST, count_up, &next, number - 1);
    }
    while (sim_event_queue_step(queue)) {
    }
    ck_assert_uint_eq(next, 200001);
    sim_event_queue_free(queue);
}
END_TEST

/* A permutation key gives another order of one instant, the same each time, and loses nothing. */
START_TEST(permutation_reorders_an_instant_repeatably)
{
    uint64_t plain[16], first[16], second[16];
    uint64_t seen = 0;
    run_instant(0, plain);
    run_instant(5, first);
    run_instant(5, second);
    for (uint64_t number = 0; number < 16; number += 1) {
        ck_assert_uint_eq(plain[number], number);
        seen |= UINT64_C(1) << first[number];
    }
    ck_assert_int_eq(memcmp(first, second, sizeof first), 0);
    ck_assert_int_ne(memcmp(first, plain, sizeof first), 0);
    ck_assert_uint_eq(seen, 0xffff);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("event_queue");
    TCase *tcase = tcase_create("event_queue");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, random_operations_agree_with_the_naive_model, 0, 3);
    tcase_add_test(tcase, nearer_events_after_a_look_ahead_stay_in_order);
    tcase_add_test(tcase, permutation_reorders_an_instant_repeatably);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
