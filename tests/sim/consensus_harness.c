#include "tests/sim/consensus_harness.h"

#include <check.h>
#include <stdio.h>

#include "protocol/error.h"

#define JOIN_INTERVAL_NS (500 * RP_NS_PER_MS)

uint64_t harness_hash(const void *bytes, size_t length_bytes, uint64_t start)
{
    uint64_t hash = start ^ UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < length_bytes; i++) {
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static void mix(struct cluster *cluster, uint64_t value)
{
    cluster->hash = harness_hash(&value, sizeof value, cluster->hash);
}

/* ---- State machine --------------------------------------------------------------------------- */

static void push(struct row **rows, size_t *count, size_t *capacity, struct row row)
{
    if (*count == *capacity) {
        *capacity = *capacity == 0 ? 64 : 2 * *capacity;
        *rows = realloc(*rows, *capacity * sizeof **rows);
        ck_assert_ptr_nonnull(*rows);
    }
    (*rows)[*count] = row;
    *count += 1;
}

/* Every member applies the same command at the same index, for ever. */
static void witness(struct cluster *cluster, struct row row)
{
    for (size_t i = cluster->truth_count; i > 0; i--) {
        if (cluster->truth[i - 1].index == row.index) {
            ck_assert_msg(cluster->truth[i - 1].hash == row.hash, "index %llu differs",
                          (unsigned long long)row.index);
            return;
        }
        if (cluster->truth[i - 1].index < row.index) {
            break;
        }
    }
    ck_assert(cluster->truth_count == 0 ||
              cluster->truth[cluster->truth_count - 1].index < row.index);
    push(&cluster->truth, &cluster->truth_count, &cluster->truth_capacity, row);
}

static int on_apply(void *context, uint64_t index, uint64_t term, struct rp_view command)
{
    struct node *node = context;
    struct row row = {index, harness_hash(command.bytes, command.length_bytes, 0)};
    ck_assert(term > 0);
    ck_assert(node->row_count == 0 || node->rows[node->row_count - 1].index < index);
    push(&node->rows, &node->row_count, &node->row_capacity, row);
    witness(node->cluster, row);
    char text[HARNESS_COMMAND_MAX + 1] = {0};
    memcpy(text, command.bytes, command.length_bytes);
    unsigned number = 0;
    unsigned long long raft_id = 0;
    if (sscanf(text, "node %u %llx", &number, &raft_id) == 2) {
        node->table[number] = (struct entry){raft_id, index};
    }
    return strcmp(text, "refuse me") == 0 ? RP_ERR_INVALID : 0;
}

static int on_snapshot(void *context, struct rp_block **block_out)
{
    struct node *node = context;
    size_t rows_bytes = node->row_count * sizeof *node->rows;
    uint8_t *bytes;
    int error = rp_block_new(&node->cluster->test.alloc, sizeof node->table + rows_bytes, block_out,
                             &bytes);
    if (error == 0) {
        memcpy(bytes, node->table, sizeof node->table);
        memcpy(bytes + sizeof node->table, node->rows, rows_bytes);
    }
    return error;
}

static int on_restore(void *context, struct rp_view snapshot)
{
    struct node *node = context;
    ck_assert_uint_ge(snapshot.length_bytes, sizeof node->table);
    memcpy(node->table, snapshot.bytes, sizeof node->table);
    node->row_count = 0;
    size_t count = (snapshot.length_bytes - sizeof node->table) / sizeof(struct row);
    for (size_t i = 0; i < count; i++) {
        struct row row;
        memcpy(&row, snapshot.bytes + sizeof node->table + i * sizeof row, sizeof row);
        push(&node->rows, &node->row_count, &node->row_capacity, row);
    }
    node->restore_count += 1;
    return 0;
}

static void on_leader_changed(void *context)
{
    struct node *node = context;
    node->leader_news_count += 1;
}

static bool on_describe(void *context, uint64_t raft_id, struct rp_member *member_out,
                        uint64_t *born_index_out)
{
    struct node *node = context;
    for (unsigned i = 0; i < node->cluster->node_count; i++) {
        if (node->table[i].raft_id == raft_id) {
            const struct node *other = &node->cluster->nodes[i];
            *member_out = (struct rp_member){rp_view_text(other->id), rp_view_text(other->address),
                                             rp_view_text(other->role), raft_id};
            *born_index_out = node->table[i].born_index;
            return true;
        }
    }
    return false;
}

/* ---- Transport ------------------------------------------------------------------------------- */

struct flight {
    struct cluster *cluster;
    struct sim_raft_message *message;
    char address[32];
    bool is_cut;
};

static void on_arrival(void *context, uint64_t argument)
{
    (void)argument;
    struct flight *flight = context;
    for (unsigned i = 0; i < flight->cluster->node_count; i++) {
        struct node *node = &flight->cluster->nodes[i];
        if (node->member != NULL && !node->is_isolated && !flight->is_cut &&
            strcmp(node->address, flight->address) == 0) {
            struct sim_raft_arrival arrival = {.is_authentic = true, .session = node->life};
            (void)sim_consensus_raft_deliver(node->member, flight->message, &arrival, false);
            break;
        }
    }
    sim_raft_message_release(flight->message);
    free(flight);
}

static void transport_send(void *context, uint64_t target_raft_id, struct rp_view address,
                           struct sim_raft_message *message, size_t size_bytes)
{
    struct node *node = context;
    struct cluster *cluster = node->cluster;
    struct flight *flight = calloc(1, sizeof *flight);
    flight->cluster = cluster;
    flight->message = sim_raft_message_retain(message);
    flight->is_cut = node->is_isolated;
    ck_assert_uint_lt(address.length_bytes, sizeof flight->address);
    if (address.length_bytes > 0) {
        memcpy(flight->address, address.bytes, address.length_bytes);
    }
    struct sim_range latency = {200 * RP_NS_PER_US, 2 * RP_NS_PER_MS};
    rp_time_ns at_ns =
        sim_event_queue_now(cluster->queue) + sim_rng_range(&cluster->latency_random, latency);
    unsigned target = 0;
    if (sscanf(flight->address, "10.0.%u.", &target) == 1) {
        at_ns = at_ns < node->arrival_ns[target] ? node->arrival_ns[target] : at_ns;
        node->arrival_ns[target] = at_ns;
    }
    cluster->message_count += 1;
    (void)target_raft_id;
    sim_event_queue_add(cluster->queue, at_ns, SIM_EVENT_RAFT_MESSAGE, on_arrival, flight,
                        size_bytes);
}

static void on_note(void *context, enum sim_raft_note what, const uint64_t detail[4])
{
    struct node *node = context;
    mix(node->cluster, ((uint64_t)what << 32) | node->number);
    for (int i = 0; i < 4; i++) {
        mix(node->cluster, detail[i]);
    }
    node->cluster->refused_count += what == SIM_RAFT_NOTE_REFUSED;
}

static void on_event(void *context, rp_time_ns now_ns, enum sim_event_kind kind, uint64_t argument)
{
    struct cluster *cluster = context;
    mix(cluster, now_ns);
    mix(cluster, (uint64_t)kind);
    mix(cluster, argument);
}

/* ---- Nodes ----------------------------------------------------------------------------------- */

static void draw_folder(struct node *node)
{
    uint64_t raft_id = sim_rng_next(&node->cluster->id_random) | 1;
    ck_assert_int_eq(sim_raft_folder_new(&node->cluster->test.alloc, raft_id, &node->folder), 0);
}

struct node *cluster_add(struct cluster *cluster, const char *role)
{
    ck_assert_uint_lt(cluster->node_count, HARNESS_NODE_MAX);
    struct node *node = &cluster->nodes[cluster->node_count];
    *node = (struct node){.cluster = cluster, .number = cluster->node_count};
    snprintf(node->id, sizeof node->id, "node-%u", node->number);
    snprintf(node->role, sizeof node->role, "%s", role);
    cluster->node_count += 1;
    ck_assert_int_eq(sim_clock_new(&cluster->test.alloc, cluster->queue,
                                   INT64_C(1700000000000000000), &node->clock),
                     0);
    draw_folder(node);
    return node;
}

static void join_step(void *context, uint64_t life);

static void on_added(struct rp_consensus_request *request, int error)
{
    struct node *node = request->context;
    (void)error;
    node->is_joining = false;
}

static void on_admitted(struct rp_consensus_request *request, int error)
{
    struct node *node = request->context;
    struct node *leader = cluster_leader(node->cluster);
    uint64_t raft_id = sim_raft_folder_raft_id(node->folder);
    if (error != 0 || leader == NULL || leader->table[node->number].raft_id == raft_id) {
        node->is_joining = false;
        return;
    }
    char text[HARNESS_COMMAND_MAX];
    snprintf(text, sizeof text, "node %u %016llx", node->number, (unsigned long long)raft_id);
    node->add.done = on_added;
    node->add.context = node;
    leader->port.propose(leader->port.state, &node->add, rp_view_text(text));
}

/* Discovery: tells everybody where it is, and asks the leader until the node table and the configuration have this folder. */
static void join_step(void *context, uint64_t life)
{
    struct node *node = context;
    if (node->member == NULL || node->life != life) {
        return;
    }
    sim_event_queue_add(node->cluster->queue,
                        sim_event_queue_now(node->cluster->queue) + JOIN_INTERVAL_NS,
                        SIM_EVENT_TEST, join_step, node, life);
    uint64_t raft_id = sim_raft_folder_raft_id(node->folder);
    struct rp_view address = rp_view_text(node->address);
    for (unsigned i = 0; i < node->cluster->node_count; i++) {
        struct node *other = &node->cluster->nodes[i];
        if (other->member != NULL) {
            other->port.route(other->port.state, raft_id, address);
        }
    }
    struct node *leader = cluster_leader(node->cluster);
    if (leader == NULL || leader == node || node->is_isolated || leader->is_isolated ||
        node->admit.port_handle != 0 || node->add.port_handle != 0) {
        return;
    }
    if (leader->table[node->number].raft_id == raft_id &&
        node->port.status(node->port.state).has_leader) {
        return;
    }
    struct rp_member member = {rp_view_text(node->id), address, rp_view_text(node->role), raft_id};
    node->admit = (struct rp_consensus_request){.done = on_admitted, .context = node};
    leader->port.admit(leader->port.state, &node->admit, &member,
                       sim_clock_now(leader->clock) + 10 * RP_NS_PER_S);
}

void node_start(struct node *node)
{
    struct cluster *cluster = node->cluster;
    ck_assert_ptr_null(node->member);
    node->life += 1;
    node->row_count = 0;
    memset(node->table, 0, sizeof node->table);
    snprintf(node->address, sizeof node->address, "10.0.%u.%llu:9200", node->number,
             (unsigned long long)node->life);
    struct sim_gate gate = {0};
    const struct rp_clock_port *clock = sim_clock_attach(node->clock, &gate, node->number);
    struct sim_consensus_raft_params params = {
        .alloc = &cluster->test.alloc,
        .clock = *clock,
        .folder = node->folder,
        .config = &cluster->config,
        .raft_address = rp_view_text(node->address),
        .cluster_name = rp_view_text("test"),
        .secret_digest = 7,
        .seed = cluster->seed,
        .incarnation = node->life,
        .session = node->life,
        .disk_latency_ns = {50 * RP_NS_PER_US, 200 * RP_NS_PER_US},
        .transport = {node, transport_send},
        .note = on_note,
        .note_context = node,
    };
    ck_assert_int_eq(sim_consensus_raft_new(&params, &node->member), 0);
    struct rp_consensus_events events = {node,        on_apply,          on_restore,
                                         on_snapshot, on_leader_changed, on_describe};
    sim_consensus_raft_bind(node->member, &events);
    node->port = sim_consensus_raft_port(node->member);
    bool is_bootstrap = node->number == 0 && node->life == 1;
    ck_assert_int_eq(node->port.start(node->port.state, is_bootstrap), 0);
    sim_event_queue_add(cluster->queue, sim_event_queue_now(cluster->queue) + 1, SIM_EVENT_TEST,
                        join_step, node, node->life);
}

void node_kill(struct node *node, bool is_power_loss)
{
    sim_consensus_raft_kill(node->member, is_power_loss);
    node->member = NULL;
    sim_clock_detach(node->clock);
}

static void on_stopped(struct rp_consensus_request *request, int error)
{
    struct node *node = request->context;
    ck_assert_int_eq(error, 0);
    node->is_stopped = true;
}

void node_stop(struct node *node)
{
    node->is_stopped = false;
    node->stop = (struct rp_consensus_request){.done = on_stopped, .context = node};
    node->port.stop(node->port.state, &node->stop);
    ck_assert(!node->is_stopped);
    for (int i = 0; i < 1000 && !node->is_stopped; i++) {
        cluster_run(node->cluster, RP_NS_PER_US);
    }
    ck_assert(node->is_stopped);
    sim_consensus_raft_free(node->member);
    node->member = NULL;
    sim_clock_detach(node->clock);
}

void node_lose_folder(struct node *node)
{
    ck_assert_ptr_null(node->member);
    sim_raft_folder_free(node->folder);
    draw_folder(node);
}

/* ---- Cluster --------------------------------------------------------------------------------- */

static void fill_config(struct rp_config *config, uint32_t voter_max)
{
    memset(config, 0, sizeof *config);
    config->raft_election_timeout_ns = 1000 * RP_NS_PER_MS;
    config->raft_heartbeat_timeout_ns = 500 * RP_NS_PER_MS;
    config->raft_snapshot_interval_ns = 0;
    config->raft_snapshot_threshold = 100000;
    config->voter_max = voter_max;
}

void cluster_open(struct cluster *cluster, uint64_t seed, uint32_t voter_max)
{
    memset(cluster, 0, sizeof *cluster);
    test_alloc_init(&cluster->test);
    cluster->seed = seed;
    fill_config(&cluster->config, voter_max);
    ck_assert_int_eq(sim_event_queue_new(&cluster->test.alloc, &cluster->queue), 0);
    struct sim_event_watch watch = {cluster, on_event};
    sim_event_queue_watch(cluster->queue, &watch);
    sim_rng_init(&cluster->latency_random, seed, "latency", rp_view_text(""), 0);
    sim_rng_init(&cluster->id_random, seed, "raft-id", rp_view_text(""), 0);
}

static void drop_flights(struct cluster *cluster)
{
    while (sim_event_queue_step(cluster->queue)) {
    }
}

void cluster_close(struct cluster *cluster)
{
    for (unsigned i = 0; i < cluster->node_count; i++) {
        struct node *node = &cluster->nodes[i];
        if (node->member != NULL) {
            node_kill(node, false);
        }
    }
    drop_flights(cluster);
    for (unsigned i = 0; i < cluster->node_count; i++) {
        sim_raft_folder_free(cluster->nodes[i].folder);
        sim_clock_free(cluster->nodes[i].clock);
        free(cluster->nodes[i].rows);
    }
    free(cluster->truth);
    sim_event_queue_free(cluster->queue);
    ck_assert_uint_eq(cluster->test.live_count, 0);
}

struct node *cluster_leader(struct cluster *cluster)
{
    struct node *leader = NULL;
    uint64_t term = 0;
    for (unsigned i = 0; i < cluster->node_count; i++) {
        struct node *node = &cluster->nodes[i];
        if (node->member == NULL) {
            continue;
        }
        struct rp_consensus_status status = node->port.status(node->port.state);
        if (status.is_leader) {
            ck_assert_msg(status.term != term, "two leaders in term %llu",
                          (unsigned long long)term);
            if (status.term > term) {
                leader = node;
                term = status.term;
            }
        }
    }
    return leader;
}

bool cluster_has_leader(struct cluster *cluster)
{
    return cluster_leader(cluster) != NULL;
}

static void step(struct cluster *cluster)
{
    ck_assert(sim_event_queue_step(cluster->queue));
    rp_time_ns now_ns = sim_event_queue_now(cluster->queue);
    if (cluster_leader(cluster) != NULL) {
        cluster->leader_seen_ns = now_ns;
    } else if (now_ns - cluster->leader_seen_ns > cluster->leaderless_max_ns) {
        cluster->leaderless_max_ns = now_ns - cluster->leader_seen_ns;
    }
}

void cluster_run(struct cluster *cluster, rp_time_ns duration_ns)
{
    rp_time_ns end_ns = sim_event_queue_now(cluster->queue) + duration_ns;
    while (sim_event_queue_next_time(cluster->queue) <= end_ns) {
        step(cluster);
    }
    sim_event_queue_advance(cluster->queue, end_ns);
}

bool cluster_run_until(struct cluster *cluster, bool (*is_so)(struct cluster *),
                       rp_time_ns limit_ns)
{
    rp_time_ns end_ns = sim_event_queue_now(cluster->queue) + limit_ns;
    while (!is_so(cluster)) {
        if (sim_event_queue_next_time(cluster->queue) > end_ns) {
            return false;
        }
        step(cluster);
    }
    return true;
}

unsigned cluster_count(struct cluster *cluster, enum rp_member_rank rank)
{
    struct node *leader = cluster_leader(cluster);
    if (leader == NULL) {
        return 0;
    }
    struct rp_member_view views[2 * HARNESS_NODE_MAX];
    size_t count =
        rp_bridge_members(sim_consensus_raft_bridge(leader->member), views, 2 * HARNESS_NODE_MAX);
    unsigned found = 0;
    for (size_t i = 0; i < count; i++) {
        found += views[i].rank == rank;
    }
    return found;
}

bool cluster_is_level(struct cluster *cluster)
{
    struct node *leader = cluster_leader(cluster);
    for (unsigned i = 0; i < cluster->node_count; i++) {
        const struct node *node = &cluster->nodes[i];
        if (leader == NULL ||
            (node->member != NULL && node != leader &&
             (node->row_count == 0 || node->row_count != leader->row_count ||
              memcmp(node->rows, leader->rows, node->row_count * sizeof *node->rows) != 0))) {
            return false;
        }
    }
    return true;
}

void outcome_done(struct rp_consensus_request *request, int error)
{
    struct outcome *outcome = request->context;
    ck_assert(!outcome->is_done);
    outcome->is_done = true;
    outcome->error = error;
}

void outcome_propose(struct node *node, struct outcome *outcome, const char *text)
{
    *outcome = (struct outcome){.request = {.done = outcome_done, .context = outcome}};
    node->port.propose(node->port.state, &outcome->request, rp_view_text(text));
    ck_assert(!outcome->is_done); /* never inside the call */
}

bool cluster_await(struct cluster *cluster, const struct outcome *outcome, rp_time_ns limit_ns)
{
    rp_time_ns end_ns = sim_event_queue_now(cluster->queue) + limit_ns;
    while (!outcome->is_done && sim_event_queue_next_time(cluster->queue) <= end_ns) {
        step(cluster);
    }
    return outcome->is_done;
}

void cluster_commit(struct cluster *cluster, const char *text)
{
    struct outcome outcome;
    for (int i = 0; i < 20; i++) {
        ck_assert(cluster_run_until(cluster, cluster_has_leader, 10 * RP_NS_PER_S));
        outcome_propose(cluster_leader(cluster), &outcome, text);
        ck_assert(cluster_await(cluster, &outcome, 10 * RP_NS_PER_S));
        if (outcome.error == 0) {
            return;
        }
    }
    ck_abort_msg("not committed: %s", rp_strerror(outcome.error));
}

bool node_has(const struct node *node, uint64_t index, uint64_t hash)
{
    for (size_t i = 0; i < node->row_count; i++) {
        if (node->rows[i].index == index) {
            return node->rows[i].hash == hash;
        }
    }
    return false;
}

static bool is_complete(struct cluster *cluster)
{
    unsigned voters = cluster_count(cluster, RP_MEMBER_VOTER);
    unsigned standbys = cluster_count(cluster, RP_MEMBER_STANDBY);
    uint32_t wanted = cluster->config.voter_max < cluster->node_count ? cluster->config.voter_max
                                                                      : cluster->node_count;
    return voters + standbys == cluster->node_count && voters == wanted &&
           cluster_is_level(cluster);
}

void cluster_boot(struct cluster *cluster, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        node_start(cluster_add(cluster, i == 0 ? "writer" : "reader"));
    }
    ck_assert(cluster_run_until(cluster, is_complete, 60 * RP_NS_PER_S));
    cluster->leaderless_max_ns = 0;
}
