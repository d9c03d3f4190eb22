/* An index that is not below the cluster's commit index of now, for any member.
 *
 * The leader commits a barrier and answers the index of the last command it has applied by then;
 * entries after that one change no state, so whoever has applied as far sees all that was committed
 * when it asked. Another member asks the leader by a message of our own and waits until it has
 * applied that index itself. A question is asked again when the leader changes and once in an
 * election timeout, since messages may be lost. Questions that meet while a barrier is under way
 * share the next one: a barrier answers only what was asked before it was proposed. */
#ifndef REPLISIM_PROTOCOL_RAFT_READ_INDEX_H
#define REPLISIM_PROTOCOL_RAFT_READ_INDEX_H

#include "protocol/ports.h"

struct rp_read_index;

/* What it needs of the bridge. None of these calls back into this module. */
struct rp_read_index_host {
    void *context;
    bool (*is_leader)(void *context);
    uint64_t (*leader_raft_id)(void *context); /* 0: unknown */
    /* Applied so far, of the whole log and of commands alone. */
    uint64_t (*applied_index)(void *context);
    uint64_t (*command_index)(void *context);
    /* Proposes a barrier; rp_read_index_barrier_done follows when this gives 0. */
    int (*barrier)(void *context);
    void (*send_aux)(void *context, uint64_t target_raft_id, struct rp_view bytes);
    void (*finish)(void *context, struct rp_consensus_request *request, int error);
};

struct rp_read_index_params {
    const struct rp_alloc *alloc;
    struct rp_clock_port clock;
    struct rp_read_index_host host;
    rp_time_ns retry_ns;
    uint64_t nonce_first; /* distinct from life to life: an answer to a former life is no answer */
};

/* Errors: RP_ERR_NOMEM. */
RP_MUST_USE int rp_read_index_new(const struct rp_read_index_params *params,
                                  struct rp_read_index **read_index_out);
/* Disarms; requests in flight are forgotten (stop them first). NULL is fine. */
void rp_read_index_free(struct rp_read_index *read_index);

void rp_read_index_ask(struct rp_read_index *read_index, struct rp_consensus_request *request,
                       rp_time_ns deadline_ns);
/* A message of a member; anything malformed is dropped. */
void rp_read_index_received(struct rp_read_index *read_index, uint64_t source_raft_id,
                            struct rp_view bytes);
void rp_read_index_barrier_done(struct rp_read_index *read_index, int error);
/* Something was applied. */
void rp_read_index_applied(struct rp_read_index *read_index);
void rp_read_index_leader_changed(struct rp_read_index *read_index);
/* Ends every request with RP_ERR_STOPPED; nothing comes after it. */
void rp_read_index_stop(struct rp_read_index *read_index);
size_t rp_read_index_waiting(const struct rp_read_index *read_index);

#endif
