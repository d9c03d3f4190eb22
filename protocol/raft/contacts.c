#include "protocol/raft/contacts.h"

void rp_contacts_clear(struct rp_contacts *contacts)
{
    rp_release(contacts->alloc, contacts->rows);
    contacts->rows = NULL;
    contacts->count = 0;
    contacts->capacity = 0;
}

static size_t place_of(const struct rp_contacts *contacts, uint64_t raft_id)
{
    size_t low = 0;
    size_t high = contacts->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (contacts->rows[middle].raft_id < raft_id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct rp_contact *rp_contacts_find(const struct rp_contacts *contacts, uint64_t raft_id)
{
    size_t place = place_of(contacts, raft_id);
    return place < contacts->count && contacts->rows[place].raft_id == raft_id
               ? &contacts->rows[place]
               : NULL;
}

static bool has_room(struct rp_contacts *contacts)
{
    if (contacts->count < contacts->capacity) {
        return true;
    }
    size_t capacity = contacts->capacity == 0 ? 8 : 2 * contacts->capacity;
    struct rp_contact *rows = rp_resize(contacts->alloc, contacts->rows, capacity * sizeof *rows);
    if (rows == NULL) {
        return false;
    }
    contacts->rows = rows;
    contacts->capacity = capacity;
    return true;
}

struct rp_contact *rp_contacts_obtain(struct rp_contacts *contacts, uint64_t raft_id)
{
    struct rp_contact *found = rp_contacts_find(contacts, raft_id);
    if (found != NULL || !has_room(contacts)) {
        return found;
    }
    size_t place = place_of(contacts, raft_id);
    memmove(contacts->rows + place + 1, contacts->rows + place,
            (contacts->count - place) * sizeof *contacts->rows);
    contacts->count += 1;
    contacts->rows[place] = (struct rp_contact){
        .raft_id = raft_id,
        .heard_ns = RP_TIME_NEVER,
        .admitted_ns = RP_TIME_NEVER,
        .departed_ns = RP_TIME_NEVER,
    };
    return &contacts->rows[place];
}

void rp_contacts_trim(struct rp_contacts *contacts,
                      bool (*is_kept)(void *context, uint64_t raft_id), void *context)
{
    size_t kept = 0;
    for (size_t row = 0; row < contacts->count; row += 1) {
        if (is_kept(context, contacts->rows[row].raft_id)) {
            contacts->rows[kept] = contacts->rows[row];
            kept += 1;
        }
    }
    contacts->count = kept;
}

rp_time_ns rp_contact_silent_since(const struct rp_contact *contact, rp_time_ns floor_ns)
{
    rp_time_ns since_ns = floor_ns;
    if (contact != NULL && contact->heard_ns != RP_TIME_NEVER && contact->heard_ns > since_ns) {
        since_ns = contact->heard_ns;
    }
    if (contact != NULL && contact->admitted_ns != RP_TIME_NEVER &&
        contact->admitted_ns > since_ns) {
        since_ns = contact->admitted_ns;
    }
    return since_ns;
}

bool rp_contact_has_departed(const struct rp_contact *contact, rp_time_ns settling_ns)
{
    if (contact == NULL || contact->departed_ns == RP_TIME_NEVER) {
        return false;
    }
    return contact->heard_ns == RP_TIME_NEVER ||
           contact->heard_ns < contact->departed_ns + settling_ns;
}
