#include "sim/shrink/weaken.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/script_literal.h"
#include "sim/shrink/text.h"
#include "sim/shrink/tree.h"
#include "sim/shrink/units.h"

#define TRIES_MAX 16
#define SECOND_NS 1000000000

static const uint64_t durations_ns[] = {
    1000000,     10000000,    100000000,   1000000000,   2000000000,   5000000000,   10000000000,
    20000000000, 30000000000, 60000000000, 120000000000, 300000000000, 600000000000, 1800000000000};
static const uint64_t counts[] = {1, 2, 3, 5, 10, 20, 50, 100, 1000, 10000, 100000, 1000000};

struct texts {
    char **rows;
    size_t count;
};

static void add(struct texts *texts, const char *text, const struct shrink_node *node,
                const char *value)
{
    size_t length = node->end - node->begin;
    bool is_same = strlen(value) == length && memcmp(value, text + node->begin, length) == 0;
    if (texts->count < TRIES_MAX && !is_same) {
        texts->rows[texts->count++] = shrink_splice(text, node->begin, node->end, value);
    }
}

void shrink_texts_free(char **texts, size_t count)
{
    for (size_t row = 0; row < count; row += 1) {
        free(texts[row]);
    }
    free(texts);
}

/* ---- Literals --------------------------------------------------------------------------------- */

/* The first argument of c:at is a moment, and no amount. */
static bool is_moment(const char *text, const struct shrink_tree *tree, size_t index)
{
    const struct shrink_node *node = &tree->nodes[index];
    if (node->parent == SHRINK_NONE || tree->nodes[node->parent].kind != SHRINK_CALL) {
        return false;
    }
    const struct shrink_node *call = &tree->nodes[node->parent];
    return shrink_tree_is_named(text, call, "at") && index == node->parent + 1;
}

/* Oftener is not weaker. */
static bool is_interval(const char *text, const struct shrink_tree *tree, size_t index)
{
    size_t parent = tree->nodes[index].parent;
    return parent != SHRINK_NONE && shrink_tree_is_named(text, &tree->nodes[parent], "every");
}

static void add_duration(struct texts *texts, const char *text, const struct shrink_node *node,
                         uint64_t duration_ns)
{
    struct shrink_text value = {.bytes = NULL};
    shrink_put_duration(&value, duration_ns);
    add(texts, text, node, value.bytes);
    free(value.bytes);
}

static void weaken_duration(struct texts *texts, const char *text, const struct shrink_node *node,
                            uint64_t duration_ns)
{
    for (size_t row = 0; row < sizeof durations_ns / sizeof durations_ns[0]; row += 1) {
        bool is_much_less = durations_ns[row] <= duration_ns * 3 / 4;
        if (is_much_less && (row >= 3 || duration_ns < 10 * durations_ns[3])) {
            add_duration(texts, text, node, durations_ns[row]);
        }
    }
    uint64_t steps_ns[] = {SECOND_NS, SECOND_NS / 10, SECOND_NS / 1000};
    for (size_t row = 0; row < 3; row += 1) {
        uint64_t rounded_ns = (duration_ns + steps_ns[row] - 1) / steps_ns[row] * steps_ns[row];
        if (rounded_ns != duration_ns) {
            add_duration(texts, text, node, rounded_ns);
        }
    }
}

static void weaken_count(struct texts *texts, const char *text, const struct shrink_node *node,
                         uint64_t count, const char *unit)
{
    for (size_t row = 0; row < sizeof counts / sizeof counts[0] && counts[row] < count; row += 1) {
        char value[48];
        (void)snprintf(value, sizeof value, unit[0] == '\0' ? "%llu%s" : "\"%llu%s\"",
                       (unsigned long long)counts[row], unit);
        add(texts, text, node, value);
    }
}

static void weaken_string(struct texts *texts, const char *text, const struct shrink_node *node)
{
    int64_t duration_ns = 0;
    uint64_t size_bytes = 0;
    struct sim_range range;
    size_t length = node->end - node->begin;
    struct rp_view words = rp_view_make(text + node->begin + 1, length < 2 ? 0 : length - 2);
    if (script_literal_duration(words, SCRIPT_SIGNED, &duration_ns) == 0) {
        if (duration_ns > 0) {
            weaken_duration(texts, text, node, (uint64_t)duration_ns);
        }
    } else if (script_literal_size(words, &size_bytes) == 0) {
        weaken_count(texts, text, node, size_bytes, "B");
    } else if (script_literal_range(words, SCRIPT_RANGE_SIZE, &range) == 0) {
        weaken_count(texts, text, node, range.low + 1, "B");
    } else if (script_literal_range(words, SCRIPT_RANGE_DURATION, &range) == 0) {
        add_duration(texts, text, node, range.low);
        add_duration(texts, text, node, range.high);
    }
}

static void weaken_number(struct texts *texts, const char *text, const struct shrink_tree *tree,
                          size_t index)
{
    const struct shrink_node *node = &tree->nodes[index];
    double number = strtod(text + node->begin, NULL);
    uint64_t whole = number >= 0 && number < 1e15 ? (uint64_t)number : 0;
    if (is_moment(text, tree, index)) {
        uint64_t moment_ns = (uint64_t)(number * 1e9 + 0.5);
        uint64_t steps_ns[] = {SECOND_NS, SECOND_NS / 10, SECOND_NS / 1000};
        for (size_t row = 0; row < 6; row += 1) {
            uint64_t step_ns = steps_ns[row / 2];
            struct shrink_text value = {.bytes = NULL};
            shrink_put_seconds(&value, (moment_ns / step_ns + (row & 1)) * step_ns);
            if (moment_ns % step_ns != 0) {
                add(texts, text, node, value.bytes);
            }
            free(value.bytes);
        }
    } else if (number == (double)whole && whole > 1) {
        weaken_count(texts, text, node, whole, "");
        char half[32];
        (void)snprintf(half, sizeof half, "%llu", (unsigned long long)whole - 1);
        add(texts, text, node, half);
    }
}

static bool is_literal(const char *text, const struct shrink_tree *tree, size_t index)
{
    enum shrink_kind kind = tree->nodes[index].kind;
    return (kind == SHRINK_NUMBER || kind == SHRINK_STRING) && !is_interval(text, tree, index) &&
           shrink_is_amount(text, tree, index);
}

char **shrink_weaker(const char *text, size_t literal, size_t *count_out, bool *is_last_out)
{
    struct shrink_tree tree;
    struct texts texts = {shrink_grow(NULL, TRIES_MAX * sizeof(char *)), 0};
    *is_last_out = true;
    if (shrink_tree_parse(text, &tree)) {
        size_t number = 0;
        for (size_t row = 0; row < tree.count; row += 1) {
            bool is_one = is_literal(text, &tree, row);
            number += is_one;
            if (is_one && number == literal + 1) {
                *is_last_out = false;
                if (tree.nodes[row].kind == SHRINK_STRING) {
                    weaken_string(&texts, text, &tree.nodes[row]);
                } else {
                    weaken_number(&texts, text, &tree, row);
                }
            }
        }
        shrink_tree_clear(&tree);
    }
    *count_out = texts.count;
    return texts.rows;
}

/* ---- Moments ---------------------------------------------------------------------------------- */

struct moment {
    uint64_t time_ns;
    size_t begin, end;
};

static int order_of_moments(const void *left_pointer, const void *right_pointer)
{
    const struct moment *left = left_pointer, *right = right_pointer;
    if (left->time_ns != right->time_ns) {
        return left->time_ns < right->time_ns ? -1 : 1;
    }
    return (left->begin > right->begin) - (left->begin < right->begin);
}

static int order_of_places(const void *left_pointer, const void *right_pointer)
{
    const struct moment *left = left_pointer, *right = right_pointer;
    return (left->begin > right->begin) - (left->begin < right->begin);
}

/* In the order of their times. Owned by the caller. */
static struct moment *list_moments(const char *text, size_t *count_out)
{
    struct shrink_tree tree;
    *count_out = 0;
    if (!shrink_tree_parse(text, &tree)) {
        return NULL;
    }
    struct moment *moments = shrink_grow(NULL, (tree.count + 1) * sizeof *moments);
    for (size_t row = 0; row < tree.count; row += 1) {
        const struct shrink_node *node = &tree.nodes[row];
        if (node->kind == SHRINK_NUMBER && is_moment(text, &tree, row)) {
            double seconds = strtod(text + node->begin, NULL);
            moments[(*count_out)++] =
                (struct moment){(uint64_t)(seconds * 1e9 + 0.5), node->begin, node->end};
        }
    }
    qsort(moments, *count_out, sizeof *moments, order_of_moments);
    shrink_tree_clear(&tree);
    return moments;
}

static char *shift(const char *text, const struct moment *moments, size_t count, uint64_t from_ns,
                   uint64_t less_ns)
{
    struct moment *places = shrink_grow(NULL, count * sizeof *places);
    memcpy(places, moments, count * sizeof *places);
    qsort(places, count, sizeof *places, order_of_places);
    struct shrink_text shifted = {.bytes = NULL};
    size_t at = 0;
    for (size_t row = 0; row < count; row += 1) {
        if (places[row].time_ns >= from_ns) {
            shrink_put(&shifted, text + at, places[row].begin - at);
            shrink_put_seconds(&shifted, places[row].time_ns - less_ns);
            at = places[row].end;
        }
    }
    shrink_put(&shifted, text + at, strlen(text + at));
    free(places);
    return shrink_take(&shifted);
}

char **shrink_earlier(const char *text, size_t gap, size_t *count_out, bool *is_last_out)
{
    static const uint64_t gaps_ns[] = {SECOND_NS / 10, SECOND_NS, 5ull * SECOND_NS,
                                       20ull * SECOND_NS};
    struct texts texts = {shrink_grow(NULL, TRIES_MAX * sizeof(char *)), 0};
    size_t count = 0;
    struct moment *moments = list_moments(text, &count);
    *is_last_out = gap >= count;
    if (gap < count) {
        uint64_t before_ns = gap == 0 ? 0 : moments[gap - 1].time_ns;
        uint64_t wide_ns = moments[gap].time_ns - before_ns;
        for (size_t row = 0; row < sizeof gaps_ns / sizeof gaps_ns[0]; row += 1) {
            if (gaps_ns[row] * 4 / 3 < wide_ns) {
                texts.rows[texts.count++] =
                    shift(text, moments, count, moments[gap].time_ns, wide_ns - gaps_ns[row]);
            }
        }
    }
    free(moments);
    *count_out = texts.count;
    return texts.rows;
}

/* ---- Guards ----------------------------------------------------------------------------------- */

char **shrink_plainer(const char *text, size_t number, size_t *count_out, bool *is_last_out)
{
    static const char opening[] = "pcall(function() ", closing[] = " end)";
    char **texts = shrink_grow(NULL, sizeof(char *));
    struct shrink_tree tree;
    size_t opening_bytes = sizeof opening - 1, closing_bytes = sizeof closing - 1, seen = 0;
    *count_out = 0;
    *is_last_out = true;
    if (!shrink_tree_parse(text, &tree)) {
        return texts;
    }
    for (size_t row = 0; row < tree.count && *is_last_out; row += 1) {
        const struct shrink_node *node = &tree.nodes[row];
        size_t length = node->end - node->begin;
        bool is_guard = node->kind == SHRINK_STATEMENT && length > opening_bytes + closing_bytes &&
                        memcmp(text + node->begin, opening, opening_bytes) == 0 &&
                        memcmp(text + node->end - closing_bytes, closing, closing_bytes) == 0;
        if (is_guard && seen++ == number) {
            char *inside = shrink_copy(text + node->begin + opening_bytes,
                                       length - opening_bytes - closing_bytes);
            texts[(*count_out)++] = shrink_splice(text, node->begin, node->end, inside);
            free(inside);
            *is_last_out = false;
        }
    }
    shrink_tree_clear(&tree);
    return texts;
}
