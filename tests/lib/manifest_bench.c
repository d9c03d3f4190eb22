#include "tests/lib/manifest_bench.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

struct manifest_bench manifest_bench;

static void tell(struct manifest_member *member, const char *mark, struct rp_view name,
                 const char *rest)
{
    size_t used = strlen(member->told);
    snprintf(member->told + used, sizeof member->told - used, "%s%.*s%s ", mark,
             (int)name.length_bytes, (const char *)name.bytes, rest);
}

static void on_registered(void *context, const struct rp_file_entry *entry,
                          const struct rp_file_entry *replaced)
{
    char lsn[32];
    snprintf(lsn, sizeof lsn, "@%d%s", (int)entry->lsn, replaced != NULL ? "r" : "");
    tell(context, "+", entry->path, lsn);
}

static void on_deleted(void *context, const struct rp_file_entry *removed, struct rp_view reason)
{
    char text[64];
    snprintf(text, sizeof text, "(%.*s)", (int)reason.length_bytes, (const char *)reason.bytes);
    tell(context, "-", removed->path, text);
}

static void on_node(void *context, const struct rp_node_record *record,
                    const struct rp_node_record *replaced)
{
    tell(context, "node ", record->id, replaced != NULL ? "r" : "");
}

static void on_node_gone(void *context, const struct rp_node_record *removed)
{
    tell(context, "gone ", removed->id, "");
}

struct manifest_member *manifest_member_new(enum rp_release release)
{
    struct manifest_member *member = calloc(1, sizeof *member);
    struct rp_manifest_events events = {member, on_registered, on_deleted, on_node, on_node_gone};
    ck_assert_int_eq(rp_manifest_new(rp_release_traits(release), &manifest_bench.memory.alloc,
                                     manifest_bench.pool, &events, &member->manifest),
                     0);
    return member;
}

void manifest_member_free(struct manifest_member *member)
{
    rp_manifest_free(member->manifest);
    free(member);
}

void manifest_bench_setup(void)
{
    test_alloc_init(&manifest_bench.memory);
    ck_assert_int_eq(rp_entry_pool_new(&manifest_bench.memory.alloc, &manifest_bench.pool), 0);
}

void manifest_bench_teardown(void)
{
    rp_entry_pool_free(manifest_bench.pool);
    ck_assert_uint_eq(manifest_bench.memory.live_count, 0);
}

/* ---- Helpers --------------------------------------------------------------------------------- */

struct rp_file_record manifest_record_of(const char *path, const char *database)
{
    struct rp_file_record file = {.path = rp_view_text(path),
                                  .sha256 = rp_view_text(HASH),
                                  .size_bytes = 10,
                                  .database = rp_view_text(database),
                                  .measurement = rp_view_text("cpu"),
                                  .partition_time = {1775923200, 0, 0},
                                  .origin_node_id = rp_view_text("writer-1"),
                                  .tier = rp_view_text("hot"),
                                  .created_at = {1775923201, 500, 0}};
    return file;
}

int manifest_apply_view(struct manifest_member *member, uint64_t index, struct rp_view command)
{
    return rp_manifest_apply(member->manifest, index, 1, command);
}

int manifest_apply_record(struct manifest_member *member, uint64_t index, enum rp_command_type type,
                          const struct rp_file_record *file)
{
    struct test_alloc own;
    test_alloc_init(&own);
    struct rp_buffer command;
    rp_buffer_init(&command, &own.alloc, 1 << 20);
    ck_assert_int_eq(rp_command_encode_register(&command, type, file), 0);
    int error = manifest_apply_view(member, index, rp_buffer_view(&command));
    rp_buffer_clear(&command);
    return error;
}

int manifest_put(struct manifest_member *member, uint64_t index, const char *path,
                 const char *database)
{
    struct rp_file_record file = manifest_record_of(path, database);
    return manifest_apply_record(member, index, RP_CMD_REGISTER_FILE, &file);
}

int manifest_drop(struct manifest_member *member, uint64_t index, const char *path)
{
    struct rp_buffer command;
    rp_buffer_init(&command, &manifest_bench.memory.alloc, 1 << 20);
    ck_assert_int_eq(
        rp_command_encode_delete(&command, rp_view_text(path), rp_view_text("retention")), 0);
    int error = manifest_apply_view(member, index, rp_buffer_view(&command));
    rp_buffer_clear(&command);
    return error;
}

struct rp_block *manifest_snapshot_of(const struct manifest_member *member)
{
    struct rp_block *block;
    ck_assert_int_eq(rp_manifest_snapshot(member->manifest, &block), 0);
    return block;
}
