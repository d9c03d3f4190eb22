/* replisim sweep: scenarios x seeds. Reads the command line and the files, opens what is to be written,
 * and leaves the runs to sim/sweep. */
#include "sim/cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/cli/decisions.h"
#include "sim/cli/sweep_view.h"
#include "sim/sweep/pool.h"
#include "sim/world.h"

#define SEED_LAST_DEFAULT  100
#define SEED_LAST_EXPLORED 1000000
#define TIMEOUT_DEFAULT_S  600
#define MEMORY_MIB_MIN     64

struct sweep {
    struct cli_scenarios files;
    /* By file; all owned. */
    struct sweep_source *sources;
    struct sweep_scenario *scenarios;
    char **names;
    size_t source_count;
    struct sweep_plan plan;
    const char **sets, **weights; /* owned arrays of borrowed texts */
    size_t set_count, weight_count;
    enum sim_property withouts[SIM_PROPERTY_COUNT];
    size_t without_count;
    uint32_t jobs;
    double timeout_s, budget_s;
    uint64_t memory_mib;
    const char *db_path, *junit_path;
    const char *curve_path;
    struct cli_file curve_file;
    struct sweep_seen *seen;       /* owned; for the curve */
    struct sweep_explore *explore; /* owned; NULL: the plan in its order */
    double began_s;
    uint64_t curve_runs;
    bool is_explored, has_seeds;
    bool is_fail_fast, is_resumed, is_forced, is_json, is_quiet, is_reach_demanded, is_sharded;
    struct cli_file junit_file;
    struct cli_progress progress;
};

/* ---- Options ------------------------------------------------------------------------------------------- */

enum {
    OPTION_SEEDS,
    OPTION_SET,
    OPTION_JOBS,
    OPTION_SHARD,
    OPTION_DB,
    OPTION_JUNIT,
    OPTION_TIMEOUT,
    OPTION_BUDGET,
    OPTION_MEMORY,
    OPTION_WEIGHT,
    OPTION_WITHOUT,
    OPTION_FAIL_FAST,
    OPTION_RESUME,
    OPTION_FORCE,
    OPTION_REACH,
    OPTION_EXPLORE,
    OPTION_CURVE,
    OPTION_JSON,
    OPTION_QUIET
};

static const struct cli_option options_known[] = {
    [OPTION_SEEDS] = {"--seeds", NULL, true},
    [OPTION_SET] = {"--set", NULL, true},
    [OPTION_JOBS] = {"--jobs", "-j", true},
    [OPTION_SHARD] = {"--shard", NULL, true},
    [OPTION_DB] = {"--db", NULL, true},
    [OPTION_JUNIT] = {"--junit", NULL, true},
    [OPTION_TIMEOUT] = {"--timeout", NULL, true},
    [OPTION_BUDGET] = {"--budget", NULL, true},
    [OPTION_MEMORY] = {"--memory", NULL, true},
    [OPTION_WEIGHT] = {"--weight", NULL, true},
    [OPTION_WITHOUT] = {"--without", NULL, true},
    [OPTION_FAIL_FAST] = {"--fail-fast", NULL, false},
    [OPTION_RESUME] = {"--resume", NULL, false},
    [OPTION_FORCE] = {"--force", NULL, false},
    [OPTION_EXPLORE] = {"--explore", NULL, false},
    [OPTION_CURVE] = {"--curve", NULL, true},
    [OPTION_REACH] = {"--reach", NULL, false},
    [OPTION_JSON] = {"--json", NULL, false},
    [OPTION_QUIET] = {"--quiet", "-q", false},
};

static bool refuse(const char *note)
{
    cli_error("replisim sweep: %s", note);
    return false;
}

static bool take_seconds(const char *name, const char *value, double *seconds_out)
{
    if (!cli_parse_seconds(value, seconds_out)) {
        cli_error("replisim sweep: %s %s: not a number of seconds above 0", name, value);
        return false;
    }
    return true;
}

static bool take_jobs(struct sweep *sweep, const char *value)
{
    uint64_t jobs = 0;
    if (!cli_parse_u64(value, &jobs) || jobs == 0 || jobs > SWEEP_JOBS_MAX) {
        cli_error("replisim sweep: --jobs %s: not a whole number from 1 to %d", value,
                  SWEEP_JOBS_MAX);
        return false;
    }
    sweep->jobs = (uint32_t)jobs;
    return true;
}

static bool take_memory(struct sweep *sweep, const char *value)
{
    if (!cli_parse_u64(value, &sweep->memory_mib) || sweep->memory_mib < MEMORY_MIB_MIN ||
        sweep->memory_mib > UINT64_MAX >> 20) {
        cli_error("replisim sweep: --memory %s: not a whole number of MiB, %d or more", value,
                  MEMORY_MIB_MIN);
        return false;
    }
#ifdef __SANITIZE_ADDRESS__
    cli_error("replisim sweep: --memory: AddressSanitizer needs all of the address space");
    return false;
#else
    return true;
#endif
}

static bool take_without(struct sweep *sweep, const char *value)
{
    enum sim_property property;
    if (!sim_property_parse(rp_view_text(value), &property)) {
        cli_error("replisim sweep: --without %s: no property of that name; see replisim list "
                  "properties",
                  value);
        return false;
    }
    for (size_t i = 0; i < sweep->without_count; i++) {
        if (sweep->withouts[i] == property) {
            return true;
        }
    }
    sweep->withouts[sweep->without_count++] = property;
    return true;
}

static bool take_pair(const char *name, const char *value, const char **pairs, size_t *count)
{
    if (strchr(value, '=') == NULL || value[0] == '=') {
        cli_error("replisim sweep: %s %s: is no %s=VALUE", name, value,
                  strcmp(name, "--set") == 0 ? "KEY" : "NAME");
        return false;
    }
    pairs[(*count)++] = value;
    return true;
}

static bool take_option(struct sweep *sweep, size_t option, const char *value)
{
    char note[SWEEP_NOTE_BYTES];
    struct sweep_plan *plan = &sweep->plan;
    switch (option) {
    case OPTION_SEEDS:
        sweep->has_seeds = true;
        return sweep_parse_seeds(value, &plan->seed_first, &plan->seed_last, note) || refuse(note);
    case OPTION_SHARD:
        sweep->is_sharded = true;
        return sweep_parse_shard(value, &plan->shard_index, &plan->shard_count, note) ||
               refuse(note);
    case OPTION_SET: return take_pair("--set", value, sweep->sets, &sweep->set_count);
    case OPTION_WEIGHT: return take_pair("--weight", value, sweep->weights, &sweep->weight_count);
    case OPTION_JOBS: return take_jobs(sweep, value);
    case OPTION_MEMORY: return take_memory(sweep, value);
    case OPTION_WITHOUT: return take_without(sweep, value);
    case OPTION_TIMEOUT: return take_seconds("--timeout", value, &sweep->timeout_s);
    case OPTION_BUDGET: return take_seconds("--budget", value, &sweep->budget_s);
    case OPTION_DB: sweep->db_path = value; return true;
    case OPTION_JUNIT: sweep->junit_path = value; return true;
    case OPTION_CURVE: sweep->curve_path = value; return true;
    case OPTION_EXPLORE: sweep->is_explored = true; return true;
    case OPTION_FAIL_FAST: sweep->is_fail_fast = true; return true;
    case OPTION_RESUME: sweep->is_resumed = true; return true;
    case OPTION_FORCE: sweep->is_resumed = sweep->is_forced = true; return true;
    case OPTION_REACH: sweep->is_reach_demanded = true; return true;
    case OPTION_JSON: sweep->is_json = true; return true;
    case OPTION_QUIET: sweep->is_quiet = true; return true;
    default: return false;
    }
}

/* A job of Kubernetes with an index, as part of so many. */
static bool take_environment(struct sweep *sweep)
{
    char text[128], note[SWEEP_NOTE_BYTES];
    const char *index = getenv("JOB_COMPLETION_INDEX"), *count = getenv("REPLISIM_SHARDS");
    if (sweep->is_sharded || index == NULL || count == NULL) {
        return true;
    }
    (void)snprintf(text, sizeof text, "%.50s/%.50s", index, count);
    if (!sweep_parse_shard(text, &sweep->plan.shard_index, &sweep->plan.shard_count, note)) {
        cli_error("replisim sweep: JOB_COMPLETION_INDEX and REPLISIM_SHARDS: %s", note);
        return false;
    }
    return true;
}

static bool check_options(const struct sweep *sweep)
{
    if (sweep->files.count == 0) {
        return refuse("no scenario named; see replisim sweep --help");
    }
    if (sweep->is_resumed && sweep->db_path == NULL) {
        return refuse("--resume needs --db FILE, where the first runs are");
    }
    if (sweep->is_explored && sweep->budget_s == 0 && !sweep->has_seeds) {
        return refuse("--explore goes on until --budget S is over; or say how many --seeds");
    }
    return true;
}

static bool read_options(struct sweep *sweep, int argc, char **argv)
{
    struct cli_arguments arguments = {
        .command = "sweep",
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
            if (!take_option(sweep, option, value)) {
                return false;
            }
            break;
        case CLI_ARGUMENT_WORD:
            if (!cli_scenarios_find(&sweep->files, value)) {
                return false;
            }
            break;
        case CLI_ARGUMENT_END:
            if (sweep->is_explored && !sweep->has_seeds) {
                sweep->plan.seed_last = SEED_LAST_EXPLORED;
            }
            return take_environment(sweep) && check_options(sweep);
        }
    }
}

/* ---- Scenarios ------------------------------------------------------------------------------------------ */

/* The same file under two names is one scenario. */
static bool is_known_file(const struct sweep *sweep, const char *path)
{
    struct stat about, other;
    if (stat(path, &about) != 0) {
        return false;
    }
    for (size_t i = 0; i < sweep->source_count; i++) {
        if (stat(sweep->sources[i].path, &other) == 0 && about.st_dev == other.st_dev &&
            about.st_ino == other.st_ino) {
            return true;
        }
    }
    return false;
}

/* Does the scenario take these parameters? Tells when it does not. */
static bool check_spec(const struct sweep *sweep, const struct sweep_source *source)
{
    char error[SCRIPT_TEXT_MAX];
    struct sim_world_spec spec;
    struct script_options options = {
        .path = source->path,
        .text = source->text,
        .sets = sweep->sets,
        .set_count = sweep->set_count,
        .seed = sweep->plan.seed_first,
    };
    if (script_read_spec(&options, &spec, error) != 0) {
        cli_error("%s", error);
        return false;
    }
    sim_world_spec_clear(&spec);
    return true;
}

/* A scenario that is wrong is told now; its runs are errors, and the others run. `is_sound_out`: it is not. */
static bool add_source(struct sweep *sweep, const char *path, bool *is_sound_out)
{
    struct script_about about;
    struct sweep_source *source = &sweep->sources[sweep->source_count];
    struct sweep_scenario *scenario = &sweep->scenarios[sweep->source_count];
    if (is_known_file(sweep, path)) {
        *is_sound_out = false;
        return true;
    }
    if (sweep_source_read(path, source) != SWEEP_OK) {
        return refuse("out of memory");
    }
    bool is_read = script_read_about(path, &about) == 0;
    if (!is_read) {
        cli_error("%s", about.error);
    }
    char *name = strdup(is_read && about.name != NULL ? about.name : path);
    script_about_clear(&about);
    sweep->names[sweep->source_count] = name;
    *scenario = (struct sweep_scenario){source->path, name, source->digest, 1};
    sweep->source_count += 1;
    *is_sound_out = is_read && check_spec(sweep, source);
    return name != NULL || refuse("out of memory");
}

static bool check_names(const struct sweep *sweep)
{
    for (size_t i = 0; i < sweep->source_count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(sweep->names[i], sweep->names[k]) == 0) {
                cli_error("replisim sweep: two scenarios are named %s: %s and %s", sweep->names[i],
                          sweep->sources[k].path, sweep->sources[i].path);
                return false;
            }
        }
    }
    return true;
}

static bool read_scenarios(struct sweep *sweep)
{
    size_t count = sweep->files.count + 1, sound_count = 0;
    sweep->sources = calloc(count, sizeof *sweep->sources);
    sweep->scenarios = calloc(count, sizeof *sweep->scenarios);
    sweep->names = calloc(count, sizeof *sweep->names);
    if (sweep->sources == NULL || sweep->scenarios == NULL || sweep->names == NULL) {
        return refuse("out of memory");
    }
    for (size_t i = 0; i < sweep->files.count; i++) {
        bool is_sound = false;
        if (!add_source(sweep, sweep->files.paths[i], &is_sound)) {
            return false;
        }
        sound_count += is_sound;
    }
    sweep->plan.scenarios = sweep->scenarios;
    sweep->plan.scenario_count = sweep->source_count;
    return sound_count > 0 && check_names(sweep);
}

static bool apply_weight(struct sweep *sweep, const char *pair)
{
    size_t length = strcspn(pair, "=");
    uint64_t weight = 0;
    if (!cli_parse_u64(pair + length + 1, &weight) || weight > SWEEP_WEIGHT_MAX) {
        cli_error("replisim sweep: --weight %s: not a whole number from 0 to %u", pair,
                  SWEEP_WEIGHT_MAX);
        return false;
    }
    for (size_t i = 0; i < sweep->source_count; i++) {
        if (strlen(sweep->names[i]) == length && memcmp(sweep->names[i], pair, length) == 0) {
            sweep->scenarios[i].weight = (uint32_t)weight;
            return true;
        }
    }
    cli_error("replisim sweep: --weight %s: no scenario of that name is in this sweep", pair);
    return false;
}

static bool make_plan(struct sweep *sweep)
{
    char note[SWEEP_NOTE_BYTES];
    for (size_t i = 0; i < sweep->weight_count; i++) {
        if (!apply_weight(sweep, sweep->weights[i])) {
            return false;
        }
    }
    return sweep_plan_check(&sweep->plan, note) == SWEEP_OK || refuse(note);
}

/* ---- The database ---------------------------------------------------------------------------------------- */

/* Owned; NULL: no memory. */
static char *make_scenarios_json(const struct sweep *sweep)
{
    json_t *list = json_array();
    for (size_t i = 0; i < sweep->source_count; i++) {
        const struct sweep_scenario *scenario = &sweep->scenarios[i];
        json_array_append_new(list, json_pack("{ss ss ss si}", "path", scenario->path, "name",
                                              scenario->name, "digest", scenario->digest, "weight",
                                              (int)scenario->weight));
    }
    char *text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    return text;
}

static char *make_params_json(const struct sweep *sweep)
{
    json_t *list = json_array();
    char text[128];
    for (size_t i = 0; i < sweep->set_count; i++) {
        json_array_append_new(list, json_string(sweep->sets[i]));
    }
    for (size_t i = 0; i < sweep->without_count; i++) {
        (void)snprintf(text, sizeof text, "--without %s", sim_property_name(sweep->withouts[i]));
        json_array_append_new(list, json_string(text));
    }
    if (sweep->memory_mib > 0) {
        (void)snprintf(text, sizeof text, "--memory %" PRIu64, sweep->memory_mib);
        json_array_append_new(list, json_string(text));
    }
    char *all = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    return all;
}

static struct sweep_db *open_db(const struct sweep *sweep)
{
    char version[128], note[SWEEP_NOTE_BYTES] = "out of memory";
    struct sweep_db *db = NULL;
    cli_version(version);
    struct sweep_identity identity = {
        .program = version,
        .scenarios_json = make_scenarios_json(sweep),
        .params_json = make_params_json(sweep),
        .seed_first = sweep->plan.seed_first,
        .seed_last = sweep->plan.seed_last,
        .shard_index = sweep->plan.shard_index,
        .shard_count = sweep->plan.shard_count,
    };
    enum sweep_db_mode mode = sweep->is_forced    ? SWEEP_DB_FORCE
                              : sweep->is_resumed ? SWEEP_DB_RESUME
                                                  : SWEEP_DB_NEW;
    if (identity.scenarios_json == NULL || identity.params_json == NULL ||
        sweep_db_open(sweep->db_path, &identity, mode, &db, note) != SWEEP_OK) {
        cli_error("replisim sweep: %s", note);
        db = NULL;
    }
    free((void *)(uintptr_t)identity.scenarios_json);
    free((void *)(uintptr_t)identity.params_json);
    return db;
}

/* ---- The sitting ------------------------------------------------------------------------------------------- */

/* elapsed_s,runs,states,cells,scenario,seed */
static void draw_curve(struct sweep *sweep, const struct sweep_run *run)
{
    if (sweep_seen_add(sweep->seen, run, NULL) == SWEEP_OK) {
        sweep->curve_runs += 1;
        fprintf(sweep->curve_file.file, "%.3f,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%s,%" PRIu64 "\n",
                cli_watch_now() - sweep->began_s, sweep->curve_runs, sweep_seen_states(sweep->seen),
                sweep_seen_cells(sweep->seen), run->scenario, run->seed);
    }
}

static void ran(void *context, const struct sweep_run *run)
{
    struct sweep *sweep = context;
    if (sweep->curve_file.file != NULL) {
        draw_curve(sweep, run);
    }
    if (sweep->is_json) {
        cli_progress_clear(&sweep->progress);
        printf("%s\n", run->line);
        /* Whoever reads along gets it now, and a kill loses none that is in the database. */
        (void)fflush(stdout);
    }
}

static void tick(void *context, const struct sweep_state *state)
{
    struct sweep *sweep = context;
    cli_progress_show(&sweep->progress, state);
}

/* Where changed decisions are kept: beside the database. */
static void name_folder(const struct sweep *sweep, char text_out[CLI_PATH_MAX])
{
    (void)snprintf(text_out, CLI_PATH_MAX, "%s.decisions",
                   sweep->db_path == NULL ? "replisim-explore" : sweep->db_path);
}

static bool read_list(const char *path, struct sim_decision **rows_out, size_t *count_out)
{
    struct cli_decisions decisions;
    bool is_read = cli_decisions_read(&decisions, path);
    *rows_out = decisions.rows;
    *count_out = decisions.count;
    return is_read;
}

static bool begin_exploring(struct sweep *sweep, const char *folder)
{
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        cli_error("replisim sweep: %s: %s", folder, strerror(errno));
        return false;
    }
    return sweep_explore_new(&sweep->plan, &sweep->explore) == SWEEP_OK || refuse("out of memory");
}

static bool drive(struct sweep *sweep, struct sweep_db *db, struct sweep_driven *driven)
{
    char note[SWEEP_NOTE_BYTES];
    static const struct sweep_clockwork clockwork = {
        .now = cli_watch_now,
        .begin = cli_watch_alarm,
        .watch = cli_watch_world,
        .is_timed_out = cli_watch_is_timed_out,
    };
    struct sweep_drive_spec spec = {
        .plan = &sweep->plan,
        .sources = sweep->sources,
        .script = {.sets = sweep->sets,
                   .set_count = sweep->set_count,
                   .withouts = sweep->withouts,
                   .without_count = sweep->without_count},
        .jobs = sweep->jobs,
        .timeout_s = sweep->timeout_s,
        .budget_s = sweep->budget_s,
        .memory_bytes = sweep->memory_mib << 20,
        .is_fail_fast = sweep->is_fail_fast,
        .is_resumed = sweep->is_resumed,
        .db = db,
        .clockwork = &clockwork,
        .is_interrupted = cli_watch_is_interrupted,
        .context = sweep,
        .ran = ran,
        .tick = tick,
    };
    char folder[CLI_PATH_MAX];
    const struct sweep_lists lists = {folder, read_list};
    name_folder(sweep, folder);
    if (sweep->is_explored) {
        if (!begin_exploring(sweep, folder)) {
            *driven = (struct sweep_driven){.stop = SWEEP_STOP_BROKEN};
            return false;
        }
        spec.explore = sweep->explore;
        spec.lists = &lists;
    }
    cli_progress_begin(&sweep->progress, sweep->is_quiet);
    cli_watch_begin(0);
    sweep->began_s = cli_watch_now();
    int status = sweep_drive(&spec, driven, note);
    cli_progress_clear(&sweep->progress);
    if (sweep->is_explored) {
        (void)rmdir(folder); /* empty: every list passed */
    }
    if (status != SWEEP_OK) {
        cli_error("replisim sweep: %s", note[0] == '\0' ? "out of memory" : note);
    }
    return status == SWEEP_OK;
}

/* ---- Afterwards -------------------------------------------------------------------------------------------- */

static bool print_json(const struct sweep_summary *summary, const struct sweep_driven *driven,
                       const struct cli_sweep_words *words)
{
    json_t *line = sweep_summary_json(summary);
    const struct sweep_state *state = &driven->state;
    if (line == NULL) {
        return false;
    }
    json_object_set_new(line, "exit_code", json_integer(words->code));
    json_object_set_new(line, "stop", json_string(cli_sweep_stop_name(driven->stop)));
    json_object_set_new(line, "jobs", json_integer((json_int_t)words->jobs));
    json_object_set_new(line, "ran", json_integer((json_int_t)state->ran));
    json_object_set_new(line, "wall_seconds", json_real(state->elapsed_s));
    json_object_set_new(
        line, "runs_per_second",
        json_real(state->elapsed_s > 0 ? (double)state->ran / state->elapsed_s : 0.0));
    bool is_printed =
        json_dumpf(line, stdout, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15)) == 0 &&
        putchar('\n') != EOF;
    json_decref(line);
    return is_printed;
}

/* What is told of a sweep that did not come to its end is told of what it came to. */
static int code_of(const struct sweep *sweep, const struct sweep_summary *summary,
                   const struct sweep_driven *driven)
{
    int code = sweep_summary_code(summary);
    if (driven->stop == SWEEP_STOP_INTERRUPTED) {
        return CLI_EXIT_INTERRUPTED;
    }
    if (driven->stop == SWEEP_STOP_BROKEN) {
        return CLI_EXIT_BROKEN;
    }
    if (sweep->is_reach_demanded && sweep_summary_short_count(summary) > 0 &&
        (code == CLI_EXIT_PASS || code == CLI_EXIT_WRONG)) {
        return CLI_EXIT_FAIL;
    }
    return code;
}

static void tell(const struct sweep *sweep, const struct sweep_summary *summary,
                 const struct sweep_driven *driven, int code)
{
    const char *actions = getenv("GITHUB_ACTIONS");
    struct cli_sweep_words words = {
        .jobs = sweep->jobs,
        .budget_s = sweep->budget_s,
        .is_quiet = sweep->is_quiet,
        .is_reach_listed = sweep->is_reach_demanded,
        .explore = sweep->explore,
        .code = code,
    };
    if (!sweep->is_json) {
        cli_sweep_print(summary, driven, &words, stdout);
    } else if (!print_json(summary, driven, &words)) {
        cli_error("replisim sweep: the summary could not be printed");
    }
    if (actions != NULL && strcmp(actions, "true") == 0) {
        (void)fflush(stdout);
        cli_sweep_annotate(summary, stderr);
    }
}

static bool write_junit(struct sweep *sweep, struct sweep_junit *junit)
{
    if (junit == NULL) {
        return true;
    }
    if (sweep_junit_write(junit, sweep->junit_file.file) != SWEEP_OK) {
        cli_error("%s: cannot be written", sweep->junit_path);
        return false;
    }
    return cli_file_commit(&sweep->junit_file);
}

static int sum_up(struct sweep *sweep, struct sweep_db *db, const struct sweep_driven *driven)
{
    char note[SWEEP_NOTE_BYTES] = "out of memory";
    struct sweep_summary summary;
    const struct sweep_state *state = &driven->state;
    struct sweep_junit *junit = sweep->junit_path == NULL ? NULL : sweep_junit_new("replisim");
    int code = CLI_EXIT_BROKEN;
    if (sweep_summary_build(&sweep->plan, sweep->sources, db, junit, &summary, note) != SWEEP_OK ||
        (sweep->junit_path != NULL && junit == NULL)) {
        cli_error("replisim sweep: %s", note);
    } else {
        code = code_of(sweep, &summary, driven);
        if (!write_junit(sweep, junit) && code == CLI_EXIT_PASS) {
            code = CLI_EXIT_WRONG;
        }
        tell(sweep, &summary, driven, code);
        double rate = state->elapsed_s > 0 ? (double)state->ran / state->elapsed_s : 0;
        if (driven->stop != SWEEP_STOP_BROKEN &&
            sweep_db_finish(db, state->elapsed_s, rate, summary.missing.count == 0, note) !=
                SWEEP_OK) {
            cli_error("replisim sweep: %s", note);
            code = CLI_EXIT_BROKEN;
        }
    }
    sweep_summary_clear(&summary);
    sweep_junit_free(junit);
    return code;
}

static int sweep_all(struct sweep *sweep)
{
    char note[SWEEP_NOTE_BYTES];
    struct sweep_driven driven;
    if (sweep->junit_path != NULL && !cli_file_open(&sweep->junit_file, sweep->junit_path)) {
        return CLI_EXIT_WRONG;
    }
    if (sweep->curve_path != NULL) {
        sweep->seen = sweep_seen_new();
        if (sweep->seen == NULL || !cli_file_open(&sweep->curve_file, sweep->curve_path)) {
            return CLI_EXIT_WRONG;
        }
        fputs("elapsed_s,runs,states,cells,scenario,seed\n", sweep->curve_file.file);
    }
    struct sweep_db *db = open_db(sweep);
    if (db == NULL) {
        return CLI_EXIT_WRONG;
    }
    (void)drive(sweep, db, &driven);
    int code = sum_up(sweep, db, &driven);
    if (sweep->curve_path != NULL && !cli_file_commit(&sweep->curve_file) &&
        code == CLI_EXIT_PASS) {
        code = CLI_EXIT_WRONG;
    }
    cli_watch_end();
    if (sweep_db_close(db, note) != SWEEP_OK) {
        cli_error("replisim sweep: %s", note);
        code = CLI_EXIT_BROKEN;
    }
    return code;
}

static void clear(struct sweep *sweep)
{
    cli_file_drop(&sweep->junit_file);
    cli_file_drop(&sweep->curve_file);
    sweep_explore_free(sweep->explore);
    sweep_seen_free(sweep->seen);
    for (size_t i = 0; i < sweep->source_count; i++) {
        sweep_source_clear(&sweep->sources[i]);
        free(sweep->names[i]);
    }
    free(sweep->sources);
    free(sweep->scenarios);
    free(sweep->names);
    free(sweep->sets);
    free(sweep->weights);
    cli_scenarios_clear(&sweep->files);
}

int cli_sweep(int argc, char **argv)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct sweep sweep = {
        .plan = {.seed_first = 1, .seed_last = SEED_LAST_DEFAULT, .shard_count = 1},
        .timeout_s = TIMEOUT_DEFAULT_S,
    };
    sweep.jobs = processors < 1                ? 1
                 : processors > SWEEP_JOBS_MAX ? SWEEP_JOBS_MAX
                                               : (uint32_t)processors;
    sweep.sets = calloc((size_t)argc + 1, sizeof *sweep.sets);
    sweep.weights = calloc((size_t)argc + 1, sizeof *sweep.weights);
    int code = CLI_EXIT_WRONG;
    if (sweep.sets == NULL || sweep.weights == NULL) {
        code = CLI_EXIT_BROKEN;
    } else if (read_options(&sweep, argc, argv) && read_scenarios(&sweep) && make_plan(&sweep)) {
        code = sweep_all(&sweep);
    }
    clear(&sweep);
    return code;
}
