/* Is somebody elected to compact, and is it one? The warning of the reference's health check, at most
 * once in an interval for each kind, so that a flapping misconfiguration shows both. And the patience
 * of the leader before it gives a role to another (behaviour.md 13.3, failover managers).
 *
 * Plain bookkeeping; the node counts and acts (node_roles.c). */
#ifndef REPLISIM_PROTOCOL_ROLE_WATCH_H
#define REPLISIM_PROTOCOL_ROLE_WATCH_H

#include "protocol/types.h"

enum rp_role_warning { RP_ROLE_NO_COMPACTOR, RP_ROLE_MANY_COMPACTORS, RP_ROLE_WARNING_COUNT };

struct rp_role_watch {
    rp_time_ns interval_ns; /* 0: never warns */
    rp_time_ns warned_ns[RP_ROLE_WARNING_COUNT];
    bool has_warned[RP_ROLE_WARNING_COUNT];
    uint64_t warning_count[RP_ROLE_WARNING_COUNT]; /* of those that were told */
};

void rp_role_watch_init(struct rp_role_watch *watch, rp_time_ns interval_ns);
/* With so many elected: is there a warning to be told now, and which? */
bool rp_role_watch_check(struct rp_role_watch *watch, rp_time_ns now_ns, size_t elected_count,
                         enum rp_role_warning *warning_out);
/* All is well again, or the node is another: the next warning is told at once. */
void rp_role_watch_reset(struct rp_role_watch *watch);
/* Constant. */
const char *rp_role_warning_text(enum rp_role_warning warning);

/* How often in a row the holder of a role was found absent; 0 when it was there. */
struct rp_role_vacancy {
    uint32_t absent_count;
};
/* May it be given to another now? At once when nobody ever had it, else at the second look. */
bool rp_role_vacancy_look(struct rp_role_vacancy *vacancy, bool has_holder, bool is_holder_up);

#endif
