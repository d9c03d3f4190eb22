/* Connections that give trouble, as one node sees its own: a decorator of a network port.
 *
 *   network port <--- fault_stream ---> node        calls of the node go left, events right
 *
 * It is for a node whose network is not ours: a real process. The simulator models links between nodes,
 * where the same kinds of trouble belong to the wire and to both ends (sim/net.h); what is shared is in
 * fault/piece.h (docs/decisions/0048).
 *
 * Without a fault everything passes as it is. With one, a connection gets a record here at its next
 * event: what comes waits in it until it is due, and is cut, damaged or broken off as it is given to
 * the node. A reset that comes from the port is told at once, as a kernel does, and takes along what
 * waits.
 *
 * Not modelled: what happens to the node's own bytes after they were sent (they cannot be late, or lost
 * without a reset); a refusal before the handshake (a refused inbound connection is reset as soon as
 * it is there; a refused dial is told so when it has been answered). */
#ifndef REPLISIM_FAULT_STREAM_H
#define REPLISIM_FAULT_STREAM_H

#include "fault/piece.h"
#include "fault/random.h"
#include "protocol/ports.h"

/* What waits for one node on one connection before its peer is held up. */
#define FAULT_STREAM_QUEUE_BYTES ((size_t)524288)

enum fault_door {
    FAULT_DOOR_OPEN,
    FAULT_DOOR_REFUSES,
    FAULT_DOOR_BLACKHOLE /* connections are born when it is opened again, if they still live */
};

/* A zeroed struct is a healthy network. */
struct fault_stream_spec {
    enum fault_door inbound, outbound; /* for connections to come, and for dials */
    fault_chance reset;                /* a piece, sent or received, finds its connection reset */
    fault_chance corrupt;              /* a bit of a piece, sent or received, is flipped */
    rp_time_ns stall_ns;               /* nothing passes either way for so long from now */
    rp_time_ns late_ns;                /* what comes, and its end, is given so much later */
    struct fault_segment segment;      /* how what comes is cut */
};

struct fault_stream_params {
    const struct rp_alloc *alloc; /* borrowed, as all ports */
    struct rp_net_port net;       /* the one to decorate */
    struct rp_clock_port clock;
    struct fault_random random;
};

struct fault_stream;

/* Errors: RP_ERR_NOMEM. */
RP_MUST_USE int fault_stream_new(const struct fault_stream_params *params,
                                 struct fault_stream **stream_out);
/* Forgets what it held without a call to the port. After the node is freed. NULL is fine. */
void fault_stream_free(struct fault_stream *stream);
/* For the node. Borrowed. */
const struct rp_net_port *fault_stream_port(const struct fault_stream *stream);
/* For the port: pass on to the node's own events, which are borrowed. Once, before the first call. */
const struct rp_net_events *fault_stream_events(struct fault_stream *stream,
                                                const struct rp_net_events *node_events);
/* From now on; a copy is kept. `stall_ns` counts from here unless it is what was set already; 0 ends
 * it. What was held back by a fault that is over goes on from an event of its own. */
void fault_stream_set(struct fault_stream *stream, const struct fault_stream_spec *spec);
/* Connections with a record: something waits, or a fault is set. */
size_t fault_stream_held_count(const struct fault_stream *stream);

#endif
