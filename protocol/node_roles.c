#include "protocol/node_internal.h"
#include "protocol/role_watch.h"

/* Who is the primary writer and who compacts, as far as files are concerned: the leader gives a role
 * that nobody has, or whose holder is down, to the next healthy node of that kind, through the log.
 * Every node warns when compactors are known and not exactly one is elected. A cluster without
 * compactors, and one with a single writer, stay quiet. */

struct node_roles {
    struct rp_role_watch watch;
    struct rp_role_vacancy writer, compactor;
    struct rp_node_proposal proposal;
    bool is_proposing;
};

static bool is_up(const struct rp_peer *peer)
{
    return peer != NULL && (peer->is_self || peer->state == RP_PEER_HEALTHY);
}

static bool has_role(const struct rp_peer *peer, const char *role)
{
    return rp_view_equal(peer->role, rp_view_text(role));
}

/* The first healthy one in order of birth. */
static const struct rp_peer *find_heir(const struct rp_node *node, const char *role)
{
    size_t cursor = 0;
    for (const struct rp_peer *peer; (peer = rp_peers_next(node->peers, &cursor)) != NULL;) {
        if (has_role(peer, role) && is_up(peer)) {
            return peer;
        }
    }
    return NULL;
}

static size_t count_up(const struct rp_node *node, const char *role)
{
    size_t count = 0;
    size_t cursor = 0;
    for (const struct rp_peer *peer; (peer = rp_peers_next(node->peers, &cursor)) != NULL;) {
        count += has_role(peer, role) && is_up(peer);
    }
    return count;
}

static bool is_holder_up(const struct rp_node *node, const struct rp_node_record *holder)
{
    return holder != NULL && is_up(rp_peers_get(node->peers, holder->id));
}

/* ---- Warnings ---------------------------------------------------------------------------------- */

static void warn(struct rp_node *node)
{
    const struct rp_node_record *active = rp_manifest_active_compactor(node->manifest);
    enum rp_role_warning warning;
    if (rp_peers_role_count(node->peers, rp_view_text("compactor")) == 0) {
        return;
    }
    size_t elected_count =
        active != NULL ? (is_holder_up(node, active) ? 1 : 0) : count_up(node, "compactor");
    if (rp_role_watch_check(&node->roles->watch, node_now(node), elected_count, &warning)) {
        node_log(node, RP_LOG_WARN, rp_role_warning_text(warning));
    }
}

/* ---- Failover ---------------------------------------------------------------------------------- */

static void on_proposed(struct rp_node_proposal *proposal, int error, const char *code,
                        const char *text)
{
    struct rp_node *node = proposal->context;
    (void)error; /* the next check looks at the manifest */
    (void)code;
    (void)text;
    if (node->roles != NULL) {
        node->roles->is_proposing = false;
    }
}

static void give(struct rp_node *node, enum rp_command_type type, const struct rp_peer *heir,
                 const struct rp_node_record *holder)
{
    struct node_roles *roles = node->roles;
    struct rp_view former = holder == NULL ? rp_view_make(NULL, 0) : holder->id;
    rp_buffer_reset(&node->command);
    if (rp_command_encode_role(&node->command, type, heir->id, former) != 0) {
        return;
    }
    roles->is_proposing = true;
    roles->proposal.done = on_proposed;
    roles->proposal.context = node;
    rp_node_propose(node, &roles->proposal, rp_buffer_view(&node->command));
}

/* One role; `count_min`: fewer nodes of the kind leave nothing to decide. */
static void look(struct rp_node *node, enum rp_command_type type, const char *role,
                 size_t count_min)
{
    bool is_writer = type == RP_CMD_PROMOTE_WRITER;
    struct rp_role_vacancy *vacancy = is_writer ? &node->roles->writer : &node->roles->compactor;
    const struct rp_node_record *holder = is_writer ? rp_manifest_primary_writer(node->manifest)
                                                    : rp_manifest_active_compactor(node->manifest);
    if (rp_peers_role_count(node->peers, rp_view_text(role)) < count_min ||
        !rp_role_vacancy_look(vacancy, holder != NULL, is_holder_up(node, holder))) {
        return;
    }
    const struct rp_peer *heir = find_heir(node, role);
    bool is_other = heir != NULL && (holder == NULL || !rp_view_equal(heir->id, holder->id));
    if (is_other && !node->roles->is_proposing) {
        give(node, type, heir, holder);
    }
}

void node_roles_check(struct rp_node *node)
{
    if (node->phase != NODE_RUNNING) {
        return;
    }
    warn(node);
    struct rp_consensus_status status = node->ports.consensus.status(node->ports.consensus.state);
    if (!status.is_leader || !rp_node_can_compact(node)) {
        node->roles->writer.absent_count = node->roles->compactor.absent_count = 0;
        return;
    }
    look(node, RP_CMD_ASSIGN_COMPACTOR, "compactor", 1);
    look(node, RP_CMD_PROMOTE_WRITER, "writer", 2);
}

int node_roles_init(struct rp_node *node)
{
    node->roles = rp_allocate_zeroed(node->ports.alloc, sizeof *node->roles);
    if (node->roles == NULL) {
        return RP_ERR_NOMEM;
    }
    rp_role_watch_init(&node->roles->watch, RP_ROLE_WARN_INTERVAL_NS);
    return 0;
}

void node_roles_clear(struct rp_node *node)
{
    rp_release(node->ports.alloc, node->roles);
    node->roles = NULL;
}
