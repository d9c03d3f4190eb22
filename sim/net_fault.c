/* Links between sites: their latencies, their faults, and what cuts them. */
#include "protocol/error.h"
#include "protocol/panic.h"
#include "sim/net_internal.h"

static uint64_t key_of(sim_site from, sim_site to)
{
    return (uint64_t)from << 32 | to;
}

static size_t bucket_of(const struct sim_net *net, uint64_t key)
{
    return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (net->link_buckets - 1);
}

static void links_grow(struct sim_net *net)
{
    size_t old_count = net->link_buckets;
    struct net_link **old = net->links;
    net->link_buckets = old_count == 0 ? 64 : old_count * 2;
    net->links = net_allocate(net, net->link_buckets * sizeof(struct net_link *));
    for (size_t bucket = 0; bucket < old_count; bucket += 1) {
        while (old[bucket] != NULL) {
            struct net_link *link = old[bucket];
            old[bucket] = link->chained;
            size_t place = bucket_of(net, link->key);
            link->chained = net->links[place];
            net->links[place] = link;
        }
    }
    rp_release(net->spec.alloc, old);
}

struct net_link *net_link(struct sim_net *net, sim_site from, sim_site to)
{
    RP_ASSERT(from < net->site_count && to < net->site_count);
    uint64_t key = key_of(from, to);
    struct net_link *link = net->link_buckets == 0 ? NULL : net->links[bucket_of(net, key)];
    while (link != NULL && link->key != key) {
        link = link->chained;
    }
    if (link != NULL) {
        return link;
    }
    if (net->link_count >= net->link_buckets) {
        links_grow(net);
    }
    link = net_allocate(net, sizeof *link);
    link->key = key;
    struct rp_view id = sim_net_site_id(net, to);
    uint64_t seed = net->spec.seed ^ (uint64_t)from * UINT64_C(0xd6e8feb86659fd93);
    sim_rng_init(&link->rng, seed, "link", id, from);
    link->chained = net->links[bucket_of(net, key)];
    net->links[bucket_of(net, key)] = link;
    net->link_count += 1;
    return link;
}

bool net_is_cut(const struct sim_net *net, const struct net_link *link)
{
    const struct net_site *from = &net->sites[link->key >> 32];
    const struct net_site *to = &net->sites[(uint32_t)link->key];
    bool is_isolated = from != to && (from->isolated_count > 0 || to->isolated_count > 0);
    if (link->cut_count > 0 || is_isolated) {
        sim_reach_fault(net->spec.reach, link->cut_count > 0 ? "partition" : "isolate");
        return true;
    }
    return false;
}

static bool is_bent(const struct sim_link_faults *faults)
{
    return faults->has_latency || faults->has_loss || faults->jitter_ns.high != 0 ||
           faults->bandwidth_bytes_per_s != 0 || faults->reset != 0 || faults->corrupt != 0 ||
           faults->duplicate != 0 || faults->reorder != 0;
}

void net_count_faults(const struct sim_net *net, const struct net_link *link)
{
    if (net->spec.reach == NULL) {
        return;
    }
    if (is_bent(&link->faults) || link->stalled_until_ns > net_now(net)) {
        sim_reach_fault(net->spec.reach, "link");
    }
    if (link->faults.late_ns != 0) {
        sim_reach_fault(net->spec.reach, "late");
    }
}

bool sim_net_is_cut(struct sim_net *net, sim_site from, sim_site to)
{
    return net_is_cut(net, net_link(net, from, to));
}

rp_time_ns net_latency(struct sim_net *net, struct net_link *link)
{
    struct sim_range range =
        link->faults.has_latency ? link->faults.latency_ns : net->spec.latency_ns;
    return sim_rng_range(&link->rng, range) + sim_rng_range(&link->rng, link->faults.jitter_ns);
}

rp_time_ns net_latency_middle(const struct sim_net *net, const struct net_link *link)
{
    struct sim_range range =
        link->faults.has_latency ? link->faults.latency_ns : net->spec.latency_ns;
    return range.low + (range.high - range.low) / 2;
}

rp_time_ns net_retry_ns(const struct sim_net *net, rp_time_ns since_ns, rp_time_ns first_ns)
{
    rp_time_ns now_ns = net_now(net);
    rp_time_ns step_ns = first_ns;
    while (since_ns < now_ns) {
        since_ns += step_ns;
        step_ns = step_ns * 2 < SIM_NET_RTO_MAX_NS ? step_ns * 2 : SIM_NET_RTO_MAX_NS;
    }
    return since_ns;
}

static void mark(struct sim_net *net, const char *name, sim_site site, struct rp_view text)
{
    struct rp_view none = {NULL, 0};
    if (net->spec.trace != NULL) {
        sim_trace_mark(net->spec.trace, net_now(net), name,
                       site == SIM_SITE_NONE ? none : sim_net_site_id(net, site), text);
    }
}

void sim_net_set_link(struct sim_net *net, sim_site from, sim_site to,
                      const struct sim_link_faults *faults)
{
    net_link(net, from, to)->faults = *faults;
    mark(net, is_bent(faults) || faults->late_ns != 0 ? "link" : "link-right", from,
         sim_net_site_id(net, to));
}

const struct sim_link_faults *sim_net_link(struct sim_net *net, sim_site from, sim_site to)
{
    return &net_link(net, from, to)->faults;
}

void sim_net_stall(struct sim_net *net, sim_site from, sim_site to, rp_time_ns duration_ns)
{
    net_link(net, from, to)->stalled_until_ns = net_now(net) + duration_ns;
    mark(net, "stall", from, sim_net_site_id(net, to));
}

int sim_net_segment(struct sim_net *net, sim_site from, sim_site to, const size_t *sizes_bytes,
                    size_t size_count, bool is_coalesced)
{
    return fault_segment_set(&net_link(net, from, to)->segment, sizes_bytes, size_count,
                             is_coalesced);
}

/* ---- Partitions -------------------------------------------------------------------------------- */

static void partition_free(struct net_partition *partition)
{
    struct sim_net *net = partition->net;
    struct net_partition **link = &net->partitions;
    while (*link != partition) {
        link = &(*link)->next;
    }
    *link = partition->next;
    sim_event_queue_cancel(net->spec.queue, partition->event);
    for (size_t index = 0; index < partition->link_count; index += 1) {
        partition->links[index]->cut_count -= 1;
    }
    if (partition->isolated != SIM_SITE_NONE) {
        net->sites[partition->isolated].isolated_count -= 1;
    }
    rp_release(net->spec.alloc, partition->links);
    rp_release(net->spec.alloc, partition);
}

void net_partitions_free(struct sim_net *net)
{
    while (net->partitions != NULL) {
        partition_free(net->partitions);
    }
}

static void partition_over(void *context, uint64_t argument)
{
    (void)argument;
    struct net_partition *partition = context;
    struct sim_net *net = partition->net;
    partition->event = 0;
    mark(net, "partition-over", partition->isolated, rp_view_text(""));
    partition_free(partition);
    net_kick(net);
}

static struct net_partition *partition_new(struct sim_net *net, rp_time_ns duration_ns)
{
    struct net_partition *partition = net_allocate(net, sizeof *partition);
    partition->net = net;
    partition->isolated = SIM_SITE_NONE;
    partition->next = net->partitions;
    net->partitions = partition;
    if (duration_ns != 0) {
        partition->event = sim_event_queue_add(net->spec.queue, net_now(net) + duration_ns,
                                               SIM_EVENT_FAULT, partition_over, partition, 0);
    }
    return partition;
}

static void partition_cut(struct net_partition *partition, sim_site from, sim_site to)
{
    struct net_link *link = net_link(partition->net, from, to);
    link->cut_count += 1;
    partition->links[partition->link_count] = link;
    partition->link_count += 1;
}

/* "a, b | c", as much of it as fits. */
static void mark_partition(struct sim_net *net, const sim_site *sources, size_t source_count,
                           const sim_site *targets, size_t target_count, bool is_oneway)
{
    char text[512] = "";
    size_t length = 0;
    for (size_t at = 0; at < source_count + target_count && length + 1 < sizeof text; at += 1) {
        struct rp_view id =
            sim_net_site_id(net, at < source_count ? sources[at] : targets[at - source_count]);
        const char *join = at == 0 ? "" : at != source_count ? ", " : is_oneway ? " -> " : " | ";
        int more = snprintf(text + length, sizeof text - length, "%s%.*s", join,
                            (int)id.length_bytes, (const char *)id.bytes);
        length += more > 0 ? (size_t)more : 0;
    }
    mark(net, "partition", SIM_SITE_NONE, rp_view_text(text));
}

void sim_net_partition(struct sim_net *net, const sim_site *sources, size_t source_count,
                       const sim_site *targets, size_t target_count, bool is_oneway,
                       rp_time_ns duration_ns)
{
    struct net_partition *partition = partition_new(net, duration_ns);
    mark_partition(net, sources, source_count, targets, target_count, is_oneway);
    partition->links =
        net_allocate(net, (source_count * target_count * 2 + 1) * sizeof(struct net_link *));
    for (size_t source = 0; source < source_count; source += 1) {
        for (size_t target = 0; target < target_count; target += 1) {
            if (sources[source] == targets[target]) {
                continue;
            }
            partition_cut(partition, sources[source], targets[target]);
            if (!is_oneway) {
                partition_cut(partition, targets[target], sources[source]);
            }
        }
    }
}

void sim_net_isolate(struct sim_net *net, sim_site site, rp_time_ns duration_ns)
{
    struct net_partition *partition = partition_new(net, duration_ns);
    partition->isolated = site;
    net->sites[site].isolated_count += 1;
    mark(net, "isolate", site, rp_view_text(""));
}

void sim_net_set_inbound(struct sim_net *net, sim_site site, enum sim_net_inbound inbound)
{
    net->sites[site].inbound = inbound;
    mark(net, inbound == SIM_NET_ANSWERS ? "inbound-right" : "inbound", site, rp_view_text(""));
    net_kick(net);
}

void sim_net_reuse_handles(struct sim_net *net, bool is_reused)
{
    net->is_handle_reused = is_reused;
}

void sim_net_heal(struct sim_net *net)
{
    mark(net, "heal", SIM_SITE_NONE, rp_view_text(""));
    net_partitions_free(net);
    for (size_t bucket = 0; bucket < net->link_buckets; bucket += 1) {
        for (struct net_link *link = net->links[bucket]; link != NULL; link = link->chained) {
            memset(&link->faults, 0, sizeof link->faults);
            link->stalled_until_ns = 0;
            memset(&link->segment, 0, sizeof link->segment);
        }
    }
    for (size_t site = 0; site < net->site_count; site += 1) {
        net->sites[site].inbound = SIM_NET_ANSWERS;
    }
    net->is_handle_reused = false;
    if (net->spec.dns != NULL) {
        sim_dns_set_stale(net->spec.dns, 0);
    }
    net_kick(net);
}
