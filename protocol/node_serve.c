#include "protocol/fetch_server.h"
#include "protocol/node_internal.h"

/* The fetch server's ports: what it asks of store and connection (behaviour.md 5). */

struct node_serve {
    struct rp_node *node;
    struct node_inbound *inbound; /* NULL: cancelled, waiting for its store call */
    struct rp_fetch_server *server;
    struct node_call call;
    struct rp_timer timer;
    rp_store_handle reader;
    uint64_t number;           /* names the connection for observers */
    struct rp_view claimed_id; /* borrowed, while a refusal is being seen */
    int64_t timestamp;         /* of the request */
};

static void run(struct node_serve *serve);

static void destroy(struct node_serve *serve)
{
    struct rp_node *node = serve->node;
    node_disarm(node, &serve->timer);
    node_read_close(node, serve->reader);
    rp_fetch_server_free(serve->server);
    rp_release(node->ports.alloc, serve);
    node->serve_count -= 1;
}

/* The connection is over for it. A store call that is still out keeps it alive until it returns. */
static void let_go(struct node_serve *serve)
{
    serve->inbound = NULL;
    node_disarm(serve->node, &serve->timer);
    if (serve->call.is_in_flight) {
        if (!serve->node->is_dead) {
            node_call_cancel(&serve->call);
        }
    } else {
        destroy(serve);
    }
}

static void step(struct node_serve *serve, struct rp_serve_event *event)
{
    event->now_ns = node_now(serve->node);
    rp_fetch_server_step(serve->server, event);
    run(serve);
}

static void on_timer(void *context)
{
    struct rp_serve_event event = {.kind = RP_SERVE_EV_TIMER};
    step(context, &event);
}

/* ---- Store answers ---------------------------------------------------------------------------- */

static void on_stated(void *owner, int error)
{
    struct node_serve *serve = owner;
    if (serve->inbound == NULL) {
        destroy(serve);
        return;
    }
    struct rp_serve_event event = {
        .kind = RP_SERVE_EV_STATED,
        .error = error,
        .is_present = error == 0 && serve->call.request.stat.is_present,
    };
    step(serve, &event);
}

static void on_opened(void *owner, int error)
{
    struct node_serve *serve = owner;
    if (error == 0) {
        serve->reader = serve->call.request.handle;
    }
    if (serve->inbound == NULL) {
        destroy(serve);
        return;
    }
    struct rp_serve_event event = {
        .kind = RP_SERVE_EV_OPENED,
        .error = error,
        .size_bytes = serve->call.request.size_bytes,
    };
    step(serve, &event);
}

static void on_read(void *owner, int error)
{
    struct node_serve *serve = owner;
    if (serve->inbound == NULL) {
        destroy(serve);
        return;
    }
    struct rp_serve_event event = {.kind = RP_SERVE_EV_READ_DONE, .error = error};
    if (error == 0) {
        event.chunk = serve->call.request.chunk;
    }
    step(serve, &event);
}

/* ---- Observations ----------------------------------------------------------------------------- */

static void see(struct node_serve *serve, enum rp_observation_kind kind,
                const struct rp_serve_action *action)
{
    const struct rp_file_entry *entry = rp_fetch_server_entry(serve->server);
    struct rp_observation seen = {.kind = kind, .error = action->error, .value2 = serve->number};
    if (entry != NULL) {
        seen.path = entry->path;
        seen.sha256 = entry->sha256;
        seen.size_bytes = entry->size_bytes;
        seen.lsn = entry->lsn;
    }
    if (kind == RP_SEE_SERVE_BEGIN) {
        seen.value = rp_fetch_server_offset(serve->server);
    } else {
        seen.value = action->body_bytes;
    }
    node_see(serve->node, &seen);
}

static void see_refused(struct node_serve *serve, const struct rp_serve_action *action)
{
    struct rp_observation seen = {
        .kind = RP_SEE_REQUEST_REFUSED,
        .code = rp_view_text("fetch"),
        .value = (uint64_t)action->refusal,
        .value2 = serve->number,
        .peer_id = serve->claimed_id,
        .error = action->refusal == RP_SERVE_REFUSED_EXPIRED ? RP_ERR_TIME : 0,
        .lsn = (uint64_t)serve->timestamp,
    };
    node_see(serve->node, &seen);
}

/* ---- Actions ---------------------------------------------------------------------------------- */

/* invariants.md, serve-manifest-only: no byte of a version that the manifest has lost; where a
 * transfer hears of nothing once it runs, it runs to its end (behaviour.md 15). */
static bool may_go_on(const struct node_serve *serve)
{
    if (!node_transfers_hear_cancel(serve->node)) {
        return true;
    }
    const struct rp_file_entry *entry = rp_fetch_server_entry(serve->server);
    const struct rp_file_entry *now = rp_manifest_file(serve->node->manifest, entry->path);
    return now != NULL && now->lsn == entry->lsn;
}

static void send_chunk(struct node_serve *serve, const struct rp_serve_action *action)
{
    struct rp_serve_event event = {.kind = RP_SERVE_EV_SENT};
    if (action->body_bytes != 0 && !may_go_on(serve)) {
        event.kind = RP_SERVE_EV_CANCEL;
        event.now_ns = node_now(serve->node);
        rp_fetch_server_step(serve->server, &event);
        return;
    }
    event.taken_bytes = node_link_send_some(node_inbound_link(serve->inbound), action->chunk);
    event.now_ns = node_now(serve->node);
    if (action->body_bytes != 0) {
        see(serve, RP_SEE_SERVE_BYTES, action);
    }
    rp_fetch_server_step(serve->server, &event);
}

static void close_reader(struct node_serve *serve)
{
    node_read_close(serve->node, serve->reader);
    serve->reader = 0;
}

/* behaviour.md 5.1: the stream begins when the node has joined and knows whom to follow. */
void node_serve_check_stream(struct rp_node *node)
{
    node->has_stream =
        node->has_stream ||
        (node->is_joined && node->ports.consensus.status(node->ports.consensus.state).has_leader);
}

static bool has_context(const struct rp_node *node)
{
    return node->traits->serve_context == RP_SERVE_CONTEXT_FROM_START || node->has_stream;
}

/* behaviour.md 5.1, check 7: the first that asks for the handler's context. False: there is none,
 * which the process does not survive. */
static bool ask_existence(struct node_serve *serve, struct rp_view path)
{
    const struct rp_store_port *store = &serve->node->ports.store;
    if (!has_context(serve->node)) {
        node_crash(serve->node, "a fetch came before the WAL stream began: no context");
        return false;
    }
    store->stat(store->state, node_call_begin(&serve->call, on_stated), path);
    return true;
}

/* False: the session is over and freed, or the whole process is. */
static bool carry_out(struct node_serve *serve, const struct rp_serve_action *action)
{
    const struct rp_store_port *store = &serve->node->ports.store;
    switch (action->kind) {
    case RP_SERVE_DO_REPORT_ACCEPTED: break; /* seen where the MAC is known: node_serve_begin */
    case RP_SERVE_DO_REPORT_REFUSED: see_refused(serve, action); break;
    case RP_SERVE_DO_REPORT_BEGIN: see(serve, RP_SEE_SERVE_BEGIN, action); break;
    case RP_SERVE_DO_STAT: return ask_existence(serve, action->path);
    case RP_SERVE_DO_OPEN:
        store->read_open(store->state, node_call_begin(&serve->call, on_opened), action->path);
        break;
    case RP_SERVE_DO_READ:
        store->read(store->state, node_call_begin(&serve->call, on_read), serve->reader,
                    action->offset_bytes, action->length_bytes);
        break;
    case RP_SERVE_DO_CANCEL_STORE: node_call_cancel(&serve->call); break;
    case RP_SERVE_DO_READ_CLOSE: close_reader(serve); break;
    case RP_SERVE_DO_SEND: send_chunk(serve, action); break;
    case RP_SERVE_DO_CLOSE: node_link_close(node_inbound_link(serve->inbound)); break;
    case RP_SERVE_DO_FINISH: {
        if (rp_fetch_server_entry(serve->server) != NULL) {
            see(serve, RP_SEE_SERVE_END, action);
        }
        struct node_inbound *inbound = serve->inbound;
        let_go(serve);
        node_inbound_end(inbound);
        return false;
    }
    }
    return true;
}

static void run(struct node_serve *serve)
{
    struct rp_serve_action action;
    while (rp_fetch_server_next(serve->server, &action)) {
        if (!carry_out(serve, &action)) {
            return;
        }
    }
    node_arm_at(serve->node, &serve->timer, rp_fetch_server_deadline(serve->server));
}

/* ---- Facts ------------------------------------------------------------------------------------ */

static bool is_bound_sender(void *context, struct rp_view sender)
{
    const struct rp_node *node = context;
    const struct rp_peer *peer = rp_peers_get(node->peers, sender);
    return peer != NULL && peer->is_bound_fetch;
}

static bool remember_nonce(void *context, struct rp_view sender, struct rp_view nonce,
                           int64_t timestamp)
{
    struct rp_node *node = context;
    return rp_nonce_cache_track(node->nonces, RP_AUTH_FETCH, sender, nonce, timestamp,
                                node_now(node), node_wall_s(node)) == RP_NONCE_FRESH;
}

static const struct rp_file_entry *find_entry(void *context, struct rp_view path)
{
    const struct rp_node *node = context;
    return rp_manifest_file(node->manifest, path);
}

static void see_accepted(struct node_serve *serve, const struct rp_fetch_file *request)
{
    struct rp_observation seen = {
        .kind = RP_SEE_REQUEST_ACCEPTED,
        .code = rp_view_text("fetch"),
        .path = request->path,
        .peer_id = request->node_id,
        .sha256 = request->nonce,
        .value = (uint64_t)request->timestamp,
        .value2 = (uint64_t)request->byte_offset,
    };
    node_see(serve->node, &seen);
}

/* The first step, with the facts; what it says of acceptance is seen here, where the request's
 * texts are still at hand. */
static void start(struct node_serve *serve, const struct rp_fetch_file *request)
{
    struct rp_node *node = serve->node;
    struct rp_serve_facts facts = {
        .auth = node->auth,
        .self_id = node_id(node),
        .cluster = node_cluster(node),
        .wall_unix_s = node_wall_s(node),
        .serve_timeout_ns = node->config.replication_serve_timeout_ns,
        .has_consensus = true,
        .has_fsm = true,
        .has_backend = true,
        .context = node,
        .is_bound_sender = is_bound_sender,
        .remember_nonce = remember_nonce,
        .find_entry = find_entry,
    };
    struct rp_serve_event event = {
        .kind = RP_SERVE_EV_START,
        .now_ns = node_now(node),
        .message = request,
        .facts = &facts,
    };
    rp_fetch_server_step(serve->server, &event);
    struct rp_serve_action action;
    while (rp_fetch_server_next(serve->server, &action)) {
        if (action.kind == RP_SERVE_DO_REPORT_ACCEPTED) {
            see_accepted(serve, request);
        }
        serve->claimed_id = rp_view_make(NULL, 0);
        if (action.kind == RP_SERVE_DO_REPORT_REFUSED) {
            serve->claimed_id = request->node_id;
        }
        if (!carry_out(serve, &action)) {
            return;
        }
    }
    node_arm_at(node, &serve->timer, rp_fetch_server_deadline(serve->server));
}

void node_serve_begin(struct node_inbound *inbound, const struct rp_fetch_file *request)
{
    struct rp_node *node = node_inbound_node(inbound);
    struct node_serve *serve = rp_allocate_zeroed(node->ports.alloc, sizeof *serve);
    if (serve == NULL ||
        rp_fetch_server_new(node->traits, node->ports.alloc, &serve->server) != 0) {
        rp_release(node->ports.alloc, serve);
        node_inbound_end(inbound);
        return;
    }
    serve->node = node;
    serve->inbound = inbound;
    serve->number = ++node->serve_number;
    node->serve_count += 1;
    serve->timestamp = request->timestamp;
    node_call_init(&serve->call, node, on_stated, serve);
    node_timer_init(&serve->timer, on_timer, serve);
    node_inbound_attach_serve(inbound, serve);
    start(serve, request);
}

/* ---- From the connection and the node --------------------------------------------------------- */

void node_serve_drained(struct node_serve *serve)
{
    struct rp_serve_event event = {.kind = RP_SERVE_EV_WRITABLE};
    step(serve, &event);
}

void node_serve_ended(struct node_serve *serve, int error)
{
    struct rp_serve_event event = {.kind = RP_SERVE_EV_ENDED, .error = error};
    step(serve, &event);
}

void node_serve_cancel(struct node_serve *serve)
{
    if (serve == NULL) {
        return;
    }
    struct rp_serve_event event = {.kind = RP_SERVE_EV_CANCEL, .now_ns = node_now(serve->node)};
    rp_fetch_server_step(serve->server, &event);
    struct rp_serve_action action;
    while (rp_fetch_server_next(serve->server, &action)) {
        if (action.kind == RP_SERVE_DO_FINISH && rp_fetch_server_entry(serve->server) != NULL) {
            see(serve, RP_SEE_SERVE_END, &action);
        }
    }
    let_go(serve);
}
