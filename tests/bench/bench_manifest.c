/* The manifest at size: paging through it while it changes against paging at rest, and a snapshot and
 * its restore. The ratio is of this run; the target is 3. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/error.h"
#include "protocol/limits.h"
#include "protocol/manifest.h"
#include "protocol/panic.h"
#include "sim/alloc.h"
#include "tests/bench/bench.h"

#define BATCH       500u
#define RATIO_MAX   3.0
#define ROUND_COUNT 3

struct subject {
    struct rp_entry_pool *pool;
    struct rp_manifest *manifest;
    uint64_t index;
};

static void subject_open(struct subject *subject)
{
    const struct rp_alloc *alloc = sim_libc_alloc();
    subject->index = 0;
    RP_ASSERT(rp_entry_pool_new(alloc, &subject->pool) == 0);
    RP_ASSERT(rp_manifest_new(rp_release_traits(RP_RELEASE_CURRENT), alloc, subject->pool, NULL,
                              &subject->manifest) == 0);
}

static void subject_close(struct subject *subject)
{
    rp_manifest_free(subject->manifest);
    rp_entry_pool_free(subject->pool);
}

/* Files of an hour lie together, as those of a real writer do. */
static void make_path(char path[64], unsigned number)
{
    (void)snprintf(path, 64, "db/cpu/2026/04/%02u/%02u/writer-1-%08u.parquet", number / 24000 % 31,
                   number / 1000 % 24, number);
}

static void apply(struct subject *subject, struct rp_buffer *command)
{
    RP_ASSERT(rp_manifest_apply(subject->manifest, ++subject->index, 1, rp_buffer_view(command)) ==
              0);
    rp_buffer_reset(command);
}

static struct rp_file_record record_of(const char *path)
{
    struct rp_file_record file = {
        .path = rp_view_text(path),
        .sha256 = rp_view_text("0123456789abcdef0123456789abcdef"
                               "0123456789abcdef0123456789abcdef"),
        .size_bytes = 65536,
        .database = rp_view_text("db"),
        .measurement = rp_view_text("cpu"),
        .origin_node_id = rp_view_text("writer-1"),
        .tier = rp_view_text("hot"),
        .created_at = {1775923201, 500, 0},
    };
    return file;
}

static void fill(struct subject *subject, struct rp_buffer *command, unsigned count)
{
    static char paths[BATCH][64];
    static struct rp_file_record files[BATCH];
    static struct rp_batch_operation operations[BATCH];
    for (unsigned first = 0; first < count; first += BATCH) {
        for (unsigned i = 0; i < BATCH; i++) {
            make_path(paths[i], first + i);
            files[i] = record_of(paths[i]);
            operations[i] =
                (struct rp_batch_operation){.type = RP_CMD_REGISTER_FILE, .file = &files[i]};
        }
        RP_ASSERT(rp_command_encode_batch(command, operations, BATCH) == 0);
        apply(subject, command);
    }
}

/* A new file or a deletion, in turn, all over the manifest. */
static void mutate(struct subject *subject, struct rp_buffer *command, unsigned number,
                   unsigned count)
{
    char path[64];
    make_path(path, (unsigned)((uint64_t)number * 2654435761u % count) + (number % 2) * count);
    struct rp_file_record file = record_of(path);
    int error = number % 2 == 1
                    ? rp_command_encode_register(command, RP_CMD_REGISTER_FILE, &file)
                    : rp_command_encode_delete(command, file.path, rp_view_text("bench"));
    RP_ASSERT(error == 0);
    apply(subject, command);
}

/* Seconds spent on pages alone; `mutations` are spread evenly between them. */
static double walk(struct subject *subject, struct rp_buffer *command, unsigned count,
                   unsigned mutations, unsigned first_mutation, size_t *seen_out)
{
    static const struct rp_file_entry *page[RP_WALK_PAGE_MAX];
    const struct rp_file_entry *last = NULL;
    unsigned per_page = mutations / (count / RP_WALK_PAGE_MAX);
    unsigned number = first_mutation;
    double seconds = 0;
    *seen_out = 0;
    for (size_t got = RP_WALK_PAGE_MAX; got == RP_WALK_PAGE_MAX;) {
        double begin_s = bench_seconds();
        struct rp_view cursor = last == NULL ? rp_view_text("") : last->path;
        got = rp_manifest_page(subject->manifest, cursor, page, RP_WALK_PAGE_MAX);
        rp_file_entry_release(last);
        last = got == 0 ? NULL : rp_file_entry_retain(page[got - 1]);
        for (size_t i = 0; i < got; i++) {
            rp_file_entry_release(page[i]);
        }
        seconds += bench_seconds() - begin_s;
        *seen_out += got;
        for (unsigned i = 0; i < per_page; i++) {
            mutate(subject, command, number++, count);
        }
    }
    rp_file_entry_release(last);
    return seconds;
}

static bool is_same(const struct rp_manifest *left, const struct rp_manifest *right)
{
    struct rp_digest a = rp_manifest_digest(left);
    struct rp_digest b = rp_manifest_digest(right);
    return a.low == b.low && a.high == b.high &&
           rp_manifest_file_count(left) == rp_manifest_file_count(right) &&
           rp_manifest_deletion_count(left) == rp_manifest_deletion_count(right);
}

static void snapshot_round_trip(const struct subject *subject)
{
    struct subject target;
    struct rp_block *block = NULL;
    subject_open(&target);
    double begin_s = bench_seconds();
    RP_ASSERT(rp_manifest_snapshot(subject->manifest, &block) == 0);
    double taken_s = bench_seconds();
    RP_ASSERT(rp_manifest_restore(target.manifest, rp_view_make(block->bytes, block->length_bytes),
                                  0) == 0);
    double restored_s = bench_seconds();
    RP_ASSERT(is_same(subject->manifest, target.manifest));
    printf("manifest: a snapshot of %zu files is %zu bytes, taken in %.2f s, restored in %.2f s\n",
           rp_manifest_file_count(subject->manifest), block->length_bytes, taken_s - begin_s,
           restored_s - taken_s);
    rp_block_release(block);
    subject_close(&target);
}

int main(void)
{
    unsigned count = BENCH_IS_JUDGED ? 1000000 : 20000;
    unsigned mutations = BENCH_IS_JUDGED ? 10000 : 200;
    double at_rest[ROUND_COUNT], changing[ROUND_COUNT];
    struct subject subject;
    struct rp_buffer command;
    size_t seen = 0;
    subject_open(&subject);
    rp_buffer_init(&command, sim_libc_alloc(), RP_FRAME_LENGTH_MAX);
    double begin_s = bench_seconds();
    fill(&subject, &command, count);
    printf("manifest: %u files registered in %.2f s\n", count, bench_seconds() - begin_s);
    for (unsigned round = 0; round < ROUND_COUNT; round++) {
        at_rest[round] = walk(&subject, &command, count, 0, 0, &seen);
        RP_ASSERT(seen == rp_manifest_file_count(subject.manifest));
        changing[round] =
            walk(&subject, &command, count, mutations, 1 + round * 2 * mutations, &seen);
        RP_ASSERT(seen >= count - (round + 1) * mutations);
    }
    double rest_s = bench_median(at_rest, ROUND_COUNT);
    double ratio = bench_median(changing, ROUND_COUNT) / rest_s;
    printf("manifest: paging at rest %.1f ms, while %u mutations land %.2f times that (at most "
           "%.1f)\n",
           rest_s * 1e3, mutations, ratio, RATIO_MAX);
    snapshot_round_trip(&subject);
    rp_buffer_clear(&command);
    subject_close(&subject);
    return BENCH_IS_JUDGED && ratio > RATIO_MAX ? 1 : 0;
}
