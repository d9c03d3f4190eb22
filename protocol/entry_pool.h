/* Shared decoding (design.md, ports): a content-addressed pool of decoded commands and of manifest
 * states, lent to every node of a world (or process) at birth.
 *
 * A command is decoded once, whoever applies it first; nodes that apply the same command at the same
 * index to the same manifest state get the very same next state (manifest.h), so all nodes of a
 * big cluster hold one tree. Keyed by index, term and bytes (compared in full, a
 * hash only finds them). Results that nobody refers to any more are dropped, oldest first, beyond a
 * fixed number. Single-threaded. No behaviour depends on whether something was found here. */
#ifndef REPLISIM_PROTOCOL_ENTRY_POOL_H
#define REPLISIM_PROTOCOL_ENTRY_POOL_H

#include "protocol/types.h"

struct rp_entry_pool;

RP_MUST_USE int rp_entry_pool_new(const struct rp_alloc *alloc, struct rp_entry_pool **pool_out);
void rp_entry_pool_free(struct rp_entry_pool *pool); /* after the last node */

#endif
