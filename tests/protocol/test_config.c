#include <check.h>
#include <math.h>

#include "protocol/config.h"
#include "protocol/error.h"
#include "tests/lib/test_alloc.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof((table)[0])))

/* ---- Fixture --------------------------------------------------------------------------------- */

static struct test_alloc memory;
static struct rp_config config;
static char note[160];

static void setup(void)
{
    test_alloc_init(&memory);
    ck_assert_int_eq(rp_config_init(&config, &memory.alloc), 0);
}

static void teardown(void)
{
    rp_config_clear(&config);
    ck_assert_uint_eq(memory.live_count, 0);
}

static int set(const char *key, const char *text)
{
    return rp_config_set_text(&config, rp_view_text(key), rp_view_text(text), note);
}

static int set_value(const char *key, struct rp_config_value value)
{
    return rp_config_set(&config, rp_view_text(key), &value, note);
}

static struct rp_config_value number(double value)
{
    return (struct rp_config_value){.kind = RP_CONFIG_NUMBER, .number = value};
}

static struct rp_config_value integer(int64_t value)
{
    return (struct rp_config_value){.kind = RP_CONFIG_INTEGER, .integer = value};
}

/* ---- Tests ----------------------------------------------------------------------------------- */

/* The defaults of behaviour.md 14 and 12.3. */
START_TEST(defaults_are_the_documented_ones)
{
    ck_assert(!config.is_enabled && !config.is_replication_enabled && !config.is_tls_enabled);
    ck_assert(config.is_replication_catchup_enabled && !config.is_query_gate_on_catchup);
    ck_assert_str_eq(config.role, "standalone");
    ck_assert_str_eq(config.cluster_name, "arc-cluster");
    ck_assert_str_eq(config.coordinator_addr, ":9100");
    ck_assert_str_eq(config.raft_data_dir, "./data/raft");
    ck_assert_str_eq(config.raft_bind_addr, ":9200");
    ck_assert_str_eq(config.shared_secret, "");
    ck_assert_uint_eq(config.health_check_interval_ns, 5 * RP_NS_PER_S);
    ck_assert_uint_eq(config.health_check_timeout_ns, 3 * RP_NS_PER_S);
    ck_assert_uint_eq(config.unhealthy_threshold, 3);
    ck_assert_uint_eq(config.raft_election_timeout_ns, RP_NS_PER_S);
    ck_assert_uint_eq(config.raft_heartbeat_timeout_ns, 500 * RP_NS_PER_MS);
    ck_assert_uint_eq(config.raft_snapshot_interval_ns, 300 * RP_NS_PER_S);
    ck_assert_uint_eq(config.raft_snapshot_threshold, 10000);
    ck_assert_uint_eq(config.replication_pull_workers, 4);
    ck_assert_uint_eq(config.replication_queue_size, 1024);
    ck_assert_uint_eq(config.replication_fetch_timeout_ns, 60 * RP_NS_PER_S);
    ck_assert_uint_eq(config.replication_serve_timeout_ns, 120 * RP_NS_PER_S);
    ck_assert_uint_eq(config.replication_retry_max_attempts, 3);
    ck_assert_uint_eq(config.replication_catchup_barrier_timeout_ns, 10 * RP_NS_PER_S);
    ck_assert_uint_eq(config.replication_catchup_queue_high_water_ppm, 800000);
    ck_assert(!config.is_reconciliation_enabled && config.is_reconciliation_dry_run);
    ck_assert_uint_eq(config.reconciliation_grace_ns, 24 * 3600 * RP_NS_PER_S);
    ck_assert_uint_eq(config.reconciliation_manifest_cap, 200000);
    ck_assert_uint_eq(config.reconciliation_delete_cap, 10000);
    ck_assert_uint_eq(config.reconciliation_batch, 1000);
    ck_assert_str_eq(config.reconciliation_schedule, "17 4 * * *");
    ck_assert_uint_eq(config.reconciliation_skew_ns, 300 * RP_NS_PER_S);
    ck_assert_uint_eq(config.reconciliation_list_timeout_ns, 300 * RP_NS_PER_S);
    ck_assert_uint_eq(config.reconciliation_run_timeout_ns, 1800 * RP_NS_PER_S);
    ck_assert_uint_eq(config.reconciliation_sample, 10);
    ck_assert_uint_eq(config.reconciliation_root_walk, 1000);
    ck_assert_uint_eq(config.reconciliation_rechecks, 8);
    ck_assert(config.is_reconciliation_of_unknown_databases);
    ck_assert_uint_eq(config.voter_max, 5);
}
END_TEST

/* config-highwater-unclamped: anything that is no share of the queue gives the default. */
START_TEST(high_water_outside_the_queue_is_the_default)
{
    static const struct {
        const char *text;
        double value;
        uint32_t ppm;
    } rows[] = {{"0", 0, 800000},       {"-1", -1, 800000},    {"1", 1, 800000},
                {"7", 7, 800000},       {"nan", 0, 800000},    {"0.5", 0.5, 500000},
                {"0.0000001", 1e-7, 1}, {".25", 0.25, 250000}, {"0.999999999", 0.999999999, 999999},
                {"-0.5", -0.5, 800000}};
    static const char KEY[] = "replication_catchup_queue_high_water";
    for (int row = 0; row < ROWS(rows); row += 1) {
        config.replication_catchup_queue_high_water_ppm = 1234;
        ck_assert_int_eq(set(KEY, rows[row].text), 0);
        ck_assert_msg(config.replication_catchup_queue_high_water_ppm == rows[row].ppm, "%s",
                      rows[row].text);
        ck_assert_int_eq(set_value(KEY, number(rows[row].value)), 0);
        ck_assert_uint_eq(config.replication_catchup_queue_high_water_ppm, rows[row].ppm);
    }
    const double odd[] = {NAN, INFINITY, -INFINITY};
    for (int row = 0; row < ROWS(odd); row += 1) {
        config.replication_catchup_queue_high_water_ppm = 1234;
        ck_assert_int_eq(set_value(KEY, number(odd[row])), 0);
        ck_assert_uint_eq(config.replication_catchup_queue_high_water_ppm, 800000);
    }
}
END_TEST

/* Non-positive counts and times give the default (behaviour.md 14, rules). */
START_TEST(non_positive_numbers_are_the_default)
{
    const int64_t odd[] = {0, -1, INT64_MIN};
    for (int row = 0; row < ROWS(odd); row += 1) {
        ck_assert_int_eq(set("replication_pull_workers", "9"), 0);
        ck_assert_uint_eq(config.replication_pull_workers, 9);
        ck_assert_int_eq(set_value("replication_pull_workers", integer(odd[row])), 0);
        ck_assert_uint_eq(config.replication_pull_workers, 4);
        ck_assert_int_eq(set_value("replication_fetch_timeout_ms", integer(odd[row])), 0);
        ck_assert_uint_eq(config.replication_fetch_timeout_ns, 60 * RP_NS_PER_S);
    }
    ck_assert_int_eq(set("scrub_interval", "0"), 0);
    ck_assert_uint_eq(config.scrub_interval_ns, 0);
    ck_assert_int_eq(set("scrub_interval", "-1"), 0);
    ck_assert_uint_eq(config.scrub_interval_ns, 86400 * RP_NS_PER_S);
}
END_TEST

/* Times have the documented unit, or the one that is written. */
START_TEST(times_have_their_unit)
{
    ck_assert_int_eq(set_value("health_check_interval", integer(7)), 0);
    ck_assert_uint_eq(config.health_check_interval_ns, 7 * RP_NS_PER_S);
    ck_assert_int_eq(set_value("health_check_interval", number(0.25)), 0);
    ck_assert_uint_eq(config.health_check_interval_ns, 250 * RP_NS_PER_MS);
    ck_assert_int_eq(set_value("raft_election_timeout", integer(7)), 0);
    ck_assert_uint_eq(config.raft_election_timeout_ns, 7 * RP_NS_PER_MS);
    ck_assert_int_eq(set("replication_fetch_timeout_ms", "1.5s"), 0);
    ck_assert_uint_eq(config.replication_fetch_timeout_ns, 1500 * RP_NS_PER_MS);
    ck_assert_int_eq(set("replication_fetch_timeout_ms", "2m"), 0);
    ck_assert_uint_eq(config.replication_fetch_timeout_ns, 120 * RP_NS_PER_S);
    ck_assert_int_eq(set("reconciliation.grace_window_hours", "2"), 0);
    ck_assert_uint_eq(config.reconciliation_grace_ns, 7200 * RP_NS_PER_S);
}
END_TEST

/* Inventory, Scheduler: a bad schedule is an error of the configuration that names the field; an
 * empty one is the default. */
START_TEST(bad_schedule_is_refused_where_it_is_set)
{
    ck_assert_int_eq(set("reconciliation.schedule", "*/5 1-3 * * mon"), 0);
    ck_assert_str_eq(config.reconciliation_schedule, "*/5 1-3 * * mon");
    ck_assert_int_eq(set("reconciliation.schedule", "17 25 * * *"), RP_ERR_TYPE);
    ck_assert_ptr_nonnull(strstr(note, "reconciliation.schedule"));
    ck_assert_ptr_nonnull(strstr(note, "hour"));
    ck_assert_str_eq(config.reconciliation_schedule, "*/5 1-3 * * mon");
    ck_assert_int_eq(set("reconciliation.schedule", ""), 0);
    ck_assert_str_eq(config.reconciliation_schedule, "17 4 * * *");
}
END_TEST

static const struct {
    const char *key, *text;
    int error;
} REFUSED[] = {
    {"no_such_key", "1", RP_ERR_NOT_FOUND},
    {"cluster.enabled", "true", RP_ERR_NOT_FOUND},
    {"", "", RP_ERR_NOT_FOUND},
    {"voters", "3", RP_ERR_NOT_FOUND},
    {"enabled", "yes", RP_ERR_TYPE},
    {"replication_pull_workers", "", RP_ERR_TYPE},
    {"replication_pull_workers", "many", RP_ERR_TYPE},
    {"replication_pull_workers", "4s", RP_ERR_TYPE},
    {"replication_pull_workers", "1.5", RP_ERR_TYPE},
    {"replication_pull_workers", "0.5", RP_ERR_TYPE},
    {"replication_pull_workers", "4294967296", RP_ERR_TYPE},
    {"replication_pull_workers", "99999999999999999999999999", RP_ERR_TYPE},
    {"replication_pull_workers", "nan", RP_ERR_TYPE},
    {"health_check_interval", "5 parsecs", RP_ERR_TYPE},
    {"health_check_interval", "99999999999999d", RP_ERR_TYPE},
    {"health_check_interval", "-", RP_ERR_TYPE},
    {"health_check_interval", ".", RP_ERR_TYPE},
    {"heartbeat_interval", "x", RP_ERR_TYPE},
};

/* Unknown keys and unfit values are errors with the key's name, and change nothing. */
START_TEST(unfit_values_are_refused_by_name)
{
    ck_assert_msg(set(REFUSED[_i].key, REFUSED[_i].text) == REFUSED[_i].error, "%s=%s",
                  REFUSED[_i].key, REFUSED[_i].text);
    ck_assert_ptr_nonnull(strstr(note, REFUSED[_i].key));
    ck_assert_uint_eq(config.replication_pull_workers, 4);
    ck_assert_uint_eq(config.health_check_interval_ns, 5 * RP_NS_PER_S);
}
END_TEST

/* A value of another kind is an author's slip and not converted. */
START_TEST(kinds_are_not_mixed)
{
    struct rp_config_value text = {.kind = RP_CONFIG_TEXT, .text = rp_view_text("4")};
    struct rp_config_value boolean = {.kind = RP_CONFIG_BOOL, .boolean = true};
    ck_assert_int_eq(set_value("replication_pull_workers", text), RP_ERR_TYPE);
    ck_assert_int_eq(set_value("replication_pull_workers", boolean), RP_ERR_TYPE);
    ck_assert_int_eq(set_value("enabled", integer(1)), RP_ERR_TYPE);
    ck_assert_int_eq(set_value("node_id", integer(1)), RP_ERR_TYPE);
    ck_assert_int_eq(set_value("node_id", boolean), RP_ERR_TYPE);
    ck_assert_int_eq(set_value("enabled", boolean), 0);
    ck_assert(config.is_enabled);
    text.text = rp_view_make("a\0b", 3);
    ck_assert_int_eq(set_value("node_id", text), RP_ERR_TYPE);
    ck_assert_str_eq(config.node_id, "");
}
END_TEST

/* A hostile key of any bytes and length fits the note. */
START_TEST(notes_are_bounded_and_printable)
{
    static char key[1000];
    memset(key, '\n', sizeof key);
    ck_assert_int_eq(
        rp_config_set_text(&config, rp_view_make(key, sizeof key), rp_view_text(""), note),
        RP_ERR_NOT_FOUND);
    ck_assert_ptr_null(strchr(note, '\n'));
    ck_assert_ptr_nonnull(strstr(note, "no such configuration key"));
}
END_TEST

/* behaviour.md 4: an unknown role is read as standalone. */
START_TEST(unknown_role_is_standalone)
{
    ck_assert_int_eq(set("role", "reader"), 0);
    ck_assert_str_eq(config.role, "reader");
    ck_assert_int_eq(set("role", "admiral"), 0);
    ck_assert_str_eq(config.role, "standalone");
}
END_TEST

static const struct {
    const char *name;
    bool is_enabled, has_license;
    const char *secret;
    bool is_replicating, is_tls;
    enum rp_config_judgement judgement;
    enum rp_release release;
} STARTS[] = {
    {"off", false, true, "s", true, false, RP_CONFIG_STANDALONE, RP_RELEASE_CURRENT},
    {"off, no secret", false, true, "", true, false, RP_CONFIG_STANDALONE, RP_RELEASE_CURRENT},
    {"no license", true, false, "s", true, false, RP_CONFIG_STANDALONE, RP_RELEASE_CURRENT},
    {"no license, no secret", true, false, "", true, false, RP_CONFIG_STANDALONE,
     RP_RELEASE_CURRENT},
    {"no secret", true, true, "", true, false, RP_CONFIG_FATAL, RP_RELEASE_CURRENT},
    {"no secret, no replication", true, true, "", false, false, RP_CONFIG_FATAL,
     RP_RELEASE_CURRENT},
    {"blank secret", true, true, " \t\r\n\v\f", true, false, RP_CONFIG_FATAL, RP_RELEASE_CURRENT},
    {"TLS without files", true, true, "s", true, true, RP_CONFIG_FATAL, RP_RELEASE_CURRENT},
    {"all well", true, true, " s ", true, false, RP_CONFIG_RUN, RP_RELEASE_CURRENT},
    {"phase2, no secret", true, true, "", true, false, RP_CONFIG_FATAL, RP_RELEASE_PHASE2},
    {"phase2, nothing pulled", true, true, "", false, false, RP_CONFIG_RUN, RP_RELEASE_PHASE2},
    {"phase3, no secret", true, true, "", true, false, RP_CONFIG_FATAL, RP_RELEASE_PHASE3},
    {"phase3, nothing pulled", true, true, "", false, false, RP_CONFIG_RUN, RP_RELEASE_PHASE3},
    {"arc, nothing pulled", true, true, "", false, false, RP_CONFIG_FATAL, RP_RELEASE_ARC},
};

/* Startup and Gating (S), config-empty-secret, config-license-bypass: license, then secret. */
START_TEST(start_is_judged_license_first)
{
    config.is_enabled = STARTS[_i].is_enabled;
    config.is_replication_enabled = STARTS[_i].is_replicating;
    config.is_tls_enabled = STARTS[_i].is_tls;
    ck_assert_int_eq(set("shared_secret", STARTS[_i].secret), 0);
    ck_assert_msg(rp_config_judge(&config, rp_release_traits(STARTS[_i].release),
                                  STARTS[_i].has_license, note) == STARTS[_i].judgement,
                  "%s", STARTS[_i].name);
    ck_assert((note[0] == '\0') == (STARTS[_i].judgement == RP_CONFIG_RUN));
}
END_TEST

/* The table that users are shown: every default, set by its text, changes nothing. */
START_TEST(shown_defaults_are_the_real_ones)
{
    struct rp_config before = config;
    for (size_t index = 0; index < rp_config_key_count(); index += 1) {
        const struct rp_config_key *key = rp_config_key_at(index);
        ck_assert_int_eq(set(key->name, key->default_text), 0);
        ck_assert(key->about[0] != '\0');
        for (size_t other = 0; other < index; other += 1) {
            ck_assert_str_ne(key->name, rp_config_key_at(other)->name);
        }
    }
    ck_assert_uint_eq(before.replication_queue_size, config.replication_queue_size);
    ck_assert_uint_eq(before.raft_snapshot_interval_ns, config.raft_snapshot_interval_ns);
    ck_assert_str_eq(config.cluster_name, "arc-cluster");
}
END_TEST

/* A copy is independent, and complete or absent when memory fails at the k-th call. */
START_TEST(copies_are_whole_and_their_own)
{
    struct rp_config copy;
    int error = RP_ERR_NOMEM;
    ck_assert_int_eq(set("shared_secret", "hush"), 0);
    size_t live = memory.live_count;
    for (size_t call = 1; error != 0; call += 1) {
        memory.call_count = 0;
        memory.fail_at = call;
        error = rp_config_copy(&config, &copy);
        memory.fail_at = 0;
        ck_assert(error == 0 || memory.live_count == live);
    }
    ck_assert_int_eq(set("shared_secret", "other"), 0);
    ck_assert_str_eq(copy.shared_secret, "hush");
    rp_config_clear(&copy);
    ck_assert_str_eq(config.shared_secret, "other");
}
END_TEST

/* Memory fails at the k-th call of init: nothing is left behind. */
START_TEST(failed_init_leaves_nothing)
{
    struct rp_config other;
    int error = RP_ERR_NOMEM;
    size_t live = memory.live_count;
    for (size_t call = 1; error != 0; call += 1) {
        memory.call_count = 0;
        memory.fail_at = call;
        error = rp_config_init(&other, &memory.alloc);
        memory.fail_at = 0;
        ck_assert(error == 0 || (error == RP_ERR_NOMEM && memory.live_count == live));
    }
    rp_config_clear(&other);
}
END_TEST

/* ---- Main ------------------------------------------------------------------------------------ */

int main(void)
{
    Suite *suite = suite_create("protocol.config");
    TCase *tc = tcase_create("config");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, defaults_are_the_documented_ones);
    tcase_add_test(tc, high_water_outside_the_queue_is_the_default);
    tcase_add_test(tc, non_positive_numbers_are_the_default);
    tcase_add_test(tc, times_have_their_unit);
    tcase_add_test(tc, bad_schedule_is_refused_where_it_is_set);
    tcase_add_loop_test(tc, unfit_values_are_refused_by_name, 0, ROWS(REFUSED));
    tcase_add_test(tc, kinds_are_not_mixed);
    tcase_add_test(tc, notes_are_bounded_and_printable);
    tcase_add_test(tc, unknown_role_is_standalone);
    tcase_add_loop_test(tc, start_is_judged_license_first, 0, ROWS(STARTS));
    tcase_add_test(tc, shown_defaults_are_the_real_ones);
    tcase_add_test(tc, copies_are_whole_and_their_own);
    tcase_add_test(tc, failed_init_leaves_nothing);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
