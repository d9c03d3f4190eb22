#include "protocol/node_internal.h"

/* The catch-up walk's ports, the rescans of the manifest, and readiness (behaviour.md 10, 11). */

/* ---- Catch-up ---------------------------------------------------------------------------------- */

static struct rp_catchup_facts facts_now(const struct rp_node *node)
{
    struct rp_consensus_status status = node->ports.consensus.status(node->ports.consensus.state);
    struct rp_catchup_facts facts = {
        .has_leader = status.has_leader,
        .is_leader = status.is_leader,
        .applied_index = status.applied_index,
        .queue_depth = rp_puller_queue_depth(node->puller),
        .wall_unix_ns = node_wall_ns(node),
    };
    return facts;
}

static void step(struct rp_node *node, struct rp_catchup_event *event)
{
    event->now_ns = node_now(node);
    event->facts = facts_now(node);
    rp_catchup_step(node->catchup, event);
}

static void on_barrier(void *owner, int error)
{
    struct rp_node *node = owner;
    if (node->phase != NODE_RUNNING || node->is_dead) {
        return;
    }
    struct rp_catchup_event event = {
        .kind = RP_CATCHUP_EV_BARRIER_DONE,
        .error = error,
        .index = node->barrier_call.request.index,
    };
    step(node, &event);
    node_settle(node);
}

static void ask_barrier(struct rp_node *node, rp_time_ns deadline_ns)
{
    struct rp_observation seen = {.kind = RP_SEE_BARRIER_BEGIN, .value = deadline_ns};
    node_see(node, &seen);
    node->ports.consensus.read_index(node->ports.consensus.state,
                                     node_consensus_call_begin(&node->barrier_call), deadline_ns);
}

static void give_page(struct rp_node *node, struct rp_view cursor)
{
    struct node_page page;
    struct rp_catchup_event event = {.kind = RP_CATCHUP_EV_PAGE, .entries = node->page};
    event.error = node_page_next(node, cursor, &page);
    event.entry_count = page.count;
    event.is_last = page.is_last;
    step(node, &event);
}

static void offer(struct rp_node *node, const struct rp_file_entry *entry)
{
    struct rp_catchup_event event = {.kind = RP_CATCHUP_EV_OFFERED};
    (void)rp_file_entry_retain(entry);
    event.result = node_pull_offer(node, entry, RP_ANNOUNCE_WALK);
    step(node, &event);
    if (rp_manifest_file(node->manifest, entry->path) == NULL) {
        /* The page is older than the deletion: there is nothing to look for. */
        node_pull_forget_gone(node, entry->path);
        rp_puller_deleted(node->puller, entry->path, node_now(node));
    }
    rp_file_entry_release(entry);
}

static void see_walk(struct rp_node *node, enum rp_observation_kind kind, uint64_t value,
                     uint64_t value2, int error)
{
    struct rp_observation seen = {.kind = kind, .value = value, .value2 = value2, .error = error};
    node_see(node, &seen);
}

static void carry_out(struct rp_node *node, const struct rp_catchup_action *action)
{
    switch (action->kind) {
    case RP_CATCHUP_DO_BARRIER: ask_barrier(node, action->deadline_ns); break;
    case RP_CATCHUP_DO_BARRIER_END:
        see_walk(node, RP_SEE_BARRIER_END, action->index, 0, action->error);
        break;
    case RP_CATCHUP_DO_BEGIN:
        see_walk(node, RP_SEE_WALK_BEGIN, rp_manifest_applied_index(node->manifest),
                 rp_manifest_file_count(node->manifest), 0);
        break;
    case RP_CATCHUP_DO_PAGE: give_page(node, action->cursor); break;
    case RP_CATCHUP_DO_OFFER: offer(node, action->entry); break;
    case RP_CATCHUP_DO_END:
        node_page_clear(node);
        see_walk(node, RP_SEE_WALK_END, action->walked_count, action->is_complete ? 1 : 0, 0);
        break;
    }
}

void node_walk_run(struct rp_node *node)
{
    if (rp_catchup_wants_changes(node->catchup)) {
        struct rp_catchup_event event = {.kind = RP_CATCHUP_EV_CHANGED};
        step(node, &event);
    }
    struct rp_catchup_action action;
    while (rp_catchup_next(node->catchup, &action)) {
        carry_out(node, &action);
    }
    node_arm_at(node, &node->catchup_timer, rp_catchup_deadline(node->catchup));
}

static void on_catchup_timer(void *context)
{
    struct rp_node *node = context;
    struct rp_catchup_event event = {.kind = RP_CATCHUP_EV_TIMER};
    step(node, &event);
    node_settle(node);
}

void node_walk_start(struct rp_node *node)
{
    /* behaviour.md 11: a gate without a walk would be shut for ever. */
    rp_readiness_start(node->readiness, node->config.is_replication_enabled &&
                                            node->config.is_replication_catchup_enabled);
    struct rp_catchup_event event = {.kind = RP_CATCHUP_EV_START};
    step(node, &event);
}

/* ---- Rescans ----------------------------------------------------------------------------------- */

static void end_rescan(struct rp_node *node)
{
    node->is_rescanning = false;
    if (node->rescan_missing_count == 0) {
        rp_readiness_all_present(node->readiness);
    }
    see_walk(node, RP_SEE_RESCAN, node->rescan_missing_count, 0, 0);
    rp_puller_rescanned(node->puller, node->rescan_missing_count, node_now(node));
}

/* Whoever is here is owed no more, whatever became of its announcement. */
static bool is_missing(const struct rp_node *node, const struct rp_file_entry *entry)
{
    if (rp_puller_is_in_flight(node->puller, entry->path)) {
        return false;
    }
    bool is_held = rp_presence_holds(node->presence, entry);
    if (is_held) {
        rp_readiness_present(node->readiness, entry->path);
    }
    return !is_held;
}

/* One page, or what the queue takes of it. False: pause or end. */
static bool rescan_page(struct rp_node *node)
{
    size_t count = rp_manifest_page(node->manifest, rp_buffer_view(&node->rescan_cursor),
                                    node->page, RP_WALK_PAGE_MAX);
    size_t taken = 0;
    for (; taken < count; taken += 1) {
        if (!is_missing(node, node->page[taken])) {
            continue;
        }
        if (rp_puller_queue_depth(node->puller) >= rp_catchup_high_water(node->catchup)) {
            break;
        }
        node->rescan_missing_count += 1;
        node_pull_announce(node, node->page[taken], RP_ANNOUNCE_RESCAN);
    }
    if (taken > 0) {
        rp_buffer_reset(&node->rescan_cursor);
        if (rp_buffer_append(&node->rescan_cursor, node->page[taken - 1]->path) != 0) {
            taken = 0; /* out of memory: this page again, later */
        }
    }
    bool is_last = taken == count && count < RP_WALK_PAGE_MAX;
    bool is_held_up = taken < count;
    for (size_t row = 0; row < count; row += 1) {
        rp_file_entry_release(node->page[row]);
    }
    if (is_last) {
        end_rescan(node);
    } else if (is_held_up) {
        node_arm_after(node, &node->rescan_timer, RP_WALK_PAUSE_NS);
    }
    return !is_last && !is_held_up;
}

static void on_rescan_timer(void *context)
{
    struct rp_node *node = context;
    while (rescan_page(node)) {
    }
    node_settle(node);
}

/* From within the loop over the puller's actions: the work is done from an event of its own. */
void node_rescan_begin(struct rp_node *node)
{
    node->is_rescanning = true;
    node->rescan_missing_count = 0;
    rp_buffer_reset(&node->rescan_cursor);
    node_arm_after(node, &node->rescan_timer, 0);
}

void node_rescan_hope(struct rp_node *node)
{
    rp_puller_peer_arrived(node->puller, node_now(node));
    node_kick(node);
}

/* ---- Readiness --------------------------------------------------------------------------------- */

void node_ready_check(struct rp_node *node)
{
    bool is_ready = false;
    while (rp_readiness_poll(node->readiness, &is_ready)) {
        see_walk(node, RP_SEE_READY, is_ready ? 1 : 0,
                 rp_readiness_is_degraded(node->readiness) ? 1 : 0, 0);
    }
}

/* behaviour.md 11: where nothing is pulled, nothing is waited for. */
bool rp_node_is_ready(const struct rp_node *node)
{
    if (node->phase == NODE_STANDALONE) {
        return true;
    }
    return node->phase == NODE_RUNNING && rp_readiness_is_ready(node->readiness);
}

bool rp_node_is_query_gated(const struct rp_node *node)
{
    return node->manifest != NULL && node->config.is_query_gate_on_catchup &&
           !rp_node_is_ready(node);
}

static bool starts_with(struct rp_view path, struct rp_view prefix)
{
    return path.length_bytes >= prefix.length_bytes &&
           rp_view_equal(rp_view_make(path.bytes, prefix.length_bytes), prefix);
}

/* What begins with the prefix is one stretch of the manifest: pages from there, until it ends. */
static uint64_t count_missing(struct rp_node *node, struct rp_view prefix)
{
    struct rp_view cursor = prefix;
    const struct rp_file_entry *exact = rp_manifest_file(node->manifest, prefix);
    uint64_t missing_count = exact != NULL && !rp_presence_holds(node->presence, exact);
    for (bool has_more = true; has_more;) {
        size_t count = rp_manifest_page(node->manifest, cursor, node->page, RP_WALK_PAGE_MAX);
        has_more = count == RP_WALK_PAGE_MAX;
        for (size_t row = 0; row < count; row += 1) {
            const struct rp_file_entry *entry = node->page[row];
            has_more = has_more && starts_with(entry->path, prefix);
            missing_count +=
                starts_with(entry->path, prefix) && !rp_presence_holds(node->presence, entry);
            cursor = entry->path; /* the manifest keeps it through this call */
            rp_file_entry_release(entry);
        }
    }
    return missing_count;
}

struct rp_query_answer rp_node_query(struct rp_node *node, struct rp_view prefix)
{
    struct rp_query_answer answer = {.is_gated = rp_node_is_query_gated(node)};
    if (answer.is_gated && rp_query_gate_refuse(&node->query_gate, node_now(node))) {
        node_log(node, RP_LOG_WARN, "query refused: catch-up in progress");
    }
    if (!answer.is_gated && node->manifest != NULL) { /* standalone: nothing is owed to it */
        answer.missing_count = count_missing(node, prefix);
    }
    answer.is_complete = !answer.is_gated && answer.missing_count == 0;
    return answer;
}

/* ---- Birth and death ---------------------------------------------------------------------------- */

int node_walk_init(struct rp_node *node)
{
    struct rp_catchup_settings settings = {
        .traits = node->traits,
        .self_id = node_id(node),
        .is_enabled =
            node->config.is_replication_enabled && node->config.is_replication_catchup_enabled,
        .queue_max = node->config.replication_queue_size,
        .high_water_ppm = node->config.replication_catchup_queue_high_water_ppm,
        .barrier_timeout_ns = node->config.replication_catchup_barrier_timeout_ns,
        .readiness = node->readiness,
    };
    node_timer_init(&node->catchup_timer, on_catchup_timer, node);
    node_timer_init(&node->rescan_timer, on_rescan_timer, node);
    node_consensus_call_init(&node->barrier_call, node, on_barrier, node);
    rp_buffer_init(&node->rescan_cursor, node->ports.alloc, RP_FRAME_LENGTH_MAX);
    node->page = rp_allocate(node->ports.alloc, RP_WALK_PAGE_MAX * sizeof *node->page);
    return node->page == NULL ? RP_ERR_NOMEM
                              : rp_catchup_new(&settings, node->ports.alloc, &node->catchup);
}

void node_walk_stop(struct rp_node *node)
{
    struct rp_catchup_event event = {.kind = RP_CATCHUP_EV_CANCEL};
    step(node, &event);
    struct rp_catchup_action action;
    while (rp_catchup_next(node->catchup, &action)) {
        if (action.kind == RP_CATCHUP_DO_END) {
            carry_out(node, &action);
        }
    }
    node_disarm(node, &node->catchup_timer);
    node_disarm(node, &node->rescan_timer);
    node->is_rescanning = false;
}

bool node_walk_is_idle(const struct rp_node *node)
{
    return rp_catchup_is_done(node->catchup) && !node->is_rescanning;
}

void node_walk_clear(struct rp_node *node)
{
    node_disarm(node, &node->catchup_timer);
    node_disarm(node, &node->rescan_timer);
    rp_catchup_free(node->catchup);
    node_page_clear(node);
    rp_buffer_clear(&node->rescan_cursor);
    rp_release(node->ports.alloc, node->page);
}
