/* What people and CI systems see of a sweep: progress, the summary, annotations. */
#ifndef REPLISIM_CLI_SWEEP_VIEW_H
#define REPLISIM_CLI_SWEEP_VIEW_H

#include <stdio.h>

#include "sim/sweep/summary.h"

/* On standard error: a bar that moves on a terminal, else a line now and then. */
struct cli_progress {
    bool is_quiet;    /* shows nothing */
    bool is_terminal; /* set by begin */
    double shown_s;   /* when it was last shown */
    size_t width;     /* of what stands in the line of the bar */
};
void cli_progress_begin(struct cli_progress *progress, bool is_quiet);
void cli_progress_show(struct cli_progress *progress, const struct sweep_state *state);
/* Clears the bar away, so that something else may be printed. */
void cli_progress_clear(struct cli_progress *progress);

struct cli_sweep_words {
    uint32_t jobs;
    double budget_s;
    bool is_quiet;                       /* groups and what was not reached only */
    bool is_reach_listed;                /* all rows below their floor */
    const struct sweep_explore *explore; /* borrowed; NULL: the plan in its order */
    int code;
};
void cli_sweep_print(const struct sweep_summary *summary, const struct sweep_driven *driven,
                     const struct cli_sweep_words *words, FILE *file);
/* Workflow commands of GitHub's actions, one a group of failures. */
void cli_sweep_annotate(const struct sweep_summary *summary, FILE *file);
/* "complete", "budget", "fail-fast", "interrupted", "broken". */
const char *cli_sweep_stop_name(enum sweep_stop stop);

#endif
