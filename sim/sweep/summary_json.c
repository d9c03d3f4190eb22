/* The last line of `sweep --json`. */
#include <inttypes.h>

#include "sim/sweep/summary.h"

static json_t *make_count(uint64_t count)
{
    return json_integer(count > INT64_MAX ? INT64_MAX : (json_int_t)count);
}

/* Jansson's integers are signed; seeds beyond them are texts. */
static json_t *make_seed(uint64_t seed)
{
    char text[24];
    if (seed <= INT64_MAX) {
        return json_integer((json_int_t)seed);
    }
    (void)snprintf(text, sizeof text, "%" PRIu64, seed);
    return json_string(text);
}

static json_t *make_ends(const struct sweep_summary *summary)
{
    json_t *ends = json_object();
    for (int end = 0; end < SWEEP_END_COUNT; end++) {
        json_object_set_new(ends, sweep_end_name((enum sweep_end)end),
                            make_count(summary->ends[end]));
    }
    return ends;
}

static json_t *make_group(const struct sweep_group *group)
{
    json_t *scenarios = json_array();
    for (size_t i = 0; i < group->scenario_count; i++) {
        json_array_append_new(scenarios, json_string(group->scenarios[i]));
    }
    return json_pack("{ss ss ss so so so ss ss so ss ss ss sf}", "end", sweep_end_name(group->end),
                     "property", group->property, "place", group->place, "runs",
                     make_count(group->run_count), "first", make_count(group->first_count),
                     "scenarios", scenarios, "path", group->path, "scenario", group->scenario,
                     "seed", make_seed(group->seed), "repeat", group->repeat, "node", group->node,
                     "detail", group->detail, "time_s", group->time_s);
}

static json_t *make_groups(const struct sweep_summary *summary)
{
    json_t *list = json_array();
    for (size_t i = 0; i < sweep_groups_count(summary->groups); i++) {
        const struct sweep_group *group = sweep_groups_at(summary->groups, i);
        if (group == NULL || json_array_append_new(list, make_group(group)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *make_missing(const struct sweep_summary *summary)
{
    json_t *list = json_array();
    for (size_t i = 0; i < summary->missing.count; i++) {
        const struct sweep_range *range = &summary->missing.ranges[i];
        const struct sweep_scenario *scenario = &summary->plan->scenarios[range->scenario];
        json_array_append_new(
            list, json_pack("{ss ss s[oo] so}", "scenario", scenario->name, "path", scenario->path,
                            "seeds", make_seed(range->seed_first), make_seed(range->seed_last),
                            "runs", make_count(range->count)));
    }
    return list;
}

static json_t *make_unseen(const struct sweep_summary *summary)
{
    json_t *list = json_array();
    for (size_t i = 0; i < summary->plan->scenario_count; i++) {
        const struct sweep_scenario_sum *sum = &summary->scenarios[i];
        for (size_t k = 0; k < sum->name_count; k++) {
            if (!sum->names[k].is_reached) {
                json_array_append_new(list, json_pack("{ss ss}", "scenario",
                                                      summary->plan->scenarios[i].name, "name",
                                                      sum->names[k].name));
            }
        }
    }
    return list;
}

static json_t *make_reach(const struct sweep_summary *summary)
{
    json_t *groups = json_object();
    for (int index = 0; index < SIM_REACH_GROUP_COUNT; index++) {
        enum sim_reach_group group = (enum sim_reach_group)index;
        json_t *rows = json_object();
        for (size_t row = 0; row < sim_reach_row_count(group); row++) {
            if (summary->reach[index][row] > 0) {
                json_object_set_new(rows, sim_reach_row_name(group, row),
                                    make_count(summary->reach[index][row]));
            }
        }
        json_object_set_new(groups, sim_reach_group_name(group), rows);
    }
    return groups;
}

static json_t *make_shorts(const struct sweep_summary *summary)
{
    json_t *list = json_array();
    struct sweep_short row;
    size_t at = 0;
    while (sweep_summary_next_short(summary, &at, &row)) {
        json_array_append_new(list,
                              json_pack("{ss ss so so}", "group", sim_reach_group_name(row.group),
                                        "name", sim_reach_row_name(row.group, row.row), "count",
                                        make_count(row.count), "floor", make_count(row.floor)));
    }
    return list;
}

json_t *sweep_summary_json(const struct sweep_summary *summary)
{
    const struct sweep_plan *plan = summary->plan;
    return json_pack(
        "{sb so so s[oo] s[ii] so so so so so so so so so so so}", "summary", 1, "runs",
        make_count(summary->runs), "ends", make_ends(summary), "seeds", make_seed(plan->seed_first),
        make_seed(plan->seed_last), "shard", (int)plan->shard_index, (int)plan->shard_count,
        "scenarios", make_count(plan->scenario_count), "vacuous", make_count(summary->vacuous),
        "events", make_count(summary->events), "bytes_replicated",
        make_count(summary->bytes_replicated), "virtual_seconds", json_real(summary->virtual_s),
        "groups", make_groups(summary), "not_reached", make_missing(summary),
        "never_reached_states", make_unseen(summary), "reach", make_reach(summary), "under_floor",
        make_shorts(summary), "novelty", sweep_seen_json(summary->seen));
}
