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

/* One line of the record, decoded; views borrowed until the next record is written. */
struct sim_trace_record {
    uint64_t number; /* of the event or observation since the start, from 0 */
    rp_time_ns time_ns;
    bool is_observation;
    enum sim_event_kind event_kind;
    uint64_t argument;
    struct rp_view node_id; /* of an observation */
    struct rp_observation observation;
};

RP_MUST_USE int sim_trace_new(const struct rp_alloc *alloc, size_t ring_bytes,
                              struct sim_trace **trace_out);
void sim_trace_free(struct sim_trace *trace);

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

/* Writes every record from now on, as text: Chrome trace JSON that Perfetto opens, or one JSON
 * object a line. The file is the caller's; sim_trace_sink_end completes the text. */
enum sim_trace_format { SIM_TRACE_CHROME, SIM_TRACE_LINES };
void sim_trace_sink(struct sim_trace *trace, FILE *file, enum sim_trace_format format);
RP_MUST_USE int sim_trace_sink_end(struct sim_trace *trace); /* RP_ERR_IO: the file is short */

/* Oldest record kept first. */
void sim_trace_replay(const struct sim_trace *trace, void *context,
                      void (*record)(void *context, const struct sim_trace_record *record));

#endif
