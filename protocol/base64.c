#include "protocol/json.h"

#include "protocol/error.h"

#define NO 255 /* not of the alphabet */

static const uint8_t VALUES[128] = {
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, 62,
    NO, NO, NO, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, NO, NO, NO, NO, NO, NO, NO, 0,
    1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
    23, 24, 25, NO, NO, NO, NO, NO, NO, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38,
    39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, NO, NO, NO, NO, NO,
};

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int rp_base64_append(struct rp_buffer *text_out, struct rp_view bytes)
{
    uint8_t *out;
    int error = rp_buffer_extend(text_out, (bytes.length_bytes + 2) / 3 * 4, &out);
    if (error != RP_OK) {
        return error;
    }
    for (size_t at = 0; at < bytes.length_bytes; at += 3, out += 4) {
        size_t left = bytes.length_bytes - at;
        uint32_t group = (uint32_t)bytes.bytes[at] << 16;
        group |= left > 1 ? (uint32_t)bytes.bytes[at + 1] << 8 : 0;
        group |= left > 2 ? bytes.bytes[at + 2] : 0;
        out[0] = (uint8_t)ALPHABET[group >> 18];
        out[1] = (uint8_t)ALPHABET[group >> 12 & 63];
        out[2] = left > 1 ? (uint8_t)ALPHABET[group >> 6 & 63] : '=';
        out[3] = left > 2 ? (uint8_t)ALPHABET[group & 63] : '=';
    }
    return RP_OK;
}

static uint8_t value_of(uint8_t letter)
{
    return letter < 128 ? VALUES[letter] : NO;
}

struct base64_reader {
    const uint8_t *at;
    const uint8_t *end;
    uint8_t *out;
};

/* Whole groups of four letters, until something else comes: the bulk of any honest text. */
static void take_plain_groups(struct base64_reader *reader)
{
    while (reader->end - reader->at >= 4) {
        uint32_t a = value_of(reader->at[0]);
        uint32_t b = value_of(reader->at[1]);
        uint32_t c = value_of(reader->at[2]);
        uint32_t d = value_of(reader->at[3]);
        if ((a | b | c | d) > 63) {
            return;
        }
        uint32_t group = a << 18 | b << 12 | c << 6 | d;
        *reader->out++ = (uint8_t)(group >> 16);
        *reader->out++ = (uint8_t)(group >> 8);
        *reader->out++ = (uint8_t)group;
        reader->at += 4;
    }
}

/* The next letter that is no line break; false at the end. */
static bool take_letter(struct base64_reader *reader, uint8_t *letter_out)
{
    while (reader->at < reader->end) {
        *letter_out = *reader->at++;
        if (*letter_out != '\r' && *letter_out != '\n') {
            return true;
        }
    }
    return false;
}

/* After "xx" or "xxx": the padding to the full four, then nothing but line breaks. */
static bool take_padding(struct base64_reader *reader, unsigned letter_count)
{
    uint8_t letter;
    if (letter_count == 2 && (!take_letter(reader, &letter) || letter != '=')) {
        return false;
    }
    return !take_letter(reader, &letter);
}

/* One group with line breaks or padding in it. 0: the end of the text, 1: go on, -1: malformed. */
static int take_odd_group(struct base64_reader *reader)
{
    uint32_t group = 0;
    unsigned count = 0;
    uint8_t letter;
    bool is_padded = false;
    while (count < 4 && take_letter(reader, &letter)) {
        is_padded = letter == '=';
        if (is_padded) {
            break;
        }
        if (value_of(letter) == NO) {
            return -1;
        }
        group = group << 6 | value_of(letter);
        count += 1;
    }
    if (count == 0 && !is_padded) {
        return 0;
    }
    bool is_whole = count == 4;
    if (!is_whole && (!is_padded || count < 2 || !take_padding(reader, count))) {
        return -1;
    }
    group <<= 6 * (4 - count);
    for (unsigned i = 0; i + 1 < count; i++) {
        *reader->out++ = (uint8_t)(group >> (16 - 8 * i));
    }
    return is_whole ? 1 : 0;
}

int rp_base64_decode(struct rp_view text, struct rp_arena *arena, struct rp_view *bytes_out)
{
    /* wire.md 4.7: never more than three bytes for four letters. */
    uint8_t *bytes = rp_arena_allocate(arena, text.length_bytes / 4 * 3 + 3);
    if (bytes == NULL) {
        return RP_ERR_NOMEM;
    }
    /* The empty text may have no bytes to count from. */
    const uint8_t *end = text.length_bytes == 0 ? text.bytes : text.bytes + text.length_bytes;
    struct base64_reader reader = {text.bytes, end, bytes};
    int progress = 1;
    while (progress > 0) {
        take_plain_groups(&reader);
        progress = take_odd_group(&reader);
    }
    *bytes_out = rp_view_make(bytes, (size_t)(reader.out - bytes));
    return progress == 0 ? RP_OK : RP_ERR_BASE64;
}
