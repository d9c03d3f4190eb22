#include "tests/lib/vectors.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const struct vectors_release VECTORS_RELEASES[VECTORS_RELEASE_COUNT] = {
    {"p2", RP_RELEASE_PHASE2},
    {"p3", RP_RELEASE_PHASE3},
    {"head", RP_RELEASE_ARC},
    {"head", RP_RELEASE_CURRENT},
};

#define PATH_BYTES_MAX 4096

__attribute__((format(printf, 1, 2))) static _Noreturn void vectors_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("vectors: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(EXIT_FAILURE);
}

static void vectors_path(char path[PATH_BYTES_MAX], const char *file)
{
    const char *folder = getenv("REPLISIM_VECTORS");
    if (folder == NULL || folder[0] == '\0') {
        folder = REPLISIM_SOURCE_DIR "/../shared/vectors";
    }
    int length = snprintf(path, PATH_BYTES_MAX, "%s/%s", folder, file);
    if (length < 0 || length >= PATH_BYTES_MAX) {
        vectors_fail("the folder's name is too long");
    }
}

bool vectors_present(void)
{
    char path[PATH_BYTES_MAX];
    vectors_path(path, "frames_encode.json");
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        puts("skipped: no golden data (set REPLISIM_VECTORS to its folder)");
        return false;
    }
    fclose(file);
    return true;
}

void vectors_open(struct vectors *vectors, const char *family)
{
    char name[128];
    char path[PATH_BYTES_MAX];
    snprintf(name, sizeof name, "%s.json", family);
    vectors_path(path, name);
    json_error_t error;
    vectors->root = json_load_file(path, 0, &error);
    if (vectors->root == NULL) {
        vectors_fail("%s: line %d: %s", name, error.line, error.text);
    }
    vectors->cases = json_object_get(vectors->root, "cases");
    vectors->family = family;
    if (json_array_size(vectors->cases) == 0) {
        vectors_fail("%s: no cases", name);
    }
}

void vectors_close(struct vectors *vectors)
{
    json_decref(vectors->root);
    vectors->root = NULL;
    vectors->cases = NULL;
}

size_t vectors_count(const struct vectors *vectors)
{
    return json_array_size(vectors->cases);
}

const json_t *vectors_case(const struct vectors *vectors, size_t index)
{
    return json_array_get(vectors->cases, index);
}

const char *vectors_id(const json_t *one_case)
{
    const char *id = vectors_text(one_case, "id");
    return id == NULL ? "(no id)" : id;
}

const json_t *vectors_get(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

const char *vectors_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

const json_t *vectors_expect(const json_t *one_case, const char *generation)
{
    return vectors_get(vectors_get(one_case, "expect"), generation);
}

/* ---- Values ---------------------------------------------------------------------------------- */

static uint8_t *vectors_allocate(struct rp_arena *arena, size_t size_bytes)
{
    uint8_t *bytes = rp_arena_allocate(arena, size_bytes == 0 ? 1 : size_bytes);
    if (bytes == NULL) {
        vectors_fail("out of memory");
    }
    return bytes;
}

static uint8_t hex_digit(char digit)
{
    const char *digits = "0123456789abcdef";
    const char *found = digit == '\0' ? NULL : strchr(digits, digit);
    if (found == NULL) {
        vectors_fail("not a hex digit: %c", digit);
    }
    return (uint8_t)(found - digits);
}

struct rp_view vectors_hex(const char *hex, struct rp_arena *arena)
{
    size_t length = strlen(hex) / 2;
    uint8_t *bytes = vectors_allocate(arena, length);
    for (size_t i = 0; i < length; i++) {
        bytes[i] = (uint8_t)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
    }
    return rp_view_make(bytes, length);
}

char *vectors_to_hex(struct rp_view bytes, struct rp_arena *arena)
{
    char *text = (char *)vectors_allocate(arena, bytes.length_bytes * 2 + 1);
    for (size_t i = 0; i < bytes.length_bytes; i++) {
        text[2 * i] = "0123456789abcdef"[bytes.bytes[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[bytes.bytes[i] & 15];
    }
    text[bytes.length_bytes * 2] = '\0';
    return text;
}

/* `unit` count times, then `tail`. */
static struct rp_view vectors_repeat(struct rp_view unit, uint64_t count, struct rp_view tail,
                                     struct rp_arena *arena)
{
    size_t repeated = unit.length_bytes * (size_t)count;
    uint8_t *bytes = vectors_allocate(arena, repeated + tail.length_bytes);
    for (size_t at = 0; at < repeated; at += unit.length_bytes) {
        memcpy(bytes + at, unit.bytes, unit.length_bytes);
    }
    if (tail.length_bytes != 0) {
        memcpy(bytes + repeated, tail.bytes, tail.length_bytes);
    }
    return rp_view_make(bytes, repeated + tail.length_bytes);
}

struct rp_view vectors_bytes(const json_t *value, struct rp_arena *arena)
{
    if (json_is_string(value)) {
        return rp_view_make(json_string_value(value), json_string_length(value));
    }
    if (vectors_text(value, "bytes_hex") != NULL) {
        return vectors_hex(vectors_text(value, "bytes_hex"), arena);
    }
    const json_t *unit = json_object_get(value, "repeat");
    if (!json_is_string(unit)) {
        vectors_fail("a string in no known form");
    }
    const json_t *then = vectors_get(value, "then");
    struct rp_view tail = then == NULL ? rp_view_make(NULL, 0) : vectors_bytes(then, arena);
    return vectors_repeat(vectors_bytes(unit, arena), vectors_uint(json_object_get(value, "count")),
                          tail, arena);
}

struct rp_view vectors_member(const json_t *object, const char *key, struct rp_arena *arena)
{
    const json_t *value = vectors_get(object, key);
    return value == NULL ? rp_view_make(NULL, 0) : vectors_bytes(value, arena);
}

static struct rp_view vectors_part(const json_t *part, struct rp_arena *arena)
{
    if (vectors_text(part, "hex") != NULL) {
        return vectors_hex(vectors_text(part, "hex"), arena);
    }
    if (vectors_text(part, "repeat_hex") != NULL) {
        return vectors_repeat(vectors_hex(vectors_text(part, "repeat_hex"), arena),
                              vectors_uint(json_object_get(part, "count")), rp_view_make(NULL, 0),
                              arena);
    }
    return rp_view_make(NULL, 0);
}

struct rp_view vectors_parts(const json_t *parts, struct rp_arena *arena)
{
    struct rp_view whole = rp_view_make(NULL, 0);
    for (size_t i = 0; i < json_array_size(parts); i++) {
        struct rp_view part = vectors_part(json_array_get(parts, i), arena);
        whole = i == 0 ? part : vectors_repeat(whole, whole.length_bytes == 0 ? 0 : 1, part, arena);
    }
    return whole;
}

int64_t vectors_int(const json_t *value)
{
    if (!json_is_integer(value)) {
        vectors_fail("not an integer");
    }
    return json_integer_value(value);
}

uint64_t vectors_uint(const json_t *value)
{
    const char *text = vectors_text(value, "u64");
    if (text != NULL) {
        return strtoull(text, NULL, 10);
    }
    int64_t number = vectors_int(value);
    if (number < 0) {
        vectors_fail("negative where a count belongs: %" PRId64, number);
    }
    return (uint64_t)number;
}

struct rp_wall_time vectors_time(const json_t *value)
{
    struct rp_wall_time time = {
        .unix_s = vectors_int(json_object_get(value, "sec")),
        .nsec = (int32_t)vectors_int(json_object_get(value, "nsec")),
        .offset_s = (int32_t)vectors_int(json_object_get(value, "offset_s")),
    };
    return time;
}

uint8_t vectors_file_byte(uint64_t index, uint64_t mul, uint64_t add)
{
    return (uint8_t)((index % 251 * (mul % 251) + add % 251) % 251);
}

/* ---- Tally ----------------------------------------------------------------------------------- */

void vectors_tally_init(struct vectors_tally *tally, const char *family,
                        const struct vectors_rule *rules, size_t rule_count)
{
    if (rule_count > VECTORS_RULE_MAX) {
        vectors_fail("%s: too many rules", family);
    }
    *tally = (struct vectors_tally){.family = family, .rules = rules, .rule_count = rule_count};
}

bool vectors_tally_add(struct vectors_tally *tally, const json_t *one_case, enum rp_release release,
                       bool is_equal)
{
    tally->compared_count += 1;
    if (is_equal) {
        return true;
    }
    for (size_t i = 0; i < tally->rule_count; i++) {
        if (tally->rules[i].applies(one_case, release)) {
            tally->excused_counts[i] += 1;
            return true;
        }
    }
    return false;
}

void vectors_tally_print(const struct vectors_tally *tally)
{
    size_t excused_count = 0;
    for (size_t i = 0; i < tally->rule_count; i++) {
        excused_count += tally->excused_counts[i];
    }
    printf("vectors %s: %zu compared, %zu differ by rule\n", tally->family, tally->compared_count,
           excused_count);
    for (size_t i = 0; i < tally->rule_count; i++) {
        if (tally->excused_counts[i] != 0) {
            printf("  %zu by %s: %s\n", tally->excused_counts[i], tally->rules[i].name,
                   tally->rules[i].reason);
        }
    }
    fflush(stdout);
}
