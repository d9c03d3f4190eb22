#include "sim/cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/error.h"
#include "reports/report.h"
#include "sim/cli/decisions.h"
#include "sim/cli/parting.h"
#include "sim/nemesis.h"
#include "sim/result.h"
#include "sim/script.h"
#include "sim/trace.h"
#include "sim/world.h"

struct run_options {
    const char *path;
    uint64_t seed;
    const char **sets; /* owned array of borrowed texts */
    size_t set_count;
    enum sim_property withouts[SIM_PROPERTY_COUNT]; /* checkers that are off */
    size_t without_count;
    const char *out, *trace;        /* NULL: not asked for */
    const char *decisions_path;     /* NULL: random trouble draws */
    struct cli_decisions decisions; /* owned; of that file */
    enum sim_trace_format trace_format;
    double timeout_s; /* 0: none */
    bool is_json, is_quiet, is_determinism_checked;
};

/* One run of the script, and the sink of its trace. */
struct run {
    struct script_outcome outcome;
    FILE *sink;                        /* borrowed; NULL: no trace */
    const struct run_options *options; /* borrowed */
    int replay_status;
    enum sim_trace_format sink_format;
    bool is_sink_failed, is_record_failed;
    struct cli_parting *recording; /* borrowed: this run is the first side; NULL: not asked for */
    struct cli_parting *parting;   /* borrowed: it is the second one; NULL likewise */
    double wall_s;
};

/* ---- Options --------------------------------------------------------------------------------- */

enum {
    OPTION_SEED,
    OPTION_SET,
    OPTION_JSON,
    OPTION_OUT,
    OPTION_TRACE,
    OPTION_CHECK,
    OPTION_TIMEOUT,
    OPTION_WITHOUT,
    OPTION_DECISIONS,
    OPTION_QUIET
};

static const struct cli_option options_known[] = {
    [OPTION_SEED] = {"--seed", NULL, true},
    [OPTION_SET] = {"--set", NULL, true},
    [OPTION_JSON] = {"--json", NULL, false},
    [OPTION_OUT] = {"--out", "-o", true},
    [OPTION_TRACE] = {"--trace", NULL, true},
    [OPTION_CHECK] = {"--check-determinism", NULL, false},
    [OPTION_TIMEOUT] = {"--timeout", NULL, true},
    [OPTION_WITHOUT] = {"--without", NULL, true},
    [OPTION_DECISIONS] = {"--decisions", NULL, true},
    [OPTION_QUIET] = {"--quiet", "-q", false},
};

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), ending_length = strlen(ending);
    return length > ending_length && strcmp(text + length - ending_length, ending) == 0;
}

static bool take_trace(struct run_options *options, const char *value)
{
    options->trace = value;
    if (ends_with(value, ".json")) {
        options->trace_format = SIM_TRACE_CHROME;
        return true;
    }
    options->trace_format = SIM_TRACE_LINES;
    if (!ends_with(value, ".jsonl")) {
        cli_error("replisim run: --trace %s: the name ends neither in .json nor in .jsonl", value);
        return false;
    }
    return true;
}

/* Twice is once. */
static bool take_without(struct run_options *options, const char *value)
{
    enum sim_property property;
    if (!sim_property_parse(rp_view_text(value), &property)) {
        cli_error("replisim run: --without %s: no property of that name; see replisim list "
                  "properties",
                  value);
        return false;
    }
    for (size_t i = 0; i < options->without_count; i++) {
        if (options->withouts[i] == property) {
            return true;
        }
    }
    options->withouts[options->without_count++] = property;
    return true;
}

static bool take_option(struct run_options *options, size_t option, const char *value)
{
    switch (option) {
    case OPTION_SEED:
        if (!cli_parse_u64(value, &options->seed)) {
            cli_error("replisim run: --seed %s: not a whole number from 0 to 2^64-1", value);
            return false;
        }
        return true;
    case OPTION_SET:
        if (strchr(value, '=') == NULL || value[0] == '=') {
            cli_error("replisim run: --set %s: is no KEY=VALUE", value);
            return false;
        }
        options->sets[options->set_count++] = value;
        return true;
    case OPTION_TIMEOUT:
        if (!cli_parse_seconds(value, &options->timeout_s)) {
            cli_error("replisim run: --timeout %s: not a number of seconds above 0", value);
            return false;
        }
        return true;
    case OPTION_WITHOUT: return take_without(options, value);
    case OPTION_TRACE: return take_trace(options, value);
    case OPTION_DECISIONS: options->decisions_path = value; return true;
    case OPTION_OUT: options->out = value; return true;
    case OPTION_JSON: options->is_json = true; return true;
    case OPTION_CHECK: options->is_determinism_checked = true; return true;
    case OPTION_QUIET: options->is_quiet = true; return true;
    default: return false;
    }
}

static bool read_options(struct run_options *options, int argc, char **argv)
{
    struct cli_arguments arguments = {
        .command = "run",
        .options = options_known,
        .option_count = sizeof options_known / sizeof options_known[0],
        .argc = argc,
        .argv = argv,
        .next = 1,
    };
    for (;;) {
        size_t option = 0;
        const char *value = NULL;
        switch (cli_arguments_next(&arguments, &option, &value)) {
        case CLI_ARGUMENT_WRONG: return false;
        case CLI_ARGUMENT_OPTION:
            if (!take_option(options, option, value)) {
                return false;
            }
            break;
        case CLI_ARGUMENT_WORD:
            if (options->path != NULL) {
                cli_error("replisim run: one scenario at a time: %s or %s?", options->path, value);
                return false;
            }
            options->path = value;
            break;
        case CLI_ARGUMENT_END:
            if (options->path == NULL) {
                cli_error("replisim run: no scenario named; see replisim run --help");
            }
            return options->path != NULL;
        }
    }
}

/* ---- One run --------------------------------------------------------------------------------- */

static void world_begins(void *context, struct sim_world *world)
{
    struct run *run = context;
    if (run->sink != NULL) {
        sim_trace_sink(sim_world_trace(world), run->sink, run->sink_format);
    }
    if (run->options->decisions_path != NULL) {
        const struct cli_decisions *decisions = &run->options->decisions;
        run->replay_status = sim_nemesis_replay(world, decisions->rows, decisions->count);
    }
    if (run->recording != NULL) {
        cli_parting_record(run->recording, world);
    }
    if (run->parting != NULL) {
        cli_parting_compare(run->parting, world);
    }
    cli_watch_world(world);
}

static void world_ends(void *context, struct sim_world *world)
{
    struct run *run = context;
    cli_watch_world(NULL);
    if (run->sink != NULL) {
        run->is_sink_failed = sim_trace_sink_end(sim_world_trace(world)) != 0;
    }
    if (run->recording != NULL && !cli_parting_record_end(run->recording, world)) {
        run->is_record_failed = true;
    }
    if (run->parting != NULL) {
        cli_parting_compare_end(run->parting, world,
                                !cli_watch_is_timed_out() && !cli_watch_is_interrupted());
    }
}

/* The sinks of `run` are set, everything else in it is zero. False: out of memory, told. The outcome is
 * the caller's to clear in any case. */
static bool run_once(const struct run_options *options, struct run *run, FILE *log)
{
    run->options = options;
    struct script_options script = {
        .path = options->path,
        .sets = options->sets,
        .set_count = options->set_count,
        .seed = options->seed,
        .withouts = options->withouts,
        .without_count = options->without_count,
        .decisions_path = options->decisions_path,
        .log = log,
        .watch_context = run,
        .world_begins = world_begins,
        .world_ends = world_ends,
    };
    double began_s = cli_watch_now();
    int status = script_run_file(&script, &run->outcome);
    status = status == 0 ? run->replay_status : status;
    run->wall_s = cli_watch_now() - began_s;
    cli_watch_world(NULL);
    if (run->outcome.result != NULL) {
        run->outcome.result->seed = options->seed;
        run->outcome.result->wall_seconds = (double)(uint64_t)(run->wall_s * 1e6) / 1e6;
    }
    if (status != 0) {
        cli_error("%s: %s", options->path, rp_strerror(status));
    }
    return status == 0;
}

/* ---- Determinism ----------------------------------------------------------------------------- */

static bool is_same(const struct run *left, const struct run *right)
{
    const struct sim_result *a = left->outcome.result, *b = right->outcome.result;
    if (a == NULL || b == NULL) {
        return a == b && left->outcome.end == right->outcome.end;
    }
    return a->fingerprint.low == b->fingerprint.low && a->fingerprint.high == b->fingerprint.high &&
           a->events == b->events && a->verdict == b->verdict;
}

/* Once more, compared with the record of the first run as it goes. True: it was the same. */
static bool check_determinism(const struct run_options *options, const struct run *first)
{
    struct run second = {.parting = first->recording};
    if (first->is_record_failed) {
        return false;
    }
    bool is_run = run_once(options, &second, NULL);
    bool is_parted = cli_parting_is_found(first->recording);
    bool is_equal = is_run && !is_parted && (cli_watch_is_timed_out() || is_same(first, &second));
    script_outcome_clear(&second.outcome);
    if (is_parted) {
        char what[SCRIPT_TEXT_MAX];
        snprintf(what, sizeof what, "%s: not deterministic: the runs part", options->path);
        cli_parting_print(first->recording, stderr, what, "first run", "second run");
    } else if (is_run && !is_equal) {
        cli_error("%s: not deterministic: two runs with the same events were judged differently",
                  options->path);
    }
    return is_equal;
}

/* ---- Output ---------------------------------------------------------------------------------- */

static bool write_result_files(const struct cli_folder *folder, const struct run *run)
{
    static const char *const names[] = {"result.json", "lag.csv"};
    for (int i = 0; i < 2; i++) {
        char path[CLI_PATH_MAX + 32];
        snprintf(path, sizeof path, "%s/%s", folder->temporary, names[i]);
        FILE *file = fopen(path, "w");
        int status = file == NULL ? RP_ERR_IO
                     : i == 0     ? sim_result_write_json(run->outcome.result, file)
                                  : sim_world_write_lag_csv(run->outcome.world, file);
        if (file != NULL && fclose(file) != 0 && status == 0) {
            status = RP_ERR_IO;
        }
        if (status != 0) {
            cli_error("%s/%s: %s", folder->path, names[i], rp_strerror(status));
            return false;
        }
    }
    return true;
}

static bool write_folder(const struct run_options *options, const struct run *run)
{
    struct cli_folder folder;
    char note[REPORT_NOTE_BYTES] = "";
    if (!cli_folder_open(&folder, options->out)) {
        return false;
    }
    if (!write_result_files(&folder, run)) {
        cli_folder_drop(&folder);
        return false;
    }
    if (report_run_write(folder.temporary, NULL, note) != 0) {
        cli_error("%s: the report could not be made: %s", options->out, note);
        cli_folder_drop(&folder);
        return false;
    }
    if (note[0] != '\0') {
        cli_error("warning: %s", note);
    }
    return cli_folder_commit(&folder);
}

/* With --json even a scenario that never ran gives an object. */
static int print_json(const struct run_options *options, const struct script_outcome *outcome)
{
    if (outcome->result != NULL) {
        return sim_result_write_json(outcome->result, stdout);
    }
    char error[SCRIPT_TEXT_MAX];
    snprintf(error, sizeof error, "%s", outcome->error);
    struct sim_result result = {
        .scenario = outcome->scenario,
        .seed = options->seed,
        .verdict = SIM_VERDICT_ERROR,
        .error = error,
        .params_json = outcome->params_json,
        .repeat = outcome->repeat,
    };
    return sim_result_write_json(&result, stdout);
}

static void print_quiet(const struct sim_result *result)
{
    for (size_t i = 0; i < result->violation_count; i++) {
        const struct sim_violation *violation = &result->violations[i];
        if (!violation->is_tolerated) {
            printf("%s at %.3f s: %s%s%s: %s\n", violation->property,
                   (double)violation->time_ns / 1e9, violation->node,
                   violation->node[0] == '\0' ? "" : " ", violation->place, violation->detail);
        }
    }
    if (result->verdict == SIM_VERDICT_FAIL) {
        printf("repeat: %s\n", result->repeat);
    }
}

static void print_outcome(const struct run_options *options, const struct script_outcome *outcome)
{
    bool is_wrong = outcome->end == SCRIPT_END_ERROR;
    if (is_wrong || outcome->end == SCRIPT_END_BROKEN) {
        cli_error("%s", outcome->error);
    }
    if (options->is_json) {
        if (print_json(options, outcome) != 0) {
            cli_error("%s: the result could not be printed", options->path);
        }
    } else if (is_wrong) {
        return; /* nothing was judged, so there is nothing to sum up */
    } else if (outcome->result != NULL && options->is_quiet) {
        print_quiet(outcome->result);
    } else if (outcome->result != NULL) {
        cli_summary_print(outcome->result, options->path, options->out, stdout);
    }
}

/* A run that was cut off by the clock is an error of the program's, whatever held until then. */
static void note_timeout(const struct run_options *options, struct script_outcome *outcome)
{
    outcome->end = SCRIPT_END_BROKEN;
    snprintf(outcome->error, sizeof outcome->error, "%s: not finished after %g s of real time",
             options->path, options->timeout_s);
    if (outcome->result != NULL) {
        outcome->result->verdict = SIM_VERDICT_ERROR;
        free(outcome->result->error);
        outcome->result->error = strdup(outcome->error);
    }
}

static int run_and_tell(const struct run_options *options, struct run *run, struct cli_file *trace)
{
    FILE *log = options->is_quiet ? NULL : stderr;
    run->sink = trace->file;
    run->sink_format = options->trace_format;
    if (!run_once(options, run, log)) {
        return CLI_EXIT_BROKEN;
    }
    if (cli_watch_is_interrupted()) { /* what it did until then is what one wants to see */
        if (trace->file != NULL && !run->is_sink_failed && run->outcome.is_run) {
            (void)cli_file_commit(trace);
        }
        return CLI_EXIT_INTERRUPTED;
    }
    if (cli_watch_is_timed_out()) {
        note_timeout(options, &run->outcome);
    }
    int code = (int)run->outcome.end;
    if (code != CLI_EXIT_BROKEN && run->outcome.is_run && options->is_determinism_checked &&
        !check_determinism(options, run)) {
        code = CLI_EXIT_BROKEN;
    }
    bool is_written = true;
    /* A script that is wrong leaves nothing behind that could be taken for a result. */
    if (run->outcome.is_run && run->outcome.end != SCRIPT_END_ERROR) {
        is_written = trace->file == NULL || (!run->is_sink_failed && cli_file_commit(trace));
        if (options->out != NULL) {
            is_written = write_folder(options, run) && is_written;
        }
    }
    print_outcome(options, &run->outcome);
    return code <= CLI_EXIT_FAIL && !is_written ? CLI_EXIT_WRONG : code;
}

int cli_run(int argc, char **argv)
{
    struct run_options options = {.seed = 1};
    struct cli_file trace = {.file = NULL};
    struct run run = {.sink = NULL};
    int code = CLI_EXIT_WRONG;
    options.sets = calloc((size_t)argc + 1, sizeof *options.sets);
    if (options.sets == NULL) {
        return CLI_EXIT_BROKEN;
    }
    bool is_ready = read_options(&options, argc, argv) &&
                    (options.decisions_path == NULL ||
                     cli_decisions_read(&options.decisions, options.decisions_path)) &&
                    (options.out == NULL || cli_folder_check(options.out)) &&
                    (options.trace == NULL || cli_file_open(&trace, options.trace));
    if (is_ready && options.is_determinism_checked) {
        run.recording = cli_parting_new();
        is_ready = run.recording != NULL;
        code = is_ready ? code : CLI_EXIT_BROKEN;
    }
    if (is_ready) {
        cli_watch_begin(options.timeout_s);
        code = run_and_tell(&options, &run, &trace);
        cli_watch_end();
        script_outcome_clear(&run.outcome);
    }
    cli_parting_free(run.recording);
    cli_file_drop(&trace);
    cli_decisions_clear(&options.decisions);
    free(options.sets);
    return code;
}
