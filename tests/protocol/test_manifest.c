/* protocol/manifest.c, manifest_tree.c, manifest_state.c, manifest_snapshot.c, entry_pool.c:
 * behaviour.md 1 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/error.h"
#include "protocol/json.h"
#include "protocol/manifest.h"
#include "protocol/manifest_state.h"
#include "tests/lib/test_alloc.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))
#define HASH        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* ---- Fixture --------------------------------------------------------------------------------- */

/* What callbacks said, one line each: "+path@lsn", "-path(reason)", "node id", "gone id". */
struct member {
    struct rp_manifest *manifest;
    char told[4096];
};

static struct test_alloc memory;
static struct rp_entry_pool *pool;

static void tell(struct member *member, const char *mark, struct rp_view name, const char *rest)
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

static struct member *member_new(enum rp_release release)
{
    struct member *member = calloc(1, sizeof *member);
    struct rp_manifest_events events = {member, on_registered, on_deleted, on_node, on_node_gone};
    ck_assert_int_eq(rp_manifest_new(rp_release_traits(release), &memory.alloc, pool, &events,
                                     &member->manifest),
                     0);
    return member;
}

static void member_free(struct member *member)
{
    rp_manifest_free(member->manifest);
    free(member);
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

static struct rp_file_record record_of(const char *path, const char *database)
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

static int apply_view(struct member *member, uint64_t index, struct rp_view command)
{
    return rp_manifest_apply(member->manifest, index, 1, command);
}

static int apply_text(struct member *member, uint64_t index, const char *command)
{
    return apply_view(member, index, rp_view_text(command));
}

static int apply_record(struct member *member, uint64_t index, enum rp_command_type type,
                        const struct rp_file_record *file)
{
    struct test_alloc own;
    test_alloc_init(&own);
    struct rp_buffer command;
    rp_buffer_init(&command, &own.alloc, 1 << 20);
    ck_assert_int_eq(rp_command_encode_register(&command, type, file), 0);
    int error = apply_view(member, index, rp_buffer_view(&command));
    rp_buffer_clear(&command);
    return error;
}

static int put(struct member *member, uint64_t index, const char *path, const char *database)
{
    struct rp_file_record file = record_of(path, database);
    return apply_record(member, index, RP_CMD_REGISTER_FILE, &file);
}

static int drop(struct member *member, uint64_t index, const char *path)
{
    struct rp_buffer command;
    rp_buffer_init(&command, &memory.alloc, 1 << 20);
    ck_assert_int_eq(
        rp_command_encode_delete(&command, rp_view_text(path), rp_view_text("retention")), 0);
    int error = apply_view(member, index, rp_buffer_view(&command));
    rp_buffer_clear(&command);
    return error;
}

static int batch(struct member *member, uint64_t index, const struct rp_batch_operation *operations,
                 size_t count)
{
    struct rp_buffer command;
    rp_buffer_init(&command, &memory.alloc, 1 << 20);
    ck_assert_int_eq(rp_command_encode_batch(&command, operations, count), 0);
    int error = apply_view(member, index, rp_buffer_view(&command));
    rp_buffer_clear(&command);
    return error;
}

static int add_node(struct member *member, uint64_t index, const char *id, uint64_t raft_id)
{
    struct rp_node_record node = {.id = rp_view_text(id),
                                  .role = rp_view_text("writer"),
                                  .state = rp_view_text("healthy"),
                                  .core_count = 8,
                                  .raft_id = raft_id,
                                  .raft_address = rp_view_text("10.0.0.1:9200")};
    struct rp_buffer command;
    rp_buffer_init(&command, &memory.alloc, 1 << 20);
    ck_assert_int_eq(rp_command_encode_node(&command, RP_CMD_ADD_NODE, &node), 0);
    int error = apply_view(member, index, rp_buffer_view(&command));
    rp_buffer_clear(&command);
    return error;
}

static const struct rp_file_entry *file_of(const struct member *member, const char *path)
{
    return rp_manifest_file(member->manifest, rp_view_text(path));
}

static size_t database_count(const struct member *member, const char *database)
{
    const struct rp_file_entry *page[64];
    size_t count = rp_manifest_database_page(member->manifest, rp_view_text(database),
                                             rp_view_text(""), page, 64);
    for (size_t i = 0; i < count; i++) {
        ck_assert(rp_view_equal(page[i]->database, rp_view_text(database)));
        rp_file_entry_release(page[i]);
    }
    return count;
}

static bool same_digest(const struct member *left, const struct member *right)
{
    struct rp_digest a = rp_manifest_digest(left->manifest);
    struct rp_digest b = rp_manifest_digest(right->manifest);
    return a.low == b.low && a.high == b.high;
}

/* ---- Files ----------------------------------------------------------------------------------- */

/* TestFSMRegisterFile: every field is readable, the LSN is the log index and not the proposer's. */
START_TEST(register_makes_entry_readable_with_log_index)
{
    struct member *member = member_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(put(member, 7, "db/cpu/a.parquet", "db"), 0);
    const struct rp_file_entry *entry = file_of(member, "db/cpu/a.parquet");
    ck_assert_ptr_nonnull(entry);
    ck_assert_uint_eq(entry->lsn, 7);
    ck_assert_int_eq(entry->size_bytes, 10);
    ck_assert(rp_view_equal(entry->sha256, rp_view_text(HASH)));
    ck_assert(rp_view_equal(entry->origin_node_id, rp_view_text("writer-1")));
    ck_assert_int_eq(entry->created_at.unix_s, 1775923201);
    ck_assert_int_eq(entry->created_at.nsec, 500);
    ck_assert_uint_eq(rp_manifest_file_count(member->manifest), 1);
    ck_assert_uint_eq(rp_manifest_applied_index(member->manifest), 7);
    ck_assert_str_eq(member->told, "+db/cpu/a.parquet@7 ");
    member_free(member);
}
END_TEST

/* TestFSMDeleteFile, TestFSMDeleteNonexistentFile: a second delete succeeds in silence. */
START_TEST(delete_removes_once_and_absent_path_succeeds_silently)
{
    struct member *member = member_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(put(member, 1, "db/a", "db"), 0);
    ck_assert_int_eq(drop(member, 2, "db/a"), 0);
    ck_assert_ptr_null(file_of(member, "db/a"));
    ck_assert_int_eq(drop(member, 3, "db/a"), 0);
    ck_assert_str_eq(member->told, "+db/a@1 -db/a(retention) ");
    ck_assert_uint_eq(rp_manifest_refused_count(member->manifest), 0);
    ck_assert_uint_eq(rp_manifest_applied_index(member->manifest), 3);
    member_free(member);
}
END_TEST

/* TestApplyUpdateFile_BumpsLSN: update replaces, and creates when there was nothing. */
START_TEST(update_replaces_and_creates)
{
    struct member *member = member_new(RP_RELEASE_ARC);
    struct rp_file_record file = record_of("db/a", "db");
    ck_assert_int_eq(apply_record(member, 1, RP_CMD_UPDATE_FILE, &file), 0);
    file.size_bytes = 11;
    ck_assert_int_eq(apply_record(member, 2, RP_CMD_UPDATE_FILE, &file), 0);
    ck_assert_uint_eq(file_of(member, "db/a")->lsn, 2);
    ck_assert_int_eq(file_of(member, "db/a")->size_bytes, 11);
    ck_assert_str_eq(member->told, "+db/a@1 +db/a@2r ");
    member_free(member);
}
END_TEST

/* TestFSMGetFilesByDatabase, TestFSMFilesByDatabaseIndexConsistency. */
START_TEST(index_follows_move_to_other_database_and_deletes)
{
    struct member *member = member_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(put(member, 1, "x/a", "one"), 0);
    ck_assert_int_eq(put(member, 2, "x/b", "one"), 0);
    ck_assert_int_eq(put(member, 3, "x/c", "two"), 0);
    ck_assert_uint_eq(database_count(member, "one"), 2);
    ck_assert_int_eq(put(member, 4, "x/a", "two"), 0);
    ck_assert_uint_eq(database_count(member, "one"), 1);
    ck_assert_uint_eq(database_count(member, "two"), 2);
    ck_assert_int_eq(drop(member, 5, "x/b"), 0);
    ck_assert_uint_eq(database_count(member, "one"), 0);
    ck_assert_uint_eq(database_count(member, "on"), 0);
    member_free(member);
}
END_TEST

struct refusal_row {
    const char *name;
    const char *path;
    const char *sha256;
    int64_t size_bytes;
    bool has_created_at;
    bool taken[RP_RELEASE_COUNT]; /* phase2, phase3, arc, current */
};
static const struct refusal_row REFUSALS[] = {
    {"fine", "db/a", HASH, 0, true, {true, true, true, true}},
    {"empty path", "", HASH, 1, true, {false, false, false, false}},
    {"no creation time", "db/a", HASH, 1, false, {false, false, false, false}},
    {"absolute", "/db/a", HASH, 1, true, {true, true, false, false}},
    {"traversal", "db/../a", HASH, 1, true, {true, true, false, false}},
    {"backslash traversal", "db\\..\\a", HASH, 1, true, {true, true, false, false}},
    {"scheme", "s3://db/a", HASH, 1, true, {true, true, false, false}},
    {"not canonical", "db//a", HASH, 1, true, {true, true, true, false}},
    {"no slash", "a", HASH, 1, true, {true, true, true, false}},
    {"no hash", "db/a", "", 1, true, {true, true, true, false}},
    {"upper-case hash",
     "db/a",
     "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
     1,
     true,
     {true, true, true, false}},
    {"negative size", "db/a", HASH, -1, true, {true, true, true, false}},
};

/* TestApplyRegisterFile_RejectsMaliciousPath, TestFSMRegisterFileRejectsZeroCreatedAt and what
 * `current` adds: a refusal is counted, changes nothing, tells nobody and does not stop the log. */
START_TEST(admission_is_that_of_the_release)
{
    const struct refusal_row *row = &REFUSALS[_i];
    for (int release = 0; release < RP_RELEASE_COUNT; release++) {
        struct member *member = member_new((enum rp_release)release);
        struct rp_file_record file = record_of(row->path, "db");
        file.sha256 = rp_view_text(row->sha256);
        file.size_bytes = row->size_bytes;
        if (!row->has_created_at) {
            file.created_at.unix_s = RP_TIME_ZERO_UNIX_S;
            file.created_at.nsec = 0;
        }
        int expected = row->taken[release] ? 0 : RP_ERR_INVALID;
        ck_assert_msg(apply_record(member, 5, RP_CMD_REGISTER_FILE, &file) == expected,
                      "row %d %s, release %d", _i, row->name, release);
        ck_assert_uint_eq(rp_manifest_file_count(member->manifest), expected == 0 ? 1 : 0);
        ck_assert_uint_eq(rp_manifest_refused_count(member->manifest), expected == 0 ? 0 : 1);
        ck_assert_uint_eq(rp_manifest_applied_index(member->manifest), 5);
        ck_assert_int_eq(member->told[0] == '\0', expected != 0);
        member_free(member);
    }
}
END_TEST

struct malformed_row {
    const char *name;
    const char *command;
    int error;
};
static const struct malformed_row MALFORMED[] = {
    {"nothing", "", RP_ERR_SYNTAX},
    {"no object", "7", RP_ERR_TYPE},
    {"cut", "{\"type\":7,", RP_ERR_SYNTAX},
    {"type 0", "{\"type\":0,\"payload\":\"e30=\"}", RP_ERR_UNKNOWN_TYPE},
    {"type 12", "{\"type\":12,\"payload\":\"e30=\"}", RP_ERR_UNKNOWN_TYPE},
    {"type 300", "{\"type\":300,\"payload\":\"e30=\"}", RP_ERR_TYPE},
    {"bad base64", "{\"type\":7,\"payload\":\"e30\"}", RP_ERR_TYPE},
    {"no payload", "{\"type\":7}", RP_ERR_SYNTAX},
    {"payload no JSON", "{\"type\":7,\"payload\":\"e30h\"}", RP_ERR_SYNTAX},
    {"file is a number", "{\"type\":7,\"payload\":\"eyJmaWxlIjo3fQ==\"}", RP_ERR_TYPE},
    {"no file", "{\"type\":7,\"payload\":\"e30=\"}", RP_ERR_INVALID},
    {"delete of nothing", "{\"type\":8,\"payload\":\"e30=\"}", RP_ERR_INVALID},
    {"node without id", "{\"type\":1,\"payload\":\"e30=\"}", RP_ERR_INVALID},
    {"state of nobody", "{\"type\":4,\"payload\":\"e30=\"}", RP_ERR_NOT_FOUND},
    {"batch with odd type", "{\"type\":10,\"payload\":\"eyJvcHMiOlt7InR5cGUiOjF9XX0=\"}",
     RP_ERR_UNKNOWN_TYPE},
    {"batch without payload", "{\"type\":10,\"payload\":\"eyJvcHMiOlt7InR5cGUiOjd9XX0=\"}",
     RP_ERR_SYNTAX},
};

/* behaviour.md 1.1: an apply error changes no state and does not stop the log. */
START_TEST(malformed_command_is_refused_and_counted)
{
    struct member *member = member_new(RP_RELEASE_CURRENT);
    struct member *untouched = member_new(RP_RELEASE_CURRENT);
    int error = apply_text(member, 3, MALFORMED[_i].command);
    ck_assert_msg(error == MALFORMED[_i].error, "row %d %s: %d", _i, MALFORMED[_i].name, error);
    ck_assert(same_digest(member, untouched));
    ck_assert_uint_eq(rp_manifest_refused_count(member->manifest), 1);
    ck_assert_uint_eq(rp_manifest_applied_index(member->manifest), 3);
    ck_assert_int_eq(put(member, 4, "db/a", "db"), 0);
    member_free(untouched);
    member_free(member);
}
END_TEST

/* Batches and updates came later than the first releases: there they are unknown commands. */
START_TEST(batch_is_unknown_to_first_releases)
{
    struct member *member = member_new(RP_RELEASE_PHASE3);
    ck_assert_int_eq(batch(member, 1, NULL, 0), RP_ERR_UNKNOWN_TYPE);
    member_free(member);
    member = member_new(RP_RELEASE_ARC);
    ck_assert_int_eq(batch(member, 1, NULL, 0), 0); /* TestFSMBatchFileOps_Empty */
    ck_assert_str_eq(member->told, "");
    member_free(member);
}
END_TEST

/* TestFSMBatchFileOps: operations act in order, with one LSN and one callback each. */
START_TEST(batch_acts_in_order_with_one_lsn)
{
    struct member *member = member_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(put(member, 1, "db/old", "db"), 0);
    struct rp_file_record a = record_of("db/a", "db");
    struct rp_file_record b = record_of("db/b", "db");
    struct rp_batch_operation operations[] = {
        {.type = RP_CMD_REGISTER_FILE, .file = &a},
        {.type = RP_CMD_UPDATE_FILE, .file = &b},
        {.type = RP_CMD_DELETE_FILE,
         .delete_path = rp_view_text("db/old"),
         .delete_reason = rp_view_text("compaction:1")},
        {.type = RP_CMD_DELETE_FILE, .delete_path = rp_view_text("db/b")},
        {.type = RP_CMD_DELETE_FILE, .delete_path = rp_view_text("db/absent")},
    };
    ck_assert_int_eq(batch(member, 2, operations, 5), 0);
    ck_assert_str_eq(member->told, "+db/old@1 +db/a@2 +db/b@2 -db/old(compaction:1) -db/b() ");
    ck_assert_uint_eq(rp_manifest_file_count(member->manifest), 1);
    member_free(member);
}
END_TEST

/* TestApplyBatchFileOps_RejectsMaliciousPath_AtomicPrevalidation and its siblings: one operation
 * that is not admissible, last of all, and nothing of the batch happens. */
START_TEST(batch_with_one_bad_operation_changes_nothing)
{
    struct member *member = member_new(RP_RELEASE_ARC);
    struct rp_file_record fine = record_of("db/a", "db");
    struct rp_file_record bad_path = record_of("../a", "db");
    struct rp_file_record bad_time = record_of("db/b", "db");
    bad_time.created_at.unix_s = RP_TIME_ZERO_UNIX_S;
    bad_time.created_at.nsec = 0;
    struct rp_batch_operation bad[] = {
        {.type = RP_CMD_REGISTER_FILE, .file = &bad_path},
        {.type = RP_CMD_UPDATE_FILE, .file = &bad_time},
        {.type = RP_CMD_DELETE_FILE, .delete_path = rp_view_text("")},
    };
    struct rp_batch_operation operations[] = {{.type = RP_CMD_REGISTER_FILE, .file = &fine},
                                              bad[_i]};
    ck_assert_int_eq(batch(member, 1, operations, 2), RP_ERR_INVALID);
    ck_assert_uint_eq(rp_manifest_file_count(member->manifest), 0);
    ck_assert_str_eq(member->told, "");
    member_free(member);
}
END_TEST

/* ---- Nodes ----------------------------------------------------------------------------------- */

/* TestFSMAddNode, RemoveNode, UpdateNodeState, Callbacks. */
START_TEST(nodes_come_change_and_go)
{
    struct member *member = member_new(RP_RELEASE_CURRENT);
    struct rp_buffer command;
    rp_buffer_init(&command, &memory.alloc, 4096);
    ck_assert_int_eq(add_node(member, 1, "w2", 22), 0);
    ck_assert_int_eq(add_node(member, 2, "w1", 11), 0);
    ck_assert_int_eq(
        rp_command_encode_node_state(&command, rp_view_text("w2"), rp_view_text("leaving")), 0);
    ck_assert_int_eq(apply_view(member, 3, rp_buffer_view(&command)), 0);
    const struct rp_node_record *node = rp_manifest_node(member->manifest, rp_view_text("w2"));
    ck_assert(rp_view_equal(node->state, rp_view_text("leaving")));
    ck_assert_int_eq(node->core_count, 8);
    ck_assert_ptr_eq(rp_manifest_node_by_raft_id(member->manifest, 22), node);
    ck_assert_ptr_null(rp_manifest_node_by_raft_id(member->manifest, 0));
    const struct rp_node_record *page[4];
    ck_assert_uint_eq(rp_manifest_node_page(member->manifest, rp_view_text(""), page, 4), 2);
    ck_assert(rp_view_equal(page[0]->id, rp_view_text("w1")));
    rp_node_record_release(page[0]);
    rp_node_record_release(page[1]);
    for (uint64_t index = 4; index < 6; index++) { /* a second removal is a success in silence */
        rp_buffer_reset(&command);
        ck_assert_int_eq(rp_command_encode_remove_node(&command, rp_view_text("w2")), 0);
        ck_assert_int_eq(apply_view(member, index, rp_buffer_view(&command)), 0);
    }
    ck_assert_ptr_null(rp_manifest_node(member->manifest, rp_view_text("w2")));
    ck_assert_str_eq(member->told, "node w2 node w1 node w2r gone w2 ");
    rp_buffer_clear(&command);
    member_free(member);
}
END_TEST

/* design.md, membership: the order of birth belongs to a raft id, not to a node's name. */
START_TEST(birth_is_kept_with_the_raft_id)
{
    struct member *member = member_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(add_node(member, 4, "w1", 11), 0);
    ck_assert_int_eq(add_node(member, 9, "w1", 11), 0);
    const struct rp_node_record *node = rp_manifest_node(member->manifest, rp_view_text("w1"));
    ck_assert_uint_eq(node->born_index, 4);
    ck_assert_uint_eq(node->index, 9);
    ck_assert_int_eq(add_node(member, 12, "w1", 77), 0);
    node = rp_manifest_node(member->manifest, rp_view_text("w1"));
    ck_assert_uint_eq(node->born_index, 12);
    ck_assert_ptr_null(rp_manifest_node_by_raft_id(member->manifest, 11));
    member_free(member);
}
END_TEST

/* ---- Sharing --------------------------------------------------------------------------------- */

/* design.md, ports: the second member adopts the very entries of the first, and hears the same. */
START_TEST(members_share_entries_and_hear_the_same)
{
    struct member *first = member_new(RP_RELEASE_CURRENT);
    struct member *second = member_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(put(first, 1, "db/a", "db"), 0);
    ck_assert_int_eq(put(second, 1, "db/a", "db"), 0);
    ck_assert_ptr_eq(file_of(first, "db/a"), file_of(second, "db/a"));
    ck_assert_str_eq(first->told, second->told);
    ck_assert(same_digest(first, second));
    member_free(first);
    member_free(second);
}
END_TEST

/* A release that admits more must not be given the answer of one that admits less. */
START_TEST(releases_with_other_admission_do_not_share_answers)
{
    struct member *strict = member_new(RP_RELEASE_CURRENT);
    struct member *lenient = member_new(RP_RELEASE_ARC);
    ck_assert_int_eq(put(strict, 1, "bare", "db"), RP_ERR_INVALID);
    ck_assert_int_eq(put(lenient, 1, "bare", "db"), 0);
    ck_assert_uint_eq(rp_manifest_file_count(lenient->manifest), 1);
    ck_assert_uint_eq(rp_manifest_file_count(strict->manifest), 0);
    member_free(strict);
    member_free(lenient);
}
END_TEST

/* ---- Snapshots ------------------------------------------------------------------------------- */

static struct rp_block *snapshot_of(const struct member *member)
{
    struct rp_block *block;
    ck_assert_int_eq(rp_manifest_snapshot(member->manifest, &block), 0);
    return block;
}

static int restore(struct member *member, const struct rp_block *block)
{
    return rp_manifest_restore(member->manifest, rp_view_make(block->bytes, block->length_bytes),
                               99);
}

/* TestFSMSnapshotRestoreWithFiles, TestFSMSnapshotRestoreWithCores: everything survives, and equal
 * states give equal bytes. */
START_TEST(snapshot_restores_files_nodes_and_index)
{
    struct member *source = member_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(add_node(source, 1, "w1", 11), 0);
    ck_assert_int_eq(put(source, 2, "db/a", "one"), 0);
    ck_assert_int_eq(put(source, 3, "db/b", "two"), 0);
    struct rp_block *block = snapshot_of(source);
    struct member *target = member_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(restore(target, block), 0);
    ck_assert(same_digest(source, target));
    ck_assert_uint_eq(rp_manifest_applied_index(target->manifest), 3);
    ck_assert_uint_eq(file_of(target, "db/b")->lsn, 3);
    ck_assert_uint_eq(database_count(target, "two"), 1);
    ck_assert_int_eq(rp_manifest_node(target->manifest, rp_view_text("w1"))->core_count, 8);
    struct rp_block *again = snapshot_of(target);
    ck_assert_uint_eq(again->length_bytes, block->length_bytes);
    ck_assert_mem_eq(again->bytes, block->bytes, block->length_bytes);
    rp_block_release(again);
    rp_block_release(block);
    member_free(source);
    member_free(target);
}
END_TEST

/* behaviour.md 1.6 and design.md: `current` announces what changed as apply would, `arc` nothing. */
START_TEST(restore_announces_the_difference_if_the_release_does)
{
    struct member *source = member_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(add_node(source, 1, "w2", 22), 0);
    ck_assert_int_eq(put(source, 2, "db/new", "db"), 0);
    ck_assert_int_eq(put(source, 3, "db/same", "db"), 0);
    ck_assert_int_eq(put(source, 4, "db/changed", "db"), 0);
    struct rp_block *block = snapshot_of(source);
    static const struct {
        enum rp_release release;
        const char *told;
    } rows[] = {
        {RP_RELEASE_CURRENT, "gone w1 node w2 +db/changed@4r -db/gone(snapshot) +db/new@2 "},
        {RP_RELEASE_ARC, ""},
    };
    struct member *target = member_new(rows[_i].release);
    ck_assert_int_eq(add_node(target, 1, "w1", 11), 0);
    ck_assert_int_eq(put(target, 2, "db/gone", "db"), 0);
    ck_assert_int_eq(put(target, 3, "db/same", "db"), 0);
    ck_assert_int_eq(put(target, 3, "db/changed", "db"), 0);
    target->told[0] = '\0';
    ck_assert_int_eq(restore(target, block), 0);
    ck_assert_str_eq(target->told, rows[_i].told);
    ck_assert(same_digest(source, target));
    rp_block_release(block);
    member_free(source);
    member_free(target);
}
END_TEST

/* Every prefix and every flipped byte of a snapshot: an error, and the state as it was. */
START_TEST(damaged_snapshot_is_an_error_and_changes_nothing)
{
    struct member *source = member_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(add_node(source, 1, "w1", 11), 0);
    ck_assert_int_eq(put(source, 2, "db/a", "db"), 0);
    struct rp_block *block = snapshot_of(source);
    struct member *target = member_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(put(target, 1, "db/kept", "db"), 0);
    struct rp_digest before = rp_manifest_digest(target->manifest);
    uint8_t *bytes = malloc(block->length_bytes);
    for (size_t i = 0; i < block->length_bytes; i++) {
        ck_assert_int_ne(rp_manifest_restore(target->manifest, rp_view_make(block->bytes, i), 9),
                         0);
        memcpy(bytes, block->bytes, block->length_bytes);
        bytes[i] ^= 0x10;
        ck_assert_int_ne(
            rp_manifest_restore(target->manifest, rp_view_make(bytes, block->length_bytes), 9), 0);
    }
    struct rp_digest after = rp_manifest_digest(target->manifest);
    ck_assert_uint_eq(before.low, after.low);
    ck_assert_uint_eq(before.high, after.high);
    ck_assert_uint_eq(rp_manifest_applied_index(target->manifest), 1);
    free(bytes);
    rp_block_release(block);
    member_free(source);
    member_free(target);
}
END_TEST

/* TestFSMRestore_QuarantinesMaliciousSnapshotEntries, HandlesNilFileEntry: Arc's own form; the map
 * key is the path, whatever the entry calls itself. */
START_TEST(arc_snapshot_is_read_and_bad_entries_left_out)
{
    static const char JSON[] =
        "{\"nodes\":{\"w1\":{\"id\":\"w1\",\"role\":\"writer\",\"core_count\":4}},"
        "\"primary_writer_id\":\"w1\",\"files\":{"
        "\"db/a\":{\"path\":\"other\",\"sha256\":\"" HASH "\",\"size_bytes\":5,\"database\":\"db\","
        "\"created_at\":\"2026-04-11T14:00:00Z\",\"lsn\":17},"
        "\"../evil\":{\"path\":\"db/ok\",\"sha256\":\"" HASH
        "\",\"created_at\":\"2026-04-11T14:00:00Z\"},"
        "\"db/null\":null},\"tokens\":{\"x\":[1,2]}}";
    struct member *member = member_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(rp_manifest_restore(member->manifest, rp_view_text(JSON), 40), 0);
    ck_assert_uint_eq(rp_manifest_applied_index(member->manifest), 40);
    ck_assert_uint_eq(rp_manifest_file_count(member->manifest), 1);
    ck_assert_uint_eq(file_of(member, "db/a")->lsn, 17);
    ck_assert_uint_eq(rp_manifest_refused_count(member->manifest), 2);
    ck_assert_int_eq(rp_manifest_node(member->manifest, rp_view_text("w1"))->core_count, 4);
    ck_assert_str_eq(member->told, "node w1 +db/a@17 ");
    ck_assert_int_ne(rp_manifest_restore(member->manifest, rp_view_text("{\"files\":{"), 41), 0);
    ck_assert_int_ne(
        rp_manifest_restore(member->manifest, rp_view_text("{\"files\":{\"a/b\":7}}"), 41), 0);
    ck_assert_uint_eq(rp_manifest_file_count(member->manifest), 1);
    member_free(member);
}
END_TEST

/* No command makes a node without an id, so no snapshot does: it would pass for the role's bearer
 * where nobody has the role, and digests would part. */
START_TEST(restored_node_without_id_is_left_out)
{
    struct member *member = member_new(RP_RELEASE_ARC);
    struct rp_digest before = rp_manifest_digest(member->manifest);
    struct rp_view json = rp_view_text("{\"nodes\":{\"\":{\"role\":\"reader\"}}}");
    ck_assert_int_eq(rp_manifest_restore(member->manifest, json, 40), 0);
    ck_assert_uint_eq(rp_manifest_refused_count(member->manifest), 1);
    ck_assert_ptr_null(rp_manifest_node(member->manifest, rp_view_make(NULL, 0)));
    struct rp_digest after = rp_manifest_digest(member->manifest);
    ck_assert(before.low == after.low && before.high == after.high);
    member_free(member);
}
END_TEST

/* apply-deterministic: a snapshot and the rest of the log give what the whole log gives; and a
 * member that came back this way shares again. */
START_TEST(snapshot_and_rest_of_log_equal_whole_log)
{
    struct member *whole = member_new(RP_RELEASE_CURRENT);
    struct member *restored = member_new(RP_RELEASE_CURRENT);
    char path[32];
    for (uint64_t index = 1; index <= 100; index++) {
        snprintf(path, sizeof path, "db/%d", (int)(index * 7 % 60));
        ck_assert_int_eq(index % 3 == 0 ? drop(whole, index, path) : put(whole, index, path, "db"),
                         0);
        if (index == 50) {
            struct rp_block *block = snapshot_of(whole);
            ck_assert_int_eq(restore(restored, block), 0);
            rp_block_release(block);
        } else if (index > 50) {
            ck_assert_int_eq(
                index % 3 == 0 ? drop(restored, index, path) : put(restored, index, path, "db"), 0);
        }
    }
    ck_assert(same_digest(whole, restored));
    ck_assert_ptr_eq(file_of(whole, "db/40"), file_of(restored, "db/40"));
    ck_assert_ptr_nonnull(file_of(whole, "db/40"));
    member_free(whole);
    member_free(restored);
}
END_TEST

/* ---- Against a model ------------------------------------------------------------------------- */

#define MODEL_PATHS 600

struct model {
    bool is_present[MODEL_PATHS];
    char database[MODEL_PATHS];
    uint64_t lsn[MODEL_PATHS];
};

static void model_path(int i, char path[16])
{
    snprintf(path, 16, "d/%04d", i);
}

static size_t model_count(const struct model *model)
{
    size_t count = 0;
    for (int i = 0; i < MODEL_PATHS; i++) {
        count += model->is_present[i] ? 1 : 0;
    }
    return count;
}

static void check_trees(const struct member *member)
{
    /* Reads the trees through a snapshot's state: sound, and equal to the same files put in order. */
    struct rp_block *block = snapshot_of(member);
    struct rp_state *state;
    uint64_t index;
    uint64_t refused;
    ck_assert_int_eq(rp_snapshot_read(&memory.alloc, rp_release_traits(RP_RELEASE_CURRENT),
                                      rp_view_make(block->bytes, block->length_bytes), 0, &state,
                                      &index, &refused),
                     0);
    struct rp_digest digest = rp_manifest_digest(member->manifest);
    struct rp_digest again = rp_state_digest(state);
    ck_assert_uint_eq(digest.low, again.low);
    ck_assert_uint_eq(digest.high, again.high);
    struct rp_tree by_path = rp_state_tree(state, RP_TREE_BY_PATH);
    struct rp_tree by_database = rp_state_tree(state, RP_TREE_BY_DATABASE);
    ck_assert(rp_tree_is_sound(&by_path, state->files));
    ck_assert(rp_tree_is_sound(&by_database, state->by_database));
    rp_state_release(state);
    rp_block_release(block);
}

/* Pages of odd sizes give every present entry once, in order, by path and by database. */
static void check_pages(const struct member *member, const struct model *model, size_t page_max)
{
    const struct rp_file_entry *page[64];
    char cursor[16] = "";
    int at = 0;
    size_t seen = 0;
    for (;;) {
        size_t count = rp_manifest_page(member->manifest, rp_view_text(cursor), page, page_max);
        for (size_t i = 0; i < count; i++, at++, seen++) {
            while (at < MODEL_PATHS && !model->is_present[at]) {
                at += 1;
            }
            model_path(at, cursor);
            ck_assert(rp_view_equal(page[i]->path, rp_view_text(cursor)));
            ck_assert_uint_eq(page[i]->lsn, model->lsn[at]);
            ck_assert_int_eq(page[i]->database.bytes[0], model->database[at]);
            rp_file_entry_release(page[i]);
        }
        if (count < page_max) {
            break;
        }
    }
    ck_assert_uint_eq(seen, model_count(model));
    ck_assert_uint_eq(rp_manifest_file_count(member->manifest), seen);
}

static void check_databases(const struct member *member, const struct model *model)
{
    static const struct rp_file_entry *page[MODEL_PATHS];
    size_t total = 0;
    for (char database = 'a'; database <= 'd'; database++) {
        struct rp_view name = rp_view_make(&database, 1);
        size_t count =
            rp_manifest_database_page(member->manifest, name, rp_view_text(""), page, MODEL_PATHS);
        for (size_t i = 0; i < count; i++) {
            char digits[5] = "";
            memcpy(digits, page[i]->path.bytes + 2, 4);
            int number = atoi(digits);
            ck_assert(model->is_present[number] && model->database[number] == database);
            rp_file_entry_release(page[i]);
        }
        total += count;
    }
    ck_assert_uint_eq(total, model_count(model));
}

/* index-consistent: random registers, moves and deletes, growing and then shrinking to nothing. */
START_TEST(random_operations_agree_with_model)
{
    struct member *member = member_new(RP_RELEASE_CURRENT);
    struct model *model = calloc(1, sizeof *model);
    uint64_t random = (uint64_t)_i * 977 + 1;
    for (uint64_t index = 1; index <= 3000; index++) {
        char path[16];
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        int i = (int)((random >> 33) % MODEL_PATHS);
        bool is_drop = (random >> 20) % 10 < (index < 1500 ? 2u : 8u);
        char database[2] = {(char)('a' + (random >> 50) % 4), '\0'};
        model_path(i, path);
        if (is_drop) {
            ck_assert_int_eq(drop(member, index, path), 0);
        } else {
            ck_assert_int_eq(put(member, index, path, database), 0);
            model->database[i] = database[0];
            model->lsn[i] = index;
        }
        model->is_present[i] = !is_drop;
        member->told[0] = '\0';
        if (index % 500 == 0) {
            check_pages(member, model, 1 + index % 63);
            check_databases(member, model);
            check_trees(member);
        }
    }
    free(model);
    member_free(member);
}
END_TEST

static const struct rp_file_entry *entry_of(int number)
{
    char path[16];
    const struct rp_file_entry *entry;
    model_path(number, path);
    struct rp_file_record file = record_of(path, number % 3 == 0 ? "one" : "two");
    ck_assert_int_eq(rp_file_entry_new(&memory.alloc, &file, (uint64_t)number, &entry), 0);
    return entry;
}

/* The tree itself, changed for real and in every order: sound after every step, and old roots stay
 * what they were. */
START_TEST(tree_stays_sound_and_old_roots_stay)
{
    struct rp_tree tree = {&memory.alloc, (enum rp_tree_order)_i};
    const struct rp_file_entry *ignored;
    const struct rp_tree_node *root = NULL;
    const struct rp_tree_node *next;
    for (int step = 0; step < MODEL_PATHS; step++) {
        const struct rp_file_entry *entry = entry_of(step * 7 % MODEL_PATHS);
        ck_assert_int_eq(rp_tree_put(&tree, root, entry, &next, &ignored), 0);
        ck_assert_uint_eq(rp_tree_count(root), (size_t)step);
        rp_tree_release(&tree, root);
        rp_file_entry_release(entry);
        root = next;
        ck_assert(rp_tree_is_sound(&tree, root));
    }
    const struct rp_tree_node *full = rp_tree_retain(root);
    for (int step = 0; step < MODEL_PATHS; step++) {
        const struct rp_file_entry *entry = entry_of(step * 11 % MODEL_PATHS);
        struct rp_tree_key key = {entry->database, entry->path, entry->lsn};
        ck_assert_int_eq(rp_tree_remove(&tree, root, key, &next, &ignored), 0);
        ck_assert_ptr_nonnull(ignored);
        rp_tree_release(&tree, root);
        root = next;
        ck_assert(rp_tree_is_sound(&tree, root));
        ck_assert_ptr_null(rp_tree_find(&tree, root, key));
        ck_assert_ptr_nonnull(rp_tree_find(&tree, full, key));
        rp_file_entry_release(entry);
    }
    ck_assert_ptr_null(root);
    ck_assert(rp_tree_is_sound(&tree, full));
    rp_tree_release(&tree, full);
}
END_TEST

/* ---- Lack of memory -------------------------------------------------------------------------- */

/* One pass of everything that allocates. Returns the first error. */
static int busy_life(struct member *member, struct member *other, struct rp_view batch_command)
{
    struct rp_digest before = rp_manifest_digest(member->manifest);
    int error = rp_manifest_apply(member->manifest, 9, 1, batch_command);
    if (error != 0) {
        struct rp_digest after = rp_manifest_digest(member->manifest);
        ck_assert_uint_eq(before.low, after.low);
        ck_assert_uint_eq(rp_manifest_applied_index(member->manifest), 8);
        return error;
    }
    struct rp_block *block;
    error = rp_manifest_snapshot(member->manifest, &block);
    if (error == 0) {
        before = rp_manifest_digest(other->manifest);
        error = restore(other, block);
        struct rp_digest after = rp_manifest_digest(other->manifest);
        ck_assert_int_eq(error != 0, before.low == after.low && before.high == after.high);
        rp_block_release(block);
    }
    return error;
}

/* The k-th allocation fails, for every k: an error, nothing changed, nothing leaked. */
START_TEST(lack_of_memory_changes_nothing)
{
    struct test_alloc own;
    struct rp_buffer command;
    struct rp_file_record a = record_of("db/a", "one");
    struct rp_file_record b = record_of("db/b", "two");
    struct rp_batch_operation operations[] = {
        {.type = RP_CMD_REGISTER_FILE, .file = &a},
        {.type = RP_CMD_REGISTER_FILE, .file = &b},
        {.type = RP_CMD_DELETE_FILE, .delete_path = rp_view_text("db/a")},
    };
    test_alloc_init(&own);
    rp_buffer_init(&command, &own.alloc, 1 << 20);
    ck_assert_int_eq(rp_command_encode_batch(&command, operations, 3), 0);
    int error = RP_ERR_NOMEM;
    for (size_t k = 1; error != 0; k++) {
        ck_assert_uint_lt(k, 1000);
        setup();
        struct member *member = member_new(RP_RELEASE_CURRENT);
        struct member *other = member_new(RP_RELEASE_CURRENT);
        ck_assert_int_eq(put(member, 8, "db/x", "one"), 0);
        memory.call_count = 0;
        memory.fail_at = k;
        error = busy_life(member, other, rp_buffer_view(&command));
        ck_assert(error == 0 || error == RP_ERR_NOMEM);
        /* Not being remembered by the pool is no error, so the loop goes on past such a failure. */
        if (error == 0 && memory.call_count >= k) {
            error = RP_ERR_NOMEM;
        }
        memory.fail_at = 0;
        member_free(member);
        member_free(other);
        teardown();
    }
    rp_buffer_clear(&command);
}
END_TEST

/* ---- Main ------------------------------------------------------------------------------------ */

int main(void)
{
    Suite *suite = suite_create("manifest");
    TCase *tc = tcase_create("manifest");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, register_makes_entry_readable_with_log_index);
    tcase_add_test(tc, delete_removes_once_and_absent_path_succeeds_silently);
    tcase_add_test(tc, update_replaces_and_creates);
    tcase_add_test(tc, index_follows_move_to_other_database_and_deletes);
    tcase_add_loop_test(tc, admission_is_that_of_the_release, 0, ROWS(REFUSALS));
    tcase_add_loop_test(tc, malformed_command_is_refused_and_counted, 0, ROWS(MALFORMED));
    tcase_add_test(tc, batch_is_unknown_to_first_releases);
    tcase_add_test(tc, batch_acts_in_order_with_one_lsn);
    tcase_add_loop_test(tc, batch_with_one_bad_operation_changes_nothing, 0, 3);
    tcase_add_test(tc, nodes_come_change_and_go);
    tcase_add_test(tc, birth_is_kept_with_the_raft_id);
    tcase_add_test(tc, members_share_entries_and_hear_the_same);
    tcase_add_test(tc, releases_with_other_admission_do_not_share_answers);
    tcase_add_test(tc, snapshot_restores_files_nodes_and_index);
    tcase_add_test(tc, restored_node_without_id_is_left_out);
    tcase_add_loop_test(tc, restore_announces_the_difference_if_the_release_does, 0, 2);
    tcase_add_test(tc, damaged_snapshot_is_an_error_and_changes_nothing);
    tcase_add_test(tc, arc_snapshot_is_read_and_bad_entries_left_out);
    tcase_add_test(tc, snapshot_and_rest_of_log_equal_whole_log);
    tcase_add_loop_test(tc, random_operations_agree_with_model, 0, 2);
    tcase_add_loop_test(tc, tree_stays_sound_and_old_roots_stay, 0, 3);
    suite_add_tcase(suite, tc);
    TCase *failing = tcase_create("memory");
    tcase_add_test(failing, lack_of_memory_changes_nothing);
    suite_add_tcase(suite, failing);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
