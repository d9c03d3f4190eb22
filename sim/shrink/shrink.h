/* Makes a failing scenario small: what does not matter for the failure is taken out, what is left is
 * made weaker, and every step is a run that failed alike.
 *
 * First the story is told again as it went, call by call (story.h); when that does not fail alike (its
 * failure is a judgement of the script's own, say), the file's own text is taken, with what it requires
 * and what random trouble decided written out (source.h). Either is a text that is then made smaller
 * as such (tree.h): faults first, then everything else, then fields, then numbers. */
#ifndef REPLISIM_SHRINK_H
#define REPLISIM_SHRINK_H

#include "sim/shrink/trial.h"

struct shrink_request {
    const char *path;
    uint64_t seed;
    const char *const *sets;
    size_t set_count;
    unsigned jobs;
    double timeout_s; /* a run; 0: from how long the first one took */
    double budget_s;  /* for all; 0: none */
    uint64_t tries_max;
    bool is_faults_only;          /* leaves the rest as it is */
    bool (*is_interrupted)(void); /* may be NULL */
    /* Called now and then; may be NULL. */
    void *context;
    void (*tell)(void *context, const char *what, const struct shrink_trials *trials,
                 size_t fault_count);
};

enum shrink_end {
    SHRINK_DONE,
    SHRINK_CUT_SHORT, /* by an interrupt, the budget or the tries: what is there is smaller, and fails */
    SHRINK_PASSES, /* the run does not fail */
    SHRINK_ERROR,  /* the scenario is wrong, or the system refused; `error` tells */
    SHRINK_UNLIKE  /* no text of its own fails alike */
};

struct shrink_small {
    enum shrink_end end;
    char *text;                    /* owned; NULL: none. Without a heading */
    struct shrink_failure failure; /* what it is about */
    struct shrink_report first, last;
    size_t fault_count, kept_count; /* decisions of trouble in the first run; in the last */
    bool is_told;                   /* call by call; else the file's own text */
    uint64_t try_count, run_count;
    double wall_s;
    char error[1024];
};

void shrink_make_small(const struct shrink_request *request, struct shrink_small *small_out);
void shrink_small_clear(struct shrink_small *small);

/* ---- Shared with explain ---------------------------------------------------------------------- */

/* Statements of the text that are trouble and nothing else: places in it, [begin, end). */
struct shrink_span {
    size_t begin, end;
};
/* Owned by the caller. */
struct shrink_span *shrink_fault_spans(const char *text, size_t *count_out);
char *shrink_without(const char *text, const struct shrink_span *spans, const bool *kept,
                     size_t count);

#endif
