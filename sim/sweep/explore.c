#include "sim/sweep/explore.h"

#include <stdlib.h>
#include <string.h>

#include "sim/sweep/mutate.h"

#define KEPT_MAX     64     /* lists of a scenario */
#define FRESH_EVENTS 3000.0 /* what a process costs, in events */
#define LATELY       0.5    /* how much the last run of an arm says of the next one */
#define AFTER_FIRST  0.1    /* what a second run promises, against the first */
#define ANY_ARM_OF   7      /* one pick of so many is any arm */
#define CELL_WORTH   10 /* a fault that met a state of the protocol for the first time, in states */
#define PROMISE      5.0 /* of a way that was never tried, against the one that was */

/* A way to run a scenario, and what it gave lately. */
struct arm {
    uint64_t runs;
    double worth, events; /* of a run, the latest counting most */
};

/* Decisions of a run that found something new. */
struct kept {
    json_t *decisions; /* owned */
    uint64_t worth;    /* of what it found; less with each pick, for that is its children's then */
};

struct scenario {
    uint64_t next_seed; /* the first that was not picked */
    bool is_over;       /* no seed is left */
    uint64_t picks;
    struct arm fresh, changed;
    struct kept kept[KEPT_MAX];
    size_t kept_count;
};

struct sweep_explore {
    const struct sweep_plan *plan;
    struct scenario *scenarios; /* owned; as in the plan */
    struct sweep_seen *seen;    /* owned */
    struct sweep_random random;
    struct sweep_explore_sum sum;
};

int sweep_explore_new(const struct sweep_plan *plan, struct sweep_explore **explore_out)
{
    struct sweep_explore *explore = calloc(1, sizeof *explore);
    if (explore == NULL) {
        return SWEEP_ERR_NOMEM;
    }
    explore->plan = plan;
    explore->random.state = plan->seed_first ^ (uint64_t)plan->shard_index << 32;
    explore->scenarios = calloc(plan->scenario_count + 1, sizeof *explore->scenarios);
    explore->seen = sweep_seen_new();
    if (explore->scenarios == NULL || explore->seen == NULL) {
        sweep_explore_free(explore);
        return SWEEP_ERR_NOMEM;
    }
    for (size_t index = 0; index < plan->scenario_count; index += 1) {
        explore->scenarios[index].next_seed = plan->seed_first;
        explore->scenarios[index].is_over = plan->scenarios[index].weight == 0;
    }
    *explore_out = explore;
    return SWEEP_OK;
}

void sweep_explore_free(struct sweep_explore *explore)
{
    if (explore == NULL) {
        return;
    }
    for (size_t index = 0; explore->scenarios != NULL && index < explore->plan->scenario_count;
         index += 1) {
        struct scenario *scenario = &explore->scenarios[index];
        for (size_t row = 0; row < scenario->kept_count; row += 1) {
            json_decref(scenario->kept[row].decisions);
        }
    }
    free(explore->scenarios);
    sweep_seen_free(explore->seen);
    free(explore);
}

void sweep_pick_clear(struct sweep_pick *pick)
{
    json_decref(pick->decisions);
    memset(pick, 0, sizeof *pick);
}

/* ---- Seeds ------------------------------------------------------------------------------------ */

static bool take_seed(struct sweep_explore *explore, size_t index,
                      bool (*is_done)(void *context, const char *path, uint64_t seed),
                      void *context, uint64_t *seed_out)
{
    struct scenario *scenario = &explore->scenarios[index];
    const char *path = explore->plan->scenarios[index].path;
    while (!scenario->is_over) {
        uint64_t seed = scenario->next_seed;
        scenario->is_over = seed >= explore->plan->seed_last;
        scenario->next_seed += 1;
        if (sweep_plan_has(explore->plan, path, seed, NULL) &&
            (is_done == NULL || !is_done(context, path, seed))) {
            *seed_out = seed;
            return true;
        }
    }
    return false;
}

/* ---- Arms ------------------------------------------------------------------------------------- */

static double worth_of(const struct arm *arm)
{
    return arm->worth / (arm->events + FRESH_EVENTS);
}

/* A way that was never tried promises more than the other one gave. */
static struct arm changed_of(const struct scenario *scenario)
{
    struct arm arm = scenario->changed;
    if (arm.runs == 0) {
        arm = scenario->fresh;
        arm.worth *= PROMISE;
    }
    return arm;
}

static double worth_of_changed(const struct scenario *scenario)
{
    struct arm arm = changed_of(scenario);
    return scenario->kept_count == 0 ? -1 : worth_of(&arm);
}

/* Each scenario first gets one run; then the arm that gave most. The first of equal ones. */
static bool best_arm(const struct sweep_explore *explore, size_t *index_out, bool *is_changed_out)
{
    double best = -1;
    bool is_found = false;
    for (size_t index = 0; index < explore->plan->scenario_count; index += 1) {
        const struct scenario *scenario = &explore->scenarios[index];
        if (scenario->is_over) {
            continue;
        }
        if (scenario->picks == 0) {
            *index_out = index;
            *is_changed_out = false;
            return true;
        }
        double fresh = worth_of(&scenario->fresh), changed = worth_of_changed(scenario);
        if (fresh > best || changed > best) {
            best = fresh > changed ? fresh : changed;
            *index_out = index;
            *is_changed_out = changed >= fresh;
            is_found = true;
        }
    }
    return is_found;
}

static bool any_arm(struct sweep_explore *explore, size_t *index_out, bool *is_changed_out)
{
    size_t left = 0;
    for (size_t index = 0; index < explore->plan->scenario_count; index += 1) {
        left += !explore->scenarios[index].is_over;
    }
    if (left == 0) {
        return false;
    }
    size_t chosen = sweep_random_below(&explore->random, left);
    for (size_t index = 0; index < explore->plan->scenario_count; index += 1) {
        const struct scenario *scenario = &explore->scenarios[index];
        if (!scenario->is_over && chosen-- == 0) {
            *index_out = index;
            *is_changed_out =
                scenario->kept_count > 0 && sweep_random_below(&explore->random, 2) == 0;
            return true;
        }
    }
    return false;
}

/* By what they found: one that found twice as much is taken twice as often. */
static struct kept *choose_kept(struct sweep_explore *explore, struct scenario *scenario)
{
    uint64_t total = 0;
    for (size_t row = 0; row < scenario->kept_count; row += 1) {
        total += scenario->kept[row].worth + 1;
    }
    uint64_t chosen = sweep_random_next(&explore->random) % total;
    for (size_t row = 0; row < scenario->kept_count; row += 1) {
        if (chosen <= scenario->kept[row].worth) {
            return &scenario->kept[row];
        }
        chosen -= scenario->kept[row].worth + 1;
    }
    return &scenario->kept[0];
}

static json_t *change_kept(struct sweep_explore *explore, struct scenario *scenario)
{
    struct kept *kept = choose_kept(explore, scenario);
    const struct kept *other =
        &scenario->kept[sweep_random_below(&explore->random, scenario->kept_count)];
    kept->worth -= kept->worth / 4;
    return sweep_mutate(kept->decisions, other->decisions, &explore->random);
}

bool sweep_explore_next(struct sweep_explore *explore,
                        bool (*is_done)(void *context, const char *path, uint64_t seed),
                        void *context, struct sweep_pick *pick_out)
{
    memset(pick_out, 0, sizeof *pick_out);
    for (;;) {
        size_t index = 0;
        bool is_changed = false;
        bool is_any = sweep_random_below(&explore->random, ANY_ARM_OF) == 0;
        if (is_any ? !any_arm(explore, &index, &is_changed)
                   : !best_arm(explore, &index, &is_changed)) {
            return false;
        }
        struct scenario *scenario = &explore->scenarios[index];
        if (take_seed(explore, index, is_done, context, &pick_out->item.seed)) {
            scenario->picks += 1;
            pick_out->item.scenario = index;
            pick_out->decisions = is_changed ? change_kept(explore, scenario) : NULL;
            return true;
        }
    }
}

/* ---- What came of it -------------------------------------------------------------------------- */

/* Almost all of what a first run shows is new, and little of what the next one will show. */
static void learn(struct arm *arm, double worth, double events)
{
    if (arm->runs == 0) {
        arm->worth = worth * AFTER_FIRST;
        arm->events = events;
    } else {
        arm->worth += (worth - arm->worth) * LATELY;
        arm->events += (events - arm->events) * LATELY;
    }
    arm->runs += 1;
}

/* Takes the place of the one that is worth least, when there is no other. */
static int keep(struct scenario *scenario, const json_t *decisions, uint64_t worth)
{
    json_t *list = sweep_mutate_applied(decisions);
    if (list == NULL || json_array_size(list) == 0) {
        json_decref(list);
        return list == NULL ? SWEEP_ERR_NOMEM : SWEEP_OK;
    }
    struct kept *place = &scenario->kept[0];
    if (scenario->kept_count < KEPT_MAX) {
        place = &scenario->kept[scenario->kept_count++];
    } else {
        for (size_t row = 1; row < KEPT_MAX; row += 1) {
            place = scenario->kept[row].worth < place->worth ? &scenario->kept[row] : place;
        }
        json_decref(place->decisions);
    }
    *place = (struct kept){list, worth};
    return SWEEP_OK;
}

int sweep_explore_ran(struct sweep_explore *explore, const struct sweep_pick *pick,
                      const struct sweep_run *run)
{
    size_t index = 0;
    uint64_t new_states = 0, cells_before = sweep_seen_cells(explore->seen);
    int status = sweep_seen_add(explore->seen, run, &new_states);
    uint64_t worth = new_states + CELL_WORTH * (sweep_seen_cells(explore->seen) - cells_before);
    if (status != SWEEP_OK || !sweep_plan_has(explore->plan, run->path, run->seed, &index)) {
        return status;
    }
    struct scenario *scenario = &explore->scenarios[index];
    bool is_changed = pick != NULL && pick->decisions != NULL;
    if (is_changed) {
        scenario->changed = changed_of(scenario);
    }
    scenario->picks += pick == NULL; /* of an earlier sitting */
    learn(is_changed ? &scenario->changed : &scenario->fresh, (double)worth,
          (double)json_integer_value(json_object_get(run->result, "events")));
    explore->sum.runs += 1;
    explore->sum.changed_runs += is_changed;
    explore->sum.changed_states += is_changed ? new_states : 0;
    const json_t *decisions = json_object_get(run->result, "decisions");
    return worth > 0 && json_array_size(decisions) > 0 ? keep(scenario, decisions, worth)
                                                       : SWEEP_OK;
}

const struct sweep_seen *sweep_explore_seen(const struct sweep_explore *explore)
{
    return explore->seen;
}

struct sweep_explore_sum sweep_explore_sum(const struct sweep_explore *explore)
{
    return explore->sum;
}
