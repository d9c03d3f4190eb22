#include "tests/lib/pull_bench.h"

#include <check.h>
#include <stdio.h>

/* ---- Ports ---------------------------------------------------------------------------------------- */

static void fill(void *state, enum rp_random_purpose purpose, uint8_t *bytes, size_t length_bytes)
{
    struct pull_bench *bench = state;
    for (size_t at = 0; at < length_bytes; at += 1) {
        bench->random_count += 1;
        bytes[at] = (uint8_t)(bench->random_count * 37 + (uint64_t)purpose);
    }
}

/* A follower whose leader is somebody else, with everything applied. */
static struct rp_consensus_status status(void *state)
{
    const struct pull_bench *bench = state;
    struct rp_consensus_status known = {.has_leader = true,
                                        .leader_raft_id = 8,
                                        .term = 1,
                                        .applied_index = bench->log_index,
                                        .raft_id = 7};
    return known;
}

/* ---- The script ----------------------------------------------------------------------------------- */

static struct pull_bench *bench_of(struct node_worker *worker)
{
    return worker->node->transfer->context;
}

static size_t resolve(struct node_worker *worker)
{
    struct pull_bench *bench = bench_of(worker);
    bench->resolver_calls += 1;
    if (bench->resolver_calls <= bench->resolver_empty_first) {
        return 0;
    }
    for (size_t row = 0; row < bench->peer_count; row += 1) {
        struct rp_view name = rp_view_text(bench->peers[row]);
        worker->node->pull_candidates[row] =
            (struct rp_pull_candidate){.node_id = name, .address = name};
    }
    return bench->peer_count;
}

static void copy_text(char *target, size_t target_bytes, struct rp_view text)
{
    ck_assert_uint_lt(text.length_bytes, target_bytes);
    memcpy(target, text.bytes, text.length_bytes);
    target[text.length_bytes] = '\0';
}

/* Reading the hash ended it: what a right prefix leaves is made again. */
static void feed_prefix(struct pull_bench *bench, struct node_worker *worker)
{
    uint8_t bytes[PULL_FILE_BYTES_MAX];
    size_t length_bytes = (size_t)worker->byte_offset;
    ck_assert_uint_le(length_bytes, sizeof bytes);
    sim_body_fill(bench->bodies, bench->right_key, 0, bytes, length_bytes);
    rp_sha256_begin(worker->hash);
    rp_sha256_update(worker->hash, rp_view_make(bytes, length_bytes));
}

static void note_call(struct pull_bench *bench, struct node_worker *worker)
{
    ck_assert_uint_lt(bench->call_count, PULL_CALL_MAX);
    struct pull_call *call = &bench->calls[bench->call_count++];
    copy_text(call->path, sizeof call->path, worker->entry->path);
    copy_text(call->peer, sizeof call->peer, node_try_peer(worker));
    copy_text(call->outcome, sizeof call->outcome, rp_view_text(bench->running));
    call->offset_bytes = worker->byte_offset;
    if (worker->byte_offset > 0) {
        rp_sha256_hex(worker->hash, call->prefix_sha256);
        feed_prefix(bench, worker);
    }
}

static bool is_word(const struct pull_bench *bench, const char *word)
{
    return strncmp(bench->running, word, strlen(word)) == 0;
}

static void plan_bytes(struct pull_bench *bench, const struct node_worker *worker)
{
    uint64_t whole = (uint64_t)worker->entry->size_bytes - worker->byte_offset;
    bench->sent_bytes = 0;
    bench->want_bytes = 0;
    bench->is_wrong = is_word(bench, "body_then_checksum");
    bench->is_sink_broken = false;
    if (strcmp(bench->running, "ok") == 0 || bench->is_wrong) {
        bench->want_bytes = whole;
    } else if (is_word(bench, "cut")) {
        uint64_t cut = strtoull(strchr(bench->running, ':') + 1, NULL, 10);
        bench->want_bytes = cut < whole ? cut : whole;
    }
}

/* The transfer goes on from an event of its own, as a connection would. */
static void on_timer(void *context);

static void begin(struct node_worker *worker)
{
    struct pull_bench *bench = bench_of(worker);
    size_t peer = 0;
    while (!rp_view_equal(rp_view_text(bench->peers[peer]), node_try_peer(worker))) {
        peer += 1;
    }
    bench->running = bench->outcome(bench, peer);
    bench->peer_calls[peer] += 1;
    note_call(bench, worker);
    plan_bytes(bench, worker);
    node_timer_init(&worker->timer, on_timer, worker);
    node_arm_after(worker->node, &worker->timer, 0);
}

static void send_piece(struct node_worker *worker)
{
    struct pull_bench *bench = bench_of(worker);
    struct rp_chunk chunk;
    sim_body_key key = bench->is_wrong ? bench->wrong_key : bench->right_key;
    ck_assert_int_eq(sim_body_chunk(bench->bodies, key, worker->byte_offset + bench->sent_bytes,
                                    (size_t)(bench->want_bytes - bench->sent_bytes), &chunk),
                     0);
    if (bench->sent_bytes == 0 && worker->byte_offset == 0) {
        rp_sha256_begin(worker->hash);
    }
    rp_sha256_update(worker->hash, rp_chunk_view(chunk));
    int error = node_try_append(worker, chunk);
    rp_block_release(chunk.block);
    if (error != 0) {
        bench->is_sink_broken = true;
        node_arm_after(worker->node, &worker->timer, 0);
    }
}

static void finish(struct node_worker *worker)
{
    static const struct {
        const char *word;
        enum rp_fetch_outcome outcome;
        enum rp_fetch_class class;
    } ENDS[] = {
        {"ok", RP_FETCH_OK, RP_FETCH_CLASS_OK},
        {"file_not_on_peer", RP_FETCH_NOT_ON_PEER, RP_FETCH_CLASS_NOT_ON_PEER},
        {"checksum_mismatch", RP_FETCH_CHECKSUM_MISMATCH, RP_FETCH_CLASS_CHECKSUM},
        {"body_then_checksum", RP_FETCH_CHECKSUM_MISMATCH, RP_FETCH_CLASS_CHECKSUM},
        {"bad_offset", RP_FETCH_BAD_OFFSET, RP_FETCH_CLASS_BAD_OFFSET},
        {"canceled", RP_FETCH_CANCELLED, RP_FETCH_CLASS_CANCELLED},
        {"stop", RP_FETCH_CANCELLED, RP_FETCH_CLASS_CANCELLED},
        {"deadline", RP_FETCH_FAILED, RP_FETCH_CLASS_BODY_STREAM},
        {"plain", RP_FETCH_FAILED, RP_FETCH_CLASS_DIAL},
        {"cut_ok", RP_FETCH_OK, RP_FETCH_CLASS_OK},
        {"cut", RP_FETCH_FAILED, RP_FETCH_CLASS_BODY_STREAM},
    };
    struct pull_bench *bench = bench_of(worker);
    size_t row = 0;
    while (!is_word(bench, ENDS[row].word)) {
        row += 1;
        ck_assert_uint_lt(row, sizeof ENDS / sizeof ENDS[0]);
    }
    enum rp_fetch_outcome outcome = ENDS[row].outcome;
    enum rp_fetch_class class = ENDS[row].class;
    /* An error code that the release's wire does not have is any refusal. */
    bool is_unknown = outcome == RP_FETCH_BAD_OFFSET &&
                      worker->node->traits->wire_fields != RP_WIRE_ACK_CODES_AND_OFFSETS;
    if (bench->is_sink_broken || is_unknown) {
        outcome = RP_FETCH_FAILED;
        class = is_unknown ? RP_FETCH_CLASS_REJECTED : RP_FETCH_CLASS_SINK;
    }
    node_try_finished(worker, outcome, class, bench->want_bytes > 0);
}

static void on_timer(void *context)
{
    struct node_worker *worker = context;
    struct pull_bench *bench = bench_of(worker);
    if (strcmp(bench->running, "stop") == 0) {
        node_pull_stop(worker->node);
    }
    if (worker->state != NODE_WORKER_FETCHING) {
        return; /* it heard the cancellation */
    }
    if (bench->sent_bytes < bench->want_bytes && !bench->is_sink_broken) {
        send_piece(worker);
    } else {
        finish(worker);
    }
}

static void sunk(struct node_worker *worker, int error, size_t taken_bytes)
{
    struct pull_bench *bench = bench_of(worker);
    bench->sent_bytes += taken_bytes;
    bench->is_sink_broken = error != 0;
    node_arm_after(worker->node, &worker->timer, 0);
}

static void cancel(struct node_worker *worker)
{
    node_disarm(worker->node, &worker->timer);
    node_try_finished(worker, RP_FETCH_CANCELLED, RP_FETCH_CLASS_CANCELLED, false);
}

static void end(struct node_worker *worker)
{
    node_disarm(worker->node, &worker->timer);
}

/* ---- Birth and death ------------------------------------------------------------------------------ */

static void make_world(struct pull_bench *bench)
{
    const struct rp_alloc *alloc = &bench->memory.alloc;
    ck_assert_int_eq(sim_event_queue_new(alloc, &bench->queue), 0);
    ck_assert_int_eq(sim_bodies_new(alloc, SIM_BODY_CACHE_BYTES, &bench->bodies), 0);
    ck_assert_int_eq(
        sim_clock_new(alloc, bench->queue, INT64_C(1775923200000000000), &bench->clock), 0);
    bench->ports.clock = *sim_clock_attach(bench->clock, NULL, 0);
    struct sim_disks_spec disks = {
        .alloc = alloc, .queue = bench->queue, .bodies = bench->bodies, .seed = 1};
    ck_assert_int_eq(sim_disks_new(&disks, &bench->disks), 0);
    struct sim_store_spec spec = {.name = rp_view_text("disk"),
                                  .latency_ns = {50000, 200000},
                                  .capacity_bytes = UINT64_C(1) << 40};
    ck_assert_int_eq(sim_store_new(bench->disks, &spec, &bench->store), 0);
    bench->ports.store = *sim_store_attach(bench->store, NULL, &bench->ports.clock);
}

static void make_bodies(struct pull_bench *bench)
{
    uint8_t bytes[PULL_FILE_BYTES_MAX];
    for (uint32_t add = 7; add <= 9; add += 2) {
        for (size_t at = 0; at < sizeof bytes; at += 1) {
            bytes[at] = (uint8_t)((at * 31 + add) % 251);
        }
        ck_assert_int_eq(sim_bodies_literal(bench->bodies, rp_view_make(bytes, sizeof bytes),
                                            add == 7 ? &bench->right_key : &bench->wrong_key),
                         0);
    }
}

static void set_text(struct pull_bench *bench, char **text, const char *value)
{
    const struct rp_alloc *alloc = &bench->memory.alloc;
    char *copy = rp_allocate(alloc, strlen(value) + 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, value, strlen(value) + 1);
    rp_release(alloc, *text);
    *text = copy;
}

static void make_config(struct pull_bench *bench, uint32_t queue_max, uint32_t attempt_max)
{
    ck_assert_int_eq(rp_config_init(&bench->config, &bench->memory.alloc), 0);
    bench->config.is_enabled = true;
    set_text(bench, &bench->config.node_id, "reader-1");
    set_text(bench, &bench->config.cluster_name, "prod");
    set_text(bench, &bench->config.role, "reader");
    set_text(bench, &bench->config.advertise_addr, "10.0.0.1:9100");
    set_text(bench, &bench->config.raft_advertise_addr, "10.0.0.1:9200");
    set_text(bench, &bench->config.shared_secret, "secret");
    bench->config.is_replication_enabled = true;
    bench->config.replication_pull_workers = 1;
    bench->config.replication_queue_size = queue_max == 0 ? 1024 : queue_max;
    bench->config.replication_retry_max_attempts = attempt_max == 0 ? 3 : attempt_max;
}

void pull_bench_begin(struct pull_bench *bench, enum rp_release release, uint32_t queue_max,
                      uint32_t attempt_max)
{
    memset(bench, 0, sizeof *bench);
    test_alloc_init(&bench->memory);
    test_alloc_init(&bench->node_memory);
    bench->ports.alloc = &bench->node_memory.alloc;
    make_world(bench);
    sim_store_set_names(bench->store, rp_release_traits(release));
    make_bodies(bench);
    make_config(bench, queue_max, attempt_max);
    bench->ports.random = (struct rp_random_port){bench, fill};
    bench->ports.consensus = (struct rp_consensus_port){.state = bench, .status = status};
    ck_assert_int_eq(rp_entry_pool_new(&bench->node_memory.alloc, &bench->pool), 0);
    struct rp_node_options options = {
        .config = &bench->config,
        .ports = &bench->ports,
        .pool = bench->pool,
        .release = release,
        .has_clustering_license = true,
    };
    char note[160];
    ck_assert_msg(rp_node_new(&options, &bench->node, note) == 0, "%s", note);
    bench->transfer = (struct node_transfer_ops){bench, resolve, begin, sunk, cancel, end};
    bench->node->transfer = &bench->transfer;
    bench->node->phase = NODE_RUNNING;
}

void pull_bench_end(struct pull_bench *bench)
{
    sim_store_detach(bench->store);
    sim_clock_detach(bench->clock);
    rp_node_free(bench->node);
    rp_entry_pool_free(bench->pool);
    rp_config_clear(&bench->config);
    sim_store_free(bench->store);
    sim_disks_free(bench->disks);
    sim_clock_free(bench->clock);
    sim_bodies_free(bench->bodies);
    sim_event_queue_free(bench->queue);
    ck_assert_uint_eq(bench->node_memory.live_count, 0);
    ck_assert_uint_eq(bench->memory.live_count, 0);
}

/* ---- Files ---------------------------------------------------------------------------------------- */

void pull_bench_register(struct pull_bench *bench, const char *path, const char *sha256,
                         int64_t size_bytes, const char *origin)
{
    struct rp_file_record file = {
        .path = rp_view_text(path),
        .sha256 = rp_view_text(sha256),
        .size_bytes = size_bytes,
        .database = rp_view_text("db"),
        .measurement = rp_view_text("m"),
        .origin_node_id = rp_view_text(origin),
        .tier = rp_view_text("hot"),
        .partition_time = {.unix_s = 1775923200},
        .created_at = {.unix_s = 1775923200},
    };
    struct rp_buffer command;
    rp_buffer_init(&command, &bench->memory.alloc, RP_FRAME_LENGTH_MAX);
    ck_assert_int_eq(rp_command_encode_register(&command, RP_CMD_REGISTER_FILE, &file), 0);
    const struct rp_consensus_events *events = rp_node_consensus_events(bench->node);
    bench->log_index += 1;
    bench->node->config.is_replication_enabled = false; /* nobody is told */
    ck_assert_int_eq(events->apply(events->context, bench->log_index, 1, rp_buffer_view(&command)),
                     0);
    bench->node->config.is_replication_enabled = true;
    rp_buffer_clear(&command);
}

void pull_bench_add(struct pull_bench *bench, const char *path, int64_t size_bytes)
{
    char hex[RP_SHA256_HEX + 1] = {0};
    ck_assert_int_eq(sim_body_sha256(bench->bodies, bench->right_key, (uint64_t)size_bytes, hex),
                     0);
    pull_bench_register(bench, path, hex, size_bytes, "writer-1");
}

void pull_bench_put(struct pull_bench *bench, const char *path, int64_t size_bytes)
{
    bool is_wrong = size_bytes < 0;
    ck_assert_int_eq(sim_store_put(bench->store, rp_view_text(path),
                                   is_wrong ? bench->wrong_key : bench->right_key,
                                   (uint64_t)(is_wrong ? -size_bytes : size_bytes), 0),
                     0);
}

static bool is_right(const struct sim_content *content)
{
    bool is_equal = true;
    struct rp_chunk chunk = {0};
    ck_assert_int_eq(sim_content_read_joined(content, 0, (size_t)content->length_bytes, &chunk), 0);
    for (size_t at = 0; at < chunk.length_bytes; at += 1) {
        is_equal = is_equal && chunk.bytes[at] == (at * 31 + 7) % 251;
    }
    rp_block_release(chunk.block);
    return is_equal;
}

int64_t pull_bench_size(struct pull_bench *bench, const char *path, bool *is_right_out)
{
    const struct sim_content *content = sim_store_content(bench->store, rp_view_text(path));
    if (is_right_out != NULL) {
        *is_right_out = content != NULL && is_right(content);
    }
    return content == NULL ? -1 : (int64_t)content->length_bytes;
}

/* ---- The run -------------------------------------------------------------------------------------- */

void pull_bench_start(struct pull_bench *bench)
{
    rp_puller_start(bench->node->puller, node_now(bench->node));
    node_settle(bench->node);
}

void pull_bench_offer(struct pull_bench *bench, const char *path)
{
    const struct rp_file_entry *entry = rp_manifest_file(bench->node->manifest, rp_view_text(path));
    ck_assert_ptr_nonnull(entry);
    (void)node_pull_offer(bench->node, entry, RP_ANNOUNCE_APPLIED);
    node_settle(bench->node);
}

void pull_bench_run(struct pull_bench *bench, rp_time_ns limit_ns)
{
    rp_time_ns end_ns = sim_event_queue_now(bench->queue) + limit_ns;
    while (sim_event_queue_next_time(bench->queue) <= end_ns &&
           sim_event_queue_step(bench->queue)) {
    }
}

const struct rp_pull_counters *pull_bench_counters(struct pull_bench *bench)
{
    return rp_puller_counters(bench->node->puller);
}
