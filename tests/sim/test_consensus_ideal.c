#include <check.h>

#include "protocol/error.h"
#include "sim/clock.h"
#include "sim/consensus_ideal.h"
#include "tests/lib/test_alloc.h"

#define MEMBER_COUNT 3

struct fixture;

struct machine {
    struct fixture *fixture;
    struct sim_clock *clock;
    struct sim_consensus_ideal *member;
    struct rp_consensus_port port;
    uint64_t applied, sum, restores;
};

struct fixture {
    struct test_alloc test;
    struct sim_event_queue *queue;
    struct sim_ideal_log *log;
    struct machine machines[MEMBER_COUNT];
    int error;
    bool is_done;
};

static int on_apply(void *context, uint64_t index, uint64_t term, struct rp_view command)
{
    struct machine *machine = context;
    ck_assert_uint_eq(index, machine->applied + 1);
    ck_assert_uint_gt(term, 0);
    machine->applied = index;
    machine->sum += command.bytes[0];
    return command.bytes[0] == 255 ? RP_ERR_INVALID : 0;
}

static int on_restore(void *context, struct rp_view snapshot)
{
    struct machine *machine = context;
    uint64_t state[2];
    memcpy(state, snapshot.bytes, sizeof state);
    machine->applied = state[0];
    machine->sum = state[1];
    machine->restores += 1;
    return 0;
}

static int on_snapshot(void *context, struct rp_block **block_out)
{
    struct machine *machine = context;
    uint8_t *bytes;
    uint64_t state[2] = {machine->applied, machine->sum};
    int error = rp_block_new(&machine->fixture->test.alloc, sizeof state, block_out, &bytes);
    if (error == 0) {
        memcpy(bytes, state, sizeof state);
    }
    return error;
}

static void on_leader_changed(void *context)
{
    (void)context;
}

static void begin(struct fixture *fixture, unsigned number, uint64_t incarnation)
{
    struct machine *machine = &fixture->machines[number];
    machine->fixture = fixture;
    machine->applied = 0;
    machine->sum = 0;
    struct sim_gate gate = {0};
    struct sim_consensus_ideal_params params = {
        .alloc = &fixture->test.alloc,
        .clock = *sim_clock_attach(machine->clock, &gate, number),
        .log = fixture->log,
        .raft_id = 100 + number,
        .seed = 1,
        .incarnation = incarnation,
        .delay_ns = {RP_NS_PER_MS, 5 * RP_NS_PER_MS},
    };
    ck_assert_int_eq(sim_consensus_ideal_new(&params, &machine->member), 0);
    struct rp_consensus_events events = {machine,     on_apply,          on_restore,
                                         on_snapshot, on_leader_changed, NULL};
    sim_consensus_ideal_bind(machine->member, &events);
    machine->port = sim_consensus_ideal_port(machine->member);
    ck_assert_int_eq(machine->port.start(machine->port.state, number == 0), 0);
}

static void on_done(struct rp_consensus_request *request, int error)
{
    struct fixture *fixture = request->context;
    fixture->error = error;
    fixture->is_done = true;
}

static void await(struct fixture *fixture)
{
    while (!fixture->is_done) {
        ck_assert(sim_event_queue_step(fixture->queue));
    }
    fixture->is_done = false;
}

static struct rp_consensus_request propose(struct fixture *fixture, unsigned number, uint8_t byte)
{
    struct rp_consensus_request request = {.done = on_done, .context = fixture};
    struct machine *machine = &fixture->machines[number];
    machine->port.propose(machine->port.state, &request, rp_view_make(&byte, 1));
    ck_assert(!fixture->is_done);
    await(fixture);
    return request;
}

static void rest(struct fixture *fixture)
{
    while (sim_event_queue_step(fixture->queue)) {
    }
}

static void admit(struct fixture *fixture, unsigned number)
{
    struct rp_consensus_request request = {.done = on_done, .context = fixture};
    struct rp_member member = {.raft_id = 100 + number};
    struct machine *leader = &fixture->machines[0];
    leader->port.admit(leader->port.state, &request, &member, RP_TIME_NEVER);
    await(fixture);
    ck_assert_int_eq(fixture->error, 0);
}

static void open_fixture(struct fixture *fixture, uint64_t snapshot_threshold)
{
    memset(fixture, 0, sizeof *fixture);
    test_alloc_init(&fixture->test);
    ck_assert_int_eq(sim_event_queue_new(&fixture->test.alloc, &fixture->queue), 0);
    ck_assert_int_eq(sim_ideal_log_new(&fixture->test.alloc, snapshot_threshold, &fixture->log), 0);
    for (unsigned i = 0; i < MEMBER_COUNT; i++) {
        struct machine *machine = &fixture->machines[i];
        ck_assert_int_eq(sim_clock_new(&fixture->test.alloc, fixture->queue, 0, &machine->clock),
                         0);
    }
    begin(fixture, 0, 1);
}

static void close_fixture(struct fixture *fixture)
{
    for (unsigned i = 0; i < MEMBER_COUNT; i++) {
        sim_consensus_ideal_kill(fixture->machines[i].member);
    }
    for (unsigned i = 0; i < MEMBER_COUNT; i++) {
        sim_clock_free(fixture->machines[i].clock);
    }
    sim_ideal_log_free(fixture->log);
    sim_event_queue_free(fixture->queue);
    ck_assert_uint_eq(fixture->test.live_count, 0);
}

/* Commands reach every admitted member in order, and no other; a refusal is an outcome. */
START_TEST(admitted_members_apply_all)
{
    struct fixture fixture;
    open_fixture(&fixture, 0);
    begin(&fixture, 1, 1);
    begin(&fixture, 2, 1);
    rest(&fixture);
    admit(&fixture, 1);
    for (uint8_t i = 1; i <= 20; i++) {
        ck_assert_uint_eq(propose(&fixture, 0, i).index, i);
    }
    ck_assert_int_eq(propose(&fixture, 0, 255).apply_error, RP_ERR_INVALID);
    rest(&fixture);
    ck_assert_uint_eq(fixture.machines[1].applied, 21);
    ck_assert_uint_eq(fixture.machines[1].sum, fixture.machines[0].sum);
    ck_assert_uint_eq(fixture.machines[2].applied, 0);
    (void)propose(&fixture, 1, 1);
    ck_assert_int_eq(fixture.error, RP_ERR_NOT_LEADER);
    close_fixture(&fixture);
}
END_TEST

/* A read index is answered when this member has applied what was committed at the question. */
START_TEST(read_index_waits_for_the_log)
{
    struct fixture fixture;
    open_fixture(&fixture, 0);
    begin(&fixture, 1, 1);
    rest(&fixture);
    admit(&fixture, 1);
    for (uint8_t i = 1; i <= 20; i++) {
        (void)propose(&fixture, 0, i);
        struct rp_consensus_request request = {.done = on_done, .context = &fixture};
        struct machine *machine = &fixture.machines[1];
        machine->port.read_index(machine->port.state, &request, RP_NS_PER_S * 1000);
        await(&fixture);
        ck_assert_int_eq(fixture.error, 0);
        ck_assert_uint_ge(machine->applied, i);
    }
    close_fixture(&fixture);
}
END_TEST

/* A late joiner gets a snapshot; the oldest of the living follows a dead leader. */
START_TEST(late_joiner_restores_and_may_lead)
{
    struct fixture fixture;
    open_fixture(&fixture, 5);
    rest(&fixture);
    for (uint8_t i = 1; i <= 20; i++) {
        (void)propose(&fixture, 0, i);
    }
    begin(&fixture, 1, 1);
    admit(&fixture, 1);
    rest(&fixture);
    ck_assert_uint_eq(fixture.machines[1].restores, 1);
    ck_assert_uint_eq(fixture.machines[1].sum, fixture.machines[0].sum);
    sim_consensus_ideal_kill(fixture.machines[0].member);
    fixture.machines[0].member = NULL;
    sim_clock_detach(fixture.machines[0].clock);
    ck_assert(fixture.machines[1].port.status(fixture.machines[1].port.state).is_leader);
    ck_assert_uint_eq(propose(&fixture, 1, 9).index, 21);
    struct rp_consensus_request request = {.done = on_done, .context = &fixture};
    fixture.machines[1].port.stop(fixture.machines[1].port.state, &request);
    await(&fixture);
    ck_assert_int_eq(fixture.error, 0);
    sim_consensus_ideal_free(fixture.machines[1].member);
    fixture.machines[1].member = NULL;
    close_fixture(&fixture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("consensus_ideal");
    TCase *tc = tcase_create("consensus_ideal");
    tcase_add_test(tc, admitted_members_apply_all);
    tcase_add_test(tc, read_index_waits_for_the_log);
    tcase_add_test(tc, late_joiner_restores_and_may_lead);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
