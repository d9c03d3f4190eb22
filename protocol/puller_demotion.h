/* Which peers sent wrong bytes for which path (design.md): they are asked last for that path until
 * it is pulled. Private to the puller; bounded, the oldest are forgotten first. */
#ifndef REPLISIM_PROTOCOL_PULLER_DEMOTION_H
#define REPLISIM_PROTOCOL_PULLER_DEMOTION_H

#include "protocol/puller.h"
#include "protocol/table.h"

#define RP_DEMOTION_PATH_MAX 4096
#define RP_DEMOTION_PEER_MAX 16

struct rp_demotions {
    const struct rp_alloc *alloc; /* borrowed */
    struct rp_table paths;        /* path -> owned record */
};

void rp_demotions_init(struct rp_demotions *demotions, const struct rp_alloc *alloc);
void rp_demotions_clear(struct rp_demotions *demotions);

/* The peer goes to the very end for this path. A lack of memory leaves it where it was. */
void rp_demotions_add(struct rp_demotions *demotions, struct rp_view path,
                      const struct rp_pull_candidate *peer);
void rp_demotions_forget(struct rp_demotions *demotions, struct rp_view path);

/* Moves demoted peers behind the others, the one demoted first before those demoted later; the
 * order among the others stays. */
void rp_demotions_order(const struct rp_demotions *demotions, struct rp_view path,
                        struct rp_pull_candidate *candidates, size_t count);

#endif
