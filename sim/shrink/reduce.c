#include "sim/shrink/reduce.h"

#include <stdlib.h>
#include <string.h>

#define PAIRS_OF_MAX 12

struct reduction {
    const struct shrink_question *question;
    bool *kept;
    size_t count;
    size_t *order; /* owned; numbers of the elements that are kept */
    size_t left;   /* of them */
    bool *parts;   /* owned; asked about together */
    size_t part_max;
};

static bool is_over(const struct reduction *reduction)
{
    const struct shrink_question *question = reduction->question;
    return question->is_over != NULL && question->is_over(question->context);
}

static void list_kept(struct reduction *reduction)
{
    reduction->left = 0;
    for (size_t row = 0; row < reduction->count; row += 1) {
        if (reduction->kept[row]) {
            reduction->order[reduction->left++] = row;
        }
    }
}

static bool *part_at(struct reduction *reduction, size_t part)
{
    return &reduction->parts[part * reduction->count];
}

/* False: none of them does it; else the first becomes what is kept. */
static bool ask(struct reduction *reduction, size_t part_count)
{
    const struct shrink_question *question = reduction->question;
    size_t first =
        question->first(question->context, reduction->parts, part_count, reduction->count);
    if (first >= part_count) {
        return false;
    }
    memcpy(reduction->kept, part_at(reduction, first), reduction->count * sizeof(bool));
    list_kept(reduction);
    return true;
}

/* Kept elements from `begin` to `end` of the order, or all but those. */
static void make_part(struct reduction *reduction, size_t part, size_t begin, size_t end,
                      bool is_rest)
{
    bool *mask = part_at(reduction, part);
    memset(mask, 0, reduction->count * sizeof(bool));
    for (size_t row = 0; row < reduction->left; row += 1) {
        bool is_inside = row >= begin && row < end;
        mask[reduction->order[row]] = is_inside != is_rest;
    }
}

static size_t border(const struct reduction *reduction, size_t chunk, size_t chunks)
{
    return reduction->left * chunk / chunks;
}

/* Nothing at all; then single chunks, then all but one, ever finer. */
static void by_chunks(struct reduction *reduction)
{
    make_part(reduction, 0, 0, 0, false);
    if (reduction->left == 0 || ask(reduction, 1)) {
        return;
    }
    size_t chunks = 2;
    while (reduction->left >= 2 && !is_over(reduction)) {
        chunks = chunks > reduction->left ? reduction->left : chunks;
        for (size_t chunk = 0; chunk < chunks; chunk += 1) {
            make_part(reduction, chunk, border(reduction, chunk, chunks),
                      border(reduction, chunk + 1, chunks), false);
        }
        if (chunks < reduction->left && ask(reduction, chunks)) {
            chunks = 2;
            continue;
        }
        /* From the end: what comes last is what most often is too late to matter. */
        for (size_t chunk = 0; chunk < chunks; chunk += 1) {
            size_t from = chunks - 1 - chunk;
            make_part(reduction, chunk, border(reduction, from, chunks),
                      border(reduction, from + 1, chunks), true);
        }
        if (ask(reduction, chunks)) {
            chunks = chunks > 2 ? chunks - 1 : 2;
        } else if (chunks >= reduction->left) {
            return;
        } else {
            chunks *= 2;
        }
    }
}

/* What is left may be single. */
static void drop_last(struct reduction *reduction)
{
    if (reduction->left == 1 && !is_over(reduction)) {
        make_part(reduction, 0, 0, 1, true);
        (void)ask(reduction, 1);
    }
}

/* Two that only go together: a kill and its start. */
static bool drop_pair(struct reduction *reduction)
{
    size_t part = 0;
    if (reduction->left < 2 || reduction->left > PAIRS_OF_MAX) {
        return false;
    }
    for (size_t left = 0; left < reduction->left; left += 1) {
        for (size_t right = left + 1; right < reduction->left; right += 1) {
            make_part(reduction, part, left, left + 1, true);
            part_at(reduction, part)[reduction->order[right]] = false;
            part += 1;
        }
    }
    return ask(reduction, part);
}

bool shrink_reduce(const struct shrink_question *question, bool *kept, size_t count)
{
    struct reduction reduction = {.question = question, .kept = kept, .count = count};
    reduction.part_max = count > PAIRS_OF_MAX * PAIRS_OF_MAX ? count : PAIRS_OF_MAX * PAIRS_OF_MAX;
    reduction.order = calloc(count + 1, sizeof *reduction.order);
    reduction.parts = calloc((reduction.part_max + 1) * (count + 1), sizeof *reduction.parts);
    bool is_made = reduction.order != NULL && reduction.parts != NULL;
    if (is_made) {
        list_kept(&reduction);
        do {
            by_chunks(&reduction);
            drop_last(&reduction);
        } while (!is_over(&reduction) && drop_pair(&reduction));
    }
    free(reduction.order);
    free(reduction.parts);
    return is_made;
}
