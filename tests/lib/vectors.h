/* Golden data of the reference, for every test that compares with it.
 *
 * The folder is named by the environment (REPLISIM_VECTORS) or lies beside the checkout as
 * shared/vectors. Where it is absent a test prints one line and exits with VECTORS_SKIPPED, which
 * ctest shows as skipped:
 *
 *     int main(void)
 *     {
 *         return vectors_present() ? run() : VECTORS_SKIPPED;
 *     }
 *
 * A wrong file, a missing family or a value outside the conventions ends the test process at once
 * with a message: such data compares nothing. */
#ifndef REPLISIM_TESTS_LIB_VECTORS_H
#define REPLISIM_TESTS_LIB_VECTORS_H

#include <jansson.h>

#include "protocol/buffer.h"
#include "protocol/json.h"
#include "protocol/release.h"
#include "protocol/types.h"

#define VECTORS_SKIPPED 77

struct vectors {
    json_t *root;  /* owned */
    json_t *cases; /* borrowed from root */
    const char *family;
};

/* False after printing why there is nothing to compare with. */
bool vectors_present(void);
void vectors_open(struct vectors *vectors, const char *family);
void vectors_close(struct vectors *vectors);
size_t vectors_count(const struct vectors *vectors);
const json_t *vectors_case(const struct vectors *vectors, size_t index);
const char *vectors_id(const json_t *one_case);

/* ---- Generations ----------------------------------------------------------------------------- */

/* Which recorded generation a release must match. `current` is compared with head, its deliberate
 * differences by rule. */
struct vectors_release {
    const char *generation; /* "p2", "p3", "head" */
    enum rp_release release;
};
#define VECTORS_RELEASE_COUNT 4
extern const struct vectors_release VECTORS_RELEASES[VECTORS_RELEASE_COUNT];

/* The case's `expect` of that generation; NULL when the generation has none. */
const json_t *vectors_expect(const json_t *one_case, const char *generation);

/* ---- Values; results live in `arena` --------------------------------------------------------- */

/* A member, or NULL when absent or null. */
const json_t *vectors_get(const json_t *object, const char *key);
/* Text of a member as written; NULL when absent. */
const char *vectors_text(const json_t *object, const char *key);
/* A string in any of its forms: plain, {"bytes_hex"}, {"repeat","count","then"}. */
struct rp_view vectors_bytes(const json_t *value, struct rp_arena *arena);
/* As vectors_bytes of a member; the empty view when absent. */
struct rp_view vectors_member(const json_t *object, const char *key, struct rp_arena *arena);
struct rp_view vectors_hex(const char *hex, struct rp_arena *arena);
/* A list of {"hex"}, {"repeat_hex","count"} and empty parts, concatenated; null is empty. */
struct rp_view vectors_parts(const json_t *parts, struct rp_arena *arena);
/* Integers, {"u64"} included. */
int64_t vectors_int(const json_t *value);
uint64_t vectors_uint(const json_t *value);
struct rp_wall_time vectors_time(const json_t *value);
/* Lower-case hex with a terminator, for messages and comparison. */
char *vectors_to_hex(struct rp_view bytes, struct rp_arena *arena);
/* Byte i of a file is (i * mul + add) mod 251. */
uint8_t vectors_file_byte(uint64_t index, uint64_t mul, uint64_t add);

/* ---- Differences on purpose, and the tally --------------------------------------------------- */

/* A deliberate difference is matched by what a case contains, never by its id. */
struct vectors_rule {
    const char *name;
    const char *reason;
    bool (*applies)(const json_t *one_case, enum rp_release release);
};

#define VECTORS_RULE_MAX 16
struct vectors_tally {
    const char *family;
    const struct vectors_rule *rules; /* borrowed */
    size_t rule_count;
    size_t compared_count;
    size_t excused_counts[VECTORS_RULE_MAX];
};

void vectors_tally_init(struct vectors_tally *tally, const char *family,
                        const struct vectors_rule *rules, size_t rule_count);
/* Counts one comparison. True when it agreed, or when a rule explains the difference (counted). */
bool vectors_tally_add(struct vectors_tally *tally, const json_t *one_case, enum rp_release release,
                       bool is_equal);
/* One line a family, one more for each rule that was needed. */
void vectors_tally_print(const struct vectors_tally *tally);

#endif
