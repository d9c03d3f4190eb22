#include "tests/bench/heap_queue.h"

#include <stdlib.h>

#include "protocol/panic.h"

#define NONE UINT32_MAX

struct heap_event {
    sim_event_fn run;
    void *context;
    uint64_t argument;
    uint32_t place; /* in the heap; NONE: free */
    uint32_t generation;
    uint32_t next_free;
};

struct heap_entry {
    rp_time_ns at_ns;
    uint64_t sequence;
    uint32_t index;
};

struct heap_queue {
    rp_time_ns now_ns;
    uint64_t sequence_next;
    struct heap_event *events;
    struct heap_entry *heap;
    uint32_t event_max, count, free_first;
};

struct heap_queue *heap_queue_new(void)
{
    struct heap_queue *queue = calloc(1, sizeof *queue);
    RP_ASSERT(queue != NULL);
    queue->free_first = NONE;
    return queue;
}

void heap_queue_free(struct heap_queue *queue)
{
    free(queue->events);
    free(queue->heap);
    free(queue);
}

rp_time_ns heap_queue_now(const struct heap_queue *queue)
{
    return queue->now_ns;
}

static bool is_before(const struct heap_entry *left, const struct heap_entry *right)
{
    return left->at_ns < right->at_ns ||
           (left->at_ns == right->at_ns && left->sequence < right->sequence);
}

static void settle_at(struct heap_queue *queue, uint32_t place, struct heap_entry entry)
{
    queue->heap[place] = entry;
    queue->events[entry.index].place = place;
}

static void sift_up(struct heap_queue *queue, uint32_t place, struct heap_entry entry)
{
    while (place > 0) {
        uint32_t parent = (place - 1) / 4;
        if (!is_before(&entry, &queue->heap[parent])) {
            break;
        }
        settle_at(queue, place, queue->heap[parent]);
        place = parent;
    }
    settle_at(queue, place, entry);
}

static void sift_down(struct heap_queue *queue, uint32_t place, struct heap_entry entry)
{
    for (;;) {
        uint32_t child = place * 4 + 1;
        if (child >= queue->count) {
            break;
        }
        uint32_t end = child + 4 < queue->count ? child + 4 : queue->count;
        uint32_t least = child;
        for (uint32_t other = child + 1; other < end; other += 1) {
            least = is_before(&queue->heap[other], &queue->heap[least]) ? other : least;
        }
        if (!is_before(&queue->heap[least], &entry)) {
            break;
        }
        settle_at(queue, place, queue->heap[least]);
        place = least;
    }
    settle_at(queue, place, entry);
}

static void grow(struct heap_queue *queue)
{
    uint32_t event_max = queue->event_max == 0 ? 1024 : queue->event_max * 2;
    queue->events = realloc(queue->events, event_max * sizeof *queue->events);
    queue->heap = realloc(queue->heap, event_max * sizeof *queue->heap);
    RP_ASSERT(queue->events != NULL && queue->heap != NULL);
    for (uint32_t index = event_max; index > queue->event_max; index -= 1) {
        queue->events[index - 1].place = NONE;
        queue->events[index - 1].generation = 0;
        queue->events[index - 1].next_free = queue->free_first;
        queue->free_first = index - 1;
    }
    queue->event_max = event_max;
}

sim_event heap_queue_add(struct heap_queue *queue, rp_time_ns at_ns, sim_event_fn run,
                         void *context, uint64_t argument)
{
    if (queue->free_first == NONE) {
        grow(queue);
    }
    uint32_t index = queue->free_first;
    struct heap_event *event = &queue->events[index];
    queue->free_first = event->next_free;
    event->run = run;
    event->context = context;
    event->argument = argument;
    struct heap_entry entry = {at_ns, queue->sequence_next, index};
    queue->sequence_next += 1;
    queue->count += 1;
    sift_up(queue, queue->count - 1, entry);
    return (uint64_t)event->generation << 32 | (index + 1u);
}

static void take_out(struct heap_queue *queue, uint32_t index)
{
    struct heap_event *event = &queue->events[index];
    uint32_t place = event->place;
    queue->count -= 1;
    if (place != queue->count) {
        struct heap_entry entry = queue->heap[queue->count];
        if (place > 0 && is_before(&entry, &queue->heap[(place - 1) / 4])) {
            sift_up(queue, place, entry);
        } else {
            sift_down(queue, place, entry);
        }
    }
    event->place = NONE;
    event->generation += 1;
    event->next_free = queue->free_first;
    queue->free_first = index;
}

bool heap_queue_cancel(struct heap_queue *queue, sim_event event)
{
    uint32_t index = (uint32_t)event - 1u;
    if (index >= queue->event_max || queue->events[index].place == NONE ||
        queue->events[index].generation != (uint32_t)(event >> 32)) {
        return false;
    }
    take_out(queue, index);
    return true;
}

bool heap_queue_step(struct heap_queue *queue)
{
    if (queue->count == 0) {
        return false;
    }
    uint32_t index = queue->heap[0].index;
    struct heap_event event = queue->events[index];
    queue->now_ns = queue->heap[0].at_ns;
    take_out(queue, index);
    event.run(event.context, event.argument);
    return true;
}
