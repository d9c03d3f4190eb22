#include "sim/reach.h"

#include "fault/catalog.h"
#include "protocol/error.h"
#include "protocol/fetch_server.h"
#include "protocol/panic.h"
#include "protocol/peers.h"
#include "protocol/puller.h"
#include "protocol/reconcile.h"
#include "protocol/registrar.h"

/* ---- Faults ----------------------------------------------------------------------------------- */

size_t sim_reach_fault_place(const char *name)
{
    RP_ASSERT(fault_catalog_count() <= SIM_REACH_FAULT_MAX);
    size_t place = 0;
    while (place < fault_catalog_count() && strcmp(fault_catalog_at(place)->name, name) != 0) {
        place += 1;
    }
    RP_ASSERT(place < fault_catalog_count());
    return place;
}

void sim_reach_fault(struct sim_reach *reach, const char *name)
{
    if (reach != NULL) {
        reach->faults[sim_reach_fault_place(name)] += 1;
    }
}

/* ---- States ----------------------------------------------------------------------------------- */

static void enter(struct sim_reach *reach, enum sim_reach_state state)
{
    reach->states[state] += 1;
    reach->latest = state;
}

/* The state so many places behind the first of its family; nothing beyond the last. */
static void enter_of(struct sim_reach *reach, enum sim_reach_state first, enum sim_reach_state last,
                     uint64_t offset)
{
    if (offset <= (uint64_t)last - (uint64_t)first) {
        enter(reach, (enum sim_reach_state)((uint64_t)first + offset));
    }
}

_Static_assert(SIM_REACH_PEER_DIED - SIM_REACH_PEER_ADDED == RP_PEER_DIED, "order of changes");
_Static_assert(SIM_REACH_ANNOUNCE_STOPPED - SIM_REACH_ANNOUNCE_QUEUED == RP_ANNOUNCE_STOPPED,
               "order of results");
_Static_assert(SIM_REACH_PULL_NO_PEERS - SIM_REACH_PULL_PULLED == RP_PULL_NO_PEERS,
               "order of outcomes");
_Static_assert(SIM_REACH_FETCH_CANCELLED - SIM_REACH_FETCH_OK == RP_FETCH_CANCELLED,
               "order of outcomes");
_Static_assert(SIM_REACH_REGISTER_ABANDONED - SIM_REACH_REGISTER_DONE == RP_REGISTER_ABANDONED,
               "order of outcomes");

static uint64_t place_of_kind(struct rp_view code)
{
    static const char *const KINDS[] = {"join", "leave", "heartbeat", "fetch", "forward"};
    uint64_t place = 0;
    while (place < 5 && !rp_view_equal(code, rp_view_text(KINDS[place]))) {
        place += 1;
    }
    return place;
}

/* behaviour.md 5.1: what a check's refusal says on the wire, where the release has codes. */
static enum rp_ack_code code_of_refusal(uint64_t refusal)
{
    switch ((enum rp_serve_refusal)refusal) {
    case RP_SERVE_REFUSED_NO_SECRET:
    case RP_SERVE_REFUSED_EXPIRED:
    case RP_SERVE_REFUSED_MAC:
    case RP_SERVE_REFUSED_BINDING:
    case RP_SERVE_REFUSED_REPLAY: return RP_ACK_CODE_AUTH;
    case RP_SERVE_REFUSED_PATH: return RP_ACK_CODE_INVALID_PATH;
    case RP_SERVE_REFUSED_NO_RAFT:
    case RP_SERVE_REFUSED_NO_FSM: return RP_ACK_CODE_RAFT;
    case RP_SERVE_REFUSED_MANIFEST: return RP_ACK_CODE_MANIFEST;
    case RP_SERVE_REFUSED_NO_BACKEND:
    case RP_SERVE_REFUSED_BACKEND_ERROR: return RP_ACK_CODE_BACKEND;
    case RP_SERVE_REFUSED_NOT_FOUND: return RP_ACK_CODE_NOT_FOUND;
    case RP_SERVE_REFUSED_OFFSET: return RP_ACK_CODE_BAD_OFFSET;
    default: return RP_ACK_CODE_OTHER;
    }
}

static void see_refused(struct sim_reach *reach, const struct rp_observation *seen)
{
    uint64_t kind = place_of_kind(seen->code);
    enter_of(reach, SIM_REACH_REFUSED_JOIN, SIM_REACH_REFUSED_FORWARD, kind);
    if (kind == SIM_REACH_REFUSED_FETCH - SIM_REACH_REFUSED_JOIN) {
        reach->acks_sent[code_of_refusal(seen->value)] += 1;
    }
}

/* A refusal without a code is told from an ok ack by what it says of itself. */
static void see_ack(struct sim_reach *reach, const struct rp_observation *seen)
{
    enum rp_ack_code code = seen->value2 != 0 ? RP_ACK_CODE_NONE : rp_ack_code_parse(seen->code);
    if (seen->value2 == 0 && code == RP_ACK_CODE_NONE) {
        code = RP_ACK_CODE_OTHER;
    }
    reach->acks_received[code] += 1;
}

static void see_serve(struct sim_reach *reach, const struct rp_observation *seen)
{
    if (seen->kind == RP_SEE_SERVE_BEGIN) {
        reach->acks_sent[RP_ACK_CODE_NONE] += 1;
        enter(reach, seen->value != 0 ? SIM_REACH_SERVE_RESUMED : SIM_REACH_SERVE_BEGUN);
    } else {
        enter(reach, seen->error != 0 ? SIM_REACH_SERVE_BROKEN : SIM_REACH_SERVE_ENDED);
    }
}

static void see_fetch_end(struct sim_reach *reach, const struct rp_observation *seen)
{
    enter_of(reach, SIM_REACH_FETCH_OK, SIM_REACH_FETCH_CANCELLED, seen->value);
    reach->states[SIM_REACH_FETCH_TIMED_OUT] += seen->error == RP_ERR_TIMEOUT;
}

static void see_pull(struct sim_reach *reach, const struct rp_observation *seen)
{
    switch (seen->kind) {
    case RP_SEE_ANNOUNCED:
        enter_of(reach, SIM_REACH_ANNOUNCE_QUEUED, SIM_REACH_ANNOUNCE_STOPPED, seen->value);
        break;
    case RP_SEE_PULL_BEGIN: enter(reach, SIM_REACH_PULL_BEGUN); break;
    case RP_SEE_ATTEMPT_BEGIN:
        enter(reach, seen->value > 1 ? SIM_REACH_PULL_RETRY : SIM_REACH_PULL_ATTEMPT);
        reach->states[SIM_REACH_PULL_WITHOUT_PEERS] += seen->value2 == 0;
        break;
    case RP_SEE_DIAL:
        enter(reach, seen->value2 != 0 ? SIM_REACH_PULL_RESUME : SIM_REACH_PULL_DIAL);
        break;
    case RP_SEE_PUBLISHED:
        enter(reach, seen->error != 0 ? SIM_REACH_PULL_PUBLISH_FAILED : SIM_REACH_PULL_PUBLISH);
        break;
    case RP_SEE_PULL_END:
        enter_of(reach, SIM_REACH_PULL_PULLED, SIM_REACH_PULL_NO_PEERS, seen->value);
        break;
    default: break;
    }
}

static void see_leader(struct sim_reach *reach, const struct rp_observation *seen)
{
    if (seen->value2 != 0) {
        enter(reach, SIM_REACH_ROLE_LEADS);
    } else {
        enter(reach, seen->value != 0 ? SIM_REACH_ROLE_FOLLOWS : SIM_REACH_ROLE_LEADERLESS);
    }
}

static void see_reconcile(struct sim_reach *reach, const struct rp_observation *seen)
{
    switch (seen->kind) {
    case RP_SEE_RECONCILE_BEGIN:
        enter(reach, seen->value2 != 0 ? SIM_REACH_RECONCILE_ACT : SIM_REACH_RECONCILE_DRY);
        break;
    case RP_SEE_RECONCILE_LISTED:
        enter(reach, seen->value2 != 0 ? SIM_REACH_RECONCILE_LISTED : SIM_REACH_RECONCILE_UNLISTED);
        break;
    case RP_SEE_RECONCILE_DELETE:
        enter(reach, seen->value == RP_RECONCILE_ENTRY ? SIM_REACH_RECONCILE_ENTRY
                                                       : SIM_REACH_RECONCILE_FILE);
        break;
    case RP_SEE_RECONCILE_SWEPT: enter(reach, SIM_REACH_RECONCILE_SWEPT); break;
    case RP_SEE_RECONCILE_END: enter(reach, SIM_REACH_RECONCILE_ENDED); break;
    default: break;
    }
}

/* Kinds that end well or with an error. */
static void see_end(struct sim_reach *reach, const struct rp_observation *seen,
                    enum sim_reach_state well, enum sim_reach_state badly)
{
    enter(reach, seen->error == 0 ? well : badly);
}

void sim_reach_observe(struct sim_reach *reach, const struct rp_observation *seen)
{
    switch (seen->kind) {
    case RP_SEE_APPLIED: see_end(reach, seen, SIM_REACH_LOG_APPLIED, SIM_REACH_LOG_REFUSED); break;
    case RP_SEE_RESTORED:
        see_end(reach, seen, SIM_REACH_LOG_RESTORED, SIM_REACH_LOG_RESTORE_REFUSED);
        break;
    case RP_SEE_FILE_REGISTERED: enter(reach, SIM_REACH_CALLBACK_REGISTERED); break;
    case RP_SEE_FILE_DELETED: enter(reach, SIM_REACH_CALLBACK_DELETED); break;
    case RP_SEE_ANNOUNCED:
    case RP_SEE_PULL_BEGIN:
    case RP_SEE_ATTEMPT_BEGIN:
    case RP_SEE_DIAL:
    case RP_SEE_PUBLISHED:
    case RP_SEE_PULL_END: see_pull(reach, seen); break;
    case RP_SEE_ACK: see_ack(reach, seen); break;
    case RP_SEE_FETCH_END: see_fetch_end(reach, seen); break;
    case RP_SEE_PRESENT: enter(reach, SIM_REACH_JUDGED_PRESENT); break;
    case RP_SEE_ABSENT:
        enter(reach, seen->value != 0 ? SIM_REACH_JUDGED_DAMAGED : SIM_REACH_JUDGED_ABSENT);
        break;
    case RP_SEE_REMOVED: enter(reach, SIM_REACH_FILE_REMOVED); break;
    case RP_SEE_REQUEST_ACCEPTED:
        enter_of(reach, SIM_REACH_ACCEPTED_JOIN, SIM_REACH_ACCEPTED_FORWARD,
                 place_of_kind(seen->code));
        break;
    case RP_SEE_REQUEST_REFUSED: see_refused(reach, seen); break;
    case RP_SEE_SERVE_BEGIN:
    case RP_SEE_SERVE_END: see_serve(reach, seen); break;
    case RP_SEE_FLUSH_QUEUED:
        see_end(reach, seen, SIM_REACH_FLUSH_QUEUED, SIM_REACH_FLUSH_REFUSED);
        break;
    case RP_SEE_PROPOSED:
        enter(reach, seen->value2 != 0 ? SIM_REACH_PROPOSE_FORWARDED : SIM_REACH_PROPOSE_LOCAL);
        break;
    case RP_SEE_PROPOSE_END: reach->states[SIM_REACH_PROPOSE_FAILED] += seen->error != 0; break;
    case RP_SEE_REGISTER_DONE:
        enter_of(reach, SIM_REACH_REGISTER_DONE, SIM_REACH_REGISTER_ABANDONED, seen->value);
        break;
    case RP_SEE_BARRIER_BEGIN: enter(reach, SIM_REACH_BARRIER_BEGUN); break;
    case RP_SEE_BARRIER_END:
        see_end(reach, seen, SIM_REACH_BARRIER_PASSED, SIM_REACH_BARRIER_FAILED);
        break;
    case RP_SEE_WALK_BEGIN: enter(reach, SIM_REACH_WALK_BEGUN); break;
    case RP_SEE_WALK_END:
        enter(reach, seen->value2 == 1 ? SIM_REACH_WALK_COMPLETED : SIM_REACH_WALK_CANCELLED);
        break;
    case RP_SEE_READY:
        enter(reach, seen->value == 1 ? SIM_REACH_GATE_READY : SIM_REACH_GATE_SHUT);
        break;
    case RP_SEE_RESCAN: enter(reach, SIM_REACH_RESCAN); break;
    case RP_SEE_PEER:
        enter_of(reach, SIM_REACH_PEER_ADDED, SIM_REACH_PEER_DIED, seen->value);
        break;
    case RP_SEE_JOIN_BEGIN: enter(reach, SIM_REACH_JOIN_BEGUN); break;
    case RP_SEE_JOIN_END: see_end(reach, seen, SIM_REACH_JOIN_DONE, SIM_REACH_JOIN_FAILED); break;
    case RP_SEE_HEARTBEAT:
        see_end(reach, seen, SIM_REACH_HEARTBEAT_DONE, SIM_REACH_HEARTBEAT_FAILED);
        break;
    case RP_SEE_LEADER: see_leader(reach, seen); break;
    case RP_SEE_STARTED: enter(reach, SIM_REACH_LIFE_STARTED); break;
    case RP_SEE_STOP_BEGIN: enter(reach, SIM_REACH_LIFE_STOPPING); break;
    case RP_SEE_STOPPED: enter(reach, SIM_REACH_LIFE_STOPPED); break;
    case RP_SEE_CRASHED: enter(reach, SIM_REACH_LIFE_CRASHED); break;
    case RP_SEE_RECONCILE_BEGIN:
    case RP_SEE_RECONCILE_LISTED:
    case RP_SEE_RECONCILE_DELETE:
    case RP_SEE_RECONCILE_SWEPT:
    case RP_SEE_RECONCILE_END: see_reconcile(reach, seen); break;
    case RP_SEE_COMPACTION: enter(reach, SIM_REACH_COMPACTION); break;
    default: break;
    }
}

/* ---- Rows ------------------------------------------------------------------------------------- */

void sim_reach_add(struct sim_reach *reach, const struct sim_reach *other)
{
    for (int group = 0; group < SIM_REACH_GROUP_COUNT; group += 1) {
        for (size_t row = 0; row < sim_reach_row_count((enum sim_reach_group)group); row += 1) {
            uint64_t *count = NULL;
            switch ((enum sim_reach_group)group) {
            case SIM_REACH_CHECKERS: count = &reach->checked[row]; break;
            case SIM_REACH_FAULTS: count = &reach->faults[row]; break;
            case SIM_REACH_STATES: count = &reach->states[row]; break;
            case SIM_REACH_ACKS_SENT: count = &reach->acks_sent[row]; break;
            case SIM_REACH_ACKS_RECEIVED: count = &reach->acks_received[row]; break;
            case SIM_REACH_GROUP_COUNT: break;
            }
            *count += sim_reach_row_count_of(other, (enum sim_reach_group)group, row);
        }
    }
}

const char *sim_reach_group_name(enum sim_reach_group group)
{
    static const char *const NAMES[SIM_REACH_GROUP_COUNT] = {
        [SIM_REACH_CHECKERS] = "checked",
        [SIM_REACH_FAULTS] = "faults",
        [SIM_REACH_STATES] = "states",
        [SIM_REACH_ACKS_SENT] = "acks_sent",
        [SIM_REACH_ACKS_RECEIVED] = "acks_received",
    };
    RP_ASSERT((unsigned)group < SIM_REACH_GROUP_COUNT);
    return NAMES[group];
}

size_t sim_reach_row_count(enum sim_reach_group group)
{
    switch (group) {
    case SIM_REACH_CHECKERS: return SIM_PROPERTY_COUNT;
    case SIM_REACH_FAULTS: return fault_catalog_count();
    case SIM_REACH_STATES: return SIM_REACH_STATE_COUNT;
    case SIM_REACH_ACKS_SENT:
    case SIM_REACH_ACKS_RECEIVED: return RP_ACK_CODE_COUNT;
    case SIM_REACH_GROUP_COUNT: break;
    }
    return 0;
}

static const char *state_name(size_t row)
{
    static const char *const NAMES[SIM_REACH_STATE_COUNT] = {
#define SIM_REACH_STATE_TEXT(name, text) [name] = text,
        SIM_REACH_STATE_TABLE(SIM_REACH_STATE_TEXT)
#undef SIM_REACH_STATE_TEXT
    };
    return NAMES[row];
}

static const char *ack_name(size_t row)
{
    return row == RP_ACK_CODE_NONE ? "ok" : rp_ack_code_name((enum rp_ack_code)row);
}

const char *sim_reach_row_name(enum sim_reach_group group, size_t row)
{
    RP_ASSERT(row < sim_reach_row_count(group));
    switch (group) {
    case SIM_REACH_CHECKERS: return sim_property_name((enum sim_property)row);
    case SIM_REACH_FAULTS: return fault_catalog_at(row)->name;
    case SIM_REACH_STATES: return state_name(row);
    case SIM_REACH_ACKS_SENT:
    case SIM_REACH_ACKS_RECEIVED: return ack_name(row);
    case SIM_REACH_GROUP_COUNT: break;
    }
    return "";
}

/* ---- Floors ----------------------------------------------------------------------------------- */

/* What only a defect asks for, and what no release sends: no sweep can promise it. A sweep has older
 * releases in it, as the matrix runs them; disk.no_append acts on those alone, which append. */
static bool is_unpromised(enum sim_reach_group group, size_t row)
{
    switch (group) {
    case SIM_REACH_STATES:
        return row == SIM_REACH_LOG_RESTORE_REFUSED || row == SIM_REACH_PULL_DROPPED ||
               row == SIM_REACH_REGISTER_REFUSED;
    case SIM_REACH_ACKS_SENT:
        return row == RP_ACK_CODE_RAFT || row == RP_ACK_CODE_OTHER ||
               row == RP_ACK_CODE_INVALID_PATH;
    case SIM_REACH_ACKS_RECEIVED: return row == RP_ACK_CODE_RAFT || row == RP_ACK_CODE_INVALID_PATH;
    case SIM_REACH_CHECKERS: return row == SIM_PROP_SAME_SEED_SAME_TRACE;
    case SIM_REACH_FAULTS:
    case SIM_REACH_GROUP_COUNT: break;
    }
    return false;
}

uint64_t sim_reach_row_floor(enum sim_reach_group group, size_t row)
{
    static const uint64_t FLOORS[SIM_REACH_GROUP_COUNT] = {
        [SIM_REACH_CHECKERS] = 40,  [SIM_REACH_FAULTS] = 10,        [SIM_REACH_STATES] = 10,
        [SIM_REACH_ACKS_SENT] = 10, [SIM_REACH_ACKS_RECEIVED] = 10,
    };
    RP_ASSERT(row < sim_reach_row_count(group));
    return is_unpromised(group, row) ? 0 : FLOORS[group];
}

uint64_t sim_reach_row_count_of(const struct sim_reach *reach, enum sim_reach_group group,
                                size_t row)
{
    RP_ASSERT(row < sim_reach_row_count(group));
    switch (group) {
    case SIM_REACH_CHECKERS: return reach->checked[row];
    case SIM_REACH_FAULTS: return reach->faults[row];
    case SIM_REACH_STATES: return reach->states[row];
    case SIM_REACH_ACKS_SENT: return reach->acks_sent[row];
    case SIM_REACH_ACKS_RECEIVED: return reach->acks_received[row];
    case SIM_REACH_GROUP_COUNT: break;
    }
    return 0;
}
