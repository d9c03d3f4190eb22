/* PHOLD on the event queue and on the baseline heap: every event updates its object, draws the next
 * delay, adds to a running hash and adds one event. With time-outs, each message also arms one that
 * the next message of its object cancels. Prints events a second and the ratio of medians; in a
 * release build a plain ratio below 1.8 is a failure. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "protocol/panic.h"
#include "sim/event_queue.h"
#include "sim/rng.h"
#include "tests/bench/bench.h"
#include "tests/bench/heap_queue.h"
#include "tests/lib/test_alloc.h"

#define ROUND_COUNT 5
#define EVENT_COUNT (BENCH_IS_JUDGED ? UINT64_C(1000000) : UINT64_C(10000))
#define RATIO_MIN   1.8

struct phold {
    struct sim_event_queue *wheel;
    struct heap_queue *heap;
    struct sim_rng rng;
    uint64_t hash;
    bool has_timeouts;
    uint64_t *states;
    sim_event *timeouts;
};

static void timed_out(void *context, uint64_t argument)
{
    struct phold *phold = context;
    phold->timeouts[argument] = 0;
}

static uint64_t draw_delay(struct phold *phold)
{
    return 200000 + (sim_rng_next(&phold->rng) >> 43); /* 0.2 to 2.3 ms */
}

static void update(struct phold *phold, uint64_t object, uint64_t now_ns)
{
    phold->states[object] += 1;
    phold->hash = (phold->hash ^ now_ns ^ object) * UINT64_C(0x9e3779b97f4a7c15);
}

static void wheel_message(void *context, uint64_t object)
{
    struct phold *phold = context;
    rp_time_ns now_ns = sim_event_queue_now(phold->wheel);
    update(phold, object, now_ns);
    if (phold->has_timeouts) {
        sim_event_queue_cancel(phold->wheel, phold->timeouts[object]);
        phold->timeouts[object] = sim_event_queue_add(phold->wheel, now_ns + 10 * RP_NS_PER_S,
                                                      SIM_EVENT_TEST, timed_out, phold, object);
    }
    sim_event_queue_add(phold->wheel, now_ns + draw_delay(phold), SIM_EVENT_TEST, wheel_message,
                        phold, object);
}

static void heap_message(void *context, uint64_t object)
{
    struct phold *phold = context;
    rp_time_ns now_ns = heap_queue_now(phold->heap);
    update(phold, object, now_ns);
    if (phold->has_timeouts) {
        heap_queue_cancel(phold->heap, phold->timeouts[object]);
        phold->timeouts[object] =
            heap_queue_add(phold->heap, now_ns + 10 * RP_NS_PER_S, timed_out, phold, object);
    }
    heap_queue_add(phold->heap, now_ns + draw_delay(phold), heap_message, phold, object);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double run_wheel(struct phold *phold, uint64_t object_count)
{
    struct test_alloc test;
    test_alloc_init(&test);
    RP_ASSERT(sim_event_queue_new(&test.alloc, &phold->wheel) == 0);
    for (uint64_t object = 0; object < object_count; object += 1) {
        sim_event_queue_add(phold->wheel, draw_delay(phold), SIM_EVENT_TEST, wheel_message, phold,
                            object);
    }
    double begin = seconds();
    for (uint64_t event = 0; event < EVENT_COUNT; event += 1) {
        sim_event_queue_step(phold->wheel);
    }
    double rate = (double)EVENT_COUNT / (seconds() - begin);
    sim_event_queue_free(phold->wheel);
    return rate;
}

static double run_heap(struct phold *phold, uint64_t object_count)
{
    phold->heap = heap_queue_new();
    for (uint64_t object = 0; object < object_count; object += 1) {
        heap_queue_add(phold->heap, draw_delay(phold), heap_message, phold, object);
    }
    double begin = seconds();
    for (uint64_t event = 0; event < EVENT_COUNT; event += 1) {
        heap_queue_step(phold->heap);
    }
    double rate = (double)EVENT_COUNT / (seconds() - begin);
    heap_queue_free(phold->heap);
    return rate;
}

static double run_one(bool is_wheel, uint64_t object_count, bool has_timeouts, uint64_t *hash_out)
{
    struct phold phold = {0};
    phold.has_timeouts = has_timeouts;
    phold.states = calloc(object_count, sizeof *phold.states);
    phold.timeouts = calloc(object_count, sizeof *phold.timeouts);
    RP_ASSERT(phold.states != NULL && phold.timeouts != NULL);
    sim_rng_init(&phold.rng, 1, "phold", rp_view_text(NULL), 0);
    double rate = is_wheel ? run_wheel(&phold, object_count) : run_heap(&phold, object_count);
    *hash_out = phold.hash;
    free(phold.states);
    free(phold.timeouts);
    return rate;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

static bool measure(uint64_t object_count, bool has_timeouts)
{
    double wheel[ROUND_COUNT], heap[ROUND_COUNT];
    uint64_t wheel_hash = 0;
    uint64_t heap_hash = 0;
    for (int round = 0; round < ROUND_COUNT; round += 1) {
        wheel[round] = run_one(true, object_count, has_timeouts, &wheel_hash);
        heap[round] = run_one(false, object_count, has_timeouts, &heap_hash);
    }
    RP_ASSERT(wheel_hash == heap_hash); /* both ran the same events in the same order */
    qsort(wheel, ROUND_COUNT, sizeof *wheel, compare);
    qsort(heap, ROUND_COUNT, sizeof *heap, compare);
    double ratio = wheel[ROUND_COUNT / 2] / heap[ROUND_COUNT / 2];
    printf("%7" PRIu64 " pending, %s: queue %6.2f M events/s, heap %6.2f, ratio %.2f\n",
           object_count, has_timeouts ? "with time-outs" : "plain         ",
           wheel[ROUND_COUNT / 2] / 1e6, heap[ROUND_COUNT / 2] / 1e6, ratio);
    return ratio >= RATIO_MIN;
}

int main(void)
{
    bool is_fast = true;
    is_fast = measure(1000, false) && is_fast;
    is_fast = measure(100000, false) && is_fast;
    /* Told, not judged: the heap cancels by index, as few do. */
    (void)measure(1000, true);
    (void)measure(100000, true);
    return is_fast || !BENCH_IS_JUDGED ? 0 : 1;
}
