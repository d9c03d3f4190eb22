#include "protocol/node.h"

#include "protocol/node_internal.h"

/* ---- Conveniences of node_internal.h ------------------------------------------------------------ */

int64_t node_wall_s(const struct rp_node *node)
{
    int64_t wall_ns = node_wall_ns(node);
    int64_t seconds = wall_ns / (int64_t)RP_NS_PER_S;
    return seconds - (wall_ns % (int64_t)RP_NS_PER_S < 0);
}

struct rp_wall_time node_wall_time(const struct rp_node *node)
{
    int64_t seconds = node_wall_s(node);
    struct rp_wall_time time = {
        .unix_s = seconds,
        .nsec = (int32_t)(node_wall_ns(node) - seconds * (int64_t)RP_NS_PER_S),
    };
    return time;
}

void node_timer_init(struct rp_timer *timer, void (*fire)(void *context), void *context)
{
    timer->fire = fire;
    timer->context = context;
    timer->port_handle = 0;
}

void node_disarm(struct rp_node *node, struct rp_timer *timer)
{
    if (rp_timer_is_armed(timer) && !node->is_dead) {
        node->ports.clock.disarm(node->ports.clock.state, timer);
    }
}

void node_arm_at(struct rp_node *node, struct rp_timer *timer, rp_time_ns deadline_ns)
{
    if (node->is_dead) {
        return;
    }
    if (deadline_ns == RP_TIME_NEVER) {
        node_disarm(node, timer);
    } else {
        node->ports.clock.arm(node->ports.clock.state, timer, deadline_ns);
    }
}

void node_arm_after(struct rp_node *node, struct rp_timer *timer, rp_time_ns delay_ns)
{
    if (!node->is_dead) {
        node_arm_at(node, timer, node_now(node) + delay_ns);
    }
}

void node_nonce(struct rp_node *node, char nonce_hex_out[RP_NONCE_HEX])
{
    static const char DIGITS[] = "0123456789abcdef";
    uint8_t bytes[RP_NONCE_HEX / 2];
    node->ports.random.fill(node->ports.random.state, RP_RANDOM_NONCE, bytes, sizeof bytes);
    for (size_t at = 0; at < sizeof bytes; at += 1) {
        nonce_hex_out[2 * at] = DIGITS[bytes[at] >> 4];
        nonce_hex_out[2 * at + 1] = DIGITS[bytes[at] & 15];
    }
}

uint64_t node_random_u64(struct rp_node *node, enum rp_random_purpose purpose)
{
    uint8_t bytes[8];
    uint64_t value = 0;
    node->ports.random.fill(node->ports.random.state, purpose, bytes, sizeof bytes);
    for (size_t at = 0; at < sizeof bytes; at += 1) {
        value = value << 8 | bytes[at];
    }
    return value;
}

/* behaviour.md 6.2, 5.1 */
bool node_transfers_hear_cancel(const struct rp_node *node)
{
    return node->traits->cancel_rule == RP_CANCEL_AT_ONCE;
}

void node_log(struct rp_node *node, enum rp_log_level level, const char *text)
{
    if (node->ports.log.write != NULL) {
        node->ports.log.write(node->ports.log.state, level, rp_view_text(text));
    }
}

static const char *kind_text(enum rp_auth_kind kind)
{
    switch (kind) {
    case RP_AUTH_JOIN: return "join";
    case RP_AUTH_LEAVE: return "leave";
    case RP_AUTH_HEARTBEAT: return "heartbeat";
    default: return "other";
    }
}

/* wire.md 8.2, 8.4, 8.5 */
bool node_authenticate(struct rp_node *node, const struct rp_auth_tuple *tuple, struct rp_view mac)
{
    return node_authenticate_also(node, tuple, mac, true);
}

bool node_authenticate_also(struct rp_node *node, const struct rp_auth_tuple *tuple,
                            struct rp_view mac, bool is_proven_besides)
{
    if (node->auth == NULL) {
        return true; /* wire.md 8.6: without any check */
    }
    enum rp_auth_verdict verdict =
        rp_auth_check(node->auth, tuple, mac, node_wall_s(node), RP_MAC_TOLERANCE_S);
    bool is_authentic = verdict == RP_AUTH_OK && is_proven_besides;
    if (is_authentic && node->traits->replay_memory == RP_REPLAY_EVERY_KIND) {
        is_authentic = rp_nonce_cache_track(node->nonces, tuple->kind, tuple->node_id, tuple->nonce,
                                            tuple->timestamp, node_now(node),
                                            node_wall_s(node)) == RP_NONCE_FRESH;
    }
    struct rp_observation seen = {
        .kind = is_authentic ? RP_SEE_REQUEST_ACCEPTED : RP_SEE_REQUEST_REFUSED,
        .code = rp_view_text(kind_text(tuple->kind)),
        .peer_id = tuple->node_id,
    };
    if (is_authentic) {
        seen.sha256 = tuple->nonce;
        seen.value = (uint64_t)tuple->timestamp;
    } else {
        seen.error = verdict == RP_AUTH_EXPIRED ? RP_ERR_TIME : RP_ERR_AUTH;
        seen.lsn = (uint64_t)tuple->timestamp;
    }
    node_see(node, &seen);
    return is_authentic;
}

void node_see_signed(struct rp_node *node, const char *kind, const char nonce[RP_NONCE_HEX],
                     int64_t timestamp)
{
    struct rp_observation seen = {
        .kind = RP_SEE_SIGNED,
        .code = rp_view_text(kind),
        .sha256 = rp_view_make(nonce, RP_NONCE_HEX),
        .value = (uint64_t)timestamp,
    };
    node_see(node, &seen);
}

int node_sign(struct rp_node *node, enum rp_auth_kind kind, char nonce[RP_NONCE_HEX],
              int64_t *timestamp, char mac[RP_SHA256_HEX])
{
    if (node->auth == NULL) {
        *timestamp = 0;
        return 0;
    }
    node_nonce(node, nonce);
    *timestamp = node_wall_s(node);
    node_see_signed(node, kind_text(kind), nonce, *timestamp);
    struct rp_auth_tuple tuple = {
        .kind = kind,
        .nonce = rp_view_make(nonce, RP_NONCE_HEX),
        .node_id = node_id(node),
        .cluster = node_cluster(node),
        .timestamp = *timestamp,
    };
    return rp_auth_sign(node->auth, &tuple, mac);
}

struct rp_view node_mac_view(const struct rp_node *node, const char *text, size_t length_bytes)
{
    return rp_view_make(text, node->auth == NULL ? 0 : length_bytes);
}

int node_encode(struct rp_node *node, const struct rp_message *message, struct rp_view *frame_out)
{
    rp_buffer_reset(&node->frame);
    int error = rp_message_encode(node->traits, message, &node->frame);
    *frame_out = rp_buffer_view(&node->frame);
    return error;
}

void node_read_close(struct rp_node *node, rp_store_handle reader)
{
    if (reader != 0 && !node->is_dead) {
        node->ports.store.read_close(node->ports.store.state, reader);
    }
}

/* ---- Work ---------------------------------------------------------------------------------------- */

static void work_once(struct rp_node *node)
{
    if (node->has_leader_changed) {
        node->has_leader_changed = false;
        node_flush_leader_changed(node);
    }
    node_propose_leader_changed(node); /* looks only: its address may have changed too */
    node_self_record_check(node);
    node_serve_check_stream(node);
    if (node->has_new_peer && node->phase == NODE_RUNNING) {
        node->has_new_peer = false;
        node_health_greet(node);
    }
    node_flush_run(node);
    node_pull_run(node);
    if (node->phase == NODE_RUNNING) {
        node_walk_run(node);
        node_pull_run(node);
        node_ready_check(node);
        node_reconcile_run(node);
    }
    node_stop_advance(node);
}

void node_work(struct rp_node *node)
{
    if (node->is_dead || (node->phase != NODE_RUNNING && node->phase != NODE_STOPPING)) {
        return;
    }
    node->is_working = true;
    work_once(node);
    node->is_working = false;
}

void node_settle(struct rp_node *node)
{
    if (!node->is_working) {
        node_work(node);
    }
}

static void on_work(void *context)
{
    node_work(context);
}

void node_kick(struct rp_node *node)
{
    if (!rp_timer_is_armed(&node->work_timer)) {
        node_arm_after(node, &node->work_timer, 0);
    }
}

void node_crash(struct rp_node *node, const char *why)
{
    node->phase = NODE_STOPPED;
    node->is_accepting = node->is_flush_open = false;
    node_log(node, RP_LOG_ERROR, why);
    struct rp_observation seen = {.kind = RP_SEE_CRASHED, .code = rp_view_text(why)};
    node_see(node, &seen);
}

/* ---- Birth and death ------------------------------------------------------------------------------ */

/* wire.md 8.6: without a secret there are no MACs; whether that may be, the configuration's judge
 * has said. */
static int make_auth(struct rp_node *node)
{
    struct rp_view secret = rp_view_text(node->config.shared_secret);
    return secret.length_bytes == 0
               ? 0
               : rp_auth_new(node->traits, secret, node->ports.alloc, &node->auth);
}

static int init_parts(struct rp_node *node)
{
    const struct rp_alloc *alloc = node->ports.alloc;
    struct rp_peer_events peer_events = {.context = node, .changed = node_peer_changed};
    int error = make_auth(node);
    if (error == 0) {
        error = rp_nonce_cache_new(node->traits, alloc, RP_NONCE_COUNT_MAX, &node->nonces);
    }
    if (error == 0) {
        error = rp_peers_new(node_id(node), alloc, &peer_events, &node->peers);
    }
    if (error == 0) {
        error = node_apply_init(node);
    }
    if (error == 0) {
        error = node_sweep_init(node);
    }
    if (error == 0) {
        error = node_compact_init(node);
    }
    if (error == 0) {
        error = node_roles_init(node);
    }
    if (error == 0) {
        error = node_propose_init(node);
    }
    if (error == 0) {
        error = node_flush_init(node);
    }
    if (error == 0) {
        error = node_pull_init(node);
    }
    if (error == 0) {
        error = node_walk_init(node);
    }
    if (error == 0) {
        error = node_scrub_init(node);
    }
    return error == 0 ? node_reconcile_init(node) : error;
}

/* behaviour.md 11, Startup: without a walk the gate would never open. */
static void open_useless_gate(struct rp_node *node)
{
    if (node->config.is_query_gate_on_catchup && !node->config.is_replication_catchup_enabled) {
        node->config.is_query_gate_on_catchup = false;
        node_log(node, RP_LOG_WARN,
                 "query gate switched off: it needs catch-up, which is disabled");
    }
}

static int init_node(struct rp_node *node, const struct rp_node_options *options)
{
    node->release = options->release;
    node->traits = rp_release_traits(options->release);
    node->ports = *options->ports;
    node->observer = options->observer;
    node->pool = options->pool;
    rp_table_init(&node->links, node->ports.alloc);
    rp_arena_init(&node->scratch, node->ports.alloc);
    rp_buffer_init(&node->frame, node->ports.alloc, RP_FRAME_LENGTH_MAX + 4);
    rp_buffer_init(&node->command, node->ports.alloc, RP_FRAME_LENGTH_MAX);
    rp_buffer_init(&node->asked_address, node->ports.alloc, RP_FRAME_LENGTH_MAX);
    rp_buffer_init(&node->asked_id, node->ports.alloc, RP_FRAME_LENGTH_MAX);
    node_timer_init(&node->work_timer, on_work, node);
    node_link_events(node, &node->net_events);
    int error = rp_config_copy(options->config, &node->config);
    if (error != 0 || node->phase == NODE_STANDALONE) {
        return error;
    }
    rp_query_gate_init(&node->query_gate);
    open_useless_gate(node);
    return init_parts(node);
}

static void write_note(char note_out[160], const char *text)
{
    size_t length = strlen(text);
    length = length < 159 ? length : 159;
    memcpy(note_out, text, length);
    note_out[length] = '\0';
}

int rp_node_new(const struct rp_node_options *options, struct rp_node **node_out,
                char note_out[160])
{
    note_out[0] = '\0';
    enum rp_config_judgement judgement =
        rp_config_judge(options->config, rp_release_traits(options->release),
                        options->has_clustering_license, note_out);
    if (judgement == RP_CONFIG_FATAL) {
        return RP_ERR_INVALID;
    }
    struct rp_node *node = rp_allocate_zeroed(options->ports->alloc, sizeof *node);
    if (node == NULL) {
        write_note(note_out, rp_strerror(RP_ERR_NOMEM));
        return RP_ERR_NOMEM;
    }
    node->phase = judgement == RP_CONFIG_STANDALONE ? NODE_STANDALONE : NODE_NEW;
    int error = init_node(node, options);
    if (error != 0) {
        write_note(note_out, rp_strerror(error));
        rp_node_free(node);
        return error;
    }
    *node_out = node;
    return 0;
}

static void clear_parts(struct rp_node *node)
{
    node_exchange_cancel_all(node);
    node_peer_end_all(node);
    node_call_abort_all(node);
    if (node->forward != NULL) {
        node_propose_clear(node);
    }
    node_compact_clear(node);
    node_roles_clear(node);
    node_sweep_clear(node);
    node_scrub_clear(node);
    node_reconcile_clear(node);
    node_walk_clear(node);
    node_pull_clear(node);
    node_flush_clear(node);
    node_delete_clear(node);
    node_apply_clear(node);
    rp_peers_free(node->peers);
    rp_nonce_cache_free(node->nonces);
    rp_auth_free(node->auth);
}

void rp_node_free(struct rp_node *node)
{
    if (node == NULL) {
        return;
    }
    const struct rp_alloc *alloc = node->ports.alloc;
    node->is_dead = true;
    node->phase = NODE_STOPPED;
    clear_parts(node);
    rp_table_clear(&node->links);
    rp_arena_clear(&node->scratch);
    rp_buffer_clear(&node->frame);
    rp_buffer_clear(&node->command);
    rp_buffer_clear(&node->asked_address);
    rp_buffer_clear(&node->asked_id);
    rp_config_clear(&node->config);
    rp_release(alloc, node);
}

const struct rp_net_events *rp_node_net_events(struct rp_node *node)
{
    return &node->net_events;
}

const struct rp_consensus_events *rp_node_consensus_events(struct rp_node *node)
{
    return &node->consensus_events;
}

/* ---- Inspection ------------------------------------------------------------------------------------ */

bool rp_node_is_idle(const struct rp_node *node)
{
    if (node->manifest == NULL) {
        return true;
    }
    return node_pull_is_idle(node) && node_walk_is_idle(node) && node_flush_is_idle(node) &&
           node_propose_is_idle(node) && node_delete_is_idle(node) && node_sweep_is_idle(node) &&
           node_scrub_is_idle(node) && node_compact_is_idle(node) && node_reconcile_is_idle(node) &&
           !rp_timer_is_armed(&node->work_timer) && node->join_exchange == NULL;
}

void rp_node_inspect(struct rp_node *node, struct rp_node_inspection *inspection_out)
{
    memset(inspection_out, 0, sizeof *inspection_out);
    if (node->manifest == NULL) {
        inspection_out->is_idle = true;
        return;
    }
    struct rp_consensus_status status = node->ports.consensus.status(node->ports.consensus.state);
    inspection_out->manifest = node->manifest;
    inspection_out->puller = *rp_puller_counters(node->puller);
    inspection_out->registrar = rp_registrar_counters(node->registrar);
    rp_readiness_status(node->readiness, rp_puller_counters(node->puller),
                        &inspection_out->catchup);
    node_reconcile_inspect(node, &inspection_out->reconcile);
    inspection_out->is_ready = rp_node_is_ready(node);
    inspection_out->is_degraded = rp_readiness_is_degraded(node->readiness);
    inspection_out->is_leader = status.is_leader;
    inspection_out->has_leader = status.has_leader;
    inspection_out->is_joined = node->is_joined;
    inspection_out->is_idle = rp_node_is_idle(node);
    inspection_out->query_refused_count = node->query_gate.refused_count;
    inspection_out->is_missing_any = rp_puller_is_missing_any(node->puller);
    inspection_out->connection_count = node->link_count;
    inspection_out->serve_count = node->serve_count;
    inspection_out->request_count = node->call_count;
    inspection_out->peer_count = rp_peers_count(node->peers);
    inspection_out->deletes_dropped_count = node->deletes_dropped_count;
    inspection_out->nonce_count = rp_nonce_cache_count(node->nonces);
}

const struct rp_manifest *rp_node_manifest(const struct rp_node *node)
{
    return node->manifest;
}

size_t rp_node_nonce_count(const struct rp_node *node)
{
    return node->nonces == NULL ? 0 : rp_nonce_cache_count(node->nonces);
}

size_t rp_node_connection_count(const struct rp_node *node)
{
    return node->link_count;
}

size_t rp_node_exchange_count(const struct rp_node *node)
{
    return node->exchange_count;
}
