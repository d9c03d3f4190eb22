/* Leadership given away: asked for by the node that leads, and pursued until another one does. */
#include "protocol/error.h"
#include "protocol/raft/members_inner.h"

static void on_transferred(struct raft_transfer *transfer)
{
    struct rp_members *members = transfer->data;
    members->is_transfer_flying = false;
    members_run_soon(members);
}

/* The reachable voter with the longest log: it needs the least before it may lead. */
static uint64_t heir_of(const struct rp_members *members)
{
    const struct raft_configuration *configuration = &members->raft->configuration;
    const struct raft_progress *progress = members->raft->leader_state.progress;
    uint64_t heir = 0;
    uint64_t heir_match = 0;
    for (unsigned i = 0; i < configuration->n; i++) {
        const struct raft_server *server = &configuration->servers[i];
        bool is_fit = server->role == RAFT_VOTER && server->id != members->raft->id &&
                      members_is_reachable(members, server->id);
        if (is_fit && (heir == 0 || progress[i].match_index > heir_match)) {
            heir = server->id;
            heir_match = progress[i].match_index;
        }
    }
    return heir;
}

/* False: the library does not take it. */
static bool ask_heir(struct rp_members *members, uint64_t heir)
{
    members->transfer.data = members;
    members->is_transfer_flying = true; /* it may end within the call */
    if (raft_transfer(members->raft, &members->transfer, heir, on_transferred) != 0) {
        members->is_transfer_flying = false;
        return false;
    }
    return true;
}

/* Committed: the heir has it too, or will in a moment; else whoever asked asks again. */
static void on_level(struct raft_barrier *barrier, int status)
{
    struct rp_members *members = barrier->data;
    members->is_levelling = false;
    if (status != 0) {
        members->heir_due = 0;
        members->is_transfer_flying = false;
    }
    members_run_soon(members);
}

static bool level_first(struct rp_members *members, uint64_t heir)
{
    members->barrier.data = members;
    members->heir_due = heir;
    members->is_levelling = true;
    members->is_transfer_flying = true;
    if (raft_barrier(members->raft, &members->barrier, on_level) != 0) {
        members->heir_due = 0;
        members->is_levelling = false;
        members->is_transfer_flying = false;
        return false;
    }
    return true;
}

/* libraft 0.15 has a member whose log is longer than the leader's ignore the request to take over, and a
 * leader that has appended nothing yet overwrites nothing; so it appends something first (docs/decisions,
 * 0054). */
static bool begin_transfer(struct rp_members *members, uint64_t heir)
{
    bool has_appended = raft_last_index(members->raft) > members->leader_from_index;
    return has_appended ? ask_heir(members, heir) : level_first(members, heir);
}

void members_go_on_handing(struct rp_members *members)
{
    uint64_t heir = members->heir_due;
    if (heir == 0 || members->is_levelling) {
        return;
    }
    members->heir_due = 0;
    members->is_transfer_flying = false;
    if (members_lead(members)) {
        (void)ask_heir(members, heir); /* refused: whoever asked finds nothing on its way */
    }
}

void members_transfer_end(struct rp_members *members, int error)
{
    struct rp_consensus_request *request = members->transfer_request;
    members->transfer_request = NULL;
    members_finish(members, request, error);
}

void members_pursue_transfer(struct rp_members *members)
{
    if (members->transfer_request == NULL) {
        return;
    }
    if (!members_lead(members)) {
        members_transfer_end(members, 0);
        return;
    }
    if (members_now(members) >= members->transfer_deadline_ns) {
        members_transfer_end(members, RP_ERR_TIMEOUT);
        return;
    }
    if (members->is_transfer_flying) {
        return;
    }
    uint64_t heir = heir_of(members);
    if (heir == 0 || !begin_transfer(members, heir)) {
        members_transfer_end(members, RP_ERR_UNREACHABLE);
    }
}

void rp_members_transfer(struct rp_members *members, struct rp_consensus_request *request,
                         rp_time_ns deadline_ns)
{
    if (!members_lead(members) || members->transfer_request != NULL) {
        members_finish(members, request, members_lead(members) ? RP_ERR_BUSY : 0);
        return;
    }
    members->transfer_request = request;
    members->transfer_deadline_ns = deadline_ns;
    members_run_soon(members);
}

int rp_members_hand_over(struct rp_members *members, uint64_t raft_id)
{
    if (!members_lead(members) || members->is_transfer_flying) {
        return members_lead(members) ? RP_ERR_BUSY : RP_ERR_NOT_LEADER;
    }
    uint64_t heir = raft_id != 0 ? raft_id : heir_of(members);
    return heir != 0 && begin_transfer(members, heir) ? 0 : RP_ERR_UNREACHABLE;
}
