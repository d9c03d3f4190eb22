/* Configuration of a node: every key of behaviour.md section 14, with its default and its rule.
 *
 * Keys keep their outside names (without `cluster.`; others in full) and units; values are converted
 * once, here. A table lists them for `list config` and `describe`. */
#ifndef REPLISIM_PROTOCOL_CONFIG_H
#define REPLISIM_PROTOCOL_CONFIG_H

#include "protocol/release.h"
#include "protocol/types.h"

/* Owned NUL-terminated strings; times in ns. Copy with rp_config_copy. */
struct rp_config {
    const struct rp_alloc *alloc;
    bool is_enabled;
    char *node_id, *role, *cluster_name;
    char *seeds; /* comma list of host:port */
    char *coordinator_addr, *advertise_addr;
    rp_time_ns health_check_interval_ns, health_check_timeout_ns;
    uint32_t unhealthy_threshold;
    char *raft_data_dir, *raft_bind_addr, *raft_advertise_addr;
    bool is_raft_bootstrap;
    rp_time_ns raft_election_timeout_ns, raft_heartbeat_timeout_ns;
    rp_time_ns raft_snapshot_interval_ns;
    uint32_t raft_snapshot_threshold;
    char *shared_secret; /* wiped on clear; never printed */
    bool is_tls_enabled;
    char *tls_cert_file, *tls_key_file, *tls_ca_file;
    bool is_replication_enabled;
    uint32_t replication_pull_workers, replication_queue_size;
    rp_time_ns replication_fetch_timeout_ns, replication_serve_timeout_ns;
    uint32_t replication_retry_max_attempts;
    bool is_replication_catchup_enabled;
    rp_time_ns replication_catchup_barrier_timeout_ns;
    uint32_t replication_catchup_queue_high_water_ppm; /* 0.8 = 800000; integer by decision */
    bool is_query_gate_on_catchup;
    /* reconciliation.* (behaviour.md 12.3) */
    bool is_reconciliation_enabled, is_reconciliation_dry_run;
    rp_time_ns reconciliation_grace_ns;
    uint32_t reconciliation_manifest_cap, reconciliation_delete_cap, reconciliation_batch;
    char *reconciliation_schedule; /* five fields of cron, UTC */
    rp_time_ns reconciliation_skew_ns, reconciliation_list_timeout_ns;
    rp_time_ns reconciliation_run_timeout_ns;
    uint32_t reconciliation_sample, reconciliation_root_walk, reconciliation_rechecks;
    bool is_reconciliation_of_unknown_databases;
    /* Ours (design.md): */
    rp_time_ns scrub_interval_ns; /* 0: off */
    uint32_t voter_max;
};

/* Defaults of section 14. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int rp_config_init(struct rp_config *config, const struct rp_alloc *alloc);
void rp_config_clear(struct rp_config *config);
RP_MUST_USE int rp_config_copy(const struct rp_config *source, struct rp_config *target);

/* A value as scenarios, files and the environment give it. */
enum rp_config_kind { RP_CONFIG_BOOL, RP_CONFIG_INTEGER, RP_CONFIG_NUMBER, RP_CONFIG_TEXT };
struct rp_config_value {
    enum rp_config_kind kind;
    bool boolean;
    int64_t integer;
    double number;
    struct rp_view text;
};

/* Sets one key and applies its rule (non-positive to default, clamps). Errors: RP_ERR_NOT_FOUND (no
 * such key), RP_ERR_TYPE (another kind or out of range), RP_ERR_NOMEM; `note_out` then names it. */
RP_MUST_USE int rp_config_set(struct rp_config *config, struct rp_view key,
                              const struct rp_config_value *value, char note_out[160]);
/* From text alone ("true", "5", "0.8"): environment and files. */
RP_MUST_USE int rp_config_set_text(struct rp_config *config, struct rp_view key,
                                   struct rp_view text, char note_out[160]);

struct rp_config_key {
    const char *name; /* without `cluster.`; "reconciliation.enabled" in full */
    enum rp_config_kind kind;
    const char *unit; /* "", "s", "ms", ... of the outside value */
    const char *default_text;
    const char *rule; /* "" or what happens to odd values */
    const char *about;
};
size_t rp_config_key_count(void);
const struct rp_config_key *rp_config_key_at(size_t index);
/* The greatest count that is taken; 0: the key is no count, or has no bound of ours. */
uint64_t rp_config_key_max(size_t index);

/* Start-up checks (behaviour.md 13): is this node to run the peer channel at all, and is its
 * configuration fatal? Texts are for the user. */
enum rp_config_judgement { RP_CONFIG_RUN, RP_CONFIG_STANDALONE, RP_CONFIG_FATAL };
enum rp_config_judgement rp_config_judge(const struct rp_config *config,
                                         const struct rp_traits *traits,
                                         bool has_clustering_license, char note_out[160]);

#endif
