/* protocol/manifest*.c: the manifest against a plain array, and its trees against their own rules. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/manifest.h"
#include "protocol/manifest_state.h"
#include "tests/lib/manifest_bench.h"

#define MODEL_PATHS 600

struct model {
    bool is_present[MODEL_PATHS];
    char database[MODEL_PATHS];
    uint64_t lsn[MODEL_PATHS];
};

static void model_path(int i, char path[16])
{
    snprintf(path, 16, "d/%04d", i);
}

static size_t model_count(const struct model *model)
{
    size_t count = 0;
    for (int i = 0; i < MODEL_PATHS; i++) {
        count += model->is_present[i] ? 1 : 0;
    }
    return count;
}

static void check_trees(const struct manifest_member *member)
{
    /* Reads the trees through a snapshot's state: sound, and equal to the same files put in order. */
    struct rp_block *block = manifest_snapshot_of(member);
    struct rp_state *state;
    uint64_t index;
    uint64_t refused;
    ck_assert_int_eq(rp_snapshot_read(&manifest_bench.memory.alloc,
                                      rp_release_traits(RP_RELEASE_CURRENT),
                                      rp_view_make(block->bytes, block->length_bytes), 0, &state,
                                      &index, &refused),
                     0);
    struct rp_digest digest = rp_manifest_digest(member->manifest);
    struct rp_digest again = rp_state_digest(state);
    ck_assert_uint_eq(digest.low, again.low);
    ck_assert_uint_eq(digest.high, again.high);
    struct rp_tree by_path = rp_state_tree(state, RP_TREE_BY_PATH);
    struct rp_tree by_database = rp_state_tree(state, RP_TREE_BY_DATABASE);
    ck_assert(rp_tree_is_sound(&by_path, state->files));
    ck_assert(rp_tree_is_sound(&by_database, state->by_database));
    rp_state_release(state);
    rp_block_release(block);
}

/* Pages of odd sizes give every present entry once, in order, by path and by database. */
static void check_pages(const struct manifest_member *member, const struct model *model,
                        size_t page_max)
{
    const struct rp_file_entry *page[64];
    char cursor[16] = "";
    int at = 0;
    size_t seen = 0;
    for (;;) {
        size_t count = rp_manifest_page(member->manifest, rp_view_text(cursor), page, page_max);
        for (size_t i = 0; i < count; i++, at++, seen++) {
            while (at < MODEL_PATHS && !model->is_present[at]) {
                at += 1;
            }
            model_path(at, cursor);
            ck_assert(rp_view_equal(page[i]->path, rp_view_text(cursor)));
            ck_assert_uint_eq(page[i]->lsn, model->lsn[at]);
            ck_assert_int_eq(page[i]->database.bytes[0], model->database[at]);
            rp_file_entry_release(page[i]);
        }
        if (count < page_max) {
            break;
        }
    }
    ck_assert_uint_eq(seen, model_count(model));
    ck_assert_uint_eq(rp_manifest_file_count(member->manifest), seen);
}

static void check_databases(const struct manifest_member *member, const struct model *model)
{
    static const struct rp_file_entry *page[MODEL_PATHS];
    size_t total = 0;
    for (char database = 'a'; database <= 'd'; database++) {
        struct rp_view name = rp_view_make(&database, 1);
        size_t count =
            rp_manifest_database_page(member->manifest, name, rp_view_text(""), page, MODEL_PATHS);
        for (size_t i = 0; i < count; i++) {
            char digits[5] = "";
            memcpy(digits, page[i]->path.bytes + 2, 4);
            int number = atoi(digits);
            ck_assert(model->is_present[number] && model->database[number] == database);
            rp_file_entry_release(page[i]);
        }
        total += count;
    }
    ck_assert_uint_eq(total, model_count(model));
}

/* index-consistent: random registers, moves and deletes, growing and then shrinking to nothing. */
START_TEST(random_operations_agree_with_model)
{
    struct manifest_member *member = manifest_member_new(RP_RELEASE_CURRENT);
    struct model *model = calloc(1, sizeof *model);
    uint64_t random = (uint64_t)_i * 977 + 1;
    for (uint64_t index = 1; index <= 3000; index++) {
        char path[16];
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        int i = (int)((random >> 33) % MODEL_PATHS);
        bool is_drop = (random >> 20) % 10 < (index < 1500 ? 2u : 8u);
        char database[2] = {(char)('a' + (random >> 50) % 4), '\0'};
        model_path(i, path);
        if (is_drop) {
            ck_assert_int_eq(manifest_drop(member, index, path), 0);
        } else {
            ck_assert_int_eq(manifest_put(member, index, path, database), 0);
            model->database[i] = database[0];
            model->lsn[i] = index;
        }
        model->is_present[i] = !is_drop;
        member->told[0] = '\0';
        if (index % 500 == 0) {
            check_pages(member, model, 1 + index % 63);
            check_databases(member, model);
            check_trees(member);
        }
    }
    free(model);
    manifest_member_free(member);
}
END_TEST

static const struct rp_file_entry *entry_of(int number)
{
    char path[16];
    const struct rp_file_entry *entry;
    model_path(number, path);
    struct rp_file_record file = manifest_record_of(path, number % 3 == 0 ? "one" : "two");
    ck_assert_int_eq(
        rp_file_entry_new(&manifest_bench.memory.alloc, &file, (uint64_t)number, &entry), 0);
    return entry;
}

/* The tree itself, changed for real and in every order: sound after every step, and old roots stay
 * what they were. */
START_TEST(tree_stays_sound_and_old_roots_stay)
{
    struct rp_tree tree = {&manifest_bench.memory.alloc, (enum rp_tree_order)_i};
    const struct rp_file_entry *ignored;
    const struct rp_tree_node *root = NULL;
    const struct rp_tree_node *next;
    for (int step = 0; step < MODEL_PATHS; step++) {
        const struct rp_file_entry *entry = entry_of(step * 7 % MODEL_PATHS);
        ck_assert_int_eq(rp_tree_put(&tree, root, entry, &next, &ignored), 0);
        ck_assert_uint_eq(rp_tree_count(root), (size_t)step);
        rp_tree_release(&tree, root);
        rp_file_entry_release(entry);
        root = next;
        ck_assert(rp_tree_is_sound(&tree, root));
    }
    const struct rp_tree_node *full = rp_tree_retain(root);
    for (int step = 0; step < MODEL_PATHS; step++) {
        const struct rp_file_entry *entry = entry_of(step * 11 % MODEL_PATHS);
        struct rp_tree_key key = {entry->database, entry->path, entry->lsn};
        ck_assert_int_eq(rp_tree_remove(&tree, root, key, &next, &ignored), 0);
        ck_assert_ptr_nonnull(ignored);
        rp_tree_release(&tree, root);
        root = next;
        ck_assert(rp_tree_is_sound(&tree, root));
        ck_assert_ptr_null(rp_tree_find(&tree, root, key));
        ck_assert_ptr_nonnull(rp_tree_find(&tree, full, key));
        rp_file_entry_release(entry);
    }
    ck_assert_ptr_null(root);
    ck_assert(rp_tree_is_sound(&tree, full));
    rp_tree_release(&tree, full);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("manifest_model");
    TCase *tc = tcase_create("model");
    tcase_add_checked_fixture(tc, manifest_bench_setup, manifest_bench_teardown);
    tcase_add_loop_test(tc, random_operations_agree_with_model, 0, 2);
    tcase_add_loop_test(tc, tree_stays_sound_and_old_roots_stay, 0, 3);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
