/* Snapshots of the manifest (behaviour.md 1.6), ours and the reference's JSON, from any bytes: a
 * refused one changes nothing; an accepted one gives a state whose own snapshot is stable, holds
 * only what may be held, and was told of as the difference that it is. */
#include "protocol/command.h"
#include "protocol/digest.h"
#include "protocol/entry_pool.h"
#include "protocol/manifest.h"
#include "protocol/path.h"
#include "tests/fuzz/input.h"

#define MAGIC_BYTES       4
#define TRAILER_BYTES     16
#define PAGE_MAX          4096
#define FALLBACK_INDEX    77
#define COMMAND_BYTES_MAX ((size_t)1 << 16)

/* What the callbacks told. */
struct tally {
    int64_t file_count, node_count;
    bool is_file_told;
};

static void file_registered(void *context, const struct rp_file_entry *entry,
                            const struct rp_file_entry *replaced)
{
    struct tally *tally = context;
    RP_ASSERT(replaced == NULL || rp_view_equal(entry->path, replaced->path));
    tally->file_count += replaced == NULL;
    tally->is_file_told = true;
}

static void file_deleted(void *context, const struct rp_file_entry *removed, struct rp_view reason)
{
    struct tally *tally = context;
    RP_ASSERT(removed != NULL && reason.length_bytes > 0);
    tally->file_count -= 1;
    tally->is_file_told = true;
}

static void node_changed(void *context, const struct rp_node_record *record,
                         const struct rp_node_record *replaced)
{
    struct tally *tally = context;
    RP_ASSERT(replaced == NULL || rp_view_equal(record->id, replaced->id));
    RP_ASSERT(!tally->is_file_told); /* whoever hears of a file may ask who has it */
    tally->node_count += replaced == NULL;
}

static void node_removed(void *context, const struct rp_node_record *removed)
{
    struct tally *tally = context;
    RP_ASSERT(removed != NULL && !tally->is_file_told);
    tally->node_count -= 1;
}

/* ---- A manifest that holds something --------------------------------------------------------- */

static struct rp_manifest *manifest_new(struct fuzz_memory *memory, const struct rp_traits *traits,
                                        struct rp_entry_pool *pool, struct tally *tally)
{
    struct rp_manifest *manifest;
    struct rp_manifest_events events = {tally, file_registered, file_deleted, node_changed,
                                        node_removed};
    memset(tally, 0, sizeof *tally);
    RP_ASSERT(rp_manifest_new(traits, &memory->alloc, pool, &events, &manifest) == 0);
    return manifest;
}

static void fill(struct fuzz_memory *memory, struct rp_manifest *manifest)
{
    static const char HASH[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    static const char *const FILES[] = {"cpu/a", "cpu/b"};
    struct rp_buffer command;
    rp_buffer_init(&command, &memory->alloc, COMMAND_BYTES_MAX);
    struct rp_node_record node = {.id = rp_view_text("node-1"), .role = rp_view_text("writer")};
    RP_ASSERT(rp_command_encode_node(&command, RP_CMD_ADD_NODE, &node) == 0);
    RP_ASSERT(rp_manifest_apply(manifest, 1, 1, rp_buffer_view(&command)) == 0);
    for (size_t i = 0; i < 2; i++) {
        struct rp_file_record file = {.path = rp_view_text(FILES[i]),
                                      .sha256 = rp_view_text(HASH),
                                      .size_bytes = 5,
                                      .created_at = {.unix_s = 1700000000}};
        rp_buffer_reset(&command);
        RP_ASSERT(rp_command_encode_register(&command, RP_CMD_REGISTER_FILE, &file) == 0);
        RP_ASSERT(rp_manifest_apply(manifest, i + 2, 1, rp_buffer_view(&command)) == 0);
    }
    rp_buffer_clear(&command);
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

/* Our form needs its first bytes and its checksum, which no mutation would find: both are put
 * around what the input gives. */
static struct rp_chunk frame(struct fuzz_memory *memory, const struct rp_manifest *manifest,
                             struct rp_view body)
{
    struct rp_block *sample;
    struct rp_buffer bytes;
    struct rp_mixer mixer;
    uint8_t trailer[TRAILER_BYTES];
    rp_buffer_init(&bytes, &memory->alloc, SIZE_MAX / 2);
    RP_ASSERT(rp_manifest_snapshot(manifest, &sample) == 0);
    RP_ASSERT(rp_buffer_append(&bytes, rp_view_make(sample->bytes, MAGIC_BYTES)) == 0);
    RP_ASSERT(rp_buffer_append(&bytes, body) == 0);
    rp_mixer_begin(&mixer);
    rp_mixer_view(&mixer, rp_buffer_view(&bytes));
    rp_mixer_finish(&mixer);
    for (size_t i = 0; i < TRAILER_BYTES; i++) {
        uint64_t lane = i < 8 ? mixer.low : mixer.high;
        trailer[i] = (uint8_t)(lane >> (8 * (i % 8)));
    }
    RP_ASSERT(rp_buffer_append(&bytes, rp_view_make(trailer, sizeof trailer)) == 0);
    struct rp_chunk chunk = fuzz_chunk(memory, rp_buffer_view(&bytes));
    rp_buffer_clear(&bytes);
    rp_block_release(sample);
    return chunk;
}

static struct rp_chunk take_bytes(struct fuzz_input *input, struct fuzz_memory *memory,
                                  const struct rp_manifest *manifest)
{
    return fuzz_flag(input) ? frame(memory, manifest, fuzz_rest(input))
                            : fuzz_chunk(memory, fuzz_rest(input));
}

/* ---- Checks ---------------------------------------------------------------------------------- */

static bool is_same_digest(struct rp_digest left, struct rp_digest right)
{
    return left.low == right.low && left.high == right.high;
}

static size_t node_count_of(const struct rp_manifest *manifest)
{
    static const size_t MAX = 256;
    const struct rp_node_record *records[256];
    size_t total = 0;
    size_t count = MAX;
    struct rp_view cursor = rp_view_make(NULL, 0);
    const struct rp_node_record *last = NULL;

    while (count == MAX) {
        count = rp_manifest_node_page(manifest, cursor, records, MAX);
        total += count;
        rp_node_record_release(last);
        last = count == 0 ? NULL : rp_node_record_retain(records[count - 1]);
        cursor = last == NULL ? cursor : last->id;
        for (size_t i = 0; i < count; i++) {
            rp_node_record_release(records[i]);
        }
    }
    rp_node_record_release(last);
    return total;
}

static void check_admitted(const struct rp_manifest *manifest, const struct rp_traits *traits)
{
    const struct rp_file_entry **entries = calloc(PAGE_MAX, sizeof *entries);
    RP_ASSERT(entries != NULL);
    size_t count = rp_manifest_page(manifest, rp_view_make(NULL, 0), entries, PAGE_MAX);
    RP_ASSERT(count == PAGE_MAX || count == rp_manifest_file_count(manifest));
    for (size_t i = 0; i < count; i++) {
        RP_ASSERT(i == 0 || rp_view_compare(entries[i - 1]->path, entries[i]->path) < 0);
        RP_ASSERT(rp_path_admit(traits, entries[i]->path) == RP_PATH_OK);
        bool is_strict = traits->admission == RP_ADMIT_STRICT;
        RP_ASSERT(!is_strict || (entries[i]->size_bytes >= 0 &&
                                 entries[i]->sha256.length_bytes == RP_SHA256_HEX));
    }
    for (size_t i = 0; i < count; i++) {
        rp_file_entry_release(entries[i]);
    }
    free(entries);
}

/* snapshot(restore(x)) restores to the same state and the same bytes. */
static void check_stable(struct fuzz_memory *memory, const struct rp_traits *traits,
                         struct rp_entry_pool *pool, const struct rp_manifest *manifest)
{
    struct tally tally;
    struct rp_block *first;
    struct rp_block *second;
    RP_ASSERT(rp_manifest_snapshot(manifest, &first) == 0);
    struct rp_manifest *other = manifest_new(memory, traits, pool, &tally);
    RP_ASSERT(rp_manifest_restore(other, rp_view_make(first->bytes, first->length_bytes), 0) == 0);
    RP_ASSERT(is_same_digest(rp_manifest_digest(manifest), rp_manifest_digest(other)));
    RP_ASSERT(rp_manifest_applied_index(manifest) == rp_manifest_applied_index(other));
    RP_ASSERT(rp_manifest_refused_count(other) == 0);
    RP_ASSERT(rp_manifest_snapshot(other, &second) == 0);
    RP_ASSERT(rp_view_equal(rp_view_make(first->bytes, first->length_bytes),
                            rp_view_make(second->bytes, second->length_bytes)));
    rp_block_release(first);
    rp_block_release(second);
    rp_manifest_free(other);
}

static void check_restore(struct fuzz_memory *memory, const struct rp_traits *traits,
                          struct rp_entry_pool *pool, struct rp_manifest *manifest,
                          struct tally *tally, struct rp_view bytes)
{
    struct rp_digest before = rp_manifest_digest(manifest);
    struct tally tally_before = *tally;
    tally->is_file_told = false;
    int error = rp_manifest_restore(manifest, bytes, FALLBACK_INDEX);
    if (error != 0) {
        RP_ASSERT(error == RP_ERR_SYNTAX || error == RP_ERR_TYPE || error == RP_ERR_NOMEM);
        RP_ASSERT(error != RP_ERR_NOMEM || memory->fail_at != 0);
        RP_ASSERT(is_same_digest(before, rp_manifest_digest(manifest)));
        RP_ASSERT(rp_manifest_applied_index(manifest) == 3);
        RP_ASSERT(!tally->is_file_told && tally->file_count == tally_before.file_count &&
                  tally->node_count == tally_before.node_count);
        return;
    }
    memory->fail_at = 0;
    check_admitted(manifest, traits);
    check_stable(memory, traits, pool, manifest);
    if (traits->restore_announce == RP_RESTORE_ANNOUNCES) {
        RP_ASSERT(tally->file_count == (int64_t)rp_manifest_file_count(manifest));
        RP_ASSERT(tally->node_count == (int64_t)node_count_of(manifest));
    } else {
        RP_ASSERT(!tally->is_file_told);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input_of(data, size);
    struct fuzz_memory memory;
    struct tally tally;
    struct rp_entry_pool *pool;
    fuzz_memory_init(&memory);
    const struct rp_traits *traits = fuzz_traits(&input);
    uint8_t fail_after = fuzz_byte(&input); /* 0: memory never fails */
    RP_ASSERT(rp_entry_pool_new(&memory.alloc, &pool) == 0);
    struct rp_manifest *manifest = manifest_new(&memory, traits, pool, &tally);
    fill(&memory, manifest);
    struct rp_chunk chunk = take_bytes(&input, &memory, manifest);
    memory.fail_at = fail_after == 0 ? 0 : memory.call_count + fail_after;
    check_restore(&memory, traits, pool, manifest, &tally, rp_chunk_view(chunk));
    memory.fail_at = 0;
    rp_block_release(chunk.block);
    rp_manifest_free(manifest);
    rp_entry_pool_free(pool);
    fuzz_memory_check(&memory);
    return 0;
}
