/* replisim shrink: the small scenario, with a heading, checked by a process of its own. */
#define _XOPEN_SOURCE 700 /* P_tmpdir */

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/cli/small.h"
#include "sim/shrink/text.h"

/* ---- The text --------------------------------------------------------------------------------- */

/* A comment goes to the end of its line. */
static void put_comment(struct shrink_text *text, const char *words)
{
    size_t length = strlen(words);
    shrink_say(text, "-- ");
    for (size_t at = 0; at < length && at < 400; at += 1) {
        bool is_plain = (unsigned char)words[at] >= 0x20 && words[at] != 0x7F;
        shrink_put(text, is_plain ? &words[at] : " ", 1);
    }
    shrink_say(text, "%s\n", length > 400 ? "..." : "");
}

static char *make_text(const struct cli_small *small, const struct shrink_small *found)
{
    struct shrink_text text = {.bytes = NULL}, line = {.bytes = NULL};
    char *words = cli_small_words(small, true), *own_words = cli_small_words(small, false);
    if (found->failure.is_crash) {
        shrink_say(&line, "The program crashes: %s", found->last.error);
    } else {
        shrink_say(&line, "%s is violated at %s", found->failure.property, found->failure.place);
    }
    put_comment(&text, line.bytes);
    free(shrink_take(&line));
    if (found->last.detail[0] != '\0') {
        shrink_say(&line, "%s%s%s", found->last.node, found->last.node[0] == '\0' ? "" : ": ",
                   found->last.detail);
        put_comment(&text, line.bytes);
        free(shrink_take(&line));
    }
    shrink_say(&line, "made small from: replisim run %s %s", small->request.path, words);
    put_comment(&text, line.bytes);
    free(shrink_take(&line));
    shrink_say(&line, "%zu of %zu decisions of trouble are left%s", found->kept_count,
               found->fault_count,
               found->end == SHRINK_CUT_SHORT ? "; cut short, more may go" : "");
    put_comment(&text, line.bytes);
    free(shrink_take(&line));
    shrink_say(&line, "repeat: replisim run %s %s", small->out == NULL ? "FILE" : small->out,
               own_words);
    put_comment(&text, line.bytes);
    free(shrink_take(&line));
    shrink_say(&text, "%s", found->text);
    free(words);
    free(own_words);
    return shrink_take(&text);
}

/* ---- The check -------------------------------------------------------------------------------- */

static bool is_in_result(const char *line, const struct shrink_failure *failure)
{
    json_t *result = json_loads(line, JSON_DECODE_INT_AS_REAL, NULL);
    const json_t *violations = json_object_get(result, "violations");
    bool is_there = false;
    for (size_t row = 0; row < json_array_size(violations); row += 1) {
        const json_t *violation = json_array_get(violations, row);
        const char *property = json_string_value(json_object_get(violation, "property"));
        const char *place = json_string_value(json_object_get(violation, "place"));
        is_there = is_there ||
                   (property != NULL && place != NULL && strcmp(property, failure->property) == 0 &&
                    strcmp(place, failure->place) == 0 &&
                    !json_is_true(json_object_get(violation, "tolerated")));
    }
    json_decref(result);
    return is_there;
}

static void run_fresh(const char *path, uint64_t seed, int file)
{
    char words[32], run[] = "run", json[] = "--json", option[] = "--seed", name[] = "replisim";
    (void)snprintf(words, sizeof words, "%llu", (unsigned long long)seed);
    char *copy = shrink_copy(path, strlen(path));
    char *arguments[] = {name, run, copy, option, words, json, NULL};
    int nowhere = open("/dev/null", O_WRONLY);
    (void)dup2(file, STDOUT_FILENO);
    (void)dup2(nowhere, STDERR_FILENO);
    (void)execv("/proc/self/exe", arguments);
    _exit(127);
}

/* A process that knows nothing of this one runs the file, and fails alike. */
static bool is_failing_alike(const char *path, const struct cli_small *small,
                             const struct shrink_failure *failure)
{
    FILE *output = tmpfile();
    int status = 0;
    if (output == NULL) {
        return false;
    }
    (void)fflush(NULL);
    pid_t process = fork();
    if (process == 0) {
        run_fresh(path, small->request.seed, fileno(output));
    }
    while (process > 0 && waitpid(process, &status, 0) < 0 && errno == EINTR) {
    }
    char *line = NULL;
    size_t max = 0;
    rewind(output);
    bool has_line = getline(&line, &max, output) > 0;
    bool is_alike = false;
    if (failure->is_crash) {
        is_alike = failure->signal != 0 ? WIFSIGNALED(status) && WTERMSIG(status) == failure->signal
                                        : WIFEXITED(status) && WEXITSTATUS(status) > CLI_EXIT_WRONG;
    } else {
        is_alike = has_line && WIFEXITED(status) && WEXITSTATUS(status) == CLI_EXIT_FAIL &&
                   is_in_result(line, failure);
    }
    free(line);
    (void)fclose(output);
    return process > 0 && is_alike;
}

static int refuse_file(const struct cli_small *small)
{
    cli_error("%s: the small scenario was found, but does not fail as a file of its own%s",
              small->request.path,
              small->out == NULL ? "" : "; if it flushes files of a folder, write it beside them");
    return CLI_EXIT_BROKEN;
}

/* ---- Output ----------------------------------------------------------------------------------- */

static int write_file(const struct cli_small *small, const struct shrink_small *found,
                      const char *text)
{
    struct cli_file file = {.file = NULL};
    if (!cli_file_open(&file, small->out)) {
        return CLI_EXIT_WRONG;
    }
    (void)fputs(text, file.file);
    (void)fflush(file.file);
    if (!is_failing_alike(file.temporary, small, &found->failure)) {
        cli_file_drop(&file);
        return refuse_file(small);
    }
    return cli_file_commit(&file) ? CLI_EXIT_PASS : CLI_EXIT_WRONG;
}

static int write_output(const struct cli_small *small, const struct shrink_small *found,
                        const char *text)
{
    const char *folder = getenv("TMPDIR");
    struct shrink_text name = {.bytes = NULL};
    shrink_say(&name, "%s/replisim-small-XXXXXX",
               folder == NULL || folder[0] == '\0' ? P_tmpdir : folder);
    char *path = shrink_take(&name);
    int handle = mkstemp(path);
    size_t length = strlen(text);
    bool is_written = handle >= 0 && write(handle, text, length) == (ssize_t)length;
    if (handle >= 0) {
        (void)close(handle);
    }
    bool is_alike = is_written && is_failing_alike(path, small, &found->failure);
    (void)unlink(path);
    free(path);
    if (!is_alike) {
        return refuse_file(small);
    }
    (void)fputs(text, stdout);
    return CLI_EXIT_PASS;
}

static void print_summary(const struct cli_small *small, const struct shrink_small *found)
{
    FILE *file = small->out == NULL ? stderr : stdout;
    char took[32];
    cli_format_seconds(found->wall_s, took);
    if (found->failure.is_crash) {
        (void)fprintf(file, "the program crashes: %s\n", found->last.error);
    } else {
        (void)fprintf(file, "%s at %s\n", found->failure.property, found->failure.place);
    }
    (void)fprintf(file, "%zu of %zu decisions of trouble kept, in %s and %llu runs%s\n",
                  found->kept_count, found->fault_count, took, (unsigned long long)found->run_count,
                  found->end == SHRINK_CUT_SHORT ? "; cut short" : "");
    if (small->out != NULL) {
        char *words = cli_small_words(small, false);
        (void)fprintf(file, "repeat: replisim run %s %s\n", small->out, words);
        free(words);
    }
}

static bool print_json(const struct cli_small *small, const struct shrink_small *found)
{
    struct shrink_text repeat = {.bytes = NULL};
    char *words = cli_small_words(small, false);
    shrink_say(&repeat, "replisim run %s %s", small->out, words);
    json_t *object =
        json_pack("{ss ss sb sI sI sI sI sf sb ss ss}", "property", found->failure.property,
                  "place", found->failure.place, "crash", (int)found->failure.is_crash, "decisions",
                  (json_int_t)found->fault_count, "kept", (json_int_t)found->kept_count, "trials",
                  (json_int_t)found->try_count, "runs", (json_int_t)found->run_count,
                  "wall_seconds", found->wall_s, "cut_short", (int)(found->end == SHRINK_CUT_SHORT),
                  "out", small->out, "repeat", repeat.bytes);
    char *text =
        object == NULL
            ? NULL
            : json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6));
    if (text != NULL) {
        (void)puts(text);
    }
    json_decref(object);
    free(repeat.bytes);
    free(words);
    free(text);
    return text != NULL;
}

static int tell(struct cli_small *small, const struct shrink_small *found)
{
    bool is_cut = cli_watch_is_interrupted();
    if (found->text == NULL || (found->end != SHRINK_DONE && found->end != SHRINK_CUT_SHORT)) {
        return cli_small_refuse(small, found);
    }
    char *text = make_text(small, found);
    int code =
        small->out == NULL ? write_output(small, found, text) : write_file(small, found, text);
    free(text);
    cli_small_end_line(small);
    if (code == CLI_EXIT_PASS && small->is_json) {
        code = print_json(small, found) ? code : CLI_EXIT_BROKEN;
    } else if (code == CLI_EXIT_PASS && (!small->is_quiet || small->out != NULL)) {
        print_summary(small, found);
    }
    return code == CLI_EXIT_PASS && is_cut ? CLI_EXIT_INTERRUPTED : code;
}

int cli_shrink(int argc, char **argv)
{
    struct cli_small small;
    struct shrink_small found;
    int code = CLI_EXIT_WRONG;
    if (cli_small_read(&small, "shrink", true, argc, argv)) {
        if (small.is_json && small.out == NULL) {
            code = cli_error("replisim shrink: --json goes with --out FILE");
        } else {
            cli_watch_begin(0);
            shrink_make_small(&small.request, &found);
            code = tell(&small, &found);
            cli_watch_end();
            shrink_small_clear(&found);
        }
    }
    cli_small_clear(&small);
    return code;
}
