/* Anti-entropy: the manifest compared with this node's storage (behaviour.md 12.3).
 *
 * Two kinds of orphan: an entry of ours without a file here, whose entry is deleted from the
 * manifest; and a file without an entry, which is deleted from the disk. One run:
 *
 *   trigger, or the schedule -> snapshot of the manifest -> LIST ... -> diff
 *     -> manifest sweep: batches of { STAT (ASK) each, PROPOSE }
 *     -> storage sweep:  batches of { REMOVE each }
 *     -> DO_END
 *
 * A machine without I/O that judges; what it may ask at once (manifest, gate, clocks) it asks its
 * host, the rest it leaves as actions. What the node does, and when:
 * - After every call of a function that changes it, it takes all actions out (rp_reconcile_next) and
 *   carries them out; each is answered once, later or from within the loop over actions. A timer is
 *   kept at rp_reconcile_deadline; rp_reconcile_tick is called when it fires.
 * - DO_LIST: store.list(prefix, cursor, item_max) -> rp_reconcile_listed.
 * - DO_STAT: store.stat(path) -> rp_reconcile_stated.
 * - DO_ASK: does any other node hold this version? -> rp_reconcile_asked.
 * - DO_PROPOSE: the deletion of these paths, in one command -> rp_reconcile_proposed.
 * - DO_REMOVE: store.remove(path) -> rp_reconcile_removed.
 * - DO_CANCEL: the outstanding calls of the run are of no use any more; each is answered still.
 * - DO_BEGIN, DO_LISTED, DO_SWEPT: for the observer. DO_END: the run's report, for whoever waits.
 *
 * Where releases differ (trait `reconciliation`; decision record "reconciliation that asks first"):
 *   OWN_COPY_GONE  deletes an entry as soon as the own copy is missing; a request may overrule the
 *                  dry run of the configuration; a listing with gaps is good enough; ages are those
 *                  of the wall clock; files of others are compared only before they are deleted.
 *   HELD_NOWHERE   asks every known node first and keeps what cannot be told; configuration and
 *                  request must both allow it; acts only after catch-up and a whole listing, on what
 *                  this life saw as an orphan already one grace ago by its monotonic clock. */
#ifndef REPLISIM_PROTOCOL_RECONCILE_H
#define REPLISIM_PROTOCOL_RECONCILE_H

#include "protocol/command.h"
#include "protocol/ports.h"
#include "protocol/release.h"
#include "protocol/types.h"

struct rp_reconcile;

/* behaviour.md 12.3 */
#define RP_RECONCILE_SCHEDULE        "17 4 * * *"
#define RP_RECONCILE_GRACE_NS        (24 * 3600 * RP_NS_PER_S)
#define RP_RECONCILE_SKEW_NS         (300 * RP_NS_PER_S)
#define RP_RECONCILE_LIST_TIMEOUT_NS (300 * RP_NS_PER_S)
#define RP_RECONCILE_RUN_TIMEOUT_NS  (1800 * RP_NS_PER_S)
#define RP_RECONCILE_MANIFEST_CAP    200000u
#define RP_RECONCILE_DELETE_CAP      10000u
#define RP_RECONCILE_BATCH           1000u
#define RP_RECONCILE_SAMPLE          10u
#define RP_RECONCILE_SAMPLE_MAX      100u
#define RP_RECONCILE_ROOT_WALK       1000u
#define RP_RECONCILE_RECHECKS        8u
#define RP_RECONCILE_RECHECKS_MAX    64u
#define RP_RECONCILE_HISTORY         2u
#define RP_RECONCILE_REASON          "reconcile-orphan-manifest"

/* Local: every node has a disk of its own. Shared: one store for all, so the whole manifest counts.
 * Standalone: no cluster, hence no own name. */
enum rp_reconcile_storage { RP_RECONCILE_LOCAL, RP_RECONCILE_SHARED, RP_RECONCILE_STANDALONE };

/* What the node may be asked at once; none of these may change the machine. */
struct rp_reconcile_host {
    void *context;
    size_t (*entry_count)(void *context);
    /* rp_manifest_page: references are the machine's. */
    size_t (*page)(void *context, struct rp_view cursor, const struct rp_file_entry **entries_out,
                   size_t max);
    /* NULL: not in the manifest now. */
    const struct rp_file_entry *(*find)(void *context, struct rp_view path);
    /* A file of ours under that path is being stored or registered. */
    bool (*is_pending)(void *context, struct rp_view path);
    /* Two halves, so that one may be open without the other. */
    bool (*may_sweep_manifest)(void *context);
    bool (*may_sweep_storage)(void *context);
    bool (*is_caught_up)(void *context); /* barrier passed and walk over */
    int64_t (*wall_unix_ns)(void *context);
};

/* 0 means the default of 12.3 for every number. */
struct rp_reconcile_settings {
    const struct rp_traits *traits;
    const struct rp_reconcile_host *host; /* copied; every member is needed */
    enum rp_reconcile_storage storage;
    struct rp_view self_id; /* copied; needed unless standalone */
    bool is_enabled, is_dry_run;
    bool keeps_unknown_databases; /* files in databases that no entry names are told, not deleted */
    struct rp_view schedule;      /* empty: the default */
    rp_time_ns grace_ns, skew_ns, list_timeout_ns, run_timeout_ns;
    uint32_t manifest_cap, delete_cap, batch, sample_max, root_walk_max, recheck_max;
};

/* Errors: RP_ERR_NOMEM, RP_ERR_INVALID (a host function, the traits or the own id is missing),
 * RP_ERR_SYNTAX (schedule; `note_out` says why). */
RP_MUST_USE int rp_reconcile_new(const struct rp_reconcile_settings *settings,
                                 const struct rp_alloc *alloc, struct rp_reconcile **reconcile_out,
                                 char note_out[160]);
/* Any time; a run that is under way gets no DO_END. */
void rp_reconcile_free(struct rp_reconcile *reconcile);

/* The life begins: the schedule is kept from here on, if reconciliation is on at all. Under
 * HELD_NOWHERE a first look follows as soon as the node caught up: a dry run that nobody hears of,
 * from which ages are counted. */
void rp_reconcile_start(struct rp_reconcile *reconcile, rp_time_ns now_ns);
/* The run ends as CANCELLED, at once; no schedule and no trigger from here on. */
void rp_reconcile_stop(struct rp_reconcile *reconcile, rp_time_ns now_ns);
/* The node caught up, or something else that was waited for may have happened. */
void rp_reconcile_poke(struct rp_reconcile *reconcile, rp_time_ns now_ns);

/* ---- Runs ------------------------------------------------------------------------------------- */

/* X(name, text, is_aborted) */
#define RP_RECONCILE_END_TABLE(X)                                                                  \
    X(RP_RECONCILE_COMPLETE, "complete", false)                                                    \
    X(RP_RECONCILE_CAPPED, "delete_cap", false)      /* as many as one run may delete */           \
    X(RP_RECONCILE_UNSUPPORTED, "unsupported", true) /* not in this release */                     \
    X(RP_RECONCILE_DISABLED, "disabled", true)                                                     \
    X(RP_RECONCILE_RUNNING, "running", true) /* another run is */                                  \
    X(RP_RECONCILE_GATED, "gated", true)                                                           \
    X(RP_RECONCILE_MANIFEST_TOO_LARGE, "manifest_too_large", true)                                 \
    X(RP_RECONCILE_LIST_FAILED, "list_failed", true)                                               \
    X(RP_RECONCILE_LIST_TIMEOUT, "list_timeout", true)                                             \
    X(RP_RECONCILE_RUN_TIMEOUT, "run_timeout", true)                                               \
    X(RP_RECONCILE_PROPOSE_FAILED, "propose_failed", true)                                         \
    X(RP_RECONCILE_CANCELLED, "cancelled", true)                                                   \
    X(RP_RECONCILE_NOMEM, "out_of_memory", true)

#define RP_RECONCILE_END_ENUM(name, text, is_aborted) name,
enum rp_reconcile_end { RP_RECONCILE_END_TABLE(RP_RECONCILE_END_ENUM) RP_RECONCILE_END_COUNT };
#undef RP_RECONCILE_END_ENUM

const char *rp_reconcile_end_name(enum rp_reconcile_end end);
bool rp_reconcile_end_is_aborted(enum rp_reconcile_end end);

enum rp_reconcile_cause { RP_RECONCILE_BY_SCHEDULE, RP_RECONCILE_BY_REQUEST, RP_RECONCILE_BY_LOOK };
enum rp_reconcile_kind { RP_RECONCILE_ENTRY, RP_RECONCILE_FILE };

struct rp_reconcile_report {
    uint64_t number; /* 1.. in this life; 0: refused, never began */
    enum rp_reconcile_cause cause;
    enum rp_reconcile_end end;
    bool is_act;       /* else a dry run */
    bool is_partial;   /* a part of the storage could not be listed */
    bool is_truncated; /* more unknown databases than may be walked */
    rp_time_ns began_ns, ended_ns;
    uint64_t entry_count;  /* in the snapshot */
    uint64_t kept_count;   /* of these, compared: ours */
    uint64_t listed_count; /* candidates among the files listed */
    uint64_t orphan_manifest_count, orphan_storage_count;
    uint64_t young_count; /* orphans too young to act on, or of unknown age */
    uint64_t deleted_manifest_count, deleted_storage_count;
    uint64_t recheck_kept_count;  /* orphans that the second look found to be none */
    uint64_t held_count;          /* entries kept because somebody has the file, or may have it */
    uint64_t error_count;         /* files that could not be deleted or looked at */
    const struct rp_view *sample; /* owned by the report's run: paths of the first orphans */
    size_t sample_count;
};

/* Asks for a run now. COMPLETE: it began, its report comes with DO_END; else why it was refused.
 * `wants_act` false: a dry run whatever the configuration says. */
RP_MUST_USE enum rp_reconcile_end rp_reconcile_trigger(struct rp_reconcile *reconcile,
                                                       bool wants_act, rp_time_ns now_ns);

/* Finished runs and the present one; looks are not among them. NULL: forgotten, or never was.
 * Borrowed until the next change. */
const struct rp_reconcile_report *rp_reconcile_find(const struct rp_reconcile *reconcile,
                                                    uint64_t number);

struct rp_reconcile_status {
    bool is_enabled, is_running, is_dry_run;
    int64_t next_unix_s; /* RP_SCHEDULE_NEVER: none */
    uint64_t run_count, refused_count;
    const struct rp_reconcile_report *last; /* NULL: none finished yet */
};
void rp_reconcile_status(const struct rp_reconcile *reconcile,
                         struct rp_reconcile_status *status_out);
/* No run and no look under way. */
bool rp_reconcile_is_idle(const struct rp_reconcile *reconcile);

/* ---- Actions and their answers ---------------------------------------------------------------- */

enum rp_reconcile_action_kind {
    RP_RECONCILE_DO_BEGIN, /* report */
    RP_RECONCILE_DO_LIST,
    RP_RECONCILE_DO_LISTED, /* report */
    RP_RECONCILE_DO_STAT,
    RP_RECONCILE_DO_ASK,
    RP_RECONCILE_DO_PROPOSE,
    RP_RECONCILE_DO_REMOVE,
    RP_RECONCILE_DO_SWEPT, /* sweep */
    RP_RECONCILE_DO_CANCEL,
    RP_RECONCILE_DO_END /* report */
};

struct rp_reconcile_action {
    enum rp_reconcile_action_kind kind;
    /* All borrowed until the machine's next change. */
    uint32_t slot;         /* STAT, ASK, REMOVE: below recheck_max; one call a slot at a time */
    struct rp_view prefix; /* LIST */
    struct rp_view cursor; /* LIST */
    size_t item_max;       /* LIST */
    struct rp_view path;   /* STAT, REMOVE */
    rp_time_ns age_ns;     /* REMOVE: how old it is known to be */
    const struct rp_file_entry *entry;          /* ASK */
    const struct rp_file_entry *const *entries; /* PROPOSE: delete these paths */
    const rp_time_ns *ages_ns;                  /* PROPOSE: likewise */
    size_t entry_count;
    enum rp_reconcile_kind sweep; /* SWEPT */
    const struct rp_reconcile_report *report;
};

/* False: none. */
bool rp_reconcile_next(struct rp_reconcile *reconcile, struct rp_reconcile_action *action_out);

/* Items as the store port gives them, sorted; `error` instead of them. */
void rp_reconcile_listed(struct rp_reconcile *reconcile, const struct rp_store_list_item *items,
                         size_t item_count, bool has_more, int error, rp_time_ns now_ns);
/* An error, or RP_ERR_CANCELLED, counts as present: nothing is deleted on a guess. */
void rp_reconcile_stated(struct rp_reconcile *reconcile, uint32_t slot, bool is_present, int error,
                         rp_time_ns now_ns);
enum rp_reconcile_holding {
    RP_RECONCILE_HELD,         /* somebody has a file under that name */
    RP_RECONCILE_HELD_BY_NONE, /* every known node said that it has none */
    RP_RECONCILE_UNTOLD        /* somebody did not answer, or not clearly */
};
void rp_reconcile_asked(struct rp_reconcile *reconcile, uint32_t slot,
                        enum rp_reconcile_holding holding, rp_time_ns now_ns);
void rp_reconcile_proposed(struct rp_reconcile *reconcile, int error, rp_time_ns now_ns);
void rp_reconcile_removed(struct rp_reconcile *reconcile, uint32_t slot, int error,
                          rp_time_ns now_ns);

/* RP_TIME_NEVER: no timer. */
rp_time_ns rp_reconcile_deadline(const struct rp_reconcile *reconcile);
void rp_reconcile_tick(struct rp_reconcile *reconcile, rp_time_ns now_ns);

/* ---- Names (exposed for tests) ---------------------------------------------------------------- */

/* Could this file be one of the database's? A name that ends in ".parquet" and has more than that,
 * under no folder or name that is hidden or internal ('.' or '_' in front). */
bool rp_reconcile_is_candidate(struct rp_view path);
/* database/measurement/.../file: at least three segments, none of them empty, hidden or internal. */
bool rp_reconcile_is_managed(struct rp_view path);

#endif
