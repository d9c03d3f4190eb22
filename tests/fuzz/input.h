/* What every fuzz target shares: choices out of the input's bytes, memory that is counted, and the
 * entry that libFuzzer calls.
 *
 * A target is one pure file. It keeps nothing between calls, frees all that it asked for, and holds
 * what it sees against what the module promises with RP_ASSERT: a broken promise ends the process,
 * and the fuzzer keeps the input. Choices come from the front of the input, so that what lies
 * behind them stays in one piece and a dictionary finds it. At the end of the input every choice is
 * 0; targets take 0 for the ordinary case. */
#ifndef REPLISIM_TESTS_FUZZ_INPUT_H
#define REPLISIM_TESTS_FUZZ_INPUT_H

#include <stdlib.h>

#include "protocol/chunk.h"
#include "protocol/error.h"
#include "protocol/panic.h"
#include "protocol/release.h"
#include "protocol/types.h"

/* libFuzzer's entry, or that of replay_main.c. Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- Choices --------------------------------------------------------------------------------- */

struct fuzz_input {
    const uint8_t *at;
    const uint8_t *end;
};

static inline struct fuzz_input fuzz_input_of(const uint8_t *data, size_t size)
{
    static const uint8_t nothing[1];
    struct fuzz_input input = {size == 0 ? nothing : data, size == 0 ? nothing : data + size};
    return input;
}

static inline size_t fuzz_left(const struct fuzz_input *input)
{
    return (size_t)(input->end - input->at);
}

static inline uint8_t fuzz_byte(struct fuzz_input *input)
{
    return input->at < input->end ? *input->at++ : 0;
}

/* 0 to count - 1. */
static inline size_t fuzz_below(struct fuzz_input *input, size_t count)
{
    return count == 0 ? 0 : fuzz_byte(input) % count;
}

static inline bool fuzz_flag(struct fuzz_input *input)
{
    return (fuzz_byte(input) & 1) != 0;
}

static inline uint64_t fuzz_number(struct fuzz_input *input)
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++) {
        number = number << 8 | fuzz_byte(input);
    }
    return number;
}

/* Small numbers are likely, the ends of the range are there, and so is everything else. */
static inline int64_t fuzz_integer(struct fuzz_input *input)
{
    static const int64_t ENDS[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1};
    uint8_t choice = fuzz_byte(input);
    if (choice < 0x80) {
        return choice;
    }
    return choice < 0xf0 ? ENDS[choice % 7] : (int64_t)fuzz_number(input);
}

/* The next bytes, at most `max`: borrowed from the input. */
static inline struct rp_view fuzz_view(struct fuzz_input *input, size_t max)
{
    size_t length = fuzz_byte(input);
    length = length < max ? length : max;
    length = length < fuzz_left(input) ? length : fuzz_left(input);
    struct rp_view view = rp_view_make(input->at, length);
    input->at += length;
    return view;
}

static inline struct rp_view fuzz_rest(struct fuzz_input *input)
{
    struct rp_view rest = rp_view_make(input->at, fuzz_left(input));
    input->at = input->end;
    return rest;
}

static inline const struct rp_traits *fuzz_traits(struct fuzz_input *input)
{
    /* 0 is the release that all are measured against. */
    static const enum rp_release ORDER[RP_RELEASE_COUNT] = {RP_RELEASE_CURRENT, RP_RELEASE_ARC,
                                                            RP_RELEASE_PHASE3, RP_RELEASE_PHASE2};
    return rp_release_traits(ORDER[fuzz_below(input, RP_RELEASE_COUNT)]);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

/* Counts what is alive and how much was ever asked for; can refuse the k-th call. */
struct fuzz_memory {
    struct rp_alloc alloc; /* pass &memory.alloc */
    size_t live_count;
    size_t call_count;
    size_t asked_bytes;
    size_t fail_at; /* 0: never */
};

static inline bool fuzz_memory_takes(struct fuzz_memory *memory, size_t size_bytes)
{
    memory->call_count += 1;
    memory->asked_bytes += size_bytes;
    return memory->fail_at == 0 || memory->call_count != memory->fail_at;
}

static inline void *fuzz_memory_allocate(void *state, size_t size_bytes)
{
    struct fuzz_memory *memory = state;
    bool is_given = fuzz_memory_takes(memory, size_bytes);
    void *pointer = is_given ? malloc(size_bytes == 0 ? 1 : size_bytes) : NULL;
    memory->live_count += pointer != NULL;
    return pointer;
}

static inline void *fuzz_memory_resize(void *state, void *pointer, size_t size_bytes)
{
    struct fuzz_memory *memory = state;
    bool is_given = fuzz_memory_takes(memory, size_bytes);
    void *resized = is_given ? realloc(pointer, size_bytes == 0 ? 1 : size_bytes) : NULL;
    memory->live_count += pointer == NULL && resized != NULL;
    return resized;
}

static inline void fuzz_memory_release(void *state, void *pointer)
{
    struct fuzz_memory *memory = state;
    memory->live_count -= pointer != NULL;
    free(pointer);
}

static inline void fuzz_memory_init(struct fuzz_memory *memory)
{
    memset(memory, 0, sizeof *memory);
    memory->alloc.state = memory;
    memory->alloc.allocate = fuzz_memory_allocate;
    memory->alloc.resize = fuzz_memory_resize;
    memory->alloc.release = fuzz_memory_release;
}

static inline void fuzz_memory_check(const struct fuzz_memory *memory)
{
    RP_ASSERT(memory->live_count == 0);
}

/* A block of exactly these bytes, so that reading past them is seen. The caller releases it. */
static inline struct rp_chunk fuzz_chunk(struct fuzz_memory *memory, struct rp_view bytes)
{
    struct rp_block *block;
    uint8_t *copy;
    RP_ASSERT(rp_block_new(&memory->alloc, bytes.length_bytes, &block, &copy) == 0);
    if (bytes.length_bytes > 0) {
        memcpy(copy, bytes.bytes, bytes.length_bytes);
    }
    return rp_chunk_of(block);
}

#endif
