/* Commands of the log applied to a small manifest (behaviour.md 1): a refusal changes nothing; the
 * callbacks tell exactly what changed; members that share a pool, members alone and members that
 * start from a snapshot all agree, in every release. */
#include "protocol/command.h"

#include "protocol/command_decode.h"
#include "protocol/entry_pool.h"
#include "protocol/json.h"
#include "protocol/manifest.h"
#include "protocol/path.h"
#include "tests/fuzz/input.h"

#define STEP_MAX          24
#define PAGE_MAX          512
#define MANY_MAX          48
#define FEW_FILES         16 /* are looked at after every command, more at the end */
#define COMMAND_BYTES_MAX ((size_t)1 << 20)

/* One manifest and what its callbacks have told. */
struct member {
    struct rp_manifest *manifest;
    const struct rp_traits *traits;
    size_t file_count, node_count; /* by the callbacks alone */
    size_t told_count;
};

struct cluster {
    struct fuzz_memory *memory;
    struct rp_entry_pool *shared, *alone;
    struct member members[RP_RELEASE_COUNT]; /* one a release, with one pool */
    struct member single;                    /* of the input's release, with a pool of its own */
    size_t single_release;
};

/* ---- Callbacks ------------------------------------------------------------------------------- */

static void file_registered(void *context, const struct rp_file_entry *entry,
                            const struct rp_file_entry *replaced)
{
    struct member *member = context;
    RP_ASSERT(entry != NULL);
    RP_ASSERT(replaced == NULL || rp_view_equal(entry->path, replaced->path));
    member->file_count += replaced == NULL;
    member->told_count += 1;
}

static void file_deleted(void *context, const struct rp_file_entry *removed, struct rp_view reason)
{
    struct member *member = context;
    (void)reason;
    RP_ASSERT(removed != NULL && member->file_count > 0);
    member->file_count -= 1;
    member->told_count += 1;
}

static void node_changed(void *context, const struct rp_node_record *record,
                         const struct rp_node_record *replaced)
{
    struct member *member = context;
    RP_ASSERT(record->id.length_bytes > 0);
    RP_ASSERT(replaced == NULL || rp_view_equal(record->id, replaced->id));
    member->node_count += replaced == NULL;
    member->told_count += 1;
}

static void node_removed(void *context, const struct rp_node_record *removed)
{
    struct member *member = context;
    RP_ASSERT(removed != NULL && member->node_count > 0);
    member->node_count -= 1;
    member->told_count += 1;
}

static void member_init(struct member *member, struct fuzz_memory *memory,
                        const struct rp_traits *traits, struct rp_entry_pool *pool)
{
    struct rp_manifest_events events = {member, file_registered, file_deleted, node_changed,
                                        node_removed};
    memset(member, 0, sizeof *member);
    member->traits = traits;
    RP_ASSERT(rp_manifest_new(traits, &memory->alloc, pool, &events, &member->manifest) == 0);
}

/* ---- Checks ---------------------------------------------------------------------------------- */

static bool is_same_digest(struct rp_digest left, struct rp_digest right)
{
    return left.low == right.low && left.high == right.high;
}

/* Who has a role is a node of the table. */
static void check_role(const struct member *member, const struct rp_node_record *bearer)
{
    RP_ASSERT(bearer == NULL || rp_manifest_node(member->manifest, bearer->id) == bearer);
}

static size_t node_count_of(const struct member *member)
{
    const struct rp_node_record *records[PAGE_MAX];
    size_t count =
        rp_manifest_node_page(member->manifest, rp_view_make(NULL, 0), records, PAGE_MAX);
    for (size_t i = 0; i < count; i++) {
        RP_ASSERT(i == 0 || rp_view_compare(records[i - 1]->id, records[i]->id) < 0);
        RP_ASSERT(rp_manifest_node(member->manifest, records[i]->id) == records[i]);
        const struct rp_node_record *same =
            rp_manifest_node_by_raft_id(member->manifest, records[i]->raft_id);
        RP_ASSERT((same == NULL) == (records[i]->raft_id == 0));
        RP_ASSERT(same == NULL || same->raft_id == records[i]->raft_id);
    }
    check_role(member, rp_manifest_primary_writer(member->manifest));
    check_role(member, rp_manifest_active_compactor(member->manifest));
    for (size_t i = 0; i < count; i++) {
        rp_node_record_release(records[i]);
    }
    return count;
}

/* Every page in order, every entry admissible and found, and the index of databases complete. */
static void check_files(const struct member *member)
{
    const struct rp_file_entry *entries[PAGE_MAX];
    const struct rp_file_entry *found[1];
    size_t count = rp_manifest_page(member->manifest, rp_view_make(NULL, 0), entries, PAGE_MAX);
    RP_ASSERT(count == rp_manifest_file_count(member->manifest));
    for (size_t i = 0; i < count; i++) {
        RP_ASSERT(i == 0 || rp_view_compare(entries[i - 1]->path, entries[i]->path) < 0);
        RP_ASSERT(rp_path_admit(member->traits, entries[i]->path) == RP_PATH_OK);
        RP_ASSERT(rp_manifest_file(member->manifest, entries[i]->path) == entries[i]);
        RP_ASSERT(rp_manifest_deletion(member->manifest, entries[i]->path) == 0);
        struct rp_view before =
            i == 0 ? rp_view_make(NULL, 0) : entries[i - 1]->path; /* none lies between */
        RP_ASSERT(rp_manifest_database_page(member->manifest, entries[i]->database, before, found,
                                            1) == 1);
        RP_ASSERT(found[0] == entries[i]);
        rp_file_entry_release(found[0]);
    }
    for (size_t i = 0; i < count; i++) {
        rp_file_entry_release(entries[i]);
    }
}

static int apply(struct member *member, uint64_t index, struct rp_view command)
{
    struct rp_digest before = rp_manifest_digest(member->manifest);
    uint64_t refused_before = rp_manifest_refused_count(member->manifest);
    size_t told_before = member->told_count;
    int error = rp_manifest_apply(member->manifest, index, 1, command);
    bool is_same = is_same_digest(before, rp_manifest_digest(member->manifest));
    RP_ASSERT(rp_manifest_applied_index(member->manifest) == index);
    RP_ASSERT(rp_manifest_refused_count(member->manifest) == refused_before + (error != 0));
    /* Refused: nothing changed and nobody was told. */
    RP_ASSERT(error == 0 || (is_same && member->told_count == told_before));
    RP_ASSERT(is_same || member->told_count > told_before);
    RP_ASSERT(error == 0 || error == RP_ERR_SYNTAX || error == RP_ERR_TYPE ||
              error == RP_ERR_UNKNOWN_TYPE || error == RP_ERR_INVALID || error == RP_ERR_NOT_FOUND);
    RP_ASSERT(member->file_count == rp_manifest_file_count(member->manifest));
    RP_ASSERT(member->node_count == node_count_of(member));
    if (member->file_count <= FEW_FILES) {
        check_files(member);
    }
    return error;
}

/* What can be told of the bytes without applying them agrees with what applying made of them. */
static void check_decoded(struct cluster *cluster, struct rp_view bytes, int error)
{
    const struct rp_command *command;
    struct rp_arena arena;
    uint8_t type = 0;
    rp_arena_init(&arena, &cluster->memory->alloc);
    RP_ASSERT(rp_command_decode(&cluster->memory->alloc, 1, bytes, &command) == 0);
    int peeked = rp_command_peek_type(bytes, &arena, &type);
    RP_ASSERT(peeked == 0 || command->error != 0);
    RP_ASSERT(peeked != 0 || command->type == type);
    RP_ASSERT(command->error == 0 || error != 0);
    rp_command_release(command);
    rp_arena_clear(&arena);
}

static void apply_everywhere(struct cluster *cluster, uint64_t index, struct rp_view command)
{
    int errors[RP_RELEASE_COUNT];
    for (size_t i = 0; i < RP_RELEASE_COUNT; i++) {
        errors[i] = apply(&cluster->members[i], index, command);
    }
    const struct member *twin = &cluster->members[cluster->single_release];
    int error = apply(&cluster->single, index, command);
    RP_ASSERT(error == errors[cluster->single_release]);
    RP_ASSERT(is_same_digest(rp_manifest_digest(cluster->single.manifest),
                             rp_manifest_digest(twin->manifest)));
    check_decoded(cluster, command, error);
}

static struct rp_block *snapshot_of(const struct member *member)
{
    struct rp_block *block;
    RP_ASSERT(rp_manifest_snapshot(member->manifest, &block) == 0);
    return block;
}

static bool is_same_block(const struct rp_block *left, const struct rp_block *right)
{
    return rp_view_equal(rp_view_make(left->bytes, left->length_bytes),
                         rp_view_make(right->bytes, right->length_bytes));
}

/* Who joins by snapshot is where the others are. */
static void check_snapshot(struct cluster *cluster)
{
    const struct member *twin = &cluster->members[cluster->single_release];
    struct rp_block *first = snapshot_of(&cluster->single);
    struct rp_block *second = snapshot_of(twin);
    struct member fresh;
    RP_ASSERT(is_same_block(first, second));
    member_init(&fresh, cluster->memory, cluster->single.traits, cluster->shared);
    RP_ASSERT(rp_manifest_restore(fresh.manifest, rp_view_make(first->bytes, first->length_bytes),
                                  0) == 0);
    RP_ASSERT(
        is_same_digest(rp_manifest_digest(fresh.manifest), rp_manifest_digest(twin->manifest)));
    RP_ASSERT(rp_manifest_applied_index(fresh.manifest) ==
              rp_manifest_applied_index(twin->manifest));
    struct rp_block *third = snapshot_of(&fresh);
    RP_ASSERT(is_same_block(first, third));
    rp_block_release(first);
    rp_block_release(second);
    rp_block_release(third);
    rp_manifest_free(fresh.manifest);
}

/* ---- Commands out of the input --------------------------------------------------------------- */

static const char *const PATHS[] = {"cpu/a.parquet", "cpu/b.parquet", "mem/c.parquet", "bare",
                                    "../up/d",       "cpu//e",        "/abs/f",        "s3://g"};
static const char *const NODES[] = {"node-1", "node-2", "node-3", ""};
static const char HASH[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static struct rp_view choose(struct fuzz_input *input, const char *const *names, size_t count)
{
    size_t choice = fuzz_below(input, count + 1);
    return choice < count ? rp_view_text(names[choice]) : fuzz_view(input, 64);
}

static struct rp_file_record take_file(struct fuzz_input *input)
{
    struct rp_file_record file;
    memset(&file, 0, sizeof file);
    file.path = choose(input, PATHS, sizeof PATHS / sizeof PATHS[0]);
    file.sha256 = fuzz_flag(input) ? fuzz_view(input, 70) : rp_view_text(HASH);
    file.size_bytes = fuzz_integer(input);
    file.database = fuzz_flag(input) ? rp_view_text("db2") : rp_view_text("db1");
    file.origin_node_id = choose(input, NODES, sizeof NODES / sizeof NODES[0]);
    switch (fuzz_below(input, 4)) {
    case 1: file.created_at.unix_s = fuzz_integer(input); break;
    case 2: file.created_at.unix_s = RP_TIME_ZERO_UNIX_S; break;
    default: file.created_at.unix_s = 1700000000; break;
    }
    file.created_at.nsec = (int32_t)fuzz_byte(input);
    return file;
}

static struct rp_node_record take_node(struct fuzz_input *input)
{
    struct rp_node_record node;
    memset(&node, 0, sizeof node);
    node.id = choose(input, NODES, sizeof NODES / sizeof NODES[0]);
    node.role = rp_view_text("reader");
    node.raft_id = fuzz_below(input, 4);
    node.core_count = fuzz_integer(input);
    node.is_bound_fetch = fuzz_flag(input);
    return node;
}

static int take_batch(struct fuzz_input *input, struct rp_buffer *out)
{
    struct rp_batch_operation operations[4];
    struct rp_file_record files[4];
    size_t count = fuzz_below(input, 5);
    memset(operations, 0, sizeof operations);
    for (size_t i = 0; i < count; i++) {
        files[i] = take_file(input);
        if (fuzz_flag(input)) {
            operations[i].type = RP_CMD_DELETE_FILE;
            operations[i].delete_path = files[i].path;
        } else {
            operations[i].type = fuzz_flag(input) ? RP_CMD_UPDATE_FILE : RP_CMD_REGISTER_FILE;
            operations[i].file = &files[i];
        }
    }
    return rp_command_encode_batch(out, operations, count);
}

/* So many files at once that the tree grows another level, and loses it again. */
static int take_many(struct fuzz_input *input, struct rp_buffer *out)
{
    struct rp_batch_operation operations[MANY_MAX];
    struct rp_file_record files[MANY_MAX];
    uint8_t names[MANY_MAX][4];
    size_t count = fuzz_below(input, MANY_MAX + 1);
    uint8_t first = fuzz_byte(input);
    uint8_t stride = fuzz_byte(input);
    bool is_delete = fuzz_flag(input);
    memset(operations, 0, sizeof operations);
    memset(files, 0, sizeof files);
    for (size_t i = 0; i < count; i++) {
        uint8_t number = (uint8_t)(first + i * stride);
        names[i][0] = 'd';
        names[i][1] = '/';
        names[i][2] = (uint8_t)('a' + number / 16);
        names[i][3] = (uint8_t)('a' + number % 16);
        files[i].path = rp_view_make(names[i], sizeof names[i]);
        files[i].sha256 = rp_view_text(HASH);
        files[i].size_bytes = number;
        files[i].database = rp_view_text(number % 3 == 0 ? "db2" : "db1");
        files[i].created_at.unix_s = 1700000000;
        operations[i].type = is_delete ? RP_CMD_DELETE_FILE : RP_CMD_REGISTER_FILE;
        operations[i].file = is_delete ? NULL : &files[i];
        operations[i].delete_path = is_delete ? files[i].path : rp_view_make(NULL, 0);
    }
    return rp_command_encode_batch(out, operations, count);
}

/* The envelope by hand around JSON that the input gives. */
static int take_wrapped(struct fuzz_input *input, struct rp_buffer *out)
{
    int error = rp_buffer_append_text(out, "{\"type\":");
    error = error != 0 ? error : rp_json_append_uint(out, fuzz_below(input, 14));
    error = error != 0 ? error : rp_buffer_append_text(out, ",\"payload\":\"");
    error = error != 0 ? error : rp_base64_append(out, fuzz_view(input, 255));
    return error != 0 ? error : rp_buffer_append_text(out, "\"}");
}

static int take_command(struct fuzz_input *input, struct rp_buffer *out)
{
    struct rp_file_record file;
    struct rp_node_record node;
    switch (fuzz_below(input, 10)) {
    case 0:
        file = take_file(input);
        return rp_command_encode_register(out, RP_CMD_REGISTER_FILE, &file);
    case 1:
        file = take_file(input);
        return rp_command_encode_register(out, RP_CMD_UPDATE_FILE, &file);
    case 2:
        file = take_file(input);
        return rp_command_encode_delete(out, file.path, rp_view_text("retention"));
    case 3:
        node = take_node(input);
        return rp_command_encode_node(out, fuzz_flag(input) ? RP_CMD_UPDATE_NODE : RP_CMD_ADD_NODE,
                                      &node);
    case 4: node = take_node(input); return rp_command_encode_remove_node(out, node.id);
    case 5:
        node = take_node(input);
        return rp_command_encode_node_state(out, node.id, fuzz_view(input, 16));
    case 6: return take_batch(input, out);
    case 7: return take_wrapped(input, out);
    case 8: return take_many(input, out);
    default: return rp_buffer_append(out, fuzz_view(input, 255));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input_of(data, size);
    struct fuzz_memory memory;
    struct cluster cluster = {.memory = &memory};
    struct rp_buffer command;
    fuzz_memory_init(&memory);
    rp_buffer_init(&command, &memory.alloc, COMMAND_BYTES_MAX);
    RP_ASSERT(rp_entry_pool_new(&memory.alloc, &cluster.shared) == 0);
    RP_ASSERT(rp_entry_pool_new(&memory.alloc, &cluster.alone) == 0);
    for (size_t i = 0; i < RP_RELEASE_COUNT; i++) {
        member_init(&cluster.members[i], &memory, rp_release_traits((enum rp_release)i),
                    cluster.shared);
    }
    cluster.single_release = RP_RELEASE_COUNT - 1 - fuzz_below(&input, RP_RELEASE_COUNT);
    member_init(&cluster.single, &memory,
                rp_release_traits((enum rp_release)cluster.single_release), cluster.alone);
    for (uint64_t index = 1; index <= STEP_MAX && fuzz_left(&input) > 0; index++) {
        rp_buffer_reset(&command);
        if (take_command(&input, &command) == 0) {
            apply_everywhere(&cluster, index, rp_buffer_view(&command));
        }
    }
    check_snapshot(&cluster);
    for (size_t i = 0; i < RP_RELEASE_COUNT; i++) {
        check_files(&cluster.members[i]);
        rp_manifest_free(cluster.members[i].manifest);
    }
    rp_manifest_free(cluster.single.manifest);
    rp_entry_pool_free(cluster.shared);
    rp_entry_pool_free(cluster.alone);
    rp_buffer_clear(&command);
    fuzz_memory_check(&memory);
    return 0;
}
