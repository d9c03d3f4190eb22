#include "protocol/raft/read_index.h"

#include "protocol/error.h"
#include "protocol/panic.h"

/* Our messages: a kind, the asker's nonce, and in an answer the index; little-endian. */
enum message_kind { MESSAGE_ASK = 1, MESSAGE_ANSWER = 2 };
#define ASK_BYTES    9
#define ANSWER_BYTES 17

/* Questions of other members that may wait for one barrier; more are dropped and asked again. */
#define ASKER_COUNT_MAX 4096

enum question_state {
    QUESTION_NEW,     /* not asked, or its leader is gone */
    QUESTION_BARRIER, /* our own barrier answers it */
    QUESTION_ASKED,   /* the leader was asked */
    QUESTION_WAITING  /* the index is known and not yet applied here */
};

struct question {
    struct question *next;
    struct rp_consensus_request *request;
    enum question_state state;
    rp_time_ns deadline_ns, retry_at_ns;
    uint64_t nonce;
    uint64_t index;
    uint64_t round; /* QUESTION_BARRIER: of which barrier */
    bool was_asked;
};

struct asker {
    uint64_t raft_id, nonce, round;
};

struct rp_read_index {
    const struct rp_alloc *alloc;
    struct rp_clock_port clock;
    struct rp_read_index_host host;
    rp_time_ns retry_ns;
    uint64_t nonce_next;

    struct question *first; /* owned, in order of asking */
    size_t waiting_count;
    struct asker *askers; /* owned, in order of arrival */
    size_t asker_count, asker_capacity;
    uint64_t round_next;    /* number of the barrier that new questions will wait for */
    bool is_barrier_wanted; /* somebody waits for that one */
    bool is_barrier_flying;
    uint64_t round_flying;
    bool is_stopped;
    struct rp_timer timer;
};

static rp_time_ns now_of(const struct rp_read_index *read_index)
{
    return read_index->clock.now_ns(read_index->clock.state);
}

static void run_at(struct rp_read_index *read_index, rp_time_ns at_ns)
{
    if (!read_index->is_stopped) {
        read_index->clock.arm(read_index->clock.state, &read_index->timer, at_ns);
    }
}

static void run_soon(struct rp_read_index *read_index)
{
    run_at(read_index, now_of(read_index));
}

static void put_number(uint8_t *bytes, uint64_t number)
{
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(number >> (8 * i));
    }
}

static uint64_t get_number(const uint8_t *bytes)
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++) {
        number |= (uint64_t)bytes[i] << (8 * i);
    }
    return number;
}

/* ---- Questions of our own -------------------------------------------------------------------- */

/* What is to happen to a question now: RP_OK goes on waiting, anything else ends it. */
enum verdict { VERDICT_WAIT, VERDICT_DONE, VERDICT_LATE };

static void ask_leader(struct rp_read_index *read_index, struct question *question,
                       uint64_t leader_raft_id)
{
    uint8_t bytes[ASK_BYTES];
    bytes[0] = MESSAGE_ASK;
    question->nonce = read_index->nonce_next;
    read_index->nonce_next += 1;
    put_number(bytes + 1, question->nonce);
    question->state = QUESTION_ASKED;
    question->was_asked = true;
    question->retry_at_ns = now_of(read_index) + read_index->retry_ns;
    read_index->host.send_aux(read_index->host.context, leader_raft_id,
                              rp_view_make(bytes, sizeof bytes));
}

static void ask(struct rp_read_index *read_index, struct question *question)
{
    if (read_index->host.is_leader(read_index->host.context)) {
        question->state = QUESTION_BARRIER;
        question->was_asked = true;
        question->round = read_index->round_next;
        question->retry_at_ns = RP_TIME_NEVER;
        read_index->is_barrier_wanted = true;
        return;
    }
    uint64_t leader = read_index->host.leader_raft_id(read_index->host.context);
    if (leader != 0) {
        ask_leader(read_index, question, leader);
    } else {
        question->state = QUESTION_NEW;
        question->retry_at_ns = RP_TIME_NEVER; /* the next leader_changed asks */
    }
}

static enum verdict judge(struct rp_read_index *read_index, struct question *question)
{
    if (question->state == QUESTION_WAITING &&
        read_index->host.applied_index(read_index->host.context) >= question->index) {
        return VERDICT_DONE;
    }
    rp_time_ns now_ns = now_of(read_index);
    if (now_ns >= question->deadline_ns) {
        return VERDICT_LATE;
    }
    bool is_lost = question->state == QUESTION_ASKED && now_ns >= question->retry_at_ns;
    if (question->state == QUESTION_NEW || is_lost) {
        ask(read_index, question);
    }
    return VERDICT_WAIT;
}

static void end(struct rp_read_index *read_index, struct question *question, int error)
{
    if (error == 0) {
        question->request->index = question->index;
    }
    read_index->waiting_count -= 1;
    read_index->host.finish(read_index->host.context, question->request, error);
    rp_release(read_index->alloc, question);
}

static void arm_next(struct rp_read_index *read_index)
{
    rp_time_ns next_ns = RP_TIME_NEVER;
    for (const struct question *question = read_index->first; question != NULL;
         question = question->next) {
        next_ns = question->deadline_ns < next_ns ? question->deadline_ns : next_ns;
        if (question->state == QUESTION_ASKED && question->retry_at_ns < next_ns) {
            next_ns = question->retry_at_ns;
        }
    }
    if (next_ns == RP_TIME_NEVER) {
        read_index->clock.disarm(read_index->clock.state, &read_index->timer);
    } else {
        run_at(read_index, next_ns);
    }
}

static void start_barrier(struct rp_read_index *read_index);

static void on_timer(void *context)
{
    struct rp_read_index *read_index = context;
    struct question **link = &read_index->first;
    while (*link != NULL) {
        struct question *question = *link;
        enum verdict verdict = judge(read_index, question);
        if (verdict == VERDICT_WAIT) {
            link = &question->next;
            continue;
        }
        *link = question->next;
        int late = question->was_asked ? RP_ERR_TIMEOUT : RP_ERR_NO_LEADER;
        end(read_index, question, verdict == VERDICT_DONE ? 0 : late);
    }
    start_barrier(read_index);
    arm_next(read_index);
}

void rp_read_index_ask(struct rp_read_index *read_index, struct rp_consensus_request *request,
                       rp_time_ns deadline_ns)
{
    struct question *question = rp_allocate_zeroed(read_index->alloc, sizeof *question);
    if (question == NULL || read_index->is_stopped) {
        rp_release(read_index->alloc, question);
        read_index->host.finish(read_index->host.context, request,
                                read_index->is_stopped ? RP_ERR_STOPPED : RP_ERR_TIMEOUT);
        return;
    }
    question->request = request;
    question->deadline_ns = deadline_ns;
    question->state = QUESTION_NEW;
    struct question **link = &read_index->first;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = question;
    read_index->waiting_count += 1;
    run_soon(read_index);
}

/* ---- The leader's side ----------------------------------------------------------------------- */

static void answer(struct rp_read_index *read_index, const struct asker *asker, uint64_t index)
{
    uint8_t bytes[ANSWER_BYTES];
    bytes[0] = MESSAGE_ANSWER;
    put_number(bytes + 1, asker->nonce);
    put_number(bytes + 9, index);
    read_index->host.send_aux(read_index->host.context, asker->raft_id,
                              rp_view_make(bytes, sizeof bytes));
}

/* Takes the askers of a round out, in order; the later ones stay. */
static void settle_askers(struct rp_read_index *read_index, uint64_t round, int error)
{
    uint64_t index = read_index->host.command_index(read_index->host.context);
    size_t kept = 0;
    for (size_t i = 0; i < read_index->asker_count; i++) {
        struct asker asker = read_index->askers[i];
        if (asker.round != round) {
            read_index->askers[kept] = asker;
            kept += 1;
        } else if (error == 0) {
            answer(read_index, &asker, index);
        }
    }
    read_index->asker_count = kept;
}

static void settle_questions(struct rp_read_index *read_index, uint64_t round, int error)
{
    uint64_t index = read_index->host.command_index(read_index->host.context);
    for (struct question *question = read_index->first; question != NULL;
         question = question->next) {
        if (question->state == QUESTION_BARRIER && question->round == round) {
            question->state = error == 0 ? QUESTION_WAITING : QUESTION_NEW;
            question->index = error == 0 ? index : 0;
        }
    }
}

/* A barrier answers only what was asked before it was proposed: linearizable reads. */
static void start_barrier(struct rp_read_index *read_index)
{
    if (!read_index->is_barrier_wanted || read_index->is_barrier_flying) {
        return;
    }
    uint64_t round = read_index->round_next;
    read_index->round_next += 1;
    read_index->is_barrier_wanted = false;
    read_index->is_barrier_flying = true;
    read_index->round_flying = round;
    int error = read_index->host.barrier(read_index->host.context);
    if (error != 0) {
        read_index->is_barrier_flying = false;
        settle_askers(read_index, round, error);
        for (struct question *question = read_index->first; question != NULL;
             question = question->next) {
            if (question->state == QUESTION_BARRIER && question->round == round) {
                question->state = QUESTION_ASKED; /* once more after the usual pause */
                question->retry_at_ns = now_of(read_index) + read_index->retry_ns;
            }
        }
    }
}

void rp_read_index_barrier_done(struct rp_read_index *read_index, int error)
{
    if (read_index->is_stopped) {
        return;
    }
    RP_ASSERT(read_index->is_barrier_flying);
    read_index->is_barrier_flying = false;
    settle_askers(read_index, read_index->round_flying, error);
    settle_questions(read_index, read_index->round_flying, error);
    if (read_index->first != NULL || read_index->is_barrier_wanted) {
        run_soon(read_index); /* we are inside the library: the next barrier has to wait */
    }
}

/* Room for one more asker. */
static bool grow_askers(struct rp_read_index *read_index)
{
    if (read_index->asker_count < read_index->asker_capacity) {
        return true;
    }
    if (read_index->asker_count >= ASKER_COUNT_MAX) {
        return false;
    }
    size_t capacity = read_index->asker_capacity == 0 ? 16 : 2 * read_index->asker_capacity;
    struct asker *askers =
        rp_resize(read_index->alloc, read_index->askers, capacity * sizeof *askers);
    if (askers == NULL) {
        return false;
    }
    read_index->askers = askers;
    read_index->asker_capacity = capacity;
    return true;
}

static void received_ask(struct rp_read_index *read_index, uint64_t source_raft_id, uint64_t nonce)
{
    if (!read_index->host.is_leader(read_index->host.context) || !grow_askers(read_index)) {
        return; /* the asker asks again */
    }
    read_index->askers[read_index->asker_count] =
        (struct asker){source_raft_id, nonce, read_index->round_next};
    read_index->asker_count += 1;
    read_index->is_barrier_wanted = true;
    run_soon(read_index);
}

static void received_answer(struct rp_read_index *read_index, uint64_t nonce, uint64_t index)
{
    for (struct question *question = read_index->first; question != NULL;
         question = question->next) {
        if (question->state == QUESTION_ASKED && question->nonce == nonce) {
            question->state = QUESTION_WAITING;
            question->index = index;
            run_soon(read_index);
        }
    }
}

void rp_read_index_received(struct rp_read_index *read_index, uint64_t source_raft_id,
                            struct rp_view bytes)
{
    if (read_index->is_stopped || bytes.length_bytes == 0) {
        return;
    }
    if (bytes.bytes[0] == MESSAGE_ASK && bytes.length_bytes == ASK_BYTES) {
        received_ask(read_index, source_raft_id, get_number(bytes.bytes + 1));
    } else if (bytes.bytes[0] == MESSAGE_ANSWER && bytes.length_bytes == ANSWER_BYTES) {
        received_answer(read_index, get_number(bytes.bytes + 1), get_number(bytes.bytes + 9));
    }
}

/* ---- News of the library --------------------------------------------------------------------- */

void rp_read_index_applied(struct rp_read_index *read_index)
{
    uint64_t applied = read_index->host.applied_index(read_index->host.context);
    for (const struct question *question = read_index->first; question != NULL;
         question = question->next) {
        if (question->state == QUESTION_WAITING && question->index <= applied) {
            run_soon(read_index);
            return;
        }
    }
}

void rp_read_index_leader_changed(struct rp_read_index *read_index)
{
    for (struct question *question = read_index->first; question != NULL;
         question = question->next) {
        if (question->state == QUESTION_ASKED) {
            question->state = QUESTION_NEW;
        }
    }
    if (!read_index->host.is_leader(read_index->host.context)) {
        read_index->asker_count = 0; /* they hear of the new leader as well */
    }
    if (read_index->first != NULL) {
        run_soon(read_index);
    }
}

/* ---- Birth and death ------------------------------------------------------------------------- */

void rp_read_index_stop(struct rp_read_index *read_index)
{
    read_index->is_stopped = true;
    read_index->clock.disarm(read_index->clock.state, &read_index->timer);
    while (read_index->first != NULL) {
        struct question *question = read_index->first;
        read_index->first = question->next;
        end(read_index, question, RP_ERR_STOPPED);
    }
    read_index->asker_count = 0;
}

size_t rp_read_index_waiting(const struct rp_read_index *read_index)
{
    return read_index->waiting_count;
}

int rp_read_index_new(const struct rp_read_index_params *params,
                      struct rp_read_index **read_index_out)
{
    struct rp_read_index *read_index = rp_allocate_zeroed(params->alloc, sizeof *read_index);
    if (read_index == NULL) {
        return RP_ERR_NOMEM;
    }
    read_index->alloc = params->alloc;
    read_index->clock = params->clock;
    read_index->host = params->host;
    read_index->retry_ns = params->retry_ns;
    read_index->nonce_next = params->nonce_first;
    read_index->round_next = 1;
    read_index->timer.fire = on_timer;
    read_index->timer.context = read_index;
    *read_index_out = read_index;
    return 0;
}

void rp_read_index_free(struct rp_read_index *read_index)
{
    if (read_index == NULL) {
        return;
    }
    read_index->clock.disarm(read_index->clock.state, &read_index->timer);
    while (read_index->first != NULL) {
        struct question *question = read_index->first;
        read_index->first = question->next;
        rp_release(read_index->alloc, question);
    }
    rp_release(read_index->alloc, read_index->askers);
    rp_release(read_index->alloc, read_index);
}
