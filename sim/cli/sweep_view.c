#include "sim/cli/sweep_view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/cli/cli.h"

/* Beyond these there is --json. */
#define GROUPS_SHOWN 20
#define ROWS_SHOWN   12

/* ---- Progress ------------------------------------------------------------------------------------------ */

#define BAR_CELLS    24
#define BAR_EVERY_S  0.1
#define LINE_EVERY_S 30.0
#define LINE_BYTES   200

void cli_progress_begin(struct cli_progress *progress, bool is_quiet)
{
    const char *terminal = getenv("TERM");
    memset(progress, 0, sizeof *progress);
    progress->is_quiet = is_quiet;
    progress->is_terminal =
        isatty(STDERR_FILENO) && (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

void cli_progress_clear(struct cli_progress *progress)
{
    if (progress->width > 0) {
        fprintf(stderr, "\r%*s\r", (int)progress->width, "");
        fflush(stderr);
        progress->width = 0;
    }
}

static void format_state(const struct sweep_state *state, char text_out[LINE_BYTES])
{
    char left[32] = "";
    uint64_t done = state->found + state->ran;
    double rate = state->elapsed_s > 0 ? (double)state->ran / state->elapsed_s : 0;
    if (state->planned == UINT64_MAX) {
        (void)snprintf(text_out, LINE_BYTES, "%" PRIu64 " runs, %.3g runs/s, %" PRIu64 " failed",
                       done, rate, state->bad);
        return;
    }
    if (state->ran > 0 && rate > 0) {
        cli_format_seconds((double)(state->planned - done) / rate, left);
    }
    (void)snprintf(text_out, LINE_BYTES,
                   "%" PRIu64 "/%" PRIu64 " runs, %.3g runs/s, %" PRIu64 " failed%s%s", done,
                   state->planned, rate, state->bad, left[0] == '\0' ? "" : ", left: ", left);
}

static void show_bar(struct cli_progress *progress, const struct sweep_state *state)
{
    char text[LINE_BYTES], cells[BAR_CELLS + 1];
    double share = (double)(state->found + state->ran) / (double)state->planned;
    size_t full = (size_t)(share * BAR_CELLS);
    memset(cells, ' ', BAR_CELLS);
    memset(cells, '=', full < BAR_CELLS ? full : BAR_CELLS);
    cells[BAR_CELLS] = '\0';
    format_state(state, text);
    size_t width = strlen(text) + BAR_CELLS + 3;
    fprintf(stderr, "\r[%s] %s%s%s", cells,
            cli_colour(stderr, state->bad > 0 ? CLI_RED : CLI_PLAIN), text,
            cli_colour(stderr, CLI_PLAIN));
    if (width < progress->width) {
        fprintf(stderr, "%*s", (int)(progress->width - width), "");
    }
    fflush(stderr);
    progress->width = width;
}

void cli_progress_show(struct cli_progress *progress, const struct sweep_state *state)
{
    char text[LINE_BYTES];
    double every_s = progress->is_terminal ? BAR_EVERY_S : LINE_EVERY_S;
    if (progress->is_quiet || state->elapsed_s - progress->shown_s < every_s) {
        return;
    }
    progress->shown_s = state->elapsed_s;
    if (progress->is_terminal) {
        show_bar(progress, state);
    } else {
        format_state(state, text);
        fprintf(stderr, "%s\n", text);
    }
}

/* ---- The summary --------------------------------------------------------------------------------------- */

const char *cli_sweep_stop_name(enum sweep_stop stop)
{
    switch (stop) {
    case SWEEP_STOP_COMPLETE: return "complete";
    case SWEEP_STOP_BUDGET: return "budget";
    case SWEEP_STOP_FAIL_FAST: return "fail-fast";
    case SWEEP_STOP_INTERRUPTED: return "interrupted";
    case SWEEP_STOP_BROKEN: break;
    }
    return "broken";
}

static void print_head(const struct sweep_summary *summary, const struct cli_sweep_words *words,
                       FILE *file)
{
    const struct sweep_plan *plan = summary->plan;
    const char *word = words->code == CLI_EXIT_PASS ? "PASS" : "FAIL";
    fprintf(file, "%s%s%s  %zu scenario%s, seeds %" PRIu64 "..%" PRIu64,
            cli_colour(file, words->code == CLI_EXIT_PASS ? CLI_GREEN : CLI_RED), word,
            cli_colour(file, CLI_PLAIN), plan->scenario_count, plan->scenario_count == 1 ? "" : "s",
            plan->seed_first, plan->seed_last);
    if (plan->shard_count > 1) {
        fprintf(file, ", shard %" PRIu32 "/%" PRIu32, plan->shard_index, plan->shard_count);
    }
    fprintf(file, "\n  runs         %" PRIu64 ":", summary->runs);
    const char *between = " ";
    for (int end = 0; end < SWEEP_END_COUNT; end++) {
        if (summary->ends[end] > 0 || end == SWEEP_END_PASS) {
            fprintf(file, "%s%" PRIu64 " %s", between, summary->ends[end],
                    sweep_end_name((enum sweep_end)end));
            between = ", ";
        }
    }
    if (summary->vacuous > 0) {
        fprintf(file, "; %" PRIu64 " vacuous", summary->vacuous);
    }
    fputc('\n', file);
}

static void print_times(const struct sweep_summary *summary, const struct sweep_driven *driven,
                        const struct cli_sweep_words *words, FILE *file)
{
    char elapsed[32], virtual_time[32];
    const struct sweep_state *state = &driven->state;
    cli_format_seconds(state->elapsed_s, elapsed);
    cli_format_seconds(summary->virtual_s, virtual_time);
    fprintf(file, "  took         %s, %.3g runs/s with %" PRIu32 " worker%s; %s of virtual time",
            elapsed, state->elapsed_s > 0 ? (double)state->ran / state->elapsed_s : 0.0,
            words->jobs, words->jobs == 1 ? "" : "s", virtual_time);
    if (state->found > 0) {
        fprintf(file, "; %" PRIu64 " runs were there before", state->found);
    }
    fputc('\n', file);
}

static void print_group(const struct sweep_group *group, FILE *file)
{
    fprintf(file, "\n  %s%s%s ", cli_colour(file, CLI_RED), sweep_end_name(group->end),
            cli_colour(file, CLI_PLAIN));
    if (group->property[0] != '\0') {
        fprintf(file, "%s%s%s  at %s\n", cli_colour(file, CLI_BOLD), group->property,
                cli_colour(file, CLI_PLAIN), group->place);
    } else {
        fprintf(file, "%s%s%s\n", cli_colour(file, CLI_BOLD), group->place,
                cli_colour(file, CLI_PLAIN));
    }
    fprintf(file, "    %" PRIu64 " run%s of %s", group->run_count, group->run_count == 1 ? "" : "s",
            group->scenario_count == 0 ? group->scenario : group->scenarios[0]);
    for (size_t i = 1; i < group->scenario_count && i < ROWS_SHOWN; i++) {
        fprintf(file, ", %s", group->scenarios[i]);
    }
    if (group->scenario_count > ROWS_SHOWN) {
        fprintf(file, " and %zu more", group->scenario_count - ROWS_SHOWN);
    }
    fprintf(file, "; shortest with seed %" PRIu64 "\n    %s%s%.*s\n    repeat: %s\n", group->seed,
            group->node, group->node[0] == '\0' ? "" : ": ", (int)strcspn(group->detail, "\n"),
            group->detail, group->repeat);
}

static void print_groups(const struct sweep_summary *summary, FILE *file)
{
    size_t count = sweep_groups_count(summary->groups);
    for (size_t i = 0; i < count && i < GROUPS_SHOWN; i++) {
        const struct sweep_group *group = sweep_groups_at(summary->groups, i);
        if (group != NULL) {
            print_group(group, file);
        }
    }
    if (count > GROUPS_SHOWN) {
        fprintf(file, "\n  and %zu more causes (--json, --junit, --db)\n", count - GROUPS_SHOWN);
    }
}

static void print_missing(const struct sweep_summary *summary, const struct sweep_driven *driven,
                          FILE *file)
{
    const struct sweep_ranges *missing = &summary->missing;
    if (missing->count > 0) {
        fprintf(file, "\n  %snot reached%s (%s):\n", cli_colour(file, CLI_YELLOW),
                cli_colour(file, CLI_PLAIN), cli_sweep_stop_name(driven->stop));
    }
    for (size_t i = 0; i < missing->count; i++) {
        const struct sweep_range *range = &missing->ranges[i];
        const char *name = summary->plan->scenarios[range->scenario].name;
        if (range->seed_first == range->seed_last) {
            fprintf(file, "    %-24s seed %" PRIu64 "\n", name, range->seed_first);
        } else {
            fprintf(file, "    %-24s seeds %" PRIu64 "..%" PRIu64 " (%" PRIu64 " runs)\n", name,
                    range->seed_first, range->seed_last, range->count);
        }
    }
}

static void print_unseen(const struct sweep_summary *summary, FILE *file)
{
    bool is_first = true;
    for (size_t i = 0; i < summary->plan->scenario_count; i++) {
        const struct sweep_scenario_sum *sum = &summary->scenarios[i];
        for (size_t k = 0; k < sum->name_count; k++) {
            if (!sum->names[k].is_reached) {
                fprintf(file, "%s    %-24s %s\n",
                        is_first ? "\n  states that no seed reached (c:sometimes):\n" : "",
                        summary->plan->scenarios[i].name, sum->names[k].name);
                is_first = false;
            }
        }
    }
}

static void print_floors(const struct sweep_summary *summary, const struct cli_sweep_words *words,
                         FILE *file)
{
    struct sweep_short row;
    size_t at = 0, rows = 0, below = sweep_summary_short_count(summary);
    for (int group = 0; group < SIM_REACH_GROUP_COUNT; group++) {
        rows += sim_reach_row_count((enum sim_reach_group)group);
    }
    fprintf(file, "  reach        %zu of %zu checks, faults, states and acks at their floor%s\n",
            rows - below, rows,
            below > 0 && !words->is_reach_listed ? " (--reach lists the others)" : "");
    while (words->is_reach_listed && sweep_summary_next_short(summary, &at, &row)) {
        fprintf(file, "    %-14s %-28s %" PRIu64 " of %" PRIu64 "\n",
                sim_reach_group_name(row.group), sim_reach_row_name(row.group, row.row), row.count,
                row.floor);
    }
}

static void print_seen(const struct sweep_summary *summary, FILE *file)
{
    fprintf(file, "  states       %" PRIu64 " abstract ones\n", sweep_seen_states(summary->seen));
    fprintf(file, "  faults met   ");
    sweep_seen_print_counts(summary->seen, file);
    fputs(" (--reach lists the others)\n", file);
}

static void print_explored(const struct sweep_explore *explore, FILE *file)
{
    struct sweep_explore_sum sum = sweep_explore_sum(explore);
    fprintf(file,
            "  explored     %" PRIu64 " runs, %" PRIu64
            " of them with changed decisions, which found %" PRIu64
            " states that no run before them had\n",
            sum.runs, sum.changed_runs, sum.changed_states);
}

void cli_sweep_print(const struct sweep_summary *summary, const struct sweep_driven *driven,
                     const struct cli_sweep_words *words, FILE *file)
{
    if (!words->is_quiet) {
        print_head(summary, words, file);
        print_times(summary, driven, words, file);
    }
    if (!words->is_quiet || words->is_reach_listed) {
        print_floors(summary, words, file);
    }
    if (words->is_reach_listed) {
        fputs("  ", file);
        sweep_seen_print(summary->seen, file);
    } else if (!words->is_quiet) {
        print_seen(summary, file);
    }
    if (words->explore != NULL && !words->is_quiet) {
        print_explored(words->explore, file);
    }
    print_groups(summary, file);
    if (words->explore == NULL) { /* it has no end to reach */
        print_missing(summary, driven, file);
    }
    if (!words->is_quiet) {
        print_unseen(summary, file);
    }
}

/* ---- GitHub ---------------------------------------------------------------------------------------------- */

/* Ends of lines and percent signs would end the command. */
static void print_escaped(const char *text, bool is_property, FILE *file)
{
    for (; *text != '\0'; text++) {
        bool is_special = *text == '%' || *text == '\r' || *text == '\n' ||
                          (is_property && (*text == ':' || *text == ','));
        if (is_special) {
            fprintf(file, "%%%02X", (unsigned)(unsigned char)*text);
        } else {
            fputc(*text, file);
        }
    }
}

/* "path:12: what" has a line; else it is the file as a whole. */
static unsigned line_of(const struct sweep_group *group)
{
    const char *found = strstr(group->detail, group->path);
    unsigned line = 0;
    if (found != NULL && sscanf(found + strlen(group->path), ":%9u:", &line) == 1 && line > 0) {
        return line;
    }
    return 1;
}

void cli_sweep_annotate(const struct sweep_summary *summary, FILE *file)
{
    for (size_t i = 0; i < sweep_groups_count(summary->groups); i++) {
        const struct sweep_group *group = sweep_groups_at(summary->groups, i);
        if (group == NULL) {
            continue;
        }
        fputs("::error file=", file);
        print_escaped(group->path, true, file);
        fprintf(file, ",line=%u,title=", line_of(group));
        print_escaped(group->property[0] != '\0' ? group->property : sweep_end_name(group->end),
                      true, file);
        fputs("::", file);
        print_escaped(group->place, false, file);
        fputs(": ", file);
        print_escaped(group->detail, false, file);
        fprintf(file, "%%0A%" PRIu64 " runs%%0A", group->run_count);
        print_escaped(group->repeat, false, file);
        fputc('\n', file);
    }
}
