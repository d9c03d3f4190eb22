#include "protocol/error.h"
#include "sim/consensus_raft_inner.h"

/* Numbers of authenticated messages: one that came before comes from somebody who recorded it. */

static size_t place_of(const struct raft_guard *guard, uint64_t raft_id)
{
    size_t low = 0;
    size_t high = guard->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (guard->peers[middle].raft_id < raft_id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct raft_guard_peer *peer_of(struct raft_guard *guard, uint64_t raft_id)
{
    size_t place = place_of(guard, raft_id);
    if (place < guard->count && guard->peers[place].raft_id == raft_id) {
        return &guard->peers[place];
    }
    if (guard->count == guard->capacity) {
        size_t capacity = guard->capacity == 0 ? 4 : 2 * guard->capacity;
        struct raft_guard_peer *peers =
            rp_resize(guard->alloc, guard->peers, capacity * sizeof *peers);
        if (peers == NULL) {
            return NULL;
        }
        guard->peers = peers;
        guard->capacity = capacity;
    }
    memmove(guard->peers + place + 1, guard->peers + place,
            (guard->count - place) * sizeof *guard->peers);
    guard->count += 1;
    memset(&guard->peers[place], 0, sizeof guard->peers[place]);
    guard->peers[place].raft_id = raft_id;
    return &guard->peers[place];
}

uint64_t raft_guard_next(struct raft_guard *guard, uint64_t target)
{
    struct raft_guard_peer *peer = peer_of(guard, target);
    if (peer == NULL) {
        return 0;
    }
    peer->sent_number += 1;
    return peer->sent_number;
}

static void move_top(struct raft_guard_peer *peer, uint64_t number)
{
    uint64_t step = number - peer->top;
    for (uint64_t gone = 0; gone < step && gone < RAFT_GUARD_WINDOW; gone += 1) {
        uint64_t bit = (number - gone) % RAFT_GUARD_WINDOW;
        peer->seen[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
    }
    peer->top = number;
}

bool raft_guard_take(struct raft_guard *guard, const struct sim_raft_message *message)
{
    struct raft_guard_peer *peer = peer_of(guard, message->source);
    uint64_t number = message->number;
    if (peer == NULL || message->source_session < peer->session) {
        return false;
    }
    if (message->source_session > peer->session) { /* a new life counts from 1 again */
        peer->session = message->source_session;
        peer->top = 0;
        memset(peer->seen, 0, sizeof peer->seen);
    }
    if (number > peer->top) {
        move_top(peer, number);
    } else if (peer->top - number >= RAFT_GUARD_WINDOW) {
        return false; /* so late that it cannot be told from a recording */
    }
    uint64_t bit = number % RAFT_GUARD_WINDOW;
    uint64_t mask = UINT64_C(1) << (bit % 64);
    bool is_new = (peer->seen[bit / 64] & mask) == 0;
    peer->seen[bit / 64] |= mask;
    return is_new;
}

void raft_guard_clear(struct raft_guard *guard)
{
    rp_release(guard->alloc, guard->peers);
}
