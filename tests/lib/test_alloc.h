/* An rp_alloc over libc for tests: counts live blocks, and can fail the k-th allocation. */
#ifndef REPLISIM_TESTS_LIB_TEST_ALLOC_H
#define REPLISIM_TESTS_LIB_TEST_ALLOC_H

#include <stdlib.h>

#include "protocol/types.h"

struct test_alloc {
    struct rp_alloc alloc; /* pass &test.alloc */
    size_t live_count;
    size_t call_count;
    size_t asked_bytes; /* by new blocks, in total */
    size_t fail_at;     /* 1 = the first call from now on; 0 = never */
};

static inline bool test_alloc_fails(struct test_alloc *test)
{
    test->call_count += 1;
    return test->fail_at != 0 && test->call_count == test->fail_at;
}

static inline void *test_alloc_allocate(void *state, size_t size_bytes)
{
    struct test_alloc *test = state;
    void *pointer = test_alloc_fails(test) ? NULL : malloc(size_bytes == 0 ? 1 : size_bytes);
    test->live_count += pointer != NULL;
    test->asked_bytes += size_bytes;
    return pointer;
}

static inline void *test_alloc_resize(void *state, void *pointer, size_t size_bytes)
{
    struct test_alloc *test = state;
    if (test_alloc_fails(test)) {
        return NULL;
    }
    void *resized = realloc(pointer, size_bytes == 0 ? 1 : size_bytes);
    test->live_count += pointer == NULL && resized != NULL;
    return resized;
}

static inline void test_alloc_release(void *state, void *pointer)
{
    struct test_alloc *test = state;
    test->live_count -= pointer != NULL;
    free(pointer);
}

static inline void test_alloc_init(struct test_alloc *test)
{
    memset(test, 0, sizeof *test);
    test->alloc.state = test;
    test->alloc.allocate = test_alloc_allocate;
    test->alloc.resize = test_alloc_resize;
    test->alloc.release = test_alloc_release;
}

#endif
