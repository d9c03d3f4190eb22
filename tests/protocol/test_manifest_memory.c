/* protocol/manifest*.c: deletions that are remembered, roles, and snapshots of both
 * (behaviour.md 1.1, 1.6; invariants.md, no-resurrection) */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/error.h"
#include "protocol/limits.h"
#include "protocol/manifest.h"
#include "tests/lib/test_alloc.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))
#define HASH        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* ---- Fixture --------------------------------------------------------------------------------- */

static struct test_alloc memory;
static struct rp_entry_pool *pool;

static struct rp_manifest *manifest_new(enum rp_release release)
{
    struct rp_manifest *manifest = NULL;
    ck_assert_int_eq(
        rp_manifest_new(rp_release_traits(release), &memory.alloc, pool, NULL, &manifest), 0);
    return manifest;
}

static void setup(void)
{
    test_alloc_init(&memory);
    ck_assert_int_eq(rp_entry_pool_new(&memory.alloc, &pool), 0);
}

static void teardown(void)
{
    rp_entry_pool_free(pool);
    ck_assert_uint_eq(memory.live_count, 0);
}

/* ---- Helpers --------------------------------------------------------------------------------- */

static struct rp_file_record record_of(const char *path)
{
    struct rp_file_record file = {.path = rp_view_text(path),
                                  .sha256 = rp_view_text(HASH),
                                  .size_bytes = 10,
                                  .database = rp_view_text("db"),
                                  .measurement = rp_view_text("cpu"),
                                  .origin_node_id = rp_view_text("writer-1"),
                                  .tier = rp_view_text("hot"),
                                  .created_at = {1775923201, 500, 0}};
    return file;
}

static int apply_buffer(struct rp_manifest *manifest, uint64_t index, struct rp_buffer *command)
{
    int result = rp_manifest_apply(manifest, index, 1, rp_buffer_view(command));
    rp_buffer_clear(command);
    return result;
}

static int put(struct rp_manifest *manifest, uint64_t index, const char *path)
{
    struct rp_buffer command;
    struct rp_file_record file = record_of(path);
    rp_buffer_init(&command, &memory.alloc, 1 << 20);
    ck_assert_int_eq(rp_command_encode_register(&command, RP_CMD_REGISTER_FILE, &file), 0);
    return apply_buffer(manifest, index, &command);
}

static int drop(struct rp_manifest *manifest, uint64_t index, const char *path)
{
    struct rp_buffer command;
    rp_buffer_init(&command, &memory.alloc, 1 << 20);
    ck_assert_int_eq(
        rp_command_encode_delete(&command, rp_view_text(path), rp_view_text("retention")), 0);
    return apply_buffer(manifest, index, &command);
}

static int add_node(struct rp_manifest *manifest, uint64_t index, const char *id, const char *role)
{
    struct rp_buffer command;
    struct rp_node_record node;
    memset(&node, 0, sizeof node);
    node.id = rp_view_text(id);
    node.role = rp_view_text(role);
    node.state = rp_view_text("healthy");
    rp_buffer_init(&command, &memory.alloc, 1 << 20);
    ck_assert_int_eq(rp_command_encode_node(&command, RP_CMD_ADD_NODE, &node), 0);
    return apply_buffer(manifest, index, &command);
}

static int remove_node(struct rp_manifest *manifest, uint64_t index, const char *id)
{
    struct rp_buffer command;
    rp_buffer_init(&command, &memory.alloc, 1 << 20);
    ck_assert_int_eq(rp_command_encode_remove_node(&command, rp_view_text(id)), 0);
    return apply_buffer(manifest, index, &command);
}

static int give_role(struct rp_manifest *manifest, uint64_t index, enum rp_command_type type,
                     const char *id, const char *former)
{
    struct rp_buffer command;
    rp_buffer_init(&command, &memory.alloc, 1 << 20);
    ck_assert_int_eq(rp_command_encode_role(&command, type, rp_view_text(id), rp_view_text(former)),
                     0);
    return apply_buffer(manifest, index, &command);
}

static uint64_t deletion(const struct rp_manifest *manifest, const char *path)
{
    return rp_manifest_deletion(manifest, rp_view_text(path));
}

static void copy_by_snapshot(const struct rp_manifest *source, struct rp_manifest *target)
{
    struct rp_block *block = NULL;
    ck_assert_int_eq(rp_manifest_snapshot(source, &block), 0);
    ck_assert_int_eq(
        rp_manifest_restore(target, rp_view_make(block->bytes, block->length_bytes), 0), 0);
    rp_block_release(block);
}

static void assert_same(const struct rp_manifest *left, const struct rp_manifest *right)
{
    struct rp_digest a = rp_manifest_digest(left);
    struct rp_digest b = rp_manifest_digest(right);
    ck_assert_uint_eq(a.low, b.low);
    ck_assert_uint_eq(a.high, b.high);
}

static void assert_id(const struct rp_node_record *record, const char *id)
{
    ck_assert_ptr_nonnull(record);
    ck_assert(rp_view_equal(record->id, rp_view_text(id)));
}

/* ---- Deletions ------------------------------------------------------------------------------- */

/* A deletion is known by its log index until the path is registered again; a delete of what was never
 * there leaves no trace. */
START_TEST(deletion_is_remembered_until_the_path_is_back)
{
    struct rp_manifest *manifest = manifest_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(put(manifest, 1, "db/a"), 0);
    ck_assert_uint_eq(deletion(manifest, "db/a"), 0);
    ck_assert_int_eq(drop(manifest, 2, "db/a"), 0);
    ck_assert_int_eq(drop(manifest, 3, "db/never"), 0);
    ck_assert_int_eq(drop(manifest, 4, "db/a"), 0);
    ck_assert_uint_eq(deletion(manifest, "db/a"), 2);
    ck_assert_uint_eq(deletion(manifest, "db/never"), 0);
    ck_assert_int_eq(put(manifest, 5, "db/a"), 0);
    ck_assert_uint_eq(deletion(manifest, "db/a"), 0);
    ck_assert_uint_eq(rp_manifest_deletion_count(manifest), 0);
    rp_manifest_free(manifest);
}
END_TEST

/* The reference forgets; its members and ours agree on everything else, digests included. */
START_TEST(releases_that_forget_agree_on_the_rest)
{
    struct rp_manifest *current = manifest_new(RP_RELEASE_CURRENT);
    struct rp_manifest *arc = manifest_new(RP_RELEASE_ARC);
    struct rp_manifest *both[] = {current, arc};
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(put(both[i], 1, "db/a"), 0);
        ck_assert_int_eq(put(both[i], 2, "db/b"), 0);
        ck_assert_int_eq(drop(both[i], 3, "db/a"), 0);
    }
    ck_assert_uint_eq(rp_manifest_deletion_count(current), 1);
    ck_assert_uint_eq(rp_manifest_deletion_count(arc), 0);
    assert_same(current, arc);
    copy_by_snapshot(current, arc);
    ck_assert_uint_eq(rp_manifest_deletion_count(arc), 0);
    copy_by_snapshot(arc, current);
    ck_assert_uint_eq(rp_manifest_deletion_count(current), 0);
    assert_same(current, arc);
    rp_manifest_free(current);
    rp_manifest_free(arc);
}
END_TEST

/* A member that comes by snapshot knows what one that saw the log knows, bytes included. */
START_TEST(snapshot_carries_deletions)
{
    struct rp_manifest *source = manifest_new(RP_RELEASE_CURRENT);
    struct rp_manifest *target = manifest_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(put(source, 1, "db/a"), 0);
    ck_assert_int_eq(put(source, 2, "db/b"), 0);
    ck_assert_int_eq(drop(source, 3, "db/b"), 0);
    ck_assert_int_eq(drop(source, 4, "db/a"), 0);
    copy_by_snapshot(source, target);
    ck_assert_uint_eq(deletion(target, "db/b"), 3);
    ck_assert_uint_eq(deletion(target, "db/a"), 4);
    struct rp_block *first = NULL;
    struct rp_block *second = NULL;
    ck_assert_int_eq(rp_manifest_snapshot(source, &first), 0);
    ck_assert_int_eq(rp_manifest_snapshot(target, &second), 0);
    ck_assert_uint_eq(first->length_bytes, second->length_bytes);
    ck_assert_mem_eq(first->bytes, second->bytes, first->length_bytes);
    rp_block_release(first);
    rp_block_release(second);
    rp_manifest_free(source);
    rp_manifest_free(target);
}
END_TEST

/* Memory is bounded: with one deletion more than there is room for, the oldest is forgotten, on every
 * member the same. */
START_TEST(oldest_deletion_goes_first)
{
    struct rp_manifest *manifest = manifest_new(RP_RELEASE_CURRENT);
    char path[32];
    uint64_t index = 0;
    for (unsigned i = 0; i <= RP_DELETION_MEMORY_MAX; i++) {
        snprintf(path, sizeof path, "db/%06u", (i * 7919u) % (RP_DELETION_MEMORY_MAX + 1));
        ck_assert_int_eq(put(manifest, ++index, path), 0);
        ck_assert_int_eq(drop(manifest, ++index, path), 0);
    }
    ck_assert_uint_eq(rp_manifest_deletion_count(manifest), RP_DELETION_MEMORY_MAX);
    ck_assert_uint_eq(deletion(manifest, "db/000000"), 0);
    ck_assert_uint_eq(deletion(manifest, "db/007919"), 4);
    rp_manifest_free(manifest);
}
END_TEST

/* ---- Roles ----------------------------------------------------------------------------------- */

/* PromoteWriter, DemoteWriter, AssignCompactor: at most one of each, carried by id through a new
 * record of the node, and empty when it goes. */
START_TEST(roles_follow_commands_and_nodes)
{
    struct rp_manifest *manifest = manifest_new(RP_RELEASE_CURRENT);
    ck_assert_ptr_null(rp_manifest_primary_writer(manifest));
    ck_assert_int_eq(add_node(manifest, 1, "w1", "writer"), 0);
    ck_assert_int_eq(add_node(manifest, 2, "w2", "writer"), 0);
    ck_assert_int_eq(add_node(manifest, 3, "c1", "compactor"), 0);
    ck_assert_ptr_null(rp_manifest_active_compactor(manifest));
    ck_assert_int_eq(give_role(manifest, 4, RP_CMD_PROMOTE_WRITER, "w1", ""), 0);
    ck_assert_int_eq(give_role(manifest, 5, RP_CMD_ASSIGN_COMPACTOR, "c1", ""), 0);
    assert_id(rp_manifest_primary_writer(manifest), "w1");
    assert_id(rp_manifest_active_compactor(manifest), "c1");
    ck_assert_int_eq(give_role(manifest, 6, RP_CMD_PROMOTE_WRITER, "w2", "w1"), 0);
    assert_id(rp_manifest_primary_writer(manifest), "w2");
    const struct rp_node_record *w1 = rp_manifest_node(manifest, rp_view_text("w1"));
    ck_assert(rp_view_equal(w1->writer_state, rp_view_text("standby")));
    ck_assert_int_eq(add_node(manifest, 7, "c1", "compactor"), 0);
    assert_id(rp_manifest_active_compactor(manifest), "c1");
    ck_assert_int_eq(remove_node(manifest, 8, "c1"), 0);
    ck_assert_ptr_null(rp_manifest_active_compactor(manifest));
    ck_assert_int_eq(give_role(manifest, 9, RP_CMD_DEMOTE_WRITER, "w1", ""), 0);
    assert_id(rp_manifest_primary_writer(manifest), "w2");
    ck_assert_int_eq(give_role(manifest, 10, RP_CMD_DEMOTE_WRITER, "w2", ""), 0);
    ck_assert_ptr_null(rp_manifest_primary_writer(manifest));
    rp_manifest_free(manifest);
}
END_TEST

/* Nobody can have a role but a node that is known; an empty id takes the compactor's away. */
START_TEST(role_of_a_stranger_is_refused)
{
    struct rp_manifest *manifest = manifest_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(add_node(manifest, 1, "c1", "compactor"), 0);
    ck_assert_int_eq(give_role(manifest, 2, RP_CMD_ASSIGN_COMPACTOR, "c1", ""), 0);
    struct rp_digest before = rp_manifest_digest(manifest);
    ck_assert_int_eq(give_role(manifest, 3, RP_CMD_ASSIGN_COMPACTOR, "c9", "c1"), RP_ERR_NOT_FOUND);
    ck_assert_int_eq(give_role(manifest, 4, RP_CMD_PROMOTE_WRITER, "w9", ""), RP_ERR_NOT_FOUND);
    struct rp_digest after = rp_manifest_digest(manifest);
    ck_assert_uint_eq(before.low, after.low);
    assert_id(rp_manifest_active_compactor(manifest), "c1");
    ck_assert_int_eq(give_role(manifest, 5, RP_CMD_ASSIGN_COMPACTOR, "", "c1"), 0);
    ck_assert_ptr_null(rp_manifest_active_compactor(manifest));
    rp_manifest_free(manifest);
}
END_TEST

/* The primary is part of what all members agree on. The first releases do not know AssignCompactor:
 * they refuse it, and agree with the others all the same. */
START_TEST(releases_agree_whatever_they_know_of_roles)
{
    struct rp_manifest *current = manifest_new(RP_RELEASE_CURRENT);
    struct rp_manifest *phase3 = manifest_new(RP_RELEASE_PHASE3);
    struct rp_manifest *both[] = {current, phase3};
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(add_node(both[i], 1, "w1", "writer"), 0);
        ck_assert_int_eq(add_node(both[i], 2, "c1", "compactor"), 0);
        ck_assert_int_eq(give_role(both[i], 3, RP_CMD_ASSIGN_COMPACTOR, "c1", ""),
                         i == 0 ? 0 : RP_ERR_UNKNOWN_TYPE);
    }
    assert_same(current, phase3);
    struct rp_digest before = rp_manifest_digest(current);
    ck_assert_int_eq(give_role(current, 4, RP_CMD_PROMOTE_WRITER, "w1", ""), 0);
    ck_assert_int_eq(give_role(phase3, 4, RP_CMD_PROMOTE_WRITER, "w1", ""), 0);
    assert_same(current, phase3);
    ck_assert_uint_ne(before.low, rp_manifest_digest(current).low);
    rp_manifest_free(current);
    rp_manifest_free(phase3);
}
END_TEST

/* Roles survive our snapshot, and are read from Arc's form whatever the order of its keys. */
START_TEST(roles_survive_snapshots)
{
    static const char JSON[] =
        "{\"active_compactor_id\":\"c1\",\"primary_writer_id\":\"w1\",\"nodes\":{"
        "\"w1\":{\"id\":\"w1\",\"role\":\"writer\"},\"c1\":{\"id\":\"c1\"}},\"files\":null}";
    struct rp_manifest *source = manifest_new(RP_RELEASE_CURRENT);
    struct rp_manifest *target = manifest_new(RP_RELEASE_ARC);
    ck_assert_int_eq(rp_manifest_restore(source, rp_view_text(JSON), 7), 0);
    assert_id(rp_manifest_primary_writer(source), "w1");
    assert_id(rp_manifest_active_compactor(source), "c1");
    copy_by_snapshot(source, target);
    assert_id(rp_manifest_primary_writer(target), "w1");
    assert_id(rp_manifest_active_compactor(target), "c1");
    assert_same(source, target);
    rp_manifest_free(source);
    rp_manifest_free(target);
}
END_TEST

static const struct {
    const char *name;
    const char *value;
} ODD_ROLES[] = {
    {"a number", "7"},        {"null", "null"},
    {"a list", "[\"w1\"]"},   {"an object", "{\"id\":\"w1\"}"},
    {"a stranger", "\"w9\""}, {"an escape", "\"\\u0000\""},
};

/* What stands in a foreign snapshot where an id should be gives nobody a role, and no crash. */
START_TEST(odd_role_in_a_snapshot_is_nobody)
{
    char json[256];
    struct rp_manifest *manifest = manifest_new(RP_RELEASE_CURRENT);
    snprintf(json, sizeof json, "{\"nodes\":{\"w1\":{\"id\":\"w1\"}},\"primary_writer_id\":%s}",
             ODD_ROLES[_i].value);
    ck_assert_msg(rp_manifest_restore(manifest, rp_view_text(json), 7) == 0, "%s",
                  ODD_ROLES[_i].name);
    ck_assert_msg(rp_manifest_primary_writer(manifest) == NULL, "%s", ODD_ROLES[_i].name);
    ck_assert_ptr_nonnull(rp_manifest_node(manifest, rp_view_text("w1")));
    rp_manifest_free(manifest);
}
END_TEST

/* ---- Reads ----------------------------------------------------------------------------------- */

/* TestFSMGetNodesByRole, GetAllNodes, CloneIsolation: pages of nodes in id order, and records that
 * were taken stay what they were. */
START_TEST(nodes_are_read_as_copies)
{
    struct rp_manifest *manifest = manifest_new(RP_RELEASE_CURRENT);
    const struct rp_node_record *page[4];
    ck_assert_int_eq(add_node(manifest, 1, "w2", "writer"), 0);
    ck_assert_int_eq(add_node(manifest, 2, "r1", "reader"), 0);
    ck_assert_int_eq(add_node(manifest, 3, "w1", "writer"), 0);
    ck_assert_uint_eq(rp_manifest_node_page(manifest, rp_view_text(""), page, 4), 3);
    assert_id(page[0], "r1");
    assert_id(page[2], "w2");
    ck_assert_int_eq(add_node(manifest, 4, "r1", "compactor"), 0);
    ck_assert_int_eq(remove_node(manifest, 5, "w2"), 0);
    ck_assert(rp_view_equal(page[0]->role, rp_view_text("reader")));
    ck_assert(rp_view_equal(page[2]->id, rp_view_text("w2")));
    for (int i = 0; i < 3; i++) {
        rp_node_record_release(page[i]);
    }
    ck_assert_uint_eq(rp_manifest_node_page(manifest, rp_view_text("r1"), page, 4), 1);
    assert_id(page[0], "w1");
    rp_node_record_release(page[0]);
    rp_manifest_free(manifest);
}
END_TEST

/* Pages of a manifest that changes between them: each entry that is there throughout comes exactly
 * once, in order, and the pages cost no more than their entries. bench_manifest has the size. */
START_TEST(pages_survive_mutations)
{
    enum { COUNT = 20000, PAGE = 1000 };
    static const struct rp_file_entry *page[PAGE];
    struct rp_manifest *manifest = manifest_new(RP_RELEASE_CURRENT);
    char path[32];
    char last[32] = "";
    uint64_t index = 0;
    unsigned kept = 0;
    unsigned changes = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(path, sizeof path, "db/%06u", i);
        ck_assert_int_eq(put(manifest, ++index, path), 0);
    }
    for (size_t got = PAGE; got == PAGE;) {
        got = rp_manifest_page(manifest, rp_view_text(last), page, PAGE);
        for (size_t i = 0; i < got; i++) {
            char text[32];
            snprintf(text, sizeof text, "%.*s", (int)page[i]->path.length_bytes,
                     (const char *)page[i]->path.bytes);
            ck_assert_str_gt(text, last);
            memcpy(last, text, sizeof last);
            kept += strlen(text) == 9 && (text[8] - '0') % 2 == 1; /* odd ones are never touched */
            rp_file_entry_release(page[i]);
        }
        for (unsigned i = 0; i < 100; i++, changes++) {
            unsigned number = (changes * 7919u) % COUNT / 2 * 2;
            snprintf(path, sizeof path, i % 2 == 0 ? "db/%06u" : "db/%06u-new", number);
            int error = i % 2 == 0 ? drop(manifest, ++index, path) : put(manifest, ++index, path);
            ck_assert_int_eq(error, 0);
        }
    }
    ck_assert_uint_eq(kept, COUNT / 2);
    rp_manifest_free(manifest);
}
END_TEST

/* ---- Commands -------------------------------------------------------------------------------- */

static int apply_text(struct rp_manifest *manifest, uint64_t index, const char *text)
{
    return rp_manifest_apply(manifest, index, 1, rp_view_text(text));
}

static int update(struct rp_manifest *manifest, uint64_t index, const struct rp_file_record *file)
{
    struct rp_buffer command;
    rp_buffer_init(&command, &memory.alloc, 1 << 20);
    ck_assert_int_eq(rp_command_encode_register(&command, RP_CMD_UPDATE_FILE, file), 0);
    return apply_buffer(manifest, index, &command);
}

/* TestApplyUpdateFile_RejectsMaliciousPath, RejectsZeroCreatedAt, BumpsLSN. */
START_TEST(update_is_judged_as_a_register)
{
    static const enum rp_release releases[] = {RP_RELEASE_ARC, RP_RELEASE_CURRENT};
    struct rp_manifest *manifest = manifest_new(releases[_i]);
    struct rp_file_record fine = record_of("db/a");
    struct rp_file_record evil = record_of("db/../../a");
    struct rp_file_record timeless = record_of("db/a");
    timeless.created_at = (struct rp_wall_time){RP_TIME_ZERO_UNIX_S, 0, 0};
    ck_assert_int_eq(update(manifest, 1, &fine), 0);
    ck_assert_int_eq(update(manifest, 2, &evil), RP_ERR_INVALID);
    ck_assert_int_eq(update(manifest, 3, &timeless), RP_ERR_INVALID);
    ck_assert_uint_eq(rp_manifest_file(manifest, fine.path)->lsn, 1);
    ck_assert_int_eq(update(manifest, 4, &fine), 0);
    ck_assert_uint_eq(rp_manifest_file(manifest, fine.path)->lsn, 4);
    ck_assert_uint_eq(rp_manifest_file_count(manifest), 1);
    ck_assert_uint_eq(rp_manifest_refused_count(manifest), 2);
    rp_manifest_free(manifest);
}
END_TEST

/* TestApplyRegisterFile_MixedBatchIsolatesMaliciousEntries: refused commands between others leave no
 * trace but the count. */
START_TEST(refused_commands_leave_the_others_alone)
{
    static const char *const paths[] = {"db/a",          "/etc/passwd", "db/b",
                                        "db\\..\\..\\x", "s3://b/c",    "db/c"};
    struct rp_manifest *manifest = manifest_new(RP_RELEASE_ARC);
    for (int i = 0; i < ROWS(paths); i++) {
        rp_ignore(put(manifest, (uint64_t)i + 1, paths[i]));
    }
    ck_assert_uint_eq(rp_manifest_file_count(manifest), 3);
    ck_assert_uint_eq(rp_manifest_refused_count(manifest), 3);
    ck_assert_ptr_nonnull(rp_manifest_file(manifest, rp_view_text("db/c")));
    rp_manifest_free(manifest);
}
END_TEST

/* TestApplyBatchFileOps_RejectsMalformedDeletePayload: {"path":7} after a good register; the whole
 * batch is refused. */
START_TEST(batch_with_malformed_delete_changes_nothing)
{
    struct rp_manifest *manifest = manifest_new(RP_RELEASE_CURRENT);
    struct rp_file_record file = record_of("db/a");
    struct rp_batch_operation operation = {.type = RP_CMD_REGISTER_FILE, .file = &file};
    struct rp_buffer command;
    rp_buffer_init(&command, &memory.alloc, 1 << 20);
    ck_assert_int_eq(rp_command_encode_batch(&command, &operation, 1), 0);
    ck_assert_int_eq(apply_buffer(manifest, 1, &command), 0);
    ck_assert_int_eq(drop(manifest, 2, "db/a"), 0);
    /* {"ops":[{"type":8,"payload":"eyJwYXRoIjoiZGIvYSJ9"},{"type":8,"payload":"eyJwYXRoIjo3fQ=="}]} */
    ck_assert_int_eq(put(manifest, 3, "db/a"), 0);
    ck_assert_int_eq(
        apply_text(
            manifest, 4,
            "{\"type\":10,\"payload\":\"eyJvcHMiOlt7InR5cGUiOjgsInBheWxvYWQiOiJleUp3WVhSb0lqb2"
            "laR0l2WVNKOSJ9LHsidHlwZSI6OCwicGF5bG9hZCI6ImV5SndZWFJvSWpvM2ZRPT0ifV19\"}"),
        RP_ERR_TYPE);
    ck_assert_uint_eq(rp_manifest_file_count(manifest), 1);
    rp_manifest_free(manifest);
}
END_TEST

/* ---- Lack of memory -------------------------------------------------------------------------- */

/* The k-th allocation fails while a file is deleted and a role is given: nothing changed, no leak. */
START_TEST(lack_of_memory_changes_nothing)
{
    int error = RP_ERR_NOMEM;
    for (size_t k = 1; error != 0; k++) {
        ck_assert_uint_lt(k, 1000);
        setup();
        struct rp_buffer command;
        struct rp_manifest *manifest = manifest_new(RP_RELEASE_CURRENT);
        ck_assert_int_eq(add_node(manifest, 1, "c1", "compactor"), 0);
        ck_assert_int_eq(put(manifest, 2, "db/a"), 0);
        rp_buffer_init(&command, &memory.alloc, 1 << 20);
        ck_assert_int_eq(
            _i == 0 ? rp_command_encode_delete(&command, rp_view_text("db/a"), rp_view_text(""))
                    : rp_command_encode_role(&command, RP_CMD_ASSIGN_COMPACTOR, rp_view_text("c1"),
                                             rp_view_text("")),
            0);
        memory.call_count = 0;
        memory.fail_at = k;
        error = rp_manifest_apply(manifest, 3, 1, rp_buffer_view(&command));
        size_t call_count = memory.call_count;
        memory.fail_at = 0;
        ck_assert(error == 0 || error == RP_ERR_NOMEM);
        ck_assert_uint_eq(rp_manifest_file_count(manifest), error == 0 && _i == 0 ? 0 : 1);
        ck_assert_uint_eq(rp_manifest_deletion_count(manifest), error == 0 && _i == 0 ? 1 : 0);
        ck_assert_int_eq(rp_manifest_active_compactor(manifest) != NULL, error == 0 && _i == 1);
        rp_buffer_clear(&command);
        rp_manifest_free(manifest);
        teardown();
        if (error == 0 && call_count >= k) {
            error = RP_ERR_NOMEM; /* only the pool did not remember it */
        }
    }
}
END_TEST

/* ---- Main ------------------------------------------------------------------------------------ */

int main(void)
{
    Suite *suite = suite_create("manifest_memory");
    TCase *tc = tcase_create("manifest_memory");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, deletion_is_remembered_until_the_path_is_back);
    tcase_add_test(tc, releases_that_forget_agree_on_the_rest);
    tcase_add_test(tc, snapshot_carries_deletions);
    tcase_add_test(tc, oldest_deletion_goes_first);
    tcase_add_test(tc, roles_follow_commands_and_nodes);
    tcase_add_test(tc, role_of_a_stranger_is_refused);
    tcase_add_test(tc, releases_agree_whatever_they_know_of_roles);
    tcase_add_test(tc, roles_survive_snapshots);
    tcase_add_loop_test(tc, odd_role_in_a_snapshot_is_nobody, 0, ROWS(ODD_ROLES));
    tcase_add_test(tc, nodes_are_read_as_copies);
    tcase_add_test(tc, pages_survive_mutations);
    tcase_add_loop_test(tc, update_is_judged_as_a_register, 0, 2);
    tcase_add_test(tc, refused_commands_leave_the_others_alone);
    tcase_add_test(tc, batch_with_malformed_delete_changes_nothing);
    suite_add_tcase(suite, tc);
    TCase *failing = tcase_create("memory");
    tcase_add_loop_test(failing, lack_of_memory_changes_nothing, 0, 2);
    suite_add_tcase(suite, failing);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
