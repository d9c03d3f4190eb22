/* The ports of one life, watched from outside: what the node asks of the network, of consensus and of
 * memory passes through here on its way, unchanged, and the checkers hear of it.
 *
 *   node <--- port watch ---> whatever decorates or implements the ports
 *
 * It lies next to the node, so it sees what the node itself does, not what faults make of it. */
#ifndef REPLISIM_SIM_PORT_WATCH_H
#define REPLISIM_SIM_PORT_WATCH_H

#include "protocol/ports.h"

struct sim_alloc_watch;
struct sim_checks;
struct sim_pod;
struct sim_port_watch;

/* Puts itself between the node and `ports`: net and consensus become its own, and alloc that of
 * `memory`, which is listened to while bytes from outside are being taken in. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_port_watch_new(struct sim_checks *checks, struct sim_pod *pod,
                                   struct sim_alloc_watch *memory, struct rp_ports *ports,
                                   struct sim_port_watch **watch_out);
/* The node's own network events; what is returned is for whoever calls them. Once, before the first
 * call. Borrowed. */
const struct rp_net_events *sim_port_watch_events(struct sim_port_watch *watch,
                                                  const struct rp_net_events *node_events);
/* Likewise what consensus tells the node. */
const struct rp_consensus_events *
sim_port_watch_consensus(struct sim_port_watch *watch,
                         const struct rp_consensus_events *node_events);
/* After the node. NULL is fine. */
void sim_port_watch_free(struct sim_port_watch *watch);

#endif
