/* Anti-entropy that deletes what it may not, for test_property.c; and what it may. */
#include "protocol/reconcile.h"
#include "tests/sim/bad_story.h"

#define GRACE_NS (3600 * RP_NS_PER_S)

/* The writer lost its own copy of a file that nobody else has, longer than the grace ago; or, with
 * `is_on_disk`, has a file that was deleted from the manifest. */
static const struct fake_file *orphan(struct sim_world *world, bool is_on_disk)
{
    struct rp_config *config = &world->pods[WRITER].config;
    config->is_reconciliation_enabled = true;
    config->reconciliation_grace_ns = GRACE_NS;
    config->reconciliation_delete_cap = 1;
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    if (is_on_disk) {
        fake_delete(world, "db/cpu/a");
    } else {
        ck_assert_int_eq(sim_store_remove(world->pods[WRITER].store, file->version.path), 0);
    }
    fake_pass(world, 2 * GRACE_NS);
    return file;
}

static void begin(struct sim_world *world, bool is_act)
{
    fake_see_value(world, WRITER, RP_SEE_RECONCILE_BEGIN, 1, is_act ? 1 : 0);
    fake_see_value(world, WRITER, RP_SEE_RECONCILE_LISTED, 1, 1);
}

static void delete_entry(struct sim_world *world, const struct fake_file *file)
{
    struct rp_observation seen = {
        .kind = RP_SEE_RECONCILE_DELETE,
        .path = file->version.path,
        .sha256 = rp_view_make(file->sha256, RP_SHA256_HEX),
        .lsn = file->lsn,
        .value = RP_RECONCILE_ENTRY,
        .value2 = GRACE_NS,
    };
    fake_see(world, WRITER, &seen);
}

static void delete_file(struct sim_world *world, const struct fake_file *file)
{
    fake_see_file(world, WRITER, RP_SEE_RECONCILE_DELETE, file, RP_RECONCILE_FILE, GRACE_NS);
}

static void deleted_in_a_dry_run(struct sim_world *world)
{
    const struct fake_file *file = orphan(world, false);
    begin(world, false);
    delete_entry(world, file);
}

static void deleted_against_the_configuration(struct sim_world *world)
{
    const struct fake_file *file = orphan(world, false);
    world->pods[WRITER].config.is_reconciliation_dry_run = true;
    begin(world, true);
    delete_entry(world, file);
}

static void deleted_after_the_run(struct sim_world *world)
{
    const struct fake_file *file = orphan(world, false);
    begin(world, true);
    fake_see_value(world, WRITER, RP_SEE_RECONCILE_END, 1, 0);
    delete_entry(world, file);
}

static void deleted_after_a_listing_with_gaps(struct sim_world *world)
{
    const struct fake_file *file = orphan(world, false);
    begin(world, true);
    fake_see_value(world, WRITER, RP_SEE_RECONCILE_LISTED, 1, 0);
    delete_entry(world, file);
}

static void storage_swept_first(struct sim_world *world)
{
    const struct fake_file *file = orphan(world, true);
    begin(world, true);
    delete_file(world, file);
}

static void more_than_the_cap(struct sim_world *world)
{
    const struct fake_file *file = orphan(world, true);
    begin(world, true);
    fake_see_value(world, WRITER, RP_SEE_RECONCILE_SWEPT, RP_RECONCILE_ENTRY, 0);
    delete_file(world, file);
    ck_assert_uint_eq(fake_violations(world, SIM_PROPERTY_COUNT), 0);
    delete_file(world, file);
}

static void young_file_deleted(struct sim_world *world)
{
    const struct fake_file *file = orphan(world, true);
    world->pods[WRITER].config.reconciliation_grace_ns = 3 * GRACE_NS;
    begin(world, true);
    fake_see_value(world, WRITER, RP_SEE_RECONCILE_SWEPT, RP_RECONCILE_ENTRY, 0);
    fake_see_file(world, WRITER, RP_SEE_RECONCILE_DELETE, file, RP_RECONCILE_FILE, 3 * GRACE_NS);
}

static void young_entry_deleted(struct sim_world *world)
{
    const struct fake_file *file = orphan(world, false);
    file = story_flushed(world, "db/cpu/a");
    ck_assert_int_eq(sim_store_remove(world->pods[WRITER].store, file->version.path), 0);
    begin(world, true);
    delete_entry(world, file);
}

static void deleted_at_an_unknown_age(struct sim_world *world)
{
    const struct fake_file *file = orphan(world, true);
    begin(world, true);
    fake_see_value(world, WRITER, RP_SEE_RECONCILE_SWEPT, RP_RECONCILE_ENTRY, 0);
    fake_see_file(world, WRITER, RP_SEE_RECONCILE_DELETE, file, RP_RECONCILE_FILE, 0);
}

static void registered_file_deleted(struct sim_world *world)
{
    (void)orphan(world, true);
    const struct fake_file *file = story_flushed(world, "db/cpu/b");
    fake_pass(world, 2 * GRACE_NS);
    begin(world, true);
    fake_see_value(world, WRITER, RP_SEE_RECONCILE_SWEPT, RP_RECONCILE_ENTRY, 0);
    delete_file(world, file);
}

static void entry_deleted_that_is_gone(struct sim_world *world)
{
    const struct fake_file *file = orphan(world, false);
    struct fake_file older = *file;
    older.lsn += 1;
    begin(world, true);
    delete_entry(world, &older);
}

static void held_entry_deleted(struct sim_world *world)
{
    const struct fake_file *file = orphan(world, false);
    story_pull(world, READER, file);
    begin(world, true);
    delete_entry(world, file);
}

const struct bad_story bad_of_reconcile[] = {
    {"deleted in a dry run", SIM_PROP_RECONCILE_CONSERVATIVE, deleted_in_a_dry_run},
    {"deleted against the configuration", SIM_PROP_RECONCILE_CONSERVATIVE,
     deleted_against_the_configuration},
    {"deleted after the run", SIM_PROP_RECONCILE_CONSERVATIVE, deleted_after_the_run},
    {"deleted after a listing with gaps", SIM_PROP_RECONCILE_CONSERVATIVE,
     deleted_after_a_listing_with_gaps},
    {"storage swept first", SIM_PROP_RECONCILE_CONSERVATIVE, storage_swept_first},
    {"more than the cap", SIM_PROP_RECONCILE_CONSERVATIVE, more_than_the_cap},
    {"young file deleted", SIM_PROP_RECONCILE_CONSERVATIVE, young_file_deleted},
    {"young entry deleted", SIM_PROP_RECONCILE_CONSERVATIVE, young_entry_deleted},
    {"deleted at an unknown age", SIM_PROP_RECONCILE_CONSERVATIVE, deleted_at_an_unknown_age},
    {"registered file deleted", SIM_PROP_RECONCILE_CONSERVATIVE, registered_file_deleted},
    {"entry deleted that is gone", SIM_PROP_RECONCILE_CONSERVATIVE, entry_deleted_that_is_gone},
    {"held entry deleted", SIM_PROP_RECONCILE_CONSERVATIVE, held_entry_deleted},
};
const size_t bad_of_reconcile_count = sizeof bad_of_reconcile / sizeof bad_of_reconcile[0];
