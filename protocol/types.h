/* Scalars and borrowed views that every room uses.
 *
 * Time is unsigned 64-bit nanoseconds. `..._ns` alone is monotonic; `wall_unix_ns` is signed
 * nanoseconds since 1970 and is used for stamps only. The two are never mixed. */
#ifndef REPLISIM_PROTOCOL_TYPES_H
#define REPLISIM_PROTOCOL_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint64_t rp_time_ns;

#define RP_TIME_NEVER  UINT64_MAX
#define RP_NS_PER_US   UINT64_C(1000)
#define RP_NS_PER_MS   UINT64_C(1000000)
#define RP_NS_PER_S    UINT64_C(1000000000)
#define RP_SHA256_SIZE 32
#define RP_SHA256_HEX  64

#define RP_MUST_USE __attribute__((warn_unused_result))

/* Borrowed bytes with a length; strings from outside may hold NUL, so no text is NUL-terminated
 * unless it says so. `bytes` may be NULL only when `length_bytes` is 0. */
struct rp_view {
    const uint8_t *bytes;
    size_t length_bytes;
};

static inline struct rp_view rp_view_make(const void *bytes, size_t length_bytes)
{
    struct rp_view view = {(const uint8_t *)bytes, length_bytes};
    return view;
}

/* Of a NUL-terminated text; the terminator is left out. NULL gives the empty view. */
static inline struct rp_view rp_view_text(const char *text)
{
    return rp_view_make(text, text == NULL ? 0 : strlen(text));
}

static inline bool rp_view_equal(struct rp_view left, struct rp_view right)
{
    return left.length_bytes == right.length_bytes &&
           (left.length_bytes == 0 || memcmp(left.bytes, right.bytes, left.length_bytes) == 0);
}

/* Bytewise order, a shorter prefix first: the order of manifest pages and of every sorted list. */
static inline int rp_view_compare(struct rp_view left, struct rp_view right)
{
    size_t common = left.length_bytes < right.length_bytes ? left.length_bytes : right.length_bytes;
    int order = common == 0 ? 0 : memcmp(left.bytes, right.bytes, common);
    if (order != 0) {
        return order;
    }
    return (left.length_bytes > right.length_bytes) - (left.length_bytes < right.length_bytes);
}

/* Memory of a node. The world's port may count, and may fail. `release` of NULL does nothing. */
struct rp_alloc {
    void *state;
    void *(*allocate)(void *state, size_t size_bytes);
    void *(*resize)(void *state, void *pointer, size_t size_bytes); /* NULL pointer: allocate */
    void (*release)(void *state, void *pointer);
};

static inline void *rp_allocate(const struct rp_alloc *alloc, size_t size_bytes)
{
    return alloc->allocate(alloc->state, size_bytes);
}

/* As rp_allocate, all bytes zero. */
static inline void *rp_allocate_zeroed(const struct rp_alloc *alloc, size_t size_bytes)
{
    void *pointer = alloc->allocate(alloc->state, size_bytes);
    if (pointer != NULL) {
        memset(pointer, 0, size_bytes);
    }
    return pointer;
}

static inline void *rp_resize(const struct rp_alloc *alloc, void *pointer, size_t size_bytes)
{
    return alloc->resize(alloc->state, pointer, size_bytes);
}

static inline void rp_release(const struct rp_alloc *alloc, void *pointer)
{
    alloc->release(alloc->state, pointer);
}

#endif
