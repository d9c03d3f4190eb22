/* The network between nodes: connections like TCP's, and datagrams for consensus.
 *
 * A site is a node's place in the network, from life to life and from address to address: links and
 * faults are between sites. An endpoint is one life of a process at one address of its site; the
 * simulator itself may have endpoints (attackers, probes).
 *
 *   site (id, zone) --- attach(address) ---> endpoint --- dial/accept ---> connections
 *
 * Time: a piece sent waits its turn on the sender's link (shared by all connections and datagrams of
 * the site), then its turn on the receiver's link, then takes a latency drawn from the stream of its
 * directed link. Bytes of one direction stay in order, and so do datagrams of one link. A lost piece comes after the retransmission
 * time-out, 200 ms, doubling with each further loss. A dial takes one round trip. What is sent and
 * not yet taken by the receiving process is bounded (SIM_NET_WINDOW_BYTES); beyond it the sender is
 * held up. A partition loses everything: connections stall, and resume at their next retransmission
 * after it is healed; nothing ever fails because of it. A process that dies closes its connections
 * as a kernel does; a host that dies falls silent, and sends nothing again. Bytes for a connection that its receiver closed
 * are answered with a reset.
 *
 * Not modelled: congestion control and slow start, packets and their headers, Nagle and delayed
 * acks, keep-alives and the retransmission limit of TCP, SYN backlogs, port numbers of dialers, a
 * reset in place of an orderly close when unread bytes are left, cross traffic in switches. An
 * inbound connection is accepted when its SYN comes, one round trip earlier than in reality. */
#ifndef REPLISIM_SIM_NET_H
#define REPLISIM_SIM_NET_H

#include "protocol/ports.h"
#include "sim/dns.h"
#include "sim/event_queue.h"
#include "sim/gate.h"
#include "sim/reach.h"
#include "sim/rng.h"
#include "sim/trace.h"

#define SIM_NET_WINDOW_BYTES ((size_t)524288) /* send and receive buffer together */
#define SIM_NET_PIECE_BYTES  ((size_t)262144) /* the most one event delivers */
#define SIM_NET_RTO_NS       (200 * RP_NS_PER_MS)
#define SIM_NET_RTO_MAX_NS   (120 * RP_NS_PER_S)

struct sim_net;
struct sim_endpoint;
typedef uint32_t sim_site; /* index, from 0, in order of sim_net_site */
#define SIM_SITE_NONE UINT32_MAX

struct sim_net_spec {
    const struct rp_alloc *alloc;
    struct sim_event_queue *queue;
    struct sim_trace *trace; /* may be NULL */
    struct sim_dns *dns;     /* may be NULL: addresses only */
    struct sim_reach *reach; /* may be NULL: nobody counts faults */
    uint64_t seed;
    struct sim_range latency_ns;
    uint64_t bandwidth_bytes_per_s; /* of a site, each direction; 0: no time */
    sim_chance loss;
};

/* Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_net_new(const struct sim_net_spec *spec, struct sim_net **net_out);
void sim_net_free(struct sim_net *net); /* endpoints still attached are freed too */

/* The site of that id, made when it is new. Texts are copied. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_net_site(struct sim_net *net, struct rp_view id, struct rp_view zone,
                             sim_site *site_out);
struct rp_view sim_net_site_id(const struct sim_net *net, sim_site site);
struct rp_view sim_net_site_zone(const struct sim_net *net, sim_site site);
size_t sim_net_site_count(const struct sim_net *net);

/* ---- Endpoints --------------------------------------------------------------------------------- */

/* How a datagram comes to an endpoint. Consensus transports speak over sessions, which end with either
 * life: `session` is the number of the endpoint that was at the address when it was sent, 0 for none.
 * `is_resent`: the transport was not sure and sent it again, under the fault `duplicate`. */
struct sim_net_arrival {
    struct rp_view from_address; /* borrowed */
    sim_site from;
    uint64_t session;
    bool is_resent;
};
/* Consensus messages for this endpoint; the chunk is borrowed. */
typedef void (*sim_datagram_fn)(void *context, const struct sim_net_arrival *arrival,
                                struct rp_chunk chunk);

/* A life begins at `address` ("10.0.0.3:9100", copied). Whatever was at that address before is over.
 * `events` may be given later, before the first call of the port. The gate is copied (NULL: always
 * open). Errors: RP_ERR_NOMEM, RP_ERR_INVALID (a live endpoint has the address). */
RP_MUST_USE int sim_net_attach(struct sim_net *net, sim_site site, struct rp_view address,
                               const struct sim_gate *gate, struct sim_endpoint **endpoint_out);
const struct rp_net_port *sim_endpoint_port(struct sim_endpoint *endpoint);
void sim_endpoint_events(struct sim_endpoint *endpoint, const struct rp_net_events *events);
void sim_endpoint_datagrams(struct sim_endpoint *endpoint, void *context, sim_datagram_fn receive);
sim_site sim_endpoint_site(const struct sim_endpoint *endpoint);
/* A number that no other endpoint of this network ever has; those of later lives are higher. */
uint64_t sim_endpoint_session(const struct sim_endpoint *endpoint);
struct rp_view sim_endpoint_address(const struct sim_endpoint *endpoint);

enum sim_net_end {
    SIM_NET_PROCESS_ENDED, /* the kernel closes its connections; dials to the host are refused */
    SIM_NET_HOST_LOST      /* silence, until something is attached there again */
};
/* Ends the life and frees the endpoint: no call into its sinks any more. May be called from within
 * one of them. */
void sim_net_detach(struct sim_endpoint *endpoint, enum sim_net_end end);
/* The host of a pod that is gone from that address answers no more. */
void sim_net_vacate(struct sim_net *net, struct rp_view address);
/* Whoever dials or sends to that host, without a port, reaches the endpoint that lives at `target`
 * then; empty: no more. An endpoint attached at the host itself comes first. */
void sim_net_forward(struct sim_net *net, struct rp_view host, struct rp_view target);
/* After a freeze: what came meanwhile is delivered, from events of now. */
void sim_net_thaw(struct sim_endpoint *endpoint);

/* Half-close: no more bytes from here, and receiving goes on. For the simulator's own endpoints; a
 * node has `close` only. */
void sim_endpoint_shutdown(struct sim_endpoint *endpoint, rp_conn conn);
/* Live connections of the endpoint, dials included. */
size_t sim_endpoint_conn_count(const struct sim_endpoint *endpoint);
/* The site at the other end; SIM_SITE_NONE for a dead handle or an unanswered dial. */
sim_site sim_endpoint_peer(const struct sim_endpoint *endpoint, rp_conn conn);

/* One message, by reference, `wire_bytes` long on the links. It arrives once or not at
 * all, also twice or late under faults. `address` is that of an endpoint; its port is ignored. */
void sim_net_datagram(struct sim_endpoint *from, struct rp_view address, struct rp_chunk chunk,
                      size_t wire_bytes);

/* ---- Faults ------------------------------------------------------------------------------------- */

/* What differs on a directed link from the network's defaults; a zeroed struct is a healthy link.
 * Latency and bandwidth replace the default, the rest adds to it. */
struct sim_link_faults {
    bool has_latency, has_loss;
    struct sim_range latency_ns;
    struct sim_range jitter_ns;     /* added to each latency */
    sim_chance loss;                /* of a piece; replaces the network's when has_loss */
    uint64_t bandwidth_bytes_per_s; /* of this link alone, besides the sites'; 0: unlimited */
    sim_chance reset;               /* a piece finds its connection reset at both ends */
    sim_chance corrupt;             /* a bit of a piece is flipped, past the checksum of TCP */
    sim_chance duplicate, reorder;  /* datagrams only */
    rp_time_ns late_ns;             /* data and closes take so much longer */
};
void sim_net_set_link(struct sim_net *net, sim_site from, sim_site to,
                      const struct sim_link_faults *faults);
const struct sim_link_faults *sim_net_link(struct sim_net *net, sim_site from, sim_site to);
/* Nothing passes for so long from now, then all goes on. */
void sim_net_stall(struct sim_net *net, sim_site from, sim_site to, rp_time_ns duration_ns);

/* How received bytes of a directed link are cut: at sizes[0], sizes[1], ... and again from the start;
 * `is_coalesced`: pieces that come within a millisecond are given as one first. Count 0 and not
 * coalesced: as sent. Errors: RP_ERR_INVALID (a size of 0, more than 16). */
RP_MUST_USE int sim_net_segment(struct sim_net *net, sim_site from, sim_site to,
                                const size_t *sizes_bytes, size_t size_count, bool is_coalesced);

/* Packets from any of `sources` to any of `targets` are lost, and back unless `is_oneway`, for
 * duration_ns (0: until healed). */
void sim_net_partition(struct sim_net *net, const sim_site *sources, size_t source_count,
                       const sim_site *targets, size_t target_count, bool is_oneway,
                       rp_time_ns duration_ns);
/* The site against all others, present and future. */
void sim_net_isolate(struct sim_net *net, sim_site site, rp_time_ns duration_ns);
/* Undoes everything set through this section. */
void sim_net_heal(struct sim_net *net);
bool sim_net_is_cut(struct sim_net *net, sim_site from, sim_site to);

enum sim_net_inbound { SIM_NET_ANSWERS, SIM_NET_REFUSES, SIM_NET_BLACKHOLE };
void sim_net_set_inbound(struct sim_net *net, sim_site site, enum sim_net_inbound inbound);
/* The lowest free connection handle of a node is reused at once. Not a fault of a link: stays until
 * set to false or healed. */
void sim_net_reuse_handles(struct sim_net *net, bool is_reused);

/* ---- Watching and changing what passes ----------------------------------------------------------- */

struct sim_net_passage {
    uint64_t connection; /* serial number, from 1; 0: a datagram */
    sim_site from, to;
    bool is_from_dialer;
    uint64_t offset_bytes; /* in the stream of that direction, before changes */
    bool is_end;           /* the sender's end of stream; no bytes */
    uint64_t session;      /* of a datagram: struct sim_net_arrival */
};

/* Called when the sender's bytes leave. It may replace `*chunk` (the new block's reference passes to
 * the network, which releases the old one's own) or drop it by making it empty: the sender never
 * notices. A tap sees links between its two sites both ways; SIM_SITE_NONE stands for any. */
struct sim_net_tap {
    void *context;
    sim_site left, right;
    void (*passes)(void *context, const struct sim_net_passage *passage, struct rp_chunk *chunk);
    struct sim_net_tap *next; /* the network's */
};
void sim_net_tap(struct sim_net *net, struct sim_net_tap *tap); /* borrowed until untapped */
void sim_net_untap(struct sim_net *net, struct sim_net_tap *tap);
/* Puts bytes into a live connection as if one side had sent them, after what it has sent; what a tap
 * held back. False: no such connection. */
bool sim_net_inject(struct sim_net *net, uint64_t connection, bool is_from_dialer,
                    struct rp_chunk chunk);

struct sim_net_stats {
    uint64_t dials, accepted, refused, resets, pieces, bytes, datagrams, datagram_bytes;
    uint64_t lost, stalled;
};
struct sim_net_stats sim_net_stats(const struct sim_net *net);
size_t sim_net_live_connections(const struct sim_net *net);

#endif
