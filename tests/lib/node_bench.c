#include "tests/lib/node_bench.h"

#include <check.h>
#include <stdio.h>

#include "protocol/command.h"
#include "protocol/error.h"

/* ---- Ports -------------------------------------------------------------------------------------- */

static void note(struct node_bench *bench, const char *word)
{
    size_t used = strlen(bench->order);
    (void)snprintf(bench->order + used, sizeof bench->order - used, "%s%s", used == 0 ? "" : " ",
                   word);
}

void node_bench_register(struct node_bench *bench, uint64_t index, const char *path)
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

void node_bench_delete(struct node_bench *bench, uint64_t index, const char *path)
{
    struct rp_buffer command;
    rp_buffer_init(&command, &bench->memory.alloc, 4096);
    ck_assert_int_eq(
        rp_command_encode_delete(&command, rp_view_text(path), rp_view_text("retention")), 0);
    const struct rp_consensus_events *events = rp_node_consensus_events(bench->node);
    ck_assert_int_eq(events->apply(events->context, index, 1, rp_buffer_view(&command)), 0);
    rp_buffer_clear(&command);
}

static struct node_bench *bench_of(void *state)
{
    struct node_bench *bench = state;
    ck_assert_msg(!bench->is_detached, "a port was called after it was detached");
    return bench;
}

static rp_time_ns clock_now(void *state)
{
    const struct node_bench *bench = state;
    return bench->now_ns;
}

static int64_t clock_wall(void *state)
{
    const struct node_bench *bench = state;
    return INT64_C(1775923200000000000) + (int64_t)bench->now_ns;
}

static void clock_disarm(void *state, struct rp_timer *timer)
{
    struct node_bench *bench = bench_of(state);
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
    struct node_bench *bench = bench_of(state);
    clock_disarm(state, timer);
    ck_assert_uint_lt(bench->timer_count, NODE_BENCH_TIMER_MAX);
    bench->timers[bench->timer_count].timer = timer;
    bench->timers[bench->timer_count++].deadline_ns = deadline_ns;
    timer->port_handle = ++bench->handle_count;
}

static void fill(void *state, enum rp_random_purpose purpose, uint8_t *bytes, size_t length_bytes)
{
    struct node_bench *bench = bench_of(state);
    for (size_t at = 0; at < length_bytes; at += 1) {
        bytes[at] = (uint8_t)(++bench->handle_count + (uint64_t)purpose);
    }
}

static int net_listen(void *state)
{
    struct node_bench *bench = bench_of(state);
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
    struct node_bench *bench = bench_of(state);
    ck_assert_uint_lt(bench->store_call_count, NODE_BENCH_CALL_MAX);
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
    struct node_bench *bench = bench_of(state);
    (void)is_bootstrap;
    note(bench, "consensus");
    if (bench->applies_at_start) {
        node_bench_register(bench, 1, "db/cpu/a.parquet");
    }
    bench->is_consensus_running = bench->start_error == 0;
    return bench->start_error;
}

static struct rp_consensus_status consensus_status(void *state)
{
    const struct node_bench *bench = state;
    struct rp_consensus_status status = {.is_leader = bench->is_leader,
                                         .has_leader = bench->is_leader,
                                         .leader_raft_id = bench->is_leader ? 7 : 0,
                                         .term = 1,
                                         .raft_id = 7};
    return status;
}

static void keep_consensus(void *state, struct rp_consensus_request *request)
{
    struct node_bench *bench = bench_of(state);
    ck_assert_uint_lt(bench->consensus_call_count, NODE_BENCH_CALL_MAX);
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

void node_bench_set_text(struct node_bench *bench, char **text, const char *value)
{
    const struct rp_alloc *alloc = &bench->memory.alloc;
    char *copy = rp_allocate(alloc, strlen(value) + 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, value, strlen(value) + 1);
    rp_release(alloc, *text);
    *text = copy;
}

void node_bench_begin(struct node_bench *bench, const char *secret)
{
    memset(bench, 0, sizeof *bench);
    bench->release = RP_RELEASE_CURRENT;
    test_alloc_init(&bench->memory);
    ck_assert_int_eq(rp_config_init(&bench->config, &bench->memory.alloc), 0);
    bench->config.is_enabled = true;
    node_bench_set_text(bench, &bench->config.node_id, "reader-1");
    node_bench_set_text(bench, &bench->config.cluster_name, "prod");
    node_bench_set_text(bench, &bench->config.role, "reader");
    node_bench_set_text(bench, &bench->config.seeds, "prod:9100");
    node_bench_set_text(bench, &bench->config.advertise_addr, "10.0.0.1:9100");
    node_bench_set_text(bench, &bench->config.raft_advertise_addr, "10.0.0.1:9200");
    node_bench_set_text(bench, &bench->config.shared_secret, secret);
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

int node_bench_bear(struct node_bench *bench, bool has_license, char note[160])
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

void node_bench_end(struct node_bench *bench)
{
    bench->is_detached = true;
    rp_node_free(bench->node);
    rp_entry_pool_free(bench->pool);
    rp_config_clear(&bench->config);
    ck_assert_uint_eq(bench->memory.live_count, 0);
}

void node_bench_fire(struct node_bench *bench)
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

void node_bench_fire_many(struct node_bench *bench, int count)
{
    for (int row = 0; row < count; row += 1) {
        node_bench_fire(bench);
    }
}

void node_bench_end_call(struct rp_consensus_request **place, int error)
{
    struct rp_consensus_request *request = *place;
    *place = NULL;
    request->port_handle = 0;
    request->done(request, error);
}

void node_bench_stopped(void *context)
{
    struct node_bench *bench = context;
    bench->stopped_count += 1;
}
