/* What the files of the network share; nobody else includes it. */
#ifndef REPLISIM_SIM_NET_INTERNAL_H
#define REPLISIM_SIM_NET_INTERNAL_H

#include "fault/piece.h"
#include "sim/net.h"

struct net_link {
    struct net_link *chained;
    uint64_t key; /* from, to */
    struct sim_rng rng;
    rp_time_ns free_ns;     /* of its own bandwidth */
    rp_time_ns datagram_ns; /* when the last datagram arrives */
    rp_time_ns stalled_until_ns;
    uint32_t cut_count;
    struct fault_segment segment;
    struct sim_link_faults faults;
};

struct net_site {
    char *id, *zone; /* owned, one block */
    size_t id_bytes, zone_bytes;
    rp_time_ns egress_free_ns, ingress_free_ns;
    uint32_t isolated_count;
    enum sim_net_inbound inbound;
};

/* An address that was ever attached. */
struct net_host {
    struct net_host *chained;
    sim_site site;
    struct sim_endpoint *endpoint; /* NULL: no process */
    bool is_present;               /* a host answers there */
    struct net_host *stand_in;     /* who answers when nobody is attached here; NULL: nobody */
    size_t address_bytes, host_bytes;
    uint8_t address[];
};

/* A piece on its way, or arrived and not yet taken. */
struct net_piece {
    struct rp_chunk chunk; /* owned reference */
    size_t unacked_bytes;  /* of the sender's window */
    rp_time_ns arrive_ns;
    bool is_end;
};

struct net_ack {
    rp_time_ns at_ns;
    size_t bytes;
};

/* One direction of a connection, kept with its sender. */
struct net_stream {
    struct net_piece *pieces; /* owned; a ring */
    uint32_t piece_first, piece_count, piece_max;
    struct net_ack *acks; /* owned; a ring */
    uint32_t ack_first, ack_count, ack_max;
    size_t unacked_bytes;
    uint64_t sent_bytes;
    rp_time_ns last_arrive_ns;
    rp_time_ns stalled_ns; /* since when a cut holds it up; 0: not */
    uint32_t size_next;    /* of the link's cutting sizes */
    bool is_ended;
};

struct net_side {
    struct sim_endpoint *endpoint; /* NULL: dead */
    const struct net_host *host;   /* whose kernel it is, also when the process is done with it */
    rp_conn handle;
    bool is_open;   /* the process holds the handle */
    bool is_silent; /* its host was lost */
    bool is_told;   /* accepted or connected was given */
    bool has_outcome;
    bool is_paused;
    bool wants_room;
    bool is_held; /* the process is frozen; the thaw goes on */
    int outcome;
    rp_time_ns outcome_ns;
    rp_time_ns reset_ns; /* 0: none */
    sim_event event;
    rp_time_ns event_ns;
    struct net_stream out;
};

struct net_conn {
    struct sim_net *net;
    struct net_conn *next, *previous; /* of the network, in order of birth */
    uint64_t serial;
    uint32_t hold_count; /* calls on the stack: not freed meanwhile */
    bool is_dialing;
    rp_time_ns dialed_ns;
    sim_event syn_event;
    struct net_side sides[2]; /* 0: the dialer's */
    sim_site sites[2];
    struct net_link *links[2]; /* from side 0, from side 1 */
    size_t address_bytes;
    uint8_t address[]; /* dialed, resolved */
};

struct net_handle {
    struct net_conn *conn;
    uint32_t generation;
    uint8_t side;
};

struct sim_endpoint {
    struct sim_net *net;
    struct net_host *host;
    sim_site site;
    struct sim_gate gate;
    struct rp_net_port port;
    struct rp_net_events events;
    sim_datagram_fn receive;
    void *receive_context;
    uint64_t session;
    bool is_listening;
    struct net_handle *handles; /* owned */
    uint32_t handle_max, handle_count, handle_next;
};

struct net_datagram {
    struct net_datagram *next, *previous;
    struct sim_net *net;
    struct sim_endpoint *held_by; /* frozen receiver */
    struct net_host *host;        /* receiver's address */
    struct rp_chunk chunk;        /* owned reference */
    sim_site from;
    uint64_t session;
    bool is_resent;
    sim_event event;
    size_t address_bytes;
    uint8_t address[]; /* sender's */
};

struct net_partition {
    struct net_partition *next;
    struct sim_net *net;
    sim_event event;         /* 0: until healed */
    sim_site isolated;       /* or SIM_SITE_NONE */
    struct net_link **links; /* owned: those it cuts */
    size_t link_count;
};

struct sim_net {
    struct sim_net_spec spec;
    struct net_site *sites; /* owned */
    size_t site_count, site_max;
    struct net_link **links; /* owned: buckets */
    size_t link_buckets, link_count;
    struct net_host *hosts[1024];
    struct net_conn *first, *last;
    struct net_datagram *datagram_first, *datagram_last;
    struct net_partition *partitions;
    struct sim_net_tap *taps;
    bool is_handle_reused;
    uint64_t serial_next, session_last;
    size_t conn_count;
    struct sim_net_stats stats;
};

/* net_stream.c */
void net_run_taps(const struct sim_net *net, const struct sim_net_passage *passage,
                  struct rp_chunk *chunk);

/* net.c */
void *net_allocate(const struct sim_net *net, size_t size_bytes); /* zeroed; panics when out */
rp_time_ns net_now(const struct sim_net *net);
/* Who answers there. */
struct net_host *net_host_find(const struct sim_net *net, struct rp_view address);
rp_time_ns net_transfer_ns(uint64_t bytes, uint64_t bytes_per_s);
/* When what leaves now arrives; moves the clocks of both sites' links and draws latency and loss. */
rp_time_ns net_passage(struct sim_net *net, struct net_link *link, size_t wire_bytes,
                       bool is_repeated, bool *is_lost_out);
void net_datagrams_thaw(struct sim_endpoint *endpoint);

/* net_fault.c */
struct net_link *net_link(struct sim_net *net, sim_site from, sim_site to);
bool net_is_cut(const struct sim_net *net, const struct net_link *link);
/* Something passes a link: those of its faults that act on all that passes. */
void net_count_faults(const struct sim_net *net, const struct net_link *link);
rp_time_ns net_latency(struct sim_net *net, struct net_link *link);
rp_time_ns net_latency_middle(const struct sim_net *net, const struct net_link *link);
/* The first retransmission not before now of something first sent at since_ns. */
rp_time_ns net_retry_ns(const struct sim_net *net, rp_time_ns since_ns, rp_time_ns first_ns);
void net_partitions_free(struct sim_net *net);

/* net_dial.c */
int net_dial(void *state, struct rp_view address, rp_conn *conn_out);
/* An unanswered SYN is sent again at its next retransmission. */
void net_dial_again(struct net_conn *conn);

/* net_stream.c */
/* The endpoint gets a handle of that side. */
void net_side_open(struct sim_endpoint *endpoint, struct net_conn *conn, unsigned index);
void net_port_init(struct sim_endpoint *endpoint);
void net_conn_free(struct net_conn *conn);
void net_side_schedule(struct net_conn *conn, unsigned index);
void net_side_reset(struct net_conn *conn, unsigned index, rp_time_ns at_ns);
/* The process at that side is gone: an orderly close, or silence. */
void net_side_end(struct net_conn *conn, unsigned index, bool is_silent);
/* A kernel is no more, or the network name space of a pod: nothing is sent again from there. */
void net_host_gone(struct sim_net *net, const struct net_host *host);
/* Connections that a cut or an absent host held up go on. */
void net_kick(struct sim_net *net);
void net_send_piece(struct net_conn *conn, unsigned index, struct rp_chunk chunk, bool is_end);

#endif
