#include <check.h>

#include "protocol/auth.h"
#include "protocol/error.h"
#include "protocol/limits.h"
#include "tests/lib/test_alloc.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define NOW         INT64_C(1775923200)
#define NONCE       "0000000000000000000000000000000000000000000000000000000000000000"

/* ---- Fixture --------------------------------------------------------------------------------- */

static struct test_alloc memory;
static struct rp_auth *auth;

static void setup(void)
{
    test_alloc_init(&memory);
    auth = NULL;
}

static void teardown(void)
{
    rp_auth_free(auth);
    ck_assert_uint_eq(memory.live_count, 0);
}

/* ---- Helpers --------------------------------------------------------------------------------- */

static void use(const struct rp_traits *traits)
{
    rp_auth_free(auth);
    ck_assert_int_eq(rp_auth_new(traits, rp_view_text("test-secret"), &memory.alloc, &auth), 0);
}

static void use_release(enum rp_release release)
{
    use(rp_release_traits(release));
}

static struct rp_auth_tuple tuple_of(enum rp_auth_kind kind)
{
    struct rp_auth_tuple tuple = {
        .kind = kind,
        .nonce = rp_view_text(NONCE),
        .node_id = rp_view_text("reader-1"),
        .cluster = rp_view_text("test-cluster"),
        .timestamp = NOW,
        .path = rp_view_text("db/cpu/2026/04/11/14/a.parquet"),
        .addressee = rp_view_text("writer-1"),
        .byte_offset = 4096,
        .command = rp_view_text("{\"type\":8,\"payload\":\"e30=\"}"),
        .last_seq = UINT64_MAX,
        .statement = {.node_name = rp_view_text("reader-1"),
                      .role = rp_view_text("reader"),
                      .raft_addr = rp_view_text("10.0.0.2:9200"),
                      .coord_addr = rp_view_text("10.0.0.2:9100"),
                      .version = rp_view_text("1"),
                      .core_count = 8,
                      .raft_id = 77,
                      .is_bound_fetch = true},
    };
    return tuple;
}

static void sign(const struct rp_auth_tuple *tuple, char mac_out[RP_SHA256_HEX + 1])
{
    ck_assert_int_eq(rp_auth_sign(auth, tuple, mac_out), 0);
    mac_out[RP_SHA256_HEX] = '\0';
}

static enum rp_auth_verdict check(const struct rp_auth_tuple *tuple, struct rp_view mac,
                                  int64_t now)
{
    return rp_auth_check(auth, tuple, mac, now, RP_MAC_TOLERANCE_S);
}

/* ---- Tables ---------------------------------------------------------------------------------- */

enum era { COLON, NUL_UNLABELLED, TODAY };

static const struct {
    const char *name;
    enum era era;
    enum rp_auth_kind kind;
    const char *mac;
} KNOWN[] = {
    {"fetch, colon", COLON, RP_AUTH_FETCH,
     "28bab5812751388ce6a13ef8727de1cd771d8ed14c5611f91969568efb16be75"},
    {"fetch, NUL", TODAY, RP_AUTH_FETCH,
     "596efa4192166ecf36a4365d0257491ef683d1d03efca813a82d01eecd1a0e6f"},
    {"join, colon", COLON, RP_AUTH_JOIN,
     "e3b7ddfa684c1b7b7b0c844184d9a14181874d4eb263b8bc99f07199eaf27832"},
    {"leave, colon", COLON, RP_AUTH_LEAVE,
     "e3b7ddfa684c1b7b7b0c844184d9a14181874d4eb263b8bc99f07199eaf27832"},
    {"heartbeat, NUL without label", NUL_UNLABELLED, RP_AUTH_HEARTBEAT,
     "c56cde9f8ea39892f8bdc54b7a4787f6f00c368dcdd74439588d1f26403b72aa"},
    {"join, NUL without label", NUL_UNLABELLED, RP_AUTH_JOIN,
     "c56cde9f8ea39892f8bdc54b7a4787f6f00c368dcdd74439588d1f26403b72aa"},
    {"join, today", TODAY, RP_AUTH_JOIN,
     "c171ee76dbca1df088c18b36a7b960db330ec5ac5621dcbe9069c3ea8d4421e1"},
    {"leave, today", TODAY, RP_AUTH_LEAVE,
     "b859a4058f704ebb0a2f67567ccf0526177ba7da0d18cab3845af4d71504a258"},
    {"heartbeat, today", TODAY, RP_AUTH_HEARTBEAT,
     "c8b757faf01ce4673d8fa68fa6fe6eea77ab79811348ff8491a118e337777b9e"},
    {"forward, colon", COLON, RP_AUTH_FORWARD,
     "0082a95a856d3ce63144f6984a963a07dc098b2994d27c5a90fe5a24b761c791"},
    {"forward, NUL", TODAY, RP_AUTH_FORWARD,
     "7c472cb9b2abbc08bf932daaefe5ab3acde8e4bc952cbbdec68d08d6c4978f02"},
};

/* Eras between the releases are traits in other combinations. */
static struct rp_traits era_traits(enum era era)
{
    struct rp_traits traits = *rp_release_traits(era == COLON ? RP_RELEASE_PHASE3 : RP_RELEASE_ARC);
    traits.follower_proposals = RP_FOLLOWER_FORWARDS;
    if (era == NUL_UNLABELLED) {
        traits.mac_label = RP_MAC_UNLABELLED;
    }
    return traits;
}

static const struct {
    const char *name;
    enum rp_release release;
    enum rp_auth_kind kind;
} ABSENT[] = {
    {"phase2 heartbeat", RP_RELEASE_PHASE2, RP_AUTH_HEARTBEAT},
    {"phase3 forward", RP_RELEASE_PHASE3, RP_AUTH_FORWARD},
    {"phase3 replicate sync", RP_RELEASE_PHASE3, RP_AUTH_REPLICATE_SYNC},
    {"arc bound fetch", RP_RELEASE_ARC, RP_AUTH_BOUND_FETCH},
    {"arc bound forward", RP_RELEASE_ARC, RP_AUTH_BOUND_FORWARD},
    {"arc bound join", RP_RELEASE_ARC, RP_AUTH_BOUND_JOIN},
};

static const struct {
    const char *name;
    int64_t timestamp;
    enum rp_auth_verdict phase3, arc, current;
} FRESHNESS[] = {
    {"same second", NOW, RP_AUTH_OK, RP_AUTH_OK, RP_AUTH_OK},
    {"299 s old", NOW - 299, RP_AUTH_OK, RP_AUTH_OK, RP_AUTH_OK},
    {"300 s old", NOW - 300, RP_AUTH_OK, RP_AUTH_OK, RP_AUTH_OK},
    {"301 s old", NOW - 301, RP_AUTH_EXPIRED, RP_AUTH_EXPIRED, RP_AUTH_EXPIRED},
    {"299 s ahead", NOW + 299, RP_AUTH_OK, RP_AUTH_OK, RP_AUTH_OK},
    {"300 s ahead", NOW + 300, RP_AUTH_OK, RP_AUTH_OK, RP_AUTH_OK},
    {"301 s ahead", NOW + 301, RP_AUTH_EXPIRED, RP_AUTH_EXPIRED, RP_AUTH_EXPIRED},
    {"smallest", INT64_MIN, RP_AUTH_EXPIRED, RP_AUTH_EXPIRED, RP_AUTH_EXPIRED},
    {"largest", INT64_MAX, RP_AUTH_EXPIRED, RP_AUTH_EXPIRED, RP_AUTH_EXPIRED},
    {"2^63 away", INT64_MIN + NOW, RP_AUTH_OK, RP_AUTH_OK, RP_AUTH_EXPIRED},
    {"2^63 - 1 away", INT64_MIN + NOW + 1, RP_AUTH_EXPIRED, RP_AUTH_EXPIRED, RP_AUTH_EXPIRED},
};

/* ---- Tests ----------------------------------------------------------------------------------- */

/* The worked examples of wire.md 11, eras between the releases included. */
START_TEST(known_answers_hold)
{
    char mac[RP_SHA256_HEX + 1];
    struct rp_traits traits = era_traits(KNOWN[_i].era);
    struct rp_auth_tuple tuple = tuple_of(KNOWN[_i].kind);
    use(&traits);
    sign(&tuple, mac);
    ck_assert_msg(strcmp(mac, KNOWN[_i].mac) == 0, "%s: %s", KNOWN[_i].name, mac);
    ck_assert_int_eq(check(&tuple, rp_view_text(mac), NOW), RP_AUTH_OK);
}
END_TEST

/* A release neither signs nor accepts a kind that it does not authenticate. */
START_TEST(absent_kinds_have_no_mac)
{
    char mac[RP_SHA256_HEX];
    struct rp_auth_tuple tuple = tuple_of(ABSENT[_i].kind);
    use_release(ABSENT[_i].release);
    ck_assert_msg(rp_auth_sign(auth, &tuple, mac) == RP_ERR_UNENCODABLE, "%s", ABSENT[_i].name);
    ck_assert_int_eq(check(&tuple, rp_view_text(KNOWN[0].mac), NOW), RP_AUTH_MISMATCH);
}
END_TEST

/* TestComputeFetchHMAC_Determinism, TestComputeHMAC_Determinism: the same input gives the same MAC
 * again and again on one key, and a MAC computed in between leaves no trace. */
START_TEST(same_input_same_mac)
{
    char first[RP_SHA256_HEX + 1], other[RP_SHA256_HEX + 1], again[RP_SHA256_HEX + 1];
    use_release((enum rp_release)_i);
    struct rp_auth_tuple fetch = tuple_of(RP_AUTH_FETCH), join = tuple_of(RP_AUTH_JOIN);
    sign(&fetch, first);
    sign(&join, other);
    sign(&fetch, again);
    ck_assert_str_eq(first, again);
    ck_assert_str_ne(first, other);
}
END_TEST

/* TestComputeFetchHMAC_Determinism, second half; mac-binds-all: every signed field matters. */
START_TEST(each_field_changes_the_mac)
{
    enum rp_auth_kind kind = (enum rp_auth_kind)_i;
    struct rp_auth_tuple tuples[] = {
        tuple_of(kind), tuple_of(kind), tuple_of(kind), tuple_of(kind), tuple_of(kind),
        tuple_of(kind), tuple_of(kind), tuple_of(kind), tuple_of(kind),
    };
    bool is_fetch = kind == RP_AUTH_FETCH || kind == RP_AUTH_BOUND_FETCH;
    bool is_signed[] = {true,
                        true,
                        true,
                        true,
                        is_fetch,
                        kind == RP_AUTH_BOUND_FETCH || kind == RP_AUTH_BOUND_FORWARD ||
                            kind == RP_AUTH_BOUND_JOIN,
                        kind == RP_AUTH_BOUND_FETCH,
                        kind == RP_AUTH_FORWARD || kind == RP_AUTH_BOUND_FORWARD,
                        kind == RP_AUTH_REPLICATE_SYNC};
    tuples[0].nonce = rp_view_text("1");
    tuples[1].node_id = rp_view_text("reader-2");
    tuples[2].cluster = rp_view_text("test-cluste");
    tuples[3].timestamp += 1;
    tuples[4].path = rp_view_text("db/cpu/2026/04/11/14/b.parquet");
    tuples[5].addressee = rp_view_text("writer-2");
    tuples[6].byte_offset = 0;
    tuples[7].command = rp_view_text("{}");
    tuples[8].last_seq = 1;
    char base[RP_SHA256_HEX + 1], changed[RP_SHA256_HEX + 1];
    struct rp_auth_tuple tuple = tuple_of(kind);
    use_release(RP_RELEASE_CURRENT);
    sign(&tuple, base);
    for (int field = 0; field < ROWS(tuples); field += 1) {
        sign(&tuples[field], changed);
        ck_assert_msg((strcmp(base, changed) != 0) == is_signed[field], "kind %d, field %d", _i,
                      field);
    }
}
END_TEST

/* All that a join says of its sender is under its second MAC, each in its own place (decision 0058:
 * one that is left out can be changed on the way). */
START_TEST(whole_statement_is_signed)
{
    struct rp_auth_tuple tuple = tuple_of(RP_AUTH_BOUND_JOIN);
    struct rp_auth_tuple changed[] = {tuple, tuple, tuple, tuple, tuple, tuple,
                                      tuple, tuple, tuple, tuple, tuple};
    char base[RP_SHA256_HEX + 1];
    changed[0].statement.node_name = rp_view_text("reader-2");
    changed[1].statement.role = rp_view_text("writer");
    changed[2].statement.raft_addr = rp_view_text("10.0.0.3:9200");
    changed[3].statement.api_addr = rp_view_text("10.0.0.3:80");
    changed[4].statement.coord_addr = rp_view_text("10.0.0.3:9100");
    changed[5].statement.version = rp_view_text("2");
    changed[6].statement.core_count = 9;
    changed[7].statement.raft_id = 78;
    changed[8].statement.is_bound_fetch = false;
    changed[9].addressee = rp_view_make(NULL, 0);
    /* An address in its neighbour's place; below, a byte moved over a border. */
    changed[10].statement.api_addr = tuple.statement.coord_addr;
    changed[10].statement.coord_addr = tuple.statement.api_addr;
    use_release(RP_RELEASE_CURRENT);
    sign(&tuple, base);
    ck_assert_int_eq(check(&tuple, rp_view_text(base), NOW), RP_AUTH_OK);
    for (int row = 0; row < ROWS(changed); row += 1) {
        ck_assert_msg(check(&changed[row], rp_view_text(base), NOW) == RP_AUTH_MISMATCH, "row %d",
                      row);
    }
    tuple.statement.role = rp_view_text("reader1");
    tuple.statement.raft_addr = rp_view_text("0.0.0.2:9200");
    ck_assert_int_eq(check(&tuple, rp_view_text(base), NOW), RP_AUTH_MISMATCH);
}
END_TEST

/* A byte moved over the border of two fields is another message (mac-binds-all). */
START_TEST(shifting_bytes_between_fields_changes_the_mac)
{
    char base[RP_SHA256_HEX + 1], shifted[RP_SHA256_HEX + 1];
    struct rp_auth_tuple tuple = tuple_of(RP_AUTH_FETCH), other = tuple;
    use_release((enum rp_release)_i);
    sign(&tuple, base);
    other.cluster = rp_view_text("test-clusterd");
    other.path = rp_view_text("b/cpu/2026/04/11/14/a.parquet");
    sign(&other, shifted);
    ck_assert_str_ne(base, shifted);
    ck_assert_int_eq(check(&other, rp_view_text(base), NOW), RP_AUTH_MISMATCH);
}
END_TEST

/* A delimiter inside a field lets a shifted tuple share the MAC in arc; current refuses the field,
 * both when signing and when checking. */
START_TEST(nul_inside_a_field_binds_nothing_in_current)
{
    char mac[RP_SHA256_HEX + 1];
    struct rp_auth_tuple honest = tuple_of(RP_AUTH_FETCH), forged = honest;
    honest.cluster = rp_view_text("c");
    honest.path = rp_view_make("c\0db/x", 6);
    forged.node_id = rp_view_make("reader-1\0c", 10);
    forged.cluster = rp_view_text("c");
    forged.path = rp_view_text("db/x");
    use_release(RP_RELEASE_ARC);
    sign(&honest, mac);
    ck_assert_int_eq(check(&forged, rp_view_text(mac), NOW), RP_AUTH_OK);
    use_release(RP_RELEASE_CURRENT);
    ck_assert_int_eq(rp_auth_sign(auth, &honest, mac), RP_ERR_UNENCODABLE);
    ck_assert_int_eq(check(&forged, rp_view_text(mac), NOW), RP_AUTH_MISMATCH);
}
END_TEST

/* TestJoinFamilyHMAC_LabelBinding_NoCrossMessageTypeReplay; the bound fetch is apart as well. */
START_TEST(no_kind_passes_for_another)
{
    char mac[RP_SHA256_HEX + 1];
    use_release(RP_RELEASE_CURRENT);
    for (int kind = 0; kind < RP_AUTH_KIND_COUNT; kind += 1) {
        struct rp_auth_tuple tuple = tuple_of((enum rp_auth_kind)kind), other = tuple;
        sign(&tuple, mac);
        for (int target = 0; target < RP_AUTH_KIND_COUNT; target += 1) {
            other.kind = (enum rp_auth_kind)target;
            ck_assert_msg((check(&other, rp_view_text(mac), NOW) == RP_AUTH_OK) == (kind == target),
                          "%d as %d", kind, target);
        }
    }
}
END_TEST

/* An older leader takes NUL bytes inside of fields: no way of cutting a bound forward at its NUL
 * bytes into the fields of an unbound one passes there for the same command, told anew. */
START_TEST(bound_forward_is_no_forward_of_arc)
{
    char mac[RP_SHA256_HEX + 1];
    struct rp_auth_tuple bound = tuple_of(RP_AUTH_BOUND_FORWARD);
    struct rp_auth_tuple cut = tuple_of(RP_AUTH_FORWARD);
    use_release(RP_RELEASE_CURRENT);
    sign(&bound, mac);
    use_release(RP_RELEASE_ARC);
    cut.nonce = rp_view_make("forward\0" NONCE, 8 + strlen(NONCE));
    ck_assert_int_eq(check(&cut, rp_view_text(mac), NOW), RP_AUTH_MISMATCH);
    cut.nonce = rp_view_make("forward\0" NONCE "\0reader-1", 8 + strlen(NONCE) + 9);
    cut.node_id = bound.addressee;
    ck_assert_int_eq(check(&cut, rp_view_text(mac), NOW), RP_AUTH_MISMATCH);
}
END_TEST

/* Security helpers (added): 299, 300, 301 s on both sides and the ends of int64; the MAC is right
 * in every row, so only freshness decides (wire.md 8.2). */
START_TEST(freshness_ends_beyond_300_s)
{
    const enum rp_release releases[] = {RP_RELEASE_PHASE3, RP_RELEASE_ARC, RP_RELEASE_CURRENT};
    const enum rp_auth_verdict verdicts[] = {FRESHNESS[_i].phase3, FRESHNESS[_i].arc,
                                             FRESHNESS[_i].current};
    for (int column = 0; column < 3; column += 1) {
        char mac[RP_SHA256_HEX + 1];
        struct rp_auth_tuple tuple = tuple_of(RP_AUTH_FETCH);
        tuple.timestamp = FRESHNESS[_i].timestamp;
        use_release(releases[column]);
        sign(&tuple, mac);
        ck_assert_msg(check(&tuple, rp_view_text(mac), NOW) == verdicts[column], "%s, %s",
                      FRESHNESS[_i].name, rp_release_name(releases[column]));
    }
}
END_TEST

/* Freshness is judged first: a stale message with a wrong MAC is expired (wire.md 8.2). */
START_TEST(stale_with_bad_mac_is_expired)
{
    struct rp_auth_tuple tuple = tuple_of(RP_AUTH_FETCH);
    use_release((enum rp_release)_i);
    ck_assert_int_eq(check(&tuple, rp_view_text("x"), NOW + 301), RP_AUTH_EXPIRED);
    ck_assert_int_eq(check(&tuple, rp_view_text("x"), NOW + 300), RP_AUTH_MISMATCH);
}
END_TEST

/* wire.md 8.4: text is compared by the first releases, bytes by today's. */
START_TEST(upper_case_hex_passes_only_as_bytes)
{
    char mac[RP_SHA256_HEX + 1];
    struct rp_auth_tuple tuple = tuple_of(RP_AUTH_FETCH);
    use_release((enum rp_release)_i);
    sign(&tuple, mac);
    for (int index = 0; index < RP_SHA256_HEX; index += 1) {
        mac[index] = (char)(mac[index] >= 'a' ? mac[index] - 'a' + 'A' : mac[index]);
    }
    ck_assert_int_eq(check(&tuple, rp_view_text(mac), NOW),
                     _i >= RP_RELEASE_ARC ? RP_AUTH_OK : RP_AUTH_MISMATCH);
}
END_TEST

/* TestValidate_RejectsMalformedHexMAC: odd, short, long, not hex, one digit off: all fail closed. */
START_TEST(malformed_mac_fails_closed)
{
    char mac[RP_SHA256_HEX + 3] = {0};
    struct rp_auth_tuple tuple = tuple_of(RP_AUTH_FETCH);
    use_release((enum rp_release)_i);
    sign(&tuple, mac);
    mac[RP_SHA256_HEX] = '0';
    ck_assert_int_eq(check(&tuple, rp_view_make(NULL, 0), NOW), RP_AUTH_MISMATCH);
    ck_assert_int_eq(check(&tuple, rp_view_make(mac, 62), NOW), RP_AUTH_MISMATCH);
    ck_assert_int_eq(check(&tuple, rp_view_make(mac, 63), NOW), RP_AUTH_MISMATCH);
    ck_assert_int_eq(check(&tuple, rp_view_make(mac, 65), NOW), RP_AUTH_MISMATCH);
    ck_assert_int_eq(check(&tuple, rp_view_make(mac, 66), NOW), RP_AUTH_MISMATCH);
    for (int index = 0; index < RP_SHA256_HEX; index += 1) {
        char kept = mac[index];
        mac[index] = kept == '0' ? '1' : '0';
        ck_assert_int_eq(check(&tuple, rp_view_make(mac, 64), NOW), RP_AUTH_MISMATCH);
        mac[index] = "g/:@`G\0\xc3"[index % 8];
        ck_assert_int_eq(check(&tuple, rp_view_make(mac, 64), NOW), RP_AUTH_MISMATCH);
        mac[index] = kept;
    }
    ck_assert_int_eq(check(&tuple, rp_view_make(mac, 64), NOW), RP_AUTH_OK);
}
END_TEST

/* Fields longer than what is gathered at a time are signed in full. */
START_TEST(long_fields_are_signed_to_the_last_byte)
{
    static char path[5000];
    char first[RP_SHA256_HEX + 1], second[RP_SHA256_HEX + 1];
    struct rp_auth_tuple tuple = tuple_of(RP_AUTH_FETCH);
    memset(path, 'a', sizeof path);
    use_release(RP_RELEASE_CURRENT);
    for (size_t length = 300; length <= sizeof path; length += 47) {
        tuple.path = rp_view_make(path, length);
        sign(&tuple, first);
        path[length - 1] = 'b';
        sign(&tuple, second);
        path[length - 1] = 'a';
        ck_assert_str_ne(first, second);
    }
}
END_TEST

/* behaviour.md 13.2: there is no MAC without a secret. */
START_TEST(empty_secret_is_refused)
{
    ck_assert_int_eq(
        rp_auth_new(rp_release_traits(RP_RELEASE_CURRENT), rp_view_text(""), &memory.alloc, &auth),
        RP_ERR_INVALID);
    ck_assert_ptr_null(auth);
}
END_TEST

/* Memory fails at the k-th call: the constructor says so and leaves nothing behind. */
START_TEST(failed_allocation_leaves_nothing)
{
    int error = RP_ERR_NOMEM;
    for (size_t call = 1; error != 0; call += 1) {
        memory.call_count = 0;
        memory.fail_at = call;
        error = rp_auth_new(rp_release_traits(RP_RELEASE_CURRENT), rp_view_text("s"), &memory.alloc,
                            &auth);
        memory.fail_at = 0;
        ck_assert(error == 0 || error == RP_ERR_NOMEM);
        ck_assert_int_eq(error == 0, auth != NULL);
        ck_assert_int_eq(error != 0, memory.live_count == 0);
        ck_assert_uint_lt(call, 10);
    }
}
END_TEST

/* A hash object serves one hash after another, fed in pieces or at once. */
START_TEST(sha256_starts_anew_each_time)
{
    static const char ABC[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    static const char NONE[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    struct rp_sha256 *hash = NULL;
    char hex[RP_SHA256_HEX];
    ck_assert_int_eq(rp_sha256_new(&memory.alloc, &hash), 0);
    for (int round = 0; round < 3; round += 1) {
        rp_sha256_begin(hash);
        rp_sha256_update(hash, rp_view_text("a"));
        rp_sha256_update(hash, rp_view_make(NULL, 0));
        rp_sha256_update(hash, rp_view_text("bc"));
        rp_sha256_hex(hash, hex);
        ck_assert_mem_eq(hex, ABC, RP_SHA256_HEX);
        rp_sha256_begin(hash);
        rp_sha256_update(hash, rp_view_text("abandoned"));
        rp_sha256_begin(hash);
        rp_sha256_hex(hash, hex);
        ck_assert_mem_eq(hex, NONE, RP_SHA256_HEX);
    }
    rp_sha256_free(hash);
}
END_TEST

/* ---- Main ------------------------------------------------------------------------------------ */

int main(void)
{
    Suite *suite = suite_create("protocol.auth");
    TCase *tc = tcase_create("auth");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, known_answers_hold, 0, ROWS(KNOWN));
    tcase_add_loop_test(tc, absent_kinds_have_no_mac, 0, ROWS(ABSENT));
    tcase_add_loop_test(tc, same_input_same_mac, 0, RP_RELEASE_COUNT);
    tcase_add_loop_test(tc, each_field_changes_the_mac, 0, RP_AUTH_KIND_COUNT);
    tcase_add_test(tc, whole_statement_is_signed);
    tcase_add_loop_test(tc, shifting_bytes_between_fields_changes_the_mac, 0, RP_RELEASE_COUNT);
    tcase_add_test(tc, nul_inside_a_field_binds_nothing_in_current);
    tcase_add_test(tc, no_kind_passes_for_another);
    tcase_add_test(tc, bound_forward_is_no_forward_of_arc);
    tcase_add_loop_test(tc, freshness_ends_beyond_300_s, 0, ROWS(FRESHNESS));
    tcase_add_loop_test(tc, stale_with_bad_mac_is_expired, 0, RP_RELEASE_COUNT);
    tcase_add_loop_test(tc, upper_case_hex_passes_only_as_bytes, 0, RP_RELEASE_COUNT);
    tcase_add_loop_test(tc, malformed_mac_fails_closed, 0, RP_RELEASE_COUNT);
    tcase_add_test(tc, long_fields_are_signed_to_the_last_byte);
    tcase_add_test(tc, empty_secret_is_refused);
    tcase_add_test(tc, failed_allocation_leaves_nothing);
    tcase_add_test(tc, sha256_starts_anew_each_time);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
