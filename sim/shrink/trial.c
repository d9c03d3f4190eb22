#include "sim/shrink/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "protocol/error.h"
#include "sim/script.h"
#include "sim/trace.h"
#include "sim/world.h"

struct shrink_known {
    uint64_t hash, length;
    bool is_alike;
};

double shrink_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

bool shrink_is_alike(const struct shrink_failure *left, const struct shrink_failure *right)
{
    if (left->is_crash || right->is_crash) {
        return left->is_crash == right->is_crash && left->signal == right->signal;
    }
    return strcmp(left->property, right->property) == 0 && strcmp(left->place, right->place) == 0 &&
           strcmp(left->what, right->what) == 0;
}

/* ---- One run, in its child -------------------------------------------------------------------- */

/* Of the latest records, for the tail. */
#define RING_BYTES ((size_t)4 << 20)

struct watched {
    const struct shrink_failure *target; /* NULL: the run goes to its end */
    struct sim_world *world;
    uint64_t record_count, record_max;
    bool is_tail_wanted;
};

/* All judgements of a script have one place; by its message one is told from another. */
static void take_what(const struct sim_violation *violation, char what_out[SHRINK_NAME_MAX])
{
    size_t length = 0;
    what_out[0] = '\0';
    if (strncmp(violation->place, "story/", 6) != 0) {
        return;
    }
    for (const char *at = violation->detail; *at != '\0' && *at != ':'; at += 1) {
        if ((*at < '0' || *at > '9') && length + 1 < SHRINK_NAME_MAX) {
            what_out[length++] = *at;
        }
    }
    what_out[length] = '\0';
}

static bool is_target(const struct shrink_failure *target, const struct sim_violation *violation)
{
    char what[SHRINK_NAME_MAX];
    if (target->is_crash || strcmp(violation->property, target->property) != 0 ||
        strcmp(violation->place, target->place) != 0) {
        return false;
    }
    take_what(violation, what);
    return strcmp(what, target->what) == 0;
}

/* What is seen stays seen: the rest of the run has nothing to add. */
static void on_violated(void *context, struct sim_world *world,
                        const struct sim_violation *violation)
{
    const struct watched *watched = context;
    if (is_target(watched->target, violation)) {
        sim_world_interrupt(world);
    }
}

/* What grows out of bounds is no smaller scenario. Counted, not timed: everywhere the same. */
static void on_record(void *context, const struct sim_trace_record *record)
{
    struct watched *watched = context;
    watched->record_count += record->sort == SIM_TRACE_EVENT;
    if (watched->record_max != 0 && watched->record_count > watched->record_max) {
        sim_world_interrupt(watched->world);
    }
}

static void world_begins(void *context, struct sim_world *world)
{
    struct watched *watched = context;
    const struct sim_trace_listener listener = {watched, on_record};
    watched->world = world;
    watched->record_count = 0;
    sim_trace_listen(sim_world_trace(world), &listener);
    if (watched->is_tail_wanted) {
        rp_ignore(sim_trace_keep(sim_world_trace(world), RING_BYTES)); /* or there is no tail */
    }
    if (watched->target != NULL) {
        struct sim_run_watch watch = {watched, on_violated, NULL};
        sim_world_watch_run(world, &watch);
    }
}

static void tell_violation(struct shrink_report *report, const struct sim_violation *violation)
{
    report->time_s = (double)violation->time_ns / 1e9;
    (void)snprintf(report->node, sizeof report->node, "%s", violation->node);
    (void)snprintf(report->detail, sizeof report->detail, "%s", violation->detail);
}

static void tell_result(const struct shrink_failure *target, const struct sim_result *result,
                        struct shrink_report *report)
{
    report->virtual_s = result->virtual_seconds;
    for (size_t row = 0; row < result->violation_count; row += 1) {
        const struct sim_violation *violation = &result->violations[row];
        if (violation->is_tolerated) {
            continue;
        }
        report->violation_count += 1;
        if (!report->has_failure) {
            report->has_failure = true;
            (void)snprintf(report->failure.property, sizeof report->failure.property, "%s",
                           violation->property);
            (void)snprintf(report->failure.place, sizeof report->failure.place, "%s",
                           violation->place);
            take_what(violation, report->failure.what);
            tell_violation(report, violation);
        }
        if (!report->has_target && is_target(target, violation)) {
            report->has_target = true;
            tell_violation(report, violation);
        }
    }
}

struct job {
    const char *text;
    const char *const *sets;
    size_t set_count;
    FILE *record;
    bool is_cut;       /* ends at the target */
    FILE *tail;        /* for the last observations; NULL: not wanted */
    const char *names; /* of whom, besides the node that violates */
};

/* ---- The last observations -------------------------------------------------------------------- */

#define TAIL_MAX 16

struct tail {
    const struct job *job;
    const struct shrink_report *report;
    const struct sim_world *world;
    char lines[TAIL_MAX][512]; /* a ring */
    uint64_t count;
};

static bool is_named(const char *names, struct rp_view id)
{
    for (const char *at = names; (at = strchr(at, '"')) != NULL; at += 1) {
        size_t length = strcspn(at + 1, "\"");
        if (length == id.length_bytes && memcmp(at + 1, id.bytes, length) == 0) {
            return true;
        }
    }
    return false;
}

static void put_part(char *line, size_t *used, struct rp_view part)
{
    if (part.length_bytes > 0 && *used + part.length_bytes + 2 < 512) {
        line[(*used)++] = ' ';
        memcpy(line + *used, part.bytes, part.length_bytes);
        *used += part.length_bytes;
        line[*used] = '\0';
    }
}

static void keep_record(void *context, const struct sim_trace_record *record)
{
    struct tail *tail = context;
    const struct rp_observation *seen = &record->observation;
    if (!record->is_observation ||
        (!is_named(tail->job->names, record->node_id) &&
         !rp_view_equal(record->node_id, rp_view_text(tail->report->node)))) {
        return;
    }
    char *line = tail->lines[tail->count % TAIL_MAX];
    tail->count += 1;
    int length =
        snprintf(line, 512, "%.6f s %.*s %s", sim_world_seconds(tail->world, record->time_ns),
                 (int)record->node_id.length_bytes, (const char *)record->node_id.bytes,
                 rp_observation_name(seen->kind));
    size_t used = length < 0 ? 0 : (size_t)length;
    put_part(line, &used, seen->path);
    put_part(line, &used, seen->peer_id);
    put_part(line, &used, seen->code);
}

static void write_tail(const struct job *job, const struct shrink_report *report,
                       struct sim_world *world)
{
    struct tail *tail = calloc(1, sizeof *tail);
    if (tail == NULL) {
        return;
    }
    tail->job = job;
    tail->report = report;
    tail->world = world;
    sim_trace_replay(sim_world_trace(world), tail, keep_record);
    uint64_t first = tail->count > TAIL_MAX ? tail->count - TAIL_MAX : 0;
    for (uint64_t row = first; row < tail->count; row += 1) {
        (void)fprintf(job->tail, "%s\n", tail->lines[row % TAIL_MAX]);
    }
    (void)fflush(job->tail);
    free(tail);
}

static void write_all(int file, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t count = write(file, at, size);
        if (count < 0 && errno != EINTR) {
            return;
        }
        at += count > 0 ? count : 0;
        size -= count > 0 ? (size_t)count : 0;
    }
}

/* Whatever the run prints, or a sanitizer says of it, is not for this terminal. */
static void be_quiet(double timeout_s)
{
    int nowhere = open("/dev/null", O_WRONLY);
    if (nowhere >= 0) {
        (void)dup2(nowhere, STDOUT_FILENO);
        (void)dup2(nowhere, STDERR_FILENO);
    }
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)signal(SIGINT, SIG_IGN); /* the parent hears it, and ends us */
    (void)signal(SIGTERM, SIG_DFL);
    (void)signal(SIGALRM, SIG_DFL);
    (void)alarm(timeout_s < 1 ? 1 : (unsigned)timeout_s);
}

static bool is_control_alike(const struct shrink_trials *trials, const struct job *job,
                             const struct script_options *options)
{
    struct shrink_report report;
    struct script_outcome outcome;
    struct script_options other = *options;
    memset(&report, 0, sizeof report);
    other.text = trials->control(job->text);
    if (script_run_file(&other, &outcome) != 0) {
        _exit(3); /* out of memory */
    }
    if (outcome.result != NULL) {
        tell_result(&trials->target, outcome.result, &report);
    }
    return report.has_target;
}

static void run_job(const struct shrink_trials *trials, const struct job *job, int file)
{
    struct shrink_report report;
    struct script_outcome outcome;
    struct watched watched = {.target = job->is_cut ? &trials->target : NULL,
                              .record_max = job->is_cut ? trials->record_max : 0,
                              .is_tail_wanted = job->tail != NULL};
    memset(&report, 0, sizeof report);
    be_quiet(trials->timeout_s);
    struct script_options options = {
        .path = trials->path,
        .text = job->text,
        .sets = job->sets,
        .set_count = job->set_count,
        .seed = trials->seed,
        .record = job->record,
        .watch_context = &watched,
        .world_begins = world_begins,
    };
    if (script_run_file(&options, &outcome) != 0) {
        _exit(3); /* out of memory */
    }
    report.is_complete = true;
    report.end = (int)outcome.end;
    (void)snprintf(report.error, sizeof report.error, "%s", outcome.error);
    if (outcome.result != NULL) {
        tell_result(&trials->target, outcome.result, &report);
    }
    report.record_count = watched.record_count;
    if (job->tail != NULL && outcome.world != NULL) {
        write_tail(job, &report, outcome.world);
    }
    if (report.has_target && job->is_cut && trials->control != NULL) {
        script_outcome_clear(&outcome);
        report.has_target = !is_control_alike(trials, job, &options);
    }
    write_all(file, &report, sizeof report);
    _exit(0); /* nothing is freed: the process is over */
}

/* ---- Children --------------------------------------------------------------------------------- */

struct child {
    pid_t process; /* 0: none */
    int pipe;
    size_t number;
    struct shrink_report report;
    size_t report_bytes;
};

static bool start_child(const struct shrink_trials *trials, const struct job *job,
                        struct child *child)
{
    int ends[2];
    memset(child, 0, sizeof *child);
    if (pipe(ends) != 0) {
        return false;
    }
    (void)fflush(NULL);
    child->process = fork();
    if (child->process == 0) {
        close(ends[0]);
        run_job(trials, job, ends[1]);
    }
    close(ends[1]);
    child->pipe = ends[0];
    if (child->process < 0) {
        close(ends[0]);
        child->process = 0;
        return false;
    }
    return true;
}

/* Waits for its end; what it did not tell is told by how it ended. */
static void end_child(struct child *child)
{
    int status = 0;
    close(child->pipe);
    while (waitpid(child->process, &status, 0) < 0 && errno == EINTR) {
    }
    child->process = 0;
    if (child->report_bytes == sizeof child->report && child->report.is_complete) {
        return;
    }
    struct shrink_report *report = &child->report;
    memset(report, 0, sizeof *report);
    bool is_late = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
    bool is_ended = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    report->has_failure = !is_late && !is_ended;
    report->failure.is_crash = true;
    report->failure.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    (void)snprintf(report->error, sizeof report->error, "%s",
                   is_late               ? "not finished in time"
                   : is_ended            ? "ended from outside"
                   : WIFSIGNALED(status) ? strsignal(WTERMSIG(status))
                                         : "the program ended itself");
}

static void kill_child(struct child *child)
{
    if (child->process != 0) {
        (void)kill(child->process, SIGKILL);
        end_child(child);
    }
}

/* False: its pipe is at its end. */
static bool read_child(struct child *child)
{
    char *bytes = (char *)&child->report;
    char rest[1];
    bool is_full = child->report_bytes == sizeof child->report;
    ssize_t count = is_full ? read(child->pipe, rest, 1)
                            : read(child->pipe, bytes + child->report_bytes,
                                   sizeof child->report - child->report_bytes);
    if (count < 0 && errno == EINTR) {
        return true;
    }
    child->report_bytes += count > 0 && !is_full ? (size_t)count : 0;
    return count > 0;
}

static bool run_alone(const struct shrink_trials *trials, const struct job *job,
                      struct shrink_report *report_out)
{
    struct child child;
    memset(report_out, 0, sizeof *report_out);
    if (!start_child(trials, job, &child)) {
        (void)snprintf(report_out->error, sizeof report_out->error, "%s", strerror(errno));
        return false;
    }
    struct pollfd file = {.fd = child.pipe, .events = POLLIN};
    while (child.process != 0) {
        if (poll(&file, 1, 200) > 0 && !read_child(&child)) {
            end_child(&child);
        } else if (trials->is_interrupted != NULL && trials->is_interrupted()) {
            kill_child(&child);
        }
    }
    *report_out = child.report;
    return true;
}

bool shrink_trial_run(const struct shrink_trials *trials, const char *text, const char *const *sets,
                      size_t set_count, FILE *record, struct shrink_report *report_out)
{
    struct job job = {.text = text, .sets = sets, .set_count = set_count, .record = record};
    return run_alone(trials, &job, report_out);
}

bool shrink_trial_tail(const struct shrink_trials *trials, const char *text, const char *names,
                       FILE *tail, struct shrink_report *report_out)
{
    struct shrink_trials alone = *trials;
    alone.control = NULL;
    alone.record_max = 0;
    struct job job = {.text = text, .is_cut = true, .tail = tail, .names = names};
    return run_alone(&alone, &job, report_out);
}

/* ---- Known texts ------------------------------------------------------------------------------ */

static struct shrink_known hash_of(const char *text)
{
    struct shrink_known known = {UINT64_C(14695981039346656037), 0, false};
    for (; text[known.length] != '\0'; known.length += 1) {
        known.hash = (known.hash ^ (unsigned char)text[known.length]) * UINT64_C(1099511628211);
    }
    return known;
}

static const struct shrink_known *find_known(const struct shrink_trials *trials, const char *text)
{
    struct shrink_known wanted = hash_of(text);
    for (size_t row = 0; row < trials->known_count; row += 1) {
        const struct shrink_known *known = &trials->known[row];
        if (known->hash == wanted.hash && known->length == wanted.length) {
            return known;
        }
    }
    return NULL;
}

/* Out of memory: it is not remembered, and may be tried again. */
static void remember(struct shrink_trials *trials, const char *text, bool is_alike)
{
    if (trials->known_count == trials->known_max) {
        size_t max = trials->known_max == 0 ? 256 : trials->known_max * 2;
        struct shrink_known *grown = realloc(trials->known, max * sizeof *grown);
        if (grown == NULL) {
            return;
        }
        trials->known = grown;
        trials->known_max = max;
    }
    trials->known[trials->known_count] = hash_of(text);
    trials->known[trials->known_count++].is_alike = is_alike;
}

void shrink_trials_clear(struct shrink_trials *trials)
{
    free(trials->known);
    trials->known = NULL;
    trials->known_count = trials->known_max = 0;
}

/* ---- Side by side ----------------------------------------------------------------------------- */

bool shrink_trials_are_over(const struct shrink_trials *trials)
{
    return (trials->is_interrupted != NULL && trials->is_interrupted()) ||
           (trials->deadline_s > 0 && shrink_clock() > trials->deadline_s) ||
           (trials->tries_max > 0 && trials->try_count >= trials->tries_max);
}

static bool is_stopped(const struct shrink_trials *trials)
{
    return (trials->is_interrupted != NULL && trials->is_interrupted()) ||
           (trials->deadline_s > 0 && shrink_clock() > trials->deadline_s);
}

struct race {
    struct shrink_trials *trials;
    char *const *texts;
    size_t count;
    size_t next;  /* to be started */
    size_t first; /* that fails alike, so far */
    struct child children[SHRINK_JOBS_MAX];
};

static bool is_alike(const struct shrink_trials *trials, const struct shrink_report *report)
{
    if (trials->target.is_crash) {
        return report->has_failure && shrink_is_alike(&report->failure, &trials->target);
    }
    return report->is_complete && report->has_target;
}

static void settle(struct race *race, size_t number, bool is_found)
{
    if (is_found && number < race->first) {
        race->first = number;
    }
}

/* Starts what may still matter, until all places are taken. */
static void start_some(struct race *race)
{
    struct shrink_trials *trials = race->trials;
    for (unsigned place = 0; place < trials->jobs; place += 1) {
        while (race->children[place].process == 0 && race->next < race->first) {
            size_t number = race->next;
            race->next += 1;
            const struct shrink_known *known = find_known(trials, race->texts[number]);
            if (known != NULL) {
                settle(race, number, known->is_alike);
                continue;
            }
            struct job job = {.text = race->texts[number], .is_cut = true};
            if (start_child(trials, &job, &race->children[place])) {
                race->children[place].number = number;
                trials->run_count += 1;
            }
        }
    }
}

static size_t running_count(const struct race *race)
{
    size_t count = 0;
    for (unsigned place = 0; place < race->trials->jobs; place += 1) {
        count += race->children[place].process != 0;
    }
    return count;
}

static void finish(struct race *race, struct child *child)
{
    size_t number = child->number;
    end_child(child);
    bool is_found = is_alike(race->trials, &child->report);
    remember(race->trials, race->texts[number], is_found);
    settle(race, number, is_found);
}

/* What stands behind the first one found needs no answer. */
static void drop_late(struct race *race, bool is_all)
{
    for (unsigned place = 0; place < race->trials->jobs; place += 1) {
        struct child *child = &race->children[place];
        if (child->process != 0 && (is_all || child->number > race->first)) {
            kill_child(child);
        }
    }
}

static void wait_some(struct race *race)
{
    struct pollfd files[SHRINK_JOBS_MAX];
    struct child *children[SHRINK_JOBS_MAX];
    nfds_t count = 0;
    for (unsigned place = 0; place < race->trials->jobs; place += 1) {
        if (race->children[place].process != 0) {
            children[count] = &race->children[place];
            files[count++] = (struct pollfd){.fd = race->children[place].pipe, .events = POLLIN};
        }
    }
    if (poll(files, count, 200) <= 0) {
        return;
    }
    for (nfds_t row = 0; row < count; row += 1) {
        if (files[row].revents != 0 && !read_child(children[row])) {
            finish(race, children[row]);
        }
    }
}

size_t shrink_trials_first(struct shrink_trials *trials, char *const *texts, size_t count)
{
    struct race *race = calloc(1, sizeof *race);
    if (race == NULL || count == 0) {
        free(race);
        return count;
    }
    race->trials = trials;
    race->texts = texts;
    race->count = race->first = count;
    start_some(race);
    while (running_count(race) > 0 && !is_stopped(trials)) {
        wait_some(race);
        drop_late(race, false);
        start_some(race);
        if (trials->progress != NULL) {
            trials->progress(trials);
        }
    }
    bool is_cut = running_count(race) > 0;
    drop_late(race, true);
    size_t first = race->first;
    free(race);
    /* Counted as if one after another, so that a bound on tries cuts at the same place whatever the
     * number of jobs. */
    trials->try_count += first < count ? first + 1 : count;
    return is_cut ? count : first;
}
