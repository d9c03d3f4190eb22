#include "sim/cli/describe.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "protocol/config.h"
#include "protocol/release.h"
#include "sim/cli/cli.h"

/* What older releases do with keys that came later (behaviour.md 14, column Phase). The first row whose
 * prefix fits counts. */
static const struct {
    const char *prefix;
    const char *uses[RP_RELEASE_COUNT]; /* NULL: as described */
} uses[] = {
    {"heartbeat_",
     {"read and ignored", "read and ignored", "read and ignored", "read and ignored"}},
    {"replication_catchup_barrier_timeout_ms",
     {"ignored: has no catch-up", "how long its walk waits; then it goes on",
      "how long its walk waits; then it goes on",
      "how long one question to the leader takes; it asks again until it is answered"}},
    {"replication_catchup_", {"ignored: has no catch-up", NULL, NULL, NULL}},
    {"query_gate_on_catchup", {"ignored: has no gate", "ignored: has no gate", NULL, NULL}},
    {"reconciliation.manifest_only_dry_run",
     {"ignored: has no anti-entropy", "ignored: has no anti-entropy", NULL, NULL}},
    {"reconciliation.",
     {"ignored: has no anti-entropy", "ignored: has no anti-entropy", NULL,
      "as described; asks the other nodes before it deletes"}},
    {"replication_retry_max_attempts",
     {"attempts at the origin alone", "each attempt asks all candidates in turn",
      "each attempt asks all candidates in turn", "each attempt asks all candidates in turn"}},
    {"replication_queue_size",
     {"what does not fit is forgotten", "what does not fit is forgotten",
      "what does not fit is forgotten", "what does not fit is found again by a rescan"}},
    {"scrub_interval",
     {"ignored: does not scrub", "ignored: does not scrub", "ignored: does not scrub", NULL}},
};

static const char *use_of(const char *key, enum rp_release release)
{
    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
        if (strncmp(key, uses[i].prefix, strlen(uses[i].prefix)) == 0) {
            return uses[i].uses[release] != NULL ? uses[i].uses[release] : "as described";
        }
    }
    return "as described";
}

static void print_uses(const char *key)
{
    bool is_same = true;
    for (int i = 0; i < RP_RELEASE_COUNT; i++) {
        is_same = is_same &&
                  strcmp(use_of(key, (enum rp_release)i), use_of(key, RP_RELEASE_CURRENT)) == 0;
    }
    if (is_same) {
        printf("  releases   all: %s\n", use_of(key, RP_RELEASE_CURRENT));
        return;
    }
    for (int i = 0; i < RP_RELEASE_COUNT; i++) {
        printf("  %-10s %s\n", rp_release_name((enum rp_release)i),
               use_of(key, (enum rp_release)i));
    }
}

/* "reconciliation.enabled" is ARC_RECONCILIATION_ENABLED, "role" is ARC_CLUSTER_ROLE. */
static void print_environment(const char *key)
{
    printf("  outside    %s%s, environment ARC_", strchr(key, '.') == NULL ? "cluster." : "", key);
    printf("%s", strchr(key, '.') == NULL ? "CLUSTER_" : "");
    for (const char *c = key; *c != '\0'; c++) {
        putchar(*c == '.' ? '_' : toupper((unsigned char)*c));
    }
    putchar('\n');
}

static void print_range(size_t index, const struct rp_config_key *key)
{
    uint64_t most = rp_config_key_max(index);
    if (key->kind == RP_CONFIG_INTEGER && most != 0) {
        printf("  range      1 to %" PRIu64 "; more is refused\n", most);
    } else if (key->kind == RP_CONFIG_NUMBER) {
        printf("  range      between 0 and 1\n");
    }
    if (key->rule[0] != '\0') {
        printf("  odd values %s\n", key->rule);
    }
}

bool cli_describe_config(const char *name)
{
    static const char *const kinds[] = {"true or false", "a whole number", "a number", "a text"};
    const char *bare = strncmp(name, "cluster.", 8) == 0 ? name + 8 : name;
    for (size_t i = 0; i < rp_config_key_count(); i++) {
        const struct rp_config_key *key = rp_config_key_at(i);
        if (strcmp(key->name, bare) == 0) {
            cli_describe_heading(key->name, "configuration key");
            printf("  %s\n  value      %s%s%s\n  default    %s\n", key->about, kinds[key->kind],
                   key->unit[0] == '\0' ? "" : ", in ", key->unit,
                   key->default_text[0] == '\0' ? "\"\"" : key->default_text);
            print_range(i, key);
            print_environment(key->name);
            print_uses(key->name);
            return true;
        }
    }
    return false;
}
