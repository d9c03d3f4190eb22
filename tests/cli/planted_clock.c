/* A build of the program that reads the clock once, in the middle of a run, and lets it matter: for the
 * test that --check-determinism and diff name that very event. The linker puts these functions in the
 * place of the simulator's (--wrap); REPLISIM_PLANT says where the clock goes in. What was planted is
 * told on standard error. Only the first run of a process is disturbed, so a difference is there once
 * and never again. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/event_queue.h"
#include "sim/trace.h"

#define PLANTED_CALL 200u

sim_event __real_sim_event_queue_add(struct sim_event_queue *queue, rp_time_ns at_ns,
                                     enum sim_event_kind kind, sim_event_fn run, void *context,
                                     uint64_t argument);
sim_event __wrap_sim_event_queue_add(struct sim_event_queue *queue, rp_time_ns at_ns,
                                     enum sim_event_kind kind, sim_event_fn run, void *context,
                                     uint64_t argument);
void __real_sim_trace_note_words(struct sim_trace *trace, const char *what, const uint64_t *words,
                                 size_t word_count);
void __wrap_sim_trace_note_words(struct sim_trace *trace, const char *what, const uint64_t *words,
                                 size_t word_count);

static unsigned call_count;

static bool is_planted(const char *place)
{
    const char *asked = getenv("REPLISIM_PLANT");
    if (asked == NULL || strcmp(asked, place) != 0) {
        return false;
    }
    call_count += 1;
    return call_count == PLANTED_CALL;
}

/* 1 to 1000. */
static uint64_t clock_reading(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_nsec % 1000 + 1;
}

sim_event __wrap_sim_event_queue_add(struct sim_event_queue *queue, rp_time_ns at_ns,
                                     enum sim_event_kind kind, sim_event_fn run, void *context,
                                     uint64_t argument)
{
    if (kind == SIM_EVENT_NET && at_ns > sim_event_queue_now(queue) && is_planted("event")) {
        uint64_t late_ns = clock_reading();
        fprintf(stderr, "planted: net event of %" PRIu64 " ns at %" PRIu64 " ns\n", at_ns,
                at_ns + late_ns);
        at_ns += late_ns;
    }
    return __real_sim_event_queue_add(queue, at_ns, kind, run, context, argument);
}

void __wrap_sim_trace_note_words(struct sim_trace *trace, const char *what, const uint64_t *words,
                                 size_t word_count)
{
    uint64_t changed[8];
    if (word_count <= 8 && strcmp(what, "net") == 0 && is_planted("note")) {
        memcpy(changed, words, word_count * sizeof *words);
        changed[0] += clock_reading();
        fprintf(stderr, "planted: note before event %" PRIu64 "\n", sim_trace_count(trace));
        words = changed;
    }
    __real_sim_trace_note_words(trace, what, words, word_count);
}
