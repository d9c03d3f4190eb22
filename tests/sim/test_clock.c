#include <check.h>

#include "sim/clock.h"
#include "tests/lib/test_alloc.h"

struct world {
    struct test_alloc test;
    struct sim_event_queue *queue;
    struct sim_clock *clock;
    const struct rp_clock_port *port;
    bool is_frozen;
    int fired[4], fired_count;
};

struct wake {
    struct rp_timer timer;
    struct world *world;
    int number;
};

static void on_fire(void *context)
{
    struct wake *wake = context;
    ck_assert(!rp_timer_is_armed(&wake->timer));
    wake->world->fired[wake->world->fired_count] = wake->number;
    wake->world->fired_count += 1;
}

static bool enter(void *context)
{
    return !((struct world *)context)->is_frozen;
}

static void world_make(struct world *world)
{
    memset(world, 0, sizeof *world);
    test_alloc_init(&world->test);
    struct sim_gate gate = {world, enter, NULL};
    ck_assert_int_eq(sim_event_queue_new(&world->test.alloc, &world->queue), 0);
    ck_assert_int_eq(sim_clock_new(&world->test.alloc, world->queue, 1000, &world->clock), 0);
    world->port = sim_clock_attach(world->clock, &gate, 1);
}

static void world_clear(struct world *world)
{
    sim_clock_free(world->clock);
    sim_event_queue_free(world->queue);
    ck_assert_uint_eq(world->test.live_count, 0);
}

static void arm(struct world *world, struct wake *wake, int number, rp_time_ns deadline_ns)
{
    memset(wake, 0, sizeof *wake);
    wake->timer.fire = on_fire;
    wake->timer.context = wake;
    wake->world = world;
    wake->number = number;
    world->port->arm(world->port->state, &wake->timer, deadline_ns);
}

static void run(struct world *world)
{
    while (sim_event_queue_step(world->queue)) {
    }
}

/* A timer never fires before its deadline on the node's own clock, whatever the drift. */
START_TEST(timer_keeps_its_deadline_under_drift)
{
    static const int64_t DRIFTS[] = {0, 200, -200, 500000, -500000, 1};
    struct world world;
    struct wake wake;
    world_make(&world);
    sim_clock_set_drift(world.clock, DRIFTS[_i]);
    arm(&world, &wake, 1, 1000000007);
    run(&world);
    ck_assert_int_eq(world.fired_count, 1);
    ck_assert_uint_ge(sim_clock_now(world.clock), 1000000007);
    ck_assert_uint_le(sim_clock_now(world.clock), 1000000010);
    world_clear(&world);
}
END_TEST

/* Timers overdue in a freeze fire after it, in order of their deadlines. */
START_TEST(overdue_timers_fire_in_order_after_a_freeze)
{
    struct world world;
    struct wake wakes[3];
    world_make(&world);
    arm(&world, &wakes[0], 3, 300);
    arm(&world, &wakes[1], 1, 100);
    arm(&world, &wakes[2], 2, 200);
    world.is_frozen = true;
    run(&world);
    ck_assert_int_eq(world.fired_count, 0);
    world.is_frozen = false;
    sim_clock_thaw(world.clock);
    run(&world);
    ck_assert_int_eq(world.fired_count, 3);
    for (int index = 0; index < 3; index += 1) {
        ck_assert_int_eq(world.fired[index], index + 1);
    }
    world_clear(&world);
}
END_TEST

/* A jump and a skew move the wall clock only; disarm and detach silence a timer. */
START_TEST(jump_moves_the_wall_only_and_detach_silences)
{
    struct world world;
    struct wake wakes[2];
    world_make(&world);
    sim_clock_jump(world.clock, -10);
    sim_clock_set_skew(world.clock, 5);
    ck_assert_int_eq(sim_clock_wall(world.clock), 995);
    ck_assert_uint_eq(sim_clock_now(world.clock), 0);
    arm(&world, &wakes[0], 1, 100);
    arm(&world, &wakes[1], 2, 100);
    world.port->disarm(world.port->state, &wakes[0].timer);
    ck_assert_uint_eq(sim_clock_armed_count(world.clock), 1);
    sim_clock_detach(world.clock);
    run(&world);
    ck_assert_int_eq(world.fired_count, 0);
    world_clear(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clock");
    TCase *tcase = tcase_create("clock");
    tcase_add_loop_test(tcase, timer_keeps_its_deadline_under_drift, 0, 6);
    tcase_add_test(tcase, overdue_timers_fire_in_order_after_a_freeze);
    tcase_add_test(tcase, jump_moves_the_wall_only_and_detach_silences);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
