/* Can this world come right again by itself, once its faults are over? Told from truth - disks, logs,
 * who runs - and never from what nodes believe. Liveness is demanded of what is recoverable only
 * (invariants.md, L); safety always. The nemesis asks the same before it takes something away.
 *
 * Pods that are down and not about to boot count as staying so: a story's end restarts nobody. Pods
 * that are booting, frozen or stopping by an order to restart count as up. */
#ifndef REPLISIM_SIM_RECOVER_H
#define REPLISIM_SIM_RECOVER_H

#include "sim/truth.h"

/* ---- The log --------------------------------------------------------------------------------- */

enum sim_recover_leader {
    SIM_RECOVER_LEADER_POSSIBLE, /* a majority of the voters run, each with its log */
    SIM_RECOVER_LEADER_STOPPED,  /* the logs of a majority exist, but too few of them run */
    SIM_RECOVER_LEADER_LOST /* the logs of a majority exist no more: for ever without a leader */
};

/* The voters of the configuration in the freshest log that any disk has. Ideal consensus has one
 * voter that is up while any member is. All 0: no log has a configuration. */
struct sim_recover_log {
    size_t voter_count;
    size_t up_count;   /* voters that run */
    size_t down_count; /* voters that are down, their logs on their disks */
    size_t lost_count; /* voters whose log exists no more */
};

struct sim_recover_log sim_recover_log(struct sim_world *world);
enum sim_recover_leader sim_recover_leader(struct sim_world *world);
/* Does the pod's volume hold the log of a voter? Of ideal consensus: is it the only member up? */
bool sim_recover_is_voter(struct sim_world *world, const struct sim_pod *pod);

/* ---- Files ----------------------------------------------------------------------------------- */

enum sim_recover_file {
    SIM_RECOVER_FILE_HELD, /* an honest pod that is up shows the version, intact */
    SIM_RECOVER_FILE_DOWN, /* only disks of pods that are down do */
    SIM_RECOVER_FILE_LOST  /* no honest copy exists any more */
};

enum sim_recover_file sim_recover_file(struct sim_world *world, const struct sim_truth_file *file);
/* Likewise, but only pods that `pod` can exchange requests with, and not itself. */
enum sim_recover_file sim_recover_file_for(struct sim_world *world, const struct sim_pod *pod,
                                           const struct sim_truth_file *file);

/* ---- What if --------------------------------------------------------------------------------- */

enum sim_recover_loss {
    SIM_RECOVER_LOSS_PROCESS,  /* they go down and stay so, their disks whole */
    SIM_RECOVER_LOSS_UNSYNCED, /* they come back, without what a power loss takes from their disks */
    SIM_RECOVER_LOSS_VOLUME    /* they go down and stay so, and their disks are gone */
};

/* Would the world still be recoverable if this happened to these pods now? That is: a leader would be
 * possible, and of every registered file that they would take along an honest pod would still show a
 * copy. One that is on its way down counts as no such pod: its disk may go with it. Costs a look at
 * each registered file. */
bool sim_recover_can_spare(struct sim_world *world, struct sim_pod *const *pods, size_t pod_count,
                           enum sim_recover_loss loss);
/* Likewise, of one copy: would another such pod still show the file, one that this pod can ask? */
bool sim_recover_can_spare_copy(struct sim_world *world, const struct sim_pod *pod,
                                const struct sim_truth_file *file);

/* ---- What a run says of it ------------------------------------------------------------------- */

/* Notes in the result (field `unrecoverable`) what cannot come right, each thing once: the log, and
 * files by name up to a bound. From the phases of closing, and when a wait of the story timed out. */
void sim_recover_note(struct sim_world *world);
/* Why no leader is possible. False and "": one is. */
bool sim_recover_leader_text(struct sim_world *world, char *text_out, size_t text_bytes);
struct sim_result;
void sim_recover_notes_free(struct sim_result *result);

#endif
