#include "sim/net.h"

#include <xxhash.h>

#include "protocol/error.h"
#include "protocol/panic.h"
#include "sim/net_internal.h"

void *net_allocate(const struct sim_net *net, size_t size_bytes)
{
    void *pointer = rp_allocate_zeroed(net->spec.alloc, size_bytes);
    RP_ASSERT(pointer != NULL);
    return pointer;
}

rp_time_ns net_now(const struct sim_net *net)
{
    return sim_event_queue_now(net->spec.queue);
}

int sim_net_new(const struct sim_net_spec *spec, struct sim_net **net_out)
{
    struct sim_net *net = rp_allocate_zeroed(spec->alloc, sizeof *net);
    if (net == NULL) {
        return RP_ERR_NOMEM;
    }
    net->spec = *spec;
    *net_out = net;
    return 0;
}

static void datagram_free(struct net_datagram *datagram)
{
    struct sim_net *net = datagram->net;
    if (datagram->previous == NULL) {
        net->datagram_first = datagram->next;
    } else {
        datagram->previous->next = datagram->next;
    }
    if (datagram->next == NULL) {
        net->datagram_last = datagram->previous;
    } else {
        datagram->next->previous = datagram->previous;
    }
    sim_event_queue_cancel(net->spec.queue, datagram->event);
    rp_block_release(datagram->chunk.block);
    rp_release(net->spec.alloc, datagram);
}

static void endpoint_free(struct sim_endpoint *endpoint)
{
    rp_release(endpoint->net->spec.alloc, endpoint->handles);
    rp_release(endpoint->net->spec.alloc, endpoint);
}

static void hosts_free(struct sim_net *net)
{
    for (size_t bucket = 0; bucket < sizeof net->hosts / sizeof net->hosts[0]; bucket += 1) {
        while (net->hosts[bucket] != NULL) {
            struct net_host *host = net->hosts[bucket];
            net->hosts[bucket] = host->chained;
            if (host->endpoint != NULL) {
                endpoint_free(host->endpoint);
            }
            rp_release(net->spec.alloc, host);
        }
    }
}

void sim_net_free(struct sim_net *net)
{
    if (net == NULL) {
        return;
    }
    while (net->first != NULL) {
        net_conn_free(net->first);
    }
    while (net->datagram_first != NULL) {
        datagram_free(net->datagram_first);
    }
    net_partitions_free(net);
    hosts_free(net);
    for (size_t bucket = 0; bucket < net->link_buckets; bucket += 1) {
        while (net->links[bucket] != NULL) {
            struct net_link *link = net->links[bucket];
            net->links[bucket] = link->chained;
            rp_release(net->spec.alloc, link);
        }
    }
    for (size_t site = 0; site < net->site_count; site += 1) {
        rp_release(net->spec.alloc, net->sites[site].id);
    }
    rp_release(net->spec.alloc, net->links);
    rp_release(net->spec.alloc, net->sites);
    rp_release(net->spec.alloc, net);
}

/* ---- Sites and hosts --------------------------------------------------------------------------- */

int sim_net_site(struct sim_net *net, struct rp_view id, struct rp_view zone, sim_site *site_out)
{
    for (size_t site = 0; site < net->site_count; site += 1) {
        if (rp_view_equal(sim_net_site_id(net, (sim_site)site), id)) {
            *site_out = (sim_site)site;
            return 0;
        }
    }
    if (net->site_count == net->site_max) {
        size_t site_max = net->site_max == 0 ? 16 : net->site_max * 2;
        struct net_site *sites = rp_resize(net->spec.alloc, net->sites, site_max * sizeof *sites);
        if (sites == NULL) {
            return RP_ERR_NOMEM;
        }
        net->sites = sites;
        net->site_max = site_max;
    }
    char *text = rp_allocate(net->spec.alloc, id.length_bytes + zone.length_bytes + 1);
    if (text == NULL) {
        return RP_ERR_NOMEM;
    }
    struct net_site *site = &net->sites[net->site_count];
    memset(site, 0, sizeof *site);
    site->id = text;
    site->zone = text + id.length_bytes;
    site->id_bytes = id.length_bytes;
    site->zone_bytes = zone.length_bytes;
    if (id.length_bytes > 0) {
        memcpy(site->id, id.bytes, id.length_bytes);
    }
    if (zone.length_bytes > 0) {
        memcpy(site->zone, zone.bytes, zone.length_bytes);
    }
    *site_out = (sim_site)net->site_count;
    net->site_count += 1;
    return 0;
}

struct rp_view sim_net_site_id(const struct sim_net *net, sim_site site)
{
    RP_ASSERT(site < net->site_count);
    return rp_view_make(net->sites[site].id, net->sites[site].id_bytes);
}

struct rp_view sim_net_site_zone(const struct sim_net *net, sim_site site)
{
    RP_ASSERT(site < net->site_count);
    return rp_view_make(net->sites[site].zone, net->sites[site].zone_bytes);
}

size_t sim_net_site_count(const struct sim_net *net)
{
    return net->site_count;
}

/* An address without its port. */
static struct rp_view host_part(struct rp_view address)
{
    size_t length_bytes = address.length_bytes;
    for (size_t index = length_bytes; index > 0; index -= 1) {
        if (address.bytes[index - 1] == ':') {
            length_bytes = index - 1;
            break;
        }
    }
    return rp_view_make(address.bytes, length_bytes);
}

static size_t host_bucket(struct rp_view host)
{
    return host.length_bytes == 0 ? 0 : (size_t)(XXH3_64bits(host.bytes, host.length_bytes) % 1024);
}

/* The record of the address itself. */
static struct net_host *host_lookup(const struct sim_net *net, struct rp_view address)
{
    struct rp_view name = host_part(address);
    struct net_host *host = net->hosts[host_bucket(name)];
    while (host != NULL && !rp_view_equal(rp_view_make(host->address, host->host_bytes), name)) {
        host = host->chained;
    }
    return host;
}

struct net_host *net_host_find(const struct sim_net *net, struct rp_view address)
{
    struct net_host *host = host_lookup(net, address);
    bool is_forwarded = host != NULL && host->endpoint == NULL && host->stand_in != NULL;
    return is_forwarded ? host->stand_in : host;
}

static struct net_host *host_make(struct sim_net *net, struct rp_view address)
{
    struct net_host *host = host_lookup(net, address);
    if (host == NULL) {
        host = net_allocate(net, sizeof *host + address.length_bytes + 8);
        struct rp_view name = host_part(address);
        host->host_bytes = name.length_bytes;
        host->address_bytes = address.length_bytes;
        memcpy(host->address, address.bytes, address.length_bytes);
        host->chained = net->hosts[host_bucket(name)];
        net->hosts[host_bucket(name)] = host;
    }
    return host;
}

int sim_net_attach(struct sim_net *net, sim_site site, struct rp_view address,
                   const struct sim_gate *gate, struct sim_endpoint **endpoint_out)
{
    RP_ASSERT(site < net->site_count);
    struct net_host *host = address.length_bytes == 0 ? NULL : host_make(net, address);
    if (host == NULL || host->endpoint != NULL || host->address_bytes != address.length_bytes) {
        return RP_ERR_INVALID;
    }
    struct sim_endpoint *endpoint = rp_allocate_zeroed(net->spec.alloc, sizeof *endpoint);
    if (endpoint == NULL) {
        return RP_ERR_NOMEM;
    }
    memcpy(host->address, address.bytes, address.length_bytes); /* the port may be another */
    endpoint->net = net;
    endpoint->host = host;
    endpoint->site = site;
    net->session_last += 1;
    endpoint->session = net->session_last;
    if (gate != NULL) {
        endpoint->gate = *gate;
    }
    net_port_init(endpoint);
    host->endpoint = endpoint;
    host->is_present = true;
    host->site = site;
    net_kick(net); /* dials that nobody answered may be */
    *endpoint_out = endpoint;
    return 0;
}

const struct rp_net_port *sim_endpoint_port(struct sim_endpoint *endpoint)
{
    return &endpoint->port;
}

void sim_endpoint_events(struct sim_endpoint *endpoint, const struct rp_net_events *events)
{
    endpoint->events = *events;
}

void sim_endpoint_datagrams(struct sim_endpoint *endpoint, void *context, sim_datagram_fn receive)
{
    endpoint->receive = receive;
    endpoint->receive_context = context;
}

sim_site sim_endpoint_site(const struct sim_endpoint *endpoint)
{
    return endpoint->site;
}

uint64_t sim_endpoint_session(const struct sim_endpoint *endpoint)
{
    return endpoint->session;
}

struct rp_view sim_endpoint_address(const struct sim_endpoint *endpoint)
{
    return rp_view_make(endpoint->host->address, endpoint->host->address_bytes);
}

size_t sim_endpoint_conn_count(const struct sim_endpoint *endpoint)
{
    return endpoint->handle_count;
}

void sim_net_detach(struct sim_endpoint *endpoint, enum sim_net_end end)
{
    struct sim_net *net = endpoint->net;
    for (uint32_t index = 0; index < endpoint->handle_max; index += 1) {
        if (endpoint->handles[index].conn != NULL) {
            net_side_end(endpoint->handles[index].conn, endpoint->handles[index].side,
                         end == SIM_NET_HOST_LOST);
        }
    }
    struct net_datagram *datagram = net->datagram_first;
    while (datagram != NULL) {
        struct net_datagram *next = datagram->next;
        if (datagram->held_by == endpoint) {
            datagram_free(datagram);
        }
        datagram = next;
    }
    if (end == SIM_NET_HOST_LOST) {
        net_host_gone(net, endpoint->host);
    }
    endpoint->host->endpoint = NULL;
    endpoint->host->is_present = end == SIM_NET_PROCESS_ENDED;
    endpoint_free(endpoint);
}

void sim_net_vacate(struct sim_net *net, struct rp_view address)
{
    struct net_host *host = host_lookup(net, address);
    if (host != NULL && host->endpoint == NULL) {
        host->is_present = false;
        net_host_gone(net, host);
    }
}

void sim_net_forward(struct sim_net *net, struct rp_view host, struct rp_view target)
{
    struct net_host *from = host_lookup(net, host);
    struct net_host *to = target.length_bytes == 0 ? NULL : host_lookup(net, target);
    if (from != NULL && from != to) {
        from->stand_in = to;
        net_kick(net); /* dials that nobody answered may be */
    }
}

void sim_net_thaw(struct sim_endpoint *endpoint)
{
    for (uint32_t index = 0; index < endpoint->handle_max; index += 1) {
        struct net_conn *conn = endpoint->handles[index].conn;
        if (conn != NULL) {
            unsigned side = endpoint->handles[index].side;
            conn->sides[side].is_held = false;
            net_side_schedule(conn, side);
        }
    }
    net_datagrams_thaw(endpoint);
}

/* ---- Passage over the links -------------------------------------------------------------------- */

rp_time_ns net_transfer_ns(uint64_t bytes, uint64_t bytes_per_s)
{
    return bytes_per_s == 0 ? 0 : bytes * RP_NS_PER_S / bytes_per_s;
}

static rp_time_ns later(rp_time_ns left_ns, rp_time_ns right_ns)
{
    return left_ns > right_ns ? left_ns : right_ns;
}

rp_time_ns net_passage(struct sim_net *net, struct net_link *link, size_t wire_bytes,
                       bool is_repeated, bool *is_lost_out)
{
    struct net_site *from = &net->sites[link->key >> 32];
    struct net_site *to = &net->sites[(uint32_t)link->key];
    net_count_faults(net, link);
    rp_time_ns wire_ns = net_transfer_ns(wire_bytes, net->spec.bandwidth_bytes_per_s);
    rp_time_ns leave_ns = later(net_now(net), from->egress_free_ns) + wire_ns;
    from->egress_free_ns = leave_ns;
    /* The receiver's link is taken in the order of sending: what is late holds up nobody else. */
    rp_time_ns arrive_ns = later(leave_ns, later(to->ingress_free_ns, net_now(net)) + wire_ns);
    to->ingress_free_ns = arrive_ns;
    if (link->faults.bandwidth_bytes_per_s != 0) {
        arrive_ns = later(arrive_ns, link->free_ns) +
                    net_transfer_ns(wire_bytes, link->faults.bandwidth_bytes_per_s);
        link->free_ns = arrive_ns;
    }
    arrive_ns += net_latency(net, link) + link->faults.late_ns;
    sim_chance loss = link->faults.has_loss ? link->faults.loss : net->spec.loss;
    *is_lost_out = false;
    rp_time_ns wait_ns = SIM_NET_RTO_NS;
    while (sim_rng_chance(&link->rng, loss)) {
        net->stats.lost += 1;
        *is_lost_out = true;
        /* At a certain loss nothing ever passes: an hour of waiting stands for ever. */
        if (!is_repeated || wait_ns >= SIM_NET_RTO_MAX_NS * 16) {
            break;
        }
        arrive_ns += wait_ns;
        wait_ns *= 2;
    }
    return later(arrive_ns, link->stalled_until_ns);
}

/* ---- Datagrams --------------------------------------------------------------------------------- */

static void datagram_due(void *context, uint64_t argument)
{
    (void)argument;
    struct net_datagram *datagram = context;
    struct sim_net *net = datagram->net;
    struct sim_endpoint *endpoint = datagram->host->endpoint;
    datagram->event = 0;
    if (endpoint == NULL || endpoint->receive == NULL ||
        net_is_cut(net, net_link(net, datagram->from, endpoint->site))) {
        datagram_free(datagram);
        return;
    }
    if (!sim_gate_enter(&endpoint->gate)) {
        datagram->held_by = endpoint;
        return;
    }
    struct sim_gate gate = endpoint->gate;
    struct sim_net_arrival arrival = {
        .from_address = rp_view_make(datagram->address, datagram->address_bytes),
        .from = datagram->from,
        .session = datagram->session,
        .is_resent = datagram->is_resent,
    };
    endpoint->receive(endpoint->receive_context, &arrival, datagram->chunk);
    datagram_free(datagram);
    sim_gate_leave(&gate);
}

void net_datagrams_thaw(struct sim_endpoint *endpoint)
{
    struct sim_net *net = endpoint->net;
    for (struct net_datagram *datagram = net->datagram_first; datagram != NULL;
         datagram = datagram->next) {
        if (datagram->held_by == endpoint) {
            datagram->held_by = NULL;
            datagram->event =
                sim_event_queue_add(net->spec.queue, net_now(net), SIM_EVENT_RAFT_MESSAGE,
                                    datagram_due, datagram, endpoint->site);
        }
    }
}

static uint64_t session_at(const struct net_host *host)
{
    return host->endpoint == NULL ? 0 : host->endpoint->session;
}

static void datagram_launch(struct sim_endpoint *from, struct net_host *host, struct rp_chunk chunk,
                            rp_time_ns arrive_ns, bool is_resent)
{
    struct sim_net *net = from->net;
    size_t address_bytes = from->host->address_bytes;
    struct net_datagram *datagram = net_allocate(net, sizeof *datagram + address_bytes);
    datagram->net = net;
    datagram->host = host;
    datagram->chunk = chunk;
    rp_block_retain(chunk.block);
    datagram->from = from->site;
    datagram->session = session_at(host);
    datagram->is_resent = is_resent;
    datagram->address_bytes = address_bytes;
    memcpy(datagram->address, from->host->address, address_bytes);
    datagram->previous = net->datagram_last;
    if (net->datagram_last == NULL) {
        net->datagram_first = datagram;
    } else {
        net->datagram_last->next = datagram;
    }
    net->datagram_last = datagram;
    datagram->event =
        sim_event_queue_add(net->spec.queue, arrive_ns, SIM_EVENT_RAFT_MESSAGE, datagram_due,
                            datagram, (uint64_t)from->site << 32 | host->site);
}

/* Taps own the reference while they look; false: one of them dropped it. */
static bool datagram_passes_taps(struct sim_endpoint *from, const struct net_host *host,
                                 struct rp_chunk *chunk)
{
    struct sim_net_passage passage = {0};
    passage.from = from->site;
    passage.to = host->site;
    passage.session = session_at(host);
    net_run_taps(from->net, &passage, chunk);
    return chunk->block != NULL;
}

/* `*chunk` stays the caller's, also when a tap put another in its place. */
static void datagram_send(struct sim_endpoint *from, struct rp_view address, struct rp_chunk *chunk,
                          size_t wire_bytes)
{
    struct sim_net *net = from->net;
    char text[SIM_ADDRESS_BYTES_MAX];
    size_t text_bytes = 0;
    if (net->spec.dns != NULL) {
        if (sim_dns_resolve(net->spec.dns, net_now(net), sim_net_site_id(net, from->site), address,
                            text, &text_bytes) != 0) {
            return;
        }
        address = rp_view_make(text, text_bytes);
    }
    struct net_host *host = net_host_find(net, address);
    net->stats.datagrams += 1;
    net->stats.datagram_bytes += wire_bytes;
    if (host == NULL || !host->is_present) {
        return;
    }
    if (net->taps != NULL && !datagram_passes_taps(from, host, chunk)) {
        return;
    }
    struct net_link *link = net_link(net, from->site, host->site);
    bool is_lost;
    rp_time_ns arrive_ns = net_passage(net, link, wire_bytes, false, &is_lost);
    if (is_lost || net_is_cut(net, link)) {
        return;
    }
    arrive_ns = later(arrive_ns, link->datagram_ns); /* as on one connection, but for the fault */
    link->datagram_ns = arrive_ns;
    if (sim_rng_chance(&link->rng, link->faults.reorder)) {
        arrive_ns += net_latency(net, link) * 2;
    }
    datagram_launch(from, host, *chunk, arrive_ns, false);
    if (sim_rng_chance(&link->rng, link->faults.duplicate)) {
        datagram_launch(from, host, *chunk, arrive_ns + net_latency(net, link), true);
    }
}

void sim_net_datagram(struct sim_endpoint *from, struct rp_view address, struct rp_chunk chunk,
                      size_t wire_bytes)
{
    rp_block_retain(chunk.block);
    datagram_send(from, address, &chunk, wire_bytes);
    rp_block_release(chunk.block);
}

/* ---- Watching ---------------------------------------------------------------------------------- */

void sim_net_tap(struct sim_net *net, struct sim_net_tap *tap)
{
    tap->next = net->taps;
    net->taps = tap;
}

void sim_net_untap(struct sim_net *net, struct sim_net_tap *tap)
{
    struct sim_net_tap **link = &net->taps;
    while (*link != NULL && *link != tap) {
        link = &(*link)->next;
    }
    if (*link == tap) {
        *link = tap->next;
    }
}

bool sim_net_inject(struct sim_net *net, uint64_t connection, bool is_from_dialer,
                    struct rp_chunk chunk)
{
    for (struct net_conn *conn = net->first; conn != NULL; conn = conn->next) {
        if (conn->serial == connection && !conn->is_dialing) {
            rp_block_retain(chunk.block);
            net_send_piece(conn, is_from_dialer ? 0 : 1, chunk, false);
            return true;
        }
    }
    return false;
}

struct sim_net_stats sim_net_stats(const struct sim_net *net)
{
    return net->stats;
}

size_t sim_net_live_connections(const struct sim_net *net)
{
    return net->conn_count;
}
