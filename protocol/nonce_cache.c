#include "protocol/nonce_cache.h"

#include "protocol/error.h"
#include "protocol/limits.h"
#include "protocol/panic.h"
#include "protocol/table.h"

#define KEY_BYTES_MAX       128
#define LIFETIME_NS         (RP_NONCE_LIFETIME_S * RP_NS_PER_S)
#define SWEEP_NS            (RP_NONCE_SWEEP_S * RP_NS_PER_S)
#define HEAP_CAPACITY_FIRST ((size_t)64)
/* Set in a key's first byte when the rest is a digest, so that no short key equals a long one's. */
#define KEY_IS_DIGEST 0x80u

struct nonce {
    uint64_t expiry; /* ordered: monotonic ns, or the timestamp made unsigned */
    size_t heap_index;
    size_t key_length_bytes;
    uint8_t key[];
};

struct rp_nonce_cache {
    const struct rp_alloc *alloc; /* borrowed */
    const struct rp_traits *traits;
    size_t count_max;
    struct rp_table by_key; /* of struct nonce, owned by the heap */
    struct nonce **heap;    /* owned; the earliest expiry first */
    size_t heap_count;
    size_t heap_capacity;
    struct rp_sha256 *long_key_hash; /* owned */
    bool has_swept;
    rp_time_ns swept_ns;
    bool has_forgotten;
    uint64_t forgotten_expiry; /* highest ever forgotten */
};

/* A key in the making, on the stack. */
struct key {
    uint8_t bytes[KEY_BYTES_MAX];
    size_t length_bytes;
};

int rp_nonce_cache_new(const struct rp_traits *traits, const struct rp_alloc *alloc,
                       size_t count_max, struct rp_nonce_cache **cache_out)
{
    struct rp_nonce_cache *cache = rp_allocate_zeroed(alloc, sizeof *cache);
    *cache_out = NULL;
    if (cache == NULL) {
        return RP_ERR_NOMEM;
    }
    cache->alloc = alloc;
    cache->traits = traits;
    cache->count_max = count_max;
    rp_table_init(&cache->by_key, alloc);
    int error = rp_sha256_new(alloc, &cache->long_key_hash);
    if (error != 0) {
        rp_nonce_cache_free(cache);
        return error;
    }
    *cache_out = cache;
    return 0;
}

void rp_nonce_cache_free(struct rp_nonce_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    for (size_t index = 0; index < cache->heap_count; index += 1) {
        rp_release(cache->alloc, cache->heap[index]);
    }
    rp_release(cache->alloc, cache->heap);
    rp_table_clear(&cache->by_key);
    rp_sha256_free(cache->long_key_hash);
    rp_release(cache->alloc, cache);
}

size_t rp_nonce_cache_count(const struct rp_nonce_cache *cache)
{
    return cache->heap_count;
}

/* ---- Heap ------------------------------------------------------------------------------------ */

static void heap_place(struct rp_nonce_cache *cache, size_t index, struct nonce *nonce)
{
    cache->heap[index] = nonce;
    nonce->heap_index = index;
}

static void heap_rise(struct rp_nonce_cache *cache, struct nonce *nonce)
{
    size_t index = nonce->heap_index;
    while (index > 0 && cache->heap[(index - 1) / 2]->expiry > nonce->expiry) {
        heap_place(cache, index, cache->heap[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    heap_place(cache, index, nonce);
}

static void heap_sink(struct rp_nonce_cache *cache, struct nonce *nonce)
{
    size_t index = nonce->heap_index;
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= cache->heap_count) {
            break;
        }
        if (child + 1 < cache->heap_count &&
            cache->heap[child + 1]->expiry < cache->heap[child]->expiry) {
            child += 1;
        }
        if (cache->heap[child]->expiry >= nonce->expiry) {
            break;
        }
        heap_place(cache, index, cache->heap[child]);
        index = child;
    }
    heap_place(cache, index, nonce);
}

static bool heap_reserve(struct rp_nonce_cache *cache)
{
    if (cache->heap_count < cache->heap_capacity) {
        return true;
    }
    size_t capacity = cache->heap_capacity == 0 ? HEAP_CAPACITY_FIRST : cache->heap_capacity * 2;
    struct nonce **heap = rp_resize(cache->alloc, cache->heap, capacity * sizeof(struct nonce *));
    if (heap == NULL) {
        return false;
    }
    cache->heap = heap;
    cache->heap_capacity = capacity;
    return true;
}

/* ---- Remembering and forgetting -------------------------------------------------------------- */

static void forget_first(struct rp_nonce_cache *cache)
{
    struct nonce *nonce = cache->heap[0];
    void *removed =
        rp_table_remove(&cache->by_key, rp_view_make(nonce->key, nonce->key_length_bytes));
    RP_ASSERT(removed == nonce);
    cache->heap_count -= 1;
    if (cache->heap_count > 0) {
        heap_place(cache, 0, cache->heap[cache->heap_count]);
        heap_sink(cache, cache->heap[0]);
    }
    if (!cache->has_forgotten || nonce->expiry > cache->forgotten_expiry) {
        cache->has_forgotten = true;
        cache->forgotten_expiry = nonce->expiry;
    }
    rp_release(cache->alloc, nonce);
}

static void forget_below(struct rp_nonce_cache *cache, uint64_t limit)
{
    while (cache->heap_count > 0 && cache->heap[0]->expiry < limit) {
        forget_first(cache);
    }
}

static enum rp_nonce_verdict remember(struct rp_nonce_cache *cache, const struct key *key,
                                      uint64_t expiry)
{
    if (cache->heap_count >= cache->count_max || !heap_reserve(cache)) {
        return RP_NONCE_FULL;
    }
    struct nonce *nonce = rp_allocate(cache->alloc, sizeof *nonce + key->length_bytes);
    if (nonce == NULL) {
        return RP_NONCE_FULL;
    }
    nonce->expiry = expiry;
    nonce->key_length_bytes = key->length_bytes;
    memcpy(nonce->key, key->bytes, key->length_bytes);
    struct rp_view view = rp_view_make(nonce->key, nonce->key_length_bytes);
    if (rp_table_put(&cache->by_key, view, nonce, NULL) != 0) {
        rp_release(cache->alloc, nonce);
        return RP_NONCE_FULL;
    }
    nonce->heap_index = cache->heap_count;
    cache->heap_count += 1;
    heap_rise(cache, nonce);
    return RP_NONCE_FRESH;
}

/* ---- Keys ------------------------------------------------------------------------------------ */

static void make_key(struct rp_nonce_cache *cache, enum rp_auth_kind kind, struct rp_view node_id,
                     struct rp_view nonce, struct key *key)
{
    static const uint8_t DELIMITER[1] = {0};
    uint8_t label = (uint8_t)(kind == RP_AUTH_BOUND_FETCH     ? RP_AUTH_FETCH
                              : kind == RP_AUTH_BOUND_FORWARD ? RP_AUTH_FORWARD
                              : kind == RP_AUTH_BOUND_JOIN    ? RP_AUTH_JOIN
                                                              : kind);
    size_t length = 1 + node_id.length_bytes + 1 + nonce.length_bytes;
    struct rp_view parts[] = {node_id, rp_view_make(DELIMITER, 1), nonce};
    key->length_bytes = 1;
    if (length > KEY_BYTES_MAX) {
        key->bytes[0] = (uint8_t)(label | KEY_IS_DIGEST);
        rp_sha256_begin(cache->long_key_hash);
        for (int part = 0; part < 3; part += 1) {
            rp_sha256_update(cache->long_key_hash, parts[part]);
        }
        rp_sha256_hex(cache->long_key_hash, (char *)key->bytes + 1);
        key->length_bytes += RP_SHA256_HEX;
        return;
    }
    key->bytes[0] = label;
    for (int part = 0; part < 3; part += 1) {
        if (parts[part].length_bytes > 0) {
            memcpy(key->bytes + key->length_bytes, parts[part].bytes, parts[part].length_bytes);
            key->length_bytes += parts[part].length_bytes;
        }
    }
}

/* ---- The two rules --------------------------------------------------------------------------- */

/* wire.md 8.5: 300 s from first sight. What is past that but not swept is as good as gone. */
static enum rp_nonce_verdict track_first_sight(struct rp_nonce_cache *cache, const struct key *key,
                                               rp_time_ns now_ns)
{
    if (!cache->has_swept || now_ns - cache->swept_ns >= SWEEP_NS) {
        cache->has_swept = true;
        cache->swept_ns = now_ns;
        forget_below(cache, now_ns + 1);
    }
    struct nonce *known = rp_table_get(&cache->by_key, rp_view_make(key->bytes, key->length_bytes));
    if (known == NULL) {
        return remember(cache, key, now_ns + LIFETIME_NS);
    }
    if (known->expiry > now_ns) {
        return RP_NONCE_REPLAY;
    }
    known->expiry = now_ns + LIFETIME_NS;
    heap_sink(cache, known);
    return RP_NONCE_FRESH;
}

/* Order of signed seconds kept among unsigned numbers. */
static uint64_t ordered_second(int64_t second)
{
    return (uint64_t)second ^ (UINT64_C(1) << 63);
}

/* For as long as the timestamp could be accepted; the expiry is the timestamp itself, to be compared
 * with the oldest acceptable second. A stamp that may have been forgotten is stale even when the
 * wall clock was set back since. */
static enum rp_nonce_verdict track_timestamp(struct rp_nonce_cache *cache, const struct key *key,
                                             int64_t timestamp, int64_t now_unix_s)
{
    uint64_t expiry = ordered_second(timestamp);
    if (now_unix_s >= INT64_MIN + RP_MAC_TOLERANCE_S) {
        forget_below(cache, ordered_second(now_unix_s - RP_MAC_TOLERANCE_S));
    }
    if (rp_table_get(&cache->by_key, rp_view_make(key->bytes, key->length_bytes)) != NULL) {
        return RP_NONCE_REPLAY;
    }
    if (cache->has_forgotten && expiry <= cache->forgotten_expiry) {
        return RP_NONCE_STALE;
    }
    return remember(cache, key, expiry);
}

enum rp_nonce_verdict rp_nonce_cache_track(struct rp_nonce_cache *cache, enum rp_auth_kind kind,
                                           struct rp_view node_id, struct rp_view nonce,
                                           int64_t timestamp, rp_time_ns now_ns, int64_t now_unix_s)
{
    struct key key;
    enum rp_replay_memory memory = cache->traits->replay_memory;
    if (memory == RP_REPLAY_NONE || (memory == RP_REPLAY_FORWARD_ONLY && kind != RP_AUTH_FORWARD)) {
        return RP_NONCE_FRESH;
    }
    make_key(cache, kind, node_id, nonce, &key);
    return memory == RP_REPLAY_FORWARD_ONLY ? track_first_sight(cache, &key, now_ns)
                                            : track_timestamp(cache, &key, timestamp, now_unix_s);
}
