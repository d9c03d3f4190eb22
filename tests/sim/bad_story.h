/* Stories in which a checker must speak, by topic; test_property.c runs them all. */
#ifndef REPLISIM_TESTS_SIM_BAD_STORY_H
#define REPLISIM_TESTS_SIM_BAD_STORY_H

#include "sim/property.h"
#include "tests/sim/fake_story.h"

struct bad_story {
    const char *name;
    enum sim_property property;
    void (*run)(struct sim_world *world);
};

/* One that breaks two properties at once. */
struct bad_double {
    const char *name;
    enum sim_property property, other;
    void (*run)(struct sim_world *world);
};

/* bad_log.c: votes, logs, walks over them, connections. */
extern const struct bad_story bad_of_logs[];
extern const size_t bad_of_logs_count;
/* bad_message.c: messages, hostile members, memory, steps. */
extern const struct bad_story bad_of_messages[];
extern const size_t bad_of_messages_count;
extern const struct bad_double bad_by_hostile[];
extern const size_t bad_by_hostile_count;
/* bad_work.c: deletions, cancellations, limits of waits. */
extern const struct bad_story bad_of_work[];
extern const size_t bad_of_work_count;
/* bad_transfer.c: single fetches, the queue, requests. */
extern const struct bad_story bad_of_transfers[];
extern const size_t bad_of_transfers_count;
/* bad_state.c: the manifest, the walk, crashes. */
extern const struct bad_story bad_of_state[];
extern const size_t bad_of_state_count;

/* bad_consensus.c: messages that the library is given. */
extern const struct bad_story bad_of_consensus[];
extern const size_t bad_of_consensus_count;

/* bad_reconcile.c: anti-entropy. */
extern const struct bad_story bad_of_reconcile[];
extern const size_t bad_of_reconcile_count;

#endif
