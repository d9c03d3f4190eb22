/* Names of pods and of the service, resolved at each dial as a cluster's DNS does.
 *
 * "reader-1:9100" is that pod's host; "prod:9100" is the service: any member but the caller, drawn
 * from a stream of its own. An address in digits stands for itself. Ports pass through untouched.
 * Not modelled: caches in clients, time of a lookup, failures of the DNS itself. */
#ifndef REPLISIM_SIM_DNS_H
#define REPLISIM_SIM_DNS_H

#include "protocol/types.h"

#define SIM_ADDRESS_BYTES_MAX 128

struct sim_dns;

/* Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_dns_new(const struct rp_alloc *alloc, uint64_t seed, struct sim_dns **dns_out);
void sim_dns_free(struct sim_dns *dns);

/* The pod's name now leads to `host` (no port); it is a member of `service` while it has a host.
 * Texts are copied. A former host stays known for the stale time. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_dns_set(struct sim_dns *dns, rp_time_ns now_ns, struct rp_view service,
                            struct rp_view pod_name, struct rp_view host);
/* The pod is gone, or down for good: no member any more. */
void sim_dns_remove(struct sim_dns *dns, rp_time_ns now_ns, struct rp_view pod_name);
/* How long the old address of a replaced pod is still given out; 0 (the default): not at all. */
void sim_dns_set_stale(struct sim_dns *dns, rp_time_ns stale_ns);

/* How often an address was given out that was true no longer. */
uint64_t sim_dns_stale_count(const struct sim_dns *dns);

/* "name:port" to "host:port" in text_out, not terminated. `caller` is a pod name that the service
 * never resolves to. Errors: RP_ERR_NOT_FOUND, RP_ERR_INVALID (no port, too long). */
RP_MUST_USE int sim_dns_resolve(struct sim_dns *dns, rp_time_ns now_ns, struct rp_view caller,
                                struct rp_view address, char text_out[SIM_ADDRESS_BYTES_MAX],
                                size_t *length_out);

#endif
