/* One decision of random trouble (sim/nemesis.h): what goes wrong, where, when and for how long.
 *
 * A decision holds everything that was drawn for it, and nothing of it depends on another one. So a
 * list of them can be replayed, and any of them left out or weakened while the others stay as they
 * were: that is how a failing run is made smaller. */
#ifndef REPLISIM_SIM_DECISION_H
#define REPLISIM_SIM_DECISION_H

#include "protocol/types.h"

/* X(name, text, about). The first nine are those that the scenario API names. */
#define SIM_TROUBLE_TABLE(X)                                                                       \
    X(SIM_TROUBLE_PARTITION, "partition", "nodes cannot reach each other")                         \
    X(SIM_TROUBLE_KILL, "kill", "a process or its host dies, and starts again")                    \
    X(SIM_TROUBLE_ROTATE, "rotate", "a pod is rescheduled: identity and volume vary")              \
    X(SIM_TROUBLE_PAUSE, "pause", "a process is frozen")                                           \
    X(SIM_TROUBLE_CLOCK, "clock", "a wall clock is off, jumps or drifts")                          \
    X(SIM_TROUBLE_DISK, "disk", "a disk fails, lies or is slow")                                   \
    X(SIM_TROUBLE_CORRUPT, "corrupt", "a file at rest is damaged")                                 \
    X(SIM_TROUBLE_HOSTILE, "hostile", "a member answers fetches badly")                            \
    X(SIM_TROUBLE_LINK, "link", "links lose, delay, corrupt or reset")                             \
    X(SIM_TROUBLE_STOP, "stop", "an orderly stop, and a start")                                    \
    X(SIM_TROUBLE_REMOVE, "remove", "a file at rest vanishes")                                     \
    X(SIM_TROUBLE_SNAPSHOT, "snapshot", "a snapshot, or the log is dropped behind one")            \
    X(SIM_TROUBLE_LEADER, "leader", "the leadership moves or is lost")                             \
    X(SIM_TROUBLE_SEGMENT, "segment", "how byte streams are cut")                                  \
    X(SIM_TROUBLE_LATE, "late", "data and closes arrive late")                                     \
    X(SIM_TROUBLE_REFUSE, "refuse", "dials to a node are refused or never answered")               \
    X(SIM_TROUBLE_HANDLES, "handles", "connection handles are used again at once")                 \
    X(SIM_TROUBLE_STALE_DNS, "stale_dns", "names of replaced pods lead to old addresses")

#define SIM_TROUBLE_ENUM(name, text, about) name,
enum sim_trouble { SIM_TROUBLE_TABLE(SIM_TROUBLE_ENUM) SIM_TROUBLE_COUNT };
#undef SIM_TROUBLE_ENUM

const char *sim_trouble_name(enum sim_trouble kind);
const char *sim_trouble_about(enum sim_trouble kind);
bool sim_trouble_parse(struct rp_view name, enum sim_trouble *kind_out);

/* What a kind can be, told in words: of each, which numbers it has and how many nodes it names. */
#define SIM_DECISION_VALUE_MAX 2
struct sim_variant {
    const char *name;
    const char *values[SIM_DECISION_VALUE_MAX]; /* names of its numbers; NULL: it has none */
    bool takes_down; /* the node is down, frozen or cut off alone meanwhile */
    bool is_lasting; /* lasts for its duration; else it is done at once */
    bool has_path;
};
size_t sim_variant_count(enum sim_trouble kind);
const struct sim_variant *sim_variant_at(enum sim_trouble kind, size_t variant);

/* By name, in the order of their tables. */
enum sim_partition_variant {
    SIM_CUT_HALVES,
    SIM_CUT_ISOLATE,
    SIM_CUT_OUT,
    SIM_CUT_IN,
    SIM_CUT_PAIR,
    SIM_CUT_PAIR_ONE_WAY
};
enum sim_kill_variant { SIM_KILL_POD, SIM_KILL_HOST };
enum sim_rotate_variant {
    SIM_ROTATE_STABLE_KEEP,
    SIM_ROTATE_STABLE_LOST,
    SIM_ROTATE_NEW_KEEP,
    SIM_ROTATE_NEW_LOST
};
enum sim_clock_variant {
    SIM_CLOCK_SKEW,
    SIM_CLOCK_JUMP,
    SIM_CLOCK_DRIFT,
    SIM_CLOCK_SKEW_OUTSIDE, /* beyond the authenticator's tolerance */
    SIM_CLOCK_JUMP_OUTSIDE,
    SIM_CLOCK_DRIFT_HARD
};
enum sim_disk_variant {
    SIM_DISK_FULL,
    SIM_DISK_FREE,
    SIM_DISK_SLOW,
    SIM_DISK_STUCK,
    SIM_DISK_READ_ERROR,
    SIM_DISK_WRITE_ERROR,
    SIM_DISK_SHORT_WRITE,
    SIM_DISK_SYNC_ERROR,
    SIM_DISK_STAT_ERROR,
    SIM_DISK_LIST_ERROR,
    SIM_DISK_TORN,
    SIM_DISK_LOSE_UNSYNCED,
    SIM_DISK_LIE_ABOUT_SYNC,
    SIM_DISK_NO_APPEND
};
enum sim_link_variant {
    SIM_LINK_LATENCY,
    SIM_LINK_JITTER,
    SIM_LINK_LOSS,
    SIM_LINK_BANDWIDTH,
    SIM_LINK_RESET,
    SIM_LINK_CORRUPT,
    SIM_LINK_DUPLICATE,
    SIM_LINK_REORDER,
    SIM_LINK_STALL
};
enum sim_snapshot_variant { SIM_SNAPSHOT_TAKE, SIM_SNAPSHOT_TRUNCATE };
enum sim_leader_variant { SIM_LEADER_TRANSFER, SIM_LEADER_ELECTION };
enum sim_segment_variant { SIM_SEGMENT_BYTES, SIM_SEGMENT_SIZES, SIM_SEGMENT_COALESCE };
enum sim_refuse_variant { SIM_REFUSE_DIALS, SIM_REFUSE_BLACKHOLE };
enum sim_stale_variant { SIM_STALE_NAMES, SIM_STALE_REUSE };

/* Strings and lists are owned (libc). */
struct sim_decision {
    uint32_t index;  /* in the run that drew it, from 0 */
    uint32_t source; /* which nemesis of the run, from 0 */
    enum sim_trouble kind;
    uint32_t variant;
    bool is_applied; /* false: at its time there was nothing that it could be done to */
    rp_time_ns at_ns, duration_ns; /* virtual time since 0; whole milliseconds */
    char **nodes;                  /* ids; none: all nodes */
    uint32_t node_count;
    uint32_t left_count; /* of a cut into two sides: that many first ones are the left side */
    int64_t values[SIM_DECISION_VALUE_MAX];
    char *path; /* of corrupt and remove; may hold any byte but NUL */
};

/* Errors: RP_ERR_NOMEM; then the target is empty. */
RP_MUST_USE int sim_decision_copy(const struct sim_decision *source, struct sim_decision *target);
void sim_decision_clear(struct sim_decision *decision);
/* Adds a copy of the id. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_decision_add_node(struct sim_decision *decision, struct rp_view node_id);

/* The decision in the words of the scenario API, one line without its end: c:at(12.5, function() ...
 * end). A story of such lines brings the same trouble about. Owned by the caller (free); NULL: out of
 * memory. */
char *sim_decision_lua(const struct sim_decision *decision);

#endif
