/* The baseline of bench_queue: a 4-ary heap of indexes into pooled events, each of which knows its
 * place in the heap, so that cancel is real and costs one sift. Order by (time, sequence). */
#ifndef REPLISIM_TESTS_BENCH_HEAP_QUEUE_H
#define REPLISIM_TESTS_BENCH_HEAP_QUEUE_H

#include "protocol/types.h"
#include "sim/event_queue.h"

struct heap_queue;

struct heap_queue *heap_queue_new(void);
void heap_queue_free(struct heap_queue *queue);
rp_time_ns heap_queue_now(const struct heap_queue *queue);
sim_event heap_queue_add(struct heap_queue *queue, rp_time_ns at_ns, sim_event_fn run,
                         void *context, uint64_t argument);
bool heap_queue_cancel(struct heap_queue *queue, sim_event event);
bool heap_queue_step(struct heap_queue *queue);

#endif
