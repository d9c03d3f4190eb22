#include "sim/cli/small.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/shrink/text.h"

#define TRIES_DEFAULT 3000

/* ---- Options ---------------------------------------------------------------------------------- */

enum {
    OPTION_SEED,
    OPTION_SET,
    OPTION_JOBS,
    OPTION_TRIES,
    OPTION_BUDGET,
    OPTION_TIMEOUT,
    OPTION_JSON,
    OPTION_QUIET,
    OPTION_OUT
};

static const struct cli_option options_known[] = {
    [OPTION_SEED] = {"--seed", NULL, true},     [OPTION_SET] = {"--set", NULL, true},
    [OPTION_JOBS] = {"--jobs", "-j", true},     [OPTION_TRIES] = {"--tries", NULL, true},
    [OPTION_BUDGET] = {"--budget", NULL, true}, [OPTION_TIMEOUT] = {"--timeout", NULL, true},
    [OPTION_JSON] = {"--json", NULL, false},    [OPTION_QUIET] = {"--quiet", "-q", false},
    [OPTION_OUT] = {"--out", "-o", true},
};

static bool take_seconds(const struct cli_small *small, const char *name, const char *value,
                         double *seconds_out)
{
    if (!cli_parse_seconds(value, seconds_out)) {
        cli_error("replisim %s: %s %s: not a number of seconds above 0", small->command, name,
                  value);
        return false;
    }
    return true;
}

static bool take_number(const struct cli_small *small, const char *name, const char *value,
                        uint64_t low, uint64_t high, uint64_t *number_out)
{
    if (!cli_parse_u64(value, number_out) || *number_out < low || *number_out > high) {
        cli_error("replisim %s: %s %s: not a whole number from %llu to %llu", small->command, name,
                  value, (unsigned long long)low, (unsigned long long)high);
        return false;
    }
    return true;
}

static bool take_option(struct cli_small *small, size_t option, const char *value)
{
    struct shrink_request *request = &small->request;
    uint64_t number = 0;
    switch (option) {
    case OPTION_SEED: return take_number(small, "--seed", value, 0, UINT64_MAX, &request->seed);
    case OPTION_SET:
        if (strchr(value, '=') == NULL || value[0] == '=') {
            cli_error("replisim %s: --set %s: is no KEY=VALUE", small->command, value);
            return false;
        }
        small->sets[small->set_count++] = value;
        return true;
    case OPTION_JOBS:
        if (!take_number(small, "--jobs", value, 1, SHRINK_JOBS_MAX, &number)) {
            return false;
        }
        request->jobs = (unsigned)number;
        return true;
    case OPTION_TRIES:
        return take_number(small, "--tries", value, 1, UINT64_MAX, &request->tries_max);
    case OPTION_BUDGET: return take_seconds(small, "--budget", value, &request->budget_s);
    case OPTION_TIMEOUT: return take_seconds(small, "--timeout", value, &request->timeout_s);
    case OPTION_OUT: small->out = value; return true;
    case OPTION_JSON: small->is_json = true; return true;
    default: small->is_quiet = true; return true;
    }
}

static bool take_path(struct cli_small *small, const char *path)
{
    if (small->request.path != NULL) {
        cli_error("replisim %s: one scenario at a time: %s or %s?", small->command,
                  small->request.path, path);
        return false;
    }
    small->request.path = path;
    return true;
}

static bool read_all(struct cli_small *small, bool has_out, int argc, char **argv)
{
    struct cli_arguments arguments = {
        .command = small->command,
        .options = options_known,
        .option_count = sizeof options_known / sizeof options_known[0] - !has_out,
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
            if (!take_option(small, option, value)) {
                return false;
            }
            break;
        case CLI_ARGUMENT_WORD:
            if (!take_path(small, value)) {
                return false;
            }
            break;
        case CLI_ARGUMENT_END: return true;
        }
    }
}

static unsigned processor_count(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > SHRINK_JOBS_MAX ? SHRINK_JOBS_MAX : (unsigned)count;
}

/* ---- Progress --------------------------------------------------------------------------------- */

static bool is_terminal(void)
{
    const char *plain = getenv("NO_COLOR");
    return isatty(STDERR_FILENO) && (plain == NULL || plain[0] == '\0');
}

void cli_small_end_line(struct cli_small *small)
{
    if (small->is_line_open) {
        (void)fputc('\n', stderr);
        small->is_line_open = false;
    }
}

/* One line that is written over on a terminal, else one every few seconds. */
static void on_progress(void *context, const char *what, const struct shrink_trials *trials,
                        size_t fault_count)
{
    struct cli_small *small = context;
    double now_s = shrink_clock();
    if (small->is_quiet || (!is_terminal() && now_s - small->told_s < 5)) {
        return;
    }
    small->told_s = now_s;
    (void)fprintf(stderr, "%s%s: %zu faults left, %llu runs%s", is_terminal() ? "\r\x1b[K" : "",
                  what, fault_count, (unsigned long long)trials->run_count,
                  is_terminal() ? "" : "\n");
    small->is_line_open = is_terminal();
}

/* ---- All -------------------------------------------------------------------------------------- */

bool cli_small_read(struct cli_small *small, const char *command, bool has_out, int argc,
                    char **argv)
{
    memset(small, 0, sizeof *small);
    small->command = command;
    small->request.seed = 1;
    small->request.jobs = processor_count();
    small->request.tries_max = TRIES_DEFAULT;
    small->request.is_interrupted = cli_watch_is_interrupted;
    small->request.context = small;
    small->request.tell = on_progress;
    small->sets = shrink_grow(NULL, ((size_t)argc + 1) * sizeof *small->sets);
    if (!read_all(small, has_out, argc, argv)) {
        return false;
    }
    if (small->request.path == NULL) {
        cli_error("replisim %s: no scenario named; see replisim %s --help", command, command);
        return false;
    }
    small->request.sets = small->sets;
    small->request.set_count = small->set_count;
    small->told_s = shrink_clock();
    return true;
}

void cli_small_clear(struct cli_small *small)
{
    free(small->sets);
    memset(small, 0, sizeof *small);
}

int cli_small_refuse(struct cli_small *small, const struct shrink_small *found)
{
    const char *path = small->request.path;
    unsigned long long seed = (unsigned long long)small->request.seed;
    cli_small_end_line(small);
    if (cli_watch_is_interrupted()) {
        return CLI_EXIT_INTERRUPTED;
    }
    switch (found->end) {
    case SHRINK_PASSES:
        return cli_error("%s: holds with seed %llu: there is no failure to %s", path, seed,
                         small->command);
    case SHRINK_ERROR: return cli_error("%s", found->error);
    case SHRINK_UNLIKE:
    case SHRINK_CUT_SHORT:
    case SHRINK_DONE: break;
    }
    cli_error("%s: %s at %s with seed %llu: %s", path, found->failure.property,
              found->failure.place, seed,
              found->error[0] != '\0' ? found->error
                                      : "no scenario of its own was found that fails alike");
    return CLI_EXIT_BROKEN;
}

static void put_word(struct shrink_text *text, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+=./:,@%";
    if (word[0] != '\0' && strspn(word, plain) == strlen(word)) {
        shrink_say(text, "%s", word);
        return;
    }
    shrink_say(text, "'");
    for (; *word != '\0'; word += 1) {
        shrink_say(text, *word == '\'' ? "'\\''" : "%c", *word);
    }
    shrink_say(text, "'");
}

char *cli_small_words(const struct cli_small *small, bool has_sets)
{
    struct shrink_text text = {.bytes = NULL};
    shrink_say(&text, "--seed %llu", (unsigned long long)small->request.seed);
    for (size_t row = 0; row < small->set_count && has_sets; row += 1) {
        shrink_say(&text, " --set ");
        put_word(&text, small->sets[row]);
    }
    return shrink_take(&text);
}
