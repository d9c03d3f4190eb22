/* The replicated log, from outside: consensus-safe beyond "one leader a term", and apply-deterministic
 * over a whole run. Votes and logs are read off the disks that they lie on. */
#include "sim/check_internal.h"

/* Commands kept for the replay; a longer log is not replayed. */
#define LOG_BYTES_MAX ((size_t)16 << 20)
/* Clusters up to this size are asked who has a command when it is applied first. */
#define DURABLE_PODS 16u
#define VOTERS_MAX   64u

/* ---- Votes ------------------------------------------------------------------------------------ */

struct check_vote {
    uint64_t raft_id, term, vote;
};

static struct rp_view vote_key(const struct check_vote *vote)
{
    return rp_view_make(&vote->raft_id, sizeof vote->raft_id);
}

/* invariants.md, consensus-safe: an identity votes once a term, over all its lives. */
void sim_checks_voted(struct sim_checks *checks, struct sim_pod *pod, uint64_t raft_id,
                      uint64_t term, uint64_t vote)
{
    struct check_pod *watch = check_pod_of(checks, pod);
    struct check_vote seen = {raft_id, term, vote};
    struct check_vote *known = rp_table_get(&checks->votes, vote_key(&seen));
    if (known == NULL) {
        known = check_allocate(checks, sizeof *known);
        *known = seen;
        check_put(&checks->votes, vote_key(known), known);
        return;
    }
    check_reached(watch, SIM_PROP_CONSENSUS_SAFE);
    if (term < known->term) {
        check_violate(watch, SIM_PROP_CONSENSUS_SAFE, "vote/term",
                      "a vote in term %llu comes after one in term %llu", (unsigned long long)term,
                      (unsigned long long)known->term);
    } else if (term == known->term && known->vote != 0 && vote != known->vote) {
        check_violate(watch, SIM_PROP_CONSENSUS_SAFE, "vote/twice", "a second vote in term %llu",
                      (unsigned long long)term);
    }
    *known = seen;
}

/* ---- Logs ------------------------------------------------------------------------------------- */

/* invariants.md, consensus-safe: what is committed is in the log of every leader of a later term. Whatever
 * a node has applied is committed. Votes that were long on their way may make a leader of a former
 * term beside the present one: it owes nothing, and can commit nothing. */
static void on_leader(struct check_pod *pod, const struct rp_observation *seen)
{
    struct sim_pod_log log;
    struct sim_checks *checks = pod->checks;
    uint64_t committed = sim_truth_last_index(sim_world_truth(checks->world));
    if (seen->value2 == 0 || seen->value2 < checks->lead_term || !sim_pod_log(pod->pod, &log)) {
        return;
    }
    checks->lead_term = seen->value2;
    check_reached(pod, SIM_PROP_CONSENSUS_SAFE);
    if (log.last_index < committed) {
        check_violate(pod, SIM_PROP_CONSENSUS_SAFE, "leader/log",
                      "the log of the leader of term %llu ends at %llu, %llu is committed",
                      (unsigned long long)seen->value2, (unsigned long long)log.last_index,
                      (unsigned long long)committed);
    }
}

static bool is_voter(const struct sim_pod_log *log, const uint64_t *voters, size_t count)
{
    size_t row = 0;
    while (row < count && voters[row] != log->raft_id) {
        row += 1;
    }
    return row < count;
}

/* How many of the voters have the command on their disk, synced. */
static size_t durable_count(struct sim_world *world, uint64_t index, const uint64_t *voters,
                            size_t voter_count)
{
    size_t count = 0;
    for (size_t row = 0; row < sim_world_pod_count(world); row += 1) {
        struct sim_pod_log log;
        bool has_log = sim_pod_log(sim_world_pod_at(world, row), &log);
        count += has_log && log.durable_index >= index && is_voter(&log, voters, voter_count);
    }
    return count;
}

/* invariants.md, consensus-safe: nothing is acknowledged before it is durable: what is applied
 * anywhere is on the disks of a majority. A volume that was lost since takes its share along, so one
 * missing disk is none. */
static void check_durable(struct check_pod *pod, uint64_t index)
{
    uint64_t voters[VOTERS_MAX];
    struct sim_world *world = pod->checks->world;
    size_t count = sim_pod_voters(pod->pod, voters, VOTERS_MAX);
    if (count == 0 || count > VOTERS_MAX || pod->checks->has_lost_logs) {
        return;
    }
    check_reached(pod, SIM_PROP_CONSENSUS_SAFE);
    size_t durable = durable_count(world, index, voters, count);
    if (durable * 2 <= count) {
        check_violate(pod, SIM_PROP_CONSENSUS_SAFE, "applied/durable",
                      "index %llu is applied, and on the disks of %zu of %zu voters",
                      (unsigned long long)index, durable, count);
    }
}

static void on_applied(struct check_pod *pod, const struct rp_observation *seen)
{
    struct sim_checks *checks = pod->checks;
    if (seen->value > checks->applied_first && sim_world_pod_count(checks->world) <= DURABLE_PODS) {
        check_durable(pod, seen->value);
    }
    checks->applied_first =
        seen->value > checks->applied_first ? seen->value : checks->applied_first;
}

void check_log_observe(struct check_pod *pod, const struct rp_observation *seen)
{
    switch (seen->kind) {
    case RP_SEE_LEADER: on_leader(pod, seen); break;
    case RP_SEE_APPLIED: on_applied(pod, seen); break;
    default: break;
    }
}

void sim_checks_log_lost(struct sim_checks *checks)
{
    checks->has_lost_logs = true;
}

/* ---- The whole log once more ------------------------------------------------------------------ */

struct check_command {
    uint64_t index, term;
    size_t offset, length_bytes;
};

static bool has_room(struct sim_checks *checks, size_t length_bytes)
{
    struct check_log *log = &checks->log;
    if (log->used_bytes + length_bytes > LOG_BYTES_MAX) {
        log->is_cut = true;
    }
    return !log->is_cut;
}

static void *grown(struct sim_checks *checks, void *array, size_t size_bytes)
{
    void *larger = rp_resize(checks->alloc, array, size_bytes);
    RP_ASSERT(larger != NULL);
    return larger;
}

/* Every index is applied somewhere before it is so anywhere else, and in order there. */
void sim_checks_command(struct sim_checks *checks, struct sim_pod *pod, uint64_t index,
                        uint64_t term, struct rp_view command)
{
    struct check_log *log = &checks->log;
    (void)pod;
    if (index <= log->last_index || !has_room(checks, command.length_bytes)) {
        return;
    }
    if (log->used_bytes + command.length_bytes > log->bytes_max) {
        log->bytes_max = (log->used_bytes + command.length_bytes) * 2 + 4096;
        log->bytes = grown(checks, log->bytes, log->bytes_max);
    }
    if (log->count == log->commands_max) {
        log->commands_max = log->commands_max == 0 ? 256 : log->commands_max * 2;
        log->commands =
            grown(checks, log->commands, log->commands_max * sizeof(struct check_command));
    }
    if (command.length_bytes > 0) {
        memcpy(log->bytes + log->used_bytes, command.bytes, command.length_bytes);
    }
    log->commands[log->count] =
        (struct check_command){index, term, log->used_bytes, command.length_bytes};
    log->count += 1;
    log->used_bytes += command.length_bytes;
    log->last_index = index;
}

void check_log_life_begins(struct check_pod *pod)
{
    pod->checks->log.releases |= 1u << sim_pod_release(pod->pod);
}

static struct rp_manifest *replayed(struct sim_checks *checks, enum rp_release release,
                                    struct rp_entry_pool *pool)
{
    const struct check_log *log = &checks->log;
    struct rp_manifest *fresh = NULL;
    struct rp_manifest_events events = {0};
    int error = rp_manifest_new(rp_release_traits(release), checks->alloc, pool, &events, &fresh);
    RP_ASSERT(error == 0);
    for (size_t row = 0; row < log->count; row += 1) {
        const struct check_command *command = &log->commands[row];
        error =
            rp_manifest_apply(fresh, command->index, command->term,
                              rp_view_make(log->bytes + command->offset, command->length_bytes));
        (void)error; /* a refusal, there as here */
    }
    return fresh;
}

/* invariants.md, apply-deterministic: a fresh state machine is brought to the same state by the log
 * alone. Several releases in one run judge commands differently. */
void check_log_end(struct sim_checks *checks)
{
    const struct check_log *log = &checks->log;
    bool is_one_release = log->releases != 0 && (log->releases & (log->releases - 1)) == 0;
    const struct check_digest *known =
        checks->digests == NULL ? NULL : &checks->digests[log->last_index % CHECK_INDEX_RING];
    if (log->is_cut || !is_one_release || log->count == 0 || known == NULL ||
        known->index != log->last_index) {
        return;
    }
    struct rp_entry_pool *pool = NULL;
    int error = rp_entry_pool_new(checks->alloc, &pool);
    RP_ASSERT(error == 0);
    struct rp_manifest *fresh = replayed(checks, sim_pod_release(known->by->pod), pool);
    struct rp_digest digest = rp_manifest_digest(fresh);
    check_reached(known->by, SIM_PROP_APPLY_DETERMINISTIC);
    if (digest.low != known->digest.low || digest.high != known->digest.high) {
        check_violate(known->by, SIM_PROP_APPLY_DETERMINISTIC, "end/replay",
                      "a fresh machine is in another state after the log up to index %llu",
                      (unsigned long long)log->last_index);
    }
    rp_manifest_free(fresh);
    rp_entry_pool_free(pool);
}

void check_log_clear(struct sim_checks *checks)
{
    size_t cursor = 0;
    struct check_vote *vote;
    while ((vote = rp_table_next(&checks->votes, &cursor)) != NULL) {
        rp_release(checks->alloc, vote);
    }
    rp_table_clear(&checks->votes);
    rp_release(checks->alloc, checks->log.bytes);
    rp_release(checks->alloc, checks->log.commands);
}
