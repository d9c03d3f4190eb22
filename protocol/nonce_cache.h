/* Which signed messages were seen before (wire.md 8.5; invariants: no-replay, bounded-state).
 *
 * Call it after the MAC held, never before: a forged message must not take a slot. Times are given;
 * nothing here reads a clock.
 *
 * What is remembered, and for how long, is the release's (trait `replay_memory`):
 * - none: everything is FRESH and nothing is kept.
 * - forward only: a nonce is a replay for 300 s of the monotonic clock after it was first seen;
 *   older ones are swept at most once per 60 s, from within a call.
 * - every kind: a nonce is kept until this server's wall clock has passed its timestamp by more
 *   than 300 s, that is for as long as the timestamp could be accepted: a stamp from the future
 *   lives longer. A live nonce is never evicted. And if the wall clock is set back, what was
 *   forgotten must not become acceptable again: the highest timestamp ever forgotten is kept, and
 *   every stamp not above it is STALE from then on.
 *
 * A nonce is known by its message kind, node id and text. The plain and the bound one of a
 * kind are one, since one request carries both MACs and must not count as new when one is cut away. Keys
 * over 128 bytes are kept as their SHA-256, so the memory per nonce is bounded. */
#ifndef REPLISIM_PROTOCOL_NONCE_CACHE_H
#define REPLISIM_PROTOCOL_NONCE_CACHE_H

#include "protocol/auth.h"
#include "protocol/release.h"
#include "protocol/types.h"

enum rp_nonce_verdict {
    RP_NONCE_FRESH,  /* not seen before; remembered now */
    RP_NONCE_REPLAY, /* seen before */
    RP_NONCE_STALE,  /* so old that it may have been seen and forgotten: refuse as expired */
    RP_NONCE_FULL    /* no room (or no memory) to remember it: refuse, or it could be replayed */
};

struct rp_nonce_cache;

/* `count_max`: RP_NONCE_COUNT_MAX but in tests. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int rp_nonce_cache_new(const struct rp_traits *traits, const struct rp_alloc *alloc,
                                   size_t count_max, struct rp_nonce_cache **cache_out);
void rp_nonce_cache_free(struct rp_nonce_cache *cache);

/* Anything but FRESH: refuse the message. `timestamp` is the message's, in Unix seconds, and has
 * passed rp_auth_check at `now_unix_s`. Amortised O(log count). */
enum rp_nonce_verdict rp_nonce_cache_track(struct rp_nonce_cache *cache, enum rp_auth_kind kind,
                                           struct rp_view node_id, struct rp_view nonce,
                                           int64_t timestamp, rp_time_ns now_ns,
                                           int64_t now_unix_s);

/* Nonces held, expired ones that were not swept yet included. */
size_t rp_nonce_cache_count(const struct rp_nonce_cache *cache);

#endif
