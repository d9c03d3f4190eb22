/* Framing (wire.md 1): bytes in any pieces give the frames, the error and the rest that the whole
 * gives, by a second reading of the rules here; and memory follows what has arrived. */
#include "protocol/frame.h"

#include "protocol/limits.h"
#include "tests/fuzz/input.h"

#define PREFIX_BYTES 4

/* The rules once more, over all bytes at once. */
struct model {
    struct rp_view rest;
    enum rp_frame_error error;
    bool is_stopped;
    uint8_t type;
    struct rp_view payload;
};

static void model_next(struct model *model)
{
    const uint8_t *at = model->rest.bytes;
    size_t have = model->rest.length_bytes;
    model->is_stopped = true;
    if (have < PREFIX_BYTES) {
        model->error = RP_FRAME_EOF_LENGTH;
        return;
    }
    size_t length = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
    if (length == 0 || length > RP_FRAME_LENGTH_MAX) {
        model->error = length == 0 ? RP_FRAME_ZERO_LENGTH : RP_FRAME_TOO_LARGE;
        return;
    }
    if (have < PREFIX_BYTES + length) {
        model->error = have == PREFIX_BYTES ? RP_FRAME_EOF_TYPE : RP_FRAME_EOF_PAYLOAD;
        return;
    }
    model->is_stopped = false;
    model->type = at[PREFIX_BYTES];
    model->payload = rp_view_make(at + PREFIX_BYTES + 1, length - 1);
    model->rest = rp_view_make(at + PREFIX_BYTES + length, have - PREFIX_BYTES - length);
}

static void check_frame(struct model *model, const struct rp_frame *frame)
{
    model_next(model);
    RP_ASSERT(!model->is_stopped);
    RP_ASSERT(frame->type == model->type);
    RP_ASSERT(rp_view_equal(frame->payload, model->payload));
}

/* Gives one piece, takes all frames that it completes. False: the reader has failed. */
static bool give_piece(struct rp_frame_reader *reader, struct fuzz_memory *memory,
                       struct rp_view piece, struct model *model)
{
    struct rp_chunk chunk = fuzz_chunk(memory, piece);
    struct rp_view input = rp_chunk_view(chunk);
    enum rp_frame_progress progress = RP_FRAME_READY;
    while (progress == RP_FRAME_READY) {
        struct rp_frame frame;
        bool is_out_of_memory = false;
        size_t before = input.length_bytes;
        progress = rp_frame_reader_take(reader, &input, &frame, &is_out_of_memory);
        RP_ASSERT(!is_out_of_memory);
        RP_ASSERT(input.length_bytes <= before);
        if (progress == RP_FRAME_READY) {
            check_frame(model, &frame);
        } else if (progress == RP_FRAME_NEED_MORE) {
            RP_ASSERT(input.length_bytes == 0);
        }
    }
    rp_block_release(chunk.block);
    return progress == RP_FRAME_NEED_MORE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input_of(data, size);
    size_t piece_bytes = fuzz_byte(&input); /* 0: in one piece; else around that many */
    bool is_even = fuzz_flag(&input);
    struct rp_view bytes = fuzz_rest(&input);
    struct fuzz_memory memory;
    struct rp_frame_reader reader;
    fuzz_memory_init(&memory);
    rp_frame_reader_init(&reader, &memory.alloc);
    struct model model = {.rest = bytes};
    bool is_alive = true;
    size_t at = 0;
    while (at < bytes.length_bytes && is_alive) {
        size_t length = piece_bytes == 0 ? bytes.length_bytes : piece_bytes;
        /* Uneven pieces follow from the bytes at hand. */
        length = is_even || piece_bytes == 0 ? length : 1 + bytes.bytes[at] % length;
        length = length < bytes.length_bytes - at ? length : bytes.length_bytes - at;
        is_alive = give_piece(&reader, &memory, rp_view_make(bytes.bytes + at, length), &model);
        at += length;
        RP_ASSERT(reader.gathered.capacity_bytes <= 2 * at + 1024);
    }
    model_next(&model);
    RP_ASSERT(model.is_stopped);
    RP_ASSERT(rp_frame_reader_at_end(&reader) == model.error);
    RP_ASSERT(is_alive ==
              (model.error != RP_FRAME_ZERO_LENGTH && model.error != RP_FRAME_TOO_LARGE));
    rp_frame_reader_clear(&reader);
    fuzz_memory_check(&memory);
    return 0;
}
