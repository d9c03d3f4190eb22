/* One worker of the puller, and one try of its pull at one peer (behaviour.md 7.4 to 7.6):
 *
 *   [stored prefix hashed] -> sink opened -> transfer -> ok: the manifest is asked, published
 *                                                     -> else: what was staged goes, or stays for a
 *                                                        try that may go on with it
 *
 * Where the bytes come from is the transfer's: the network in a node, a script in a test. */
#ifndef REPLISIM_PROTOCOL_NODE_TRY_H
#define REPLISIM_PROTOCOL_NODE_TRY_H

#include "protocol/fetch_client.h"
#include "protocol/node_link.h"
#include "protocol/node_prefix.h"
#include "protocol/node_present.h"
#include "protocol/observe.h"
#include "protocol/puller.h"
#include "protocol/sink.h"

enum node_worker_state {
    NODE_WORKER_IDLE,
    NODE_WORKER_CHECKING,
    NODE_WORKER_RESOLVING, /* waits for answers to greetings */
    NODE_WORKER_PREPARING, /* a stored prefix is hashed, the sink opens */
    NODE_WORKER_FETCHING,  /* the transfer runs */
    NODE_WORKER_ENDING,    /* the verdict is in; what was staged goes first */
    NODE_WORKER_PUBLISHING
};

#define NODE_PEER_ID_MAX (RP_PATH_BYTES_MAX / 16)

struct node_worker {
    struct rp_node *node;
    uint32_t index;
    enum node_worker_state state;
    struct rp_sha256 *hash;
    struct node_check check;
    struct node_prefix prefix;
    struct node_sink sink;
    struct node_call call;             /* removal of the final object */
    const struct rp_file_entry *entry; /* owned reference while not idle */
    uint32_t attempt;

    /* The try. */
    char nonce[RP_NONCE_HEX];
    struct rp_pull_candidate candidate; /* borrowed until the answer */
    enum rp_resume resume;
    char peer_id[NODE_PEER_ID_MAX];
    size_t peer_id_bytes;
    uint64_t byte_offset; /* where it goes on */
    uint64_t sunk_bytes;  /* that the transfer was told of */
    enum rp_fetch_class class;
    enum rp_pull_try verdict;
    bool is_body_begun;
    bool is_cancelled;

    /* What a broken try left staged, for the same peer only. 0: nothing. */
    uint64_t kept_bytes;
    char kept_peer_id[NODE_PEER_ID_MAX];
    size_t kept_peer_id_bytes;

    /* The network's (node_transfer.c). */
    struct rp_fetch_client *client;
    struct node_link link;
    struct rp_timer timer;
};

/* Where candidates and bytes come from. */
struct node_transfer_ops {
    void *context;
    /* NULL: the node's peers. Fills node->pull_candidates, returns how many. */
    size_t (*resolve)(struct node_worker *worker);
    /* Bytes of worker->entry from worker->byte_offset on, by node_try_append, at most one at a time;
     * then node_try_finished, once. The hash was fed the prefix when the offset is above 0. */
    void (*begin)(struct node_worker *worker);
    /* Answers an append that was not refused at once. */
    void (*sunk)(struct node_worker *worker, int error, size_t taken_bytes);
    void (*cancel)(struct node_worker *worker); /* it still finishes */
    void (*end)(struct node_worker *worker);    /* lets go of what the try held; any state */
};
extern const struct node_transfer_ops NODE_TRANSFER_NETWORK;

RP_MUST_USE int node_worker_init(struct node_worker *worker, struct rp_node *node, uint32_t index);
void node_worker_clear(struct node_worker *worker);

/* ---- For node_pull.c ---- */

/* The puller's answer comes from here, soon or later. */
void node_try_begin(struct node_worker *worker, const struct rp_pull_action *action);
void node_try_cancel(struct node_worker *worker);
/* The pull is over: what was kept for another try goes. */
void node_try_forget(struct node_worker *worker);

/* ---- For the transfer ---- */

/* 0: `sunk` follows. Else refused, for good. */
RP_MUST_USE int node_try_append(struct node_worker *worker, struct rp_chunk chunk);
/* `is_body_begun`: the hash of this worker was begun or fed. */
void node_try_finished(struct node_worker *worker, enum rp_fetch_outcome outcome,
                       enum rp_fetch_class class, bool is_body_begun);

/* ---- Observations ---- */

void node_see_entry(struct rp_node *node, enum rp_observation_kind kind,
                    const struct rp_file_entry *entry, uint64_t value, uint64_t value2, int error);
static inline struct rp_view node_try_peer(const struct node_worker *worker)
{
    return rp_view_make(worker->peer_id, worker->peer_id_bytes);
}

#endif
