/* Consensus messages between pods, and what attackers do with them. */
#include "protocol/error.h"
#include "sim/raft_wire.h"
#include "sim/world_internal.h"

/* They cross the network as chunks whose block is the message itself. */
struct message_block {
    struct rp_block block; /* first */
    struct sim_raft_message *message;
    const struct rp_alloc *alloc;
    bool is_authentic;
};

static void destroy_message_block(const struct rp_block_kind *kind, void *block)
{
    (void)kind;
    struct message_block *holder = block;
    sim_raft_message_release(holder->message);
    rp_release(holder->alloc, holder);
}

static const struct rp_block_kind MESSAGE_BLOCK = {"raft-message", destroy_message_block};

static const struct message_block *holder_of(struct rp_chunk chunk)
{
    return chunk.block != NULL && chunk.block->kind == &MESSAGE_BLOCK
               ? (const struct message_block *)(const void *)chunk.block
               : NULL;
}

/* One reference, the caller's; NULL: no memory. */
static struct rp_block *block_new(struct sim_world *world, struct sim_raft_message *message,
                                  bool is_authentic)
{
    struct message_block *holder = rp_allocate(&world->alloc, sizeof *holder);
    if (holder == NULL) {
        return NULL;
    }
    holder->block = (struct rp_block){&MESSAGE_BLOCK, 1, (const uint8_t *)"", 1};
    holder->alloc = &world->alloc;
    holder->message = sim_raft_message_retain(message);
    holder->is_authentic = is_authentic;
    return &holder->block;
}

void sim_world_trust_consensus(struct sim_world *world)
{
    world->run->is_consensus_trusting = true;
}

/* ---- Members ----------------------------------------------------------------------------------- */

uint64_t sim_pod_secret_digest(const struct sim_pod *pod)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *secret = pod->config.shared_secret; *secret != '\0'; secret += 1) {
        hash = (hash ^ (uint8_t)*secret) * UINT64_C(1099511628211);
    }
    return hash;
}

void sim_pod_send_message(void *context, uint64_t target_raft_id, struct rp_view address,
                          struct sim_raft_message *message, size_t size_bytes)
{
    struct sim_pod *pod = context;
    (void)target_raft_id;
    if (pod->endpoint == NULL || address.length_bytes == 0) {
        return;
    }
    struct rp_block *block = block_new(pod->world, message, true);
    if (block != NULL) {
        sim_net_datagram(pod->endpoint, address, rp_chunk_of(block), size_bytes);
        rp_block_release(block);
    }
}

/* Truth about a message that the library was given. */
static void tell_checks(struct sim_pod *pod, const struct message_block *holder,
                        const struct sim_net_arrival *arrival)
{
    const struct sim_raft_message *message = holder->message;
    uint64_t meant_session = sim_raft_message_meant_session(message);
    struct sim_check_consensus seen = {
        .kind = sim_raft_kind_name(sim_raft_message_kind(message)),
        .term = sim_raft_message_term(message),
        .is_authentic = holder->is_authentic,
        .is_of_cluster =
            strcmp(sim_raft_message_cluster(message), pod->world->spec.cluster.name) == 0,
        .is_addressed_here =
            sim_raft_message_target(message) == sim_raft_folder_raft_id(pod->folder),
        .is_of_session = (meant_session == 0 ? arrival->session : meant_session) ==
                         sim_endpoint_session(pod->endpoint),
        .is_resent = arrival->is_resent,
        .identity = {sim_raft_message_source_session(message), sim_raft_message_target(message),
                     sim_raft_message_number(message)},
    };
    sim_checks_consensus(pod->world->checks, pod, &seen);
}

void sim_pod_receive_message(void *context, const struct sim_net_arrival *arrival,
                             struct rp_chunk chunk)
{
    struct sim_pod *pod = context;
    const struct message_block *holder = holder_of(chunk);
    if (pod->raft == NULL || holder == NULL) {
        return;
    }
    struct sim_raft_arrival told = {holder->is_authentic, arrival->is_resent, arrival->session};
    if (sim_consensus_raft_deliver(pod->raft, holder->message, &told,
                                   pod->world->run->is_consensus_trusting)) {
        tell_checks(pod, holder, arrival);
    }
}

/* ---- Attackers --------------------------------------------------------------------------------- */

const struct sim_raft_message *sim_pod_raft_message(struct rp_chunk chunk)
{
    const struct message_block *holder = holder_of(chunk);
    return holder == NULL ? NULL : holder->message;
}

void sim_pod_note_recording(struct sim_pod *sender, const struct sim_raft_message *message)
{
    const uint64_t identity[3] = {sim_raft_message_source_session(message),
                                  sim_raft_message_target(message),
                                  sim_raft_message_number(message)};
    sim_checks_consensus_recorded(sender->world->checks, identity);
}

int sim_pod_raft_bytes(const struct sim_pod *sender, const struct sim_raft_message *message,
                       uint64_t session, struct rp_buffer *bytes_out)
{
    return sim_raft_message_encode(message, session, rp_view_text(sender->config.shared_secret),
                                   bytes_out);
}

int sim_pod_raft_chunk(struct sim_pod *receiver, struct rp_view bytes, struct rp_chunk *chunk_out)
{
    struct sim_world *world = receiver->world;
    struct sim_raft_message *message = NULL;
    bool is_authentic = false;
    int error =
        sim_raft_message_decode(&world->alloc, bytes, rp_view_text(receiver->config.shared_secret),
                                sim_pod_secret_digest(receiver), &message, &is_authentic);
    if (error != 0) {
        return error;
    }
    struct rp_block *block = block_new(world, message, is_authentic);
    sim_raft_message_release(message);
    if (block == NULL) {
        return RP_ERR_NOMEM;
    }
    *chunk_out = rp_chunk_of(block);
    return 0;
}

int sim_pod_forge_raft(struct sim_pod *pod, const struct sim_pod *source,
                       const struct rp_alloc *alloc, int kind,
                       struct sim_raft_message **message_out)
{
    return sim_raft_message_forge(alloc, (enum sim_raft_message_kind)kind,
                                  sim_raft_folder_raft_id(source->folder),
                                  sim_raft_folder_raft_id(pod->folder), source->raft_address,
                                  pod->world->spec.cluster.name, message_out);
}

int sim_pod_send_raft(struct sim_pod *pod, struct sim_endpoint *from, struct rp_view bytes)
{
    struct rp_chunk chunk;
    int error = sim_pod_raft_chunk(pod, bytes, &chunk);
    if (error == 0) {
        sim_net_datagram(from, rp_view_text(pod->raft_address), chunk, bytes.length_bytes);
        rp_block_release(chunk.block);
    }
    return error;
}
