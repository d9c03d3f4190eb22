/* Reconciliation: what is an orphan, and when a run may begin (behaviour.md 12.3; inventory,
 * Reconciliation: Diff, Run control, Walk bounds, Scheduler). */
#include "tests/lib/reconcile_bench.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))

/* ---- Diff ------------------------------------------------------------------------------------------ */

static void dry_run(enum rp_release release)
{
    bench_new(release);
    ck_assert_int_eq(bench_trigger(false), RP_RECONCILE_COMPLETE);
    ck_assert_uint_eq(bench.end_count, 1);
    ck_assert_int_eq(bench.ended.end, RP_RECONCILE_COMPLETE);
    ck_assert_uint_eq(bench.propose_count + bench.remove_count, 0);
}

/* Inventory, Diff: Clean. */
START_TEST(equal_sides_have_no_orphans)
{
    bench_add_entry("db/cpu/a.parquet", "self");
    bench_add_file("db/cpu/a.parquet", 100);
    dry_run(RP_RELEASE_ARC);
    ck_assert_uint_eq(bench.ended.orphan_manifest_count, 0);
    ck_assert_uint_eq(bench.ended.orphan_storage_count, 0);
    ck_assert_uint_eq(bench.ended.listed_count, 1);
}
END_TEST

/* Inventory, Diff: OrphanManifestOnly. */
START_TEST(entry_without_file_is_an_orphan)
{
    bench_add_entry("db/cpu/a.parquet", "self");
    bench_add_entry("db/cpu/b.parquet", "");
    bench_add_file("db/cpu/a.parquet", 100);
    dry_run(RP_RELEASE_ARC);
    ck_assert_uint_eq(bench.ended.orphan_manifest_count, 1);
    ck_assert_uint_eq(bench.ended.orphan_storage_count, 0);
    ck_assert(rp_view_equal(bench.ended.sample[0], rp_view_text("db/cpu/b.parquet")));
}
END_TEST

/* Inventory, Diff: OrphanStorageOnly. */
START_TEST(old_file_without_entry_is_an_orphan)
{
    bench_add_entry("db/cpu/a.parquet", "self");
    bench_add_file("db/cpu/a.parquet", 100);
    bench_add_file("db/cpu/b.parquet", 100);
    dry_run(RP_RELEASE_ARC);
    ck_assert_uint_eq(bench.ended.orphan_manifest_count, 0);
    ck_assert_uint_eq(bench.ended.orphan_storage_count, 1);
    ck_assert(rp_view_equal(bench.ended.sample[0], rp_view_text("db/cpu/b.parquet")));
}
END_TEST

/* Inventory, Diff: GraceWindowProtectsYoungFiles, ClockSkewAdded, ZeroMtimeTreatedAsYoung; and a
 * stamp from the future. */
static const struct {
    const char *name;
    int hours;
    int64_t more_ns; /* younger by that */
    bool is_orphan;
} age_rows[] = {
    {"older than grace and skew", 25, 0, true},
    {"grace alone is not enough", 24, 0, false},
    {"just short of the skew", 25, (int64_t)BENCH_HOUR - 299 * (int64_t)RP_NS_PER_S, false},
    {"grace and skew to the nanosecond", 25, (int64_t)BENCH_HOUR - 300 * (int64_t)RP_NS_PER_S,
     true},
    {"young", 1, 0, false},
    {"no stamp", -1, 0, false},
    {"from the future", 0, (int64_t)BENCH_HOUR, false},
};

START_TEST(age_decides_whether_a_file_is_an_orphan)
{
    bench_add_file("db/cpu/b.parquet", age_rows[_i].hours);
    bench.files[0].mtime_unix_ns += age_rows[_i].more_ns;
    dry_run(RP_RELEASE_ARC);
    ck_assert_msg((bench.ended.orphan_storage_count == 1) == age_rows[_i].is_orphan, "%s (%d)",
                  age_rows[_i].name, _i);
    ck_assert_msg((bench.ended.young_count == 0) == age_rows[_i].is_orphan, "%s (%d)",
                  age_rows[_i].name, _i);
}
END_TEST

/* Inventory, Diff: BothKindsMixed. */
START_TEST(both_kinds_are_told_apart)
{
    bench_add_entry("db/cpu/a.parquet", "self");
    bench_add_entry("db/cpu/b.parquet", "self");
    bench_add_entry("db/mem/c.parquet", "self");
    bench_add_file("db/cpu/b.parquet", 100);
    bench_add_file("db/cpu/x.parquet", 100);
    bench_add_file("db/mem/y.parquet", 1);
    bench_add_file("db/mem/z.parquet", 100);
    dry_run(RP_RELEASE_ARC);
    ck_assert_uint_eq(bench.ended.orphan_manifest_count, 2);
    ck_assert_uint_eq(bench.ended.orphan_storage_count, 2);
    ck_assert_uint_eq(bench.ended.young_count, 1);
    ck_assert_uint_eq(bench.ended.sample_count, 4);
}
END_TEST

/* Inventory, Diff: OrphanManifestStable: the same orphans in the same order, run after run. */
START_TEST(orphans_come_in_path_order_each_time)
{
    static const char *const PATHS[] = {"a/cpu/1.parquet", "a/mem/2.parquet", "b/cpu/3.parquet"};
    for (size_t row = 0; row < 3; row += 1) {
        bench_add_entry(PATHS[row], "self");
    }
    bench_new(RP_RELEASE_ARC);
    for (int run = 0; run < 2; run += 1) {
        ck_assert_int_eq(bench_trigger(false), RP_RECONCILE_COMPLETE);
        ck_assert_uint_eq(bench.ended.sample_count, 3);
        for (size_t row = 0; row < 3; row += 1) {
            ck_assert(rp_view_equal(bench.ended.sample[row], rp_view_text(PATHS[row])));
        }
    }
}
END_TEST

/* Inventory, Diff: IsParquetCandidate and LooksLikeManagedPath. */
static const struct {
    const char *path;
    bool is_candidate, is_managed;
} name_rows[] = {
    {"db/cpu/2026/04/11/16/a.parquet", true, true},
    {"db/cpu/a.parquet", true, true},
    {"db/a.parquet", true, false},
    {"a.parquet", true, false},
    {"db/cpu/a.parquet.part", false, true},
    {"db/cpu/a.txt", false, true},
    {"db/cpu/a.PARQUET", false, true},
    {"db/cpu/.parquet", false, false},
    {"db/cpu/.a.parquet", false, false},
    {"db/cpu/_a.parquet", false, false},
    {"db/_tmp/a.parquet", false, false},
    {".hidden/cpu/a.parquet", false, false},
    {"db//a.parquet", false, false},
    {"/db/cpu/a.parquet", false, false},
    {"db/cpu/", false, false},
    {".parquet", false, false},
    {"", false, false},
};

START_TEST(names_tell_what_may_be_touched)
{
    struct rp_view path = rp_view_text(name_rows[_i].path);
    ck_assert_msg(rp_reconcile_is_candidate(path) == name_rows[_i].is_candidate, "%s (%d)",
                  name_rows[_i].path, _i);
    ck_assert_msg(rp_reconcile_is_managed(path) == name_rows[_i].is_managed, "%s (%d)",
                  name_rows[_i].path, _i);
}
END_TEST

/* What no database made is left alone: at the root, hidden, or too shallow in an unknown database. */
START_TEST(foreign_files_are_no_orphans)
{
    bench_add_entry("db/cpu/a.parquet", "self");
    bench_add_file(".part/cpu/x.parquet", 100);
    bench_add_file("_system/cpu/x.parquet", 100);
    bench_add_file("alone.parquet", 100);
    bench_add_file("db/cpu/a.parquet", 100);
    bench_add_file("db/cpu/notes.txt", 100);
    bench_add_file("other/x.parquet", 100);
    dry_run(RP_RELEASE_ARC);
    ck_assert_uint_eq(bench.ended.orphan_storage_count, 0);
    ck_assert_uint_eq(bench.ended.orphan_manifest_count, 0);
}
END_TEST

/* A short path's prefix covers longer ones: no file is listed, or deleted, twice. */
START_TEST(covered_prefix_is_listed_once)
{
    bench_add_entry("db/a.parquet", "self");
    bench_add_entry("db/cpu/b.parquet", "self");
    bench_add_entry("db/z.parquet", "self");
    bench_add_file("db/a.parquet", 100);
    bench_add_file("db/cpu/b.parquet", 100);
    bench_add_file("db/cpu/x.parquet", 100);
    bench_add_file("db/z.parquet", 100);
    dry_run(RP_RELEASE_ARC);
    ck_assert_uint_eq(bench.ended.listed_count, 4);
    ck_assert_uint_eq(bench.ended.orphan_storage_count, 1);
}
END_TEST

/* ---- Run control ----------------------------------------------------------------------------------- */

/* Inventory, Run control: Disabled; Scheduler: trigger disabled. Phases 2 and 3 have none at all. */
START_TEST(disabled_is_refused)
{
    bench.settings.is_enabled = false;
    bench_new(RP_RELEASE_ARC);
    ck_assert_int_eq(bench_trigger(true), RP_RECONCILE_DISABLED);
    ck_assert_uint_eq(bench.list_count + bench.begin_count, 0);
    ck_assert(rp_reconcile_deadline(bench.machine) == RP_TIME_NEVER);
}
END_TEST

START_TEST(early_phases_have_none)
{
    bench_new(_i == 0 ? RP_RELEASE_PHASE2 : RP_RELEASE_PHASE3);
    ck_assert_int_eq(bench_trigger(true), RP_RECONCILE_UNSUPPORTED);
    ck_assert(rp_reconcile_deadline(bench.machine) == RP_TIME_NEVER);
}
END_TEST

/* Inventory, Run control: Gated; Scheduler: gate respected. */
START_TEST(gate_shut_is_refused)
{
    bench.is_manifest_shut = bench.is_storage_shut = true;
    bench_new(RP_RELEASE_ARC);
    ck_assert_int_eq(bench_trigger(true), RP_RECONCILE_GATED);
    bench_pass(25 * BENCH_HOUR);
    struct rp_reconcile_status status;
    rp_reconcile_status(bench.machine, &status);
    ck_assert_uint_eq(status.run_count, 0);
    ck_assert_uint_eq(status.refused_count, 2);
    ck_assert_ptr_null(status.last);
}
END_TEST

/* `current` also waits for catch-up: its manifest may be an old one until then. */
START_TEST(behind_is_refused_by_current_alone)
{
    bench.is_behind = true;
    bench_new(_i == 0 ? RP_RELEASE_ARC : RP_RELEASE_CURRENT);
    ck_assert_int_eq(bench_trigger(true), _i == 0 ? RP_RECONCILE_COMPLETE : RP_RECONCILE_GATED);
}
END_TEST

/* Inventory, Run control: GateAllowsOneHalfStillRuns. */
static const struct {
    const char *name;
    enum rp_release release;
    bool is_manifest_shut, is_storage_shut;
    enum rp_reconcile_end end;
    const char *story;
} half_rows[] = {
    {"storage half alone", RP_RELEASE_ARC, true, false, RP_RECONCILE_COMPLETE,
     "remove db/cpu/x.parquet"},
    {"manifest half alone", RP_RELEASE_ARC, false, true, RP_RECONCILE_COMPLETE,
     "propose db/cpu/a.parquet"},
    {"current sweeps no storage without the manifest", RP_RELEASE_CURRENT, true, false,
     RP_RECONCILE_GATED, ""},
};

START_TEST(one_half_of_the_gate_lets_the_run_begin)
{
    bench_add_entry("db/cpu/a.parquet", "self");
    bench_add_file("db/cpu/x.parquet", 100);
    bench_new(half_rows[_i].release);
    bench_look();
    bench_pass(24 * BENCH_HOUR + 60 * RP_NS_PER_S);
    bench.story[0] = '\0';
    bench.is_manifest_shut = half_rows[_i].is_manifest_shut;
    bench.is_storage_shut = half_rows[_i].is_storage_shut;
    bench.entries[0].is_there = bench.files[0].is_there = true;
    ck_assert_int_eq(bench_trigger(true), RP_RECONCILE_COMPLETE);
    ck_assert_msg(bench.ended.end == half_rows[_i].end, "%s (%d): %s", half_rows[_i].name, _i,
                  rp_reconcile_end_name(bench.ended.end));
    ck_assert_str_eq(bench.story, half_rows[_i].story);
}
END_TEST

/* Inventory, Run control: NoOverlap. */
START_TEST(second_run_is_refused_while_one_runs)
{
    bench.holds_lists = true;
    bench_new(RP_RELEASE_ARC);
    ck_assert_int_eq(bench_trigger(false), RP_RECONCILE_COMPLETE);
    ck_assert_int_eq(bench_trigger(false), RP_RECONCILE_RUNNING);
    ck_assert_uint_eq(bench.begin_count, 1);
    bench.holds_lists = false;
    rp_reconcile_listed(bench.machine, NULL, 0, false, 0, bench.now_ns);
    bench_pump();
    ck_assert_uint_eq(bench.end_count, 1);
    ck_assert_int_eq(bench_trigger(false), RP_RECONCILE_COMPLETE);
}
END_TEST

/* Inventory, Run control: ManifestTooLargeAborts. */
START_TEST(manifest_above_its_cap_aborts)
{
    bench.settings.manifest_cap = 2;
    bench_add_entry("db/cpu/a.parquet", "self");
    bench_add_entry("db/cpu/b.parquet", "self");
    bench_new(RP_RELEASE_ARC);
    ck_assert_int_eq(bench_trigger(true), RP_RECONCILE_COMPLETE);
    ck_assert_int_eq(bench.ended.end, RP_RECONCILE_COMPLETE);
    bench_add_entry("db/cpu/c.parquet", "other");
    bench.entries[0].is_there = bench.entries[1].is_there = true;
    size_t list_count = bench.list_count;
    ck_assert_int_eq(bench_trigger(true), RP_RECONCILE_COMPLETE);
    ck_assert_int_eq(bench.ended.end, RP_RECONCILE_MANIFEST_TOO_LARGE);
    ck_assert(rp_reconcile_end_is_aborted(bench.ended.end));
    ck_assert_uint_eq(bench.ended.entry_count, 3);
    ck_assert_uint_eq(bench.list_count, list_count);
}
END_TEST

/* Inventory, Run control: ContextCancelClassified; Scheduler: start and stop. A late answer and a
 * second stop do nothing. */
START_TEST(stop_ends_the_run_as_cancelled)
{
    bench.holds_lists = true;
    bench_new(RP_RELEASE_ARC);
    ck_assert_int_eq(bench_trigger(true), RP_RECONCILE_COMPLETE);
    rp_reconcile_stop(bench.machine, bench.now_ns);
    bench_pump();
    ck_assert_int_eq(bench.ended.end, RP_RECONCILE_CANCELLED);
    ck_assert_uint_eq(bench.cancel_count, 1);
    ck_assert(!rp_reconcile_is_idle(bench.machine));
    rp_reconcile_listed(bench.machine, NULL, 0, false, RP_ERR_CANCELLED, bench.now_ns);
    bench_pump();
    ck_assert(rp_reconcile_is_idle(bench.machine));
    rp_reconcile_stop(bench.machine, bench.now_ns);
    rp_reconcile_start(bench.machine, bench.now_ns);
    bench_pump();
    ck_assert_uint_eq(bench.end_count, 1);
    ck_assert_int_eq(bench_trigger(true), RP_RECONCILE_CANCELLED);
    ck_assert(rp_reconcile_deadline(bench.machine) == RP_TIME_NEVER);
}
END_TEST

/* Inventory, Run control: history ring (2), FindRun. */
START_TEST(last_two_runs_are_remembered)
{
    bench_add_entry("db/cpu/a.parquet", "self");
    bench_new(RP_RELEASE_ARC);
    for (int run = 0; run < 3; run += 1) {
        ck_assert_int_eq(bench_trigger(false), RP_RECONCILE_COMPLETE);
    }
    ck_assert_ptr_null(rp_reconcile_find(bench.machine, 0));
    ck_assert_ptr_null(rp_reconcile_find(bench.machine, 1));
    ck_assert_ptr_null(rp_reconcile_find(bench.machine, 4));
    for (uint64_t number = 2; number <= 3; number += 1) {
        const struct rp_reconcile_report *report = rp_reconcile_find(bench.machine, number);
        ck_assert_ptr_nonnull(report);
        ck_assert_uint_eq(report->number, number);
        ck_assert(rp_view_equal(report->sample[0], rp_view_text("db/cpu/a.parquet")));
    }
    bench.holds_lists = true;
    ck_assert_int_eq(bench_trigger(false), RP_RECONCILE_COMPLETE);
    ck_assert_ptr_nonnull(rp_reconcile_find(bench.machine, 4)); /* while it runs */
}
END_TEST

/* Inventory, Run control: RejectsMissingDeps; Scheduler: nil reconciler (a node that has none). */
START_TEST(missing_parts_are_refused)
{
    struct rp_reconcile *machine = NULL;
    char note[160] = "";
    struct rp_reconcile_host host = bench.host;
    struct rp_reconcile_settings settings = bench.settings;
    settings.host = &host;
    switch (_i) {
    case 0: settings.traits = NULL; break;
    case 1: settings.host = NULL; break;
    case 2: settings.self_id = rp_view_make(NULL, 0); break;
    case 3: host.find = NULL; break;
    case 4: host.page = NULL; break;
    default: host.wall_unix_ns = NULL; break;
    }
    ck_assert_int_eq(rp_reconcile_new(&settings, &bench.memory.alloc, &machine, note),
                     RP_ERR_INVALID);
    ck_assert_str_ne(note, "");
    rp_reconcile_free(machine); /* NULL is fine */
}
END_TEST

/* Inventory, Run control: StandaloneAcceptsNilCoord: without a cluster there is no own name, and
 * every entry is this process's. */
START_TEST(standalone_needs_no_id_and_keeps_every_entry)
{
    bench.settings.storage = RP_RECONCILE_STANDALONE;
    bench.settings.self_id = rp_view_make(NULL, 0);
    bench_add_entry("db/cpu/a.parquet", "");
    bench_add_entry("db/cpu/b.parquet", "somebody");
    dry_run(RP_RELEASE_CURRENT);
    ck_assert_uint_eq(bench.ended.kept_count, 2);
    ck_assert_uint_eq(bench.ended.orphan_manifest_count, 2);
}
END_TEST

/* Each allocation fails once: the run ends, nothing is deleted, nothing leaks. */
START_TEST(every_failed_allocation_is_survived)
{
    bench_add_entry("db/cpu/a.parquet", "self");
    bench_add_entry("db/cpu/b.parquet", "other");
    bench_add_file("db/cpu/b.parquet", 100);
    bench_add_file("db/mem/x.parquet", 100);
    for (size_t fail_at = 1; fail_at < 200; fail_at += 1) {
        char note[160];
        bench.memory.call_count = 0;
        bench.memory.fail_at = fail_at;
        bench.machine = NULL;
        if (rp_reconcile_new(&bench.settings, &bench.memory.alloc, &bench.machine, note) == 0) {
            rp_reconcile_start(bench.machine, 0);
            (void)bench_trigger(true);
            ck_assert(bench.ended.end == RP_RECONCILE_COMPLETE ||
                      bench.ended.end == RP_RECONCILE_NOMEM);
        }
        bool is_done = bench.memory.call_count < fail_at;
        rp_reconcile_free(bench.machine);
        bench.machine = NULL;
        ck_assert_uint_eq(bench.memory.live_count, 0);
        if (is_done) {
            return;
        }
        bench.entries[0].is_there = true;
        bench.files[1].is_there = true;
    }
    ck_abort_msg("the run never had enough memory");
}
END_TEST

/* ---- Walk bounds ----------------------------------------------------------------------------------- */

/* Inventory, Walk bounds: RootWalkCap: below, at and above the cap, and known databases aside. */
static const struct {
    const char *name;
    uint32_t cap;
    unsigned unknown_count;
    uint64_t orphan_count;
    bool is_truncated;
} root_rows[] = {
    {"below the cap", 3, 2, 2, false},
    {"at the cap", 3, 3, 3, false},
    {"above the cap", 3, 4, 3, true},
    {"the default cap", 0, 1000, 1000, false},
};

START_TEST(root_walk_is_bounded)
{
    bench.settings.root_walk_max = root_rows[_i].cap;
    bench_add_entry("known/cpu/a.parquet", "self");
    bench_add_file("known/cpu/a.parquet", 100);
    for (unsigned number = 0; number < root_rows[_i].unknown_count; number += 1) {
        bench_add_file(bench_name("z", number), 100);
    }
    dry_run(RP_RELEASE_ARC);
    ck_assert_msg(bench.ended.orphan_storage_count == root_rows[_i].orphan_count, "%s (%d)",
                  root_rows[_i].name, _i);
    ck_assert_msg(bench.ended.is_truncated == root_rows[_i].is_truncated, "%s (%d)",
                  root_rows[_i].name, _i);
    ck_assert_uint_eq(bench.ended.orphan_manifest_count, 0);
}
END_TEST

static void entries_missing(unsigned count)
{
    for (unsigned number = 0; number < count; number += 1) {
        bench_add_entry(bench_name("db/", number), "self");
    }
}

/* Inventory, Walk bounds: ParallelExistsCheckRespectsConcurrency,
 * RecheckConcurrencyOneForcesSequential, ApplyDefaults (8, and never above 64). */
static const struct {
    uint32_t setting;
    size_t at_once;
} recheck_rows[] = {{0, 8}, {1, 1}, {5, 5}, {64, 64}, {1000, 64}};

START_TEST(second_looks_at_a_time_are_bounded)
{
    bench.settings.recheck_max = recheck_rows[_i].setting;
    bench.holds_stats = true;
    entries_missing(100);
    bench_new(RP_RELEASE_ARC);
    ck_assert_int_eq(bench_trigger(true), RP_RECONCILE_COMPLETE);
    while (bench.stat_count < 100) {
        ck_assert_uint_eq(bench.held_stats,
                          bench.stat_count < 100 ? recheck_rows[_i].at_once : bench.held_stats);
        bench.held_stats -= 1;
        uint32_t slot = bench.held_slots[bench.held_stats];
        rp_reconcile_stated(bench.machine, slot, false, 0, bench.now_ns);
        bench_pump();
    }
    ck_assert_uint_eq(bench.held_stats_max, recheck_rows[_i].at_once);
    ck_assert_uint_eq(bench.propose_count, 0);
    while (bench.held_stats > 0) {
        bench.held_stats -= 1;
        rp_reconcile_stated(bench.machine, bench.held_slots[bench.held_stats], false, 0, 0);
        bench_pump();
    }
    ck_assert_uint_eq(bench.ended.deleted_manifest_count, 100);
}
END_TEST

/* Inventory, Walk bounds: WalkPartialFlagSurfacesPrefixErrors. `arc` goes on with what it has, and
 * its second look saves what was not listed; `current` acts on no listing with gaps. */
START_TEST(prefix_that_cannot_be_listed_is_told)
{
    bool is_arc = _i == 0;
    bench.bad_prefix = is_arc ? "db/cpu/" : "db/";
    bench_add_entry("db/cpu/a.parquet", "self");
    bench_add_file("db/cpu/a.parquet", 100);
    bench_new(is_arc ? RP_RELEASE_ARC : RP_RELEASE_CURRENT);
    ck_assert_int_eq(bench_trigger(true), RP_RECONCILE_COMPLETE);
    ck_assert(bench.ended.is_partial);
    ck_assert_int_eq(bench.ended.end, is_arc ? RP_RECONCILE_COMPLETE : RP_RECONCILE_LIST_FAILED);
    ck_assert_uint_eq(bench.ended.recheck_kept_count, is_arc ? 1 : 0);
    ck_assert_uint_eq(bench.propose_count, 0);
    ck_assert_int_eq(bench_trigger(false), RP_RECONCILE_COMPLETE);
    ck_assert_int_eq(bench.ended.end, RP_RECONCILE_COMPLETE);
}
END_TEST

/* Inventory, Walk bounds: ApplyDefaults (2): sample 10, batch 1000. */
START_TEST(defaults_are_those_of_the_reference)
{
    entries_missing(1100);
    bench_new(RP_RELEASE_ARC);
    ck_assert_int_eq(bench_trigger(true), RP_RECONCILE_COMPLETE);
    ck_assert_uint_eq(bench.ended.sample_count, 10);
    ck_assert_uint_eq(bench.largest_batch, 1000);
    ck_assert_uint_eq(bench.propose_count, 2);
}
END_TEST

/* ---- Scheduler --------------------------------------------------------------------------------------- */

/* Inventory, Scheduler: bad schedule. */
START_TEST(bad_schedule_is_a_clear_error)
{
    struct rp_reconcile *machine = NULL;
    char note[160] = "";
    bench.settings.schedule = rp_view_text("17 25 * * *");
    ck_assert_int_eq(rp_reconcile_new(&bench.settings, &bench.memory.alloc, &machine, note),
                     RP_ERR_SYNTAX);
    ck_assert_ptr_nonnull(strstr(note, "hour"));
}
END_TEST

/* Inventory, Scheduler: default schedule: the next 04:17 UTC, and each day after. */
START_TEST(default_schedule_runs_each_night)
{
    struct rp_reconcile_status status;
    bench_new(RP_RELEASE_ARC);
    rp_reconcile_status(bench.machine, &status);
    int64_t first_s = BENCH_WALL_NS / (int64_t)RP_NS_PER_S + 12 * 3600 + 17 * 60;
    ck_assert_int_eq(status.next_unix_s, first_s);
    bench_pass(12 * BENCH_HOUR + 16 * 60 * RP_NS_PER_S);
    ck_assert_uint_eq(bench.end_count, 0);
    bench_pass(60 * RP_NS_PER_S);
    ck_assert_uint_eq(bench.end_count, 1);
    ck_assert_int_eq(bench.ended.cause, RP_RECONCILE_BY_SCHEDULE);
    rp_reconcile_status(bench.machine, &status);
    ck_assert_int_eq(status.next_unix_s, first_s + 86400);
    bench_pass(24 * BENCH_HOUR);
    ck_assert_uint_eq(bench.end_count, 2);
}
END_TEST

/* Inventory, Scheduler: disabled start: no timer, no listing. */
START_TEST(disabled_start_arms_nothing)
{
    struct rp_reconcile_status status;
    bench.settings.is_enabled = false;
    bench_new(RP_RELEASE_CURRENT);
    bench_look();
    bench_pass(48 * BENCH_HOUR);
    rp_reconcile_status(bench.machine, &status);
    ck_assert(!status.is_enabled);
    ck_assert(status.next_unix_s == INT64_MAX);
    ck_assert_uint_eq(bench.list_count, 0);
}
END_TEST

/* A wall clock that jumps over the time runs it once, within an hour; one that goes back waits. */
START_TEST(schedule_follows_the_wall_clock)
{
    bench_new(RP_RELEASE_ARC);
    bench.wall_step_ns = 72 * (int64_t)BENCH_HOUR;
    bench_pass(BENCH_HOUR);
    ck_assert_uint_eq(bench.end_count, 1);
    bench.wall_step_ns = 0;
    bench_pass(24 * BENCH_HOUR);
    ck_assert_uint_eq(bench.end_count, 1);
}
END_TEST

/* Inventory, Scheduler: trigger succeeds, status fields, find run. */
START_TEST(status_tells_of_runs)
{
    struct rp_reconcile_status status;
    bench.settings.is_dry_run = true;
    bench.holds_lists = true;
    bench_new(RP_RELEASE_ARC);
    ck_assert_int_eq(bench_trigger(false), RP_RECONCILE_COMPLETE);
    rp_reconcile_status(bench.machine, &status);
    ck_assert(status.is_enabled && status.is_running && status.is_dry_run);
    ck_assert_uint_eq(status.run_count, 1);
    ck_assert_ptr_null(status.last);
    ck_assert_ptr_nonnull(rp_reconcile_find(bench.machine, 1));
    bench.holds_lists = false;
    bench.now_ns += RP_NS_PER_S;
    rp_reconcile_listed(bench.machine, NULL, 0, false, 0, bench.now_ns);
    bench_pump();
    rp_reconcile_status(bench.machine, &status);
    ck_assert(!status.is_running);
    ck_assert_ptr_nonnull(status.last);
    ck_assert_uint_eq(status.last->number, 1);
    ck_assert_uint_eq(status.last->ended_ns - status.last->began_ns, RP_NS_PER_S);
}
END_TEST

/* Inventory, Scheduler: dry-run respected; Sweeps: CronPathDryRunStillRespectsCfg. */
START_TEST(schedule_respects_the_configured_dry_run)
{
    bench.settings.is_dry_run = _i == 0;
    bench_add_entry("db/cpu/a.parquet", "self");
    bench_new(RP_RELEASE_ARC);
    bench_pass(13 * BENCH_HOUR);
    ck_assert_uint_eq(bench.end_count, 1);
    ck_assert(bench.ended.is_act == (_i == 1));
    ck_assert_uint_eq(bench.propose_count, (unsigned)_i);
    ck_assert_uint_eq(bench.ended.orphan_manifest_count, 1);
}
END_TEST

/* Inventory, Scheduler: timeout bounded: listing five minutes, the run thirty, from its begin. */
START_TEST(listing_and_run_are_bounded)
{
    bool is_list = _i == 0;
    bench.holds_lists = is_list;
    bench.holds_proposals = !is_list;
    bench_add_entry("db/cpu/a.parquet", "self");
    bench_new(RP_RELEASE_ARC);
    ck_assert_int_eq(bench_trigger(true), RP_RECONCILE_COMPLETE);
    bench_pass((is_list ? 300 : 1800) * RP_NS_PER_S - 1);
    ck_assert_uint_eq(bench.end_count, 0);
    bench_pass(1);
    ck_assert_uint_eq(bench.end_count, 1);
    ck_assert_int_eq(bench.ended.end,
                     is_list ? RP_RECONCILE_LIST_TIMEOUT : RP_RECONCILE_RUN_TIMEOUT);
    ck_assert_uint_eq(bench.cancel_count, 1);
    ck_assert_int_eq(bench_trigger(true), RP_RECONCILE_RUNNING); /* until the call came back */
    if (is_list) {
        rp_reconcile_listed(bench.machine, NULL, 0, false, RP_ERR_CANCELLED, bench.now_ns);
    } else {
        rp_reconcile_proposed(bench.machine, 0, bench.now_ns);
    }
    ck_assert_int_eq(bench_trigger(false), RP_RECONCILE_COMPLETE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reconcile");
    TCase *tests = tcase_create("reconcile");
    tcase_add_checked_fixture(tests, bench_setup, bench_teardown);
    tcase_add_test(tests, equal_sides_have_no_orphans);
    tcase_add_test(tests, entry_without_file_is_an_orphan);
    tcase_add_test(tests, old_file_without_entry_is_an_orphan);
    tcase_add_loop_test(tests, age_decides_whether_a_file_is_an_orphan, 0, ROWS(age_rows));
    tcase_add_test(tests, both_kinds_are_told_apart);
    tcase_add_test(tests, orphans_come_in_path_order_each_time);
    tcase_add_loop_test(tests, names_tell_what_may_be_touched, 0, ROWS(name_rows));
    tcase_add_test(tests, foreign_files_are_no_orphans);
    tcase_add_test(tests, covered_prefix_is_listed_once);
    tcase_add_test(tests, disabled_is_refused);
    tcase_add_loop_test(tests, early_phases_have_none, 0, 2);
    tcase_add_test(tests, gate_shut_is_refused);
    tcase_add_loop_test(tests, behind_is_refused_by_current_alone, 0, 2);
    tcase_add_loop_test(tests, one_half_of_the_gate_lets_the_run_begin, 0, ROWS(half_rows));
    tcase_add_test(tests, second_run_is_refused_while_one_runs);
    tcase_add_test(tests, manifest_above_its_cap_aborts);
    tcase_add_test(tests, stop_ends_the_run_as_cancelled);
    tcase_add_test(tests, last_two_runs_are_remembered);
    tcase_add_loop_test(tests, missing_parts_are_refused, 0, 6);
    tcase_add_test(tests, standalone_needs_no_id_and_keeps_every_entry);
    tcase_add_test(tests, every_failed_allocation_is_survived);
    tcase_add_loop_test(tests, root_walk_is_bounded, 0, ROWS(root_rows));
    tcase_add_loop_test(tests, second_looks_at_a_time_are_bounded, 0, ROWS(recheck_rows));
    tcase_add_loop_test(tests, prefix_that_cannot_be_listed_is_told, 0, 2);
    tcase_add_test(tests, defaults_are_those_of_the_reference);
    tcase_add_test(tests, bad_schedule_is_a_clear_error);
    tcase_add_test(tests, default_schedule_runs_each_night);
    tcase_add_test(tests, disabled_start_arms_nothing);
    tcase_add_test(tests, schedule_follows_the_wall_clock);
    tcase_add_test(tests, status_tells_of_runs);
    tcase_add_loop_test(tests, schedule_respects_the_configured_dry_run, 0, 2);
    tcase_add_loop_test(tests, listing_and_run_are_bounded, 0, 2);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
