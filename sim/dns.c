#include "sim/dns.h"

#include "protocol/error.h"
#include "protocol/panic.h"
#include "sim/rng.h"

struct entry {
    char *text; /* owned: pod name, service, host, former host */
    size_t name_bytes, service_bytes, host_bytes, former_bytes;
    bool has_host;
    rp_time_ns changed_ns;
};

struct sim_dns {
    const struct rp_alloc *alloc;
    struct sim_rng rng;
    struct entry *entries; /* owned; in order of birth */
    size_t entry_count, entry_max;
    rp_time_ns stale_ns;
    uint64_t stale_count;
};

int sim_dns_new(const struct rp_alloc *alloc, uint64_t seed, struct sim_dns **dns_out)
{
    struct sim_dns *dns = rp_allocate_zeroed(alloc, sizeof *dns);
    if (dns == NULL) {
        return RP_ERR_NOMEM;
    }
    dns->alloc = alloc;
    sim_rng_init(&dns->rng, seed, "dns", rp_view_text(NULL), 0);
    *dns_out = dns;
    return 0;
}

void sim_dns_free(struct sim_dns *dns)
{
    if (dns == NULL) {
        return;
    }
    for (size_t index = 0; index < dns->entry_count; index += 1) {
        rp_release(dns->alloc, dns->entries[index].text);
    }
    rp_release(dns->alloc, dns->entries);
    rp_release(dns->alloc, dns);
}

static struct rp_view name_of(const struct entry *entry)
{
    return rp_view_make(entry->text, entry->name_bytes);
}

static struct rp_view service_of(const struct entry *entry)
{
    return rp_view_make(entry->text + entry->name_bytes, entry->service_bytes);
}

static struct rp_view host_of(const struct entry *entry)
{
    return rp_view_make(entry->text + entry->name_bytes + entry->service_bytes, entry->host_bytes);
}

static struct rp_view former_of(const struct entry *entry)
{
    return rp_view_make(entry->text + entry->name_bytes + entry->service_bytes + entry->host_bytes,
                        entry->former_bytes);
}

static struct entry *find(struct sim_dns *dns, struct rp_view name)
{
    for (size_t index = 0; index < dns->entry_count; index += 1) {
        if (rp_view_equal(name_of(&dns->entries[index]), name)) {
            return &dns->entries[index];
        }
    }
    return NULL;
}

static char *copy(char *at, struct rp_view text)
{
    if (text.length_bytes > 0) {
        memcpy(at, text.bytes, text.length_bytes);
    }
    return at + text.length_bytes;
}

static int entry_set(struct sim_dns *dns, struct entry *entry, struct rp_view name,
                     struct rp_view service, struct rp_view host, struct rp_view former)
{
    char *text = rp_allocate(dns->alloc, name.length_bytes + service.length_bytes +
                                             host.length_bytes + former.length_bytes + 1);
    if (text == NULL) {
        return RP_ERR_NOMEM;
    }
    copy(copy(copy(copy(text, name), service), host), former);
    rp_release(dns->alloc, entry->text);
    entry->text = text;
    entry->name_bytes = name.length_bytes;
    entry->service_bytes = service.length_bytes;
    entry->host_bytes = host.length_bytes;
    entry->former_bytes = former.length_bytes;
    return 0;
}

static struct entry *entry_new(struct sim_dns *dns)
{
    if (dns->entry_count == dns->entry_max) {
        size_t entry_max = dns->entry_max == 0 ? 16 : dns->entry_max * 2;
        struct entry *entries = rp_resize(dns->alloc, dns->entries, entry_max * sizeof *entries);
        if (entries == NULL) {
            return NULL;
        }
        dns->entries = entries;
        dns->entry_max = entry_max;
    }
    struct entry *entry = &dns->entries[dns->entry_count];
    memset(entry, 0, sizeof *entry);
    return entry;
}

int sim_dns_set(struct sim_dns *dns, rp_time_ns now_ns, struct rp_view service,
                struct rp_view pod_name, struct rp_view host)
{
    struct entry *entry = find(dns, pod_name);
    bool is_new = entry == NULL;
    if (is_new) {
        entry = entry_new(dns);
        if (entry == NULL) {
            return RP_ERR_NOMEM;
        }
    }
    struct rp_view former = rp_view_text(NULL);
    if (!is_new) {
        former = rp_view_equal(host_of(entry), host) ? former_of(entry) : host_of(entry);
    }
    int error = entry_set(dns, entry, pod_name, service, host, former);
    if (error == 0) {
        dns->entry_count += is_new;
        entry->has_host = true;
        entry->changed_ns = now_ns;
    }
    return error;
}

void sim_dns_remove(struct sim_dns *dns, rp_time_ns now_ns, struct rp_view pod_name)
{
    struct entry *entry = find(dns, pod_name);
    if (entry != NULL && entry->has_host) {
        entry->has_host = false;
        entry->changed_ns = now_ns;
    }
}

void sim_dns_set_stale(struct sim_dns *dns, rp_time_ns stale_ns)
{
    dns->stale_ns = stale_ns;
}

uint64_t sim_dns_stale_count(const struct sim_dns *dns)
{
    return dns->stale_count;
}

/* The host that a lookup now sees; empty: none. */
static struct rp_view seen_host(struct sim_dns *dns, rp_time_ns now_ns, const struct entry *entry)
{
    bool is_stale = dns->stale_ns != 0 && now_ns - entry->changed_ns < dns->stale_ns;
    dns->stale_count += is_stale;
    if (is_stale && entry->has_host && entry->former_bytes > 0) {
        return former_of(entry);
    }
    return entry->has_host || is_stale ? host_of(entry) : rp_view_text(NULL);
}

static bool is_digits(struct rp_view host)
{
    for (size_t index = 0; index < host.length_bytes; index += 1) {
        uint8_t byte = host.bytes[index];
        if (byte != '.' && (byte < '0' || byte > '9')) {
            return false;
        }
    }
    return host.length_bytes > 0;
}

static struct rp_view pick_member(struct sim_dns *dns, rp_time_ns now_ns, struct rp_view caller,
                                  struct rp_view service)
{
    size_t count = 0;
    for (int round = 0; round < 2; round += 1) {
        uint64_t chosen = round == 0 || count == 0 ? 0 : sim_rng_below(&dns->rng, count);
        for (size_t index = 0; index < dns->entry_count; index += 1) {
            const struct entry *entry = &dns->entries[index];
            struct rp_view host = seen_host(dns, now_ns, entry);
            if (host.length_bytes == 0 || !rp_view_equal(service_of(entry), service) ||
                rp_view_equal(name_of(entry), caller)) {
                continue;
            }
            if (round == 1 && chosen == 0) {
                return host;
            }
            count += round == 0;
            chosen -= round == 1;
        }
    }
    return rp_view_text(NULL);
}

int sim_dns_resolve(struct sim_dns *dns, rp_time_ns now_ns, struct rp_view caller,
                    struct rp_view address, char text_out[SIM_ADDRESS_BYTES_MAX],
                    size_t *length_out)
{
    size_t colon = address.length_bytes;
    while (colon > 0 && address.bytes[colon - 1] != ':') {
        colon -= 1;
    }
    if (colon < 2) {
        return RP_ERR_INVALID;
    }
    struct rp_view name = rp_view_make(address.bytes, colon - 1);
    struct rp_view port = rp_view_make(address.bytes + colon - 1, address.length_bytes - colon + 1);
    struct rp_view host = name;
    if (!is_digits(name)) {
        const struct entry *entry = find(dns, name);
        host =
            entry == NULL ? pick_member(dns, now_ns, caller, name) : seen_host(dns, now_ns, entry);
    }
    if (host.length_bytes == 0) {
        return RP_ERR_NOT_FOUND;
    }
    if (host.length_bytes + port.length_bytes > SIM_ADDRESS_BYTES_MAX) {
        return RP_ERR_INVALID;
    }
    copy(copy(text_out, host), port);
    *length_out = host.length_bytes + port.length_bytes;
    return 0;
}
