#include <check.h>

#include "sim/novelty.h"
#include "tests/lib/test_alloc.h"

struct bench {
    struct test_alloc alloc;
    struct sim_trace *trace;
    struct sim_novelty *novelty;
    rp_time_ns now_ns;
};

static void bench_begin(struct bench *bench)
{
    memset(bench, 0, sizeof *bench);
    test_alloc_init(&bench->alloc);
    ck_assert_int_eq(sim_trace_new(&bench->alloc.alloc, 0, &bench->trace), 0);
    ck_assert_int_eq(sim_novelty_new(&bench->alloc.alloc, &bench->novelty), 0);
    sim_novelty_listen(bench->novelty, bench->trace);
}

static void bench_end(struct bench *bench)
{
    sim_trace_free(bench->trace);
    sim_novelty_free(bench->novelty);
    ck_assert_uint_eq(bench->alloc.live_count, 0);
}

static void see(struct bench *bench, const char *node, enum rp_observation_kind kind,
                const char *path, uint64_t value)
{
    struct rp_observation seen = {.kind = kind, .path = rp_view_text(path), .value = value};
    bench->now_ns += RP_NS_PER_MS;
    sim_trace_observation(bench->trace, bench->now_ns, rp_view_text(node), &seen);
}

static void mark(struct bench *bench, const char *name, const char *node, const char *text)
{
    sim_trace_mark(bench->trace, bench->now_ns, name, rp_view_text(node), rp_view_text(text));
}

static size_t state_count(const struct bench *bench)
{
    const uint64_t *states = NULL;
    return sim_novelty_states(bench->novelty, &states);
}

/* A pull from its announcement to its end: one state a step; the same pull again has none that is new. */
static void pull(struct bench *bench, const char *node, const char *path)
{
    see(bench, node, RP_SEE_ANNOUNCED, path, 0);
    see(bench, node, RP_SEE_PULL_BEGIN, path, 0);
    see(bench, node, RP_SEE_ATTEMPT_BEGIN, path, 1);
    see(bench, node, RP_SEE_DIAL, path, 1);
    see(bench, node, RP_SEE_PUBLISH_BEGIN, path, 0);
    see(bench, node, RP_SEE_PULL_END, path, 0);
}

START_TEST(what_was_reached_before_is_not_new)
{
    struct bench bench;
    bench_begin(&bench);
    pull(&bench, "reader-1", "a");
    ck_assert_uint_eq(state_count(&bench), 6);
    pull(&bench, "reader-1", "b");
    pull(&bench, "reader-2", "c"); /* of the same kind of node */
    ck_assert_uint_eq(state_count(&bench), 6);
    pull(&bench, "writer-1", "c");
    ck_assert_uint_eq(state_count(&bench), 12);
    bench_end(&bench);
}
END_TEST

/* The same steps while something is wrong are other states, and the cells tell what met what. */
START_TEST(faults_make_states_of_their_own)
{
    struct bench bench;
    bench_begin(&bench);
    pull(&bench, "reader-1", "a");
    mark(&bench, "partition", "", "reader-1 | writer-1");
    pull(&bench, "reader-1", "a");
    ck_assert_uint_eq(state_count(&bench), 12);
    mark(&bench, "partition-over", "", "");
    pull(&bench, "reader-1", "a");
    ck_assert_uint_eq(state_count(&bench), 12);
    ck_assert_uint_eq(sim_novelty_cell(bench.novelty, SIM_NOVELTY_PARTITION, SIM_REACH_PULL_BEGUN),
                      1);
    ck_assert_uint_eq(sim_novelty_cell(bench.novelty, SIM_NOVELTY_NONE, SIM_REACH_PULL_BEGUN), 2);
    ck_assert_uint_eq(sim_novelty_cell(bench.novelty, SIM_NOVELTY_KILL, SIM_REACH_PULL_BEGUN), 0);
    bench_end(&bench);
}
END_TEST

/* What begins a fault, what ends it, and the cell in which it shows meanwhile. */
static const struct fault_case {
    const char *name, *begins, *ends, *text;
    enum sim_novelty_fault fault;
} FAULTS[] = {
    {"a link", "link", "link-right", "writer-1", SIM_NOVELTY_LINK},
    {"healed", "link", "heal", "writer-1", SIM_NOVELTY_LINK},
    {"isolated", "isolate", "partition-over", "", SIM_NOVELTY_ISOLATE},
    {"refused", "inbound", "inbound-right", "", SIM_NOVELTY_REFUSE},
    {"paused", "pause", "thaw", "", SIM_NOVELTY_PAUSE},
    {"a clock", "clock", "clock-right", "", SIM_NOVELTY_CLOCK},
    {"a disk", "disk", "disk-right", "", SIM_NOVELTY_DISK},
    {"a liar", "hostile", "hostile-right", "", SIM_NOVELTY_HOSTILE},
    {"a kill", "kill", NULL, "host", SIM_NOVELTY_KILL},
    {"a stop", "stop", NULL, "", SIM_NOVELTY_STOP},
};

START_TEST(a_fault_is_active_until_its_end)
{
    const struct fault_case *row = &FAULTS[_i];
    struct bench bench;
    bench_begin(&bench);
    for (int round = 1; round < 3; round += 1) {
        mark(&bench, row->begins, "reader-1", row->text);
        bench.now_ns += 3600 * RP_NS_PER_S;
        see(&bench, "writer-1", RP_SEE_WALK_BEGIN, "", 0);
        if (row->ends == NULL) {
            sim_trace_note(bench.trace, "life-begins", "reader-1", 8);
        } else {
            mark(&bench, row->ends, "reader-1", row->text);
        }
        see(&bench, "writer-1", RP_SEE_WALK_BEGIN, "", 0);
        ck_assert_msg(sim_novelty_cell(bench.novelty, row->fault, SIM_REACH_WALK_BEGUN) ==
                          (uint64_t)round,
                      "%s", row->name);
        ck_assert_uint_eq(sim_novelty_cell(bench.novelty, SIM_NOVELTY_NONE, SIM_REACH_WALK_BEGUN),
                          (uint64_t)round);
    }
    bench_end(&bench);
}
END_TEST

/* What is done at once counts for ten seconds. */
START_TEST(what_has_no_end_lingers)
{
    struct bench bench;
    bench_begin(&bench);
    mark(&bench, "corrupt", "reader-1", "a");
    mark(&bench, "decision", "", "leader/transfer");
    see(&bench, "reader-1", RP_SEE_RESCAN, "", 0);
    bench.now_ns += 11 * RP_NS_PER_S;
    see(&bench, "reader-1", RP_SEE_RESCAN, "", 0);
    ck_assert_uint_eq(sim_novelty_cell(bench.novelty, SIM_NOVELTY_CORRUPT, SIM_REACH_RESCAN), 1);
    ck_assert_uint_eq(sim_novelty_cell(bench.novelty, SIM_NOVELTY_LEADER, SIM_REACH_RESCAN), 1);
    ck_assert_uint_eq(sim_novelty_cell(bench.novelty, SIM_NOVELTY_NONE, SIM_REACH_RESCAN), 1);
    bench_end(&bench);
}
END_TEST

/* Names lead back to their kinds. */
START_TEST(names_are_read_back)
{
    enum sim_novelty_fault fault;
    const char *name = sim_novelty_fault_name((enum sim_novelty_fault)_i);
    ck_assert(sim_novelty_fault_parse(rp_view_text(name), &fault));
    ck_assert_int_eq((int)fault, _i);
    ck_assert(!sim_novelty_fault_parse(rp_view_text("nosuch"), &fault));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("novelty");
    TCase *tcase = tcase_create("novelty");
    tcase_add_test(tcase, what_was_reached_before_is_not_new);
    tcase_add_test(tcase, faults_make_states_of_their_own);
    tcase_add_loop_test(tcase, a_fault_is_active_until_its_end, 0,
                        sizeof FAULTS / sizeof FAULTS[0]);
    tcase_add_test(tcase, what_has_no_end_lingers);
    tcase_add_loop_test(tcase, names_are_read_back, 0, SIM_NOVELTY_FAULT_COUNT);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
