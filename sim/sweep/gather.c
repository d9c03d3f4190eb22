#include "sim/sweep/gather.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_BYTES (2 * SWEEP_NOISE_BYTES)

/* ---- Why ------------------------------------------------------------------------------------------- */

/* The line that holds `mark`, without what stands before it when `is_from_mark`. False: there is none. */
static bool find_line(const char *text, const char *mark, char line_out[SWEEP_NOTE_BYTES])
{
    const char *found = strstr(text, mark);
    if (found == NULL) {
        return false;
    }
    while (found > text && found[-1] != '\n') {
        found -= 1;
    }
    (void)snprintf(line_out, SWEEP_NOTE_BYTES, "%.*s", (int)strcspn(found, "\n"), found);
    return true;
}

static bool is_sanitizer_report(const char *noise, char line_out[SWEEP_NOTE_BYTES])
{
    /* The summary names no address: reports of one defect look alike. */
    return find_line(noise, "SUMMARY: ", line_out) ||
           find_line(noise, "runtime error: ", line_out) ||
           find_line(noise, "Sanitizer:", line_out);
}

/* With a limit of memory, an assertion that something was to be had is that limit's doing. */
static bool is_refused_memory(const struct sweep_ended *ended, const struct sweep_task *task)
{
    return task->memory_bytes > 0 && ended->signal == SIGABRT &&
           strstr(ended->noise, "!= NULL") != NULL;
}

static enum sweep_end explain_signal(const struct sweep_ended *ended, const struct sweep_task *task,
                                     char why_out[SWEEP_NOTE_BYTES])
{
    char line[SWEEP_NOTE_BYTES];
    if (is_sanitizer_report(ended->noise, line)) {
        (void)snprintf(why_out, SWEEP_NOTE_BYTES, "%s", line);
        return SWEEP_END_SANITIZER;
    }
    if (is_refused_memory(ended, task)) {
        (void)snprintf(why_out, SWEEP_NOTE_BYTES, "out of memory");
        return SWEEP_END_MEMORY;
    }
    if (ended->signal == SIGKILL) {
        (void)snprintf(why_out, SWEEP_NOTE_BYTES,
                       "killed, as the system does when memory runs out");
        return SWEEP_END_MEMORY;
    }
    if (find_line(ended->noise, "assertion failed: ", line)) {
        (void)snprintf(why_out, SWEEP_NOTE_BYTES, "crashed: %.400s", line);
    } else {
        (void)snprintf(why_out, SWEEP_NOTE_BYTES, "crashed: %s", strsignal(ended->signal));
    }
    return SWEEP_END_CRASH;
}

static enum sweep_end explain(const struct sweep_ended *ended, const struct sweep_task *task,
                              char why_out[SWEEP_NOTE_BYTES])
{
    if (ended->is_overflowed) {
        (void)snprintf(why_out, SWEEP_NOTE_BYTES, "its result is longer than a result may be");
        return SWEEP_END_LOST;
    }
    if (ended->is_killed) {
        (void)snprintf(why_out, SWEEP_NOTE_BYTES,
                       "not finished after %g s of real time, and not to be stopped",
                       task->timeout_s);
        return SWEEP_END_TIMEOUT;
    }
    if (ended->is_signalled) {
        return explain_signal(ended, task, why_out);
    }
    if (ended->code == SWEEP_EXIT_BASE + SWEEP_END_MEMORY) {
        (void)snprintf(why_out, SWEEP_NOTE_BYTES, "out of memory");
        return SWEEP_END_MEMORY;
    }
    if (is_sanitizer_report(ended->noise, why_out)) {
        return SWEEP_END_SANITIZER;
    }
    (void)snprintf(why_out, SWEEP_NOTE_BYTES, "ended without a result, with exit code %d",
                   ended->code);
    return SWEEP_END_LOST;
}

/* ---- A result, whatever happened -------------------------------------------------------------------- */

/* The object that `run --json` would have printed had it come to that. NULL: no memory. */
static char *make_line(const struct sweep_ended *ended, const struct sweep_task *task, char *error)
{
    char *text = NULL;
    size_t length = 0;
    char scenario[SCRIPT_TEXT_MAX];
    (void)snprintf(scenario, sizeof scenario, "%s", task->scenario);
    struct sim_result result = {
        .scenario = scenario,
        .seed = task->script.seed,
        .verdict = SIM_VERDICT_ERROR,
        .error = error,
        .wall_seconds = (double)(uint64_t)(ended->wall_s * 1e6) / 1e6,
        .repeat = script_repeat(&task->script),
    };
    FILE *file = open_memstream(&text, &length);
    int status = file == NULL ? -1 : sim_result_write_json(&result, file);
    if (file != NULL && fclose(file) != 0) {
        status = -1;
    }
    free(result.repeat);
    if (status != 0) {
        free(text);
        return NULL;
    }
    text[strcspn(text, "\n")] = '\0';
    return text;
}

static int make_up(const struct sweep_ended *ended, const struct sweep_task *task,
                   struct sweep_gathered *gathered)
{
    char why[SWEEP_NOTE_BYTES];
    char error[ERROR_BYTES];
    gathered->run.end = explain(ended, task, why);
    (void)snprintf(error, sizeof error, "%s%s%s", why, ended->noise[0] == '\0' ? "" : "\n",
                   ended->noise);
    gathered->line = make_line(ended, task, error);
    if (gathered->line == NULL) {
        return SWEEP_ERR_NOMEM;
    }
    gathered->result = sweep_run_parse(gathered->line, strlen(gathered->line));
    return gathered->result == NULL ? SWEEP_ERR_NOMEM : SWEEP_OK;
}

/* What the worker itself said. False: it did not say it all. */
static bool take(const struct sweep_ended *ended, struct sweep_gathered *gathered)
{
    const char *end = strchr(ended->output, '\n');
    if (ended->is_signalled || ended->is_killed || ended->is_overflowed || end == NULL ||
        ended->code < SWEEP_EXIT_BASE || ended->code >= SWEEP_EXIT_BASE + SWEEP_END_COUNT) {
        return false;
    }
    size_t length = (size_t)(end - ended->output);
    gathered->result = sweep_run_parse(ended->output, length);
    if (!json_is_object(gathered->result)) {
        json_decref(gathered->result);
        gathered->result = NULL;
        return false;
    }
    gathered->line = strndup(ended->output, length);
    gathered->extra = json_loads(end + 1, JSON_DISABLE_EOF_CHECK, NULL);
    gathered->run.end = (enum sweep_end)(ended->code - SWEEP_EXIT_BASE);
    return true;
}

int sweep_gather(const struct sweep_ended *ended, const struct sweep_task *task,
                 struct sweep_gathered *gathered)
{
    memset(gathered, 0, sizeof *gathered);
    gathered->run.path = task->script.path;
    gathered->run.scenario = task->scenario;
    gathered->run.seed = task->script.seed;
    gathered->run.wall_s = ended->wall_s;
    int status = take(ended, gathered) ? SWEEP_OK : make_up(ended, task, gathered);
    if (status == SWEEP_OK && gathered->line == NULL) {
        status = SWEEP_ERR_NOMEM;
    }
    gathered->run.result = gathered->result;
    gathered->run.line = gathered->line;
    gathered->run.extra = gathered->extra;
    return status;
}

void sweep_gathered_clear(struct sweep_gathered *gathered)
{
    json_decref(gathered->result);
    json_decref(gathered->extra);
    free(gathered->line);
    memset(gathered, 0, sizeof *gathered);
}
