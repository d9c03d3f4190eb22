#include "protocol/path.h"

#include "protocol/error.h"
#include "protocol/limits.h"
#include "protocol/panic.h"

/* ---- Segments -------------------------------------------------------------------------------- */

/* The part up to the next '/', and past it. False at the end; "a/" has a last, empty segment. */
struct segment_walk {
    struct rp_view path;
    size_t at;
    bool is_done;
};

static bool next_segment(struct segment_walk *walk, struct rp_view *segment_out)
{
    if (walk->is_done) {
        return false;
    }
    size_t rest = walk->path.length_bytes - walk->at;
    const uint8_t *start = rest == 0 ? NULL : walk->path.bytes + walk->at;
    const uint8_t *slash = rest == 0 ? NULL : memchr(start, '/', rest);
    size_t length = slash == NULL ? rest : (size_t)(slash - start);
    *segment_out = rp_view_make(start, length);
    walk->at += length + 1;
    walk->is_done = slash == NULL;
    return true;
}

static bool is_text(struct rp_view view, const char *text)
{
    return rp_view_equal(view, rp_view_text(text));
}

static bool has_byte(struct rp_view path, int byte)
{
    return path.length_bytes > 0 && memchr(path.bytes, byte, path.length_bytes) != NULL;
}

/* behaviour.md 5.2, of a relative path: no empty and no "." segment, ".." only at the front. */
static bool is_canonical(struct rp_view path)
{
    struct segment_walk walk = {.path = path};
    struct rp_view segment;
    bool is_climbing = true;
    if (is_text(path, ".")) {
        return true;
    }
    while (next_segment(&walk, &segment)) {
        bool is_up = is_text(segment, "..");
        if (segment.length_bytes == 0 || is_text(segment, ".") || (is_up && !is_climbing)) {
            return false;
        }
        is_climbing = is_climbing && is_up;
    }
    return true;
}

/* ---- Canonical form -------------------------------------------------------------------------- */

/* Takes the last segment off what was appended since `start`; false when there is none to take. */
static bool drop_last_segment(struct rp_buffer *out, size_t start)
{
    struct rp_view made = rp_view_make(out->bytes + start, out->length_bytes - start);
    size_t last = made.length_bytes;
    while (last > 0 && made.bytes[last - 1] != '/') {
        last -= 1;
    }
    struct rp_view name = rp_view_make(made.bytes + last, made.length_bytes - last);
    if (name.length_bytes == 0 || is_text(name, "..")) {
        return false;
    }
    out->length_bytes = start + (last == 0 ? 0 : last - 1);
    return true;
}

static int append_segment(struct rp_buffer *out, size_t start, struct rp_view segment)
{
    int error = 0;
    if (out->length_bytes > start) {
        error = rp_buffer_append_byte(out, '/');
    }
    return error != 0 ? error : rp_buffer_append(out, segment);
}

static int clean_segments(struct rp_view path, bool is_rooted, struct rp_buffer *out)
{
    struct segment_walk walk = {.path = path};
    struct rp_view segment;
    size_t start = out->length_bytes;
    while (next_segment(&walk, &segment)) {
        if (segment.length_bytes == 0 || is_text(segment, ".")) {
            continue;
        }
        if (is_text(segment, "..") &&
            ((out->length_bytes > start && drop_last_segment(out, start)) || is_rooted)) {
            continue;
        }
        int error = append_segment(out, start, segment);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

int rp_path_clean(struct rp_view path, struct rp_buffer *out)
{
    size_t start = out->length_bytes;
    bool is_rooted = path.length_bytes > 0 && path.bytes[0] == '/';
    int error = is_rooted ? rp_buffer_append_byte(out, '/') : 0;
    if (error == 0) {
        error = clean_segments(path, is_rooted, out);
    }
    if (error == 0 && out->length_bytes == start) {
        error = rp_buffer_append_byte(out, '.');
    }
    if (error != 0) {
        out->length_bytes = start;
    }
    return error;
}

/* ---- Verdicts -------------------------------------------------------------------------------- */

enum rp_path_verdict rp_path_sanitise(struct rp_view path)
{
    /* behaviour.md 5.2, in its order. */
    if (path.length_bytes == 0) {
        return RP_PATH_EMPTY;
    }
    if (has_byte(path, 0)) {
        return RP_PATH_NUL;
    }
    if (path.bytes[0] == '/') {
        return RP_PATH_ABSOLUTE;
    }
    if (!is_canonical(path)) {
        return RP_PATH_NOT_CLEAN;
    }
    if (is_text(path, "..") || (path.length_bytes > 2 && memcmp(path.bytes, "../", 3) == 0)) {
        return RP_PATH_TRAVERSAL;
    }
    return RP_PATH_OK;
}

static bool is_separator(uint8_t byte)
{
    return byte == '/' || byte == '\\';
}

/* A leading separator of either kind, or a drive letter as in "c:/". */
static bool is_absolute(struct rp_view path)
{
    if (path.length_bytes > 0 && is_separator(path.bytes[0])) {
        return true;
    }
    if (path.length_bytes < 3 || path.bytes[1] != ':' || !is_separator(path.bytes[2])) {
        return false;
    }
    uint8_t letter = path.bytes[0] | 0x20;
    return letter >= 'a' && letter <= 'z';
}

static bool has_traversal(struct rp_view path)
{
    size_t start = 0;
    for (size_t at = 0; at <= path.length_bytes; at += 1) {
        if (at == path.length_bytes || is_separator(path.bytes[at])) {
            if (is_text(rp_view_make(path.bytes + start, at - start), "..")) {
                return true;
            }
            start = at + 1;
        }
    }
    return false;
}

/* behaviour.md 1.4, in its order. */
static enum rp_path_verdict validate(struct rp_view path)
{
    if (path.length_bytes == 0) {
        return RP_PATH_EMPTY;
    }
    if (path.length_bytes > RP_PATH_BYTES_MAX) {
        return RP_PATH_TOO_LONG;
    }
    if (has_byte(path, 0)) {
        return RP_PATH_NUL;
    }
    const uint8_t *colon = memchr(path.bytes, ':', path.length_bytes);
    if (colon != NULL && (colon != path.bytes + 1 || !is_absolute(path))) {
        return RP_PATH_SCHEME;
    }
    if (is_absolute(path)) {
        return RP_PATH_ABSOLUTE;
    }
    return has_traversal(path) ? RP_PATH_TRAVERSAL : RP_PATH_OK;
}

enum rp_path_verdict rp_path_admit(const struct rp_traits *traits, struct rp_view path)
{
    if (traits->admission == RP_ADMIT_NON_EMPTY) {
        return path.length_bytes == 0 ? RP_PATH_EMPTY : RP_PATH_OK;
    }
    enum rp_path_verdict verdict = validate(path);
    if (verdict != RP_PATH_OK || traits->admission == RP_ADMIT_VALIDATED) {
        return verdict;
    }
    /* What the fetch sanitiser refuses could never be replicated, and a bare name could pass for
     * the hash of a command, whose MAC has the same fields. */
    if (!is_canonical(path)) {
        return RP_PATH_NOT_CLEAN;
    }
    return has_byte(path, '/') ? RP_PATH_OK : RP_PATH_NO_SLASH;
}

const char *rp_path_verdict_name(enum rp_path_verdict verdict)
{
    static const char *const NAMES[RP_PATH_VERDICT_COUNT] = {
        [RP_PATH_OK] = "ok",
        [RP_PATH_EMPTY] = "empty",
        [RP_PATH_NUL] = "nul",
        [RP_PATH_ABSOLUTE] = "absolute",
        [RP_PATH_NOT_CLEAN] = "not_clean",
        [RP_PATH_TRAVERSAL] = "traversal",
        [RP_PATH_TOO_LONG] = "too_long",
        [RP_PATH_SCHEME] = "scheme",
        [RP_PATH_NO_SLASH] = "no_slash",
    };
    RP_ASSERT(verdict < RP_PATH_VERDICT_COUNT);
    return NAMES[verdict];
}

/* ---- Refusal texts --------------------------------------------------------------------------- */

/* Decodes one character; 0 bytes: invalid UTF-8. */
static size_t decode_rune(struct rp_view text, uint32_t *rune_out)
{
    static const uint32_t SMALLEST[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = text.bytes[0];
    size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (length == 0 || first > 0xf4 || length > text.length_bytes) {
        return 0;
    }
    uint32_t rune = length == 1 ? first : first & (0x7fu >> length);
    for (size_t index = 1; index < length; index += 1) {
        if ((text.bytes[index] & 0xc0) != 0x80) {
            return 0;
        }
        rune = rune << 6 | (text.bytes[index] & 0x3fu);
    }
    if (rune < SMALLEST[length] || (rune >= 0xd800 && rune <= 0xdfff) || rune > 0x10ffff) {
        return 0;
    }
    *rune_out = rune;
    return length;
}

/* Controls, spaces other than ' ', format characters and private use. Go also escapes what its
 * Unicode tables do not assign; those rare ones stay as they are here. */
static bool is_printable(uint32_t rune)
{
    static const struct {
        uint32_t first, last;
    } HIDDEN[] = {
        {0x00, 0x1f},     {0x7f, 0xa0},       {0xad, 0xad},        {0x1680, 0x1680},
        {0x180e, 0x180e}, {0x2000, 0x200f},   {0x2028, 0x202f},    {0x205f, 0x206f},
        {0x3000, 0x3000}, {0xe000, 0xf8ff},   {0xfeff, 0xfeff},    {0xfff0, 0xfffb},
        {0xfffe, 0xffff}, {0xe0000, 0xe00ff}, {0xf0000, 0x10ffff},
    };
    for (size_t row = 0; row < sizeof HIDDEN / sizeof HIDDEN[0]; row += 1) {
        if (rune >= HIDDEN[row].first && rune <= HIDDEN[row].last) {
            return false;
        }
    }
    return true;
}

static int append_hex(struct rp_buffer *out, const char *lead, uint32_t value, unsigned digits)
{
    int error = rp_buffer_append_text(out, lead);
    for (unsigned left = digits; error == 0 && left > 0; left -= 1) {
        uint32_t digit = value >> (4 * (left - 1)) & 0x0f;
        error = rp_buffer_append_byte(out, (uint8_t) "0123456789abcdef"[digit]);
    }
    return error;
}

static int append_quoted_rune(struct rp_buffer *out, struct rp_view raw, uint32_t rune)
{
    static const char SHORT_RUNES[] = "\a\b\f\n\r\t\v\\\"", SHORT_NAMES[] = "abfnrtv\\\"";
    const char *is_short = rune != 0 && rune < 0x80 ? strchr(SHORT_RUNES, (int)rune) : NULL;
    if (is_short != NULL) {
        int error = rp_buffer_append_byte(out, '\\');
        return error != 0
                   ? error
                   : rp_buffer_append_byte(out, (uint8_t)SHORT_NAMES[is_short - SHORT_RUNES]);
    }
    if (is_printable(rune)) {
        return rp_buffer_append(out, raw);
    }
    if (rune < 0x80) {
        return append_hex(out, "\\x", rune, 2);
    }
    return rune < 0x10000 ? append_hex(out, "\\u", rune, 4) : append_hex(out, "\\U", rune, 8);
}

/* As Go's %q writes it. */
static int append_quoted(struct rp_buffer *out, struct rp_view text)
{
    int error = rp_buffer_append_byte(out, '"');
    for (size_t at = 0; error == 0 && at < text.length_bytes;) {
        struct rp_view rest = rp_view_make(text.bytes + at, text.length_bytes - at);
        uint32_t rune = 0;
        size_t length = decode_rune(rest, &rune);
        error = length == 0 ? append_hex(out, "\\x", rest.bytes[0], 2)
                            : append_quoted_rune(out, rp_view_make(rest.bytes, length), rune);
        at += length == 0 ? 1 : length;
    }
    return error != 0 ? error : rp_buffer_append_byte(out, '"');
}

static int append_not_clean(struct rp_buffer *out, struct rp_buffer *clean, struct rp_view path)
{
    int error = rp_path_clean(path, clean);
    if (error == 0) {
        error = rp_buffer_append_text(out, "path must be pre-cleaned (got ");
    }
    if (error == 0) {
        error = append_quoted(out, path);
    }
    if (error == 0) {
        error = rp_buffer_append_text(out, ", clean is ");
    }
    if (error == 0) {
        error = append_quoted(out, rp_buffer_view(clean));
    }
    return error != 0 ? error : rp_buffer_append_byte(out, ')');
}

static int not_clean_text(struct rp_view path, struct rp_arena *arena, struct rp_view *text_out)
{
    struct rp_buffer text, clean;
    rp_buffer_init(&text, arena->alloc, RP_FRAME_LENGTH_MAX);
    rp_buffer_init(&clean, arena->alloc, RP_FRAME_LENGTH_MAX);
    int error = append_not_clean(&text, &clean, path);
    /* A text that outgrows a frame can never be sent: cut, so that it still is too long. */
    if (error == 0 || error == RP_ERR_TOO_LARGE) {
        error = rp_arena_copy(arena, rp_buffer_view(&text), text_out);
    }
    rp_buffer_clear(&text);
    rp_buffer_clear(&clean);
    return error;
}

int rp_path_sanitise_text(struct rp_view path, enum rp_path_verdict verdict, struct rp_arena *arena,
                          struct rp_view *text_out)
{
    switch (verdict) {
    case RP_PATH_EMPTY: *text_out = rp_view_text("empty path"); return 0;
    case RP_PATH_NUL: *text_out = rp_view_text("path contains null byte"); return 0;
    case RP_PATH_ABSOLUTE: *text_out = rp_view_text("absolute path not allowed"); return 0;
    case RP_PATH_TRAVERSAL: *text_out = rp_view_text("path traversal not allowed"); return 0;
    case RP_PATH_NOT_CLEAN: return not_clean_text(path, arena, text_out);
    default: *text_out = rp_view_text(rp_path_verdict_name(verdict)); return 0;
    }
}
