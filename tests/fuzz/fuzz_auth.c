/* MACs, freshness and the memory of nonces (wire.md 8): a signature is that of a second, plain
 * reading of the rules; nothing else is accepted; no message is accepted twice. */
#include "protocol/auth.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#include "protocol/buffer.h"
#include "protocol/limits.h"
#include "protocol/nonce_cache.h"
#include "tests/fuzz/input.h"

#define SECRET           "a secret"
#define STEP_MAX         64
#define NONCE_COUNT_MAX  8
#define SIGNED_BYTES_MAX ((size_t)1 << 20)

/* ---- The rules once more --------------------------------------------------------------------- */

static void join_number(struct rp_buffer *out, int64_t number, bool is_unsigned)
{
    char text[32];
    int length = is_unsigned ? snprintf(text, sizeof text, "%llu", (unsigned long long)number)
                             : snprintf(text, sizeof text, "%lld", (long long)number);
    RP_ASSERT(rp_buffer_append(out, rp_view_make(text, (size_t)length)) == 0);
}

static void join_view(struct rp_buffer *out, const struct rp_traits *traits, struct rp_view view)
{
    if (out->length_bytes > 0) {
        uint8_t delimiter = traits->mac_delimiter == RP_MAC_COLON ? ':' : 0;
        RP_ASSERT(rp_buffer_append_byte(out, delimiter) == 0);
    }
    RP_ASSERT(rp_buffer_append(out, view) == 0);
}

static void join_hash(struct rp_buffer *out, const struct rp_traits *traits, struct rp_view bytes)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    char hex[RP_SHA256_HEX + 1];
    unsigned length = 0;
    RP_ASSERT(EVP_Digest(bytes.bytes, bytes.length_bytes, digest, &length, EVP_sha256(), NULL) ==
              1);
    for (unsigned i = 0; i < length; i++) {
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
    join_view(out, traits, rp_view_make(hex, RP_SHA256_HEX));
}

static const char *label_of(const struct rp_traits *traits, enum rp_auth_kind kind)
{
    bool has_labels = traits->mac_label == RP_MAC_JOIN_FAMILY_LABELLED;
    switch (kind) {
    case RP_AUTH_JOIN: return has_labels ? "join" : NULL;
    case RP_AUTH_LEAVE: return has_labels ? "leave" : NULL;
    case RP_AUTH_HEARTBEAT: return "heartbeat";
    case RP_AUTH_BOUND_FETCH: return "fetch";
    case RP_AUTH_BOUND_FORWARD: return "forward";
    case RP_AUTH_BOUND_JOIN: return "bound-join";
    case RP_AUTH_REPLICATE_SYNC: return "replicate-sync";
    case RP_AUTH_CACHE_INVALIDATE: return "cache-invalidate";
    default: return NULL;
    }
}

static void measure(struct rp_buffer *out, const char *text, size_t length_bytes)
{
    uint8_t prefix[4] = {(uint8_t)(length_bytes >> 24), (uint8_t)(length_bytes >> 16),
                         (uint8_t)(length_bytes >> 8), (uint8_t)length_bytes};
    RP_ASSERT(rp_buffer_append(out, rp_view_make(prefix, sizeof prefix)) == 0);
    RP_ASSERT(rp_buffer_append(out, rp_view_make(text, length_bytes)) == 0);
}

static void measure_view(struct rp_buffer *out, struct rp_view view)
{
    measure(out, (const char *)view.bytes, view.length_bytes);
}

/* What a bound join says, each field behind its length. */
static void join_statement(struct rp_buffer *out, const struct rp_traits *traits,
                           const struct rp_alloc *alloc, const struct rp_auth_tuple *tuple)
{
    struct rp_buffer said;
    char number[32];
    const struct rp_auth_statement *statement = &tuple->statement;
    rp_buffer_init(&said, alloc, SIGNED_BYTES_MAX);
    measure_view(&said, tuple->nonce);
    measure_view(&said, tuple->node_id);
    measure_view(&said, tuple->addressee);
    measure_view(&said, tuple->cluster);
    measure_view(&said, statement->node_name);
    measure_view(&said, statement->role);
    measure_view(&said, statement->raft_addr);
    measure_view(&said, statement->api_addr);
    measure_view(&said, statement->coord_addr);
    measure_view(&said, statement->version);
    measure(&said, number,
            (size_t)snprintf(number, sizeof number, "%lld", (long long)statement->core_count));
    measure(
        &said, number,
        (size_t)snprintf(number, sizeof number, "%llu", (unsigned long long)statement->raft_id));
    measure(&said, statement->is_bound_fetch ? "1" : "0", 1);
    measure(&said, number,
            (size_t)snprintf(number, sizeof number, "%lld", (long long)tuple->timestamp));
    RP_ASSERT(rp_buffer_append_text(out, "bound-join") == 0);
    join_hash(out, traits, rp_buffer_view(&said));
    rp_buffer_clear(&said);
}

/* An empty nonce as the first field still has its delimiter: so the first field is put by hand. */
static void join_fields(struct rp_buffer *out, const struct rp_traits *traits,
                        const struct rp_auth_tuple *tuple)
{
    const char *label = label_of(traits, tuple->kind);
    uint8_t delimiter = traits->mac_delimiter == RP_MAC_COLON ? ':' : 0;
    if (label != NULL) {
        RP_ASSERT(rp_buffer_append_text(out, label) == 0);
        RP_ASSERT(rp_buffer_append_byte(out, delimiter) == 0);
    }
    RP_ASSERT(rp_buffer_append(out, tuple->nonce) == 0);
    RP_ASSERT(rp_buffer_append_byte(out, delimiter) == 0);
    RP_ASSERT(rp_buffer_append(out, tuple->node_id) == 0);
    RP_ASSERT(out->length_bytes > 0);
    if (tuple->kind == RP_AUTH_BOUND_FETCH) {
        join_view(out, traits, tuple->addressee);
    }
    join_view(out, traits, tuple->cluster);
    if (tuple->kind == RP_AUTH_FETCH || tuple->kind == RP_AUTH_BOUND_FETCH) {
        join_view(out, traits, tuple->path);
    }
    if (tuple->kind == RP_AUTH_BOUND_FETCH) {
        join_view(out, traits, rp_view_make(NULL, 0));
        join_number(out, tuple->byte_offset, false);
    }
    if (tuple->kind == RP_AUTH_FORWARD || tuple->kind == RP_AUTH_BOUND_FORWARD) {
        join_hash(out, traits, tuple->command);
    }
    if (tuple->kind == RP_AUTH_BOUND_FORWARD) {
        join_view(out, traits, tuple->addressee);
    }
    if (tuple->kind == RP_AUTH_REPLICATE_SYNC) {
        join_view(out, traits, rp_view_make(NULL, 0));
        join_number(out, (int64_t)tuple->last_seq, true);
    }
    join_view(out, traits, rp_view_make(NULL, 0));
    join_number(out, tuple->timestamp, false);
}

static void plain_mac(const struct rp_buffer *joined, char hex_out[RP_SHA256_HEX + 1])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    RP_ASSERT(HMAC(EVP_sha256(), SECRET, (int)strlen(SECRET), joined->bytes, joined->length_bytes,
                   digest, &length) != NULL);
    for (unsigned i = 0; i < length; i++) {
        snprintf(hex_out + 2 * i, 3, "%02x", digest[i]);
    }
}

/* wire.md 8.2 in numbers wide enough, but for the one value that wraps. */
static bool is_fresh(const struct rp_traits *traits, int64_t timestamp, int64_t now)
{
    bool is_past = timestamp <= now;
    uint64_t distance =
        is_past ? (uint64_t)now - (uint64_t)timestamp : (uint64_t)timestamp - (uint64_t)now;
    if (traits->mac_drift == RP_MAC_DRIFT_WRAPS) {
        /* Modulo 2^64 a distance and its complement are the same to the older code. */
        uint64_t other = 0 - distance;
        distance = distance < other ? distance : other;
        return distance <= RP_MAC_TOLERANCE_S || distance == UINT64_C(1) << 63;
    }
    return distance <= RP_MAC_TOLERANCE_S;
}

/* ---- Signing and checking -------------------------------------------------------------------- */

static bool has_nul(struct rp_view view)
{
    return view.length_bytes > 0 && memchr(view.bytes, 0, view.length_bytes) != NULL;
}

static bool is_signable(const struct rp_traits *traits, const struct rp_auth_tuple *tuple)
{
    bool is_fetch = tuple->kind == RP_AUTH_FETCH || tuple->kind == RP_AUTH_BOUND_FETCH;
    bool is_bound = tuple->kind == RP_AUTH_BOUND_FETCH || tuple->kind == RP_AUTH_BOUND_FORWARD;
    return traits->mac_fields == RP_MAC_FIELDS_ANY || tuple->kind == RP_AUTH_BOUND_JOIN ||
           !(has_nul(tuple->nonce) || has_nul(tuple->node_id) || has_nul(tuple->cluster) ||
             (is_fetch && has_nul(tuple->path)) || (is_bound && has_nul(tuple->addressee)));
}

static struct rp_auth_statement take_statement(struct fuzz_input *input)
{
    struct rp_auth_statement statement = {
        .node_name = fuzz_view(input, 16),
        .role = fuzz_view(input, 16),
        .raft_addr = fuzz_view(input, 16),
        .api_addr = fuzz_view(input, 16),
        .coord_addr = fuzz_view(input, 16),
        .version = fuzz_view(input, 16),
        .core_count = fuzz_integer(input),
        .raft_id = (uint64_t)fuzz_integer(input),
        .is_bound_fetch = fuzz_flag(input),
    };
    return statement;
}

static struct rp_auth_tuple take_tuple(struct fuzz_input *input)
{
    struct rp_auth_tuple tuple;
    memset(&tuple, 0, sizeof tuple);
    tuple.kind = (enum rp_auth_kind)fuzz_below(input, RP_AUTH_KIND_COUNT);
    tuple.nonce = fuzz_view(input, 32);
    tuple.node_id = fuzz_view(input, 32);
    tuple.cluster = fuzz_view(input, 32);
    tuple.path = fuzz_view(input, 128);
    tuple.addressee = fuzz_view(input, 32);
    tuple.command = fuzz_view(input, 64);
    tuple.timestamp = fuzz_integer(input);
    tuple.byte_offset = fuzz_integer(input);
    tuple.last_seq = (uint64_t)fuzz_integer(input);
    if (tuple.kind == RP_AUTH_BOUND_JOIN) {
        tuple.statement = take_statement(input);
    }
    return tuple;
}

/* Another MAC than the right one: one digit changed, cut, made upper case, or as the input says. */
static struct rp_view forge(struct fuzz_input *input, const char right[RP_SHA256_HEX],
                            char forged[RP_SHA256_HEX + 1])
{
    memcpy(forged, right, RP_SHA256_HEX);
    forged[RP_SHA256_HEX] = '0';
    size_t place = fuzz_below(input, RP_SHA256_HEX);
    switch (fuzz_below(input, 5)) {
    case 0: forged[place] = (char)fuzz_byte(input); break;
    case 1: return rp_view_make(forged, place);
    case 2: return rp_view_make(forged, RP_SHA256_HEX + 1);
    case 3:
        for (size_t i = place; i < RP_SHA256_HEX; i++) {
            forged[i] = (char)(forged[i] >= 'a' ? forged[i] - 0x20 : forged[i]);
        }
        break;
    default: return fuzz_view(input, 80);
    }
    return rp_view_make(forged, RP_SHA256_HEX);
}

/* Is it the same MAC to this release: the text, or the digest that it spells? */
static bool is_same(const struct rp_traits *traits, struct rp_view mac,
                    const char right[RP_SHA256_HEX])
{
    if (mac.length_bytes != RP_SHA256_HEX) {
        return false;
    }
    for (size_t i = 0; i < RP_SHA256_HEX; i++) {
        uint8_t digit = mac.bytes[i];
        bool is_upper = digit >= 'A' && digit <= 'F' && traits->mac_compare == RP_MAC_COMPARE_BYTES;
        if ((is_upper ? digit + 0x20 : digit) != right[i]) {
            return false;
        }
    }
    return true;
}

static void check_verdicts(struct fuzz_input *input, const struct rp_auth *auth,
                           const struct rp_traits *traits, const struct rp_auth_tuple *tuple,
                           const char mac[RP_SHA256_HEX])
{
    char forged[RP_SHA256_HEX + 1];
    uint64_t drift = (uint64_t)fuzz_integer(input);
    int64_t now = (int64_t)((uint64_t)tuple->timestamp + drift);
    bool is_now = is_fresh(traits, tuple->timestamp, now);
    struct rp_view right = rp_view_make(mac, RP_SHA256_HEX);
    struct rp_view wrong = forge(input, mac, forged);
    RP_ASSERT(rp_auth_check(auth, tuple, right, now, RP_MAC_TOLERANCE_S) ==
              (is_now ? RP_AUTH_OK : RP_AUTH_EXPIRED));
    enum rp_auth_verdict verdict = rp_auth_check(auth, tuple, wrong, now, RP_MAC_TOLERANCE_S);
    enum rp_auth_verdict expected = is_same(traits, wrong, mac) ? RP_AUTH_OK : RP_AUTH_MISMATCH;
    RP_ASSERT(verdict == (is_now ? expected : RP_AUTH_EXPIRED));
}

static void check_auth(struct fuzz_input *input, struct fuzz_memory *memory,
                       const struct rp_traits *traits)
{
    struct rp_auth *auth;
    struct rp_buffer joined;
    char mac[RP_SHA256_HEX];
    char expected[RP_SHA256_HEX + 1];
    rp_buffer_init(&joined, &memory->alloc, SIGNED_BYTES_MAX);
    RP_ASSERT(rp_auth_new(traits, rp_view_text(SECRET), &memory->alloc, &auth) == 0);
    struct rp_auth_tuple tuple = take_tuple(input);
    int error = rp_auth_sign(auth, &tuple, mac);
    RP_ASSERT(error == 0 || error == RP_ERR_UNENCODABLE);
    if (error == 0) {
        RP_ASSERT(is_signable(traits, &tuple));
        if (tuple.kind == RP_AUTH_BOUND_JOIN) {
            join_statement(&joined, traits, &memory->alloc, &tuple);
        } else {
            join_fields(&joined, traits, &tuple);
        }
        plain_mac(&joined, expected);
        RP_ASSERT(memcmp(mac, expected, sizeof mac) == 0);
        check_verdicts(input, auth, traits, &tuple, mac);
    } else {
        /* What this release cannot sign it never accepts. */
        RP_ASSERT(rp_auth_check(auth, &tuple, fuzz_view(input, 80), tuple.timestamp,
                                RP_MAC_TOLERANCE_S) == RP_AUTH_MISMATCH);
    }
    rp_auth_free(auth);
    rp_buffer_clear(&joined);
}

/* ---- Nonces ---------------------------------------------------------------------------------- */

struct seen {
    enum rp_auth_kind kind;
    uint8_t node, nonce;
    int64_t timestamp;
    rp_time_ns seen_ns;
};

/* A few names, one of them so long that its key is a digest. */
static struct rp_view name_of(uint8_t choice, char text[200])
{
    size_t length = choice % 4 == 3 ? 199 : 2;
    memset(text, 'x', length);
    text[0] = (char)('a' + choice % 4);
    text[1] = (char)('a' + choice / 4 % 4);
    return rp_view_make(text, length);
}

/* Accepted before, and still barred by the release's own rule. */
static void check_not_again(const struct rp_traits *traits, const struct seen *all, size_t count,
                            const struct seen *now)
{
    for (size_t i = 0; i < count; i++) {
        bool is_same_key =
            all[i].kind == now->kind && all[i].node == now->node && all[i].nonce == now->nonce;
        if (is_same_key && traits->replay_memory == RP_REPLAY_EVERY_KIND) {
            RP_ASSERT(all[i].timestamp != now->timestamp);
        }
        if (is_same_key && traits->replay_memory == RP_REPLAY_FORWARD_ONLY &&
            now->kind == RP_AUTH_FORWARD) {
            RP_ASSERT(now->seen_ns - all[i].seen_ns >= RP_NONCE_LIFETIME_S * RP_NS_PER_S);
        }
    }
}

static void check_nonces(struct fuzz_input *input, struct fuzz_memory *memory,
                         const struct rp_traits *traits)
{
    struct seen all[STEP_MAX];
    struct rp_nonce_cache *cache;
    char node[200];
    char nonce[200];
    size_t count = 0;
    rp_time_ns now_ns = 0;
    int64_t wall = 1000000;
    RP_ASSERT(rp_nonce_cache_new(traits, &memory->alloc, NONCE_COUNT_MAX, &cache) == 0);
    for (int step = 0; step < STEP_MAX && fuzz_left(input) > 0; step++) {
        struct seen now;
        memset(&now, 0, sizeof now);
        now_ns += fuzz_byte(input) * 4 * RP_NS_PER_S;
        wall += (int64_t)fuzz_byte(input) * 8 - 512; /* also back */
        now.kind = fuzz_flag(input) ? RP_AUTH_FORWARD : RP_AUTH_FETCH;
        now.node = (uint8_t)fuzz_below(input, 16);
        now.nonce = (uint8_t)fuzz_below(input, 16);
        /* What rp_auth_check would have let through. */
        now.timestamp = wall - RP_MAC_TOLERANCE_S + fuzz_byte(input) * 600 / 255;
        now.seen_ns = now_ns;
        enum rp_auth_kind shown = now.kind == RP_AUTH_FETCH && step % 2 != 0
                                      ? RP_AUTH_BOUND_FETCH
                                      : now.kind; /* one request, one nonce */
        enum rp_nonce_verdict verdict =
            rp_nonce_cache_track(cache, shown, name_of(now.node, node), name_of(now.nonce, nonce),
                                 now.timestamp, now_ns, wall);
        if (verdict == RP_NONCE_FRESH) {
            check_not_again(traits, all, count, &now);
            all[count++] = now;
        }
        RP_ASSERT(rp_nonce_cache_count(cache) <= NONCE_COUNT_MAX);
        RP_ASSERT(traits->replay_memory != RP_REPLAY_NONE ||
                  (verdict == RP_NONCE_FRESH && rp_nonce_cache_count(cache) == 0));
    }
    rp_nonce_cache_free(cache);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input_of(data, size);
    struct fuzz_memory memory;
    fuzz_memory_init(&memory);
    const struct rp_traits *traits = fuzz_traits(&input);
    if (fuzz_flag(&input)) {
        check_nonces(&input, &memory, traits);
    } else {
        check_auth(&input, &memory, traits);
    }
    fuzz_memory_check(&memory);
    return 0;
}
