/* Consensus at a moment of the story's choosing: a snapshot, a cut log, another leader. Each call asks,
 * and the question beside it says whether that has happened; both kinds of consensus understand all.
 *
 * A snapshot is taken, and a log cut, when the next command is applied; so an empty one (the deletion
 * of a path that nobody can register) is proposed with it. In ideal consensus a cut means that who
 * has not applied what is gone begins with the snapshot instead. */
#ifndef REPLISIM_SIM_CHOSEN_H
#define REPLISIM_SIM_CHOSEN_H

#include "sim/pod.h"

bool sim_chosen_is_running(const struct sim_pod *pod); /* what is asked of it can come true */
bool sim_chosen_is_booting(const struct sim_pod *pod); /* it will be, soon */

/* Errors: RP_ERR_STOPPED (it has no process), RP_ERR_NO_LEADER. `mark_out` is for the question. */
RP_MUST_USE int sim_chosen_snapshot(struct sim_pod *pod, uint64_t *mark_out);
bool sim_chosen_has_snapshot(struct sim_pod *pod, uint64_t mark);

/* Every node that is up and hears of the leader drops what it has applied. Errors: RP_ERR_NO_LEADER. */
RP_MUST_USE int sim_chosen_truncate(struct sim_world *world, uint64_t *mark_out);
bool sim_chosen_is_truncated(struct sim_world *world, uint64_t mark);

/* Asked anew, at most once a second, until it leads. Errors: RP_ERR_STOPPED, RP_ERR_NO_LEADER (or it
 * may get a vote yet), RP_ERR_INVALID (it does not vote). */
RP_MUST_USE int sim_chosen_transfer(struct sim_pod *pod);
/* The leader gives way to whoever wins. Errors: RP_ERR_NO_LEADER, RP_ERR_UNREACHABLE (there is no
 * other voter). */
RP_MUST_USE int sim_chosen_election(struct sim_world *world, uint64_t *term_out);
/* Somebody leads in a later term. */
bool sim_chosen_is_elected(struct sim_world *world, uint64_t term);

#endif
