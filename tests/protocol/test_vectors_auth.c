#include <check.h>

#include "protocol/auth.h"
#include "protocol/error.h"
#include "tests/lib/test_alloc.h"
#include "tests/lib/vectors.h"

/* Compares every recorded MAC and every recorded verdict of the reference. */

/* ---- Fixture --------------------------------------------------------------------------------- */

static struct test_alloc memory;
static struct rp_arena arena;
static struct vectors vectors;
static struct vectors_tally tally;

static void setup(void)
{
    test_alloc_init(&memory);
    rp_arena_init(&arena, &memory.alloc);
}

static void teardown(void)
{
    vectors_close(&vectors);
    rp_arena_clear(&arena);
    ck_assert_uint_eq(memory.live_count, 0);
}

/* ---- Rules ----------------------------------------------------------------------------------- */

static bool has_nul(const json_t *one_case, const char *key)
{
    struct rp_view view = vectors_member(one_case, key, &arena);
    return view.length_bytes > 0 && memchr(view.bytes, 0, view.length_bytes) != NULL;
}

static bool is_nul_in_field(const json_t *one_case, enum rp_release release)
{
    return release == RP_RELEASE_CURRENT &&
           (has_nul(one_case, "nonce") || has_nul(one_case, "node_id") ||
            has_nul(one_case, "cluster") || has_nul(one_case, "path"));
}

static bool is_secret_empty(const json_t *one_case, enum rp_release release)
{
    (void)release;
    return vectors_member(one_case, "secret", &arena).length_bytes == 0;
}

/* The label of Arc's consensus transport, which this program does not speak. */
static bool is_raft_transport(const json_t *one_case, enum rp_release release)
{
    const char *label = vectors_text(one_case, "msg_type_head");
    return release >= RP_RELEASE_ARC && label != NULL && strncmp(label, "raft-auth", 9) == 0;
}

static bool is_wrapping_stamp(const json_t *one_case, enum rp_release release)
{
    uint64_t now = (uint64_t)vectors_int(vectors_get(one_case, "now"));
    uint64_t stamp = (uint64_t)vectors_int(vectors_get(one_case, "timestamp"));
    return release == RP_RELEASE_CURRENT && now - stamp == UINT64_C(1) << 63;
}

static const struct vectors_rule RULES[] = {
    {"nul-in-field", "current signs no NUL inside a field", is_nul_in_field},
    {"empty-secret", "no MAC is made without a secret", is_secret_empty},
    {"raft-transport", "label of a transport that is not shared", is_raft_transport},
    {"wrapping-stamp", "current computes drift without wrapping", is_wrapping_stamp},
};
#define RULE_COUNT (sizeof RULES / sizeof RULES[0])

/* ---- Helpers --------------------------------------------------------------------------------- */

static enum rp_auth_kind join_family_kind(const json_t *one_case, enum rp_release release)
{
    const char *label = vectors_text(one_case, "msg_type_head");
    /* The first releases have one join MAC whatever it is for. */
    if (release < RP_RELEASE_ARC || label == NULL || strcmp(label, "join") == 0) {
        return RP_AUTH_JOIN;
    }
    if (strcmp(label, "leave") == 0) {
        return RP_AUTH_LEAVE;
    }
    return strcmp(label, "heartbeat") == 0 ? RP_AUTH_HEARTBEAT : RP_AUTH_KIND_COUNT;
}

static enum rp_auth_kind case_kind(const json_t *one_case, enum rp_release release)
{
    static const struct {
        const char *name;
        enum rp_auth_kind kind;
    } KINDS[] = {{"fetch", RP_AUTH_FETCH},
                 {"forward", RP_AUTH_FORWARD},
                 {"replicate_sync", RP_AUTH_REPLICATE_SYNC},
                 {"cache_invalidate", RP_AUTH_CACHE_INVALIDATE}};
    const char *name = vectors_text(one_case, "kind");
    for (size_t row = 0; row < sizeof KINDS / sizeof KINDS[0]; row += 1) {
        if (strcmp(name, KINDS[row].name) == 0) {
            return KINDS[row].kind;
        }
    }
    ck_assert_str_eq(name, "join");
    return join_family_kind(one_case, release);
}

static struct rp_auth_tuple case_tuple(const json_t *one_case, enum rp_release release)
{
    const char *command = vectors_text(one_case, "payload_hex");
    struct rp_auth_tuple tuple = {
        .kind = case_kind(one_case, release),
        .nonce = vectors_member(one_case, "nonce", &arena),
        .node_id = vectors_member(one_case, "node_id", &arena),
        .cluster = vectors_member(one_case, "cluster", &arena),
        .timestamp = vectors_int(vectors_get(one_case, "timestamp")),
        .path = vectors_member(one_case, "path", &arena),
    };
    if (command != NULL) {
        tuple.command = vectors_hex(command, &arena);
    }
    if (vectors_get(one_case, "seq") != NULL) {
        tuple.last_seq = vectors_uint(vectors_get(one_case, "seq"));
    }
    return tuple;
}

static struct rp_auth *case_auth(const json_t *one_case, enum rp_release release)
{
    struct rp_auth *auth = NULL;
    int error = rp_auth_new(rp_release_traits(release), vectors_member(one_case, "secret", &arena),
                            &memory.alloc, &auth);
    ck_assert(error == 0 || (error == RP_ERR_INVALID && is_secret_empty(one_case, release)));
    return auth;
}

/* True when we make the recorded MAC, or none where none is recorded. */
static bool signs_as_recorded(const json_t *one_case, enum rp_release release,
                              const json_t *expected)
{
    char mac[RP_SHA256_HEX] = {0};
    struct rp_auth_tuple tuple = case_tuple(one_case, release);
    struct rp_auth *auth = case_auth(one_case, release);
    int error = auth == NULL ? RP_ERR_INVALID : rp_auth_sign(auth, &tuple, mac);
    rp_auth_free(auth);
    if (expected == NULL) {
        return error == RP_ERR_UNENCODABLE;
    }
    return error == 0 &&
           rp_view_equal(rp_view_make(mac, sizeof mac), rp_view_text(json_string_value(expected)));
}

static bool judges_as_recorded(const json_t *one_case, const struct vectors_release *row)
{
    static const char *const VERDICTS[] = {"ok", "expired", "mismatch"};
    struct rp_auth_tuple tuple = case_tuple(one_case, row->release);
    struct rp_auth *auth = case_auth(one_case, row->release);
    const json_t *expected = vectors_expect(one_case, row->generation);
    struct rp_view mac =
        vectors_bytes(vectors_get(vectors_get(one_case, "mac"), row->generation), &arena);
    enum rp_auth_verdict verdict =
        rp_auth_check(auth, &tuple, mac, vectors_int(vectors_get(one_case, "now")),
                      vectors_int(vectors_get(one_case, "tolerance_s")));
    rp_auth_free(auth);
    return strcmp(VERDICTS[verdict], json_string_value(expected)) == 0;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

/* Every tuple, signed by every release: fields with delimiters, NULs, bad UTF-8, all included. */
START_TEST(macs_agree_in_every_generation)
{
    vectors_open(&vectors, "hmac");
    vectors_tally_init(&tally, "hmac", RULES, RULE_COUNT);
    for (size_t index = 0; index < vectors_count(&vectors); index += 1) {
        const json_t *one_case = vectors_case(&vectors, index);
        for (int row = 0; row < VECTORS_RELEASE_COUNT; row += 1) {
            enum rp_release release = VECTORS_RELEASES[row].release;
            const json_t *expected = vectors_expect(one_case, VECTORS_RELEASES[row].generation);
            ck_assert_msg(vectors_tally_add(&tally, one_case, release,
                                            signs_as_recorded(one_case, release, expected)),
                          "%s, %s", vectors_id(one_case), rp_release_name(release));
        }
    }
    vectors_tally_print(&tally);
    ck_assert_uint_eq(tally.compared_count, vectors_count(&vectors) * VECTORS_RELEASE_COUNT);
}
END_TEST

/* Every verdict: drift, other tolerances, extreme timestamps, spellings of the MAC. */
START_TEST(verdicts_agree_in_every_generation)
{
    vectors_open(&vectors, "hmac_check");
    vectors_tally_init(&tally, "hmac_check", RULES, RULE_COUNT);
    for (size_t index = 0; index < vectors_count(&vectors); index += 1) {
        const json_t *one_case = vectors_case(&vectors, index);
        for (int row = 0; row < VECTORS_RELEASE_COUNT; row += 1) {
            ck_assert_msg(vectors_tally_add(&tally, one_case, VECTORS_RELEASES[row].release,
                                            judges_as_recorded(one_case, &VECTORS_RELEASES[row])),
                          "%s, %s", vectors_id(one_case),
                          rp_release_name(VECTORS_RELEASES[row].release));
        }
    }
    vectors_tally_print(&tally);
    ck_assert_uint_eq(tally.compared_count, vectors_count(&vectors) * VECTORS_RELEASE_COUNT);
}
END_TEST

/* ---- Main ------------------------------------------------------------------------------------ */

int main(void)
{
    if (!vectors_present()) {
        return VECTORS_SKIPPED;
    }
    Suite *suite = suite_create("vectors.auth");
    TCase *tc = tcase_create("auth");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, macs_agree_in_every_generation);
    tcase_add_test(tc, verdicts_agree_in_every_generation);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
