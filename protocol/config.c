#include "protocol/config.h"

#include <openssl/crypto.h>

#include "protocol/error.h"
#include "protocol/panic.h"
#include "protocol/schedule.h"

#define NOTE_BYTES      160
#define NS_PER_HOUR     (3600 * RP_NS_PER_S)
#define DURATION_MAX_NS (UINT64_C(1) << 62)
#define PPM_PER_ONE     1000000
#define VOTERS_DEFAULT  5
#define DIGITS_MAX      17 /* of a decimal number that is read exactly enough */

/* ---- The table ------------------------------------------------------------------------------- */

enum field_type {
    FIELD_BOOL,
    FIELD_TEXT,
    FIELD_ROLE,
    FIELD_SECRET,
    FIELD_SCHEDULE,     /* cron; what is none is refused */
    FIELD_COUNT,        /* uint32_t; below 1: the default */
    FIELD_DURATION,     /* rp_time_ns; 0 or less: the default */
    FIELD_DURATION_OFF, /* as before, but 0 is kept and means off */
    FIELD_SHARE,        /* ppm; outside 0..1 or no number: the default */
    FIELD_UNUSED        /* a duration that is checked and forgotten */
};

struct row {
    struct rp_config_key key;
    enum field_type type;
    size_t offset;
    uint64_t unit_ns;   /* durations */
    uint32_t count_max; /* counts: more is refused, ours */
};

#define AT(field) offsetof(struct rp_config, field)
#define ROW_BOOL(name, field, text, about)                                                         \
    {                                                                                              \
        {name, RP_CONFIG_BOOL, "", text, "", about}, FIELD_BOOL, AT(field), 0, 0                   \
    }
#define ROW_TEXT(name, field, text, rule, about)                                                   \
    {                                                                                              \
        {name, RP_CONFIG_TEXT, "", text, rule, about}, FIELD_TEXT, AT(field), 0, 0                 \
    }
#define ROW_COUNT(name, field, text, max, about)                                                   \
    {                                                                                              \
        {name, RP_CONFIG_INTEGER, "", text, "<= 0: " text, about}, FIELD_COUNT, AT(field), 0, max  \
    }
#define ROW_S(name, field, text, about)                                                            \
    {                                                                                              \
        {name, RP_CONFIG_INTEGER, "s", text, "<= 0: " text, about}, FIELD_DURATION, AT(field),     \
            RP_NS_PER_S, 0                                                                         \
    }
#define ROW_MS(name, field, text, about)                                                           \
    {                                                                                              \
        {name, RP_CONFIG_INTEGER, "ms", text, "<= 0: " text, about}, FIELD_DURATION, AT(field),    \
            RP_NS_PER_MS, 0                                                                        \
    }
#define ROW_UNUSED(name, text)                                                                     \
    {                                                                                              \
        {name, RP_CONFIG_INTEGER, "s", text, "unused", "read and ignored, as the reference does"}, \
            FIELD_UNUSED, 0, RP_NS_PER_S, 0                                                        \
    }

/* behaviour.md 14, in its order; then 12.3, then ours. */
static const struct row ROWS[] = {
    ROW_BOOL("enabled", is_enabled, "false", "take part in a cluster at all"),
    ROW_TEXT("node_id", node_id, "", "empty: host name and process id", "name of this node"),
    {{"role", RP_CONFIG_TEXT, "", "standalone", "unknown: standalone",
      "writer, reader, compactor or standalone"},
     FIELD_ROLE,
     AT(role),
     0,
     0},
    ROW_TEXT("cluster_name", cluster_name, "arc-cluster", "", "signed into every message"),
    ROW_TEXT("seeds", seeds, "", "comma list", "whom to ask for a place in the cluster"),
    ROW_TEXT("coordinator_addr", coordinator_addr, ":9100", "empty: no listener",
             "where the peer channel listens"),
    ROW_TEXT("advertise_addr", advertise_addr, "", "empty: unreachable",
             "address of the peer channel that others are told"),
    ROW_S("health_check_interval", health_check_interval_ns, "5", "heartbeats and health checks"),
    ROW_S("health_check_timeout", health_check_timeout_ns, "3", "one heartbeat in all"),
    ROW_COUNT("unhealthy_threshold", unhealthy_threshold, "3", 1000000,
              "failed checks until unhealthy; twice as many until dead"),
    ROW_UNUSED("heartbeat_interval", "1"),
    ROW_UNUSED("heartbeat_timeout", "5"),
    ROW_TEXT("raft_data_dir", raft_data_dir, "./data/raft", "empty: no consensus",
             "folder of the consensus log"),
    ROW_TEXT("raft_bind_addr", raft_bind_addr, ":9200", "", "where consensus listens"),
    ROW_TEXT("raft_advertise_addr", raft_advertise_addr, "", "",
             "address of consensus that others are told"),
    ROW_BOOL("raft_bootstrap", is_raft_bootstrap, "false", "form a new cluster of one"),
    ROW_MS("raft_election_timeout", raft_election_timeout_ns, "1000", "silence until an election"),
    ROW_MS("raft_heartbeat_timeout", raft_heartbeat_timeout_ns, "500", "pace of the leader"),
    ROW_S("raft_snapshot_interval", raft_snapshot_interval_ns, "300", "between snapshots"),
    ROW_COUNT("raft_snapshot_threshold", raft_snapshot_threshold, "10000", 1000000000,
              "log entries between snapshots"),
    {{"shared_secret", RP_CONFIG_TEXT, "", "", "empty or blank: fatal with clustering",
      "key of every MAC; never shown"},
     FIELD_SECRET,
     AT(shared_secret),
     0,
     0},
    ROW_BOOL("tls_enabled", is_tls_enabled, "false", "TLS on the peer channel"),
    ROW_TEXT("tls_cert_file", tls_cert_file, "", "needed with TLS", "certificate, PEM"),
    ROW_TEXT("tls_key_file", tls_key_file, "", "needed with TLS", "private key, PEM"),
    ROW_TEXT("tls_ca_file", tls_ca_file, "", "empty: the system's roots",
             "authorities, PEM; given: both sides are verified"),
    ROW_BOOL("replication_enabled", is_replication_enabled, "false", "pull and serve files"),
    ROW_COUNT("replication_pull_workers", replication_pull_workers, "4", 4096, "pulls at a time"),
    ROW_COUNT("replication_queue_size", replication_queue_size, "1024", 16777216,
              "files that may wait for a worker"),
    ROW_MS("replication_fetch_timeout_ms", replication_fetch_timeout_ns, "60000",
           "one fetch in all"),
    ROW_MS("replication_serve_timeout_ms", replication_serve_timeout_ns, "120000",
           "sending one body"),
    ROW_COUNT("replication_retry_max_attempts", replication_retry_max_attempts, "3", 1000000,
              "attempts of one pull"),
    ROW_BOOL("replication_catchup_enabled", is_replication_catchup_enabled, "true",
             "walk the manifest at start"),
    ROW_MS("replication_catchup_barrier_timeout_ms", replication_catchup_barrier_timeout_ns,
           "10000", "waiting for the state to be current before the walk"),
    {{"replication_catchup_queue_high_water", RP_CONFIG_NUMBER, "", "0.8",
      "<= 0, >= 1 or not a number: 0.8", "share of the queue at which the walk pauses"},
     FIELD_SHARE,
     AT(replication_catchup_queue_high_water_ppm),
     0,
     0},
    ROW_BOOL("query_gate_on_catchup", is_query_gate_on_catchup, "false",
             "refuse queries until caught up; needs catch-up"),
    ROW_BOOL("reconciliation.enabled", is_reconciliation_enabled, "false",
             "compare manifest and storage"),
    ROW_BOOL("reconciliation.manifest_only_dry_run", is_reconciliation_dry_run, "true",
             "tell, delete nothing"),
    {{"reconciliation.grace_window_hours", RP_CONFIG_INTEGER, "h", "24", "<= 0: 24",
      "younger files without an entry are kept"},
     FIELD_DURATION,
     AT(reconciliation_grace_ns),
     NS_PER_HOUR,
     0},
    ROW_COUNT("reconciliation.max_manifest_size", reconciliation_manifest_cap, "200000", 100000000,
              "larger manifests abort the run"),
    ROW_COUNT("reconciliation.max_deletes_per_run", reconciliation_delete_cap, "10000", 100000000,
              "both kinds together"),
    ROW_COUNT("reconciliation.batch_size", reconciliation_batch, "1000", 100000,
              "deletes in one command"),
    {{"reconciliation.schedule", RP_CONFIG_TEXT, "", "17 4 * * *", "empty: 17 4 * * *",
      "when, as cron writes it, in UTC"},
     FIELD_SCHEDULE,
     AT(reconciliation_schedule),
     0,
     0},
    ROW_S("reconciliation.clock_skew", reconciliation_skew_ns, "300",
          "added to the grace, for clocks that differ"),
    ROW_S("reconciliation.list_timeout", reconciliation_list_timeout_ns, "300",
          "listing the storage in all"),
    ROW_S("reconciliation.run_timeout", reconciliation_run_timeout_ns, "1800", "one run in all"),
    ROW_COUNT("reconciliation.sample_size", reconciliation_sample, "10", 100,
              "paths told in the report of a run"),
    ROW_COUNT("reconciliation.root_walk_max", reconciliation_root_walk, "1000", 1000000,
              "databases that no entry names, listed in one run"),
    ROW_COUNT("reconciliation.recheck_concurrency", reconciliation_rechecks, "8", 1000000,
              "second looks at a time; above 64: 64"),
    ROW_BOOL("reconciliation.delete_unknown_databases", is_reconciliation_of_unknown_databases,
             "true", "false: files in databases that no entry names are told, not deleted"),
    {{"scrub_interval", RP_CONFIG_INTEGER, "s", "86400", "0: off, below: 86400",
      "time in which the background scrub hashes every local file once"},
     FIELD_DURATION_OFF,
     AT(scrub_interval_ns),
     RP_NS_PER_S,
     0},
};
#define ROW_TOTAL (sizeof ROWS / sizeof ROWS[0])

size_t rp_config_key_count(void)
{
    return ROW_TOTAL;
}

const struct rp_config_key *rp_config_key_at(size_t index)
{
    RP_ASSERT(index < ROW_TOTAL);
    return &ROWS[index].key;
}

uint64_t rp_config_key_max(size_t index)
{
    return ROWS[index].count_max;
}

static const struct row *find_row(struct rp_view key)
{
    for (size_t index = 0; index < ROW_TOTAL; index += 1) {
        if (rp_view_equal(key, rp_view_text(ROWS[index].key.name))) {
            return &ROWS[index];
        }
    }
    return NULL;
}

/* ---- Fields ---------------------------------------------------------------------------------- */

static void *field_of(struct rp_config *config, const struct row *row)
{
    return (char *)config + row->offset;
}

static bool is_text_field(const struct row *row)
{
    return row->type == FIELD_TEXT || row->type == FIELD_ROLE || row->type == FIELD_SECRET ||
           row->type == FIELD_SCHEDULE;
}

static void release_text(const struct rp_alloc *alloc, const struct row *row, char *text)
{
    if (text != NULL && row->type == FIELD_SECRET) {
        OPENSSL_cleanse(text, strlen(text));
    }
    rp_release(alloc, text);
}

static int replace_text(struct rp_config *config, const struct row *row, struct rp_view text)
{
    char **field = field_of(config, row);
    char *copy = rp_allocate(config->alloc, text.length_bytes + 1);
    if (copy == NULL) {
        return RP_ERR_NOMEM;
    }
    if (text.length_bytes > 0) {
        memcpy(copy, text.bytes, text.length_bytes);
    }
    copy[text.length_bytes] = '\0';
    release_text(config->alloc, row, *field);
    *field = copy;
    return 0;
}

/* behaviour.md 4: an unknown role reads as standalone. */
static struct rp_view known_role(struct rp_view role)
{
    static const char *const ROLES[] = {"writer", "reader", "compactor"};
    for (size_t index = 0; index < sizeof ROLES / sizeof ROLES[0]; index += 1) {
        if (rp_view_equal(role, rp_view_text(ROLES[index]))) {
            return role;
        }
    }
    return rp_view_text("standalone");
}

/* ---- Notes ----------------------------------------------------------------------------------- */

static void note_add(char note[NOTE_BYTES], struct rp_view text)
{
    size_t used = strlen(note);
    for (size_t index = 0; index < text.length_bytes && used + 1 < NOTE_BYTES; index += 1) {
        uint8_t byte = text.bytes[index];
        note[used] = byte < 0x20 || byte > 0x7e ? '?' : (char)byte;
        used += 1;
    }
    note[used] = '\0';
}

static void note_write(char note[NOTE_BYTES], struct rp_view subject, const char *text)
{
    struct rp_view shown = subject;
    note[0] = '\0';
    if (shown.length_bytes > 64) {
        shown.length_bytes = 64;
    }
    note_add(note, shown);
    note_add(note, rp_view_text(text));
}

static int refuse(const struct row *row, char note[NOTE_BYTES], const char *text)
{
    note_write(note, rp_view_text(row->key.name), text);
    return RP_ERR_TYPE;
}

/* ---- Numbers in text ------------------------------------------------------------------------- */

struct decimal {
    bool is_negative, has_point, is_nan;
    uint64_t digits; /* without the point */
    unsigned fraction_digits;
    size_t length_bytes; /* read */
};

static bool read_nan(struct rp_view text)
{
    return text.length_bytes == 3 && (text.bytes[0] | 0x20) == 'n' &&
           (text.bytes[1] | 0x20) == 'a' && (text.bytes[2] | 0x20) == 'n';
}

/* [-]digits[.digits], the rest left to the caller. False: no number, or more digits than fit. */
static bool read_decimal(struct rp_view text, struct decimal *out)
{
    size_t at = 0, digit_count = 0;
    memset(out, 0, sizeof *out);
    if (read_nan(text)) {
        out->is_nan = true;
        out->length_bytes = 3;
        return true;
    }
    out->is_negative = text.length_bytes > 0 && text.bytes[0] == '-';
    for (at = out->is_negative; at < text.length_bytes; at += 1) {
        uint8_t byte = text.bytes[at];
        if (byte == '.' && !out->has_point) {
            out->has_point = true;
        } else if (byte >= '0' && byte <= '9') {
            out->digits = out->digits * 10 + (uint64_t)(byte - '0');
            out->fraction_digits += out->has_point;
            digit_count += 1;
        } else {
            break;
        }
        if (digit_count > DIGITS_MAX) {
            return false;
        }
    }
    out->length_bytes = at;
    return digit_count > 0;
}

static double decimal_value(const struct decimal *decimal)
{
    double value = (double)decimal->digits, scale = 1;
    for (unsigned index = 0; index < decimal->fraction_digits; index += 1) {
        scale *= 10;
    }
    return (decimal->is_negative ? -value : value) / scale;
}

/* The unit behind a number; the key's own when there is none. 0: no unit. */
static uint64_t read_unit(struct rp_view unit, uint64_t default_ns)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } UNITS[] = {
        {"ns", 1},
        {"us", RP_NS_PER_US},
        {"ms", RP_NS_PER_MS},
        {"s", RP_NS_PER_S},
        {"m", 60 * RP_NS_PER_S},
        {"h", NS_PER_HOUR},
        {"d", 24 * NS_PER_HOUR},
    };
    if (unit.length_bytes == 0) {
        return default_ns;
    }
    for (size_t index = 0; index < sizeof UNITS / sizeof UNITS[0]; index += 1) {
        if (rp_view_equal(unit, rp_view_text(UNITS[index].name))) {
            return UNITS[index].ns;
        }
    }
    return 0;
}

/* ---- Setting --------------------------------------------------------------------------------- */

static int set_row_text(struct rp_config *config, const struct row *row, struct rp_view text,
                        char note[NOTE_BYTES]);

static int set_default(struct rp_config *config, const struct row *row, char note[NOTE_BYTES])
{
    return set_row_text(config, row, rp_view_text(row->key.default_text), note);
}

static int set_duration(struct rp_config *config, const struct row *row, double value,
                        uint64_t unit_ns, char note[NOTE_BYTES])
{
    double value_ns = value * (double)unit_ns + 0.5;
    if (value != value || value_ns >= (double)DURATION_MAX_NS) {
        return refuse(row, note, ": not a duration, or too long");
    }
    uint64_t duration_ns = value_ns >= 1 ? (uint64_t)value_ns : 0;
    if (row->type == FIELD_UNUSED) {
        return 0;
    }
    if (duration_ns == 0 && !(row->type == FIELD_DURATION_OFF && value >= 0)) {
        return set_default(config, row, note);
    }
    rp_time_ns *field = field_of(config, row);
    *field = duration_ns;
    return 0;
}

static int set_count(struct rp_config *config, const struct row *row, double value,
                     char note[NOTE_BYTES])
{
    if (value != value || value > (double)row->count_max) {
        return refuse(row, note, ": not a number, or too large");
    }
    if (value < 1) {
        return value == 0 || value <= -1 ? set_default(config, row, note)
                                         : refuse(row, note, ": expected an integer");
    }
    uint32_t count = (uint32_t)value;
    if ((double)count != value) {
        return refuse(row, note, ": expected an integer");
    }
    uint32_t *field = field_of(config, row);
    *field = count;
    return 0;
}

static int set_share(struct rp_config *config, const struct row *row, double value,
                     char note[NOTE_BYTES])
{
    if (!(value > 0 && value < 1)) {
        return set_default(config, row, note); /* a NaN comes here as well */
    }
    uint32_t ppm = (uint32_t)(value * PPM_PER_ONE + 0.5);
    uint32_t *field = field_of(config, row);
    *field = ppm == 0 ? 1 : ppm >= PPM_PER_ONE ? PPM_PER_ONE - 1 : ppm;
    return 0;
}

static int set_number(struct rp_config *config, const struct row *row, double value,
                      uint64_t unit_ns, char note[NOTE_BYTES])
{
    switch (row->type) {
    case FIELD_COUNT: return set_count(config, row, value, note);
    case FIELD_SHARE: return set_share(config, row, value, note);
    case FIELD_DURATION:
    case FIELD_DURATION_OFF:
    case FIELD_UNUSED: return set_duration(config, row, value, unit_ns, note);
    default: return refuse(row, note, ": is not a number");
    }
}

static int set_number_text(struct rp_config *config, const struct row *row, struct rp_view text,
                           char note[NOTE_BYTES])
{
    struct decimal decimal;
    uint64_t unit_ns = row->unit_ns;
    if (!read_decimal(text, &decimal)) {
        return refuse(row, note, ": not a number");
    }
    struct rp_view rest =
        rp_view_make(text.bytes + decimal.length_bytes, text.length_bytes - decimal.length_bytes);
    if (unit_ns != 0) {
        unit_ns = read_unit(rest, unit_ns);
    }
    if ((row->unit_ns == 0 && rest.length_bytes > 0) || (row->unit_ns != 0 && unit_ns == 0) ||
        (decimal.is_nan && row->type != FIELD_SHARE)) {
        return refuse(row, note, ": not a number of the unit");
    }
    if (decimal.is_nan) {
        return set_default(config, row, note);
    }
    return set_number(config, row, decimal_value(&decimal), unit_ns, note);
}

static int set_bool_text(struct rp_config *config, const struct row *row, struct rp_view text,
                         char note[NOTE_BYTES])
{
    bool is_true =
        rp_view_equal(text, rp_view_text("true")) || rp_view_equal(text, rp_view_text("1"));
    if (!is_true && !rp_view_equal(text, rp_view_text("false")) &&
        !rp_view_equal(text, rp_view_text("0"))) {
        return refuse(row, note, ": expected true or false");
    }
    bool *field = field_of(config, row);
    *field = is_true;
    return 0;
}

static int set_row_text(struct rp_config *config, const struct row *row, struct rp_view text,
                        char note[NOTE_BYTES])
{
    if (row->type == FIELD_BOOL) {
        return set_bool_text(config, row, text, note);
    }
    if (!is_text_field(row)) {
        return set_number_text(config, row, text, note);
    }
    if (text.length_bytes > 0 && memchr(text.bytes, 0, text.length_bytes) != NULL) {
        return refuse(row, note, ": holds a NUL");
    }
    if (row->type == FIELD_SCHEDULE) {
        struct rp_schedule schedule;
        char why[NOTE_BYTES];
        text = text.length_bytes == 0 ? rp_view_text(row->key.default_text) : text;
        if (rp_schedule_parse(text, &schedule, why) != 0) {
            (void)refuse(row, note, ": ");
            note_add(note, rp_view_text(why));
            return RP_ERR_TYPE;
        }
    }
    int error = replace_text(config, row, row->type == FIELD_ROLE ? known_role(text) : text);
    if (error != 0) {
        note_write(note, rp_view_text(row->key.name), ": out of memory");
    }
    return error;
}

static int unknown_key(struct rp_view key, char note_out[NOTE_BYTES])
{
    note_write(note_out, key, ": no such configuration key");
    return RP_ERR_NOT_FOUND;
}

int rp_config_set(struct rp_config *config, struct rp_view key, const struct rp_config_value *value,
                  char note_out[NOTE_BYTES])
{
    const struct row *row = find_row(key);
    if (row == NULL) {
        return unknown_key(key, note_out);
    }
    bool is_timed = row->unit_ns != 0;
    if (value->kind == RP_CONFIG_BOOL && row->type == FIELD_BOOL) {
        bool *field = field_of(config, row);
        *field = value->boolean;
        return 0;
    }
    /* "90s" for a time is fine; "4" for a count or "true" for a switch is a slip of the author. */
    if (value->kind == RP_CONFIG_TEXT && (is_text_field(row) || is_timed)) {
        return set_row_text(config, row, value->text, note_out);
    }
    if (value->kind == RP_CONFIG_INTEGER && row->key.kind != RP_CONFIG_TEXT) {
        return set_number(config, row, (double)value->integer, row->unit_ns, note_out);
    }
    if (value->kind == RP_CONFIG_NUMBER && row->key.kind != RP_CONFIG_TEXT) {
        return set_number(config, row, value->number, row->unit_ns, note_out);
    }
    return refuse(row, note_out, ": value of another kind");
}

int rp_config_set_text(struct rp_config *config, struct rp_view key, struct rp_view text,
                       char note_out[NOTE_BYTES])
{
    const struct row *row = find_row(key);
    return row == NULL ? unknown_key(key, note_out) : set_row_text(config, row, text, note_out);
}

/* ---- Life ------------------------------------------------------------------------------------ */

int rp_config_init(struct rp_config *config, const struct rp_alloc *alloc)
{
    char note[NOTE_BYTES];
    memset(config, 0, sizeof *config);
    config->alloc = alloc;
    config->voter_max = VOTERS_DEFAULT;
    for (size_t index = 0; index < ROW_TOTAL; index += 1) {
        int error = set_default(config, &ROWS[index], note);
        if (error != 0) {
            RP_ASSERT(error == RP_ERR_NOMEM);
            rp_config_clear(config);
            return error;
        }
    }
    return 0;
}

void rp_config_clear(struct rp_config *config)
{
    for (size_t index = 0; index < ROW_TOTAL; index += 1) {
        if (is_text_field(&ROWS[index])) {
            char **field = field_of(config, &ROWS[index]);
            release_text(config->alloc, &ROWS[index], *field);
            *field = NULL;
        }
    }
}

int rp_config_copy(const struct rp_config *source, struct rp_config *target)
{
    int error = 0;
    *target = *source;
    for (size_t index = 0; index < ROW_TOTAL; index += 1) {
        if (is_text_field(&ROWS[index])) {
            char **field = field_of(target, &ROWS[index]);
            char *text = *field;
            *field = NULL; /* the source's until copied */
            if (error == 0) {
                error = replace_text(target, &ROWS[index], rp_view_text(text));
            }
        }
    }
    if (error != 0) {
        rp_config_clear(target);
    }
    return error;
}

/* ---- Start-up -------------------------------------------------------------------------------- */

static bool is_blank(const char *text)
{
    return text == NULL || text[strspn(text, " \t\r\n\v\f")] == '\0';
}

/* behaviour.md 13.2: without a secret nothing is pulled or served, so the older releases mind only
 * where something would be. */
static bool needs_secret(const struct rp_config *config, const struct rp_traits *traits)
{
    return traits->secret_rule == RP_SECRET_ALWAYS || config->is_replication_enabled;
}

/* behaviour.md 13.1, 14: why there would be no cluster to take part in; NULL: there is one. */
static const char *why_alone(const struct rp_config *config, bool has_clustering_license)
{
    if (!config->is_enabled) {
        return "clustering is off (enabled): running standalone";
    }
    if (!has_clustering_license) {
        return "no license for clustering: running standalone";
    }
    return is_blank(config->raft_data_dir) ? "raft_data_dir is empty: no consensus, standalone"
                                           : NULL;
}

/* The license first, since a standalone process needs no secret. */
enum rp_config_judgement rp_config_judge(const struct rp_config *config,
                                         const struct rp_traits *traits,
                                         bool has_clustering_license, char note_out[NOTE_BYTES])
{
    struct rp_view none = rp_view_make(NULL, 0);
    const char *alone = why_alone(config, has_clustering_license);
    note_write(note_out, none, alone == NULL ? "" : alone);
    if (alone != NULL) {
        return RP_CONFIG_STANDALONE;
    }
    if (is_blank(config->shared_secret) && needs_secret(config, traits)) {
        note_write(note_out, none, "shared_secret is empty or blank: refusing to start");
        return RP_CONFIG_FATAL;
    }
    if (config->is_tls_enabled &&
        (is_blank(config->tls_cert_file) || is_blank(config->tls_key_file))) {
        note_write(note_out, none, "tls_enabled needs tls_cert_file and tls_key_file");
        return RP_CONFIG_FATAL;
    }
    return RP_CONFIG_RUN;
}
