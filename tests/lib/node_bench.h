/* A node over ports that only keep what they are asked: timers, store and consensus calls end when the
 * test ends them. The fields are used directly. */
#ifndef REPLISIM_TESTS_LIB_NODE_BENCH_H
#define REPLISIM_TESTS_LIB_NODE_BENCH_H

#include "protocol/node.h"
#include "tests/lib/test_alloc.h"

#define NODE_BENCH_TIMER_MAX 256
#define NODE_BENCH_CALL_MAX  256

struct node_bench {
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
    } timers[NODE_BENCH_TIMER_MAX];
    size_t timer_count;
    struct rp_store_request *store_calls[NODE_BENCH_CALL_MAX];
    size_t store_call_count;
    struct rp_consensus_request *consensus_calls[NODE_BENCH_CALL_MAX];
    size_t consensus_call_count;
    struct rp_consensus_request *transfer, *closing;
    bool is_leader, is_listening, is_consensus_running, is_detached;
    int listen_error, start_error;
    size_t stopped_count;
    enum rp_release release;
    char order[256];       /* what was begun, in order */
    bool applies_at_start; /* consensus restores one entry from within its start */
};

/* What consensus applies: the registration of a small file, its deletion. */
void node_bench_register(struct node_bench *bench, uint64_t index, const char *path);
void node_bench_delete(struct node_bench *bench, uint64_t index, const char *path);
/* A text of the configuration. */
void node_bench_set_text(struct node_bench *bench, char **text, const char *value);
/* A configured node that is not born yet: change the configuration, then bear it. */
void node_bench_begin(struct node_bench *bench, const char *secret);
int node_bench_bear(struct node_bench *bench, bool has_license, char note[160]);
/* What a crash leaves: no port answers or may be called any more, and no block is held. */
void node_bench_end(struct node_bench *bench);
/* The timer that is due next; moves time on to it. */
void node_bench_fire(struct node_bench *bench);
void node_bench_fire_many(struct node_bench *bench, int count);
/* Ends a call that consensus was given. */
void node_bench_end_call(struct rp_consensus_request **place, int error);
/* For rp_node_stop: counts. */
void node_bench_stopped(void *context);

#endif
