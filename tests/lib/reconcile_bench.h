/* A manifest and a disk in arrays, under the reconciliation machine. Calls are answered at once, in
 * order, unless a test holds them back. */
#ifndef REPLISIM_TESTS_LIB_RECONCILE_BENCH_H
#define REPLISIM_TESTS_LIB_RECONCILE_BENCH_H

#include <check.h>
#include <stdio.h>

#include "protocol/error.h"
#include "protocol/reconcile.h"
#include "tests/lib/test_alloc.h"

#define BENCH_MAX  1200
#define BENCH_HOUR (3600 * RP_NS_PER_S)
/* 2026-04-11 16:00:00 UTC. */
#define BENCH_WALL_NS (INT64_C(1775923200) * (int64_t)RP_NS_PER_S)

struct bench_entry_row {
    struct rp_file_entry entry;
    bool is_there;
};

struct bench_file_row {
    const char *path;
    int64_t mtime_unix_ns;
    bool is_there;
};

static struct {
    struct test_alloc memory;
    struct rp_reconcile_host host;
    struct rp_reconcile_settings settings;
    struct rp_reconcile *machine;
    rp_time_ns now_ns;
    int64_t wall_step_ns; /* how far the wall clock was put forward */
    struct bench_entry_row entries[BENCH_MAX];
    size_t entry_count;
    struct bench_file_row files[BENCH_MAX];
    size_t file_count;
    char names[BENCH_MAX][40];
    size_t name_count;
    bool is_manifest_shut, is_storage_shut, is_behind;
    const char *pending;     /* a path that is being flushed or pulled */
    const char *bad_prefix;  /* listing it fails */
    const char *held_path;   /* somebody else has it */
    const char *untold_path; /* somebody does not answer about it */
    const char *late_file;   /* appears on the disk before the second look */
    const char *late_entry;  /* appears in the manifest before the second look */
    int propose_error, remove_error, stat_error;
    size_t propose_fails_from; /* that proposal and later ones; 0: none */
    size_t shut_after_proposals;
    bool holds_lists, holds_stats, holds_proposals; /* not answered */
    size_t list_count, stat_count, ask_count, propose_count, remove_count, cancel_count;
    size_t held_stats, held_stats_max, held_lists;
    uint32_t held_slots[64];
    size_t begin_count, end_count, listed_count;
    size_t largest_batch;
    char story[4096]; /* "propose a,b; remove c; ..." */
    struct rp_reconcile_report ended;
} bench;

/* ---- Host ---------------------------------------------------------------------------------------- */

static size_t bench_entry_count(void *context)
{
    (void)context;
    size_t count = 0;
    for (size_t row = 0; row < bench.entry_count; row += 1) {
        count += bench.entries[row].is_there;
    }
    return count;
}

static size_t bench_page(void *context, struct rp_view cursor,
                         const struct rp_file_entry **entries_out, size_t max)
{
    (void)context;
    size_t count = 0;
    for (size_t row = 0; row < bench.entry_count && count < max; row += 1) {
        struct bench_entry_row *at = &bench.entries[row];
        if (at->is_there && rp_view_compare(at->entry.path, cursor) > 0) {
            entries_out[count] = rp_file_entry_retain(&at->entry);
            count += 1;
        }
    }
    return count;
}

static struct bench_entry_row *bench_find_row(struct rp_view path)
{
    for (size_t row = 0; row < bench.entry_count; row += 1) {
        if (bench.entries[row].is_there && rp_view_equal(bench.entries[row].entry.path, path)) {
            return &bench.entries[row];
        }
    }
    return NULL;
}

static const struct rp_file_entry *bench_find(void *context, struct rp_view path)
{
    (void)context;
    struct bench_entry_row *row = bench_find_row(path);
    return row == NULL ? NULL : &row->entry;
}

static bool bench_is_pending(void *context, struct rp_view path)
{
    (void)context;
    return bench.pending != NULL && rp_view_equal(path, rp_view_text(bench.pending));
}

static bool bench_may_sweep_manifest(void *context)
{
    (void)context;
    return !bench.is_manifest_shut;
}

static bool bench_may_sweep_storage(void *context)
{
    (void)context;
    return !bench.is_storage_shut;
}

static bool bench_is_caught_up(void *context)
{
    (void)context;
    return !bench.is_behind;
}

static int64_t bench_wall(void *context)
{
    (void)context;
    return BENCH_WALL_NS + (int64_t)bench.now_ns + bench.wall_step_ns;
}

/* ---- What is there ------------------------------------------------------------------------------- */

/* Before bench_new, in path order. `origin` "" and "self" are this node's. */
static inline void bench_add_entry(const char *path, const char *origin)
{
    struct bench_entry_row *row = &bench.entries[bench.entry_count];
    ck_assert_uint_lt(bench.entry_count, BENCH_MAX);
    row->entry = (struct rp_file_entry){.reference_count = 1000000,
                                        .path = rp_view_text(path),
                                        .sha256 = rp_view_text("h"),
                                        .size_bytes = 10,
                                        .origin_node_id = rp_view_text(origin),
                                        .lsn = bench.entry_count + 1};
    row->is_there = true;
    bench.entry_count += 1;
}

/* In path order too; hours before the present wall clock, or no stamp when negative. */
static inline void bench_add_file(const char *path, int hours)
{
    struct bench_file_row *row = &bench.files[bench.file_count];
    ck_assert_uint_lt(bench.file_count, BENCH_MAX);
    row->path = path;
    row->mtime_unix_ns = hours < 0 ? 0 : bench_wall(NULL) - (int64_t)hours * (int64_t)BENCH_HOUR;
    row->is_there = true;
    bench.file_count += 1;
}

/* "db/0042/cpu/a.parquet" of ("db/", 42). */
static inline const char *bench_name(const char *folder, unsigned number)
{
    char *name = bench.names[bench.name_count];
    ck_assert_uint_lt(bench.name_count, BENCH_MAX);
    (void)snprintf(name, sizeof bench.names[0], "%s%04u/cpu/a.parquet", folder, number);
    bench.name_count += 1;
    return name;
}

static struct bench_file_row *bench_file(struct rp_view path)
{
    for (size_t row = 0; row < bench.file_count; row += 1) {
        if (rp_view_equal(rp_view_text(bench.files[row].path), path)) {
            return &bench.files[row];
        }
    }
    return NULL;
}

/* ---- Answers ------------------------------------------------------------------------------------- */

static void bench_tell(const char *verb, struct rp_view path)
{
    size_t used = strlen(bench.story);
    (void)snprintf(bench.story + used, sizeof bench.story - used, "%s%s %.*s",
                   used == 0 ? "" : "; ", verb, (int)path.length_bytes, (const char *)path.bytes);
}

static bool bench_begins(struct rp_view path, struct rp_view prefix)
{
    return path.length_bytes >= prefix.length_bytes &&
           (prefix.length_bytes == 0 || memcmp(path.bytes, prefix.bytes, prefix.length_bytes) == 0);
}

static void bench_list(const struct rp_reconcile_action *action)
{
    static struct rp_store_list_item items[BENCH_MAX];
    size_t count = 0;
    bool has_more = false;
    bench.list_count += 1;
    if (bench.holds_lists) {
        bench.held_lists += 1;
        return;
    }
    bool is_bad =
        bench.bad_prefix != NULL && rp_view_equal(action->prefix, rp_view_text(bench.bad_prefix));
    for (size_t row = 0; !is_bad && row < bench.file_count; row += 1) {
        struct rp_view path = rp_view_text(bench.files[row].path);
        if (!bench.files[row].is_there || !bench_begins(path, action->prefix) ||
            rp_view_compare(path, action->cursor) <= 0) {
            continue;
        }
        if (count == action->item_max) {
            has_more = true;
            break;
        }
        items[count] = (struct rp_store_list_item){
            .path = path, .size_bytes = 10, .mtime_unix_ns = bench.files[row].mtime_unix_ns};
        count += 1;
    }
    rp_reconcile_listed(bench.machine, items, count, has_more, is_bad ? RP_ERR_IO : 0,
                        bench.now_ns);
}

static void bench_answer_stat(uint32_t slot, struct rp_view path)
{
    struct bench_file_row *file = bench_file(path);
    bool is_late = bench.late_file != NULL && rp_view_equal(path, rp_view_text(bench.late_file));
    bool is_present = is_late || (file != NULL && file->is_there);
    rp_reconcile_stated(bench.machine, slot, is_present, bench.stat_error, bench.now_ns);
}

static void bench_stat(const struct rp_reconcile_action *action)
{
    bench.stat_count += 1;
    if (bench.holds_stats) {
        bench.held_slots[bench.held_stats] = action->slot;
        bench.held_stats += 1;
        bench.held_stats_max =
            bench.held_stats > bench.held_stats_max ? bench.held_stats : bench.held_stats_max;
        return;
    }
    bench_answer_stat(action->slot, action->path);
}

static void bench_ask(const struct rp_reconcile_action *action)
{
    struct rp_view path = action->entry->path;
    enum rp_reconcile_holding holding = RP_RECONCILE_HELD_BY_NONE;
    bench.ask_count += 1;
    if (bench.held_path != NULL && rp_view_equal(path, rp_view_text(bench.held_path))) {
        holding = RP_RECONCILE_HELD;
    }
    if (bench.untold_path != NULL && rp_view_equal(path, rp_view_text(bench.untold_path))) {
        holding = RP_RECONCILE_UNTOLD;
    }
    rp_reconcile_asked(bench.machine, action->slot, holding, bench.now_ns);
}

static void bench_propose(const struct rp_reconcile_action *action)
{
    int error = bench.propose_error;
    bench.propose_count += 1;
    if (bench.propose_fails_from != 0 && bench.propose_count >= bench.propose_fails_from) {
        error = RP_ERR_NO_LEADER;
    }
    bench.largest_batch =
        action->entry_count > bench.largest_batch ? action->entry_count : bench.largest_batch;
    for (size_t row = 0; row < action->entry_count; row += 1) {
        bench_tell("propose", action->entries[row]->path);
        if (error == 0) {
            bench_find_row(action->entries[row]->path)->is_there = false;
        }
    }
    if (bench.shut_after_proposals != 0 && bench.propose_count >= bench.shut_after_proposals) {
        bench.is_manifest_shut = bench.is_storage_shut = true;
    }
    if (!bench.holds_proposals) {
        rp_reconcile_proposed(bench.machine, error, bench.now_ns);
    }
}

static void bench_remove(const struct rp_reconcile_action *action)
{
    bench.remove_count += 1;
    bench_tell("remove", action->path);
    if (bench.remove_error == 0) {
        bench_file(action->path)->is_there = false;
    }
    rp_reconcile_removed(bench.machine, action->slot, bench.remove_error, bench.now_ns);
}

static void bench_act(const struct rp_reconcile_action *action)
{
    switch (action->kind) {
    case RP_RECONCILE_DO_BEGIN: bench.begin_count += 1; break;
    case RP_RECONCILE_DO_LIST: bench_list(action); break;
    case RP_RECONCILE_DO_LISTED:
        bench.listed_count += 1;
        if (bench.late_entry != NULL) {
            bench_add_entry(bench.late_entry, "other");
        }
        break;
    case RP_RECONCILE_DO_STAT: bench_stat(action); break;
    case RP_RECONCILE_DO_ASK: bench_ask(action); break;
    case RP_RECONCILE_DO_PROPOSE: bench_propose(action); break;
    case RP_RECONCILE_DO_REMOVE: bench_remove(action); break;
    case RP_RECONCILE_DO_SWEPT: break;
    case RP_RECONCILE_DO_CANCEL: bench.cancel_count += 1; break;
    case RP_RECONCILE_DO_END:
        bench.end_count += 1;
        bench.ended = *action->report;
        break;
    }
}

static inline void bench_pump(void)
{
    struct rp_reconcile_action action;
    while (rp_reconcile_next(bench.machine, &action)) {
        bench_act(&action);
    }
}

/* ---- Life ---------------------------------------------------------------------------------------- */

static inline void bench_setup(void)
{
    memset(&bench, 0, sizeof bench);
    test_alloc_init(&bench.memory);
    bench.host = (struct rp_reconcile_host){
        .entry_count = bench_entry_count,
        .page = bench_page,
        .find = bench_find,
        .is_pending = bench_is_pending,
        .may_sweep_manifest = bench_may_sweep_manifest,
        .may_sweep_storage = bench_may_sweep_storage,
        .is_caught_up = bench_is_caught_up,
        .wall_unix_ns = bench_wall,
    };
    bench.settings = (struct rp_reconcile_settings){
        .traits = rp_release_traits(RP_RELEASE_ARC),
        .host = &bench.host,
        .storage = RP_RECONCILE_LOCAL,
        .self_id = rp_view_text("self"),
        .is_enabled = true,
    };
}

static inline void bench_new(enum rp_release release)
{
    char note[160];
    bench.settings.traits = rp_release_traits(release);
    ck_assert_int_eq(rp_reconcile_new(&bench.settings, &bench.memory.alloc, &bench.machine, note),
                     0);
    rp_reconcile_start(bench.machine, bench.now_ns);
}

static inline void bench_pass(rp_time_ns duration_ns)
{
    bench.now_ns += duration_ns;
    while (rp_reconcile_deadline(bench.machine) <= bench.now_ns) {
        rp_reconcile_tick(bench.machine, bench.now_ns);
        bench_pump();
    }
}

static inline enum rp_reconcile_end bench_trigger(bool wants_act)
{
    enum rp_reconcile_end end = rp_reconcile_trigger(bench.machine, wants_act, bench.now_ns);
    bench_pump();
    return end;
}

/* `current`: what is there is seen now, and old enough one grace later. */
static inline void bench_look(void)
{
    rp_reconcile_poke(bench.machine, bench.now_ns);
    bench_pump();
}

static inline void bench_teardown(void)
{
    rp_reconcile_free(bench.machine);
    ck_assert_uint_eq(bench.memory.live_count, 0);
    for (size_t row = 0; row < bench.entry_count; row += 1) {
        ck_assert_uint_eq(bench.entries[row].entry.reference_count, 1000000);
    }
}

#endif
