/* MAC inputs, freshness and comparison of every era (wire.md 8). Pure: clocks and nonces are given.
 *
 * The key is fetched and its HMAC state prepared once per node (rp_auth_new); signing and checking
 * start from that state. The only copy of the secret is the library's, which wipes it on free. */
#ifndef REPLISIM_PROTOCOL_AUTH_H
#define REPLISIM_PROTOCOL_AUTH_H

#include "protocol/release.h"
#include "protocol/types.h"

/* The first field of today's join family. */
enum rp_auth_kind {
    RP_AUTH_JOIN,
    RP_AUTH_LEAVE,
    RP_AUTH_HEARTBEAT,
    RP_AUTH_FETCH,
    RP_AUTH_BOUND_FETCH, /* ours (design.md): label `fetch`, addressee, offset and all else */
    RP_AUTH_FORWARD,
    RP_AUTH_BOUND_FORWARD, /* ours: label `forward`, addressee and all else */
    RP_AUTH_REPLICATE_SYNC,
    RP_AUTH_CACHE_INVALIDATE, /* for the golden data only */
    RP_AUTH_BOUND_JOIN,       /* ours: addressee, and all that the join says of its sender */
    RP_AUTH_KIND_COUNT
};

/* What a join says of its sender, besides its name. */
struct rp_auth_statement {
    struct rp_view node_name, role, raft_addr, api_addr, coord_addr, version;
    int64_t core_count;
    uint64_t raft_id;
    bool is_bound_fetch;
};

/* What is signed. Fields a kind does not have are ignored. */
struct rp_auth_tuple {
    enum rp_auth_kind kind;
    struct rp_view nonce, node_id, cluster;
    int64_t timestamp;   /* Unix seconds */
    struct rp_view path; /* fetch */
    /* Bound kinds: the node id of the server or leader; of a join also "", whoever is asked. */
    struct rp_view addressee;
    int64_t byte_offset;                /* bound fetch */
    struct rp_view command;             /* forward, bound or not: the decoded command_json bytes */
    uint64_t last_seq;                  /* replicate sync */
    struct rp_auth_statement statement; /* bound join */
};

enum rp_auth_verdict { RP_AUTH_OK, RP_AUTH_EXPIRED, RP_AUTH_MISMATCH };

struct rp_auth;

/* Keeps no view of the secret. Errors: RP_ERR_NOMEM, RP_ERR_INVALID (empty secret). */
RP_MUST_USE int rp_auth_new(const struct rp_traits *traits, struct rp_view secret,
                            const struct rp_alloc *alloc, struct rp_auth **auth_out);
void rp_auth_free(struct rp_auth *auth);

/* The MAC as 64 lowercase hex characters, not terminated (wire.md 8.1). Errors: RP_ERR_UNENCODABLE
 * when the release has no MAC for this kind or signs no NUL inside a field (trait `mac_fields`),
 * RP_ERR_NOMEM. */
RP_MUST_USE int rp_auth_sign(const struct rp_auth *auth, const struct rp_auth_tuple *tuple,
                             char mac_hex_out[RP_SHA256_HEX]);

/* Freshness first, then the MAC in constant time; `tolerance_s` is RP_MAC_TOLERANCE_S but in tests.
 * wire.md 8.2, 8.4 */
enum rp_auth_verdict rp_auth_check(const struct rp_auth *auth, const struct rp_auth_tuple *tuple,
                                   struct rp_view mac, int64_t now_unix_s, int64_t tolerance_s);

/* SHA-256 of bytes as lowercase hex; the fetched algorithm and a reused context behind it. */
struct rp_sha256; /* one running hash; reusable after rp_sha256_hex */
RP_MUST_USE int rp_sha256_new(const struct rp_alloc *alloc, struct rp_sha256 **hash_out);
void rp_sha256_free(struct rp_sha256 *hash);
void rp_sha256_begin(struct rp_sha256 *hash);
void rp_sha256_update(struct rp_sha256 *hash, struct rp_view bytes);
void rp_sha256_hex(struct rp_sha256 *hash, char hex_out[RP_SHA256_HEX]);

#endif
