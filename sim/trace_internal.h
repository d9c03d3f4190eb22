/* The texts of a trace; trace*.c only. */
#ifndef REPLISIM_SIM_TRACE_INTERNAL_H
#define REPLISIM_SIM_TRACE_INTERNAL_H

#include "sim/trace.h"

/* trace_line.c: what is written of a run, and to where. Out of memory is a panic. */
struct trace_sink;
struct trace_sink *trace_sink_new(FILE *file /* borrowed */, enum sim_trace_format format);
void trace_sink_free(struct trace_sink *sink); /* NULL is fine */
void trace_sink_record(void *sink, const struct sim_trace_record *record);
RP_MUST_USE int trace_sink_end(struct trace_sink *sink);

/* Appends to a line. */
void trace_put(struct sim_trace_line *line, const char *text);
void trace_put_number(struct sim_trace_line *line, uint64_t number);
/* A JSON string. Bytes beyond ASCII are written as the code points of the same number: the text stays
 * valid JSON whatever a path holds. */
void trace_put_text(struct sim_trace_line *line, struct rp_view text);
/* ,"name":"text"; nothing of an empty text. */
void trace_put_member(struct sim_trace_line *line, const char *name, struct rp_view text);
/* The members of an observation behind its name: path, peer, ... value2, each after a comma. */
void trace_put_observation(struct sim_trace_line *line, const struct rp_observation *observation);

/* trace_chrome.c */
struct trace_chrome;
struct trace_chrome *trace_chrome_new(FILE *file);
void trace_chrome_free(struct trace_chrome *chrome);
void trace_chrome_record(struct trace_chrome *chrome, const struct sim_trace_record *record);
void trace_chrome_end(struct trace_chrome *chrome);

#endif
