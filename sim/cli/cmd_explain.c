/* replisim explain: the necessary faults of a failing run, each left out in turn; what came last; the rule. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cli/small.h"
#include "sim/property.h"
#include "sim/script.h"
#include "sim/shrink/text.h"

#define TAIL_LINES_MAX 16

/* One fault that stayed, and the run without it. */
struct fault {
    char *text; /* owned; on one line */
    struct shrink_report without;
    bool is_run;
};

struct explanation {
    struct cli_small *small;
    const struct shrink_small *found;
    struct shrink_trials trials;
    struct fault *faults; /* owned */
    size_t fault_count;
    char *tail[TAIL_LINES_MAX]; /* owned */
    size_t tail_count;
};

/* ---- Left out in turn -------------------------------------------------------------------------- */

/* A statement of several lines on one. */
static char *one_line(const char *text, const struct shrink_span *span)
{
    struct shrink_text line = {.bytes = NULL};
    bool is_blank = false;
    for (size_t at = span->begin; at < span->end; at += 1) {
        bool is_space = text[at] == ' ' || text[at] == '\n' || text[at] == '\t';
        if (is_space) {
            is_blank = true;
            continue;
        }
        shrink_put(&line, " ", is_blank && line.length > 0 ? 1 : 0);
        shrink_put(&line, &text[at], 1);
        is_blank = false;
    }
    return shrink_take(&line);
}

static void leave_out(struct explanation *explanation, const struct shrink_span *spans, size_t row)
{
    const char *text = explanation->found->text;
    struct fault *fault = &explanation->faults[row];
    bool *kept = shrink_grow(NULL, explanation->fault_count * sizeof *kept);
    for (size_t other = 0; other < explanation->fault_count; other += 1) {
        kept[other] = other != row;
    }
    char *without = shrink_without(text, spans, kept, explanation->fault_count);
    fault->text = one_line(text, &spans[row]);
    fault->is_run = shrink_trial_run(&explanation->trials, without, NULL, 0, NULL, &fault->without);
    free(without);
    free(kept);
}

static void leave_each_out(struct explanation *explanation)
{
    size_t count = 0;
    struct shrink_span *spans = shrink_fault_spans(explanation->found->text, &count);
    explanation->fault_count = count;
    explanation->faults = shrink_grow(NULL, (count + 1) * sizeof *explanation->faults);
    memset(explanation->faults, 0, (count + 1) * sizeof *explanation->faults);
    for (size_t row = 0; row < count && !cli_watch_is_interrupted(); row += 1) {
        leave_out(explanation, spans, row);
    }
    free(spans);
}

static void take_tail(struct explanation *explanation)
{
    struct shrink_report report;
    struct shrink_text names = {.bytes = NULL};
    FILE *tail = tmpfile();
    char *line = NULL;
    size_t max = 0;
    ssize_t length = 0;
    shrink_say(&names, " ");
    for (size_t row = 0; row < explanation->fault_count; row += 1) {
        shrink_say(&names, "%s ", explanation->faults[row].text);
    }
    bool is_run = tail != NULL && shrink_trial_tail(&explanation->trials, explanation->found->text,
                                                    names.bytes, tail, &report);
    if (tail != NULL) {
        rewind(tail);
    }
    while (is_run && explanation->tail_count < TAIL_LINES_MAX &&
           (length = getline(&line, &max, tail)) > 0) {
        line[strcspn(line, "\n")] = '\0';
        explanation->tail[explanation->tail_count++] = shrink_copy(line, strlen(line));
    }
    if (tail != NULL) {
        (void)fclose(tail);
    }
    free(line);
    free(names.bytes);
}

static void clear(struct explanation *explanation)
{
    for (size_t row = 0; row < explanation->fault_count; row += 1) {
        free(explanation->faults[row].text);
    }
    for (size_t row = 0; row < explanation->tail_count; row += 1) {
        free(explanation->tail[row]);
    }
    free(explanation->faults);
}

/* ---- Words ------------------------------------------------------------------------------------- */

/* "passes", "fails otherwise: ...", ... */
static char *verdict_of(const struct explanation *explanation, const struct fault *fault)
{
    const struct shrink_report *report = &fault->without;
    const struct shrink_failure *target = &explanation->found->failure;
    struct shrink_text text = {.bytes = NULL};
    bool is_alike = target->is_crash
                        ? report->has_failure && shrink_is_alike(&report->failure, target)
                        : report->has_target;
    if (!fault->is_run || (!report->is_complete && !report->has_failure)) {
        shrink_say(&text, "is not known: %s", report->error);
    } else if (is_alike) {
        shrink_say(&text, "fails alike");
    } else if (report->has_failure && report->failure.is_crash) {
        shrink_say(&text, "crashes: %s", report->error);
    } else if (report->end == SCRIPT_END_ERROR) {
        shrink_say(&text, "stops with an error of the script: %s", report->error);
    } else if (report->has_failure) {
        shrink_say(&text, "fails otherwise: %s at %s", report->failure.property,
                   report->failure.place);
    } else {
        shrink_say(&text, "holds");
    }
    return shrink_take(&text);
}

static bool find_property(const struct explanation *explanation, enum sim_property *property_out)
{
    return sim_property_parse(rp_view_text(explanation->found->failure.property), property_out);
}

static void print_rule(const struct explanation *explanation)
{
    enum sim_property property;
    if (find_property(explanation, &property)) {
        printf("\nthe rule: %s\n  %s\n  %s\n  docs/invariants.md; replisim describe %s\n",
               sim_property_name(property), sim_property_about(property),
               sim_property_judged(property), sim_property_name(property));
    }
}

static void print_failure(const struct explanation *explanation)
{
    const struct shrink_small *found = explanation->found;
    if (found->failure.is_crash) {
        printf("the program crashes: %s\n", found->first.error);
        return;
    }
    printf("%s%s%s at %s\n  at %.3f s%s%s: %s\n", cli_colour(stdout, CLI_RED),
           found->failure.property, cli_colour(stdout, CLI_PLAIN), found->failure.place,
           found->first.time_s, found->first.node[0] == '\0' ? "" : " on ", found->first.node,
           found->first.detail);
}

static void print_faults(const struct explanation *explanation)
{
    const struct shrink_small *found = explanation->found;
    if (explanation->fault_count == 0) {
        printf("\nno fault was necessary: it fails alike without all %zu decisions of trouble\n",
               found->fault_count);
        return;
    }
    printf("\nnecessary, of %zu decisions of trouble:\n", found->fault_count);
    for (size_t row = 0; row < explanation->fault_count; row += 1) {
        char *verdict = verdict_of(explanation, &explanation->faults[row]);
        printf("  %s\n    without it: %s\n", explanation->faults[row].text, verdict);
        free(verdict);
    }
}

static void print_explanation(const struct explanation *explanation)
{
    char *words = cli_small_words(explanation->small, true);
    print_failure(explanation);
    print_faults(explanation);
    if (explanation->tail_count > 0) {
        printf("\nthe last of the nodes involved:\n");
    }
    for (size_t row = 0; row < explanation->tail_count; row += 1) {
        printf("  %s\n", explanation->tail[row]);
    }
    print_rule(explanation);
    if (explanation->found->end == SHRINK_CUT_SHORT) {
        printf("\nthe search was cut short: less may be necessary\n");
    }
    printf("\nrepeat: replisim run %s %s\n", explanation->small->request.path, words);
    free(words);
}

static json_t *make_faults(const struct explanation *explanation)
{
    json_t *list = json_array();
    for (size_t row = 0; row < explanation->fault_count; row += 1) {
        char *verdict = verdict_of(explanation, &explanation->faults[row]);
        (void)json_array_append_new(
            list, json_pack("{ss ss}", "fault", explanation->faults[row].text, "without", verdict));
        free(verdict);
    }
    return list;
}

static bool print_json(const struct explanation *explanation)
{
    const struct shrink_small *found = explanation->found;
    struct shrink_text repeat = {.bytes = NULL};
    char *words = cli_small_words(explanation->small, true);
    enum sim_property property;
    bool has_rule = find_property(explanation, &property);
    json_t *tail = json_array();
    for (size_t row = 0; row < explanation->tail_count; row += 1) {
        (void)json_array_append_new(tail, json_string(explanation->tail[row]));
    }
    shrink_say(&repeat, "replisim run %s %s", explanation->small->request.path, words);
    json_t *object = json_pack(
        "{ss ss ss ss sf sb sI so so ss sb ss}", "property", found->failure.property, "place",
        found->failure.place, "node", found->first.node, "detail", found->first.detail, "time_s",
        found->first.time_s, "crash", (int)found->failure.is_crash, "decisions",
        (json_int_t)found->fault_count, "necessary", make_faults(explanation), "last", tail, "rule",
        has_rule ? sim_property_about(property) : "", "cut_short",
        (int)(found->end == SHRINK_CUT_SHORT), "repeat", repeat.bytes);
    char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (text != NULL) {
        (void)puts(text);
    }
    json_decref(object);
    free(repeat.bytes);
    free(words);
    free(text);
    return text != NULL;
}

/* ---- The command -------------------------------------------------------------------------------- */

static int explain(struct cli_small *small, const struct shrink_small *found)
{
    struct explanation explanation = {.small = small, .found = found};
    if (found->text == NULL || (found->end != SHRINK_DONE && found->end != SHRINK_CUT_SHORT)) {
        return cli_small_refuse(small, found);
    }
    explanation.trials = (struct shrink_trials){
        .path = small->request.path,
        .seed = small->request.seed,
        .target = found->failure,
        .jobs = 1,
        .timeout_s = small->request.timeout_s > 0 ? small->request.timeout_s : 3600,
        .is_interrupted = cli_watch_is_interrupted,
    };
    leave_each_out(&explanation);
    take_tail(&explanation);
    cli_small_end_line(small);
    int code = CLI_EXIT_PASS;
    if (small->is_json) {
        code = print_json(&explanation) ? code : CLI_EXIT_BROKEN;
    } else {
        print_explanation(&explanation);
    }
    clear(&explanation);
    return cli_watch_is_interrupted() ? CLI_EXIT_INTERRUPTED : code;
}

int cli_explain(int argc, char **argv)
{
    struct cli_small small;
    struct shrink_small found;
    int code = CLI_EXIT_WRONG;
    if (cli_small_read(&small, "explain", false, argc, argv)) {
        small.request.is_faults_only = true;
        cli_watch_begin(0);
        shrink_make_small(&small.request, &found);
        code = explain(&small, &found);
        cli_watch_end();
        shrink_small_clear(&found);
    }
    cli_small_clear(&small);
    return code;
}
