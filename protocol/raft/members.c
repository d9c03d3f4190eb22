#include <stdio.h>

#include "protocol/error.h"
#include "protocol/limits.h"
#include "protocol/panic.h"
#include "protocol/raft/members_inner.h"

#define POLICY_INTERVAL_NS RP_NS_PER_S
#define STANDBY_SILENCE_NS (60 * RP_NS_PER_S)
#define ADMITTED_GRACE_NS  (2 * RP_JOIN_MEMBER_TIMEOUT_NS)
#define PROMOTION_PAUSE_NS (5 * RP_NS_PER_S)
#define CONFIGURED_BYTES   (ADDRESS_BYTES_MAX + 20)

/* ---- Small helpers --------------------------------------------------------------------------- */

rp_time_ns members_now(const struct rp_members *members)
{
    return members->clock.now_ns(members->clock.state);
}

bool members_lead(const struct rp_members *members)
{
    return members->raft->state == RAFT_LEADER;
}

static void run_at(struct rp_members *members, rp_time_ns at_ns)
{
    if (!members->is_stopped) {
        members->clock.arm(members->clock.state, &members->timer, at_ns);
    }
}

void members_run_soon(struct rp_members *members)
{
    run_at(members, members_now(members));
}

void members_finish(struct rp_members *members, struct rp_consensus_request *request, int error)
{
    members->host.finish(members->host.context, request, error);
}

static const struct raft_server *server_of(const struct rp_members *members, uint64_t raft_id)
{
    const struct raft_configuration *configuration = &members->raft->configuration;
    for (unsigned i = 0; i < configuration->n; i++) {
        if (configuration->servers[i].id == raft_id) {
            return &configuration->servers[i];
        }
    }
    return NULL;
}

/* ---- Contacts -------------------------------------------------------------------------------- */

static bool is_configured(void *context, uint64_t raft_id)
{
    return server_of(context, raft_id) != NULL;
}

/* NULL: no memory; the member then counts as silent, which is safe. */
static struct rp_contact *contact_obtain(struct rp_members *members, uint64_t raft_id)
{
    /* Whoever left the configuration is forgotten; such ids would pile up over a life of rotations. */
    if (members->contacts.count >= 64 &&
        members->contacts.count >= 2 * (size_t)members->raft->configuration.n) {
        rp_contacts_trim(&members->contacts, is_configured, members);
    }
    return rp_contacts_obtain(&members->contacts, raft_id);
}

void rp_members_heard(struct rp_members *members, uint64_t raft_id)
{
    struct rp_contact *contact = contact_obtain(members, raft_id);
    if (contact != NULL) {
        contact->heard_ns = members_now(members);
    }
}

void rp_members_departed(struct rp_members *members, uint64_t raft_id)
{
    struct rp_contact *contact = contact_obtain(members, raft_id);
    if (contact != NULL) {
        contact->departed_ns = members_now(members);
        members_run_soon(members);
    }
}

void rp_members_returned(struct rp_members *members, uint64_t raft_id)
{
    struct rp_contact *contact = rp_contacts_find(&members->contacts, raft_id);
    if (contact != NULL) {
        contact->departed_ns = RP_TIME_NEVER;
    }
}

rp_time_ns rp_members_last_heard(const struct rp_members *members, uint64_t raft_id)
{
    const struct rp_contact *contact = rp_contacts_find(&members->contacts, raft_id);
    return contact == NULL ? RP_TIME_NEVER : contact->heard_ns;
}

/* A follower hears of nobody but its leader, so nobody was silent before our leadership began. */
static rp_time_ns silence_of(const struct rp_members *members, uint64_t raft_id)
{
    const struct rp_contact *contact = rp_contacts_find(&members->contacts, raft_id);
    return members_now(members) - rp_contact_silent_since(contact, members->leader_since_ns);
}

bool members_is_reachable(const struct rp_members *members, uint64_t raft_id)
{
    const struct rp_contact *contact = rp_contacts_find(&members->contacts, raft_id);
    return raft_id == members->raft->id ||
           (silence_of(members, raft_id) < 2 * members->election_timeout_ns &&
            !rp_contact_has_departed(contact, members->election_timeout_ns));
}

/* ---- Changes --------------------------------------------------------------------------------- */

static void on_changed(struct raft_change *change, int status)
{
    struct rp_members *members = change->data;
    members->is_changing = false;
    if (status != 0 && members->is_change_promotion) {
        struct rp_contact *contact = rp_contacts_find(&members->contacts, members->change_id);
        if (contact != NULL) { /* too slow: let another one try first */
            contact->pause_until_ns = members_now(members) + PROMOTION_PAUSE_NS;
        }
    }
    members_run_soon(members);
}

/* The library took the change, or says why not. */
static bool changed(struct rp_members *members, int status, uint64_t raft_id, bool is_promotion)
{
    members->is_changing = status == 0;
    members->change_id = raft_id;
    members->is_change_promotion = is_promotion;
    return status == 0;
}

static bool add(struct rp_members *members, uint64_t raft_id, const char *address)
{
    char configured[CONFIGURED_BYTES];
    snprintf(configured, sizeof configured, "%s#%016llx", address, (unsigned long long)raft_id);
    members->change.data = members;
    int status = raft_add(members->raft, &members->change, raft_id, configured, on_changed);
    return changed(members, status, raft_id, false);
}

static bool assign(struct rp_members *members, uint64_t raft_id, int role)
{
    members->change.data = members;
    int status = raft_assign(members->raft, &members->change, raft_id, role, on_changed);
    return changed(members, status, raft_id, role == RAFT_VOTER);
}

static bool remove_member(struct rp_members *members, uint64_t raft_id)
{
    members->change.data = members;
    int status = raft_remove(members->raft, &members->change, raft_id, on_changed);
    return changed(members, status, raft_id, false);
}

/* ---- Who is who ------------------------------------------------------------------------------ */

struct tally {
    unsigned voters, reachable_voters;
    unsigned spare_parts; /* reachable standbys that the node table knows */
};

struct description {
    bool is_known;
    unsigned role_order; /* writers, compactors, readers, others */
    uint64_t born_index;
};

static unsigned role_order_of(struct rp_view role)
{
    static const char *const ORDER[] = {"writer", "compactor", "reader"};
    unsigned order = 0;
    while (order < 3 && !rp_view_equal(role, rp_view_text(ORDER[order]))) {
        order += 1;
    }
    return order;
}

static bool describe(const struct rp_members *members, uint64_t raft_id,
                     struct rp_member *member_out, uint64_t *born_index_out)
{
    const struct rp_consensus_events *events = members->host.events(members->host.context);
    *member_out = (struct rp_member){.raft_id = raft_id};
    *born_index_out = 0;
    return events->describe_member != NULL &&
           events->describe_member(events->context, raft_id, member_out, born_index_out);
}

static struct description description_of(const struct rp_members *members, uint64_t raft_id)
{
    struct rp_member member;
    struct description description = {0};
    description.is_known = describe(members, raft_id, &member, &description.born_index);
    description.role_order = role_order_of(member.role);
    return description;
}

static bool comes_before(const struct description *left, uint64_t left_id,
                         const struct description *right, uint64_t right_id)
{
    if (left->role_order != right->role_order) {
        return left->role_order < right->role_order;
    }
    if (left->born_index != right->born_index) {
        return left->born_index < right->born_index;
    }
    return left_id < right_id;
}

static struct tally count(const struct rp_members *members)
{
    struct tally tally = {0};
    const struct raft_configuration *configuration = &members->raft->configuration;
    for (unsigned i = 0; i < configuration->n; i++) {
        const struct raft_server *server = &configuration->servers[i];
        bool reachable = members_is_reachable(members, server->id);
        if (server->role == RAFT_VOTER) {
            tally.voters += 1;
            tally.reachable_voters += reachable;
        } else if (server->role == RAFT_STANDBY && reachable) {
            tally.spare_parts += description_of(members, server->id).is_known;
        }
    }
    return tally;
}

static bool has_majority(unsigned reachable, unsigned voters)
{
    return voters > 0 && reachable > voters / 2;
}

/* Voters besides this one that can be counted on: reachable, and known to the node table. A member
 * whose folder was lost may have been heard a moment ago, and will never vote again. */
static unsigned reliable_without(const struct rp_members *members, uint64_t raft_id)
{
    const struct raft_configuration *configuration = &members->raft->configuration;
    unsigned reliable = 0;
    for (unsigned i = 0; i < configuration->n; i++) {
        const struct raft_server *server = &configuration->servers[i];
        bool is_known =
            server->id == members->raft->id || description_of(members, server->id).is_known;
        reliable += server->role == RAFT_VOTER && server->id != raft_id && is_known &&
                    members_is_reachable(members, server->id);
    }
    return reliable;
}

/* May this voter stop voting: a majority is reachable now and without it? */
static bool may_lose(const struct rp_members *members, uint64_t raft_id)
{
    struct tally tally = count(members);
    return has_majority(tally.reachable_voters, tally.voters) &&
           has_majority(reliable_without(members, raft_id), tally.voters - 1);
}

/* ---- The node's wishes ----------------------------------------------------------------------- */

static void wish_end(struct rp_members *members, struct wish *wish, int error)
{
    struct wish **link = &members->wishes;
    while (*link != wish) {
        link = &(*link)->next;
    }
    *link = wish->next;
    members_finish(members, wish->request, error);
    rp_release(members->alloc, wish);
}

static bool is_wished(const struct rp_members *members, uint64_t raft_id)
{
    for (const struct wish *wish = members->wishes; wish != NULL; wish = wish->next) {
        if (wish->kind == WISH_ADMIT && wish->raft_id == raft_id) {
            return true;
        }
    }
    return false;
}

/* design.md: the former raft id of the same node, whose folder is lost, goes first. */
static uint64_t predecessor_of(const struct rp_members *members, const struct wish *wish)
{
    const struct raft_configuration *configuration = &members->raft->configuration;
    for (unsigned i = 0; i < configuration->n; i++) {
        uint64_t raft_id = configuration->servers[i].id;
        struct rp_member member;
        uint64_t born_index;
        if (raft_id != wish->raft_id && raft_id != members->raft->id &&
            describe(members, raft_id, &member, &born_index) &&
            rp_view_equal(member.node_id, rp_view_make(wish->node_id, wish->node_id_bytes))) {
            return raft_id;
        }
    }
    return 0;
}

static bool remove_if_allowed(struct rp_members *members, uint64_t raft_id)
{
    const struct raft_server *server = server_of(members, raft_id);
    if (server == NULL || (server->role == RAFT_VOTER && !may_lose(members, raft_id))) {
        return false;
    }
    return remove_member(members, raft_id);
}

/* True: a change is under way. */
static bool pursue_admit(struct rp_members *members, struct wish *wish)
{
    uint64_t predecessor = predecessor_of(members, wish);
    if (predecessor != 0 && remove_if_allowed(members, predecessor)) {
        return true;
    }
    const struct raft_server *server = server_of(members, wish->raft_id);
    struct rp_contact *contact = contact_obtain(members, wish->raft_id);
    if (contact != NULL) {
        contact->admitted_ns = members_now(members);
    }
    if (server == NULL) {
        return add(members, wish->raft_id, wish->address);
    }
    if (server->role == RAFT_SPARE) {
        return assign(members, wish->raft_id, RAFT_STANDBY);
    }
    wish_end(members, wish, 0);
    return false;
}

static bool pursue_expel(struct rp_members *members, struct wish *wish)
{
    if (server_of(members, wish->raft_id) == NULL) {
        wish_end(members, wish, 0);
        return false;
    }
    return remove_if_allowed(members, wish->raft_id);
}

static bool pursue_wishes(struct rp_members *members)
{
    struct wish *wish = members->wishes;
    while (wish != NULL) {
        struct wish *next = wish->next;
        if (members_now(members) >= wish->deadline_ns) {
            wish_end(members, wish, RP_ERR_TIMEOUT);
        } else if (wish->kind == WISH_ADMIT ? pursue_admit(members, wish)
                                            : pursue_expel(members, wish)) {
            return true;
        }
        wish = next;
    }
    return false;
}

static void end_wishes(struct rp_members *members, int error)
{
    while (members->wishes != NULL) {
        wish_end(members, members->wishes, error);
    }
}

/* ---- Policy ---------------------------------------------------------------------------------- */

/* Is the cluster better off when a silent voter votes no more? With an even number of reachable
 * voters one silent voter costs no tolerance, and it may come back. */
static bool is_burden(const struct tally *tally)
{
    unsigned silent = tally->voters - tally->reachable_voters;
    return tally->spare_parts > 0 || tally->reachable_voters % 2 == 1 || silent > 1;
}

static bool retire_voter(struct rp_members *members, const struct tally *tally)
{
    const struct raft_configuration *configuration = &members->raft->configuration;
    for (unsigned i = 0; i < configuration->n; i++) {
        const struct raft_server *server = &configuration->servers[i];
        if (server->role != RAFT_VOTER || server->id == members->raft->id ||
            is_wished(members, server->id)) {
            continue;
        }
        if (!description_of(members, server->id).is_known) {
            if (remove_if_allowed(members, server->id)) {
                return true;
            }
        } else if (!members_is_reachable(members, server->id) && is_burden(tally) &&
                   may_lose(members, server->id) && assign(members, server->id, RAFT_STANDBY)) {
            return true;
        }
    }
    return false;
}

static bool promote_standby(struct rp_members *members)
{
    const struct raft_configuration *configuration = &members->raft->configuration;
    struct description best = {0};
    uint64_t best_id = 0;
    for (unsigned i = 0; i < configuration->n; i++) {
        const struct raft_server *server = &configuration->servers[i];
        const struct rp_contact *contact = rp_contacts_find(&members->contacts, server->id);
        struct description description = description_of(members, server->id);
        bool is_fit = server->role == RAFT_STANDBY && description.is_known && contact != NULL &&
                      contact->heard_ns != RP_TIME_NEVER &&
                      members_is_reachable(members, server->id) &&
                      members_now(members) >= contact->pause_until_ns;
        if (is_fit && (best_id == 0 || comes_before(&description, server->id, &best, best_id))) {
            best = description;
            best_id = server->id;
        }
    }
    return best_id != 0 && assign(members, best_id, RAFT_VOTER);
}

/* More voters than wanted (the bound was lowered): the last in order goes, never ourselves. */
static bool demote_surplus(struct rp_members *members)
{
    const struct raft_configuration *configuration = &members->raft->configuration;
    struct description last = {0};
    uint64_t last_id = 0;
    for (unsigned i = 0; i < configuration->n; i++) {
        const struct raft_server *server = &configuration->servers[i];
        struct description description = description_of(members, server->id);
        if (server->role == RAFT_VOTER && server->id != members->raft->id &&
            (last_id == 0 || comes_before(&last, last_id, &description, server->id))) {
            last = description;
            last_id = server->id;
        }
    }
    return last_id != 0 && may_lose(members, last_id) && assign(members, last_id, RAFT_STANDBY);
}

static bool tidy_others(struct rp_members *members)
{
    const struct raft_configuration *configuration = &members->raft->configuration;
    for (unsigned i = 0; i < configuration->n; i++) {
        const struct raft_server *server = &configuration->servers[i];
        if (server->role == RAFT_VOTER || is_wished(members, server->id)) {
            continue;
        }
        rp_time_ns silence = silence_of(members, server->id);
        const struct rp_contact *contact = rp_contacts_find(&members->contacts, server->id);
        rp_time_ns since_ns = members->leader_since_ns;
        if (contact != NULL && contact->admitted_ns != RP_TIME_NEVER) {
            since_ns = contact->admitted_ns;
        }
        /* A member is admitted before its AddNode is committed. */
        bool is_settled = members_now(members) - since_ns >= ADMITTED_GRACE_NS;
        bool is_known = description_of(members, server->id).is_known;
        if ((!is_known && is_settled) || silence >= STANDBY_SILENCE_NS) {
            return remove_member(members, server->id);
        }
        if (is_known && server->role == RAFT_SPARE) {
            return assign(members, server->id, RAFT_STANDBY);
        }
    }
    return false;
}

static void run_policy(struct rp_members *members)
{
    struct tally tally = count(members);
    if (!has_majority(tally.reachable_voters, tally.voters) || retire_voter(members, &tally)) {
        return;
    }
    if (tally.reachable_voters < members->voter_max && promote_standby(members)) {
        return;
    }
    if (tally.voters > members->voter_max && tally.voters > 1 && demote_surplus(members)) {
        return;
    }
    (void)tidy_others(members);
}

/* ---- Running --------------------------------------------------------------------------------- */

/* Our own node table is complete once what the log held when we began to lead is applied. */
static bool may_change(const struct rp_members *members)
{
    return members->was_leader && !members->is_changing && members->transfer_request == NULL &&
           !members->is_transfer_flying && members->raft->configuration_uncommitted_index == 0 &&
           members->raft->leader_state.promotee_id == 0 &&
           members->raft->last_applied >= members->leader_from_index;
}

static void arm_next(struct rp_members *members)
{
    rp_time_ns next_ns = RP_TIME_NEVER;
    if (members_lead(members)) {
        next_ns = members_now(members) + POLICY_INTERVAL_NS;
    }
    for (const struct wish *wish = members->wishes; wish != NULL; wish = wish->next) {
        next_ns = wish->deadline_ns < next_ns ? wish->deadline_ns : next_ns;
    }
    if (members->transfer_request != NULL && members->transfer_deadline_ns < next_ns) {
        next_ns = members->transfer_deadline_ns;
    }
    if (next_ns != RP_TIME_NEVER) {
        run_at(members, next_ns);
    }
}

void rp_members_run(struct rp_members *members)
{
    if (members->is_stopped) {
        return;
    }
    members_go_on_handing(members);
    members_pursue_transfer(members);
    if (!members_lead(members)) {
        end_wishes(members, RP_ERR_NOT_LEADER);
    } else if (may_change(members)) {
        if (!pursue_wishes(members)) {
            run_policy(members);
        }
    } else {
        struct wish *wish = members->wishes;
        while (wish != NULL) {
            struct wish *next = wish->next;
            if (members_now(members) >= wish->deadline_ns) {
                wish_end(members, wish, RP_ERR_TIMEOUT);
            }
            wish = next;
        }
    }
    arm_next(members);
}

static void on_timer(void *context)
{
    rp_members_run(context);
}

void rp_members_leader_changed(struct rp_members *members)
{
    bool is_leader = members_lead(members);
    if (is_leader && !members->was_leader) {
        members->leader_since_ns = members_now(members);
        members->leader_from_index = raft_last_index(members->raft);
    }
    if (!is_leader && members->was_leader) {
        end_wishes(members, RP_ERR_LEADERSHIP_LOST);
    }
    members->was_leader = is_leader;
    members_run_soon(members);
}

/* ---- The port's calls ------------------------------------------------------------------------ */

static struct wish *wish_new(struct rp_members *members, enum wish_kind kind,
                             struct rp_consensus_request *request, uint64_t raft_id)
{
    struct wish *wish = rp_allocate_zeroed(members->alloc, sizeof *wish);
    if (wish == NULL) {
        members_finish(members, request, RP_ERR_NOMEM);
        return NULL;
    }
    wish->kind = kind;
    wish->request = request;
    wish->raft_id = raft_id;
    wish->deadline_ns = RP_TIME_NEVER;
    struct wish **link = &members->wishes;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = wish;
    members_run_soon(members);
    return wish;
}

static bool is_usable(const struct rp_member *member)
{
    struct rp_view address = member->raft_address;
    return member->raft_id != 0 && member->node_id.length_bytes <= NAME_BYTES_MAX &&
           address.length_bytes > 0 && address.length_bytes < ADDRESS_BYTES_MAX &&
           memchr(address.bytes, '#', address.length_bytes) == NULL &&
           memchr(address.bytes, 0, address.length_bytes) == NULL;
}

void rp_members_admit(struct rp_members *members, struct rp_consensus_request *request,
                      const struct rp_member *member, rp_time_ns deadline_ns)
{
    if (!members_lead(members) || !is_usable(member)) {
        members_finish(members, request,
                       members_lead(members) ? RP_ERR_INVALID : RP_ERR_NOT_LEADER);
        return;
    }
    struct wish *wish = wish_new(members, WISH_ADMIT, request, member->raft_id);
    if (wish == NULL) {
        return;
    }
    wish->deadline_ns = deadline_ns;
    wish->node_id_bytes = member->node_id.length_bytes;
    if (wish->node_id_bytes > 0) {
        memcpy(wish->node_id, member->node_id.bytes, wish->node_id_bytes);
    }
    memcpy(wish->address, member->raft_address.bytes, member->raft_address.length_bytes);
    members->host.route(members->host.context, member->raft_id, member->raft_address);
}

void rp_members_expel(struct rp_members *members, struct rp_consensus_request *request,
                      uint64_t raft_id)
{
    if (!members_lead(members)) {
        members_finish(members, request, RP_ERR_NOT_LEADER);
        return;
    }
    struct wish *wish = wish_new(members, WISH_EXPEL, request, raft_id);
    if (wish != NULL) {
        wish->deadline_ns = members_now(members) + RP_JOIN_MEMBER_TIMEOUT_NS;
    }
}

/* ---- Birth and death ------------------------------------------------------------------------- */

void rp_members_stop(struct rp_members *members)
{
    members->is_stopped = true;
    members->clock.disarm(members->clock.state, &members->timer);
    end_wishes(members, RP_ERR_STOPPED);
    if (members->transfer_request != NULL) {
        members_transfer_end(members, RP_ERR_STOPPED);
    }
}

int rp_members_new(const struct rp_members_params *params, struct rp_members **members_out)
{
    struct rp_members *members = rp_allocate_zeroed(params->alloc, sizeof *members);
    if (members == NULL) {
        return RP_ERR_NOMEM;
    }
    members->alloc = params->alloc;
    members->contacts.alloc = params->alloc;
    members->clock = params->clock;
    members->host = params->host;
    members->raft = params->raft;
    members->voter_max = params->voter_max == 0 ? 1 : params->voter_max;
    members->election_timeout_ns = params->election_timeout_ns;
    members->timer.fire = on_timer;
    members->timer.context = members;
    *members_out = members;
    return 0;
}

void rp_members_free(struct rp_members *members)
{
    if (members == NULL) {
        return;
    }
    members->clock.disarm(members->clock.state, &members->timer);
    while (members->wishes != NULL) {
        struct wish *wish = members->wishes;
        members->wishes = wish->next;
        rp_release(members->alloc, wish);
    }
    rp_contacts_clear(&members->contacts);
    rp_release(members->alloc, members);
}
