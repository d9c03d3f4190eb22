#include "protocol/registrar.h"

#include "protocol/error.h"
#include "protocol/json.h"
#include "protocol/limits.h"
#include "protocol/panic.h"

/* Proposals under way at once, at best; halved when one times out, one more with each success. */
#define WINDOW_MAX        64
#define RETRY_FIRST_NS    RP_BACKOFF_FIRST_NS
#define RETRY_MAX_NS      (10 * RP_NS_PER_S)
#define COMMAND_BYTES_MAX RP_FRAME_LENGTH_MAX
#define BACKOFF_SHIFT_MAX 8

enum state {
    QUEUED,   /* waits for its first proposal */
    DUE,      /* waits for a repetition that may go at once */
    PROPOSED, /* waits for an answer until `until_ns` */
    ANSWERED, /* waits to be seen until `until_ns` */
    RESTING,  /* waits for `until_ns`, then DUE */
    FINISHED, /* waits to be told of */
    STATE_COUNT
};

struct item {
    struct item *previous, *next;
    enum state state;
    enum rp_command_type command_type;
    struct rp_file_record file; /* views into `texts` */
    uint64_t sequence;          /* order of the flushes */
    uint64_t ticket;            /* of the last proposal; 0: none yet */
    uint64_t try_count;
    rp_time_ns until_ns;
    int last_error;
    enum rp_register_outcome outcome;
    bool is_superseded; /* not to be proposed again */
    uint8_t texts[];
};

struct list {
    struct item *first, *last;
    size_t count;
};

struct rp_registrar {
    const struct rp_traits *traits;
    const struct rp_alloc *alloc;
    struct list lists[STATE_COUNT];
    struct rp_buffer command;
    struct item *told; /* owned: the record of the last action, freed at the next call */
    uint64_t last_sequence, last_ticket;
    size_t window;
    rp_time_ns now_ns;
    int64_t wall_unix_ns;
    rp_time_ns wake_ns;  /* not above the first `until_ns` of any item */
    rp_time_ns drain_ns; /* end of the draining, once stopping */
    bool is_stopping, is_stop_told;
    struct rp_registrar_counters counters;
};

/* ---- Lists ----------------------------------------------------------------------------------- */

static void unlink_item(struct rp_registrar *registrar, struct item *item)
{
    struct list *list = &registrar->lists[item->state];
    *(item->previous == NULL ? &list->first : &item->previous->next) = item->next;
    *(item->next == NULL ? &list->last : &item->next->previous) = item->previous;
    list->count -= 1;
}

/* In the order of the flushes within each list; a newcomer usually belongs at the end. */
static void link_item(struct rp_registrar *registrar, struct item *item, enum state state)
{
    struct list *list = &registrar->lists[state];
    struct item *before = list->last;
    while (before != NULL && before->sequence > item->sequence) {
        before = before->previous;
    }
    item->state = state;
    item->previous = before;
    item->next = before == NULL ? list->first : before->next;
    *(item->previous == NULL ? &list->first : &item->previous->next) = item;
    *(item->next == NULL ? &list->last : &item->next->previous) = item;
    list->count += 1;
}

static void move_item(struct rp_registrar *registrar, struct item *item, enum state state)
{
    unlink_item(registrar, item);
    link_item(registrar, item, state);
}

static void wait_until(struct rp_registrar *registrar, struct item *item, enum state state,
                       rp_time_ns until_ns)
{
    item->until_ns = until_ns;
    registrar->wake_ns = until_ns < registrar->wake_ns ? until_ns : registrar->wake_ns;
    move_item(registrar, item, state);
}

static size_t count_of(const struct rp_registrar *registrar, enum state state)
{
    return registrar->lists[state].count;
}

static size_t waiting_count(const struct rp_registrar *registrar)
{
    return count_of(registrar, QUEUED) + count_of(registrar, DUE) + count_of(registrar, RESTING);
}

static size_t under_way_count(const struct rp_registrar *registrar)
{
    return count_of(registrar, PROPOSED) + count_of(registrar, ANSWERED);
}

bool rp_registrar_is_idle(const struct rp_registrar *registrar)
{
    return waiting_count(registrar) + under_way_count(registrar) == 0;
}

const struct rp_file_record *rp_registrar_pending(const struct rp_registrar *registrar,
                                                  struct rp_view path)
{
    for (int state = 0; state < FINISHED; state += 1) {
        const struct item *item = registrar->lists[state].first;
        for (; item != NULL; item = item->next) {
            if (!item->is_superseded && rp_view_equal(item->file.path, path)) {
                return &item->file;
            }
        }
    }
    return NULL;
}

bool rp_registrar_is_pending(const struct rp_registrar *registrar, struct rp_view path)
{
    return rp_registrar_pending(registrar, path) != NULL;
}

/* ---- Life ------------------------------------------------------------------------------------ */

static bool keeps_until_seen(const struct rp_registrar *registrar)
{
    return registrar->traits->registration == RP_REGISTER_UNTIL_SEEN;
}

int rp_registrar_new(const struct rp_traits *traits, const struct rp_alloc *alloc,
                     struct rp_registrar **registrar_out)
{
    struct rp_registrar *registrar = rp_allocate_zeroed(alloc, sizeof *registrar);
    if (registrar == NULL) {
        return RP_ERR_NOMEM;
    }
    registrar->traits = traits;
    registrar->alloc = alloc;
    registrar->wake_ns = RP_TIME_NEVER;
    registrar->drain_ns = RP_TIME_NEVER;
    registrar->window = keeps_until_seen(registrar) ? WINDOW_MAX : 1;
    rp_buffer_init(&registrar->command, alloc, COMMAND_BYTES_MAX);
    *registrar_out = registrar;
    return 0;
}

void rp_registrar_free(struct rp_registrar *registrar)
{
    if (registrar == NULL) {
        return;
    }
    for (size_t state = 0; state < STATE_COUNT; state++) {
        while (registrar->lists[state].first != NULL) {
            struct item *item = registrar->lists[state].first;
            unlink_item(registrar, item);
            rp_release(registrar->alloc, item);
        }
    }
    rp_release(registrar->alloc, registrar->told);
    rp_buffer_clear(&registrar->command);
    rp_release(registrar->alloc, registrar);
}

static void forget_told(struct rp_registrar *registrar)
{
    rp_release(registrar->alloc, registrar->told);
    registrar->told = NULL;
}

/* ---- Outcomes -------------------------------------------------------------------------------- */

static void finish(struct rp_registrar *registrar, struct item *item,
                   enum rp_register_outcome outcome)
{
    item->outcome = outcome;
    if (outcome == RP_REGISTER_DONE) {
        registrar->counters.applied += 1;
    }
    move_item(registrar, item, FINISHED);
}

static rp_time_ns backoff_ns(uint64_t try_count)
{
    uint64_t shift = try_count > BACKOFF_SHIFT_MAX ? BACKOFF_SHIFT_MAX : try_count - 1;
    rp_time_ns delay_ns = RETRY_FIRST_NS << shift;
    return delay_ns < RETRY_MAX_NS ? delay_ns : RETRY_MAX_NS;
}

static void fail_try(struct rp_registrar *registrar, struct item *item, int error)
{
    item->last_error = error;
    registrar->counters.apply_errs += 1;
    if (!keeps_until_seen(registrar)) {
        /* behaviour.md 2: no retry, the entry is lost. */
        finish(registrar, item, RP_REGISTER_LOST);
    } else if (item->is_superseded) {
        finish(registrar, item, RP_REGISTER_SUPERSEDED);
    } else {
        wait_until(registrar, item, RESTING, registrar->now_ns + backoff_ns(item->try_count));
    }
}

static bool is_final_refusal(int error)
{
    return error == RP_ERR_INVALID || error == RP_ERR_SYNTAX || error == RP_ERR_TYPE ||
           error == RP_ERR_UNKNOWN_TYPE;
}

/* ---- Events ---------------------------------------------------------------------------------- */

static struct rp_view place_text(uint8_t **at, struct rp_view text)
{
    struct rp_view placed = rp_view_make(*at, text.length_bytes);
    if (text.length_bytes > 0) {
        memcpy(*at, text.bytes, text.length_bytes);
    }
    *at += text.length_bytes;
    return placed;
}

static struct item *copy_record(const struct rp_registrar *registrar,
                                const struct rp_file_record *file)
{
    size_t text_bytes = file->path.length_bytes + file->sha256.length_bytes +
                        file->database.length_bytes + file->measurement.length_bytes +
                        file->origin_node_id.length_bytes + file->tier.length_bytes;
    struct item *item = rp_allocate_zeroed(registrar->alloc, sizeof *item + text_bytes);
    if (item == NULL) {
        return NULL;
    }
    uint8_t *at = item->texts;
    item->file = *file;
    item->file.path = place_text(&at, file->path);
    item->file.sha256 = place_text(&at, file->sha256);
    item->file.database = place_text(&at, file->database);
    item->file.measurement = place_text(&at, file->measurement);
    item->file.origin_node_id = place_text(&at, file->origin_node_id);
    item->file.tier = place_text(&at, file->tier);
    return item;
}

/* What has not been proposed, or rests, ends at once; what is under way ends with its answer, and
 * the newer one waits for that. */
static void supersede(struct rp_registrar *registrar, struct rp_view path)
{
    for (size_t state = 0; state < FINISHED; state++) {
        struct item *next;
        for (struct item *item = registrar->lists[state].first; item != NULL; item = next) {
            next = item->next;
            if (!rp_view_equal(item->file.path, path)) {
                continue;
            }
            item->is_superseded = true;
            if (state != PROPOSED && state != ANSWERED) {
                finish(registrar, item, RP_REGISTER_SUPERSEDED);
            }
        }
    }
}

static int take_flushed(struct rp_registrar *registrar, const struct rp_registrar_event *event)
{
    if (registrar->is_stopping && keeps_until_seen(registrar)) {
        return RP_ERR_STOPPED;
    }
    if (waiting_count(registrar) >= RP_REGISTRAR_QUEUE_MAX) {
        registrar->counters.dropped += 1;
        return RP_ERR_FULL;
    }
    struct item *item = copy_record(registrar, event->file);
    if (item == NULL) {
        return RP_ERR_NOMEM;
    }
    if (keeps_until_seen(registrar)) {
        supersede(registrar, item->file.path);
    }
    registrar->counters.enqueued += 1;
    registrar->last_sequence += 1;
    item->sequence = registrar->last_sequence;
    item->command_type = event->command_type;
    link_item(registrar, item, QUEUED);
    return 0;
}

static void take_answer(struct rp_registrar *registrar, const struct rp_registrar_event *event)
{
    struct item *item = registrar->lists[PROPOSED].first;
    while (item != NULL && item->ticket != event->ticket) {
        item = item->next;
    }
    if (item == NULL) {
        return;
    }
    if (event->error == 0) {
        if (!keeps_until_seen(registrar)) {
            finish(registrar, item, RP_REGISTER_DONE);
            return;
        }
        registrar->window += registrar->window < WINDOW_MAX ? 1 : 0;
        wait_until(registrar, item, ANSWERED, registrar->now_ns + RP_PROPOSE_TIMEOUT_NS);
        return;
    }
    if (event->is_unknown_command) {
        item->command_type = RP_CMD_REGISTER_FILE;
    }
    if (keeps_until_seen(registrar) && event->is_proven && is_final_refusal(event->error)) {
        item->last_error = event->error;
        registrar->counters.apply_errs += 1;
        finish(registrar, item, RP_REGISTER_REFUSED);
        return;
    }
    fail_try(registrar, item, event->error);
}

static bool is_entry_of(const struct item *item, const struct rp_file_entry *entry)
{
    return rp_view_equal(item->file.path, entry->path) &&
           rp_view_equal(item->file.sha256, entry->sha256) &&
           rp_view_equal(item->file.origin_node_id, entry->origin_node_id) &&
           item->file.created_at.unix_s == entry->created_at.unix_s &&
           item->file.created_at.nsec == entry->created_at.nsec;
}

static void take_seen(struct rp_registrar *registrar, const struct rp_file_entry *entry)
{
    static const enum state STATES[] = {PROPOSED, ANSWERED, RESTING, DUE};
    if (!keeps_until_seen(registrar)) {
        return;
    }
    for (size_t i = 0; i < sizeof STATES / sizeof STATES[0]; i++) {
        struct item *next;
        for (struct item *item = registrar->lists[STATES[i]].first; item != NULL; item = next) {
            next = item->next;
            if (is_entry_of(item, entry)) {
                finish(registrar, item, RP_REGISTER_DONE);
            }
        }
    }
}

/* What rested may go at once: there is somebody new to ask. */
static void wake_resting(struct rp_registrar *registrar)
{
    while (registrar->lists[RESTING].first != NULL) {
        move_item(registrar, registrar->lists[RESTING].first, DUE);
    }
}

static void time_out(struct rp_registrar *registrar, enum state state)
{
    struct item *next;
    for (struct item *item = registrar->lists[state].first; item != NULL; item = next) {
        next = item->next;
        if (item->until_ns > registrar->now_ns) {
            registrar->wake_ns =
                item->until_ns < registrar->wake_ns ? item->until_ns : registrar->wake_ns;
        } else if (state == RESTING) {
            move_item(registrar, item, DUE);
        } else {
            registrar->window = registrar->window > 1 ? registrar->window / 2 : 1;
            fail_try(registrar, item, RP_ERR_TIMEOUT);
        }
    }
}

/* behaviour.md 2: the drain time is looked at between entries; `current` does not wait for more. */
static void abandon_rest(struct rp_registrar *registrar)
{
    static const enum state STATES[] = {QUEUED, DUE, RESTING, PROPOSED, ANSWERED};
    size_t count = keeps_until_seen(registrar) ? 5 : 3;
    for (size_t i = 0; i < count; i++) {
        while (registrar->lists[STATES[i]].first != NULL) {
            finish(registrar, registrar->lists[STATES[i]].first, RP_REGISTER_ABANDONED);
        }
    }
}

static void look_at_clock(struct rp_registrar *registrar)
{
    if (registrar->wake_ns <= registrar->now_ns) {
        registrar->wake_ns = RP_TIME_NEVER;
        time_out(registrar, RESTING);
        time_out(registrar, PROPOSED);
        time_out(registrar, ANSWERED);
    }
    bool is_draining = registrar->is_stopping && !registrar->is_stop_told;
    if (is_draining && registrar->drain_ns <= registrar->now_ns) {
        abandon_rest(registrar);
    }
}

static void stop(struct rp_registrar *registrar)
{
    if (!registrar->is_stopping) {
        registrar->is_stopping = true;
        registrar->drain_ns = registrar->now_ns + RP_REGISTRAR_DRAIN_NS;
        wake_resting(registrar);
    }
}

int rp_registrar_step(struct rp_registrar *registrar, const struct rp_registrar_event *event)
{
    forget_told(registrar);
    RP_ASSERT(event->now_ns >= registrar->now_ns);
    registrar->now_ns = event->now_ns;
    registrar->wall_unix_ns = event->wall_unix_ns;
    int error = 0;
    switch (event->kind) {
    case RP_REGISTRAR_EV_FLUSHED: error = take_flushed(registrar, event); break;
    case RP_REGISTRAR_EV_ANSWERED: take_answer(registrar, event); break;
    case RP_REGISTRAR_EV_SEEN: take_seen(registrar, event->entry); break;
    case RP_REGISTRAR_EV_LEADER_CHANGED: wake_resting(registrar); break;
    case RP_REGISTRAR_EV_TIMER: break;
    case RP_REGISTRAR_EV_STOP: stop(registrar); break;
    }
    look_at_clock(registrar);
    return error;
}

/* ---- Actions --------------------------------------------------------------------------------- */

/* Once, so that every repetition is the same registration. */
static void stamp(const struct rp_registrar *registrar, struct item *item)
{
    struct rp_wall_time *time = &item->file.created_at;
    bool is_unset = (time->unix_s == 0 || time->unix_s == RP_TIME_ZERO_UNIX_S) && time->nsec == 0;
    if (!is_unset || item->try_count > 0) {
        return;
    }
    int64_t second_ns = (int64_t)RP_NS_PER_S;
    int64_t nsec = registrar->wall_unix_ns % second_ns;
    nsec = nsec < 0 ? nsec + second_ns : nsec;
    time->unix_s = (registrar->wall_unix_ns - nsec) / second_ns;
    time->nsec = (int32_t)nsec;
    time->offset_s = 0;
}

/* An older proposal of the same path is still under way: the newer one must come after it. */
static bool must_wait(const struct rp_registrar *registrar, const struct item *item)
{
    static const enum state STATES[] = {PROPOSED, ANSWERED};
    for (size_t i = 0; keeps_until_seen(registrar) && i < 2; i++) {
        const struct item *other = registrar->lists[STATES[i]].first;
        for (; other != NULL; other = other->next) {
            if (rp_view_equal(other->file.path, item->file.path)) {
                return true;
            }
        }
    }
    return false;
}

static struct item *first_proposable(const struct rp_registrar *registrar)
{
    static const enum state STATES[] = {DUE, QUEUED};
    if (under_way_count(registrar) >= registrar->window || registrar->is_stop_told) {
        return NULL;
    }
    for (size_t i = 0; i < 2; i++) {
        struct item *item = registrar->lists[STATES[i]].first;
        while (item != NULL && must_wait(registrar, item)) {
            item = item->next;
        }
        if (item != NULL) {
            return item;
        }
    }
    return NULL;
}

/* False: nothing to propose now. */
static bool propose(struct rp_registrar *registrar, struct rp_registrar_action *action)
{
    struct item *item;
    while ((item = first_proposable(registrar)) != NULL) {
        stamp(registrar, item);
        item->try_count += 1;
        rp_buffer_reset(&registrar->command);
        int error =
            rp_command_encode_register(&registrar->command, item->command_type, &item->file);
        if (error == RP_ERR_NOMEM) {
            fail_try(registrar, item, error);
            continue;
        }
        if (error != 0) {
            item->last_error = error;
            registrar->counters.apply_errs += 1;
            finish(registrar, item, RP_REGISTER_REFUSED);
            return false;
        }
        registrar->last_ticket += 1;
        item->ticket = registrar->last_ticket;
        wait_until(registrar, item, PROPOSED, registrar->now_ns + RP_PROPOSE_TIMEOUT_NS);
        action->kind = RP_REGISTRAR_DO_PROPOSE;
        action->ticket = item->ticket;
        action->command = rp_buffer_view(&registrar->command);
        action->record = &item->file;
        action->try_number = item->try_count;
        action->error = item->last_error;
        return true;
    }
    return false;
}

static bool tell_finished(struct rp_registrar *registrar, struct rp_registrar_action *action)
{
    struct item *item = registrar->lists[FINISHED].first;
    if (item == NULL) {
        return false;
    }
    unlink_item(registrar, item);
    registrar->told = item;
    action->kind = RP_REGISTRAR_DO_FINISH;
    action->ticket = item->ticket;
    action->record = &item->file;
    action->try_number = item->try_count;
    action->outcome = item->outcome;
    action->error = item->last_error;
    return true;
}

bool rp_registrar_next(struct rp_registrar *registrar, struct rp_registrar_action *action_out)
{
    forget_told(registrar);
    memset(action_out, 0, sizeof *action_out);
    if (tell_finished(registrar, action_out) || propose(registrar, action_out) ||
        tell_finished(registrar, action_out)) {
        return true;
    }
    if (registrar->is_stopping && !registrar->is_stop_told && rp_registrar_is_idle(registrar)) {
        registrar->is_stop_told = true;
        action_out->kind = RP_REGISTRAR_DO_STOPPED;
        return true;
    }
    return false;
}

rp_time_ns rp_registrar_deadline(const struct rp_registrar *registrar)
{
    if (rp_registrar_is_idle(registrar)) {
        return RP_TIME_NEVER;
    }
    rp_time_ns drain_ns = registrar->is_stopping && registrar->drain_ns > registrar->now_ns
                              ? registrar->drain_ns
                              : RP_TIME_NEVER;
    bool is_waiting = under_way_count(registrar) + count_of(registrar, RESTING) > 0;
    rp_time_ns wake_ns = is_waiting ? registrar->wake_ns : RP_TIME_NEVER;
    return wake_ns < drain_ns ? wake_ns : drain_ns;
}

struct rp_registrar_counters rp_registrar_counters(const struct rp_registrar *registrar)
{
    struct rp_registrar_counters counters = registrar->counters;
    counters.queue_depth = waiting_count(registrar);
    counters.under_way_count = under_way_count(registrar);
    return counters;
}
