#include "protocol/node_internal.h"

/* The second MAC of a join (wire.md 8.7): over what the asker says of itself and whom it asks. */

static struct rp_auth_tuple tuple_of(const struct rp_node *node,
                                     const struct rp_join_request *request,
                                     struct rp_view addressee)
{
    struct rp_auth_tuple tuple = {
        .kind = RP_AUTH_BOUND_JOIN,
        .nonce = request->auth_nonce,
        .node_id = request->node_id,
        .cluster = node_cluster(node),
        .timestamp = request->auth_timestamp,
        .addressee = addressee,
        .statement =
            {
                .node_name = request->node_name,
                .role = request->role,
                .raft_addr = request->raft_addr,
                .api_addr = request->api_addr,
                .coord_addr = request->coord_addr,
                .version = request->version,
                .core_count = request->core_count,
                .raft_id = request->raft_id,
                .is_bound_fetch = request->is_bound_fetch,
            },
    };
    return tuple;
}

static bool is_binding(const struct rp_node *node)
{
    return node->auth != NULL && node->traits->join_binding == RP_JOIN_BINDING_STATEMENT;
}

int node_join_bind(const struct rp_node *node, struct rp_join_request *request,
                   struct rp_view addressee, char mac[RP_SHA256_HEX])
{
    if (!is_binding(node)) {
        return 0;
    }
    struct rp_auth_tuple tuple = tuple_of(node, request, addressee);
    int error = rp_auth_sign(node->auth, &tuple, mac);
    if (error == 0) {
        request->bound_hmac = rp_view_make(mac, RP_SHA256_HEX);
    }
    return error;
}

static bool is_bound_to(const struct rp_node *node, const struct rp_join_request *request,
                        struct rp_view addressee)
{
    struct rp_auth_tuple tuple = tuple_of(node, request, addressee);
    return rp_auth_check(node->auth, &tuple, request->bound_hmac, node_wall_s(node),
                         RP_MAC_TOLERANCE_S) == RP_AUTH_OK;
}

/* The way back to an older release. A node that signs second MACs says goodbye when it stops; what
 * is signed later than that is no longer of that life, and the next one may be of any release. Its
 * addresses and its folder may be new, its role is not: another needs another record. */
static bool may_be_older_now(const struct rp_node *node, const struct rp_join_request *request,
                             const struct rp_node_record *record)
{
    const struct rp_peer *peer = rp_peers_get(node->peers, request->node_id);
    return peer != NULL && peer->left_unix_s != 0 && request->auth_timestamp > peer->left_unix_s &&
           rp_view_equal(request->role, record->role);
}

/* As for a fetch: the second MAC is needed from whom the record knows to sign it, and must hold
 * wherever it is present or announced, so that nobody can strip it. */
enum node_join_proof node_join_prove(const struct rp_node *node,
                                     const struct rp_join_request *request)
{
    const struct rp_node_record *record = rp_manifest_node(node->manifest, request->node_id);
    if (!is_binding(node)) {
        return NODE_JOIN_FOR_US;
    }
    if (request->bound_hmac.length_bytes > 0 || request->is_bound_fetch) {
        return is_bound_to(node, request, node_id(node))           ? NODE_JOIN_FOR_US
               : is_bound_to(node, request, rp_view_make(NULL, 0)) ? NODE_JOIN_FOR_ANYBODY
                                                                   : NODE_JOIN_UNPROVEN;
    }
    bool is_free = record == NULL || !record->is_bound_fetch;
    return is_free || may_be_older_now(node, request, record) ? NODE_JOIN_FOR_US
                                                              : NODE_JOIN_UNPROVEN;
}

bool node_join_is_misrecorded(const struct rp_node *node)
{
    struct rp_consensus_status status = node->ports.consensus.status(node->ports.consensus.state);
    const struct rp_node_record *own = rp_manifest_node(node->manifest, node_id(node));
    const struct rp_peer *leader =
        status.leader_raft_id == 0 ? NULL
                                   : rp_peers_get_by_raft_id(node->peers, status.leader_raft_id);
    return is_binding(node) && own != NULL && own->raft_id == status.raft_id && leader != NULL &&
           leader->is_bound_fetch && !node_own_record_holds(node);
}
