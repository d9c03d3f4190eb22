/* replisim matrix: each scenario that says which releases it breaks, run as `current` and as each of
 * them. A row is a run in a process of its own, so that a crash is that row's result alone. */
#include "sim/cli/cli.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/result.h"
#include "sim/script.h"

/* A run that takes longer in real time is cut off, and its row is not as declared. */
#define ROW_SECONDS_MAX 600
#define JOBS_MAX        64

/* What a child tells: flat, so that it goes through a pipe as it is. */
struct report {
    bool is_complete;
    enum script_end end;
    uint64_t counts[SIM_PROPERTY_COUNT];
    char error[SCRIPT_TEXT_MAX];
};

struct row {
    const char *path; /* borrowed */
    char *scenario;   /* owned */
    enum rp_release release;
    bool has_property;
    enum sim_property property;
    pid_t child; /* 0: not started or done */
    int pipe;
    struct report report;
    size_t report_bytes;
    bool is_declared_so; /* the run ended as the file says */
};

struct matrix {
    struct cli_scenarios scenarios;
    struct row *rows; /* owned */
    size_t row_count, row_capacity;
    uint64_t seed, jobs;
    bool is_json;
};

/* ---- Options ---------------------------------------------------------------------------------- */

enum { OPTION_SEED, OPTION_JSON, OPTION_JOBS };

static const struct cli_option options_known[] = {
    [OPTION_SEED] = {"--seed", NULL, true},
    [OPTION_JSON] = {"--json", NULL, false},
    [OPTION_JOBS] = {"--jobs", "-j", true},
};

static bool take_option(struct matrix *matrix, size_t option, const char *value)
{
    switch (option) {
    case OPTION_SEED:
        if (!cli_parse_u64(value, &matrix->seed)) {
            cli_error("replisim matrix: --seed %s: not a whole number from 0 to 2^64-1", value);
            return false;
        }
        return true;
    case OPTION_JOBS:
        if (!cli_parse_u64(value, &matrix->jobs) || matrix->jobs == 0 || matrix->jobs > JOBS_MAX) {
            cli_error("replisim matrix: --jobs %s: not a whole number from 1 to %d", value,
                      JOBS_MAX);
            return false;
        }
        return true;
    default: matrix->is_json = true; return true;
    }
}

static bool find_default(struct matrix *matrix)
{
    char path[CLI_PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/reference", cli_scenarios_folder());
    return cli_scenarios_find(&matrix->scenarios, path);
}

static bool read_options(struct matrix *matrix, int argc, char **argv)
{
    struct cli_arguments arguments = {
        .command = "matrix",
        .options = options_known,
        .option_count = sizeof options_known / sizeof options_known[0],
        .argc = argc,
        .argv = argv,
        .next = 1,
    };
    bool has_path = false;
    for (;;) {
        size_t option = 0;
        const char *value = NULL;
        switch (cli_arguments_next(&arguments, &option, &value)) {
        case CLI_ARGUMENT_WRONG: return false;
        case CLI_ARGUMENT_OPTION:
            if (!take_option(matrix, option, value)) {
                return false;
            }
            break;
        case CLI_ARGUMENT_WORD:
            has_path = true;
            if (!cli_scenarios_find(&matrix->scenarios, value)) {
                return false;
            }
            break;
        case CLI_ARGUMENT_END: return has_path || find_default(matrix);
        }
    }
}

/* ---- Rows ------------------------------------------------------------------------------------- */

static bool add_row(struct matrix *matrix, const char *path, const char *scenario,
                    enum rp_release release, const enum sim_property *property)
{
    if (matrix->row_count == matrix->row_capacity) {
        size_t capacity = matrix->row_capacity == 0 ? 64 : matrix->row_capacity * 2;
        struct row *rows = realloc(matrix->rows, capacity * sizeof *rows);
        if (rows == NULL) {
            return false;
        }
        matrix->rows = rows;
        matrix->row_capacity = capacity;
    }
    struct row *row = &matrix->rows[matrix->row_count];
    memset(row, 0, sizeof *row);
    row->path = path;
    row->scenario = strdup(scenario);
    row->release = release;
    row->has_property = property != NULL;
    row->property = property != NULL ? *property : SIM_PROPERTY_COUNT;
    row->pipe = -1;
    matrix->row_count += row->scenario != NULL;
    return row->scenario != NULL;
}

/* `current` first, then the releases that must fail, in the order in which they came out. */
static bool add_scenario(struct matrix *matrix, const char *path)
{
    struct script_about about;
    if (script_read_about(path, &about) != 0) {
        cli_error("%s", about.error);
        script_about_clear(&about);
        return false;
    }
    bool is_good =
        !about.breaks.is_declared || add_row(matrix, path, about.name, RP_RELEASE_CURRENT, NULL);
    for (int release = 0; release < RP_RELEASE_COUNT && is_good; release += 1) {
        if (about.breaks.has[release]) {
            is_good = add_row(matrix, path, about.name, (enum rp_release)release,
                              &about.breaks.properties[release]);
        }
    }
    if (!is_good) {
        cli_error("out of memory");
    }
    script_about_clear(&about);
    return is_good;
}

static bool add_scenarios(struct matrix *matrix)
{
    for (size_t i = 0; i < matrix->scenarios.count; i++) {
        if (!add_scenario(matrix, matrix->scenarios.paths[i])) {
            return false;
        }
    }
    if (matrix->row_count == 0) {
        cli_error("replisim matrix: none of these scenarios has a `breaks`");
        return false;
    }
    return true;
}

/* ---- One run, in its child ---------------------------------------------------------------------- */

static void count_violations(const struct sim_result *result, struct report *report)
{
    for (size_t i = 0; i < result->violation_count; i++) {
        enum sim_property property;
        const struct sim_violation *violation = &result->violations[i];
        if (!violation->is_tolerated &&
            sim_property_parse(rp_view_text(violation->property), &property)) {
            report->counts[property] += 1;
        }
    }
}

static void write_report(int file, const struct report *report)
{
    const char *bytes = (const char *)report;
    size_t done = 0;
    while (done < sizeof *report) {
        ssize_t count = write(file, bytes + done, sizeof *report - done);
        if (count <= 0 && errno != EINTR) {
            return;
        }
        done += count > 0 ? (size_t)count : 0;
    }
}

static void run_row(const struct row *row, uint64_t seed, int file)
{
    char set[32];
    const char *sets[1] = {set};
    struct report report;
    struct script_outcome outcome;
    memset(&report, 0, sizeof report);
    (void)snprintf(set, sizeof set, "release=%s", rp_release_name(row->release));
    struct script_options options = {
        .path = row->path,
        .sets = sets,
        .set_count = 1,
        .seed = seed,
    };
    alarm(ROW_SECONDS_MAX);
    if (script_run_file(&options, &outcome) != 0) {
        _exit(CLI_EXIT_BROKEN); /* out of memory */
    }
    report.is_complete = true;
    report.end = outcome.end;
    (void)snprintf(report.error, sizeof report.error, "%s", outcome.error);
    if (outcome.result != NULL) {
        count_violations(outcome.result, &report);
    }
    script_outcome_clear(&outcome);
    write_report(file, &report);
}

static bool start_row(struct row *row, uint64_t seed)
{
    int ends[2];
    if (pipe(ends) != 0) {
        cli_error("replisim matrix: %s", strerror(errno));
        return false;
    }
    (void)fflush(NULL);
    row->child = fork();
    if (row->child < 0) {
        cli_error("replisim matrix: %s", strerror(errno));
        close(ends[0]);
        close(ends[1]);
        row->child = 0;
        return false;
    }
    if (row->child == 0) {
        close(ends[0]);
        run_row(row, seed, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    row->pipe = ends[0];
    return true;
}

/* ---- Judging ------------------------------------------------------------------------------------ */

static void judge(struct row *row)
{
    const struct report *report = &row->report;
    if (row->has_property) {
        row->is_declared_so = report->is_complete && report->end == SCRIPT_END_FAIL &&
                              report->counts[row->property] > 0;
    } else {
        row->is_declared_so = report->is_complete && report->end == SCRIPT_END_PASS;
    }
}

/* The child wrote its report or died: whichever, its pipe is at its end. */
static void end_row(struct row *row)
{
    int status = 0;
    close(row->pipe);
    row->pipe = -1;
    while (waitpid(row->child, &status, 0) < 0 && errno == EINTR) {
    }
    row->child = 0;
    if (row->report_bytes < sizeof row->report || !row->report.is_complete) {
        memset(&row->report, 0, sizeof row->report);
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
            (void)snprintf(row->report.error, sizeof row->report.error,
                           "not finished after %d s of real time", ROW_SECONDS_MAX);
        } else if (WIFSIGNALED(status)) {
            (void)snprintf(row->report.error, sizeof row->report.error, "crashed: %s",
                           strsignal(WTERMSIG(status)));
        } else {
            (void)snprintf(row->report.error, sizeof row->report.error, "crashed: exit code %d",
                           WEXITSTATUS(status));
        }
    }
    judge(row);
}

static void read_row(struct row *row)
{
    char *bytes = (char *)&row->report;
    ssize_t count = 0;
    if (row->report_bytes < sizeof row->report) {
        count = read(row->pipe, bytes + row->report_bytes, sizeof row->report - row->report_bytes);
    }
    if (count > 0) {
        row->report_bytes += (size_t)count;
    } else if (count == 0 || errno != EINTR) {
        end_row(row);
    }
}

static void read_running(struct matrix *matrix, size_t started)
{
    struct pollfd files[JOBS_MAX];
    struct row *rows[JOBS_MAX];
    nfds_t count = 0;
    for (size_t i = 0; i < started; i++) {
        if (matrix->rows[i].child != 0) {
            rows[count] = &matrix->rows[i];
            files[count++] = (struct pollfd){.fd = matrix->rows[i].pipe, .events = POLLIN};
        }
    }
    if (poll(files, count, -1) <= 0) {
        return;
    }
    for (nfds_t i = 0; i < count; i++) {
        if (files[i].revents != 0) {
            read_row(rows[i]);
        }
    }
}

static size_t running_count(const struct matrix *matrix)
{
    size_t count = 0;
    for (size_t i = 0; i < matrix->row_count; i++) {
        count += matrix->rows[i].child != 0;
    }
    return count;
}

static bool run_rows(struct matrix *matrix)
{
    size_t started = 0;
    bool is_good = true;
    while (is_good && (started < matrix->row_count || running_count(matrix) > 0)) {
        if (started < matrix->row_count && running_count(matrix) < matrix->jobs) {
            is_good = start_row(&matrix->rows[started], matrix->seed);
            started += is_good;
        } else {
            read_running(matrix, started);
        }
    }
    while (running_count(matrix) > 0) {
        read_running(matrix, started);
    }
    return is_good;
}

/* ---- Telling ------------------------------------------------------------------------------------ */

static void print_seen(const struct row *row)
{
    const struct report *report = &row->report;
    bool is_first = true;
    if (report->error[0] != '\0') {
        printf("%s\n", report->error);
        return;
    }
    for (int property = 0; property < SIM_PROPERTY_COUNT; property += 1) {
        if (report->counts[property] > 0) {
            printf("%s%s x%llu", is_first ? "" : ", ",
                   sim_property_name((enum sim_property)property),
                   (unsigned long long)report->counts[property]);
            is_first = false;
        }
    }
    printf("%s\n", is_first ? "all held" : "");
}

static void print_table(const struct matrix *matrix)
{
    int width = 8;
    size_t wrong = 0;
    for (size_t i = 0; i < matrix->row_count; i++) {
        int length = (int)strlen(matrix->rows[i].scenario);
        width = length > width ? length : width;
    }
    printf("%s%-*s  %-8s %-22s %-8s %s%s\n", cli_colour(stdout, CLI_BOLD), width, "scenario",
           "release", "property expected", "verdict", "seen", cli_colour(stdout, CLI_PLAIN));
    for (size_t i = 0; i < matrix->row_count; i++) {
        const struct row *row = &matrix->rows[i];
        bool is_first = i == 0 || row->path != matrix->rows[i - 1].path;
        printf("%-*s  %-8s %-22s %s%-8s%s ", width, is_first ? row->scenario : "",
               rp_release_name(row->release),
               row->has_property ? sim_property_name(row->property) : "(all hold)",
               cli_colour(stdout, row->is_declared_so ? CLI_GREEN : CLI_RED),
               row->is_declared_so ? "as told" : "NOT SO", cli_colour(stdout, CLI_PLAIN));
        print_seen(row);
        wrong += !row->is_declared_so;
    }
    printf("\n%zu runs, seed %llu: %zu as declared, %zu not\n", matrix->row_count,
           (unsigned long long)matrix->seed, matrix->row_count - wrong, wrong);
    for (size_t i = 0; i < matrix->row_count; i++) {
        const struct row *row = &matrix->rows[i];
        if (!row->is_declared_so) {
            printf("repeat: replisim run %s --seed %llu --set release=%s\n", row->path,
                   (unsigned long long)matrix->seed, rp_release_name(row->release));
        }
    }
}

static json_t *make_row(const struct row *row)
{
    json_t *seen = json_object();
    for (int property = 0; property < SIM_PROPERTY_COUNT; property += 1) {
        if (row->report.counts[property] > 0) {
            json_object_set_new(seen, sim_property_name((enum sim_property)property),
                                json_integer((json_int_t)row->report.counts[property]));
        }
    }
    return json_pack("{ss ss ss ss? sb so ss?}", "scenario", row->scenario, "file", row->path,
                     "release", rp_release_name(row->release), "property",
                     row->has_property ? sim_property_name(row->property) : NULL, "as_declared",
                     (int)row->is_declared_so, "seen", seen, "error",
                     row->report.error[0] == '\0' ? NULL : row->report.error);
}

static bool print_json(const struct matrix *matrix, bool is_as_declared)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < matrix->row_count; i++) {
        if (json_array_append_new(rows, make_row(&matrix->rows[i])) != 0) {
            json_decref(rows);
            return false;
        }
    }
    json_t *table = json_pack("{sb so}", "as_declared", (int)is_as_declared, "rows", rows);
    /* Jansson's integers are signed, a seed is any unsigned number: it is put in front by hand. */
    char *text = table == NULL ? NULL : json_dumps(table, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (text != NULL) {
        printf("{\"seed\":%llu,%s\n", (unsigned long long)matrix->seed, text + 1);
    }
    json_decref(table);
    free(text);
    return text != NULL;
}

static int tell(const struct matrix *matrix)
{
    bool is_as_declared = true;
    for (size_t i = 0; i < matrix->row_count; i++) {
        is_as_declared = is_as_declared && matrix->rows[i].is_declared_so;
    }
    if (!matrix->is_json) {
        print_table(matrix);
    } else if (!print_json(matrix, is_as_declared)) {
        cli_error("replisim matrix: the table could not be printed");
        return CLI_EXIT_BROKEN;
    }
    return is_as_declared ? CLI_EXIT_PASS : CLI_EXIT_FAIL;
}

int cli_matrix(int argc, char **argv)
{
    struct matrix matrix = {.seed = 1, .jobs = 1};
    int code = CLI_EXIT_WRONG;
    if (read_options(&matrix, argc, argv) && add_scenarios(&matrix)) {
        code = run_rows(&matrix) ? tell(&matrix) : CLI_EXIT_BROKEN;
    }
    for (size_t i = 0; i < matrix.row_count; i++) {
        free(matrix.rows[i].scenario);
    }
    free(matrix.rows);
    cli_scenarios_clear(&matrix.scenarios);
    return code;
}
