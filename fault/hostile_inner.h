/* What the two files of the hostile decorator share; nobody else includes it. */
#ifndef REPLISIM_FAULT_HOSTILE_INNER_H
#define REPLISIM_FAULT_HOSTILE_INNER_H

#include "fault/hostile.h"
#include "protocol/buffer.h"
#include "protocol/message.h"

/* What becomes of the connection once the ack went by. */
enum hostile_answer {
    HOSTILE_ANSWER_HONEST,  /* nothing was changed and nothing will be */
    HOSTILE_ANSWER_BODY,    /* the ack is out; the body is next */
    HOSTILE_ANSWER_SWALLOW, /* no body; the node closes when it is through */
    HOSTILE_ANSWER_CLOSE,   /* no body, closed at once */
    HOSTILE_ANSWER_RESET,
    HOSTILE_ANSWER_HOLD /* nothing at all, and never closed */
};

/* The misdeed of one fetch. */
struct hostile_misdeed {
    enum fault_hostile_kind kind;
    bool has_place;
    uint64_t place;       /* it begins after so many bytes of the body */
    int64_t asked_offset; /* of the request */
    uint64_t tail_bytes;  /* that the honest ack announces */
    uint64_t key;         /* of forged bytes */
};

/* What is sent in place of the node's ack `frame` goes to `frame_out` (empty: nothing is sent). Sets
 * place, tail_bytes and key. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int hostile_answer(const struct fault_hostile_params *params,
                               struct hostile_misdeed *misdeed, struct rp_view frame,
                               struct rp_buffer *frame_out, enum hostile_answer *answer_out);
/* Bytes of the forged body from `offset` on. */
void hostile_forge(const struct hostile_misdeed *misdeed, uint64_t offset, uint8_t *bytes,
                   size_t length_bytes);

#endif
