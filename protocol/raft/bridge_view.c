#include "protocol/error.h"
#include "protocol/raft/bridge_inner.h"

static enum rp_member_rank rank_of(int role)
{
    switch (role) {
    case RAFT_VOTER: return RP_MEMBER_VOTER;
    case RAFT_STANDBY: return RP_MEMBER_STANDBY;
    default: return RP_MEMBER_SPARE;
    }
}

size_t rp_bridge_members(const struct rp_bridge *bridge, struct rp_member_view *members_out,
                         size_t max)
{
    if (bridge->is_closed) {
        return 0;
    }
    const struct raft_configuration *configuration = &bridge->raft.configuration;
    for (size_t i = 0; i < configuration->n && i < max; i++) {
        members_out[i].raft_id = configuration->servers[i].id;
        members_out[i].rank = rank_of(configuration->servers[i].role);
    }
    return configuration->n;
}

uint64_t rp_bridge_commit_index(const struct rp_bridge *bridge)
{
    return bridge->raft.commit_index;
}

uint64_t rp_bridge_last_index(const struct rp_bridge *bridge)
{
    return bridge->is_closed ? 0 : bridge->raft.last_stored;
}

void rp_bridge_snapshot_soon(struct rp_bridge *bridge, uint32_t trailing)
{
    bridge->is_snapshot_forced = true;
    raft_set_snapshot_trailing(&bridge->raft, trailing);
    raft_set_snapshot_threshold(&bridge->raft, 1);
}

int rp_bridge_hand_over(struct rp_bridge *bridge, uint64_t raft_id)
{
    if (!rp_bridge_is_leader(bridge) || bridge->is_stopping) {
        return RP_ERR_NOT_LEADER;
    }
    return rp_members_hand_over(bridge->members, raft_id);
}
