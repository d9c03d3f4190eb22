#include <check.h>

#include "protocol/error.h"
#include "protocol/path.h"
#include "tests/lib/test_alloc.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof((table)[0])))

/* ---- Fixture --------------------------------------------------------------------------------- */

static struct test_alloc memory;
static struct rp_arena arena;
static struct rp_buffer buffer;
static char long_path[8192];

static void setup(void)
{
    test_alloc_init(&memory);
    rp_arena_init(&arena, &memory.alloc);
    rp_buffer_init(&buffer, &memory.alloc, 65536);
    memset(long_path, 'a', sizeof long_path);
}

static void teardown(void)
{
    rp_arena_clear(&arena);
    rp_buffer_clear(&buffer);
    ck_assert_uint_eq(memory.live_count, 0);
}

static bool is_buffer(const char *expected)
{
    return rp_view_equal(rp_buffer_view(&buffer), rp_view_text(expected));
}

/* ---- Tables ---------------------------------------------------------------------------------- */

static const struct {
    const char *path;
    size_t length_bytes;
    enum rp_path_verdict sanitised, arc, current;
} PATHS[] = {
#define ROW(text, sanitised, arc, current)                                                         \
    {                                                                                              \
        text, sizeof(text) - 1, RP_PATH_##sanitised, RP_PATH_##arc, RP_PATH_##current              \
    }
    ROW("", EMPTY, EMPTY, EMPTY),
    ROW("db/m/f.parquet", OK, OK, OK),
    ROW("a/b", OK, OK, OK),
    ROW("bare", OK, OK, NO_SLASH),
    ROW(".", OK, OK, NO_SLASH),
    ROW("a..b/c", OK, OK, OK),
    ROW("db/.hidden", OK, OK, OK),
    ROW("ok.parquet\0../../x", NUL, NUL, NUL),
    ROW("/etc/passwd", ABSOLUTE, ABSOLUTE, ABSOLUTE),
    ROW("\\\\host\\share", OK, ABSOLUTE, ABSOLUTE),
    ROW("c:/x", OK, ABSOLUTE, ABSOLUTE),
    ROW("c:\\x", OK, ABSOLUTE, ABSOLUTE),
    ROW("/:", ABSOLUTE, ABSOLUTE, ABSOLUTE),
    ROW("/x:y", ABSOLUTE, SCHEME, SCHEME),
    ROW("c:x/y", OK, SCHEME, SCHEME),
    ROW("1:/x", OK, SCHEME, SCHEME),
    ROW("file:/x", OK, SCHEME, SCHEME),
    ROW("s3://bucket/key", NOT_CLEAN, SCHEME, SCHEME),
    ROW("mailto:x", OK, SCHEME, SCHEME),
    ROW("a/b:c", OK, SCHEME, SCHEME),
    ROW("..", TRAVERSAL, TRAVERSAL, TRAVERSAL),
    ROW("../x", TRAVERSAL, TRAVERSAL, TRAVERSAL),
    ROW("a/../b", NOT_CLEAN, TRAVERSAL, TRAVERSAL),
    ROW("db/..\\etc", OK, TRAVERSAL, TRAVERSAL),
    ROW("db\\..\\x", OK, TRAVERSAL, TRAVERSAL),
    ROW("..x/y", OK, OK, OK),
    ROW("a//b", NOT_CLEAN, OK, NOT_CLEAN),
    ROW("./a/b", NOT_CLEAN, OK, NOT_CLEAN),
    ROW("a/./b", NOT_CLEAN, OK, NOT_CLEAN),
    ROW("a/b/", NOT_CLEAN, OK, NOT_CLEAN),
    ROW("a/b/.", NOT_CLEAN, OK, NOT_CLEAN),
    ROW("a/\xff\xfe", OK, OK, OK),
#undef ROW
};

static const struct {
    const char *path, *clean;
} CLEAN[] = {
    {"", "."},
    {".", "."},
    {"/", "/"},
    {"//", "/"},
    {"a/..", "."},
    {"a/../..", ".."},
    {"a/../../b", "../b"},
    {"../../a/../b", "../../b"},
    {"/../a", "/a"},
    {"/a/../..", "/"},
    {"a//b/./c/", "a/b/c"},
    {"./a", "a"},
    {"..a/..b", "..a/..b"},
    {"a/b/../c", "a/c"},
    {"a/b/../../..", ".."},
};

/* ---- Tests ----------------------------------------------------------------------------------- */

/* TestSanitizeFetchPath; TestValidateManifestPath_RejectionMatrix, AcceptsLegitimateShapes,
 * SentinelErrorsViaErrorsIs: one verdict a rule. path-nul-truncation, path-scheme-substring,
 * path-backslash-blind. */
START_TEST(verdicts_name_the_broken_rule)
{
    struct rp_view path = rp_view_make(PATHS[_i].path, PATHS[_i].length_bytes);
    ck_assert_msg(rp_path_sanitise(path) == PATHS[_i].sanitised, "%s", PATHS[_i].path);
    ck_assert_msg(rp_path_admit(rp_release_traits(RP_RELEASE_ARC), path) == PATHS[_i].arc,
                  "%s in arc", PATHS[_i].path);
    ck_assert_msg(rp_path_admit(rp_release_traits(RP_RELEASE_CURRENT), path) == PATHS[_i].current,
                  "%s in current", PATHS[_i].path);
    ck_assert_int_eq(rp_path_admit(rp_release_traits(RP_RELEASE_PHASE3), path),
                     PATHS[_i].length_bytes == 0 ? RP_PATH_EMPTY : RP_PATH_OK);
}
END_TEST

/* behaviour.md 1.4: 4096 bytes are admitted, one more is not; length is judged before content. */
START_TEST(length_limit_is_4096)
{
    const struct rp_traits *traits = rp_release_traits(RP_RELEASE_CURRENT);
    long_path[1] = '/';
    ck_assert_int_eq(rp_path_admit(traits, rp_view_make(long_path, 4096)), RP_PATH_OK);
    ck_assert_int_eq(rp_path_admit(traits, rp_view_make(long_path, 4097)), RP_PATH_TOO_LONG);
    long_path[9] = '\0';
    ck_assert_int_eq(rp_path_admit(traits, rp_view_make(long_path, 4097)), RP_PATH_TOO_LONG);
}
END_TEST

/* What current admits can always be fetched: admission implies the sanitiser's consent. */
START_TEST(what_current_admits_can_be_fetched)
{
    static const char ALPHABET[] = {'a', '.', '/', '\\', ':', 0};
    const struct rp_traits *traits = rp_release_traits(RP_RELEASE_CURRENT);
    char path[6];
    size_t admitted = 0;
    for (size_t length = 1; length <= sizeof path; length += 1) {
        size_t total = 1;
        for (size_t index = 0; index < length; index += 1) {
            total *= sizeof ALPHABET;
        }
        for (size_t word = 0; word < total; word += 1) {
            size_t rest = word;
            for (size_t index = 0; index < length; index += 1) {
                path[index] = ALPHABET[rest % sizeof ALPHABET];
                rest /= sizeof ALPHABET;
            }
            struct rp_view view = rp_view_make(path, length);
            if (rp_path_admit(traits, view) == RP_PATH_OK) {
                ck_assert_int_eq(rp_path_sanitise(view), RP_PATH_OK);
                admitted += 1;
            }
        }
    }
    ck_assert_uint_gt(admitted, 100);
}
END_TEST

/* The canonical form; a path is clean exactly when it is its own canonical form. */
START_TEST(clean_gives_the_canonical_form)
{
    ck_assert_int_eq(rp_path_clean(rp_view_text(CLEAN[_i].path), &buffer), 0);
    ck_assert_msg(is_buffer(CLEAN[_i].clean), "%s", CLEAN[_i].path);
    rp_buffer_reset(&buffer);
    ck_assert_int_eq(rp_path_clean(rp_view_text(CLEAN[_i].clean), &buffer), 0);
    ck_assert(is_buffer(CLEAN[_i].clean));
    bool is_refused = rp_path_sanitise(rp_view_text(CLEAN[_i].path)) == RP_PATH_NOT_CLEAN;
    bool is_same = strcmp(CLEAN[_i].path, CLEAN[_i].clean) == 0;
    ck_assert(CLEAN[_i].path[0] == '\0' || CLEAN[_i].path[0] == '/' || is_refused == !is_same);
}
END_TEST

/* What was in the buffer before stays, and takes no part. */
START_TEST(clean_appends)
{
    ck_assert_int_eq(rp_buffer_append_text(&buffer, "x/"), 0);
    ck_assert_int_eq(rp_path_clean(rp_view_text("a/../.."), &buffer), 0);
    ck_assert(is_buffer("x/.."));
}
END_TEST

static const struct {
    struct rp_view path;
    const char *text;
} TEXTS[] = {
    {{NULL, 0}, "empty path"},
    {{(const uint8_t *)"a\0b", 3}, "path contains null byte"},
    {{(const uint8_t *)"/a", 2}, "absolute path not allowed"},
    {{(const uint8_t *)"../a", 4}, "path traversal not allowed"},
    {{(const uint8_t *)"a//b", 4}, "path must be pre-cleaned (got \"a//b\", clean is \"a/b\")"},
    {{(const uint8_t *)"a\"\\\n\x01\x7f//", 8},
     "path must be pre-cleaned (got \"a\\\"\\\\\\n\\x01\\x7f//\", "
     "clean is \"a\\\"\\\\\\n\\x01\\x7f\")"},
    {{(const uint8_t *)"\xc3\xa9\xff\xc2\x85\xe2\x80\xa8/.", 10},
     "path must be pre-cleaned (got \"\xc3\xa9\\xff\\u0085\\u2028/.\", "
     "clean is \"\xc3\xa9\\xff\\u0085\\u2028\")"},
};

/* behaviour.md 5.2: the refusal texts, quoted as Go quotes. */
START_TEST(refusal_texts_are_the_reference_s)
{
    struct rp_view text;
    enum rp_path_verdict verdict = rp_path_sanitise(TEXTS[_i].path);
    ck_assert_int_eq(rp_path_sanitise_text(TEXTS[_i].path, verdict, &arena, &text), 0);
    ck_assert_msg(rp_view_equal(text, rp_view_text(TEXTS[_i].text)), "%.*s", (int)text.length_bytes,
                  (const char *)text.bytes);
}
END_TEST

static const struct {
    const char *path;
    size_t length_bytes;
    const char *stored; /* NULL: refused */
} MAPPED[] = {
#define ROW(text, stored)                                                                          \
    {                                                                                              \
        text, sizeof(text) - 1, stored                                                             \
    }
    ROW("db/m/f.parquet", "db/m/f.parquet"),
    ROW("/a", "a"),
    ROW("//a", "a"),
    ROW("db/m/a..b", "db/m/a_b"),
    ROW("a/../../b", "a/_/_/b"),
    ROW("...", "_."),
    ROW("a\0b", "ab"),
    ROW(".\0./x", NULL),
    ROW("a/.\0./b", "b"),
    ROW(".\0.x", NULL),
    ROW("", NULL),
    ROW("/", NULL),
    ROW(".", NULL),
#undef ROW
};

/* behaviour.md 8: strip, replace, drop NULs, clean; what leaves the root is refused. `current` keeps
 * names as they are, so that no two paths share an object (path-mapping-not-injective). */
START_TEST(local_names_follow_the_release)
{
    struct rp_view path = rp_view_make(MAPPED[_i].path, MAPPED[_i].length_bytes);
    bool is_refused = false;
    ck_assert_int_eq(
        rp_path_stored_name(rp_release_traits(RP_RELEASE_ARC), path, 10, &buffer, &is_refused), 0);
    ck_assert_int_eq(is_refused, MAPPED[_i].stored == NULL);
    ck_assert(is_refused || is_buffer(MAPPED[_i].stored));
    rp_buffer_reset(&buffer);
    ck_assert_int_eq(
        rp_path_stored_name(rp_release_traits(RP_RELEASE_CURRENT), path, 10, &buffer, &is_refused),
        0);
    ck_assert(rp_view_equal(rp_buffer_view(&buffer), path));
}
END_TEST

static bool is_stored(enum rp_release release, size_t length, size_t slash_every, size_t root)
{
    bool is_refused = false;
    for (size_t at = slash_every; slash_every > 0 && at < length; at += slash_every) {
        long_path[at] = '/';
    }
    rp_buffer_reset(&buffer);
    ck_assert_int_eq(rp_path_stored_name(rp_release_traits(release),
                                         rp_view_make(long_path, length), root, &buffer,
                                         &is_refused),
                     0);
    return !is_refused;
}

/* The file system's limits: a component, and one with ".part" behind it (arc). */
START_TEST(component_limits_show)
{
    ck_assert(is_stored(RP_RELEASE_PHASE3, 255, 0, 10));
    ck_assert(!is_stored(RP_RELEASE_PHASE3, 256, 0, 10));
    ck_assert(is_stored(RP_RELEASE_ARC, 250, 0, 10));
    ck_assert(!is_stored(RP_RELEASE_ARC, 251, 0, 10));
    long_path[255] = '/';
    ck_assert(is_stored(RP_RELEASE_ARC, 260, 0, 10));
}
END_TEST

/* The whole name counts the root: 4095 bytes in all. */
START_TEST(full_name_counts_the_root)
{
    ck_assert(is_stored(RP_RELEASE_PHASE3, 4000, 100, 94));
    ck_assert(!is_stored(RP_RELEASE_PHASE3, 4000, 100, 95));
    ck_assert(is_stored(RP_RELEASE_ARC, 4000, 100, 89));
    ck_assert(!is_stored(RP_RELEASE_ARC, 4000, 100, 90));
}
END_TEST

/* Every verdict has a name of its own. */
START_TEST(verdicts_have_names)
{
    for (int verdict = 0; verdict < RP_PATH_VERDICT_COUNT; verdict += 1) {
        for (int other = 0; other < verdict; other += 1) {
            ck_assert_str_ne(rp_path_verdict_name((enum rp_path_verdict)verdict),
                             rp_path_verdict_name((enum rp_path_verdict)other));
        }
    }
}
END_TEST

/* ---- Main ------------------------------------------------------------------------------------ */

int main(void)
{
    Suite *suite = suite_create("protocol.path");
    TCase *tc = tcase_create("path");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, verdicts_name_the_broken_rule, 0, ROWS(PATHS));
    tcase_add_test(tc, length_limit_is_4096);
    tcase_add_test(tc, what_current_admits_can_be_fetched);
    tcase_add_loop_test(tc, clean_gives_the_canonical_form, 0, ROWS(CLEAN));
    tcase_add_test(tc, clean_appends);
    tcase_add_loop_test(tc, refusal_texts_are_the_reference_s, 0, ROWS(TEXTS));
    tcase_add_loop_test(tc, local_names_follow_the_release, 0, ROWS(MAPPED));
    tcase_add_test(tc, component_limits_show);
    tcase_add_test(tc, full_name_counts_the_root);
    tcase_add_test(tc, verdicts_have_names);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
