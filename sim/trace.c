/* One serialised form serves both the fingerprint and the ring: little-endian numbers and
 * length-prefixed bytes. Small writes are gathered before they are hashed.
 *
 * A record: length (4 bytes, itself included), sort (1), kind (1), 2 zero bytes, time (8), argument
 * (8); an observation goes on with error, size, lsn, value, value2 (8 each) and its texts. */
#include "sim/trace.h"

#include <inttypes.h>

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include "protocol/error.h"
#include "protocol/panic.h"
#include "sim/trace_internal.h"

#define GATHER_BYTES   8192u
#define HEAD_BYTES     24u
#define NUMBER_COUNT   5u
#define TEXT_COUNT     6u
#define TEXT_BYTES_MAX 4096u /* of one text in the ring; the fingerprint takes all */
#define NOTE_WORD_MAX  8u

enum record_sort { RECORD_EVENT = 1, RECORD_OBSERVATION = 2, RECORD_NOTE = 3 };

struct sim_trace {
    const struct rp_alloc *alloc;
    XXH3_state_t *hash; /* owned */
    uint8_t gathered[GATHER_BYTES];
    size_t gathered_bytes;
    uint64_t count;
    /* Records lie from `tail` to `head`; one that would not fit before the end starts at 0 and
     * `wrap` says where the earlier ones end. */
    uint8_t *ring; /* owned; NULL: none kept */
    size_t ring_bytes, head, tail, wrap;
    uint64_t kept_count;
    struct sim_trace_listener listeners[SIM_TRACE_LISTENER_MAX];
    size_t listener_count;
    rp_time_ns heard_ns;     /* of the latest record, while anybody listens */
    struct trace_sink *sink; /* owned */
};

int sim_trace_new(const struct rp_alloc *alloc, size_t ring_bytes, struct sim_trace **trace_out)
{
    struct sim_trace *trace = rp_allocate_zeroed(alloc, sizeof *trace);
    if (trace == NULL) {
        return RP_ERR_NOMEM;
    }
    trace->alloc = alloc;
    trace->hash = XXH3_createState();
    trace->ring = ring_bytes == 0 ? NULL : rp_allocate(alloc, ring_bytes);
    trace->ring_bytes = ring_bytes;
    if (trace->hash == NULL || (ring_bytes != 0 && trace->ring == NULL)) {
        sim_trace_free(trace);
        return RP_ERR_NOMEM;
    }
    XXH3_128bits_reset(trace->hash);
    *trace_out = trace;
    return 0;
}

int sim_trace_keep(struct sim_trace *trace, size_t ring_bytes)
{
    if (trace->ring != NULL) {
        return RP_ERR_INVALID;
    }
    trace->ring = rp_allocate(trace->alloc, ring_bytes);
    trace->ring_bytes = trace->ring == NULL ? 0 : ring_bytes;
    return trace->ring == NULL ? RP_ERR_NOMEM : 0;
}

void sim_trace_free(struct sim_trace *trace)
{
    if (trace == NULL) {
        return;
    }
    trace_sink_free(trace->sink);
    rp_release(trace->alloc, trace->ring);
    XXH3_freeState(trace->hash);
    rp_release(trace->alloc, trace);
}

/* ---- Fingerprint ------------------------------------------------------------------------------- */

static void gather(struct sim_trace *trace, const void *bytes, size_t length_bytes)
{
    if (length_bytes > GATHER_BYTES - trace->gathered_bytes) {
        XXH3_128bits_update(trace->hash, trace->gathered, trace->gathered_bytes);
        trace->gathered_bytes = 0;
        if (length_bytes > GATHER_BYTES) {
            XXH3_128bits_update(trace->hash, bytes, length_bytes);
            return;
        }
    }
    if (length_bytes > 0) {
        memcpy(trace->gathered + trace->gathered_bytes, bytes, length_bytes);
        trace->gathered_bytes += length_bytes;
    }
}

struct sim_fingerprint sim_trace_fingerprint(const struct sim_trace *trace)
{
    XXH3_state_t *copy = XXH3_createState();
    RP_ASSERT(copy != NULL);
    XXH3_copyState(copy, trace->hash);
    XXH3_128bits_update(copy, trace->gathered, trace->gathered_bytes);
    XXH128_hash_t hash = XXH3_128bits_digest(copy);
    XXH3_freeState(copy);
    struct sim_fingerprint fingerprint = {hash.low64, hash.high64};
    return fingerprint;
}

void sim_fingerprint_text(struct sim_fingerprint fingerprint, char text_out[33])
{
    snprintf(text_out, 33, "%016" PRIx64 "%016" PRIx64, fingerprint.high, fingerprint.low);
}

uint64_t sim_trace_count(const struct sim_trace *trace)
{
    return trace->count;
}

/* ---- Records ----------------------------------------------------------------------------------- */

/* Written out, so that the compiler makes one store of it: with a loop over the bytes, heads alone
 * were 2.5 % of the instructions of a rotation of 1 KiB files. */
static uint8_t *put_long(uint8_t *at, uint64_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
    at[2] = (uint8_t)(value >> 16);
    at[3] = (uint8_t)(value >> 24);
    at[4] = (uint8_t)(value >> 32);
    at[5] = (uint8_t)(value >> 40);
    at[6] = (uint8_t)(value >> 48);
    at[7] = (uint8_t)(value >> 56);
    return at + 8;
}

static uint8_t *put_length(uint8_t *at, size_t length)
{
    at[0] = (uint8_t)length;
    at[1] = (uint8_t)(length >> 8);
    at[2] = (uint8_t)(length >> 16);
    at[3] = (uint8_t)(length >> 24);
    return at + 4;
}

static uint64_t get_number(const uint8_t **at, unsigned byte_count)
{
    uint64_t value = 0;
    for (unsigned byte = 0; byte < byte_count; byte += 1) {
        value |= (uint64_t)(*at)[byte] << (8 * byte);
    }
    *at += byte_count;
    return value;
}

static void put_head(uint8_t head[HEAD_BYTES], size_t length_bytes, enum record_sort sort,
                     unsigned kind, rp_time_ns now_ns, uint64_t argument)
{
    uint64_t first = (length_bytes & UINT32_MAX) | (uint64_t)sort << 32 | (uint64_t)kind << 40;
    uint8_t *at = put_long(head, first);
    at = put_long(at, now_ns);
    put_long(at, argument);
}

static size_t length_at(const struct sim_trace *trace, size_t position)
{
    const uint8_t *at = trace->ring + position;
    return (size_t)get_number(&at, 4);
}

static void drop_oldest(struct sim_trace *trace)
{
    trace->tail += length_at(trace, trace->tail);
    trace->kept_count -= 1;
    if (trace->kept_count == 0) {
        trace->head = 0;
        trace->tail = 0;
        trace->wrap = 0;
    } else if (trace->wrap != 0 && trace->tail == trace->wrap) {
        trace->tail = 0;
        trace->wrap = 0;
    }
}

/* Where a record of that length goes, old ones dropped as needed; NULL when it can never fit. */
static uint8_t *ring_reserve(struct sim_trace *trace, size_t length_bytes)
{
    if (length_bytes > trace->ring_bytes) {
        return NULL;
    }
    for (;;) {
        if (trace->wrap == 0) {
            if (trace->ring_bytes - trace->head >= length_bytes) {
                break;
            }
            trace->wrap = trace->head;
            trace->head = 0;
        } else if (trace->tail - trace->head >= length_bytes) {
            break;
        } else {
            drop_oldest(trace);
        }
    }
    uint8_t *at = trace->ring + trace->head;
    trace->head += length_bytes;
    trace->kept_count += 1;
    return at;
}

static void tell(struct sim_trace *trace, const struct sim_trace_record *record)
{
    trace->heard_ns = record->time_ns;
    for (size_t index = 0; index < trace->listener_count; index += 1) {
        trace->listeners[index].record(trace->listeners[index].context, record);
    }
}

void sim_trace_event(struct sim_trace *trace, rp_time_ns now_ns, enum sim_event_kind kind,
                     uint64_t argument)
{
    uint8_t head[HEAD_BYTES];
    put_head(head, HEAD_BYTES, RECORD_EVENT, (unsigned)kind, now_ns, argument);
    gather(trace, head, HEAD_BYTES);
    uint8_t *at = ring_reserve(trace, HEAD_BYTES);
    if (at != NULL) {
        memcpy(at, head, HEAD_BYTES);
    }
    if (trace->listener_count > 0) {
        struct sim_trace_record record = {0};
        record.number = trace->count;
        record.time_ns = now_ns;
        record.event_kind = kind;
        record.argument = argument;
        tell(trace, &record);
    }
    trace->count += 1;
}

struct texts {
    struct rp_view views[TEXT_COUNT];
};

static struct texts texts_of(struct rp_view node_id, const struct rp_observation *observation)
{
    struct texts texts = {{node_id, observation->path, observation->sha256, observation->peer_id,
                           observation->peer_address, observation->code}};
    return texts;
}

static void put_numbers(uint8_t numbers[8 * NUMBER_COUNT], const struct rp_observation *observation)
{
    uint8_t *at = put_long(numbers, (uint64_t)(int64_t)observation->error);
    at = put_long(at, (uint64_t)observation->size_bytes);
    at = put_long(at, observation->lsn);
    at = put_long(at, observation->value);
    put_long(at, observation->value2);
}

/* The same bytes as head, numbers and texts gathered one by one, where there is room for them all:
 * 14 small copies with their checks. Observations and gathering were 5 % of the instructions of a
 * rotation of 1 KiB files. What was gathered, valid until the next gathering; empty: nothing was. */
static struct rp_view gather_observation(struct sim_trace *trace, const uint8_t head[HEAD_BYTES],
                                         const uint8_t numbers[8 * NUMBER_COUNT],
                                         const struct texts *texts)
{
    const struct rp_view none = {NULL, 0};
    size_t length_bytes = HEAD_BYTES + 8 * NUMBER_COUNT + 4 * TEXT_COUNT;
    for (size_t index = 0; index < TEXT_COUNT; index += 1) {
        if (texts->views[index].length_bytes > TEXT_BYTES_MAX) {
            return none;
        }
        length_bytes += texts->views[index].length_bytes;
    }
    if (length_bytes > GATHER_BYTES - trace->gathered_bytes) {
        return none;
    }
    struct rp_view gathered = {trace->gathered + trace->gathered_bytes, length_bytes};
    uint8_t *at = trace->gathered + trace->gathered_bytes;
    trace->gathered_bytes += length_bytes;
    memcpy(at, head, HEAD_BYTES);
    memcpy(at + HEAD_BYTES, numbers, 8 * NUMBER_COUNT);
    at += HEAD_BYTES + 8 * NUMBER_COUNT;
    for (size_t index = 0; index < TEXT_COUNT; index += 1) {
        struct rp_view text = texts->views[index];
        at = put_length(at, text.length_bytes);
        if (text.length_bytes > 0) {
            memcpy(at, text.bytes, text.length_bytes);
            at += text.length_bytes;
        }
    }
    return gathered;
}

/* The slow way, which may hash in between or pass a long text by. */
static void gather_parts(struct sim_trace *trace, const uint8_t head[HEAD_BYTES],
                         const uint8_t numbers[8 * NUMBER_COUNT], const struct texts *texts)
{
    gather(trace, head, HEAD_BYTES);
    gather(trace, numbers, 8 * NUMBER_COUNT);
    for (size_t index = 0; index < TEXT_COUNT; index += 1) {
        uint8_t length[4];
        put_length(length, texts->views[index].length_bytes);
        gather(trace, length, sizeof length);
        gather(trace, texts->views[index].bytes, texts->views[index].length_bytes);
    }
}

static size_t kept_bytes(struct rp_view text)
{
    return text.length_bytes < TEXT_BYTES_MAX ? text.length_bytes : TEXT_BYTES_MAX;
}

static void ring_observation(struct sim_trace *trace, rp_time_ns now_ns,
                             const struct rp_observation *observation, const struct texts *texts,
                             const uint8_t numbers[8 * NUMBER_COUNT])
{
    size_t length_bytes = HEAD_BYTES + 8 * NUMBER_COUNT;
    for (size_t index = 0; index < TEXT_COUNT; index += 1) {
        length_bytes += 4 + kept_bytes(texts->views[index]);
    }
    uint8_t *at = ring_reserve(trace, length_bytes);
    if (at == NULL) {
        return;
    }
    put_head(at, length_bytes, RECORD_OBSERVATION, (unsigned)observation->kind, now_ns, 0);
    memcpy(at + HEAD_BYTES, numbers, 8 * NUMBER_COUNT);
    at += HEAD_BYTES + 8 * NUMBER_COUNT;
    for (size_t index = 0; index < TEXT_COUNT; index += 1) {
        size_t text_bytes = kept_bytes(texts->views[index]);
        at = put_length(at, text_bytes);
        if (text_bytes > 0) {
            memcpy(at, texts->views[index].bytes, text_bytes);
            at += text_bytes;
        }
    }
}

/* What was gathered is a record already, but for its length. */
static void ring_gathered(struct sim_trace *trace, struct rp_view gathered)
{
    uint8_t *at = ring_reserve(trace, gathered.length_bytes);
    if (at != NULL) {
        memcpy(at, gathered.bytes, gathered.length_bytes);
        put_length(at, gathered.length_bytes);
    }
}

void sim_trace_observation(struct sim_trace *trace, rp_time_ns now_ns, struct rp_view node_id,
                           const struct rp_observation *observation)
{
    struct texts texts = texts_of(node_id, observation);
    uint8_t head[HEAD_BYTES];
    uint8_t numbers[8 * NUMBER_COUNT];
    put_head(head, 0, RECORD_OBSERVATION, (unsigned)observation->kind, now_ns, 0);
    put_numbers(numbers, observation);
    struct rp_view gathered = gather_observation(trace, head, numbers, &texts);
    if (gathered.length_bytes > 0) {
        ring_gathered(trace, gathered);
    } else {
        gather_parts(trace, head, numbers, &texts);
        ring_observation(trace, now_ns, observation, &texts, numbers);
    }
    if (trace->listener_count > 0) {
        struct sim_trace_record record = {0};
        record.number = trace->count;
        record.time_ns = now_ns;
        record.sort = SIM_TRACE_OBSERVATION;
        record.is_observation = true;
        record.node_id = node_id;
        record.observation = *observation;
        tell(trace, &record);
    }
    trace->count += 1;
}

static void note(struct sim_trace *trace, const char *what, struct rp_view bytes, bool is_words)
{
    uint8_t head[HEAD_BYTES];
    size_t what_bytes = strlen(what);
    put_head(head, what_bytes, RECORD_NOTE, 0, 0, bytes.length_bytes);
    gather(trace, head, sizeof head);
    gather(trace, what, what_bytes);
    gather(trace, bytes.bytes, bytes.length_bytes);
    if (trace->listener_count > 0) {
        struct sim_trace_record record = {0};
        record.sort = SIM_TRACE_NOTE;
        record.number = trace->count;
        record.time_ns = trace->heard_ns;
        record.name = what;
        record.data = bytes;
        record.is_words = is_words;
        tell(trace, &record);
    }
}

void sim_trace_note(struct sim_trace *trace, const char *what, const void *bytes,
                    size_t length_bytes)
{
    note(trace, what, rp_view_make(bytes, length_bytes), false);
}

void sim_trace_note_words(struct sim_trace *trace, const char *what, const uint64_t *words,
                          size_t word_count)
{
    uint8_t bytes[8 * NOTE_WORD_MAX];
    uint8_t *at = bytes;
    RP_ASSERT(word_count <= NOTE_WORD_MAX);
    for (size_t index = 0; index < word_count; index += 1) {
        at = put_long(at, words[index]);
    }
    note(trace, what, rp_view_make(bytes, 8 * word_count), true);
}

void sim_trace_mark(struct sim_trace *trace, rp_time_ns now_ns, const char *name,
                    struct rp_view node_id, struct rp_view text)
{
    if (trace->listener_count > 0) {
        struct sim_trace_record record = {0};
        record.sort = SIM_TRACE_MARK;
        record.number = trace->count;
        record.time_ns = now_ns;
        record.name = name;
        record.node_id = node_id;
        record.data = text;
        tell(trace, &record);
    }
}

/* ---- Listeners --------------------------------------------------------------------------------- */

void sim_trace_listen(struct sim_trace *trace, const struct sim_trace_listener *listener)
{
    RP_ASSERT(trace->listener_count < SIM_TRACE_LISTENER_MAX);
    trace->listeners[trace->listener_count++] = *listener;
}

void sim_trace_unlisten(struct sim_trace *trace, const void *context)
{
    size_t kept_count = 0;
    for (size_t index = 0; index < trace->listener_count; index += 1) {
        if (trace->listeners[index].context != context) {
            trace->listeners[kept_count++] = trace->listeners[index];
        }
    }
    trace->listener_count = kept_count;
}

void sim_trace_sink(struct sim_trace *trace, FILE *file, enum sim_trace_format format)
{
    RP_ASSERT(trace->sink == NULL);
    trace->sink = trace_sink_new(file, format);
    const struct sim_trace_listener listener = {trace->sink, trace_sink_record};
    sim_trace_listen(trace, &listener);
}

int sim_trace_sink_end(struct sim_trace *trace)
{
    if (trace->sink == NULL) {
        return 0;
    }
    sim_trace_unlisten(trace, trace->sink);
    int error = trace_sink_end(trace->sink);
    trace_sink_free(trace->sink);
    trace->sink = NULL;
    return error;
}

/* ---- Replay ------------------------------------------------------------------------------------ */

static struct rp_view get_text(const uint8_t **at)
{
    size_t length_bytes = (size_t)get_number(at, 4);
    struct rp_view view = rp_view_make(*at, length_bytes);
    *at += length_bytes;
    return view;
}

static void decode(const uint8_t *at, struct sim_trace_record *record)
{
    at += 4;
    record->is_observation = get_number(&at, 1) == RECORD_OBSERVATION;
    record->sort = record->is_observation ? SIM_TRACE_OBSERVATION : SIM_TRACE_EVENT;
    unsigned kind = (unsigned)get_number(&at, 1);
    at += 2;
    record->time_ns = get_number(&at, 8);
    record->argument = get_number(&at, 8);
    if (!record->is_observation) {
        record->event_kind = (enum sim_event_kind)kind;
        return;
    }
    struct rp_observation *observation = &record->observation;
    observation->kind = (enum rp_observation_kind)kind;
    observation->error = (int)(int64_t)get_number(&at, 8);
    observation->size_bytes = (int64_t)get_number(&at, 8);
    observation->lsn = get_number(&at, 8);
    observation->value = get_number(&at, 8);
    observation->value2 = get_number(&at, 8);
    record->node_id = get_text(&at);
    observation->path = get_text(&at);
    observation->sha256 = get_text(&at);
    observation->peer_id = get_text(&at);
    observation->peer_address = get_text(&at);
    observation->code = get_text(&at);
}

void sim_trace_replay(const struct sim_trace *trace, void *context,
                      void (*record)(void *context, const struct sim_trace_record *record))
{
    size_t position = trace->tail;
    for (uint64_t kept = 0; kept < trace->kept_count; kept += 1) {
        if (trace->wrap != 0 && position == trace->wrap) {
            position = 0;
        }
        struct sim_trace_record decoded = {0};
        decoded.number = trace->count - trace->kept_count + kept;
        decode(trace->ring + position, &decoded);
        position += length_at(trace, position);
        record(context, &decoded);
    }
}
