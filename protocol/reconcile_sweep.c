#include "protocol/reconcile_inner.h"

/* The two sweeps, in batches: entries first, files only after every entry's batch went well
 * (behaviour.md 12.3; invariants.md, reconcile-conservative).
 *
 *   entries:  [ASK each] -> STAT each -> PROPOSE the rest in one command -> next batch
 *   files:    REMOVE each that the manifest still does not know          -> next batch
 *
 * Each batch takes no more than the cap has left, and begins only while the gate is open. */

/* ---- Batches ------------------------------------------------------------------------------------ */

static bool is_half_open(const struct rp_reconcile *reconcile)
{
    const struct rp_reconcile_host *host = &reconcile->host;
    bool is_open = reconcile->sweep == RP_RECONCILE_ENTRY ? host->may_sweep_manifest(host->context)
                                                          : host->may_sweep_storage(host->context);
    return is_open && (!reconcile->rules.needs_caught_up || host->is_caught_up(host->context));
}

static uint64_t cap_left(const struct rp_reconcile *reconcile)
{
    return reconcile->settings.delete_cap - reconcile->action_count;
}

/* The next ripe orphan of the sweep's kind; false: none is left. */
static bool find_ripe(struct rp_reconcile *reconcile)
{
    for (; reconcile->orphan_next < reconcile->orphan_count; reconcile->orphan_next += 1) {
        const struct reconcile_orphan *orphan = &reconcile->orphans[reconcile->orphan_next];
        if (orphan->kind == reconcile->sweep && orphan->is_ripe) {
            return true;
        }
    }
    return false;
}

static void fill_batch(struct rp_reconcile *reconcile)
{
    uint64_t left = cap_left(reconcile);
    size_t path_bytes = 0;
    reconcile->item_count = reconcile->item_next = reconcile->item_done_count = 0;
    while (reconcile->item_count < reconcile->settings.batch && reconcile->item_count < left &&
           find_ripe(reconcile)) {
        size_t length = reconcile->orphans[reconcile->orphan_next].path.length_bytes;
        if (reconcile->item_count > 0 && path_bytes + length > RECONCILE_BATCH_BYTES_MAX) {
            break;
        }
        path_bytes += length;
        reconcile->items[reconcile->item_count] =
            (struct reconcile_item){.orphan = reconcile->orphan_next};
        reconcile->item_count += 1;
        reconcile->orphan_next += 1;
    }
}

static const struct reconcile_orphan *orphan_of(const struct rp_reconcile *reconcile, size_t item)
{
    return &reconcile->orphans[reconcile->items[item].orphan];
}

static bool is_pending(const struct rp_reconcile *reconcile, struct rp_view path)
{
    return reconcile->rules.spares_pending &&
           reconcile->host.is_pending(reconcile->host.context, path);
}

/* The entry is still that version, and nothing of ours is about to show the file. */
static bool is_entry_same(const struct rp_reconcile *reconcile, size_t item)
{
    const struct rp_reconcile_host *host = &reconcile->host;
    const struct rp_file_entry *entry = orphan_of(reconcile, item)->entry;
    const struct rp_file_entry *now = host->find(host->context, entry->path);
    return now != NULL && now->lsn == entry->lsn && !is_pending(reconcile, entry->path);
}

/* Asked again of the whole manifest, not of the snapshot, right before the file goes. */
static bool is_file_unknown(const struct rp_reconcile *reconcile, size_t item)
{
    const struct rp_reconcile_host *host = &reconcile->host;
    struct rp_view path = orphan_of(reconcile, item)->path;
    return host->find(host->context, path) == NULL && !is_pending(reconcile, path);
}

static void keep_item(struct rp_reconcile *reconcile, size_t item, uint64_t *count)
{
    reconcile->items[item].is_kept = true;
    *count += 1;
}

/* ---- Slots -------------------------------------------------------------------------------------- */

/* Is a call of this phase due for the item? What needs none is done with at once. */
static bool is_call_due(struct rp_reconcile *reconcile, size_t item)
{
    uint64_t *kept_count = &reconcile_report(reconcile)->recheck_kept_count;
    if (reconcile->items[item].is_kept) {
        return false;
    }
    bool is_orphan = reconcile->phase == RECONCILE_REMOVING ? is_file_unknown(reconcile, item)
                                                            : is_entry_same(reconcile, item);
    if (!is_orphan) {
        keep_item(reconcile, item, kept_count);
    }
    return is_orphan;
}

/* Gives free slots the next items. True: all items of the phase are done. */
static bool feed_slots(struct rp_reconcile *reconcile)
{
    for (uint32_t slot = 0; slot < reconcile->settings.recheck_max; slot += 1) {
        while (reconcile->slots[slot].state == SLOT_FREE &&
               reconcile->item_next < reconcile->item_count) {
            size_t item = reconcile->item_next;
            reconcile->item_next += 1;
            if (is_call_due(reconcile, item)) {
                reconcile->slots[slot] = (struct reconcile_slot){SLOT_WANTED, item};
                reconcile->action_count += reconcile->phase == RECONCILE_REMOVING;
            } else {
                reconcile->item_done_count += 1;
            }
        }
    }
    return reconcile->item_done_count == reconcile->item_count;
}

void reconcile_sweep_fill(const struct rp_reconcile *reconcile, uint32_t slot,
                          struct rp_reconcile_action *action_out)
{
    const struct reconcile_orphan *orphan = orphan_of(reconcile, reconcile->slots[slot].item);
    action_out->slot = slot;
    action_out->path = orphan->path;
    action_out->age_ns = orphan->age_ns;
    switch (reconcile->phase) {
    case RECONCILE_ASKING:
        action_out->kind = RP_RECONCILE_DO_ASK;
        action_out->entry = orphan->entry;
        break;
    case RECONCILE_STATING: action_out->kind = RP_RECONCILE_DO_STAT; break;
    default: action_out->kind = RP_RECONCILE_DO_REMOVE; break;
    }
}

/* ---- Going on ----------------------------------------------------------------------------------- */

static void begin_phase(struct rp_reconcile *reconcile, enum reconcile_phase phase)
{
    reconcile->phase = phase;
    reconcile->item_next = reconcile->item_done_count = 0;
}

/* What the second look left. An entry that changed while others were looked at stays as well. */
static void make_proposal(struct rp_reconcile *reconcile)
{
    uint64_t *kept_count = &reconcile_report(reconcile)->recheck_kept_count;
    reconcile->proposal_count = 0;
    for (size_t item = 0; item < reconcile->item_count; item += 1) {
        if (!reconcile->items[item].is_kept && !is_entry_same(reconcile, item)) {
            keep_item(reconcile, item, kept_count);
        }
        if (!reconcile->items[item].is_kept) {
            const struct reconcile_orphan *orphan = orphan_of(reconcile, item);
            reconcile->proposal[reconcile->proposal_count] = orphan->entry;
            reconcile->proposal_ages_ns[reconcile->proposal_count] = orphan->age_ns;
            reconcile->proposal_count += 1;
        }
    }
}

static void propose(struct rp_reconcile *reconcile, rp_time_ns now_ns)
{
    if (!is_half_open(reconcile)) {
        reconcile_finish(reconcile, RP_RECONCILE_GATED, now_ns);
        return;
    }
    make_proposal(reconcile);
    if (reconcile->proposal_count == 0) {
        reconcile->phase = RECONCILE_BATCHING;
        return;
    }
    reconcile->phase = RECONCILE_PROPOSING;
    reconcile->action_count += reconcile->proposal_count;
    reconcile->propose_call = CALL_WANTED;
}

static void begin_sweep(struct rp_reconcile *reconcile, enum rp_reconcile_kind sweep)
{
    reconcile->sweep = sweep;
    reconcile->orphan_next = 0;
    reconcile->phase = RECONCILE_BATCHING;
}

static void end_sweep(struct rp_reconcile *reconcile, rp_time_ns now_ns)
{
    reconcile_mark(reconcile, RP_RECONCILE_DO_SWEPT)->sweep = reconcile->sweep;
    if (reconcile->sweep == RP_RECONCILE_FILE) {
        reconcile_finish(reconcile, RP_RECONCILE_COMPLETE, now_ns);
    } else {
        begin_sweep(reconcile, RP_RECONCILE_FILE);
    }
}

/* A half that was never open is passed by where the two are apart; a gate that shuts between batches
 * ends the run. */
static void meet_shut_gate(struct rp_reconcile *reconcile, rp_time_ns now_ns)
{
    bool is_first_batch = reconcile->orphan_next == 0;
    bool may_go_on = reconcile->rules.sweeps_are_apart && is_first_batch;
    if (may_go_on && reconcile->sweep == RP_RECONCILE_ENTRY) {
        begin_sweep(reconcile, RP_RECONCILE_FILE);
    } else {
        reconcile_finish(reconcile, may_go_on ? RP_RECONCILE_COMPLETE : RP_RECONCILE_GATED, now_ns);
    }
}

/* Only a disk of one's own leaves it open who else has the file. */
static bool asks_peers(const struct rp_reconcile *reconcile)
{
    return reconcile->rules.asks_peers && reconcile->settings.storage == RP_RECONCILE_LOCAL;
}

static void begin_batch(struct rp_reconcile *reconcile, rp_time_ns now_ns)
{
    if (!is_half_open(reconcile)) {
        meet_shut_gate(reconcile, now_ns);
    } else if (!find_ripe(reconcile)) {
        end_sweep(reconcile, now_ns);
    } else if (cap_left(reconcile) == 0) {
        reconcile_finish(reconcile, RP_RECONCILE_CAPPED, now_ns);
    } else {
        fill_batch(reconcile);
        begin_phase(reconcile, reconcile->sweep == RP_RECONCILE_FILE ? RECONCILE_REMOVING
                               : asks_peers(reconcile)               ? RECONCILE_ASKING
                                                                     : RECONCILE_STATING);
    }
}

/* Until a call is outstanding or the run is over. */
static void go_on(struct rp_reconcile *reconcile, rp_time_ns now_ns)
{
    for (;;) {
        switch (reconcile->phase) {
        case RECONCILE_BATCHING: begin_batch(reconcile, now_ns); continue;
        case RECONCILE_ASKING:
        case RECONCILE_STATING:
        case RECONCILE_REMOVING: break;
        default: return;
        }
        if (!feed_slots(reconcile)) {
            return;
        }
        if (reconcile->phase == RECONCILE_ASKING) {
            begin_phase(reconcile, RECONCILE_STATING);
        } else if (reconcile->phase == RECONCILE_STATING) {
            propose(reconcile, now_ns);
        } else {
            reconcile->phase = RECONCILE_BATCHING;
        }
    }
}

static int make_room(struct rp_reconcile *reconcile)
{
    size_t batch = reconcile->settings.batch;
    if (batch > reconcile->orphan_count) {
        batch = reconcile->orphan_count;
    }
    batch = batch == 0 ? 1 : batch;
    reconcile->items = rp_allocate_zeroed(reconcile->alloc, batch * sizeof *reconcile->items);
    reconcile->slots = rp_allocate_zeroed(reconcile->alloc, reconcile->settings.recheck_max *
                                                                sizeof *reconcile->slots);
    reconcile->proposal = rp_allocate_zeroed(reconcile->alloc, batch * sizeof *reconcile->proposal);
    reconcile->proposal_ages_ns =
        rp_allocate_zeroed(reconcile->alloc, batch * sizeof *reconcile->proposal_ages_ns);
    bool is_complete = reconcile->items != NULL && reconcile->slots != NULL &&
                       reconcile->proposal != NULL && reconcile->proposal_ages_ns != NULL;
    return is_complete ? 0 : RP_ERR_NOMEM;
}

void reconcile_sweep_begin(struct rp_reconcile *reconcile, rp_time_ns now_ns)
{
    if (!reconcile_report(reconcile)->is_act) {
        reconcile_finish(reconcile, RP_RECONCILE_COMPLETE, now_ns);
        return;
    }
    if (make_room(reconcile) != 0) {
        reconcile_finish(reconcile, RP_RECONCILE_NOMEM, now_ns);
        return;
    }
    begin_sweep(reconcile, RP_RECONCILE_ENTRY);
    go_on(reconcile, now_ns);
}

void reconcile_sweep_clear(struct rp_reconcile *reconcile)
{
    rp_release(reconcile->alloc, reconcile->items);
    rp_release(reconcile->alloc, reconcile->slots);
    rp_release(reconcile->alloc, (void *)reconcile->proposal);
    rp_release(reconcile->alloc, reconcile->proposal_ages_ns);
    reconcile->items = NULL;
    reconcile->slots = NULL;
    reconcile->proposal = NULL;
    reconcile->proposal_ages_ns = NULL;
    reconcile->item_count = reconcile->proposal_count = 0;
    reconcile->propose_call = CALL_NONE;
}

/* ---- Answers ------------------------------------------------------------------------------------ */

/* The item that the answer is about; false: of a run that has ended. */
static bool take_answer(struct rp_reconcile *reconcile, enum reconcile_phase phase, uint32_t slot,
                        size_t *item_out)
{
    RP_ASSERT(reconcile->outstanding_count > 0);
    reconcile->outstanding_count -= 1;
    if (reconcile->phase != phase) {
        return false;
    }
    RP_ASSERT(slot < reconcile->settings.recheck_max);
    RP_ASSERT(reconcile->slots[slot].state == SLOT_OUT);
    reconcile->slots[slot].state = SLOT_FREE;
    reconcile->item_done_count += 1;
    *item_out = reconcile->slots[slot].item;
    return true;
}

void rp_reconcile_asked(struct rp_reconcile *reconcile, uint32_t slot,
                        enum rp_reconcile_holding holding, rp_time_ns now_ns)
{
    size_t item = 0;
    if (!take_answer(reconcile, RECONCILE_ASKING, slot, &item)) {
        return;
    }
    if (holding != RP_RECONCILE_HELD_BY_NONE) {
        keep_item(reconcile, item, &reconcile_report(reconcile)->held_count);
    }
    go_on(reconcile, now_ns);
}

void rp_reconcile_stated(struct rp_reconcile *reconcile, uint32_t slot, bool is_present, int error,
                         rp_time_ns now_ns)
{
    size_t item = 0;
    if (!take_answer(reconcile, RECONCILE_STATING, slot, &item)) {
        return;
    }
    struct rp_reconcile_report *report = reconcile_report(reconcile);
    if (error != 0 && error != RP_ERR_NOT_FOUND) {
        keep_item(reconcile, item, &report->error_count);
    } else if (error == 0 && is_present) {
        keep_item(reconcile, item, &report->recheck_kept_count);
    }
    go_on(reconcile, now_ns);
}

/* behaviour.md 12.3: any error of a proposal ends the run, and storage is not swept. */
void rp_reconcile_proposed(struct rp_reconcile *reconcile, int error, rp_time_ns now_ns)
{
    RP_ASSERT(reconcile->outstanding_count > 0);
    reconcile->outstanding_count -= 1;
    if (reconcile->phase != RECONCILE_PROPOSING) {
        return;
    }
    reconcile->propose_call = CALL_NONE;
    if (error != 0) {
        reconcile_finish(reconcile, RP_RECONCILE_PROPOSE_FAILED, now_ns);
        return;
    }
    reconcile_report(reconcile)->deleted_manifest_count += reconcile->proposal_count;
    reconcile->phase = RECONCILE_BATCHING;
    go_on(reconcile, now_ns);
}

/* Errors are noted, the run goes on. */
void rp_reconcile_removed(struct rp_reconcile *reconcile, uint32_t slot, int error,
                          rp_time_ns now_ns)
{
    size_t item = 0;
    if (!take_answer(reconcile, RECONCILE_REMOVING, slot, &item)) {
        return;
    }
    struct rp_reconcile_report *report = reconcile_report(reconcile);
    if (error == 0) {
        report->deleted_storage_count += 1;
    } else if (error == RP_ERR_CANCELLED) {
        report->recheck_kept_count += 1; /* the node saw it registered meanwhile */
    } else {
        report->error_count += 1;
    }
    go_on(reconcile, now_ns);
}
