#include <check.h>

#include "protocol/path.h"
#include "tests/lib/test_alloc.h"
#include "tests/lib/vectors.h"

/* Compares every path of the reference: sanitiser, admission, and the name in the local storage. */

/* The recorded root's length is not told; the data only needs one of usual length. */
#define ROOT_LENGTH_BYTES 40

/* ---- Fixture --------------------------------------------------------------------------------- */

static struct test_alloc memory;
static struct rp_arena arena;
static struct vectors vectors;
static struct vectors_tally tally;

static bool is_strict_refusal(const json_t *one_case, enum rp_release release)
{
    struct rp_view path = vectors_hex(vectors_text(one_case, "path_hex"), &arena);
    enum rp_path_verdict verdict = rp_path_admit(rp_release_traits(release), path);
    return release == RP_RELEASE_CURRENT &&
           strcmp(vectors_text(one_case, "manifest_head"), "accepted") == 0 &&
           (verdict == RP_PATH_NOT_CLEAN || verdict == RP_PATH_NO_SLASH);
}

static bool is_exact_name(const json_t *one_case, enum rp_release release)
{
    (void)one_case;
    return release == RP_RELEASE_CURRENT;
}

static const struct vectors_rule ADMISSION_RULES[] = {
    {"strict-admission", "current admits canonical paths with a slash only", is_strict_refusal}};
static const struct vectors_rule NAME_RULES[] = {
    {"exact-names", "current keeps objects under their own names", is_exact_name}};

static void setup(void)
{
    test_alloc_init(&memory);
    rp_arena_init(&arena, &memory.alloc);
    vectors_open(&vectors, "paths");
}

static void teardown(void)
{
    vectors_close(&vectors);
    rp_arena_clear(&arena);
    ck_assert_uint_eq(memory.live_count, 0);
}

static bool is_verdict(enum rp_path_verdict verdict, const char *expected)
{
    const char *name = verdict == RP_PATH_OK ? "accepted" : rp_path_verdict_name(verdict);
    return strcmp(name, expected) == 0;
}

static struct rp_view case_path(const json_t *one_case)
{
    return vectors_hex(vectors_text(one_case, "path_hex"), &arena);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

/* The sanitiser is one for all releases, so each generation's verdict must be ours. */
START_TEST(sanitiser_agrees_in_every_generation)
{
    vectors_tally_init(&tally, "paths, sanitiser", NULL, 0);
    for (size_t index = 0; index < vectors_count(&vectors); index += 1) {
        const json_t *one_case = vectors_case(&vectors, index);
        const json_t *expect = vectors_get(one_case, "fetch_sanitizer");
        for (int row = 0; row < VECTORS_RELEASE_COUNT; row += 1) {
            const char *expected = vectors_text(expect, VECTORS_RELEASES[row].generation);
            bool is_equal = is_verdict(rp_path_sanitise(case_path(one_case)), expected);
            ck_assert_msg(
                vectors_tally_add(&tally, one_case, VECTORS_RELEASES[row].release, is_equal), "%s",
                vectors_id(one_case));
        }
    }
    vectors_tally_print(&tally);
    ck_assert_uint_ge(tally.compared_count, 400);
}
END_TEST

/* arc's admission is head's; current's is stricter, by rule only. */
START_TEST(admission_agrees_with_head)
{
    const enum rp_release releases[] = {RP_RELEASE_ARC, RP_RELEASE_CURRENT};
    vectors_tally_init(&tally, "paths, admission", ADMISSION_RULES, 1);
    for (size_t index = 0; index < vectors_count(&vectors); index += 1) {
        const json_t *one_case = vectors_case(&vectors, index);
        for (int row = 0; row < 2; row += 1) {
            bool is_equal =
                is_verdict(rp_path_admit(rp_release_traits(releases[row]), case_path(one_case)),
                           vectors_text(one_case, "manifest_head"));
            ck_assert_msg(vectors_tally_add(&tally, one_case, releases[row], is_equal), "%s",
                          vectors_id(one_case));
        }
    }
    vectors_tally_print(&tally);
    ck_assert_uint_gt(tally.excused_counts[0], 0);
}
END_TEST

static bool has_stored_name(const json_t *one_case, const json_t *expect, enum rp_release release)
{
    struct rp_buffer name;
    bool is_refused = false;
    rp_buffer_init(&name, &memory.alloc, 65536);
    ck_assert_int_eq(rp_path_stored_name(rp_release_traits(release), case_path(one_case),
                                         ROOT_LENGTH_BYTES, &name, &is_refused),
                     0);
    const char *stored = vectors_text(expect, "stored_hex");
    bool is_equal = stored == NULL ? is_refused
                                   : !is_refused && rp_view_equal(rp_buffer_view(&name),
                                                                  vectors_hex(stored, &arena));
    rp_buffer_clear(&name);
    return is_equal;
}

/* The local storage's names in p3 and head, and current's own rule. */
START_TEST(stored_names_agree)
{
    static const struct {
        const char *generation;
        enum rp_release release;
    } COLUMNS[] = {
        {"p3", RP_RELEASE_PHASE3}, {"head", RP_RELEASE_ARC}, {"head", RP_RELEASE_CURRENT}};
    vectors_tally_init(&tally, "paths, local storage", NAME_RULES, 1);
    for (size_t index = 0; index < vectors_count(&vectors); index += 1) {
        const json_t *one_case = vectors_case(&vectors, index);
        for (int row = 0; row < 3; row += 1) {
            const json_t *expect =
                vectors_get(vectors_get(one_case, "local_backend"), COLUMNS[row].generation);
            ck_assert_msg(
                vectors_tally_add(&tally, one_case, COLUMNS[row].release,
                                  has_stored_name(one_case, expect, COLUMNS[row].release)),
                "%s %s", vectors_id(one_case), COLUMNS[row].generation);
        }
    }
    vectors_tally_print(&tally);
    ck_assert_uint_ge(tally.compared_count, 300);
}
END_TEST

/* ---- Main ------------------------------------------------------------------------------------ */

int main(void)
{
    if (!vectors_present()) {
        return VECTORS_SKIPPED;
    }
    Suite *suite = suite_create("vectors.paths");
    TCase *tc = tcase_create("paths");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, sanitiser_agrees_in_every_generation);
    tcase_add_test(tc, admission_agrees_with_head);
    tcase_add_test(tc, stored_names_agree);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
