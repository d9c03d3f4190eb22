/* JSON of the wire (wire.md 4), in both directions, driven by tables.
 *
 * A `shape` says which key fills which member of a C struct; the same shape encodes the struct
 * again. A row looks like this, and there is one for each key, in the order of writing:
 *
 *     static const struct rp_json_field DELETE_FIELDS[] = {
 *         {RP_JSON_FIELD(struct delete_file, path, "path", RP_JSON_TEXT)},
 *         {RP_JSON_FIELD(struct delete_file, reason, "reason", RP_JSON_TEXT), .omit_zero = true},
 *     };
 *     static const struct rp_json_shape DELETE_SHAPE =
 *         RP_JSON_SHAPE(struct delete_file, DELETE_FIELDS);
 *
 * A command inside base64 (`{"type":8,"payload":"..."}`) is two calls: the envelope's payload is a
 * RP_JSON_BYTES member, whose view is the document of the second call.
 *
 * Reading is one pass without heap and without recursion beyond the shapes' own nesting. The whole
 * document is checked for syntax before a wrong kind is told. Leniencies are those of the reference:
 * unknown keys ignored, folded keys match, the last duplicate wins, null leaves a scalar alone. */
#ifndef REPLISIM_PROTOCOL_JSON_H
#define REPLISIM_PROTOCOL_JSON_H

#include "protocol/buffer.h"
#include "protocol/types.h"

/* wire.md 4.6. The zero time is 0001-01-01T00:00:00Z: unix_s = RP_TIME_ZERO_UNIX_S. */
#define RP_TIME_ZERO_UNIX_S (INT64_C(-62135596800))
struct rp_wall_time {
    int64_t unix_s;
    int32_t nsec;
    int32_t offset_s; /* zone, seconds east of UTC */
};

/* wire.md 4.5, 4.7: absent (JSON null) and empty are different. */
struct rp_bytes {
    struct rp_view view;
    bool is_present;
};

/* And the type of the member. */
enum rp_json_kind {
    RP_JSON_TEXT,   /* struct rp_view */
    RP_JSON_INT,    /* int64_t */
    RP_JSON_UINT,   /* uint64_t */
    RP_JSON_UINT8,  /* uint8_t */
    RP_JSON_BOOL,   /* bool */
    RP_JSON_BYTES,  /* struct rp_bytes: base64, or an array of 0..255 */
    RP_JSON_TIME,   /* struct rp_wall_time */
    RP_JSON_RAW,    /* struct rp_view: the value's own text, any kind */
    RP_JSON_OBJECT, /* a struct in place, see `shape` */
    RP_JSON_LIST    /* pointer to structs in the arena, see `shape` */
};

struct rp_json_shape;

struct rp_json_field {
    const char *prefix;    /* ,"key": as written */
    uint8_t prefix_length; /* four more than the key's */
    uint8_t kind;          /* enum rp_json_kind */
    bool omit_zero;        /* not written when empty, 0, false or absent; no matter for reading */
    uint32_t needs;        /* bits the caller must offer in `features`; else the key is unknown */
    uint32_t offset;       /* of the member */
    /* RP_JSON_LIST only: offsets of a size_t with the count and of a bool that is false for null,
     * and how many elements are believed (more is RP_ERR_TYPE; 0: as many as are there). */
    uint32_t count_offset;
    uint32_t present_offset;
    uint32_t item_count_max;
    const struct rp_json_shape *shape; /* RP_JSON_OBJECT and RP_JSON_LIST */
};

struct rp_json_shape {
    const struct rp_json_field *fields;
    size_t field_count;
    size_t struct_bytes;
};

#define RP_JSON_FIELD(type, member, key, kind_of)                                                  \
    .prefix = ",\"" key "\":", .prefix_length = sizeof(key) + 3, .kind = (kind_of),                \
    .offset = offsetof(type, member)
#define RP_JSON_LIST_FIELD(type, member, count_member, present_member, key)                        \
    RP_JSON_FIELD(type, member, key, RP_JSON_LIST),                                                \
        .count_offset = offsetof(type, count_member),                                              \
        .present_offset = offsetof(type, present_member)
#define RP_JSON_SHAPE(type, rows)                                                                  \
    {                                                                                              \
        .fields = (rows), .field_count = sizeof(rows) / sizeof((rows)[0]),                         \
        .struct_bytes = sizeof(type)                                                               \
    }

/* Fills `target`, a struct of the shape, from one document. The whole struct is zeroed first, its
 * times to the zero time. Views are borrowed from `json` where nothing had to be decoded, else
 * they live in `arena`. A document that is `null` gives the zero struct. On error the target's
 * contents are undefined.
 * Errors: RP_ERR_SYNTAX, RP_ERR_TYPE, RP_ERR_TIME, RP_ERR_BASE64, RP_ERR_NOMEM. */
RP_MUST_USE int rp_json_decode_object(const struct rp_json_shape *shape, uint32_t features,
                                      struct rp_view json, struct rp_arena *arena, void *target);

/* Appends the struct as one object, keys in table order, no spaces; a RAW member is written as it
 * is. Errors: RP_ERR_TOO_LARGE, RP_ERR_NOMEM, RP_ERR_UNENCODABLE; nothing appended then.
 * wire.md 4.5 */
RP_MUST_USE int rp_json_encode_object(const struct rp_json_shape *shape, uint32_t features,
                                      const void *source, struct rp_buffer *json_out);

/* ---- Walking a document whose keys are data (a map) or whose length is open (an array) -------- */

struct rp_json_walk {
    struct rp_view rest;
    bool is_object;
    bool is_first;
};

/* Checks the syntax of the whole document and stands before its first member or element; `null` is
 * an empty walk. Errors: RP_ERR_SYNTAX; RP_ERR_TYPE: neither object nor array. */
RP_MUST_USE int rp_json_walk_open(struct rp_json_walk *walk, struct rp_view json);
/* 1: `key_out` (empty in an array; decoded, in `arena` when it had escapes) and `value_out`, the raw
 * text of the value; 0: the end. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int rp_json_walk_next(struct rp_json_walk *walk, struct rp_arena *arena,
                                  struct rp_view *key_out, struct rp_view *value_out);

/* ---- Pieces ---------------------------------------------------------------------------------- */

/* Length of the well-formed UTF-8 sequence at `at`, which is before `end`; 0: malformed. */
size_t rp_utf8_length(const uint8_t *at, const uint8_t *end);

/* A quoted string with the reference's escapes. Errors: RP_ERR_TOO_LARGE, RP_ERR_NOMEM. */
RP_MUST_USE int rp_json_append_text(struct rp_buffer *json_out, struct rp_view text);
RP_MUST_USE int rp_json_append_uint(struct rp_buffer *json_out, uint64_t value);
RP_MUST_USE int rp_json_append_int(struct rp_buffer *json_out, int64_t value);

/* Padded standard base64, without quotes. Errors: RP_ERR_TOO_LARGE, RP_ERR_NOMEM. wire.md 4.7 */
RP_MUST_USE int rp_base64_append(struct rp_buffer *text_out, struct rp_view bytes);
/* CR and LF are skipped; unused bits of the last character are not looked at. The result lives in
 * `arena`. Errors: RP_ERR_BASE64, RP_ERR_NOMEM. */
RP_MUST_USE int rp_base64_decode(struct rp_view text, struct rp_arena *arena,
                                 struct rp_view *bytes_out);

/* RFC 3339 without quotes, of a time whose year is 0..9999 and whose zone is below 24 hours.
 * Errors: RP_ERR_UNENCODABLE, RP_ERR_TOO_LARGE, RP_ERR_NOMEM. wire.md 4.6 */
RP_MUST_USE int rp_wall_time_append(struct rp_buffer *text_out, struct rp_wall_time time);
/* Errors: RP_ERR_TIME. wire.md 4.6 */
RP_MUST_USE int rp_wall_time_parse(struct rp_view text, struct rp_wall_time *time_out);

#endif
