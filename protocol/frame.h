/* Framing (wire.md 1): a reader that takes bytes in any pieces and gives whole frames.
 *
 * The reader keeps at most one frame. A frame that arrives whole in one chunk is lent in place; only
 * one that arrives in pieces is gathered, in memory bounded by what has arrived (never sized by the
 * length prefix alone). Bytes after a frame stay with the caller: a body may follow an ack. */
#ifndef REPLISIM_PROTOCOL_FRAME_H
#define REPLISIM_PROTOCOL_FRAME_H

#include "protocol/buffer.h"
#include "protocol/types.h"

enum rp_frame_error { /* wire.md 1.2, in order */
                      RP_FRAME_OK,
                      RP_FRAME_EOF_LENGTH,
                      RP_FRAME_ZERO_LENGTH,
                      RP_FRAME_TOO_LARGE,
                      RP_FRAME_EOF_TYPE,
                      RP_FRAME_EOF_PAYLOAD
};

struct rp_frame_reader {
    struct rp_buffer gathered;
    enum rp_frame_error error; /* sticky */
};

struct rp_frame {
    uint8_t type;
    struct rp_view payload; /* borrowed: from the input or the reader, until the next call */
};

enum rp_frame_progress { RP_FRAME_NEED_MORE, RP_FRAME_READY, RP_FRAME_FAILED };

void rp_frame_reader_init(struct rp_frame_reader *reader, const struct rp_alloc *alloc);
void rp_frame_reader_clear(struct rp_frame_reader *reader);

/* Takes from the front of `input` and moves it on; after READY `input` begins at the byte after the
 * frame. FAILED: `reader->error` tells (RP_FRAME_ZERO_LENGTH, RP_FRAME_TOO_LARGE), or
 * out_of_memory is set. */
RP_MUST_USE enum rp_frame_progress rp_frame_reader_take(struct rp_frame_reader *reader,
                                                        struct rp_view *input,
                                                        struct rp_frame *frame_out,
                                                        bool *is_out_of_memory_out);
/* Which error an end of stream at this point is. */
enum rp_frame_error rp_frame_reader_at_end(const struct rp_frame_reader *reader);

#endif
