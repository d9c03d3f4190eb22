#include "protocol/entry_pool.h"

#include "protocol/digest.h"
#include "protocol/error.h"
#include "protocol/manifest_state.h"
#include "protocol/panic.h"

/* How many results are remembered: a member further behind decodes for itself, and joins the others
 * again at the first command at which its state equals theirs. */
#define MEMO_MAX     4096
#define BUCKET_COUNT 8192
/* States that came from snapshots; every member that restores the same one finds it here. */
#define RESTORED_MAX 16

/* What a command did to a state. */
struct memo {
    struct memo *next_in_bucket;
    struct memo *next_younger;
    uint64_t hash, index, term;
    enum rp_admission admission; /* releases that refuse and remember alike share */
    enum rp_deletion_memory deletion_memory;
    int first_command_type_unknown;
    struct rp_state *before;          /* owned */
    const struct rp_command *command; /* owned */
    struct rp_applied applied;        /* owned */
    size_t length_bytes;
    uint8_t bytes[];
};

struct rp_entry_pool {
    const struct rp_alloc *alloc;
    struct rp_state *empty;
    struct memo *oldest, *youngest;
    size_t memo_count;
    struct rp_state *restored[RESTORED_MAX]; /* owned */
    size_t restored_next;
    struct memo *buckets[BUCKET_COUNT];
};

/* What is being applied. */
struct question {
    const struct rp_traits *traits;
    struct rp_state *state;
    uint64_t hash, index, term;
    struct rp_view bytes;
};

int rp_entry_pool_new(const struct rp_alloc *alloc, struct rp_entry_pool **pool_out)
{
    struct rp_entry_pool *pool = rp_allocate_zeroed(alloc, sizeof *pool);
    if (pool == NULL) {
        return RP_ERR_NOMEM;
    }
    pool->alloc = alloc;
    if (rp_state_new(alloc, &pool->empty) != 0) {
        rp_release(alloc, pool);
        return RP_ERR_NOMEM;
    }
    *pool_out = pool;
    return 0;
}

static void forget_oldest(struct rp_entry_pool *pool)
{
    struct memo *memo = pool->oldest;
    struct memo **link = &pool->buckets[memo->hash % BUCKET_COUNT];
    while (*link != memo) {
        link = &(*link)->next_in_bucket;
    }
    *link = memo->next_in_bucket;
    pool->oldest = memo->next_younger;
    if (pool->oldest == NULL) {
        pool->youngest = NULL;
    }
    pool->memo_count -= 1;
    rp_state_release(memo->before);
    rp_state_release(memo->applied.next);
    rp_effects_release(memo->applied.effects);
    rp_command_release(memo->command);
    rp_release(pool->alloc, memo);
}

void rp_entry_pool_free(struct rp_entry_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    while (pool->oldest != NULL) {
        forget_oldest(pool);
    }
    for (size_t i = 0; i < RESTORED_MAX; i++) {
        rp_state_release(pool->restored[i]);
    }
    rp_state_release(pool->empty);
    rp_release(pool->alloc, pool);
}

const struct rp_alloc *rp_entry_pool_alloc(const struct rp_entry_pool *pool)
{
    return pool->alloc;
}

struct rp_state *rp_entry_pool_empty_state(struct rp_entry_pool *pool)
{
    return pool->empty;
}

static bool is_same_state(const struct rp_state *left, const struct rp_state *right)
{
    if (left == right) {
        return true;
    }
    struct rp_digest left_digest = rp_state_digest(left);
    struct rp_digest right_digest = rp_state_digest(right);
    return left_digest.low == right_digest.low && left_digest.high == right_digest.high &&
           rp_state_equal(left, right);
}

static bool is_same_command(const struct memo *memo, const struct question *question)
{
    return memo->hash == question->hash && memo->index == question->index &&
           memo->term == question->term &&
           rp_view_equal(rp_view_make(memo->bytes, memo->length_bytes), question->bytes);
}

static bool is_answer(const struct memo *memo, const struct question *question)
{
    return is_same_command(memo, question) && memo->admission == question->traits->admission &&
           memo->deletion_memory == question->traits->deletion_memory &&
           memo->first_command_type_unknown == question->traits->first_command_type_unknown &&
           is_same_state(memo->before, question->state);
}

/* `command_out`: the decoded command if anybody applied it before, to whatever state. */
static const struct memo *find_memo(const struct rp_entry_pool *pool,
                                    const struct question *question,
                                    const struct rp_command **command_out)
{
    *command_out = NULL;
    const struct memo *memo = pool->buckets[question->hash % BUCKET_COUNT];
    for (; memo != NULL; memo = memo->next_in_bucket) {
        if (is_answer(memo, question)) {
            return memo;
        }
        if (is_same_command(memo, question)) {
            *command_out = memo->command;
        }
    }
    return NULL;
}

/* Without memory for it the result is just not remembered. */
static void remember(struct rp_entry_pool *pool, const struct question *question,
                     const struct rp_command *command, const struct rp_applied *applied)
{
    size_t length_bytes = question->bytes.length_bytes;
    struct memo *memo = rp_allocate_zeroed(pool->alloc, sizeof *memo + length_bytes);
    if (memo == NULL) {
        return;
    }
    memo->hash = question->hash;
    memo->index = question->index;
    memo->term = question->term;
    memo->admission = question->traits->admission;
    memo->deletion_memory = question->traits->deletion_memory;
    memo->first_command_type_unknown = question->traits->first_command_type_unknown;
    memo->before = rp_state_retain(question->state);
    memo->command = rp_command_retain(command);
    memo->applied.next = rp_state_retain(applied->next);
    memo->applied.effects = rp_effects_retain(applied->effects);
    memo->applied.refusal = applied->refusal;
    memo->length_bytes = length_bytes;
    if (length_bytes > 0) {
        memcpy(memo->bytes, question->bytes.bytes, length_bytes);
    }
    struct memo **bucket = &pool->buckets[memo->hash % BUCKET_COUNT];
    memo->next_in_bucket = *bucket;
    *bucket = memo;
    if (pool->youngest == NULL) {
        pool->oldest = memo;
    } else {
        pool->youngest->next_younger = memo;
    }
    pool->youngest = memo;
    pool->memo_count += 1;
    if (pool->memo_count > MEMO_MAX) {
        forget_oldest(pool);
    }
}

static int compute(struct rp_entry_pool *pool, const struct question *question,
                   const struct rp_command *known, struct rp_applied *applied_out)
{
    const struct rp_command *command = rp_command_retain(known);
    int error = 0;
    if (command == NULL) {
        error = rp_command_decode(pool->alloc, question->index, question->bytes, &command);
    }
    if (error == 0) {
        error = rp_state_apply(question->state, command, question->traits, applied_out);
        if (error == 0) {
            remember(pool, question, command, applied_out);
        }
        rp_command_release(command);
    }
    return error;
}

int rp_entry_pool_apply(struct rp_entry_pool *pool, const struct rp_traits *traits,
                        struct rp_state *state, uint64_t index, uint64_t term, struct rp_view bytes,
                        struct rp_applied *applied_out)
{
    struct rp_mixer mixer;
    rp_mixer_begin(&mixer);
    rp_mixer_number(&mixer, index);
    rp_mixer_number(&mixer, term);
    rp_mixer_view(&mixer, bytes);
    rp_mixer_finish(&mixer);
    struct question question = {traits, state, mixer.low, index, term, bytes};
    const struct rp_command *known;
    const struct memo *memo = find_memo(pool, &question, &known);
    if (memo == NULL) {
        return compute(pool, &question, known, applied_out);
    }
    applied_out->next = rp_state_retain(memo->applied.next);
    applied_out->effects = rp_effects_retain(memo->applied.effects);
    applied_out->refusal = memo->applied.refusal;
    return 0;
}

static struct rp_state *exchange(struct rp_state *state, struct rp_state *known)
{
    rp_state_retain(known);
    rp_state_release(state);
    return known;
}

struct rp_state *rp_entry_pool_adopt(struct rp_entry_pool *pool, struct rp_state *state)
{
    for (size_t i = 0; i < RESTORED_MAX; i++) {
        if (pool->restored[i] != NULL && is_same_state(pool->restored[i], state)) {
            return exchange(state, pool->restored[i]);
        }
    }
    for (const struct memo *memo = pool->oldest; memo != NULL; memo = memo->next_younger) {
        if (is_same_state(memo->applied.next, state)) {
            return exchange(state, memo->applied.next);
        }
    }
    rp_state_release(pool->restored[pool->restored_next]);
    pool->restored[pool->restored_next] = rp_state_retain(state);
    pool->restored_next = (pool->restored_next + 1) % RESTORED_MAX;
    return state;
}
