#include "sim/sweep/summary.h"

#include <stdlib.h>
#include <string.h>

struct build {
    struct sweep_summary *summary; /* borrowed */
    struct sweep_junit *junit;     /* borrowed, or NULL */
    int status;
};

/* ---- Names of c:sometimes ---------------------------------------------------------------------------- */

static void note_name(struct sweep_summary *summary, struct sweep_scenario_sum *sum,
                      const char *name, bool is_reached)
{
    size_t low = 0, high = sum->name_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(sum->names[middle].name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < sum->name_count && strcmp(sum->names[low].name, name) == 0) {
        sum->names[low].is_reached = sum->names[low].is_reached || is_reached;
        return;
    }
    if (sum->name_count == SWEEP_NAMES_MAX) {
        return;
    }
    struct sweep_name *grown = realloc(sum->names, (sum->name_count + 1) * sizeof *grown);
    char *copy = grown == NULL ? NULL : strdup(name);
    sum->names = grown != NULL ? grown : sum->names;
    if (copy == NULL) {
        summary->is_out_of_memory = true;
        return;
    }
    memmove(grown + low + 1, grown + low, (sum->name_count - low) * sizeof *grown);
    grown[low] = (struct sweep_name){copy, is_reached};
    sum->name_count += 1;
}

static void note_names(struct sweep_summary *summary, struct sweep_scenario_sum *sum,
                       const json_t *list, bool is_reached)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (name != NULL) {
            note_name(summary, sum, name, is_reached);
        }
    }
}

/* ---- Runs -------------------------------------------------------------------------------------------- */

static uint64_t count_in(const json_t *object, const char *key)
{
    json_int_t count = json_integer_value(json_object_get(object, key));
    return count < 0 ? 0 : (uint64_t)count;
}

static void add_reach(struct sweep_summary *summary, const json_t *result)
{
    const json_t *groups = json_object_get(result, "reach");
    for (int index = 0; index < SIM_REACH_GROUP_COUNT; index++) {
        enum sim_reach_group group = (enum sim_reach_group)index;
        const json_t *rows = json_object_get(groups, sim_reach_group_name(group));
        for (size_t row = 0; row < sim_reach_row_count(group) && json_object_size(rows) > 0;
             row++) {
            summary->reach[index][row] += count_in(rows, sim_reach_row_name(group, row));
        }
    }
}

static void add_numbers(struct sweep_summary *summary, const struct sweep_run *run)
{
    const json_t *result = run->result;
    summary->runs += 1;
    summary->ends[run->end] += 1;
    summary->vacuous += json_is_true(json_object_get(result, "vacuous"));
    summary->events += count_in(result, "events");
    summary->bytes_replicated += count_in(result, "bytes_replicated");
    summary->virtual_s += json_number_value(json_object_get(result, "virtual_seconds"));
    summary->run_wall_s += run->wall_s;
    add_reach(summary, result);
}

static bool add_run(void *context, const struct sweep_run *run)
{
    struct build *build = context;
    struct sweep_summary *summary = build->summary;
    size_t scenario = 0;
    if (!sweep_plan_has(summary->plan, run->path, run->seed, &scenario)) {
        return true; /* of another sweep, which --force joined to this one */
    }
    struct sweep_scenario_sum *sum = &summary->scenarios[scenario];
    sum->runs += 1;
    add_numbers(summary, run);
    note_names(summary, sum, json_object_get(run->result, "reached"), true);
    note_names(summary, sum, json_object_get(run->result, "missed"), false);
    build->status = sweep_groups_add(summary->groups, run);
    if (build->status == SWEEP_OK) {
        build->status = sweep_seen_add(summary->seen, run, NULL);
    }
    if (build->status == SWEEP_OK && build->junit != NULL) {
        build->status = sweep_junit_add(build->junit, run);
    }
    return build->status == SWEEP_OK && !summary->is_out_of_memory;
}

/* ---- The whole --------------------------------------------------------------------------------------- */

static bool prepare(const struct sweep_plan *plan, struct sweep_summary *summary)
{
    bool is_good = true;
    memset(summary, 0, sizeof *summary);
    summary->plan = plan;
    summary->scenarios = calloc(plan->scenario_count + 1, sizeof *summary->scenarios);
    summary->groups = sweep_groups_new();
    summary->seen = sweep_seen_new();
    for (int group = 0; group < SIM_REACH_GROUP_COUNT; group++) {
        summary->reach[group] = calloc(sim_reach_row_count((enum sim_reach_group)group) + 1,
                                       sizeof *summary->reach[group]);
        is_good = is_good && summary->reach[group] != NULL;
    }
    return is_good && summary->scenarios != NULL && summary->groups != NULL &&
           summary->seen != NULL;
}

static bool has_run(void *context, const char *path, uint64_t seed)
{
    struct sweep_db *db = context;
    return sweep_db_has(db, path, seed);
}

/* States that stand in the file, of scenarios of which a run came back. */
static void note_written_names(struct sweep_summary *summary, const struct sweep_source *sources)
{
    for (size_t i = 0; i < summary->plan->scenario_count; i++) {
        for (size_t k = 0; k < sources[i].name_count && summary->scenarios[i].runs > 0; k++) {
            note_name(summary, &summary->scenarios[i], sources[i].names[k], false);
        }
    }
}

static int tell_missing(const struct sweep_summary *summary, struct sweep_junit *junit)
{
    int status = SWEEP_OK;
    for (size_t i = 0; i < summary->missing.count && status == SWEEP_OK;) {
        size_t scenario = summary->missing.ranges[i].scenario;
        uint64_t count = 0;
        for (; i < summary->missing.count && summary->missing.ranges[i].scenario == scenario; i++) {
            count += summary->missing.ranges[i].count;
        }
        status = sweep_junit_unreached(junit, summary->plan->scenarios[scenario].path,
                                       summary->plan->scenarios[scenario].name, count);
    }
    return status;
}

int sweep_summary_build(const struct sweep_plan *plan, const struct sweep_source *sources,
                        struct sweep_db *db, struct sweep_junit *junit,
                        struct sweep_summary *summary, char note_out[SWEEP_NOTE_BYTES])
{
    struct build build = {summary, junit, SWEEP_OK};
    if (!prepare(plan, summary)) {
        return SWEEP_ERR_NOMEM;
    }
    int status = sweep_db_each(db, add_run, &build, note_out);
    status = status == SWEEP_OK ? build.status : status;
    note_written_names(summary, sources);
    if (status == SWEEP_OK) {
        status = sweep_plan_missing(plan, summary->runs, has_run, db, &summary->missing);
    }
    if (status == SWEEP_OK && junit != NULL) {
        status = tell_missing(summary, junit);
    }
    return status == SWEEP_OK && summary->is_out_of_memory ? SWEEP_ERR_NOMEM : status;
}

void sweep_summary_clear(struct sweep_summary *summary)
{
    for (size_t i = 0; summary->scenarios != NULL && i < summary->plan->scenario_count; i++) {
        for (size_t k = 0; k < summary->scenarios[i].name_count; k++) {
            free(summary->scenarios[i].names[k].name);
        }
        free(summary->scenarios[i].names);
    }
    free(summary->scenarios);
    for (int group = 0; group < SIM_REACH_GROUP_COUNT; group++) {
        free(summary->reach[group]);
    }
    sweep_groups_free(summary->groups);
    sweep_seen_free(summary->seen);
    sweep_ranges_clear(&summary->missing);
    memset(summary, 0, sizeof *summary);
}

int sweep_summary_code(const struct sweep_summary *summary)
{
    static const int gravity[] = {3, 1, 2};
    for (size_t i = 0; i < sizeof gravity / sizeof gravity[0]; i++) {
        for (int end = 0; end < SWEEP_END_COUNT; end++) {
            if (summary->ends[end] > 0 && sweep_end_code((enum sweep_end)end) == gravity[i]) {
                return gravity[i];
            }
        }
    }
    return 0;
}

/* ---- Floors ------------------------------------------------------------------------------------------ */

bool sweep_summary_next_short(const struct sweep_summary *summary, size_t *at,
                              struct sweep_short *short_out)
{
    size_t base = 0;
    for (int index = 0; index < SIM_REACH_GROUP_COUNT; index++) {
        enum sim_reach_group group = (enum sim_reach_group)index;
        size_t rows = sim_reach_row_count(group);
        for (; *at < base + rows; *at += 1) {
            size_t row = *at - base;
            uint64_t floor = sim_reach_row_floor(group, row);
            if (summary->reach[index][row] < floor) {
                *short_out = (struct sweep_short){group, row, summary->reach[index][row], floor};
                *at += 1;
                return true;
            }
        }
        base += rows;
    }
    return false;
}

size_t sweep_summary_short_count(const struct sweep_summary *summary)
{
    struct sweep_short row;
    size_t at = 0, count = 0;
    while (sweep_summary_next_short(summary, &at, &row)) {
        count += 1;
    }
    return count;
}
