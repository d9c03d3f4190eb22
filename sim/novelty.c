#include "sim/novelty.h"

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include "protocol/error.h"
#include "protocol/panic.h"
#include "protocol/puller.h"
#include "protocol/table.h"
#include "sim/decision.h"

#define SLOT_COUNT    16384u /* a power of two, above twice SIM_NOVELTY_STATE_MAX */
#define ACTIVE_MAX    512u
#define WORKER_MAX    256u
#define LINGER_NS     (10 * RP_NS_PER_S) /* of what is done at once */
#define CLASS_SEED    7u
#define NODE_NAME_MAX 256u

/* What a pull is doing. */
enum phase {
    PHASE_IDLE,
    PHASE_CHECK,   /* begun: is it there already? */
    PHASE_ATTEMPT, /* whom to ask */
    PHASE_RETRY,   /* likewise, not for the first time */
    PHASE_DIAL,
    PHASE_FETCH, /* acknowledged */
    PHASE_PUBLISH,
    PHASE_COUNT
};

struct pull {
    uint64_t path_hash;
    enum phase phase;
};

/* What is known of a node from what was seen of it. */
struct node {
    char name[NODE_NAME_MAX];
    uint64_t class_hash;
    unsigned life, role, join, walk;
    bool is_ready, is_stopping, is_paused, is_barrier;
    uint64_t queued_count, serve_count, flush_count;
    uint64_t phases[PHASE_COUNT];
    struct pull pulls[WORKER_MAX]; /* by worker */
    size_t pull_count;             /* workers that were seen at work */
    uint64_t word;                 /* of its state when it was last taken; with the faults: */
    uint32_t faults;
};

/* A fault that is active: of what, and until when. */
struct active {
    uint64_t key;
    rp_time_ns until_ns;
    enum sim_novelty_fault fault;
};

struct sim_novelty {
    const struct rp_alloc *alloc;
    struct rp_table nodes; /* name -> owned node */
    struct active actives[ACTIVE_MAX];
    size_t active_count;
    rp_time_ns next_end_ns;
    uint32_t faults; /* a bit a kind */
    struct sim_reach scratch;
    uint64_t cells[SIM_NOVELTY_FAULT_COUNT][SIM_REACH_STATE_COUNT];
    uint64_t slots[SLOT_COUNT]; /* 0: empty */
    uint64_t states[SIM_NOVELTY_STATE_MAX];
    size_t state_count;
    uint64_t left_out_count;
};

/* ---- Names ------------------------------------------------------------------------------------ */

const char *sim_novelty_fault_name(enum sim_novelty_fault fault)
{
    static const char *const NAMES[SIM_NOVELTY_FAULT_COUNT] = {
#define SIM_NOVELTY_FAULT_TEXT(name, text) [name] = text,
        SIM_NOVELTY_FAULT_TABLE(SIM_NOVELTY_FAULT_TEXT)
#undef SIM_NOVELTY_FAULT_TEXT
    };
    RP_ASSERT((unsigned)fault < SIM_NOVELTY_FAULT_COUNT);
    return NAMES[fault];
}

bool sim_novelty_fault_parse(struct rp_view name, enum sim_novelty_fault *fault_out)
{
    for (unsigned fault = 0; fault < SIM_NOVELTY_FAULT_COUNT; fault += 1) {
        if (rp_view_equal(name,
                          rp_view_text(sim_novelty_fault_name((enum sim_novelty_fault)fault)))) {
            *fault_out = (enum sim_novelty_fault)fault;
            return true;
        }
    }
    return false;
}

/* ---- The set of states ------------------------------------------------------------------------ */

static void add_state(struct sim_novelty *novelty, uint64_t state)
{
    state += state == 0;
    size_t slot = (size_t)state & (SLOT_COUNT - 1);
    while (novelty->slots[slot] != 0) {
        if (novelty->slots[slot] == state) {
            return;
        }
        slot = (slot + 1) & (SLOT_COUNT - 1);
    }
    if (novelty->state_count == SIM_NOVELTY_STATE_MAX) {
        novelty->left_out_count += 1;
        return;
    }
    novelty->slots[slot] = state;
    novelty->states[novelty->state_count++] = state;
}

static uint64_t mix(uint64_t word)
{
    word = (word ^ word >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
    return word ^ word >> 31;
}

/* What is under way counts as one bit: with numbers almost every run would be new, and nothing would
 * tell one run from another. */
static uint64_t word_of(const struct node *node)
{
    uint64_t word = node->life;
    word = word * 4 + node->role;
    word = word * 4 + node->join;
    word = word * 8 + node->walk;
    word = word * 16 + ((uint64_t)node->is_ready | (uint64_t)node->is_stopping << 1 |
                        (uint64_t)node->is_paused << 2 | (uint64_t)node->is_barrier << 3);
    word = word * 8 + ((uint64_t)(node->queued_count > 0) | (uint64_t)(node->serve_count > 0) << 1 |
                       (uint64_t)(node->flush_count > 0) << 2);
    for (unsigned phase = PHASE_CHECK; phase < PHASE_COUNT; phase += 1) {
        word = word * 2 + (node->phases[phase] > 0);
    }
    return word;
}

/* One state with each kind of fault that is active: all of them together would be new forever. */
static void add_states(struct sim_novelty *novelty, uint64_t node_state)
{
    if (novelty->faults == 0) {
        add_state(novelty, mix(node_state));
    }
    for (unsigned fault = 1; novelty->faults >> fault != 0; fault += 1) {
        if ((novelty->faults >> fault & 1) != 0) {
            add_state(novelty, mix(node_state + fault));
        }
    }
}

static void take_state(struct sim_novelty *novelty, struct node *node)
{
    uint64_t word = word_of(node);
    if (word != node->word || novelty->faults != node->faults) {
        node->word = word;
        node->faults = novelty->faults;
        add_states(novelty, mix(mix(word) ^ node->class_hash));
    }
}

/* ---- Faults ----------------------------------------------------------------------------------- */

static void count_active(struct sim_novelty *novelty)
{
    novelty->faults = 0;
    novelty->next_end_ns = RP_TIME_NEVER;
    for (size_t index = 0; index < novelty->active_count; index += 1) {
        const struct active *active = &novelty->actives[index];
        novelty->faults |= UINT32_C(1) << active->fault;
        if (active->until_ns < novelty->next_end_ns) {
            novelty->next_end_ns = active->until_ns;
        }
    }
}

static void forget(struct sim_novelty *novelty, size_t index)
{
    novelty->actives[index] = novelty->actives[--novelty->active_count];
}

static void expire(struct sim_novelty *novelty, rp_time_ns now_ns)
{
    if (now_ns < novelty->next_end_ns) {
        return;
    }
    for (size_t index = novelty->active_count; index > 0; index -= 1) {
        if (novelty->actives[index - 1].until_ns <= now_ns) {
            forget(novelty, index - 1);
        }
    }
    count_active(novelty);
}

static uint64_t key_of(struct rp_view node, struct rp_view text)
{
    return mix(XXH3_64bits(node.bytes, node.length_bytes)) +
           XXH3_64bits(text.bytes, text.length_bytes);
}

static void end_fault(struct sim_novelty *novelty, enum sim_novelty_fault fault, uint64_t key)
{
    for (size_t index = 0; index < novelty->active_count; index += 1) {
        if (novelty->actives[index].fault == fault && novelty->actives[index].key == key) {
            forget(novelty, index);
            count_active(novelty);
            return;
        }
    }
}

/* Of several at a time of one kind and key (cuts), each has its end. */
static void begin_fault(struct sim_novelty *novelty, enum sim_novelty_fault fault, uint64_t key,
                        rp_time_ns until_ns, bool is_counted)
{
    if (!is_counted) {
        end_fault(novelty, fault, key);
    }
    if (novelty->active_count < ACTIVE_MAX) {
        novelty->actives[novelty->active_count++] = (struct active){key, until_ns, fault};
        count_active(novelty);
    }
}

static void heal_net(struct sim_novelty *novelty)
{
    for (size_t index = novelty->active_count; index > 0; index -= 1) {
        enum sim_novelty_fault fault = novelty->actives[index - 1].fault;
        if (fault == SIM_NOVELTY_PARTITION || fault == SIM_NOVELTY_ISOLATE ||
            fault == SIM_NOVELTY_LINK || fault == SIM_NOVELTY_REFUSE) {
            forget(novelty, index - 1);
        }
    }
    count_active(novelty);
}

/* Marks that begin a fault, those that end it, and whether they are of a node, of a link (with the text), or of
 * none. One without an end lingers. */
static const struct fault_mark {
    const char *begins, *ends;
    enum sim_novelty_fault fault;
    bool is_of_link;
} FAULT_MARKS[] = {
    {"partition", "partition-over", SIM_NOVELTY_PARTITION, false},
    {"isolate", "partition-over", SIM_NOVELTY_ISOLATE, false},
    {"link", "link-right", SIM_NOVELTY_LINK, true},
    {"stall", NULL, SIM_NOVELTY_LINK, true},
    {"inbound", "inbound-right", SIM_NOVELTY_REFUSE, false},
    {"stop", NULL, SIM_NOVELTY_STOP, false},
    {"kill", NULL, SIM_NOVELTY_KILL, false},
    {"pause", "thaw", SIM_NOVELTY_PAUSE, false},
    {"clock", "clock-right", SIM_NOVELTY_CLOCK, false},
    {"disk", "disk-right", SIM_NOVELTY_DISK, false},
    {"hostile", "hostile-right", SIM_NOVELTY_HOSTILE, false},
    {"corrupt", NULL, SIM_NOVELTY_CORRUPT, true},
    {"remove", NULL, SIM_NOVELTY_REMOVE, true},
};
#define FAULT_MARK_COUNT (sizeof FAULT_MARKS / sizeof FAULT_MARKS[0])

/* Kinds of random trouble that set no mark of their own. */
static void see_decision(struct sim_novelty *novelty, const struct sim_trace_record *record)
{
    static const struct {
        const char *begins;
        enum sim_novelty_fault fault;
    } KINDS[] = {
        {"leader/", SIM_NOVELTY_LEADER},   {"snapshot/", SIM_NOVELTY_SNAPSHOT},
        {"segment/", SIM_NOVELTY_SEGMENT}, {"late/", SIM_NOVELTY_LATE},
        {"handles/", SIM_NOVELTY_HANDLES}, {"stale_dns/", SIM_NOVELTY_STALE_DNS},
    };
    for (size_t row = 0; row < sizeof KINDS / sizeof KINDS[0]; row += 1) {
        size_t length = strlen(KINDS[row].begins);
        if (record->data.length_bytes > length &&
            memcmp(record->data.bytes, KINDS[row].begins, length) == 0) {
            begin_fault(novelty, KINDS[row].fault, 0, record->time_ns + LINGER_NS, false);
        }
    }
}

static void see_fault_mark(struct sim_novelty *novelty, const struct sim_trace_record *record,
                           const struct fault_mark *mark)
{
    struct rp_view none = {NULL, 0};
    uint64_t key = key_of(record->node_id, mark->is_of_link ? record->data : none);
    if (strcmp(record->name, mark->begins) == 0) {
        bool is_down = mark->fault == SIM_NOVELTY_STOP || mark->fault == SIM_NOVELTY_KILL;
        bool is_lasting = mark->ends != NULL || is_down; /* until the next life begins */
        bool is_cut = mark->fault == SIM_NOVELTY_PARTITION || mark->fault == SIM_NOVELTY_ISOLATE;
        begin_fault(novelty, mark->fault, key,
                    is_lasting ? RP_TIME_NEVER : record->time_ns + LINGER_NS, is_cut);
    } else if (mark->ends != NULL && strcmp(record->name, mark->ends) == 0) {
        end_fault(novelty, mark->fault, key);
    }
}

/* ---- Nodes ------------------------------------------------------------------------------------ */

/* "staging/reader-12" is a "reader". */
static uint64_t class_of(struct rp_view name)
{
    size_t from = 0;
    for (size_t at = 0; at < name.length_bytes; at += 1) {
        from = name.bytes[at] == '/' ? at + 1 : from;
    }
    size_t end = from;
    while (end < name.length_bytes && name.bytes[end] != '-') {
        end += 1;
    }
    return XXH3_64bits_withSeed(name.bytes + from, end - from, CLASS_SEED);
}

static struct node *node_of(struct sim_novelty *novelty, struct rp_view name)
{
    struct node *node = rp_table_get(&novelty->nodes, name);
    if (node != NULL || name.length_bytes == 0 || name.length_bytes >= NODE_NAME_MAX) {
        return node;
    }
    node = rp_allocate_zeroed(novelty->alloc, sizeof *node);
    RP_ASSERT(node != NULL);
    memcpy(node->name, name.bytes, name.length_bytes);
    node->class_hash = class_of(name);
    int error =
        rp_table_put(&novelty->nodes, rp_view_make(node->name, name.length_bytes), node, NULL);
    RP_ASSERT(error == 0);
    return node;
}

static void life_changes(struct sim_novelty *novelty, struct rp_view name, bool is_begun)
{
    struct node *node = node_of(novelty, name);
    struct rp_view none = {NULL, 0};
    if (node == NULL) {
        return;
    }
    struct node fresh = {.class_hash = node->class_hash, .word = node->word};
    memcpy(fresh.name, node->name, sizeof fresh.name);
    *node = fresh;
    node->life = is_begun ? 1 : 0;
    end_fault(novelty, SIM_NOVELTY_PAUSE, key_of(name, none));
    if (is_begun) {
        end_fault(novelty, SIM_NOVELTY_STOP, key_of(name, none));
        end_fault(novelty, SIM_NOVELTY_KILL, key_of(name, none));
    }
    take_state(novelty, node);
}

static struct pull *pull_of(struct node *node, struct rp_view path)
{
    uint64_t hash = XXH3_64bits(path.bytes, path.length_bytes);
    for (size_t worker = 0; worker < node->pull_count; worker += 1) {
        struct pull *pull = &node->pulls[worker];
        if (pull->phase != PHASE_IDLE && pull->path_hash == hash) {
            return pull;
        }
    }
    return NULL;
}

static void set_phase(struct node *node, struct pull *pull, enum phase phase)
{
    if (pull != NULL) {
        node->phases[pull->phase] -= node->phases[pull->phase] > 0;
        pull->phase = phase;
        node->phases[phase] += 1;
    }
}

static void see_pull_begin(struct node *node, const struct rp_observation *seen)
{
    node->queued_count -= node->queued_count > 0;
    if (seen->value < WORKER_MAX) {
        struct pull *pull = &node->pulls[seen->value];
        node->pull_count = node->pull_count > seen->value ? node->pull_count : seen->value + 1;
        pull->path_hash = XXH3_64bits(seen->path.bytes, seen->path.length_bytes);
        set_phase(node, pull, PHASE_CHECK);
    }
}

static void see_pull_end(struct node *node, const struct rp_observation *seen)
{
    struct pull *pull = pull_of(node, seen->path);
    if (pull == NULL) {
        node->queued_count -= node->queued_count > 0;
    }
    set_phase(node, pull, PHASE_IDLE);
}

static void see_pull(struct node *node, const struct rp_observation *seen)
{
    switch (seen->kind) {
    case RP_SEE_ANNOUNCED:
        node->queued_count +=
            seen->value == RP_ANNOUNCE_QUEUED || seen->value == RP_ANNOUNCE_REPLACED;
        break;
    case RP_SEE_PULL_BEGIN: see_pull_begin(node, seen); break;
    case RP_SEE_ATTEMPT_BEGIN:
        set_phase(node, pull_of(node, seen->path), seen->value > 1 ? PHASE_RETRY : PHASE_ATTEMPT);
        break;
    case RP_SEE_DIAL: set_phase(node, pull_of(node, seen->path), PHASE_DIAL); break;
    case RP_SEE_ACK:
        if (seen->value2 != 0) {
            set_phase(node, pull_of(node, seen->path), PHASE_FETCH);
        }
        break;
    case RP_SEE_FETCH_END: set_phase(node, pull_of(node, seen->path), PHASE_RETRY); break;
    case RP_SEE_PUBLISH_BEGIN: set_phase(node, pull_of(node, seen->path), PHASE_PUBLISH); break;
    case RP_SEE_PULL_END: see_pull_end(node, seen); break;
    default: break;
    }
}

static void see_leader(struct node *node, const struct rp_observation *seen)
{
    node->role = seen->value2 != 0 ? 2 : seen->value != 0;
}

/* False: nothing in its state is of that. */
static bool see_node(struct node *node, const struct rp_observation *seen)
{
    switch (seen->kind) {
    case RP_SEE_ANNOUNCED:
    case RP_SEE_PULL_BEGIN:
    case RP_SEE_ATTEMPT_BEGIN:
    case RP_SEE_DIAL:
    case RP_SEE_ACK:
    case RP_SEE_FETCH_END:
    case RP_SEE_PUBLISH_BEGIN:
    case RP_SEE_PULL_END: see_pull(node, seen); return true;
    case RP_SEE_LEADER: see_leader(node, seen); return true;
    case RP_SEE_STARTED: node->life = 2; return true;
    case RP_SEE_CRASHED: node->life = 3; return true;
    case RP_SEE_STOP_BEGIN: node->is_stopping = true; return true;
    case RP_SEE_READY: node->is_ready = seen->value != 0; return true;
    case RP_SEE_JOIN_BEGIN: node->join = 1; return true;
    case RP_SEE_JOIN_END: node->join = seen->error == 0 ? 2 : 3; return true;
    case RP_SEE_BARRIER_BEGIN: node->is_barrier = true; return true;
    case RP_SEE_BARRIER_END:
        node->is_barrier = false;
        node->walk = seen->error == 0 ? 1 : 2;
        return true;
    case RP_SEE_WALK_BEGIN: node->walk = 3; return true;
    case RP_SEE_WALK_END: node->walk = seen->value2 != 0 ? 4 : 5; return true;
    case RP_SEE_SERVE_BEGIN: node->serve_count += 1; return true;
    case RP_SEE_SERVE_END: node->serve_count -= node->serve_count > 0; return true;
    case RP_SEE_FLUSH_QUEUED: node->flush_count += seen->error == 0; return true;
    case RP_SEE_REGISTER_DONE: node->flush_count -= node->flush_count > 0; return true;
    default: return false;
    }
}

static void count_cells(struct sim_novelty *novelty, const struct rp_observation *seen)
{
    novelty->scratch.latest = SIM_REACH_STATE_COUNT;
    sim_reach_observe(&novelty->scratch, seen);
    enum sim_reach_state state = novelty->scratch.latest;
    if (state >= SIM_REACH_STATE_COUNT) {
        return;
    }
    uint32_t faults = novelty->faults;
    if (faults == 0) {
        novelty->cells[SIM_NOVELTY_NONE][state] += 1;
    }
    for (unsigned fault = 1; faults >> fault != 0; fault += 1) {
        novelty->cells[fault][state] += faults >> fault & 1;
    }
}

/* ---- The listener ------------------------------------------------------------------------------ */

static void see_mark(struct sim_novelty *novelty, const struct sim_trace_record *record)
{
    struct node *node = rp_table_get(&novelty->nodes, record->node_id);
    if (strcmp(record->name, "decision") == 0) {
        see_decision(novelty, record);
        return;
    }
    if (strcmp(record->name, "heal") == 0) {
        heal_net(novelty);
        return;
    }
    for (size_t row = 0; row < FAULT_MARK_COUNT; row += 1) {
        see_fault_mark(novelty, record, &FAULT_MARKS[row]);
    }
    if (node != NULL) {
        node->is_paused = strcmp(record->name, "pause") == 0 ||
                          (node->is_paused && strcmp(record->name, "thaw") != 0);
        take_state(novelty, node);
    }
}

static void see_note(struct sim_novelty *novelty, const struct sim_trace_record *record)
{
    if (record->name[0] == 't' && strcmp(record->name, "tamper") == 0) {
        begin_fault(novelty, SIM_NOVELTY_ATTACKER, 0, record->time_ns + LINGER_NS, false);
    } else if (record->name[0] == 'l' && strncmp(record->name, "life-", 5) == 0) {
        life_changes(novelty, record->data, strcmp(record->name, "life-begins") == 0);
    }
}

static void on_record(void *context, const struct sim_trace_record *record)
{
    struct sim_novelty *novelty = context;
    if (record->sort == SIM_TRACE_EVENT) {
        return;
    }
    expire(novelty, record->time_ns);
    if (record->sort == SIM_TRACE_NOTE) {
        see_note(novelty, record);
    } else if (record->sort == SIM_TRACE_MARK) {
        see_mark(novelty, record);
    } else {
        struct node *node = node_of(novelty, record->node_id);
        if (node != NULL && see_node(node, &record->observation)) {
            take_state(novelty, node);
        }
        count_cells(novelty, &record->observation);
    }
}

int sim_novelty_new(const struct rp_alloc *alloc, struct sim_novelty **novelty_out)
{
    struct sim_novelty *novelty = rp_allocate_zeroed(alloc, sizeof *novelty);
    if (novelty == NULL) {
        return RP_ERR_NOMEM;
    }
    novelty->alloc = alloc;
    novelty->next_end_ns = RP_TIME_NEVER;
    rp_table_init(&novelty->nodes, alloc);
    *novelty_out = novelty;
    return 0;
}

void sim_novelty_free(struct sim_novelty *novelty)
{
    if (novelty == NULL) {
        return;
    }
    size_t cursor = 0;
    for (void *node = rp_table_next(&novelty->nodes, &cursor); node != NULL;
         node = rp_table_next(&novelty->nodes, &cursor)) {
        rp_release(novelty->alloc, node);
    }
    rp_table_clear(&novelty->nodes);
    rp_release(novelty->alloc, novelty);
}

void sim_novelty_listen(struct sim_novelty *novelty, struct sim_trace *trace)
{
    const struct sim_trace_listener listener = {novelty, on_record};
    sim_trace_listen(trace, &listener);
}

size_t sim_novelty_states(const struct sim_novelty *novelty, const uint64_t **states_out)
{
    *states_out = novelty->states;
    return novelty->state_count;
}

uint64_t sim_novelty_left_out(const struct sim_novelty *novelty)
{
    return novelty->left_out_count;
}

uint64_t sim_novelty_cell(const struct sim_novelty *novelty, enum sim_novelty_fault fault,
                          enum sim_reach_state state)
{
    RP_ASSERT((unsigned)fault < SIM_NOVELTY_FAULT_COUNT);
    RP_ASSERT((unsigned)state < SIM_REACH_STATE_COUNT);
    return novelty->cells[fault][state];
}
