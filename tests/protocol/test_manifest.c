/* protocol/manifest.c, manifest_tree.c, manifest_state.c, manifest_snapshot.c, entry_pool.c:
 * behaviour.md 1 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/error.h"
#include "protocol/json.h"
#include "protocol/manifest.h"
#include "protocol/manifest_state.h"
#include "tests/lib/manifest_bench.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

/* ---- Helpers --------------------------------------------------------------------------------- */

static int apply_text(struct manifest_member *member, uint64_t index, const char *command)
{
    return manifest_apply_view(member, index, rp_view_text(command));
}

static int batch(struct manifest_member *member, uint64_t index,
                 const struct rp_batch_operation *operations, size_t count)
{
    struct rp_buffer command;
    rp_buffer_init(&command, &manifest_bench.memory.alloc, 1 << 20);
    ck_assert_int_eq(rp_command_encode_batch(&command, operations, count), 0);
    int error = manifest_apply_view(member, index, rp_buffer_view(&command));
    rp_buffer_clear(&command);
    return error;
}

static int add_node(struct manifest_member *member, uint64_t index, const char *id,
                    uint64_t raft_id)
{
    struct rp_node_record node = {.id = rp_view_text(id),
                                  .role = rp_view_text("writer"),
                                  .state = rp_view_text("healthy"),
                                  .core_count = 8,
                                  .raft_id = raft_id,
                                  .raft_address = rp_view_text("10.0.0.1:9200")};
    struct rp_buffer command;
    rp_buffer_init(&command, &manifest_bench.memory.alloc, 1 << 20);
    ck_assert_int_eq(rp_command_encode_node(&command, RP_CMD_ADD_NODE, &node), 0);
    int error = manifest_apply_view(member, index, rp_buffer_view(&command));
    rp_buffer_clear(&command);
    return error;
}

static const struct rp_file_entry *file_of(const struct manifest_member *member, const char *path)
{
    return rp_manifest_file(member->manifest, rp_view_text(path));
}

static size_t database_count(const struct manifest_member *member, const char *database)
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

static bool same_digest(const struct manifest_member *left, const struct manifest_member *right)
{
    struct rp_digest a = rp_manifest_digest(left->manifest);
    struct rp_digest b = rp_manifest_digest(right->manifest);
    return a.low == b.low && a.high == b.high;
}

/* ---- Files ----------------------------------------------------------------------------------- */

/* TestFSMRegisterFile: every field is readable, the LSN is the log index and not the proposer's. */
START_TEST(register_makes_entry_readable_with_log_index)
{
    struct manifest_member *member = manifest_member_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(manifest_put(member, 7, "db/cpu/a.parquet", "db"), 0);
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
    manifest_member_free(member);
}
END_TEST

/* TestFSMDeleteFile, TestFSMDeleteNonexistentFile: a second delete succeeds in silence. */
START_TEST(delete_removes_once_and_absent_path_succeeds_silently)
{
    struct manifest_member *member = manifest_member_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(manifest_put(member, 1, "db/a", "db"), 0);
    ck_assert_int_eq(manifest_drop(member, 2, "db/a"), 0);
    ck_assert_ptr_null(file_of(member, "db/a"));
    ck_assert_int_eq(manifest_drop(member, 3, "db/a"), 0);
    ck_assert_str_eq(member->told, "+db/a@1 -db/a(retention) ");
    ck_assert_uint_eq(rp_manifest_refused_count(member->manifest), 0);
    ck_assert_uint_eq(rp_manifest_applied_index(member->manifest), 3);
    manifest_member_free(member);
}
END_TEST

/* TestApplyUpdateFile_BumpsLSN: update replaces, and creates when there was nothing. */
START_TEST(update_replaces_and_creates)
{
    struct manifest_member *member = manifest_member_new(RP_RELEASE_ARC);
    struct rp_file_record file = manifest_record_of("db/a", "db");
    ck_assert_int_eq(manifest_apply_record(member, 1, RP_CMD_UPDATE_FILE, &file), 0);
    file.size_bytes = 11;
    ck_assert_int_eq(manifest_apply_record(member, 2, RP_CMD_UPDATE_FILE, &file), 0);
    ck_assert_uint_eq(file_of(member, "db/a")->lsn, 2);
    ck_assert_int_eq(file_of(member, "db/a")->size_bytes, 11);
    ck_assert_str_eq(member->told, "+db/a@1 +db/a@2r ");
    manifest_member_free(member);
}
END_TEST

/* TestFSMGetFilesByDatabase, TestFSMFilesByDatabaseIndexConsistency. */
START_TEST(index_follows_move_to_other_database_and_deletes)
{
    struct manifest_member *member = manifest_member_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(manifest_put(member, 1, "x/a", "one"), 0);
    ck_assert_int_eq(manifest_put(member, 2, "x/b", "one"), 0);
    ck_assert_int_eq(manifest_put(member, 3, "x/c", "two"), 0);
    ck_assert_uint_eq(database_count(member, "one"), 2);
    ck_assert_int_eq(manifest_put(member, 4, "x/a", "two"), 0);
    ck_assert_uint_eq(database_count(member, "one"), 1);
    ck_assert_uint_eq(database_count(member, "two"), 2);
    ck_assert_int_eq(manifest_drop(member, 5, "x/b"), 0);
    ck_assert_uint_eq(database_count(member, "one"), 0);
    ck_assert_uint_eq(database_count(member, "on"), 0);
    manifest_member_free(member);
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
        struct manifest_member *member = manifest_member_new((enum rp_release)release);
        struct rp_file_record file = manifest_record_of(row->path, "db");
        file.sha256 = rp_view_text(row->sha256);
        file.size_bytes = row->size_bytes;
        if (!row->has_created_at) {
            file.created_at.unix_s = RP_TIME_ZERO_UNIX_S;
            file.created_at.nsec = 0;
        }
        int expected = row->taken[release] ? 0 : RP_ERR_INVALID;
        ck_assert_msg(manifest_apply_record(member, 5, RP_CMD_REGISTER_FILE, &file) == expected,
                      "row %d %s, release %d", _i, row->name, release);
        ck_assert_uint_eq(rp_manifest_file_count(member->manifest), expected == 0 ? 1 : 0);
        ck_assert_uint_eq(rp_manifest_refused_count(member->manifest), expected == 0 ? 0 : 1);
        ck_assert_uint_eq(rp_manifest_applied_index(member->manifest), 5);
        ck_assert_int_eq(member->told[0] == '\0', expected != 0);
        manifest_member_free(member);
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
    struct manifest_member *member = manifest_member_new(RP_RELEASE_CURRENT);
    struct manifest_member *untouched = manifest_member_new(RP_RELEASE_CURRENT);
    int error = apply_text(member, 3, MALFORMED[_i].command);
    ck_assert_msg(error == MALFORMED[_i].error, "row %d %s: %d", _i, MALFORMED[_i].name, error);
    ck_assert(same_digest(member, untouched));
    ck_assert_uint_eq(rp_manifest_refused_count(member->manifest), 1);
    ck_assert_uint_eq(rp_manifest_applied_index(member->manifest), 3);
    ck_assert_int_eq(manifest_put(member, 4, "db/a", "db"), 0);
    manifest_member_free(untouched);
    manifest_member_free(member);
}
END_TEST

/* Batches and updates came later than the first releases: there they are unknown commands. */
START_TEST(batch_is_unknown_to_first_releases)
{
    struct manifest_member *member = manifest_member_new(RP_RELEASE_PHASE3);
    ck_assert_int_eq(batch(member, 1, NULL, 0), RP_ERR_UNKNOWN_TYPE);
    manifest_member_free(member);
    member = manifest_member_new(RP_RELEASE_ARC);
    ck_assert_int_eq(batch(member, 1, NULL, 0), 0); /* TestFSMBatchFileOps_Empty */
    ck_assert_str_eq(member->told, "");
    manifest_member_free(member);
}
END_TEST

/* TestFSMBatchFileOps: operations act in order, with one LSN and one callback each. */
START_TEST(batch_acts_in_order_with_one_lsn)
{
    struct manifest_member *member = manifest_member_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(manifest_put(member, 1, "db/old", "db"), 0);
    struct rp_file_record a = manifest_record_of("db/a", "db");
    struct rp_file_record b = manifest_record_of("db/b", "db");
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
    manifest_member_free(member);
}
END_TEST

/* TestApplyBatchFileOps_RejectsMaliciousPath_AtomicPrevalidation and its siblings: one operation
 * that is not admissible, last of all, and nothing of the batch happens. */
START_TEST(batch_with_one_bad_operation_changes_nothing)
{
    struct manifest_member *member = manifest_member_new(RP_RELEASE_ARC);
    struct rp_file_record fine = manifest_record_of("db/a", "db");
    struct rp_file_record bad_path = manifest_record_of("../a", "db");
    struct rp_file_record bad_time = manifest_record_of("db/b", "db");
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
    manifest_member_free(member);
}
END_TEST

/* ---- Nodes ----------------------------------------------------------------------------------- */

/* TestFSMAddNode, RemoveNode, UpdateNodeState, Callbacks. */
START_TEST(nodes_come_change_and_go)
{
    struct manifest_member *member = manifest_member_new(RP_RELEASE_CURRENT);
    struct rp_buffer command;
    rp_buffer_init(&command, &manifest_bench.memory.alloc, 4096);
    ck_assert_int_eq(add_node(member, 1, "w2", 22), 0);
    ck_assert_int_eq(add_node(member, 2, "w1", 11), 0);
    ck_assert_int_eq(
        rp_command_encode_node_state(&command, rp_view_text("w2"), rp_view_text("leaving")), 0);
    ck_assert_int_eq(manifest_apply_view(member, 3, rp_buffer_view(&command)), 0);
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
        ck_assert_int_eq(manifest_apply_view(member, index, rp_buffer_view(&command)), 0);
    }
    ck_assert_ptr_null(rp_manifest_node(member->manifest, rp_view_text("w2")));
    ck_assert_str_eq(member->told, "node w2 node w1 node w2r gone w2 ");
    rp_buffer_clear(&command);
    manifest_member_free(member);
}
END_TEST

/* design.md, membership: the order of birth belongs to a raft id, not to a node's name. */
START_TEST(birth_is_kept_with_the_raft_id)
{
    struct manifest_member *member = manifest_member_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(add_node(member, 4, "w1", 11), 0);
    ck_assert_int_eq(add_node(member, 9, "w1", 11), 0);
    const struct rp_node_record *node = rp_manifest_node(member->manifest, rp_view_text("w1"));
    ck_assert_uint_eq(node->born_index, 4);
    ck_assert_uint_eq(node->index, 9);
    ck_assert_int_eq(add_node(member, 12, "w1", 77), 0);
    node = rp_manifest_node(member->manifest, rp_view_text("w1"));
    ck_assert_uint_eq(node->born_index, 12);
    ck_assert_ptr_null(rp_manifest_node_by_raft_id(member->manifest, 11));
    manifest_member_free(member);
}
END_TEST

/* ---- Sharing --------------------------------------------------------------------------------- */

/* design.md, ports: the second member adopts the very entries of the first, and hears the same. */
START_TEST(members_share_entries_and_hear_the_same)
{
    struct manifest_member *first = manifest_member_new(RP_RELEASE_CURRENT);
    struct manifest_member *second = manifest_member_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(manifest_put(first, 1, "db/a", "db"), 0);
    ck_assert_int_eq(manifest_put(second, 1, "db/a", "db"), 0);
    ck_assert_ptr_eq(file_of(first, "db/a"), file_of(second, "db/a"));
    ck_assert_str_eq(first->told, second->told);
    ck_assert(same_digest(first, second));
    manifest_member_free(first);
    manifest_member_free(second);
}
END_TEST

/* A release that admits more must not be given the answer of one that admits less. */
START_TEST(releases_with_other_admission_do_not_share_answers)
{
    struct manifest_member *strict = manifest_member_new(RP_RELEASE_CURRENT);
    struct manifest_member *lenient = manifest_member_new(RP_RELEASE_ARC);
    ck_assert_int_eq(manifest_put(strict, 1, "bare", "db"), RP_ERR_INVALID);
    ck_assert_int_eq(manifest_put(lenient, 1, "bare", "db"), 0);
    ck_assert_uint_eq(rp_manifest_file_count(lenient->manifest), 1);
    ck_assert_uint_eq(rp_manifest_file_count(strict->manifest), 0);
    manifest_member_free(strict);
    manifest_member_free(lenient);
}
END_TEST

/* ---- Snapshots ------------------------------------------------------------------------------- */

static int restore(struct manifest_member *member, const struct rp_block *block)
{
    return rp_manifest_restore(member->manifest, rp_view_make(block->bytes, block->length_bytes),
                               99);
}

/* TestFSMSnapshotRestoreWithFiles, TestFSMSnapshotRestoreWithCores: everything survives, and equal
 * states give equal bytes. */
START_TEST(snapshot_restores_files_nodes_and_index)
{
    struct manifest_member *source = manifest_member_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(add_node(source, 1, "w1", 11), 0);
    ck_assert_int_eq(manifest_put(source, 2, "db/a", "one"), 0);
    ck_assert_int_eq(manifest_put(source, 3, "db/b", "two"), 0);
    struct rp_block *block = manifest_snapshot_of(source);
    struct manifest_member *target = manifest_member_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(restore(target, block), 0);
    ck_assert(same_digest(source, target));
    ck_assert_uint_eq(rp_manifest_applied_index(target->manifest), 3);
    ck_assert_uint_eq(file_of(target, "db/b")->lsn, 3);
    ck_assert_uint_eq(database_count(target, "two"), 1);
    ck_assert_int_eq(rp_manifest_node(target->manifest, rp_view_text("w1"))->core_count, 8);
    struct rp_block *again = manifest_snapshot_of(target);
    ck_assert_uint_eq(again->length_bytes, block->length_bytes);
    ck_assert_mem_eq(again->bytes, block->bytes, block->length_bytes);
    rp_block_release(again);
    rp_block_release(block);
    manifest_member_free(source);
    manifest_member_free(target);
}
END_TEST

/* behaviour.md 1.6 and design.md: `current` announces what changed as apply would, `arc` nothing. */
START_TEST(restore_announces_the_difference_if_the_release_does)
{
    struct manifest_member *source = manifest_member_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(add_node(source, 1, "w2", 22), 0);
    ck_assert_int_eq(manifest_put(source, 2, "db/new", "db"), 0);
    ck_assert_int_eq(manifest_put(source, 3, "db/same", "db"), 0);
    ck_assert_int_eq(manifest_put(source, 4, "db/changed", "db"), 0);
    struct rp_block *block = manifest_snapshot_of(source);
    static const struct {
        enum rp_release release;
        const char *told;
    } rows[] = {
        {RP_RELEASE_CURRENT, "gone w1 node w2 +db/changed@4r -db/gone(snapshot) +db/new@2 "},
        {RP_RELEASE_ARC, ""},
    };
    struct manifest_member *target = manifest_member_new(rows[_i].release);
    ck_assert_int_eq(add_node(target, 1, "w1", 11), 0);
    ck_assert_int_eq(manifest_put(target, 2, "db/gone", "db"), 0);
    ck_assert_int_eq(manifest_put(target, 3, "db/same", "db"), 0);
    ck_assert_int_eq(manifest_put(target, 3, "db/changed", "db"), 0);
    target->told[0] = '\0';
    ck_assert_int_eq(restore(target, block), 0);
    ck_assert_str_eq(target->told, rows[_i].told);
    ck_assert(same_digest(source, target));
    rp_block_release(block);
    manifest_member_free(source);
    manifest_member_free(target);
}
END_TEST

/* Every prefix and every flipped byte of a snapshot: an error, and the state as it was. */
START_TEST(damaged_snapshot_is_an_error_and_changes_nothing)
{
    struct manifest_member *source = manifest_member_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(add_node(source, 1, "w1", 11), 0);
    ck_assert_int_eq(manifest_put(source, 2, "db/a", "db"), 0);
    struct rp_block *block = manifest_snapshot_of(source);
    struct manifest_member *target = manifest_member_new(RP_RELEASE_CURRENT);
    ck_assert_int_eq(manifest_put(target, 1, "db/kept", "db"), 0);
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
    manifest_member_free(source);
    manifest_member_free(target);
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
    struct manifest_member *member = manifest_member_new(RP_RELEASE_CURRENT);
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
    manifest_member_free(member);
}
END_TEST

/* No command makes a node without an id, so no snapshot does: it would pass for the role's bearer
 * where nobody has the role, and digests would part. */
START_TEST(restored_node_without_id_is_left_out)
{
    struct manifest_member *member = manifest_member_new(RP_RELEASE_ARC);
    struct rp_digest before = rp_manifest_digest(member->manifest);
    struct rp_view json = rp_view_text("{\"nodes\":{\"\":{\"role\":\"reader\"}}}");
    ck_assert_int_eq(rp_manifest_restore(member->manifest, json, 40), 0);
    ck_assert_uint_eq(rp_manifest_refused_count(member->manifest), 1);
    ck_assert_ptr_null(rp_manifest_node(member->manifest, rp_view_make(NULL, 0)));
    struct rp_digest after = rp_manifest_digest(member->manifest);
    ck_assert(before.low == after.low && before.high == after.high);
    manifest_member_free(member);
}
END_TEST

/* apply-deterministic: a snapshot and the rest of the log give what the whole log gives; and a
 * member that came back this way shares again. */
START_TEST(snapshot_and_rest_of_log_equal_whole_log)
{
    struct manifest_member *whole = manifest_member_new(RP_RELEASE_CURRENT);
    struct manifest_member *restored = manifest_member_new(RP_RELEASE_CURRENT);
    char path[32];
    for (uint64_t index = 1; index <= 100; index++) {
        snprintf(path, sizeof path, "db/%d", (int)(index * 7 % 60));
        ck_assert_int_eq(index % 3 == 0 ? manifest_drop(whole, index, path)
                                        : manifest_put(whole, index, path, "db"),
                         0);
        if (index == 50) {
            struct rp_block *block = manifest_snapshot_of(whole);
            ck_assert_int_eq(restore(restored, block), 0);
            rp_block_release(block);
        } else if (index > 50) {
            ck_assert_int_eq(index % 3 == 0 ? manifest_drop(restored, index, path)
                                            : manifest_put(restored, index, path, "db"),
                             0);
        }
    }
    ck_assert(same_digest(whole, restored));
    ck_assert_ptr_eq(file_of(whole, "db/40"), file_of(restored, "db/40"));
    ck_assert_ptr_nonnull(file_of(whole, "db/40"));
    manifest_member_free(whole);
    manifest_member_free(restored);
}
END_TEST

/* ---- Lack of memory -------------------------------------------------------------------------- */

/* One pass of everything that allocates. Returns the first error. */
static int busy_life(struct manifest_member *member, struct manifest_member *other,
                     struct rp_view batch_command)
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
    struct rp_file_record a = manifest_record_of("db/a", "one");
    struct rp_file_record b = manifest_record_of("db/b", "two");
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
        manifest_bench_setup();
        struct manifest_member *member = manifest_member_new(RP_RELEASE_CURRENT);
        struct manifest_member *other = manifest_member_new(RP_RELEASE_CURRENT);
        ck_assert_int_eq(manifest_put(member, 8, "db/x", "one"), 0);
        manifest_bench.memory.call_count = 0;
        manifest_bench.memory.fail_at = k;
        error = busy_life(member, other, rp_buffer_view(&command));
        ck_assert(error == 0 || error == RP_ERR_NOMEM);
        /* Not being remembered by the pool is no error, so the loop goes on past such a failure. */
        if (error == 0 && manifest_bench.memory.call_count >= k) {
            error = RP_ERR_NOMEM;
        }
        manifest_bench.memory.fail_at = 0;
        manifest_member_free(member);
        manifest_member_free(other);
        manifest_bench_teardown();
    }
    rp_buffer_clear(&command);
}
END_TEST

/* ---- Main ------------------------------------------------------------------------------------ */

int main(void)
{
    Suite *suite = suite_create("manifest");
    TCase *tc = tcase_create("manifest");
    tcase_add_checked_fixture(tc, manifest_bench_setup, manifest_bench_teardown);
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
