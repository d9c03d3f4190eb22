#include "protocol/node_reconcile.h"

/* Reconciliation's ports: storage, proposals, asking around, and those who asked for a run
 * (behaviour.md 12.3). */

struct reconcile_call {
    struct node_reconcile *owner;
    uint32_t slot;
    struct node_call call;
    struct node_ask ask;
    bool is_removing;
    bool is_doubted; /* registered while its file is being removed: the removal is called back */
    char *removing;  /* owned copy of the path that is being removed */
    size_t removing_bytes;
};

struct node_reconcile {
    struct rp_node *node;
    struct rp_reconcile *machine;
    struct rp_timer timer, reply_timer;
    struct node_call list_call;
    struct reconcile_call *calls; /* owned, made with the first act */
    uint32_t call_count;
    struct rp_node_proposal proposal;
    struct rp_buffer command;
    struct rp_node_reconcile *waiting; /* requests whose run has not ended */
    size_t removing_count;
    bool has_doubt;
};

/* ---- What the machine asks at once -------------------------------------------------------------- */

static size_t host_entry_count(void *context)
{
    const struct rp_node *node = context;
    return rp_manifest_file_count(node->manifest);
}

static size_t host_page(void *context, struct rp_view cursor,
                        const struct rp_file_entry **entries_out, size_t max)
{
    const struct rp_node *node = context;
    return rp_manifest_page(node->manifest, cursor, entries_out, max);
}

static const struct rp_file_entry *host_find(void *context, struct rp_view path)
{
    const struct rp_node *node = context;
    return rp_manifest_file(node->manifest, path);
}

static bool host_is_pending(void *context, struct rp_view path)
{
    const struct rp_node *node = context;
    return node_flush_is_pending(node, path) || rp_puller_is_in_flight(node->puller, path);
}

/* behaviour.md 12.3, gate: with storage of its own every node may do both halves. */
static bool host_may_sweep(void *context)
{
    const struct rp_node *node = context;
    return node->phase == NODE_RUNNING;
}

static bool host_is_caught_up(void *context)
{
    const struct rp_node *node = context;
    return rp_catchup_is_done(node->catchup);
}

static int64_t host_wall_unix_ns(void *context)
{
    return node_wall_ns(context);
}

/* ---- Observations ------------------------------------------------------------------------------- */

static void see(struct rp_node *node, enum rp_observation_kind kind, uint64_t value,
                uint64_t value2, const char *code)
{
    struct rp_observation seen = {
        .kind = kind, .value = value, .value2 = value2, .code = rp_view_text(code)};
    node_see(node, &seen);
}

static void see_entry(struct rp_node *node, const struct rp_file_entry *entry, rp_time_ns age_ns)
{
    struct rp_observation seen = {
        .kind = RP_SEE_RECONCILE_DELETE,
        .path = entry->path,
        .sha256 = entry->sha256,
        .size_bytes = entry->size_bytes,
        .lsn = entry->lsn,
        .value = RP_RECONCILE_ENTRY,
        .value2 = age_ns,
    };
    node_see(node, &seen);
}

static void see_file(struct rp_node *node, struct rp_view path, rp_time_ns age_ns)
{
    struct rp_observation seen = {.kind = RP_SEE_RECONCILE_DELETE,
                                  .path = path,
                                  .value = RP_RECONCILE_FILE,
                                  .value2 = age_ns};
    node_see(node, &seen);
    seen = (struct rp_observation){
        .kind = RP_SEE_REMOVED, .path = path, .code = rp_view_text("orphan")};
    node_see(node, &seen);
}

/* ---- Storage ------------------------------------------------------------------------------------ */

static void on_listed(void *owner, int error)
{
    struct node_reconcile *reconcile = owner;
    const struct rp_store_request *request = &reconcile->list_call.request;
    rp_reconcile_listed(reconcile->machine, request->items, request->item_count, request->has_more,
                        error, node_now(reconcile->node));
    node_settle(reconcile->node);
}

static void list(struct node_reconcile *reconcile, const struct rp_reconcile_action *action)
{
    const struct rp_store_port *store = &reconcile->node->ports.store;
    store->list(store->state, node_call_begin(&reconcile->list_call, on_listed), action->prefix,
                action->cursor, action->item_max);
}

static void on_stated(void *owner, int error)
{
    struct reconcile_call *call = owner;
    struct rp_node *node = call->owner->node;
    rp_reconcile_stated(call->owner->machine, call->slot, call->call.request.stat.is_present, error,
                        node_now(node));
    node_settle(node);
}

static void on_removed(void *owner, int error)
{
    struct reconcile_call *call = owner;
    struct node_reconcile *reconcile = call->owner;
    struct rp_node *node = reconcile->node;
    call->is_removing = call->is_doubted = false;
    reconcile->removing_count -= 1;
    rp_release(node->ports.alloc, call->removing);
    call->removing = NULL;
    rp_reconcile_removed(reconcile->machine, call->slot, error, node_now(node));
    node_settle(node);
}

static void remove_file(struct reconcile_call *call, const struct rp_reconcile_action *action)
{
    struct rp_node *node = call->owner->node;
    call->removing = rp_allocate(node->ports.alloc, action->path.length_bytes);
    if (call->removing == NULL) {
        rp_reconcile_removed(call->owner->machine, call->slot, RP_ERR_NOMEM, node_now(node));
        return;
    }
    memcpy(call->removing, action->path.bytes, action->path.length_bytes);
    call->removing_bytes = action->path.length_bytes;
    call->is_removing = true;
    call->owner->removing_count += 1;
    see_file(node, action->path, action->age_ns);
    rp_presence_forget(node->presence, action->path);
    node->ports.store.remove(node->ports.store.state, node_call_begin(&call->call, on_removed),
                             action->path);
}

/* From within apply: the removal is called back by node_work, which follows at once. */
void node_reconcile_registered(struct rp_node *node, struct rp_view path)
{
    struct node_reconcile *reconcile = node->reconcile;
    for (uint32_t slot = 0; reconcile->removing_count > 0 && slot < reconcile->call_count;
         slot += 1) {
        struct reconcile_call *call = &reconcile->calls[slot];
        if (call->is_removing &&
            rp_view_equal(rp_view_make(call->removing, call->removing_bytes), path)) {
            call->is_doubted = reconcile->has_doubt = true;
        }
    }
}

static void call_back(struct node_reconcile *reconcile)
{
    reconcile->has_doubt = false;
    for (uint32_t slot = 0; slot < reconcile->call_count; slot += 1) {
        if (reconcile->calls[slot].is_doubted) {
            node_call_cancel(&reconcile->calls[slot].call);
        }
    }
}

/* ---- Other nodes, and the log ------------------------------------------------------------------- */

static void on_asked(void *owner, enum rp_reconcile_holding holding)
{
    struct reconcile_call *call = owner;
    rp_reconcile_asked(call->owner->machine, call->slot, holding, node_now(call->owner->node));
}

static void on_proposed(struct rp_node_proposal *proposal, int error, const char *code,
                        const char *text)
{
    (void)code;
    (void)text;
    struct node_reconcile *reconcile = proposal->context;
    rp_reconcile_proposed(reconcile->machine, error, node_now(reconcile->node));
    node_settle(reconcile->node);
}

static int encode(struct node_reconcile *reconcile, const struct rp_reconcile_action *action)
{
    const struct rp_alloc *alloc = reconcile->node->ports.alloc;
    struct rp_batch_operation *operations =
        rp_allocate_zeroed(alloc, action->entry_count * sizeof *operations);
    if (operations == NULL) {
        return RP_ERR_NOMEM;
    }
    for (size_t row = 0; row < action->entry_count; row += 1) {
        operations[row].type = RP_CMD_DELETE_FILE;
        operations[row].delete_path = action->entries[row]->path;
        operations[row].delete_reason = rp_view_text(RP_RECONCILE_REASON);
    }
    rp_buffer_reset(&reconcile->command);
    int error = rp_command_encode_batch(&reconcile->command, operations, action->entry_count);
    rp_release(alloc, operations);
    return error;
}

static void propose(struct node_reconcile *reconcile, const struct rp_reconcile_action *action)
{
    struct rp_node *node = reconcile->node;
    int error = encode(reconcile, action);
    if (error != 0) {
        rp_reconcile_proposed(reconcile->machine, error, node_now(node));
        return;
    }
    for (size_t row = 0; row < action->entry_count; row += 1) {
        see_entry(node, action->entries[row], action->ages_ns[row]);
    }
    rp_node_propose(node, &reconcile->proposal, rp_buffer_view(&reconcile->command));
}

/* ---- Those who asked ---------------------------------------------------------------------------- */

static void tell(struct node_reconcile *reconcile, const struct rp_reconcile_report *report)
{
    struct rp_node_reconcile **place = &reconcile->waiting;
    while (*place != NULL) {
        struct rp_node_reconcile *request = *place;
        if (request->number == report->number) {
            *place = request->next;
            request->done(request, report);
            place = &reconcile->waiting; /* the list may be another now */
        } else {
            place = &request->next;
        }
    }
}

/* Those that were refused, and not from within their own call. */
static void on_reply_timer(void *context)
{
    struct node_reconcile *reconcile = context;
    struct rp_node_reconcile *request = reconcile->waiting;
    while (request != NULL && request->number != 0) {
        request = request->next;
    }
    if (request == NULL) {
        return;
    }
    node_arm_after(reconcile->node, &reconcile->reply_timer, 0);
    rp_time_ns now_ns = node_now(reconcile->node);
    struct rp_reconcile_report report = {.cause = RP_RECONCILE_BY_REQUEST,
                                         .end = request->refusal,
                                         .began_ns = now_ns,
                                         .ended_ns = now_ns};
    struct rp_node_reconcile **place = &reconcile->waiting;
    while (*place != request) {
        place = &(*place)->next;
    }
    *place = request->next;
    request->done(request, &report);
}

void rp_node_reconcile(struct rp_node *node, struct rp_node_reconcile *request)
{
    struct node_reconcile *reconcile = node->reconcile;
    request->number = 0;
    if (reconcile == NULL) { /* standalone: there is nothing to compare */
        struct rp_reconcile_report report = {.end = RP_RECONCILE_DISABLED};
        request->done(request, &report);
        return;
    }
    request->next = reconcile->waiting;
    reconcile->waiting = request;
    request->refusal = rp_reconcile_trigger(reconcile->machine, request->is_act, node_now(node));
    if (request->refusal == RP_RECONCILE_COMPLETE) {
        struct rp_reconcile_status status;
        rp_reconcile_status(reconcile->machine, &status);
        request->number = status.run_count;
        node_kick(node);
    } else {
        node_arm_after(node, &reconcile->reply_timer, 0);
    }
}

/* ---- The machine's actions ---------------------------------------------------------------------- */

static int make_calls(struct node_reconcile *reconcile)
{
    const struct rp_alloc *alloc = reconcile->node->ports.alloc;
    uint32_t count = RP_RECONCILE_RECHECKS_MAX;
    if (reconcile->calls != NULL) {
        return 0;
    }
    reconcile->calls = rp_allocate_zeroed(alloc, count * sizeof *reconcile->calls);
    if (reconcile->calls == NULL) {
        return RP_ERR_NOMEM;
    }
    reconcile->call_count = count;
    for (uint32_t slot = 0; slot < count; slot += 1) {
        struct reconcile_call *call = &reconcile->calls[slot];
        call->owner = reconcile;
        call->slot = slot;
        node_call_init(&call->call, reconcile->node, on_stated, call);
        node_ask_init(&call->ask, reconcile->node, on_asked, call);
    }
    return 0;
}

static void cancel_calls(struct node_reconcile *reconcile)
{
    node_call_cancel(&reconcile->list_call);
    for (uint32_t slot = 0; slot < reconcile->call_count; slot += 1) {
        node_call_cancel(&reconcile->calls[slot].call);
        node_ask_cancel(&reconcile->calls[slot].ask);
    }
}

/* Without memory for the calls nothing is known, so nothing is deleted. */
static void refuse_call(struct node_reconcile *reconcile, const struct rp_reconcile_action *action)
{
    rp_time_ns now_ns = node_now(reconcile->node);
    switch (action->kind) {
    case RP_RECONCILE_DO_STAT:
        rp_reconcile_stated(reconcile->machine, action->slot, true, RP_ERR_NOMEM, now_ns);
        break;
    case RP_RECONCILE_DO_ASK:
        rp_reconcile_asked(reconcile->machine, action->slot, RP_RECONCILE_UNTOLD, now_ns);
        break;
    default: rp_reconcile_removed(reconcile->machine, action->slot, RP_ERR_NOMEM, now_ns); break;
    }
}

static void begin_call(struct node_reconcile *reconcile, const struct rp_reconcile_action *action)
{
    const struct rp_store_port *store = &reconcile->node->ports.store;
    if (make_calls(reconcile) != 0) {
        refuse_call(reconcile, action);
        return;
    }
    struct reconcile_call *call = &reconcile->calls[action->slot];
    switch (action->kind) {
    case RP_RECONCILE_DO_STAT:
        store->stat(store->state, node_call_begin(&call->call, on_stated), action->path);
        break;
    case RP_RECONCILE_DO_ASK: node_ask_begin(&call->ask, action->entry); break;
    default: remove_file(call, action); break;
    }
}

static void carry_out(struct node_reconcile *reconcile, const struct rp_reconcile_action *action)
{
    struct rp_node *node = reconcile->node;
    const struct rp_reconcile_report *report = action->report;
    switch (action->kind) {
    case RP_RECONCILE_DO_BEGIN:
        see(node, RP_SEE_RECONCILE_BEGIN, report->number, report->is_act ? 1 : 0, "");
        break;
    case RP_RECONCILE_DO_LIST: list(reconcile, action); break;
    case RP_RECONCILE_DO_LISTED:
        see(node, RP_SEE_RECONCILE_LISTED, report->listed_count, report->is_partial ? 0 : 1, "");
        break;
    case RP_RECONCILE_DO_STAT:
    case RP_RECONCILE_DO_ASK:
    case RP_RECONCILE_DO_REMOVE: begin_call(reconcile, action); break;
    case RP_RECONCILE_DO_PROPOSE: propose(reconcile, action); break;
    case RP_RECONCILE_DO_SWEPT:
        see(node, RP_SEE_RECONCILE_SWEPT, (uint64_t)action->sweep, 0, "");
        break;
    case RP_RECONCILE_DO_CANCEL: cancel_calls(reconcile); break;
    case RP_RECONCILE_DO_END:
        see(node, RP_SEE_RECONCILE_END, report->number,
            report->deleted_manifest_count + report->deleted_storage_count,
            rp_reconcile_end_name(report->end));
        tell(reconcile, report);
        break;
    }
}

void node_reconcile_run(struct rp_node *node)
{
    struct node_reconcile *reconcile = node->reconcile;
    if (reconcile->has_doubt) {
        call_back(reconcile);
    }
    rp_reconcile_poke(reconcile->machine, node_now(node));
    struct rp_reconcile_action action;
    while (rp_reconcile_next(reconcile->machine, &action)) {
        carry_out(reconcile, &action);
    }
    node_arm_at(node, &reconcile->timer, rp_reconcile_deadline(reconcile->machine));
}

static void on_timer(void *context)
{
    struct node_reconcile *reconcile = context;
    rp_reconcile_tick(reconcile->machine, node_now(reconcile->node));
    node_settle(reconcile->node);
}

/* ---- Life --------------------------------------------------------------------------------------- */

void node_reconcile_start(struct rp_node *node)
{
    rp_reconcile_start(node->reconcile->machine, node_now(node));
}

void node_reconcile_stop(struct rp_node *node)
{
    rp_reconcile_stop(node->reconcile->machine, node_now(node));
    node_reconcile_run(node);
}

bool node_reconcile_is_idle(const struct rp_node *node)
{
    return rp_reconcile_is_idle(node->reconcile->machine) && node->reconcile->waiting == NULL;
}

void node_reconcile_inspect(const struct rp_node *node, struct rp_reconcile_status *status_out)
{
    rp_reconcile_status(node->reconcile->machine, status_out);
}

static int make_machine(struct node_reconcile *reconcile)
{
    struct rp_node *node = reconcile->node;
    const struct rp_config *config = &node->config;
    struct rp_reconcile_host host = {
        .context = node,
        .entry_count = host_entry_count,
        .page = host_page,
        .find = host_find,
        .is_pending = host_is_pending,
        .may_sweep_manifest = host_may_sweep,
        .may_sweep_storage = host_may_sweep,
        .is_caught_up = host_is_caught_up,
        .wall_unix_ns = host_wall_unix_ns,
    };
    struct rp_reconcile_settings settings = {
        .traits = node->traits,
        .host = &host,
        .storage = RP_RECONCILE_LOCAL,
        .self_id = node_id(node),
        .is_enabled = config->is_reconciliation_enabled,
        .is_dry_run = config->is_reconciliation_dry_run,
        .keeps_unknown_databases = !config->is_reconciliation_of_unknown_databases,
        .schedule = rp_view_text(config->reconciliation_schedule),
        .grace_ns = config->reconciliation_grace_ns,
        .skew_ns = config->reconciliation_skew_ns,
        .list_timeout_ns = config->reconciliation_list_timeout_ns,
        .run_timeout_ns = config->reconciliation_run_timeout_ns,
        .manifest_cap = config->reconciliation_manifest_cap,
        .delete_cap = config->reconciliation_delete_cap,
        .batch = config->reconciliation_batch,
        .sample_max = config->reconciliation_sample,
        .root_walk_max = config->reconciliation_root_walk,
        .recheck_max = config->reconciliation_rechecks,
    };
    char note[160];
    return rp_reconcile_new(&settings, node->ports.alloc, &reconcile->machine, note);
}

int node_reconcile_init(struct rp_node *node)
{
    struct node_reconcile *reconcile = rp_allocate_zeroed(node->ports.alloc, sizeof *reconcile);
    if (reconcile == NULL) {
        return RP_ERR_NOMEM;
    }
    node->reconcile = reconcile;
    reconcile->node = node;
    reconcile->proposal.done = on_proposed;
    reconcile->proposal.context = reconcile;
    node_timer_init(&reconcile->timer, on_timer, reconcile);
    node_timer_init(&reconcile->reply_timer, on_reply_timer, reconcile);
    node_call_init(&reconcile->list_call, node, on_listed, reconcile);
    rp_buffer_init(&reconcile->command, node->ports.alloc, RP_FRAME_LENGTH_MAX);
    return make_machine(reconcile);
}

static void tell_all_cancelled(struct node_reconcile *reconcile)
{
    while (reconcile->waiting != NULL) {
        struct rp_node_reconcile *request = reconcile->waiting;
        struct rp_reconcile_report report = {.end = RP_RECONCILE_CANCELLED};
        reconcile->waiting = request->next;
        request->done(request, &report);
    }
}

void node_reconcile_clear(struct rp_node *node)
{
    struct node_reconcile *reconcile = node->reconcile;
    if (reconcile == NULL) {
        return;
    }
    node_disarm(node, &reconcile->timer);
    node_disarm(node, &reconcile->reply_timer);
    tell_all_cancelled(reconcile);
    for (uint32_t slot = 0; slot < reconcile->call_count; slot += 1) {
        rp_release(node->ports.alloc, reconcile->calls[slot].removing);
        node_ask_clear(&reconcile->calls[slot].ask);
    }
    rp_release(node->ports.alloc, reconcile->calls);
    rp_reconcile_free(reconcile->machine);
    rp_buffer_clear(&reconcile->command);
    rp_release(node->ports.alloc, reconcile);
    node->reconcile = NULL;
}
