#include "sim/cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/error.h"
#include "sim/cli/parting.h"
#include "sim/script.h"
#include "sim/world.h"

struct diff_options {
    const char *words[2]; /* a scenario, or two traces */
    size_t word_count;
    uint64_t seed;
    const char *seed_text; /* NULL: not given */
    const char **sets;     /* owned array of borrowed texts */
    size_t set_count;
    const char *against; /* a program or a trace; NULL: this program again */
    double timeout_s;
    const char *timeout_text; /* NULL: none */
    bool is_events_only;
};

/* ---- Options --------------------------------------------------------------------------------- */

enum { OPTION_SEED, OPTION_SET, OPTION_AGAINST, OPTION_TIMEOUT, OPTION_EVENTS_ONLY };

static const struct cli_option options_known[] = {
    [OPTION_SEED] = {"--seed", NULL, true},
    [OPTION_SET] = {"--set", NULL, true},
    [OPTION_AGAINST] = {"--against", NULL, true},
    [OPTION_TIMEOUT] = {"--timeout", NULL, true},
    [OPTION_EVENTS_ONLY] = {"--events-only", NULL, false},
};

static bool take_option(struct diff_options *options, size_t option, const char *value)
{
    switch (option) {
    case OPTION_SEED:
        options->seed_text = value;
        if (!cli_parse_u64(value, &options->seed)) {
            cli_error("replisim diff: --seed %s: not a whole number from 0 to 2^64-1", value);
            return false;
        }
        return true;
    case OPTION_SET:
        if (strchr(value, '=') == NULL || value[0] == '=') {
            cli_error("replisim diff: --set %s: is no KEY=VALUE", value);
            return false;
        }
        options->sets[options->set_count++] = value;
        return true;
    case OPTION_TIMEOUT:
        options->timeout_text = value;
        if (!cli_parse_seconds(value, &options->timeout_s)) {
            cli_error("replisim diff: --timeout %s: not a number of seconds above 0", value);
            return false;
        }
        return true;
    case OPTION_AGAINST: options->against = value; return true;
    case OPTION_EVENTS_ONLY: options->is_events_only = true; return true;
    default: return false;
    }
}

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), ending_length = strlen(ending);
    return length > ending_length && strcmp(text + length - ending_length, ending) == 0;
}

static bool is_trace(const char *path)
{
    return ends_with(path, ".jsonl");
}

static bool check_words(const struct diff_options *options)
{
    bool is_run_asked = options->against != NULL || options->seed_text != NULL ||
                        options->set_count > 0 || options->timeout_text != NULL;
    if (options->word_count == 0) {
        cli_error("replisim diff: no scenario named; see replisim diff --help");
        return false;
    }
    if (options->word_count == 1 && is_trace(options->words[0])) {
        cli_error("replisim diff: %s: with what? Name two traces, or FILE.lua --against %s",
                  options->words[0], options->words[0]);
        return false;
    }
    if (options->word_count == 2 && !(is_trace(options->words[0]) && is_trace(options->words[1]))) {
        cli_error("replisim diff: one scenario, or two traces in .jsonl: %s and %s?",
                  options->words[0], options->words[1]);
        return false;
    }
    if (options->word_count == 2 && is_run_asked) {
        cli_error("replisim diff: of two traces nothing is run: --seed, --set, --against and "
                  "--timeout have no meaning");
        return false;
    }
    return true;
}

static bool read_options(struct diff_options *options, int argc, char **argv)
{
    struct cli_arguments arguments = {
        .command = "diff",
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
            if (options->word_count == 2) {
                cli_error("replisim diff: one scenario, or two traces: what is %s?", value);
                return false;
            }
            options->words[options->word_count++] = value;
            break;
        case CLI_ARGUMENT_END: return check_words(options);
        }
    }
}

static FILE *open_trace(const char *path)
{
    FILE *file = fopen(path, "r");
    int first = file == NULL ? EOF : fgetc(file);
    if (file == NULL || ferror(file)) {
        cli_error("%s: cannot be read: %s", path, strerror(errno));
    } else if (first != '{') {
        cli_error("%s: is no trace of replisim run --trace FILE.jsonl", path);
    } else {
        rewind(file);
        return file;
    }
    if (file != NULL) {
        fclose(file);
    }
    return NULL;
}

/* ---- Another program ------------------------------------------------------------------------- */

/* A folder for what it writes. */
struct other {
    char folder[CLI_PATH_MAX], trace[CLI_PATH_MAX + 16], errors[CLI_PATH_MAX + 16];
};

static bool other_open(struct other *other)
{
    const char *root = getenv("TMPDIR");
    if (root == NULL || root[0] == '\0' || strlen(root) > CLI_PATH_MAX - 32) {
        root = "/tmp";
    }
    snprintf(other->folder, sizeof other->folder, "%s/replisim-diff.XXXXXX", root);
    if (mkdtemp(other->folder) == NULL) {
        cli_error("%s: no folder can be made: %s", root, strerror(errno));
        return false;
    }
    snprintf(other->trace, sizeof other->trace, "%s/run.jsonl", other->folder);
    snprintf(other->errors, sizeof other->errors, "%s/errors", other->folder);
    return true;
}

static void other_close(const struct other *other)
{
    unlink(other->trace);
    unlink(other->errors);
    rmdir(other->folder);
}

/* In the child: never returns. Without a result that anyone reads, and with its errors in a file. */
static void become_other(const struct diff_options *options, const struct other *other)
{
    const char **words = calloc(2 * options->set_count + 12, sizeof *words);
    size_t count = 0;
    if (words == NULL || freopen("/dev/null", "w", stdout) == NULL ||
        freopen(other->errors, "w", stderr) == NULL) {
        _exit(126);
    }
    words[count++] = options->against;
    words[count++] = "run";
    words[count++] = options->words[0];
    words[count++] = "--seed";
    words[count++] = options->seed_text == NULL ? "1" : options->seed_text;
    for (size_t k = 0; k < options->set_count; k++) {
        words[count++] = "--set";
        words[count++] = options->sets[k];
    }
    if (options->timeout_text != NULL) {
        words[count++] = "--timeout";
        words[count++] = options->timeout_text;
    }
    words[count++] = "--quiet";
    words[count++] = "--trace";
    words[count++] = other->trace;
    /* execvp takes them as they are, and changes none: an old signature. */
    char **arguments = calloc(count + 1, sizeof *arguments);
    if (arguments != NULL) {
        memcpy(arguments, words, count * sizeof *arguments);
        execvp(options->against, arguments);
    }
    fprintf(stderr, "%s\n", strerror(errno));
    fflush(stderr);
    _exit(127);
}

static void tell_failure(const struct diff_options *options, const struct other *other, int status)
{
    char line[512] = "";
    FILE *file = fopen(other->errors, "r");
    if (file != NULL) {
        if (fgets(line, sizeof line, file) == NULL) {
            line[0] = '\0';
        }
        fclose(file);
        line[strcspn(line, "\n")] = '\0';
    }
    if (WIFSIGNALED(status)) {
        cli_error("%s: ended by signal %d before there was a trace", options->against,
                  WTERMSIG(status));
    } else if (WEXITSTATUS(status) == 127) {
        cli_error("%s: cannot be run: %s", options->against, line);
    } else {
        cli_error("%s run %s: exit code %d and no trace: %s", options->against, options->words[0],
                  WEXITSTATUS(status), line);
    }
}

/* Its trace, or NULL: told. */
static FILE *run_other(const struct diff_options *options, const struct other *other)
{
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        become_other(options, other);
    }
    if (child < 0) {
        cli_error("%s: cannot be run: %s", options->against, strerror(errno));
        return NULL;
    }
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            cli_error("%s: %s", options->against, strerror(errno));
            return NULL;
        }
    }
    if (access(other->trace, R_OK) != 0) {
        tell_failure(options, other, status);
        return NULL;
    }
    return open_trace(other->trace);
}

/* ---- This program ---------------------------------------------------------------------------- */

struct side {
    struct cli_parting *parting; /* borrowed */
    bool is_first, is_broken;
    uint64_t events;
    char fingerprint[33];
};

static bool is_cut_short(void)
{
    return cli_watch_is_timed_out() || cli_watch_is_interrupted();
}

static void world_begins(void *context, struct sim_world *world)
{
    struct side *side = context;
    if (side->is_first) {
        cli_parting_record(side->parting, world);
    } else {
        cli_parting_compare(side->parting, world);
    }
    cli_watch_world(world);
}

static void world_ends(void *context, struct sim_world *world)
{
    struct side *side = context;
    cli_watch_world(NULL);
    if (side->is_first) {
        side->is_broken = !cli_parting_record_end(side->parting, world);
    } else {
        cli_parting_compare_end(side->parting, world, !is_cut_short());
    }
}

/* CLI_EXIT_PASS: it ran to an end; whether all held in it does not matter here. */
static int run_side(const struct diff_options *options, struct side *side)
{
    struct script_outcome outcome;
    struct script_options script = {
        .path = options->words[0],
        .sets = options->sets,
        .set_count = options->set_count,
        .seed = options->seed,
        .watch_context = side,
        .world_begins = world_begins,
        .world_ends = world_ends,
    };
    int status = script_run_file(&script, &outcome);
    int code = status != 0 ? CLI_EXIT_BROKEN : (int)outcome.end;
    if (outcome.result != NULL) {
        side->events = outcome.result->events;
        sim_fingerprint_text(outcome.result->fingerprint, side->fingerprint);
    }
    if (cli_watch_is_interrupted()) {
        code = CLI_EXIT_INTERRUPTED;
    } else if (cli_watch_is_timed_out()) {
        cli_error("%s: not finished after %g s of real time", options->words[0],
                  options->timeout_s);
        code = CLI_EXIT_BROKEN;
    } else if (cli_parting_is_found(side->parting)) {
        code = CLI_EXIT_PASS; /* it was stopped there */
    } else if (status != 0 || code > CLI_EXIT_FAIL) {
        cli_error("%s", status != 0 ? rp_strerror(status) : outcome.error);
    } else {
        code = side->is_broken ? CLI_EXIT_BROKEN : CLI_EXIT_PASS;
    }
    script_outcome_clear(&outcome);
    return code;
}

/* ---- Sides ----------------------------------------------------------------------------------- */

static void print_same(const struct side *side)
{
    printf("the same: %llu events, fingerprint %s\n", (unsigned long long)side->events,
           side->fingerprint);
}

static int tell(const struct diff_options *options, const struct cli_parting *parting,
                const char *first_name, const char *second_name, int code)
{
    char what[CLI_PATH_MAX + 64];
    snprintf(what, sizeof what, "%s: the runs part", options->words[0]);
    cli_parting_print(parting, stdout, what, first_name, second_name);
    return code;
}

static int diff_traces(const struct diff_options *options)
{
    FILE *first = open_trace(options->words[0]);
    FILE *second = first == NULL ? NULL : open_trace(options->words[1]);
    if (second == NULL) {
        if (first != NULL) {
            fclose(first);
        }
        return CLI_EXIT_WRONG;
    }
    struct cli_parting *parting = cli_parting_of(first);
    int code = CLI_EXIT_BROKEN;
    if (parting != NULL) {
        if (options->is_events_only) {
            cli_parting_events_only(parting);
        }
        bool is_read = cli_parting_compare_file(parting, second);
        code = is_read ? CLI_EXIT_PASS : CLI_EXIT_WRONG;
        if (is_read && cli_parting_is_found(parting)) {
            code = tell(options, parting, options->words[0], options->words[1], CLI_EXIT_FAIL);
        } else if (is_read) {
            printf("the same\n");
        }
    }
    cli_parting_free(parting);
    fclose(second);
    return code;
}

/* Two runs of this program must be the same: else it is broken. */
static int diff_runs(const struct diff_options *options)
{
    struct side first = {.parting = cli_parting_new(), .is_first = true};
    if (first.parting == NULL) {
        return CLI_EXIT_BROKEN;
    }
    struct side second = {.parting = first.parting};
    int code = run_side(options, &first);
    if (code == CLI_EXIT_PASS) {
        code = run_side(options, &second);
    }
    if (code == CLI_EXIT_PASS && cli_parting_is_found(first.parting)) {
        code = tell(options, first.parting, "first run", "second run", CLI_EXIT_BROKEN);
    } else if (code == CLI_EXIT_PASS) {
        print_same(&second);
    }
    cli_parting_free(first.parting);
    return code;
}

static int diff_with(const struct diff_options *options, FILE *trace)
{
    struct side own = {.parting = cli_parting_of(trace)};
    if (own.parting == NULL) {
        return CLI_EXIT_BROKEN;
    }
    if (options->is_events_only) {
        cli_parting_events_only(own.parting);
    }
    int code = run_side(options, &own);
    if (code == CLI_EXIT_PASS && cli_parting_is_found(own.parting)) {
        code = tell(options, own.parting, options->against, "this program", CLI_EXIT_FAIL);
    } else if (code == CLI_EXIT_PASS) {
        print_same(&own);
    }
    cli_parting_free(own.parting);
    return code;
}

static int diff_with_program(const struct diff_options *options)
{
    struct other other;
    if (!other_open(&other)) {
        return CLI_EXIT_BROKEN;
    }
    FILE *trace = run_other(options, &other);
    int code = CLI_EXIT_WRONG;
    if (cli_watch_is_interrupted()) {
        code = CLI_EXIT_INTERRUPTED;
        if (trace != NULL) {
            fclose(trace);
        }
    } else if (trace != NULL) {
        code = diff_with(options, trace);
    }
    other_close(&other);
    return code;
}

static int diff(const struct diff_options *options)
{
    if (options->word_count == 2) {
        return diff_traces(options);
    }
    if (options->against == NULL) {
        return diff_runs(options);
    }
    if (is_trace(options->against)) {
        FILE *trace = open_trace(options->against);
        return trace == NULL ? CLI_EXIT_WRONG : diff_with(options, trace);
    }
    return diff_with_program(options);
}

int cli_diff(int argc, char **argv)
{
    struct diff_options options = {.seed = 1};
    int code = CLI_EXIT_WRONG;
    options.sets = calloc((size_t)argc + 1, sizeof *options.sets);
    if (options.sets == NULL) {
        return CLI_EXIT_BROKEN;
    }
    if (read_options(&options, argc, argv)) {
        cli_watch_begin(options.timeout_s);
        code = diff(&options);
        cli_watch_end();
    }
    free(options.sets);
    return code;
}
