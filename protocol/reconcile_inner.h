/* The inside of reconciliation, shared by the reconcile*.c files and by nobody else.
 *
 *   reconcile.c        life, run control, schedule, history, actions
 *   reconcile_list.c   snapshot of the manifest, and what is listed of the storage
 *   reconcile_diff.c   orphans, their ages, and what earlier runs of this life saw
 *   reconcile_sweep.c  the two sweeps
 */
#ifndef REPLISIM_PROTOCOL_RECONCILE_INNER_H
#define REPLISIM_PROTOCOL_RECONCILE_INNER_H

#include "protocol/buffer.h"
#include "protocol/error.h"
#include "protocol/limits.h"
#include "protocol/panic.h"
#include "protocol/reconcile.h"
#include "protocol/schedule.h"
#include "protocol/table.h"

#define RECONCILE_PAGE_MAX   RP_WALK_PAGE_MAX
#define RECONCILE_MARKER_MAX 8
/* Paths of one proposal, so that the command stays well within a frame. */
#define RECONCILE_BATCH_BYTES_MAX (RP_FRAME_LENGTH_MAX / 4)

/* What the trait comes to; read from it in one place (reconcile.c). */
struct reconcile_rules {
    bool is_there;            /* the release has reconciliation at all */
    bool asks_peers;          /* before an entry's deletion is proposed */
    bool request_overrules;   /* act although the configuration says dry run */
    bool acts_on_partial;     /* a listing with gaps is good enough */
    bool sweeps_are_apart;    /* storage is swept although the manifest may not be */
    bool needs_caught_up;     /* acts only after catch-up */
    bool needs_sighting;      /* age also counts from the first sighting in this life */
    bool spares_pending;      /* what is being stored, registered or pulled is no orphan */
    bool compares_all_files;  /* files of other nodes' entries are no orphans in the first place */
    unsigned prefix_segments; /* of a path, that are listed as one */
};

/* An entry or a file without its other half. */
struct reconcile_orphan {
    enum rp_reconcile_kind kind;
    const struct rp_file_entry *entry; /* ENTRY: owned reference */
    struct rp_view path;               /* the entry's, or in the run's arena */
    rp_time_ns age_ns;                 /* as far as it is known */
    bool is_ripe;                      /* old enough to be acted on */
};

/* What this life saw as an orphan, and since when. */
struct reconcile_sighting {
    rp_time_ns first_ns;
    uint64_t pass; /* of the last listing that showed it */
    enum rp_reconcile_kind kind;
    uint64_t version; /* ENTRY: lsn; FILE: mtime */
    uint64_t size_bytes;
    size_t path_bytes;
    uint8_t path[];
};

struct reconcile_record {
    struct rp_reconcile_report report;
    struct rp_arena arena; /* the sample */
};

enum reconcile_slot_state { SLOT_FREE, SLOT_WANTED, SLOT_OUT };
struct reconcile_slot {
    enum reconcile_slot_state state;
    size_t item; /* index into the batch */
};

enum reconcile_phase {
    RECONCILE_IDLE,
    RECONCILE_LISTING,
    RECONCILE_BATCHING,  /* within a step only: the next batch is due */
    RECONCILE_ASKING,    /* manifest sweep: does anybody hold it? */
    RECONCILE_STATING,   /* manifest sweep: is it still not here? */
    RECONCILE_PROPOSING, /* manifest sweep */
    RECONCILE_REMOVING   /* storage sweep */
};

enum reconcile_call { CALL_NONE, CALL_WANTED, CALL_OUT };

/* A batch of the sweep that is under way. */
struct reconcile_item {
    size_t orphan;
    bool is_kept; /* the second look says so */
};

struct rp_reconcile {
    const struct rp_alloc *alloc; /* borrowed */
    struct reconcile_rules rules;
    struct rp_reconcile_host host;
    struct rp_reconcile_settings settings; /* numbers only */
    struct rp_view self_id;                /* owned bytes */
    struct rp_schedule schedule;
    bool is_started, is_stopped, is_look_due;
    rp_time_ns start_ns;
    int64_t start_wall_ns;
    int64_t next_unix_s;
    rp_time_ns schedule_deadline_ns;
    uint64_t run_count, refused_count, pass;
    struct reconcile_record history[RP_RECONCILE_HISTORY];
    size_t history_count;      /* ever */
    struct rp_table sightings; /* -> owned reconcile_sighting */

    /* The run. */
    enum reconcile_phase phase;
    struct reconcile_record present;
    rp_time_ns list_deadline_ns, run_deadline_ns;
    size_t outstanding_count; /* calls not answered yet, of an ended run too */
    struct rp_reconcile_action markers[RECONCILE_MARKER_MAX];
    size_t marker_first, marker_count;
    struct rp_arena arena;             /* paths and prefixes */
    const struct rp_file_entry **kept; /* owned references, in path order */
    uint8_t *kept_seen;                /* has a file here */
    size_t kept_count, kept_max;
    struct rp_view *prefixes; /* owned array, sorted */
    size_t prefix_count, prefix_max, prefix_index;
    struct rp_view *databases; /* owned array, sorted: top folders that any entry names */
    size_t database_count, database_max;
    enum reconcile_call list_call;
    bool is_root_walk;   /* the known prefixes are done */
    bool is_in_database; /* within an unknown database of the root walk */
    struct rp_buffer root_cursor, list_cursor, list_prefix;
    size_t root_walked_count;
    struct reconcile_orphan *orphans; /* owned; entries first, once the diff is made */
    size_t orphan_count, orphan_max;
    size_t orphan_next; /* of the sweep */
    enum rp_reconcile_kind sweep;
    uint64_t action_count;        /* against the cap */
    struct reconcile_item *items; /* owned: the batch */
    size_t item_count, item_next, item_done_count;
    struct reconcile_slot *slots;          /* owned, recheck_max */
    const struct rp_file_entry **proposal; /* owned array of borrowed entries */
    rp_time_ns *proposal_ages_ns;
    size_t proposal_count;
    enum reconcile_call propose_call;
};

static inline struct rp_reconcile_report *reconcile_report(struct rp_reconcile *reconcile)
{
    return &reconcile->present.report;
}

/* reconcile.c */
struct rp_reconcile_action *reconcile_mark(struct rp_reconcile *reconcile,
                                           enum rp_reconcile_action_kind kind);
/* Ends the run with its report; what is outstanding is cancelled. */
void reconcile_finish(struct rp_reconcile *reconcile, enum rp_reconcile_end end, rp_time_ns now_ns);
/* An array of `item_bytes` each, with room for one more. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int reconcile_grow(struct rp_reconcile *reconcile, void **array, size_t *max,
                               size_t count, size_t item_bytes);
/* The top folder of a path; empty: it has none. */
struct rp_view reconcile_top(struct rp_view path);

/* reconcile_list.c */
/* Takes the snapshot and plans the listing. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int reconcile_list_begin(struct rp_reconcile *reconcile);
void reconcile_list_clear(struct rp_reconcile *reconcile);
void reconcile_list_fill(const struct rp_reconcile *reconcile,
                         struct rp_reconcile_action *action_out);

/* reconcile_diff.c */
/* One listed file. `is_unknown`: in a database that no entry names. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int reconcile_diff_file(struct rp_reconcile *reconcile,
                                    const struct rp_store_list_item *item, bool is_root_walk,
                                    rp_time_ns now_ns);
/* All is listed: orphan entries, counts, sample; stale sightings go. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int reconcile_diff_end(struct rp_reconcile *reconcile, rp_time_ns now_ns);
void reconcile_diff_clear(struct rp_reconcile *reconcile);
void reconcile_sightings_clear(struct rp_reconcile *reconcile);

/* reconcile_sweep.c */
/* The diff is made: act on it, or end. */
void reconcile_sweep_begin(struct rp_reconcile *reconcile, rp_time_ns now_ns);
void reconcile_sweep_fill(const struct rp_reconcile *reconcile, uint32_t slot,
                          struct rp_reconcile_action *action_out);
void reconcile_sweep_clear(struct rp_reconcile *reconcile);

#endif
