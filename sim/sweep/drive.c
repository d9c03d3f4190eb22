#include "sim/sweep/drive.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/sweep/gather.h"
#include "sim/sweep/pool.h"

/* A world that was told to stop does so at its next event; one that has not by then never will. */
#define GRACE_S 2.0
#define TICK_S  0.1

#define LIST_PATH_MAX 4096

/* What a task was given besides, while an explorer picks the runs. */
struct extra {
    struct sweep_pick pick;
    char path[LIST_PATH_MAX];       /* "": no list */
    struct sim_decision *decisions; /* owned */
    size_t decision_count;
};

struct drive {
    const struct sweep_drive_spec *spec; /* borrowed */
    struct sweep_pool *pool;             /* owned */
    struct sweep_task *tasks;            /* owned; one a worker */
    bool *is_task_taken;                 /* owned */
    struct extra *extras;                /* owned; as the tasks */
    struct sweep_pick pick;              /* of `next` */
    struct sweep_seen *seen;             /* owned; states of this sitting's runs */
    struct sweep_cursor cursor;
    bool has_next; /* `next` is a run that is to be started */
    struct sweep_item next;
    struct sweep_driven *driven; /* borrowed */
    double began_s;
    int status;
    char *note; /* borrowed */
};

/* ---- What to run ------------------------------------------------------------------------------------ */

static bool is_done(void *context, const char *path, uint64_t seed)
{
    return sweep_db_has(context, path, seed);
}

static void pick_next(struct drive *drive)
{
    const struct sweep_drive_spec *spec = drive->spec;
    if (!drive->has_next && !spec->is_interrupted() &&
        sweep_explore_next(spec->explore, spec->is_resumed ? is_done : NULL, spec->db,
                           &drive->pick)) {
        drive->next = drive->pick.item;
        drive->has_next = true;
    }
}

static void find_next(struct drive *drive)
{
    const struct sweep_drive_spec *spec = drive->spec;
    if (spec->explore != NULL) {
        if (sweep_pool_has_room(drive->pool)) { /* later is wiser */
            pick_next(drive);
        }
        return;
    }
    while (!drive->has_next && !spec->is_interrupted() &&
           sweep_plan_next(spec->plan, &drive->cursor, &drive->next)) {
        const char *path = spec->plan->scenarios[drive->next.scenario].path;
        if (spec->is_resumed && sweep_db_has(spec->db, path, drive->next.seed)) {
            drive->driven->state.found += 1;
        } else {
            drive->has_next = true;
        }
    }
}

static size_t take_task(struct drive *drive)
{
    size_t index = 0;
    while (drive->is_task_taken[index]) {
        index += 1;
    }
    drive->is_task_taken[index] = true;
    return index;
}

/* A letter or figure, or what stands for another byte. */
static char plain(char byte)
{
    bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                    (byte >= '0' && byte <= '9');
    return is_plain ? byte : '-';
}

static void name_list(const struct drive *drive, struct extra *extra, const char *scenario)
{
    char name[128];
    size_t length = 0;
    while (scenario[length] != '\0' && length + 1 < sizeof name) {
        name[length] = plain(scenario[length]);
        length += 1;
    }
    name[length] = '\0';
    (void)snprintf(extra->path, sizeof extra->path, "%s/%s-%" PRIu64 ".json",
                   drive->spec->lists->folder, name, extra->pick.item.seed);
}

/* The decisions of the pick, as a file and for the worker. */
static void take_decisions(struct drive *drive, struct sweep_task *task, struct extra *extra)
{
    const struct sweep_lists *lists = drive->spec->lists;
    name_list(drive, extra, task->scenario);
    if (json_dump_file(extra->pick.decisions, extra->path, JSON_COMPACT) != 0 ||
        !lists->read(extra->path, &extra->decisions, &extra->decision_count)) {
        (void)snprintf(drive->note, SWEEP_NOTE_BYTES, "%.400s: cannot be written and read",
                       extra->path);
        drive->status = SWEEP_ERR_WRITE;
        drive->driven->stop = SWEEP_STOP_BROKEN;
        return;
    }
    task->is_replayed = true;
    task->decisions = extra->decisions;
    task->decision_count = extra->decision_count;
    task->script.decisions_path = extra->path;
}

static void clear_extra(struct extra *extra, bool is_list_kept)
{
    if (extra->path[0] != '\0' && !is_list_kept) {
        (void)unlink(extra->path);
    }
    for (size_t row = 0; row < extra->decision_count; row += 1) {
        sim_decision_clear(&extra->decisions[row]);
    }
    free(extra->decisions);
    sweep_pick_clear(&extra->pick);
    memset(extra, 0, sizeof *extra);
}

static void start_next(struct drive *drive)
{
    const struct sweep_drive_spec *spec = drive->spec;
    const struct sweep_scenario *scenario = &spec->plan->scenarios[drive->next.scenario];
    size_t index = take_task(drive);
    struct sweep_task *task = &drive->tasks[index];
    *task = (struct sweep_task){
        .script = spec->script,
        .scenario = scenario->name,
        .timeout_s = spec->timeout_s,
        .memory_bytes = spec->memory_bytes,
    };
    task->script.path = scenario->path;
    task->script.text = spec->sources[drive->next.scenario].text;
    task->script.seed = drive->next.seed;
    drive->has_next = false;
    drive->extras[index].pick = drive->pick;
    memset(&drive->pick, 0, sizeof drive->pick);
    if (drive->extras[index].pick.decisions != NULL) {
        take_decisions(drive, task, &drive->extras[index]);
    }
    if (drive->status != SWEEP_OK) {
        return;
    }
    drive->status = sweep_pool_start(drive->pool, task, drive->note);
    if (drive->status != SWEEP_OK) {
        drive->is_task_taken[index] = false;
        drive->driven->stop = SWEEP_STOP_BROKEN;
    }
}

/* ---- What became of it ------------------------------------------------------------------------------ */

static int work(void *context, void *job, int result_file)
{
    const struct drive *drive = context;
    return sweep_worker_run(job, drive->spec->clockwork, result_file);
}

static bool ended(void *context, const struct sweep_ended *ended)
{
    struct drive *drive = context;
    const struct sweep_drive_spec *spec = drive->spec;
    const struct sweep_task *task = ended->job;
    struct sweep_gathered gathered;
    struct extra *extra = &drive->extras[task - drive->tasks];
    drive->is_task_taken[task - drive->tasks] = false;
    drive->status = sweep_gather(ended, task, &gathered);
    if (drive->status == SWEEP_OK) {
        drive->status = sweep_seen_take(drive->seen, gathered.extra);
    }
    if (drive->status == SWEEP_OK && spec->explore != NULL) {
        drive->status = sweep_explore_ran(spec->explore, &extra->pick, &gathered.run);
    }
    if (drive->status == SWEEP_OK) {
        drive->status = sweep_db_add(spec->db, &gathered.run, drive->note);
    }
    if (drive->status != SWEEP_OK) {
        drive->driven->stop = SWEEP_STOP_BROKEN;
    } else {
        drive->driven->state.ran += 1;
        drive->driven->state.bad += gathered.run.end != SWEEP_END_PASS;
        spec->ran(spec->context, &gathered.run);
        if (spec->is_fail_fast && gathered.run.end != SWEEP_END_PASS) {
            drive->driven->stop = SWEEP_STOP_FAIL_FAST;
        }
    }
    clear_extra(extra, gathered.run.end != SWEEP_END_PASS);
    sweep_gathered_clear(&gathered);
    return drive->driven->stop == SWEEP_STOP_COMPLETE;
}

/* ---- The sitting ------------------------------------------------------------------------------------ */

static void note_time(struct drive *drive)
{
    const struct sweep_drive_spec *spec = drive->spec;
    struct sweep_driven *driven = drive->driven;
    driven->state.elapsed_s = spec->clockwork->now() - drive->began_s;
    if (driven->stop != SWEEP_STOP_COMPLETE) {
        return;
    }
    if (spec->is_interrupted()) {
        driven->stop = SWEEP_STOP_INTERRUPTED;
    } else if (spec->budget_s > 0 && driven->state.elapsed_s >= spec->budget_s &&
               (drive->has_next || sweep_pool_running(drive->pool) > 0)) {
        driven->stop = SWEEP_STOP_BUDGET;
    }
}

static void drive_on(struct drive *drive)
{
    struct sweep_driven *driven = drive->driven;
    for (;;) {
        find_next(drive);
        note_time(drive);
        bool is_done = !drive->has_next && sweep_pool_running(drive->pool) == 0;
        if (driven->stop != SWEEP_STOP_COMPLETE || is_done) {
            return;
        }
        drive->spec->tick(drive->spec->context, &driven->state);
        if (drive->has_next && sweep_pool_has_room(drive->pool)) {
            start_next(drive);
        } else {
            double left_s = drive->spec->budget_s > 0
                                ? drive->spec->budget_s - driven->state.elapsed_s
                                : TICK_S;
            (void)sweep_pool_wait(drive->pool, left_s < TICK_S ? left_s : TICK_S);
        }
    }
}

static bool remember(void *context, const struct sweep_run *run)
{
    struct drive *drive = context;
    drive->driven->state.found += 1;
    drive->status = sweep_explore_ran(drive->spec->explore, NULL, run);
    if (drive->status == SWEEP_OK) {
        drive->status = sweep_seen_add(drive->seen, run, NULL);
    }
    return drive->status == SWEEP_OK;
}

/* What earlier sittings learnt, the explorer learns from their results. */
static int remember_all(struct drive *drive)
{
    int status = sweep_db_each(drive->spec->db, remember, drive, drive->note);
    return status == SWEEP_OK ? drive->status : status;
}

int sweep_drive(const struct sweep_drive_spec *spec, struct sweep_driven *driven_out,
                char note_out[SWEEP_NOTE_BYTES])
{
    struct drive drive = {.spec = spec, .driven = driven_out, .note = note_out};
    struct sweep_pool_spec pool = {
        .jobs = spec->jobs,
        .kill_after_s = spec->timeout_s > 0 ? spec->timeout_s + GRACE_S : 0,
        .memory_bytes = spec->memory_bytes,
        .now = spec->clockwork->now,
        .work = work,
        .ended = ended,
        .context = &drive,
    };
    memset(driven_out, 0, sizeof *driven_out);
    note_out[0] = '\0';
    drive.began_s = spec->clockwork->now();
    driven_out->state.planned = spec->explore != NULL ? UINT64_MAX : sweep_plan_count(spec->plan);
    drive.tasks = calloc(spec->jobs, sizeof *drive.tasks);
    drive.is_task_taken = calloc(spec->jobs, sizeof *drive.is_task_taken);
    drive.extras = calloc(spec->jobs, sizeof *drive.extras);
    drive.seen = sweep_seen_new();
    drive.status = drive.tasks == NULL || drive.is_task_taken == NULL || drive.extras == NULL ||
                           drive.seen == NULL
                       ? SWEEP_ERR_NOMEM
                       : sweep_pool_new(&pool, &drive.pool);
    if (drive.status == SWEEP_OK) {
        drive.status = sweep_worker_warm();
    }
    if (drive.status == SWEEP_OK && spec->explore != NULL && spec->is_resumed) {
        drive.status = remember_all(&drive);
    }
    if (drive.status == SWEEP_OK) {
        drive_on(&drive);
    } else {
        driven_out->stop = SWEEP_STOP_BROKEN;
    }
    driven_out->state.elapsed_s = spec->clockwork->now() - drive.began_s;
    sweep_pool_free(drive.pool);
    sweep_pick_clear(&drive.pick);
    for (uint32_t index = 0; drive.extras != NULL && index < spec->jobs; index += 1) {
        clear_extra(&drive.extras[index], false);
    }
    free(drive.extras);
    sweep_seen_free(drive.seen);
    free(drive.tasks);
    free(drive.is_task_taken);
    return drive.status;
}
