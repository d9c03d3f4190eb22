/* Stories that break what is said of the manifest, of the walk, and of crashes. */
#include "protocol/error.h"
#include "tests/sim/bad_story.h"

/* ---- Entries ---------------------------------------------------------------------------------- */

/* A reader of an older release, which takes almost anything. */
static void make_old(struct sim_world *world, enum rp_release release)
{
    world->pods[READER].release = release;
    fake_life_begins(world, READER);
}

static void negative_size(struct sim_world *world)
{
    make_old(world, RP_RELEASE_ARC);
    struct fake_file file = *fake_version(world, "db/cpu/a");
    file.version.length_bytes = UINT64_MAX;
    fake_apply(world, READER, 1, &file);
}

static void hash_that_is_none(struct sim_world *world)
{
    make_old(world, RP_RELEASE_ARC);
    struct fake_file file = *fake_version(world, "db/cpu/a");
    file.version.sha256 = rp_view_text("abc");
    fake_apply(world, READER, 1, &file);
}

static void path_that_leads_out(struct sim_world *world)
{
    make_old(world, RP_RELEASE_PHASE2);
    fake_apply(world, READER, 1, fake_version(world, "db\\..\\a"));
}

static void refusal_that_nobody_counts(struct sim_world *world)
{
    struct rp_observation seen = {.kind = RP_SEE_APPLIED, .value = 5, .error = RP_ERR_INVALID};
    fake_see(world, READER, &seen);
}

static void refusal_with_an_effect(struct sim_world *world)
{
    fake_apply(world, READER, 1, fake_version(world, "db/cpu/a"));
    world->applied_error = RP_ERR_NOMEM;
    fake_apply(world, READER, 2, fake_version(world, "db/cpu/b"));
}

/* ---- Callbacks -------------------------------------------------------------------------------- */

static void change_told_twice(struct sim_world *world)
{
    world->extra_callbacks = 1;
    fake_apply(world, READER, 1, fake_version(world, "db/cpu/a"));
}

static void change_not_told(struct sim_world *world)
{
    world->extra_callbacks = -1;
    fake_apply(world, READER, 1, fake_version(world, "db/cpu/a"));
}

static void told_out_of_order(struct sim_world *world)
{
    struct rp_observation seen = {
        .kind = RP_SEE_FILE_DELETED, .path = rp_view_text("db/cpu/a"), .value = 9};
    fake_see(world, READER, &seen);
    seen.path = rp_view_text("db/cpu/b");
    seen.value = 8;
    fake_see(world, READER, &seen);
}

static void told_of_what_is_not(struct sim_world *world)
{
    struct rp_observation seen = {
        .kind = RP_SEE_FILE_REGISTERED, .path = rp_view_text("db/cpu/a"), .lsn = 9, .value = 9};
    fake_see(world, READER, &seen);
    fake_see_value(world, READER, RP_SEE_APPLIED, 9, 1);
}

/* ---- States ----------------------------------------------------------------------------------- */

/* Entries are immutable; a stray write is what these stories are of. */
static struct rp_file_entry *entry_of(struct sim_world *world)
{
    const struct rp_file_entry *entry =
        rp_manifest_file(world->pods[READER].node.manifest, rp_view_text("db/cpu/a"));
    return (struct rp_file_entry *)(uintptr_t)entry;
}

static void all_have_a_file(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_pull(world, READER, file);
    story_pull(world, OTHER, file);
    story_all_ready(world);
}

static void index_differs_from_entry(struct sim_world *world)
{
    all_have_a_file(world);
    const struct fake_file *other = story_flushed(world, "db/cpu/b");
    story_pull(world, READER, other);
    story_pull(world, OTHER, other);
    entry_of(world)->path = rp_view_text("db/cpu/c");
    story_rest(world);
}

static void snapshot_of_another_state(struct sim_world *world)
{
    all_have_a_file(world);
    entry_of(world)->size_bytes += 1;
    story_rest(world);
}

/* ---- The walk --------------------------------------------------------------------------------- */

static void second_walk(struct sim_world *world)
{
    story_all_ready(world);
    fake_see_value(world, READER, RP_SEE_WALK_BEGIN, 0, 0);
}

static void walk_where_none_is_configured(struct sim_world *world)
{
    world->pods[READER].config.is_replication_catchup_enabled = false;
    fake_see_value(world, READER, RP_SEE_WALK_BEGIN, 0, 0);
}

static void walk_that_skips(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    (void)story_flushed(world, "db/cpu/b");
    fake_see_value(world, READER, RP_SEE_WALK_BEGIN, 2, 2);
    fake_see_file(world, READER, RP_SEE_ANNOUNCED, file, RP_ANNOUNCE_DUPLICATE, RP_ANNOUNCE_WALK);
    fake_see_value(world, READER, RP_SEE_WALK_END, 2, 1);
}

static void walk_complete_in_the_stop(struct sim_world *world)
{
    fake_see_value(world, READER, RP_SEE_WALK_BEGIN, 0, 0);
    fake_see_value(world, READER, RP_SEE_STOP_BEGIN, 0, 0);
    fake_see_value(world, READER, RP_SEE_WALK_END, 0, 1);
}

static void walk_without_end(struct sim_world *world)
{
    story_become_ready(world, WRITER);
    story_become_ready(world, OTHER);
    fake_see_value(world, READER, RP_SEE_WALK_BEGIN, 0, 0);
    fake_see_value(world, READER, RP_SEE_READY, 1, 0);
    world->pods[READER].node.inspection.is_ready = true;
    story_rest(world);
}

/* ---- Crashes ---------------------------------------------------------------------------------- */

static void loss_that_nobody_noticed(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_pull(world, READER, file);
    story_crash(world, WRITER);
    story_crash(world, READER);
    ck_assert_int_eq(sim_store_remove(world->pods[READER].store, file->version.path), 0);
    fake_pass(world, 1);
    fake_life_begins(world, READER);
    fake_apply(world, READER, 1, file);
    story_rest(world);
}

static void pulled_though_the_sync_failed(struct sim_world *world)
{
    const struct fake_file *file = story_flushed(world, "db/cpu/a");
    story_announce(world, READER, file);
    story_pull_begin(world, READER, file);
    story_attempt(world, READER, file, 1);
    story_try_peer(world, READER, file, "writer-1", 1, RP_FETCH_OK);
    fake_see_file(world, READER, RP_SEE_PUBLISH_BEGIN, file, 0, 0);
    fake_publish(world, READER, file);
    struct rp_observation seen = {
        .kind = RP_SEE_PUBLISHED, .path = file->version.path, .error = RP_ERR_IO};
    fake_see(world, READER, &seen);
    story_pull_end(world, READER, file, RP_PULL_PULLED, 1);
}

const struct bad_story bad_of_state[] = {
    {"negative size", SIM_PROP_MANIFEST_CLEAN, negative_size},
    {"hash that is none", SIM_PROP_MANIFEST_CLEAN, hash_that_is_none},
    {"path that leads out", SIM_PROP_MANIFEST_CLEAN, path_that_leads_out},
    {"refusal that nobody counts", SIM_PROP_MANIFEST_CLEAN, refusal_that_nobody_counts},
    {"refusal with an effect", SIM_PROP_ALL_OR_NOTHING, refusal_with_an_effect},
    {"change told twice", SIM_PROP_CALLBACK_ORDER, change_told_twice},
    {"change not told", SIM_PROP_CALLBACK_ORDER, change_not_told},
    {"told out of order", SIM_PROP_CALLBACK_ORDER, told_out_of_order},
    {"told of what is not", SIM_PROP_CALLBACK_ORDER, told_of_what_is_not},
    {"index differs from entry", SIM_PROP_INDEX_CONSISTENT, index_differs_from_entry},
    {"snapshot of another state", SIM_PROP_APPLY_DETERMINISTIC, snapshot_of_another_state},
    {"second walk", SIM_PROP_WALK_COMPLETE, second_walk},
    {"walk where none is configured", SIM_PROP_WALK_COMPLETE, walk_where_none_is_configured},
    {"walk that skips", SIM_PROP_WALK_COMPLETE, walk_that_skips},
    {"walk complete in the stop", SIM_PROP_WALK_COMPLETE, walk_complete_in_the_stop},
    {"walk without end", SIM_PROP_WALK_ENDS, walk_without_end},
    {"loss that nobody noticed", SIM_PROP_CRASH_DURABLE, loss_that_nobody_noticed},
    {"pulled though the sync failed", SIM_PROP_CRASH_DURABLE, pulled_though_the_sync_failed},
};
const size_t bad_of_state_count = sizeof bad_of_state / sizeof bad_of_state[0];
