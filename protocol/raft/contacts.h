/* What one process life of a leader knows of the members it hears from: who spoke when, who was
 * admitted, who said goodbye. A small table sorted by raft id; members.c decides by it. */
#ifndef REPLISIM_PROTOCOL_RAFT_CONTACTS_H
#define REPLISIM_PROTOCOL_RAFT_CONTACTS_H

#include "protocol/types.h"

struct rp_contact {
    uint64_t raft_id;
    rp_time_ns heard_ns;    /* RP_TIME_NEVER: not yet */
    rp_time_ns admitted_ns; /* RP_TIME_NEVER: not by us */
    rp_time_ns pause_until_ns;
    rp_time_ns departed_ns; /* RP_TIME_NEVER: not */
};

struct rp_contacts {
    const struct rp_alloc *alloc;
    struct rp_contact *rows;
    size_t count, capacity;
};

void rp_contacts_clear(struct rp_contacts *contacts); /* frees */
/* NULL: unknown. Borrowed until the next obtain or trim. */
struct rp_contact *rp_contacts_find(const struct rp_contacts *contacts, uint64_t raft_id);
/* As find, made when absent. NULL: no memory. */
struct rp_contact *rp_contacts_obtain(struct rp_contacts *contacts, uint64_t raft_id);
/* Forgets those for which `is_kept` says no. */
void rp_contacts_trim(struct rp_contacts *contacts,
                      bool (*is_kept)(void *context, uint64_t raft_id), void *context);

/* The last sign of life, counted from `floor_ns` at the earliest. NULL is nobody heard of. */
rp_time_ns rp_contact_silent_since(const struct rp_contact *contact, rp_time_ns floor_ns);
/* It said that it stops and was not heard from well after that: its last words may still arrive, so
 * a message within `settling_ns` of the notice proves nothing. */
bool rp_contact_has_departed(const struct rp_contact *contact, rp_time_ns settling_ns);

#endif
