#include "sim/alloc.h"

#include <stdlib.h>

static void *allocate(void *state, size_t size_bytes)
{
    (void)state;
    return malloc(size_bytes == 0 ? 1 : size_bytes);
}

static void *resize(void *state, void *pointer, size_t size_bytes)
{
    (void)state;
    return realloc(pointer, size_bytes == 0 ? 1 : size_bytes);
}

static void release(void *state, void *pointer)
{
    (void)state;
    free(pointer);
}

static const struct rp_alloc LIBC = {NULL, allocate, resize, release};

const struct rp_alloc *sim_libc_alloc(void)
{
    return &LIBC;
}
