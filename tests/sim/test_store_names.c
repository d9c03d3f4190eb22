/* Tests of the names that files have on a disk, as each release keeps them (behaviour.md 8). */
#include "sim/store.h"

#include <check.h>

#include "protocol/error.h"
#include "tests/lib/pull_bench.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))

static struct pull_bench bench;

struct call {
    struct rp_store_request request;
    int error, done_count;
    size_t item_count;
    struct rp_view first;
};

static void on_done(struct rp_store_request *request, int error)
{
    struct call *call = request->context;
    call->error = error;
    call->done_count += 1;
    call->item_count = error == 0 ? request->item_count : 0;
    if (call->item_count > 0) {
        call->first = request->items[0].path;
    }
}

static struct rp_store_request *start(struct call *call)
{
    memset(call, 0, sizeof *call);
    call->request.done = on_done;
    call->request.context = call;
    return &call->request;
}

static const struct rp_store_port *port_of(enum rp_release release)
{
    pull_bench_begin(&bench, release, 0, 0);
    return &bench.node->ports.store;
}

static void run(const struct call *call)
{
    ck_assert_int_eq(call->done_count, 0);
    pull_bench_run(&bench, RP_NS_PER_S);
    ck_assert_int_eq(call->done_count, 1);
}

/* Opens a plain file and leaves it empty. */
static int make(const struct rp_store_port *port, const char *path)
{
    struct call call;
    port->file_open(port->state, start(&call), rp_view_text(path), RP_STAGE_TRUNCATE);
    run(&call);
    if (call.error == 0) {
        port->file_close(port->state, call.request.handle);
    }
    return call.error;
}

#define NAME_251                                                                                   \
    "db/"                                                                                          \
    "00000000001111111111222222222233333333334444444444"                                           \
    "00000000001111111111222222222233333333334444444444"                                           \
    "00000000001111111111222222222233333333334444444444"                                           \
    "00000000001111111111222222222233333333334444444444"                                           \
    "00000000001111111111222222222233333333334444444444x"

static const struct {
    const char *name;
    enum rp_release release;
    const char *path, *stored; /* NULL: refused */
} NAMES[] = {
    {"two dots", RP_RELEASE_ARC, "db/a..b.parquet", "db/a_b.parquet"},
    {"its part file", RP_RELEASE_ARC, "db/a..b.parquet.part", "db/a_b.parquet.part"},
    {"a dot before the suffix", RP_RELEASE_ARC, "db/a..part", "db/a..part"},
    {"a leading slash", RP_RELEASE_PHASE3, "/db/a", "db/a"},
    {"no room for the suffix", RP_RELEASE_ARC, NAME_251 ".part", NULL},
    {"a file without it", RP_RELEASE_ARC, NAME_251, NAME_251},
    {"no suffix to make room for", RP_RELEASE_PHASE3, NAME_251, NAME_251},
    {"the root itself", RP_RELEASE_PHASE2, "/", NULL},
    {"exact names", RP_RELEASE_CURRENT, "db/a..b.parquet", "db/a..b.parquet"},
};

/* What a release's node writes has the name on the disk that the reference would give it. */
START_TEST(written_name_is_the_release_s)
{
    const struct rp_store_port *port = port_of(NAMES[_i].release);
    int error = make(port, NAMES[_i].path);
    ck_assert_msg((error == 0) == (NAMES[_i].stored != NULL), "%s: %d", NAMES[_i].name, error);
    if (NAMES[_i].stored != NULL) {
        struct rp_view name;
        ck_assert_uint_eq(sim_store_names(bench.store, rp_view_text(NULL), &name, 1), 1);
        ck_assert_msg(rp_view_equal(name, rp_view_text(NAMES[_i].stored)), "%s", NAMES[_i].name);
    }
    ck_assert_uint_eq(sim_store_count(bench.store), NAMES[_i].stored == NULL ? 0 : 1);
    pull_bench_end(&bench);
}
END_TEST

/* Two paths of one name are one file: what the second writes the first reads, renames and removes. */
START_TEST(two_paths_are_one_file)
{
    const struct rp_store_port *port = port_of(RP_RELEASE_ARC);
    struct call call;
    ck_assert_int_eq(make(port, "db/a..b"), 0);
    port->stat(port->state, start(&call), rp_view_text("db/a_b"));
    run(&call);
    ck_assert(call.request.stat.is_present);
    port->file_rename(port->state, start(&call), rp_view_text("db/a_b"), rp_view_text("db/c..d"));
    run(&call);
    ck_assert_int_eq(call.error, 0);
    struct rp_view name;
    ck_assert_uint_eq(sim_store_names(bench.store, rp_view_text(NULL), &name, 1), 1);
    ck_assert(rp_view_equal(name, rp_view_text("db/c_d")));
    ck_assert_int_eq(pull_bench_size(&bench, "db/c..d", NULL), 0); /* truth looks by path */
    port->remove(port->state, start(&call), rp_view_text("db/c..d"));
    run(&call);
    ck_assert_uint_eq(sim_store_count(bench.store), 0);
    pull_bench_end(&bench);
}
END_TEST

/* Part files are listed, hidden names are not; a cancelled list completes once. */
START_TEST(list_leaves_hidden_names_out)
{
    const struct rp_store_port *port = port_of(RP_RELEASE_ARC);
    struct call call;
    ck_assert_int_eq(make(port, "db/.arc-00.tmp"), 0);
    ck_assert_int_eq(make(port, "db/a.parquet.part"), 0);
    port->list(port->state, start(&call), rp_view_text("db/"), rp_view_text(""), 10);
    run(&call);
    ck_assert_uint_eq(call.item_count, 1);
    ck_assert(rp_view_equal(call.first, rp_view_text("db/a.parquet.part")));
    port->list(port->state, start(&call), rp_view_text("db/"), rp_view_text(""), 10);
    port->cancel(port->state, &call.request);
    run(&call);
    ck_assert_int_eq(call.error, RP_ERR_CANCELLED);
    pull_bench_end(&bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_names");
    TCase *tc = tcase_create("names");
    tcase_add_loop_test(tc, written_name_is_the_release_s, 0, ROWS(NAMES));
    tcase_add_test(tc, two_paths_are_one_file);
    tcase_add_test(tc, list_leaves_hidden_names_out);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
