/* The catch-up walk: once per life, after a barrier, over the whole manifest (behaviour.md 10).
 *
 *   START -> wait for a leader (at most 30 s) -> barrier -> page by page -> DO_END
 *
 * A machine without I/O. It tags and counts in the readiness object it is given, and asks the node
 * for everything else. What the node does, and when:
 * - START once, after the puller started; CHANGED when the leader changed or a command was applied,
 *   as long as rp_catchup_wants_changes; TIMER at rp_catchup_deadline; CANCEL at stop. Every event
 *   carries the facts of now. After every step all actions are taken out.
 * - DO_BARRIER: consensus.read_index with the deadline; answer with BARRIER_DONE (error, index). The
 *   machine itself waits until `applied_index` reaches the index.
 * - DO_PAGE: rp_manifest_page(cursor, RP_WALK_PAGE_MAX); answer with PAGE (entries retained for the
 *   machine by that call, is_last when nothing follows, or error). A page that is not the last may be
 *   short, or empty; the next one is then asked for with the same cursor.
 * - DO_OFFER: rp_puller_announce(entry, WALK); answer with OFFERED and its result. It is tagged
 *   already; the node must not call rp_readiness_announced for it.
 * - DO_BEGIN, DO_END: for the observer; END also says that the machine needs no more events unless
 *   it still wants a barrier (rp_catchup_is_done). */
#ifndef REPLISIM_PROTOCOL_CATCHUP_H
#define REPLISIM_PROTOCOL_CATCHUP_H

#include "protocol/command.h"
#include "protocol/limits.h"
#include "protocol/puller.h"
#include "protocol/readiness.h"
#include "protocol/release.h"

struct rp_catchup;

struct rp_catchup_settings {
    const struct rp_traits *traits;
    struct rp_view self_id;         /* copied */
    bool is_enabled;                /* the kill switch: false ends START at once, not complete */
    uint32_t queue_max;             /* the puller's; 0: 1024 */
    uint32_t high_water_ppm;        /* outside 1..999999: 800000 */
    rp_time_ns barrier_timeout_ns;  /* 0: 10 s */
    struct rp_readiness *readiness; /* borrowed for the machine's life */
};

/* True from when they are so; given with every event. */
struct rp_catchup_facts {
    bool has_leader, is_leader;
    uint64_t applied_index;
    size_t queue_depth; /* rp_puller_queue_depth */
    int64_t wall_unix_ns;
};

enum rp_catchup_event_kind {
    RP_CATCHUP_EV_START,
    RP_CATCHUP_EV_CHANGED,
    RP_CATCHUP_EV_BARRIER_DONE, /* error, index */
    RP_CATCHUP_EV_PAGE,         /* entries, entry_count, is_last, or error */
    RP_CATCHUP_EV_OFFERED,      /* result */
    RP_CATCHUP_EV_TIMER,
    RP_CATCHUP_EV_CANCEL
};

struct rp_catchup_event {
    enum rp_catchup_event_kind kind;
    rp_time_ns now_ns;
    struct rp_catchup_facts facts;
    int error;
    uint64_t index;
    /* The array is borrowed for the call; the references in it pass to the machine. NULL entries are
     * walked and skipped. At most RP_WALK_PAGE_MAX. */
    const struct rp_file_entry *const *entries;
    size_t entry_count;
    bool is_last;
    enum rp_announce_result result;
};

enum rp_catchup_action_kind {
    RP_CATCHUP_DO_BARRIER,     /* deadline_ns */
    RP_CATCHUP_DO_BARRIER_END, /* for the observer: error (0: passed), index */
    RP_CATCHUP_DO_BEGIN,       /* for the observer: the walk begins */
    RP_CATCHUP_DO_PAGE,        /* cursor: borrowed until the next step */
    RP_CATCHUP_DO_OFFER,       /* entry: borrowed until the next step */
    RP_CATCHUP_DO_END          /* is_complete, walked_count */
};

struct rp_catchup_action {
    enum rp_catchup_action_kind kind;
    rp_time_ns deadline_ns;
    int error;
    uint64_t index;
    struct rp_view cursor;
    const struct rp_file_entry *entry;
    bool is_complete;
    uint64_t walked_count;
};

/* Errors: RP_ERR_NOMEM. */
RP_MUST_USE int rp_catchup_new(const struct rp_catchup_settings *settings,
                               const struct rp_alloc *alloc, struct rp_catchup **catchup_out);
void rp_catchup_free(struct rp_catchup *catchup);

/* A second START does nothing: one walk per life. */
void rp_catchup_step(struct rp_catchup *catchup, const struct rp_catchup_event *event);
bool rp_catchup_next(struct rp_catchup *catchup, struct rp_catchup_action *action_out);
/* RP_TIME_NEVER: no timer. */
rp_time_ns rp_catchup_deadline(const struct rp_catchup *catchup);

/* Waiting for a leader or for the own applied index: CHANGED is wanted after each such change. */
bool rp_catchup_wants_changes(const struct rp_catchup *catchup);
/* Walk ended and the barrier passed, or cancelled: it will ask for nothing any more. A barrier that
 * failed is asked for again, a second after, until it passes (RP_BARRIER_READ_INDEX only). */
bool rp_catchup_is_done(const struct rp_catchup *catchup);
/* floor(queue_max x high water), at least 1: also for rescans. behaviour.md 10.2 */
size_t rp_catchup_high_water(const struct rp_catchup *catchup);

#endif
