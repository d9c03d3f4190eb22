/* A small fixed 128-bit mixing hash, for digests of states and for finding things in the entry pool.
 *
 * Not cryptographic: whoever needs to be sure compares in full. The same bytes give the same digest
 * on every machine, so digests may be compared between nodes and between runs. */
#ifndef REPLISIM_PROTOCOL_DIGEST_H
#define REPLISIM_PROTOCOL_DIGEST_H

#include "protocol/types.h"

struct rp_mixer {
    uint64_t low, high;
};

void rp_mixer_begin(struct rp_mixer *mixer);
void rp_mixer_number(struct rp_mixer *mixer, uint64_t number);
/* Length and bytes, so that neighbouring fields cannot run into one another. */
void rp_mixer_view(struct rp_mixer *mixer, struct rp_view view);
/* The final value of both lanes; the mixer must not be used on without a new begin. */
void rp_mixer_finish(struct rp_mixer *mixer);

#endif
