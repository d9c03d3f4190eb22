#include "sim/shrink/shrink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/script.h"
#include "sim/shrink/reduce.h"
#include "sim/shrink/source.h"
#include "sim/shrink/story.h"
#include "sim/shrink/text.h"
#include "sim/shrink/units.h"
#include "sim/shrink/weaken.h"

#define UNITS_MAX    400 /* more are taken in groups */
#define DEPTH_MAX    12
#define LITERALS_MAX 400
#define ROUNDS_MAX   4

struct search {
    const struct shrink_request *request;
    struct shrink_small *small;
    struct shrink_trials trials;
    const char *phase;
    double told_s;
};

/* ---- Telling ---------------------------------------------------------------------------------- */

static size_t faults_in(const char *text)
{
    size_t count = 0;
    free(shrink_fault_spans(text, &count));
    return count;
}

static void tell(struct search *search)
{
    const struct shrink_request *request = search->request;
    if (request->tell != NULL) {
        size_t count = search->small->text == NULL ? search->small->fault_count
                                                   : faults_in(search->small->text);
        request->tell(request->context, search->phase, &search->trials, count);
    }
    search->told_s = shrink_clock();
}

static void on_progress(struct shrink_trials *trials)
{
    struct search *search = trials->progress_context;
    if (shrink_clock() - search->told_s > 0.5) {
        tell(search);
    }
}

static void begin_phase(struct search *search, const char *phase)
{
    search->phase = phase;
    tell(search);
}

static bool is_over(const struct search *search)
{
    return shrink_trials_are_over(&search->trials);
}

/* ---- Steps ------------------------------------------------------------------------------------ */

/* Takes the first of the texts that fails alike. The texts stay the caller's. */
static bool take_first(struct search *search, char *const *texts, size_t count)
{
    size_t first = shrink_trials_first(&search->trials, texts, count);
    if (first >= count) {
        return false;
    }
    char *taken = shrink_copy(texts[first], strlen(texts[first]));
    free(search->small->text);
    search->small->text = taken;
    return true;
}

/* Units that may go, in groups when there are very many. */
struct removal {
    struct search *search;
    const char *text;
    const struct shrink_span *spans;
    size_t span_count, group_count;
};

static char *without_groups(const struct removal *removal, const bool *kept_groups)
{
    bool *kept = shrink_grow(NULL, (removal->span_count + 1) * sizeof *kept);
    for (size_t row = 0; row < removal->span_count; row += 1) {
        kept[row] = kept_groups[row * removal->group_count / removal->span_count];
    }
    char *text = shrink_without(removal->text, removal->spans, kept, removal->span_count);
    free(kept);
    return text;
}

static size_t first_part(void *context, const bool *parts, size_t part_count, size_t count)
{
    struct removal *removal = context;
    char **texts = shrink_grow(NULL, (part_count + 1) * sizeof *texts);
    for (size_t part = 0; part < part_count; part += 1) {
        texts[part] = without_groups(removal, parts + part * count);
    }
    size_t first = shrink_trials_first(&removal->search->trials, texts, part_count);
    for (size_t part = 0; part < part_count; part += 1) {
        free(texts[part]);
    }
    free(texts);
    return first;
}

static bool removal_is_over(void *context)
{
    const struct removal *removal = context;
    return is_over(removal->search);
}

/* True: something went. */
static bool remove_some(struct search *search, const struct shrink_span *spans, size_t count)
{
    struct removal removal = {search, search->small->text, spans, count, count};
    if (count == 0 || is_over(search)) {
        return false;
    }
    removal.group_count = count > UNITS_MAX ? UNITS_MAX : count;
    bool *kept = shrink_grow(NULL, removal.group_count * sizeof *kept);
    memset(kept, true, removal.group_count * sizeof *kept);
    struct shrink_question question = {&removal, first_part, removal_is_over};
    bool is_changed = false;
    if (shrink_reduce(&question, kept, removal.group_count)) {
        char *text = without_groups(&removal, kept);
        is_changed = strcmp(text, search->small->text) != 0;
        free(search->small->text);
        search->small->text = text;
    }
    free(kept);
    return is_changed;
}

/* As long as groups fall, single ones may. */
static bool remove_units(struct search *search, enum shrink_unit unit, size_t depth)
{
    bool is_changed = false, again = true;
    while (again && !is_over(search)) {
        size_t count = 0;
        struct shrink_span *spans = shrink_units(search->small->text, unit, depth, &count);
        again = remove_some(search, spans, count) && count > UNITS_MAX;
        is_changed = is_changed || again || count <= UNITS_MAX;
        free(spans);
    }
    return is_changed;
}

static size_t unit_count(const char *text, enum shrink_unit unit, size_t depth)
{
    size_t count = 0;
    free(shrink_units(text, unit, depth, &count));
    return count;
}

static void remove_depths(struct search *search, enum shrink_unit unit)
{
    for (size_t depth = 0; depth < DEPTH_MAX && !is_over(search); depth += 1) {
        if (unit_count(search->small->text, unit, depth) > 0) {
            (void)remove_units(search, unit, depth);
        }
    }
}

typedef char **(*variants_fn)(const char *text, size_t number, size_t *count_out,
                              bool *is_last_out);

static void weaken_each(struct search *search, variants_fn variants)
{
    bool is_last = false;
    for (size_t number = 0; number < LITERALS_MAX && !is_last && !is_over(search); number += 1) {
        size_t count = 0;
        char **texts = variants(search->small->text, number, &count, &is_last);
        (void)take_first(search, texts, count);
        shrink_texts_free(texts, count);
    }
}

/* Fewer checks at the end, when those at rest are enough. */
static void try_short_closing(struct search *search)
{
    static const char field[] = "\n  closing = \"short\",";
    const char *text = search->small->text;
    struct shrink_tree tree;
    if (!shrink_tree_parse(text, &tree)) {
        return;
    }
    size_t table = shrink_tree_returned(text, &tree);
    if (table != SHRINK_NONE && shrink_tree_field(text, &tree, table, "closing") == SHRINK_NONE) {
        size_t at = tree.nodes[table].begin + 1;
        char *shorter = shrink_splice(text, at, at, field);
        (void)take_first(search, &shorter, 1);
        free(shorter);
    }
    shrink_tree_clear(&tree);
}

/* The text with nothing going wrong in it. */
static char *without_faults(const char *text)
{
    size_t count = 0;
    struct shrink_span *spans = shrink_fault_spans(text, &count);
    bool *kept = shrink_grow(NULL, (count + 1) * sizeof *kept);
    memset(kept, 0, (count + 1) * sizeof *kept);
    char *quiet = shrink_without(text, spans, kept, count);
    free(kept);
    free(spans);
    return quiet;
}

/* A judgement of the script's own names no cause: whatever breaks it looks alike. As long as trouble was
 * needed for it, trouble stays needed. */
static void keep_cause(struct search *search)
{
    struct shrink_trials *trials = &search->trials;
    if (trials->target.what[0] != '\0' && faults_in(search->small->text) > 0) {
        trials->control = without_faults;
        shrink_trials_clear(trials); /* what was known was known without it */
    }
}

static void make_smaller(struct search *search)
{
    if (!search->request->is_faults_only) {
        try_short_closing(search);
    }
    begin_phase(search, "faults");
    (void)remove_units(search, SHRINK_UNIT_FAULTS, 0);
    keep_cause(search);
    for (int round = 0; round < ROUNDS_MAX && !search->request->is_faults_only; round += 1) {
        char *before = shrink_copy(search->small->text, strlen(search->small->text));
        begin_phase(search, "workload");
        remove_depths(search, SHRINK_UNIT_STATEMENTS);
        begin_phase(search, "parameters");
        remove_depths(search, SHRINK_UNIT_FIELDS);
        begin_phase(search, "guards");
        weaken_each(search, shrink_plainer);
        begin_phase(search, "numbers");
        weaken_each(search, shrink_weaker);
        begin_phase(search, "times");
        weaken_each(search, shrink_earlier);
        bool is_same = strcmp(before, search->small->text) == 0;
        free(before);
        if (is_same || is_over(search)) {
            break;
        }
        begin_phase(search, "faults");
        (void)remove_units(search, SHRINK_UNIT_FAULTS, 0);
    }
}

/* ---- The first run and its own text ------------------------------------------------------------ */

static void fail(struct shrink_small *small, enum shrink_end end, const char *text)
{
    small->end = end;
    (void)snprintf(small->error, sizeof small->error, "%s", text);
}

/* False: there is nothing to make small; told. */
static bool judge_first(struct shrink_small *small)
{
    const struct shrink_report *first = &small->first;
    if (!first->is_complete && !first->has_failure) {
        fail(small, SHRINK_ERROR, first->error);
    } else if (first->is_complete && first->end == SCRIPT_END_ERROR) {
        fail(small, SHRINK_ERROR, first->error);
    } else if (first->is_complete && first->end == SCRIPT_END_BROKEN) {
        fail(small, SHRINK_ERROR, first->error);
    } else if (first->is_complete && first->end == SCRIPT_END_PASS) {
        fail(small, SHRINK_PASSES, "");
    } else if (strcmp(first->failure.place, "expect/not-seen") == 0) {
        fail(small, SHRINK_ERROR,
             "the run fails since what it expects to be violated was not: "
             "nothing that could be left out makes it so");
    } else {
        small->failure = first->failure;
        return true;
    }
    return false;
}

/* It is another scenario now, with a name of its own. */
static void name_story(struct shrink_story *story, const struct shrink_failure *failure)
{
    const char *name = shrink_story_section(story, "name");
    struct shrink_text text = {.bytes = NULL};
    if (name != NULL && strlen(name) > 2) {
        shrink_say(&text, "%.*s-small\"", (int)strlen(name) - 1, name);
        shrink_story_set_section(story, "name", text.bytes);
        free(shrink_take(&text));
    }
    if (failure->is_crash) {
        shrink_say(&text, "\"Crashes the program.\"");
    } else {
        shrink_say(&text, "\"Violates %s at %s.\"", failure->property, failure->place);
    }
    shrink_story_set_section(story, "about", text.bytes);
    free(shrink_take(&text));
}

static bool run_first(struct search *search, struct shrink_story *story)
{
    const struct shrink_request *request = search->request;
    struct shrink_small *small = search->small;
    FILE *record = tmpfile();
    if (record == NULL) {
        fail(small, SHRINK_ERROR, strerror(errno));
        return false;
    }
    double began_s = shrink_clock();
    if (search->trials.timeout_s <= 0) {
        search->trials.timeout_s = 3600;
    }
    bool is_run = shrink_trial_run(&search->trials, NULL, request->sets, request->set_count, record,
                                   &small->first);
    double took_s = shrink_clock() - began_s;
    if (request->timeout_s <= 0) {
        search->trials.timeout_s = 60 + took_s * 20;
    }
    search->trials.record_max = small->first.record_count * 2 + 100000;
    if (!is_run) {
        fail(small, SHRINK_ERROR, small->first.error);
    }
    bool is_failed = is_run && judge_first(small);
    rewind(record);
    shrink_story_read(story, record, small->failure.property, small->failure.place);
    (void)fclose(record);
    small->fault_count = shrink_story_fault_count(story);
    name_story(story, &small->failure);
    search->trials.target = small->failure;
    return is_failed;
}

#define TELLINGS 7

/* What ends with the failure comes first, the file's own text last. */
static void tell_story(const struct search *search, struct shrink_story *story,
                       char *texts[TELLINGS])
{
    bool is_cut = story->has_violated && (!story->has_end || story->violated_ns < story->end_ns);
    uint64_t cut_ns = is_cut ? story->violated_ns + 1 : UINT64_MAX;
    const struct shrink_telling tellings[] = {
        {false, false, cut_ns},    {false, false, UINT64_MAX}, {true, false, cut_ns},
        {true, false, UINT64_MAX}, {false, true, UINT64_MAX},
    };
    for (size_t row = 0; row < 5; row += 1) {
        texts[row] = shrink_story_tell(story, &tellings[row]);
    }
    for (size_t row = 5; row < TELLINGS; row += 1) {
        texts[row] = shrink_source_tell(story, search->request->path, row == 5);
        texts[row] = texts[row] == NULL ? shrink_copy("", 0) : texts[row];
    }
}

static bool find_own_text(struct search *search, struct shrink_story *story)
{
    struct shrink_small *small = search->small;
    char *texts[TELLINGS];
    tell_story(search, story, texts);
    size_t first = shrink_trials_first(&search->trials, texts, TELLINGS);
    if (first < TELLINGS) {
        small->text = shrink_copy(texts[first], strlen(texts[first]));
        small->is_told = first < 5;
    }
    for (size_t row = 0; row < TELLINGS; row += 1) {
        free(texts[row]);
    }
    return first < TELLINGS;
}

/* ---- The last run ------------------------------------------------------------------------------ */

/* Once more from its beginning to its end: the text fails alike, and what of the trouble is left. */
static bool run_last(struct search *search)
{
    struct shrink_small *small = search->small;
    struct shrink_story story;
    FILE *record = tmpfile();
    if (record == NULL) {
        return false;
    }
    struct shrink_trials trials = search->trials;
    trials.record_max = 0;
    trials.is_interrupted = NULL; /* one run more: it is what makes the text worth something */
    bool is_run = shrink_trial_run(&trials, small->text, NULL, 0, record, &small->last);
    rewind(record);
    shrink_story_read(&story, record, small->failure.property, small->failure.place);
    (void)fclose(record);
    small->kept_count = shrink_story_fault_count(&story);
    shrink_story_clear(&story);
    return is_run && (small->failure.is_crash
                          ? shrink_is_alike(&small->last.failure, &small->failure)
                          : small->last.is_complete && small->last.end == SCRIPT_END_FAIL &&
                                small->last.has_target);
}

static void search_small(struct search *search, struct shrink_story *story)
{
    struct shrink_small *small = search->small;
    search->phase = "first run";
    if (!run_first(search, story)) {
        return;
    }
    begin_phase(search, "its own text");
    if (!find_own_text(search, story)) {
        fail(small, SHRINK_UNLIKE, "");
        small->end = is_over(search) ? SHRINK_CUT_SHORT : SHRINK_UNLIKE;
        return;
    }
    make_smaller(search);
    small->end = is_over(search) ? SHRINK_CUT_SHORT : SHRINK_DONE;
    char *tidy = shrink_tidy(small->text);
    (void)take_first(search, &tidy, 1);
    free(tidy);
    begin_phase(search, "last run");
    if (!run_last(search)) {
        free(small->text);
        small->text = NULL;
        fail(small, SHRINK_UNLIKE, "the small scenario does not fail again");
    }
}

void shrink_make_small(const struct shrink_request *request, struct shrink_small *small_out)
{
    double began_s = shrink_clock();
    struct shrink_story story;
    memset(small_out, 0, sizeof *small_out);
    memset(&story, 0, sizeof story);
    struct search search = {.request = request, .small = small_out};
    search.trials = (struct shrink_trials){
        .path = request->path,
        .seed = request->seed,
        .jobs = request->jobs,
        .timeout_s = request->timeout_s,
        .deadline_s = request->budget_s > 0 ? began_s + request->budget_s : 0,
        .tries_max = request->tries_max,
        .is_interrupted = request->is_interrupted,
        .progress = on_progress,
        .progress_context = &search,
    };
    search_small(&search, &story);
    shrink_story_clear(&story);
    small_out->try_count = search.trials.try_count;
    small_out->run_count = search.trials.run_count;
    small_out->wall_s = shrink_clock() - began_s;
    shrink_trials_clear(&search.trials);
}

void shrink_small_clear(struct shrink_small *small)
{
    free(small->text);
    memset(small, 0, sizeof *small);
}
