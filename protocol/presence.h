/* Which files are here, by content: a verdict per path, kept for as long as the object in the store
 * is still the one that was hashed (design.md, trait presence).
 *
 * Pure bookkeeping; the node makes the store calls. To answer the puller's DO_CHECK, and for start-up
 * scan and scrub, the node calls store.stat, then rp_presence_judge; on HASH_NEEDED it reads the
 * object through a reader opened BEFORE a second stat of the same identity, size and mtime, hashes
 * it, and calls rp_presence_hashed. After a publish (the fetch client hashed every byte) and after
 * an own flush it stats and calls rp_presence_verified. From file removal: rp_presence_forget.
 *
 * Compact: one slot of 24 bytes a file; the texts are the manifest entry's, shared. */
#ifndef REPLISIM_PROTOCOL_PRESENCE_H
#define REPLISIM_PROTOCOL_PRESENCE_H

#include "protocol/command.h"
#include "protocol/ports.h"
#include "protocol/release.h"
#include "protocol/types.h"

struct rp_presence;

enum rp_presence_verdict {
    RP_PRESENCE_ABSENT,
    RP_PRESENCE_PRESENT,
    RP_PRESENCE_HASH_NEEDED, /* RP_PRESENT_VERIFIED only: there, of the right size, not yet hashed */
    RP_PRESENCE_DAMAGED      /* right size, wrong bytes */
};

/* Errors: RP_ERR_NOMEM. */
RP_MUST_USE int rp_presence_new(const struct rp_traits *traits, const struct rp_alloc *alloc,
                                struct rp_presence **presence_out);
void rp_presence_free(struct rp_presence *presence);

/* Is this version here, as far as a stat can tell? An object that is absent or of another size
 * loses its verdict. Releases before `current` never need a hash: any object (RP_PRESENT_EXISTS), or
 * one of the same size (RP_PRESENT_SAME_SIZE). */
enum rp_presence_verdict rp_presence_judge(struct rp_presence *presence,
                                           const struct rp_file_entry *entry,
                                           const struct rp_store_stat *stat);

/* The object of `stat` was read to its end and hashed: PRESENT (remembered) or DAMAGED (forgotten).
 * Out of memory only costs a hash the next time. */
enum rp_presence_verdict rp_presence_hashed(struct rp_presence *presence,
                                            const struct rp_file_entry *entry,
                                            const struct rp_store_stat *stat,
                                            struct rp_view sha256_hex);

/* As hashed with the entry's own hash: every byte of it was hashed on its way in. */
void rp_presence_verified(struct rp_presence *presence, const struct rp_file_entry *entry,
                          const struct rp_store_stat *stat);

/* The path has no verdict any more (removed, replaced, doubted). */
void rp_presence_forget(struct rp_presence *presence, struct rp_view path);

/* Has this very version (hash and size) been verified here, and not been forgotten since? For
 * rescans: what is not held is announced again; DO_CHECK then looks closer. No store call. */
bool rp_presence_holds(const struct rp_presence *presence, const struct rp_file_entry *entry);

size_t rp_presence_count(const struct rp_presence *presence);

#endif
