#include "protocol/auth.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "protocol/error.h"
#include "protocol/panic.h"

#define DECIMAL_MAX     20 /* of an int64 with its sign, or a uint64 */
#define FIELD_COUNT_MAX 8
#define GATHER_BYTES    512

struct rp_auth {
    const struct rp_alloc *alloc; /* borrowed */
    const struct rp_traits *traits;
    EVP_MAC *algorithm;             /* owned */
    EVP_MAC_CTX *context;           /* owned; holds the prepared key, started anew for each MAC */
    struct rp_sha256 *command_hash; /* owned */
};

/* ---- Text ------------------------------------------------------------------------------------ */

static void hex_write(const uint8_t *bytes, size_t length_bytes, char *hex_out)
{
    static const char DIGITS[] = "0123456789abcdef";
    for (size_t index = 0; index < length_bytes; index += 1) {
        hex_out[2 * index] = DIGITS[bytes[index] >> 4];
        hex_out[2 * index + 1] = DIGITS[bytes[index] & 0x0f];
    }
}

/* -1: not a digit. Either case. */
static int hex_digit(uint8_t character)
{
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    if (character >= 'a' && character <= 'f') {
        return character - 'a' + 10;
    }
    if (character >= 'A' && character <= 'F') {
        return character - 'A' + 10;
    }
    return -1;
}

/* False unless the text is exactly a digest's hex. */
static bool hex_read_digest(struct rp_view hex, uint8_t digest_out[RP_SHA256_SIZE])
{
    if (hex.length_bytes != RP_SHA256_HEX) {
        return false;
    }
    for (size_t index = 0; index < RP_SHA256_SIZE; index += 1) {
        int high = hex_digit(hex.bytes[2 * index]);
        int low = hex_digit(hex.bytes[2 * index + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        digest_out[index] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static struct rp_view decimal_unsigned(uint64_t value, char text[DECIMAL_MAX])
{
    size_t at = DECIMAL_MAX;
    do {
        at -= 1;
        text[at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    return rp_view_make(text + at, DECIMAL_MAX - at);
}

static struct rp_view decimal_signed(int64_t value, char text[DECIMAL_MAX])
{
    if (value >= 0) {
        return decimal_unsigned((uint64_t)value, text);
    }
    struct rp_view digits = decimal_unsigned(0 - (uint64_t)value, text);
    size_t at = DECIMAL_MAX - digits.length_bytes - 1;
    text[at] = '-';
    return rp_view_make(text + at, DECIMAL_MAX - at);
}

/* ---- SHA-256 --------------------------------------------------------------------------------- */

struct rp_sha256 {
    const struct rp_alloc *alloc; /* borrowed */
    EVP_MD *algorithm;            /* owned */
    EVP_MD_CTX *context;          /* owned */
};

int rp_sha256_new(const struct rp_alloc *alloc, struct rp_sha256 **hash_out)
{
    struct rp_sha256 *hash = rp_allocate_zeroed(alloc, sizeof *hash);
    *hash_out = NULL;
    if (hash == NULL) {
        return RP_ERR_NOMEM;
    }
    hash->alloc = alloc;
    hash->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    hash->context = EVP_MD_CTX_new();
    /* The first start allocates the context's state; later ones on the same context do not. */
    if (hash->algorithm == NULL || hash->context == NULL ||
        EVP_DigestInit_ex2(hash->context, hash->algorithm, NULL) != 1) {
        rp_sha256_free(hash);
        return RP_ERR_NOMEM;
    }
    *hash_out = hash;
    return 0;
}

void rp_sha256_free(struct rp_sha256 *hash)
{
    if (hash == NULL) {
        return;
    }
    EVP_MD_CTX_free(hash->context);
    EVP_MD_free(hash->algorithm);
    rp_release(hash->alloc, hash);
}

void rp_sha256_begin(struct rp_sha256 *hash)
{
    int started = EVP_DigestInit_ex2(hash->context, NULL, NULL);
    RP_ASSERT(started == 1);
}

void rp_sha256_update(struct rp_sha256 *hash, struct rp_view bytes)
{
    if (bytes.length_bytes > 0) {
        int taken = EVP_DigestUpdate(hash->context, bytes.bytes, bytes.length_bytes);
        RP_ASSERT(taken == 1);
    }
}

void rp_sha256_hex(struct rp_sha256 *hash, char hex_out[RP_SHA256_HEX])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned length_bytes = 0;
    int finished = EVP_DigestFinal_ex(hash->context, digest, &length_bytes);
    RP_ASSERT(finished == 1 && length_bytes == RP_SHA256_SIZE);
    hex_write(digest, RP_SHA256_SIZE, hex_out);
}

/* ---- Key ------------------------------------------------------------------------------------- */

static int prepare_key(struct rp_auth *auth, struct rp_view secret)
{
    char digest_name[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest_name, 0),
        OSSL_PARAM_construct_end(),
    };
    auth->algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (auth->algorithm == NULL) {
        return RP_ERR_NOMEM;
    }
    auth->context = EVP_MAC_CTX_new(auth->algorithm);
    if (auth->context == NULL ||
        EVP_MAC_init(auth->context, secret.bytes, secret.length_bytes, params) != 1) {
        return RP_ERR_NOMEM;
    }
    return rp_sha256_new(auth->alloc, &auth->command_hash);
}

int rp_auth_new(const struct rp_traits *traits, struct rp_view secret, const struct rp_alloc *alloc,
                struct rp_auth **auth_out)
{
    *auth_out = NULL;
    if (secret.length_bytes == 0) {
        return RP_ERR_INVALID;
    }
    struct rp_auth *auth = rp_allocate_zeroed(alloc, sizeof *auth);
    if (auth == NULL) {
        return RP_ERR_NOMEM;
    }
    auth->alloc = alloc;
    auth->traits = traits;
    if (prepare_key(auth, secret) != 0) {
        rp_auth_free(auth);
        return RP_ERR_NOMEM;
    }
    *auth_out = auth;
    return 0;
}

void rp_auth_free(struct rp_auth *auth)
{
    if (auth == NULL) {
        return;
    }
    /* The library wipes the key when it frees the context. */
    EVP_MAC_CTX_free(auth->context);
    EVP_MAC_free(auth->algorithm);
    rp_sha256_free(auth->command_hash);
    rp_release(auth->alloc, auth);
}

/* ---- What is signed -------------------------------------------------------------------------- */

/* The signed fields in order, and the room that the numbers among them need. */
struct field_list {
    struct rp_view fields[FIELD_COUNT_MAX];
    size_t count;
    char timestamp[DECIMAL_MAX];
    char number[DECIMAL_MAX];
    char hash_hex[RP_SHA256_HEX];
};

static void add_field(struct field_list *list, struct rp_view field)
{
    RP_ASSERT(list->count < FIELD_COUNT_MAX);
    list->fields[list->count] = field;
    list->count += 1;
}

static bool has_mac(const struct rp_traits *traits, enum rp_auth_kind kind)
{
    switch (kind) {
    case RP_AUTH_JOIN:
    case RP_AUTH_LEAVE:
    case RP_AUTH_FETCH: return true;
    case RP_AUTH_HEARTBEAT: return traits->heartbeat_auth == RP_HEARTBEAT_SIGNED;
    case RP_AUTH_BOUND_FETCH: return traits->fetch_binding == RP_FETCH_BINDING_ADDRESSEE;
    case RP_AUTH_FORWARD: return traits->follower_proposals == RP_FOLLOWER_FORWARDS;
    case RP_AUTH_BOUND_FORWARD: return traits->forward_binding == RP_FORWARD_BINDING_ADDRESSEE;
    case RP_AUTH_BOUND_JOIN: return traits->join_binding == RP_JOIN_BINDING_STATEMENT;
    case RP_AUTH_REPLICATE_SYNC:
    case RP_AUTH_CACHE_INVALIDATE: return traits->mac_delimiter == RP_MAC_NUL;
    case RP_AUTH_KIND_COUNT: break;
    }
    return false;
}

/* wire.md 8.1: the first field of kinds that have one; the empty text for none. */
static const char *label_of(const struct rp_traits *traits, enum rp_auth_kind kind)
{
    bool is_join_family_labelled = traits->mac_label == RP_MAC_JOIN_FAMILY_LABELLED;
    switch (kind) {
    case RP_AUTH_JOIN: return is_join_family_labelled ? "join" : "";
    case RP_AUTH_LEAVE: return is_join_family_labelled ? "leave" : "";
    case RP_AUTH_HEARTBEAT: return is_join_family_labelled ? "heartbeat" : "";
    case RP_AUTH_BOUND_FETCH: return "fetch";
    case RP_AUTH_BOUND_FORWARD: return "forward";
    case RP_AUTH_BOUND_JOIN: return "bound-join";
    case RP_AUTH_REPLICATE_SYNC: return "replicate-sync";
    case RP_AUTH_CACHE_INVALIDATE: return "cache-invalidate";
    default: return "";
    }
}

static struct rp_view command_field(const struct rp_auth *auth, const struct rp_auth_tuple *tuple,
                                    struct field_list *list)
{
    rp_sha256_begin(auth->command_hash);
    rp_sha256_update(auth->command_hash, tuple->command);
    rp_sha256_hex(auth->command_hash, list->hash_hex);
    return rp_view_make(list->hash_hex, RP_SHA256_HEX);
}

/* Four bytes of length, then the field: no byte of one field passes for one of its neighbour. */
static void hash_field(struct rp_sha256 *hash, struct rp_view field)
{
    uint32_t length = (uint32_t)field.length_bytes;
    uint8_t prefix[4] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8),
                         (uint8_t)length};
    rp_sha256_update(hash, rp_view_make(prefix, sizeof prefix));
    rp_sha256_update(hash, field);
}

static struct rp_view statement_field(const struct rp_auth *auth, const struct rp_auth_tuple *tuple,
                                      struct field_list *list)
{
    const struct rp_auth_statement *said = &tuple->statement;
    struct rp_sha256 *hash = auth->command_hash;
    const struct rp_view texts[] = {
        tuple->nonce, tuple->node_id,  tuple->addressee, tuple->cluster,   said->node_name,
        said->role,   said->raft_addr, said->api_addr,   said->coord_addr, said->version,
    };
    rp_sha256_begin(hash);
    for (size_t row = 0; row < sizeof texts / sizeof texts[0]; row += 1) {
        hash_field(hash, texts[row]);
    }
    hash_field(hash, decimal_signed(said->core_count, list->number));
    hash_field(hash, decimal_unsigned(said->raft_id, list->number));
    hash_field(hash, rp_view_text(said->is_bound_fetch ? "1" : "0"));
    hash_field(hash, decimal_signed(tuple->timestamp, list->timestamp));
    rp_sha256_hex(hash, list->hash_hex);
    return rp_view_make(list->hash_hex, RP_SHA256_HEX);
}

/* wire.md 8.1: [label] nonce node [addressee] cluster [what the kind is about] timestamp. A forward
 * has its addressee behind the command: no shift of fields, which older releases would take, then
 * makes an unbound forward of it. */
static void list_fields(const struct rp_auth *auth, const struct rp_auth_tuple *tuple,
                        struct field_list *list)
{
    const char *label = label_of(auth->traits, tuple->kind);
    list->count = 0;
    if (label[0] != '\0') {
        add_field(list, rp_view_text(label));
    }
    /* Its fields are in the hash alone: no MAC of any other kind or release ends in one. */
    if (tuple->kind == RP_AUTH_BOUND_JOIN) {
        add_field(list, statement_field(auth, tuple, list));
        return;
    }
    add_field(list, tuple->nonce);
    add_field(list, tuple->node_id);
    if (tuple->kind == RP_AUTH_BOUND_FETCH) {
        add_field(list, tuple->addressee);
    }
    add_field(list, tuple->cluster);
    if (tuple->kind == RP_AUTH_FETCH || tuple->kind == RP_AUTH_BOUND_FETCH) {
        add_field(list, tuple->path);
    }
    if (tuple->kind == RP_AUTH_BOUND_FETCH) {
        add_field(list, decimal_signed(tuple->byte_offset, list->number));
    }
    if (tuple->kind == RP_AUTH_FORWARD || tuple->kind == RP_AUTH_BOUND_FORWARD) {
        add_field(list, command_field(auth, tuple, list));
    }
    if (tuple->kind == RP_AUTH_BOUND_FORWARD) {
        add_field(list, tuple->addressee);
    }
    if (tuple->kind == RP_AUTH_REPLICATE_SYNC) {
        add_field(list, decimal_unsigned(tuple->last_seq, list->number));
    }
    add_field(list, decimal_signed(tuple->timestamp, list->timestamp));
}

/* Trait `mac_fields`: with a delimiter inside a field, one MAC would stand for several tuples. */
static bool are_fields_signable(const struct rp_traits *traits, const struct field_list *list)
{
    if (traits->mac_fields == RP_MAC_FIELDS_ANY) {
        return true;
    }
    for (size_t index = 0; index < list->count; index += 1) {
        struct rp_view field = list->fields[index];
        if (field.length_bytes > 0 && memchr(field.bytes, 0, field.length_bytes) != NULL) {
            return false;
        }
    }
    return true;
}

/* ---- The MAC --------------------------------------------------------------------------------- */

/* Short fields are gathered: a call into the library costs more than the copy. */
struct mac_feed {
    EVP_MAC_CTX *context;
    size_t length_bytes;
    bool is_ok;
    uint8_t bytes[GATHER_BYTES];
};

static void feed_flush(struct mac_feed *feed)
{
    if (feed->length_bytes > 0 && feed->is_ok) {
        feed->is_ok = EVP_MAC_update(feed->context, feed->bytes, feed->length_bytes) == 1;
    }
    feed->length_bytes = 0;
}

static void feed_add(struct mac_feed *feed, struct rp_view view)
{
    if (view.length_bytes > GATHER_BYTES - feed->length_bytes) {
        feed_flush(feed);
    }
    if (view.length_bytes > GATHER_BYTES) {
        feed->is_ok =
            feed->is_ok && EVP_MAC_update(feed->context, view.bytes, view.length_bytes) == 1;
    } else if (view.length_bytes > 0) {
        memcpy(feed->bytes + feed->length_bytes, view.bytes, view.length_bytes);
        feed->length_bytes += view.length_bytes;
    }
}

static int digest_fields(const struct rp_auth *auth, const struct field_list *list,
                         uint8_t digest_out[RP_SHA256_SIZE])
{
    uint8_t delimiter = auth->traits->mac_delimiter == RP_MAC_COLON ? ':' : '\0';
    struct mac_feed feed;
    size_t length_bytes = 0;
    feed.context = auth->context;
    feed.length_bytes = 0;
    /* No key: starts anew from the state that prepare_key left. */
    feed.is_ok = EVP_MAC_init(auth->context, NULL, 0, NULL) == 1;
    for (size_t index = 0; index < list->count; index += 1) {
        if (index > 0) {
            feed_add(&feed, rp_view_make(&delimiter, 1));
        }
        feed_add(&feed, list->fields[index]);
    }
    feed_flush(&feed);
    if (!feed.is_ok ||
        EVP_MAC_final(auth->context, digest_out, &length_bytes, RP_SHA256_SIZE) != 1) {
        return RP_ERR_NOMEM;
    }
    RP_ASSERT(length_bytes == RP_SHA256_SIZE);
    return 0;
}

static int sign_raw(const struct rp_auth *auth, const struct rp_auth_tuple *tuple,
                    uint8_t digest_out[RP_SHA256_SIZE])
{
    struct field_list list;
    if (!has_mac(auth->traits, tuple->kind)) {
        return RP_ERR_UNENCODABLE;
    }
    list_fields(auth, tuple, &list);
    if (!are_fields_signable(auth->traits, &list)) {
        return RP_ERR_UNENCODABLE;
    }
    return digest_fields(auth, &list, digest_out);
}

int rp_auth_sign(const struct rp_auth *auth, const struct rp_auth_tuple *tuple,
                 char mac_hex_out[RP_SHA256_HEX])
{
    uint8_t digest[RP_SHA256_SIZE];
    int error = sign_raw(auth, tuple, digest);
    if (error == 0) {
        hex_write(digest, sizeof digest, mac_hex_out);
    }
    return error;
}

/* ---- Checking -------------------------------------------------------------------------------- */

/* wire.md 8.2: past and future alike, the bound itself is fresh. The older code subtracts and
 * negates in wrapping 64-bit arithmetic, done here without a sign, where wrapping is defined. */
static bool is_fresh(const struct rp_traits *traits, int64_t timestamp, int64_t now_unix_s,
                     int64_t tolerance_s)
{
    uint64_t now = (uint64_t)now_unix_s, stamp = (uint64_t)timestamp;
    uint64_t drift = now - stamp;
    if (traits->mac_drift == RP_MAC_DRIFT_WIDE) {
        drift = now_unix_s >= timestamp ? now - stamp : stamp - now;
    } else if (drift > (uint64_t)INT64_MAX) {
        drift = 0 - drift;
        if (drift > (uint64_t)INT64_MAX) {
            return true; /* 2^63: its negation is itself, in the reference a negative drift */
        }
    }
    return tolerance_s >= 0 && drift <= (uint64_t)tolerance_s;
}

/* wire.md 8.4: as text, or decoded. Lengths are no secret; contents are compared in full. */
static bool is_same_mac(const struct rp_traits *traits, const uint8_t digest[RP_SHA256_SIZE],
                        struct rp_view mac)
{
    if (traits->mac_compare == RP_MAC_COMPARE_TEXT) {
        char hex[RP_SHA256_HEX];
        hex_write(digest, RP_SHA256_SIZE, hex);
        return mac.length_bytes == sizeof hex && CRYPTO_memcmp(hex, mac.bytes, sizeof hex) == 0;
    }
    uint8_t received[RP_SHA256_SIZE];
    return hex_read_digest(mac, received) && CRYPTO_memcmp(digest, received, sizeof received) == 0;
}

enum rp_auth_verdict rp_auth_check(const struct rp_auth *auth, const struct rp_auth_tuple *tuple,
                                   struct rp_view mac, int64_t now_unix_s, int64_t tolerance_s)
{
    uint8_t digest[RP_SHA256_SIZE];
    if (!is_fresh(auth->traits, tuple->timestamp, now_unix_s, tolerance_s)) {
        return RP_AUTH_EXPIRED;
    }
    if (sign_raw(auth, tuple, digest) != 0 || !is_same_mac(auth->traits, digest, mac)) {
        return RP_AUTH_MISMATCH;
    }
    return RP_AUTH_OK;
}
