#include "sim/sweep/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Rounds and slots ---------------------------------------------------------------------------- */

static uint64_t rounds_last(const struct sweep_plan *plan)
{
    return plan->seed_last - plan->seed_first;
}

static uint64_t slot_count(const struct sweep_plan *plan)
{
    uint64_t count = 0;
    for (size_t i = 0; i < plan->scenario_count; i++) {
        count += plan->scenarios[i].weight;
    }
    return count;
}

static uint64_t first_slot(const struct sweep_plan *plan, size_t scenario)
{
    uint64_t slot = 0;
    for (size_t i = 0; i < scenario; i++) {
        slot += plan->scenarios[i].weight;
    }
    return slot;
}

static uint64_t seed_of(const struct sweep_plan *plan, size_t scenario, uint64_t round,
                        uint64_t turn)
{
    return plan->seed_first + round * plan->scenarios[scenario].weight + turn;
}

/* How far from `from` to the next number that, added to `to`, is this shard's. */
static uint64_t steps_to_shard(const struct sweep_plan *plan, uint64_t from, uint64_t to)
{
    uint64_t n = plan->shard_count;
    uint64_t now = (from % n + to % n) % n;
    return (plan->shard_index + n - now) % n;
}

int sweep_plan_check(const struct sweep_plan *plan, char note_out[SWEEP_NOTE_BYTES])
{
    if (slot_count(plan) == 0) {
        snprintf(note_out, SWEEP_NOTE_BYTES, "no scenario is left to run: all have weight 0");
        return SWEEP_ERR_OTHER;
    }
    for (size_t i = 0; i < plan->scenario_count; i++) {
        uint64_t weight = plan->scenarios[i].weight;
        if (weight > 0 &&
            rounds_last(plan) > (UINT64_MAX - plan->seed_first - (weight - 1)) / weight) {
            snprintf(
                note_out, SWEEP_NOTE_BYTES,
                "%s: with weight %llu it would need seeds beyond 2^64-1; begin with a lower one",
                plan->scenarios[i].name, (unsigned long long)weight);
            return SWEEP_ERR_OTHER;
        }
    }
    return SWEEP_OK;
}

uint64_t sweep_plan_count(const struct sweep_plan *plan)
{
    static const struct sweep_cursor begin = {0, 0, false};
    uint64_t count = 0;
    for (size_t i = 0; i < plan->scenario_count; i++) {
        uint64_t more = sweep_plan_rest(plan, begin, i).count;
        count = more > UINT64_MAX - count ? UINT64_MAX : count + more;
    }
    return count;
}

static struct sweep_item item_at(const struct sweep_plan *plan, uint64_t round, uint64_t slot)
{
    size_t scenario = 0;
    while (slot >= plan->scenarios[scenario].weight) {
        slot -= plan->scenarios[scenario].weight;
        scenario += 1;
    }
    return (struct sweep_item){scenario, seed_of(plan, scenario, round, slot)};
}

bool sweep_plan_next(const struct sweep_plan *plan, struct sweep_cursor *cursor,
                     struct sweep_item *item_out)
{
    uint64_t slots = slot_count(plan);
    while (!cursor->is_at_end) {
        uint64_t slot = cursor->slot + steps_to_shard(plan, cursor->slot, cursor->round);
        if (slot < slots) {
            *item_out = item_at(plan, cursor->round, slot);
            cursor->slot = slot + 1;
            return true;
        }
        cursor->is_at_end = cursor->round == rounds_last(plan);
        cursor->round += !cursor->is_at_end;
        cursor->slot = 0;
    }
    return false;
}

bool sweep_plan_has(const struct sweep_plan *plan, const char *path, uint64_t seed,
                    size_t *scenario_out)
{
    for (size_t i = 0; i < plan->scenario_count; i++) {
        const struct sweep_scenario *scenario = &plan->scenarios[i];
        if (strcmp(scenario->path, path) == 0 && scenario->weight > 0) {
            uint64_t round = (seed - plan->seed_first) / scenario->weight;
            uint64_t turn = (seed - plan->seed_first) % scenario->weight;
            if (scenario_out != NULL) {
                *scenario_out = i;
            }
            return seed >= plan->seed_first && round <= rounds_last(plan) &&
                   steps_to_shard(plan, first_slot(plan, i) + turn, round) == 0;
        }
    }
    return false;
}

/* The runs of one slot, from that round on. */
static struct sweep_rest rest_of_slot(const struct sweep_plan *plan, size_t scenario, uint64_t turn,
                                      uint64_t round)
{
    struct sweep_rest rest = {0, 0, 0};
    uint64_t last = rounds_last(plan);
    uint64_t steps = steps_to_shard(plan, round, first_slot(plan, scenario) + turn);
    if (round > last || steps > last - round) {
        return rest;
    }
    uint64_t first = round + steps, more = (last - first) / plan->shard_count;
    rest.count = more == UINT64_MAX ? UINT64_MAX : more + 1;
    rest.seed_first = seed_of(plan, scenario, first, turn);
    rest.seed_last = seed_of(plan, scenario, first + more * plan->shard_count, turn);
    return rest;
}

struct sweep_rest sweep_plan_rest(const struct sweep_plan *plan, struct sweep_cursor cursor,
                                  size_t scenario)
{
    struct sweep_rest all = {0, UINT64_MAX, 0};
    uint64_t slot = first_slot(plan, scenario);
    for (uint64_t turn = 0; turn < plan->scenarios[scenario].weight && !cursor.is_at_end; turn++) {
        bool is_over = slot + turn < cursor.slot;
        if (is_over && cursor.round == rounds_last(plan)) {
            continue;
        }
        struct sweep_rest rest = rest_of_slot(plan, scenario, turn, cursor.round + is_over);
        if (rest.count > 0) {
            all.count = rest.count > UINT64_MAX - all.count ? UINT64_MAX : all.count + rest.count;
            all.seed_first = rest.seed_first < all.seed_first ? rest.seed_first : all.seed_first;
            all.seed_last = rest.seed_last > all.seed_last ? rest.seed_last : all.seed_last;
        }
    }
    return all;
}

/* ---- What was not reached ------------------------------------------------------------------------ */

#define NO_RANGE SIZE_MAX

struct walk {
    struct sweep_ranges *ranges; /* borrowed */
    size_t capacity;
    size_t *open; /* by scenario: the range that its next missing run lengthens, or NO_RANGE */
};

static bool add_missing(struct walk *walk, size_t scenario, const struct sweep_rest *rest)
{
    struct sweep_ranges *ranges = walk->ranges;
    if (walk->open[scenario] != NO_RANGE) {
        struct sweep_range *range = &ranges->ranges[walk->open[scenario]];
        range->seed_last = rest->seed_last;
        range->count =
            rest->count > UINT64_MAX - range->count ? UINT64_MAX : range->count + rest->count;
        return true;
    }
    if (ranges->count == walk->capacity) {
        size_t capacity = walk->capacity == 0 ? 64 : walk->capacity * 2;
        struct sweep_range *grown = realloc(ranges->ranges, capacity * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        ranges->ranges = grown;
        walk->capacity = capacity;
    }
    walk->open[scenario] = ranges->count;
    ranges->ranges[ranges->count++] =
        (struct sweep_range){scenario, rest->seed_first, rest->seed_last, rest->count};
    return true;
}

static int order_of_ranges(const void *left_pointer, const void *right_pointer)
{
    const struct sweep_range *left = left_pointer, *right = right_pointer;
    if (left->scenario != right->scenario) {
        return left->scenario < right->scenario ? -1 : 1;
    }
    return (left->seed_first > right->seed_first) - (left->seed_first < right->seed_first);
}

static bool add_rest(const struct sweep_plan *plan, struct walk *walk, struct sweep_cursor cursor)
{
    for (size_t i = 0; i < plan->scenario_count; i++) {
        struct sweep_rest rest = sweep_plan_rest(plan, cursor, i);
        if (rest.count > 0 && !add_missing(walk, i, &rest)) {
            return false;
        }
    }
    return true;
}

int sweep_plan_missing(const struct sweep_plan *plan, uint64_t done_count,
                       bool (*is_done)(void *context, const char *path, uint64_t seed),
                       void *context, struct sweep_ranges *ranges_out)
{
    struct walk walk = {.ranges = ranges_out};
    struct sweep_cursor cursor = {0, 0, false};
    struct sweep_item item;
    bool is_good = true;
    memset(ranges_out, 0, sizeof *ranges_out);
    walk.open = malloc((plan->scenario_count + 1) * sizeof *walk.open);
    if (walk.open == NULL) {
        return SWEEP_ERR_NOMEM;
    }
    for (size_t i = 0; i < plan->scenario_count; i++) {
        walk.open[i] = NO_RANGE;
    }
    while (is_good && done_count > 0 && sweep_plan_next(plan, &cursor, &item)) {
        if (is_done(context, plan->scenarios[item.scenario].path, item.seed)) {
            done_count -= 1;
            walk.open[item.scenario] = NO_RANGE;
        } else {
            struct sweep_rest one = {1, item.seed, item.seed};
            is_good = add_missing(&walk, item.scenario, &one);
        }
    }
    is_good = is_good && add_rest(plan, &walk, cursor);
    free(walk.open);
    if (!is_good) {
        sweep_ranges_clear(ranges_out);
        return SWEEP_ERR_NOMEM;
    }
    if (ranges_out->count > 1) {
        qsort(ranges_out->ranges, ranges_out->count, sizeof *ranges_out->ranges, order_of_ranges);
    }
    return SWEEP_OK;
}

void sweep_ranges_clear(struct sweep_ranges *ranges)
{
    free(ranges->ranges);
    memset(ranges, 0, sizeof *ranges);
}

/* ---- Reading ------------------------------------------------------------------------------------- */

/* Reads digits up to `end`; gives where they end, or NULL when there are none or too many. */
static const char *read_number(const char *text, uint64_t *value_out)
{
    uint64_t value = 0;
    if (*text < '0' || *text > '9') {
        return NULL;
    }
    for (; *text >= '0' && *text <= '9'; text++) {
        uint64_t digit = (uint64_t)(*text - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return NULL;
        }
        value = value * 10 + digit;
    }
    *value_out = value;
    return text;
}

bool sweep_parse_seeds(const char *text, uint64_t *first_out, uint64_t *last_out,
                       char note_out[SWEEP_NOTE_BYTES])
{
    const char *end = read_number(text, first_out);
    if (end != NULL && *end == '\0') {
        *last_out = *first_out;
        return true;
    }
    if (end != NULL) {
        end = strncmp(end, "..", 2) == 0 ? read_number(end + 2, last_out) : NULL;
    }
    if (end == NULL || *end != '\0') {
        snprintf(note_out, SWEEP_NOTE_BYTES,
                 "--seeds %.80s: not A..B with whole numbers from 0 to 2^64-1, as in 1..100", text);
        return false;
    }
    if (*first_out > *last_out) {
        snprintf(note_out, SWEEP_NOTE_BYTES,
                 "--seeds %.80s: the first is above the last; %llu..%llu?", text,
                 (unsigned long long)*last_out, (unsigned long long)*first_out);
        return false;
    }
    return true;
}

bool sweep_parse_shard(const char *text, uint32_t *index_out, uint32_t *count_out,
                       char note_out[SWEEP_NOTE_BYTES])
{
    uint64_t index = 0, count = 0;
    const char *end = read_number(text, &index);
    end = end != NULL && *end == '/' ? read_number(end + 1, &count) : NULL;
    if (end == NULL || *end != '\0' || count == 0 || count > SWEEP_SHARD_MAX) {
        snprintf(note_out, SWEEP_NOTE_BYTES,
                 "--shard %.80s: not I/N, part I of N, N from 1 to %u, as in 0/4", text,
                 SWEEP_SHARD_MAX);
        return false;
    }
    if (index >= count) {
        snprintf(note_out, SWEEP_NOTE_BYTES,
                 "--shard %.80s: parts are counted from 0: 0/%llu is the first, %llu/%llu the last",
                 text, (unsigned long long)count, (unsigned long long)(count - 1),
                 (unsigned long long)count);
        return false;
    }
    *index_out = (uint32_t)index;
    *count_out = (uint32_t)count;
    return true;
}
