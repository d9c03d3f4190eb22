/* Verdicts on files by content (design.md, presence). */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/presence.h"
#include "tests/lib/fetch_bench.h"

static struct test_alloc alloc;
static struct rp_presence *presence;

static void setup(enum rp_release release)
{
    test_alloc_init(&alloc);
    ck_assert_int_eq(rp_presence_new(rp_release_traits(release), &alloc.alloc, &presence), 0);
}

static void teardown(void)
{
    rp_presence_free(presence);
    ck_assert_uint_eq(alloc.live_count, 0);
}

static struct rp_file_entry make_entry(const char *path, const char *hash, int64_t size)
{
    return bench_entry(rp_view_text(path), rp_view_text(hash), size);
}

static struct rp_store_stat make_stat(uint64_t size, uint64_t identity, int64_t mtime)
{
    return (struct rp_store_stat){true, size, identity, mtime};
}

/* behaviour.md 7.3: what counts as here, per release, from a stat alone. */
static const struct {
    const char *name;
    enum rp_release release;
    bool is_present;
    uint64_t size;
    enum rp_presence_verdict verdict;
} ROWS[] = {
    {"phase3 takes any size", RP_RELEASE_PHASE3, true, 3, RP_PRESENCE_PRESENT},
    {"phase3 absent", RP_RELEASE_PHASE3, false, 0, RP_PRESENCE_ABSENT},
    {"arc takes the same size", RP_RELEASE_ARC, true, 10, RP_PRESENCE_PRESENT},
    {"arc refuses another size", RP_RELEASE_ARC, true, 9, RP_PRESENCE_ABSENT},
    {"current wants a hash", RP_RELEASE_CURRENT, true, 10, RP_PRESENCE_HASH_NEEDED},
    {"current refuses another size", RP_RELEASE_CURRENT, true, 11, RP_PRESENCE_ABSENT},
    {"current absent", RP_RELEASE_CURRENT, false, 10, RP_PRESENCE_ABSENT},
};

START_TEST(stat_alone_judges_as_the_release_does)
{
    setup(ROWS[_i].release);
    struct rp_file_entry entry = make_entry("db/a", "h", 10);
    struct rp_store_stat stat = make_stat(ROWS[_i].size, 1, 1);
    stat.is_present = ROWS[_i].is_present;
    ck_assert_msg(rp_presence_judge(presence, &entry, &stat) == ROWS[_i].verdict, "row %d, %s", _i,
                  ROWS[_i].name);
    teardown();
}
END_TEST

/* A verdict holds for the very object that was hashed: another identity or mtime needs a new hash. */
START_TEST(verdict_is_kept_while_the_object_is_the_same)
{
    setup(RP_RELEASE_CURRENT);
    struct rp_file_entry entry = make_entry("db/a", "h1", 10);
    struct rp_file_entry update = make_entry("db/a", "h2", 10);
    struct rp_store_stat stat = make_stat(10, 7, 70), other = make_stat(10, 8, 70);
    struct rp_store_stat touched = make_stat(10, 7, 71);
    ck_assert_int_eq(rp_presence_hashed(presence, &entry, &stat, entry.sha256),
                     RP_PRESENCE_PRESENT);
    ck_assert_int_eq(rp_presence_judge(presence, &entry, &stat), RP_PRESENCE_PRESENT);
    ck_assert_int_eq(rp_presence_judge(presence, &entry, &other), RP_PRESENCE_HASH_NEEDED);
    ck_assert_int_eq(rp_presence_judge(presence, &entry, &touched), RP_PRESENCE_HASH_NEEDED);
    ck_assert_int_eq(rp_presence_judge(presence, &update, &stat), RP_PRESENCE_HASH_NEEDED);
    ck_assert(rp_presence_holds(presence, &entry));
    ck_assert(!rp_presence_holds(presence, &update));
    teardown();
}
END_TEST

/* Wrong bytes of the right size are damage, and whatever was known is forgotten. */
START_TEST(wrong_bytes_are_damage)
{
    setup(RP_RELEASE_CURRENT);
    struct rp_file_entry entry = make_entry("db/a", "h1", 10);
    struct rp_store_stat stat = make_stat(10, 7, 70);
    rp_presence_verified(presence, &entry, &stat);
    ck_assert_int_eq(rp_presence_hashed(presence, &entry, &stat, rp_view_text("h9")),
                     RP_PRESENCE_DAMAGED);
    ck_assert(!rp_presence_holds(presence, &entry));
    ck_assert_uint_eq(rp_presence_count(presence), 0);
    teardown();
}
END_TEST

#define MANY 3000

/* Thousands of paths, every third forgotten again: the others stay findable (no broken probe runs),
 * and a plain array agrees. */
START_TEST(many_paths_survive_removals)
{
    static char paths[MANY][16];
    static struct rp_file_entry entries[MANY];
    setup(RP_RELEASE_CURRENT);
    struct rp_store_stat stat = make_stat(10, 1, 1);
    for (int i = 0; i < MANY; i++) {
        snprintf(paths[i], sizeof paths[i], "db/%d", i);
        entries[i] = make_entry(paths[i], "h", 10);
        rp_presence_verified(presence, &entries[i], &stat);
    }
    for (int i = 0; i < MANY; i += 3) {
        rp_presence_forget(presence, entries[i].path);
    }
    for (int i = 0; i < MANY; i++) {
        ck_assert_int_eq(rp_presence_holds(presence, &entries[i]), i % 3 != 0);
    }
    ck_assert_uint_eq(rp_presence_count(presence), MANY - MANY / 3);
    teardown();
}
END_TEST

/* Without memory a verdict is not remembered, which costs a hash, never a wrong answer. */
START_TEST(out_of_memory_forgets_instead_of_lying)
{
    setup(RP_RELEASE_CURRENT);
    struct rp_file_entry entry = make_entry("db/a", "h", 10);
    struct rp_store_stat stat = make_stat(10, 1, 1);
    alloc.call_count = 0;
    alloc.fail_at = 1;
    rp_presence_verified(presence, &entry, &stat);
    ck_assert(!rp_presence_holds(presence, &entry));
    ck_assert_int_eq(rp_presence_judge(presence, &entry, &stat), RP_PRESENCE_HASH_NEEDED);
    teardown();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("protocol.presence");
    TCase *tc = tcase_create("presence");
    tcase_add_loop_test(tc, stat_alone_judges_as_the_release_does, 0, sizeof ROWS / sizeof ROWS[0]);
    tcase_add_test(tc, verdict_is_kept_while_the_object_is_the_same);
    tcase_add_test(tc, wrong_bytes_are_damage);
    tcase_add_test(tc, many_paths_survive_removals);
    tcase_add_test(tc, out_of_memory_forgets_instead_of_lying);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
