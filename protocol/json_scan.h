/* Characters, strings and numbers of JSON: what the reader in json_read.c is made of. Not for other
 * modules. wire.md 4.1, 4.4 */
#ifndef REPLISIM_PROTOCOL_JSON_SCAN_H
#define REPLISIM_PROTOCOL_JSON_SCAN_H

#include "protocol/error.h"
#include "protocol/json.h"
#include "protocol/limits.h"

/* A string as it stands between its quotes. */
struct rp_json_scanned {
    struct rp_view raw;
    bool has_escape;
    bool has_high; /* bytes of 0x80 and above: UTF-8, or not */
};

/* Functions below return 0 or what ends the reading at once: RP_ERR_SYNTAX, RP_ERR_NOMEM. What is
 * wrong with a well-formed value waits in `value_error` until the document's last byte was seen
 * (wire.md 4.1). */
struct rp_json_reader {
    const uint8_t *at;
    const uint8_t *end;
    size_t depth;
    int value_error;
    uint32_t features;
    struct rp_arena *arena;
};

static inline void rp_json_skip_space(struct rp_json_reader *reader)
{
    while (reader->at < reader->end) {
        uint8_t byte = *reader->at;
        if (byte != ' ' && byte != '\t' && byte != '\n' && byte != '\r') {
            return;
        }
        reader->at += 1;
    }
}

/* The byte at hand, 0 at the end: no value and no punctuation of JSON begins with 0. */
static inline uint8_t rp_json_peek(const struct rp_json_reader *reader)
{
    return reader->at < reader->end ? *reader->at : 0;
}

static inline bool rp_json_take(struct rp_json_reader *reader, uint8_t byte)
{
    rp_json_skip_space(reader);
    if (rp_json_peek(reader) != byte) {
        return false;
    }
    reader->at += 1;
    return true;
}

static inline int rp_json_enter(struct rp_json_reader *reader)
{
    reader->at += 1;
    reader->depth += 1;
    return reader->depth > RP_JSON_DEPTH_MAX ? RP_ERR_SYNTAX : RP_OK;
}

static inline bool rp_json_is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* At the opening quote; stands after the closing one. Errors: RP_ERR_SYNTAX. */
int rp_json_scan_string(struct rp_json_reader *reader, struct rp_json_scanned *out);
/* A key and its colon. Errors: RP_ERR_SYNTAX. */
int rp_json_scan_key(struct rp_json_reader *reader, struct rp_json_scanned *key_out);
/* Errors: RP_ERR_SYNTAX. */
int rp_json_scan_number(struct rp_json_reader *reader, struct rp_view *raw_out);
/* Exactly this word. Errors: RP_ERR_SYNTAX. */
int rp_json_scan_literal(struct rp_json_reader *reader, const char *literal);
/* Any value, to any depth up to the limit, without recursion. Errors: RP_ERR_SYNTAX. */
int rp_json_skip_value(struct rp_json_reader *reader);

/* Resolves escapes and bad bytes. `out` has room for the raw bytes and two more for each of them
 * that is not ASCII. Returns the length. */
size_t rp_json_unescape(struct rp_view raw, uint8_t *out);
/* Borrowed from the document when it stands there as it is meant, else in `arena`.
 * Errors: RP_ERR_NOMEM. */
int rp_json_decode_text(struct rp_arena *arena, const struct rp_json_scanned *text,
                        struct rp_view *out);

#endif
