#include "sim/shrink/units.h"

#include <stdlib.h>
#include <string.h>

#include "sim/script_call.h"
#include "sim/shrink/text.h"

/* ---- Which ------------------------------------------------------------------------------------ */

static size_t depth_of(const struct shrink_tree *tree, size_t index, enum shrink_kind kind)
{
    size_t depth = 0;
    for (size_t at = tree->nodes[index].parent; at != SHRINK_NONE; at = tree->nodes[at].parent) {
        depth += tree->nodes[at].kind == kind;
    }
    return depth;
}

static enum script_call call_of(const char *text, const struct shrink_node *node)
{
    return script_call_named(text + node->name_begin, node->name_end - node->name_begin);
}

/* Something goes wrong in it, and nothing is done for users. */
static bool is_trouble(const char *text, const struct shrink_tree *tree, size_t index)
{
    bool has_fault = false;
    for (size_t row = index; row < tree->nodes[index].after; row += 1) {
        if (tree->nodes[row].kind != SHRINK_CALL) {
            continue;
        }
        enum script_call call = call_of(text, &tree->nodes[row]);
        if (call == SCRIPT_CALL_WORK || call == SCRIPT_CALL_WAIT || call == SCRIPT_CALL_JUDGE) {
            return false;
        }
        has_fault = has_fault || call == SCRIPT_CALL_FAULT || call == SCRIPT_CALL_RANDOM;
    }
    return has_fault;
}

/* ---- What stays -------------------------------------------------------------------------------- */

static bool is_acting(enum script_call call)
{
    return call != SCRIPT_CALL_LOOK && call != SCRIPT_CALL_UNKNOWN;
}

/* A function that looks and answers is asked by somebody who judges. */
static bool is_looking(const char *text, const struct shrink_tree *tree, size_t function)
{
    bool is_answering = false;
    for (size_t row = function + 1; row < tree->nodes[function].after; row += 1) {
        const struct shrink_node *node = &tree->nodes[row];
        bool is_return = node->kind == SHRINK_STATEMENT && node->statement == SHRINK_RETURN;
        is_answering = is_answering || (is_return && node->end - node->begin > sizeof "return;");
        if (tree->nodes[row].kind == SHRINK_CALL && is_acting(call_of(text, &tree->nodes[row]))) {
            return false;
        }
    }
    return is_answering;
}

bool shrink_is_frozen(const char *text, const struct shrink_tree *tree, size_t index)
{
    for (size_t at = tree->nodes[index].parent; at != SHRINK_NONE; at = tree->nodes[at].parent) {
        const struct shrink_node *node = &tree->nodes[at];
        if ((node->kind == SHRINK_CALL && call_of(text, node) == SCRIPT_CALL_JUDGE) ||
            (node->kind == SHRINK_FUNCTION && is_looking(text, tree, at))) {
            return true;
        }
    }
    return false;
}

static bool is_judging(const char *text, const struct shrink_tree *tree)
{
    for (size_t row = 0; row < tree->count; row += 1) {
        if (tree->nodes[row].kind == SHRINK_CALL &&
            call_of(text, &tree->nodes[row]) == SCRIPT_CALL_JUDGE) {
            return true;
        }
    }
    return false;
}

bool shrink_is_amount(const char *text, const struct shrink_tree *tree, size_t index)
{
    if (shrink_is_frozen(text, tree, index)) {
        return false;
    }
    if (!is_judging(text, tree)) {
        return true;
    }
    for (size_t at = tree->nodes[index].parent; at != SHRINK_NONE; at = tree->nodes[at].parent) {
        const struct shrink_node *node = &tree->nodes[at];
        if (node->kind == SHRINK_CALL) {
            return is_acting(call_of(text, node));
        }
        if (node->kind == SHRINK_STATEMENT) {
            return node->statement == SHRINK_LOOP || node->statement == SHRINK_RETURN;
        }
    }
    return false;
}

/* What the text returns stays. */
static bool is_removable(const struct shrink_node *node)
{
    return node->kind == SHRINK_STATEMENT && node->statement != SHRINK_RETURN;
}

/* A variable that is declared, and used elsewhere: without the declaration it would be a global one. */
static bool is_needed_name(const char *text, const struct shrink_node *node)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    size_t at = node->begin + strlen("local");
    if (node->statement != SHRINK_LOCAL || memchr(text + at, '=', node->end - at) != NULL ||
        memchr(text + at, '(', node->end - at) != NULL) {
        return false;
    }
    while (at < node->end) {
        size_t length = strspn(text + at, letters);
        if (length == 0) {
            at += 1;
            continue;
        }
        char *name = shrink_copy(text + at, length);
        const char *used = strstr(text + node->end, name);
        free(name);
        if (used != NULL) {
            return true;
        }
        at += length;
    }
    return false;
}

/* Without its name and story it is no scenario. */
static bool is_needed_field(const char *text, const struct shrink_tree *tree, size_t index)
{
    const struct shrink_node *node = &tree->nodes[index];
    return node->parent == shrink_tree_returned(text, tree) &&
           (shrink_tree_is_named(text, node, "name") || shrink_tree_is_named(text, node, "run") ||
            shrink_tree_is_named(text, node, "about"));
}

static bool is_unit(const char *text, const struct shrink_tree *tree, size_t index,
                    enum shrink_unit unit, size_t depth)
{
    const struct shrink_node *node = &tree->nodes[index];
    bool is_kind = unit == SHRINK_UNIT_FIELDS ? node->kind == SHRINK_FIELD : is_removable(node);
    if (!is_kind || shrink_is_frozen(text, tree, index)) {
        return false;
    }
    switch (unit) {
    case SHRINK_UNIT_FAULTS: return is_trouble(text, tree, index);
    case SHRINK_UNIT_STATEMENTS:
        return depth_of(tree, index, SHRINK_STATEMENT) == depth && !is_needed_name(text, node);
    case SHRINK_UNIT_FIELDS:
        return !is_needed_field(text, tree, index) &&
               depth_of(tree, index, SHRINK_TABLE) == depth + 1;
    }
    return false;
}

struct shrink_span *shrink_units(const char *text, enum shrink_unit unit, size_t depth,
                                 size_t *count_out)
{
    struct shrink_tree tree;
    struct shrink_span *spans = NULL;
    *count_out = 0;
    if (!shrink_tree_parse(text, &tree)) {
        return NULL;
    }
    spans = shrink_grow(NULL, (tree.count + 1) * sizeof *spans);
    for (size_t row = 0; row < tree.count;) {
        if (is_unit(text, &tree, row, unit, depth)) {
            spans[(*count_out)++] =
                (struct shrink_span){tree.nodes[row].begin, tree.nodes[row].end};
            row = tree.nodes[row].after;
        } else {
            row += 1;
        }
    }
    shrink_tree_clear(&tree);
    return spans;
}

struct shrink_span *shrink_fault_spans(const char *text, size_t *count_out)
{
    return shrink_units(text, SHRINK_UNIT_FAULTS, 0, count_out);
}

/* ---- The text without ------------------------------------------------------------------------- */

/* A line that is left blank goes as well. */
static void widen(const char *text, struct shrink_span *span)
{
    size_t begin = span->begin, end = span->end;
    while (begin > 0 && (text[begin - 1] == ' ' || text[begin - 1] == '\t')) {
        begin -= 1;
    }
    end += strspn(text + end, " \t");
    bool is_line = (begin == 0 || text[begin - 1] == '\n') && text[end] == '\n';
    if (is_line) {
        *span = (struct shrink_span){begin, end + 1};
    } else {
        bool is_last = text[end] == '\n' || text[end] == '\0';
        span->begin = is_last ? begin : span->begin;
        span->end = is_last ? span->end : end;
    }
}

char *shrink_without(const char *text, const struct shrink_span *spans, const bool *kept,
                     size_t count)
{
    struct shrink_text left = {.bytes = NULL};
    size_t at = 0;
    for (size_t row = 0; row < count; row += 1) {
        if (!kept[row]) {
            struct shrink_span span = spans[row];
            widen(text, &span);
            if (span.begin > at) {
                shrink_put(&left, text + at, span.begin - at);
            }
            at = span.end > at ? span.end : at;
        }
    }
    shrink_put(&left, text + at, strlen(text + at));
    return shrink_take(&left);
}
