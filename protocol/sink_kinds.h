/* What the files of the sink share; nobody else includes it. */
#ifndef REPLISIM_PROTOCOL_SINK_KINDS_H
#define REPLISIM_PROTOCOL_SINK_KINDS_H

#include "protocol/sink.h"

extern const struct node_sink_kind NODE_SINK_PRIVATE; /* sink_private.c */
extern const struct node_sink_kind NODE_SINK_TEMP;    /* sink_temp.c */
extern const struct node_sink_kind NODE_SINK_PART;    /* sink_part.c */

/* Ends the outstanding operation. */
void node_sink_answer(struct node_sink *sink, int error);
/* The chunk that was given, into the open writer; its completion answers. */
void node_sink_write_pending(struct node_sink *sink);

/* sink_file.c, for the two kinds that use plain files: */
/* Opens `name`; what goes wrong is kept in open_error, and the answer is 0. */
void node_sink_file_open(struct node_sink *sink, enum rp_stage_mode mode);
void node_sink_file_close(struct node_sink *sink);
/* Closes, then renames to the final name. */
void node_sink_file_rename(struct node_sink *sink);

#endif
