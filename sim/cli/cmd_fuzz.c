/* Supervises the fuzz targets of tests/fuzz: builds one with clang's libFuzzer, runs it, and says
 * what came of it. The fuzzing is another process; this one only reads what it prints. */
#include "sim/cli/cli.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/cli/version.h"

#define DEFAULT_SECONDS  60.0
#define LINE_BYTES_MAX   4096
#define TAIL_LINE_COUNT  12
#define ARGUMENT_MAX     16
#define POLL_MS          200
#define ONE_INPUT_S      "25" /* more for one input is a finding */
#define MEMORY_MB        "1024"
#define CANNOT_EXEC_CODE 127

static const struct {
    const char *name;
    const char *about;
} targets[] = {
    {"api", "scenarios of random calls, well-typed and ill-typed, over any small cluster"},
    {"auth", "MACs, freshness and the memory of nonces"},
    {"cluster", "a whole small cluster: what happens to it, event by event"},
    {"command", "commands of the log applied to a small manifest, in every release"},
    {"fetch_client", "a fetch asked for: any server, a sink and a connection that fail"},
    {"fetch_server", "a fetch served: any request, a store and a connection that fail"},
    {"forward", "proposals sent on to the leader, both ends, a stranger on the line"},
    {"frame", "framing, in any pieces"},
    {"json", "JSON of the wire, against Jansson and both ways"},
    {"message", "every type of message in every release, both ways"},
    {"path", "paths: what is accepted keeps its promise"},
    {"snapshot", "snapshots of the manifest from any bytes, ours and the reference's"},
};

#define TARGET_COUNT (sizeof targets / sizeof targets[0])

/* ---- A process and what it prints ------------------------------------------------------------ */

struct child {
    pid_t process;
    int output; /* both of its streams */
    char line[LINE_BYTES_MAX];
    char read[LINE_BYTES_MAX]; /* and not yet given as a line */
    size_t read_first, read_count;
    bool is_interrupted;
};

/* Signals are blocked here and told on by watch_signals; the child gets them as usual. */
static void block_signals(sigset_t *before)
{
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop, before);
}

static void watch_signals(struct child *child)
{
    sigset_t pending;
    if (child->is_interrupted || sigpending(&pending) != 0) {
        return;
    }
    if (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1) {
        child->is_interrupted = true;
        kill(child->process, SIGTERM);
    }
}

/* `folder`: where it runs; NULL: here. False: told. */
static bool child_start(struct child *child, const char *folder, char *const *arguments)
{
    int ends[2];
    sigset_t before;
    memset(child, 0, sizeof *child);
    fflush(NULL);
    if (pipe(ends) != 0) {
        cli_error("replisim fuzz: no pipe: %s", strerror(errno));
        return false;
    }
    block_signals(&before);
    child->process = fork();
    if (child->process == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        if (folder == NULL || chdir(folder) == 0) {
            execvp(arguments[0], arguments);
        }
        _exit(CANNOT_EXEC_CODE);
    }
    close(ends[1]);
    child->output = ends[0];
    if (child->process < 0) {
        close(ends[0]);
        sigprocmask(SIG_SETMASK, &before, NULL);
        cli_error("replisim fuzz: cannot start %s: %s", arguments[0], strerror(errno));
        return false;
    }
    return true;
}

/* One more byte of its output; false at the end. */
static bool child_byte(struct child *child, char *byte_out)
{
    while (child->read_first == child->read_count) {
        struct pollfd ready = {.fd = child->output, .events = POLLIN};
        watch_signals(child);
        if (poll(&ready, 1, POLL_MS) <= 0) {
            continue;
        }
        ssize_t got = read(child->output, child->read, sizeof child->read);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return false;
        }
        child->read_first = 0;
        child->read_count = got < 0 ? 0 : (size_t)got;
    }
    *byte_out = child->read[child->read_first++];
    return true;
}

/* The next line without its end; NULL when there is no more. What is longer than a line comes in
 * parts. */
static const char *child_line(struct child *child)
{
    size_t length = 0;
    char byte = 0;
    while (length < sizeof child->line - 1 && child_byte(child, &byte) && byte != '\n') {
        child->line[length++] = byte;
    }
    child->line[length] = '\0';
    return length == 0 && byte != '\n' ? NULL : child->line;
}

/* Its exit code, or -1 when a signal ended it. */
static int child_end(struct child *child)
{
    int status = 0;
    sigset_t stop;
    close(child->output);
    while (waitpid(child->process, &status, 0) < 0 && errno == EINTR) {
    }
    /* Let through what was held back, so that it does not stop the next one. */
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    struct timespec none = {0, 0};
    while (sigtimedwait(&stop, NULL, &none) > 0) {
        child->is_interrupted = true;
    }
    sigprocmask(SIG_UNBLOCK, &stop, NULL);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- Building -------------------------------------------------------------------------------- */

/* The last lines of a command, for when it fails. */
struct tail {
    char lines[TAIL_LINE_COUNT][256];
    size_t count;
};

static void tail_add(struct tail *tail, const char *line)
{
    snprintf(tail->lines[tail->count % TAIL_LINE_COUNT], sizeof tail->lines[0], "%.255s", line);
    tail->count += 1;
}

static void tail_print(const struct tail *tail)
{
    size_t first = tail->count > TAIL_LINE_COUNT ? tail->count - TAIL_LINE_COUNT : 0;
    for (size_t i = first; i < tail->count; i++) {
        fprintf(stderr, "  %s\n", tail->lines[i % TAIL_LINE_COUNT]);
    }
}

/* Runs a step of the build in the sources. Gives an exit code of ours; a failure was told. */
static int run_step(const char *source, char *const *arguments, const char *what)
{
    struct child child;
    struct tail tail = {.count = 0};
    if (!child_start(&child, source, arguments)) {
        return CLI_EXIT_BROKEN;
    }
    for (const char *line = child_line(&child); line != NULL; line = child_line(&child)) {
        tail_add(&tail, line);
    }
    int code = child_end(&child);
    if (child.is_interrupted) {
        return CLI_EXIT_INTERRUPTED;
    }
    if (code != 0) {
        cli_error("replisim fuzz: %s failed:", what);
        tail_print(&tail);
        return CLI_EXIT_WRONG;
    }
    return CLI_EXIT_PASS;
}

static bool is_on_path(const char *program)
{
    const char *at = getenv("PATH");
    while (at != NULL && *at != '\0') {
        char path[CLI_PATH_MAX];
        size_t length = strcspn(at, ":");
        snprintf(path, sizeof path, "%.*s/%s", (int)length, at, program);
        if (access(path, X_OK) == 0) {
            return true;
        }
        at += length + (at[length] == ':');
    }
    return false;
}

static bool is_there(const char *folder, const char *name)
{
    char path[CLI_PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    return (size_t)length < sizeof path && access(path, R_OK) == 0;
}

static int check_tools(const char *source, const char *target)
{
    char file[128];
    snprintf(file, sizeof file, "tests/fuzz/fuzz_%s.c", target);
    if (!is_there(source, "CMakePresets.json") || !is_there(source, file)) {
        return cli_error("replisim fuzz: %s does not hold the sources (no %s); name the checkout "
                         "with --source DIR",
                         source, file);
    }
    if (!is_on_path("clang") || !is_on_path("cmake")) {
        return cli_error(
            "replisim fuzz: %s is not installed; the targets need cmake and clang with "
            "libFuzzer (Debian: cmake ninja-build clang libclang-rt-14-dev)",
            is_on_path("clang") ? "cmake" : "clang");
    }
    return CLI_EXIT_PASS;
}

/* Both steps do next to nothing when all is as it should be. */
static int build(const char *source, const char *target)
{
    char name[64];
    snprintf(name, sizeof name, "fuzz_%s", target);
    char *configure[] = {(char[]){"cmake"}, (char[]){"--preset"}, (char[]){"fuzz"}, NULL};
    char *compile[] = {(char[]){"cmake"},
                       (char[]){"--build"},
                       (char[]){"--preset"},
                       (char[]){"fuzz"},
                       (char[]){"--target"},
                       name,
                       NULL};
    int code = check_tools(source, target);
    if (code == CLI_EXIT_PASS) {
        code = run_step(source, configure, "cmake --preset fuzz");
    }
    return code == CLI_EXIT_PASS ? run_step(source, compile, "the build") : code;
}

/* ---- Running --------------------------------------------------------------------------------- */

/* What libFuzzer tells of itself. */
struct outcome {
    unsigned long long executions, per_second, edges, features, inputs;
    char cause[512];   /* "": nothing was found */
    char written[512]; /* the input that shows it */
};

static void read_status(struct outcome *outcome, const char *line)
{
    unsigned long long count = 0;
    const char *coverage = strstr(line, "cov: ");
    const char *features = strstr(line, "ft: ");
    const char *corpus = strstr(line, "corp: ");
    const char *rate = strstr(line, "exec/s: ");
    if (sscanf(line, "#%llu", &count) != 1 || coverage == NULL) {
        return;
    }
    outcome->executions = count;
    sscanf(coverage, "cov: %llu", &outcome->edges);
    if (features != NULL) {
        sscanf(features, "ft: %llu", &outcome->features);
    }
    if (corpus != NULL) {
        sscanf(corpus, "corp: %llu", &outcome->inputs);
    }
    if (rate != NULL) {
        sscanf(rate, "exec/s: %llu", &outcome->per_second);
    }
}

/* The first line that says why is the cause; what follows is the consequence. */
static void read_cause(struct outcome *outcome, const char *line)
{
    static const char *const marks[] = {
        "assertion failed:", "runtime error:", "ERROR: AddressSanitizer:", "ERROR: LeakSanitizer:",
        "ERROR: libFuzzer:"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0] && outcome->cause[0] == '\0'; i++) {
        if (strstr(line, marks[i]) != NULL) {
            snprintf(outcome->cause, sizeof outcome->cause, "%.511s", line);
        }
    }
}

static void read_line(struct outcome *outcome, const char *line)
{
    static const char written[] = "Test unit written to ";
    const char *path = strstr(line, written);
    read_status(outcome, line);
    read_cause(outcome, line);
    sscanf(line, "stat::number_of_executed_units: %llu", &outcome->executions);
    sscanf(line, "stat::average_exec_per_sec: %llu", &outcome->per_second);
    if (path != NULL) {
        snprintf(outcome->written, sizeof outcome->written, "%.511s", path + sizeof written - 1);
    }
}

static void print_progress(const struct outcome *outcome, double began)
{
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%llu executions in %.0f s, %llu edges\x1b[K", outcome->executions,
                cli_watch_now() - began, outcome->edges);
    }
}

static void clear_progress(void)
{
    if (isatty(STDERR_FILENO)) {
        fputs("\r\x1b[K", stderr);
    }
}

/* `binary` and folders as they are told to the user. */
struct run {
    const char *target;
    char binary[CLI_PATH_MAX];
    char corpus[CLI_PATH_MAX]; /* new inputs go there */
    char seeds[CLI_PATH_MAX];  /* read only; "" when it is the corpus or not there */
    char dictionary[CLI_PATH_MAX];
    double seconds;
};

static int start(struct run *run, struct child *child)
{
    char seconds[48], prefix[128], dictionary[CLI_PATH_MAX + 16];
    snprintf(seconds, sizeof seconds, "-max_total_time=%.0f",
             run->seconds < 1 ? 1.0 : run->seconds);
    snprintf(prefix, sizeof prefix, "-artifact_prefix=fuzz-%s-", run->target);
    snprintf(dictionary, sizeof dictionary, "-dict=%s", run->dictionary);
    char *arguments[ARGUMENT_MAX] = {run->binary,
                                     seconds,
                                     prefix,
                                     (char[]){"-print_final_stats=1"},
                                     (char[]){"-timeout=" ONE_INPUT_S},
                                     (char[]){"-rss_limit_mb=" MEMORY_MB}};
    size_t count = 6;
    if (run->dictionary[0] != '\0') {
        arguments[count++] = dictionary;
    }
    arguments[count++] = run->corpus;
    if (run->seeds[0] != '\0') {
        arguments[count++] = run->seeds;
    }
    return child_start(child, NULL, arguments) ? CLI_EXIT_PASS : CLI_EXIT_BROKEN;
}

static void print_outcome(const struct run *run, const struct outcome *outcome, double seconds)
{
    printf("target      %s\n", run->target);
    printf("executions  %llu in %.0f s, %llu a second\n", outcome->executions, seconds,
           outcome->per_second);
    printf("coverage    %llu edges, %llu features\n", outcome->edges, outcome->features);
    printf("corpus      %llu inputs, new ones in %s\n", outcome->inputs, run->corpus);
    if (outcome->cause[0] == '\0') {
        printf("findings    none\n");
        return;
    }
    printf("findings    %s1%s: %s\n", cli_colour(stdout, CLI_RED), cli_colour(stdout, CLI_PLAIN),
           outcome->cause);
    if (outcome->written[0] != '\0') {
        printf("written to  %s\n", outcome->written);
        printf("repeat      %s %s\n", run->binary, outcome->written);
    }
}

static int fuzz(struct run *run)
{
    struct child child;
    struct outcome outcome;
    struct tail tail = {.count = 0};
    double began = cli_watch_now();
    memset(&outcome, 0, sizeof outcome);
    int started = start(run, &child);
    if (started != CLI_EXIT_PASS) {
        return started;
    }
    for (const char *line = child_line(&child); line != NULL; line = child_line(&child)) {
        tail_add(&tail, line);
        read_line(&outcome, line);
        print_progress(&outcome, began);
    }
    int code = child_end(&child);
    clear_progress();
    if (outcome.cause[0] == '\0' && code != 0 && !child.is_interrupted) {
        cli_error("replisim fuzz: %s ended with code %d:", run->binary, code);
        tail_print(&tail);
        return CLI_EXIT_BROKEN;
    }
    print_outcome(run, &outcome, cli_watch_now() - began);
    if (outcome.cause[0] != '\0') {
        return CLI_EXIT_FAIL;
    }
    return child.is_interrupted ? CLI_EXIT_INTERRUPTED : CLI_EXIT_PASS;
}

/* ---- The command ----------------------------------------------------------------------------- */

static int list_targets(void)
{
    for (size_t i = 0; i < TARGET_COUNT; i++) {
        printf("%-14s %s\n", targets[i].name, targets[i].about);
    }
    return CLI_EXIT_PASS;
}

static int check_target(const char *target)
{
    const char *names[TARGET_COUNT];
    for (size_t i = 0; i < TARGET_COUNT; i++) {
        names[i] = targets[i].name;
        if (strcmp(target, targets[i].name) == 0) {
            return CLI_EXIT_PASS;
        }
    }
    const char *meant = cli_nearest(target, names, TARGET_COUNT);
    return meant != NULL
               ? cli_error("replisim fuzz: no target \"%s\"; did you mean %s?", target, meant)
               : cli_error("replisim fuzz: no target \"%s\"; see replisim fuzz --list", target);
}

/* A folder and those above it. False: told. */
static bool make_folders(const char *path)
{
    char part[CLI_PATH_MAX];
    size_t length = strlen(path);
    for (size_t i = 1; i <= length; i++) {
        if (i < length && path[i] != '/') {
            continue;
        }
        snprintf(part, sizeof part, "%.*s", (int)i, path);
        if (mkdir(part, 0777) != 0 && errno != EEXIST) {
            cli_error("replisim fuzz: cannot make %s: %s", part, strerror(errno));
            return false;
        }
    }
    return true;
}

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* False: too long. */
__attribute__((format(printf, 2, 3))) static bool put_path(char out[CLI_PATH_MAX],
                                                           const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(out, CLI_PATH_MAX, format, arguments);
    va_end(arguments);
    return length >= 0 && length < CLI_PATH_MAX;
}

static int prepare(struct run *run, const char *source, const char *corpus)
{
    const char *target = run->target;
    char here[CLI_PATH_MAX], folder[CLI_PATH_MAX];
    bool is_fine = source[0] == '/' ? put_path(folder, "%s", source)
                                    : getcwd(here, sizeof here) != NULL &&
                                          put_path(folder, "%s/%s", here, source);
    is_fine = is_fine &&
              put_path(run->binary, "%s/build/fuzz/tests/fuzz/fuzz_%s", folder, target) &&
              put_path(run->seeds, "%s/tests/fuzz/corpus/%s", folder, target) &&
              put_path(run->dictionary, "%s/tests/fuzz/%s.dict", folder, target) &&
              (corpus != NULL ? put_path(run->corpus, "%s", corpus)
                              : put_path(run->corpus, "%s/build/fuzz/corpus/%s", folder, target));
    if (!is_fine) {
        return cli_error("replisim fuzz: the name of a folder is too long");
    }
    if (!is_folder(run->seeds)) {
        run->seeds[0] = '\0';
    }
    if (access(run->dictionary, R_OK) != 0) {
        run->dictionary[0] = '\0';
    }
    return CLI_EXIT_PASS;
}

static int build_and_fuzz(struct run *run, const char *source, const char *corpus)
{
    int code = check_target(run->target);
    if (code == CLI_EXIT_PASS) {
        code = prepare(run, source, corpus);
    }
    if (code == CLI_EXIT_PASS) {
        code = build(source, run->target);
    }
    if (code == CLI_EXIT_PASS && !make_folders(run->corpus)) {
        code = CLI_EXIT_WRONG;
    }
    return code == CLI_EXIT_PASS ? fuzz(run) : code;
}

int cli_fuzz(int argc, char **argv)
{
    enum { OPTION_TIME, OPTION_CORPUS, OPTION_SOURCE, OPTION_LIST, OPTION_COUNT };
    static const struct cli_option options[OPTION_COUNT] = {
        {"--time", NULL, true},
        {"--corpus", NULL, true},
        {"--source", NULL, true},
        {"--list", NULL, false},
    };
    struct cli_arguments arguments = {.command = "fuzz",
                                      .options = options,
                                      .option_count = OPTION_COUNT,
                                      .argc = argc,
                                      .argv = argv,
                                      .next = 1};
    struct run run = {.seconds = DEFAULT_SECONDS};
    const char *source = CLI_SOURCE;
    const char *corpus = NULL;
    bool is_list = false;
    for (;;) {
        size_t option = OPTION_COUNT;
        const char *value = NULL;
        enum cli_argument kind = cli_arguments_next(&arguments, &option, &value);
        if (kind == CLI_ARGUMENT_END) {
            break;
        }
        if (kind == CLI_ARGUMENT_WRONG) {
            return CLI_EXIT_WRONG;
        }
        if (kind == CLI_ARGUMENT_WORD && run.target != NULL) {
            return cli_error("replisim fuzz: one target at a time: %s or %s?", run.target, value);
        }
        if (kind == CLI_ARGUMENT_WORD) {
            run.target = value;
        } else if (option == OPTION_TIME && !cli_parse_seconds(value, &run.seconds)) {
            return cli_error("replisim fuzz: --time takes seconds above 0, not \"%s\"", value);
        } else if (option == OPTION_CORPUS) {
            corpus = value;
        } else if (option == OPTION_SOURCE) {
            source = value;
        } else if (option == OPTION_LIST) {
            is_list = true;
        }
    }
    if (is_list) {
        return list_targets();
    }
    if (run.target == NULL) {
        return cli_error("replisim fuzz: which target? see replisim fuzz --list");
    }
    return build_and_fuzz(&run, source, corpus);
}
