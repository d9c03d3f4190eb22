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

static void *watched_allocate(void *state, size_t size_bytes)
{
    const struct sim_alloc_watch *watch = state;
    if (watch->asked != NULL) {
        watch->asked(watch->context, size_bytes);
    }
    return watch->below->allocate(watch->below->state, size_bytes);
}

static void *watched_resize(void *state, void *pointer, size_t size_bytes)
{
    const struct sim_alloc_watch *watch = state;
    if (watch->asked != NULL) {
        watch->asked(watch->context, size_bytes);
    }
    return watch->below->resize(watch->below->state, pointer, size_bytes);
}

static void watched_release(void *state, void *pointer)
{
    const struct sim_alloc_watch *watch = state;
    watch->below->release(watch->below->state, pointer);
}

void sim_alloc_watch_init(struct sim_alloc_watch *watch, const struct rp_alloc *below)
{
    *watch = (struct sim_alloc_watch){.below = below};
    watch->alloc = (struct rp_alloc){watch, watched_allocate, watched_resize, watched_release};
}
