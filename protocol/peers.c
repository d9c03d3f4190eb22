#include "protocol/peers.h"

#include "protocol/error.h"
#include "protocol/limits.h"
#include "protocol/panic.h"
#include "protocol/table.h"

#define NOT_LISTED            SIZE_MAX
#define HEARTBEAT_INTERVALS   3
#define DEAD_THRESHOLD_FACTOR 2

struct slot {
    struct rp_peer peer;
    size_t healthy_index; /* in peers->healthy, or NOT_LISTED */
    uint8_t texts[];      /* id, role and address */
};

struct rp_peers {
    const struct rp_alloc *alloc; /* borrowed */
    struct rp_peer_events events;
    struct rp_table by_id; /* of struct slot, owned */
    /* Healthy others with an address, in no meaningful but a repeatable order. */
    struct slot *healthy[RP_PEER_COUNT_MAX];
    size_t healthy_count;
    uint64_t born_count;
    uint64_t accepted_count; /* connections: rp_peers_accepted */
    size_t self_id_length_bytes;
    uint8_t self_id[];
};

static const char *const STATE_NAMES[] = {
    [RP_PEER_UNKNOWN] = "unknown", [RP_PEER_HEALTHY] = "healthy", [RP_PEER_UNHEALTHY] = "unhealthy",
    [RP_PEER_DEAD] = "dead",       [RP_PEER_JOINING] = "joining", [RP_PEER_LEAVING] = "leaving",
    [RP_PEER_OTHER] = "other",
};

const char *rp_peer_state_name(enum rp_peer_state state)
{
    RP_ASSERT(state <= RP_PEER_OTHER);
    return STATE_NAMES[state];
}

enum rp_peer_state rp_peer_state_parse(struct rp_view text)
{
    for (int state = 0; state < RP_PEER_OTHER; state += 1) {
        if (rp_view_equal(text, rp_view_text(STATE_NAMES[state]))) {
            return (enum rp_peer_state)state;
        }
    }
    return RP_PEER_OTHER;
}

/* ---- Life ------------------------------------------------------------------------------------ */

int rp_peers_new(struct rp_view self_id, const struct rp_alloc *alloc,
                 const struct rp_peer_events *events, struct rp_peers **peers_out)
{
    *peers_out = NULL;
    if (self_id.length_bytes == 0) {
        return RP_ERR_INVALID;
    }
    struct rp_peers *peers = rp_allocate_zeroed(alloc, sizeof *peers + self_id.length_bytes);
    if (peers == NULL) {
        return RP_ERR_NOMEM;
    }
    peers->alloc = alloc;
    if (events != NULL) {
        peers->events = *events;
    }
    rp_table_init(&peers->by_id, alloc);
    memcpy(peers->self_id, self_id.bytes, self_id.length_bytes);
    peers->self_id_length_bytes = self_id.length_bytes;
    *peers_out = peers;
    return 0;
}

void rp_peers_free(struct rp_peers *peers)
{
    size_t cursor = 0;
    if (peers == NULL) {
        return;
    }
    for (void *slot; (slot = rp_table_next(&peers->by_id, &cursor)) != NULL;) {
        rp_release(peers->alloc, slot);
    }
    rp_table_clear(&peers->by_id);
    rp_release(peers->alloc, peers);
}

static void tell(const struct rp_peers *peers, const struct slot *slot, enum rp_peer_change change)
{
    if (peers->events.changed != NULL) {
        peers->events.changed(peers->events.context, &slot->peer, change);
    }
}

static struct slot *slot_of(const struct rp_peers *peers, struct rp_view id)
{
    return rp_table_get(&peers->by_id, id);
}

/* ---- State ----------------------------------------------------------------------------------- */

static void unlist(struct rp_peers *peers, struct slot *slot)
{
    if (slot->healthy_index == NOT_LISTED) {
        return;
    }
    struct slot *last = peers->healthy[peers->healthy_count - 1];
    peers->healthy[slot->healthy_index] = last;
    last->healthy_index = slot->healthy_index;
    slot->healthy_index = NOT_LISTED;
    peers->healthy_count -= 1;
}

static void list_if_healthy(struct rp_peers *peers, struct slot *slot)
{
    const struct rp_peer *peer = &slot->peer;
    if (peer->is_self || peer->state != RP_PEER_HEALTHY || peer->address.length_bytes == 0) {
        unlist(peers, slot);
    } else if (slot->healthy_index == NOT_LISTED) {
        RP_ASSERT(peers->healthy_count < RP_PEER_COUNT_MAX);
        slot->healthy_index = peers->healthy_count;
        peers->healthy[peers->healthy_count] = slot;
        peers->healthy_count += 1;
    }
}

static void set_state_text(struct rp_peers *peers, struct slot *slot, struct rp_view text)
{
    size_t length = text.length_bytes;
    length = length > RP_PEER_STATE_TEXT_MAX ? RP_PEER_STATE_TEXT_MAX : length;
    slot->peer.state = rp_peer_state_parse(text);
    if (length > 0) {
        memcpy(slot->peer.state_text, text.bytes, length);
    }
    slot->peer.state_text[length] = '\0';
    list_if_healthy(peers, slot);
}

static void set_state(struct rp_peers *peers, struct slot *slot, enum rp_peer_state state)
{
    set_state_text(peers, slot, rp_view_text(STATE_NAMES[state]));
}

void rp_peers_set_self_state(struct rp_peers *peers, enum rp_peer_state state)
{
    struct slot *slot = slot_of(peers, rp_view_make(peers->self_id, peers->self_id_length_bytes));
    if (slot != NULL && state < RP_PEER_OTHER) {
        set_state(peers, slot, state);
    }
}

/* ---- Registering ----------------------------------------------------------------------------- */

static struct rp_view keep_text(struct slot *slot, size_t *used, struct rp_view text)
{
    uint8_t *at = slot->texts + *used;
    if (text.length_bytes > 0) {
        memcpy(at, text.bytes, text.length_bytes);
    }
    *used += text.length_bytes;
    return rp_view_make(at, text.length_bytes);
}

static struct slot *make_slot(const struct rp_peers *peers, const struct rp_peer_record *record)
{
    size_t texts_bytes =
        record->id.length_bytes + record->role.length_bytes + record->address.length_bytes;
    struct slot *slot = rp_allocate_zeroed(peers->alloc, sizeof *slot + texts_bytes);
    size_t used = 0;
    if (slot == NULL) {
        return NULL;
    }
    slot->healthy_index = NOT_LISTED;
    slot->peer.id = keep_text(slot, &used, record->id);
    slot->peer.role = keep_text(slot, &used, record->role);
    slot->peer.address = keep_text(slot, &used, record->address);
    slot->peer.raft_id = record->raft_id;
    slot->peer.joined_unix_s = record->joined_unix_s;
    slot->peer.is_bound_fetch = record->is_bound_fetch;
    slot->peer.forward_connection = peers->accepted_count + 1;
    slot->peer.is_self =
        rp_view_equal(record->id, rp_view_make(peers->self_id, peers->self_id_length_bytes));
    return slot;
}

static bool is_same_life(const struct rp_peer *left, const struct rp_peer *right)
{
    return left->joined_unix_s == right->joined_unix_s && left->raft_id == right->raft_id &&
           rp_view_equal(left->address, right->address);
}

int rp_peers_register(struct rp_peers *peers, const struct rp_peer_record *record)
{
    if (record->id.length_bytes == 0) {
        return RP_ERR_INVALID;
    }
    struct slot *former = slot_of(peers, record->id);
    if (former == NULL && rp_table_count(&peers->by_id) >= RP_PEER_COUNT_MAX) {
        return RP_ERR_FULL;
    }
    struct slot *slot = make_slot(peers, record);
    if (slot == NULL) {
        return RP_ERR_NOMEM;
    }
    int error = rp_table_put(&peers->by_id, slot->peer.id, slot, NULL);
    if (error != 0) {
        rp_release(peers->alloc, slot);
        return error;
    }
    enum rp_peer_change change = RP_PEER_ADDED;
    if (former != NULL) {
        bool has_moved = !rp_view_equal(former->peer.address, slot->peer.address);
        change = has_moved ? RP_PEER_MOVED : RP_PEER_REPLACED;
        slot->peer.born_sequence = former->peer.born_sequence;
        slot->peer.is_reached = former->peer.is_reached && !has_moved;
        if (is_same_life(&former->peer, &slot->peer)) {
            slot->peer.forward_connection = former->peer.forward_connection;
            slot->peer.left_unix_s = former->peer.left_unix_s;
        }
        unlist(peers, former);
    } else {
        peers->born_count += 1;
        slot->peer.born_sequence = peers->born_count;
    }
    set_state_text(peers, slot, record->state);
    /* Last: the record's views may lie in the former one. */
    rp_release(peers->alloc, former);
    tell(peers, slot, change);
    return 0;
}

bool rp_peers_remove(struct rp_peers *peers, struct rp_view id)
{
    struct slot *slot = rp_table_remove(&peers->by_id, id);
    if (slot == NULL) {
        return false;
    }
    unlist(peers, slot);
    tell(peers, slot, RP_PEER_REMOVED);
    rp_release(peers->alloc, slot);
    return true;
}

/* ---- Health ---------------------------------------------------------------------------------- */

bool rp_peers_heartbeat(struct rp_peers *peers, struct rp_view id, struct rp_view state,
                        rp_time_ns now_ns)
{
    struct slot *slot = slot_of(peers, id);
    if (slot == NULL) {
        return false;
    }
    enum rp_peer_state former = slot->peer.state;
    slot->peer.has_heartbeat = true;
    slot->peer.is_reached = true;
    slot->peer.last_heartbeat_ns = now_ns;
    slot->peer.failed_check_count = 0;
    set_state_text(peers, slot, state);
    if (slot->peer.state != former) {
        bool is_healthy = slot->peer.state == RP_PEER_HEALTHY;
        tell(peers, slot, is_healthy ? RP_PEER_RECOVERED : RP_PEER_REPORTED);
    }
    return true;
}

void rp_peers_accepted(struct rp_peers *peers, uint64_t connection)
{
    peers->accepted_count = connection;
}

void rp_peers_forwarded(struct rp_peers *peers, struct rp_view id, uint64_t connection)
{
    struct slot *slot = slot_of(peers, id);
    if (slot != NULL) {
        slot->peer.forward_connection = connection;
    }
}

void rp_peers_reached(struct rp_peers *peers, struct rp_view id, bool is_reached)
{
    struct slot *slot = slot_of(peers, id);
    if (slot != NULL) {
        slot->peer.is_reached = is_reached;
    }
}

/* A node that said it leaves is believed until it joins again or speaks up itself. */
static void pass_check(struct rp_peers *peers, struct slot *slot)
{
    slot->peer.failed_check_count = 0;
    if (slot->peer.state != RP_PEER_HEALTHY && slot->peer.state != RP_PEER_JOINING &&
        slot->peer.state != RP_PEER_LEAVING) {
        set_state(peers, slot, RP_PEER_HEALTHY);
        tell(peers, slot, RP_PEER_RECOVERED);
    }
}

static void fail_check(struct rp_peers *peers, struct slot *slot, uint32_t threshold)
{
    uint64_t failed = slot->peer.failed_check_count;
    failed += failed < UINT32_MAX;
    slot->peer.failed_check_count = (uint32_t)failed;
    if (failed >= threshold && slot->peer.state == RP_PEER_HEALTHY) {
        set_state(peers, slot, RP_PEER_UNHEALTHY);
        tell(peers, slot, RP_PEER_FAILED);
    } else if (failed >= (uint64_t)threshold * DEAD_THRESHOLD_FACTOR &&
               slot->peer.state != RP_PEER_DEAD) {
        set_state(peers, slot, RP_PEER_DEAD);
        tell(peers, slot, RP_PEER_DIED);
    }
}

void rp_peers_check(struct rp_peers *peers, rp_time_ns now_ns, rp_time_ns interval_ns,
                    uint32_t threshold)
{
    size_t cursor = 0;
    for (struct slot *slot; (slot = rp_table_next(&peers->by_id, &cursor)) != NULL;) {
        const struct rp_peer *peer = &slot->peer;
        if (peer->is_self) {
            continue;
        }
        if (peer->has_heartbeat &&
            now_ns - peer->last_heartbeat_ns < HEARTBEAT_INTERVALS * interval_ns) {
            pass_check(peers, slot);
        } else {
            fail_check(peers, slot, threshold);
        }
    }
}

/* ---- Looking --------------------------------------------------------------------------------- */

bool rp_peers_is_former_life(const struct rp_peers *peers, struct rp_view id, int64_t signed_unix_s)
{
    const struct slot *slot = slot_of(peers, id);
    return slot != NULL && slot->peer.joined_unix_s != 0 &&
           signed_unix_s < slot->peer.joined_unix_s;
}

void rp_peers_left(struct rp_peers *peers, struct rp_view id, int64_t signed_unix_s)
{
    struct slot *slot = slot_of(peers, id);
    if (slot != NULL) {
        slot->peer.left_unix_s = signed_unix_s;
    }
}

const struct rp_peer *rp_peers_get(const struct rp_peers *peers, struct rp_view id)
{
    const struct slot *slot = slot_of(peers, id);
    return slot == NULL ? NULL : &slot->peer;
}

static bool is_later(const struct rp_peer *left, const struct rp_peer *right)
{
    return left->joined_unix_s != right->joined_unix_s ? left->joined_unix_s > right->joined_unix_s
                                                       : left->born_sequence > right->born_sequence;
}

/* A pod that came back under another name on the same folder has the raft id of its predecessor, which
 * is a member as long as nobody takes it out. Only the last that joined with it runs. */
const struct rp_peer *rp_peers_get_by_raft_id(const struct rp_peers *peers, uint64_t raft_id)
{
    const struct rp_peer *found = NULL;
    size_t cursor = 0;
    for (const struct rp_peer *peer; (peer = rp_peers_next(peers, &cursor)) != NULL;) {
        if (raft_id != 0 && peer->raft_id == raft_id && (found == NULL || is_later(peer, found))) {
            found = peer;
        }
    }
    return found;
}

const struct rp_peer *rp_peers_next(const struct rp_peers *peers, size_t *cursor)
{
    const struct slot *slot = rp_table_next(&peers->by_id, cursor);
    return slot == NULL ? NULL : &slot->peer;
}

size_t rp_peers_count(const struct rp_peers *peers)
{
    return rp_table_count(&peers->by_id);
}

size_t rp_peers_state_count(const struct rp_peers *peers, enum rp_peer_state state)
{
    size_t cursor = 0, count = 0;
    for (const struct rp_peer *peer; (peer = rp_peers_next(peers, &cursor)) != NULL;) {
        count += peer->state == state;
    }
    return count;
}

size_t rp_peers_role_count(const struct rp_peers *peers, struct rp_view role)
{
    size_t cursor = 0, count = 0;
    for (const struct rp_peer *peer; (peer = rp_peers_next(peers, &cursor)) != NULL;) {
        count += rp_view_equal(peer->role, role);
    }
    return count;
}

/* ---- Candidates ------------------------------------------------------------------------------ */

/* The list in the making, and a set of its addresses, at most half full. */
#define ADDRESS_SLOTS 2048u
_Static_assert(ADDRESS_SLOTS >= 2 * RP_PEER_COUNT_MAX, "the set of addresses stays half empty");

struct candidate_list {
    const struct rp_candidate_query *query;
    bool prefers_reached;
    struct rp_candidate *candidates;
    size_t count;
    size_t max;
    uint16_t by_address[ADDRESS_SLOTS]; /* 1 + index into candidates, 0 empty */
};

/* Wrong bytes came from it for this path; or it was never reached at its present address, so that a
 * fresh node does not spend a dial time-out on each file of an origin that is gone. */
static bool comes_last(const struct candidate_list *list, const struct rp_peer *peer)
{
    const struct rp_candidate_query *query = list->query;
    struct rp_view id = peer->id;
    if (list->prefers_reached && !peer->is_reached) {
        return true;
    }
    for (size_t index = 0; index < query->demoted_count; index += 1) {
        if (rp_view_equal(query->demoted_ids[index], id)) {
            return true;
        }
    }
    return false;
}

static void add_candidate(struct candidate_list *list, const struct rp_peer *peer, bool is_origin)
{
    size_t slot = (size_t)rp_table_hash(peer->address) % ADDRESS_SLOTS;
    while (list->by_address[slot] != 0) {
        if (rp_view_equal(list->candidates[list->by_address[slot] - 1].address, peer->address)) {
            return;
        }
        slot = (slot + 1) % ADDRESS_SLOTS;
    }
    if (list->count < list->max) {
        list->candidates[list->count] = (struct rp_candidate){peer->id, peer->address, is_origin};
        list->count += 1;
        list->by_address[slot] = (uint16_t)list->count;
    }
}

/* The origin when the release would ask it now, else NULL. behaviour.md 9.1 */
static const struct rp_peer *askable_origin(const struct rp_peers *peers,
                                            const struct rp_traits *traits, struct rp_view id)
{
    const struct rp_peer *origin = id.length_bytes == 0 ? NULL : rp_peers_get(peers, id);
    if (origin == NULL || origin->is_self || origin->address.length_bytes == 0) {
        return NULL;
    }
    bool has_to_be_healthy = traits->candidates == RP_CANDIDATES_ORIGIN_IF_HEALTHY;
    return has_to_be_healthy && origin->state != RP_PEER_HEALTHY ? NULL : origin;
}

/* One step of a well-mixed counter; enough for an order, and the same on every machine. */
static uint64_t next_draw(uint64_t *key)
{
    *key += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t draw = (*key ^ (*key >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    draw = (draw ^ (draw >> 27)) * UINT64_C(0x94d049bb133111eb);
    return draw ^ (draw >> 31);
}

/* A number below `bound`, which is at most RP_PEER_COUNT_MAX, from the upper half of a draw. */
static size_t draw_below(uint64_t *key, size_t bound)
{
    return (size_t)((next_draw(key) >> 32) * bound >> 32);
}

/* Everyone healthy but the origin, drawn one after another: those demoted wait for the end. */
static void add_healthy(const struct rp_peers *peers, const struct rp_peer *origin,
                        struct candidate_list *list)
{
    const struct slot *order[RP_PEER_COUNT_MAX];
    size_t demoted[RP_PEER_COUNT_MAX];
    size_t count = peers->healthy_count, demoted_count = 0;
    uint64_t key = list->query->shuffle_key;
    for (size_t index = 0; index < count; index += 1) {
        order[index] = peers->healthy[index];
    }
    bool is_origin_demoted = origin != NULL && comes_last(list, origin);
    for (size_t index = 0; index < count && list->count < list->max; index += 1) {
        size_t drawn = index + draw_below(&key, count - index);
        const struct slot *slot = order[drawn];
        order[drawn] = order[index];
        order[index] = slot;
        if (&slot->peer == origin) {
            continue;
        }
        if (comes_last(list, &slot->peer)) {
            demoted[demoted_count] = index;
            demoted_count += 1;
        } else {
            add_candidate(list, &slot->peer, false);
        }
    }
    if (is_origin_demoted) {
        add_candidate(list, origin, true);
    }
    for (size_t index = 0; index < demoted_count; index += 1) {
        add_candidate(list, &order[demoted[index]]->peer, false);
    }
}

size_t rp_peers_candidates(const struct rp_peers *peers, const struct rp_traits *traits,
                           const struct rp_candidate_query *query,
                           struct rp_candidate *candidates_out, size_t max)
{
    struct candidate_list list = {
        .query = query,
        .prefers_reached = traits->candidates == RP_CANDIDATES_ORIGIN_IF_HEALTHY,
        .candidates = candidates_out,
        .max = max,
    };
    const struct rp_peer *origin = askable_origin(peers, traits, query->origin_node_id);
    bool is_origin_only = traits->candidates == RP_CANDIDATES_ORIGIN;
    if (origin != NULL && (is_origin_only || !comes_last(&list, origin))) {
        add_candidate(&list, origin, true);
    }
    if (!is_origin_only) {
        add_healthy(peers, origin, &list);
    }
    return list.count;
}
