/* The memory of a simulation: libc's, behind the port. */
#ifndef REPLISIM_SIM_ALLOC_H
#define REPLISIM_SIM_ALLOC_H

#include "protocol/types.h"

/* Constant; any number of worlds share it. */
const struct rp_alloc *sim_libc_alloc(void);

#endif
