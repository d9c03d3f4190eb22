/* The record of a run: a rolling fingerprint of every event and observation in order, and a bounded
 * binary ring of the latest of them that becomes text only when asked (design.md, virtual time).
 *
 * Only values go in, never addresses: numbers and bytes, little-endian, length-prefixed. */
#ifndef REPLISIM_SIM_TRACE_H
#define REPLISIM_SIM_TRACE_H

#include <stdio.h>

#include "protocol/observe.h"
#include "sim/event_queue.h"

struct sim_trace;

struct sim_fingerprint {
    uint64_t low, high;
};

enum sim_trace_sort {
    SIM_TRACE_EVENT,
    SIM_TRACE_OBSERVATION,
    /* The rest have no number of their own, are not in the ring, and only listeners hear of them: */
    SIM_TRACE_NOTE, /* bytes in the fingerprint */
    SIM_TRACE_MARK  /* for readers: a fault set, a phase begun. Not in the fingerprint */
};

/* One line of the record, decoded; views borrowed until the next record is written. */
struct sim_trace_record {
    enum sim_trace_sort sort;
    uint64_t number; /* of the event or observation since the start, from 0; else of the next one */
    rp_time_ns time_ns; /* of a note: when the one before it was */
    bool is_observation;
    enum sim_event_kind event_kind;
    uint64_t argument;
    struct rp_view node_id; /* of an observation or a mark */
    struct rp_observation observation;
    const char *name;    /* of a note or a mark; constant texts only */
    struct rp_view data; /* of a note: its bytes; of a mark: its text */
    bool is_words;       /* of a note: numbers of 8 bytes, little-endian */
};

RP_MUST_USE int sim_trace_new(const struct rp_alloc *alloc, size_t ring_bytes,
                              struct sim_trace **trace_out);
void sim_trace_free(struct sim_trace *trace);
/* From now on the latest records are kept, in so many bytes, for sim_trace_replay; a trace of a run keeps
 * none by itself: few want them, and every run would pay for the memory. Errors: RP_ERR_NOMEM,
 * RP_ERR_INVALID (there is a ring). */
RP_MUST_USE int sim_trace_keep(struct sim_trace *trace, size_t ring_bytes);

void sim_trace_event(struct sim_trace *trace, rp_time_ns now_ns, enum sim_event_kind kind,
                     uint64_t argument);
void sim_trace_observation(struct sim_trace *trace, rp_time_ns now_ns, struct rp_view node_id,
                           const struct rp_observation *observation);
/* Anything else that must be the same in every run (bytes sent, a decision drawn). */
void sim_trace_note(struct sim_trace *trace, const char *what, const void *bytes,
                    size_t length_bytes);
/* The same of numbers, at most 8 of them, little-endian. */
void sim_trace_note_words(struct sim_trace *trace, const char *what, const uint64_t *words,
                          size_t word_count);

struct sim_fingerprint sim_trace_fingerprint(const struct sim_trace *trace);
void sim_fingerprint_text(struct sim_fingerprint fingerprint, char text_out[33]);
uint64_t sim_trace_count(const struct sim_trace *trace);

/* ---- Who listens: without anybody, a note costs what it did and a mark a branch ----------------- */

struct sim_trace_listener {
    void *context;
    void (*record)(void *context, const struct sim_trace_record *record);
};
#define SIM_TRACE_LISTENER_MAX 4
/* Each record from now on, in order. One more than the maximum is a bug. */
void sim_trace_listen(struct sim_trace *trace, const struct sim_trace_listener *listener);
void sim_trace_unlisten(struct sim_trace *trace, const void *context);
/* Something that people who read a trace look for. `node_id` and `text` may be empty. */
void sim_trace_mark(struct sim_trace *trace, rp_time_ns now_ns, const char *name,
                    struct rp_view node_id, struct rp_view text);

/* A record as one JSON object (docs/results.md, Traces), without a line end. */
struct sim_trace_line {
    char *text; /* owned; NUL-terminated */
    size_t length_bytes, size_bytes;
};
/* Takes the place of what it held. Out of memory is a panic. */
void sim_trace_line_set(struct sim_trace_line *line, const struct sim_trace_record *record);
void sim_trace_line_clear(struct sim_trace_line *line);

/* Writes every record from now on, as text: Chrome trace JSON that Perfetto opens (trace_chrome.c
 * tells what is in it), or one JSON object a line. The file is the caller's; sim_trace_sink_end completes
 * the text, and what is open then is closed, so that an interrupted run leaves a whole one too. */
enum sim_trace_format { SIM_TRACE_CHROME, SIM_TRACE_LINES };
void sim_trace_sink(struct sim_trace *trace, FILE *file, enum sim_trace_format format);
RP_MUST_USE int sim_trace_sink_end(struct sim_trace *trace); /* RP_ERR_IO: the file is short */

/* Oldest record kept first. */
void sim_trace_replay(const struct sim_trace *trace, void *context,
                      void (*record)(void *context, const struct sim_trace_record *record));

#endif
