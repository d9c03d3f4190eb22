/* Tests of what makes a text smaller, without a run: the search over parts, the shape of Lua, what may be
 * taken out, what is weaker. */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/shrink/reduce.h"
#include "sim/shrink/text.h"
#include "sim/shrink/tree.h"
#include "sim/shrink/units.h"
#include "sim/shrink/weaken.h"

#define ROWS(table)  ((int)(sizeof(table) / sizeof(table)[0]))
#define ELEMENTS_MAX 64

/* ---- Parts ------------------------------------------------------------------------------------ */

/* A part does it when it holds all of one of these sets. */
struct reduction_row {
    const char *name;
    size_t count;
    uint64_t needed[2]; /* sets as bits; 0: there is no such set */
    bool is_needless;   /* nothing is needed */
    size_t left;
};

static const struct reduction_row reductions[] = {
    {"nothing", 40, {0}, true, 0},
    {"the first", 40, {1}, false, 1},
    {"the last of 41", 41, {UINT64_C(1) << 40}, false, 1},
    {"the only one", 1, {1}, false, 1},
    {"two far apart", 64, {UINT64_C(0x8000000000000001)}, false, 2},
    {"all", 7, {0x7F}, false, 7},
    {"every other", 16, {0x5555}, false, 8},
    {"the smaller of two", 32, {0x00FF0000, 0x2}, false, 1},
};

struct oracle {
    const struct reduction_row *row;
    size_t asked;
};

static size_t first_part(void *context, const bool *parts, size_t part_count, size_t count)
{
    struct oracle *oracle = context;
    for (size_t part = 0; part < part_count; part += 1) {
        uint64_t bits = 0;
        oracle->asked += 1;
        for (size_t at = 0; at < count; at += 1) {
            bits |= (uint64_t)parts[part * count + at] << at;
        }
        bool does_it = oracle->row->is_needless;
        for (int set = 0; set < 2; set += 1) {
            uint64_t needed = oracle->row->needed[set];
            does_it = does_it || (needed != 0 && (bits & needed) == needed);
        }
        if (does_it) {
            return part;
        }
    }
    return part_count;
}

static size_t reduce_row(const struct reduction_row *row, bool kept[ELEMENTS_MAX], size_t *asked)
{
    struct oracle oracle = {row, 0};
    struct shrink_question question = {&oracle, first_part, NULL};
    size_t left = 0;
    memset(kept, true, ELEMENTS_MAX * sizeof *kept);
    ck_assert(shrink_reduce(&question, kept, row->count));
    for (size_t at = 0; at < row->count; at += 1) {
        left += kept[at];
    }
    *asked = oracle.asked;
    return left;
}

/* What is left does it, and nothing of it can go; the same answers give the same part. */
START_TEST(what_is_left_is_needed)
{
    const struct reduction_row *row = &reductions[_i];
    bool kept[ELEMENTS_MAX], again[ELEMENTS_MAX];
    size_t asked = 0, asked_again = 0;
    ck_assert_msg(reduce_row(row, kept, &asked) == row->left, "%s: another number left", row->name);
    ck_assert_uint_eq(reduce_row(row, again, &asked_again), row->left);
    ck_assert_int_eq(memcmp(kept, again, sizeof kept), 0);
    ck_assert_uint_eq(asked, asked_again);
    struct oracle oracle = {row, 0};
    ck_assert_uint_eq(first_part(&oracle, kept, 1, row->count), 0);
}
END_TEST

/* A kill and its start: neither goes alone. */
static size_t first_even(void *context, const bool *parts, size_t part_count, size_t count)
{
    (void)context;
    for (size_t part = 0; part < part_count; part += 1) {
        const bool *kept = parts + part * count;
        if (kept[0] == kept[5] && kept[2]) {
            return part;
        }
    }
    return part_count;
}

START_TEST(what_only_goes_in_pairs_goes)
{
    bool kept[6] = {true, false, true, false, false, true};
    struct shrink_question question = {NULL, first_even, NULL};
    ck_assert(shrink_reduce(&question, kept, 6));
    ck_assert(!kept[0] && kept[2] && !kept[5]);
}
END_TEST

/* One of forty is found with few questions, or a failing night of trouble is never made small. */
START_TEST(one_of_many_is_found_soon)
{
    bool kept[ELEMENTS_MAX];
    size_t asked = 0;
    ck_assert_uint_eq(reduce_row(&reductions[2], kept, &asked), 1);
    ck_assert_uint_lt(asked, 20);
}
END_TEST

/* ---- Shape ------------------------------------------------------------------------------------ */

struct shape_row {
    const char *name, *text;
    bool is_parsed;
};

static const struct shape_row shapes[] = {
    {"nothing", "", true},
    {"comments", "-- a\n--[[ b\n ]] --[==[ ]] ]==] return 1", true},
    {"strings", "return 'a\\'b', \"c\\\\\", [[d]], [=[e]]]=]", true},
    {"numbers", "return 1, 0x1p-4, 1e+9, .5, 3..2", true},
    {"a table", "return { a = 1, ['b'] = 2; 3, function() end, }", true},
    {"calls without brackets", "f'a' f{1} f[[b]] a.b:c{ 'd' }:e'f'", true},
    {"operators", "return not -#a ~ b // c ^ d .. e == f and g or h >> 1", true},
    {"blocks", "while a do repeat local b <const> = 1 until b if c then elseif d then else end end",
     true},
    {"loops and labels", "for i = 1, 2, 3 do goto x ::x:: end for k, v in pairs(t) do break end",
     true},
    {"functions", "function a.b:c(...) return ... end local function d() return end", true},
    {"an open table", "return { a = 1", false},
    {"an open string", "return 'a", true}, /* Lua itself says no */
    {"an end too many", "do end end", false},
    {"a statement that is none", "1 = 2", false},
};

START_TEST(a_text_that_lua_takes_is_parsed)
{
    struct shrink_tree tree;
    bool is_parsed = shrink_tree_parse(shapes[_i].text, &tree);
    ck_assert_msg(is_parsed == shapes[_i].is_parsed, "%s", shapes[_i].name);
    shrink_tree_clear(&tree);
}
END_TEST

/* Depth is bounded: such a text is refused, and no stack overflows. */
START_TEST(a_text_too_deep_is_refused)
{
    static char text[100002];
    struct shrink_tree tree;
    memset(text, '(', sizeof text - 1);
    ck_assert(!shrink_tree_parse(text, &tree));
    memset(text, '{', sizeof text - 1);
    memcpy(text, "return ", 7);
    ck_assert(!shrink_tree_parse(text, &tree));
}
END_TEST

static void parse_folder(const char *folder, size_t *count)
{
    DIR *listing = opendir(folder);
    ck_assert_ptr_nonnull(listing);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        char path[1024];
        size_t length = strlen(entry->d_name);
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (length > 4 && strcmp(entry->d_name + length - 4, ".lua") == 0) {
            static char text[1 << 18];
            struct shrink_tree tree;
            FILE *file = fopen(path, "rb");
            ck_assert_ptr_nonnull(file);
            size_t bytes = fread(text, 1, sizeof text - 1, file);
            ck_assert_int_eq(fclose(file), 0);
            text[bytes] = '\0';
            ck_assert_msg(shrink_tree_parse(text, &tree), "%s is not parsed", path);
            shrink_tree_clear(&tree);
            *count += 1;
        } else if (entry->d_name[0] != '.' && strchr(entry->d_name, '.') == NULL) {
            parse_folder(path, count);
        }
    }
    ck_assert_int_eq(closedir(listing), 0);
}

/* All that is Lua here. */
START_TEST(every_scenario_is_parsed)
{
    size_t count = 0;
    parse_folder(REPLISIM_SOURCE_DIR "/scenarios", &count);
    ck_assert_uint_gt(count, 100);
}
END_TEST

/* ---- Units ------------------------------------------------------------------------------------ */

struct unit_row {
    const char *name, *text;
    enum shrink_unit unit;
    size_t depth;
    const char *without; /* all of them */
};

static const struct unit_row units[] = {
    {"faults alone", "n:kill() c:flush() c.net:heal()", SHRINK_UNIT_FAULTS, 0, "c:flush()"},
    {"a fault with its end", "c:at(1, function() n:kill() c:sleep(1) n:start() end)\nc:flush()",
     SHRINK_UNIT_FAULTS, 0, "c:flush()"},
    {"a fault among work", "if a then c:flush() n:kill() end", SHRINK_UNIT_FAULTS, 0,
     "if a then c:flush() end"},
    {"what a judgement asks", "local function f() n:kill() end c:check(c:now() > 1)",
     SHRINK_UNIT_FAULTS, 0, "c:check(c:now() > 1)"},
    {"inside a judgement", "c:always('x', function() g() return c:now() end)",
     SHRINK_UNIT_STATEMENTS, 1, "c:always('x', function() g() return c:now() end)"},
    {"table.remove is none", "table.remove(t) c:check(1)", SHRINK_UNIT_FAULTS, 0,
     "table.remove(t) c:check(1)"},
    {"random trouble", "c:nemesis{ max_down = 1 }\nc:flush()", SHRINK_UNIT_FAULTS, 0, "c:flush()"},
    {"statements outside", "local a = 1\nreturn { name = 'x' }", SHRINK_UNIT_STATEMENTS, 0,
     "return { name = 'x' }"},
    {"a name that is used", "local a, b\nlocal d\nb = 1", SHRINK_UNIT_STATEMENTS, 0,
     "local a, b\n"},
    {"statements inside", "return function()\n  a()\n  b()\nend", SHRINK_UNIT_STATEMENTS, 1,
     "return function()\nend"},
    {"fields", "return { name = 'x', limit = 1, run = f }", SHRINK_UNIT_FIELDS, 0,
     "return { name = 'x', run = f }"},
    {"fields inside", "return { name = 'x', cluster = { writers = 1 } }", SHRINK_UNIT_FIELDS, 1,
     "return { name = 'x', cluster = { } }"},
};

START_TEST(what_may_go_goes_without_a_trace)
{
    const struct unit_row *row = &units[_i];
    bool kept[16] = {false};
    size_t count = 0;
    struct shrink_span *spans = shrink_units(row->text, row->unit, row->depth, &count);
    char *without = shrink_without(row->text, spans, kept, count);
    ck_assert_msg(strcmp(without, row->without) == 0, "%s: %s", row->name, without);
    free(without);
    free(spans);
}
END_TEST

/* ---- Weaker, tidier ---------------------------------------------------------------------------- */

struct weaker_row {
    const char *name, *text;
    size_t literal;
    const char *first, *last; /* NULL: nothing is weaker */
};

static const struct weaker_row weaker[] = {
    {"a long time", "c:sleep(\"3m\")", 0, "c:sleep(\"1s\")", "c:sleep(\"120s\")"},
    {"an odd time", "c:sleep(\"1004ms\")", 0, "c:sleep(\"1ms\")", "c:sleep(\"1100ms\")"},
    {"a size", "f{ bytes = \"64KiB\" }", 0, "f{ bytes = \"1B\" }", "f{ bytes = \"10000B\" }"},
    {"a count", "f{ files = 7 }", 0, "f{ files = 1 }", "f{ files = 6 }"},
    {"one", "f{ files = 1 }", 0, NULL, NULL},
    {"a moment", "c:at(4.617, f)", 0, "c:at(4, f)", "c:at(4.7, f)"},
    {"a word", "f{ kind = \"reset\" }", 0, NULL, NULL},
    {"a range", "f{ for_ = \"1s..9s\" }", 0, "f{ for_ = \"1s\" }", "f{ for_ = \"9s\" }"},
    {"an amount among judgements", "c:check(n > 3, \"m\") f{ files = 7 } n:flush{ files = 7 }", 0,
     "c:check(n > 3, \"m\") f{ files = 7 } n:flush{ files = 1 }",
     "c:check(n > 3, \"m\") f{ files = 7 } n:flush{ files = 6 }"},
};

START_TEST(weaker_values_come_boldest_first)
{
    const struct weaker_row *row = &weaker[_i];
    size_t count = 0;
    bool is_last = false;
    char **texts = shrink_weaker(row->text, row->literal, &count, &is_last);
    ck_assert(!is_last);
    ck_assert_msg((count > 0) == (row->first != NULL), "%s: %zu texts", row->name, count);
    if (count > 0) {
        ck_assert_str_eq(texts[0], row->first);
        ck_assert_str_eq(texts[count - 1], row->last);
    }
    shrink_texts_free(texts, count);
    texts = shrink_weaker(row->text, 9, &count, &is_last);
    ck_assert(is_last);
    ck_assert_uint_eq(count, 0);
    shrink_texts_free(texts, count);
}
END_TEST

/* What comes later comes as much earlier, whatever the order of the lines. */
START_TEST(later_moments_follow_an_earlier_one)
{
    size_t count = 0;
    bool is_last = false;
    char **texts = shrink_earlier("c:at(30, f) c:at(10, g) c:at(31.5, h)", 1, &count, &is_last);
    ck_assert(!is_last);
    ck_assert_uint_ge(count, 2);
    ck_assert_str_eq(texts[1], "c:at(11, f) c:at(10, g) c:at(12.5, h)");
    shrink_texts_free(texts, count);
}
END_TEST

START_TEST(a_guard_goes_and_leaves_what_it_guarded)
{
    size_t count = 0;
    bool is_last = false;
    char **texts =
        shrink_plainer("pcall(function() c:flush() end)\nc:sleep(1)", 0, &count, &is_last);
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(texts[0], "c:flush()\nc:sleep(1)");
    shrink_texts_free(texts, count);
}
END_TEST

START_TEST(what_removals_leave_is_swept)
{
    char *tidy = shrink_tidy("n:kill{ }\n\n\n\nc:flush{ files = 2, }\nlocal t = {  }\n");
    ck_assert_str_eq(tidy, "n:kill()\n\nc:flush{ files = 2 }\nlocal t = {}\n");
    free(tidy);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shrink");
    TCase *parts = tcase_create("parts");
    tcase_add_loop_test(parts, what_is_left_is_needed, 0, ROWS(reductions));
    tcase_add_test(parts, what_only_goes_in_pairs_goes);
    tcase_add_test(parts, one_of_many_is_found_soon);
    suite_add_tcase(suite, parts);
    TCase *shape = tcase_create("shape");
    tcase_add_loop_test(shape, a_text_that_lua_takes_is_parsed, 0, ROWS(shapes));
    tcase_add_test(shape, a_text_too_deep_is_refused);
    tcase_add_test(shape, every_scenario_is_parsed);
    tcase_add_loop_test(shape, what_may_go_goes_without_a_trace, 0, ROWS(units));
    suite_add_tcase(suite, shape);
    TCase *values = tcase_create("values");
    tcase_add_loop_test(values, weaker_values_come_boldest_first, 0, ROWS(weaker));
    tcase_add_test(values, later_moments_follow_an_earlier_one);
    tcase_add_test(values, a_guard_goes_and_leaves_what_it_guarded);
    tcase_add_test(values, what_removals_leave_is_swept);
    suite_add_tcase(suite, values);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
