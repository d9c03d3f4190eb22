/* Manifests of several members over one pool, fed with commands as consensus does. */
#ifndef REPLISIM_TESTS_LIB_MANIFEST_BENCH_H
#define REPLISIM_TESTS_LIB_MANIFEST_BENCH_H

#include "protocol/command.h"
#include "protocol/manifest.h"
#include "tests/lib/test_alloc.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* What callbacks said, one line each: "+path@lsn", "-path(reason)", "node id", "gone id". */
struct manifest_member {
    struct rp_manifest *manifest;
    char told[4096];
};

/* Of the test that runs. */
extern struct manifest_bench {
    struct test_alloc memory;
    struct rp_entry_pool *pool;
} manifest_bench;

struct manifest_member *manifest_member_new(enum rp_release release);
void manifest_member_free(struct manifest_member *member);
/* A checked fixture: the memory and the pool that all members share; nothing may be left at the end. */
void manifest_bench_setup(void);
void manifest_bench_teardown(void);
/* A record as a writer makes it. */
struct rp_file_record manifest_record_of(const char *path, const char *database);
/* Commands at a log index, of term 1; the outcome of rp_manifest_apply. */
int manifest_apply_view(struct manifest_member *member, uint64_t index, struct rp_view command);
int manifest_apply_record(struct manifest_member *member, uint64_t index, enum rp_command_type type,
                          const struct rp_file_record *file);
int manifest_put(struct manifest_member *member, uint64_t index, const char *path,
                 const char *database);
int manifest_drop(struct manifest_member *member, uint64_t index, const char *path);
/* The caller releases it. */
struct rp_block *manifest_snapshot_of(const struct manifest_member *member);

#endif
