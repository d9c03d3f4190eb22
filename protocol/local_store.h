/* The reference's local storage above the store port (behaviour.md 8, trait `store_names`): each path
 * is mapped to the name that it has on the disk, and what would be refused there is refused here, so
 * that `a..b` and `a_b` are one file. Lists leave out names that begin with a dot. Where names are
 * exact the port is handed through as it is. */
#ifndef REPLISIM_PROTOCOL_LOCAL_STORE_H
#define REPLISIM_PROTOCOL_LOCAL_STORE_H

#include "protocol/buffer.h"
#include "protocol/ports.h"
#include "protocol/release.h"

/* Length of the root's full name, which counts toward the file system's limit: that of a usual
 * installation. */
#define RP_LOCAL_ROOT_BYTES 18

struct rp_local_list;

/* In memory that does not move: the port points here. */
struct rp_local_store {
    const struct rp_alloc *alloc; /* borrowed */
    const struct rp_traits *traits;
    struct rp_store_port inner;
    struct rp_buffer first, second; /* names of the call being made */
    struct rp_local_list *lists;    /* owned; in flight */
};

/* `port` becomes the adapter's, or stays as it is. */
void rp_local_store_init(struct rp_local_store *local, const struct rp_traits *traits,
                         const struct rp_alloc *alloc, struct rp_store_port *port);
/* Requests in flight are not touched any more. */
void rp_local_store_clear(struct rp_local_store *local);

#endif
