/* What is recorded of a run can be told again: every call that acts is known, recorded and accepted, and
 * the story told from the record is the same run. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/script.h"
#include "sim/script_call.h"
#include "sim/script_story.h"
#include "sim/shrink/story.h"
#include "sim/shrink/text.h"

#define STORY REPLISIM_SOURCE_DIR "/tests/sim/stories/every_call.lua"

static void run(const char *text, FILE *record, struct script_outcome *outcome)
{
    struct script_options options = {.path = STORY, .text = text, .seed = 7, .record = record};
    ck_assert_int_eq(script_run_file(&options, outcome), 0);
    const struct sim_result *result = outcome->result;
    bool has_violation = result != NULL && result->violation_count > 0;
    char told[3500];
    (void)snprintf(told, sizeof told, "%s", text == NULL ? "" : text);
    ck_assert_msg(outcome->end != SCRIPT_END_ERROR && outcome->end != SCRIPT_END_BROKEN, "%s\n%s",
                  outcome->error, told);
    ck_assert_msg(!has_violation || text == NULL, "%s: %s\n%s",
                  has_violation ? result->violations[0].property : "",
                  has_violation ? result->violations[0].detail : "", told);
}

/* A call without a row would be dropped from every small scenario without a word. */
START_TEST(every_call_is_known)
{
    for (const struct script_method_table *table = script_method_tables; table->object != NULL;
         table += 1) {
        for (const luaL_Reg *method = table->methods; method->name != NULL; method += 1) {
            ck_assert_msg(script_call_of(table->object, method->name) != SCRIPT_CALL_UNKNOWN,
                          "%s:%s is not in sim/script_call.c", table->object, method->name);
        }
    }
    ck_assert_int_eq(script_call_of("c", "nonsense"), SCRIPT_CALL_UNKNOWN);
    ck_assert_int_eq(script_call_named("flush", 5), SCRIPT_CALL_WORK);
    ck_assert_int_eq(script_call_named("stop", 4), SCRIPT_CALL_FAULT);
}
END_TEST

static bool is_recorded(const struct shrink_story *story, const char *object, const char *method)
{
    char words[64];
    (void)snprintf(words, sizeof words, ":%s", method);
    size_t length = strlen(words);
    for (size_t row = 0; row < story->call_count; row += 1) {
        const char *lua = story->calls[row].lua;
        const char *at = strstr(lua, words);
        bool is_whole = at != NULL && strchr("({", at[length]) != NULL;
        bool is_net = strstr(lua, ".net:") != NULL;
        bool is_node = strstr(lua, ":node(") != NULL;
        bool is_attacker = strncmp(lua, "attacker_", 9) == 0;
        bool is_object = strcmp(object, "c.net") == 0 ? is_net
                         : strcmp(object, "n") == 0   ? is_node
                         : strcmp(object, "a") == 0   ? is_attacker
                                                      : !is_net && !is_node && !is_attacker;
        if (is_whole && is_object && !story->calls[row].is_decision) {
            return true;
        }
    }
    return false;
}

static void check_recorded(const struct shrink_story *story)
{
    for (const struct script_method_table *table = script_method_tables; table->object != NULL;
         table += 1) {
        for (const luaL_Reg *method = table->methods; method->name != NULL; method += 1) {
            enum script_call call = script_call_of(table->object, method->name);
            bool is_acting =
                call == SCRIPT_CALL_FAULT || call == SCRIPT_CALL_WORK || call == SCRIPT_CALL_WAIT;
            ck_assert_msg(!is_acting || is_recorded(story, table->object, method->name),
                          "%s:%s was not recorded", table->object, method->name);
        }
    }
}

/* Recording changes nothing, and what is told again comes to the same end with the same files. */
START_TEST(what_is_told_again_is_the_same_run)
{
    struct script_outcome plain, recorded, told;
    struct shrink_story story;
    FILE *record = tmpfile();
    ck_assert_ptr_nonnull(record);
    run(NULL, NULL, &plain);
    run(NULL, record, &recorded);
    ck_assert_uint_eq(plain.result->fingerprint.low, recorded.result->fingerprint.low);
    rewind(record);
    shrink_story_read(&story, record, "", "");
    ck_assert_int_eq(fclose(record), 0);
    check_recorded(&story);
    const struct shrink_telling telling = {.cut_ns = UINT64_MAX};
    char *text = shrink_story_tell(&story, &telling);
    run(text, NULL, &told);
    ck_assert_uint_eq(told.result->files, plain.result->files);
    ck_assert_uint_eq(told.result->nodes, plain.result->nodes);
    double apart_s = told.result->virtual_seconds - plain.result->virtual_seconds;
    ck_assert_msg(apart_s > -1 && apart_s < 1, "%f s apart", apart_s);
    free(text);
    shrink_story_clear(&story);
    script_outcome_clear(&plain);
    script_outcome_clear(&recorded);
    script_outcome_clear(&told);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shrink record");
    TCase *record = tcase_create("record");
    tcase_set_timeout(record, 120);
    tcase_add_test(record, every_call_is_known);
    tcase_add_test(record, what_is_told_again_is_the_same_run);
    suite_add_tcase(suite, record);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
