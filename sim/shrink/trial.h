/* Trials: does this text, run as that scenario with that seed, still fail as the first run did? Each in a
 * process of its own, so that a crash is an answer too, and several side by side. Which answers come
 * first changes nothing about what is found. */
#ifndef REPLISIM_SHRINK_TRIAL_H
#define REPLISIM_SHRINK_TRIAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define SHRINK_JOBS_MAX 64
#define SHRINK_NAME_MAX 256

/* How a run failed; two runs that fail alike have the same cause, as far as one can tell. */
struct shrink_failure {
    bool is_crash; /* of the program; then `signal`, 0: an exit code of its own */
    int signal;
    char property[SHRINK_NAME_MAX]; /* of the first violation that counts */
    char place[SHRINK_NAME_MAX];
    char what[SHRINK_NAME_MAX]; /* of a judgement of the script's own: its message, without what
                                   follows a colon, and without digits; else "" */
};

/* What a run came to; flat, so that it goes through a pipe as it is. */
struct shrink_report {
    bool is_complete; /* the run ended by itself: all of this is valid */
    int end;          /* enum script_end */
    bool has_target;  /* a violation of the asked property at the asked place is among them */
    bool has_failure;
    struct shrink_failure failure; /* the first violation that counts */
    double time_s; /* virtual; of the failure that was asked for, else of the first */
    char node[SHRINK_NAME_MAX];
    char detail[1024];
    double virtual_s;
    uint64_t record_count; /* events and observations */
    uint64_t violation_count;
    char error[1024];
};

struct shrink_trials {
    const char *path; /* of the scenario: where its `from` and `require` look */
    uint64_t seed;
    struct shrink_failure target;
    unsigned jobs;
    uint64_t record_max; /* a run with more events and observations does not fail alike; 0: none */
    double timeout_s;    /* real seconds a run; a run that takes longer does not fail alike */
    double deadline_s;   /* of a monotonic clock; 0: none */
    uint64_t tries_max;
    bool (*is_interrupted)(void); /* may be NULL */
    /* Not NULL: a text counts only when this other one, made of it, does not fail alike. Owned by who
     * asks. */
    char *(*control)(const char *text);
    void (*progress)(struct shrink_trials *trials);
    void *progress_context;
    /* Kept here. */
    uint64_t try_count, run_count;
    struct shrink_known *known; /* owned: texts that were tried */
    size_t known_count, known_max;
};

/* Runs once to the end; `text` NULL: the file itself, with the parameters. `record`: sim/script_record.h.
 * A crash is told in `failure`. False: the system refused, told in report->error. */
bool shrink_trial_run(const struct shrink_trials *trials, const char *text, const char *const *sets,
                      size_t set_count, FILE *record, struct shrink_report *report_out);
/* Runs the text until it fails as the target, and writes the last observations of some nodes: the one
 * that violates, and those that `names` names in quotes. */
bool shrink_trial_tail(const struct shrink_trials *trials, const char *text, const char *names,
                       FILE *tail, struct shrink_report *report_out);
/* The number of the first text that fails as the target; `count`: none. */
size_t shrink_trials_first(struct shrink_trials *trials, char *const *texts, size_t count);
/* Interrupted, out of time or of tries. */
bool shrink_trials_are_over(const struct shrink_trials *trials);
bool shrink_is_alike(const struct shrink_failure *left, const struct shrink_failure *right);
void shrink_trials_clear(struct shrink_trials *trials);
double shrink_clock(void);

#endif
