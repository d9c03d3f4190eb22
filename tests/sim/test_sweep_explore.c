#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sweep/explore.h"
#include "sim/sweep/mutate.h"

static const struct sweep_scenario SCENARIOS[] = {
    {"dull.lua", "dull", "00", 1}, {"rich.lua", "rich", "01", 1}, {"off.lua", "off", "02", 0}};

static struct sweep_plan make_plan(uint64_t seed_last)
{
    return (struct sweep_plan){.scenarios = SCENARIOS,
                               .scenario_count = 3,
                               .seed_first = 1,
                               .seed_last = seed_last,
                               .shard_count = 1};
}

/* ---- Changed lists ------------------------------------------------------------------------------ */

static json_t *make_list(size_t count)
{
    json_t *list = json_array();
    for (size_t row = 0; row < count; row += 1) {
        json_array_append_new(
            list, json_pack("{si ss ss s[s] s{si} sI sI sb ss}", "index", (int)row, "kind",
                            row % 2 == 0 ? "kill" : "pause", "variant", "pod", "nodes",
                            row % 3 == 0 ? "reader-1" : "writer-1", "values", "ms", 5, "at_ns",
                            (json_int_t)(1 + row) * 1000000000, "for_ns", (json_int_t)5000000000,
                            "applied", row % 4 != 3, "lua", "c:at()"));
    }
    return list;
}

/* Only what was applied can be replayed; its line of Lua no longer holds when it is changed. */
START_TEST(applied_ones_are_kept_without_their_lua)
{
    json_t *list = make_list(8);
    json_t *applied = sweep_mutate_applied(list);
    ck_assert_uint_eq(json_array_size(applied), 6);
    ck_assert_ptr_null(json_object_get(json_array_get(applied, 0), "lua"));
    ck_assert_ptr_nonnull(json_object_get(json_array_get(list, 0), "lua"));
    json_decref(applied);
    json_decref(list);
}
END_TEST

/* Whatever is drawn, a list is in order, on whole milliseconds, numbered, no longer than allowed, and names a
 * node once in a decision; the parents stay as they were. */
START_TEST(changed_lists_are_sound)
{
    struct sweep_random random = {(uint64_t)_i};
    json_t *list = make_list(_i % 7 == 0 ? 300 : 1 + (size_t)_i % 12);
    json_t *other = _i % 5 == 0 ? json_array() : make_list(9);
    json_t *before = json_deep_copy(list);
    json_t *changed = sweep_mutate(list, other, &random);
    json_int_t at_ns = 0;
    ck_assert_ptr_nonnull(changed);
    ck_assert_uint_le(json_array_size(changed), SWEEP_MUTATE_DECISIONS_MAX);
    for (size_t row = 0; row < json_array_size(changed); row += 1) {
        const json_t *decision = json_array_get(changed, row);
        json_int_t this_ns = json_integer_value(json_object_get(decision, "at_ns"));
        ck_assert_int_ge(this_ns, at_ns);
        ck_assert_int_gt(this_ns, 0);
        ck_assert_int_eq(this_ns % 1000000, 0);
        ck_assert_int_eq(json_integer_value(json_object_get(decision, "for_ns")) % 1000000, 0);
        ck_assert_int_eq(json_integer_value(json_object_get(decision, "index")), (json_int_t)row);
        ck_assert_uint_eq(json_array_size(json_object_get(decision, "nodes")), 1);
        at_ns = this_ns;
    }
    ck_assert(json_equal(list, before));
    json_decref(before);
    json_decref(changed);
    json_decref(other);
    json_decref(list);
}
END_TEST

/* ---- What is picked ----------------------------------------------------------------------------- */

/* A world where the rich scenario always finds something new, and its changed runs twice as much. */
struct story {
    struct sweep_explore *explore;
    uint64_t next_state;
    size_t rich, dull, changed;
    uint64_t digest;
};

static void feed(struct story *story, const struct sweep_pick *pick)
{
    bool is_rich = pick->item.scenario == 1;
    size_t fresh_count = !is_rich ? 0 : pick->decisions != NULL ? 20 : 10;
    json_t *states = json_array();
    for (size_t row = 0; row < fresh_count + 3; row += 1) {
        char text[17];
        uint64_t state = row < 3 ? row + 1 : 1000 + story->next_state++;
        (void)snprintf(text, sizeof text, "%llx", (unsigned long long)state);
        json_array_append_new(states, json_string(text));
    }
    json_t *extra =
        json_pack("{s:o, s:[[s,s,i]]}", "states", states, "cells", "kill", "pull.begun", 2);
    json_t *result =
        json_pack("{s:i, s:o}", "events", 1000, "decisions", is_rich ? make_list(5) : json_array());
    const struct sweep_run run = {.path = SCENARIOS[pick->item.scenario].path,
                                  .scenario = SCENARIOS[pick->item.scenario].name,
                                  .seed = pick->item.seed,
                                  .result = result,
                                  .line = "",
                                  .extra = extra};
    ck_assert_int_eq(sweep_explore_ran(story->explore, pick, &run), SWEEP_OK);
    story->rich += is_rich;
    story->dull += !is_rich;
    story->changed += pick->decisions != NULL;
    story->digest = story->digest * 31 + pick->item.seed * 2 + is_rich;
    json_decref(extra);
    json_decref(result);
}

static size_t tell(struct story *story, const struct sweep_plan *plan, size_t count)
{
    size_t picked = 0;
    struct sweep_pick pick;
    memset(story, 0, sizeof *story);
    ck_assert_int_eq(sweep_explore_new(plan, &story->explore), SWEEP_OK);
    while (picked < count && sweep_explore_next(story->explore, NULL, NULL, &pick)) {
        ck_assert_uint_ne(pick.item.scenario, 2);
        feed(story, &pick);
        sweep_pick_clear(&pick);
        picked += 1;
    }
    return picked;
}

/* What gives more is run more, changed decisions of it above all; the other is not forgotten, and the same
 * results lead to the same picks. */
START_TEST(what_gives_new_states_is_run_again)
{
    const struct sweep_plan plan = make_plan(1000);
    struct story story, again;
    ck_assert_uint_eq(tell(&story, &plan, 400), 400);
    ck_assert_uint_gt(story.rich, 300);
    ck_assert_uint_gt(story.dull, 10);
    ck_assert_uint_gt(story.changed, 200);
    struct sweep_explore_sum sum = sweep_explore_sum(story.explore);
    ck_assert_uint_eq(sum.runs, 400);
    ck_assert_uint_eq(sum.changed_runs, story.changed);
    ck_assert_uint_eq(sum.changed_states, story.changed * 20);
    const struct sweep_seen *seen = sweep_explore_seen(story.explore);
    ck_assert_uint_eq(sweep_seen_states(seen), story.next_state + 3);
    ck_assert_uint_eq(sweep_seen_cells(seen), 1);
    ck_assert_uint_eq(sweep_seen_cell(seen, SIM_NOVELTY_KILL, SIM_REACH_PULL_BEGUN), 800);
    (void)tell(&again, &plan, 400);
    ck_assert_uint_eq(again.digest, story.digest);
    sweep_explore_free(story.explore);
    sweep_explore_free(again.explore);
}
END_TEST

/* Each run is one of the plan, once: when all seeds are picked there is none any more. */
START_TEST(picks_end_with_the_seeds)
{
    const struct sweep_plan plan = make_plan(15);
    struct story story;
    ck_assert_uint_eq(tell(&story, &plan, 1000), 30);
    ck_assert_uint_eq(story.rich, 15);
    sweep_explore_free(story.explore);
}
END_TEST

static bool is_low(void *context, const char *path, uint64_t seed)
{
    (void)context;
    (void)path;
    return seed <= 10;
}

/* Runs of an earlier sitting are passed over. */
START_TEST(what_is_done_is_not_picked)
{
    const struct sweep_plan plan = make_plan(12);
    struct sweep_explore *explore;
    struct sweep_pick pick;
    size_t picked = 0;
    ck_assert_int_eq(sweep_explore_new(&plan, &explore), SWEEP_OK);
    while (sweep_explore_next(explore, is_low, NULL, &pick)) {
        ck_assert_uint_gt(pick.item.seed, 10);
        sweep_pick_clear(&pick);
        picked += 1;
    }
    ck_assert_uint_eq(picked, 4);
    sweep_explore_free(explore);
}
END_TEST

/* ---- What was seen ------------------------------------------------------------------------------ */

/* The table names what never met, and kinds that no run had. */
START_TEST(empty_cells_are_listed)
{
    struct sweep_seen *seen = sweep_seen_new();
    json_t *extra = json_pack("{s:[s,s,s], s:[[s,s,i],[s,s,i]]}", "states", "ff", "fe", "ff",
                              "cells", "kill", "pull.begun", 2, "none", "no.such.state", 1);
    const struct sweep_run run = {.extra = extra};
    const struct sweep_run bare = {.extra = NULL};
    uint64_t new_states = 7;
    char text[16384] = "";
    ck_assert_int_eq(sweep_seen_add(seen, &run, &new_states), SWEEP_OK);
    ck_assert_uint_eq(new_states, 2);
    ck_assert_int_eq(sweep_seen_add(seen, &bare, &new_states), SWEEP_OK);
    ck_assert_uint_eq(new_states, 0);
    FILE *file = tmpfile();
    sweep_seen_print(seen, file);
    rewind(file);
    ck_assert_uint_gt(fread(text, 1, sizeof text - 1, file), 0);
    ck_assert_ptr_nonnull(strstr(text, "  kill        1 of "));
    ck_assert_ptr_nonnull(strstr(text, " pull.attempt"));
    ck_assert_ptr_null(strstr(text, " pull.begun"));
    ck_assert_ptr_nonnull(strstr(text, "  never active: none partition isolate"));
    json_t *json = sweep_seen_json(seen);
    ck_assert_int_eq(json_integer_value(json_object_get(json, "states")), 2);
    const json_t *kill = json_object_get(json_object_get(json, "cells"), "kill");
    ck_assert_int_eq(json_integer_value(json_object_get(kill, "pull.begun")), 2);
    ck_assert_ptr_nonnull(json_object_get(kill, "pull.dial"));
    json_decref(json);
    json_decref(extra);
    fclose(file);
    sweep_seen_free(seen);
}
END_TEST

/* What was there before is taken out of a run's second line, so that it is stored once. */
START_TEST(known_states_are_taken_out)
{
    struct sweep_seen *seen = sweep_seen_new();
    json_t *first = json_pack("{s:[s,s]}", "states", "a", "b");
    json_t *second = json_pack("{s:[s,s,s]}", "states", "b", "c", "a");
    ck_assert_int_eq(sweep_seen_take(seen, first), SWEEP_OK);
    ck_assert_int_eq(sweep_seen_take(seen, second), SWEEP_OK);
    ck_assert_int_eq(sweep_seen_take(seen, NULL), SWEEP_OK);
    ck_assert_uint_eq(json_array_size(json_object_get(first, "states")), 2);
    const json_t *left = json_object_get(second, "states");
    ck_assert_uint_eq(json_array_size(left), 1);
    ck_assert_str_eq(json_string_value(json_array_get(left, 0)), "c");
    ck_assert_uint_eq(sweep_seen_states(seen), 3);
    json_decref(first);
    json_decref(second);
    sweep_seen_free(seen);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sweep_explore");
    TCase *tcase = tcase_create("sweep_explore");
    tcase_add_test(tcase, applied_ones_are_kept_without_their_lua);
    tcase_add_loop_test(tcase, changed_lists_are_sound, 0, 200);
    tcase_add_test(tcase, what_gives_new_states_is_run_again);
    tcase_add_test(tcase, picks_end_with_the_seeds);
    tcase_add_test(tcase, what_is_done_is_not_picked);
    tcase_add_test(tcase, empty_cells_are_listed);
    tcase_add_test(tcase, known_states_are_taken_out);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
