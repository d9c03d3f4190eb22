/* Accepted requests: no-replay, mac-binds-all and freshness-window.
 *
 * A tuple is remembered for two generations, each as long as a stamp can be acceptable: from 300 s
 * before the server's clock to 300 s after it. */
#include <xxhash.h>

#include "protocol/error.h"
#include "protocol/limits.h"
#include "protocol/release.h"
#include "sim/check_internal.h"

/* Clusters up to this size have their heartbeats' signatures kept. */
#define SIGNED_HEARTBEAT_PODS 64u
/* What the page of invariants says, and not what the protocol was built with. */
#define TOLERANCE_S   300
#define GENERATION_NS (2 * TOLERANCE_S * RP_NS_PER_S)

/* ---- A set of tuples -------------------------------------------------------------------------- */

static bool is_empty(const struct check_tuple *slot)
{
    return slot->low == 0 && slot->high == 0;
}

/* The slot of the tuple, or the empty one where it would go. */
static struct check_tuple *find(const struct check_tuples *tuples, struct check_tuple tuple)
{
    size_t at = (size_t)tuple.low & (tuples->slot_count - 1);
    while (!is_empty(&tuples->slots[at]) &&
           (tuples->slots[at].low != tuple.low || tuples->slots[at].high != tuple.high)) {
        at = (at + 1) & (tuples->slot_count - 1);
    }
    return &tuples->slots[at];
}

bool check_tuples_contain(const struct check_tuples *tuples, struct check_tuple tuple)
{
    return tuples->slot_count != 0 && !is_empty(find(tuples, tuple));
}

static void grow(struct sim_checks *checks, struct check_tuples *tuples)
{
    struct check_tuples larger = {
        .slot_count = tuples->slot_count == 0 ? 256 : tuples->slot_count * 2,
        .used_count = tuples->used_count,
    };
    larger.slots = check_allocate(checks, larger.slot_count * sizeof *larger.slots);
    for (size_t at = 0; at < tuples->slot_count; at += 1) {
        if (!is_empty(&tuples->slots[at])) {
            *find(&larger, tuples->slots[at]) = tuples->slots[at];
        }
    }
    rp_release(checks->alloc, tuples->slots);
    *tuples = larger;
}

void check_tuples_insert(struct sim_checks *checks, struct check_tuples *tuples,
                         struct check_tuple tuple)
{
    if (tuples->used_count * 4 >= tuples->slot_count * 3) {
        grow(checks, tuples);
    }
    *find(tuples, tuple) = tuple;
    tuples->used_count += 1;
}

void check_tuples_clear(struct sim_checks *checks, struct check_tuples *tuples)
{
    rp_release(checks->alloc, tuples->slots);
    *tuples = (struct check_tuples){0};
}

static void next_generation(struct sim_checks *checks, struct check_tuples *now,
                            struct check_tuples *before)
{
    rp_release(checks->alloc, before->slots);
    *before = *now;
    *now = (struct check_tuples){0};
}

static void rotate(struct sim_checks *checks)
{
    rp_time_ns now_ns = check_now(checks);
    if (now_ns - checks->tuples_since_ns < GENERATION_NS) {
        return;
    }
    next_generation(checks, &checks->tuples, &checks->tuples_before);
    next_generation(checks, &checks->signed_now, &checks->signed_before);
    checks->tuples_since_ns = now_ns;
}

void check_wire_clear(struct sim_checks *checks)
{
    rp_release(checks->alloc, checks->tuples.slots);
    rp_release(checks->alloc, checks->tuples_before.slots);
    rp_release(checks->alloc, checks->signed_now.slots);
    rp_release(checks->alloc, checks->signed_before.slots);
}

/* ---- Checks ----------------------------------------------------------------------------------- */

static uint64_t mix(struct rp_view view, uint64_t seed)
{
    return XXH3_64bits_withSeed(view.length_bytes == 0 ? "" : (const void *)view.bytes,
                                view.length_bytes, seed);
}

/* What makes two acceptances the same one: server's life, kind, sender, nonce. */
static struct check_tuple tuple_of(const struct check_pod *pod, const struct rp_observation *seen)
{
    uint64_t life[2] = {sim_pod_number(pod->pod), sim_pod_life(pod->pod)};
    uint64_t seed = mix(rp_view_make(life, sizeof life), 0);
    seed = mix(seen->code, seed);
    seed = mix(seen->peer_id, seed);
    XXH128_hash_t hash = XXH3_128bits_withSeed(seen->sha256.bytes, seen->sha256.length_bytes, seed);
    struct check_tuple tuple = {hash.low64, hash.high64};
    tuple.high += is_empty(&tuple);
    return tuple;
}

static void check_replay(struct check_pod *pod, const struct rp_observation *seen)
{
    struct sim_checks *checks = pod->checks;
    rotate(checks);
    struct check_tuple tuple = tuple_of(pod, seen);
    check_reached(pod, SIM_PROP_NO_REPLAY);
    if (check_tuples_contain(&checks->tuples, tuple) ||
        check_tuples_contain(&checks->tuples_before, tuple)) {
        check_violate(pod, SIM_PROP_NO_REPLAY, "accepted",
                      "a %.*s request of %.*s is accepted a second time", CHECK_TEXT(seen->code),
                      CHECK_TEXT(seen->peer_id));
        return;
    }
    check_tuples_insert(checks, &checks->tuples, tuple);
}

/* ---- What members sign ------------------------------------------------------------------------ */

enum signature {
    SIGNED,       /* kind, nonce, sender, path, timestamp */
    SIGNED_BOUND, /* of these, one with an addressee and an offset exists */
    SIGNED_WHOLE  /* and it is this one */
};

static struct check_tuple signature_of(const struct rp_observation *seen, struct rp_view signer,
                                       struct rp_view addressee, enum signature signature)
{
    uint64_t numbers[3] = {(uint64_t)signature, seen->value, 0};
    uint64_t seed = mix(seen->code, mix(signer, mix(seen->path, 0)));
    if (signature == SIGNED_WHOLE) {
        numbers[2] = seen->value2;
        seed = mix(addressee, seed);
    }
    seed = mix(rp_view_make(numbers, sizeof numbers), seed);
    XXH128_hash_t hash = XXH3_128bits_withSeed(seen->sha256.bytes, seen->sha256.length_bytes, seed);
    struct check_tuple tuple = {hash.low64, hash.high64};
    tuple.high += is_empty(&tuple);
    return tuple;
}

/* Heartbeats of a large cluster are too many to be kept; it is never smaller again. */
static bool is_kept(struct sim_checks *checks, const struct rp_observation *seen)
{
    return sim_world_pod_count(checks->world) <= SIGNED_HEARTBEAT_PODS ||
           !rp_view_equal(seen->code, rp_view_text("heartbeat"));
}

static bool binds_addressee(const struct check_pod *pod, const struct rp_observation *seen)
{
    const struct rp_traits *traits = rp_release_traits(sim_pod_release(pod->pod));
    return rp_view_equal(seen->code, rp_view_text("forward"))
               ? traits->forward_binding == RP_FORWARD_BINDING_ADDRESSEE
               : traits->fetch_binding == RP_FETCH_BINDING_ADDRESSEE;
}

static void on_signed(struct check_pod *pod, const struct rp_observation *seen)
{
    struct sim_checks *checks = pod->checks;
    struct rp_view signer = sim_pod_id(pod->pod);
    rotate(checks);
    if (!is_kept(checks, seen)) {
        return;
    }
    check_tuples_insert(checks, &checks->signed_now,
                        signature_of(seen, signer, seen->peer_id, SIGNED));
    if (seen->peer_id.length_bytes != 0 && binds_addressee(pod, seen)) {
        check_tuples_insert(checks, &checks->signed_now,
                            signature_of(seen, signer, seen->peer_id, SIGNED_BOUND));
        check_tuples_insert(checks, &checks->signed_now,
                            signature_of(seen, signer, seen->peer_id, SIGNED_WHOLE));
    }
}

static bool is_signed(const struct check_pod *pod, const struct rp_observation *seen,
                      enum signature signature)
{
    const struct sim_checks *checks = pod->checks;
    struct check_tuple tuple = signature_of(seen, seen->peer_id, sim_pod_id(pod->pod), signature);
    return check_tuples_contain(&checks->signed_now, tuple) ||
           check_tuples_contain(&checks->signed_before, tuple);
}

/* invariants.md, mac-binds-all. A request that binds its addressee was signed for this server, with
 * this offset; a server of an older release does not look at that. */
static void check_binding(struct check_pod *pod, const struct rp_observation *seen)
{
    if (!is_kept(pod->checks, seen)) {
        return;
    }
    check_reached(pod, SIM_PROP_MAC_BINDS_ALL);
    if (!is_signed(pod, seen, SIGNED)) {
        check_violate(pod, SIM_PROP_MAC_BINDS_ALL, "accepted",
                      "a %.*s request is accepted that %.*s never signed so",
                      CHECK_TEXT(seen->code), CHECK_TEXT(seen->peer_id));
    } else if (binds_addressee(pod, seen) && is_signed(pod, seen, SIGNED_BOUND) &&
               !is_signed(pod, seen, SIGNED_WHOLE)) {
        check_violate(pod, SIM_PROP_MAC_BINDS_ALL, "accepted/binding",
                      "a %.*s request of %.*s is accepted with another addressee or offset",
                      CHECK_TEXT(seen->code), CHECK_TEXT(seen->peer_id));
    }
}

/* ---- Freshness -------------------------------------------------------------------------------- */

/* invariants.md, freshness-window: in whole seconds at receipt, bounds included. Differences are
 * taken unsigned, so that no stamp wraps. */
static uint64_t seconds_apart(const struct check_pod *pod, int64_t stamp_s)
{
    int64_t wall_s = sim_pod_wall_s(pod->pod);
    return stamp_s > wall_s ? (uint64_t)stamp_s - (uint64_t)wall_s
                            : (uint64_t)wall_s - (uint64_t)stamp_s;
}

static void check_freshness(struct check_pod *pod, const struct rp_observation *seen)
{
    uint64_t apart_s = seconds_apart(pod, (int64_t)seen->value);
    check_reached(pod, SIM_PROP_FRESHNESS_WINDOW);
    if (apart_s > TOLERANCE_S) {
        check_violate(pod, SIM_PROP_FRESHNESS_WINDOW, "accepted",
                      "a %.*s request is accepted whose stamp is %llu s away",
                      CHECK_TEXT(seen->code), (unsigned long long)apart_s);
    }
}

/* And the other way round: honest clocks within the tolerance always work. */
static void check_staleness(struct check_pod *pod, const struct rp_observation *seen)
{
    uint64_t apart_s = seconds_apart(pod, (int64_t)seen->lsn);
    check_reached(pod, SIM_PROP_FRESHNESS_WINDOW);
    if (apart_s <= TOLERANCE_S) {
        check_violate(pod, SIM_PROP_FRESHNESS_WINDOW, "refused",
                      "a %.*s request is refused as stale whose stamp is %llu s away",
                      CHECK_TEXT(seen->code), (unsigned long long)apart_s);
    }
}

void check_wire_observe(struct check_pod *pod, const struct rp_observation *seen)
{
    if (seen->kind == RP_SEE_SIGNED) {
        on_signed(pod, seen);
    }
    if (seen->kind == RP_SEE_REQUEST_REFUSED && seen->error == RP_ERR_TIME) {
        check_staleness(pod, seen);
    }
    if (seen->kind != RP_SEE_REQUEST_ACCEPTED) {
        return;
    }
    check_freshness(pod, seen);
    if (seen->sha256.length_bytes != 0) {
        check_binding(pod, seen);
        check_replay(pod, seen);
    }
}
