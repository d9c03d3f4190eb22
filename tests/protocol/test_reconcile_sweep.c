/* Reconciliation: what a run does about orphans (behaviour.md 12.3; invariants.md,
 * reconcile-conservative; inventory, Reconciliation: Sweeps). */
#include "tests/lib/reconcile_bench.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))

/* One entry without a file, one file without an entry, and a pair that is whole. */
static void both_kinds(void)
{
    bench_add_entry("db/cpu/a.parquet", "self");
    bench_add_entry("db/cpu/b.parquet", "self");
    bench_add_file("db/cpu/b.parquet", 100);
    bench_add_file("db/cpu/x.parquet", 100);
}

/* `current`: everything has been an orphan for longer than the grace. */
static void new_current_and_ripe(void)
{
    bench_new(RP_RELEASE_CURRENT);
    bench_look();
    bench_pass(12 * BENCH_HOUR);
    bench.now_ns += 13 * BENCH_HOUR;
}

static void act(void)
{
    ck_assert_int_eq(bench_trigger(true), RP_RECONCILE_COMPLETE);
}

/* ---- Modes ----------------------------------------------------------------------------------------- */

/* Inventory, Sweeps: DryRunReportsDiff. */
START_TEST(dry_run_tells_and_touches_nothing)
{
    both_kinds();
    bench_new(_i == 0 ? RP_RELEASE_ARC : RP_RELEASE_CURRENT);
    ck_assert_int_eq(bench_trigger(false), RP_RECONCILE_COMPLETE);
    ck_assert(!bench.ended.is_act);
    ck_assert_uint_eq(bench.ended.orphan_manifest_count, 1);
    ck_assert_uint_eq(bench.ended.orphan_storage_count, 1);
    ck_assert_uint_eq(bench.ended.sample_count, 2);
    ck_assert_str_eq(bench.story, "");
}
END_TEST

/* Inventory, Sweeps: ManualOverrideHonorsDryRunFalse: in the reference a request overrules the
 * configuration; `current` acts only when both allow it. CronPathDryRunStillRespectsCfg is
 * schedule_respects_the_configured_dry_run of test_reconcile.c. */
static const struct {
    const char *name;
    enum rp_release release;
    bool is_dry_run, wants_act, is_act;
} mode_rows[] = {
    {"arc, both", RP_RELEASE_ARC, false, true, true},
    {"arc, a request overrules", RP_RELEASE_ARC, true, true, true},
    {"arc, a dry request", RP_RELEASE_ARC, false, false, false},
    {"arc, neither", RP_RELEASE_ARC, true, false, false},
    {"current, both", RP_RELEASE_CURRENT, false, true, true},
    {"current, the configuration forbids", RP_RELEASE_CURRENT, true, true, false},
    {"current, a dry request", RP_RELEASE_CURRENT, false, false, false},
    {"current, neither", RP_RELEASE_CURRENT, true, false, false},
};

START_TEST(request_and_configuration_decide_the_mode)
{
    bench.settings.is_dry_run = mode_rows[_i].is_dry_run;
    both_kinds();
    bench_new(mode_rows[_i].release);
    ck_assert_int_eq(bench_trigger(mode_rows[_i].wants_act), RP_RECONCILE_COMPLETE);
    ck_assert_msg(bench.ended.is_act == mode_rows[_i].is_act, "%s (%d)", mode_rows[_i].name, _i);
}
END_TEST

/* Inventory, Sweeps: ActModeAppliesManifestDeletes, ActModeDeletesOrphanStorage: entries first. */
START_TEST(act_deletes_entries_then_files)
{
    both_kinds();
    if (_i == 0) {
        bench_new(RP_RELEASE_ARC);
    } else {
        new_current_and_ripe();
    }
    act();
    ck_assert_str_eq(bench.story, "propose db/cpu/a.parquet; remove db/cpu/x.parquet");
    ck_assert_int_eq(bench.ended.end, RP_RECONCILE_COMPLETE);
    ck_assert_uint_eq(bench.ended.deleted_manifest_count, 1);
    ck_assert_uint_eq(bench.ended.deleted_storage_count, 1);
    act();
    ck_assert_uint_eq(bench.ended.orphan_manifest_count + bench.ended.orphan_storage_count, 0);
}
END_TEST

/* ---- Second looks ------------------------------------------------------------------------------------ */

/* Inventory, Sweeps: ManifestSweepRecheckCatchesRace, StorageSweepRecheckCatchesRace. */
START_TEST(second_look_catches_what_changed)
{
    both_kinds();
    bench.late_file = "db/cpu/a.parquet";
    bench.late_entry = "db/cpu/x.parquet";
    if (_i == 0) {
        bench_new(RP_RELEASE_ARC);
    } else {
        new_current_and_ripe();
    }
    act();
    ck_assert_str_eq(bench.story, "");
    ck_assert_uint_eq(bench.ended.orphan_manifest_count, 1);
    ck_assert_uint_eq(bench.ended.orphan_storage_count, 1);
    ck_assert_uint_eq(bench.ended.recheck_kept_count, 2);
}
END_TEST

/* A look that fails proves nothing: the entry stays. */
START_TEST(failed_look_keeps_the_entry)
{
    both_kinds();
    bench.stat_error = RP_ERR_IO;
    bench_new(RP_RELEASE_ARC);
    act();
    ck_assert_str_eq(bench.story, "remove db/cpu/x.parquet");
    ck_assert_uint_eq(bench.ended.error_count, 1);
}
END_TEST

/* `current` spares what is being stored, registered or pulled; the reference does not know of it. */
START_TEST(pending_file_is_spared_by_current_alone)
{
    both_kinds();
    bench.pending = "db/cpu/x.parquet";
    if (_i == 0) {
        bench_new(RP_RELEASE_ARC);
    } else {
        new_current_and_ripe();
    }
    act();
    ck_assert_str_eq(bench.story, _i == 0 ? "propose db/cpu/a.parquet; remove db/cpu/x.parquet"
                                          : "propose db/cpu/a.parquet");
    ck_assert_uint_eq(bench.ended.recheck_kept_count, (unsigned)_i);
}
END_TEST

/* An entry that was written again since the snapshot is another one. */
START_TEST(newer_version_is_not_deleted)
{
    both_kinds();
    bench.holds_stats = true;
    bench_new(RP_RELEASE_ARC);
    act();
    ck_assert_uint_eq(bench.held_stats, 1);
    bench.entries[0].is_there = false;
    bench_add_entry("db/cpu/a.parquet", "self");
    rp_reconcile_stated(bench.machine, bench.held_slots[0], false, 0, bench.now_ns);
    bench_pump();
    ck_assert_uint_eq(bench.propose_count, 0);
    ck_assert_uint_eq(bench.ended.recheck_kept_count, 1);
}
END_TEST

/* ---- Who else has it ----------------------------------------------------------------------------------- */

/* behaviour.md 12.3: in local mode the reference deletes the cluster-wide entry as soon as the
 * origin's own copy is gone; `current` asks, and keeps what somebody has or may have. */
START_TEST(held_entry_is_kept_by_current_alone)
{
    bench_add_entry("db/cpu/a.parquet", "self");
    bench_add_entry("db/cpu/b.parquet", "self");
    bench_add_entry("db/cpu/c.parquet", "self");
    bench.held_path = "db/cpu/a.parquet";
    bench.untold_path = "db/cpu/b.parquet";
    if (_i == 0) {
        bench_new(RP_RELEASE_ARC);
        act();
        ck_assert_uint_eq(bench.ask_count, 0);
        ck_assert_uint_eq(bench.ended.deleted_manifest_count, 3);
        return;
    }
    new_current_and_ripe();
    act();
    ck_assert_uint_eq(bench.ask_count, 3);
    ck_assert_uint_eq(bench.ended.held_count, 2);
    ck_assert_str_eq(bench.story, "propose db/cpu/c.parquet");
}
END_TEST

/* Inventory, Sweeps: LocalModeFiltersForeignOriginFiles. In shared mode every entry counts. */
START_TEST(entries_of_others_are_none_of_our_business)
{
    bool is_shared = _i == 1;
    bench.settings.storage = is_shared ? RP_RECONCILE_SHARED : RP_RECONCILE_LOCAL;
    bench_add_entry("db/cpu/a.parquet", "other");
    bench_add_entry("db/cpu/b.parquet", "other");
    bench_add_file("db/cpu/b.parquet", 100);
    bench_new(RP_RELEASE_ARC);
    act();
    ck_assert_uint_eq(bench.ended.kept_count, is_shared ? 2 : 0);
    ck_assert_uint_eq(bench.ended.orphan_manifest_count, is_shared ? 1 : 0);
    ck_assert_str_eq(bench.story, is_shared ? "propose db/cpu/a.parquet" : "");
    /* The copy of another node's file counts as an orphan in the diff; the second look saves it. */
    ck_assert_uint_eq(bench.ended.orphan_storage_count, is_shared ? 0 : 1);
}
END_TEST

/* `current` compares files with all entries in the first place. */
START_TEST(copies_of_others_are_no_orphans_for_current)
{
    bench_add_entry("db/cpu/b.parquet", "other");
    bench_add_file("db/cpu/b.parquet", 100);
    new_current_and_ripe();
    act();
    ck_assert_uint_eq(bench.ended.orphan_storage_count, 0);
    ck_assert_str_eq(bench.story, "");
}
END_TEST

/* ---- Errors and caps ------------------------------------------------------------------------------------- */

/* Inventory, Sweeps: ManifestSweepAbortsOnRaftError: no further batch, and no storage sweep. */
START_TEST(failed_proposal_ends_the_run)
{
    bench.settings.batch = 1;
    bench.propose_fails_from = 2;
    both_kinds();
    bench.files[0].is_there = false; /* b is missing as well */
    if (_i == 0) {
        bench_new(RP_RELEASE_ARC);
    } else {
        new_current_and_ripe();
    }
    act();
    ck_assert_int_eq(bench.ended.end, RP_RECONCILE_PROPOSE_FAILED);
    ck_assert(rp_reconcile_end_is_aborted(bench.ended.end));
    ck_assert_uint_eq(bench.propose_count, 2);
    ck_assert_uint_eq(bench.ended.deleted_manifest_count, 1);
    ck_assert_uint_eq(bench.remove_count, 0);
}
END_TEST

/* Inventory, Sweeps: BlastCapStopsManifestSweep: both kinds together. */
static const struct {
    const char *name;
    uint32_t cap, batch;
    const char *story;
    enum rp_reconcile_end end;
} cap_rows[] = {
    {"within the manifest sweep", 1, 0, "propose db/cpu/a.parquet", RP_RECONCILE_CAPPED},
    {"batches add up", 2, 1, "propose db/cpu/a.parquet; propose db/cpu/b.parquet",
     RP_RECONCILE_CAPPED},
    {"within the storage sweep", 3, 0,
     "propose db/cpu/a.parquet; propose db/cpu/b.parquet; remove db/cpu/x.parquet",
     RP_RECONCILE_CAPPED},
    {"exactly enough", 4, 0,
     "propose db/cpu/a.parquet; propose db/cpu/b.parquet; remove db/cpu/x.parquet; "
     "remove db/cpu/y.parquet",
     RP_RECONCILE_COMPLETE},
};

START_TEST(cap_counts_both_kinds)
{
    bench.settings.delete_cap = cap_rows[_i].cap;
    bench.settings.batch = cap_rows[_i].batch;
    bench_add_entry("db/cpu/a.parquet", "self");
    bench_add_entry("db/cpu/b.parquet", "self");
    bench_add_file("db/cpu/x.parquet", 100);
    bench_add_file("db/cpu/y.parquet", 100);
    bench_new(RP_RELEASE_ARC);
    act();
    ck_assert_msg(bench.ended.end == cap_rows[_i].end, "%s (%d): %s", cap_rows[_i].name, _i,
                  rp_reconcile_end_name(bench.ended.end));
    ck_assert_str_eq(bench.story, cap_rows[_i].story);
    ck_assert(!rp_reconcile_end_is_aborted(bench.ended.end));
}
END_TEST

/* behaviour.md 12.3: the gate is asked again at each batch. */
START_TEST(gate_that_shuts_ends_the_run)
{
    bench.settings.batch = 1;
    bench.shut_after_proposals = 1;
    both_kinds();
    bench.files[0].is_there = false;
    bench_new(RP_RELEASE_ARC);
    act();
    ck_assert_int_eq(bench.ended.end, RP_RECONCILE_GATED);
    ck_assert_str_eq(bench.story, "propose db/cpu/a.parquet");
}
END_TEST

/* behaviour.md 12.3: a file that cannot be deleted is noted, and the run goes on. */
START_TEST(failed_removal_is_noted)
{
    bench_add_file("db/cpu/x.parquet", 100);
    bench_add_file("db/cpu/y.parquet", 100);
    bench.remove_error = RP_ERR_IO;
    bench_new(RP_RELEASE_ARC);
    act();
    ck_assert_int_eq(bench.ended.end, RP_RECONCILE_COMPLETE);
    ck_assert_uint_eq(bench.remove_count, 2);
    ck_assert_uint_eq(bench.ended.error_count, 2);
    ck_assert_uint_eq(bench.ended.deleted_storage_count, 0);
}
END_TEST

/* Inventory, Sweeps: PreManifestOrphansRespectFlag: databases that no entry names. */
START_TEST(unknown_databases_respect_their_flag)
{
    bool keeps = _i == 1;
    bench.settings.keeps_unknown_databases = keeps;
    bench_add_entry("db/cpu/b.parquet", "other");
    bench_add_file("db/cpu/x.parquet", 100);
    bench_add_file("old/cpu/y.parquet", 100);
    bench_new(RP_RELEASE_ARC);
    act();
    ck_assert_uint_eq(bench.ended.orphan_storage_count, 2);
    ck_assert_str_eq(bench.story, keeps ? "remove db/cpu/x.parquet"
                                        : "remove db/cpu/x.parquet; remove old/cpu/y.parquet");
}
END_TEST

/* ---- Ages in `current` ------------------------------------------------------------------------------------ */

/* invariants.md, reconcile-conservative: of known age. The first run of a life sees orphans, and acts
 * on none; after one grace it does. */
START_TEST(current_acts_one_grace_after_it_first_saw)
{
    both_kinds();
    bench_new(RP_RELEASE_CURRENT);
    act();
    ck_assert_uint_eq(bench.ended.orphan_manifest_count, 1);
    ck_assert_uint_eq(bench.ended.orphan_storage_count, 1);
    ck_assert_uint_eq(bench.ended.young_count, 2);
    bench.now_ns += 24 * BENCH_HOUR - 1;
    act();
    ck_assert_str_eq(bench.story, "");
    bench.now_ns += 1;
    act();
    ck_assert_str_eq(bench.story, "propose db/cpu/a.parquet; remove db/cpu/x.parquet");
}
END_TEST

/* A wall clock that jumps by days ages files in the reference, and nothing in `current`. */
START_TEST(clock_jump_ages_files_in_the_reference_alone)
{
    bench_add_file("db/cpu/x.parquet", 1);
    bench_new(_i == 0 ? RP_RELEASE_ARC : RP_RELEASE_CURRENT);
    bench_look();
    bench.wall_step_ns = 72 * (int64_t)BENCH_HOUR;
    act();
    ck_assert_uint_eq(bench.ended.orphan_storage_count, _i == 0 ? 1 : 0);
    ck_assert_str_eq(bench.story, _i == 0 ? "remove db/cpu/x.parquet" : "");
    bench.files[0].is_there = true;
    bench.wall_step_ns = 0;
    bench.now_ns += 12 * BENCH_HOUR;
    act();
    ck_assert_uint_eq(bench.ended.orphan_storage_count, 0);
}
END_TEST

/* What was no orphan in between begins anew: another file, another version, or whole for a while. */
START_TEST(sighting_begins_anew_when_the_orphan_changed)
{
    both_kinds();
    new_current_and_ripe();
    if (_i == 0) {
        bench.files[1].mtime_unix_ns += 1;
        bench.entries[0].entry.lsn = 99;
    } else {
        bench.files[1].is_there = false;
        bench_add_file("db/cpu/a.parquet", 100);
        ck_assert_int_eq(bench_trigger(false), RP_RECONCILE_COMPLETE);
        bench.files[1].is_there = true;
        bench.files[2].is_there = false;
    }
    act();
    ck_assert_uint_eq(bench.ended.orphan_manifest_count, 1);
    ck_assert_uint_eq(bench.ended.orphan_storage_count, 1);
    ck_assert_str_eq(bench.story, "");
}
END_TEST

/* A request while the first look is under way takes it over instead of being refused. */
START_TEST(request_takes_over_the_first_look)
{
    both_kinds();
    bench.holds_lists = true;
    bench_new(RP_RELEASE_CURRENT);
    bench_look();
    ck_assert_uint_eq(bench.held_lists, 1);
    ck_assert_uint_eq(bench.begin_count, 0);
    ck_assert_int_eq(bench_trigger(false), RP_RECONCILE_COMPLETE);
    ck_assert_uint_eq(bench.begin_count, 1);
    bench.holds_lists = false;
    rp_reconcile_listed(bench.machine, NULL, 0, false, 0, bench.now_ns);
    bench_pump();
    ck_assert_uint_eq(bench.end_count, 1);
    ck_assert_uint_eq(bench.ended.number, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reconcile_sweep");
    TCase *tests = tcase_create("reconcile_sweep");
    tcase_add_checked_fixture(tests, bench_setup, bench_teardown);
    tcase_add_loop_test(tests, dry_run_tells_and_touches_nothing, 0, 2);
    tcase_add_loop_test(tests, request_and_configuration_decide_the_mode, 0, ROWS(mode_rows));
    tcase_add_loop_test(tests, act_deletes_entries_then_files, 0, 2);
    tcase_add_loop_test(tests, second_look_catches_what_changed, 0, 2);
    tcase_add_test(tests, failed_look_keeps_the_entry);
    tcase_add_loop_test(tests, pending_file_is_spared_by_current_alone, 0, 2);
    tcase_add_test(tests, newer_version_is_not_deleted);
    tcase_add_loop_test(tests, held_entry_is_kept_by_current_alone, 0, 2);
    tcase_add_loop_test(tests, entries_of_others_are_none_of_our_business, 0, 2);
    tcase_add_test(tests, copies_of_others_are_no_orphans_for_current);
    tcase_add_loop_test(tests, failed_proposal_ends_the_run, 0, 2);
    tcase_add_loop_test(tests, cap_counts_both_kinds, 0, ROWS(cap_rows));
    tcase_add_test(tests, gate_that_shuts_ends_the_run);
    tcase_add_test(tests, failed_removal_is_noted);
    tcase_add_loop_test(tests, unknown_databases_respect_their_flag, 0, 2);
    tcase_add_test(tests, current_acts_one_grace_after_it_first_saw);
    tcase_add_loop_test(tests, clock_jump_ages_files_in_the_reference_alone, 0, 2);
    tcase_add_loop_test(tests, sighting_begins_anew_when_the_orphan_changed, 0, 2);
    tcase_add_test(tests, request_takes_over_the_first_look);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
