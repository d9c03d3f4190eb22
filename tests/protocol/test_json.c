/* protocol/json_read.c, json_scan.c, json_write.c, base64.c, message_time.c: wire.md 4 */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/error.h"
#include "protocol/json.h"
#include "protocol/limits.h"
#include "tests/lib/test_alloc.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))
#define BYTES(text)                                                                                \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

/* ---- Fixture and helpers --------------------------------------------------------------------- */

struct inner {
    struct rp_view name;
    uint8_t kind;
};

struct outer {
    struct rp_view text;
    int64_t number;
    uint64_t count;
    bool flag;
    struct rp_bytes bytes;
    struct rp_wall_time time;
    struct rp_view raw;
    struct inner inner;
    struct inner *items;
    size_t item_count;
    bool has_items;
    int64_t secret;
};

static const struct rp_json_field INNER_FIELDS[] = {
    {RP_JSON_FIELD(struct inner, name, "name", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct inner, kind, "kind", RP_JSON_UINT8), .omit_zero = true},
};
static const struct rp_json_shape INNER_SHAPE = RP_JSON_SHAPE(struct inner, INNER_FIELDS);

static const struct rp_json_field OUTER_FIELDS[] = {
    {RP_JSON_FIELD(struct outer, text, "text", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct outer, number, "number", RP_JSON_INT)},
    {RP_JSON_FIELD(struct outer, count, "count", RP_JSON_UINT), .omit_zero = true},
    {RP_JSON_FIELD(struct outer, flag, "flag", RP_JSON_BOOL), .omit_zero = true},
    {RP_JSON_FIELD(struct outer, bytes, "bytes", RP_JSON_BYTES), .omit_zero = true},
    {RP_JSON_FIELD(struct outer, time, "time", RP_JSON_TIME)},
    {RP_JSON_FIELD(struct outer, raw, "raw", RP_JSON_RAW), .omit_zero = true},
    {RP_JSON_FIELD(struct outer, inner, "inner", RP_JSON_OBJECT), .shape = &INNER_SHAPE},
    {RP_JSON_LIST_FIELD(struct outer, items, item_count, has_items, "items"), .shape = &INNER_SHAPE,
     .item_count_max = 3},
    {RP_JSON_FIELD(struct outer, secret, "secret", RP_JSON_INT), .omit_zero = true, .needs = 2},
};
static const struct rp_json_shape OUTER_SHAPE = RP_JSON_SHAPE(struct outer, OUTER_FIELDS);

static struct test_alloc test;
static struct rp_arena arena;
static struct rp_buffer buffer;
static struct outer outer;

static void set_up(void)
{
    test_alloc_init(&test);
    rp_arena_init(&arena, &test.alloc);
    rp_buffer_init(&buffer, &test.alloc, 1u << 24);
}

static void tear_down(void)
{
    rp_arena_clear(&arena);
    rp_buffer_clear(&buffer);
    ck_assert_uint_eq(test.live_count, 0);
}

static int decode(struct rp_view json)
{
    return rp_json_decode_object(&OUTER_SHAPE, 0, json, &arena, &outer);
}

static int decode_literal(const char *json)
{
    return decode(rp_view_text(json));
}

static void assert_view(struct rp_view view, struct rp_view wanted, const char *name)
{
    ck_assert_msg(rp_view_equal(view, wanted), "%s: %.*s", name, (int)view.length_bytes,
                  (const char *)view.bytes);
}

/* A small generator of its own: the same documents on every run and machine. */
struct dice {
    uint64_t state;
};

static uint32_t dice_roll(struct dice *dice, uint32_t sides)
{
    dice->state = dice->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(dice->state >> 33) % sides;
}

static void put(const char *text)
{
    ck_assert_int_eq(rp_buffer_append_text(&buffer, text), RP_OK);
}

/* ---- Tables ---------------------------------------------------------------------------------- */

/* Strings in a document, and what they mean (wire.md 4.4). */
static const struct {
    const char *name;
    struct rp_view json;
    struct rp_view text;
} STRINGS[] = {
    {"plain", BYTES("abc"), BYTES("abc")},
    {"every escape", BYTES("\\\"\\\\\\/\\b\\f\\n\\r\\t"), BYTES("\"\\/\b\f\n\r\t")},
    {"NUL", BYTES("a\\u0000b"), BYTES("a\0b")},
    {"DEL", BYTES("\x7f"), BYTES("\x7f")},
    {"two, three, four bytes", BYTES("\\u00e4\\u20AC\\ud83d\\ude00"),
     BYTES("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80")},
    {"raw UTF-8", BYTES("\xc3\xa4\xf4\x8f\xbf\xbf"), BYTES("\xc3\xa4\xf4\x8f\xbf\xbf")},
    {"lone high surrogate", BYTES("\\ud800x"), BYTES("\xef\xbf\xbdx")},
    {"lone low surrogate", BYTES("\\udc00"), BYTES("\xef\xbf\xbd")},
    {"high, then another escape", BYTES("\\ud800\\u0041"), BYTES("\xef\xbf\xbd\x41")},
    {"high, high, low", BYTES("\\ud83d\\ud83d\\ude00"), BYTES("\xef\xbf\xbd\xf0\x9f\x98\x80")},
    {"each bad byte", BYTES("\xff\xfe"), BYTES("\xef\xbf\xbd\xef\xbf\xbd")},
    {"cut sequence", BYTES("\xe2\x82"), BYTES("\xef\xbf\xbd\xef\xbf\xbd")},
    {"overlong", BYTES("\xc0\xaf"), BYTES("\xef\xbf\xbd\xef\xbf\xbd")},
    {"encoded surrogate", BYTES("\xed\xa0\x80"), BYTES("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd")},
    {"above U+10FFFF", BYTES("\xf4\x90\x80\x80"),
     BYTES("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd")},
};

/* Documents that are none (wire.md 4.1, 4.4). */
static const struct {
    const char *name;
    struct rp_view json;
} MALFORMED[] = {
    {"empty", BYTES("")},
    {"byte order mark", BYTES("\xef\xbb\xbf{}")},
    {"form feed", BYTES("\f{}")},
    {"two documents", BYTES("{}{}")},
    {"trailing comma", BYTES("{\"a\":1,}")},
    {"trailing comma in an array", BYTES("[1,]")},
    {"leading comma", BYTES("[,1]")},
    {"no comma", BYTES("[1 2]")},
    {"no colon", BYTES("{\"a\" 1}")},
    {"no value", BYTES("{\"a\":}")},
    {"bare key", BYTES("{a:1}")},
    {"single quotes", BYTES("{'a':1}")},
    {"comment", BYTES("{}//x")},
    {"mixed brackets", BYTES("[}")},
    {"open object", BYTES("{\"a\":1")},
    {"open string", BYTES("{\"a")},
    {"open escape", BYTES("\"\\")},
    {"plus", BYTES("[+1]")},
    {"leading zero", BYTES("[01]")},
    {"only minus", BYTES("[-]")},
    {"no digit before the dot", BYTES("[.5]")},
    {"no digit after the dot", BYTES("[5.]")},
    {"no digit in the exponent", BYTES("[1e+]")},
    {"NaN", BYTES("[NaN]")},
    {"cut literal", BYTES("[tru")},
    {"wrong case", BYTES("[True]")},
    {"raw newline", BYTES("[\"a\nb\"]")},
    {"raw NUL", BYTES("[\"a\0b\"]")},
    {"unknown escape", BYTES("[\"\\x41\"]")},
    {"NUL escape", BYTES("[\"\\\0\"]")},
    {"short unicode escape", BYTES("[\"\\u12\"]")},
    {"no hex digit", BYTES("[\"\\u12g4\"]")},
};

/* What the encoder makes of text (wire.md 4.5). */
static const struct {
    const char *name;
    struct rp_view text;
    struct rp_view json;
} WRITTEN[] = {
    {"plain", BYTES("a/b"), BYTES("\"a/b\"")},
    {"quote and backslash", BYTES("\"\\"), BYTES("\"\\\"\\\\\"")},
    {"short escapes", BYTES("\b\f\n\r\t"), BYTES("\"\\b\\f\\n\\r\\t\"")},
    {"other controls", BYTES("\0\x1f\x7f"), BYTES("\"\\u0000\\u001f\x7f\"")},
    {"HTML", BYTES("<&>"), BYTES("\"\\u003c\\u0026\\u003e\"")},
    {"line separators", BYTES("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa"),
     BYTES("\"\\u2028\\u2029\xe2\x80\xaa\"")},
    {"bad bytes", BYTES("\xff\xe2\x82"), BYTES("\"\\ufffd\\ufffd\\ufffd\"")},
};

/* wire.md 4.7; NULL: refused. */
static const struct {
    const char *text;
    const char *bytes;
} BASE64[] = {
    {"", ""},           {"YQ==", "a"},        {"YWI=", "ab"},
    {"YWJj", "abc"},    {"YWJjZA==", "abcd"}, {"Y\nW\r\nI=", "ab"},
    {"YWI\n=\n", "ab"}, {"YQ\n=\n=\n", "a"},  {"YWJ=", "ab"},
    {"\n", ""},         {"Y", NULL},          {"YQ", NULL},
    {"YQ=", NULL},      {"YWI", NULL},        {"=", NULL},
    {"Y===", NULL},     {"YQ==YQ==", NULL},   {"YQ== ", NULL},
    {"YQ-_", NULL},     {"YWJj=", NULL},      {"YWI=YWI=", NULL},
    {"YQ=a", NULL},     {"\xc3\xa4YW", NULL},
};

/* wire.md 4.6; refused where `is_ok` is false. */
static const struct {
    const char *text;
    bool is_ok;
    struct rp_wall_time time;
} TIMES[] = {
    {"1970-01-01T00:00:00Z", true, {0, 0, 0}},
    {"0001-01-01T00:00:00Z", true, {RP_TIME_ZERO_UNIX_S, 0, 0}},
    {"0000-01-01T00:00:00Z", true, {-62167219200, 0, 0}},
    {"9999-12-31T23:59:59.999999999Z", true, {253402300799, 999999999, 0}},
    {"2024-02-29T00:00:00Z", true, {1709164800, 0, 0}},
    {"2026-04-11T14:00:00+05:30", true, {1775896200, 0, 19800}},
    {"2026-04-11T14:00:00-05:30", true, {1775935800, 0, -19800}},
    {"2026-04-11T14:00:00+05:60", true, {1775894400, 0, 21600}},
    {"2026-04-11T14:00:00+24:00", true, {1775829600, 0, 86400}},
    {"2026-04-11T4:00:00Z", true, {1775880000, 0, 0}},
    {"2026-04-11T14:00:00,5Z", true, {1775916000, 500000000, 0}},
    {"2026-04-11T14:00:00.1234567899Z", true, {1775916000, 123456789, 0}},
    {"1900-02-29T00:00:00Z", false, {0}},
    {"2026-04-31T00:00:00Z", false, {0}},
    {"2026-00-01T00:00:00Z", false, {0}},
    {"2026-04-11t14:00:00Z", false, {0}},
    {"2026-04-11T14:00:00z", false, {0}},
    {"2026-04-11T14:00:60Z", false, {0}},
    {"2026-04-11T24:00:00Z", false, {0}},
    {"2026-04-11T14:00:00", false, {0}},
    {"2026-04-11T14:00:00.Z", false, {0}},
    {"2026-04-11T14:00:00+0530", false, {0}},
    {"2026-04-11T14:00:00+25:00", false, {0}},
    {"2026-04-11T14:00:00+05:61", false, {0}},
    {"2026-04-11T14:00:00Z ", false, {0}},
    {"-001-04-11T14:00:00Z", false, {0}},
    {"", false, {0}},
};

/* NULL: cannot be written. */
static const struct {
    struct rp_wall_time time;
    const char *text;
} WRITTEN_TIMES[] = {
    {{0, 0, 0}, "1970-01-01T00:00:00Z"},
    {{0, 120000000, 0}, "1970-01-01T00:00:00.12Z"},
    {{0, 1, -3600}, "1969-12-31T23:00:00.000000001-01:00"},
    {{0, 0, 30}, "1970-01-01T00:00:30+00:00"},
    {{0, 0, -30}, "1969-12-31T23:59:30+00:00"},
    {{0, 0, -90}, "1969-12-31T23:58:30-00:01"},
    {{0, 0, 86399}, "1970-01-01T23:59:59+23:59"},
    {{0, 0, 86400}, NULL},
    {{0, 0, -86400}, NULL},
    {{-62167219200, 0, 0}, "0000-01-01T00:00:00Z"},
    {{-62167219201, 0, 0}, NULL},
    {{-62167219201, 0, 60}, "0000-01-01T00:00:59+00:01"},
    {{253402300799, 0, 0}, "9999-12-31T23:59:59Z"},
    {{253402300799, 0, 60}, NULL},
    {{INT64_MAX, 0, 0}, NULL},
    {{INT64_MIN, 0, -60}, NULL},
    {{0, 1000000000, 0}, NULL},
};

/* ---- Reading --------------------------------------------------------------------------------- */

/* wire.md 4.4: the same text as a value, an element of nothing, and in a buffer of its own, so that
 * sanitizers see the last byte. */
START_TEST(string_means_what_the_reference_reads)
{
    put("{\"text\":\"");
    ck_assert_int_eq(rp_buffer_append(&buffer, STRINGS[_i].json), RP_OK);
    put("\"}");
    char *copy = malloc(buffer.length_bytes);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, buffer.bytes, buffer.length_bytes);
    ck_assert_int_eq(decode(rp_view_make(copy, buffer.length_bytes)), RP_OK);
    assert_view(outer.text, STRINGS[_i].text, STRINGS[_i].name);
    free(copy);
}
END_TEST

/* Malformed documents are refused whoever reads them, also inside a key that nobody asked for. */
START_TEST(malformed_document_is_a_syntax_error)
{
    struct rp_json_walk walk;
    struct rp_view json = MALFORMED[_i].json;
    ck_assert_msg(decode(json) == RP_ERR_SYNTAX, "%s", MALFORMED[_i].name);
    ck_assert_msg(rp_json_walk_open(&walk, json) == RP_ERR_SYNTAX, "%s", MALFORMED[_i].name);
    put("{\"text\":1,\"unknown\":");
    ck_assert_int_eq(rp_buffer_append(&buffer, json), RP_OK);
    put("}");
    ck_assert_msg(decode(rp_buffer_view(&buffer)) == RP_ERR_SYNTAX, "%s", MALFORMED[_i].name);
}
END_TEST

/* A document cut at any byte is malformed, and nothing behind the cut is touched. */
START_TEST(cut_document_is_a_syntax_error)
{
    static const char whole[] =
        "{\"text\":\"a\\u00e4\xc3\xa4\",\"number\":-12,\"flag\":true,\"bytes\":[1,null],"
        "\"time\":\"2026-04-11T14:00:00Z\",\"raw\":[{\"a\":1.5e3}],\"inner\":{\"kind\":1},"
        "\"items\":[{\"name\":\"x\"},null]}";
    for (size_t length = 0; length < sizeof whole - 1; length++) {
        char *copy = malloc(length + 1);
        ck_assert_ptr_nonnull(copy);
        memmove(copy + 1, whole, length);
        ck_assert_int_eq(decode(rp_view_make(copy + 1, length)), RP_ERR_SYNTAX);
        free(copy);
    }
    ck_assert_int_eq(decode_literal(whole), RP_OK);
    ck_assert_uint_eq(outer.item_count, 2);
    ck_assert_uint_eq(outer.bytes.view.length_bytes, 2);
}
END_TEST

/* U+017F and U+212A fold to s and k; a longer key that only begins like ours does not match. */
START_TEST(key_folds_like_the_reference)
{
    ck_assert_int_eq(decode_literal("{\"INNER\":{\"\xe2\x84\xaaind\":7}}"), RP_OK);
    ck_assert_uint_eq(outer.inner.kind, 7);
    ck_assert_int_eq(decode_literal("{\"inner\":{\"\\u212AIND\":8}}"), RP_OK);
    ck_assert_uint_eq(outer.inner.kind, 8);
    ck_assert_int_eq(decode_literal("{\"byte\xc5\xbf\":\"YQ==\",\"byt\":1,\"bytess\":1}"), RP_OK);
    ck_assert(outer.bytes.is_present);
    ck_assert_int_eq(decode_literal("{\"byte\xc5\":1,\"inner\":{\"\xe2\x84ind\":1}}"), RP_OK);
}
END_TEST

/* wire.md 4.1: last one wins, null leaves scalars, empties bytes and lists; objects merge. */
START_TEST(duplicates_and_nulls_follow_the_rules)
{
    ck_assert_int_eq(decode_literal("{\"number\":1,\"number\":2,\"number\":null,"
                                    "\"bytes\":\"YQ==\",\"bytes\":null,"
                                    "\"inner\":{\"name\":\"n\"},\"inner\":{\"kind\":3},"
                                    "\"inner\":null,\"items\":[{}],\"items\":null}"),
                     RP_OK);
    ck_assert_int_eq(outer.number, 2);
    ck_assert(!outer.bytes.is_present && !outer.has_items);
    ck_assert_uint_eq(outer.item_count, 0);
    assert_view(outer.inner.name, rp_view_text("n"), "merged");
    ck_assert_uint_eq(outer.inner.kind, 3);
    ck_assert_int_eq(decode_literal("{\"items\":[]}"), RP_OK);
    ck_assert(outer.has_items);
}
END_TEST

/* A row with needs exists only for callers that offer them. */
START_TEST(key_of_a_missing_feature_is_unknown)
{
    struct rp_view json = rp_view_text("{\"secret\":\"x\"}");
    ck_assert_int_eq(rp_json_decode_object(&OUTER_SHAPE, 1, json, &arena, &outer), RP_OK);
    ck_assert_int_eq(rp_json_decode_object(&OUTER_SHAPE, 3, json, &arena, &outer), RP_ERR_TYPE);
    outer = (struct outer){.secret = 5};
    ck_assert_int_eq(rp_json_encode_object(&INNER_SHAPE, 0, &outer.inner, &buffer), RP_OK);
    assert_view(rp_buffer_view(&buffer), rp_view_text("{\"name\":\"\"}"), "inner");
    rp_buffer_reset(&buffer);
    ck_assert_int_eq(rp_json_encode_object(&OUTER_SHAPE, 2, &outer, &buffer), RP_OK);
    assert_view(rp_view_make(buffer.bytes + buffer.length_bytes - 12, 12),
                rp_view_text(",\"secret\":5}"), "outer");
}
END_TEST

/* A list may have as many elements as its row says, and not one more. */
START_TEST(list_is_bounded_by_its_row)
{
    ck_assert_int_eq(decode_literal("{\"items\":[{},{},{\"kind\":255}]}"), RP_OK);
    ck_assert_uint_eq(outer.items[2].kind, 255);
    ck_assert_int_eq(decode_literal("{\"items\":[{},{},{},{}]}"), RP_ERR_TYPE);
    ck_assert_int_eq(decode_literal("{\"items\":[{\"kind\":256}]}"), RP_ERR_TYPE);
}
END_TEST

static void put_nested(size_t depth)
{
    for (size_t i = 0; i < depth; i++) {
        put(i % 2 == 0 ? "[" : "{\"k\":");
    }
    put("1");
    for (size_t i = depth; i > 0; i--) {
        put(i % 2 == 1 ? "]" : "}");
    }
}

/* wire.md 4.1: 10000 levels with the top object; a hundred thousand cost no stack. */
START_TEST(nesting_is_bounded_without_recursion)
{
    static const struct {
        size_t depth;
        int error;
    } depths[] = {{1, RP_OK}, {9999, RP_OK}, {10000, RP_ERR_SYNTAX}, {100000, RP_ERR_SYNTAX}};
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++) {
        rp_buffer_reset(&buffer);
        put("{\"unknown\":");
        put_nested(depths[i].depth);
        put(",\"raw\":[]}");
        ck_assert_int_eq(decode(rp_buffer_view(&buffer)), depths[i].error);
    }
    rp_buffer_reset(&buffer);
    put("{\"raw\":");
    put_nested(9999);
    put("}");
    ck_assert_int_eq(decode(rp_buffer_view(&buffer)), RP_OK);
    ck_assert_uint_eq(outer.raw.length_bytes, buffer.length_bytes - 8);
}
END_TEST

/* Walking gives keys decoded and values as they stand; an array has no keys. */
START_TEST(walk_gives_every_member_in_order)
{
    struct rp_json_walk walk;
    struct rp_view key;
    struct rp_view value;
    const char *json = " { \"a\\u0041\" : {\"x\":[1,\"}\"]} , \"b\":null,\"b\":\",\"} ";
    const char *keys[] = {"aA", "b", "b"};
    const char *values[] = {"{\"x\":[1,\"}\"]}", "null", "\",\""};
    ck_assert_int_eq(rp_json_walk_open(&walk, rp_view_text(json)), RP_OK);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(rp_json_walk_next(&walk, &arena, &key, &value), 1);
        assert_view(key, rp_view_text(keys[i]), "key");
        assert_view(value, rp_view_text(values[i]), "value");
    }
    ck_assert_int_eq(rp_json_walk_next(&walk, &arena, &key, &value), 0);
    ck_assert_int_eq(rp_json_walk_next(&walk, &arena, &key, &value), 0);
    ck_assert_int_eq(rp_json_walk_open(&walk, rp_view_text("[ [] ,2 ]")), RP_OK);
    ck_assert_int_eq(rp_json_walk_next(&walk, &arena, &key, &value), 1);
    assert_view(value, rp_view_text("[]"), "element");
    ck_assert_int_eq(rp_json_walk_next(&walk, &arena, &key, &value), 1);
    assert_view(value, rp_view_text("2"), "element");
    ck_assert_uint_eq(key.length_bytes, 0);
    ck_assert_int_eq(rp_json_walk_next(&walk, &arena, &key, &value), 0);
    ck_assert_int_eq(rp_json_walk_open(&walk, rp_view_text("null")), RP_OK);
    ck_assert_int_eq(rp_json_walk_next(&walk, &arena, &key, &value), 0);
    ck_assert_int_eq(rp_json_walk_open(&walk, rp_view_text("7")), RP_ERR_TYPE);
}
END_TEST

/* ---- Writing, base64, times ------------------------------------------------------------------ */

/* wire.md 4.5; what was written reads back as the same text unless it was not UTF-8. */
START_TEST(text_is_written_like_the_reference)
{
    ck_assert_int_eq(rp_json_append_text(&buffer, WRITTEN[_i].text), RP_OK);
    assert_view(rp_buffer_view(&buffer), WRITTEN[_i].json, WRITTEN[_i].name);
}
END_TEST

/* A struct that does not fit leaves what was there before, at every possible bound. */
START_TEST(failed_encode_appends_nothing)
{
    struct inner item = {rp_view_text("<n>"), 9};
    struct outer source = {.text = rp_view_text("t"),
                           .bytes = {rp_view_text("b"), true},
                           .number = INT64_MIN,
                           .count = UINT64_MAX,
                           .raw = rp_view_text("[]"),
                           .flag = true,
                           .items = &item,
                           .item_count = 1,
                           .has_items = true};
    put("before");
    ck_assert_int_eq(rp_json_encode_object(&OUTER_SHAPE, 0, &source, &buffer), RP_OK);
    size_t whole_bytes = buffer.length_bytes;
    for (size_t max = 6; max < whole_bytes; max++) {
        buffer.length_bytes = 6;
        buffer.max_bytes = max;
        ck_assert_int_eq(rp_json_encode_object(&OUTER_SHAPE, 0, &source, &buffer),
                         RP_ERR_TOO_LARGE);
        ck_assert_uint_eq(buffer.length_bytes, 6);
    }
    buffer.max_bytes = whole_bytes;
    source.time.offset_s = 90000;
    ck_assert_int_eq(rp_json_encode_object(&OUTER_SHAPE, 0, &source, &buffer), RP_ERR_UNENCODABLE);
    ck_assert_uint_eq(buffer.length_bytes, 6);
}
END_TEST

/* wire.md 4.7 */
START_TEST(base64_is_read_like_the_reference)
{
    struct rp_view bytes;
    int error = rp_base64_decode(rp_view_text(BASE64[_i].text), &arena, &bytes);
    if (BASE64[_i].bytes == NULL) {
        ck_assert_msg(error == RP_ERR_BASE64, "%s", BASE64[_i].text);
    } else {
        ck_assert_msg(error == RP_OK, "%s", BASE64[_i].text);
        assert_view(bytes, rp_view_text(BASE64[_i].bytes), BASE64[_i].text);
    }
}
END_TEST

/* Every length modulo three, every byte value. */
START_TEST(base64_round_trips)
{
    uint8_t bytes[256];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    for (size_t length = 0; length <= sizeof bytes; length++) {
        struct rp_view back;
        rp_buffer_reset(&buffer);
        ck_assert_int_eq(rp_base64_append(&buffer, rp_view_make(bytes, length)), RP_OK);
        ck_assert_uint_eq(buffer.length_bytes, (length + 2) / 3 * 4);
        ck_assert_int_eq(rp_base64_decode(rp_buffer_view(&buffer), &arena, &back), RP_OK);
        ck_assert(rp_view_equal(back, rp_view_make(bytes, length)));
    }
}
END_TEST

/* wire.md 4.6 */
START_TEST(time_is_read_like_the_reference)
{
    struct rp_wall_time time = {1, 2, 3};
    int error = rp_wall_time_parse(rp_view_text(TIMES[_i].text), &time);
    ck_assert_msg(error == (TIMES[_i].is_ok ? RP_OK : RP_ERR_TIME), "%s", TIMES[_i].text);
    if (TIMES[_i].is_ok) {
        ck_assert_msg(time.unix_s == TIMES[_i].time.unix_s, "%s: %lld", TIMES[_i].text,
                      (long long)time.unix_s);
        ck_assert_int_eq(time.nsec, TIMES[_i].time.nsec);
        ck_assert_int_eq(time.offset_s, TIMES[_i].time.offset_s);
    }
}
END_TEST

/* wire.md 4.6 */
START_TEST(time_is_written_like_the_reference)
{
    int error = rp_wall_time_append(&buffer, WRITTEN_TIMES[_i].time);
    if (WRITTEN_TIMES[_i].text == NULL) {
        ck_assert_int_eq(error, RP_ERR_UNENCODABLE);
        ck_assert_uint_eq(buffer.length_bytes, 0);
    } else {
        ck_assert_int_eq(error, RP_OK);
        assert_view(rp_buffer_view(&buffer), rp_view_text(WRITTEN_TIMES[_i].text), "time");
    }
}
END_TEST

/* Each first second of a day over 10000 years comes back, so the calendar has no hole. */
START_TEST(every_day_round_trips)
{
    for (int64_t day = -719528; day < 2932897; day += 13) {
        struct rp_wall_time back;
        rp_buffer_reset(&buffer);
        ck_assert_int_eq(rp_wall_time_append(&buffer, (struct rp_wall_time){day * 86400, 0, 0}),
                         RP_OK);
        ck_assert_int_eq(rp_wall_time_parse(rp_buffer_view(&buffer), &back), RP_OK);
        ck_assert_int_eq(back.unix_s, day * 86400);
    }
}
END_TEST

/* ---- Against Jansson, where the two must agree ----------------------------------------------- */

static void put_random_string(struct dice *dice)
{
    static const char *const pieces[] = {"a",
                                         "Zz ",
                                         "\\n",
                                         "\\\"",
                                         "\\\\",
                                         "\\/",
                                         "\xc3\xa4",
                                         "\xe2\x82\xac",
                                         "\\u00e4",
                                         "\\ud83d\\ude00",
                                         "{[",
                                         ",:",
                                         "0123456789abcdef"};
    put("\"");
    for (uint32_t left = dice_roll(dice, 6); left > 0; left--) {
        put(pieces[dice_roll(dice, sizeof pieces / sizeof pieces[0])]);
    }
    put("\"");
}

static void put_random_value(struct dice *dice, uint32_t depth)
{
    static const char *const scalars[] = {"true",
                                          "false",
                                          "null",
                                          "0",
                                          "-0",
                                          "1.5",
                                          "-7",
                                          "1e3",
                                          "12345678901",
                                          "9223372036854775807",
                                          "-9223372036854775808"};
    static const char *const spaces[] = {"", "", "", " ", "\n", "\t\r"};
    uint32_t kind = dice_roll(dice, depth == 0 ? 6 : 10);
    put(spaces[dice_roll(dice, 6)]);
    if (kind < 3) {
        put(scalars[dice_roll(dice, sizeof scalars / sizeof scalars[0])]);
    } else if (kind < 6) {
        put_random_string(dice);
    } else {
        bool is_object = kind < 8;
        put(is_object ? "{" : "[");
        for (uint32_t i = 0, count = dice_roll(dice, 4); i < count; i++) {
            put(i == 0 ? "" : ",");
            if (is_object) {
                put_random_string(dice);
                put(":");
            }
            put_random_value(dice, depth - 1);
        }
        put(is_object ? "}" : "]");
    }
    put(spaces[dice_roll(dice, 6)]);
}

/* An object with some of our keys, each at most once, and values of any kind. */
static void put_random_document(struct dice *dice)
{
    static const char *const keys[] = {"\"text\":", "\"number\":", "\"flag\":", "\"zz\":"};
    bool is_first = true;
    rp_buffer_reset(&buffer);
    put("{");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (dice_roll(dice, 3) != 0) {
            put(is_first ? "" : ",");
            put(keys[i]);
            is_first = false;
            put_random_value(dice, 4);
        }
    }
    put("}");
}

static json_t *jansson_load(json_error_t *error)
{
    return json_loadb((const char *)buffer.bytes, buffer.length_bytes,
                      JSON_DECODE_ANY | JSON_ALLOW_NUL, error);
}

static bool text_agrees(const json_t *value)
{
    return json_is_null(value) || value == NULL
               ? outer.text.length_bytes == 0
               : rp_view_equal(outer.text,
                               rp_view_make(json_string_value(value), json_string_length(value)));
}

/* What Jansson read decides what the typed reader must say. */
static void compare_values(const json_t *root)
{
    const json_t *text = json_object_get(root, "text");
    const json_t *number = json_object_get(root, "number");
    const json_t *flag = json_object_get(root, "flag");
    bool is_typed = (text == NULL || json_is_null(text) || json_is_string(text)) &&
                    (number == NULL || json_is_null(number) || json_is_integer(number)) &&
                    (flag == NULL || json_is_null(flag) || json_is_boolean(flag));
    int error = decode(rp_buffer_view(&buffer));
    ck_assert_msg(error == (is_typed ? RP_OK : RP_ERR_TYPE), "%s: %.*s", rp_strerror(error),
                  (int)buffer.length_bytes, (const char *)buffer.bytes);
    if (is_typed) {
        ck_assert(text_agrees(text));
        ck_assert_int_eq(outer.number, json_integer_value(number));
        ck_assert_int_eq(outer.flag, json_is_true(flag));
    }
}

/* Well-formed documents: the same values, or a wrong kind told. */
START_TEST(values_agree_with_jansson)
{
    struct dice dice = {(uint64_t)_i};
    for (size_t round = 0; round < 500; round++) {
        json_error_t error;
        put_random_document(&dice);
        json_t *root = jansson_load(&error);
        ck_assert_msg(root != NULL, "%s: %.*s", error.text, (int)buffer.length_bytes,
                      (const char *)buffer.bytes);
        compare_values(root);
        json_decref(root);
        rp_arena_reset(&arena);
    }
}
END_TEST

/* Documents with a few bytes damaged: both call them well-formed, or both do not. Jansson refuses
 * numbers it cannot hold, lone surrogates and bad UTF-8, which the reference takes (wire.md 4.8):
 * those documents are set aside, and most are not. */
START_TEST(damaged_documents_are_judged_as_by_jansson)
{
    static const char damage[] = "{}[]\",:\\0129eE.+-untrfalse \x01\n";
    struct dice dice = {(uint64_t)_i + 1000};
    size_t compared_count = 0;
    size_t refused_count = 0;
    for (size_t round = 0; round < 500; round++) {
        struct rp_json_walk walk;
        json_error_t error;
        put_random_document(&dice);
        for (uint32_t hits = 1 + dice_roll(&dice, 2); hits > 0; hits--) {
            size_t at = dice_roll(&dice, (uint32_t)buffer.length_bytes);
            buffer.bytes[at] = (uint8_t)damage[dice_roll(&dice, sizeof damage - 1)];
        }
        json_t *root = jansson_load(&error);
        if (root == NULL && (json_error_code(&error) == json_error_numeric_overflow ||
                             json_error_code(&error) == json_error_invalid_utf8 ||
                             json_error_code(&error) == json_error_null_byte_in_key ||
                             strstr(error.text, "invalid Unicode") != NULL ||
                             strstr(error.text, "UTF-8") != NULL)) {
            continue;
        }
        int verdict = rp_json_walk_open(&walk, rp_buffer_view(&buffer));
        ck_assert_msg((verdict == RP_ERR_SYNTAX) == (root == NULL), "%s, jansson %s: %.*s",
                      rp_strerror(verdict), root == NULL ? error.text : "ok",
                      (int)buffer.length_bytes, (const char *)buffer.bytes);
        compared_count += 1;
        refused_count += root == NULL;
        json_decref(root);
    }
    ck_assert_uint_gt(compared_count, 300);
    ck_assert_uint_gt(refused_count, 100);
}
END_TEST

/* What we write, Jansson reads as the text it was. */
START_TEST(jansson_reads_what_we_write)
{
    struct dice dice = {77};
    for (size_t round = 0; round < 300; round++) {
        json_error_t error;
        struct rp_view text;
        rp_buffer_reset(&buffer);
        put("{\"text\":");
        put_random_string(&dice);
        put("}");
        ck_assert_int_eq(decode(rp_buffer_view(&buffer)), RP_OK);
        ck_assert_int_eq(rp_arena_copy(&arena, outer.text, &text), RP_OK);
        rp_buffer_reset(&buffer);
        ck_assert_int_eq(rp_json_append_text(&buffer, text), RP_OK);
        json_t *value = jansson_load(&error);
        ck_assert_ptr_nonnull(value);
        ck_assert(
            rp_view_equal(text, rp_view_make(json_string_value(value), json_string_length(value))));
        json_decref(value);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("protocol.json");
    TCase *tcase = tcase_create("json");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, string_means_what_the_reference_reads, 0, ROWS(STRINGS));
    tcase_add_loop_test(tcase, malformed_document_is_a_syntax_error, 0, ROWS(MALFORMED));
    tcase_add_test(tcase, cut_document_is_a_syntax_error);
    tcase_add_test(tcase, key_folds_like_the_reference);
    tcase_add_test(tcase, duplicates_and_nulls_follow_the_rules);
    tcase_add_test(tcase, key_of_a_missing_feature_is_unknown);
    tcase_add_test(tcase, list_is_bounded_by_its_row);
    tcase_add_test(tcase, nesting_is_bounded_without_recursion);
    tcase_add_test(tcase, walk_gives_every_member_in_order);
    tcase_add_loop_test(tcase, text_is_written_like_the_reference, 0, ROWS(WRITTEN));
    tcase_add_test(tcase, failed_encode_appends_nothing);
    tcase_add_loop_test(tcase, base64_is_read_like_the_reference, 0, ROWS(BASE64));
    tcase_add_test(tcase, base64_round_trips);
    tcase_add_loop_test(tcase, time_is_read_like_the_reference, 0, ROWS(TIMES));
    tcase_add_loop_test(tcase, time_is_written_like_the_reference, 0, ROWS(WRITTEN_TIMES));
    tcase_add_test(tcase, every_day_round_trips);
    tcase_add_loop_test(tcase, values_agree_with_jansson, 0, 4);
    tcase_add_loop_test(tcase, damaged_documents_are_judged_as_by_jansson, 0, 4);
    tcase_add_test(tcase, jansson_reads_what_we_write);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
