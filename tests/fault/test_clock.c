/* The wrong clock over a right one that moves when told (docs/scenario-api.md, n:clock). */
#include "fault/clock.h"

#include <check.h>

#include "tests/fault/fake_clock.h"
#include "tests/lib/test_alloc.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))
#define WALL        INT64_C(1775916000000000000)

static struct test_alloc memory;
static struct fake_clock right;
static struct fault_clock *wrong;
static const struct rp_clock_port *port;

struct wake {
    struct rp_timer timer;
    int fired_count;
    rp_time_ns fired_ns; /* true time */
};

static void on_fire(void *context)
{
    struct wake *wake = context;
    ck_assert(!rp_timer_is_armed(&wake->timer));
    wake->fired_count += 1;
    wake->fired_ns = right.now_ns;
}

static void setup(void)
{
    memset(&right, 0, sizeof right);
    right.now_ns = 5000;
    right.wall_offset_ns = WALL;
    test_alloc_init(&memory);
    struct rp_clock_port inner = fake_clock_port(&right);
    ck_assert_int_eq(fault_clock_new(&memory.alloc, &inner, &wrong), 0);
    port = fault_clock_port(wrong);
}

static void teardown(void)
{
    fault_clock_free(wrong);
    ck_assert_uint_eq(fake_clock_armed(&right), 0);
    ck_assert_uint_eq(memory.live_count, 0);
}

static void arm(struct wake *wake, rp_time_ns wait_ns)
{
    memset(wake, 0, sizeof *wake);
    wake->timer.fire = on_fire;
    wake->timer.context = wake;
    port->arm(port->state, &wake->timer, port->now_ns(port->state) + wait_ns);
}

/* Without a fault it shows what the clock under it shows, also when that wall clock is set anew. */
START_TEST(right_clock_is_shown_as_it_is)
{
    struct wake wake;
    setup();
    arm(&wake, 1000);
    ck_assert_uint_eq(port->now_ns(port->state), 5000);
    ck_assert_int_eq(port->wall_unix_ns(port->state), WALL + 5000);
    right.wall_offset_ns += 77;
    ck_assert_int_eq(port->wall_unix_ns(port->state), WALL + 5077);
    fake_clock_advance(&right, 9000);
    ck_assert_uint_eq(wake.fired_ns, 6000);
    ck_assert_uint_eq(port->now_ns(port->state), 9000);
    teardown();
}
END_TEST

/* Skew is a state and ends; a jump is for good; neither touches the monotonic clock. */
START_TEST(wall_clock_is_skewed_and_jumps)
{
    setup();
    fault_clock_set_skew(wrong, -300);
    ck_assert_int_eq(port->wall_unix_ns(port->state), WALL + 4700);
    fault_clock_jump(wrong, 1000);
    fault_clock_jump(wrong, 20);
    ck_assert_int_eq(port->wall_unix_ns(port->state), WALL + 5720);
    fault_clock_set_skew(wrong, 0);
    ck_assert_int_eq(port->wall_unix_ns(port->state), WALL + 6020);
    ck_assert_uint_eq(port->now_ns(port->state), 5000);
    teardown();
}
END_TEST

/* Jumps add up to a century either way and no further: the sum stays a number, and way back is left. */
START_TEST(jumps_add_up_to_a_bound)
{
    setup();
    for (int time = 0; time < 4; time += 1) {
        fault_clock_jump(wrong, FAULT_CLOCK_OFF_MAX_NS);
    }
    fault_clock_set_skew(wrong, FAULT_CLOCK_OFF_MAX_NS);
    ck_assert_int_eq(port->wall_unix_ns(port->state), WALL + 5000 + FAULT_CLOCK_OFF_MAX_NS);
    fault_clock_set_skew(wrong, 0);
    fault_clock_jump(wrong, -FAULT_CLOCK_OFF_MAX_NS);
    ck_assert_int_eq(port->wall_unix_ns(port->state), WALL + 5000);
    fault_clock_jump(wrong, INT64_MIN);
    ck_assert_int_eq(port->wall_unix_ns(port->state), WALL + 5000 - FAULT_CLOCK_OFF_MAX_NS);
    teardown();
}
END_TEST

static const struct {
    const char *name;
    int64_t drift_ppm;
    rp_time_ns true_wait_ns; /* for a second of the wrong clock */
} drifts[] = {
    {"right", 0, 1000000000},
    {"a tenth fast", 100000, 909090910},
    {"a tenth slow", -100000, 1111111112},
    {"twice as fast", 1000000, 500000000},
    {"a millionth fast", 1, 999999001},
};

/* A drift moves both clocks alike; a timer fires when the wrong clock shows its deadline, not before,
 * whether it was armed under the drift or before it. */
START_TEST(drift_moves_timers_and_both_clocks)
{
    struct wake before, after;
    setup();
    arm(&before, RP_NS_PER_S);
    fault_clock_set_drift(wrong, drifts[_i].drift_ppm);
    arm(&after, RP_NS_PER_S);
    fake_clock_advance(&right, 5000 + drifts[_i].true_wait_ns - 2);
    ck_assert_int_eq(before.fired_count, 0);
    fake_clock_advance(&right, 5000 + drifts[_i].true_wait_ns + 2);
    ck_assert_msg(before.fired_count == 1 && after.fired_count == 1, "%s", drifts[_i].name);
    ck_assert_uint_ge(port->now_ns(port->state), 5000 + RP_NS_PER_S);
    ck_assert_int_eq(port->wall_unix_ns(port->state), WALL + (int64_t)port->now_ns(port->state));
    teardown();
}
END_TEST

/* The monotonic clock never steps: not when a drift begins, changes or ends. */
START_TEST(change_of_drift_is_no_step)
{
    static const int64_t ppm[] = {50000, -50000, 0, 999999, -999999, 0};
    setup();
    for (size_t row = 0; row < sizeof ppm / sizeof ppm[0]; row += 1) {
        rp_time_ns own_ns = port->now_ns(port->state);
        fault_clock_set_drift(wrong, ppm[row]);
        ck_assert_uint_eq(port->now_ns(port->state), own_ns);
        fake_clock_advance(&right, right.now_ns + RP_NS_PER_S);
        ck_assert_uint_ge(port->now_ns(port->state), own_ns);
    }
    rp_time_ns own_ns = port->now_ns(port->state);
    fake_clock_advance(&right, right.now_ns + 12345);
    ck_assert_uint_eq(port->now_ns(port->state), own_ns + 12345);
    teardown();
}
END_TEST

/* Arming again moves a timer, disarming ends it, and their memory is used again. */
START_TEST(timers_are_moved_disarmed_and_reused)
{
    struct wake wake, other;
    setup();
    arm(&wake, 1000);
    arm(&other, 1000);
    port->arm(port->state, &wake.timer, 8000);
    port->disarm(port->state, &other.timer);
    port->disarm(port->state, &other.timer);
    ck_assert_uint_eq(fault_clock_armed_count(wrong), 1);
    fake_clock_advance(&right, 7999);
    ck_assert_int_eq(wake.fired_count + other.fired_count, 0);
    fake_clock_advance(&right, 8000);
    ck_assert_int_eq(wake.fired_count, 1);
    size_t asked = memory.call_count;
    arm(&wake, 10);
    arm(&other, 10);
    ck_assert_uint_eq(memory.call_count, asked);
    teardown();
}
END_TEST

/* A clock that goes while timers are armed takes them along. */
START_TEST(freed_clock_fires_nothing)
{
    struct wake wake, other;
    setup();
    arm(&wake, 1000);
    arm(&other, 2000);
    fault_clock_set_drift(wrong, 1000);
    teardown();
    fake_clock_advance(&right, 90000);
    ck_assert_int_eq(wake.fired_count + other.fired_count, 0);
}
END_TEST

/* What lies beyond all time is not wrapped into the past. */
START_TEST(far_deadlines_stay_far)
{
    struct fault_clock_face face;
    fault_clock_face_init(&face, 1000);
    for (int64_t ppm = -999999; ppm <= 1000000; ppm += 399999) {
        fault_clock_face_drift(&face, 1000, ppm);
        ck_assert_uint_gt(fault_clock_face_when(&face, 1000, RP_TIME_NEVER), RP_TIME_NEVER / 3);
        ck_assert_uint_lt(fault_clock_face_when(&face, 1000, RP_TIME_NEVER), RP_TIME_NEVER);
        ck_assert_uint_eq(fault_clock_face_when(&face, 1000, 10), 1000);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clock");
    TCase *tcase = tcase_create("clock");
    tcase_add_test(tcase, right_clock_is_shown_as_it_is);
    tcase_add_test(tcase, wall_clock_is_skewed_and_jumps);
    tcase_add_test(tcase, jumps_add_up_to_a_bound);
    tcase_add_loop_test(tcase, drift_moves_timers_and_both_clocks, 0, ROWS(drifts));
    tcase_add_test(tcase, change_of_drift_is_no_step);
    tcase_add_test(tcase, timers_are_moved_disarmed_and_reused);
    tcase_add_test(tcase, freed_clock_fires_nothing);
    tcase_add_test(tcase, far_deadlines_stay_far);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
