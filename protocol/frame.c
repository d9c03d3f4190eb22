#include "protocol/frame.h"

#include "protocol/error.h"
#include "protocol/limits.h"

#define LENGTH_PREFIX_BYTES 4u
/* What an idle reader keeps: most frames are below, and thousands of connections may be idle. */
#define KEPT_BYTES_MAX 4096u

void rp_frame_reader_init(struct rp_frame_reader *reader, const struct rp_alloc *alloc)
{
    rp_buffer_init(&reader->gathered, alloc, LENGTH_PREFIX_BYTES + RP_FRAME_LENGTH_MAX);
    reader->error = RP_FRAME_OK;
}

void rp_frame_reader_clear(struct rp_frame_reader *reader)
{
    rp_buffer_clear(&reader->gathered);
}

static size_t get_length(const uint8_t *prefix)
{
    return (size_t)prefix[0] << 24 | (size_t)prefix[1] << 16 | (size_t)prefix[2] << 8 | prefix[3];
}

/* wire.md 1.2, steps 1 and 2. */
static enum rp_frame_error judge_length(size_t length)
{
    if (length == 0) {
        return RP_FRAME_ZERO_LENGTH;
    }
    return length > RP_FRAME_LENGTH_MAX ? RP_FRAME_TOO_LARGE : RP_FRAME_OK;
}

static struct rp_frame frame_of(const uint8_t *prefix)
{
    const uint8_t *type = prefix + LENGTH_PREFIX_BYTES;
    struct rp_frame frame = {.type = *type,
                             .payload = rp_view_make(type + 1, get_length(prefix) - 1)};
    return frame;
}

static void advance(struct rp_view *input, size_t length_bytes)
{
    *input = rp_view_make(input->bytes + length_bytes, input->length_bytes - length_bytes);
}

/* True when the frame gathered last has been given out. */
static bool is_given_out(const struct rp_buffer *gathered)
{
    return gathered->length_bytes > LENGTH_PREFIX_BYTES &&
           gathered->length_bytes == LENGTH_PREFIX_BYTES + get_length(gathered->bytes);
}

static void forget(struct rp_buffer *gathered)
{
    if (gathered->capacity_bytes > KEPT_BYTES_MAX) {
        rp_buffer_clear(gathered);
    } else {
        rp_buffer_reset(gathered);
    }
}

/* Moves bytes of the input into the reader until it holds `wanted_bytes` or the input is used up. */
static int gather(struct rp_buffer *gathered, struct rp_view *input, size_t wanted_bytes)
{
    size_t missing_bytes = wanted_bytes - gathered->length_bytes;
    size_t taken_bytes = missing_bytes < input->length_bytes ? missing_bytes : input->length_bytes;
    if (taken_bytes == 0) {
        return RP_OK;
    }
    int error = rp_buffer_append(gathered, rp_view_make(input->bytes, taken_bytes));
    if (error == RP_OK) {
        advance(input, taken_bytes);
    }
    return error;
}

static enum rp_frame_progress fail(struct rp_frame_reader *reader, enum rp_frame_error error)
{
    reader->error = error;
    return RP_FRAME_FAILED;
}

/* The frame begins in this input and nothing of it is gathered: lend it, if all of it is here. */
static enum rp_frame_progress lend(struct rp_frame_reader *reader, struct rp_view *input,
                                   struct rp_frame *frame_out)
{
    if (input->length_bytes < LENGTH_PREFIX_BYTES) {
        return RP_FRAME_NEED_MORE;
    }
    size_t length = get_length(input->bytes);
    enum rp_frame_error error = judge_length(length);
    if (error != RP_FRAME_OK) {
        advance(input, LENGTH_PREFIX_BYTES);
        return fail(reader, error);
    }
    if (input->length_bytes - LENGTH_PREFIX_BYTES < length) {
        return RP_FRAME_NEED_MORE;
    }
    *frame_out = frame_of(input->bytes);
    advance(input, LENGTH_PREFIX_BYTES + length);
    return RP_FRAME_READY;
}

static enum rp_frame_progress gather_frame(struct rp_frame_reader *reader, struct rp_view *input,
                                           struct rp_frame *frame_out, bool *is_out_of_memory_out)
{
    struct rp_buffer *gathered = &reader->gathered;
    if (gathered->length_bytes < LENGTH_PREFIX_BYTES &&
        gather(gathered, input, LENGTH_PREFIX_BYTES) != RP_OK) {
        *is_out_of_memory_out = true;
        return RP_FRAME_FAILED;
    }
    if (gathered->length_bytes < LENGTH_PREFIX_BYTES) {
        return RP_FRAME_NEED_MORE;
    }
    size_t length = get_length(gathered->bytes);
    enum rp_frame_error error = judge_length(length);
    if (error != RP_FRAME_OK) {
        return fail(reader, error);
    }
    if (gather(gathered, input, LENGTH_PREFIX_BYTES + length) != RP_OK) {
        *is_out_of_memory_out = true;
        return RP_FRAME_FAILED;
    }
    if (gathered->length_bytes < LENGTH_PREFIX_BYTES + length) {
        return RP_FRAME_NEED_MORE;
    }
    *frame_out = frame_of(gathered->bytes);
    return RP_FRAME_READY;
}

enum rp_frame_progress rp_frame_reader_take(struct rp_frame_reader *reader, struct rp_view *input,
                                            struct rp_frame *frame_out, bool *is_out_of_memory_out)
{
    *is_out_of_memory_out = false;
    if (reader->error != RP_FRAME_OK) {
        return RP_FRAME_FAILED;
    }
    if (is_given_out(&reader->gathered)) {
        forget(&reader->gathered);
    }
    if (reader->gathered.length_bytes == 0) {
        enum rp_frame_progress progress = lend(reader, input, frame_out);
        if (progress != RP_FRAME_NEED_MORE) {
            return progress;
        }
    }
    return gather_frame(reader, input, frame_out, is_out_of_memory_out);
}

enum rp_frame_error rp_frame_reader_at_end(const struct rp_frame_reader *reader)
{
    size_t length_bytes = reader->gathered.length_bytes;
    if (reader->error != RP_FRAME_OK) {
        return reader->error;
    }
    if (length_bytes < LENGTH_PREFIX_BYTES || is_given_out(&reader->gathered)) {
        return RP_FRAME_EOF_LENGTH;
    }
    return length_bytes == LENGTH_PREFIX_BYTES ? RP_FRAME_EOF_TYPE : RP_FRAME_EOF_PAYLOAD;
}
