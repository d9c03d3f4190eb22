#include "protocol/catchup.h"

#include "protocol/error.h"
#include "protocol/panic.h"

/* A barrier that failed is asked for again after this long. */
#define BARRIER_RETRY_NS (1 * RP_NS_PER_S)
#define ACTION_MAX       8

enum walk_state {
    WALK_NEW,
    WALK_LEADER,  /* waits for a leader */
    WALK_BARRIER, /* waits for the first barrier */
    WALK_PAGE,    /* asked for a page */
    WALK_THROTTLE,
    WALK_OFFER, /* offered an entry */
    WALK_ENDED
};

enum barrier_state {
    BARRIER_IDLE,
    BARRIER_ASKED,
    BARRIER_APPLYING, /* waits for the own applied index */
    BARRIER_PAUSED,   /* failed; asked again at its deadline */
    BARRIER_OVER      /* passed, or not wanted (any more) */
};

struct rp_catchup {
    const struct rp_alloc *alloc; /* borrowed */
    const struct rp_traits *traits;
    struct rp_readiness *readiness; /* borrowed */
    struct rp_view self_id;         /* owned bytes */
    bool is_enabled, is_cancelled;
    size_t high_water;
    rp_time_ns barrier_timeout_ns;
    enum walk_state state;
    rp_time_ns walk_deadline_ns, leader_deadline_ns;
    enum barrier_state barrier;
    rp_time_ns barrier_deadline_ns;
    uint64_t barrier_index;
    const struct rp_file_entry **page; /* owned array of owned references, RP_WALK_PAGE_MAX long */
    size_t page_count, page_index;
    bool is_last_page;
    const struct rp_file_entry *last; /* owned reference: the cursor */
    uint64_t walked_count;
    struct rp_catchup_action actions[ACTION_MAX];
    size_t action_first, action_count;
};

/* ---- Birth and death -------------------------------------------------------------------------- */

static size_t high_water(const struct rp_catchup_settings *settings)
{
    uint64_t queue_max = settings->queue_max == 0 ? 1024 : settings->queue_max;
    bool is_ratio = settings->high_water_ppm > 0 && settings->high_water_ppm < 1000000;
    uint64_t ppm = is_ratio ? settings->high_water_ppm : 800000;
    uint64_t mark = queue_max * ppm / 1000000;
    return mark == 0 ? 1 : (size_t)mark;
}

int rp_catchup_new(const struct rp_catchup_settings *settings, const struct rp_alloc *alloc,
                   struct rp_catchup **catchup_out)
{
    size_t id_length = settings->self_id.length_bytes;
    struct rp_catchup *catchup = rp_allocate_zeroed(alloc, sizeof *catchup + id_length);
    if (catchup == NULL) {
        return RP_ERR_NOMEM;
    }
    catchup->page = rp_allocate_zeroed(alloc, RP_WALK_PAGE_MAX * sizeof *catchup->page);
    if (catchup->page == NULL) {
        rp_release(alloc, catchup);
        return RP_ERR_NOMEM;
    }
    if (id_length > 0) {
        memcpy(catchup + 1, settings->self_id.bytes, id_length);
    }
    catchup->alloc = alloc;
    catchup->traits = settings->traits;
    catchup->readiness = settings->readiness;
    catchup->self_id = rp_view_make(catchup + 1, id_length);
    catchup->is_enabled = settings->is_enabled;
    catchup->high_water = high_water(settings);
    catchup->barrier_timeout_ns =
        settings->barrier_timeout_ns == 0 ? 10 * RP_NS_PER_S : settings->barrier_timeout_ns;
    catchup->walk_deadline_ns = catchup->barrier_deadline_ns = RP_TIME_NEVER;
    *catchup_out = catchup;
    return 0;
}

static void drop_page(struct rp_catchup *catchup)
{
    for (size_t i = 0; i < catchup->page_count; i += 1) {
        if (catchup->page[i] != NULL) {
            rp_file_entry_release(catchup->page[i]);
        }
    }
    catchup->page_count = catchup->page_index = 0;
}

void rp_catchup_free(struct rp_catchup *catchup)
{
    if (catchup == NULL) {
        return;
    }
    drop_page(catchup);
    if (catchup->last != NULL) {
        rp_file_entry_release(catchup->last);
    }
    rp_release(catchup->alloc, (void *)catchup->page);
    rp_release(catchup->alloc, catchup);
}

/* ---- Actions ---------------------------------------------------------------------------------- */

static struct rp_catchup_action *push(struct rp_catchup *catchup, enum rp_catchup_action_kind kind)
{
    RP_ASSERT(catchup->action_count < ACTION_MAX);
    size_t slot = (catchup->action_first + catchup->action_count) % ACTION_MAX;
    catchup->action_count += 1;
    memset(&catchup->actions[slot], 0, sizeof catchup->actions[slot]);
    catchup->actions[slot].kind = kind;
    return &catchup->actions[slot];
}

bool rp_catchup_next(struct rp_catchup *catchup, struct rp_catchup_action *action_out)
{
    if (catchup->action_count == 0) {
        return false;
    }
    *action_out = catchup->actions[catchup->action_first];
    catchup->action_first = (catchup->action_first + 1) % ACTION_MAX;
    catchup->action_count -= 1;
    return true;
}

static rp_time_ns later(rp_time_ns now_ns, rp_time_ns wait_ns)
{
    return wait_ns > RP_TIME_NEVER - now_ns ? RP_TIME_NEVER : now_ns + wait_ns;
}

/* ---- Release differences ---------------------------------------------------------------------- */

/* behaviour.md 10.1: the leader-only barrier fails at once on a follower. */
static bool can_ask_barrier(const struct rp_catchup *catchup, const struct rp_catchup_facts *facts)
{
    return catchup->traits->barrier == RP_BARRIER_READ_INDEX ||
           (catchup->traits->barrier == RP_BARRIER_LEADER_ONLY && facts->is_leader);
}

/* Only where readiness waits for it does a barrier get a second chance. */
static bool asks_again(const struct rp_catchup *catchup)
{
    return catchup->traits->barrier == RP_BARRIER_READ_INDEX;
}

/* Own files are told to the puller untagged: it skips and counts them. */
static bool is_skipped_own(const struct rp_catchup *catchup, const struct rp_file_entry *entry)
{
    return catchup->traits->own_files == RP_OWN_FILES_SKIPPED &&
           rp_view_equal(entry->origin_node_id, catchup->self_id);
}

/* Tags exist where readiness looks at them. */
static bool uses_tags(const struct rp_catchup *catchup)
{
    return catchup->traits->ready_rule == RP_READY_SETTLED ||
           catchup->traits->ready_rule == RP_READY_BARRIER_SETTLED;
}

/* ---- Walk ------------------------------------------------------------------------------------- */

static void end_walk(struct rp_catchup *catchup, bool is_complete,
                     const struct rp_catchup_facts *facts)
{
    drop_page(catchup);
    catchup->state = WALK_ENDED;
    catchup->walk_deadline_ns = RP_TIME_NEVER;
    struct rp_catchup_action *action = push(catchup, RP_CATCHUP_DO_END);
    action->is_complete = is_complete;
    action->walked_count = catchup->walked_count;
    rp_readiness_walk_ended(catchup->readiness, is_complete, facts->wall_unix_ns);
}

static void ask_page(struct rp_catchup *catchup)
{
    catchup->state = WALK_PAGE;
    struct rp_catchup_action *action = push(catchup, RP_CATCHUP_DO_PAGE);
    if (catchup->last != NULL) {
        action->cursor = catchup->last->path;
    }
}

static void begin_walk(struct rp_catchup *catchup, const struct rp_catchup_facts *facts)
{
    catchup->walk_deadline_ns = RP_TIME_NEVER;
    rp_readiness_walk_began(catchup->readiness, facts->wall_unix_ns);
    push(catchup, RP_CATCHUP_DO_BEGIN);
    ask_page(catchup);
}

/* What could not be tagged is treated as if the queue had refused it: the gate stays shut. */
static void tag(struct rp_catchup *catchup, const struct rp_file_entry *entry)
{
    if (uses_tags(catchup) && rp_readiness_tag(catchup->readiness, entry->path) != 0) {
        rp_readiness_untaggable(catchup->readiness);
    }
}

static void offer(struct rp_catchup *catchup, const struct rp_file_entry *entry)
{
    if (!is_skipped_own(catchup, entry)) {
        tag(catchup, entry);
    }
    catchup->state = WALK_OFFER;
    push(catchup, RP_CATCHUP_DO_OFFER)->entry = entry;
}

static void throttle(struct rp_catchup *catchup, rp_time_ns now_ns)
{
    catchup->state = WALK_THROTTLE;
    catchup->walk_deadline_ns = later(now_ns, RP_WALK_PAUSE_NS);
}

static void end_page(struct rp_catchup *catchup, const struct rp_catchup_facts *facts)
{
    drop_page(catchup);
    if (catchup->is_last_page) {
        end_walk(catchup, true, facts);
    } else {
        ask_page(catchup);
    }
}

/* Offers the next entry of the page, one at a time so that each sees the queue as it is now.
 * behaviour.md 10.2 */
static void go_on(struct rp_catchup *catchup, rp_time_ns now_ns,
                  const struct rp_catchup_facts *facts)
{
    struct rp_catchup_counters *counters = rp_readiness_catchup(catchup->readiness);
    while (catchup->page_index < catchup->page_count) {
        const struct rp_file_entry *entry = catchup->page[catchup->page_index];
        if (entry != NULL && facts->queue_depth >= catchup->high_water) {
            throttle(catchup, now_ns);
            return;
        }
        catchup->page_index += 1;
        catchup->walked_count += 1;
        counters->entries_walked += 1;
        if (entry != NULL) {
            offer(catchup, entry);
            return;
        }
    }
    end_page(catchup, facts);
}

static void keep_cursor(struct rp_catchup *catchup)
{
    for (size_t i = catchup->page_count; i > 0; i -= 1) {
        if (catchup->page[i - 1] != NULL) {
            if (catchup->last != NULL) {
                rp_file_entry_release(catchup->last);
            }
            catchup->last = rp_file_entry_retain(catchup->page[i - 1]);
            return;
        }
    }
}

static void release_all(const struct rp_catchup_event *event)
{
    for (size_t i = 0; event->error == 0 && i < event->entry_count; i += 1) {
        if (event->entries[i] != NULL) {
            rp_file_entry_release(event->entries[i]);
        }
    }
}

static void on_page(struct rp_catchup *catchup, const struct rp_catchup_event *event)
{
    if (catchup->state != WALK_PAGE) {
        release_all(event);
        return;
    }
    if (event->error != 0) {
        end_walk(catchup, false, &event->facts);
        return;
    }
    RP_ASSERT(event->entry_count <= RP_WALK_PAGE_MAX);
    for (size_t i = 0; i < event->entry_count; i += 1) {
        catchup->page[i] = event->entries[i];
    }
    catchup->page_count = event->entry_count;
    catchup->page_index = 0;
    catchup->is_last_page = event->is_last;
    keep_cursor(catchup);
    go_on(catchup, event->now_ns, &event->facts);
}

static void on_offered(struct rp_catchup *catchup, const struct rp_catchup_event *event)
{
    if (catchup->state != WALK_OFFER) {
        return;
    }
    struct rp_catchup_counters *counters = rp_readiness_catchup(catchup->readiness);
    const struct rp_file_entry *entry = catchup->page[catchup->page_index - 1];
    switch (event->result) {
    case RP_ANNOUNCE_QUEUED:
    case RP_ANNOUNCE_REPLACED: counters->enqueued += 1; break;
    case RP_ANNOUNCE_SELF:
    case RP_ANNOUNCE_DUPLICATE: counters->skipped_local += 1; break;
    case RP_ANNOUNCE_DROPPED:
    case RP_ANNOUNCE_STOPPED: rp_readiness_dropped(catchup->readiness, entry->path); break;
    }
    go_on(catchup, event->now_ns, &event->facts);
}

/* ---- Barrier ---------------------------------------------------------------------------------- */

static void ask_barrier(struct rp_catchup *catchup, rp_time_ns now_ns)
{
    catchup->barrier = BARRIER_ASKED;
    catchup->barrier_deadline_ns = later(now_ns, catchup->barrier_timeout_ns);
    push(catchup, RP_CATCHUP_DO_BARRIER)->deadline_ns = catchup->barrier_deadline_ns;
}

static void end_barrier(struct rp_catchup *catchup, int error, const struct rp_catchup_event *event)
{
    struct rp_catchup_action *action = push(catchup, RP_CATCHUP_DO_BARRIER_END);
    action->error = error;
    action->index = catchup->barrier_index;
    if (error == 0) {
        catchup->barrier = BARRIER_OVER;
        catchup->barrier_deadline_ns = RP_TIME_NEVER;
        rp_readiness_barrier_passed(catchup->readiness);
    } else {
        catchup->barrier = asks_again(catchup) ? BARRIER_PAUSED : BARRIER_OVER;
        catchup->barrier_deadline_ns =
            asks_again(catchup) ? later(event->now_ns, BARRIER_RETRY_NS) : RP_TIME_NEVER;
    }
    if (catchup->state == WALK_BARRIER) {
        begin_walk(catchup, &event->facts);
    }
}

static void check_applied(struct rp_catchup *catchup, const struct rp_catchup_event *event)
{
    if (catchup->barrier == BARRIER_APPLYING &&
        event->facts.applied_index >= catchup->barrier_index) {
        end_barrier(catchup, 0, event);
    }
}

static void on_barrier_done(struct rp_catchup *catchup, const struct rp_catchup_event *event)
{
    if (catchup->barrier != BARRIER_ASKED) {
        return;
    }
    if (event->error != 0) {
        end_barrier(catchup, event->error, event);
        return;
    }
    catchup->barrier = BARRIER_APPLYING;
    catchup->barrier_index = event->index;
    check_applied(catchup, event);
}

static void on_barrier_timer(struct rp_catchup *catchup, const struct rp_catchup_event *event)
{
    if (catchup->barrier_deadline_ns > event->now_ns) {
        return;
    }
    if (catchup->barrier == BARRIER_PAUSED) {
        ask_barrier(catchup, event->now_ns);
    } else if (catchup->barrier == BARRIER_ASKED || catchup->barrier == BARRIER_APPLYING) {
        end_barrier(catchup, RP_ERR_TIMEOUT, event);
    }
}

static void leave_leader_wait(struct rp_catchup *catchup, const struct rp_catchup_event *event)
{
    catchup->walk_deadline_ns = RP_TIME_NEVER;
    catchup->state = WALK_BARRIER;
    if (catchup->traits->barrier == RP_BARRIER_NONE) {
        catchup->barrier = BARRIER_OVER;
        begin_walk(catchup, &event->facts);
    } else if (can_ask_barrier(catchup, &event->facts)) {
        ask_barrier(catchup, event->now_ns);
    } else {
        end_barrier(catchup, RP_ERR_NOT_LEADER, event);
    }
}

/* ---- Events ----------------------------------------------------------------------------------- */

static void on_start(struct rp_catchup *catchup, const struct rp_catchup_event *event)
{
    if (!catchup->is_enabled || catchup->traits->catchup == RP_CATCHUP_NONE) {
        catchup->barrier = BARRIER_OVER;
        end_walk(catchup, false, &event->facts);
        return;
    }
    catchup->state = WALK_LEADER;
    catchup->leader_deadline_ns = later(event->now_ns, RP_WALK_LEADER_WAIT_NS);
    if (event->facts.has_leader) {
        leave_leader_wait(catchup, event);
    } else {
        catchup->walk_deadline_ns = later(event->now_ns, RP_WALK_LEADER_POLL_NS);
    }
}

/* Also without a leader after 30 s: the barrier then fails, and the walk goes on. */
static void look_for_leader(struct rp_catchup *catchup, const struct rp_catchup_event *event)
{
    if (event->facts.has_leader || event->now_ns >= catchup->leader_deadline_ns) {
        leave_leader_wait(catchup, event);
    } else if (event->now_ns >= catchup->walk_deadline_ns) {
        catchup->walk_deadline_ns = later(event->now_ns, RP_WALK_LEADER_POLL_NS);
    }
}

static void on_timer(struct rp_catchup *catchup, const struct rp_catchup_event *event)
{
    if (catchup->state == WALK_LEADER) {
        look_for_leader(catchup, event);
        return;
    }
    on_barrier_timer(catchup, event);
    if (catchup->state == WALK_THROTTLE && event->now_ns >= catchup->walk_deadline_ns) {
        catchup->walk_deadline_ns = RP_TIME_NEVER;
        go_on(catchup, event->now_ns, &event->facts);
    }
}

static void on_cancel(struct rp_catchup *catchup, const struct rp_catchup_event *event)
{
    catchup->is_cancelled = true;
    catchup->barrier = BARRIER_OVER;
    catchup->barrier_deadline_ns = RP_TIME_NEVER;
    if (catchup->state != WALK_NEW && catchup->state != WALK_ENDED) {
        end_walk(catchup, false, &event->facts);
    }
}

void rp_catchup_step(struct rp_catchup *catchup, const struct rp_catchup_event *event)
{
    if (catchup->is_cancelled) {
        if (event->kind == RP_CATCHUP_EV_PAGE) {
            release_all(event);
        }
        return;
    }
    switch (event->kind) {
    case RP_CATCHUP_EV_START:
        if (catchup->state == WALK_NEW) {
            on_start(catchup, event);
        }
        break;
    case RP_CATCHUP_EV_CHANGED:
        if (catchup->state == WALK_LEADER) {
            look_for_leader(catchup, event);
        }
        check_applied(catchup, event);
        break;
    case RP_CATCHUP_EV_BARRIER_DONE: on_barrier_done(catchup, event); break;
    case RP_CATCHUP_EV_PAGE: on_page(catchup, event); break;
    case RP_CATCHUP_EV_OFFERED: on_offered(catchup, event); break;
    case RP_CATCHUP_EV_TIMER: on_timer(catchup, event); break;
    case RP_CATCHUP_EV_CANCEL: on_cancel(catchup, event); break;
    }
}

/* ---- What it knows ---------------------------------------------------------------------------- */

rp_time_ns rp_catchup_deadline(const struct rp_catchup *catchup)
{
    return catchup->walk_deadline_ns < catchup->barrier_deadline_ns ? catchup->walk_deadline_ns
                                                                    : catchup->barrier_deadline_ns;
}

bool rp_catchup_wants_changes(const struct rp_catchup *catchup)
{
    return catchup->state == WALK_LEADER || catchup->barrier == BARRIER_APPLYING;
}

bool rp_catchup_is_done(const struct rp_catchup *catchup)
{
    return catchup->state == WALK_ENDED && catchup->barrier == BARRIER_OVER;
}

size_t rp_catchup_high_water(const struct rp_catchup *catchup)
{
    return catchup->high_water;
}
