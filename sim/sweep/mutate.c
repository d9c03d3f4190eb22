#include "sim/sweep/mutate.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define STEP_NS    INT64_C(1000000) /* decisions lie on whole milliseconds */
#define SHIFT_NS   INT64_C(20000000000)
#define FOR_MAX_NS INT64_C(120000000000)

uint64_t sweep_random_next(struct sweep_random *random)
{
    random->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t word = random->state;
    word = (word ^ word >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
    return word ^ word >> 31;
}

size_t sweep_random_below(struct sweep_random *random, size_t count)
{
    return (size_t)(sweep_random_next(random) % count);
}

/* ---- One decision ----------------------------------------------------------------------------- */

static int64_t number_of(const json_t *decision, const char *key)
{
    return (int64_t)json_integer_value(json_object_get(decision, key));
}

static void set_number(json_t *decision, const char *key, int64_t value)
{
    (void)json_object_set_new(decision, key, json_integer((json_int_t)value));
}

static void set_time(json_t *decision, int64_t at_ns)
{
    set_number(decision, "at_ns", at_ns < STEP_NS ? STEP_NS : at_ns / STEP_NS * STEP_NS);
}

static void shift(json_t *decision, struct sweep_random *random)
{
    int64_t by_ns = (int64_t)(sweep_random_next(random) % (uint64_t)(2 * SHIFT_NS)) - SHIFT_NS;
    set_time(decision, number_of(decision, "at_ns") + by_ns);
}

/* A quarter to four times as long. */
static void stretch(json_t *decision, struct sweep_random *random)
{
    int64_t for_ns = number_of(decision, "for_ns");
    int64_t quarters = 1 + (int64_t)sweep_random_below(random, 16);
    for_ns = for_ns < FOR_MAX_NS ? for_ns / 4 * quarters : for_ns;
    set_number(decision, "for_ns", for_ns < STEP_NS ? for_ns : for_ns / STEP_NS * STEP_NS);
}

static bool names(const json_t *decision, const char *node)
{
    size_t index;
    const json_t *value;
    json_array_foreach(json_object_get(decision, "nodes"), index, value)
    {
        if (strcmp(json_string_value(value), node) == 0) {
            return true;
        }
    }
    return false;
}

/* One of its nodes becomes one of another decision's. */
static void move(json_t *decision, const json_t *other, struct sweep_random *random)
{
    json_t *nodes = json_object_get(decision, "nodes");
    const json_t *others = json_object_get(other, "nodes");
    if (json_array_size(nodes) == 0 || json_array_size(others) == 0) {
        return;
    }
    json_t *node = json_array_get(others, sweep_random_below(random, json_array_size(others)));
    if (!names(decision, json_string_value(node))) {
        (void)json_array_set(nodes, sweep_random_below(random, json_array_size(nodes)), node);
    }
}

/* What another decision does, at its own time. */
static json_t *replaced(const json_t *decision, const json_t *other)
{
    json_t *copy = json_deep_copy(other);
    if (copy != NULL) {
        set_number(copy, "at_ns", number_of(decision, "at_ns"));
    }
    return copy;
}

/* ---- Lists ------------------------------------------------------------------------------------ */

static json_t *any(const json_t *list, struct sweep_random *random)
{
    return json_array_get(list, sweep_random_below(random, json_array_size(list)));
}

json_t *sweep_mutate_applied(const json_t *decisions)
{
    json_t *list = json_array();
    size_t index;
    json_t *decision;
    json_array_foreach(decisions, index, decision)
    {
        if (json_is_true(json_object_get(decision, "applied"))) {
            json_t *copy = json_deep_copy(decision);
            (void)json_object_del(copy, "lua");
            if (json_array_append_new(list, copy) != 0) {
                json_decref(list);
                return NULL;
            }
        }
    }
    return list;
}

/* The beginning of one, and the end of the other. */
static void splice(json_t *list, const json_t *other, struct sweep_random *random)
{
    int64_t at_ns = number_of(any(list, random), "at_ns");
    for (size_t index = json_array_size(list); index > 0; index -= 1) {
        if (number_of(json_array_get(list, index - 1), "at_ns") > at_ns) {
            (void)json_array_remove(list, index - 1);
        }
    }
    size_t index;
    json_t *decision;
    json_array_foreach(other, index, decision)
    {
        if (number_of(decision, "at_ns") > at_ns) {
            (void)json_array_append_new(list, json_deep_copy(decision));
        }
    }
}

/* The other's decisions besides the own ones, all or some: kinds of trouble meet that no seed draws
 * together. */
static void join(json_t *list, const json_t *other, struct sweep_random *random)
{
    bool is_all = sweep_random_below(random, 2) == 0;
    size_t index;
    json_t *decision;
    json_array_foreach(other, index, decision)
    {
        if (is_all || sweep_random_below(random, 2) == 0) {
            (void)json_array_append_new(list, json_deep_copy(decision));
        }
    }
}

enum change { LEAVE_OUT, TWICE, SHIFT, STRETCH, MOVE, REPLACE, ADD, SPLICE, JOIN, CHANGE_COUNT };

static void change(json_t *list, const json_t *other, struct sweep_random *random)
{
    if (json_array_size(list) == 0) {
        join(list, other, random);
        return;
    }
    size_t index = sweep_random_below(random, json_array_size(list));
    json_t *decision = json_array_get(list, index);
    const json_t *source = json_array_size(other) == 0 ? decision : any(other, random);
    switch ((enum change)sweep_random_below(random, CHANGE_COUNT)) {
    case LEAVE_OUT: (void)json_array_remove(list, index); break;
    case TWICE:
    case ADD: {
        json_t *copy = json_deep_copy(sweep_random_below(random, 2) == 0 ? decision : source);
        shift(copy, random);
        (void)json_array_append_new(list, copy);
        break;
    }
    case SHIFT: shift(decision, random); break;
    case STRETCH: stretch(decision, random); break;
    case MOVE: move(decision, source, random); break;
    case REPLACE: (void)json_array_set_new(list, index, replaced(decision, source)); break;
    case SPLICE: splice(list, other, random); break;
    case JOIN: join(list, other, random); break;
    case CHANGE_COUNT: break;
    }
}

struct row {
    json_t *decision;
    int64_t at_ns;
    size_t index;
};

static int order_of_rows(const void *left_pointer, const void *right_pointer)
{
    const struct row *left = left_pointer, *right = right_pointer;
    if (left->at_ns != right->at_ns) {
        return left->at_ns < right->at_ns ? -1 : 1;
    }
    return (left->index > right->index) - (left->index < right->index);
}

/* By time, cut, with numbers from 0. */
static json_t *put_in_order(json_t *list)
{
    size_t count = json_array_size(list);
    struct row *rows = calloc(count + 1, sizeof *rows);
    json_t *ordered = json_array();
    if (rows == NULL || ordered == NULL) {
        free(rows);
        json_decref(ordered);
        json_decref(list);
        return NULL;
    }
    for (size_t index = 0; index < count; index += 1) {
        json_t *decision = json_array_get(list, index);
        rows[index] = (struct row){decision, number_of(decision, "at_ns"), index};
    }
    qsort(rows, count, sizeof *rows, order_of_rows);
    for (size_t index = 0; index < count && index < SWEEP_MUTATE_DECISIONS_MAX; index += 1) {
        set_number(rows[index].decision, "index", (int64_t)index);
        (void)json_array_append(ordered, rows[index].decision);
    }
    free(rows);
    json_decref(list);
    return ordered;
}

json_t *sweep_mutate(const json_t *decisions, const json_t *other, struct sweep_random *random)
{
    json_t *list = json_deep_copy(decisions);
    if (list == NULL) {
        return NULL;
    }
    if (sweep_random_below(random, 4) > 0) {
        join(list, other, random);
    }
    for (size_t count = 1 + sweep_random_below(random, 6); count > 0; count -= 1) {
        change(list, other, random);
    }
    return put_in_order(list);
}
