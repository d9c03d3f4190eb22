/* A cluster of consensus members alone: event queue, clocks, folders, a transport with latency, and
 * a state machine that remembers (index, command) and keeps a node table. */
#ifndef REPLISIM_TESTS_SIM_CONSENSUS_HARNESS_H
#define REPLISIM_TESTS_SIM_CONSENSUS_HARNESS_H

#include "protocol/config.h"
#include "protocol/raft/bridge.h"
#include "sim/clock.h"
#include "sim/consensus_raft.h"
#include "sim/event_queue.h"
#include "tests/lib/test_alloc.h"

#define HARNESS_NODE_MAX    16
#define HARNESS_COMMAND_MAX 64

struct cluster;

struct row {
    uint64_t index;
    uint64_t hash;
};

/* What the replicated node table says of a node number. */
struct entry {
    uint64_t raft_id, born_index;
};

struct node {
    struct cluster *cluster;
    unsigned number;
    char id[16], address[32], role[16];
    struct sim_clock *clock;
    struct sim_raft_folder *folder;
    struct sim_consensus_raft *member; /* NULL: down */
    struct rp_consensus_port port;
    uint64_t life;
    rp_time_ns arrival_ns[HARNESS_NODE_MAX]; /* of the last message to each: a stream keeps order */
    bool is_isolated;
    bool is_joining;
    struct rp_consensus_request admit, add, stop;
    bool is_stopped;

    struct row *rows;
    size_t row_count, row_capacity;
    struct entry table[HARNESS_NODE_MAX];
    uint64_t restore_count, leader_news_count;
};

struct cluster {
    struct test_alloc test;
    struct sim_event_queue *queue;
    struct sim_rng latency_random, id_random;
    struct rp_config config;
    uint64_t seed;
    struct node nodes[HARNESS_NODE_MAX];
    unsigned node_count;
    uint64_t hash; /* of events and notes */
    uint64_t refused_count;
    /* Truth: what was applied anywhere at an index. */
    struct row *truth;
    size_t truth_count, truth_capacity;
    rp_time_ns leader_seen_ns, leaderless_max_ns;
    uint64_t message_count;
};

/* A proposal whose end the test looks at. */
struct outcome {
    struct rp_consensus_request request;
    bool is_done;
    int error;
};

void cluster_open(struct cluster *cluster, uint64_t seed, uint32_t voter_max);
void cluster_close(struct cluster *cluster);
/* A new node on a fresh folder, not started. The first one bootstraps. */
struct node *cluster_add(struct cluster *cluster, const char *role);
void node_start(struct node *node);
void node_kill(struct node *node, bool is_power_loss);
void node_stop(struct node *node); /* ordered; runs the queue until closed */
void node_lose_folder(struct node *node);
/* Opens with `count` nodes, all joined; at most voter_max voters once settled. */
void cluster_boot(struct cluster *cluster, unsigned count);

void cluster_run(struct cluster *cluster, rp_time_ns duration_ns);
/* Runs until the predicate holds; false when it did not within `limit_ns`. */
bool cluster_run_until(struct cluster *cluster, bool (*is_so)(struct cluster *),
                       rp_time_ns limit_ns);
struct node *cluster_leader(struct cluster *cluster); /* NULL: none */
bool cluster_has_leader(struct cluster *cluster);
unsigned cluster_count(struct cluster *cluster, enum rp_member_rank rank); /* as the leader sees */
bool cluster_is_level(struct cluster *cluster); /* all live members have the same rows */
/* The leader commits a command; fails the test when it does not within 10 s. */
void cluster_commit(struct cluster *cluster, const char *text);
void outcome_done(struct rp_consensus_request *request, int error);
void outcome_propose(struct node *node, struct outcome *outcome, const char *text);
bool cluster_await(struct cluster *cluster, const struct outcome *outcome, rp_time_ns limit_ns);
bool node_has(const struct node *node, uint64_t index, uint64_t hash);
uint64_t harness_hash(const void *bytes, size_t length_bytes, uint64_t start);

#endif
