/* Paths (behaviour.md 5.2, 1.4, 8): what is accepted keeps its promise, what is refused has the
 * fault it is refused for, and the canonical form is that of a second, plain reading of the rules. */
#include "protocol/path.h"

#include "protocol/json.h"
#include "protocol/limits.h"
#include "tests/fuzz/input.h"

#define SEGMENT_MAX     4096
#define WHOLE_BYTES_MAX ((size_t)1 << 20)
#define ROOT_BYTES      20

/* ---- The canonical form once more ------------------------------------------------------------ */

struct segments {
    struct rp_view items[SEGMENT_MAX];
    size_t count;
};

static bool is_text(struct rp_view view, const char *text)
{
    return rp_view_equal(view, rp_view_text(text));
}

static void add_segment(struct segments *segments, struct rp_view segment, bool is_rooted)
{
    bool can_climb = segments->count > 0 && !is_text(segments->items[segments->count - 1], "..");
    if (segment.length_bytes == 0 || is_text(segment, ".")) {
        return;
    }
    if (!is_text(segment, "..")) {
        segments->items[segments->count++] = segment;
    } else if (can_climb) {
        segments->count -= 1;
    } else if (!is_rooted) {
        segments->items[segments->count++] = segment;
    }
}

static void plain_clean(struct rp_view path, struct rp_buffer *out)
{
    struct segments segments = {.count = 0};
    bool is_rooted = path.length_bytes > 0 && path.bytes[0] == '/';
    size_t start = 0;
    for (size_t at = 0; at <= path.length_bytes && path.length_bytes > 0; at++) {
        if (at == path.length_bytes || path.bytes[at] == '/') {
            add_segment(&segments, rp_view_make(path.bytes + start, at - start), is_rooted);
            start = at + 1;
        }
    }
    RP_ASSERT(!is_rooted || rp_buffer_append_byte(out, '/') == 0);
    for (size_t i = 0; i < segments.count; i++) {
        RP_ASSERT(i == 0 || rp_buffer_append_byte(out, '/') == 0);
        RP_ASSERT(rp_buffer_append(out, segments.items[i]) == 0);
    }
    RP_ASSERT(out->length_bytes > 0 || rp_buffer_append_byte(out, '.') == 0);
}

/* ---- Promises -------------------------------------------------------------------------------- */

static bool has_byte(struct rp_view path, int byte)
{
    return path.length_bytes > 0 && memchr(path.bytes, byte, path.length_bytes) != NULL;
}

/* Below the root whatever a system takes for a separator. */
static bool has_up_segment(struct rp_view path, bool with_backslash)
{
    size_t start = 0;
    for (size_t at = 0; at <= path.length_bytes; at++) {
        bool is_end = at == path.length_bytes || path.bytes[at] == '/' ||
                      (with_backslash && path.bytes[at] == '\\');
        if (is_end) {
            if (at - start == 2 && memcmp(path.bytes + start, "..", 2) == 0) {
                return true;
            }
            start = at + 1;
        }
    }
    return false;
}

static void check_clean(struct fuzz_memory *memory, struct rp_view path, struct rp_buffer *clean)
{
    struct rp_buffer model;
    struct rp_buffer again;
    rp_buffer_init(&model, &memory->alloc, WHOLE_BYTES_MAX);
    rp_buffer_init(&again, &memory->alloc, WHOLE_BYTES_MAX);
    RP_ASSERT(rp_path_clean(path, clean) == 0);
    plain_clean(path, &model);
    RP_ASSERT(rp_view_equal(rp_buffer_view(clean), rp_buffer_view(&model)));
    RP_ASSERT(rp_path_clean(rp_buffer_view(clean), &again) == 0);
    RP_ASSERT(rp_view_equal(rp_buffer_view(clean), rp_buffer_view(&again)));
    rp_buffer_clear(&model);
    rp_buffer_clear(&again);
}

/* behaviour.md 5.2, the order of the refusals included. */
static void check_sanitiser(struct rp_view path, struct rp_view clean)
{
    enum rp_path_verdict expected = RP_PATH_OK;
    if (path.length_bytes == 0) {
        expected = RP_PATH_EMPTY;
    } else if (has_byte(path, 0)) {
        expected = RP_PATH_NUL;
    } else if (path.bytes[0] == '/') {
        expected = RP_PATH_ABSOLUTE;
    } else if (!rp_view_equal(path, clean)) {
        expected = RP_PATH_NOT_CLEAN;
    } else if (has_up_segment(path, false)) {
        expected = RP_PATH_TRAVERSAL; /* of a clean path only the front can climb */
    }
    RP_ASSERT(rp_path_sanitise(path) == expected);
}

/* The refusal's text is itself text. */
static void check_refusal_text(struct fuzz_memory *memory, struct rp_view path)
{
    struct rp_arena arena;
    struct rp_view text;
    rp_arena_init(&arena, &memory->alloc);
    RP_ASSERT(rp_path_sanitise_text(path, rp_path_sanitise(path), &arena, &text) == 0);
    RP_ASSERT(text.length_bytes > 0);
    for (size_t at = 0; at < text.length_bytes;) {
        size_t length = rp_utf8_length(text.bytes + at, text.bytes + text.length_bytes);
        RP_ASSERT(length > 0 && (length > 1 || text.bytes[at] >= 0x20));
        at += length;
    }
    rp_arena_clear(&arena);
}

static void check_admission(const struct rp_traits *traits, struct rp_view path)
{
    enum rp_path_verdict verdict = rp_path_admit(traits, path);
    RP_ASSERT(rp_path_verdict_name(verdict) != NULL);
    RP_ASSERT((path.length_bytes == 0) == (verdict == RP_PATH_EMPTY));
    if (verdict != RP_PATH_OK || traits->admission == RP_ADMIT_NON_EMPTY) {
        return;
    }
    RP_ASSERT(path.length_bytes <= RP_PATH_BYTES_MAX);
    RP_ASSERT(!has_byte(path, 0) && !has_byte(path, ':'));
    RP_ASSERT(path.bytes[0] != '/' && path.bytes[0] != '\\');
    RP_ASSERT(!has_up_segment(path, true));
    if (traits->admission == RP_ADMIT_STRICT) {
        /* Whatever is registered can be fetched. */
        RP_ASSERT(rp_path_sanitise(path) == RP_PATH_OK);
        RP_ASSERT(has_byte(path, '/'));
    }
}

/* ---- Names in the store ---------------------------------------------------------------------- */

static void check_name(struct fuzz_memory *memory, const struct rp_traits *traits,
                       struct rp_view path)
{
    struct rp_buffer name;
    struct rp_buffer clean;
    bool is_refused = false;
    rp_buffer_init(&name, &memory->alloc, WHOLE_BYTES_MAX);
    rp_buffer_init(&clean, &memory->alloc, WHOLE_BYTES_MAX);
    RP_ASSERT(rp_path_stored_name(traits, path, ROOT_BYTES, &name, &is_refused) == 0);
    struct rp_view view = rp_buffer_view(&name);
    if (traits->store_names == RP_STORE_NAMES_EXACT) {
        /* Exact, hence injective: two paths never share a name. */
        RP_ASSERT(rp_view_equal(view, path));
        RP_ASSERT(is_refused == (path.length_bytes == 0));
    } else if (!is_refused) {
        RP_ASSERT(rp_path_clean(view, &clean) == 0);
        RP_ASSERT(rp_view_equal(view, rp_buffer_view(&clean)));
        RP_ASSERT(rp_path_sanitise(view) == RP_PATH_OK && !is_text(view, "."));
        RP_ASSERT(ROOT_BYTES + 1 + view.length_bytes < RP_PATH_BYTES_MAX);
    }
    rp_buffer_clear(&name);
    rp_buffer_clear(&clean);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input_of(data, size);
    struct fuzz_memory memory;
    struct rp_buffer clean;
    fuzz_memory_init(&memory);
    struct rp_chunk chunk = fuzz_chunk(&memory, fuzz_rest(&input));
    struct rp_view path = rp_chunk_view(chunk);
    rp_buffer_init(&clean, &memory.alloc, WHOLE_BYTES_MAX);
    if (path.length_bytes < SEGMENT_MAX) {
        check_clean(&memory, path, &clean);
        check_sanitiser(path, rp_buffer_view(&clean));
        check_refusal_text(&memory, path);
    }
    for (int release = 0; release < RP_RELEASE_COUNT; release++) {
        const struct rp_traits *traits = rp_release_traits((enum rp_release)release);
        check_admission(traits, path);
        check_name(&memory, traits, path);
    }
    rp_buffer_clear(&clean);
    rp_block_release(chunk.block);
    fuzz_memory_check(&memory);
    return 0;
}
