/* A hierarchy of wheels, 64 slots a level, each slot one digit (6 bits) of the time, over a short
 * sorted run of what comes next. An event further off stands in the level of the highest digit in
 * which its time differs from the run's beginning, so the lowest level that is not empty holds the
 * earliest of them, its first slot the earliest of those. When the run is used up that slot becomes
 * the next run, or is spread over the levels below when it is too full to be sorted cheaply.
 *
 * Slots and run hold entries (time, handle) in plain arrays, which are read and written in sequence;
 * what an event does lies in a pool and is touched twice only. A cancelled event goes back to its
 * pool at once; its entry stays behind until it is met, or until such entries are the majority and
 * all are swept, so cancel is O(1) and memory stays bounded by what is pending.
 *
 * Order of adding is kept for one time: arrays are appended to and sorted stably, and all entries of
 * one time are always in the same place. */
#include "sim/event_queue.h"

#include <stdlib.h>

#include "protocol/error.h"
#include "protocol/panic.h"

#define DIGIT_BITS  6
#define SLOT_COUNT  64
#define LEVEL_COUNT 11 /* 11 * 6 >= 64 bits */
#define POOL_FIRST  1024u
#define RUN_FIRST   24u  /* a slot of so many entries is sorted rather than spread */
#define RUN_SPLIT   128u /* a run that grew to so many is cut when it can be */
#define DEAD_MIN    8192u

struct event {
    sim_event_fn run;
    void *context;
    uint64_t argument;
    uint64_t sequence;
    uint8_t kind;
};

struct entry {
    rp_time_ns at_ns;
    sim_event event;
};

struct entries {
    struct entry *items; /* owned */
    uint32_t count, max;
};

struct sim_event_queue {
    const struct rp_alloc *alloc; /* borrowed */
    rp_time_ns now_ns;
    uint64_t sequence_next;
    uint64_t run_count;
    size_t pending_count;
    size_t dead_count;    /* entries of cancelled events */
    struct event *events; /* owned */
    /* Apart from the events, so that a cancel and a sweep stay within a few cache lines. */
    uint32_t *generations; /* owned; odd while in the queue */
    uint32_t *free_stack;  /* owned; indexes */
    uint32_t event_max, free_count;
    struct entries run; /* sorted; before run_first: done */
    uint32_t run_first;
    unsigned run_level;             /* the run is what a slot of this level would hold */
    rp_time_ns base_ns;             /* where the run's window begins */
    rp_time_ns run_end_ns;          /* the slots hold times from here on */
    uint64_t occupied[LEVEL_COUNT]; /* a bit a slot */
    uint32_t levels;                /* a bit a level that is not empty */
    struct entries slots[LEVEL_COUNT][SLOT_COUNT];
    struct sim_event_watch watch;
    uint64_t permutation_key;
    rp_time_ns permuted_ns; /* the instant that is in drawn order; NEVER: none */
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
    queue->permuted_ns = RP_TIME_NEVER;
    *queue_out = queue;
    return 0;
}

void sim_event_queue_free(struct sim_event_queue *queue)
{
    if (queue == NULL) {
        return;
    }
    for (unsigned level = 0; level < LEVEL_COUNT; level += 1) {
        for (unsigned slot = 0; slot < SLOT_COUNT; slot += 1) {
            rp_release(queue->alloc, queue->slots[level][slot].items);
        }
    }
    rp_release(queue->alloc, queue->run.items);
    rp_release(queue->alloc, queue->events);
    rp_release(queue->alloc, queue->generations);
    rp_release(queue->alloc, queue->free_stack);
    rp_release(queue->alloc, queue);
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

static void entries_grow(struct sim_event_queue *queue, struct entries *entries)
{
    uint32_t max = entries->max == 0 ? 8 : entries->max * 2;
    RP_ASSERT(max > entries->max);
    struct entry *items = rp_resize(queue->alloc, entries->items, (size_t)max * sizeof *items);
    RP_ASSERT(items != NULL);
    entries->items = items;
    entries->max = max;
}

static void entries_append(struct sim_event_queue *queue, struct entries *entries,
                           struct entry entry)
{
    if (entries->count == entries->max) {
        entries_grow(queue, entries);
    }
    entries->items[entries->count] = entry;
    entries->count += 1;
}

static void slot_append(struct sim_event_queue *queue, struct entry entry)
{
    uint64_t differs = entry.at_ns ^ queue->base_ns;
    unsigned level = (63u - (unsigned)__builtin_clzll(differs | 1)) / DIGIT_BITS;
    unsigned slot = (unsigned)(entry.at_ns >> (level * DIGIT_BITS)) & (SLOT_COUNT - 1);
    struct entries *entries = &queue->slots[level][slot];
    entries_append(queue, entries, entry);
    if (entries->count == 1) {
        queue->occupied[level] |= UINT64_C(1) << slot;
        queue->levels |= 1u << level;
    }
}

static void slot_clear(struct sim_event_queue *queue, unsigned level, unsigned slot)
{
    queue->slots[level][slot].count = 0;
    queue->occupied[level] &= ~(UINT64_C(1) << slot);
    if (queue->occupied[level] == 0) {
        queue->levels &= ~(1u << level);
    }
}

static bool is_live(const struct sim_event_queue *queue, sim_event event)
{
    uint32_t index = (uint32_t)event - 1u;
    uint32_t generation = (uint32_t)(event >> 32);
    return index < queue->event_max && queue->generations[index] == generation &&
           (generation & 1) != 0;
}

/* ---- The run ----------------------------------------------------------------------------------- */

static void window_set(struct sim_event_queue *queue, unsigned level, rp_time_ns within_ns)
{
    rp_time_ns width_ns = UINT64_C(1) << (level * DIGIT_BITS);
    queue->run_level = level;
    queue->base_ns = within_ns & ~(width_ns - 1);
    queue->run_end_ns = queue->base_ns + width_ns;
    if (queue->run_end_ns < queue->base_ns) {
        queue->run_end_ns = RP_TIME_NEVER; /* the last slot of the highest level */
    }
}

/* Stable, for a few entries that came nearly in order. */
static void sort_few(struct entry *items, uint32_t count)
{
    for (uint32_t next = 1; next < count; next += 1) {
        struct entry entry = items[next];
        uint32_t place = next;
        while (place > 0 && items[place - 1].at_ns > entry.at_ns) {
            items[place] = items[place - 1];
            place -= 1;
        }
        items[place] = entry;
    }
}

static void run_take(struct sim_event_queue *queue, unsigned level, unsigned slot)
{
    struct entries taken = queue->slots[level][slot];
    queue->slots[level][slot] = queue->run;
    queue->run = taken;
    queue->run_first = 0;
    slot_clear(queue, level, slot);
    window_set(queue, level, taken.items[0].at_ns);
    if (level > 0) {
        sort_few(queue->run.items, queue->run.count);
    }
    for (uint32_t index = 0; index < taken.count && index < RUN_FIRST; index += 1) {
        __builtin_prefetch(&queue->events[(uint32_t)queue->run.items[index].event - 1u]);
    }
}

static void slot_spread(struct sim_event_queue *queue, unsigned level, unsigned slot)
{
    struct entries *source = &queue->slots[level][slot];
    uint32_t count = source->count;
    queue->base_ns = source->items[0].at_ns & ~((UINT64_C(1) << (level * DIGIT_BITS)) - 1);
    queue->run_end_ns = queue->base_ns; /* the run is empty: all are in slots */
    slot_clear(queue, level, slot);
    for (uint32_t index = 0; index < count; index += 1) {
        slot_append(queue, source->items[index]);
    }
}

/* The first live entry of the run, filled from the slots when it is used up; NULL: nothing left. */
static const struct entry *run_head(struct sim_event_queue *queue)
{
    for (;;) {
        while (queue->run_first < queue->run.count) {
            const struct entry *head = &queue->run.items[queue->run_first];
            if (is_live(queue, head->event)) {
                return head;
            }
            queue->run_first += 1;
            queue->dead_count -= 1;
        }
        queue->run.count = 0;
        queue->run_first = 0;
        if (queue->levels == 0) {
            return NULL;
        }
        unsigned level = lowest_bit(queue->levels);
        unsigned slot = lowest_bit(queue->occupied[level]);
        if (level == 0 || queue->slots[level][slot].count <= RUN_FIRST) {
            run_take(queue, level, slot);
        } else {
            slot_spread(queue, level, slot);
        }
    }
}

/* The window was moved ahead by a look at what is next, and then earlier events came: it goes back to
 * them. Entries below the level in which the two differ belong to higher slots now. */
static void window_back(struct sim_event_queue *queue, rp_time_ns first_ns)
{
    uint64_t differs = first_ns ^ queue->base_ns;
    unsigned level_max = (63u - (unsigned)__builtin_clzll(differs | 1)) / DIGIT_BITS;
    struct entries moved = {NULL, 0, 0};
    for (unsigned level = 0; level <= level_max; level += 1) {
        for (uint64_t bits = queue->occupied[level]; bits != 0; bits &= bits - 1) {
            unsigned slot = lowest_bit(bits);
            for (uint32_t index = 0; index < queue->slots[level][slot].count; index += 1) {
                entries_append(queue, &moved, queue->slots[level][slot].items[index]);
            }
            slot_clear(queue, level, slot);
        }
    }
    window_set(queue, 0, first_ns);
    for (uint32_t index = 0; index < moved.count; index += 1) {
        slot_append(queue, moved.items[index]);
    }
    rp_release(queue->alloc, moved.items);
}

/* What lies beyond the window goes to the slots, which hold nothing of those times yet. */
static void run_spill(struct sim_event_queue *queue)
{
    struct entries *run = &queue->run;
    uint32_t kept = queue->run_first;
    while (kept < run->count && run->items[kept].at_ns < queue->run_end_ns) {
        kept += 1;
    }
    for (uint32_t index = kept; index < run->count; index += 1) {
        slot_append(queue, run->items[index]);
    }
    run->count = kept;
}

/* A run that grew too long is narrowed to the window of a lower level. */
static void run_split(struct sim_event_queue *queue)
{
    struct entries *run = &queue->run;
    rp_time_ns first_ns = run->items[queue->run_first].at_ns;
    if (first_ns < queue->base_ns) {
        window_back(queue, first_ns);
        run_spill(queue);
    }
    while (queue->run_level > 0 && run->count - queue->run_first > RUN_SPLIT &&
           run->items[run->count - 1].at_ns != first_ns) {
        window_set(queue, queue->run_level - 1, first_ns);
        run_spill(queue);
    }
}

/* `is_first`: before the others of its time, else after them. */
static void run_insert(struct sim_event_queue *queue, struct entry entry, bool is_first)
{
    struct entries *run = &queue->run;
    if (run->count == run->max) {
        entries_grow(queue, run);
    }
    uint32_t low = queue->run_first;
    uint32_t high = run->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        bool is_after = is_first ? run->items[middle].at_ns < entry.at_ns
                                 : run->items[middle].at_ns <= entry.at_ns;
        low = is_after ? middle + 1 : low;
        high = is_after ? high : middle;
    }
    memmove(&run->items[low + 1], &run->items[low], (run->count - low) * sizeof entry);
    run->items[low] = entry;
    run->count += 1;
    if (run->count - queue->run_first > RUN_SPLIT && low + 1 < run->count) {
        run_split(queue);
    }
}

/* ---- The pool ---------------------------------------------------------------------------------- */

static void *pool_resize(struct sim_event_queue *queue, void *items, size_t size_bytes)
{
    void *resized = rp_resize(queue->alloc, items, size_bytes);
    RP_ASSERT(resized != NULL);
    return resized;
}

static void pool_grow(struct sim_event_queue *queue)
{
    uint32_t old = queue->event_max;
    uint32_t max = old == 0 ? POOL_FIRST : old * 2;
    RP_ASSERT(max > old);
    queue->events = pool_resize(queue, queue->events, max * sizeof *queue->events);
    queue->generations = pool_resize(queue, queue->generations, max * sizeof *queue->generations);
    queue->free_stack = pool_resize(queue, queue->free_stack, max * sizeof *queue->free_stack);
    memset(&queue->generations[old], 0, (max - old) * sizeof *queue->generations);
    for (uint32_t index = max; index > old; index -= 1) {
        queue->free_stack[queue->free_count] = index - 1;
        queue->free_count += 1;
    }
    queue->event_max = max;
}

static void pool_give_back(struct sim_event_queue *queue, uint32_t index)
{
    queue->generations[index] += 1;
    queue->free_stack[queue->free_count] = index;
    queue->free_count += 1;
    queue->pending_count -= 1;
}

sim_event sim_event_queue_add(struct sim_event_queue *queue, rp_time_ns at_ns,
                              enum sim_event_kind kind, sim_event_fn run, void *context,
                              uint64_t argument)
{
    if (queue->free_count == 0) {
        pool_grow(queue);
    }
    queue->free_count -= 1;
    uint32_t index = queue->free_stack[queue->free_count];
    struct event *event = &queue->events[index];
    queue->generations[index] += 1;
    event->sequence = queue->sequence_next;
    queue->sequence_next += 1;
    event->run = run;
    event->context = context;
    event->argument = argument;
    event->kind = (uint8_t)kind;
    queue->pending_count += 1;
    struct entry entry = {at_ns < queue->now_ns ? queue->now_ns : at_ns,
                          ((uint64_t)queue->generations[index] << 32) | (index + 1u)};
    if (entry.at_ns == RP_TIME_NEVER) {
        entry.at_ns -= 1; /* the word for "empty" is no time */
    }
    if (entry.at_ns >= queue->run_end_ns) {
        slot_append(queue, entry);
        return entry.event;
    }
    /* The present instant is already in drawn order: a late comer goes to either end of the rest. */
    bool is_first = entry.at_ns == queue->permuted_ns &&
                    (mix(queue->permutation_key + event->sequence) & 1) != 0;
    run_insert(queue, entry, is_first);
    return entry.event;
}

static void entries_sweep(struct sim_event_queue *queue, struct entries *entries, uint32_t first)
{
    uint32_t kept = first;
    for (uint32_t index = first; index < entries->count; index += 1) {
        if (is_live(queue, entries->items[index].event)) {
            entries->items[kept] = entries->items[index];
            kept += 1;
        }
    }
    entries->count = kept;
}

static void sweep(struct sim_event_queue *queue)
{
    entries_sweep(queue, &queue->run, queue->run_first);
    for (unsigned level = 0; level < LEVEL_COUNT; level += 1) {
        for (uint64_t bits = queue->occupied[level]; bits != 0; bits &= bits - 1) {
            unsigned slot = lowest_bit(bits);
            entries_sweep(queue, &queue->slots[level][slot], 0);
            if (queue->slots[level][slot].count == 0) {
                slot_clear(queue, level, slot);
            }
        }
    }
    queue->dead_count = 0;
}

bool sim_event_queue_cancel(struct sim_event_queue *queue, sim_event event)
{
    if (!is_live(queue, event)) {
        return false;
    }
    pool_give_back(queue, (uint32_t)event - 1u);
    queue->dead_count += 1;
    if (queue->dead_count > DEAD_MIN && queue->dead_count > queue->pending_count) {
        sweep(queue);
    }
    return true;
}

/* ---- Moving time ------------------------------------------------------------------------------- */

rp_time_ns sim_event_queue_next_time(struct sim_event_queue *queue)
{
    const struct entry *head = run_head(queue);
    return head == NULL ? RP_TIME_NEVER : head->at_ns;
}

struct drawn {
    uint64_t draw;
    uint64_t sequence;
    struct entry entry;
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

/* Dead entries are given the end of the order; they draw from a sequence that no event has. */
static void permute_instant(struct sim_event_queue *queue, rp_time_ns at_ns)
{
    struct entry *items = &queue->run.items[queue->run_first];
    uint32_t rest = queue->run.count - queue->run_first;
    uint32_t count = 0;
    while (count < rest && items[count].at_ns == at_ns) {
        count += 1;
    }
    queue->permuted_ns = at_ns;
    if (count < 2) {
        return;
    }
    struct drawn *drawn = rp_allocate(queue->alloc, count * sizeof *drawn);
    RP_ASSERT(drawn != NULL);
    for (uint32_t index = 0; index < count; index += 1) {
        const struct event *event = is_live(queue, items[index].event)
                                        ? &queue->events[(uint32_t)items[index].event - 1u]
                                        : NULL;
        drawn[index].entry = items[index];
        drawn[index].sequence = event == NULL ? UINT64_MAX - index : event->sequence;
        drawn[index].draw =
            event == NULL ? UINT64_MAX : mix(queue->permutation_key + mix(drawn[index].sequence));
    }
    qsort(drawn, count, sizeof *drawn, drawn_compare);
    for (uint32_t index = 0; index < count; index += 1) {
        items[index] = drawn[index].entry;
    }
    rp_release(queue->alloc, drawn);
}

bool sim_event_queue_step(struct sim_event_queue *queue)
{
    const struct entry *head = run_head(queue);
    if (head == NULL) {
        return false;
    }
    rp_time_ns at_ns = head->at_ns;
    queue->now_ns = at_ns;
    if (queue->permutation_key != 0 && queue->permuted_ns != at_ns) {
        permute_instant(queue, at_ns);
        head = &queue->run.items[queue->run_first];
    }
    uint32_t index = (uint32_t)head->event - 1u;
    struct event event = queue->events[index];
    queue->run_first += 1;
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
        queue->now_ns = at_ns;
    }
}
