/* A hierarchy of wheels, 64 slots a level, each slot one digit (6 bits) of the time. An event stands
 * in the level of the highest digit in which its time differs from `now`, so the lowest level that is
 * not empty holds the earliest events, its first slot the earliest of them, and a slot of level 0 is
 * one exact time. When time moves into a slot of a higher level, its events are spread over the
 * levels below, in their order. Slots are first in, first out; since every event of a slot was added
 * before any that comes to the levels below directly, events of one time stay in order of adding. */
#include "sim/event_queue.h"

#include <stdlib.h>

#include "protocol/error.h"
#include "protocol/panic.h"

#define DIGIT_BITS  6
#define SLOT_COUNT  64
#define LEVEL_COUNT 11 /* 11 * 6 >= 64 bits */
#define NONE        UINT32_MAX
#define POOL_FIRST  1024u
#define LEVEL_FREE  UINT8_MAX

struct event {
    rp_time_ns at_ns;
    uint64_t sequence;
    sim_event_fn run;
    void *context;
    uint64_t argument;
    uint32_t next, previous; /* in the slot; `next` also links the free ones */
    uint32_t generation;
    uint8_t kind;
    uint8_t level; /* LEVEL_FREE: not in the queue */
    uint8_t slot;
};

_Static_assert(sizeof(struct event) <= 64, "an event fits one cache line");

struct slot {
    uint32_t first, last;
};

struct sim_event_queue {
    const struct rp_alloc *alloc; /* borrowed */
    rp_time_ns now_ns;
    uint64_t sequence_next;
    uint64_t run_count;
    size_t pending_count;
    struct event *events; /* owned */
    uint32_t event_max;
    uint32_t free_first;
    uint64_t occupied[LEVEL_COUNT]; /* a bit a slot */
    uint32_t levels;                /* a bit a level that is not empty */
    struct slot slots[LEVEL_COUNT][SLOT_COUNT];
    struct sim_event_watch watch;
    uint64_t permutation_key;
    rp_time_ns permuted_ns; /* the instant whose slot is in drawn order; NEVER: none */
};

static uint64_t mix(uint64_t value)
{
    value ^= value >> 30;
    value *= UINT64_C(0xbf58476d1ce4e5b9);
    value ^= value >> 27;
    value *= UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

int sim_event_queue_new(const struct rp_alloc *alloc, struct sim_event_queue **queue_out)
{
    struct sim_event_queue *queue = rp_allocate_zeroed(alloc, sizeof *queue);
    if (queue == NULL) {
        return RP_ERR_NOMEM;
    }
    queue->alloc = alloc;
    queue->free_first = NONE;
    queue->permuted_ns = RP_TIME_NEVER;
    memset(queue->slots, 0xff, sizeof queue->slots);
    *queue_out = queue;
    return 0;
}

void sim_event_queue_free(struct sim_event_queue *queue)
{
    if (queue != NULL) {
        rp_release(queue->alloc, queue->events);
        rp_release(queue->alloc, queue);
    }
}

void sim_event_queue_watch(struct sim_event_queue *queue, const struct sim_event_watch *watch)
{
    queue->watch = *watch;
}

void sim_event_queue_permute(struct sim_event_queue *queue, uint64_t key)
{
    queue->permutation_key = key;
    queue->permuted_ns = RP_TIME_NEVER;
}

rp_time_ns sim_event_queue_now(const struct sim_event_queue *queue)
{
    return queue->now_ns;
}

size_t sim_event_queue_pending(const struct sim_event_queue *queue)
{
    return queue->pending_count;
}

uint64_t sim_event_queue_run_count(const struct sim_event_queue *queue)
{
    return queue->run_count;
}

const char *sim_event_kind_name(enum sim_event_kind kind)
{
    static const char *const NAMES[] = {
#define SIM_EVENT_TEXT(name, text) [name] = text,
        SIM_EVENT_TABLE(SIM_EVENT_TEXT)
#undef SIM_EVENT_TEXT
    };
    return (unsigned)kind < SIM_EVENT_KIND_COUNT ? NAMES[kind] : "unknown";
}

/* ---- Slots ------------------------------------------------------------------------------------- */

static unsigned lowest_bit(uint64_t bits)
{
    return (unsigned)__builtin_ctzll(bits);
}

static void place(struct sim_event_queue *queue, struct event *event)
{
    uint64_t differs = event->at_ns ^ queue->now_ns;
    unsigned level = differs == 0 ? 0 : (63u - (unsigned)__builtin_clzll(differs)) / DIGIT_BITS;
    event->level = (uint8_t)level;
    event->slot = (uint8_t)((event->at_ns >> (level * DIGIT_BITS)) & (SLOT_COUNT - 1));
}

static void mark_occupied(struct sim_event_queue *queue, unsigned level, unsigned slot)
{
    queue->occupied[level] |= UINT64_C(1) << slot;
    queue->levels |= 1u << level;
}

static void mark_empty(struct sim_event_queue *queue, unsigned level, unsigned slot)
{
    queue->occupied[level] &= ~(UINT64_C(1) << slot);
    if (queue->occupied[level] == 0) {
        queue->levels &= ~(1u << level);
    }
}

static void link_last(struct sim_event_queue *queue, uint32_t index)
{
    struct event *event = &queue->events[index];
    place(queue, event);
    struct slot *slot = &queue->slots[event->level][event->slot];
    event->next = NONE;
    event->previous = slot->last;
    if (slot->last == NONE) {
        slot->first = index;
        mark_occupied(queue, event->level, event->slot);
    } else {
        queue->events[slot->last].next = index;
    }
    slot->last = index;
}

static void link_first(struct sim_event_queue *queue, uint32_t index)
{
    struct event *event = &queue->events[index];
    place(queue, event);
    struct slot *slot = &queue->slots[event->level][event->slot];
    event->previous = NONE;
    event->next = slot->first;
    if (slot->first == NONE) {
        slot->last = index;
        mark_occupied(queue, event->level, event->slot);
    } else {
        queue->events[slot->first].previous = index;
    }
    slot->first = index;
}

static void slot_remove(struct sim_event_queue *queue, const struct event *event)
{
    struct slot *slot = &queue->slots[event->level][event->slot];
    if (event->previous == NONE) {
        slot->first = event->next;
    } else {
        queue->events[event->previous].next = event->next;
    }
    if (event->next == NONE) {
        slot->last = event->previous;
    } else {
        queue->events[event->next].previous = event->previous;
    }
    if (slot->first == NONE) {
        mark_empty(queue, event->level, event->slot);
    }
}

/* ---- The pool ---------------------------------------------------------------------------------- */

static void pool_grow(struct sim_event_queue *queue)
{
    uint32_t event_max = queue->event_max == 0 ? POOL_FIRST : queue->event_max * 2;
    RP_ASSERT(event_max > queue->event_max);
    struct event *events =
        rp_resize(queue->alloc, queue->events, (size_t)event_max * sizeof *events);
    RP_ASSERT(events != NULL);
    for (uint32_t index = event_max; index > queue->event_max; index -= 1) {
        struct event *event = &events[index - 1];
        memset(event, 0, sizeof *event);
        event->level = LEVEL_FREE;
        event->next = queue->free_first;
        queue->free_first = index - 1;
    }
    queue->events = events;
    queue->event_max = event_max;
}

static void pool_give_back(struct sim_event_queue *queue, uint32_t index)
{
    struct event *event = &queue->events[index];
    event->level = LEVEL_FREE;
    event->generation += 1;
    event->next = queue->free_first;
    queue->free_first = index;
    queue->pending_count -= 1;
}

sim_event sim_event_queue_add(struct sim_event_queue *queue, rp_time_ns at_ns,
                              enum sim_event_kind kind, sim_event_fn run, void *context,
                              uint64_t argument)
{
    if (queue->free_first == NONE) {
        pool_grow(queue);
    }
    uint32_t index = queue->free_first;
    struct event *event = &queue->events[index];
    queue->free_first = event->next;
    event->at_ns = at_ns < queue->now_ns ? queue->now_ns : at_ns;
    event->sequence = queue->sequence_next;
    queue->sequence_next += 1;
    event->run = run;
    event->context = context;
    event->argument = argument;
    event->kind = (uint8_t)kind;
    queue->pending_count += 1;
    /* The present instant is already in drawn order: a late comer goes to either end of the rest. */
    if (event->at_ns == queue->permuted_ns &&
        (mix(queue->permutation_key + event->sequence) & 1) != 0) {
        link_first(queue, index);
    } else {
        link_last(queue, index);
    }
    return ((uint64_t)event->generation << 32) | (index + 1u);
}

bool sim_event_queue_cancel(struct sim_event_queue *queue, sim_event event)
{
    uint32_t index = (uint32_t)event - 1u;
    if (index >= queue->event_max) {
        return false;
    }
    struct event *found = &queue->events[index];
    if (found->level == LEVEL_FREE || found->generation != (uint32_t)(event >> 32)) {
        return false;
    }
    slot_remove(queue, found);
    pool_give_back(queue, index);
    return true;
}

/* ---- Moving time ------------------------------------------------------------------------------- */

static rp_time_ns earliest_of(const struct sim_event_queue *queue, const struct slot *slot)
{
    rp_time_ns earliest_ns = RP_TIME_NEVER;
    for (uint32_t index = slot->first; index != NONE; index = queue->events[index].next) {
        if (queue->events[index].at_ns < earliest_ns) {
            earliest_ns = queue->events[index].at_ns;
        }
    }
    return earliest_ns;
}

rp_time_ns sim_event_queue_next_time(struct sim_event_queue *queue)
{
    if (queue->levels == 0) {
        return RP_TIME_NEVER;
    }
    unsigned level = lowest_bit(queue->levels);
    unsigned slot = lowest_bit(queue->occupied[level]);
    if (level == 0) {
        return (queue->now_ns & ~(rp_time_ns)(SLOT_COUNT - 1)) | slot;
    }
    return earliest_of(queue, &queue->slots[level][slot]);
}

/* The slot of a higher level into which time moved is the only one that stands wrong afterwards. */
static void move_time(struct sim_event_queue *queue, rp_time_ns at_ns)
{
    uint64_t differs = at_ns ^ queue->now_ns;
    queue->now_ns = at_ns;
    if (differs < SLOT_COUNT) {
        return;
    }
    unsigned level = (63u - (unsigned)__builtin_clzll(differs)) / DIGIT_BITS;
    unsigned digit = (unsigned)(at_ns >> (level * DIGIT_BITS)) & (SLOT_COUNT - 1);
    struct slot *slot = &queue->slots[level][digit];
    uint32_t index = slot->first;
    if (index == NONE) {
        return;
    }
    slot->first = NONE;
    slot->last = NONE;
    mark_empty(queue, level, digit);
    while (index != NONE) {
        uint32_t next = queue->events[index].next;
        link_last(queue, index);
        index = next;
    }
}

struct drawn {
    uint64_t draw;
    uint64_t sequence;
    uint32_t index;
};

static int drawn_compare(const void *left, const void *right)
{
    const struct drawn *a = left;
    const struct drawn *b = right;
    if (a->draw != b->draw) {
        return a->draw < b->draw ? -1 : 1;
    }
    return a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}

static void permute_instant(struct sim_event_queue *queue)
{
    struct slot *slot = &queue->slots[0][queue->now_ns & (SLOT_COUNT - 1)];
    size_t count = 0;
    for (uint32_t index = slot->first; index != NONE; index = queue->events[index].next) {
        count += 1;
    }
    queue->permuted_ns = queue->now_ns;
    if (count < 2) {
        return;
    }
    struct drawn *drawn = rp_allocate(queue->alloc, count * sizeof *drawn);
    RP_ASSERT(drawn != NULL);
    count = 0;
    for (uint32_t index = slot->first; index != NONE; index = queue->events[index].next) {
        drawn[count].sequence = queue->events[index].sequence;
        drawn[count].draw = mix(queue->permutation_key + mix(drawn[count].sequence));
        drawn[count].index = index;
        count += 1;
    }
    qsort(drawn, count, sizeof *drawn, drawn_compare);
    slot->first = NONE;
    slot->last = NONE;
    for (size_t number = 0; number < count; number += 1) {
        link_last(queue, drawn[number].index);
    }
    rp_release(queue->alloc, drawn);
}

bool sim_event_queue_step(struct sim_event_queue *queue)
{
    rp_time_ns at_ns = sim_event_queue_next_time(queue);
    if (queue->levels == 0) {
        return false;
    }
    move_time(queue, at_ns);
    if (queue->permutation_key != 0 && queue->permuted_ns != at_ns) {
        permute_instant(queue);
    }
    uint32_t index = queue->slots[0][at_ns & (SLOT_COUNT - 1)].first;
    struct event event = queue->events[index];
    RP_ASSERT(event.at_ns == at_ns);
    slot_remove(queue, &event);
    pool_give_back(queue, index);
    queue->run_count += 1;
    if (queue->watch.event != NULL) {
        queue->watch.event(queue->watch.context, at_ns, (enum sim_event_kind)event.kind,
                           event.argument);
    }
    event.run(event.context, event.argument);
    return true;
}

void sim_event_queue_advance(struct sim_event_queue *queue, rp_time_ns at_ns)
{
    if (at_ns > queue->now_ns) {
        RP_ASSERT(sim_event_queue_next_time(queue) >= at_ns);
        move_time(queue, at_ns);
    }
}
