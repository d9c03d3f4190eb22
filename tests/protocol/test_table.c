#include <check.h>
#include <stdio.h>

#include "protocol/error.h"
#include "protocol/table.h"
#include "tests/lib/test_alloc.h"

/* ---- Fixture --------------------------------------------------------------------------------- */

#define ITEM_COUNT 5000

struct item {
    char name[24];
    bool is_in;
};

static struct test_alloc memory;
static struct rp_table table;
static struct item items[ITEM_COUNT];

static void setup(void)
{
    test_alloc_init(&memory);
    rp_table_init(&table, &memory.alloc);
    for (int index = 0; index < ITEM_COUNT; index += 1) {
        snprintf(items[index].name, sizeof items[index].name, "item-%d", index);
        items[index].is_in = false;
    }
}

static void teardown(void)
{
    rp_table_clear(&table);
    ck_assert_uint_eq(memory.live_count, 0);
}

static void put(int index)
{
    ck_assert_int_eq(rp_table_put(&table, rp_view_text(items[index].name), &items[index], NULL), 0);
    items[index].is_in = true;
}

static void drop(int index)
{
    ck_assert_ptr_eq(rp_table_remove(&table, rp_view_text(items[index].name)), &items[index]);
    items[index].is_in = false;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

/* A table that never held anything answers like one whose pairs are gone. */
START_TEST(empty_table_finds_nothing)
{
    size_t cursor = 0;
    ck_assert_ptr_null(rp_table_get(&table, rp_view_text("a")));
    ck_assert_ptr_null(rp_table_remove(&table, rp_view_text("a")));
    ck_assert_ptr_null(rp_table_next(&table, &cursor));
    ck_assert_uint_eq(memory.call_count, 0);
}
END_TEST

/* Growth, holes and packing keep every pair and the order of insertion. */
START_TEST(churn_keeps_pairs_and_their_order)
{
    for (int index = 0; index < ITEM_COUNT; index += 1) {
        put(index);
        if (index % 3 == 2) {
            drop(index - 1);
        }
    }
    size_t cursor = 0, seen = 0;
    int last = -1;
    for (struct item *item; (item = rp_table_next(&table, &cursor)) != NULL; seen += 1) {
        ck_assert(item->is_in);
        ck_assert_int_gt((int)(item - items), last);
        last = (int)(item - items);
    }
    ck_assert_uint_eq(seen, rp_table_count(&table));
    for (int index = 0; index < ITEM_COUNT; index += 1) {
        void *expected = items[index].is_in ? &items[index] : NULL;
        ck_assert_ptr_eq(rp_table_get(&table, rp_view_text(items[index].name)), expected);
    }
}
END_TEST

/* A table in which as much dies as is born does not grow without end. */
START_TEST(steady_churn_stays_small)
{
    for (int index = 0; index < ITEM_COUNT; index += 1) {
        put(index);
        if (index >= 10) {
            drop(index - 10);
        }
    }
    ck_assert_uint_eq(rp_table_count(&table), 10);
    ck_assert_uint_le(table.pair_capacity, 32);
}
END_TEST

/* Keys have lengths: a NUL is a byte like any other, and the empty key is a key. */
START_TEST(keys_differ_behind_a_nul)
{
    struct rp_view keys[] = {rp_view_make("a\0b", 3), rp_view_make("a\0c", 3), rp_view_make("a", 1),
                             rp_view_make(NULL, 0), rp_view_make("\0", 1)};
    for (int index = 0; index < 5; index += 1) {
        ck_assert_int_eq(rp_table_put(&table, keys[index], &items[index], NULL), 0);
    }
    ck_assert_uint_eq(rp_table_count(&table), 5);
    for (int index = 0; index < 5; index += 1) {
        ck_assert_ptr_eq(rp_table_get(&table, keys[index]), &items[index]);
    }
}
END_TEST

/* Putting an equal key hands the former value back and keeps its place. */
START_TEST(replacing_keeps_the_place)
{
    char again[] = "item-0";
    void *replaced = NULL;
    size_t cursor = 0;
    put(0);
    put(1);
    ck_assert_int_eq(rp_table_put(&table, rp_view_text(again), &items[7], &replaced), 0);
    ck_assert_ptr_eq(replaced, &items[0]);
    ck_assert_uint_eq(rp_table_count(&table), 2);
    ck_assert_ptr_eq(rp_table_next(&table, &cursor), &items[7]);
    ck_assert_ptr_eq(rp_table_next(&table, &cursor), &items[1]);
}
END_TEST

/* The current pair may go while the table is walked. */
START_TEST(removing_while_walking_visits_the_rest)
{
    size_t cursor = 0, seen = 0;
    for (int index = 0; index < 100; index += 1) {
        put(index);
    }
    for (struct item *item; (item = rp_table_next(&table, &cursor)) != NULL; seen += 1) {
        drop((int)(item - items));
    }
    ck_assert_uint_eq(seen, 100);
    ck_assert_uint_eq(rp_table_count(&table), 0);
}
END_TEST

/* The k-th allocation fails: the put says so, and the table is as before. */
START_TEST(failed_growth_changes_nothing)
{
    size_t failures = 0;
    for (int index = 0; index < 100; index += 1) {
        memory.fail_at = memory.call_count + 1 + (size_t)(index % 2);
        int error = rp_table_put(&table, rp_view_text(items[index].name), &items[index], NULL);
        memory.fail_at = 0;
        if (error != 0) {
            ck_assert_int_eq(error, RP_ERR_NOMEM);
            ck_assert_uint_eq(rp_table_count(&table), (size_t)index);
            ck_assert_ptr_null(rp_table_get(&table, rp_view_text(items[index].name)));
            failures += 1;
            put(index);
        }
    }
    ck_assert_uint_gt(failures, 2);
    for (int index = 0; index < 100; index += 1) {
        ck_assert_ptr_eq(rp_table_get(&table, rp_view_text(items[index].name)), &items[index]);
    }
}
END_TEST

/* ---- Main ------------------------------------------------------------------------------------ */

int main(void)
{
    Suite *suite = suite_create("protocol.table");
    TCase *tc = tcase_create("table");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, empty_table_finds_nothing);
    tcase_add_test(tc, churn_keeps_pairs_and_their_order);
    tcase_add_test(tc, steady_churn_stays_small);
    tcase_add_test(tc, keys_differ_behind_a_nul);
    tcase_add_test(tc, replacing_keeps_the_place);
    tcase_add_test(tc, removing_while_walking_visits_the_rest);
    tcase_add_test(tc, failed_growth_changes_nothing);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
