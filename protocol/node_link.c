#include "protocol/node_link.h"

#include "protocol/error.h"
#include "protocol/node_internal.h"

static struct rp_view handle_key(const rp_conn *conn)
{
    return rp_view_make(conn, sizeof *conn);
}

void node_link_init(struct node_link *link, struct rp_node *node,
                    const struct node_link_owner *vtable, void *owner)
{
    memset(link, 0, sizeof *link);
    link->node = node;
    link->vtable = vtable;
    link->owner = owner;
}

int node_link_adopt(struct node_link *link, rp_conn conn)
{
    struct rp_node *node = link->node;
    link->conn = conn;
    int error = rp_table_put(&node->links, handle_key(&link->conn), link, NULL);
    if (error != 0) {
        link->conn = 0;
        node->ports.net.abort(node->ports.net.state, conn);
        return error;
    }
    node->link_count += 1;
    return 0;
}

int node_link_dial(struct node_link *link, struct rp_view address)
{
    struct rp_node *node = link->node;
    rp_conn conn = 0;
    int error = node->ports.net.dial(node->ports.net.state, address, &conn);
    return error != 0 ? error : node_link_adopt(link, conn);
}

static void drop_pieces(struct node_link *link)
{
    while (link->first != NULL) {
        struct node_link_piece *piece = link->first;
        link->first = piece->next;
        rp_block_release(piece->chunk.block);
        rp_release(link->node->ports.alloc, piece);
    }
    link->last = NULL;
}

/* Forgets the handle; the port was or is being told by the caller. */
static void detach(struct node_link *link)
{
    struct rp_node *node = link->node;
    drop_pieces(link);
    (void)rp_table_remove(&node->links, handle_key(&link->conn));
    node->link_count -= 1;
    link->conn = 0;
}

static int keep_piece(struct node_link *link, struct rp_chunk chunk)
{
    struct node_link_piece *piece = rp_allocate(link->node->ports.alloc, sizeof *piece);
    if (piece == NULL) {
        return RP_ERR_NOMEM;
    }
    piece->next = NULL;
    piece->chunk = chunk;
    (void)rp_block_retain(chunk.block);
    if (link->last == NULL) {
        link->first = piece;
    } else {
        link->last->next = piece;
    }
    link->last = piece;
    return 0;
}

int node_link_send(struct node_link *link, struct rp_chunk chunk)
{
    if (!node_link_is_open(link) || chunk.length_bytes == 0) {
        return 0;
    }
    size_t taken = 0;
    if (node_link_is_drained(link)) {
        const struct rp_net_port *net = &link->node->ports.net;
        taken = net->send(net->state, link->conn, chunk);
    }
    if (taken == chunk.length_bytes) {
        return 0;
    }
    return keep_piece(link, rp_chunk_slice(chunk, taken, chunk.length_bytes - taken));
}

size_t node_link_send_some(struct node_link *link, struct rp_chunk chunk)
{
    RP_ASSERT(node_link_is_drained(link));
    if (!node_link_is_open(link)) {
        return chunk.length_bytes;
    }
    return link->node->ports.net.send(link->node->ports.net.state, link->conn, chunk);
}

int node_link_send_view(struct node_link *link, struct rp_view bytes)
{
    struct rp_block *block = NULL;
    uint8_t *copy = NULL;
    int error = rp_block_new(link->node->ports.alloc, bytes.length_bytes, &block, &copy);
    if (error != 0) {
        return error;
    }
    if (bytes.length_bytes != 0) {
        memcpy(copy, bytes.bytes, bytes.length_bytes);
    }
    error = node_link_send(link, rp_chunk_of(block));
    rp_block_release(block);
    return error;
}

void node_link_pause(struct node_link *link, bool is_paused)
{
    if (node_link_is_open(link) && !link->node->is_dead) {
        link->node->ports.net.pause(link->node->ports.net.state, link->conn, is_paused);
    }
}

void node_link_close(struct node_link *link)
{
    if (node_link_is_open(link)) {
        rp_conn conn = link->conn;
        detach(link);
        if (!link->node->is_dead) {
            link->node->ports.net.close(link->node->ports.net.state, conn);
        }
    }
}

void node_link_abort(struct node_link *link)
{
    if (node_link_is_open(link)) {
        rp_conn conn = link->conn;
        detach(link);
        if (!link->node->is_dead) {
            link->node->ports.net.abort(link->node->ports.net.state, conn);
        }
    }
}

/* ---- What the port calls ---------------------------------------------------------------------- */

static struct node_link *find(struct rp_node *node, rp_conn conn)
{
    return rp_table_get(&node->links, handle_key(&conn));
}

static void on_accepted(void *context, rp_conn conn)
{
    node_peer_accept(context, conn);
}

static void on_connected(void *context, rp_conn conn, int error)
{
    struct node_link *link = find(context, conn);
    if (link == NULL) {
        return;
    }
    if (error != 0) {
        detach(link);
    }
    if (link->vtable->connected != NULL) {
        link->vtable->connected(link->owner, error);
    }
}

static void on_received(void *context, rp_conn conn, struct rp_chunk chunk)
{
    struct node_link *link = find(context, conn);
    if (link != NULL && link->vtable->received != NULL) {
        link->vtable->received(link->owner, chunk);
    }
}

/* Gives the port what it left last time; true when nothing is left. */
static bool push_pieces(struct node_link *link)
{
    const struct rp_net_port *net = &link->node->ports.net;
    while (link->first != NULL) {
        struct node_link_piece *piece = link->first;
        size_t taken = net->send(net->state, link->conn, piece->chunk);
        if (taken < piece->chunk.length_bytes) {
            piece->chunk = rp_chunk_slice(piece->chunk, taken, piece->chunk.length_bytes - taken);
            return false;
        }
        link->first = piece->next;
        if (link->first == NULL) {
            link->last = NULL;
        }
        rp_block_release(piece->chunk.block);
        rp_release(link->node->ports.alloc, piece);
    }
    return true;
}

static void on_writable(void *context, rp_conn conn)
{
    struct node_link *link = find(context, conn);
    if (link == NULL || !push_pieces(link)) {
        return;
    }
    if (link->vtable->drained != NULL) {
        link->vtable->drained(link->owner);
    }
}

static void on_ended(void *context, rp_conn conn, int error)
{
    struct node_link *link = find(context, conn);
    if (link == NULL) {
        return;
    }
    if (error != 0) {
        detach(link);
    }
    if (link->vtable->ended != NULL) {
        link->vtable->ended(link->owner, error);
    }
}

void node_link_events(struct rp_node *node, struct rp_net_events *events_out)
{
    events_out->context = node;
    events_out->accepted = on_accepted;
    events_out->connected = on_connected;
    events_out->received = on_received;
    events_out->writable = on_writable;
    events_out->ended = on_ended;
}
