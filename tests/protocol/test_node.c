/* Tests of a node over ports that do nothing by themselves: what no simulated world brings about. */
#include "protocol/node.h"

#include <check.h>
#include <stdio.h>

#include "protocol/command.h"
#include "protocol/error.h"
#include "protocol/node_internal.h"
#include "tests/lib/test_alloc.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))

/* ---- Ports -------------------------------------------------------------------------------------- */

#define TIMER_MAX 256
#define CALL_MAX  256

struct bench {
    struct test_alloc memory;
    struct rp_config config;
    struct rp_entry_pool *pool;
    struct rp_ports ports;
    struct rp_node *node;
    rp_time_ns now_ns;
    uint64_t handle_count;
    struct {
        struct rp_timer *timer;
        rp_time_ns deadline_ns;
    } timers[TIMER_MAX];
    size_t timer_count;
    struct rp_store_request *store_calls[CALL_MAX];
    size_t store_call_count;
    struct rp_consensus_request *consensus_calls[CALL_MAX];
    size_t consensus_call_count;
    struct rp_consensus_request *transfer, *closing;
    bool is_leader, is_listening, is_consensus_running, is_detached;
    int listen_error, start_error;
    size_t stopped_count;
    enum rp_release release;
    char order[256];       /* what was begun, in order */
    bool applies_at_start; /* consensus restores one entry from within its start */
};

static void note(struct bench *bench, const char *word)
{
    size_t used = strlen(bench->order);
    (void)snprintf(bench->order + used, sizeof bench->order - used, "%s%s", used == 0 ? "" : " ",
                   word);
}

static void apply_register(struct bench *bench, uint64_t index, const char *path)
{
    struct rp_buffer command;
    struct rp_file_record record = {
        .path = rp_view_text(path),
        .sha256 = rp_view_text("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        .size_bytes = 10,
        .origin_node_id = rp_view_text("writer-1"),
        .tier = rp_view_text("hot"),
        .created_at = {.unix_s = 1775923200},
    };
    rp_buffer_init(&command, &bench->memory.alloc, 4096);
    ck_assert_int_eq(rp_command_encode_register(&command, RP_CMD_REGISTER_FILE, &record), 0);
    const struct rp_consensus_events *events = rp_node_consensus_events(bench->node);
    ck_assert_int_eq(events->apply(events->context, index, 1, rp_buffer_view(&command)), 0);
    rp_buffer_clear(&command);
}

static void apply_delete(struct bench *bench, uint64_t index, const char *path)
{
    struct rp_buffer command;
    rp_buffer_init(&command, &bench->memory.alloc, 4096);
    ck_assert_int_eq(
        rp_command_encode_delete(&command, rp_view_text(path), rp_view_text("retention")), 0);
    const struct rp_consensus_events *events = rp_node_consensus_events(bench->node);
    ck_assert_int_eq(events->apply(events->context, index, 1, rp_buffer_view(&command)), 0);
    rp_buffer_clear(&command);
}

static struct bench *bench_of(void *state)
{
    struct bench *bench = state;
    ck_assert_msg(!bench->is_detached, "a port was called after it was detached");
    return bench;
}

static rp_time_ns clock_now(void *state)
{
    const struct bench *bench = state;
    return bench->now_ns;
}

static int64_t clock_wall(void *state)
{
    const struct bench *bench = state;
    return INT64_C(1775923200000000000) + (int64_t)bench->now_ns;
}

static void clock_disarm(void *state, struct rp_timer *timer)
{
    struct bench *bench = bench_of(state);
    for (size_t row = 0; row < bench->timer_count; row += 1) {
        if (bench->timers[row].timer == timer) {
            bench->timers[row] = bench->timers[--bench->timer_count];
            timer->port_handle = 0;
            return;
        }
    }
}

static void clock_arm(void *state, struct rp_timer *timer, rp_time_ns deadline_ns)
{
    struct bench *bench = bench_of(state);
    clock_disarm(state, timer);
    ck_assert_uint_lt(bench->timer_count, TIMER_MAX);
    bench->timers[bench->timer_count].timer = timer;
    bench->timers[bench->timer_count++].deadline_ns = deadline_ns;
    timer->port_handle = ++bench->handle_count;
}

static void fill(void *state, enum rp_random_purpose purpose, uint8_t *bytes, size_t length_bytes)
{
    struct bench *bench = bench_of(state);
    for (size_t at = 0; at < length_bytes; at += 1) {
        bytes[at] = (uint8_t)(++bench->handle_count + (uint64_t)purpose);
    }
}

static int net_listen(void *state)
{
    struct bench *bench = bench_of(state);
    note(bench, "listen");
    bench->is_listening = bench->listen_error == 0;
    return bench->listen_error;
}

static void net_listen_stop(void *state)
{
    note(bench_of(state), "listener-closes");
    bench_of(state)->is_listening = false;
}

static int net_dial(void *state, struct rp_view address, rp_conn *conn_out)
{
    (void)address;
    *conn_out = ++bench_of(state)->handle_count;
    return 0;
}

static size_t net_send(void *state, rp_conn conn, struct rp_chunk chunk)
{
    (void)bench_of(state);
    (void)conn;
    return chunk.length_bytes;
}

static void net_pause(void *state, rp_conn conn, bool is_paused)
{
    (void)bench_of(state);
    (void)conn;
    (void)is_paused;
}

static void net_close(void *state, rp_conn conn)
{
    (void)bench_of(state);
    (void)conn;
}

static size_t net_unsent(void *state, rp_conn conn)
{
    (void)bench_of(state);
    (void)conn;
    return 0;
}

static void keep_call(void *state, struct rp_store_request *request)
{
    struct bench *bench = bench_of(state);
    ck_assert_uint_lt(bench->store_call_count, CALL_MAX);
    bench->store_calls[bench->store_call_count++] = request;
    request->port_handle = ++bench->handle_count;
}

static void store_named(void *state, struct rp_store_request *request, struct rp_view path)
{
    (void)path;
    keep_call(state, request);
}

static void store_open(void *state, struct rp_store_request *request, struct rp_view path,
                       struct rp_view sha256_hex, enum rp_stage_mode mode)
{
    (void)path;
    (void)sha256_hex;
    (void)mode;
    keep_call(state, request);
}

static void store_write(void *state, struct rp_store_request *request, rp_store_handle writer,
                        struct rp_chunk chunk)
{
    (void)writer;
    (void)chunk;
    keep_call(state, request);
}

static void store_staged(void *state, struct rp_store_request *request, rp_store_handle writer)
{
    (void)writer;
    keep_call(state, request);
}

static void store_read(void *state, struct rp_store_request *request, rp_store_handle reader,
                       uint64_t offset_bytes, size_t length_bytes)
{
    (void)reader;
    (void)offset_bytes;
    (void)length_bytes;
    keep_call(state, request);
}

static void store_read_close(void *state, rp_store_handle reader)
{
    (void)bench_of(state);
    (void)reader;
}

static void store_cancel(void *state, struct rp_store_request *request)
{
    (void)bench_of(state);
    (void)request; /* a disk that is stuck: nothing comes back */
}

static int consensus_start(void *state, bool is_bootstrap)
{
    struct bench *bench = bench_of(state);
    (void)is_bootstrap;
    note(bench, "consensus");
    if (bench->applies_at_start) {
        apply_register(bench, 1, "db/cpu/a.parquet");
    }
    bench->is_consensus_running = bench->start_error == 0;
    return bench->start_error;
}

static struct rp_consensus_status consensus_status(void *state)
{
    const struct bench *bench = state;
    struct rp_consensus_status status = {.is_leader = bench->is_leader,
                                         .has_leader = bench->is_leader,
                                         .leader_raft_id = bench->is_leader ? 7 : 0,
                                         .term = 1,
                                         .raft_id = 7};
    return status;
}

static void keep_consensus(void *state, struct rp_consensus_request *request)
{
    struct bench *bench = bench_of(state);
    ck_assert_uint_lt(bench->consensus_call_count, CALL_MAX);
    bench->consensus_calls[bench->consensus_call_count++] = request;
    request->port_handle = ++bench->handle_count;
}

static void consensus_propose(void *state, struct rp_consensus_request *request,
                              struct rp_view command)
{
    (void)command;
    keep_consensus(state, request);
}

static void consensus_read_index(void *state, struct rp_consensus_request *request,
                                 rp_time_ns deadline_ns)
{
    (void)deadline_ns;
    keep_consensus(state, request);
}

static void consensus_admit(void *state, struct rp_consensus_request *request,
                            const struct rp_member *member, rp_time_ns deadline_ns)
{
    (void)member;
    (void)deadline_ns;
    keep_consensus(state, request);
}

static void consensus_expel(void *state, struct rp_consensus_request *request, uint64_t raft_id)
{
    (void)raft_id;
    keep_consensus(state, request);
}

static void consensus_route(void *state, uint64_t raft_id, struct rp_view raft_address)
{
    (void)bench_of(state);
    (void)raft_id;
    (void)raft_address;
}

static void consensus_departed(void *state, uint64_t raft_id)
{
    (void)bench_of(state);
    (void)raft_id;
}

static void consensus_transfer(void *state, struct rp_consensus_request *request,
                               rp_time_ns deadline_ns)
{
    (void)deadline_ns;
    note(bench_of(state), "transfer");
    bench_of(state)->transfer = request;
}

static void consensus_stop(void *state, struct rp_consensus_request *request)
{
    note(bench_of(state), "consensus-closes");
    bench_of(state)->closing = request;
}

static const struct rp_net_port NET = {
    .listen = net_listen,
    .listen_stop = net_listen_stop,
    .dial = net_dial,
    .send = net_send,
    .pause = net_pause,
    .close = net_close,
    .abort = net_close,
    .unsent_bytes = net_unsent,
};

static const struct rp_store_port STORE = {
    .stat = store_named,
    .stage_open = store_open,
    .stage_write = store_write,
    .stage_publish = store_staged,
    .stage_discard = store_staged,
    .read_open = store_named,
    .read = store_read,
    .read_close = store_read_close,
    .remove = store_named,
    .cancel = store_cancel,
};

static const struct rp_consensus_port CONSENSUS = {
    .start = consensus_start,
    .status = consensus_status,
    .propose = consensus_propose,
    .read_index = consensus_read_index,
    .admit = consensus_admit,
    .expel = consensus_expel,
    .route = consensus_route,
    .departed = consensus_departed,
    .transfer = consensus_transfer,
    .stop = consensus_stop,
};

/* ---- Helpers ------------------------------------------------------------------------------------- */

static void set_text(struct bench *bench, char **text, const char *value)
{
    const struct rp_alloc *alloc = &bench->memory.alloc;
    char *copy = rp_allocate(alloc, strlen(value) + 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, value, strlen(value) + 1);
    rp_release(alloc, *text);
    *text = copy;
}

static void bench_begin(struct bench *bench, const char *secret)
{
    memset(bench, 0, sizeof *bench);
    bench->release = RP_RELEASE_CURRENT;
    test_alloc_init(&bench->memory);
    ck_assert_int_eq(rp_config_init(&bench->config, &bench->memory.alloc), 0);
    bench->config.is_enabled = true;
    set_text(bench, &bench->config.node_id, "reader-1");
    set_text(bench, &bench->config.cluster_name, "prod");
    set_text(bench, &bench->config.role, "reader");
    set_text(bench, &bench->config.seeds, "prod:9100");
    set_text(bench, &bench->config.advertise_addr, "10.0.0.1:9100");
    set_text(bench, &bench->config.raft_advertise_addr, "10.0.0.1:9200");
    set_text(bench, &bench->config.shared_secret, secret);
    ck_assert_int_eq(rp_entry_pool_new(&bench->memory.alloc, &bench->pool), 0);
    bench->ports.alloc = &bench->memory.alloc;
    bench->ports.clock =
        (struct rp_clock_port){bench, clock_now, clock_wall, clock_arm, clock_disarm};
    bench->ports.random = (struct rp_random_port){bench, fill};
    bench->ports.net = NET;
    bench->ports.net.state = bench;
    bench->ports.store = STORE;
    bench->ports.store.state = bench;
    bench->ports.consensus = CONSENSUS;
    bench->ports.consensus.state = bench;
}

static int bear(struct bench *bench, bool has_license, char note[160])
{
    struct rp_node_options options = {
        .config = &bench->config,
        .ports = &bench->ports,
        .pool = bench->pool,
        .release = bench->release,
        .has_clustering_license = has_license,
    };
    return rp_node_new(&options, &bench->node, note);
}

/* What a crash leaves: no port answers or may be called any more, and no block is held. */
static void bench_end(struct bench *bench)
{
    bench->is_detached = true;
    rp_node_free(bench->node);
    rp_entry_pool_free(bench->pool);
    rp_config_clear(&bench->config);
    ck_assert_uint_eq(bench->memory.live_count, 0);
}

static void fire_next(struct bench *bench)
{
    size_t first = 0;
    for (size_t row = 1; row < bench->timer_count; row += 1) {
        if (bench->timers[row].deadline_ns < bench->timers[first].deadline_ns) {
            first = row;
        }
    }
    if (bench->timer_count == 0) {
        return;
    }
    struct rp_timer *timer = bench->timers[first].timer;
    if (bench->timers[first].deadline_ns > bench->now_ns) {
        bench->now_ns = bench->timers[first].deadline_ns;
    }
    bench->timers[first] = bench->timers[--bench->timer_count];
    timer->port_handle = 0;
    timer->fire(timer->context);
}

static void fire_many(struct bench *bench, int count)
{
    for (int row = 0; row < count; row += 1) {
        fire_next(bench);
    }
}

static void end_call(struct rp_consensus_request **place, int error)
{
    struct rp_consensus_request *request = *place;
    *place = NULL;
    request->port_handle = 0;
    request->done(request, error);
}

static void on_stopped(void *context)
{
    struct bench *bench = context;
    bench->stopped_count += 1;
}

/* ---- Birth ----------------------------------------------------------------------------------------- */

/* However early memory runs out, birth says so and holds nothing. */
START_TEST(birth_without_memory_holds_nothing)
{
    struct bench bench;
    bench_begin(&bench, "secret");
    char note[160];
    size_t live = bench.memory.live_count;
    size_t failures = 0;
    for (size_t call = 1;; call += 1) {
        bench.memory.call_count = 0;
        bench.memory.fail_at = call;
        int error = bear(&bench, true, note);
        if (error == 0) {
            break;
        }
        ck_assert_int_eq(error, RP_ERR_NOMEM);
        ck_assert_str_ne(note, "");
        ck_assert_uint_eq(bench.memory.live_count, live);
        failures += 1;
    }
    ck_assert_uint_gt(failures, 20);
    bench.memory.fail_at = 0;
    bench_end(&bench);
}
END_TEST

/* A secret that is none keeps the node from being made, with a word about it. */
START_TEST(node_without_secret_is_refused)
{
    static const char *const secrets[] = {"", " ", " \t\n"};
    struct bench bench;
    bench_begin(&bench, secrets[_i]);
    char note[160];
    ck_assert_int_eq(bear(&bench, true, note), RP_ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(note, "secret"));
    ck_assert(!bench.is_listening);
    bench_end(&bench);
}
END_TEST

/* Without a license a node stays alone: no listener, no timer, and its stop completes. */
START_TEST(node_without_license_stays_alone)
{
    struct bench bench;
    bench_begin(&bench, "secret");
    char note[160];
    ck_assert_int_eq(bear(&bench, false, note), 0);
    ck_assert_int_eq(rp_node_start(bench.node), 0);
    ck_assert(!bench.is_listening && !bench.is_consensus_running);
    ck_assert_uint_eq(bench.timer_count, 0);
    struct rp_query_answer answer = rp_node_query(bench.node, rp_view_text(""));
    ck_assert(!answer.is_gated && answer.is_complete);
    ck_assert_int_eq(rp_node_stop(bench.node, on_stopped, &bench), 0);
    fire_many(&bench, 3);
    ck_assert_uint_eq(bench.stopped_count, 1);
    bench_end(&bench);
}
END_TEST

/* ---- Start ------------------------------------------------------------------------------------------- */

/* A start that fails leaves nothing running, whatever failed. */
START_TEST(failed_start_leaves_nothing_running)
{
    struct bench bench;
    bench_begin(&bench, "secret");
    char note[160];
    ck_assert_int_eq(bear(&bench, true, note), 0);
    bench.listen_error = _i == 0 ? RP_ERR_IO : 0;
    bench.start_error = _i == 1 ? RP_ERR_IO : 0;
    ck_assert_int_eq(rp_node_start(bench.node), RP_ERR_IO);
    ck_assert(!bench.is_listening);
    ck_assert(!bench.is_consensus_running);
    ck_assert_uint_eq(bench.timer_count, 0);
    bench_end(&bench);
}
END_TEST

/* Memory that runs out at any call of the first minutes costs a try, never a block or the node. */
START_TEST(running_without_memory_loses_nothing)
{
    for (size_t call = 1; call <= 120; call += 1) {
        struct bench bench;
        bench_begin(&bench, "secret");
        char note[160];
        bench.is_leader = _i != 0;
        ck_assert_int_eq(bear(&bench, true, note), 0);
        bench.memory.call_count = 0;
        bench.memory.fail_at = call;
        rp_ignore(rp_node_start(bench.node));
        fire_many(&bench, 60);
        bench_end(&bench);
    }
}
END_TEST

/* ---- Stop and free -------------------------------------------------------------------------------------- */

/* A stop of a node that never started completes, later. */
START_TEST(stop_without_start_completes_later)
{
    struct bench bench;
    bench_begin(&bench, "secret");
    char note[160];
    ck_assert_int_eq(bear(&bench, true, note), 0);
    ck_assert_int_eq(rp_node_stop(bench.node, on_stopped, &bench), 0);
    ck_assert_uint_eq(bench.stopped_count, 0);
    fire_many(&bench, 3);
    ck_assert_uint_eq(bench.stopped_count, 1);
    bench_end(&bench);
}
END_TEST

static void start_busy(struct bench *bench, const char *secret)
{
    char note[160];
    bench_begin(bench, secret);
    bench->is_leader = true;
    ck_assert_int_eq(bear(bench, true, note), 0);
    ck_assert_int_eq(rp_node_start(bench->node), 0);
    fire_many(bench, 10);
}

/* Fires timers until a call shows up. */
static void await_call(struct bench *bench, struct rp_consensus_request **place)
{
    for (int row = 0; row < 100 && *place == NULL; row += 1) {
        fire_next(bench);
    }
    ck_assert_ptr_nonnull(*place);
}

/* A second stop is refused, at any time, and the first one completes once. */
START_TEST(second_stop_is_refused)
{
    struct bench bench;
    start_busy(&bench, "secret");
    ck_assert_int_eq(rp_node_stop(bench.node, on_stopped, &bench), 0);
    ck_assert_int_eq(rp_node_stop(bench.node, on_stopped, &bench), RP_ERR_BUSY);
    await_call(&bench, &bench.transfer);
    end_call(&bench.transfer, 0);
    await_call(&bench, &bench.closing);
    end_call(&bench.closing, 0);
    fire_many(&bench, 10);
    ck_assert_uint_eq(bench.stopped_count, 1);
    ck_assert_uint_eq(bench.timer_count, 0);
    ck_assert_int_eq(rp_node_stop(bench.node, on_stopped, &bench), RP_ERR_BUSY);
    bench_end(&bench);
}
END_TEST

/* A hand-over of leadership that answers after its limit does not pass for the end of consensus. */
START_TEST(late_transfer_is_not_the_end_of_consensus)
{
    struct bench bench;
    start_busy(&bench, "secret");
    ck_assert_int_eq(rp_node_stop(bench.node, on_stopped, &bench), 0);
    await_call(&bench, &bench.transfer);
    fire_many(&bench, 100);
    ck_assert_uint_eq(bench.stopped_count, 0);
    end_call(&bench.transfer, RP_ERR_TIMEOUT);
    await_call(&bench, &bench.closing);
    ck_assert_uint_eq(bench.stopped_count, 0);
    end_call(&bench.closing, 0);
    fire_many(&bench, 10);
    ck_assert_uint_eq(bench.stopped_count, 1);
    bench_end(&bench);
}
END_TEST

/* A life may end after any number of events, before and during its stop: no port is called then,
 * and no block stays. */
START_TEST(life_ends_cleanly_at_any_moment)
{
    for (int before = 0; before < 40; before += 1) {
        struct bench bench;
        char note[160];
        bench_begin(&bench, "secret");
        bench.is_leader = _i % 2 != 0;
        ck_assert_int_eq(bear(&bench, true, note), 0);
        ck_assert_int_eq(rp_node_start(bench.node), 0);
        fire_many(&bench, before);
        if (_i >= 2) {
            ck_assert_int_eq(rp_node_stop(bench.node, on_stopped, &bench), 0);
            fire_many(&bench, before % 7);
        }
        bench_end(&bench);
    }
}
END_TEST

/* ---- Releases --------------------------------------------------------------------------------------------- */

static const struct {
    enum rp_release release;
    const char *order;
} starts[] = {
    {RP_RELEASE_PHASE2, "consensus listen"},
    {RP_RELEASE_ARC, "consensus listen"},
    {RP_RELEASE_CURRENT, "listen consensus"},
};

/* behaviour.md 13.3: the reference opens its listener when consensus and the walk are under way. */
START_TEST(listener_opens_where_the_release_has_it)
{
    struct bench bench;
    char note_text[160];
    bench_begin(&bench, "secret");
    bench.release = starts[_i].release;
    ck_assert_int_eq(bear(&bench, true, note_text), 0);
    ck_assert_int_eq(rp_node_start(bench.node), 0);
    ck_assert_str_eq(bench.order, starts[_i].order);
    bench_end(&bench);
}
END_TEST

/* behaviour.md 14: without an address there is no listener, in any release. */
START_TEST(no_address_means_no_listener)
{
    struct bench bench;
    char note_text[160];
    bench_begin(&bench, "secret");
    bench.release = starts[_i].release;
    set_text(&bench, &bench.config.coordinator_addr, "");
    ck_assert_int_eq(bear(&bench, true, note_text), 0);
    ck_assert_int_eq(rp_node_start(bench.node), 0);
    ck_assert(!bench.is_listening && bench.is_consensus_running);
    bench_end(&bench);
}
END_TEST

/* behaviour.md 10.1: what is applied while consensus starts reaches no callback of the reference. */
START_TEST(start_of_consensus_is_heard_by_current_only)
{
    static const enum rp_release releases[] = {RP_RELEASE_PHASE3, RP_RELEASE_ARC,
                                               RP_RELEASE_CURRENT};
    struct bench bench;
    char note_text[160];
    bench_begin(&bench, "secret");
    bench.release = releases[_i];
    bench.config.is_replication_enabled = true;
    bench.config.is_replication_catchup_enabled = false;
    bench.applies_at_start = true;
    ck_assert_int_eq(bear(&bench, true, note_text), 0);
    ck_assert_int_eq(rp_node_start(bench.node), 0);
    struct rp_node_inspection inspection;
    rp_node_inspect(bench.node, &inspection);
    ck_assert_uint_eq(inspection.puller.enqueued, releases[_i] == RP_RELEASE_CURRENT);
    ck_assert_uint_eq(rp_manifest_file_count(inspection.manifest), 1);
    bench_end(&bench);
}
END_TEST

#define PAGE_FILES 2500

static void page_path(char path[32], unsigned row)
{
    (void)snprintf(path, 32, "db/cpu/%05u.parquet", row);
}

/* Pages as the walk of a release sees them when the second thousand goes after the first page. */
static const struct {
    enum rp_release release;
    size_t counts[4]; /* of the pages, until the last */
    size_t page_count;
} walks[] = {
    {RP_RELEASE_PHASE3, {1000, 1000, 500, 0}, 3}, /* a copy: what is gone is walked all the same */
    {RP_RELEASE_ARC, {1000, 0, 0, 0}, 2},         /* an empty page passes for the end */
    {RP_RELEASE_CURRENT, {1000, 500, 0, 0}, 2},
};

/* behaviour.md 10.2 */
START_TEST(walk_pages_are_the_releases)
{
    struct bench bench;
    char note_text[160];
    char path[32];
    bench_begin(&bench, "secret");
    bench.release = walks[_i].release;
    ck_assert_int_eq(bear(&bench, true, note_text), 0);
    for (unsigned row = 0; row < PAGE_FILES; row += 1) {
        page_path(path, row);
        apply_register(&bench, row + 1, path);
    }
    struct rp_view cursor = rp_view_make(NULL, 0);
    char last[32] = "";
    for (size_t number = 0; number < walks[_i].page_count; number += 1) {
        struct node_page page;
        ck_assert_int_eq(node_page_next(bench.node, cursor, &page), 0);
        ck_assert_uint_eq(page.count, walks[_i].counts[number]);
        ck_assert_int_eq(page.is_last, number + 1 == walks[_i].page_count);
        for (size_t row = 0; row < page.count; row += 1) {
            struct rp_view name = bench.node->page[row]->path;
            memcpy(last, name.bytes, name.length_bytes);
            last[name.length_bytes] = '\0';
            rp_file_entry_release(bench.node->page[row]);
        }
        cursor = rp_view_text(last);
        for (unsigned row = 1000; number == 0 && row < 2000; row += 1) {
            page_path(path, row);
            apply_delete(&bench, PAGE_FILES + row, path);
        }
    }
    bench_end(&bench);
}
END_TEST

/* behaviour.md 13.4: consensus closes before the listener, and nobody is handed the leadership. */
START_TEST(old_stop_closes_its_listener_last)
{
    static const struct {
        enum rp_release release;
        const char *order;
    } stops[] = {
        {RP_RELEASE_PHASE2, "consensus listen consensus-closes listener-closes"},
        {RP_RELEASE_ARC, "consensus listen consensus-closes listener-closes"},
        {RP_RELEASE_CURRENT, "listen consensus listener-closes transfer consensus-closes"},
    };
    struct bench bench;
    char note_text[160];
    bench_begin(&bench, "secret");
    bench.is_leader = true;
    bench.release = stops[_i].release;
    ck_assert_int_eq(bear(&bench, true, note_text), 0);
    ck_assert_int_eq(rp_node_start(bench.node), 0);
    ck_assert_int_eq(rp_node_stop(bench.node, on_stopped, &bench), 0);
    if (stops[_i].release == RP_RELEASE_CURRENT) {
        await_call(&bench, &bench.transfer);
        end_call(&bench.transfer, 0);
    }
    await_call(&bench, &bench.closing);
    end_call(&bench.closing, 0);
    fire_many(&bench, 20);
    ck_assert_uint_eq(bench.stopped_count, 1);
    ck_assert_str_eq(bench.order, stops[_i].order);
    bench_end(&bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("protocol.node");
    TCase *tcase = tcase_create("life");
    tcase_add_test(tcase, birth_without_memory_holds_nothing);
    tcase_add_loop_test(tcase, node_without_secret_is_refused, 0, 3);
    tcase_add_test(tcase, node_without_license_stays_alone);
    tcase_add_loop_test(tcase, failed_start_leaves_nothing_running, 0, 2);
    tcase_add_loop_test(tcase, running_without_memory_loses_nothing, 0, 2);
    tcase_add_test(tcase, stop_without_start_completes_later);
    tcase_add_test(tcase, second_stop_is_refused);
    tcase_add_test(tcase, late_transfer_is_not_the_end_of_consensus);
    tcase_add_loop_test(tcase, life_ends_cleanly_at_any_moment, 0, 4);
    suite_add_tcase(suite, tcase);
    TCase *releases = tcase_create("releases");
    tcase_add_loop_test(releases, listener_opens_where_the_release_has_it, 0, ROWS(starts));
    tcase_add_loop_test(releases, no_address_means_no_listener, 0, ROWS(starts));
    tcase_add_loop_test(releases, start_of_consensus_is_heard_by_current_only, 0, 3);
    tcase_add_loop_test(releases, walk_pages_are_the_releases, 0, ROWS(walks));
    tcase_add_loop_test(releases, old_stop_closes_its_listener_last, 0, 3);
    suite_add_tcase(suite, releases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
