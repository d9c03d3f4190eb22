#include "sim/chosen.h"

#include "protocol/raft/bridge.h"
#include "sim/world_internal.h"

#define MEMBERS_MAX 4096

static struct rp_consensus_status status_of(struct sim_pod *pod)
{
    return pod->ports.consensus.status(pod->ports.consensus.state);
}

bool sim_chosen_is_running(const struct sim_pod *pod)
{
    return pod->node != NULL && (pod->state == SIM_POD_UP || pod->state == SIM_POD_PAUSED);
}

bool sim_chosen_is_booting(const struct sim_pod *pod)
{
    return pod->state == SIM_POD_BOOTING || (pod->state == SIM_POD_DOWN && pod->boot_event != 0);
}

static void forget(void *context, const struct sim_propose_result *result)
{
    (void)context; /* whether it was applied is asked of the logs */
    (void)result;
}

static void propose_nothing(struct sim_world *world)
{
    struct sim_propose_wait wait = {forget, NULL};
    sim_workload_delete(world, rp_view_text("chosen:point"), rp_view_text(""), &wait);
}

/* ---- Snapshots ------------------------------------------------------------------------------------ */

int sim_chosen_snapshot(struct sim_pod *pod, uint64_t *mark_out)
{
    if (!sim_chosen_is_running(pod)) {
        return RP_ERR_STOPPED;
    }
    if (sim_world_leader(pod->world) == NULL) {
        return RP_ERR_NO_LEADER;
    }
    *mark_out = status_of(pod).applied_index;
    if (pod->raft != NULL) {
        uint64_t former_index = sim_raft_folder_snapshot_index(pod->folder);
        *mark_out = *mark_out > former_index ? *mark_out : former_index + 1;
        rp_bridge_snapshot_soon(sim_consensus_raft_bridge(pod->raft),
                                pod->config.raft_snapshot_threshold);
        propose_nothing(pod->world);
        return 0;
    }
    return sim_ideal_log_snapshot(pod->world->ideal_log, pod->ideal);
}

bool sim_chosen_has_snapshot(struct sim_pod *pod, uint64_t mark)
{
    uint64_t index = pod->raft != NULL || pod->ideal == NULL
                         ? sim_raft_folder_snapshot_index(pod->folder)
                         : sim_ideal_log_snapshot_index(pod->world->ideal_log);
    return index >= mark && index != 0;
}

int sim_chosen_truncate(struct sim_world *world, uint64_t *mark_out)
{
    struct sim_pod *leader = sim_world_leader(world);
    if (leader == NULL) {
        return RP_ERR_NO_LEADER;
    }
    *mark_out = status_of(leader).applied_index;
    if (leader->raft == NULL) {
        return sim_ideal_log_truncate(world->ideal_log, leader->ideal);
    }
    for (size_t index = 0; index < world->pod_count; index += 1) {
        struct sim_pod *pod = world->pods[index];
        if (sim_chosen_is_running(pod) && pod->raft != NULL && status_of(pod).has_leader) {
            rp_bridge_snapshot_soon(sim_consensus_raft_bridge(pod->raft), 0);
        }
    }
    propose_nothing(world);
    return 0;
}

bool sim_chosen_is_truncated(struct sim_world *world, uint64_t mark)
{
    struct sim_pod *leader = sim_world_leader(world);
    if (leader == NULL) {
        return false;
    }
    uint64_t first_index = leader->raft != NULL ? sim_raft_folder_first_index(leader->folder)
                                                : sim_ideal_log_first_index(world->ideal_log);
    return first_index > mark;
}

/* ---- Leaders -------------------------------------------------------------------------------------- */

/* 0, or why it cannot lead: RP_ERR_NO_LEADER while a vote is still to be given away, which may be its,
 * as when it has just come back; RP_ERR_INVALID when it has none. */
static int judge_vote(struct sim_pod *leader, uint64_t raft_id)
{
    struct rp_member_view members[MEMBERS_MAX];
    size_t count = rp_bridge_members(sim_consensus_raft_bridge(leader->raft), members, MEMBERS_MAX);
    uint32_t voters = 0;
    for (size_t row = 0; row < count && row < MEMBERS_MAX; row += 1) {
        bool is_voter = members[row].rank == RP_MEMBER_VOTER;
        if (is_voter && members[row].raft_id == raft_id) {
            return 0;
        }
        voters += is_voter;
    }
    return voters < leader->world->spec.cluster.voter_max ? RP_ERR_NO_LEADER : RP_ERR_INVALID;
}

int sim_chosen_transfer(struct sim_pod *pod)
{
    struct sim_pod *leader = sim_world_leader(pod->world);
    if (!sim_chosen_is_running(pod)) {
        return RP_ERR_STOPPED;
    }
    if (leader == NULL) {
        return RP_ERR_NO_LEADER;
    }
    if (leader == pod) {
        return 0;
    }
    uint64_t raft_id = status_of(pod).raft_id;
    if (leader->raft == NULL) {
        return sim_ideal_log_lead(pod->world->ideal_log, raft_id);
    }
    int error = judge_vote(leader, raft_id);
    if (error != 0) {
        return error;
    }
    rp_ignore(rp_bridge_hand_over(sim_consensus_raft_bridge(leader->raft), raft_id));
    return 0;
}

int sim_chosen_election(struct sim_world *world, uint64_t *term_out)
{
    struct sim_pod *leader = sim_world_leader(world);
    if (leader == NULL) {
        return RP_ERR_NO_LEADER;
    }
    *term_out = status_of(leader).term;
    if (leader->raft == NULL) {
        sim_ideal_log_elect(world->ideal_log);
        return 0;
    }
    return rp_bridge_hand_over(sim_consensus_raft_bridge(leader->raft), 0);
}

bool sim_chosen_is_elected(struct sim_world *world, uint64_t term)
{
    struct sim_pod *leader = sim_world_leader(world);
    return leader != NULL && status_of(leader).term > term;
}
