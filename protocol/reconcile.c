#include "protocol/reconcile_inner.h"

/* How long the schedule sleeps at most before it looks at the wall clock again, which may jump. */
#define SCHEDULE_SLEEP_MAX_NS (3600 * RP_NS_PER_S)

/* ---- Release differences ------------------------------------------------------------------------ */

/* The only reader of the trait; see the head of reconcile.h. */
static struct reconcile_rules rules_of(enum rp_reconciliation reconciliation)
{
    switch (reconciliation) {
    case RP_RECONCILE_NONE: break;
    case RP_RECONCILE_OWN_COPY_GONE:
        return (struct reconcile_rules){.is_there = true,
                                        .request_overrules = true,
                                        .acts_on_partial = true,
                                        .sweeps_are_apart = true,
                                        .prefix_segments = 2};
    case RP_RECONCILE_HELD_NOWHERE:
        return (struct reconcile_rules){.is_there = true,
                                        .asks_peers = true,
                                        .needs_caught_up = true,
                                        .needs_sighting = true,
                                        .spares_pending = true,
                                        .compares_all_files = true,
                                        .prefix_segments = 1};
    }
    return (struct reconcile_rules){.prefix_segments = 2};
}

/* ---- Birth and death ---------------------------------------------------------------------------- */

static bool is_complete_host(const struct rp_reconcile_host *host)
{
    return host != NULL && host->entry_count != NULL && host->page != NULL && host->find != NULL &&
           host->is_pending != NULL && host->may_sweep_manifest != NULL &&
           host->may_sweep_storage != NULL && host->is_caught_up != NULL &&
           host->wall_unix_ns != NULL;
}

static void default_count(uint32_t *count, uint32_t value)
{
    *count = *count == 0 ? value : *count;
}

static void default_time(rp_time_ns *time_ns, rp_time_ns value_ns)
{
    *time_ns = *time_ns == 0 ? value_ns : *time_ns;
}

/* behaviour.md 12.3 */
static void apply_defaults(struct rp_reconcile_settings *settings)
{
    default_time(&settings->grace_ns, RP_RECONCILE_GRACE_NS);
    default_time(&settings->skew_ns, RP_RECONCILE_SKEW_NS);
    default_time(&settings->list_timeout_ns, RP_RECONCILE_LIST_TIMEOUT_NS);
    default_time(&settings->run_timeout_ns, RP_RECONCILE_RUN_TIMEOUT_NS);
    default_count(&settings->manifest_cap, RP_RECONCILE_MANIFEST_CAP);
    default_count(&settings->delete_cap, RP_RECONCILE_DELETE_CAP);
    default_count(&settings->batch, RP_RECONCILE_BATCH);
    default_count(&settings->sample_max, RP_RECONCILE_SAMPLE);
    default_count(&settings->root_walk_max, RP_RECONCILE_ROOT_WALK);
    default_count(&settings->recheck_max, RP_RECONCILE_RECHECKS);
    if (settings->sample_max > RP_RECONCILE_SAMPLE_MAX) {
        settings->sample_max = RP_RECONCILE_SAMPLE_MAX;
    }
    if (settings->recheck_max > RP_RECONCILE_RECHECKS_MAX) {
        settings->recheck_max = RP_RECONCILE_RECHECKS_MAX;
    }
}

static int refuse(char note_out[160], const char *text)
{
    size_t length = strlen(text);
    memcpy(note_out, text, length + 1);
    return RP_ERR_INVALID;
}

static int judge(const struct rp_reconcile_settings *settings, char note_out[160])
{
    note_out[0] = '\0';
    if (settings->traits == NULL) {
        return refuse(note_out, "reconciliation: no release is given");
    }
    if (!is_complete_host(settings->host)) {
        return refuse(note_out, "reconciliation: a function of the host is missing");
    }
    if (settings->storage != RP_RECONCILE_STANDALONE && settings->self_id.length_bytes == 0) {
        return refuse(note_out, "reconciliation: a node of a cluster needs its id");
    }
    return 0;
}

int rp_reconcile_new(const struct rp_reconcile_settings *settings, const struct rp_alloc *alloc,
                     struct rp_reconcile **reconcile_out, char note_out[160])
{
    struct rp_view text = settings->schedule.length_bytes == 0 ? rp_view_text(RP_RECONCILE_SCHEDULE)
                                                               : settings->schedule;
    struct rp_schedule schedule;
    int error = judge(settings, note_out);
    if (error == 0) {
        error = rp_schedule_parse(text, &schedule, note_out);
    }
    if (error != 0) {
        return error;
    }
    size_t id_length = settings->self_id.length_bytes;
    struct rp_reconcile *reconcile = rp_allocate_zeroed(alloc, sizeof *reconcile + id_length);
    if (reconcile == NULL) {
        return RP_ERR_NOMEM;
    }
    if (id_length > 0) {
        memcpy(reconcile + 1, settings->self_id.bytes, id_length);
    }
    reconcile->alloc = alloc;
    reconcile->rules = rules_of(settings->traits->reconciliation);
    reconcile->host = *settings->host;
    reconcile->settings = *settings;
    reconcile->settings.host = NULL;
    reconcile->settings.schedule = rp_view_make(NULL, 0);
    apply_defaults(&reconcile->settings);
    reconcile->self_id = rp_view_make(reconcile + 1, id_length);
    reconcile->schedule = schedule;
    reconcile->next_unix_s = RP_SCHEDULE_NEVER;
    reconcile->schedule_deadline_ns = RP_TIME_NEVER;
    rp_table_init(&reconcile->sightings, alloc);
    rp_arena_init(&reconcile->arena, alloc);
    rp_arena_init(&reconcile->present.arena, alloc);
    for (size_t slot = 0; slot < RP_RECONCILE_HISTORY; slot += 1) {
        rp_arena_init(&reconcile->history[slot].arena, alloc);
    }
    rp_buffer_init(&reconcile->root_cursor, alloc, RP_FRAME_LENGTH_MAX);
    rp_buffer_init(&reconcile->list_cursor, alloc, RP_FRAME_LENGTH_MAX);
    rp_buffer_init(&reconcile->list_prefix, alloc, RP_FRAME_LENGTH_MAX);
    *reconcile_out = reconcile;
    return 0;
}

static void clear_run(struct rp_reconcile *reconcile)
{
    reconcile_sweep_clear(reconcile);
    reconcile_diff_clear(reconcile);
    reconcile_list_clear(reconcile);
    rp_arena_reset(&reconcile->arena);
}

void rp_reconcile_free(struct rp_reconcile *reconcile)
{
    if (reconcile == NULL) {
        return;
    }
    clear_run(reconcile);
    reconcile_sightings_clear(reconcile);
    rp_arena_clear(&reconcile->arena);
    rp_arena_clear(&reconcile->present.arena);
    for (size_t slot = 0; slot < RP_RECONCILE_HISTORY; slot += 1) {
        rp_arena_clear(&reconcile->history[slot].arena);
    }
    rp_buffer_clear(&reconcile->root_cursor);
    rp_buffer_clear(&reconcile->list_cursor);
    rp_buffer_clear(&reconcile->list_prefix);
    rp_release(reconcile->alloc, reconcile);
}

int reconcile_grow(struct rp_reconcile *reconcile, void **array, size_t *max, size_t count,
                   size_t item_bytes)
{
    if (count < *max) {
        return 0;
    }
    size_t wanted = *max == 0 ? 64 : *max * 2;
    void *grown = rp_resize(reconcile->alloc, *array, wanted * item_bytes);
    if (grown == NULL) {
        return RP_ERR_NOMEM;
    }
    *array = grown;
    *max = wanted;
    return 0;
}

struct rp_view reconcile_top(struct rp_view path)
{
    const uint8_t *slash =
        path.length_bytes == 0 ? NULL : memchr(path.bytes, '/', path.length_bytes);
    return rp_view_make(path.bytes, slash == NULL ? 0 : (size_t)(slash - path.bytes));
}

/* ---- Actions ------------------------------------------------------------------------------------ */

struct rp_reconcile_action *reconcile_mark(struct rp_reconcile *reconcile,
                                           enum rp_reconcile_action_kind kind)
{
    RP_ASSERT(reconcile->marker_count < RECONCILE_MARKER_MAX);
    size_t slot = (reconcile->marker_first + reconcile->marker_count) % RECONCILE_MARKER_MAX;
    reconcile->marker_count += 1;
    memset(&reconcile->markers[slot], 0, sizeof reconcile->markers[slot]);
    reconcile->markers[slot].kind = kind;
    reconcile->markers[slot].report = reconcile_report(reconcile);
    return &reconcile->markers[slot];
}

static bool next_call(struct rp_reconcile *reconcile, struct rp_reconcile_action *action_out)
{
    if (reconcile->list_call == CALL_WANTED) {
        reconcile->list_call = CALL_OUT;
        reconcile_list_fill(reconcile, action_out);
        return true;
    }
    if (reconcile->propose_call == CALL_WANTED) {
        reconcile->propose_call = CALL_OUT;
        action_out->kind = RP_RECONCILE_DO_PROPOSE;
        action_out->entries = reconcile->proposal;
        action_out->ages_ns = reconcile->proposal_ages_ns;
        action_out->entry_count = reconcile->proposal_count;
        return true;
    }
    for (uint32_t slot = 0; reconcile->slots != NULL && slot < reconcile->settings.recheck_max;
         slot += 1) {
        if (reconcile->slots[slot].state == SLOT_WANTED) {
            reconcile->slots[slot].state = SLOT_OUT;
            reconcile_sweep_fill(reconcile, slot, action_out);
            return true;
        }
    }
    return false;
}

bool rp_reconcile_next(struct rp_reconcile *reconcile, struct rp_reconcile_action *action_out)
{
    if (reconcile->marker_count > 0) {
        *action_out = reconcile->markers[reconcile->marker_first];
        reconcile->marker_first = (reconcile->marker_first + 1) % RECONCILE_MARKER_MAX;
        reconcile->marker_count -= 1;
        return true;
    }
    memset(action_out, 0, sizeof *action_out);
    bool is_call = reconcile->phase != RECONCILE_IDLE && next_call(reconcile, action_out);
    reconcile->outstanding_count += is_call;
    return is_call;
}

/* ---- Run control -------------------------------------------------------------------------------- */

static bool is_look(const struct rp_reconcile *reconcile)
{
    return reconcile->present.report.cause == RP_RECONCILE_BY_LOOK;
}

static bool is_gate_open(const struct rp_reconcile *reconcile)
{
    const struct rp_reconcile_host *host = &reconcile->host;
    bool is_any_half =
        host->may_sweep_manifest(host->context) || host->may_sweep_storage(host->context);
    return is_any_half && (!reconcile->rules.needs_caught_up || host->is_caught_up(host->context));
}

static rp_time_ns later(rp_time_ns now_ns, rp_time_ns wait_ns)
{
    return wait_ns > RP_TIME_NEVER - now_ns ? RP_TIME_NEVER : now_ns + wait_ns;
}

/* The finished run's record goes into the ring, in place of the oldest; the present one gets what
 * memory that had. */
static struct reconcile_record *keep_record(struct rp_reconcile *reconcile)
{
    struct reconcile_record *place =
        &reconcile->history[reconcile->history_count % RP_RECONCILE_HISTORY];
    struct rp_arena spare = place->arena;
    *place = reconcile->present;
    reconcile->history_count += 1;
    memset(&reconcile->present, 0, sizeof reconcile->present);
    reconcile->present.arena = spare;
    rp_arena_reset(&reconcile->present.arena);
    return place;
}

void reconcile_finish(struct rp_reconcile *reconcile, enum rp_reconcile_end end, rp_time_ns now_ns)
{
    struct rp_reconcile_report *report = reconcile_report(reconcile);
    report->end = end;
    report->ended_ns = now_ns;
    reconcile->phase = RECONCILE_IDLE;
    if (reconcile->outstanding_count > 0) {
        reconcile_mark(reconcile, RP_RECONCILE_DO_CANCEL);
    }
    if (!is_look(reconcile)) {
        const struct rp_reconcile_report *kept = &keep_record(reconcile)->report;
        reconcile_mark(reconcile, RP_RECONCILE_DO_END);
        for (size_t at = 0; at < RECONCILE_MARKER_MAX; at += 1) {
            reconcile->markers[at].report = kept; /* those not taken out yet speak of this run */
        }
    }
    clear_run(reconcile);
}

static void begin_run(struct rp_reconcile *reconcile, enum rp_reconcile_cause cause,
                      rp_time_ns now_ns)
{
    struct rp_reconcile_report *report = reconcile_report(reconcile);
    rp_arena_reset(&reconcile->present.arena);
    *report = (struct rp_reconcile_report){.cause = cause, .began_ns = now_ns};
    reconcile->pass += 1;
    reconcile->action_count = 0;
    reconcile->list_deadline_ns = later(now_ns, reconcile->settings.list_timeout_ns);
    reconcile->run_deadline_ns = later(now_ns, reconcile->settings.run_timeout_ns);
    reconcile->phase = RECONCILE_LISTING;
    report->entry_count = reconcile->host.entry_count(reconcile->host.context);
}

static void name_run(struct rp_reconcile *reconcile, enum rp_reconcile_cause cause, bool is_act,
                     rp_time_ns now_ns)
{
    struct rp_reconcile_report *report = reconcile_report(reconcile);
    reconcile->run_count += 1;
    report->number = reconcile->run_count;
    report->cause = cause;
    report->is_act = is_act;
    report->began_ns = now_ns;
    reconcile_mark(reconcile, RP_RECONCILE_DO_BEGIN);
}

static void take_snapshot(struct rp_reconcile *reconcile, rp_time_ns now_ns)
{
    if (reconcile_report(reconcile)->entry_count > reconcile->settings.manifest_cap) {
        reconcile_finish(reconcile, RP_RECONCILE_MANIFEST_TOO_LARGE, now_ns);
    } else if (reconcile_list_begin(reconcile) != 0) {
        reconcile_finish(reconcile, RP_RECONCILE_NOMEM, now_ns);
    }
}

/* A look that is under way becomes the run that is asked for: both begin with the same listing. */
static void adopt_look(struct rp_reconcile *reconcile, enum rp_reconcile_cause cause, bool is_act,
                       rp_time_ns now_ns)
{
    name_run(reconcile, cause, is_act, now_ns);
    reconcile->list_deadline_ns = later(now_ns, reconcile->settings.list_timeout_ns);
    reconcile->run_deadline_ns = later(now_ns, reconcile->settings.run_timeout_ns);
}

static enum rp_reconcile_end refusal(const struct rp_reconcile *reconcile)
{
    if (!reconcile->rules.is_there) {
        return RP_RECONCILE_UNSUPPORTED;
    }
    if (!reconcile->settings.is_enabled) {
        return RP_RECONCILE_DISABLED;
    }
    if (!reconcile->is_started || reconcile->is_stopped) {
        return RP_RECONCILE_CANCELLED;
    }
    bool is_running =
        reconcile->phase != RECONCILE_IDLE ? !is_look(reconcile) : reconcile->outstanding_count > 0;
    if (is_running) {
        return RP_RECONCILE_RUNNING;
    }
    return is_gate_open(reconcile) ? RP_RECONCILE_COMPLETE : RP_RECONCILE_GATED;
}

static enum rp_reconcile_end trigger(struct rp_reconcile *reconcile, enum rp_reconcile_cause cause,
                                     bool is_act, rp_time_ns now_ns)
{
    enum rp_reconcile_end why_not = refusal(reconcile);
    if (why_not != RP_RECONCILE_COMPLETE) {
        reconcile->refused_count += 1;
        return why_not;
    }
    if (reconcile->phase != RECONCILE_IDLE) {
        adopt_look(reconcile, cause, is_act, now_ns);
        return RP_RECONCILE_COMPLETE;
    }
    begin_run(reconcile, cause, now_ns);
    name_run(reconcile, cause, is_act, now_ns);
    take_snapshot(reconcile, now_ns);
    return RP_RECONCILE_COMPLETE;
}

enum rp_reconcile_end rp_reconcile_trigger(struct rp_reconcile *reconcile, bool wants_act,
                                           rp_time_ns now_ns)
{
    /* invariants.md, reconcile-conservative: both must allow it. The reference lets a request
     * overrule the configuration. */
    bool is_allowed = !reconcile->settings.is_dry_run || reconcile->rules.request_overrules;
    return trigger(reconcile, RP_RECONCILE_BY_REQUEST, wants_act && is_allowed, now_ns);
}

/* ---- Life, schedule, timers --------------------------------------------------------------------- */

static int64_t wall_s(const struct rp_reconcile *reconcile)
{
    int64_t wall_ns = reconcile->host.wall_unix_ns(reconcile->host.context);
    int64_t per_s = (int64_t)RP_NS_PER_S;
    return wall_ns / per_s - (wall_ns % per_s < 0);
}

static void arm_schedule(struct rp_reconcile *reconcile, rp_time_ns now_ns)
{
    if (reconcile->next_unix_s == RP_SCHEDULE_NEVER) {
        reconcile->schedule_deadline_ns = RP_TIME_NEVER;
        return;
    }
    int64_t wall_ns = reconcile->host.wall_unix_ns(reconcile->host.context);
    int64_t next_ns = reconcile->next_unix_s > INT64_MAX / (int64_t)RP_NS_PER_S
                          ? INT64_MAX
                          : reconcile->next_unix_s * (int64_t)RP_NS_PER_S;
    rp_time_ns wait_ns = next_ns <= wall_ns ? 0 : (rp_time_ns)next_ns - (rp_time_ns)wall_ns;
    reconcile->schedule_deadline_ns =
        later(now_ns, wait_ns < SCHEDULE_SLEEP_MAX_NS ? wait_ns : SCHEDULE_SLEEP_MAX_NS);
}

void rp_reconcile_start(struct rp_reconcile *reconcile, rp_time_ns now_ns)
{
    bool is_on = reconcile->rules.is_there && reconcile->settings.is_enabled;
    if (reconcile->is_started || reconcile->is_stopped) {
        return;
    }
    reconcile->is_started = true;
    reconcile->start_ns = now_ns;
    reconcile->start_wall_ns = reconcile->host.wall_unix_ns(reconcile->host.context);
    if (is_on) {
        reconcile->is_look_due = reconcile->rules.needs_sighting;
        reconcile->next_unix_s = rp_schedule_next(&reconcile->schedule, wall_s(reconcile));
        arm_schedule(reconcile, now_ns);
    }
}

void rp_reconcile_poke(struct rp_reconcile *reconcile, rp_time_ns now_ns)
{
    if (!reconcile->is_look_due || reconcile->phase != RECONCILE_IDLE ||
        reconcile->outstanding_count > 0 || !is_gate_open(reconcile)) {
        return;
    }
    reconcile->is_look_due = false;
    begin_run(reconcile, RP_RECONCILE_BY_LOOK, now_ns);
    take_snapshot(reconcile, now_ns);
}

void rp_reconcile_stop(struct rp_reconcile *reconcile, rp_time_ns now_ns)
{
    reconcile->is_stopped = true;
    reconcile->is_look_due = false;
    reconcile->next_unix_s = RP_SCHEDULE_NEVER;
    reconcile->schedule_deadline_ns = RP_TIME_NEVER;
    if (reconcile->phase != RECONCILE_IDLE) {
        reconcile_finish(reconcile, RP_RECONCILE_CANCELLED, now_ns);
    }
}

rp_time_ns rp_reconcile_deadline(const struct rp_reconcile *reconcile)
{
    rp_time_ns deadline_ns = reconcile->schedule_deadline_ns;
    if (reconcile->phase != RECONCILE_IDLE && reconcile->run_deadline_ns < deadline_ns) {
        deadline_ns = reconcile->run_deadline_ns;
    }
    if (reconcile->phase == RECONCILE_LISTING && reconcile->list_deadline_ns < deadline_ns) {
        deadline_ns = reconcile->list_deadline_ns;
    }
    return deadline_ns;
}

/* What was missed while the wall clock jumped, or the node was busy, is run once, now. */
static void look_at_schedule(struct rp_reconcile *reconcile, rp_time_ns now_ns)
{
    int64_t now_unix_s = wall_s(reconcile);
    if (now_unix_s >= reconcile->next_unix_s) {
        reconcile->next_unix_s = rp_schedule_next(&reconcile->schedule, now_unix_s);
        (void)trigger(reconcile, RP_RECONCILE_BY_SCHEDULE, !reconcile->settings.is_dry_run, now_ns);
    }
    arm_schedule(reconcile, now_ns);
}

void rp_reconcile_tick(struct rp_reconcile *reconcile, rp_time_ns now_ns)
{
    if (reconcile->phase == RECONCILE_LISTING && now_ns >= reconcile->list_deadline_ns) {
        reconcile_finish(reconcile, RP_RECONCILE_LIST_TIMEOUT, now_ns);
    } else if (reconcile->phase != RECONCILE_IDLE && now_ns >= reconcile->run_deadline_ns) {
        reconcile_finish(reconcile, RP_RECONCILE_RUN_TIMEOUT, now_ns);
    }
    if (now_ns >= reconcile->schedule_deadline_ns) {
        look_at_schedule(reconcile, now_ns);
    }
}

/* ---- What it knows ------------------------------------------------------------------------------ */

bool rp_reconcile_is_idle(const struct rp_reconcile *reconcile)
{
    return reconcile->phase == RECONCILE_IDLE && reconcile->outstanding_count == 0 &&
           reconcile->marker_count == 0;
}

const struct rp_reconcile_report *rp_reconcile_find(const struct rp_reconcile *reconcile,
                                                    uint64_t number)
{
    if (number == 0) {
        return NULL;
    }
    if (reconcile->present.report.number == number) {
        return &reconcile->present.report;
    }
    for (size_t slot = 0; slot < RP_RECONCILE_HISTORY; slot += 1) {
        if (reconcile->history[slot].report.number == number) {
            return &reconcile->history[slot].report;
        }
    }
    return NULL;
}

void rp_reconcile_status(const struct rp_reconcile *reconcile,
                         struct rp_reconcile_status *status_out)
{
    size_t count = reconcile->history_count;
    *status_out = (struct rp_reconcile_status){
        .is_enabled = reconcile->rules.is_there && reconcile->settings.is_enabled,
        .is_running = reconcile->phase != RECONCILE_IDLE && !is_look(reconcile),
        .is_dry_run = reconcile->settings.is_dry_run,
        .next_unix_s = reconcile->next_unix_s,
        .run_count = reconcile->run_count,
        .refused_count = reconcile->refused_count,
        .last = count == 0 ? NULL : &reconcile->history[(count - 1) % RP_RECONCILE_HISTORY].report,
    };
}

static const struct {
    const char *name;
    bool is_aborted;
} ENDS[RP_RECONCILE_END_COUNT] = {
#define END_ROW(id, text, is_aborted) [id] = {text, is_aborted},
    RP_RECONCILE_END_TABLE(END_ROW)
#undef END_ROW
};

const char *rp_reconcile_end_name(enum rp_reconcile_end end)
{
    return (unsigned)end < RP_RECONCILE_END_COUNT ? ENDS[end].name : "unknown";
}

bool rp_reconcile_end_is_aborted(enum rp_reconcile_end end)
{
    return (unsigned)end >= RP_RECONCILE_END_COUNT || ENDS[end].is_aborted;
}
