/* The birth of connections: the SYN, its answer or its silence, and the kick that sends it again. */
#include "protocol/error.h"
#include "sim/net_internal.h"

static rp_time_ns later(rp_time_ns left_ns, rp_time_ns right_ns)
{
    return left_ns > right_ns ? left_ns : right_ns;
}

static void dial_outcome(struct net_conn *conn, int outcome, rp_time_ns at_ns)
{
    conn->sides[0].has_outcome = true;
    conn->sides[0].outcome = outcome;
    conn->sides[0].outcome_ns = at_ns;
    net_side_schedule(conn, 0);
}

static void conn_accept(struct net_conn *conn, struct sim_endpoint *endpoint)
{
    struct sim_net *net = conn->net;
    rp_time_ns answered_ns = net_now(net) + net_latency(net, conn->links[1]);
    conn->is_dialing = false;
    net->stats.accepted += 1;
    net_side_open(endpoint, conn, 1);
    conn->sides[1].has_outcome = true;
    conn->sides[1].outcome_ns = net_now(net);
    conn->sides[1].out.last_arrive_ns = answered_ns;
    net_side_schedule(conn, 1);
    dial_outcome(conn, 0, answered_ns);
}

/* The host was found by its name already, maybe by another one than its own. */
static struct rp_view port_of(const uint8_t *address, size_t address_bytes)
{
    size_t port = address_bytes;
    while (port > 0 && address[port - 1] != ':') {
        port -= 1;
    }
    return rp_view_make(address + port, address_bytes - port);
}

/* The SYN comes: it is answered, or a later one may be (net_kick). */
static void syn_due(void *context, uint64_t argument)
{
    (void)argument;
    struct net_conn *conn = context;
    struct sim_net *net = conn->net;
    conn->syn_event = 0;
    struct net_host *host = net_host_find(net, rp_view_make(conn->address, conn->address_bytes));
    if (host == NULL || !host->is_present) {
        return;
    }
    conn->sites[1] = host->site;
    conn->links[0] = net_link(net, conn->sites[0], host->site);
    conn->links[1] = net_link(net, host->site, conn->sites[0]);
    enum sim_net_inbound inbound = net->sites[host->site].inbound;
    if (net_is_cut(net, conn->links[0]) || net_is_cut(net, conn->links[1]) ||
        inbound == SIM_NET_BLACKHOLE) {
        if (inbound == SIM_NET_BLACKHOLE) {
            sim_reach_fault(net->spec.reach, "blackhole");
        }
        return;
    }
    struct sim_endpoint *endpoint = host->endpoint;
    bool is_same_port = rp_view_equal(port_of(conn->address, conn->address_bytes),
                                      port_of(host->address, host->address_bytes));
    if (endpoint == NULL || !endpoint->is_listening || !is_same_port ||
        inbound == SIM_NET_REFUSES) {
        net->stats.refused += 1;
        if (inbound == SIM_NET_REFUSES) {
            sim_reach_fault(net->spec.reach, "refuse");
        }
        dial_outcome(conn, RP_ERR_REFUSED, net_now(net) + net_latency(net, conn->links[1]));
        return;
    }
    conn_accept(conn, endpoint);
}

static void syn_send(struct net_conn *conn, rp_time_ns at_ns)
{
    struct sim_net *net = conn->net;
    struct net_host *host = net_host_find(net, rp_view_make(conn->address, conn->address_bytes));
    if (host == NULL) {
        return;
    }
    struct net_link *link = net_link(net, conn->sites[0], host->site);
    rp_time_ns arrive_ns = later(at_ns + net_latency(net, link), link->stalled_until_ns);
    sim_chance loss = link->faults.has_loss ? link->faults.loss : net->spec.loss;
    for (rp_time_ns wait_ns = RP_NS_PER_S;
         wait_ns < SIM_NET_RTO_MAX_NS && sim_rng_chance(&link->rng, loss); wait_ns *= 2) {
        net->stats.lost += 1;
        arrive_ns += wait_ns;
    }
    conn->syn_event = sim_event_queue_add(net->spec.queue, arrive_ns, SIM_EVENT_NET, syn_due, conn,
                                          conn->serial << 1);
}

int net_dial(void *state, struct rp_view address, rp_conn *conn_out)
{
    struct sim_endpoint *endpoint = state;
    struct sim_net *net = endpoint->net;
    char text[SIM_ADDRESS_BYTES_MAX];
    size_t text_bytes = 0;
    int error = 0;
    if (net->spec.dns != NULL) {
        error = sim_dns_resolve(net->spec.dns, net_now(net), sim_net_site_id(net, endpoint->site),
                                address, text, &text_bytes);
        address = error == 0 ? rp_view_make(text, text_bytes) : address;
    }
    if (error == RP_ERR_INVALID || address.length_bytes == 0 ||
        address.length_bytes > SIM_ADDRESS_BYTES_MAX) {
        return RP_ERR_INVALID;
    }
    struct net_conn *conn = net_allocate(net, sizeof *conn + address.length_bytes);
    net->serial_next += 1;
    net->stats.dials += 1;
    conn->net = net;
    conn->serial = net->serial_next;
    conn->is_dialing = true;
    conn->dialed_ns = net_now(net);
    conn->sites[0] = endpoint->site;
    conn->sites[1] = SIM_SITE_NONE;
    conn->address_bytes = address.length_bytes;
    memcpy(conn->address, address.bytes, address.length_bytes);
    conn->previous = net->last;
    if (net->last == NULL) {
        net->first = conn;
    } else {
        net->last->next = conn;
    }
    net->last = conn;
    net->conn_count += 1;
    net_side_open(endpoint, conn, 0);
    *conn_out = conn->sides[0].handle;
    if (error != 0) {
        dial_outcome(conn, RP_ERR_UNREACHABLE, net_now(net) + net->spec.latency_ns.high);
    } else {
        syn_send(conn, net_now(net));
    }
    return 0;
}

void net_dial_again(struct net_conn *conn)
{
    if (conn->syn_event == 0 && !conn->sides[0].has_outcome) {
        syn_send(conn, net_retry_ns(conn->net, conn->dialed_ns, RP_NS_PER_S));
    }
}
