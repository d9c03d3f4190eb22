#include "protocol/raft/bridge_inner.h"

/* What a follower's answer to AppendEntries says of its log. libraft 0.15 reports all that it has stored,
 * with entries of former leaders beyond those that the request was about; a leader that has appended
 * something meanwhile takes them for copies of its own entry, and commits it on too few members. So an
 * answer says no more than what is known to be equal in this term (docs/decisions, 0055). */

static uint64_t proven_of(const struct rp_bridge *bridge)
{
    /* What is committed is equal everywhere; a snapshot is. */
    uint64_t proven = bridge->raft.commit_index;
    if (bridge->proven_term == bridge->raft.current_term && bridge->proven_index > proven) {
        proven = bridge->proven_index;
    }
    return proven;
}

static void prove(struct rp_bridge *bridge, uint64_t index)
{
    if (bridge->proven_term != bridge->raft.current_term) {
        bridge->proven_term = bridge->raft.current_term;
        bridge->proven_index = 0;
    }
    if (index > bridge->proven_index) {
        bridge->proven_index = index;
    }
}

int rp_bridge_send(struct raft_io *io, struct raft_io_send *request,
                   const struct raft_message *message, raft_io_send_cb done)
{
    struct rp_bridge *bridge = rp_bridge_of(io);
    if (message->type != RAFT_IO_APPEND_ENTRIES_RESULT) {
        return bridge->io_send(io, request, message, done);
    }
    struct raft_message answer = *message;
    struct raft_append_entries_result *result = &answer.append_entries_result;
    bridge->is_answered = true;
    /* The answer to a snapshot that is not needed is about that one's index. */
    if (result->rejected == 0 && !bridge->is_taking_snapshot) {
        if (bridge->is_taking_entries && bridge->asked_term == bridge->raft.current_term) {
            prove(bridge, bridge->asked_index);
        }
        uint64_t proven = proven_of(bridge);
        result->last_log_index = result->last_log_index < proven ? result->last_log_index : proven;
    }
    return bridge->io_send(io, request, &answer, done);
}

void rp_bridge_take(struct rp_bridge *bridge, struct raft_message *message)
{
    const struct raft *raft = &bridge->raft;
    bool is_entries = message->type == RAFT_IO_APPEND_ENTRIES;
    if (is_entries && !rp_bridge_roll_back(bridge, message)) {
        return;
    }
    bool is_ignored = raft->snapshot.put.data != NULL; /* the library is busy with a snapshot */
    if (is_entries) {
        bridge->asked_term = message->append_entries.term;
        bridge->asked_index =
            message->append_entries.prev_log_index + message->append_entries.n_entries;
    }
    bridge->is_answered = false;
    bridge->is_taking_entries = is_entries;
    bridge->is_taking_snapshot = message->type == RAFT_IO_INSTALL_SNAPSHOT;
    bridge->library_recv(bridge->params.io, message);
    bridge->is_taking_entries = false;
    bridge->is_taking_snapshot = false;
    /* Not answered yet: the entries are on their way to the disk, and end the log. */
    if (is_entries && !bridge->is_answered && !is_ignored && raft->state == RAFT_FOLLOWER &&
        raft->current_term == bridge->asked_term &&
        raft_last_index(&bridge->raft) == bridge->asked_index) {
        prove(bridge, bridge->asked_index);
    }
}
