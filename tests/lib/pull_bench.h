/* A node that pulls, with its real puller, tries, sinks, presence and walk, over a simulated disk;
 * peers are a list of names, and what each answers is a script instead of a network.
 *
 * Files are formulas: byte i is (i * 31 + add) mod 251, `add` 7 for right bytes and 9 for wrong ones,
 * at most PULL_FILE_BYTES_MAX long. The script's outcomes are words: "ok", "file_not_on_peer",
 * "checksum_mismatch", "bad_offset", "canceled", "deadline", "plain" (without a byte);
 * "body_then_checksum" (a whole wrong body first); "cut:N" (N right bytes, then the connection
 * breaks); "cut_ok:N" (N bytes and no error); "stop" (the node's stop begins, then the try is
 * cancelled). The fields of the node are used directly: this is the inside of the room. */
#ifndef REPLISIM_TESTS_LIB_PULL_BENCH_H
#define REPLISIM_TESTS_LIB_PULL_BENCH_H

#include "protocol/node_internal.h"
#include "protocol/node_try.h"
#include "sim/clock.h"
#include "sim/store.h"
#include "tests/lib/test_alloc.h"

#define PULL_FILE_BYTES_MAX 4096
#define PULL_CALL_MAX       512
#define PULL_PEER_MAX       8

struct pull_call {
    char path[64], peer[16], outcome[32];
    uint64_t offset_bytes;
    char prefix_sha256[RP_SHA256_HEX + 1]; /* what the hash was fed when it began; "" at offset 0 */
};

struct pull_bench {
    struct test_alloc memory;      /* the world's */
    struct test_alloc node_memory; /* may fail */
    struct sim_event_queue *queue;
    struct sim_bodies *bodies;
    struct sim_disks *disks;
    struct sim_store *store;
    struct sim_clock *clock;
    struct rp_config config;
    struct rp_entry_pool *pool;
    struct rp_ports ports;
    struct rp_node *node;
    sim_body_key right_key, wrong_key;
    uint64_t random_count, log_index;
    /* The script. */
    const char *peers[PULL_PEER_MAX];
    size_t peer_count;
    size_t resolver_empty_first;
    /* The outcome of that peer's next call; the text outlives the call. */
    const char *(*outcome)(struct pull_bench *bench, size_t peer_index);
    void *script;
    size_t peer_calls[PULL_PEER_MAX];
    /* What happened. */
    size_t resolver_calls;
    struct pull_call calls[PULL_CALL_MAX];
    size_t call_count;
    struct node_transfer_ops transfer;
    /* Of the try under way (one worker). */
    const char *running;
    uint64_t sent_bytes, want_bytes;
    bool is_wrong, is_sink_broken;
};

/* One worker; nothing started. Settings of 0 take the default. */
void pull_bench_begin(struct pull_bench *bench, enum rp_release release, uint32_t queue_max,
                      uint32_t attempt_max);
void pull_bench_end(struct pull_bench *bench);
/* The manifest holds it from now on; nobody is told. */
void pull_bench_register(struct pull_bench *bench, const char *path, const char *sha256,
                         int64_t size_bytes, const char *origin);
/* The formula's file, with its right hash. */
void pull_bench_add(struct pull_bench *bench, const char *path, int64_t size_bytes);
/* Bytes on the disk; negative: wrong ones. */
void pull_bench_put(struct pull_bench *bench, const char *path, int64_t size_bytes);
void pull_bench_start(struct pull_bench *bench);
void pull_bench_offer(struct pull_bench *bench, const char *path);
/* Until nothing is due any more, or `limit_ns` of virtual time have passed. */
void pull_bench_run(struct pull_bench *bench, rp_time_ns limit_ns);
const struct rp_pull_counters *pull_bench_counters(struct pull_bench *bench);
/* Size of what is under the name; -1: nothing. `is_right_out` (or NULL): the bytes are right. */
int64_t pull_bench_size(struct pull_bench *bench, const char *path, bool *is_right_out);

#endif
